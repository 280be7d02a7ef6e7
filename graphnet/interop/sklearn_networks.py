"""Trained networks of scikit-learn as graphs, with the loss that they were trained by."""

from __future__ import annotations

import functools
import operator
from typing import Any

from graphnet.core.graph import Graph
from graphnet.core.leaves import input as feed
from graphnet.core.leaves import parameter
from graphnet.core.node import Node
from graphnet.errors import GraphError, shown
from graphnet.ops.activations import identity, relu, sigmoid, softmax, tanh
from graphnet.ops.arithmetic import add, divide, square
from graphnet.ops.losses import binary_cross_entropy, cross_entropy, sse
from graphnet.ops.reductions import batch_size, sum

_ACTIVATIONS = {"identity": identity, "logistic": sigmoid, "relu": relu, "tanh": tanh}


def from_sklearn(mlp: Any) -> Graph:
    """Return a network of scikit-learn as a graph, whose gradients are those that it was trained by.

    Parameters
    ----------
    mlp
        A fitted ``MLPClassifier`` or ``MLPRegressor``.

    Returns
    -------
    Graph
        Inputs ``x`` and ``t``, the targets: of a classifier one-hot, or a column of 0 and 1 if there are two classes. Outputs
        ``output``, what ``predict_proba`` or ``predict`` gives, and ``loss``: summed over the outputs, the mean over the
        samples, with the penalty ½ α Σ w² / samples. (Of several outputs of a regressor scikit-learn reports the mean loss,
        and goes down this sum's gradient.) Parameters ``W1``, ``b1``, ``W2`` ...

    Raises
    ------
    GraphError
        If it is no such network, is not fitted, or was trained by another loss.

    Examples
    --------
    >>> from sklearn.neural_network import MLPRegressor
    >>> import numpy as np, graphnet as gn
    >>> mlp = MLPRegressor(hidden_layer_sizes=3, random_state=0).partial_fit(np.eye(4), np.arange(4.0))
    >>> graph = gn.from_sklearn(mlp)
    >>> fwd = gn.forward(graph["output"], {"x": np.eye(4)})
    >>> bool(np.allclose(fwd["output"][:, 0], mlp.predict(np.eye(4))))
    True
    """
    layers = list(zip(getattr(mlp, "coefs_", ()), getattr(mlp, "intercepts_", ()), strict=True))
    head = getattr(mlp, "out_activation_", "")
    if layers and getattr(mlp, "loss", "squared_error") not in ("squared_error", "log_loss"):
        raise GraphError(f"it was trained by the loss {mlp.loss!r}", repair="There are squared_error and log_loss.")
    if not layers or head not in ("identity", "logistic", "softmax") or mlp.activation not in _ACTIVATIONS:
        raise GraphError(
            f"expected a fitted MLPClassifier or MLPRegressor, got {shown(mlp)}",
            repair="Call its fit first. Of a pipeline or a search give the network in it: pipeline[-1] or best_estimator_.",
        )
    x, t = feed("x", (None, layers[0][0].shape[0])), feed("t", (None, layers[-1][0].shape[1]))
    a, weights = x, list[Node]()
    for n, (W, b) in enumerate(layers, start=1):
        weights.append(parameter(f"W{n}", W))
        z = add(a @ weights[-1], parameter(f"b{n}", b), name=f"z{n}")
        a = z if n == len(layers) else _ACTIVATIONS[mlp.activation](z, name=f"a{n}")
    if head == "identity":
        output, loss = identity(z, name="output"), sse(z, t)
    elif head == "logistic":
        output, loss = sigmoid(z, name="output"), binary_cross_entropy(z, t)
    else:
        output, loss = softmax(z, name="output"), cross_entropy(z, t)
    penalty = functools.reduce(operator.add, [sum(square(W)) for W in weights])
    return Graph([output, divide(loss + 0.5 * mlp.alpha * penalty, batch_size(x), name="loss")])
