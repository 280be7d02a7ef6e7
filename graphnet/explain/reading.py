"""Reading rules as formulas: a rule is run on nodes, and the nodes that it made are read back as mathematics."""

from __future__ import annotations

import fractions
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np

from graphnet.core.graph import Graph
from graphnet.core.node import Constant, Input, Node
from graphnet.core.op import Primitive
from graphnet.core.order import topological_order
from graphnet.engine.gradients import BackwardOf, message_nodes
from graphnet.errors import GraphnetError, RuleError, UnknownSizeError
from graphnet.explain.formula import Call, Count, Formula, Literal, Number, Signal, Value
from graphnet.explain.simplify import call
from graphnet.explain.symbols import Symbol, Symbols
from graphnet.ops.activations import LogSoftmax, Sigmoid, Softmax, Softplus
from graphnet.ops.arithmetic import Divide, Multiply

LARGEST, DEEPEST = 400, 60
"""Of a rule whose formula would be larger or deeper, only the name is given."""

_KNOWN_BY_NAME = (Sigmoid, Softplus, Softmax, LogSoftmax)
"""Ops whose forward rule is a detour that never overflows, and whose name says more."""


@dataclass(frozen=True)
class Reader:
    """Reads the rules of one graph's nodes.

    Attributes
    ----------
    graph : Graph
        Whose nodes.
    symbols : Symbols
        What they are called.
    """

    graph: Graph
    symbols: Symbols

    @staticmethod
    def of(graph: Graph) -> Reader:
        """Return the reader of a graph."""
        return Reader(graph, Symbols(graph))

    def value(self, node: Node) -> Formula:
        """Return the symbol of a node's value; of a constant number, the number."""
        if isinstance(node, Constant) and node.shape == () and node.name is None:
            return Number(node.value.item())
        return Value(self.graph.label(node), self.symbols[node], node.shape)

    def signal(self, node: Node) -> Signal:
        """Return the symbol of a node's error signal."""
        first = self.graph.outputs[0]
        output = self.symbols[first] if first.shape == () else Symbol("E")
        is_z = node in self.symbols.pre_activations
        return Signal(self.graph.label(node), self.symbols[node], node.shape, is_z, output)

    def starts_with_one(self, node: Node) -> bool:
        """Tell whether a node's error signal is ∂E/∂E = 1 and nothing else."""
        return len(self.graph.outputs) == 1 and self.graph.outputs[0] is node and node.shape == ()

    def forward(self, node: Node) -> Formula:
        """Return what a node computes from its inputs."""
        op = node.op
        assert op is not None
        args = tuple(self.value(source) for source in node.inputs)
        named = call(op, args, node.shape)
        if isinstance(op, (Primitive, *_KNOWN_BY_NAME)):
            return named
        places = _places(node.inputs)
        try:
            result = op.forward(*[places[source] for source in node.inputs])
        except Exception:  # what only arrays can answer, of any kind: the op's name must do
            return named
        leaves = {places[source]: arg for source, arg in zip(node.inputs, args, strict=True)}
        return (_read(result, leaves) if isinstance(result, Node) else None) or named

    def messages(self, node: Node) -> tuple[Formula | None, ...]:
        """Return what a node's backward rule sends to each input; None where it sends nothing.

        Raises
        ------
        NoBackwardRuleError, RuleError
            If the op has no backward rule, or its rule returns the wrong count or shape.
        UnknownSizeError
            If the rule needs a size that is not known, in a way that no formula says.
        """
        op = node.op
        assert op is not None
        try:
            return self._messages(node, {})
        except UnknownSizeError as error:
            unknown = {axis for of in (node, *node.inputs) for axis, size in enumerate(of.shape) if size is None}
            return self._messages_with_counts(node, sorted(unknown), error)

    def _messages(self, node: Node, stand_ins: Mapping[int, int]) -> tuple[Formula | None, ...]:
        """Read the backward rule, with numbers standing in for the unknown sizes of some axes."""
        op = node.op
        assert op is not None
        places = _places((node, *node.inputs), stand_ins)
        delta = Input(None, (), places[node].shape, node.dtype)
        inputs = [places[source] for source in node.inputs]
        returned = message_nodes(self.graph, node, delta, places[node], inputs)
        leaves: dict[Node, Formula] = {places[of]: self.value(of) for of in (*node.inputs, node)}
        leaves[delta] = Number(1.0) if self.starts_with_one(node) else self.signal(node)
        messages: list[Formula | None] = []
        for slot, (message, source) in enumerate(zip(returned, node.inputs, strict=True)):
            if message is None or source.dtype.kind != "f":
                messages.append(None)
                continue
            opaque = Call(
                BackwardOf(op, slot), tuple(leaves[of] for of in (delta, places[node], *inputs)), source.shape
            )
            messages.append(_read(message, leaves) or opaque)
        return tuple(messages)

    def _messages_with_counts(
        self, node: Node, axes: Sequence[int], error: UnknownSizeError
    ) -> tuple[Formula | None, ...]:
        """Read the rule several times with other numbers for the unknown sizes: what changes with one is a formula of it."""
        base = {axis: _PRIMES[i % 4] for i, axis in enumerate(axes)}
        try:
            first = self._messages(node, base)
            others = {axis: self._messages(node, {**base, axis: _OTHER}) for axis in axes}
        except (UnknownSizeError, RuleError):
            raise
        except GraphnetError:  # sizes that must be equal and were not
            raise error from None
        counts = {axis: self._count(node, axis) for axis in axes}
        return tuple(
            None
            if message is None
            else _with_counts(message, {a: other[slot] for a, other in others.items()}, base, counts, error)
            for slot, message in enumerate(first)
        )

    def _count(self, node: Node, axis: int) -> Count:
        for of in (*node.inputs, node):
            if axis < len(of.shape) and of.shape[axis] is None:
                return Count(self.graph.label(of), axis)
        raise AssertionError("an unknown axis belongs to a node")


