"""Second set: clamps, gates and bounds."""

from __future__ import annotations

import numpy as np

from ..record import Family, normal

F = Family("second, edges")


@F.forward(normal(4, 4, scale=1.5), normal(6, 3, scale=1.5), normal(2, 3, 4, scale=1.5), kinks=True)
def clamp(x):
    return np.clip(x, -1, 1)


@clamp.right
def _(d, a, x):
    return d * ((x > -1) & (x < 1))


@clamp.wrong("bound", "clamp: δ passed beyond the limits")
def clamp_straight_through(d, a, x):
    return d.copy()


@clamp.wrong("bound", "clamp: lower limit not masked")
def clamp_upper_limit_only(d, a, x):
    return d * (x < 1)


@clamp.wrong("bound", "clamp: mask inverted")
def clamp_mask_inverted(d, a, x):
    return d * ((x < -1) | (x > 1))


@F.forward(normal(4, 4, scale=1.5), normal(6, 3, scale=1.5), normal(2, 3, 4, scale=1.5))
def smooth_abs(x):
    return np.sqrt(x * x + 0.01)


@smooth_abs.right
def _(d, a, x):
    return d * x / a


@smooth_abs.wrong("wrong factor", "smooth_abs: sign(x) for x/a (near right far from 0)")
def smooth_abs_sign(d, a, x):
    return d * np.sign(x)


@F.forward(
    (normal(3, 4), normal(3, 4)),
    (normal(5, 2), normal(5, 2)),
    (normal(2, 3, 2), normal(2, 3, 2)),
    slots=("real", "real"),
    kinks=True,
)
def maximum_two(x, y):
    return np.maximum(x, y)


@maximum_two.right
def _(d, a, x, y):
    return (d * ((x > y) + 0.5 * (x == y)), d * ((y > x) + 0.5 * (x == y)))


@maximum_two.wrong("wrong place", "maximum_two: half to each always")
def maximum_half_each(d, a, x, y):
    return (d / 2, d / 2)


@maximum_two.wrong("swapped", "maximum_two: masks exchanged")
def maximum_exchanged(d, a, x, y):
    return (d * (x <= y), d * (x > y))


def sig(z):
    return 1 / (1 + np.exp(-z))


@F.forward(
    (normal(3, 4), normal(3, 4)),
    (normal(5, 2), normal(5, 2)),
    (normal(2, 3, 2), normal(2, 3, 2)),
    slots=("real", "real"),
)
def gradient_reversal_less(x, y):
    return x * sig(y)


@gradient_reversal_less.right
def _(d, a, x, y):
    return (d * sig(y), d * x * sig(y) * sig(-y))


@gradient_reversal_less.wrong(
    "detached", "gradient_reversal_less: gate treated as constant (stop-gradient in the wrong place)"
)
def gate_detached(d, a, x, y):
    return (d * sig(y), np.zeros_like(y))


@gradient_reversal_less.wrong("not linear in delta", "gradient_reversal_less: signal of the gate clipped to ±0.1")
def gate_clipped_gradient(d, a, x, y):
    return (d * sig(y), np.clip(d * x * sig(y) * sig(-y), -0.1, 0.1))


@gradient_reversal_less.wrong("missing factor", "gradient_reversal_less: output a without 1 − σ for the gate")
def gate_value_for_gate(d, a, x, y):
    return (d * sig(y), d * a)


@F.forward(normal(4, 4, scale=1.5), normal(6, 3, scale=1.5), normal(2, 3, 4, scale=1.5))
def power_signed(x):
    return np.sign(x) * np.abs(x) ** 1.5


@power_signed.right
def _(d, a, x):
    return d * 1.5 * np.sqrt(np.abs(x))


@power_signed.wrong("wrong factor", "power_signed: sign in the gradient too")
def power_signed_twice(d, a, x):
    return d * 1.5 * np.sign(x) * np.sqrt(np.abs(x))


@power_signed.wrong("wrong factor", "power_signed: exponent not lowered by one")
def power_exponent_not_lowered(d, a, x):
    return d * 1.5 * np.abs(x) ** 1.5
