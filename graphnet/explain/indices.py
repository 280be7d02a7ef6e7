"""Derivations entry by entry: ``∂E/∂w_jk = δ_k a_j`` in place of ``∂E/∂W₂ = a₁ᵀ δ(z₂)``.

Each axis of each value has a letter; axes that an op lines up have the same one. Layers run i → j → k, samples are n.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

import numpy as np

from graphnet.core.graph import Graph
from graphnet.core.node import Input, Node
from graphnet.core.shapes import Shape, normal_axes
from graphnet.explain.derivation import Derivation, Step
from graphnet.explain.formula import ByLabel, Call, Count, Entry, Formula, InIndices, Number, Signal, SumOver, Value
from graphnet.explain.reading import Reader
from graphnet.explain.simplify import call
from graphnet.explain.symbols import Symbol
from graphnet.ops.activations import AlongAxis
from graphnet.ops.arithmetic import Divide, Multiply
from graphnet.ops.elementwise import Elementwise
from graphnet.ops.linear import BiasAdd, Matmul, Transpose
from graphnet.ops.losses import Loss
from graphnet.ops.reductions import Mean, Reduction, Sum
from graphnet.ops.shaping import BroadcastTo, ExpandDims, Squeeze

SAMPLE = "n"
Letters: TypeAlias = tuple[str | None, ...]
"""One letter an axis; None for an axis of size 1 that is not counted along."""


def in_indices(derivation: Derivation, reader: Reader) -> Derivation:
    """Return a derivation entry by entry; for one sample, if no line mixes samples but to add them up at its end."""
    writer = IndexWriter(derivation.graph, reader)
    steps, definitions = writer.lines(derivation.steps), writer.lines(derivation.definitions)
    if writer.unclear:  # written once more, with the numbers that tell them apart
        writer = IndexWriter(derivation.graph, reader, numbered=writer.unclear)
        steps, definitions = writer.lines(derivation.steps), writer.lines(derivation.definitions)
    entries = Derivation(derivation.graph, steps, definitions)
    E = derivation.graph.outputs[0]
    if not all(_is_per_sample(step, step.node is E) for step in (*steps, *definitions)):
        return entries
    return replace(
        entries,
        steps=tuple(_for_one_sample(step) for step in steps),
        definitions=tuple(_for_one_sample(step) for step in definitions),
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
                return Entry(replace(formula, symbol=symbol), indices, formula.shape)
            case Call(op, args) if isinstance(op, (Elementwise, BiasAdd)):
                return call(
                    op, tuple(self.entries(arg, _aligned(indices, formula.shape, arg.shape), scope) for arg in args), ()
                )
            case Call(Matmul(), (x, y)) if len(x.shape) <= 2 and len(y.shape) <= 2:
                return self._product(x, y, indices, scope)
            case Call(Transpose(axes), (x,)):
                order = axes or tuple(reversed(range(len(x.shape))))
                return self.entries(x, tuple(indices[order.index(axis)] for axis in range(len(order))), scope)
            case Call(Sum() as op, (x,)):
                return self._sum(op, x, indices, scope)
            case Call(Mean() as op, (x,)):
                count: Formula = Number(1.0)
                for axis in normal_axes(op.axis, len(x.shape)):
                    count = call(Multiply(), (count, _size_of(x, axis)), ())
                return call(Divide(), (self._sum(op, x, indices, scope), count), ())
            case Call(BroadcastTo(), (x,)):
                return self.entries(x, _aligned(indices, formula.shape, x.shape), scope)
            case Call(ExpandDims(axes), (x,)):
                new = normal_axes(axes, len(indices))
                return self.entries(x, tuple(letter for axis, letter in enumerate(indices) if axis not in new), scope)
            case Call(Squeeze(axes), (x,)):
                letters = iter(indices)
                gone = normal_axes(axes, len(x.shape))
                return self.entries(x, tuple(None if a in gone else next(letters) for a in range(len(x.shape))), scope)
        return Entry(formula, indices, formula.shape)

    def _product(self, x: Formula, y: Formula, indices: Letters, scope: frozenset[str]) -> Formula:
        inner = self._fresh(self._letters(x)[-1] or self._letters(y)[0], scope)
        scope |= {inner}
        left = (*indices[: len(x.shape) - 1], inner)
        right = (inner, *indices[len(x.shape) - 1 :])
        product = call(Multiply(), (self.entries(x, left, scope), self.entries(y, right, scope)), ())
        return SumOver(inner, _size_of(x, len(x.shape) - 1), product)

    def _sum(self, op: Reduction, x: Formula, indices: Letters, scope: frozenset[str]) -> Formula:
        reduced = normal_axes(op.axis, len(x.shape))
        outer = iter(indices)
        letters: list[str | None] = []
        own = self._letters(x)
        for axis in range(len(x.shape)):
            if axis in reduced:
                if op.keepdims:
                    next(outer)
                letters.append(self._fresh(own[axis], scope))
                scope |= {str(letters[-1])}
            else:
                letters.append(next(outer))
        body = self.entries(x, tuple(letters), scope)
        for axis in reversed(reduced):
            body = SumOver(str(letters[axis]), _size_of(x, axis), body)
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
            case Call(Matmul(), (x, y)) if len(x.shape) <= 2 and len(y.shape) <= 2:
                return (*self._letters(x)[:-1], *self._letters(y)[1:])
            case Call(Transpose(axes), (x,)):
                own = self._letters(x)
                return tuple(own[axis] for axis in (axes or range(len(own) - 1, -1, -1)))
            case Call(Reduction() as op, (x,)) if not op.keepdims:
                reduced = normal_axes(op.axis, len(x.shape))
                return tuple(letter for axis, letter in enumerate(self._letters(x)) if axis not in reduced)
            case Call(op, args) if isinstance(op, (Elementwise, BiasAdd, AlongAxis)):
                found: list[str | None] = [None] * len(formula.shape)
                for arg in args:
                    start = len(formula.shape) - len(arg.shape)
                    for axis, letter in enumerate(self._letters(arg)):
                        if arg.shape[axis] == formula.shape[start + axis]:
                            found[start + axis] = found[start + axis] or letter
                return tuple(found)
        return (None,) * len(formula.shape)


def _size_of(formula: Formula, axis: int) -> Formula:
    size = formula.shape[axis]
    if size is not None:
        return Number(float(size))
    return next(_unknown_sizes(formula), Number(1.0))


def _unknown_sizes(formula: Formula) -> Iterator[Count]:
    if isinstance(formula, (Value, Signal)) and None in formula.shape:
        yield Count(formula.label, formula.shape.index(None))
    for part in formula.parts:
        yield from _unknown_sizes(part)


def _aligned(indices: Letters, shape: Shape, operand: Shape) -> Letters:
    """Return the indices of an operand that is broadcast to `shape`: where it is stretched, it has no index."""
    extra = len(shape) - len(operand)
    return tuple(
        None if size == 1 and shape[extra + axis] != 1 else indices[extra + axis] for axis, size in enumerate(operand)
    )


# Letters ------------------------------------------------------------------------------------------------------------


def letters_of_axes(graph: Graph) -> dict[str, Letters]:
    """Return a letter for each axis of each node, by label; axes that an op lines up share one.

    Examples
    --------
    >>> import graphnet as gn
    >>> x = gn.input("x", shape=(None, 2))
    >>> a = gn.tanh(x @ gn.parameter("W", np.ones((2, 3))), name="a")
    >>> letters = letters_of_axes(gn.Graph(gn.sum(a, name="E")))
    >>> letters["x"], letters["W"], letters["a"]
    (('n', 'j'), ('j', 'k'), ('n', 'k'))
    """
    axes = _Classes()
    for node in graph.nodes:
        for axis in range(node.ndim):
            axes.find((node, axis))
        for one, other in _lined_up(node):
            axes.join(one, other)
    samples = next((axes.find((x, 0)) for x in graph.inputs if x.ndim > 1 or None in x.shape), None)
    every = dict.fromkeys(axes.find((node, axis)) for node in graph.nodes for axis in range(node.ndim))
    classes = [axis for axis in every if axis is not samples]
    names: dict[Any, str] = dict(zip(classes, _letters_for(len(classes)), strict=True))
    if samples is not None:
        names[samples] = SAMPLE
    return {
        graph.label(node): _distinct([names[axes.find((node, axis))] for axis in range(node.ndim)])
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


class _Classes:
    """Sets of axes that are joined bit by bit."""

    def __init__(self) -> None:
        self._parent: dict[Axis, Axis] = {}

    def find(self, axis: Axis) -> Axis:
        parent = self._parent.setdefault(axis, axis)
        while parent is not self._parent[parent]:
            parent = self._parent[parent] = self._parent[self._parent[parent]]
        return parent

    def join(self, one: Axis, other: Axis) -> None:
        one, other = self.find(one), self.find(other)
        if one is not other:
            self._parent[other] = one


def _lined_up(node: Node) -> Iterator[tuple[Axis, Axis]]:
    """Yield the axes that a node's op takes to run along with each other."""
    op = node.op
    match op:
        case Loss():
            prediction, target = node.inputs
            yield from (((prediction, axis), (target, axis)) for axis in range(prediction.ndim))
        case Matmul():
            x, y = node.inputs
            yield (x, x.ndim - 1), (y, max(y.ndim - 2, 0))
            if x.ndim > 1:
                yield (x, x.ndim - 2), (node, node.ndim - (2 if y.ndim > 1 else 1))
            if y.ndim > 1:
                yield (y, y.ndim - 1), (node, node.ndim - 1)
            for stack in (x, y):
                for axis in range(stack.ndim - 2):
                    yield (stack, axis), (node, node.ndim - stack.ndim + axis + (0 if stack is x or x.ndim > 1 else 1))
        case Transpose(axes):
            order = axes or tuple(reversed(range(node.ndim)))
            yield from (((node.inputs[0], axis), (node, i)) for i, axis in enumerate(order))
        case Reduction():
            (z,) = node.inputs
            reduced = normal_axes(op.axis, z.ndim)
            kept = [axis for axis in range(z.ndim) if axis not in reduced]
            places = kept if op.keepdims else range(len(kept))
            yield from (((z, axis), (node, i)) for axis, i in zip(kept, places, strict=True))
        case None:
            return
        case _ if isinstance(op, (Elementwise, BiasAdd, AlongAxis, BroadcastTo)) or _keeps_shape(node):
            for source in node.inputs:
                extra = node.ndim - source.ndim
                for axis, size in enumerate(source.shape):
                    if size == node.shape[extra + axis]:
                        yield (source, axis), (node, extra + axis)


