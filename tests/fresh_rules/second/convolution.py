"""Second set: convolution, pooling and resampling along one axis."""

from __future__ import annotations

import numpy as np

from ..record import Family, normal, uniform

F = Family("second, convolution")


def conv1(x, w, stride, dil, pad):
    _n, _c, _length = x.shape
    _o, _, k = w.shape
    xp = np.pad(x, ((0, 0), (0, 0), (pad, pad)))
    m = (xp.shape[2] - dil * (k - 1) - 1) // stride + 1
    return sum(
        np.einsum("ncl,oc->nol", xp[:, :, j * dil : j * dil + stride * (m - 1) + 1 : stride], w[:, :, j])
        for j in range(k)
    )


def conv1_b(d, x, w, stride, dil, pad, flip=False, first=None):
    _n, _c, length = x.shape
    _o, _, k = w.shape
    xp = np.pad(x, ((0, 0), (0, 0), (pad, pad)))
    m = d.shape[2]
    gx, gw = (np.zeros_like(xp), np.zeros_like(w))
    for j in range(k):
        s = slice(j * dil, j * dil + stride * (m - 1) + 1, stride)
        gx[:, :, s] += np.einsum("nol,oc->ncl", d, w[:, :, k - 1 - j if flip else j])
        gw[:, :, j] = np.einsum("nol,ncl->oc", d, xp[:, :, s])
    return (gx[:, :, pad : pad + length], gw)


@F.forward(
    (normal(2, 3, 8), normal(4, 3, 3)),
    (normal(3, 1, 9), normal(2, 1, 2)),
    (normal(2, 2, 7), normal(3, 2, 3)),
    slots=("real", "real"),
)
def conv1d_stride(x, w):
    return conv1(x, w, 2, 1, 1)


@conv1d_stride.right
def _(d, a, x, w):
    return conv1_b(d, x, w, 2, 1, 1)


@conv1d_stride.wrong("wrong place", "conv1d_stride: kernel reversed along its length in the gradient of x")
def conv_kernel_flipped(d, a, x, w):
    return conv1_b(d, x, w, 2, 1, 1, flip=True)


@conv1d_stride.wrong(
    "some entries", "conv1d_stride: first and last position of x's gradient zeroed (padding cut from the wrong side)"
)
def conv_border_cleared(d, a, x, w):
    gx, gw = conv1_b(d, x, w, 2, 1, 1)
    gx[:, :, 0] = 0
    gx[:, :, -1] = 0
    return (gx, gw)


@conv1d_stride.wrong("wrong place", "conv1d_stride: stride missing in the weights' gradient")
def conv_weight_stride_forgotten(d, a, x, w):
    _n, _c, _length = x.shape
    _o, _, k = w.shape
    xp = np.pad(x, ((0, 0), (0, 0), (1, 1)))
    gx, gw = conv1_b(d, x, w, 2, 1, 1)
    for j in range(k):
        gw[:, :, j] = np.einsum("nol,ncl->oc", d, np.pad(xp, ((0, 0), (0, 0), (0, k)))[:, :, j : j + d.shape[2]])
    return (gx, gw)


@conv1d_stride.wrong("size factor", "conv1d_stride: mean over the batch instead of sum for the weights")
def conv_weight_mean_over_batch(d, a, x, w):
    gx, gw = conv1_b(d, x, w, 2, 1, 1)
    return (gx, gw / len(x))


@F.forward(
    (normal(2, 3, 8), normal(4, 3, 3)),
    (normal(3, 1, 9), normal(2, 1, 2)),
    (normal(2, 2, 7), normal(3, 2, 3)),
    slots=("real", "real"),
)
def conv1d_dilated(x, w):
    return conv1(x, w, 1, 2, 0)


@conv1d_dilated.right
def _(d, a, x, w):
    return conv1_b(d, x, w, 1, 2, 0)


@conv1d_dilated.wrong("wrong place", "conv1d_dilated: dilation missing in the gradient of x")
def conv_dilation_forgotten(d, a, x, w):
    gx, _ = conv1_b(d, x, w, 1, 1, 0)
    return (gx, conv1_b(d, x, w, 1, 2, 0)[1])


@conv1d_dilated.wrong("wrong place", "conv1d_dilated: out/in channels transposed then reshaped to the weight's shape")
def conv_weight_channels_mixed(d, a, x, w):
    gx, gw = conv1_b(d, x, w, 1, 2, 0)
    return (gx, np.swapaxes(gw, 0, 1).reshape(gw.shape))


