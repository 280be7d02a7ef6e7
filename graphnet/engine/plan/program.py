"""Programs: flat lists of NumPy calls that compute nodes fastest; how they run, and explain themselves.

A call is a function and its arguments, the output last among them, so that running a program is nothing but
``for function, arguments in calls: function(*arguments)``. For small arrays the overhead of a call is all there is: a product
with a row of ones costs a third of ``np.sum``.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeAlias

import numpy as np

from graphnet import native, ops
from graphnet.common.text import table
from graphnet.core import shapes
from graphnet.core.inference import require_value
from graphnet.core.node import Node, Numbers
from graphnet.core.op import Op
from graphnet.engine.rewrite import Copy, SumOfSquares
from graphnet.engine.rules import read_only
from graphnet.errors import ShapeError
from graphnet.ops.elementwise import ElementwisePrimitive
from graphnet.ops.indexing import numpy_index, require_positions
from graphnet.ops.sums import PRODUCT, SUMMED_AT_ONCE, calls_for_row_sums, sum_of_squares, total

Call: TypeAlias = tuple[Callable[..., Any], tuple[Any, ...]]


class PythonCalls:
    """A list of calls made one by one, where there is no C extension; the parameters are those of ``native.Calls``."""

    def __init__(
        self,
        calls: Sequence[Call],
        feeds: Sequence[Numbers],
        results: Mapping[str, Numbers],
        outputs: Sequence[Numbers],
    ) -> None:
        self.calls, self.places, self.results = calls, feeds, results
        self.native, self.read_in_place, self.handed_out = [False] * len(calls), 0, 0

    def fits(self, feeds: Sequence[Numbers]) -> bool:
        """Tell whether feeds are plain arrays, of the very shapes and dtypes of their places."""
        return all(
            type(fed) is np.ndarray and fed.shape == place.shape and fed.dtype == place.dtype
            for fed, place in zip(feeds, self.places, strict=True)
        )

    def run(self, feeds: Sequence[Numbers]) -> None:
        """Compute the results from the feeds."""
        for place, fed in zip(self.places, feeds, strict=True):
            place[...] = fed
        for function, arguments in self.calls:
            function(*arguments)

    def hand_out(self) -> dict[str, Numbers]:
        """Return the results, as arrays that no run will write into."""
        return {name: array.copy() for name, array in self.results.items()}


Calls: TypeAlias = "PythonCalls | native.Calls"


def ready(
    calls: Sequence[Call],
    feeds: Sequence[Numbers] = (),
    results: dict[str, Numbers] | None = None,
    outputs: Sequence[Numbers] = (),
) -> Calls:
    """Return calls that can be run, natively where that can be.

    Parameters
    ----------
    calls
        (function, arguments), in order.
    feeds
        The arrays to be filled before the calls.
    results
        What is handed out, by name; an array that is handed out as it is has another in its place from the next run on.
    outputs
        The other arrays that are read afterwards.
    """
    make = PythonCalls if native.Calls is None else native.Calls
    return make(calls, feeds, {} if results is None else results, outputs)


@dataclass(eq=False, slots=True)
class Buffer:
    """A piece of memory that values take turns to live in.

    Attributes
    ----------
    number
        Its number in the program.
    size, dtype
        How many entries of which kind.
    """

    number: int
    size: int
    dtype: np.dtype[Any]

    @property
    def bytes(self) -> int:
        """Its size in bytes."""
        return self.size * self.dtype.itemsize


@dataclass(frozen=True)
class MemoryLayout:
    """Where every value of a program lives.

    Attributes
    ----------
    order
        The nodes in the order in which they are computed.
    buffer
        The buffer of each node that has memory of its own; a view, a constant or a parameter is not in it.
    views
        Of each node that is a view, the node that it views.
    """

    order: tuple[Node, ...]
    buffer: dict[Node, Buffer]
    views: dict[Node, Node]

    @property
    def buffers(self) -> list[Buffer]:
        """All buffers, by number."""
        return sorted(set(self.buffer.values()), key=lambda buffer: buffer.number)

    @property
    def bytes(self) -> int:
        """Memory of all buffers, in bytes."""
        return sum(buffer.bytes for buffer in self.buffers)


@dataclass(eq=False)
class Program:
    """A graph as a flat list of NumPy calls, for inputs of given shapes.

    Attributes
    ----------
    calls
        (function, arguments), in order.
    fed
        The array of each input, to be filled before the calls.
    outputs, gradients
        The arrays that hold the results after the calls; gradients by the name of what they belong to.
    lines
        For each call: whose rule it comes from, its function, shapes and buffer.
    bytes
        Memory of all values.
    passes
        What made it: the name of each pass, and what came of it.
    layout
        Where each value lives; None for a graph of scalars, whose values lie side by side.
    """

    calls: list[Call]
    fed: Sequence[Numbers]
    outputs: Sequence[Numbers]
    gradients: dict[str, Numbers]
    lines: Iterable[tuple[str, ...]]
    bytes: int
    passes: Sequence[tuple[str, str]]
    layout: MemoryLayout | None = None

    def __post_init__(self) -> None:
        self._made = ready(self.calls, self.fed, self.gradients, self.outputs)
        self.fits, self.run, self.hand_out = self._made.fits, self._made.run, self._made.hand_out

    def explain(self) -> str:
        """Return the program as a table, one line a call, and its memory."""
        header, rows = ["call", "from", "function", "operands", "result", "buffer", "bytes"], self.lines
        told, where, layout = [*self.passes], "which all values lie side by side", self.layout
        if layout is not None:
            made_by = ["native" if native else "Python" for native in self._made.native]
            header, rows = [*header, "by"], [(*row, by) for row, by in zip(rows, made_by, strict=True)]
            told.append(("memory", f"{len(layout.buffer):,} values in {len(layout.buffers):,} buffers"))
            uses = Counter(layout.buffer.values())
            shared = [f"{buffer.number} ({count} values)" for buffer, count in uses.items() if count > 1]
            where = f"{len(layout.buffers)} buffers" + f"; shared: {', '.join(shared[:40])}" * bool(shared)
        text = table(header, [(str(i), *row) for i, row in enumerate(rows)], most=400)
        lines = [f"{text}\n\n{len(self.calls)} calls, {self.bytes:,} bytes in {where}"]
        read, given = self._made.read_in_place, self._made.handed_out
        if read or given:
            lines.append(
                f"not copied: {read} of {len(self.fed)} feeds are read where they lie, and {given} of {len(self.gradients)} "
                "gradients are handed out as they are"
            )
        return "\n".join([*lines, "passes", *(f"  {name}: {what}" for name, what in told)])


def function_name(call: Call) -> str:
    """Return the name of the function that a call calls."""
    return str(getattr(getattr(call[0], "func", call[0]), "__name__", "call"))


# Which call computes a node fastest ------------------------------------------------------------------------------------


def view_of(node: Node, source: Numbers) -> Numbers:
    """Return the value of a node that is a view, from the array that it views."""
    op = node.op
    if isinstance(op, ops.Getitem):
        return np.asarray(source[numpy_index(op.index if "..." in op.index else (*op.index, "..."))])
    assert op is not None
    return op.forward(source)  # type: ignore[no-any-return]


def calls_for(node: Node, inputs: list[Numbers], out: Numbers) -> list[Call]:
    """Return the calls that compute a node's value into `out`."""
    op = node.op
    match op:
        case ops.Where() if inputs[0].dtype.kind == "b":
            condition, x, y = inputs
            return [(np.copyto, (out, y)), (np.copyto, (out, x, "same_kind", condition))]
        case ElementwisePrimitive() if not isinstance(op, ops.Where):
            masks = [i for i, x in enumerate(inputs) if x.dtype.kind == "b" and x.shape == out.shape]
            casts: list[Call] = []
            if masks and out.dtype.kind == "f":  # NumPy would cast it piece by piece
                casts = [(np.copyto, (out, inputs[masks[0]]))]
                inputs = [out if i == masks[0] else x for i, x in enumerate(inputs)]
            if isinstance(op, (ops.Maximum, ops.Minimum)):  # NumPy wants their output by keyword
                return [*casts, (partial(op.ufunc, out=out), tuple(inputs))]
            return [*casts, (op.ufunc, (*inputs, out))]
        case ops.Matmul():
            x, y = inputs
            return [_product(x, y, out)]
        case SumOfSquares() if inputs[0].flags.forc:
            flat = inputs[0].ravel(order="K")
            if flat.size > PRODUCT and flat.dtype == np.float32:
                return [(_into, (out, sum_of_squares, flat))]
            return [(np.matmul, (flat, flat, out))]
        case ops.Sum():
            return _sum(op, inputs[0], out)
        case ops.Mean():
            count = np.asarray(inputs[0].size // max(out.size, 1), out.dtype)
            return [*_sum(op, inputs[0], out), (np.divide, (out, count, out))]
        case ops.Max():
            return [
                (np.maximum.reduce, (inputs[0], shapes.normal_axes(op.axis, inputs[0].ndim), None, out, op.keepdims))
            ]
        case ops.Concatenate():
            return [(np.concatenate, (tuple(inputs), op.axis, out))]
        case Copy():
            return [(np.copyto, (out, inputs[0]))]
        case ops.Take():
            checked = (require_positions, (inputs[1], inputs[0].shape[op.axis], op.from_end))
            return [checked, (np.take, (*inputs, op.axis, out, "wrap"))]  # "raise" would copy first, for nothing
        case ops.Reshape():
            return [(np.copyto, (out.reshape(inputs[0].shape), inputs[0]))]
        case _:
            assert op is not None
            return [(run_opaque, (op, tuple(map(read_only, inputs)), out))]


def run_opaque(op: Op, inputs: tuple[Numbers, ...], out: Numbers) -> None:
    """Run an op's own forward rule, and copy what it returns."""
    value = np.asarray(require_value(op.forward(*inputs)))
    if value.shape != out.shape:  # copying would broadcast it
        raise ShapeError(f"the rule of {op.name} gave shape {value.shape}, expected {out.shape}")
    np.copyto(out, value)


def _product(x: Numbers, y: Numbers, out: Numbers) -> Call:
    """Return the call for a matrix product."""
    if not x.dtype == y.dtype == out.dtype:
        return partial(np.matmul, casting="same_kind"), (x, y, out)
    if x.ndim > 1 and y.ndim > 1 and x.shape[-1] == 1:  # of a column and a row: np.matmul does without BLAS then
        return np.multiply, (x, y, out)
    return np.matmul, (x, y, out)


def _sum(op: ops.Sum | ops.Mean, x: Numbers, out: Numbers) -> list[Call]:
    """Return the calls for a sum: over rows they are matrix products with ones; many in float32 are added up in blocks."""
    axes = shapes.normal_axes(op.axis, x.ndim)
    if x.dtype == out.dtype == np.float32 and x.size > SUMMED_AT_ONCE * max(out.size, 1):
        if axes == tuple(range(len(axes))) and x.flags.c_contiguous and out.flags.c_contiguous:
            flat = out.ravel()
            return list(calls_for_row_sums(x.reshape(-1, flat.size), flat))
        return [(_into, (out, partial(total, axis=op.axis, keepdims=op.keepdims), x))]
    if x.ndim in (2, 3) and axes == (x.ndim - 2,) and not op.keepdims and x.dtype.kind == "f" and x.dtype == out.dtype:
        return [(np.matmul, (np.ones(x.shape[-2], x.dtype), x, out))]
    return [(np.add.reduce, (x, axes, None, out, op.keepdims))]


def _into(out: Numbers, function: Callable[[Numbers], Any], x: Numbers) -> None:
    """Compute into memory by a function that takes none."""
    np.copyto(out, function(x))
