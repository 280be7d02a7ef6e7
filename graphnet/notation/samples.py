"""Derivations for one sample: where samples don't mix, a line need not speak of all of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, TypeGuard

import numpy as np

from graphnet.notation.derivation import Derivation, Step
from graphnet.notation.entries import Entry, InIndices, SumOver
from graphnet.notation.formula import ByLabel, Call, Count, Formula, Number, Signal, Value
from graphnet.notation.letters import SAMPLE, Letters, letters_of_axes
from graphnet.notation.simplify import call
from graphnet.ops.activations import AlongAxis
from graphnet.ops.arithmetic import Multiply, Negative


def is_per_sample(step: Step, is_output: bool, letters: Mapping[str, Letters]) -> bool:
    """Tell whether a line speaks of each sample alone, or only adds up over the samples what it says of each.

    The error may add up, and so may a gradient. What adds up in between, as the mean over a batch, mixes samples.
    """
    assert isinstance(step.formula, InIndices)
    body = step.formula.body
    inner, outer = body, 0
    while isinstance(inner, SumOver):
        outer += inner.index == SAMPLE
        inner = inner.body
    scaled = isinstance(body, Call) and isinstance(body.op, Multiply) and isinstance(body.args[0], Number)
    if isinstance(body, Call) and (scaled or isinstance(body.op, Negative)):  # ½ Σ …, −Σ …
        inner = body.args[-1]
        while isinstance(inner, SumOver):
            outer += inner.index == SAMPLE
            inner = inner.body
    if _count_sums(inner, SAMPLE) or _mixes(body, letters):
        return False
    if SAMPLE in step.formula.indices:
        return outer == 0
    if step.kind == "definition":
        return outer == is_output or not _uses_samples(body)
    return step.kind == "gradient" and outer == 1


def _count_sums(formula: Formula, letter: str) -> int:
    own = isinstance(formula, SumOver) and formula.index == letter
    return own + sum(_count_sums(part, letter) for part in formula.parts)


def _uses_samples(formula: Formula) -> bool:
    return (isinstance(formula, Entry) and SAMPLE in formula.indices) or any(map(_uses_samples, formula.parts))


def _mixes(formula: Formula, letters: Mapping[str, Letters]) -> bool:
    """Tell whether a formula speaks of other samples, of their number, or of a whole array."""
    if isinstance(formula, Count):
        return True
    if isinstance(formula, Entry):
        of = formula.of.args[0] if _is_of_rows(formula.of) else formula.of
        if not isinstance(of, (Value, Signal)):
            return True
        own = letters[of.label]
        return any((letter == SAMPLE) != (index == SAMPLE) for letter, index in zip(own, formula.indices, strict=True))
    return any(_mixes(part, letters) for part in formula.parts)


def _is_of_rows(formula: Formula) -> TypeGuard[Call]:
    """Tell whether it is a function of each row alone, as the softmax of z."""
    return isinstance(formula, Call) and isinstance(formula.op, AlongAxis) and formula.op.axis == -1


def for_one_sample(step: Step) -> Step:
    """Return a line without the index of the samples."""
    formula = step.formula
    assert isinstance(formula, InIndices)
    indices = tuple(letter for letter in formula.indices if letter != SAMPLE)
    body = replace(formula, body=_without_samples(formula.body), indices=indices)
    return replace(step, of=_without_samples(step.of), formula=body)


def _without_samples(formula: Formula) -> Formula:
    match formula:
        case Entry(of, indices):
            kept = tuple(axis for axis, letter in enumerate(indices) if letter != SAMPLE)
            shape = tuple(of.shape[axis] for axis in kept)
            value = of.args[0] if _is_of_rows(of) else of
            assert isinstance(value, (Value, Signal))
            inner: Formula = replace(value, shape=shape)
            inner = replace(of, args=(inner,), shape=shape) if _is_of_rows(of) else inner
            return Entry(inner, tuple(indices[axis] for axis in kept))
        case SumOver(index, _, body) if index == SAMPLE:
            return _without_samples(body)
        case SumOver(_, _, body):
            return replace(formula, body=_without_samples(body))
        case Call(op, args):
            return call(op, tuple(map(_without_samples, args)), ())
    return formula


def evaluate_samples(derivation: Derivation, values: ByLabel) -> dict[str, Any]:
    """Evaluate a derivation for one sample, sample by sample: error signals are stacked, gradients added up."""
    graph = derivation.graph
    letters = letters_of_axes(graph)
    axis = {graph.label(node): letters[graph.label(node)].index(SAMPLE) for node in graph.nodes
            if SAMPLE in letters[graph.label(node)]}  # fmt: skip
    label = next(iter(axis))
    count = np.shape(values[label])[axis[label]]
    found: dict[str, list[Any]] = {step.label: [] for step in derivation.steps}
    for sample in range(count):
        of_one = _OneSample(values, axis, sample)
        signals: dict[str, Any] = {}
        for step in derivation.steps:
            signals[step.label] = step.formula.evaluate(of_one, signals)
            found[step.label].append(signals[step.label])
    if count == 0:
        return {name: np.zeros(np.shape(values[name])) for name in found}
    return {
        name: np.stack(arrays, axis[name]) if name in axis else np.sum(arrays, axis=0) for name, arrays in found.items()
    }


@dataclass(frozen=True)
class _OneSample:
    """The values of one sample, without the axis of the samples."""

    values: ByLabel
    axis: Mapping[str, int]
    sample: int

    def __getitem__(self, label: str) -> Any:
        array = self.values[label]
        return np.take(array, self.sample, self.axis[label]) if label in self.axis else array
