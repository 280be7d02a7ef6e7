"""Sixth set: windows over signals and pictures, kernels, pooling, resampling."""

from __future__ import annotations

import numpy as np

from ..record import Family, ints, normal, positive, three, uniform

F = Family("sixth, windows")


def mirrored(x, n=1):
    return np.concatenate([x[..., n:0:-1], x, x[..., -2 : -2 - n : -1]], -1)


def slid(x, width):
    return np.stack([x[..., k : x.shape[-1] - width + 1 + k] for k in range(width)], -1)


@F.forward(*three(lambda n, t: (normal(n, t), normal(3)), (2, 5), (3, 4), (1, 7)), slots=("real", "real"))
def mirror_filtered(x, kernel):
    return (slid(mirrored(x), 3) * kernel).sum(-1)


def mirror_filtered_signals(d, x, kernel):
    wide = np.zeros((*x.shape[:-1], x.shape[-1] + 2))
    for k in range(3):
        wide[..., k : k + x.shape[-1]] += kernel[k] * d
    return wide, (slid(mirrored(x), 3) * d[..., None]).sum((0, 1))


@mirror_filtered.right
def _(d, a, x, kernel):
    wide, dk = mirror_filtered_signals(d, x, kernel)
    dx = wide[..., 1:-1].copy()
    dx[..., 1] += wide[..., 0]
    dx[..., -2] += wide[..., -1]
    return dx, dk


@mirror_filtered.wrong("some entries", "a filter with mirrored edges: the padding's signal cut off")
def mirror_filtered_cropped(d, a, x, kernel):
    wide, dk = mirror_filtered_signals(d, x, kernel)
    return wide[..., 1:-1], dk


@mirror_filtered.wrong("wrong place", "a filter with mirrored edges: the padding's signal to the edge itself")
def mirror_filtered_to_the_edge(d, a, x, kernel):
    wide, dk = mirror_filtered_signals(d, x, kernel)
    dx = wide[..., 1:-1].copy()
    dx[..., 0] += wide[..., 0]
    dx[..., -1] += wide[..., -1]
    return dx, dk


@F.forward(*three(lambda n, c, t, m: (normal(n, c, t), normal(c, m, 2)), (2, 3, 4, 2), (3, 2, 5, 3), (1, 2, 3, 2)),
           slots=("real", "real"))  # fmt: skip
def multiplied_depthwise(x, w):
    return np.einsum("nctk,cmk->ncmt", slid(x, 2), w).reshape(len(x), -1, x.shape[2] - 1)


def multiplied_depthwise_signals(d, x, w, multipliers=None):
    n, c, t = x.shape
    d = d.reshape(n, c, w.shape[1], t - 1)
    dx = np.zeros_like(x)
    for k in range(2):
        dx[..., k : k + t - 1] += np.einsum("ncmt,cm->nct", d[:, :, :multipliers], w[:, :multipliers, k])
    return dx, np.einsum("nctk,ncmt->cmk", slid(x, 2), d)


@multiplied_depthwise.right
def _(d, a, x, w):
    return multiplied_depthwise_signals(d, x, w)


@multiplied_depthwise.wrong("missing sum", "several kernels for each channel: the signal of the first only")
def multiplied_depthwise_first(d, a, x, w):
    return multiplied_depthwise_signals(d, x, w, multipliers=1)


@multiplied_depthwise.wrong(
    "wrong place", "several kernels for each channel: δ reshaped with the kernels before the channels"
)
def multiplied_depthwise_order(d, a, x, w):
    n, c, t = x.shape
    other = np.swapaxes(d.reshape(n, w.shape[1], c, t - 1), 1, 2).reshape(d.shape)
    return multiplied_depthwise_signals(other, x, w)


@F.forward(*three(lambda n, t: (normal(n, t), normal(t - 2, 3)), (2, 5), (3, 4), (1, 6)), slots=("real", "real"))
def unshared_windows(x, w):
    return np.einsum("ntk,tk->nt", slid(x, 3), w)


