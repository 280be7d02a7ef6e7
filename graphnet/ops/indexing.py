"""Parts of arrays: by an index, as `z[1:3]`, or by positions along an axis, as `take`; and the way back from both."""

from __future__ import annotations

from dataclasses import dataclass
from types import EllipsisType
from typing import Any, TypeAlias

import numpy as np

from graphnet.common.settings import whole
from graphnet.core import shapes
from graphnet.core.leaves import as_operand, constant, numbers
from graphnet.core.node import Array, Node
from graphnet.core.registry import builtin, implements
from graphnet.core.shapes import Shape
from graphnet.errors import OpaqueError, ShapeError, shown
from graphnet.ops.shaping import Moving, reshape

Index: TypeAlias = tuple[Any, ...]
"""One item an axis: an int, None for a new axis, "..." for all others, or (start, stop, step)."""

WHOLE = (None, None, None)


@builtin
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
        items = for_each_axis(self.index, z.ndim)
        if all(item in (None, WHOLE) for item in items):
            return np.squeeze(delta, tuple(axis for axis, item in enumerate(items) if item is None))
        cut = [size for size, item in zip(z.shape, (i for i in items if i is not None), strict=True) if item != WHOLE]
        shapes.known(tuple(cut), "indexing's backward rule")
        return Scatter(z.shape, self.index)(delta)

    def shape(self, z: Shape) -> Shape:
        sizes = iter(z)
        result: list[shapes.Size] = []
        for item in for_each_axis(self.index, len(z)):
            if item is None:
                result.append(shapes.WANTED)
                continue
            size = next(sizes)
            if isinstance(item, int):
                if size is not None and not -size <= item < size:
                    problem = f"shape {z}: index {shown(item)} is out of bounds of an axis of size {size}"
                    raise ShapeError(problem, repair="Indices count from 0 to the size − 1.")
            elif item == WHOLE or size is None:
                # What a slice takes of unknown many is unknown too: of 2 rows, [:4] takes 2.
                result.append(size)
            else:
                result.append(len(range(size)[slice(*item)]))
        return tuple(result)


@builtin
class Scatter(Moving):
    """Zeros, with a part set by an index: what takes an error signal back through `Getitem`.

    Attributes
    ----------
    to
        Shape of the result; None where the index takes a whole axis of as many as the part has.
    index
        The part, as in `Getitem`.
    """

    written = "zeros with"
    to: tuple[int | None, ...]
    index: Index

    def forward(self, z: Array) -> Array:
        result = zeros(shapes.known(self.shape(z.shape), "scatter"), z)
        result[numpy_index(self.index)] = z
        return result

    def backward(self, delta: Array, a: Array, z: Array) -> Array:
        return delta[numpy_index(self.index)]

    def shape(self, z: Shape) -> Shape:
        if None not in self.to:
            return self.to
        items = for_each_axis(self.index, len(self.to))
        left = [item for item in items if not isinstance(item, int)]
        taken = iter([size for size, item in zip(z, left, strict=True) if item is not None])
        whole = [None if isinstance(item, int) else next(taken) for item in items if item is not None]
        return tuple([size if own is None else own for own, size in zip(self.to, whole, strict=True)])


@builtin
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
        return np.take(z, require_positions(indices, z.shape[self.axis], self.from_end), axis=self.axis)

    def backward(self, delta: Array, a: Array, z: Array, indices: Array) -> Array:
        return ScatterAdd(shapes.known(z.shape, "take's backward rule"), self.axis % z.ndim)(delta, indices), None

    def shape(self, z: Shape, indices: Shape) -> Shape:
        (axis,) = shapes.normal_axes(self.axis, len(z))
        return (*z[:axis], *indices, *z[axis + 1 :])


@dataclass(frozen=True)
class Adding(Moving):
    """Zeros, with entries added where they were taken from.

    Attributes
    ----------
    to
        Shape of the result.
    """

    written = "zeros plus"
    to: tuple[int, ...]
    choosing = tuple(range(1, 64))

    def added(self, z: Array, places: tuple[Any, ...]) -> Array:
        """Return zeros plus the entries of z at an index."""
        result = zeros(self.to, z, np.float64)  # one entry may receive very many
        np.add.at(result, places, z.astype(result.dtype))
        return result.astype(z.dtype)

    def shape(self, z: Shape, *positions: Shape) -> Shape:
        """Return the shape of what was taken from."""
        return self.to


