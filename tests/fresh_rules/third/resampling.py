"""Third set: interpolation, regions, and what is put in other places."""

from __future__ import annotations

import numpy as np

from ..record import Family, normal, three, uniform

F = Family("third, resampling")

KNOTS = np.array([0.0, 0.4, 1.0, 1.3, 2.0])


def segment(x):
    return np.clip(np.searchsorted(KNOTS, np.asarray(x, float), side="right") - 1, 0, len(KNOTS) - 2)


@F.forward(
    (uniform(0.05, 1.95, 6), normal(5)), (uniform(0.05, 1.95, 3, 2), normal(5)), (uniform(0.05, 0.95, 9), normal(5)),
    slots=("fixed", "real"),
)  # fmt: skip
def interpolated(x, values):
    i = segment(x)
    t = (x - KNOTS[i]) / (KNOTS[i + 1] - KNOTS[i])
    return values[i] * (1 - t) + values[i + 1] * t


def interpolated_signals(d, x, values, width=True):
    i = segment(x)
    step = KNOTS[i + 1] - KNOTS[i]
    t = (x - KNOTS[i]) / step
    dv = np.zeros_like(values)
    np.add.at(dv, i, d * (1 - t))
    np.add.at(dv, i + 1, d * t)
    return d * (values[i + 1] - values[i]) / (step if width else 1), dv


@interpolated.right
def _(d, a, x, values):
    return interpolated_signals(d, x, values)


@interpolated.wrong("missing factor", "interpolating: the slope wasn't divided by the segment's width")
def interpolated_width_forgotten(d, a, x, values):
    return interpolated_signals(d, x, values, width=False)


@interpolated.wrong("overwritten", "interpolating: fancy += loses points of the same segment")
def interpolated_fancy_add(d, a, x, values):
    i = segment(x)
    t = (x - KNOTS[i]) / (KNOTS[i + 1] - KNOTS[i])
    dv = np.zeros_like(values)
    dv[i] += d * (1 - t)
    dv[i + 1] += d * t
    return interpolated_signals(d, x, values)[0], dv


@interpolated.wrong("missing term", "interpolating: only the knot on the left gets its share")
def interpolated_left_only(d, a, x, values):
    i = segment(x)
    dv = np.zeros_like(values)
    np.add.at(dv, i, d * (1 - (x - KNOTS[i]) / (KNOTS[i + 1] - KNOTS[i])))
    return interpolated_signals(d, x, values)[0], dv


def stretch(n, m, corners=True, reach=None):
    """Return the matrix of a linear resize of `n` samples to `m`."""
    at = np.arange(m) * (n - 1) / (m - 1) if corners else np.clip((np.arange(m) + 0.5) * n / m - 0.5, 0, n - 1)
    weights = np.maximum(0, 1 - np.abs(at[:, None] - np.arange(n)))
    if reach is not None:
        centre = np.arange(n) * m / n
        weights = weights * (np.abs(np.arange(m)[:, None] - centre) <= reach)
    return weights


@F.forward(normal(2, 3), normal(3, 4), normal(4, 2))
def stretched(x):
    return x @ stretch(x.shape[1], 4 * x.shape[1]).T


@stretched.right
def _(d, a, x):
    return d @ stretch(x.shape[1], d.shape[1])


@stretched.wrong("wrong place", "a resize: corners aligned on the way in only")
def stretched_corners_not_aligned(d, a, x):
    return d @ stretch(x.shape[1], d.shape[1], corners=False)


@stretched.wrong("missing term", "a resize: gathered from a window that is too short, what lies outside is dropped")
def stretched_short_window(d, a, x):
    return d @ stretch(x.shape[1], d.shape[1], reach=2)


BOXES = ((0, 2, 0, 3), (1, 4, 1, 3), (1, 2, 0, 2))


@F.forward(normal(4, 3), normal(5, 4), normal(4, 6))
def regions(x):
    return np.stack([x[t:b, c:r].mean() for t, b, c, r in BOXES])


def region_signal(d, x, area=None, write=False):
    out = np.zeros_like(x)
    for e, (t, b, c, r) in zip(d, BOXES, strict=True):
        part = e / (area or (b - t) * (r - c))
        out[t:b, c:r] = part if write else out[t:b, c:r] + part
    return out


@regions.right
def _(d, a, x):
    return region_signal(d, x)


@regions.wrong("overwritten", "means of regions: where they overlap, the last one remains")
def regions_last_box(d, a, x):
    return region_signal(d, x, write=True)


@regions.wrong("size factor", "means of regions: divided by the picture's area, not the region's")
def regions_whole_area(d, a, x):
    return region_signal(d, x, area=x.size)