def dw_right(d, a, x, w):
    p = [conv1_b(d[:, c : c + 1], x[:, c : c + 1], w[c : c + 1], 1, 1, 1) for c in range(x.shape[1])]
    return (np.concatenate([g for g, _ in p], 1), np.concatenate([g for _, g in p], 0))


@F.forward(
    (normal(2, 3, 6), normal(3, 1, 3)),
    (normal(3, 2, 5), normal(2, 1, 3)),
    (normal(2, 4, 4), normal(4, 1, 3)),
    slots=("real", "real"),
)
def depthwise(x, w):
    return np.stack([conv1(x[:, c : c + 1], w[c : c + 1], 1, 1, 1)[:, 0] for c in range(x.shape[1])], 1)


depthwise.right(dw_right)


@depthwise.wrong("some entries", "depthwise: the first group's kernel gradient copied to every group")
def depthwise_first_group_for_all(d, a, x, w):
    gx, gw = dw_right(d, a, x, w)
    return (gx, gw[:1] + 0 * gw)


@depthwise.wrong("some entries", "depthwise: the first group's kernel used for every channel of x")
def depthwise_first_kernel_for_all(d, a, x, w):
    _gx, gw = dw_right(d, a, x, w)
    p = [conv1_b(d[:, c : c + 1], x[:, c : c + 1], w[:1], 1, 1, 1)[0] for c in range(x.shape[1])]
    return (np.concatenate(p, 1), gw)


def mp_r(d, a, x):
    m = x.shape[-1] // 2 * 2
    y = x[..., :m].reshape(*x.shape[:-1], -1, 2)
    i = y.argmax(-1)
    g = np.zeros_like(x)
    g[..., :m] = ((np.arange(2) == i[..., None]) * d[..., None]).reshape(*x.shape[:-1], m)
    return g


