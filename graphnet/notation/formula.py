"""Formulas: trees of plain data that print themselves and can be evaluated on numbers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Protocol

import numpy as np

from graphnet.core.op import Op
from graphnet.core.shapes import Shape
from graphnet.errors import GraphError
from graphnet.notation import writers
from graphnet.notation.symbols import Symbol

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
        from graphnet.notation.layout import layout  # which is made of formulas

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
        try:
            return values[self.label]
        except KeyError:
            raise GraphError(f"there is no value of {self.label!r}", repair="Give the values of a pass.") from None


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
            op = replace(op, **{name: _fed(sizes, values) for name, sizes in self.sizes})
        return op.forward(*[np.asarray(arg.evaluate(values, signals)) for arg in self.args])


def _fed(sizes: Any, values: ByLabel) -> Any:
    """Return sizes, in tuples however deep, with numbers in place of counts."""
    if isinstance(sizes, tuple):
        return tuple(_fed(size, values) for size in sizes)
    return sizes.evaluate(values) if isinstance(sizes, Count) else sizes


def renamed(formula: Formula, symbol: Callable[[Value | Signal], Symbol]) -> Formula:
    """Return a formula, as of a rule, with other symbols for values and error signals. Nobody evaluates it any more."""
    if isinstance(formula, Value | Signal):
        return Value(formula.label, symbol(formula), formula.shape)
    if isinstance(formula, Call):
        return replace(formula, args=tuple(renamed(part, symbol) for part in formula.args))
    return formula
