"""Index letters: one for each axis of each value, the same for axes that an op lines up."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, TypeAlias

from graphnet.core.graph import Graph
from graphnet.core.node import Node
from graphnet.notation.axes import axes_along
from graphnet.ops.linear import Matmul
from graphnet.ops.losses import Loss

SAMPLE = "n"
Letters: TypeAlias = tuple[str | None, ...]
"""One letter an axis; None for an axis of size 1 that is not counted along."""


def letters_of_axes(graph: Graph) -> dict[str, Letters]:
    """Return a letter for each axis of each node, by label; axes that an op lines up share one.

    Examples
    --------
    >>> import graphnet as gn
    >>> x = gn.input("x", shape=(None, 2))
    >>> a = gn.tanh(x @ gn.parameter("W", [[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]), name="a")
    >>> letters = letters_of_axes(gn.Graph(gn.sum(a, name="E")))
    >>> letters["x"], letters["W"], letters["a"]
    (('n', 'j'), ('j', 'k'), ('n', 'k'))
    """
    from networkx.utils import UnionFind

    same = UnionFind((graph.label(node), axis) for node in graph.nodes for axis in range(node.ndim))
    for node in graph.nodes:
        for (one, axis), (other, other_axis) in _lined_up(node):
            same.union((graph.label(one), axis), (graph.label(other), other_axis))
    samples = next((same[graph.label(x), 0] for x in graph.inputs if x.ndim > 1 or None in x.shape), None)
    every = dict.fromkeys(same[graph.label(node), axis] for node in graph.nodes for axis in range(node.ndim))
    classes = [axis for axis in every if axis is not samples]
    names: dict[Any, str] = dict(zip(classes, _letters_for(len(classes)), strict=True))
    if samples is not None:
        names[samples] = SAMPLE
    return {
        graph.label(node): _distinct([names[same[graph.label(node), axis]] for axis in range(node.ndim)])
        for node in graph.nodes
    }


def _distinct(letters: Sequence[str]) -> tuple[str, ...]:
    """Return letters of which no two are alike: w_kk′ of a square W, not w_kk, its diagonal."""
    distinct: list[str] = []
    for letter in letters:
        while letter in distinct:
            letter += "′"
        distinct.append(letter)
    return tuple(distinct)


def _letters_for(count: int) -> list[str]:
    if count <= 3:
        return list("ijk"[3 - count :])
    plain = "ijklmpqrsuvwxyz"
    return [plain[i % len(plain)] + "′" * (i // len(plain)) for i in range(count)]


Axis: TypeAlias = tuple[Node, int]


def _lined_up(node: Node) -> Iterator[tuple[Axis, Axis]]:
    """Yield the axes that a node's op takes to run along with each other."""
    if node.op is None:
        return
    if isinstance(node.op, Loss):
        prediction, target = node.inputs
        yield from (((prediction, axis), (target, axis)) for axis in range(prediction.ndim))
    if isinstance(node.op, Matmul):
        x, y = node.inputs
        yield (x, x.ndim - 1), (y, max(y.ndim - 2, 0))
    all_along = axes_along(node.op, node.shape, [source.shape for source in node.inputs])
    for source, along in zip(node.inputs, all_along, strict=True):
        yield from (((source, axis), (node, to)) for axis, to in enumerate(along) if to is not None)
