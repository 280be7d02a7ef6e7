"""Second set: attention: scales, masks, rotations."""

from __future__ import annotations

import numpy as np

from ..record import Family, normal

F = Family("second, attention")


def softmax(p, ax=-1):
    e = np.exp(p - p.max(ax, keepdims=True))
    return e / e.sum(ax, keepdims=True)


def tr(x):
    return np.swapaxes(x, -1, -2)


def probs(q, k, causal=False):
    s = q @ tr(k) / np.sqrt(q.shape[-1])
    if causal:
        n, m = s.shape[-2:]
        s = np.where(np.arange(m) <= np.arange(n)[:, None] + m - n, s, -np.inf)
    return softmax(s)


def att_r(d, a, q, k, v, P=None, scale_q=True, scale_k=True):
    P = probs(q, k) if P is None else P
    dP = d @ tr(v)
    dS = P * (dP - (dP * P).sum(-1, keepdims=True))
    r = 1 / np.sqrt(q.shape[-1])
    return (dS @ k * (r if scale_q else 1), tr(dS) @ q * (r if scale_k else 1), tr(P) @ d)


@F.forward(
    (normal(2, 3, 4), normal(2, 5, 4), normal(2, 5, 2)),
    (normal(1, 4, 2), normal(1, 6, 2), normal(1, 6, 3)),
    (normal(3, 2, 3), normal(3, 4, 3), normal(3, 4, 4)),
    slots=("real", "real", "real"),
)
def attention(q, k, v):
    return probs(q, k) @ v


@attention.right
def _(d, a, q, k, v):
    return att_r(d, a, q, k, v)


@attention.wrong("constant factor", "attention: 1/√d missing for k: factor √d")
def attention_key_scale(d, a, q, k, v):
    return att_r(d, a, q, k, v, scale_k=False)


@attention.wrong("lost projection", "attention: softmax Jacobian without its second term")
def attention_softmax_diagonal(d, a, q, k, v):
    P = probs(q, k)
    dP = d @ tr(v)
    dS = P * dP
    r = 1 / np.sqrt(q.shape[-1])
    return (dS @ k * r, tr(dS) @ q * r, tr(P) @ d)


@attention.wrong("wrong axis", "attention: sum of the softmax Jacobian over queries instead of keys")
def attention_softmax_axis(d, a, q, k, v):
    P = probs(q, k)
    dP = d @ tr(v)
    dS = P * (dP - (dP * P).sum(-2, keepdims=True))
    r = 1 / np.sqrt(q.shape[-1])
    return (dS @ k * r, tr(dS) @ q * r, tr(P) @ d)


@attention.wrong("wrong factor", "attention: probabilities recomputed without the scale for v")
def attention_value_unscaled_scores(d, a, q, k, v):
    g = att_r(d, a, q, k, v)
    return (g[0], g[1], tr(softmax(q @ tr(k))) @ d)


@attention.wrong("size factor", "attention: rowsum(δ∘o) taken as a mean over the value width")
def attention_delta_mean(d, a, q, k, v):
    P = probs(q, k)
    dP = d @ tr(v)
    dS = P * (dP - (d * a).mean(-1, keepdims=True))
    r = 1 / np.sqrt(q.shape[-1])
    return (dS @ k * r, tr(dS) @ q * r, tr(P) @ d)


@F.forward(
    (normal(2, 3, 4), normal(2, 5, 4), normal(2, 5, 2)),
    (normal(1, 4, 2), normal(1, 6, 2), normal(1, 6, 3)),
    (normal(3, 2, 3), normal(3, 4, 3), normal(3, 4, 4)),
    slots=("real", "real", "real"),
)
def causal_attention(q, k, v):
    return probs(q, k, True) @ v


@causal_attention.right
def _(d, a, q, k, v):
    return att_r(d, a, q, k, v, P=probs(q, k, True))


@causal_attention.wrong("some entries", "causal_attention: no mask in the backward recomputation")
def causal_mask_forgotten(d, a, q, k, v):
    return att_r(d, a, q, k, v, P=probs(q, k))


