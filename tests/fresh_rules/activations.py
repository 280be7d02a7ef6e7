"""Activations: one number in, one number out, and the gated ones."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import erf

import graphnet as gn

from .record import Family, normal, three

F = Family("activations")
SIZES = three(normal, (4, 3), (7,), (2, 3, 2))
WIDE = three(lambda *s: normal(*s, scale=5.0), (4, 3), (9,), (2, 3, 2))


def sigmoid(z):
    e = np.exp(-np.abs(z))
    return np.where(z < 0, e, 1) / (1 + e)


def phi(z):
    return np.exp(-0.5 * z * z) / np.sqrt(2 * np.pi)


@F.forward(*SIZES)
def gelu(z):
    return 0.5 * z * (1 + erf(z / np.sqrt(2)))


@gelu.right
def _(delta, a, z):
    return delta * (0.5 * (1 + erf(z / np.sqrt(2))) + z * phi(z))


@gelu.wrong("missing term", "gelu: backward returned Φ(z) alone, the product rule's second half was forgotten")
def gelu_cdf_only(delta, a, z):
    return delta * 0.5 * (1 + erf(z / np.sqrt(2)))


@gelu.wrong("missing factor", "gelu kernel: the density wasn't multiplied by x")
def gelu_density_without_x(delta, a, z):
    return delta * (0.5 * (1 + erf(z / np.sqrt(2))) + phi(z))


C0, C1 = np.sqrt(2 / np.pi), 0.044715


@F.forward(*SIZES, span=(1e-8, 1e3))
def gelu_tanh(z):
    return 0.5 * z * (1 + np.tanh(C0 * (z + C1 * z**3)))


@gelu_tanh.right
def _(delta, a, z):
    t = np.tanh(C0 * (z + C1 * z**3))
    return delta * (0.5 * (1 + t) + 0.5 * z * (1 - t * t) * C0 * (1 + 3 * C1 * z * z))


@gelu_tanh.wrong("missing factor", "fast gelu: the 3 of the cubic's derivative was lost in the refactoring")
def gelu_tanh_lost_three(delta, a, z):
    t = np.tanh(C0 * (z + C1 * z**3))
    return delta * (0.5 * (1 + t) + 0.5 * z * (1 - t * t) * C0 * (1 + C1 * z * z))


@gelu_tanh.wrong("missing factor", "fast gelu backward: inner derivative of the tanh's argument not applied at all")
def gelu_tanh_no_inner(delta, a, z):
    t = np.tanh(C0 * (z + C1 * z**3))
    return delta * (0.5 * (1 + t) + 0.5 * z * (1 - t * t))


@F.forward(*SIZES)
def swish(z):
    return z * sigmoid(z)


@swish.right
def _(delta, a, z):
    s = sigmoid(z)
    return delta * (s + a * (1 - s))


@swish.wrong("input for output", "silu: formula has x·σ(x) = the output, the kernel passed the input")
def swish_reads_input(delta, a, z):
    s = sigmoid(z)
    return delta * (s + z * (1 - s))


@swish.wrong("wrong factor", "silu backward: σ'(x) taken as σ(1 − out)")
def swish_one_minus_out(delta, a, z):
    s = sigmoid(z)
    return delta * s * (1 + z * (1 - a))


def softplus(z):
    return np.maximum(z, 0) + np.log1p(np.exp(-np.abs(z)))


@F.forward(*SIZES)
def mish(z):
    return z * np.tanh(softplus(z))


@mish.right
def _(delta, a, z):
    t = np.tanh(softplus(z))
    return delta * (t + z * (1 - t * t) * sigmoid(z))


@mish.wrong("missing factor", "mish: the chain rule stopped at the tanh, the softplus' own slope was left out")
def mish_no_sigmoid(delta, a, z):
    t = np.tanh(softplus(z))
    return delta * (t + z * (1 - t * t))


@mish.wrong("wrong factor", "mish CUDA op: 1 − t where 1 − t² is meant")
def mish_one_minus_t(delta, a, z):
    t = np.tanh(softplus(z))
    return delta * (t + z * (1 - t) * sigmoid(z))


@dataclass(frozen=True)
class Elu(gn.Op):
    alpha: float

    def forward(self, z):
        return np.where(z > 0, z, self.alpha * np.expm1(np.minimum(z, 0)))

    def backward(self, delta, a, z):
        return delta * np.where(z > 0, 1.0, a + self.alpha)


elu = F.op(Elu(0.7), *SIZES, kinks=True)


@elu.wrong("bound", "elu from the output: a, and not a + alpha, in the negative branch")
def elu_without_alpha(self, delta, a, z):
    return delta * np.where(z > 0, 1.0, a)


@elu.wrong("bound", "elu: 1 was hard-coded for alpha in the negative branch")
def elu_alpha_is_one(self, delta, a, z):
    return delta * np.where(z > 0, 1.0, a + 1)


LAMBDA, ALPHA = 1.0507009873554805, 1.6732632423543772


@F.forward(*SIZES, kinks=True)
def selu(z):
    return LAMBDA * np.where(z > 0, z, ALPHA * np.expm1(np.minimum(z, 0)))


@selu.right
def _(delta, a, z):
    return delta * LAMBDA * np.where(z > 0, 1.0, ALPHA * np.exp(np.minimum(z, 0)))


@selu.wrong("bound", "selu: the scale was applied to the negative branch only")
def selu_scale_on_one_branch(delta, a, z):
    return delta * np.where(z > 0, 1.0, LAMBDA * ALPHA * np.exp(np.minimum(z, 0)))


@F.forward(*SIZES, span=(1e-8, 1e4))
def softsign(z):
    return z / (1 + np.abs(z))


@softsign.right
def _(delta, a, z):
    return delta / (1 + np.abs(z)) ** 2


@softsign.wrong("wrong factor", "softsign: the denominator isn't squared")
def softsign_not_squared(delta, a, z):
    return delta / (1 + np.abs(z))


@softsign.wrong("wrong factor", "softsign: 1 + z² for (1 + |z|)², as in the derivative of atan")
def softsign_as_atan(delta, a, z):
    return delta / (1 + z * z)


@F.forward(*WIDE, kinks=True)
def hard_swish(z):
    return z * np.clip(z + 3, 0, 6) / 6


@hard_swish.right
def _(delta, a, z):
    return delta * np.where(z <= -3, 0.0, np.where(z >= 3, 1.0, (2 * z + 3) / 6))


@hard_swish.wrong("bound", "hardswish: the middle formula was used above 3 as well")
def hard_swish_no_upper_bound(delta, a, z):
    return delta * np.where(z <= -3, 0.0, (2 * z + 3) / 6)


@hard_swish.wrong("detached", "hardswish: the gate was saved and the slope of the gate itself forgotten")
def hard_swish_gate_constant(delta, a, z):
    return delta * np.clip(z + 3, 0, 6) / 6


@F.forward(
    (normal(4, 3), normal(3, shift=0.3, scale=0.2)),
    (normal(5, 2), normal(2, shift=0.3, scale=0.2)),
    (normal(1, 4), normal(4, shift=0.3, scale=0.2)),
    slots=("real", "real"),
    kinks=True,
)
def prelu(z, slope):
    return np.where(z > 0, z, slope * z)


@prelu.right
def _(delta, a, z, slope):
    return delta * np.where(z > 0, 1.0, slope), (delta * np.where(z > 0, 0.0, z)).sum(0)


@prelu.wrong("bound", "prelu: the slope's gradient summed z over all units, not the negative ones only")
def prelu_slope_everywhere(delta, a, z, slope):
    return delta * np.where(z > 0, 1.0, slope), (delta * z).sum(0)


@prelu.wrong("sign", "prelu: −z was stored for the negative part and not turned back")
def prelu_slope_sign(delta, a, z, slope):
    return delta * np.where(z > 0, 1.0, slope), (delta * np.maximum(-z, 0)).sum(0)


@prelu.wrong("missing delta", "prelu: the slope's gradient forgot the upstream gradient")
def prelu_slope_no_delta(delta, a, z, slope):
    return delta * np.where(z > 0, 1.0, slope), np.minimum(z, 0).sum(0)


@F.forward(*three(normal, (4, 6), (2, 4), (3, 2, 2)))
def glu(z):
    h = z.shape[-1] // 2
    return z[..., :h] * sigmoid(z[..., h:])


@glu.right
def _(delta, a, z):
    h = z.shape[-1] // 2
    s = sigmoid(z[..., h:])
    return np.concatenate([delta * s, delta * z[..., :h] * s * (1 - s)], axis=-1)


@glu.wrong("wrong place", "glu: the two halves were concatenated in the other order")
def glu_halves_exchanged(delta, a, z):
    h = z.shape[-1] // 2
    s = sigmoid(z[..., h:])
    return np.concatenate([delta * z[..., :h] * s * (1 - s), delta * s], axis=-1)


@glu.wrong("missing factor", "glu: the gate's half lacks 1 − σ")
def glu_gate_not_complete(delta, a, z):
    h = z.shape[-1] // 2
    s = sigmoid(z[..., h:])
    return np.concatenate([delta * s, delta * a], axis=-1)


@dataclass(frozen=True)
class SoftplusBeta(gn.Op):
    beta: float

    def forward(self, z):
        return softplus(self.beta * z) / self.beta

    def backward(self, delta, a, z):
        return delta * sigmoid(self.beta * z)


softplus_beta = F.op(SoftplusBeta(2.5), *SIZES)


@softplus_beta.wrong("wrong factor", "softplus: beta was forgotten inside the sigmoid")
def softplus_without_beta(self, delta, a, z):
    return delta * sigmoid(z)


@softplus_beta.wrong("constant factor", "softplus: an inner derivative beta that the 1/beta outside cancels")
def softplus_beta_twice(self, delta, a, z):
    return delta * self.beta * sigmoid(self.beta * z)


@softplus_beta.wrong("tail", "softplus: linear above a threshold in backward, with the threshold compared to z at 1")
def softplus_threshold_too_low(self, delta, a, z):
    return delta * np.where(self.beta * z > 1, 1.0, sigmoid(self.beta * z))


@F.forward(*SIZES)
def log_sigmoid(z):
    return -softplus(-z)


@log_sigmoid.right
def _(delta, a, z):
    return delta * sigmoid(-z)


@log_sigmoid.wrong("wrong factor", "logsigmoid: σ(z) for σ(−z)")
def log_sigmoid_of_plus(delta, a, z):
    return delta * sigmoid(z)


@log_sigmoid.wrong("missing term", "logsigmoid from its output: exp(a) instead of 1 − exp(a)")
def log_sigmoid_from_output(delta, a, z):
    return -delta * np.exp(a)


@F.forward(*WIDE, kinks=True)
def relu6(z):
    return np.clip(z, 0, 6)


@relu6.right
def _(delta, a, z):
    return delta * ((z > 0) & (z < 6))


@relu6.wrong("bound", "relu6 derived from relu, its cap at 6 not in backward")
def relu6_as_relu(delta, a, z):
    return delta * (z > 0)


@relu6.wrong("bound", "relu6 with a mask of > and >: nothing passes below six")
def relu6_mask_turned(delta, a, z):
    return delta * (z > 6)


@relu6.wrong("not linear in delta", "guided backprop left in: negative error signals are stopped")
def relu6_guided(delta, a, z):
    return np.maximum(delta, 0) * ((z > 0) & (z < 6))
