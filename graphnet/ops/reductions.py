"""Reductions: sum, mean and max over axes."""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, TypeAlias

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
class Reduction(Op):
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
@dataclass(frozen=True)
class Sum(Reduction, Primitive):
    """Sum over axes, or over everything: each entry that was added receives δ.

    Examples
    --------
    >>> sum(np.array([[1.0, 2.0], [3.0, 4.0]]), axis=0)
    array([4., 6.])
    """

    of_none = True

    def forward(self, z: Array) -> Array:
        return total(z, self.axis, keepdims=self.keepdims)

    def backward(self, delta: Array, a: Array, z: Array) -> Array:
        return stretched_to(z, self.spread(delta, z))


@builtin
@dataclass(frozen=True)
class Mean(Reduction, Primitive):
    """Mean over axes, or of everything: each of n entries receives δ / n.

    Examples
    --------
    >>> mean(np.array([[1.0, 2.0], [3.0, 4.0]]), axis=1)
    array([1.5, 3.5])
    """

    def forward(self, z: Array) -> Array:
        return average(z, self.axis, keepdims=self.keepdims)

    def backward(self, delta: Array, a: Array, z: Array) -> Array:
        count = entries(z, self.axis, keepdims=self.keepdims)
        return stretched_to(z, self.spread(delta / count, z))


@builtin
@dataclass(frozen=True)
class Max(Reduction, Primitive):
    """Largest value along axes, or of everything: the entry that won receives δ; equal winners share it evenly.

    Examples
    --------
    >>> max(np.array([[1.0, 2.0], [4.0, 3.0]]), axis=1)
    array([2., 4.])
    """

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
    """Number of samples, the size of the first axis: it has no slope."""

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


_SECTIONS = """

Parameters
----------
z : node or array
    Any shape.
axis : int or sequence of int, optional
    The axes to reduce; all if not given.
keepdims : bool
    Keep the axes, with size 1.{more}
name : str, optional
    Name of the node.

Returns
-------
node or array
    Without the axes.

Raises
------
ShapeError
    If there is no such axis, or no entry along it for an op that needs one: when the node is made, or run."""


def reduction(kind: type[Reduction], *numpy_functions: Callable[..., Any], more: str = "") -> Callable[..., Array]:
    """Make the public function of a reduction, which `numpy_functions` mean for nodes: its docstring is the op's, completed.

    Settings beside the axes are keywords, described by `more`.
    """

    def apply(
        z: Array, axis: AxisSetting = None, *, keepdims: bool = False, name: str | None = None, **more: Any
    ) -> Array:
        return kind(_settings(axis), flag(keepdims, "keepdims"), **more)(z, name=name)

    apply.__name__ = apply.__qualname__ = kind.name
    apply.__module__ = kind.__module__
    text, heading, examples = (inspect.getdoc(kind) or "").partition("\n\nExamples\n")
    apply.__doc__ = text.partition("\n\nAttributes\n")[0] + _SECTIONS.format(more=more) + heading + examples
    return implements(*numpy_functions)(apply)


sum = reduction(Sum, np.sum)
mean = reduction(Mean, np.mean)
max = reduction(Max, np.max, np.amax)


@implements(np.min, np.amin)
def min(z: Array, axis: AxisSetting = None, *, keepdims: bool = False, name: str | None = None) -> Array:
    """Smallest value along `axis`, or of everything, as −max(−z)."""
    return negative(max(negative(z), axis, keepdims=keepdims), name=name)


amax, amin = max, min
