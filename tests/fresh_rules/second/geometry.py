"""Second set: rotations, distances and projections."""

from __future__ import annotations

import numpy as np

from ..record import Family, normal, uniform

F = Family("second, geometry")


def with_depth(n, size):
    return lambda rng: np.concatenate([normal(n, size - 1)(rng), uniform(0.5, 2, n, 1)(rng)], axis=1)


def qrot(q, v):
    w, u = (q[..., :1], q[..., 1:])
    return v + 2 * w * np.cross(u, v) + 2 * np.cross(u, np.cross(u, v))


def qrot_r(d, a, q, v, s=1.0):
    w, u = (q[..., :1], q[..., 1:])
    c = np.cross(u, v)
    gw = (2 * d * c).sum(-1, keepdims=True)
    dc = 2 * w * d + 2 * np.cross(d, u) * s
    gu = 2 * np.cross(c, d) + np.cross(v, dc)
    return (np.concatenate([gw, gu], -1), d + np.cross(dc, u))


@F.forward(
    (normal(3, 4), normal(3, 3)), (normal(5, 4), normal(5, 3)), (normal(2, 4), normal(2, 3)), slots=("real", "real")
)
def quaternion_rotate(q, v):
    w, u = (q[..., :1], q[..., 1:])
    return v + 2 * w * np.cross(u, v) + 2 * np.cross(u, np.cross(u, v))


@quaternion_rotate.right
def _(d, a, q, v):
    return qrot_r(d, a, q, v)


@quaternion_rotate.wrong(
    "missing term", "quaternion_rotate: one of the two product-rule terms of u × (u × v) forgotten"
)
def quaternion_one_product_term(d, a, q, v):
    w, u = (q[..., :1], q[..., 1:])
    c = np.cross(u, v)
    gw = (2 * d * c).sum(-1, keepdims=True)
    dc = 2 * w * d + 2 * np.cross(d, u)
    return (np.concatenate([gw, np.cross(v, dc)], -1), d + np.cross(dc, u))


@quaternion_rotate.wrong(
    "wrong place", "quaternion_rotate: gradient ordered xyzw where the input is wxyz: entries permuted"
)
def quaternion_scalar_last(d, a, q, v):
    g, gv = qrot_r(d, a, q, v)
    return (g[..., [1, 2, 3, 0]], gv)


@quaternion_rotate.wrong("wrong place", "quaternion_rotate: v's gradient rotated forward instead of back")
def quaternion_rotated_forward(d, a, q, v):
    return (qrot_r(d, a, q, v)[0], qrot(q, d))


@F.forward(
    (normal(3, 3), normal(3, 3)), (normal(5, 3), normal(5, 3)), (normal(2, 3), normal(2, 3)), slots=("real", "real")
)
def cross(x, y):
    return np.cross(x, y)


@cross.right
def _(d, a, x, y):
    return (np.cross(y, d), np.cross(d, x))


@cross.wrong("sign", "cross: δ × y instead of y × δ: sign of the first")
def cross_order_again(d, a, x, y):
    return (np.cross(d, y), np.cross(d, x))


@cross.wrong("sign", "cross: both signs turned")
def cross_both_orders(d, a, x, y):
    return (np.cross(d, y), np.cross(x, d))


@cross.wrong("swapped", "cross: the two gradients returned in the wrong order")
def cross_returned_exchanged(d, a, x, y):
    return (np.cross(d, x), np.cross(y, d))


def rot2(t, v):
    c, s = (np.cos(t)[:, None], np.sin(t)[:, None])
    return np.concatenate([c * v[:, :1] - s * v[:, 1:], s * v[:, :1] + c * v[:, 1:]], 1)


def rot2_r(d, a, t, v):
    return (d[:, 1] * a[:, 0] - d[:, 0] * a[:, 1], rot2(-t, d))


@F.forward((normal(4), normal(4, 2)), (normal(3), normal(3, 2)), (normal(6), normal(6, 2)), slots=("real", "real"))
def rotate_2d(t, v):
    c, s = (np.cos(t)[:, None], np.sin(t)[:, None])
    return np.concatenate([c * v[:, :1] - s * v[:, 1:], s * v[:, :1] + c * v[:, 1:]], 1)


