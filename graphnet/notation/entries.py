"""Formulas entry by entry, as ``Σ_k δ_k w_jk``."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from graphnet.core.shapes import Shape
from graphnet.notation.formula import ByLabel, Call, Formula


@dataclass(frozen=True)
class Entry(Formula):
    """One entry of a formula's value, at an index for each axis; None for the only entry of an axis of size 1."""

    of: Formula
    indices: tuple[str | None, ...]
    shape: Shape = ()

    @property
    def parts(self) -> tuple[Formula, ...]:
        """What it is an entry of."""
        return (self.of,)


@dataclass(frozen=True)
class SumOver(Formula):
    """A sum over one index, which runs to `count`."""

    index: str
    count: Formula
    body: Formula
    shape: Shape = ()

    @property
    def parts(self) -> tuple[Formula, ...]:
        """What is added up."""
        return (self.body,)


@dataclass(frozen=True)
class InIndices(Formula):
    """A formula of entries, for all values of its free indices.

    Attributes
    ----------
    body
        Made of `Entry`, `SumOver`, and ops on single numbers.
    indices
        The free indices, one for each axis of the value.
    label
        The node whose value has that shape.
    """

    body: Formula
    indices: tuple[str | None, ...]
    shape: Shape
    label: str

    @property
    def parts(self) -> tuple[Formula, ...]:
        """The formula of entries."""
        return (self.body,)

    def evaluate(self, values: ByLabel, signals: ByLabel | None = None) -> Any:
        """Compute the array of all entries: each index is an axis, and a sum over it is a sum along that axis."""
        array = along(self.body, self.indices, values, signals)
        return np.broadcast_to(array, np.shape(values[self.label]))


def along(body: Formula, indices: Sequence[str | None], values: ByLabel, signals: ByLabel | None = None) -> Any:
    """Compute a formula of entries as an array with an axis for each index that is not None, of size 1 if unused."""
    free = [index for index in indices if index is not None]
    order = sorted({*free} | _indices_in(body))
    array = np.asarray(_along_axes(body, order, values, signals))
    array = array.reshape((1,) * (len(order) - array.ndim) + array.shape)
    array = array.squeeze(tuple(axis for axis, index in enumerate(order) if index not in free))
    left = [index for index in order if index in free]
    return array.transpose([left.index(index) for index in free])


def _indices_in(formula: Formula) -> set[str]:
    own = (
        set(formula.indices)
        if isinstance(formula, Entry)
        else {formula.index}
        if isinstance(formula, SumOver)
        else set()
    )
    return {index for index in own if index is not None}.union(*map(_indices_in, formula.parts))


def _along_axes(formula: Formula, order: list[str], values: ByLabel, signals: ByLabel | None) -> Any:
    """Compute a formula of entries as an array that has each index of `order` along its own axis, of size 1 if unused."""
    if isinstance(formula, Entry):
        array = np.asarray(formula.of.evaluate(values, signals))
        array = array[tuple(0 if index is None else slice(None) for index in formula.indices)]
        names = [index for index in formula.indices if index is not None]
        unique = sorted(set(names))
        array = np.einsum(array, [order.index(name) for name in names], [order.index(name) for name in unique])
        return array.reshape([array.shape[unique.index(name)] if name in unique else 1 for name in order])
    if isinstance(formula, SumOver):
        array = np.asarray(_along_axes(formula.body, order, values, signals))
        axis = order.index(formula.index)
        if array.ndim == 0 or array.shape[axis] == 1:
            return array * formula.count.evaluate(values)
        return array.sum(axis, keepdims=True)
    if isinstance(formula, Call):
        return formula.op.forward(*[np.asarray(_along_axes(arg, order, values, signals)) for arg in formula.args])
    return formula.evaluate(values, signals)
