"""Reductions made of others: variance and deviation, averages, logsumexp, and truth values of many."""

from __future__ import annotations

from typing import TypeAlias

import numpy as np

from graphnet.core import shapes
from graphnet.core.leaves import as_operand
from graphnet.core.node import Array, Node
from graphnet.core.registry import implements
from graphnet.errors import ShapeError
from graphnet.ops.arithmetic import divide
from graphnet.ops.composites import provided
from graphnet.ops.elementary import ratio
from graphnet.ops.reductions import AxisSetting, entries, mean, sum

Axes: TypeAlias = int | tuple[int, ...] | None


def spread(value: Array, z: Array, axis: Axes, keepdims: bool) -> Array:
    """Give what was reduced its axes back, with size 1, so that it broadcasts against `z`."""
    return value if keepdims else np.expand_dims(value, shapes.normal_axes(axis, z.ndim))


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
        raise ShapeError(
            f"shape {z.shape} has {ddof:g} entries or fewer along {axis}", repair="Give more, or a smaller ddof."
        )
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
    shift = np.ceil(
        np.max(z, axis, keepdims=True)
    )  # so that nothing overflows; a step, through which no error signal goes
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
    places = shapes.normal_axes(axis, z.ndim)
    if not shapes.matches(weights.shape, z.shape):  # one for each place along the axis
        if len(places) != 1 or not shapes.matches(weights.shape, (z.shape[places[0]],)):
            raise ShapeError(
                f"average: z has shape {z.shape}, weights have shape {weights.shape}, axis is {axis}",
                repair="Give weights of the shape of z, or a vector of them and its axis.",
            )
        (along,) = places
        weights = np.expand_dims(weights, tuple(i for i in range(z.ndim) if i != along)) * np.ones_like(z)
    return divide(sum(z * weights, axis, keepdims=keepdims), sum(weights, axis, keepdims=keepdims), name=name)


Var, Std, Logsumexp, Ptp = (f.kind for f in (var, std, logsumexp, ptp))
All, Any, CountNonzero = (f.kind for f in (all, any, count_nonzero))
