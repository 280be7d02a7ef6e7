"""Parts of arrays: by an index, as `z[1:3]`, or by positions along an axis, as `take`; and the way back from both."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice
from types import EllipsisType
from typing import Any, TypeAlias

import numpy as np

from graphnet.common.settings import whole
from graphnet.core import shapes
from graphnet.core.leaves import Constant, as_operand, constant, numbers
from graphnet.core.node import Array, Node
from graphnet.core.registry import builtin, implements
from graphnet.core.shapes import Shape
from graphnet.errors import OpaqueError, ShapeError, shown
from graphnet.ops.shaping import Moving, ravel

Index: TypeAlias = tuple[Any, ...]
"""One item an axis: an int, None for a new axis, "..." for all others, or (start, stop, step)."""


@builtin
@dataclass(frozen=True)
class Getitem(Moving):
    """A part of z, by integers and slices; the entries outside it receive 0.

    Attributes
    ----------
    index
        An item for each axis: an integer, None for a new axis, "..." for all others, or (start, stop, step).
    """

    index: Index

    def forward(self, z: Array) -> Array:
        return z[numpy_index(self.index)]

    def backward(self, delta: Array, a: Array, z: Array) -> Array:
        return Scatter(shapes.known(z.shape, "indexing's backward rule"), self.index)(delta)

    def shape(self, z: Shape) -> Shape:
        # NumPy itself indexes an array that takes no memory; an unknown size is tried as two that reach beyond the
        # index. What a slice takes of it is unknown too: of 2 rows, [:4] takes 2.
        index = _with_whole_axes(numpy_index(self.index), [size is None for size in z])
        beyond = 1 + sum(abs(i) for i in index if isinstance(i, int))
        try:
            first, second = (
                np.broadcast_to(0, [unknown if size is None else size for size in z])[index].shape
                for unknown in (beyond, 2 * beyond)
            )
        except (IndexError, ValueError, OverflowError) as error:
            raise ShapeError(f"shape {z}: {error}", repair="Indices count from 0 to the size − 1.") from error
        return tuple(size if size == other else None for size, other in zip(first, second, strict=True))


@builtin
@dataclass(frozen=True)
class Scatter(Moving):
    """Zeros, with a part set by an index: what takes an error signal back through `Getitem`.

    Attributes
    ----------
    to
        Shape of the result.
    index
        The part, as in `Getitem`.
    """

    written = "zeros with"
    to: tuple[int, ...]
    index: Index

    def forward(self, z: Array) -> Array:
        result = np.zeros(self.to, z.dtype)
        result[numpy_index(self.index)] = z
        return result

    def backward(self, delta: Array, a: Array, z: Array) -> Array:
        return delta[numpy_index(self.index)]

    def shape(self, z: Shape) -> Shape:
        return self.to


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
    choosing = (1,)

    def forward(self, z: Array, indices: Array) -> Array:
        require_positions(indices, z.shape[self.axis], self.from_end)
        return np.take(z, indices, axis=self.axis)

    def backward(self, delta: Array, a: Array, z: Array, indices: Array) -> Array:
        return ScatterAdd(shapes.known(z.shape, "take's backward rule"), self.axis % z.ndim)(delta, indices), None

    def shape(self, z: Shape, indices: Shape) -> Shape:
        (axis,) = shapes.normal_axes(self.axis, len(z))
        return (*z[:axis], *indices, *z[axis + 1 :])


@builtin
@dataclass(frozen=True)
class ScatterAdd(Moving):
    """Zeros, with entries added at positions along an axis: what takes an error signal back through `take`.

    Attributes
    ----------
    to
        Shape of the result.
    axis
        The axis the positions count along.
    """

    written = "zeros plus"
    to: tuple[int, ...]
    axis: int
    choosing = (1,)

    def forward(self, z: Array, indices: Array) -> Array:
        result = np.zeros(self.to)  # float64: one entry may receive very many
        np.add.at(result, (*(slice(None),) * self.axis, indices), z.astype(result.dtype))
        return result.astype(z.dtype)

    def backward(self, delta: Array, a: Array, z: Array, indices: Array) -> Array:
        return np.take(delta, indices, axis=self.axis), None

    def shape(self, z: Shape, indices: Shape) -> Shape:
        return self.to


def numpy_index(index: Index) -> tuple[Any, ...]:
    """Return an index as NumPy takes it."""
    return tuple(... if item == "..." else slice(*item) if isinstance(item, tuple) else item for item in index)


def _with_whole_axes(index: tuple[Any, ...], unknown: Sequence[bool]) -> tuple[Any, ...]:
    """Return an index that takes the whole of each axis of unknown size that it takes a slice of."""
    axes = iter(range(len(unknown)))
    skipped = len(unknown) - sum(item is not None and item is not ... for item in index)
    found: list[Any] = []
    for item in index:
        if item is ...:
            deque(islice(axes, skipped), maxlen=0)
        elif item is not None and (axis := next(axes, None)) is not None and isinstance(item, slice) and unknown[axis]:
            item = slice(None)
        found.append(item)
    return tuple(found)


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
    def described(item: Any) -> Any:
        if isinstance(item, slice):
            given = (item.start, item.stop, item.step)
            bounds = tuple(None if i is None else whole(i, "a bound of a slice", error=ShapeError) for i in given)
            if bounds[2] == 0:
                raise ShapeError("the step of a slice is 0", repair="z[::1] takes all, z[::-1] from the end.")
            return bounds
        if isinstance(item, EllipsisType):
            return "..."
        if isinstance(item, (int, np.integer)) and not isinstance(item, (bool, np.timedelta64)):
            return int(item)
        if item is not None:
            repair = "Use integers and slices, or gn.take(z, indices, axis) to pick by an array of positions."
            if getattr(item, "dtype", None) == np.dtype(bool):
                repair = "How many a mask picks is known only when run: np.where(mask, z, 0) keeps the shape."
            raise OpaqueError(
                f"indexing a node with {type(item).__name__} {shown(item)}",
                repair=repair,
            )
        return None

    return tuple(map(described, index if isinstance(index, tuple) else (index,)))


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