@F.forward(normal(8, 2, 3), normal(4, 3, 2), normal(4, 1, 4))
def shuffled(x):
    c, h, w = x.shape
    return x.reshape(c // 4, 2, 2, h, w).transpose(0, 3, 1, 4, 2).reshape(c // 4, 2 * h, 2 * w)


@shuffled.right
def _(d, a, x):
    c, h, w = x.shape
    return d.reshape(c // 4, h, 2, w, 2).transpose(0, 2, 4, 1, 3).reshape(c, h, w)


@shuffled.wrong("wrong place", "pixels put apart again with rows and columns of the small blocks exchanged")
def shuffled_blocks_transposed(d, a, x):
    c, h, w = x.shape
    return d.reshape(c // 4, h, 2, w, 2).transpose(0, 4, 2, 1, 3).reshape(c, h, w)


BLUR = np.array([0.25, 0.5, 0.25])


def reflected(n):
    m = np.zeros((n, n))
    for i in range(n):
        for weight, j in zip(BLUR, (i - 1, i, i + 1), strict=True):
            m[i, abs(j) if j < n else 2 * (n - 1) - j] += weight
    return m


@F.forward(normal(2, 5), normal(3, 4), normal(1, 7))
def blurred(x):
    return x @ reflected(x.shape[1]).T


@blurred.right
def _(d, a, x):
    return d @ reflected(x.shape[1])


@blurred.wrong("some entries", "a blur: the edge is mirrored on the way in, zero on the way back")
def blurred_zero_edges(d, a, x):
    m = reflected(x.shape[1])
    m[0, 1] = m[-1, -2] = BLUR[0]
    return d @ m


@blurred.wrong("transposed", "a blur: as the kernel is symmetric, blurred once more; the edges aren't")
def blurred_again(d, a, x):
    return d @ reflected(x.shape[1]).T


@F.forward(
    *three(lambda n, k: (normal(n), uniform(-1.5, n + 0.5, k)), (5, 8), (3, 6), (4, 9)), slots=("real", "fixed"),
    kinks=True,
)  # fmt: skip
def sampled(x, at):
    at = np.clip(at, 0, len(x) - 1)
    i = np.minimum(np.asarray(at, int), len(x) - 2)
    return x[i] * (1 - (at - i)) + x[i + 1] * (at - i)


def sampled_signals(d, x, at):
    inside = (at > 0) & (at < len(x) - 1)
    at = np.clip(at, 0, len(x) - 1)
    i = np.minimum(at.astype(int), len(x) - 2)
    dx = np.zeros_like(x)
    np.add.at(dx, i, d * (1 - (at - i)))
    np.add.at(dx, i + 1, d * (at - i))
    return dx, d * (x[i + 1] - x[i]), inside


@sampled.right
def _(d, a, x, at):
    dx, dt, inside = sampled_signals(d, x, at)
    return dx, dt * inside


@sampled.wrong("bound", "sampling: a place beyond the border still feels the last slope")
def sampled_slope_outside(d, a, x, at):
    return sampled_signals(d, x, at)[:2]


@sampled.wrong("wrong factor", "sampling: a Sobel filter's slope in place of the segment's own")
def sampled_centred_slope(d, a, x, at):
    dx, _, inside = sampled_signals(d, x, at)
    i = np.clip(np.round(at).astype(int), 0, len(x) - 1)
    return dx, d * np.gradient(x)[i] * inside


def cubic(t):
    return np.stack([(1 - t) ** 3, 3 * t * (1 - t) ** 2, 3 * t * t * (1 - t), t**3], -1)


def cubic_slope(t, inner=1.0):
    s = 1 - t
    middle = s * s - inner * 2 * t * s, inner * 2 * t * s - t * t
    return 3 * np.stack([-s * s, *middle, t * t], -1)


@F.forward(*three(lambda n, k: (uniform(0, 1, n), normal(4, k)), (5, 2), (3, 3), (7, 1)), slots=("fixed", "real"))
def bezier(t, points):
    return cubic(t) @ points


@bezier.right
def _(d, a, t, points):
    return ((cubic_slope(t) @ points) * d).sum(-1), cubic(t).T @ d


@bezier.wrong("missing factor", "a Bézier curve: the inner 2 t (1 − t) without its 2")
def bezier_without_inner_two(d, a, t, points):
    return ((cubic_slope(t, 0.5) @ points) * d).sum(-1), cubic(t).T @ d


@bezier.wrong("missing sum", "a Bézier curve: the place moves all coordinates, the first one's part returned")
def bezier_first_coordinate(d, a, t, points):
    slope = (cubic_slope(t) @ points) * d
    return slope[:, 0], cubic(t).T @ d


@F.forward(
    (normal(4, 5), normal(2, 3)), (normal(3, 4), normal(2, 3)), (normal(5, 5), normal(2, 3)), slots=("real", "real")
)
def pasted(base, patch):
    return np.block([[base[:1]], [np.hstack([base[1:3, :1], patch, base[1:3, 4:]])], [base[3:]]])


@pasted.right
def _(d, a, base, patch):
    out = d.copy()
    out[1:3, 1:4] = 0
    return out, d[1:3, 1:4].copy()


@pasted.wrong("some entries", "pasting: what lies under the patch gets a signal, too")
def pasted_base_through(d, a, base, patch):
    return d.copy(), d[1:3, 1:4].copy()


@pasted.wrong("wrong place", "pasting: the patch's signal cut out one column further left")
def pasted_one_column_off(d, a, base, patch):
    out = d.copy()
    out[1:3, 1:4] = 0
    return out, d[1:3, 0:3].copy()
