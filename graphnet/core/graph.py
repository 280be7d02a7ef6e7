"""Graphs: all that given outputs depend on, in topological order."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

from graphnet.common import cached_property
from graphnet.common.origin import key_of, renumbered
from graphnet.common.text import nearest
from graphnet.core.leaves import Constant, Input, Parameter
from graphnet.core.node import Node, as_nodes, describe
from graphnet.core.order import InOrder, topological_order
from graphnet.core.registry import Pictured
from graphnet.errors import GraphError, shown

if TYPE_CHECKING:
    import networkx as nx


class Edge(NamedTuple):
    """One use of a node: the consumer, and which of the consumer's inputs it is."""

    consumer: Node
    slot: int


class Graph(Pictured):
    """The DAG of all nodes that the outputs depend on. Immutable.

    Parameters
    ----------
    *outputs
        The nodes to compute; at least one. One by one, or as a list.
    inputs
        The order that its inputs are to have; those not among them follow.

    Attributes
    ----------
    nodes : tuple of Node
        In topological order: each after all of its inputs. The same network always gives the same order.
    outputs : tuple of Node
        As given.
    inputs, parameters, constants : tuple
        The leaves, in topological order; inputs in the order asked for, or that of the model they come from.

    Raises
    ------
    GraphError
        If there are no outputs, an output is not a node, or two nodes have one name.

    Examples
    --------
    >>> import graphnet as gn
    >>> x, w = gn.input("x", shape=(None, 2)), gn.parameter("w", [[1.0], [2.0]])
    >>> graph = Graph(gn.tanh(x @ w, name="a"))
    >>> [graph.label(node) for node in graph.nodes]
    ['x', 'w', 'matmul_1', 'a']
    >>> graph["a"]
    <tanh 'a' (None, 1)>
    """

    def __init__(self, *outputs: Node | Iterable[Node], inputs: Iterable[Node] = ()) -> None:
        self.outputs = tuple(as_nodes(outputs[0] if len(outputs) == 1 else outputs, "gn.Graph"))
        if not self.outputs:
            raise GraphError("a graph needs at least one output, got none", repair="Write gn.Graph(E).")
        self.nodes = topological_order(self.outputs)
        leaves = [node for node in self.nodes if node.op is None]
        fed: dict[Node, Input] = {node: node for node in leaves if isinstance(node, Input)}
        self.inputs = tuple(fed[node] for node in dict.fromkeys((*as_nodes(inputs, "inputs"), *fed)) if node in fed)
        self.parameters = tuple(node for node in leaves if isinstance(node, Parameter))
        self.constants = tuple(node for node in leaves if isinstance(node, Constant))
        self._paths = renumbered(
            {key_of(node.scope): node.scope for node in self.nodes}.values(), (node.name for node in self.nodes)
        )
        self._names = {n: self.scope(n) + n.name[len(n.scope) :] for n in self.nodes if n.name is not None}
        self._by_name = self._named()

    def _named(self) -> dict[str, Node]:
        by_name: dict[str, Node] = {}
        for node, name in self._names.items():
            other = by_name.setdefault(name, node)
            if other is not node:
                error = GraphError(
                    f"two nodes are called {node.name!r}",
                    repair='Rename one, or make each in a scope: with gn.scope("..."):. To share weights, use one '
                    "parameter in both places: gn.tanh(x @ W + b) and gn.tanh(y @ W + b).",
                )
                error.where = (describe(other), describe(node))
                raise error
        return by_name

    def __reduce__(self) -> tuple[Any, ...]:
        return _of, (InOrder(self.nodes), self.outputs, self.inputs)

    def __len__(self) -> int:
        return len(self.nodes)

    def __iter__(self) -> Iterator[Node]:
        return iter(self.nodes)

    def __contains__(self, node: object) -> bool:
        return node in self._labels if isinstance(node, Node) else isinstance(node, str) and node in self._by_label

    def __getitem__(self, key: str | Node) -> Node:
        """Return the node with this name or label; a node of the graph is returned as it is."""
        if isinstance(key, Node):
            if key in self._labels:
                return key
            name = key.name or ""
            same = self._by_label.get(name)
            raise GraphError(
                f"{describe(key)} is not in this graph"
                + (f"; its own {name!r} is another node, {describe(same)}" if same is not None else ""),
                repair="The graph holds only what its outputs depend on.",
            )
        if not isinstance(key, str):
            raise GraphError(
                f"expected one node, or its name, got {type(key).__name__} {shown(key)}",
                repair="Ask for one at a time: [f(node) for node in nodes]."
                if isinstance(key, Iterable)
                else 'Give the node itself or its name, as "E"; graph.nodes[0] is the first.',
            )
        if key in self._by_label:
            return self._by_label[key]
        close = nearest(key, self._by_label)
        raise GraphError(
            f"no node is called {key!r}",
            repair=f"Did you mean {', '.join(map(repr, close))}?" if close else "graph.nodes lists all nodes.",
        )

    def label(self, node: Node) -> str:
        """Return the node's name, or the one made up for it, as ``"matmul_1"``: unique in this graph."""
        name = self._names.get(node) if isinstance(node, Node) else None
        return self._labels[self[node]] if name is None else name

    def scope(self, node: Node) -> str:
        """Return the scopes that a node was made in; those of layers without a name are numbered if they would be one."""
        return str(self._paths.get(key_of(node.scope), node.scope))

    def consumers(self, node: Node) -> tuple[Edge, ...]:
        """Return every use of a node in this graph, in topological order of the consumers."""
        return tuple(self._consumers[self[node]])

    def only_use(self, node: Node) -> Edge | None:
        """Return the use of a node that has exactly one in this graph, or nothing."""
        uses = self._consumers[self[node]]
        return uses[0] if len(uses) == 1 else None

    @cached_property
    def _consumers(self) -> dict[Node, list[Edge]]:
        uses: dict[Node, list[Edge]] = {node: [] for node in self.nodes}
        for consumer in self.nodes:
            for slot, source in enumerate(consumer.inputs):
                uses[source].append(Edge(consumer, slot))
        return uses

    @cached_property
    def _labels(self) -> dict[Node, str]:
        labels: dict[Node, str] = {}
        counts: dict[str, int] = {}
        for node in self.nodes:
            if node in self._names:
                labels[node] = self._names[node]
                continue
            scope = self.scope(node)
            stem = f"{scope}/{node.kind}" if scope else node.kind
            label = stem
            while label == stem or label in self._by_name:
                counts[stem] = counts.get(stem, 0) + 1
                label = f"{stem}_{counts[stem]}"
            labels[node] = label
        return labels

    @cached_property
    def _by_label(self) -> dict[str, Node]:
        return {label: node for node, label in self._labels.items()}

    def __repr__(self) -> str:
        outputs = ", ".join(self._labels[node] for node in self.outputs[:4]) + (
            ", ..." if len(self.outputs) > 4 else ""
        )
        counts = f"{len(self.nodes)} nodes, {len(self.inputs)} inputs, {len(self.parameters)} parameters"
        return f"<Graph of {outputs}: {counts}>"

    def to_networkx(self) -> nx.MultiDiGraph[str]:
        """Return the graph for networkx; see `graphnet.files.exchange.to_networkx`."""
        from graphnet.files.exchange import to_networkx

        return to_networkx(self)

    @staticmethod
    def from_networkx(network: nx.MultiDiGraph[Any], ops: Iterable[Any] = ()) -> Graph:
        """Build a graph from what `to_networkx` returns; see `graphnet.files.exchange.from_networkx`."""
        from graphnet.files.exchange import from_networkx

        return from_networkx(network, ops)


Target: TypeAlias = Node | Graph | Sequence[Node]
"""What a function takes that runs or reads a graph: an output node stands for all it depends on."""


def as_graph(target: Target) -> Graph:
    """Return the graph that `target` is or stands for."""
    if isinstance(target, Graph):
        return target
    if isinstance(target, Node):
        return Graph(target)
    if isinstance(target, (list, tuple)):
        return Graph(*target)
    raise GraphError(
        f"expected a node, a graph or a list of nodes, got {type(target).__name__} {shown(target)}",
        repair="Give the output node, for example the loss E.",
    )


def _of(nodes: Sequence[Node], outputs: Sequence[Node], inputs: Sequence[Input]) -> Graph:
    """Return the graph that was pickled or copied."""
    return Graph(*outputs, inputs=inputs)
