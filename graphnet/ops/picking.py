"""Picking entries: by their positions along an axis, as `take` does, or by an index."""

from __future__ import annotations

from dataclasses import dataclass
from types import EllipsisType
from typing import Any

import numpy as np

from graphnet.common.settings import whole
from graphnet.core import shapes
from graphnet.core.leaves import Constant, as_operand, constant, numbers
from graphnet.core.node import Array, Node
from graphnet.core.registry import builtin, implements
from graphnet.core.shapes import Shape
from graphnet.errors import OpaqueError, ShapeError, shown
from graphnet.ops.shaping import Getitem, Index, Moving, ravel


@builtin
@dataclass(frozen=True)
class Take(Moving):
    """Entries picked by their positions along an axis; an entry picked twice receives both error signals.

    Attributes
    ----------
    axis
        The axis to pick along.
    from_end
        Whether negative positions count from the end; else they are errors, as labels of −1 are.
    """

    axis: int = 0
    from_end: bool = False

    def forward(self, z: Array, indices: Array) -> Array:
        require_positions(indices, z.shape[self.axis], self.from_end)
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


def require_positions(positions: Array, size: int, from_end: bool = False) -> None:
    """Raise `ShapeError` if an array holds positions that an axis of this size does not have."""
    if not in_range(positions, -size if from_end else 0, size):
        raise ShapeError(
            f"positions {positions.min()} to {positions.max()} along an axis of size {size}, "
            f"which takes numbers from 0 to {size - 1}",
            repair="Are labels counted from 1? They are counted from 0 here.",
        )


def in_range(positions: Array, least: int, size: int) -> bool:
    """Tell whether all positions lie from `least` to below `size`."""
    return not positions.size or least <= positions.min() <= positions.max() < size


def _described_index(index: Any) -> Index:
    items = index if isinstance(index, tuple) else (index,)
    described: list[Any] = []
    for item in items:
        if isinstance(item, slice):
            described.append(
                tuple(
                    None if i is None else whole(i, "a bound of a slice", error=ShapeError)
                    for i in (item.start, item.stop, item.step)
                )
            )
        elif isinstance(item, EllipsisType):
            described.append("...")
        elif item is None or (isinstance(item, (int, np.integer)) and not isinstance(item, (bool, np.timedelta64))):
            described.append(None if item is None else int(item))
        else:
            raise OpaqueError(
                f"indexing a node with {type(item).__name__} {shown(item)}",
                repair="Use integers and slices, or gn.take(z, indices, axis) to pick by an array of positions.",
            )
    return tuple(described)


@implements(np.ndarray.__getitem__)
def getitem(z: Array, index: Any) -> Array:
    """Build ``z[index]``: by integers, slices, None and ``...``, or by one array of positions."""
    if isinstance(index, (list, np.ndarray)) and numbers(index, "index").dtype.kind in "iu":
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
        Positions from 0, any shape; a node declared with ``dtype=int``. Those of an array or constant may be negative, and
        count from the end then.
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
        When the node is made, if there is no such axis or a position is out of range; of those that are fed, when run.
    OpaqueError
        If the indices are not integers.

    Examples
    --------
    >>> take(np.array([10.0, 20.0]), [1, 1, 0])
    array([20., 20., 10.])
    """
    z = as_operand(z, "z")
    axis = whole(axis, "axis", "Name an axis by its position, from 0.", error=ShapeError)
    if not isinstance(indices, Node):
        indices = constant(indices, dtype=int) if isinstance(z, Node) else numbers(indices, "indices")
    if indices.dtype.kind not in "iu":
        raise OpaqueError(
            f"take needs integer positions, got {indices.dtype}", repair="Declare the input with dtype=int."
        )
    if not isinstance(indices, (Constant, np.ndarray)):
        return Take(axis)(z, indices, name=name)
    positions = indices.value if isinstance(indices, Constant) else indices
    op = Take(axis, from_end=bool(positions.size and positions.min() < 0))
    size = z.shape[axis] if -z.ndim <= axis < z.ndim else None
    if size is not None:
        require_positions(positions, size, op.from_end)
    return op(z, indices, name=name)


@implements(np.take)
def numpy_take(z: Array, indices: Array, axis: int | None = None) -> Array:
    """Build ``np.take(z, indices, axis)``, which flattens `z` first if there is no axis."""
    return take(ravel(z), indices) if axis is None else take(z, indices, axis)
