"""Layers of units, recovered from a graph of ops: products with weights, biases and activations in a row."""

from __future__ import annotations

from collections.abc import Container, Iterable
from dataclasses import dataclass

from graphnet.core.graph import Graph
from graphnet.core.leaves import Constant, Parameter
from graphnet.core.node import Node, describe
from graphnet.core.shapes import Shape
from graphnet.errors import DrawError
from graphnet.ops.arithmetic import Add
from graphnet.ops.linear import BiasAdd, Matmul, Transpose
from graphnet.ops.shaping import Moving


@dataclass(frozen=True, eq=False)  # eq: comparing nodes with == would build graph
class Layer:
    """One layer of units: z = a_prev W + b, a = g(z); z is the product where there is no bias, a is z where there is no g."""

    signal: Node
    """What comes in: the input, or the activation of the layer before."""
    product: Node
    weights: Node
    """The leaf that holds them."""
    transposed: bool
    """Whether each row of the weights belongs to a unit of this layer, not of the layer before."""
    bias: Node | None
    z: Node
    a: Node


@dataclass(frozen=True, eq=False)
class Chain:
    """A network of layers in a row, at least one, and the error behind it."""

    input: Node
    layers: tuple[Layer, ...]
    error: Node | None
    """The output behind the last layer, if the graph does not end with that."""
    target: Node | None
    """What the last layer is compared with, if that is one node of its shape."""
    columns: bool
    """Whether samples are columns, as in ``W @ x``, not rows, as in ``x @ W``."""


def chain_of(graph: Graph) -> Chain:
    """Return the layers that a graph is made of, found by going back from its last matrix product with weights.

    What lies before the first product is not looked into: its last node is the input. Nor is what lies behind the last
    activation: it is the error.

    Raises
    ------
    DrawError
        If the graph is no single row of layers; it names the node that is in the way.
    """
    products = {node: None for node in graph.nodes if _weights_slot(node) is not None}
    if not products:
        raise DrawError(
            "the unit view needs layers, and this graph has no matrix product of a signal with weights",
            repair='Draw it without view="units": that shows any graph.',
        )
    behind = _and_all_behind(graph, products)
    z, a = _after(graph, next(reversed(products)))
    layers: list[Layer] = []
    while True:
        layers.append(_layer(graph, products, z, a, is_last=not layers))
        a = layers[-1].signal
        if a not in behind:
            break
        z = a.inputs[0] if _is_activation(a) else a
    layers.reverse()
    seen = {layer.product for layer in layers}
    for product in products:
        if product not in seen:
            raise _in_the_way(graph, product, "is a layer beside the others: the layers don't stand in one row")
    error = _error(graph, layers[-1].a)
    return Chain(
        layers[0].signal, tuple(layers), error, _target(graph, layers[-1].a, error), _in_columns(graph, layers)
    )


def _layer(graph: Graph, products: Container[Node], z: Node, a: Node, *, is_last: bool) -> Layer:
    slot = _bias_slot(z)
    product = z if slot is None else z.inputs[1 - slot]
    if product not in products:
        raise _in_the_way(graph, product, "stands between two layers")
    if product.ndim not in (1, 2):
        raise _in_the_way(graph, product, f"has shape {product.shape}, where a layer has samples and units")
    ways = [(source, target) for source, target in ((product, z), (z, a)) if source is not target]
    for node in [source for source, _ in ways] + ([] if is_last else [a]):
        _used_once(graph, node)
    weights_slot = _weights_slot(product)
    assert weights_slot is not None  # it is one of the products
    held = product.inputs[weights_slot]
    leaf = held.inputs[0] if held.op else held
    rows_are_units = (weights_slot == 0) != (held is not leaf)
    bias = None if slot is None else z.inputs[slot]
    return Layer(product.inputs[1 - weights_slot], product, leaf, rows_are_units, bias, z, a)


def _after(graph: Graph, product: Node) -> tuple[Node, Node]:
    """Return the pre-activation and the activation of the last layer."""
    biased = [edge.consumer for edge in graph.consumers(product) if _bias_slot(edge.consumer) is not None]
    z = biased[0] if len(biased) == 1 else product
    use = graph.only_use(z)
    return z, use.consumer if use and _is_activation(use.consumer) else z


