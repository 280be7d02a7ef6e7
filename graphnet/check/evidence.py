"""What is known about a wrong rule, and ways to ask it more."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from graphnet.core.op import Op

Array = np.ndarray[Any, Any]
CLOSE = 1e-5
"""How well a hypothesis must explain each entry, relatively; differences are good to about 1e-9."""
NEXT_TO_NOTHING = 1e-7
"""The same, as a share of the largest entry: less can't be told from zero beside it."""


@dataclass(frozen=True)
class Evidence:
    """What is known about a wrong rule.

    Attributes
    ----------
    op, slot
        Whose rule, and for which input.
    rule
        What it returned.
    differences
        The right error signal of each input by finite differences; NaN where not known, None for an input that has none.
    wrong
        Which of the entries are wrong.
    delta, output, inputs
        What the rule was given.
    """

    op: Op
    slot: int
    rule: Array
    differences: Sequence[Array | None]
    wrong: Array
    delta: Array
    output: Array
    inputs: Sequence[Array]

    @cached_property
    def right(self) -> Array:
        """The right error signal of this input; NaN where not known."""
        right = self.differences[self.slot]
        assert right is not None
        return right

    @cached_property
    def known(self) -> Array:
        """Where it is known."""
        return np.isfinite(self.right)

    @property
    def input(self) -> Array:
        """The input that the error signal belongs to."""
        return self.inputs[self.slot]

    @property
    def over(self) -> str:
        """Over how many entries a hypothesis holds, in words."""
        count = int(self.known.sum())
        return f"over all {count} entries" if count == self.right.size else f"over the {count} entries compared"

    @property
    def names(self) -> list[str]:
        """What the op calls its inputs."""
        return self.op.input_names(len(self.inputs))

    def explains(self, candidate: Array | None) -> bool:
        """Tell whether a candidate, which is not what the rule says, is right at every entry that is known."""
        return candidate is not None and not np.array_equal(candidate, self.rule) and _alike(candidate, self.right)

    def says(self, other: Array) -> bool:
        """Tell whether the rule says another array, which is not the right one, wherever that is known."""
        return not np.array_equal(other, self.right) and _alike(self.rule, other)

    def given(
        self, delta: Array | None = None, output: Array | None = None, inputs: Sequence[Array] = ()
    ) -> Array | None:
        """Return what the rule says for other arguments; nothing if it can't take them."""
        try:
            with np.errstate(all="ignore"):
                returned = self.op.backward(
                    (self.delta if delta is None else delta).copy(),
                    (self.output if output is None else output).copy(),
                    *[array.copy() for array in inputs or self.inputs],
                )
            message = returned[self.slot] if isinstance(returned, (tuple, list)) else returned
            return None if message is None else np.asarray(message, float)
        except Exception:  # a rule that can't take these arrays is not explained by them
            return None

    @cached_property
    def linear(self) -> bool:
        """Whether the rule says twice as much for twice the delta."""
        doubled = self.given(delta=2 * self.delta)
        return doubled is None or doubled.shape != self.rule.shape or np.allclose(doubled, 2 * self.rule, rtol=1e-6)

    def replaced(self, slot: int, array: Array) -> list[Array]:
        """Return the inputs with one of them replaced."""
        return [array if i == slot else other for i, other in enumerate(self.inputs)]


def _alike(candidate: Array, right: Array) -> bool:
    """Tell whether an array equals another wherever that is known."""
    if candidate.shape != right.shape:
        return False
    known = np.isfinite(right)
    candidate, expected = candidate[known], right[known]
    if not expected.size or not np.isfinite(candidate).all():
        return False
    allowed = CLOSE * np.abs(expected) + NEXT_TO_NOTHING * np.max(np.abs(expected))
    return bool((np.abs(candidate - expected) <= allowed).all())
