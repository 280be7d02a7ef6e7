"""Reading rules as formulas: a rule is run on nodes, and the nodes that it made are read back as mathematics."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, partial

import numpy as np

from graphnet.core.graph import Graph, Target, as_graph
from graphnet.core.leaves import Constant, Input
from graphnet.core.node import Node
from graphnet.core.op import Primitive
from graphnet.engine.gradients import BackwardOf, message_nodes
from graphnet.errors import GraphnetError
from graphnet.notation.formula import Formula, Leaf
from graphnet.notation.shortening import Shortener
from graphnet.notation.sizes import Copies, NoFormula, ratio_of
from graphnet.notation.symbols import Symbol, Symbols
from graphnet.ops.activations import LogSoftmax, Sigmoid, Softmax, Softplus
from graphnet.ops.arithmetic import Divide, Multiply
from graphnet.ops.pooling import MaxPool2d

LARGEST, DEEPEST = 120, 60
"""Of a rule whose formula would be larger or deeper, only the name is given."""

_KNOWN_BY_NAME = (Sigmoid, Softplus, Softmax, LogSoftmax, MaxPool2d)
"""Ops whose forward rule is a detour, as one that never overflows, and whose name says more."""


class Reader(Shortener):
    """Reads the rules of one graph's nodes.

    Parameters
    ----------
    graph
        Whose nodes.
    starts_with_one
        Whether the way back starts with ∂E/∂E = 1, and formulas have that 1 in place of the symbol.
    """

    def __init__(self, graph: Graph, starts_with_one: bool = True) -> None:
        super().__init__()
        self.graph, self.symbols = graph, Symbols(graph)
        first = graph.outputs[0]
        self._output = self.symbols[first] if first.shape == () else Symbol("E")
        self._start = first if starts_with_one and len(graph.outputs) == 1 and first.shape == () else None

    @cached_property
    def _copies(self) -> Copies:
        return Copies.of(self.graph)

    def leaf(self, role: str, node: Node, symbol: Symbol | None = None) -> Node:
        """Return what stands for an array of a node, under its own symbol or another."""
        label, symbol = self.graph.label(node), symbol or self.symbols[node]
        return self.once((role, label, symbol), lambda: Leaf(role, label, symbol, node.shape, self._output))

    def value(self, node: Node) -> Node:
        """Return the symbol of a node's value; of a constant number, the number."""
        if isinstance(node, Constant) and node.shape == () and node.name is None:
            return self.number(node.value.item())
        return self.leaf("value", node)

    def signal(self, node: Node) -> Node:
        """Return the symbol of a node's error signal."""
        return self.leaf("delta" if node in self.symbols.pre_activations else "error signal", node)

    def forward(self, node: Node) -> Node:
        """Return what a node computes from its inputs."""
        op = node.op
        assert op is not None
        named = self.call(op, tuple(map(self.value, node.inputs)), node.shape)
        if isinstance(op, (Primitive, *_KNOWN_BY_NAME)):
            return named
        try:
            results = [op.forward(*[places[source] for source in node.inputs]) for places in self._copies.places]
        except Exception:  # what only arrays can answer, of any kind: the op's name must do
            return named
        if not all(isinstance(result, Node) for result in results):
            return named
        leaves = {self._copies.places[0][source]: self.value(source) for source in node.inputs}
        return self._read(results, leaves, node, named)

    def messages(self, node: Node) -> tuple[Node | None, ...]:
        """Return what a node's backward rule sends to each input; None where it sends nothing.

        Raises
        ------
        NoBackwardRuleError, RuleError
            If the op has no backward rule, or its rule returns the wrong count or shape.
        """
        op = node.op
        assert op is not None
        delta = self.number(1.0) if node is self._start else self.signal(node)
        args = (delta, self.value(node), *map(self.value, node.inputs))
        deltas = [Input(None, (), places[node].shape, node.dtype) for places in self._copies.places]
        returned = [
            message_nodes(self.graph, node, place, places[node], [places[source] for source in node.inputs])
            for place, places in zip(deltas, self._copies.places, strict=True)
        ]
        leaves = {self._copies.places[0][of]: self.value(of) for of in (*node.inputs, node)} | {deltas[0]: delta}
        messages: list[Node | None] = []
        for slot, (source, *roots) in enumerate(zip(node.inputs, *returned, strict=True)):
            if source.dtype.kind != "f" or any(root is None for root in roots):
                messages.append(None)
                continue
            named = self.call(BackwardOf(op, slot), args, source.shape)
            messages.append(self._read(roots, leaves, node, named))
        return tuple(messages)

    def _read(self, roots: Sequence[Node], leaves: Mapping[Node, Node], near: Node, named: Node) -> Node:
        """Return nodes that a rule made as a formula of `leaves`; `named` if it is too large, or depends on sizes somehow.

        There is one root for each of the copies; where they differ, they differ by the sizes of some axes.
        """
        read = dict(leaves)
        try:
            for node, twins in self._copies.side_by_side(roots):
                if node in read:
                    continue
                if isinstance(node, Constant):
                    read[node] = self._constant(node, twins, near)
                    continue
                assert node.op is not None
                inputs = tuple(read[source] for source in node.inputs)
                sizes = self._copies.settings(node, twins, partial(self._size, near))
                read[node] = self.call(node.op, inputs, self._copies.shape(node, twins), sizes)
                size, depth = self.extent(read[node])
                if size > LARGEST or depth > DEEPEST:
                    return named
        except NoFormula:
            return named
        return read[roots[0]]

    def _constant(self, node: Constant, twins: Sequence[Node], near: Node) -> Node:
        """Return a constant that a rule made, with the sizes that it is made of."""
        if node.shape != () or not twins:
            if any(not np.array_equal(node.value, twin.value) for twin in twins):  # type: ignore[attr-defined]
                raise NoFormula
            return node if node.shape else self.number(node.value.item())
        number, powers = self._copies.number(node, twins)
        if not powers:
            return self.number(number)
        parts = [self.number(part) for part in ratio_of(number)]
        for axis, power in powers.items():
            for _ in range(abs(power)):
                parts[power < 0] = self.call(
                    Multiply(), (parts[power < 0], self._size(near, self._copies.sizes(axis))), ()
                )
        return self.call(Divide(), (parts[0], parts[1]), ())

    def _size(self, near: Node, numbers: Sequence[int]) -> Node:
        """Return the size that has these numbers in the copies, of an operand of `near` if one has it."""
        copies = self._copies.places
        for of in (*near.inputs, near, *self.graph.inputs):
            for axis, size in enumerate(of.shape):
                if size is None and all(places[of].shape[axis] == n for places, n in zip(copies, numbers, strict=True)):
                    return self.size(of, axis)
        raise NoFormula

    def size(self, of: Node, axis: int) -> Node:
        """Return what stands for the size of an axis: N of the first axis that the inputs leave open, M of the second."""
        number = self._copies.places[0][of].shape[axis]
        open_axis = next((i for i, other in self._copies.numbers.items() if other == number), axis)
        label, symbol = self.graph.label(of), Symbol("NMLKPQRS"[open_axis] if open_axis < 8 else "N")
        return self.once(("size", label, axis), lambda: Leaf("size", label, symbol, (), axis))


