"""Entries by their order along an axis: sorted, at a quantile, the positions of the largest; sums and products up to each."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from graphnet.common.settings import flag, real
from graphnet.core import shapes
from graphnet.core.node import Array
from graphnet.core.op import Primitive
from graphnet.core.registry import builtin
from graphnet.core.shapes import Shape
from graphnet.ops.arithmetic import negative
from graphnet.ops.composites import provided
from graphnet.ops.functions import word
from graphnet.ops.picking import TakeAlongAxis
from graphnet.ops.reductions import Axes, spread


@dataclass(frozen=True)
class Along(Primitive):
    """An op that keeps the shape, and goes along one axis.

    Attributes
    ----------
    axis
        The axis.
    """

    axis: int = -1

    def shape(self, z: Shape) -> Shape:
        """Return the same shape, or raise if there is no such axis."""
        shapes.normal_axes(self.axis, len(z))
        return z


@builtin
class Sort(Along):
    """Entries in order along an axis; each receives δ of the place that it went to. Equal ones keep their order."""

    def forward(self, z: Array) -> Array:
        return np.sort(z, axis=self.axis)

    def backward(self, delta: Array, a: Array, z: Array) -> Array:
        return TakeAlongAxis(self.axis)(delta, Argsort(self.axis)(Argsort(self.axis)(z)))


@builtin
class Argsort(Along):
    """Positions along an axis that put its entries in order; equal ones keep theirs. No error signal goes back."""

    def forward(self, z: Array) -> Array:
        return np.argsort(z, axis=self.axis, stable=True)

    def backward(self, delta: Array, a: Array, z: Array) -> Array:
        return (None,)

    def dtype(self, *dtypes: np.dtype[Any]) -> np.dtype[Any]:
        """Return the dtype of positions."""
        return np.dtype(np.intp)


@builtin
class Argmax(Argsort):
    """Position of the largest entry along an axis, the first of equal ones. No error signal goes back."""

    def forward(self, z: Array) -> Array:
        return np.argmax(z, axis=self.axis)

    def shape(self, z: Shape) -> Shape:
        shapes.require_entries(z, self.axis, self.name)
        return shapes.reduce(z, self.axis, keepdims=False)


@builtin
class Cumsum(Along):
    """Sums up to each entry along an axis, or from each to the end; an entry receives δ of all the sums that it is in.

    Attributes
    ----------
    axis
        The axis.
    from_end
        Whether the sums begin at the end.
    """

    from_end: bool = False

    def forward(self, z: Array) -> Array:
        way = slice(None, None, -1 if self.from_end else 1)
        z = np.moveaxis(z, self.axis, -1)[..., way]
        return np.moveaxis(np.cumsum(z, -1, dtype=np.float64).astype(z.dtype)[..., way], -1, self.axis)

    def backward(self, delta: Array, a: Array, z: Array) -> Array:
        return Cumsum(self.axis, not self.from_end)(delta)


def _along(kind: type[Along], z: Array, axis: int | None) -> Array:
    """Apply an op along an axis, or to all entries in one."""
    return kind(0)(np.ravel(z)) if axis is None else kind(axis)(z)


@word(np.cumsum)
def cumsum(z: Array, axis: int | None = None) -> Array:
    """Sum up to each entry along an axis. An entry receives δ of all the sums that it is in.

    Of all entries in one it is a vector.

    Attributes
    ----------
    axis
        The axis; None for all entries in one.

    Examples
    --------
    >>> cumsum(np.array([1.0, 2.0, 3.0]))
    array([1., 3., 6.])
    """
    return _along(Cumsum, z, axis)


@word(np.sort)
def sort(z: Array, axis: int | None = -1) -> Array:
    """Put the entries along an axis in order. Each receives δ of the place that it went to; equal ones keep their order.

    Attributes
    ----------
    axis
        The axis; None for all entries in one.

    Examples
    --------
    >>> sort(np.array([3.0, 1.0, 2.0]))
    array([1., 2., 3.])
    """
    return _along(Sort, z, axis)


@word(np.argsort)
def argsort(z: Array, axis: int | None = -1) -> Array:
    """Find the positions that put the entries along an axis in order; equal ones keep theirs. No error signal goes back.

    Attributes
    ----------
    axis
        The axis; None for all entries in one.

    Examples
    --------
    >>> argsort(np.array([3.0, 1.0, 2.0]))
    array([1, 2, 0])
    """
    return _along(Argsort, z, axis)


@word(np.argmax)
def argmax(z: Array, axis: int | None = None, *, keepdims: bool = False) -> Array:
    """Find the position of the largest entry, the first of equal ones. No error signal goes back.

    Attributes
    ----------
    axis
        The axis; of all entries in one, if not given.
    keepdims
        Keep the axis, with size 1.

    Examples
    --------
    >>> int(argmax(np.array([3.0, 1.0, 2.0])))
    0
    """
    return spread(_along(Argmax, z, axis), z, axis, not flag(keepdims, "keepdims"))


@word(np.argmin)
def argmin(z: Array, axis: int | None = None, *, keepdims: bool = False) -> Array:
    """Find the position of the smallest entry, the first of equal ones. No error signal goes back.

    Attributes
    ----------
    axis
        The axis; of all entries in one, if not given.
    keepdims
        Keep the axis, with size 1.

    Examples
    --------
    >>> int(argmin(np.array([3.0, 1.0, 2.0])))
    1
    """
    return argmax(negative(z), axis, keepdims=keepdims)


@provided(np.cumprod)
def cumprod(z: Array, axis: int | None = None) -> Array:
    """Products up to each entry along an axis, also where some entries are 0.

    Attributes
    ----------
    axis
        The axis; all entries in one if not given.

    Examples
    --------
    >>> cumprod(np.array([2.0, 3.0, 4.0]))
    array([ 2.,  6., 24.])
    """
    line, at = (np.ravel(z), 0) if axis is None else (np.moveaxis(z, axis, 0), axis)
    (length,), step = shapes.known(line.shape[:1], "cumprod"), 1
    while step < length:  # each entry times the one so many before it: no entry is divided by
        line, step = np.concatenate([line[:step], line[step:] * line[:-step]]), 2 * step
    return np.moveaxis(line, 0, at)


def rows(z: Array, axis: Axes) -> Array:
    """Return the entries along axes as one last axis."""
    axes = shapes.normal_axes(axis, z.ndim)
    others = [i for i in range(z.ndim) if i not in axes]
    sizes = shapes.known(tuple(z.shape[i] for i in axes), "what compares all entries along an axis")
    return np.reshape(np.transpose(z, (*others, *axes)), (*[z.shape[i] for i in others], math.prod(sizes)))


@provided(np.prod)
def prod(z: Array, axis: Axes = None, *, keepdims: bool = False) -> Array:
    """Product over axes: each entry receives δ times the product of all others, also where some are 0.

    Attributes
    ----------
    axis
        The axis or axes; all if not given.
    keepdims
        Keep the axes, with size 1.

    Examples
    --------
    >>> float(prod(np.array([2.0, 3.0])))
    6.0
    """
    factors = rows(z, axis)
    value = np.cumprod(factors, -1)[..., -1] if factors.shape[-1] else 1 + np.sum(factors, -1)  # of no entries 1
    return spread(value, z, axis, not keepdims)


@provided(np.quantile)
def quantile(z: Array, q: float | tuple[float, ...] = 0.5, axis: Axes = None, *, keepdims: bool = False) -> Array:
    """Value below which a share q of the entries along axes lies. The two entries next to it receive δ, in proportion.

    Attributes
    ----------
    q
        The share, from 0 to 1; of several, the values are along a new first axis.
    axis
        The axis or axes; all if not given.
    keepdims
        Keep the axes, with size 1.

    Examples
    --------
    >>> float(quantile(np.array([1.0, 2.0, 3.0]), 0.75))
    2.5
    """
    if isinstance(q, tuple):
        return np.stack([quantile(z, share, axis, keepdims=keepdims) for share in q])
    shapes.require_entries(z.shape, axis, "quantile")
    ordered = np.sort(rows(z, axis))
    position = real(q, "q", least=0, most=1) * (ordered.shape[-1] - 1)
    low, high, between = ordered[..., math.floor(position)], ordered[..., math.ceil(position)], position % 1
    # One of the two in the middle may be infinite: NaN is what their difference would make of it.
    middle = low / 2 + high / 2 if between == 0.5 else low
    across = high - low  # from the nearer of the two, as NumPy does
    value = low + between * across if between < 0.5 else high - (1 - between) * across
    value = middle if between in (0, 0.5) else value
    last = ordered[..., -1]
    return spread(np.where(np.isnan(last), last, value), z, axis, not keepdims)  # NaN comes last, and is no entry


@provided(np.percentile)
def percentile(z: Array, q: float | tuple[float, ...] = 50, axis: Axes = None, *, keepdims: bool = False) -> Array:
    """Value below which so many per cent of the entries along axes lie. The two next to it receive δ, in proportion.

    Attributes
    ----------
    q
        The percentage, from 0 to 100; of several, the values are along a new first axis.
    axis
        The axis or axes; all if not given.
    keepdims
        Keep the axes, with size 1.

    Examples
    --------
    >>> float(percentile(np.array([1.0, 2.0, 3.0]), 75))
    2.5
    """
    return quantile(z, np.divide(q, 100).tolist(), axis, keepdims=keepdims)


@provided(np.median)
def median(z: Array, axis: Axes = None, *, keepdims: bool = False) -> Array:
    """Middle entry along axes, which receives δ; where their number is even, the mean of the two in the middle.

    Attributes
    ----------
    axis
        The axis or axes; all if not given.
    keepdims
        Keep the axes, with size 1.

    Examples
    --------
    >>> float(median(np.array([1.0, 9.0, 2.0])))
    2.0
    """
    return quantile(z, 0.5, axis, keepdims=keepdims)


Cumprod, Prod, Quantile, Percentile, Median = (f.kind for f in (cumprod, prod, quantile, percentile, median))
