"""A report as HTML, for notebooks: the verdict first, then a table for each part. No script, nothing from elsewhere."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from graphnet.check.report import HEADER, TITLES, Finding, Report, printable, property_lines, row
from graphnet.core.tables import html_table

_COLOURS = {"right": "#0b6e4f", "wrong": "#b3261e", "undecided": "#8a5a00"}
_PAGE = "color:#1a1a1a;background:#ffffff;padding:0.6em;font-family:sans-serif;font-size:13px;overflow-x:auto"
_SHOWN = 60
"""Rows of a table that are shown; of more, those that are not right come first."""


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
    lines = "<br>".join(_text(line) for line in text.splitlines())
    return f'<div style="{style};white-space:pre-wrap">{lines}</div>'


def _text(text: str) -> str:
    return escape(printable(text))
