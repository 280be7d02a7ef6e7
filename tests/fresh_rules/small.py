"""Small faults: slopes off by 1e-3 to 1e-6. A rounded constant, an ε on one side only, a little something added."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import erf

import graphnet as gn

from .record import Family, labels, normal, positive, simplex, three, whole

F = Family("small")
SIZES = three(normal, (4, 3), (6,), (2, 5))
ROWS = three(normal, (4, 5), (3, 4), (2, 6))
POSITIVE = three(lambda *s: (positive(*s),), (4, 3), (6,), (2, 5))


@F.forward(*SIZES)
def gelu(z):
    return 0.5 * z * (1 + erf(z / np.sqrt(2)))


DENSITY, ROOT, SCALE = 1 / np.sqrt(2 * np.pi), np.sqrt(2), np.sqrt(2 / np.pi)


def gelu_slope(z, density=DENSITY, root=ROOT):
    return 0.5 * (1 + erf(z / root)) + z * density * np.exp(-0.5 * z * z)


@gelu.right
def _(delta, a, z):
    return delta * gelu_slope(z)


@gelu.wrong("small", "gelu: 1/√2π written 0.399")
def gelu_density_rounded(delta, a, z):
    return delta * gelu_slope(z, density=0.399)


@gelu.wrong("small", "gelu: √2 written 1.414")
def gelu_root_rounded(delta, a, z):
    return delta * gelu_slope(z, root=1.414)


@gelu.wrong("small", "gelu: exact in forward, tanh approximation in backward")
def gelu_approximate_backward(delta, a, z):
    c = np.sqrt(2 / np.pi)
    t = np.tanh(c * (z + 0.044715 * z**3))
    return delta * (0.5 * (1 + t) + 0.5 * z * (1 - t * t) * c * (1 + 3 * 0.044715 * z * z))


@F.forward(*SIZES, span=(1e-8, 1e3))
def gelu_tanh(z):
    return 0.5 * z * (1 + np.tanh(np.sqrt(2 / np.pi) * (z + 0.044715 * z**3)))


def gelu_tanh_slope(z, c=SCALE, k=0.044715):
    t = np.tanh(c * (z + k * z**3))
    return 0.5 * (1 + t) + 0.5 * z * (1 - t * t) * c * (1 + 3 * k * z * z)


@gelu_tanh.right
def _(delta, a, z):
    return delta * gelu_tanh_slope(z)


@gelu_tanh.wrong("small", "fast gelu: 0.0447 for 0.044715")
def gelu_tanh_coefficient(delta, a, z):
    return delta * gelu_tanh_slope(z, k=0.0447)


@gelu_tanh.wrong("small", "fast gelu: √(2/π) written 0.79788 and forward in full")
def gelu_tanh_root(delta, a, z):
    return delta * gelu_tanh_slope(z, c=0.79788)


LAMBDA, ALPHA = 1.0507009873554805, 1.6732632423543772


@F.forward(*SIZES, kinks=True)
def selu(z):
    return LAMBDA * np.where(z > 0, z, ALPHA * np.expm1(np.minimum(z, 0)))


@selu.right
def _(delta, a, z):
    return delta * LAMBDA * np.where(z > 0, 1.0, ALPHA * np.exp(np.minimum(z, 0)))


@selu.wrong("small", "selu: constants with four digits in the backward kernel")
def selu_rounded(delta, a, z):
    return delta * 1.0507 * np.where(z > 0, 1.0, 1.6733 * np.exp(np.minimum(z, 0)))


@F.forward(*SIZES)
def tanh(z):
    return np.tanh(z)


@tanh.right
def _(delta, a, z):
    return delta * (1 - a * a)


@tanh.wrong("small", "tanh: output saved as float16 for backward")
def tanh_half(delta, a, z):
    h = a.astype(np.float16).astype(float)
    return delta * (1 - h * h)


@tanh.wrong("small", "tanh: slope kept above 1e-4 so that no unit dies")
def tanh_never_dies(delta, a, z):
    return delta * (1 - a * a + 1e-4)


@tanh.wrong("small", "tanh: by a one-sided difference of step 1e-3")
def tanh_difference(delta, a, z):
    return delta * (np.tanh(z + 1e-3) - a) / 1e-3


@F.forward(*SIZES, kinks=True)
def relu(z):
    return np.maximum(z, 0)


@relu.right
def _(delta, a, z):
    return delta * (z > 0)


@relu.wrong("small", "relu: a leak of 1e-4 in backward only")
def relu_leaks(delta, a, z):
    return delta * np.where(z > 0, 1.0, 1e-4)


@dataclass(frozen=True)
class LayerNorm(gn.Op):
    eps: float

    def parts(self, x):
        inv = 1 / np.sqrt(x.var(-1, keepdims=True) + self.eps)
        return (x - x.mean(-1, keepdims=True)) * inv, inv

    def forward(self, x):
        return self.parts(x)[0]

    def backward(self, delta, a, x):
        h, inv = self.parts(x)
        return inv * (delta - delta.mean(-1, keepdims=True) - h * (delta * h).mean(-1, keepdims=True))


layer_norm = F.op(LayerNorm(2e-4), *ROWS, span=(1e-1, 1e6), zero=False)


@layer_norm.wrong("small", "layer norm: ε under the root of forward, none in backward")
def layer_norm_no_eps(self, delta, a, x):
    h, _ = self.parts(x)
    g = delta - delta.mean(-1, keepdims=True) - h * (delta * h).mean(-1, keepdims=True)
    return g / np.sqrt(x.var(-1, keepdims=True))


@layer_norm.wrong("small", "layer norm: default ε of another framework in backward, 1e-5")
def layer_norm_other_eps(self, delta, a, x):
    return LayerNorm(1e-5).backward(delta, a, x)


@F.forward(*ROWS, span=(1e-1, 1e6), zero=False)
def l2_normalise(x):
    return x / (np.linalg.norm(x, axis=-1, keepdims=True) + 1e-4)


@l2_normalise.right
def _(delta, a, x):
    n = np.linalg.norm(x, axis=-1, keepdims=True)
    return delta / (n + 1e-4) - x * (x * delta).sum(-1, keepdims=True) / (n * (n + 1e-4) ** 2)


@l2_normalise.wrong("small", "NormalizeL2: ε in forward, backward is that of x/|x|")
def l2_normalise_no_eps(delta, a, x):
    n = np.linalg.norm(x, axis=-1, keepdims=True)
    return delta / n - x * (x * delta).sum(-1, keepdims=True) / n**3


@F.forward(*ROWS, span=(1e-1, 1e6), zero=False)
def rms_norm(x):
    return x / np.sqrt((x * x).mean(-1, keepdims=True) + 1e-4)


@rms_norm.right
def _(delta, a, x):
    r = 1 / np.sqrt((x * x).mean(-1, keepdims=True) + 1e-4)
    return r * delta - r**3 * x * (delta * x).mean(-1, keepdims=True)


@rms_norm.wrong("small", "rms norm: ε added outside the root in backward")
def rms_norm_eps_outside(delta, a, x):
    r = 1 / (np.sqrt((x * x).mean(-1, keepdims=True)) + 1e-4)
    return r * delta - r**3 * x * (delta * x).mean(-1, keepdims=True)


@F.forward(*POSITIVE, slots=("positive",), span=(1e-6, 1e6))
def log2(x):
    return np.log2(x)


@log2.right
def _(delta, a, x):
    return delta / (x * np.log(2))


@log2.wrong("small", "log2: ln 2 written 0.6931")
def log2_rounded(delta, a, x):
    return delta / (x * 0.6931)


@F.forward(*SIZES, span=(1e-6, 1e3))
def sine_of_turn(x):
    return np.sin(np.pi * x)


@sine_of_turn.right
def _(delta, a, x):
    return delta * np.pi * np.cos(np.pi * x)


@sine_of_turn.wrong("small", "Fourier features: π written 3.1416")
def sine_pi_rounded(delta, a, x):
    return delta * 3.1416 * np.cos(np.pi * x)


@F.forward(*POSITIVE, slots=("positive",), span=(1e-1, 1e6))
def safe_log(x):
    return np.log(x + 1e-4)


@safe_log.right
def _(delta, a, x):
    return delta / (x + 1e-4)


@safe_log.wrong("small", "log(x + ε): 1/x in backward")
def safe_log_no_eps(delta, a, x):
    return delta / x


@F.forward(
    *three(lambda n, k, m: (normal(n, k), normal(k, m)), (3, 4, 2), (5, 2, 3), (2, 3, 1)), slots=("real", "real")
)
def dense(x, w):
    return x @ w


@dense.right
def _(delta, a, x, w):
    return delta @ w.T, x.T @ delta


@dense.wrong("small", "dense: weight decay of 1e-4 added to the gradient inside the layer")
def dense_decay(delta, a, x, w):
    return delta @ w.T, x.T @ delta + 1e-4 * w


@dense.wrong("small", "dense: gradient computed in half precision")
def dense_half(delta, a, x, w):
    return delta @ w.T, (x.astype(np.float16).T @ delta.astype(np.float16)).astype(float)


def softmax(z):
    e = np.exp(z - z.max(-1, keepdims=True))
    return e / e.sum(-1, keepdims=True)


@F.forward(*three(lambda n, k: (normal(n, k), whole(labels(n, k))), (4, 3), (6, 4), (2, 5)), slots=("real", "fixed"))
def smoothed_cross_entropy(z, t):
    s = t * (1 - 1e-3) + 1e-3 / z.shape[-1]
    m = z - z.max(-1, keepdims=True)
    return -(s * (m - np.log(np.exp(m).sum(-1, keepdims=True)))).sum()


@smoothed_cross_entropy.right
def _(delta, a, z, t):
    return delta * (softmax(z) - t * (1 - 1e-3) - 1e-3 / z.shape[-1]), None


@smoothed_cross_entropy.wrong("small", "label smoothing of 1e-3 in forward only")
def smoothed_hard_labels(delta, a, z, t):
    return delta * (softmax(z) - t), None


@F.forward(*three(lambda n, k: (simplex(n, k),), (3, 4), (2, 3), (4, 5)), slots=("positive",), span=(1e-1, 10.0))
def entropy(p):
    return -(p * np.log(p)).sum()


@entropy.right
def _(delta, a, p):
    return -delta * (np.log(p) + 1)


@entropy.wrong("small", "entropy: log(p + 1e-5) in backward against log of zero")
def entropy_eps(delta, a, p):
    return -delta * (np.log(p + 1e-5) + 1)


@F.forward(*SIZES)
def degrees(x):
    return np.degrees(np.arctan(x))


@degrees.right
def _(delta, a, x):
    return delta * 180 / np.pi / (1 + x * x)


@degrees.wrong("small", "degrees: 180/π written 57.3")
def degrees_rounded(delta, a, x):
    return delta * 57.3 / (1 + x * x)


@F.forward(*three(lambda *s: (positive(*s),), (4, 3), (6,), (2, 5)), slots=("positive",), span=(1e-3, 1e6))
def inverse_root(x):
    return 1 / np.sqrt(x)


@inverse_root.right
def _(delta, a, x):
    return -0.5 * delta * a**3


@inverse_root.wrong("small", "rsqrt: one Newton step from a guess four per mille off")
def inverse_root_newton(delta, a, x):
    y = a * 1.01
    y = y * (1.5 - 0.5 * x * y * y)
    return -0.5 * delta * y**3
