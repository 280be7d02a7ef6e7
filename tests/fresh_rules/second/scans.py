"""Second set: scans, sorts and order statistics."""

from __future__ import annotations

import numpy as np

from ..record import Family, coarse, normal

F = Family("second, scans")


def rc(d):
    return np.flip(np.cumsum(np.flip(d, -1), -1), -1)


@F.forward(normal(3, 4), normal(5, 2), normal(2, 3, 2))
def cumsum(x):
    return np.cumsum(x, -1)


@cumsum.right
def _(d, a, x):
    return rc(d)


@cumsum.wrong("wrong axis", "cumsum: cumulated forwards again")
def cumsum_forwards(d, a, x):
    return np.cumsum(d, -1)


@cumsum.wrong("some entries", "cumsum: exclusive reversed sum: own entry missing")
def cumsum_exclusive_again(d, a, x):
    return rc(d) - d


@cumsum.wrong("wrong place", "cumsum: not flipped back: entries reversed")
def cumsum_flipped_once(d, a, x):
    return np.cumsum(np.flip(d, -1), -1)


@F.forward(normal(3, 4), normal(5, 2), coarse(2, 6))
def cumprod(x):
    return np.cumprod(x, -1)


@cumprod.right
def _(d, a, x):
    g = np.zeros_like(x)
    for i in range(x.shape[-1]):
        y = x.copy()
        y[..., i] = 1
        p = np.cumprod(y, -1)
        g[..., i] = (d[..., i:] * p[..., i:]).sum(-1)
    return g


@cumprod.wrong("missing factor", "cumprod: division by x missing")
def cumprod_not_divided_again(d, a, x):
    return rc(d * a)


@cumprod.wrong("some entries", "cumprod: division by x, zeros where x is 0: wrong only there")
def cumprod_zero_at_zero(d, a, x):
    return np.where(x == 0, 0, rc(d * a) / np.where(x == 0, 1, x))


@cumprod.wrong("wrong axis", "cumprod: cumulated forwards")
def cumprod_no_reverse(d, a, x):
    return np.cumsum(d * a, -1) / x


def softmax(p, ax=-1):
    e = np.exp(p - p.max(ax, keepdims=True))
    return e / e.sum(ax, keepdims=True)


@F.forward(normal(3, 4), normal(5, 2), normal(2, 3, 2))
def logcumsumexp(x):
    return np.logaddexp.accumulate(x, -1)


@logcumsumexp.right
def _(d, a, x):
    return (np.tril(np.exp(np.minimum(x[..., None, :] - a[..., :, None], 0))) * d[..., :, None]).sum(-2)


@logcumsumexp.wrong("wrong factor", "logcumsumexp: softmax over the whole axis for all outputs")
def logcumsumexp_softmax(d, a, x):
    return softmax(x) * d.sum(-1, keepdims=True)


@logcumsumexp.wrong("wrong factor", "logcumsumexp: δ·exp(−a) applied twice")
def logcumsumexp_twice_scaled(d, a, x):
    return np.exp(x) * rc(d * np.exp(-2 * a))


@F.forward(normal(3, 5), normal(5, 3), normal(2, 3, 4), kinks=True)
def cummax(x):
    return np.maximum.accumulate(x, -1)


@cummax.right
def _(d, a, x):
    i = np.maximum.accumulate(np.where(x >= a, np.arange(x.shape[-1]), 0), -1)
    g = np.zeros_like(x)
    return (d[..., :, None] * (i[..., :, None] == np.arange(x.shape[-1]))).sum(-2) + g


@cummax.wrong("missing sum", "cummax: only where the running maximum changes; later repeats lost")
def cummax_new_maxima_only(d, a, x):
    return d * (x == a)


@F.forward(normal(3, 4), normal(5, 2), normal(2, 3, 2), kinks=True)
def sort(x):
    return np.sort(x, -1)


@sort.right
def _(d, a, x):
    i = np.argsort(x, -1, kind="stable")
    g = np.zeros_like(x)
    np.put_along_axis(g, i, d, -1)
    return g


@sort.wrong("wrong place", "sort: permutation applied instead of inverted")
def sort_permuted_again(d, a, x):
    return np.take_along_axis(d, np.argsort(x, -1), -1)


@sort.wrong("wrong place", "sort: δ in sorted order returned as it is")
def sort_passed_through(d, a, x):
    return d.copy()


def top2_r(d, a, x):
    g = np.zeros_like(x)
    np.put_along_axis(g, np.argsort(-x, -1, kind="stable")[..., :2], d, -1)
    return g


@F.forward(normal(3, 5), normal(2, 6), normal(2, 3, 4), kinks=True)
def topk(x):
    return -np.sort(-x, -1)[..., :2]


topk.right(top2_r)


@topk.wrong("wrong place", "topk: the two in ascending order: signals exchanged")
def topk_ascending(d, a, x):
    return top2_r(d[..., ::-1], a, x)


@topk.wrong("wrong place", "topk: signals put at the first two positions")
def topk_first_two(d, a, x):
    return np.concatenate([d, 0 * x[..., 2:]], -1)


@topk.wrong("wrong place", "topk: positions of the two smallest")
def topk_bottom(d, a, x):
    return top2_r(d, a, -x)


@F.forward(normal(3, 6), normal(4, 4), normal(2, 3, 5), kinks=True)
def quantile(x):
    s = np.sort(x, -1)
    h = 0.3 * (x.shape[-1] - 1)
    i = int(h)
    return s[..., i] * (1 - (h - i)) + s[..., i + 1] * (h - i)


@quantile.right
def _(d, a, x):
    h = 0.3 * (x.shape[-1] - 1)
    i = int(h)
    o = np.argsort(x, -1, kind="stable")
    g = np.zeros_like(x)
    np.put_along_axis(g, o[..., i : i + 1], d[..., None] * (1 - (h - i)), -1)
    np.put_along_axis(g, o[..., i + 1 : i + 2], d[..., None] * (h - i), -1)
    return g


@quantile.wrong("wrong place", "quantile: all to the lower neighbour")
def quantile_lower_only(d, a, x):
    h = 0.3 * (x.shape[-1] - 1)
    i = int(h)
    o = np.argsort(x, -1, kind="stable")
    g = np.zeros_like(x)
    np.put_along_axis(g, o[..., i : i + 1], d[..., None], -1)
    return g


@quantile.wrong("wrong place", "quantile: interpolation weights exchanged")
def quantile_weights_exchanged(d, a, x):
    h = 0.3 * (x.shape[-1] - 1)
    i = int(h)
    o = np.argsort(x, -1, kind="stable")
    g = np.zeros_like(x)
    np.put_along_axis(g, o[..., i : i + 1], d[..., None] * (h - i), -1)
    np.put_along_axis(g, o[..., i + 1 : i + 2], d[..., None] * (1 - (h - i)), -1)
    return g
