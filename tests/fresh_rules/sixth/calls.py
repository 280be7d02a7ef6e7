"""Sixth set: what a rule keeps between calls, what it writes into, and the digits it loses."""

from __future__ import annotations

import numpy as np

from ..record import Family, normal, positive, three, uniform

F = Family("sixth, calls and digits")


def gauss(x):
    return np.exp(-x * x / 2)


@F.forward(normal(3, 4), normal(6), normal(2, 2, 3), span=(1e-4, 5.0))
def bell(x):
    return np.exp(-x * x / 2)


@bell.right
def _(d, a, x):
    return -d * x * a


@bell.wrong_pair("stale state", "bell: the slope kept from the first forward call, to save work")
def bell_first_slope():
    kept = {}

    def forward(x):
        kept.setdefault(x.shape, -x * gauss(x))
        return gauss(x)

    return forward, lambda d, a, x: d * kept[x.shape]


@bell.wrong_pair("stale state", "bell: the input of the last forward call, though backward may come after another one")
def bell_last_input():
    kept = {}

    def forward(x):
        kept["x"] = x.copy()
        return gauss(x)

    def backward(d, a, x):
        seen = kept["x"] if kept["x"].shape == x.shape else x
        return -d * seen * a

    return forward, backward


@bell.wrong("writes into arguments", "bell: δ multiplied in place")
def bell_into_delta(d, a, x):
    d *= -x
    d *= a
    return d


@bell.wrong("writes into arguments", "bell: the output made into the slope in place")
def bell_into_output(d, a, x):
    a *= -x
    return d * a


@bell.wrong_pair("reused buffer", "bell: one buffer for each shape, filled anew")
def bell_buffer():
    buffers = {}

    def backward(d, a, x):
        out = buffers.setdefault(x.shape, np.empty(x.shape))
        np.multiply(-d * x, a, out=out)
        return out

    return gauss, backward


@bell.wrong_pair(
    "stale state", "bell: signals added to those of the calls before, as if the buffer was the parameter's"
)
def bell_adds_up():
    kept = {}

    def backward(d, a, x):
        kept[x.shape] = kept.get(x.shape, 0) - d * x * a
        return kept[x.shape].copy()

    return gauss, backward


@bell.wrong_pair("not deterministic", "bell: rounded at random to a grid, as in training of few bits")
def bell_random_rounding():
    rng = np.random.default_rng(3)
    return gauss, lambda d, a, x: np.floor(-d * x * a * 16 + rng.random(x.shape)) / 16


@bell.wrong("not linear in delta", "bell: the signal clipped to ±½, as gradients are")
def bell_clipped(d, a, x):
    return np.clip(-d * x * a, -0.5, 0.5)


@bell.wrong("not linear in delta", "bell: the signal divided by its own length")
def bell_normalised(d, a, x):
    g = -d * x * a
    return g / (np.sqrt((g * g).sum()) + 1e-3)


@bell.wrong("missing delta", "bell: its slope alone, δ forgotten")
def bell_no_delta(d, a, x):
    return -x * a


@bell.wrong("no signal", "bell: None, as if it was a mask")
def bell_none(d, a, x):
    return None


@bell.wrong("precision", "bell: the slope in bfloat16, the lower half of a float32's bits cut off")
def bell_half(d, a, x):
    bits = np.ascontiguousarray(-x * a, np.float32).view(np.uint32) & np.uint32(0xFFFF0000)
    return d * bits.view(np.float32)


@bell.wrong("small", "bell: the slope 0.4 ‰ too large, from a rounded constant")
def bell_rounded(d, a, x):
    return -1.0004 * d * x * a


@F.forward(
    *three(lambda n, m: (normal(n, m), normal(m)), (3, 4), (2, 3), (5, 2)), slots=("real", "real"), span=(1e-4, 10.0)
)
def shared_gain(x, g):
    return x * g + np.tanh(g)


@shared_gain.right
def _(d, a, x, g):
    return d * g, (d * x).sum(0) + d.sum(0) * (1 - np.tanh(g) ** 2)


