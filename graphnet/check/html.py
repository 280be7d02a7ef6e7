"""A report for a notebook."""

from __future__ import annotations

from graphnet.check.report import Report


def to_html(report: Report) -> str:
    """Return it."""
    import html

    return f'<pre style="overflow-x:auto">{html.escape(str(report))}</pre>'
