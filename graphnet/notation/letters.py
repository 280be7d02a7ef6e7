"""Index letters: one for each axis of each value, the same for axes that an op lines up."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, TypeAlias

from graphnet.core.graph import Graph
from graphnet.core.node import Node
from graphnet.core.op import Op
from graphnet.core.shapes import Shape, normal_axes
from graphnet.notation.formula import Letters
from graphnet.notation.shortening import only_new_axes
from graphnet.ops.activations import AlongAxis
from graphnet.ops.elementwise import Elementwise
from graphnet.ops.linear import BiasAdd, Matmul, Transpose
from graphnet.ops.losses import Loss
from graphnet.ops.normalisation import Normalisation
from graphnet.ops.reductions import Reduction
from graphnet.ops.shaping import BroadcastTo, ExpandDims, Getitem, Index, Squeeze

SAMPLE = "n"


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


# Along which axis of the output each axis of an operand runs -----------------------------------------------------------

Along: TypeAlias = tuple[int | None, ...]
"""For each axis of an operand an axis of the output; None for one that ends in the op, or is stretched there."""


def axes_along(op: Op, output: Shape, operands: Sequence[Shape]) -> list[Along]:
    """Return where the axes of each operand go; all of them end in an op of which nothing is known.

    Examples
    --------
    >>> axes_along(Matmul(), (4, 3), [(4, 2), (2, 3)]), axes_along(BiasAdd(), (4, 3), [(4, 3), (3,)])
    ([(0, None), (None, 1)], [(0, 1), (1,)])
    """
    match op:
        case Matmul():
            x, y = operands
            stack = range(len(output) - (len(x) > 1) - (len(y) > 1))
            in_x, in_y = (stack[len(stack) - max(len(z) - 2, 0) :] for z in operands)
            row = [len(stack)] if len(x) > 1 else []
            column = [len(output) - 1] if len(y) > 1 else []
            return [(*in_x, *row, None), (*in_y, None, *column)]
        case Transpose(axes):
            order = list(axes or reversed(range(len(output))))
            return [tuple(map(order.index, range(len(order))))]
        case Reduction():
            (z,) = operands
            reduced = normal_axes(op.axis, len(z))
            if op.keepdims:
                return [tuple(None if axis in reduced else axis for axis in range(len(z)))]
            return [_without(reduced, len(z))]
        case Squeeze(axes):
            (z,) = operands
            return [_without(normal_axes(axes, len(z)), len(z))]
        case ExpandDims(axes):
            new = normal_axes(axes, len(output))
            return [tuple(axis for axis in range(len(output)) if axis not in new)]
        case Getitem(index) if only_new_axes(index):
            added = _new_axes(index, len(output))
            return [tuple(axis for axis in range(len(output)) if axis not in added)]
    if isinstance(op, (Elementwise, BiasAdd, AlongAxis, Normalisation, BroadcastTo)) or _keeps_shape(
        op, output, operands
    ):
        return [_aligned(output, operand) for operand in operands]
    return [(None,) * len(operand) for operand in operands]


def _without(gone: Sequence[int], ndim: int) -> Along:
    """Return where axes go if those of `gone` end, and the others move together."""
    places = iter(range(ndim))
    return tuple(None if axis in gone else next(places) for axis in range(ndim))


def _new_axes(index: Index, ndim: int) -> list[int]:
    """Return which axes of the output an index has added."""
    spread = index.index("...") if "..." in index else len(index)
    new = [i for i, item in enumerate(index[:spread]) if item is None]
    behind = index[spread + 1 :]
    return new + [ndim - len(behind) + i for i, item in enumerate(behind) if item is None]


def _aligned(output: Shape, operand: Shape) -> Along:
    extra = len(output) - len(operand)
    return tuple(None if size == 1 and output[extra + axis] != 1 else extra + axis for axis, size in enumerate(operand))


def _keeps_shape(op: Op, output: Shape, operands: Sequence[Shape]) -> bool:
    """Tell whether it is an op of one's own that most likely works entry by entry."""
    return not type(op).__module__.startswith("graphnet.ops") and all(operand == output for operand in operands)
