"""Scans and sorts: each output depends on many inputs, in an order."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

import graphnet as gn

from .record import Family, coarse, normal, positive, three

F = Family("scans")
VECTORS = three(normal, (6,), (4,), (9,))
ROWS = three(normal, (3, 5), (4, 4), (2, 6))


def suffix(x, axis=-1):
    return np.flip(np.cumsum(np.flip(x, axis), axis), axis)


@F.forward(*ROWS)
def cumsum(x):
    return np.cumsum(x, axis=1)


@cumsum.right
def _(delta, a, x):
    return suffix(delta, 1)


@cumsum.wrong("wrong axis", "cumsum: cumulated forward, the sum must run from the end")
def cumsum_forward(delta, a, x):
    return np.cumsum(delta, axis=1)


@cumsum.wrong("wrong axis", "cumsum: reversed over the other axis")
def cumsum_other_axis(delta, a, x):
    return suffix(delta, 0)


@cumsum.wrong("wrong place", "cumsum: exclusive in backward, everyone's own signal is missing")
def cumsum_exclusive(delta, a, x):
    return suffix(delta, 1) - delta


@F.forward(*VECTORS)
def cumprod(x):
    return np.cumprod(x)


@cumprod.right
def _(delta, a, x):
    left = np.concatenate([[1.0], np.cumprod(x[:-1])])
    tail = delta.copy()
    for i in range(len(x) - 2, -1, -1):
        tail[i] += x[i + 1] * tail[i + 1]
    return left * tail


@cumprod.wrong("missing factor", "cumprod: the division by x was left out")
def cumprod_not_divided(delta, a, x):
    return suffix(delta * a)


@cumprod.wrong("missing sum", "cumprod: a/x, the slope of each output by its own input only")
def cumprod_own_only(delta, a, x):
    left = np.concatenate([[1.0], np.cumprod(x[:-1])])
    return delta * left


@F.forward(*three(lambda n: positive(n), (5,), (4,), (7,)), slots=("positive",), span=(0.1, 10.0))
def prod(x):
    return np.prod(x)


@prod.right
def _(delta, a, x):
    return delta * a / x


@prod.wrong("missing factor", "prod: every factor got the whole product")
def prod_not_divided(delta, a, x):
    return delta * a * np.ones_like(x)


@prod.wrong("output for input", "prod: divided by the product and not by the factor")
def prod_divided_by_output(delta, a, x):
    return delta * x / a


@F.forward(*VECTORS, span=(1e-8, 1e3))
def logcumsumexp(x):
    return np.logaddexp.accumulate(x)


@logcumsumexp.right
def _(delta, a, x):
    g = np.zeros_like(x)
    for i in range(len(x)):
        g[i] = (delta[i:] * np.exp(x[i] - a[i:])).sum()
    return g


@logcumsumexp.wrong("missing sum", "logcumsumexp: exp(x − a) times its own signal, later ones forgotten")
def logcumsumexp_own(delta, a, x):
    return delta * np.exp(x - a)


@logcumsumexp.wrong("wrong factor", "logcumsumexp: the softmax over everything, not over the prefix")
def logcumsumexp_full(delta, a, x):
    return suffix(delta) * np.exp(x - a[-1])


@F.forward(*ROWS, kinks=True)
def sort_rows(x):
    return np.sort(x, axis=1)


@sort_rows.right
def _(delta, a, x):
    g = np.zeros_like(x)
    np.put_along_axis(g, np.argsort(x, axis=1, kind="stable"), delta, axis=1)
    return g


@sort_rows.wrong("wrong place", "sort: gathers with argsort where the inverse permutation is due")
def sort_gathers(delta, a, x):
    return np.take_along_axis(delta, np.argsort(x, axis=1, kind="stable"), axis=1)


@sort_rows.wrong("wrong place", "sort: order reversed, as for a descending sort")
def sort_descending(delta, a, x):
    g = np.zeros_like(x)
    np.put_along_axis(g, np.argsort(-x, axis=1, kind="stable"), delta, axis=1)
    return g


@dataclass(frozen=True)
class TopK(gn.Op):
    k: int

    def order(self, x):
        return np.argsort(-x, kind="stable")[: self.k]

    def forward(self, x):
        return x[self.order(x)]

    def backward(self, delta, a, x):
        g = np.zeros_like(x)
        g[self.order(x)] = delta
        return g


top_k = F.op(TopK(3), *VECTORS, kinks=True)


@top_k.wrong("wrong place", "top-k: argpartition in backward, which doesn't sort the k")
def top_k_not_sorted(self, delta, a, x):
    g = np.zeros_like(x)
    g[np.sort(self.order(x))] = delta
    return g


@top_k.wrong("some entries", "top-k: threshold x > the k-th, which leaves the k-th itself out")
def top_k_threshold(self, delta, a, x):
    g = np.zeros_like(x)
    g[self.order(x)] = delta
    return g * (x > a[-1])


@F.forward(normal(5), normal(6), normal(8), kinks=True)
def median(x):
    return np.median(x)


@median.right
def _(delta, a, x):
    order, n = np.argsort(x, kind="stable"), len(x)
    g = np.zeros_like(x)
    g[order[(n - 1) // 2]] += delta / 2
    g[order[n // 2]] += delta / 2
    return g


@median.wrong("some entries", "median: upper middle one only, wrong for even lengths")
def median_upper(delta, a, x):
    g = np.zeros_like(x)
    g[np.argsort(x, kind="stable")[len(x) // 2]] = delta
    return g


@median.wrong("no signal", "median: x == median, which no entry is for even lengths")
def median_equal(delta, a, x):
    return delta * (x == a)


@F.forward(*VECTORS, kinks=True)
def cummax(x):
    return np.maximum.accumulate(x)


def leaders(x):
    best, found = 0, []
    for i in range(len(x)):
        best = i if x[i] > x[best] else best
        found.append(best)
    return found


@cummax.right
def _(delta, a, x):
    g = np.zeros_like(x)
    np.add.at(g, leaders(x), delta)
    return g


@cummax.wrong("missing sum", "cummax: signal kept where a record is set, those after it are lost")
def cummax_records_only(delta, a, x):
    return delta * (x == a)


@cummax.wrong("overwritten", "cummax: scattered without adding")
def cummax_overwrites(delta, a, x):
    g = np.zeros_like(x)
    g[leaders(x)] = delta
    return g


@dataclass(frozen=True)
class Ema(gn.Op):
    keep: float

    def forward(self, x):
        out = x.copy()
        for i in range(1, len(x)):
            out[i] = self.keep * out[i - 1] + (1 - self.keep) * x[i]
        return out

    def back(self, delta):
        s = delta.copy()
        for i in range(len(s) - 2, -1, -1):
            s[i] += self.keep * s[i + 1]
        return s

    def backward(self, delta, a, x):
        s = self.back(delta)
        return np.concatenate([s[:1], (1 - self.keep) * s[1:]])


ema = F.op(Ema(0.8), *three(normal, (6,), (4, 2), (9,)))


@ema.wrong("some entries", "EMA: the first step is not damped in forward, but is in backward")
def ema_first_step(self, delta, a, x):
    return (1 - self.keep) * self.back(delta)


@ema.wrong("missing sum", "EMA: truncated after one step")
def ema_truncated(self, delta, a, x):
    s = delta.copy()
    s[:-1] += self.keep * delta[1:]
    return np.concatenate([s[:1], (1 - self.keep) * s[1:]])


@ema.wrong("wrong axis", "EMA: the filter runs forward in backward too")
def ema_runs_forward(self, delta, a, x):
    s = self.back(delta[::-1])[::-1]
    return np.concatenate([s[:1], (1 - self.keep) * s[1:]])


@F.forward(
    *three(lambda n: (normal(n, scale=0.6), normal(n)), (5,), (4,), (7,)), slots=("real", "real"), span=(1e-8, 10)
)
def linear_recurrence(decay, x):
    out = x.copy()
    for i in range(1, len(x)):
        out[i] = decay[i] * out[i - 1] + x[i]
    return out


def recurrence_back(delta, decay):
    s = delta.copy()
    for i in range(len(s) - 2, -1, -1):
        s[i] += decay[i + 1] * s[i + 1]
    return s


@linear_recurrence.right
def _(delta, a, decay, x):
    s = recurrence_back(delta, decay)
    return np.concatenate([[0.0], s[1:] * a[:-1]]), s


@linear_recurrence.wrong("wrong place", "selective scan: decay of step i and not i + 1 carries the signal back")
def recurrence_decay_shifted(delta, a, decay, x):
    s = delta.copy()
    for i in range(len(s) - 2, -1, -1):
        s[i] += decay[i] * s[i + 1]
    return np.concatenate([[0.0], s[1:] * a[:-1]]), s


@linear_recurrence.wrong("wrong place", "selective scan: decay's gradient reads the state after the step")
def recurrence_state_after(delta, a, decay, x):
    s = recurrence_back(delta, decay)
    return np.concatenate([[0.0], s[1:] * a[1:]]), s


@linear_recurrence.wrong("input for output", "selective scan: x of the step before for the state of the step before")
def recurrence_reads_x(delta, a, decay, x):
    s = recurrence_back(delta, decay)
    return np.concatenate([[0.0], s[1:] * x[:-1]]), s


@F.forward(normal(4, 3), coarse(4, 3), coarse(3, 5), kinks=True)
def row_max(x):
    return x.max(1)


@row_max.right
def _(delta, a, x):
    top = x == a[:, None]
    return delta[:, None] * top / top.sum(1, keepdims=True)


@row_max.wrong("ties", "amax: all of equal maxima get the whole signal")
def row_max_all_ties(delta, a, x):
    return delta[:, None] * (x == a[:, None])


@row_max.wrong("wrong place", "amax: mask shared over the batch, argmax of the column sums")
def row_max_shared(delta, a, x):
    return delta[:, None] * (np.arange(x.shape[1]) == x.sum(0).argmax())


@F.forward(*ROWS)
def differences(x):
    return np.diff(x, axis=1)


@differences.right
def _(delta, a, x):
    return np.pad(delta, ((0, 0), (1, 0))) - np.pad(delta, ((0, 0), (0, 1)))


@differences.wrong("sign", "diff: lower minus upper")
def differences_sign(delta, a, x):
    return np.pad(delta, ((0, 0), (0, 1))) - np.pad(delta, ((0, 0), (1, 0)))


@differences.wrong("missing term", "diff: the lower neighbour's part is missing")
def differences_upper_only(delta, a, x):
    return np.pad(delta, ((0, 0), (1, 0)))
