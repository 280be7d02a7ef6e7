"""Rewrites that keep every value, for programs and formulas: sizes as numbers, each node once, none that changes nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from graphnet import ops
from graphnet.common.origin import inside
from graphnet.core.graph import Graph
from graphnet.core.leaves import Constant, Input
from graphnet.core.node import Node
from graphnet.core.op import Op
from graphnet.core.shapes import Shape, known
from graphnet.engine.rules import located, require_declared_sizes
from graphnet.errors import GraphnetError, UnknownSizeError


def with_sizes(graph: Graph, fed: Mapping[Input, tuple[int, ...]]) -> dict[Node, Node]:
    """Return, for each node of the graph, its copy in a graph whose inputs have the shapes fed.

    Parameters and constants stand for themselves: a program reads the very value that the user may change.
    """
    sized: dict[Node, Node] = {}
    with inside(""):
        for node in graph.nodes:
            if isinstance(node, Input):
                sized[node] = Input(None, (), fed[node], node.dtype)
            elif node.op is None:
                sized[node] = node
            else:
                inputs = tuple([sized[source] for source in node.inputs])
                sized[node] = Node(node.op, inputs, _shape(graph, node, inputs), node.dtype, graph.label(node))
    return sized


def depends_on_numbers(shape: Shape) -> UnknownSizeError:
    """Return the error of a value whose size is known only once it is computed."""
    return UnknownSizeError(
        f"the shape of its value, {shape}, depends on numbers: a program has its memory before there are any",
        repair="np.where(mask, z, 0) keeps the shape; gn.forward and gn.backward run what a mask picks, too.",
    )


def _shape(graph: Graph, node: Node, inputs: tuple[Node, ...]) -> tuple[int, ...]:
    """Return the shape of a node's value for inputs of known sizes, or raise an error that names the node."""
    assert node.op is not None
    shapes = [known(source.shape, node.op.name) for source in inputs]
    try:
        require_declared_sizes(node.op, node.inputs, shapes)
        found = node.op.shape_of(inputs)
        if None in found:
            raise depends_on_numbers(found)
        return known(found, node.op.name)
    except GraphnetError as error:
        raise located(error, graph, node) from None


ALONE_ALIKE = (ops.Sum, ops.Mean, ops.Max, ops.Reshape, ops.BroadcastTo)
"""Ops that change nothing where they do not change the shape."""


class Maker:
    """Makes nodes, the same one for the same op and inputs (common subexpressions)."""

    def __init__(self) -> None:
        self.made: dict[tuple[Any, ...], Node] = {}

    def once(self, key: tuple[Any, ...], make: Callable[[], Node]) -> Node:
        """Return the node that was made for `key`, or make it."""
        try:
            found = self.made.get(key)
        except TypeError:  # a setting that can't be compared
            return make()
        if found is None:
            found = self.made[key] = make()
        return found


def unchanged(op: Op, inputs: tuple[Node, ...]) -> Iterator[Node]:
    """Yield nodes that hold the entries of what `op` would compute, as x of x · 1, though perhaps in another shape or dtype."""
    match op, inputs:
        case ((ops.Multiply() | ops.Divide() | ops.Power()), (x, y)) if is_number(y, 1.0):
            yield x
        case ((ops.Add() | ops.Subtract()), (x, y)) if is_number(y, 0.0):
            yield x
        case ops.Negative(), (Node(op=ops.Negative(), inputs=(z,)),):
            yield z
        case ops.Where(), (Constant() as condition, x, y) if condition.shape == ():
            yield x if condition.value else y
        case ops.LogicalAnd(), (x, y):
            yield from (other for one, other in ((x, y), (y, x)) if is_number(one, True))
            yield from (one for one in inputs if is_number(one, False))
        case ops.LogicalOr(), (x, y):
            yield from (other for one, other in ((x, y), (y, x)) if is_number(one, False))
    if isinstance(op, ALONE_ALIKE):
        yield inputs[0]
    if (isinstance(op, ops.Multiply) and is_number(inputs[0], 1.0)) or (
        isinstance(op, ops.Add) and is_number(inputs[0], 0.0)
    ):
        yield inputs[1]


def is_scalar(node: Node) -> bool:
    """Tell whether a node is a number, or a truth value."""
    return isinstance(node, Constant) and node.shape == ()


def is_number(node: Node, value: float | bool) -> bool:
    """Tell whether a node is this number, or this truth value."""
    kind = "b" if isinstance(value, bool) else "f"
    return isinstance(node, Constant) and is_scalar(node) and node.dtype.kind == kind and bool(node.value == value)
