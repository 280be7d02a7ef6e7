"""What is known about a wrong rule, and ways to ask it more."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from copy import copy
from dataclasses import dataclass, field
from itertools import tee
from typing import Any

import numpy as np

from graphnet.check.differences import Judged, estimate, judge
from graphnet.check.methods import Settings
from graphnet.common import cached_property
from graphnet.core.node import Numbers
from graphnet.core.op import Op
from graphnet.engine.perturb.cuts import Messages, OpCall, tried
from graphnet.engine.perturb.responses import STEP, Response
from graphnet.engine.rules import read_only

CLOSE = 1e-5
"""How well a hypothesis must explain each entry, relatively; differences are good to about 1e-9."""
NEXT_TO_NOTHING = 1e-7
"""The same, as a share of the largest entry: less can't be told from zero beside it."""
PRECISE = 1e-5
"""How clear the first difference of a rule must be: a unit that is nearly saturated is looked at more closely."""
MOST_CONTRIBUTIONS = 100_000
MOST_ASKED = 200
OTHER_INPUTS = 8
"""How many other inputs a name is tried at, at most."""


@dataclass(frozen=True)
class Name:
    """What a fault looks like, and what must be the same wherever it is looked at.

    Attributes
    ----------
    text
        In one line.
    key
        What names it: by default the text up to the first colon.
    value
        A number that belongs to it, NaN for none.
    between
        Where a bound lies that belongs to it.
    chance
        How likely such evidence is without it.
    """

    text: str
    key: str = ""
    value: float = math.nan
    between: tuple[float, float] = (-math.inf, math.inf)
    chance: float = 0.0

    def agrees(self, other: Name) -> bool:
        """Tell whether it is the same name."""
        one, two = (name.key or name.text.partition(":")[0] for name in (self, other))
        overlap = max(self.between[0], other.between[0]) <= min(self.between[1], other.between[1])
        close = np.isclose(self.value, other.value, rtol=10 * CLOSE, atol=0, equal_nan=True)
        return one == two and overlap and bool(close)


@dataclass
class Scene:
    """A rule at some arguments: what is right there, and what it says."""

    call: OpCall
    slots: Sequence[int]
    settings: Settings
    delta: Numbers
    output: Numbers
    inputs: Sequence[Numbers]
    _right: dict[int, Numbers] = field(default_factory=dict)

    @property
    def op(self) -> Op:
        """Whose rule."""
        return self.call.op

    def response(self, slot: int) -> Response:
        """Return how delta · output changes with one input."""
        values: dict[Any, Numbers] = {**dict(enumerate(self.inputs)), "output": self.output}
        return Response([self.call], values, slot, {"output": self.delta}, self.settings.checked, self.settings.budget)

    def at(self, inputs: Sequence[Numbers], delta: Numbers) -> tuple[Scene, Messages] | None:
        """Return the scene at other inputs and what the rule says there; nothing where it can't be run."""
        inputs = [read_only(np.asarray(array)) for array in inputs]
        found = tried(self.op, delta, inputs)
        if found is None or found[0].shape != self.output.shape or not np.isfinite(found[0]).all():
            return None
        return Scene(self.call, self.slots, self.settings, delta, found[0], inputs), found[1]

    def right(self, slot: int) -> Numbers | None:
        """Return the right error signal of an input by finite differences; NaN where not known, None if it has none."""
        if slot in self.slots and slot not in self._right:
            response = self.response(slot)
            entries = self.settings.choose(response)
            self._keep(slot, entries, estimate(response, entries))
        return self._right.get(slot)

    def evidence(self, slot: int, message: Numbers, judged: Judged | None = None) -> Evidence:
        """Return what is known about what the rule says, once it was judged or its difference is estimated."""
        wrong = np.zeros(self.inputs[slot].shape, bool)
        if judged is None and message.shape == wrong.shape:
            response = self.response(slot)
            judged = judge(response, message, self.settings.choose(response), clear=PRECISE)
        if judged is not None:
            wrong.ravel()[judged.entries] = judged.judgement == "wrong"
            known = ~np.isin(judged.judgement, ("kink", "blurred"))
            self._keep(slot, judged.entries, np.where(known, judged.difference, np.nan))
        return Evidence(self, slot, np.asarray(message, float), wrong)

    def elsewhere(self, slot: int, inputs: Sequence[Numbers], delta: Numbers | None = None) -> Evidence | None:
        """Return the evidence at these inputs, for another δ if not told; nothing where there is nothing to compare with."""
        other = self.settings.rng.normal(size=self.delta.shape) if delta is None else delta
        there = self.at(inputs, np.asarray(other))
        if there is None:
            return None
        scene, messages = there
        message = messages[slot]
        found = scene.evidence(slot, np.zeros(self.inputs[slot].shape) if message is None else message)
        return found if found.known.any() else None

    def _keep(self, slot: int, entries: Numbers, difference: Numbers) -> None:
        right = np.full(self.inputs[slot].size, np.nan)
        right[entries] = difference
        self._right[slot] = right.reshape(self.inputs[slot].shape)


