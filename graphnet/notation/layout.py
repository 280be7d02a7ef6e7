"""From a formula to its boxes: which sign stands for which op, and where brackets are needed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from typing import Any

from graphnet.common import tables
from graphnet.common.text import short
from graphnet.core.leaves import Constant
from graphnet.core.node import Node
from graphnet.core.op import Op
from graphnet.core.shapes import normal_axes
from graphnet.engine.gradients import BackwardOf
from graphnet.engine.rewrite import is_scalar
from graphnet.notation.pieces import (
    Level,
    Piece,
    fraction,
    has_entries,
    is_one,
    is_signal,
    is_zero,
    number_in,
    number_piece,
    power_piece,
    powers_in,
    product_factors,
    symbol_box,
    terms_of,
    with_indices,
)
from graphnet.notation.symbols import Symbol, takes_all
from graphnet.notation.terms import Entry, Leaf, Sized, SumOver
from graphnet.notation.writers import (
    Box,
    Digits,
    Fence,
    Fraction,
    Letters,
    Name,
    Root,
    Script,
    Sign,
    Words,
    as_text,
    row,
)
from graphnet.ops import activations, arithmetic, comparisons, indexing, linear, reductions, shaping

_FUNCTIONS: dict[type[Op], str] = {
    arithmetic.Log: "ln",
    comparisons.Maximum: "max",
    comparisons.Minimum: "min",
    activations.Sigmoid: "σ",
    activations.LogSoftmax: "log softmax",
    shaping.BroadcastTo: "spread",
    indexing.Scatter: "zeros with",
    indexing.ScatterAdd: "zeros plus",
}
_RELATIONS: dict[type[Op], str] = {
    comparisons.Greater: ">",
    comparisons.GreaterEqual: "≥",
    comparisons.Less: "<",
    comparisons.LessEqual: "≤",
    comparisons.Equal: "=",
    comparisons.NotEqual: "≠",
    comparisons.LogicalAnd: "∧",
    comparisons.LogicalOr: "∨",
}


@dataclass(frozen=True)
class Layout:
    """Sets nodes as boxes.

    Attributes
    ----------
    hidden
        An index letter that is not written.
    called
        Gives other symbols to leaves.
    """

    hidden: str = ""
    called: Callable[[Leaf], Symbol] | None = None

    def piece(self, node: Node) -> Piece:
        """Return a node's boxes and how tightly they hold together."""
        if isinstance(node, Leaf):
            return self._leaf(node)
        if isinstance(node, Constant) and is_scalar(node):
            return number_piece(node.value.item())
        if isinstance(node, Constant):
            entries = node.value.ravel().tolist()
            shown = ", ".join(tables.number(x, 6).replace("-", "−") for x in entries) if len(entries) <= 6 else ""
            return Piece(Fence(Sign(shown or f"array {node.shape}"), "[", "]"))
        assert node.op is not None
        return self._call(node, node.op, node.inputs)

    def _leaf(self, leaf: Leaf) -> Piece:
        if self.called and leaf.role != "size":
            return Piece(symbol_box(self.called(leaf)))
        if leaf.role in ("value", "size"):
            return Piece(symbol_box(leaf.symbol))
        if leaf.role == "delta":
            return Piece(row(Name("δ"), Fence(symbol_box(leaf.symbol))))
        return _derivative(leaf, symbol_box(leaf.symbol))

    def _entry(self, of: Node, indices: Sequence[str | None]) -> Piece:
        """Return an entry: w_jk of W, δ_k of an error signal at a pre-activation, ∂E/∂w_jk of any other."""
        letters = "".join(index for index in indices if index is not None and index != self.hidden)
        if isinstance(of, Leaf):
            box = with_indices(of.symbol, letters)
            if of.role == "delta":
                return Piece(row(Name("δ"), Fence(box)) if of.symbol.sub else with_indices(Symbol("δ"), letters))
            return Piece(box) if of.role == "value" else _derivative(of, box)
        inner = self.piece(of)
        box = inner.box if inner.level == Level.ATOM and not isinstance(inner.box, Script) else Fence(inner.box)
        return Piece(Script(box, Letters(letters)) if letters else box)

    def _call(self, node: Node, op: Op, inputs: tuple[Node, ...]) -> Piece:
        match op, inputs:
            case Entry(indices), (of,):
                return self._entry(of, indices)
            case SumOver(letter), (body, _):
                return self.piece(body) if letter == self.hidden else self._summed(body, Letters(letter))
            case arithmetic.Multiply(), _:
                return self._product(node)
            case ((arithmetic.Add() | linear.BiasAdd() | arithmetic.Subtract() | arithmetic.Negative()), _):
                return self._sum(node)
            case arithmetic.Divide(), (x, y):
                return fraction(self.piece(x), self.piece(y))
            case arithmetic.Reciprocal(), (x,):
                return fraction(Piece(Digits("1")), self.piece(x))
            case linear.Matmul(), (x, y):
                column, line = _vector_in(x, (None, 1)), _vector_in(y, (1, None))
                if column is not None and line is not None:
                    left, right = (self.piece(vector).inside(Level.RATIO) for vector in (column, line))
                    return Piece(row(left, Sign("⊗", spaced=True), right), Level.PRODUCT, "⊗")
                left, right = (self.piece(factor).inside(Level.PRODUCT, "@") for factor in (x, y))
                return Piece(row(left, Sign(" "), right), Level.PRODUCT, "@")
            case linear.Transpose(axes), (x,) if _swaps_the_last_two(axes, x.ndim):
                return power_piece(self.piece(x), Sign("⊤"))
            case arithmetic.Square(), (x,):
                return power_piece(self.piece(x), Digits("2"))
            case arithmetic.Power(), (x, p):
                return power_piece(self.piece(x), self.piece(p).box)
            case arithmetic.Exp(), (x,):
                return power_piece(Piece(Name("e")), self.piece(x).box)
            case arithmetic.Expm1(), (x,):
                to_x = power_piece(Piece(Name("e")), self.piece(x).box)
                return Piece(row(to_x.box, Sign("−", spaced=True), Digits("1")), Level.SUM)
            case arithmetic.Log1p(), (x,):
                more = row(Digits("1"), Sign("+", spaced=True), self.piece(x).inside(Level.PRODUCT, "+"))
                return Piece(row(Name("ln"), Fence(more)))
            case arithmetic.Sqrt(), (x,):
                return Piece(Root(self.piece(x).box))
            case comparisons.Abs(), (x,):
                return Piece(Fence(self.piece(x).box, "|", "|"))
            case comparisons.LogicalNot(), (x,):
                return Piece(row(Sign("¬"), self.piece(x).inside(Level.ATOM)), Level.RELATION)
            case comparisons.Where(), (condition, x, y):
                return self._choice(self.piece(condition), x, y)
            case reductions.Sum(), (
                Node(op=reductions.Sum(first, False), inputs=(x,)),
            ):  # one sum over the axes of both
                done = normal_axes(first, x.ndim)
                kept = [axis for axis in range(x.ndim) if axis not in done]
                both = {*done, *(kept[axis] for axis in normal_axes(op.axis, len(kept)))}
                return self._call(node, reductions.Sum(tuple(sorted(both))), (x,))
            case reductions.Sum(), (x,):
                return self._summed(x, _axes_in_words(op.axis, x))
            case ((reductions.Mean() | reductions.Max()), (x,)):
                return Piece(row(Script(Name(op.name), _axes_in_words(op.axis, x)), Fence(self.piece(x).box)))
            case shaping.BroadcastTo(), (x,) if x.shape == ():
                ones = Name("𝟏")
                if is_one(x):
                    return Piece(ones)
                return Piece(row(self.piece(x).inside(Level.RATIO), Sign(" "), ones), Level.PRODUCT, "⊙")
            case ((shaping.ExpandDims() | shaping.Squeeze() | activations.Identity()), (x,)):
                return self.piece(x)
            case indexing.Getitem(index), (x,):
                shown = self._index(node.sizes.get("index", index) if isinstance(node, Sized) else index)
                return Piece(row(self.piece(x).inside(Level.ATOM), Fence(Sign(shown), "[", "]")))
            case comparisons.ZerosLike(), _:
                return Piece(Digits("0"))
            case comparisons.OnesLike(), _:
                return Piece(Name("𝟏"))
            case BackwardOf(of, slot), _:
                rule = Script(Name(short(of.name) + "′"), Digits(str(slot + 1)) if len(inputs) > 3 else None)
                return Piece(row(rule, Fence(self._list(inputs))))
        if type(op) in _RELATIONS:
            logical = isinstance(op, (comparisons.LogicalAnd, comparisons.LogicalOr))
            left, right = (self.piece(x).inside(Level.RELATION if logical else Level.SUM, "+") for x in inputs)
            return Piece(row(left, Sign(_RELATIONS[type(op)], spaced=True), right), Level.RELATION)
        settings = _settings(op)
        inner = row(self._list(inputs), Sign("; "), Name(settings)) if settings else self._list(inputs)
        return Piece(row(Name(_FUNCTIONS.get(type(op), short(op.name))), Fence(inner)))

    def _index(self, index: Sequence[Any]) -> str:
        def size(i: Any) -> str:
            return "" if i is None else as_text(self.piece(i).box) if isinstance(i, Node) else str(i)

        def item(i: Any) -> str:
            if isinstance(i, tuple):
                start, stop, step = map(size, i)
                return f"{start}:{stop}" + (f":{step}" if step else "")
            return "new" if i is None else size(i)

        return ", ".join(map(item, index))

    def _summed(self, node: Node, over: Box | None) -> Piece:
        sign = Script(Sign("Σ"), over)
        return Piece(row(sign, Sign(" "), self.piece(node).inside(Level.PRODUCT, "+")), Level.PRODUCT, "Σ")

    def _list(self, nodes: Sequence[Node]) -> Box:
        boxes = [self.piece(node).box for node in nodes]
        return row(*boxes[:1], *(box for following in boxes[1:] for box in (Sign(", "), following)))

    def _choice(self, condition: Piece, x: Node, y: Node) -> Piece:
        """Return x where a condition holds, else y; as a product with [condition] where the other is 0."""
        truth = Fence(condition.box, "[", "]")
        if is_zero(y):
            return self._times(x, truth)
        if is_zero(x):
            return self._times(y, Fence(row(Digits("1"), Sign("−", spaced=True), truth)))
        then, other = self.piece(x).inside(Level.RELATION), self.piece(y).inside(Level.RELATION)
        return Piece(row(then, Words("if"), condition.box, Words("else"), other), Level.CHOICE)

    def _times(self, node: Node, last: Box) -> Piece:
        if is_one(node):
            return Piece(last)
        times = Sign(" ") if isinstance(node.op, Entry) else Sign("⊙", spaced=True)
        return Piece(row(self.piece(node).inside(Level.PRODUCT, "⊙"), times, last), Level.PRODUCT, "⊙")

    def _sum(self, node: Node) -> Piece:
        """Return terms with their signs; a chain of sums and differences needs no brackets on its left."""
        terms = terms_of(node)
        pieces = [(sign, self._term(term)) for sign, term in terms if not is_zero(term)] or [
            (1, self.piece(terms[0][1]))
        ]
        sums = [term for term in pieces if term[1].joined_by == "Σ"]
        if len(sums) == 1 and all(sign > 0 for sign, _ in pieces):  # b + Σ a w
            pieces = [*(term for term in pieces if term is not sums[0]), *sums]
        if len(pieces) == 1 and pieces[0][0] > 0:
            return pieces[0][1]
        parts: list[Box] = []
        for sign, of in pieces:
            if parts or sign < 0:
                parts.append(Sign("−" if sign < 0 else "+", spaced=bool(parts)))
            parts.append(of.inside(Level.PRODUCT, "+"))
        return Piece(row(*parts), Level.SUM)

    def _term(self, node: Node) -> Piece:
        """Return a term without its own minus."""
        if isinstance(node, Constant) and is_scalar(node):
            return number_piece(abs(node.value.item()) if node.dtype.kind == "f" else node.value.item())
        return self._product(node, signed=False) if isinstance(node.op, arithmetic.Multiply) else self.piece(node)

    def _product(self, node: Node, *, signed: bool = True) -> Piece:
        """Return a product: the sign, numbers and scalars first, then what is multiplied entry by entry."""
        factors = product_factors(node)
        number = number_in(factors)
        scalars = [factor for factor in factors if factor.shape == () and not is_scalar(factor)]
        arrays = [factor for factor in factors if factor.shape != ()]
        parts: list[Box] = []
        if abs(number) != 1 or not (scalars or arrays):
            parts.append(number_piece(abs(number)).inside(Level.RATIO))
        last_is_sum = False
        by_entries = any(map(has_entries, scalars))
        between = {"scalars": Sign(" ") if by_entries else Sign("·", spaced=True), "arrays": Sign("⊙", spaced=True)}
        if by_entries:  # δ_k a_j, the error signal first
            scalars.sort(key=lambda factor: not is_signal(factor))
        powers = powers_in(scalars) if by_entries else [(factor, 1) for factor in scalars]
        for i, (factor, exponent) in enumerate([*powers, *((array, 1) for array in arrays)]):
            of = self.piece(factor)
            last_is_sum = of.joined_by == "Σ" and i == 0 and len(powers) + len(arrays) == 1
            if parts:
                parts.append(
                    Sign(" ") if i in (0, len(powers)) else between["scalars" if i < len(powers) else "arrays"]
                )
            bare = of if exponent == 1 else power_piece(of, Digits(str(exponent)))
            parts.append(bare.box if last_is_sum else bare.inside(Level.RATIO))
        if number < 0 and signed:
            return Piece(row(Sign("−"), *parts), Level.SUM)
        return Piece(row(*parts), Level.PRODUCT, "Σ" if last_is_sum else "⊙")


