"""The one place that runs Graphviz: ``dot`` on the PATH if there is one, else the Graphviz inside pygraphviz."""

from __future__ import annotations

import re
import shutil

from graphnet.errors import DrawError

MOST_PIXELS = 32_000
"""Along one side of a PNG: Cairo, which draws it, has room for 32,767."""


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


def fitting(dot: str, svg: str) -> str:
    """Return a picture in DOT with so many dots per inch that it fits into a bitmap, given the same picture as SVG."""
    sides = re.search(r'<svg[^>]* width="([0-9.]+)[^>]* height="([0-9.]+)', svg)
    largest = max(float(side) for side in sides.groups()) if sides else 0.0
    if largest * 96 / 72 <= MOST_PIXELS:
        return dot
    return dot.replace("{", f'{{\ndpi="{MOST_PIXELS * 72 / largest:.1f}"', 1)


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
