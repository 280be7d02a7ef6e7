"""A fourth set, small: rules in nasty places, as users write them. Kinks, saturation, large constants, labels, masks, settings.

It was written last, by one who had read the checks. At the first run 147 of 149 places were caught and located, 105 of them
named in words written down before, and of 560 places of right rules none was called wrong. The two left are of the rule
that counts ties: in a network the numbers that tie are computed, and their rounding parts them, so that it gives what is
right there.
"""

from __future__ import annotations

import numpy as np

from .record import Family, coarse, ints, normal, positive, three, uniform

F = Family("fourth, nasty places")


def softmax(z):
    e = np.exp(z - z.max(-1, keepdims=True))
    return e / e.sum(-1, keepdims=True)


def sigmoid(z):
    return 0.5 * (1 + np.tanh(0.5 * z))


def on_grid(*shape):
    """Draw halves from −2 to 2: bounds and ties are hit."""
    return lambda rng: rng.integers(-4, 5, size=shape) / 2


# Kinks and saturation -----------------------------------------------------------------------------------------------


@F.forward(normal(3, 4), normal(6, scale=3), normal(2, 2, 3))
def huber_of_half(z):
    return np.where(np.abs(z) <= 0.5, 0.5 * z * z, 0.5 * (np.abs(z) - 0.25))


@huber_of_half.right
def _(d, a, z):
    return d * np.clip(z, -0.5, 0.5)


@huber_of_half.wrong("tail", "huber: sign(z) outside, though its width is no longer 1")
def huber_half_unit_tail(d, a, z):
    return d * np.where(np.abs(z) <= 0.5, z, np.sign(z))


@huber_of_half.wrong("bound", "huber: the absolute value forgotten in the condition")
def huber_half_one_sided(d, a, z):
    return d * np.where(z <= 0.5, z, 0.5)


@F.forward(on_grid(3, 4), normal(6, scale=3), normal(2, 2, 3), kinks=True)
def leaky_clip(z):
    return np.clip(z, -1, 1) + 0.01 * (z - np.clip(z, -1, 1))


@leaky_clip.right
def _(d, a, z):
    return np.where(np.abs(z) < 1, d, 0.01 * d)


@leaky_clip.wrong("bound", "clip: the mask knows the upper bound only")
def leaky_clip_upper(d, a, z):
    return np.where(z < 1, d, 0.01 * d)


@leaky_clip.wrong("tail", "clip: dead outside, the leak forgotten")
def leaky_clip_dead(d, a, z):
    return d * (np.abs(z) < 1)


@F.forward(normal(3, 4), uniform(-1, 2, 8), normal(2, 3, 2), span=(1e-8, 30))
def smooth_step(z):
    return sigmoid(50 * (z - 0.25))


@smooth_step.right
def _(d, a, z):
    return d * 50 * a * (1 - a)


@smooth_step.wrong("constant factor", "sigmoid of 50 (z − ¼): a (1 − a), the steepness forgotten")
def smooth_step_unscaled(d, a, z):
    return d * a * (1 - a)


@smooth_step.wrong("wrong factor", "sigmoid's slope read from z, not from 50 (z − ¼)")
def smooth_step_of_input(d, a, z):
    return d * 50 * sigmoid(z) * (1 - sigmoid(z))


@F.forward(
    *three(lambda *s: (normal(*s, scale=15), normal(*s), normal(*s, scale=15), normal(*s)), (3, 4), (5,), (2, 2, 2)),
    slots=("real", "real", "real", "real"),
)
def gated_cell(f, c, i, g):
    return sigmoid(f) * c + sigmoid(i) * np.tanh(g)


@gated_cell.right
def _(d, a, f, c, i, g):
    sf, si, tg = sigmoid(f), sigmoid(i), np.tanh(g)
    return d * c * sf * sigmoid(-f), d * sf, d * tg * si * sigmoid(-i), d * si * (1 - tg * tg)


@gated_cell.wrong("output for input", "cell: the new state in the forget gate's gradient")
def gated_cell_new_state(d, a, f, c, i, g):
    sf, si, tg = sigmoid(f), sigmoid(i), np.tanh(g)
    return d * a * sf * sigmoid(-f), d * sf, d * tg * si * sigmoid(-i), d * si * (1 - tg * tg)


