"""What each node does to the error signal that passes it: diagnose."""

from __future__ import annotations

import html
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from graphnet.core.graph import Graph
from graphnet.core.node import Constant, Node, Parameter
from graphnet.core.tables import number, table
from graphnet.engine.passes import BackwardPass
from graphnet.errors import GraphError
from graphnet.explain.factors import rms
from graphnet.explain.slopes import Array, best_slope, local_slope
from graphnet.formulas.symbols import Symbols

State = Literal["no error signal", "unreachable", "not finite", "exactly zero", "passes"]

SATURATED = 0.05
"""A unit is saturated where its slope is below this share of the largest slope of its function."""

NOTABLE = 2.0
"""Times that an error signal must shrink or grow at a node to be spoken of."""


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
    state: State
    saturated: float | None
    dead: float | None
    zero: float
    norm: float | None
    passed_on: float | None
    ratio: float | None
    factor: str
    verdict: str


@dataclass(frozen=True, repr=False)
class Diagnosis:
    """What each node of a pass does to the error signal, the output first.

    Attributes
    ----------
    graph : Graph
        What was run.
    nodes : tuple of NodeDiagnosis
        In the order in which the error signal visits them.
    """

    graph: Graph
    nodes: tuple[NodeDiagnosis, ...]

    def __getitem__(self, node: Node | str) -> NodeDiagnosis:
        """Return what was found for a node."""
        label = self.graph.label(self.graph[node])
        return next(found for found in self.nodes if found.label == label)

    @property
    def findings(self) -> tuple[NodeDiagnosis, ...]:
        """The nodes with something to say of them."""
        return tuple(found for found in self.nodes if found.verdict)

    def __repr__(self) -> str:
        return str(self)

    def __str__(self) -> str:
        header = ["node", "op", "saturated", "dead", "zero", "|∂E/∂node|", "sends on", "of layer above", "factor"]
        lines = [table(header, [_row(found) for found in self.nodes])]
        findings = [f"- {verdict}" for verdict in self._verdicts()]
        shown = findings if len(findings) <= MOST else [*findings[:MOST], f"- and {len(findings) - MOST} more"]
        return "\n".join([*lines, "", *(shown or ["Nothing stands out: no error signal shrinks or is lost."])])

    def _verdicts(self) -> list[str]:
        """Return the verdicts, those of error signals that are zero for one reason in one line."""
        zeros: dict[str, list[str]] = {}
        for found in self.findings:
            if found.state == "exactly zero":
                zeros.setdefault(found.verdict.partition(": ")[2], []).append(repr(found.label))
        lines = [found.verdict for found in self.findings if found.state != "exactly zero"]
        for reason, labels in zeros.items():
            more = f" and {len(labels) - 8} more" if len(labels) > 8 else ""
            lines.append(f"exactly 0 are the error signals of {', '.join(labels[:8])}{more}: {reason}")
        return lines

    def _repr_html_(self) -> str:
        return f'<pre style="overflow-x:auto;font-family:monospace">{html.escape(str(self))}</pre>'

    def to_dict(self) -> dict[str, Any]:
        """Return it as plain data: one dict for each node, by label."""
        return {found.label: dict(vars(found)) for found in self.nodes}


