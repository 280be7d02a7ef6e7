"""Where a rule is wrong, if in a part only: at a place, or where its input has some value, sign or size."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np

from graphnet.check.evidence import Evidence
from graphnet.core.tables import number

Array = np.ndarray[Any, Any]


def places(e: Evidence) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield what a part that is wrong is called, with what must be the same elsewhere: first places, then values."""
    wrong, fine = e.wrong & e.known, ~e.wrong & e.known & (e.right != 0)
    of = f"{int(wrong.sum())} of {int(e.known.sum())} entries"
    of += ", all zero there" if wrong.any() and not e.rule[wrong].any() else ""
    if fine.any() or not wrong.any():
        if e.linear:
            yield from _boundaries(e, wrong, of)
            yield from _slabs(e, wrong, of)
            yield from _of_matrices(e, wrong, of)
        yield from _values(e, wrong, of)


def _boundaries(e: Evidence, wrong: Array, of: str) -> Iterator[tuple[str, dict[str, Any]]]:
    x, fine = e.input, ~e.wrong & e.known
    if (x[wrong] == 0).all() and not (x[fine] == 0).any():
        yield f"wrong at the boundary only: {of}, all where the input is exactly 0", {"key": "at 0"}
    for name, other in zip(e.names, e.inputs, strict=True):
        if other.shape == x.shape and (x == other)[wrong].all() and not (x == other)[fine].any():
            yield f"wrong at the boundary only: {of}, all where the input equals {name}", {"key": f"at {name}"}


def _slabs(e: Evidence, wrong: Array, of: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield the one entry that is wrong, or the whole rows, columns or slabs, if these are not most of them."""
    if wrong.sum() == 1:
        place = tuple(int(i) for i in np.argwhere(wrong)[0])
        says = f"there {number(e.rule[place], 6)} instead of {number(e.right[place], 6)}"
        yield f"off in one entry only, {place}: {says}", {}
    for axis in range(wrong.ndim):
        others = tuple(i for i in range(wrong.ndim) if i != axis)
        hit = wrong.any(axis=others)
        whole = np.expand_dims(hit, others)
        if (
            0 < hit.sum() <= max(1, hit.size // 2)
            and wrong.sum() > 1
            and np.array_equal(whole & e.telling, wrong & e.telling)
        ):
            what = {0: "row", 1: "column"}[axis] if wrong.ndim == 2 else f"place of axis {axis},"
            at = np.flatnonzero(hit)
            if len(at) == 1:
                yield f"off in one {what} {at[0]} only: {of}", {}
            elif wrong.ndim > 1 or len(at) == at[-1] - at[0] + 1:
                run = len(at) == at[-1] - at[0] + 1
                words = f"{at[0]} to {at[-1]}" if run else ", ".join(map(str, at[:8])) + ", …" * (len(at) > 8)
                what = f"{what}s" if wrong.ndim == 2 else f"places of axis {axis},"
                yield f"off in {what} {words} only: {of}", {"key": f"axis {axis}: {at}"}


def _of_matrices(e: Evidence, wrong: Array, of: str) -> Iterator[tuple[str, dict[str, Any]]]:
    if wrong.ndim < 2 or min(wrong.shape[-2:]) < 2:
        return
    i, j = np.indices(wrong.shape[-2:], sparse=True)
    last, end = wrong.shape[-2] - 1, wrong.shape[-1] - 1
    border = (i == 0) | (i == last) | (j == 0) | (j == end)
    parts = {
        "on the diagonal": i == j,
        "off the diagonal": i != j,
        "above the diagonal": i < j,
        "below the diagonal": i > j,
        "on and above the diagonal": i <= j,
        "on and below the diagonal": i >= j,
        "at the border": border,
        "inside, not at the border": ~border,
        "in the corners": ((i == 0) | (i == last)) & ((j == 0) | (j == end)),
    }
    for words, part in parts.items():
        if np.array_equal(part & e.telling, wrong & e.telling):
            yield f"wrong {words} only: {of}", {}


def _values(e: Evidence, wrong: Array, of: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield the sign or bound that parts wrong entries from right ones, with the chance of such an order."""
    x = e.input
    arrays = [("the input", x), ("the size of the input", np.abs(x))]
    if not e.linear:
        arrays = [("δ", e.delta), ("the size of δ", np.abs(e.delta))]
    else:
        arrays += [(f"input {name}", other) for name, other in zip(e.names, e.inputs, strict=True) if other is not x]
        arrays += [("the output", e.output)]
    right = e.telling & ~wrong
    split = math.comb(int(e.telling.sum()), int(wrong.sum()))
    for name, array in arrays:
        if array.shape != wrong.shape or array.dtype.kind != "f":
            continue
        for sign, where in (("negative", array < 0), ("positive", array > 0)):
            if np.array_equal(where & e.telling, wrong & e.telling):
                text = f"wrong where {name} is {sign} only: {of}"
                yield text, {"chance": 4 * len(arrays) / split}
        ends = [(array[part].min(), array[part].max()) if part.any() else (np.inf, -np.inf) for part in (wrong, right)]
        for word, low, high in (("above", ends[1][1], ends[0][0]), ("below", ends[0][1], ends[1][0])):
            if low < high:
                bounds = f"between {number(low)} and {number(high)}"
                tail = " (a tail)" if word == "above" else ""
                text = f"wrong where {name} is {word} a bound only, {bounds}: {of}{tail}"
                yield text, {"key": f"{name} {word}", "between": (low, high), "chance": 4 * len(arrays) / split}
