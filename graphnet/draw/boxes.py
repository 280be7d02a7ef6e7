"""From the neutral description of the op view to shapes at places: boxes with their arrays, arrows, frames, and a legend."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Iterator
from dataclasses import replace

from graphnet.draw import colours, shapes
from graphnet.draw.blocks import WORDS, Block, Meaning, filled, framed, in_line, sheet_of, stacked, swatch, words
from graphnet.draw.colours import Shade
from graphnet.draw.layered import Rectangle, Route
from graphnet.draw.picture import STATE_MARKS, Arrow, Box, Field, Frame, Picture, Point
from graphnet.draw.placing import place
from graphnet.draw.shapes import Disc, Drawn, Element, Sheet, Stroke, Text, plain

WIDEST = 1400.0  # pixels of a row: what a laptop shows
_TITLE, _CAPTION = 16.0, 11.5  # sizes of text
_MARK_WIDTH = 34
_TILE, _LEAST_MAP = 8.0, 96.0
_CORNER = 8.0
_STEPS = (-1.0, -0.75, -0.5, -0.25, 0.0, 0.25, 0.5, 0.75, 1.0)


def sheet_of_ops(picture: Picture) -> Sheet:
    """Return the op view as shapes at places; it is wrapped into rows where it is wider than a laptop's screen."""
    cards = {box.id: _card(box, beside=picture.direction == "down") for box in picture.boxes}
    sizes = {box.id: _size(box, cards[box.id]) for box in picture.boxes}
    rooms = {i: _beside(edge).width + 6 for i, edge in enumerate(picture.edges) if edge.text}
    places = place(picture, sizes, picture.edges, rooms, WIDEST)
    parts = [part for group in picture.groups for part in _frame(group, places.frames[group.id])]
    for i, edge in enumerate(picture.edges):
        parts.append(_arrow(i, edge, places.paths[i], places.labels.get(i)))
    parts += [_box(box, cards[box.id], places.boxes[box.id]) for box in picture.boxes]
    size = places.width, places.height
    return sheet_of(parts, size, picture.title, [picture.notice], _meanings(picture), _notes(picture))


# Boxes --------------------------------------------------------------------------------------------------------------


def _card(box: Box, *, beside: bool) -> Block:
    """Return the inside of a box: its name, what it is, and its arrays, beside or below each other to save space."""
    if box.kind == "literal":
        return words(box.title, WORDS, colours.QUIET)
    blocks = [words(box.title, _TITLE, bold=True)]
    if box.mark:
        text = stacked([words(line, bold=box.faulty) for line in textwrap.wrap(box.mark.text, _MARK_WIDTH)])
        blocks.insert(0, filled(text, colours.FAULT if box.faulty else colours.CHECKED))
    told = (*box.lines[:-1], f"{box.lines[-1]}, output") if box.output and box.lines else box.words
    blocks += [words(line, WORDS, colours.QUIET) for line in told]
    blocks += [words(line, WORDS, colours.ROLE_INK["error signal"]) for line in box.formulas]
    fields = [_field(field) for field in box.fields]
    if fields:
        blocks.append(in_line(fields, 10) if beside else stacked(fields, 3))
    return stacked(blocks, 1)


def _field(field: Field) -> Block:
    ink = colours.ROLE_INK[field.role]
    mark = f"{STATE_MARKS[field.state]} " if field.state else ""
    if field.state and not field.lines:
        return words(mark + field.caption, _CAPTION, ink, bold=True)
    blocks = [words(field.caption, _CAPTION, ink)]
    line = colours.cell(field.role, 1.0)
    if field.rows:
        table = [
            [(words(cell.text, WORDS), colours.cell(field.role, cell.strength)) for cell in row] for row in field.rows
        ]
        widths = [max(text.width for text, _ in column) + 8 for column in zip(*table, strict=True)]
        rows = [[filled(*cell, 1.5, wide) for cell, wide in zip(row, widths, strict=True)] for row in table]
        blocks.append(framed(stacked([in_line(row) for row in rows]), line))
    if field.thumbnail:
        wide = max(_TILE, _LEAST_MAP / len(field.thumbnail[0]))
        high = max(_TILE, 24 / len(field.thumbnail))
        tiles = [in_line([swatch(field.role, s, wide, high) for s in row]) for row in field.thumbnail]
        blocks.append(framed(stacked(tiles), line))
    blocks += [words(mark + text, WORDS, ink, bold=bool(mark)) for text in field.lines]
    return stacked(blocks, 1)


def _size(box: Box, card: Block) -> Point:
    if box.kind == "literal":
        side = max(24.0, card.width + 12)
        return side, side
    return card.width + 20, card.height + 12


