"""One case or more for each operation: arguments with all dimensions different, away from kinks and zeros."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np

rng = np.random.default_rng(0)


def real(*shape: int) -> Any:
    """Return numbers of both signs, none nearer to 0 than 0.1."""
    return rng.uniform(0.1, 1.7, shape) * rng.choice([-1, 1], shape)


def positive(*shape: int) -> Any:
    """Return positive numbers."""
    return np.abs(real(*shape)) + 0.2


class Case(NamedTuple):
    """An operation, its arguments and settings."""

    op: str
    args: tuple[Any, ...]
    settings: Mapping[str, Any] = MappingProxyType({})

    def __str__(self) -> str:
        shapes = " ".join(str(np.shape(arg)) for arg in self.args)
        return " ".join([self.op, shapes, *(f"{name}={value}" for name, value in self.settings.items())])


MASK = np.array([[True, False, True], [False, True, True]])

SMOOTH = [
    *(Case(op, (real(2, 3), real(2, 3))) for op in ("add", "subtract", "multiply")),
    Case("add", (real(4, 2, 3), real(3))),
    Case("multiply", (real(2, 3), real(3))),
    Case("multiply", (real(2, 1), real(2, 3))),
    Case("subtract", (np.float64(0.3), real(2, 3))),
    Case("divide", (real(2, 3), positive(2, 1))),
    Case("power", (positive(2, 3), real(2, 3))),
    Case("power", (positive(2, 3), np.float64(0.0))),
    Case("power", (real(2, 3), 3)),
    Case("power", (2.5, real(2, 3))),
    *(Case(op, (real(2, 3),)) for op in ("negative", "square", "exp", "expm1", "sin", "cos", "sinh", "cosh")),
    *(Case(op, (positive(2, 3),)) for op in ("sqrt", "reciprocal", "log", "log1p")),
    *(Case(op, (real(2, 3),)) for op in ("identity", "sigmoid", "tanh", "softplus", "swish")),
    Case("polynomial", (real(2, 3),), {"coefficients": (0.5, -1.0, 2.0, 0.3)}),
    *(Case(op, (real(2, 3),), {"axis": axis}) for op in ("softmax", "log_softmax") for axis in (0, -1)),
    Case("sum", (real(2, 3, 4),), {"axis": (0, 2)}),
    Case("sum", (real(2, 3),), {}),
    Case("mean", (real(2, 3, 4),), {"axis": 1, "keepdims": True}),
    Case("mean", (real(2, 3),), {}),
    Case("matmul", (real(2, 3), real(3, 4))),
    Case("matmul", (real(3), real(3, 4))),
    Case("matmul", (real(2, 3), real(3))),
    Case("matmul", (real(3), real(3))),
    Case("matmul", (real(5, 2, 3), real(3, 4))),
    Case("matmul", (real(5, 2, 3), real(1, 3, 4))),
    Case("matmul", (real(5, 2, 3), real(3))),
    Case("matmul", (real(2), real(5, 2, 3))),
    Case("dot", (real(2, 3), real(3, 4))),
    Case("bias_add", (real(2, 3), real(3))),
    Case("bias_add", (real(4, 2, 3), real(3))),
    Case("transpose", (real(2, 3, 4),), {"axes": (1, 2, 0)}),
    Case("transpose", (real(2, 3),), {}),
    Case("swapaxes", (real(2, 3, 4),), {"first": 0, "second": -1}),
    Case("reshape", (real(2, 3),), {"shape": (3, -1)}),
    Case("ravel", (real(2, 3),), {}),
    Case("expand_dims", (real(2, 3),), {"axis": -1}),
    Case("squeeze", (real(2, 1, 3),), {"axis": -2}),
    Case("broadcast_to", (real(2, 1),), {"shape": (4, 2, 3)}),
    Case("concatenate", (real(2, 3), real(2, 1), real(2, 2)), {"axis": -1}),
    Case("stack", (real(2, 3), real(2, 3)), {"axis": 1}),
    Case("take", (real(2, 3), np.array([2, 0, 2, -1])), {"axis": 1}),
    Case("getitem", (real(4, 3),), {"index": (slice(None, None, -2), None, 1)}),
    Case("conv2d", (real(2, 3, 5, 4), real(4, 3, 3, 2))),
    Case("conv2d", (real(2, 2, 6, 5), real(3, 2, 2, 3)), {"stride": (2, 3), "padding": (1, 2)}),
    Case("conv2d", (real(2, 1, 4, 6), real(2, 1, 1, 3)), {"stride": (3, 1), "padding": (0, 4)}),
    *(Case("batch_norm", (real(*shape),)) for shape in ((4, 3), (2, 3, 2, 4))),
    Case("layer_norm", (real(2, 4),)),
    Case("layer_norm", (real(2, 3, 4),), {"axes": (1, 2)}),
    Case("dropout", (real(2, 3), np.array([[True, False, True], [False, True, True]])), {"rate": 0.25}),
    *(Case(op, (real(2, 3), real(2, 3))) for op in ("sse", "mse", "binary_cross_entropy", "cross_entropy")),
]  # fmt: skip

KINKED = [
    *(Case(op, (real(2, 3),)) for op in ("abs", "relu")),
    Case("leaky_relu", (real(2, 3),), {"slope": 0.2}),
    *(Case(op, (real(2, 3), real(3))) for op in ("maximum", "minimum")),
    Case("clip", (real(2, 3), -0.5, 0.5)),
    Case("where", (MASK, real(2, 3), real(3))),
    *(Case(op, (real(2, 3, 4),), {"axis": 1}) for op in ("max", "min")),
    Case("max", (real(2, 3),), {"axis": (0, 1), "keepdims": True}),
    Case("max_pool2d", (real(2, 3, 5, 4),), {"size": (2, 2), "stride": (2, 2)}),
    Case("max_pool2d", (real(2, 2, 6, 5),), {"size": (3, 2), "stride": (2, 1)}),
]

EVERY = [*SMOOTH, *KINKED]
