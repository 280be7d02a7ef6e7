"""Precision: too few digits, unstable formulas, bounds in one rule and not in the other."""

from __future__ import annotations

import numpy as np

from .record import Family, coarse, normal, positive, three, uniform

F = Family("precision")
SIZES = three(normal, (4, 3), (6,), (2, 5))


def large(*shape):
    return normal(*shape, scale=400.0)


def sigmoid(z):
    return 0.5 * (1 + np.tanh(0.5 * z))


LARGE = (normal(4, 3), large(6), large(2, 5))


@F.forward(*LARGE)
def softplus(z):
    return np.maximum(z, 0) + np.log1p(np.exp(-np.abs(z)))


@softplus.right
def _(delta, a, z):
    return delta * sigmoid(z)


@softplus.wrong("precision", "softplus: e^z/(1 + e^z) overflows to nan")
def softplus_overflows(delta, a, z):
    return delta * np.exp(z) / (1 + np.exp(z))


@softplus.wrong("tail", "softplus: e^z clipped, at 2 from a test that was left in")
def softplus_clipped(delta, a, z):
    e = np.minimum(np.exp(z), 2)
    return delta * e / (1 + e)


@F.forward(*LARGE)
def logistic(z):
    return sigmoid(z)


@logistic.right
def _(delta, a, z):
    return delta * a * (1 - a)


@logistic.wrong("precision", "sigmoid: e^−z/(1 + e^−z)² is inf/inf for very negative z")
def logistic_overflows(delta, a, z):
    e = np.exp(-z)
    return delta * e / (1 + e) ** 2


@F.forward(*LARGE)
def logsumexp(z):
    m = z.max(-1)
    return m + np.log(np.exp(z - np.expand_dims(m, -1)).sum(-1))


@logsumexp.right
def _(delta, a, z):
    return np.expand_dims(delta, -1) * np.exp(z - np.expand_dims(a, -1))


@logsumexp.wrong("precision", "logsumexp: the maximum is taken off in forward only")
def logsumexp_unstable(delta, a, z):
    e = np.exp(z)
    return np.expand_dims(delta, -1) * e / e.sum(-1, keepdims=True)


OFFSET = three(lambda *s: normal(*s, shift=3000.0), (4, 5), (2, 6), (3, 4))


@F.forward(*OFFSET, span=(1e-1, 1e3), zero=False)
def normalise(x):
    return (x - x.mean(-1, keepdims=True)) / np.sqrt(x.var(-1, keepdims=True) + 1e-5)


@normalise.right
def _(delta, a, x):
    g = delta - delta.mean(-1, keepdims=True) - a * (delta * a).mean(-1, keepdims=True)
    return g / np.sqrt(x.var(-1, keepdims=True) + 1e-5)


@normalise.wrong("precision", "layer norm: E[x²] − E[x]² in float32 loses the variance beside the mean")
def normalise_single_pass(delta, a, x):
    y = x.astype(np.float32)
    var = np.abs((y * y).mean(-1, keepdims=True) - y.mean(-1, keepdims=True) ** 2).astype(float)
    g = delta - delta.mean(-1, keepdims=True) - a * (delta * a).mean(-1, keepdims=True)
    return g / np.sqrt(var + 1e-5)


@normalise.wrong("precision", "layer norm: x held in half precision between forward and backward")
def normalise_half(delta, a, x):
    y = x.astype(np.float16).astype(float)
    h = (y - y.mean(-1, keepdims=True)) / np.sqrt(y.var(-1, keepdims=True) + 1e-5)
    g = delta - delta.mean(-1, keepdims=True) - h * (delta * h).mean(-1, keepdims=True)
    return g / np.sqrt(x.var(-1, keepdims=True) + 1e-5)


@F.forward(normal(4, 3), normal(5, scale=1e-7), normal(2, 4, scale=1e-6), zero=False, ties=False, span=(1e-2, 10.0))
def relative_exp(x):
    return np.expm1(x) / x


def relative_exp_slope(x):
    small = np.abs(x) < 1e-2
    y = np.where(small, 1.0, x)
    series = 0.5 + x / 3 + x**2 / 8 + x**3 / 30 + x**4 / 144 + x**5 / 840
    return np.where(small, series, (np.exp(y) * y - np.expm1(y)) / y**2)


