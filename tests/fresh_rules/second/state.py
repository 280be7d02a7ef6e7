"""Second set: state, arrays of others, and few digits."""

from __future__ import annotations

import numpy as np

from ..record import Family, normal, uniform

F = Family("second, state")


def op_of(rule):
    return lambda x: np.sin(x), rule


@F.forward(normal(3, 4), normal(5, 2), normal(2, 3, 2))
def sine(x):
    return np.sin(x)


@sine.right
def _(delta, a, x):
    return delta * np.cos(x)


@sine.wrong_pair("stale state", "sine: counts its calls: half from the second call on")
def sine_halved_from_second_call():
    calls = {"count": 0}

    def rule(delta, a, x):
        calls["count"] += 1
        return delta * np.cos(x) * (1 if calls["count"] == 1 else 0.5)

    return op_of(rule)


@sine.wrong_pair("stale state", "sine: adds to the gradient of the call before, which nobody has zeroed")
def sine_accumulates():
    kept = {}

    def rule(delta, a, x):
        kept[x.shape] = kept.get(x.shape, 0) + delta * np.cos(x)
        return kept[x.shape].copy()

    return op_of(rule)


@sine.wrong_pair("stale state", "sine: the slope of the first input of each shape, kept for ever")
def sine_caches_first_input():
    kept = {}
    return op_of(lambda delta, a, x: delta * kept.setdefault(x.shape, np.cos(x)))


@sine.wrong("writes into arguments", "sine: multiplies the error signal in place")
def sine_writes_into_delta(delta, a, x):
    delta *= np.cos(x)
    return delta


@sine.wrong("writes into arguments", "sine: scales its input after use")
def sine_writes_into_input(delta, a, x):
    signal = delta * np.cos(x)
    x *= 0.5
    return signal


@sine.wrong_pair("reused buffer", "sine: the same buffer is returned each time")
def sine_reuses_buffer():
    kept = {}
    return op_of(lambda delta, a, x: np.multiply(delta, np.cos(x), out=kept.setdefault(x.shape, np.zeros(x.shape))))


@sine.wrong_pair("not deterministic", "sine: a mask drawn in backward, and not in forward")
def sine_random_dropout():
    rng = np.random.default_rng(2)
    return op_of(lambda delta, a, x: delta * np.cos(x) * (rng.random(x.shape) < 0.9) / 0.9)


def bf16(x):
    m, e = np.frexp(x)
    return np.ldexp(np.round(m * 256) / 256, e)


@F.forward(normal(3, 4), normal(5, 2), normal(2, 3, 2), span=(1e-08, 30))
def exp_scaled(x):
    return np.exp(x) * 3


@exp_scaled.right
def _(d, a, x):
    return d * a


@exp_scaled.wrong("precision", "exp_scaled: slope rounded to the 8 bits of bfloat16: relative errors up to 4e-3")
def exp_bfloat(d, a, x):
    return d * bf16(a)


@exp_scaled.wrong("not linear in delta", "exp_scaled: δ rounded to one decimal")
def exp_rounded_delta(d, a, x):
    return np.round(d, 1) * a


@exp_scaled.wrong("precision", "exp_scaled: slope truncated to an integer")
def exp_integer_cast(d, a, x):
    return d * np.trunc(a)


@exp_scaled.wrong("precision", "exp_scaled: slope from a table of step 0.05 in x: off by up to 2.5 %")
def exp_quantised_slope(d, a, x):
    return d * 3 * np.exp(np.round(x / 0.05) * 0.05)


@F.forward(uniform(0.5, 2, 3, 4), uniform(0.5, 2, 5, 2), uniform(0.5, 2, 2, 3, 2), slots=("positive",))
def sqrt_shifted(x):
    return np.sqrt(x + 1)


@sqrt_shifted.right
def _(d, a, x):
    return d / (2 * a)


@sqrt_shifted.wrong("constant factor", "sqrt_shifted: factor 1/2 missing")
def sqrt_not_halved(d, a, x):
    return d / a


@sqrt_shifted.wrong("wrong factor", "sqrt_shifted: 1/(2√x), shift forgotten")
def sqrt_by_input(d, a, x):
    return d / (2 * np.sqrt(x))


@sqrt_shifted.wrong("precision", "sqrt_shifted: one-sided difference with step 0.05")
def sqrt_finite_difference(d, a, x):
    return d * (np.sqrt(x + 1.05) - np.sqrt(x + 1)) / 0.05
