"""Layers for sequences: rows for symbols, and a cell that is used once for each step."""

from __future__ import annotations

import numpy as np

from graphnet.core.leaves import parameter
from graphnet.core.node import Node, nodes_only
from graphnet.core.origin import scope
from graphnet.core.settings import generator, op_function, whole
from graphnet.core.shapes import known
from graphnet.errors import ShapeError, shown
from graphnet.layers.initialisers import Activation, Init, scope_name, weights
from graphnet.ops.activations import tanh
from graphnet.ops.linear import bias_add, matmul
from graphnet.ops.picking import take


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
        if a node before is in a scope of that name.

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
    nodes_only([symbols], "embedding")
    name = scope_name("embedding", name, symbols)
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
        if a node before is in a scope of that name.

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
    nodes_only([x] if initial is None else [x, initial], "recurrent")
    name = scope_name("recurrent", name, x)
    units = whole(units, f"units of recurrent layer {shown(name)}")
    op_function(activation, f"the activation of recurrent layer {shown(name)}")
    if x.ndim != 3 or units < 1:
        raise ShapeError(
            f"recurrent layer {shown(name)} of {units} units on a node of shape {x.shape}",
            repair="It needs at least one unit, and a node of shape (samples, steps, columns).",
        )
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
                h = activation(bias_add(z if h is None else z + matmul(h, U), b))
                states.append(h)
    return states
