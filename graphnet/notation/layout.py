"""From a formula to its boxes: which sign stands for which op, and where brackets are needed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields
from typing import Any

from graphnet.core import tables
from graphnet.core.op import Op
from graphnet.core.shapes import normal_axes
from graphnet.core.text import short
from graphnet.engine.gradients import BackwardOf
from graphnet.notation.boxes import Box, Digits, Fence, Fraction, Letters, Name, Root, Script, Sign, Words, row
from graphnet.notation.entries import Entry, InIndices, SumOver
from graphnet.notation.formula import Call, Count, Formula, Literal, Number, Signal, Value
from graphnet.notation.operands import (
    factors_of,
    has_entries,
    is_one,
    is_signal,
    is_zero,
    number_in,
    powers_in,
    terms_of,
)
from graphnet.notation.pieces import Level, Piece, fraction, number_piece, power, symbol_box, with_indices
from graphnet.notation.simplify import vector_in_column, vector_in_row
from graphnet.notation.symbols import Symbol
from graphnet.ops import activations, arithmetic, comparisons, linear, picking, reductions, shaping


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
            return number_piece(value)
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
            return _summed(body, Letters(index))
        case InIndices(body):
            return piece(body)
    raise AssertionError(f"a {type(formula).__name__} has no boxes")


def _entry(of: Formula, letters: str) -> Piece:
    """Return an entry: w_jk of W, δ_k of an error signal at a pre-activation, ∂E/∂w_jk of any other."""
    match of:
        case Value(_, symbol):
            return Piece(with_indices(symbol, letters))
        case Signal(_, symbol, _, True) if not symbol.sub:
            return Piece(with_indices(Symbol("δ"), letters))
        case Signal(_, symbol, _, True):
            return Piece(row(Name("δ"), Fence(with_indices(symbol, letters))))
        case Signal(_, symbol, _, False, output):
            under = row(Sign("∂"), with_indices(symbol, letters))
            return Piece(Fraction(row(Sign("∂"), symbol_box(output)), under, tight=True))
    inner = piece(of)
    box = inner.box if inner.level == Level.ATOM and not isinstance(inner.box, Script) else Fence(inner.box)
    return Piece(Script(box, Letters(letters)) if letters else box)


# Ops ----------------------------------------------------------------------------------------------------------------

_FUNCTIONS: dict[type[Op], str] = {
    arithmetic.Log: "ln",
    comparisons.Maximum: "max",
    comparisons.Minimum: "min",
    activations.Sigmoid: "σ",
    activations.LogSoftmax: "log softmax",
    shaping.BroadcastTo: "spread",
    shaping.Embed: "zeros with",
    picking.PutAdd: "zeros plus",
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
            return fraction(piece(x), piece(y))
        case (arithmetic.Reciprocal(), (x,)):
            return fraction(Piece(Digits("1")), piece(x))
        case (linear.Matmul(), (x, y)) if (column := vector_in_column(x)) and (line := vector_in_row(y)):
            outer = row(piece(column).inside(Level.RATIO), Sign("⊗", spaced=True), piece(line).inside(Level.RATIO))
            return Piece(outer, Level.PRODUCT, "⊗")
        case (linear.Matmul(), (x, y)):
            left, right = (piece(factor).inside(Level.PRODUCT, "@") for factor in (x, y))
            return Piece(row(left, Sign(" "), right), Level.PRODUCT, "@")
        case (linear.Transpose(axes), (x,)) if _swaps_the_last_two(axes, len(x.shape)):
            return power(piece(x), Sign("⊤"))
        case (arithmetic.Square(), (x,)):
            return power(piece(x), Digits("2"))
        case (arithmetic.Power(), (x, p)):
            return power(piece(x), piece(p).box)
        case (arithmetic.Exp(), (x,)):
            return power(Piece(Name("e")), piece(x).box)
        case (arithmetic.Expm1(), (x,)):
            to_x = power(Piece(Name("e")), piece(x).box)
            return Piece(row(to_x.box, Sign("−", spaced=True), Digits("1")), Level.SUM)
        case (arithmetic.Log1p(), (x,)):
            more = row(Digits("1"), Sign("+", spaced=True), piece(x).inside(Level.PRODUCT, "+"))
            return Piece(row(Name("ln"), Fence(more)))
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
            return _summed(x, _axes_in_words(op.axis, x))
        case ((reductions.Mean() | reductions.Max()), (x,)):
            return Piece(row(Script(Name(op.name), _axes_in_words(op.axis, x)), Fence(piece(x).box)))
        case (shaping.BroadcastTo(), (x,)) if x.shape == ():
            ones = Name("𝟏")
            if is_one(x):
                return Piece(ones)
            return Piece(row(piece(x).inside(Level.RATIO), Sign(" "), ones), Level.PRODUCT, "⊙")
        case ((shaping.ExpandDims() | shaping.Squeeze() | activations.Identity()), (x,)):
            return piece(x)
        case (shaping.Getitem(index), (x,)):
            index = dict(formula.sizes).get("index", index)
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


def _summed(formula: Formula, over: Box | None) -> Piece:
    sign = Script(Sign("Σ"), over)
    return Piece(row(sign, Sign(" "), piece(formula).inside(Level.PRODUCT, "+")), Level.PRODUCT, "Σ")


def _list(args: Sequence[Formula]) -> Box:
    boxes = [piece(arg).box for arg in args]
    return row(*boxes[:1], *(box for following in boxes[1:] for box in (Sign(", "), following)))


_PLAIN = (int, float, str, tuple)


def _settings(op: Op) -> str:
    """Return the settings that are not the usual ones; the shape of a result is not worth saying."""
    usual = {f.name: f.default for f in fields(op)}
    given = [(f.name, getattr(op, f.name)) for f in fields(op) if f.name != "to"]
    shown = [f"{name}={value}" for name, value in given if value != usual[name] and isinstance(value, _PLAIN)]
    return short(", ".join(shown))


def _choice(condition: Piece, x: Formula, y: Formula) -> Piece:
    """Return x where a condition holds, else y; as a product with [condition] where the other is 0."""
    holds = condition.box if condition.level == Level.RELATION else row(condition.box)
    truth = Fence(holds, "[", "]")
    if is_zero(y):
        return _times(x, truth)
    if is_zero(x):
        return _times(y, Fence(row(Digits("1"), Sign("−", spaced=True), truth)))
    then, other = piece(x).inside(Level.RELATION), piece(y).inside(Level.RELATION)
    return Piece(row(then, Words("if"), holds, Words("else"), other), Level.CHOICE)


def _times(formula: Formula, last: Box) -> Piece:
    if is_one(formula):
        return Piece(last)
    times = Sign(" ") if isinstance(formula, Entry) else Sign("⊙", spaced=True)
    return Piece(row(piece(formula).inside(Level.PRODUCT, "⊙"), times, last), Level.PRODUCT, "⊙")


def _sum(formula: Formula) -> Piece:
    """Return terms with their signs; a chain of sums and differences needs no brackets on its left."""
    terms = terms_of(formula)
    pieces = [(sign, piece(term)) for sign, term in terms if not is_zero(term)] or [(1, piece(terms[0][1]))]
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


def _product(formula: Formula) -> Piece:
    """Return a product: the sign, numbers and scalars first, then what is multiplied entry by entry."""
    factors = factors_of(formula)
    number = number_in(factors)
    scalars = [f for f in factors if f.shape == () and not isinstance(f, Number)]
    arrays = [f for f in factors if f.shape != ()]
    parts: list[Box] = []
    if abs(number) != 1 or not (scalars or arrays):
        parts.append(piece(Number(abs(number))).inside(Level.RATIO))
    last_is_sum = False
    by_entries = any(map(has_entries, scalars))
    between = {"scalars": Sign(" ") if by_entries else Sign("·", spaced=True), "arrays": Sign("⊙", spaced=True)}
    if by_entries:  # δ_k a_j, the error signal first
        scalars.sort(key=lambda factor: not is_signal(factor))
    powers = powers_in(scalars) if by_entries else [(factor, 1) for factor in scalars]
    for i, (factor, exponent) in enumerate([*powers, *((array, 1) for array in arrays)]):
        of = piece(factor)
        last_is_sum = of.joined_by == "Σ" and i == 0 and len(powers) + len(arrays) == 1
        if parts:
            parts.append(Sign(" ") if i in (0, len(powers)) else between["scalars" if i < len(powers) else "arrays"])
        bare = of if exponent == 1 else power(of, Digits(str(exponent)))
        parts.append(bare.box if last_is_sum else bare.inside(Level.RATIO))
    if number < 0:
        return Piece(row(Sign("−"), *parts), Level.SUM)
    return Piece(row(*parts), Level.PRODUCT, "Σ" if last_is_sum else "⊙")


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
