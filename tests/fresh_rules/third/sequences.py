"""Third set: state space models, linear attention, returns, labellings of sequences."""

from __future__ import annotations

import numpy as np

from ..record import Family, bits, normal, positive, three, uniform
from .numbers import log_sum

F = Family("third, sequences")


def softplus(z):
    return np.logaddexp(0, z)


def decays(delta, a):
    return np.exp(-softplus(delta) * a)


@F.forward(
    *three(
        lambda t, n: (normal(t, n), normal(t, n), positive(n), normal(t, n), normal(n)), (4, 3), (6, 2), (3, 4)
    ),
    slots=("real", "real", "positive", "real", "real"), span=(1e-8, 4),
)  # fmt: skip
def selective(x, delta, a, c, skip):
    h, out = np.zeros_like(x[0]), []
    for t in range(len(x)):
        h = decays(delta, a)[t] * h + softplus(delta)[t] * x[t]
        out.append(c[t] * h + skip * x[t])
    return np.stack(out)


def selective_signals(d, x, delta, a, c, skip, inner=None, shift=1, direct=1.0):
    keep, step = decays(delta, a), softplus(delta)
    h = np.zeros((len(x) + 1, *a.shape))
    for t in range(len(x)):
        h[t + 1] = keep[t] * h[t] + step[t] * x[t]
    dx, ddelta, da, dh = np.zeros_like(x), np.zeros_like(x), np.zeros_like(a), np.zeros_like(a)
    for t in reversed(range(len(x))):
        if t + shift < len(x):
            dh = dh * keep[t + shift]
        dh = dh + d[t] * c[t]
        dx[t] = dh * step[t] + direct * d[t] * skip
        slope = 1 / (1 + np.exp(-delta[t])) if inner is None else inner
        ddelta[t] = dh * (x[t] - a * keep[t] * h[t]) * slope
        da -= dh * keep[t] * h[t] * step[t]
    return dx, ddelta, da, d * h[1:], (d * x).sum(0)


@selective.right
def _(d, out, *inputs):
    return selective_signals(d, *inputs)


@selective.wrong("missing term", "a selective scan: the input's way around the state forgotten")
def selective_skip_forgotten(d, out, *inputs):
    return selective_signals(d, *inputs, direct=0.0)


@selective.wrong("missing factor", "a selective scan: the step's softplus not differentiated")
def selective_step_without_softplus(d, out, *inputs):
    return selective_signals(d, *inputs, inner=1.0)


@selective.wrong("wrong place", "a selective scan: carried back by each step's own decay, not by that of the next")
def selective_own_decay(d, out, *inputs):
    return selective_signals(d, *inputs, shift=0)


@selective.wrong("no signal", "a selective scan: the read-out's gradient computed and never returned")
def selective_readout_dropped(d, out, *inputs):
    dx, ddelta, da, _, dskip = selective_signals(d, *inputs)
    return dx, ddelta, da, np.zeros_like(inputs[3]), dskip


@F.forward(
    *three(lambda t, n, m: (normal(t, n), normal(t, n), normal(t, m)), (4, 3, 2), (5, 2, 3), (3, 2, 2)),
    slots=("real", "real", "real"), span=(1e-4, 1e4),
)  # fmt: skip
def linear_attention(q, k, v):
    return np.tril(q @ k.T) @ v


def linear_signals(d, q, k, v, mask=np.tril, back=np.triu):
    scores = mask(d @ v.T)
    return scores @ k, back(v @ d.T) @ q, mask(q @ k.T).T @ d


@linear_attention.right
def _(d, a, q, k, v):
    return linear_signals(d, q, k, v)


@linear_attention.wrong("triangle", "linear attention: the step itself left out, only earlier ones count")
def linear_attention_strict(d, a, q, k, v):
    return linear_signals(d, q, k, v, mask=lambda m: np.tril(m, -1))


@linear_attention.wrong("wrong axis", "linear attention: the keys' sums run forward in time, as the queries' do")
def linear_attention_keys_forward(d, a, q, k, v):
    return linear_signals(d, q, k, v, back=np.tril)


@F.forward(
    *three(lambda t, k: (normal(t, k), normal(k, k)), (4, 3), (5, 2), (3, 4)), slots=("real", "real"), span=(1e-8, 30)
)
def labellings(emission, transition):
    a = emission[0]
    for e in emission[1:]:
        a = log_sum(a[:, None] + transition, 0) + e
    return log_sum(a, 0)


def labelling_marginals(emission, transition):
    ahead, behind = [emission[0]], [np.zeros_like(emission[0])]
    for e in emission[1:]:
        ahead.append(log_sum(ahead[-1][:, None] + transition, 0) + e)
    for e in emission[:0:-1]:
        behind.insert(0, log_sum(transition + e + behind[0], 1))
    total = log_sum(ahead[-1], 0)
    pairs = sum(
        np.exp(ahead[t][:, None] + transition + emission[t + 1] + behind[t + 1] - total)
        for t in range(len(emission) - 1)
    )
    return np.stack(ahead), np.stack(behind), total, pairs


