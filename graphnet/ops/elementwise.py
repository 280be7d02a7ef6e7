"""What all entry-by-entry ops share: their shape, and how a message shrinks back to an operand that was broadcast."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any, ClassVar

import numpy as np

from graphnet.common.origin import written_at
from graphnet.core import registry, shapes
from graphnet.core.node import Array
from graphnet.core.op import Op as Op  # and the door gives it on
from graphnet.core.op import Primitive as Primitive
from graphnet.core.shapes import Shape
from graphnet.ops.functions import OpFunction, function
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


def ufunc_op(
    ufunc: Any, meaning: str, example: str, *slopes: Callable[..., Array], base: type[Op] = Op, written: str = ""
) -> tuple[type[Op], OpFunction]:
    """Make the class of an op that is one function of NumPy, and the function that applies it, for the module that asks.

    Its backward rule multiplies δ by a slope for each operand, each a function of the output and the operands; without
    slopes it is that of `base`. The example is a call and what it gives, as ``"floor([1.5]) → array([1.])"``.
    """

    def backward(self: Op, delta: Array, a: Array, *operands: Array) -> Array:
        return tuple(sum_to(delta * slope(a, *operands), z.shape) for slope, z in zip(slopes, operands, strict=True))

    kinds = (*(() if base is Op else (base,)), Binary if getattr(ufunc, "nin", 1) == 2 else Unary)
    shown = example.replace(" → ", "\n")
    doc = f"{meaning}\n\nExamples\n--------\n>>> {shown}"
    body = {"__doc__": doc, "__module__": sys._getframe(1).f_globals["__name__"], "written": written}
    rules = {"ufunc": staticmethod(ufunc)} | ({"backward": backward, "source": written_at(slopes[0])} if slopes else {})
    kind = registry.builtin(type(ufunc.__name__.title().replace("_", ""), kinds, body | rules))
    return kind, function(kind(), ufunc)
