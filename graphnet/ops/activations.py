"""Activation functions, with the derivatives of the activation post. A rule uses the cached output where it can."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from graphnet.common.settings import listed
from graphnet.core import shapes
from graphnet.core.node import Array
from graphnet.core.op import Op
from graphnet.core.registry import builtin
from graphnet.core.shapes import Shape
from graphnet.ops.elementwise import Elementwise, Unary
from graphnet.ops.functions import function
from graphnet.ops.sums import total


@builtin
class Identity(Elementwise):
    """Identity, a = z, in (−∞, ∞); g′ = 1.

    Examples
    --------
    >>> identity([1.0, -2.0])
    array([ 1., -2.])
    """

    def forward(self, z: Array) -> Array:
        return z

    def backward(self, delta: Array, a: Array, z: Array) -> Array:
        return delta


@builtin
class Sigmoid(Elementwise):
    """Logistic function, a = 1 / (1 + e⁻ᶻ), in (0, 1); g′ = a (1 − a), from the cached output.

    Computed as eᶻ / (1 + eᶻ) where z < 0: it never overflows, and keeps the left tail.

    Examples
    --------
    >>> sigmoid([0.0, 2.0, -800.0]).round(3)
    array([0.5  , 0.881, 0.   ])
    """

    written = "σ"

    def forward(self, z: Array) -> Array:
        e = np.exp(np.minimum(z, -z))  # not −|z|, which no complex step can pass
        return np.where(z < 0, e, 1) / (1 + e)

    def backward(self, delta: Array, a: Array, z: Array) -> Array:
        return delta * (a * (1 - a))


@builtin
class Tanh(Unary):
    """Hyperbolic tangent, a = sinh z / cosh z, in (−1, 1); g′ = 1 − a², from the cached output.

    Examples
    --------
    >>> tanh([0.0, 1.0]).round(3)
    array([0.   , 0.762])
    """

    ufunc = np.tanh

    def backward(self, delta: Array, a: Array, z: Array) -> Array:
        return delta * (1 - a * a)


@builtin
class Relu(Elementwise):
    """Rectification, a = max(0, z); g′ = 1 where the cached output is positive, else 0: also at z = 0.

    Examples
    --------
    >>> relu([-1.0, 2.0])
    array([0., 2.])
    """

    def forward(self, z: Array) -> Array:
        return np.maximum(z, 0)

    def backward(self, delta: Array, a: Array, z: Array) -> Array:
        return delta * (a > 0)


@builtin
class LeakyRelu(Elementwise):
    """Rectification with a leak, a = z if z > 0, else slope · z.

    Attributes
    ----------
    slope
        The slope where z ≤ 0.
    """

    slope: float = 0.01

    def forward(self, z: Array) -> Array:
        return np.where(z > 0, z, self.slope * z)

    def backward(self, delta: Array, a: Array, z: Array) -> Array:
        return np.where(z > 0, delta, self.slope * delta)


@builtin
class Softplus(Elementwise):
    """Soft rectification, a = ln(1 + eᶻ); g′ = 1 / (1 + e⁻ᶻ) = 1 − e⁻ᵃ, from the cached output.

    Computed as max(z, 0) + ln(1 + e^−|z|), which never overflows.

    Examples
    --------
    >>> softplus([0.0, 1000.0]).round(3)
    array([6.93e-01, 1.00e+03])
    """

    def forward(self, z: Array) -> Array:
        return np.maximum(z, 0) + np.log1p(np.exp(-np.abs(z)))

    def backward(self, delta: Array, a: Array, z: Array) -> Array:
        return delta * -np.expm1(-a)


@builtin
class Polynomial(Elementwise):
    """Polynomial, a = c₀ + c₁ z + c₂ z² + …; g′ = c₁ + 2 c₂ z + …, both by Horner's rule.

    Attributes
    ----------
    coefficients
        c₀, c₁, c₂, …
    """

    coefficients: tuple[float, ...]

    def forward(self, z: Array) -> Array:
        return _horner(self.coefficients, z)

    def backward(self, delta: Array, a: Array, z: Array) -> Array:
        return delta * _horner([power * c for power, c in enumerate(self.coefficients)][1:], z)


def _horner(coefficients: Sequence[float], z: Array) -> Array:
    value = np.zeros_like(z)
    for c in reversed(coefficients):
        value = value * z + c
    return value


@dataclass(frozen=True)
class AlongAxis(Op):
    """An op that keeps the shape and compares the entries along one axis.

    Attributes
    ----------
    axis
        The axis of the classes.
    """

    axis: int = -1

    def shape(self, z: Shape) -> Shape:
        """Return the same shape."""
        shapes.require_entries(z, shapes.normal_axes(self.axis, len(z)), self.name)
        return z


@builtin
class Softmax(AlongAxis):
    """Softmax, aᵢ = e^zᵢ / Σⱼ e^zⱼ; z receives a ⊙ (δ − Σⱼ δⱼ aⱼ), from the cached output.

    The largest z is subtracted first, which changes nothing and never overflows.
    """

    def forward(self, z: Array) -> Array:
        e = np.exp(z - np.max(z, axis=self.axis, keepdims=True))
        return e / total(e, self.axis, keepdims=True)

    def backward(self, delta: Array, a: Array, z: Array) -> Array:
        return a * (delta - total(delta * a, self.axis, keepdims=True))


@builtin
class LogSoftmax(AlongAxis):
    """Logarithm of softmax, aᵢ = zᵢ − ln Σⱼ e^zⱼ; z receives δ − eᵃ Σⱼ δⱼ, from the cached output."""

    written = "log softmax"

    def forward(self, z: Array) -> Array:
        shifted = z - np.max(z, axis=self.axis, keepdims=True)
        below = shifted < 0
        others = total(np.where(below, np.exp(shifted), 0), self.axis, keepdims=True)
        largest = total(np.where(below, 0, np.ones_like(z)), self.axis, keepdims=True)
        return shifted - np.log1p(others + (largest - 1))  # Σ − 1, not rounded at 1

    def backward(self, delta: Array, a: Array, z: Array) -> Array:
        return delta - np.exp(a) * total(delta, self.axis, keepdims=True)


identity = function(Identity())
sigmoid = function(Sigmoid())
tanh = function(Tanh(), np.tanh)
relu = function(Relu())
softplus = function(Softplus())


def leaky_relu(z: Array, slope: float = 0.01, *, name: str | None = None) -> Array:
    """Rectify with a leak: a = z if z > 0, else slope · z. At z = 0 the derivative is taken as the slope.

    Parameters
    ----------
    z : node or array
        Any shape.
    slope : float
        The slope where z ≤ 0.
    name : str, optional
        Name of the node.

    Returns
    -------
    node or array
        Same shape.

    Examples
    --------
    >>> leaky_relu(np.array([-1.0, 2.0]), slope=0.1)
    array([-0.1,  2. ])
    """
    return LeakyRelu(slope)(z, name=name)


def polynomial(z: Array, coefficients: Sequence[float], *, name: str | None = None) -> Array:
    """Evaluate a polynomial entry by entry: a = Σₙ cₙ zⁿ.

    Parameters
    ----------
    z : node or array
        Any shape.
    coefficients : sequence of float
        c₀, c₁, c₂, …
    name : str, optional
        Name of the node.

    Returns
    -------
    node or array
        Same shape.

    Examples
    --------
    >>> polynomial(np.array([2.0]), [1, 0, 3])
    array([13.])
    """
    given = listed(coefficients, "coefficients", "numbers", repair="Write polynomial(z, [c0, c1, c2]).")
    return Polynomial(tuple(given))(z, name=name)


def softmax(z: Array, axis: int = -1, *, name: str | None = None) -> Array:
    """Turn scores into probabilities: aᵢ = e^zᵢ / Σⱼ e^zⱼ along `axis`. Never overflows.

    z receives a ⊙ (δ − Σⱼ δⱼ aⱼ), from the cached output.

    Parameters
    ----------
    z : node or array
        Any shape with at least one axis.
    axis : int
        The axis of the classes.
    name : str, optional
        Name of the node.

    Returns
    -------
    node or array
        Same shape; sums to 1 along `axis`.

    Raises
    ------
    ShapeError
        When the node is made, if there is no such axis.

    Examples
    --------
    >>> softmax(np.array([0.0, 0.0, 1e4]))
    array([0., 0., 1.])
    """
    return Softmax(axis)(z, name=name)


def log_softmax(z: Array, axis: int = -1, *, name: str | None = None) -> Array:
    """Take the logarithm of `softmax` without leaving the range of numbers: aᵢ = zᵢ − ln Σⱼ e^zⱼ.

    z receives δ − eᵃ Σⱼ δⱼ, from the cached output.

    Parameters
    ----------
    z : node or array
        Any shape with at least one axis.
    axis : int
        The axis of the classes.
    name : str, optional
        Name of the node.

    Returns
    -------
    node or array
        Same shape.

    Raises
    ------
    ShapeError
        When the node is made, if there is no such axis.

    Examples
    --------
    >>> log_softmax(np.array([0.0, 1e4]))
    array([-10000.,      0.])
    """
    return LogSoftmax(axis)(z, name=name)
