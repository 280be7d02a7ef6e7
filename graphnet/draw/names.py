"""What nodes are called in pictures."""

from __future__ import annotations

from graphnet.core.graph import Graph
from graphnet.core.leaves import Constant
from graphnet.core.node import Node
from graphnet.core.text import LONGEST
from graphnet.draw.kinds import kind_of
from graphnet.draw.text import number, short

MOST_ARGUMENTS = 4
LONGEST_SYMBOL = 12


class Names:
    """Names of one graph's nodes, clean and short.

    Attributes
    ----------
    loss : str
        The symbol of the output; empty if there are several or its name is long.
    """

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self.loss = self.symbol(graph.outputs[0]) if len(graph.outputs) == 1 else ""

    def full(self, node: Node, most: int = LONGEST) -> str:
        """Return the label of a node."""
        return short(self.graph.label(node), most)

    def within(self, node: Node, scope: str, most: int = LONGEST) -> str:
        """Return what a node is called where the frame around it names its scope already; of a literal, its number."""
        if isinstance(node, Constant) and kind_of(node) == "literal":
            return number(node.value[()])
        return short(self._own(node, scope), most)

    def symbol(self, node: Node) -> str:
        """Return a name short enough for a formula, or nothing."""
        name = short(self._own(node, node.scope))
        return name if len(name) <= LONGEST_SYMBOL else ""

    def derivative(self, node: Node) -> str:
        """Return the error signal of a node as ``∂E/∂a1``, or nothing if the names are long."""
        symbol = self.symbol(node)
        return f"∂{self.loss}/∂{symbol}" if self.loss and symbol else ""

    def call(self, node: Node, scope: str = "", most: int = 24) -> str:
        """Return what makes a node, as ``tanh(z1)``, seen from within a scope."""
        arguments = [self.within(source, scope, most) for source in node.inputs[:MOST_ARGUMENTS]]
        more = ["…"] if len(node.inputs) > MOST_ARGUMENTS else []
        return f"{short(node.kind)}({', '.join(arguments + more)})"

    def _own(self, node: Node, scope: str) -> str:
        return self.graph.label(node).removeprefix(f"{scope}/" if scope else "")
