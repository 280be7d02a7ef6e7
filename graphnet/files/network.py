"""A graph as JSON and arrays, and back.

Each node is its description (`graphnet.core.description`) without what goes without saying, and its ``inputs``, the
positions of earlier nodes. A parameter's array is found by the parameter's name.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

import numpy as np

from graphnet.core.description import Known, describe, rebuild
from graphnet.core.graph import Graph
from graphnet.core.leaves import Parameter
from graphnet.core.node import Node
from graphnet.errors import GraphnetError, LoadError
from graphnet.files.archive import MANIFEST
from graphnet.files.plain import pack, unpack
from graphnet.files.reading import Archive

Packed = dict[str, Any]


def pack_parameters(graph: Graph, arrays: list[np.ndarray[Any, Any]]) -> dict[str, int]:
    """Return the positions of the parameters' arrays by name; append those to `arrays`."""
    first = len(arrays)
    arrays.extend(parameter.value for parameter in graph.parameters)
    return {graph.label(parameter): first + i for i, parameter in enumerate(graph.parameters)}


def pack_graph(graph: Graph, arrays: list[np.ndarray[Any, Any]]) -> Packed:
    """Return a graph as JSON has it; append the arrays of its constants and settings to `arrays`."""
    positions = {node: position for position, node in enumerate(graph.nodes)}
    nodes = []
    for node in graph.nodes:
        packed = _pack_node(node, arrays)
        if node.inputs:
            packed["inputs"] = [positions[source] for source in node.inputs]
        nodes.append(packed)
    return {"nodes": nodes, "outputs": [positions[output] for output in graph.outputs]}


def _pack_node(node: Node, arrays: list[np.ndarray[Any, Any]]) -> Packed:
    described = describe(node)
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
        case {"graph": {"nodes": list(packed), "outputs": list(outputs)}, "parameters": dict(parameters)}:
            nodes: list[Node] = []
            for entry in packed:
                nodes.append(_unpack_node(archive, entry, nodes, parameters, known))
            return _graph(archive, nodes, _chosen(archive, outputs, nodes))
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
        return rebuild(described, sources, known)
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


def _graph(archive: Archive, nodes: list[Node], outputs: list[Node]) -> Graph:
    try:
        graph = Graph(*outputs)
    except GraphnetError as error:
        raise archive.error(error.problem, MANIFEST, error.repair) from error
    if len(graph) != len(nodes):
        raise archive.error(f"{len(nodes) - len(graph)} of its nodes do not lead to an output", MANIFEST)
    return graph
