"""Reading rules as formulas: a rule is run on nodes, and the nodes that it made are read back as mathematics.

A rule that asks for a size that is known only when arrays are fed is run on a copy of the graph in which a number stands in
for it; and on another copy, with another number: what has changed tells how the formula depends on the size.
"""

from __future__ import annotations

import contextlib
import fractions
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from functools import partial
from itertools import count, islice, product
from typing import Any, TypeAlias

import numpy as np

from graphnet import ops
from graphnet.common import cached_property
from graphnet.core.graph import Graph, Target, as_graph
from graphnet.core.leaves import Constant, Input
from graphnet.core.node import Node
from graphnet.core.op import Primitive
from graphnet.core.order import topological_order
from graphnet.core.shapes import Shape
from graphnet.engine.gradients import BackwardOf, message_nodes
from graphnet.engine.rewrite import with_sizes
from graphnet.errors import GraphnetError
from graphnet.notation.formula import Formula
from graphnet.notation.names import Letters, Symbol, Symbols, letters_of_axes
from graphnet.notation.terms import Leaf, Shortener, extent

LARGEST, DEEPEST = 120, 60
"""Of a rule whose formula would be larger or deeper, only the name is given."""

_KNOWN_BY_NAME = (ops.Sigmoid, ops.Softplus, ops.Softmax, ops.LogSoftmax, ops.MaxPool2d)
"""Ops whose forward rule is a detour, as one that never overflows, and whose name says more."""


class Reader(Shortener):
    """Reads the rules of one graph's nodes.

    Parameters
    ----------
    graph
        Whose nodes.
    starts_with_one
        Whether the way back starts with ∂E/∂E = 1, and formulas have that 1 in place of the symbol.
    by_label
        Whether nodes without a name are called by their labels.
    """

    def __init__(self, graph: Graph, starts_with_one: bool = True, *, by_label: bool = False) -> None:
        super().__init__()
        self.graph, self.symbols = graph, Symbols(graph, by_label=by_label)
        first, *others = graph.outputs
        self._output = self.symbols[first] if first.shape == () else Symbol("E")
        self._start = first if starts_with_one and first.shape == () and not others else None

    @cached_property
    def letters(self) -> dict[str, Letters]:
        """A letter for each axis of each node, by label."""
        return letters_of_axes(self.graph)

    @cached_property
    def _copies(self) -> Copies:
        return Copies.of(self.graph, self.letters)

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

        def message(slot: int, source: Node, *roots: Any) -> Node | None:
            if source.dtype.kind != "f" or any(root is None for root in roots):
                return None
            return self._read(roots, leaves, node, self.call(BackwardOf(op, slot), args, source.shape))

        return tuple(map(message, count(), node.inputs, *returned))

    def _read(self, roots: Sequence[Node], read: dict[Node, Node], near: Node, named: Node) -> Node:
        """Return nodes that a rule of `near` made as a formula; `named` if it is too large, or depends on sizes somehow.

        There is one root for each of the copies; where they differ, they differ by the sizes of some axes. `read` holds what
        is known of the first copy, the leaves to begin with, and what is read goes there.
        """
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
                size, depth = extent(read[node])
                if size > LARGEST or depth > DEEPEST:
                    return named
        except NoFormula:
            return named
        return read[roots[0]]

    def _constant(self, node: Constant, twins: Sequence[Node], near: Node) -> Node:
        """Return a constant that a rule made, with the sizes that it is made of."""
        values = [of.value for of in (node, *twins)]  # type: ignore[attr-defined]
        if node.shape == ():
            return self._number(near, [value.item() for value in values])
        if any(not np.array_equal(value, values[0]) for value in values):
            raise NoFormula
        return node

    def _number(self, near: Node, values: Sequence[float]) -> Node:
        """Return a number by what it is in the copies, c times powers of sizes that operands of `near` have: 2 / (3 N)."""
        if all(value == values[0] for value in values):
            return self.number(values[0])
        sizes = self._sizes_near(near)
        for powers in sorted(product((0, -1, 1, -2, 2), repeat=len(sizes)), key=lambda powers: sum(map(abs, powers))):
            scales = [math.prod(map(pow, of_copy, powers)) for of_copy in zip(*sizes, strict=True)]
            ratios = [value / scale for value, scale in zip(values, scales, strict=False)]
            if ratios and np.allclose(ratios, ratios[0], rtol=1e-12, atol=0):
                break
        else:
            raise NoFormula
        parts = [self.number(part) for part in ratio_of(ratios[0])]
        for size, power in zip(sizes.values(), powers, strict=True):
            for _ in range(abs(power)):
                parts[power < 0] = self.call(ops.Multiply(), (parts[power < 0], size), ())
        return self.call(ops.Divide(), (parts[0], parts[1]), ())

    def _sizes_near(self, near: Node) -> dict[tuple[int, ...], Node]:
        """Return the unknown sizes of a node's operands and of the inputs, by what they are in the copies."""
        found: dict[tuple[int, ...], Node] = {}
        for _, _, sizes in self._unknown(near):
            if len(set(sizes)) > 1 and 0 not in sizes and sizes not in found:
                with contextlib.suppress(NoFormula):
                    found[sizes] = self._size(near, sizes)
        return found

    def _size(self, near: Node, sizes: tuple[int, ...]) -> Node:
        """Return a size by what it is in the copies, as N + M or N / 2."""
        if (of_slice := self._slices.get(sizes)) is not None:
            return self._leaf_size(*of_slice, f"{size_letter(of_slice[1])}′")
        terms: list[Node] = []
        rest = fractions.Fraction(sizes[0])
        for (letter, number), other in zip(self._copies.numbers.items(), sizes[1:], strict=True):
            times = fractions.Fraction(other - sizes[0], _OTHER - number)
            if times.numerator > 100 or times.denominator > 8:  # not so simple: it is more than a sum of sizes
                raise NoFormula
            rest -= times * number
            if times:
                part = self.call(ops.Multiply(), (self.number(times.numerator), self._known(near, letter)), ())
                terms.append(self.call(ops.Divide(), (part, self.number(times.denominator)), ()))
        return self.total([*terms, self.number(float(rest))], ())

    @cached_property
    def _slices(self) -> dict[tuple[int, ...], tuple[Node, int]]:
        """The slices that take every second, or third, of an unknown size, by these sizes: N / 2, rounded up or down."""
        found: dict[tuple[int, ...], tuple[Node, int]] = {}
        for of in self.graph.nodes:
            for axis, size in enumerate(of.shape if isinstance(of.op, ops.Getitem) else ()):
                sizes = self._sizes(of, axis)
                whole = (self._sizes(source, at)[0] for source in of.inputs for at in range(len(source.shape)))
                if size is None and not any(abs(sizes[0] - n) < 100 for n in whole):
                    found.setdefault(sizes, (of, axis))
        return found

    def _known(self, near: Node, letter: str) -> Node:
        """Return the unknown size of this letter, of an operand of `near` if one has it."""
        for of, axis, sizes in self._unknown(near):
            if sizes == self._copies.sizes(letter):
                return self._leaf_size(of, axis, letter)
        raise NoFormula

    def _unknown(self, near: Node) -> Iterator[tuple[Node, int, tuple[int, ...]]]:
        """Yield the axes of unknown size of a node's operands, its own and the inputs', and what they are in the copies."""
        for of in (*near.inputs, near, *self.graph.inputs):
            yield from ((of, axis, self._sizes(of, axis)) for axis, size in enumerate(of.shape) if size is None)

    def _leaf_size(self, of: Node, axis: int, letter: str) -> Node:
        label = self.graph.label(of)
        return self.once(("size", label, axis), lambda: Leaf("size", label, Symbol(letter), (), axis))

    def _sizes(self, of: Node, axis: int) -> tuple[Any, ...]:
        return tuple(places[of].shape[axis] for places in self._copies.places)

    def size(self, of: Node, axis: int) -> Node:
        """Return what stands for the size of an axis: N for the first axis that the inputs leave open, M for the second."""
        sizes = self._sizes(of, axis)
        if len(set(sizes)) > 1:
            with contextlib.suppress(NoFormula):
                return self._size(of, sizes)
        return self._leaf_size(of, axis, size_letter(axis))


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


