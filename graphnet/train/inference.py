"""Inference: the same network as it is used after training, as another graph."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, overload

import numpy as np

from graphnet.core.graph import Graph, Target, as_graph
from graphnet.core.leaves import constant
from graphnet.core.node import Node, describe
from graphnet.core.origin import inside
from graphnet.engine.run import forward
from graphnet.errors import FeedError, GraphError
from graphnet.ops.activations import identity
from graphnet.ops.arithmetic import divide
from graphnet.ops.dropout import Dropout
from graphnet.ops.normalisation import BatchNorm


@overload
def inference(target: Node, feeds: Mapping[Any, Any] | None = None) -> Node: ...
@overload
def inference(target: Target, feeds: Mapping[Any, Any] | None = None) -> Node | Graph: ...
def inference(target: Target, feeds: Mapping[Any, Any] | None = None) -> Node | Graph:
    """Return the network as it is used after training: dropout left out, batch normalisation with fixed numbers.

    Nodes are immutable and hold no state, so there is no switch from training to inference: they are two graphs with the
    same parameters. The mean and variance of each batch normalisation become constants: those of the samples fed here,
    taken as one batch, layer after layer. That is what running averages estimate; here it is measured, once, and a picture
    of the graph shows it.

    Parameters
    ----------
    target
        The output, several, or a graph.
    feeds
        Training data, all of it or some thousand samples, for what the batch normalisations depend on. Needed only if there
        are any.

    Returns
    -------
    Node or Graph
        A node for a node, else a graph. It is the very same one if there is nothing to change. Parameters and inputs are
        the same nodes: training E further changes both.

    Raises
    ------
    GraphError
        If there are batch normalisations, and no feeds.
    FeedError, ShapeError, DtypeError, RuleError
        As for `forward`.

    Examples
    --------
    >>> import graphnet as gn
    >>> x = gn.input("x", shape=(None, 1))
    >>> a = gn.layers.dropout(gn.batch_norm(x), rate=0.5)
    >>> a = gn.inference(a, {x: [[1.0], [3.0]]})  # mean 2, variance 1
    >>> gn.forward(a, {x: [[4.0]]})[a].round(3)
    array([[2.]])
    """
    if feeds is not None and not isinstance(feeds, Mapping):
        raise FeedError(f"feeds must be a dict, got {type(feeds).__name__}", repair="Write {x: X}.")
    plain = without_dropout(as_graph(target))
    fixed = with_statistics(plain, feeds)
    return fixed.outputs[0] if isinstance(target, Node) else fixed


def without_dropout(graph: Graph) -> Graph:
    """Return the graph with each dropout replaced by its input."""
    new = _replaced(graph, {node: None for node in graph.nodes if isinstance(node.op, Dropout)})
    return Graph(*(new[node] for node in graph.outputs))


def with_statistics(graph: Graph, feeds: Mapping[Any, Any] | None) -> Graph:
    """Return the graph with the mean and variance of each batch normalisation fixed to those of the samples fed."""
    norms = batch_norms(graph)
    if norms and feeds is None:
        raise GraphError(
            f"the mean and variance of {describe(norms[0], graph.label(norms[0]))} are not known",
            repair="Measure them on training data: gn.inference(a, {x: X}).",
        )
    new = _replaced(graph, _statistics(graph, norms, feeds or {}))
    return Graph(*(new[node] for node in graph.outputs))


def batch_norms(graph: Graph) -> list[Node]:
    """Return the batch normalisations of a graph."""
    return [node for node in graph.nodes if isinstance(node.op, BatchNorm)]


Statistics = tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]


def _statistics(graph: Graph, norms: list[Node], feeds: Mapping[Any, Any]) -> dict[Node, Statistics]:
    """Return the mean of each batch normalisation's input, and the root of its variance plus ε."""
    if not norms:
        return {}
    before = Graph(*dict.fromkeys(norm.inputs[0] for norm in norms))
    needed = {*before.inputs, *(node.name for node in before.inputs)}
    values = forward(before, {key: array for key, array in feeds.items() if key in needed})
    statistics = {}
    for norm in norms:
        op, z = norm.op, values[norm.inputs[0]]
        assert isinstance(op, BatchNorm)
        op.shape(z.shape)
        deviation = np.sqrt(np.var(z, axis=op.axes, keepdims=True) + op.epsilon)
        statistics[norm] = np.mean(z, axis=op.axes, keepdims=True), deviation
    return statistics


def _replaced(graph: Graph, changes: Mapping[Node, Statistics | None]) -> dict[Node, Node]:
    """Return what stands for each node, when some are left out (None) or get fixed statistics; nodes before them stay."""
    new: dict[Node, Node] = {}
    for node in graph.nodes:
        inputs = tuple(new[source] for source in node.inputs)
        if node in changes:
            new[node] = _changed(graph, node, inputs[0], changes[node])
        elif all(mine is theirs for mine, theirs in zip(inputs, node.inputs, strict=True)):
            new[node] = node
        else:
            with inside(node.scope):
                new[node] = Node(node.op, inputs, node.shape, node.dtype, _own_name(node))
    return new


def _changed(graph: Graph, node: Node, z: Node, statistics: Statistics | None) -> Node:
    """Return what stands for a dropout, or for a batch normalisation; a name that was given stays."""
    name = _own_name(node)
    if statistics is None:
        with inside(node.scope):
            return z if name is None else identity(z, name=name)
    with inside(graph.label(node)):
        mean, deviation = (constant(v, name=what) for v, what in zip(statistics, ("mean", "deviation"), strict=True))
        centred = z - mean
    with inside(node.scope):
        return divide(centred, deviation, name=name)  # type: ignore[no-any-return]


def _own_name(node: Node) -> str | None:
    return node.name.removeprefix(f"{node.scope}/") if node.name and node.scope else node.name
