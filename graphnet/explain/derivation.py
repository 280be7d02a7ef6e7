"""The chain rule of one graph, written as a person would: derive."""

from __future__ import annotations

import html
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, reduce
from typing import Any, Literal

import numpy as np

from graphnet.core.graph import Graph, Target, as_graph
from graphnet.core.node import Node
from graphnet.engine.gradients import depending_on, require_reached
from graphnet.errors import GraphError, ShapeError
from graphnet.explain.boxes import Box, Sign, row
from graphnet.explain.equations import Equations
from graphnet.explain.formula import ByLabel, Call, Formula, Number, Signal, Value
from graphnet.explain.layout import layout
from graphnet.explain.reading import Reader
from graphnet.explain.simplify import call, mentions, substitute
from graphnet.explain.writers import as_latex, as_mathml, as_text
from graphnet.ops.arithmetic import Add

LONGEST = 30
"""An error signal whose formula is larger gets a name of its own, even if it is used once."""

Kind = Literal["definition", "error signal", "gradient"]


@dataclass(frozen=True)
class Step:
    """One line of a derivation.

    Attributes
    ----------
    kind : str
        ``"definition"`` of a value, ``"error signal"`` on the way, or ``"gradient"`` that was asked for.
    node : Node
        Which node's.
    label : str
        The node's name in the graph.
    of : Formula
        The left side: the symbol of what the line says.
    formula : Formula
        The right side; it mentions only values and the error signals of earlier lines.
    equation : str
        What it is in the derivation of error backpropagation, as ``"Eq. 11"``; empty if it is none of it.
    """

    kind: Kind
    node: Node
    label: str
    of: Formula
    formula: Formula
    equation: str = ""

    @property
    def text(self) -> str:
        """The line as Unicode text."""
        return as_text(self._box)

    @property
    def latex(self) -> str:
        """The line as LaTeX, without dollar signs."""
        return as_latex(self._box)

    @property
    def mathml(self) -> str:
        """The line as MathML, to set in a ``<math>`` element."""
        return as_mathml(self._box)

    @property
    def _box(self) -> Box:
        return row(layout(self.of), Sign("=", spaced=True), layout(self.formula))

    def __str__(self) -> str:
        return f"{self.text}    ({self.equation})" if self.equation else self.text


@dataclass(frozen=True)
class Derivation:
    """The chain rule of one graph, for the gradients that were asked for.

    Attributes
    ----------
    graph : Graph
        What was derived.
    steps : tuple of Step
        Error signals and gradients, the output's error first; each uses only values and earlier steps.
    definitions : tuple of Step
        What the values mentioned are, in the order they are computed.
    per_sample : bool
        Whether the lines speak of one sample, so that a gradient is the sum over the samples of what its line says.
    """

    graph: Graph
    steps: tuple[Step, ...]
    definitions: tuple[Step, ...]
    per_sample: bool = False

    def __getitem__(self, node: Node | str) -> Step:
        """Return the step of a node's error signal or gradient."""
        node = self.graph[node]
        for step in self.steps:
            if step.node is node:
                return step
        raise GraphError(
            f"the derivation has no step for {self.graph.label(node)!r}",
            repair=f"It has steps for {', '.join(repr(step.label) for step in self.steps)}.",
        )

    def evaluate(self, values: ByLabel) -> dict[str, Any]:
        """Compute every step, from values alone: each uses what earlier steps gave.

        Parameters
        ----------
        values
            The values of nodes by label: a forward or backward pass will do.

        Returns
        -------
        dict
            The array of each step, by the label of its node; error signals as well as gradients.
        """
        if self.per_sample:
            from graphnet.explain.indices import evaluate_samples

            return evaluate_samples(self, values)
        found: dict[str, Any] = {}
        for step in self.steps:
            found[step.label] = _in_shape(step.formula.evaluate(values, found), values[step.label])
        return found

    @cached_property
    def text(self) -> str:
        """All lines as Unicode text."""
        lines = [str(step) for step in self.steps]
        if self.definitions:
            lines += ["", "with", *(f"    {step}" for step in self.definitions)]
        return "\n".join([*([_PER_SAMPLE, ""] if self.per_sample else []), *lines])

    @cached_property
    def latex(self) -> str:
        """The steps as LaTeX: one ``aligned`` block, without dollar signs."""
        lines = [
            rf"{as_latex(layout(step.of))} &= {as_latex(layout(step.formula))}"
            + (rf" && \text{{({_in_latex(step.equation)})}}" if step.equation else "")
            for step in self.steps
        ]
        return "\\begin{aligned}\n" + " \\\\\n".join(lines) + "\n\\end{aligned}"

    @cached_property
    def mathml(self) -> str:
        """The steps as MathML: one ``<math>`` element with a table."""
        return _mathml(self.steps)

    def to_dict(self) -> dict[str, Any]:
        """Return it as plain data: the text, LaTeX and MathML of every line."""
        return {
            "per_sample": self.per_sample,
            "steps": [_plain(step) for step in self.steps],
            "definitions": [_plain(step) for step in self.definitions],
        }

    def __str__(self) -> str:
        return self.text

    def _repr_latex_(self) -> str:
        return f"$${self.latex}$$"

    def _repr_html_(self) -> str:
        note = f"<p>{html.escape(_PER_SAMPLE)}</p>" if self.per_sample else ""
        definitions = f"<p>with</p>{_mathml(self.definitions)}" if self.definitions else ""
        return f'<div style="overflow-x:auto">{note}{self.mathml}{definitions}</div>'


