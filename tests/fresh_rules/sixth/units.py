"""Sixth set: units with trained parameters, and normalisations over uncommon axes."""

from __future__ import annotations

import numpy as np

from ..record import Family, normal, positive, three, uniform

F = Family("sixth, units and norms")
SMALL = (1e-4, 30.0)


def sigmoid(z):
    return (1 + np.tanh(z / 2)) / 2


@F.forward(*three(lambda n, c: (normal(n, c), normal(c)), (3, 4), (2, 3), (5, 2)), slots=("real", "real"), span=SMALL)
def swish_trained(x, beta):
    return x * sigmoid(beta * x)


def swish_trained_signals(d, x, beta, inner=1.0, power=2):
    s = sigmoid(beta * x)
    return d * (s + (beta if inner else 1) * x * s * (1 - s)), (d * x**power * s * (1 - s)).sum(0)


@swish_trained.right
def _(d, a, x, beta):
    return swish_trained_signals(d, x, beta)


@swish_trained.wrong("missing factor", "swish with a trained β: β forgotten as the slope of the inner product")
def swish_trained_no_inner_beta(d, a, x, beta):
    return swish_trained_signals(d, x, beta, inner=0.0)


@swish_trained.wrong("missing factor", "swish with a trained β: x for x² in the slope by β")
def swish_trained_x_once(d, a, x, beta):
    return swish_trained_signals(d, x, beta, power=1)


@swish_trained.wrong("missing sum", "swish with a trained β: the first sample's signal taken for that of all")
def swish_trained_first_sample(d, a, x, beta):
    s = sigmoid(beta * x)
    return swish_trained_signals(d, x, beta)[0], (d * x**2 * s * (1 - s))[0]


@F.forward(*three(lambda *s: (normal(*s), normal(3), normal()), (5,), (3, 4), (2, 2, 3)), slots=("real", "real", "real"),
           span=SMALL)  # fmt: skip
def rational_unit(x, p, q):
    return (p[0] + p[1] * x + p[2] * x * x) / (1 + (q * x) ** 2)


def rational_unit_signals(d, a, x, p, q, power=1, sign=-1.0):
    below = 1 + (q * x) ** 2
    dx = d * ((p[1] + 2 * p[2] * x) / below + sign * a * 2 * q * q * x / below**power)
    dp = np.stack([(d * x**k / below).sum() for k in range(3)])
    return dx, dp, (-d * a * 2 * q * x * x / below).sum()


@rational_unit.right
def _(d, a, x, p, q):
    return rational_unit_signals(d, a, x, p, q)


@rational_unit.wrong("wrong sign of a term", "rational unit: the quotient rule with a plus")
def rational_unit_plus(d, a, x, p, q):
    return rational_unit_signals(d, a, x, p, q, sign=1.0)


@rational_unit.wrong(
    "wrong factor", "rational unit: the output divided by the denominator once more, in its second term"
)
def rational_unit_below_squared(d, a, x, p, q):
    return rational_unit_signals(d, a, x, p, q, power=2)


@F.forward(normal(3, 4), normal(5), normal(2, 2, 3), kinks=True)
def both_signs(x):
    return np.concatenate([np.maximum(x, 0), np.maximum(-x, 0)], -1)


@both_signs.right
def _(d, a, x):
    up, down = np.split(d, 2, -1)
    return up * (x > 0) - down * (x < 0)


@both_signs.wrong("wrong sign of a term", "concatenated ReLU: the minus of the second half forgotten")
def both_signs_plus(d, a, x):
    up, down = np.split(d, 2, -1)
    return up * (x > 0) + down * (x < 0)


@both_signs.wrong("missing term", "concatenated ReLU: the second half takes no part")
def both_signs_first_half(d, a, x):
    return np.split(d, 2, -1)[0] * (x > 0)


