"""Sixth set: matrices and shapes in space."""

from __future__ import annotations

import numpy as np

from ..record import Family, matrix, normal, positive, spd, three, uniform

F = Family("sixth, matrices and space")


def tall(m, n):
    return lambda rng: rng.normal(size=(m, n)) + 2 * np.eye(m, n)


def sym(x):
    return (x + x.T) / 2


@F.forward(tall(4, 2), tall(3, 3), tall(2, 4), slots=("fixed",))
def pseudo_inverse(x):
    return np.linalg.pinv(x)


def pseudo_inverse_signal(d, a, x, further=1.0, sign=-1.0):
    m, n = x.shape
    main = sign * a.T @ d @ a.T
    return main + further * ((np.eye(m) - x @ a) @ d.T @ a @ a.T + a.T @ a @ d.T @ (np.eye(n) - a @ x))


@pseudo_inverse.right
def _(d, a, x):
    return pseudo_inverse_signal(d, a, x)


@pseudo_inverse.wrong("missing term", "pseudo-inverse: the rule of the inverse, right for square ones only")
def pseudo_inverse_as_inverse(d, a, x):
    return pseudo_inverse_signal(d, a, x, further=0.0)


@pseudo_inverse.wrong("wrong sign of a term", "pseudo-inverse: the first term with a plus")
def pseudo_inverse_plus(d, a, x):
    return pseudo_inverse_signal(d, a, x, sign=1.0)


def root_of(x):
    w, v = np.linalg.eigh(sym(x))
    return (v * np.sqrt(w)) @ v.T, w, v


@F.forward(spd(3), spd(2), spd(4), slots=("fixed",))
def matrix_root(x):
    return root_of(x)[0]


@matrix_root.right
def _(d, a, x):
    _, w, v = root_of(x)
    s = np.sqrt(w)
    return sym(v @ ((v.T @ sym(d) @ v) / (s[:, None] + s)) @ v.T)


@matrix_root.wrong("wrong factor", "root of a matrix: half the inverse root, as if matrices commuted")
def matrix_root_commuting(d, a, x):
    return sym(np.linalg.inv(a) @ sym(d)) / 2


@matrix_root.wrong("wrong factor", "root of a matrix: the differences of the roots' squares for their sums")
def matrix_root_of_values(d, a, x):
    _, w, v = root_of(x)
    return sym(v @ ((v.T @ sym(d) @ v) / (w[:, None] + w)) @ v.T)


@F.forward(normal(3, 3), normal(2, 2), normal(4, 4), span=(1e-3, 1e3))
def third_power(x):
    return x @ x @ x


def third_power_signal(d, x, middle=1.0):
    return x.T @ x.T @ d + middle * x.T @ d @ x.T + d @ x.T @ x.T


@third_power.right
def _(d, a, x):
    return third_power_signal(d, x)


@third_power.wrong("wrong factor", "third power of a matrix: 3 x², as of a number")
def third_power_as_number(d, a, x):
    return 3 * (x @ x).T @ d


@third_power.wrong("missing term", "third power of a matrix: the middle factor forgotten")
def third_power_middle(d, a, x):
    return third_power_signal(d, x, middle=0.0)


@F.forward(normal(3, 3), normal(2, 2), normal(4, 4, scale=0.5), slots=("fixed",))
def symmetric_exponential(x):
    w, v = np.linalg.eigh(sym(x))
    return (v * np.exp(w)) @ v.T


def symmetric_exponential_signal(d, x, off=1.0, turned=True):
    w, v = np.linalg.eigh(sym(x))
    away = w[:, None] - w + np.eye(len(w))
    ratio = np.where(np.eye(len(w)), np.exp(w), off * (np.exp(w)[:, None] - np.exp(w)) / away)
    inner = v.T @ d @ v if turned else v @ d @ v.T
    return sym(v @ (ratio * inner) @ v.T if turned else v.T @ (ratio * inner) @ v)


@symmetric_exponential.right
def _(d, a, x):
    return symmetric_exponential_signal(d, x)


