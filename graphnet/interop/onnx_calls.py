"""What each op of ONNX is here, where it is more than another name: functions of its inputs and attributes."""

from __future__ import annotations

import functools
import itertools
import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from graphnet.core.leaves import as_node, constant
from graphnet.core.node import Node
from graphnet.core.op import Op
from graphnet.errors import OpaqueError, ShapeError
from graphnet.interop import images
from graphnet.interop.names import ALSO, SAME, along, cumulated, stretched, stretching
from graphnet.ops.activations import log_softmax, softmax
from graphnet.ops.neural import elu, rms_norm
from graphnet.ops.normalisation import layer_norm
from graphnet.ops.orders import argsort
from graphnet.ops.picking import AddAlongAxis, PickAdd
from graphnet.ops.reductions import batch_size, logsumexp

# Inputs that must be known, and operands that stretch ------------------------------------------------------------------


def known(value: Any, what: str) -> Any:
    """Return an array, or raise `OpaqueError` if it is a node, or holds a size that is known only when fed."""
    if isinstance(value, Node) or (value is not None and None in np.ravel(value).tolist()):
        raise OpaqueError(
            f"it computes {what} from what is fed",
            repair="If it is an input, give its value: gn.from_onnx(path, known={name: array}).",
        )
    return value


def ints(value: Any, what: str) -> list[int]:
    """Return integers that must be known."""
    return [int(each) for each in np.ravel(known(value, what))]


def made(shape: Sequence[Any]) -> tuple[int, ...]:
    """Return the shape of an array that is to be made; it must be known, and not too large."""
    return images.limited(ints(shape, "a shape"))


def truth(z: Any) -> bool:
    """Tell whether a value holds truth values."""
    return bool(z.dtype == bool)


# Shapes -------------------------------------------------------------------------------------------------------------------


class Sizes(np.ndarray):
    """Sizes of which one is known only when fed."""

    of: Any = None
    """The node whose they are, all or the first few, if they are as `Shape` gave them."""


def _shape(z: Any, start: int = 0, end: int | None = None) -> Any:
    sizes = list(np.shape(z))[start:end]
    if None not in sizes:
        return np.array(sizes, np.int64)
    told = np.array(sizes, object).view(Sizes)
    told.of = None if start else z
    return told


def _sizes(shape: Any) -> list[Any]:
    """Return sizes, of which some may be known only when fed."""
    sizes: list[Any] = np.ravel(known(shape, "the shape") if isinstance(shape, Node) else shape).tolist()
    return sizes


