"""What ONNX calls what graphnet has: one table, read in both directions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from graphnet.ops.activations import identity, leaky_relu, log_softmax, relu, sigmoid, softmax, softplus
from graphnet.ops.comparisons import Abs
from graphnet.ops.erf import erf
from graphnet.ops.linalg import Det
from graphnet.ops.neural import celu, elu, hard_swish, mish

_PLAIN: dict[str, Callable[..., Any]] = {
    "Abs": Abs(), "Acos": np.arccos, "Acosh": np.arccosh, "Add": np.add, "And": np.logical_and, "Asin": np.arcsin,
    "Asinh": np.arcsinh, "Atan": np.arctan, "Atanh": np.arctanh, "Ceil": np.ceil, "Cos": np.cos, "Cosh": np.cosh, "Det": Det(),
    "Div": np.divide, "Equal": np.equal, "Erf": erf, "Exp": np.exp, "Floor": np.floor, "Greater": np.greater,
    "GreaterOrEqual": np.greater_equal, "HardSwish": hard_swish, "Identity": identity, "IsNaN": np.isnan, "Less": np.less,
    "LessOrEqual": np.less_equal, "Log": np.log, "MatMul": np.matmul, "Max": np.maximum, "Min": np.minimum, "Mish": mish,
    "Mul": np.multiply, "Neg": np.negative, "Not": np.logical_not, "Or": np.logical_or, "Pow": np.power,
    "Reciprocal": np.reciprocal, "Relu": relu, "Round": np.round, "Sigmoid": sigmoid, "Sign": np.sign, "Sin": np.sin,
    "Sinh": np.sinh, "Softplus": softplus, "Sqrt": np.sqrt, "Sub": np.subtract, "Tan": np.tan, "Tanh": np.tanh,
    "Where": np.where, "Xor": np.logical_xor,
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
