"""The one line above a picture."""

from __future__ import annotations

from graphnet.core.graph import Graph
from graphnet.core.node import Node
from graphnet.draw.text import count, number, shape_text, short
from graphnet.engine.passes import BackwardPass, ForwardPass

MOST_OUTPUTS = 3


def title_of(shown: Graph | ForwardPass) -> str:
    """Return what a picture is of: a graph and its counts, or a pass and its outputs."""
    run = shown if isinstance(shown, ForwardPass) else None
    graph = shown.graph if isinstance(shown, ForwardPass) else shown
    outputs = [_output(graph, node, run) for node in graph.outputs[:MOST_OUTPUTS]]
    names = ", ".join(outputs) + (", …" if len(graph.outputs) > MOST_OUTPUTS else "")
    if run is not None:
        return f"{'Backward' if isinstance(run, BackwardPass) else 'Forward'} pass: {names}"
    counts = [(len(graph), "node"), (len(graph.inputs), "input"), (len(graph.parameters), "parameter")]
    return f"Graph of {names}: {', '.join(count(n, what) for n, what in counts)}"


def _output(graph: Graph, node: Node, run: ForwardPass | None) -> str:
    name = short(graph.label(node))
    if run is None:
        return name
    value = run.values[node]
    return f"{name} = {number(value[()])}" if value.ndim == 0 else f"{name} of {shape_text(value.shape)}"