@labellings.right
def _(d, a, emission, transition):
    ahead, behind, total, pairs = labelling_marginals(emission, transition)
    return d * np.exp(ahead + behind - total), d * pairs


@labellings.wrong("wrong factor", "a labelling's partition function: what the past says of each label only")
def labellings_filtered(d, a, emission, transition):
    ahead, _, _, pairs = labelling_marginals(emission, transition)
    return d * np.exp(ahead - log_sum(ahead, 1)[:, None]), d * pairs


@labellings.wrong("transposed", "a labelling's partition function: transitions from and to exchanged")
def labellings_transposed(d, a, emission, transition):
    ahead, behind, total, pairs = labelling_marginals(emission, transition)
    return d * np.exp(ahead + behind - total), d * pairs.T


def discounted(e, rate):
    out, carried = np.zeros_like(e), 0.0
    for t in reversed(range(len(e))):
        carried = e[t] + rate * carried
        out[t] = carried
    return out


@F.forward(*three(lambda t, n: (normal(t, n), normal(t + 1, n)), (4, 3), (6, 2), (3, 4)), slots=("real", "real"))
def advantages(reward, value):
    return discounted(reward + 0.9 * value[1:] - value[:-1], 0.72)


def advantage_signals(e, ahead=0.9):
    zero = np.zeros_like(e[:1])
    return e, np.concatenate([zero, ahead * e]) - np.concatenate([e, zero])


@advantages.right
def _(d, a, reward, value):
    return advantage_signals(discounted(d[::-1], 0.72)[::-1])


@advantages.wrong("detached", "advantages: the next value is a target, and was taken for a constant")
def advantages_target_constant(d, a, reward, value):
    return advantage_signals(discounted(d[::-1], 0.72)[::-1], ahead=0.0)


@advantages.wrong("wrong axis", "advantages: the error signal discounted backwards, as rewards are")
def advantages_backwards(d, a, reward, value):
    return advantage_signals(discounted(d, 0.72))


@advantages.wrong("wrong factor", "advantages: carried by γ in place of γλ")
def advantages_gamma_only(d, a, reward, value):
    return advantage_signals(discounted(d[::-1], 0.9)[::-1])


@F.forward(uniform(0.1, 0.9, 3, 4), uniform(0.1, 0.9, 2, 6), uniform(0.1, 0.9, 5, 2), slots=("fixed",))
def broken_stick(b):
    return b * np.cumprod(np.concatenate([np.ones_like(b[:, :1]), 1 - b[:, :-1]], 1), 1)


@broken_stick.right
def _(d, a, b):
    e = d * a
    later = np.cumsum(e[:, ::-1], 1)[:, ::-1] - e
    return e / b - later / (1 - b)


@broken_stick.wrong("lost projection", "a broken stick: what a piece takes from those after it is forgotten")
def broken_stick_own_piece(d, a, b):
    return d * a / b


@F.forward(
    *three(lambda t, n: (normal(t, n), bits(t, n), uniform(0.3, 0.9, n)), (5, 3), (6, 2), (4, 4)),
    slots=("real", "fixed", "fixed"),
)
def episodes(x, going, keep):
    h, out = np.zeros_like(x[0]), []
    for t in range(len(x)):
        h = going[t] * keep * h + x[t]
        out.append(h)
    return np.stack(out)


def episode_signals(d, out, going, keep, mask):
    dx, dg, dk, e = np.zeros_like(d), np.zeros_like(d), np.zeros_like(keep), np.zeros_like(keep)
    before = np.concatenate([np.zeros_like(out[:1]), out[:-1]])
    for t in reversed(range(len(d))):
        e = e + d[t]
        dx[t], dg[t] = e, e * keep * before[t]
        dk += e * going[t] * before[t]
        e = e * keep * (going[t] if mask else 1)
    return dx, dg, dk


@episodes.right
def _(d, a, x, going, keep):
    return episode_signals(d, a, going, keep, mask=True)


@episodes.wrong("missing factor", "episodes: the error signal runs on over an episode's end")
def episodes_leak(d, a, x, going, keep):
    return episode_signals(d, a, going, keep, mask=False)


def before(x):
    return np.concatenate([np.zeros_like(x[:1]), x[:-1]])


@F.forward(*three(lambda t, n: (normal(t, n), normal(n)), (4, 3), (6, 2), (3, 5)), slots=("real", "real"))
def token_shift(x, mix):
    return mix * x + (1 - mix) * before(x)


def after(d):
    return np.concatenate([d[1:], np.zeros_like(d[:1])])


@token_shift.right
def _(d, a, x, mix):
    return mix * d + (1 - mix) * after(d), (d * (x - before(x))).sum(0)


@token_shift.wrong("wrong place", "a token's share in its successor looked up at its predecessor")
def token_shift_wrong_way(d, a, x, mix):
    return mix * d + (1 - mix) * before(d), (d * (x - before(x))).sum(0)


@token_shift.wrong("missing term", "the mixing weight stands in 1 − μ, too")
def token_shift_one_weight(d, a, x, mix):
    return mix * d + (1 - mix) * after(d), (d * x).sum(0)
