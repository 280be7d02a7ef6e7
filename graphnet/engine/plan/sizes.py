"""The first pass: the same graph with every size a number."""

from __future__ import annotations

from collections.abc import Mapping

from graphnet.core.graph import Graph
from graphnet.core.leaves import Input
from graphnet.core.node import Node
from graphnet.core.origin import inside
from graphnet.core.shapes import Shape, known
from graphnet.engine.rules import located, require_declared_sizes
from graphnet.errors import GraphnetError, UnknownSizeError


def with_sizes(graph: Graph, fed: Mapping[Input, tuple[int, ...]]) -> dict[Node, Node]:
    """Return, for each node of the graph, its copy in a graph whose inputs have the shapes fed.

    Parameters and constants stand for themselves: a program reads the very value that the user may change.
    """
    sized: dict[Node, Node] = {}
    with inside(""):
        for node in graph.nodes:
            if isinstance(node, Input):
                sized[node] = Input(None, (), fed[node], node.dtype)
            elif node.op is None:
                sized[node] = node
            else:
                inputs = tuple([sized[source] for source in node.inputs])
                sized[node] = Node(node.op, inputs, _shape(graph, node, inputs), node.dtype, graph.label(node))
    return sized


def depends_on_numbers(shape: Shape) -> UnknownSizeError:
    """Return the error of a value whose size is known only once it is computed."""
    return UnknownSizeError(
        f"the shape of its value, {shape}, depends on numbers: a program has its memory before there are any",
        repair="np.where(mask, z, 0) keeps the shape; gn.forward and gn.backward run what a mask picks, too.",
    )


def _shape(graph: Graph, node: Node, inputs: tuple[Node, ...]) -> tuple[int, ...]:
    """Return the shape of a node's value for inputs of known sizes, or raise an error that names the node."""
    assert node.op is not None
    shapes = [known(source.shape, node.op.name) for source in inputs]
    try:
        require_declared_sizes(node.op, node.inputs, shapes)
        found = node.op.shape_of(inputs)
        if None in found:
            raise depends_on_numbers(found)
        return known(found, node.op.name)
    except GraphnetError as error:
        raise located(error, graph, node) from None
