"""The palette. Hues differ in lightness too, so that they stay apart for colour-blind readers; ink is always dark.

Still pictures have these colours written out, background included: they look the same in a light and in a dark page. The
page that steps through a pass has a light and a dark theme, so there a colour goes by its name.
"""

from __future__ import annotations

from graphnet.draw.picture import BoxKind, Role


class Shade(str):
    """A colour as hexadecimal digits, and what the page's style sheet calls it: ``"ink"``.

    A name with a percentage, as ``"value 40"``, is that far from ``value-low`` to ``value-high``; ``"value-below 40"`` is of a
    negative number.
    """

    __slots__ = ("name",)
    name: str

    def __new__(cls, digits: str, name: str) -> Shade:
        """Make the shade of these digits, with this name."""
        shade = super().__new__(cls, digits)
        shade.name = name
        return shade

    def __reduce__(self) -> tuple[type[Shade], tuple[str, str]]:
        return Shade, (str(self), self.name)


PAPER, INK = Shade("#ffffff", "paper"), Shade("#1a1a1a", "ink")
QUIET, FRAME = Shade("#5f6670", "quiet"), Shade("#b8bfc8", "line")
FAULT, FAULT_LINE, CHECKED = "#ffb3a7", Shade("#b3261e", "error-signal-ink"), "#e3e8ee"
NOT_FINITE = Shade("#ffd166", "bad")

# By role: for words and arrowheads (contrast with paper is above 4.5), the colours of the scale of cells from 0 to its positive
# and to its negative end, and the ends of that of arrows. The negative end is darker, so that it is another one in grey, too.
_ROLES: dict[Role, tuple[str, tuple[str, str, str], tuple[str, str]]] = {
    "value": ("#1f5fa8", ("#f7f9fb", "#84b6e8", "#cf8030"), ("#3b7cc4", "#3b7cc4")),
    "error signal": ("#b3261e", ("#fbf7f7", "#f28f80", "#9078cc"), ("#eeaba3", "#b3261e")),
    "gradient": ("#0b6e4f", ("#f6faf8", "#6fc79a", "#c06fae"), ("#9dd3bb", "#0b6e4f")),
    "unused signal": ("#5f6670", ("#f7f7f8", "#c3c8ce", "#8f8f86"), ("#ccd1d6", "#8b929b")),
}
ROLE_INK = {role: Shade(ink, f"{role.replace(' ', '-')}-ink") for role, (ink, _, _) in _ROLES.items()}
BLUE, RED, GREEN = ROLE_INK["value"], ROLE_INK["error signal"], ROLE_INK["gradient"]

# Fill and line of boxes.
BOX: dict[BoxKind, tuple[str, Shade]] = {
    "op": ("#ffffff", Shade("#6b7480", "strong-line")),
    "input": ("#e8f1fb", Shade("#3b7cc4", "input-line")),
    "parameter": ("#e6f5ee", Shade("#2f8f68", "parameter-line")),
    "constant": ("#f1f1ee", Shade("#9a958a", "strong-line")),
    "literal": ("#ffffff", Shade("#b8bfc8", "line")),
    "folded": ("#f6f7f9", Shade("#6b7480", "strong-line")),
}

# The ends of the scale of rims and arrows where an error signal is negative.
_BELOW = ("#bdb0df", "#5b3fa0")

# The ends of the scale of weights: positive ones grey, negative ones orange; neither is the colour of a role.
_WEIGHT_ENDS: dict[bool, tuple[str, str]] = {False: ("#d4d7dd", "#4a5261"), True: ("#f0d9b8", "#a86200")}

# Fill and line of an output, whatever its kind.
OUTPUT = Shade("#fdf4e1", "output-fill"), Shade("#a8772a", "output-line")


def cell(role: Role, strength: float | None) -> Shade:
    """Return the colour behind a number, on a scale with two ends; one that is not finite gets a colour of its own."""
    if strength is None:
        return NOT_FINITE
    zero, above, below = _ROLES[role][1]
    end, name = (below, f"{role}-below") if strength < 0 else (above, role)
    return _between((zero, end), abs(strength), name)


def line(role: Role, strength: float | None) -> Shade:
    """Return the colour of an arrow, or of a rim."""
    if strength is not None and strength < 0:
        return _between(_BELOW, -strength, f"{role}-line-below")
    return _between(_ROLES[role][2], strength or 0.0, f"{role}-line")


def width(role: Role, strength: float | None) -> float:
    """Return the width of an arrow in points."""
    if role == "value" or strength is None:
        return 1.2
    return round(1.0 + 3.0 * strength * (0.5 if role == "unused signal" else 1.0), 2)


def weight(negative: bool, strength: float | None) -> Shade:
    """Return the colour of a weight's line; one that is not finite gets the colour of a fault."""
    if strength is None:
        return FAULT_LINE
    return _between(_WEIGHT_ENDS[negative], abs(strength), "negative" if negative else "positive")


def _between(ends: tuple[str, str], strength: float, name: str) -> Shade:
    low, high = ends
    channels = zip(bytes.fromhex(low[1:]), bytes.fromhex(high[1:]), strict=True)
    digits = "#" + "".join(f"{round(a + (b - a) * strength):02x}" for a, b in channels)
    return Shade(digits, f"{name.replace(' ', '-')} {round(100 * strength)}")
