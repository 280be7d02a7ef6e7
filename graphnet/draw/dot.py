"""The op view as DOT. Ids are opaque, and every text is an HTML-like label with escaped text."""

from __future__ import annotations

import re
import shutil
import textwrap
from collections.abc import Iterable, Iterator

from graphnet.common.text import markup
from graphnet.draw import colours
from graphnet.draw.picture import STATE_MARKS, Box, BoxKind, Direction, Field, Frame, LegendEntry, Picture, Role
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
_PULL: dict[BoxKind, int] = {"op": 8, "folded": 8, "input": 4}

# Of a picture with more arrows than that, the layout is not polished on: that would take minutes.
_MOST_EDGES_WITH_CARE, _IN_HASTE = 600, 'nslimit="1" nslimit1="1" mclimit="0.3"'

_FRAMED = 'border="1" cellborder="0" cellspacing="0" cellpadding="0"'
_MARK_WIDTH = 34
_STEPS = (0.0, 0.25, 0.5, 0.75, 1.0)


def to_dot(picture: Picture) -> str:
    """Return the picture as DOT: the same picture gives the same text."""
    lines = [
        "digraph graphnet {",
        f'rankdir="{picture.rankdir}" bgcolor="{colours.PAPER}" pad="0.2"',
        f'nodesep="0.36" ranksep="0.55" compound="true" fontname="{FONT}"',
        *([_IN_HASTE] if len(picture.edges) > _MOST_EDGES_WITH_CARE else []),
        f'labelloc="t" labeljust="l" label=<{_title(picture)}>',
        f'node [fontname="{FONT}" margin="0.06,0.04" color="{colours.FRAME}"]',
        f'edge [fontname="{FONT}" arrowsize="0.7"]',
        'subgraph "cluster_picture" {',
        'peripheries="0" margin="12" labelloc="b" labeljust="l"',
        f"label=<{_legend(picture)}>" if picture.legend else 'label=""',
        *_boxes(picture),
        "}",
        *_edges(picture),
        "}",
    ]
    return "\n".join(lines) + "\n"


def _main_line(picture: Picture) -> set[str]:
    """Return the boxes on the longest way to the first output: Graphviz keeps boxes of one ``group`` in a straight line.

    Without that, an arrow into a frame bends around the leaves inside it, and grazes their corners.
    """
    sources: dict[str, list[str]] = {}
    for edge in picture.edges:
        if edge.role == "value":
            sources.setdefault(edge.target, []).append(edge.source)
    kind = {box.id: box.kind for box in picture.boxes}
    length: dict[str, int] = {}
    for box in picture.boxes:  # in topological order but for folded ones, whose arrows may run both ways
        length[box.id] = max((length.get(source, 0) + 1 for source in sources.get(box.id, [])), default=0)
    line: set[str] = set()
    here = next((box.id for box in picture.boxes if box.output), "")
    while here and here not in line:
        line.add(here)
        ahead = [id for id in sources.get(here, []) if kind[id] in _PULL]
        here = max(ahead, key=lambda id: (kind[id] != "input", length[id]), default="")
    return line


def _boxes(picture: Picture) -> Iterator[str]:
    """Yield the boxes, each within its frames."""
    line = _main_line(picture)
    for part in picture.nested():
        if part is None:
            yield "}"
        elif isinstance(part, Frame):
            yield f'subgraph "cluster_{part.id}" {{'
            yield f'peripheries="1" style="rounded,filled" color="{colours.FRAME}" fillcolor="#fafbfc"'
            yield f'margin="10" labelloc="t" labeljust="l" label=<{_font(part.title, 11, colours.QUIET)}>'
        else:
            yield _box(part, picture.direction, on_line=part.id in line)


def _box(box: Box, direction: Direction, *, on_line: bool) -> str:
    fill, line = colours.OUTPUT if box.output else colours.BOX[box.kind]
    look = f'{_SHAPES[box.kind]} fillcolor="{fill}" color="{colours.FAULT_LINE if box.faulty else line}"'
    look += ' group="main"' * on_line + ' peripheries="2"' * box.output + ' penwidth="3"' * box.faulty
    classes = f' class="n{box.nodes[0]}"' if len(box.nodes) == 1 else ' class="folded"' if box.nodes else ""
    return f'{box.id} [id="{box.id}"{classes} {look} label=<{_inside(box, direction)}>]'


