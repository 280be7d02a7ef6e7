"""Right rules of functions that are ill-conditioned somewhere, each with its twin in mpmath."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import mpmath as mp
import numpy as np
from numpy import cos, cosh, exp, expm1, log, log1p, sin, sqrt, tan, tanh

Numbers = Any

LARGE = [1e6, -3.3e7, 1e9, 7.7e10, 1e12]
TAILS = [-300.0, -30.0, -12.0, -8.3, -7.9, -6.2, -5.1, 5.3, 8.1, 30.0, 300.0]
TINY = [1e-300, -1e-30, 3e-12, -1e-9, 1e-7]


@dataclass(frozen=True)
class Hard:
    """A forward rule, its right backward rule, the same function of a list of mpmath's numbers, and where it is tried."""

    forward: Callable[[Numbers], Numbers]
    backward: Callable[[Numbers, Numbers, Numbers], Numbers]
    exact: Callable[[list[Any]], list[Any]]
    ordinary: list[float]
    hard: tuple[list[float], ...]


def each(forward, slope, exact, ordinary, *hard):
    """Return a function of each number for itself; `slope` is given output and input."""
    return Hard(forward, lambda d, a, z: d * slope(a, z), lambda z: [exact(x) for x in z], ordinary, hard)


C = np.sqrt(2 / np.pi)
MC = mp.sqrt(mp.mpf(2) / mp.pi)
INNER = 0.044715


def gelu_slope(a, z):
    t = tanh(C * (z + INNER * z**3))
    with np.errstate(over="ignore", under="ignore"):
        # 1 ± t by exponentials: what is left of tanh in its tails.
        u = np.abs(C * (z + INNER * z**3))
        small = 2 * exp(-2 * u) / (1 + exp(-2 * u))  # 1 − |t|
    half = np.where(z < 0, small, 2 - small) / 2
    return half + 0.5 * z * small * (1 + np.abs(t)) * C * (1 + 3 * INNER * z * z)


def sigmoid(z):
    return np.where(z < 0, exp(np.minimum(z, 0)), 1) / (1 + exp(-np.abs(z)))


def log_cosh(z):
    return np.abs(z) + log1p(exp(-2 * np.abs(z))) - log(2)


def softmax(z):
    e = exp(z - z.max())
    return e / e.sum()


def softmax_exact(z):
    e = [mp.exp(x) for x in z]
    return [x / mp.fsum(e) for x in e]


def norm(z):
    return sqrt((z * z).sum())[None]


def running_product(z):
    return np.cumprod(z)


def running_product_rule(d, a, z):
    out = np.zeros_like(z)
    for j in range(len(z)):
        others = np.where(np.arange(len(z)) == j, 1, z)
        out[j] = (d * np.cumprod(others) * (np.arange(len(z)) >= j)).sum()
    return out


def running_product_exact(z):
    return [mp.fprod(z[: i + 1]) for i in range(len(z))]


def centred(z):
    return (z - z.mean()) / sqrt(((z - z.mean()) ** 2).mean())


def centred_rule(d, a, z):
    s = sqrt(((z - z.mean()) ** 2).mean())
    return (d - d.mean() - a * (d * a).mean()) / s


def centred_exact(z):
    m = mp.fsum(z) / len(z)
    s = mp.sqrt(mp.fsum((x - m) ** 2 for x in z) / len(z))
    return [(x - m) / s for x in z]


ROOTS = np.arange(1.0, 11.0)
WILKINSON = np.poly(ROOTS)


def wilkinson_slope(a, z):
    return np.polyval(np.polyder(WILKINSON), z)


def log_sum(z):
    return (z.max() + log(exp(z - z.max()).sum()))[None]


