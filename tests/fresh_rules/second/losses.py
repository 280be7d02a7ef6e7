"""Second set: losses: classes, distances, likelihoods."""

from __future__ import annotations

import numpy as np

from ..record import Family, normal, simplex, uniform

F = Family("second, losses")


def T(p):
    return (np.arange(p.shape[0]) * 2 + 1) % p.shape[1]


def bt(p):
    return p.shape[0]


def hot(p):
    return np.eye(p.shape[1])[T(p)]


def softmax(p, ax=-1):
    e = np.exp(p - p.max(ax, keepdims=True))
    return e / e.sum(ax, keepdims=True)


def focal_r(d, a, p):
    s = softmax(p)
    q = s[np.arange(bt(p)), T(p)][:, None]
    g = 2 * (1 - q) * np.log(q) - (1 - q) ** 2 / q
    return d * g * q * (hot(p) - s) / bt(p)


@F.forward(normal(4, 3), normal(3, 5), normal(6, 2), span=(1e-08, 30))
def focal(p):
    q = softmax(p)[np.arange(bt(p)), T(p)]
    return -((1 - q) ** 2 * np.log(q)).mean()


focal.right(focal_r)


@focal.wrong(
    "detached", "focal: the modulating factor (1−q)^γ treated as a constant: one term of the product rule missing"
)
def focal_weight_stopped(d, a, p):
    s = softmax(p)
    q = s[np.arange(bt(p)), T(p)][:, None]
    return d * -((1 - q) ** 2) * (hot(p) - s) / bt(p)


@focal.wrong("wrong sign of a term", "focal: sign of the derivative of (1 − q): one term with the wrong sign")
def focal_sign_of_inner(d, a, p):
    s = softmax(p)
    q = s[np.arange(bt(p)), T(p)][:, None]
    g = -2 * (1 - q) * np.log(q) - (1 - q) ** 2 / q
    return d * g * q * (hot(p) - s) / bt(p)


@focal.wrong("size factor", "focal: the division by the batch size missing: factor n")
def focal_sum_for_mean(d, a, p):
    return focal_r(d, a, p) * bt(p)


@F.forward(normal(4, 3), normal(3, 5), normal(6, 2), span=(1e-08, 30))
def label_smoothing(p):
    e = 0.1
    y = (1 - e) * hot(p) + e / p.shape[1]
    return -(y * np.log(softmax(p))).sum() / bt(p)


@label_smoothing.right
def _(d, a, p):
    return d * (softmax(p) - (0.9 * hot(p) + 0.1 / p.shape[1])) / bt(p)


@label_smoothing.wrong(
    "missing term", "label_smoothing: gradient against the hard target: smoothing forgotten (small: off by ε)"
)
def label_smoothing_hard_target(d, a, p):
    return d * (softmax(p) - hot(p)) / bt(p)


@label_smoothing.wrong("missing term", "label_smoothing: ε/(K−1) on the other classes, of the other definition")
def label_smoothing_rest_over_k_minus_one(d, a, p):
    return d * (softmax(p) - (0.9 * hot(p) + 0.1 / (p.shape[1] - 1) * (1 - hot(p)))) / bt(p)


@label_smoothing.wrong("missing delta", "label_smoothing: incoming error signal ignored")
def label_smoothing_ignores_delta(d, a, p):
    return (softmax(p) - (0.9 * hot(p) + 0.1 / p.shape[1])) / bt(p)


@F.forward(
    (normal(3, 4), normal(3, 4)),
    (normal(5, 2), normal(5, 2)),
    (normal(2, 3, 2), normal(2, 3, 2)),
    slots=("real", "real"),
    kinks=True,
)
def huber(p, t):
    e = np.abs(p - t)
    return np.where(e < 1, 0.5 * e * e, e - 0.5).sum()


@huber.right
def _(d, a, p, t):
    g = d * np.clip(p - t, -1, 1)
    return (g, -g)


@huber.wrong("bound", "huber: p − t not clipped beyond 1")
def huber_not_clipped(d, a, p, t):
    return (d * (p - t), -d * (p - t))


@huber.wrong("sign", "huber: sign of the target's gradient")
def huber_target_same_sign(d, a, p, t):
    return (d * np.clip(p - t, -1, 1),) * 2


