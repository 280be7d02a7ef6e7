"""What backward rules say, drawn against finite differences."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from graphnet.check.report import Finding, printable
from graphnet.errors import DrawError

MOST = 12
"""How many arrays are drawn."""
MARKS = {"right": ("o", "#1f5fa8"), "wrong": ("x", "#b3261e"), "undecided": ("s", "#5f6670")}


def scatter(findings: Sequence[Finding]) -> Any:
    """Return a figure with a plot for each array: the difference of an entry across, what the rule says up."""
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise DrawError(
            f"plots need matplotlib, which can't be imported: {error}", repair='Run: pip install "matplotlib>=3.8.4".'
        ) from error
    shown = [(finding, finding.compared) for finding in findings if finding.compared is not None and finding.entries][
        :MOST
    ]
    if not shown:
        raise DrawError("there is nothing to plot: no entry was compared", repair='Check with method="central".')
    columns = min(3, len(shown))
    figure = Figure(figsize=(4 * columns, 3.6 * -(-len(shown) // columns)), layout="constrained")
    for i, (finding, compared) in enumerate(shown):
        axes = figure.add_subplot(-(-len(shown) // columns), columns, i + 1)
        for judgement, (marker, colour) in MARKS.items():
            chosen = compared.judgement == judgement
            if judgement == "undecided":
                chosen = ~np.isin(compared.judgement, list(MARKS))
            if chosen.any():
                label = f"{judgement}: {chosen.sum()}"
                axes.scatter(
                    compared.difference[chosen], compared.rule[chosen], marker=marker, color=colour, label=label
                )
        axes.axline((0, 0), slope=1, color="#5f6670", linewidth=0.8, linestyle="--")
        axes.set_xlabel("finite difference")
        axes.set_ylabel("backward rule")
        axes.set_title(printable(f"{finding.label}, {finding.input}").replace("$", r"\$"), fontsize=9)
        axes.legend()
    return figure
