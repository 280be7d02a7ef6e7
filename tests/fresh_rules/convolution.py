"""Convolution, pooling and upsampling, in one and two dimensions."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

import graphnet as gn

from .record import Family, coarse, normal, three

F = Family("convolution")


@F.forward(*three(lambda n, k: (normal(n), normal(k)), (8, 3), (6, 2), (9, 4)), slots=("real", "real"))
def correlate(x, w):
    return np.correlate(x, w, mode="valid")


@correlate.right
def _(delta, a, x, w):
    return np.convolve(delta, w, mode="full"), np.correlate(x, delta, mode="valid")


@correlate.wrong("wrong place", "conv1d from scratch: the kernel wasn't flipped for dx")
def correlate_kernel_not_flipped(delta, a, x, w):
    return np.convolve(delta, w[::-1], mode="full"), np.correlate(x, delta, mode="valid")


@correlate.wrong("wrong place", "conv1d from scratch: dw is flipped")
def correlate_dw_flipped(delta, a, x, w):
    return np.convolve(delta, w, mode="full"), np.convolve(x, delta, mode="valid")


@dataclass(frozen=True)
class Conv1d(gn.Op):
    """Of x: (channels in, n), w: (channels out, channels in / groups, k)."""

    stride: int = 1
    pad: int = 0
    dilation: int = 1
    groups: int = 1

    def windows(self, x, k):
        x = np.pad(x, ((0, 0), (self.pad, self.pad)))
        n = (x.shape[1] - self.dilation * (k - 1) - 1) // self.stride + 1
        at = self.stride * np.arange(n)[:, None] + self.dilation * np.arange(k)
        return x[:, at], at  # (channels in, n, k)

    def forward(self, x, w):
        cols, _ = self.windows(x, w.shape[2])
        g, each = self.groups, w.shape[0] // self.groups
        cols = cols.reshape(g, -1, *cols.shape[1:])
        return np.einsum("gcnk,gock->gon", cols, w.reshape(g, each, *w.shape[1:])).reshape(w.shape[0], -1)

    def grouped(self, delta, x, w):
        cols, at = self.windows(x, w.shape[2])
        g = self.groups
        return (
            delta.reshape(g, -1, delta.shape[1]),
            cols.reshape(g, -1, *cols.shape[1:]),
            at,
            w.reshape(g, -1, *w.shape[1:]),
        )

    def scatter(self, dcols, at, x):
        dx = np.zeros((x.shape[0], x.shape[1] + 2 * self.pad), dcols.dtype)
        np.add.at(dx, (slice(None), at), dcols.reshape(x.shape[0], *at.shape))
        return dx[:, self.pad : self.pad + x.shape[1]]

    def backward(self, delta, a, x, w):
        d, cols, at, gw = self.grouped(delta, x, w)
        dx = self.scatter(np.einsum("gon,gock->gcnk", d, gw), at, x)
        return dx, np.einsum("gon,gcnk->gock", d, cols).reshape(w.shape)


def conv_sets(groups=1):
    return three(
        lambda ci, co, n, k: (normal(ci, n), normal(co, ci // groups, k)),
        (2, 4, 9, 3),
        (4, 2, 7, 2),
        (2, 2, 8, 3),
    )


REAL2 = ("real", "real")
strided = F.op(Conv1d(stride=2), *conv_sets(), slots=REAL2)
padded = F.op(Conv1d(pad=1), *conv_sets(), slots=REAL2)
dilated = F.op(Conv1d(dilation=2), *conv_sets(), slots=REAL2)
grouped = F.op(Conv1d(groups=2), *conv_sets(2), slots=REAL2)


@strided.wrong("wrong place", "strided conv: dx isn't dilated by the stride, it is laid down densely")
def strided_dx_dense(self, delta, a, x, w):
    d, cols, at, gw = self.grouped(delta, x, w)
    dense = np.arange(len(at))[:, None] + np.arange(at.shape[1])
    return self.scatter(np.einsum("gon,gock->gcnk", d, gw), dense, x), np.einsum("gon,gcnk->gock", d, cols).reshape(
        w.shape
    )


@strided.wrong("overwritten", "im2col/col2im: dx[idx] += … with repeated idx counts each place once")
def strided_col2im_buffered(self, delta, a, x, w):
    d, cols, at, gw = self.grouped(delta, x, w)
    dcols = np.einsum("gon,gock->gcnk", d, gw)
    dx = np.zeros_like(x)
    dx[:, at] += dcols.reshape(x.shape[0], *at.shape)
    return dx, np.einsum("gon,gcnk->gock", d, cols).reshape(w.shape)


@strided.wrong("some entries", "strided conv: the last window's contribution to dx is cut off")
def strided_last_window(self, delta, a, x, w):
    d, cols, at, gw = self.grouped(delta, x, w)
    dcols = np.einsum("gon,gock->gcnk", d, gw)
    return self.scatter(dcols[:, :, :-1], at[:-1], x), np.einsum("gon,gcnk->gock", d, cols).reshape(w.shape)


@padded.wrong("wrong place", "padded conv: dx sliced from 0 and not from the padding")
def padded_not_cropped(self, delta, a, x, w):
    d, cols, at, gw = self.grouped(delta, x, w)
    dx = np.zeros((x.shape[0], x.shape[1] + 2 * self.pad))
    np.add.at(dx, (slice(None), at), np.einsum("gon,gock->gcnk", d, gw).reshape(x.shape[0], *at.shape))
    return dx[:, : x.shape[1]], np.einsum("gon,gcnk->gock", d, cols).reshape(w.shape)


@padded.wrong("wrong place", "padded conv: dw computed on the unpadded input, shifted by the padding")
def padded_dw_unpadded(self, delta, a, x, w):
    d, cols, at, gw = self.grouped(delta, x, w)
    shifted = np.roll(cols, 1, axis=2)
    dx = self.scatter(np.einsum("gon,gock->gcnk", d, gw), at, x)
    return dx, np.einsum("gon,gcnk->gock", d, shifted).reshape(w.shape)


@dilated.wrong("wrong place", "dilated conv: stride and dilation exchanged in the input's gradient")
def dilated_as_dense(self, delta, a, x, w):
    d, cols, at, gw = self.grouped(delta, x, w)
    dense = at[:, :1] + np.arange(at.shape[1])
    return self.scatter(np.einsum("gon,gock->gcnk", d, gw), dense, x), np.einsum("gon,gcnk->gock", d, cols).reshape(
        w.shape
    )


@dilated.wrong("wrong place", "dilated conv: dw reads neighbours, not every second number")
def dilated_dw_dense(self, delta, a, x, w):
    d, _, at, gw = self.grouped(delta, x, w)
    cols = x[:, at[:, :1] + np.arange(at.shape[1])][None]
    dx = self.scatter(np.einsum("gon,gock->gcnk", d, gw), at, x)
    return dx, np.einsum("gon,gcnk->gock", d, cols).reshape(w.shape)


@grouped.wrong("wrong place", "grouped conv: output channels are taken in the order of a channel shuffle")
def grouped_channels_shuffled(self, delta, a, x, w):
    shuffled = delta.reshape(-1, self.groups, delta.shape[1]).swapaxes(0, 1).reshape(delta.shape)
    d, cols, at, gw = self.grouped(shuffled, x, w)
    dx = self.scatter(np.einsum("gon,gock->gcnk", d, gw), at, x)
    return dx, np.einsum("gon,gcnk->gock", d, cols).reshape(w.shape)


@grouped.wrong("wrong axis", "grouped conv: dw sums over the groups, every group gets all of it")
def grouped_dw_summed(self, delta, a, x, w):
    d, cols, at, gw = self.grouped(delta, x, w)
    dx = self.scatter(np.einsum("gon,gock->gcnk", d, gw), at, x)
    dw = np.einsum("gon,gcnk->ock", d, cols)
    return dx, np.concatenate([dw] * self.groups)


@dataclass(frozen=True)
class ConvTranspose1d(gn.Op):
    """Of x: (channels in, n), w: (channels in, channels out, k)."""

    stride: int

    def forward(self, x, w):
        n, k = x.shape[1], w.shape[2]
        out = np.zeros((w.shape[1], self.stride * (n - 1) + k), np.result_type(x, w))
        for i in range(n):
            out[:, self.stride * i : self.stride * i + k] += np.einsum("c,cok->ok", x[:, i], w)
        return out

    def windows(self, delta, n, k):
        return delta[:, self.stride * np.arange(n)[:, None] + np.arange(k)]

    def backward(self, delta, a, x, w):
        cols = self.windows(delta, x.shape[1], w.shape[2])
        return np.einsum("onk,cok->cn", cols, w), np.einsum("onk,cn->cok", cols, x)


transposed = F.op(
    ConvTranspose1d(2),
    *three(lambda ci, co, n, k: (normal(ci, n), normal(ci, co, k)), (2, 3, 4, 3), (1, 2, 5, 2), (3, 1, 3, 4)),
    slots=REAL2,
)


@transposed.wrong("wrong place", "conv_transpose: stride taken for 1 when the signal is read back")
def transposed_stride_one(self, delta, a, x, w):
    cols = delta[:, np.arange(x.shape[1])[:, None] + np.arange(w.shape[2])]
    return np.einsum("onk,cok->cn", cols, w), np.einsum("onk,cn->cok", self.windows(delta, x.shape[1], w.shape[2]), x)


@transposed.wrong("wrong place", "conv_transpose: kernel flipped, as a convolution's backward would")
def transposed_kernel_flipped(self, delta, a, x, w):
    cols = self.windows(delta, x.shape[1], w.shape[2])
    return np.einsum("onk,cok->cn", cols, w[..., ::-1]), np.einsum("onk,cn->cok", cols, x)


@F.forward(
    *three(lambda n, m, k: (normal(n, m), normal(k, k), normal()), (5, 6, 3), (4, 4, 2), (6, 5, 2)),
    slots=("real", "real", "real"),
)
def conv2d_one(x, w, b):
    k = len(w)
    return np.einsum("nmij,ij->nm", np.lib.stride_tricks.sliding_window_view(x, (k, k)), w) + b


def spread(delta, w, x):
    dx = np.zeros_like(x)
    for i, j in np.ndindex(w.shape):
        dx[i : i + delta.shape[0], j : j + delta.shape[1]] += delta * w[i, j]
    return dx


@conv2d_one.right
def _(delta, a, x, w, b):
    k = len(w)
    windows = np.lib.stride_tricks.sliding_window_view(x, (k, k))
    return spread(delta, w, x), np.einsum("nmij,nm->ij", windows, delta), delta.sum()


@conv2d_one.wrong("transposed", "conv2d: kernel transposed, right for the symmetric kernels it was tried with")
def conv2d_kernel_transposed(delta, a, x, w, b):
    k = len(w)
    windows = np.lib.stride_tricks.sliding_window_view(x, (k, k))
    return spread(delta, w.T, x), np.einsum("nmij,nm->ij", windows, delta), delta.sum()


@conv2d_one.wrong("size factor", "conv2d: the bias gets the mean over the image")
def conv2d_bias_mean(delta, a, x, w, b):
    k = len(w)
    windows = np.lib.stride_tricks.sliding_window_view(x, (k, k))
    return spread(delta, w, x), np.einsum("nmij,nm->ij", windows, delta), delta.mean()


def blocks(x):
    n, m = x.shape
    return x.reshape(n // 2, 2, m // 2, 2)


IMAGES = three(normal, (4, 6), (2, 4), (6, 2))


@F.forward(*IMAGES)
def avg_pool(x):
    return blocks(x).mean((1, 3))


@avg_pool.right
def _(delta, a, x):
    return np.repeat(np.repeat(delta, 2, 0), 2, 1) / 4


@avg_pool.wrong("size factor", "avg pool: gradient copied to the window, not divided by its size")
def avg_pool_not_divided(delta, a, x):
    return np.repeat(np.repeat(delta, 2, 0), 2, 1)


@avg_pool.wrong("wrong place", "avg pool: tiled where repeated was meant")
def avg_pool_tiled(delta, a, x):
    return np.tile(delta, (2, 2)) / 4


@dataclass(frozen=True)
class AvgPoolPadded(gn.Op):
    """Windows of three with stride one, padded; zeros outside aren't counted."""

    count_padding: bool = False

    def counts(self, n):
        return np.convolve(np.ones(n), np.ones(3), mode="same")

    def forward(self, x):
        p = np.pad(x, 1)
        return (p[:-2] + p[1:-1] + p[2:]) / self.counts(len(x))

    def backward(self, delta, a, x):
        p = np.pad(delta / self.counts(len(x)), 1)
        return p[:-2] + p[1:-1] + p[2:]


