"""Reading rules as formulas: a rule is run on nodes, and the nodes that it made are read back as mathematics."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from graphnet.core.graph import Graph
from graphnet.core.leaves import Constant, Input
from graphnet.core.node import Node
from graphnet.core.op import Primitive
from graphnet.core.order import topological_order
from graphnet.engine.gradients import BackwardOf, message_nodes
from graphnet.errors import GraphnetError
from graphnet.notation.formula import Call, Count, Formula, Literal, Number, Signal, Value
from graphnet.notation.simplify import call
from graphnet.notation.sizes import STAND_INS, NoFormula, read_with_counts
from graphnet.notation.symbols import Symbol, Symbols
from graphnet.ops.activations import LogSoftmax, Sigmoid, Softmax, Softplus
from graphnet.ops.pooling import MaxPool2d

LARGEST, DEEPEST = 120, 60
"""Of a rule whose formula would be larger or deeper, only the name is given."""

_KNOWN_BY_NAME = (Sigmoid, Softplus, Softmax, LogSoftmax, MaxPool2d)
"""Ops whose forward rule is a detour, as one that never overflows, and whose name says more."""


@dataclass(frozen=True)
class Reader:
    """Reads the rules of one graph's nodes.

    Attributes
    ----------
    graph : Graph
        Whose nodes.
    symbols : Symbols
        What they are called.
    starts_with_one : bool
        Whether the way back starts with ∂E/∂E = 1, and formulas have that 1 in place of the symbol.
    """

    graph: Graph
    symbols: Symbols
    starts_with_one: bool = True

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
        """
        unknown = sorted({axis for of in (node, *node.inputs) for axis, size in enumerate(of.shape) if size is None})
        try:
            fixed = _fixed_sizes(node, unknown)
            counts = {axis: self._count(node, axis) for axis in unknown if axis not in fixed}
            return read_with_counts(lambda sizes: self._messages(node, {**fixed, **sizes}), counts, self._named(node))
        except NoFormula:
            return self._messages(node, {})

    def _messages(self, node: Node, stand_ins: Mapping[int, int]) -> tuple[Formula | None, ...]:
        """Read the backward rule, with numbers standing in for the unknown sizes of some axes."""
        places = _places((node, *node.inputs), stand_ins)
        delta = Input(None, (), places[node].shape, node.dtype)
        inputs = [places[source] for source in node.inputs]
        returned = message_nodes(self.graph, node, delta, places[node], inputs)
        leaves: dict[Node, Formula] = {places[of]: self.value(of) for of in (*node.inputs, node)}
        leaves[delta] = self._delta(node)
        messages: list[Formula | None] = []
        for slot, (message, source) in enumerate(zip(returned, node.inputs, strict=True)):
            if message is None or source.dtype.kind != "f":
                messages.append(None)
                continue
            messages.append(_read(message, leaves) or self._named(node)[slot])
        return tuple(messages)

    def _named(self, node: Node) -> tuple[Formula | None, ...]:
        """Return a node's messages as a function of what its rule is given, with nothing said of how."""
        op = node.op
        assert op is not None
        args = (self._delta(node), self.value(node), *(self.value(source) for source in node.inputs))
        return tuple(
            Call(BackwardOf(op, slot), args, source.shape) if source.dtype.kind == "f" else None
            for slot, source in enumerate(node.inputs)
        )

    def _delta(self, node: Node) -> Formula:
        """Return what stands for a node's error signal in its backward rule."""
        outputs = self.graph.outputs
        is_one = self.starts_with_one and len(outputs) == 1 and outputs[0] is node and node.shape == ()
        return Number(1.0) if is_one else self.signal(node)

    def _count(self, node: Node, axis: int) -> Count:
        for of in (*node.inputs, node):
            if axis < len(of.shape) and of.shape[axis] is None:
                return Count(self.graph.label(of), axis)
        raise AssertionError("an unknown axis belongs to a node")


def _places(nodes: Sequence[Node], sizes: Mapping[int, int] | None = None) -> dict[Node, Node]:
    """Return nodes without inputs to run a rule on, one for each of `nodes`, of the same dtype and shape.

    With numbers for the unknown sizes of some axes, the first one's shape is what its op makes of the others'.
    """
    places: dict[Node, Node] = {}
    for node in reversed(nodes):
        if isinstance(node, Constant) and node.shape == ():
            places[node] = node
            continue
        shape = tuple((sizes or {}).get(axis) if size is None else size for axis, size in enumerate(node.shape))
        if sizes and node.op is not None and node is nodes[0]:
            shape = node.op.shape_of([places[source] for source in node.inputs])
        places[node] = Input(None, (), shape, node.dtype)
    return places


def _fixed_sizes(node: Node, unknown: Sequence[int]) -> Mapping[int, int]:
    """Return the unknown sizes that can only be those of something beside them, as of a constant with so many rows."""
    known = sorted({size for of in (node, *node.inputs) for size in of.shape if size is not None}, reverse=True)
    for sizes in itertools.product([None, *known], repeat=len(unknown)):
        fixed = {axis: size for axis, size in zip(unknown, sizes, strict=True) if size is not None}
        free = dict(zip((axis for axis in unknown if axis not in fixed), STAND_INS, strict=False))
        try:
            _places((node, *node.inputs), {**fixed, **free})
        except GraphnetError:
            continue
        return fixed
    raise NoFormula


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