@huber.wrong("missing delta", "huber: backward ignores the incoming error signal")
def huber_ignores_gy(d, a, p, t):
    return (np.clip(p - t, -1, 1), -np.clip(p - t, -1, 1))


@huber.wrong("bound", "huber: tail gives +1 on both sides: sign wrong for p − t < −1")
def huber_tail_is_unsigned(d, a, p, t):
    return (d * np.where(np.abs(p - t) < 1, p - t, 1.0), -d * np.clip(p - t, -1, 1))


def Y(p):
    return np.where(np.arange(p.size).reshape(p.shape) % 3 == 0, -1.0, 1.0)


@F.forward(normal(3, 4), normal(5, 2), normal(2, 3, 2), kinks=True)
def squared_hinge(p):
    return (np.maximum(0, 1 - Y(p) * p) ** 2).sum(-1)


@squared_hinge.right
def _(d, a, p):
    return -2 * d[..., None] * Y(p) * np.maximum(0, 1 - Y(p) * p)


@squared_hinge.wrong(
    "missing factor", "squared_hinge: derivative of the plain hinge (margin factor 2·max(0,…) missing)"
)
def squared_hinge_linear(d, a, p):
    return -d[..., None] * Y(p) * (1 - Y(p) * p > 0)


@squared_hinge.wrong("missing factor", "squared_hinge: factor y missing: sign wrong where y = −1")
def squared_hinge_without_label(d, a, p):
    return -2 * d[..., None] * np.maximum(0, 1 - Y(p) * p)


@squared_hinge.wrong("bound", "squared_hinge: active where y·p < 0 instead of < 1: zeros inside the margin")
def squared_hinge_margin_at_zero(d, a, p):
    return -2 * d[..., None] * Y(p) * np.maximum(0, 1 - Y(p) * p) * (Y(p) * p < 0)


def kl_r(d, a, lp, q):
    return (-d * q / bt(lp), d * (np.log(q) - lp + 1) / bt(lp))


@F.forward(
    (normal(4, 3), simplex(4, 3)), (normal(3, 5), simplex(3, 5)), (normal(6, 2), simplex(6, 2)), slots=("real", "fixed")
)
def kl_div(lp, q):
    return (q * (np.log(q) - lp)).sum() / bt(lp)


kl_div.right(kl_r)


@kl_div.wrong("missing term", "kl_div: +1 of d(q log q) forgotten for the target: off by a constant")
def kl_target_without_one(d, a, lp, q):
    return (-d * q / bt(lp), d * (np.log(q) - lp) / bt(lp))


@kl_div.wrong("size factor", "kl_div: divided by all elements instead of the batch: factor 1/classes")
def kl_batchmean_over_all(d, a, lp, q):
    return tuple(g / lp.shape[1] for g in kl_r(d, a, lp, q))


@kl_div.wrong("detached", "kl_div: target treated as constant: None/zeros for it")
def kl_target_stopped(d, a, lp, q):
    return (-d * q / bt(lp), 0 * q)


def triplet_r(d, a, x, p, n):
    m = (((x - p) ** 2).sum(1) - ((x - n) ** 2).sum(1) + 1 > 0)[:, None] * d
    return (m * 2 * (n - p), m * -2 * (x - p), m * 2 * (x - n))


@F.forward(
    (normal(4, 3), normal(4, 3), normal(4, 3)),
    (normal(5, 2), normal(5, 2), normal(5, 2)),
    (normal(6, 4), normal(6, 4), normal(6, 4)),
    slots=("real", "real", "real"),
    kinks=True,
)
def triplet(x, p, n):
    return np.maximum(0, ((x - p) ** 2).sum(1) - ((x - n) ** 2).sum(1) + 1).sum()


triplet.right(triplet_r)


@triplet.wrong("swapped", "triplet: gradients of positive and negative returned in the wrong order")
def triplet_positive_negative_swapped(d, a, x, p, n):
    g = triplet_r(d, a, x, p, n)
    return (g[0], g[2], g[1])


