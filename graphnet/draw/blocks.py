"""Pieces of a still picture of a known size, which can be set below and beside each other: words, tiles, titles, legends."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from graphnet.draw import colours
from graphnet.draw.colours import Shade
from graphnet.draw.picture import Point, Role
from graphnet.draw.shapes import Drawn, Element, Sheet, Stroke, Text, moved, plain, rectangle

WORDS = 12.0
"""Size of text."""

_TITLE, _NOTICE, _AROUND = 20.0, 14.0, 20.0
_NARROWEST = 640.0  # a title is not wrapped at less than this


class Block(NamedTuple):
    """Something with a size; its shapes are at places from its upper left corner."""

    width: float
    height: float
    shapes: tuple[Drawn, ...] = ()

    def at(self, x: float, y: float) -> tuple[Drawn, ...]:
        """Return its shapes with its corner there."""
        return tuple(moved(shape, x, y) for shape in self.shapes)


def words(text: str, size: float = WORDS, ink: Shade = colours.INK, *, bold: bool = False) -> Block:
    """Return one line of text."""
    line = Text(0, size * 1.02, plain(text), size, ink, "start", bold, fitted=True)
    return Block(line.width, size * 1.36, (line,) * bool(text.strip()))


def stacked(blocks: Sequence[Block], gap: float = 0.0, share: float = 0.5) -> Block:
    """Return blocks below each other, that share of the free room being left of them."""
    width, y = max((block.width for block in blocks), default=0.0), 0.0
    shapes: list[Drawn] = []
    for block in blocks:
        shapes += block.at((width - block.width) * share, y)
        y += block.height + gap
    return Block(width, y - gap * bool(blocks), tuple(shapes))


def in_line(blocks: Sequence[Block], gap: float = 0.0) -> Block:
    """Return blocks beside each other, their tops in line."""
    x = 0.0
    shapes: list[Drawn] = []
    for block in blocks:
        shapes += block.at(x, 0.0)
        x += block.width + gap
    return Block(x - gap * bool(blocks), max((block.height for block in blocks), default=0.0), tuple(shapes))


def padded(block: Block, width: float, share: float = 0.0) -> Block:
    """Return a block of at least this width, that share of the free room being left of it."""
    free = max(0.0, width - block.width)
    return Block(block.width + free, block.height, block.at(free * share, 0.0))


def filled(block: Block, fill: Shade | str, room: float = 3.0, width: float = 0.0) -> Block:
    """Return a block on a ground of its own."""
    wide, high = max(block.width + 2 * room, width), block.height + 2 * room
    ground = Stroke(rectangle(0.0, 0.0, wide, high), colours.FRAME, 0.5, Shade(fill, "paper"))
    return Block(wide, high, (ground, *block.at((wide - block.width) / 2, room)))


def framed(block: Block, colour: Shade) -> Block:
    """Return a block with a line around it."""
    corners = rectangle(0.0, 0.0, block.width, block.height)
    return block._replace(shapes=(*block.shapes, Stroke((*corners, corners[0]), colour, 0.8)))


def swatch(role: Role, strength: float | None, width: float, height: float) -> Block:
    """Return a patch of a colour; a dash says that its number is negative, in grey as in colour."""
    fill = colours.cell(role, strength)
    shapes = [Stroke(rectangle(0.0, 0.0, width, height), fill, 0.4, fill)]
    if strength is not None and strength < -0.1:
        half, x, y = min(width, height) * 0.28, width / 2, height / 2
        shapes.append(Stroke(((x - half, y), (x + half, y)), colours.INK, 0.9))
    return Block(width, height, tuple(shapes))


# Around a picture ---------------------------------------------------------------------------------------------------


class Meaning(NamedTuple):
    """A line of the legend: a sign, what it means, and if it has a scale samples of that between its ends."""

    sign: str
    text: str
    ink: Shade
    low: str = ""
    samples: Block = Block(0.0, 0.0)
    high: str = ""


def _legend(meanings: Sequence[Meaning], notes: Iterable[str]) -> Block:
    """Return what signs and scales mean, and below that what is said of all of them."""
    wide = max((words(meaning.text, 13).width for meaning in meanings if meaning.high), default=0.0)
    lines = []
    for sign, text, ink, low, samples, high in meanings:
        line = [padded(words(sign, 14, ink, bold=True), 30), padded(words(text, 13, ink), wide)]
        line += [padded(words(low), 56, share=1.0), samples, words(high)] if high else []
        lines.append(in_line(line, 8))
    return stacked([*lines, *(words(note, WORDS, colours.QUIET) for note in notes)], 3, share=0.0)


def _head(title: str, notices: Iterable[str], width: float) -> Block:
    """Return the title of a picture of this width, and below it what is said of all of it; long lines are wrapped."""

    def lines(text: str, size: float, *, bold: bool) -> list[str]:
        return textwrap.wrap(text, int(max(width, _NARROWEST) / size / (0.6 if bold else 0.5)))

    told = [words(line, _TITLE, bold=True) for line in lines(title, _TITLE, bold=True)]
    told += [words(line, _NOTICE, colours.QUIET) for of in notices for line in lines(of, _NOTICE, bold=False)]
    return stacked(told, 3, share=0.0)


def sheet_of(
    parts: Iterable[Element],
    size: Point,
    title: str,
    notices: Iterable[str],
    meanings: Sequence[Meaning],
    notes: Iterable[str] = (),
) -> Sheet:
    """Return a picture of this size between its head and its legend."""
    above, below = _head(title, notices, size[0]), _legend(meanings, notes)
    top = _AROUND + above.height + 12
    bottom = top + size[1] + 16
    placed = [part.moved(_AROUND, top) for part in parts]
    placed.append(Element("", ("title",), above.at(_AROUND, _AROUND)))
    placed.append(Element("", ("legend",), below.at(_AROUND, bottom)))
    width = max(size[0], above.width, below.width) + 2 * _AROUND
    return Sheet(width, bottom + below.height + 16, tuple(placed))
