"""What formulas are made of beside ops, made as short as a person would write it, and run."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from operator import is_
from typing import Any, Literal, Protocol

import numpy as np

from graphnet import ops
from graphnet.core.leaves import Constant
from graphnet.core.node import Node, made_like
from graphnet.core.op import Op
from graphnet.core.order import topological_order
from graphnet.core.shapes import Shape
from graphnet.engine.rewrite import Maker, is_number, is_scalar, unchanged
from graphnet.errors import GraphError
from graphnet.notation.names import Letters, Symbol


class ByLabel(Protocol):
    """Arrays by the label of their node: a dict, or a pass."""

    def __getitem__(self, label: str, /) -> Any:
        """Return the array."""


class Leaf(Node):
    """What a formula is made of: an array of a pass, or the size of one of its axes.

    Attributes
    ----------
    role : str
        ``"value"`` of a node, as the forward pass cached it; its ``"error signal"``, ∂E/∂a, or ``"delta"`` if it is a
        pre-activation's, δ(z), so that they are never mixed up; or the ``"size"`` of an axis, known only when arrays are fed.
    label : str
        The node's.
    symbol : Symbol
        What it is called.
    detail : Symbol or int
        Of an error signal, the symbol of E; of a size, the axis.
    """

    __slots__ = ("detail", "label", "role", "symbol")
    role: Literal["value", "error signal", "delta", "size"]
    label: str
    symbol: Symbol
    detail: Any

    def __init__(self, role: str, label: str, symbol: Symbol, shape: Shape, detail: Any = None) -> None:
        super().__init__(None, (), shape, np.dtype(float))
        for name, value in (("role", role), ("label", label), ("symbol", symbol), ("detail", detail)):
            object.__setattr__(self, name, value)

    @property
    def is_signal(self) -> bool:
        """Whether it is an error signal."""
        return self.role in ("error signal", "delta")

    def of(self, values: ByLabel, signals: ByLabel | None) -> Any:
        """Look it up in a pass."""
        try:
            found = (signals or {})[self.label] if self.is_signal else values[self.label]
        except KeyError:
            what = "error signal" if self.is_signal else "value"
            raise GraphError(f"there is no {what} of {self.label!r}", repair=f"Give the {what}s of a pass.") from None
        return np.shape(found)[self.detail] if self.role == "size" else found


class Sized(Node):
    """A node whose op has settings that are known only when arrays are fed, with nodes in place of sizes."""

    __slots__ = ("sizes",)
    sizes: Mapping[str, tuple[Any, ...]]

    def __init__(self, op: Op, inputs: tuple[Node, ...], shape: Shape, sizes: Mapping[str, tuple[Any, ...]]) -> None:
        super().__init__(op, inputs, shape, np.dtype(float))
        object.__setattr__(self, "sizes", sizes)

    def fed(self, values: ByLabel) -> Op:
        """Return the op with the sizes of a pass."""
        assert self.op is not None
        return replace(self.op, **{name: _fed(sizes, values) for name, sizes in self.sizes.items()})


def _fed(sizes: Any, values: ByLabel) -> Any:
    """Return sizes, in tuples however deep, with numbers in place of nodes."""
    if isinstance(sizes, tuple):
        return tuple(_fed(size, values) for size in sizes)
    return int(run(sizes, values)) if isinstance(sizes, Node) else sizes


# Entry by entry: an array has one axis for each letter, counted from the last, so that NumPy lines letters up -----------


@dataclass(frozen=True)
class Entry(Op):
    """The entry of an array at an index for each axis; `places` says which axis from the last each letter has."""

    indices: Letters
    places: tuple[int, ...]

    def forward(self, z: Any) -> Any:
        """Put the axes of the letters in their places."""
        z = np.asarray(z)[tuple(0 if index is None else slice(None) for index in self.indices)]
        order = sorted(set(self.places), reverse=True)
        z = np.einsum(z, list(self.places), order)
        sizes = dict(zip(order, z.shape, strict=True))
        return z.reshape([sizes.get(place, 1) for place in range(max(order, default=-1), -1, -1)])


@dataclass(frozen=True)
class SumOver(Op):
    """A sum over one letter, which runs to a count."""

    letter: str
    place: int

    def forward(self, z: Any, count: Any) -> Any:
        """Sum along the letter's axis, and keep it."""
        if z.ndim <= self.place or z.shape[-1 - self.place] == 1:
            return z * count
        return z.sum(-1 - self.place, keepdims=True)


def fold(root: Node, make: Callable[[Node, list[Any]], Any]) -> Any:
    """Return what is made of a node and of what was made of its inputs, in topological order."""
    found: dict[Node, Any] = {}
    for node in topological_order([root]):
        found[node] = make(node, [found[source] for source in node.inputs])
    return found[root]


def run(root: Node, values: ByLabel, signals: ByLabel | None = None) -> Any:
    """Compute a node from the leaves of its formula."""

    def value(node: Node, inputs: list[Any]) -> Any:
        if isinstance(node, Leaf):
            return np.asarray(node.of(values, signals))
        if isinstance(node, Constant):
            return node.value
        op = node.fed(values) if isinstance(node, Sized) else node.op
        assert op is not None
        return np.asarray(op.forward(*inputs))

    return fold(root, value)


def extent(root: Node) -> tuple[int, int]:
    """Return how many symbols and operations a formula has, and how deep these are nested."""

    def extent_of(_: Node, inputs: list[tuple[int, int]]) -> tuple[int, int]:
        return 1 + sum(size for size, _ in inputs), 1 + max((depth for _, depth in inputs), default=0)

    return fold(root, extent_of)  # type: ignore[no-any-return]


