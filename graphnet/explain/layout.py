"""From a formula to its boxes: which sign stands for which op, and where brackets are needed."""

from __future__ import annotations

import fractions
import math
from collections.abc import Sequence
from dataclasses import dataclass, fields
from enum import IntEnum
from typing import Any

from graphnet.core import tables
from graphnet.core.op import Op
from graphnet.core.shapes import normal_axes
from graphnet.core.text import short
from graphnet.engine.gradients import BackwardOf
from graphnet.explain.boxes import Box, Digits, Fence, Fraction, Letters, Name, Root, Script, Sign, Words, row
from graphnet.explain.formula import Call, Count, Entry, Formula, InIndices, Literal, Number, Signal, SumOver, Value
from graphnet.explain.simplify import vector_in_column, vector_in_row
from graphnet.explain.symbols import Symbol
from graphnet.ops import activations, arithmetic, comparisons, linear, reductions, shaping


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

    box: Box
    level: Level = Level.ATOM
    joined_by: str = ""
    """Of a product: ``⊙`` entry by entry, ``@`` of matrices, ``Σ`` for a sum sign in front."""

    def inside(self, level: Level, joined_by: str = "") -> Box:
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


def layout(formula: Formula) -> Box:
    """Return the boxes of a formula."""
    return piece(formula).box


def piece(formula: Formula) -> Piece:
    """Return a formula's boxes and how tightly they hold together."""
    match formula:
        case Value(_, symbol):
            return Piece(symbol_box(symbol))
        case Signal(_, symbol, _, True):
            return Piece(row(Name("δ"), Fence(symbol_box(symbol))))
        case Signal(_, symbol, _, False, output):
            over, under = row(Sign("∂"), symbol_box(output)), row(Sign("∂"), symbol_box(symbol))
            return Piece(Fraction(over, under, tight=True))
        case Number(value):
            return _number(value)
        case Count(_, axis):
            return Piece(Name("NMLKPQRS"[axis] if axis < 8 else "N"))
        case Literal(entries, shape):
            shown = ", ".join(tables.number(x, 6).replace("-", "−") for x in entries) if len(entries) <= 6 else ""
            return Piece(Fence(Sign(shown or f"array {shape}"), "[", "]"))
        case Call(op, args):
            return _call(formula, op, args)
        case Entry(of, indices):
            return _entry(of, "".join(index for index in indices if index is not None))
        case SumOver(index, _, body):
            sign = Script(Sign("Σ"), Letters(index))
            return Piece(row(sign, Sign(" "), piece(body).inside(Level.PRODUCT, "+")), Level.PRODUCT, "Σ")
        case InIndices(body):
            return piece(body)
    raise AssertionError(f"a {type(formula).__name__} has no boxes")


def _entry(of: Formula, letters: str) -> Piece:
    """Return an entry: w_jk of W, δ_k of an error signal at a pre-activation, ∂E/∂w_jk of any other."""
    match of:
        case Value(_, symbol):
            return Piece(_with_indices(symbol, letters))
        case Signal(_, symbol, _, True) if not symbol.sub:
            return Piece(_with_indices(Symbol("δ"), letters))
        case Signal(_, symbol, _, True):
            return Piece(row(Name("δ"), Fence(_with_indices(symbol, letters))))
        case Signal(_, symbol, _, False, output):
            under = row(Sign("∂"), _with_indices(symbol, letters))
            return Piece(Fraction(row(Sign("∂"), symbol_box(output)), under, tight=True))
    inner = piece(of)
    box = inner.box if inner.level == Level.ATOM and not isinstance(inner.box, Script) else Fence(inner.box)
    return Piece(Script(box, Letters(letters)) if letters else box)


def _with_indices(symbol: Symbol, letters: str) -> Box:
    sub = f"{symbol.sub},{letters}" if symbol.sub and letters else symbol.sub or letters
    if not sub:
        return Name(symbol.base)
    return Script(Name(symbol.base), Letters(sub)) if letters else symbol_box(symbol)


def symbol_box(symbol: Symbol) -> Box:
    """Return the boxes of a symbol."""
    if not symbol.sub:
        return Name(symbol.base)
    return Script(Name(symbol.base), Digits(symbol.sub) if symbol.sub.isdigit() else Name(symbol.sub))


def _number(value: float | bool) -> Piece:
    if isinstance(value, bool):
        return Piece(Words("true" if value else "false"))
    if value == 0.5:
        return Piece(Digits("½"))
    text = tables.number(abs(value), 6)
    exact = fractions.Fraction(abs(value)).limit_denominator(1000)
    if float(text) != abs(value) and exact.numerator < 1000 and abs(float(exact) - abs(value)) < 1e-15 * abs(value):
        ratio = Fraction(Digits(str(exact.numerator)), Digits(str(exact.denominator)))  # 5/12, not 0.416667
        return Piece(ratio, Level.RATIO) if value >= 0 else Piece(row(Sign("−"), ratio), Level.SUM)
    return Piece(Digits(text)) if value >= 0 else Piece(row(Sign("−"), Digits(text)), Level.SUM)


