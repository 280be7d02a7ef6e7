"""A formula is a node: it prints itself, and its value is a run of these very nodes.

To be printed it is set as boxes: which sign stands for which op, and where brackets go; `writers` write them.
"""

from __future__ import annotations

import fractions
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from enum import IntEnum
from itertools import groupby
from typing import Any

import numpy as np

from graphnet import ops
from graphnet.common import cached_property
from graphnet.common.text import number, short
from graphnet.core.leaves import Constant
from graphnet.core.node import Node
from graphnet.core.op import Op
from graphnet.core.shapes import Shape, normal_axes
from graphnet.engine.gradients import BackwardOf
from graphnet.engine.rewrite import is_number, is_scalar
from graphnet.notation.names import Letters, Symbol, takes_all
from graphnet.notation.terms import ByLabel, Entry, Leaf, Sized, SumOver, extent, run
from graphnet.notation.writers import (
    Digits,
    Fence,
    Fraction,
    Identifier,
    Indices,
    MathBox,
    Root,
    Script,
    Sign,
    Words,
    Written,
    as_text,
    row,
)
from graphnet.ops.comparisons import Truth


@dataclass(frozen=True, repr=False)
class Formula(Written):
    r"""A piece of mathematics. Immutable.

    Attributes
    ----------
    node : Node
        What it says, of leaves that stand for arrays of a pass.
    places : dict of str to int, or None
        Written entry by entry: for each index letter its axis, counted from the last.
    indices : tuple of str
        The letters of the entry that it is, an axis each.
    hidden : str
        A letter that is not written, as that of the samples.
    called : function, optional
        Gives other symbols to leaves.
    text, latex, mathml : str
        As Unicode text (plain: escape it before it goes into a page), as LaTeX without ``$``, and as MathML to set in a
        ``<math>`` element; in these two, names are escaped.
    shape : tuple of (int or None)
        Shape of its value.

    Examples
    --------
    >>> import graphnet as gn
    >>> import numpy as np
    >>> from graphnet.notation import rule_formulas
    >>> a = gn.tanh(gn.parameter("z1", [1.0, 2.0]), name="a1")
    >>> slope = rule_formulas(gn.sum(a, name="E"))[a].backward[0]
    >>> print(slope)
    ∂E/∂a₁ ⊙ (1 − a₁ ⊙ a₁)
    >>> slope.latex
    '\\frac{\\partial E}{\\partial a_{1}} \\odot ( 1 - a_{1} \\odot a_{1} )'
    >>> slope.evaluate({"a1": np.array([0.5, 0.0])}, {"a1": np.array([1.0, 2.0])})
    array([0.75, 2.  ])
    """

    node: Node
    places: Mapping[str, int] | None = None
    indices: Letters = ()
    hidden: str = ""
    called: Callable[[Leaf], Symbol] | None = None

    def evaluate(self, values: ByLabel, signals: ByLabel | None = None) -> Any:
        """Compute it from the values of nodes, and from the error signals it mentions, both by label.

        A `ForwardPass` or `BackwardPass` will do for `values`.
        """
        array = run(self.node, values, signals)
        return array if self.places is None else self.along(array, self.indices)

    def along(self, array: Any, letters: Sequence[str | None]) -> Any:
        """Return an array of entries with an axis for each letter that is not None, of size 1 if it has none."""
        assert self.places is not None
        array = array.reshape((1,) * (len(self.places) - array.ndim) + array.shape)
        axes = [len(self.places) - 1 - self.places[letter] for letter in letters if letter is not None]
        rest = [axis for axis in range(array.ndim) if axis not in axes]
        return array.transpose([*axes, *rest]).reshape([array.shape[axis] for axis in axes])

    @property
    def shape(self) -> Shape:
        """Shape of its value."""
        return self.node.shape

    @cached_property
    def box(self) -> MathBox:
        """As boxes, which the writers write."""
        return Layout(self.hidden, self.called, self.places is not None).piece(self.node).box

    @cached_property
    def extent(self) -> tuple[int, int]:
        """How many symbols and operations it has, and how deep these are nested."""
        return extent(self.node)


