"""A program: the flat list of calls, the arrays it reads and writes, and how it explains itself."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

from graphnet import native
from graphnet.common.text import table
from graphnet.core.node import Numbers
from graphnet.engine.plan.calls import Call
from graphnet.engine.plan.memory import MemoryLayout


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
        header, layout = ["call", "from", "function", "operands", "result", "buffer", "bytes"], self.layout
        rows = [(str(i), *line) for i, line in enumerate(self.lines)]
        if layout is not None:
            made_by = ["native" if native else "Python" for native in self._made.native]
            header, rows = [*header, "by"], [(*row, by) for row, by in zip(rows, made_by, strict=True)]
        text = table(header, rows, most=400)
        total = f"{text}\n\n{len(self.calls)} calls, {self.bytes:,} bytes"
        told = [*self.passes]
        if layout is not None:
            told.append(("memory", f"{len(layout.buffer):,} values in {len(layout.buffers):,} buffers"))
        passes = "\n".join(["passes", *(f"  {name}: {what}" for name, what in told)])
        if layout is None:
            return f"{total} in which all values lie side by side\n{passes}"
        uses = Counter(layout.buffer.values())
        shared = [f"{buffer.number} ({count} values)" for buffer, count in uses.items() if count > 1]
        more = f"; shared: {', '.join(shared[:40])}" if shared else ""
        lines = [f"{total} in {len(layout.buffers)} buffers{more}"]
        read, given = self._made.read_in_place, self._made.handed_out
        if read or given:
            lines.append(
                f"not copied: {read} of {len(self.fed)} feeds are read where they lie, and {given} of {len(self.gradients)} "
                "gradients are handed out as they are"
            )
        return "\n".join([*lines, passes])


def function_name(call: Call) -> str:
    """Return the name of the function that a call calls."""
    return str(getattr(getattr(call[0], "func", call[0]), "__name__", "call"))
