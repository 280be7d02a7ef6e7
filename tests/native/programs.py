"""Random programs for the instruction maker: arrays of all kinds and layouts, calls of all kinds, many of which don't fit."""

from __future__ import annotations

import warnings
from functools import partial
from typing import Any

import numpy as np

from tests.native.beside import compare

UNARY = (np.tanh, np.exp, np.log, np.negative, np.sqrt, np.abs, np.sign, np.square, np.sin, np.expm1, np.log1p)
BINARY = (np.add, np.subtract, np.multiply, np.divide, np.power, np.less, np.greater_equal, np.equal, np.logical_and)
KINDS = (np.float64, np.float32, np.float64, np.float32, np.int64, np.bool_, np.int32, np.float16, ">f8", np.complex128)
SPECIAL = (0.0, -0.0, np.inf, -np.inf, np.nan, 1e-310, 1e300)


class Maker:
    """Makes arrays and calls.

    Parameters
    ----------
    seed
        Of the random numbers.
    wild
        How often, of one, an array is of a kind that does not fit.
    """

    def __init__(self, seed: int, wild: float = 0.1) -> None:
        self.rng, self.wild = np.random.default_rng(seed), wild

    def chance(self, probability: float) -> bool:
        return bool(self.rng.random() < probability)

    def pick(self, things: Any) -> Any:
        return things[self.rng.integers(len(things))]

    def shape(self, least: int = 0) -> tuple[int, ...]:
        sizes = (0, 1, 1, 2, 3, 5, 7, 8, 16, 17, 33)
        return tuple(int(self.pick(sizes[1 if self.chance(0.97) else 0 :])) for _ in range(self.rng.integers(least, 4)))

    def array(self, shape: tuple[int, ...], dtype: Any) -> Any:
        """Return an array of this shape, laid out in some way."""
        values = self.rng.normal(size=shape) * self.pick((1, 1, 1, 30))
        if self.chance(0.15):
            values = np.where(self.rng.random(shape) < 0.3, self.pick(SPECIAL), values)
        with np.errstate(all="ignore"):
            array = np.asarray(values).astype(dtype)
        layout = self.pick(("rows", "rows", "rows", "columns", "apart", "back", "stretched", "turned", "part"))
        if layout == "columns":
            return np.asfortranarray(array)
        if layout == "apart" and shape:
            return np.repeat(array, 2, axis=-1)[..., ::2]
        if layout == "back" and shape:
            return array[..., ::-1] if self.chance(0.5) else array[::-1]
        if layout == "stretched" and shape and self.chance(0.3):
            return np.broadcast_to(array[:1], shape) if shape[0] else array
        if layout == "turned" and len(shape) > 1:
            return np.ascontiguousarray(np.swapaxes(array, 0, -1)).swapaxes(0, -1)
        if layout == "part":
            wide = np.zeros((*shape, 3) if not shape else (*shape[:-1], shape[-1] + 3), array.dtype)
            part = wide[..., 1] if not shape else wide[..., 1 : shape[-1] + 1]
            part[...] = array
            return part
        if self.chance(self.wild / 4):
            array.flags.writeable = False
        if self.chance(self.wild / 4) and array.size:
            raw = np.zeros(array.nbytes + 1, np.uint8)
            crooked = raw[1:].view(array.dtype).reshape(shape)
            crooked[...] = array
            return crooked
        return array.view(np.matrix) if self.chance(self.wild / 8) and array.ndim == 2 else array

    def operand(self, shape: tuple[int, ...], dtype: Any) -> Any:
        """Return an array that broadcasts to a shape, mostly."""
        shape = tuple(1 if self.chance(0.1) else size for size in shape)
        shape = shape[self.rng.integers(len(shape) + 1) :] if self.chance(0.15) else shape
        shape = self.shape() if self.chance(self.wild / 2) else shape
        return self.array(shape, self.pick(KINDS) if self.chance(self.wild) else dtype)

    def out(self, shape: tuple[int, ...], dtype: Any, operands: list[Any]) -> Any:
        """Return memory for a result: new, or that of an operand, or a part of it that is shifted."""
        if operands and self.chance(0.25):
            operand = self.pick(operands)
            return operand[::-1] if operand.ndim and self.chance(self.wild) else operand
        return self.array(shape, self.pick(KINDS) if self.chance(self.wild / 2) else dtype)

    def call(self) -> Any:
        """Return a call."""
        dtype, shape = self.pick(KINDS[:4]), self.shape()
        kind = self.pick(
            ("unary", "binary", "binary", "extreme", "product", "product", "copy", "where", "sum", "best", "sum")
        )
        return getattr(self, f"_{kind}")(shape, dtype)

    def _unary(self, shape: Any, dtype: Any) -> Any:
        x = self.operand(shape, dtype)
        return self.pick(UNARY), (x, self.out(shape, dtype, [x]))

    def _binary(self, shape: Any, dtype: Any) -> Any:
        x, y = self.operand(shape, dtype), self.operand(shape, dtype)
        ufunc = self.pick(BINARY)
        y = x if self.chance(0.05) else y
        is_bool = ufunc in BINARY[-4:]
        return ufunc, (x, y, self.out(shape, np.bool_ if is_bool else dtype, [] if is_bool else [x, y]))

    def _extreme(self, shape: Any, dtype: Any) -> Any:
        x, y = self.operand(shape, dtype), self.operand(shape, dtype)
        return partial(self.pick((np.maximum, np.minimum)), out=self.out(shape, dtype, [x, y])), (x, y)

    def _product(self, shape: Any, dtype: Any) -> Any:
        m, n, p = (int(self.pick((1, 1, 2, 3, 8, 17))) for _ in range(3))
        x, y, out = ([m, n], [n, p], [m, p])
        if self.chance(0.2):
            x, out = x[1:], out[1:]
        if self.chance(0.2):
            y, out = y[:1], out[:-1]
        stack = list(self.shape()) if self.chance(0.2) and len(x) == len(y) == 2 else []
        x, y, out = (tuple(stack + sizes) for sizes in (x, y, out))
        if stack and self.chance(0.5):
            y = y[len(stack) :]
        if self.chance(self.wild / 2):
            y = self.shape()
        x, y = self.array(x, dtype), self.array(y, dtype)
        if self.chance(0.05) and x.ndim == 2:  # a product with itself
            y, out = x.T, (len(x), len(x))
        return np.matmul, (x, y, self.out(out, dtype, []))

    def _copy(self, shape: Any, dtype: Any) -> Any:
        dtype = self.pick(KINDS)
        return np.copyto, (self.out(shape, dtype, []), self.operand(shape, dtype))

    def _where(self, shape: Any, dtype: Any) -> Any:
        out, x = self._copy(shape, dtype)[1]
        return np.copyto, (out, x, "same_kind", self.operand(shape, np.bool_))

    def _reduced(self, ufunc: Any, shape: Any, dtype: Any) -> Any:
        x = self.operand(shape, dtype)
        axes = tuple(range(x.ndim))
        some = (axes, axes[:1], axes[1:2], axes[-1:], axes[:2], axes[1:], axes[::2])
        axis = self.pick((*some, -1, None, (7,) if self.chance(self.wild) else ()))
        keeps = self.chance(0.4)
        try:
            out = self.out(np.zeros(x.shape).sum(axis=axis, keepdims=keeps).shape, dtype, [])
        except Exception:
            out = self.out(shape, dtype, [])
        return ufunc.reduce, (x, axis, None, out, keeps)

    def _sum(self, shape: Any, dtype: Any) -> Any:
        return self._reduced(np.add, shape, dtype)

    def _best(self, shape: Any, dtype: Any) -> Any:
        return self._reduced(self.pick((np.maximum, np.minimum, np.multiply)), shape, dtype)


CALLS = 8


def survey(seeds: range, wild: float = 0.1) -> dict[str, list[int]]:
    """Return for each function how many of its calls are instructions, and how many calls there were that Python can make."""
    counts: dict[str, list[int]] = {}
    for seed in seeds:
        maker = Maker(seed, wild)
        for number in range(CALLS):
            call = maker.call()
            name = getattr(getattr(call[0], "func", call[0]), "__name__", "?")
            try:
                made = compare(call)
                if not made:
                    with np.errstate(all="ignore"), warnings.catch_warnings(action="ignore"):
                        call[0](*call[1])
            except (TypeError, ValueError, IndexError, np.exceptions.ComplexWarning):
                continue  # Python refuses it too; an instruction that it would refuse is an error below
            except Exception as error:
                error.add_note(f"seed {seed}, call {number}")
                raise
            count = counts.setdefault(name, [0, 0])
            count[0] += made
            count[1] += 1
    return counts
