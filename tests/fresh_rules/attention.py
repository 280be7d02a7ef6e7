"""Attention: scores, masks, heads, positions."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

import graphnet as gn

from .record import Family, normal, three

F = Family("attention")
QKV = three(
    lambda n, m, d: (normal(n, d), normal(m, d), normal(m, d)),
    (3, 4, 2),
    (4, 4, 3),
    (2, 5, 4),
)
SQUARE = three(lambda n, d: (normal(n, d), normal(n, d), normal(n, d)), (4, 2), (3, 3), (5, 2))
REAL3 = ("real", "real", "real")
SPAN = (1e-8, 1e4)


def softmax(z):
    e = np.exp(z - z.max(-1, keepdims=True))
    return e / e.sum(-1, keepdims=True)


def softmax_back(p, g):
    return p * (g - (p * g).sum(-1, keepdims=True))


@F.forward(*QKV, slots=REAL3, span=SPAN)
def attention(q, k, v):
    return softmax(q @ k.T / np.sqrt(q.shape[-1])) @ v


def attention_parts(delta, q, k, v):
    scale = 1 / np.sqrt(q.shape[-1])
    p = softmax(q @ k.T * scale)
    return p, softmax_back(p, delta @ v.T), scale


@attention.right
def _(delta, a, q, k, v):
    p, ds, scale = attention_parts(delta, q, k, v)
    return ds @ k * scale, ds.T @ q * scale, p.T @ delta


@attention.wrong("size factor", "attention: the 1/√d is in the forward scores, and in neither gradient")
def attention_no_scale(delta, a, q, k, v):
    p, ds, _ = attention_parts(delta, q, k, v)
    return ds @ k, ds.T @ q, p.T @ delta


@attention.wrong("size factor", "flash attention port: scale applied to dq and not to dk")
def attention_scale_for_q_only(delta, a, q, k, v):
    p, ds, scale = attention_parts(delta, q, k, v)
    return ds @ k * scale, ds.T @ q, p.T @ delta


@attention.wrong("lost projection", "attention: the softmax' row sum (D = rowsum(dO ∘ O)) isn't taken away")
def attention_no_row_sum(delta, a, q, k, v):
    p, _, scale = attention_parts(delta, q, k, v)
    ds = p * (delta @ v.T)
    return ds @ k * scale, ds.T @ q * scale, p.T @ delta


@attention.wrong("no signal", "attention: dv right, the weights were computed without a gradient")
def attention_weights_detached(delta, a, q, k, v):
    p, _, _ = attention_parts(delta, q, k, v)
    return None, None, p.T @ delta


@dataclass(frozen=True)
class CausalAttention(gn.Op):
    scale: float

    def weights(self, q, k):
        scores = self.scale * q @ k.T
        return softmax(np.where(np.tri(len(q), dtype=bool), scores, -1e30))

    def forward(self, q, k, v):
        return self.weights(q, k) @ v

    def backward(self, delta, a, q, k, v):
        p = self.weights(q, k)
        ds = self.scale * softmax_back(p, delta @ v.T)
        return ds @ k, ds.T @ q, p.T @ delta


causal = F.op(CausalAttention(0.6), *SQUARE, slots=REAL3, span=SPAN)


@causal.wrong("triangle", "causal attention: weights recomputed in backward without the mask")
def causal_mask_not_in_backward(self, delta, a, q, k, v):
    p = softmax(self.scale * q @ k.T)
    ds = self.scale * softmax_back(p, delta @ v.T)
    return ds @ k, ds.T @ q, p.T @ delta


@causal.wrong("transposed", "causal attention: p delta for pᵀ delta, shapes agree as queries and keys do")
def causal_weights_not_transposed(self, delta, a, q, k, v):
    p = self.weights(q, k)
    ds = self.scale * softmax_back(p, delta @ v.T)
    return ds @ k, ds.T @ q, p @ delta


@causal.wrong("transposed", "causal attention: ds not transposed for the keys")
def causal_scores_not_transposed(self, delta, a, q, k, v):
    p = self.weights(q, k)
    ds = self.scale * softmax_back(p, delta @ v.T)
    return ds @ k, ds @ q, p.T @ delta


@causal.wrong("triangle", "causal attention: backward's mask leaves the diagonal out")
def causal_mask_off_by_one(self, delta, a, q, k, v):
    p = self.weights(q, k)
    ds = self.scale * np.tri(len(q), k=-1) * softmax_back(p, delta @ v.T)
    return ds @ k, ds.T @ q, p.T @ delta


@causal.wrong("swapped", "causal attention: returned as dk, dq, dv")
def causal_q_and_k_swapped(self, delta, a, q, k, v):
    p = self.weights(q, k)
    ds = self.scale * softmax_back(p, delta @ v.T)
    return ds.T @ q, ds @ k, p.T @ delta


def distances(n):
    return np.arange(n)[:, None] - np.arange(n)[None, :] + n - 1


@F.forward(*three(lambda n: (normal(n, n), normal(2 * n - 1)), (3,), (4,), (2,)), slots=("real", "real"), span=SPAN)
def relative_bias(scores, table):
    return softmax(scores + table[distances(len(scores))])


@relative_bias.right
def _(delta, a, scores, table):
    ds = softmax_back(a, delta)
    dt = np.zeros_like(table)
    np.add.at(dt, distances(len(scores)), ds)
    return ds, dt


@relative_bias.wrong("overwritten", "relative position bias: table.grad[idx] = … keeps the last of each bucket")
def relative_bias_last_wins(delta, a, scores, table):
    ds = softmax_back(a, delta)
    dt = np.zeros_like(table)
    dt[distances(len(scores))] = ds
    return ds, dt


@relative_bias.wrong("wrong place", "relative position bias: key minus query in backward")
def relative_bias_mirrored(delta, a, scores, table):
    ds = softmax_back(a, delta)
    dt = np.zeros_like(table)
    np.add.at(dt, distances(len(scores)).T, ds)
    return ds, dt


@relative_bias.wrong("lost projection", "relative position bias: the bias gets delta, not the scores' signal")
def relative_bias_after_softmax(delta, a, scores, table):
    dt = np.zeros_like(table)
    np.add.at(dt, distances(len(scores)), a * delta)
    return softmax_back(a, delta), dt


@dataclass(frozen=True)
class SplitHeads(gn.Op):
    heads: int

    def forward(self, x):
        n, d = x.shape
        return np.transpose(x.reshape(n, self.heads, d // self.heads), (1, 0, 2))

    def backward(self, delta, a, x):
        return np.transpose(delta, (1, 0, 2)).reshape(x.shape)


split = F.op(SplitHeads(2), *three(normal, (4, 6), (3, 4), (5, 2)))


@split.wrong("wrong place", "multi-head: reshaped without transposing back")
def split_heads_only_reshaped(self, delta, a, x):
    return delta.reshape(x.shape)


@split.wrong("wrong place", "multi-head: heads and head sizes interleaved the other way")
def split_heads_interleaved(self, delta, a, x):
    return np.transpose(delta, (1, 2, 0)).reshape(x.shape)


@dataclass(frozen=True)
class Rope(gn.Op):
    base: float

    def angles(self, x):
        n, d = x.shape
        return np.arange(n)[:, None] / self.base ** (np.arange(d // 2) / (d // 2))

    def turn(self, x, angle):
        c, s, h = np.cos(angle), np.sin(angle), x.shape[-1] // 2
        u, v = x[:, :h], x[:, h:]
        return np.concatenate([u * c - v * s, u * s + v * c], axis=1)

    def forward(self, x):
        return self.turn(x, self.angles(x))

    def backward(self, delta, a, x):
        return self.turn(delta, -self.angles(x))


rope = F.op(Rope(100.0), *three(normal, (4, 4), (3, 2), (5, 6)))


@rope.wrong("transposed", "rope: backward rotates by the same angle and not back")
def rope_same_direction(self, delta, a, x):
    return self.turn(delta, self.angles(x))


@rope.wrong("wrong sign of a term", "rope: rotate_half's minus on the wrong half in backward")
def rope_sign_on_one_half(self, delta, a, x):
    c, s, h = np.cos(self.angles(x)), np.sin(self.angles(x)), x.shape[-1] // 2
    u, v = delta[:, :h], delta[:, h:]
    return np.concatenate([u * c + v * s, u * s + v * c], axis=1)


@rope.wrong("wrong factor", "rope: positions start at 1 in backward")
def rope_positions_from_one(self, delta, a, x):
    n, d = x.shape
    angle = (np.arange(n)[:, None] + 1) / self.base ** (np.arange(d // 2) / (d // 2))
    return self.turn(delta, -angle)


@F.forward(*three(lambda n, d: (normal(n, d), normal(d)), (4, 3), (2, 5), (3, 1)), slots=("real", "real"), span=SPAN)
def attention_pool(x, w):
    return softmax(x @ w) @ x


@attention_pool.right
def _(delta, a, x, w):
    p = softmax(x @ w)
    ds = softmax_back(p, x @ delta)
    return np.outer(p, delta) + np.outer(ds, w), ds @ x


@attention_pool.wrong("detached", "attention pooling: x acts through the weights too, only the direct path was kept")
def attention_pool_direct_path(delta, a, x, w):
    p = softmax(x @ w)
    return np.outer(p, delta), softmax_back(p, x @ delta) @ x


@F.forward(
    *three(lambda n, m, k: (normal(n, k), normal(m, k)), (3, 2, 4), (4, 3, 2), (2, 2, 3)), slots=("real", "real")
)
def additive_scores(q, k):
    return np.tanh(q[:, None, :] + k[None, :, :]).sum(-1)


@additive_scores.right
def _(delta, a, q, k):
    t = delta[:, :, None] * (1 - np.tanh(q[:, None, :] + k[None, :, :]) ** 2)
    return t.sum(1), t.sum(0)


@additive_scores.wrong("size factor", "Bahdanau scores: the keys' gradient averages over the queries")
def additive_scores_mean(delta, a, q, k):
    t = delta[:, :, None] * (1 - np.tanh(q[:, None, :] + k[None, :, :]) ** 2)
    return t.sum(1), t.mean(0)
