"""Reductions: sum, mean and max over axes; of these, variance and deviation, averages, logsumexp, and truth values of many."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, TypeAlias

import numpy as np

from graphnet.common.settings import flag
from graphnet.core import shapes
from graphnet.core.node import Array, Node
from graphnet.core.op import Op, Primitive
from graphnet.core.registry import builtin, implements
from graphnet.core.shapes import Shape
from graphnet.errors import ShapeError
from graphnet.ops.arithmetic import divide, negative
from graphnet.ops.composites import provided
from graphnet.ops.elementary import ratio
from graphnet.ops.functions import function, word
from graphnet.ops.sums import average as mean_of
from graphnet.ops.sums import total

AxisSetting: TypeAlias = int | Sequence[int] | None
Axes: TypeAlias = int | tuple[int, ...] | None


@dataclass(frozen=True)
class Reduction(Primitive):
    """An op that leaves one value of those along some axes.

    Attributes
    ----------
    axis
        The axis or axes to reduce; None for all.
    keepdims
        Whether the reduced axes stay, with size 1.
    """

    axis: Axes = None
    keepdims: bool = False
    of_none: ClassVar[bool] = False
    """Whether no entries have a value too, as the sum 0."""

    def shape(self, z: Shape) -> Shape:
        """Return the shape that is left."""
        if not self.of_none:
            shapes.require_entries(z, self.axis, self.name)
        return shapes.reduce(z, self.axis, self.keepdims)

    def spread(self, reduced: Array, z: Array) -> Array:
        """Give `reduced` its reduced axes back, with size 1, so that it broadcasts against `z`."""
        return spread(reduced, z, self.axis, self.keepdims or (self.axis is None and np.ndim(reduced) == 0))


def spread(reduced: Array, z: Array, axis: Axes, keepdims: bool) -> Array:
    """Give what was reduced its axes back, with size 1, so that it broadcasts against `z`."""
    return reduced if keepdims else np.expand_dims(reduced, shapes.normal_axes(axis, z.ndim))


@builtin
class Sum(Reduction):
    """Sum over axes: each entry that was added receives δ."""

    of_none = True

    def forward(self, z: Array) -> Array:
        return total(z, self.axis, keepdims=self.keepdims)

    def backward(self, delta: Array, a: Array, z: Array) -> Array:
        return stretched_to(z, self.spread(delta, z))


@builtin
class Mean(Reduction):
    """Mean over axes: each of n entries receives δ / n."""

    def forward(self, z: Array) -> Array:
        return mean_of(z, self.axis, keepdims=self.keepdims)

    def backward(self, delta: Array, a: Array, z: Array) -> Array:
        count = entries(z, self.axis, keepdims=self.keepdims)
        return stretched_to(z, self.spread(delta / count, z))


@builtin
class Max(Reduction):
    """Largest value along axes: the entry that won receives δ; equal winners share it evenly."""

    def forward(self, z: Array) -> Array:
        return np.max(z, axis=self.axis, keepdims=self.keepdims)

    def backward(self, delta: Array, a: Array, z: Array) -> Array:
        winners = np.where(z == self.spread(a, z), np.ones_like(z), 0)
        return winners * self.spread(delta, z) / total(winners, self.axis, keepdims=True)


def stretched_to(z: Array, part: Array) -> Array:
    """Return `part`, which broadcasts against `z`, in the shape of `z`."""
    return part * np.ones_like(z) if None in z.shape else np.broadcast_to(part, z.shape)


def entries(z: Array, axis: Axes = None, *, keepdims: bool = False) -> Array:
    """Return how many entries of `z` lie along `axis`, 1 if none: a number, or a node where a size is unknown."""
    sizes = [z.shape[i] for i in shapes.normal_axes(axis, z.ndim)]
    if None in sizes:
        return np.maximum(np.sum(np.ones_like(z), axis=axis, keepdims=keepdims), 1)
    return math.prod(sizes) or 1


@builtin
class BatchSize(Op):
    """Number of samples, the size of the first axis: it has no slope.

    Examples
    --------
    >>> float(batch_size(np.zeros((5, 2))))
    5.0
    """

    choosing = (0,)

    def forward(self, z: Array) -> Array:
        (count,) = shapes.known(z.shape[:1], "the number of samples")
        return np.asarray(count, z.dtype if z.dtype.kind == "f" else float)

    def backward(self, delta: Array, a: Array, z: Array) -> Array:
        return (None,)

    def shape(self, z: Shape) -> Shape:
        if not z:
            raise ShapeError("a scalar has no samples", repair="Give what has an axis of samples first.")
        return ()


batch_size = function(BatchSize(), shapes="Any shape with at least one axis; the first is that of the samples.")


def _settings(axis: AxisSetting) -> Axes:
    if axis is None:
        return None
    axes = shapes.as_axes(axis)
    return axes[0] if len(axes) == 1 and hasattr(axis, "__index__") else axes


@implements(np.sum)
def sum(z: Array, axis: AxisSetting = None, *, keepdims: bool = False, name: str | None = None) -> Array:
    """Sum over `axis`, or over everything. Each entry that was added receives δ.

    Parameters
    ----------
    z : node or array
        Any shape.
    axis : int or sequence of int, optional
        The axes to sum over; all if not given.
    keepdims : bool
        Keep the axes, with size 1.
    name : str, optional
        Name of the node.

    Returns
    -------
    node or array
        Without the axes summed over.

    Raises
    ------
    ShapeError
        When the node is made, if there is no such axis.

    Examples
    --------
    >>> sum(np.array([[1.0, 2.0], [3.0, 4.0]]), axis=0)
    array([4., 6.])
    """
    return Sum(_settings(axis), flag(keepdims, "keepdims"))(z, name=name)


@implements(np.mean)
def mean(z: Array, axis: AxisSetting = None, *, keepdims: bool = False, name: str | None = None) -> Array:
    """Mean over `axis`, or over everything. Each of the n entries receives δ / n.

    Parameters
    ----------
    z : node or array
        Any shape.
    axis : int or sequence of int, optional
        The axes to average over; all if not given.
    keepdims : bool
        Keep the axes, with size 1.
    name : str, optional
        Name of the node.

    Returns
    -------
    node or array
        Without the axes averaged over.

    Raises
    ------
    ShapeError
        If there is no such axis, or no entry along it: when the node is made, or run.

    Examples
    --------
    >>> mean(np.array([[1.0, 2.0], [3.0, 4.0]]), axis=1)
    array([1.5, 3.5])
    """
    return Mean(_settings(axis), flag(keepdims, "keepdims"))(z, name=name)


@implements(np.max, np.amax)
def max(z: Array, axis: AxisSetting = None, *, keepdims: bool = False, name: str | None = None) -> Array:
    """Largest value along `axis`, or of everything. The winner receives δ; equal winners share it evenly.

    Parameters
    ----------
    z : node or array
        Any shape.
    axis : int or sequence of int, optional
        The axes to reduce; all if not given.
    keepdims : bool
        Keep the axes, with size 1.
    name : str, optional
        Name of the node.

    Returns
    -------
    node or array
        Without the axes reduced.

    Raises
    ------
    ShapeError
        If there is no such axis, or no entry along it: when the node is made, or run.

    Examples
    --------
    >>> max(np.array([[1.0, 2.0], [4.0, 3.0]]), axis=1)
    array([2., 4.])
    """
    return Max(_settings(axis), flag(keepdims, "keepdims"))(z, name=name)


@word(np.min, np.amin)
def min(z: Array, axis: AxisSetting = None, *, keepdims: bool = False) -> Array:
    """Smallest value along `axis`, or of everything, as −max(−z). The winner receives δ; equal winners share it evenly.

    Attributes
    ----------
    axis
        The axis or axes to reduce; all if not given.
    keepdims
        Keep the axes, with size 1.

    Examples
    --------
    >>> min(np.array([[1.0, 2.0], [4.0, 3.0]]), axis=1)
    array([1., 3.])
    """
    return negative(max(negative(z), axis, keepdims=keepdims))


amax, amin = max, min


@provided(np.var)
def var(z: Array, axis: Axes = None, *, ddof: float = 0, keepdims: bool = False) -> Array:
    """Variance over axes, the mean of (z − mean z)²: each of n entries receives 2 δ (z − mean z) / (n − ddof).

    Attributes
    ----------
    axis
        The axis or axes; all if not given.
    ddof
        What is taken from the number of entries: 1 for an estimate from a sample.
    keepdims
        Keep the axes, with size 1.

    Examples
    --------
    >>> float(var(np.array([1.0, 3.0])))
    1.0
    """
    shapes.require_entries(z.shape, axis, "variance")
    count = entries(z, axis, keepdims=keepdims) - ddof
    if not isinstance(count, Node) and count <= 0:
        problem = f"shape {z.shape} has {ddof:g} entries or fewer along {axis}"
        raise ShapeError(problem, repair="Give more, or a smaller ddof.")
    return np.sum(np.square(z - np.mean(z, axis, keepdims=True)), axis, keepdims=keepdims) / count


@provided(np.std)
def std(z: Array, axis: Axes = None, *, ddof: float = 0, keepdims: bool = False) -> Array:
    """Square root of the variance over axes, the standard deviation. Of equal entries it is 0, and they receive 0.

    Attributes
    ----------
    axis
        The axis or axes; all if not given.
    ddof
        What is taken from the number of entries: 1 for an estimate from a sample.
    keepdims
        Keep the axes, with size 1.

    Examples
    --------
    >>> float(std(np.array([1.0, 3.0])))
    1.0
    """
    return np.sqrt(var(z, axis, ddof=ddof, keepdims=keepdims))


@std.backward
def _std(delta: Array, a: Array, z: Array, axis: Axes, ddof: float, keepdims: bool) -> Array:
    slope = ratio(delta, a * (entries(z, axis, keepdims=keepdims) - ddof))
    return spread(slope, z, axis, keepdims) * (z - np.mean(z, axis, keepdims=True))


@provided()
def logsumexp(z: Array, axis: Axes = None, *, keepdims: bool = False) -> Array:
    """Logarithm of a sum of exponentials, a = ln Σ eᶻ, along axes: z receives δ times its share of the sum, its softmax.

    Attributes
    ----------
    axis
        The axis or axes; all if not given.
    keepdims
        Keep the axes, with size 1.

    Examples
    --------
    >>> float(logsumexp(np.array([1000.0, 1000.0])))
    1000.6931471805599
    """
    # So that nothing overflows; a step, through which no error signal goes.
    shift = np.ceil(np.max(z, axis, keepdims=True))
    shift = np.where(np.isfinite(shift), shift, 0)
    value = shift + np.log(np.sum(np.exp(z - shift), axis, keepdims=True))
    return value if keepdims else np.squeeze(value, shapes.normal_axes(axis, z.ndim))


@provided(np.all)
def all(z: Array, axis: Axes = None, *, keepdims: bool = False) -> Array:
    """Whether all along axes are true, or not 0. No error signal goes back.

    Attributes
    ----------
    axis
        The axis or axes; all if not given.
    keepdims
        Keep the axes, with size 1.

    Examples
    --------
    >>> bool(all(np.array([True, False])))
    False
    """
    return np.equal(np.sum(np.equal(z, 0), axis, keepdims=keepdims), 0)


@provided(np.any)
def any(z: Array, axis: Axes = None, *, keepdims: bool = False) -> Array:
    """Whether any along axes is true, or not 0. No error signal goes back.

    Attributes
    ----------
    axis
        The axis or axes; all if not given.
    keepdims
        Keep the axes, with size 1.

    Examples
    --------
    >>> bool(any(np.array([True, False])))
    True
    """
    return np.greater(np.sum(np.not_equal(z, 0), axis, keepdims=keepdims), 0)


@provided(np.ptp)
def ptp(z: Array, axis: Axes = None, *, keepdims: bool = False) -> Array:
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
    return np.max(z, axis, keepdims=keepdims) - np.min(z, axis, keepdims=keepdims)


@provided(np.count_nonzero)
def count_nonzero(z: Array, axis: Axes = None, *, keepdims: bool = False) -> Array:
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
    return np.sum(np.not_equal(z, 0), axis, keepdims=keepdims)


@word(np.average)
def average(z: Array, axis: AxisSetting = None, weights: Array = None, *, keepdims: bool = False) -> Array:
    """Weighted mean over axes, Σ w z / Σ w; the mean if there are no weights.

    Weights are of the shape of z, or one for each place along one axis.

    Attributes
    ----------
    axis
        The axis or axes to average over; all if not given.
    keepdims
        Keep the axes, with size 1.

    Examples
    --------
    >>> float(average(np.array([1.0, 4.0]), weights=[2.0, 1.0]))
    2.0
    """
    if weights is None:
        return mean(z, axis, keepdims=keepdims)
    places = shapes.normal_axes(axis, z.ndim)
    if not shapes.matches(weights.shape, z.shape):  # one for each place along the axis
        if len(places) != 1 or not shapes.matches(weights.shape, (z.shape[places[0]],)):
            problem = f"average: z has shape {z.shape}, weights have shape {weights.shape}, axis is {axis}"
            raise ShapeError(problem, repair="Give weights of the shape of z, or a vector of them and its axis.")
        weights = np.expand_dims(weights, tuple(i for i in range(z.ndim) if i not in places)) * np.ones_like(z)
    return divide(sum(z * weights, axis, keepdims=keepdims), sum(weights, axis, keepdims=keepdims))


Var, Std, Logsumexp, Ptp = (f.kind for f in (var, std, logsumexp, ptp))
All, Any, CountNonzero = (f.kind for f in (all, any, count_nonzero))
