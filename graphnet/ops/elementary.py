"""The elementary functions by NumPy's names: trigonometric, hyperbolic and their inverses, logarithms, roots, remainders.

A row each: the function, what it computes, an example, and its slopes given the output and the operands. Those of the first
lesson are in `arithmetic`.
"""

from __future__ import annotations

import math

import numpy as np

from graphnet.core.node import Array
from graphnet.core.registry import implements
from graphnet.ops.activations import identity, sigmoid
from graphnet.ops.arithmetic import power
from graphnet.ops.composites import provided
from graphnet.ops.elementwise import ufunc_op

LN2, LN10 = math.log(2), math.log(10)


def ratio(x: Array, y: Array) -> Array:
    """Return x / y, and 0 where y is 0: the slope at a kink, of the norm of zeros or the deviation of equal entries."""
    return x / np.where(y == 0, np.inf, y)


def _over_square(x: Array, y: Array) -> Array:
    """Return x / (x² + y²), in two steps that don't overflow; 0 where both are 0."""
    length = np.hypot(x, y)
    return ratio(ratio(x, length), length)


# fmt: off
Sin, sin = ufunc_op(np.sin, "Sine, a = sin z, g′ = cos z.",
    "sin([0.0, 1.0]).round(3) → array([0.   , 0.841])", lambda a, z: np.cos(z))
Cos, cos = ufunc_op(np.cos, "Cosine, a = cos z, g′ = −sin z.",
    "cos([0.0, 1.0]).round(3) → array([1.  , 0.54])", lambda a, z: -np.sin(z))
Sinh, sinh = ufunc_op(np.sinh, "Hyperbolic sine, a = sinh z, g′ = cosh z.",
    "sinh([0.0, 1.0]).round(3) → array([0.   , 1.175])", lambda a, z: np.cosh(z))
Cosh, cosh = ufunc_op(np.cosh, "Hyperbolic cosine, a = cosh z, g′ = sinh z.",
    "cosh([0.0, 1.0]).round(3) → array([1.   , 1.543])", lambda a, z: np.sinh(z))
Tan, tan = ufunc_op(np.tan, "Tangent; g′ = 1 + a², from the cached output.",
    "tan([0.0, 0.5]).round(3) → array([0.   , 0.546])", lambda a, z: 1 + a * a)
Arcsin, arcsin = ufunc_op(np.arcsin, "Arc sine, −π/2 to π/2; g′ = 1 / √(1 − z²).",
    "arcsin([0.0, 1.0]).round(3) → array([0.   , 1.571])", lambda a, z: 1 / np.sqrt((1 - z) * (1 + z)))
Arccos, arccos = ufunc_op(np.arccos, "Arc cosine, 0 to π; g′ = −1 / √(1 − z²).",
    "arccos([1.0, 0.0]).round(3) → array([0.   , 1.571])", lambda a, z: -1 / np.sqrt((1 - z) * (1 + z)))
Arctan, arctan = ufunc_op(np.arctan, "Arc tangent, −π/2 to π/2; g′ = 1 / (1 + z²).",
    "arctan([0.0, 1.0]).round(3) → array([0.   , 0.785])", lambda a, z: 1 / (1 + z * z))
Arcsinh, arcsinh = ufunc_op(np.arcsinh, "Inverse of sinh; g′ = 1 / √(1 + z²).",
    "arcsinh([0.0, 1.0]).round(3) → array([0.   , 0.881])", lambda a, z: 1 / np.hypot(z, 1))
Arccosh, arccosh = ufunc_op(np.arccosh, "Inverse of cosh, of z ≥ 1; g′ = 1 / √(z² − 1).",
    "arccosh([1.0, 2.0]).round(3) → array([0.   , 1.317])", lambda a, z: 1 / (np.sqrt(z - 1) * np.sqrt(z + 1)))
Arctanh, arctanh = ufunc_op(np.arctanh, "Inverse of tanh; g′ = 1 / (1 − z²).",
    "arctanh([0.0, 0.5]).round(3) → array([0.   , 0.549])", lambda a, z: 1 / ((1 - z) * (1 + z)))
