"""The 2-3-1 network of the source posts, with random weights."""

import numpy as np
import pytest

import graphnet as gn


@pytest.fixture
def network():
    """Return E and the feeds of three samples."""
    rng = np.random.default_rng(1)
    x, t = gn.input("x", shape=(None, 2)), gn.input("t", shape=(None, 1))
    W1, b1 = gn.parameter("W1", rng.normal(size=(2, 3))), gn.parameter("b1", rng.normal(size=3))
    W2, b2 = gn.parameter("W2", rng.normal(size=(3, 1))), gn.parameter("b2", rng.normal(size=1))
    a1 = gn.tanh(gn.bias_add(gn.matmul(x, W1), b1, name="z1"), name="a1")
    a2 = gn.sigmoid(gn.bias_add(a1 @ W2, b2, name="z2"), name="a2")
    return gn.sse(a2, t, name="E"), {x: rng.normal(size=(3, 2)), t: rng.normal(size=(3, 1))}
