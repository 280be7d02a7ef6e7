"""Nodes in plain words, and a graph as JSON and arrays.

A description is a dict: ``kind`` ("input", "parameter", "constant" or "op"), ``shape``, ``dtype`` (its name), ``name``
and ``scope``; of an op also ``op`` (its name), ``origin`` ("graphnet" or "custom") and ``settings``; of a parameter or
constant also ``value``. It names ops, and never code: which rule a name stands for is the reader's to say.

In a file each node is its description without what goes without saying, and its ``inputs``, the positions of earlier nodes.
A parameter's array is found by the parameter's name.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from typing import Any, TypeAlias

import numpy as np

from graphnet.common.settings import listed
from graphnet.core import registry
from graphnet.core.function_op import FunctionOp, as_op
from graphnet.core.function_op import op as op_function
from graphnet.core.graph import Graph
from graphnet.core.leaves import Constant, Parameter, input
from graphnet.core.node import Node
from graphnet.core.op import Op
from graphnet.core.origin import check_name, inside
from graphnet.errors import DtypeError, GraphError, GraphnetError, LoadError
from graphnet.files.archive import MANIFEST
from graphnet.files.plain import pack, unpack
from graphnet.files.reading import Archive

Known: TypeAlias = Mapping[str, FunctionOp | type[Op]]
"""The custom ops that descriptions may name: an op made of functions, or the class of ops with settings."""


def known_ops(custom: Iterable[Any]) -> Known:
    """Return custom ops by name, given as functions made with ``@gn.op``, as ops, or as classes of ops.

    Raises
    ------
    GraphError
        If one of them is no op, or two different ones have one name.
    """
    known: dict[str, FunctionOp | type[Op]] = {}
    for given in [custom] if isinstance(custom, (op_function, Op, type)) else listed(custom, "ops", "ops"):
        op = given if isinstance(given, type) and issubclass(given, Op) else as_op(given)
        found = op if isinstance(op, (FunctionOp, type)) else type(op)
        if known.setdefault(op.name, found) != found:
            raise GraphError(f"two of the ops given are called {op.name!r}", repair="Rename one of them.")
    return known


def to_description(graph: Graph, node: Node) -> dict[str, Any]:
    """Return the description of a node. The value of a parameter or constant is in it as it is, not copied."""
    description: dict[str, Any] = {
        "kind": "op" if node.op is not None else node.kind,
        "shape": node.shape,
        "dtype": node.dtype.name,
        "name": "" if node.name is None else graph.label(node),
        "scope": graph.scope(node),
    }
    if node.op is not None:
        description |= {"op": node.op.name, "origin": _origin(node.op), "settings": node.op.settings}
    if isinstance(node, (Parameter, Constant)):
        description["value"] = node.value
    return description


def _origin(op: Op) -> str:
    """Return whose op it is: a custom op may have the name of a built-in one."""
    return "graphnet" if registry.OPS.get(op.name) is type(op) else "custom"


def from_description(description: Mapping[str, Any], inputs: Sequence[Node], known: Known) -> Node:
    """Build the node that is described; a parameter or constant takes its value over, without a copy.

    Raises
    ------
    KeyError
        If the description lacks something.
    GraphnetError
        If what it describes can't be; whatever an op's class raises if settings are not for it.
    """
    kind, scope = description["kind"], description.get("scope", "")
    if inputs and kind in ("input", "parameter", "constant"):
        raise GraphError(f"{kind} has {len(inputs)} inputs", repair="Edges lead to ops only: remove these.")
    if scope != "":
        check_name(scope, "a scope")
    name = description.get("name", "").removeprefix(f"{scope}/" if scope else "") or None
    with inside(scope):
        if kind == "op":
            return _rebuild_op(description, inputs, name, known)
        if kind == "input":
            return input(name or "", description["shape"], dtype=np.dtype(description["dtype"]))
        if kind == "parameter":
            check_name(name, "a parameter")
            return Parameter(_of_kind("f", description["value"], f"parameter {name!r}"), name or "")
        if kind == "constant":
            return Constant(_of_kind("fbiu", description["value"], "a constant"), name)
    raise GraphError(f"unknown kind {kind!r} of node", repair="Kinds are op, input, parameter and constant.")


def _of_kind(kinds: str, value: np.ndarray[Any, Any], what: str) -> np.ndarray[Any, Any]:
    """Return the value itself, which may not have been filled yet, if it is of one of these kinds."""
    if value.dtype.kind not in kinds or (value.dtype.kind == "f" and value.dtype not in (np.float32, np.float64)):
        raise DtypeError(f"{what} has dtype {value.dtype}, which it can't have", repair="Correct the description.")
    return value


def _rebuild_op(description: Mapping[str, Any], inputs: Sequence[Node], name: str | None, known: Known) -> Node:
    op: Any = _named(description["op"], description.get("origin"), known)
    if isinstance(op, type):
        op = op(**description["settings"])
    node: Node = op(*inputs, name=name)
    # A wrong op may have been passed under a right name.
    for what, found in (("shape", node.shape), ("dtype", node.dtype.name)):
        if found != description[what]:
            raise GraphError(
                f"op {description['op']} gives {what} {found} where the description says {description[what]}",
                repair="Correct either.",
            )
    return node


def _named(name: str, origin: str | None, known: Known) -> FunctionOp | type[Op]:
    """Return the op of this name: custom and built-in ops may share one, and are never taken for each other."""
    custom = known.get(name) if origin != "graphnet" else None
    op = custom or (registry.OPS.get(registry.RENAMED.get(name, name)) if origin != "custom" else None)
    if op is None:
        raise GraphError(f"unknown op {name!r}", repair="Pass a custom op as ops=[...].")
    return op


# Graphs in files ----------------------------------------------------------------------------------------------------

Packed: TypeAlias = dict[str, Any]


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
        packed = _pack_node(graph, node, arrays)
        if node.inputs:
            packed["inputs"] = [positions[source] for source in node.inputs]
        nodes.append(packed)
    return {"nodes": nodes, "outputs": [positions[output] for output in graph.outputs]}


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


def _graph(archive: Archive, nodes: list[Node], outputs: list[Node]) -> Graph:
    try:
        graph = Graph(*outputs)
    except GraphnetError as error:
        raise archive.error(error.problem, MANIFEST, error.repair) from error
    if len(graph) != len(nodes):
        raise archive.error(f"{len(nodes) - len(graph)} of its nodes do not lead to an output", MANIFEST)
    return graph
