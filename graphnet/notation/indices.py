"""Formulas entry by entry: ``∂E/∂w_jk = δ_k a_j`` in place of ``∂E/∂W₂ = a₁ᵀ δ(z₂)``.

Where samples don't mix, a line need not speak of all of them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from functools import partial, reduce
from typing import TYPE_CHECKING

from graphnet import ops
from graphnet.core.node import Node
from graphnet.core.op import Op
from graphnet.core.shapes import normal_axes
from graphnet.engine.rewrite import is_scalar
from graphnet.notation.names import SAMPLE, Letters, Symbol, axes_along, fresh, takes_all
from graphnet.notation.terms import Entry, Leaf, Sized, SumOver
from graphnet.ops.activations import AlongAxis
from graphnet.ops.elementwise import Elementwise

if TYPE_CHECKING:
    from graphnet.notation.derivation import Step
    from graphnet.notation.reading import Reader


class IndexWriter:
    """Writes formulas of one graph entry by entry.

    Attributes
    ----------
    letters : dict of str to tuple
        The letters of each node's axes, by label.
    places : dict of str to int
        The axis of each letter, counted from the last.
    """

    def __init__(self, reader: Reader, numbered: Collection[str] = ()) -> None:
        self.reader = reader
        self.letters = reader.letters
        self.places: dict[str, int] = {}
        self._symbols = _entry_symbols(reader, self.letters, numbered)
        self._written: dict[tuple[object, ...], set[str]] = {}

    @staticmethod
    def write(reader: Reader, nodes: Sequence[tuple[Node, Letters]]) -> tuple[IndexWriter, list[Node]]:
        """Write nodes at indices so that no two look the same: w₁ of W₁, where w alone would not do."""
        writer = IndexWriter(reader)
        written = [writer.entries(*each) for each in nodes]
        unclear = {label for labels in writer._written.values() if len(labels) > 1 for label in labels}
        if not unclear:
            return writer, written
        writer = IndexWriter(reader, unclear)
        return writer, [writer.entries(*each) for each in nodes]

    def entries(self, node: Node, indices: Letters, scope: frozenset[str] | None = None) -> Node:
        """Return the entry of a formula at `indices`; `scope` are all letters with a meaning where it stands."""
        if scope is None:
            scope = frozenset(letter for letter in indices if letter is not None)
        if isinstance(node, Leaf) and node.role != "size":
            return self._leaf(node, indices)
        match node.op, node.inputs:
            case None, _ if node.shape == ():
                return node
            case (Elementwise() | ops.BiasAdd()) as op, inputs:
                pairs = zip(inputs, self._in(node, indices), strict=True)
                return self.reader.call(op, tuple(self.entries(source, at, scope) for source, at in pairs), ())
            case ops.Matmul(), (x, y) if x.ndim <= 2 and y.ndim <= 2:
                return self._product(node, indices, scope)
            case (ops.Sum() | ops.Mean()) as op, (x,):
                sizes = {axis: self._size(x, axis) for axis in normal_axes(op.axis, x.ndim)}
                known = {axis: size for axis, size in sizes.items() if size is not None}
                if len(known) == len(sizes):
                    averaged = [] if isinstance(op, ops.Sum) else known.values()
                    count = reduce(partial(self._call, ops.Multiply()), averaged, self.reader.number(1.0))
                    return self._call(ops.Divide(), self._sum(node, known, indices, scope), count)
            case op, (x,) if isinstance(op, _REARRANGING) and takes_all(op):
                (of_x,) = self._in(node, indices)
                return self.entries(x, of_x, scope)
        return self._entry(node, indices)

    def _leaf(self, leaf: Leaf, indices: Letters) -> Node:
        symbol = self._symbols[leaf.label]
        is_delta = leaf.role == "delta" and not symbol.sub
        seen = ("δ" if is_delta else (leaf.is_signal, symbol), tuple(filter(None, indices)))
        self._written.setdefault(seen, set()).add(leaf.label)
        return self._entry(self.reader.leaf(leaf.role, self.reader.graph[leaf.label], symbol), indices)

    def _entry(self, of: Node, indices: Letters) -> Node:
        places = tuple(self._place(letter) for letter in indices if letter is not None)
        return self.reader.apply(Entry(indices, places), (of,), ())

    def _place(self, letter: str) -> int:
        return self.places.setdefault(letter, len(self.places))

    def _call(self, op: Op, *inputs: Node) -> Node:
        return self.reader.call(op, inputs, ())

    def _in(self, node: Node, indices: Letters, inner: str | None = None) -> list[Letters]:
        """Return which entry of each input is meant by an entry of a node; `inner` where an axis ends in the op."""
        return [tuple(inner if to is None else indices[to] for to in along) for along in _along(node)]

    def _product(self, node: Node, indices: Letters, scope: frozenset[str]) -> Node:
        x, y = node.inputs
        letter = self._letter(x, x.ndim - 1) or self._letter(y, 0)
        added_by_the_rule = x.shape[-1] == 1 and letter is None
        inner = None if added_by_the_rule else fresh(letter or "m", scope)
        scope |= {inner} if inner else set()
        left, right = self._in(node, indices, inner)
        product = self._call(ops.Multiply(), self.entries(x, left, scope), self.entries(y, right, scope))
        if inner is None:
            return product
        in_x = self._size(x, x.ndim - 1)
        count = self._size(y, 0) if in_x is None else in_x
        return self._entry(node, indices) if count is None else self._sum_over(inner, count, product)

    def _sum(self, node: Node, sizes: Mapping[int, Node], indices: Letters, scope: frozenset[str]) -> Node:
        """Return the sum over the axes that have a size in `sizes`."""
        (x,) = node.inputs
        ((*letters,),) = self._in(node, indices)
        over = []
        for axis, size in sizes.items():
            letters[axis] = letter = fresh(self._letter(x, axis) or "m", scope)
            scope |= {letter}
            over.append((letter, size))
        body = self.entries(x, tuple(letters), scope)
        for letter, size in reversed(over):
            body = self._sum_over(letter, size, body)
        return body

    def _sum_over(self, letter: str, count: Node, body: Node) -> Node:
        return self.reader.apply(SumOver(letter, self._place(letter)), (body, count), ())

    def _origins(self, node: Node, axis: int) -> Iterator[tuple[Node, int]]:
        """Yield a node and one of its axes, and which axes of what it is made of run along that."""
        yield node, axis
        for source, along in zip(node.inputs, _along(node), strict=True):
            if axis in along:
                yield from self._origins(source, along.index(axis))

    def _letter(self, node: Node, axis: int) -> str | None:
        """Return the letter of an axis, from the values in a formula."""
        values = ((of, at) for of, at in self._origins(node, axis) if isinstance(of, Leaf) and of.role != "size")
        return next((letter for of, at in values if (letter := self.letters[of.label][at])), None)

    def _size(self, node: Node, axis: int) -> Node | None:
        """Return the size of an axis, as a number or what it will be; None if nothing in the formula tells."""
        for of, at in self._origins(node, axis):
            size = of.sizes["to"][at] if isinstance(of, Sized) and "to" in of.sizes else of.shape[at]
            if isinstance(size, Node):
                return size
            if size is not None:
                return self.reader.number(float(size))
            if isinstance(of, Leaf):
                return self.reader.size(self.reader.graph[of.label], at)
        return None

    # For one sample -----------------------------------------------------------------------------------------------------

    def is_per_sample(self, line: Step, right: Node) -> bool:
        """Tell whether a line speaks of each sample alone, or only adds up over the samples what it says of each.

        The error may add up, and so may a gradient. What adds up in between, as the mean over a batch, mixes samples.
        """
        inner, letters = _opened(right)
        added = letters.count(SAMPLE)
        parts = list(_parts(right))
        is_inside = any(isinstance(part.op, SumOver) and part.op.letter == SAMPLE for part in _parts(inner))
        if is_inside or any(map(self._mixes, parts)):
            return False
        if SAMPLE in self.letters[line.label]:
            return not added
        if line.kind == "definition":
            uses = any(isinstance(part.op, Entry) and SAMPLE in part.op.indices for part in parts)
            return added == (line.node is self.reader.graph.outputs[0]) or not uses
        return line.kind == "gradient" and added == 1

    def _mixes(self, node: Node) -> bool:
        """Tell whether part of a formula speaks of other samples, of their number, or of a whole array."""
        if not isinstance(node.op, Entry):
            return isinstance(node, Leaf) and node.role == "size"
        (of,) = node.inputs
        if isinstance(of.op, AlongAxis) and of.op.axis == -1:  # of each row alone, as the softmax of z
            (of,) = of.inputs
        if not isinstance(of, Leaf):
            return True
        own = self.letters[of.label]
        return any((letter == SAMPLE) != (index == SAMPLE) for letter, index in zip(own, node.op.indices, strict=True))


def _opened(node: Node) -> tuple[Node, list[str]]:
    """Return what is inside the sums that a formula begins with, as ½ Σ, and their letters."""
    letters = []
    while True:
        match node:
            case Node(op=SumOver(letter), inputs=(body, _)):
                letters.append(letter)
                node = body
            case Node(op=ops.Multiply(), inputs=(number, rest)) if is_scalar(number):
                node = rest
            case Node(op=ops.Negative(), inputs=(rest,)):
                node = rest
            case _:
                return node, letters


def _parts(root: Node) -> Iterator[Node]:
    """Yield the nodes of a formula down to its entries, but for what its sums run to."""
    stack, seen = [root], {root}
    while stack:
        node = stack.pop()
        yield node
        inputs = () if isinstance(node.op, Entry) else node.inputs[:1] if isinstance(node.op, SumOver) else node.inputs
        stack += [source for source in inputs if source not in seen]
        seen.update(inputs)


_REARRANGING = (ops.Transpose, ops.BroadcastTo, ops.ExpandDims, ops.Squeeze, ops.Getitem)


def _along(node: Node) -> list[tuple[int | None, ...]]:
    return [] if node.op is None else axes_along(node.op, node.shape, [source.shape for source in node.inputs])


def _entry_symbols(reader: Reader, letters: Mapping[str, Letters], numbered: Collection[str]) -> dict[str, Symbol]:
    """Return what entries of a node are called: w of W₁, if the letters w_ij tell it from w_jk; else it keeps its number."""
    graph, deltas = reader.graph, reader.symbols.pre_activations

    def short_form(node: Node) -> tuple[str, Letters]:
        base = reader.symbols[node].base
        return (base.lower() if len(base) == 1 and node.ndim else base), letters[graph.label(node)]

    counts = Counter(map(short_form, graph.nodes))
    signals = Counter(letters[graph.label(node)] for node in deltas)
    symbols = {}
    for node in graph.nodes:
        label, form = graph.label(node), short_form(node)
        clear = counts[form] == 1 and (node not in deltas or signals[form[1]] == 1) and label not in numbered
        symbols[label] = Symbol(form[0]) if clear and node.ndim else reader.symbols[node]
    return symbols