@F.forward(normal(2, 3, 6), normal(3, 2, 5), normal(2, 8), kinks=True)
def max_pool(x):
    return x[..., : x.shape[-1] // 2 * 2].reshape(*x.shape[:-1], -1, 2).max(-1)


max_pool.right(mp_r)


@max_pool.wrong("wrong place", "max_pool: every entry of a window gets the signal")
def max_pool_everywhere(d, a, x):
    m = x.shape[-1] // 2 * 2
    g = np.zeros_like(x)
    g[..., :m] = np.repeat(d, 2, -1)
    return g


@max_pool.wrong("wrong place", "max_pool: signal goes to the smallest of the window")
def max_pool_to_the_least(d, a, x):
    m = x.shape[-1] // 2 * 2
    y = x[..., :m].reshape(*x.shape[:-1], -1, 2)
    i = y.argmin(-1)
    g = np.zeros_like(x)
    g[..., :m] = ((np.arange(2) == i[..., None]) * d[..., None]).reshape(*x.shape[:-1], m)
    return g


@max_pool.wrong("constant factor", "max_pool: divided by the window size as an average's")
def max_pool_divided(d, a, x):
    return mp_r(d, a, x) / 2


@F.forward(normal(3, 9), normal(2, 3, 7), normal(4, 11), kinks=True)
def overlapping_max_pool(x):
    return np.lib.stride_tricks.sliding_window_view(x, 3, -1)[..., ::2, :].max(-1)


@overlapping_max_pool.right
def _(d, a, x):
    i = np.lib.stride_tricks.sliding_window_view(x, 3, -1)[..., ::2, :].argmax(-1) + 2 * np.arange(d.shape[-1])
    g = np.zeros_like(x)
    for j in range(d.shape[-1]):
        np.put_along_axis(g, i[..., j : j + 1], np.take_along_axis(g, i[..., j : j + 1], -1) + d[..., j : j + 1], -1)
    return g


@overlapping_max_pool.wrong(
    "overwritten", "overlapping_max_pool: assignment instead of accumulation where windows share their maximum"
)
def overlapping_pool_assigns(d, a, x):
    i = np.lib.stride_tricks.sliding_window_view(x, 3, -1)[..., ::2, :].argmax(-1) + 2 * np.arange(d.shape[-1])
    g = np.zeros_like(x)
    np.put_along_axis(g, i, d, -1)
    return g


def ap_r(d, a, x):
    e = d / np.where((np.arange(x.shape[1]) == 0) | (np.arange(x.shape[1]) == x.shape[1] - 1), 2, 3)
    p = np.pad(e, ((0, 0), (1, 1)))
    return p[:, :-2] + p[:, 1:-1] + p[:, 2:]


@F.forward(normal(3, 6), normal(2, 4), normal(4, 9))
def avg_pool(x):
    p = np.pad(x, ((0, 0), (1, 1)))
    return (p[:, :-2] + p[:, 1:-1] + p[:, 2:]) / np.where(
        (np.arange(x.shape[1]) == 0) | (np.arange(x.shape[1]) == x.shape[1] - 1), 2, 3
    )


avg_pool.right(ap_r)


@avg_pool.wrong(
    "row factor",
    "avg_pool: divides border windows by 3 (padding counted) in backward: first and last windows too small",
)
def avg_pool_counts_padding(d, a, x):
    p = np.pad(d / 3, ((0, 0), (1, 1)))
    return p[:, :-2] + p[:, 1:-1] + p[:, 2:]


@avg_pool.wrong("missing term", "avg_pool: the right neighbour's part forgotten")
def avg_pool_spread_one_side(d, a, x):
    return (
        ap_r(d, a, x)
        - np.pad(
            d / np.where((np.arange(x.shape[1]) == 0) | (np.arange(x.shape[1]) == x.shape[1] - 1), 2, 3),
            ((0, 0), (1, 0)),
        )[:, :-1]
    )


@F.forward(normal(3, 4), normal(5, 2), normal(2, 3, 2))
def upsample_nearest(x):
    return np.repeat(x, 3, -1)


@upsample_nearest.right
def _(d, a, x):
    return d.reshape(*x.shape, 3).sum(-1)


@upsample_nearest.wrong("wrong place", "upsample_nearest: reshaped as for tile: (3, n) and summed over the first")
def upsample_tile_order(d, a, x):
    return d.reshape(*x.shape[:-1], 3, x.shape[-1]).sum(-2)


@upsample_nearest.wrong("size factor", "upsample_nearest: mean instead of sum: factor 1/3")
def upsample_mean_again(d, a, x):
    return d.reshape(*x.shape, 3).mean(-1)


@upsample_nearest.wrong("missing sum", "upsample_nearest: picks one of three: contributions lost")
def upsample_one_of_three(d, a, x):
    return d[..., ::3].copy()


def bil_r(d, a, f, u):
    i = np.clip(np.floor(u).astype(int), 0, len(f) - 2)
    t = (u - i)[:, None]
    g = np.zeros_like(f)
    np.add.at(g, i, d * (1 - t))
    np.add.at(g, i + 1, d * t)
    return (g, (d * (f[i + 1] - f[i])).sum(1))


@F.forward(
    (normal(5, 3), uniform(0.1, 3.9, 7)),
    (normal(4, 2), uniform(0.1, 2.9, 6)),
    (normal(6, 4), uniform(0.1, 4.9, 9)),
    slots=("real", "fixed"),
    kinks=True,
)
def bilinear_sample(f, u):
    i = np.clip(np.floor(u).astype(int), 0, len(f) - 2)
    t = (u - i)[:, None]
    return f[i] * (1 - t) + f[i + 1] * t


bilinear_sample.right(bil_r)


@bilinear_sample.wrong("wrong place", "bilinear_sample: weights t and 1 − t exchanged")
def bilinear_weights_swapped(d, a, f, u):
    i = np.clip(np.floor(u).astype(int), 0, len(f) - 2)
    t = (u - i)[:, None]
    g = np.zeros_like(f)
    np.add.at(g, i, d * t)
    np.add.at(g, i + 1, d * (1 - t))
    return (g, bil_r(d, a, f, u)[1])


@bilinear_sample.wrong("sign", "bilinear_sample: sign of the position's gradient")
def bilinear_offset_sign(d, a, f, u):
    g, _gu = bil_r(d, a, f, u)
    i = np.clip(np.floor(u).astype(int), 0, len(f) - 2)
    return (g, (d * (f[i] - f[i + 1])).sum(1))


@bilinear_sample.wrong("overwritten", "bilinear_sample: g[i] += loses repeated positions (duplicates)")
def bilinear_fancy_add(d, a, f, u):
    i = np.clip(np.floor(u).astype(int), 0, len(f) - 2)
    t = (u - i)[:, None]
    g = np.zeros_like(f)
    g[i] += d * (1 - t)
    g[i + 1] += d * t
    return (g, (d * (f[i + 1] - f[i])).sum(1))


@bilinear_sample.wrong("detached", "bilinear_sample: no gradient for the positions")
def bilinear_positions_stopped(d, a, f, u):
    return (bil_r(d, a, f, u)[0], np.zeros_like(u))