@builtin
class ScatterAdd(Adding):
    """Zeros, with entries added at positions along an axis: what takes an error signal back through `take`.

    Attributes
    ----------
    to
        Shape of the result.
    axis
        The axis the positions count along.
    """

    axis: int

    def forward(self, z: Array, indices: Array) -> Array:
        return self.added(z, (*(slice(None),) * self.axis, indices))

    def backward(self, delta: Array, a: Array, z: Array, indices: Array) -> Array:
        return np.take(delta, indices, axis=self.axis), None


def zeros(shape: tuple[int, ...], beside: Array, dtype: Any = None) -> Array:
    """Return zeros of the kind of array that another is, which may be of another library; of its dtype if none is given."""
    return np.zeros(shape, beside.dtype if dtype is None else dtype, like=beside[...])  # [...]: a number is no array


def numpy_index(index: Index) -> tuple[Any, ...]:
    """Return an index as NumPy takes it."""
    return tuple(... if item == "..." else slice(*item) if isinstance(item, tuple) else item for item in index)


def for_each_axis(index: Index, ndim: int) -> Index:
    """Return an index with an item for each axis, and None for new ones; raise `ShapeError` if it has more."""
    items = index if "..." in index else (*index, "...")
    place, count = items.index("..."), ndim - sum(item is not None for item in items) + 1
    if count < 0 or items.count("...") > 1:
        problem = f"index {shown(index)} of an array with {ndim} dimensions"
        raise ShapeError(problem, repair="Give an item for each axis, and one ... at most.")
    return (*items[:place], *[WHOLE] * count, *items[place + 1 :])


def require_positions(positions: Array, size: int, from_end: bool = False) -> Array:
    """Return positions, or raise `ShapeError` if an axis of this size does not have them.

    Of another library's array the numbers may not be known yet: there what is refused is moved out of range.
    """
    if not isinstance(positions, np.ndarray):
        return positions if from_end else np.where(positions < 0, size, positions)
    if not in_range(positions, -size if from_end else 0, size):
        raise ShapeError(
            f"positions {shown(int(positions.min()))} to {shown(int(positions.max()))} along an axis of size {size}, "
            f"which takes numbers from 0 to {size - 1}",
            repair="Are labels counted from 1? They are counted from 0 here.",
        )
    return positions


def known_value(array: Any) -> Any:
    """Return the value of a constant, an array or a number itself; None for a node whose value exists only in a pass."""
    return getattr(array, "value", None) if isinstance(array, Node) else np.asarray(array)


def integers(positions: Array, op: str) -> Array:
    """Return positions; raise `OpaqueError` if they are no integers."""
    if positions.dtype.kind not in "iu":
        problem = f"{op} needs integer positions, got {positions.dtype}"
        raise OpaqueError(problem, repair="Declare the input with dtype=int.")
    return positions


def in_range(positions: Array, least: int, size: int) -> bool:
    """Tell whether all positions lie from `least` to below `size`."""
    return not positions.size or least <= positions.min() <= positions.max() < size


def described_item(item: Any) -> Any:
    """Return an item of an index as `Getitem` keeps it."""
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
        repair = "Use integers and slices, arrays of positions or masks, or gn.take(z, indices, axis)."
        raise OpaqueError(f"indexing a node with {type(item).__name__} {shown(item)}", repair=repair)
    return None


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
    indices = integers(indices, "take")
    positions = known_value(indices)
    if positions is None:
        return Take(axis)(z, indices, name=name)
    op = Take(axis, from_end=bool(positions.size and positions.min() < 0))
    size = z.shape[axis] if -z.ndim <= axis < z.ndim else None
    if size is not None:
        require_positions(positions, size, op.from_end)
    return op(z, indices, name=name)


@implements(np.take)
def numpy_take(z: Array, indices: Array, axis: int | None = None) -> Array:
    """Build ``np.take(z, indices, axis)``, which flattens `z` first if there is no axis."""
    return take(reshape(z, (-1,)), indices) if axis is None else take(z, indices, axis)