@triplet.wrong("bound", "triplet: mask of active triplets missing: inactive rows get a gradient")
def triplet_inactive_too(d, a, x, p, n):
    return (2 * (n - p) * d, -2 * (x - p) * d, 2 * (x - n) * d)


@triplet.wrong("missing term", "triplet: anchor's gradient lacks the negative pair's part")
def triplet_anchor_of_positive_only(d, a, x, p, n):
    g = triplet_r(d, a, x, p, n)
    return (-g[1], g[1], g[2])


@F.forward(
    (normal(4, 3), normal(4, 3)),
    (normal(5, 2), normal(5, 2)),
    (normal(3, 4), normal(3, 4)),
    slots=("real", "real"),
    zero=False,
    ties=False,
)
def cosine_similarity(x, y):
    return (x * y).sum(1) / np.sqrt((x * x).sum(1) * (y * y).sum(1))


@cosine_similarity.right
def _(d, a, x, y):
    nx, ny = (np.sqrt((x * x).sum(1, keepdims=True)), np.sqrt((y * y).sum(1, keepdims=True)))
    a, d = (a[:, None], d[:, None])
    return (d * (y / (nx * ny) - a * x / nx**2), d * (x / (nx * ny) - a * y / ny**2))


@cosine_similarity.wrong("missing term", "cosine_similarity: norms treated as constants: the second term missing")
def cosine_norms_stopped(d, a, x, y):
    nx, ny = (np.sqrt((x * x).sum(1, keepdims=True)), np.sqrt((y * y).sum(1, keepdims=True)))
    d = d[:, None]
    return (d * y / (nx * ny), d * x / (nx * ny))


@cosine_similarity.wrong("wrong factor", "cosine_similarity: norm instead of its square in the second term")
def cosine_norm_not_squared_again(d, a, x, y):
    nx, ny = (np.sqrt((x * x).sum(1, keepdims=True)), np.sqrt((y * y).sum(1, keepdims=True)))
    a, d = (a[:, None], d[:, None])
    return (d * (y / (nx * ny) - a * x / nx), d * (x / (nx * ny) - a * y / ny))


@cosine_similarity.wrong("wrong factor", "cosine_similarity: norm over the whole array instead of each row")
def cosine_norm_of_whole(d, a, x, y):
    nx, ny = (np.sqrt((x * x).sum()), np.sqrt((y * y).sum()))
    a, d = (a[:, None], d[:, None])
    return (d * (y / (nx * ny) - a * x / nx**2), d * (x / (nx * ny) - a * y / ny**2))


def sig(z):
    return 1 / (1 + np.exp(-z))


@F.forward(normal(3, 4), normal(5, 2), normal(2, 3, 2))
def dice(p):
    t = (Y(p) > 0) * 1.0
    s = sig(p)
    return 1 - (2 * (s * t).sum() + 1) / (s.sum() + t.sum() + 1)


@dice.right
def _(d, a, p):
    t = (Y(p) > 0) * 1.0
    s = sig(p)
    D = s.sum() + t.sum() + 1
    N = 2 * (s * t).sum() + 1
    return -d * (2 * t / D - N / D**2) * s * (1 - s)


@dice.wrong("detached", "dice: denominator treated as a constant")
def dice_denominator_stopped(d, a, p):
    t = (Y(p) > 0) * 1.0
    s = sig(p)
    D = s.sum() + t.sum() + 1
    return -d * (2 * t / D) * s * (1 - s)


@dice.wrong("missing factor", "dice: slope of the sigmoid inside forgotten")
def dice_for_probabilities(d, a, p):
    t = (Y(p) > 0) * 1.0
    s = sig(p)
    D = s.sum() + t.sum() + 1
    N = 2 * (s * t).sum() + 1
    return -d * (2 * t / D - N / D**2)


@F.forward(normal(3, 4), normal(5, 2), normal(2, 3, 2), span=(1e-08, 30))
def poisson_nll(z):
    t = np.arange(z.size).reshape(z.shape) % 4
    return (np.exp(z) - t * z).mean()


@poisson_nll.right
def _(d, a, z):
    return d * (np.exp(z) - np.arange(z.size).reshape(z.shape) % 4) / z.size


