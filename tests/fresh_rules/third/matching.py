"""Third set: losses that compare sets, pairs and distributions."""

from __future__ import annotations

import numpy as np

from ..record import Family, normal, positive, simplex, three, uniform
from .numbers import parts

F = Family("third, matching")


@F.forward(*three(lambda n, k: (normal(n, k), normal(n, k)), (4, 3), (2, 5), (5, 2)), slots=("real", "real"),
           span=(1e-8, 30))  # fmt: skip
def contrast(q, k):
    s = q @ k.T / 0.5
    top = s.max(-1, keepdims=True)
    return (top[:, 0] + np.log(np.exp(s - top).sum(-1)) - np.diagonal(s)).mean()


def contrast_scores(d, q, k):
    return d * (parts(q @ k.T / 0.5) - np.eye(len(q))) / len(q) / 0.5


@contrast.right
def _(d, a, q, k):
    s = contrast_scores(d, q, k)
    return s @ k, s.T @ q


@contrast.wrong("constant factor", "contrasting: the temperature divides on the way in only")
def contrast_no_temperature(d, a, q, k):
    s = contrast_scores(d, q, k) * 0.5
    return s @ k, s.T @ q


@contrast.wrong("missing term", "contrasting: only pairs that belong together attract, none repel")
def contrast_positives_only(d, a, q, k):
    s = -d * np.eye(len(q)) / len(q) / 0.5
    return s @ k, s.T @ q


@contrast.wrong("transposed", "contrasting: the scores' signal not transposed for the keys")
def contrast_keys_not_transposed(d, a, q, k):
    s = contrast_scores(d, q, k)
    return s @ k, s @ q


@F.forward(*three(lambda n, k: (normal(n, k), normal(n, k)), (4, 3), (2, 5), (5, 2)), slots=("real", "fixed"),
           span=(1e-8, 30))  # fmt: skip
def distilled(student, teacher):
    p, q = parts(teacher / 3), parts(student / 3)
    return 9 * (p * (np.log(p) - np.log(q))).sum(-1).mean()


@distilled.right
def _(d, a, student, teacher):
    p, q = parts(teacher / 3), parts(student / 3)
    inner = np.log(p) - np.log(q)
    dt = 3 * d * p * (inner - (p * inner).sum(-1, keepdims=True)) / len(p)
    return 3 * d * (q - p) / len(p), dt


@distilled.wrong("constant factor", "distilling: T² taken for 1 on the way back")
def distilled_without_square(d, a, student, teacher):
    p, q = parts(teacher / 3), parts(student / 3)
    inner = np.log(p) - np.log(q)
    return d * (q - p) / len(p) / 3, 3 * d * p * (inner - (p * inner).sum(-1, keepdims=True)) / len(p)


@distilled.wrong("wrong factor", "distilling: the student's probabilities at temperature 1")
def distilled_cold_student(d, a, student, teacher):
    p, q = parts(teacher / 3), parts(student / 3)
    inner = np.log(p) - np.log(q)
    cold = parts(student)
    return 3 * d * (cold - p) / len(p), 3 * d * p * (inner - (p * inner).sum(-1, keepdims=True)) / len(p)


@F.forward(*three(lambda *s: (normal(*s), normal(*s)), (3, 4), (6,), (2, 5)), slots=("real", "real"), span=(1e-8, 30))
def ranked(liked, other):
    return np.logaddexp(0, other - liked).sum()


@ranked.right
def _(d, a, liked, other):
    s = d / (1 + np.exp(liked - other))
    return -s, s


@ranked.wrong("sign", "ranking pairs: both moved the same way")
def ranked_same_way(d, a, liked, other):
    s = d / (1 + np.exp(liked - other))
    return -s, -s


@ranked.wrong("wrong factor", "ranking pairs: σ of the difference, for σ of minus it")
def ranked_wrong_tail(d, a, liked, other):
    s = d / (1 + np.exp(other - liked))
    return -s, s


def widths(a, b):
    low, high = np.maximum(a[:, 0], b[:, 0]), np.minimum(a[:, 1], b[:, 1])
    return high - low, a[:, 1] - a[:, 0] + b[:, 1] - b[:, 0] - (high - low)


def spans(n):
    def draw(rng):
        low = rng.uniform(-1, 0, n)
        return np.stack([low, rng.uniform(0.3, 1.5, n)], 1), np.stack(
            [rng.uniform(-1, 0, n), rng.uniform(0.3, 1.5, n)], 1
        )

    return draw


@F.forward(spans(4), spans(2), spans(7), slots=("fixed", "fixed"), kinks=True)
def overlap(a, b):
    inner, outer = widths(a, b)
    return inner / outer


