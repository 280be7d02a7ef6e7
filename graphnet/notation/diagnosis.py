"""What each node does to the error signal that passes it: diagnose."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np

from graphnet.common import cached_property
from graphnet.common.text import clean, html_table, markup, norm_of, number, table
from graphnet.core.graph import Graph
from graphnet.core.leaves import Constant, Parameter
from graphnet.core.node import Node, Numbers
from graphnet.engine.finite import made_by
from graphnet.engine.passes import BackwardPass
from graphnet.engine.units import Units
from graphnet.errors import GraphError
from graphnet.notation.explanation import rms
from graphnet.notation.names import Symbols

NOTABLE = 2.0
"""Times that an error signal must shrink at a node to be reported; to grow, ten times are needed."""

NOTABLE_IN_ALL = 10.0
"""Times that it must shrink or grow over all layers to be reported."""

_State = Literal["no error signal", "unreachable", "not finite", "exactly zero", "passes"]


@dataclass(frozen=True)
class NodeDiagnosis:
    """What one node does to its error signal. A share is of all entries: units times samples.

    Attributes
    ----------
    label, op : str
        The node, and what it is.
    state : str
        ``"no error signal"``: it holds positions or truth values. ``"unreachable"``: none reaches it, none was computed.
        ``"not finite"``, ``"exactly zero"`` in every entry, or ``"passes"``: it has one.
    saturated : float or None
        Share of entries where the slope g′ is below 5 % of the largest that this function has; None if it is no activation.
    dead : float or None
        Share of units whose slope is exactly 0 in every sample, of functions that are flat somewhere, as relu.
    zero : float
        Share of entries of the value that are exactly 0.
    norm : float or None
        Norm of the error signal, ∂E/∂(this node); None if there is none.
    passed_on : float or None
        Norm of what it sends on along the way back, as a share of `norm`; None for a leaf.
    ratio : float or None
        Of a pre-activation, the norm of its error signal as a share of that of the layer above; None for others.
    factor : str
        What made the error signal smaller here: ``"slope"``, ``"weights"``, ``"rule"``; empty if it did not shrink.
    verdict : str
        One sentence.
    """

    label: str
    op: str
    state: _State
    saturated: float | None = None
    dead: float | None = None
    zero: float = 0.0
    norm: float | None = None
    passed_on: float | None = None
    ratio: float | None = None
    factor: str = ""
    verdict: str = ""


@dataclass(frozen=True, repr=False)
class Diagnosis:
    """What each node of a pass does to the error signal, the output first.

    Attributes
    ----------
    graph : Graph
        What was run.
    nodes : tuple of NodeDiagnosis
        In the order in which the error signal visits them.
    overall : str
        What becomes of the error signal from the last layer to the first, in one sentence; empty if that is nothing special.
    """

    graph: Graph
    nodes: tuple[NodeDiagnosis, ...]
    overall: str = ""

    def __getitem__(self, node: Node | str) -> NodeDiagnosis:
        """Return what was found for a node."""
        return self._by_label[self.graph.label(self.graph[node])]

    @cached_property
    def _by_label(self) -> dict[str, NodeDiagnosis]:
        return {found.label: found for found in self.nodes}

    @property
    def findings(self) -> tuple[NodeDiagnosis, ...]:
        """The nodes with something to say of them."""
        return tuple(found for found in self.nodes if found.verdict)

    def __repr__(self) -> str:
        lines = [f"- {verdict}" for verdict in self._verdicts()]
        return "\n".join([table(_HEADER, [_row(found) for found in self.nodes]), "", *(lines or [_NOTHING])])

    def _verdicts(self) -> list[str]:
        """Return what is said, of all layers first; of error signals that are zero for one reason in one line."""
        zeros: dict[str, list[str]] = {}
        for found in self.findings:
            if found.state == "exactly zero":
                zeros.setdefault(found.verdict.partition(": ")[2], []).append(said(found.label))
        lines = [self.overall] if self.overall else []
        lines += [found.verdict for found in self.findings if found.state != "exactly zero"]
        for reason, labels in zeros.items():
            more = f" and {len(labels) - 8} more" if len(labels) > 8 else ""
            lines.append(f"exactly 0 are the error signals of {', '.join(labels[:8])}{more}: {reason}")
        return lines if len(lines) <= MOST else [*lines[:MOST], f"and {len(lines) - MOST} more"]

    def _repr_html_(self) -> str:
        verdicts = "".join(f"<li>{markup(verdict)}</li>" for verdict in self._verdicts() or [_NOTHING])
        nodes = html_table(_HEADER, [_row(found) for found in self.nodes])
        folded = f"<details><summary>node by node</summary>{nodes}</details>"
        return f'<div style="overflow-x:auto"><ul>{verdicts}</ul>{folded}</div>'

    def to_dict(self) -> dict[str, Any]:
        """Return it as plain data: one dict for each node, by label."""
        return {found.label: dict(vars(found)) for found in self.nodes}


MOST = 30
"""Sentences that are printed."""

_HEADER = ["node", "op", "saturated", "dead", "zero", "|∂E/∂node|", "sends on", "of layer above", "factor"]
_NOTHING = "Nothing stands out: no error signal shrinks or is lost."


def diagnose(bwd: BackwardPass) -> Diagnosis:
    """Find out where the error signals of a pass are lost, and to what.

    Parameters
    ----------
    bwd
        A backward pass.

    Returns
    -------
    Diagnosis
        A table by node: the share of saturated, dead and zero units, the norm of the error signal, how much of it is sent
        on and how it compares with the layer above, the factor that made it smaller, and a verdict in one sentence.

    Raises
    ------
    GraphError
        If `bwd` is no backward pass.

    Examples
    --------
    >>> import graphnet as gn
    >>> z = gn.input("z", shape=(2, 2))
    >>> E = gn.sum(gn.tanh(z, name="a"), name="E")
    >>> found = diagnose(gn.backward(E, {z: [[1.0, 9.0], [8.0, -7.0]]}))
    >>> found["a"].saturated, found["a"].verdict
    (0.75, 'the error signal shrinks 4.8× at a: 75 % of its units are saturated')
    """
    if not isinstance(bwd, BackwardPass):
        raise GraphError(
            f"diagnose takes a backward pass, got {type(bwd).__name__}",
            repair="A forward pass has no error signals: write diagnose(gn.backward(E, feeds)).",
        )
    examination = _Examination(bwd)
    nodes = tuple(map(examination.of, reversed(bwd.graph.nodes)))
    return Diagnosis(bwd.graph, nodes, examination.of_all_layers())


class _Examination:
    """Looks at the nodes of a pass, the output first, and says in a sentence what it sees."""

    def __init__(self, bwd: BackwardPass) -> None:
        self.bwd, self.graph, self.values, self.signals = bwd, bwd.graph, bwd.values, bwd.error_signals
        self.above = self._layers_above()
        self.sent: dict[Node, list[tuple[Node, Numbers]]] = {node: [] for node in self.graph.nodes}
        for source in self.signals:
            for message in bwd.messages(source):
                if message.consumer is not None:
                    self.sent[message.consumer].append((source, message.delta))
        self.cut_at: dict[Node, Node] = {}  # where a node's error signal became exactly zero

    def _layers_above(self) -> dict[Node, Node]:
        """Return for each pre-activation the nearest one on the way to the output."""
        layers = Symbols(self.graph).pre_activations
        nearest: dict[Node, Node] = {}
        for node in reversed(self.graph.nodes):
            for consumer, _ in self.graph.consumers(node):
                found = consumer if consumer in layers else nearest.get(consumer)
                if found is not None and found in self.signals:
                    nearest[node] = found
                    break
        return {node: found for node, found in nearest.items() if node in layers}

    def of(self, node: Node) -> NodeDiagnosis:
        """Return what a node does to its error signal."""
        value, signal = self.values[node], self.signals.get(node)
        state = _state(node, signal)
        zero = 1 - np.count_nonzero(value) / value.size if value.size else 0.0
        found = NodeDiagnosis(self.graph.label(node), node.kind, state, zero=zero)
        if state == "unreachable" and not isinstance(node, Constant):
            none = f"no error signal reaches {self.said(node)}: no output depends on it smoothly, so none was computed"
            return replace(found, verdict=none)
        if signal is None or state == "no error signal":
            return found
        norm = norm_of(signal)
        of_above = norm_of(self.signals[self.above[node]]) if node in self.above else 0.0
        found = replace(found, norm=norm, ratio=norm / of_above if of_above else None)
        if state == "not finite":
            return replace(found, verdict=self.of_not_finite(node))
        units = Units.of(self.bwd, node)
        if units is not None:
            found = replace(found, saturated=units.share_saturated, dead=units.share_dead)
        # along which the way back goes on: to other ops, not to the leaves where it ends
        sent = [delta for source, delta in self.sent[node] if len(node.inputs) == 1 or source.op is not None]
        passed_on = norm_of(*sent) / norm if sent and norm else None
        factor = _factor(node, units, passed_on)
        verdict = ""
        if state == "exactly zero":
            verdict = self.of_zero(node)
        elif passed_on is not None and np.isfinite(passed_on):
            verdict = self.of_change(node, passed_on, factor, units)
        elif isinstance(node, Parameter):
            verdict = self.of_equal_units(node)
        return replace(found, passed_on=passed_on, factor=factor, verdict=verdict)

    def of_all_layers(self) -> str:
        """Say what becomes of the error signal on the way from the last layer to the first."""
        layers = [node for node in self.graph.nodes if node in self.above][:1]
        while layers and layers[-1] in self.above:
            layers.append(self.above[layers[-1]])
        norms = [norm_of(self.signals[node]) for node in layers]
        if len(norms) < 3 or not all(0 < norm < np.inf for norm in norms):
            return ""
        change = norms[0] / norms[-1]
        if 1 / NOTABLE_IN_ALL < change < NOTABLE_IN_ALL:
            return ""
        factor, verb = (change, "grows") if change > 1 else (1 / change, "shrinks")
        each = times(factor ** (1 / (len(norms) - 1)))
        way = f"from {self.said(layers[-1])} back to {self.said(layers[0])}"
        return f"{way} the error signal {verb} {times(factor)}, about {each} a layer"

    def of_not_finite(self, node: Node) -> str:
        """Say it of the first node only: the infinity or NaN spreads from there."""
        for consumer, _ in self.graph.consumers(node):
            if consumer in self.signals and not np.isfinite(self.signals[consumer]).all():
                return ""
        made = made_by(self.graph, self.values, self.signals, self.bwd.messages(node))
        return "; ".join([f"the error signal at {self.said(node)} is the first that is not finite", *made])

    def of_zero(self, node: Node) -> str:
        """Say why an error signal is exactly zero: of the first node that it is, and of parameters, which can't learn."""
        consumers = [message.consumer for message in self.bwd.messages(node) if message.consumer is not None]
        if consumers:
            self.cut_at[node] = self.cut_at.get(consumers[0], consumers[0])
        if isinstance(node, Constant):
            return ""  # nobody asks for it
        every = f"the error signal at {self.said(node)} is exactly 0"
        if not consumers:
            return f"{every}: it starts with 0"
        cut = self.cut_at[node]
        if not any(consumer is cut for consumer in consumers) and not isinstance(node, Parameter):
            return ""  # said of the first one
        units, where = Units.of(self.bwd, cut), self.said(cut)
        zeros = [source for source in cut.inputs if cut.kind == "matmul" and not np.any(self.values[source])]
        if cut in self.bwd.replaced:
            return f"{every}: {where} is set by hand"
        if units is not None and not np.any(units.slope):
            return f"{every}: every unit of {where} has slope 0"
        if not np.any(self.signals[cut]):
            return f"{every}: that at {where} is"
        if zeros:
            return f"{every}: {self.said(zeros[0])} is exactly 0, and {where} multiplies by it"
        return f"{every}: {where} sends back zeros only"

    def of_change(self, node: Node, passed_on: float, factor: str, units: Units | None) -> str:
        """Say by how much an error signal shrinks or grows at a node, and why."""
        label = self.said(node)
        if node.shape == () and passed_on:  # a norm of one number and one of many don't compare
            return ""
        if passed_on == 0:
            why = "every one of its units has slope 0" if factor == "slope" else "it sends back zeros only"
            return f"the error signal ends at {label}: {why}"
        if passed_on >= 10:
            return f"the error signal grows {times(passed_on)} at {label}"
        if passed_on > 1 / NOTABLE:
            return _of_units(label, units)
        why = self._why(node, factor, units)
        return f"the error signal shrinks {times(1 / passed_on)} at {label}" + (f": {why}" if why else "")

    def _why(self, node: Node, factor: str, units: Units | None) -> str:
        if factor == "weights":
            weights = next((source for source in node.inputs if isinstance(source, Parameter)), node.inputs[-1])
            size = number(rms(self.values[weights]), 2)
            return f"its weights {self.said(weights)} are small, {size} in root mean square"
        if units is None:
            return ""
        if _explain(units, units.dead, self.signals[node]):
            return f"{percent(units.share_dead)} of its units are dead"
        if _explain(units, units.saturated, self.signals[node]):
            return f"{percent(units.share_saturated)} of its units are saturated"
        size, best = number(rms(units.slope), 2), number(units.best, 2)
        return f"its slopes are {size} in root mean square, and can be {best} at most"

    def of_equal_units(self, weights: Parameter) -> str:
        """Say that all units of a layer have the same weights and the same gradients: no step will ever tell them apart."""
        use = self.graph.only_use(weights)
        axis = None if use is None else _UNITS.get((use.consumer.kind, use.slot))
        if axis is None or weights.ndim < 2 or weights.shape[axis] == 1:
            return ""
        value, gradient = (np.moveaxis(of[weights], axis, 0) for of in (self.values, self.signals))
        near = 1e-3 * np.sqrt(np.finfo(gradient.dtype).eps) * np.abs(gradient).max(initial=0.0)
        if np.any(value != value[0]) or np.any(np.abs(gradient - gradient[0]) > near):
            return ""
        every = f"all {len(value)} units that {self.said(weights)} leads to are equal, in weights and in gradients"
        return f"{every}: they learn the same for ever; start from random numbers"

    def said(self, node: Node) -> str:
        """Return a node's name as it stands in a sentence."""
        return said(self.graph.label(node))


