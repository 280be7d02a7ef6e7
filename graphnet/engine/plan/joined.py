"""Ops whose memory holds their inputs themselves, so that joining these copies nothing."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from graphnet.core.node import Array, Node, Numbers
from graphnet.core.op import Primitive
from graphnet.core.shapes import Shape, known


class Joined(Primitive):
    """An op that lays its inputs beside each other."""

    def parts(self, node: Node) -> Iterator[tuple[Node, int]]:
        """Yield each input that lives inside the node's memory, and at which entry it begins."""
        raise NotImplementedError


class WithOnes(Joined):
    """[x 1]: a column of ones beside x."""

    def forward(self, x: Array, ones: Array) -> Array:
        """Join the two."""
        return np.concatenate([x, ones], axis=1)

    def shape(self, x: Shape, ones: Shape) -> Shape:
        """Return the shape with one column more."""
        return x[0], known(x, "a layer")[1] + 1

    def parts(self, node: Node) -> Iterator[tuple[Node, int]]:
        """Yield x: the ones lie behind it."""
        yield node.inputs[0], 0


class WithBias(Primitive):
    """[W; b]: a bias as one more row of weights."""

    def forward(self, W: Array, b: Array) -> Array:
        """Join the two."""
        return np.concatenate([W, b[np.newaxis]])

    def shape(self, W: Shape, b: Shape) -> Shape:
        """Return the shape with one row more."""
        rows, columns = known(W, "a layer")
        return rows + 1, columns


def joined_already(W: Numbers, b: Numbers, otherwise: Array) -> Array:
    """Return [W; b] as a view, if b lies right behind W in one block of memory."""
    block = W.base
    if block is None or b.base is not block or block.ndim != 1 or not W.flags.c_contiguous:
        return otherwise
    first = (W.ctypes.data - block.ctypes.data) // W.itemsize
    if b.ctypes.data != W.ctypes.data + W.nbytes:
        return otherwise
    return block[first : first + W.size + b.size].reshape(otherwise.shape)


class Stacked(Joined):
    """Arrays of one shape, one after the other along a new first axis."""

    def forward(self, *parts: Array) -> Array:
        """Stack them."""
        return np.stack(parts)

    def shape(self, *parts: Shape) -> Shape:
        """Return the shape of one, with their number before it."""
        return (len(parts), *parts[0])

    def parts(self, node: Node) -> Iterator[tuple[Node, int]]:
        """Yield all of them."""
        for number, part in enumerate(node.inputs):
            yield part, number * math.prod(known(part.shape, "a program"))
