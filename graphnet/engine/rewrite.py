"""Graphs written anew, for programs and formulas, with every value kept: sizes as numbers, composites as primitives.

Every composite is replaced by the primitives that its own forward rule builds. On the way equal nodes become one (common
subexpressions), what depends on constants alone is computed now, steps that change nothing, as a multiplication by the 1 that
∂E/∂E is, are left out, and a sum of squares becomes one product.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from graphnet import ops
from graphnet.common.origin import inside
from graphnet.core.graph import Graph
from graphnet.core.leaves import Constant, Input
from graphnet.core.node import Array, Node, made_like
from graphnet.core.op import Op, Primitive
from graphnet.core.registry import OPS
from graphnet.core.shapes import Shape, known
from graphnet.engine.rules import located, require_declared_sizes
from graphnet.errors import GraphnetError, UnknownSizeError
from graphnet.ops.elementwise import ElementwisePrimitive


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


# Steps that change nothing -------------------------------------------------------------------------------------------

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


# Composites as primitives --------------------------------------------------------------------------------------------

MOST_ENTRIES = 4096
"""Up to how many entries a constant may grow when it is computed beforehand; no memory is taken for larger ones."""


def lower(outputs: Sequence[Node], dtype: np.dtype[Any], done: Counter[str] | None = None) -> list[Node]:
    """Return nodes that compute the same as `outputs` through primitives and opaque ops only.

    Parameters
    ----------
    outputs
        Nodes of a graph whose sizes are all known.
    dtype
        What the program computes in; constants are cast to it.
    done
        Counts what was done, by name.
    """
    return _Lowering(dtype, Counter() if done is None else done).lower(outputs)


class _Lowering(Maker):
    def __init__(self, dtype: np.dtype[Any], counts: Counter[str]) -> None:
        super().__init__()
        self.dtype, self.counts = dtype, counts
        self.done: dict[Node, Node] = {}

    def lower(self, outputs: Sequence[Node]) -> list[Node]:
        done = self.done
        stack = [(output, False) for output in reversed(outputs)]
        while stack:
            node, inputs_done = stack.pop()
            if node in done:
                continue
            if node.op is None:
                done[node] = self._constant(node.value) if isinstance(node, Constant) else node
            elif inputs_done:
                done[node] = self._lowered(node, tuple(done[source] for source in node.inputs))
            else:
                stack.append((node, True))
                stack.extend((source, False) for source in reversed(node.inputs) if source not in done)
        return [done[output] for output in outputs]

    def _lowered(self, node: Node, inputs: tuple[Node, ...]) -> Node:
        """Return what stands for a node, given what stands for its inputs."""
        op = node.op
        assert op is not None
        kinds = {source.dtype.kind for source in inputs}
        promotes = kinds == {"b", "f"} and isinstance(op, ElementwisePrimitive)  # as NumPy does, to what is asked for
        if node.dtype.kind == "f" and kinds - {"f"} and not promotes:
            inputs = tuple(self._real(op, slot, source) for slot, source in enumerate(inputs))
        if isinstance(op, Primitive):
            return self._simplified(op, node, inputs)
        for source in inputs:
            self.done[source] = source  # so that lowering the expansion stops at what is lowered already
        try:
            with inside(node.name or node.scope):
                expansion = op.forward(*inputs)
        except Exception:  # of any kind: the rule asks of a node what only an array can do
            self.counts["opaque rules"] += 1
            return self._unique(op, node, inputs)  # one call of its own rule
        self.counts["composites expanded"] += 1
        if not isinstance(expansion, Node):
            return self._constant(np.broadcast_to(expansion, known(node.shape, op.name)))
        return self.lower([expansion])[0]

    def _real(self, op: Op, slot: int, source: Node) -> Node:
        """Return an operand as real numbers, as `as_reals` does: times 1 if it is computed or fed."""
        if source.dtype.kind == "f" or slot in op.choosing or OPS.get(op.name) is not type(op):
            return source
        if isinstance(source, Constant):
            return self._constant(source.value.astype(self.dtype))
        by = source, self._constant(np.ones((), self.dtype))
        found = self.once(("real", id(source)), lambda: made_like(ops.Multiply(), by, source.shape, source, self.dtype))
        self.done[found] = found
        return found

    def _simplified(self, op: Op, node: Node, inputs: tuple[Node, ...]) -> Node:
        if any(None in part.shape for part in (node, *inputs)):  # what a mask picks has no size before it is run
            return self._unique(op, node, inputs)
        if isinstance(op, (ops.ZerosLike, ops.OnesLike)):
            return self._filled(float(isinstance(op, ops.OnesLike)), node)
        for same in unchanged(op, inputs):
            if (same.shape, same.dtype) == (node.shape, node.dtype):
                self.counts["steps that change nothing left out"] += 1
                return same
        if isinstance(op, ops.Sum) and node.shape == () and isinstance(inputs[0].op, ops.Square):
            (z,) = inputs[0].inputs
            if z.dtype == node.dtype:
                return self._unique(SumOfSquares(), node, (z,))
        grows = node.size > max([MOST_ENTRIES, *(source.size for source in inputs)])
        if not grows and all(isinstance(source, Constant) for source in inputs):
            self.counts["constants computed"] += 1
            with np.errstate(all="ignore"):
                return self._constant(op.forward(*[source.value for source in inputs if isinstance(source, Constant)]))
        return self._unique(op, node, inputs)

    def _filled(self, value: float, node: Node) -> Node:
        """Return what stands for an array of one value: if it is large, one number seen everywhere."""
        shape = known(node.shape, "a program")
        if node.size <= MOST_ENTRIES:
            return self._constant(np.full(shape, value, self.dtype))
        return self._unique(ops.BroadcastTo(shape), node, (self._constant(np.asarray(value)),))

    def _unique(self, op: Op, node: Node, inputs: tuple[Node, ...]) -> Node:
        """Return the one node that applies `op` to `inputs`."""
        before = len(self.made)
        found = self.once((type(op), op, *map(id, inputs)), lambda: made_like(op, inputs, node.shape, node))
        if len(self.made) == before and found in self.done:
            self.counts["common subexpressions"] += 1
        self.done[found] = found
        return found

    def _constant(self, value: Any) -> Node:
        array = np.asarray(value)
        if array.dtype.kind == "f":
            array = array.astype(self.dtype)
        key = (array.dtype, array.shape, array.tobytes() if array.size <= 16 else object())
        found = self.once(key, lambda: Constant(np.array(array), None))
        self.done[found] = found
        return found


class SumOfSquares(Primitive):
    """Sum of squares of all entries, in one product of the array with itself."""

    def forward(self, z: Array) -> Array:
        """Compute Σ z²."""
        return np.vdot(z, z)

    def shape(self, z: Shape) -> Shape:
        """Return ()."""
        return ()


class Copy(Primitive):
    """A copy in memory of its own."""

    def forward(self, z: Array) -> Array:
        """Return the same values."""
        return z

    def shape(self, z: Shape) -> Shape:
        """Return the same shape."""
        return z
