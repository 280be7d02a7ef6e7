"""`draw` and what it returns."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from types import NoneType
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from graphnet.check.report import Report
from graphnet.common import cached_property
from graphnet.common.origin import check_name
from graphnet.common.replace import replacing
from graphnet.common.settings import real, whole
from graphnet.common.text import count, short
from graphnet.core.graph import Graph, as_graph
from graphnet.core.node import Node
from graphnet.draw import shapes, texts
from graphnet.draw.boxes import sheet_of_ops
from graphnet.draw.build import EVERYTHING, picture_of
from graphnet.draw.circles import sheet_of_units
from graphnet.draw.diagram import diagram_of
from graphnet.draw.names import marks_of, report_title
from graphnet.draw.picture import Diagram, Direction, Mark, Picture
from graphnet.draw.scale import images_in
from graphnet.engine.interventions import Difference, difference
from graphnet.engine.passes import BackwardPass, ForwardPass
from graphnet.errors import DrawError, SaveError, shown

if TYPE_CHECKING:
    from graphnet.draw.widget import InNotebook


AnyPicture: TypeAlias = Picture | Diagram


def draw(
    what: Any,
    *,
    view: Literal["ops", "units"] = "ops",
    direction: Direction = "right",
    show: str | Iterable[str] | None = None,
    depth: int | Literal["all"] | None = None,
    sample: int | None = None,
    minus: ForwardPass | None = None,
    marks: Mapping[Node, Mark] | None = None,
    learning_rate: float = 0.1,
    pictures: Mapping[Node | str, tuple[int, int]] | None = None,
) -> Drawing:
    """Draw a graph, or a pass with its numbers.

    A graph shows each node with its op, settings and shape. A forward pass adds the values. A backward pass also adds
    the error signals, and arrows for the messages that flow back. In the report of a gradient check the nodes whose
    rules are wrong stand out. Saved as ``.html``, a pass becomes a page that steps through it.

    Parameters
    ----------
    what : Node, Graph, list of Node, ForwardPass, BackwardPass, Report, list of passes or dict of passes by name
        What to draw; a node stands for the graph of all it depends on. Several passes of one graph, as
        ``{"epoch 0": bwd0, "epoch 10": bwd10}``, share one page, to watch error signals during training. Other formats show
        them below each other, each with its name and with scales of its own.
    view : {"ops", "units"}
        Each op as a box, or the classical picture of circles and weights: its units, each with Σ and a split z | g, are
        recovered from a graph of matmul, bias_add and activations in a row. A page has both, and starts with this one.
    direction : {"right", "down"}
        Where values flow to: from left to right, or, in the op view, from top to bottom.
    show : iterable of str, optional
        In the op view, what is on it: any of ``"shapes"``, ``"values"``, ``"error signals"``, ``"gradients"`` (the
        error signals of parameters, and the arrows to them), ``"messages"`` (the arrows back) and ``"formulas"`` (what
        each backward rule sends to its inputs); by default all but the formulas.
    depth : int or "all", optional
        In the op view, how many levels of scopes are opened: 0 makes each scope one box, "all" draws every node. By default
        a graph of more than about 15 boxes has its scopes, and layers and steps that repeat, folded so far that it can be read.
    sample : int, optional
        In the unit view, whose numbers to show, counted from 0; by default those of the first. All formulas hold for them;
        E is of the whole batch, and beside it stands what the sample adds. Numbers of all samples are in the op view.
    minus : ForwardPass or BackwardPass, optional
        Another pass of the same graph and the same shapes: every number shown is that of `what` less that of this one, so
        that one sees what a replaced number, or a step of training, changes. For pictures, not for pages.
    marks : mapping of Node to Mark, optional
        In the op view, remarks that make nodes stand out.
    learning_rate
        η of the update w ← w − η ∂E/∂w that the page ends with.
    pictures : mapping of Node or name to (int, int), optional
        Height and width of the images that an input holds, as ``{x: (28, 28)}``: it is shown as images, in both directions, and
        so are the weights that it is multiplied by.

    Returns
    -------
    Drawing
        Save it, or let a notebook show it.

    Raises
    ------
    DrawError
        If an option is unknown or does not go with the view; if the unit view is asked of a graph that is no row of
        layers (it names the node in the way), or of a sample that is not there; if `learning_rate` is no positive
        number, or several passes are not of one graph.
    GraphError
        If `what` is nothing that can be drawn.

    Notes
    -----
    Numbers are shown where they are few; other arrays by norm, range and a small heat map. A graph of more than about 15
    boxes is folded: scopes, the innermost before the outer ones; of layers, steps and scopes that repeat, those between the
    first and the last ("10 × block1 … block10"); of more than a thousand irregular nodes, the middle of their order. A
    folded box says how many nodes it holds and how large the largest error signal in it is; a notice says what was folded.

    A picture that is wider than a laptop's screen is wrapped into rows. Only PNG and PDF need Graphviz.

    How nodes become elements of an SVG, in short: what shows the node at place 12 of ``graph.nodes`` has the class
    ``n12``, in both views. In the op view that is its box, which also has the id ``n12``; the arrow at place 7 of
    ``picture.edges`` has the id ``e7``. In the unit view a node has many elements, with ids made of places: see
    `graphnet.draw.picture`. Of several passes, the ids of the second one begin with ``p2-``, and so on.

    Examples
    --------
    >>> import graphnet as gn
    >>> x = gn.input("x", shape=(None, 2))
    >>> draw(gn.tanh(x, name="a"))
    <Drawing of 'Graph of a: 2 nodes, 1 input, 0 parameters': 2 boxes>
    >>> draw(gn.tanh(x @ [[1.0], [-1.0]], name="a"), view="units")
    <Drawing of 'Graph of a: 4 nodes, 1 input, 0 parameters': 3 units>
    """
    for name, option, known in (("view", view, ("ops", "units")), ("direction", direction, ("right", "down"))):
        if not isinstance(option, str) or option not in known:
            raise DrawError(f"unknown {name} {shown(option)}", repair=f'Use "{known[0]}" or "{known[1]}".')
    rate = real(learning_rate, "learning_rate, η of w ← w − η ∂E/∂w,", DrawError, above=0)
    given = any(option is not None for option in (marks, show, depth))
    if view == "units" and (given or direction != "right" or isinstance(what, Report)):
        raise DrawError(
            "the unit view flows to the right, and has no reports, marks, show and depth",
            repair='Leave out view="units", or the other option.',
        )
    if view == "ops" and sample is not None:
        raise DrawError("only the unit view shows one sample", repair='Add view="units", or leave out sample.')
    if depth is not None and not (isinstance(depth, str) and depth == "all"):
        depth = whole(depth, "depth, the number of levels,", 'Give 0, 1, 2 ... or "all".', least=0, error=DrawError)
    if not isinstance(marks, (Mapping, NoneType)) or not all(isinstance(m, Mark) for m in (marks or {}).values()):
        raise DrawError(f"marks is {shown(marks)}", repair="Give a dict of nodes: {node: Mark(...)}.")
    title = ""
    if isinstance(what, Report):
        title, marks, what = report_title(what), marks_of(what) | dict(marks or {}), what.graph
    if minus is not None:
        what = _difference(what, minus)
    passes = _named_passes(what)
    drawn = list(passes.values())[-1] if passes else as_graph(what)
    graph = drawn.graph if isinstance(drawn, ForwardPass) else drawn
    marks = {graph[node]: mark for node, mark in (marks or {}).items()}
    images = images_in(graph, pictures)
    ops = partial(picture_of, direction=direction, marks=marks, shown=_asked_for(drawn, show), depth=depth)
    ops = partial(ops, title=title, images=images)
    pictured = partial(diagram_of, sample=sample) if view == "units" else ops
    options: dict[str, Any] = {"view": view, "direction": direction, "show": show, "depth": depth, "sample": sample}
    redraw = partial(draw, **options, marks=marks or None, learning_rate=rate, pictures=pictures)
    page = partial(_page, graph, passes, rate, unfold=partial(ops, drawn), sample=sample, view=view, images=images)
    is_one = len(passes) == 1 and isinstance(drawn, BackwardPass) and minus is None
    shown_live = partial(_shown, drawn, redraw) if is_one else None
    return Drawing(pictured(drawn), page, shown_live, partial(_named, pictured, passes) if len(passes) > 1 else None)


def _named(pictured: Callable[[ForwardPass], AnyPicture], passes: Mapping[str, ForwardPass]) -> list[AnyPicture]:
    """Return the picture of each pass, with its name in the title."""
    drawn = {short(name): pictured(run) for name, run in passes.items()}
    return [replace(picture, title=f"{name} · {picture.title}") for name, picture in drawn.items()]


def _page(*what: Any, **options: Any) -> str:
    """Write the page; only pages need all that is imported here."""
    if any(isinstance(run, Difference) for run in what[1].values()):
        raise DrawError(
            "a page steps through what was computed, which the difference of two passes was not",
            repair="Save the difference as .svg or .png, or both passes on one page: draw({'a': bwd, 'b': other}).",
        )
    from graphnet.draw.page import page_data, write_html

    return write_html(page_data(*what, **options))


def _shown(run: Any, redraw: Callable[[BackwardPass], Drawing]) -> InNotebook:
    """Return the page of a pass for a notebook; anywidget is looked for only here."""
    from graphnet.draw.widget import PageFrame, Widget

    return (Widget or PageFrame)(run, redraw)


# What is given ------------------------------------------------------------------------------------------------------


def _asked_for(what: Graph | ForwardPass, show: Any) -> frozenset[str]:
    """Return what is shown of a graph or a pass: what was asked for, or all that it has but formulas."""
    if show is None:
        return EVERYTHING - {"formulas"}
    try:
        asked: list[Any] = [show] if isinstance(show, str) else list(show)
    except Exception:  # of any kind: it can't be iterated
        asked = [show]
    back = BackwardPass, "a backward pass, as gn.backward(E, feeds)"
    needs: dict[str, tuple[type, str]] = dict.fromkeys(("error signals", "gradients", "messages"), back)
    needs["values"] = ForwardPass, "a pass, as gn.forward(E, feeds)"
    for name in asked:
        if not isinstance(name, str) or name not in EVERYTHING:
            known = ", ".join(f'"{each}"' for each in sorted(EVERYTHING))
            raise DrawError(f"can't show {shown(name)}", repair=f"Known are {known}.")
        kind, needed = needs.get(name, (object, ""))
        if not isinstance(what, kind):
            raise DrawError(f"there are no {name} in this {type(what).__name__}", repair=f"Draw {needed}.")
    return frozenset(asked)


def _difference(first: Any, second: Any) -> ForwardPass:
    """Return what two passes differ by."""
    if not isinstance(first, ForwardPass) or not isinstance(second, ForwardPass):
        raise DrawError(
            f"minus is {shown(second)}, and {shown(first)} is drawn: only passes have a difference",
            repair="Write gn.draw(bwd, minus=other), with two passes of one graph.",
        )
    _named_passes([second, first])
    for node in first.graph.nodes:
        here, there = first.values[node].shape, second.values[node].shape
        if here != there:
            raise DrawError(
                f"{first.graph.label(node)!r} has shape {here} in one pass, and {there} in the other",
                repair="Run both with the same samples.",
            )
    return difference(first, second)


def _named_passes(what: Any) -> dict[str, ForwardPass]:
    """Return passes by name: a pass, several in a list, or ``{name: pass}``; none if it is neither."""
    if isinstance(what, ForwardPass):
        return {"pass": what}
    if isinstance(what, Mapping):
        passes = dict(what)
    elif isinstance(what, Sequence) and any(isinstance(run, ForwardPass) for run in what):
        passes = {f"pass {i}": run for i, run in enumerate(what, start=1)}
    else:
        return {}
    if not passes:
        raise DrawError("no passes to draw", repair='Give at least one: draw({"epoch 0": bwd}).')
    nodes: tuple[Node, ...] = ()
    for name, run in passes.items():
        check_name(name, "a pass")
        if not isinstance(run, ForwardPass):
            raise DrawError(
                f"{name!r} is {type(run).__name__}, not a pass", repair="Give what gn.backward or gn.forward returned."
            )
        nodes = nodes or run.graph.nodes
        if len(run.graph.nodes) != len(nodes) or any(a is not b for a, b in zip(run.graph.nodes, nodes, strict=True)):
            raise DrawError(
                f"{name!r} is a pass of another graph than the first one",
                repair="One page shows one graph. Run the same output node each time.",
            )
    return passes


# What is made -------------------------------------------------------------------------------------------------------


class Drawing:
    """A picture, ready to be saved or shown.

    Attributes
    ----------
    picture : Picture or Diagram
        What it shows, as plain data: boxes and arrows in the op view, columns of units in the unit view. Of several passes
        it is that of the last one.

    Examples
    --------
    >>> import graphnet as gn
    >>> w = gn.parameter("w", [1.0, 2.0])
    >>> drawing = draw(gn.backward(gn.sse(w, [0.0, 0.0], name="E"), {}))
    >>> drawing.picture.title
    'Backward pass: E = 2.5'
    >>> "<svg" in drawing.to_svg()
    True
    """

    def __init__(
        self,
        picture: AnyPicture,
        page: Callable[..., str],
        shown: Callable[[], InNotebook] | None = None,
        named: Callable[[], list[AnyPicture]] | None = None,
    ) -> None:
        self._page, self._shown, self._named = page, shown, named
        self.picture = picture

    @cached_property
    def _pictures(self) -> list[AnyPicture]:
        """The picture of each pass: only pages need none of them but the last."""
        return [self.picture] if self._named is None else self._named()

    def to_dot(self) -> str:
        """Return the picture in DOT, the language of Graphviz: for ``dot``, in the unit view for ``neato -n2``.

        Several passes become several graphs, of which ``dot -O`` makes a file each; in the unit view one.

        Examples
        --------
        >>> import graphnet as gn
        >>> draw(gn.input("x")).to_dot().splitlines()[0]
        'digraph graphnet {'
        """
        if isinstance(self.picture, Diagram):
            return shapes.as_dot(self._sheet)
        return "".join(texts.to_dot(picture) for picture in self._pictures if isinstance(picture, Picture))

    def to_mermaid(self) -> str:
        """Return the picture as a flowchart of Mermaid, which many pages and chats draw.

        Raises
        ------
        DrawError
            If there are several passes: Mermaid has one flowchart in a text.

        Examples
        --------
        >>> import graphnet as gn
        >>> draw(gn.input("x")).to_mermaid().splitlines()[::3]
        ['flowchart LR', 'n0[/"x<br/>input<br/>scalar<br/>output"/]']
        """
        if self._named is not None:
            raise DrawError(
                "Mermaid has one flowchart in a text, and here are several passes",
                repair="Draw each: [gn.draw(run).to_mermaid() for run in passes].",
            )
        return texts.to_mermaid(self.picture)

    def to_text(self) -> str:
        """Return the picture as plain text, for terminals and screen readers.

        Examples
        --------
        >>> import graphnet as gn
        >>> w = gn.parameter("w", 3.0)
        >>> print(draw(gn.backward(gn.square(w, name="y"), {})).to_text())
        Backward pass: y = 9
        <BLANKLINE>
        w: parameter, scalar
          value: 3
          gradient ∂y/∂w: 6
        <BLANKLINE>
        y: square(w), scalar, output
          value: 9
          error signal ∂y/∂y: 1
          sends back to w
        <BLANKLINE>
        """
        return "\n\n".join(map(texts.to_text, self._pictures))

    def to_svg(self) -> str:
        """Return the picture as an SVG document. It shrinks with its container, and its text fits in any typeface.

        Examples
        --------
        >>> import graphnet as gn
        >>> draw(gn.input("x")).to_svg().startswith("<?xml")
        True
        """
        view = "ops" if isinstance(self.picture, Picture) else "units"
        title = "; ".join(picture.title for picture in self._pictures)
        return shapes.as_svg(self._sheet, view, title, "\n".join(map(texts.description_of, self._pictures)))

    def to_html(self, *, live: bool = True) -> str:
        """Return the picture as a page: one HTML document that needs nothing else and asks no network.

        It steps through the pass: forward node by node, the output error, backward node by node, the gradients of the
        parameters, the update w ← w − η ∂E/∂w. Of a large array it carries a reduced heat map, and says so.

        The page of one backward pass is live: it carries the rules of the network, and where a number is changed computes
        the pass again. A network that is too large for that, or has a rule that can't be read as a graph, stays as it was
        recorded, and the page says why.

        Parameters
        ----------
        live : bool
            Whether numbers can be changed.

        Raises
        ------
        DrawError
            If several passes reach different nodes.

        Examples
        --------
        >>> import graphnet as gn
        >>> w = gn.parameter("w", [1.0, 2.0])
        >>> draw(gn.backward(gn.sse(w, [0.0, 0.0], name="E"), {}), learning_rate=0.5).to_html()[:15]
        '<!doctype html>'
        """
        return self._page(live=live)

    @cached_property
    def _sheet(self) -> shapes.Sheet:
        """The picture laid out, once for all formats."""
        return shapes.below_each_other(
            [sheet_of_ops(one) if isinstance(one, Picture) else sheet_of_units(one) for one in self._pictures]
        )

    def _rendered(self, format: str) -> bytes:
        return shapes.render(shapes.as_dot(self._sheet), format)

    def widget(self) -> InNotebook:
        """Return the page for a notebook, which goes on with what happens there.

        ``widget.update(bwd)`` shows another pass in its place, ``widget.parameters`` are those of the page, with what a
        reader edited. `gn.Watch` updates one during training. Without anywidget (``pip install "graphnet-dag[notebook]"``) it
        is a frame that shows the page, but hears nothing.

        Raises
        ------
        DrawError
            If not one backward pass is drawn.

        Examples
        --------
        >>> import graphnet as gn
        >>> w = gn.parameter("w", [1.0, 2.0])
        >>> draw(gn.backward(gn.sse(w, [0.0, 0.0], name="E"), {})).widget().parameters
        {'w': array([1., 2.])}
        """
        if self._shown is None:
            raise DrawError("only a backward pass becomes a widget", repair="Draw one: gn.draw(gn.backward(E, feeds)).")
        return self._shown()

    def save(self, path: str | os.PathLike[str], *, live: bool = True) -> Path:
        """Write the picture to a file. If that fails, a file that was there before is still as it was.

        Parameters
        ----------
        path
            Where to; its suffix chooses the format: ``.svg``, ``.png``, ``.pdf``, ``.dot``, ``.mmd`` (Mermaid), ``.txt``
            or ``.html``, a page that steps through the pass.
        live : bool
            Whether numbers can be changed on the page of a backward pass, as `to_html` says.

        Returns
        -------
        pathlib.Path
            The file.

        Raises
        ------
        DrawError
            If the suffix is unknown, the folder is missing, the file can't be written, PNG or PDF are asked for where
            there is no Graphviz, or Mermaid of several passes.

        Examples
        --------
        >>> import graphnet as gn, tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     draw(gn.input("x")).save(f"{folder}/net.svg").name
        'net.svg'
        """
        try:
            path = Path(path)
        except TypeError:
            raise DrawError(f"{shown(path)} is not the path of a file", repair='Write for example "net.svg".') from None
        writer = _WRITERS.get(path.suffix.lower())
        if writer is None:
            raise DrawError(
                f"can't save a picture as {path.name!r}: the suffix {path.suffix!r} is no known format",
                repair=f"Use one of {', '.join(_WRITERS)}.",
            )
        if not path.parent.is_dir():
            raise DrawError(
                f"can't save {path.name!r}: there is no folder {str(path.parent)!r}", repair="Make the folder first."
            )
        content = writer(self, live)
        try:
            with replacing(path) as file:
                file.write(content)
        except SaveError as error:
            raise DrawError(error.problem, repair=error.repair) from error
        return path

    def __repr__(self) -> str:
        picture = self.picture
        if isinstance(picture, Picture):
            drawn = count(len(picture.boxes), "box", "boxes")
        else:
            drawn = count(sum(len(column.units) for column in picture.columns), "unit")
        return f"<Drawing of {picture.title!r}: {drawn}>"

    def _repr_html_(self) -> str:
        """Show the picture in a notebook; a wide one shrinks as far as it can be read, and then scrolls."""
        svg = self.to_svg()
        return f'<div style="overflow-x:auto">{svg[svg.index("<svg") :]}</div>'

    def _repr_svg_(self) -> str:
        return self.to_svg()


_WRITERS: dict[str, Callable[[Drawing, bool], bytes]] = {
    ".svg": lambda drawing, _: drawing.to_svg().encode(),
    ".png": lambda drawing, _: drawing._rendered("png"),
    ".pdf": lambda drawing, _: drawing._rendered("pdf"),
    ".dot": lambda drawing, _: drawing.to_dot().encode(),
    ".mmd": lambda drawing, _: drawing.to_mermaid().encode(),
    ".txt": lambda drawing, _: drawing.to_text().encode(),
    ".html": lambda drawing, live: drawing.to_html(live=live).encode(),
}


def in_notebook(what: Any) -> str | None:
    """Return the picture of a node, a graph or a pass as a notebook shows it, or nothing, so that it shows the plain text."""
    try:
        return draw(what)._repr_html_()
    except Exception:  # showing a value must never fail: there is still its text
        return None
