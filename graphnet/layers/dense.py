"""Dense layers."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from graphnet.core.leaves import parameter
from graphnet.core.node import Node, nodes_only
from graphnet.core.origin import scope
from graphnet.core.settings import op_function, whole
from graphnet.errors import ShapeError, shown
from graphnet.layers.initialisers import Activation, Init, scope_name, weights
from graphnet.ops.activations import sigmoid, tanh
from graphnet.ops.linear import bias_add, matmul


def dense(
    x: Node,
    units: int,
    activation: Activation | None = tanh,
    *,
    rng: np.random.Generator,
    init: Init = "glorot",
    name: str | None = None,
) -> Node:
    """Add a fully connected layer, a = g(x @ W + b), with parameters ``name/W`` and ``name/b``.

    Parameters
    ----------
    x
        The node to start from, shape (samples, n_in).
    units
        How many units the layer has.
    activation
        g, an op function; None for none.
    rng
        Draws the weights. Biases start at zero.
    init
        ``"glorot"``, ``"he"``, or a function of (rng, n_in, n_out).
    name
        The scope of the layer's nodes: unique in a graph. If not given, the layer's kind, with a number from 2 on
        if a node before is in a scope of that name.

    Returns
    -------
    Node
        Shape (samples, units).

    Raises
    ------
    ShapeError
        If the number of columns of `x` is not known, or `units` is not positive.
    GraphError
        If `init` is unknown, `x` is not a node, `units` no integer, `activation` no function or `rng` no generator.

    Examples
    --------
    >>> import graphnet as gn
    >>> x = gn.input("x", shape=(None, 64))
    >>> gn.layers.dense(x, 10, gn.relu, rng=np.random.default_rng(0), init="he", name="hidden")
    <relu (None, 10)>
    """
    nodes_only([x], "dense")
    name = scope_name("dense", name, x)
    units = whole(units, f"units of dense layer {shown(name)}")
    if not x.shape or x.shape[-1] is None or units < 1:
        raise ShapeError(
            f"dense layer {shown(name)} of {units} units on a node of shape {x.shape}",
            repair="It needs at least one unit, and to know the number of columns, as in shape (None, 64).",
        )
    if activation is not None:
        op_function(activation, f"the activation of dense layer {shown(name)}")
    with scope(name):
        W = parameter("W", weights(init, rng, x.shape[-1], units))
        b = parameter("b", np.zeros(units))
        z = bias_add(matmul(x, W), b)
        return z if activation is None else activation(z)  # type: ignore[no-any-return]


def mlp(
    x: Node,
    units: Sequence[int],
    activation: Activation = tanh,
    output: Activation | None = sigmoid,
    *,
    rng: np.random.Generator,
    init: Init = "glorot",
) -> Node:
    """Add a multi-layer perceptron: dense layers named ``layer_1``, ``layer_2``, ...

    Parameters
    ----------
    x
        The node to start from, shape (samples, n_in).
    units
        Units of each layer; the last is the output layer, so one number means no hidden layer.
    activation
        Activation of the hidden layers.
    output
        Activation of the output layer; None for none.
    rng, init
        As for `dense`.

    Returns
    -------
    Node
        Shape (samples, units[-1]).

    Raises
    ------
    ShapeError, GraphError
        As `dense`; ShapeError also if there are no layers.

    Examples
    --------
    >>> import graphnet as gn
    >>> x = gn.input("x", shape=(None, 2))
    >>> a = gn.layers.mlp(x, [3, 1], rng=np.random.default_rng(0))
    >>> [parameter.name for parameter in gn.Graph(a).parameters]
    ['layer_1/W', 'layer_1/b', 'layer_2/W', 'layer_2/b']
    """
    if isinstance(units, (str, bytes)) or not isinstance(units, Sequence) or not units:
        raise ShapeError(f"mlp of {shown(units)} units", repair="Give the units of each layer, as [32, 10].")
    for i, count in enumerate(units, start=1):
        is_last = i == len(units)
        x = dense(x, count, output if is_last else activation, rng=rng, init=init, name=f"layer_{i}")
    return x
