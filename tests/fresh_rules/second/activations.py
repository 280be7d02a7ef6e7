"""Second set: activations, with parameters and gates."""

from __future__ import annotations

import numpy as np

from ..record import Family, normal, uniform

F = Family("second, activations")


C = np.sqrt(2 / np.pi)


def sig(z):
    return 1 / (1 + np.exp(-z))


@F.forward(normal(3, 4, scale=1.5), normal(5, 2, scale=1.5), normal(2, 3, 2, scale=1.5))
def gelu_tanh(z):
    return 0.5 * z * (1 + np.tanh(C * (z + 0.044715 * z**3)))


@gelu_tanh.right
def _(d, a, z):
    t = np.tanh(C * (z + 0.044715 * z**3))
    return d * (0.5 * (1 + t) + 0.5 * z * (1 - t * t) * C * (1 + 3 * 0.044715 * z * z))


@gelu_tanh.wrong("wrong factor", "gelu_tanh: derivative of z³ written z², factor 3 missing in one inner term")
def gelu_cubic_without_three(d, a, z):
    t = np.tanh(C * (z + 0.044715 * z**3))
    return d * (0.5 * (1 + t) + 0.5 * z * (1 - t * t) * C * (1 + 0.044715 * z * z))


@gelu_tanh.wrong("wrong factor", "gelu_tanh: 1 − t instead of 1 − t² (square missing)")
def gelu_sech_not_squared(d, a, z):
    t = np.tanh(C * (z + 0.044715 * z**3))
    return d * (0.5 * (1 + t) + 0.5 * z * (1 - t) * C * (1 + 3 * 0.044715 * z * z))


@gelu_tanh.wrong(
    "wrong factor", "gelu_tanh: the derivative of another approximation, z·σ(1.702 z); nearly right (off by up to 0.02)"
)
def gelu_of_the_quick_kind(d, a, z):
    s = sig(1.702 * z)
    return d * (s + z * 1.702 * s * (1 - s))


def sp(z):
    return np.logaddexp(0, z)


@F.forward(normal(3, 4, scale=1.5), normal(5, 2, scale=1.5), normal(2, 3, 2, scale=1.5))
def mish(z):
    return z * np.tanh(sp(z))


@mish.right
def _(d, a, z):
    t = np.tanh(sp(z))
    return d * (t + z * (1 - t * t) * sig(z))


@mish.wrong("missing factor", "mish: inner derivative σ(z) of softplus forgotten in the second term")
def mish_without_sigmoid(d, a, z):
    return d * (np.tanh(sp(z)) + z * (1 - np.tanh(sp(z)) ** 2))


@mish.wrong("wrong factor", "mish: tanh of softplus taken as a / z … with z·σ'(z) for z·(1−t²)σ(z)")
def mish_quotient(d, a, z):
    return d * (np.tanh(sp(z)) + z * sig(z) * (1 - sig(z)))


al, la = (1.6732632423543772, 1.0507009873554805)


al, la = (1.6732632423543772, 1.0507009873554805)


@F.forward(normal(3, 4, scale=1.5), normal(5, 2, scale=1.5), normal(2, 3, 2, scale=1.5), kinks=True)
def selu(z):
    return la * np.where(z > 0, z, al * (np.exp(np.minimum(z, 0)) - 1))


@selu.right
def _(d, a, z):
    return d * np.where(z > 0, la, a + la * al)


@selu.wrong("constant factor", "selu: outer scale λ forgotten on both branches: a factor 1/λ everywhere, 0.9517")
def selu_without_lambda(d, a, z):
    return d * np.where(z > 0, 1, al * np.exp(np.minimum(z, 0)))


@selu.wrong(
    "missing term", "selu: a + α in place of a + λα on the negative branch: off by a constant for negative inputs"
)
def selu_output_plus_alpha(d, a, z):
    return d * np.where(z > 0, la, a + al)


@F.forward(normal(3, 4, scale=3.5), normal(5, 2, scale=3.5), normal(2, 3, 2, scale=3.5), kinks=True)
def hard_sigmoid(z):
    return np.clip(z / 6 + 0.5, 0, 1)


@hard_sigmoid.right
def _(d, a, z):
    return d * ((z > -3) & (z < 3)) / 6


