"""Models in files of ONNX: read as graphs, and written."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from typing import Any

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
        With inputs and outputs in the model's order, by its names; ``/`` stands for ``.``. Its weights (the initialisers that are
        arrays of real numbers) are parameters, other initialisers and statistics of batch normalisation constants. A size that
        has no number in the model is known when fed.

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