@symmetric_exponential.wrong("missing term", "a function of a symmetric matrix: eigenvalues move, eigenvectors do not")
def symmetric_exponential_vectors_held(d, a, x):
    return symmetric_exponential_signal(d, x, off=0.0)


@symmetric_exponential.wrong("transposed", "a function of a symmetric matrix: the eigenvectors transposed")
def symmetric_exponential_turned(d, a, x):
    return symmetric_exponential_signal(d, x, turned=False)


@symmetric_exponential.wrong(
    "wrong factor", "a function of a symmetric matrix: the slope at each row's eigenvalue for the quotient"
)
def symmetric_exponential_row_slope(d, a, x):
    w, v = np.linalg.eigh(sym(x))
    return sym(v @ (np.exp(w)[:, None] * (v.T @ d @ v)) @ v.T)


@F.forward(tall(4, 2), tall(3, 3), tall(2, 3), slots=("fixed",))
def nuclear_norm(x):
    return np.linalg.svd(x, compute_uv=False).sum()


@nuclear_norm.right
def _(d, a, x):
    u, _, v = np.linalg.svd(x, full_matrices=False)
    return d * u @ v


@nuclear_norm.wrong("missing factor", "nuclear norm: the slope of half the squares, x itself")
def nuclear_norm_of_squares(d, a, x):
    return d * x


@nuclear_norm.wrong("constant factor", "nuclear norm: divided by the norm, as a Frobenius norm is")
def nuclear_norm_divided(d, a, x):
    u, _, v = np.linalg.svd(x, full_matrices=False)
    return d * u @ v / a


def triangular(x):
    q, r = np.linalg.qr(x)
    s = np.sign(np.diag(r))
    return q * s, s[:, None] * r


@F.forward(tall(4, 3), tall(3, 3), tall(5, 2), slots=("fixed",))
def triangular_factor(x):
    return triangular(x)[1]


def triangular_factor_signal(d, x, mirrored=True, turned=True):
    q, r = triangular(x)
    m = r @ np.triu(d).T if turned else np.triu(d) @ r.T
    middle = np.tril(m) + np.tril(m, -1).T if mirrored else np.tril(m)
    return np.linalg.solve(r, (q @ middle).T).T


@triangular_factor.right
def _(d, a, x):
    return triangular_factor_signal(d, x)


@triangular_factor.wrong("triangle", "QR: the lower triangle not mirrored to the upper")
def triangular_factor_not_mirrored(d, a, x):
    return triangular_factor_signal(d, x, mirrored=False)


@triangular_factor.wrong("transposed", "QR: δ Rᵀ for R δᵀ, so that the wrong triangle is mirrored")
def triangular_factor_other_product(d, a, x):
    return triangular_factor_signal(d, x, turned=False)


@F.forward(normal(3, 3, scale=0.5), normal(2, 2, scale=0.5), normal(4, 4, scale=0.4), slots=("fixed",))
def cayley(x):
    one = np.eye(len(x))
    return np.linalg.solve(one - (x - x.T), one + (x - x.T))


def cayley_signal(d, a, x, second=1.0, left=1.0):
    e = np.linalg.solve((np.eye(len(x)) - (x - x.T)).T, d)
    s = e @ (left * a + np.eye(len(x))).T
    return s - second * s.T


@cayley.right
def _(d, a, x):
    return cayley_signal(d, a, x)


@cayley.wrong("missing term", "Cayley's map: x acts through itself only, not through its transpose")
def cayley_one_side(d, a, x):
    return cayley_signal(d, a, x, second=0.0)


@cayley.wrong("missing term", "Cayley's map: the matrix that is solved by taken for a constant")
def cayley_solved_by_held(d, a, x):
    return cayley_signal(d, a, x, left=0.0)


@cayley.wrong("wrong sign of a term", "Cayley's map: the transpose's signal added, not taken off")
def cayley_symmetric(d, a, x):
    return cayley_signal(d, a, x, second=-1.0)


@F.forward(*three(lambda n, k: (normal(n, k), normal(k)), (3, 4), (2, 3), (4, 2)), slots=("real", "real"), zero=False,
           ties=False)  # fmt: skip
