"""From the neutral description of the op view to shapes at places: boxes with their arrays, arrows, frames, and a legend."""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from graphnet.draw import colours
from graphnet.draw.colours import Shade
from graphnet.draw.layered import Rectangle, Route
from graphnet.draw.picture import STATE_MARKS, Arrow, Box, Field, Frame, LegendEntry, Picture, Point, Role
from graphnet.draw.placing import place
from graphnet.draw.units.shapes import Disc, Drawn, Element, Sheet, Stroke, Text, plain, rectangle

WIDEST = 1400.0  # pixels of a row: what a laptop shows
_TITLE, _WORDS, _NUMBER, _CAPTION = 16.0, 12.0, 12.0, 11.5  # sizes of text
_MARK_WIDTH, _LONGEST_LINE = 34, 150
_TILE, _LEAST_MAP = 8.0, 96.0
_LEFT, _AROUND, _CORNER = 20.0, 20.0, 8.0
_STEPS = (-1.0, -0.75, -0.5, -0.25, 0.0, 0.25, 0.5, 0.75, 1.0)


def sheet_of_ops(picture: Picture) -> Sheet:
    """Return the op view as shapes at places; it is wrapped into rows where it is wider than a laptop's screen."""
    cards = {box.id: _card(box, beside=picture.direction == "down") for box in picture.boxes}
    sizes = {box.id: _size(box, cards[box.id]) for box in picture.boxes}
    rooms = {i: _beside(edge).width + 6 for i, edge in enumerate(picture.edges) if edge.text}
    places = place(picture, sizes, picture.edges, rooms, WIDEST)
    head, legend = _head(picture), _legend(picture)
    top = _AROUND + head.height + 12

    def moved(point: Point) -> Point:
        return point[0] + _AROUND, point[1] + top

    def at(rect: Rectangle) -> Rectangle:
        return *moved(rect[:2]), *rect[2:]

    parts = [part for group in picture.groups for part in _frame(group, map(at, places.frames[group.id]))]
    for i, edge in enumerate(picture.edges):
        label = _label(edge, *moved(places.labels[i])) if edge.text else ()
        parts.append(_arrow(i, edge, tuple(map(moved, places.paths[i])), label))
    parts += [_box(box, cards[box.id], at(places.boxes[box.id])) for box in picture.boxes]
    below = top + places.height + 16
    parts.append(Element("", ("title",), tuple(head.draw(_LEFT, _AROUND))))
    parts.append(Element("", ("legend",), tuple(legend.draw(_LEFT, below))))
    wide = max(places.width + 2 * _AROUND, head.width + 2 * _LEFT, legend.width + 2 * _LEFT)
    return Sheet(wide, below + legend.height + 16, tuple(parts))


# Blocks: pieces of a known size that can be stacked ------------------------------------------------------------------


@dataclass(frozen=True)
class _Block:
    """Something with a size, which can be drawn with its upper left corner anywhere."""

    width: float
    height: float
    draw: Callable[[float, float], Iterable[Drawn]]


def _words(text: str, size: float = _WORDS, ink: Shade = colours.INK, *, bold: bool = False) -> _Block:
    line = Text(0, size * 1.02, plain(text), size, ink, "start", bold, fitted=True)
    return _Block(line.width, size * 1.36, lambda x, y: [replace(line, x=x, y=y + line.y)])


def _stacked(blocks: Sequence[_Block], gap: float = 0.0, share: float = 0.5) -> _Block:
    """Return blocks below each other, that share of the free room being left of them."""
    width = max((block.width for block in blocks), default=0.0)

    def draw(x: float, y: float) -> Iterator[Drawn]:
        for block in blocks:
            yield from block.draw(x + (width - block.width) * share, y)
            y += block.height + gap

    return _Block(width, sum(block.height + gap for block in blocks) - gap * bool(blocks), draw)


def _in_line(blocks: Sequence[_Block], gap: float = 0.0) -> _Block:
    """Return blocks beside each other, their tops in line."""

    def draw(x: float, y: float) -> Iterator[Drawn]:
        for block in blocks:
            yield from block.draw(x, y)
            x += block.width + gap

    width = sum(block.width + gap for block in blocks) - gap * bool(blocks)
    return _Block(width, max((block.height for block in blocks), default=0.0), draw)


def _filled(block: _Block, fill: Shade | str, room: float = 3.0, width: float = 0.0) -> _Block:
    """Return a block on a ground of its own."""
    wide, high = max(block.width + 2 * room, width), block.height + 2 * room

    def draw(x: float, y: float) -> Iterator[Drawn]:
        yield Stroke(rectangle(x, y, wide, high), colours.FRAME, 0.5, Shade(fill, "paper"))
        yield from block.draw(x + (wide - block.width) / 2, y + room)

    return _Block(wide, high, draw)


