"""Second set: gathers, scatters and moves."""

from __future__ import annotations

import numpy as np

from ..record import Family, normal

F = Family("second, gather")


IX = np.array([2, 0, 2, 1, 0, 2])


def gat_r(d, a, x):
    g = np.zeros_like(x)
    np.add.at(g, IX, d)
    return g


@F.forward(normal(3, 4), normal(5, 2), normal(4, 3, 2))
def gather_rows(x):
    return x[IX]


gather_rows.right(gat_r)


@gather_rows.wrong("overwritten", "gather_rows: fancy += keeps the last of repeated rows")
def gather_duplicates_lost(d, a, x):
    g = np.zeros_like(x)
    g[IX] += d
    return g


@gather_rows.wrong("size factor", "gather_rows: divided by the number of occurrences")
def gather_scaled_by_frequency(d, a, x):
    g = gat_r(d, a, x)
    c = np.maximum(np.bincount(IX, minlength=len(x)), 1)
    return g / c.reshape((-1,) + (1,) * (x.ndim - 1))


@gather_rows.wrong("wrong place", "gather_rows: index list reversed")
def gather_reversed(d, a, x):
    g = np.zeros_like(x)
    np.add.at(g, IX[::-1], d)
    return g


SI = np.array([1, 3, 1, 0, 3])


@F.forward(
    (normal(4, 3), normal(5, 3)), (normal(5, 2), normal(5, 2)), (normal(4, 1), normal(5, 1)), slots=("real", "real")
)
def scatter_add(x, s):
    y = x.copy()
    np.add.at(y, SI, s)
    return y


@scatter_add.right
def _(d, a, x, s):
    return (d.copy(), d[SI])


@scatter_add.wrong("some entries", "scatter_add: x's gradient zeroed at written rows, as of assignment")
def scatter_add_base_cleared(d, a, x, s):
    return (np.where(np.isin(np.arange(len(x)), SI)[:, None], 0, d), d[SI])


@scatter_add.wrong("wrong place", "scatter_add: rows of δ taken in order instead of by index")
def scatter_add_source_order(d, a, x, s):
    return (d.copy(), np.resize(d, s.shape))


def last():
    m = np.zeros(5, bool)
    seen = set()
    for j in range(4, -1, -1):
        if SI[j] not in seen:
            m[j] = True
            seen.add(SI[j])
    return m[:, None]


@F.forward(
    (normal(4, 3), normal(5, 3)), (normal(5, 2), normal(5, 2)), (normal(4, 1), normal(5, 1)), slots=("real", "real")
)
def index_put(x, s):
    y = x.copy()
    y[SI] = s
    return y


@index_put.right
def _(d, a, x, s):
    return (np.where(np.isin(np.arange(len(x)), SI)[:, None], 0, d), d[SI] * last())


@index_put.wrong("some entries", "index_put: source rows that were overwritten later get a gradient, too")
def index_put_overwritten_too(d, a, x, s):
    return (np.where(np.isin(np.arange(len(x)), SI)[:, None], 0, d), d[SI])


@index_put.wrong("some entries", "index_put: base keeps its gradient where it was overwritten")
def index_put_base_not_cleared(d, a, x, s):
    return (d.copy(), d[SI] * last())


SEG = np.array([0, 0, 1, 2, 2, 2])


cnt = np.bincount(SEG)[:, None]


@F.forward(normal(6, 3), normal(6, 2), normal(6, 5))
def segment_mean(x):
    return np.stack([x[k == SEG].mean(0) for k in range(3)])


@segment_mean.right
def _(d, a, x):
    return (d / cnt)[SEG]


@segment_mean.wrong("size factor", "segment_mean: count of each segment forgotten: factor 2, 1, 3 by row")
def segment_mean_not_divided(d, a, x):
    return d[SEG]


@segment_mean.wrong("size factor", "segment_mean: divided by the number of all rows")
def segment_mean_divided_by_all(d, a, x):
    return d[SEG] / len(x)


@F.forward(normal(6, 3), normal(6, 2), normal(6, 5), kinks=True)
def segment_max(x):
    return np.stack([x[k == SEG].max(0) for k in range(3)])


@segment_max.right
def _(d, a, x):
    g = np.zeros_like(x)
    for k in range(3):
        r = np.flatnonzero(k == SEG)
        np.put_along_axis(g, r[x[r].argmax(0)][None], d[k][None], 0)
    return g


@segment_max.wrong("wrong place", "segment_max: index within the segment used as row of the whole")
def segment_max_local_index(d, a, x):
    return sum((np.arange(len(x))[:, None] == x[k == SEG].argmax(0)) * d[k] for k in range(3))


@F.forward(normal(3, 5), normal(2, 7), normal(2, 3, 5))
def roll(x):
    return np.roll(x, 2, -1)


@roll.right
def _(d, a, x):
    return np.roll(d, -2, -1)


@roll.wrong("wrong place", "roll: rolled the same way again")
def roll_same_way_again(d, a, x):
    return np.roll(d, 2, -1)


@roll.wrong("wrong place", "roll: rolled back along the first axis")
def roll_other_axis(d, a, x):
    return np.roll(d, -2, 0)


@F.forward(
    (normal(3, 4), normal(3, 4)), (normal(2, 3), normal(2, 3)), (normal(4, 2), normal(4, 2)), slots=("real", "real")
)
def bidirectional_concat(x, y):
    return np.concatenate([x[:, ::-1], y], 1)


@bidirectional_concat.right
def _(d, a, x, y):
    return (d[:, : x.shape[1]][:, ::-1], d[:, x.shape[1] :])


@bidirectional_concat.wrong("wrong place", "bidirectional_concat: first half not reversed back")
def bidirectional_not_flipped_back(d, a, x, y):
    return (d[:, : x.shape[1]], d[:, x.shape[1] :])


@bidirectional_concat.wrong("swapped", "bidirectional_concat: the two parts returned in the wrong order")
def bidirectional_parts_exchanged(d, a, x, y):
    return (d[:, x.shape[1] :], d[:, : x.shape[1]][:, ::-1])


@F.forward(normal(3, 4), normal(5, 3), normal(2, 4, 4))
def tril(x):
    return np.tril(x)


@tril.right
def _(d, a, x):
    return np.tril(d)


@tril.wrong("triangle", "tril: diagonal left out")
def tril_strict_again(d, a, x):
    return np.tril(d, -1)


@tril.wrong("triangle", "tril: upper triangle instead")
def tril_upper(d, a, x):
    return np.triu(d)


@tril.wrong("triangle", "tril: δ passed through unmasked")
def tril_not_masked(d, a, x):
    return d.copy()
