"""A derivation: the lines of a chain rule, and how they show themselves."""

from __future__ import annotations

import html
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from graphnet.common.cached import cached_property
from graphnet.core.graph import Graph
from graphnet.core.node import Node
from graphnet.engine.passes import ForwardPass
from graphnet.errors import GraphError, shown
from graphnet.notation.formula import Formula
from graphnet.notation.terms import ByLabel
from graphnet.notation.writers import SPACE, Box, Sign, as_latex, as_mathml, as_text, row

Notation = Literal["definition", "error signal", "gradient"]


@dataclass(frozen=True, repr=False)
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

    kind: Notation
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
        return row(self.of.box, Sign("=", spaced=True), self.formula.box)

    def __repr__(self) -> str:
        return str(self)

    def __str__(self) -> str:
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
            array = step.formula.evaluate(values, found)
            found[step.label] = np.broadcast_to(
                array, np.shape(values[step.label])
            )  # a number may stand for equal entries
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

    def __str__(self) -> str:
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
    equation = rf" && \text{{({_in_latex(step.equation)})}}" if step.equation else ""
    return f"{step.of.latex} &= {step.formula.latex}{equation}"


def _equation_in_mathml(equation: str) -> str:
    if not equation:
        return ""
    text = html.escape(f"({equation})").replace(" ", f"</mtext>{SPACE}<mtext>")
    return "<mtext>" + re.sub(r"δ_(\w)", r"</mtext><msub><mi>δ</mi><mi>\1</mi></msub><mtext>", text) + "</mtext>"


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