def mentions(root: Node, part: Node) -> int:
    """Count how often a node's formula mentions another."""
    return fold(root, lambda node, counts: int(node is part) + sum(counts))  # type: ignore[no-any-return]


# What a person leaves out when writing: ``1 · x``, ``x + 0``, ``−(−x)``, a condition that is always false -------------

_ORIGIN = Constant(np.zeros(()), None)


class Shortener(Maker):
    """Makes the nodes of formulas: the same value and the same shape, written as a person would."""

    def number(self, value: float | bool) -> Node:
        """Return a number."""
        value = value if isinstance(value, bool) else float(value)
        return self.once(("number", repr(value)), lambda: Constant(np.asarray(value), None))

    def apply(self, op: Op, inputs: tuple[Node, ...], shape: Shape, sizes: Mapping[str, tuple[Any, ...]] = {}) -> Node:
        """Return an op applied to nodes as it is; `sizes` are settings that are known only when arrays are fed."""
        if sizes:
            return Sized(op, inputs, shape, sizes)
        return self.once((type(op), op, shape, *map(id, inputs)), lambda: made_like(op, inputs, shape, _ORIGIN))

    def call(self, op: Op, inputs: tuple[Node, ...], shape: Shape, sizes: Mapping[str, tuple[Any, ...]] = {}) -> Node:
        """Return an op applied to nodes, in short."""
        if isinstance(op, (ops.Multiply, ops.Divide, ops.Add, ops.Subtract)):
            inputs = _without_spreading(inputs, shape)
        if shape == () and inputs and all(is_scalar(source) for source in inputs):
            with np.errstate(all="ignore"):
                value = np.asarray(op.forward(*[source.value for source in inputs])).item()  # type: ignore[attr-defined]
            return self.number(value) if np.isfinite(value) else self.apply(op, inputs, shape, sizes)
        for shorter in (*unchanged(op, inputs), *self._shorter(op, inputs)):
            is_truth = is_scalar(shorter) and shorter.dtype.kind == "b"
            if (shorter.shape == shape and shape.count(None) < 2) or is_truth:
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
            left = [*(self.call(ops.Add(), pair, shape) for pair in pairs), *left[len(left) // 2 * 2 :]]
        return left[0]

    def _shorter(self, op: Op, inputs: tuple[Node, ...]) -> Iterator[Node]:
        """Yield nodes with the same entries but for rounding, though perhaps not of the same shape."""
        match op, inputs:
            case ops.Multiply(), (x, y):
                yield from self._shorter_product(x, y, is_left=True)
                yield from self._shorter_product(y, x, is_left=False)
            case ops.Add(), (x, y) if x is y:
                yield self.call(ops.Multiply(), (self.number(2.0), x), x.shape)
            # (1 − t) σ(z) − t σ(−z): the numbers are better by it, σ(z) − t is what it means
            case ops.Subtract(), (
                Node(op=ops.Multiply(), inputs=(rest, Node(op=ops.Sigmoid()) as a)),
                Node(op=ops.Multiply(), inputs=(t, b)),
            ):
                opposite = self.call(ops.Sigmoid(), (self.call(ops.Negative(), a.inputs, a.shape),), a.shape)
                if rest is self.call(ops.Subtract(), (self.number(1.0), t), t.shape) and b is opposite:
                    yield self.call(ops.Subtract(), (a, t), a.shape)
            case ops.Subtract(), (x, y) if is_number(x, 0.0):
                yield self.call(ops.Negative(), (y,), y.shape)
            case ops.Negative(), (
                Node(op=ops.Expm1(), inputs=(x,)),
            ):  # the numbers are better by it, 1 − eˣ is what it means
                yield self.call(ops.Subtract(), (self.number(1.0), self.call(ops.Exp(), (x,), x.shape)), x.shape)

    def _shorter_product(self, x: Node, y: Node, *, is_left: bool) -> Iterator[Node]:
        """Yield ways to write a product of x and y shorter, by what x is."""
        match x, y:
            case Constant(), Node(op=ops.Multiply(), inputs=(one, other)) if x.shape == ():
                for number, z in ((one, other), (other, one)):
                    if is_scalar(number):
                        yield self.call(ops.Multiply(), (self.number(x.value.item() * number.value.item()), z), y.shape)  # type: ignore[attr-defined]
            case Node(op=ops.ZerosLike()), _:
                yield x
            case _, Node(op=ops.Where(), inputs=(Node(op=ops.Equal(), inputs=(share, zero)), nothing, z)):
                if share is x and is_number(zero, 0.0) and is_number(nothing, 0.0):  # 0 · ∞ counts as 0
                    yield self.call(ops.Multiply(), (x, z) if is_left else (z, x), y.shape)
            case Node(op=ops.BroadcastTo() as op, inputs=(z,)), _ if z.shape == () == y.shape:
                yield self.apply(op, (self.call(ops.Multiply(), (z, y), ()),), x.shape, _sizes(x))


def _without_spreading(inputs: tuple[Node, ...], shape: Shape) -> tuple[Node, ...]:
    """Return two operands, one of them not repeated to a larger shape if the other one has that shape anyway."""
    x, y = inputs
    if isinstance(x.op, ops.BroadcastTo) and y.shape == shape:
        return x.inputs[0], y
    return (x, y.inputs[0]) if isinstance(y.op, ops.BroadcastTo) and x.shape == shape else inputs


def _sizes(node: Node) -> Mapping[str, tuple[Any, ...]]:
    return node.sizes if isinstance(node, Sized) else {}
