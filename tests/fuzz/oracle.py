"""The oracle: every operation from its formula, in HIPS autograd's NumPy, which differentiates by itself."""

from __future__ import annotations

import operator
from collections.abc import Callable
from functools import reduce
from itertools import accumulate
from typing import Any

import autograd.numpy as anp
import numpy as np
from autograd.scipy import special

from tests.fuzz.programs import Dialect


def where(condition, x, y):
    chosen = np.where(condition, 1.0, 0.0)
    return chosen * x + (1 - chosen) * y


def mean(z, axis=None, keepdims=False):
    count = np.prod([anp.shape(z)[a] for a in (range(anp.ndim(z)) if axis is None else np.atleast_1d(axis))])
    return anp.sum(z, axis=axis, keepdims=keepdims) / count


def tanh(z):
    sign = np.where(z >= 0, 1.0, -1.0)
    e = anp.exp(-2 * sign * z)  # of nothing positive: never overflows
    return sign * (1 - e) / (1 + e)


def softmax(z, axis=-1):
    e = anp.exp(z - anp.max(z, axis=axis, keepdims=True))
    return e / anp.sum(e, axis=axis, keepdims=True)


def log_softmax(z, axis=-1):
    return anp.log(softmax(z, axis))


def cdf(z):
    return (1 + special.erf(z / 2**0.5)) / 2


def elu(z, alpha):
    return where(z > 0, z, alpha * (anp.exp(where(z > 0, 0, z)) - 1))


def cut(z, low, high):
    return where(z > low, where(z < high, z, high), low)


def huber(prediction, target, threshold=1.0):
    e = prediction - target
    size = where(e > 0, e, -e)
    return anp.sum(where(size < threshold, e**2 / 2, threshold * (size - threshold / 2)))


def group_norm(z, groups):
    parts = anp.array_split(z, groups, axis=1)
    return anp.concatenate([normalised(part, tuple(range(1, part.ndim))) for part in parts], axis=1)


def attention(queries, keys, values, mask=None):
    scores = anp.einsum("...qd,...kd->...qk", queries, keys) / queries.shape[-1] ** 0.5
    mask = np.ones(scores.shape) if mask is None else np.asarray(mask, float)
    e = anp.exp(scores) * mask
    shares = e / (anp.sum(e, -1, keepdims=True) + ~mask.any(-1, keepdims=True))
    return anp.einsum("...qk,...kd->...qd", shares, values)


def binary_cross_entropy(z, t):
    a = 1 / (1 + anp.exp(-z))
    return -anp.sum(t * anp.log(a) + (1 - t) * anp.log(1 - a))


def moved(z, first, second):
    axes = list(range(anp.ndim(z)))
    axes[first], axes[second] = axes[second], axes[first]
    return anp.transpose(z, axes)


def take(z, indices, axis=0):
    axis = axis % anp.ndim(z)
    return z[(slice(None),) * axis + (indices,)]