# What a sum or a product is made of ---------------------------------------------------------------------------------

_MINUS_ONE = Constant(np.asarray(-1.0), None)


def terms_of(node: Node) -> list[tuple[int, Node]]:
    """Return the terms of a sum, each with its sign, ±1; a minus of the term's own is in the sign."""
    match node:
        case Node(op=ops.Add() | ops.BiasAdd(), inputs=(x, y)):
            return [*terms_of(x), *terms_of(y)]
        case Node(op=ops.Subtract(), inputs=(x, y)):
            return [*terms_of(x), *((-sign, term) for sign, term in _signed(y))]
    return _signed(node)


def _signed(node: Node) -> list[tuple[int, Node]]:
    """Return a term on the right of a sign: its own minus changes the sign, its sums stay in brackets."""
    if isinstance(node.op, ops.Negative):
        return [(-sign, term) for sign, term in _signed(node.inputs[0])]
    return [(-1 if number_in(factors_in(node)) < 0 else 1, node)]


def factors_in(node: Node) -> list[Node]:
    """Return what a product is made of, in the order it is written: numbers, error signals, all else; a minus is a −1."""

    def factors(node: Node) -> list[Node]:
        match node:
            case Node(op=ops.Multiply(), inputs=(x, y)):
                return [*factors(x), *factors(y)]
            case Node(op=ops.Negative(), inputs=(x,)):
                return [_MINUS_ONE, *factors(x)]
            case Node(op=ops.Add(), inputs=(x, Constant() as y)) if is_zero(x):  # where Horner's rule begins
                return [y]
        return [node]

    def is_signal(node: Node) -> bool:
        return isinstance(node.op, Entry) and isinstance(node.inputs[0], Leaf) and node.inputs[0].is_signal

    return sorted(factors(node), key=lambda factor: (not is_scalar(factor), not is_signal(factor)))


def number_in(factors: Sequence[Node]) -> float:
    """Return the product of those factors that are numbers."""
    return math.prod(float(factor.value) for factor in factors if isinstance(factor, Constant) and is_scalar(factor))


def is_one(node: Node) -> bool:
    """Tell whether every entry is 1."""
    return is_number(node, 1.0) or is_number(node, True) or isinstance(node.op, ops.OnesLike)


def is_zero(node: Node) -> bool:
    """Tell whether every entry is 0."""
    return is_number(node, 0.0) or is_number(node, False) or isinstance(node.op, ops.ZerosLike)


# Pieces, and where brackets go around them --------------------------------------------------------------------------


class Level(IntEnum):
    """How tightly a piece holds together."""

    CHOICE = -1
    RELATION = 0
    SUM = 1
    PRODUCT = 2
    RATIO = 3
    """As a product where it stands on one line, as an atom where it is a fraction."""
    ATOM = 4


@dataclass(frozen=True)
class Piece:
    """Boxes, and what brackets they need inside others."""

    box: MathBox
    level: Level = Level.ATOM
    joined_by: str = ""
    """Of a product: ``⊙`` entry by entry, ``@`` of matrices, ``Σ`` for a sum sign in front."""

    def inside(self, level: Level, joined_by: str = "") -> MathBox:
        """Return the boxes for use where only tighter pieces may stand bare; those of `level` if they are `joined_by` it.

        Where nothing is said about how, products of any kind may.
        """
        if self.level == Level.RELATION and level > Level.RELATION:
            return Fence(self.box, "[", "]")  # 1 where it holds, 0 where not
        if self.level == Level.RATIO and level >= Level.PRODUCT and joined_by != "+":
            return Fence(self.box, on_one_line_only=True)
        if self.level > level or (self.level == level and joined_by in ("+", self.joined_by)):
            return self.box
        return Fence(self.box)