def unshared_dx(d, x, w):
    dx = np.zeros_like(x)
    for k in range(3):
        dx[:, k : k + x.shape[1] - 2] += d * w[:, k]
    return dx


@unshared_windows.right
def _(d, a, x, w):
    return unshared_dx(d, x, w), np.einsum("ntk,nt->tk", slid(x, 3), d)


@unshared_windows.wrong("wrong axis", "kernels of their own: their signal averaged over places, as if they were shared")
def unshared_windows_averaged(d, a, x, w):
    dw = np.einsum("ntk,nt->tk", slid(x, 3), d)
    return unshared_dx(d, x, w), np.broadcast_to(dw.mean(0), dw.shape).copy()


@unshared_windows.wrong("overwritten", "kernels of their own: overlapping windows write over each other")
def unshared_windows_written(d, a, x, w):
    dx = np.zeros_like(x)
    for k in range(3):
        dx[:, k : k + x.shape[1] - 2] = d * w[:, k]
    return dx, np.einsum("ntk,nt->tk", slid(x, 3), d)


def in_blocks(x, n=2):
    return x.reshape(*x.shape[:-1], -1, n)


@F.forward(positive(2, 6), positive(4), positive(2, 3, 4), slots=("positive",), span=(1e-4, 1e4))
def cubic_pool(x):
    return np.cbrt((in_blocks(x) ** 3).sum(-1))


def cubic_pool_signal(d, x, slope):
    b = in_blocks(x)
    total = (b**3).sum(-1, keepdims=True)
    return (d[..., None] * slope(b, total)).reshape(x.shape)


@cubic_pool.right
def _(d, a, x):
    return cubic_pool_signal(d, x, lambda b, s: b**2 / np.cbrt(s) ** 2)


@cubic_pool.wrong("missing factor", "pool of third powers: the slope of the root forgotten")
def cubic_pool_no_root(d, a, x):
    return cubic_pool_signal(d, x, lambda b, s: b**2)


@cubic_pool.wrong("wrong factor", "pool of third powers: the root's power 1/3, not 2/3, below")
def cubic_pool_one_third(d, a, x):
    return cubic_pool_signal(d, x, lambda b, s: b**2 / np.cbrt(s))


@cubic_pool.wrong("wrong factor", "pool of third powers: x cubed, not squared")
def cubic_pool_not_lowered(d, a, x):
    return cubic_pool_signal(d, x, lambda b, s: b**3 / np.cbrt(s) ** 2)


@F.forward(*three(lambda *s: (normal(*s), normal()), (2, 6), (4,), (2, 3, 4)), slots=("real", "real"), kinks=True, ties=False,
           zero=False)  # fmt: skip
def mixed_pool(x, share):
    b = in_blocks(x)
    return share * b.max(-1) + (1 - share) * b.mean(-1)


def mixed_pool_signals(d, x, share, mean=1.0, part=0.5):
    b = in_blocks(x)
    top = b == b.max(-1, keepdims=True)
    dx = d[..., None] * (share * top + (1 - share) * part)
    return dx.reshape(x.shape), (d * (b.max(-1) - mean * b.mean(-1))).sum()


@mixed_pool.right
def _(d, a, x, share):
    return mixed_pool_signals(d, x, share)


@mixed_pool.wrong("missing term", "mixed pool: the share acts on the largest only, not on the mean beside it")
def mixed_pool_share_of_largest(d, a, x, share):
    return mixed_pool_signals(d, x, share, mean=0.0)


@mixed_pool.wrong("size factor", "mixed pool: the mean's part not divided by the window")
def mixed_pool_mean_as_sum(d, a, x, share):
    return mixed_pool_signals(d, x, share, part=1.0)


