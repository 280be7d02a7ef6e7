"""The page: one self-contained HTML file that steps through a pass.

`steps` says what happens in which order, with which numbers; `sentences` puts it into words. `scene` brings the steps to
the boxes of a picture, and `layout` finds places for them, as large as `cards` says. `arrays` bounds what the page carries of
an array, `formulas` and `units` read the rules and the unit view. `runs` and `scenery` make plain data of all that, `data`
gathers them, and `html` writes the file. The style and the scripts in ``assets`` show these data; they compute nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Literal

from graphnet.core.graph import Graph
from graphnet.draw.page.data import page_data
from graphnet.draw.page.html import write_html
from graphnet.draw.picture import Picture
from graphnet.engine.passes import ForwardPass


def to_html(
    picture: Picture,
    graph: Graph,
    passes: Mapping[str, ForwardPass],
    learning_rate: float,
    *,
    unfold: Callable[[int], Picture],
    sample: int | None = None,
    view: Literal["ops", "units"] = "ops",
) -> str:
    """Return the page of a picture as one HTML document.

    Parameters
    ----------
    picture
        The picture of the graph.
    graph
        The graph.
    passes
        Its runs by name; none if there are no numbers to show.
    learning_rate
        η of the update.
    unfold
        Returns the picture where the folded box with the node at a place of ``graph.nodes`` is open.
    sample
        Whose numbers the unit view shows; ``None`` for averages.
    view
        What is asked for: with the unit view the page starts with that alone.

    Raises
    ------
    DrawError
        If the passes don't take the same steps, or there is no Graphviz.
    """
    return write_html(page_data(picture, graph, passes, learning_rate, unfold=unfold, sample=sample, view=view))
