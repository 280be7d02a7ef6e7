"""Pooling of images: one value of each window, its largest or its mean."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import reduce
from itertools import product
from operator import add

import numpy as np

from graphnet.common.settings import Pair, Steps
from graphnet.core import shapes
from graphnet.core.node import Array
from graphnet.core.op import Op
from graphnet.core.registry import builtin
from graphnet.core.shapes import Shape
from graphnet.errors import ShapeError
from graphnet.ops.composites import Composite
from graphnet.ops.convolution import pair
from graphnet.ops.functions import word
from graphnet.ops.indexing import WHOLE, Index, Scatter, numpy_index


@dataclass(frozen=True)
class Pooling(Op):
    """An op that leaves one value of each window.

    Attributes
    ----------
    size
        Rows and columns of a window.
    stride
        From one window to the next, down and to the right. Rows and columns that fill no window are left out.
    padding
        Rows above and below, columns left and right.
    """

    size: Steps
    stride: Steps
    padding: Pair = (0, 0)

    def __post_init__(self) -> None:
        """Check that each window holds something of the image."""
        super().__post_init__()
        if any(2 * margin > size for margin, size in zip(self.padding, self.size, strict=True)):
            problem = f"padding {self.padding} of windows of size {self.size}"
            raise ShapeError(problem, repair="Pad by half a window at most: else some would hold nothing of the image.")

    def shape(self, z: Shape) -> Shape:
        if len(z) != 4:
            raise ShapeError(f"z has shape {z}", repair="Images are (samples, channels, rows, columns).")
        return (*z[:2], *(self._count(size, axis) for axis, size in enumerate(z[2:])))

    def _count(self, size: int | None, axis: int) -> int | None:
        if size is None:
            return None
        padded = size + 2 * self.padding[axis]
        if padded < self.size[axis]:
            problem = f"windows of {self.size} on images of {size} {('rows', 'columns')[axis]}"
            raise ShapeError(problem, repair="A window must fit into the image.")
        return (padded - self.size[axis]) // self.stride[axis] + 1

    def _padded(self, z: Array, value: float) -> Array:
        if not any(self.padding):
            return z
        (above, left), sizes = self.padding, shapes.known(z.shape[2:], f"{self.name} with padding")
        widths = (above, above), (left, left)
        return np.where(np.pad(np.ones(sizes, bool), widths), np.pad(z, ((0, 0), (0, 0), *widths)), value)

    def _parts(self, z: Array) -> Iterator[tuple[Index, Array]]:
        """Yield the first entries of all windows of padded images, the second ones, …, and where they stand in z."""
        *_, rows, columns = shapes.known(replace(self, padding=(0, 0)).shape(z.shape)[2:], self.name)
        down, right = self.stride
        for i, j in product(*map(range, self.size)):
            index = WHOLE, WHOLE, (i, i + down * (rows - 1) + 1, down), (j, j + right * (columns - 1) + 1, right)
            yield index, z[numpy_index(index)]


@builtin
class MaxPool2d(Pooling):
    """Largest value of each window; the entry that won receives δ, equal winners share it evenly, as with `max`."""

    def forward(self, z: Array) -> Array:
        return reduce(np.maximum, [part for _, part in self._parts(self._padded(z, -np.inf))])

    def backward(self, delta: Array, a: Array, z: Array) -> Array:
        padded = self._padded(z, -np.inf)
        won = [(index, np.where(part == a, np.ones_like(part), 0)) for index, part in self._parts(padded)]
        share = delta / reduce(add, [winner for _, winner in won])
        received = reduce(add, [Scatter(padded.shape, index)(winner * share) for index, winner in won])
        above, left = self.padding
        return received[:, :, above : -above or None, left : -left or None] if any(self.padding) else received


@builtin
class AvgPool2d(Pooling, Composite):
    """Mean of each window, zeros around the images counted as entries of it: each entry receives its share of δ."""

    def forward(self, z: Array) -> Array:
        return reduce(add, [part for _, part in self._parts(self._padded(z, 0.0))]) / math.prod(self.size)


@word(shapes="Images, of shape (samples, channels, rows, columns).")
def max_pool2d(z: Array, size: int | Pair = 2, stride: int | Pair | None = None, padding: int | Pair = 0) -> Array:
    """Take the largest value of each window. The entry that won receives δ; equal winners share it evenly.

    The result has shape (samples, channels, (rows + 2 pad − size) // stride + 1, the same of the columns).

    Attributes
    ----------
    size
        Rows and columns of a window.
    stride
        From one window to the next; by default their size, so that they lie side by side.
    padding
        Rows above and below, columns left and right that no window takes its value from; half a window at most.

    Examples
    --------
    >>> max_pool2d(np.arange(8.0).reshape(1, 1, 2, 4))
    array([[[[5., 7.]]]])
    """
    return MaxPool2d(*_pool(size, stride, padding))(z)


@word(shapes="Images, of shape (samples, channels, rows, columns).")
def avg_pool2d(z: Array, size: int | Pair = 2, stride: int | Pair | None = None, padding: int | Pair = 0) -> Array:
    """Take the mean of each window. Zeros around the images count as entries.

    The result has shape (samples, channels, (rows + 2 pad − size) // stride + 1, the same of the columns). The mean of whole
    images is ``gn.mean(z, axis=(2, 3))``.

    Attributes
    ----------
    size
        Rows and columns of a window.
    stride
        From one window to the next; by default their size, so that they lie side by side.
    padding
        Rows of zeros above and below, columns of zeros left and right; half a window at most.

    Examples
    --------
    >>> avg_pool2d(np.arange(8.0).reshape(1, 1, 2, 4))
    array([[[[2.5, 4.5]]]])
    """
    return AvgPool2d(*_pool(size, stride, padding))(z)


def _pool(size: int | Pair, stride: int | Pair | None, padding: int | Pair) -> tuple[Pair, Pair, Pair]:
    windows = pair(size, "size", 1)
    return windows, windows if stride is None else pair(stride, "stride", 1), pair(padding, "padding", 0)
