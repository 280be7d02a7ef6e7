"""What the unit view shows, as plain data: columns of units, the weights between them, and the error behind them.

Ids are opaque. They say where an element stands, never what it is called: column ``"c1"``, unit ``"u1-0"`` (the first
one of column 1), weight ``"w1-2-0"`` (from unit 2 of column 0 to unit 0 of column 1), error ``"e"``.

Which node an element shows is given by numbers: positions in ``graph.nodes``, the same that make the ids of boxes in
the op view. A writer turns them into classes ``"n12"``, so that a page can light up node 12 in both views.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from graphnet.draw.picture import MARKS, Cell
from graphnet.draw.text import count

ColumnKind = Literal["input", "hidden", "output", "folded"]


@dataclass(frozen=True)
class Unit:
    """One circle, with its number in its layer, from 0. What is not there, or not known, is ``None``."""

    id: str
    number: int
    z: Cell | None = None
    """Its pre-activation; an input unit has none."""
    a: Cell | None = None
    delta: Cell | None = None
    """Its error signal δ = ∂E/∂z; an input unit has none."""
    error: Cell | None = None
    """∂E/∂a, of output units only: what the error sends back to the unit."""
    bias: Cell | None = None
    bias_gradient: Cell | None = None
    target: Cell | None = None
    """What its activation is compared with."""
    flat: str = ""
    """Whether its activation is saturated or off, in a word; empty if it is neither."""
    silent: bool = False
    """Whether δ is exactly 0."""
    bias_updated: str = ""
    """The number that takes the place of the bias, where that is known."""

    @property
    def marks(self) -> str:
        """What makes it stand out where there is no room for words."""
        return (MARKS["saturated"] if self.flat else "") + (MARKS["zero"] if self.silent else "")


@dataclass(frozen=True)
class Column:
    """One layer of units, or several that are not drawn, and the nodes that it shows."""

    id: str
    kind: ColumnKind
    title: str
    """What it is, as ``"hidden layer 1"``."""
    name: str = ""
    """What the node of its activations is called in the graph."""
    index: str = ""
    """The letter that numbers its units: i, j and k in a network of one hidden layer."""
    activation: str = ""
    """What its op is called; empty where there is none."""
    curve: tuple[tuple[float, float], ...] = ()
    """Points (z, a) of the activation, where it works entry by entry."""
    size: int = 0
    """How many units the layer has, or how many layers are folded."""
    units: tuple[Unit, ...] = ()
    """Those drawn; if fewer than `size`, the first and the last ones."""
    summary: str = ""
    signal_summary: str = ""
    """All its activations, and all its error signals, in words: drawn or not."""
    product: int | None = None
    z: int | None = None
    a: int | None = None
    bias: int | None = None


@dataclass(frozen=True)
class Weight:
    """One line between two units, given by their ids in the direction of values."""

    id: str
    source: str
    target: str
    weight: Cell | None = None
    negative: bool = False
    gradient: Cell | None = None
    message: Cell | None = None
    """δ w: what the target sends back along it."""
    updated: str = ""
    """The number that takes the place of the weight, where that is known."""


@dataclass(frozen=True)
class Bundle:
    """All weights between two columns, given by their ids: those that are drawn, and the whole array in words."""

    source: str
    target: str
    name: str
    node: int
    summary: str
    gradient_summary: str
    weights: tuple[Weight, ...]


@dataclass(frozen=True)
class ErrorBox:
    """What the last layer is measured by, and the nodes that it shows: itself, and the target."""

    name: str
    call: str
    """What computes it, as ``"sse(a2, t)"``."""
    value: str
    """Its number; empty without a pass."""
    node: int
    target: int | None


@dataclass(frozen=True)
class Diagram:
    """All that a drawing of units shows.

    Attributes
    ----------
    title
        One line, with E and its value where there is a pass.
    sample
        Which sample the numbers are of; empty without a pass.
    notice
        What was left out, if anything: units, layers, and nodes that are no part of a layer.
    columns
        From the input to the output.
    bundles
        One for each two neighbouring columns, folded ones left out.
    error
        The error, if the graph has one.
    scales
        The ends of the colour scales in words, as ``(("value", "0", "1.2"), ...)``.
    """

    title: str
    sample: str
    notice: str
    columns: tuple[Column, ...]
    bundles: tuple[Bundle, ...]
    error: ErrorBox | None
    scales: tuple[tuple[str, str, str], ...]

    @property
    def has_signals(self) -> bool:
        """Whether it shows error signals."""
        return any(unit.delta for column in self.columns for unit in column.units)

    @property
    def counts(self) -> str:
        """How much is drawn, in words."""
        return count(sum(len(column.units) for column in self.columns), "unit")