@dataclass
class Evidence:
    """What is known about a wrong rule.

    Attributes
    ----------
    scene, slot
        Whose rule, what it was given, and for which input.
    rule
        What it returned.
    wrong
        Which of the entries are wrong.
    """

    scene: Scene
    slot: int
    rule: Numbers
    wrong: Numbers

    def __post_init__(self) -> None:
        self.op, self.delta, self.output = self.scene.op, self.scene.delta, self.scene.output
        self.inputs, self.input = self.scene.inputs, self.scene.inputs[self.slot]
        self.names = self.op.input_names(len(self.inputs))
        self._told: dict[Any, Iterator[Name]] = {}

    @cached_property
    def right(self) -> Numbers:
        """The right error signal of this input; NaN where not known."""
        right = self.scene.right(self.slot)
        assert right is not None
        return right

    @cached_property
    def known(self) -> Numbers:
        """Where it is known."""
        return np.isfinite(self.right)

    @cached_property
    def largest(self) -> float:
        """The size of the largest right number that is known."""
        return float(np.max(np.abs(self.right[self.known])))

    @cached_property
    def telling(self) -> Numbers:
        """Where it is known, and rule or difference is more than nothing."""
        return np.asarray(self.known & ((self.right != 0) | self.wrong))

    @cached_property
    def nearly(self) -> bool:
        """Whether the rule is right as far as a hypothesis can tell."""
        return bool(_alike(self.rule, self.right))

    @property
    def over(self) -> str:
        """Over how many entries a hypothesis holds, in words."""
        count = int(self.known.sum())
        return f"over all {count} entries" if count == self.right.size else f"over the {count} entries compared"

    def explains(self, candidate: Numbers | None) -> bool:
        """Tell whether a candidate, which is not what the rule says, is right at every entry that is known."""
        return candidate is not None and not np.array_equal(candidate, self.rule) and _alike(candidate, self.right)

    def says(self, other: Numbers) -> bool:
        """Tell whether the rule says another array, which is not the right one, wherever that is known."""
        return not np.array_equal(other, self.right) and _alike(self.rule, other)

    def given(self, **changed: Any) -> Numbers | None:
        """Return what the rule says for another delta, output or inputs; nothing if it can't take them."""
        found = tried(self.op, **({"delta": self.delta, "output": self.output, "inputs": self.inputs} | changed))
        return found and found[1][self.slot]

    @property
    def arguments(self) -> list[tuple[str, Numbers, Callable[[Numbers], Numbers | None]]]:
        """δ and each input: its name, its value, and what the rule says for another one in its place."""
        slots = range(len(self.inputs))
        asks = [lambda x, slot=slot: self.given(inputs=self.replaced(slot, x)) for slot in slots]
        return [*zip(self.names, self.inputs, asks, strict=True), ("delta", self.delta, lambda x: self.given(delta=x))]

    @cached_property
    def linear(self) -> bool:
        """Whether the rule says twice as much for twice the delta."""
        doubled = self.given(delta=2 * self.delta)
        return doubled is None or doubled.shape != self.rule.shape or np.allclose(doubled, 2 * self.rule, rtol=1e-6)

    @cached_property
    def shares(self) -> Numbers | None:
        """What each output contributes to the error signal of each entry, by central differences; None if too much work."""
        if not 0 < self.input.size * self.output.size <= MOST_CONTRIBUTIONS:
            return None
        far = np.maximum(1.0, np.abs(self.input))
        directions = np.eye(self.input.size).reshape(-1, *self.input.shape) * far
        moved = [(self.delta * self.moved(direction)).ravel() for direction in directions]
        return np.stack(moved) / far.reshape(-1, 1)

    @cached_property
    def derivatives(self) -> tuple[Numbers, Numbers] | None:
        """The derivative of each output by each entry: as the rule has it, asked for one output at a time, and as it is."""
        if self.shares is None or self.output.size > MOST_ASKED or not (self.linear and self.delta.all()):
            return None
        asked = [self.given(delta=one.reshape(self.delta.shape)) for one in np.eye(self.output.size)]
        if any(message is None or message.shape != self.right.shape for message in asked):
            return None
        said = np.stack([np.asarray(message).ravel() for message in asked], axis=1)
        return said, self.shares / self.delta.ravel()

    def moved(self, direction: Numbers) -> Numbers:
        """Return how the output changes along a direction of this input."""
        ends = (self.input - STEP * direction, self.input + STEP * direction)
        low, high = (np.asarray(self.op.forward(*self.replaced(self.slot, end))) for end in ends)
        return np.asarray((high - low) / (2 * STEP))

    def replaced(self, slot: int, array: Numbers) -> list[Numbers]:
        """Return the inputs with one of them replaced."""
        return [array if i == slot else other for i, other in enumerate(self.inputs)]

    def told(self, hypothesis: Callable[[Evidence], Iterator[Name]]) -> Iterator[Name]:
        """Return the names that a hypothesis has for this, made when they are asked for, and kept."""
        return copy(self._told.setdefault(hypothesis, tee(hypothesis(self), 1)[0]))

    @cached_property
    def _others(self) -> Iterator[Evidence]:
        inputs = [self.inputs, *other_inputs(self.inputs, self.slot)]
        return tee((found for arrays in inputs if (found := self.scene.elsewhere(self.slot, arrays)) is not None), 1)[0]

    @property
    def others(self) -> Iterator[Evidence]:
        """Evidence for another δ, first at the same inputs, then at others; made when it is asked for, and kept."""
        return copy(self._others)


