"""What a sum and a product are made of, however deep their calls are nested."""

from __future__ import annotations

import math
from collections.abc import Sequence

from graphnet.notation.entries import Entry, SumOver
from graphnet.notation.formula import Call, Formula, Number, Signal
from graphnet.ops import arithmetic, comparisons, linear


def terms_of(formula: Formula) -> list[tuple[int, Formula]]:
    """Return the terms of a sum, each with its sign, ±1."""
    match formula:
        case Call((arithmetic.Add() | linear.BiasAdd()), (x, y)):
            return [*terms_of(x), *terms_of(y)]
        case Call(arithmetic.Subtract(), (x, y)):
            return [*terms_of(x), *((-sign, term) for sign, term in _signed(y))]
        case Call(arithmetic.Negative(), (x,)):
            return [(-sign, term) for sign, term in _signed(x)]
    return _signed(formula)


def _signed(formula: Formula) -> list[tuple[int, Formula]]:
    """Return a term on the right of a sign: its own minus changes the sign, its sums stay in brackets."""
    if isinstance(formula, Call) and isinstance(formula.op, arithmetic.Negative):
        return [(-sign, term) for sign, term in _signed(formula.args[0])]
    if isinstance(formula, Number) and formula.value < 0:
        return [(-1, Number(-formula.value))]
    if isinstance(formula, Call) and isinstance(formula.op, arithmetic.Multiply) and number_in(factors_of(formula)) < 0:
        return [(-1, Call(formula.op, (Number(-1.0), formula), formula.shape))]
    return [(1, formula)]


def factors_of(formula: Formula) -> list[Formula]:
    """Return the factors of a product; a minus is a factor −1."""
    match formula:
        case Call(arithmetic.Multiply(), (x, y)):
            return [*factors_of(x), *factors_of(y)]
        case Call(arithmetic.Negative(), (x,)):
            return [Number(-1.0), *factors_of(x)]
        case Call(arithmetic.Add(), (x, Number())) if is_zero(x):  # where Horner's rule begins
            return [formula.args[1]]
        case Number(bool()):
            return [Number(float(formula.value))]
    return [formula]


def factors_in(formula: Formula) -> list[Formula]:
    """Return what a product is made of, in the order it is written."""
    factors = factors_of(formula)
    return sorted(factors, key=lambda f: (not isinstance(f, Number), not is_signal(f)))


def number_in(factors: Sequence[Formula]) -> float:
    """Return the product of those factors that are numbers."""
    return math.prod(float(factor.value) for factor in factors if isinstance(factor, Number))


def powers_in(factors: Sequence[Formula]) -> list[tuple[Formula, int]]:
    """Return equal factors side by side as powers."""
    powers: list[tuple[Formula, int]] = []
    for factor in factors:
        if powers and powers[-1][0] == factor:
            powers[-1] = (factor, powers[-1][1] + 1)
        else:
            powers.append((factor, 1))
    return powers


def is_one(formula: Formula) -> bool:
    """Tell whether every entry is 1."""
    return (isinstance(formula, Number) and formula.value == 1) or (
        isinstance(formula, Call) and isinstance(formula.op, comparisons.OnesLike)
    )


def is_zero(formula: Formula) -> bool:
    """Tell whether every entry is 0."""
    return (isinstance(formula, Number) and formula.value == 0) or (
        isinstance(formula, Call) and isinstance(formula.op, comparisons.ZerosLike)
    )


def has_entries(formula: Formula) -> bool:
    """Tell whether a formula is written entry by entry."""
    return isinstance(formula, (Entry, SumOver)) or any(map(has_entries, formula.parts))


def is_signal(formula: Formula) -> bool:
    """Tell whether a formula is an entry of an error signal."""
    return isinstance(formula, Entry) and isinstance(formula.of, Signal)
