"""Sums that stay right over many entries, in float32 too."""

from __future__ import annotations

from itertools import takewhile
from typing import Any

import numpy as np

from graphnet.core import shapes
from graphnet.core.node import Array

FEW = 256
"""Up to so many entries are added up at once: rounding can't gather."""

BLOCKS = 16
"""How many rows are added up to one, where there are more."""

PRODUCT = 2048
"""How many entries one product of a vector with itself adds up."""


def total(z: Array, axis: Any = None, *, keepdims: bool = False) -> Array:
    """Sum as ``np.sum`` does; of float32 arrays to about 1e-6, however many entries there are.

    NumPy adds in pairs along the axis that lies contiguous in memory, and one by one along all others: over a million
    float32 rows two digits of seven are left. So the others are rows here, and added up in blocks.
    """
    if isinstance(z, np.ndarray) and z.dtype.kind in "iu":  # whole numbers would wrap around
        return np.sum(z, axis=axis, dtype=np.float64, keepdims=keepdims)
    if not isinstance(z, np.ndarray) or z.dtype != np.float32 or z.ndim < 2 or z.size <= 2 * FEW:
        return np.sum(z, axis=axis, keepdims=keepdims)
    axes = shapes.normal_axes(axis, z.ndim)
    # From the outermost in memory to the innermost; NumPy sees an axis without a step, as a broadcast one, as outer.
    order = sorted(range(z.ndim), key=lambda i: -abs(z.strides[i]) or -np.inf)
    inner = tuple(takewhile(axes.__contains__, reversed(order)))
    part = np.add.reduce(z, inner, keepdims=True) if inner else z
    outer = [i for i in order if i in axes and i not in inner]
    if outer:  # as rows, added up in blocks
        order = [*outer, *(i for i in order if i not in axes), *inner]
        part = part.transpose(order)
        summed = row_sums(part.reshape(int(np.prod(part.shape[: len(outer)])), -1))
        part = summed.reshape((1,) * len(outer) + part.shape[len(outer) :]).transpose(np.argsort(order))
    return part if keepdims else np.squeeze(part, axes)[()]


def row_sums(x: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Sum a matrix over its rows, by products with ones: block on block, until few rows are left."""
    while len(x) > 4 * BLOCKS:
        count = len(x) // BLOCKS
        part = np.ones(BLOCKS, x.dtype).dot(x[: BLOCKS * count].reshape(BLOCKS, -1)).reshape(count, -1)
        part[0] += row_sums(x[BLOCKS * count :])
        x = part
    return np.ones(len(x), x.dtype).dot(x)  # type: ignore[no-any-return]


def average(z: Array, axis: Any = None, *, keepdims: bool = False) -> Array:
    """Return the mean as ``np.mean`` does, with the sum of `total`; raise `ShapeError` if there is nothing to average."""
    if isinstance(z, np.ndarray) and not z.size:
        shapes.require_entries(z.shape, axis, "mean")
    if not isinstance(z, np.ndarray) or z.dtype != np.float32:
        return np.mean(z, axis=axis, keepdims=keepdims)
    summed = total(z, axis, keepdims=keepdims)
    return summed / summed.dtype.type(z.size / max(np.size(summed), 1))


def sum_of_squares(flat: np.ndarray[Any, Any]) -> Array:
    """Return Σ z² of a vector: products of parts with themselves, added up in pairs."""
    whole = flat.size - flat.size % PRODUCT
    parts, rest = flat[:whole].reshape(-1, PRODUCT), flat[whole:]
    return np.add.reduce(np.vecdot(parts, parts)) + rest.dot(rest)