@dataclass(frozen=True)
class RuleFormulas:
    """One node's rules as formulas.

    Attributes
    ----------
    node : Node
        Whose rules.
    value : Formula
        The symbol of its value, the left side of ``a₁ = tanh(z₁)``.
    forward : Formula
        What it computes, the right side.
    signal : Formula
        The symbol of its error signal.
    backward : tuple of (Formula or None)
        The message to each input; None where there is none.
    problem : str
        Why there are no messages to read, as that the op has no backward rule; empty if there are.
    """

    node: Node
    value: Formula
    forward: Formula
    signal: Formula
    backward: tuple[Formula | None, ...]
    problem: str = ""


def rule_formulas(target: Target) -> dict[Node, RuleFormulas]:
    """Read the rules of every node of a graph that applies an op.

    The formulas are read at once, and written as text, LaTeX or MathML when asked for, once.

    Parameters
    ----------
    target
        An output node, several, or a graph.

    Returns
    -------
    dict
        The formulas of each node that has an op, in topological order.

    Examples
    --------
    >>> import graphnet as gn
    >>> x, W = gn.input("x", shape=(None, 2)), gn.parameter("W", [[1.0], [2.0]])
    >>> a = gn.tanh(x @ W, name="a")
    >>> rules = rule_formulas(gn.sse(a, gn.input("t", shape=(None, 1)), name="E"))
    >>> print(rules[a].value, "=", rules[a].forward)
    a = tanh(z₁)
    >>> print(rules[a].backward[0])
    ∂E/∂a ⊙ (1 − a ⊙ a)
    >>> [message.text for message in rules[a.inputs[0]].backward]
    ['δ(z₁) Wᵀ', 'xᵀ δ(z₁)']
    """
    graph = as_graph(target)
    reader = Reader(graph)
    return {node: rules_of(node, reader) for node in graph.nodes if node.op is not None}


def rules_of(node: Node, reader: Reader) -> RuleFormulas:
    """Read the rules of one node that applies an op."""
    backward: tuple[Node | None, ...] = (None,) * len(node.inputs)
    problem = ""
    try:
        backward = reader.messages(node)
    except GraphnetError as error:
        problem = str(error)
    messages = tuple(None if message is None else Formula(message) for message in backward)
    value, forward, signal = (Formula(side) for side in (reader.value(node), reader.forward(node), reader.signal(node)))
    return RuleFormulas(node, value, forward, signal, messages, problem)