def overlap_signals(d, a, b, union=True, shared=1.0):
    inner, outer = widths(a, b)
    first = np.stack([a[:, 0] > b[:, 0], a[:, 1] < b[:, 1]], 1).astype(float)
    out = np.array([-1.0, 1.0])
    d_inner, d_outer = (d / outer)[:, None], (-d * inner / outer**2)[:, None] * union

    def side(mine):
        return out * (d_inner * mine + d_outer * (1 - shared * mine))

    return side(first), side(1 - first)


@overlap.right
def _(d, out, a, b):
    return overlap_signals(d, a, b)


@overlap.wrong("detached", "overlap by union: the union taken for a constant")
def overlap_union_constant(d, out, a, b):
    return overlap_signals(d, a, b, union=False)


@overlap.wrong("missing term", "overlap by union: what is shared is taken off the union, which was forgotten")
def overlap_sum_for_union(d, out, a, b):
    return overlap_signals(d, a, b, shared=0.0)


@F.forward(*three(lambda n: (normal(n), normal(n)), (5,), (8,), (4,)), slots=("real", "real"), zero=False, ties=False)
def correlation(x, y):
    x, y = x - x.mean(), y - y.mean()
    return (x * y).sum() / np.sqrt((x * x).sum() * (y * y).sum())


def correlation_signal(d, a, x, y, project=1, centre=1):
    x, y = x - x.mean(), y - centre * y.mean()
    nx, ny = np.sqrt((x * x).sum()), np.sqrt(((y - y.mean()) ** 2).sum())
    return d * (y / ny - project * a * x / nx) / nx


@correlation.right
def _(d, a, x, y):
    return correlation_signal(d, a, x, y), correlation_signal(d, a, y, x)


@correlation.wrong("lost projection", "correlation: the deviations taken for constants")
def correlation_deviations_constant(d, a, x, y):
    return correlation_signal(d, a, x, y, project=0), correlation_signal(d, a, y, x, project=0)


@correlation.wrong("lost mean", "correlation: not centred on the way back")
def correlation_not_centred(d, a, x, y):
    return correlation_signal(d, a, x, y, centre=0), correlation_signal(d, a, y, x, centre=0)


def kernel(x, y):
    return np.exp(-0.5 * ((x[:, None] - y) ** 2).sum(-1))


@F.forward(
    *three(lambda n, m, k: (normal(n, k), normal(m, k)), (4, 3, 2), (2, 5, 3), (3, 3, 1)), slots=("real", "real"),
    span=(1e-8, 4),
)  # fmt: skip
def discrepancy(x, y):
    return kernel(x, x).mean() + kernel(y, y).mean() - 2 * kernel(x, y).mean()


def pull(x, y):
    """Return how the mean of the kernel moves with `x`."""
    return -(kernel(x, y)[..., None] * (x[:, None] - y)).sum(1) / (len(x) * len(y))


@discrepancy.right
def _(d, a, x, y):
    return d * 2 * (pull(x, x) - pull(x, y)), d * 2 * (pull(y, y) - pull(y, x))


@discrepancy.wrong("missing factor", "discrepancy of samples: each stands in both places of its own kernel")
def discrepancy_own_once(d, a, x, y):
    return d * (pull(x, x) - 2 * pull(x, y)), d * (pull(y, y) - 2 * pull(y, x))


@discrepancy.wrong("missing term", "discrepancy of samples: the samples' own spread taken for a constant")
def discrepancy_cross_only(d, a, x, y):
    return d * -2 * pull(x, y), d * -2 * pull(y, x)


@F.forward(*three(lambda n: (normal(n), normal(n)), (5,), (8,), (4,)), slots=("real", "real"), kinks=True)
def transport(x, y):
    return ((np.sort(x) - np.sort(y)) ** 2).mean()


def transport_signal(d, x, y):
    out = np.zeros_like(x)
    out[np.argsort(x)] = 2 * d * (np.sort(x) - np.sort(y)) / len(x)
    return out


@transport.right
def _(d, a, x, y):
    return transport_signal(d, x, y), transport_signal(d, y, x)


@transport.wrong("wrong place", "transport in one dimension: left in sorted order")
def transport_left_sorted(d, a, x, y):
    e = 2 * d * (np.sort(x) - np.sort(y)) / len(x)
    return e, -e


@transport.wrong("wrong factor", "transport in one dimension: pairs by their first order, not sorted")
def transport_not_paired(d, a, x, y):
    e = 2 * d * (x - y) / len(x)
    return e, -e


CLASS = np.array([0, 1, 1, 2, 1, 0, 2])


@F.forward(*three(lambda n, k: (normal(n, k), normal(3, k)), (4, 3), (7, 2), (5, 2)), slots=("real", "real"))
def centred(x, centres):
    return 0.5 * ((x - centres[CLASS[: len(x)]]) ** 2).sum()


