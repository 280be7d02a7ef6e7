"""Picking entries: by their positions along an axis, as `take` does, or by an index."""

from __future__ import annotations

from dataclasses import dataclass
from types import EllipsisType
from typing import Any

import numpy as np

from graphnet.core import shapes
from graphnet.core.leaves import constant
from graphnet.core.node import Array, Node
from graphnet.core.registry import builtin, implements
from graphnet.core.shapes import Shape
from graphnet.errors import OpaqueError, ShapeError
from graphnet.ops.shaping import Getitem, Index, Moving, ravel


@builtin
@dataclass(frozen=True)
class Take(Moving):
    """Entries picked by their positions along an axis; an entry picked twice receives both error signals.

    Attributes
    ----------
    axis
        The axis to pick along.
    """

    axis: int = 0

    def forward(self, z: Array, indices: Array) -> Array:
        return np.take(z, indices, axis=self.axis)

    def backward(self, delta: Array, a: Array, z: Array, indices: Array) -> Array:
        return PutAdd(shapes.known(z.shape, "take's backward rule"), self.axis % z.ndim)(delta, indices), None

    def shape(self, z: Shape, indices: Shape) -> Shape:
        (axis,) = shapes.normal_axes(self.axis, len(z))
        return (*z[:axis], *indices, *z[axis + 1 :])


@builtin
@dataclass(frozen=True)
class PutAdd(Moving):
    """Zeros, with entries added at positions along an axis: what takes an error signal back through `take`.

    Attributes
    ----------
    to
        Shape of the result.
    axis
        The axis the positions count along.
    """

    to: tuple[int, ...]
    axis: int

    def forward(self, z: Array, indices: Array) -> Array:
        result = np.zeros(self.to)  # float64: one entry may receive very many
        np.add.at(result, (*(slice(None),) * self.axis, indices), z.astype(result.dtype))
        return result.astype(z.dtype)

    def backward(self, delta: Array, a: Array, z: Array, indices: Array) -> Array:
        return np.take(delta, indices, axis=self.axis), None

    def shape(self, z: Shape, indices: Shape) -> Shape:
        return self.to


def _described_index(index: Any) -> Index:
    items = index if isinstance(index, tuple) else (index,)
    described: list[Any] = []
    for item in items:
        if isinstance(item, slice):
            described.append(tuple(None if i is None else int(i) for i in (item.start, item.stop, item.step)))
        elif isinstance(item, EllipsisType):
            described.append("...")
        elif item is None or (isinstance(item, (int, np.integer)) and not isinstance(item, bool)):
            described.append(None if item is None else int(item))
        else:
            raise OpaqueError(
                f"indexing a node with {type(item).__name__} {item!r}"[:200],
                repair="Use integers and slices, or gn.take(z, indices, axis) to pick by an array of positions.",
            )
    return tuple(described)


@implements(np.ndarray.__getitem__)
def getitem(z: Array, index: Any) -> Array:
    """Build ``z[index]``: by integers, slices, None and ``...``, or by one array of positions."""
    if isinstance(index, (list, np.ndarray)) and np.asarray(index).dtype.kind in "iu":
        return take(z, index, axis=0)
    if isinstance(index, Node) and index.dtype.kind in "iu":
        return take(z, index, axis=0)
    return Getitem(_described_index(index))(z)


def take(z: Array, indices: Array, axis: int = 0, *, name: str | None = None) -> Array:
    """Pick entries along an axis by their positions. An entry picked twice receives both error signals.

    Parameters
    ----------
    z : node or array
        Any shape with at least one axis.
    indices : node or array of int
        Positions from 0, any shape; a node declared with ``dtype=int``.
    axis : int
        The axis to pick along.
    name : str, optional
        Name of the node.

    Returns
    -------
    node or array
        The shape of `indices` in the place of the axis.

    Raises
    ------
    ShapeError
        When the node is made, if there is no such axis or a position is out of range.
    OpaqueError
        If the indices are not integers.

    Examples
    --------
    >>> take(np.array([10.0, 20.0]), [1, 1, 0])
    array([20., 20., 10.])
    """
    if not isinstance(indices, Node):
        indices = constant(indices, dtype=int) if isinstance(z, Node) else np.asarray(indices)
    if indices.dtype.kind not in "iu":
        raise OpaqueError(
            f"take needs integer positions, got {indices.dtype}", repair="Declare the input with dtype=int."
        )
    if not isinstance(indices, Node) or not hasattr(indices, "value"):
        return Take(axis)(z, indices, name=name)
    size = z.shape[axis] if -z.ndim <= axis < z.ndim else None
    if size is not None and indices.value.size and not -size <= indices.value.min() <= indices.value.max() < size:
        raise ShapeError(
            f"positions {indices.value.min()} to {indices.value.max()} along an axis of size {size}",
            repair=f"Positions run from 0 to {size - 1}.",
        )
    return Take(axis)(z, indices, name=name)


@implements(np.take)
def numpy_take(z: Array, indices: Array, axis: int | None = None) -> Array:
    """Build ``np.take(z, indices, axis)``, which flattens `z` first if there is no axis."""
    return take(ravel(z), indices) if axis is None else take(z, indices, axis)
