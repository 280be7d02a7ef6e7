"""One case or more for each operation: arguments with all dimensions different, away from kinks and zeros."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np
from mpmath import mp, mpf

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
    *(Case(op, (real(2, 3),)) for op in ("erf", "normal_cdf", "silu", "gelu", "gelu_tanh", "mish")),
    Case("rms_norm", (real(2, 3, 4),), {"axes": (1, 2)}),
    Case("group_norm", (real(2, 6, 2, 3),), {"groups": 3}),
    Case("attention", (real(2, 3, 4), real(2, 5, 4), real(2, 5, 3))),
    Case("attention", (real(2, 4), real(3, 4), real(3, 2), np.array([[True, False, True], [False] * 3]))),
    Case("smooth_labels", (positive(2, 3),), {"amount": 0.3}),
    Case("kl_divergence", (real(2, 3), positive(2, 3))),
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
    Case("getitem", (real(4, 3),), {"index": (np.array([3, 0, 3]), np.array([2, 1, 2]))}),
    Case("roll", (real(4, 3),), {"shift": 2, "axis": 1}),
    Case("repeat", (real(2, 3),), {"repeats": 2, "axis": 1}),
    Case("tile", (real(2, 3),), {"reps": (2, 1, 3)}),
    Case("moveaxis", (real(2, 3, 4),), {"source": 0, "destination": -1}),
    Case("diff", (real(2, 4),), {"axis": 1}),
    Case("conv2d", (real(2, 3, 5, 4), real(4, 3, 3, 2))),
    Case("conv2d", (real(2, 2, 6, 5), real(3, 2, 2, 3)), {"stride": (2, 3), "padding": (1, 2)}),
    Case("conv2d", (real(2, 1, 4, 6), real(2, 1, 1, 3)), {"stride": (3, 1), "padding": (0, 4)}),
    Case("conv2d", (real(2, 4, 7, 6), real(6, 2, 2, 3)), {"padding": (1, 1), "dilation": (3, 2), "groups": 2}),
    Case("conv1d", (real(2, 6, 7), real(3, 2, 3)), {"stride": 2, "padding": 1, "dilation": 2, "groups": 3}),
    Case("avg_pool2d", (real(2, 3, 5, 4),), {"size": (2, 3), "stride": (2, 1)}),
    Case("avg_pool2d", (real(2, 2, 5, 4),), {"size": (3, 2), "stride": (2, 2), "padding": (1, 1)}),
    *(Case("batch_norm", (real(*shape),)) for shape in ((4, 3), (2, 3, 2, 4))),
    Case("layer_norm", (real(2, 4),)),
    Case("layer_norm", (real(2, 3, 4),), {"axes": (1, 2)}),
    Case("dropout", (real(2, 3), np.array([[True, False, True], [False, True, True]])), {"rate": 0.25}),
    *(Case(op, (real(2, 3), real(2, 3))) for op in ("sse", "mse", "binary_cross_entropy", "cross_entropy")),
]  # fmt: skip

KINKED = [
    *(Case(op, (real(2, 3),)) for op in ("abs", "relu")),
    Case("leaky_relu", (real(2, 3),), {"slope": 0.2}),
    *(Case(op, (4 * real(3, 4),)) for op in ("relu6", "hard_tanh", "hard_sigmoid", "hard_swish", "selu")),
    *(Case(op, (real(2, 3),), {"alpha": 0.7}) for op in ("elu", "celu")),
    Case("huber", (real(4, 3), real(4, 3)), {"threshold": 0.8}),
    Case("hinge", (real(4, 3), real(4, 3))),
    *(Case(op, (real(2, 3), real(3))) for op in ("maximum", "minimum")),
    Case("clip", (real(2, 3), -0.5, 0.5)),
    Case("where", (MASK, real(2, 3), real(3))),
    *(Case(op, (real(2, 3, 4),), {"axis": 1}) for op in ("max", "min")),
    Case("max", (real(2, 3),), {"axis": (0, 1), "keepdims": True}),
    Case("max_pool2d", (real(2, 3, 5, 4),), {"size": (2, 2), "stride": (2, 2)}),
    Case("max_pool2d", (real(2, 2, 4, 5),), {"size": (2, 3), "stride": (2, 2), "padding": (1, 1)}),
    Case("max_pool2d", (real(2, 2, 6, 5),), {"size": (3, 2), "stride": (2, 1)}),
]

EVERY = [*SMOOTH, *KINKED]


# The exact values and slopes of elementwise ops, at 50 digits ------------------------------------------------------------


@dataclass(frozen=True)
class Reference:
    """What an elementwise op should give, entry by entry, and the slope for each input.

    `whole` and `terms` return what the errors of a slope and of a value are measured by, if that is more than these
    themselves; `why` says it in words.
    """

    value: Callable[..., Any]
    slopes: tuple[Callable[..., Any], ...]
    whole: Callable[..., Any] = lambda *x: 0
    why: str = ""
    terms: Callable[..., Any] = lambda *x: 0


def sigmoid(z: Any) -> Any:
    return 1 / (1 + mp.exp(-z))


def slope_of_power(x: Any, p: Any) -> Any:
    if mp.isinf(p) or (x < 0 and abs(p) >= 2**24):  # p − 1 is odd or even by its rounding in float32
        return mp.nan
    return mpf(0) if p == 0 else p * mp.power(x, p - 1) if x or p >= 1 else mp.inf


def sign(z: Any) -> Any:
    return mpf((z > 0) - (z < 0))


def share(part: Any, whole: Any) -> Any:
    return part / whole if whole else mpf(0)


def division(x: Any, y: Any) -> tuple[Any, Any]:
    with mp.workdps(700):  # from the smallest number to the largest
        return mp.floor(x / y), x - y * mp.floor(x / y)


def log_of_sum(base: Any, x: Any, y: Any) -> Any:
    if mp.isinf(x) or mp.isinf(y):
        return max(x, y)
    return max(x, y) + mp.log1p(mp.power(base, -abs(x - y))) / mp.log(base)


def one(*_: Any) -> Any:
    return mpf(1)


TERMS = "measured by the sum of its terms"
SLOPE = "measured by the largest slope: it reads the cached output"
POLYNOMIAL = (0.5, -1.0, 2.0, 0.25)


def half_where_equal(wins: Callable[[Any, Any], bool]) -> tuple[Callable[..., Any], ...]:
    return tuple(lambda *xy, i=i: mpf("0.5") if xy[0] == xy[1] else mpf(wins(xy[i], xy[1 - i])) for i in (0, 1))


def horner(coefficients: Sequence[float]) -> Callable[[Any], Any]:
    return lambda z: sum((mpf(c) * z**n for n, c in enumerate(coefficients)), mpf(0))


def derivative(coefficients: Sequence[float]) -> list[float]:
    return [n * c for n, c in enumerate(coefficients)][1:]


FAR = 10**4
"""Where mpmath need not be asked: a gate is 0 or 1, to thousands of digits."""


def phi(z: Any) -> Any:
    return mp.exp(-z * z / 2) / mp.sqrt(2 * mp.pi)


def cdf(z: Any) -> Any:
    return mp.erfc(-z / mp.sqrt(2)) / 2 if abs(z) < FAR else mpf(z > 0)


def gated(gate: Any, slope: Any, steep: Callable[[Any], Any] = one) -> Reference:
    """Return what z · gate(z) should give, max(0, z) far out; `steep` is what the rounding of an exponent grows by."""
    return Reference(
        lambda z: z * gate(z) if abs(z) < FAR else max(z, 0),
        (lambda z: gate(z) + z * slope(z) if abs(z) < FAR else mpf(z > 0),),
        steep,
        "measured by 1, about the largest slope" + "; times the slope of the exponent" * (steep is not one),
        lambda z: abs(z * gate(z)) * steep(z) if abs(z) < FAR else 0,
    )


def tanh_gate(z: Any) -> Any:
    return sigmoid(2 * mp.sqrt(2 / mp.pi) * (z + mpf("0.044715") * z**3))


def slope_of_tanh_gate(z: Any) -> Any:
    inner = 2 * mp.sqrt(2 / mp.pi) * (1 + 3 * mpf("0.044715") * z**2)
    return tanh_gate(z) * tanh_gate(-z) * inner


def mish_gate(z: Any) -> Any:
    return mp.tanh(UNARY["softplus"].value(z))


def slope_of_mish_gate(z: Any) -> Any:
    return mp.sech(UNARY["softplus"].value(z)) ** 2 * sigmoid(z)


def exponential_unit(alpha: Any, scale: Any = 1) -> Reference:
    return Reference(
        lambda z: scale * (z if z > 0 else alpha * mp.expm1(z)),
        (lambda z: mpf(scale) if z > 0 else scale * alpha * mp.exp(z),),
        lambda z: scale * alpha,
        SLOPE,
    )


def between(low: Any, high: Any, value: Callable[[Any], Any], slope: Any) -> Reference:
    """Return a straight piece, exact up to the rounding of its largest value, and constants beside it."""
    return Reference(
        lambda z: value(min(max(z, low), high)),
        (lambda z: slope if low < z < high else mpf(0),),
        terms=lambda z: max(abs(value(mpf(low))), abs(value(mpf(high)))),
    )


UNARY = {
    "identity": Reference(lambda z: z, (one,)),
    "negative": Reference(lambda z: -z, (lambda z: mpf(-1),)),
    "abs": Reference(abs, (sign,)),
    "square": Reference(lambda z: z * z, (lambda z: 2 * z,)),
    "sqrt": Reference(mp.sqrt, (lambda z: 1 / (2 * mp.sqrt(z)) if z else mp.inf,)),
    "reciprocal": Reference(lambda z: 1 / z if z else mp.inf, (lambda z: -1 / z**2 if z else -mp.inf,)),
    "exp": Reference(mp.exp, (mp.exp,)),
    "expm1": Reference(mp.expm1, (mp.exp,), lambda z: abs(mp.expm1(z)) + 1, TERMS),
    "log": Reference(mp.log, (lambda z: 1 / z if z else mp.inf,)),
    "log1p": Reference(mp.log1p, (lambda z: 1 / (1 + z) if z != -1 else mp.inf,)),
    "deg2rad": Reference(lambda z: z * mp.pi / 180, (lambda z: mp.pi / 180,)),
    "rad2deg": Reference(lambda z: z * 180 / mp.pi, (lambda z: 180 / mp.pi,)),
    "exp2": Reference(lambda z: mp.power(2, z), (lambda z: mp.power(2, z) * mp.log(2),)),
    "log2": Reference(lambda z: mp.log(z) / mp.log(2), (lambda z: 1 / (z * mp.log(2)) if z else mp.inf,)),
    "log10": Reference(mp.log10, (lambda z: 1 / (z * mp.log(10)) if z else mp.inf,)),
    "cbrt": Reference(
        lambda z: sign(z) * mp.cbrt(abs(z)), (lambda z: 1 / (3 * mp.cbrt(abs(z)) ** 2) if z else mp.inf,)
    ),
    "tan": Reference(mp.tan, (lambda z: 1 + mp.tan(z) ** 2,)),
    "arcsin": Reference(mp.asin, (lambda z: 1 / mp.sqrt((1 - z) * (1 + z)) if abs(z) != 1 else mp.inf,)),
    "arccos": Reference(mp.acos, (lambda z: -1 / mp.sqrt((1 - z) * (1 + z)) if abs(z) != 1 else -mp.inf,)),
    "arctan": Reference(mp.atan, (lambda z: 1 / (1 + z * z),)),
    "arcsinh": Reference(mp.asinh, (lambda z: 1 / mp.sqrt(1 + z * z),)),
    "arccosh": Reference(mp.acosh, (lambda z: 1 / mp.sqrt((z - 1) * (z + 1)) if z != 1 else mp.inf,)),
    "arctanh": Reference(mp.atanh, (lambda z: 1 / ((1 - z) * (1 + z)) if abs(z) != 1 else mp.inf,)),
    "sin": Reference(mp.sin, (mp.cos,)),
    "cos": Reference(mp.cos, (lambda z: -mp.sin(z),)),
    "sinh": Reference(mp.sinh, (mp.cosh,)),
    "cosh": Reference(mp.cosh, (mp.sinh,)),
    "tanh": Reference(mp.tanh, (lambda z: mp.sech(z) ** 2,), one, SLOPE),
    "sigmoid": Reference(sigmoid, (lambda z: sigmoid(z) * sigmoid(-z),), lambda z: mpf("0.25"), SLOPE),
    "softplus": Reference(lambda z: mp.log1p(mp.exp(z)) if z < 100 else z + mp.exp(-z), (sigmoid,)),
    "relu": Reference(lambda z: z if z > 0 else mpf(0), (lambda z: mpf(z > 0),)),
    "leaky_relu": Reference(
        lambda z: z if z > 0 else mpf(0.01) * z,
        (lambda z: mpf(1) if z > 0 else mpf(0.01),),
        one,
        "the slope is a setting",
    ),
    "erf": Reference(
        mp.erf, (lambda z: 2 / mp.sqrt(mp.pi) * mp.exp(-z * z),), lambda z: mpf(1), "measured by the largest"
    ),
    "normal_cdf": Reference(cdf, (phi,), lambda z: mpf("0.4"), "measured by the largest slope"),
    "silu": gated(sigmoid, lambda z: sigmoid(z) * sigmoid(-z)),
    "gelu": gated(cdf, phi),
    "gelu_tanh": gated(tanh_gate, slope_of_tanh_gate, lambda z: 1 + abs(z) + abs(z) ** 3 / 10),
    "mish": gated(mish_gate, slope_of_mish_gate),
    "elu": exponential_unit(1),
    "celu": exponential_unit(1),
    "selu": exponential_unit(mpf("1.6732632423543772"), mpf("1.0507009873554805")),
    "relu6": between(0, 6, lambda z: z, mpf(1)),
    "hard_tanh": between(-1, 1, lambda z: z, mpf(1)),
    "hard_sigmoid": between(-3, 3, lambda z: (z + 3) / 6, mpf(1) / 6),
    "hard_swish": Reference(
        lambda z: z * min(max(z + 3, 0), 6) / 6 if mp.isfinite(z) else max(z, 0),
        (lambda z: mpf(z > 0) if abs(z) >= 3 else (2 * z + 3) / 6,),
        one,
        TERMS,
        lambda z: min(abs(z), 3),
    ),
    "polynomial": Reference(
        horner(POLYNOMIAL),
        (horner(derivative(POLYNOMIAL)),),
        lambda z: horner(np.abs(derivative(POLYNOMIAL)).tolist())(abs(z)),
        TERMS,
        lambda z: horner(np.abs(POLYNOMIAL).tolist())(abs(z)),
    ),
}

BINARY = {
    "add": Reference(lambda x, y: x + y, (one, one)),
    "subtract": Reference(lambda x, y: x - y, (one, lambda x, y: mpf(-1))),
    "multiply": Reference(lambda x, y: x * y, (lambda x, y: y, lambda x, y: x)),
    "divide": Reference(lambda x, y: x / y, (lambda x, y: 1 / y, lambda x, y: -x / y**2)),
    "power": Reference(
        mp.power,
        (slope_of_power, lambda x, p: mp.nan if mp.isinf(p) else mp.power(x, p) * mp.log(x) if x > 0 else mpf(0)),
        lambda x, p: abs(slope_of_power(x, p)) * (1 + max(1, abs(p)) * abs(mp.log(abs(x)))) if x else 0,
        "measured by the slope times 1 + |p ln x|: p − 1 is rounded, and then an exponent",
    ),
    "hypot": Reference(mp.hypot, (lambda x, y: share(x, mp.hypot(x, y)), lambda x, y: share(y, mp.hypot(x, y)))),
    "arctan2": Reference(
        lambda x, y: mp.atan2(x, y) if x or y > 0 else mp.nan,  # which of −π and π says the sign of 0
        (lambda x, y: share(y, x * x + y * y), lambda x, y: -share(x, x * x + y * y)),
    ),
    "logaddexp": Reference(
        lambda x, y: log_of_sum(mp.e, x, y),
        (lambda x, y: sigmoid(x - y), lambda x, y: sigmoid(y - x)),
        one,
        SLOPE,
        lambda x, y: max(abs(x), abs(y), 1),
    ),
    "logaddexp2": Reference(
        lambda x, y: log_of_sum(mpf(2), x, y),
        (lambda x, y: sigmoid((x - y) * mp.log(2)), lambda x, y: sigmoid((y - x) * mp.log(2))),
        one,
        SLOPE,
        lambda x, y: max(abs(x), abs(y), 1),
    ),
    "remainder": Reference(lambda x, y: division(x, y)[1], (one, lambda x, y: -division(x, y)[0])),
    "fmod": Reference(
        lambda x, y: sign(x) * division(abs(x), abs(y))[1],
        (one, lambda x, y: -sign(x) * sign(y) * division(abs(x), abs(y))[0]),
    ),
    "maximum": Reference(max, half_where_equal(lambda x, y: x > y)),
    "minimum": Reference(min, half_where_equal(lambda x, y: x < y)),
}
