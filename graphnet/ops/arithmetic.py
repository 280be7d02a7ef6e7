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
    """

    ufunc = np.add

    def backward(self, delta: Array, a: Array, x: Array, y: Array) -> Array:
        return sum_to(delta, x.shape), sum_to(delta, y.shape)


@builtin
class Subtract(Binary):
    """Difference of two operands, a = x − y: x receives δ, y receives −δ."""

    ufunc = np.subtract

    def backward(self, delta: Array, a: Array, x: Array, y: Array) -> Array:
        return sum_to(delta, x.shape), sum_to(-delta, y.shape)


@builtin
class Multiply(Binary):
    """Product of two operands entry by entry, a = x ⊙ y: x receives δ ⊙ y, y receives δ ⊙ x."""

    ufunc = np.multiply

    def backward(self, delta: Array, a: Array, x: Array, y: Array) -> Array:
        return sum_to(delta * y, x.shape), sum_to(delta * x, y.shape)


@builtin
class Divide(Binary):
    """Quotient of two operands, a = x / y: x receives δ / y, y receives −δ ⊙ a / y, from the cached output."""

    ufunc = np.divide

    def backward(self, delta: Array, a: Array, x: Array, y: Array) -> Array:
        dx = delta / y
        return sum_to(dx, x.shape), sum_to(-dx * a, y.shape)


@builtin
class Negative(Unary):
    """Change of sign, a = −z."""

    ufunc = np.negative

    def backward(self, delta: Array, a: Array, z: Array) -> Array:
        return -delta


@builtin
class Power(Binary):
    """Power of two operands, a = xᵖ.

    x receives δ p xᵖ⁻¹, p receives δ a log x. Where x ≤ 0, a has no real derivative in p, and p receives 0. At x = 0 the
    slope of a p below 1 is infinite: see `sqrt`.
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
    """Square, a = z², g′ = 2z."""

    ufunc = np.square

    def backward(self, delta: Array, a: Array, z: Array) -> Array:
        return delta * (2 * z)


@builtin
class Sqrt(Unary):
    """Square root, a = √z, g′ = 1 / (2a), from the cached output.

    At z = 0 the slope is infinite, as NumPy, torch and JAX have it. So the norm of a vector of zeros, or the standard
    deviation of equal entries, sends ∞ · 0 = NaN to them: there it has a kink. Add a small number before the root:
    ``np.sqrt(np.sum(z * z) + 1e-12)``.
    """

    ufunc = np.sqrt

    def backward(self, delta: Array, a: Array, z: Array) -> Array:
        return delta / (2 * a)


@builtin
class Reciprocal(Unary):
    """Reciprocal, a = 1 / z, g′ = −a², from the cached output."""

    ufunc = np.reciprocal

    def backward(self, delta: Array, a: Array, z: Array) -> Array:
        return -delta * (a * a)


@builtin
class Exp(Unary):
    """Exponential, a = eᶻ, g′ = a, the cached output."""

    ufunc = np.exp

    def backward(self, delta: Array, a: Array, z: Array) -> Array:
        return delta * a


@builtin
class Expm1(Unary):
    """Exponential minus one, a = eᶻ − 1, exact near zero; g′ = a + 1, from the cached output."""

    ufunc = np.expm1

    def backward(self, delta: Array, a: Array, z: Array) -> Array:
        return delta * (a + 1)


@builtin
class Log(Unary):
    """Natural logarithm, a = ln z, g′ = 1 / z."""

    ufunc = np.log
    written = "ln"

    def backward(self, delta: Array, a: Array, z: Array) -> Array:
        return delta / z


@builtin
class Log1p(Unary):
    """Logarithm of one plus, a = ln(1 + z), exact near zero; g′ = 1 / (1 + z)."""

    ufunc = np.log1p

    def backward(self, delta: Array, a: Array, z: Array) -> Array:
        return delta / (1 + z)


@builtin
class Sin(Unary):
    """Sine, a = sin z, g′ = cos z."""

    ufunc = np.sin

    def backward(self, delta: Array, a: Array, z: Array) -> Array:
        return delta * np.cos(z)


@builtin
class Cos(Unary):
    """Cosine, a = cos z, g′ = −sin z."""

    ufunc = np.cos

    def backward(self, delta: Array, a: Array, z: Array) -> Array:
        return -delta * np.sin(z)


@builtin
class Sinh(Unary):
    """Hyperbolic sine, a = sinh z, g′ = cosh z."""

    ufunc = np.sinh

    def backward(self, delta: Array, a: Array, z: Array) -> Array:
        return delta * np.cosh(z)


@builtin
class Cosh(Unary):
    """Hyperbolic cosine, a = cosh z, g′ = sinh z."""

    ufunc = np.cosh

    def backward(self, delta: Array, a: Array, z: Array) -> Array:
        return delta * np.sinh(z)


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
sin = function(Sin(), np.sin)
cos = function(Cos(), np.cos)
sinh = function(Sinh(), np.sinh)
cosh = function(Cosh(), np.cosh)
