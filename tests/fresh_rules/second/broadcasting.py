"""Second set: broadcasting and reductions."""

from __future__ import annotations

import numpy as np

from ..record import Family, coarse, normal
from .numbers import unsum

F = Family("second, broadcasting")


@F.forward(
    (normal(3, 4), normal(4)), (normal(5, 2), normal(1, 2)), (normal(2, 3, 2), normal(3, 1)), slots=("real", "real")
)
def scale_broadcast(x, b):
    return x * b


@scale_broadcast.right
def _(d, a, x, b):
    return (d * b, unsum(d * x, b))


@scale_broadcast.wrong("missing sum", "scale_broadcast: first row instead of the sum: contributions lost")
def scale_broadcast_first_row(d, a, x, b):
    g = d * x
    return (
        d * b,
        (g[tuple([0] * (g.ndim - b.ndim))] if b.ndim < g.ndim else g)[tuple(slice(0, n) for n in b.shape)].copy(),
    )


@scale_broadcast.wrong("size factor", "scale_broadcast: mean instead of sum along the stretched axes")
def scale_broadcast_mean(d, a, x, b):
    return (d * b, unsum(d * x, b) / (x.size / b.size))


@scale_broadcast.wrong("missing sum", "scale_broadcast: total over everything spread evenly")
def scale_broadcast_all_equal(d, a, x, b):
    return (d * b, np.full(b.shape, (d * x).sum() / b.size * 1.0))


@scale_broadcast.wrong("missing factor", "scale_broadcast: factor x forgotten")
def scale_broadcast_other_factor(d, a, x, b):
    return (d * b, unsum(d, b))


@F.forward(
    (normal(3, 4), normal(4)), (normal(5, 2), normal(1, 2)), (normal(2, 3, 2), normal(3, 1)), slots=("real", "real")
)
def subtract_broadcast(x, b):
    return x - b


@subtract_broadcast.right
def _(d, a, x, b):
    return (d, -unsum(d, b))


@subtract_broadcast.wrong("sign", "subtract_broadcast: minus forgotten after the sum")
def subtract_broadcast_sign(d, a, x, b):
    return (d.copy(), unsum(d, b))


@F.forward((normal(3, 3), normal(3)), (normal(4, 4), normal(4)), (normal(2, 2), normal(2)), slots=("real", "real"))
def row_bias_square(x, b):
    return np.tanh(x + b)


@row_bias_square.right
def _(d, a, x, b):
    return (d * (1 - a * a), (d * (1 - a * a)).sum(0))


@row_bias_square.wrong(
    "wrong axis", "row_bias_square: summed over columns instead of rows (square matrix, no shape error)"
)
def bias_summed_over_the_other_axis(d, a, x, b):
    return (d * (1 - a * a), (d * (1 - a * a)).sum(1))


@row_bias_square.wrong("missing factor", "row_bias_square: bias gets the sum of δ, without tanh's slope")
def bias_before_the_slope(d, a, x, b):
    return (d * (1 - a * a), d.sum(0))


@F.forward(normal(3, 4), normal(5, 2), normal(2, 3, 2))
def mean_axis(x):
    return x.mean(0)


@mean_axis.right
def _(d, a, x):
    return np.broadcast_to(d / len(x), x.shape)


@mean_axis.wrong("size factor", "mean_axis: divided by the number of all entries")
def mean_axis_divided_by_all(d, a, x):
    return np.broadcast_to(d / x.size, x.shape)


@mean_axis.wrong("wrong place", "mean_axis: the first row gets all")
def mean_axis_first_only(d, a, x):
    return np.concatenate([d[None] + 0, 0 * x[1:]])


@F.forward(normal(3, 4), normal(5, 2), normal(2, 6))
def var_axis(x):
    return x.var(1)


@var_axis.right
def _(d, a, x):
    return d[:, None] * 2 * (x - x.mean(1, keepdims=True)) / x.shape[1]


@var_axis.wrong("missing term", "var_axis: mean not subtracted")
def var_not_centred(d, a, x):
    return d[:, None] * 2 * x / x.shape[1]


@var_axis.wrong("size factor", "var_axis: divided by n − 1")
def var_unbiased(d, a, x):
    return d[:, None] * 2 * (x - x.mean(1, keepdims=True)) / (x.shape[1] - 1)


@var_axis.wrong("lost mean", "var_axis: centred by the mean of everything")
def var_centred_by_total_mean(d, a, x):
    return d[:, None] * 2 * (x - x.mean()) / x.shape[1]


@F.forward(coarse(3, 4), coarse(5, 6), coarse(2, 8), kinks=True)
def amax_ties(x):
    return x.max(1)


@amax_ties.right
def _(d, a, x):
    return d[:, None] * (x == a[:, None]) / (x == a[:, None]).sum(1, keepdims=True)


@amax_ties.wrong("ties", "amax_ties: every one of several equal maxima gets the whole (wrong only at ties)")
def amax_ties_not_shared(d, a, x):
    return d[:, None] * (x == a[:, None])


@F.forward(normal(3, 4), normal(5, 2), normal(2, 6))
def logsumexp_axis(x):
    return np.logaddexp.reduce(x, 1)


@logsumexp_axis.right
def _(d, a, x):
    return d[:, None] * np.exp(x - a[:, None])


@logsumexp_axis.wrong("wrong factor", "logsumexp_axis: exp(x − max) without normalising")
def logsumexp_not_normalised(d, a, x):
    return d[:, None] * np.exp(x - x.max(1, keepdims=True))


@logsumexp_axis.wrong("wrong factor", "logsumexp_axis: softmax over the whole array")
def logsumexp_over_all(d, a, x):
    return d[:, None] * np.exp(x) / np.exp(x).sum()