def _symbol(symbol: Symbol, letters: str = "") -> MathBox:
    """Return the boxes of a symbol, with index letters behind its own subscript."""
    if not symbol.sub and not letters:
        return Identifier(symbol.base)
    if letters:
        return Script(Identifier(symbol.base), Indices(f"{symbol.sub},{letters}" if symbol.sub else letters))
    return Script(Identifier(symbol.base), Digits(symbol.sub) if symbol.sub.isdigit() else Identifier(symbol.sub))


def _number(value: float | bool) -> Piece:
    """Return a number; a simple fraction as such, if six digits are not all of it."""
    if isinstance(value, bool):
        return Piece(Words("true" if value else "false"))
    if value < 0:
        return Piece(row(Sign("−"), _number(-value).box), Level.SUM)
    if value == 0.5 or not math.isfinite(value):
        return Piece(Digits("½" if value == 0.5 else "∞" if value > 0 else "NaN"))
    text = number(value, 6)
    exact = fractions.Fraction(value).limit_denominator(1000)
    if float(text) != value and exact.numerator < 1000 and abs(float(exact) - value) < 1e-15 * value:
        return _fraction(Digits(str(exact.numerator)), Digits(str(exact.denominator)))  # 5/12, not 0.416667
    return Piece(Digits(text))


def _power(base: Piece, exponent: MathBox) -> Piece:
    """Return a piece with an exponent, in brackets where it needs them."""
    if isinstance(base.box, Script) and base.box.sup is None:
        return Piece(Script(base.box.base, base.box.sub, exponent))
    bare = base.level == Level.ATOM and not isinstance(base.box, (Script, Fraction))
    return Piece(Script(base.box if bare else Fence(base.box), None, exponent))


def _fraction(over: MathBox, under: MathBox) -> Piece:
    return Piece(Fraction(over, under), Level.RATIO)


def _between(sign: MathBox, boxes: Sequence[MathBox]) -> list[MathBox]:
    """Return boxes with a sign between each two."""
    return [part for box in boxes for part in (sign, box)][1:]