_PRIMES = (10007, 10009, 10037, 10039)
_OTHER = 20011


def _places(nodes: Sequence[Node], stand_ins: Mapping[int, int] | None = None) -> dict[Node, Node]:
    """Return nodes without inputs to run a rule on, one for each of `nodes`, of the same shape and dtype."""
    numbers = stand_ins or {}

    def place(node: Node) -> Node:
        if isinstance(node, Constant) and node.shape == ():
            return node
        shape = tuple(numbers.get(axis) if size is None else size for axis, size in enumerate(node.shape))
        return Input(None, (), shape, node.dtype)

    return {node: place(node) for node in nodes}


def _read(root: Node, leaves: Mapping[Node, Formula]) -> Formula | None:
    """Return nodes as a formula, down to `leaves`; None if it would be too large to read."""
    read: dict[Node, Formula] = dict(leaves)
    for node in topological_order([root]):
        if node in read:
            continue
        if isinstance(node, Constant):
            read[node] = _constant(node)
            continue
        assert node.op is not None
        formula = call(node.op, tuple(read[source] for source in node.inputs), node.shape)
        if formula.size > LARGEST or formula.depth > DEEPEST:
            return None
        read[node] = formula
    return read[root]


def _constant(node: Constant) -> Formula:
    if node.shape == ():
        return Number(node.value.item())
    return Literal.of(node.value)


def _with_counts(
    first: Formula,
    others: Mapping[int, Formula | None],
    base: Mapping[int, int],
    counts: Mapping[int, Count],
    error: UnknownSizeError,
) -> Formula:
    """Return the formula in which numbers that change with a stand-in are written by means of its count."""
    if isinstance(first, Number):
        return _number_with_counts(first, others, base, counts, error)
    if not isinstance(first, Call):
        return first
    for other in others.values():
        if not isinstance(other, Call) or type(other.op) is not type(first.op) or len(other.args) != len(first.args):
            raise error
    alike = {axis: other for axis, other in others.items() if isinstance(other, Call)}
    args = tuple(
        _with_counts(arg, {axis: other.args[i] for axis, other in alike.items()}, base, counts, error)
        for i, arg in enumerate(first.args)
    )
    sizes: list[tuple[str, tuple[Any, ...]]] = []
    for setting in fields(first.op):
        mine = getattr(first.op, setting.name)
        if isinstance(mine, tuple) and any(getattr(other.op, setting.name) != mine for other in alike.values()):
            found = list(mine)
            for axis, other in alike.items():
                for i, (size, varied) in enumerate(zip(mine, getattr(other.op, setting.name), strict=True)):
                    if size != varied:
                        if (size, varied) != (base[axis], _OTHER):
                            raise error
                        found[i] = counts[axis]
            sizes.append((setting.name, tuple(found)))
    shape = tuple(None if size in base.values() else size for size in first.shape)
    return call(first.op, args, shape, tuple(sizes))


def _number_with_counts(
    first: Number,
    others: Mapping[int, Formula | None],
    base: Mapping[int, int],
    counts: Mapping[int, Count],
    error: UnknownSizeError,
) -> Formula:
    """Return c · Nᵖ, by how the number c changed when the stand-in for N did."""
    number: float = first.value
    above: list[Formula] = []
    below: list[Formula] = []
    for axis, other in others.items():
        if not isinstance(other, Number):
            raise error
        if other.value == first.value:
            continue
        power = next(
            (
                p
                for p in (-2, -1, 1, 2)
                if np.isclose(other.value / first.value, (_OTHER / base[axis]) ** p, rtol=1e-12)
            ),
            0,
        )
        if power == 0:
            raise error
        number /= base[axis] ** power
        (above if power > 0 else below).extend([counts[axis]] * abs(power))
    over: Formula = Number(number)
    under: Formula = Number(1.0)
    if number != first.value:
        exact = fractions.Fraction(number).limit_denominator(10**6)  # 2 / 30021 · 10007 is 2/3
        if abs(float(exact) - number) < 1e-12 * abs(number):
            over, under = Number(float(exact.numerator)), Number(float(exact.denominator))
    for count in above:
        over = call(Multiply(), (over, count), ())
    for count in below:
        under = call(Multiply(), (under, count), ())
    return call(Divide(), (over, under), ())
