"""The insides of boxes, the title and the legend as HTML-like labels of DOT."""

from __future__ import annotations

import textwrap

from graphnet.draw import colours
from graphnet.draw.picture import MARKS, Box, Direction, Field, LegendEntry, Picture, Role
from graphnet.draw.text import dot_markup

_TABLE = '<table border="0" cellborder="0" cellspacing="0" cellpadding="{padding}"{more}>{rows}</table>'
_FRAMED = 'border="1" cellborder="0" cellspacing="0" cellpadding="0"'
_MARK_WIDTH = 34
_STEPS = (0.0, 0.25, 0.5, 0.75, 1.0)


def font(text: str, size: float, colour: str = colours.INK, *, bold: bool = False) -> str:
    """Return clean text escaped and set in a size and colour; DOT allows no font around nothing."""
    if not text:
        return ""
    inner = f"<b>{dot_markup(text)}</b>" if bold else dot_markup(text)
    return f'<font point-size="{size:g}" color="{colour}">{inner}</font>'


def box_label(box: Box, direction: Direction) -> str:
    """Return the inside of a box: its name, what it is, and its arrays, beside or below each other to save space."""
    if box.kind == "literal":
        return font(box.title, 9, colours.QUIET)
    rows = []
    if box.mark:
        colour = colours.FAULT if box.faulty else colours.CHECKED
        lines = [font(line, 9, bold=box.faulty) for line in textwrap.wrap(box.mark.text, _MARK_WIDTH)]
        rows.append(_row(_table([_row(line) for line in lines], padding=2), f' bgcolor="{colour}"'))
    rows.append(_row(font(box.title, 12, bold=True)))
    words = (*box.lines[:-1], f"{box.lines[-1]}, output") if box.output else box.lines
    rows += [_row(font(line, 9, colours.QUIET)) for line in words]
    rows += [_row(font(line, 9, colours.ROLE_INK["error signal"])) for line in box.formulas]
    fields = [_field(field) for field in box.fields]
    if direction == "down" and len(fields) > 1:
        fields = [_table(["<tr>" + "".join(f'<td valign="top">{field}</td>' for field in fields) + "</tr>"], padding=2)]
    rows += map(_row, fields)
    return _table(rows, padding=1)


def _field(field: Field) -> str:
    ink = colours.ROLE_INK[field.role]
    mark = f"{MARKS[field.state]} " if field.state else ""
    if field.state and not field.lines:
        return _table([_row(font(mark + field.caption, 9, ink, bold=True))], padding=1)
    rows = [_row(font(field.caption, 8.5, ink))]
    if field.rows:
        rows.append(_row(_numbers(field)))
    if field.thumbnail:
        rows.append(_row(_thumbnail(field)))
    rows += [_row(font(mark + line, 9, ink, bold=bool(mark))) for line in field.lines]
    return _table(rows, padding=1)


def _numbers(field: Field) -> str:
    cells = [
        [f'<td bgcolor="{colours.cell(field.role, cell.strength)}">{font(cell.text, 9)}</td>' for cell in row]
        for row in field.rows
    ]
    return _grid(cells, field.role, 'border="0" cellborder="1" cellspacing="0" cellpadding="3"', ' align="center"')


def _thumbnail(field: Field) -> str:
    """Return a heat map. Its tiles are not of fixed size: where it is stretched to its box, their colour fills the room."""
    tiles = [
        [f'<td width="6" height="6" bgcolor="{colours.cell(field.role, strength)}"></td>' for strength in row]
        for row in field.thumbnail
    ]
    return _grid(tiles, field.role, _FRAMED)


def _grid(rows: list[list[str]], role: Role, look: str, more: str = "") -> str:
    lines = "".join(f"<tr>{''.join(row)}</tr>" for row in rows)
    return f'<table {look} color="{colours.cell(role, 1.0)}"{more}>{lines}</table>'


def edge_label(text: str, colour: str, *, on_paper: bool) -> str:
    """Return what stands beside an arrow, on paper of its own if it may come to lie on the frame of a group."""
    paper = f' bgcolor="{colours.PAPER}"' if on_paper else ""
    return _table([_row(font(text, 8.5, colour))], padding=2, more=paper)


def title_label(picture: Picture) -> str:
    """Return the title line, and below it the notice of what was left out."""
    rows = [_row(font(picture.title, 15, bold=True), ' align="left"')]
    if picture.notice:
        rows.append(_row(font(picture.notice, 11, colours.QUIET), ' align="left"'))
    return _table(rows, padding=2)


def legend_label(picture: Picture) -> str:
    """Return the legend: for each role its arrow, its meaning and its scales."""
    rows = [_row(_table([_entry(picture, entry) for entry in picture.legend], padding=2), ' align="left"')]
    for entry in picture.legend:
        if entry.role != "value" and entry.high:
            scale = f"Error signals and gradients share one log scale, from {entry.low} to {entry.high}."
            what = "Colour of a number: its size. Width and colour of an arrow: norm of its message."
            rows += [_row(font(text, 9, colours.QUIET), ' align="left"') for text in (scale, what)]
            break
    return _table(rows, padding=2)


def _entry(picture: Picture, entry: LegendEntry) -> str:
    forward, back = {"right": ("→", "←"), "down": ("↓", "↑")}[picture.direction]
    arrow = (forward if entry.role == "value" else back) if entry.arrow else ""
    ink = colours.ROLE_INK[entry.role]
    cells = [
        font(arrow, 13, ink, bold=True),
        font(entry.text, 10, ink),
        font(entry.low, 9),
        _colour_bar(entry) if entry.high else "",
        font(entry.high, 9),
        _width_bar(entry) if entry.high and entry.arrow and entry.role != "value" else "",
    ]
    sides = ("center", "left", "right", "center", "left", "left")
    aligned = [f'<td align="{side}">{cell}</td>' for side, cell in zip(sides, cells, strict=True)]
    aligned.insert(2, '<td width="14"></td>')  # some browsers set the text a little wider
    return f"<tr>{''.join(aligned)}</tr>"


def _colour_bar(entry: LegendEntry) -> str:
    steps = [_block(14, 10, colours.cell(entry.role, step)) for step in _STEPS]
    return _grid([steps], entry.role, _FRAMED)


def _width_bar(entry: LegendEntry) -> str:
    """Return strokes as wide as the arrows are."""
    blocks = [_block(16, colours.width(entry.role, step), colours.line(entry.role, step)) for step in _STEPS]
    strokes = "".join(f"<td>{_table([f'<tr>{block}</tr>'], padding=0)}</td>" for block in blocks)
    return f'<table border="0" cellborder="0" cellspacing="2" cellpadding="0"><tr>{strokes}</tr></table>'


def _block(width: float, height: float, colour: str) -> str:
    return f'<td fixedsize="true" width="{width:.0f}" height="{height:.0f}" bgcolor="{colour}"></td>'


def _row(inner: str, more: str = "") -> str:
    return f"<tr><td{more}>{inner}</td></tr>"


def _table(rows: list[str], padding: int, more: str = "") -> str:
    return _TABLE.format(padding=padding, more=more, rows="".join(rows))