@F.forward(*three(lambda n, t: (normal(n, t, 3), ints(3, n, t)), (2, 3), (3, 2), (1, 4)), slots=("real", "fixed"))
def drawn_pool(x, pick):
    return np.take_along_axis(x, pick[..., None], -1)[..., 0]


@drawn_pool.right
def _(d, a, x, pick):
    return d[..., None] * (np.arange(3) == pick[..., None]), None


@drawn_pool.wrong("wrong place", "a pool that draws: the signal goes to the largest, not to the one that was drawn")
def drawn_pool_to_largest(d, a, x, pick):
    return d[..., None] * (np.arange(3) == x.argmax(-1)[..., None]), None


@drawn_pool.wrong("missing factor", "a pool that draws: a third to each, as it is drawn on the average")
def drawn_pool_average(d, a, x, pick):
    return np.repeat(d[..., None], 3, -1) / 3, None


@F.forward(normal(2, 3, 4), normal(1, 2, 5), normal(3, 2, 3), kinks=True, ties=False)
def mean_and_largest(x):
    return np.concatenate([x.mean(-1), x.max(-1)], -1)


def mean_and_largest_signal(x, mean, top):
    hit = x == x.max(-1, keepdims=True)
    return mean[..., None] / x.shape[-1] + top[..., None] * hit / hit.sum(-1, keepdims=True)


@mean_and_largest.right
def _(d, a, x):
    return mean_and_largest_signal(x, *np.split(d, 2, -1))


@mean_and_largest.wrong("swapped", "mean and largest side by side: the halves of δ exchanged")
def mean_and_largest_exchanged(d, a, x):
    return mean_and_largest_signal(x, *np.split(d, 2, -1)[::-1])


@mean_and_largest.wrong("missing term", "mean and largest side by side: the largest's half forgotten")
def mean_and_largest_mean_only(d, a, x):
    return mean_and_largest_signal(x, np.split(d, 2, -1)[0], np.zeros(x.shape[:-1]))


