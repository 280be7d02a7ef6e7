"""What a person leaves out when writing: ``1 · x``, ``x + 0``, ``−(−x)``, a condition that is always false."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import numpy as np

from graphnet.core.op import Op
from graphnet.core.shapes import Shape
from graphnet.formulas.formula import Call, Formula, Number
from graphnet.ops.activations import Sigmoid
from graphnet.ops.arithmetic import Add, Divide, Exp, Expm1, Multiply, Negative, Power, Subtract
from graphnet.ops.comparisons import Equal, LogicalAnd, LogicalOr, Where, ZerosLike
from graphnet.ops.linear import Matmul, Transpose
from graphnet.ops.shaping import BroadcastTo, Getitem, Index


def call(
    op: Op, args: tuple[Formula, ...], shape: Shape, sizes: tuple[tuple[str, tuple[Any, ...]], ...] = ()
) -> Formula:
    """Return an op applied to formulas, simplified. The value stays the same, and the shape too."""
    if isinstance(op, (Multiply, Divide, Add, Subtract)):
        args = _without_spreading(args, shape)
    plain = Call(op, args, shape, sizes)
    if all(isinstance(arg, Number) for arg in args) and shape == ():
        with np.errstate(all="ignore"):
            value = plain.evaluate({}).item()
        return Number(value) if np.isfinite(value) else plain
    for candidate in _shorter(op, args):
        if candidate.shape == shape or (isinstance(candidate, Number) and isinstance(candidate.value, bool)):
            return candidate
    return plain


def _without_spreading(args: tuple[Formula, ...], shape: Shape) -> tuple[Formula, ...]:
    """Return two operands, one of them not repeated to a larger shape if the other one has that shape anyway."""
    for one, other in (args, args[::-1]):
        if isinstance(one, Call) and isinstance(one.op, BroadcastTo) and other.shape == shape:
            return tuple(one.args[0] if arg is one else arg for arg in args)
    return args


def substitute(formula: Formula, replacements: Mapping[Formula, Formula]) -> Formula:
    """Return the formula with some of its parts replaced."""
    if formula in replacements:
        return replacements[formula]
    if not isinstance(formula, Call):
        return formula
    args = tuple(substitute(arg, replacements) for arg in formula.args)
    return formula if args == formula.args else call(formula.op, args, formula.shape, formula.sizes)


def mentions(formula: Formula, part: Formula) -> int:
    """Count how often a formula mentions another."""
    return int(formula == part) + sum(mentions(inner, part) for inner in formula.parts)


def total(terms: Iterable[Formula], shape: Shape) -> Formula:
    """Return the sum of formulas, at least one. They are added in pairs, so that a thousand nest only ten deep."""
    left = list(terms)
    while len(left) > 1:
        pairs = zip(left[::2], left[1::2], strict=False)
        left = [*(call(Add(), pair, shape) for pair in pairs), *left[len(left) // 2 * 2 :]]
    return left[0]


def is_number(formula: Formula, value: float | bool) -> bool:
    """Tell whether a formula is this number."""
    return (
        isinstance(formula, Number)
        and formula.value == value
        and isinstance(value, bool) == isinstance(formula.value, bool)
    )


def _shorter(op: Op, args: tuple[Formula, ...]) -> list[Formula]:
    """Return formulas with the same entries, though perhaps not of the same shape."""
    match op, args:
        case (Multiply(), (x, y)):
            return list(_shorter_products(x, y)) + list(_shorter_products(y, x))
        case (Divide(), (x, y)) if is_number(y, 1):
            return [x]
        case (Power(), (x, p)) if is_number(p, 1):
            return [x]
        case (Add(), (x, y)):
            return [other for one, other in ((x, y), (y, x)) if is_number(one, 0)] or (
                [call(Multiply(), (Number(2.0), x), x.shape)] if x == y else []
            )
        case (Subtract(), (x, y)) if is_number(y, 0):
            return [x]
        case (Subtract(), (x, y)) if is_number(x, 0) and x.shape == ():
            return [call(Negative(), (y,), y.shape)]
        # (1 − t) σ(z) − t σ(−z): the numbers are better by it, σ(z) − t is what it means
        case (Subtract(), (Call(Multiply(), (rest, Call(Sigmoid()) as a)), Call(Multiply(), (t, other)))) if (
            rest == call(Subtract(), (Number(1.0), t), t.shape)
            and other == Call(a.op, (call(Negative(), a.args, a.shape),), a.shape)
        ):
            return [call(Subtract(), (a, t), a.shape)]
        case (Negative(), (Call(Negative(), (x,)),)):
            return [x]
        case (Negative(), (Call(Expm1(), (x,)),)):  # the numbers are better by expm1, 1 − eˣ is what it means
            return [call(Subtract(), (Number(1.0), call(Exp(), (x,), x.shape)), x.shape)]
        case (LogicalAnd(), (x, y)):
            return [one for one in args if is_number(one, False)] or [
                other for one, other in ((x, y), (y, x)) if is_number(one, True)
            ]
        case (LogicalOr(), (x, y)):
            return [other for one, other in ((x, y), (y, x)) if is_number(one, False)]
        case (Where(), (condition, x, y)) if isinstance(condition, Number):
            return [x if condition.value else y]
        case (BroadcastTo(), (x,)):
            return [x]
        case (Getitem((0,)), (Call(Matmul(), (row, y)),)) if (vector := vector_in_row(row)) and (len(y.shape) == 2):
            return [call(Matmul(), (vector, y), y.shape[1:])]
        case (Getitem(((None, None, None), 0)), (Call(Matmul(), (x, column)),)) if vector := vector_in_column(column):
            return [call(Matmul(), (x, vector), x.shape[:-1])]
        case (Getitem((0,)), (Call(Multiply(), (x, row)),)) if x.shape == () and (vector := vector_in_row(row)):
            return [call(Multiply(), (x, vector), vector.shape)]
        case (Getitem(((None, None, None), 0)), (Call(Multiply(), (x, column)),)) if x.shape == () and (
            vector := vector_in_column(column)
        ):
            return [call(Multiply(), (x, vector), vector.shape)]
        case (Matmul(), (x, y)):
            return [
                call(Multiply(), (scalar, other), other.shape)
                for one, other in ((x, y), (y, x))
                if (scalar := _without_new_axes(one)) and scalar.shape == ()
            ]
    return []


def vector_in_row(formula: Formula) -> Formula | None:
    """Return the vector that a matrix of one row was made of."""
    if isinstance(formula, Call) and isinstance(formula.op, Transpose) and len(formula.shape) == 2:
        return vector_in_column(formula.args[0])
    vector = _without_new_axes(formula)
    return vector if vector is not None and len(vector.shape) == 1 and formula.shape == (1, *vector.shape) else None


def vector_in_column(formula: Formula) -> Formula | None:
    """Return the vector that a matrix of one column was made of."""
    if isinstance(formula, Call) and isinstance(formula.op, Transpose) and len(formula.shape) == 2:
        return vector_in_row(formula.args[0])
    vector = _without_new_axes(formula)
    return vector if vector is not None and len(vector.shape) == 1 and formula.shape == (*vector.shape, 1) else None


def _without_new_axes(formula: Formula) -> Formula | None:
    """Return what an indexing that only adds axes of size 1 was given; None if it is something else."""
    inner = formula
    while isinstance(inner, Call) and isinstance(inner.op, Getitem) and only_new_axes(inner.op.index):
        inner = inner.args[0]
    return None if inner is formula else inner


def only_new_axes(index: Index) -> bool:
    """Tell whether an index takes everything, and only adds axes."""
    return all(item in (None, "...", (None, None, None)) for item in index)


def _shorter_products(x: Formula, y: Formula) -> Iterator[Formula]:
    """Yield ways to write x ⊙ y shorter, by what x is."""
    match x, y:
        case Number(), _ if is_number(x, 1):
            yield y
        case Number(first), Call(Multiply(), (Number(second), z)) | Call(Multiply(), (z, Number(second))):
            yield call(Multiply(), (Number(first * second), z), y.shape)
        case Call(ZerosLike()), _:
            yield x
        case Call(Where(), (Call(Equal(), (share, zero)), nothing, z)), _ if share == y and is_number(zero, 0):
            if is_number(nothing, 0):  # 0 · ∞ counts as 0
                yield call(Multiply(), (z, y), x.shape)
        case _, Call(Where(), (Call(Equal(), (share, zero)), nothing, z)) if share == x and is_number(zero, 0):
            if is_number(nothing, 0):
                yield call(Multiply(), (x, z), y.shape)
        case Call(BroadcastTo(), (z,)), _ if z.shape == () == y.shape:
            yield Call(x.op, (call(Multiply(), (z, y), ()),), x.shape, x.sizes)