@hard_sigmoid.wrong(
    "constant factor", "hard_sigmoid: slope 0.2 of another library's definition instead of 1/6: factor 1.2"
)
def hard_sigmoid_slope_fifth(d, a, z):
    return d * ((z > -3) & (z < 3)) * 0.2


@hard_sigmoid.wrong("bound", "hard_sigmoid: the bend is put at ±2.5 instead of ±3: zero for 2.5 < |z| < 3")
def hard_sigmoid_range_two_and_a_half(d, a, z):
    return d * ((z > -2.5) & (z < 2.5)) / 6


@hard_sigmoid.wrong("wrong factor", "hard_sigmoid: a (1 − a), the soft sigmoid's slope")
def hard_sigmoid_slope_of_sigmoid(d, a, z):
    return d * a * (1 - a)


@F.forward(normal(4, 4, scale=4), normal(5, 3, scale=4), normal(2, 3, 2, scale=4), kinks=True)
def hardswish(z):
    return z * np.clip(z + 3, 0, 6) / 6


@hardswish.right
def _(d, a, z):
    return d * np.where(z <= -3, 0, np.where(z >= 3, 1, (2 * z + 3) / 6))


@hardswish.wrong("bound", "hardswish: (2z + 3)/6 used above 3, too")
def hardswish_no_upper_case(d, a, z):
    return d * np.where(z <= -3, 0, (2 * z + 3) / 6)


@hardswish.wrong("missing term", "hardswish: z/3 instead of z/3 + 1/2 in the middle: off by −1/2 there")
def hardswish_z_over_three(d, a, z):
    return d * np.where(z <= -3, 0, np.where(z >= 3, 1, z / 3))


@F.forward(
    (normal(4, 3), uniform(0.1, 0.4, 3)),
    (normal(5, 2), uniform(0.1, 0.4, 2)),
    (normal(6, 4), uniform(0.1, 0.4, 4)),
    slots=("real", "fixed"),
    kinks=True,
)
def prelu(z, w):
    return np.where(z > 0, z, w * z)


@prelu.right
def _(d, a, z, w):
    return (d * np.where(z > 0, 1, w), (d * np.minimum(z, 0)).sum(0))


@prelu.wrong("size factor", "prelu: mean over the batch instead of the sum for the slope")
def prelu_weight_mean(d, a, z, w):
    return (d * np.where(z > 0, 1, w), (d * np.minimum(z, 0)).mean(0))


@prelu.wrong("output for input", "prelu: a·[z<0] instead of z·[z<0] for the slope: a factor w of each unit")
def prelu_weight_of_output(d, a, z, w):
    return (d * np.where(z > 0, 1, w), (d * np.minimum(a, 0)).sum(0))


@prelu.wrong("wrong axis", "prelu: slope gradient summed over units too and given to each (weights of shared slope)")
def prelu_one_slope_for_all(d, a, z, w):
    return (d * np.where(z > 0, 1, w), np.full(w.shape, (d * np.minimum(z, 0)).sum()))


@prelu.wrong("bound", "prelu: slope gradient counts positive inputs too (mask missing)")
def prelu_weight_unmasked(d, a, z, w):
    return (d * np.where(z > 0, 1, w), (d * z).sum(0))


@F.forward(normal(3, 4, scale=1.5), normal(5, 2, scale=1.5), normal(2, 3, 2, scale=1.5))
def softsign(z):
    return z / (1 + np.abs(z))


@softsign.right
def _(d, a, z):
    return d / (1 + np.abs(z)) ** 2


@softsign.wrong("wrong factor", "softsign: 1 + z² instead of (1 + |z|)²")
def softsign_square_of_z(d, a, z):
    return d / (1 + z * z)


@softsign.wrong("wrong factor", "softsign: 1 − a² from tanh instead of (1 − |a|)²")
def softsign_one_minus_square(d, a, z):
    return d * (1 - a * a)


@softsign.wrong("wrong factor", "softsign: (1 − a)² without the absolute value: wrong for negative inputs only")
def softsign_unsigned_square(d, a, z):
    return d * (1 - a) ** 2


@F.forward(normal(3, 4, scale=1.5), normal(5, 2, scale=1.5), normal(2, 3, 2, scale=1.5))
def logsigmoid(z):
    return -sp(-z)


@logsigmoid.right
def _(d, a, z):
    return d * sig(-z)


