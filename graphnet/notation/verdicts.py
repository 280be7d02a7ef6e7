"""What `diagnose` says: a sentence of a node, and one of all layers; and the units that it speaks of."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from graphnet.common.tables import number
from graphnet.common.text import clean
from graphnet.core.leaves import Constant, Parameter
from graphnet.core.node import Node, Numbers
from graphnet.engine.passes import BackwardPass
from graphnet.engine.units import local_slope, slope_range
from graphnet.notation.factors import rms

NOTABLE = 2.0
"""Times that an error signal must shrink at a node to be reported; to grow, ten times are needed."""

NOTABLE_IN_ALL = 10.0
"""Times that it must shrink or grow over all layers to be reported."""


def of_unreachable(label: str) -> str:
    """Say that an error signal was not computed."""
    return f"no error signal reaches {said(label)}: no output depends on it smoothly, so none was computed"


def of_not_finite(bwd: BackwardPass, node: Node) -> str:
    """Say it of the first node only: the infinity or NaN spreads from there."""
    for consumer, _ in bwd.graph.consumers(node):
        if consumer in bwd.error_signals and not np.isfinite(bwd.error_signals[consumer]).all():
            return ""
    return f"the error signal at {said(bwd.graph.label(node))} is the first that is not finite"


def of_zero(bwd: BackwardPass, node: Node, cut_at: Mapping[Node, Node]) -> str:
    """Say why an error signal is exactly zero: of the first node that it is, and of parameters, which can't learn."""
    graph, label = bwd.graph, said(bwd.graph.label(node))
    cut = cut_at.get(node)
    if isinstance(node, Constant):
        return ""  # nobody asks for it
    if cut is None:
        return f"the error signal at {label} is exactly 0: it starts with 0"
    where = said(graph.label(cut))
    if not any(m.consumer is cut for m in bwd.messages(node)) and not isinstance(node, Parameter):
        return ""  # said of the first one
    units = Units.of(bwd, cut)
    if units is not None and not np.any(units.slope):
        reason = f"every unit of {where} has slope 0"
    elif not np.any(bwd.error_signals[cut]):
        reason = f"that at {where} is"
    elif cut.kind == "matmul" and any(not np.any(bwd.values[source]) for source in cut.inputs):
        zeros = next(graph.label(source) for source in cut.inputs if not np.any(bwd.values[source]))
        reason = f"{said(zeros)} is exactly 0, and {where} multiplies by it"
    else:
        reason = f"{where} sends back zeros only"
    return f"the error signal at {label} is exactly 0: {reason}"


def of_change(bwd: BackwardPass, node: Node, passed_on: float, factor: str, units: Units | None) -> str:
    """Say by how much an error signal shrinks or grows at a node, and why."""
    label = said(bwd.graph.label(node))
    if node.shape == () and passed_on:  # a norm of one number and one of many don't compare
        return ""
    if passed_on == 0:
        why = "every one of its units has slope 0" if factor == "slope" else "it sends back zeros only"
        return f"the error signal ends at {label}: {why}"
    if passed_on >= 10:
        return f"the error signal grows {times(passed_on)} at {label}"
    if passed_on > 1 / NOTABLE:
        return _of_units(label, units)
    why = _why(bwd, node, factor, units)
    return f"the error signal shrinks {times(1 / passed_on)} at {label}" + (f": {why}" if why else "")


_UNITS = {("matmul", 1): -1, ("matmul", 0): 0, ("conv2d", 1): 0}
"""Which axis of a layer's weights runs along its units, by op and slot."""


def of_equal_units(bwd: BackwardPass, weights: Parameter) -> str:
    """Say that all units of a layer have the same weights and the same gradients: no step will ever tell them apart."""
    use = bwd.graph.only_use(weights)
    axis = None if use is None else _UNITS.get((use.consumer.kind, use.slot))
    if axis is None or weights.ndim < 2 or weights.shape[axis] == 1:
        return ""
    value, gradient = (np.moveaxis(array, axis, 0) for array in (bwd.values[weights], bwd.gradient(weights)))
    near = 1e-3 * np.sqrt(np.finfo(gradient.dtype).eps) * np.abs(gradient).max(initial=0.0)
    if np.any(value != value[0]) or np.any(np.abs(gradient - gradient[0]) > near):
        return ""
    every = (
        f"all {len(value)} units that {said(bwd.graph.label(weights))} leads to are equal, in weights and in gradients"
    )
    return f"{every}: they learn the same for ever; start from random numbers"