FUNCTIONS: dict[str, Hard] = {
    "sin": each(sin, lambda a, z: cos(z), mp.sin, [0.3, -1.2, 2.0], LARGE),
    "cos": each(cos, lambda a, z: -sin(z), mp.cos, [0.3, -1.2, 2.0], LARGE),
    "tan": each(tan, lambda a, z: 1 + a * a, mp.tan, [0.3, -1.2, 2.0], LARGE, [np.pi / 2 - 1e-7, -np.pi / 2 + 1e-9]),
    "sin²": each(lambda z: sin(z) ** 2, lambda a, z: sin(2 * z), lambda x: mp.sin(x) ** 2, [0.3, -1.2, 2.0], LARGE),
    "z + sin² z": each(
        lambda z: z + sin(z) ** 2, lambda a, z: 1 + sin(2 * z), lambda x: x + mp.sin(x) ** 2, [0.3, -1.2, 2.0], LARGE
    ),
    "z sin z": each(
        lambda z: z * sin(z), lambda a, z: sin(z) + z * cos(z), lambda x: x * mp.sin(x), [0.3, -1.2, 2.0], LARGE
    ),
    "sin z²": each(
        lambda z: sin(z * z), lambda a, z: 2 * z * cos(z * z), lambda x: mp.sin(x * x), [0.3, -1.2, 2.0], [1e3, 3e4, -1e5]
    ),
    "sin 1/z": each(
        lambda z: sin(1 / z), lambda a, z: -cos(1 / z) / z**2, lambda x: mp.sin(1 / x), [0.3, -1.2, 2.0],
        [1e-2, -1e-3, 3e-5, 1e-7],
    ),
    "sin 1000 z + z": each(
        lambda z: sin(1000 * z) + z, lambda a, z: 1000 * cos(1000 * z) + 1, lambda x: mp.sin(1000 * x) + x,
        [0.3, -1.2, 2.0], LARGE[:4],
    ),
    "exp": each(exp, lambda a, z: a, mp.exp, [0.3, -1.2, 2.0], [-700.0, -300.0, -30.0, 300.0, 600.0]),
    "1 − exp −z": each(
        lambda z: -expm1(-z), lambda a, z: exp(-z), lambda x: -mp.expm1(-x), [0.3, -1.2, 2.0], [30.0, 36.0, 40.0, 300.0],
        TINY,
    ),
    "1 − exp −z, the long way": each(
        lambda z: 1 - exp(-z), lambda a, z: exp(-z), lambda x: 1 - mp.exp(-x), [0.3, -1.2, 2.0], [20.0, 30.0, 36.0, 40.0],
        TINY,
    ),
    "log": each(log, lambda a, z: 1 / z, mp.log, [0.3, 1.2, 2.0], [1e-300, 1e-12, 1e-7, 1e12, 1e300]),
    "log(1 + z), the long way": each(
        lambda z: log(1 + z), lambda a, z: 1 / (1 + z), lambda x: mp.log(1 + x), [0.3, -0.2, 2.0], TINY, [1e15, 1e17]
    ),
    "log1p": each(log1p, lambda a, z: 1 / (1 + z), mp.log1p, [0.3, -0.2, 2.0], TINY, [-1 + 1e-9, 1e17]),
    "expm1 / z": each(
        lambda z: expm1(z) / z, lambda a, z: (exp(z) - expm1(z) / z) / z, lambda x: mp.expm1(x) / x, [0.3, -1.2, 2.0],
        [-300.0, 30.0, 300.0],
    ),
    "log1p exp": each(
        lambda z: np.logaddexp(0, z), lambda a, z: sigmoid(z), lambda x: mp.log1p(mp.exp(x)), [0.3, -1.2, 2.0], TAILS
    ),
    "log1p exp, the long way": each(
        lambda z: log(1 + exp(z)), lambda a, z: sigmoid(z), lambda x: mp.log1p(mp.exp(x)), [0.3, -1.2, 2.0], TAILS
    ),
    "log1p(expm1)": each(
        lambda z: log1p(expm1(z)), lambda a, z: np.ones_like(z), lambda x: x, [0.3, -0.2, 2.0], [-30.0, -36.0, 30.0, 300.0]
    ),
    "log cosh": each(
        log_cosh, lambda a, z: tanh(z), lambda x: mp.log(mp.cosh(x)), [0.3, -1.2, 2.0], TAILS, [1e-9, -1e-7]
    ),
    "tanh": each(tanh, lambda a, z: 1 / cosh(np.clip(z, -350, 350)) ** 2, mp.tanh, [0.3, -1.2, 2.0], TAILS),
    "σ": each(
        sigmoid, lambda a, z: sigmoid(z) * sigmoid(-z), lambda x: 1 / (1 + mp.exp(-x)), [0.3, -1.2, 2.0], TAILS
    ),
    "½ (1 + tanh z/2)": each(
        lambda z: 0.5 * (1 + tanh(z / 2)), lambda a, z: sigmoid(z) * sigmoid(-z), lambda x: 1 / (1 + mp.exp(-x)),
        [0.3, -1.2, 2.0], TAILS, [-33.0, -35.0, -36.5, -20.0],
    ),
    "gelu by tanh": each(
        lambda z: 0.5 * z * (1 + tanh(C * (z + INNER * z**3))), gelu_slope,
        lambda x: x * (1 + mp.tanh(MC * (x + mp.mpf(INNER) * x**3))) / 2, [0.3, -1.2, 2.0], TAILS,
        [-6.0, -6.1, -5.9, -5.5, -5.7, -6.3],
    ),
    "silu": each(
        lambda z: z * sigmoid(z), lambda a, z: sigmoid(z) * (1 + z * sigmoid(-z)), lambda x: x / (1 + mp.exp(-x)),
        [0.3, -1.2, 2.0], TAILS,
    ),
    "mish": each(
        lambda z: z * tanh(np.logaddexp(0, z)),
        lambda a, z: tanh(np.logaddexp(0, z)) + z * sigmoid(z) / cosh(np.minimum(np.logaddexp(0, z), 350)) ** 2,
        lambda x: x * mp.tanh(mp.log1p(mp.exp(x))), [0.3, -1.2, 2.0], TAILS,
    ),
    "z − ⌊z⌋": each(
        lambda z: z - np.floor(z), lambda a, z: np.ones_like(z), lambda x: x - mp.floor(x), [0.3, -1.2, 2.7],
        [1e6 + 0.3, -3e9 - 0.4, 1e12 + 0.5], [1e-9, 1 - 1e-9, 5 + 1e-7],
    ),
    "z mod 2π": each(
        lambda z: np.mod(z, 2 * np.pi), lambda a, z: np.ones_like(z),
        lambda x: x - mp.floor(x / mp.mpf(2 * np.pi)) * mp.mpf(2 * np.pi), [0.3, -1.2, 2.7], LARGE,
    ),
    "triangle wave": each(
        lambda z: np.abs(z - np.round(z)), lambda a, z: np.sign(z - np.round(z)), lambda x: abs(x - mp.nint(x)),
        [0.3, -1.2, 2.8], [1e6 + 0.3, -3e9 - 0.4, 1e12 + 0.25],
    ),
    "√(1 + z²) − z": each(
        lambda z: sqrt(1 + z * z) - z, lambda a, z: -1 / (sqrt(1 + z * z) * (sqrt(1 + z * z) + z)),
        lambda x: mp.sqrt(1 + x * x) - x, [0.3, -1.2, 2.0], [1e3, 3e5, 1e7, 3e7, 1e9],
    ),
    "1 − cos z": each(
        lambda z: 1 - cos(z), lambda a, z: sin(z), lambda x: 1 - mp.cos(x), [0.3, -1.2, 2.0], TINY[1:], LARGE
    ),
    "(1 + z) − 1": each(
        lambda z: (1 + z) - 1, lambda a, z: np.ones_like(z), lambda x: x, [0.3, -1.2, 2.0], TINY, [1e15, 1e17]
    ),
    "(z + 1)² − z²": each(
        lambda z: (z + 1) ** 2 - z * z, lambda a, z: 2 + 0 * z, lambda x: 2 * x + 1, [0.3, -1.2, 2.0],
        [1e5, 1e7, -3e8, 1e9, 1e12],
    ),
    "arctan": each(
        np.arctan, lambda a, z: 1 / (1 + z * z), mp.atan, [0.3, -1.2, 2.0], [1e3, 1e6, -1e8, 1e12], TINY
    ),
    "arcsin": each(
        np.arcsin, lambda a, z: 1 / sqrt((1 - z) * (1 + z)), mp.asin, [0.3, -0.2, 0.7], [1 - 1e-9, -1 + 1e-12, 1 - 1e-5]
    ),
    "artanh": each(
        np.arctanh, lambda a, z: 1 / ((1 - z) * (1 + z)), mp.atanh, [0.3, -0.2, 0.7], [1 - 1e-9, -1 + 1e-12, 1 - 1e-5]
    ),
    "z log z": each(
        lambda z: z * log(z), lambda a, z: log(z) + 1, lambda x: x * mp.log(x), [0.3, 1.2, 2.0],
        [1e-300, 1e-12, np.exp(-1), 1e12],
    ),
    "z^½⁰⁰": each(lambda z: z**200, lambda a, z: 200 * z**199, lambda x: x**200, [0.3, 1.2, 0.9], [1e-1, 5.0, -10.0]),
    "1 / z²": each(
        lambda z: 1 / z**2, lambda a, z: -2 / z**3, lambda x: 1 / x**2, [0.3, -1.2, 2.0], [1e-9, -1e-4, 1e6, 1e12]
    ),
    "Wilkinson's polynomial": each(
        lambda z: np.polyval(WILKINSON, z), wilkinson_slope, lambda x: mp.fprod(x - int(r) for r in ROOTS),
        [0.3, 1.2, 2.5], [10.0, 9.0, 9.5, 8.46], [100.0, 1e4],
    ),
    "(z − 1)⁹, multiplied out": each(
        lambda z: np.polyval(np.poly(np.ones(9)), z), lambda a, z: 9 * (z - 1) ** 8, lambda x: (x - 1) ** 9,
        [0.3, -1.2, 2.0], [1.001, 0.99, 1.05, 1.1, 0.9],
    ),
    "tanh(1e8 (z − 1))": each(
        lambda z: tanh(1e8 * (z - 1)), lambda a, z: 1e8 / cosh(np.clip(1e8 * (z - 1), -350, 350)) ** 2,
        lambda x: mp.tanh(mp.mpf(1e8) * (x - 1)), [1 + 1e-9, 1 - 3e-9, 1 + 1e-8], [1 + 1e-7, 1 - 2e-7, 1.5],
    ),
    "softmax": Hard(
        softmax, lambda d, a, z: a * (d - (d * a).sum()), softmax_exact, [0.3, -1.2, 2.0],
        ([0.0, 30.0, 40.0, -300.0], [1e3, -1e3, 999.0], [1e6, 1e6 + 1, 1e6 - 2], [1e9, 1e9 + 1, 1e9 - 2]),
    ),
    "log Σ exp": Hard(
        log_sum, lambda d, a, z: d * softmax(z), lambda z: [mp.log(mp.fsum(map(mp.exp, z)))], [0.3, -1.2, 2.0],
        ([0.0, 30.0, 40.0, -300.0], [1e3, -1e3, 999.0], [1e9, 1e9 + 1, 1e9 - 2]),
    ),
    "norm": Hard(
        norm, lambda d, a, z: d * z / a, lambda z: [mp.sqrt(mp.fsum(x * x for x in z))], [0.3, -1.2, 2.0],
        ([1e-9, -2e-9, 3e-9], [1e-150, 2e-150, -3e-150], [1e-30, 1.0, 1e9], [1e100, 1e-3, -1e100]),
    ),
    "running product": Hard(
        running_product, running_product_rule, running_product_exact, [0.3, -1.2, 2.0],
        ([1e-5, 1e5, 1e-9, 1e9], [0.0, 2.0, 0.0, 3.0], [1e8, 1e8, 1e-30, 5.0], [1e-80, 1e-80, 1e-80, 1e80]),
    ),
    "standardised": Hard(
        centred, centred_rule, centred_exact, [0.3, -1.2, 2.0],
        ([1e8, 1e8 + 1, 1e8 - 2, 1e8 + 1], [1.0, 1 + 1e-7, 1 - 2e-7], [1e-9, 2e-9, -4e-9]),
    ),
    "differences": Hard(
        lambda z: (z[1:] - z[:-1]) / z[:-1],
        lambda d, a, z: np.append(0, d / z[:-1]) - np.append(d * z[1:] / z[:-1] ** 2, 0),
        lambda z: [(y - x) / x for x, y in pairwise(z)], [0.3, -1.2, 2.0],
        ([1e8, 1e8 + 1, 1e8 - 2], [1e-9, 1.0, 1e9], [1.0, 1 + 1e-12, 1 - 1e-13]),
    ),
    "Σ in two orders": Hard(
        lambda z: (z.sum() - z[::-1].sum() + (z**2).sum())[None], lambda d, a, z: 2 * d * z,
        lambda z: [mp.fsum(x * x for x in z)], [0.3, -1.2, 2.0], ([1e8, 3.0, -1e8], [1e15, 0.1, -7.0, 1e-3],),
    ),
}  # fmt: skip
