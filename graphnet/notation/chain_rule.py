"""The chain rule of one graph, written as a person would: derive."""

from __future__ import annotations

from collections.abc import Sequence

from graphnet.core.graph import Graph, Target, as_graph
from graphnet.core.node import Node
from graphnet.core.settings import flag, listed
from graphnet.engine.gradients import depending_on, require_reached
from graphnet.errors import GraphError, ShapeError
from graphnet.notation.derivation import Derivation, Kind, Step
from graphnet.notation.equations import Equations
from graphnet.notation.formula import Call, Formula, Number, Signal, Value
from graphnet.notation.indices import in_indices
from graphnet.notation.reading import Reader
from graphnet.notation.simplify import mentions, substitute, total

LONGEST = 30
"""An error signal whose formula is larger gets a name of its own, even if it is used once."""


def derive(
    target: Target, wrt: Node | str | Sequence[Node | str] | None = None, *, indices: bool = False
) -> Derivation:
    """Derive the chain rule of a graph for some parameters, in mathematics.

    The backward rules themselves are read as formulas, your own included. Error signals on the way get a name where a
    person would give them one, δ(z) at a pre-activation and ∂E/∂a elsewhere, and are defined before they are used. A rule
    that can't be read, because it asks of nodes what only arrays can do, appears as a function of what it is given.

    Parameters
    ----------
    target
        The output E, a scalar, or a graph of one output.
    wrt
        The parameters, or other nodes, to derive the gradients of; all parameters that E depends on if not given.
    indices
        Write the formulas entry by entry, as ``∂E/∂w_jk = δ_k a_j``, and for one sample where that is possible; in place of
        matrices, as ``∂E/∂W₂ = a₁ᵀ δ(z₂)``.

    Returns
    -------
    Derivation
        With ``.text``, ``.latex``, ``.mathml``, and ``.steps`` as plain data.

    Raises
    ------
    ShapeError
        If E is not a scalar.
    UnreachableError
        If E does not depend smoothly on a node of `wrt`.
    NoBackwardRuleError, RuleError
        If an op on the way has no backward rule, or its rule returns the wrong count or shape.
    GraphError
        If there is nothing to derive, or more than one output.

    Examples
    --------
    >>> import graphnet as gn
    >>> x, t = gn.input("x", shape=(None, 2)), gn.input("t", shape=(None, 1))
    >>> W, b = gn.parameter("W", [[1.0], [2.0]]), gn.parameter("b", [0.0])
    >>> print(derive(gn.sse(gn.sigmoid(x @ W + b, name="a"), t, name="E"), W))
    δ(z₁) = (a − t) ⊙ a ⊙ (1 − a)    (definition of δ_k)
    ∂E/∂W = xᵀ δ(z₁)    (Eq. 5)
    <BLANKLINE>
    with
        z₁ = x W + b
        a = σ(z₁)
        E = ½ Σ (a − t)²    (Eq. 1)
    """
    graph = as_graph(target)
    wanted = _wanted(graph, wrt)
    reader = Reader.of(graph)
    steps = _steps(reader, wanted)
    derivation = Derivation(graph, steps, _definitions(reader, steps))
    return in_indices(derivation, reader) if flag(indices, "indices") else derivation


def _wanted(graph: Graph, wrt: Node | str | Sequence[Node | str] | None) -> list[Node]:
    if len(graph.outputs) != 1:
        raise GraphError(f"the graph has {len(graph.outputs)} outputs", repair="Give the one to differentiate.")
    output = graph.outputs[0]
    if output.shape != ():
        raise ShapeError(
            f"output {graph.label(output)!r} has shape {output.shape}, and only a scalar has a gradient",
            repair="End in a loss, as gn.sse(a, t), or in gn.sum(...).",
        )
    if wrt is None:
        wanted: list[Node] = list(graph.parameters)
        if not wanted:
            raise GraphError("the graph has no parameters", repair="Name the nodes: derive(E, [x]).")
        return wanted
    return [graph[node] for node in ([wrt] if isinstance(wrt, (Node, str)) else listed(wrt, "wrt", "nodes or names"))]


def _steps(reader: Reader, wanted: Sequence[Node]) -> tuple[Step, ...]:
    """Go back through the graph as the engine does, with formulas in place of arrays."""
    graph = reader.graph
    equations = Equations(reader)
    depending = depending_on(graph, wanted)
    asked = set(wanted)
    received: dict[Node, list[Formula]] = {node: [] for node in graph.nodes}
    received[graph.outputs[0]].append(Number(1.0))
    steps: list[Step] = []
    for node in reversed(graph.nodes):
        if not received[node] or (node not in depending and node not in asked):
            continue
        formula = total(received.pop(node), node.shape)
        sent: list[tuple[Node, Formula]] = []
        if node in depending:
            messages = zip(node.inputs, reader.messages(node), strict=True)
            sent = [(to, m) for to, m in messages if m is not None and (to in depending or to in asked)]
        signal = reader.signal(node)
        uses = sum(mentions(message, signal) for _, message in sent)
        if node in asked or _deserves_a_name(signal, formula, uses):
            kind: Kind = "gradient" if node in asked else "error signal"
            steps.append(Step(kind, node, graph.label(node), signal, formula, equations.of_signal(node)))
        else:
            sent = [(to, substitute(message, {signal: formula})) for to, message in sent]
        for to, message in sent:
            received[to].append(message)
    require_reached(graph, wanted, {step.node for step in steps})
    return tuple(steps)


def _deserves_a_name(signal: Signal, formula: Formula, uses: int) -> bool:
    """Tell whether an error signal gets a line of its own; if not, its formula stands where it is used."""
    if formula.size == 1 or (isinstance(formula, Call) and all(isinstance(arg, Number) for arg in formula.args)):
        return False  # a symbol, or ones
    return uses > 0 and (signal.pre_activation or uses > 1 or formula.size > LONGEST)


def _definitions(reader: Reader, steps: Sequence[Step]) -> tuple[Step, ...]:
    """Return what the values mentioned are. A node without a name that is used once is written out where it is used."""
    graph = reader.graph
    equations = Equations(reader)
    needed = {graph[value.label] for step in steps for value in _values_in(step.formula)}
    needed |= {node for step in steps for node in [step.node] if step.node.op is not None}
    needed.add(graph.outputs[0])
    formulas: dict[Node, Formula] = {}
    for node in reversed(graph.nodes):
        if node in needed and node.op is not None:
            formulas[node] = formula = reader.forward(node)
            while inner := [graph[v.label] for v in _values_in(formula)]:
                written_out = {
                    reader.value(source): reader.forward(source)
                    for source in inner
                    if source.op is not None and source not in needed and _is_minor(graph, source)
                }
                longer = substitute(formula, written_out)
                if not written_out or longer.size > LONGEST:
                    break
                formulas[node] = formula = longer
            needed.update(graph[value.label] for value in _values_in(formula))
    return tuple(
        Step("definition", node, graph.label(node), reader.value(node), formulas[node], equations.of_value(node))
        for node in graph.nodes
        if node in formulas
    )


def _is_minor(graph: Graph, node: Node) -> bool:
    return node.name is None and graph.only_use(node) is not None


def _values_in(formula: Formula) -> list[Value]:
    if isinstance(formula, Value):
        return [formula]
    return [value for part in formula.parts for value in _values_in(part)]
