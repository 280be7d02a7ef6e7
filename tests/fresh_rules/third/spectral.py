"""Third set: signals and their spectra."""

from __future__ import annotations

import numpy as np

from ..record import Family, normal, three

F = Family("third, spectral")


def circulant(k):
    """Return the matrix of a circular convolution by `k`."""
    n = len(k)
    return k[(np.arange(n)[:, None] - np.arange(n)) % n]


@F.forward(*three(lambda r, n: (normal(r, n), normal(n)), (3, 5), (2, 4), (4, 7)), slots=("real", "real"))
def circular(x, k):
    return x @ circulant(k).T


def circular_kernel(d, x):
    return sum(circulant(row).T @ e for row, e in zip(x, d, strict=True))


@circular.right
def _(d, a, x, k):
    return d @ circulant(k), circular_kernel(d, x)


@circular.wrong("wrong place", "the kernel's spectrum wasn't conjugated: convolved again, where correlating is wanted")
def circular_not_conjugated(d, a, x, k):
    return d @ circulant(k).T, circular_kernel(d, x)


@circular.wrong("missing sum", "the kernel is shared by all rows; the first one's gradient was returned")
def circular_kernel_of_first_row(d, a, x, k):
    return d @ circulant(k), circulant(x[0]).T @ d[0]