def _reshape(z: Any, shape: Any, allowzero: int = 0) -> Any:
    own = np.shape(z)
    sizes = [own[i] if size == 0 and not allowzero else size for i, size in enumerate(_sizes(shape))]
    unknown, theirs = ([i for i, size in enumerate(each) if size is None] for each in (sizes, own))
    if unknown and unknown == theirs:
        rest = math.prod(size for size in own if size is not None)
        parts = math.prod(size for size in sizes if size not in (None, -1))
        sizes = [rest // parts if size == -1 else size for size in sizes]
    if unknown and (len(unknown) > 1 or -1 in sizes):
        raise OpaqueError(f"a reshape of {own} to {tuple(sizes)}", repair="One size may be unknown until fed.")
    return np.reshape(z, [-1 if size is None else int(size) for size in sizes])


def _flatten(z: Any, axis: int = 1) -> Any:
    axis = axis + np.ndim(z) if axis < 0 else axis
    first, last = np.shape(z)[:axis], np.shape(z)[axis:]
    return np.reshape(z, [-1, math.prod(last)] if None in first else [math.prod(first), math.prod(last)])


def _squeeze(z: Any, axes: Any = None) -> Any:
    axes = [i for i, size in enumerate(np.shape(z)) if size == 1] if axes is None else ints(axes, "the axes")
    return np.squeeze(z, tuple(axes)) if axes else z


def _expand(z: Any, shape: Any) -> Any:
    like = getattr(shape, "of", None)
    if like is not None and len(shape) == like.ndim and not truth(z):
        return np.multiply(*stretched(z, np.ones_like(like)))
    given, own = _sizes(shape), list(np.shape(z))
    new = max(0, len(given) - len(own))
    own, given = [1] * new + own, [1] * (len(own) - len(given)) + given
    if (1, None) in zip(own, given, strict=True):
        known(np.array(given, object), "the shape")
    to = [size if wanted in (1, None) else int(wanted) for size, wanted in zip(own, given, strict=True)]
    if to == own:
        return np.expand_dims(z, tuple(range(new))) if new else z
    return np.broadcast_to(z, to if isinstance(z, Node) else made(to))


def _split(z: Any, split: Any = None, axis: int = 0, num_outputs: int = 0, outputs: int = 1) -> Any:
    if split is None:
        each = -(-int(known(_shape(z), "the size")[axis]) // outputs)
        split = [each] * outputs
    return np.split(z, [*itertools.accumulate(ints(split, "the lengths"))][:-1], axis)


def _slice(z: Any, starts: Any, ends: Any, axes: Any = None, steps: Any = None) -> Any:
    starts, ends = ints(starts, "the start"), ints(ends, "the end")
    axes = range(len(starts)) if axes is None else ints(axes, "the axes")
    steps = [1] * len(starts) if steps is None else ints(steps, "the steps")
    index: list[Any] = [slice(None)] * np.ndim(z)
    for axis, start, end, step in zip(axes, starts, ends, steps, strict=True):
        far = 2**31 - 1 if np.shape(z)[axis] is None else np.shape(z)[axis]
        first, last = (min(max(bound, -far - 1), far) for bound in (start, end))  # beyond it, a slice ends there
        whole = (0, far) if step > 0 else (far, -far - 1)
        index[axis] = slice(None if first == whole[0] else first, None if last == whole[1] else last, step)
    return z[tuple(index)]


def _pad(z: Any, pads: Any, value: Any = None, axes: Any = None, *, mode: Any) -> Any:
    widths, axes = ints(pads, "the padding"), range(np.ndim(z)) if axes is None else ints(axes, "the axes")
    sides = [(0, 0)] * np.ndim(z)
    for axis, before, after in zip(axes, widths[: len(widths) // 2], widths[len(widths) // 2 :], strict=True):
        sides[axis] = (before, after)
    if not isinstance(z, Node):
        made([size + sum(side) for size, side in zip(z.shape, sides, strict=True)])
    if mode == "constant":
        fill = float(np.ravel(known(value, "the value"))[0]) if value is not None and np.size(value) else 0.0
        return images.surrounded(z, sides, fill)
    for axis, side in enumerate(sides):
        if any(side):
            z = np.take(z, np.pad(np.arange(made(_shape(z, axis, axis + 1))[0]), side, mode=mode), axis)
    return z


def _tile(z: Any, repeats: Any) -> Any:
    times = ints(repeats, "the repeats")
    made([(size or 1) * count for size, count in zip(np.shape(z), times, strict=True)])
    return np.tile(z, times)


def _depth_to_space(z: Any, blocksize: int, mode: str) -> Any:
    n, c, h, w = ints(_shape(z), "the size")
    left, blocks = [c // blocksize**2], [blocksize, blocksize]
    parts, order = ([*blocks, *left], (0, 3, 4, 1, 5, 2)) if mode == "DCR" else ([*left, *blocks], (0, 1, 4, 2, 5, 3))
    return np.reshape(np.transpose(np.reshape(z, [n, *parts, h, w]), order), [n, *left, h * blocksize, w * blocksize])


# Made of sizes ------------------------------------------------------------------------------------------------------------


def _one_hot(indices: Any, depth: Any, values: Any, axis: int) -> Any:
    size, axis = ints(depth, "the depth")[0], axis % (np.ndim(indices) + 1)
    made([size, 1 if isinstance(indices, Node) else np.size(indices)])
    places = np.arange(size).reshape([-1 if i == axis else 1 for i in range(np.ndim(indices) + 1)])
    z = np.where(indices < 0, indices + size, indices)
    off, on = known(values, "the values")
    return np.where(np.equal(*stretched(np.expand_dims(z, axis), places)), on, off)


def _range(start: Any, limit: Any, delta: Any) -> Any:
    first, last, step = (known(each, "a limit").item() for each in (start, limit, delta))
    made([max(0, math.ceil((last - first) / step))])
    return np.arange(first, last, step, dtype=start.dtype)


# Choosing -----------------------------------------------------------------------------------------------------------------


def _places(positions: Any, z: Any) -> list[Any]:
    """Return the positions along each of the first axes of z."""
    count = int(known(_shape(positions), "the size")[-1])
    if count > np.ndim(z):
        raise ShapeError(f"positions along {count} axes of an array with {np.ndim(z)}")
    return [positions[..., i] for i in range(count)]


def _gather_nd(z: Any, indices: Any, batch_dims: int) -> Any:
    if not batch_dims:
        return z[tuple(_places(indices, z))]
    ndim = np.ndim(indices) - 1
    grid = np.indices(made([*_shape(indices)[:batch_dims], *[1] * (ndim - batch_dims)]))
    return z[(*grid[:batch_dims], *_places(known(indices, "the positions"), z))]


def _scattered(z: Any, op: Op, updates: Any, places: Sequence[Any], reduction: str) -> Any:
    """Return z with updates at places, or added there."""
    if reduction not in ("none", "add"):
        raise OpaqueError(f"scattering by {reduction!r}", repair="There are none and add.")
    nodes = [
        each if isinstance(each, Node) else constant(np.where(each < 0, each + size, each), dtype=int)
        for each, size in places
    ]
    put = op(updates, *nodes)
    return z + put if reduction == "add" else np.where(op(np.ones(np.shape(updates)), *nodes) > 0, put, z)


def _scatter_elements(z: Any, indices: Any, updates: Any, axis: int, reduction: str = "none") -> Any:
    shape = made(_shape(z))
    op = AddAlongAxis(shape, axis % len(shape))
    return _scattered(z, op, updates, [(indices, shape[axis])], reduction)


def _scatter_nd(z: Any, indices: Any, updates: Any, reduction: str) -> Any:
    shape, places = made(_shape(z)), _places(indices, z)
    op = PickAdd(shape, tuple(range(len(places))))
    return _scattered(z, op, updates, [*zip(places, shape, strict=False)], reduction)


def _take(z: Any, places: Any, axis: int) -> Any:
    return np.take(as_node(z) if isinstance(places, Node) else z, places, axis)


def _top_k(z: Any, k: Any, axis: int, largest: int) -> Any:
    places = along(argsort(-z if largest else z, axis), axis, slice(None, ints(k, "k")[0]))
    return np.take_along_axis(z, places, axis), places


def _arg(function: Callable[..., Any]) -> Callable[..., Any]:
    def arg(z: Any, axis: int, keepdims: int, select_last_index: int) -> Any:
        if not select_last_index:
            return function(z, axis, keepdims=bool(keepdims))
        last = int(known(_shape(z), "the size")[axis]) - 1
        return last - function(np.flip(z, axis), axis, keepdims=bool(keepdims))

    return arg


def _trilu(z: Any, k: Any = None, *, upper: int) -> Any:
    made(_shape(z)[-2:])
    return (np.triu if upper else np.tril)(z, 0 if k is None else ints(k, "k")[0])


def _cumulated(function: Callable[..., Any], neutral: float) -> Callable[..., Any]:
    def cumulate(z: Any, axis: Any, exclusive: int, reverse: int) -> Any:
        at = ints(axis, "the axis")[0] % np.ndim(z)
        if exclusive:  # of each entry the others before it
            sides = [(0, 0) if i != at else (0, 1) if reverse else (1, 0) for i in range(np.ndim(z))]
            z = along(np.pad(z, sides, constant_values=neutral), at, slice(1, None) if reverse else slice(None, -1))
        return cumulated(function)(z, at, reverse)

    return cumulate


def _compress(z: Any, condition: Any, axis: int | None = None) -> Any:
    places = np.flatnonzero(known(condition, "the condition"))
    return np.take(np.reshape(z, [-1]) if axis is None else z, places, axis or 0)


# Elementwise --------------------------------------------------------------------------------------------------------------


def _truncated(function: Callable[..., Any]) -> Callable[..., Any]:
    """Return a function that gives integers for integers."""

    def truncated(x: Any, y: Any, whole: bool) -> Any:
        z = function(*stretched(x, y))
        return _cast(np.trunc(z), 7) if whole else z

    return truncated


def _clip(z: Any, min: Any = None, max: Any = None) -> Any:
    for function, limit in ((np.maximum, min), (np.minimum, max)):
        if limit is not None:
            z = function(*stretched(z, limit if isinstance(limit, Node) else np.asarray(limit).item()))
    return z


def _cast(z: Any, to: int) -> Any:
    if to not in KINDS:
        raise OpaqueError(
            f"a cast to the type {to} of ONNX", repair="Types are float32, float64, int32, int64 and bool."
        )
    kind = np.dtype(KINDS[to])
    if not isinstance(z, Node):
        if getattr(z, "of", None) is not None and z.shape == (1,) and kind.kind == "f":
            return np.expand_dims(batch_size(z.of), 0)
        return z if z.dtype == object else z.astype(kind)
    if z.dtype.kind == kind.kind:
        return z
    return z != 0 if kind.kind == "b" else 1.0 * z if kind.kind == "f" or truth(z) else np.trunc(z)


KINDS: dict[int, Any] = {1: np.float32, 6: np.int32, 7: np.int64, 9: np.bool_, 11: np.float64}
"""The types of ONNX that are known here, by their numbers."""


def _is_inf(z: Any, detect_negative: int, detect_positive: int) -> Any:
    below, above = z < 0 if detect_negative else z != z, z > 0 if detect_positive else z != z
    return np.logical_and(np.isinf(z), np.logical_or(below, above))


# Reductions ---------------------------------------------------------------------------------------------------------------


def _reduced(function: Callable[..., Any], before: Any = None, after: Any = None) -> Callable[..., Any]:
    def reduced(z: Any, axes: Any = None, *, keepdims: int, noop_with_empty_axes: int) -> Any:
        over = None if axes is None or np.size(known(axes, "the axes")) == 0 else tuple(ints(axes, "the axes"))
        z = before(z) if before else z
        if over is not None or not noop_with_empty_axes:
            z = function(z, axis=over, keepdims=bool(keepdims))
        return after(z) if after else z

    return reduced


def _extreme(function: Callable[..., Any], of_truths: Callable[..., Any]) -> Callable[..., Any]:
    return _reduced(lambda z, axis, keepdims: (of_truths if truth(z) else function)(z, axis=axis, keepdims=keepdims))


def _all_of(function: Callable[..., Any], after: Any = lambda z, count: z) -> Callable[..., Any]:
    return lambda *parts: after(functools.reduce(stretching(function), parts), len(parts))


def _flat(function: Callable[..., Any]) -> Callable[..., Any]:
    """Return a function along an axis, which before opset 13 was along all axes from there on."""
    return lambda z, axis, opset: (
        function(z, axis) if opset >= 13 else _reshape(function(_flatten(z, axis), -1), _shape(z))
    )


# Products and windows -----------------------------------------------------------------------------------------------------


def _gemm(A: Any, B: Any, C: Any = None, *, alpha: float, beta: float, transA: int, transB: int) -> Any:
    z = (A.T if transA else A) @ (B.T if transB else B)
    z = z if alpha == 1 else alpha * z
    return z if C is None or beta == 0 else np.add(*stretched(z, C if beta == 1 else beta * C))


def _window(
    z: Any, kernel: Sequence[int], auto_pad: str, dilations: Any = None, pads: Any = None, strides: Any = None
) -> tuple[Any, images.Sides, Any]:
    """Return steps, the padding on both sides of each axis, and the dilation."""
    n = len(kernel)
    steps, wide, flat = strides or [1] * n, dilations or [1] * n, pads or [0] * 2 * n
    if auto_pad not in ("SAME_UPPER", "SAME_LOWER"):
        return steps, list(zip(flat[:n], flat[n:], strict=True)), wide
    each = zip(images.known_sizes(z), kernel, steps, wide, strict=True)
    need = [max(0, (-(-size // step) - 1) * step + (k - 1) * d + 1 - size) for size, k, step, d in each]
    return steps, [(all // 2, all - all // 2)[:: 1 if auto_pad == "SAME_UPPER" else -1] for all in need], wide


def _conv(x: Any, W: Any, B: Any = None, kernel_shape: Any = None, *, group: int, **window: Any) -> Any:
    return images.convolution(x, W, B, *_window(x, images.known_sizes(W), **window), group)


def _conv_transpose(
    x: Any, W: Any, B: Any = None, kernel_shape: Any = None, output_padding: Any = None, *, group: int, auto_pad: str,
    **window: Any,
) -> Any:  # fmt: skip
    if auto_pad != "NOTSET":
        raise OpaqueError("a transposed convolution whose padding is not given")
    n = np.ndim(W) - 2
    return images.transposed_convolution(
        x, W, B, *_window(x, [1] * n, auto_pad, **window), group, output_padding or [0] * n
    )


def _pool(
    z: Any, kernel_shape: Any, ceil_mode: int, count_include_pad: int = 0, outputs: int = 1, *, mean: bool, **window: Any
) -> Any:  # fmt: skip
    if outputs > 1:
        raise OpaqueError("pooling that gives positions too", repair="There is pooling that gives values.")
    steps, sides, wide = _window(z, kernel_shape, **window)
    ceil, padded = bool(ceil_mode), bool(count_include_pad)
    return images.pool(z, kernel_shape, steps, sides, wide, mean=mean, ceil=ceil, padded=padded)


def _global(function: Callable[..., Any]) -> Callable[..., Any]:
    return lambda z: function(z, axis=_behind(z, 2), keepdims=True)


# Normalisations -----------------------------------------------------------------------------------------------------------


def _behind(z: Any, axis: int) -> tuple[int, ...]:
    """Return all axes from one on."""
    return tuple(range(axis % np.ndim(z), np.ndim(z)))


def _batch_norm(
    z: Any, scale: Any, bias: Any, mean: Any, variance: Any, spatial: int = 1, *, epsilon: float, training_mode: int
) -> Any:
    if training_mode or not spatial:
        raise OpaqueError("a batch normalisation in training", repair="Export the model in evaluation.")
    return images.normalised(z, scale, bias, mean, variance, epsilon)


def _layer_norm(z: Any, scale: Any, bias: Any = None, outputs: int = 1, *, axis: int, epsilon: float) -> Any:
    axes = _behind(z, axis)
    normal = images.affine(layer_norm(z, axes, epsilon=epsilon), scale, bias)
    if outputs == 1:
        return normal
    mean = np.mean(z, axis=axes, keepdims=True)
    return normal, mean, 1 / np.sqrt(np.mean(np.square(z - mean), axis=axes, keepdims=True) + epsilon)


def _constant(**given: Any) -> Any:
    (value,) = given.values()
    if isinstance(value, (bytes, str)) or (isinstance(value, list) and value and isinstance(value[0], (bytes, str))):
        raise OpaqueError("a constant of text")
    floats = "value_float" in given or "value_floats" in given
    return value if isinstance(value, np.ndarray) else np.array(value, np.float32 if floats else np.int64)


def _renamed(function: Callable[..., Any], settings: dict[str, str]) -> Callable[..., Any]:
    """Return a function with settings by the names that they have in ONNX."""
    return lambda *operands, **given: function(*operands, **{settings[key]: each for key, each in given.items()})


_ZERO = np.zeros(1, np.float32)

CALLS: dict[str, Callable[..., Any]] = {
    **{name: stretching(_renamed(*same)) for name, same in SAME.items()},
    **{name: _renamed(*same) for name, same in ALSO.items()},
    "ArgMax": _arg(np.argmax), "ArgMin": _arg(np.argmin), "AveragePool": functools.partial(_pool, mean=True),
    "BatchNormalization": _batch_norm, "Cast": _cast, "Clip": _clip,
    "Compress": _compress, "Constant": _constant, "Conv": _conv, "ConvTranspose": _conv_transpose,
    "CumProd": _cumulated(np.cumprod, 1.0), "CumSum": _cumulated(np.cumsum, 0.0), "DepthToSpace": _depth_to_space,
    "Div": _truncated(np.divide), "Expand": _expand, "Flatten": _flatten, "Gather": _take, "GatherND": _gather_nd,
    "Gemm": _gemm, "GlobalAveragePool": _global(np.mean), "GlobalMaxPool": _global(np.max), "IsInf": _is_inf,
    "LayerNormalization": _layer_norm, "LogSoftmax": _flat(log_softmax), "Max": _all_of(np.maximum),
    "MaxPool": functools.partial(_pool, mean=False), "Mean": _all_of(np.add, lambda z, count: z / count),
    "Min": _all_of(np.minimum), "OneHot": _one_hot, "Pad": _pad, "Pow": _truncated(np.power), "Range": _range,
    "ReduceL1": _reduced(np.sum, np.abs), "ReduceL2": _reduced(np.sum, np.square, np.sqrt),
    "ReduceLogSum": _reduced(np.sum, None, np.log), "ReduceLogSumExp": _reduced(logsumexp),
    "ReduceMax": _extreme(np.max, np.any), "ReduceMean": _reduced(np.mean), "ReduceMin": _extreme(np.min, np.all),
    "ReduceProd": _reduced(np.prod), "ReduceSum": _reduced(np.sum), "ReduceSumSquare": _reduced(np.sum, np.square),
    "Reshape": _reshape, "Scatter": _scatter_elements, "ScatterElements": _scatter_elements, "ScatterND": _scatter_nd,
    "Shape": _shape, "Size": lambda z: np.array(math.prod(ints(_shape(z), "a size"))), "Slice": _slice,
    "Softmax": _flat(softmax), "Split": _split, "Squeeze": _squeeze, "Sum": _all_of(np.add), "Tile": _tile,
    "TopK": _top_k, "Trilu": _trilu, "Unsqueeze": lambda z, axes: np.expand_dims(z, tuple(ints(axes, "the axes"))),
    "Concat": lambda *parts, axis: np.concatenate(parts, axis) if len(parts) > 1 else parts[0],
    "CastLike": lambda z, like: _cast(z, {"f": 11, "b": 9}.get(like.dtype.kind, 7)),
    "ConstantOfShape": lambda shape, value=_ZERO: _expand(np.reshape(value, []), shape),
    "Dropout": lambda z, ratio=None, training=None, outputs=1: (
        (z, np.ones_like(z) > 0)[:outputs] if training is None or not known(training, "training_mode").any() else None
    ),
    "Einsum": lambda *operands, equation: np.einsum(equation.replace(" ", ""), *operands),
    "HardSigmoid": lambda z, alpha, beta: np.clip(alpha * z + beta, 0.0, 1.0),
    "Identity": lambda z: z,
    "InstanceNormalization": lambda z, scale, bias, epsilon: images.by_sample(z, scale, bias, epsilon),
    "MatMul": lambda x, y: np.matmul(*(stretched(x, y, behind=2) if min(np.ndim(x), np.ndim(y)) > 2 else (x, y))),
    "Mod": lambda x, y, fmod: (np.fmod if fmod else np.mod)(*stretched(x, y)),
    "NonZero": lambda z: np.array(np.nonzero(known(z, "a mask"))),
    "PRelu": stretching(lambda z, slope: np.where(z < 0, slope * z, z)),
    "RMSNormalization": lambda z, scale, axis, epsilon: images.affine(rms_norm(z, _behind(z, axis), epsilon), scale, None),
    "Selu": lambda z, alpha, gamma: gamma * elu(z, alpha),
    "Shrink": lambda z, bias, lambd: np.where(z < -lambd, z + bias, np.where(z > lambd, z - bias, 0.0)),
    "ai.onnx.ml.ArrayFeatureExtractor": lambda z, places: _take(z, np.reshape(places, [-1]), -1),
}  # fmt: skip
"""Name of an op → what it is here, of inputs and attributes; those that it has by default are given too."""

IDLE = {"momentum", "round_mode", "saturate", "seed", "sorted", "stash_type", "storage_order"}
"""Attributes that say nothing of what is computed here."""
