"""Entries picked by arrays: paired positions as `scores[rows, labels]`, positions along an axis, masks; and the way back."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from graphnet.core import shapes
from graphnet.core.leaves import constant, numbers
from graphnet.core.node import Array, Node
from graphnet.core.registry import builtin, implements
from graphnet.core.shapes import Shape
from graphnet.errors import OpaqueError, ShapeError
from graphnet.ops import indexing
from graphnet.ops.arranging import ravel
from graphnet.ops.comparisons import maximum, minimum
from graphnet.ops.functions import word
from graphnet.ops.indexing import Adding, Getitem, known_value, require_positions, take
from graphnet.ops.shaping import Moving


@builtin
class Pick(Moving):
    """Entries picked by positions along several axes at once; an entry picked twice receives both error signals.

    Attributes
    ----------
    axes
        The axes that the positions count along, one array for each. All are of one shape, or single numbers.
    from_end
        Those of them along which negative positions count from the end; else they are errors, as labels of −1 are.
    """

    axes: tuple[int, ...]
    from_end: tuple[int, ...] = ()
    choosing = tuple(range(1, 64))

    def forward(self, z: Array, *positions: Array) -> Array:
        axes = zip(self.axes, positions, strict=True)
        places = [require_positions(each, z.shape[axis], axis in self.from_end) for axis, each in axes]
        _one_shape([np.shape(each) for each in places])
        return z[_paired(self.axes, places)]

    def backward(self, delta: Array, a: Array, z: Array, *positions: Array) -> Array:
        to = shapes.known(z.shape, "indexing's backward rule")
        return PickAdd(to, self.axes)(delta, *positions), *(None for _ in positions)

    def shape(self, z: Shape, *positions: Shape) -> Shape:
        _one_for_each(self.axes, positions)
        axes = shapes.normal_axes(self.axes, len(z))
        rest = [size for axis, size in enumerate(z) if axis not in axes]
        place = axes[0] if axes[-1] - axes[0] + 1 == len(axes) else 0  # as in NumPy: first, if other axes lie between
        return (*rest[:place], *_one_shape(positions), *rest[place:])


@builtin
class PickAdd(Adding):
    """Zeros, with entries added at paired positions: what takes an error signal back through `Pick`.

    Attributes
    ----------
    to
        Shape of the result.
    axes
        The axes the positions count along.
    """

    axes: tuple[int, ...]

    def forward(self, z: Array, *positions: Array) -> Array:
        return self.added(z, _paired(self.axes, positions))

    def backward(self, delta: Array, a: Array, z: Array, *positions: Array) -> Array:
        return Pick(self.axes, self.axes)(delta, *positions), *(None for _ in positions)

    def shape(self, z: Shape, *positions: Shape) -> Shape:
        _one_for_each(self.axes, positions)
        return self.to


@builtin
class TakeAlongAxis(Moving):
    """Entries picked by positions along an axis, in each row others; an entry picked twice receives both error signals.

    Attributes
    ----------
    axis
        The axis to pick along.
    from_end
        Whether negative positions count from the end; else they are errors, as labels of −1 are.
    """

    axis: int
    from_end: bool = False
    choosing = (1,)

    def forward(self, z: Array, indices: Array) -> Array:
        self.shape(z.shape, indices.shape)  # NumPy would stretch sizes fed
        return np.take_along_axis(z, require_positions(indices, z.shape[self.axis], self.from_end), self.axis)

    def backward(self, delta: Array, a: Array, z: Array, indices: Array) -> Array:
        to = shapes.known(z.shape, "take_along_axis's backward rule")
        return AddAlongAxis(to, self.axis)(delta, indices), None

    def shape(self, z: Shape, indices: Shape) -> Shape:
        (axis,) = shapes.normal_axes(self.axis, len(z))
        if not shapes.matches((*z[:axis], None, *z[axis + 1 :]), indices):
            raise ShapeError(
                f"z has shape {z}, indices have shape {indices}",
                repair=f"Their sizes must be equal but for that of axis {axis}. To pick the same in each row: "
                "gn.take(z, indices, axis).",
            )
        return tuple(n if i is None and at != axis else i for at, (n, i) in enumerate(zip(z, indices, strict=True)))


@builtin
class AddAlongAxis(Adding):
    """Zeros, with entries added along an axis, in each row elsewhere: what takes an error signal back through `TakeAlongAxis`.

    Attributes
    ----------
    to
        Shape of the result.
    axis
        The axis the positions count along.
    """

    axis: int

    def forward(self, z: Array, indices: Array) -> Array:
        places = np.indices(indices.shape, sparse=True)
        return self.added(z, (*places[: self.axis % z.ndim], indices, *places[self.axis % z.ndim + 1 :]))

    def backward(self, delta: Array, a: Array, z: Array, indices: Array) -> Array:
        return TakeAlongAxis(self.axis, from_end=True)(delta, indices), None

    def shape(self, z: Shape, *positions: Shape) -> Shape:
        _one_shape([z, *positions])
        return self.to


@builtin
class Mask(Moving):
    """The entries where a mask is true, one after the other; the others receive 0.

    Attributes
    ----------
    axis
        The first of the axes that the mask lies along.
    count
        How many entries of the mask are true; None if that is known only when run.
    """

    axis: int = 0
    count: int | None = None
    choosing = (1,)

    def forward(self, z: Array, mask: Array) -> Array:
        return z[(slice(None),) * self.axis + (mask,)]

    def backward(self, delta: Array, a: Array, z: Array, mask: Array) -> Array:
        return Unmask(self.axis)(delta, mask), None

    def shape(self, z: Shape, mask: Shape) -> Shape:
        end = self.axis + len(mask)
        if not mask or not shapes.matches(z[self.axis : end], mask):
            repair = "A mask says true or false of each entry along the axes that it lies along."
            raise ShapeError(f"z has shape {z}, the mask has shape {mask}, from axis {self.axis} on", repair=repair)
        return (*z[: self.axis], self.count, *z[end:])


@builtin
class Unmask(Moving):
    """Entries put where a mask is true, zeros elsewhere: what takes an error signal back through `Mask`.

    Attributes
    ----------
    axis
        The first of the axes that the mask lies along.
    """

    axis: int = 0
    choosing = (1,)

    def forward(self, z: Array, mask: Array) -> Array:
        result = indexing.zeros((*z.shape[: self.axis], *mask.shape, *z.shape[self.axis + 1 :]), z)
        result[(slice(None),) * self.axis + (mask,)] = z
        return result

    def backward(self, delta: Array, a: Array, z: Array, mask: Array) -> Array:
        return Mask(self.axis, z.shape[self.axis])(delta, mask), None

    def shape(self, z: Shape, mask: Shape) -> Shape:
        return (*z[: self.axis], *mask, *z[self.axis + 1 :])


def _paired(axes: tuple[int, ...], positions: Sequence[Array]) -> tuple[Any, ...]:
    """Return positions along some axes as an index of NumPy."""
    of_axis = dict(zip(axes, positions, strict=True))
    return tuple(of_axis.get(axis, slice(None)) for axis in range(max(axes) + 1))


def _one_for_each(axes: tuple[int, ...], positions: Sequence[Shape]) -> None:
    if len(axes) != len(positions):
        problem = f"{len(positions)} arrays of positions along {len(axes)} axes"
        raise ShapeError(problem, repair="Give one for each axis.")


def _one_shape(positions: Sequence[Shape]) -> Shape:
    """Return the one shape of positions that are paired; single numbers go with all others."""
    arrays = [shape for shape in positions if shape] or [()]
    if not all(shapes.matches(arrays[0], shape) for shape in arrays):
        problem = f"positions of shapes {shapes.list_shapes(positions)}"
        raise ShapeError(problem, repair="Paired positions are of one shape: z[[0, 1], [2, 2]] is z[0, 2] and z[1, 2].")
    return tuple(next((size for size in sizes if size is not None), None) for sizes in zip(*arrays, strict=True))


# Indexing with arrays ---------------------------------------------------------------------------------------------------


@implements(np.ndarray.__getitem__)
def getitem(z: Array, index: Any) -> Array:
    """Build ``z[index]``: by integers, slices, None, ``...``, arrays of positions, which are paired, and masks."""
    given = [_array_or_item(item) for item in (index if isinstance(index, tuple) else (index,))]
    arrays = [item for item in given if isinstance(item, (Node, np.ndarray))]
    if not arrays:
        return Getitem(tuple(given))(z)
    alone = len(arrays) == 1 and arrays[0].dtype.kind == "b" and not any(isinstance(item, int) for item in given)
    positions: list[Any] = []  # integers beside arrays are positions too
    items: list[Any] = []  # where these stand by their place among them
    for item in given:
        if isinstance(item, (Node, np.ndarray)) and item.dtype.kind == "b":
            if not alone and known_value(item) is None:
                repair = "How many it picks is known only when run: use it alone, z[mask]."
                raise OpaqueError("a mask that is a node, beside other positions", repair=repair)
            found: list[Any] = [item] * item.ndim if alone else list(np.nonzero(known_value(item)))
        else:
            found = [item] if isinstance(item, (Node, np.ndarray, int)) else []
        items += range(len(positions), len(positions) + len(found)) if found else [item]
        positions += found
    items = list(indexing.for_each_axis(tuple(items), z.ndim))
    axes = tuple(axis for axis, item in enumerate(items) if isinstance(item, int))
    part = tuple(indexing.WHOLE if isinstance(item, int) else item for item in items)
    z = z if all(item == indexing.WHOLE for item in part) else Getitem(part)(z)
    if alone:
        held = known_value(arrays[0])
        return Mask(axes[0] if axes else 0, None if held is None else int(held.sum()))(z, arrays[0])
    return take(z, positions[0], axes[0]) if len(axes) == 1 else pick(z, axes, positions)


def _array_or_item(item: Any) -> Any:
    """Return an array of positions or a mask, a node of such, or else an item as `Getitem` keeps it."""
    if isinstance(item, list) or (isinstance(item, np.ndarray) and item.ndim):
        array = numbers(item, "index")
        item = array if array.dtype.kind in "iub" else item if array.size else array.astype(int)
    is_array = isinstance(item, (Node, np.ndarray)) and item.dtype.kind in "iub"
    return item if is_array else indexing.described_item(item)


def pick(z: Array, axes: tuple[int, ...], positions: Sequence[Any]) -> Array:
    """Build entries picked by paired positions along axes; arrays of them are spread to one shape, as NumPy does."""
    sizes = [np.shape(each) for each in positions]
    try:
        to = np.broadcast_shapes(*[shape for shape in sizes if None not in shape])
    except ValueError:
        to = _one_shape(sizes)  # says it
    from_end, inputs = [], list(positions)
    for slot, (axis, each) in enumerate(zip(axes, positions, strict=True)):
        value = known_value(each)
        if value is not None:
            if (size := z.shape[axis]) is not None:
                require_positions(value, size, from_end=True)
            if value.size and value.min() < 0:
                from_end.append(axis)
            inputs[slot] = constant(np.broadcast_to(value, to) if value.ndim else value, dtype=int)
    return Pick(axes, tuple(from_end))(z, *inputs)


# Words ------------------------------------------------------------------------------------------------------------------


@word(np.clip)
def clip(z: Array, a_min: Any = None, a_max: Any = None, *, min: Any = None, max: Any = None) -> Array:
    """Bring entries between two limits: what lies outside receives no error signal, what lies on a limit half of it.

    Attributes
    ----------
    a_min
        The lower limit, a number, node or array; None: there is none.
    a_max
        The upper one.
    min
        Another name of `a_min`.
    max
        Another name of `a_max`.

    Examples
    --------
    >>> clip([-1.0, 0.5, 2.0], 0, None)
    array([0. , 0.5, 2. ])
    """
    if (a_min is not None and min is not None) or (a_max is not None and max is not None):
        raise ValueError("a_min is another name of min, and a_max of max: give one of the two")
    low, high = min if a_min is None else a_min, max if a_max is None else a_max
    z = z if low is None else maximum(z, low)
    return z if high is None else minimum(z, high)


@word(np.take_along_axis, shapes="Shapes that are equal but for the size along the axis.")
def take_along_axis(z: Array, indices: Array, axis: int | None = -1) -> Array:
    """Pick entries by integer positions along an axis, in each row others. One picked twice receives both error signals.

    Positions of an array or constant may be negative, and count from the end then.

    Attributes
    ----------
    axis
        The axis; None puts all entries in one.

    Examples
    --------
    >>> take_along_axis([[10.0, 20.0], [30.0, 40.0]], [[1], [0]], axis=1)
    array([[20.],
           [30.]])
    """
    z, axis = (ravel(z), 0) if axis is None else (z, axis)
    held = known_value(indexing.integers(indices, "take_along_axis"))
    if isinstance(z, Node) and held is not None:
        indices = constant(held, dtype=int)
    return TakeAlongAxis(axis, held is not None and bool(held.size and held.min() < 0))(z, indices)
