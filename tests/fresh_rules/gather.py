"""Gather, scatter and moves: the right numbers in the right places, added up where places repeat."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

import graphnet as gn

from .record import Family, ints, labels, normal, three

F = Family("gather")
MATRICES = three(normal, (4, 3), (5, 2), (4, 4))


@dataclass(frozen=True)
class Rows(gn.Op):
    at: tuple[int, ...]

    def forward(self, x):
        return x[list(self.at)]

    def backward(self, delta, a, x):
        g = np.zeros_like(x)
        np.add.at(g, list(self.at), delta)
        return g


rows = F.op(Rows((2, 0, 2, 1)), *MATRICES)


@rows.wrong("overwritten", "embedding: grad[idx] += delta, numpy adds repeated indices once")
def rows_fancy_add(self, delta, a, x):
    g = np.zeros_like(x)
    g[list(self.at)] += delta
    return g


@rows.wrong("row factor", "embedding with scale_grad_by_freq left on")
def rows_divided_by_count(self, delta, a, x):
    g = np.zeros_like(x)
    count = np.bincount(self.at, minlength=len(x))
    np.add.at(g, list(self.at), delta / count[list(self.at)][:, None])
    return g


@rows.wrong("wrong place", "take: the gather of a gather, delta[argsort] for a scatter")
def rows_gathers_again(self, delta, a, x):
    g = np.zeros_like(x)
    g[: len(self.at)] = delta[list(self.at)]
    return g


@rows.wrong("no signal", "embedding: row 0 is the padding row and gets nothing, here it is a word")
def rows_padding_zero(self, delta, a, x):
    g = np.zeros_like(x)
    np.add.at(g, list(self.at), delta)
    g[0] = 0
    return g


EMBEDDED = three(lambda v, d, n: (normal(v, d), ints(v, n)), (5, 3, 8), (3, 2, 6), (4, 4, 3))


@F.forward(*EMBEDDED, slots=("real", "fixed"))
def embedding(table, words):
    return table[words.astype(int)]


@embedding.right
def _(delta, a, table, words):
    g = np.zeros_like(table)
    np.add.at(g, words.astype(int), delta)
    return g, None


@embedding.wrong("overwritten", "lookup table: scatter in overwrite mode, should accumulate")
def embedding_overwrites(delta, a, table, words):
    g = np.zeros_like(table)
    g[words.astype(int)] = delta
    return g, None


@F.forward(
    *three(lambda n, m: (normal(n, m), ints(m, n, 2)), (3, 4), (4, 3), (2, 5)),
    slots=("real", "fixed"),
)
def take_along(x, at):
    return np.take_along_axis(x, at.astype(int), axis=1)


@take_along.right
def _(delta, a, x, at):
    g = np.zeros_like(x)
    np.add.at(g, (np.arange(len(x))[:, None], at.astype(int)), delta)
    return g, None


@take_along.wrong("overwritten", "gather(dim=1): put_along_axis, duplicates within a row are lost")
def take_along_put(delta, a, x, at):
    g = np.zeros_like(x)
    np.put_along_axis(g, at.astype(int), delta, axis=1)
    return g, None


@take_along.wrong("wrong place", "gather: all rows scatter into the places of the first")
def take_along_first_row(delta, a, x, at):
    g = np.zeros_like(x)
    np.add.at(g, (np.arange(len(x))[:, None], at.astype(int)[:1]), delta)
    return g, None


@dataclass(frozen=True)
class ScatterAdd(gn.Op):
    at: tuple[int, ...]
    size: int

    def forward(self, x):
        out = np.zeros((self.size, *x.shape[1:]), x.dtype)
        np.add.at(out, list(self.at), x)
        return out

    def backward(self, delta, a, x):
        return delta[list(self.at)]


scatter = F.op(ScatterAdd((1, 1, 0, 3), 4), *three(normal, (4, 2), (4,), (4, 3)))


@scatter.wrong("row factor", "scatter_add: shared by all who wrote there")
def scatter_divided(self, delta, a, x):
    count = np.bincount(self.at, minlength=self.size).astype(float)
    return (delta / np.maximum(count, 1).reshape(-1, *[1] * (delta.ndim - 1)))[list(self.at)]


@scatter.wrong("wrong place", "scatter_add: backward scatters once more")
def scatter_twice(self, delta, a, x):
    g = np.zeros_like(x)
    np.add.at(g, list(self.at), delta)
    return g


@scatter.wrong("some entries", "scatter: only the last writer gets a gradient, as for an assignment")
def scatter_last_writer(self, delta, a, x):
    last = {j: i for i, j in enumerate(self.at)}
    keep = np.array([last[j] == i for i, j in enumerate(self.at)], float)
    return delta[list(self.at)] * keep.reshape(-1, *[1] * (delta.ndim - 1))


@F.forward(
    *three(lambda n, k, d: (labels(n, k), normal(k, d)), (5, 3, 2), (4, 4, 3), (3, 3, 3)), slots=("fixed", "real")
)
def one_hot_matmul(hot, w):
    return hot @ w


@one_hot_matmul.right
def _(delta, a, hot, w):
    return delta @ w.T, hot.T @ delta


@one_hot_matmul.wrong("missing sum", "one-hot product: the first row of each class stands for all")
def one_hot_first_of_class(delta, a, hot, w):
    first = np.zeros_like(hot)
    for k in range(hot.shape[1]):
        if hot[:, k].any():
            first[hot[:, k].argmax(), k] = 1
    return delta @ w.T, first.T @ delta


@dataclass(frozen=True)
class SegmentMean(gn.Op):
    segment: tuple[int, ...]

    def member(self):
        return np.eye(max(self.segment) + 1)[list(self.segment)].T

    def forward(self, x):
        m = self.member()
        return m @ x / m.sum(1, keepdims=True)

    def backward(self, delta, a, x):
        m = self.member()
        return m.T @ (delta / m.sum(1, keepdims=True))


segments = F.op(SegmentMean((0, 0, 1, 0, 1)), *three(normal, (5, 2), (5, 1), (5, 4)))


@segments.wrong("row factor", "segment mean: sizes not divided out, backward is that of a segment sum")
def segment_sum_for_mean(self, delta, a, x):
    return self.member().T @ delta


@segments.wrong("row factor", "segment mean: divided by the number of rows and not by each segment's")
def segment_mean_of_all(self, delta, a, x):
    return self.member().T @ delta / len(x)


@dataclass(frozen=True)
class Roll(gn.Op):
    shift: int

    def forward(self, x):
        return np.roll(x, self.shift, axis=0)

    def backward(self, delta, a, x):
        return np.roll(delta, -self.shift, axis=0)


roll = F.op(Roll(1), *three(normal, (5,), (4, 2), (3, 3)))


@roll.wrong("wrong place", "roll: rolled on, not back")
def roll_same_way(self, delta, a, x):
    return np.roll(delta, self.shift, axis=0)


@roll.wrong("some entries", "shift with zeros in backward, round in forward")
def roll_drops_the_end(self, delta, a, x):
    g = np.roll(delta, -self.shift, axis=0)
    g[-self.shift :] = 0
    return g


@dataclass(frozen=True)
class Pad(gn.Op):
    before: int
    after: int
    mode: str = "constant"

    def forward(self, x):
        return np.pad(x, (self.before, self.after), mode=self.mode)

    def backward(self, delta, a, x):
        g = delta[self.before : len(delta) - self.after].copy()
        if self.mode == "edge":
            g[0] += delta[: self.before].sum()
            g[-1] += delta[len(delta) - self.after :].sum()
        if self.mode == "reflect":
            g[1 : self.before + 1] += delta[: self.before][::-1]
            g[len(x) - 1 - self.after : len(x) - 1] += delta[len(delta) - self.after :][::-1]
        return g


VECTORS = three(normal, (5,), (4,), (6,))
pad = F.op(Pad(2, 1), *VECTORS)
pad_edge = F.op(Pad(2, 1, "edge"), *VECTORS)
pad_reflect = F.op(Pad(2, 1, "reflect"), *VECTORS)


@pad.wrong("wrong place", "pad: before and after exchanged in the slice")
def pad_exchanged(self, delta, a, x):
    return delta[self.after : len(delta) - self.before]


@pad_edge.wrong("missing sum", "replication pad: cropped like a zero pad, edges don't get their copies' part")
def pad_edge_cropped(self, delta, a, x):
    return delta[self.before : len(delta) - self.after]


@pad_reflect.wrong("wrong place", "reflection pad: folded back as if the edge itself were repeated")
def pad_reflect_as_symmetric(self, delta, a, x):
    g = delta[self.before : len(delta) - self.after].copy()
    g[: self.before] += delta[: self.before][::-1]
    g[len(x) - self.after :] += delta[len(delta) - self.after :][::-1]
    return g


@dataclass(frozen=True)
class Tile(gn.Op):
    times: int

    def forward(self, x):
        return np.tile(x, self.times)

    def backward(self, delta, a, x):
        return delta.reshape(self.times, len(x)).sum(0)


tile = F.op(Tile(3), *VECTORS)


@tile.wrong("wrong place", "tile: summed as for repeat, neighbours instead of copies")
def tile_as_repeat(self, delta, a, x):
    return delta.reshape(len(x), self.times).sum(1)


@tile.wrong("missing sum", "tile: the first copy's gradient only")
def tile_first_copy(self, delta, a, x):
    return delta[: len(x)]


@dataclass(frozen=True)
class Repeat(gn.Op):
    times: int

    def forward(self, x):
        return np.repeat(x, self.times, axis=0)

    def backward(self, delta, a, x):
        return delta.reshape(len(x), self.times, *x.shape[1:]).sum(1)


repeat = F.op(Repeat(2), *three(normal, (4,), (3, 2), (5, 1)))


@repeat.wrong("wrong place", "repeat_interleave: backward of repeat")
def repeat_as_tile(self, delta, a, x):
    return delta.reshape(self.times, *x.shape).sum(0)


@F.forward(*three(normal, (4,), (3, 2), (5, 3)))
def flip(x):
    return x[::-1]


@flip.right
def _(delta, a, x):
    return delta[::-1]


@flip.wrong("wrong place", "flip: passes the signal on as it is")
def flip_not_flipped(delta, a, x):
    return delta


@flip.wrong("wrong place", "flip: flips all axes where one is meant")
def flip_all_axes(delta, a, x):
    return np.flip(delta) if x.ndim > 1 else delta[::-1]


@F.forward(*three(normal, (4, 4), (3, 5), (5, 3)))
def tril(x):
    return np.tril(x)


@tril.right
def _(delta, a, x):
    return np.tril(delta)


@tril.wrong("triangle", "tril: the upper triangle gets what it never sent")
def tril_passes_all(delta, a, x):
    return delta


@tril.wrong("triangle", "tril: strict triangle in backward")
def tril_strict(delta, a, x):
    return np.tril(delta, -1)


@F.forward(*three(lambda n: (normal(n, n),), (4,), (3,), (5,)))
def diagonal(x):
    return np.diagonal(x)


@diagonal.right
def _(delta, a, x):
    return np.diag(delta)


@diagonal.wrong("triangle", "diagonal: broadcast over the rows instead of put on the diagonal")
def diagonal_broadcast(delta, a, x):
    return np.broadcast_to(delta, x.shape).copy()
