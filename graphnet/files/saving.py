"""Graphs, parameters and the state of a training, saved and loaded.

In a file each node is its description without what goes without saying, and its ``inputs``, the positions of earlier nodes.
A parameter's array is found by the parameter's name.

Plain data, as the settings of ops and the state of a training, are JSON. Numbers, strings, true, false, None, lists and dicts
with text as keys are themselves. What JSON lacks is an object with one key: ``{"array": 3}`` and ``{"scalar": 3}`` (a number of
NumPy's) refer to an array by position, ``{"tuple": [...]}``, ``{"slice": [start, stop, step]}``, ``{"float": "inf"}``,
``{"ellipsis": null}``; and ``{"dict": {...}}`` is a dict.
"""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from types import EllipsisType
from typing import Any, TypeAlias

import numpy as np

from graphnet.core.graph import Graph, Target, as_graph
from graphnet.core.leaves import Parameter
from graphnet.core.node import Node
from graphnet.errors import GraphnetError, LoadError, SaveError, shown
from graphnet.files.archive import DTYPES, MANIFEST, Archive, opened, write_archive
from graphnet.files.exchange import Known, from_description, known_ops, to_description


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
    graph = as_graph(target)
    arrays = [parameter.value for parameter in graph.parameters]
    places = {graph.label(parameter): place for place, parameter in enumerate(graph.parameters)}
    packed = pack_graph(graph, arrays) if with_graph else None
    if state is not None and not isinstance(state, Mapping):
        raise SaveError(f"state is {shown(state)}, expected a dict", repair='Write for example {"epoch": 3}.')
    packed_state = pack(None if state is None else dict(state), arrays, "state")
    write_archive(path, {"graph": packed, "parameters": places, "state": packed_state}, arrays)


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


# Graphs --------------------------------------------------------------------------------------------------------------

Packed: TypeAlias = dict[str, Any]


def pack_graph(graph: Graph, arrays: list[np.ndarray[Any, Any]]) -> Packed:
    """Return a graph as JSON has it; append the arrays of its constants and settings to `arrays`."""
    positions = {node: position for position, node in enumerate(graph.nodes)}
    nodes = []
    for node in graph.nodes:
        packed = _pack_node(graph, node, arrays)
        if node.inputs:
            packed["inputs"] = [positions[source] for source in node.inputs]
        nodes.append(packed)
    outputs, inputs = ([positions[node] for node in some] for some in (graph.outputs, graph.inputs))
    return {"nodes": nodes, "outputs": outputs} | ({"inputs": inputs} if inputs != sorted(inputs) else {})


def _pack_node(graph: Graph, node: Node, arrays: list[np.ndarray[Any, Any]]) -> Packed:
    described = to_description(graph, node)
    if "value" in described:
        del described["shape"], described["dtype"]  # the array says them
        value = described.pop("value")
        if not isinstance(node, Parameter):
            arrays.append(value)
            described["value"] = len(arrays) - 1
    if settings := described.pop("settings", None):
        described["settings"] = {
            name: pack(setting, arrays, f"the setting {name!r} of op {described['op']}")
            for name, setting in settings.items()
        }
    return {key: entry for key, entry in described.items() if entry != ""}


def unpack_graph(archive: Archive, known: Known) -> Graph:
    """Build the graph of an archive. It is verified: known ops, inputs before their consumers, shapes as inferred.

    Raises
    ------
    LoadError
        If it is no network.
    """
    match archive.manifest:
        case {"graph": {"nodes": list(packed), "outputs": list(outputs)} as whole, "parameters": dict(parameters)}:
            nodes: list[Node] = []
            for entry in packed:
                nodes.append(_unpack_node(archive, entry, nodes, parameters, known))
            chosen, inputs = _chosen(archive, outputs, nodes), _chosen(archive, whole.get("inputs", []), nodes)
            try:
                graph = Graph(*chosen, inputs=inputs)
            except GraphnetError as error:
                raise archive.error(error.problem, MANIFEST, error.repair) from error
            if len(graph) != len(nodes):
                raise archive.error(f"{len(nodes) - len(graph)} of its nodes do not lead to an output", MANIFEST)
            return graph
        case {"graph": None}:
            raise archive.error(
                "it holds parameters without their graph",
                repair="Build the graph and fill it: gn.load_parameters(path, graph).",
            )
        case _:
            raise archive.error("it does not hold a graph's nodes and outputs, and the parameters", MANIFEST)


