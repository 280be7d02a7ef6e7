"""Ops that move entries without changing them: reshape, broadcast_to, parts by an index, and the way back from these."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any, TypeAlias

import numpy as np

from graphnet.common.settings import listed, whole
from graphnet.core import shapes
from graphnet.core.node import Array, Node
from graphnet.core.op import Primitive
from graphnet.core.registry import builtin, implements
from graphnet.core.shapes import Shape
from graphnet.errors import ShapeError, shown
from graphnet.ops.elementwise import sum_to


class Moving(Primitive):
    """An op whose output holds entries of its first input."""

    def dtype(self, z: np.dtype[Any], *others: np.dtype[Any]) -> np.dtype[Any]:
        """Return the first input's."""
        return z


@builtin
@dataclass(frozen=True)
class Reshape(Moving):
    """The same entries in another shape.

    Attributes
    ----------
    to
        The new shape; one size may be −1.
    """

    to: tuple[int, ...]

    def forward(self, z: Array) -> Array:
        return np.reshape(z, self.to)

    def backward(self, delta: Array, a: Array, z: Array) -> Array:
        return np.reshape(delta, z.shape)

    def shape(self, z: Shape) -> Shape:
        return shapes.reshape(z, self.to)


@builtin
@dataclass(frozen=True)
class ExpandDims(Moving):
    """New axes of size 1.

    Attributes
    ----------
    axes
        Where they are in the result.
    """

    axes: tuple[int, ...]

    def forward(self, z: Array) -> Array:
        return np.expand_dims(z, self.axes)

    def backward(self, delta: Array, a: Array, z: Array) -> Array:
        return np.squeeze(delta, self.axes)

    def shape(self, z: Shape) -> Shape:
        axes = shapes.normal_axes(self.axes, len(z) + len(self.axes))
        sizes = iter(z)
        return tuple(1 if axis in axes else next(sizes) for axis in range(len(z) + len(axes)))


@builtin
@dataclass(frozen=True)
class Squeeze(Moving):
    """Axes of size 1 dropped.

    Attributes
    ----------
    axes
        Which.
    """

    axes: tuple[int, ...]

    def forward(self, z: Array) -> Array:
        return np.squeeze(z, self.axes)

    def backward(self, delta: Array, a: Array, z: Array) -> Array:
        return np.expand_dims(delta, shapes.normal_axes(self.axes, z.ndim))

    def shape(self, z: Shape) -> Shape:
        axes = shapes.normal_axes(self.axes, len(z))
        if any(z[axis] != 1 for axis in axes):
            raise ShapeError(f"axes {axes} of shape {z} are not all of size 1", repair="Squeeze only axes of size 1.")
        return tuple(size for axis, size in enumerate(z) if axis not in axes)


@builtin
@dataclass(frozen=True)
class BroadcastTo(Moving):
    """The entries repeated to a larger shape; each receives the sum of its copies' error signals.

    Attributes
    ----------
    to
        The new shape.
    """

    to: tuple[int, ...]

    def forward(self, z: Array) -> Array:
        return np.broadcast_to(z, self.to)

    def backward(self, delta: Array, a: Array, z: Array) -> Array:
        return sum_to(delta, shapes.known(z.shape, "broadcast_to's backward rule"))  # an unknown size may be 1

    def shape(self, z: Shape) -> Shape:
        if len(z) > len(self.to) or any(
            size != 1 and not shapes.same_size(size, new)
            for size, new in zip(reversed(z), reversed(self.to), strict=False)
        ):
            raise ShapeError(
                f"shape {z} does not broadcast to {self.to}", repair="Each size must be equal to the new one, or 1."
            )
        return self.to


# Basic indexing -----------------------------------------------------------------------------------------------------

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
        return Embed(shapes.known(z.shape, "indexing's backward rule"), self.index)(delta)

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
class Embed(Moving):
    """Zeros, with a part set: what takes an error signal back through indexing.

    Attributes
    ----------
    to
        Shape of the result.
    index
        The part, as in `Getitem`.
    """

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


# Functions ----------------------------------------------------------------------------------------------------------


@implements(np.reshape)
def reshape(z: Array, shape: int | Sequence[int | None], *, name: str | None = None) -> Array:
    """Arrange the same entries in another shape.

    Parameters
    ----------
    z : node or array
        Any shape.
    shape : int or sequence of int
        The new sizes; one may be −1 and is worked out, as for a number of samples that is not known yet.
    name : str, optional
        Name of the node.

    Returns
    -------
    node or array
        Of shape `shape`.

    Raises
    ------
    ShapeError
        When the node is made, if the number of entries would change.
    UnknownSizeError
        If more than one size is unknown.

    Examples
    --------
    >>> reshape(np.arange(6.0), (2, -1)).shape
    (2, 3)
    """
    several = isinstance(shape, Iterable) and getattr(shape, "shape", True) != ()
    given = listed(shape, "shape", "sizes", ShapeError) if several else [shape]
    what = f"a size in shape {shown(shape)}"
    sizes = tuple(None if size is None else whole(size, what, least=-1, error=ShapeError) for size in given)
    if sizes.count(None) == 1 and -1 not in sizes:  # the one unknown size can be worked out
        sizes = tuple(-1 if size is None else size for size in sizes)
    return Reshape(shapes.known(sizes, "reshape"))(z, name=name)


@implements(np.broadcast_to)
def broadcast_to(z: Array, shape: Sequence[int], *, name: str | None = None) -> Array:
    """Repeat the entries to a larger shape, by NumPy's rules. Each receives the sum of its copies' error signals.

    Parameters
    ----------
    z : node or array
        Any shape.
    shape : sequence of int
        The new shape.
    name : str, optional
        Name of the node.

    Returns
    -------
    node or array
        Of shape `shape`.

    Raises
    ------
    ShapeError
        When the node is made, if a size is neither 1 nor equal to the new one.
    UnknownSizeError
        If the new shape has an unknown size.

    Examples
    --------
    >>> broadcast_to([1.0, 2.0], (3, 2)).shape
    (3, 2)
    """
    to = shapes.known(shapes.as_shape(shape), "broadcast_to")
    return z if isinstance(z, Node) and z.shape == to and name is None else BroadcastTo(to)(z, name=name)


@implements(np.expand_dims)
def expand_dims(z: Array, axis: int | Sequence[int]) -> Array:
    """Build ``np.expand_dims(z, axis)``: new axes of size 1."""
    return ExpandDims(shapes.as_axes(axis))(z)


@implements(np.squeeze)
def squeeze(z: Array, axis: int | Sequence[int] | None = None) -> Array:
    """Build ``np.squeeze(z, axis)``: without these axes of size 1, or without all of them."""
    if axis is None:
        shapes.known(z.shape, "squeeze without an axis")
        axis = tuple(i for i, size in enumerate(z.shape) if size == 1)
    return Squeeze(shapes.as_axes(axis))(z)


@implements(np.ravel)
def ravel(z: Array) -> Array:
    """Build ``np.ravel(z)``: all entries in one axis."""
    return reshape(z, (-1,))


@implements(np.shape)
def shape(z: Array) -> Shape:
    """Answer ``np.shape(z)``."""
    return tuple(z.shape)


@implements(np.ndim)
def ndim(z: Array) -> int:
    """Answer ``np.ndim(z)``."""
    return len(z.shape)


@implements(np.size)
def size(z: Array) -> int:
    """Answer ``np.size(z)``."""
    return int(z.size)
