"""How much work a forward rule is: the multiply-adds of its matrix products, found by running it once."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from graphnet.core.op import Op

Array = np.ndarray[Any, Any]


def multiply_adds(op: Op, inputs: Sequence[Array]) -> int:
    """Return how many multiply-adds the products in a forward rule take, whoever wrote it; 0 if it can't be run so.

    Examples
    --------
    >>> import graphnet as gn
    >>> multiply_adds(gn.ops.Matmul(), [np.ones((2, 3)), np.ones((3, 4))])
    24
    """
    counted: list[int] = []
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