def _keeps_shape(node: Node) -> bool:
    """Tell whether it is an op of one's own that most likely works entry by entry."""
    return not type(node.op).__module__.startswith("graphnet.ops") and all(
        source.shape == node.shape for source in node.inputs
    )


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


# One sample ---------------------------------------------------------------------------------------------------------


def _is_per_sample(step: Step, is_output: bool) -> bool:
    """Tell whether a line speaks of each sample alone, or only adds up over the samples what it says of each.

    The error may add up, and so may a gradient. What adds up in between, as the mean over a batch, mixes samples.
    """
    assert isinstance(step.formula, InIndices)
    body = step.formula.body
    inner, outer = body, 0
    while isinstance(inner, SumOver):
        outer += inner.index == SAMPLE
        inner = inner.body
    if isinstance(body, Call) and isinstance(body.op, Multiply) and isinstance(body.args[0], Number):  # ½ Σ …
        inner = body.args[1]
        while isinstance(inner, SumOver):
            outer += inner.index == SAMPLE
            inner = inner.body
    if _count_sums(inner, SAMPLE) or _mixes(body):
        return False
    if SAMPLE in step.formula.indices:
        return outer == 0
    if step.kind == "definition":
        return outer == is_output or not _uses_samples(body)
    return step.kind == "gradient" and outer == 1


