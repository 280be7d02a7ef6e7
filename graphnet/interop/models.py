"""Models in files of ONNX: read as graphs, and written."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from graphnet.core.graph import Graph
from graphnet.interop.foreign import needing


def from_onnx(model: str | os.PathLike[str] | bytes | Any, *, known: Mapping[str, Any] | None = None) -> Graph:
    """Return a model of ONNX as a graph: to run, to draw, to derive and to check.

    Parameters
    ----------
    model
        Path of a file, its bytes, or an ``onnx.ModelProto``, of opset 7 to 28.
    known
        Inputs whose values are known, by name: they become constants. Needed of those that say a shape.

    Returns
    -------
    Graph
        With inputs and outputs in the model's order, by its names; ``/`` stands for ``.``. Its weights (the initialisers that
        are arrays of real numbers) are parameters, other initialisers and statistics of batch normalisation constants. A size
        that has no number in the model is known when fed.

    Raises
    ------
    OpaqueError
        If the model calls what has no counterpart (all are named, before anything is built), or has other types than float32,
        float64, int32, int64 and bool.
    LoadError
        If it is not there, damaged, of another opset, or has numbers in another file: nothing outside of it is read.
    MissingExtraError
        If ``onnx`` is not installed.

    Notes
    -----
    Integers are computed with as real numbers, as everywhere here: exact up to 2⁵³, in float32 up to 2²⁴.

    Examples
    --------
    >>> import graphnet as gn
    >>> graph = gn.from_onnx("network.onnx")  # doctest: +SKIP
    >>> gn.forward(graph, {"x": X})["output"]  # doctest: +SKIP
    """
    read: Callable[..., Graph] = needing("onnx", "onnx_reading").read
    return read(model, known or {})


def to_onnx(outputs: Any, path: str | os.PathLike[str], *, dtype: Any = np.float32) -> None:
    """Write a graph to a file of ONNX: forward passes, or backward passes too.

    Parameters
    ----------
    outputs
        A node, several, or a graph. With ``[E, *gn.gradients(E, weights)]`` the model gives the gradients too.
    path
        Of the file; one that is there is replaced as a whole.
    dtype
        What the model computes in: float32, for which runtimes have all of their kernels, or float64.

    Raises
    ------
    OpaqueError
        If an op has no counterpart, and its rule calls what has none; all are named.
    SaveError
        If the file can't be written, or would be larger than 2 GiB.
    DtypeError
        If `dtype` is none of the two.
    MissingExtraError
        If ``onnx`` is not installed.

    Notes
    -----
    Opset 20. Inputs, parameters, constants and outputs have their own names or labels, other values names below those, so that
    scopes are kept. A first size of None is called ``batch``. Composites are calls where ONNX has one (softmax, gelu,
    layer_norm, conv, max_pool2d ...), else they are expanded by their rules.

    Examples
    --------
    >>> import graphnet as gn
    >>> gn.to_onnx([E, *gn.gradients(E, [W])], "step.onnx")  # doctest: +SKIP
    """
    needing("onnx", "onnx_writing").write(outputs, path, dtype)
