"""Sixth set: attention as it is built today."""

from __future__ import annotations

import numpy as np

from ..record import Family, normal, three

F = Family("sixth, attention")


def softmax(z):
    e = np.exp(z - z.max(-1, keepdims=True))
    return e / e.sum(-1, keepdims=True)


def softmax_back(dp, p):
    return p * (dp - (dp * p).sum(-1, keepdims=True))


def flipped(x):
    return np.swapaxes(x, -1, -2)


@F.forward(*three(lambda h, t, k: (normal(h, t, k), normal(t, k), normal(t, k)), (2, 3, 4), (3, 4, 2), (4, 2, 3)),
           slots=("real",) * 3, span=(1e-4, 4.0))  # fmt: skip
def multi_query(q, k, v):
    return softmax(q @ k.T / np.sqrt(q.shape[-1])) @ v


def multi_query_heads(d, q, k, v, scale=True):
    root = np.sqrt(q.shape[-1])
    p = softmax(q @ k.T / root)
    ds = softmax_back(d @ v.T, p)
    return ds @ k / root, flipped(ds) @ q / (root if scale else 1), flipped(p) @ d


@multi_query.right
def _(d, a, q, k, v):
    dq, dk, dv = multi_query_heads(d, q, k, v)
    return dq, dk.sum(0), dv.sum(0)


@multi_query.wrong("size factor", "one key for all heads: its signal a mean over the heads")
def multi_query_mean_of_heads(d, a, q, k, v):
    dq, dk, dv = multi_query_heads(d, q, k, v)
    return dq, dk.mean(0), dv.mean(0)


@multi_query.wrong("missing sum", "one key for all heads: the last head writes its signal over those of the others")
def multi_query_last_head(d, a, q, k, v):
    dq, dk, dv = multi_query_heads(d, q, k, v)
    return dq, dk[-1], dv.sum(0)


@multi_query.wrong("missing sum", "one value for all heads: the first head's signal only")
def multi_query_first_value(d, a, q, k, v):
    dq, dk, dv = multi_query_heads(d, q, k, v)
    return dq, dk.sum(0), dv[0]


@multi_query.wrong("constant factor", "one key for all heads: the scale forgotten for the key")
def multi_query_key_unscaled(d, a, q, k, v):
    dq, dk, dv = multi_query_heads(d, q, k, v, scale=False)
    return dq, dk.sum(0), dv.sum(0)


@F.forward(*three(lambda h, t, s: (normal(h, t, s), normal(h)), (2, 3, 4), (3, 2, 3), (1, 4, 2)), slots=("real", "real"),
           span=(1e-4, 10.0))  # fmt: skip
def sink_weights(scores, sink):
    low = np.broadcast_to(sink[:, None, None], (*scores.shape[:-1], 1))
    return softmax(np.concatenate([scores, low], -1))[..., :-1]


@sink_weights.right
def _(d, a, scores, sink):
    row = (d * a).sum(-1, keepdims=True)
    left = 1 - a.sum(-1, keepdims=True)
    return a * (d - row), -(row * left).sum((1, 2))


@sink_weights.wrong("no signal", "attention sink: no signal for it at all")
def sink_weights_no_signal(d, a, scores, sink):
    return a * (d - (d * a).sum(-1, keepdims=True)), np.zeros_like(sink)


@sink_weights.wrong("sign", "attention sink: its signal with a plus")
def sink_weights_plus(d, a, scores, sink):
    row = (d * a).sum(-1, keepdims=True)
    return a * (d - row), (row * (1 - a.sum(-1, keepdims=True))).sum((1, 2))


@sink_weights.wrong("wrong factor", "attention sink: the backward pass makes the weights anew without the sink below")
def sink_weights_without_sink(d, a, scores, sink):
    row = (d * a).sum(-1, keepdims=True)
    return softmax_back(d, softmax(scores)), -(row * (1 - a.sum(-1, keepdims=True))).sum((1, 2))


@sink_weights.wrong("missing factor", "attention sink: the sink's own weight forgotten")
def sink_weights_own_weight(d, a, scores, sink):
    row = (d * a).sum(-1, keepdims=True)
    return a * (d - row), -row.sum((1, 2))