@centred.right
def _(d, a, x, centres):
    off = d * (x - centres[CLASS[: len(x)]])
    out = np.zeros_like(centres)
    np.add.at(out, CLASS[: len(x)], -off)
    return off, out


@centred.wrong("row factor", "a loss of centres: each centre's signal divided by its count")
def centred_by_count(d, a, x, centres):
    off = d * (x - centres[CLASS[: len(x)]])
    out = np.zeros_like(centres)
    np.add.at(out, CLASS[: len(x)], -off)
    return off, out / np.maximum(1, np.bincount(CLASS[: len(x)], minlength=3))[:, None]


@centred.wrong("overwritten", "a loss of centres: the last sample of a class decides")
def centred_last_sample(d, a, x, centres):
    off = d * (x - centres[CLASS[: len(x)]])
    out = np.zeros_like(centres)
    out[CLASS[: len(x)]] = -off
    return off, out


@F.forward(*three(lambda n, m, k: (normal(n, k), normal(m, k)), (4, 3, 2), (2, 5, 3), (3, 3, 1)),
           slots=("real", "real"), kinks=True)  # fmt: skip
def chamfer(x, y):
    d = ((x[:, None] - y) ** 2).sum(-1)
    return d.min(1).mean() + d.min(0).mean()


def chamfer_signals(d, x, y, back=1.0):
    dist = ((x[:, None] - y) ** 2).sum(-1)
    near, far = dist.argmin(1), dist.argmin(0)
    dx, dy = 2 * d * (x - y[near]) / len(x), back * 2 * d * (y - x[far]) / len(y)
    np.add.at(dy, near, -2 * d * (x - y[near]) / len(x))
    np.add.at(dx, far, -back * 2 * d * (y - x[far]) / len(y))
    return dx, dy


@chamfer.right
def _(d, a, x, y):
    return chamfer_signals(d, x, y)


@chamfer.wrong("missing term", "distance of two clouds: one of its two directions")
def chamfer_one_direction(d, a, x, y):
    return chamfer_signals(d, x, y, back=0.0)


@chamfer.wrong("detached", "distance of two clouds: each point moved towards its nearest, which was held fast")
def chamfer_nearest_held(d, a, x, y):
    dist = ((x[:, None] - y) ** 2).sum(-1)
    return 2 * d * (x - y[dist.argmin(1)]) / len(x), 2 * d * (y - x[dist.argmin(0)]) / len(y)


@F.forward(
    *three(lambda n, k: (normal(n, k), simplex(n, k), simplex(n, k), uniform(0.2, 0.8, n)), (4, 3), (2, 5), (5, 2)),
    slots=("real", "fixed", "fixed", "fixed"), span=(1e-8, 30),
)  # fmt: skip
def mixed_up(z, one, two, share):
    top = z.max(-1, keepdims=True)
    log_p = z - top - np.log(np.exp(z - top).sum(-1, keepdims=True))
    return -((share[:, None] * one + (1 - share[:, None]) * two) * log_p).sum()


def mixed_up_signals(d, z, one, two, share, target):
    log_p = np.log(parts(z))
    s = share[:, None]
    return (
        d * (parts(z) - target),
        -d * s * log_p,
        -d * (1 - s) * log_p,
        -d * ((one - two) * log_p).sum(-1),
    )


@mixed_up.right
def _(d, a, z, one, two, share):
    s = share[:, None]
    return mixed_up_signals(d, z, one, two, share, s * one + (1 - s) * two)


@mixed_up.wrong("wrong factor", "mixed samples: the first label only")
def mixed_up_first_label(d, a, z, one, two, share):
    return mixed_up_signals(d, z, one, two, share, one)


@mixed_up.wrong("swapped", "mixed samples: the labels' shares exchanged")
def mixed_up_shares_exchanged(d, a, z, one, two, share):
    s = share[:, None]
    dz, d1, d2, ds = mixed_up_signals(d, z, one, two, share, s * one + (1 - s) * two)
    return dz, d2, d1, ds


@F.forward(*three(lambda n, k: (normal(n, k), positive(n, k)), (4, 3), (2, 5), (5, 2)), slots=("real", "positive"))
def relative_error(x, target):
    return np.sqrt(((x - target) ** 2).sum()) / np.sqrt((target**2).sum())


@relative_error.right
def _(d, a, x, target):
    size = (target**2).sum()
    dx = d * (x - target) / (a * size)
    return dx, -dx - d * a * target / size


@relative_error.wrong("missing factor", "a relative error: the square root not differentiated")
def relative_error_of_square(d, a, x, target):
    size = (target**2).sum()
    return 2 * d * (x - target) / np.sqrt(size), -d * (x - target) / (a * size) - d * a * target / size
