"""Reductions beside sum, mean and max: variance, norm, logsumexp, any and all, positions of the largest, and what they give."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from graphnet.core import shapes
from graphnet.core.leaves import as_operand
from graphnet.core.node import Array
from graphnet.core.op import Primitive
from graphnet.core.registry import builtin, implements
from graphnet.core.shapes import Shape
from graphnet.errors import ShapeError
from graphnet.ops.arithmetic import divide
from graphnet.ops.comparisons import isnan, not_equal, where
from graphnet.ops.elementary import ratio
from graphnet.ops.reductions import AxisSetting, Reduction, entries, max, mean, min, reduction, sum
from graphnet.ops.sums import average as mean_of
from graphnet.ops.sums import total


@builtin
@dataclass(frozen=True)
class Var(Reduction):
    """Variance over axes, the mean of (z − mean z)²; n entries receive 2 δ (z − mean z) / (n − ddof).

    Attributes
    ----------
    axis, keepdims
        As in `Sum`.
    ddof
        What is taken from the number of entries: 1 for an estimate from a sample.
    """

    ddof: float = 0

    def forward(self, z: Array) -> Array:
        self.shape(z.shape)  # the number of entries is known now
        return total(np.square(self._centred(z)), self.axis, keepdims=self.keepdims) / self._count(z)

    def backward(self, delta: Array, a: Array, z: Array) -> Array:
        return self.spread(2 * delta / self._count(z), z) * self._centred(z)

    def shape(self, z: Shape) -> Shape:
        sizes = [z[axis] for axis in shapes.normal_axes(self.axis, len(z))]
        if None not in sizes and np.prod(np.array(sizes, int)) <= self.ddof:
            raise ShapeError(
                f"shape {z} has no more than {self.ddof:g} entries along {self.axis}",
                repair="Give it more entries, or a smaller ddof.",
            )
        return super().shape(z)

    def _centred(self, z: Array) -> Array:
        return z - mean_of(z, self.axis, keepdims=True)

    def _count(self, z: Array) -> Array:
        return entries(z, self.axis, keepdims=self.keepdims) - self.ddof


@builtin
@dataclass(frozen=True)
class Std(Var):
    """Standard deviation over axes, the root of the variance; of equal entries it is 0, and they receive 0.

    Attributes
    ----------
    axis, keepdims
        As in `Sum`.
    ddof
        What is taken from the number of entries: 1 for an estimate from a sample.
    """

    def forward(self, z: Array) -> Array:
        return np.sqrt(super().forward(z))

    def backward(self, delta: Array, a: Array, z: Array) -> Array:
        return super().backward(ratio(delta, 2 * a), a, z)


@builtin
@dataclass(frozen=True)
class Norm(Reduction):
    """Length of a vector, a = (Σ |z|ᵖ)^(1/p), along axes; z receives δ sign z (|z| / a)ᵖ⁻¹, and 0 where a is 0.

    Attributes
    ----------
    axis, keepdims
        As in `Sum`.
    order
        The p; 2 for Euclid's length.
    """

    order: float = 2
    of_none = True

    def forward(self, z: Array) -> Array:
        if self.order == 2:
            return np.sqrt(total(np.square(z), self.axis, keepdims=self.keepdims))
        return total(np.abs(z) ** self.order, self.axis, keepdims=self.keepdims) ** (1 / self.order)

    def backward(self, delta: Array, a: Array, z: Array) -> Array:
        if self.order == 2:
            return self.spread(ratio(delta, a), z) * z
        share = ratio(np.abs(z), self.spread(a, z)) ** (self.order - 1)
        return self.spread(delta, z) * share * np.sign(z)


@builtin
@dataclass(frozen=True)
class Logsumexp(Reduction):
    """Logarithm of a sum of exponentials, a = ln Σ eᶻ, along axes; z receives δ times its share of the sum, its softmax.

    The largest z is subtracted first, which never overflows.
    """

    def forward(self, z: Array) -> Array:
        shifted, largest = self._shifted(z)
        below = shifted < 0
        others = total(np.where(below, np.exp(shifted), 0), self.axis, keepdims=True)
        count = total(np.where(below, 0, np.ones_like(z)), self.axis, keepdims=True)
        a = largest + np.log1p(others + (count - 1))
        return a if self.keepdims else np.squeeze(a, shapes.normal_axes(self.axis, z.ndim))

    def backward(self, delta: Array, a: Array, z: Array) -> Array:
        e = np.exp(self._shifted(z)[0])
        return self.spread(delta, z) * (e / total(e, self.axis, keepdims=True))

    def _shifted(self, z: Array) -> Array:
        largest = np.max(z, axis=self.axis, keepdims=True)
        largest = np.where(np.isfinite(largest), largest, 0)
        return z - largest, largest


@dataclass(frozen=True)
class Truth(Reduction, Primitive):
    """A reduction of truth values: it has no slope."""

    of_none = True

    def backward(self, delta: Array, a: Array, z: Array) -> Array:
        """Return None: no error signal."""
        return (None,)

    def dtype(self, *dtypes: np.dtype[Any]) -> np.dtype[Any]:
        """Return bool."""
        return np.dtype(bool)


@builtin
@dataclass(frozen=True)
class All(Truth):
    """Whether all along axes are true, or not 0."""

    def forward(self, z: Array) -> Array:
        return np.all(z, axis=self.axis, keepdims=self.keepdims)


@builtin
@dataclass(frozen=True)
class Any_(Truth):
    """Whether any along axes is true, or not 0."""

    name = "any"

    def forward(self, z: Array) -> Array:
        return np.any(z, axis=self.axis, keepdims=self.keepdims)


_DDOF = """
ddof : float
    What is taken from the number of entries: 1 for an estimate from a sample."""
var = reduction(Var, np.var, more=_DDOF)
std = reduction(Std, np.std, more=_DDOF)
length = reduction(Norm)
logsumexp = reduction(Logsumexp)
all = reduction(All, np.all)
any = reduction(Any_, np.any)


@implements(np.ptp)
def ptp(z: Array, axis: AxisSetting = None, *, keepdims: bool = False) -> Array:
    """Difference of the largest and the smallest entry along axes.

    Attributes
    ----------
    axis
        The axis or axes; all if not given.
    keepdims
        Keep the axes, with size 1.

    Examples
    --------
    >>> float(ptp(np.array([1.0, 9.0, 2.0])))
    8.0
    """
    return max(z, axis, keepdims=keepdims) - min(z, axis, keepdims=keepdims)


@implements(np.average)
def average(
    z: Array, axis: AxisSetting = None, weights: Array = None, *, keepdims: bool = False, name: str | None = None
) -> Array:
    """Weighted mean over axes, Σ w z / Σ w; the mean if there are no weights.

    Parameters
    ----------
    z : node or array
        Any shape.
    axis : int or sequence of int, optional
        The axes to average over; all if not given.
    weights : node or array, optional
        Of the shape of `z`, or one for each place along one axis.
    keepdims : bool
        Keep the axes, with size 1.
    name : str, optional
        Name of the node.

    Returns
    -------
    node or array
        Without the axes.

    Raises
    ------
    ShapeError
        When the node is made, if there is no such axis, or the weights don't fit.

    Examples
    --------
    >>> float(average(np.array([1.0, 4.0]), weights=[2.0, 1.0]))
    2.0
    """
    z = as_operand(z, "z")
    if weights is None:
        return mean(z, axis, keepdims=keepdims, name=name)
    weights = as_operand(weights, "weights")
    if weights.ndim < z.ndim:  # one for each place along the axis
        (along,) = shapes.normal_axes(axis, z.ndim)
        weights = np.expand_dims(weights, tuple(i for i in range(z.ndim) if i != along)) * np.ones_like(z)
    return divide(sum(z * weights, axis, keepdims=keepdims), sum(weights, axis, keepdims=keepdims), name=name)


@implements(np.count_nonzero)
def count_nonzero(z: Array, axis: AxisSetting = None, *, keepdims: bool = False, name: str | None = None) -> Array:
    """Count the entries along axes that are not 0. No error signal goes back.

    Attributes
    ----------
    axis
        The axis or axes; all if not given.
    keepdims
        Keep the axes, with size 1.

    Examples
    --------
    >>> float(count_nonzero(np.array([1.0, 0.0, 2.0])))
    2.0
    """
    return sum(not_equal(z, 0), axis, keepdims=keepdims, name=name)


@implements(np.nansum)
def nansum(z: Array, axis: AxisSetting = None, *, keepdims: bool = False, name: str | None = None) -> Array:
    """Sum over axes of the entries that are numbers; NaN receives 0.

    Attributes
    ----------
    axis
        The axis or axes; all if not given.
    keepdims
        Keep the axes, with size 1.

    Examples
    --------
    >>> float(nansum(np.array([1.0, np.nan, 2.0])))
    3.0
    """
    return sum(where(isnan(z), 0, z), axis, keepdims=keepdims, name=name)


@implements(np.nanmean)
def nanmean(z: Array, axis: AxisSetting = None, *, keepdims: bool = False, name: str | None = None) -> Array:
    """Mean over axes of the entries that are numbers; NaN receives 0.

    Attributes
    ----------
    axis
        The axis or axes; all if not given.
    keepdims
        Keep the axes, with size 1.

    Examples
    --------
    >>> float(nanmean(np.array([1.0, np.nan, 2.0])))
    1.5
    """
    count = sum(where(isnan(z), 0, 1), axis, keepdims=keepdims)
    return divide(nansum(z, axis, keepdims=keepdims), count, name=name)


@implements(np.nanmax)
def nanmax(z: Array, axis: AxisSetting = None, *, keepdims: bool = False, name: str | None = None) -> Array:
    """Largest along axes of the entries that are numbers; NaN receives 0.

    Attributes
    ----------
    axis
        The axis or axes; all if not given.
    keepdims
        Keep the axes, with size 1.

    Examples
    --------
    >>> float(nanmax(np.array([1.0, np.nan, 2.0])))
    2.0
    """
    return max(where(isnan(z), -np.inf, z), axis, keepdims=keepdims, name=name)


@implements(np.nanmin)
def nanmin(z: Array, axis: AxisSetting = None, *, keepdims: bool = False, name: str | None = None) -> Array:
    """Smallest along axes of the entries that are numbers; NaN receives 0.

    Attributes
    ----------
    axis
        The axis or axes; all if not given.
    keepdims
        Keep the axes, with size 1.

    Examples
    --------
    >>> float(nanmin(np.array([1.0, np.nan, 2.0])))
    1.0
    """
    return min(where(isnan(z), np.inf, z), axis, keepdims=keepdims, name=name)
