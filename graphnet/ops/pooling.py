"""Pooling: images made smaller, one value for each window."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import reduce
from operator import add

import numpy as np

from graphnet.core import shapes
from graphnet.core.node import Array
from graphnet.core.op import Op
from graphnet.core.registry import builtin
from graphnet.core.shapes import Shape
from graphnet.errors import ShapeError
from graphnet.ops.convolution import Pair, pair
from graphnet.ops.shaping import Embed, Index


@builtin
@dataclass(frozen=True)
class MaxPool2d(Op):
    """Largest value of each window; the entry that won receives δ, equal winners share it evenly, as with `max`.

    Attributes
    ----------
    size
        Rows and columns of a window.
    stride
        From one window to the next, down and to the right. Rows and columns that fill no window are left out.
    """

    size: Pair
    stride: Pair

    def forward(self, z: Array) -> Array:
        return reduce(np.maximum, [part for _, part in self._parts(z)])

    def backward(self, delta: Array, a: Array, z: Array) -> Array:
        won = [(index, np.where(part == a, np.ones_like(part), 0)) for index, part in self._parts(z)]
        share = delta / reduce(add, [winner for _, winner in won])
        size = shapes.known(z.shape, "max_pool2d's backward rule")
        return reduce(add, [Embed(size, index)(winner * share) for index, winner in won])

    def shape(self, z: Shape) -> Shape:
        if len(z) != 4:
            raise ShapeError(f"z has shape {z}", repair="Images are (samples, channels, rows, columns).")
        return (*z[:2], *(self._count(size, axis) for axis, size in enumerate(z[2:])))

    def _count(self, size: int | None, axis: int) -> int | None:
        if size is None:
            return None
        if size < self.size[axis]:
            raise ShapeError(
                f"windows of {self.size} on images of {size} {('rows', 'columns')[axis]}",
                repair="A window must fit into the image.",
            )
        return (size - self.size[axis]) // self.stride[axis] + 1

    def _parts(self, z: Array) -> Iterator[tuple[Index, Array]]:
        """Yield the first entries of all windows, the second ones, …, and where they stand in z."""
        *_, rows, columns = shapes.known(self.shape(z.shape)[2:], "max_pool2d")
        (down, right), every = self.stride, (None, None, None)
        for i in range(self.size[0]):
            for j in range(self.size[1]):
                last = i + down * (rows - 1) + 1, j + right * (columns - 1) + 1
                yield (
                    (every, every, (i, last[0], down), (j, last[1], right)),
                    z[:, :, i : last[0] : down, j : last[1] : right],
                )


def max_pool2d(z: Array, size: int | Pair = 2, stride: int | Pair | None = None, *, name: str | None = None) -> Array:
    """Take the largest value of each window. The entry that won receives δ; equal winners share it evenly.

    Parameters
    ----------
    z : node or array
        Images, of shape (samples, channels, rows, columns).
    size : int or pair of int
        Rows and columns of a window.
    stride : int or pair of int, optional
        From one window to the next; by default their size, so that they lie side by side.
    name : str, optional
        Name of the node.

    Returns
    -------
    node or array
        Shape (samples, channels, (rows − size) // stride + 1, the same of the columns).

    Raises
    ------
    ShapeError
        When the node is made, if no window fits, or a setting is not a number of rows and columns.

    Examples
    --------
    >>> max_pool2d(np.arange(8.0).reshape(1, 1, 2, 4))
    array([[[[5., 7.]]]])
    """
    windows = pair(size, "size", 1)
    return MaxPool2d(windows, windows if stride is None else pair(stride, "stride", 1))(z, name=name)
