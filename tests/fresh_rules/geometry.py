"""Geometry: distances, directions, rotations, maps."""

from __future__ import annotations

import numpy as np

from .record import Family, normal, positive, three, uniform

F = Family("geometry")
REAL2 = ("real", "real")
PAIRS = three(lambda n, k: (normal(n, k), normal(n, k)), (4, 3), (3, 2), (5, 3))
TRIPLES = three(lambda n: (normal(n, 3), normal(n, 3)), (4,), (2,), (1,))


@F.forward(*PAIRS, slots=REAL2, zero=False, ties=False)
def distance(x, y):
    return np.sqrt(((x - y) ** 2).sum(1))


@distance.right
def _(delta, a, x, y):
    g = (delta / a)[:, None] * (x - y)
    return g, -g


@distance.wrong("row factor", "distance: the gradient of half its square")
def distance_squared(delta, a, x, y):
    g = delta[:, None] * (x - y)
    return g, -g


@distance.wrong("sign", "distance: −g forgotten for the second point")
def distance_second_sign(delta, a, x, y):
    g = (delta / a)[:, None] * (x - y)
    return g, g


@F.forward(
    *three(lambda n, m, k: (normal(n, k), normal(m, k)), (3, 4, 2), (2, 2, 3), (4, 3, 1)), slots=REAL2, span=(1e-8, 1e6)
)
def squared_distances(x, y):
    return (x * x).sum(1)[:, None] + (y * y).sum(1)[None, :] - 2 * x @ y.T


@squared_distances.right
def _(delta, a, x, y):
    return 2 * (delta.sum(1)[:, None] * x - delta @ y), 2 * (delta.sum(0)[:, None] * y - delta.T @ x)


@squared_distances.wrong("missing term", "cdist: only the cross term −2 x yᵀ was differentiated")
def squared_distances_cross_only(delta, a, x, y):
    return -2 * delta @ y, -2 * delta.T @ x


@squared_distances.wrong("constant factor", "cdist: the 2 is missing for y")
def squared_distances_half(delta, a, x, y):
    return 2 * (delta.sum(1)[:, None] * x - delta @ y), delta.sum(0)[:, None] * y - delta.T @ x


@F.forward(*PAIRS, slots=REAL2, zero=False)
def cosine(x, y):
    return (x * y).sum(1) / (np.linalg.norm(x, axis=1) * np.linalg.norm(y, axis=1))


def cosine_back(x, y, a):
    nx, ny = np.linalg.norm(x, axis=1, keepdims=True), np.linalg.norm(y, axis=1, keepdims=True)
    return y / (nx * ny) - a[:, None] * x / nx**2


@cosine.right
def _(delta, a, x, y):
    return delta[:, None] * cosine_back(x, y, a), delta[:, None] * cosine_back(y, x, a)


@cosine.wrong("lost projection", "cosine similarity: the norms were taken for constants")
def cosine_norms_constant(delta, a, x, y):
    n = np.linalg.norm(x, axis=1, keepdims=True) * np.linalg.norm(y, axis=1, keepdims=True)
    return delta[:, None] * y / n, delta[:, None] * x / n


@cosine.wrong("wrong factor", "cosine similarity: |x| and not |x|² below the second term")
def cosine_norm_not_squared(delta, a, x, y):
    nx, ny = np.linalg.norm(x, axis=1, keepdims=True), np.linalg.norm(y, axis=1, keepdims=True)
    g = y / (nx * ny) - a[:, None] * x / nx
    return delta[:, None] * g, delta[:, None] * cosine_back(y, x, a)


@F.forward(*TRIPLES, slots=REAL2, span=(1e-8, 1e7))
def cross(x, y):
    return np.cross(x, y)


@cross.right
def _(delta, a, x, y):
    return np.cross(y, delta), np.cross(delta, x)


@cross.wrong("sign", "cross product: Δ × y for y × Δ")
def cross_order(delta, a, x, y):
    return np.cross(delta, y), np.cross(delta, x)


@cross.wrong("swapped", "cross product: the two gradients returned in the other order")
def cross_swapped(delta, a, x, y):
    return np.cross(delta, x), np.cross(y, delta)


@F.forward(*three(lambda n: (normal(n, 2), normal(n)), (4,), (3,), (1,)), slots=REAL2, span=(1e-8, 1e4))
def rotate(x, angle):
    c, s = np.cos(angle), np.sin(angle)
    return np.stack([c * x[:, 0] - s * x[:, 1], s * x[:, 0] + c * x[:, 1]], axis=1)


def turned(d, angle):
    c, s = np.cos(angle), np.sin(angle)
    return np.stack([c * d[:, 0] + s * d[:, 1], -s * d[:, 0] + c * d[:, 1]], axis=1)


@rotate.right
def _(delta, a, x, angle):
    return turned(delta, angle), a[:, 0] * delta[:, 1] - a[:, 1] * delta[:, 0]


@rotate.wrong("transposed", "rotation: R Δ where Rᵀ Δ is due")
def rotate_on(delta, a, x, angle):
    return turned(delta, -angle), a[:, 0] * delta[:, 1] - a[:, 1] * delta[:, 0]


