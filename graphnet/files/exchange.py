"""Nodes in plain words, and graphs as networkx graphs and back.

A description of a node is a dict: ``kind`` ("input", "parameter", "constant" or "op"), ``shape``, ``dtype`` (its name),
``name`` and ``scope``; of an op also ``op`` (its name), ``origin`` ("graphnet" or "custom") and ``settings``; of a parameter
or constant also ``value``. It names ops, and never code: which rule a name stands for is the reader's to say.

A networkx graph holds only strings and whole numbers, so that networkx's own writers (GraphML, GML, JSON ...) can save
it. Nodes are keyed by label. Node attributes: ``index`` (topological position), ``kind`` ("input", "parameter",
"constant" or "op"), ``op`` with its ``origin`` ("graphnet" or "custom") and ``settings`` (JSON), ``shape`` (JSON) and
``dtype``, ``full_name`` (empty for none), ``scope``, ``outputs`` (JSON: its positions among the outputs), and for
parameters and constants ``values`` (JSON). Edges run from an input to its consumer and carry ``slot``. Attributes called
``name`` or ``value`` would be lost: writers of DOT and Cytoscape's JSON have their own.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from graphnet.common.origin import check_name, inside
from graphnet.common.settings import listed
from graphnet.core import registry
from graphnet.core.function_op import FunctionOp, as_op
from graphnet.core.function_op import op as op_function
from graphnet.core.graph import Graph
from graphnet.core.leaves import Constant, Parameter, input
from graphnet.core.node import Node
from graphnet.core.op import Op
from graphnet.errors import DtypeError, GraphError, GraphnetError

if TYPE_CHECKING:
    import networkx as nx

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
        is_own = registry.OPS.get(node.op.name) is type(node.op)  # a custom op may have the name of a built-in one
        origin = "graphnet" if is_own else "custom"
        description |= {"op": node.op.name, "origin": origin, "settings": node.op.settings}
    if isinstance(node, (Parameter, Constant)):
        description["value"] = node.value
    return description


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
    registry.read_all()
    custom = known.get(name) if origin != "graphnet" else None
    op = custom or (registry.OPS.get(registry.RENAMED.get(name, name)) if origin != "custom" else None)
    if op is None:
        raise GraphError(f"unknown op {name!r}", repair="Pass a custom op as ops=[...].")
    return op


# Graphs of networkx --------------------------------------------------------------------------------------------------

_WRITTEN = {"name": "full_name", "value": "values"}
"""What is called otherwise here than in a description."""


def to_networkx(graph: Graph) -> nx.MultiDiGraph[str]:
    """Return a `networkx.MultiDiGraph` of the graph: its structure, settings and parameter values.

    Parameters
    ----------
    graph
        The graph to describe.

    Returns
    -------
    networkx.MultiDiGraph
        Nodes keyed by label, edges with their ``slot``: ``x * x`` has two edges.

    Examples
    --------
    >>> import graphnet as gn
    >>> x = gn.input("x")
    >>> network = gn.Graph(gn.multiply(x, x, name="y")).to_networkx()
    >>> list(network.edges(data="slot"))
    [('x', 'y', 0), ('x', 'y', 1)]
    """
    import networkx as nx

    network: nx.MultiDiGraph[str] = nx.MultiDiGraph()
    places: dict[Node, list[int]] = {}
    for position, output in enumerate(graph.outputs):
        places.setdefault(output, []).append(position)
    for index, node in enumerate(graph.nodes):
        outputs = json.dumps(places.get(node, []))
        network.add_node(graph.label(node), index=index, outputs=outputs, **_as_text(to_description(graph, node)))
    for node in graph.nodes:
        for slot, source in enumerate(node.inputs):
            network.add_edge(graph.label(source), graph.label(node), slot=slot)
    return network


def _as_text(description: dict[str, Any]) -> dict[str, str]:
    """Return a description with all that is not text yet as JSON."""
    return {
        _WRITTEN.get(key, key): value if isinstance(value, str) else json.dumps(value, default=_plain)
        for key, value in description.items()
    }


def _plain(value: object) -> object:
    if isinstance(value, (np.ndarray, np.generic)):
        return value.tolist()
    raise GraphError(
        f"an op has the setting {value!r}, which can't be described", repair="Settings are numbers, strings and tuples."
    )


def from_networkx(network: nx.MultiDiGraph[Any], ops: Iterable[Any] = ()) -> Graph:
    """Build the graph that a `networkx.MultiDiGraph` describes, as `to_networkx` writes it.

    Parameters
    ----------
    network
        The description. It is verified: known ops, every slot filled once, no cycle, shapes as inferred.
    ops
        The custom ops it may name: instances for ops without settings, classes for ops with settings.

    Returns
    -------
    Graph
        Of new nodes, equal in structure, names, settings and values.

    Raises
    ------
    GraphError
        If there is a cycle (naming its nodes), an unknown op, a slot left empty or filled twice, an attribute missing.
    ShapeError
        If shapes don't fit.

    Examples
    --------
    >>> import graphnet as gn
    >>> x = gn.input("x", shape=(2,))
    >>> gn.Graph.from_networkx(gn.Graph(gn.tanh(x, name="a")).to_networkx())
    <Graph of a: 2 nodes, 1 inputs, 0 parameters>
    """
    import networkx as nx

    if not isinstance(network, nx.MultiDiGraph):
        raise GraphError(
            f"expected a networkx.MultiDiGraph, got {type(network).__name__}",
            repair="Edges need a direction, and x * x has two.",
        )
    known = known_ops(ops)
    index: Any = network.nodes(data="index", default=0)
    try:
        order = list(nx.lexicographical_topological_sort(network, key=lambda label: int(index[label])))
    except nx.NetworkXUnfeasible:
        cycle = [edge[0] for edge in nx.find_cycle(network)]
        raise GraphError(
            f"the graph has a cycle: {' → '.join(map(str, [*cycle, cycle[0]]))}",
            repair="Remove one of these edges: a node can't depend on itself.",
        ) from None
    built: dict[Any, Node] = {}
    outputs: dict[int, Node] = {}
    for label in order:
        attributes = network.nodes[label]
        inputs = [built[source] for source in _sources(network, label)]
        try:
            built[label] = _rebuild(attributes, inputs, known)
            outputs |= dict.fromkeys(_read(attributes.get("outputs", "[]")), built[label])
        except GraphnetError as error:
            raise error.locate(f"node {label!r}") from None
        except KeyError as error:
            raise GraphError(
                f"node {label!r} lacks the attribute {_WRITTEN.get(error.args[0], error.args[0])!r}",
                repair="Graph.to_networkx() shows what is needed.",
            ) from None
        except (ValueError, TypeError, AttributeError) as error:
            raise GraphError(
                f"node {label!r} has an attribute that can't be read: {error}",
                repair="Graph.to_networkx() shows the form.",
            ) from error
    ends = [built[label] for label in order if not network.out_degree(label)]
    return Graph(*[outputs[position] for position in sorted(outputs)] or ends)


def _sources(network: nx.MultiDiGraph[Any], label: Any) -> list[Any]:
    """Return the sources of a node's edges in the order of their slots."""
    edges = [(_whole(data.get("slot")), source) for source, _, data in network.in_edges(label, data=True)]
    by_slot = dict(edges)
    if set(by_slot) != set(range(len(edges))):
        raise GraphError(
            f"the edges into {label!r} have slots {[slot for slot, _ in edges]}, "
            f"expected each of {list(range(len(edges)))} once",
            repair="Give each edge the position of the input that it is: slot=0, 1, ...",
        )
    return [by_slot[slot] for slot in range(len(edges))]


