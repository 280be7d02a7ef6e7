"""`save` and `save_parameters`."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

import numpy as np

from graphnet.core.graph import Target, as_graph
from graphnet.errors import SaveError, shown
from graphnet.files.network import pack_graph, pack_parameters
from graphnet.files.plain import pack
from graphnet.files.writing import write


def save(path: str | os.PathLike[str], target: Target, *, state: Mapping[str, Any] | None = None) -> None:
    """Save a graph with its parameters as one file.

    Parameters
    ----------
    path
        Where to, as ``"net.gn"``. A file that is there is replaced, as a whole and only when the new one has reached the
        disk, and keeps its permissions.
    target
        The graph; a node stands for the graph of all it depends on.
    state
        What else belongs to it, as the state of an optimiser, the epoch, the state of a random generator: a dict of
        numbers, strings, arrays, and dicts, lists and tuples of them.

    Raises
    ------
    SaveError
        If the file can't be written, or a setting of an op, or something in `state`, can't be written down.
    GraphError
        If `target` is no graph.

    Notes
    -----
    The file is a zip that is not compressed: a manifest in JSON, and an ``.npy`` file for each array, with SHA-256
    digests. Custom ops are in it by name, without their rules. Equal graphs give equal bytes.

    Examples
    --------
    >>> import graphnet as gn, tempfile
    >>> E = gn.sse(gn.parameter("w", [1.0, 2.0]), [0.0, 0.0], name="E")
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     gn.save(f"{folder}/net.gn", E, state={"epoch": 3})
    ...     gn.load(f"{folder}/net.gn"), gn.load_state(f"{folder}/net.gn")
    (<Graph of E: 3 nodes, 0 inputs, 1 parameters>, {'epoch': 3})
    """
    graph, arrays = as_graph(target), _no_arrays()
    parameters = pack_parameters(graph, arrays)
    packed = pack_graph(graph, arrays)
    write(path, {"graph": packed, "parameters": parameters, "state": _pack_state(state, arrays)}, arrays)


def save_parameters(path: str | os.PathLike[str], target: Target, *, state: Mapping[str, Any] | None = None) -> None:
    """Save the parameters of a graph alone, by name: for a graph that is built by code, or has ops that change.

    Parameters
    ----------
    path
        Where to, as for `save`.
    target
        The graph; a node stands for the graph of all it depends on.
    state
        What else belongs to it, as for `save`.

    Raises
    ------
    SaveError
        If the file can't be written, or something in `state` can't be written down.
    GraphError
        If `target` is no graph.

    Examples
    --------
    >>> import graphnet as gn, tempfile
    >>> w = gn.parameter("w", [1.0, 2.0])
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     gn.save_parameters(f"{folder}/w.gn", w)
    ...     w.value = [0.0, 0.0]
    ...     gn.load_parameters(f"{folder}/w.gn", w)
    >>> w.value
    array([1., 2.])
    """
    graph, arrays = as_graph(target), _no_arrays()
    parameters = pack_parameters(graph, arrays)
    write(path, {"graph": None, "parameters": parameters, "state": _pack_state(state, arrays)}, arrays)


def _no_arrays() -> list[np.ndarray[Any, Any]]:
    return []


def _pack_state(state: Mapping[str, Any] | None, arrays: list[np.ndarray[Any, Any]]) -> Any:
    if state is not None and not isinstance(state, Mapping):
        raise SaveError(f"state is {shown(state)}, expected a dict", repair='Write for example {"epoch": 3}.')
    return pack(None if state is None else dict(state), arrays, "state")
