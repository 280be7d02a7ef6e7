"""A report as rows of a table, as HTML for a notebook (the verdict first, no script, nothing from elsewhere), and as a plot."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import TYPE_CHECKING, Any

import numpy as np

from graphnet.common import matplotlib_needed
from graphnet.common.text import html_table, number, printable
from graphnet.errors import DrawError

if TYPE_CHECKING:
    from graphnet.check.report import Finding, Part, Property, Report

TITLES: dict[Part, str] = {
    "rule": "Each backward rule alone",
    "gradient": "From end to end",
    "second order rule": "Second order: each rule of the gradients' graph alone",
    "second order gradient": "Second order: from end to end",
}
HEADER = ("node", "op", "input", "entries", "worst at", "rule says", "difference", "error", "verdict")
_COLOURS = {"right": "#0b6e4f", "wrong": "#b3261e", "undecided": "#8a5a00"}
_PAGE = "color:#1a1a1a;background:#ffffff;padding:0.6em;font-family:sans-serif;font-size:13px;overflow-x:auto"
_SHOWN = 60
"""Rows of a table that are shown; of more, those that are not right come first."""
_PLOTTED = 12
"""How many arrays are plotted."""
_MARKS = {"right": ("o", "#1f5fa8"), "wrong": ("x", "#b3261e"), "undecided": ("s", "#5f6670")}


def to_html(report: Report) -> str:
    """Return the report as one ``<div>``."""
    outcome = "right" if report.ok else "wrong" if report.failures or report.broken else "undecided"
    parts = [_block(report.verdict, f"border-left:5px solid {_COLOURS[outcome]};padding:0.4em 0.8em;margin:0 0 0.8em")]
    for part, title in TITLES.items():
        findings = [finding for finding in report.findings if finding.part == part]
        if findings:
            parts += [f"<b>{escape(title)}</b>", _table(findings)]
    if report.properties:
        lines = "".join(f"<li>{escape(printable(line))}</li>" for line in property_lines(report.properties))
        parts.append(f'<b>Properties of every right rule</b><ul style="margin:0.2em 0">{lines}</ul>')
    if report.skipped:
        parts.append(_block(report.skipped, "margin:0.6em 0"))
    return f'<div style="{_PAGE}">{"".join(parts)}</div>'


def _table(findings: Sequence[Finding]) -> str:
    if len(findings) > _SHOWN:
        findings = sorted(findings, key=lambda finding: finding.verdict == "right")
    colours = [_COLOURS.get(finding.verdict, _COLOURS["undecided"]) for finding in findings[:_SHOWN]]
    looks = [printable(f"looks like: {f.diagnosis}") if f.diagnosis else "" for f in findings[:_SHOWN]]
    marks = dict(enumerate(zip(colours, looks, strict=True)))
    return html_table(HEADER, [cells_of(finding) for finding in findings], marks, _SHOWN)


def _block(text: str, style: str) -> str:
    lines = "<br>".join(escape(printable(line)) for line in text.splitlines())
    return f'<div style="{style};white-space:pre-wrap">{lines}</div>'


def scatter(findings: Sequence[Finding]) -> Any:
    """Return a figure with a plot for each array: the difference of an entry across, what the rule says up."""
    with matplotlib_needed():
        from matplotlib.figure import Figure
    shown = [finding for finding in findings if finding.entries][:_PLOTTED]
    if not shown:
        raise DrawError("there is nothing to plot: no entry was compared", repair='Check with method="central".')
    columns, rows = min(3, len(shown)), -(-len(shown) // 3)
    figure = Figure(figsize=(4 * columns, 3.6 * rows), layout="constrained")
    for i, finding in enumerate(shown):
        axes, compared = figure.add_subplot(rows, columns, i + 1), finding.compared
        judgement = np.where(np.isin(compared.judgement, ("right", "wrong")), compared.judgement, "undecided")
        for word, (marker, colour) in _MARKS.items():
            at = judgement == word
            if at.any():
                label = f"{word}: {at.sum()}"
                axes.scatter(compared.difference[at], compared.rule[at], marker=marker, color=colour, label=label)
        axes.axline((0, 0), slope=1, color="#5f6670", linewidth=0.8, linestyle="--")
        axes.set(xlabel="finite difference", ylabel="backward rule")
        axes.set_title(printable(f"{finding.label}, {finding.input}").replace("$", r"\$"), fontsize=9)
        axes.legend()
    return figure


def cells_of(finding: Finding) -> Sequence[str]:
    """Return a finding as cells under `HEADER`."""
    counts = [f"{finding.entries} of {finding.of}"] if finding.entries or not finding.directions else []
    counts += [f"{finding.directions} directions"] if finding.directions else []
    counts += [f"{finding.kinks} at kinks"] if finding.kinks else []
    counts += [f"{finding.blurred} without a difference"] if finding.blurred else []
    worst = ["-"] * 4
    if finding.worst is not None:
        numbers = number(finding.rule, 6), number(finding.difference, 6), number(finding.error, 2)
        worst = [str(finding.worst), *numbers]
    if finding.order is not None:
        worst[-1] = f"order {number(finding.order, 3)}"
    verdict = finding.verdict if finding.verdict != "wrong" else "WRONG"
    return [*map(printable, (finding.label, finding.op, finding.input)), ", ".join(counts), *worst, verdict]


def property_lines(properties: Sequence[Property]) -> list[str]:
    """Return a line for each property: of how many rules it holds, and where it does not."""
    lines = []
    for name in dict.fromkeys(item.name for item in properties):
        same = [item for item in properties if item.name == name]
        broken = [item for item in same if not item.holds]
        where = "".join(f"; not of {item.op} at {item.label!r}: {item.evidence}" for item in broken)
        lines.append(f"{name}: {len(same) - len(broken)} of {len(same)} rules{where}")
    return lines