def _count_sums(formula: Formula, letter: str) -> int:
    own = isinstance(formula, SumOver) and formula.index == letter
    return own + sum(_count_sums(part, letter) for part in formula.parts)


def _uses_samples(formula: Formula) -> bool:
    return (isinstance(formula, Entry) and SAMPLE in formula.indices) or any(map(_uses_samples, formula.parts))


def _mixes(formula: Formula) -> bool:
    """Tell whether a formula speaks of other samples, of their number, or of a whole array."""
    if isinstance(formula, Count):
        return True
    if isinstance(formula, Entry):
        return not isinstance(formula.of, (Value, Signal)) or f"{SAMPLE}′" in formula.indices
    return any(map(_mixes, formula.parts))


def _for_one_sample(step: Step) -> Step:
    formula = step.formula
    assert isinstance(formula, InIndices)
    indices = tuple(letter for letter in formula.indices if letter != SAMPLE)
    body = replace(formula, body=_without_samples(formula.body), indices=indices)
    return replace(step, of=_without_samples(step.of), formula=body)


def _without_samples(formula: Formula) -> Formula:
    match formula:
        case Entry(of, indices):
            kept = tuple(axis for axis, letter in enumerate(indices) if letter != SAMPLE)
            assert isinstance(of, (Value, Signal))
            inner = replace(of, shape=tuple(of.shape[axis] for axis in kept))
            return Entry(inner, tuple(indices[axis] for axis in kept), inner.shape)
        case SumOver(index, _, body) if index == SAMPLE:
            return _without_samples(body)
        case SumOver(_, _, body):
            return replace(formula, body=_without_samples(body))
        case Call(op, args):
            return call(op, tuple(map(_without_samples, args)), ())
    return formula


def evaluate_samples(derivation: Derivation, values: ByLabel) -> dict[str, Any]:
    """Evaluate a derivation for one sample, sample by sample: error signals are stacked, gradients added up."""
    graph = derivation.graph
    letters = letters_of_axes(graph)
    axis = {graph.label(node): letters[graph.label(node)].index(SAMPLE) for node in graph.nodes
            if SAMPLE in letters[graph.label(node)]}  # fmt: skip
    label = next(iter(axis))
    count = np.shape(values[label])[axis[label]]
    found: dict[str, list[Any]] = {step.label: [] for step in derivation.steps}
    for sample in range(count):
        of_one = _OneSample(values, axis, sample)
        signals: dict[str, Any] = {}
        for step in derivation.steps:
            signals[step.label] = step.formula.evaluate(of_one, signals)
            found[step.label].append(signals[step.label])
    return {
        name: np.stack(arrays, axis[name]) if name in axis else np.sum(arrays, axis=0) for name, arrays in found.items()
    }


@dataclass(frozen=True)
class _OneSample:
    """The values of one sample, without the axis of the samples."""

    values: ByLabel
    axis: Mapping[str, int]
    sample: int

    def __getitem__(self, label: str) -> Any:
        array = self.values[label]
        return np.take(array, self.sample, self.axis[label]) if label in self.axis else array


__all__ = ["IndexWriter", "Input", "evaluate_samples", "in_indices", "letters_of_axes"]
