"""The insides of boxes, the title and the legend as HTML-like labels of DOT."""

from __future__ import annotations

from graphnet.draw import colours
from graphnet.draw.picture import Box, Field, LegendEntry, Picture
from graphnet.draw.text import markup

_TABLE = '<table border="0" cellborder="0" cellspacing="0" cellpadding="{padding}"{more}>{rows}</table>'
_STEPS = (0.0, 0.25, 0.5, 0.75, 1.0)


def font(text: str, size: float, colour: str = colours.INK, *, bold: bool = False) -> str:
    """Return clean text escaped and set in a size and colour."""
    inner = f"<b>{markup(text)}</b>" if bold else markup(text)
    return f'<font point-size="{size:g}" color="{colour}">{inner}</font>'


def box_label(box: Box) -> str:
    """Return the inside of a box: its name, what it is, and its arrays, one below the other."""
    if box.kind == "literal":
        return font(box.title, 9, colours.QUIET)
    rows = []
    if box.mark:
        colour = colours.FAULT if box.mark.kind == "fault" else colours.CHECKED
        rows.append(_row(font(box.mark.text, 9, bold=box.mark.kind == "fault"), f' bgcolor="{colour}"'))
    rows.append(_row(font(box.title, 12, bold=True)))
    lines = (*box.lines, "output") if box.output else box.lines
    rows += [_row(font(line, 9, colours.QUIET)) for line in lines]
    rows += [_row(_field(field), f' port="{port}"') for port, field in zip(("f0", "f1"), box.fields, strict=False)]
    return _table(rows, padding=1)


def _field(field: Field) -> str:
    ink = colours.ROLE_INK[field.role]
    rows = [_row(font(field.caption, 8.5, ink))]
    if field.rows:
        rows.append(_row(_numbers(field)))
    if field.thumbnail:
        rows.append(_row(_thumbnail(field)))
    rows += [_row(font(line, 9, ink)) for line in field.lines]
    return _table(rows, padding=1)


def _numbers(field: Field) -> str:
    line = colours.cell(field.role, 1.0)
    rows = "".join(
        "<tr>"
        + "".join(f'<td bgcolor="{colours.cell(field.role, cell.strength)}">{font(cell.text, 9)}</td>' for cell in row)
        + "</tr>"
        for row in field.rows
    )
    return (
        f'<table border="0" cellborder="1" cellspacing="0" cellpadding="3" color="{line}" align="center">{rows}</table>'
    )


def _thumbnail(field: Field) -> str:
    rows = "".join(
        "<tr>"
        + "".join(
            f'<td fixedsize="true" width="6" height="6" bgcolor="{colours.cell(field.role, strength)}"></td>'
            for strength in row
        )
        + "</tr>"
        for row in field.thumbnail
    )
    line = colours.cell(field.role, 1.0)
    return f'<table border="1" cellborder="0" cellspacing="0" cellpadding="0" color="{line}">{rows}</table>'


def title_label(picture: Picture) -> str:
    """Return the title line, and below it the notice of what was left out."""
    rows = [_row(font(picture.title, 15, bold=True), ' align="left"')]
    if picture.notice:
        rows.append(_row(font(picture.notice, 11, colours.QUIET), ' align="left"'))
    return _table(rows, padding=2)


def legend_label(picture: Picture) -> str:
    """Return the legend: for each colour its arrow, its meaning and its scale."""
    rows = ["<tr>" + _entry(picture, entry) + "</tr>" for entry in picture.legend]
    signals = [entry for entry in picture.legend if entry.role != "value"]
    if signals:
        text = "colour: size of a number, width and colour of an arrow: norm of the message; all on one log scale"
        rows.append(f'<tr><td></td><td align="left" colspan="2">{font(text, 9, colours.QUIET)}</td></tr>')
    return _table(rows, padding=2)


def _entry(picture: Picture, entry: LegendEntry) -> str:
    arrows = {"right": "→←", "down": "↓↑"}[picture.direction]
    arrow = arrows[entry.role != "value"] if entry.arrow else ""
    ink = colours.ROLE_INK[entry.role]
    scale = ""
    if entry.high:
        steps = "".join(
            f'<td fixedsize="true" width="14" height="10" bgcolor="{colours.cell(entry.role, step)}"></td>'
            for step in _STEPS
        )
        bar = (
            f'<table border="1" cellborder="0" cellspacing="0" cellpadding="0" '
            f'color="{colours.cell(entry.role, 1.0)}"><tr>{steps}</tr></table>'
        )
        scale = _table(
            [f"<tr><td>{font(entry.low, 9)}</td><td>{bar}</td><td>{font(entry.high, 9)}</td></tr>"], padding=2
        )
    return (
        f"<td>{font(arrow, 13, ink, bold=True)}</td>"
        f'<td align="left">{font(entry.text, 10, ink)}</td>'
        f'<td align="left">{scale}</td>'
    )


def _row(inner: str, more: str = "") -> str:
    return f"<tr><td{more}>{inner}</td></tr>"


def _table(rows: list[str], padding: int, more: str = "") -> str:
    return _TABLE.format(padding=padding, more=more, rows="".join(rows))
