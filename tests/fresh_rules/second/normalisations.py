"""Second set: normalisations, with their gains."""

from __future__ import annotations

import numpy as np

from ..record import Family, normal, uniform

F = Family("second, normalisations")


def ln_parts(x):
    m = x.mean(-1, keepdims=True)
    r = 1 / np.sqrt(((x - m) ** 2).mean(-1, keepdims=True) + 1e-05)
    return ((x - m) * r, r)


def ln_r(d, a, x, g):
    h, r = ln_parts(x)
    e = d * g
    return (
        r * (e - e.mean(-1, keepdims=True) - h * (e * h).mean(-1, keepdims=True)),
        (d * h).reshape(-1, len(g)).sum(0),
    )


@F.forward(
    (normal(4, 5), uniform(0.5, 2, 5)),
    (normal(3, 6), uniform(0.5, 2, 6)),
    (normal(2, 3, 4), uniform(0.5, 2, 4)),
    slots=("real", "fixed"),
    zero=False,
    ties=False,
)
def layer_norm_gain(x, g):
    m = x.mean(-1, keepdims=True)
    return g * (x - m) / np.sqrt(((x - m) ** 2).mean(-1, keepdims=True) + 1e-05)


layer_norm_gain.right(ln_r)


@layer_norm_gain.wrong("lost mean", "layer_norm_gain: mean of the signal subtracted twice (accumulator not cleared)")
def layer_norm_mean_twice_again(d, a, x, g):
    h, r = ln_parts(x)
    e = d * g
    return (
        r * (e - 2 * e.mean(-1, keepdims=True) - h * (e * h).mean(-1, keepdims=True)),
        (d * h).reshape(-1, len(g)).sum(0),
    )


@layer_norm_gain.wrong("missing factor", "layer_norm_gain: gain γ not multiplied into the signal for x")
def layer_norm_gain_forgotten(d, a, x, g):
    h, r = ln_parts(x)
    e = d
    return (
        r * (e - e.mean(-1, keepdims=True) - h * (e * h).mean(-1, keepdims=True)),
        (d * h).reshape(-1, len(g)).sum(0),
    )


@layer_norm_gain.wrong(
    "output for input", "layer_norm_gain: output instead of the normalised input for γ: a factor γ of each column"
)
def layer_norm_gain_by_output(d, a, x, g):
    return (ln_r(d, a, x, g)[0], (d * a).reshape(-1, len(g)).sum(0))


@layer_norm_gain.wrong("missing sum", "layer_norm_gain: γ gradient from the first row (block) only: contributions lost")
def layer_norm_gain_first_row(d, a, x, g):
    h, _r = ln_parts(x)
    return (ln_r(d, a, x, g)[0], (d * h)[0].reshape(-1, len(g)).sum(0))


@layer_norm_gain.wrong("missing term", "layer_norm_gain: γ missing in one of the two means")
def layer_norm_gain_in_one_mean(d, a, x, g):
    h, r = ln_parts(x)
    e = d * g
    return (
        r * (e - e.mean(-1, keepdims=True) - h * (d * h).mean(-1, keepdims=True)),
        (d * h).reshape(-1, len(g)).sum(0),
    )


def rms_r(d, a, x, g):
    r = 1 / np.sqrt((x * x).mean(-1, keepdims=True) + 1e-06)
    h = x * r
    e = d * g
    return (r * (e - h * (e * h).mean(-1, keepdims=True)), (d * h).reshape(-1, len(g)).sum(0))


@F.forward(
    (normal(4, 5), uniform(0.5, 2, 5)),
    (normal(3, 6), uniform(0.5, 2, 6)),
    (normal(2, 3, 4), uniform(0.5, 2, 4)),
    slots=("real", "fixed"),
    zero=False,
    ties=False,
)
def rms_norm(x, g):
    return g * x / np.sqrt((x * x).mean(-1, keepdims=True) + 1e-06)


rms_norm.right(rms_r)


@rms_norm.wrong("wrong factor", "rms_norm: sum instead of mean in the projection: that term n times too large")
def rms_norm_sum_for_mean(d, a, x, g):
    r = 1 / np.sqrt((x * x).mean(-1, keepdims=True) + 1e-06)
    h = x * r
    e = d * g
    return (r * (e - h * (e * h).sum(-1, keepdims=True)), (d * h).reshape(-1, len(g)).sum(0))


@rms_norm.wrong("wrong factor", "rms_norm: x instead of x̂ in the projection (a power of 1/rms missing)")
def rms_norm_x_not_normalised(d, a, x, g):
    r = 1 / np.sqrt((x * x).mean(-1, keepdims=True) + 1e-06)
    h = x * r
    e = d * g
    return (r * (e - x * (e * h).mean(-1, keepdims=True)), (d * h).reshape(-1, len(g)).sum(0))


@rms_norm.wrong("missing term", "rms_norm: mean subtracted as in layer norm")
def rms_norm_mean_of_layer_norm(d, a, x, g):
    r = 1 / np.sqrt((x * x).mean(-1, keepdims=True) + 1e-06)
    h = x * r
    e = d * g
    return (
        r * (e - e.mean(-1, keepdims=True) - h * (e * h).mean(-1, keepdims=True)),
        (d * h).reshape(-1, len(g)).sum(0),
    )


@rms_norm.wrong("no signal", "rms_norm: zero gradient for γ")
def rms_norm_gain_never_written(d, a, x, g):
    return (rms_r(d, a, x, g)[0], np.zeros_like(g))


