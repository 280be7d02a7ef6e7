"""The one place that runs Graphviz: ``dot`` on the PATH if there is one, else the Graphviz inside pygraphviz."""

from __future__ import annotations

import re
import shutil

from graphnet.draw.picture import Picture
from graphnet.draw.text import markup
from graphnet.errors import DrawError

_MOST_PIXELS = 32_000  # along one side of a PNG: Cairo, which draws it, has room for 32,767


def render(dot: str, format: str, engine: str = "dot") -> bytes:
    """Return a picture in DOT as SVG, PNG or PDF, laid out by an engine of Graphviz.

    Raises
    ------
    DrawError
        If neither way works, saying what to install.
    """
    failures = []
    for way, run in (("dot", _with_command), ("pygraphviz", _with_pygraphviz)):
        try:
            return run(dot, format, engine)
        except Exception as error:  # whatever goes wrong in one way, the other may still work
            failures.append(f"{way}: {error}")
    raise DrawError(
        f"nothing on this machine could draw the picture ({'; '.join(failures)})",
        repair='Run: pip install "pygraphviz>=2.0". Until then, .save("picture.txt"), .mmd and .dot work without it.',
    )


def _with_command(dot: str, format: str, engine: str) -> bytes:
    if shutil.which("dot") is None:
        raise FileNotFoundError("not on the PATH")
    import graphviz

    no_op = 2 if engine == "nop2" else None
    picture: bytes = graphviz.pipe("neato" if no_op else "dot", format, dot.encode(), quiet=True, neato_no_op=no_op)
    return picture


def _with_pygraphviz(dot: str, format: str, engine: str) -> bytes:
    import pygraphviz

    picture: bytes = pygraphviz.AGraph(string=dot).draw(format=format, prog=engine)
    return picture


def fitting(dot: str, svg: str) -> str:
    """Return a picture in DOT at a resolution at which it fits into a bitmap, given the same picture as SVG."""
    sides = re.search(r'<svg[^>]* width="([0-9.]+)[^>]* height="([0-9.]+)', svg)
    largest = max(float(side) for side in sides.groups()) if sides else 0.0
    if largest * 96 / 72 <= _MOST_PIXELS:
        return dot
    return dot.replace("{", f'{{\ndpi="{_MOST_PIXELS * 72 / largest:.1f}"', 1)


def op_view_svg(dot: str, picture: Picture, description: str) -> str:
    """Return the SVG of the op view, fit for pages and for screen readers: with a title and a description of its own.

    Graphviz's titles are the ids of boxes, which a browser would show when the mouse rests on a box. They go, and so do its
    comments. All text between tags is escaped, so that a pattern finds tags only.
    """
    svg = re.sub(r"<!--.*?-->\n?", "", render(dot, "svg").decode(), flags=re.DOTALL)
    svg = re.sub(r"<title>[^<]*</title>\n?", "", svg)
    words = f"<title>{markup(picture.title)}</title>\n<desc>{markup(description)}</desc>\n"
    return re.sub(r"<svg ([^>]*)>\n?", lambda tag: f'<svg role="img" {tag[1]}>\n{words}', svg, count=1)
