"""Comparisons, and the ops that choose: where, maximum, minimum, abs.

Where a derivative does not exist the convention is: abs and relu have slope 0 at 0, and two equal operands of `maximum`
or `minimum` receive half of the error signal each.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np

from graphnet.core.leaves import as_operand
from graphnet.core.node import Array
from graphnet.core.op import Op
from graphnet.core.registry import builtin, implements
from graphnet.errors import GraphError, OpaqueError
from graphnet.ops.composites import provided
from graphnet.ops.elementwise import Binary, Elementwise, ElementwisePrimitive, Primitive, Unary, sum_to, ufunc_op
from graphnet.ops.functions import OpFunction, function, word


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


def _truth(ufunc: np.ufunc, statement: str, example: str, written: str = "") -> tuple[type[Op], OpFunction]:
    return ufunc_op(ufunc, f"Whether {statement}, entry by entry.", example, base=Truth, written=written)


_steps = partial(ufunc_op, base=Stepwise)

# fmt: off
Greater, greater = _truth(np.greater, "x > y", "greater([1.0, 2.0], [1.0, 1.0]) → array([False,  True])", written=">")
GreaterEqual, greater_equal = _truth(np.greater_equal, "x ≥ y",
    "greater_equal([1.0, 0.0], [1.0, 1.0]) → array([ True, False])", written="≥")
Less, less = _truth(np.less, "x < y", "less([1.0, 0.0], [1.0, 1.0]) → array([False,  True])", written="<")
LessEqual, less_equal = _truth(np.less_equal, "x ≤ y",
    "less_equal([1.0, 2.0], [1.0, 1.0]) → array([ True, False])", written="≤")
Equal, equal = _truth(np.equal, "x = y", "equal([1.0, 2.0], [1.0, 1.0]) → array([ True, False])", written="=")
NotEqual, not_equal = _truth(np.not_equal, "x ≠ y",
    "not_equal([1.0, 2.0], [1.0, 1.0]) → array([False,  True])", written="≠")
LogicalAnd, logical_and = _truth(np.logical_and, "both are true",
    "logical_and([True, True], [True, False]) → array([ True, False])", written="∧")
LogicalOr, logical_or = _truth(np.logical_or, "either is true",
    "logical_or([True, False], [False, False]) → array([ True, False])", written="∨")
LogicalNot, logical_not = _truth(np.logical_not, "it is false", "logical_not([True, False]) → array([False,  True])")
LogicalXor, logical_xor = _truth(np.logical_xor, "one of two is true",
    "logical_xor([True, True], [True, False]) → array([False,  True])")
Isnan, isnan = _truth(np.isnan, "z is no number", "isnan([1.0, np.nan]) → array([False,  True])")
Isinf, isinf = _truth(np.isinf, "z is infinite", "isinf([1.0, -np.inf]) → array([False,  True])")
Isfinite, isfinite = _truth(np.isfinite, "z is a finite number", "isfinite([1.0, np.inf]) → array([ True, False])")
Signbit, signbit = _truth(np.signbit, "z has a minus sign, as −0 has", "signbit([0.0, -0.0]) → array([False,  True])")
Sign, sign = _steps(np.sign, "Sign, −1, 0 or 1.", "sign([-2.0, 0.0, 3.0]) → array([-1.,  0.,  1.])")
ZerosLike, zeros_like = _steps(np.zeros_like, "Zeros in the shape of z.", "zeros_like([1.0, 2.0]) → array([0., 0.])")
OnesLike, ones_like = _steps(np.ones_like, "Ones in the shape of z.", "ones_like([1.0, 2.0]) → array([1., 1.])")
Floor, floor = _steps(np.floor, "Largest whole number ≤ z.", "floor([1.5, -1.5]) → array([ 1., -2.])")
Ceil, ceil = _steps(np.ceil, "Smallest whole number ≥ z.", "ceil([1.5, -1.5]) → array([ 2., -1.])")
Trunc, trunc = _steps(np.trunc, "Whole part of z, towards 0.", "trunc([1.5, -1.5]) → array([ 1., -1.])")
Rint, rint = _steps(np.rint, "Nearest whole number; of two the even one.", "rint([0.5, 1.5]) → array([0., 2.])")
FloorDivide, floor_divide = _steps(np.floor_divide, "Whole part of x / y, rounded down.",
    "floor_divide([7.0, -7.0], 2.0) → array([ 3., -4.])")
Heaviside, heaviside = _steps(np.heaviside, "Step, 0 where x < 0, 1 where x > 0, y where x = 0.",
    "heaviside([-1.0, 0.0, 1.0], 0.5) → array([0. , 0.5, 1. ])")
# fmt: on


@builtin
class Where(ElementwisePrimitive):
    """Choice by a condition: x where it holds, y where not. Each receives δ where it was chosen, 0 elsewhere.

    Examples
    --------
    >>> where([True, False], [1.0, 2.0], 0.0)
    array([1., 0.])
    """

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
    """Larger of two operands. The larger one receives δ; equal ones receive half of it each.

    Examples
    --------
    >>> maximum([1.0, 5.0], 3.0)
    array([3., 5.])
    """

    ufunc = np.maximum
    written = "max"

    def backward(self, delta: Array, a: Array, x: Array, y: Array) -> Array:
        return shares(delta, x > y, x, y)


@builtin
class Minimum(Binary):
    """Smaller of two operands. The smaller one receives δ; equal ones receive half of it each.

    Examples
    --------
    >>> minimum([1.0, 5.0], 3.0)
    array([1., 3.])
    """

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
    """Absolute value, a = |z|, g′ = sign z, taken as 0 at 0.

    Examples
    --------
    >>> abs([-2.0, 3.0])
    array([2., 3.])
    """

    ufunc = np.absolute

    def backward(self, delta: Array, a: Array, z: Array) -> Array:
        return delta * np.sign(z)


where = function(Where(), np.where)
maximum = function(Maximum(), np.maximum)
minimum = function(Minimum(), np.minimum)
abs = absolute = fabs = function(Abs(), np.absolute, np.fabs)


@builtin
class Round(Elementwise, Primitive):
    """Nearest number of so many decimals; of two the one whose last digit is even.

    Attributes
    ----------
    decimals
        How many digits stay behind the point; a negative number rounds to tens, hundreds ...
    """

    decimals: int = 0

    def forward(self, z: Array) -> Array:
        return np.round(z, self.decimals)

    def backward(self, delta: Array, a: Array, z: Array) -> Array:
        return (None,)


@builtin
class NanToNum(Elementwise, Primitive):
    """Numbers in the place of NaN and the infinities, which receive 0; finite ones receive δ.

    Attributes
    ----------
    nan
        What stands for NaN.
    posinf, neginf
        What stand for the infinities; None for the largest numbers there are.
    """

    nan: float = 0.0
    posinf: float | None = None
    neginf: float | None = None

    def forward(self, z: Array) -> Array:
        return np.nan_to_num(z, nan=self.nan, posinf=self.posinf, neginf=self.neginf)

    def backward(self, delta: Array, a: Array, z: Array) -> Array:
        return np.where(np.isfinite(z), delta, 0)


@word(np.round, np.around)
def round(z: Array, decimals: int = 0) -> Array:
    """Round to so many decimals; of two equally near numbers to the one whose last digit is even. No error signal goes back.

    Attributes
    ----------
    decimals
        How many digits stay behind the point; a negative number rounds to tens, hundreds ...

    Examples
    --------
    >>> round(np.array([0.25, 1.36]), 1)
    array([0.2, 1.4])
    """
    return Round(decimals)(z)


around = round


@word(np.nan_to_num)
def nan_to_num(z: Array, *, nan: float = 0.0, posinf: float | None = None, neginf: float | None = None) -> Array:
    """Put numbers in the place of NaN and of the infinities, which receive 0; finite entries receive δ.

    Attributes
    ----------
    nan
        What stands for NaN.
    posinf, neginf
        What stand for the infinities; the largest numbers there are, if not given.

    Examples
    --------
    >>> nan_to_num(np.array([np.nan, np.inf, 1.0]), posinf=9.0)
    array([0., 9., 1.])
    """
    return NanToNum(nan, posinf, neginf)(z)


@provided(np.isclose)
def isclose(x: Array, y: Array, rtol: float = 1e-5, atol: float = 1e-8) -> Array:
    """Whether |x − y| ≤ atol + rtol |y|, entry by entry, or both are the same infinity.

    Attributes
    ----------
    rtol, atol
        The tolerances.

    Examples
    --------
    >>> isclose(np.array([1.0, 2.0]), np.array([1.0, 2.1]))
    array([ True, False])
    """
    return logical_or(equal(x, y), less_equal(abs(x - y), atol + rtol * abs(y)))


@implements(np.divmod)
def divmod(x: Array, y: Array) -> tuple[Array, Array]:
    """Build ``np.divmod(x, y)``: the whole part of the quotient, rounded down, and the remainder.

    Examples
    --------
    >>> divmod([7.0, -7.0], 3.0)
    (array([ 2., -3.]), array([1., 2.]))
    """
    return floor_divide(x, y), np.remainder(x, y)


def _of_truths(op: OpFunction, ufunc: np.ufunc) -> None:
    """Register `op` as what ``&``, ``|``, ``^`` and ``~`` do to truth values; to integers they do something else."""

    def build(*operands: Array) -> Array:
        if any(as_operand(z, "an operand").dtype.kind != "b" for z in operands):
            problem = f"np.{ufunc.__name__} of a node that is not bool"
            raise OpaqueError(problem, repair="Compare first: (z > 0) & (z < 1).")
        return op(*operands)

    implements(ufunc)(build)


_of_truths(logical_and, np.bitwise_and)
_of_truths(logical_or, np.bitwise_or)
_of_truths(logical_xor, np.bitwise_xor)
_of_truths(logical_not, np.invert)


(Isclose,) = (f.kind for f in (isclose,))