@relative_exp.right
def _(delta, a, x):
    return delta * relative_exp_slope(x)


@relative_exp.wrong("precision", "(e^x − 1)/x: quotient rule as it stands, all digits cancel at small x")
def relative_exp_cancels(delta, a, x):
    return delta * (np.exp(x) * x - (np.exp(x) - 1)) / x**2


@F.forward(normal(4, 3), normal(6, scale=1e5), normal(2, 5, scale=1e5))
def half_square(x):
    return 0.5 * x * x


@half_square.right
def _(delta, a, x):
    return delta * x


@half_square.wrong("precision", "autocast left on: float16 overflows beyond 65504")
def half_square_overflows(delta, a, x):
    return (delta * x).astype(np.float16).astype(float)


@half_square.wrong("precision", "gradient buffer made of an integer mask: values are truncated")
def half_square_integer_buffer(delta, a, x):
    g = np.zeros(x.shape, dtype=int)
    g[...] = (delta * x).astype(int)
    return g.astype(float)


@half_square.wrong("tail", "gradients beyond a hundred are set to a hundred's, 'inf guard'")
def half_square_guarded(delta, a, x):
    return delta * np.clip(x, -100, 100)


def bfloat(x):
    return (np.asarray(x, np.float32).view(np.uint32) & np.uint32(0xFFFF0000)).view(np.float32).astype(float)


@F.forward(*SIZES)
def sine(x):
    return np.sin(x)


@sine.right
def _(delta, a, x):
    return delta * np.cos(x)


@sine.wrong("precision", "sin: saved in bfloat16 for the backward pass")
def sine_bfloat(delta, a, x):
    return bfloat(delta * np.cos(bfloat(x)))


@sine.wrong("precision", "sin: backward by a difference with a step of 0.1")
def sine_difference(delta, a, x):
    return delta * (np.sin(x + 0.1) - np.sin(x)) / 0.1


@sine.wrong("precision", "sin: slope from a table of 32 entries")
def sine_table(delta, a, x):
    step = 2 * np.pi / 32
    return delta * np.cos(np.round(x / step) * step)


@sine.wrong("tail", "sin: cosine by a Taylor polynomial, good to one radian")
def sine_taylor(delta, a, x):
    return delta * (1 - x**2 / 2 + x**4 / 24)


PROBABILITIES = three(lambda *s: uniform(0.0, 0.4, *s), (4, 3), (6,), (2, 5))


@F.forward(*PROBABILITIES, slots=("fixed",), kinks=True)
def clipped_log(p):
    return np.log(np.clip(p, 0.1, 0.9))


@clipped_log.right
def _(delta, a, p):
    return delta * ((p > 0.1) & (p < 0.9)) / np.clip(p, 0.1, 0.9)


@clipped_log.wrong("bound", "log of a clipped probability: backward 1/p with no regard to the clip")
def clipped_log_unclipped(delta, a, p):
    return delta / p


@clipped_log.wrong("bound", "log of a clipped probability: clipped below the bar, but still passing a signal")
def clipped_log_passes(delta, a, p):
    return delta / np.clip(p, 0.1, 0.9)


@F.forward(*three(lambda *s: (positive(*s),), (4, 3), (6,), (2, 5)), slots=("positive",), span=(1e-2, 1e8))
def root(x):
    return np.sqrt(x + 0.1)


@root.right
def _(delta, a, x):
    return delta / (2 * a)


@root.wrong("wrong factor", "sqrt(x + ε): ε added after the root in backward")
def root_eps_outside(delta, a, x):
    return delta / (2 * (np.sqrt(x) + 0.1))


@root.wrong("wrong factor", "sqrt(x + ε): no ε in backward")
def root_no_eps(delta, a, x):
    return delta / (2 * np.sqrt(x))


@F.forward(coarse(4, 3), normal(6), normal(2, 5))
def cube(x):
    return x**3


@cube.right
def _(delta, a, x):
    return 3 * delta * x**2


@cube.wrong("precision", "power: the base was rounded to the integer type of its exponent")
def cube_of_integers(delta, a, x):
    return 3 * delta * np.round(x) ** 2


@cube.wrong("tail", "power: |x| > 1 only, smaller ones 'vanish anyway'")
def cube_small_dropped(delta, a, x):
    return 3 * delta * x**2 * (np.abs(x) > 1)
