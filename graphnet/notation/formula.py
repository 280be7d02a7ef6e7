"""Formulas: nodes that print themselves, and whose value is a run of these very nodes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from graphnet.common.cached import cached_property
from graphnet.core.node import Node
from graphnet.core.order import topological_order
from graphnet.core.shapes import Shape
from graphnet.notation import writers
from graphnet.notation.layout import Layout
from graphnet.notation.symbols import Letters, Symbol
from graphnet.notation.terms import ByLabel, Leaf, run


@dataclass(frozen=True, repr=False)
class Formula:
    r"""A piece of mathematics. Immutable.

    Attributes
    ----------
    node : Node
        What it says, of leaves that stand for arrays of a pass.
    places : dict of str to int, or None
        Written entry by entry: for each index letter its axis, counted from the last.
    indices : tuple of str
        The letters of the entry that it is, an axis each.
    hidden : str
        A letter that is not written, as that of the samples.
    called : function, optional
        Gives other symbols to leaves.
    text, latex, mathml : str
        As Unicode text (plain: escape it before it goes into a page), as LaTeX without ``$``, and as MathML to set in a
        ``<math>`` element; in these two, names are escaped.
    shape : tuple of (int or None)
        Shape of its value.

    Examples
    --------
    >>> import graphnet as gn
    >>> import numpy as np
    >>> from graphnet.notation import rule_formulas
    >>> a = gn.tanh(gn.parameter("z1", [1.0, 2.0]), name="a1")
    >>> slope = rule_formulas(gn.sum(a, name="E"))[a].backward[0]
    >>> print(slope)
    ∂E/∂a₁ ⊙ (1 − a₁ ⊙ a₁)
    >>> slope.latex
    '\\frac{\\partial E}{\\partial a_{1}} \\odot ( 1 - a_{1} \\odot a_{1} )'
    >>> slope.evaluate({"a1": np.array([0.5, 0.0])}, {"a1": np.array([1.0, 2.0])})
    array([0.75, 2.  ])
    """

    node: Node
    places: Mapping[str, int] | None = None
    indices: Letters = ()
    hidden: str = ""
    called: Callable[[Leaf], Symbol] | None = None

    def evaluate(self, values: ByLabel, signals: ByLabel | None = None) -> Any:
        """Compute it from the values of nodes, and from the error signals it mentions, both by label.

        A `ForwardPass` or `BackwardPass` will do for `values`.
        """
        array = run(self.node, values, signals)
        return array if self.places is None else self.along(array, self.indices)

    def along(self, array: Any, letters: Sequence[str | None]) -> Any:
        """Return an array of entries with an axis for each letter that is not None, of size 1 if it has none."""
        assert self.places is not None
        array = array.reshape((1,) * (len(self.places) - array.ndim) + array.shape)
        axes = [len(self.places) - 1 - self.places[letter] for letter in letters if letter is not None]
        rest = [axis for axis in range(array.ndim) if axis not in axes]
        return array.transpose([*axes, *rest]).reshape([array.shape[axis] for axis in axes])

    @property
    def shape(self) -> Shape:
        """Shape of its value."""
        return self.node.shape

    @cached_property
    def text(self) -> str:
        """As Unicode text."""
        return writers.as_text(self.box)

    @cached_property
    def latex(self) -> str:
        """As LaTeX, without dollar signs."""
        return writers.as_latex(self.box)

    @cached_property
    def mathml(self) -> str:
        """As MathML, to set in a ``<math>`` element."""
        return writers.as_mathml(self.box)

    @cached_property
    def box(self) -> writers.Box:
        """As boxes, which the writers write."""
        return Layout(self.hidden, self.called).piece(self.node).box

    @cached_property
    def extent(self) -> tuple[int, int]:
        """How many symbols and operations it has, and how deep these are nested."""
        found: dict[Node, tuple[int, int]] = {}
        for node in topological_order([self.node]):
            found[node] = extent(found[source] for source in node.inputs)
        return found[self.node]

    def __str__(self) -> str:
        return self.text

    def __repr__(self) -> str:
        return self.text


def extent(inputs: Iterable[tuple[int, int]]) -> tuple[int, int]:
    """Return how many symbols and operations a node's formula has and how deep it is, from those of its inputs."""
    given = list(inputs)
    return 1 + sum(size for size, _ in given), 1 + max((depth for _, depth in given), default=0)