def _unpack_node(
    archive: Archive, packed: Any, earlier: list[Node], parameters: Mapping[str, Any], known: Known
) -> Node:
    where = f"node {len(earlier)}"
    try:
        where += f" {packed.get('name') or packed.get('op') or packed['kind']!r}"
        sources = _chosen(archive, packed.get("inputs", []), earlier)
        described = dict(packed)
        if packed["kind"] in ("parameter", "constant"):
            named = packed["kind"] == "parameter"
            described["value"] = archive.array(parameters[packed["name"]] if named else packed["value"])
        else:
            described["shape"] = tuple(packed["shape"])
            described["settings"] = {
                name: unpack(setting, partial(archive.array, wait=True))  # an op may read it when it is made
                for name, setting in packed.get("settings", {}).items()
            }
        return from_description(described, sources, known)
    except LoadError:
        raise
    except GraphnetError as error:
        raise archive.error(f"{where}: {error.problem}", MANIFEST, error.repair) from error
    except Exception as error:  # of any kind: an op's class is given what the file calls its settings
        raise archive.error(
            f"{where} can't be built: {type(error).__name__} {error}"[:300],
            MANIFEST,
            "If it is a custom op, is the one passed as ops=[...] the one that was saved?",
        ) from error


def _chosen(archive: Archive, positions: Any, nodes: list[Node]) -> list[Node]:
    """Return the nodes of these positions."""
    if not isinstance(positions, list) or not all(type(i) is int and 0 <= i < len(nodes) for i in positions):
        raise archive.error(f"{positions!r} are not the positions of nodes that come before"[:300], MANIFEST)
    return [nodes[position] for position in positions]


# Plain data ----------------------------------------------------------------------------------------------------------

DEEPEST = 50
"""Levels of dicts, lists and tuples."""

_MOST_BITS = 8192  # of a whole number; Python refuses to read numbers of several thousand digits from text


def pack(value: Any, arrays: list[np.ndarray[Any, Any]], what: str, level: int = 0) -> Any:
    """Return a value as JSON has it; arrays are appended to `arrays`.

    Raises
    ------
    SaveError
        If there is something else in it, or nested too deeply. `what` says where.
    """
    if level > DEEPEST:
        raise SaveError(f"{what} is nested more than {DEEPEST} levels deep", repair="Does it contain itself?")
    kind = type(value)
    if value is None or kind in (bool, str):
        return value
    if kind is int:
        if value.bit_length() > _MOST_BITS:
            raise SaveError(
                f"{what} is a whole number of {value.bit_length():,} bits, and a file holds {_MOST_BITS:,}",
                repair="Make an array of it.",
            )
        return value
    if kind is float:
        return value if math.isfinite(value) else {"float": repr(value)}
    if kind in (np.ndarray, np.memmap) or isinstance(value, np.generic):
        return {"array" if kind in (np.ndarray, np.memmap) else "scalar": _place(value, arrays, what)}
    if kind in (list, tuple):
        items = [pack(item, arrays, f"{what}[{i}]", level + 1) for i, item in enumerate(value)]
        return items if kind is list else {"tuple": items}
    if kind is slice:
        return {"slice": [pack(item, arrays, what, level + 1) for item in (value.start, value.stop, value.step)]}
    if kind is EllipsisType:
        return {"ellipsis": None}
    if kind is dict and all(type(key) is str for key in value):
        return {"dict": {key: pack(item, arrays, f"{what}[{key!r}]", level + 1) for key, item in value.items()}}
    raise SaveError(
        f"{what} is {shown(value)}, of type {kind.__name__}, which can't be saved",
        repair="Numbers, strings, None, slices, arrays of numbers, and tuples, lists and dicts (with text as keys) can.",
    )


def _place(value: Any, arrays: list[np.ndarray[Any, Any]], what: str) -> int:
    array = np.asarray(value)
    if array.dtype.name not in DTYPES:
        raise SaveError(
            f"{what} has dtype {array.dtype}, which can't be saved",
            repair="Arrays of numbers or truth values can; make it one, for example with .astype(float).",
        )
    arrays.append(array)
    return len(arrays) - 1


def unpack(packed: Any, array: Callable[[Any], np.ndarray[Any, Any]], level: int = 0) -> Any:
    """Return the value that `pack` made this of; `array` gives the array of a position.

    Raises
    ------
    ValueError
        If `pack` never writes this.
    """
    if level > 2 * DEEPEST + 2:  # a dict and a tuple take two levels of JSON
        raise ValueError(f"nested more than {DEEPEST} levels deep")
    if isinstance(packed, list):
        return [unpack(item, array, level + 1) for item in packed]
    if not isinstance(packed, dict):
        return packed
    match [*packed.items()]:
        case [("array", position)]:
            return array(position)
        case [("scalar", position)]:
            return array(position)[()]
        case [("tuple", list(items))]:
            return tuple(unpack(items, array, level + 1))
        case [("slice", [start, stop, step])]:
            return slice(*[unpack(item, array, level + 1) for item in (start, stop, step)])
        case [("float", "inf" | "-inf" | "nan" as text)]:
            return float(text)
        case [("ellipsis", None)]:
            return ...
        case [("dict", dict(items))]:
            return {key: unpack(item, array, level + 1) for key, item in items.items()}
    raise ValueError(f"there is no such value: {packed!r}"[:200])
