"""The third pass: biases in matrix products of augmented inputs, x @ W + b = [x 1] @ [W; b], where layers are small.

A bias is a weight on a constant one. Its gradient is then the last row of [x 1]ᵀ δ, whose other rows are that of W: a product
with one more row costs next to nothing, where adding the bias and summing δ over the samples are two calls. For large layers,
and for layers with more weights than outputs, the copy of W into [W; b] costs more than these.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from graphnet import ops
from graphnet.core.leaves import Constant, Input, Parameter
from graphnet.core.node import Node, made_like, with_inputs
from graphnet.core.shapes import known
from graphnet.engine.plan.memory import Augmented, WithBias
from graphnet.ops.elementwise import ElementwisePrimitive

SMALL_LAYER = 4096
"""Up to how many entries of a layer's output (samples × units) its bias is in the product."""


def bias_in_product(results: Sequence[Node], order: Sequence[Node], dtype: np.dtype[Any]) -> Sequence[Node]:
    """Take the biases of small layers into their matrix products.

    Parameters
    ----------
    results, order
        What the program computes, lowered, and all nodes it needs, each after its inputs.
    dtype
        What the program computes in.
    """
    layers = [node for node in order if _is_layer(node, dtype)]
    if not layers or any(isinstance(node.op, ops.Reshape) for node in order):
        return results  # a reshape wants rows, and x with ones beside it lies in columns
    augmentation = _Augmentation(layers, order, dtype)
    for node in order:
        inputs = tuple([augmentation.new[source] for source in node.inputs])
        replacement = augmentation.replacement(node, inputs)
        augmentation.new[node] = with_inputs(node, inputs) if replacement is None else replacement
    return [augmentation.new[node] for node in results]


class _Augmentation:
    """What takes the place of each node."""

    def __init__(self, layers: Sequence[Node], order: Sequence[Node], dtype: np.dtype[Any]) -> None:
        self.dtype = dtype
        self.layers = set(layers)
        fed_to_layers = {layer.inputs[0].inputs[0] for layer in layers}
        self.product_with = {node.inputs[1]: node for node in order if _transposed_left(node) in fed_to_layers}
        self.new: dict[Node, Node] = {}
        self.augmented: dict[Node, Node] = {}
        self.gradients: dict[Node, Node] = {}

    def replacement(self, node: Node, inputs: tuple[Node, ...]) -> Node | None:
        """Return what takes a node's place, given what takes its inputs' places; None if it stays."""
        if node in self.layers:
            return self._layer(node)
        if _is_sum_over_samples(node) and node.inputs[0] in self.product_with:
            product = self.product_with[node.inputs[0]]
            if product.inputs[0].inputs[0] not in self.new:
                return None  # δ does not come from this layer: x is computed only later
            return made_like(ops.Getitem((-1,)), (self._both(product, inputs[0]),), node.shape, node)
        if _transposed_left(node) is not None and self.product_with.get(node.inputs[1]) is node:
            return made_like(ops.Getitem(((0, -1, None),)), (self._both(node, inputs[1]),), node.shape, node)
        return None

    def _layer(self, node: Node) -> Node:
        """Return [x 1] @ [W; b]."""
        (x, W), b = node.inputs[0].inputs, node.inputs[1]
        with_bias = made_like(WithBias(), (W, b), _with_one_row_more(W), node)
        return made_like(ops.Matmul(), (self._augmented(x), with_bias), node.shape, node)

    def _augmented(self, x: Node) -> Node:
        """Return [x 1]: one node for all layers that x feeds."""
        if x not in self.augmented:
            samples, units = known(x.shape, "a layer")
            ones = Constant(np.ones((samples, 1), self.dtype), None)
            self.augmented[x] = made_like(Augmented(), (self.new[x], ones), (samples, units + 1), x)
        return self.augmented[x]

    def _both(self, product: Node, delta: Node) -> Node:
        """Return [x 1]ᵀ δ: the gradient of W, and below it that of b."""
        if product not in self.gradients:
            x = self._augmented(product.inputs[0].inputs[0])
            transposed = made_like(ops.Transpose(), (x,), x.shape[::-1], product)
            both = made_like(ops.Matmul(), (transposed, delta), _with_one_row_more(product), product)
            self.gradients[product] = both
        return self.gradients[product]


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


def _with_one_row_more(matrix: Node) -> tuple[int, ...]:
    rows, columns = known(matrix.shape, "a layer")
    return rows + 1, columns
