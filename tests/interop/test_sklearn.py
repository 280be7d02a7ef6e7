"""Networks of scikit-learn as graphs: its own backpropagation is the oracle."""

import warnings
from inspect import signature

import numpy as np
import pytest
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import graphnet as gn
from graphnet.errors import GraphError

RNG = np.random.default_rng(0)
X = RNG.normal(size=(30, 4))
TARGETS = {
    "one": RNG.normal(size=30),
    "two": RNG.normal(size=(30, 2)),
    "binary": RNG.integers(0, 2, 30),
    "three": RNG.integers(0, 3, 30),
}


pytestmark = pytest.mark.filterwarnings("ignore:Stochastic Optimizer")


@pytest.mark.parametrize("activation", ["identity", "logistic", "tanh", "relu"])
@pytest.mark.parametrize("hidden", [(5,), (4, 3, 2)])
@pytest.mark.parametrize("kind", TARGETS)
def test_gradients_are_those_of_scikit_learn(kind, hidden, activation):
    y, of = TARGETS[kind], MLPRegressor if kind in ("one", "two") else MLPClassifier
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # three steps are not enough, and need not be
        mlp = of(hidden_layer_sizes=hidden, activation=activation, max_iter=3, random_state=0, alpha=0.3).fit(X, y)
    T = np.eye(3)[y] if kind == "three" else y.reshape(30, -1).astype(float)
    graph = gn.from_sklearn(mlp)
    bwd = gn.backward(graph["loss"], {"x": X, "t": T})
    activations, deltas = [X, *(None for _ in mlp.coefs_)], [None for _ in mlp.coefs_]
    coefs, intercepts = [np.empty_like(W) for W in mlp.coefs_], [np.empty_like(b) for b in mlp.intercepts_]
    try:
        loss, coefs, intercepts = mlp._backprop(X, T, None, activations, deltas, coefs, intercepts)
    except TypeError:  # before sample weights
        loss, coefs, intercepts = mlp._backprop(X, T, activations, deltas, coefs, intercepts)
    for n, (W, b) in enumerate(zip(coefs, intercepts, strict=True), start=1):
        np.testing.assert_allclose(bwd.gradient(f"W{n}"), W, rtol=1e-13, atol=1e-15)
        np.testing.assert_allclose(bwd.gradient(f"b{n}"), b, rtol=1e-13, atol=1e-15)
    if kind != "two":
        assert bwd["loss"] == pytest.approx(loss, rel=1e-13)
    predicted = gn.forward(graph["output"], {"x": X})["output"]
    theirs = mlp.predict_proba(X) if of is MLPClassifier else mlp.predict(X).reshape(30, -1)
    np.testing.assert_allclose(predicted, theirs[:, -1:] if kind == "binary" else theirs, rtol=1e-12)


def test_what_is_no_fitted_network_is_refused():
    for wrong in (MLPClassifier(), 3):
        with pytest.raises(GraphError, match="fitted MLPClassifier"):
            gn.from_sklearn(wrong)
    whole = make_pipeline(StandardScaler(), MLPClassifier(hidden_layer_sizes=3, max_iter=1)).fit(X, TARGETS["three"])
    with pytest.raises(GraphError, match=r"pipeline\[-1\]"):
        gn.from_sklearn(whole)
    assert gn.from_sklearn(whole[-1])["output"].shape == (None, 3)


@pytest.mark.skipif("loss" not in signature(MLPRegressor).parameters, reason="before scikit-learn 1.7")
def test_a_network_trained_by_another_loss_is_told_so():
    mlp = MLPRegressor(loss="poisson", hidden_layer_sizes=3, max_iter=1).fit(X, TARGETS["one"] ** 2)
    with pytest.raises(GraphError, match="trained by the loss 'poisson'"):
        gn.from_sklearn(mlp)
