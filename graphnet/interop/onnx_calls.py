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
from graphnet.core.shapes import broadcast
from graphnet.errors import OpaqueError, ShapeError
from graphnet.interop import images
from graphnet.interop.names import SAME
from graphnet.ops.activations import log_softmax, softmax
from graphnet.ops.neural import elu, gelu, gelu_tanh, rms_norm
from graphnet.ops.normalisation import layer_norm
from graphnet.ops.orders import argsort
from graphnet.ops.picking import AddAlongAxis, PickAdd
from graphnet.ops.reductions import logsumexp

# Inputs that must be known, and operands that stretch ------------------------------------------------------------------


def known(value: Any, what: str) -> Any:
    """Return an array, or raise `OpaqueError` if it is a node, or holds a size that is known only when fed."""
    if isinstance(value, Node) or (value is not None and None in np.ravel(value).tolist()):
        raise OpaqueError(
            f"{what} is computed from what is fed",
            repair="If it is an input, give its value: gn.from_onnx(path, known={name: array}).",
        )
    return value


def ints(value: Any, what: str) -> list[int]:
    """Return integers that must be known."""
    return [int(each) for each in np.ravel(known(value, what))]


def made(shape: Sequence[Any]) -> tuple[int, ...]:
    """Return the shape of an array that is to be made; it must be known, and not too large."""
    return images.limited(ints(shape, "a shape"))


def fit(*operands: Any, behind: int = 0) -> tuple[Any, ...]:
    """Return operands such that each axis of size 1 stretches, as it does in ONNX; but for `behind` axes, the last."""
    if not any(isinstance(each, Node) for each in operands):
        made(np.broadcast_shapes(*[np.shape(each)[: np.ndim(each) - behind] for each in operands]))
        return operands
    shapes = [np.shape(each)[: np.ndim(each) - behind] for each in operands]
    try:
        broadcast(*shapes)
        return operands
    except ShapeError:
        ndim = max(map(len, shapes))
        sizes = [
            {*along} for along in zip(*[(1,) * (ndim - len(shape)) + tuple(shape) for shape in shapes], strict=True)
        ]
        return tuple(_stretching(each, shape, sizes) for each, shape in zip(operands, shapes, strict=True))


def _stretching(z: Any, shape: Sequence[Any], sizes: Sequence[set[Any]]) -> Any:
    """Return z with axes of size 1 written anew where others have other sizes: so it is told that they are to stretch."""
    new = len(sizes) - len(shape)
    own = [(0, None) if size == 1 and sizes[new + i] != {1} else (slice(None),) for i, size in enumerate(shape)]
    return as_node(z)[(*(None,) * new, *itertools.chain(*own))]


def fitted(function: Callable[..., Any]) -> Callable[..., Any]:
    """Return a function whose operands stretch to each other."""
    return lambda *operands: function(*fit(*operands))


def truth(z: Any) -> bool:
    """Tell whether a value holds truth values."""
    return bool(z.dtype == bool)


# Shapes -------------------------------------------------------------------------------------------------------------------


def _shape(z: Any, start: int = 0, end: int | None = None) -> Any:
    sizes = list(np.shape(z))[start:end]
    return np.array(sizes, object if None in sizes else np.int64)


def _size(z: Any) -> Any:
    return np.array(math.prod(ints(_shape(z), "a size")))


