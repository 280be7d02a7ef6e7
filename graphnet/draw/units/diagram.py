"""What the unit view shows, as plain data: columns of units, the weights between them, and the error behind them.

Ids are opaque. They say where an element stands, never what it is called: column ``"c1"``, unit ``"u1-0"`` (the first
one of column 1), weight ``"w1-2-0"`` (from unit 2 of column 0 to unit 0 of column 1), error ``"e"``.

Which node an element shows is given by numbers: positions in ``graph.nodes``, the same that make the ids of boxes in
the op view. A writer turns them into classes ``"n12"``, so that a page can light up node 12 in both views.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from graphnet.draw.picture import Cell
from graphnet.draw.text import count

ColumnKind = Literal["input", "hidden", "output", "folded"]


@dataclass(frozen=True)
class Unit:
    """One circle.

    Attributes
    ----------
    id
        Opaque.
    number
        Its place in its layer, from 0.
    z, a
        Its pre-activation and its activation; an input unit has no z. ``None`` where no pass is shown.
    delta
        Its error signal δ = ∂E/∂z; an input unit has none. ``None`` if none was computed or none reaches it.
    error
        ∂E/∂a, of output units only: what the error sends back to the unit.
    bias, bias_gradient
        Its bias and the gradient of that.
    target
        What its activation is compared with.
    """

    id: str
    number: int
    z: Cell | None = None
    a: Cell | None = None
    delta: Cell | None = None
    error: Cell | None = None
    bias: Cell | None = None
    bias_gradient: Cell | None = None
    target: Cell | None = None


@dataclass(frozen=True)
class Column:
    """One layer of units, or several that are not drawn.

    Attributes
    ----------
    id
        Opaque.
    kind
        ``"input"``, ``"hidden"``, ``"output"`` or ``"folded"``: many layers in one gap.
    title
        What it is, as ``"hidden layer 1"``.
    name
        What the node of its activations is called in the graph.
    index
        The letter that numbers its units: i, j and k in a network of one hidden layer.
    activation
        What its op is called; empty where there is none.
    curve
        Points (z, a) of the activation, where it works entry by entry.
    size
        How many units the layer has, or how many layers are folded.
    units
        Those drawn; if fewer than `size`, the first and the last ones.
    summary, signal_summary
        All its activations, and all its error signals, in words: drawn or not.
    product, z, a, bias
        Which nodes it shows; ``None`` for those it does not have.
    """

    id: str
    kind: ColumnKind
    title: str
    name: str = ""
    index: str = ""
    activation: str = ""
    curve: tuple[tuple[float, float], ...] = ()
    size: int = 0
    units: tuple[Unit, ...] = ()
    summary: str = ""
    signal_summary: str = ""
    product: int | None = None
    z: int | None = None
    a: int | None = None
    bias: int | None = None


@dataclass(frozen=True)
class Weight:
    """One line between two units.

    Attributes
    ----------
    id
        Opaque.
    source, target
        Ids of units, in the direction of values.
    weight
        Its number and size; ``None`` where no numbers are shown.
    negative
        Its sign.
    gradient
        ∂E/∂w.
    message
        δ w: what the target sends back along it.
    """

    id: str
    source: str
    target: str
    weight: Cell | None = None
    negative: bool = False
    gradient: Cell | None = None
    message: Cell | None = None


@dataclass(frozen=True)
class Bundle:
    """All weights between two columns.

    Attributes
    ----------
    source, target
        Ids of columns.
    name
        What their parameter is called.
    node
        Which node that is.
    summary, gradient_summary
        The whole array in words, drawn or not.
    weights
        Those between units that are drawn.
    """

    source: str
    target: str
    name: str
    node: int
    summary: str
    gradient_summary: str
    weights: tuple[Weight, ...]


@dataclass(frozen=True)
class ErrorBox:
    """What the last layer is measured by.

    Attributes
    ----------
    name
        What its node is called.
    call
        What computes it, as ``"sse(a2, t)"``.
    value
        Its number, if there is a pass.
    node, target
        Which nodes it shows: itself, and the target.
    """

    name: str
    call: str
    value: str
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
        Which sample the numbers are of, or that they are averages; empty without a pass.
    notice
        What was left out, if anything.
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