MOST = 30
"""Verdicts that are printed."""


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
    (0.75, "the error signal shrinks 4.8× at 'a': 75 % of its units are saturated")
    """
    if not isinstance(bwd, BackwardPass):
        raise GraphError(
            f"diagnose takes a backward pass, got {type(bwd).__name__}",
            repair="A forward pass has no error signals: write diagnose(gn.backward(E, feeds)).",
        )
    above = _layers_above(bwd)
    cut_at: dict[Node, Node] = {}
    nodes = []
    for node in reversed(bwd.graph.nodes):
        _trace_zero(bwd, node, cut_at)
        nodes.append(_diagnose(bwd, node, above.get(node), cut_at))
    return Diagnosis(bwd.graph, tuple(nodes))


def _diagnose(bwd: BackwardPass, node: Node, above: Node | None, cut_at: Mapping[Node, Node]) -> NodeDiagnosis:
    graph, value = bwd.graph, bwd.values[node]
    label = graph.label(node)
    zero = 1 - np.count_nonzero(value) / value.size if value.size else 0.0
    signal = bwd.error_signals.get(node)
    state = _state(node, signal)
    if signal is None or state in ("no error signal", "unreachable"):
        return NodeDiagnosis(
            label,
            node.kind,
            state,
            None,
            None,
            zero,
            None,
            None,
            None,
            "",
            _of_none(node, label, state),
        )
    norm = _norm(signal)
    ratio = None
    if above is not None and (of_above := _norm(bwd.error_signals[above])):
        ratio = norm / of_above
    if state == "not finite":
        return NodeDiagnosis(label, node.kind, state, None, None, zero, norm, None, None, "", _of_not_finite(bwd, node))
    slope = local_slope(bwd, node)
    saturated, dead = (None, None) if slope is None else _shares(node, slope)
    sent = _sent_on(bwd, node)
    passed_on = _norm(*sent) / norm if sent and norm else None
    factor = _factor(node, slope, passed_on)
    verdict = (
        _of_zero(bwd, node, cut_at)
        if state == "exactly zero"
        else _of_change(bwd, node, passed_on, factor, saturated, dead, zero)
    )
    return NodeDiagnosis(label, node.kind, state, saturated, dead, zero, norm, passed_on, ratio, factor, verdict)


def _state(node: Node, signal: Array | None) -> State:
    if node.dtype.kind != "f":
        return "no error signal"
    if signal is None:
        return "unreachable"
    if not np.isfinite(signal).all():
        return "not finite"
    return "passes" if np.any(signal) else "exactly zero"


def _sent_on(bwd: BackwardPass, node: Node) -> list[Array]:
    """Return the messages along which the way back goes on: to other ops, not to the leaves where it ends."""
    sources = [source for source in dict.fromkeys(node.inputs) if source in bwd.error_signals]
    if len(node.inputs) > 1:
        sources = [source for source in sources if source.op is not None]
    return [message.delta for source in sources for message in bwd.messages(source) if message.consumer is node]


def _shares(node: Node, slope: Array) -> tuple[float, float]:
    """Return the shares of saturated entries and of dead units."""
    assert node.op is not None
    if not slope.size:
        return 0.0, 0.0
    best, flat = best_slope(node.op)
    size = np.abs(np.asarray(slope, float))
    low = size < SATURATED * best
    if flat:  # where relu is off its slope is 0, which is not saturation
        low &= size > 0
    units = size.reshape(-1, size.shape[-1]) if size.ndim else size.reshape(1, 1)
    dead = float((units == 0).all(axis=0).mean()) if flat else 0.0
    return float(low.mean()), dead


def _factor(node: Node, slope: Array | None, passed_on: float | None) -> str:
    if passed_on is None or passed_on > 1 / NOTABLE:
        return ""
    if slope is not None:
        return "slope"
    return "weights" if node.kind == "matmul" else "rule"


def _layers_above(bwd: BackwardPass) -> dict[Node, Node]:
    """Return for each pre-activation the nearest one on the way to the output."""
    graph = bwd.graph
    layers = Symbols(graph).pre_activations
    nearest: dict[Node, Node] = {}
    above: dict[Node, Node] = {}
    for node in reversed(graph.nodes):
        for consumer, _ in graph.consumers(node):
            found = consumer if consumer in layers else nearest.get(consumer)
            if found is not None and found in bwd.error_signals:
                nearest[node] = found
                break
        if node in layers and node in nearest:
            above[node] = nearest[node]
    return above


# Verdicts -----------------------------------------------------------------------------------------------------------


def _trace_zero(bwd: BackwardPass, node: Node, cut_at: dict[Node, Node]) -> None:
    """Note at which node the error signal of `node` became exactly zero, if it did."""
    signal = bwd.error_signals.get(node)
    if signal is None or np.any(signal):
        return
    for message in bwd.messages(node):
        if message.consumer is not None:
            cut_at[node] = cut_at.get(message.consumer, message.consumer)
            return


def _of_none(node: Node, label: str, state: State) -> str:
    if state == "unreachable" and not isinstance(node, Constant):
        return f"no error signal reaches {label!r}: no output depends on it smoothly, so none was computed"
    return ""


def _of_not_finite(bwd: BackwardPass, node: Node) -> str:
    label = bwd.graph.label(node)
    for consumer, _ in bwd.graph.consumers(node):
        if consumer in bwd.error_signals and not np.isfinite(bwd.error_signals[consumer]).all():
            return ""  # said of the first one
    return f"the error signal at {label!r} is the first that is not finite"


def _of_zero(bwd: BackwardPass, node: Node, cut_at: Mapping[Node, Node]) -> str:
    """Say why an error signal is exactly zero: of the first node that it is, and of parameters, which can't learn."""
    graph, label = bwd.graph, bwd.graph.label(node)
    cut = cut_at.get(node)
    if isinstance(node, Constant):
        return ""  # nobody asks for it
    if cut is None:
        return f"the error signal at {label!r} is exactly 0: it starts with 0"
    where = graph.label(cut)
    if not any(m.consumer is cut for m in bwd.messages(node)) and not isinstance(node, Parameter):
        return ""  # said of the first one
    slope = local_slope(bwd, cut)
    if slope is not None and not np.any(slope):
        reason = f"every unit of {where!r} has slope 0"
    elif not np.any(bwd.error_signals[cut]):
        reason = f"that at {where!r} is"
    elif cut.kind == "matmul" and any(not np.any(bwd.values[source]) for source in cut.inputs):
        zeros = next(graph.label(source) for source in cut.inputs if not np.any(bwd.values[source]))
        reason = f"{zeros!r} is exactly 0, and {where!r} multiplies by it"
    else:
        reason = f"{where!r} sends back zeros only"
    return f"the error signal at {label!r} is exactly 0: {reason}"