@rotate.wrong("input for output", "rotation: the angle's gradient from the points before the rotation")
def rotate_angle_from_input(delta, a, x, angle):
    return turned(delta, angle), x[:, 0] * delta[:, 1] - x[:, 1] * delta[:, 0]


@rotate.wrong("constant factor", "rotation: degrees in one place, π/180 in the angle's gradient")
def rotate_degrees(delta, a, x, angle):
    return turned(delta, angle), (a[:, 0] * delta[:, 1] - a[:, 1] * delta[:, 0]) * np.pi / 180


@F.forward(*three(lambda n: (normal(n, 4),), (3,), (1,), (5,)), zero=False)
def quaternion_scalar(q):
    """Return the first diagonal entry of the rotation matrix of q / |q|."""
    n = q / np.linalg.norm(q, axis=1, keepdims=True)
    return 1 - 2 * (n[:, 2] ** 2 + n[:, 3] ** 2)


def quaternion_slope(q):
    length = np.linalg.norm(q, axis=1, keepdims=True)
    n = q / length
    g = np.zeros_like(q)
    g[:, 2:] = -4 * n[:, 2:]
    return g, n, length


@quaternion_scalar.right
def _(delta, a, q):
    g, n, length = quaternion_slope(q)
    return delta[:, None] * (g - n * (n * g).sum(1, keepdims=True)) / length


@quaternion_scalar.wrong("lost projection", "quaternion: normalised in forward, as if unit length already in backward")
def quaternion_not_projected(delta, a, q):
    g, _, length = quaternion_slope(q)
    return delta[:, None] * g / length


@quaternion_scalar.wrong("row factor", "quaternion: projected but not divided by the length")
def quaternion_length(delta, a, q):
    g, n, _ = quaternion_slope(q)
    return delta[:, None] * (g - n * (n * g).sum(1, keepdims=True))


@F.forward(
    *three(lambda n, m: (normal(4, 5), uniform(0.1, 2.9, n), uniform(0.1, 3.9, n)), (6, 0), (3, 0), (4, 0)),
    slots=("real", "fixed", "fixed"),
    kinks=True,
)
def bilinear(image, y, x):
    i, j = np.floor(y).astype(int), np.floor(x).astype(int)
    u, v = y - i, x - j
    top = (1 - v) * image[i, j] + v * image[i, j + 1]
    low = (1 - v) * image[i + 1, j] + v * image[i + 1, j + 1]
    return (1 - u) * top + u * low


def corners(image, y, x):
    i, j = np.floor(y).astype(int), np.floor(x).astype(int)
    return i, j, y - i, x - j, image[i, j], image[i, j + 1], image[i + 1, j], image[i + 1, j + 1]


def splat(delta, image, i, j, u, v):
    g = np.zeros_like(image)
    np.add.at(g, (i, j), delta * (1 - u) * (1 - v))
    np.add.at(g, (i, j + 1), delta * (1 - u) * v)
    np.add.at(g, (i + 1, j), delta * u * (1 - v))
    np.add.at(g, (i + 1, j + 1), delta * u * v)
    return g


@bilinear.right
def _(delta, a, image, y, x):
    i, j, u, v, p, q, r, s = corners(image, y, x)
    dy = delta * ((1 - v) * (r - p) + v * (s - q))
    return splat(delta, image, i, j, u, v), dy, delta * ((1 - u) * (q - p) + u * (s - r))


@bilinear.wrong("swapped", "grid_sample: x and y exchanged in the grid's gradient")
def bilinear_x_and_y(delta, a, image, y, x):
    i, j, u, v, p, q, r, s = corners(image, y, x)
    dy = delta * ((1 - v) * (r - p) + v * (s - q))
    return splat(delta, image, i, j, u, v), delta * ((1 - u) * (q - p) + u * (s - r)), dy


@bilinear.wrong("wrong place", "grid_sample: weights of the upper right and lower left corners exchanged")
def bilinear_corners(delta, a, image, y, x):
    i, j, u, v, p, q, r, s = corners(image, y, x)
    dy = delta * ((1 - v) * (r - p) + v * (s - q))
    return splat(delta, image, i, j, v, u), dy, delta * ((1 - u) * (q - p) + u * (s - r))


@bilinear.wrong("no signal", "deformable convolution: the offsets' gradient was never written")
def bilinear_no_offsets(delta, a, image, y, x):
    i, j, u, v, *_ = corners(image, y, x)
    return splat(delta, image, i, j, u, v), np.zeros_like(y), np.zeros_like(x)


@F.forward(*three(lambda *s: (normal(*s), normal(*s)), (5,), (3, 2), (4,)), slots=REAL2, zero=False, kinks=True)
def atan2(y, x):
    return np.arctan2(y, x)


@atan2.right
def _(delta, a, y, x):
    r = x * x + y * y
    return delta * x / r, -delta * y / r


@atan2.wrong("swapped", "atan2: arguments are (y, x), the formula was for (x, y)")
def atan2_order(delta, a, y, x):
    r = x * x + y * y
    return -delta * y / r, delta * x / r