_UNITS = {("matmul", 1): -1, ("matmul", 0): 0, ("conv2d", 1): 0}
"""Which axis of a layer's weights runs along its units, by op and slot."""


def _state(node: Node, signal: Numbers | None) -> _State:
    if node.dtype.kind != "f":
        return "no error signal"
    if signal is None:
        return "unreachable"
    if not np.isfinite(signal).all():
        return "not finite"
    return "passes" if np.any(signal) else "exactly zero"


def _factor(node: Node, units: Units | None, passed_on: float | None) -> str:
    if passed_on is None or passed_on > 1 / NOTABLE or node.shape == ():  # one number's norm and many's don't compare
        return ""
    if units is not None:
        return "slope"
    return "weights" if node.kind == "matmul" else "rule"


def _of_units(label: str, units: Units | None) -> str:
    """Say what is wrong with units, though the error signal as a whole hardly suffers."""
    if units is not None and units.share_dead:
        return f"{percent(units.share_dead)} of the units of {label} are dead: their slope is 0 in every sample"
    if units is not None and units.share_saturated > 0.5:
        return f"{percent(units.share_saturated)} of the units of {label} are saturated"
    return ""


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


def _explain(units: Units, which: Numbers, signal: Numbers) -> bool:
    """Tell whether the error signal would lose less than half as much, in orders of magnitude, with these at their best."""
    size = np.abs(np.asarray(signal, float))
    passed, repaired = (size * slope for slope in (units.slope, np.where(which, units.best, units.slope)))
    arrived, left, would_be = (norm_of(each) for each in (size, passed, repaired))
    return bool(left < would_be) and would_be * would_be > arrived * left


_NO_NORM = {"no error signal": "has none", "unreachable": "none reaches it", "exactly zero": "exactly 0"}


def _row(found: NodeDiagnosis) -> list[str]:
    def share(value: float | None) -> str:
        return "-" if value is None else percent(value)

    def ratio(value: float | None) -> str:
        return "-" if value is None else f"{number(value, 3)}×"

    shares, ratios = map(share, (found.saturated, found.dead, found.zero)), map(ratio, (found.passed_on, found.ratio))
    norm = number(found.norm) if found.state == "passes" else _NO_NORM.get(found.state, found.state)
    return [found.label, found.op, *shares, norm, *ratios, found.factor or "-"]
