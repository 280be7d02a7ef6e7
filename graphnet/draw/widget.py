"""A page within a notebook: numbers go to it from Python, and those that a reader edits come back.

Imported only where one is asked for. With anywidget the page is a widget; without it, a frame that shows it and hears nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib.resources import files
from typing import TYPE_CHECKING, Any

import numpy as np

from graphnet.common.text import markup
from graphnet.core.leaves import Constant, Parameter
from graphnet.core.node import Node, Numbers
from graphnet.engine.passes import BackwardPass
from graphnet.engine.run import backward
from graphnet.errors import DrawError, shown

if TYPE_CHECKING:
    from graphnet.draw.drawing import Drawing

HEIGHT = 480
"""Of the page in a notebook, in pixels."""


class InNotebook:
    """A page in a notebook, of one pass after another.

    Attributes
    ----------
    run : BackwardPass
        The pass that the page was given last.
    page : str
        The page, as HTML.
    leaves : bytes
        The inputs and parameters as the page has them: all their numbers, as float64, in the order of the graph.
    """

    run: BackwardPass
    page: str
    leaves: bytes

    def __init__(self, run: BackwardPass, redraw: Callable[[BackwardPass], Drawing]) -> None:
        super().__init__()
        self._redraw = redraw
        self._turn_to(run)

    @property
    def parameters(self) -> dict[str, Numbers]:
        """The parameters as the page has them, with what was edited on it: an array by each name."""
        numbers, start, found = np.frombuffer(self.leaves), 0, {}
        for node in _leaf_nodes(self.run):
            value = self.run.values[node]
            if isinstance(node, Parameter):
                edited = numbers[start : start + value.size].reshape(value.shape)
                found[self.run.graph.label(node)] = edited.astype(value.dtype)
            start += value.size
        return found

    def update(self, run: BackwardPass | None = None) -> None:
        """Show another pass in place of the one that is shown.

        Parameters
        ----------
        run
            The pass; if none is given, that of the same inputs and the parameters as they stand now, as during training, with
            nothing set by hand.

        Raises
        ------
        DrawError
            If it is no backward pass.
        """
        before = self.run
        if run is None:
            run = backward(before.graph, {node: before.values[node] for node in before.graph.inputs})
        if not isinstance(run, BackwardPass):
            raise DrawError(f"can't show {shown(run)}", repair="Give what gn.backward(E, feeds) returned, or nothing.")
        if '"live":{"rate"' in self.page and _alike(run, before):
            self.run, self.leaves = run, _leaves(run)  # the page computes the rest
        else:
            self._turn_to(run)

    def _turn_to(self, run: BackwardPass) -> None:
        self.run, self.leaves, self.page = run, _leaves(run), self._redraw(run).to_html()


def _leaf_nodes(run: BackwardPass) -> list[Node]:
    return [node for node in run.graph.nodes if node.op is None and not isinstance(node, Constant)]


def _leaves(run: BackwardPass) -> bytes:
    return b"".join(run.values[node].astype(np.float64).tobytes() for node in _leaf_nodes(run))


def _alike(one: BackwardPass, other: BackwardPass) -> bool:
    """Tell whether two passes differ in numbers alone, none of them set by hand."""

    def kinds(run: BackwardPass) -> list[Any]:
        return [(run.values[node].shape, run.values[node].dtype) for node in run.graph.nodes]

    def starts(run: BackwardPass) -> list[Any]:
        return [[m.delta.tolist() for m in run.messages(node) if m.consumer is None] for node in run.graph.outputs]

    by_hand = any(run.by_hand or run.signals_by_hand for run in (one, other))
    same = one.graph.nodes == other.graph.nodes and not by_hand and kinds(one) == kinds(other)
    return same and starts(one) == starts(other)


class PageFrame(InNotebook):
    """A page in a frame, where there is no anywidget. Shown again, it shows the pass of the last update."""

    def _repr_html_(self) -> str:
        self._turn_to(self.run)
        return (
            f'<iframe sandbox="allow-scripts" srcdoc="{markup(self.page)}" title="a page that steps through a pass" '
            f'style="width:100%;height:{HEIGHT}px;border:0"></iframe>'
        )


def _widget() -> type[InNotebook] | None:
    """Return the widget, if anywidget is installed."""
    try:
        import anywidget
        import traitlets
    except ImportError:
        return None

    class Widget(InNotebook, anywidget.AnyWidget):
        """A page that follows what Python gives it, and tells what is edited on it."""

        _esm = files("graphnet.draw").joinpath("widget.js").read_text(encoding="utf-8")
        _height = traitlets.Int(HEIGHT).tag(sync=True)
        page = traitlets.Unicode().tag(sync=True)
        leaves = traitlets.Bytes().tag(sync=True, from_json=lambda memory, _: bytes(memory))

        def _repr_mimebundle_(self, **options: Any) -> Any:
            """Show the widget; a picture where the notebook is only read."""
            shown = super()._repr_mimebundle_(**options)
            data, metadata = shown if isinstance(shown, tuple) else (shown, {})
            return data and data | {"image/svg+xml": self._redraw(self.run).to_svg()}, metadata

    return Widget


Widget = _widget()
