"""The fifth pass: which memory each node's value lives in.

A value needs memory until its last reader has run. An op that works entry by entry writes over an input that dies with it;
otherwise memory of the same size that has become free is used again. A transpose, a slice or a broadcast needs none: it is
another view of its input's memory.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from graphnet import ops
from graphnet.core.leaves import Constant, Parameter
from graphnet.core.node import Node, Numbers
from graphnet.core.op import Primitive
from graphnet.errors import PlanError
from graphnet.ops.elementwise import ElementwisePrimitive


class Joined(Primitive):
    """An op that lays its inputs beside each other. It has no rule: the inputs are computed where they lie."""

    def parts(self, node: Node) -> Iterator[tuple[Node, int]]:
        """Yield each input that lives inside the node's memory, and at which entry it begins."""
        raise NotImplementedError


class Augmented(Joined):
    """[x 1]: a column of ones beside x."""

    def parts(self, node: Node) -> Iterator[tuple[Node, int]]:
        """Yield x: the ones lie behind it."""
        yield node.inputs[0], 0


class Stacked(Joined):
    """Arrays of one shape, one after the other along a new first axis."""

    def parts(self, node: Node) -> Iterator[tuple[Node, int]]:
        """Yield all of them."""
        for number, part in enumerate(node.inputs):
            yield part, number * part.size


class WithBias(Primitive):
    """[W; b]: a bias as one more row of weights, copied unless it lies there."""


def joined_already(W: Numbers, b: Numbers, otherwise: Numbers) -> Numbers:
    """Return [W; b] as a view, if b lies right behind W in one block of memory."""
    block = W.base
    if block is None or b.base is not block or block.ndim != 1 or not W.flags.c_contiguous:
        return otherwise
    first = (W.ctypes.data - block.ctypes.data) // W.itemsize
    if b.ctypes.data != W.ctypes.data + W.nbytes:
        return otherwise
    return block[first : first + W.size + b.size].reshape(otherwise.shape)


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
    inside
        Of each node that lives inside the memory of a `Joined` one: that node, and at which entry it begins.
    columns
        The nodes that lie in memory column after column.
    """

    order: tuple[Node, ...]
    buffer: dict[Node, Buffer]
    views: dict[Node, Node]
    inside: dict[Node, tuple[Node, int]]
    columns: set[Node]

    @property
    def buffers(self) -> list[Buffer]:
        """All buffers, by number."""
        return sorted(set(self.buffer.values()), key=lambda buffer: buffer.number)

    @property
    def in_place(self) -> int:
        """How many values are written over one that they are computed from."""
        return sum(
            any(self.buffer.get(owner_of(source, self.views)) is buffer for source in node.inputs)
            for node, buffer in self.buffer.items()
            if not isinstance(node.op, Joined)
        )

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
    joined = [(node, node.op) for node in order if isinstance(node.op, Joined)]
    inside = {part: (node, start) for node, op in joined for part, start in op.parts(node)}
    assert inside.keys().isdisjoint(views), "a part of a joined node is computed there, not seen elsewhere"
    last_read = _last_reads(order, views)
    kept = {owner_of(node, views) for node in results} | inside.keys() | {node for node, _ in joined}
    buffer: dict[Node, Buffer] = {}
    free: dict[tuple[int, np.dtype[Any]], list[Buffer]] = {}
    count = 0
    for position, node in enumerate(order):
        if node in views or node in buffer or not needs_memory(node, dtype):
            continue
        whole = inside[node][0] if node in inside else node
        if whole in buffer:
            buffer[node] = buffer[whole]
            continue
        size, kind = whole.size, value_dtype(node, dtype)
        dying = [
            owner
            for owner in dict.fromkeys([owner_of(source, views) for source in node.inputs])
            if last_read[owner] == position and owner in buffer and owner not in kept and owner.op is not None
        ]
        over = None if node in inside else _in_place_of(node, [(owner, buffer[owner]) for owner in dying], size, kind)
        if over is not None:
            buffer[node] = buffer[over]
        elif free.get((size, kind)) and node not in inside and node.op is not None:  # inputs are filled before all else
            buffer[node] = free[size, kind].pop()
        else:
            buffer[node] = Buffer(count, size, kind)
            count += 1
        buffer[whole] = buffer[node]
        for owner in dying:
            if owner is not over:
                free.setdefault((buffer[owner].size, buffer[owner].dtype), []).append(buffer[owner])
    return MemoryLayout(tuple(order), buffer, views, inside, in_columns(order))


def _in_place_of(node: Node, dying: list[tuple[Node, Buffer]], size: int, kind: np.dtype[Any]) -> Node | None:
    """Return an input whose memory the node may write over while it reads it.

    One number is written elsewhere: NumPy takes 0.8 µs to write it over its operand, and 0.3 µs else.
    """
    if not isinstance(node.op, ElementwisePrimitive) or isinstance(node.op, ops.Where) or size == 1:
        return None
    for owner, buffer in dying:
        if owner.shape == node.shape and buffer.dtype == kind and any(owner is source for source in node.inputs):
            return owner
    return None


def in_columns(order: Sequence[Node]) -> set[Node]:
    """Return the matrices that lie in memory column after column.

    Where x has a column of ones beside it, the two are then contiguous parts of one block. What is computed from x entry by
    entry, or x from it, lies so too: NumPy is slow where operands lie in different ways.
    """
    found = [node for whole in order if isinstance(whole.op, Augmented) for node in (whole, whole.inputs[0])]
    if not found:
        return set()
    alike: dict[Node, list[Node]] = {}
    for node in order:
        if isinstance(node.op, ElementwisePrimitive):
            for source in node.inputs:
                if source.shape == node.shape and not isinstance(source, (Constant, Parameter)):
                    alike.setdefault(node, []).append(source)
                    alike.setdefault(source, []).append(node)
    columns: set[Node] = set()
    while found:
        node = found.pop()
        if node not in columns:
            columns.add(node)
            found += alike.get(node, [])
    return columns


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