def mirrored_by(x, v):
    return x - 2 * np.outer(x @ v, v) / (v @ v)


def mirrored_by_signals(d, x, v, first=1.0, second=1.0, length=1.0):
    s, t, square = x @ v, d @ v, v @ v
    dv = -2 * (first * x.T @ t + second * d.T @ s) / square + length * 4 * (s * t).sum() * v / square**2
    return d - 2 * np.outer(t, v) / square, dv


@mirrored_by.right
def _(d, a, x, v):
    return mirrored_by_signals(d, x, v)


@mirrored_by.wrong("missing term", "a mirror: the length of its normal taken for a constant")
def mirrored_by_length_held(d, a, x, v):
    return mirrored_by_signals(d, x, v, length=0.0)


@mirrored_by.wrong("missing term", "a mirror: the normal as direction only, not as what x is projected on")
def mirrored_by_one_use(d, a, x, v):
    return mirrored_by_signals(d, x, v, first=0.0)


@F.forward(normal(4, 2), normal(3, 3), normal(2, 5), span=(1e-3, 1e3))
def low_rank_log_determinant(u):
    return np.linalg.slogdet(np.eye(u.shape[1]) + u.T @ u)[1]


@low_rank_log_determinant.right
def _(d, a, u):
    return 2 * d * np.linalg.solve(np.eye(u.shape[1]) + u.T @ u, u.T).T


@low_rank_log_determinant.wrong("constant factor", "log determinant of 1 + uᵀu: u stands twice, counted once")
def low_rank_counted_once(d, a, u):
    return d * np.linalg.solve(np.eye(u.shape[1]) + u.T @ u, u.T).T


@low_rank_log_determinant.wrong(
    "missing factor", "log determinant of 1 + uᵀu: the inverse forgotten, the slope of the trace"
)
def low_rank_trace(d, a, u):
    return 2 * d * u


@F.forward(
    *three(lambda n, k: (normal(n, k), normal(2, k, k), normal(n, k)), (3, 3), (2, 4), (1, 2)), slots=("real",) * 3
)
def bilinear_forms(x, w, y):
    return np.einsum("ni,oij,nj->no", x, w, y)


def bilinear_forms_signals(d, x, w, y):
    return np.einsum("no,oij,nj->ni", d, w, y), np.einsum("no,ni,nj->oij", d, x, y), np.einsum("no,oij,ni->nj", d, w, x)


@bilinear_forms.right
def _(d, a, x, w, y):
    return bilinear_forms_signals(d, x, w, y)


@bilinear_forms.wrong("transposed", "bilinear layer: the matrices as for x, not transposed, for y")
def bilinear_forms_y_not_turned(d, a, x, w, y):
    dx, dw, _ = bilinear_forms_signals(d, x, w, y)
    return dx, dw, np.einsum("no,oij,nj->ni", d, w, x)


@bilinear_forms.wrong("missing sum", "bilinear layer: the weights' signal of the last sample only")
def bilinear_forms_last_sample(d, a, x, w, y):
    dx, _, dy = bilinear_forms_signals(d, x, w, y)
    return dx, np.einsum("o,i,j->oij", d[-1], x[-1], y[-1]), dy


@F.forward(
    *three(lambda n, k: (normal(n, k), positive(k), uniform(0.5, 2)), (4, 2), (3, 3), (5, 1)), slots=("fixed",) * 3
)
def kernel_matrix(x, length, size):
    z = (x[:, None] - x) / length
    return size**2 * np.exp(-(z * z).sum(-1) / 2)


def kernel_matrix_signals(d, a, x, length, size, both=1.0, power=3, two=2.0):
    away, g = x[:, None] - x, (d * a)[..., None]
    dx = -((g + both * np.swapaxes(g, 0, 1)) * away).sum(1) / length**2
    return dx, (g * away**2).sum((0, 1)) / length**power, two * (d * a).sum() / size


@kernel_matrix.right
def _(d, a, x, length, size):
    return kernel_matrix_signals(d, a, x, length, size)