def windows(z, size, stride, dilation=(1, 1)):
    """Return the first entry of each window, the second one, …: row by row of the windows."""
    spans = [(k - 1) * d + 1 for k, d in zip(size, dilation, strict=True)]
    rows, columns = ((n - k) // s + 1 for n, k, s in zip(anp.shape(z)[2:], spans, stride, strict=True))
    down, right = stride
    return [
        z[:, :, i : i + down * rows : down, j : j + right * columns : right]
        for i in range(0, spans[0], dilation[0])
        for j in range(0, spans[1], dilation[1])
    ]


def padded(z, padding, value=0.0):
    return anp.pad(z, ((0, 0), (0, 0), *((n, n) for n in padding)), "constant", constant_values=value)


def conv2d(x, W, stride=(1, 1), padding=(0, 0), dilation=(1, 1), groups=1):
    if groups > 1:
        parts = zip(anp.array_split(x, groups, axis=1), anp.array_split(W, groups, axis=0), strict=True)
        return anp.concatenate([conv2d(*part, stride, padding, dilation) for part in parts], axis=1)
    parts = windows(padded(x, padding), anp.shape(W)[2:], stride, dilation)
    places = [W[:, :, i, j] for i in range(anp.shape(W)[2]) for j in range(anp.shape(W)[3])]
    return sum(anp.einsum("nchw,oc->nohw", part, place) for part, place in zip(parts, places, strict=True))


def conv1d(x, W, stride, padding, dilation, groups):
    return conv2d(x[:, :, None], W[:, :, None], (1, stride), (0, padding), (1, dilation), groups)[:, :, 0]


def max_pool2d(z, size, stride, padding=(0, 0)):
    return reduce(lambda x, y: where(x > y, x, y), windows(padded(z, padding, -1e9), size, stride))


def avg_pool2d(z, size, stride, padding=(0, 0)):
    return sum(windows(padded(z, padding), size, stride)) / np.prod(size)


def normalised(z, axes):
    centred = z - mean(z, axes, keepdims=True)
    return centred / anp.sqrt(mean(centred**2, axes, keepdims=True) + 1e-5)


def sort(z, axis):
    order = anp.argsort(anp.real(z), axis=axis)
    index = list(np.ogrid[tuple(slice(n) for n in order.shape)])
    index[axis] = order
    return z[tuple(index)]


def median(z, axis):
    n = anp.shape(z)[axis]
    return mean(take(sort(z, axis), [(n - 1) // 2, n // 2], axis), axis)


def factors(z, axis):
    return [take(z, i, axis) for i in range(anp.shape(z)[axis])]


def along(z, axis, *bounds):
    return z[(slice(None),) * (axis % anp.ndim(z)) + (slice(*bounds),)]


def remainder(x, y, whole=anp.floor):
    return x - y * whole(anp.real(x / y))


def step_of(whole):
    return lambda z: whole(anp.real(z))


FORMULAS: dict[str, Callable[..., Any]] = {
    "add": lambda x, y: x + y,
    "subtract": lambda x, y: x - y,
    "multiply": lambda x, y: x * y,
    "divide": lambda x, y: x / y,
    "power": lambda x, p: x**p,
    "negative": lambda z: -z,
    "square": lambda z: z * z,
    "sqrt": lambda z: z**0.5,
    "reciprocal": lambda z: 1 / z,
    "exp": anp.exp,
    "expm1": lambda z: anp.exp(z) - 1,
    "log": anp.log,
    "log1p": lambda z: anp.log(1 + z),
    "sin": anp.sin,
    "cos": anp.cos,
    "sinh": lambda z: (anp.exp(z) - anp.exp(-z)) / 2,
    "cosh": lambda z: (anp.exp(z) + anp.exp(-z)) / 2,
    "abs": lambda z: where(z > 0, z, -z),
    "maximum": lambda x, y: where(x > y, x, y),
    "minimum": lambda x, y: where(x < y, x, y),
    "clip": lambda z, low, high: where(z < low, low, where(z > high, high, z)),
    "where": where,
    "greater": lambda x, y: x > y,
    "greater_equal": lambda x, y: x >= y,
    "less": lambda x, y: x < y,
    "less_equal": lambda x, y: x <= y,
    "not_equal": lambda x, y: x != y,
    "equal": lambda x, y: x == y,
    "and": lambda p, q: np.logical_and(p, q),
    "or": lambda p, q: np.logical_or(p, q),
    "not": lambda p: np.logical_not(p),
    "sign": lambda z: np.where(z > 0, 1.0, -1.0),  # at a complex number NumPy's is something else
    "zeros_like": lambda z: 0 * z,
    "ones_like": lambda z: 0 * z + 1,
    "identity": lambda z: z,
    "sigmoid": lambda z: 1 / (1 + anp.exp(-z)),
    "tanh": tanh,
    "relu": lambda z: where(z > 0, z, 0.0),
    "leaky_relu": lambda z, slope=0.01: where(z > 0, z, slope * z),
    "softplus": lambda z: anp.log(1 + anp.exp(z)),
    "polynomial": lambda z, coefficients: sum(
        (c * z**n for n, c in enumerate(coefficients) if n), 0 * z + coefficients[0]
    ),
    "swish": lambda z: z / (1 + anp.exp(-z)),
    "running_sum": lambda z: anp.cumsum(z, axis=0),
    "softmax": softmax,
    "log_softmax": log_softmax,
    "sum": anp.sum,
    "mean": mean,
    "max": anp.max,
    "min": anp.min,
    "matmul": anp.matmul,
    "dot": anp.dot,
    "bias_add": lambda z, b: z + b,
    "transpose": anp.transpose,
    "swapaxes": moved,
    "reshape": lambda z, shape: anp.reshape(z, shape),  # a keyword of that name came with NumPy 2.1
    "ravel": lambda z: anp.reshape(z, (-1,)),
    "expand_dims": anp.expand_dims,
    "squeeze": anp.squeeze,
    "broadcast_to": lambda z, shape: z * np.ones(shape),
    "concatenate": lambda *parts, axis: anp.concatenate(parts, axis),
    "stack": lambda *parts, axis: anp.stack(parts, axis),
    "take": take,
    "getitem": lambda z, index: z[index],
    "roll": anp.roll,
    "repeat": lambda z, repeats, axis: take(z, np.repeat(np.arange(anp.shape(z)[axis]), repeats), axis),
    "tile": lambda z, reps: anp.tile(
        z, (1,) * (anp.ndim(z) - len(reps)) + reps
    ),  # of fewer counts its slopes are wrong
    "moveaxis": anp.moveaxis,
    "diff": anp.diff,
    "conv2d": conv2d,
    "conv1d": conv1d,
    "avg_pool2d": avg_pool2d,
    "max_pool2d": max_pool2d,
    "batch_norm": lambda z: normalised(z, (0,) if anp.ndim(z) == 2 else (0, 2, 3)),
    "layer_norm": lambda z, axes=-1: normalised(z, axes),
    "erf": special.erf,
    "normal_cdf": cdf,
    "silu": lambda z: z / (1 + anp.exp(-z)),
    "gelu": lambda z: z * cdf(z),
    "gelu_tanh": lambda z: z / 2 * (1 + anp.tanh((2 / np.pi) ** 0.5 * (z + 0.044715 * z**3))),
    "mish": lambda z: z * anp.tanh(anp.log(1 + anp.exp(z))),
    "elu": elu,
    "celu": lambda z, alpha: where(z > 0, z, alpha * (anp.exp(where(z > 0, 0, z) / alpha) - 1)),
    "selu": lambda z: 1.0507009873554805 * elu(z, 1.6732632423543772),
    "relu6": lambda z: cut(z, 0, 6),
    "hard_tanh": lambda z: cut(z, -1, 1),
    "hard_sigmoid": lambda z: cut(z + 3, 0, 6) / 6,
    "hard_swish": lambda z: z * cut(z + 3, 0, 6) / 6,
    "huber": huber,
    "hinge": lambda z, t: anp.sum(where(t * z < 1, 1 - t * z, 0)),
    "kl_divergence": lambda z, t: anp.sum(t * (anp.log(t) - log_softmax(z))),
    "smooth_labels": lambda t, amount: t - amount * (t - 1 / t.shape[-1]),
    "rms_norm": lambda z, axes=-1: z / anp.sqrt(mean(z**2, axes, keepdims=True) + 1e-5),
    "group_norm": group_norm,
    "attention": attention,
    "dropout": lambda z, keep, rate: z * np.where(keep, 1 / (1 - rate), 0.0),
    "arctan": anp.arctan,
    "arcsinh": lambda z: where(z > 0, 1, -1) * anp.log(where(z > 0, z, -z) + (z * z + 1) ** 0.5),
    "exp2": lambda z: anp.exp(z * np.log(2)),
    "deg2rad": lambda z: z * (np.pi / 180),
    "log2": lambda z: anp.log(z) / np.log(2),
    "log10": lambda z: anp.log(z) / np.log(10),
    "cbrt": lambda z: z ** (1 / 3),
    "arcsin": lambda z: anp.arctan(z / (1 - z * z) ** 0.5),
    "arccos": lambda z: np.pi / 2 - anp.arctan(z / (1 - z * z) ** 0.5),
    "arctanh": lambda z: anp.log((1 + z) / (1 - z)) / 2,
    "tan": lambda z: anp.sin(z) / anp.cos(z),
    "hypot": lambda x, y: (x * x + y * y) ** 0.5,
    "arctan2": lambda y, x: anp.arctan(y / x),  # of nothing negative
    "logaddexp": lambda x, y: anp.log(anp.exp(x) + anp.exp(y)),
    "logaddexp2": lambda x, y: anp.log(2.0**x + 2.0**y) / np.log(2),
    "remainder": remainder,
    "fmod": lambda x, y: remainder(x, y, anp.trunc),
    "floor_divide": lambda x, y: anp.floor(anp.real(x / y)),
    **{name: step_of(getattr(anp, name)) for name in ("floor", "ceil", "trunc", "rint")},
    "sort": sort,
    "median": median,
    "ptp": lambda z, axis: anp.max(z, axis) - anp.min(z, axis),
    "prod": lambda z, axis: reduce(operator.mul, factors(z, axis)),
    "cumprod": lambda z, axis: anp.stack([*accumulate(factors(z, axis), operator.mul)], axis),
    "cumsum": anp.cumsum,
    "var": lambda z, axis: mean((z - mean(z, axis, True)) ** 2, axis),
    "std": lambda z, axis: mean((z - mean(z, axis, True)) ** 2, axis) ** 0.5,
    "logsumexp": lambda z, axis: anp.log(anp.sum(anp.exp(z), axis=axis)),
    "flip": lambda z, axis: along(z, axis, None, None, -1),
    "tril": lambda z, k: z * np.tril(np.ones(anp.shape(z)), k),
    "triu": lambda z, k: z * np.triu(np.ones(anp.shape(z)), k),
    "trace": lambda z: sum(z[i, i] for i in range(min(anp.shape(z)))),
    "diagonal": lambda z: z[(np.arange(min(anp.shape(z))),) * 2],
    "outer": lambda x, y: anp.reshape(x, (-1, 1)) * anp.reshape(y, (1, -1)),
    "kron": anp.kron,
    "vdot": lambda x, y: anp.sum(x * y),
    "einsum": lambda *arrays, subscripts: anp.einsum(subscripts, *arrays),
    "pad": lambda z, pad_width: anp.pad(z, pad_width, "constant"),
    "inv": anp.linalg.inv,
    "det": anp.linalg.det,
    "log_abs_det": lambda z: anp.log(anp.linalg.det(z)),  # of one that is nothing negative
    "solve": lambda A, b: anp.matmul(anp.linalg.inv(A), b),
    "matrix_power": lambda z, n: reduce(anp.matmul, [z] * n),
    "sse": lambda a, t: anp.sum((a - t) ** 2) / 2,
    "mse": lambda a, t: anp.sum((a - t) ** 2) / anp.size(a),
    "binary_cross_entropy": binary_cross_entropy,
    "cross_entropy": lambda z, t: -anp.sum(t * log_softmax(z)),
}
DIALECT: Dialect = {name: (formula,) for name, formula in FORMULAS.items()}


def _gap(z, axis=None, keepdims=False, sign=1):
    """Return how far the largest entry is ahead of the second largest."""
    axes = range(np.ndim(z)) if axis is None else np.atleast_1d(axis)
    axes = [int(a) % np.ndim(z) for a in axes]
    rest = [a for a in range(np.ndim(z)) if a not in axes]
    count = int(np.prod([np.shape(z)[a] for a in axes], dtype=int))
    rows = np.sort(sign * np.transpose(z, [*rest, *axes]).reshape(-1, count), axis=-1) if count else np.empty((0, 2))
    return rows[:, -1] - rows[:, -2] if count > 1 else np.inf


def _difference(x, y):
    return np.abs(np.subtract(x, y))


def _gap_of_windows(z, size, stride):
    """Return how far the largest entry of each window is ahead of the second largest."""
    parts = np.sort(np.stack(windows(z, size, stride)), axis=0)
    return parts[-1] - parts[-2] if len(parts) > 1 else np.inf


def _to_whole(z):
    return np.abs(z - np.round(z))


def _smallest_gap(z, axis):
    """Return how far the entries next to each other in order are apart, at least."""
    return np.min(np.diff(np.sort(z, axis), axis=axis), initial=np.inf)


def _spread(z, axis):
    """Return a hundredth of the deviations that are divided by: what lies closer together is too steep."""
    return np.std(z, axis=axis) / 100


DISTANCE_TO_KINK: dict[str, Callable[..., Any]] = {
    **dict.fromkeys(["abs", "relu", "sign"], np.abs),
    "leaky_relu": lambda z, slope: np.abs(z),
    **dict.fromkeys(["elu", "celu"], lambda z, alpha: np.abs(z)),
    "selu": np.abs,
    "relu6": lambda z: np.minimum(np.abs(z), np.abs(z - 6)),
    "hard_tanh": lambda z: np.abs(np.abs(z) - 1),
    **dict.fromkeys(["hard_sigmoid", "hard_swish"], lambda z: np.abs(np.abs(z) - 3)),
    "hinge": lambda z, t: np.abs(t * z - 1),
    "huber": lambda z, t, threshold: np.abs(np.abs(z - t) - threshold),
    **dict.fromkeys(["maximum", "minimum"], _difference),
    **dict.fromkeys(["greater", "greater_equal", "less", "less_equal", "equal", "not_equal"], _difference),
    **dict.fromkeys(["floor", "ceil", "trunc"], _to_whole),
    "rint": lambda z: _to_whole(z + 0.5),
    **dict.fromkeys(["remainder", "fmod", "floor_divide"], lambda x, y: _to_whole(x / y)),
    **dict.fromkeys(["sort", "median", "ptp"], _smallest_gap),
    "std": _spread,
    "clip": lambda z, low, high: np.minimum(np.abs(z - low), np.abs(z - high)),
    "max": _gap,
    "max_pool2d": _gap_of_windows,
    "layer_norm": lambda z, axes: _spread(z, axes),
    "batch_norm": lambda z: _spread(z, (0,) if np.ndim(z) == 2 else (0, 2, 3)),
    "min": lambda z, **settings: _gap(z, sign=-1, **settings),
}
"""How far the arguments of an operation are from a place where its derivative does not exist."""
