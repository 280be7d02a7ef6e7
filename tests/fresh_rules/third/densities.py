"""Third set: densities, divergences, samples written as functions of their parameters."""

from __future__ import annotations

import numpy as np
from scipy import special

from ..record import Family, normal, positive, simplex, spd, three, uniform
from .numbers import parts

F = Family("third, densities")


@F.forward(
    *three(lambda *s: (normal(*s), normal(*s), normal(*s, scale=0.5)), (3, 4), (6,), (2, 2, 2)),
    slots=("real", "real", "real"),
    span=(1e-8, 1),
)
def normal_density(x, mean, log_scale):
    z = (x - mean) * np.exp(-log_scale)
    return -0.5 * z * z - log_scale - 0.5 * np.log(2 * np.pi)


def normal_signals(d, x, mean, log_scale):
    z = (x - mean) * np.exp(-log_scale)
    return -d * z * np.exp(-log_scale), d * z * np.exp(-log_scale), d * (z * z - 1)


@normal_density.right
def _(d, a, x, mean, log_scale):
    return normal_signals(d, x, mean, log_scale)


@normal_density.wrong("missing term", "log N: the −1 of the normalising constant forgotten")
def normal_density_without_one(d, a, x, mean, log_scale):
    dx, dm, ds = normal_signals(d, x, mean, log_scale)
    return dx, dm, ds + d


@normal_density.wrong("missing factor", "log N: the gradient by σ where log σ came in")
def normal_density_scale_not_log(d, a, x, mean, log_scale):
    dx, dm, ds = normal_signals(d, x, mean, log_scale)
    return dx, dm, ds * np.exp(-log_scale)


@normal_density.wrong("wrong factor", "log N: the mean's gradient divided by σ once")
def normal_density_mean_by_scale(d, a, x, mean, log_scale):
    dx, dm, ds = normal_signals(d, x, mean, log_scale)
    return dx, dm * np.exp(log_scale), ds


@F.forward(
    *three(lambda n, k: (normal(n, k), spd(k)), (4, 3), (2, 2), (3, 4)), slots=("real", "fixed"), span=(1e-8, 1e4)
)
def joint_normal(x, cov):
    return -0.5 * (x * np.linalg.solve(cov, x.T).T).sum(-1) - 0.5 * np.linalg.slogdet(cov)[1]


def joint_signals(d, x, cov, determinant=1.0, sign=1.0):
    inverse = np.linalg.inv(cov)
    y = x @ inverse.T
    dx = -0.5 * d[:, None] * (x @ (inverse + inverse.T))
    left = x @ inverse
    return dx, sign * 0.5 * ((left * d[:, None]).T @ y - determinant * d.sum() * inverse.T)


@joint_normal.right
def _(d, a, x, cov):
    return joint_signals(d, x, cov)


@joint_normal.wrong("sign", "log N of several: the covariance's gradient with the wrong sign")
def joint_normal_covariance_sign(d, a, x, cov):
    return joint_signals(d, x, cov, sign=-1.0)


@joint_normal.wrong("missing term", "log N of several: the determinant forgotten")
def joint_normal_without_determinant(d, a, x, cov):
    return joint_signals(d, x, cov, determinant=0.0)


@F.forward(normal(3, 4), normal(5), normal(2, 3, 2))
def student(x):
    return -2 * np.log1p(x * x / 3)


@student.right
def _(d, a, x):
    return -4 * d * x / (3 + x * x)


@student.wrong("constant factor", "Student's t: ν for ν + 1")
def student_degrees(d, a, x):
    return -3 * d * x / (3 + x * x)


@student.wrong("wrong factor", "Student's t: 1 + x² where ν + x² stands below")
def student_cauchy(d, a, x):
    return -4 * d * x / (1 + x * x)


@F.forward(
    *three(lambda *s: (positive(*s), positive(*s), positive(*s)), (3, 4), (6,), (2, 2, 2)),
    slots=("positive", "positive", "positive"),
    span=(1e-4, 1e4),
)
def gamma_density(x, shape, rate):
    return shape * np.log(rate) - special.gammaln(shape) + (shape - 1) * np.log(x) - rate * x


@gamma_density.right
def _(d, a, x, shape, rate):
    return (
        d * ((shape - 1) / x - rate),
        d * (np.log(rate) - special.digamma(shape) + np.log(x)),
        d * (shape / rate - x),
    )


@gamma_density.wrong("missing term", "the gamma density: ψ of the shape forgotten")
def gamma_density_without_digamma(d, a, x, shape, rate):
    return d * ((shape - 1) / x - rate), d * (np.log(rate) + np.log(x)), d * (shape / rate - x)


@gamma_density.wrong("wrong factor", "the gamma density: a scale's gradient where a rate came in")
def gamma_density_scale_for_rate(d, a, x, shape, rate):
    good = d * ((shape - 1) / x - rate), d * (np.log(rate) - special.digamma(shape) + np.log(x))
    return *good, d * (x * rate**2 - shape * rate)


def shares(n, k):
    """Draw rows that add up to 1, none of their numbers near 0."""
    return lambda rng: (simplex(n, k)(rng) + 1 / k) / 2


