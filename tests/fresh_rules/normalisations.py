"""Normalisations: what is divided by acts on every entry through the norm."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

import graphnet as gn

from .record import Family, normal, three

F = Family("normalisations")
ROWS = three(normal, (4, 5), (3, 4), (2, 3, 6))
EPS = 1e-5
AFFINE = three(
    lambda n, k: (normal(n, k), normal(k, scale=0.3, shift=1.0), normal(k)),
    (6, 3),
    (4, 5),
    (8, 2),
)
REAL3 = ("real", "real", "real")


def standardised(x, axis):
    inv = 1 / np.sqrt(x.var(axis=axis, keepdims=True) + EPS)
    return (x - x.mean(axis=axis, keepdims=True)) * inv, inv


@F.forward(*AFFINE, slots=REAL3, span=(1e-2, 1e6))
def layer_norm(x, gamma, beta):
    return standardised(x, -1)[0] * gamma + beta


def layer_norm_params(delta, h):
    return (delta * h).sum(0), delta.sum(0)


@layer_norm.right
def _(delta, a, x, gamma, beta):
    h, inv = standardised(x, -1)
    g = delta * gamma
    dx = inv * (g - g.mean(-1, keepdims=True) - h * (g * h).mean(-1, keepdims=True))
    return dx, *layer_norm_params(delta, h)


@layer_norm.wrong("lost mean", "layer norm: variance path kept, mean path dropped")
def layer_norm_lost_mean(delta, a, x, gamma, beta):
    h, inv = standardised(x, -1)
    g = delta * gamma
    return inv * (g - h * (g * h).mean(-1, keepdims=True)), *layer_norm_params(delta, h)


@layer_norm.wrong("lost projection", "layer norm: statistics detached, as at inference")
def layer_norm_detached(delta, a, x, gamma, beta):
    h, inv = standardised(x, -1)
    return delta * gamma * inv, *layer_norm_params(delta, h)


@layer_norm.wrong("missing term", "accumulator not cleared: the mean of the signal was taken away twice")
def layer_norm_mean_twice(delta, a, x, gamma, beta):
    h, inv = standardised(x, -1)
    g = delta * gamma
    dx = inv * (g - 2 * g.mean(-1, keepdims=True) - h * (g * h).mean(-1, keepdims=True))
    return dx, *layer_norm_params(delta, h)


@layer_norm.wrong("input for output", "layer norm: gamma's gradient reads x where the normalised x belongs")
def layer_norm_gamma_reads_x(delta, a, x, gamma, beta):
    h, inv = standardised(x, -1)
    g = delta * gamma
    dx = inv * (g - g.mean(-1, keepdims=True) - h * (g * h).mean(-1, keepdims=True))
    return dx, (delta * x).sum(0), delta.sum(0)


@F.forward(*AFFINE, slots=REAL3, span=(1e-2, 1e6))
def batch_norm(x, gamma, beta):
    return standardised(x, 0)[0] * gamma + beta


@batch_norm.right
def _(delta, a, x, gamma, beta):
    h, inv = standardised(x, 0)
    n = len(x)
    dx = gamma * inv / n * (n * delta - delta.sum(0) - h * (delta * h).sum(0))
    return dx, (delta * h).sum(0), delta.sum(0)


@batch_norm.wrong("size factor", "homework: the 1/N in front was left out")
def batch_norm_without_n(delta, a, x, gamma, beta):
    h, inv = standardised(x, 0)
    n = len(x)
    dx = gamma * inv * (n * delta - delta.sum(0) - h * (delta * h).sum(0))
    return dx, (delta * h).sum(0), delta.sum(0)


@batch_norm.wrong("row factor", "batch norm: gamma was left out of dx")
def batch_norm_dx_without_gamma(delta, a, x, gamma, beta):
    h, inv = standardised(x, 0)
    dx = inv * (delta - delta.mean(0) - h * (delta * h).mean(0))
    return dx, (delta * h).sum(0), delta.sum(0)


@batch_norm.wrong("size factor", "batch norm: unbiased variance (n − 1) in backward, biased in forward")
def batch_norm_unbiased(delta, a, x, gamma, beta):
    h, inv = standardised(x, 0)
    dx = gamma * inv * (delta - delta.mean(0) - h * (delta * h).sum(0) / (len(x) - 1))
    return dx, (delta * h).sum(0), delta.sum(0)


@batch_norm.wrong("swapped", "batch norm: dgamma and dbeta returned in the other order")
def batch_norm_gamma_beta_swapped(delta, a, x, gamma, beta):
    h, inv = standardised(x, 0)
    dx = gamma * inv * (delta - delta.mean(0) - h * (delta * h).mean(0))
    return dx, delta.sum(0), (delta * h).sum(0)


@dataclass(frozen=True)
class GroupNorm(gn.Op):
    groups: int

    def split(self, x):
        return x.reshape(x.shape[0], self.groups, -1)

    def forward(self, x):
        return standardised(self.split(x), -1)[0].reshape(x.shape)

    def backward(self, delta, a, x):
        h, inv = standardised(self.split(x), -1)
        g = self.split(delta)
        return (inv * (g - g.mean(-1, keepdims=True) - h * (g * h).mean(-1, keepdims=True))).reshape(x.shape)


group_norm = F.op(GroupNorm(2), *three(normal, (2, 4, 3), (3, 2, 4), (1, 6, 2)), span=(1e-2, 1e6))


@group_norm.wrong("wrong axis", "group norm written from layer norm: backward's means go over all groups")
def group_norm_over_all(self, delta, a, x):
    h, inv = standardised(self.split(x), -1)
    g = self.split(delta)
    axes = (1, 2)
    return (inv * (g - g.mean(axes, keepdims=True) - h * (g * h).mean(axes, keepdims=True))).reshape(x.shape)


@group_norm.wrong("missing term", "group norm: the variance path was lost")
def group_norm_mean_only(self, delta, a, x):
    _, inv = standardised(self.split(x), -1)
    g = self.split(delta)
    return (inv * (g - g.mean(-1, keepdims=True))).reshape(x.shape)


RMS = three(lambda n, k: (normal(n, k), normal(k, scale=0.3, shift=1.0)), (4, 5), (3, 3), (1, 6))


@F.forward(*RMS, slots=("real", "real"), span=(1e-2, 1e6))
def rms_norm(x, w):
    return x / np.sqrt((x * x).mean(-1, keepdims=True) + EPS) * w


def rms(x):
    return 1 / np.sqrt((x * x).mean(-1, keepdims=True) + EPS)


@rms_norm.right
def _(delta, a, x, w):
    r = rms(x)
    g = delta * w
    return r * g - r**3 * x * (g * x).mean(-1, keepdims=True), (delta * x * r).sum(0)


@rms_norm.wrong("missing factor", "rms norm: the weight wasn't multiplied in before the inner product")
def rms_norm_weight_outside(delta, a, x, w):
    r = rms(x)
    return r * delta * w - r**3 * x * (delta * x).mean(-1, keepdims=True), (delta * x * r).sum(0)


@rms_norm.wrong("missing factor", "batch-invariant rms norm: the variance term multiplied by the weight twice")
def rms_norm_weight_twice(delta, a, x, w):
    r = rms(x)
    g = delta * w
    return r * g - w * r**3 * x * (g * x).mean(-1, keepdims=True), (delta * x * r).sum(0)


@rms_norm.wrong("wrong factor", "rms norm: r² where r³ is due in the second term")
def rms_norm_power(delta, a, x, w):
    r = rms(x)
    g = delta * w
    return r * g - r**2 * x * (g * x).mean(-1, keepdims=True), (delta * x * r).sum(0)


@rms_norm.wrong("size factor", "rms norm: sum over the row instead of its mean")
def rms_norm_sum(delta, a, x, w):
    r = rms(x)
    g = delta * w
    return r * g - r**3 * x * (g * x).sum(-1, keepdims=True), (delta * x * r).sum(0)


@F.forward(*ROWS, zero=False)
def l2_normalise(x):
    return x / np.linalg.norm(x, axis=-1, keepdims=True)


@l2_normalise.right
def _(delta, a, x):
    return (delta - a * (a * delta).sum(-1, keepdims=True)) / np.linalg.norm(x, axis=-1, keepdims=True)


@l2_normalise.wrong("lost projection", "normalise: divides the signal by the norm and nothing else")
def l2_normalise_norm_constant(delta, a, x):
    return delta / np.linalg.norm(x, axis=-1, keepdims=True)


@l2_normalise.wrong("row factor", "normalise: projects, and forgets to divide by the norm")
def l2_normalise_not_divided(delta, a, x):
    return delta - a * (a * delta).sum(-1, keepdims=True)


@l2_normalise.wrong("input for output", "normalise: the projection is on x and not on its direction")
def l2_normalise_projects_on_x(delta, a, x):
    return (delta - x * (x * delta).sum(-1, keepdims=True)) / np.linalg.norm(x, axis=-1, keepdims=True)


def softmax(z):
    e = np.exp(z - z.max(-1, keepdims=True))
    return e / e.sum(-1, keepdims=True)


@dataclass(frozen=True)
class SoftmaxT(gn.Op):
    temperature: float

    def forward(self, z):
        return softmax(z / self.temperature)

    def backward(self, delta, a, z):
        return a * (delta - (a * delta).sum(-1, keepdims=True)) / self.temperature


softmax_t = F.op(SoftmaxT(2.0), *ROWS)


@softmax_t.wrong("constant factor", "softmax with temperature: 1/T was left out of backward")
def softmax_no_temperature(self, delta, a, z):
    return a * (delta - (a * delta).sum(-1, keepdims=True))


@softmax_t.wrong("lost projection", "softmax treated like a sigmoid, a(1 − a)")
def softmax_diagonal(self, delta, a, z):
    return delta * a * (1 - a) / self.temperature


@softmax_t.wrong("wrong axis", "softmax: inner sum over the batch, not over the classes")
def softmax_sum_over_batch(self, delta, a, z):
    return a * (delta - (a * delta).sum(0, keepdims=True)) / self.temperature


@softmax_t.wrong("not linear in delta", "softmax with the cross-entropy's a − y built in: delta taken for the label")
def softmax_fused_with_loss(self, delta, a, z):
    return (a - delta) / self.temperature


@F.forward(*ROWS)
def log_softmax(z):
    m = z - z.max(-1, keepdims=True)
    return m - np.log(np.exp(m).sum(-1, keepdims=True))


@log_softmax.right
def _(delta, a, z):
    return delta - np.exp(a) * delta.sum(-1, keepdims=True)


@log_softmax.wrong("lost projection", "log-softmax: subtracts softmax times its own signal, not the row's sum")
def log_softmax_own_signal(delta, a, z):
    return delta - np.exp(a) * delta


@log_softmax.wrong("size factor", "log-softmax: the mean of the row for its sum")
def log_softmax_mean(delta, a, z):
    return delta - np.exp(a) * delta.mean(-1, keepdims=True)


@F.forward(
    *three(lambda n, k: (normal(n, k), normal(n, scale=0.3, shift=1.5)), (3, 4), (2, 5), (4, 2)),
    slots=("real", "real"),
    zero=False,
)
def weight_norm(v, g):
    return v * (g / np.linalg.norm(v, axis=1))[:, None]


@weight_norm.right
def _(delta, a, v, g):
    n = np.linalg.norm(v, axis=1, keepdims=True)
    dg = (delta * v / n).sum(1)
    return g[:, None] / n * (delta - v / n * dg[:, None]), dg


@weight_norm.wrong("missing factor", "weight norm: the direction v isn't divided by its norm in g's gradient")
def weight_norm_g_not_divided(delta, a, v, g):
    n = np.linalg.norm(v, axis=1, keepdims=True)
    dg = (delta * v / n).sum(1)
    return g[:, None] / n * (delta - v / n * dg[:, None]), (delta * v).sum(1)


@weight_norm.wrong("lost projection", "weight norm: the norm of v is taken for a constant")
def weight_norm_not_projected(delta, a, v, g):
    n = np.linalg.norm(v, axis=1, keepdims=True)
    return g[:, None] / n * delta, (delta * v / n).sum(1)


@F.forward(*ROWS)
def centre(x):
    return x - x.mean(-1, keepdims=True)


@centre.right
def _(delta, a, x):
    return delta - delta.mean(-1, keepdims=True)


@centre.wrong("lost mean", "centring passed the signal straight through")
def centre_identity(delta, a, x):
    return delta


@F.forward(*ROWS, ties=False, zero=False, kinks=True)
def min_max_scale(x):
    low, high = x.min(-1, keepdims=True), x.max(-1, keepdims=True)
    return (x - low) / (high - low)


@min_max_scale.right
def _(delta, a, x):
    low, high = x.min(-1, keepdims=True), x.max(-1, keepdims=True)
    g = delta / (high - low)
    at_low, at_high = x == low, x == high
    return g - at_low * (g * (1 - a)).sum(-1, keepdims=True) - at_high * (g * a).sum(-1, keepdims=True)


@min_max_scale.wrong("detached", "min-max scaling: the bounds were data statistics once, now they depend on x")
def min_max_scale_bounds_constant(delta, a, x):
    return delta / (x.max(-1, keepdims=True) - x.min(-1, keepdims=True))
