"""NumPy's words for the same entries in another order or shape."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, Literal

import numpy as np

from graphnet.common.settings import whole
from graphnet.core import shapes
from graphnet.core.leaves import as_operand
from graphnet.core.node import Array
from graphnet.core.registry import builtin, implements
from graphnet.core.shapes import Shape
from graphnet.errors import ShapeError, shown
from graphnet.ops.arithmetic import add, subtract
from graphnet.ops.comparisons import not_equal, zeros_like
from graphnet.ops.functions import word
from graphnet.ops.linear import transpose
from graphnet.ops.shaping import ExpandDims, Moving, Squeeze, broadcast_to, reshape


@builtin
class Roll(Moving):
    """Entries moved along axes, those that leave at the end coming in at the start; δ is moved back.

    Attributes
    ----------
    shift
        How far, along each axis.
    axis
        Which axes; None: as if all entries lay in one.
    """

    shift: tuple[int, ...]
    axis: tuple[int, ...] | None = None

    def forward(self, z: Array) -> Array:
        return np.roll(z, self.shift, self.axis) if self.axis else np.roll(z, sum(self.shift))

    def backward(self, delta: Array, a: Array, z: Array) -> Array:
        return Roll(tuple(-places for places in self.shift), self.axis)(delta)

    def shape(self, z: Shape) -> Shape:
        if self.axis and 1 < len(self.shift) != len(self.axis):
            raise ShapeError(f"{len(self.shift)} shifts along {len(self.axis)} axes", repair="Give one for each axis.")
        shapes.normal_axes(self.axis, len(z))
        return z


@word(np.roll)
def roll(z: Array, shift: int | Sequence[int], axis: int | Sequence[int] | None = None) -> Array:
    """Move entries along axes; those that leave at the end come in at the start.

    Attributes
    ----------
    shift
        How far, along each axis.
    axis
        Which axes; None: as if all entries lay in one.

    Examples
    --------
    >>> roll([1.0, 2.0, 3.0], 1)
    array([3., 1., 2.])
    """
    return Roll(shapes.as_axes(shift), None if axis is None else shapes.as_axes(axis))(z)


@word(np.flip)
def flip(z: Array, axis: int | Sequence[int] | None = None) -> Array:
    """Reverse the order of entries along axes.

    Attributes
    ----------
    axis
        Which; None: all.

    Examples
    --------
    >>> flip([[1.0, 2.0], [3.0, 4.0]], 1)
    array([[2., 1.],
           [4., 3.]])
    """
    axes = shapes.normal_axes(axis, z.ndim)
    return z[tuple(slice(None, None, -1) if i in axes else slice(None) for i in range(z.ndim))]


@word(np.flipud, shapes="Any shape with at least one axis.")
def flipud(z: Array) -> Array:
    """Reverse the order of rows, along the first axis.

    Examples
    --------
    >>> flipud([[1.0, 2.0], [3.0, 4.0]])
    array([[3., 4.],
           [1., 2.]])
    """
    return flip(z, 0)


@word(np.fliplr, shapes="Any shape with at least two axes.")
def fliplr(z: Array) -> Array:
    """Reverse the order of columns, along the second axis.

    Examples
    --------
    >>> fliplr([[1.0, 2.0], [3.0, 4.0]])
    array([[2., 1.],
           [4., 3.]])
    """
    return flip(z, 1)


@word(np.rot90, shapes="Any shape with at least two axes.")
def rot90(z: Array, k: int = 1, axes: tuple[int, int] = (0, 1)) -> Array:
    """Turn an array by quarters, from the first of two axes towards the second.

    Attributes
    ----------
    k
        How many quarters.
    axes
        The two axes.

    Examples
    --------
    >>> rot90([[1.0, 2.0], [3.0, 4.0]])
    array([[2., 4.],
           [1., 3.]])
    """
    shapes.normal_axes(axes, z.ndim)
    k = whole(k, "k", "Give how many quarter turns.", error=ShapeError)
    if k % 2 == 0:
        return flip(z, axes) if k % 4 else z
    return swapaxes(flip(z, axes[1]), *axes) if k % 4 == 1 else flip(swapaxes(z, *axes), axes[1])


def _in_order(z: Array, move: Callable[..., Any], *axes: Any) -> Array:
    """Return the transpose that a function of NumPy would make: the order is told by an array of sizes 0, 1, 2, ..."""
    return transpose(z, move(np.empty(range(z.ndim)), *axes).shape)


@word(np.swapaxes)
def swapaxes(z: Array, axis1: int, axis2: int) -> Array:
    """Let two axes change places.

    Attributes
    ----------
    axis1
        One of them.
    axis2
        The other.

    Examples
    --------
    >>> swapaxes(np.ones((2, 3, 4)), 0, 2).shape
    (4, 3, 2)
    """
    return _in_order(z, np.swapaxes, axis1, axis2)


@word(np.matrix_transpose, vars(np.ndarray)["mT"], shapes="Any shape with at least two axes.")
def matrix_transpose(z: Array) -> Array:
    """Let the last two axes change places: in a stack of matrices each is transposed.

    Examples
    --------
    >>> matrix_transpose([[1.0, 2.0]])
    array([[1.],
           [2.]])
    """
    return swapaxes(z, -1, -2)


@word(np.moveaxis)
def moveaxis(z: Array, source: int | Sequence[int], destination: int | Sequence[int]) -> Array:
    """Move axes to other places; the others keep their order.

    Attributes
    ----------
    source
        Where they are.
    destination
        Where they go.

    Examples
    --------
    >>> moveaxis(np.ones((2, 3, 4)), 0, -1).shape
    (3, 4, 2)
    """
    return _in_order(z, np.moveaxis, source, destination)


@word(np.expand_dims)
def expand_dims(z: Array, axis: int | Sequence[int]) -> Array:
    """Make new axes of size 1, along which the result may stretch, as with ``z[:, None]``.

    Attributes
    ----------
    axis
        Where they are in the result.

    Examples
    --------
    >>> expand_dims([1.0, 2.0], 1).shape
    (2, 1)
    """
    return ExpandDims(shapes.as_axes(axis))(z)


@word(np.squeeze)
def squeeze(z: Array, axis: int | Sequence[int] | None = None) -> Array:
    """Drop axes of size 1.

    Attributes
    ----------
    axis
        Which; None: all that are of size 1, if every size is known.

    Examples
    --------
    >>> squeeze([[1.0, 2.0]]).shape
    (2,)
    """
    if axis is None:
        axis = tuple(i for i, size in enumerate(shapes.known(z.shape, "squeeze without an axis")) if size == 1)
    return Squeeze(shapes.as_axes(axis))(z)


@word(np.ravel, np.ndarray.flatten)
def ravel(z: Array, order: Literal["C"] = "C") -> Array:
    """Put all entries in one axis, row by row.

    Attributes
    ----------
    order
        No other than "C", row by row.

    Examples
    --------
    >>> ravel([[1.0, 2.0], [3.0, 4.0]])
    array([1., 2., 3., 4.])
    """
    if order != "C":
        raise ShapeError(f"order {shown(order)}: entries go row by row", repair="For columns write np.ravel(z.T).")
    return reshape(z, (-1,))


def _with_axes(arrays: Sequence[Array], count: int) -> Any:
    """Return arrays with as many axes at least: as NumPy has it, the last of three, and all others, come in front."""
    made = []
    for z in arrays:
        missing = max(count - z.ndim, 0)
        behind = int(count == 3 and z.ndim in (1, 2))
        made.append(z[(*(None,) * (missing - behind), ..., *(None,) * behind)] if missing else z)
    return made[0] if len(made) == 1 else tuple(made)


@word(np.atleast_1d)
def atleast_1d(*z: Array) -> Array:
    """Give an axis to what has none; of several, a tuple.

    Examples
    --------
    >>> atleast_1d(2.0).shape
    (1,)
    """
    return _with_axes(z, 1)


@word(np.atleast_2d)
def atleast_2d(*z: Array) -> Array:
    """Give new axes in front to what has fewer than two: a vector becomes a row. Of several, a tuple.

    Examples
    --------
    >>> atleast_2d([1.0, 2.0]).shape
    (1, 2)
    """
    return _with_axes(z, 2)


@word(np.atleast_3d)
def atleast_3d(*z: Array) -> Array:
    """Give new axes to what has fewer than three: to a matrix one behind, to a vector one on each side. Of several, a tuple.

    Examples
    --------
    >>> atleast_3d([1.0, 2.0]).shape
    (1, 2, 1)
    """
    return _with_axes(z, 3)


@word(np.meshgrid, shapes="Vectors, whose sizes must be known.")
def meshgrid(*z: Array, indexing: str = "xy") -> tuple[Array, ...]:
    """Repeat vectors along each other: the coordinates of all points of a grid.

    Attributes
    ----------
    indexing
        "xy", where the first varies along the second axis; or "ij", where each varies along its own.

    Examples
    --------
    >>> meshgrid([1.0, 2.0], [3.0, 4.0, 5.0])[0]
    array([[1., 2.],
           [1., 2.],
           [1., 2.]])
    """
    if indexing not in ("xy", "ij"):
        raise ValueError(f"indexing is {indexing!r}, expected 'xy' or 'ij'")
    order = [1, 0, *range(2, len(z))] if indexing == "xy" and len(z) > 1 else list(range(len(z)))
    vectors = [ravel(each) for each in z]
    to = [shapes.known(vectors[place].shape, "meshgrid")[0] for place in order]
    behind = [len(z) - 1 - order[place] for place in range(len(z))]
    return tuple(broadcast_to(each[(..., *(None,) * n)], to) for each, n in zip(vectors, behind, strict=True))


@word(np.diff, shapes="Any shape with at least one axis.")
def diff(z: Array, n: int = 1, axis: int = -1) -> Array:
    """Subtract from each entry the one before it, along an axis.

    Attributes
    ----------
    n
        How many times; of an axis shorter than that nothing is left.
    axis
        The axis.

    Examples
    --------
    >>> diff([1.0, 4.0, 9.0])
    array([3., 5.])
    """
    before = (slice(None),) * (place := shapes.normal_axes(axis, z.ndim)[0])
    differ = not_equal if z.dtype == bool else subtract  # as NumPy has it: of truth values, whether they change
    for _ in range(whole(n, "n", "Give how many times.", least=0, error=ShapeError)):
        if z.shape[place] == 0:
            break
        z = differ(z[(*before, slice(1, None))], z[(*before, slice(None, -1))])
    return z


@word(np.full_like)
def full_like(z: Array, fill_value: Array) -> Array:
    """Make an array of one value in the shape of another.

    Examples
    --------
    >>> full_like([1.0, 2.0], 0.5)
    array([0.5, 0.5])
    """
    return add(zeros_like(z), fill_value)


@implements(np.shape)
def shape(z: Array) -> Shape:
    """Return the shape: a tuple of sizes, None for one that is known only when fed.

    Examples
    --------
    >>> import graphnet as gn
    >>> shape(gn.input("x", (None, 2)))
    (None, 2)
    """
    return tuple(as_operand(z, "z").shape)


@implements(np.ndim)
def ndim(z: Array) -> int:
    """Return the number of axes.

    Examples
    --------
    >>> ndim([[1.0, 2.0]])
    2
    """
    return len(as_operand(z, "z").shape)


@implements(np.size)
def size(z: Array, axis: int | Sequence[int] | None = None) -> Any:
    """Return the number of entries, or the size of an axis, None if that is known only when fed.

    Of several axes it is the number of entries along them.

    Raises
    ------
    UnknownSizeError
        If the number of entries is known only when fed.

    Examples
    --------
    >>> size([[1.0, 2.0]]), size([[1.0, 2.0]], 0)
    (2, 1)
    """
    z = as_operand(z, "z")
    if axis is None:
        return z.size
    sizes = tuple([z.shape[i] for i in shapes.normal_axes(axis, z.ndim)])
    return sizes[0] if len(sizes) == 1 else math.prod(shapes.known(sizes, "the number of entries"))
