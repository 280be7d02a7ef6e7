"""Layers that keep signals in order: normalisation, and dropout. In inference they are other nodes: see `inference`."""

from __future__ import annotations

import numpy as np

from graphnet.core.leaves import input, parameter
from graphnet.core.node import Node, nodes_only
from graphnet.core.origin import scope
from graphnet.core.shapes import Shape, known
from graphnet.layers.initialisers import scope_name
from graphnet.ops import dropout as dropping
from graphnet.ops import normalisation
from graphnet.ops.arithmetic import add, multiply
from graphnet.ops.linear import bias_add


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
        if a node before is in a scope of that name.

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
    nodes_only([x], "batch_norm")
    name = scope_name("batch_norm", name, x)
    with scope(name):
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
        if a node before is in a scope of that name.

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
    nodes_only([x], "layer_norm")
    name = scope_name("layer_norm", name, x)
    with scope(name):
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
        if a node before is in a scope of that name.

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
    nodes_only([x], "dropout")
    name = scope_name("dropout", name, x)
    with scope(name):
        return dropping.dropout(x, input("mask", x.shape, dtype=bool), rate)  # type: ignore[no-any-return]
