"""Shapes at places: what a diagram becomes before it becomes a file. The y axis points down, lengths are in pixels.

There are few kinds of shapes, so that every writer is short: SVG is one, Graphviz, which makes PNG and PDF, the other.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

from graphnet.draw.colours import Shade

Point: TypeAlias = tuple[float, float]


def px(value: float) -> str:
    """Return a coordinate as text, to a hundredth of a pixel."""
    return f"{round(value, 2) + 0.0:g}"


@dataclass(frozen=True)
class Line:
    """A stroke through points; if `curved`, they are those of cubic Bézier curves."""

    points: tuple[Point, ...]
    colour: Shade
    width: float = 1.0
    curved: bool = False
    dashed: bool = False


@dataclass(frozen=True)
class Area:
    """A filled outline; if `curved`, its points are those of closed cubic Bézier curves."""

    points: tuple[Point, ...]
    fill: Shade
    line: Shade
    width: float = 1.0
    curved: bool = False


@dataclass(frozen=True)
class Disc:
    """A circle, filled or (without a fill) only its line."""

    x: float
    y: float
    r: float
    fill: Shade | None
    line: Shade
    width: float = 1.0


@dataclass(frozen=True)
class Run:
    """A piece of text of one look."""

    text: str
    low: bool = False
    italic: bool = False


def symbol(name: str, index: str) -> tuple[Run, ...]:
    """Return a symbol with its index letters."""
    return Run(name, italic=name.strip().isalpha() and name != "Σ"), Run(index, low=True, italic=True)


@dataclass(frozen=True)
class Text:
    """One line of text at its base line."""

    x: float
    y: float
    runs: tuple[Run, ...]
    size: float
    colour: Shade
    anchor: Literal["start", "middle", "end"] = "middle"
    bold: bool = False

    @property
    def width(self) -> float:
        """About how wide it is."""
        return sum(len(run.text) * (0.42 if run.low else 0.58) for run in self.runs) * self.size


Shape: TypeAlias = Line | Area | Disc | Text


@dataclass(frozen=True)
class Part:
    """Shapes, from the lowest to the topmost, that are one element of the picture."""

    id: str
    """Opaque; empty if nothing needs to find it."""
    classes: tuple[str, ...]
    """What it is, and ``"n12"`` for each node it shows."""
    shapes: tuple[Shape, ...]
    tip: str = ""
    """What to show when the mouse rests on it: symbols and numbers only."""
    updated: str = ""
    """What takes the place of the last piece of its text after the update, if anything."""


@dataclass(frozen=True)
class Scene:
    """All parts, from the lowest to the topmost, and the size of the paper."""

    width: float
    height: float
    parts: tuple[Part, ...]