def _box(box: Box, card: Block, place: Rectangle) -> Element:
    x, y, w, h = place
    fill, rim = colours.OUTPUT if box.output else colours.BOX[box.kind]
    colour, width = (colours.FAULT_LINE, 3.0) if box.faulty else (rim, 1.2)
    ground = Shade(fill, "paper")
    drawn: list[Drawn] = []
    if box.kind == "literal":
        drawn.append(Disc(x + w / 2, y + h / 2, w / 2, colour, width, ground))
    elif box.kind == "input":  # a sheet of paper with a corner turned down
        inner, upper, lower = (x + w - 9, y), (x + w - 9, y + 9), (x + w, y + 9)
        drawn.append(Stroke(((x, y), inner, lower, (x + w, y + h), (x, y + h)), colour, width, ground))
        drawn.append(Stroke((inner, upper, lower), colour, width))
    elif box.kind in ("parameter", "constant"):
        tabs = (5, h - 10) if box.kind == "parameter" else ()  # it can be changed
        outlines = [shapes.rectangle(x, y, w, h), *(shapes.rectangle(x - 4, y + at, 8, 5) for at in tabs)]
        drawn += [Stroke(outline, colour, width, ground) for outline in outlines]
    else:
        pile = ((6.0, 0.8), (3.0, 0.8), (0.0, width))[0 if box.kind == "folded" else 2 :]
        drawn += [Stroke(_round(x + at, y + at, w, h), colour, line, ground, curved=True) for at, line in pile]
    if box.output:
        drawn.append(Stroke(_round(x - 3.5, y - 3.5, w + 7, h + 7), colour, 1.0, curved=True))
    drawn += card.at(x + (w - card.width) / 2, y + (h - card.height) / 2)
    return Element(box.id, box.classes, tuple(drawn))


def _round(x: float, y: float, w: float, h: float) -> tuple[Point, ...]:
    """Return the outline of a rectangle with round corners, as Bézier curves."""
    middle = x + w / 2, y
    corners = shapes.rectangle(x, y, w, h)
    return shapes.rounded([middle, *corners[1:], corners[0], middle], _CORNER)


# Frames and arrows --------------------------------------------------------------------------------------------------


def _frame(frame: Frame, pieces: Iterable[Rectangle]) -> Iterator[Element]:
    """Yield a frame; where it goes on in another row it has its title again."""
    for i, (x, y, w, h) in enumerate(pieces):
        title = frame.title if i == 0 else f"… {frame.title}"
        ground = Stroke(_round(x, y, w, h), colours.FRAME, 1.0, Shade("#fafbfc", "paper"), curved=True)
        text = Text(x + 9, y + 15, plain(title), 12.5, colours.QUIET, "start")
        yield Element(frame.id if i == 0 else "", ("cluster",), (ground, text))


def _beside(edge: Arrow) -> Text:
    return Text(0, 0, plain(edge.text), 11, colours.ROLE_INK[edge.role], fitted=True)


def _arrow(place: int, edge: Arrow, path: Route, label: Point | None) -> Element:
    """Return an arrow, and what stands beside it, on paper: that may come to lie on a frame or on another arrow."""
    colour, width = colours.line(edge.role, edge.strength), colours.width(edge.role, edge.strength)
    way = path if edge.role == "value" else path[::-1]
    tip = way[-1]
    before = next((p for p in reversed(way) if abs(p[0] - tip[0]) + abs(p[1] - tip[1]) > 1.0), (tip[0] - 1, tip[1]))
    end, head = shapes.arrow_head(before, tip, colour, width)
    dashed = edge.role != "value" and edge.strength is None
    drawn: list[Drawn] = [Stroke((*way[:-1], end), colour, width, curved=True, dashed=dashed), head]
    drawn += shapes.on_paper(replace(_beside(edge), x=label[0], y=label[1] + 4)) if label else ()
    return Element(f"e{place}", ("edge", edge.role.replace(" ", "-")), tuple(drawn))


# The legend ---------------------------------------------------------------------------------------------------------


def _meanings(picture: Picture) -> list[Meaning]:
    """Return for each role its arrow, its meaning and its scale."""
    arrows = {"right": ("→", "←"), "down": ("↓", "↑")}[picture.direction]
    meanings = []
    for entry in picture.legend:
        arrow, ink = arrows[entry.role != "value"] if entry.arrow else " ", colours.ROLE_INK[entry.role]
        samples = framed(in_line([swatch(entry.role, step, 15, 13) for step in _STEPS]), ink)
        meanings.append(Meaning(arrow, entry.text, ink, entry.low, samples, entry.high))
    return meanings


def _notes(picture: Picture) -> Iterator[str]:
    """Yield what is said of all scales."""
    scaled = [entry for entry in picture.legend if entry.high]
    if scaled:
        told = "its sign and its size; that of a number of median size is half as deep as that of the largest."
        yield f"Colour of a number: {told}"
    if any(entry.arrow and entry.role != "value" for entry in scaled):
        yield "Width and colour of an arrow: norm of its message; dashed: exactly 0."
