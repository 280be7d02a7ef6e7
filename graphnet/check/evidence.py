"""What is known about a wrong rule, and ways to ask it more."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from copy import copy
from dataclasses import dataclass
from functools import cached_property
from itertools import tee
from typing import Any

import numpy as np

from graphnet.check.responses import STEP
from graphnet.core.op import Op

Array = np.ndarray[Any, Any]
CLOSE = 1e-5
"""How well a hypothesis must explain each entry, relatively; differences are good to about 1e-9."""
NEXT_TO_NOTHING = 1e-7
"""The same, as a share of the largest entry: less can't be told from zero beside it."""


MOST_CONTRIBUTIONS = 100_000
OTHER_INPUTS = 8
"""How many other inputs a name is tried at, at most."""


@dataclass(frozen=True)
class Evidence:
    """What is known about a wrong rule.

    Attributes
    ----------
    op, slot
        Whose rule, and for which input.
    rule
        What it returned.
    difference
        Gives the right error signal of any input by finite differences; NaN where not known, None for an input that has none.
    wrong
        Which of the entries are wrong.
    delta, output, inputs
        What the rule was given.
    elsewhere
        Gives the evidence for another δ at other inputs, or nothing where there is none.
    """

    op: Op
    slot: int
    rule: Array
    difference: Callable[[int], Array | None]
    wrong: Array
    delta: Array
    output: Array
    inputs: Sequence[Array]
    elsewhere: Callable[[Sequence[Array]], Evidence | None] = lambda _: None

    @cached_property
    def right(self) -> Array:
        """The right error signal of this input; NaN where not known."""
        right = self.difference(self.slot)
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

    @cached_property
    def telling(self) -> Array:
        """Where it is known, and rule or difference is more than nothing."""
        telling: Array = self.known & ((self.right != 0) | self.wrong)
        return telling

    @cached_property
    def nearly(self) -> bool:
        """Whether the rule is right as far as a hypothesis can tell."""
        return bool(_alike(self.rule, self.right))

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

    @cached_property
    def shares(self) -> Array | None:
        """What each output contributes to the error signal of each entry, by central differences; None if too much work."""
        if not 0 < self.input.size * self.output.size <= MOST_CONTRIBUTIONS:
            return None
        shares = np.empty((self.input.size, self.output.size))
        with np.errstate(all="ignore"):
            for i, direction in enumerate(np.eye(self.input.size)):
                direction = direction.reshape(self.input.shape) * np.maximum(1.0, np.abs(self.input))
                shares[i] = (self.delta * self.moved(direction)).ravel() / direction.ravel()[i]
        return shares

    def moved(self, direction: Array) -> Array:
        """Return how the output changes along a direction of this input."""
        low, high = (
            np.asarray(self.op.forward(*self.replaced(self.slot, self.input + step * direction)))
            for step in (-STEP, STEP)
        )
        moved: Array = (high - low) / (2 * STEP)
        return moved

    def replaced(self, slot: int, array: Array) -> list[Array]:
        """Return the inputs with one of them replaced."""
        return [array if i == slot else other for i, other in enumerate(self.inputs)]

    @cached_property
    def _others(self) -> Any:
        inputs = [self.inputs, *other_inputs(self.inputs, self.slot)]
        return tee((found for arrays in inputs if (found := self.elsewhere(arrays)) is not None), 1)[0]

    @property
    def others(self) -> Iterator[Evidence]:
        """Evidence for another δ, first at the same inputs, then at others; made when it is asked for, and kept."""
        found: Iterator[Evidence] = copy(self._others)
        return found


def other_inputs(inputs: Sequence[Array], slot: int) -> list[list[Array]]:
    """Return other inputs of the same kind: shifted along all axes, and blends of these with the first, one of them smaller.

    Symmetric, positive definite and diagonal matrices, shares that add up to 1, ranges, and signs as a rule, stay what they
    are, and no number stays in its place. Whole numbers beside the one of interest are only shifted: they may be labels.
    """
    rng, found = np.random.default_rng(0), [list(inputs)]
    for i in range(OTHER_INPUTS):
        share = rng.uniform(0.2, 0.4) * (i % 2)
        others = [_blend(x, i // 2, share, real=k == slot) for k, x in enumerate(inputs)]
        constant = not np.ptp(others[slot]) if others[slot].size else True
        others[slot] = others[slot] * (1 - share / 2 * (rng.uniform(-1, 1, others[slot].shape) if constant else 1))
        if others[slot].size <= 2 and i % 4 == 3:
            others[slot] = others[slot] * (-0.7, 1.6)[i // 4]  # so few numbers must differ more
        if not any(all(map(np.allclose, others, earlier)) for earlier in found):
            found.append(others)
    return found[1:]


def _blend(x: Array, by: int, share: float, *, real: bool) -> Array:
    """Return an array shifted along all its axes, and if its numbers are real ones mixed with itself."""
    axes = tuple(range(x.ndim))
    shifted = np.roll(x, [1 + (size // 2 - 1 + by) % max(1, size - 1) for size in x.shape], axes) if axes else x
    real = x.dtype.kind == "f" and (real or not np.array_equal(x, np.round(x)))
    return (1 - share) * shifted + share * x if real else shifted


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