def _tile(role: Role, strength: float | None, width: float, height: float) -> _Block:
    """Return a tile of a colour; a dash says that its number is negative, in grey as in colour."""

    def draw(x: float, y: float) -> Iterator[Drawn]:
        fill = colours.cell(role, strength)
        yield Stroke(rectangle(x, y, width, height), fill, 0.4, fill)
        if strength is not None and strength < -0.1:
            half, middle = min(width, height) * 0.28, (x + width / 2, y + height / 2)
            yield Stroke(((middle[0] - half, middle[1]), (middle[0] + half, middle[1])), colours.INK, 0.9)

    return _Block(width, height, draw)


def _framed(block: _Block, colour: Shade) -> _Block:
    def draw(x: float, y: float) -> Iterator[Drawn]:
        yield from block.draw(x, y)
        corners = rectangle(x, y, block.width, block.height)
        yield Stroke((*corners, corners[0]), colour, 0.8)

    return _Block(block.width, block.height, draw)


# Boxes --------------------------------------------------------------------------------------------------------------


def _card(box: Box, *, beside: bool) -> _Block:
    """Return the inside of a box: its name, what it is, and its arrays, beside or below each other to save space."""
    if box.kind == "literal":
        return _words(box.title, _WORDS, colours.QUIET)
    blocks = [_words(box.title, _TITLE, bold=True)]
    if box.mark:
        text = _stacked([_words(line, bold=box.faulty) for line in textwrap.wrap(box.mark.text, _MARK_WIDTH)])
        blocks.insert(0, _filled(text, colours.FAULT if box.faulty else colours.CHECKED))
    words = (*box.lines[:-1], f"{box.lines[-1]}, output") if box.output and box.lines else box.words
    blocks += [_words(line, _WORDS, colours.QUIET) for line in words]
    blocks += [_words(line, _WORDS, colours.ROLE_INK["error signal"]) for line in box.formulas]
    fields = [_field(field) for field in box.fields]
    if fields:
        blocks.append(_in_line(fields, 10) if beside else _stacked(fields, 3))
    return _stacked(blocks, 1)


def _field(field: Field) -> _Block:
    ink = colours.ROLE_INK[field.role]
    mark = f"{STATE_MARKS[field.state]} " if field.state else ""
    if field.state and not field.lines:
        return _words(mark + field.caption, _CAPTION, ink, bold=True)
    blocks = [_words(field.caption, _CAPTION, ink)]
    line = colours.cell(field.role, 1.0)
    if field.rows:
        table = [
            [(_words(cell.text, _NUMBER), colours.cell(field.role, cell.strength)) for cell in row]
            for row in field.rows
        ]
        widths = [max(text.width for text, _ in column) + 8 for column in zip(*table, strict=True)]
        rows = [[_filled(*cell, 1.5, wide) for cell, wide in zip(row, widths, strict=True)] for row in table]
        blocks.append(_framed(_stacked([_in_line(row) for row in rows]), line))
    if field.thumbnail:
        wide = max(_TILE, _LEAST_MAP / len(field.thumbnail[0]))
        high = max(_TILE, 24 / len(field.thumbnail))
        tiles = [_in_line([_tile(field.role, s, wide, high) for s in row]) for row in field.thumbnail]
        blocks.append(_framed(_stacked(tiles), line))
    blocks += [_words(mark + text, _NUMBER, ink, bold=bool(mark)) for text in field.lines]
    return _stacked(blocks, 1)


def _size(box: Box, card: _Block) -> Point:
    if box.kind == "literal":
        side = max(24.0, card.width + 12)
        return side, side
    return card.width + 20, card.height + 12


def _box(box: Box, card: _Block, place: Rectangle) -> Element:
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
        outlines = [rectangle(x, y, w, h), *(rectangle(x - 4, y + at, 8, 5) for at in tabs)]
        drawn += [Stroke(outline, colour, width, ground) for outline in outlines]
    else:
        pile = ((6.0, 0.8), (3.0, 0.8), (0.0, width))[0 if box.kind == "folded" else 2 :]
        drawn += [Stroke(_round(x + at, y + at, w, h), colour, line, ground, curved=True) for at, line in pile]
    if box.output:
        drawn.append(Stroke(_round(x - 3.5, y - 3.5, w + 7, h + 7), colour, 1.0, curved=True))
    drawn += card.draw(x + (w - card.width) / 2, y + (h - card.height) / 2)
    node = f"n{box.nodes[0]}" if len(box.nodes) == 1 else "folded" if box.nodes else ""
    return Element(box.id, tuple(filter(None, ("node", node))), tuple(drawn))