@F.forward(*three(lambda n, c: (normal(n, c), normal(c), normal(c)), (3, 4), (2, 3), (5, 2)),
           slots=("real", "real", "real"), span=(1e-4, 10.0))  # fmt: skip
def acon(x, p, q):
    return (p - q) * x * sigmoid((p - q) * x) + q * x


def acon_signals(d, x, p, q, both=1.0, own=1.0):
    z = (p - q) * x
    slope = sigmoid(z) * (1 + z * (1 - sigmoid(z)))
    return d * ((p - q) * slope + q), (d * x * slope).sum(0), (d * x * (own - both * slope)).sum(0)


@acon.right
def _(d, a, x, p, q):
    return acon_signals(d, x, p, q)


@acon.wrong("missing term", "ACON: the second parameter acts through the line only, not through the difference")
def acon_difference_forgotten(d, a, x, p, q):
    return acon_signals(d, x, p, q, both=0.0)


@acon.wrong("missing term", "ACON: the line's own q x left out of the second parameter's signal")
def acon_line_forgotten(d, a, x, p, q):
    return acon_signals(d, x, p, q, own=0.0)


@F.forward(
    *three(lambda *s: (normal(*s), uniform(0.6, 1.8)), (6,), (3, 4), (2, 2, 3)), slots=("real", "fixed"), span=SMALL
)
def celu_trained(x, alpha):
    return np.where(x > 0, x, alpha * np.expm1(np.minimum(x, 0) / alpha))


@celu_trained.right
def _(d, a, x, alpha):
    e = np.exp(np.minimum(x, 0) / alpha)
    return d * np.where(x > 0, 1, e), (d * (x <= 0) * (e - 1 - e * x / alpha)).sum()


@celu_trained.wrong("missing term", "CELU: α acts through the height only, not through the exponent")
def celu_trained_exponent_held(d, a, x, alpha):
    e = np.exp(np.minimum(x, 0) / alpha)
    return d * np.where(x > 0, 1, e), (d * (x <= 0) * (e - 1)).sum()


@celu_trained.wrong("missing factor", "CELU: exp x for exp(x/α), as if α was 1")
def celu_trained_unit_alpha(d, a, x, alpha):
    e = np.exp(np.minimum(x, 0) / alpha)
    return d * np.where(x > 0, 1, np.exp(np.minimum(x, 0))), (d * (x <= 0) * (e - 1 - e * x / alpha)).sum()


def standard(w, axes):
    centred = w - w.mean(axes, keepdims=True)
    return centred / np.sqrt((centred**2).mean(axes, keepdims=True) + 1e-5)


def standard_signal(d, w, axes, mean=1.0, along=1.0, size=None):
    a = standard(w, axes)
    deviation = np.sqrt(((w - w.mean(axes, keepdims=True)) ** 2).mean(axes, keepdims=True) + 1e-5)
    inner = along * a * (d * a).mean(axes, keepdims=True)
    return (d - mean * d.mean(axes, keepdims=True) - inner) / deviation


@F.forward(normal(3, 2, 3), normal(2, 4, 2), normal(4, 1, 5), zero=False, ties=False, span=(0.1, 1e4))
def weight_standard(w):
    return standard(w, (1, 2))


@weight_standard.right
def _(d, a, w):
    return standard_signal(d, w, (1, 2))


@weight_standard.wrong("lost mean", "standardised weights: the mean's path forgotten")
def weight_standard_mean_lost(d, a, w):
    return standard_signal(d, w, (1, 2), mean=0.0)


@weight_standard.wrong("missing term", "standardised weights: the deviation taken for a constant")
def weight_standard_deviation_held(d, a, w):
    return standard_signal(d, w, (1, 2), along=0.0)


@weight_standard.wrong(
    "wrong axis", "standardised weights: the signal's means over the kernel only, not over the input channels"
)
def weight_standard_kernel_only(d, a, w):
    deviation = w.std((1, 2), keepdims=True)
    return (d - d.mean(2, keepdims=True) - a * (d * a).mean(2, keepdims=True)) / deviation


