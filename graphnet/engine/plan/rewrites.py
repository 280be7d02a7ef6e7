"""Rewrites of a lowered graph that bring speed: the same mathematics in fewer calls.

Each is a function from results to results, and stays only while the benchmark shows that it pays.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

import numpy as np

from graphnet import ops
from graphnet.core.node import Array, Constant, Input, Node, Parameter, inside
from graphnet.core.op import Op, Primitive
from graphnet.core.order import topological_order
from graphnet.core.shapes import Shape, known
from graphnet.engine.plan.joined import WithOnes
from graphnet.ops.elementwise import ElementwisePrimitive

Replacement: TypeAlias = Callable[[Node, tuple[Node, ...]], Node | None]
"""Given a node and its rewritten inputs, what takes its place; None to keep it."""

SMALL_LAYER = 4096
"""Up to how many entries of a layer's output (samples × units) its bias rides in the product."""


class SumOfSquares(Primitive):
    """Sum of squares of all entries, in one product of the array with itself."""

    def forward(self, z: Array) -> Array:
        """Compute Σ z²."""
        return np.vdot(z, z)

    def shape(self, z: Shape) -> Shape:
        """Return ()."""
        return ()


def sums_of_squares(results: Sequence[Node]) -> list[Node]:
    """Replace sum(square(z)) by one call."""

    def replace(node: Node, inputs: tuple[Node, ...]) -> Node | None:
        squares = node.inputs[0] if isinstance(node.op, ops.Sum) and node.shape == () else None
        if squares is not None and isinstance(squares.op, ops.Square) and squares.inputs[0].dtype == node.dtype:
            return made_like(SumOfSquares(), inputs[0].inputs, (), node)
        return None

    return rewritten(results, replace)


def bias_in_product(results: Sequence[Node], dtype: np.dtype[Any]) -> list[Node]:
    """Let a bias ride in the matrix product: x @ W + b = [x 1] @ [W; b], for layers that are small.

    A bias is a weight on a constant one. Its gradient is then the last row of [x 1]ᵀ δ, whose other rows are that of W:
    a product with one more row costs next to nothing, where adding the bias and summing δ over the samples are two calls.
    For large layers, and for layers with more weights than outputs, the copy of W into [W; b] costs more than these.
    """
    order = topological_order(results)
    fed_to_layers = {node.inputs[0].inputs[0] for node in order if _is_layer(node, dtype)}
    products = {node.inputs[1]: node for node in order if _transposed_left(node) in fed_to_layers}  # δ → xᵀ δ

    def replace(node: Node, inputs: tuple[Node, ...]) -> Node | None:
        if _is_layer(node, dtype):
            W, b = node.inputs[0].inputs[1], node.inputs[1]
            row = made_like(ops.ExpandDims((0,)), (b,), (1, *b.shape), node)
            stacked = made_like(ops.Concatenate(0), (W, row), (_plus_one(W.shape[0]), W.shape[1]), node)
            return made_like(ops.Matmul(), (with_ones(node.inputs[0].inputs[0]), stacked), node.shape, node)
        if _is_sum_over_samples(node) and node.inputs[0] in products:
            if products[node.inputs[0]].inputs[0].inputs[0] not in new:
                return None  # δ does not come from this layer: x is computed only later
            return made_like(ops.Getitem((-1,)), (both(products[node.inputs[0]], inputs[0]),), node.shape, node)
        if _transposed_left(node) is not None and products.get(node.inputs[1]) is node:
            return made_like(ops.Getitem(((0, -1, None),)), (both(node, inputs[1]),), node.shape, node)
        return None

    new: dict[Node, Node] = {}
    augmented: dict[Node, Node] = {}

    def with_ones(x: Node) -> Node:
        """Return [x 1]: one node for all layers that x feeds."""
        if x not in augmented:
            ones = Constant(np.ones((known(x.shape, "a layer")[0], 1), dtype), None)
            augmented[x] = made_like(WithOnes(), (new[x], ones), (x.shape[0], _plus_one(x.shape[1])), x)
        return augmented[x]

    gradients: dict[Node, Node] = {}

    def both(product: Node, delta: Node) -> Node:
        """Return [x 1]ᵀ δ: the gradient of W, and below it that of b."""
        if product not in gradients:
            x = with_ones(product.inputs[0].inputs[0])
            transposed = made_like(ops.Transpose(), (x,), x.shape[::-1], product)
            gradients[product] = made_like(
                ops.Matmul(), (transposed, delta), (_plus_one(product.shape[0]), product.shape[1]), product
            )
        return gradients[product]

    return rewritten(results, replace, new)


def _is_layer(node: Node, dtype: np.dtype[Any]) -> bool:
    """Tell whether a node is x @ W + b of a small layer, with W and b parameters and x computed or fed."""
    if not isinstance(node.op, ops.Add) or len(node.shape) != 2:
        return False
    product, b = node.inputs
    if not (isinstance(product.op, ops.Matmul) and isinstance(b, Parameter) and b.shape == node.shape[1:]):
        return False
    x, W = product.inputs
    if x.ndim != 2 or W.ndim != 2:
        return False
    return (
        W.size <= node.size <= SMALL_LAYER
        and isinstance(W, Parameter)
        and W.dtype == b.dtype == dtype
        and (
            isinstance(x, Input)
            or (isinstance(x.op, ElementwisePrimitive) and x.shape == product.shape[:1] + W.shape[:1])
        )
    )


def _is_sum_over_samples(node: Node) -> bool:
    return isinstance(node.op, ops.Sum) and node.op.axis in (0, (0,)) and not node.op.keepdims and len(node.shape) == 1


def _transposed_left(node: Node) -> Node | None:
    """Return x of a product xᵀ @ y of matrices."""
    if isinstance(node.op, ops.Matmul) and isinstance(node.inputs[0].op, ops.Transpose) and len(node.shape) == 2:
        return node.inputs[0].inputs[0]
    return None


def _plus_one(size: int | None) -> int | None:
    return None if size is None else size + 1


def made_like(op: Op, inputs: tuple[Node, ...], shape: Shape, origin: Node) -> Node:
    """Return a node that says it comes from where `origin` does."""
    with inside(origin.scope):
        return Node(op, inputs, shape, origin.dtype)


def with_inputs(node: Node, inputs: tuple[Node, ...]) -> Node:
    """Return a node with other inputs; itself if they are the ones it has."""
    if node.op is None or all(now is then for now, then in zip(inputs, node.inputs, strict=True)):
        return node
    return made_like(node.op, inputs, node.shape, node)


def rewritten(results: Sequence[Node], replace: Replacement, new: dict[Node, Node] | None = None) -> list[Node]:
    """Rebuild a graph, giving `replace` the chance to put something else in the place of each node.

    `new`, if given, is filled with what takes the place of each node.
    """
    new = {} if new is None else new
    for node in topological_order(results):
        inputs = tuple([new[source] for source in node.inputs])
        replacement = replace(node, inputs) if node.op is not None else None
        new[node] = with_inputs(node, inputs) if replacement is None else replacement
    return [new[node] for node in results]