rotate_2d.right(rot2_r)


@rotate_2d.wrong("input for output", "rotate_2d: input v where the rotated output belongs, for the angle")
def rotate_angle_by_input(d, a, t, v):
    return (d[:, 1] * v[:, 0] - d[:, 0] * v[:, 1], rot2(-t, d))


@rotate_2d.wrong("wrong place", "rotate_2d: δ rotated by +θ")
def rotate_not_inverted(d, a, t, v):
    return (rot2_r(d, a, t, v)[0], rot2(t, d))


@rotate_2d.wrong("constant factor", "rotate_2d: factor π/180 for the angle")
def rotate_angle_in_degrees(d, a, t, v):
    return (rot2_r(d, a, t, v)[0] * np.pi / 180, rot2(-t, d))


def dist_r(d, a, x, y):
    with np.errstate(all="ignore"):
        e = (x[:, None] - y) * np.where(a > 0, d / np.where(a > 0, a, 1), 0)[..., None]
    return (e.sum(1), -e.sum(0))


@F.forward(
    (normal(3, 2), normal(4, 2)),
    (normal(2, 3), normal(5, 3)),
    (normal(4, 4), normal(3, 4)),
    slots=("real", "real"),
    zero=False,
    ties=False,
    kinks=True,
)
def cdist(x, y):
    return np.sqrt(((x[:, None] - y) ** 2).sum(-1))


cdist.right(dist_r)


@cdist.wrong("wrong factor", "cdist: gradient of the squared distance")
def cdist_squared(d, a, x, y):
    return ((2 * (x[:, None] - y) * d[..., None]).sum(1), -(2 * (x[:, None] - y) * d[..., None]).sum(0))


@cdist.wrong("sign", "cdist: y's gradient with x's sign")
def cdist_self_pairs_twice(d, a, x, y):
    return (dist_r(d, a, x, y)[0], -dist_r(d, a, x, y)[1])


@cdist.wrong("some entries", "cdist: pairs i = j left out, as of distances within one set")
def cdist_diagonal_skipped(d, a, x, y):
    return dist_r(np.where(np.eye(*d.shape) > 0, 0, d), a, x, y)


@F.forward(
    (normal(3, 4), normal(3, 4)),
    (normal(5, 2), normal(5, 2)),
    (normal(2, 3, 2), normal(2, 3, 2)),
    slots=("real", "real"),
    zero=False,
    ties=False,
)
def atan2(y, x):
    return np.arctan2(y, x)


@atan2.right
def _(d, a, y, x):
    return (d * x / (x * x + y * y), -d * y / (x * x + y * y))


@atan2.wrong("swapped", "atan2: x and y exchanged in the formulas")
def atan2_arguments_exchanged(d, a, y, x):
    return (d * y / (x * x + y * y), -d * x / (x * x + y * y))


@atan2.wrong("wrong factor", "atan2: divided by the distance instead of its square")
def atan2_distance(d, a, y, x):
    return (d * x / np.hypot(x, y), -d * y / np.hypot(x, y))


@atan2.wrong("missing factor", "atan2: 1/(1 + (y/x)²) without 1/x")
def atan2_as_atan(d, a, y, x):
    return (d / (1 + (y / x) ** 2), -d * y / (x * x + y * y))


@F.forward(with_depth(4, 3), with_depth(3, 4), with_depth(5, 3), slots=("fixed",))
def project_homogeneous(x):
    return x[:, :-1] / x[:, -1:]


@project_homogeneous.right
def _(d, a, x):
    return np.concatenate([d / x[:, -1:], -(d * a).sum(1, keepdims=True) / x[:, -1:]], 1)


@project_homogeneous.wrong("detached", "project_homogeneous: depth treated as a constant: its column zero")
def project_depth_stopped(d, a, x):
    return np.concatenate([d / x[:, -1:], 0 * x[:, -1:]], 1)


@project_homogeneous.wrong("missing factor", "project_homogeneous: depth's gradient lacks one 1/w")
def project_depth_power(d, a, x):
    return np.concatenate([d / x[:, -1:], -(d * a).sum(1, keepdims=True)], 1)