@kernel_matrix.wrong("missing term", "kernel matrix of one set: each point as row only, not as column")
def kernel_matrix_rows_only(d, a, x, length, size):
    return kernel_matrix_signals(d, a, x, length, size, both=0.0)


@kernel_matrix.wrong("wrong factor", "kernel matrix of one set: the square of each length below, for its third power")
def kernel_matrix_square(d, a, x, length, size):
    return kernel_matrix_signals(d, a, x, length, size, power=2)


@kernel_matrix.wrong("constant factor", "kernel matrix of one set: the deviation's square not differentiated, 2 lost")
def kernel_matrix_no_two(d, a, x, length, size):
    return kernel_matrix_signals(d, a, x, length, size, two=1.0)


def unit(v):
    return v / np.sqrt((v * v).sum(-1, keepdims=True))


def unit_back(d, v):
    length = np.sqrt((v * v).sum(-1, keepdims=True))
    u = v / length
    return (d - u * (d * u).sum(-1, keepdims=True)) / length


@F.forward(*three(lambda n: (normal(n, 3), normal(n, 3)), (3,), (2,), (5,)), slots=("real", "real"), zero=False, ties=False,
           span=(1e-4, 1e4))  # fmt: skip
def frame_of_two(first, second):
    b = unit(first)
    c = unit(second - (b * second).sum(-1, keepdims=True) * b)
    return np.stack([b, c, np.cross(b, c)], 1)


def frame_of_two_signals(d, first, second, along=1.0, inner=1.0, order=1.0):
    b = unit(first)
    s = (b * second).sum(-1, keepdims=True)
    rest = second - s * b
    c = unit(rest)
    db, dc = d[:, 0] + order * np.cross(c, d[:, 2]), d[:, 1] + np.cross(d[:, 2], b)
    dr = unit_back(dc, rest)
    t = (dr * b).sum(-1, keepdims=True)
    return unit_back(db - along * s * dr - inner * t * second, first), dr - inner * t * b


@frame_of_two.right
def _(d, a, first, second):
    return frame_of_two_signals(d, first, second)


@frame_of_two.wrong("missing term", "a frame of two vectors: what is taken off the second does not move the first")
def frame_of_two_taken_off_held(d, a, first, second):
    return frame_of_two_signals(d, first, second, along=0.0, inner=0.0)


@frame_of_two.wrong(
    "wrong sign of a term", "a frame of two vectors: the third's signal to the first in the other order"
)
def frame_of_two_cross_order(d, a, first, second):
    return frame_of_two_signals(d, first, second, order=-1.0)


def cross_matrix(v):
    return np.array([[0, -v[2], v[1]], [v[2], 0, -v[0]], [-v[1], v[0], 0]])


def turn(w, p):
    angle = np.sqrt(w @ w)
    k = w / angle
    return p * np.cos(angle) + np.cross(k, p) * np.sin(angle) + np.outer(p @ k, k) * (1 - np.cos(angle))


@F.forward(*three(lambda n: (normal(3), normal(n, 3)), (4,), (2,), (1,)), slots=("fixed", "real"))
def turned_by_axis(w, p):
    return turn(w, p)


def turned_by_axis_signals(d, a, w, p, jacobian):
    angle, k = np.sqrt(w @ w), cross_matrix(w / np.sqrt(w @ w))
    left = np.eye(3) + (1 - np.cos(angle)) / angle * k + (1 - np.sin(angle) / angle) * k @ k
    return jacobian(left).T @ np.cross(a, d).sum(0), turn(-w, d)


@turned_by_axis.right
def _(d, a, w, p):
    return turned_by_axis_signals(d, a, w, p, lambda j: j)


@turned_by_axis.wrong(
    "missing factor", "an axis and an angle: the rule for small turns, the Jacobian of the map left out"
)
def turned_by_axis_small(d, a, w, p):
    return turned_by_axis_signals(d, a, w, p, lambda j: np.eye(3))


@turned_by_axis.wrong("transposed", "an axis and an angle: the left Jacobian taken for the right one")
def turned_by_axis_other_side(d, a, w, p):
    return turned_by_axis_signals(d, a, w, p, lambda j: j.T)