@F.forward(*three(lambda n, c, t: (normal(n, c, t), normal(c)), (2, 3, 5), (3, 2, 4), (1, 4, 6)), slots=("real", "real"),
           zero=False, ties=False, span=(0.1, 1e4))  # fmt: skip
def instance_norm(x, gain):
    return gain[:, None] * standard(x, (2,))


def instance_norm_signals(d, x, gain, axes=(2,)):
    return standard_signal(d * gain[:, None], x, axes), (d * standard(x, (2,))).sum((0, 2))


@instance_norm.right
def _(d, a, x, gain):
    return instance_norm_signals(d, x, gain)


@instance_norm.wrong("wrong axis", "instance norm: the backward rule of batch norm, over the batch too")
def instance_norm_as_batch(d, a, x, gain):
    return instance_norm_signals(d, x, gain, axes=(0, 2))


@instance_norm.wrong("missing factor", "instance norm: the gain forgotten on the way to x")
def instance_norm_no_gain(d, a, x, gain):
    return standard_signal(d, x, (2,)), instance_norm_signals(d, x, gain)[1]


@instance_norm.wrong("size factor", "instance norm: the gain's signal a mean over the batch, summed over time")
def instance_norm_gain_batch_mean(d, a, x, gain):
    dx, dg = instance_norm_signals(d, x, gain)
    return dx, dg / len(x)


@F.forward(*three(lambda n, c, t: (normal(n, c, t), normal(c), normal(c)), (2, 3, 4), (3, 2, 5), (2, 2, 3)),
           slots=("fixed", "fixed", "fixed"), kinks=True)  # fmt: skip
def filter_response(x, gain, low):
    scale = np.sqrt((x * x).mean(2, keepdims=True) + 1e-6)
    return np.maximum(gain[:, None] * x / scale, low[:, None])


def filter_response_signals(d, x, gain, low, along=1.0, over=None):
    scale = np.sqrt((x * x).mean(2, keepdims=True) + 1e-6)
    unit = x / scale
    on = gain[:, None] * unit > low[:, None]
    sent = d * on * gain[:, None]
    below = d if over else d * ~on
    dx = (sent - along * unit * (sent * unit).mean(2, keepdims=True)) / scale
    return dx, (d * on * unit).sum((0, 2)), below.sum((0, 2))


@filter_response.right
def _(d, a, x, gain, low):
    return filter_response_signals(d, x, gain, low)


@filter_response.wrong("lost projection", "filter response norm: the root mean square taken for given")
def filter_response_scale_held(d, a, x, gain, low):
    return filter_response_signals(d, x, gain, low, along=0.0)


@filter_response.wrong("bound", "filter response norm: the threshold gets δ above itself too")
def filter_response_low_everywhere(d, a, x, gain, low):
    return filter_response_signals(d, x, gain, low, over=True)


@F.forward(*three(lambda *s: (normal(*s), normal()), (3, 4), (2, 3), (2, 2, 3)), slots=("real", "real"), zero=False,
           ties=False)  # fmt: skip
def scale_norm(x, g):
    return g * x / np.sqrt((x * x).sum(-1, keepdims=True))


def scale_norm_signals(d, x, g):
    length = np.sqrt((x * x).sum(-1, keepdims=True))
    unit = x / length
    return g * (d - unit * (d * unit).sum(-1, keepdims=True)) / length, (d * unit).sum()


@scale_norm.right
def _(d, a, x, g):
    return scale_norm_signals(d, x, g)


@scale_norm.wrong("constant factor", "one gain over unit vectors: forgotten on the way to x")
def scale_norm_no_gain(d, a, x, g):
    dx, dg = scale_norm_signals(d, x, g)
    return dx / g, dg


