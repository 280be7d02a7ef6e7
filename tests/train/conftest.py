"""What the tests of training share."""

import numpy as np
import pytest

import graphnet as gn


@pytest.fixture
def line():
    """A line to fit: E, feeds, and the parameter whose best value is (2, −3)."""
    x, t = gn.input("x", shape=(None, 2)), gn.input("t", shape=(None, 1))
    w = gn.parameter("w", np.zeros((2, 1)))
    X = np.random.default_rng(0).normal(size=(40, 2))
    return gn.sse(x @ w, t, name="E"), {x: X, t: X @ [[2.0], [-3.0]]}, w


@pytest.fixture
def fit():
    """Fit with settings that suit the line, and others where given."""

    def fit(line, **options):
        E, feeds, _ = line
        settings = {"optimizer": gn.GradientDescent(0.02), "epochs": 30, "progress": False} | options
        return gn.fit(E, settings.pop("feeds", feeds), **settings)

    return fit
