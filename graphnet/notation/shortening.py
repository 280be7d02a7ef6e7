"""What a person leaves out when writing: ``1 · x``, ``x + 0``, ``−(−x)``, a condition that is always false."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from operator import is_
from typing import Any

import numpy as np

from graphnet.core.leaves import Constant
from graphnet.core.node import Node, made_like
from graphnet.core.op import Op
from graphnet.core.order import topological_order
from graphnet.core.shapes import Shape
from graphnet.engine.rewrite import Maker, is_number, is_scalar, unchanged
from graphnet.notation.formula import extent
from graphnet.notation.terms import Sized
from graphnet.ops.activations import Sigmoid
from graphnet.ops.arithmetic import Add, Divide, Exp, Expm1, Multiply, Negative, Subtract
from graphnet.ops.comparisons import Equal, Where, ZerosLike
from graphnet.ops.shaping import BroadcastTo

_ORIGIN = Constant(np.zeros(()), None)


class Shortener(Maker):
    """Makes the nodes of formulas: the same value and the same shape, written as a person would."""

    def __init__(self) -> None:
        super().__init__()
        self._extents: dict[Node, tuple[int, int]] = {}

    def extent(self, node: Node) -> tuple[int, int]:
        """Return how many symbols and operations a node's formula has, and how deep these are nested."""
        return self._extents.get(node, (1, 1))

    def number(self, value: float | bool) -> Node:
        """Return a number."""
        value = value if isinstance(value, bool) else float(value)
        return self.once(("number", repr(value)), lambda: Constant(np.asarray(value), None))

    def apply(self, op: Op, inputs: tuple[Node, ...], shape: Shape, sizes: Mapping[str, tuple[Any, ...]] = {}) -> Node:
        """Return an op applied to nodes as it is; `sizes` are settings that are known only when arrays are fed."""

        def make() -> Node:
            node = Sized(op, inputs, shape, sizes) if sizes else made_like(op, inputs, shape, _ORIGIN)
            self._extents[node] = extent(map(self.extent, inputs))
            return node

        return make() if sizes else self.once((type(op), op, shape, *map(id, inputs)), make)

    def call(self, op: Op, inputs: tuple[Node, ...], shape: Shape, sizes: Mapping[str, tuple[Any, ...]] = {}) -> Node:
        """Return an op applied to nodes, in short."""
        if isinstance(op, (Multiply, Divide, Add, Subtract)):
            inputs = _without_spreading(inputs, shape)
        if shape == () and inputs and all(is_scalar(source) for source in inputs):
            with np.errstate(all="ignore"):
                value = np.asarray(op.forward(*[source.value for source in inputs])).item()  # type: ignore[attr-defined]
            return self.number(value) if np.isfinite(value) else self.apply(op, inputs, shape, sizes)
        for shorter in (*unchanged(op, inputs), *self._shorter(op, inputs)):
            if (shorter.shape == shape and shape.count(None) < 2) or _is_truth(shorter):
                return shorter
        return self.apply(op, inputs, shape, sizes)

    def substitute(self, root: Node, replacements: Mapping[Node, Node]) -> Node:
        """Return a node with some of what it is made of replaced."""
        done = dict(replacements)
        for node in topological_order([root]):
            if node not in done:
                inputs = tuple(done[source] for source in node.inputs)
                same = node.op is None or all(map(is_, inputs, node.inputs))
                done[node] = node if same else self.call(node.op, inputs, node.shape, _sizes(node))  # type: ignore[arg-type]
        return done[root]

    def total(self, terms: Iterable[Node], shape: Shape) -> Node:
        """Return the sum of nodes, at least one. They are added in pairs, so that a thousand nest only ten deep."""
        left = list(terms)
        while len(left) > 1:
            pairs = zip(left[::2], left[1::2], strict=False)
            left = [*(self.call(Add(), pair, shape) for pair in pairs), *left[len(left) // 2 * 2 :]]
        return left[0]

    def _shorter(self, op: Op, inputs: tuple[Node, ...]) -> Iterator[Node]:
        """Yield nodes with the same entries but for rounding, though perhaps not of the same shape."""
        match op, inputs:
            case Multiply(), (x, y):
                yield from self._shorter_product(x, y, is_left=True)
                yield from self._shorter_product(y, x, is_left=False)
            case Add(), (x, y) if x is y:
                yield self.call(Multiply(), (self.number(2.0), x), x.shape)
            # (1 − t) σ(z) − t σ(−z): the numbers are better by it, σ(z) − t is what it means
            case Subtract(), (
                Node(op=Multiply(), inputs=(rest, Node(op=Sigmoid()) as a)),
                Node(op=Multiply(), inputs=(t, b)),
            ):
                opposite = self.call(Sigmoid(), (self.call(Negative(), a.inputs, a.shape),), a.shape)
                if rest is self.call(Subtract(), (self.number(1.0), t), t.shape) and b is opposite:
                    yield self.call(Subtract(), (a, t), a.shape)
            case Subtract(), (x, y) if is_number(x, 0.0):
                yield self.call(Negative(), (y,), y.shape)
            case Negative(), (Node(op=Expm1(), inputs=(x,)),):  # the numbers are better by it, 1 − eˣ is what it means
                yield self.call(Subtract(), (self.number(1.0), self.call(Exp(), (x,), x.shape)), x.shape)

    def _shorter_product(self, x: Node, y: Node, *, is_left: bool) -> Iterator[Node]:
        """Yield ways to write a product of x and y shorter, by what x is."""
        match x, y:
            case Constant(), Node(op=Multiply(), inputs=(one, other)) if x.shape == ():
                for number, z in ((one, other), (other, one)):
                    if is_scalar(number):
                        yield self.call(Multiply(), (self.number(x.value.item() * number.value.item()), z), y.shape)  # type: ignore[attr-defined]
            case Node(op=ZerosLike()), _:
                yield x
            case _, Node(op=Where(), inputs=(Node(op=Equal(), inputs=(share, zero)), nothing, z)):
                if share is x and is_number(zero, 0.0) and is_number(nothing, 0.0):  # 0 · ∞ counts as 0
                    yield self.call(Multiply(), (x, z) if is_left else (z, x), y.shape)
            case Node(op=BroadcastTo() as op, inputs=(z,)), _ if z.shape == () == y.shape:
                yield self.apply(op, (self.call(Multiply(), (z, y), ()),), x.shape, _sizes(x))


def mentions(root: Node, part: Node) -> int:
    """Count how often a node's formula mentions another."""
    count: dict[Node, int] = {}
    for node in topological_order([root]):
        count[node] = int(node is part) + sum(count[source] for source in node.inputs)
    return count[root]


def _without_spreading(inputs: tuple[Node, ...], shape: Shape) -> tuple[Node, ...]:
    """Return two operands, one of them not repeated to a larger shape if the other one has that shape anyway."""
    x, y = inputs
    if isinstance(x.op, BroadcastTo) and y.shape == shape:
        return x.inputs[0], y
    return (x, y.inputs[0]) if isinstance(y.op, BroadcastTo) and x.shape == shape else inputs


def _is_truth(node: Node) -> bool:
    return is_scalar(node) and node.dtype.kind == "b"


def _sizes(node: Node) -> Mapping[str, tuple[Any, ...]]:
    return node.sizes if isinstance(node, Sized) else {}
