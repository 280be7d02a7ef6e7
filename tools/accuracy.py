"""How exact every op is: its forward and its backward rule, in float64 and float32, against mpmath at 50 digits.

    python -m tools.accuracy      prints the table, and writes docs/accuracy.md

The ops are those of `graphnet.ops`, found by inspection: one without a reference here is an error that names it. The numbers
fed are chosen by a principle, not by hand: powers of ten over the whole range, and the neighbours of every point where one of
the functions changes its form, its sign or its reach.
"""

from __future__ import annotations

import itertools
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import mpmath
import numpy as np
from mpmath import mp, mpf

import graphnet as gn
from tests.ops.cases import BINARY, POLYNOMIAL, SLOPE, TERMS, UNARY, Reference, one

mp.dps = 50
Numbers = np.ndarray[Any, Any]
DTYPES = (np.float64, np.float32)
FORWARD, BACKWARD = 4, 8
"""How many ulps are allowed."""

# What to compare with -------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Arrays:
    """What an op of arrays should give; the slopes are found by differences of 25 digits.

    `terms` returns what its error is measured by, if that is more than the value itself.
    """

    op: Any
    value: Callable[..., Any]
    draw: Callable[[np.random.Generator, float], Sequence[Numbers]]
    terms: Callable[..., Any] = lambda *x: 0
    why: str = ""
    slope: float = 0.0  # the largest there is, where the backward rule reads the cached output


def plain(*shapes: tuple[int, ...]) -> Any:
    return lambda rng, size: [size * rng.normal(size=shape) for shape in shapes]


def objects(function: Callable[..., Any]) -> Callable[..., Any]:
    return np.frompyfunc(function, 1, 1)


exp, log, log1p, root, absolute = map(objects, (mp.exp, mp.log, mp.log1p, mp.sqrt, abs))


def softmax(z: Numbers) -> Any:
    e = exp(z - z.max(-1, keepdims=True))
    return e / e.sum(-1, keepdims=True)


def log_softmax(z: Numbers) -> Any:
    return z - z.max(-1, keepdims=True) - log(exp(z - z.max(-1, keepdims=True)).sum(-1, keepdims=True))


def normal(axis: int) -> Callable[[Numbers], Any]:
    def value(z: Numbers) -> Any:
        centred = z - z.mean(axis, keepdims=True)
        return centred / root((centred**2).mean(axis, keepdims=True) + mpf(1e-5))

    return value


def binary_loss(z: Numbers, t: Numbers) -> Any:
    return (t * log1p(exp(-z)) + (1 - t) * log1p(exp(z))).sum()


def with_targets(*shape: int) -> Any:
    def draw(rng: np.random.Generator, size: float) -> Sequence[Numbers]:
        t = np.zeros(shape)
        t[np.arange(len(t)), rng.integers(shape[1], size=len(t))] = 1
        return [size * rng.normal(size=shape), t]

    return draw


def convolved(x: Numbers, W: Numbers) -> Any:
    windows = np.lib.stride_tricks.sliding_window_view(x, W.shape[2:], axis=(2, 3))
    return np.array([[(windows[n] * W[o][:, None, None]).sum((0, 3, 4)) for o in range(len(W))] for n in range(len(x))])


def to_kernel(x: Numbers, delta: Numbers) -> Any:
    return convolved(x.swapaxes(0, 1), delta.swapaxes(0, 1)).swapaxes(0, 1)


def to_input(delta: Numbers, W: Numbers) -> Any:
    padded = np.pad(delta, ((0, 0), (0, 0), (1, 1), (1, 1)))
    return convolved(padded, W[:, :, ::-1, ::-1].swapaxes(0, 1))


def of_sizes(function: Callable[..., Any]) -> Callable[..., Any]:
    return lambda *x: function(*[absolute(array) for array in x])


def pooled(z: Numbers) -> Any:
    return z.reshape(1, 1, 2, 2, 2, 2).max((3, 5))


