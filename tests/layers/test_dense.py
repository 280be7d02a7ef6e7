"""Layers: the nodes they add, and the size of the weights they draw."""

import numpy as np
import pytest

import graphnet as gn


def test_dense_is_its_formula():
    rng = np.random.default_rng(0)
    x = gn.input("x", shape=(None, 3))
    a = gn.layers.dense(x, 2, gn.tanh, rng=rng, name="h")
    graph = gn.Graph(a)
    graph["h/b"].value = [0.5, -0.5]
    X = rng.normal(size=(4, 3))
    expected = np.tanh(X @ graph["h/W"].value + [0.5, -0.5])
    np.testing.assert_allclose(gn.forward(a, {x: X})[a], expected, rtol=1e-15)


def test_an_mlp_of_one_number_has_no_hidden_layer():
    x = gn.input("x", shape=(None, 3))
    a = gn.layers.mlp(x, [2], output=None, rng=np.random.default_rng(0))
    assert [node.kind for node in gn.Graph(a).nodes] == ["input", "parameter", "matmul", "parameter", "bias_add"]


@pytest.mark.parametrize(("init", "variance"), [("glorot", 2 / (300 + 200)), ("he", 2 / 300)])
def test_the_spread_of_the_weights_is_that_of_the_papers(init, variance):
    x = gn.input("x", shape=(None, 300))
    a = gn.layers.dense(x, 200, rng=np.random.default_rng(0), init=init)
    (W, b) = gn.Graph(a).parameters
    assert np.var(W.value) == pytest.approx(variance, rel=0.02)
    assert not b.value.any()


def test_weights_of_your_own():
    x = gn.input("x", shape=(None, 3))
    a = gn.layers.dense(x, 2, rng=np.random.default_rng(0), init=lambda rng, n_in, n_out: np.full((n_in, n_out), 7.0))
    assert (gn.Graph(a).parameters[0].value == 7).all()


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda x, r: gn.layers.dense(x, 0, rng=r), gn.errors.ShapeError, "dense layer 'dense' of 0 units"),
        (lambda x, r: gn.layers.dense(gn.input("y", (2, None)), 3, rng=r), gn.errors.ShapeError, r"shape \(2, None\)"),
        (lambda x, r: gn.layers.dense(x, 3, rng=r, init="ones"), gn.errors.GraphError, "init 'ones' is unknown"),
        (lambda x, r: gn.layers.dense(x, 3, rng=r, init=np.ones((3, 3))), gn.errors.GraphError, "give a function of"),
        (
            lambda x, r: gn.layers.dense(np.ones((2, 2)), 3, rng=r),
            gn.errors.GraphError,
            "dense takes nodes, got ndarray",
        ),
        (lambda x, r: gn.layers.mlp(x, [], rng=r), gn.errors.ShapeError, r"mlp of \[\] units"),
        (lambda x, r: gn.layers.mlp(x, 3, rng=r), gn.errors.ShapeError, "mlp of 3 units"),
        (lambda x, r: gn.layers.mlp(x, [3.0], rng=r), gn.errors.GraphError, "units of dense layer 'layer_1' is 3.0"),
        (lambda x, r: gn.layers.dense(x, "3", rng=r), gn.errors.GraphError, "units of dense layer 'dense' is '3'"),
        (lambda x, r: gn.layers.dense(x, True, rng=r), gn.errors.GraphError, "is True, expected an integer"),
        (lambda x, r: gn.layers.dense("x", 3, rng=r), gn.errors.GraphError, "dense takes nodes, got str 'x'"),
        (lambda x, r: gn.layers.dense(x, 3, rng=0), gn.errors.GraphError, "rng is 0, expected a generator"),
        (
            lambda x, r: gn.layers.dense(x, 3, "tanh", rng=r),
            gn.errors.GraphError,
            r"the activation of dense layer 'dense' is 'tanh', expected an op function\s+Give a function, as gn.tanh",
        ),
        (lambda x, r: gn.layers.dense(x, 3, gn.ops.Tanh, rng=r), gn.errors.GraphError, "expected an op function"),
    ],
)
def test_bad_layers_are_refused(make, error, message):
    with pytest.raises(error, match=message):
        make(gn.input("x", shape=(None, 3)), np.random.default_rng(0))
