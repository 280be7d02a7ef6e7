"""The rules of nodes as formulas: what each computes, and what it sends back."""

from __future__ import annotations

from dataclasses import dataclass

from graphnet.core.graph import Target, as_graph
from graphnet.core.node import Node
from graphnet.errors import GraphnetError
from graphnet.notation.formula import Formula
from graphnet.notation.reading import Reader


@dataclass(frozen=True)
class RuleFormulas:
    """One node's rules as formulas.

    Attributes
    ----------
    node : Node
        Whose rules.
    value : Formula
        The symbol of its value, the left side of ``a₁ = tanh(z₁)``.
    forward : Formula
        What it computes, the right side.
    signal : Formula
        The symbol of its error signal.
    backward : tuple of (Formula or None)
        The message to each input; None where there is none.
    problem : str
        Why there are no messages to read, as that the op has no backward rule; empty if there are.
    """

    node: Node
    value: Formula
    forward: Formula
    signal: Formula
    backward: tuple[Formula | None, ...]
    problem: str = ""


def rule_formulas(target: Target) -> dict[Node, RuleFormulas]:
    """Read the rules of every node of a graph that applies an op.

    The formulas are read at once, and written as text, LaTeX or MathML when asked for, once.

    Parameters
    ----------
    target
        An output node, several, or a graph.

    Returns
    -------
    dict
        The formulas of each node that has an op, in topological order.

    Examples
    --------
    >>> import graphnet as gn
    >>> x, W = gn.input("x", shape=(None, 2)), gn.parameter("W", [[1.0], [2.0]])
    >>> a = gn.tanh(x @ W, name="a")
    >>> rules = rule_formulas(gn.sse(a, gn.input("t", shape=(None, 1)), name="E"))
    >>> print(rules[a].value, "=", rules[a].forward)
    a = tanh(z₁)
    >>> print(rules[a].backward[0])
    ∂E/∂a ⊙ (1 − a ⊙ a)
    >>> [message.text for message in rules[a.inputs[0]].backward]
    ['δ(z₁) Wᵀ', 'xᵀ δ(z₁)']
    """
    graph = as_graph(target)
    reader = Reader.of(graph)
    return {node: rules_of(node, reader) for node in graph.nodes if node.op is not None}


def rules_of(node: Node, reader: Reader) -> RuleFormulas:
    """Read the rules of one node that applies an op."""
    backward: tuple[Formula | None, ...] = (None,) * len(node.inputs)
    problem = ""
    try:
        backward = reader.messages(node)
    except GraphnetError as error:
        problem = str(error)
    return RuleFormulas(node, reader.value(node), reader.forward(node), reader.signal(node), backward, problem)
