"""Derivations entry by entry: ``∂E/∂w_jk = δ_k a_j`` in place of ``∂E/∂W₂ = a₁ᵀ δ(z₂)``.

Layers run i → j → k, samples are n.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from graphnet.core.graph import Graph
from graphnet.core.node import Node
from graphnet.core.shapes import normal_axes
from graphnet.notation.axes import axes_along
from graphnet.notation.derivation import Derivation, Step
from graphnet.notation.entries import Entry, InIndices, SumOver
from graphnet.notation.formula import Call, Count, Formula, Number, Signal, Value
from graphnet.notation.letters import SAMPLE, Letters, letters_of_axes
from graphnet.notation.reading import Reader
from graphnet.notation.samples import for_one_sample, is_per_sample
from graphnet.notation.simplify import call, only_new_axes
from graphnet.notation.symbols import Symbol
from graphnet.ops.arithmetic import Divide, Multiply
from graphnet.ops.elementwise import Elementwise
from graphnet.ops.linear import BiasAdd, Matmul, Transpose
from graphnet.ops.reductions import Mean, Sum
from graphnet.ops.shaping import BroadcastTo, ExpandDims, Getitem, Squeeze


def in_indices(derivation: Derivation, reader: Reader) -> Derivation:
    """Return a derivation entry by entry; for one sample, if no line mixes samples but to add them up at its end."""
    writer = IndexWriter(derivation.graph, reader)
    steps, definitions = writer.lines(derivation.steps), writer.lines(derivation.definitions)
    if writer.unclear:  # written once more, with the numbers that tell them apart
        writer = IndexWriter(derivation.graph, reader, numbered=writer.unclear)
        steps, definitions = writer.lines(derivation.steps), writer.lines(derivation.definitions)
    entries = Derivation(derivation.graph, steps, definitions)
    E = derivation.graph.outputs[0]
    if not all(is_per_sample(step, step.node is E, writer.letters) for step in (*steps, *definitions)):
        return entries
    return replace(
        entries,
        steps=tuple(for_one_sample(step) for step in steps),
        definitions=tuple(for_one_sample(step) for step in definitions),
        per_sample=any(SAMPLE in letters for letters in writer.letters.values()),
    )


class IndexWriter:
    """Writes formulas of one graph entry by entry.

    Attributes
    ----------
    letters : dict of str to tuple
        The letters of each node's axes, by label.
    numbered : set of str
        Labels of nodes that keep the number of their symbol: w₁ of W₁, where w alone would not be clear.
    """

    def __init__(self, graph: Graph, reader: Reader, numbered: Collection[str] = ()) -> None:
        self.graph = graph
        self.letters = letters_of_axes(graph)
        self.numbered = frozenset(numbered)
        self._symbols = _entry_symbols(graph, reader, self.letters, self.numbered)
        self._written: dict[tuple[Any, ...], set[str]] = {}

    @property
    def unclear(self) -> set[str]:
        """Labels of nodes of which the same was written as of another node."""
        return {label for labels in self._written.values() if len(labels) > 1 for label in labels}

    def lines(self, steps: Sequence[Step]) -> tuple[Step, ...]:
        """Return steps entry by entry."""
        return tuple(map(self.step, steps))

    def step(self, step: Step) -> Step:
        """Return a step entry by entry."""
        letters = tuple(letter for letter in self.letters[step.label])
        left = self.entries(step.of, letters)
        body = self.entries(step.formula, letters)
        return replace(step, of=left, formula=InIndices(body, letters, step.node.shape, step.label))

    def entries(self, formula: Formula, indices: Letters, scope: frozenset[str] | None = None) -> Formula:
        """Return the entry of a formula at `indices`; `scope` are all letters with a meaning where it stands."""
        if scope is None:
            scope = frozenset(letter for letter in indices if letter is not None)
        match formula:
            case Number() | Count():
                return formula
            case Value(label) | Signal(label):
                symbol = self._symbols[label]
                is_delta = isinstance(formula, Signal) and formula.pre_activation and not symbol.sub
                written = ("δ" if is_delta else (type(formula), symbol), tuple(filter(None, indices)))
                self._written.setdefault(written, set()).add(label)
                return Entry(replace(formula, symbol=symbol), indices)
            case Call(op, args) if isinstance(op, (Elementwise, BiasAdd)):
                pairs = zip(args, self._in(formula, indices), strict=True)
                return call(op, tuple(self.entries(arg, of_arg, scope) for arg, of_arg in pairs), ())
            case Call(Matmul(), (x, y)) if len(x.shape) <= 2 and len(y.shape) <= 2:
                return self._product(formula, indices, scope)
            case Call((Sum() | Mean()) as op, (x,)):
                sizes = {axis: _size_of(x, axis) for axis in normal_axes(op.axis, len(x.shape))}
                known = {axis: size for axis, size in sizes.items() if size is not None}
                if len(known) == len(sizes):
                    total = self._sum(formula, known, indices, scope)
                    return total if isinstance(op, Sum) else call(Divide(), (total, _product_of(known.values())), ())
            case Call(op, (x,)) if isinstance(op, _MOVING) or (isinstance(op, Getitem) and only_new_axes(op.index)):
                (of_x,) = self._in(formula, indices)
                return self.entries(x, of_x, scope)
        return Entry(formula, indices)

    def _in(self, formula: Call, indices: Letters, inner: str | None = None) -> list[Letters]:
        """Return which entry of each operand is meant by an entry of a call; `inner` where an axis ends in the op."""
        all_along = axes_along(formula.op, formula.shape, [arg.shape for arg in formula.args])
        return [tuple(inner if to is None else indices[to] for to in along) for along in all_along]

    def _product(self, formula: Call, indices: Letters, scope: frozenset[str]) -> Formula:
        x, y = formula.args
        letter = self._letters(x)[-1] or self._letters(y)[0]
        added_by_the_rule = x.shape[-1] == 1 and letter is None
        inner = None if added_by_the_rule else self._fresh(letter, scope)
        scope |= {inner} if inner else set()
        left, right = self._in(formula, indices, inner)
        product = call(Multiply(), (self.entries(x, left, scope), self.entries(y, right, scope)), ())
        if inner is None:
            return product
        count = _size_of(x, len(x.shape) - 1) or _size_of(y, 0)
        return Entry(replace(formula, shape=()), indices) if count is None else SumOver(inner, count, product)

    def _sum(self, formula: Call, sizes: Mapping[int, Formula], indices: Letters, scope: frozenset[str]) -> Formula:
        """Return the sum over the axes that have a size in `sizes`."""
        (x,) = formula.args
        ((*letters,),) = self._in(formula, indices)
        own, over = self._letters(x), []
        for axis, size in sizes.items():
            letters[axis] = letter = self._fresh(own[axis], scope)
            scope |= {letter}
            over.append((letter, size))
        body = self.entries(x, tuple(letters), scope)
        for letter, size in reversed(over):
            body = SumOver(letter, size, body)
        return body

    def _fresh(self, letter: str | None, used: Collection[str]) -> str:
        letter = letter or "m"
        while letter in used:
            letter += "′"
        return letter

    def _letters(self, formula: Formula) -> Letters:
        """Return the letters of a formula's axes, from the values in it."""
        match formula:
            case Value(label) | Signal(label):
                return self.letters[label]
            case Call(op, args):
                found: list[str | None] = [None] * len(formula.shape)
                for arg, along in zip(args, axes_along(op, formula.shape, [arg.shape for arg in args]), strict=True):
                    for letter, to in zip(self._letters(arg), along, strict=True):
                        if to is not None:
                            found[to] = found[to] or letter
                return tuple(found)
        return (None,) * len(formula.shape)