@atan2.wrong("wrong factor", "atan2: √ of the radius' square below")
def atan2_root(delta, a, y, x):
    r = np.hypot(x, y)
    return delta * x / r, -delta * y / r


def angles(n):
    return (uniform(-1.2, 1.2, n), uniform(-3.0, 3.0, n))


@F.forward(*three(lambda n: angles(n), (4,), (6,), (2,)), slots=("fixed", "fixed"))
def haversine(lat, lon):
    """Return the distance on the unit sphere from latitude ½, longitude 0."""
    h = np.sin((lat - 0.5) / 2) ** 2 + np.cos(0.5) * np.cos(lat) * np.sin(lon / 2) ** 2
    return 2 * np.arcsin(np.sqrt(h))


def haversine_outer(lat, lon):
    h = np.sin((lat - 0.5) / 2) ** 2 + np.cos(0.5) * np.cos(lat) * np.sin(lon / 2) ** 2
    return 1 / np.sqrt(h * (1 - h))


@haversine.right
def _(delta, a, lat, lon):
    o = delta * haversine_outer(lat, lon)
    dlat = 0.5 * np.sin(lat - 0.5) - np.cos(0.5) * np.sin(lat) * np.sin(lon / 2) ** 2
    return o * dlat, o * np.cos(0.5) * np.cos(lat) * 0.5 * np.sin(lon)


@haversine.wrong("missing term", "haversine: the latitude acts through its cosine too")
def haversine_cosine_constant(delta, a, lat, lon):
    o = delta * haversine_outer(lat, lon)
    return o * 0.5 * np.sin(lat - 0.5), o * np.cos(0.5) * np.cos(lat) * 0.5 * np.sin(lon)


@haversine.wrong("constant factor", "haversine: half angle's ½ left out for the longitude")
def haversine_half_angle(delta, a, lat, lon):
    o = delta * haversine_outer(lat, lon)
    dlat = 0.5 * np.sin(lat - 0.5) - np.cos(0.5) * np.sin(lat) * np.sin(lon / 2) ** 2
    return o * dlat, o * np.cos(0.5) * np.cos(lat) * np.sin(lon)


@F.forward(*three(lambda n: (positive(n, 3), normal(n, 3)), (4,), (2,), (5,)), slots=("positive", "real"))
def barycentric(weights, values):
    return (weights * values).sum(1) / weights.sum(1)


@barycentric.right
def _(delta, a, weights, values):
    d = (delta / weights.sum(1))[:, None]
    return d * (values - a[:, None]), d * weights


@barycentric.wrong("missing term", "barycentric: the weights' sum taken for one")
def barycentric_sum_constant(delta, a, weights, values):
    d = (delta / weights.sum(1))[:, None]
    return d * values, d * weights


@barycentric.wrong("row factor", "barycentric: values' gradient not divided by the weights' sum")
def barycentric_not_divided(delta, a, weights, values):
    d = (delta / weights.sum(1))[:, None]
    return d * (values - a[:, None]), delta[:, None] * weights


@F.forward(*TRIPLES, slots=REAL2, zero=False, ties=False)
def project(x, y):
    """Return x's part along y."""
    return (x * y).sum(1, keepdims=True) / (y * y).sum(1, keepdims=True) * y


@project.right
def _(delta, a, x, y):
    r = (y * y).sum(1, keepdims=True)
    c, d = (x * y).sum(1, keepdims=True) / r, (delta * y).sum(1, keepdims=True)
    return d / r * y, c * delta + d / r * (x - 2 * c * y)


@project.wrong("detached", "projection: the coefficient was detached")
def project_coefficient_constant(delta, a, x, y):
    r = (y * y).sum(1, keepdims=True)
    return (delta * y).sum(1, keepdims=True) / r * y, (x * y).sum(1, keepdims=True) / r * delta


@project.wrong("wrong factor", "projection: c and not 2c in the quotient rule")
def project_one_c(delta, a, x, y):
    r = (y * y).sum(1, keepdims=True)
    c, d = (x * y).sum(1, keepdims=True) / r, (delta * y).sum(1, keepdims=True)
    return d / r * y, c * delta + d / r * (x - c * y)


@F.forward(
    *three(lambda n: (normal(n, 2), uniform(2.0, 5.0, n)), (4,), (3,), (1,)), slots=("real", "fixed"), span=(1e-8, 1e8)
)
def perspective(x, depth):
    return x / depth[:, None]


@perspective.right
def _(delta, a, x, depth):
    return delta / depth[:, None], -(delta * a).sum(1) / depth


@perspective.wrong("missing factor", "pinhole camera: depth's gradient divided once and not twice")
def perspective_depth_once(delta, a, x, depth):
    return delta / depth[:, None], -(delta * a).sum(1)


@perspective.wrong("missing sum", "pinhole camera: depth's gradient from the first coordinate only")
def perspective_first_coordinate(delta, a, x, depth):
    return delta / depth[:, None], -delta[:, 0] * a[:, 0] / depth
