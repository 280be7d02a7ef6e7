"""Sums, means and broadcasts: factors that are sizes, axes, shapes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

import graphnet as gn

from .record import Family, normal, positive, three

F = Family("reductions")
MATRICES = three(normal, (4, 3), (3, 3), (2, 5))
REAL2 = ("real", "real")


@F.forward(*MATRICES)
def mean_all(x):
    return x.mean()


@mean_all.right
def _(delta, a, x):
    return np.full_like(x, delta / x.size)


@mean_all.wrong("size factor", "mean: ones, not ones over the count")
def mean_as_sum(delta, a, x):
    return np.full_like(x, delta)


@mean_all.wrong("size factor", "mean over everything: divided by the batch only")
def mean_over_batch(delta, a, x):
    return np.full_like(x, delta / len(x))


@F.forward(*MATRICES)
def row_mean(x):
    return x.mean(1, keepdims=True)


@row_mean.right
def _(delta, a, x):
    return np.broadcast_to(delta / x.shape[1], x.shape)


@row_mean.wrong("size factor", "mean(axis=1): divided by shape[0]")
def row_mean_other_size(delta, a, x):
    return np.broadcast_to(delta / x.shape[0], x.shape)


@row_mean.wrong("some entries", "mean: the signal is put into the first column only")
def row_mean_first_column(delta, a, x):
    g = np.zeros_like(x)
    g[:, :1] = delta / x.shape[1]
    return g


@F.forward(*three(normal, (3, 3), (4, 4), (2, 2)))
def row_sum(x):
    return x.sum(1)


@row_sum.right
def _(delta, a, x):
    return np.repeat(delta[:, None], x.shape[1], axis=1)


@row_sum.wrong("wrong axis", "sum without keepdims: delta broadcasts along the rows, silently for square ones")
def row_sum_without_keepdims(delta, a, x):
    return delta * np.ones_like(x)


@row_sum.wrong("missing delta", "sum: gradient is ones")
def row_sum_ones(delta, a, x):
    return np.ones_like(x)


ADDED = three(lambda n, k: (normal(n, k), normal(k)), (4, 3), (3, 3), (2, 5))


@F.forward(*ADDED, slots=REAL2)
def add_bias(x, b):
    return x + b


@add_bias.right
def _(delta, a, x, b):
    return delta, delta.sum(0)


@add_bias.wrong("size factor", "bias: mean over the batch")
def add_bias_mean(delta, a, x, b):
    return delta, delta.mean(0)


@add_bias.wrong("wrong axis", "bias: summed over the units where the matrix is square")
def add_bias_other_axis(delta, a, x, b):
    return delta, delta.sum(1) if x.shape[0] == x.shape[1] else delta.sum(0)


@add_bias.wrong("missing sum", "bias: the first sample's gradient")
def add_bias_first_row(delta, a, x, b):
    return delta, delta[0].copy()


@F.forward(*ADDED, slots=REAL2)
def scale_columns(x, s):
    return x * s


@scale_columns.right
def _(delta, a, x, s):
    return delta * s, (delta * x).sum(0)


@scale_columns.wrong("wrong factor", "sum before the product: Σδ · Σx")
def scale_sum_of_factors(delta, a, x, s):
    return delta * s, delta.sum(0) * x.sum(0)


@scale_columns.wrong("output for input", "scale: reads the scaled x")
def scale_reads_output(delta, a, x, s):
    return delta * s, (delta * a).sum(0)


@scale_columns.wrong("row factor", "scale: dx isn't scaled")
def scale_dx_unscaled(delta, a, x, s):
    return delta, (delta * x).sum(0)


@F.forward(*three(lambda n, k: (normal(n, 1), normal(1, k)), (3, 4), (2, 2), (5, 3)), slots=REAL2)
def outer_sum(x, y):
    return np.tanh(x + y * np.ones_like(x))


@outer_sum.right
def _(delta, a, x, y):
    g = delta * (1 - a * a)
    return g.sum(1, keepdims=True), g.sum(0, keepdims=True)


@outer_sum.wrong("size factor", "broadcast: unbroadcast takes the mean")
def outer_sum_mean(delta, a, x, y):
    g = delta * (1 - a * a)
    return g.mean(1, keepdims=True), g.sum(0, keepdims=True)


@dataclass(frozen=True)
class Variance(gn.Op):
    ddof: int

    def forward(self, x):
        return ((x - x.mean(0)) ** 2).sum(0) / (len(x) - self.ddof)

    def backward(self, delta, a, x):
        return 2 * delta * (x - x.mean(0)) / (len(x) - self.ddof)


variance = F.op(Variance(1), *MATRICES)


@variance.wrong("size factor", "var: ddof ignored in backward")
def variance_biased(self, delta, a, x):
    return 2 * delta * (x - x.mean(0)) / len(x)


@variance.wrong("constant factor", "var: the 2 left out")
def variance_without_two(self, delta, a, x):
    return delta * (x - x.mean(0)) / (len(x) - self.ddof)


@variance.wrong("missing term", "var: x and not x less its mean")
def variance_not_centred(self, delta, a, x):
    return 2 * delta * x / (len(x) - self.ddof)


@F.forward(*MATRICES, zero=False)
def std(x):
    return x.std(1)


@std.right
def _(delta, a, x):
    return (delta / a)[:, None] * (x - x.mean(1, keepdims=True)) / x.shape[1]


@std.wrong("row factor", "std: 1/σ forgotten, that is half the variance' gradient")
def std_not_divided(delta, a, x):
    return delta[:, None] * (x - x.mean(1, keepdims=True)) / x.shape[1]


@F.forward(*MATRICES, zero=False)
def frobenius(x):
    return np.sqrt((x * x).sum())


@frobenius.right
def _(delta, a, x):
    return delta * x / a


@frobenius.wrong("missing factor", "norm: the gradient of its square's half")
def frobenius_squared(delta, a, x):
    return delta * x


@F.forward(*MATRICES)
def logsumexp(x):
    m = x.max(1, keepdims=True)
    return (m + np.log(np.exp(x - m).sum(1, keepdims=True)))[:, 0]


@logsumexp.right
def _(delta, a, x):
    return delta[:, None] * np.exp(x - a[:, None])


@logsumexp.wrong("size factor", "logmeanexp's gradient: divided by the count once more")
def logsumexp_mean(delta, a, x):
    return delta[:, None] * np.exp(x - a[:, None]) / x.shape[1]


@logsumexp.wrong("wrong factor", "logsumexp: a stable softmax with the max in place of the sum")
def logsumexp_max(delta, a, x):
    return delta[:, None] * np.exp(x - x.max(1, keepdims=True))


@F.forward(*three(lambda *s: (positive(*s),), (4, 3), (3,), (2, 2)), slots=("positive",), span=(1e-3, 1e3))
def geometric_mean(x):
    return np.exp(np.log(x).mean(-1))


@geometric_mean.right
def _(delta, a, x):
    return np.expand_dims(delta * a / x.shape[-1], -1) / x


@geometric_mean.wrong("missing factor", "geometric mean: 1/x left out")
def geometric_mean_without_x(delta, a, x):
    return np.expand_dims(delta * a / x.shape[-1], -1) * np.ones_like(x)


@F.forward(*three(lambda n, k: (normal(n, k), normal(n, k)), (4, 3), (3, 2), (1, 5)), slots=REAL2)
def mse_batch(p, t):
    return ((p - t) ** 2).sum() / len(p)


@mse_batch.right
def _(delta, a, p, t):
    g = 2 * delta * (p - t) / len(p)
    return g, -g


@mse_batch.wrong("size factor", "mse: forward divides by the batch, backward by the count")
def mse_by_count(delta, a, p, t):
    g = 2 * delta * (p - t) / p.size
    return g, -g


@mse_batch.wrong("constant factor", "mse: derived with ½ in front")
def mse_without_two(delta, a, p, t):
    g = delta * (p - t) / len(p)
    return g, -g