@logsigmoid.wrong("wrong factor", "logsigmoid: σ(z) instead of 1 − σ(z): z with the wrong sign inside")
def logsigmoid_sigmoid_itself(d, a, z):
    return d * sig(z)


@logsigmoid.wrong("wrong factor", "logsigmoid: 1 − a from the output, that is the log already: exp missing")
def logsigmoid_one_minus_a(d, a, z):
    return d * (1 - a)


@F.forward(normal(3, 4, scale=1.5), normal(2, 6, scale=1.5), normal(2, 2, 6, scale=1.5))
def glu(z):
    h = z.shape[-1] // 2
    return z[..., :h] * sig(z[..., h:])


@glu.right
def _(d, a, z):
    h = z.shape[-1] // 2
    s = sig(z[..., h:])
    return np.concatenate([d * s, d * z[..., :h] * s * (1 - s)], -1)


@glu.wrong("wrong place", "glu: the two halves of the gradient concatenated in the wrong order")
def glu_halves_swapped(d, a, z):
    h = z.shape[-1] // 2
    s = sig(z[..., h:])
    return np.concatenate([d * z[..., :h] * s * (1 - s), d * s], -1)


@glu.wrong("missing factor", "glu: gate half lacks the factor value (first half of input)")
def glu_gate_without_value(d, a, z):
    h = z.shape[-1] // 2
    s = sig(z[..., h:])
    return np.concatenate([d * s, d * s * (1 - s)], -1)


@glu.wrong("wrong place", "glu: takes the first half as gate, the second as value")
def glu_gates_by_the_first_half(d, a, z):
    h = z.shape[-1] // 2
    s = sig(z[..., :h])
    return np.concatenate([d * s, d * z[..., h:] * s * (1 - s)], -1)


def snake_r(d, a, z, al):
    return (d * (1 + np.sin(2 * al * z)), (d * (z * np.sin(2 * al * z) / al - np.sin(al * z) ** 2 / al**2)).sum(0))


@F.forward(
    (normal(4, 3), uniform(0.5, 2, 3)),
    (normal(5, 2), uniform(0.5, 2, 2)),
    (normal(6, 4), uniform(0.5, 2, 4)),
    slots=("real", "fixed"),
)
def snake(z, al):
    return z + np.sin(al * z) ** 2 / al


snake.right(snake_r)


@snake.wrong("missing term", "snake: second term of the product rule for α, −sin²/α², forgotten")
def snake_alpha_one_term(d, a, z, al):
    return (d * (1 + np.sin(2 * al * z)), (d * z * np.sin(2 * al * z) / al).sum(0))


@snake.wrong("wrong factor", "snake: sin(αz) instead of sin(2αz)")
def snake_without_doubled_angle(d, a, z, al):
    return (d * (1 + np.sin(al * z)), snake_r(d, a, z, al)[1])


@snake.wrong("detached", "snake: α treated as constant: zeros for it")
def snake_alpha_stopped(d, a, z, al):
    return (d * (1 + np.sin(2 * al * z)), np.zeros_like(al))


@F.forward(normal(3, 4, scale=1.5), normal(5, 2, scale=1.5), normal(2, 3, 2, scale=1.5))
def elu_inplace(z):
    return np.where(z > 0, z, np.expm1(np.minimum(z, 0)))


@elu_inplace.right
def _(d, a, z):
    return d * np.where(z > 0, 1, a + 1)


@elu_inplace.wrong(
    "output for input",
    "elu_inplace: exp(a) where exp(z) belongs, for negative inputs (in-place version keeps the output only)",
)
def elu_exp_of_output(d, a, z):
    return d * np.where(z > 0, 1, np.exp(a))


@F.forward(normal(3, 4, scale=1.5), normal(5, 2, scale=1.5), normal(2, 3, 2, scale=1.5), kinks=True)
def softshrink(z):
    return np.where(np.abs(z) > 0.5, z - 0.5 * np.sign(z), 0.0)


@softshrink.right
def _(d, a, z):
    return d * (np.abs(z) > 0.5)


@softshrink.wrong("sign", "softshrink: multiplied by sign(z): wrong sign for z < −λ")
def softshrink_sign(d, a, z):
    return d * (np.abs(z) > 0.5) * np.sign(z)


@softshrink.wrong("bound", "softshrink: z > λ only: zero for z < −λ")
def softshrink_upper_only(d, a, z):
    return d * (z > 0.5)
