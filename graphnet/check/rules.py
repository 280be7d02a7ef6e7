"""Each backward rule alone, at the values of a pass, for a random error signal."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from graphnet.check import taylor
from graphnet.check.behaviour import SPOILING, Behaviour, other_values
from graphnet.check.cuts import Call
from graphnet.check.differences import Judged, judge, not_analytic
from graphnet.check.directions import DIRECTIONS, judge_directions
from graphnet.check.evidence import Evidence
from graphnet.check.findings import finding_of, verdict_of
from graphnet.check.neighbours import Neighbourhood, reaches_state
from graphnet.check.report import Finding, Part, Property, Verdict
from graphnet.check.responses import Response
from graphnet.check.scenes import PRECISE, Scene
from graphnet.check.settings import Settings
from graphnet.check.signatures import repaired, signature
from graphnet.check.work import multiply_adds
from graphnet.core.graph import Graph
from graphnet.core.leaves import Constant
from graphnet.core.node import Node
from graphnet.engine.feeds import Values
from graphnet.engine.rules import as_messages, check_message, read_only
from graphnet.errors import GraphError, RuleError

Array = np.ndarray[Any, Any]
BESIDE = 1e-5
"""How far from a tie a rule must be right for its values there to be allowed at the tie; the first step of a difference."""


def check_rule(
    graph: Graph, node: Node, values: Values, settings: Settings, dtype: np.dtype[Any], part: Part = "rule"
) -> tuple[list[Finding], list[Property]]:
    """Check the backward rule of one node.

    Parameters
    ----------
    graph, node
        Whose rule.
    values
        Of every node, in float64.
    settings
        How much, and how.
    dtype
        What the network is run in: a rule must keep it.
    part
        What the findings are filed under.
    """
    if node.op is None or node.dtype.kind != "f":
        return [], []
    rule = _Rule(graph, node, values, settings, dtype, part)
    return rule.findings(), rule.behaviour.properties(node, graph.label(node))


class _Rule:
    """One rule under test."""

    def __init__(
        self, graph: Graph, node: Node, values: Values, settings: Settings, dtype: np.dtype[Any], part: Part
    ) -> None:
        assert node.op is not None
        self.graph, self.node, self.op, self.settings, self.part = graph, node, node.op, settings, part
        self.output, self.inputs = values[node], [values[source] for source in node.inputs]
        self.names = self.op.input_names(len(self.inputs))
        self.slots = [slot for slot, source in enumerate(node.inputs) if source.dtype.kind == "f"]
        self.delta = read_only(np.asarray(settings.rng.normal(size=self.output.shape)))
        self.behaviour = Behaviour(self.op, self.delta, self.output, self.inputs, self.slots, dtype, settings.rng)
        self.call = Call(self.op, tuple(range(len(self.inputs))), "output", multiply_adds(self.op, self.inputs))
        self.neighbourhood: Neighbourhood | None = None
        if not self.behaviour.problem:
            self.neighbourhood = Neighbourhood(self.op, self.delta, self._messages(), self.inputs, settings.rng)
        self.scene = Scene(self.call, self.slots, settings, self.delta, self.output, self.inputs)

    def findings(self) -> list[Finding]:
        findings = []
        for slot in self.slots:
            found = self._broken(slot) if self.behaviour.problem else self._check(slot)
            nothing_said = not self.behaviour.problem and self.behaviour.messages[slot] is None
            if isinstance(self.node.inputs[slot], Constant) and (found.verdict == "blurred" or nothing_said):
                continue  # nobody asks for it: labels, or the 2 of x ** 2 where x is negative
            findings.append(found)
        if self._torn and not any(found.verdict == "wrong" for found in findings):
            together = self.neighbourhood.wrong_together() if self.neighbourhood else {}
            findings = [
                replace(found, verdict="wrong", diagnosis=together[found.slot]) if found.slot in together else found
                for found in findings
            ]
        return findings

    @property
    def _torn(self) -> bool:
        return self.neighbourhood is not None and self.neighbourhood.torn

    def _finding(self, slot: int, judged: Judged | None, verdict: Verdict, diagnosis: str = "", **more: Any) -> Finding:
        source = f"{self.names[slot]}: {self.graph.label(self.node.inputs[slot])}"
        label, beside = self.graph.label(self.node), {"δ": self.delta, "the output": self.output}
        return finding_of(
            self.part,
            self.node,
            label,
            slot,
            source,
            self.inputs[slot],
            judged,
            verdict,
            diagnosis,
            beside=beside,
            torn=self._torn,
            **more,
        )

    def _broken(self, slot: int) -> Finding:
        """Return the finding on a rule that gave no messages."""
        problem = self.behaviour.problem
        if self.behaviour.fault("no hidden state", slot):
            problem = self._spoilt(slot)
        elif "raised" in problem:
            problem = repaired(self._evidence(slot, np.zeros(self.inputs[slot].shape)), problem)
        return self._finding(slot, None, "wrong", problem)

    def _check(self, slot: int) -> Finding:
        returned = self.behaviour.messages[slot]
        message = np.zeros(self.inputs[slot].shape) if returned is None else returned
        problem = ""
        try:
            check_message(self.op, slot, message, self.inputs[slot], self.delta.dtype)
        except RuleError as error:
            problem = error.problem
        if message.dtype.kind not in "fiu":  # complex numbers, texts, rows of unequal length ...
            return self._finding(slot, None, "wrong", f"wrong dtype: {problem}")
        if message.shape != self.inputs[slot].shape:
            return self._finding(slot, None, "wrong", self._diagnosis(slot, message, None, problem))
        if self.settings.method == "taylor":
            order, verdict, evidence = taylor.order(self._response(slot), message, self.settings.rng)
            judged: Judged | None = None
            more: dict[str, Any] = {"order": order, "directions": taylor.DIRECTIONS}
        else:
            judged, more = self._judge(slot, message)
            verdict, evidence = verdict_of(judged), ""
            if verdict != "wrong" and more["directions"]:
                verdict, evidence = judge_directions(self._response(slot), message, self.settings.rng, verdict)
        if verdict != "wrong" and judged is not None and judged.count("kink") and (beside := self._wrong_beside(slot)):
            verdict, evidence = "wrong", f"beside the kinks, where slopes are known, {beside.split(',')[0]}"
        broken = bool(self._spoilt(slot))
        if verdict != "wrong" and not broken and not problem and (beside := self._elsewhere(slot, message)):
            return self._finding(slot, judged, "wrong", beside, **more)
        if problem or broken:
            verdict = "wrong"
        if verdict != "wrong":
            return self._finding(slot, judged, verdict, **more)
        in_a_direction = judged is not None and not judged.count("wrong") and not problem and not broken
        diagnosis = evidence if in_a_direction else self._diagnosis(slot, message, judged, problem)
        return self._finding(slot, judged, "wrong", diagnosis, **more)

    def _messages(self) -> list[Array | None]:
        """Return the messages that an array of numbers came back for, of the input's shape."""
        return [
            message if message is not None and message.dtype.kind in "fiu" and message.shape == array.shape else None
            for message, array in zip(self.behaviour.messages, self.inputs, strict=True)
        ]

    def _elsewhere(self, slot: int, here: Array) -> str:
        """Return what is wrong at other values, of a rule that may have kept something of the values here."""
        if not reaches_state(self.op):
            return ""
        evidence = self._wrong_at(slot, list(map(other_values, self.inputs)))
        if not evidence or judge_directions(self._response(slot), here, self.settings.rng, "right")[0] == "wrong":
            return ""
        where = "depends on state: it is right at these values, but not at the same numbers in another order"
        return f"{where} ({evidence.split(',')[0]})"

    def _wrong_beside(self, slot: int) -> str:
        """Return what is wrong right beside these values, where nothing ties."""
        shifts = [BESIDE * np.maximum(1.0, np.abs(array)) for array in self.inputs]
        draw = self.settings.rng.uniform
        moved = [
            x + draw(-1, 1, x.shape) * s if i in self.slots else x
            for i, (x, s) in enumerate(zip(self.inputs, shifts, strict=True))
        ]
        return self._wrong_at(slot, moved)

    def _wrong_at(self, slot: int, inputs: Sequence[Array]) -> str:
        """Return what is wrong with an error signal at other inputs; nothing where the rules can't be run."""
        inputs = [read_only(np.asarray(array)) for array in inputs]
        try:
            with np.errstate(all="ignore"):
                output = np.asarray(self.op.forward(*inputs))
                returned = as_messages(self.op, self.op.backward(self.delta, output, *inputs), len(inputs))
            message = np.asarray(returned[slot], float)
        except Exception:  # of any kind: these values are outside the rule's domain
            return ""
        if output.shape != self.output.shape or message.shape != inputs[slot].shape or not np.isfinite(output).all():
            return ""
        scene = Scene(self.call, self.slots, self.settings, self.delta, output, inputs)
        return judge_directions(scene.response(slot), message, self.settings.rng, "right")[1]

    def _response(self, slot: int) -> Response:
        """Return how delta · output changes with one input."""
        return self.scene.response(slot)

    def _judge(self, slot: int, message: Array) -> tuple[Judged, dict[str, Any]]:
        response = self._response(slot)
        if self.settings.method == "complex":
            self._require_analytic(slot, response)
        entries = self.settings.choose(response)
        judged = judge(
            response,
            message,
            entries,
            step=self.settings.step,
            complex_step=self.settings.method == "complex",
            clear=PRECISE,
        )
        suspects = judged.judgement == "wrong"
        if suspects.any() and self.neighbourhood and self.neighbourhood.torn and not self._wrong_beside(slot):
            # Of equal numbers that are sorted, one that moves becomes the first or the last; a rule may take it for any.
            excused = suspects & self.neighbourhood.allows(slot)[judged.entries]
            judged = replace(judged, judgement=np.where(excused, "kink", judged.judgement))
        sampled = len(entries) < response.array.size
        return judged, {"directions": DIRECTIONS if sampled else 0}

    def _require_analytic(self, slot: int, response: Response) -> None:
        problem = not_analytic(response, self.settings.rng)
        if problem:
            raise GraphError(
                f"the complex step can't check {self.op.name} at {self.graph.label(self.node)!r}: {problem}",
                repair='Its forward rule is not analytic. Use method="central".',
            )

    # What the fault looks like --------------------------------------------------------------------------------------

    def _spoilt(self, slot: int) -> str:
        """Return why messages mean nothing, if they don't."""
        faults = {words: self.behaviour.fault(name, slot) for name, words in SPOILING.items()}
        return next((f"{words}: {evidence}" for words, evidence in faults.items() if evidence), "")

    def _diagnosis(self, slot: int, message: Array, judged: Judged | None, problem: str) -> str:
        if spoilt := self._spoilt(slot):
            return spoilt
        if self.behaviour.messages[slot] is None:
            looks_like = signature(self._evidence(slot, message, judged))
            return f"it returns None, although the output depends on this input ({looks_like})"
        if message.dtype != self.delta.dtype and message.shape == self.inputs[slot].shape:
            wrong = judged is not None and verdict_of(judged) == "wrong"
            right = self._evidence(slot, message, judged).right
            known = np.isfinite(right)
            close = np.allclose(message[known], right[known], rtol=1e-3)
            if not wrong or close:  # float32 can't be more exact
                return f"wrong dtype: {problem}"
            return f"wrong dtype: {problem} ({signature(self._evidence(slot, message, judged))})"
        looks_like = signature(self._evidence(slot, message, judged))
        return problem if problem and looks_like.startswith("no known signature") else looks_like

    def _evidence(self, slot: int, message: Array, judged: Judged | None = None) -> Evidence:
        return self.scene.evidence(slot, message, judged)
