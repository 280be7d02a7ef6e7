"""What a gradient check found."""

from __future__ import annotations

import html
import json
import math
from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any, Literal

from graphnet.core.graph import Graph
from graphnet.core.node import Node
from graphnet.core.tables import number, table
from graphnet.errors import GradientCheckError

Verdict = Literal["right", "wrong", "kink", "blurred"]


@dataclass(frozen=True)
class Finding:
    """The check of one input of one rule, or of one gradient from end to end.

    Attributes
    ----------
    node : Node
        Whose backward rule; from end to end, the parameter.
    label, op : str
        Its name in the graph, and what it is.
    slot : int or None
        Which input of the op; None from end to end.
    input : str
        What the op calls that input, and the label of the node that it is.
    entries, of : int
        How many entries were compared, of how many.
    kinks : int
        How many of them lie at a kink, where any value between the two slopes is accepted.
    blurred : int
        How many have no usable difference: it drowns in rounding beside large numbers, or leaves the domain.
    worst : tuple of int or None
        The entry where rule and difference are farthest apart.
    rule, difference, error : float
        There: what the backward rule says, what the finite difference says, and how far they are apart.
    verdict : str
        ``"right"``, ``"wrong"``, or ``"kink"`` or ``"blurred"`` if no entry can tell.
    diagnosis : str
        What the fault looks like, if it is wrong.
    """

    node: Node
    label: str
    op: str
    slot: int | None
    input: str
    entries: int
    of: int
    kinks: int
    blurred: int
    worst: tuple[int, ...] | None
    rule: float
    difference: float
    error: float
    verdict: Verdict
    diagnosis: str = ""

    @property
    def local(self) -> bool:
        """Whether it is about one rule alone, rather than from end to end."""
        return self.slot is not None

    def to_dict(self) -> dict[str, Any]:
        """Return it as plain data; numbers that are not finite as text."""
        plain = {field.name: getattr(self, field.name) for field in fields(self) if field.name != "node"}
        return {key: _plain(value) for key, value in plain.items()}

    def __str__(self) -> str:
        if not self.local:
            return f"the gradient of {self.label!r} from end to end is wrong"
        return f"the backward rule of {self.op} at {self.label!r} is wrong for input {self.slot} ({self.input})"


@dataclass(frozen=True)
class Report:
    """What `check_gradients` or `check_op` found.

    Attributes
    ----------
    graph : Graph
        What was checked.
    findings : tuple of Finding
        Local ones first, in topological order, then those from end to end.
    skipped : str
        Why the check from end to end was not made, if it was not.
    """

    graph: Graph
    findings: tuple[Finding, ...]
    skipped: str = ""

    @property
    def ok(self) -> bool:
        """Whether everything is right: something compared, nothing wrong, and no array left undecided."""
        return self._compared > 0 and all(finding.verdict == "right" for finding in self.findings)

    @property
    def _compared(self) -> int:
        return sum(finding.entries for finding in self.findings)

    @property
    def failures(self) -> tuple[Finding, ...]:
        """The findings that are wrong."""
        return tuple(finding for finding in self.findings if finding.verdict == "wrong")

    @property
    def verdict(self) -> str:
        """The outcome in words, naming each rule that is wrong."""
        wrong_rules = [finding for finding in self.failures if finding.local]
        if wrong_rules:
            return "\n".join(
                f"WRONG: {finding}\n       looks like: {finding.diagnosis}\n       {_evidence(finding)}"
                for finding in wrong_rules
            )
        if self.failures:
            labels = ", ".join(repr(finding.label) for finding in self.failures)
            return (
                "WRONG: every backward rule is right, but the total is not: the engine, or the accumulation of messages\n"
                f"       the gradient of {labels} differs from the finite difference"
            )
        if any(finding.verdict == "kink" for finding in self.findings):
            labels = ", ".join(repr(f.label) for f in self.findings if f.verdict == "kink")
            return f"UNDECIDED at {labels}: every entry lies at a kink, where there is no derivative; check at other values"
        if any(finding.verdict == "blurred" for finding in self.findings):
            labels = ", ".join(repr(f.label) for f in self.findings if f.verdict == "blurred")
            return f"UNDECIDED at {labels}: no difference to judge by: it drowns in rounding or leaves the domain"
        if not self._compared:
            return "UNDECIDED: there was no entry to compare"
        local = sum(finding.local for finding in self.findings)
        sampled = sum(finding.entries < finding.of for finding in self.findings)
        text = f"ALL RIGHT: {local} inputs of rules"
        if len(self.findings) > local:
            text += f", {len(self.findings) - local} gradients from end to end"
        return text + (f"; of {sampled} of these arrays a sample of the entries only" if sampled else "")

    def raise_if_failed(self) -> None:
        """Raise `GradientCheckError` with the verdict as its message, unless all is right."""
        if not self.ok:
            raise GradientCheckError(f"gradient check failed\n{self.verdict}")

    def to_dict(self) -> dict[str, Any]:
        """Return it as plain data: ``ok``, ``verdict``, ``skipped`` and ``findings``, a list of dicts."""
        return {
            "ok": self.ok,
            "verdict": self.verdict,
            "skipped": self.skipped,
            "findings": [finding.to_dict() for finding in self.findings],
        }

    def to_json(self, indent: int | None = 2) -> str:
        """Return `to_dict` as JSON text, valid by the letter: no NaN, no Infinity."""
        return json.dumps(self.to_dict(), indent=indent, ensure_ascii=False, allow_nan=False)

    def __str__(self) -> str:
        header = ["node", "op", "input", "entries", "worst at", "rule says", "difference", "error", "verdict"]
        parts = []
        for title, local in (("Each backward rule alone", True), ("From end to end", False)):
            rows = [_row(finding) for finding in self.findings if finding.local is local]
            if rows:
                parts += [title, table(header, rows), ""]
        if self.skipped:
            parts += [self.skipped, ""]
        return "\n".join([*parts, self.verdict])

    def _repr_html_(self) -> str:
        return f'<pre style="overflow-x:auto">{html.escape(str(self))}</pre>'


def _plain(value: Any) -> Any:
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    return list(value) if isinstance(value, tuple) else value


def _row(finding: Finding) -> Sequence[str]:
    compared = finding.worst is not None
    return [
        finding.label,
        finding.op,
        finding.input,
        f"{finding.entries} of {finding.of}"
        + (f", {finding.kinks} at kinks" if finding.kinks else "")
        + (f", {finding.blurred} without a difference" if finding.blurred else ""),
        str(finding.worst) if compared else "-",
        number(finding.rule, 6) if compared else "-",
        number(finding.difference, 6) if compared else "-",
        number(finding.error, 2) if compared else "-",
        finding.verdict if finding.verdict != "wrong" else "WRONG",
    ]


def _evidence(finding: Finding) -> str:
    if finding.worst is None:
        return "no entry could be compared"
    return (
        f"worst at entry {finding.worst}: the rule says {number(finding.rule, 6)}, "
        f"the finite difference {number(finding.difference, 6)}"
    )