def _weights_slot(node: Node) -> int | None:
    """Return which operand of a matrix product holds weights, or ``None`` if the node is no layer's product.

    A parameter is taken before a constant, a constant before an input, the right operand before the left one.
    """
    if not isinstance(node.op, Matmul):
        return None
    for kind in (Parameter, Constant, Node):
        for slot in (1, 0):
            held = node.inputs[slot]
            leaf = held.inputs[0] if isinstance(held.op, Transpose) else held
            if leaf.op is None and leaf.ndim == 2 and isinstance(leaf, kind):
                return slot
    return None


def _bias_slot(node: Node) -> int | None:
    """Return which input of a node is the bias that it adds to a layer's product: a leaf with one entry for each unit."""
    for slot in (1, 0) if isinstance(node.op, (Add, BiasAdd)) else ():
        bias, product = node.inputs[slot], node.inputs[1 - slot]
        if bias.op is None and bias.shape in _bias_shapes(product, vectors=isinstance(node.op, BiasAdd)):
            return slot
    return None


def _bias_shapes(product: Node, *, vectors: bool) -> list[Shape]:
    """Return which shapes a bias of a layer may have: a vector alone adds along the last axis, be it units or samples."""
    on_the_left = _weights_slot(product) == 0
    if _weights_slot(product) is None or product.ndim not in (1, 2):
        return []
    units = product.shape[0] if on_the_left else product.shape[-1]
    if product.ndim == 1:
        return [(units,)]
    if on_the_left:
        return [] if vectors else [(units, 1)]
    return [(units,)] if vectors else [(units,), (1, units)]


def _is_activation(node: Node) -> bool:
    """Tell whether a node has one input, keeps its shape and leaves each entry with its unit."""
    same_shape = len(node.inputs) == 1 and node.shape == node.inputs[0].shape
    return same_shape and not isinstance(node.op, (Moving, Transpose))


def _and_all_behind(graph: Graph, nodes: Iterable[Node]) -> set[Node]:
    """Return nodes, and all that depends on one of them."""
    behind = set(nodes)
    for node in graph.nodes:
        if any(source in behind for source in node.inputs):
            behind.add(node)
    return behind


def _error(graph: Graph, a: Node) -> Node | None:
    behind = _and_all_behind(graph, [a])
    return next((output for output in graph.outputs if output in behind and output is not a), None)


def _target(graph: Graph, a: Node, error: Node | None) -> Node | None:
    """Return the one node of the last layer's shape that enters behind it from outside."""
    behind = _and_all_behind(graph, [a])
    sources = {source: None for node in graph.nodes if node in behind and node is not a for source in node.inputs}
    beside = [node for node in sources if node not in behind and not isinstance(node, Parameter)]
    same = [node for node in beside if node.shape == a.shape]
    return same[0] if error is not None and len(same) == 1 else None


def _in_columns(graph: Graph, layers: Iterable[Layer]) -> bool:
    of_samples = [layer for layer in layers if layer.product.ndim == 2]
    on_the_left = [_weights_slot(layer.product) == 0 for layer in of_samples]
    if any(on_the_left) and not all(on_the_left):
        odd = of_samples[on_the_left.index(not on_the_left[0])].product
        raise _in_the_way(graph, odd, "has its samples in columns where another layer has them in rows")
    return any(on_the_left)


def _used_once(graph: Graph, node: Node) -> None:
    consumers = [edge.consumer for edge in graph.consumers(node)]
    if len(consumers) > 1:
        users = " and ".join(repr(graph.label(consumer)) for consumer in consumers[:2])
        raise _in_the_way(graph, node, f"goes to {users}, past the layer behind it")


def _in_the_way(graph: Graph, node: Node, what: str) -> DrawError:
    return DrawError(
        "the unit view draws layers in one row (matmul, bias_add, one activation), but "
        f"{describe(node, graph.label(node))} {what}",
        repair='Draw it without view="units": that shows any graph. An activation of several ops can be one: @gn.op.',
    )
