"""Layers: functions that add the nodes of a layer to a graph, with their parameters."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from typing import Literal

import numpy as np

from graphnet.common.origin import Scope, in_scope, scope
from graphnet.common.settings import Pair, generator, op_function, whole
from graphnet.core.leaves import input, parameter
from graphnet.core.node import Node, nodes_only
from graphnet.core.order import topological_order
from graphnet.core.shapes import Shape, known
from graphnet.errors import GraphError, ShapeError, shown
from graphnet.layers.initialisers import Activation, Init, weights
from graphnet.ops import convolution, normalisation
from graphnet.ops import dropout as regularisation
from graphnet.ops.activations import relu, sigmoid, tanh
from graphnet.ops.arithmetic import add, multiply
from graphnet.ops.convolution import pair
from graphnet.ops.indexing import take
from graphnet.ops.linear import bias_add, matmul
from graphnet.ops.shaping import reshape


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

    Each call makes weights of its own. To share them, make them once and write the layer out in both places:
    ``gn.tanh(x @ W + b)`` and ``gn.tanh(y @ W + b)``.

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
        if a node before is in a scope of that name; layers beside each other are numbered by the graph.

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
    name = _scope_of("dense", name, x)
    units = whole(units, f"units of dense layer {shown(name)}")
    if not x.shape or x.shape[-1] is None or units < 1:
        repair = "It needs at least one unit, and to know the number of columns, as in shape (None, 64)."
        raise ShapeError(f"dense layer {shown(name)} of {units} units on a node of shape {x.shape}", repair=repair)
    _check_activation(activation, f"dense layer {shown(name)}")
    with scope(name):
        W = parameter("W", weights(init, rng, x.shape[-1], units))
        b = parameter("b", np.zeros(units))
        return _activated(bias_add(matmul(x, W), b), activation)


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
    activations = [*[activation] * (len(units) - 1), output]
    for number, (count, each) in enumerate(zip(units, activations, strict=True), start=1):
        x = dense(x, count, each, rng=rng, init=init, name=f"layer_{number}")
    return x


def conv2d(
    x: Node,
    channels: int,
    size: int | Pair = 3,
    activation: Activation | None = relu,
    *,
    rng: np.random.Generator,
    stride: int | Pair = 1,
    padding: int | Pair | Literal["same"] = "same",
    init: Init = "he",
    name: str | None = None,
) -> Node:
    """Add a convolutional layer, a = g(conv2d(x, W) + b), with parameters ``name/W`` and ``name/b``.

    Parameters
    ----------
    x
        The node to start from, shape (samples, channels in, rows, columns).
    channels
        How many kernels the layer has, each making one channel.
    size
        Rows and columns of a kernel.
    activation
        g, an op function; None for none.
    rng
        Draws the weights. Biases start at zero.
    stride, padding
        As for `graphnet.conv2d`; by default the images keep their size.
    init
        ``"glorot"``, ``"he"``, or a function of (rng, n_in, n_out), where n_in is the number of entries of a window and
        n_out the number of kernels.
    name
        The scope of the layer's nodes: unique in a graph. If not given, the layer's kind, with a number from 2 on
        if a node before is in a scope of that name; layers beside each other are numbered by the graph.

    Returns
    -------
    Node
        Shape (samples, channels, rows, columns).

    Raises
    ------
    ShapeError
        If `x` is not of images whose number of channels is known, or the kernels don't fit.
    GraphError
        If `init` is unknown, `x` is not a node, `channels` no integer, `activation` no function or `rng` no generator.

    Examples
    --------
    >>> import graphnet as gn
    >>> x = gn.input("x", shape=(None, 1, 8, 8))
    >>> gn.layers.conv2d(x, 16, rng=np.random.default_rng(0))
    <relu (None, 16, 8, 8)>
    """
    name = _scope_of("conv2d", name, x)
    channels = whole(channels, f"channels of conv2d layer {shown(name)}")
    _check_activation(activation, f"conv2d layer {shown(name)}")
    if x.ndim != 4 or x.shape[1] is None or channels < 1:
        raise ShapeError(
            f"conv2d layer {shown(name)} of {channels} channels on a node of shape {x.shape}",
            repair="It needs at least one channel, and images of shape (samples, channels, rows, columns): "
            "for grey ones reshape(x, (-1, 1, rows, columns)).",
        )
    kernel = pair(size, "size", 1)
    drawn = weights(init, rng, x.shape[1] * math.prod(kernel), channels)
    with scope(name):
        W = parameter("W", drawn.T.reshape(channels, x.shape[1], *kernel))
        b = parameter("b", np.zeros((channels, 1, 1)))
        return _activated(add(convolution.conv2d(x, W, stride, padding), b), activation)


def flatten(x: Node, *, name: str | None = None) -> Node:
    """Lay all entries of each sample in one row, as a dense layer takes them.

    Parameters
    ----------
    x
        The node to start from, shape (samples, ...), with all sizes but the first known.
    name
        Name of the node.

    Returns
    -------
    Node
        Shape (samples, entries).

    Raises
    ------
    UnknownSizeError
        If another size than the number of samples is unknown.
    GraphError
        If `x` is not a node.

    Examples
    --------
    >>> import graphnet as gn
    >>> gn.layers.flatten(gn.input("x", shape=(None, 16, 4, 4)))
    <reshape (None, 256)>
    """
    nodes_only([x], "flatten")
    return reshape(x, (-1, math.prod(known(x.shape[1:], "flatten"))), name=name)  # type: ignore[no-any-return]


def batch_norm(x: Node, *, epsilon: float = normalisation.EPSILON, name: str | None = None) -> Node:
    """Add batch normalisation, γ ⊙ normalised + β, with parameters ``name/scale`` (γ) and ``name/shift`` (β).

    In training each column, or of images each channel, is normalised over the samples of the batch. No running average is
    kept, since nodes have no state: ``gn.inference(a, feeds)`` measures mean and variance on training data, and returns
    the network that uses them.

    Parameters
    ----------
    x
        The node to start from, shape (samples, columns), or images of shape (samples, channels, rows, columns).
    epsilon
        Added to the variance.
    name
        The scope of the layer's nodes: unique in a graph. If not given, the layer's kind, with a number from 2 on
        if a node before is in a scope of that name; layers beside each other are numbered by the graph.

    Returns
    -------
    Node
        Same shape.

    Raises
    ------
    ShapeError
        If `x` has another number of axes, or columns or channels whose number is not known.
    GraphError
        If `x` is not a node.

    Examples
    --------
    >>> import graphnet as gn
    >>> gn.layers.batch_norm(gn.input("x", shape=(None, 3)))
    <bias_add (None, 3)>
    """
    with scope(_scope_of("batch_norm", name, x)):
        a = normalisation.batch_norm(x, epsilon=epsilon)
        return _scaled(a, known(x.shape[1:2], "batch_norm") + (1,) * (x.ndim - 2))


def layer_norm(x: Node, *, epsilon: float = normalisation.EPSILON, name: str | None = None) -> Node:
    """Add layer normalisation, γ ⊙ normalised + β, with parameters ``name/scale`` (γ) and ``name/shift`` (β).

    Each sample is normalised along the last axis by itself, in training and in inference alike.

    Parameters
    ----------
    x
        The node to start from, shape (..., columns).
    epsilon
        Added to the variance.
    name
        The scope of the layer's nodes: unique in a graph. If not given, the layer's kind, with a number from 2 on
        if a node before is in a scope of that name; layers beside each other are numbered by the graph.

    Returns
    -------
    Node
        Same shape.

    Raises
    ------
    ShapeError
        If `x` is a scalar, or the number of its columns is not known or 1.
    GraphError
        If `x` is not a node.

    Examples
    --------
    >>> import graphnet as gn
    >>> gn.layers.layer_norm(gn.input("x", shape=(None, 3)))
    <bias_add (None, 3)>
    """
    with scope(_scope_of("layer_norm", name, x)):
        a = normalisation.layer_norm(x, epsilon=epsilon)
        return _scaled(a, known(x.shape[-1:], "layer_norm"))


def _scaled(a: Node, shape: Shape) -> Node:
    """Add γ ⊙ a + β, with which the layer can undo what normalising takes away."""
    scale, shift = parameter("scale", np.ones(shape)), parameter("shift", np.zeros(shape))
    plus = bias_add if len(shape) == 1 else add
    return plus(multiply(a, scale), shift)  # type: ignore[no-any-return]


def dropout(x: Node, rate: float = 0.5, *, name: str | None = None) -> Node:
    """Add dropout, a = x ⊙ mask / (1 − rate), with an input ``name/mask`` that is true where an entry is kept.

    A pass draws nothing at random, so that it can be repeated and checked: the mask is fed. `fit` draws a new one for each
    step, from its generator; `graphnet.dropout_masks` does for a pass of your own; ``gn.inference(a)`` is the network
    without it.

    Parameters
    ----------
    x
        The node to start from, any shape.
    rate
        The share of entries left out, from 0 to less than 1.
    name
        The scope of the layer's nodes: unique in a graph. If not given, the layer's kind, with a number from 2 on
        if a node before is in a scope of that name; layers beside each other are numbered by the graph.

    Returns
    -------
    Node
        Same shape.

    Raises
    ------
    GraphError
        If `rate` is not from 0 to less than 1, or `x` is not a node.

    Examples
    --------
    >>> import graphnet as gn
    >>> a = gn.layers.dropout(gn.input("x", shape=(None, 3)), rate=0.5)
    >>> gn.forward(a, {"x": [[1.0, 2.0, 3.0]], "dropout/mask": [[True, False, True]]})[a]
    array([[2., 0., 6.]])
    """
    with scope(_scope_of("dropout", name, x)):
        return regularisation.dropout(x, input("mask", x.shape, dtype=bool), rate)  # type: ignore[no-any-return]


def embedding(symbols: Node, count: int, units: int, *, rng: np.random.Generator, name: str | None = None) -> Node:
    """Add a table with a row of numbers for each symbol, and look rows up, with the parameter ``name/W``.

    A symbol that occurs twice sends two messages to its row, which receives their sum.

    Parameters
    ----------
    symbols
        Numbers from 0 to `count` − 1, any shape, of an input declared with ``dtype=int``.
    count
        How many symbols there are.
    units
        Length of a row.
    rng
        Draws the rows, from a normal distribution with standard deviation 1.
    name
        The scope of the layer's nodes: unique in a graph. If not given, the layer's kind, with a number from 2 on
        if a node before is in a scope of that name; layers beside each other are numbered by the graph.

    Returns
    -------
    Node
        The shape of `symbols`, and an axis of `units`.

    Raises
    ------
    ShapeError
        If there would be no rows, or rows of nothing. When run or trained: if a symbol is out of range.
    OpaqueError
        If the symbols are not integers.
    GraphError
        If `symbols` is not a node, `count` or `units` no integer, or `rng` no generator.

    Examples
    --------
    >>> import graphnet as gn
    >>> words = gn.input("words", shape=(None, 5), dtype=int)
    >>> gn.layers.embedding(words, 1000, 8, rng=np.random.default_rng(0))
    <take (None, 5, 8)>
    """
    name = _scope_of("embedding", name, symbols)
    count, units = whole(count, f"count of embedding {shown(name)}"), whole(units, f"units of embedding {shown(name)}")
    generator(rng)
    if count < 1 or units < 1:
        raise ShapeError(f"an embedding of {count} symbols in {units} units", repair="Give at least one of each.")
    with scope(name):
        return take(parameter("W", rng.normal(size=(count, units))), symbols)  # type: ignore[no-any-return]


def recurrent(
    x: Node,
    units: int,
    activation: Activation = tanh,
    *,
    rng: np.random.Generator,
    initial: Node | None = None,
    init: Init = "glorot",
    name: str | None = None,
) -> list[Node]:
    """Add a recurrent cell, hₜ = g(xₜ @ W + hₜ₋₁ @ U + b), once for each step, with parameters ``name/W U b`` in common.

    The steps are nodes of one graph, so that backpropagation through time is nothing but backpropagation: each parameter
    receives one message from each step.

    Parameters
    ----------
    x
        The node to start from, shape (samples, steps, columns), with steps and columns known.
    units
        Length of the state h.
    activation
        g, an op function.
    rng
        Draws the weights. Biases start at zero.
    initial
        The state before the first step, shape (samples, units); if not given zero, so that the first step has no U.
    init
        ``"glorot"``, ``"he"``, or a function of (rng, n_in, n_out).
    name
        The scope of the layer's nodes: unique in a graph. If not given, the layer's kind, with a number from 2 on
        if a node before is in a scope of that name; layers beside each other are numbered by the graph.

    Returns
    -------
    list of Node
        The state after each step, each of shape (samples, units). The last is ``[-1]``, and ``np.stack(states, 1)`` has
        all.

    Raises
    ------
    ShapeError
        If `x` is not of known steps and columns, or `units` is not positive.
    GraphError
        If `init` is unknown, `x` or `initial` is not a node, `units` no integer, `activation` no function or `rng` no
        generator.

    Examples
    --------
    >>> import graphnet as gn
    >>> x = gn.input("x", shape=(None, 5, 3))
    >>> states = gn.layers.recurrent(x, 4, rng=np.random.default_rng(0))
    >>> len(states), states[-1]
    (5, <tanh (None, 4)>)
    """
    name = _scope_of("recurrent", name, x, *([] if initial is None else [initial]))
    units = whole(units, f"units of recurrent layer {shown(name)}")
    op_function(activation, f"the activation of recurrent layer {shown(name)}")
    if x.ndim != 3 or units < 1:
        problem = f"recurrent layer {shown(name)} of {units} units on a node of shape {x.shape}"
        raise ShapeError(problem, repair="It needs at least one unit, and a node of shape (samples, steps, columns).")
    steps, columns = known(x.shape[1:], "a recurrent layer")
    states: list[Node] = []
    h = initial
    with scope(name):
        W = parameter("W", weights(init, rng, columns, units))
        U = parameter("U", weights(init, rng, units, units))
        b = parameter("b", np.zeros(units))
        for step in range(steps):
            with scope(f"step_{step + 1}"):
                z = matmul(x[:, step], W)
                h = _activated(bias_add(z if h is None else z + matmul(h, U), b), activation)
                states.append(h)
    return states


# What layers share ---------------------------------------------------------------------------------------------------


def _scope_of(kind: str, name: str | None, x: Node, *others: Node) -> str:
    """Return the name of a layer's scope: the one given, or its kind with a number, if nodes before have that scope."""
    nodes_only([x, *others], kind)
    if name is not None:
        return name
    taken = {node.scope for node in topological_order([x])}
    names = (Scope(kind if number == 1 else f"{kind}_{number}", stem=kind) for number in itertools.count(1))
    return next(name for name in names if in_scope(name) not in taken)


def _check_activation(activation: Activation | None, layer: str) -> None:
    if activation is not None:
        op_function(activation, f"the activation of {layer}")


def _activated(z: Node, activation: Activation | None) -> Node:
    a = z if activation is None else activation(z)
    if not isinstance(a, Node):
        repair = "Give an op function, as gn.tanh; one of your own returns the node that it builds."
        raise GraphError(f"the activation {shown(activation)} gave {shown(a)}, expected a node", repair=repair)
    return a
