"""What a gradient check found, as marks on the nodes."""

from __future__ import annotations

from graphnet.check.report import Report
from graphnet.core.node import Node
from graphnet.draw.picture import Mark
from graphnet.draw.text import count, short


def marks_of(report: Report) -> dict[Node, Mark]:
    """Return a mark for each node that was checked: what is wrong with its rule, or that it was checked."""
    found = [finding for finding in report.findings if finding.node in report.graph]
    marks = {f.node: Mark("checked", "checked, in a sample" if f.sampled else "checked") for f in found}
    why = {"kink": "undecided: at a kink", "blurred": "undecided: no usable difference"}
    marks |= {f.node: Mark("checked", why[f.verdict]) for f in found if f.verdict in why}
    rules = {p.node: Mark("fault", f"rule breaks a property, {p.name}: {p.evidence}") for p in report.broken}
    for f in reversed(found):
        if f.local and f.verdict == "wrong":
            rules[f.node] = Mark("fault", f"rule wrong for {f.input}: {f.diagnosis.partition(';')[0]}")
    if rules:
        marks |= {
            f.node: Mark("checked", "its gradient is wrong too") for f in found if not f.local and f.verdict == "wrong"
        }
    whole = {f.node: Mark("fault", "gradient from end to end is wrong") for f in report.failures if not f.local}
    return marks | (rules or {node: mark for node, mark in whole.items() if node in report.graph})


def report_title(report: Report) -> str:
    """Return the outcome of a check in one line."""
    wrong = [f"{finding.op} at {finding.label}" for finding in report.failures if finding.local]
    rules = list(dict.fromkeys(short(name) for name in [*wrong, *(f"{p.op} at {p.label}" for p in report.broken)]))
    if rules:
        names = ", ".join(rules[:3])
        return f"Gradient check: wrong rule of {names}" + (", …" if len(rules) > 3 else "")
    if report.failures:
        return "Gradient check: every rule is right, but a gradient from end to end is wrong"
    if report.ok:
        return f"Gradient check: all right, {count(sum(f.local for f in report.findings), 'input')} of rules"
    return "Gradient check: undecided"