# Ops ----------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Layout:
    """Sets nodes as boxes.

    Attributes
    ----------
    hidden
        An index letter that is not written.
    called
        Gives other symbols to leaves.
    by_entries
        Whether nodes are written entry by entry.
    """

    hidden: str
    called: Callable[[Leaf], Symbol] | None
    by_entries: bool

    def piece(self, node: Node) -> Piece:
        """Return a node's boxes and how tightly they hold together."""
        if isinstance(node, Leaf):
            return self._leaf(node)
        if isinstance(node, Constant) and is_scalar(node):
            return _number(node.value.item())
        if isinstance(node, Constant):
            entries = node.value.ravel().tolist()
            shown = ", ".join(number(x, 6).replace("-", "−") for x in entries) if len(entries) <= 6 else ""
            return Piece(Fence(Sign(shown or f"array {node.shape}"), "[", "]"))
        assert node.op is not None
        return self._call(node, node.op, node.inputs)

    def _leaf(self, leaf: Leaf, letters: str | None = None) -> Piece:
        """Return a leaf, or its entry at `letters`: w_jk of W, δ_k of an error signal at a pre-activation, else ∂E/∂w_jk."""
        if self.called and leaf.role != "size":
            return Piece(_symbol(self.called(leaf)))
        box = _symbol(leaf.symbol, letters or "")
        if leaf.role == "delta":
            is_bare = letters is not None and not leaf.symbol.sub
            return Piece(_symbol(Symbol("δ"), letters or "") if is_bare else row(Identifier("δ"), Fence(box)))
        if leaf.role == "error signal":
            box = Fraction(row(Sign("∂"), _symbol(leaf.detail)), row(Sign("∂"), box), tight=True)
        return Piece(box)

    def _entry(self, of: Node, indices: Sequence[str | None]) -> Piece:
        letters = "".join(index for index in indices if index is not None and index != self.hidden)
        if isinstance(of, Leaf):
            return self._leaf(of, letters)
        inner = self.piece(of)
        box = inner.box if inner.level == Level.ATOM and not isinstance(inner.box, Script) else Fence(inner.box)
        return Piece(Script(box, Indices(letters)) if letters else box)

    def _call(self, node: Node, op: Op, inputs: tuple[Node, ...]) -> Piece:
        match op, inputs:
            case Entry(indices), (of,):
                return self._entry(of, indices)
            case SumOver(letter), (body, _):
                return self.piece(body) if letter == self.hidden else self._summed(body, Indices(letter))
            case ops.Multiply(), _:
                return self._product(node)
            case ((ops.Add() | ops.BiasAdd() | ops.Subtract() | ops.Negative()), _):
                return self._sum(node)
            case ops.Divide(), (x, y):
                return _fraction(self._part(x), self._part(y))
            case ops.Reciprocal(), (x,):
                return _fraction(Digits("1"), self._part(x))
            case ops.Matmul(), (x, y):
                column, line = _vector_in(x, (None, 1)), _vector_in(y, (1, None))
                if column is not None and line is not None:
                    left, right = (self.piece(vector).inside(Level.RATIO) for vector in (column, line))
                    return Piece(row(left, Sign("⊗", spaced=True), right), Level.PRODUCT, "⊗")
                left, right = (self.piece(factor).inside(Level.PRODUCT, "@") for factor in inputs)
                return Piece(row(left, Sign(" "), right), Level.PRODUCT, "@")
            case ops.Transpose(axes), (x,) if _swaps_the_last_two(axes, x.ndim):
                return _power(self.piece(x), Sign("⊤"))
            case ops.Square(), (x,):
                return _power(self.piece(x), Digits("2"))
            case ops.Power(), (x, p):
                return _power(self.piece(x), self.piece(p).box)
            case ((ops.Exp() | ops.Expm1()), (x,)):
                to_x = _power(Piece(Identifier("e")), self.piece(x).box)
                less_one = row(to_x.box, Sign("−", spaced=True), Digits("1"))
                return to_x if isinstance(op, ops.Exp) else Piece(less_one, Level.SUM)
            case ops.Log1p(), (x,):
                more = row(Digits("1"), Sign("+", spaced=True), self.piece(x).inside(Level.PRODUCT, "+"))
                return Piece(row(Identifier("ln"), Fence(more)))
            case ops.Sqrt(), (x,):
                return Piece(Root(self.piece(x).box))
            case ops.Abs(), (x,):
                return Piece(Fence(self.piece(x).box, "|", "|"))
            case ops.LogicalNot(), (x,):
                return Piece(row(Sign("¬"), self.piece(x).inside(Level.ATOM)), Level.RELATION)
            case ops.Where(), (condition, x, y):
                return self._choice(self.piece(condition), x, y)
            case ops.Sum(), (Node(op=ops.Sum(first, False), inputs=(x,)),):
                done = normal_axes(first, x.ndim)  # one sum over the axes of both
                kept = [axis for axis in range(x.ndim) if axis not in done]
                both = {*done, *(kept[axis] for axis in normal_axes(op.axis, len(kept)))}
                return self._call(node, ops.Sum(tuple(sorted(both))), (x,))
            case ops.Sum(), (x,):
                return self._summed(x, _axes_in_words(op.axis, x))
            case ((ops.Mean() | ops.Max()), (x,)):
                return Piece(row(Script(Identifier(op.name), _axes_in_words(op.axis, x)), Fence(self.piece(x).box)))
            case ops.BroadcastTo(), (x,) if x.shape == ():
                ones = Identifier("𝟏")
                if is_one(x):
                    return Piece(ones)
                return Piece(row(self.piece(x).inside(Level.RATIO), Sign(" "), ones), Level.PRODUCT, "⊙")
            case ((ops.ExpandDims() | ops.Squeeze() | ops.Identity()), (x,)):
                return self.piece(x)
            case ops.Getitem(index), (x,):
                shown = index_text(node.sizes.get("index", index) if isinstance(node, Sized) else index, self._size)
                return Piece(row(self.piece(x).inside(Level.ATOM), Fence(Sign(shown), "[", "]")))
            case ops.ZerosLike(), _:
                return Piece(Digits("0"))
            case ops.OnesLike(), _:
                return Piece(Identifier("𝟏"))
            case BackwardOf(of, slot), _:
                rule = Script(Identifier(short(of.name) + "′"), Digits(str(slot + 1)) if len(inputs) > 3 else None)
                return Piece(row(rule, Fence(self._list(inputs))))
        if isinstance(op, Truth) and op.written:
            level = Level.RELATION if op.written in "∧∨" else Level.SUM
            operands = [self.piece(x).inside(level, "+") for x in inputs]
            return Piece(row(*_between(Sign(op.written, spaced=True), operands)), Level.RELATION)
        settings = _settings(op)
        inner = row(self._list(inputs), Sign("; "), Identifier(settings)) if settings else self._list(inputs)
        return Piece(row(Identifier(short(op.written or op.name)), Fence(inner)))

    def _part(self, node: Node) -> MathBox:
        """Return what stands over or under the stroke of a fraction."""
        of = self.piece(node)
        return of.box if of.level == Level.ATOM else Fence(of.box, on_one_line_only=True)

    def _size(self, size: Any) -> str:
        return as_text(self.piece(size).box) if isinstance(size, Node) else str(size)

    def _summed(self, node: Node, over: MathBox | None) -> Piece:
        sign = Script(Sign("Σ"), over)
        return Piece(row(sign, Sign(" "), self.piece(node).inside(Level.PRODUCT, "+")), Level.PRODUCT, "Σ")

    def _list(self, nodes: Sequence[Node]) -> MathBox:
        return row(*_between(Sign(", "), [self.piece(node).box for node in nodes]))

    def _choice(self, condition: Piece, x: Node, y: Node) -> Piece:
        """Return x where a condition holds, else y; as a product with [condition] where the other is 0."""
        truth = Fence(condition.box, "[", "]")
        if is_zero(y):
            return self._times(x, truth)
        if is_zero(x):
            return self._times(y, Fence(row(Digits("1"), Sign("−", spaced=True), truth)))
        then, other = self.piece(x).inside(Level.RELATION), self.piece(y).inside(Level.RELATION)
        return Piece(row(then, Words("if"), condition.box, Words("else"), other), Level.CHOICE)

    def _times(self, node: Node, last: MathBox) -> Piece:
        if is_one(node):
            return Piece(last)
        times = Sign(" ") if isinstance(node.op, Entry) else Sign("⊙", spaced=True)
        return Piece(row(self.piece(node).inside(Level.PRODUCT, "⊙"), times, last), Level.PRODUCT, "⊙")

    def _sum(self, node: Node) -> Piece:
        """Return terms with their signs; a chain of sums and differences needs no brackets on its left."""
        terms = terms_of(node)
        pieces = [(sign, self._term(term)) for sign, term in terms if not is_zero(term)]
        pieces = pieces or [(1, self.piece(terms[0][1]))]
        if len([of for _, of in pieces if of.joined_by == "Σ"]) == 1 and all(sign > 0 for sign, _ in pieces):
            pieces.sort(key=lambda term: term[1].joined_by == "Σ")  # b + Σ a w
        if len(pieces) == 1 and pieces[0][0] > 0:
            return pieces[0][1]
        parts: list[MathBox] = []
        for sign, of in pieces:
            parts += [Sign("−" if sign < 0 else "+", spaced=bool(parts))] if parts or sign < 0 else []
            parts.append(of.inside(Level.PRODUCT, "+"))
        return Piece(row(*parts), Level.SUM)

    def _term(self, node: Node) -> Piece:
        """Return a term without its own minus."""
        if isinstance(node, Constant) and is_scalar(node):
            return _number(abs(node.value.item()) if node.dtype.kind == "f" else node.value.item())
        return self._product(node, signed=False) if isinstance(node.op, ops.Multiply) else self.piece(node)

    def _product(self, node: Node, *, signed: bool = True) -> Piece:
        """Return a product: the sign, numbers and scalars first, then what is multiplied entry by entry."""
        factors = factors_in(node)
        number = number_in(factors)
        scalars = [factor for factor in factors if factor.shape == () and not is_scalar(factor)]
        arrays = [factor for factor in factors if factor.shape != ()]
        equal = [list(group) for _, group in groupby(scalars, id)] if self.by_entries else [[of] for of in scalars]
        powers = [_power(self.piece(of), Digits(str(len(rest) + 1))) if rest else self.piece(of) for of, *rest in equal]
        pieces = [*powers, *map(self.piece, arrays)]
        is_sum = len(pieces) == 1 and pieces[0].joined_by == "Σ"
        boxes = [of.box if is_sum else of.inside(Level.RATIO) for of in pieces]
        number_first = [_number(abs(number)).inside(Level.RATIO)] if abs(number) != 1 or not boxes else []
        dot, ring = Sign(" ") if self.by_entries else Sign("·", spaced=True), Sign("⊙", spaced=True)
        groups = number_first, _between(dot, boxes[: len(powers)]), _between(ring, boxes[len(powers) :])
        parts = [part for group in groups if group for part in (Sign(" "), *group)][1:]
        if number < 0 and signed:
            return Piece(row(Sign("−"), *parts), Level.SUM)
        return Piece(row(*parts), Level.PRODUCT, "Σ" if is_sum else "⊙")


