"""Reductions: sum, mean and max over axes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, TypeAlias

import numpy as np

from graphnet.common.settings import flag
from graphnet.core import shapes
from graphnet.core.node import Array
from graphnet.core.op import Op, Primitive
from graphnet.core.registry import builtin, implements
from graphnet.core.shapes import Shape
from graphnet.errors import ShapeError
from graphnet.ops.arithmetic import negative
from graphnet.ops.functions import function
from graphnet.ops.sums import average, total

AxisSetting: TypeAlias = int | Sequence[int] | None


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

    axis: int | tuple[int, ...] | None = None
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
        if self.keepdims or (self.axis is None and np.ndim(reduced) == 0):
            return reduced
        return np.expand_dims(reduced, shapes.normal_axes(self.axis, z.ndim))


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
        return average(z, self.axis, keepdims=self.keepdims)

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


def entries(z: Array, axis: int | tuple[int, ...] | None = None, *, keepdims: bool = False) -> Array:
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


def _settings(axis: AxisSetting) -> int | tuple[int, ...] | None:
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


@implements(np.min, np.amin)
def min(z: Array, axis: AxisSetting = None, *, keepdims: bool = False, name: str | None = None) -> Array:
    """Smallest value along `axis`, or of everything, as −max(−z). The winner receives δ; equal winners share it evenly.

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
    >>> min(np.array([[1.0, 2.0], [4.0, 3.0]]), axis=1)
    array([1., 3.])
    """
    return negative(max(negative(z), axis, keepdims=keepdims), name=name)


amax, amin = max, min
