"""Layers of networks that look at images, of shape (samples, channels, rows, columns)."""

from __future__ import annotations

import math
from typing import Literal

import numpy as np

from graphnet.core.leaves import parameter
from graphnet.core.node import Node, nodes_only
from graphnet.core.origin import scope
from graphnet.core.settings import op_function, whole
from graphnet.core.shapes import known
from graphnet.errors import ShapeError, shown
from graphnet.layers.initialisers import Activation, Init, scope_name, weights
from graphnet.ops import convolution
from graphnet.ops.activations import relu
from graphnet.ops.arithmetic import add
from graphnet.ops.convolution import Pair, pair
from graphnet.ops.shaping import reshape


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
        if a node before is in a scope of that name.

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
    nodes_only([x], "conv2d")
    name = scope_name("conv2d", name, x)
    channels = whole(channels, f"channels of conv2d layer {shown(name)}")
    if activation is not None:
        op_function(activation, f"the activation of conv2d layer {shown(name)}")
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
        z = add(convolution.conv2d(x, W, stride, padding), b)
        return z if activation is None else activation(z)  # type: ignore[no-any-return]


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