@gated_cell.wrong("swapped", "cell: the gradients of the two gates exchanged")
def gated_cell_exchanged(d, a, f, c, i, g):
    sf, si, tg = sigmoid(f), sigmoid(i), np.tanh(g)
    return d * tg * si * sigmoid(-i), d * sf, d * c * sf * sigmoid(-f), d * si * (1 - tg * tg)


# Masks and labels ---------------------------------------------------------------------------------------------------


def mask_of(*shape):
    """Draw zeros and ones, a one in each row at least."""

    def draw(rng):
        mask = rng.integers(0, 2, size=shape)
        mask[..., 0] = 1
        return mask

    return draw


@F.forward(*three(lambda *s: (normal(*s), mask_of(*s)), (3, 4), (5,), (2, 3, 3)), slots=("real", "fixed"))
def masked_softmax(z, mask):
    return softmax(z + (1 - mask) * -1e9)


@masked_softmax.right
def _(d, a, z, mask):
    return a * (d - (d * a).sum(-1, keepdims=True)), None


@masked_softmax.wrong("wrong axis", "softmax: the sum of the projection over all axes")
def masked_softmax_all_axes(d, a, z, mask):
    return a * (d - (d * a).sum() / max(1, a.size // a.shape[-1])), None


@masked_softmax.wrong("lost projection", "softmax: a (1 − a), as if it was a sigmoid")
def masked_softmax_diagonal(d, a, z, mask):
    return d * a * (1 - a), None


def lengths(n, t):
    return lambda rng: rng.integers(1, t, size=n)


def inside(x, n):
    return (np.arange(x.shape[1]) < n[:, None])[..., None]


@F.forward(
    (normal(3, 4, 2), lengths(3, 4)), (normal(2, 5, 1), lengths(2, 5)), (normal(4, 3, 3), lengths(4, 3)),
    slots=("real", "fixed"),
)  # fmt: skip
def mean_of_sequences(x, n):
    return (x * inside(x, n)).sum(1) / n[:, None]


@mean_of_sequences.right
def _(d, a, x, n):
    return d[:, None] * inside(x, n) / n[:, None, None], None


@mean_of_sequences.wrong("row factor", "mean: divided by the padded length")
def mean_of_padded_length(d, a, x, n):
    return d[:, None] * inside(x, n) / x.shape[1], None


@mean_of_sequences.wrong("bound", "mean: the padding gets its share too")
def mean_to_padding(d, a, x, n):
    return d[:, None] * np.ones_like(x) / n[:, None, None], None


@F.forward(
    (normal(4, 3), ints(4, 6)), (normal(3, 2), ints(3, 2, 4)), (normal(5, 1), ints(5, 7)),
    slots=("real", "fixed"),
)  # fmt: skip
def padded_embedding(table, tokens):
    return table[tokens] * (tokens > 0)[..., None]


@padded_embedding.right
def _(d, a, table, tokens):
    out = np.zeros_like(table)
    np.add.at(out, tokens, d * (tokens > 0)[..., None])
    return out, None


@padded_embedding.wrong("overwritten", "embedding: out[tokens] += d, which adds once")
def padded_embedding_once(d, a, table, tokens):
    out = np.zeros_like(table)
    out[tokens] += d * (tokens > 0)[..., None]
    return out, None


@padded_embedding.wrong("some entries", "embedding: the padding's row is trained too")
def padded_embedding_trains_padding(d, a, table, tokens):
    out = np.zeros_like(table)
    np.add.at(out, tokens, d)
    return out, None


@F.forward(
    *three(lambda *s: (uniform(0.3, 2, *s), ints(4, *s)), (3, 4), (6,), (2, 2, 2)),
    slots=("positive", "fixed"),
    span=(1e-4, 30),
)
def whole_power(x, n):
    return x**n


@whole_power.right
def _(d, a, x, n):
    return d * n * x ** np.maximum(n - 1, 0), None


@whole_power.wrong("wrong factor", "xⁿ: n xⁿ, the exponent not lowered")
def whole_power_not_lowered(d, a, x, n):
    return d * n * a, None


# Broadcasting and settings ------------------------------------------------------------------------------------------


@F.forward(
    *three(lambda n, c, h: (normal(n, c, h), normal(c, 1), normal(c, 1)), (2, 3, 4), (3, 2, 2), (1, 4, 3)),
    slots=("real", "real", "real"),
)
def channel_affine(x, gain, shift):
    return x * gain + shift


@channel_affine.right
def _(d, a, x, gain, shift):
    return d * gain, (d * x).sum((0, 2))[:, None], d.sum((0, 2))[:, None]


@channel_affine.wrong("size factor", "gain: a mean over the places instead of a sum")
def channel_gain_mean(d, a, x, gain, shift):
    return d * gain, (d * x).mean(2).sum(0)[:, None], d.sum((0, 2))[:, None]


@channel_affine.wrong("output for input", "gain: δ times the output")
def channel_gain_by_output(d, a, x, gain, shift):
    return d * gain, (d * a).sum((0, 2))[:, None], d.sum((0, 2))[:, None]


@F.forward(normal(3, 3), normal(4, 2), normal(2, 3, 3))
def soft_maximum(z):
    top = z.max(-1, keepdims=True)
    return 0.1 * np.log(np.exp((z - top) / 0.1).sum(-1, keepdims=True)) + top


@soft_maximum.right
def _(d, a, z):
    return d * softmax(z / 0.1)


@soft_maximum.wrong("constant factor", "temperature: divided by it once more")
def soft_maximum_over_temperature(d, a, z):
    return d * softmax(z / 0.1) / 0.1


@soft_maximum.wrong("wrong factor", "temperature: forgotten in the softmax")
def soft_maximum_no_temperature(d, a, z):
    return d * softmax(z)


@F.forward(normal(3, 4), normal(1, 5, 2), normal(2, 3, 6))
def rotary(x):
    return turned(x, 1)


def turned(x, way):
    t = np.arange(x.shape[-2])[:, None] / 10.0 ** np.arange(x.shape[-1] // 2)
    even, odd, c, s = x[..., ::2], x[..., 1::2], np.cos(t), way * np.sin(t)
    return np.stack([even * c - odd * s, even * s + odd * c], -1).reshape(x.shape)


@rotary.right
def _(d, a, x):
    return turned(d, -1)


@rotary.wrong("transposed", "rotary: turned forward once more")
def rotary_forward_again(d, a, x):
    return turned(d, 1)


# Geometry, sums of many, large constants ----------------------------------------------------------------------------


@F.forward(normal(4, 2), normal(3, 3), normal(5, 1), span=(1e-4, 1e4), zero=False, ties=False)
def distances(x):
    return np.sqrt(((x[:, None] - x[None]) ** 2).sum(-1) + 1e-12)


@distances.right
def _(d, a, x):
    g = (d / a)[..., None] * (x[:, None] - x[None])
    return g.sum(1) - g.sum(0)


@distances.wrong("missing term", "distances: each point as the first of a pair only")
def distances_first_only(d, a, x):
    return ((d / a)[..., None] * (x[:, None] - x[None])).sum(1)


@distances.wrong("missing factor", "distances: of the squares")
def distances_of_squares(d, a, x):
    g = d[..., None] * (x[:, None] - x[None])
    return g.sum(1) - g.sum(0)


@F.forward(
    *three(lambda *s: (uniform(-1.2, 1.2, *s), uniform(-1.2, 1.2, *s)), (6,), (2, 3), (2, 2, 2)),
    slots=("fixed", "fixed"),
)
def way_north(one, other):
    h = np.sin((other - one) / 2) ** 2 + np.cos(one) * np.cos(other) * 0.3
    return 2 * 6371.0 * np.arcsin(np.sqrt(h))


@way_north.right
def _(d, a, one, other):
    h = np.sin(a / 2 / 6371.0) ** 2
    slope = d * 6371.0 / np.sqrt(h * (1 - h))
    bend = np.sin(other - one) / 2
    return (
        slope * (-bend - np.sin(one) * np.cos(other) * 0.3),
        slope * (bend - np.cos(one) * np.sin(other) * 0.3),
    )


@way_north.wrong("missing term", "great circle: cos φ₁ cos φ₂ taken for a constant")
def way_north_cosines_held(d, a, one, other):
    h = np.sin(a / 2 / 6371.0) ** 2
    slope = d * 6371.0 / np.sqrt(h * (1 - h))
    bend = np.sin(other - one) / 2
    return -slope * bend, slope * bend


@way_north.wrong("sign", "great circle: the first latitude with the sign of the second")
def way_north_first_sign(d, a, one, other):
    h = np.sin(a / 2 / 6371.0) ** 2
    slope = d * 6371.0 / np.sqrt(h * (1 - h))
    bend = np.sin(other - one) / 2
    return (
        slope * (bend + np.sin(one) * np.cos(other) * 0.3),
        slope * (bend - np.cos(one) * np.sin(other) * 0.3),
    )


def far_from_singular(n):
    return lambda rng: rng.normal(size=(n, n)) + 3 * n * np.eye(n)


@F.forward(far_from_singular(3), far_from_singular(2), far_from_singular(4), slots=("fixed",))
def log_determinant(x):
    return np.linalg.slogdet(x)[1]


@log_determinant.right
def _(d, a, x):
    return d * np.linalg.inv(x).T


@log_determinant.wrong("triangle", "log det: 2 A⁻¹ − diag A⁻¹, which is right of symmetric matrices")
def log_determinant_symmetric(d, a, x):
    inverse = np.linalg.inv(x).T
    return d * (2 * inverse - np.diag(np.diag(inverse)))


@log_determinant.wrong("transposed", "log det: A⁻¹, not transposed")
def log_determinant_not_transposed(d, a, x):
    return d * np.linalg.inv(x)


@F.forward(coarse(3, 5), normal(2, 6), coarse(4, 4), kinks=True)
def mean_of_two_largest(z):
    return np.sort(z, axis=-1)[..., -2:].mean(-1)


@mean_of_two_largest.right
def _(d, a, z):
    out = np.zeros_like(z)
    np.put_along_axis(out, np.argsort(z, axis=-1, kind="stable")[..., -2:], d[..., None] / 2, -1)
    return out


@mean_of_two_largest.wrong("ties", "top two: all that reach the second largest")
def two_largest_and_ties(d, a, z):
    return (z >= np.sort(z, axis=-1)[..., -2:-1]) * d[..., None] / 2


@mean_of_two_largest.wrong("constant factor", "top two: the ½ of the mean forgotten")
def two_largest_summed(d, a, z):
    out = np.zeros_like(z)
    np.put_along_axis(out, np.argsort(z, axis=-1, kind="stable")[..., -2:], d[..., None] + 0 * z[..., :2], -1)
    return out


@F.forward(*three(lambda n, k: (uniform(0.02, 0.98, n), normal(k)), (5, 4), (7, 3), (3, 6)), slots=("fixed", "real"))
def between_points(x, values):
    place = x * (len(values) - 1)
    low = np.floor(place).astype(int)
    return values[low] * (1 - (place - low)) + values[low + 1] * (place - low)


def places_of(x, values):
    place = x * (len(values) - 1)
    low = np.floor(place).astype(int)
    return low, place - low


@between_points.right
def _(d, a, x, values):
    low, share = places_of(x, values)
    out = np.zeros_like(values)
    np.add.at(out, low, d * (1 - share))
    np.add.at(out, low + 1, d * share)
    return d * (values[low + 1] - values[low]) * (len(values) - 1), out


@between_points.wrong("wrong place", "interpolation: the two shares exchanged")
def between_points_exchanged(d, a, x, values):
    low, share = places_of(x, values)
    out = np.zeros_like(values)
    np.add.at(out, low, d * share)
    np.add.at(out, low + 1, d * (1 - share))
    return d * (values[low + 1] - values[low]) * (len(values) - 1), out


@between_points.wrong("size factor", "interpolation: the width of a cell forgotten")
def between_points_of_unit_cells(d, a, x, values):
    low, share = places_of(x, values)
    out = np.zeros_like(values)
    np.add.at(out, low, d * (1 - share))
    np.add.at(out, low + 1, d * share)
    return d * (values[low + 1] - values[low]), out


@F.forward(
    *three(lambda *s: (normal(*s), positive(*s)), (3, 4), (6,), (2, 2, 2)), slots=("real", "positive"), span=(1e-4, 1e4)
)
def far_from_here(x, width):
    return (x + 1e6 * width) ** 2 / 1e6


@far_from_here.right
def _(d, a, x, width):
    inner = 2 * (x + 1e6 * width) / 1e6
    return d * inner, d * inner * 1e6


@far_from_here.wrong("constant factor", "(x + 10⁶ w)² / 10⁶: the 10⁶ before w forgotten")
def far_from_here_width(d, a, x, width):
    inner = 2 * (x + 1e6 * width) / 1e6
    return d * inner, d * inner


FAMILIES: tuple[Family, ...] = (F,)
