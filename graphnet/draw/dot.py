"""The op view as DOT. Ids are opaque, and every text is an HTML-like label with escaped text."""

from __future__ import annotations

import shutil
import textwrap
from collections.abc import Iterable, Iterator

from graphnet.common.text import markup
from graphnet.draw import colours
from graphnet.draw.picture import STATE_MARKS, Box, BoxKind, Direction, Frame, Picture
from graphnet.errors import DrawError

# Typefaces of the same widths: whichever of them is found, boxes fit their text in Graphviz and in browsers alike.
FONT = "Helvetica,Arial,Liberation Sans,sans-serif"

_SHAPES: dict[BoxKind, str] = {
    "op": 'shape="box" style="rounded,filled"',
    "input": 'shape="note" style="filled"',
    "parameter": 'shape="component" style="filled"',
    "constant": 'shape="box" style="filled"',
    "literal": 'shape="circle" style="filled,dashed" margin="0.01" width="0.3"',
    "folded": 'shape="box3d" style="filled" margin="0.15,0.08"',
}
_MARK_WIDTH = 34
_RANKS: dict[Direction, str] = {"right": "LR", "down": "TB"}


def to_dot(picture: Picture) -> str:
    """Return the picture as DOT: the same picture gives the same text.

    What boxes hold is text here, without colours and tables; `graphnet.draw.boxes` draws them.
    """
    lines = [
        "digraph graphnet {",
        f'rankdir="{_RANKS[picture.direction]}" bgcolor="{colours.PAPER}" pad="0.2" compound="true" fontname="{FONT}"',
        f'labelloc="t" labeljust="l" label=<{_lines([_font(picture.title, 15, bold=True), _font(picture.notice, 11)])}>',
        f'node [fontname="{FONT}" margin="0.06,0.04" color="{colours.FRAME}"]',
        f'edge [fontname="{FONT}" arrowsize="0.7"]',
        *_boxes(picture),
        *_edges(picture),
        "}",
    ]
    return "\n".join(lines) + "\n"


def _boxes(picture: Picture) -> Iterator[str]:
    """Yield the boxes, each within its frames."""
    for part in picture.nested():
        if part is None:
            yield "}"
        elif isinstance(part, Frame):
            yield f'subgraph "cluster_{part.id}" {{'
            yield f'style="rounded" color="{colours.FRAME}" labeljust="l" label=<{_font(part.title, 11, colours.QUIET)}>'
        else:
            yield _box(part)


def _box(box: Box) -> str:
    fill, line = colours.OUTPUT if box.output else colours.BOX[box.kind]
    look = f'{_SHAPES[box.kind]} fillcolor="{fill}" color="{colours.FAULT_LINE if box.faulty else line}"'
    look += ' peripheries="2"' * box.output + ' penwidth="3"' * box.faulty
    classes = f' class="n{box.nodes[0]}"' if len(box.nodes) == 1 else ' class="folded"' if box.nodes else ""
    return f'{box.id} [id="{box.id}"{classes} {look} label=<{_inside(box)}>]'


def _edges(picture: Picture) -> Iterator[str]:
    """Yield the arrows; one back is written from the forward source, so that it is laid out beside the arrow forward."""
    for place, edge in enumerate(picture.edges):
        colour, width = colours.line(edge.role, edge.strength), colours.width(edge.role, edge.strength)
        look = f'color="{colour}" penwidth="{width:g}" id="e{place}" class="{edge.role.replace(" ", "-")}"'
        look += f" label=<{_font(edge.text, 8.5, colours.ROLE_INK[edge.role])}>" if edge.text else ""
        if edge.role == "value":
            yield f"{edge.source} -> {edge.target} [{look}]"
        else:
            dashed = ' style="dashed"' if edge.strength is None else ""
            yield f'{edge.target} -> {edge.source} [dir="back" {look}{dashed}]'


def _inside(box: Box) -> str:
    """Return the inside of a box: its mark, its name, what it is, and its arrays, line by line."""
    if box.kind == "literal":
        return _font(box.title, 9, colours.QUIET)
    lines = [_font(line, 9, bold=True) for line in textwrap.wrap(box.mark.text, _MARK_WIDTH)] if box.mark else []
    lines.append(_font(box.title, 12, bold=True))
    lines += [_font(line, 9, colours.QUIET) for line in box.words]
    lines += [_font(line, 9, colours.ROLE_INK["error signal"]) for line in box.formulas]
    for field in box.fields:
        ink, mark = colours.ROLE_INK[field.role], f"{STATE_MARKS[field.state]} " if field.state else ""
        lines.append(_font(field.caption if field.lines or field.rows else mark + field.caption, 8.5, ink))
        lines += [_font(" ".join(cell.text for cell in row), 9) for row in field.rows]
        lines += [_font(mark + line, 9, ink, bold=bool(mark)) for line in field.lines]
    return _lines(lines)


def _lines(lines: Iterable[str]) -> str:
    return "<br/>".join(filter(None, lines))


def _font(text: str, size: float, colour: str = colours.INK, *, bold: bool = False) -> str:
    """Return clean text escaped and set in a size and colour; DOT allows no font around nothing."""
    if not text:
        return ""
    inner = f"<b>{dot_markup(text)}</b>" if bold else dot_markup(text)
    return f'<font point-size="{size:g}" color="{colour}">{inner}</font>'


def dot_markup(text: str) -> str:
    r"""Return clean text escaped for the HTML-like labels of DOT.

    They are XML, but in their text Graphviz also replaces ``\N`` by the id of the node, and two backslashes by one.

    Examples
    --------
    >>> print(dot_markup(r"<b> \N"))
    &lt;b&gt; \\N
    """
    return markup(text).replace("\\", "\\\\")


# Graphviz -----------------------------------------------------------------------------------------------------------


def render(dot: str, format: str) -> bytes:
    """Return a picture in DOT whose places are known as SVG, PNG or PDF.

    Raises
    ------
    DrawError
        If neither way works, saying what to install.
    """
    failures = []
    for way, run in (("dot", _with_command), ("pygraphviz", _with_pygraphviz)):
        try:
            return run(dot, format)
        except Exception as error:  # whatever goes wrong in one way, the other may still work
            failures.append(f"{way}: {error}")
    raise DrawError(
        f"nothing on this machine could draw the picture ({'; '.join(failures)})",
        repair='Run: pip install "pygraphviz>=2.0". Until then, all formats but .png and .pdf work without it.',
    )


def _with_command(dot: str, format: str) -> bytes:
    if shutil.which("dot") is None:
        raise FileNotFoundError("not on the PATH")
    import graphviz

    picture: bytes = graphviz.pipe("neato", format, dot.encode(), quiet=True, neato_no_op=2)
    return picture


def _with_pygraphviz(dot: str, format: str) -> bytes:
    import pygraphviz

    picture: bytes = pygraphviz.AGraph(string=dot).draw(format=format, prog="nop2")
    return picture
