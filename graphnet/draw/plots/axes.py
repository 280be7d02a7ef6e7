"""The axes that a plot is drawn in, and how its lines look."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from graphnet.common.extras import matplotlib_needed
from graphnet.draw.colours import BLUE, GREEN, INK, RED

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

COLOURS = (RED, BLUE, GREEN, "#8a5a00", "#6a3d9a", "#3d4650")
DASHES = ("-", "--", "-.", (0, (1, 1.2)), (0, (5, 1, 1, 1, 1, 1)), (0, (8, 2)))


def axes_for(ax: Any, needed: int, size: tuple[float, float], columns: int = 3) -> tuple[Figure, list[Axes]]:
    """Return figure and axes; raise `DrawError` if matplotlib is missing."""
    with matplotlib_needed():
        from graphnet.draw.plots.figure import figure_and_axes
    return figure_and_axes(ax, needed, size, columns)


def tidy(axes: Axes, title: str, x: str, y: str) -> None:
    """Give axes their words, and take away what carries no information."""
    axes.set_title(title, loc="left", fontsize=11, fontweight="bold", color=INK)
    axes.set_xlabel(x)
    axes.set_ylabel(y)
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(visible=True, color="#e6e8eb", linewidth=0.8)
    axes.set_axisbelow(True)