@scale_norm.wrong("wrong factor", "one gain over unit vectors: the gain's signal reads the output")
def scale_norm_gain_by_output(d, a, x, g):
    return scale_norm_signals(d, x, g)[0], (d * a).sum()


@F.forward(*three(lambda n, c, t: (normal(n, c, t), normal(c)), (2, 3, 4), (3, 2, 5), (1, 4, 3)), slots=("real", "real"),
           zero=False, ties=False)  # fmt: skip
def global_response(x, gain):
    size = np.sqrt((x * x).sum(2, keepdims=True))
    return x + gain[:, None] * x * size / size.mean(1, keepdims=True)


def global_response_signals(d, x, gain, own=1.0, others=1.0, beside=1.0):
    size = np.sqrt((x * x).sum(2, keepdims=True))
    mean = size.mean(1, keepdims=True)
    sent = d * gain[:, None]
    toward = (sent * x).sum(2, keepdims=True) / mean
    common = (toward * size / mean).sum(1, keepdims=True) / x.shape[1]
    return (
        beside * d + sent * size / mean + (own * toward - others * common) * x / size,
        (d * x * size / mean).sum((0, 2)),
    )


@global_response.right
def _(d, a, x, gain):
    return global_response_signals(d, x, gain)


@global_response.wrong("detached", "global response norm: the channels' sizes taken for constants")
def global_response_sizes_held(d, a, x, gain):
    return global_response_signals(d, x, gain, own=0.0, others=0.0)


@global_response.wrong("missing term", "global response norm: the mean over channels taken for a constant")
def global_response_mean_held(d, a, x, gain):
    return global_response_signals(d, x, gain, others=0.0)


@global_response.wrong("missing term", "global response norm: the residual path forgotten")
def global_response_no_residual(d, a, x, gain):
    return global_response_signals(d, x, gain, beside=0.0)


@F.forward(normal(3, 4), normal(5), normal(2, 3, 3), zero=False, ties=False)
def squashed(s):
    square = (s * s).sum(-1, keepdims=True)
    return s * np.sqrt(square) / (1 + square)


def squashed_signal(d, s, slope):
    square = (s * s).sum(-1, keepdims=True)
    return d * np.sqrt(square) / (1 + square) + s * (d * s).sum(-1, keepdims=True) * slope(square)


@squashed.right
def _(d, a, s):
    return squashed_signal(d, s, lambda q: (1 - q) / (np.sqrt(q) * (1 + q) ** 2))


@squashed.wrong("lost projection", "squashed capsule: the length taken for given")
def squashed_length_held(d, a, s):
    return squashed_signal(d, s, lambda q: 0.0)


@squashed.wrong("wrong factor", "squashed capsule: the denominator not squared in the slope of the length")
def squashed_not_squared(d, a, s):
    return squashed_signal(d, s, lambda q: (1 - q) / (np.sqrt(q) * (1 + q)))


@F.forward(normal(3, 4), normal(6), normal(2, 3, 3), span=(1e-8, 1e4))
def taylor_softmax(z):
    e = 1 + z + z * z / 2
    return e / e.sum(-1, keepdims=True)


def taylor_softmax_signal(d, a, z, slope, row=1.0):
    total = (1 + z + z * z / 2).sum(-1, keepdims=True)
    return (d - row * (d * a).sum(-1, keepdims=True)) * slope / total


@taylor_softmax.right
def _(d, a, z):
    return taylor_softmax_signal(d, a, z, 1 + z)


@taylor_softmax.wrong("wrong factor", "softmax by a Taylor series: the slope of the exponential, the series itself")
def taylor_softmax_exponential(d, a, z):
    return taylor_softmax_signal(d, a, z, 1 + z + z * z / 2)


@taylor_softmax.wrong("lost projection", "softmax by a Taylor series: the sum taken for given")
def taylor_softmax_sum_held(d, a, z):
    return taylor_softmax_signal(d, a, z, 1 + z, row=0.0)


