"""Third set: functions of a handbook, entry by entry."""

from __future__ import annotations

import numpy as np
from scipy import special

from ..record import Family, normal, positive, three, uniform

F = Family("third, functions")


@F.forward(normal(3, 4), normal(5), normal(2, 3, 2))
def erf(z):
    return special.erf(z)


@erf.right
def _(d, a, z):
    return d * 2 / np.sqrt(np.pi) * np.exp(-z * z)


@erf.wrong("constant factor", "erf: 1/√π for 2/√π")
def erf_half_constant(d, a, z):
    return d / np.sqrt(np.pi) * np.exp(-z * z)


@erf.wrong("wrong factor", "erf: the normal density's exp(−z²/2)")
def erf_of_normal_density(d, a, z):
    return d * 2 / np.sqrt(np.pi) * np.exp(-z * z / 2)


@F.forward(*three(lambda *s: (normal(*s), positive(*s)), (3, 4), (6,), (2, 2, 2)), slots=("real", "positive"))
def x_log_y(x, y):
    return x * np.log(y)


@x_log_y.right
def _(d, a, x, y):
    return d * np.log(y), d * x / y


@x_log_y.wrong("missing term", "x log y: the 1 of x log x is one term too many")
def x_log_y_plus_one(d, a, x, y):
    return d * (np.log(y) + 1), d * x / y


@x_log_y.wrong("swapped", "x log y: returned in the other order")
def x_log_y_exchanged(d, a, x, y):
    return d * x / y, d * np.log(y)


@F.forward(
    uniform(0.2, 2.5, 3, 4),
    uniform(0.1, 1.5, 5),
    uniform(-2, -0.3, 2, 2),
    slots=("positive",),
    span=(1, 30),
    ties=False,
)
def sinc(z):
    return np.sin(np.pi * z) / (np.pi * z)


@sinc.right
def _(d, a, z):
    return d * (np.cos(np.pi * z) - a) / z


@sinc.wrong("wrong factor", "sinc: π cos πz, a π too many in one term")
def sinc_pi_too_many(d, a, z):
    return d * (np.pi * np.cos(np.pi * z) - a) / z


@F.forward(positive(3, 4), positive(5), positive(2, 3, 2), slots=("positive",))
def log_gamma(z):
    return special.gammaln(z)


@log_gamma.right
def _(d, a, z):
    return d * special.digamma(z)


@log_gamma.wrong("wrong factor", "log Γ: log z, the first term of ψ's expansion")
def log_gamma_log(d, a, z):
    return d * np.log(z)


@log_gamma.wrong("wrong factor", "log Γ: the trigamma, one derivative too far")
def log_gamma_trigamma(d, a, z):
    return d * special.polygamma(1, z)


@F.forward(*three(lambda *s: (positive(*s), positive(*s)), (3, 4), (6,), (2, 2, 2)), slots=("positive", "positive"))
def log_beta(a, b):
    return special.gammaln(a) + special.gammaln(b) - special.gammaln(a + b)


@log_beta.right
def _(d, out, a, b):
    total = special.digamma(a + b)
    return d * (special.digamma(a) - total), d * (special.digamma(b) - total)


@log_beta.wrong("missing term", "log B: ψ(a + b) forgotten")
def log_beta_without_total(d, out, a, b):
    return d * special.digamma(a), d * special.digamma(b)


@log_beta.wrong("wrong sign of a term", "log B: ψ(a + b) added")
def log_beta_total_added(d, out, a, b):
    total = special.digamma(a + b)
    return d * (special.digamma(a) + total), d * (special.digamma(b) + total)


@F.forward(
    *three(lambda *s: (normal(*s, scale=5), uniform(-3, -1.2, *s)), (3, 4), (6,), (2, 2, 2)),
    slots=("fixed", "fixed"),
)
def remainder(x, y):
    return x - np.trunc(x / y) * y


@remainder.right
def _(d, a, x, y):
    return d, -d * np.trunc(x / y)


@remainder.wrong("bound", "remainder: floor for trunc, right where both have one sign only")
def remainder_floor(d, a, x, y):
    return d, -d * np.floor(x / y)


@remainder.wrong("no signal", "remainder: the divisor taken for a constant")
def remainder_divisor_constant(d, a, x, y):
    return d, np.zeros_like(y)


@F.forward(positive(3, 4), positive(5), positive(2, 3, 2), slots=("positive",))
def log_one_minus_exp(z):
    return np.log(-np.expm1(-z))


@log_one_minus_exp.right
def _(d, a, z):
    return d / np.expm1(z)


@log_one_minus_exp.wrong("wrong sign of a term", "log(1 − e⁻ᶻ): 1 / (eᶻ + 1), that of log(1 + e⁻ᶻ) but for its sign")
def log_one_minus_exp_plus(d, a, z):
    return d / (np.exp(z) + 1)


@F.forward(
    *three(lambda *s: (normal(*s), normal(*s)), (3, 4), (6,), (2, 2, 2)), slots=("real", "real"), zero=False, ties=False
)
def hypotenuse(x, y):
    return np.hypot(x, y)


@hypotenuse.right
def _(d, a, x, y):
    return d * x / a, d * y / a


@hypotenuse.wrong("input for output", "hypot: divided by one leg, not by the hypotenuse")
def hypotenuse_by_leg(d, a, x, y):
    return d * x / a, d * y / x


@F.forward(normal(3, 4), normal(5), normal(2, 3, 2), span=(1e-8, 4))
def log_normal_cdf(z):
    return special.log_ndtr(z)


@log_normal_cdf.right
def _(d, a, z):
    return d * np.exp(-z * z / 2 - a) / np.sqrt(2 * np.pi)


@log_normal_cdf.wrong("missing factor", "log Φ: the density, not divided by Φ")
def log_normal_cdf_density(d, a, z):
    return d * np.exp(-z * z / 2) / np.sqrt(2 * np.pi)


@F.forward(
    *three(lambda *s: (positive(*s), normal(*s)), (3, 4), (6,), (2, 2, 2)), slots=("positive", "real"), span=(1e-8, 1)
)
def raised(x, y):
    return x**y


@raised.right
def _(d, a, x, y):
    return d * y * x ** (y - 1), d * a * np.log(x)


@raised.wrong("output for input", "xʸ: log of the output in the exponent's gradient")
def raised_log_of_output(d, a, x, y):
    return d * y * x ** (y - 1), d * a * np.log(a)


@raised.wrong("missing factor", "xʸ: xʸ⁻¹ without the exponent before it")
def raised_without_exponent(d, a, x, y):
    return d * x ** (y - 1), d * a * np.log(x)


@F.forward(uniform(-0.9, 0.9, 3, 4), uniform(-0.9, 0.9, 5), uniform(-0.9, 0.9, 2, 3, 2), span=(1e-8, 1), ties=False)
def area_tangent(z):
    return np.arctanh(z)


@area_tangent.right
def _(d, a, z):
    return d / (1 - z * z)


@area_tangent.wrong("wrong factor", "artanh: 1 − z², the slope of tanh at its output, not divided by")
def area_tangent_not_inverted(d, a, z):
    return d * (1 - z * z)


@F.forward(uniform(0.05, 0.95, 3, 4), uniform(0.05, 0.95, 5), uniform(0.05, 0.95, 2, 3, 2), slots=("fixed",))
def logit(z):
    return np.log(z / (1 - z))


@logit.right
def _(d, a, z):
    return d / (z * (1 - z))


@logit.wrong("missing term", "logit: 1/z, as if the denominator were a constant")
def logit_numerator_only(d, a, z):
    return d / z
