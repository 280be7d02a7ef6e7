"""What each node does to the error signal that passes it: diagnose."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from graphnet.core.node import Node
from graphnet.engine.passes import BackwardPass
from graphnet.errors import GraphError
from graphnet.explain.diagnosis import Diagnosis, NodeDiagnosis, State
from graphnet.explain.slopes import Array, best_slope, local_slope
from graphnet.explain.verdicts import NOTABLE, Verdicts
from graphnet.formulas.symbols import Symbols

SATURATED = 0.05
"""A unit is saturated where its slope is below this share of the largest slope of its function."""


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
    verdicts = Verdicts(bwd)
    found = [_measured(bwd, node, above.get(node)) for node in reversed(bwd.graph.nodes)]
    return Diagnosis(bwd.graph, tuple(replace(one, verdict=verdicts.of(one)) for one in found))


def _measured(bwd: BackwardPass, node: Node, above: Node | None) -> NodeDiagnosis:
    """Return what there is to measure at a node, without a verdict."""
    value, signal = bwd.values[node], bwd.error_signals.get(node)
    zero = 1 - np.count_nonzero(value) / value.size if value.size else 0.0
    state = _state(node, signal)
    found = NodeDiagnosis(bwd.graph.label(node), node.kind, state, zero=zero)
    if signal is None or state == "no error signal":
        return found
    norm = _norm(signal)
    if state == "not finite":
        return replace(found, norm=norm)
    of_above = 0.0 if above is None else _norm(bwd.error_signals[above])
    slope = local_slope(bwd, node)
    saturated, dead = (None, None) if slope is None else _shares(node, slope)
    sent = _sent_on(bwd, node)
    passed_on = _norm(*sent) / norm if sent and norm else None
    return replace(
        found,
        saturated=saturated,
        dead=dead,
        norm=norm,
        passed_on=passed_on,
        ratio=norm / of_above if of_above else None,
        factor=_factor(node, slope, passed_on),
    )


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


def _norm(*arrays: Array) -> float:
    return float(np.sqrt(sum(float(np.sum(np.square(np.asarray(array, float)))) for array in arrays)))