@poisson_nll.wrong("wrong factor", "poisson_nll: 1 − t/z of the non-log form")
def poisson_nll_not_log_input(d, a, z):
    return d * (1 - np.arange(z.size).reshape(z.shape) % 4 / z) / z.size


@poisson_nll.wrong(
    "size factor", "poisson_nll: mean over the batch only, not over all elements: factor of the number of columns"
)
def poisson_nll_divided_by_batch(d, a, z):
    return d * (np.exp(z) - np.arange(z.size).reshape(z.shape) % 4) / len(z)


@F.forward(
    (normal(3, 4), uniform(0.5, 2, 3, 4)),
    (normal(5, 2), uniform(0.5, 2, 5, 2)),
    (normal(2, 3, 2), uniform(0.5, 2, 2, 3, 2)),
    slots=("real", "fixed"),
)
def gaussian_nll(mu, v):
    t = np.cos(np.arange(mu.size)).reshape(mu.shape)
    return 0.5 * (np.log(v) + (mu - t) ** 2 / v).sum()


@gaussian_nll.right
def _(d, a, mu, v):
    t = np.cos(np.arange(mu.size)).reshape(mu.shape)
    e = mu - t
    return (d * e / v, d * 0.5 * (1 / v - e * e / v**2))


@gaussian_nll.wrong("wrong factor", "gaussian_nll: 1/v instead of 1/v² in the second term for the variance")
def gaussian_nll_variance_once(d, a, mu, v):
    t = np.cos(np.arange(mu.size)).reshape(mu.shape)
    e = mu - t
    return (d * e / v, d * 0.5 * (1 / v - e * e / v))


@gaussian_nll.wrong("wrong sign of a term", "gaussian_nll: sign of the second term for the variance")
def gaussian_nll_variance_sign(d, a, mu, v):
    t = np.cos(np.arange(mu.size)).reshape(mu.shape)
    e = mu - t
    return (d * e / v, d * 0.5 * (1 / v + e * e / v**2))


def W(p):
    return np.array([1.0, 2.0, 0.5, 3.0, 1.5])[T(p)]


@F.forward(normal(4, 3), normal(3, 5), normal(6, 2), span=(1e-08, 30))
def weighted_ce(p):
    return -(W(p) * np.log(softmax(p))[np.arange(bt(p)), T(p)]).sum() / W(p).sum()


@weighted_ce.right
def _(d, a, p):
    return d * W(p)[:, None] * (softmax(p) - hot(p)) / W(p).sum()


@weighted_ce.wrong(
    "constant factor", "weighted_ce: divided by the batch size, not by the sum of weights: a constant factor"
)
def weighted_ce_divided_by_batch(d, a, p):
    return d * W(p)[:, None] * (softmax(p) - hot(p)) / bt(p)


@weighted_ce.wrong("row factor", "weighted_ce: class weights not used in backward (right only on average)")
def weighted_ce_unweighted(d, a, p):
    return d * (softmax(p) - hot(p)) / bt(p)


@weighted_ce.wrong(
    "row factor", "weighted_ce: weights laid along the classes of the output instead of each row's target"
)
def weighted_ce_weight_by_column(d, a, p):
    return d * np.array([1.0, 2.0, 0.5, 3.0, 1.5])[: p.shape[1]] * (softmax(p) - hot(p)) / W(p).sum()


@F.forward(
    (normal(3, 4), normal(3, 4)),
    (normal(5, 2), normal(5, 2)),
    (normal(2, 3, 2), normal(2, 3, 2)),
    slots=("real", "real"),
    span=(1e-08, 30),
)
def log_cosh(p, t):
    return np.log(np.cosh(p - t)).mean()


@log_cosh.right
def _(d, a, p, t):
    return (d * np.tanh(p - t) / p.size, -d * np.tanh(p - t) / p.size)


@log_cosh.wrong("wrong factor", "log_cosh: sinh instead of tanh")
def log_cosh_sinh(d, a, p, t):
    return (d * np.sinh(p - t) / p.size, -d * np.sinh(p - t) / p.size)


@log_cosh.wrong("sign", "log_cosh: tanh(t − p) for p: both signs turned")
def log_cosh_roles(d, a, p, t):
    return (d * np.tanh(t - p) / p.size, d * np.tanh(p - t) / p.size)
