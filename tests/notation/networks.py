"""Graphs to derive, with feeds, and gradients by finite differences."""

from __future__ import annotations

from itertools import pairwise

import numpy as np

import graphnet as gn
from tests.fuzz.dialect import swish


def away_from_zero(rng, shape):
    """Random numbers between ±0.3 and ±1.2."""
    return rng.choice([-1.0, 1.0], shape) * rng.uniform(0.3, 1.2, shape)


def small(hidden=gn.tanh, output=gn.sigmoid, loss=gn.sse, sizes=(2, 3, 1), rows=None, samples=4, seed=0):
    """The i-j-k network; sizes may have any number of layers."""
    rng = np.random.default_rng(seed)
    x, t = gn.input("x", (rows, sizes[0])), gn.input("t", (rows, sizes[-1]))
    a = x
    for layer, (n_in, n_out) in enumerate(pairwise(sizes), start=1):
        W = gn.parameter(f"W{layer}", away_from_zero(rng, (n_in, n_out)))
        b = gn.parameter(f"b{layer}", away_from_zero(rng, (n_out,)))
        last = layer == len(sizes) - 1
        z = gn.bias_add(a @ W, b, name=f"z{layer}")
        g = output if last else hidden
        a = z if g is None else g(z, name=f"a{layer}")
    feeds = {"x": away_from_zero(rng, (samples, sizes[0])), "t": rng.uniform(0.1, 0.9, (samples, sizes[-1]))}
    return loss(a, t, name="E"), feeds


def finite_difference(E, feeds, parameter, h=1e-6):
    """∂E/∂(each entry), by moving it a little up and down."""
    slopes = np.zeros(parameter.value.shape)
    for entry in np.ndindex(slopes.shape):
        kept = parameter.value[entry]
        values = []
        for step in (h, -h):
            parameter.value[entry] = kept + step
            values.append(float(gn.forward(E, feeds)[E]))
        parameter.value[entry] = kept
        slopes[entry] = (values[0] - values[1]) / (2 * h)
    return slopes


def weight_decay():
    E, feeds = small(sizes=(3, 2))
    W = gn.Graph(E)["W1"]
    return gn.add(E, 0.1 * gn.sum(W * W), name="L"), feeds


def skip_connection():
    rng = np.random.default_rng(3)
    x, t = gn.input("x", (None, 3)), gn.input("t", (None, 3))
    W, V = (gn.parameter(name, away_from_zero(rng, (3, 3))) for name in ("W", "V"))
    a = gn.tanh(x @ W, name="a")
    y = gn.add(a, gn.sigmoid(a @ V, name="s"), name="y")
    return gn.mse(y, t, name="E"), {"x": away_from_zero(rng, (5, 3)), "t": away_from_zero(rng, (5, 3))}


def scalars():
    """As in micrograd: c = tanh(a b + b³), E = c c a."""
    a, b = gn.parameter("a", 0.7), gn.parameter("b", -0.4)
    c = gn.tanh(a * b + b**3, name="c")
    return gn.multiply(c * c, a, name="E"), {}


def tied():
    """One W in two layers."""
    rng = np.random.default_rng(4)
    x, W = gn.input("x", (None, 3)), gn.parameter("W", away_from_zero(rng, (3, 3)))
    return gn.sum(gn.square(gn.tanh(gn.tanh(x @ W) @ W)), name="E"), {"x": away_from_zero(rng, (4, 3))}


def normalised():
    """A mean over the batch in the middle: samples are mixed."""
    rng = np.random.default_rng(5)
    x, w = gn.input("x", (None, 3)), gn.parameter("w", away_from_zero(rng, (3,)))
    z = gn.multiply(x, w, name="z")
    centred = gn.subtract(z, gn.mean(z, axis=0, keepdims=True), name="c")
    return gn.sum(centred * centred * centred, name="E"), {"x": away_from_zero(rng, (4, 3))}


def vectors():
    """One sample as a vector, and a unit whose weights are a vector."""
    rng = np.random.default_rng(7)
    x, t = gn.input("x", (3,)), gn.input("t", ())
    W, v = gn.parameter("W", away_from_zero(rng, (3, 4))), gn.parameter("v", away_from_zero(rng, (4,)))
    y = gn.sigmoid(gn.tanh(x @ W, name="a") @ v, name="y")
    return gn.sse(y, t, name="E"), {"x": away_from_zero(rng, (3,)), "t": 0.3}


def no_names():
    """Only what must have a name has one."""
    rng = np.random.default_rng(6)
    x, t = gn.input("x", (None, 2)), gn.input("t", (None, 1))
    a = gn.layers.mlp(x, [3, 2, 1], gn.relu, rng=rng)
    return gn.mse(a, t), {"x": away_from_zero(rng, (4, 2)), "t": away_from_zero(rng, (4, 1))}


def images():
    """Two convolutions, the largest of each window, and the scores of three classes."""
    rng = np.random.default_rng(8)
    x, t = gn.input("x", (None, 1, 4, 4)), gn.input("t", (None, 3))
    h = gn.layers.conv2d(x, 2, activation=gn.tanh, rng=rng, name="first")
    h = gn.layers.max_pool2d(gn.layers.conv2d(h, 2, activation=gn.tanh, rng=rng, name="second"))
    E = gn.cross_entropy(gn.layers.dense(gn.layers.flatten(h), 3, None, rng=rng, name="scores"), t, name="E")
    return E, {"x": rng.normal(size=(5, 1, 4, 4)), "t": np.eye(3)[[0, 1, 2, 1, 0]]}


def batch_normalised():
    rng = np.random.default_rng(9)
    x, t = gn.input("x", (None, 3)), gn.input("t", (None, 2))
    z = gn.layers.batch_norm(gn.layers.dense(x, 4, None, rng=rng, name="first"), name="norm")
    E = gn.sse(gn.layers.dense(gn.tanh(z, name="a1"), 2, None, rng=rng, name="last"), t, name="E")
    return E, {"x": away_from_zero(rng, (5, 3)), "t": away_from_zero(rng, (5, 2))}


GRAPHS = {
    "2-3-1": lambda: small(),
    "2-3-1, batch known": lambda: small(rows=4),
    "3-4-2, sigmoid and identity": lambda: small(gn.sigmoid, None, sizes=(3, 4, 2)),
    "no hidden layer": lambda: small(sizes=(3, 2)),
    "three hidden layers": lambda: small(sizes=(2, 3, 4, 3, 2), loss=gn.mse),
    "softplus": lambda: small(gn.softplus, gn.identity, sizes=(3, 4, 2)),
    "relu": lambda: small(gn.relu, None, gn.mse, sizes=(3, 4, 2)),
    "leaky relu": lambda: small(gn.leaky_relu, None, gn.mse, sizes=(3, 4, 2)),
    "an op of one's own": lambda: small(swish, swish, sizes=(3, 4, 2)),
    "binary cross-entropy": lambda: small(output=None, loss=gn.binary_cross_entropy, sizes=(3, 4, 2)),
    "cross-entropy": lambda: small(output=None, loss=gn.cross_entropy, sizes=(3, 4, 2)),
    "weight decay": weight_decay,
    "skip connection": skip_connection,
    "scalars": scalars,
    "tied weights": tied,
    "mean over the batch": normalised,
    "vectors": vectors,
    "no names": no_names,
    "images": images,
    "batch normalisation": batch_normalised,
}