def _whole(slot: Any) -> Any:
    """Return a position as a number, as DOT has only text."""
    return int(slot) if isinstance(slot, str) and slot.isdecimal() else slot


def _rebuild(attributes: dict[str, Any], inputs: list[Node], known: Known) -> Node:
    if attributes.keys() & _WRITTEN.values():  # else it was written before these were called so
        theirs = {mine: attributes[written] for mine, written in _WRITTEN.items() if written in attributes}
        attributes = {key: value for key, value in attributes.items() if key not in _WRITTEN} | theirs
    description = dict(attributes)
    if "shape" in attributes:
        description["shape"] = _tuples(_read(attributes["shape"]))
    if "settings" in attributes:
        description["settings"] = {key: _tuples(value) for key, value in _read(attributes["settings"]).items()}
    if "value" in attributes:
        dtype = np.dtype(attributes["dtype"])
        description["value"] = np.array(_read(attributes["value"]), dtype=dtype).reshape(description["shape"])
    return from_description(description, inputs, known)


def _read(attribute: Any) -> Any:
    """Return what an attribute's JSON says; networkx's GML reader has read ``"[]"`` already."""
    read = [] if attribute == [] else json.loads(attribute)
    if isinstance(read, str):
        raise ValueError(f"{attribute} is text in quotes; where nx_pydot left them, use networkx.nx_agraph.read_dot")
    return read


def _tuples(value: Any) -> Any:
    """Return JSON's lists as tuples, all the way down."""
    return tuple(map(_tuples, value)) if isinstance(value, list) else value
