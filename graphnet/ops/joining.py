"""Joining arrays along an axis: concatenate, and NumPy's stack."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from graphnet.common.settings import listed, whole
from graphnet.core import shapes
from graphnet.core.node import Array
from graphnet.core.op import Primitive
from graphnet.core.registry import builtin, implements
from graphnet.core.shapes import Shape
from graphnet.errors import ShapeError
from graphnet.ops.shaping import expand_dims, ravel


@builtin
@dataclass(frozen=True)
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
        for part in parts:
            if len(part) != len(first) or not all(
                i == axis or shapes.same_size(size, part[i]) for i, size in enumerate(first)
            ):
                raise ShapeError(
                    f"parts of shapes {shapes.list_shapes(parts)} can't be joined along axis {axis}",
                    repair="All sizes but the one along the axis must be equal.",
                )
        lengths = [part[axis] for part in parts]
        total = None if None in lengths else sum(length for length in lengths if length is not None)
        others = [next((s for s in sizes if s is not None), None) for sizes in zip(*parts, strict=True)]
        return (*others[:axis], total, *others[axis + 1 :])


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
        parts, axis = [ravel(part) for part in parts], 0
    axis = whole(axis, "axis", error=ShapeError)
    return Concatenate(axis)(*parts, name=name)


@implements(np.stack)
def stack(parts: Sequence[Array], axis: int = 0) -> Array:
    """Build ``np.stack(parts, axis)``: joined along a new axis."""
    return concatenate(
        [expand_dims(part, axis) for part in listed(parts, "parts", "nodes or arrays", ShapeError)], axis
    )