@F.forward(
    *three(lambda n, c: (normal(n, c), normal(), normal(c)), (3, 4), (2, 3), (5, 2)), slots=("real",) * 3, span=SMALL
)
def dynamic_tanh(x, alpha, gain):
    return gain * np.tanh(alpha * x)


def dynamic_tanh_signals(d, x, alpha, gain):
    t = np.tanh(alpha * x)
    sent = d * gain * (1 - t * t)
    return sent * alpha, (sent * x).sum(), (d * t).sum(0)


@dynamic_tanh.right
def _(d, a, x, alpha, gain):
    return dynamic_tanh_signals(d, x, alpha, gain)


@dynamic_tanh.wrong("missing factor", "tanh with a trained slope: the gain forgotten in the slope's signal")
def dynamic_tanh_gain_forgotten(d, a, x, alpha, gain):
    dx, _, dg = dynamic_tanh_signals(d, x, alpha, gain)
    return dx, (d * x * (1 - np.tanh(alpha * x) ** 2)).sum(), dg


@dynamic_tanh.wrong("wrong factor", "tanh with a trained slope: 1 − a² of the output, that has the gain in it")
def dynamic_tanh_of_output(d, a, x, alpha, gain):
    sent = d * gain * (1 - a * a)
    return sent * alpha, (sent * x).sum(), (d * np.tanh(alpha * x)).sum(0)


@dynamic_tanh.wrong("size factor", "tanh with a trained slope: a mean over all entries")
def dynamic_tanh_slope_mean(d, a, x, alpha, gain):
    dx, da, dg = dynamic_tanh_signals(d, x, alpha, gain)
    return dx, da / x.size, dg


@F.forward(normal(3, 4), normal(6), normal(2, 3, 3), span=(1e-8, 30))
def quiet_softmax(z):
    top = np.maximum(z.max(-1, keepdims=True), 0)
    e = np.exp(z - top)
    return e / (np.exp(-top) + e.sum(-1, keepdims=True))


@quiet_softmax.right
def _(d, a, z):
    return a * (d - (d * a).sum(-1, keepdims=True))


@quiet_softmax.wrong("missing factor", "softmax with 1 more below: written for shares that add up to 1")
def quiet_softmax_divided(d, a, z):
    return a * (d - (d * a).sum(-1, keepdims=True) / a.sum(-1, keepdims=True))


@quiet_softmax.wrong("missing factor", "softmax with 1 more below: the sum of δ without the shares")
def quiet_softmax_plain_sum(d, a, z):
    return a * (d - d.mean(-1, keepdims=True))


@F.forward(*three(lambda n, c, t: (normal(n, c, t), positive(c)), (2, 3, 4), (3, 4, 2), (1, 5, 3)),
           slots=("real", "positive"), zero=False, ties=False)  # fmt: skip
def pixel_norm(x, gain):
    return gain[:, None] * x / np.sqrt((x * x).mean(1, keepdims=True))


def pixel_norm_signals(d, x, gain, axis=1, counted=1.0):
    root = np.sqrt((x * x).mean(1, keepdims=True))
    unit, sent = x / root, d * gain[:, None]
    share = (sent * unit).sum(axis, keepdims=True) / (x.shape[axis] * counted)
    return (sent - unit * share) / root, (d * unit).sum((0, 2))


@pixel_norm.right
def _(d, a, x, gain):
    return pixel_norm_signals(d, x, gain)


@pixel_norm.wrong("wrong axis", "pixel norm: the signal's share over the pixels, not over the channels")
def pixel_norm_over_pixels(d, a, x, gain):
    return pixel_norm_signals(d, x, gain, axis=2)


@pixel_norm.wrong("size factor", "pixel norm: the share's mean counts all the sample's entries")
def pixel_norm_counts_pixels(d, a, x, gain):
    return pixel_norm_signals(d, x, gain, counted=float(x.shape[2]))
