"""What a node is in a picture."""

from __future__ import annotations

from graphnet.core.leaves import Constant, Input, Parameter
from graphnet.core.node import Node
from graphnet.draw.picture import Kind, Role


def kind_of(node: Node) -> Kind:
    """Return what the box of a node stands for: a number written in the code is a literal."""
    if isinstance(node, Constant):
        return "literal" if node.shape == () and node.name is None else "constant"
    if isinstance(node, Input):
        return "input"
    return "parameter" if isinstance(node, Parameter) else "op"


def signal_role(node: Node) -> Role:
    """Return what the error signal of a node is to the network."""
    if node.op is not None:
        return "error signal"
    return "gradient" if isinstance(node, Parameter) else "unused signal"