@causal_attention.wrong(
    "some entries", "causal_attention: mask aligned top-left in backward, bottom-right in forward (cross attention)"
)
def causal_mask_top_left(d, a, q, k, v):
    s = q @ tr(k) / np.sqrt(q.shape[-1])
    n, m = s.shape[-2:]
    return att_r(d, a, q, k, v, P=softmax(np.where(np.arange(m) <= np.arange(n)[:, None], s, -np.inf)))


def M(x):
    return (np.arange(x.size).reshape(x.shape) * 7 % 5 > 1) / 0.6


@F.forward(normal(3, 4), normal(5, 2), normal(2, 3, 2))
def softmax_dropout(s):
    return softmax(s) * M(s)


@softmax_dropout.right
def _(d, a, s):
    p = softmax(s)
    g = d * M(s)
    return p * (g - (g * p).sum(-1, keepdims=True))


@softmax_dropout.wrong("missing factor", "softmax_dropout: dropout mask not applied to the error signal")
def softmax_dropout_mask_forgotten(d, a, s):
    p = softmax(s)
    return p * (d - (d * p).sum(-1, keepdims=True))


@softmax_dropout.wrong("constant factor", "softmax_dropout: 1/(1−p) missing: a constant factor 0.6")
def softmax_dropout_scale_forgotten(d, a, s):
    p = softmax(s)
    g = d * (M(s) > 0)
    return p * (g - (g * p).sum(-1, keepdims=True))


@softmax_dropout.wrong("output for input", "softmax_dropout: dropped probabilities used for softmax's Jacobian")
def softmax_dropout_dropped_probabilities(d, a, s):
    g = d * M(s)
    return a * (g - (g * a).sum(-1, keepdims=True))


def ang(x):
    return np.arange(x.shape[-2])[:, None] * 1.0 / 10 ** np.arange(x.shape[-1] // 2)


def rope(x):
    h = x.shape[-1] // 2
    c, s = (np.cos(ang(x)), np.sin(ang(x)))
    u, v = (x[..., :h], x[..., h:])
    return np.concatenate([u * c - v * s, u * s + v * c], -1)


@F.forward(normal(2, 3, 4), normal(4, 6), normal(2, 5, 4))
def rotary(x):
    h = x.shape[-1] // 2
    c, s = (np.cos(ang(x)), np.sin(ang(x)))
    u, v = (x[..., :h], x[..., h:])
    return np.concatenate([u * c - v * s, u * s + v * c], -1)


@rotary.right
def _(d, a, x):
    h = x.shape[-1] // 2
    c, s = (np.cos(ang(x)), np.sin(ang(x)))
    u, v = (d[..., :h], d[..., h:])
    return np.concatenate([u * c + v * s, v * c - u * s], -1)


@rotary.wrong("wrong place", "rotary: rotates δ forward instead of back: sign of the sine terms")
def rotary_forward_rotation(d, a, x):
    return rope(d)


@rotary.wrong("wrong place", "rotary: pairs taken as neighbours (interleaved) in backward, as halves in forward")
def rotary_interleaved(d, a, x):
    c, s = (np.cos(ang(x)), np.sin(ang(x)))
    u, v = (d[..., ::2], d[..., 1::2])
    return np.concatenate([u * c + v * s, v * c - u * s], -1)


@F.forward(normal(3, 4, scale=4), normal(5, 2, scale=4), normal(2, 3, 2, scale=4))
def soft_cap(s):
    return 5 * np.tanh(s / 5)


@soft_cap.right
def _(d, a, s):
    return d * (1 - (a / 5) ** 2)


@soft_cap.wrong("wrong factor", "soft_cap: 1 − a² with the capped output (not divided by the cap)")
def soft_cap_output_not_scaled(d, a, s):
    return d * (1 - a * a)


@soft_cap.wrong("constant factor", "soft_cap: factor 1/cap left in")
def soft_cap_factor(d, a, s):
    return d * (1 - (a / 5) ** 2) / 5