@turned_by_axis.wrong("wrong sign of a term", "an axis and an angle: the points' signal turned forward")
def turned_by_axis_forward(d, a, w, p):
    return turned_by_axis_signals(d, a, w, p, lambda j: j)[0], turn(w, d)


def rays(n):
    def draw(rng):
        aim = unit(rng.normal(size=(n, 3)))
        return -3 * aim + 0.3 * rng.normal(size=(n, 3)), aim, np.array(rng.uniform(1.5, 2))

    return draw


@F.forward(rays(4), rays(2), rays(6), slots=("fixed",) * 3)
def sphere_hit(origin, aim, radius):
    b = (origin * aim).sum(1)
    return -b - np.sqrt(b * b - (origin * origin).sum(1) + radius**2)


def sphere_hit_signals(d, origin, aim, radius, root=1.0, direct=1.0):
    b = (origin * aim).sum(1)
    s = np.sqrt(b * b - (origin * origin).sum(1) + radius**2)
    db = (d * (-direct - root * b / s))[:, None]
    return db * aim + root * (d / s)[:, None] * origin, db * origin, -(d / s).sum() * radius


@sphere_hit.right
def _(d, a, origin, aim, radius):
    return sphere_hit_signals(d, origin, aim, radius)


@sphere_hit.wrong("wrong sign of a term", "a ray's first hit: the root's slope of the second hit")
def sphere_hit_second(d, a, origin, aim, radius):
    return sphere_hit_signals(d, origin, aim, radius, root=-1.0)


@sphere_hit.wrong("missing term", "a ray's first hit: the root only, the direct −b forgotten")
def sphere_hit_no_direct(d, a, origin, aim, radius):
    return sphere_hit_signals(d, origin, aim, radius, direct=0.0)


@F.forward(*three(lambda n: (normal(n, 3), normal(n, 3), normal(n, 3)), (3,), (2,), (5,)), slots=("real",) * 3, zero=False,
           ties=False, span=(1e-4, 1e4))  # fmt: skip
def face_normal(a, b, c):
    return unit(np.cross(b - a, c - a))


def face_normal_signals(d, a, b, c, project=True, corner=1.0):
    e, f = b - a, c - a
    n = np.cross(e, f)
    g = unit_back(d, n) if project else d / np.sqrt((n * n).sum(-1, keepdims=True))
    de, df = np.cross(f, g), np.cross(g, e)
    return -de - corner * df, de, df


@face_normal.right
def _(d, out, a, b, c):
    return face_normal_signals(d, a, b, c)


@face_normal.wrong("lost projection", "a face's normal: its length taken for given")
def face_normal_length_held(d, out, a, b, c):
    return face_normal_signals(d, a, b, c, project=False)


@face_normal.wrong("missing term", "a face's normal: the corner of both edges gets the signal of one")
def face_normal_corner_once(d, out, a, b, c):
    return face_normal_signals(d, a, b, c, corner=0.0)


@F.forward(*three(lambda n: (matrix(3), uniform(-0.4, 0.4, n, 2)), (4,), (2,), (6,)), slots=("fixed", "fixed"))
def homography(h, p):
    q = np.concatenate([p, np.ones_like(p[:, :1])], 1) @ h.T
    return q[:, :2] / q[:, 2:]


def homography_signals(d, a, h, p, below=1.0, below_h=1.0):
    one = np.concatenate([p, np.ones_like(p[:, :1])], 1)
    depth = (one @ h.T)[:, 2:]
    third = -(d * a).sum(1, keepdims=True)
    dh = (np.concatenate([d, below_h * third], 1) / depth).T @ one
    return dh, (np.concatenate([d, below * third], 1) / depth @ h)[:, :2]


@homography.right
def _(d, a, h, p):
    return homography_signals(d, a, h, p)


@homography.wrong("missing term", "homography: what is divided by does not move with the point")
def homography_depth_held(d, a, h, p):
    return homography_signals(d, a, h, p, below=0.0)


@homography.wrong("some entries", "homography: no signal for the last row of the matrix")
def homography_last_row(d, a, h, p):
    return homography_signals(d, a, h, p, below_h=0.0)


