"""What holds of any right backward rule, whatever it computes.

Zero error signals give zero, it is linear in δ, it gives the same twice, whatever was computed in between, it leaves its
arguments alone, what it returned stays as it is, and it keeps dtype and shape. The forward rule gives the same twice too.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from graphnet.check.report import Property
from graphnet.check.stack import StackError
from graphnet.core.node import Node
from graphnet.core.op import Op
from graphnet.core.tables import number
from graphnet.engine.rules import as_messages, check_message, read_only, rule_error
from graphnet.errors import OpaqueError, RuleError

Array = np.ndarray[Any, Any]
Messages = Sequence[Array | None]
LINEAR = 1e-9
"""How far a rule may be from linear in δ, as a share of its largest message."""
SAME = 1e-14
"""How far two calls may be apart, as a share of the largest number: matrix products round by where arrays lie in memory."""
MUCH = 1000
"""The size of a second δ that is added to the first: a rule that clips large ones is found out too."""
ROUNDING = 1e-13
"""And beyond that, as a share of δ: what is left of numbers as large that cancel."""


SPOILING = {
    "forward rule deterministic": "the forward rule is not deterministic",
    "arguments unchanged": "changes its arguments",
    "results stay as returned": "returns an alias that is later changed",
    "deterministic": "depends on state",
    "no hidden state": "depends on state that the forward rule leaves behind",
}
"""Properties without which the values of a message mean nothing, and what it is called if one does not hold."""


def other_values(array: Array) -> Array:
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
    op, delta, output, inputs
        The rule, and what it is given.
    slots
        Which inputs have an error signal.
    dtype
        What the network is run in.
    rng
        Makes a second error signal.

    Attributes
    ----------
    problem
        Why there are no messages, if there are none.
    messages
        What the first call returned, copied.
    faults
        {property: {slot, or None for all: the evidence}} of those that do not hold.
    """

    def __init__(
        self,
        op: Op,
        delta: Array,
        output: Array,
        inputs: Sequence[Array],
        slots: Sequence[int],
        dtype: np.dtype[Any],
        rng: np.random.Generator,
    ) -> None:
        self._op, self._arguments, self._slots = op, [delta, output, *inputs], slots
        self.problem = ""
        self.messages: Messages = []
        self._tested: list[str] = []
        self.faults: dict[str, dict[int | None, str]] = {}
        try:
            with np.errstate(all="ignore"):
                self._op.forward(*map(read_only, inputs))  # as before each backward pass: a state it leaves is fresh
            first = self._call([read_only(array) for array in self._arguments])
        except Exception as error:  # whatever a wrong rule does is what the report is for
            self.problem = rule_error("backward", self._arguments, error).problem
            if "writes into" in self.problem:
                self._fault("arguments unchanged", None, self.problem)
            if isinstance(error, (OpaqueError, StackError)) or isinstance(error.__cause__, (OpaqueError, StackError)):
                self._fault("no hidden state", None, "given arrays, it works with what another call was given")
            return
        self.messages = [None if message is None else message.copy() for message in first]
        other = np.asarray(rng.normal(size=delta.shape))
        for names, check in (
            (("forward rule deterministic",), self._forward_twice),
            (("arguments unchanged", "deterministic"), self._twice),
            (("no hidden state",), self._forward_between),
            (("results stay as returned",), self._later(other)),
            (("dtype and shape kept",), lambda _: self._types(dtype)),
            (("zero delta gives zero",), self._zero),
            (("linear in delta",), self._linear(other)),
        ):
            self._tested += names
            try:
                check(first)
            except Exception as error:
                problem = rule_error("backward", self._arguments, error).problem
                self._fault("deterministic", None, f"{problem}, in a later call")
            if not self.faults.keys().isdisjoint(SPOILING):
                return  # what later calls say would mean nothing

    def properties(self, node: Node, label: str) -> list[Property]:
        """Return one line for each property."""
        return [
            Property(node, label, self._op.name, name, not faults, "; ".join(faults.values()))
            for name in dict.fromkeys([*self._tested, *self.faults])
            for faults in [self.faults.get(name, {})]
        ]

    def fault(self, name: str, slot: int) -> str:
        """Return the evidence that a property does not hold for a slot, or nothing."""
        faults = self.faults.get(name, {})
        return faults.get(slot, faults.get(None, ""))

    def _call(self, arguments: Sequence[Array]) -> Messages:
        with np.errstate(all="ignore"):
            returned = self._op.backward(*arguments)
        return as_messages(self._op, returned, len(arguments) - 2)

    def _fault(self, name: str, slot: int | None, evidence: str) -> None:
        self.faults.setdefault(name, {}).setdefault(slot, evidence)

    def _each(self, *several: Messages) -> list[tuple[int, list[Array]]]:
        """Return the messages of several calls, slot by slot, as far as they are arrays of one shape."""
        found = []
        for slot in self._slots:
            messages = [messages[slot] for messages in several]
            if all(m is not None and m.dtype.kind == "f" and m.shape == messages[0].shape for m in messages):  # type: ignore[union-attr]
                found.append((slot, messages))
        return found  # type: ignore[return-value]

    def _forward_twice(self, _: Messages) -> None:
        if self._forward(self._arguments[2:]) != 0:
            self._fault("forward rule deterministic", None, "two runs with the same inputs give other numbers")

    def _forward(self, inputs: Sequence[Array]) -> float:
        """Run the forward rule, and return how far its result is from the pass's, as a share beyond rounding."""
        with np.errstate(all="ignore"):
            output = np.asarray(self._op.forward(*map(read_only, inputs)), float)
            kept = self._arguments[1]
            if output.shape != kept.shape:
                return np.inf
            apart = np.max(np.nan_to_num(np.abs(output - kept)), initial=0.0)
            return float(apart) if apart > SAME * np.max(np.nan_to_num(np.abs(kept)), initial=0.0) else 0.0

    def _forward_between(self, _: Messages) -> None:
        others = [other_values(array) for array in self._arguments[2:]]
        try:
            self._forward(others)
        except Exception:  # of any kind: other values may be outside the rule's domain
            return
        again = self._call([read_only(array) for array in self._arguments])
        self._compare(
            "no hidden state",
            again,
            "with a forward pass of other numbers in between, two calls with the same arguments",
        )

    def _compare(self, name: str, again: Messages, what: str) -> None:
        for slot, (one, two) in self._each(self.messages, again):
            with np.errstate(all="ignore"):
                apart = np.max(np.nan_to_num(np.abs(one - two)), initial=0.0)
                largest = np.max(np.nan_to_num(np.abs(one)), initial=0.0)
            if apart > SAME * largest or not np.array_equal(np.isfinite(one), np.isfinite(two)):
                self._fault(name, slot, f"{what} differ by up to {number(apart)}")

    def _twice(self, first: Messages) -> None:
        given = [array.copy() for array in self._arguments]
        self._call(given)
        names = ["delta", "the output", *self._op.input_names(len(given) - 2)]
        for name, kept, now in zip(names, self._arguments, given, strict=True):
            if kept.tobytes() != now.tobytes():
                self._fault("arguments unchanged", None, f"it writes into {name}")
        if self.faults:
            return
        again = self._call([read_only(array) for array in self._arguments])
        before, after = ([None if m is None else m.shape for m in call] for call in (self.messages, again))
        for slot in self._slots:
            if before[slot] != after[slot]:
                self._fault(
                    "deterministic", slot, "two calls with the same arguments return arrays of different shapes"
                )
        self._compare("deterministic", again, "two calls with the same arguments")

    def _later(self, other: Array) -> Callable[[Messages], None]:
        def check(first: Messages) -> None:
            self._call([read_only(other), *map(read_only, self._arguments[1:])])
            for slot, (kept, now) in self._each(self.messages, first):
                if kept.tobytes() != now.tobytes():
                    evidence = "the array returned by one call is changed by the next"
                    self._fault("results stay as returned", slot, evidence)

        return check

    def _zero(self, _: Messages) -> None:
        delta, *rest = self._arguments
        zero = self._call([np.zeros_like(delta), *map(read_only, rest)])
        for slot, (message, usual) in self._each(zero, self.messages):
            finite = np.isfinite(usual)  # 0 · ∞ is not its fault, √ at 0
            if message[finite].any():
                largest = number(np.max(np.abs(message[finite])))
                self._fault("zero delta gives zero", slot, f"a zero delta gives up to {largest}")

    def _linear(self, other: Array) -> Callable[[Messages], None]:
        def check(_: Messages) -> None:
            delta, *rest = self._arguments
            rest = [read_only(array) for array in rest]
            both, alone = self._call([delta + MUCH * other, *rest]), self._call([other, *rest])
            for slot, (sum_, one, two) in self._each(both, self.messages, alone):
                with np.errstate(all="ignore"):
                    finite = np.isfinite(one) & np.isfinite(two)  # √ at 0: ∞ + ∞ tells nothing
                    apart = np.nan_to_num(np.abs(sum_ - (one + MUCH * two))[finite], nan=np.inf)
                    largest = np.max((np.abs(one) + MUCH * np.abs(two))[finite], initial=0.0)
                allowed = LINEAR * largest + MUCH * ROUNDING
                most = np.max(apart, initial=0.0)
                if most > allowed:
                    text = f"rule(δ + {MUCH}δ′) and rule(δ) + {MUCH} rule(δ′) differ by up to {number(most)}"
                    self._fault("linear in delta", slot, text)

        return check

    def _types(self, dtype: np.dtype[Any]) -> None:
        """Check dtype and shape, in float32 too if the network runs in it."""
        delta, _, *inputs = self._arguments
        self._hold_to_contract(self.messages, inputs, delta.dtype)
        if dtype == np.float32:
            with np.errstate(all="ignore"):
                less = [array.astype(dtype) if array.dtype.kind == "f" else array for array in self._arguments]
            if all(array.dtype.kind == "f" for array in less):
                self._hold_to_contract(self._call([read_only(array) for array in less]), inputs, dtype)

    def _hold_to_contract(self, messages: Messages, inputs: Sequence[Array], dtype: np.dtype[Any]) -> None:
        for slot in self._slots:
            message = messages[slot]
            if message is not None:
                try:
                    check_message(self._op, slot, message, inputs[slot], dtype)
                except RuleError as error:
                    self._fault("dtype and shape kept", slot, error.problem)