def waves(n):
    """Return the real and the imaginary part of the first half of a discrete Fourier transform, as matrices."""
    turn = 2 * np.pi * np.outer(np.arange(n // 2 + 1), np.arange(n)) / n
    return np.cos(turn), -np.sin(turn)


@F.forward(normal(3, 6), normal(2, 8), normal(4, 5), span=(1e-8, 1e8))
def power(x):
    c, s = waves(x.shape[1])
    return (x @ c.T) ** 2 + (x @ s.T) ** 2


def power_signal(d, x):
    c, s = waves(x.shape[1])
    return 2 * ((d * (x @ c.T)) @ c + (d * (x @ s.T)) @ s)


@power.right
def _(d, a, x):
    return power_signal(d, x)


@power.wrong("wrong factor", "irfft counts each frequency but the first and the middle one twice")
def power_half_spectrum(d, a, x):
    n = x.shape[1]
    return power_signal(d * np.where((np.arange(d.shape[1]) == 0) | (2 * np.arange(d.shape[1]) == n), 1, 2), x)


@power.wrong("size factor", "the inverse transform divides by the length")
def power_by_length(d, a, x):
    return power_signal(d, x) / x.shape[1]


@power.wrong("constant factor", "the derivative of a square without its 2")
def power_without_two(d, a, x):
    return power_signal(d, x) / 2


def cosines(n):
    c = np.cos(np.pi * np.outer(np.arange(n), np.arange(n) + 0.5) / n) * np.sqrt(2 / n)
    c[0] /= np.sqrt(2)
    return c


@F.forward(normal(3, 5), normal(2, 4), normal(4, 6))
def cosine_transform(x):
    return x @ cosines(x.shape[1]).T


@cosine_transform.right
def _(d, a, x):
    return d @ cosines(x.shape[1])


@cosine_transform.wrong("transposed", "transformed once more, in place of back")
def cosine_transform_again(d, a, x):
    return d @ cosines(x.shape[1]).T


@cosine_transform.wrong("wrong factor", "the first coefficient's 1/√2 is missing on the way back")
def cosine_transform_first_weight(d, a, x):
    return (d * np.where(np.arange(d.shape[1]) == 0, np.sqrt(2), 1)) @ cosines(x.shape[1])


def product(u, v, sign=-1):
    """Multiply numbers of two parts."""
    re = u[..., 0] * v[..., 0] + sign * u[..., 1] * v[..., 1]
    return np.stack([re, u[..., 0] * v[..., 1] - sign * u[..., 1] * v[..., 0]], -1)


@F.forward(
    *three(lambda *s: (normal(*s, 2), normal(*s, 2)), (3,), (5,), (2, 2)), slots=("real", "real"), span=(1e-8, 1e8)
)
def complex_product(u, v):
    return product(u, v)


def conjugate(u):
    return u * np.array([1.0, -1.0])


@complex_product.right
def _(d, a, u, v):
    return product(d, conjugate(v)), product(d, conjugate(u))


@complex_product.wrong("wrong sign of a term", "the other factor wasn't conjugated")
def complex_product_not_conjugated(d, a, u, v):
    return product(d, v), product(d, u)


@complex_product.wrong("wrong place", "the real and the imaginary part exchanged")
def complex_product_parts_exchanged(d, a, u, v):
    return product(d, conjugate(v))[..., ::-1], product(d, conjugate(u))


def leading(w):
    """Return fixed vectors such as a power iteration holds."""
    u, v = np.arange(1, w.shape[0] + 1), np.arange(w.shape[1], 0, -1)
    return u / np.sqrt((u * u).sum()), v / np.sqrt((v * v).sum())


@F.forward(normal(3, 4, shift=1), normal(2, 5, shift=1), normal(4, 2, shift=1), zero=False, ties=False)
def spectral_normed(w):
    u, v = leading(w)
    return w / (u @ w @ v)


@spectral_normed.right
def _(d, a, w):
    u, v = leading(w)
    s = u @ w @ v
    return d / s - (d * w).sum() / s**2 * np.outer(u, v)


@spectral_normed.wrong("detached", "the norm taken for a constant, as its vectors are")
def spectral_normed_norm_constant(d, a, w):
    u, v = leading(w)
    return d / (u @ w @ v)


@spectral_normed.wrong("wrong factor", "the second term divided by the norm once")
def spectral_normed_divided_once(d, a, w):
    u, v = leading(w)
    s = u @ w @ v
    return d / s - (d * w).sum() / s * np.outer(u, v)


@F.forward(normal(3, 4), normal(2, 6), normal(5, 2))
def haar(x):
    return np.concatenate([x[:, ::2] + x[:, 1::2], x[:, ::2] - x[:, 1::2]], 1) / np.sqrt(2)


def haar_back(low, high):
    return np.stack([low + high, low - high], -1).reshape(len(low), -1) / np.sqrt(2)


@haar.right
def _(d, a, x):
    return haar_back(*np.split(d, 2, axis=1))


@haar.wrong("wrong place", "the even and the odd samples exchanged when put together")
def haar_samples_exchanged(d, a, x):
    return np.concatenate([haar_back(*np.split(d, 2, axis=1))[:, 1::2], haar_back(*np.split(d, 2, axis=1))[:, ::2]], 1)


@haar.wrong("wrong sign of a term", "the details added to both samples")
def haar_details_added(d, a, x):
    low, high = np.split(d, 2, axis=1)
    return haar_back(low, high * 0) + np.repeat(high, 2, axis=1) / np.sqrt(2)


WINDOW = np.array([0.25, 1.0, 0.75, 0.5])


def starts(n):
    return range(0, n - 3, 2)


@F.forward(normal(8), normal(10), normal(6))
def frames(x):
    return np.stack([x[i : i + 4] * WINDOW for i in starts(len(x))])


@frames.right
def _(d, a, x):
    out = np.zeros_like(x)
    for frame, i in zip(d, starts(len(x)), strict=True):
        out[i : i + 4] += frame * WINDOW
    return out


@frames.wrong("overwritten", "overlapping frames written one over another")
def frames_written_over(d, a, x):
    out = np.zeros_like(x)
    for frame, i in zip(d, starts(len(x)), strict=True):
        out[i : i + 4] = frame * WINDOW
    return out


@frames.wrong("missing factor", "added up without the window")
def frames_without_window(d, a, x):
    out = np.zeros_like(x)
    for frame, i in zip(d, starts(len(x)), strict=True):
        out[i : i + 4] += frame
    return out


@F.forward(normal(3, 5), normal(2, 7), normal(4, 3))
def emphasised(x):
    return x - 0.9 * np.concatenate([np.zeros_like(x[:, :1]), x[:, :-1]], 1)


@emphasised.right
def _(d, a, x):
    return d - 0.9 * np.concatenate([d[:, 1:], np.zeros_like(d[:, :1])], 1)


@emphasised.wrong("wrong place", "the same filter run over the error signal, not its mirror image")
def emphasised_not_mirrored(d, a, x):
    return d - 0.9 * np.concatenate([np.zeros_like(d[:, :1]), d[:, :-1]], 1)
