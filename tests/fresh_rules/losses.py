"""Losses: many numbers and a target in, one number or one per row out."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

import graphnet as gn

from .record import Family, bits, labels, normal, positive, signs, simplex, three, whole

F = Family("losses")
PAIR = three(lambda *s: (normal(*s, scale=1.5), normal(*s)), (5,), (4, 3), (2, 2, 2))
BOTH = ("real", "real")


def softmax(z):
    e = np.exp(z - z.max(-1, keepdims=True))
    return e / e.sum(-1, keepdims=True)


def log_softmax(z):
    m = z - z.max(-1, keepdims=True)
    return m - np.log(np.exp(m).sum(-1, keepdims=True))


def sigmoid(z):
    return 0.5 * (1 + np.tanh(0.5 * z))


@dataclass(frozen=True)
class Huber(gn.Op):
    knee: float

    def forward(self, p, t):
        r = np.abs(p - t)
        return np.where(r < self.knee, 0.5 * r * r, self.knee * (r - 0.5 * self.knee)).sum()

    def backward(self, delta, a, p, t):
        g = delta * np.clip(p - t, -self.knee, self.knee)
        return g, -g


huber = F.op(Huber(0.8), *PAIR, slots=BOTH, span=(1e-8, 1e6))


@huber.wrong("missing factor", "smooth L1: the outer slope is the sign alone, without the knee")
def huber_outer_slope_one(self, delta, a, p, t):
    r = p - t
    g = delta * np.where(np.abs(r) < self.knee, r, np.sign(r))
    return g, -g


@huber.wrong("sign", "huber: the target got the prediction's gradient, not its negative")
def huber_target_sign(self, delta, a, p, t):
    g = delta * np.clip(p - t, -self.knee, self.knee)
    return g, g


@huber.wrong("size factor", "huber: reduction changed from sum to mean in backward only")
def huber_mean(self, delta, a, p, t):
    g = delta * np.clip(p - t, -self.knee, self.knee) / p.size
    return g, -g


@F.forward(
    *three(lambda *s: (normal(*s), whole(bits(*s))), (6,), (4, 2), (3, 3)), slots=("real", "fixed"), span=(1e-8, 10)
)
def focal(z, t):
    s = 2 * t - 1
    p = sigmoid(s * z)
    return (-((1 - p) ** 2) * np.log(p)).sum()


def focal_slope(z, t):
    s = 2 * t - 1
    p = sigmoid(s * z)
    return s, p


@focal.right
def _(delta, a, z, t):
    s, p = focal_slope(z, t)
    return delta * s * (1 - p) ** 2 * (2 * p * np.log(p) - (1 - p)), None


@focal.wrong("detached", "focal loss: the modulating factor was detached, as for a weight")
def focal_weight_detached(delta, a, z, t):
    s, p = focal_slope(z, t)
    return -delta * s * (1 - p) ** 3, None


@focal.wrong("missing factor", "focal loss CUDA op: ∂p/∂z has p only where p(1 − p) is due in the log term")
def focal_log_term(delta, a, z, t):
    s, p = focal_slope(z, t)
    return delta * s * (1 - p) * (2 * p * np.log(p) - (1 - p)), None


@F.forward(*three(lambda n: (normal(n), whole(signs(n))), (8,), (5,), (12,)), slots=("real", "fixed"), kinks=True)
def hinge(z, y):
    return np.maximum(0, 1 - y * z).mean()


@hinge.right
def _(delta, a, z, y):
    return -delta * y * (y * z < 1) / z.size, None


@hinge.wrong("sign", "svm homework: the minus of −y was dropped")
def hinge_sign(delta, a, z, y):
    return delta * y * (y * z < 1) / z.size, None


@hinge.wrong("bound", "svm: mask y z < 0, that of misclassified ones only, and not of the margin")
def hinge_margin_zero(delta, a, z, y):
    return -delta * y * (y * z < 0) / z.size, None


@hinge.wrong("size factor", "svm: forward averages, backward sums")
def hinge_sum(delta, a, z, y):
    return -delta * y * (y * z < 1), None


KL = three(lambda n, k: (simplex(n, k), simplex(n, k)), (3, 4), (2, 3), (4, 5))


@F.forward(*KL, slots=("positive", "positive"), span=(1e-3, 1e3))
def kl(p, q):
    return (p * np.log(p / q)).sum()


@kl.right
def _(delta, a, p, q):
    return delta * (np.log(p / q) + 1), -delta * p / q


@kl.wrong("missing term", "kl: the + 1 from the product rule")
def kl_without_one(delta, a, p, q):
    return delta * np.log(p / q), -delta * p / q


@kl.wrong("wrong factor", "kl: q/p for p/q in the second gradient")
def kl_ratio_turned(delta, a, p, q):
    return delta * (np.log(p / q) + 1), -delta * q / p


@kl.wrong("no signal", "kl: the target distribution was taken for data, its gradient is None")
def kl_no_signal_to_p(delta, a, p, q):
    return None, -delta * p / q


NLL = three(lambda n, k: (normal(n, k), labels(n, k)), (4, 3), (6, 4), (2, 5))


@F.forward(*NLL, slots=("real", "fixed"))
def cross_entropy_mean(z, t):
    return -(t * log_softmax(z)).sum() / len(z)


@cross_entropy_mean.right
def _(delta, a, z, t):
    return delta * (softmax(z) - t) / len(z), -delta * log_softmax(z) / len(z)


@cross_entropy_mean.wrong("size factor", "cross-entropy: divided by the number of entries and not of rows")
def cross_entropy_over_all_entries(delta, a, z, t):
    return delta * (softmax(z) - t) / z.size, -delta * log_softmax(z) / len(z)


@cross_entropy_mean.wrong(
    "missing delta", "cross-entropy as the last layer: backward starts at p − y, delta is ignored"
)
def cross_entropy_starts_here(delta, a, z, t):
    return (softmax(z) - t) / len(z), -delta * log_softmax(z) / len(z)


@cross_entropy_mean.wrong("missing term", "nll of log-probabilities: −t only, log-softmax' own part left out")
def cross_entropy_nll_only(delta, a, z, t):
    return -delta * t / len(z), -delta * log_softmax(z) / len(z)


@dataclass(frozen=True)
class SmoothedCrossEntropy(gn.Op):
    smoothing: float

    def forward(self, z, t):
        k = z.shape[-1]
        return -((t * (1 - self.smoothing) + self.smoothing / k) * log_softmax(z)).sum()

    def backward(self, delta, a, z, t):
        k = z.shape[-1]
        return delta * (softmax(z) - t * (1 - self.smoothing) - self.smoothing / k), None


LABELLED = three(lambda n, k: (normal(n, k), whole(labels(n, k))), (4, 3), (6, 4), (2, 5))
smoothed = F.op(SmoothedCrossEntropy(0.2), *LABELLED, slots=("real", "fixed"))


@smoothed.wrong("missing term", "label smoothing was added to the loss, backward still has the hard labels")
def smoothing_not_in_backward(self, delta, a, z, t):
    return delta * (softmax(z) - t), None


@smoothed.wrong("size factor", "label smoothing: ε/(k − 1) in backward, ε/k in forward")
def smoothing_other_classes(self, delta, a, z, t):
    k = z.shape[-1]
    return delta * (softmax(z) - t * (1 - self.smoothing) - self.smoothing / (k - 1)), None


TRIPLET = three(lambda n, k: (normal(n, k), normal(n, k), normal(n, k)), (4, 3), (6, 2), (3, 5))


@dataclass(frozen=True)
class Triplet(gn.Op):
    margin: float

    def gap(self, x, p, n):
        return ((x - p) ** 2).sum(1) - ((x - n) ** 2).sum(1) + self.margin

    def forward(self, x, p, n):
        return np.maximum(self.gap(x, p, n), 0).sum()

    def backward(self, delta, a, x, p, n):
        on = delta * (self.gap(x, p, n) > 0)[:, None]
        return 2 * on * (n - p), 2 * on * (p - x), 2 * on * (x - n)


triplet = F.op(Triplet(0.5), *TRIPLET, slots=("real",) * 3, kinks=True, span=(1e-6, 1e6))


@triplet.wrong("sign", "triplet: the negative's gradient points the wrong way")
def triplet_negative_sign(self, delta, a, x, p, n):
    on = delta * (self.gap(x, p, n) > 0)[:, None]
    return 2 * on * (n - p), 2 * on * (p - x), 2 * on * (n - x)


@triplet.wrong("missing factor", "triplet: the mask of active triplets isn't applied to the anchor")
def triplet_anchor_always(self, delta, a, x, p, n):
    on = delta * (self.gap(x, p, n) > 0)[:, None]
    return 2 * delta * (n - p), 2 * on * (p - x), 2 * on * (x - n)


@triplet.wrong("swapped", "triplet: positive and negative in the order of another paper")
def triplet_swapped(self, delta, a, x, p, n):
    on = delta * (self.gap(x, p, n) > 0)[:, None]
    return 2 * on * (n - p), 2 * on * (x - n), 2 * on * (p - x)


@F.forward(
    *three(lambda n, k: (normal(n, k, scale=0.5), normal(n, k, scale=0.5), whole(bits(n))), (5, 3), (6, 2), (4, 4)),
    slots=("real", "real", "fixed"),
    ties=False,
    zero=False,
    kinks=True,
    span=(1e-4, 1e4),
)
def contrastive(x, y, same):
    d = np.linalg.norm(x - y, axis=1)
    return (same * d**2 + (1 - same) * np.maximum(2 - d, 0) ** 2).sum()


@contrastive.right
def _(delta, a, x, y, same):
    d = np.linalg.norm(x - y, axis=1)
    slope = 2 * (same * d - (1 - same) * np.maximum(2 - d, 0)) / d
    g = delta * slope[:, None] * (x - y)
    return g, -g, None


@contrastive.wrong("row factor", "contrastive: the distance' own 1/d is missing for the different pairs")
def contrastive_without_distance(delta, a, x, y, same):
    d = np.linalg.norm(x - y, axis=1)
    slope = 2 * (same - (1 - same) * np.maximum(2 - d, 0))
    g = delta * slope[:, None] * (x - y)
    return g, -g, None


@F.forward(
    *three(lambda n: (positive(n), whole(bits(n))), (6,), (9,), (4,)), slots=("positive", "fixed"), span=(1e-3, 1e3)
)
def dice(p, t):
    return 1 - (2 * (p * t).sum() + 1) / (p.sum() + t.sum() + 1)


@dice.right
def _(delta, a, p, t):
    below = p.sum() + t.sum() + 1
    return -delta * (2 * t * below - (2 * (p * t).sum() + 1)) / below**2, None


@dice.wrong("missing term", "dice: the union was taken for a constant")
def dice_union_constant(delta, a, p, t):
    return -delta * 2 * t / (p.sum() + t.sum() + 1), None


@dice.wrong("wrong factor", "dice: quotient rule without the square below")
def dice_not_squared(delta, a, p, t):
    below = p.sum() + t.sum() + 1
    return -delta * (2 * t * below - (2 * (p * t).sum() + 1)) / below, None


@F.forward(*three(lambda n: (normal(n), positive(n)), (5,), (8,), (3,)), slots=("real", "positive"), span=(1e-8, 10.0))
def poisson(z, t):
    return (np.exp(z) - t * z).mean()


@poisson.right
def _(delta, a, z, t):
    return delta * (np.exp(z) - t) / z.size, -delta * z / z.size


@poisson.wrong("missing term", "poisson nll: written for a rate, 1 − t/λ, while the input is its log")
def poisson_of_rate(delta, a, z, t):
    return delta * (1 - t / np.exp(z)) / z.size, -delta * z / z.size


@dataclass(frozen=True)
class Quantile(gn.Op):
    q: float

    def forward(self, p, t):
        r = t - p
        return np.maximum(self.q * r, (self.q - 1) * r).sum()

    def backward(self, delta, a, p, t):
        g = delta * np.where(t > p, self.q, self.q - 1)
        return -g, g


pinball = F.op(Quantile(0.9), *PAIR, slots=BOTH, kinks=True, span=(1e-4, 1e8))


@pinball.wrong("bound", "pinball: q and 1 − q on the wrong sides")
def pinball_sides_exchanged(self, delta, a, p, t):
    g = delta * np.where(t > p, 1 - self.q, -self.q)
    return -g, g


@F.forward(*three(lambda t: (normal(t, 3),), (4,), (5,), (6,)), span=(1e-4, 10.0))
def ctc_two_labels(z):
    """Sum over all alignments of the labels 1, 2 in log-probabilities: each t is in state 1, then in state 2."""
    y = log_softmax(z)
    total = [y[:k, 1].sum() + y[k:, 2].sum() for k in range(1, len(z))]
    top = np.max(total)
    return -(top + np.log(np.exp(np.array(total) - top).sum()))


def alignments(z):
    y = log_softmax(z)
    total = np.array([y[:k, 1].sum() + y[k:, 2].sum() for k in range(1, len(z))])
    w = softmax(total)
    first = np.array([w[t:].sum() if t else 1.0 for t in range(len(z))])
    return y, np.stack([np.zeros(len(z)), first, 1 - first], axis=1)


@ctc_two_labels.right
def _(delta, a, z):
    y, share = alignments(z)
    return delta * (np.exp(y) - share)


@ctc_two_labels.wrong("missing term", "ctc: gradient for log-probabilities was given to the scores")
def ctc_scores_as_log_probabilities(delta, a, z):
    return -delta * alignments(z)[1]


@ctc_two_labels.wrong("wrong place", "ctc: occupancies are one step late")
def ctc_one_step_late(delta, a, z):
    y, share = alignments(z)
    return delta * (np.exp(y) - np.concatenate([share[:1], share[:-1]]))


@F.forward(*three(lambda *s: (normal(*s), bits(*s)), (6,), (4, 2), (3, 3)), slots=("real", "fixed"))
def bce_with_logits(z, t):
    return np.maximum(z, 0) - z * t + np.log1p(np.exp(-np.abs(z)))


@bce_with_logits.right
def _(delta, a, z, t):
    return delta * (sigmoid(z) - t), -delta * z


@bce_with_logits.wrong("missing factor", "bce on logits: the sigmoid's slope applied to a gradient that has it")
def bce_sigmoid_slope_twice(delta, a, z, t):
    s = sigmoid(z)
    return delta * (s - t) * s * (1 - s), -delta * z


@bce_with_logits.wrong("input for output", "bce on logits: z − t, the sigmoid was meant to be applied by the caller")
def bce_logits_minus_target(delta, a, z, t):
    return delta * (z - t), -delta * z