def _edges(picture: Picture) -> Iterator[str]:
    """Yield the arrows.

    Those along the main line pull harder, which keeps it straight. Those between frames leave room for the leaves of the
    frame they enter, so that frames can stand in line. Those back are written from the forward source to its consumer, so
    that they are laid out beside the arrow forward. What stands beside an arrow has paper of its own if it may come to lie
    on a frame.
    """
    boxes = {box.id: box for box in picture.boxes}
    paper = f' bgcolor="{colours.PAPER}"' if picture.groups else ""
    for place, edge in enumerate(picture.edges):
        ends = boxes[edge.source], boxes[edge.target]
        pull = min(_PULL.get(end.kind, 1) for end in ends)
        length = 2 if ends[0].group != ends[1].group else 1
        look = (
            f'color="{colours.line(edge.role, edge.strength)}" penwidth="{colours.width(edge.role, edge.strength):g}"'
        )
        look += f' id="e{place}" class="{edge.role.replace(" ", "-")}" weight="{pull}" minlen="{length}"'
        if edge.text:
            look += f" label=<{_table([_row(_font(edge.text, 8.5, colours.ROLE_INK[edge.role]))], 2, paper)}>"
        if edge.role == "value":
            yield f"{edge.source} -> {edge.target} [{look}]"
        else:
            dashed = ' style="dashed"' if edge.strength is None else ""
            yield f'{edge.target} -> {edge.source} [dir="back" {look}{dashed}]'


# Labels -------------------------------------------------------------------------------------------------------------


def _inside(box: Box, direction: Direction) -> str:
    """Return the inside of a box: its name, what it is, and its arrays, beside or below each other to save space."""
    if box.kind == "literal":
        return _font(box.title, 9, colours.QUIET)
    rows = []
    if box.mark:
        colour = colours.FAULT if box.faulty else colours.CHECKED
        lines = [_font(line, 9, bold=box.faulty) for line in textwrap.wrap(box.mark.text, _MARK_WIDTH)]
        rows.append(_row(_table(map(_row, lines), padding=2), f' bgcolor="{colour}"'))
    rows.append(_row(_font(box.title, 12, bold=True)))
    words = (*box.lines[:-1], f"{box.lines[-1]}, output") if box.output else box.lines
    rows += [_row(_font(line, 9, colours.QUIET)) for line in words]
    rows += [_row(_font(line, 9, colours.ROLE_INK["error signal"])) for line in box.formulas]
    fields = [_field(field) for field in box.fields]
    if direction == "down" and len(fields) > 1:
        fields = [_table(["<tr>" + "".join(f'<td valign="top">{field}</td>' for field in fields) + "</tr>"], padding=2)]
    return _table([*rows, *map(_row, fields)], padding=1)


def _field(field: Field) -> str:
    ink = colours.ROLE_INK[field.role]
    mark = f"{STATE_MARKS[field.state]} " if field.state else ""
    if field.state and not field.lines:
        return _table([_row(_font(mark + field.caption, 9, ink, bold=True))], padding=1)
    rows = [_font(field.caption, 8.5, ink)]
    if field.rows:
        numbers = [[_cell(field.role, cell.strength, _font(cell.text, 9)) for cell in row] for row in field.rows]
        look = 'border="0" cellborder="1" cellspacing="0" cellpadding="3"'
        rows.append(_grid(numbers, field.role, look, ' align="center"'))
    if field.thumbnail:
        # Its tiles are not of fixed size: where it is stretched to its box, their colour fills the room.
        size = 'width="6" height="6" '
        tiles = [[_cell(field.role, strength, "", size) for strength in row] for row in field.thumbnail]
        rows.append(_grid(tiles, field.role, _FRAMED))
    rows += [_font(mark + line, 9, ink, bold=bool(mark)) for line in field.lines]
    return _table(map(_row, rows), padding=1)


def _title(picture: Picture) -> str:
    """Return the title line, and below it the notice of what was left out."""
    lines = [_font(picture.title, 15, bold=True), _font(picture.notice, 11, colours.QUIET)]
    return _table([_row(line, ' align="left"') for line in lines if line], padding=2)


