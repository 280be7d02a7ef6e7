"""The formula of one entry's error signal, and its terms in numbers."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np

from graphnet.core.node import Node
from graphnet.core.order import topological_order
from graphnet.engine.passes import BackwardPass
from graphnet.errors import GraphnetError
from graphnet.notation.formula import Formula, Leaf, SumOver, run
from graphnet.notation.indices import IndexWriter
from graphnet.notation.letters import letters_of_axes
from graphnet.notation.pieces import factors_in
from graphnet.notation.reading import Reader
from graphnet.notation.slopes import Array, Entry


@dataclass(frozen=True)
class Term:
    """One term of the formula, with its numbers.

    Attributes
    ----------
    index : str
        Which it is, as ``"n = 3"``; empty if the formula is no sum.
    factors : tuple of float
        The numbers multiplied, in the order of the formula.
    value : float
        The term.
    """

    index: str
    factors: tuple[float, ...]
    value: float


def formula_at(bwd: BackwardPass, node: Node, entry: Entry) -> tuple[Formula | None, Formula | None, tuple[Term, ...]]:
    """Return the two sides of the node's formula entry by entry, and its terms at `entry`."""
    outputs = bwd.graph.outputs
    if len(outputs) > 1 or not all(np.all(m.delta == 1) for m in bwd.messages(outputs[0]) if m.consumer is None):
        return None, None, ()  # formulas take for granted that the pass started with ∂E/∂E = 1
    reader = Reader(bwd.graph)
    try:
        sides = reader.signal(node), _error_signal(reader, bwd, node)
    except GraphnetError:  # a rule that can't be read: the numbers are there all the same
        return None, None, ()
    letters = letters_of_axes(bwd.graph)[bwd.graph.label(node)]
    writer = IndexWriter.clear(reader, lambda writer: [writer.entries(side, letters) for side in sides])
    left, formula = (Formula(writer.entries(side, letters), writer.places, letters) for side in sides)
    return left, formula, _terms(bwd, formula, entry)


def _error_signal(reader: Reader, bwd: BackwardPass, node: Node) -> Node:
    """Return the sum of what the consumers send, with error signals that are merely passed on traced to their origin."""
    messages = cache(reader.messages)  # a consumer may have this node as many of its inputs

    def received(of: Node) -> Node:
        parts = [
            reader.number(1.0) if message.consumer is None else messages(message.consumer)[message.slot or 0]
            for message in bwd.messages(of)
        ]
        return reader.total([part for part in parts if part is not None], of.shape)

    formula = received(node)
    for _ in range(8):
        passed_on: dict[Node, Node] = {}
        for signal in topological_order([formula]):
            if isinstance(signal, Leaf) and signal.role == "error signal":
                origin = received(bwd.graph[signal.label])
                if reader.extent(origin)[0] <= 2:
                    passed_on[signal] = origin
        if not passed_on:
            break
        formula = reader.substitute(formula, passed_on)
    return formula


def _terms(bwd: BackwardPass, formula: Formula, entry: Entry) -> tuple[Term, ...]:
    """Return the terms of the outermost sums, with the numbers of each factor."""
    body, sums, counts = formula.node, [], []
    while isinstance(body.op, SumOver):
        sums.append(body.op.letter)
        counts.append(int(run(body.inputs[1], bwd)))
        body = body.inputs[0]
    free = [letter for letter in formula.indices if letter is not None]
    place = tuple(i for i, letter in zip(entry, formula.indices, strict=True) if letter is not None)
    signals = {bwd.graph.label(node): signal for node, signal in bwd.error_signals.items()}

    def at_entry(part: Node) -> Array:
        array = formula.along(run(part, bwd, signals), [*free, *sums])
        return np.asarray(array[tuple(i if array.shape[axis] > 1 else 0 for axis, i in enumerate(place))])

    values = np.broadcast_to(at_entry(body), counts)
    factors = [np.broadcast_to(at_entry(factor), values.shape) for factor in factors_in(body)]
    terms = [
        Term(
            ", ".join(f"{letter} = {i}" for letter, i in zip(sums, index, strict=True)),
            tuple(float(factor[index]) for factor in factors),
            float(values[index]),
        )
        for index in np.ndindex(values.shape)
    ]
    return tuple(sorted(terms, key=lambda term: -abs(term.value)))