padded_pool = F.op(AvgPoolPadded(), *three(normal, (6,), (4,), (9,)))


@padded_pool.wrong("some entries", "avg pool: count_include_pad differs, edges are divided by three")
def avg_pool_padding_counted(self, delta, a, x):
    p = np.pad(delta / 3, 1)
    return p[:-2] + p[1:-1] + p[2:]


@F.forward(normal(4, 6), coarse(4, 4), coarse(6, 4), kinks=True)
def max_pool(x):
    return blocks(x).max((1, 3))


def flat_windows(x):
    return blocks(x).swapaxes(1, 2).reshape(x.shape[0] // 2, x.shape[1] // 2, 4)


def unflat(w, shape):
    return w.reshape(shape[0] // 2, shape[1] // 2, 2, 2).swapaxes(1, 2).reshape(shape)


@max_pool.right
def _(delta, a, x):
    first = np.eye(4)[flat_windows(x).argmax(-1)]
    return unflat(first * delta[..., None], x.shape)


@max_pool.wrong("ties", "max pool: mask x == max, every one of equal maxima gets the whole signal")
def max_pool_ties_all(delta, a, x):
    return unflat((flat_windows(x) == a[..., None]) * delta[..., None], x.shape)


@max_pool.wrong("ties", "max pool: mask with a tolerance 'for floats', close runners-up count as maxima")
def max_pool_tolerance(delta, a, x):
    near = np.isclose(flat_windows(x), a[..., None], atol=0.5)
    return unflat(near * delta[..., None], x.shape)


@max_pool.wrong("wrong place", "max pool: argmax of the window counted column by column")
def max_pool_argmax_order(delta, a, x):
    first = np.eye(4)[flat_windows(x).argmax(-1)].reshape(*delta.shape, 2, 2).swapaxes(-1, -2)
    return unflat(first * delta[..., None, None], x.shape)


@max_pool.wrong("missing factor", "max pool: the mask stands for the signal times the maximum")
def max_pool_times_output(delta, a, x):
    first = np.eye(4)[flat_windows(x).argmax(-1)]
    return unflat(first * (delta * a)[..., None], x.shape)


@F.forward(*three(normal, (3,), (4,), (6,)))
def overlapping_max(x):
    return np.maximum(x[1:], x[:-1])


@overlapping_max.right
def _(delta, a, x):
    g = np.zeros_like(x)
    first = x[:-1] >= x[1:]
    g[:-1] += delta * first
    g[1:] += delta * ~first
    return g


@overlapping_max.wrong("overwritten", "max pool with stride < size: one who wins twice is paid once")
def overlapping_max_once(delta, a, x):
    g = np.zeros_like(x)
    first = x[:-1] >= x[1:]
    g[np.arange(len(delta)) + ~first] = delta
    return g


@F.forward(*three(normal, (2, 3), (3, 2), (1, 4)))
def upsample(x):
    return np.repeat(np.repeat(x, 2, 0), 2, 1)


@upsample.right
def _(delta, a, x):
    return blocks(delta).sum((1, 3))


@upsample.wrong("missing sum", "nearest upsampling: takes the upper left of each block")
def upsample_one_of_four(delta, a, x):
    return delta[::2, ::2]


@upsample.wrong("size factor", "nearest upsampling: average pooling as its backward")
def upsample_mean(delta, a, x):
    return blocks(delta).mean((1, 3))


@F.forward(*three(normal, (4,), (5,), (3,)))
def upsample_linear(x):
    """Twice the samples less one, the new ones half way."""
    out = np.zeros(2 * len(x) - 1, x.dtype)
    out[::2], out[1::2] = x, (x[1:] + x[:-1]) / 2
    return out


@upsample_linear.right
def _(delta, a, x):
    g = delta[::2].copy()
    g[1:] += delta[1::2] / 2
    g[:-1] += delta[1::2] / 2
    return g


@upsample_linear.wrong("some entries", "linear upsampling: the first and last sample are treated as inner ones")
def upsample_linear_edges(delta, a, x):
    padded = np.concatenate([delta[1:2], delta, delta[-2:-1]])
    return padded[1:-1:2] + (padded[0:-2:2] + padded[2::2]) / 2
