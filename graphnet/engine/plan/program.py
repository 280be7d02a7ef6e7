"""A program: the flat list of calls, the arrays it reads and writes, and how it explains itself."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from graphnet.common.cached import cached_property
from graphnet.common.tables import table
from graphnet.core.node import Node, Numbers
from graphnet.engine.plan.calls import Call, calls_for, view_of
from graphnet.engine.plan.memory import MemoryLayout


@dataclass
class Relocatable:
    """A value that lies elsewhere in each run, so that it need not be copied: a large feed, or a large gradient.

    Attributes
    ----------
    node
        Whose value it is.
    arrays
        The arrays of all nodes.
    views
        The nodes that are views of it, each after what it views, which is named too.
    uses
        The nodes that read or write it, and the number of the first call of each.
    """

    node: Node
    arrays: dict[Node, Numbers]
    views: list[tuple[Node, Node]]
    uses: list[tuple[Node, int]]

    def move(self, calls: list[Call], array: Numbers) -> None:
        """Let the value lie in `array` from now on."""
        self.arrays[self.node] = array
        for view, viewed in self.views:
            self.arrays[view] = view_of(view, self.arrays[viewed])
        for node, first in self.uses:
            made = calls_for(node, [self.arrays[source] for source in node.inputs], self.arrays[node])
            calls[first : first + len(made)] = made


class Block:
    """Gradients that lie in one large piece of memory, and are handed out as they are.

    Parameters
    ----------
    memory
        A block of numbers.
    gradients
        Contiguous parts of it, by name.
    moving
        The value that the memory holds. While somebody holds it, runs write elsewhere.
    """

    def __init__(self, memory: Numbers, gradients: Mapping[str, Numbers], moving: Relocatable) -> None:
        self.memory, self.moving = memory, moving
        starts = {
            name: (array.ctypes.data - memory.ctypes.data) // memory.itemsize for name, array in gradients.items()
        }
        self.places = {
            name: (first, first + gradients[name].size, gradients[name].shape) for name, first in starts.items()
        }
        self._ours: int | None = None
        self._spare: Numbers | None = None

    def hand_out(self) -> dict[str, Numbers]:
        """Return the gradients, as arrays that no run will write into while somebody holds them."""
        if self._ours is None:
            self._ours = sys.getrefcount(self.memory)  # nobody else holds it yet
        return self._parts()

    def renew(self, calls: list[Call]) -> dict[str, Numbers]:
        """Write elsewhere from now on if somebody still holds what was handed out; return the gradients that moved.

        A training loop holds the gradients of the last step until it has those of the next: two pieces of memory take turns.
        """
        if self._ours is None or sys.getrefcount(self.memory) == self._ours:
            return {}
        spare_is_free = self._spare is not None and sys.getrefcount(self._spare) == 2  # the attribute, and the argument
        new = self._spare if spare_is_free else np.empty_like(self.memory)
        assert new is not None
        self._spare, self.memory, self._ours = self.memory, new, None
        self.moving.move(calls, new.reshape(self.moving.arrays[self.moving.node].shape))
        return self._parts()

    def _parts(self) -> dict[str, Numbers]:
        return {name: self.memory[start:stop].reshape(shape) for name, (start, stop, shape) in self.places.items()}


def blocks_of(gradients: Mapping[str, Numbers], moving: Sequence[Relocatable]) -> list[Block]:
    """Return the pieces of memory that hold large gradients."""
    blocks = []
    for value in moving:
        memory = value.arrays[value.node].base
        parts = {name: array for name, array in gradients.items() if array.base is memory and array.flags.c_contiguous}
        if isinstance(memory, np.ndarray) and parts:
            blocks.append(Block(memory, parts, value))
    return blocks


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
    lines: Iterable[tuple[str, ...]]
    bytes: int
    passes: Sequence[tuple[str, str]]
    layout: MemoryLayout | None = None
    moving_feeds: Mapping[int, Relocatable] = field(default_factory=dict)
    moving_gradients: Sequence[Relocatable] = ()

    def __post_init__(self) -> None:
        self._read: dict[int, Numbers] = {}
        self._fill = [
            _leave if number in self.moving_feeds else array.__setitem__ for number, array in enumerate(self.fed)
        ]
        self._blocks = blocks_of(self.gradients, self.moving_gradients)
        in_blocks = {name for block in self._blocks for name in block.places}
        self._copies = [(name, array.copy) for name, array in self.gradients.items() if name not in in_blocks]

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
        for block in self._blocks:
            self.gradients.update(block.renew(self.calls))
        for number, moving in self.moving_feeds.items():
            if feeds[number] is not self._read.get(number):
                self._read[number] = np.ascontiguousarray(feeds[number], self.fed[number].dtype)
                moving.move(self.calls, self._read[number])

    def hand_out(self) -> dict[str, Numbers]:
        """Return the gradients, as arrays that no run will write into."""
        if not self._blocks:
            return {name: copy() for name, copy in self._copies}
        found = dict.fromkeys(self.gradients, self.outputs[0])  # in their order
        found.update((name, copy()) for name, copy in self._copies)
        for block in self._blocks:
            found.update(block.hand_out())
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
