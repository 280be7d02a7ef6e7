"""Every operation as graphnet spells it: its functions, NumPy's functions on nodes, operators and methods."""

from __future__ import annotations

import operator

import numpy as np

import graphnet as gn
from tests.fuzz.programs import Dialect


@gn.op
def swish(z):
    return z / (1 + np.exp(-z))


@swish.backward
def swish_backward(delta, a, z):
    return delta * (a + (1 - a) / (1 + np.exp(-z)))


@gn.op
def running_sum(z):
    return np.add.accumulate(z, axis=0)  # no op covers this: the rule is opaque


@running_sum.backward
def running_sum_backward(delta, a, z):
    return np.add.accumulate(delta[::-1], axis=0)[::-1]


def method(name, *settings):
    """Call the method of a node, with these settings by position; an array has it too, a number is made one."""

    def call(z, **given):
        z = z if hasattr(z, name) else np.asarray(z)
        return getattr(z, name)(*[given.pop(setting) for setting in settings if setting in given], **given)

    return call


def take(z, indices, axis):
    """Spell it with NumPy, which asks the array and not the positions what to do, so that a bare array can't answer."""
    return (np.take if isinstance(z, gn.Node) else gn.take)(z, indices, axis=axis)


def reshape(z, shape):
    """Name the shape where NumPy calls it that: since 2.1."""
    return np.reshape(z, shape=shape) if np.lib.NumpyVersion(np.__version__) >= "2.1.0" else np.reshape(z, shape)