_PER_SAMPLE = "For one sample; the gradient for several is the sum over them."


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
    if not indices:
        return derivation
    from graphnet.explain.indices import in_indices

    return in_indices(derivation, reader)


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
    return [graph[node] for node in ([wrt] if isinstance(wrt, (Node, str)) else wrt)]


def _steps(reader: Reader, wanted: Sequence[Node]) -> tuple[Step, ...]:
    """Go back through the graph as the engine does, with formulas in place of arrays."""
    graph = reader.graph
    equations = Equations(graph)
    depending = depending_on(graph, wanted)
    asked = set(wanted)
    received: dict[Node, list[Formula]] = {node: [] for node in graph.nodes}
    received[graph.outputs[0]].append(Number(1.0))
    steps: list[Step] = []
    for node in reversed(graph.nodes):
        if not received[node] or (node not in depending and node not in asked):
            continue
        total = reduce(lambda x, y: call(Add(), (x, y), node.shape), received.pop(node))
        sent: list[tuple[Node, Formula]] = []
        if node in depending:
            messages = zip(node.inputs, reader.messages(node), strict=True)
            sent = [(to, m) for to, m in messages if m is not None and (to in depending or to in asked)]
        signal = reader.signal(node)
        uses = sum(mentions(message, signal) for _, message in sent)
        if node in asked or _deserves_a_name(signal, total, uses):
            kind: Kind = "gradient" if node in asked else "error signal"
            steps.append(Step(kind, node, graph.label(node), signal, total, equations.of_signal(node)))
        else:
            sent = [(to, substitute(message, {signal: total})) for to, message in sent]
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
    equations = Equations(graph)
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
    return node.name is None and len(graph.consumers(node)) == 1


def _values_in(formula: Formula) -> list[Value]:
    if isinstance(formula, Value):
        return [formula]
    return [value for part in formula.parts for value in _values_in(part)]


def _in_shape(array: Any, value: Any) -> Any:
    """Return an array in the shape of the value it belongs to; a formula may leave a number in place of equal entries."""
    return np.broadcast_to(np.asarray(array), np.shape(value))


def _mathml(steps: Sequence[Step]) -> str:
    left = 'style="text-align:left"'
    rows = "".join(
        f'<mtr><mtd style="text-align:right">{as_mathml(layout(step.of))}</mtd><mtd><mo>=</mo></mtd>'
        f"<mtd {left}>{as_mathml(layout(step.formula))}</mtd>"
        f"<mtd {left}><mtext>{html.escape(f'({step.equation})' if step.equation else '')}</mtext></mtd></mtr>"
        for step in steps
    )
    return f'<math display="block"><mtable displaystyle="true">{rows}</mtable></math>'


def _in_latex(equation: str) -> str:
    return re.sub(r"δ_(\w)", r"$\\delta_\1$", equation)


def _plain(step: Step) -> dict[str, str]:
    return {
        "kind": step.kind,
        "node": step.label,
        "equation": step.equation,
        "text": step.text,
        "latex": step.latex,
        "mathml": step.mathml,
    }
