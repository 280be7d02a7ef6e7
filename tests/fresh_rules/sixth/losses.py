"""Sixth set: losses, of likelihoods, rankings, sequences and embeddings."""

from __future__ import annotations

import math

import numpy as np

from ..record import Family, bits, ints, normal, positive, three, uniform, whole

F = Family("sixth, losses")


def softmax(z, axis=-1):
    e = np.exp(z - z.max(axis, keepdims=True))
    return e / e.sum(axis, keepdims=True)


def log_sum(z, axis=-1):
    top = z.max(axis, keepdims=True)
    return np.log(np.exp(z - top).sum(axis)) + np.squeeze(top, axis)


def unit(z):
    return z / np.sqrt((z * z).sum(-1, keepdims=True))


WARMTH = 0.5


def pairs(z, masked=True):
    likeness = unit(z) @ unit(z).T / WARMTH
    return np.where(np.eye(len(z), dtype=bool), -np.inf, likeness) if masked else likeness


def partner(n):
    return (np.arange(n) + n // 2) % n


@F.forward(normal(4, 3), normal(6, 2), normal(2, 4), zero=False, ties=False)
def two_views(z):
    s = pairs(z)
    return (log_sum(s) - s[np.arange(len(z)), partner(len(z))]).mean()


def two_views_signal(d, z, both=True, along=1.0, masked=True, warmth=WARMTH):
    n, u = len(z), unit(z)
    g = softmax(pairs(z, masked)) - np.eye(n)[partner(n)]
    du = d * (g + (g.T if both else 0)) @ u / (n * warmth)
    return (du - along * u * (du * u).sum(1, keepdims=True)) / np.sqrt((z * z).sum(1, keepdims=True))


@two_views.right
def _(d, a, z):
    return two_views_signal(d, z)


@two_views.wrong("missing term", "two views of each picture: a vector is an anchor only, never another one's candidate")
def two_views_anchor_only(d, a, z):
    return two_views_signal(d, z, both=False)


@two_views.wrong("lost projection", "two views of each picture: the lengths taken for given")
def two_views_length_held(d, a, z):
    return two_views_signal(d, z, along=0.0)


@two_views.wrong("constant factor", "two views of each picture: the temperature forgotten")
def two_views_no_warmth(d, a, z):
    return two_views_signal(d, z, warmth=1.0)


@F.forward(
    *three(lambda n, k: (uniform(-0.8, 0.8, n, k), ints(k, n)), (4, 3), (2, 5), (5, 2)), slots=("fixed", "fixed")
)
def angle_margin(cosine, label):
    hit = np.eye(cosine.shape[1], dtype=bool)[label]
    return 4 * np.where(hit, np.cos(np.arccos(cosine) + 0.3), cosine)


def angle_margin_signal(d, cosine, label, slope):
    hit = np.eye(cosine.shape[1], dtype=bool)[label]
    return 4 * d * np.where(hit, slope(np.arccos(cosine)), 1), None


@angle_margin.right
def _(d, a, cosine, label):
    return angle_margin_signal(d, cosine, label, lambda t: np.sin(t + 0.3) / np.sin(t))


@angle_margin.wrong("some entries", "an angle's margin: the label's entry passed on as the others are")
def angle_margin_passed_on(d, a, cosine, label):
    return angle_margin_signal(d, cosine, label, lambda t: 1.0)


@angle_margin.wrong("missing factor", "an angle's margin: the slope of the arc cosine forgotten at the label")
def angle_margin_no_arc(d, a, cosine, label):
    return angle_margin_signal(d, cosine, label, lambda t: np.sin(t + 0.3))


@angle_margin.wrong("constant factor", "an angle's margin: the scale of the logits forgotten")
def angle_margin_no_scale(d, a, cosine, label):
    return angle_margin_signal(d, cosine, label, lambda t: np.sin(t + 0.3) / np.sin(t))[0] / 4, None


@F.forward(
    *three(lambda *s: (uniform(0.05, 0.95, *s), whole(bits(*s))), (3, 4), (2, 6), (5, 3)), slots=("fixed", "fixed")
)
def tversky(p, y):
    hits = (p * y).sum(1)
    return 1 - (hits + 0.1) / (hits + 0.3 * (p * (1 - y)).sum(1) + 0.7 * ((1 - p) * y).sum(1) + 0.1)


def tversky_signal(d, a, p, y, false, missed):
    hits = (p * y).sum(1)
    below = (hits + 0.3 * (p * (1 - y)).sum(1) + 0.7 * ((1 - p) * y).sum(1) + 0.1)[:, None]
    return -d[:, None] * (y - (1 - a)[:, None] * (y + false * (1 - y) - missed * y)) / below, None


@tversky.right
def _(d, a, p, y):
    return tversky_signal(d, a, p, y, 0.3, 0.7)


@tversky.wrong("wrong factor", "Tversky's index: the weights of the two errors exchanged")
def tversky_weights_exchanged(d, a, p, y):
    return tversky_signal(d, a, p, y, 0.7, 0.3)


@tversky.wrong("missing term", "Tversky's index: what is missed taken for a constant")
def tversky_missed_held(d, a, p, y):
    return tversky_signal(d, a, p, y, 0.3, 0.0)


@tversky.wrong("detached", "Tversky's index: the denominator taken for a constant")
def tversky_below_held(d, a, p, y):
    hits = (p * y).sum(1)
    below = (hits + 0.3 * (p * (1 - y)).sum(1) + 0.7 * ((1 - p) * y).sum(1) + 0.1)[:, None]
    return -d[:, None] * y / below, None


def forward_scores(e, move):
    out = [e[0]]
    for t in range(1, len(e)):
        out.append(e[t] + log_sum(out[-1][:, None] + move, 0))
    return np.stack(out)


def backward_scores(e, move):
    out = [np.zeros_like(e[0])]
    for t in range(len(e) - 1, 0, -1):
        out.append(log_sum(move + (e[t] + out[-1])[None, :], 1))
    return np.stack(out[::-1])


@F.forward(*three(lambda t, k: (normal(t, k), normal(k, k), ints(k, t)), (4, 3), (3, 2), (6, 4)),
           slots=("real", "real", "fixed"), span=(1e-4, 10.0))  # fmt: skip
def tag_chain(e, move, tags):
    gold = e[np.arange(len(e)), tags].sum() + move[tags[:-1], tags[1:]].sum()
    return log_sum(forward_scores(e, move)[-1]) - gold


def tag_chain_signals(d, e, move, tags, gold=1.0, filtered=False):
    ahead, back = forward_scores(e, move), backward_scores(e, move)
    total = log_sum(ahead[-1])
    single = softmax(ahead) if filtered else np.exp(ahead + back - total)
    both = np.exp(ahead[:-1, :, None] + move + (e + back)[1:, None, :] - total).sum(0)
    taken = np.zeros_like(move)
    np.add.at(taken, (tags[:-1], tags[1:]), 1)
    return d * (single - np.eye(e.shape[1])[tags]), d * (both - gold * taken), None


@tag_chain.right
def _(d, a, e, move, tags):
    return tag_chain_signals(d, e, move, tags)


@tag_chain.wrong("missing term", "chain of tags: the labelled path forgotten for the transitions")
def tag_chain_gold_moves(d, a, e, move, tags):
    return tag_chain_signals(d, e, move, tags, gold=0.0)


@tag_chain.wrong("wrong factor", "chain of tags: filtered where smoothed marginals belong")
def tag_chain_filtered(d, a, e, move, tags):
    return tag_chain_signals(d, e, move, tags, filtered=True)


@tag_chain.wrong("transposed", "chain of tags: from and to exchanged in the transitions' signal")
def tag_chain_moves_turned(d, a, e, move, tags):
    de, dm, _ = tag_chain_signals(d, e, move, tags)
    return de, dm.T, None


def lattice(blank, emit):
    t, u = blank.shape
    ahead = np.full((t, u), -np.inf, np.result_type(blank, emit))
    for i in range(t):
        for j in range(u):
            ways = [np.zeros((), ahead.dtype)] if i == j == 0 else []
            ways += [ahead[i - 1, j] + blank[i - 1, j]] if i else []
            ways += [ahead[i, j - 1] + emit[i, j - 1]] if j else []
            ahead[i, j] = log_sum(np.stack(ways))
    return ahead


@F.forward(*three(lambda t, u: (normal(t, u), normal(t, u - 1)), (3, 3), (2, 4), (4, 2)), slots=("real", "real"),
           span=(1e-4, 10.0))  # fmt: skip
def transducer(blank, emit):
    return -(lattice(blank, emit)[-1, -1] + blank[-1, -1])


def transducer_signals(d, a, blank, emit, last=1.0, step=1):
    ahead = lattice(blank, emit)
    t, u = blank.shape
    # Log scores of what comes after a place, by the lattice turned round: the last blank is in all of them.
    behind = np.full((t + 1, u + 1), -np.inf)
    for i in range(t - 1, -1, -1):
        for j in range(u - 1, -1, -1):
            ways = [blank[i, j] + (0.0 if (i, j) == (t - 1, u - 1) else behind[i + 1, j])]
            ways += [emit[i, j] + behind[i, j + 1]] if j < u - 1 else []
            behind[i, j] = log_sum(np.array(ways))
    total = -a
    db = np.exp(ahead + blank + behind[1:, :-1] - total)
    db[-1, -1] = last
    de = np.exp(ahead[:, :-1] + emit + behind[:-1, step : step + u - 1] - total)
    return -d * db, -d * de


@transducer.right
def _(d, a, blank, emit):
    return transducer_signals(d, a, blank, emit)


@transducer.wrong("some entries", "transducer: the last blank, which all paths take, gets nothing")
def transducer_last_blank(d, a, blank, emit):
    return transducer_signals(d, a, blank, emit, last=0.0)


@transducer.wrong("wrong place", "transducer: what comes after read at the place before the emission")
def transducer_emission_before(d, a, blank, emit):
    return transducer_signals(d, a, blank, emit, step=0)


LEVELS = np.array([0.1, 0.5, 0.8])


@F.forward(*three(lambda n: (normal(n, 3, scale=2), normal(n)), (4,), (2,), (6,)), slots=("fixed", "fixed"), kinks=True)
def quantile_huber(q, y):
    u = y[:, None] - q
    size = np.abs(u)
    return (np.abs(LEVELS - (u < 0)) * np.where(size < 1, u * u / 2, size - 0.5)).sum(1)


def quantile_huber_signals(d, q, y, side, inner):
    u = y[:, None] - q
    g = d[:, None] * np.abs(LEVELS - side(u)) * inner(u)
    return -g, g.sum(1)


@quantile_huber.right
def _(d, a, q, y):
    return quantile_huber_signals(d, q, y, lambda u: u < 0, lambda u: np.clip(u, -1, 1))


@quantile_huber.wrong("wrong factor", "quantiles by Huber: the levels of the other side")
def quantile_huber_other_side(d, a, q, y):
    return quantile_huber_signals(d, q, y, lambda u: u > 0, lambda u: np.clip(u, -1, 1))


@quantile_huber.wrong("tail", "quantiles by Huber: the square's slope beyond 1 too")
def quantile_huber_unclipped(d, a, q, y):
    return quantile_huber_signals(d, q, y, lambda u: u < 0, lambda u: u)


@quantile_huber.wrong("size factor", "quantiles by Huber: the target's signal a mean over the levels")
def quantile_huber_target_mean(d, a, q, y):
    dq, dy = quantile_huber_signals(d, q, y, lambda u: u < 0, lambda u: np.clip(u, -1, 1))
    return dq, dy / 3


@F.forward(*three(lambda *s: (normal(*s), positive(*s)), (5,), (3, 2), (2, 2, 3)), slots=("real", "positive"),
           span=(1e-4, 8.0))  # fmt: skip
def tweedie(z, y):
    return 2 * y * np.exp(-z / 2) + 2 * np.exp(z / 2)


@tweedie.right
def _(d, a, z, y):
    return d * (np.exp(z / 2) - y * np.exp(-z / 2)), 2 * d * np.exp(-z / 2)


@tweedie.wrong("constant factor", "Tweedie's deviance: the power not lowered in both terms")
def tweedie_not_lowered(d, a, z, y):
    return 2 * d * (np.exp(z / 2) - y * np.exp(-z / 2)), 2 * d * np.exp(-z / 2)


@tweedie.wrong("missing factor", "Tweedie's deviance: the slope by μ, not by its logarithm")
def tweedie_by_mean(d, a, z, y):
    return d * (np.exp(-z / 2) - y * np.exp(-1.5 * z)), 2 * d * np.exp(-z / 2)


def event(n):
    return lambda rng: np.r_[1.0, rng.integers(0, 2, size=n - 1)]


@F.forward(*three(lambda n: (normal(n), whole(event(n))), (5,), (3,), (8,)), slots=("real", "fixed"), span=(1e-4, 10.0))
def survival(risk, event):
    e = np.exp(risk - risk.max())
    left = np.cumsum(e[::-1])[::-1]
    return -(event * (risk - risk.max() - np.log(left))).sum()


def survival_signal(d, risk, event, counted=None, over=None):
    e = np.exp(risk - risk.max())
    left = np.cumsum(e[::-1])[::-1] if over is None else over(e)
    return -d * (event - e * np.cumsum((event if counted is None else counted) / left)), None


@survival.right
def _(d, a, risk, event):
    return survival_signal(d, risk, event)


@survival.wrong("wrong axis", "partial likelihood: the risk sets summed from the first on, not to the last")
def survival_sets_turned(d, a, risk, event):
    return survival_signal(d, risk, event, over=np.cumsum)


@survival.wrong(
    "missing factor", "partial likelihood: those lost from sight counted as deaths in the sum over risk sets"
)
def survival_lost_counted(d, a, risk, event):
    return survival_signal(d, risk, event, counted=np.ones_like(event))


@survival.wrong(
    "missing term", "partial likelihood: the direct term of the dead only, the risk sets taken for constants"
)
def survival_sets_held(d, a, risk, event):
    return survival_signal(d, risk, event, counted=np.zeros_like(event))


@F.forward(*three(lambda k: (positive(k), normal(k)), (3,), (5,), (1,)), slots=("positive", "fixed"), span=(1e-4, 1e4))
def uncertain_tasks(losses, s):
    return (np.exp(-s) * losses + s / 2).sum()


@uncertain_tasks.right
def _(d, a, losses, s):
    return d * np.exp(-s), d * (0.5 - np.exp(-s) * losses)


@uncertain_tasks.wrong("missing term", "weights by uncertainty: the penalty's ½ left out")
def uncertain_tasks_no_penalty(d, a, losses, s):
    return d * np.exp(-s), -d * np.exp(-s) * losses


@uncertain_tasks.wrong("wrong factor", "weights by uncertainty: s for a deviation, exp(−2 s) to weight by")
def uncertain_tasks_twice(d, a, losses, s):
    return d * np.exp(-2 * s), d * (0.5 - np.exp(-s) * losses)


@uncertain_tasks.wrong("wrong sign of a term", "weights by uncertainty: exp(−s) differentiated with a plus")
def uncertain_tasks_plus(d, a, losses, s):
    return d * np.exp(-s), d * (0.5 + np.exp(-s) * losses)


@F.forward(*three(lambda *s: (normal(*s), uniform(0.6, 1.7)), (5,), (3, 2), (2, 2, 3)), slots=("real", "fixed"),
           span=(1e-3, 1e4))  # fmt: skip
def robust(x, c):
    return np.sqrt((x / c) ** 2 + 1) - 1


@robust.right
def _(d, a, x, c):
    return d * x / (c * c * (a + 1)), -(d * x * x / (c**3 * (a + 1))).sum()


@robust.wrong("constant factor", "Charbonnier's loss: c for c² below")
def robust_c_once(d, a, x, c):
    return d * x / (c * (a + 1)), -(d * x * x / (c**3 * (a + 1))).sum()


@robust.wrong("wrong factor", "Charbonnier's loss: the output for the root, the 1 that was taken off forgotten")
def robust_output_for_root(d, a, x, c):
    return d * x / (c * c * (a + 0.5)), -(d * x * x / (c**3 * (a + 1))).sum()


@F.forward(*three(lambda n, k: (normal(n, k), ints(k, n)), (4, 3), (2, 5), (6, 2)), slots=("real", "fixed"), kinks=True,
           span=(1e-4, 1e4), ties=False)  # fmt: skip
def many_margins(s, label):
    own = s[np.arange(len(s)), label][:, None]
    over = np.maximum(0, 1 + s - own)
    return over.sum(1) - 1


def over_margin(s, label):
    own = s[np.arange(len(s)), label][:, None]
    on = (1 + s - own > 0).astype(float)
    on[np.arange(len(s)), label] = 0
    return on


@many_margins.right
def _(d, a, s, label):
    g = over_margin(s, label)
    g[np.arange(len(s)), label] = -g.sum(1)
    return d[:, None] * g, None


@many_margins.wrong("some entries", "hinges of many classes: the label's entry −1, however many are over the margin")
def many_margins_minus_one(d, a, s, label):
    g = over_margin(s, label)
    g[np.arange(len(s)), label] = -1.0
    return d[:, None] * g, None


@many_margins.wrong("some entries", "hinges of many classes: the label counts itself among those over the margin")
def many_margins_counts_itself(d, a, s, label):
    g = over_margin(s, label)
    g[np.arange(len(s)), label] = -g.sum(1) - 1
    return d[:, None] * g, None


@F.forward(*three(lambda n, k: (normal(n, k, scale=0.6),), (5, 3), (4, 2), (3, 4)), kinks=True, zero=False, ties=False,
           span=(0.5, 2.0), slots=("fixed",))  # fmt: skip
def spread_hinge(z):
    return np.maximum(0, 1 - np.sqrt(((z - z.mean(0)) ** 2).sum(0) / (len(z) - 1) + 1e-4)).sum()


def spread_hinge_signal(d, z, count, centre=True):
    deviation = np.sqrt(((z - z.mean(0)) ** 2).sum(0) / (len(z) - 1) + 1e-4)
    return -d * (deviation < 1) * (z - z.mean(0) if centre else z) / (deviation * count)


@spread_hinge.right
def _(d, a, z):
    return spread_hinge_signal(d, z, len(z) - 1)


@spread_hinge.wrong("size factor", "hinge of a deviation: n for n − 1")
def spread_hinge_count(d, a, z):
    return spread_hinge_signal(d, z, len(z))


@spread_hinge.wrong("lost mean", "hinge of a deviation: z for z less its mean")
def spread_hinge_not_centred(d, a, z):
    return spread_hinge_signal(d, z, len(z) - 1, centre=False)


@F.forward(
    *three(lambda n, k: (normal(n, k), ints(k, n)), (4, 3), (2, 5), (6, 2)), slots=("real", "fixed"), span=(1e-4, 10.0)
)
def poly_loss(z, label):
    p = softmax(z)[np.arange(len(z)), label]
    return 2 * (1 - p) - np.log(p)


def poly_loss_signal(d, z, label, weight):
    p = softmax(z)
    own = p[np.arange(len(z)), label][:, None]
    return d[:, None] * (p - np.eye(z.shape[1])[label]) * (1 + weight(own)), None


@poly_loss.right
def _(d, a, z, label):
    return poly_loss_signal(d, z, label, lambda p: 2 * p)


@poly_loss.wrong("missing factor", "cross-entropy and more: the probability forgotten in the slope of 1 − p")
def poly_loss_no_probability(d, a, z, label):
    return poly_loss_signal(d, z, label, lambda p: 2.0)


@poly_loss.wrong("missing term", "cross-entropy and more: the further term taken for a constant")
def poly_loss_plain(d, a, z, label):
    return poly_loss_signal(d, z, label, lambda p: 0.0)


@F.forward(*three(lambda n, k: (normal(n, k), whole(bits(n, k)), positive(k)), (4, 3), (2, 5), (3, 2)),
           slots=("real", "fixed", "fixed"), span=(1e-4, 10.0))  # fmt: skip
def weighted_bits(z, y, weight):
    return (weight * y * np.logaddexp(0, -z) + (1 - y) * np.logaddexp(0, z)).mean()


def weighted_bits_signals(d, z, y, weight, on_both=False):
    s = (1 + np.tanh(z / 2)) / 2
    off = weight if on_both else 1
    return d * (off * (1 - y) * s - weight * y * (1 - s)) / z.size, None, d * (y * np.logaddexp(0, -z)).sum(0) / z.size


@weighted_bits.right
def _(d, a, z, y, weight):
    return weighted_bits_signals(d, z, y, weight)


@weighted_bits.wrong("missing factor", "weighted bits: the weight of the ones on the zeros too")
def weighted_bits_on_both(d, a, z, y, weight):
    return weighted_bits_signals(d, z, y, weight, on_both=True)


@weighted_bits.wrong("size factor", "weighted bits: divided by the batch, not by all entries, for the weight")
def weighted_bits_weight_batch(d, a, z, y, weight):
    dz, _, dw = weighted_bits_signals(d, z, y, weight)
    return dz, None, dw * z.shape[1]


@F.forward(
    *three(lambda n, k: (normal(n, k), ints(k, n)), (4, 3), (2, 5), (6, 2)), slots=("real", "fixed"), span=(1e-4, 4.0)
)
def perplexity(z, label):
    return np.exp((log_sum(z) - z[np.arange(len(z)), label]).mean())


@perplexity.right
def _(d, a, z, label):
    return d * a * (softmax(z) - np.eye(z.shape[1])[label]) / len(z), None


@perplexity.wrong("constant factor", "perplexity: the slope of the mean, the exponential around it forgotten")
def perplexity_of_the_mean(d, a, z, label):
    return d * (softmax(z) - np.eye(z.shape[1])[label]) / len(z), None


@perplexity.wrong("missing delta", "perplexity: the loss is the end, so no δ")
def perplexity_no_delta(d, a, z, label):
    return a * (softmax(z) - np.eye(z.shape[1])[label]) / len(z), None


@F.forward(
    *three(lambda n: (normal(n), normal(n), normal(), normal()), (4,), (6,), (3,)),
    slots=("real",) * 4,
    span=(1e-4, 8.0),
)
def two_normals(mean, log_scale, other, other_log):
    return (
        other_log - log_scale + (np.exp(2 * log_scale) + (mean - other) ** 2) / (2 * np.exp(2 * other_log)) - 0.5
    ).sum()


def two_normals_signals(d, mean, log_scale, other, other_log, one=1.0, squares=1.0):
    away, w = mean - other, np.exp(-2 * other_log)
    ratio = np.exp(2 * log_scale) * w
    return d * away * w, d * (ratio - one), -d * (away * w).sum(), d * (1 - ratio - squares * away**2 * w).sum()


@two_normals.right
def _(d, a, mean, log_scale, other, other_log):
    return two_normals_signals(d, mean, log_scale, other, other_log)


@two_normals.wrong("missing term", "divergence of two normals: the −1 of the first scale left out")
def two_normals_no_one(d, a, mean, log_scale, other, other_log):
    return two_normals_signals(d, mean, log_scale, other, other_log, one=0.0)


@two_normals.wrong("missing term", "divergence of two normals: the distance forgotten for the second scale")
def two_normals_distance_forgotten(d, a, mean, log_scale, other, other_log):
    return two_normals_signals(d, mean, log_scale, other, other_log, squares=0.0)


@two_normals.wrong("missing sum", "divergence of two normals: a mean is shared by all, the first entry's signal taken")
def two_normals_first_entry(d, a, mean, log_scale, other, other_log):
    dm, ds, _, do = two_normals_signals(d, mean, log_scale, other, other_log)
    return dm, ds, -dm[0], do


@F.forward(*three(lambda *s: (normal(*s), normal(*s), uniform(-0.7, 0.7)), (5,), (3, 2), (2, 2, 3)),
           slots=("real", "real", "fixed"), span=(1e-2, 1e2))  # fmt: skip
def normal_copula(x, y, rho):
    return -np.log1p(-rho * rho) / 2 - (rho * rho * (x * x + y * y) - 2 * rho * x * y) / (2 * (1 - rho * rho))


def normal_copula_signals(d, x, y, rho, cross=1.0, outer=1.0):
    left = 1 - rho * rho
    q = rho * rho * (x * x + y * y) - 2 * rho * x * y
    dr = rho / left - (rho * (x * x + y * y) - x * y) / left - outer * q * rho / left**2
    return -d * (rho * rho * x - cross * rho * y) / left, -d * (rho * rho * y - cross * rho * x) / left, (d * dr).sum()


@normal_copula.right
def _(d, a, x, y, rho):
    return normal_copula_signals(d, x, y, rho)


@normal_copula.wrong("wrong sign of a term", "copula: the cross term with the other sign")
def normal_copula_cross(d, a, x, y, rho):
    return normal_copula_signals(d, x, y, rho, cross=-1.0)


@normal_copula.wrong("missing term", "copula: 1 − ρ² below taken for a constant")
def normal_copula_below_held(d, a, x, y, rho):
    return normal_copula_signals(d, x, y, rho, outer=0.0)


@F.forward(*three(lambda n: (uniform(0.3, 2.5, n), whole(event(n)), uniform(0.7, 2), uniform(0.7, 2)), (5,), (3,), (8,)),
           slots=("fixed",) * 4)  # fmt: skip
def lifetimes(t, event, shape, scale):
    r = t / scale
    return (r**shape - event * (np.log(shape / scale) + (shape - 1) * np.log(r))).sum()


def lifetimes_signals(d, t, event, shape, scale, seen=None, inner=1.0):
    r, seen = t / scale, event if seen is None else seen
    hazard = shape * r**shape
    dt = (hazard - event * (shape - 1)) / t
    dk = inner * r**shape * np.log(r) - seen * (1 / shape + np.log(r))
    return d * dt, None, d * dk.sum(), d * (event * shape - hazard).sum() / scale


@lifetimes.right
def _(d, a, t, event, shape, scale):
    return lifetimes_signals(d, t, event, shape, scale)


@lifetimes.wrong("missing factor", "lifetimes of Weibull: those lost from sight taken for deaths in the shape's signal")
def lifetimes_lost_counted(d, a, t, event, shape, scale):
    return lifetimes_signals(d, t, event, shape, scale, seen=np.ones_like(event))


@lifetimes.wrong("missing term", "lifetimes of Weibull: the exponent acts through the density only")
def lifetimes_hazard_held(d, a, t, event, shape, scale):
    return lifetimes_signals(d, t, event, shape, scale, inner=0.0)


@F.forward(*three(lambda n, m: (normal(n), normal(m), uniform(0.5, 1.5)), (4, 3), (2, 5), (5, 1)), slots=("fixed",) * 3)
def kernel_density(x, at, width):
    z = (x[:, None] - at) / width
    return log_sum(-z * z / 2) - np.log(width) - math.log(len(at))


def kernel_density_signals(d, x, at, width, one=1.0, share=softmax):
    z = (x[:, None] - at) / width
    g = d[:, None] * share(-z * z / 2)
    return -(g * z).sum(1) / width, (g * z).sum(0) / width, ((g * z * z).sum() - one * d.sum()) / width


@kernel_density.right
def _(d, a, x, at, width):
    return kernel_density_signals(d, x, at, width)


@kernel_density.wrong("missing term", "density of kernels: the normaliser forgotten in the width's signal")
def kernel_density_no_normaliser(d, a, x, at, width):
    return kernel_density_signals(d, x, at, width, one=0.0)


@kernel_density.wrong("missing factor", "density of kernels: all points share alike")
def kernel_density_equal_shares(d, a, x, at, width):
    return kernel_density_signals(d, x, at, width, share=lambda e: np.full_like(e, 1 / e.shape[1]))


@F.forward(normal(6), normal(4), normal(9), zero=False, ties=False)
def skewness(x):
    c = x - x.mean()
    return (c**3).mean() / (c * c).mean() ** 1.5


def skewness_signal(d, a, x, spread=1.0, mean=1.0):
    c = x - x.mean()
    m = (c * c).mean()
    return d * (3 * (c * c - mean * m) / m**1.5 - spread * 3 * a * c / m) / len(x)


@skewness.right
def _(d, a, x):
    return skewness_signal(d, a, x)


@skewness.wrong("missing term", "skewness: the deviation taken for a constant")
def skewness_spread_held(d, a, x):
    return skewness_signal(d, a, x, spread=0.0)


@skewness.wrong("lost mean", "skewness: the mean's path forgotten in the cubes")
def skewness_mean_held(d, a, x):
    return skewness_signal(d, a, x, mean=0.0)


@F.forward(*three(lambda *s: (normal(*s), normal(*s), normal(*s)), (5,), (3, 2), (2, 2, 3)), slots=("real", "real", "fixed"),
           span=(1e-4, 10.0))  # fmt: skip
def drawn_code(mean, log_variance, noise):
    return mean + np.exp(log_variance / 2) * noise


@drawn_code.right
def _(d, a, mean, log_variance, noise):
    return d, d * (a - mean) / 2, d * np.exp(log_variance / 2)


@drawn_code.wrong("constant factor", "a drawn code: the ½ of the log variance forgotten")
def drawn_code_no_half(d, a, mean, log_variance, noise):
    return d, d * (a - mean), d * np.exp(log_variance / 2)


@drawn_code.wrong("output for input", "a drawn code: the output where its part without the mean belongs")
def drawn_code_of_output(d, a, mean, log_variance, noise):
    return d, d * a / 2, d * np.exp(log_variance / 2)