Exp2, exp2 = ufunc_op(np.exp2, "Power of two, a = 2ᶻ; g′ = a ln 2, from the cached output.",
    "exp2([0.0, 3.0]) → array([1., 8.])", lambda a, z: a * LN2)
Log2, log2 = ufunc_op(np.log2, "Logarithm to base 2; g′ = 1 / (z ln 2).",
    "log2([1.0, 8.0]) → array([0., 3.])", lambda a, z: 1 / LN2 / z)
Log10, log10 = ufunc_op(np.log10, "Logarithm to base 10; g′ = 1 / (z ln 10).",
    "log10([1.0, 100.0]) → array([0., 2.])", lambda a, z: 1 / LN10 / z)
Cbrt, cbrt = ufunc_op(np.cbrt, "Cube root, of negative z too; g′ = 1 / (3 a²), infinite at 0.",
    "cbrt([-8.0, 27.0]) → array([-2.,  3.])", lambda a, z: 1 / (3 * (a * a)))
Hypot, hypot = ufunc_op(np.hypot,
    "Length of a vector, a = √(x² + y²), that never overflows; x receives δ x / a, y δ y / a, and 0 where a is 0.",
    "hypot([3.0, 5.0], [4.0, 12.0]) → array([ 5., 13.])", lambda a, x, y: ratio(x, a), lambda a, x, y: ratio(y, a))
Arctan2, arctan2 = ufunc_op(np.arctan2,
    "Angle of the point whose height is x and whose width is y, −π to π; x receives δ y / (x² + y²), y −δ x / (x² + y²).",
    "arctan2([1.0, -1.0], [0.0, 0.0]).round(3) → array([ 1.571, -1.571])",
    lambda a, x, y: _over_square(y, x), lambda a, x, y: -_over_square(x, y))
Logaddexp, logaddexp = ufunc_op(np.logaddexp,
    "Logarithm of a sum of exponentials, a = ln(eˣ + eʸ); x receives δ σ(x − y), y δ σ(y − x).",
    "logaddexp([0.0, 1000.0], [0.0, 1000.0]).round(3) → array([6.930000e-01, 1.000693e+03])",
    lambda a, x, y: sigmoid(x - y), lambda a, x, y: sigmoid(y - x))
Logaddexp2, logaddexp2 = ufunc_op(np.logaddexp2,
    "Logarithm of a sum of powers of two, a = log₂(2ˣ + 2ʸ); x receives δ / (1 + 2ʸ⁻ˣ), y δ / (1 + 2ˣ⁻ʸ).",
    "logaddexp2([0.0, 3.0], [0.0, 3.0]) → array([1., 4.])",
    lambda a, x, y: sigmoid((x - y) * LN2), lambda a, x, y: sigmoid((y - x) * LN2))
Remainder, remainder = ufunc_op(np.remainder,
    "Remainder of the sign of y, a = x − y ⌊x / y⌋; x receives δ, y −δ ⌊x / y⌋.",
    "remainder([7.0, -7.0], 3.0) → array([1., 2.])", lambda a, x, y: 1, lambda a, x, y: -np.floor_divide(x, y))
Fmod, fmod = ufunc_op(np.fmod, "Remainder of the sign of x; x receives δ, y −δ times the whole part of x / y.",
    "fmod([7.0, -7.0], 3.0) → array([ 1., -1.])", lambda a, x, y: 1, lambda a, x, y: -np.rint((x - a) / y))
# fmt: on

mod = remainder
float_power = implements(np.float_power)(power)
positive = implements(np.positive)(identity)


@provided(np.deg2rad, np.radians)
def deg2rad(z: Array) -> Array:
    """Angle in radians of one in degrees, π z / 180.

    Examples
    --------
    >>> float(deg2rad(180.0))
    3.141592653589793
    """
    return z * (math.pi / 180)


@provided(np.rad2deg, np.degrees)
def rad2deg(z: Array) -> Array:
    """Angle in degrees of one in radians, 180 z / π.

    Examples
    --------
    >>> float(rad2deg(np.pi))
    180.0
    """
    return z * (180 / math.pi)


radians, degrees = deg2rad, rad2deg


Deg2rad, Rad2deg = (f.kind for f in (deg2rad, rad2deg))