@F.forward(*three(lambda h, t: (normal(h, t, t), normal(h)), (2, 3), (3, 4), (1, 5)), slots=("real", "real"),
           span=(1e-4, 8.0))  # fmt: skip
def distance_bias(scores, slope):
    i = np.arange(scores.shape[-1])
    return softmax(scores - slope[:, None, None] * np.abs(i[:, None] - i))


def distance_bias_signals(d, a, away):
    ds = softmax_back(d, a)
    return ds, -(ds * away).sum((1, 2))


@distance_bias.right
def _(d, a, scores, slope):
    i = np.arange(scores.shape[-1])
    return distance_bias_signals(d, a, np.abs(i[:, None] - i))


@distance_bias.wrong("wrong factor", "trained slopes of distance: the offset with its sign, not its size")
def distance_bias_signed(d, a, scores, slope):
    i = np.arange(scores.shape[-1])
    return distance_bias_signals(d, a, i[:, None] - i)


@distance_bias.wrong("sign", "trained slopes of distance: the minus forgotten")
def distance_bias_plus(d, a, scores, slope):
    i = np.arange(scores.shape[-1])
    ds, dm = distance_bias_signals(d, a, np.abs(i[:, None] - i))
    return ds, -dm


@distance_bias.wrong(
    "lost projection", "trained slopes of distance: their signal before it goes through the softmax's sum"
)
def distance_bias_before_sum(d, a, scores, slope):
    i = np.arange(scores.shape[-1])
    return softmax_back(d, a), -(d * a * np.abs(i[:, None] - i)).sum((1, 2))


def banded(scores, width=2):
    i = np.arange(scores.shape[-1])
    seen = (i <= i[:, None]) & (i > i[:, None] - width)
    return softmax(np.where(seen, scores, -np.inf))


@F.forward(*three(lambda t, k: (normal(t, k), normal(t, k), normal(t, k)), (5, 2), (4, 3), (6, 1)), slots=("real",) * 3,
           span=(1e-4, 4.0))  # fmt: skip
def sliding_window(q, k, v):
    return banded(q @ k.T / np.sqrt(q.shape[-1])) @ v


def sliding_window_signals(d, q, k, v, width=2):
    root = np.sqrt(q.shape[-1])
    p = banded(q @ k.T / root, width)
    ds = softmax_back(d @ v.T, p)
    return ds @ k / root, ds.T @ q / root, p.T @ d


@sliding_window.right
def _(d, a, q, k, v):
    return sliding_window_signals(d, q, k, v)


@sliding_window.wrong("some entries", "a sliding window: one wider in the backward pass")
def sliding_window_wider(d, a, q, k, v):
    return sliding_window_signals(d, q, k, v, width=3)


@sliding_window.wrong(
    "missing factor", "a sliding window: the causal mask only in the backward pass, the band forgotten"
)
def sliding_window_causal_only(d, a, q, k, v):
    return sliding_window_signals(d, q, k, v, width=len(q))


def featured(x):
    return np.where(x > 0, x + 1, np.exp(np.minimum(x, 0)))


def featured_slope(x):
    return np.where(x > 0, 1, np.exp(np.minimum(x, 0)))


@F.forward(*three(lambda t, s, k: (normal(t, k), normal(s, k), normal(s, k)), (3, 4, 2), (2, 3, 4), (4, 2, 3)),
           slots=("real",) * 3, span=(1e-2, 4.0))  # fmt: skip
def kernel_attention(q, k, v):
    fq, fk = featured(q), featured(k)
    return fq @ (fk.T @ v) / (fq @ fk.sum(0))[:, None]


def kernel_attention_signals(d, a, q, k, v, below=1.0, below_k=1.0, slope=True):
    fq, fk = featured(q), featured(k)
    sent = d / (fq @ fk.sum(0))[:, None]
    row = (sent * a).sum(1, keepdims=True)
    dq = sent @ (fk.T @ v).T - below * row * fk.sum(0)
    dk = v @ (fq.T @ sent).T - below_k * (row * fq).sum(0)
    return dq * (featured_slope(q) if slope else 1), dk * featured_slope(k), fk @ (fq.T @ sent)


