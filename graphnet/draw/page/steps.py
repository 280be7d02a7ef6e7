"""What happens in a pass, in which order, with which numbers and words: the five steps of backpropagation, node by node.

1. forward: what is given, then the value of every op in topological order;
2. error: ∂E/∂E = 1 at the output, and what the loss makes of it, the output error;
3. backward: the error signal of every other node, in the order of the engine's backward loop;
4. gradients: what arrived at the parameters;
5. update: w ← w − η ∂E/∂w.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from graphnet.common.tables import distinct
from graphnet.common.text import short
from graphnet.core.graph import Graph
from graphnet.core.leaves import Constant, Input, Parameter
from graphnet.core.node import Array, Node
from graphnet.draw.names import Names, kind_of, number_text
from graphnet.draw.outline import Use
from graphnet.engine.passes import BackwardPass, ForwardPass, Message

Phase = Literal["forward", "error", "backward", "gradients", "update"]

PHASES: dict[Phase, str] = {
    "forward": "Forward",
    "error": "Output error",
    "backward": "Error signals back",
    "gradients": "Gradients",
    "update": "Update",
}
"""The five, with their titles."""

_MOST_NAMES, _LONGEST_NAME, _MOST_NUMBERS = 4, 24, 6


@dataclass(frozen=True, eq=False)  # eq: comparing nodes with == would build graph
class Event:
    """One thing that happens, to one node, except where nothing is computed.

    Attributes
    ----------
    phase
        Which of the five it belongs to.
    shows
        What it makes known of its nodes; ``"none"``: that no error signal reaches them.
    nodes
        Whom it happens to.
    results
        For each node its value, its error signal, or a parameter's new value.
    messages
        What flows back; in this order they add up to the error signal.
    by_hand
        Whether what it shows was set by hand.
    """

    phase: Phase
    shows: Literal["value", "signal", "update", "none"]
    nodes: tuple[Node, ...]
    results: tuple[Array, ...]
    messages: tuple[Message, ...] = ()
    by_hand: bool = False

    @property
    def uses(self) -> tuple[Use, ...]:
        """The edges along which something flows, forward for a value and back for an error signal."""
        node = self.nodes[0]
        if self.shows == "value":
            return tuple(Use(source, node, slot) for slot, source in enumerate(node.inputs))
        return tuple(
            Use(node, m.consumer, m.slot) for m in self.messages if m.consumer is not None and m.slot is not None
        )


def steps_of(run: ForwardPass, learning_rate: float) -> list[Event]:
    """Return what happens in a pass; a forward pass has the first of the five parts only.

    Examples
    --------
    >>> import graphnet as gn
    >>> w = gn.parameter("w", [3.0])
    >>> bwd = gn.backward(gn.sse(gn.square(w, name="a"), [0.0], name="E"), {})
    >>> for step in steps_of(bwd, 0.01):
    ...     print(step.phase, step.shows, [bwd.graph.label(node) for node in step.nodes], *step.results[-1:])
    forward value ['w', 'constant_1'] [0.]
    forward value ['a'] [9.]
    forward value ['E'] 40.5
    error signal ['E'] 1.0
    error signal ['a'] [9.]
    gradients signal ['w'] [54.]
    update update ['w'] [2.46]
    """
    given = tuple(node for node in run.graph.nodes if node.op is None)
    steps = [Event("forward", "value", given, tuple(run.values[node] for node in given))] if given else []
    computed = [node for node in run.graph.nodes if node.op is not None]
    steps += [
        Event("forward", "value", (node,), (run.values[node],), by_hand=node in run.replaced) for node in computed
    ]
    if not isinstance(run, BackwardPass):
        return steps
    updated = [node for node in run.graph.parameters if node in run.error_signals]
    return [
        *steps,
        *sorted(_back(run), key=lambda step: list(PHASES).index(step.phase)),
        *(Event("update", "update", (node,), (new_value(run, node, learning_rate),)) for node in updated),
    ]


def new_value(run: BackwardPass, parameter: Parameter, learning_rate: float) -> Array:
    """Return w − η ∂E/∂w, as `graphnet.GradientDescent` computes it."""
    with np.errstate(all="ignore"):  # of numbers that are not finite the page says so itself
        return run.values[parameter] - learning_rate * run.error_signals[parameter]


def _back(run: BackwardPass) -> Iterator[Event]:
    """Yield the steps back, those of one phase in order.

    A node comes when all its messages are there, so each of its consumers came before. What arrives at a constant goes
    no further and changes nothing, so it is no step.
    """
    nodes = [node for node in run.graph.nodes if not isinstance(node, Constant)]
    for node in reversed(nodes):
        if node in run.error_signals:
            signal, messages = run.error_signals[node], run.messages(node)
            yield Event(_phase(run, node), "signal", (node,), (signal,), messages, node in run.replaced_error_signals)
    unreached = tuple(node for node in nodes if node not in run.error_signals)
    if unreached:
        yield Event("backward", "none", unreached, ())


def _phase(run: BackwardPass, node: Node) -> Phase:
    """Return when an error signal comes: the output error is what a loss sends back that nothing else reaches."""
    if isinstance(node, Parameter):
        return "gradients"
    consumers = [message.consumer for message in run.messages(node) if message.consumer is not None]
    starts = all(message.consumer is None for consumer in consumers for message in run.messages(consumer))
    return "error" if starts and all(_is_loss(run, consumer) for consumer in consumers) else "backward"


def _is_loss(run: BackwardPass, node: Node) -> bool:
    """Tell whether a node turns arrays into one number. In a sum of several losses none of them is the end itself."""
    sources = [source for source in node.inputs if kind_of(source) != "literal"]
    return run.values[node].ndim == 0 and all(run.values[source].ndim > 0 for source in sources)


# Sentences ----------------------------------------------------------------------------------------------------------


class Sentences:
    """Puts the steps of one graph into words, given η as text: what stands below the picture, and what a screen reader says.

    Examples
    --------
    >>> import graphnet as gn
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
        return self.names.full(node, _LONGEST_NAME)

    def caption(self, node: Node) -> str:
        """Return what stands above the error signal of a node: ``∂E/∂a1``, or a word if the names are long."""
        return self.names.derivative(node) or ("gradient" if isinstance(node, Parameter) else "error signal")

    def of(self, step: Event) -> str:
        """Return one sentence."""
        node = step.nodes[0]
        name = self.name(node)
        if step.shows == "none":
            return f"No error signal reaches {self._names(step.nodes)}: no output depends on it smoothly."
        if step.shows == "value" and node.op is None:
            return self._given(step.nodes)
        result = array_text(step.results[0])
        if step.shows == "value":
            return (
                f"{name} is set by hand: {result}" if step.by_hand else f"{name} = {self.names.call(node)} = {result}"
            )
        derivative = self.names.derivative(node) or f"{self.caption(node)} of {name}"
        if step.by_hand:
            return f"{derivative} is set by hand: {result}"
        if step.shows == "update":
            return f"{name} ← {name} − {self.learning_rate} · {derivative} = {result}"
        return f"{self._received(node, step)}: {derivative} = {result}"

    def of_many(self, step: Event, count: int, title: str) -> str:
        """Return one sentence for what happens to all nodes of a folded box."""
        what = {"value": "values", "signal": "error signals", "update": "new values", "none": "no error signals"}
        return f"{title}, {count:,} nodes: their {what[step.shows]}"

    def _received(self, node: Node, step: Event) -> str:
        name = self.name(node)
        senders = [
            "its start"
            if consumer is None or consumer.op is None
            else f"{self.name(consumer)} ({short(consumer.op.name)})"
            for consumer, *_ in step.messages
        ]
        if len(senders) > 1:
            return f"{len(senders)} messages to {name}, from {_list(senders)}, add up"
        if step.messages[0].consumer is None:
            return f"The way back starts at {name}"
        if isinstance(node, Parameter):
            return f"The gradient of {name}, sent back by {senders[0]}"
        return f"{senders[0]} sends back {'the output error' if step.phase == 'error' else 'one message'}"

    def _given(self, nodes: Sequence[Node]) -> str:
        kinds = {"input": Input, "parameter": Parameter}
        given = {kind: [node for node in nodes if isinstance(node, of)] for kind, of in kinds.items()}
        parts = [f"{kind}{'s' if len(of) > 1 else ''} {self._names(of)}" for kind, of in given.items() if of]
        return f"Given: {'; '.join(parts) or 'constants'}."

    def _names(self, nodes: Sequence[Node]) -> str:
        return _list([self.name(node) for node in nodes])


def array_text(array: Array) -> str:
    """Return an array in a few words: its numbers if they are few, else its shape and norm.

    Examples
    --------
    >>> array_text(np.array([[1.0, -2.0], [0.0, 0.5]]))
    '(1, −2; 0, 0.5)'
    """
    if not array.size:
        return "an empty array"
    if array.size == 1:
        return number_text(array.ravel()[0])
    if array.ndim <= 2 and array.size <= _MOST_NUMBERS:
        return f"({'; '.join(', '.join(map(number_text, row)) for row in np.atleast_2d(array))})"
    entries, _ = distinct(array)
    size = " × ".join(map(str, array.shape)) + " numbers"
    if not entries.any():
        return f"all 0, {size}"
    finite = entries[entries == entries] if array.dtype.kind == "f" else entries
    return f"{size}, from {number_text(finite.min())} to {number_text(finite.max())}" if finite.size else "not a number"


def _list(names: Sequence[str]) -> str:
    if len(names) > _MOST_NAMES:
        return f"{', '.join(names[: _MOST_NAMES - 1])} and {len(names) - _MOST_NAMES + 1} more"
    return " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)
