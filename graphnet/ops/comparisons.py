"""Comparisons, and the ops that choose: where, maximum, minimum, abs.

Where a derivative does not exist the convention is: abs and relu have slope 0 at 0, and two equal operands of `maximum`
or `minimum` receive half of the error signal each.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from graphnet.core.leaves import as_operand
from graphnet.core.node import Array
from graphnet.core.registry import builtin, implements
from graphnet.errors import OpaqueError
from graphnet.ops.elementwise import ElementwisePrimitive, sum_to
from graphnet.ops.functions import OpFunction, function


class Step(ElementwisePrimitive):
    """An op whose output moves in steps only, so that its inputs have no error signal."""

    def backward(self, delta: Array, output: Array, *inputs: Array) -> Array:
        """Return None for each input."""
        return (None,) * len(inputs)


class Truth(Step):
    """A step whose output is true or false."""

    def dtype(self, *dtypes: np.dtype[Any]) -> np.dtype[Any]:
        """Return bool."""
        return np.dtype(bool)


@builtin
class Greater(Truth):
    """Whether x > y, entry by entry."""

    def forward(self, x: Array, y: Array) -> Array:
        return np.greater(x, y)


@builtin
class GreaterEqual(Truth):
    """Whether x ≥ y, entry by entry."""

    def forward(self, x: Array, y: Array) -> Array:
        return np.greater_equal(x, y)


@builtin
class Less(Truth):
    """Whether x < y, entry by entry."""

    def forward(self, x: Array, y: Array) -> Array:
        return np.less(x, y)


@builtin
class LessEqual(Truth):
    """Whether x ≤ y, entry by entry."""

    def forward(self, x: Array, y: Array) -> Array:
        return np.less_equal(x, y)


@builtin
class Equal(Truth):
    """Whether x = y, entry by entry."""

    def forward(self, x: Array, y: Array) -> Array:
        return np.equal(x, y)


@builtin
class NotEqual(Truth):
    """Whether x ≠ y, entry by entry."""

    def forward(self, x: Array, y: Array) -> Array:
        return np.not_equal(x, y)


@builtin
class LogicalAnd(Truth):
    """Whether both are true, entry by entry."""

    def forward(self, x: Array, y: Array) -> Array:
        return np.logical_and(x, y)


@builtin
class LogicalOr(Truth):
    """Whether either is true, entry by entry."""

    def forward(self, x: Array, y: Array) -> Array:
        return np.logical_or(x, y)


@builtin
class LogicalNot(Truth):
    """Whether it is false, entry by entry."""

    def forward(self, z: Array) -> Array:
        return np.logical_not(z)


@builtin
class Sign(Step):
    """Sign, −1, 0 or 1."""

    def forward(self, z: Array) -> Array:
        return np.sign(z)


@builtin
class ZerosLike(Step):
    """Zeros in the shape of z."""

    def forward(self, z: Array) -> Array:
        return np.zeros_like(z)


@builtin
class OnesLike(Step):
    """Ones in the shape of z."""

    def forward(self, z: Array) -> Array:
        return np.ones_like(z)


@builtin
class Where(ElementwisePrimitive):
    """Choice by a condition: x where it holds, y where not. Each receives δ where it was chosen, 0 elsewhere."""

    def forward(self, condition: Array, x: Array, y: Array) -> Array:
        return np.where(condition, x, y)

    def backward(self, delta: Array, a: Array, condition: Array, x: Array, y: Array) -> Array:
        dx, dy = np.where(condition, delta, 0), np.where(condition, 0, delta)
        return None, sum_to(dx, x.shape), sum_to(dy, y.shape)

    def dtype(self, *dtypes: np.dtype[Any]) -> np.dtype[Any]:
        """Return the dtype that holds both choices."""
        return np.result_type(*dtypes[1:])


@builtin
class Maximum(ElementwisePrimitive):
    """Larger of two operands. The larger one receives δ; equal ones receive half of it each."""

    def forward(self, x: Array, y: Array) -> Array:
        return np.maximum(x, y)

    def backward(self, delta: Array, a: Array, x: Array, y: Array) -> Array:
        return shares(delta, x > y, x, y)


@builtin
class Minimum(ElementwisePrimitive):
    """Smaller of two operands. The smaller one receives δ; equal ones receive half of it each."""

    def forward(self, x: Array, y: Array) -> Array:
        return np.minimum(x, y)

    def backward(self, delta: Array, a: Array, x: Array, y: Array) -> Array:
        return shares(delta, x < y, x, y)


def shares(delta: Array, x_chosen: Array, x: Array, y: Array) -> Array:
    """Give `delta` to the operand that was chosen, half to each where they are equal."""
    dx = np.where(x == y, 0.5 * delta, np.where(x_chosen, delta, 0))
    return sum_to(dx, x.shape), sum_to(delta - dx, y.shape)


@builtin
class Abs(ElementwisePrimitive):
    """Absolute value, a = |z|, g′ = sign z, taken as 0 at 0."""

    def forward(self, z: Array) -> Array:
        return np.absolute(z)

    def backward(self, delta: Array, a: Array, z: Array) -> Array:
        return delta * np.sign(z)


greater = function(Greater(), np.greater)
greater_equal = function(GreaterEqual(), np.greater_equal)
less = function(Less(), np.less)
less_equal = function(LessEqual(), np.less_equal)
equal = function(Equal(), np.equal)
not_equal = function(NotEqual(), np.not_equal)
logical_and = function(LogicalAnd(), np.logical_and)
logical_or = function(LogicalOr(), np.logical_or)
logical_not = function(LogicalNot(), np.logical_not)
sign = function(Sign(), np.sign)
zeros_like = function(ZerosLike(), np.zeros_like)
ones_like = function(OnesLike(), np.ones_like)
where = function(Where(), np.where)
maximum = function(Maximum(), np.maximum)
minimum = function(Minimum(), np.minimum)
abs = function(Abs(), np.absolute)


@implements(np.clip)
def clip(z: Array, a_min: Array, a_max: Array) -> Array:
    """Build ``np.clip(z, a_min, a_max)``: no smaller than `a_min`, no larger than `a_max`."""
    return minimum(maximum(z, a_min), a_max)


def _of_truths(op: OpFunction, ufunc: np.ufunc) -> None:
    """Register `op` as what ``&``, ``|`` and ``~`` do to truth values; to integers they do something else."""

    def build(*operands: Array) -> Array:
        if any(as_operand(z, "an operand").dtype.kind != "b" for z in operands):
            raise OpaqueError(
                f"np.{ufunc.__name__} of a node that is not bool", repair="Compare first: (z > 0) & (z < 1)."
            )
        return op(*operands)

    implements(ufunc)(build)


_of_truths(logical_and, np.bitwise_and)
_of_truths(logical_or, np.bitwise_or)
_of_truths(logical_not, np.invert)
