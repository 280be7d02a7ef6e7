"""How a program takes feeds and hands out gradients without copying what is large."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from graphnet.core.node import Node
from graphnet.engine.plan.calls import Array, Call, calls_for, view_of

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
    arrays: dict[Node, Array]
    views: Sequence[tuple[Node, Node]]
    uses: Sequence[tuple[Node, int]]

    def move(self, calls: list[Call], array: Array) -> None:
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

    def parts(self, memory: Array) -> Iterable[tuple[str, Array]]:
        """Return the name and the array of each."""
        count = len(self.names)
        stop = self.start + count * math.prod(self.shape)
        return zip(self.names, memory[self.start : stop].reshape(count, *self.shape), strict=True)


class Piece:
    """Gradients that lie in one piece of memory.

    Parameters
    ----------
    memory
        A block of numbers.
    gradients
        Contiguous parts of it, by name.
    moving
        The value that the memory holds, if it is large: it is handed out as it is, and the next run writes elsewhere.
    """

    def __init__(self, memory: Array, gradients: Mapping[str, Array], moving: Moving | None) -> None:
        self.memory, self.moving = memory, moving
        self.runs = _runs(memory, gradients)
        self.gone = False

    def hand_out(self) -> dict[str, Array]:
        """Return the gradients, as arrays that no run will write into."""
        self.gone = self.moving is not None
        return self._parts(self.memory if self.gone else self.memory.copy())

    def renew(self, calls: list[Call]) -> dict[str, Array]:
        """Take new memory in the place of what was handed out; return the gradients in it."""
        assert self.moving is not None
        self.memory = np.empty_like(self.memory)
        self.moving.move(calls, self.memory.reshape(self.moving.arrays[self.moving.node].shape))
        self.gone = False
        return self._parts(self.memory)

    def _parts(self, memory: Array) -> dict[str, Array]:
        parts: dict[str, Array] = {}
        for run in self.runs:
            parts.update(run.parts(memory))
        return parts


def _runs(memory: Array, gradients: Mapping[str, Array]) -> list[Run]:
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


def pieces_of(gradients: Mapping[str, Array], moving: Sequence[Moving]) -> list[Piece]:
    """Return the pieces of memory whose gradients are handed out together: the large ones, and many small ones."""
    by_memory: dict[int, dict[str, Array]] = {}
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
