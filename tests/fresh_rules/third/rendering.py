"""Third set: rendering. Splats, compositing, shapes in the plane, shading."""

from __future__ import annotations

import numpy as np

from ..record import Family, normal, positive, three, uniform

F = Family("third, rendering")


def offsets(p, m):
    return p[:, 0] - m[0], p[:, 1] - m[1]


@F.forward(
    (normal(5, 2), normal(2), normal(3, scale=0.5)),
    (normal(3, 2), normal(2), normal(3, scale=0.5)),
    (normal(7, 2), normal(2), normal(3, scale=0.5)),
    slots=("real", "real", "real"),
    span=(1e-8, 1),
)
def splat(p, m, conic):
    x, y = offsets(p, m)
    return np.exp(-0.5 * (conic[0] * x * x + conic[2] * y * y) - conic[1] * x * y)


def splat_signals(d, a, p, m, conic, half=1.0, centre=-1):
    x, y = offsets(p, m)
    e = d * a
    at = np.stack([-e * (conic[0] * x + conic[1] * y), -e * (conic[1] * x + conic[2] * y)], 1)
    return at, centre * at.sum(0), -np.array([(e * x * x).sum() / 2, half * (e * x * y).sum(), (e * y * y).sum() / 2])


@splat.right
def _(d, a, p, m, conic):
    return splat_signals(d, a, p, m, conic)


@splat.wrong("some entries", "a splat's conic: ½ in front of the mixed entry too, which stands twice in the matrix")
def splat_conic_half(d, a, p, m, conic):
    return splat_signals(d, a, p, m, conic, half=0.5)


@splat.wrong("sign", "a splat's centre moved like the pixel: d(p − m)/dm taken for 1")
def splat_centre_sign(d, a, p, m, conic):
    return splat_signals(d, a, p, m, conic, centre=1)


def through(alpha):
    """Return what is left of the light before each layer, and behind the last."""
    left = np.cumprod(1 - alpha, -1)
    return np.concatenate([np.ones_like(left[:, :1]), left], -1)


@F.forward(
    *three(
        lambda r, k: (uniform(0.05, 0.9, r, k), normal(r, k), normal(r)),
        (3, 4), (2, 6), (5, 3),
    ),
    slots=("fixed", "real", "real"),
)  # fmt: skip
def composite(alpha, colour, background):
    left = through(alpha)
    return (alpha * left[:, :-1] * colour).sum(-1) + left[:, -1] * background


def composite_signals(d, alpha, colour, background, behind):
    left = through(alpha)
    d_alpha = left[:, :-1] * (colour - behind)
    return d[:, None] * d_alpha, d[:, None] * alpha * left[:, :-1], d * left[:, -1]


def seen_behind(alpha, colour, background):
    behind = np.empty_like(colour)
    seen = background
    for i in reversed(range(alpha.shape[1])):
        behind[:, i] = seen
        seen = alpha[:, i] * colour[:, i] + (1 - alpha[:, i]) * seen
    return behind


@composite.right
def _(d, a, alpha, colour, background):
    return composite_signals(d, alpha, colour, background, seen_behind(alpha, colour, background))


@composite.wrong("missing term", "the background shines through too: opacity's gradient holds only the layers behind")
def composite_background_forgotten(d, a, alpha, colour, background):
    return composite_signals(d, alpha, colour, background, seen_behind(alpha, colour, np.zeros_like(background)))


@composite.wrong("wrong axis", "gathered from the front to the back, where what is behind each layer is wanted")
def composite_front_to_back(d, a, alpha, colour, background):
    turned = seen_behind(alpha[:, ::-1], colour[:, ::-1], background)[:, ::-1]
    return composite_signals(d, alpha, colour, background, turned)


@composite.wrong("wrong factor", "a colour's weight by the light that is left after its layer, one index too late")
def composite_light_after(d, a, alpha, colour, background):
    left = through(alpha)
    dalpha, _, dback = composite_signals(d, alpha, colour, background, seen_behind(alpha, colour, background))
    return dalpha, d[:, None] * alpha * left[:, 1:], dback


def turns(theta):
    c, s = np.cos(theta), np.sin(theta)
    return np.stack([np.stack([c, -s], -1), np.stack([s, c], -1)], -2)


def turned(m):
    return np.swapaxes(m, -1, -2)


@F.forward(
    (normal(3), normal(3, 2)), (normal(5), normal(5, 2, scale=0.5)), (normal(2), normal(2, 2)),
    slots=("real", "real"), span=(1e-8, 1),
)  # fmt: skip
def covariance(theta, log_scale):
    r = turns(theta)
    return (r * np.exp(2 * log_scale)[:, None, :]) @ turned(r)


