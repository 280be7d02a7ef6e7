"""The formula of one entry's error signal, and its terms in numbers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np

from graphnet.core.node import Node
from graphnet.engine.passes import BackwardPass
from graphnet.errors import GraphnetError
from graphnet.notation.entries import InIndices, SumOver, along
from graphnet.notation.formula import Formula, Number, Signal
from graphnet.notation.indices import IndexWriter
from graphnet.notation.operands import factors_in
from graphnet.notation.reading import Reader
from graphnet.notation.simplify import substitute, total
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
    if not _starts_with_one(bwd):
        return None, None, ()
    reader = Reader.of(bwd.graph)
    try:
        total = _error_signal(reader, bwd, node)
    except GraphnetError:  # a size or a rule that can't be read: the numbers are there all the same
        return None, None, ()
    writer = IndexWriter(bwd.graph, reader)
    letters = writer.letters[bwd.graph.label(node)]
    left, body = writer.entries(reader.signal(node), letters), writer.entries(total, letters)
    if writer.unclear:
        writer = IndexWriter(bwd.graph, reader, numbered=writer.unclear)
        left, body = writer.entries(reader.signal(node), letters), writer.entries(total, letters)
    formula = InIndices(body, letters, node.shape, bwd.graph.label(node))
    return left, formula, _terms(bwd, body, letters, entry)


def _starts_with_one(bwd: BackwardPass) -> bool:
    """Tell whether the pass started with ∂E/∂E = 1 at one output, as formulas take for granted."""
    outputs = bwd.graph.outputs
    return len(outputs) == 1 and all(np.all(m.delta == 1) for m in bwd.messages(outputs[0]) if m.consumer is None)


def _error_signal(reader: Reader, bwd: BackwardPass, node: Node) -> Formula:
    """Return the sum of what the consumers send, with error signals that are merely passed on traced to their origin."""
    messages = cache(reader.messages)  # a consumer may have this node as many of its inputs

    def received(of: Node) -> Formula:
        parts: list[Formula] = []
        for message in bwd.messages(of):
            if message.consumer is None:
                parts.append(Number(1.0))
            else:
                part = messages(message.consumer)[message.slot or 0]
                assert part is not None
                parts.append(part)
        return total(parts, of.shape)

    formula = received(node)
    for _ in range(8):
        passed_on = {}
        for signal in dict.fromkeys(_signals_in(formula)):
            origin = received(bwd.graph[signal.label])
            if origin.size <= 2 and not signal.pre_activation:
                passed_on[signal] = origin
        if not passed_on:
            break
        formula = substitute(formula, passed_on)  # type: ignore[arg-type]
    return formula


def _signals_in(formula: Formula) -> list[Signal]:
    if isinstance(formula, Signal):
        return [formula]
    return [signal for part in formula.parts for signal in _signals_in(part)]


def _terms(bwd: BackwardPass, body: Formula, letters: Sequence[str | None], entry: Entry) -> tuple[Term, ...]:
    """Return the terms of the outermost sums, with the numbers of each factor."""
    sums: list[str] = []
    counts: list[int] = []
    while isinstance(body, SumOver):
        sums.append(body.index)
        counts.append(int(body.count.evaluate(bwd)))
        body = body.body
    order = [*(letter for letter in letters if letter is not None), *sums]
    place = tuple(i for i, letter in zip(entry, letters, strict=True) if letter is not None)
    signals = {bwd.graph.label(node): signal for node, signal in bwd.error_signals.items()}

    def at_entry(formula: Formula) -> Array:
        array = along(formula, order, bwd, signals)
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
