"""Sixth set: signals in time, and physics in steps."""

from __future__ import annotations

import numpy as np

from ..record import Family, normal, positive, three, uniform

F = Family("sixth, signals and physics")


def waves(n):
    t = 2 * np.pi * np.outer(np.arange(n // 2 + 1), np.arange(n)) / n
    return np.cos(t).T, np.sin(t).T


@F.forward(normal(2, 6), normal(5), normal(2, 2, 4), zero=False, ties=False)
def spectrum_size(x):
    c, s = waves(x.shape[-1])
    return np.sqrt((x @ c) ** 2 + (x @ s) ** 2 + 1e-4)


def spectrum_size_signal(d, a, x, sine=1.0, divided=True):
    c, s = waves(x.shape[-1])
    g = d / a if divided else d
    return (g * (x @ c)) @ c.T + sine * (g * (x @ s)) @ s.T


@spectrum_size.right
def _(d, a, x):
    return spectrum_size_signal(d, a, x)


@spectrum_size.wrong("missing term", "size of a spectrum: the sine part forgotten")
def spectrum_size_cosine_only(d, a, x):
    return spectrum_size_signal(d, a, x, sine=0.0)


@spectrum_size.wrong("missing factor", "size of a spectrum: the slope of half the power, not divided by the size")
def spectrum_size_of_power(d, a, x):
    return spectrum_size_signal(d, a, x, divided=False)


@spectrum_size.wrong("wrong sign of a term", "size of a spectrum: the conjugate forgotten, the sine part with a minus")
def spectrum_size_no_conjugate(d, a, x):
    return spectrum_size_signal(d, a, x, sine=-1.0)


def recursive(x, c):
    y, p, q = [], np.zeros_like(x[..., 0]), np.zeros_like(x[..., 0])
    for t in range(x.shape[-1]):
        p, q = x[..., t] - c[0] * p - c[1] * q, p
        y.append(p)
    return np.stack(y, -1)


@F.forward(*three(lambda n, t: (normal(n, t), uniform(-0.6, 0.6, 2)), (2, 6), (3, 4), (1, 8)), slots=("real", "fixed"))
def recursive_filter(x, c):
    return recursive(x, c)


def delayed(y, n):
    return np.concatenate([np.zeros_like(y[..., :n]), y[..., :-n]], -1)


def recursive_filter_signals(d, a, c, seen=None, sign=-1.0):
    dx = recursive(d[..., ::-1], c)[..., ::-1]
    y = a if seen is None else seen
    return dx, sign * np.stack([(dx * delayed(y, 1)).sum(), (dx * delayed(y, 2)).sum()])


@recursive_filter.right
def _(d, a, x, c):
    return recursive_filter_signals(d, a, c)


@recursive_filter.wrong(
    "input for output", "recursive filter: its coefficients' signal of the input, as for a plain filter"
)
def recursive_filter_of_input(d, a, x, c):
    return recursive_filter_signals(d, a, c, seen=x)


@recursive_filter.wrong("wrong axis", "recursive filter: δ filtered from the first sample on")
def recursive_filter_forwards(d, a, x, c):
    return recursive(d, c), recursive_filter_signals(d, a, c)[1]


@recursive_filter.wrong(
    "detached", "recursive filter: the coefficients' signal of δ itself, that they act on later samples is forgotten"
)
def recursive_filter_now_only(d, a, x, c):
    return recursive_filter_signals(d, a, c)[0], -np.stack([(d * delayed(a, 1)).sum(), (d * delayed(a, 2)).sum()])


LAGS = 3


@F.forward(normal(6), normal(2, 5), normal(2, 2, 4), span=(1e-4, 1e4))
def self_correlation(x):
    n = x.shape[-1]
    return np.stack([(x[..., : n - k] * x[..., k:]).sum(-1) for k in range(LAGS)], -1)


def self_correlation_signal(d, x, late=1.0, own=2.0):
    n, dx = x.shape[-1], np.zeros_like(x)
    for k in range(LAGS):
        g = d[..., k : k + 1]
        if k == 0:
            dx += own * g * x
            continue
        dx[..., : n - k] += g * x[..., k:]
        dx[..., k:] += late * g * x[..., : n - k]
    return dx


@self_correlation.right
def _(d, a, x):
    return self_correlation_signal(d, x)


@self_correlation.wrong("missing term", "correlation with oneself: the earlier sample of each pair only")
def self_correlation_early_only(d, a, x):
    return self_correlation_signal(d, x, late=0.0)


@self_correlation.wrong("missing term", "correlation with oneself: at no lag the square counted once")
def self_correlation_square_once(d, a, x):
    return self_correlation_signal(d, x, own=1.0)


MU = 15.0


@F.forward(normal(6), normal(3, 4), normal(2, 2, 3), kinks=True)
def companded(x):
    return np.sign(x) * np.log1p(MU * np.abs(x)) / np.log1p(MU)


@companded.right
def _(d, a, x):
    return d * MU / ((1 + MU * np.abs(x)) * np.log1p(MU))


@companded.wrong("bound", "companding: the sign kept, so that the slope is negative below zero")
def companded_sign_kept(d, a, x):
    return d * np.sign(x) * MU / ((1 + MU * np.abs(x)) * np.log1p(MU))


@companded.wrong("constant factor", "companding: the logarithm that it is divided by forgotten")
def companded_undivided(d, a, x):
    return d * MU / (1 + MU * np.abs(x))


@companded.wrong("bound", "companding: x for its size in the denominator")
def companded_signed_below(d, a, x):
    below = 1 + MU * x
    return d * MU / (np.where(np.abs(below) < 0.05, 0.05, below) * np.log1p(MU))


@F.forward(*three(lambda n, t: (normal(n, t), uniform(0.1, 0.9)), (2, 5), (3, 4), (1, 7)), slots=("real", "fixed"))
def delayed_by_part(x, part):
    return (1 - part) * x[:, 1:] + part * x[:, :-1]


def delayed_by_part_signals(d, x, part, late=1.0):
    dx = np.zeros_like(x)
    dx[:, 1:] += (1 - part) * d
    dx[:, :-1] += part * d
    return dx, (d * (x[:, :-1] - late * x[:, 1:])).sum()


@delayed_by_part.right
def _(d, a, x, part):
    return delayed_by_part_signals(d, x, part)


@delayed_by_part.wrong("sign", "a delay by part of a sample: its signal has the two samples exchanged")
def delayed_by_part_exchanged(d, a, x, part):
    dx, dp = delayed_by_part_signals(d, x, part)
    return dx, -dp


@delayed_by_part.wrong("missing term", "a delay by part of a sample: the earlier sample only in its signal")
def delayed_by_part_earlier_only(d, a, x, part):
    return delayed_by_part_signals(d, x, part, late=0.0)


@delayed_by_part.wrong("size factor", "a delay by part of a sample: its signal a mean over time")
def delayed_by_part_mean(d, a, x, part):
    dx, dp = delayed_by_part_signals(d, x, part)
    return dx, dp / d.shape[1]


STEP = 0.4


@F.forward(
    *three(lambda *s: (normal(*s), normal(*s)), (4,), (2, 3), (2, 2, 2)), slots=("real", "real"), span=(1e-4, 10.0)
)
def pendulum_step(angle, speed):
    half = speed - STEP / 2 * np.sin(angle)
    there = angle + STEP * half
    return np.stack([there, half - STEP / 2 * np.sin(there)])


def pendulum_step_signals(d, a, angle, speed, last=1.0, first=1.0):
    there = d[0] - last * STEP / 2 * np.cos(a[0]) * d[1]
    half = d[1] + STEP * there
    return there - first * STEP / 2 * np.cos(angle) * half, half


@pendulum_step.right
def _(d, a, angle, speed):
    return pendulum_step_signals(d, a, angle, speed)


@pendulum_step.wrong("missing term", "leapfrog: the force at the new place taken for a constant")
def pendulum_step_new_force_held(d, a, angle, speed):
    return pendulum_step_signals(d, a, angle, speed, last=0.0)


@pendulum_step.wrong(
    "wrong sign of a term", "leapfrog: the first kick with a plus on the way back, as if time ran back"
)
def pendulum_step_reversed(d, a, angle, speed):
    return pendulum_step_signals(d, a, angle, speed, first=-1.0)


@pendulum_step.wrong("wrong place", "leapfrog: the force's slope at the old place in both kicks")
def pendulum_step_old_place(d, a, angle, speed):
    return pendulum_step_signals(d, np.stack([angle, speed]), angle, speed)


@F.forward(*three(lambda n: (normal(n, 2, scale=2), positive(n - 1)), (4,), (3,), (6,)), slots=("fixed", "positive"))
def spring_chain(p, rest):
    step = np.diff(p, axis=0)
    return ((np.sqrt((step * step).sum(1)) - rest) ** 2).sum() / 2


def spring_chain_signals(d, p, rest, back=1.0, unit=True, edge=None):
    step = np.diff(p, axis=0)
    length = np.sqrt((step * step).sum(1))
    pull = d * ((length - rest) / (length if unit else 1))[:, None] * step
    dp = np.zeros_like(p)
    dp[1:] += pull
    dp[:-1] -= back * pull
    return dp, -d * (length - rest)


@spring_chain.right
def _(d, a, p, rest):
    return spring_chain_signals(d, p, rest)


@spring_chain.wrong("missing term", "springs: no reaction on the first of two points")
def spring_chain_no_reaction(d, a, p, rest):
    return spring_chain_signals(d, p, rest, back=0.0)


@spring_chain.wrong("missing factor", "springs: the direction not divided by the length")
def spring_chain_direction(d, a, p, rest):
    return spring_chain_signals(d, p, rest, unit=False)


def lattice_points(n):
    return lambda rng: 1.15 * np.stack([np.arange(n), np.arange(n) % 2], 1) + 0.1 * rng.normal(size=(n, 2))


@F.forward(lattice_points(3), lattice_points(2), lattice_points(4), slots=("fixed",))
def molecules(p):
    i, j = np.triu_indices(len(p), 1)
    square = ((p[i] - p[j]) ** 2).sum(1)
    return 4 * (square**-6 - square**-3).sum()


def molecules_signal(d, p, twelve=12, six=6, counted=1.0):
    away = p[:, None] - p
    square = (away * away).sum(-1) + np.eye(len(p))
    force = 4 * (six * square**-4 - twelve * square**-7) * (1 - np.eye(len(p)))
    return counted * d * (force[..., None] * away).sum(1)


@molecules.right
def _(d, a, p):
    return molecules_signal(d, p)


@molecules.wrong("constant factor", "molecules: each pair counted from both sides")
def molecules_twice(d, a, p):
    return molecules_signal(d, p, counted=2.0)


@molecules.wrong("wrong factor", "molecules: 6 for both powers, as if both were of the square's third")
def molecules_six(d, a, p):
    return molecules_signal(d, p, twelve=6)


@F.forward(
    *three(lambda n: (normal(n, 2), positive(n)), (3,), (2,), (5,)), slots=("real", "positive"), span=(0.1, 10.0)
)
def pulls(p, mass):
    away = p - p[:, None]
    return (mass[:, None] * away / ((away * away).sum(-1) + 0.3)[..., None] ** 1.5).sum(1)


def pulls_signals(d, p, mass, tidal=1.0, power=2.5, reaction=1.0, own=False):
    away = p - p[:, None]
    square = (away * away).sum(-1) + 0.3
    weight = mass[:, None] if own else mass[None, :]
    straight = weight[..., None] * d[:, None] / square[..., None] ** 1.5
    bent = 3 * weight * (away * d[:, None]).sum(-1) / square**power
    pair = straight - tidal * bent[..., None] * away
    return reaction * pair.sum(0) - pair.sum(1), ((away * d[:, None]).sum(-1) / square**1.5).sum(0)


@pulls.right
def _(d, a, p, mass):
    return pulls_signals(d, p, mass)


@pulls.wrong("missing term", "gravity: the distance below taken for a constant")
def pulls_distance_held(d, a, p, mass):
    return pulls_signals(d, p, mass, tidal=0.0)


@pulls.wrong("wrong factor", "gravity: the power of the distance not raised in the tidal term")
def pulls_power(d, a, p, mass):
    return pulls_signals(d, p, mass, power=1.5)


@pulls.wrong("missing term", "gravity: who is pulled moves, who pulls does not")
def pulls_puller_held(d, a, p, mass):
    return pulls_signals(d, p, mass, reaction=0.0)


@pulls.wrong("transposed", "gravity: the mass of the one who is pulled for that of the one who pulls")
def pulls_other_mass(d, a, p, mass):
    return pulls_signals(d, p, mass, own=True)


def bend(u):
    wide = np.concatenate([u[..., :1], u, u[..., -1:]], -1)
    return wide[..., 2:] - 2 * u + wide[..., :-2]


@F.forward(*three(lambda n, t: (normal(n, t), uniform(0.1, 0.4, t)), (2, 5), (3, 4), (1, 7)), slots=("real", "fixed"))
def heat_step(u, conducts):
    return u + conducts * bend(u)


@heat_step.right
def _(d, a, u, conducts):
    return d + bend(conducts * d), (d * bend(u)).sum(0)


@heat_step.wrong("transposed", "a step of heat: the operator itself, as if it was symmetric where the material differs")
def heat_step_not_turned(d, a, u, conducts):
    return d + conducts * bend(d), (d * bend(u)).sum(0)


@heat_step.wrong("some entries", "a step of heat: cold walls in the backward pass where none lead heat away")
def heat_step_cold_walls(d, a, u, conducts):
    g = bend(conducts * d)
    g[..., 0] -= conducts[0] * d[..., 0]
    g[..., -1] -= conducts[-1] * d[..., -1]
    return d + g, (d * bend(u)).sum(0)


@heat_step.wrong("missing term", "a step of heat: what was there before forgotten")
def heat_step_change_only(d, a, u, conducts):
    return bend(conducts * d), (d * bend(u)).sum(0)


def orbit(mean, bent):
    e = mean + bent * np.sin(mean)
    for _ in range(20):
        e = e - (e - bent * np.sin(e) - mean) / (1 - bent * np.cos(e))
    return e


@F.forward(
    *three(lambda *s: (uniform(0, 6, *s), uniform(0.1, 0.7, *s)), (5,), (2, 3), (2, 2, 2)), slots=("fixed", "fixed")
)
def orbit_angle(mean, bent):
    return orbit(mean, bent)


@orbit_angle.right
def _(d, a, mean, bent):
    g = d / (1 - bent * np.cos(a))
    return g, g * np.sin(a)


@orbit_angle.wrong("wrong factor", "Kepler's equation: a plus in the denominator")
def orbit_angle_plus(d, a, mean, bent):
    g = d / (1 + bent * np.cos(a))
    return g, g * np.sin(a)


@orbit_angle.wrong("input for output", "Kepler's equation: the slope at the mean anomaly, not at the solution")
def orbit_angle_at_mean(d, a, mean, bent):
    g = d / (1 - bent * np.cos(mean))
    return g, g * np.sin(mean)


@orbit_angle.wrong("missing factor", "Kepler's equation: the eccentricity's signal not divided by the slope")
def orbit_angle_undivided(d, a, mean, bent):
    return d / (1 - bent * np.cos(a)), d * np.sin(a)


@F.forward(
    *three(lambda *s: (uniform(0.3, 1.5, *s), uniform(0.2, 0.8)), (5,), (2, 3), (2, 2, 2)), slots=("fixed", "fixed")
)
def midpoint_step(y, k):
    half = y - 0.1 * k * y * y
    return y - 0.2 * k * half * half


def midpoint_step_signals(d, y, k, at=None, inner=1.0):
    half = y - 0.1 * k * y * y
    slope = 0.4 * k * (half if at is None else at)
    dk = 0.2 * half * half - inner * 0.04 * k * half * y * y
    return d * (1 - slope * (1 - 0.2 * k * y)), -(d * dk).sum()


@midpoint_step.right
def _(d, a, y, k):
    return midpoint_step_signals(d, y, k)


@midpoint_step.wrong("wrong factor", "midpoint rule: the slope at the start where that at the midpoint belongs")
def midpoint_step_at_start(d, a, y, k):
    return midpoint_step_signals(d, y, k, at=y)


@midpoint_step.wrong("missing term", "midpoint rule: the midpoint does not move with the rate")
def midpoint_step_midpoint_held(d, a, y, k):
    return midpoint_step_signals(d, y, k, inner=0.0)


@midpoint_step.wrong("missing factor", "midpoint rule: the midpoint moves as the start does")
def midpoint_step_straight(d, a, y, k):
    half = y - 0.1 * k * y * y
    return d * (1 - 0.4 * k * half), midpoint_step_signals(d, y, k)[1]


@F.forward(
    *three(lambda *s: (uniform(-1.2, 1.2, *s), uniform(1.2, 2, *s)), (5,), (2, 3), (2, 2, 2)), slots=("fixed", "fixed")
)
def refracted(angle, index):
    return np.arcsin(np.sin(angle) / index)


@refracted.right
def _(d, a, angle, index):
    return d * np.cos(angle) / (index * np.cos(a)), -d * np.tan(a) / index


@refracted.wrong("missing factor", "refraction: the arc sine's own slope forgotten")
def refracted_no_arc(d, a, angle, index):
    return d * np.cos(angle) / index, -d * np.sin(a) / index


@refracted.wrong("input for output", "refraction: the tangent of the angle before the surface")
def refracted_tangent_before(d, a, angle, index):
    return d * np.cos(angle) / (index * np.cos(a)), -d * np.tan(angle) / index
