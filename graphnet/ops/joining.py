"""NumPy's words for arrays joined, cut and repeated."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from graphnet.common.settings import whole
from graphnet.core import shapes
from graphnet.core.node import Array
from graphnet.core.registry import builtin
from graphnet.core.shapes import Shape
from graphnet.errors import ShapeError, shown
from graphnet.ops.arranging import atleast_1d, atleast_2d, expand_dims, ravel
from graphnet.ops.functions import Parts, word
from graphnet.ops.indexing import take
from graphnet.ops.shaping import Moving, concatenate, reshape


@word(np.stack)
def stack(parts: Parts, axis: int = 0) -> Array:
    """Join arrays of one shape along a new axis.

    Attributes
    ----------
    parts
        Nodes or arrays of one shape.
    axis
        Where the new axis is in the result.

    Examples
    --------
    >>> stack([[1.0, 2.0], [3.0, 4.0]], axis=1)
    array([[1., 3.],
           [2., 4.]])
    """
    return concatenate([expand_dims(part, axis) for part in parts], axis)


@word(np.vstack)
def vstack(parts: Parts) -> Array:
    """Join arrays along the first axis, vectors as rows.

    Attributes
    ----------
    parts
        Nodes or arrays.

    Examples
    --------
    >>> vstack([[1.0, 2.0], [3.0, 4.0]])
    array([[1., 2.],
           [3., 4.]])
    """
    return concatenate([atleast_2d(part) for part in parts], 0)


@word(np.hstack)
def hstack(parts: Parts) -> Array:
    """Join arrays along the second axis, vectors along their only one.

    Attributes
    ----------
    parts
        Nodes or arrays.

    Examples
    --------
    >>> hstack([[1.0, 2.0], [3.0]])
    array([1., 2., 3.])
    """
    arrays = [atleast_1d(part) for part in parts]
    return concatenate(arrays, min(1, min(part.ndim for part in arrays) - 1))


@word(np.column_stack)
def column_stack(parts: Parts) -> Array:
    """Join arrays along the second axis, vectors as columns.

    Attributes
    ----------
    parts
        Nodes or arrays.

    Examples
    --------
    >>> column_stack([[1.0, 2.0], [3.0, 4.0]])
    array([[1., 3.],
           [2., 4.]])
    """
    return concatenate([part if part.ndim > 1 else atleast_1d(part)[:, None] for part in parts], 1)


@word(np.append)
def append(z: Array, values: Array, axis: int | None = None) -> Array:
    """Join two arrays along an axis.

    Attributes
    ----------
    axis
        The axis; None joins all entries in one.

    Examples
    --------
    >>> append([1.0, 2.0], 3.0)
    array([1., 2., 3.])
    """
    return concatenate([z, values], axis)


# Cut ------------------------------------------------------------------------------------------------------------------


@word(np.split, shapes="Any shape with at least one axis.")
def split(z: Array, indices_or_sections: int | Sequence[int], axis: int = 0) -> Any:
    """Cut an array along an axis into a list of parts.

    Attributes
    ----------
    indices_or_sections
        Where to cut; or how many equal parts to make.
    axis
        The axis to cut along.

    Examples
    --------
    >>> split(np.array([1.0, 2.0, 3.0]), [1])
    [array([1.]), array([2., 3.])]
    """
    (place,) = shapes.normal_axes(axis, z.ndim)
    cuts: Any = indices_or_sections
    if np.ndim(cuts) == 0:
        (length,) = shapes.known(z.shape[place : place + 1], "a cut into equal parts")
        if length % cuts:
            problem = f"{length} entries along axis {axis} make no {cuts} equal parts"
            raise ShapeError(problem, repair="Say where to cut, as a list: np.split(z, [2, 4]).")
        cuts = range(length // cuts, length, length // cuts)
    return [z[(slice(None),) * place + (slice(a, b),)] for a, b in zip([0, *cuts], [*cuts, None], strict=True)]


# Repeated -------------------------------------------------------------------------------------------------------------


@word(np.tile)
def tile(z: Array, reps: int | Sequence[int]) -> Array:
    """Repeat an array as a whole, side by side.

    Attributes
    ----------
    reps
        How many times along each axis; fewer than there are axes count for the last ones.

    Examples
    --------
    >>> tile([1.0, 2.0], 2)
    array([1., 2., 1., 2.])
    """
    counts = [
        whole(each, "an entry of reps", least=0, error=ShapeError) for each in np.atleast_1d(np.asarray(reps, object))
    ]
    z = z[(None,) * (len(counts) - z.ndim) + (...,)] if len(counts) > z.ndim else z
    for axis, count in enumerate(counts, z.ndim - len(counts)):
        z = z if count == 1 else concatenate([z] * count, axis) if count else z[(slice(None),) * axis + (slice(0),)]
    return z


@word(np.repeat)
def repeat(z: Array, repeats: int | Sequence[int], axis: int | None = None) -> Array:
    """Repeat each entry, or each part along an axis, beside itself.

    Attributes
    ----------
    repeats
        How many times; or for each entry along the axis, if their number is known.
    axis
        The axis; None puts all entries in one.

    Examples
    --------
    >>> repeat([1.0, 2.0], 2)
    array([1., 1., 2., 2.])
    """
    z, axis = (ravel(z), 0) if axis is None else (z, shapes.normal_axes(axis, z.ndim)[0])
    before, length = (slice(None),) * axis, z.shape[axis]
    count = None if np.ndim(repeats) else whole(repeats, "repeats", least=0, error=ShapeError)
    if count:
        sizes = [*z.shape[:axis], None if length is None else length * count, *z.shape[axis + 1 :]]
        return reshape(concatenate([z[(*before, slice(None), None)]] * count, axis + 1), sizes)
    (length,) = shapes.known((length,), "repeat with a number for each entry")
    return take(z, np.repeat(np.arange(length), repeats), axis)


@builtin
class Pad(Moving):
    """Entries with others of one value around; δ of these is dropped.

    Attributes
    ----------
    before
        How many to put before, along each axis.
    after
        How many to put behind.
    value
        Their value.
    """

    before: tuple[int, ...]
    after: tuple[int, ...]
    value: float = 0.0

    def forward(self, z: Array) -> Array:
        return np.pad(z, list(zip(self.before, self.after, strict=True)) or 0, constant_values=self.value)

    def backward(self, delta: Array, a: Array, z: Array) -> Array:
        return delta[tuple(slice(b or None, -e or None) for b, e in zip(self.before, self.after, strict=True))]

    def shape(self, z: Shape) -> Shape:
        if not len(z) == len(self.before) == len(self.after):
            raise ShapeError(f"shape {z}, padded by {self.before} and {self.after}", repair="Give both for each axis.")
        widths = zip(z, self.before, self.after, strict=True)
        return tuple(None if size is None else size + before + after for size, before, after in widths)


@word(np.pad)
def pad(z: Array, pad_width: int | Sequence[Any], mode: Any = "constant", *, constant_values: float = 0.0) -> Array:
    """Put entries around an array.

    Attributes
    ----------
    pad_width
        How many along each axis, as ((before, behind), ...); one pair, or one number, for all.
    mode
        What they are: "constant"; or, along axes of known size, copies of others, by NumPy's modes "edge", "reflect",
        "symmetric" and "wrap".
    constant_values
        The value of constant ones.

    Examples
    --------
    >>> pad([1.0, 2.0], (1, 2))
    array([0., 1., 2., 0., 0.])
    """
    widths = np.broadcast_to(pad_width, (z.ndim, 2))
    if widths.dtype.kind not in "iu" or (widths.size and widths.min() < 0):
        raise ValueError("pad_width holds no whole numbers ≥ 0")
    if mode == "constant":
        before, after = widths.T.tolist()
        return Pad(tuple(before), tuple(after), constant_values)(z)
    if mode not in ("edge", "reflect", "symmetric", "wrap"):
        raise ShapeError(
            f"mode {shown(mode)} of pad makes numbers that are no copies",
            repair="Modes are constant, edge, reflect, symmetric and wrap; join other numbers by np.concatenate.",
        )
    for axis, width in enumerate(widths):
        if width.any():
            (length,) = shapes.known(z.shape[axis : axis + 1], f"pad by {mode!r}")
            z = take(z, np.pad(np.arange(length), width, mode), axis)
    return z