def _vector_in(node: Node, matrix: tuple[int | None, int | None]) -> Node | None:
    """Return the vector that a matrix of one row, (1, None), or one column, (None, 1), was made of."""
    if not isinstance(node.op, indexing.Getitem) or not takes_all(node.op):
        return None
    (vector,) = node.inputs
    return (
        vector
        if vector.ndim == 1 and node.shape == tuple(vector.shape[0] if size is None else size for size in matrix)
        else None
    )


def _derivative(leaf: Leaf, box: Box) -> Piece:
    return Piece(Fraction(row(Sign("∂"), symbol_box(leaf.detail)), row(Sign("∂"), box), tight=True))


_PLAIN = (int, float, str, tuple)


def _settings(op: Op) -> str:
    """Return the settings that are not the usual ones; the shape of a result is not worth saying."""
    usual = {f.name: f.default for f in fields(op)}
    given = [(name, value) for name, value in op.settings.items() if name != "to"]
    shown = [f"{name}={value}" for name, value in given if value != usual[name] and isinstance(value, _PLAIN)]
    return short(", ".join(shown))


# Axes ---------------------------------------------------------------------------------------------------------------


def _swaps_the_last_two(axes: tuple[int, ...] | None, ndim: int) -> bool:
    if axes is None:
        return ndim == 2
    return ndim >= 2 and tuple(axes) == (*range(ndim - 2), ndim - 1, ndim - 2)


def _axes_in_words(axis: Any, z: Node) -> Box | None:
    """Return which axes a reduction goes over, in words; None for all of them."""
    if axis is None:
        return None
    ndim = z.ndim
    axes = sorted(a % ndim for a in (axis if isinstance(axis, tuple) else (axis,)))
    if axes == list(range(ndim)) and ndim > 1:
        return None
    if len(axes) > 1 or ndim > 2:
        return Name(("axes " if len(axes) > 1 else "axis ") + ", ".join(map(str, axes)))
    if ndim == 1:
        return None
    return Name("samples" if axes == [0] and z.shape[0] is None else ("rows", "columns")[axes[0]])
