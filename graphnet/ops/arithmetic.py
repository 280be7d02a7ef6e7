"""The four operations, powers, exponentials, logarithms and the trigonometric functions."""

from __future__ import annotations

import numpy as np

from graphnet.core.node import Array
from graphnet.core.registry import builtin
from graphnet.ops.elementwise import Binary, Unary, sum_to
from graphnet.ops.functions import function


@builtin
class Add(Binary):
    """Sum of two operands, a = x + y.

    Each operand receives δ as it is. Of nodes, ``z + b`` with a vector b along the last axis is a `bias_add`.

    Examples
    --------
    >>> add([1.0, 2.0], 0.5)
    array([1.5, 2.5])
    """

    ufunc = np.add

    def backward(self, delta: Array, a: Array, x: Array, y: Array) -> Array:
        return sum_to(delta, x.shape), sum_to(delta, y.shape)


@builtin
class Subtract(Binary):
    """Difference of two operands, a = x − y: x receives δ, y receives −δ.

    Examples
    --------
    >>> subtract([1.0, 2.0], 0.5)
    array([0.5, 1.5])
    """

    ufunc = np.subtract

    def backward(self, delta: Array, a: Array, x: Array, y: Array) -> Array:
        return sum_to(delta, x.shape), sum_to(-delta, y.shape)


@builtin
class Multiply(Binary):
    """Product of two operands entry by entry, a = x ⊙ y: x receives δ ⊙ y, y receives δ ⊙ x.

    Examples
    --------
    >>> multiply([1.0, 2.0], [3.0, 4.0])
    array([3., 8.])
    """

    ufunc = np.multiply

    def backward(self, delta: Array, a: Array, x: Array, y: Array) -> Array:
        return sum_to(delta * y, x.shape), sum_to(delta * x, y.shape)


@builtin
class Divide(Binary):
    """Quotient of two operands, a = x / y: x receives δ / y, y receives −δ ⊙ a / y, from the cached output.

    Examples
    --------
    >>> divide([1.0, 2.0], 4.0)
    array([0.25, 0.5 ])
    """

    ufunc = np.divide

    def backward(self, delta: Array, a: Array, x: Array, y: Array) -> Array:
        dx = delta / y
        return sum_to(dx, x.shape), sum_to(-dx * a, y.shape)


@builtin
class Negative(Unary):
    """Change of sign, a = −z.

    Examples
    --------
    >>> negative([1.0, -2.0])
    array([-1.,  2.])
    """

    ufunc = np.negative

    def backward(self, delta: Array, a: Array, z: Array) -> Array:
        return -delta


@builtin
class Power(Binary):
    """Power of two operands, a = xᵖ.

    x receives δ p xᵖ⁻¹, p receives δ a log x. Where x ≤ 0, a has no real derivative in p, and p receives 0. At x = 0 the
    slope of a p below 1 is infinite: see `sqrt`.

    Examples
    --------
    >>> power([2.0, 3.0], 2.0)
    array([4., 9.])
    """

    ufunc = np.power

    def forward(self, x: Array, p: Array) -> Array:
        return np.power(x, p)

    def backward(self, delta: Array, a: Array, x: Array, p: Array) -> Array:
        dx = delta * p * np.power(np.where((x == 0) & (p == 0), 1, x), p - 1)  # 0, not 0 · 0⁻¹
        dp = delta * np.where(x > 0, a, 0) * np.log(np.where(x > 0, x, 1))  # 0 also where a is infinite
        return sum_to(dx, x.shape), sum_to(dp, p.shape)


@builtin
class Square(Unary):
    """Square, a = z², g′ = 2z.

    Examples
    --------
    >>> square([2.0, -3.0])
    array([4., 9.])
    """

    ufunc = np.square

    def backward(self, delta: Array, a: Array, z: Array) -> Array:
        return delta * (2 * z)


@builtin
class Sqrt(Unary):
    """Square root, a = √z, g′ = 1 / (2a), from the cached output.

    At z = 0 the slope is infinite, as NumPy, torch and JAX have it. So the norm of a vector of zeros, or the standard
    deviation of equal entries, sends ∞ · 0 = NaN to them: there it has a kink. Add a small number before the root:
    ``np.sqrt(np.sum(z * z) + 1e-12)``.

    Examples
    --------
    >>> sqrt([4.0, 9.0])
    array([2., 3.])
    """

    ufunc = np.sqrt

    def backward(self, delta: Array, a: Array, z: Array) -> Array:
        return delta / (2 * a)


@builtin
class Reciprocal(Unary):
    """Reciprocal, a = 1 / z, g′ = −a², from the cached output.

    Examples
    --------
    >>> reciprocal([2.0, -4.0])
    array([ 0.5 , -0.25])
    """

    ufunc = np.reciprocal

    def backward(self, delta: Array, a: Array, z: Array) -> Array:
        return -delta * (a * a)


@builtin
class Exp(Unary):
    """Exponential, a = eᶻ, g′ = a, the cached output.

    Examples
    --------
    >>> exp([0.0, 1.0]).round(3)
    array([1.   , 2.718])
    """

    ufunc = np.exp

    def backward(self, delta: Array, a: Array, z: Array) -> Array:
        return delta * a


@builtin
class Expm1(Unary):
    """Exponential minus one, a = eᶻ − 1, exact near zero; g′ = a + 1, from the cached output.

    Examples
    --------
    >>> expm1([0.0, 1.0]).round(3)
    array([0.   , 1.718])
    """

    ufunc = np.expm1

    def backward(self, delta: Array, a: Array, z: Array) -> Array:
        return delta * (a + 1)


@builtin
class Log(Unary):
    """Natural logarithm, a = ln z, g′ = 1 / z.

    Examples
    --------
    >>> log([1.0, 10.0]).round(3)
    array([0.   , 2.303])
    """

    ufunc = np.log
    written = "ln"

    def backward(self, delta: Array, a: Array, z: Array) -> Array:
        return delta / z


@builtin
class Log1p(Unary):
    """Logarithm of one plus, a = ln(1 + z), exact near zero; g′ = 1 / (1 + z).

    Examples
    --------
    >>> log1p([0.0, 1.0]).round(3)
    array([0.   , 0.693])
    """

    ufunc = np.log1p

    def backward(self, delta: Array, a: Array, z: Array) -> Array:
        return delta / (1 + z)


add = function(Add())
subtract = function(Subtract(), np.subtract)
multiply = function(Multiply(), np.multiply)
divide = function(Divide(), np.divide)
negative = function(Negative(), np.negative)
power = function(Power(), np.power)
square = function(Square(), np.square)
sqrt = function(Sqrt(), np.sqrt)
reciprocal = function(Reciprocal(), np.reciprocal)
exp = function(Exp(), np.exp)
expm1 = function(Expm1(), np.expm1)
log = function(Log(), np.log)
log1p = function(Log1p(), np.log1p)
