"""Sums that stay right over many entries, in float32 too."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from functools import lru_cache
from itertools import takewhile
from typing import Any

import numpy as np

from graphnet.core import shapes
from graphnet.core.node import Array, Numbers

SUMMED_AT_ONCE = 128
"""Up to this many entries are added up at once: rounding can't gather."""

BLOCKS = 64
"""How many rows are added up to one, where there are more."""

PAIRS = 4096
"""How many entries in a row are added up in pairs: of longer rows NumPy 2.0 adds the parts one by one."""

PRODUCT = 2048
"""How many entries one product of a vector with itself adds up."""


def total(z: Array, axis: Any = None, *, keepdims: bool = False) -> Array:
    """Sum as ``np.sum`` does; of float32 arrays to about 1e-6, however many entries there are.

    NumPy adds in pairs along the axis that lies contiguous in memory, and one by one along all others: over a million
    float32 rows two digits of seven are left. So the others are rows here, and added up in blocks.
    """
    if not isinstance(z, np.ndarray) or z.dtype.kind not in "fiu":
        return np.sum(z, axis=axis, keepdims=keepdims)
    if z.dtype.kind != "f":  # whole numbers would wrap around
        return np.sum(z, axis=axis, dtype=np.float64, keepdims=keepdims)
    layout = _layout(z.shape, z.strides, axis) if z.dtype.char == "f" and z.size > SUMMED_AT_ONCE else None
    if layout is None:
        return np.add.reduce(z, axis=axis, keepdims=keepdims)  # type: ignore[call-overload] # np.sum, in half the time
    order, rows, sizes, back, ones_kept = layout
    summed = row_sums(inner_sums(z.transpose(order).reshape(rows))).reshape(sizes).transpose(back)
    return summed.reshape(ones_kept) if keepdims else summed[()]


@lru_cache(maxsize=1024)
def _layout(shape: tuple[int, ...], strides: tuple[int, ...], axis: Any) -> tuple[list[int], ...] | None:
    """Return how to see an array as rows of what is kept, with what is added in pairs innermost; None where NumPy does well.

    Beside that order of axes and its three sizes: the sizes kept, the order to give them back in, and the shape with ones.
    """
    axes = shapes.normal_axes(axis, len(shape))
    if math.prod([shape[i] for i in axes]) <= SUMMED_AT_ONCE:
        return None
    # From the outermost in memory to the innermost; NumPy sees an axis without a step, as a broadcast one, as outer.
    order = sorted(range(len(shape)), key=lambda i: -abs(strides[i]) or -np.inf)
    inner = list(takewhile(axes.__contains__, reversed(order)))[::-1]
    outer = [i for i in order if i in axes and i not in inner]
    kept = [i for i in order if i not in axes]
    rows = [math.prod([shape[i] for i in part]) for part in (outer, kept, inner)]
    if not outer and rows[2] <= PAIRS:
        return None  # NumPy adds these in pairs
    back = [kept.index(i) for i in sorted(kept)]
    return (
        [*outer, *kept, *inner],
        rows,
        [shape[i] for i in kept],
        back,
        [1 if i in axes else n for i, n in enumerate(shape)],
    )


def row_sums(x: Numbers) -> Numbers:
    """Sum a matrix over its rows."""
    if len(x) == 1:
        return x[0]  # type: ignore[no-any-return]
    out = np.empty(x.shape[1], x.dtype)
    for function, arguments in calls_for_row_sums(x, out):
        function(*arguments)
    return out


def calls_for_row_sums(x: Numbers, out: Numbers) -> Iterator[tuple[Callable[..., Any], tuple[Any, ...]]]:
    """Yield the calls that sum a matrix over its rows into `out`: products with ones, until few rows are left."""
    while len(x) > BLOCKS:
        count = -(-len(x) // BLOCKS)
        whole = len(x) - len(x) % count
        part = np.empty((count + len(x) - whole, x.shape[1]), x.dtype)
        height = whole // count
        yield np.matmul, (np.ones(height, x.dtype), x[:whole].reshape(height, -1), part[:count].reshape(-1))
        if whole < len(x):
            yield np.copyto, (part[count:], x[whole:])
        x = part
    yield np.matmul, (np.ones(len(x), x.dtype), x, out)


def inner_sums(x: Numbers) -> Numbers:
    """Sum over the last axis, part by part where it is long."""
    while x.shape[-1] > PAIRS:
        x = np.add.reduceat(x, np.arange(0, x.shape[-1], PAIRS), -1)
    return np.add.reduce(x, -1) if x.shape[-1] > 1 else x[..., 0]


def average(z: Array, axis: Any = None, *, keepdims: bool = False) -> Array:
    """Return the mean as ``np.mean`` does, with the sum of `total`; raise `ShapeError` if there is nothing to average."""
    if isinstance(z, np.ndarray) and not z.size:
        shapes.require_entries(z.shape, axis, "mean")
    if not isinstance(z, np.ndarray) or z.dtype != np.float32:
        return np.mean(z, axis=axis, keepdims=keepdims)
    summed = total(z, axis, keepdims=keepdims)
    return summed / summed.dtype.type(z.size / max(np.size(summed), 1))


def sum_of_squares(flat: Numbers) -> Array:
    """Return Σ z² of a vector: products of parts with themselves, added up in pairs."""
    whole = flat.size - flat.size % PRODUCT
    parts, rest = flat[:whole].reshape(-1, PRODUCT), flat[whole:]
    return np.add.reduce(np.vecdot(parts, parts)) + rest.dot(rest)