@shared_gain.wrong("missing term", "a gain used twice: the second use writes over the first")
def shared_gain_last_use(d, a, x, g):
    return d * g, d.sum(0) * (1 - np.tanh(g) ** 2)


@shared_gain.wrong("missing sum", "a gain used twice: the second use's broadcast not summed, its first row taken")
def shared_gain_first_row(d, a, x, g):
    return d * g, (d * x).sum(0) + d[0] * (1 - np.tanh(g) ** 2)


@shared_gain.wrong("missing term", "a gain used twice: the first use counted twice, one too many")
def shared_gain_counted_twice(d, a, x, g):
    return d * g, 2 * (d * x).sum(0) + d.sum(0) * (1 - np.tanh(g) ** 2)


@F.forward(*three(lambda *s: (uniform(-1.5, 1.5, *s), uniform(-1.5, 1.5, *s)), (5,), (2, 3), (2, 2, 2)),
           slots=("real", "real"), span=(1e-4, 1e4), ties=False, kinks=True)  # fmt: skip
def clipped_product(x, y):
    return np.clip(x * y, -1, 1)


@clipped_product.right
def _(d, a, x, y):
    on = np.abs(x * y) < 1
    return d * on * y, d * on * x


@clipped_product.wrong("bound", "a clipped product: the lower bound forgotten")
def clipped_product_upper_only(d, a, x, y):
    on = x * y < 1
    return d * on * y, d * on * x


@clipped_product.wrong(
    "bound", "a clipped product: the mask by the output against the bounds, where it equals them: all pass"
)
def clipped_product_all_pass(d, a, x, y):
    on = (a >= -1) & (a <= 1)
    return d * on * y, d * on * x


@clipped_product.wrong("swapped", "a clipped product: each gets the other's signal")
def clipped_product_swapped(d, a, x, y):
    on = np.abs(x * y) < 1
    return d * on * x, d * on * y


@F.forward(*three(lambda *s: (positive(*s), positive(*s)), (5,), (2, 3), (2, 2, 2)), slots=("positive", "positive"),
           span=(1e-4, 1e4))  # fmt: skip
def harmonic_mean(x, y):
    return 2 * x * y / (x + y)


@harmonic_mean.right
def _(d, a, x, y):
    return d * a * a / (2 * x * x), d * a * a / (2 * y * y)


@harmonic_mean.wrong("swapped", "harmonic mean: each divided by the other's square")
def harmonic_mean_swapped(d, a, x, y):
    return d * a * a / (2 * y * y), d * a * a / (2 * x * x)


@harmonic_mean.wrong("missing term", "harmonic mean: the sum below taken for a constant")
def harmonic_mean_below_held(d, a, x, y):
    return 2 * d * y / (x + y), 2 * d * x / (x + y)


@harmonic_mean.wrong("wrong factor", "harmonic mean: the output once, not squared")
def harmonic_mean_output_once(d, a, x, y):
    return d * a / (2 * x * x), d * a / (2 * y * y)


@F.forward(positive(5), positive(2, 3), positive(2, 2, 2), slots=("positive",), span=(1e-8, 10.0))
def gap_to_one(x):
    return -np.expm1(-x) / x


@gap_to_one.right
def _(d, a, x):
    series = -0.5 + x / 3 - x * x / 8 + x**3 / 30 - x**4 / 144
    exact = (np.exp(-x) - a) / np.where(x == 0, 1, x)
    return d * np.where(x < 1e-2, series, exact)


@gap_to_one.wrong("missing term", "(1 − e⁻ˣ)/x: the quotient's second term left out")
def gap_to_one_first_term(d, a, x):
    return d * np.exp(-x) / x


@gap_to_one.wrong("tail", "(1 − e⁻ˣ)/x: −½ + x/3 everywhere, which is right for small x only")
def gap_to_one_series(d, a, x):
    return d * (-0.5 + x / 3)


@gap_to_one.wrong("output for input", "(1 − e⁻ˣ)/x: divided by the output, not by x")
def gap_to_one_by_output(d, a, x):
    return d * (np.exp(-x) - a) / a