def covariance_signals(d, theta, log_scale):
    r, both = turns(theta), d + turned(d)
    dr = both @ (r * np.exp(2 * log_scale)[:, None, :])
    quarter = turns(theta + np.pi / 2)
    return (dr * quarter).sum((-1, -2)), (dr * r).sum(-2)


@covariance.right
def _(d, a, theta, log_scale):
    return covariance_signals(d, theta, log_scale)


@covariance.wrong("missing factor", "the gradient by the scale is given back where the logarithm of it came in")
def covariance_of_scale_not_log(d, a, theta, log_scale):
    dtheta, ds = covariance_signals(d, theta, log_scale)
    return dtheta, ds / np.exp(log_scale)


@covariance.wrong("triangle", "the error signal was taken to be symmetric: 2 d for d + its transpose")
def covariance_signal_symmetric(d, a, theta, log_scale):
    lower = np.tril(d) + turned(np.tril(d, -1))
    return covariance_signals(lower, theta, log_scale)


@F.forward(
    (normal(4, 3), normal(4)), (normal(2, 3), normal(4)), (normal(6, 3), normal(4)),
    slots=("real", "real"), zero=False, span=(1e-4, 1e4),
)  # fmt: skip
def shading(v, c):
    u = v / np.sqrt((v * v).sum(-1, keepdims=True))
    return c[0] - c[1] * u[:, 1] + c[2] * u[:, 2] - c[3] * u[:, 0]


def shading_signals(d, v, c, project=1, sign=-1):
    n = np.sqrt((v * v).sum(-1, keepdims=True))
    u = v / n
    du = d[:, None] * np.array([-c[3], -c[1], c[2]])
    dc = np.array([d.sum(), sign * (d * u[:, 1]).sum(), (d * u[:, 2]).sum(), -(d * u[:, 0]).sum()])
    return (du - project * u * (u * du).sum(-1, keepdims=True)) / n, dc


@shading.right
def _(d, a, v, c):
    return shading_signals(d, v, c)


@shading.wrong("lost projection", "the view's direction is normalised on the way in, and wasn't on the way back")
def shading_direction_free(d, a, v, c):
    return shading_signals(d, v, c, project=0)


@shading.wrong("some entries", "the sign of one harmonic forgotten")
def shading_one_sign(d, a, v, c):
    return shading_signals(d, v, c, sign=1)


@F.forward(
    (normal(3, 4), normal(3, 4)), (normal(6), normal(6)), (normal(2, 2, 2), normal(2, 2, 2)),
    slots=("real", "real"), kinks=True,
)  # fmt: skip
def smooth_union(a, b):
    h = np.clip(0.5 + 0.5 * (b - a) / 1.5, 0, 1)
    return b + (a - b) * h - 1.5 * h * (1 - h)


def share(a, b):
    return np.clip(0.5 + 0.5 * (b - a) / 1.5, 0, 1)


@smooth_union.right
def _(d, out, a, b):
    return d * share(a, b), d * (1 - share(a, b))


@smooth_union.wrong("swapped", "the two bodies' shares exchanged")
def smooth_union_exchanged(d, out, a, b):
    return d * (1 - share(a, b)), d * share(a, b)


@smooth_union.wrong("wrong factor", "the share of a smoothstep, h² (3 − 2h), in place of h")
def smooth_union_smoothstep(d, out, a, b):
    h = share(a, b)
    s = h * h * (3 - 2 * h)
    return d * s, d * (1 - s)


LUMA = np.array([0.2126, 0.7152, 0.0722])


@F.forward(positive(4, 3), positive(2, 3), positive(6, 3), slots=("positive",))
def tone_mapped(x):
    return x / (1 + (x * LUMA).sum(-1, keepdims=True))


@tone_mapped.right
def _(d, a, x):
    under = 1 + (x * LUMA).sum(-1, keepdims=True)
    return d / under - LUMA * (d * x).sum(-1, keepdims=True) / under**2


@tone_mapped.wrong("detached", "the luminance taken for a constant")
def tone_mapped_luminance_constant(d, a, x):
    return d / (1 + (x * LUMA).sum(-1, keepdims=True))


@tone_mapped.wrong("wrong factor", "as if each channel were mapped by itself: 1 / (1 + x)²")
def tone_mapped_by_channel(d, a, x):
    return d / (1 + x) ** 2
