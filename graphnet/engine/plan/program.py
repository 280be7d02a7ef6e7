"""A program: the flat list of calls, the arrays it reads and writes, and how it explains itself."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from graphnet.common.tables import table
from graphnet.core.node import Numbers
from graphnet.engine.plan.calls import Call
from graphnet.engine.plan.handing_out import Moving, pieces_of
from graphnet.engine.plan.memory import Layout


@dataclass
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
    moving_feeds
        Large inputs, by their number: they are read where they are fed.
    moving_gradients
        Large gradients: they are handed out as they are, and while somebody holds them, runs write elsewhere.
    """

    calls: list[Call]
    fed: Sequence[Numbers]
    outputs: Sequence[Numbers]
    gradients: dict[str, Numbers]
    lines: Sequence[tuple[str, ...]]
    bytes: int
    passes: Sequence[tuple[str, str]]
    layout: Layout | None = None
    moving_feeds: Mapping[int, Moving] = field(default_factory=dict)
    moving_gradients: Sequence[Moving] = ()

    def __post_init__(self) -> None:
        self._read: dict[int, Numbers] = {}
        self._fill = [
            _leave if number in self.moving_feeds else array.__setitem__ for number, array in enumerate(self.fed)
        ]
        self._pieces = pieces_of(self.gradients, self.moving_gradients)
        together = {name for piece in self._pieces for run in piece.runs for name in run.names}
        self._copies = [(name, array.copy) for name, array in self.gradients.items() if name not in together]

    def run(self, feeds: Sequence[Numbers]) -> None:
        """Compute the results from the feeds, given in the order of the graph's inputs."""
        if self.moving_feeds or self.moving_gradients:
            self._move(feeds)
        for fill, fed in zip(self._fill, feeds, strict=True):
            fill(..., fed)
        for function, arguments in self.calls:
            function(*arguments)

    def _move(self, feeds: Sequence[Numbers]) -> None:
        """Read large feeds where they are, if they lie in memory as the program reads them; replace what was handed out."""
        for piece in self._pieces:
            self.gradients.update(piece.renew(self.calls))
        for number, moving in self.moving_feeds.items():
            if feeds[number] is not self._read.get(number):
                self._read[number] = np.ascontiguousarray(feeds[number], self.fed[number].dtype)
                moving.move(self.calls, self._read[number])

    def hand_out(self) -> dict[str, Numbers]:
        """Return the gradients, as arrays that no run will write into."""
        if not self._pieces:
            return {name: copy() for name, copy in self._copies}
        found = dict.fromkeys(self.gradients, self.outputs[0])  # in their order
        found.update((name, copy()) for name, copy in self._copies)
        for piece in self._pieces:
            found.update(piece.hand_out())
        return found

    @cached_property
    def gradient_vector(self) -> Numbers | None:
        """All gradients as one vector, in their order, where they lie so in memory; None if they don't."""
        arrays = list(self.gradients.values())
        block = arrays[0].base if arrays else None
        if not isinstance(block, np.ndarray) or block.ndim != 1 or self.moving_gradients:
            return None
        start = (arrays[0].ctypes.data - block.ctypes.data) // block.itemsize
        vector = block[start : start + sum(array.size for array in arrays)]
        end = vector.ctypes.data
        for array in arrays:
            if array.base is not block or not array.flags.c_contiguous or array.ctypes.data != end:
                return None
            end += array.nbytes
        return vector

    def explain(self) -> str:
        """Return the program as a table, one line a call, and its memory."""
        header = ["call", "from", "function", "operands", "result", "buffer", "bytes"]
        text = table(header, [(str(i), *line) for i, line in enumerate(self.lines)], most=400)
        total = f"{text}\n\n{len(self.calls)} calls, {self.bytes:,} bytes"
        layout = self.layout
        told = [*self.passes]
        if layout is not None:
            values, buffers, in_place = len(layout.buffer), len(layout.buffers), layout.in_place
            told.append(("memory", f"{values:,} values in {buffers:,} buffers, {in_place:,} in place"))
        passes = "\n".join(["passes", *(f"  {name}: {what}" for name, what in told)])
        if layout is None:
            return f"{total} in which all values lie side by side\n{passes}"
        uses = Counter(layout.buffer.values())
        shared = [f"{buffer.number} ({count} values)" for buffer, count in uses.items() if count > 1]
        more = f"; shared: {', '.join(shared[:40])}" if shared else ""
        lines = [f"{total} in {len(layout.buffers)} buffers{more}"]
        for what, moving in (
            ("read where it is fed, not copied", self.moving_feeds.values()),
            ("handed out as it is, not copied; while it is held, the next run writes elsewhere", self.moving_gradients),
        ):
            numbers = ", ".join(str(layout.buffer[value.node].number) for value in moving)
            if numbers:
                lines.append(f"buffer {numbers}: {what}")
        return "\n".join([*lines, passes])


def _leave(place: object, fed: Numbers) -> None:
    """Do nothing with a feed that is read where it is."""


def function_name(call: Call) -> str:
    """Return the name of the function that a call calls."""
    return str(getattr(getattr(call[0], "func", call[0]), "__name__", "call"))