DIALECT: Dialect = {
    "add": (gn.add, np.add, operator.add),
    "subtract": (gn.subtract, np.subtract, operator.sub),
    "multiply": (gn.multiply, np.multiply, operator.mul),
    "divide": (gn.divide, np.divide, operator.truediv),
    "power": (gn.power, np.power, operator.pow),
    "negative": (gn.negative, np.negative, operator.neg),
    "square": (gn.square, np.square, lambda z: z**2, lambda z: z * z),
    "sqrt": (gn.sqrt, np.sqrt, lambda z: z**0.5),
    "reciprocal": (np.reciprocal, lambda z: 1 / z, lambda z: z**-1.0),
    "exp": (gn.exp, np.exp),
    "expm1": (np.expm1,),
    "log": (gn.log, np.log),
    "log1p": (np.log1p,),
    "sin": (np.sin,),
    "cos": (np.cos,),
    "sinh": (np.sinh,),
    "cosh": (np.cosh,),
    "abs": (gn.abs, np.abs, operator.abs),
    "maximum": (gn.maximum, np.maximum),
    "minimum": (gn.minimum, np.minimum),
    "clip": (np.clip,),
    "where": (gn.where, np.where),
    "greater": (np.greater, operator.gt),
    "greater_equal": (np.greater_equal, operator.ge),
    "less": (np.less, operator.lt),
    "less_equal": (np.less_equal, operator.le),
    "equal": (np.equal, operator.eq),
    "not_equal": (np.not_equal, operator.ne),
    "and": (np.logical_and, operator.and_),
    "or": (np.logical_or, operator.or_),
    "not": (np.logical_not, operator.invert),
    "sign": (np.sign,),
    "zeros_like": (np.zeros_like,),
    "ones_like": (np.ones_like,),
    "identity": (gn.identity, operator.pos),
    "sigmoid": (gn.sigmoid,),
    "tanh": (gn.tanh, np.tanh),
    "relu": (gn.relu, lambda z: np.maximum(z, 0)),
    "leaky_relu": (gn.leaky_relu,),
    "softplus": (gn.softplus,),
    "polynomial": (gn.polynomial,),
    "swish": (swish,),
    "running_sum": (running_sum,),
    "softmax": (gn.softmax,),
    "log_softmax": (gn.log_softmax,),
    "sum": (gn.sum, np.sum, method("sum")),
    "mean": (gn.mean, np.mean, method("mean")),
    "max": (gn.max, np.max, method("max")),
    "min": (np.min,),
    "matmul": (gn.matmul, np.matmul, operator.matmul),
    "dot": (np.dot,),
    "bias_add": (gn.bias_add, operator.add),
    "transpose": (gn.transpose, np.transpose, method("transpose", "axes")),
    "swapaxes": (lambda z, first, second: np.swapaxes(z, first, second),),
    "reshape": (gn.reshape, reshape, method("reshape", "shape")),
    "ravel": (np.ravel,),
    "expand_dims": (np.expand_dims,),
    "squeeze": (np.squeeze,),
    "broadcast_to": (gn.broadcast_to, np.broadcast_to),
    "concatenate": (lambda *parts, axis: gn.concatenate(parts, axis), lambda *parts, axis: np.concatenate(parts, axis)),
    "stack": (lambda *parts, axis: np.stack(parts, axis),),
    "take": (gn.take, take),
    "getitem": (lambda z, index: z[index],),
    **{word: (getattr(gn, word), getattr(np, word)) for word in ("roll", "repeat", "tile", "moveaxis", "diff")},
    "conv2d": (gn.conv2d,),
    "conv1d": (gn.conv1d,),
    "avg_pool2d": (gn.avg_pool2d,),
    "max_pool2d": (gn.max_pool2d,),
    "batch_norm": (gn.batch_norm,),
    "layer_norm": (gn.layer_norm,),
    "dropout": (gn.dropout,),
    **{
        name: (getattr(np, name), getattr(gn, name))
        for name in (
            "arctan",
            "arcsinh",
            "exp2",
            "deg2rad",
            "log2",
            "log10",
            "cbrt",
            "arcsin",
            "arccos",
            "arctanh",
            "tan",
            "hypot",
            "arctan2",
            "logaddexp",
            "logaddexp2",
            "fmod",
            "floor",
            "ceil",
            "trunc",
            "rint",
            "sort",
            "median",
            "ptp",
            "flip",
            "tril",
            "triu",
            "outer",
            "kron",
            "vdot",
        )
    },
    "remainder": (np.remainder, operator.mod),
    "floor_divide": (np.floor_divide, operator.floordiv),
    **{
        name: (getattr(np, name), method(name))
        for name in ("prod", "cumprod", "cumsum", "var", "std", "trace", "diagonal")
    },
    "logsumexp": (gn.logsumexp,),
    "einsum": (lambda *arrays, subscripts: np.einsum(subscripts, *arrays),),
    "pad": (np.pad,),
    "inv": (np.linalg.inv, gn.linalg.inv),
    "det": (np.linalg.det, gn.linalg.det),
    "log_abs_det": (lambda z: np.linalg.slogdet(z)[1],),
    "solve": (np.linalg.solve, gn.linalg.solve),
    "matrix_power": (np.linalg.matrix_power,),
    "sse": (gn.sse,),
    "mse": (gn.mse,),
    "binary_cross_entropy": (gn.binary_cross_entropy,),
    "cross_entropy": (gn.cross_entropy,),
    "silu": (gn.silu,),
    "gelu": (gn.gelu,),
    "gelu_tanh": (gn.gelu_tanh,),
    "mish": (gn.mish,),
    "elu": (gn.elu,),
    "celu": (gn.celu,),
    "selu": (gn.selu,),
    "relu6": (gn.relu6,),
    "hard_tanh": (gn.hard_tanh,),
    "hard_sigmoid": (gn.hard_sigmoid,),
    "hard_swish": (gn.hard_swish,),
    "huber": (gn.huber,),
    "hinge": (gn.hinge,),
    "kl_divergence": (gn.kl_divergence,),
    "smooth_labels": (gn.smooth_labels,),
    "rms_norm": (gn.rms_norm,),
    "group_norm": (gn.group_norm,),
    "attention": (gn.attention,),
    "erf": (gn.erf,),
    "normal_cdf": (gn.normal_cdf,),
}
