"""Entries by their order along an axis: sorted, at a quantile, the positions of the largest; and sums up to each entry."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from graphnet.common.settings import flag
from graphnet.core import shapes
from graphnet.core.node import Array
from graphnet.core.op import Primitive
from graphnet.core.registry import builtin, implements
from graphnet.core.shapes import Shape
from graphnet.ops.picking import TakeAlongAxis
from graphnet.ops.reductions import AxisSetting
from graphnet.ops.shaping import ravel, reshape


@dataclass(frozen=True)
class Along(Primitive):
    """An op that keeps the shape, and goes along one axis.

    Attributes
    ----------
    axis
        The axis.
    """

    axis: int = -1

    def shape(self, z: Shape, *others: Shape) -> Shape:
        """Return the same shape, or raise if there is no such axis."""
        shapes.normal_axes(self.axis, len(z))
        return z


@builtin
@dataclass(frozen=True)
class Sort(Along):
    """Entries in order along an axis; each receives δ of the place that it went to. Equal ones keep their order."""

    def forward(self, z: Array) -> Array:
        return np.sort(z, axis=self.axis)

    def backward(self, delta: Array, a: Array, z: Array) -> Array:
        return TakeAlongAxis(self.axis)(delta, Argsort(self.axis)(Argsort(self.axis)(z)))


@dataclass(frozen=True)
class Positions(Along):
    """An op that gives positions, integers without a slope."""

    def backward(self, delta: Array, a: Array, z: Array) -> Array:
        """Return None: no error signal."""
        return (None,)

    def dtype(self, *dtypes: np.dtype[Any]) -> np.dtype[Any]:
        """Return the dtype of positions."""
        return np.dtype(np.intp)


@builtin
@dataclass(frozen=True)
class Argsort(Positions):
    """Positions along an axis that put its entries in order; equal ones keep theirs."""

    def forward(self, z: Array) -> Array:
        return np.argsort(z, axis=self.axis, stable=True)


@dataclass(frozen=True)
class PositionOf(Positions):
    """An op that gives one position along an axis, the first of equal entries.

    Attributes
    ----------
    axis
        The axis.
    keepdims
        Whether the axis stays, with size 1.
    """

    keepdims: bool = False

    def shape(self, z: Shape, *others: Shape) -> Shape:
        """Return the shape without the axis."""
        shapes.require_entries(z, self.axis, self.name)
        return shapes.reduce(z, self.axis, self.keepdims)


@builtin
@dataclass(frozen=True)
class Argmax(PositionOf):
    """Position of the largest entry along an axis, the first of equal ones."""

    def forward(self, z: Array) -> Array:
        return np.argmax(z, axis=self.axis, keepdims=self.keepdims)


@builtin
@dataclass(frozen=True)
class Argmin(PositionOf):
    """Position of the smallest entry along an axis, the first of equal ones."""

    def forward(self, z: Array) -> Array:
        return np.argmin(z, axis=self.axis, keepdims=self.keepdims)


@builtin
@dataclass(frozen=True)
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


def _part(z: Array, axis: int, start: int, stop: int) -> Array:
    return z[(slice(None),) * axis + (slice(start, stop),)]


@implements(np.prod)
def prod(z: Array, axis: AxisSetting = None, *, keepdims: bool = False) -> Array:
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
    axes = shapes.normal_axes(axis, z.ndim)
    for axis in axes:
        while z.shape[axis] > 1:  # half of them times the other half, so that no entry is divided by
            half = z.shape[axis] // 2
            pairs = _part(z, axis, 0, half) * _part(z, axis, half, 2 * half)
            z = np.concatenate([pairs, _part(z, axis, 2 * half, z.shape[axis])], axis) if z.shape[axis] % 2 else pairs
        if z.shape[axis] == 0:
            z = 1 + np.sum(z, axis, keepdims=True)  # of no entries
    return z if keepdims else np.squeeze(z, axes)


@implements(np.cumprod)
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
    z, (axis,) = (ravel(z), (0,)) if axis is None else (z, shapes.normal_axes(axis, z.ndim))
    length, step = z.shape[axis], 1
    while step < length:
        longer = _part(z, axis, step, length) * _part(z, axis, 0, length - step)
        z, step = np.concatenate([_part(z, axis, 0, step), longer], axis), 2 * step
    return z


@implements(np.cumsum)
def cumsum(z: Array, axis: int | None = None, *, name: str | None = None) -> Array:
    """Sum up to each entry along an axis. An entry receives δ of all the sums that it is in.

    Parameters
    ----------
    z : node or array
        Any shape.
    axis : int or None
        The axis; None for all entries in one.
    name : str, optional
        Name of the node.

    Returns
    -------
    node or array
        Same shape; a vector if there is no axis.

    Raises
    ------
    ShapeError
        When the node is made, if there is no such axis.

    Examples
    --------
    >>> cumsum(np.array([1.0, 2.0, 3.0]))
    array([1., 3., 6.])
    """
    return Cumsum(0)(ravel(z), name=name) if axis is None else Cumsum(axis)(z, name=name)


@implements(np.sort)
def sort(z: Array, axis: int | None = -1, *, name: str | None = None) -> Array:
    """Put the entries along an axis in order. Each receives δ of the place that it went to; equal ones keep their order.

    Parameters
    ----------
    z : node or array
        Any shape.
    axis : int or None
        The axis; None for all entries in one.
    name : str, optional
        Name of the node.

    Returns
    -------
    node or array
        Same shape; a vector if there is no axis.

    Raises
    ------
    ShapeError
        When the node is made, if there is no such axis.

    Examples
    --------
    >>> sort(np.array([3.0, 1.0, 2.0]))
    array([1., 2., 3.])
    """
    return Sort()(ravel(z), name=name) if axis is None else Sort(axis)(z, name=name)


@implements(np.argsort)
def argsort(z: Array, axis: int | None = -1, *, name: str | None = None) -> Array:
    """Find the positions that put the entries along an axis in order; equal ones keep theirs. No error signal goes back.

    Parameters
    ----------
    z : node or array
        Any shape.
    axis : int or None
        The axis; None for all entries in one.
    name : str, optional
        Name of the node.

    Returns
    -------
    node or array
        Integers, of the same shape; a vector if there is no axis.

    Raises
    ------
    ShapeError
        When the node is made, if there is no such axis.

    Examples
    --------
    >>> argsort(np.array([3.0, 1.0, 2.0]))
    array([1, 2, 0])
    """
    return Argsort()(ravel(z), name=name) if axis is None else Argsort(axis)(z, name=name)


@implements(np.argmax)
def argmax(z: Array, axis: int | None = None, *, keepdims: bool = False, name: str | None = None) -> Array:
    """Find the position of the largest entry, the first of equal ones. No error signal goes back.

    Parameters
    ----------
    z : node or array
        Any shape.
    axis : int, optional
        The axis; of all entries in one, if not given.
    keepdims : bool
        Keep the axis, with size 1.
    name : str, optional
        Name of the node.

    Returns
    -------
    node or array
        Integers, without the axis.

    Raises
    ------
    ShapeError
        When the node is made, if there is no such axis.

    Examples
    --------
    >>> int(argmax(np.array([3.0, 1.0, 2.0])))
    0
    """
    return _position(Argmax, z, axis, keepdims, name)


@implements(np.argmin)
def argmin(z: Array, axis: int | None = None, *, keepdims: bool = False, name: str | None = None) -> Array:
    """Find the position of the smallest entry, the first of equal ones. No error signal goes back.

    Parameters
    ----------
    z : node or array
        Any shape.
    axis : int, optional
        The axis; of all entries in one, if not given.
    keepdims : bool
        Keep the axis, with size 1.
    name : str, optional
        Name of the node.

    Returns
    -------
    node or array
        Integers, without the axis.

    Raises
    ------
    ShapeError
        When the node is made, if there is no such axis.

    Examples
    --------
    >>> int(argmin(np.array([3.0, 1.0, 2.0])))
    1
    """
    return _position(Argmin, z, axis, keepdims, name)


def _position(kind: type[PositionOf], z: Array, axis: int | None, keepdims: bool, name: str | None) -> Array:
    if axis is not None:
        return kind(axis, flag(keepdims, "keepdims"))(z, name=name)
    position = kind(0)(ravel(z), name=name)
    return reshape(position, (1,) * np.ndim(z)) if keepdims else position


@implements(np.quantile)
def quantile(z: Array, q: float = 0.5, axis: AxisSetting = None, *, keepdims: bool = False) -> Array:
    """Value below which a share q of the entries along axes lies. The two entries next to it receive δ, in proportion.

    Attributes
    ----------
    q
        The share, from 0 to 1.
    axis
        The axis or axes; all if not given.
    keepdims
        Keep the axes, with size 1.

    Examples
    --------
    >>> float(quantile(np.array([1.0, 2.0, 3.0]), 0.75))
    2.5
    """
    axes = shapes.normal_axes(axis, z.ndim)
    others = [i for i in range(z.ndim) if i not in axes]
    rows = np.reshape(
        np.transpose(z, (*others, *axes)), (*[z.shape[i] for i in others], math.prod(z.shape[i] for i in axes))
    )
    ordered, position = np.sort(rows), q * (rows.shape[-1] - 1)
    low, between = ordered[..., math.floor(position)], position % 1
    value = low + between * (ordered[..., math.ceil(position)] - low) if between else low
    value = np.where(np.isnan(ordered[..., -1]), math.nan, value)  # NaN comes last, and is no entry to pick others by
    return np.expand_dims(value, axes) if keepdims else value


@implements(np.percentile)
def percentile(z: Array, q: float = 50, axis: AxisSetting = None, *, keepdims: bool = False) -> Array:
    """Value below which so many per cent of the entries along axes lie. The two next to it receive δ, in proportion.

    Attributes
    ----------
    q
        The percentage, from 0 to 100.
    axis
        The axis or axes; all if not given.
    keepdims
        Keep the axes, with size 1.

    Examples
    --------
    >>> float(percentile(np.array([1.0, 2.0, 3.0]), 75))
    2.5
    """
    return quantile(z, q / 100, axis, keepdims=keepdims)


@implements(np.median)
def median(z: Array, axis: AxisSetting = None, *, keepdims: bool = False) -> Array:
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
