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

SAME: dict[str, tuple[Callable[..., Any], dict[str, tuple[str, Any]]]] = {
    **{
        name: (function, {})
        for name, function in {
            "Abs": Abs(), "Acos": np.arccos, "Acosh": np.arccosh, "Add": np.add, "And": np.logical_and, "Asin": np.arcsin,
            "Asinh": np.arcsinh, "Atan": np.arctan, "Atanh": np.arctanh, "Ceil": np.ceil, "Cos": np.cos, "Cosh": np.cosh,
            "Equal": np.equal, "Erf": erf, "Exp": np.exp, "Floor": np.floor, "Greater": np.greater,
            "GreaterOrEqual": np.greater_equal, "HardSwish": hard_swish, "Identity": identity, "IsNaN": np.isnan,
            "Less": np.less, "LessOrEqual": np.less_equal, "Log": np.log, "MatMul": np.matmul, "Mish": mish, "Mul": np.multiply,
            "Neg": np.negative, "Not": np.logical_not, "Or": np.logical_or, "Reciprocal": np.reciprocal,
            "Relu": relu, "Round": np.round, "Sigmoid": sigmoid, "Sign": np.sign, "Sin": np.sin, "Sinh": np.sinh,
            "Softplus": softplus, "Sqrt": np.sqrt, "Sub": np.subtract, "Tan": np.tan, "Tanh": np.tanh, "Where": np.where,
            "Xor": np.logical_xor, "Det": Det(), "Div": np.divide, "Pow": np.power, "Max": np.maximum, "Min": np.minimum,
        }.items()
    },
    "Celu": (celu, {"alpha": ("alpha", 1.0)}),
    "Elu": (elu, {"alpha": ("alpha", 1.0)}),
    "LeakyRelu": (leaky_relu, {"alpha": ("slope", 0.01)}),
    "LogSoftmax": (log_softmax, {"axis": ("axis", -1)}),
    "Softmax": (softmax, {"axis": ("axis", -1)}),
}  # fmt: skip
"""Name in ONNX → what does the same to the same inputs, and of each attribute the setting that it is, with its default."""