# Sizes that are known only when arrays are fed, as the number of samples N ------------------------------------------

STAND_INS = (1680, 1848, 2184, 2640)
_OTHER = 2280
"""Divisible by 2, 3, 4, 6, 8, 12 and 24: an axis may be split into parts."""

MOST_TRIES = 60
"""Of sizes that may have to be those of something else in the graph."""


class NoFormula(Exception):
    """A rule depends on a size in a way that is not found out."""


@dataclass(frozen=True)
class Copies:
    """Nodes without inputs to run the rules of a graph's nodes on, of the same dtype and shape.

    Attributes
    ----------
    numbers : dict of str to int
        What stands in for each unknown size, by its letter: N of the samples.
    places : list of dict
        The copies of all nodes at these sizes; and once more for each letter, with another size there.
    """

    numbers: Mapping[str, int]
    places: Sequence[Mapping[Node, Node]]

    @staticmethod
    def of(graph: Graph, lines: Mapping[str, Letters]) -> Copies:
        """Return copies of a graph's nodes; with sizes that are None if no numbers fit.

        Axes that some op lines up have one size; failing that, all first axes have, and all second ones; failing that, a size
        can only be that of something beside it, as of a constant of that many rows.
        """
        unknown = [(x, axis) for x in graph.inputs for axis, size in enumerate(x.shape) if size is None]
        by_axis = {(x, axis): size_letter(axis) for x, axis in unknown}
        known = sorted({size for node in graph.nodes for size in node.shape if size is not None}, reverse=True)
        ways = [
            (_by_lines({(x, axis): lines[graph.label(x)][axis] for x, axis in unknown}), ()),
            *((by_axis, fixed) for fixed in product([None, *known], repeat=len({*by_axis.values()}))),
        ]
        for letters, fixed in islice(ways, MOST_TRIES if unknown else 0):
            every = list(dict.fromkeys(letters.values()))
            sizes = dict(zip(every, fixed, strict=False))
            free = [letter for letter in every if sizes.get(letter) is None]
            numbers = dict(zip(free, STAND_INS, strict=False))
            try:
                changes: list[dict[str, int]] = [{}, *({letter: _OTHER} for letter in numbers)]
                return Copies(numbers, [_copy(graph, letters, sizes | numbers | other) for other in changes])
            except GraphnetError:
                continue
        return Copies({}, [{node: _place(node, node.shape) for node in graph.nodes}])

    def side_by_side(self, roots: Sequence[Node]) -> Iterator[tuple[Node, Sequence[Node]]]:
        """Yield the nodes that the first root is made of, in order, each with those in the same place of the others."""
        order = topological_order(roots[:1])
        twins: dict[Node, Sequence[Node]] = {roots[0]: roots[1:]}
        for node in reversed(order):
            for twin in twins[node]:
                if type(twin.op) is not type(node.op) or len(twin.inputs) != len(node.inputs):
                    raise NoFormula
            for slot, source in enumerate(node.inputs):
                twins.setdefault(source, [twin.inputs[slot] for twin in twins[node]])
        yield from ((node, twins[node]) for node in order)

    def shape(self, node: Node, twins: Sequence[Node]) -> Shape:
        """Return a shape with None for what changes with a size."""
        return tuple(
            size if all(twin.shape[axis] == size for twin in twins) else None for axis, size in enumerate(node.shape)
        )

    def settings(
        self, node: Node, twins: Sequence[Node], size: Callable[[tuple[int, ...]], Node]
    ) -> dict[str, tuple[Any, ...]]:
        """Return the settings that change with a size, with `size` of the numbers in all copies in their place."""
        found = {}
        for setting in fields(node.op) if twins else ():  # type: ignore[arg-type]
            values = tuple(getattr(of.op, setting.name) for of in (node, *twins))
            if any(value != values[0] for value in values):
                if not isinstance(values[0], tuple):
                    raise NoFormula
                found[setting.name] = _with_sizes(values, size)
        return found

    def sizes(self, letter: str) -> tuple[int, ...]:
        """Return the numbers for an unknown size, in all copies."""
        number = self.numbers[letter]
        return number, *(_OTHER if other == letter else number for other in self.numbers)