def _legend(picture: Picture) -> str:
    """Return the legend: for each role its arrow, its meaning and its scales."""
    lines = [_table([_entry(picture, entry) for entry in picture.legend], padding=2)]
    for entry in [entry for entry in picture.legend if entry.role != "value" and entry.high][:1]:
        scale = f"Error signals and gradients share one log scale, from {entry.low} to {entry.high}."
        what = "Colour of a number: its size. Width and colour of an arrow: norm of its message."
        lines += [_font(text, 9, colours.QUIET) for text in (scale, what)]
    return _table([_row(line, ' align="left"') for line in lines], padding=2)


def _entry(picture: Picture, entry: LegendEntry) -> str:
    forward, back = {"right": ("→", "←"), "down": ("↓", "↑")}[picture.direction]
    arrow = (forward if entry.role == "value" else back) if entry.arrow else ""
    ink = colours.ROLE_INK[entry.role]
    shades = [_block(14, 10, colours.cell(entry.role, step)) for step in _STEPS]
    cells = [
        ("center", _font(arrow, 13, ink, bold=True)),
        ("left", _font(entry.text, 10, ink)),
        ("right", _font(entry.low, 9)),
        ("center", _grid([shades], entry.role, _FRAMED) if entry.high else ""),
        ("left", _font(entry.high, 9)),
        ("left", _width_bar(entry.role) if entry.high and entry.arrow and entry.role != "value" else ""),
    ]
    aligned = [f'<td align="{side}">{cell}</td>' for side, cell in cells]
    aligned.insert(2, '<td width="14"></td>')  # some browsers set the text a little wider
    return f"<tr>{''.join(aligned)}</tr>"


def _width_bar(role: Role) -> str:
    """Return strokes as wide as the arrows are."""
    blocks = [_block(16, colours.width(role, step), colours.line(role, step)) for step in _STEPS]
    strokes = "".join(f"<td>{_table([f'<tr>{block}</tr>'], padding=0)}</td>" for block in blocks)
    return f'<table border="0" cellborder="0" cellspacing="2" cellpadding="0"><tr>{strokes}</tr></table>'


def _block(width: float, height: float, colour: str) -> str:
    return f'<td fixedsize="true" width="{width:.0f}" height="{height:.0f}" bgcolor="{colour}"></td>'


def _cell(role: Role, strength: float | None, inner: str, size: str = "") -> str:
    return f'<td {size}bgcolor="{colours.cell(role, strength)}">{inner}</td>'


def _grid(rows: list[list[str]], role: Role, look: str, more: str = "") -> str:
    lines = "".join(f"<tr>{''.join(row)}</tr>" for row in rows)
    return f'<table {look} color="{colours.cell(role, 1.0)}"{more}>{lines}</table>'


def _font(text: str, size: float, colour: str = colours.INK, *, bold: bool = False) -> str:
    """Return clean text escaped and set in a size and colour; DOT allows no font around nothing."""
    if not text:
        return ""
    inner = f"<b>{dot_markup(text)}</b>" if bold else dot_markup(text)
    return f'<font point-size="{size:g}" color="{colour}">{inner}</font>'


def _row(inner: str, more: str = "") -> str:
    return f"<tr><td{more}>{inner}</td></tr>"


def _table(rows: Iterable[str], padding: int, more: str = "") -> str:
    return f'<table border="0" cellborder="0" cellspacing="0" cellpadding="{padding}"{more}>{"".join(rows)}</table>'


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


def fitting(dot: str) -> str:
    """Return a picture in DOT at a resolution at which it fits into a bitmap: Graphviz's own way of it warns."""
    side = f"{_MOST_PIXELS / 96:.1f}"  # inches, of 96 pixels each
    return dot.replace("{", f'{{\nsize="{side},{side}"', 1)


def op_view_svg(dot: str, picture: Picture, description: str) -> str:
    """Return the SVG of the op view, fit for pages and for screen readers: with a title and a description of its own.

    Graphviz's titles are the ids of boxes, which a browser would show when the mouse rests on a box. They go, and so do its
    comments. All text between tags is escaped, so that a pattern finds tags only.
    """
    svg = re.sub(r"<!--.*?-->\n?", "", render(dot, "svg").decode(), flags=re.DOTALL)
    svg = re.sub(r"<title>[^<]*</title>\n?", "", svg)
    words = f"<title>{markup(picture.title)}</title>\n<desc>{markup(description)}</desc>\n"
    return re.sub(r"<svg ([^>]*)>\n?", lambda tag: f'<svg role="img" {tag[1]}>\n{words}', svg, count=1)
