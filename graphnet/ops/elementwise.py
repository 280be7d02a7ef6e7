"""What all entry-by-entry ops share: their shape, and how a message shrinks back to an operand that was broadcast."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from graphnet.core import shapes
from graphnet.core.node import Array
from graphnet.core.op import Op as Op  # and the door gives it on
from graphnet.core.op import Primitive as Primitive
from graphnet.core.shapes import Shape
from graphnet.ops.sums import total


class Elementwise(Op):
    """An op that works entry by entry on operands broadcast to one shape."""

    stretched = slice(None)

    def shape(self, *operands: Shape) -> Shape:
        """Return the broadcast shape."""
        return shapes.broadcast(*operands)


class ElementwisePrimitive(Elementwise, Primitive):
    """An elementwise op that is one NumPy function, most often a ufunc."""

    ufunc: ClassVar[np.ufunc]


class Unary(ElementwisePrimitive):
    """A ufunc of one operand."""

    def forward(self, z: Array) -> Array:
        return self.ufunc(z)


class Binary(ElementwisePrimitive):
    """A ufunc of two operands."""

    def forward(self, x: Array, y: Array) -> Array:
        return self.ufunc(x, y)


def sum_to(delta: Array, shape: Shape) -> Array:
    """Sum `delta` over the axes along which an operand of `shape` was broadcast: each use of a value adds its share."""
    if isinstance(delta, (int, float)):  # of a rule that is called by hand
        delta = np.asarray(delta)
    extra = delta.ndim - len(shape)
    if extra:
        delta = total(delta, tuple(range(extra)))
    stretched = tuple(axis for axis, size in enumerate(shape) if size == 1 and delta.shape[axis] != 1)
    return total(delta, stretched, keepdims=True) if stretched else delta