def ratio_of(number: float) -> tuple[float, float]:
    """Return a number as a ratio of whole numbers, if it is one: 2 / 3027 · 1009 is 2/3."""
    exact = fractions.Fraction(number).limit_denominator(10**6)
    is_ratio = abs(float(exact) - number) < 1e-12 * abs(number)
    return (float(exact.numerator), float(exact.denominator)) if is_ratio else (number, 1.0)


def _with_sizes(values: tuple[Any, ...], size: Callable[[tuple[int, ...]], Node]) -> Any:
    """Return sizes, in tuples however deep, with a `size` in place of each that is not the same in all copies."""
    if all(value == values[0] for value in values):
        return values[0]
    if all(isinstance(value, tuple) and len(value) == len(values[0]) for value in values):
        return tuple(_with_sizes(parts, size) for parts in zip(*values, strict=True))
    return size(values)


_Axis: TypeAlias = tuple[Input, int]


def _by_lines(same: Mapping[_Axis, str | None]) -> dict[_Axis, str]:
    """Return letters for unknown sizes, one for all that some op lines up; by axis if there would be too many."""
    letters: dict[str | None, str] = {}
    for (_, axis), line in same.items():
        free = (letter for i in range(axis, axis + 8) if (letter := size_letter(i)) not in letters.values())
        letters.setdefault(line, next(free))
    return {of: letters[line] if len(letters) <= len(STAND_INS) else size_letter(of[1]) for of, line in same.items()}


def size_letter(axis: int) -> str:
    """Return the letter for the unknown size of an axis: N for the first, which is that of the samples."""
    return "NMLKPQRS"[axis % 8]


def _copy(graph: Graph, letters: Mapping[_Axis, str], sizes: Mapping[str, int | None]) -> dict[Node, Node]:
    fed: dict[Input, tuple[Any, ...]] = {
        x: tuple(sizes.get(letters[x, axis]) if size is None else size for axis, size in enumerate(x.shape))
        for x in graph.inputs
    }
    return {node: _place(node, sized.shape) for node, sized in with_sizes(graph, fed).items()}


def _place(node: Node, shape: Shape) -> Node:
    return node if isinstance(node, Constant) and node.shape == () else Input(None, (), shape, node.dtype)
