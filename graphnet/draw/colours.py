"""The palette. Hues differ in lightness too, so that they stay apart for colour-blind readers; ink is always dark.

Colours are written out, background included: a picture looks the same in a light and in a dark page.
"""

from __future__ import annotations

from graphnet.draw.picture import Kind, Role

PAPER, INK, QUIET, FRAME = "#ffffff", "#1a1a1a", "#5f6670", "#b8bfc8"
FAULT, FAULT_LINE, CHECKED = "#ffb3a7", "#b3261e", "#e3e8ee"
NOT_FINITE = "#ffd166"

ROLE_INK: dict[Role, str] = {
    "value": "#1f5fa8",
    "error signal": "#b3261e",
    "gradient": "#0b6e4f",
    "unused signal": "#5f6670",
}
"""For words and arrowheads: contrast with paper is above 4.5."""

BLUE, RED, GREEN = ROLE_INK["value"], ROLE_INK["error signal"], ROLE_INK["gradient"]

_CELL_ENDS: dict[Role, tuple[str, str]] = {
    "value": ("#f3f8fd", "#84b6e8"),
    "error signal": ("#fef4f2", "#f28f80"),
    "gradient": ("#f1faf5", "#6fc79a"),
    "unused signal": ("#f7f7f8", "#c3c8ce"),
}

_LINE_ENDS: dict[Role, tuple[str, str]] = {
    "value": ("#3b7cc4", "#3b7cc4"),
    "error signal": ("#eeaba3", "#b3261e"),
    "gradient": ("#9dd3bb", "#0b6e4f"),
    "unused signal": ("#ccd1d6", "#8b929b"),
}

BOX_FILL: dict[Kind, str] = {
    "op": "#ffffff",
    "input": "#e8f1fb",
    "parameter": "#e6f5ee",
    "constant": "#f1f1ee",
    "literal": "#ffffff",
    "folded": "#f6f7f9",
}

BOX_LINE: dict[Kind, str] = {
    "op": "#6b7480",
    "input": "#3b7cc4",
    "parameter": "#2f8f68",
    "constant": "#9a958a",
    "literal": "#b8bfc8",
    "folded": "#6b7480",
}

WEIGHT_LINES: dict[bool, tuple[str, str]] = {False: ("#d4d7dd", "#4a5261"), True: ("#f0d9b8", "#b56a00")}
"""The ends of the scale of weights: positive ones grey, negative ones orange; neither is the colour of a role."""

OUTPUT = ("#fdf4e1", "#a8772a")
"""Fill and line of an output, whatever its kind."""


def cell(role: Role, strength: float | None) -> str:
    """Return the colour behind a number; one that is not finite gets a colour of its own."""
    return NOT_FINITE if strength is None else _between(*_CELL_ENDS[role], strength)


def line(role: Role, strength: float | None) -> str:
    """Return the colour of an arrow."""
    return _between(*_LINE_ENDS[role], 0.0 if strength is None else strength)


def width(role: Role, strength: float | None) -> float:
    """Return the width of an arrow in points."""
    if role == "value" or strength is None:
        return 1.2
    return round(1.0 + 3.0 * strength * (0.5 if role == "unused signal" else 1.0), 2)


def weight(negative: bool, strength: float | None) -> str:
    """Return the colour of a weight's line; one that is not finite gets the colour of a fault."""
    return FAULT_LINE if strength is None else _between(*WEIGHT_LINES[negative], strength)


def _between(low: str, high: str, strength: float) -> str:
    channels = zip(bytes.fromhex(low[1:]), bytes.fromhex(high[1:]), strict=True)
    return "#" + "".join(f"{round(a + (b - a) * strength):02x}" for a, b in channels)