def _reshape(z: Any, shape: Any, allowzero: int = 0) -> Any:
    given = known(shape, "the shape") if isinstance(shape, Node) else np.ravel(shape).tolist()
    own = np.shape(z)
    sizes = [own[i] if size == 0 and not allowzero else size for i, size in enumerate(given)]
    if None not in sizes:
        return np.reshape(z, [int(size) for size in sizes])
    if sizes.count(None) == own.count(None) == 1 and sizes.index(None) == own.index(None) and len(sizes) == len(own):
        rest = math.prod(size for size in own if size is not None)
        parts = math.prod(size for size in sizes if size not in (None, -1))
        sizes = [rest // parts if size == -1 else size for size in sizes]
    if sizes.count(None) > 1 or -1 in sizes:
        raise OpaqueError(f"a reshape of {own} to {tuple(sizes)}", repair="One size may be unknown until fed.")
    return np.reshape(z, [-1 if size is None else int(size) for size in sizes])


def _flatten(z: Any, axis: int = 1) -> Any:
    axis = axis + np.ndim(z) if axis < 0 else axis
    first, last = np.shape(z)[:axis], np.shape(z)[axis:]
    return np.reshape(z, [-1, math.prod(last)] if None in first else [math.prod(first), math.prod(last)])


def _squeeze(z: Any, axes: Any = None) -> Any:
    axes = [i for i, size in enumerate(np.shape(z)) if size == 1] if axes is None else ints(axes, "the axes")
    return np.squeeze(z, tuple(axes)) if axes else z


def _unsqueeze(z: Any, axes: Any) -> Any:
    return np.expand_dims(z, tuple(ints(axes, "the axes")))


def _expand(z: Any, shape: Any) -> Any:
    sizes = known(shape, "the shape") if isinstance(shape, Node) else np.ravel(shape).tolist()
    own = [1] * (len(sizes) - np.ndim(z)) + list(np.shape(z))
    pairs = list(zip([1] * (len(own) - len(sizes)) + sizes, own, strict=True))
    if (None, 1) in pairs:
        known(np.array(sizes, object), "the shape")
    if all(size in (mine, 1, None) for size, mine in pairs):
        return np.expand_dims(z, tuple(range(len(own) - np.ndim(z)))) if len(own) > np.ndim(z) else z
    to = [mine if size in (1, None) else int(size) for size, mine in pairs]
    return np.broadcast_to(z, to if isinstance(z, Node) else made(to))


def _concat(*parts: Any, axis: int) -> Any:
    return np.concatenate(parts, axis) if len(parts) > 1 else parts[0]


def _split(z: Any, split: Any = None, axis: int = 0, num_outputs: int = 0, outputs: int = 1) -> Any:
    if split is None:
        each = -(-int(known(_shape(z), "the size")[axis]) // outputs)
        cuts = [each * i for i in range(1, outputs)]
    else:
        cuts = list(itertools.accumulate(ints(split, "the lengths")))[:-1]
    return np.split(z, cuts, axis)


def _slice(z: Any, starts: Any, ends: Any, axes: Any = None, steps: Any = None) -> Any:
    starts, ends = ints(starts, "the start"), ints(ends, "the end")
    along = range(len(starts)) if axes is None else ints(axes, "the axes")
    by = [1] * len(starts) if steps is None else ints(steps, "the steps")
    index: list[Any] = [slice(None)] * np.ndim(z)
    for axis, start, end, step in zip(along, starts, ends, by, strict=True):
        size = np.shape(z)[axis]
        far = 2**31 - 1 if size is None else size
        first: int | None = max(start, -far - 1) if start < far else None if step > 0 and size is None else far
        last: int | None = None if end >= far or end < -far else end
        if step < 0:
            first, last = (None if start >= far - 1 else start), (None if end < -far else end)
        index[axis] = slice(first, last, step)
    return z[tuple(index)]


def _pad(z: Any, pads: Any, value: Any = None, axes: Any = None, mode: Any = "constant") -> Any:
    widths = ints(pads, "the padding")
    along = range(np.ndim(z)) if axes is None else ints(axes, "the axes")
    sides = [(0, 0)] * np.ndim(z)
    for axis, before, after in zip(along, widths[: len(widths) // 2], widths[len(widths) // 2 :], strict=True):
        sides[axis] = (before, after)
    if not isinstance(z, Node):
        made([size + sum(side) for size, side in zip(z.shape, sides, strict=True)])
    if mode == "constant":
        fill = float(known(value, "the value").ravel()[0]) if value is not None and np.size(value) else 0.0
        return images.surrounded(z, sides, fill)
    for axis, side in enumerate(sides):
        if any(side):
            z = np.take(z, np.pad(_places(z, axis), side, mode=mode), axis)
    return z


def _tile(z: Any, repeats: Any) -> Any:
    times = ints(repeats, "the repeats")
    made([(size or 1) * count for size, count in zip(np.shape(z), times, strict=True)])
    return np.tile(z, times)


def _places(z: Any, axis: int) -> Any:
    """Return the positions along an axis."""
    return np.arange(made([known(_shape(z), "the size")[axis]])[0])


def _depth_to_space(z: Any, blocksize: int, mode: str = "DCR") -> Any:
    n, c, h, w = ints(_shape(z), "the size")
    parts = [n, blocksize, blocksize, c // blocksize**2, h, w]
    order = (0, 3, 4, 1, 5, 2)
    if mode == "CRD":
        parts, order = [n, c // blocksize**2, blocksize, blocksize, h, w], (0, 1, 4, 2, 5, 3)
    return np.reshape(np.transpose(np.reshape(z, parts), order), [n, c // blocksize**2, h * blocksize, w * blocksize])


# Made of sizes ------------------------------------------------------------------------------------------------------------


def _one_hot(indices: Any, depth: Any, values: Any, axis: int = -1) -> Any:
    size, axis = ints(depth, "the depth")[0], axis % (np.ndim(indices) + 1)
    made([size, 1 if isinstance(indices, Node) else np.size(indices)])
    places = np.arange(size).reshape([-1 if i == axis else 1 for i in range(np.ndim(indices) + 1)])
    z = np.where(indices < 0, indices + size, indices)
    off, on = known(values, "the values")
    return np.where(np.equal(*fit(np.expand_dims(z, axis), places)), on, off)


def _range(start: Any, limit: Any, delta: Any) -> Any:
    first, last, step = (known(each, "a limit").item() for each in (start, limit, delta))
    made([max(0, math.ceil((last - first) / step))])
    return np.arange(first, last, step, dtype=start.dtype)


# Choosing -----------------------------------------------------------------------------------------------------------------


def _along(positions: Any, z: Any) -> list[Any]:
    """Return the positions along each of the first axes of z."""
    count = int(known(_shape(positions), "the size")[-1])
    if count > np.ndim(z):
        raise ShapeError(f"positions along {count} axes of an array with {np.ndim(z)}")
    return [positions[..., i] for i in range(count)]


def _gather_nd(z: Any, indices: Any, batch_dims: int = 0) -> Any:
    if not batch_dims:
        return z[tuple(_along(indices, z))]
    ndim = np.ndim(indices) - 1
    grid = np.indices(made([*_shape(indices)[:batch_dims], *[1] * (ndim - batch_dims)]))
    return z[(*grid[:batch_dims], *_along(known(indices, "the positions"), z))]


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


def _scatter_elements(z: Any, indices: Any, updates: Any, axis: int = 0, reduction: str = "none") -> Any:
    shape = made(_shape(z))
    op = AddAlongAxis(shape, axis % len(shape))
    return _scattered(z, op, updates, [(indices, shape[axis])], reduction)


def _scatter_nd(z: Any, indices: Any, updates: Any, reduction: str = "none") -> Any:
    shape, along = made(_shape(z)), _along(indices, z)
    op = PickAdd(shape, tuple(range(len(along))))
    return _scattered(z, op, updates, [*zip(along, shape, strict=False)], reduction)


def _take(z: Any, places: Any, axis: int = 0) -> Any:
    return np.take(as_node(z) if isinstance(places, Node) else z, places, axis)


def _top_k(z: Any, k: Any, axis: int = -1, largest: int = 1, sorted: int = 1) -> Any:
    order = argsort(-z if largest else z, axis)
    places = order[(*(slice(None),) * (axis % z.ndim), slice(None, ints(k, "k")[0]))]
    return np.take_along_axis(z, places, axis), places


def _arg(function: Callable[..., Any]) -> Callable[..., Any]:
    def arg(z: Any, axis: int = 0, keepdims: int = 1, select_last_index: int = 0) -> Any:
        if not select_last_index:
            return function(z, axis, keepdims=bool(keepdims))
        last = int(known(_shape(z), "the size")[axis]) - 1
        return last - function(np.flip(z, axis), axis, keepdims=bool(keepdims))

    return arg


def _trilu(z: Any, k: Any = None, upper: int = 1) -> Any:
    made(_shape(z)[-2:])
    return (np.triu if upper else np.tril)(z, 0 if k is None else ints(k, "k")[0])


def _cumulated(function: Callable[..., Any], neutral: float) -> Callable[..., Any]:
    def cumulated(z: Any, axis: Any, exclusive: int = 0, reverse: int = 0) -> Any:
        at = ints(axis, "the axis")[0] % np.ndim(z)
        z = np.flip(z, at) if reverse else z
        if exclusive:
            sides = [(1, 0) if i == at else (0, 0) for i in range(np.ndim(z))]
            z = np.pad(z, sides, constant_values=neutral)[(*(slice(None),) * at, slice(None, -1))]
        return np.flip(function(z, at), at) if reverse else function(z, at)

    return cumulated


def _compress(z: Any, condition: Any, axis: int | None = None) -> Any:
    places = np.flatnonzero(known(condition, "the condition"))
    return np.take(np.reshape(z, [-1]) if axis is None else z, places, 0 if axis is None else axis)


# Elementwise --------------------------------------------------------------------------------------------------------------


def _div(x: Any, y: Any, whole: bool = False) -> Any:
    z = np.divide(*fit(x, y))
    return _cast(np.trunc(z), 7) if whole else z


def _pow(x: Any, p: Any, whole: bool = False) -> Any:
    z = np.power(*fit(x, p))
    return _cast(np.trunc(z), 7) if whole else z


def _mod(x: Any, y: Any, fmod: int = 0) -> Any:
    return (np.fmod if fmod else np.mod)(*fit(x, y))


def _clip(z: Any, min: Any = None, max: Any = None) -> Any:
    low, high = (
        None if each is None else each if isinstance(each, Node) else np.asarray(each).item() for each in (min, max)
    )
    z = z if low is None else np.maximum(*fit(z, low))
    return z if high is None else np.minimum(*fit(z, high))


def _cast(z: Any, to: int, opset: int = 13, saturate: int = 1, round_mode: Any = "") -> Any:
    if to not in _KINDS:
        raise OpaqueError(
            f"a cast to the type {to} of ONNX", repair="Types are float32, float64, int32, int64 and bool."
        )
    kind = _KINDS[to]
    if not isinstance(z, Node):
        return z if z.dtype == object else z.astype(kind)
    if z.dtype.kind == np.dtype(kind).kind:
        return z
    return z != 0 if kind is np.bool_ else 1.0 * z if np.dtype(kind).kind == "f" or truth(z) else np.trunc(z)


_KINDS: dict[int, Any] = {1: np.float32, 6: np.int32, 7: np.int64, 9: np.bool_, 11: np.float64}


def _is_inf(z: Any, detect_negative: int = 1, detect_positive: int = 1) -> Any:
    below, above = z < 0 if detect_negative else z != z, z > 0 if detect_positive else z != z
    return np.logical_and(np.isinf(z), np.logical_or(below, above))


# Reductions ---------------------------------------------------------------------------------------------------------------


def _reduced(function: Callable[..., Any], before: Any = None, after: Any = None) -> Callable[..., Any]:
    def reduced(z: Any, axes: Any = None, keepdims: int = 1, noop_with_empty_axes: int = 0) -> Any:
        along = None if axes is None or np.size(known(axes, "the axes")) == 0 else tuple(ints(axes, "the axes"))
        z = before(z) if before else z
        if along is not None or not noop_with_empty_axes:
            z = function(z, axis=along, keepdims=bool(keepdims))
        return after(z) if after else z

    return reduced


def _extreme(function: Callable[..., Any], of_truths: Callable[..., Any]) -> Callable[..., Any]:
    return _reduced(lambda z, axis, keepdims: (of_truths if truth(z) else function)(z, axis=axis, keepdims=keepdims))


def _all_of(function: Callable[..., Any], after: Any = lambda z, count: z) -> Callable[..., Any]:
    return lambda *parts: after(functools.reduce(lambda x, y: function(*fit(x, y)), parts), len(parts))


def _flat(function: Callable[..., Any]) -> Callable[..., Any]:
    """Return a function along an axis, which before opset 13 was along all axes from axis 1 on."""

    def along(z: Any, axis: int | None = None, opset: int = 13) -> Any:
        if opset >= 13:
            return function(z, -1 if axis is None else axis)
        flat = function(_flatten(z, 1 if axis is None else axis), -1)
        return _reshape(flat, _shape(z))

    return along


# Products and windows -----------------------------------------------------------------------------------------------------


def _gemm(
    A: Any, B: Any, C: Any = None, alpha: float = 1.0, beta: float = 1.0, transA: int = 0, transB: int = 0
) -> Any:
    z = (A.T if transA else A) @ (B.T if transB else B)
    z = z if alpha == 1 else alpha * z
    return z if C is None or beta == 0 else np.add(*fit(z, C if beta == 1 else beta * C))


def _sides(z: Any, kernel: Sequence[int], steps: Any, wide: Any, auto_pad: str, pads: Any) -> images.Sides:
    """Return the padding on both sides of each axis."""
    n = len(kernel)
    if auto_pad not in ("SAME_UPPER", "SAME_LOWER"):
        flat = list(pads or [0] * 2 * n)
        return list(zip(flat[:n], flat[n:], strict=True))
    along = zip(images.known_sizes(z), kernel, steps, wide, strict=True)
    need = [max(0, (-(-size // step) - 1) * step + (k - 1) * d + 1 - size) for size, k, step, d in along]
    return [(each // 2, each - each // 2)[:: 1 if auto_pad == "SAME_UPPER" else -1] for each in need]


def _conv(
    x: Any, W: Any, B: Any = None, auto_pad: Any = "NOTSET", dilations: Any = None, group: int = 1, kernel_shape: Any = None,
    pads: Any = None, strides: Any = None,
) -> Any:  # fmt: skip
    kernel = images.known_sizes(W)
    steps, wide = strides or [1] * len(kernel), dilations or [1] * len(kernel)
    return images.convolution(x, W, B, steps, _sides(x, kernel, steps, wide, auto_pad, pads), wide, group)


def _conv_transpose(
    x: Any, W: Any, B: Any = None, auto_pad: Any = "NOTSET", dilations: Any = None, group: int = 1, kernel_shape: Any = None,
    output_padding: Any = None, pads: Any = None, strides: Any = None,
) -> Any:  # fmt: skip
    n = np.ndim(W) - 2
    if auto_pad != "NOTSET":
        raise OpaqueError("a transposed images.convolution whose padding is not given")
    sides = _sides(x, [1] * n, None, None, auto_pad, pads)
    return images.transposed_convolution(
        x, W, B, strides or [1] * n, sides, dilations or [1] * n, group, output_padding or [0] * n
    )


def _pool(
    z: Any, kernel_shape: Any, auto_pad: Any = "NOTSET", ceil_mode: int = 0, count_include_pad: int | None = None,
    dilations: Any = None, pads: Any = None, strides: Any = None, storage_order: int = 0, outputs: int = 1, *, mean: bool,
) -> Any:  # fmt: skip
    if outputs > 1:
        raise OpaqueError("pooling that gives positions too", repair="There is pooling that gives values.")
    steps, wide = strides or [1] * len(kernel_shape), dilations or [1] * len(kernel_shape)
    own = sides = _sides(z, kernel_shape, steps, wide, auto_pad, pads)
    if ceil_mode:
        sides = images.rounded_up(images.known_sizes(z), kernel_shape, steps, own, wide)
    if not mean:
        return images.max_pool(z, kernel_shape, steps, sides, wide)
    return images.avg_pool(z, kernel_shape, steps, sides, wide, own if count_include_pad else [(0, 0)] * len(own))


def _global(function: Callable[..., Any]) -> Callable[..., Any]:
    return lambda z: function(z, axis=tuple(range(2, np.ndim(z))), keepdims=True)


# Normalisations -----------------------------------------------------------------------------------------------------------


def _batch_norm(
    z: Any, scale: Any, bias: Any, mean: Any, variance: Any, epsilon: float = 1e-5, momentum: float = 0.9, spatial: int = 1,
    training_mode: int = 0,
) -> Any:  # fmt: skip
    if training_mode or not spatial:
        raise OpaqueError("a batch normalisation in training", repair="Export the model in evaluation.")
    return images.normalised(z, scale, bias, mean, variance, epsilon)


def _layer_norm(
    z: Any, scale: Any, bias: Any = None, axis: int = -1, epsilon: float = 1e-5, stash_type: int = 1, outputs: int = 1
) -> Any:
    axes = tuple(range(axis % np.ndim(z), np.ndim(z)))
    normal = images.affine(layer_norm(z, axes, epsilon=epsilon), scale, bias)
    if outputs == 1:
        return normal
    mean = np.mean(z, axis=axes, keepdims=True)
    return normal, mean, 1 / np.sqrt(np.mean(np.square(z - mean), axis=axes, keepdims=True) + epsilon)


def _rms_norm(z: Any, scale: Any, axis: int = -1, epsilon: float = 1e-5, stash_type: int = 1) -> Any:
    return images.affine(rms_norm(z, tuple(range(axis % np.ndim(z), np.ndim(z))), epsilon), scale, None)


def _instance_norm(z: Any, scale: Any, bias: Any, epsilon: float = 1e-5) -> Any:
    return images.affine(layer_norm(z, tuple(range(2, np.ndim(z))), epsilon=epsilon), scale, bias, np.ndim(z) - 2)


def _constant(**given: Any) -> Any:
    (value,) = given.values()
    if isinstance(value, (bytes, str)) or (isinstance(value, list) and value and isinstance(value[0], (bytes, str))):
        raise OpaqueError("a constant of text")
    floats = "value_float" in given or "value_floats" in given
    return value if isinstance(value, np.ndarray) else np.array(value, np.float32 if floats else np.int64)


def _same(function: Callable[..., Any], settings: dict[str, str]) -> Callable[..., Any]:
    """Return a function with settings by the names that they have in ONNX, and operands that stretch to each other."""
    return lambda *operands, **given: function(*fit(*operands), **{settings[key]: each for key, each in given.items()})


CALLS: dict[str, Callable[..., Any]] = {
    **{name: _same(function, settings) for name, (function, settings) in SAME.items()},
    "ArgMax": _arg(np.argmax), "ArgMin": _arg(np.argmin), "AveragePool": functools.partial(_pool, mean=True),
    "BatchNormalization": _batch_norm, "Cast": _cast, "Clip": _clip, "Compress": _compress, "Concat": _concat,
    "Constant": _constant, "Conv": _conv, "ConvTranspose": _conv_transpose,
    "CumProd": _cumulated(np.cumprod, 1.0),
    "CumSum": _cumulated(np.cumsum, 0.0), "DepthToSpace": _depth_to_space, "Div": _div, "Expand": _expand,
    "Flatten": _flatten, "Gather": _take, "GatherND": _gather_nd, "Gemm": _gemm, "GlobalAveragePool": _global(np.mean),
    "GlobalMaxPool": _global(np.max), "InstanceNormalization": _instance_norm, "IsInf": _is_inf,
    "LayerNormalization": _layer_norm, "LogSoftmax": _flat(log_softmax), "Max": _all_of(np.maximum),
    "MaxPool": functools.partial(_pool, mean=False), "Mean": _all_of(np.add, lambda z, count: z / count),
    "Min": _all_of(np.minimum), "Mod": _mod, "OneHot": _one_hot, "Pad": _pad, "Pow": _pow,
    "RMSNormalization": _rms_norm, "Range": _range, "ReduceL1": _reduced(np.sum, np.abs),
    "ReduceL2": _reduced(np.sum, np.square, np.sqrt), "ReduceLogSum": _reduced(np.sum, None, np.log),
    "ReduceLogSumExp": _reduced(logsumexp), "ReduceMax": _extreme(np.max, np.any), "ReduceMean": _reduced(np.mean),
    "ReduceMin": _extreme(np.min, np.all), "ReduceProd": _reduced(np.prod), "ReduceSum": _reduced(np.sum),
    "ReduceSumSquare": _reduced(np.sum, np.square), "Reshape": _reshape, "Scatter": _scatter_elements,
    "ScatterElements": _scatter_elements, "ScatterND": _scatter_nd, "Shape": _shape, "Size": _size, "Slice": _slice,
    "Softmax": _flat(softmax), "Split": _split, "Squeeze": _squeeze, "Sum": _all_of(np.add), "Tile": _tile,
    "TopK": _top_k, "Trilu": _trilu, "Unsqueeze": _unsqueeze,
    "CastLike": lambda z, like, **how: _cast(z, {"f": 11, "b": 9}.get(like.dtype.kind, 7)),
    "ConstantOfShape": lambda shape, value=None: np.full(
        made(shape), np.float32(0) if value is None else value.ravel()[0], None if value is None else value.dtype
    ),
    "Dropout": lambda z, ratio=None, training=None, seed=None, outputs=1: (
        (z, np.ones_like(z) > 0)[:outputs] if training is None or not known(training, "training_mode").any() else None
    ),
    "Einsum": lambda *operands, equation: np.einsum(equation.replace(" ", ""), *operands),
    "GatherElements": lambda z, indices, axis=0: np.take_along_axis(z, indices, axis),
    "Gelu": lambda z, approximate="none": gelu(z) if approximate == "none" else gelu_tanh(z),
    "HardSigmoid": lambda z, alpha=0.2, beta=0.5: np.clip(alpha * z + beta, 0.0, 1.0),
    "Identity": lambda z: z,
    "MatMul": lambda x, y: np.matmul(*(fit(x, y, behind=2) if min(np.ndim(x), np.ndim(y)) > 2 else (x, y))),
    "NonZero": lambda z: np.array(np.nonzero(known(z, "a mask"))),
    "PRelu": fitted(lambda z, slope: np.where(z < 0, slope * z, z)),
    "Selu": lambda z, alpha=1.67326319217681884765625, gamma=1.05070102214813232421875: gamma * elu(z, alpha),
    "Shrink": lambda z, bias=0.0, lambd=0.5: np.where(z < -lambd, z + bias, np.where(z > lambd, z - bias, 0.0)),
    "Transpose": lambda z, perm=None: np.transpose(z, perm),
    "ai.onnx.ml.ArrayFeatureExtractor": lambda z, places: _take(z, np.reshape(places, [-1]), -1),
}  # fmt: skip
"""Name of an op → what it is here."""
