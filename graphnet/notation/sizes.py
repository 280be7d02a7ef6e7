"""Formulas with sizes that are known only when arrays are fed, as the number of samples N.

A rule that asks for a size gets a number that stands in for it; read again with another number, what has changed tells
how the formula depends on the size.
"""

from __future__ import annotations

import fractions
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any, TypeAlias

import numpy as np

from graphnet.errors import GraphnetError
from graphnet.notation.formula import Call, Count, Formula, Literal, Number
from graphnet.notation.simplify import call
from graphnet.ops.arithmetic import Divide, Multiply

Messages: TypeAlias = Sequence[Formula | None]

STAND_INS = (1680, 1848, 2184, 2640)
_OTHER = 2280
"""Divisible by 2, 3, 4, 6, 8, 12 and 24: an axis may be split into parts."""


class NoFormula(Exception):
    """A rule depends on a size in a way that is not found out."""


@dataclass(frozen=True)
class _Sizes:
    """The numbers that stand in for the sizes of some axes, and what those sizes are called."""

    stand_ins: Mapping[int, int]
    counts: Mapping[int, Count]


def read_with_counts(
    read: Callable[[Mapping[int, int]], Messages], counts: Mapping[int, Count], named: Messages
) -> tuple[Formula | None, ...]:
    """Read a rule's messages by what `read` gives with numbers for the sizes of some axes, once for each axis more.

    Where formulas differ by more than numbers, or these by more than a power of a size, it is the one of `named`.

    Raises
    ------
    NoFormula
        If the rule can't be run at these sizes.
    """
    sizes = _Sizes({axis: STAND_INS[i % len(STAND_INS)] for i, axis in enumerate(counts)}, counts)
    try:
        first = read(sizes.stand_ins)
        varied = {axis: read({**sizes.stand_ins, axis: _OTHER}) for axis in counts}
    except GraphnetError:  # sizes that depend on each other, as of parts and the whole, had numbers that do not
        raise NoFormula from None
    messages: list[Formula | None] = []
    for slot, message in enumerate(first):
        others = {axis: other[slot] for axis, other in varied.items()}
        try:
            messages.append(None if message is None else _general(message, others, sizes))
        except NoFormula:
            messages.append(named[slot])
    return tuple(messages)


def _general(first: Formula, varied: Mapping[int, Formula | None], sizes: _Sizes) -> Formula:
    """Return the formula that `first` is for the stand-ins, and each of `varied` with another number for one axis."""
    if isinstance(first, Number):
        return _general_number(first, varied, sizes)
    if isinstance(first, Literal) and any(other != first for other in varied.values()):
        raise NoFormula
    if not isinstance(first, Call):
        return first
    others: dict[int, Call] = {}
    for axis, other in varied.items():
        if not isinstance(other, Call) or type(other.op) is not type(first.op) or len(other.args) != len(first.args):
            raise NoFormula
        others[axis] = other
    args = tuple(
        _general(arg, {axis: other.args[i] for axis, other in others.items()}, sizes)
        for i, arg in enumerate(first.args)
    )
    shape = tuple(None if size in sizes.stand_ins.values() else size for size in first.shape)
    return call(first.op, args, shape, _general_settings(first, others, sizes))


def _general_settings(
    first: Call, others: Mapping[int, Call], sizes: _Sizes
) -> tuple[tuple[str, tuple[Any, ...]], ...]:
    general = []
    for setting in fields(first.op):
        mine = getattr(first.op, setting.name)
        theirs = {axis: getattr(other.op, setting.name) for axis, other in others.items()}
        if all(value == mine for value in theirs.values()):
            continue
        if not isinstance(mine, tuple):
            raise NoFormula
        general.append((setting.name, _with_counts(mine, theirs, sizes)))
    return tuple(general)


def _with_counts(mine: Any, theirs: Mapping[int, Any], sizes: _Sizes) -> Any:
    """Return sizes, in tuples however deep, with a count in place of each that changes with the size of an axis."""
    changed = {axis: other for axis, other in theirs.items() if other != mine}
    if not changed:
        return mine
    if isinstance(mine, tuple) and all(isinstance(o, tuple) and len(o) == len(mine) for o in changed.values()):
        return tuple(
            _with_counts(part, {axis: other[i] for axis, other in changed.items()}, sizes)
            for i, part in enumerate(mine)
        )
    (axis, other), *more = changed.items()
    if more or (mine, other) != (sizes.stand_ins[axis], _OTHER):
        raise NoFormula
    return sizes.counts[axis]


def _general_number(first: Number, varied: Mapping[int, Formula | None], sizes: _Sizes) -> Formula:
    """Return c · Nᵖ, by how the number changed when the stand-in for N did."""
    number = float(first.value)
    above: list[Formula] = []
    below: list[Formula] = []
    for axis, other in varied.items():
        if not isinstance(other, Number):
            raise NoFormula
        if other.value == first.value:
            continue
        ratio = _OTHER / sizes.stand_ins[axis]
        change = other.value / first.value if first.value else 0.0
        power = next((p for p in (-2, -1, 1, 2) if np.isclose(change, ratio**p, rtol=1e-12, atol=0)), None)
        if power is None:
            raise NoFormula
        number /= float(sizes.stand_ins[axis]) ** power
        (above if power > 0 else below).extend([sizes.counts[axis]] * abs(power))
    if not above and not below:
        return first
    over: Formula = Number(number)
    under: Formula = Number(1.0)
    exact = fractions.Fraction(number).limit_denominator(10**6)  # 2 / 3027 · 1009 is 2/3
    if abs(float(exact) - number) < 1e-12 * abs(number):
        over, under = Number(float(exact.numerator)), Number(float(exact.denominator))
    for count in above:
        over = call(Multiply(), (over, count), ())
    for count in below:
        under = call(Multiply(), (under, count), ())
    return call(Divide(), (over, under), ())
