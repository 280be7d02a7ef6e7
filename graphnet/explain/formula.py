"""Formulas: trees of plain data that print themselves and can be evaluated on numbers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Protocol

import numpy as np

from graphnet.core.op import Op
from graphnet.core.shapes import Shape
from graphnet.explain import writers
from graphnet.explain.symbols import Symbol

_E = Symbol("E")


class ByLabel(Protocol):
    """Arrays by the label of their node: a dict, or a pass."""

    def __getitem__(self, label: str, /) -> Any:
        """Return the array."""


class Formula:
    r"""A piece of mathematics. Immutable; equal if it says the same.

    Attributes
    ----------
    text, latex, mathml : str
        As Unicode text (plain: escape it before it goes into a page), as LaTeX without ``$``, and as MathML to set in a
        ``<math>`` element; in these two, names are escaped.
    shape : tuple of (int or None)
        Shape of its value.

    Examples
    --------
    >>> import graphnet as gn
    >>> a = Value("a1", Symbol("a", "1"), (None, 3))
    >>> slope = Call(gn.ops.Subtract(), (Number(1.0), Call(gn.ops.Multiply(), (a, a), a.shape)), a.shape)
    >>> print(slope)
    1 − a₁ ⊙ a₁
    >>> slope.latex
    '1 - a_{1} \\odot a_{1}'
    >>> slope.evaluate({"a1": np.array([[0.5, 0.0, 1.0]])})
    array([[0.75, 1.  , 0.  ]])
    """

    shape: Shape

    def evaluate(self, values: ByLabel, signals: ByLabel | None = None) -> Any:
        """Compute it from the values of nodes, and from the error signals it mentions, both by label.

        A `ForwardPass` or `BackwardPass` will do for `values`.
        """
        raise NotImplementedError

    @property
    def parts(self) -> tuple[Formula, ...]:
        """The formulas it is made of."""
        return ()

    @cached_property
    def text(self) -> str:
        """As Unicode text."""
        return writers.as_text(self._box)

    @cached_property
    def latex(self) -> str:
        """As LaTeX, without dollar signs."""
        return writers.as_latex(self._box)

    @cached_property
    def mathml(self) -> str:
        """As MathML, to set in a ``<math>`` element."""
        return writers.as_mathml(self._box)

    @cached_property
    def _box(self) -> Any:
        from graphnet.explain.layout import layout  # which is made of formulas

        return layout(self)

    @cached_property
    def size(self) -> int:
        """How many symbols and operations it has."""
        return 1 + sum(part.size for part in self.parts)

    @cached_property
    def depth(self) -> int:
        """How deep its operations are nested."""
        return 1 + max((part.depth for part in self.parts), default=0)

    def __str__(self) -> str:
        return self.text


@dataclass(frozen=True)
class Value(Formula):
    """The value of a node, as the forward pass cached it."""

    label: str
    symbol: Symbol
    shape: Shape = ()

    def evaluate(self, values: ByLabel, signals: ByLabel | None = None) -> Any:
        """Look it up."""
        return values[self.label]


@dataclass(frozen=True)
class Signal(Formula):
    """The error signal of a node: δ(z) at a pre-activation, ∂E/∂a anywhere else, so that they are never mixed up."""

    label: str
    symbol: Symbol
    shape: Shape = ()
    pre_activation: bool = False
    output: Symbol = _E

    def evaluate(self, values: ByLabel, signals: ByLabel | None = None) -> Any:
        """Look it up."""
        if signals is None:
            raise KeyError(f"the formula mentions the error signal of {self.label!r}, and no error signals were given")
        return signals[self.label]


@dataclass(frozen=True)
class Number(Formula):
    """A number, or a truth value."""

    value: float | bool
    shape: Shape = ()

    def evaluate(self, values: ByLabel, signals: ByLabel | None = None) -> Any:
        """Return it."""
        return self.value


@dataclass(frozen=True)
class Literal(Formula):
    """An array that a rule made itself."""

    entries: tuple[Any, ...]
    shape: Shape = ()

    @staticmethod
    def of(array: np.ndarray[Any, Any]) -> Literal:
        """Return an array as a formula."""
        return Literal(tuple(array.ravel().tolist()), array.shape)

    def evaluate(self, values: ByLabel, signals: ByLabel | None = None) -> Any:
        """Return the array."""
        return np.array(self.entries).reshape([int(size or 0) for size in self.shape])


@dataclass(frozen=True)
class Count(Formula):
    """A size known only when arrays are fed: of an axis of a node's value, as the number of samples N."""

    label: str
    axis: int
    shape: Shape = ()

    def evaluate(self, values: ByLabel, signals: ByLabel | None = None) -> Any:
        """Look it up."""
        return np.shape(values[self.label])[self.axis]


@dataclass(frozen=True)
class Call(Formula):
    """An op applied to formulas. Its value is what the op's forward rule makes of theirs."""

    op: Op
    args: tuple[Formula, ...]
    shape: Shape = ()
    sizes: tuple[tuple[str, tuple[Any, ...]], ...] = ()
    """Settings of the op that hold sizes known only when arrays are fed: numbers, and a `Count` for each of those."""

    @property
    def parts(self) -> tuple[Formula, ...]:
        """Its operands."""
        return self.args

    def evaluate(self, values: ByLabel, signals: ByLabel | None = None) -> Any:
        """Apply the op's forward rule to the values of the operands."""
        op = self.op
        if self.sizes:
            fed = {
                name: tuple(size.evaluate(values) if isinstance(size, Count) else size for size in sizes)
                for name, sizes in self.sizes
            }
            op = replace(op, **fed)
        return op.forward(*[np.asarray(arg.evaluate(values, signals)) for arg in self.args])


# Entry by entry -----------------------------------------------------------------------------------------------------


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
