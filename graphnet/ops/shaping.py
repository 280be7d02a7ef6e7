"""Ops that move entries without changing them: reshape, broadcast_to, concatenate, and NumPy's ways to say the same."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Any

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
        return reshaped(z, self.to)


@builtin
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
        return tuple(shapes.WANTED if axis in axes else next(sizes) for axis in range(len(z) + len(axes)))


@builtin
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
class BroadcastTo(Moving):
    """The entries repeated to a larger shape; each receives the sum of its copies' error signals.

    Attributes
    ----------
    to
        The new shape.
    """

    written = "spread"
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
            problem = f"shape {z} does not broadcast to {self.to}"
            raise ShapeError(problem, repair="Each size must be equal to the new one, or 1.")
        return self.to


@builtin
class Concatenate(Primitive):
    """Arrays joined along an axis; each receives its part of δ.

    Attributes
    ----------
    axis
        The axis to join along.
    """

    axis: int = 0

    def forward(self, *parts: Array) -> Array:
        return np.concatenate(parts, axis=self.axis)

    def dtype(self, *parts: np.dtype[Any]) -> np.dtype[Any]:
        return super().dtype(*parts) if any(part.kind == "f" for part in parts) else np.result_type(*parts)

    def backward(self, delta: Array, a: Array, *parts: Array) -> Array:
        before: tuple[slice, ...] = (slice(None),) * (self.axis % a.ndim)
        messages, start = [], 0
        for part in parts:
            (length,) = shapes.known((part.shape[self.axis],), "concatenate's backward rule")
            messages.append(delta[(*before, slice(start, start + length))])
            start += length
        return messages

    def shape(self, *parts: Shape) -> Shape:
        first = parts[0]
        (axis,) = shapes.normal_axes(self.axis, len(first))
        if not all(shapes.matches((*first[:axis], None, *first[axis + 1 :]), part) for part in parts):
            problem = f"parts of shapes {shapes.list_shapes(parts)} can't be joined along axis {axis}"
            raise ShapeError(problem, repair="All sizes but the one along the axis must be equal.")
        lengths = [part[axis] for part in parts]
        total = None if None in lengths else sum(length for length in lengths if length is not None)
        others = [next((s for s in sizes if s is not None), None) for sizes in zip(*parts, strict=True)]
        return (*others[:axis], total, *others[axis + 1 :])


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


@implements(np.concatenate)
def concatenate(parts: Sequence[Array], axis: int | None = 0, *, name: str | None = None) -> Array:
    """Join arrays along an axis. Each receives its part of the error signal.

    Parameters
    ----------
    parts : sequence of node or array
        Equal shapes but for the size along `axis`.
    axis : int or None
        The axis to join along; None joins all entries in one.
    name : str, optional
        Name of the node.

    Returns
    -------
    node or array
        As long along `axis` as all parts together.

    Raises
    ------
    ShapeError
        When the node is made, if other sizes differ or there are no parts.

    Examples
    --------
    >>> concatenate([[1.0], [2.0, 3.0]])
    array([1., 2., 3.])
    """
    parts = listed(parts, "parts", "nodes or arrays", ShapeError, "Write concatenate([a, b], axis=...).")
    if not parts:
        raise ShapeError("concatenate got no parts", repair="Give at least one.")
    if axis is None:  # NumPy's way to join all entries
        parts, axis = [reshape(part, (-1,)) for part in parts], 0
    axis = whole(axis, "axis", error=ShapeError)
    return Concatenate(axis)(*parts, name=name)


def reshaped(shape: Shape, new: Shape) -> Shape:
    """Return the shape after a reshape; one size of `new` may be −1 and is worked out."""
    if any(size is not None and size < -1 for size in new):
        raise ShapeError(f"new shape {new} has a negative size", repair="A size is ≥ 0, or −1 to be worked out.")
    if sum(size == -1 for size in new) > 1:
        raise ShapeError(f"new shape {new} has more than one −1", repair="Only one size can be worked out.")
    if None in shape:
        return tuple(None if size == -1 else size for size in new)
    total = math.prod(shapes.known(shape, "reshape"))
    fixed = math.prod(size for size in shapes.known(new, "reshape") if size != -1)
    fits = (fixed and total % fixed == 0) if -1 in new else total == fixed
    if not fits:
        problem = f"an array of shape {shape} has {total} entries and can't be reshaped to {new}"
        raise ShapeError(problem, repair="The product of the sizes must stay the same.")
    return tuple(total // fixed if size == -1 else size for size in new)
