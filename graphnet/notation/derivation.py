"""The chain rule of one graph, written as a person would: derive."""

from __future__ import annotations

import html
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np

from graphnet import ops
from graphnet.common import cached_property
from graphnet.common.settings import flag, listed
from graphnet.core.graph import Graph, Target, as_graph
from graphnet.core.node import Node
from graphnet.core.order import topological_order
from graphnet.engine.gradients import depending_on, require_reached, the_output
from graphnet.engine.passes import ForwardPass
from graphnet.engine.rewrite import is_scalar
from graphnet.engine.units import is_activation
from graphnet.errors import GraphError, shown
from graphnet.notation.formula import Formula
from graphnet.notation.indices import IndexWriter
from graphnet.notation.names import SAMPLE
from graphnet.notation.reading import Reader
from graphnet.notation.terms import ByLabel, Leaf, extent, mentions
from graphnet.notation.writers import SPACE, MathBox, Sign, Written, row
from graphnet.ops.elementwise import Elementwise

Notation = Literal["definition", "error signal", "gradient"]


@dataclass(frozen=True, repr=False)
class Step(Written):
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
    text, latex, mathml : str
        The line as Unicode text, as LaTeX without dollar signs, and as MathML to set in a ``<math>`` element.
    """

    kind: Notation
    node: Node
    label: str
    of: Formula
    formula: Formula
    equation: str = ""

    @cached_property
    def box(self) -> MathBox:
        """The line as boxes, which the writers write."""
        return row(self.of.box, Sign("=", spaced=True), self.formula.box)

    def __repr__(self) -> str:
        return f"{self.text}    ({self.equation})" if self.equation else self.text

    def _repr_latex_(self) -> str:
        return f"$${_aligned([_latex_line(self)])}$$"


@dataclass(frozen=True, repr=False)
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
        if not isinstance(values, (ForwardPass, Mapping)):
            raise GraphError(
                f"evaluate takes values by label, got {shown(values)}", repair="Give gn.forward(E, feeds), or a dict."
            )
        found: dict[str, Any] = {}
        for step in self.steps:
            array = step.formula.evaluate(values, found)  # a number may stand for equal entries
            found[step.label] = np.broadcast_to(array, np.shape(values[step.label]))
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
        return _aligned([_latex_line(step) for step in self.steps])

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

    def __repr__(self) -> str:
        return self.text

    def _repr_latex_(self) -> str:
        note = [rf"&\rlap{{\text{{{_PER_SAMPLE}}}}}"] if self.per_sample else []
        definitions = [r"\text{with}\quad&", *map(_latex_line, self.definitions)] if self.definitions else []
        return f"$${_aligned([*note, *map(_latex_line, self.steps), *definitions])}$$"

    def _repr_html_(self) -> str:
        note = f"<p>{html.escape(_PER_SAMPLE)}</p>" if self.per_sample else ""
        definitions = f"<p>with</p>{_mathml(self.definitions)}" if self.definitions else ""
        return f'<div style="overflow:auto hidden">{note}{self.mathml}{definitions}</div>'


_PER_SAMPLE = "For one sample; the gradient for several is the sum over them."


def _mathml(steps: Sequence[Step]) -> str:
    left = 'style="text-align:left"'
    rows = "".join(
        f'<mtr><mtd style="text-align:right">{step.of.mathml}</mtd><mtd><mo>=</mo></mtd>'
        f"<mtd {left}>{step.formula.mathml}</mtd>"
        f"<mtd {left}>{_equation_in_mathml(step.equation)}</mtd></mtr>"
        for step in steps
    )
    columns = 'columnalign="right center left left"'  # for MathJax; browsers go by the styles
    return f'<math displaystyle="true"><mtable displaystyle="true" {columns}>{rows}</mtable></math>'


def _aligned(lines: Sequence[str]) -> str:
    return "\\begin{aligned}\n" + " \\\\\n".join(lines) + "\n\\end{aligned}"


def _latex_line(step: Step) -> str:
    number = re.sub(r"δ_(\w)", r"$\\delta_\1$", step.equation)
    return f"{step.of.latex} &= {step.formula.latex}" + (rf" && \text{{({number})}}" if number else "")


def _equation_in_mathml(equation: str) -> str:
    if not equation:
        return ""
    text = html.escape(f"({equation})").replace(" ", f"</mtext>{SPACE}<mtext>")
    return "<mtext>" + re.sub(r"δ_(\w)", r"</mtext><msub><mi>δ</mi><mi>\1</mi></msub><mtext>", text) + "</mtext>"


def _plain(step: Step) -> dict[str, str]:
    said = ("kind", "equation", "text", "latex", "mathml")
    return {"node": step.label} | {name: getattr(step, name) for name in said}


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
    return _in_indices(derivation, reader) if flag(indices, "indices") else derivation


def _wanted(graph: Graph, wrt: Node | str | Sequence[Node | str] | None) -> list[Node]:
    the_output(graph, "End in a loss, as gn.sse(a, t), or in gn.sum(...).")
    if wrt is None and not graph.parameters:
        raise GraphError("the graph has no parameters", repair="Name the nodes: derive(E, [x]).")
    if wrt is None:
        return list(graph.parameters)
    return [graph[node] for node in ([wrt] if isinstance(wrt, (Node, str)) else listed(wrt, "wrt", "nodes or names"))]


def _steps(reader: Reader, wanted: Sequence[Node]) -> tuple[Step, ...]:
    """Go back through the graph as the engine does, with formulas in place of arrays."""
    graph = reader.graph
    equations = _equations(reader)
    depending, asked = depending_on(graph, wanted), set(wanted)
    received: dict[Node, list[Node]] = {node: [] for node in graph.nodes}
    received[graph.outputs[0]].append(reader.number(1.0))
    steps: list[Step] = []
    for node in reversed(graph.nodes):
        if not received[node]:
            continue
        right, signal = reader.total(received[node], node.shape), reader.signal(node)
        messages = zip(node.inputs, reader.messages(node), strict=True) if node in depending else ()
        sent = [(to, message) for to, message in messages if message is not None and to in depending | asked]
        is_named = node in asked or _deserves_a_name(reader, signal, right, [message for _, message in sent])
        if is_named:
            kind: Notation = "gradient" if node in asked else "error signal"
            equation = equations.get(node, "")
            steps.append(Step(kind, node, graph.label(node), Formula(signal), Formula(right), equation))
        for to, message in sent:
            received[to].append(message if is_named else reader.substitute(message, {signal: right}))
    require_reached(graph, wanted, {step.node for step in steps})
    return tuple(steps)


def _deserves_a_name(reader: Reader, signal: Node, right: Node, sent: Sequence[Node]) -> bool:
    """Tell whether an error signal gets a line of its own; if not, its formula stands where it is used."""
    if all(map(is_scalar, right.inputs)):
        return False  # a symbol, or ones
    uses = sum(mentions(message, signal) for message in sent)
    is_delta = isinstance(signal, Leaf) and signal.role == "delta"
    return uses > 0 and (is_delta or uses > 1 or extent(right)[0] > _LONGEST)


def _definitions(reader: Reader, steps: Sequence[Step]) -> tuple[Step, ...]:
    """Return what the values mentioned are. A node without a name that is used once is written out where it is used."""
    graph = reader.graph

    def values_in(formula: Node) -> list[Node]:
        parts = topological_order([formula])
        return [graph[part.label] for part in parts if isinstance(part, Leaf) and part.role == "value"]

    needed = {graph.outputs[0], *(step.node for step in steps)}.union(*(values_in(step.formula.node) for step in steps))

    def minor_in(formula: Node) -> list[Node]:
        inner = [node for node in values_in(formula) if node.op is not None and node not in needed]
        return [node for node in inner if node.name is None and graph.only_use(node) is not None]

    definitions: list[Step] = []
    for node in reversed(graph.nodes):
        if node in needed and node.op is not None:
            formula = reader.forward(node)
            while minor := {reader.value(source): reader.forward(source) for source in minor_in(formula)}:
                longer = reader.substitute(formula, minor)
                if extent(longer)[0] > _LONGEST:
                    break
                formula = longer
            needed.update(values_in(formula))
            equation = "Eq. 1" if isinstance(node.op, ops.SSE) else ""
            sides = Formula(reader.value(node)), Formula(formula)
            definitions.append(Step("definition", node, graph.label(node), *sides, equation))
    return tuple(reversed(definitions))


def _in_indices(derivation: Derivation, reader: Reader) -> Derivation:
    """Return a derivation entry by entry; for one sample, if no line mixes samples but to add them up at its end."""
    lines = (*derivation.steps, *derivation.definitions)
    sides = [(side.node, reader.letters[line.label]) for line in lines for side in (line.of, line.formula)]
    writer, written = IndexWriter.write(reader, sides)
    per_sample = all(map(writer.is_per_sample, lines, written[1::2]))
    hidden = SAMPLE if per_sample else ""
    formulas = [Formula(node, writer.places, at, hidden) for node, (_, at) in zip(written, sides, strict=True)]
    pairs = zip(lines, formulas[::2], formulas[1::2], strict=True)
    steps = tuple(replace(line, of=left, formula=right) for line, left, right in pairs)
    count = len(derivation.steps)
    of_samples = per_sample and any(SAMPLE in letters for letters in reader.letters.values())
    return replace(derivation, steps=steps[:count], definitions=steps[count:], per_sample=of_samples)


# Which lines are equations of the derivation of error backpropagation -------------------------------------------------

_SUMS = ("matmul", "bias_add")
_LOSSES = (ops.SSE, ops.BinaryCrossEntropy, ops.CrossEntropy)
_DEFINITIONS = {"k": "definition of δ_k", "j": "definition of δ_j"}
_GRADIENTS = {"k": {"matmul": "Eq. 5", "bias_add": "Eq. 6"}, "j": {"matmul": "Eq. 11", "bias_add": "Eq. 12"}}


def _equations(reader: Reader) -> dict[Node, str]:
    """Return which equation says what the error signal of a node is, in the notation of layers i → j → k.

    Only what is an equation's case exactly gets its number: layers z = a W + b and a = g(z) in a row, each used by the next
    one alone, with half a sum of squares at the end.
    """
    graph, letter = reader.graph, "k"
    E = graph.outputs[0]
    squares = isinstance(E.op, ops.SSE)
    found: dict[Node, str] = {}

    def goes_to(consumer: Node, node: Node, slot: int = 0) -> bool:
        use = graph.only_use(node)
        return use is not None and use.consumer is consumer and use.slot == slot

    behind = E if isinstance(E.op, _LOSSES) else None
    while behind is not None and goes_to(behind, a := behind.inputs[0]):
        has_g = (squares or letter == "j") and _is_unitwise(reader, a)
        z = a.inputs[0] if has_g else a
        if z.kind not in _SUMS or not (goes_to(a, z) if has_g else letter == "k"):
            break
        found[z] = _DEFINITIONS[letter] if squares or letter == "j" else ""
        inner = z.inputs[0]
        sums = [z, inner] if z.kind == "bias_add" and inner.kind in _SUMS and goes_to(z, inner) else [z]
        for each in sums:
            if goes_to(each, each.inputs[1], 1):
                found[each.inputs[1]] = _GRADIENTS[letter][each.kind]
        behind, letter = (sums[-1] if sums[-1].kind == "matmul" else None), "j"
    return found


def _is_unitwise(reader: Reader, node: Node) -> bool:
    """Tell whether it is a = g(z), unit by unit; of a custom op, whether all that its rule calls is."""
    if not is_activation(node):
        return False
    parts = topological_order([reader.forward(node)])
    return isinstance(node.op, Elementwise) or all(isinstance(part.op, Elementwise | None) for part in parts)
