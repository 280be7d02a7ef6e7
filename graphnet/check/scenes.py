"""A rule at some arguments: what is right there, and what it says."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from graphnet.check.cuts import Call
from graphnet.check.differences import Judged, estimate, judge
from graphnet.check.evidence import Evidence
from graphnet.check.responses import Response
from graphnet.check.settings import Settings
from graphnet.engine.rules import read_only

Array = np.ndarray[Any, Any]
PRECISE = 1e-5
"""How clear the first difference of a rule must be: a unit that is nearly saturated is looked at more closely."""


class Scene:
    """A rule and what it is given."""

    def __init__(
        self, call: Call, slots: Sequence[int], settings: Settings, delta: Array, output: Array, inputs: Sequence[Array]
    ) -> None:
        self.call, self.slots, self.settings = call, slots, settings
        self.delta, self.output, self.inputs = delta, output, inputs
        self._right: dict[int, Array] = {}

    def response(self, slot: int) -> Response:
        """Return how delta · output changes with one input."""
        values: dict[Any, Array] = {**dict(enumerate(self.inputs)), "output": self.output}
        return Response([self.call], values, slot, {"output": self.delta}, self.settings.checked, self.settings.budget)

    def right(self, slot: int) -> Array | None:
        """Return the right error signal of an input by finite differences; NaN where not known."""
        if slot not in self.slots:
            return None
        if slot not in self._right:
            response = self.response(slot)
            entries = self.settings.choose(response)
            self._keep(slot, entries, estimate(response, entries))
        return self._right[slot]

    def evidence(self, slot: int, message: Array, judged: Judged | None = None) -> Evidence:
        """Return what is known about what the rule says, once it was judged or its difference is estimated."""
        shape = self.inputs[slot].shape
        wrong = np.zeros(shape, bool)
        if judged is None and message.shape == shape:
            response = self.response(slot)
            judged = judge(response, message, self.settings.choose(response), clear=PRECISE)
        if judged is not None:
            wrong.ravel()[judged.entries] = judged.judgement == "wrong"
            self._keep(
                slot,
                judged.entries,
                np.where(np.isin(judged.judgement, ("kink", "blurred")), np.nan, judged.difference),
            )
        said = np.asarray(message, float)
        return Evidence(
            self.call.op,
            slot,
            said,
            self.right,
            wrong,
            self.delta,
            self.output,
            self.inputs,
            lambda inputs: self._elsewhere(slot, inputs),
        )

    def _elsewhere(self, slot: int, inputs: Sequence[Array]) -> Evidence | None:
        """Return the evidence for another δ at these inputs; nothing where the rules can't be run."""
        try:
            with np.errstate(all="ignore"):
                inputs = [read_only(np.asarray(array)) for array in inputs]
                output = np.asarray(self.call.op.forward(*inputs))
                delta = np.asarray(self.settings.rng.normal(size=self.delta.shape))
                returned = self.call.op.backward(delta.copy(), output.copy(), *[array.copy() for array in inputs])
            message = returned[slot] if isinstance(returned, (tuple, list)) else returned
            message = np.zeros(inputs[slot].shape) if message is None else np.asarray(message, float)
            if output.shape != self.output.shape or not np.isfinite(output).all():
                return None
            scene = Scene(self.call, self.slots, self.settings, delta, output, inputs)
            found = scene.evidence(slot, message)
        except Exception:  # of any kind: there is nothing to compare with
            return None
        return found if found.known.any() else None

    def _keep(self, slot: int, entries: Array, difference: Array) -> None:
        right = np.full(self.inputs[slot].size, np.nan)
        right[entries] = difference
        self._right[slot] = right.reshape(self.inputs[slot].shape)