def other_inputs(inputs: Sequence[Numbers], slot: int) -> list[list[Numbers]]:
    """Return other inputs of the same kind: shifted along all axes, and blends of these with the first, one of them smaller.

    Symmetric, positive definite and diagonal matrices, shares that add up to 1 and ranges stay what they are, and no number
    stays in its place, nor beside those of another input that it stood beside. Half of them are turned round, of real numbers
    of both signs. Whole numbers beside the one of interest are only shifted: they may be labels.
    """
    rng, found = np.random.default_rng(0), [list(inputs)]
    for i in range(OTHER_INPUTS):
        share = rng.uniform(0.2, 0.4) * (i % 2)
        others = [_blend(x, i // 2 + k, share, real=k == slot, turned=i % 4 > 1) for k, x in enumerate(inputs)]
        constant = not np.ptp(others[slot]) if others[slot].size else True
        others[slot] = others[slot] * (1 - share / 2 * (rng.uniform(-1, 1, others[slot].shape) if constant else 1))
        if others[slot].size <= 2 and i % 4 == 3:
            others[slot] = others[slot] * (-0.7, 1.6)[i // 4]  # so few numbers must differ more
        if not any(all(map(np.allclose, others, earlier)) for earlier in found):
            found.append(others)
    return found[1:]


def _blend(x: Numbers, by: int, share: float, *, real: bool, turned: bool) -> Numbers:
    """Return an array shifted along all its axes, and if its numbers are real ones mixed with itself, or their signs turned."""
    axes = tuple(range(x.ndim))
    shifted = np.roll(x, [1 + (size // 2 - 1 + by) % max(1, size - 1) for size in x.shape], axes) if axes else x
    real = x.dtype.kind == "f" and (real or not np.array_equal(x, np.round(x)))
    blend = (1 - share) * shifted + share * x if real else shifted
    return -blend if real and turned and (x > 0).any() and (x < 0).any() else blend


def allowed(right: Numbers, largest: float | None = None) -> Numbers:
    """Return how far a candidate may be from what it must be; beside a largest number, if that is not among them."""
    return np.asarray(CLOSE * np.abs(right) + NEXT_TO_NOTHING * (np.max(np.abs(right)) if largest is None else largest))


def _alike(candidate: Numbers, right: Numbers) -> bool:
    """Tell whether an array equals another wherever that is known."""
    known = np.isfinite(right)
    if candidate.shape != right.shape or not known.any():
        return False
    return bool((np.abs(candidate - right)[known] <= allowed(right[known])).all())
