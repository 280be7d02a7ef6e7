"""Which lines of a derivation are equations of the derivation of error backpropagation, by what the graph is."""

from __future__ import annotations

from graphnet.core.node import Node
from graphnet.explain.formula import Call, Formula
from graphnet.explain.reading import Reader
from graphnet.explain.symbols import is_activation
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
        uses = self.graph.consumers(node)
        if len(uses) != 1 or uses[0].slot != 1:
            return ""
        (consumer, _) = uses[0]
        z = self._pre_activation(consumer)
        if z is None:
            return ""
        if consumer.kind == "matmul" and len(node.shape) == 2:
            return "Eq. 5" if self._layers[z] == "k" else "Eq. 11"
        return "Eq. 6" if self._layers[z] == "k" else "Eq. 12"

    def _pre_activation(self, node: Node) -> Node | None:
        """Return the z that a matmul or bias_add ends in, if it is that of a layer."""
        if node.kind not in ("matmul", "bias_add"):
            return None
        if node in self._layers:
            return node
        uses = self.graph.consumers(node)
        if len(uses) == 1 and uses[0].slot == 0 and uses[0].consumer.kind == "bias_add":
            return uses[0].consumer if uses[0].consumer in self._layers else None
        return None

    def _is_output_layer(self, node: Node) -> bool:
        E = self.graph.outputs[0]
        if node.kind not in ("matmul", "bias_add") or E.op is None:
            return False
        if isinstance(E.op, (BinaryCrossEntropy, CrossEntropy)):
            return self._only_use(node) is E and E.inputs[0] is node
        if not isinstance(E.op, SSE):
            return False
        following = self._only_use(node)
        if following is E:
            return E.inputs[0] is node
        return following is not None and self._is_unitwise(following) and self._only_use(following) is E and (
            E.inputs[0] is following
        )  # fmt: skip

    def _is_hidden_layer(self, node: Node) -> bool:
        if node.kind not in ("matmul", "bias_add"):
            return False
        a = self._only_use(node)
        if a is None or not self._is_unitwise(a):
            return False
        product = self._only_use(a)
        return product is not None and product.kind == "matmul" and product.inputs[0] is a and (
            self._pre_activation(product) is not None
        )  # fmt: skip

    def _only_use(self, node: Node) -> Node | None:
        uses = self.graph.consumers(node)
        return uses[0].consumer if len(uses) == 1 else None

    def _is_unitwise(self, node: Node) -> bool:
        """Tell whether it is a = g(z), unit by unit; of an op of one's own, whether all that its rule calls is."""
        if not is_activation(node):
            return False
        return isinstance(node.op, Elementwise) or _is_elementwise(self.reader.forward(node))


def _is_elementwise(formula: Formula) -> bool:
    if isinstance(formula, Call) and not isinstance(formula.op, Elementwise):
        return False
    return all(map(_is_elementwise, formula.parts))
