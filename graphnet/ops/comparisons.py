"""Comparisons, and the ops that choose: where, maximum, minimum, abs.

Where a derivative does not exist the convention is: abs and relu have slope 0 at 0, and two equal operands of `maximum`
or `minimum` receive half of the error signal each.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from graphnet.core.leaves import as_operand
from graphnet.core.node import Array
from graphnet.core.registry import builtin, implements
from graphnet.errors import GraphError, OpaqueError
from graphnet.ops.elementwise import Binary, ElementwisePrimitive, Unary, sum_to
from graphnet.ops.functions import OpFunction, function


class Stepwise(ElementwisePrimitive):
    """An op whose output moves in steps only, so that its inputs have no error signal."""

    def backward(self, delta: Array, output: Array, *inputs: Array) -> Array:
        """Return None for each input."""
        return (None,) * len(inputs)


class Truth(Stepwise):
    """An op whose output is true or false."""

    def dtype(self, *dtypes: np.dtype[Any]) -> np.dtype[Any]:
        """Return bool."""
        return np.dtype(bool)


def _made(
    numpy_function: Callable[..., Any], meaning: str, *kinds: type[ElementwisePrimitive], written: str = ""
) -> tuple[type[ElementwisePrimitive], OpFunction]:
    """Make the class of an op that is a function of NumPy and has no slope, and the function that applies it."""
    name = numpy_function.__name__.title().replace("_", "")
    body = {"__doc__": meaning, "__module__": __name__, "ufunc": staticmethod(numpy_function), "written": written}
    kind = builtin(type(name, kinds, body))
    return kind, function(kind(), numpy_function)


Greater, greater = _made(np.greater, "Whether x > y, entry by entry.", Truth, Binary, written=">")
GreaterEqual, greater_equal = _made(np.greater_equal, "Whether x ≥ y, entry by entry.", Truth, Binary, written="≥")
Less, less = _made(np.less, "Whether x < y, entry by entry.", Truth, Binary, written="<")
LessEqual, less_equal = _made(np.less_equal, "Whether x ≤ y, entry by entry.", Truth, Binary, written="≤")
Equal, equal = _made(np.equal, "Whether x = y, entry by entry.", Truth, Binary, written="=")
NotEqual, not_equal = _made(np.not_equal, "Whether x ≠ y, entry by entry.", Truth, Binary, written="≠")
LogicalAnd, logical_and = _made(np.logical_and, "Whether both are true, entry by entry.", Truth, Binary, written="∧")
LogicalOr, logical_or = _made(np.logical_or, "Whether either is true, entry by entry.", Truth, Binary, written="∨")
LogicalNot, logical_not = _made(np.logical_not, "Whether it is false, entry by entry.", Truth, Unary)
Sign, sign = _made(np.sign, "Sign, −1, 0 or 1.", Stepwise, Unary)
ZerosLike, zeros_like = _made(np.zeros_like, "Zeros in the shape of z.", Stepwise, Unary)
OnesLike, ones_like = _made(np.ones_like, "Ones in the shape of z.", Stepwise, Unary)


@builtin
class Where(ElementwisePrimitive):
    """Choice by a condition: x where it holds, y where not. Each receives δ where it was chosen, 0 elsewhere."""

    choosing = (0,)

    def forward(self, condition: Array, x: Array, y: Array) -> Array:
        return np.where(condition, x, y)

    def backward(self, delta: Array, a: Array, condition: Array, x: Array, y: Array) -> Array:
        dx, dy = np.where(condition, delta, 0), np.where(condition, 0, delta)
        return None, sum_to(dx, x.shape), sum_to(dy, y.shape)

    def dtype(self, *dtypes: np.dtype[Any]) -> np.dtype[Any]:
        """Return the dtype that holds both choices."""
        return np.result_type(*dtypes[1:])

    def check_count(self, count: int) -> None:
        """Raise `GraphError` of a condition alone: for NumPy it asks where that holds, which only numbers can answer."""
        if count == 1:
            repair = "Give both choices, np.where(mask, a, 0), or take the entries, a[mask]."
            raise GraphError("the places where a condition holds are known only when run", repair=repair)
        super().check_count(count)


@builtin
class Maximum(Binary):
    """Larger of two operands. The larger one receives δ; equal ones receive half of it each."""

    ufunc = np.maximum
    written = "max"

    def backward(self, delta: Array, a: Array, x: Array, y: Array) -> Array:
        return shares(delta, x > y, x, y)


@builtin
class Minimum(Binary):
    """Smaller of two operands. The smaller one receives δ; equal ones receive half of it each."""

    ufunc = np.minimum
    written = "min"

    def backward(self, delta: Array, a: Array, x: Array, y: Array) -> Array:
        return shares(delta, x < y, x, y)


def shares(delta: Array, x_chosen: Array, x: Array, y: Array) -> Array:
    """Give `delta` to the operand that was chosen, half to each where they are equal."""
    dx = np.where(x == y, 0.5 * delta, np.where(x_chosen, delta, 0))
    return sum_to(dx, x.shape), sum_to(delta - dx, y.shape)


@builtin
class Abs(Unary):
    """Absolute value, a = |z|, g′ = sign z, taken as 0 at 0."""

    ufunc = np.absolute

    def backward(self, delta: Array, a: Array, z: Array) -> Array:
        return delta * np.sign(z)


where = function(Where(), np.where)
maximum = function(Maximum(), np.maximum)
minimum = function(Minimum(), np.minimum)
abs = function(Abs(), np.absolute)


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
