"""The chain rule through a forward rule that can be read as a graph, with one of its steps wrong."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from graphnet.check.evidence import CLOSE, Evidence, Name
from graphnet.check.vocabulary import aligned
from graphnet.common.text import number, short
from graphnet.core.graph import Graph
from graphnet.core.leaves import as_node
from graphnet.core.node import Node, Numbers
from graphnet.engine.passes import Message
from graphnet.engine.run import propagate, run_forward
from graphnet.notation.formula import Formula
from graphnet.notation.names import Symbol
from graphnet.notation.terms import Leaf

_MOST_STEPS, _FEW_STEPS = 150, 40
"""Up to how many nodes a forward rule is gone back through once for each, and once for each two of them."""


def steps(e: Evidence) -> Iterator[Name]:
    """Yield the step back, from the output on, that is lost, has the wrong sign, another slope, or another factor."""
    leaves = {slot: Leaf("value", e.names[slot], Symbol(e.names[slot]), e.inputs[slot].shape) for slot in e.scene.slots}
    leaf = leaves[e.slot]
    try:
        graph = Graph(as_node(e.op.forward(*(leaves.get(slot, array) for slot, array in enumerate(e.inputs)))))
        fed: dict[Node, Numbers] = {node: node.value for node in graph.constants}
        values = run_forward(graph, fed | {node: e.inputs[slot] for slot, node in leaves.items()})
        signals, messages = propagate(graph, values, {graph.outputs[0]: e.delta})
    except Exception:  # of any kind: the rule does what can't be done to nodes
        return
    proofs = int(e.telling.sum()) - (e.right.size > 1)
    if e.nearly or e.shares is None or len(graph.nodes) > _MOST_STEPS or not (proofs and e.explains(signals.get(leaf))):
        return

    def arrives(node: Node, signal: Numbers) -> Numbers:
        return np.asarray(propagate(Graph(node), values, {node: signal})[0].get(leaf, np.zeros(e.rule.shape)))

    written = {node: short(Formula(node).text, 80) for node in graph.nodes}
    factors = {text: values[n] for n, text in written.items() if values[n].size > 1 and len(written) <= _FEW_STEPS}
    chance = len(graph.nodes) ** 2 * CLOSE**proofs
    for node in reversed(graph.nodes[:-1]):
        of, several = written[node], len(messages[node]) > 1
        if several and node is not leaf:
            messages[node].append(Message(None, None, signals[node]))
        for consumer, _, delta in messages[node]:
            what = f"{of} in {written[consumer]}" if consumer is not None and several else of
            lost = "a term or a projection is lost" if delta.size < e.rule.size else "a term is lost"
            changes = {f"{lost}: as if {what} was a constant": -delta}
            changes[f"a term has the wrong sign: what goes back through {what}"] = -2 * delta
            if consumer is not None and delta.shape == signals[consumer].shape:
                slope = f"the slope of {written[consumer]} by {of} is taken for 1"
                changes[f"a factor is lost, or a wrong one: {slope}"] = signals[consumer] - delta
            for words, array in factors.items():
                if (factor := aligned(array, delta.shape)) is not None:
                    changes[f"a factor is lost: {words}, on the way back through {what}"] = delta / factor - delta
                    changes[f"one factor too many: {words}, on the way back through {what}"] = delta * factor - delta
            part = arrives(node, delta)
            share = float(np.vdot(part[e.known], (e.rule - e.right)[e.known]) / np.vdot(part[e.known], part[e.known]))
            counts = f"what goes back through {what} counts {number(1 + share)} times"
            changes[f"a term has a wrong factor: {counts}"] = share * delta
            for text, change in changes.items():
                if e.explains(e.rule - arrives(node, change)):
                    yield Name(text, text, chance=chance)