@kernel_attention.right
def _(d, a, q, k, v):
    return kernel_attention_signals(d, a, q, k, v)


@kernel_attention.wrong("detached", "attention by features: what it is divided by taken for a constant")
def kernel_attention_divisor_held(d, a, q, k, v):
    return kernel_attention_signals(d, a, q, k, v, below=0.0, below_k=0.0)


@kernel_attention.wrong("missing term", "attention by features: the keys' sum below forgotten for the keys")
def kernel_attention_keys_below(d, a, q, k, v):
    return kernel_attention_signals(d, a, q, k, v, below_k=0.0)


@kernel_attention.wrong("missing factor", "attention by features: the slope of the feature forgotten for the query")
def kernel_attention_feature_slope(d, a, q, k, v):
    return kernel_attention_signals(d, a, q, k, v, slope=False)


def turned_by(x, angle):
    c, s = np.cos(angle), np.sin(angle)
    return np.stack([x[..., 0] * c - x[..., 1] * s, x[..., 0] * s + x[..., 1] * c], -1)


@F.forward(
    *three(lambda n, t: (normal(n, t, 2), normal()), (2, 4), (1, 5), (3, 3)), slots=("real", "real"), span=(1e-4, 4.0)
)
def rotary_trained(x, pace):
    return turned_by(x, pace * np.arange(x.shape[1]))


def rotary_trained_signals(d, a, x, pace, time=True):
    t = np.arange(x.shape[1])
    turn = d[..., 1] * a[..., 0] - d[..., 0] * a[..., 1]
    return turned_by(d, -pace * t), (turn * (t if time else 1)).sum()


@rotary_trained.right
def _(d, a, x, pace):
    return rotary_trained_signals(d, a, x, pace)


@rotary_trained.wrong("missing factor", "rotary positions with a trained pace: the position forgotten in its signal")
def rotary_trained_no_time(d, a, x, pace):
    return rotary_trained_signals(d, a, x, pace, time=False)


@rotary_trained.wrong("input for output", "rotary positions with a trained pace: the vector before it was turned")
def rotary_trained_unturned(d, a, x, pace):
    t = np.arange(x.shape[1])
    turn = d[..., 1] * x[..., 0] - d[..., 0] * x[..., 1]
    return turned_by(d, -pace * t), (turn * t).sum()


@F.forward(*three(lambda h, t, s: (normal(h, t, s), normal(t, s)), (2, 3, 4), (3, 2, 2), (4, 3, 3)), slots=("real", "real"),
           span=(1e-4, 10.0))  # fmt: skip
def shared_bias(scores, bias):
    return softmax(scores + bias)


@shared_bias.right
def _(d, a, scores, bias):
    ds = softmax_back(d, a)
    return ds, ds.sum(0)


@shared_bias.wrong("size factor", "one bias for all heads: a mean over the heads")
def shared_bias_mean(d, a, scores, bias):
    ds = softmax_back(d, a)
    return ds, ds.mean(0)


@shared_bias.wrong("lost projection", "one bias for all heads: δ a summed, the softmax's sum forgotten")
def shared_bias_no_sum(d, a, scores, bias):
    return softmax_back(d, a), (d * a).sum(0)


@F.forward(*three(lambda t, s, k: (normal(t, k), normal(s, k), normal(s, k), normal()), (3, 4, 2), (2, 3, 4), (4, 2, 3)),
           slots=("real",) * 4, span=(1e-4, 4.0))  # fmt: skip
def sigmoid_attention(q, k, v, b):
    return (1 + np.tanh((q @ k.T / np.sqrt(q.shape[-1]) + b) / 2)) / 2 @ v


def sigmoid_attention_signals(d, q, k, v, b, row=0.0):
    root = np.sqrt(q.shape[-1])
    p = (1 + np.tanh((q @ k.T / root + b) / 2)) / 2
    dp = d @ v.T
    ds = p * (1 - p) * (dp - row * (p * dp).sum(-1, keepdims=True))
    return ds @ k / root, ds.T @ q / root, p.T @ d, ds.sum()


@sigmoid_attention.right
def _(d, a, q, k, v, b):
    return sigmoid_attention_signals(d, q, k, v, b)


