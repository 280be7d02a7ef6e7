"""What a gradient check found, as marks on the nodes."""

from __future__ import annotations

from graphnet.check.report import Report
from graphnet.core.node import Node
from graphnet.draw.picture import Mark
from graphnet.draw.text import count, short


def marks_of(report: Report) -> dict[Node, Mark]:
    """Return a mark for each node that was checked: what is wrong with its rule, or that it was checked."""
    marks = {finding.node: Mark("checked", "checked") for finding in report.findings if finding.verdict == "right"}
    why = {"kink": "undecided: at a kink", "blurred": "undecided: no usable difference"}
    undecided = {f.node: Mark("checked", why[f.verdict]) for f in report.findings if f.verdict in why}
    whole = {f.node: Mark("fault", "gradient from end to end is wrong") for f in report.failures if not f.local}
    rules = {f.node: Mark("fault", f"rule wrong for {f.input}: {f.diagnosis}") for f in report.failures if f.local}
    return marks | undecided | (rules or whole)  # a wrong rule explains every wrong total downstream of it


def report_title(report: Report) -> str:
    """Return the outcome of a check in one line."""
    rules = [finding for finding in report.failures if finding.local]
    if rules:
        names = ", ".join(dict.fromkeys(short(f"{finding.op} at {finding.label}") for finding in rules[:3]))
        return f"Gradient check: wrong rule of {names}" + (", …" if len(rules) > 3 else "")
    if report.failures:
        return "Gradient check: every rule is right, but a gradient from end to end is wrong"
    if report.ok:
        return f"Gradient check: all right, {count(sum(f.local for f in report.findings), 'input')} of rules"
    return "Gradient check: undecided"
