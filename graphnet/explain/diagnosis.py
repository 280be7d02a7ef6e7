"""A diagnosis: what each node of a pass does to its error signal, and how that is shown."""

from __future__ import annotations

import html
from dataclasses import dataclass
from typing import Any, Literal

from graphnet.core.graph import Graph
from graphnet.core.node import Node
from graphnet.core.tables import number, table

State = Literal["no error signal", "unreachable", "not finite", "exactly zero", "passes"]


@dataclass(frozen=True)
class NodeDiagnosis:
    """What one node does to its error signal. A share is of all entries: units times samples.

    Attributes
    ----------
    label, op : str
        The node, and what it is.
    state : str
        ``"no error signal"``: it holds positions or truth values. ``"unreachable"``: none reaches it, none was computed.
        ``"not finite"``, ``"exactly zero"`` in every entry, or ``"passes"``: it has one.
    saturated : float or None
        Share of entries where the slope g′ is below 5 % of the largest that this function has; None if it is no activation.
    dead : float or None
        Share of units whose slope is exactly 0 in every sample, of functions that are flat somewhere, as relu.
    zero : float
        Share of entries of the value that are exactly 0.
    norm : float or None
        Norm of the error signal, ∂E/∂(this node); None if there is none.
    passed_on : float or None
        Norm of what it sends on along the way back, as a share of `norm`; None for a leaf.
    ratio : float or None
        Of a pre-activation, the norm of its error signal as a share of that of the layer above; None for others.
    factor : str
        What made the error signal smaller here: ``"slope"``, ``"weights"``, ``"rule"``; empty if it did not shrink.
    verdict : str
        One sentence.
    """

    label: str
    op: str
    state: State
    saturated: float | None = None
    dead: float | None = None
    zero: float = 0.0
    norm: float | None = None
    passed_on: float | None = None
    ratio: float | None = None
    factor: str = ""
    verdict: str = ""


@dataclass(frozen=True)
class Diagnosis:
    """What each node of a pass does to the error signal, the output first.

    Attributes
    ----------
    graph : Graph
        What was run.
    nodes : tuple of NodeDiagnosis
        In the order in which the error signal visits them.
    """

    graph: Graph
    nodes: tuple[NodeDiagnosis, ...]

    def __getitem__(self, node: Node | str) -> NodeDiagnosis:
        """Return what was found for a node."""
        label = self.graph.label(self.graph[node])
        return next(found for found in self.nodes if found.label == label)

    @property
    def findings(self) -> tuple[NodeDiagnosis, ...]:
        """The nodes with something to say of them."""
        return tuple(found for found in self.nodes if found.verdict)

    def __str__(self) -> str:
        header = ["node", "op", "saturated", "dead", "zero", "|∂E/∂node|", "sends on", "of layer above", "factor"]
        lines = [table(header, [_row(found) for found in self.nodes])]
        findings = [f"- {verdict}" for verdict in self._verdicts()]
        shown = findings if len(findings) <= MOST else [*findings[:MOST], f"- and {len(findings) - MOST} more"]
        return "\n".join([*lines, "", *(shown or ["Nothing stands out: no error signal shrinks or is lost."])])

    def _verdicts(self) -> list[str]:
        """Return the verdicts, those of error signals that are zero for one reason in one line."""
        zeros: dict[str, list[str]] = {}
        for found in self.findings:
            if found.state == "exactly zero":
                zeros.setdefault(found.verdict.partition(": ")[2], []).append(repr(found.label))
        lines = [found.verdict for found in self.findings if found.state != "exactly zero"]
        for reason, labels in zeros.items():
            more = f" and {len(labels) - 8} more" if len(labels) > 8 else ""
            lines.append(f"exactly 0 are the error signals of {', '.join(labels[:8])}{more}: {reason}")
        return lines

    def _repr_html_(self) -> str:
        return f'<pre style="overflow-x:auto">{html.escape(str(self))}</pre>'

    def to_dict(self) -> dict[str, Any]:
        """Return it as plain data: one dict for each node, by label."""
        return {found.label: dict(vars(found)) for found in self.nodes}


MOST = 30
"""Verdicts that are printed."""


def percent(share: float) -> str:
    """Return a share in words; what is not quite all or nothing is not rounded to that."""
    if 0 < share < 0.005 or 0.995 < share < 1:
        return "under 1 %" if share < 0.5 else "over 99 %"
    return f"{100 * share:.0f} %"


def _row(found: NodeDiagnosis) -> list[str]:
    def share(value: float | None) -> str:
        return "-" if value is None else percent(value)

    missing = {"no error signal": "has none", "unreachable": "none reaches it", "not finite": "not finite"}
    norm = missing.get(found.state) or ("exactly 0" if found.state == "exactly zero" else number(found.norm))
    passed_on = "-" if found.passed_on is None else f"{number(found.passed_on, 3)}×"
    ratio = "-" if found.ratio is None else f"{number(found.ratio, 3)}×"
    return [found.label, found.op, share(found.saturated), share(found.dead), share(found.zero), norm, passed_on, ratio,
            found.factor or "-"]  # fmt: skip