def _of_units(label: str, units: Units | None) -> str:
    """Say what is wrong with units, though the error signal as a whole hardly suffers."""
    if units is not None and units.share_dead:
        return f"{percent(units.share_dead)} of the units of {label} are dead: their slope is 0 in every sample"
    if units is not None and units.share_saturated > 0.5:
        return f"{percent(units.share_saturated)} of the units of {label} are saturated"
    return ""


def _why(bwd: BackwardPass, node: Node, factor: str, units: Units | None) -> str:
    if factor == "weights":
        weights = next((source for source in node.inputs if isinstance(source, Parameter)), node.inputs[-1])
        size = number(rms(bwd.values[weights]), 2)
        return f"its weights {said(bwd.graph.label(weights))} are small, {size} in root mean square"
    if units is None:
        return ""
    signal: Numbers = bwd.error_signals[node]
    if units.explain(units.dead, signal):
        return f"{percent(units.share_dead)} of its units are dead"
    if units.explain(units.saturated, signal):
        return f"{percent(units.share_saturated)} of its units are saturated"
    return (
        f"its slopes are {number(rms(units.slope), 2)} in root mean square, and can be {number(units.best, 2)} at most"
    )


def of_all_layers(labels: Sequence[str], norms: Sequence[float]) -> str:
    """Say what becomes of the error signal from the last layer to the first; `labels` and `norms` begin with the first."""
    if len(norms) < 3 or not all(0 < norm < np.inf for norm in norms):
        return ""
    change = norms[0] / norms[-1]
    if 1 / NOTABLE_IN_ALL < change < NOTABLE_IN_ALL:
        return ""
    factor, verb = (change, "grows") if change > 1 else (1 / change, "shrinks")
    each = times(factor ** (1 / (len(norms) - 1)))
    return f"from {said(labels[-1])} back to {said(labels[0])} the error signal {verb} {times(factor)}, about {each} a layer"


def said(label: str) -> str:
    """Return a node's name as it stands in a sentence: in quotes only if it is not one plain word."""
    return label if label and clean(label) == label and not set(label) & set(" '\"") else repr(label)


def times(factor: float) -> str:
    """Return a factor in two digits.

    Examples
    --------
    >>> times(4.123), times(748.0), times(4.4e5), times(1.2e9)
    ('4.1×', '750×', '440,000×', '1.2e+09×')
    """
    if 10 <= factor < 1e6:
        return f"{float(f'{factor:.2g}'):,.0f}×"
    return f"{number(factor, 2)}×"


def percent(share: float) -> str:
    """Return a share in percent, with 0 and 100 only for none and all."""
    if 0 < share < 0.005 or 0.995 < share < 1:
        return "under 1 %" if share < 0.5 else "over 99 %"
    return f"{100 * share:.0f} %"


# Units --------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Units:
    """Units of a = g(z), in all samples.

    Attributes
    ----------
    slope : numpy.ndarray
        |g′| of each, in each sample.
    best : float
        The largest |g′| that the function has.
    saturated, dead : numpy.ndarray of bool
        Which are saturated, in which samples; which have no slope in any sample, where g is flat somewhere, as relu is.
    """

    slope: Numbers
    best: float
    saturated: Numbers
    dead: Numbers

    @staticmethod
    def of(bwd: BackwardPass, node: Node) -> Units | None:
        """Return the units of a node; None if it is no activation, or one that mixes units."""
        slopes = local_slope(bwd, node)
        if slopes is None:
            return None
        assert node.op is not None
        slope = np.abs(np.asarray(slopes, float))
        possible = slope_range(node.op)
        samples = 0 if slope.ndim > 1 else ()
        dead = np.asarray(possible.off(slope).all(axis=samples))
        return Units(slope, possible.best(slope), possible.saturated(slope), dead)

    @property
    def share_saturated(self) -> float:
        """Share of all entries that are saturated."""
        return float(self.saturated.mean()) if self.saturated.size else 0.0

    @property
    def share_dead(self) -> float:
        """Share of units that are dead."""
        return float(self.dead.mean()) if self.dead.size else 0.0

    def explain(self, which: Numbers, signal: Numbers) -> bool:
        """Tell whether the error signal would lose less than half as much, in orders of magnitude, with these at their best."""
        size = np.abs(np.asarray(signal, float))
        passed, repaired = (size * slope for slope in (self.slope, np.where(which, self.best, self.slope)))
        arrived, left, would_be = (float(np.linalg.norm(each)) for each in (size, passed, repaired))
        return bool(left < would_be) and would_be * would_be > arrived * left
