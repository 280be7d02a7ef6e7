"""Index letters: one for each axis of each value, the same for axes that an op lines up."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, TypeAlias

from graphnet.core.graph import Graph
from graphnet.core.node import Node
from graphnet.core.shapes import normal_axes
from graphnet.ops.activations import AlongAxis
from graphnet.ops.elementwise import Elementwise
from graphnet.ops.linear import BiasAdd, Matmul, Transpose
from graphnet.ops.losses import Loss
from graphnet.ops.normalisation import Normalisation
from graphnet.ops.reductions import Reduction
from graphnet.ops.shaping import BroadcastTo, ExpandDims, Squeeze

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
    op = node.op
    match op:
        case Loss():
            prediction, target = node.inputs
            yield from (((prediction, axis), (target, axis)) for axis in range(prediction.ndim))
        case Matmul():
            x, y = node.inputs
            yield (x, x.ndim - 1), (y, max(y.ndim - 2, 0))
            if x.ndim > 1:
                yield (x, x.ndim - 2), (node, node.ndim - (2 if y.ndim > 1 else 1))
            if y.ndim > 1:
                yield (y, y.ndim - 1), (node, node.ndim - 1)
            for stack in (x, y):
                for axis in range(stack.ndim - 2):
                    yield (stack, axis), (node, node.ndim - stack.ndim + axis + (0 if stack is x or x.ndim > 1 else 1))
        case Transpose(axes):
            order = axes or tuple(reversed(range(node.ndim)))
            yield from (((node.inputs[0], axis), (node, i)) for i, axis in enumerate(order))
        case Reduction():
            (z,) = node.inputs
            reduced = normal_axes(op.axis, z.ndim)
            kept = [axis for axis in range(z.ndim) if axis not in reduced]
            places = kept if op.keepdims else range(len(kept))
            yield from (((z, axis), (node, i)) for axis, i in zip(kept, places, strict=True))
        case Squeeze(axes):
            (z,) = node.inputs
            gone = normal_axes(axes, z.ndim)
            yield from (((z, a), (node, i)) for i, a in enumerate(a for a in range(z.ndim) if a not in gone))
        case ExpandDims(axes):
            (z,) = node.inputs
            new = normal_axes(axes, node.ndim)
            yield from (((z, i), (node, a)) for i, a in enumerate(a for a in range(node.ndim) if a not in new))
        case None:
            return
        case _ if isinstance(op, (Elementwise, BiasAdd, AlongAxis, Normalisation, BroadcastTo)) or _keeps_shape(node):
            for source in node.inputs:
                extra = node.ndim - source.ndim
                for axis, size in enumerate(source.shape):
                    if size == node.shape[extra + axis]:
                        yield (source, axis), (node, extra + axis)


def _keeps_shape(node: Node) -> bool:
    """Tell whether it is an op of one's own that most likely works entry by entry."""
    return not type(node.op).__module__.startswith("graphnet.ops") and all(
        source.shape == node.shape for source in node.inputs
    )
