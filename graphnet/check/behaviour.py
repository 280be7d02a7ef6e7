"""What holds of any right backward rule, whatever it computes.

Zero error signals give zero, it is linear in δ, it gives the same twice, whatever was computed in between, it leaves its
arguments alone, what it returned stays as it is, and it keeps dtype and shape. The forward rule gives the same twice too.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from graphnet.check.evidence import Scene
from graphnet.check.report import Property
from graphnet.common.text import number
from graphnet.core.node import Node, Numbers
from graphnet.engine.perturb.cuts import Messages, said_at
from graphnet.engine.perturb.probes import StackError
from graphnet.engine.rules import check_message, read_only, rule_error
from graphnet.errors import OpaqueError, RuleError

Faults = Iterator[tuple[int | None, str]]
"""A slot, or None for all, and what was seen there."""
LINEAR = 1e-9
"""How far a rule may be from linear in δ, as a share of its largest message."""
APART = 1e-14
"""How far two calls may be apart, as a share of the largest number: matrix products round by where arrays lie in memory."""
MUCH = 1000
"""The size of a second δ that is added to the first: a rule that clips large ones is found out too."""
SINGLE = 1e5
"""How much coarser that is of a rule that computes in float32 whatever it is given."""
_ROUNDING = 1e-13
"""And beyond that, as a share of δ: what is left of numbers as large that cancel."""


SPOILING = {
    "forward rule deterministic": "the forward rule is not deterministic",
    "arguments unchanged": "changes its arguments",
    "results stay as returned": "returns an alias that is later changed",
    "deterministic": "depends on state",
    "no hidden state": "depends on state that the forward rule leaves behind",
}
"""Properties without which the values of a message mean nothing, and what it is called if one does not hold."""


def other_values(array: Numbers) -> Numbers:
    """Return other values that a rule should take as well: the same numbers, each in the place of the next along all axes.

    What is symmetric, positive definite, a distribution or one-hot stays such; what is sorted is left, or, if it has both
    signs, reversed and negated, and sorted still.
    """
    if array.dtype.kind != "f":
        return array
    rises = [np.diff(array, axis=axis) if size > 2 else np.empty(0) for axis, size in enumerate(array.shape)]
    is_sorted = [bool(rise.size) and bool((rise >= 0).all() or (rise <= 0).all()) for rise in rises]
    if any(is_sorted):
        return -np.flip(array) if (array < 0).any() and (array > 0).any() else array
    return np.roll(array, [1] * array.ndim, tuple(range(array.ndim))) if array.ndim else array


class Behaviour:
    """What a backward rule did when it was called several times.

    Parameters
    ----------
    scene
        The rule, and what it is given.
    dtype
        What the network is run in.

    Attributes
    ----------
    problem
        Why there are no messages, if there are none.
    messages
        What the first call returned, copied.
    faults
        {property: {slot, or None for all: the evidence that it does not hold}}, of each that was looked at.
    """

    @np.errstate(all="ignore")
    def __init__(self, scene: Scene, dtype: np.dtype[Any]) -> None:
        self._op, self._slots, self._dtype = scene.op, scene.slots, dtype
        self._coarser = SINGLE if getattr(scene.op, "single", False) else 1.0
        self._delta, self._output, self._inputs = scene.delta, scene.output, [*map(read_only, scene.inputs)]
        self.problem = ""
        self.messages: Messages = []
        self.faults: dict[str, dict[int | None, str]] = {}
        try:
            self._op.forward(*self._inputs)  # as before each backward pass: a state it leaves is fresh
            self._first = self._said()
        except Exception as error:  # whatever a wrong rule does is what the report is for
            self.problem = self._problem(error)
            if "writes into" in self.problem:
                self.faults["arguments unchanged"] = {None: self.problem}
            if isinstance(error, (OpaqueError, StackError)) or isinstance(error.__cause__, (OpaqueError, StackError)):
                self.faults["no hidden state"] = {None: "given arrays, it works with what another call was given"}
            return
        self.messages = [None if message is None else message.copy() for message in self._first]
        self._other = np.asarray(scene.settings.rng.normal(size=self._delta.shape))
        for name, check in (
            ("forward rule deterministic", self._forward_twice),
            ("arguments unchanged", self._with_arguments_of_its_own),
            ("deterministic", self._twice),
            ("no hidden state", self._forward_between),
            ("results stay as returned", self._results_kept),
            ("dtype and shape kept", self._types),
            ("zero delta gives zero", self._zero),
            ("linear in delta", self._linear),
            ("delta may lie anyhow in memory", self._with_gaps),
        ):
            found = self.faults.setdefault(name, {})
            try:
                for slot, evidence in check():
                    found.setdefault(slot, evidence)
            except Exception as error:
                self.faults.setdefault("deterministic", {})[None] = f"{self._problem(error)}, in a later call"
            if any(self.faults.get(spoiling) for spoiling in SPOILING):
                return  # what later calls say would mean nothing

    def properties(self, node: Node, label: str) -> list[Property]:
        """Return one line for each property."""
        op = self._op.name
        return [Property(node, label, op, name, not bad, "; ".join(bad.values())) for name, bad in self.faults.items()]

    def fault(self, name: str, slot: int) -> str:
        """Return the evidence that a property does not hold for a slot, or nothing."""
        faults = self.faults.get(name, {})
        return faults.get(slot, faults.get(None, ""))

    def _problem(self, error: Exception) -> str:
        return rule_error("backward", [self._delta, self._output, *self._inputs], error).problem

    def _said(self, delta: Numbers | None = None) -> Messages:
        delta = self._delta if delta is None else read_only(np.asarray(delta))
        return said_at(self._op, delta, self._output, self._inputs)

    def _each(self, *several: Messages) -> Iterator[tuple[int, list[Numbers]]]:
        """Yield the messages of several calls, slot by slot, as far as they are arrays of one shape."""
        for slot in self._slots:
            messages = [message for call in several if (message := call[slot]) is not None]
            alike = all(message.dtype.kind == "f" and message.shape == messages[0].shape for message in messages)
            if len(messages) == len(several) and alike:
                yield slot, messages

    def _unlike(self, again: Messages, calls: str) -> Faults:
        for slot in self._slots:
            if np.shape(self.messages[slot]) != np.shape(again[slot]):  # type: ignore[arg-type]
                yield slot, f"{calls} return arrays of different shapes"
        for slot, (one, two) in self._each(self.messages, again):
            if apart := _apart(one, two):
                yield slot, f"{calls} differ by up to {number(apart)}"

    def _forward_twice(self) -> Faults:
        self._again = np.asarray(self._op.forward(*self._inputs), float)
        if self._again.shape != self._output.shape or _apart(self._output, self._again):
            yield None, "two runs with the same inputs give other numbers"

    def _with_arguments_of_its_own(self) -> Faults:
        kept = [self._delta, self._output, *self._inputs]
        delta, output, *inputs = given = [array.copy() for array in kept]
        said_at(self._op, delta, output, inputs)
        names = ["delta", "the output", *self._op.input_names(len(inputs))]
        for name, before, now in zip(names, kept, given, strict=True):
            if before.tobytes() != now.tobytes():
                yield None, f"it writes into {name}"

    def _twice(self) -> Faults:
        return self._unlike(self._said(), "two calls with the same arguments")

    def _forward_between(self) -> Faults:
        try:
            self._op.forward(*[read_only(other_values(array)) for array in self._inputs])
        except Exception:  # of any kind: other values may be outside the rule's domain
            return
        if _apart(self._output, self._again):
            yield None, "the array that the forward rule returned, its buffer, is changed by its next call"
        between = "with a forward pass of other numbers in between, two calls with the same arguments"
        foreign = getattr(self._op, "called_between", None)  # its forward rule runs anew before each way back
        op = foreign() if foreign else self._op
        yield from self._unlike(said_at(op, self._delta, self._output, self._inputs), between)

    def _results_kept(self) -> Faults:
        self._said(self._other)
        for slot, (kept, now) in self._each(self.messages, self._first):
            if kept.tobytes() != now.tobytes():
                yield slot, "the array returned by one call is changed by the next"

    def _zero(self) -> Faults:
        zero = self._said(np.zeros_like(self._delta))
        for slot, (message, usual) in self._each(zero, self.messages):
            finite = np.isfinite(usual)  # 0 · ∞ is not its fault, √ at 0
            if message[finite].any():
                yield slot, f"a zero delta gives up to {number(np.max(np.abs(message[finite])))}"

    def _linear(self) -> Faults:
        both, alone = self._said(self._delta + MUCH * self._other), self._said(self._other)
        for slot, (sum_, one, two) in self._each(both, self.messages, alone):
            finite = np.isfinite(one) & np.isfinite(two)  # √ at 0: ∞ + ∞ tells nothing
            apart = np.nan_to_num(np.abs(sum_ - (one + MUCH * two))[finite], nan=np.inf)
            largest = np.max((np.abs(one) + MUCH * np.abs(two))[finite], initial=0.0)
            most = np.max(apart, initial=0.0)
            if most > self._coarser * (LINEAR * largest + MUCH * _ROUNDING):
                yield slot, f"rule(δ + {MUCH}δ′) and rule(δ) + {MUCH} rule(δ′) differ by up to {number(most)}"

    def _with_gaps(self) -> Faults:
        """Yield where the rule says something else of a δ between whose entries others lie, as in a part of an array."""
        shape = self._delta.shape
        wide = [*shape[:-2], *(2 * size for size in shape[-2:])]
        gaps: tuple[Any, ...] = (..., *[slice(None, None, 2) for _ in shape[-2:]])
        apart = np.ones(wide)[gaps]
        apart[...] = self._delta
        try:
            said = self._said(apart)
        except Exception as error:  # of any kind: some take δ for one block
            yield None, f"of a δ that lies in memory with gaps: {self._problem(error)}"
            return
        for slot, (one, two) in self._each(self.messages, said):
            if difference := _apart(one, two, self._coarser * LINEAR):
                yield slot, f"of a δ that lies in memory with gaps it says what differs by up to {number(difference)}"

    def _types(self) -> Faults:
        """Yield what has another dtype or shape, in float32 too if the network runs in it."""
        yield from self._broken_contract(self.messages, self._delta.dtype)
        arguments = [self._delta, self._output, *self._inputs]
        if self._dtype == np.float32 and all(array.dtype.kind == "f" for array in arguments):
            delta, output, *inputs = [read_only(array.astype(np.float32)) for array in arguments]
            yield from self._broken_contract(said_at(self._op, delta, output, inputs), delta.dtype)

    def _broken_contract(self, messages: Messages, dtype: np.dtype[Any]) -> Faults:
        for slot in self._slots:
            message = messages[slot]
            try:
                if message is not None:
                    check_message(self._op, slot, message, self._inputs[slot], dtype)
            except RuleError as error:
                yield slot, error.problem


def _apart(one: Numbers, two: Numbers, share: float = APART) -> float:
    """Return how far two arrays are apart, 0 if that is less than a share of the largest number: rounding."""
    apart = np.max(np.nan_to_num(np.abs(one - two)), initial=0.0)
    largest = np.max(np.nan_to_num(np.abs(one)), initial=0.0)
    if not np.array_equal(np.isfinite(one), np.isfinite(two)):
        return float(apart or np.inf)
    return float(apart) if apart > share * largest else 0.0
