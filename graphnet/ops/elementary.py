"""The elementary functions by NumPy's names: trigonometric, hyperbolic and their inverses, logarithms, roots, remainders.

A row each: the function, its slopes given the output and the operands, what it computes, and an example. Those of the first
lesson are in `arithmetic`.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from graphnet.core.node import Array
from graphnet.core.op import Op
from graphnet.core.registry import implements
from graphnet.ops.activations import identity, sigmoid
from graphnet.ops.arithmetic import power
from graphnet.ops.composites import provided
from graphnet.ops.elementwise import Binary, Unary, ufunc_op
from graphnet.ops.functions import OpFunction

LN2, LN10 = math.log(2), math.log(10)


def ratio(x: Array, y: Array) -> Array:
    """Return x / y, and 0 where y is 0: the slope at a kink, of the norm of zeros or the deviation of equal entries."""
    return x / np.where(y == 0, np.inf, y)


def _over_square(x: Array, y: Array) -> Array:
    """Return x / (x² + y²), in two steps that don't overflow; 0 where both are 0."""
    length = np.hypot(x, y)
    return ratio(ratio(x, length), length)


def _one(ufunc: np.ufunc, slope: Callable[..., Array], meaning: str, example: str) -> tuple[type[Op], OpFunction]:
    return ufunc_op(ufunc, meaning, Unary, slopes=(slope,), example=example)


def _two(
    ufunc: np.ufunc, of_x: Callable[..., Array], of_y: Callable[..., Array], meaning: str, example: str
) -> tuple[type[Op], OpFunction]:
    return ufunc_op(ufunc, meaning, Binary, slopes=(of_x, of_y), example=example)


# fmt: off
Tan, tan = _one(np.tan, lambda a, z: 1 + a * a, "Tangent; g′ = 1 + a², from the cached output.",
    "tan([0.0, 0.5]).round(3) → array([0.   , 0.546])")
Arcsin, arcsin = _one(np.arcsin, lambda a, z: 1 / np.sqrt((1 - z) * (1 + z)), "Arc sine, −π/2 to π/2; g′ = 1 / √(1 − z²).",
    "arcsin([0.0, 1.0]).round(3) → array([0.   , 1.571])")
Arccos, arccos = _one(np.arccos, lambda a, z: -1 / np.sqrt((1 - z) * (1 + z)), "Arc cosine, 0 to π; g′ = −1 / √(1 − z²).",
    "arccos([1.0, 0.0]).round(3) → array([0.   , 1.571])")
Arctan, arctan = _one(np.arctan, lambda a, z: 1 / (1 + z * z), "Arc tangent, −π/2 to π/2; g′ = 1 / (1 + z²).",
    "arctan([0.0, 1.0]).round(3) → array([0.   , 0.785])")
Arcsinh, arcsinh = _one(np.arcsinh, lambda a, z: 1 / np.hypot(z, 1), "Inverse of sinh; g′ = 1 / √(1 + z²).",
    "arcsinh([0.0, 1.0]).round(3) → array([0.   , 0.881])")
Arccosh, arccosh = _one(
    np.arccosh, lambda a, z: 1 / (np.sqrt(z - 1) * np.sqrt(z + 1)), "Inverse of cosh, of z ≥ 1; g′ = 1 / √(z² − 1).",
    "arccosh([1.0, 2.0]).round(3) → array([0.   , 1.317])")
Arctanh, arctanh = _one(np.arctanh, lambda a, z: 1 / ((1 - z) * (1 + z)), "Inverse of tanh; g′ = 1 / (1 − z²).",
    "arctanh([0.0, 0.5]).round(3) → array([0.   , 0.549])")
Exp2, exp2 = _one(np.exp2, lambda a, z: a * LN2, "Power of two, a = 2ᶻ; g′ = a ln 2, from the cached output.",
    "exp2([0.0, 3.0]) → array([1., 8.])")
Log2, log2 = _one(np.log2, lambda a, z: 1 / LN2 / z, "Logarithm to base 2; g′ = 1 / (z ln 2).",
    "log2([1.0, 8.0]) → array([0., 3.])")
Log10, log10 = _one(np.log10, lambda a, z: 1 / LN10 / z, "Logarithm to base 10; g′ = 1 / (z ln 10).",
    "log10([1.0, 100.0]) → array([0., 2.])")
Cbrt, cbrt = _one(np.cbrt, lambda a, z: 1 / (3 * (a * a)), "Cube root, of negative z too; g′ = 1 / (3 a²), infinite at 0.",
    "cbrt([-8.0, 27.0]) → array([-2.,  3.])")
Hypot, hypot = _two(
    np.hypot, lambda a, x, y: ratio(x, a), lambda a, x, y: ratio(y, a),
    "Length of a vector, a = √(x² + y²), that never overflows; x receives δ x / a, y δ y / a, and 0 where a is 0.",
    "hypot([3.0, 5.0], [4.0, 12.0]) → array([ 5., 13.])")
Arctan2, arctan2 = _two(
    np.arctan2, lambda a, x, y: _over_square(y, x), lambda a, x, y: -_over_square(x, y),
    "Angle of the point whose height is x and whose width is y, −π to π; x receives δ y / (x² + y²), y −δ x / (x² + y²).",
    "arctan2([1.0, -1.0], [0.0, 0.0]).round(3) → array([ 1.571, -1.571])")
Logaddexp, logaddexp = _two(
    np.logaddexp, lambda a, x, y: sigmoid(x - y), lambda a, x, y: sigmoid(y - x),
    "Logarithm of a sum of exponentials, a = ln(eˣ + eʸ); x receives δ σ(x − y), y δ σ(y − x).",
    "logaddexp([0.0, 1000.0], [0.0, 1000.0]).round(3) → array([6.930000e-01, 1.000693e+03])")
Logaddexp2, logaddexp2 = _two(
    np.logaddexp2, lambda a, x, y: sigmoid((x - y) * LN2), lambda a, x, y: sigmoid((y - x) * LN2),
    "Logarithm of a sum of powers of two, a = log₂(2ˣ + 2ʸ); x receives δ / (1 + 2ʸ⁻ˣ), y δ / (1 + 2ˣ⁻ʸ).",
    "logaddexp2([0.0, 3.0], [0.0, 3.0]) → array([1., 4.])")
Remainder, remainder = _two(
    np.remainder, lambda a, x, y: 1, lambda a, x, y: -np.floor_divide(x, y),
    "Remainder of the sign of y, a = x − y ⌊x / y⌋; x receives δ, y −δ ⌊x / y⌋.",
    "remainder([7.0, -7.0], 3.0) → array([1., 2.])")
Fmod, fmod = _two(
    np.fmod, lambda a, x, y: 1, lambda a, x, y: -np.rint((x - a) / y),
    "Remainder of the sign of x; x receives δ, y −δ times the whole part of x / y.",
    "fmod([7.0, -7.0], 3.0) → array([ 1., -1.])")
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