@sigmoid_attention.wrong("missing term", "attention by sigmoids: the row's sum taken off as for a softmax")
def sigmoid_attention_row_sum(d, a, q, k, v, b):
    return sigmoid_attention_signals(d, q, k, v, b, row=1.0)


@sigmoid_attention.wrong("size factor", "attention by sigmoids: the bias's signal a mean over the queries")
def sigmoid_attention_bias_mean(d, a, q, k, v, b):
    dq, dk, dv, db = sigmoid_attention_signals(d, q, k, v, b)
    return dq, dk, dv, db / len(q)


@F.forward(*three(lambda t, s, k: (normal(t, s), normal(t, s), normal(s, k), normal()), (3, 4, 2), (2, 3, 4), (4, 2, 3)),
           slots=("real",) * 4, span=(1e-4, 8.0))  # fmt: skip
def differential_attention(first, second, v, mix):
    return (softmax(first) - mix * softmax(second)) @ v


def differential_attention_signals(d, first, second, v, mix):
    p, q, dp = softmax(first), softmax(second), d @ v.T
    return softmax_back(dp, p), -mix * softmax_back(dp, q), (p - mix * q).T @ d, -(dp * q).sum()


@differential_attention.right
def _(d, a, first, second, v, mix):
    return differential_attention_signals(d, first, second, v, mix)


@differential_attention.wrong(
    "constant factor", "the difference of two attentions: λ forgotten for the second, its minus kept"
)
def differential_attention_no_mix(d, a, first, second, v, mix):
    ds, dt, dv, dm = differential_attention_signals(d, first, second, v, mix)
    return ds, dt / mix, dv, dm


@differential_attention.wrong("missing term", "the difference of two attentions: the value seen by the first only")
def differential_attention_value_first(d, a, first, second, v, mix):
    ds, dt, _, dm = differential_attention_signals(d, first, second, v, mix)
    return ds, dt, softmax(first).T @ d, dm


@differential_attention.wrong("swapped", "the difference of two attentions: signals of both scores exchanged")
def differential_attention_exchanged(d, a, first, second, v, mix):
    ds, dt, dv, dm = differential_attention_signals(d, first, second, v, mix)
    return dt, ds, dv, dm


@F.forward(*three(lambda t, s, k: (normal(t, s), normal(s, k)), (3, 4, 2), (2, 3, 4), (4, 4, 3)), slots=("real", "real"),
           span=(1e-4, 10.0))  # fmt: skip
def weighted_values(scores, v):
    return softmax(scores) @ v


@weighted_values.right
def _(d, a, scores, v):
    p = softmax(scores)
    return p * (d @ v.T - (d * a).sum(1, keepdims=True)), p.T @ d


@weighted_values.wrong("missing factor", "attention in tiles: the row's D is the sum of dP, the weights forgotten")
def weighted_values_plain_row(d, a, scores, v):
    p = softmax(scores)
    dp = d @ v.T
    return p * (dp - dp.sum(1, keepdims=True)), p.T @ d


@weighted_values.wrong("size factor", "attention in tiles: the row's D divided by the size of the head")
def weighted_values_row_mean(d, a, scores, v):
    p = softmax(scores)
    return p * (d @ v.T - (d * a).mean(1, keepdims=True)), p.T @ d


@F.forward(
    *three(lambda n, k: (normal(n, k), normal()), (3, 4), (2, 3), (4, 5)), slots=("real", "real"), span=(1e-4, 4.0)
)
def warm_softmax(z, t):
    return softmax(z * np.exp(-t))


@warm_softmax.right
def _(d, a, z, t):
    ds = softmax_back(d, a) * np.exp(-t)
    return ds, -(ds * z).sum()


@warm_softmax.wrong(
    "constant factor", "softmax of a trained log temperature: z's signal not divided by the temperature"
)
def warm_softmax_undivided(d, a, z, t):
    ds = softmax_back(d, a)
    return ds, -(ds * z).sum() * np.exp(-t)


@warm_softmax.wrong(
    "constant factor", "softmax of a trained log temperature: divided by it once more in its own signal"
)
def warm_softmax_twice(d, a, z, t):
    ds = softmax_back(d, a) * np.exp(-t)
    return ds, -(ds * z).sum() * np.exp(-t)