def averaged(z: Numbers) -> Any:
    return z.reshape(1, 1, 2, 2, 2, 2).mean((3, 5))


def convolved_signals(x: Numbers, W: Numbers) -> Any:
    return convolved(x[:, :, None], W[:, :, None])[:, :, 0]


def summed(z: Numbers) -> Any:
    return z.sum(0)


def put(z: Numbers) -> Any:
    result = np.full((3, 2), mpf(0))
    for row, at in zip(z, PLACES, strict=True):
        result[at] += row
    return result


def put_in_pairs(z: Numbers) -> Any:
    result = np.full((3, 2), mpf(0))
    for number, place in zip(z, zip(PLACES, PLACES // 2, strict=True), strict=True):
        result[place] += number
    return result


PLACES = np.array([2, 0, 2, 2, 0])
KEEP = np.array([[True, False, True], [False, True, True]])


def attended(queries: Numbers, keys: Numbers, values: Numbers) -> Any:
    return softmax(queries @ keys.T / mp.sqrt(queries.shape[-1])) @ values


def attended_sizes(queries: Numbers, keys: Numbers, values: Numbers) -> Any:
    scores = absolute(queries) @ absolute(keys).T / mp.sqrt(queries.shape[-1])
    return (1 + scores.max()) * attended(queries, keys, absolute(values))


def huber(a: Numbers, t: Numbers) -> Any:
    size = absolute(a - t)
    return np.where(size < 1, size**2 / 2, size - mpf(0.5)).sum()


def varied(z: Numbers) -> Any:
    return ((z - z.mean(0)) ** 2).sum(0) / (len(z) - 1)


def sizes_of_variance(z: Numbers) -> Any:
    return (z**2).sum(0) / (len(z) - 1)


def matrix(function: Callable[[Any], Any]) -> Callable[[Numbers], Any]:
    def value(z: Numbers) -> Any:
        made = function(mp.matrix(z.tolist()))
        return np.array(made.tolist(), object) if isinstance(made, mp.matrix) else made

    return value


inverted, determined = matrix(lambda m: m**-1), matrix(mp.det)


def conditioned(*others: tuple[int, ...], symmetric: bool = False) -> Any:
    """Draw a matrix that is far from singular, and arrays beside it."""

    def draw(rng: np.random.Generator, size: float) -> Sequence[Numbers]:
        made = 0.1 * rng.normal(size=(3, 3))
        made = made @ made.T if symmetric else made
        return [size * (made + np.eye(3)), *[rng.normal(size=shape) for shape in others]]

    return draw


def products_so_far(z: Numbers) -> Any:
    return np.multiply.accumulate(z, 0)


def with_signs(*shape: int) -> Any:
    return lambda rng, size: [size * rng.normal(size=shape), rng.choice([-1.0, 1.0], shape)]


def with_shares(*shape: int) -> Any:
    return lambda rng, size: [size * rng.normal(size=shape), rng.dirichlet(np.ones(shape[1]), shape[0])]


def fixed(op: Any, *others: Numbers) -> Any:
    """Return an op of several inputs with all but the first given, as they are no real numbers."""

    class Fixed(gn.Op):
        def forward(self, z: Any) -> Any:
            return op(z, *others)

        def backward(self, delta: Any, a: Any, z: Any) -> Any:
            return op.backward(delta, a, z, *others)[0]

    return Fixed()


LARGEST = "measured by the largest entry"


def at_share(z: Numbers, q: Any) -> Any:
    ordered, place = np.sort(z, 0), q * (len(z) - 1)
    low = int(mp.floor(place))
    return ordered[low] + (place - low) * (ordered[min(low + 1, len(z) - 1)] - ordered[low])


def of_largest(z: Numbers) -> Any:
    return absolute(z).max(0)


def crossed_sizes(x: Numbers, y: Numbers) -> Any:
    x, y = absolute(x), absolute(y)
    return x[[1, 2, 0]] * y[[2, 0, 1]] + x[[2, 0, 1]] * y[[1, 2, 0]]


ARRAYS = {
    "sum": Arrays(gn.ops.Sum(0), summed, plain((50, 2)), of_sizes(summed), TERMS),
    "mean": Arrays(gn.ops.Mean(0), lambda z: z.mean(0), plain((50, 2)), of_sizes(lambda z: z.mean(0)), TERMS),
    "max": Arrays(gn.ops.Max(0), lambda z: z.max(0), plain((5, 2))),
    "max_pool2d": Arrays(gn.ops.MaxPool2d((2, 2), (2, 2)), pooled, plain((1, 1, 4, 4))),
    "avg_pool2d": Arrays(gn.ops.AvgPool2d((2, 2), (2, 2)), averaged, plain((1, 1, 4, 4)), of_sizes(averaged), TERMS),
    "matmul": Arrays(gn.ops.Matmul(), np.dot, plain((2, 5), (5, 3)), of_sizes(np.dot), TERMS),
    "bias_add": Arrays(gn.ops.BiasAdd(), np.add, plain((4, 3), (3,)), of_sizes(np.add), TERMS),
    "softmax": Arrays(gn.ops.Softmax(), softmax, plain((3, 4)), lambda z: mpf(1), "measured by what it adds up to, 1", 0.25),
    "log_softmax": Arrays(gn.ops.LogSoftmax(), log_softmax, plain((3, 4))),
    "sse": Arrays(gn.ops.SSE(), lambda a, t: ((a - t) ** 2).sum() / 2, plain((4, 3), (4, 3))),
    "mse": Arrays(gn.ops.MSE(), lambda a, t: ((a - t) ** 2).mean(), plain((4, 3), (4, 3))),
    "binary_cross_entropy": Arrays(gn.ops.BinaryCrossEntropy(), binary_loss, with_targets(4, 3)),
    "cross_entropy": Arrays(gn.ops.CrossEntropy(), lambda z, t: -(t * log_softmax(z)).sum(), with_targets(4, 3)),
    "batch_norm": Arrays(gn.ops.BatchNorm((0,)), normal(0), plain((5, 2)), one, "measured by 1, the deviation it gives"),
    "layer_norm": Arrays(gn.ops.LayerNorm(), normal(-1), plain((2, 5)), one, "measured by 1, the deviation it gives"),
    "rms_norm": Arrays(gn.ops.RmsNorm(), lambda z: z / root((z**2).mean(-1, keepdims=True) + mpf(1e-5)),
        plain((2, 5)), one, "measured by 1, the size it gives"),
    "group_norm": Arrays(gn.ops.GroupNorm(), normal(-1), plain((2, 5)), one, "measured by 1, the deviation it gives"),
    "attention": Arrays(gn.ops.Attention(), attended, plain((2, 3), (4, 3), (4, 2)), attended_sizes,
        "measured by the sum of the sizes of what is added, times 1 + the largest score", 1.0),
    "huber": Arrays(gn.ops.Huber(), huber, plain((4, 3), (4, 3))),
    "hinge": Arrays(gn.ops.Hinge(), lambda z, t: np.maximum(1 - t * z, 0).sum(), with_signs(4, 3),
        lambda z, t: (1 + abs(z)).sum(), TERMS),
    "kl_divergence": Arrays(gn.ops.KlDivergence(), lambda z, t: (t * (log(t) - log_softmax(z))).sum(), with_shares(4, 3),
        lambda z, t: (t * (absolute(log(t)) + absolute(log_softmax(z)))).sum(), TERMS),
    "smooth_labels": Arrays(gn.ops.SmoothLabels(), lambda t: t * (1 - mpf(0.1)) + mpf(0.1) / 3, plain((2, 3)), one, TERMS),
    "conv2d": Arrays(gn.ops.Conv2d(), convolved, plain((2, 2, 3, 3), (2, 2, 2, 2)), of_sizes(convolved), TERMS),
    "conv1d": Arrays(gn.ops.Conv1d(), convolved_signals, plain((2, 2, 5), (2, 2, 3)), of_sizes(convolved_signals), TERMS),
    "conv2d_to_input": Arrays(gn.ops.Conv2dToInput((3, 3)), to_input,
        plain((2, 2, 2, 2), (2, 2, 2, 2)), of_sizes(to_input), TERMS),
    "conv2d_to_kernel": Arrays(gn.ops.Conv2dToKernel((2, 2)), to_kernel,
        plain((2, 2, 3, 3), (2, 2, 2, 2)), of_sizes(to_kernel), TERMS),
    "scatter_add": Arrays(fixed(gn.ops.ScatterAdd((3, 2), 0), PLACES), put, plain((5, 2)), of_sizes(put), TERMS),
    "pick_add": Arrays(fixed(gn.ops.PickAdd((3, 2), (0, 1)), PLACES, PLACES // 2), put_in_pairs,
        plain((5,)), of_sizes(put_in_pairs), TERMS),
    "add_along_axis": Arrays(fixed(gn.ops.AddAlongAxis((3, 2), 0), np.stack([PLACES, PLACES], 1)), put,
        plain((5, 2)), of_sizes(put), TERMS),
    "take": Arrays(fixed(gn.ops.Take(0), PLACES), lambda z: z[PLACES], plain((3, 2))),
    "dropout": Arrays(fixed(gn.ops.Dropout(0.25), KEEP), lambda z: z * KEEP / mpf(0.75), plain((2, 3))),
    "broadcast_to": Arrays(gn.ops.BroadcastTo((4, 3)), lambda z: np.broadcast_to(z, (4, 3)), plain((1, 3))),
    "var": Arrays(gn.ops.Var(0, 1.0), varied, plain((9, 2)), sizes_of_variance, TERMS),
    "std": Arrays(gn.ops.Std(0, 1.0), lambda z: root(varied(z)), plain((9, 2)), lambda z: root(sizes_of_variance(z)), TERMS),
    "logsumexp": Arrays(gn.ops.Logsumexp(0), lambda z: log(exp(z).sum(0)), plain((5, 2)),
        lambda z: 1 + absolute(z).max(0), TERMS, 1.0),
    "length": Arrays(gn.ops.Length(0), lambda z: root((z**2).sum(0)), plain((12, 2))),
    "prod": Arrays(gn.ops.Prod(0), lambda z: z.prod(0), plain((5, 2))),
    "cumprod": Arrays(gn.ops.Cumprod(0), products_so_far, plain((5, 2))),
    "cumsum": Arrays(gn.ops.Cumsum(0), lambda z: np.add.accumulate(z, 0), plain((12, 2)),
        of_sizes(lambda z: np.add.accumulate(z, 0)), TERMS),
    "quantile": Arrays(gn.ops.Quantile(0.3, 0), lambda z: at_share(z, mpf(0.3)), plain((5, 2)), of_largest, TERMS),
    "percentile": Arrays(gn.ops.Percentile(30, 0), lambda z: at_share(z, mpf(0.3)), plain((5, 2)), of_largest, TERMS),
    "median": Arrays(gn.ops.Median(0), lambda z: at_share(z, mpf(0.5)), plain((6, 2)), of_largest, TERMS),
    "sort": Arrays(gn.ops.Sort(0), lambda z: np.sort(z, 0), plain((5, 2))),
    "ptp": Arrays(gn.ops.Ptp(0), lambda z: z.max(0) - z.min(0), plain((5, 2))),
    "outer": Arrays(gn.ops.Outer(), np.outer, plain((3,), (4,))),
    "vdot": Arrays(gn.ops.Vdot(), np.vdot, plain((5,), (5,)), of_sizes(np.vdot), TERMS),
    "kron": Arrays(gn.ops.Kron(), lambda x, y: np.kron(x, y), plain((3,), (4,))),
    "cross": Arrays(gn.ops.Cross(), lambda x, y: np.cross(x, y), plain((3,), (3,)), crossed_sizes, TERMS),
    "trace": Arrays(gn.ops.Trace(), np.trace, plain((5, 5)), of_sizes(np.trace), TERMS),
    "einsum": Arrays(gn.ops.Einsum("ij,jk->ik"), np.dot, plain((2, 5), (5, 3)), of_sizes(np.dot), TERMS),
    "inv": Arrays(gn.ops.Inv(), inverted, conditioned(), lambda z: absolute(inverted(z)).max(), LARGEST),
    "matrix_power": Arrays(gn.ops.MatrixPower(3), lambda z: z @ z @ z, conditioned(), of_sizes(lambda z: z @ z @ z), TERMS),
    "det": Arrays(gn.ops.Det(), determined, conditioned(), lambda z: 3 * abs(determined(z)), "measured by its 3 pivots"),
    "log_abs_det": Arrays(gn.ops.LogAbsDet(), lambda z: mp.log(abs(determined(z))), conditioned(), one, "measured by 1"),
    "solve": Arrays(gn.ops.Solve(), lambda z, b: inverted(z) @ b, conditioned((3, 2)),
        lambda z, b: absolute(inverted(z)) @ absolute(b), TERMS),
    "cholesky": Arrays(gn.ops.Cholesky(), matrix(lambda m: mp.cholesky((m + m.T) / 2)), conditioned(symmetric=True),
        lambda z: mp.sqrt(absolute(z).max()), LARGEST),
}  # fmt: skip

NO_ARITHMETIC = {
    "accuracy", "all", "any", "argmax", "argsort", "batch_size", "ceil", "concatenate", "count_nonzero", "diag",
    "diagonal", "equal", "expand_dims", "floor", "floor_divide", "getitem", "greater", "greater_equal", "heaviside",
    "isclose", "isfinite", "isinf", "isnan", "less", "less_equal", "logical_and", "logical_not", "logical_or",
    "logical_xor", "mask", "nan_to_num", "not_equal", "ones_like", "pad", "pick", "reshape", "rint", "roll",
    "round", "scatter", "sign", "sign_of_det", "signbit", "squeeze", "take_along_axis", "transpose", "tril", "triu",
    "trunc", "unmask", "where", "zeros_like",
}  # fmt: skip
"""Ops that compare or move numbers and do nothing else to them."""

# What to feed ---------------------------------------------------------------------------------------------------------


def grid(dtype: Any, step: float = 0.25) -> Numbers:
    """Return numbers of all sizes and both signs, infinities, and the neighbours of turning points."""
    info = np.finfo(dtype)
    with np.errstate(all="ignore"):
        everywhere = 10.0 ** np.arange(np.log10(float(info.smallest_subnormal)), np.log10(float(info.max)), 40 * step)
        between = 10.0 ** np.arange(-8, np.log10(750), step / 4)
        turns = [0, 0.5, 1, np.pi / 2, np.pi, info.max, info.tiny, info.eps, np.sqrt(info.max), np.sqrt(info.tiny)]
        turns += [-np.log(info.tiny), np.log(info.max), -np.log(info.eps), -np.log(info.smallest_subnormal)]
        near = np.array(turns, dtype)
        near = np.concatenate([near, np.nextafter(near, dtype(np.inf)), np.nextafter(near, dtype(-np.inf))])
        values = np.concatenate([everywhere, between, near, [np.inf]]).astype(dtype)
    return np.append(np.unique(np.concatenate([values, -values])), [dtype(-0.0), dtype(0.0)])


class Finding(NamedTuple):
    """The largest error of an op in one direction and dtype."""

    op: str
    direction: str
    dtype: str
    ulps: float
    at: str
    why: str = ""

    @property
    def allowed(self) -> int:
        return FORWARD if self.direction == "forward" else BACKWARD


def ulps(got: Any, right: Any, whole: Any, dtype: Any) -> float:
    """Return how far a number is from the right one, in units of the last place of the larger of `right` and `whole`."""
    got, right = float(got), mp.re(right) if mp.im(right) == 0 else mp.nan
    if mp.isnan(right):
        return 0.0
    info = np.finfo(dtype)
    beyond = mpf(float(info.max)) * (1 + mpf(float(info.eps)) / 4)
    size = max(abs(right), abs(whole))
    if mp.isinf(right):  # a pole: of either sign, as 0 has one and its reciprocal too
        return 0.0 if np.isinf(got) else float("inf")
    if size > beyond:  # no number of this type
        return 0.0 if got == (np.inf if right > 0 else -np.inf) or abs(right) <= beyond else float("inf")
    if not np.isfinite(got):
        nearly = np.isinf(got) and abs(right) > float(info.max) * (1 - 4 * float(info.eps)) and (got > 0) == (right > 0)
        return 0.0 if nearly else float("inf")
    if size < 1e4 * float(info.tiny) and abs(got) < 2e4 * float(info.tiny):
        return 0.0  # where the range ends, digits are lost on the way
    unit = np.spacing(dtype(min(size, 0.9 * float(info.max))))
    return float(abs(mpf(got) - right) / mpf(float(unit)))


def elementwise(name: str, reference: Reference, inputs: Sequence[Numbers]) -> Iterator[Finding]:
    """Audit an op entry by entry."""
    op = next(op for op in all_ops() if op.name == name)
    rule = op(POLYNOMIAL) if name == "polynomial" else op()
    dtype = inputs[0].dtype.type
    with np.errstate(all="ignore"):
        output = rule.forward(*inputs)
        returned = rule.backward(np.ones_like(output), output, *inputs)
    slopes = returned if isinstance(returned, tuple) else (returned,)
    forward, backward = (0.0, "-"), (0.0, "-")
    for i, point in enumerate(zip(*(array.tolist() for array in inputs), strict=True)):
        at, exact = ", ".join(f"{x:.9g}" for x in point), [mpf(x) for x in point]
        value = safely(reference.value, exact)
        forward = max(forward, (ulps(output[i], value, safely(reference.terms, exact), dtype), at))
        if mp.im(value) or mp.isnan(value):
            continue
        for slope, right in zip(slopes, reference.slopes, strict=True):
            error = ulps(slope[i], safely(right, exact), safely(reference.whole, exact), dtype)
            backward = max(backward, (error, at))
    yield Finding(name, "forward", dtype.__name__, *forward)
    yield Finding(name, "backward", dtype.__name__, *backward, reference.why)


def safely(function: Callable[..., Any], exact: Sequence[Any]) -> Any:
    """Return NaN where mathematics has no value, as log −1 or ∞ − ∞."""
    try:
        return function(*exact)
    except (ZeroDivisionError, ValueError, mpmath.libmp.ComplexResult):
        return mp.nan


def of_arrays(name: str, case: Arrays, dtype: Any) -> Iterator[Finding]:
    """Audit an op of arrays, at several sizes of its numbers."""
    rng, forward, backward = np.random.default_rng(0), (0.0, "-"), (0.0, "-")
    for size in (1e-3, 1.0, 30.0):
        inputs = [array.astype(dtype) for array in case.draw(rng, size)]
        output = np.asarray(case.op.forward(*inputs))
        delta = rng.choice([-1.0, 1.0], output.shape).astype(dtype)
        returned = case.op.backward(delta, output, *inputs)
        exact = [objects(mpf)(array.astype(float).astype(object)) for array in inputs]
        at = f"numbers of about {size:g}"
        right = np.asarray(case.value(*exact))
        whole = np.broadcast_to(np.asarray(case.terms(*exact), object), right.shape)
        for got, value, terms in zip(output.flat, right.flat, whole.flat, strict=True):
            forward = max(forward, (ulps(got, value, terms, dtype), at))
        signals = returned if isinstance(returned, tuple) else (returned,)
        for slot, signal in enumerate(signals):
            wanted = [difference(case.value, exact, slot, index, delta) for index in np.ndindex(signal.shape)]
            largest = max(case.slope, *map(abs, wanted))
            for got, value in zip(signal.flat, wanted, strict=True):
                backward = max(backward, (ulps(got, value, largest, dtype), at))
    yield Finding(name, "forward", dtype.__name__, *forward, case.why)
    how = SLOPE if case.slope else "measured by the largest entry"
    yield Finding(name, "backward", dtype.__name__, *backward, how)


def difference(value: Callable[..., Any], exact: Sequence[Numbers], slot: int, index: Any, delta: Numbers) -> Any:
    """Return the slope of Σ δ ⊙ value along one entry."""
    sides = []
    for step in (mpf(10) ** -20, -(mpf(10) ** -20)):
        moved = [array.copy() for array in exact]
        moved[slot][index] += step
        sides.append(np.sum(np.asarray(value(*moved)) * delta.astype(float).astype(object)))
    return (sides[0] - sides[1]) / (2 * mpf(10) ** -20)


def all_ops() -> list[Any]:
    """Return the classes of all ops there are."""
    kinds = [getattr(gn.ops, name) for name in gn.ops.__all__]
    return [op for op in kinds if isinstance(op, type) and op not in (gn.ops.Op, gn.ops.Primitive, gn.ops.Composite)]


def without_reference() -> list[str]:
    """Return the names of ops that the audit does not know."""
    return sorted({op.name for op in all_ops()} - {*UNARY, *BINARY, *ARRAYS, *NO_ARITHMETIC})


def audit(step: float = 0.25) -> Iterator[Finding]:
    """Audit every op; a larger step takes fewer points."""
    if missing := without_reference():
        raise SystemExit(f"no reference for: {', '.join(missing)}")
    for dtype in DTYPES:
        points = grid(dtype, step)
        pairs = [
            array.astype(dtype)
            for array in np.array(list(itertools.product(points[:: round(len(points) * step / 9)], repeat=2))).T
        ]
        for name, reference in UNARY.items():
            yield from elementwise(name, reference, [points])
        for name, reference in BINARY.items():
            yield from elementwise(name, reference, pairs)
        for name, case in ARRAYS.items():
            yield from of_arrays(name, case, dtype)
    for kind in NO_ARITHMETIC:
        assert kind in {op.name for op in all_ops()}, kind


def table(findings: Sequence[Finding]) -> str:
    """Return the findings as a table of Markdown, an op a line."""
    lines = [
        "| op | forward, float64 | float32 | backward, float64 | float32 | measured how |",
        "|---|---|---|---|---|---|",
    ]
    by_op: dict[str, list[Finding]] = {}
    for finding in findings:
        by_op.setdefault(finding.op, []).append(finding)
    for name, found in by_op.items():
        cells = [
            next(f"{f.ulps:.1f} at {f.at}" if f.ulps else "0" for f in found if (f.direction, f.dtype) == (way, kind))
            for way in ("forward", "backward")
            for kind in ("float64", "float32")
        ]
        why = "; ".join(f"{f.direction} {f.why}" for f in found if f.why and f.dtype == "float64")
        lines.append(f"| {name} | {' | '.join(cells)} | {why} |")
    return "\n".join(lines)


if __name__ == "__main__":
    result = list(audit())
    print(table(result))
    page = Path(__file__).parent.parent / "docs" / "accuracy.md"
    if page.exists():
        text = page.read_text(encoding="utf-8")
        page.write_text(text[: text.index("| op |")] + table(result) + "\n", encoding="utf-8")
    sys.exit(any(finding.ulps > finding.allowed for finding in result))
