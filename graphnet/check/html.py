"""A report as HTML, for notebooks: the verdict first, then a table for each part. No script, nothing from elsewhere."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from graphnet.check.report import HEADER, TITLES, Finding, Report, printable, property_lines, row

_COLOURS = {"right": "#0b6e4f", "wrong": "#b3261e", "undecided": "#8a5a00"}
_PAGE = "color:#1a1a1a;background:#ffffff;padding:0.6em;font-family:sans-serif;font-size:13px;overflow-x:auto"
_CELL = "padding:2px 10px;text-align:left;border-bottom:1px solid #e3e8ee;white-space:nowrap"
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
    shown = (
        sorted(findings, key=lambda finding: finding.verdict == "right")[:_SHOWN]
        if len(findings) > _SHOWN
        else findings
    )
    head = "".join(f'<th style="{_CELL};font-weight:bold">{escape(title)}</th>' for title in HEADER)
    body = "".join(_row(finding) for finding in shown)
    left_out = len(findings) - len(shown)
    more = f"<div>… and {left_out} more</div>" if left_out else ""
    return f'<table style="border-collapse:collapse;margin:0.3em 0 0.8em"><tr>{head}</tr>{body}</table>{more}'


def _row(finding: Finding) -> str:
    ink = _COLOURS.get(finding.verdict, _COLOURS["undecided"])
    *cells, verdict = row(finding)
    plain = "".join(f'<td style="{_CELL}">{_text(cell)}</td>' for cell in cells)
    line = f'<tr>{plain}<td style="{_CELL};font-weight:bold;color:{ink}">{_text(verdict)}</td></tr>'
    if finding.diagnosis:
        words = _text(f"looks like: {finding.diagnosis}")
        line += f'<tr><td colspan="{len(HEADER)}" style="{_CELL};white-space:normal;color:{ink}">{words}</td></tr>'
    return line


def _block(text: str, style: str) -> str:
    lines = "<br>".join(_text(line) for line in text.splitlines())
    return f'<div style="{style};white-space:pre-wrap">{lines}</div>'


def _text(text: str) -> str:
    return escape(printable(text))
