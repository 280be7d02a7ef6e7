"""Words of neural networks, each made of others: activations, losses, normalisation, attention, and the cells of sequences.

At a kink the slope is torch's. What is flat, or straight, far out is so at infinity too.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal

import numpy as np

from graphnet.common.settings import NotNegative as NotNegative  # kinds of settings
from graphnet.common.settings import Proportion as Proportion
from graphnet.core import shapes
from graphnet.core.leaves import as_operand
from graphnet.core.node import Array
from graphnet.errors import DtypeError, GraphError, ShapeError
from graphnet.ops.activations import sigmoid, softmax, softplus, tanh
from graphnet.ops.arithmetic import add
from graphnet.ops.composites import provided
from graphnet.ops.elementwise import Elementwise
from graphnet.ops.erf import normal_cdf
from graphnet.ops.linear import matmul
from graphnet.ops.losses import Loss, cross_entropy
from graphnet.ops.normalisation import EPSILON, layer_norm
from graphnet.ops.sums import average, total

_FAR = 1e3
"""Where every gate is 0 or 1 in all digits: what is multiplied by it, or by its slope, must not be infinite."""


@provided(base=Elementwise)
def silu(z: Array) -> Array:
    """Sigmoid-weighted unit or swish, a = z σ(z); g′ = σ(z) + z σ(z) (1 − σ(z)).

    Examples
    --------
    >>> silu([-1.0, 0.0, 2.0]).round(3)
    array([-0.269,  0.   ,  1.762])
    """
    return np.maximum(z, -_FAR) * sigmoid(z)


@silu.backward
def _silu(delta: Array, a: Array, z: Array) -> Array:
    s = sigmoid(z)
    return delta * (s + np.clip(z, -_FAR, _FAR) * (s * (1 - s)))


@provided(base=Elementwise)
def gelu(z: Array, approximate: Literal["none", "tanh"] = "none") -> Array:
    """Gaussian-weighted unit, a = z Φ(z), Φ the normal distribution function; g′ = Φ(z) + z e^(−z²/2) / √(2π).

    Attributes
    ----------
    approximate
        "none", or "tanh" for `gelu_tanh`.

    Examples
    --------
    >>> gelu([-1.0, 0.0, 2.0]).round(3)
    array([-0.159,  0.   ,  1.954])
    """
    return gelu_tanh(z) if approximate == "tanh" else np.maximum(z, -_FAR) * normal_cdf(z)


@gelu.backward
def _gelu(delta: Array, a: Array, z: Array, approximate: str) -> Array:
    if approximate == "tanh":
        return _gelu_tanh(delta, a, z)
    near = np.clip(z, -_FAR, _FAR)
    return delta * (normal_cdf(z) + near * (np.exp(-np.square(near) / 2) / math.sqrt(2 * math.pi)))


@provided(base=Elementwise)
def gelu_tanh(z: Array) -> Array:
    """Approximation of `gelu`, a = ½ z (1 + tanh u) = z σ(2u) with u = √(2/π) (z + 0.044715 z³).

    Examples
    --------
    >>> gelu_tanh([-1.0, 0.0, 2.0]).round(3)
    array([-0.159,  0.   ,  1.955])
    """
    near = np.clip(z, -_FAR, _FAR)
    return np.maximum(z, -_FAR) * sigmoid(_STEEP * (near + 0.044715 * near**3))


@gelu_tanh.backward
def _gelu_tanh(delta: Array, a: Array, z: Array) -> Array:
    near = np.clip(z, -_FAR, _FAR)
    s = sigmoid(_STEEP * (near + 0.044715 * near**3))
    return delta * (s + near * (s * (1 - s) * (_STEEP * (1 + 3 * 0.044715 * near**2))))


_STEEP = 2 * math.sqrt(2 / math.pi)


@provided(base=Elementwise)
def mish(z: Array) -> Array:
    """Mish, a = z tanh(ln(1 + eᶻ)); g′ = t + z (1 − t²) σ(z), t = tanh(ln(1 + eᶻ)) (Misra, 2019).

    Examples
    --------
    >>> mish([-1.0, 0.0, 2.0]).round(3)
    array([-0.303,  0.   ,  1.944])
    """
    return np.maximum(z, -_FAR) * tanh(softplus(z))


@mish.backward
def _mish(delta: Array, a: Array, z: Array) -> Array:
    t = tanh(softplus(z))
    return delta * (t + np.clip(z, -_FAR, _FAR) * ((1 - t * t) * sigmoid(z)))


@provided(base=Elementwise)
def elu(z: Array, alpha: float = 1.0) -> Array:
    """Exponential-linear unit, a = z if z > 0, else α (eᶻ − 1); g′ = a + α at z ≤ 0, from the cached output.

    Attributes
    ----------
    alpha
        −α is the limit far to the left.

    Examples
    --------
    >>> elu([-1.0, 2.0], alpha=2.0).round(3)
    array([-1.264,  2.   ])
    """
    return np.where(z > 0, z, alpha * np.expm1(np.minimum(z, 0)))


@elu.backward
def _elu(delta: Array, a: Array, z: Array, alpha: float) -> Array:
    return np.where(z > 0, delta, delta * (a + alpha))


@provided(base=Elementwise)
def celu(z: Array, alpha: float = 1.0) -> Array:
    """Exponential-linear unit without a kink, a = z if z > 0, else α (e^(z/α) − 1); g′ = a / α + 1 at z ≤ 0.

    Attributes
    ----------
    alpha
        −α is the limit far to the left.

    Examples
    --------
    >>> celu([-1.0, 2.0], alpha=2.0).round(3)
    array([-0.787,  2.   ])
    """
    if abs(alpha) < 1e-30:  # z/α would overflow
        raise GraphError(f"alpha of celu is {alpha!r}", repair="Give another number, as 1.0; relu is its limit.")
    return np.where(z > 0, z, alpha * np.expm1(np.minimum(z, 0) / alpha))


@celu.backward
def _celu(delta: Array, a: Array, z: Array, alpha: float) -> Array:
    return np.where(z > 0, delta, delta * (a / alpha + 1))


@provided(base=Elementwise)
def selu(z: Array) -> Array:
    """Self-normalising unit, a = λ z if z > 0, else λ α (eᶻ − 1), λ ≈ 1.0507, α ≈ 1.6733 (Klambauer et al., 2017).

    Examples
    --------
    >>> selu([-1.0, 2.0]).round(3)
    array([-1.111,  2.101])
    """
    return _SCALE * elu(z, alpha=_ALPHA)


_SCALE, _ALPHA = 1.0507009873554805, 1.6732632423543772


@provided(base=Elementwise)
def relu6(z: Array) -> Array:
    """Rectification up to 6, a = min(max(0, z), 6); g′ = 1 between, 0 elsewhere: also at 0 and 6.

    Examples
    --------
    >>> relu6([-1.0, 2.0, 8.0])
    array([0., 2., 6.])
    """
    return np.where((z > 0) & (z < 6), z, 3 + 3 * np.sign(z - 3))


@provided(base=Elementwise)
def hard_tanh(z: Array) -> Array:
    """Tanh of straight pieces, a = min(max(−1, z), 1); g′ = 1 between, 0 elsewhere: also at ±1.

    Examples
    --------
    >>> hard_tanh([-3.0, 0.5, 3.0])
    array([-1. ,  0.5,  1. ])
    """
    return np.where(np.abs(z) < 1, z, np.sign(z))


@provided(base=Elementwise)
def hard_sigmoid(z: Array) -> Array:
    """Sigmoid of straight pieces, a = min(max(0, z + 3), 6) / 6; g′ = 1/6 between, 0 elsewhere: also at ±3.

    Examples
    --------
    >>> hard_sigmoid([-4.0, 0.0, 4.0])
    array([0. , 0.5, 1. ])
    """
    return np.where(np.abs(z) < 3, (z + 3) / 6, np.maximum(np.sign(z), 0))


@provided(base=Elementwise)
def hard_swish(z: Array) -> Array:
    """Swish of straight pieces, a = z min(max(0, z + 3), 6) / 6; g′ = (2z + 3) / 6 between, 0 at −3, and 1 at 3.

    Examples
    --------
    >>> hard_swish([1.0, 4.0]).round(3)
    array([0.667, 4.   ])
    """
    return np.maximum(z, -3) * hard_sigmoid(z)


@hard_swish.backward
def _hard_swish(delta: Array, a: Array, z: Array) -> Array:
    return np.where(np.abs(z) < 3, delta * ((2 * z + 3) / 6), delta * (z > 0))


@provided(base=Loss, shapes="Exactly equal shapes.")
def huber(prediction: Array, target: Array, threshold: NotNegative = 1.0) -> Array:
    """Huber's loss, E = Σ ½ e² of errors e up to a threshold τ, τ (|e| − ½ τ) beyond; a receives δ e, from −τ to τ.

    Attributes
    ----------
    threshold
        τ, where the parabola becomes a straight line.

    Examples
    --------
    >>> float(huber([0.5, 3.0], [0.0, 0.0]))
    2.625
    """
    size = np.abs(prediction - target)
    inside = np.minimum(size, threshold)
    return total(inside * (size - inside / 2))


@huber.backward
def _huber(delta: Array, e: Array, prediction: Array, target: Array, threshold: float) -> Array:
    error = delta * np.clip(prediction - target, -threshold, threshold)
    return error, -error


@provided(base=Loss, shapes="Exactly equal shapes; targets are −1 and 1.")
def hinge(z: Array, target: Array) -> Array:
    """Hinge loss of margins, E = Σ max(0, 1 − t z), targets t = ±1, of which 0 stands for −1; where t z = 1 z receives 0.

    Examples
    --------
    >>> float(hinge([0.5, 3.0], [1.0, -1.0]))
    4.5
    """
    margin = np.where(target == 0, -1, target) * z
    return total(np.where(margin < 1, 1 - margin, 0))


@provided(base=Loss, shapes="Exactly equal shapes. Classes on the last axis.")
def kl_divergence(z: Array, target: Array) -> Array:
    """Kullback-Leibler divergence of a = softmax(z) from class probabilities t, E = Σ t (ln t − ln a); z receives δ (a − t).

    Takes z, the pre-activation, as `cross_entropy` does, and is less by the entropy of the targets; 0 ln 0 is 0.

    Examples
    --------
    >>> float(kl_divergence([0.0, 0.0], [0.5, 0.5]))
    0.0
    """
    return total(target * np.log(np.where(target > 0, target, 1))) + cross_entropy(z, target)


@provided(shapes="Classes on the last axis.")
def smooth_labels(target: Array, amount: Proportion = 0.1) -> Array:
    """Label smoothing: each class gets its share of a part of the probability, a = (1 − amount) t + amount / classes.

    Attributes
    ----------
    amount
        The part that all classes share.

    Examples
    --------
    >>> smooth_labels(np.array([[0.0, 1.0]]), amount=0.5)
    array([[0.25, 0.75]])
    """
    return (1 - amount) * target + amount / target.shape[-1]


@provided(shapes="Any shape with these axes.")
def rms_norm(z: Array, axes: int | tuple[int, ...] = -1, epsilon: NotNegative = EPSILON) -> Array:
    """Normalisation by the root mean square, a = z / √(mean z² + ε) within each sample (Zhang and Sennrich, 2019).

    Attributes
    ----------
    axes
        The axes of one sample.
    epsilon
        Added to the mean of squares.

    Examples
    --------
    >>> rms_norm([[3.0, 4.0]], epsilon=0.0).round(3)
    array([[0.849, 1.131]])
    """
    return z / _rms(z, axes, epsilon)


@rms_norm.backward
def _rms_norm(delta: Array, a: Array, z: Array, axes: int | tuple[int, ...], epsilon: float) -> Array:
    return (delta - a * average(delta * a, axes, keepdims=True)) / _rms(z, axes, epsilon)


def _rms(z: Array, axes: int | tuple[int, ...], epsilon: float) -> Array:
    return np.sqrt(average(np.square(z), axes, keepdims=True) + epsilon)


@provided(shapes="Channels on axis 1, as in (samples, channels, rows, columns).")
def group_norm(z: Array, groups: int = 1, epsilon: NotNegative = EPSILON) -> Array:
    """Normalisation of groups of channels, each to mean 0 and variance 1 within each sample (Wu and He, 2018).

    Attributes
    ----------
    groups
        Into how many groups the channels are divided, in order.
    epsilon
        Added to the variance.

    Examples
    --------
    >>> group_norm([[1.0, 3.0, 10.0, 30.0]], groups=2, epsilon=0.0)
    array([[-1.,  1., -1.,  1.]])
    """
    shapes.normal_axes(1, z.ndim)
    channels, *places = shapes.known(z.shape[1:], "group_norm")
    if channels % groups:
        raise ShapeError(f"{channels} channels in {groups} groups", repair="Give each group as many channels.")
    grouped = np.reshape(z, (-1, groups, channels // groups * math.prod(places)))
    return np.reshape(layer_norm(grouped, epsilon=epsilon), (-1, channels, *places))


@provided(
    shapes="(…, positions, features): positions of keys are those of values.",
    choosing=(3,),
)
def attention(queries: Array, keys: Array, values: Array, *mask: Array) -> Array:
    """Attention, a = softmax(Q Kᵀ / √d) V, of d features (Vaswani et al., 2017).

    A fourth argument is a mask of truth values, (…, positions of queries, positions of keys): only where it is true a key is
    looked at. A query that may look at none gets 0.

    Examples
    --------
    >>> keys, values = np.array([[1.0], [1.0]]), np.array([[2.0], [4.0]])
    >>> attention(np.array([[5.0]]), keys, values, np.array([[False, True]]))
    array([[4.]])
    """
    scores = queries @ np.swapaxes(keys, -1, -2) / math.sqrt(queries.shape[-1])
    for seen in mask:
        if seen.dtype.kind != "b":
            problem = f"the mask has dtype {seen.dtype}, expected truth values"
            raise DtypeError(problem, repair="Write mask > 0. Of one that is added to the scores, 0 and −∞: mask == 0.")
        return np.where(seen, softmax(np.where(seen, scores, -1e30)), 0) @ values
    return softmax(scores) @ values


def lstm_cell(x: Array, h: Array, c: Array, W: Array, U: Array, b: Array) -> tuple[Array, Array]:
    """One step of a long short-term memory: z = x W + h U + b, c′ = σ(f) c + σ(i) tanh(g), h′ = σ(o) tanh(c′).

    Parameters
    ----------
    x : node or array
        Shape (samples, features).
    h, c : node or array
        Output and memory of the step before, of shape (samples, units).
    W, U : node or array
        Weights, of shape (features, 4 units) and (units, 4 units): side by side those of i, f, g and o, in torch's order. They
        are the transposes of torch's ``weight_ih`` and ``weight_hh``.
    b : node or array
        Bias, of shape (4 units,); torch has two, which are added up.

    Returns
    -------
    tuple of (node or array)
        h′ and c′, of shape (samples, units).

    Examples
    --------
    >>> h, c = lstm_cell(np.ones((1, 2)), np.zeros((1, 1)), np.zeros((1, 1)), np.ones((2, 4)), np.ones((1, 4)), np.zeros(4))
    >>> h.round(3), c.round(3)
    (array([[0.608]]), array([[0.849]]))
    """
    x, h, c, W, U, b = _operands(x=x, h=h, c=c, W=W, U=U, b=b)
    i, f, g, o = _side_by_side(matmul(x, W) + matmul(h, U) + b, 4)
    c = sigmoid(f) * c + sigmoid(i) * tanh(g)
    return sigmoid(o) * tanh(c), c


def gru_cell(x: Array, h: Array, W: Array, U: Array, b: Array, d: Array, *, name: str | None = None) -> Array:
    """One step of a gated recurrent unit: h′ = (1 − u) n + u h, n = tanh(x Wₙ + bₙ + r (h Uₙ + dₙ)).

    The gates are r = σ(x Wᵣ + bᵣ + h Uᵣ + dᵣ), and u in the same way.

    Parameters
    ----------
    x : node or array
        Shape (samples, features).
    h : node or array
        Output of the step before, of shape (samples, units).
    W, U : node or array
        Weights, of shape (features, 3 units) and (units, 3 units): side by side those of r, u and n, in torch's order. They are
        the transposes of torch's ``weight_ih`` and ``weight_hh``.
    b, d : node or array
        Biases of x and of h, of shape (3 units,): torch's ``bias_ih`` and ``bias_hh``.
    name : str, optional
        Name of the node.

    Returns
    -------
    node or array
        h′, of shape (samples, units).

    Examples
    --------
    >>> gru_cell(np.ones((1, 2)), np.zeros((1, 1)), np.ones((2, 3)), np.ones((1, 3)), np.zeros(3), np.zeros(3)).round(3)
    array([[0.115]])
    """
    x, h, W, U, b, d = _operands(x=x, h=h, W=W, U=U, b=b, d=d)
    of_x, of_h = _side_by_side(matmul(x, W) + b, 3), _side_by_side(matmul(h, U) + d, 3)
    r, u = (sigmoid(x + h) for x, h in zip(of_x[:2], of_h[:2], strict=True))
    n = tanh(of_x[2] + r * of_h[2])
    return add((1 - u) * n, u * h, name=name)


def _operands(**given: Array) -> list[Array]:
    """Return the operands of a cell, or raise `DtypeError` or `ShapeError` if one is no matrix or vector of numbers."""
    operands = [as_operand(value, name) for name, value in given.items()]
    for name, value in zip(given, operands, strict=True):
        if np.ndim(value) != (1 if name in "bd" else 2):
            raise ShapeError(f"{name} has shape {np.shape(value)}", repair="Biases are vectors, all others matrices.")
    return operands


def _side_by_side(z: Array, count: int) -> Sequence[Array]:
    """Return the parts of a matrix whose columns are `count` blocks."""
    units, rest = divmod(shapes.known(z.shape[1:], "a cell")[0], count)
    if rest:
        problem = f"{z.shape[1]} columns of weights"
        raise ShapeError(problem, repair=f"Give {count} blocks of as many as there are units.")
    return [z[:, start : start + units] for start in range(0, count * units, units)]


NEURAL_ACTIVATIONS = Silu, Gelu, GeluTanh, Mish, Elu, Celu, Selu, Relu6, HardTanh, HardSigmoid, HardSwish = tuple(
    f.kind for f in (silu, gelu, gelu_tanh, mish, elu, celu, selu, relu6, hard_tanh, hard_sigmoid, hard_swish)
)
Huber, Hinge, KlDivergence, SmoothLabels = (f.kind for f in (huber, hinge, kl_divergence, smooth_labels))
RmsNorm, GroupNorm, Attention = (f.kind for f in (rms_norm, group_norm, attention))
