"""What each node does to the error signal that passes it: diagnose."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from graphnet.common.cached import cached_property
from graphnet.common.tables import html_table, number, table
from graphnet.common.text import markup
from graphnet.core.graph import Graph
from graphnet.core.leaves import Constant, Parameter
from graphnet.core.node import Node, Numbers
from graphnet.engine.passes import BackwardPass
from graphnet.errors import GraphError
from graphnet.notation.symbols import Symbols
from graphnet.notation.verdicts import (
    NOTABLE,
    Units,
    of_all_layers,
    of_change,
    of_equal_units,
    of_not_finite,
    of_unreachable,
    of_zero,
    percent,
    said,
)

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
        return str(self)

    def __str__(self) -> str:
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
    above = _layers_above(bwd)
    cut_at: dict[Node, Node] = {}
    nodes = []
    sent = _messages_of_each(bwd)
    for node in reversed(bwd.graph.nodes):
        _trace_zero(bwd, node, cut_at)
        nodes.append(_diagnose(bwd, node, above.get(node), cut_at, sent[node]))
    return Diagnosis(bwd.graph, tuple(nodes), _of_all_layers(bwd, above))


def _diagnose(
    bwd: BackwardPass,
    node: Node,
    above: Node | None,
    cut_at: Mapping[Node, Node],
    messages: Sequence[tuple[Node, Numbers]],
) -> NodeDiagnosis:
    label, value = bwd.graph.label(node), bwd.values[node]
    zero = 1 - np.count_nonzero(value) / value.size if value.size else 0.0
    signal = bwd.error_signals.get(node)
    state = _state(node, signal)
    saturated = dead = norm = passed_on = ratio = None
    factor = verdict = ""
    if state == "unreachable" and not isinstance(node, Constant):
        verdict = of_unreachable(label)
    elif signal is not None and state != "no error signal":
        norm = _norm(signal)
        if above is not None and (of_above := _norm(bwd.error_signals[above])):
            ratio = norm / of_above
        if state == "not finite":
            verdict = of_not_finite(bwd, node)
        else:
            units = Units.of(bwd, node)
            saturated, dead = (None, None) if units is None else (units.share_saturated, units.share_dead)
            sent = _sent_on(node, messages)
            passed_on = _norm(*sent) / norm if sent and norm else None
            factor = _factor(node, units, passed_on)
            if state == "exactly zero":
                verdict = of_zero(bwd, node, cut_at)
            elif passed_on is not None:
                verdict = of_change(bwd, node, passed_on, factor, units)
            elif isinstance(node, Parameter):
                verdict = of_equal_units(bwd, node)
    return NodeDiagnosis(label, node.kind, state, saturated, dead, zero, norm, passed_on, ratio, factor, verdict)


def _state(node: Node, signal: Numbers | None) -> _State:
    if node.dtype.kind != "f":
        return "no error signal"
    if signal is None:
        return "unreachable"
    if not np.isfinite(signal).all():
        return "not finite"
    return "passes" if np.any(signal) else "exactly zero"


def _messages_of_each(bwd: BackwardPass) -> Mapping[Node, list[tuple[Node, Numbers]]]:
    """Return for each node the messages that it sent: to which input, and the array."""
    sent: dict[Node, list[tuple[Node, Numbers]]] = {node: [] for node in bwd.graph.nodes}
    for source in bwd.error_signals:
        for message in bwd.messages(source):
            if message.consumer is not None:
                sent[message.consumer].append((source, message.delta))
    return sent


def _sent_on(node: Node, messages: Sequence[tuple[Node, Numbers]]) -> list[Numbers]:
    """Return the messages along which the way back goes on: to other ops, not to the leaves where it ends."""
    return [delta for source, delta in messages if len(node.inputs) == 1 or source.op is not None]


def _factor(node: Node, units: Units | None, passed_on: float | None) -> str:
    if passed_on is None or passed_on > 1 / NOTABLE or node.shape == ():  # one number's norm and many's don't compare
        return ""
    if units is not None:
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


def _of_all_layers(bwd: BackwardPass, above: Mapping[Node, Node]) -> str:
    """Say what becomes of the error signal on the way from the last layer to the first."""
    first = next((node for node in bwd.graph.nodes if node in above), None)
    chain = [first] if first is not None else []
    while chain and chain[-1] in above:
        chain.append(above[chain[-1]])
    return of_all_layers([bwd.graph.label(node) for node in chain], [_norm(bwd.error_signals[node]) for node in chain])


def _trace_zero(bwd: BackwardPass, node: Node, cut_at: dict[Node, Node]) -> None:
    """Note at which node the error signal of `node` became exactly zero, if it did."""
    signal = bwd.error_signals.get(node)
    if signal is None or np.any(signal):
        return
    for message in bwd.messages(node):
        if message.consumer is not None:
            cut_at[node] = cut_at.get(message.consumer, message.consumer)
            return


def _norm(*arrays: Numbers) -> float:
    return float(np.sqrt(sum(float(np.sum(np.square(np.asarray(array, float)))) for array in arrays)))


def _row(found: NodeDiagnosis) -> list[str]:
    def share(value: float | None) -> str:
        return "-" if value is None else percent(value)

    missing = {"no error signal": "has none", "unreachable": "none reaches it", "not finite": "not finite"}
    norm = missing.get(found.state) or ("exactly 0" if found.state == "exactly zero" else number(found.norm))
    passed_on = "-" if found.passed_on is None else f"{number(found.passed_on, 3)}×"
    ratio = "-" if found.ratio is None else f"{number(found.ratio, 3)}×"
    return [found.label, found.op, share(found.saturated), share(found.dead), share(found.zero), norm, passed_on, ratio,
            found.factor or "-"]  # fmt: skip
