"""How a program takes feeds and hands out gradients without copying what is large."""

from __future__ import annotations

import math
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from graphnet.core.node import Node, Numbers
from graphnet.engine.plan.calls import Call, calls_for, view_of

MANY = 64
"""From how many gradients on they are copied as one block."""


@dataclass
class Moving:
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


@dataclass(frozen=True)
class Run:
    """Gradients of one shape that lie one behind the other: one call takes them apart."""

    names: tuple[str, ...]
    start: int
    shape: tuple[int, ...]

    @property
    def size(self) -> int:
        """How many entries they have together."""
        return len(self.names) * math.prod(self.shape)

    def parts(self, memory: Numbers, start: int) -> Iterable[tuple[str, Numbers]]:
        """Return the name and the array of each, in memory where they begin at entry `start`."""
        part = memory[start : start + self.size]
        if not self.shape:  # an entry of a vector would be a number, not an array
            return ((name, part[i : i + 1].reshape(())) for i, name in enumerate(self.names))
        return zip(self.names, part.reshape(len(self.names), *self.shape), strict=True)


class Piece:
    """Gradients that lie in one piece of memory.

    Parameters
    ----------
    memory
        A block of numbers.
    gradients
        Contiguous parts of it, by name.
    moving
        The value that the memory holds, if it is large: it is handed out as it is, and while somebody holds it, runs write
        elsewhere.
    """

    def __init__(self, memory: Numbers, gradients: Mapping[str, Numbers], moving: Moving | None) -> None:
        self.memory, self.moving = memory, moving
        self.runs = _runs(memory, gradients)
        self._ours: int | None = None
        self._spare: Numbers | None = None

    def hand_out(self) -> dict[str, Numbers]:
        """Return the gradients, as arrays that no run will write into while somebody holds them."""
        if self.moving is None:
            first, last = self.runs[0], self.runs[-1]
            return self._parts(self.memory[first.start : last.start + last.size].copy(), first.start)
        if self._ours is None:
            self._ours = sys.getrefcount(self.memory)  # nobody else holds it yet
        return self._parts(self.memory)

    def renew(self, calls: list[Call]) -> dict[str, Numbers]:
        """Write elsewhere from now on if somebody still holds what was handed out; return the gradients that moved.

        A training loop holds the gradients of the last step until it has those of the next: two pieces of memory take turns.
        """
        if self._ours is None or sys.getrefcount(self.memory) == self._ours:
            return {}
        assert self.moving is not None
        spare_is_free = self._spare is not None and sys.getrefcount(self._spare) == 2  # the attribute, and the argument
        new = self._spare if spare_is_free else np.empty_like(self.memory)
        assert new is not None
        self._spare, self.memory, self._ours = self.memory, new, None
        self.moving.move(calls, new.reshape(self.moving.arrays[self.moving.node].shape))
        return self._parts(new)

    def _parts(self, memory: Numbers, first: int = 0) -> dict[str, Numbers]:
        """Return the gradients in memory that begins at entry `first` of the piece."""
        parts: dict[str, Numbers] = {}
        for run in self.runs:
            parts.update(run.parts(memory, run.start - first))
        return parts


def _runs(memory: Numbers, gradients: Mapping[str, Numbers]) -> list[Run]:
    first, item = memory.ctypes.data, memory.itemsize
    starts = {name: (array.ctypes.data - first) // item for name, array in gradients.items()}
    runs: list[tuple[list[str], int, tuple[int, ...]]] = []
    end = -1
    for name in sorted(starts, key=starts.__getitem__):
        shape, start = gradients[name].shape, starts[name]
        if start == end and runs[-1][2] == shape:
            runs[-1][0].append(name)
        else:
            runs.append(([name], start, shape))
        end = start + gradients[name].size
    return [Run(tuple(names), start, shape) for names, start, shape in runs]


def pieces_of(gradients: Mapping[str, Numbers], moving: Sequence[Moving]) -> list[Piece]:
    """Return the pieces of memory whose gradients are handed out together: the large ones, and many small ones."""
    by_memory: dict[int, dict[str, Numbers]] = {}
    for name, array in gradients.items():
        if isinstance(array.base, np.ndarray) and array.base.ndim == 1 and array.flags.c_contiguous:
            by_memory.setdefault(id(array.base), {})[name] = array
    moved = {id(value.arrays[value.node].base): value for value in moving}
    return [
        Piece(memory, parts, moved.get(key))
        for key, parts in by_memory.items()
        for memory in [next(iter(parts.values())).base]
        if isinstance(memory, np.ndarray) and (key in moved or len(parts) >= MANY)
    ]
