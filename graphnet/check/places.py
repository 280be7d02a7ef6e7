"""Where a rule is wrong, if in a part only: at a place, or where its input has some value, sign or size."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from graphnet.check.evidence import Evidence, Name
from graphnet.common.text import listing, number
from graphnet.core.node import Numbers

SHOWN = 6
"""Rows or columns that a pattern tells."""


def places(e: Evidence) -> Iterator[Name]:
    """Yield what a part that is wrong is called, first by places, then by values."""
    wrong, fine = e.wrong & e.known, ~e.wrong & e.known & (e.right != 0)
    if wrong.any() and not fine.any():
        return  # where nothing is wrong, as at other inputs, a place or bound may hold all the same
    nothing = ", all zero there" if wrong.any() and not e.rule[wrong].any() else ""
    of = f"{int(wrong.sum())} of {int(e.known.sum())} entries{nothing}"
    if e.linear:
        for words, part in _boundaries(e):
            if part[wrong].all() and not part[~e.wrong & e.known].any():
                yield Name(f"wrong at the boundary only: {of}, all where {words}", key=words)
        yield from _slabs(e, wrong, of)
        for words, part in _of_matrices(wrong) if wrong.ndim > 1 and min(wrong.shape[-2:]) > 1 else ():
            if np.array_equal(part & e.telling, wrong & e.telling):
                yield Name(f"wrong {words} only: {of}")
    yield from _values(e, wrong, of)


def _boundaries(e: Evidence) -> Iterator[tuple[str, Numbers]]:
    yield "the input is exactly 0", e.input == 0
    for name, other in zip(e.names, e.inputs, strict=True):
        if other is not e.input and other.shape == e.input.shape:
            yield f"the input equals {name}", e.input == other


def _slabs(e: Evidence, wrong: Numbers, of: str) -> Iterator[Name]:
    """Yield the one entry that is wrong, or the whole rows, columns or slabs, if these are not most of them."""
    if wrong.sum() == 1:
        place = tuple(int(i) for i in np.argwhere(wrong)[0])
        says = f"there {number(e.rule[place], 6)} instead of {number(e.right[place], 6)}"
        yield Name(f"off in one entry only, {place}: {says}")
        return
    for axis, size in enumerate(wrong.shape) if wrong.any() else ():
        others = tuple(i for i in range(wrong.ndim) if i != axis)
        hit = wrong.any(axis=others)
        at = np.flatnonzero(hit)
        whole = np.array_equal(np.expand_dims(hit, others) & e.telling, wrong & e.telling)
        is_run = len(at) == at[-1] - at[0] + 1
        if not whole or len(at) > max(1, size // 2) or not (wrong.ndim > 1 or is_run):
            continue
        one, several = f"place of axis {axis},", f"places of axis {axis},"
        if wrong.ndim == 2:
            one, several = (("row", "rows"), ("column", "columns"))[axis]
        words = f"{at[0]} to {at[-1]}" if is_run else listing([*map(str, at)], 8)
        text = f"off in one {one} {at[0]} only: {of}" if len(at) == 1 else f"off in {several} {words} only: {of}"
        yield Name(text, key=f"axis {axis}: {at}")


def _of_matrices(wrong: Numbers) -> Iterator[tuple[str, Numbers]]:
    i, j = np.indices(wrong.shape[-2:], sparse=True)
    at_ends = (i == 0) | (i == wrong.shape[-2] - 1), (j == 0) | (j == wrong.shape[-1] - 1)
    yield "on the diagonal", i == j
    yield "off the diagonal", i != j
    yield "above the diagonal", i < j
    yield "below the diagonal", i > j
    yield "on and above the diagonal", i <= j
    yield "on and below the diagonal", i >= j
    yield "at the border", at_ends[0] | at_ends[1]
    yield "inside, not at the border", ~(at_ends[0] | at_ends[1])
    yield "in the corners", at_ends[0] & at_ends[1]


def _values(e: Evidence, wrong: Numbers, of: str) -> Iterator[Name]:
    """Yield the sign or bound that parts wrong entries from right ones, with the chance of such an order."""
    arrays = [("the input", e.input), ("the size of the input", np.abs(e.input))]
    if e.linear:
        arrays += [(f"input {name}", x) for name, x in zip(e.names, e.inputs, strict=True) if x is not e.input]
        arrays += [("the output", e.output)]
    else:
        arrays = [("δ", e.delta), ("the size of δ", np.abs(e.delta))]
    right = e.telling & ~wrong
    chance = 4 * len(arrays) / math.comb(int(e.telling.sum()), int(wrong.sum()))
    for name, array in arrays:
        if array.shape != wrong.shape or array.dtype.kind != "f":
            continue
        for sign, where in (("negative", array < 0), ("positive", array > 0)):
            if np.array_equal(where & e.telling, wrong & e.telling):
                yield Name(f"wrong where {name} is {sign} only: {of}", chance=chance)
        parts = (wrong, right, e.known & ~wrong & (array != 0))  # at 0 many slopes are 0, the rule's too
        ends = [(array[part].min(), array[part].max()) if part.any() else (np.inf, -np.inf) for part in parts]
        if wrong.any() and ends[2][0] < ends[0][0] and ends[0][1] < ends[2][1]:
            yield from _interval(e, wrong, (name, array), of, chance)
            continue
        for word, low, high in (("above", ends[1][1], ends[0][0]), ("below", ends[0][1], ends[1][0])):
            if low < high:
                text = f"wrong where {name} is {word} a bound only, between {number(low)} and {number(high)}: {of}"
                text += " (a tail)" if word == "above" else ""
                yield Name(text, key=f"{name} {word}", between=(low, high), chance=chance)


def _interval(e: Evidence, wrong: Numbers, named: tuple[str, Numbers], of: str, chance: float) -> Iterator[Name]:
    """Yield that what is wrong lies between two bounds, if what lies beyond both is right, be it 0."""
    (name, array), fine = named, e.known & ~wrong
    low, high = array[wrong].min(), array[wrong].max()
    if not (fine & (array >= low) & (array <= high)).any():
        ends = array[fine & (array < low)].max(), array[fine & (array > high)].min()
        bounds = f"{number(ends[0])} to {number(low)} and {number(high)} to {number(ends[1])}"
        text = f"wrong where {name} is between two bounds only, {bounds}: {of}"
        places = int(fine.sum()) + 1
        yield Name(text, key=f"{name} below", between=(high, ends[1]), chance=places * chance)


def pattern(e: Evidence) -> str:
    """Return what is left of a fault without a name: what was tried, which entries are wrong, and by how much."""
    wrong, known = e.wrong & e.known, int(e.known.sum())
    parts = [
        "tried: signs, factors, terms, sums, orders and places",
        f"{int(wrong.sum())} of {known} entries are wrong",
    ]
    if infinite := np.count_nonzero(~np.isfinite(e.rule)):
        parts.append(f"{infinite} are not finite")
    if not wrong.any():
        return "; ".join(parts)
    parts.append(f"rule / difference {_ratios(e, wrong)}, rule − difference {_range((e.rule - e.right)[wrong])}")
    for axis, name in enumerate(("row", "column")) if wrong.ndim == 2 else ():
        lines = [np.indices(wrong.shape)[axis] == i for i in range(wrong.shape[axis])]
        told = listing([_ratios(e, wrong & line) for line in lines], SHOWN)
        parts.append(f"the ratio by {name}: {told}")
    for word, where in (("positive", e.input > 0), ("negative", e.input < 0)):
        if (where & e.known).any():
            count = f"{int((wrong & where).sum())} of {int((where & e.known).sum())} wrong"
            parts.append(f"where the input is {word}: {count}, ratio {_ratios(e, wrong & where)}")
    return "; ".join(parts)


def _ratios(e: Evidence, where: Numbers) -> str:
    at = where & (e.right != 0)
    return _range(e.rule[at] / e.right[at]) if at.any() else "infinite" if where.any() else "right"


def _range(values: Numbers) -> str:
    return f"{number(values.min(), 3)} to {number(values.max(), 3)}"