def _of_change(
    bwd: BackwardPass,
    node: Node,
    passed_on: float | None,
    factor: str,
    saturated: float | None,
    dead: float | None,
    zero: float,
) -> str:
    label = bwd.graph.label(node)
    if passed_on is None or (node.shape == () and passed_on):  # a norm of one number and one of many don't compare
        return ""
    if passed_on == 0:
        why = "every one of its units has slope 0" if factor == "slope" else "it sends back zeros only"
        return f"the error signal ends at {label!r}: {why}"
    if 1 / NOTABLE < passed_on < 10:
        if dead:
            return f"{_percent(dead)} of the units of {label!r} are dead: their slope is 0 in every sample"
        if saturated and saturated > 0.5:
            return f"{_percent(saturated)} of the units of {label!r} are saturated"
        return ""
    if passed_on >= 10:
        return f"the error signal grows {number(passed_on, 2)}× at {label!r}"
    shrinks = f"the error signal shrinks {number(1 / passed_on, 2)}× at {label!r}"
    if factor == "weights":
        weights = next((source for source in node.inputs if isinstance(source, Parameter)), node.inputs[-1])
        size = number(rms(bwd.values[weights]), 2)
        return f"{shrinks}: its weights {bwd.graph.label(weights)!r} are small, {size} in root mean square"
    if dead:
        return f"{shrinks}: {_percent(dead)} of its units are dead"
    if saturated:
        return f"{shrinks}: {_percent(saturated)} of its units are saturated"
    if factor == "slope":
        assert node.op is not None
        slopes, best = rms(local_slope(bwd, node)), best_slope(node.op)[0]
        return (
            f"{shrinks}: its slopes are {number(slopes, 2)} in root mean square, and can be {number(best, 2)} at most"
        )
    return shrinks


def _percent(share: float) -> str:
    if 0 < share < 0.005 or 0.995 < share < 1:
        return "under 1 %" if share < 0.5 else "over 99 %"
    return f"{100 * share:.0f} %"


def _norm(*arrays: Array) -> float:
    return float(np.sqrt(sum(float(np.sum(np.square(np.asarray(array, float)))) for array in arrays)))


def _row(found: NodeDiagnosis) -> list[str]:
    def share(value: float | None) -> str:
        return "-" if value is None else _percent(value)

    missing = {"no error signal": "has none", "unreachable": "none reaches it", "not finite": "not finite"}
    norm = missing.get(found.state) or ("exactly 0" if found.state == "exactly zero" else number(found.norm))
    passed_on = "-" if found.passed_on is None else f"{number(found.passed_on, 3)}×"
    ratio = "-" if found.ratio is None else f"{number(found.ratio, 3)}×"
    return [found.label, found.op, share(found.saturated), share(found.dead), share(found.zero), norm, passed_on, ratio,
            found.factor or "-"]  # fmt: skip
