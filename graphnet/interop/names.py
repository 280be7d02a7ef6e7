"""What other libraries call what graphnet has; the table for ONNX is read in both directions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from graphnet.ops.activations import identity, leaky_relu, log_softmax, relu, sigmoid, softmax, softplus
from graphnet.ops.comparisons import Abs
from graphnet.ops.erf import erf
from graphnet.ops.linalg import Det
from graphnet.ops.neural import celu, elu, hard_swish, mish

ALIKE: dict[str, Callable[..., Any]] = {
    "abs": Abs(), "acos": np.arccos, "acosh": np.arccosh, "add": np.add, "and": np.logical_and, "asin": np.arcsin,
    "asinh": np.arcsinh, "atan": np.arctan, "atanh": np.arctanh, "ceil": np.ceil, "cos": np.cos, "cosh": np.cosh,
    "div": np.divide, "erf": erf, "exp": np.exp, "floor": np.floor, "log": np.log, "max": np.maximum, "min": np.minimum,
    "mul": np.multiply, "neg": np.negative, "not": np.logical_not, "or": np.logical_or, "pow": np.power, "sign": np.sign,
    "sin": np.sin, "sinh": np.sinh, "sqrt": np.sqrt, "sub": np.subtract, "tan": np.tan, "tanh": np.tanh, "xor": np.logical_xor,
}  # fmt: skip
"""What PyTorch, JAX and ONNX give the same name, but for its case."""

_PLAIN: dict[str, Callable[..., Any]] = {
    **{name.capitalize(): function for name, function in ALIKE.items()},
    "Det": Det(), "Equal": np.equal, "Greater": np.greater, "GreaterOrEqual": np.greater_equal, "HardSwish": hard_swish,
    "Identity": identity, "IsNaN": np.isnan, "Less": np.less, "LessOrEqual": np.less_equal, "MatMul": np.matmul, "Mish": mish,
    "Reciprocal": np.reciprocal, "Relu": relu, "Round": np.round, "Sigmoid": sigmoid, "Softplus": softplus, "Where": np.where,
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
