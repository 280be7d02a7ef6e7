"""What a gradient check found, as marks on the nodes."""

from __future__ import annotations

from graphnet.check.report import Report
from graphnet.core.node import Node
from graphnet.draw.picture import Mark


def marks_of(report: Report) -> dict[Node, Mark]:
    """Return a mark for each node that was checked: what is wrong with its rule, or that it was checked."""
    marks = {finding.node: Mark("checked", "checked") for finding in report.findings if finding.verdict == "right"}
    why = {"kink": "undecided: at a kink", "blurred": "undecided: no usable difference"}
    undecided = {f.node: Mark("checked", why[f.verdict]) for f in report.findings if f.verdict in why}
    whole = {f.node: Mark("fault", "gradient from end to end is wrong") for f in report.failures if not f.local}
    rules = {f.node: Mark("fault", f"rule wrong for {f.input}: {f.diagnosis}") for f in report.failures if f.local}
    return marks | undecided | (rules or whole)  # a wrong rule explains every wrong total downstream of it