_MOVING = (Transpose, BroadcastTo, ExpandDims, Squeeze)


def _product_of(sizes: Iterable[Formula]) -> Formula:
    product: Formula = Number(1.0)
    for size in sizes:
        product = call(Multiply(), (product, size), ())
    return product


def _size_of(formula: Formula, axis: int) -> Formula | None:
    """Return the size of an axis, as a number or the count that it will be; None if nothing in the formula tells."""
    size = formula.shape[axis]
    if size is not None:
        return Number(float(size))
    counts = list(_unknown_sizes(formula, axis - len(formula.shape))) or list(_unknown_sizes(formula, None))
    return counts[0] if counts else None


def _unknown_sizes(formula: Formula, axis: int | None) -> Iterator[Count]:
    """Yield the unknown sizes of the values in a formula, counted from the last axis; of any axis if it is None."""
    if isinstance(formula, (Value, Signal)):
        ndim = len(formula.shape)
        for i, size in enumerate(formula.shape):
            if size is None and axis in (None, i - ndim):
                yield Count(formula.label, i)
    if isinstance(formula, Call) and isinstance(formula.op, BroadcastTo):
        for sizes in dict(formula.sizes).values():
            chosen = sizes if axis is None else sizes[axis : axis + 1 or None]
            yield from (size for size in chosen if isinstance(size, Count))
    for part in formula.parts:
        yield from _unknown_sizes(part, axis)


def _entry_symbols(
    graph: Graph, reader: Reader, letters: Mapping[str, Letters], numbered: Collection[str]
) -> dict[str, Symbol]:
    """Return what entries of a node are called: w of W₁, if the letters w_ij tell it from w_jk; else it keeps its number."""

    def short_form(node: Node) -> tuple[str, Letters]:
        base = reader.symbols[node].base
        return (base.lower() if len(base) == 1 and node.ndim else base), letters[graph.label(node)]

    counts = Counter(map(short_form, graph.nodes))
    signals = Counter(letters[graph.label(node)] for node in reader.symbols.pre_activations)
    symbols = {}
    for node in graph.nodes:
        symbol, form = reader.symbols[node], short_form(node)
        clear = counts[form] == 1 and (node not in reader.symbols.pre_activations or signals[form[1]] == 1)
        clear = clear and graph.label(node) not in numbered
        symbols[graph.label(node)] = Symbol(form[0]) if clear and node.ndim else symbol
    return symbols
