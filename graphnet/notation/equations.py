"""Which lines of a derivation are equations of the derivation of error backpropagation, by what the graph is."""

from __future__ import annotations

from graphnet.core.node import Node
from graphnet.engine.saturation import is_activation
from graphnet.notation.formula import Call, Formula
from graphnet.notation.reading import Reader
from graphnet.ops.elementwise import Elementwise
from graphnet.ops.losses import SSE, BinaryCrossEntropy, CrossEntropy


class Equations:
    """The roles of a graph's nodes, in the notation of layers i → j → k.

    Only what is an equation's case exactly gets its number: layers z = a W + b and a = g(z) in a row, each used by the next
    one alone, with half a sum of squares at the end.
    """

    def __init__(self, reader: Reader) -> None:
        self.reader = reader
        self.graph = graph = reader.graph
        self.squares = isinstance(graph.outputs[0].op, SSE)
        self._layers: dict[Node, str] = {}
        for node in reversed(graph.nodes):
            if self._is_output_layer(node):
                self._layers[node] = "k"
            elif self._is_hidden_layer(node):
                self._layers[node] = "j"

    def of_value(self, node: Node) -> str:
        """Return which equation says what a node computes."""
        return "Eq. 1" if isinstance(node.op, SSE) else ""

    def of_signal(self, node: Node) -> str:
        """Return which equation says what the error signal of a node is."""
        layer = self._layers.get(node)
        if layer == "k":
            return "definition of δ_k" if self.squares else ""
        if layer == "j":
            return "definition of δ_j"
        use = self.graph.only_use(node)
        z = self._pre_activation(use.consumer) if use and use.slot == 1 else None
        if use is None or z is None:
            return ""
        if use.consumer.kind == "matmul" and len(node.shape) == 2:
            return "Eq. 5" if self._layers[z] == "k" else "Eq. 11"
        return "Eq. 6" if self._layers[z] == "k" else "Eq. 12"

    def _pre_activation(self, node: Node) -> Node | None:
        """Return the z that a matmul or bias_add ends in, if it is that of a layer."""
        use = self.graph.only_use(node) if node.kind in _SUMS and node not in self._layers else None
        if use and use.slot == 0 and use.consumer.kind == "bias_add":
            node = use.consumer
        return node if node in self._layers else None

    def _is_output_layer(self, node: Node) -> bool:
        E, a = self.graph.outputs[0], node
        if node.kind not in _SUMS or not isinstance(E.op, (SSE, BinaryCrossEntropy, CrossEntropy)):
            return False
        following = self._following(node)
        if self.squares and following is not None and self._is_unitwise(following):
            a = following
        return self._following(a) is E and E.inputs[0] is a

    def _is_hidden_layer(self, node: Node) -> bool:
        a = self._following(node) if node.kind in _SUMS else None
        product = self._following(a) if a is not None and self._is_unitwise(a) else None
        if product is None or product.kind != "matmul" or product.inputs[0] is not a:
            return False
        return self._pre_activation(product) is not None

    def _following(self, node: Node) -> Node | None:
        use = self.graph.only_use(node)
        return use.consumer if use else None

    def _is_unitwise(self, node: Node) -> bool:
        """Tell whether it is a = g(z), unit by unit; of an op of one's own, whether all that its rule calls is."""
        if not is_activation(node):
            return False
        return isinstance(node.op, Elementwise) or _is_elementwise(self.reader.forward(node))


_SUMS = ("matmul", "bias_add")


def _is_elementwise(formula: Formula) -> bool:
    if isinstance(formula, Call) and not isinstance(formula.op, Elementwise):
        return False
    return all(map(_is_elementwise, formula.parts))