def _round(x: float, y: float, w: float, h: float) -> tuple[Point, ...]:
    """Return the outline of a rectangle with round corners, as Bézier curves."""
    r, k = _CORNER, _CORNER * 0.45
    path = [(x + r, y)]
    for (cx, cy), (dx, dy), (ex, ey) in (
        ((x + w, y), (-1, 0), (0, 1)),
        ((x + w, y + h), (0, -1), (-1, 0)),
        ((x, y + h), (1, 0), (0, -1)),
        ((x, y), (0, 1), (1, 0)),
    ):
        start, end = (cx + dx * r, cy + dy * r), (cx + ex * r, cy + ey * r)
        path += [path[-1], start, start, (cx + dx * k, cy + dy * k), (cx + ex * k, cy + ey * k), end]
    return tuple(path)


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


def _label(edge: Arrow, x: float, y: float) -> tuple[Drawn, ...]:
    """Return what stands beside an arrow, on paper of its own: it may come to lie on a frame or on another arrow."""
    text = _beside(edge)
    paper = Stroke(rectangle(x - text.width / 2 - 2, y - 8, text.width + 4, 15), colours.PAPER, 0.0, colours.PAPER)
    return paper, replace(text, x=x, y=y + 4)


def _arrow(place: int, edge: Arrow, path: Route, label: tuple[Drawn, ...]) -> Element:
    colour, width = colours.line(edge.role, edge.strength), colours.width(edge.role, edge.strength)
    way = path if edge.role == "value" else path[::-1]
    tip = way[-1]
    before = next((p for p in reversed(way) if abs(p[0] - tip[0]) + abs(p[1] - tip[1]) > 1.0), (tip[0] - 1, tip[1]))
    length = ((tip[0] - before[0]) ** 2 + (tip[1] - before[1]) ** 2) ** 0.5
    ux, uy = (tip[0] - before[0]) / length, (tip[1] - before[1]) / length
    head, side = 6.0 + 1.4 * width, 2.6 + 0.8 * width
    base = tip[0] - ux * head, tip[1] - uy * head
    wings = (base[0] - uy * side, base[1] + ux * side), (base[0] + uy * side, base[1] - ux * side)
    dashed = edge.role != "value" and edge.strength is None
    stroke = Stroke((*way[:-1], base), colour, width, curved=True, dashed=dashed)
    drawn = stroke, Stroke((tip, *wings), colour, 0.5, colour), *label
    return Element(f"e{place}", ("edge", edge.role.replace(" ", "-")), drawn)


# Around the boxes ---------------------------------------------------------------------------------------------------


def _head(picture: Picture) -> _Block:
    """Return the title line, and below it the notice of what was left out."""
    lines = [_words(picture.title, 20, bold=True)]
    lines += [_words(line, 14, colours.QUIET) for line in textwrap.wrap(picture.notice, _LONGEST_LINE)]
    return _stacked(lines, 3, share=0.0)


def _legend(picture: Picture) -> _Block:
    """Return the legend: for each role its arrow, its meaning and its scale."""
    arrows = {"right": ("→", "←"), "down": ("↓", "↑")}[picture.direction]
    words = max((_words(entry.text, 13).width for entry in picture.legend), default=0.0)
    lines = [_entry(entry, arrows, words) for entry in picture.legend]
    if any(entry.high for entry in picture.legend):
        told = "its sign and its size; that of a number of median size is half as deep as that of the largest."
        lines.append(_words(f"Colour of a number: {told}", 12, colours.QUIET))
    if any(entry.high and entry.arrow and entry.role != "value" for entry in picture.legend):
        lines.append(_words("Width and colour of an arrow: norm of its message; dashed: exactly 0.", 12, colours.QUIET))
    return _stacked(lines, 3, share=0.0)


def _entry(entry: LegendEntry, arrows: tuple[str, str], words: float) -> _Block:
    ink = colours.ROLE_INK[entry.role]
    arrow = arrows[entry.role != "value"] if entry.arrow else " "
    parts = [_padded(_words(arrow, 14, ink, bold=True), 18), _padded(_words(entry.text, 13, ink), words)]
    if entry.high:
        scale = _in_line([_tile(entry.role, step, 15, 13) for step in _STEPS])
        parts += [_padded(_words(entry.low, 12), 56, share=1.0), _framed(scale, ink), _words(entry.high, 12)]
    return _in_line(parts, 8)


def _padded(block: _Block, width: float, share: float = 0.0) -> _Block:
    free = max(0.0, width - block.width)
    return _Block(block.width + free, block.height, lambda x, y: block.draw(x + free * share, y))