@F.forward(
    *three(lambda n, k: (uniform(0.5, 4, n, k), shares(n, k)), (3, 4), (5, 2), (2, 6)), slots=("positive", "fixed"),
    span=(1e-4, 1e4),
)  # fmt: skip
def dirichlet(alpha, p):
    return special.gammaln(alpha.sum(-1)) - special.gammaln(alpha).sum(-1) + ((alpha - 1) * np.log(p)).sum(-1)


@dirichlet.right
def _(d, a, alpha, p):
    total = special.digamma(alpha.sum(-1, keepdims=True))
    return d[:, None] * (total - special.digamma(alpha) + np.log(p)), d[:, None] * (alpha - 1) / p


@dirichlet.wrong("missing term", "Dirichlet's density: ψ of the total forgotten")
def dirichlet_without_total(d, a, alpha, p):
    return d[:, None] * (np.log(p) - special.digamma(alpha)), d[:, None] * (alpha - 1) / p


@F.forward(
    *three(lambda n, k: (normal(n, k), normal(n, k)), (3, 4), (5, 2), (2, 6)), slots=("real", "real"), span=(1e-8, 30)
)
def mixture(logits, log_density):
    def total(z):
        top = z.max(-1)
        return top + np.log(np.exp(z - top[:, None]).sum(-1))

    return total(logits + log_density) - total(logits)


@mixture.right
def _(d, a, logits, log_density):
    blame = parts(logits + log_density)
    return d[:, None] * (blame - parts(logits)), d[:, None] * blame


@mixture.wrong("missing term", "a mixture: its weights add up to 1, which the gradient forgot")
def mixture_weights_free(d, a, logits, log_density):
    blame = parts(logits + log_density)
    return d[:, None] * blame, d[:, None] * blame


@mixture.wrong("wrong factor", "a mixture: the likeliest part gets all the blame")
def mixture_hard(d, a, logits, log_density):
    best = np.eye(logits.shape[1])[(logits + log_density).argmax(-1)]
    return d[:, None] * (parts(logits + log_density) - parts(logits)), d[:, None] * best


@F.forward(
    *three(lambda *s: (normal(*s), positive(*s)), (3, 4), (6,), (2, 2, 2)), slots=("real", "positive"), span=(1e-4, 30)
)
def von_mises(x, kappa):
    return kappa * (np.cos(x) - 1) - np.log(2 * np.pi * special.i0e(kappa))


@von_mises.right
def _(d, a, x, kappa):
    return -d * kappa * np.sin(x), d * (np.cos(x) - special.i1e(kappa) / special.i0e(kappa))


@von_mises.wrong("missing term", "von Mises: the normalising constant depends on κ, too")
def von_mises_constant(d, a, x, kappa):
    return -d * kappa * np.sin(x), d * np.cos(x)


@F.forward(
    *three(lambda n, k: (normal(n, k), normal(n, k)), (3, 4), (5, 2), (2, 6)), slots=("real", "real"), span=(1e-8, 4)
)
def code_divergence(mean, log_variance):
    return 0.5 * (mean**2 + np.exp(log_variance) - 1 - log_variance).sum(-1)


@code_divergence.right
def _(d, a, mean, log_variance):
    return d[:, None] * mean, d[:, None] * 0.5 * (np.exp(log_variance) - 1)


@code_divergence.wrong("constant factor", "KL of a code: the ½ before the variance's part forgotten")
def code_divergence_without_half(d, a, mean, log_variance):
    return d[:, None] * mean, d[:, None] * (np.exp(log_variance) - 1)


@code_divergence.wrong("missing term", "KL of a code: −1 forgotten")
def code_divergence_without_one(d, a, mean, log_variance):
    return d[:, None] * mean, d[:, None] * 0.5 * np.exp(log_variance)


@F.forward(
    *three(lambda *s: (normal(*s), normal(*s), positive(*s)), (3, 4), (6,), (2, 2, 2)),
    slots=("real", "real", "positive"), kinks=True, span=(1e-4, 1e4),
)  # fmt: skip
def laplace(x, mean, scale):
    return -np.abs(x - mean) / scale - np.log(2 * scale)


@laplace.right
def _(d, a, x, mean, scale):
    s = np.sign(x - mean) / scale
    return -d * s, d * s, d * (np.abs(x - mean) / scale - 1) / scale


@laplace.wrong("wrong factor", "Laplace: |x − μ| / b for |x − μ| / b²")
def laplace_divided_once(d, a, x, mean, scale):
    s = np.sign(x - mean) / scale
    return -d * s, d * s, d * (np.abs(x - mean) - 1) / scale


@F.forward(
    *three(lambda n, k: (normal(n, k), normal(n, k)), (3, 4), (5, 2), (2, 6)), slots=("real", "fixed"), span=(1e-8, 30)
)
def relaxed_choice(logits, noise):
    return parts((logits + noise) / 0.4)


@relaxed_choice.right
def _(d, a, logits, noise):
    got = a * (d - (d * a).sum(-1, keepdims=True)) / 0.4
    return got, got


@relaxed_choice.wrong("constant factor", "a relaxed choice: not divided by its temperature")
def relaxed_choice_no_temperature(d, a, logits, noise):
    got = a * (d - (d * a).sum(-1, keepdims=True))
    return got, got


@relaxed_choice.wrong("input for output", "a relaxed choice: the probabilities before the noise in place of the sample")
def relaxed_choice_of_logits(d, a, logits, noise):
    p = parts(logits / 0.4)
    got = p * (d - (d * p).sum(-1, keepdims=True)) / 0.4
    return got, got
