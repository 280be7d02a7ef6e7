"""What happens in a pass, in which order and with which numbers: the five steps of backpropagation, node by node.

1. forward: what is given, then the value of every op in topological order;
2. error: ∂E/∂E = 1 at the output, and what the loss makes of it, the output error;
3. backward: the error signal of every other node, in the order of the engine's backward loop;
4. gradients: what arrived at the parameters;
5. update: w ← w − η ∂E/∂w.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from graphnet.core.leaves import Constant, Parameter
from graphnet.core.node import Array, Node
from graphnet.draw.names import kind_of
from graphnet.draw.outline import Use
from graphnet.engine.passes import BackwardPass, ForwardPass, Message

Phase = Literal["forward", "error", "backward", "gradients", "update"]

Shows = Literal["value", "signal", "update", "none"]
"""What a step makes known of its nodes; ``"none"``: that no error signal reaches them."""

PHASES: dict[Phase, str] = {
    "forward": "Forward",
    "error": "Output error",
    "backward": "Error signals back",
    "gradients": "Gradients",
    "update": "Update",
}
"""The five, with their titles."""


@dataclass(frozen=True, eq=False)  # eq: comparing nodes with == would build graph
class Step:
    """One thing that happens, to one node, except where nothing is computed."""

    phase: Phase
    shows: Shows
    nodes: tuple[Node, ...]
    results: tuple[Array, ...]
    """For each node its value, its error signal, or a parameter's new value."""
    uses: tuple[Use, ...] = ()
    """The edges along which something flows, forward for a value and back for an error signal."""
    messages: tuple[Message, ...] = ()
    """What flows back along them; in this order they add up to the error signal."""


def steps_of(run: ForwardPass, learning_rate: float) -> list[Step]:
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
    steps = _forward(run)
    if isinstance(run, BackwardPass):
        steps += _back(run)
        steps += [
            Step("update", "update", (node,), (new_value(run, node, learning_rate),))
            for node in run.graph.parameters
            if node in run.error_signals
        ]
    return steps


def new_value(run: BackwardPass, parameter: Parameter, learning_rate: float) -> Array:
    """Return w − η ∂E/∂w, as `graphnet.GradientDescent` computes it."""
    with np.errstate(all="ignore"):  # of numbers that are not finite the page says so itself
        new: Array = run.values[parameter] - learning_rate * run.error_signals[parameter]
    return new


def _forward(run: ForwardPass) -> list[Step]:
    given = tuple(node for node in run.graph.nodes if node.op is None)
    steps = [Step("forward", "value", given, tuple(run.values[node] for node in given))] if given else []
    for node in run.graph.nodes:
        if node.op is not None:
            uses = tuple(Use(source, node, slot) for slot, source in enumerate(node.inputs))
            steps.append(Step("forward", "value", (node,), (run.values[node],), uses))
    return steps


def _back(run: BackwardPass) -> list[Step]:
    """Return the steps back.

    A node comes when all its messages are there, so each of its consumers came before. What arrives at a constant goes
    no further and changes nothing, so it is no step.
    """
    parts: dict[Phase, list[Step]] = {"error": [], "backward": [], "gradients": []}
    for node in reversed(run.graph.nodes):
        if node not in run.error_signals or isinstance(node, Constant):
            continue
        messages = run.messages(node)
        uses = tuple(Use(node, m.consumer, m.slot) for m in messages if m.consumer is not None and m.slot is not None)
        phase = _phase(run, node, uses)
        parts[phase].append(Step(phase, "signal", (node,), (run.error_signals[node],), uses, messages))
    return [*parts["error"], *parts["backward"], *_unreached(run), *parts["gradients"]]


def _phase(run: BackwardPass, node: Node, uses: tuple[Use, ...]) -> Phase:
    if isinstance(node, Parameter):
        return "gradients"
    from_the_end = all(_starts(run, use.consumer) and _is_loss(run, use.consumer) for use in uses)
    return "error" if from_the_end else "backward"


def _starts(run: BackwardPass, node: Node) -> bool:
    """Tell whether the way back starts at a node and nothing else reaches it."""
    return all(message.consumer is None for message in run.messages(node))


def _is_loss(run: BackwardPass, node: Node) -> bool:
    """Tell whether a node turns arrays into one number. In a sum of several losses none of them is the end itself."""
    sources = [source for source in node.inputs if kind_of(source) != "literal"]
    return run.values[node].ndim == 0 and all(run.values[source].ndim > 0 for source in sources)


def _unreached(run: BackwardPass) -> list[Step]:
    nodes = tuple(node for node in run.graph.nodes if node not in run.error_signals and not isinstance(node, Constant))
    return [Step("backward", "none", nodes, ())] if nodes else []
