"""Graphs, parameters and the state of a training, saved and loaded."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from graphnet.core.graph import Graph, Target, as_graph
from graphnet.errors import SaveError, shown
from graphnet.files.archive import MANIFEST
from graphnet.files.network import known_ops, pack_graph, pack_parameters, unpack_graph
from graphnet.files.plain import pack, unpack
from graphnet.files.reading import opened
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
    _save(path, target, state, with_graph=True)


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
    _save(path, target, state, with_graph=False)


def _save(path: str | os.PathLike[str], target: Target, state: Any, *, with_graph: bool) -> None:
    graph, arrays = as_graph(target), list[np.ndarray[Any, Any]]()
    parameters = pack_parameters(graph, arrays)
    packed = pack_graph(graph, arrays) if with_graph else None
    if state is not None and not isinstance(state, Mapping):
        raise SaveError(f"state is {shown(state)}, expected a dict", repair='Write for example {"epoch": 3}.')
    packed_state = pack(None if state is None else dict(state), arrays, "state")
    write(path, {"graph": packed, "parameters": parameters, "state": packed_state}, arrays)


def load(path: str | os.PathLike[str], *, ops: Iterable[Any] = ()) -> Graph:
    """Load a graph with its parameters, as `save` wrote it: the same to the bit.

    Parameters
    ----------
    path
        The file.
    ops
        The custom ops it may name: instances or functions made with ``@gn.op``, classes for ops with settings.

    Returns
    -------
    Graph
        Of new nodes. ``graph["E"]`` is the node of that name.

    Raises
    ------
    LoadError
        If the file is not there, was not written by `save`, is damaged or of another version, or names an op that is
        neither built in nor given. It says which part of the file.

    Notes
    -----
    A file is data: nothing in it names code or another file. It takes about as much memory as it is long. What follows the
    file's own claims is verified first, so that a file of an unknown origin may be loaded.

    Examples
    --------
    >>> import graphnet as gn, tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     gn.save(f"{folder}/net.gn", gn.tanh(gn.input("x", shape=(None, 2)), name="a"))
    ...     graph = gn.load(f"{folder}/net.gn")
    >>> graph["a"]
    <tanh 'a' (None, 2)>
    """
    known = known_ops(ops)
    with opened(path) as archive:
        return unpack_graph(archive, known)


def load_parameters(path: str | os.PathLike[str], target: Target) -> None:
    """Fill the parameters of a graph with the values in a file, by name: all of them, or none if they don't fit.

    Parameters
    ----------
    path
        A file that `save` or `save_parameters` wrote.
    target
        The graph; a node stands for the graph of all it depends on.

    Raises
    ------
    LoadError
        As `load`, and if names, shapes or dtypes of the parameters are not the same in both.
    GraphError
        If `target` is no graph.

    Examples
    --------
    >>> import graphnet as gn, tempfile
    >>> E = gn.sse(gn.parameter("w", [1.0, 2.0]), [0.0, 0.0])
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     gn.save(f"{folder}/net.gn", E)
    ...     gn.load_parameters(f"{folder}/net.gn", E)
    """
    graph = as_graph(target)
    own = {graph.label(parameter): parameter for parameter in graph.parameters}
    with opened(path) as archive:
        positions = archive.manifest.get("parameters")
        if not isinstance(positions, dict):
            raise archive.error("it lists no parameters", MANIFEST)
        if own.keys() != positions.keys():
            raise archive.error(
                f"its parameters are not the graph's: {_difference(own.keys(), positions.keys())}",
                repair="Build the graph with the names in the file, or load the file's own graph: gn.load(path).",
            )
        new = {name: archive.array(position) for name, position in positions.items()}
        for name, parameter in own.items():
            mine, found = [f"{array.dtype} of shape {array.shape}" for array in (parameter.value, new[name])]
            if mine != found:
                raise archive.error(
                    f"parameter {name!r} is {found}, in the graph {mine}", repair="Build the graph it is for."
                )
    for name, parameter in own.items():
        np.copyto(parameter.value, new[name])


def _difference(own: Iterable[str], found: Iterable[str]) -> str:
    lacking, unknown = sorted(set(own) - set(found)), sorted(set(found) - set(own))
    parts = [
        f"{what} {', '.join(map(repr, names[:5]))}{', ...' if len(names) > 5 else ''}"
        for what, names in (("the file lacks", lacking), ("the graph lacks", unknown))
        if names
    ]
    return "; ".join(parts)


def load_state(path: str | os.PathLike[str]) -> dict[str, Any]:
    """Load the state that was saved with a graph or with parameters.

    Parameters
    ----------
    path
        A file that `save` or `save_parameters` wrote.

    Returns
    -------
    dict
        As it was given, types and bits included.

    Raises
    ------
    LoadError
        As `load`, and if no state was saved.

    Examples
    --------
    >>> import graphnet as gn, tempfile
    >>> rng = np.random.default_rng(0)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     gn.save(f"{folder}/net.gn", gn.parameter("w", [1.0]), state={"rng": rng.bit_generator.state})
    ...     gn.load_state(f"{folder}/net.gn")["rng"]["bit_generator"]
    'PCG64'
    """
    with opened(path) as archive:
        if archive.manifest.get("state") is None:
            raise archive.error("it holds no state", repair="Save it along: gn.save(path, E, state=...).")
        try:
            state = unpack(archive.manifest["state"], archive.array)
        except ValueError as error:
            raise archive.error(f"its state can't be read: {error}", MANIFEST) from None
        if not isinstance(state, dict):
            raise archive.error("its state is no dict", MANIFEST)
    return state