def gn_r(d, a, x, axis=2, groups=2):
    y = x.reshape(x.shape[0], groups, -1)
    r = 1 / np.sqrt(y.var(2, keepdims=True) + 1e-05)
    h = (y - y.mean(2, keepdims=True)) * r
    e = d.reshape(y.shape)
    return (r * (e - e.mean(2, keepdims=True) - h * (e * h).mean(2, keepdims=True))).reshape(x.shape)


@F.forward(normal(3, 4, 3), normal(2, 6, 2), normal(2, 2, 5), zero=False, ties=False)
def group_norm(x):
    n, _c, _length = x.shape
    y = x.reshape(n, 2, -1)
    m = y.mean(2, keepdims=True)
    v = y.var(2, keepdims=True)
    return ((y - m) / np.sqrt(v + 1e-05)).reshape(x.shape)


@group_norm.right
def _(d, a, x):
    return gn_r(d, a, x)


@group_norm.wrong("wrong axis", "group_norm: groups ignored in backward: statistics over all channels")
def group_norm_group_size_all(d, a, x):
    return gn_r(d, a, x, groups=1)


@group_norm.wrong(
    "row factor", "group_norm: 1/σ of the first group used for all groups: a factor in the second group's slab"
)
def group_norm_first_groups_deviation(d, a, x):
    y = x.reshape(x.shape[0], 2, -1)
    r = 1 / np.sqrt(y.var(2, keepdims=True) + 1e-05)
    r = r[:, :1] + 0 * r
    h = a.reshape(y.shape)
    e = d.reshape(y.shape)
    return (r * (e - e.mean(2, keepdims=True) - h * (e * h).mean(2, keepdims=True))).reshape(x.shape)


@F.forward(normal(5, 3), normal(4, 6), normal(7, 2), zero=False, ties=False)
def batch_norm(x):
    return (x - x.mean(0)) / np.sqrt(x.var(0) + 1e-05)


@batch_norm.right
def _(d, a, x):
    r = 1 / np.sqrt(x.var(0) + 1e-05)
    return r * (d - d.mean(0) - a * (d * a).mean(0))


@batch_norm.wrong("constant factor", "batch_norm: unbiased variance in backward: factor √((n−1)/n)")
def batch_norm_unbiased_deviation(d, a, x):
    r = 1 / np.sqrt(x.var(0, ddof=1) + 1e-05)
    return r * (d - d.mean(0) - a * (d * a).mean(0))


@batch_norm.wrong("lost mean", "batch_norm: path through the mean missing")
def batch_norm_without_mean_path(d, a, x):
    r = 1 / np.sqrt(x.var(0) + 1e-05)
    return r * (d - a * (d * a).mean(0))


@batch_norm.wrong("detached", "batch_norm: statistics treated as constants (evaluation mode): δ/σ only")
def batch_norm_running_statistics(d, a, x):
    return d / np.sqrt(x.var(0) + 1e-05)


@F.forward(normal(3, 4), normal(5, 2), normal(2, 6), zero=False, ties=False)
def l2_normalise(x):
    return x / np.sqrt((x * x).sum(1, keepdims=True))


@l2_normalise.right
def _(d, a, x):
    return (d - a * (d * a).sum(1, keepdims=True)) / np.sqrt((x * x).sum(1, keepdims=True))


@l2_normalise.wrong("wrong axis", "l2_normalise: projection summed over the wrong axis")
def l2_normalise_axis(d, a, x):
    return (d - a * (d * a).sum(0)) / np.sqrt((x * x).sum(1, keepdims=True))


@l2_normalise.wrong("wrong factor", "l2_normalise: x (not normalised) in the projection")
def l2_normalise_projects_by_input(d, a, x):
    return (d - x * (d * x).sum(1, keepdims=True)) / np.sqrt((x * x).sum(1, keepdims=True))


@F.forward(
    (normal(4, 3), uniform(0.5, 2, 3)),
    (normal(5, 2), uniform(0.5, 2, 2)),
    (normal(3, 6), uniform(0.5, 2, 6)),
    slots=("real", "fixed"),
    zero=False,
    ties=False,
)
def weight_norm(v, g):
    return g * v / np.sqrt((v * v).sum(0))


@weight_norm.right
def _(d, a, v, g):
    n = np.sqrt((v * v).sum(0))
    u = v / n
    return (g / n * (d - u * (d * u).sum(0)), (d * u).sum(0))


@weight_norm.wrong("missing factor", "weight_norm: g missing in v's gradient: a factor 1/g of each column")
def weight_norm_gain_lost(d, a, v, g):
    n = np.sqrt((v * v).sum(0))
    u = v / n
    return (1 / n * (d - u * (d * u).sum(0)), (d * u).sum(0))


@weight_norm.wrong("lost projection", "weight_norm: projection term missing")
def weight_norm_no_projection(d, a, v, g):
    n = np.sqrt((v * v).sum(0))
    u = v / n
    return (g / n * d, (d * u).sum(0))


@weight_norm.wrong("missing factor", "weight_norm: v instead of v/‖v‖ for g: a factor ‖v‖ of each column")
def weight_norm_gain_unnormalised(d, a, v, g):
    n = np.sqrt((v * v).sum(0))
    u = v / n
    return (g / n * (d - u * (d * u).sum(0)), (d * v).sum(0))