def _vector_in(node: Node, matrix: tuple[int | None, int | None]) -> Node | None:
    """Return the vector that a matrix of one row, (1, None), or one column, (None, 1), was made of."""
    if not isinstance(node.op, ops.Getitem) or not takes_all(node.op):
        return None
    (vector,) = node.inputs
    of_it = vector.ndim == 1 and node.shape == tuple(vector.shape[0] if size is None else size for size in matrix)
    return vector if of_it else None


def index_text(index: Sequence[Any], written: Callable[[Any], str] = str) -> str:
    """Return an index as `Getitem` keeps it as it is written, its numbers as `written`.

    Examples
    --------
    >>> index_text((0, (None, 2, None), (None, None, -1), None, "..."))
    '0, :2, ::−1, None, …'
    """

    def item(of: Any) -> str:
        if isinstance(of, tuple):
            return ":".join("" if part is None else written(part) for part in (of[:2] if of[2] is None else of))
        return "…" if isinstance(of, str) else written(of)

    return ", ".join(map(item, index)).replace("-", "−")


_PLAIN = (int, float, str, tuple)


def _settings(op: Op) -> str:
    """Return the settings that are not the usual ones; the shape of a result is not worth saying."""
    given = [(each, getattr(op, each.name)) for each in fields(op) if each.name != "to"]
    shown = [f"{each.name}={value}" for each, value in given if value != each.default and isinstance(value, _PLAIN)]
    return short(", ".join(shown))


def _swaps_the_last_two(axes: tuple[int, ...] | None, ndim: int) -> bool:
    return ndim >= 2 and (axes or tuple(range(ndim))[::-1]) == (*range(ndim - 2), ndim - 1, ndim - 2)


def _axes_in_words(axis: Any, z: Node) -> MathBox | None:
    """Return which axes a reduction goes over, in words; None for all of them."""
    axes = normal_axes(axis, z.ndim)
    if len(axes) == z.ndim:
        return None
    if len(axes) != 1 or z.ndim > 2:
        return Identifier(("axes " if len(axes) > 1 else "axis ") + ", ".join(map(str, axes)))
    return Identifier("samples" if axes == (0,) and z.shape[0] is None else ("rows", "columns")[axes[0]])
