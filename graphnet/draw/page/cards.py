"""How large a box is drawn on the page: room for its words and for its numbers, whichever pass is shown."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping, Sequence
from typing import Any, Literal

from graphnet.draw.picture import MARKS, Box

Card = Literal["words", "numbers", "maps", "sizes"]
"""What a box shows of its arrays: nothing, tables of numbers, small heat maps, or their norms alone."""

TITLE, LINE, CAPTION, ROW, MAP, NORM = 22.0, 16.0, 16.0, 21.0, 32.0, 17.0
"""Heights in pixels. The style sheet of the page has the same."""

PADDING, GAP = 8.0, 4.0
WIDEST, NARROWEST = 300.0, 84.0
_TITLE_LETTER, _LETTER, _DIGIT, _CELL_ROOM, _MAP_WIDTH = 7.8, 6.5, 7.0, 10.0, 120.0


def card_size(box: Box, card: Card, arrays: Sequence[Mapping[str, Any]]) -> tuple[float, float]:
    """Return the width and height of a box, given what each pass says of it."""
    if box.kind == "literal":
        return max(30.0, _width(box.title, _LETTER) + 12), 26.0
    marks = [_marks(one) for one in arrays]
    lines = [*box.lines, *([f"✗ {box.mark.text}"] if box.mark else [])]
    words = [*lines, *(line for of_one in marks for line in of_one)]
    width = min(max(_width(box.title, _TITLE_LETTER), *(_width(line, _LETTER) for line in words), NARROWEST), WIDEST)
    height = TITLE + LINE * (len(lines) + max(map(len, marks), default=0)) + 2 * PADDING
    if any(one.get("largest") for one in arrays):
        height += NORM
    for keys in (("value", "update"), ("signal",)):  # a new value takes the place of the old one
        versions = [one[key] for one in arrays for key in keys if one.get(key)]
        if versions:
            field_width, field_height = _field_size(card, versions)
            width = max(width, field_width)
            height += field_height
    return round(width + 2 * PADDING), round(height)


def _marks(one: Mapping[str, Any]) -> list[str]:
    """Return the marks that stand below the arrays of a box."""
    flat = [f"{MARKS['saturated']} {words}" for words in one.get("flat", {}).values()]
    return flat + [f"{MARKS['unreachable']} no error signal"] * one.get("unreached", 0)


def _field_size(card: Card, versions: Sequence[Mapping[str, Any]]) -> tuple[float, float]:
    if card == "numbers":
        rows = max(len(version["rows"]) for version in versions)
        columns = max(len(version["rows"][0]) for version in versions)
        digits = max(len(text) for version in versions for row in version["rows"] for text in row)
        return columns * (digits * _DIGIT + _CELL_ROOM), GAP + CAPTION + ROW * rows
    if card == "maps":
        return _MAP_WIDTH, GAP + CAPTION + MAP
    return (0.0, NORM) if card == "sizes" else (0.0, 0.0)


def _width(text: str, letter: float) -> float:
    """Return about how wide a text is: letters of East Asian scripts and emoji take the room of two."""
    return letter * sum(2 if unicodedata.east_asian_width(character) in "WF" else 1 for character in text)