# Ops ----------------------------------------------------------------------------------------------------------------

_FUNCTIONS: dict[type[Op], str] = {
    arithmetic.Log: "ln",
    comparisons.Maximum: "max",
    comparisons.Minimum: "min",
    activations.Sigmoid: "σ",
    activations.LogSoftmax: "log softmax",
    shaping.BroadcastTo: "spread",
    shaping.Embed: "zeros with",
    shaping.PutAdd: "zeros plus",
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


def _call(formula: Call, op: Op, args: tuple[Formula, ...]) -> Piece:
    match op, args:
        case (arithmetic.Multiply(), _):
            return _product(formula)
        case ((arithmetic.Add() | linear.BiasAdd() | arithmetic.Subtract() | arithmetic.Negative()), _):
            return _sum(formula)
        case (arithmetic.Divide(), (x, y)):
            return _fraction(piece(x), piece(y))
        case (arithmetic.Reciprocal(), (x,)):
            return _fraction(Piece(Digits("1")), piece(x))
        case (linear.Matmul(), (x, y)) if (column := vector_in_column(x)) and (line := vector_in_row(y)):
            outer = row(piece(column).inside(Level.RATIO), Sign("⊗", spaced=True), piece(line).inside(Level.RATIO))
            return Piece(outer, Level.PRODUCT, "⊗")
        case (linear.Matmul(), (x, y)):
            return Piece(
                row(piece(x).inside(Level.PRODUCT, "@"), Sign(" "), piece(y).inside(Level.PRODUCT, "@")),
                Level.PRODUCT,
                "@",
            )
        case (linear.Transpose(axes), (x,)) if _swaps_the_last_two(axes, len(x.shape)):
            return _power(piece(x), Sign("⊤"))
        case (arithmetic.Square(), (x,)):
            return _power(piece(x), Digits("2"))
        case (arithmetic.Power(), (x, p)):
            return _power(piece(x), piece(p).box)
        case (arithmetic.Exp(), (x,)):
            return _power(Piece(Name("e")), piece(x).box)
        case (arithmetic.Expm1(), (x,)):
            power = _power(Piece(Name("e")), piece(x).box)
            return Piece(row(power.box, Sign("−", spaced=True), Digits("1")), Level.SUM)
        case (arithmetic.Log1p(), (x,)):
            return Piece(
                row(Name("ln"), Fence(row(Digits("1"), Sign("+", spaced=True), piece(x).inside(Level.PRODUCT, "+"))))
            )
        case (arithmetic.Sqrt(), (x,)):
            return Piece(Root(piece(x).box))
        case (comparisons.Abs(), (x,)):
            return Piece(Fence(piece(x).box, "|", "|"))
        case (comparisons.LogicalNot(), (x,)):
            return Piece(row(Sign("¬"), piece(x).inside(Level.ATOM)), Level.RELATION)
        case (comparisons.Where(), (condition, x, y)):
            return _choice(piece(condition), x, y)
        case (reductions.Sum(), (Call(reductions.Sum(first, False), (x,)),)):  # one sum over the axes of both
            done = normal_axes(first, len(x.shape))
            kept = [axis for axis in range(len(x.shape)) if axis not in done]
            both = {*done, *(kept[axis] for axis in normal_axes(op.axis, len(kept)))}
            return _call(formula, reductions.Sum(tuple(sorted(both))), (x,))
        case (reductions.Sum(), (x,)):
            sign = Script(Sign("Σ"), _axes_in_words(op.axis, x))
            return Piece(row(sign, Sign(" "), piece(x).inside(Level.PRODUCT, "+")), Level.PRODUCT, "Σ")
        case ((reductions.Mean() | reductions.Max()), (x,)):
            return Piece(row(Script(Name(op.name), _axes_in_words(op.axis, x)), Fence(piece(x).box)))
        case (shaping.BroadcastTo(), (x,)) if x.shape == ():
            ones = Name("𝟏")
            return (
                Piece(row(piece(x).inside(Level.RATIO), Sign(" "), ones), Level.PRODUCT, "⊙")
                if not _is_one(x)
                else Piece(ones)
            )
        case ((shaping.ExpandDims() | shaping.Squeeze() | activations.Identity()), (x,)):
            return piece(x)
        case (shaping.Getitem(index), (x,)):
            return Piece(row(piece(x).inside(Level.ATOM), Fence(Sign(_index(index)), "[", "]")))
        case (comparisons.ZerosLike(), _):
            return Piece(Digits("0"))
        case (comparisons.OnesLike(), _):
            return Piece(Name("𝟏"))
        case (BackwardOf(of, slot), _):
            rule = Script(Name(short(of.name) + "′"), Digits(str(slot + 1)) if len(args) > 3 else None)
            return Piece(row(rule, Fence(_list(args))))
    if type(op) in _RELATIONS:
        logical = isinstance(op, (comparisons.LogicalAnd, comparisons.LogicalOr))
        left, right = (piece(arg).inside(Level.RELATION if logical else Level.SUM, "+") for arg in args)
        return Piece(row(left, Sign(_RELATIONS[type(op)], spaced=True), right), Level.RELATION)
    settings = _settings(op)
    inner = row(_list(args), Sign("; "), Name(settings)) if settings else _list(args)
    return Piece(row(Name(_FUNCTIONS.get(type(op), short(op.name))), Fence(inner)))


def _list(args: Sequence[Formula]) -> Box:
    boxes = [piece(arg).box for arg in args]
    return row(*boxes[:1], *(box for following in boxes[1:] for box in (Sign(", "), following)))


_PLAIN = (int, float, str, tuple)


def _settings(op: Op) -> str:
    """Return the settings that are not the usual ones; the shape of a result is not worth saying."""
    usual = {f.name: f.default for f in fields(op)}
    given = [(f.name, getattr(op, f.name)) for f in fields(op) if f.name != "to"]
    shown = [f"{name}={value}" for name, value in given if value != usual[name] and isinstance(value, _PLAIN)]
    return short(", ".join(shown)) if type(op).__module__ != "graphnet.core.op" else ""


def _is_one(formula: Formula) -> bool:
    return (isinstance(formula, Number) and formula.value == 1) or (
        isinstance(formula, Call) and isinstance(formula.op, comparisons.OnesLike)
    )


def _is_zero(formula: Formula) -> bool:
    return (isinstance(formula, Number) and formula.value == 0) or (
        isinstance(formula, Call) and isinstance(formula.op, comparisons.ZerosLike)
    )


def _power(base: Piece, exponent: Box) -> Piece:
    bare = base.level == Level.ATOM and not isinstance(base.box, (Script, Fraction))
    if isinstance(base.box, Script) and base.box.sup is None:
        return Piece(Script(base.box.base, base.box.sub, exponent))
    return Piece(Script(base.box if bare else Fence(base.box), None, exponent))


def _fraction(over: Piece, under: Piece) -> Piece:
    def part(of: Piece) -> Box:
        return of.box if of.level == Level.ATOM else Fence(of.box, on_one_line_only=True)

    return Piece(Fraction(part(over), part(under)), Level.RATIO)


def _choice(condition: Piece, x: Formula, y: Formula) -> Piece:
    """Return x where a condition holds, else y; as a product with [condition] where the other is 0."""
    holds = condition.box if condition.level == Level.RELATION else row(condition.box)
    truth = Fence(holds, "[", "]")
    if _is_zero(y):
        return _times(x, truth)
    if _is_zero(x):
        return _times(y, Fence(row(Digits("1"), Sign("−", spaced=True), truth)))
    then, other = piece(x).inside(Level.RELATION), piece(y).inside(Level.RELATION)
    return Piece(row(then, Words("if"), holds, Words("else"), other), Level.CHOICE)


def _times(formula: Formula, last: Box) -> Piece:
    if _is_one(formula):
        return Piece(last)
    times = Sign(" ") if isinstance(formula, Entry) else Sign("⊙", spaced=True)
    return Piece(row(piece(formula).inside(Level.PRODUCT, "⊙"), times, last), Level.PRODUCT, "⊙")


def _sum(formula: Formula) -> Piece:
    """Return terms with their signs; a chain of sums and differences needs no brackets on its left."""
    terms = _terms(formula)
    pieces = [(sign, piece(term)) for sign, term in terms if not _is_zero(term)] or [(1, piece(terms[0][1]))]
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


def _terms(formula: Formula) -> list[tuple[int, Formula]]:
    match formula:
        case Call((arithmetic.Add() | linear.BiasAdd()), (x, y)):
            return [*_terms(x), *_signed(y)]
        case Call(arithmetic.Subtract(), (x, y)):
            return [*_terms(x), *((-sign, term) for sign, term in _signed(y))]
        case Call(arithmetic.Negative(), (x,)):
            return [(-sign, term) for sign, term in _signed(x)]
    return _signed(formula)


def _signed(formula: Formula) -> list[tuple[int, Formula]]:
    """Return a term on the right of a sign: its own minus changes the sign, its sums stay in brackets."""
    if isinstance(formula, Call) and isinstance(formula.op, arithmetic.Negative):
        return [(-sign, term) for sign, term in _signed(formula.args[0])]
    if isinstance(formula, Number) and formula.value < 0:
        return [(-1, Number(-formula.value))]
    if isinstance(formula, Call) and isinstance(formula.op, arithmetic.Multiply) and _number_in(_factors(formula)) < 0:
        return [(-1, Call(formula.op, (Number(-1.0), formula), formula.shape))]
    return [(1, formula)]


def _product(formula: Formula) -> Piece:
    """Return a product: the sign, numbers and scalars first, then what is multiplied entry by entry."""
    factors = _factors(formula)
    number = _number_in(factors)
    scalars = [f for f in factors if f.shape == () and not isinstance(f, Number)]
    arrays = [f for f in factors if f.shape != ()]
    parts: list[Box] = []
    if abs(number) != 1 or not (scalars or arrays):
        parts.append(piece(Number(abs(number))).inside(Level.RATIO))
    last_is_sum = False
    by_entries = any(map(_has_entries, scalars))
    between = {"scalars": Sign(" ") if by_entries else Sign("·", spaced=True), "arrays": Sign("⊙", spaced=True)}
    if by_entries:  # δ_k a_j, the error signal first
        scalars.sort(key=lambda factor: not _is_signal(factor))
    powers = _powers(scalars) if by_entries else [(factor, 1) for factor in scalars]
    for i, (factor, power) in enumerate([*powers, *((array, 1) for array in arrays)]):
        of = piece(factor)
        last_is_sum = of.joined_by == "Σ" and i == 0 and len(powers) + len(arrays) == 1
        if parts:
            parts.append(Sign(" ") if i in (0, len(powers)) else between["scalars" if i < len(powers) else "arrays"])
        bare = of if power == 1 else _power(of, Digits(str(power)))
        parts.append(bare.box if last_is_sum else bare.inside(Level.RATIO))
    if number < 0:
        return Piece(row(Sign("−"), *parts), Level.SUM)
    return Piece(row(*parts), Level.PRODUCT, "Σ" if last_is_sum else "⊙")


def _number_in(factors: Sequence[Formula]) -> float:
    return math.prod(float(factor.value) for factor in factors if isinstance(factor, Number))


def _powers(factors: Sequence[Formula]) -> list[tuple[Formula, int]]:
    """Return equal factors side by side as powers."""
    powers: list[tuple[Formula, int]] = []
    for factor in factors:
        if powers and powers[-1][0] == factor:
            powers[-1] = (factor, powers[-1][1] + 1)
        else:
            powers.append((factor, 1))
    return powers


def factors_in(formula: Formula) -> list[Formula]:
    """Return what a product is made of, in the order it is written."""
    factors = _factors(formula)
    return sorted(factors, key=lambda f: (not isinstance(f, Number), not _is_signal(f)))


def _has_entries(formula: Formula) -> bool:
    return isinstance(formula, (Entry, SumOver)) or any(map(_has_entries, formula.parts))


def _is_signal(formula: Formula) -> bool:
    return isinstance(formula, Entry) and isinstance(formula.of, Signal)


def _factors(formula: Formula) -> list[Formula]:
    match formula:
        case Call(arithmetic.Multiply(), (x, y)):
            return [*_factors(x), *_factors(y)]
        case Call(arithmetic.Negative(), (x,)):
            return [Number(-1.0), *_factors(x)]
        case Call(arithmetic.Add(), (x, Number())) if _is_zero(x):  # where Horner's rule begins
            return [formula.args[1]]
        case Number(bool()):
            return [Number(float(formula.value))]
    return [formula]


# Axes ---------------------------------------------------------------------------------------------------------------


def _swaps_the_last_two(axes: tuple[int, ...] | None, ndim: int) -> bool:
    if axes is None:
        return ndim == 2
    return ndim >= 2 and tuple(axes) == (*range(ndim - 2), ndim - 1, ndim - 2)


def _axes_in_words(axis: Any, z: Formula) -> Box | None:
    """Return which axes a reduction goes over, in words; None for all of them."""
    if axis is None:
        return None
    ndim = len(z.shape)
    axes = sorted(a % ndim for a in (axis if isinstance(axis, tuple) else (axis,)))
    if axes == list(range(ndim)) and ndim > 1:
        return None
    if len(axes) > 1 or ndim > 2:
        return Name(("axes " if len(axes) > 1 else "axis ") + ", ".join(map(str, axes)))
    if ndim == 1:
        return None
    return Name("samples" if axes == [0] and z.shape[0] is None else ("rows", "columns")[axes[0]])


def _index(index: Sequence[Any]) -> str:
    def item(i: Any) -> str:
        if isinstance(i, tuple):
            start, stop, step = ("" if j is None else str(j) for j in i)
            return f"{start}:{stop}" + (f":{step}" if step else "")
        return "new" if i is None else str(i)

    return ", ".join(map(item, index))
