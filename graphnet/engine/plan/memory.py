"""The third pass: which memory each node's value lives in.

A value needs memory until its last reader has run. Then it is free for a value of the same size that is computed later.
A transpose, a slice or a broadcast needs none: it is another view of its input's memory.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from graphnet import ops
from graphnet.core.leaves import Constant, Parameter
from graphnet.core.node import Node, describe
from graphnet.engine.rewrite import depends_on_numbers
from graphnet.errors import PlanError

ALWAYS_THERE = 1 << 24
"""How many bytes there are always."""


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


def allot(order: Sequence[Node], results: Sequence[Node], dtype: np.dtype[Any]) -> MemoryLayout:
    """Give every node of a program its memory.

    Parameters
    ----------
    order
        The nodes, lowered, in the order in which they are computed.
    results
        Those whose values are handed out: their memory is not used again.
    dtype
        What the program computes in.
    """
    views = {node: node.inputs[0] for node in order if is_view(node)}
    last_read = _last_reads(order, views)
    kept = {owner_of(node, views) for node in results}
    buffer: dict[Node, Buffer] = {}
    free: dict[tuple[int, np.dtype[Any]], list[Buffer]] = {}
    count = 0
    for position, node in enumerate(order):
        if node in views or not needs_memory(node, dtype):
            continue
        if None in node.shape:  # of a mask within a composite
            raise depends_on_numbers(node.shape).locate(describe(node))
        size, kind = node.size, value_dtype(node, dtype)
        dying = [
            owner
            for owner in dict.fromkeys([owner_of(source, views) for source in node.inputs])
            if last_read[owner] == position and owner in buffer and owner not in kept and owner.op is not None
        ]
        if free.get((size, kind)) and node.op is not None:  # inputs are filled before all else
            buffer[node] = free[size, kind].pop()
        else:
            buffer[node] = Buffer(count, size, kind)
            count += 1
        for owner in dying:
            free.setdefault((buffer[owner].size, buffer[owner].dtype), []).append(buffer[owner])
    return MemoryLayout(tuple(order), buffer, views)


def is_view(node: Node) -> bool:
    """Tell whether a node's value is its input's memory, seen in another way."""
    op = node.op
    if isinstance(op, (ops.Transpose, ops.ExpandDims, ops.Squeeze, ops.BroadcastTo, ops.Getitem)):
        return True
    return isinstance(op, ops.Reshape) and is_contiguous(node.inputs[0])


def is_contiguous(node: Node) -> bool:
    """Tell whether a node's value lies in memory entry after entry, row after row, wherever it is put."""
    while isinstance(node.op, (ops.Reshape, ops.ExpandDims, ops.Squeeze)) and is_view(node):
        node = node.inputs[0]
    return not is_view(node)


def value_dtype(node: Node, dtype: np.dtype[Any]) -> np.dtype[Any]:
    """Return the dtype of a node's value in a program that computes in `dtype`."""
    return dtype if node.dtype.kind == "f" else node.dtype


def needs_memory(node: Node, dtype: np.dtype[Any]) -> bool:
    """Tell whether a node needs memory of the program's own: not a constant, nor a parameter that is used where it is."""
    return not isinstance(node, Constant) and not (isinstance(node, Parameter) and node.dtype == dtype)


def owner_of(node: Node, views: dict[Node, Node]) -> Node:
    """Return the node whose memory a view shows; any other node itself."""
    while node in views:
        node = views[node]
    return node


def _last_reads(order: Sequence[Node], views: dict[Node, Node]) -> dict[Node, int]:
    last: dict[Node, int] = {}
    for position, node in enumerate(order):
        last[owner_of(node, views)] = position
        for source in node.inputs:
            last[owner_of(source, views)] = position
    return last


def require_memory(needed: int) -> None:
    """Raise `PlanError` if a program needs more bytes than this machine has left.

    To ask the system takes longer than the rest of this pass for a small network: it is asked about large ones only.
    """
    available = _available_memory() if needed > ALWAYS_THERE else None
    if available is not None and needed > available:
        raise PlanError(
            f"the program needs {needed:,} bytes, and this machine has {available:,} available",
            repair="Feed fewer samples at a time.",
        )


def _available_memory() -> int | None:
    """Return how many bytes can be had without swapping; None on a system that does not say."""
    try:
        for line in Path("/proc/meminfo").read_text().splitlines():
            if line.startswith("MemAvailable:"):
                return int(line.split()[1]) * 1024
    except (OSError, ValueError, IndexError):
        pass  # not Linux
    try:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, ValueError, OSError):
        return None
