"""A step in words: what stands below the picture, and what a screen reader says."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from graphnet.core.graph import Graph
from graphnet.core.leaves import Input, Parameter
from graphnet.core.node import Array, Node
from graphnet.core.tables import distinct
from graphnet.draw.names import Names
from graphnet.draw.page.steps import Step
from graphnet.draw.text import number, short

MOST_NAMES, LONGEST_NAME = 4, 24
MOST_NUMBERS = 6


class Sentences:
    """Puts the steps of one graph into words, given η as text.

    Examples
    --------
    >>> import graphnet as gn
    >>> from graphnet.draw.page.steps import steps_of
    >>> w = gn.parameter("w", [3.0])
    >>> bwd = gn.backward(gn.sse(gn.square(w, name="a"), [0.0], name="E"), {})
    >>> sentences = Sentences(bwd.graph, "0.01")
    >>> for step in steps_of(bwd, 0.01):
    ...     print(sentences.of(step))
    Given: parameter w.
    a = square(w) = 9
    E = sse(a, constant_1) = 40.5
    The way back starts at E: ∂E/∂E = 1
    E (sse) sends back the output error: ∂E/∂a = 9
    The gradient of w, sent back by a (square): ∂E/∂w = 54
    w ← w − 0.01 · ∂E/∂w = 2.46
    """

    def __init__(self, graph: Graph, learning_rate: str) -> None:
        self.names = Names(graph)
        self.learning_rate = learning_rate

    def name(self, node: Node) -> str:
        """Return the label of a node, clean, and cut if it is long."""
        return self.names.full(node, LONGEST_NAME)

    def caption(self, node: Node) -> str:
        """Return what stands above the error signal of a node: ``∂E/∂a1``, or a word if the names are long."""
        return self.names.derivative(node) or ("gradient" if isinstance(node, Parameter) else "error signal")

    def derivative(self, node: Node) -> str:
        """Return the error signal of a node as it is written in a sentence: ``∂E/∂a1``, or in words."""
        return self.names.derivative(node) or f"{self.caption(node)} of {self.name(node)}"

    def of(self, step: Step) -> str:
        """Return one sentence."""
        node = step.nodes[0]
        if step.shows == "none":
            return f"No error signal reaches {self._names(step.nodes)}: no output depends on it smoothly."
        result = numbers(step.results[0])
        if step.shows == "update":
            name = self.name(node)
            return f"{name} ← {name} − {self.learning_rate} · {self.derivative(node)} = {result}"
        if step.shows == "signal":
            return self._received(node, step, result)
        return self._given(step.nodes) if node.op is None else f"{self.name(node)} = {self.names.call(node)} = {result}"

    def of_many(self, step: Step, count: int, title: str) -> str:
        """Return one sentence for what happens to all nodes of a folded box."""
        what = {"value": "values", "signal": "error signals", "update": "new values", "none": "no error signals"}
        return f"{title}, {count:,} nodes: their {what[step.shows]}"

    def _received(self, node: Node, step: Step, result: str) -> str:
        signal, messages = f"{self.derivative(node)} = {result}", step.messages
        senders = [
            "its start" if m.consumer is None else f"{self.name(m.consumer)} ({short(m.consumer.op.name)})"  # type: ignore[union-attr]
            for m in messages
        ]
        if len(messages) > 1:
            return f"{len(messages)} messages to {self.name(node)}, from {_list(senders)}, add up: {signal}"
        if messages[0].consumer is None:
            return f"The way back starts at {self.name(node)}: {signal}"
        if isinstance(node, Parameter):
            return f"The gradient of {self.name(node)}, sent back by {senders[0]}: {signal}"
        if step.phase == "error":
            return f"{senders[0]} sends back the output error: {signal}"
        return f"{senders[0]} sends back one message: {signal}"

    def _given(self, nodes: Sequence[Node]) -> str:
        inputs: list[Node] = [node for node in nodes if isinstance(node, Input)]
        parameters: list[Node] = [node for node in nodes if isinstance(node, Parameter)]
        kinds = {"input": inputs, "parameter": parameters}
        parts = [f"{kind}{'s' if len(of) > 1 else ''} {self._names(of)}" for kind, of in kinds.items() if of]
        return f"Given: {'; '.join(parts) or 'constants'}."

    def _names(self, nodes: Sequence[Node]) -> str:
        return _list([self.name(node) for node in nodes])


def numbers(array: Array) -> str:
    """Return an array in a few words: its numbers if they are few, else its shape and norm.

    Examples
    --------
    >>> import numpy as np
    >>> numbers(np.array([[1.0, -2.0], [0.0, 0.5]]))
    '(1, −2; 0, 0.5)'
    """
    if not array.size:
        return "an empty array"
    if array.size == 1:
        return number(array.ravel()[0])
    if array.ndim <= 2 and array.size <= MOST_NUMBERS:
        rows: Iterable[Array] = array if array.ndim == 2 else [array]
        return f"({'; '.join(', '.join(map(number, row)) for row in rows)})"
    entries, _ = distinct(array)
    if not entries.any():
        return f"all 0, {_size(array)}"
    finite = entries[entries == entries] if array.dtype.kind == "f" else entries
    return f"{_size(array)}, from {number(finite.min())} to {number(finite.max())}" if finite.size else "not a number"


def _size(array: Array) -> str:
    return " × ".join(map(str, array.shape)) + " numbers"


def _list(names: Sequence[str]) -> str:
    if len(names) > MOST_NAMES:
        return f"{', '.join(names[: MOST_NAMES - 1])} and {len(names) - MOST_NAMES + 1} more"
    return " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)
