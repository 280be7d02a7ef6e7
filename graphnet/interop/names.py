"""What other libraries call what graphnet has, and what they share else; the tables for ONNX are read in both directions."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from graphnet.core.leaves import as_node
from graphnet.core.node import Node
from graphnet.core.shapes import broadcast
from graphnet.errors import ShapeError
from graphnet.interop.images import limited
from graphnet.ops.activations import identity, leaky_relu, log_softmax, relu, sigmoid, softmax, softplus
from graphnet.ops.comparisons import Abs
from graphnet.ops.erf import erf
from graphnet.ops.linalg import Det
from graphnet.ops.neural import celu, elu, gelu, hard_swish, mish

ALIKE: dict[str, Callable[..., Any]] = {
    "abs": Abs(), "acos": np.arccos, "acosh": np.arccosh, "add": np.add, "and": np.logical_and, "asin": np.arcsin,
    "asinh": np.arcsinh, "atan": np.arctan, "atanh": np.arctanh, "ceil": np.ceil, "cos": np.cos, "cosh": np.cosh,
    "div": np.divide, "erf": erf, "exp": np.exp, "floor": np.floor, "log": np.log, "max": np.maximum, "min": np.minimum,
    "mul": np.multiply, "neg": np.negative, "not": np.logical_not, "or": np.logical_or, "pow": np.power, "sign": np.sign,
    "sin": np.sin, "sinh": np.sinh, "sqrt": np.sqrt, "sub": np.subtract, "tan": np.tan, "tanh": np.tanh, "xor": np.logical_xor,
}  # fmt: skip
"""What PyTorch, JAX and ONNX give the same name, but for its case."""

SHORT: dict[str, Callable[..., Any]] = {
    **ALIKE, "atan2": np.arctan2, "eq": np.equal, "expm1": np.expm1, "ge": np.greater_equal, "gt": np.greater,
    "le": np.less_equal, "log1p": np.log1p, "lt": np.less, "ne": np.not_equal, "rsqrt": lambda z: 1 / np.sqrt(z),
    "square": np.square,
}  # fmt: skip
"""What PyTorch and JAX give the same name."""

_PLAIN: dict[str, Callable[..., Any]] = {
    **{name.capitalize(): function for name, function in ALIKE.items()},
    "Det": Det(), "Equal": np.equal, "Greater": np.greater, "GreaterOrEqual": np.greater_equal, "HardSwish": hard_swish,
    "Identity": identity, "IsNaN": np.isnan, "Less": np.less, "LessOrEqual": np.less_equal, "MatMul": np.matmul, "Mish": mish,
    "Reciprocal": np.reciprocal, "Relu": relu, "Round": np.rint, "Sigmoid": sigmoid, "Softplus": softplus, "Where": np.where,
}  # fmt: skip

SAME: dict[str, tuple[Callable[..., Any], dict[str, str]]] = {
    **{name: (function, {}) for name, function in _PLAIN.items()},
    "Celu": (celu, {"alpha": "alpha"}),
    "Elu": (elu, {"alpha": "alpha"}),
    "LeakyRelu": (leaky_relu, {"alpha": "slope"}),
    "LogSoftmax": (log_softmax, {"axis": "axis"}),
    "Softmax": (softmax, {"axis": "axis"}),
}
"""Name in ONNX → what does the same to the same inputs, and of each attribute the setting that it is."""

ALSO: dict[str, tuple[Callable[..., Any], dict[str, str]]] = {
    "GatherElements": (np.take_along_axis, {"axis": "axis"}),
    "Gelu": (gelu, {"approximate": "approximate"}),
    "Transpose": (np.transpose, {"perm": "axes"}),
}
"""The same, of what does not stretch its operands."""


def along(z: Any, axis: int, item: Any) -> Any:
    """Return the part of z that an item of an index takes along an axis."""
    return z[(*(slice(None),) * (axis % z.ndim), item)]


def cumulated(function: Callable[..., Any]) -> Callable[..., Any]:
    """Return a function that goes along an axis, from its end if it is told so."""
    return lambda z, axis, reverse: np.flip(function(np.flip(z, axis), axis), axis) if reverse else function(z, axis)


def converted(z: Any, new_dtype: Any) -> Any:
    """Return what has values of another kind: truth values, or numbers, of which integers are cut off."""
    kinds = z.dtype.kind + np.dtype(new_dtype).kind
    if "b" in kinds:
        return z if kinds == "bb" else np.where(z, 1.0, 0.0) if kinds[0] == "b" else np.not_equal(z, 0)
    return np.trunc(z) if kinds in ("fi", "fu") else z


def stretched(*operands: Any, behind: int = 0) -> tuple[Any, ...]:
    """Return operands such that each axis of size 1 stretches, as it does elsewhere; but for `behind` axes, the last."""
    shapes = [np.shape(each)[: np.ndim(each) - behind] for each in operands]
    if not any(isinstance(each, Node) for each in operands):
        limited(np.broadcast_shapes(*shapes))
        return operands
    try:
        broadcast(*shapes)
        return operands
    except ShapeError:
        ndim = max(map(len, shapes))
        return tuple(_written_anew(each, shape, ndim) for each, shape in zip(operands, shapes, strict=True))


def _written_anew(z: Any, shape: Sequence[Any], ndim: int) -> Any:
    """Return z with axes of size 1 written anew, and so many in all: so it is told that they are to stretch."""
    own = [(0, None) if size == 1 else (slice(None),) for size in shape]
    return as_node(z)[(*(None,) * (ndim - len(shape)), *itertools.chain(*own))]


def stretching(function: Callable[..., Any]) -> Callable[..., Any]:
    """Return a function whose operands stretch to each other."""
    return lambda *operands, **settings: function(*stretched(*operands), **settings)
