"""The figures that plots are drawn on. Imported only when one is drawn: it needs matplotlib."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from graphnet.errors import DrawError


class ShownFigure(Figure):
    """A figure that shows itself in a notebook. pyplot does not know of it."""

    def _repr_png_(self) -> bytes:
        return png(self)


def png(figure: Figure) -> bytes:
    """Return a figure as notebooks show it."""
    picture = io.BytesIO()
    figure.savefig(picture, format="png", dpi=110)
    return picture.getvalue()


def figure_and_axes(ax: Any, count: int, size: tuple[float, float], columns: int) -> tuple[Figure, list[Axes]]:
    """Return the figure and the axes to draw in: those given, or new ones side by side.

    Raises
    ------
    DrawError
        If `ax` is not as many axes as are needed.
    """
    if ax is None:
        columns = min(columns, count)
        rows = -(-count // columns)
        figure = ShownFigure(figsize=(size[0] * columns, size[1] * rows), layout="constrained")
        grid = list(figure.subplots(rows, columns, squeeze=False).ravel())
        for unused in grid[count:]:
            unused.remove()
        return figure, grid[:count]
    given = list(ax.ravel()) if isinstance(ax, np.ndarray) else list(ax) if isinstance(ax, (list, tuple)) else [ax]
    if len(given) != count or not all(isinstance(each, Axes) for each in given):
        raise DrawError(
            f"ax is {type(ax).__name__} of {len(given)}, and this plot needs {count} matplotlib axes",
            repair=f"Give ax=figure.subplots(1, {count}), or leave it out." if count > 1 else "Leave it out.",
        )
    return given[0].figure.figure, given
