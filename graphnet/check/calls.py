"""Running rules on arrays. Whatever a rule does with them, a check goes on."""

from __future__ import annotations

import math
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from graphnet.core.op import Op
from graphnet.engine.rules import as_messages

Array = np.ndarray[Any, Any]
Messages = Sequence[Array | None]


@dataclass(frozen=True)
class Call:
    """One use of an op.

    Attributes
    ----------
    op, inputs, output
        What is called, which values it takes, and what its result is called.
    multiply_adds
        Of the matrix products in it.
    """

    op: Op
    inputs: tuple[Hashable, ...]
    output: Hashable
    multiply_adds: float = 0

    def run(self, changed: Mapping[Any, Array], values: Mapping[Any, Array]) -> Array:
        """Return its result, of values some of which have changed."""
        inputs = [changed.get(key, values[key]) for key in self.inputs]
        return run_in_domain(self.op, inputs, values[self.output].shape)


def run_in_domain(op: Op, inputs: Sequence[Array], shape: tuple[int, ...]) -> Array:
    """Return what a forward rule gives; NaN if it raises an error or gives another shape: a step has left its domain."""
    try:
        output = np.asarray(op.forward(*inputs))
    except Exception:  # of any kind: it is the rule's own; where nothing has moved it was run without
        return np.full(shape, np.nan)
    return output if output.shape == shape else np.full(shape, np.nan)


def said(op: Op, delta: Array, output: Array, inputs: Sequence[Array]) -> Messages:
    """Return what a backward rule says; raise what it raises."""
    with np.errstate(all="ignore"):
        return as_messages(op, op.backward(delta, output, *inputs), len(inputs))


def tried(op: Op, delta: Array, inputs: Sequence[Array], output: Array | None = None) -> tuple[Array, Messages] | None:
    """Return the output and, as real numbers, what the backward rule says of it; nothing where the rules can't be run.

    They are given copies: what they write into is theirs.
    """
    try:
        with np.errstate(all="ignore"):
            if output is None:
                output = np.asarray(op.forward(*[array.copy() for array in inputs]))
            messages = said(op, delta.copy(), output.copy(), [array.copy() for array in inputs])
            return output, [None if message is None else np.asarray(message, float) for message in messages]
    except Exception:  # of any kind: it is the rule's own, and these arrays may be outside its domain
        return None


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