def uneven(t, parts):
    return [(i * t // parts, -(-(i + 1) * t // parts)) for i in range(parts)]


@F.forward(normal(2, 7), normal(8), normal(2, 2, 5))
def adaptive_pool(x):
    return np.stack([x[..., lo:hi].mean(-1) for lo, hi in uneven(x.shape[-1], 3)], -1)


def adaptive_pool_signal(d, x, windows, size=None):
    dx = np.zeros_like(x)
    for i, (lo, hi) in enumerate(windows):
        dx[..., lo:hi] += d[..., i : i + 1] / (size or hi - lo)
    return dx


@adaptive_pool.right
def _(d, a, x):
    return adaptive_pool_signal(d, x, uneven(x.shape[-1], 3))


@adaptive_pool.wrong("size factor", "adaptive pool: all windows divided by the rounded size")
def adaptive_pool_rounded(d, a, x):
    return adaptive_pool_signal(d, x, uneven(x.shape[-1], 3), size=x.shape[-1] // 3)


@adaptive_pool.wrong("some entries", "adaptive pool: windows end where the next begins, though they overlap")
def adaptive_pool_no_overlap(d, a, x):
    t = x.shape[-1]
    return adaptive_pool_signal(d, x, [(i * t // 3, (i + 1) * t // 3) for i in range(3)])


@F.forward(normal(2, 6), normal(1, 6, 2), normal(3, 12))
def channels_shuffled(x):
    return np.swapaxes(x.reshape(len(x), 2, -1, *x.shape[2:]), 1, 2).reshape(x.shape)


@channels_shuffled.right
def _(d, a, x):
    return np.swapaxes(d.reshape(len(x), -1, 2, *x.shape[2:]), 1, 2).reshape(x.shape)


@channels_shuffled.wrong("wrong place", "channels shuffled: shuffled once more, which undoes it for two by two only")
def channels_shuffled_again(d, a, x):
    return np.swapaxes(d.reshape(len(x), 2, -1, *x.shape[2:]), 1, 2).reshape(x.shape)


@channels_shuffled.wrong("wrong place", "channels shuffled: δ only reshaped")
def channels_shuffled_passed_on(d, a, x):
    return d.copy()


@F.forward(*three(lambda h, w, m: (normal(h, w), uniform(-1.3, 1.3, m, 2)), (4, 5, 4), (3, 4, 6), (5, 3, 3)),
           slots=("real", "fixed"), span=(1e-4, 1e4), kinks=True)  # fmt: skip
def looked_up(picture, grid):
    at, weights, _ = looked_parts(picture, grid)
    return sum(w * picture[p] for p, w in zip(at, weights, strict=True))


def looked_parts(picture, grid):
    size = np.array(picture.shape)
    raw = (grid + 1) / 2 * (size - 1)
    inside = (raw > 0) & (raw < size - 1)
    place = np.clip(raw, 0, size - 1)
    low = np.clip(np.floor(place).astype(int), 0, size - 2)
    r, c = (place - low).T
    i, j = low.T
    at = ((i, j), (i, j + 1), (i + 1, j), (i + 1, j + 1))
    return at, ((1 - r) * (1 - c), (1 - r) * c, r * (1 - c), r * c), (inside, r, c)


def looked_up_signals(d, picture, grid, clipped=True, scaled=True, turned=False):
    at, weights, (inside, r, c) = looked_parts(picture, grid)
    dp = np.zeros_like(picture)
    for place, w in zip(at, weights, strict=True):
        np.add.at(dp, place, w * d)
    v = [picture[place] for place in at]
    down = (1 - c) * (v[2] - v[0]) + c * (v[3] - v[1])
    right = (1 - r) * (v[1] - v[0]) + r * (v[3] - v[2])
    slope = np.stack([right, down] if turned else [down, right], -1)
    slope = slope * (np.array(picture.shape) - 1) / 2 if scaled else slope
    return dp, d[:, None] * slope * (inside if clipped else 1)


@looked_up.right
def _(d, a, picture, grid):
    return looked_up_signals(d, picture, grid)


@looked_up.wrong("bound", "looked up in a picture: places beyond the border, which are clipped, move all the same")
def looked_up_beyond_border(d, a, picture, grid):
    return looked_up_signals(d, picture, grid, clipped=False)


@looked_up.wrong(
    "size factor", "looked up in a picture: half the picture's size, by which places were scaled, forgotten"
)
def looked_up_unscaled(d, a, picture, grid):
    return looked_up_signals(d, picture, grid, scaled=False)


@looked_up.wrong("wrong place", "looked up in a picture: the slopes down and to the right exchanged")
def looked_up_exchanged(d, a, picture, grid):
    return looked_up_signals(d, picture, grid, turned=True)


@F.forward(normal(2, 6), normal(7), normal(2, 2, 5))
def window_variance(x):
    s = slid(x, 3)
    return (s * s).mean(-1) - s.mean(-1) ** 2


def window_variance_signal(d, x, mean=1.0, size=3):
    s, dx = slid(x, 3), np.zeros_like(x)
    g = 2 * d[..., None] * (s - mean * s.mean(-1, keepdims=True)) / size
    for k in range(3):
        dx[..., k : k + x.shape[-1] - 2] += g[..., k]
    return dx


@window_variance.right
def _(d, a, x):
    return window_variance_signal(d, x)


@window_variance.wrong("missing term", "variance in a window: the square of the mean taken for a constant")
def window_variance_mean_held(d, a, x):
    return window_variance_signal(d, x, mean=0.0)


@window_variance.wrong("size factor", "variance in a window: n − 1 for n")
def window_variance_unbiased(d, a, x):
    return window_variance_signal(d, x, size=2)


@F.forward(
    *three(lambda n, h, w: (normal(n, h, w), normal(3, 2)), (2, 5, 5), (1, 4, 6), (3, 6, 4)), slots=("real", "real")
)
def strided_picture(x, k):
    h, w = (x.shape[1] - 3) // 2 + 1, (x.shape[2] - 2) // 2 + 1
    return sum(k[i, j] * x[:, i : i + 2 * h : 2, j : j + 2 * w : 2] for i in range(3) for j in range(2))


def strided_picture_signals(d, x, k, pictures=None, turned=False):
    dx, dk = np.zeros_like(x), np.zeros_like(k)
    h, w = d.shape[1:]
    for i in range(3):
        for j in range(2):
            put = x[:, i : i + 2 * h : 2, j : j + 2 * w : 2]
            dk[i, j] = (put * d)[:pictures].sum()
            dx[:, i : i + 2 * h : 2, j : j + 2 * w : 2] += d * (k[2 - i, 1 - j] if turned else k[i, j])
    return dx, dk


@strided_picture.right
def _(d, a, x, k):
    return strided_picture_signals(d, x, k)


@strided_picture.wrong(
    "wrong place", "a convolution in steps of two: the kernel turned where it is put back as it was read"
)
def strided_picture_turned(d, a, x, k):
    return strided_picture_signals(d, x, k, turned=True)


@strided_picture.wrong("missing sum", "a convolution in steps of two: the kernel's signal of the first picture only")
def strided_picture_first(d, a, x, k):
    return strided_picture_signals(d, x, k, pictures=1)


OFFSETS = np.arange(-2, 3)


@F.forward(*three(lambda n, t: (normal(n, t), uniform(0.6, 1.6)), (2, 7), (3, 6), (1, 9)), slots=("real", "fixed"))
def blur_trained(x, width):
    k = np.exp(-((OFFSETS / width) ** 2) / 2)
    return slid(x, 5) @ (k / k.sum())


def blur_trained_signals(d, x, width, own=1.0, power=3):
    k = np.exp(-((OFFSETS / width) ** 2) / 2)
    k = k / k.sum()
    dx = np.zeros_like(x)
    for i in range(5):
        dx[..., i : i + x.shape[-1] - 4] += d * k[i]
    dk = (slid(x, 5) * d[..., None]).sum((0, 1))
    return dx, (k * (dk - own * (dk * k).sum()) * OFFSETS**2).sum() / width**power


@blur_trained.right
def _(d, a, x, width):
    return blur_trained_signals(d, x, width)


@blur_trained.wrong("lost projection", "a blur of trained width: what its kernel is divided by taken for a constant")
def blur_trained_sum_held(d, a, x, width):
    return blur_trained_signals(d, x, width, own=0.0)


@blur_trained.wrong("constant factor", "a blur of trained width: σ² for σ³")
def blur_trained_square(d, a, x, width):
    return blur_trained_signals(d, x, width, power=2)


@F.forward(normal(2, 6), normal(5), normal(2, 2, 4), zero=True)
def smooth_variation(x):
    step = np.diff(x, axis=-1)
    return np.sqrt(step * step + 0.1).sum(-1)


def smooth_variation_signal(d, x, left=1.0):
    step = np.diff(x, axis=-1)
    g = d[..., None] * step / np.sqrt(step * step + 0.1)
    dx = np.zeros_like(x)
    dx[..., 1:] += g
    dx[..., :-1] -= left * g
    return dx


@smooth_variation.right
def _(d, a, x):
    return smooth_variation_signal(d, x)


@smooth_variation.wrong("missing term", "variation: each step moves its right end only")
def smooth_variation_right_only(d, a, x):
    return smooth_variation_signal(d, x, left=0.0)


@smooth_variation.wrong("some entries", "variation: the last step joined to the first point, as on a ring")
def smooth_variation_ring(d, a, x):
    step = np.roll(x, -1, -1) - x
    g = d[..., None] * step / np.sqrt(step * step + 0.1)
    return np.roll(g, 1, -1) - g
