"""Arrays that look into a rule: many versions of an array in one run, and arrays that count.

A rule is plain NumPy, so it can be given a `Stack`, which holds versions of an array along a hidden leading axis: the
same lines then compute all versions at once. As nodes do, a stack speaks NumPy's dispatch protocols (NEP 13, NEP 18).
What it can't do raises `TypeError`, and the versions are computed one by one.

Given arrays that count, a rule tells how much work it is.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Sequence
from typing import Any, NoReturn

import numpy as np
from numpy.lib.array_utils import normalize_axis_index
from numpy.lib.mixins import NDArrayOperatorsMixin

from graphnet.core.node import Numbers
from graphnet.core.op import Op

_FUNCTIONS: dict[Callable[..., Any], Callable[..., Any]] = {}


class StackError(TypeError):
    """What a stack can't do."""


class Stack(NDArrayOperatorsMixin):
    """Versions of one array.

    Parameters
    ----------
    data : numpy.ndarray
        The versions along its first axis.

    Examples
    --------
    >>> z = Stack(np.array([[1.0, 2.0], [3.0, 4.0]]))
    >>> np.sum(z * 10).data
    array([30., 70.])
    """

    def __init__(self, data: Numbers) -> None:
        self.data = data

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of one version."""
        return tuple(self.data.shape[1:])

    @property
    def ndim(self) -> int:
        """Number of dimensions of one version."""
        return self.data.ndim - 1

    @property
    def size(self) -> int:
        """Number of entries of one version."""
        return int(np.prod(self.shape, dtype=int))

    @property
    def dtype(self) -> Any:
        """The dtype of the entries."""
        return self.data.dtype

    @property
    def T(self) -> Any:
        """The transpose of each version."""
        return _transpose(self)

    # fmt: off
    def sum(self, axis: Any = None, keepdims: bool = False) -> Stack: return _reduce(np.sum)(self, axis, keepdims=keepdims)  # noqa: D102
    def mean(self, axis: Any = None, keepdims: bool = False) -> Stack: return _reduce(np.mean)(self, axis, keepdims=keepdims)  # noqa: D102
    def max(self, axis: Any = None, keepdims: bool = False) -> Stack: return _reduce(np.max)(self, axis, keepdims=keepdims)  # noqa: D102
    def min(self, axis: Any = None, keepdims: bool = False) -> Stack: return _reduce(np.min)(self, axis, keepdims=keepdims)  # noqa: D102
    def copy(self) -> Stack: return Stack(self.data.copy())  # noqa: D102
    def astype(self, dtype: Any) -> Stack: return Stack(self.data.astype(dtype))  # noqa: D102
    def ravel(self) -> Any: return _ravel(self)  # noqa: D102
    def reshape(self, *shape: Any) -> Any: return _reshape(self, shape[0] if len(shape) == 1 else shape)  # noqa: D102
    def transpose(self, *axes: Any) -> Any: return _transpose(self, *axes)  # noqa: D102
    # fmt: on

    def __getitem__(self, index: Any) -> Stack:
        items = index if isinstance(index, tuple) else (index,)
        simple = (int, np.integer, slice, type(None), type(...))
        if not all(isinstance(item, simple) and not isinstance(item, bool) for item in items):
            raise StackError("a stack is indexed by integers and slices only")
        return Stack(self.data[(slice(None), *items)])

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, **options: Any) -> Any:
        if method != "__call__" or options or ufunc.nout != 1:
            return NotImplemented
        if ufunc is np.matmul:
            return _matmul(*inputs)
        if ufunc.signature is not None:
            return NotImplemented
        return Stack(ufunc(*_aligned(inputs)))

    def __array_function__(self, function: Any, types: Any, args: Any, options: Any) -> Any:
        if function not in _FUNCTIONS:
            return NotImplemented
        return _FUNCTIONS[function](*args, **options)

    def _no(self, *_: Any, **__: Any) -> NoReturn:
        raise StackError("a stack holds many versions: it has no single truth value, number, length or array")

    __array__ = __bool__ = __float__ = __int__ = __len__ = __iter__ = __contains__ = __setitem__ = _no


def _implements(*functions: Callable[..., Any]) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    def register(handler: Callable[..., Any]) -> Callable[..., Any]:
        _FUNCTIONS.update(dict.fromkeys(functions, handler))
        return handler

    return register


def _aligned(operands: Sequence[Any]) -> list[Any]:
    """Return arrays that broadcast against each other as single versions would, behind the leading axis."""
    most = max(np.ndim(operand) if not isinstance(operand, Stack) else operand.ndim for operand in operands)
    return [
        z.data.reshape(len(z.data), *(1,) * (most - z.ndim), *z.shape) if isinstance(z, Stack) else z for z in operands
    ]


def _matmul(x: Any, y: Any) -> Stack:
    row, column = np.ndim(x) == 1, np.ndim(y) == 1
    if row:
        x = x[np.newaxis, :]
    if column:
        y = y[:, np.newaxis]
    if isinstance(x, Stack) and not isinstance(y, Stack) and x.ndim == y.ndim == 2:
        rows = x.data.reshape(len(x.data) * x.shape[0], x.shape[1])
        product = (rows @ y).reshape(len(x.data), x.shape[0], y.shape[1])  # one product
    else:
        product = np.matmul(*_aligned([x, y]))
    product = product[..., 0, :] if row else product
    return Stack(product[..., 0] if column else product)


def _axes(axis: Any, ndim: int) -> tuple[int, ...]:
    """Return the axes of the data that are meant by the axes of a version."""
    axes = range(ndim) if axis is None else axis if isinstance(axis, (tuple, list)) else (axis,)
    return tuple(1 + int(normalize_axis_index(i, ndim)) for i in axes)


def _reduce(function: Callable[..., Any]) -> Callable[..., Stack]:
    def handler(z: Stack, axis: Any = None, *, keepdims: bool = False) -> Stack:
        return Stack(function(z.data, axis=_axes(axis, z.ndim), keepdims=keepdims))

    return handler


for _function in (np.sum, np.mean, np.max, np.min, np.prod, np.any, np.all, np.var, np.std):
    _implements(_function)(_reduce(_function))


@_implements(np.reshape)
def _reshape(z: Stack, shape: Any) -> Stack:
    sizes = tuple(shape) if isinstance(shape, (tuple, list)) else (shape,)
    return Stack(z.data.reshape(len(z.data), *sizes))


@_implements(np.ravel)
def _ravel(z: Stack) -> Any:
    return Stack(z.data.reshape(len(z.data), z.size))


@_implements(np.transpose)
def _transpose(z: Stack, *axes: Any) -> Stack:
    order = axes[0] if len(axes) == 1 and not isinstance(axes[0], int) else axes or None
    return Stack(np.transpose(z.data, (0, *_axes(tuple(range(z.ndim))[::-1] if order is None else order, z.ndim))))


@_implements(np.swapaxes)
def _swapaxes(z: Stack, first: int, second: int) -> Stack:
    return Stack(np.swapaxes(z.data, *_axes((first, second), z.ndim)))


@_implements(np.expand_dims)
def _expand_dims(z: Stack, axis: Any) -> Stack:
    added = axis if isinstance(axis, (tuple, list)) else (axis,)
    return Stack(np.expand_dims(z.data, _axes(added, z.ndim + len(added))))


@_implements(np.squeeze)
def _squeeze(z: Stack, axis: Any = None) -> Stack:
    dropped = tuple(i for i, size in enumerate(z.shape) if size == 1) if axis is None else axis
    return Stack(np.squeeze(z.data, _axes(dropped, z.ndim)))


@_implements(np.broadcast_to)
def _broadcast_to(z: Stack, shape: Any) -> Stack:
    sizes = tuple(shape) if isinstance(shape, (tuple, list)) else (shape,)
    data = z.data.reshape(len(z.data), *(1,) * (len(sizes) - z.ndim), *z.shape)
    return Stack(np.broadcast_to(data, (len(data), *sizes)))


@_implements(np.concatenate)
def _concatenate(parts: Sequence[Any], axis: int = 0) -> Stack:
    count = next(len(part.data) for part in parts if isinstance(part, Stack))
    arrays: list[Any] = []
    for stacked, run in itertools.groupby(parts, lambda part: isinstance(part, Stack)):
        if stacked:
            arrays += [part.data for part in run]
        else:  # one array of all that stand together: parts may be thousands
            joined = np.concatenate(list(run), axis=axis)
            arrays.append(np.broadcast_to(joined, (count, *joined.shape)))
    return Stack(np.concatenate(arrays, axis=_axes(axis, arrays[0].ndim - 1)[0]))


@_implements(np.stack)
def _stack(parts: Sequence[Any], axis: int = 0) -> Any:
    return _concatenate([np.expand_dims(part, axis) for part in parts], axis)


_implements(np.shape)(lambda z: z.shape)
_implements(np.ndim)(lambda z: z.ndim)
_implements(np.size)(lambda z: z.size)


@_implements(np.take)
def _take(z: Stack, indices: Any, axis: int) -> Stack:
    return Stack(np.take(z.data, indices, axis=_axes(axis, z.ndim)[0]))


def _entrywise(function: Callable[..., Any]) -> Callable[..., Stack]:
    return lambda *operands: Stack(function(*_aligned(operands)))


_EACH: tuple[Callable[..., Any], ...] = (np.where, np.clip, np.zeros_like, np.ones_like)
_FUNCTIONS |= {function: _entrywise(function) for function in _EACH}


@_implements(np.dot)
def _dot(x: Any, y: Any) -> Any:
    if not 0 < min(np.ndim(x), np.ndim(y)) <= max(np.ndim(x), np.ndim(y)) <= 2:
        raise StackError("np.dot of other than vectors and matrices")
    return _matmul(x, y)


# How much work -------------------------------------------------------------------------------------------------------


def multiply_adds(op: Op, inputs: Sequence[Numbers]) -> int:
    """Return how many multiply-adds the products in a forward rule take, whoever wrote it; 0 if it can't be run so.

    Examples
    --------
    >>> import graphnet as gn
    >>> multiply_adds(gn.ops.Matmul(), [np.ones((2, 3)), np.ones((3, 4))])
    24
    """
    counted: list[int] = []
    if (work := getattr(op, "work", None)) is not None:
        return int(work(inputs))  # a function of another library, which counts them there
    try:
        with np.errstate(all="ignore"):
            op.forward(*[_Counting.of(z, counted) for z in inputs])
    except Exception:  # of any kind: the rule can't do with such an array, and will be run with others
        return 0
    return sum(counted)


class _Counting(np.ndarray[Any, Any]):
    """An array that writes down the multiply-adds of each product it is part of, and so does what is computed from it."""

    counted: list[int]

    @staticmethod
    def of(array: Any, counted: list[int]) -> _Counting:
        view = np.asarray(array).view(_Counting)
        view.counted = counted
        return view

    def __array_finalize__(self, source: Any) -> None:
        self.counted = getattr(source, "counted", [])

    def __array_ufunc__(self, ufunc: np.ufunc, method: Any, *inputs: Any, **options: Any) -> Any:
        if "out" in options:
            options["out"] = tuple(_plain(z) for z in options["out"])
        result = getattr(ufunc, method)(*map(_plain, inputs), **{key: _plain(value) for key, value in options.items()})
        if ufunc is np.matmul:
            self.counted.append(np.size(result) * np.shape(inputs[0])[-1])
        return _Counting.of(result, self.counted) if isinstance(result, np.ndarray) else result

    def __array_function__(self, function: Any, types: Any, args: Any, options: Any) -> Any:
        result = super().__array_function__(function, types, args, options)
        if function in (np.dot, np.inner, np.tensordot, np.einsum):
            sizes = [z.size for z in (*args, result) if isinstance(z, np.ndarray)]
            self.counted.append(math.isqrt(math.prod(sizes)))  # n·m·k from (n, m), (m, k) and (n, k)
        return result


def _plain(value: Any) -> Any:
    return value.view(np.ndarray) if isinstance(value, _Counting) else value
