"""The gradients of a graph as a graph of their own, to check their gradients."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from graphnet.check.differences import ROUNDING, Judged
from graphnet.check.findings import finding_of
from graphnet.check.report import Finding
from graphnet.core.graph import Graph
from graphnet.core.leaves import constant
from graphnet.core.node import Node
from graphnet.core.shapes import known
from graphnet.engine.feeds import leaf_values
from graphnet.engine.gradients import error_signal_nodes
from graphnet.engine.passes import Message
from graphnet.engine.plan.sizes import with_sizes
from graphnet.engine.rules import apply_backward
from graphnet.engine.run import propagate, run_forward
from graphnet.errors import UnreachableError

CLOSE = 1e-9
"""How far the gradient as a graph may be from the gradient on arrays, as a share of its largest entry."""


@dataclass(frozen=True)
class Slopes:
    """All gradients, summed in a random direction, as one scalar.

    Attributes
    ----------
    graph
        Its graph.
    feeds
        What its inputs are fed.
    leaves
        Of those differentiated by, the ones that it depends on.
    unlike
        A finding for each gradient that is another as a graph than on arrays.
    """

    graph: Graph
    feeds: dict[Any, Any]
    leaves: list[Node]
    unlike: list[Finding]


def slopes_of(graph: Graph, feeds: Mapping[Any, Any], leaves: Sequence[Node], rng: np.random.Generator) -> Slopes:
    """Build the gradients by these leaves, at the sizes fed.

    Raises
    ------
    UnreachableError
        If no error signal reaches any of them.
    """
    values = leaf_values(graph, feeds, np.float64)
    copies = with_sizes(graph, {node: values[node].shape for node in graph.inputs})
    fed = {copies[node]: values[node] for node in graph.inputs}
    outputs = [copies[node] for node in graph.outputs if node.dtype.kind == "f"]
    E = outputs[0]
    if len(outputs) != 1 or E.shape != ():
        E = _weighted(outputs, rng)
    sized = Graph(E)
    signals = error_signal_nodes(sized, [copies[leaf] for leaf in leaves if copies[leaf] in sized], constant(1.0))
    reached = [leaf for leaf in leaves if copies[leaf] in signals]
    if not reached:
        raise UnreachableError("no gradient to differentiate again", repair="Give leaves that the output depends on.")
    parts = [signals[copies[leaf]] for leaf in reached]
    unlike = _unlike(graph, sized, reached, [copies[leaf] for leaf in reached], parts, fed)
    slopes = Graph(_weighted(parts, rng))
    moving = [copies[leaf] for leaf in reached if copies[leaf] in slopes]
    return Slopes(slopes, {node: array for node, array in fed.items() if node in slopes}, moving, unlike)


def _weighted(nodes: Sequence[Node], rng: np.random.Generator) -> Node:
    """Return the sum of all entries of all nodes, each times a random number."""
    terms = [(node * rng.normal(size=known(node.shape, "a gradient"))).sum() for node in nodes]
    total = terms[0]
    for term in terms[1:]:
        total = total + term
    return total


def _unlike(
    graph: Graph,
    sized: Graph,
    leaves: Sequence[Node],
    copies: Sequence[Node],
    parts: Sequence[Node],
    fed: dict[Any, Any],
) -> list[Finding]:
    """Return a finding for each gradient that is another as a graph than on arrays."""
    both = Graph(*sized.outputs, *parts)
    values = run_forward(both, leaf_values(both, {n: x for n, x in fed.items() if n in both}, np.float64))
    messages: dict[Node, list[Message]] = {node: [] for node in sized.nodes}
    messages[sized.outputs[0]].append(Message(None, None, np.asarray(1.0)))
    signals = propagate(sized, values, messages, apply_backward)
    rounding = ROUNDING * max(float(np.max(np.abs(signal), initial=1.0)) for signal in signals.values())
    unlike = []
    for leaf, copy, part in zip(leaves, copies, parts, strict=True):
        one, other = np.asarray(signals[copy]), values[part]
        wrong = np.abs(one - other) > CLOSE * np.max(np.abs(one), initial=0.0) + rounding
        if wrong.any():
            judgement = np.where(wrong, "wrong", "right").ravel()
            judged = Judged(np.arange(one.size), other.ravel(), one.ravel(), judgement)
            label = graph.label(leaf)
            what = "a rule gives another gradient as a graph, given nodes, than on arrays"
            unlike.append(finding_of("second order gradient", leaf, label, None, label, one, judged, "wrong", what))
    return unlike
