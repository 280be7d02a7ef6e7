"""A report in a notebook: as HTML with the verdict first, no script and nothing from elsewhere, and as a plot."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import Any

import numpy as np

from graphnet.check.report import HEADER, TITLES, Finding, Report, printable, property_lines, row
from graphnet.common.extras import matplotlib_needed
from graphnet.common.tables import html_table
from graphnet.errors import DrawError

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
        lines = "".join(f"<li>{_text(line)}</li>" for line in property_lines(report.properties))
        parts.append(f'<b>Properties of every right rule</b><ul style="margin:0.2em 0">{lines}</ul>')
    if report.skipped:
        parts.append(_block(report.skipped, "margin:0.6em 0"))
    return f'<div style="{_PAGE}">{"".join(parts)}</div>'


def _table(findings: Sequence[Finding]) -> str:
    if len(findings) > _SHOWN:
        findings = sorted(findings, key=lambda finding: finding.verdict == "right")
    marks = {
        place: (
            _COLOURS.get(finding.verdict, _COLOURS["undecided"]),
            printable(f"looks like: {finding.diagnosis}") if finding.diagnosis else "",
        )
        for place, finding in enumerate(findings[:_SHOWN])
    }
    return html_table(HEADER, [[*map(printable, row(finding))] for finding in findings], marks, _SHOWN)


def _block(text: str, style: str) -> str:
    lines = "<br>".join(map(_text, text.splitlines()))
    return f'<div style="{style};white-space:pre-wrap">{lines}</div>'


def _text(text: str) -> str:
    return escape(printable(text))


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
        axes.set_xlabel("finite difference")
        axes.set_ylabel("backward rule")
        axes.set_title(printable(f"{finding.label}, {finding.input}").replace("$", r"\$"), fontsize=9)
        axes.legend()
    return figure