@F.forward(*three(lambda n: (normal(n, 2, scale=0.6), normal(2, scale=0.4)), (4,), (2,), (6,)), slots=("real", "real"),
           span=(1e-3, 10.0))  # fmt: skip
def lens_distortion(p, k):
    r = (p * p).sum(1, keepdims=True)
    return p * (1 + k[0] * r + k[1] * r * r)


def lens_distortion_signals(d, p, k, radial=1.0, power=2):
    r, inner = (p * p).sum(1, keepdims=True), (d * p).sum(1, keepdims=True)
    slope = 2 * (k[0] + 2 * k[1] * r)
    return d * (1 + k[0] * r + k[1] * r * r) + radial * p * inner * slope, np.stack(
        [(inner * r).sum(), (inner * r**power).sum()]
    )


@lens_distortion.right
def _(d, a, p, k):
    return lens_distortion_signals(d, p, k)


@lens_distortion.wrong("missing term", "distortion of a lens: the radius taken for a constant")
def lens_distortion_radius_held(d, a, p, k):
    return lens_distortion_signals(d, p, k, radial=0.0)


@lens_distortion.wrong(
    "wrong factor", "distortion of a lens: the second coefficient's signal of the radius's square, as the first's"
)
def lens_distortion_same_power(d, a, p, k):
    return lens_distortion_signals(d, p, k, power=1)


@lens_distortion.wrong("constant factor", "distortion of a lens: the 2 of the square forgotten in the radial part")
def lens_distortion_no_two(d, a, p, k):
    return lens_distortion_signals(d, p, k, radial=0.5)


@F.forward(normal(5, 2, scale=1.5), normal(8, 2, scale=1.5), normal(3, 2, scale=2), slots=("fixed",), kinks=True)
def box_distance(p):
    q = np.abs(p) - np.array([1.0, 0.7])
    out = np.maximum(q, 0)
    return np.sqrt((out * out).sum(1)) + np.minimum(q.max(1), 0)


def box_distance_signal(d, p, inside=1.0, signed=True):
    q = np.abs(p) - np.array([1.0, 0.7])
    out = np.maximum(q, 0)
    length = np.sqrt((out * out).sum(1, keepdims=True))
    far = out / np.where(length > 0, length, 1)
    near = (q.max(1, keepdims=True) < 0) * (q == q.max(1, keepdims=True))
    return d[:, None] * (far + inside * near) * (np.sign(p) if signed else 1)


@box_distance.right
def _(d, a, p):
    return box_distance_signal(d, p)


@box_distance.wrong("bound", "distance to a box: nothing inside")
def box_distance_outside_only(d, a, p):
    return box_distance_signal(d, p, inside=0.0)


@box_distance.wrong("missing factor", "distance to a box: the sign of the absolute value forgotten")
def box_distance_no_sign(d, a, p):
    return box_distance_signal(d, p, signed=False)


@F.forward(normal(5, 2), normal(3, 2), normal(7, 2))
def polygon_area(p):
    q = np.roll(p, -1, 0)
    return (p[:, 0] * q[:, 1] - p[:, 1] * q[:, 0]).sum() / 2


def polygon_area_signal(d, p, before=1):
    ahead, back = np.roll(p, -1, 0), np.roll(p, before, 0)
    return d * np.stack([ahead[:, 1] - back[:, 1], back[:, 0] - ahead[:, 0]], 1) / 2


@polygon_area.right
def _(d, a, p):
    return polygon_area_signal(d, p)


@polygon_area.wrong("missing term", "area of a polygon: each corner with the next only")
def polygon_area_next_only(d, a, p):
    q = np.roll(p, -1, 0)
    return d * np.stack([q[:, 1], -q[:, 0]], 1) / 2


@polygon_area.wrong("some entries", "area of a polygon: the edge that closes it forgotten")
def polygon_area_open(d, a, p):
    g = polygon_area_signal(d, p)
    g[0] += d * np.array([p[-1, 1], -p[-1, 0]]) / 2
    g[-1] -= d * np.array([p[0, 1], -p[0, 0]]) / 2
    return g
