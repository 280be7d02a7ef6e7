"""The four operations, powers, exponentials, logarithms and the trigonometric functions."""

from __future__ import annotations

import numpy as np

from graphnet.core.node import Array
from graphnet.core.registry import builtin
from graphnet.ops.elementwise import ElementwisePrimitive, sum_to
from graphnet.ops.functions import function


@builtin
class Add(ElementwisePrimitive):
    """Sum of two operands, a = x + y.

    Each operand receives δ as it is. Of nodes, ``z + b`` with a vector b along the last axis is a `bias_add`.
    """

    def forward(self, x: Array, y: Array) -> Array:
        return np.add(x, y)

    def backward(self, delta: Array, a: Array, x: Array, y: Array) -> Array:
        return sum_to(delta, x.shape), sum_to(delta, y.shape)


@builtin
class Subtract(ElementwisePrimitive):
    """Difference of two operands, a = x − y: x receives δ, y receives −δ."""

    def forward(self, x: Array, y: Array) -> Array:
        return np.subtract(x, y)

    def backward(self, delta: Array, a: Array, x: Array, y: Array) -> Array:
        return sum_to(delta, x.shape), sum_to(-delta, y.shape)


@builtin
class Multiply(ElementwisePrimitive):
    """Product of two operands entry by entry, a = x ⊙ y: x receives δ ⊙ y, y receives δ ⊙ x."""

    def forward(self, x: Array, y: Array) -> Array:
        return np.multiply(x, y)

    def backward(self, delta: Array, a: Array, x: Array, y: Array) -> Array:
        return sum_to(delta * y, x.shape), sum_to(delta * x, y.shape)


@builtin
class Divide(ElementwisePrimitive):
    """Quotient of two operands, a = x / y: x receives δ / y, y receives −δ ⊙ a / y, from the cached output."""

    def forward(self, x: Array, y: Array) -> Array:
        return np.divide(x, y)

    def backward(self, delta: Array, a: Array, x: Array, y: Array) -> Array:
        dx = delta / y
        return sum_to(dx, x.shape), sum_to(-dx * a, y.shape)


@builtin
class Negative(ElementwisePrimitive):
    """Change of sign, a = −z."""

    def forward(self, z: Array) -> Array:
        return np.negative(z)

    def backward(self, delta: Array, a: Array, z: Array) -> Array:
        return -delta


@builtin
class Power(ElementwisePrimitive):
    """Power of two operands, a = xᵖ.

    x receives δ p xᵖ⁻¹, p receives δ a log x. Where x ≤ 0, a has no real derivative in p, and p receives 0. At x = 0 the
    slope of a p below 1 is infinite: see `sqrt`.
    """

    def forward(self, x: Array, p: Array) -> Array:
        return np.power(x, p)

    def backward(self, delta: Array, a: Array, x: Array, p: Array) -> Array:
        dx = delta * p * np.power(np.where((x == 0) & (p == 0), 1, x), p - 1)  # 0, not 0 · 0⁻¹
        dp = delta * np.where(x > 0, a, 0) * np.log(np.where(x > 0, x, 1))  # 0 also where a is infinite
        return sum_to(dx, x.shape), sum_to(dp, p.shape)


@builtin
class Square(ElementwisePrimitive):
    """Square, a = z², g′ = 2z."""

    def forward(self, z: Array) -> Array:
        return np.square(z)

    def backward(self, delta: Array, a: Array, z: Array) -> Array:
        return delta * (2 * z)


@builtin
class Sqrt(ElementwisePrimitive):
    """Square root, a = √z, g′ = 1 / (2a), from the cached output.

    At z = 0 the slope is infinite, as NumPy, torch and JAX have it. So the norm of a vector of zeros, or the standard
    deviation of equal entries, sends ∞ · 0 = NaN to them: there it has a kink. Add a small number before the root:
    ``np.sqrt(np.sum(z * z) + 1e-12)``.
    """

    def forward(self, z: Array) -> Array:
        return np.sqrt(z)

    def backward(self, delta: Array, a: Array, z: Array) -> Array:
        return delta / (2 * a)


@builtin
class Reciprocal(ElementwisePrimitive):
    """Reciprocal, a = 1 / z, g′ = −a², from the cached output."""

    def forward(self, z: Array) -> Array:
        return np.reciprocal(z)

    def backward(self, delta: Array, a: Array, z: Array) -> Array:
        return -delta * (a * a)


@builtin
class Exp(ElementwisePrimitive):
    """Exponential, a = eᶻ, g′ = a, the cached output."""

    def forward(self, z: Array) -> Array:
        return np.exp(z)

    def backward(self, delta: Array, a: Array, z: Array) -> Array:
        return delta * a


@builtin
class Expm1(ElementwisePrimitive):
    """Exponential minus one, a = eᶻ − 1, exact near zero; g′ = a + 1, from the cached output."""

    def forward(self, z: Array) -> Array:
        return np.expm1(z)

    def backward(self, delta: Array, a: Array, z: Array) -> Array:
        return delta * (a + 1)


@builtin
class Log(ElementwisePrimitive):
    """Natural logarithm, a = ln z, g′ = 1 / z."""

    def forward(self, z: Array) -> Array:
        return np.log(z)

    def backward(self, delta: Array, a: Array, z: Array) -> Array:
        return delta / z


@builtin
class Log1p(ElementwisePrimitive):
    """Logarithm of one plus, a = ln(1 + z), exact near zero; g′ = 1 / (1 + z)."""

    def forward(self, z: Array) -> Array:
        return np.log1p(z)

    def backward(self, delta: Array, a: Array, z: Array) -> Array:
        return delta / (1 + z)


@builtin
class Sin(ElementwisePrimitive):
    """Sine, a = sin z, g′ = cos z."""

    def forward(self, z: Array) -> Array:
        return np.sin(z)

    def backward(self, delta: Array, a: Array, z: Array) -> Array:
        return delta * np.cos(z)


@builtin
class Cos(ElementwisePrimitive):
    """Cosine, a = cos z, g′ = −sin z."""

    def forward(self, z: Array) -> Array:
        return np.cos(z)

    def backward(self, delta: Array, a: Array, z: Array) -> Array:
        return -delta * np.sin(z)


@builtin
class Sinh(ElementwisePrimitive):
    """Hyperbolic sine, a = sinh z, g′ = cosh z."""

    def forward(self, z: Array) -> Array:
        return np.sinh(z)

    def backward(self, delta: Array, a: Array, z: Array) -> Array:
        return delta * np.cosh(z)


@builtin
class Cosh(ElementwisePrimitive):
    """Hyperbolic cosine, a = cosh z, g′ = sinh z."""

    def forward(self, z: Array) -> Array:
        return np.cosh(z)

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
