"""The chain rule of one graph, written as a person would: derive."""

from __future__ import annotations

from collections.abc import Sequence

from graphnet.common.settings import flag, listed
from graphnet.core.graph import Graph, Target, as_graph
from graphnet.core.node import Node
from graphnet.core.order import topological_order
from graphnet.engine.gradients import depending_on, require_reached, the_output
from graphnet.engine.rewrite import is_scalar
from graphnet.engine.units import is_activation
from graphnet.errors import GraphError
from graphnet.notation.derivation import Derivation, Notation, Step
from graphnet.notation.formula import Formula
from graphnet.notation.indices import in_indices
from graphnet.notation.reading import Reader
from graphnet.notation.terms import Leaf, mentions
from graphnet.ops.elementwise import Elementwise
from graphnet.ops.losses import SSE, BinaryCrossEntropy, CrossEntropy

_LONGEST = 30
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
    reader = Reader(as_graph(target))
    steps = _steps(reader, _wanted(reader.graph, wrt))
    derivation = Derivation(reader.graph, steps, _definitions(reader, steps))
    return in_indices(derivation, reader) if flag(indices, "indices") else derivation


def _wanted(graph: Graph, wrt: Node | str | Sequence[Node | str] | None) -> list[Node]:
    the_output(graph, "End in a loss, as gn.sse(a, t), or in gn.sum(...).")
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
    received: dict[Node, list[Node]] = {node: [] for node in graph.nodes}
    received[graph.outputs[0]].append(reader.number(1.0))
    steps: list[Step] = []
    for node in reversed(graph.nodes):
        if not received[node] or (node not in depending and node not in asked):
            continue
        right, signal = reader.total(received.pop(node), node.shape), reader.signal(node)
        sent: list[tuple[Node, Node]] = []
        if node in depending:
            messages = zip(node.inputs, reader.messages(node), strict=True)
            sent = [(to, m) for to, m in messages if m is not None and (to in depending or to in asked)]
        uses = sum(mentions(message, signal) for _, message in sent)
        if node in asked or _deserves_a_name(reader, signal, right, uses):
            kind: Notation = "gradient" if node in asked else "error signal"
            steps.append(
                Step(kind, node, graph.label(node), Formula(signal), Formula(right), equations.of_signal(node))
            )
        else:
            sent = [(to, reader.substitute(message, {signal: right})) for to, message in sent]
        for to, message in sent:
            received[to].append(message)
    require_reached(graph, wanted, {step.node for step in steps})
    return tuple(steps)


def _deserves_a_name(reader: Reader, signal: Node, right: Node, uses: int) -> bool:
    """Tell whether an error signal gets a line of its own; if not, its formula stands where it is used."""
    if all(map(is_scalar, right.inputs)):
        return False  # a symbol, or ones
    is_delta = isinstance(signal, Leaf) and signal.role == "delta"
    return uses > 0 and (is_delta or uses > 1 or reader.extent(right)[0] > _LONGEST)


def _definitions(reader: Reader, steps: Sequence[Step]) -> tuple[Step, ...]:
    """Return what the values mentioned are. A node without a name that is used once is written out where it is used."""
    graph = reader.graph
    equations = Equations(reader)
    needed = {graph[value.label] for step in steps for value in _values_in(step.formula.node)}
    needed |= {step.node for step in steps if step.node.op is not None}
    needed.add(graph.outputs[0])
    formulas: dict[Node, Node] = {}
    for node in reversed(graph.nodes):
        if node in needed and node.op is not None:
            formulas[node] = formula = reader.forward(node)
            while inner := [graph[value.label] for value in _values_in(formula)]:
                written_out = {
                    reader.value(source): reader.forward(source)
                    for source in inner
                    if source.op is not None and source not in needed and _is_minor(graph, source)
                }
                longer = reader.substitute(formula, written_out)
                if not written_out or reader.extent(longer)[0] > _LONGEST:
                    break
                formulas[node] = formula = longer
            needed.update(graph[value.label] for value in _values_in(formula))
    return tuple(
        Step(
            "definition", node, graph.label(node), Formula(reader.value(node)), Formula(right), equations.of_value(node)
        )
        for node in graph.nodes
        if (right := formulas.get(node)) is not None
    )


def _is_minor(graph: Graph, node: Node) -> bool:
    return node.name is None and graph.only_use(node) is not None


def _values_in(formula: Node) -> list[Leaf]:
    return [leaf for leaf in topological_order([formula]) if isinstance(leaf, Leaf) and leaf.role == "value"]


# Which lines are equations of the derivation of error backpropagation -------------------------------------------------


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
        if use.consumer.kind == "matmul":
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
        """Tell whether it is a = g(z), unit by unit; of a custom op, whether all that its rule calls is."""
        if not is_activation(node):
            return False
        return isinstance(node.op, Elementwise) or all(
            isinstance(part.op, Elementwise | None) for part in topological_order([self.reader.forward(node)])
        )


_SUMS = ("matmul", "bias_add")
