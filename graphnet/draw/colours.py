"""The palette. Hues differ in lightness too, so that they stay apart for colour-blind readers; ink is always dark.

Still pictures have these colours written out, background included: they look the same in a light and in a dark page. The
page that steps through a pass has a light and a dark theme, so there a colour goes by its name.
"""

from __future__ import annotations

from graphnet.draw.picture import BoxKind, Role


class Shade(str):
    """A colour as hexadecimal digits, and what the page's style sheet calls it: ``"ink"``.

    A name with a percentage, as ``"value 40"``, is that far from ``value-low`` to ``value-high``.
    """

    __slots__ = ("name",)
    name: str

    def __new__(cls, digits: str, name: str) -> Shade:
        """Make the shade of these digits, with this name."""
        shade = super().__new__(cls, digits)
        shade.name = name
        return shade


PAPER, INK = Shade("#ffffff", "paper"), Shade("#1a1a1a", "ink")
QUIET, FRAME = Shade("#5f6670", "quiet"), Shade("#b8bfc8", "line")
FAULT, FAULT_LINE, CHECKED = "#ffb3a7", Shade("#b3261e", "error-signal-ink"), "#e3e8ee"
NOT_FINITE = Shade("#ffd166", "bad")

# For words and arrowheads: contrast with paper is above 4.5.
ROLE_INK: dict[Role, Shade] = {
    "value": Shade("#1f5fa8", "value-ink"),
    "error signal": Shade("#b3261e", "error-signal-ink"),
    "gradient": Shade("#0b6e4f", "gradient-ink"),
    "unused signal": Shade("#5f6670", "unused-signal-ink"),
}

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

BOX_FILL: dict[BoxKind, str] = {
    "op": "#ffffff",
    "input": "#e8f1fb",
    "parameter": "#e6f5ee",
    "constant": "#f1f1ee",
    "literal": "#ffffff",
    "folded": "#f6f7f9",
}

BOX_LINE: dict[BoxKind, Shade] = {
    "op": Shade("#6b7480", "strong-line"),
    "input": Shade("#3b7cc4", "input-line"),
    "parameter": Shade("#2f8f68", "parameter-line"),
    "constant": Shade("#9a958a", "strong-line"),
    "literal": Shade("#b8bfc8", "line"),
    "folded": Shade("#6b7480", "strong-line"),
}

# The ends of the scale of weights: positive ones grey, negative ones orange; neither is the colour of a role.
_WEIGHT_ENDS: dict[bool, tuple[str, str]] = {False: ("#d4d7dd", "#4a5261"), True: ("#f0d9b8", "#a86200")}

# Fill and line of an output, whatever its kind.
OUTPUT = Shade("#fdf4e1", "output-fill"), Shade("#a8772a", "output-line")


def cell(role: Role, strength: float | None) -> Shade:
    """Return the colour behind a number; one that is not finite gets a colour of its own."""
    return NOT_FINITE if strength is None else _between(_CELL_ENDS[role], strength, _on_page(role))


def line(role: Role, strength: float | None) -> Shade:
    """Return the colour of an arrow."""
    return _between(_LINE_ENDS[role], 0.0 if strength is None else strength, f"{_on_page(role)}-line")


def width(role: Role, strength: float | None) -> float:
    """Return the width of an arrow in points."""
    if role == "value" or strength is None:
        return 1.2
    return round(1.0 + 3.0 * strength * (0.5 if role == "unused signal" else 1.0), 2)


def weight(negative: bool, strength: float | None) -> Shade:
    """Return the colour of a weight's line; one that is not finite gets the colour of a fault."""
    if strength is None:
        return FAULT_LINE
    return _between(_WEIGHT_ENDS[negative], strength, "negative" if negative else "positive")


def _on_page(role: Role) -> str:
    return role.replace(" ", "-")


def _between(ends: tuple[str, str], strength: float, name: str) -> Shade:
    low, high = ends
    channels = zip(bytes.fromhex(low[1:]), bytes.fromhex(high[1:]), strict=True)
    digits = "#" + "".join(f"{round(a + (b - a) * strength):02x}" for a, b in channels)
    return Shade(digits, f"{name} {round(100 * strength)}")
