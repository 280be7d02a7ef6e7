"""Each backward rule alone, at the values of a pass, for a random error signal."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from graphnet.check.behaviour import SPOILING, Behaviour, other_values
from graphnet.check.differences import Judged, Judgement
from graphnet.check.evidence import PRECISE, Scene
from graphnet.check.methods import Settings, compare, conclude, judge_directions
from graphnet.check.neighbours import MORE, Neighbourhood, reaches_state
from graphnet.check.report import Finding, Part, Property
from graphnet.check.signatures import UNKNOWN, repaired, signature
from graphnet.check.vocabulary import there
from graphnet.core.graph import Graph
from graphnet.core.node import Node, Numbers
from graphnet.engine.feeds import Values
from graphnet.engine.perturb.cuts import OpCall
from graphnet.engine.perturb.probes import multiply_adds
from graphnet.engine.perturb.responses import Response
from graphnet.engine.rules import check_message, read_only
from graphnet.errors import RuleError

BESIDE = 1e-5
"""How far from a tie a rule must be right for its values there to be allowed at the tie; the first step of a difference."""


def check_rules(
    graph: Graph, nodes: Iterable[Node], values: Values, settings: Settings, dtype: np.dtype[Any], part: Part = "rule"
) -> tuple[list[Finding], list[Property]]:
    """Check the backward rules of nodes, each alone.

    Parameters
    ----------
    graph, nodes
        Whose rules.
    values
        Of every node, in float64.
    settings
        How much, and how.
    dtype
        What the network is run in: a rule must keep it.
    part
        What the findings are filed under.
    """
    findings: list[Finding] = []
    properties: list[Property] = []
    for node in nodes:
        if node.op is not None and not node.op.held and node.dtype.kind == "f":
            rule = _Rule(graph, node, values, settings, dtype, part)
            findings += rule.findings()
            properties += rule.behaviour.properties(node, graph.label(node))
    return findings, properties


class _Rule:
    """One rule under test."""

    def __init__(
        self, graph: Graph, node: Node, values: Values, settings: Settings, dtype: np.dtype[Any], part: Part
    ) -> None:
        assert node.op is not None
        self.graph, self.node, self.op, self.settings, self.part = graph, node, node.op, settings, part
        self.inputs = [values[source] for source in node.inputs]
        self.slots = [slot for slot, source in enumerate(node.inputs) if source.dtype.kind == "f"]
        delta = read_only(np.asarray(settings.rng.normal(size=values[node].shape)))
        call = OpCall(self.op, tuple(range(len(self.inputs))), "output", multiply_adds(self.op, self.inputs))
        self.scene = Scene(call, self.slots, settings, delta, values[node], self.inputs)
        self.behaviour = Behaviour(self.scene, dtype)
        self.neighbourhood = Neighbourhood(self.scene, self.behaviour.messages)

    def findings(self) -> list[Finding]:
        findings = []
        for slot in self.slots:
            found = self._broken(slot) if self.behaviour.problem else self._check(slot)
            nothing_said = not self.behaviour.problem and self.behaviour.messages[slot] is None
            below = Graph(self.node.inputs[slot])
            if (found.verdict == "blurred" or nothing_said) and not (below.inputs or below.parameters):
                continue  # nobody asks for it: labels, or the 2 of x ** 2 where x is negative, and 2 − 1 in its gradient
            findings.append(found)
        torn = self.neighbourhood.torn and all(found.verdict != "wrong" for found in findings)
        for slot, what in self.neighbourhood.wrong_together().items() if torn else ():
            findings = [replace(f, verdict="wrong", diagnosis=what) if f.slot == slot else f for f in findings]
        return findings

    def _finding(self, slot: int, verdict: Judgement, diagnosis: str = "", **more: Any) -> Finding:
        source = f"{self.op.input_names(len(self.inputs))[slot]}: {self.graph.label(self.node.inputs[slot])}"
        shape, torn = self.inputs[slot].shape, self.neighbourhood.torn
        if "compared" in more:
            beside = {"δ": self.scene.delta, "the output": self.scene.output}
            more["there"] = there(more["compared"], self.inputs[slot], **beside)
        label = self.graph.label(self.node)
        return Finding(self.part, self.node, label, slot, source, shape, verdict, diagnosis, torn=torn, **more)

    def _broken(self, slot: int) -> Finding:
        """Return the finding on a rule that gave no messages."""
        problem = self.behaviour.problem
        if self.behaviour.fault("no hidden state", slot):
            problem = self._spoilt(slot)
        elif "raised" in problem:
            problem = repaired(self.scene.evidence(slot, np.zeros(self.inputs[slot].shape)), problem)
        return self._finding(slot, "wrong", problem)

    def _check(self, slot: int) -> Finding:
        returned = self.behaviour.messages[slot]
        message = np.zeros(self.inputs[slot].shape) if returned is None else returned
        problem = ""
        try:
            check_message(self.op, slot, message, self.inputs[slot], self.scene.delta.dtype)
        except RuleError as error:
            problem = error.problem
        if message.dtype.kind not in "fiu":  # complex numbers, texts, rows of unequal length ...
            return self._finding(slot, "wrong", f"wrong dtype: {problem}")
        if message.shape != self.inputs[slot].shape:
            return self._finding(slot, "wrong", self._diagnosis(slot, message, None, problem))
        response = self.scene.response(slot)
        judged = self._judged(slot, message, response)
        verdict, evidence, more = conclude(response, message, self.settings, judged)
        if judged is None:
            evidence = ""  # the order of a remainder is told anyway
        elif verdict != "wrong" and judged.count("kink") and (beside := self._wrong_beside(slot)):
            verdict, evidence = "wrong", f"beside the kinks, where slopes are known, {beside.split(',')[0]}"
        sound = not problem and not self._spoilt(slot)
        ties = judged is not None and judged.count("kink") > 0
        if verdict != "wrong" and sound and (elsewhere := self._elsewhere(slot, message, response, ties=ties)):
            verdict, evidence = "wrong", elsewhere
        if verdict != "wrong" and sound:
            return self._finding(slot, verdict, **more)
        diagnosis = evidence if evidence and sound else self._diagnosis(slot, message, judged, problem)
        return self._finding(slot, "wrong", diagnosis, **more)

    def _judged(self, slot: int, message: Numbers, response: Response) -> Judged | None:
        what = f"{self.op.name} at {self.graph.label(self.node)!r}"
        judged = compare(response, message, self.settings, what, clear=PRECISE)
        torn = judged and judged.count("wrong") and (self.neighbourhood.torn or self.neighbourhood.seems_torn(MORE))
        if judged and torn and not self._wrong_beside(slot):
            # Of equal numbers that are sorted, one that moves becomes the first or the last; a rule may take it for any.
            return judged.excused(self.neighbourhood.allows(slot)[judged.entries], "kink")
        return judged

    def _elsewhere(self, slot: int, here: Numbers, response: Response, *, ties: bool) -> str:
        """Return what is wrong at other values, of a rule that may have kept something of the values here."""
        if not reaches_state(self.op):
            return ""
        others = list(map(other_values, self.inputs))  # which tie as these do
        evidence = self._wrong_beside(slot, others) if ties else self._wrong_at(slot, others)
        if not evidence or judge_directions(response, here, self.settings.rng, "right")[0] == "wrong":
            return ""
        if not ties and (found := self.scene.at(others, self.scene.delta)):
            one_by_one = found[0].evidence(slot, np.asarray(found[1][slot]))
            if one_by_one.known.all() and not one_by_one.wrong.any():
                return ""  # what many entries add up to rounds
        where = "depends on state: it is right at these values, but not at the same numbers in another order"
        return f"{where} ({evidence.split(',')[0]})"

    def _wrong_beside(self, slot: int, inputs: Sequence[Numbers] = ()) -> str:
        """Return what is wrong right beside values, by default those given, where nothing ties."""
        moved = list(inputs or self.inputs)
        count = sum(moved[i].size for i in self.slots)
        shares = self.settings.rng.permutation(np.linspace(-1, 1, 2 * count)[::2])  # far from each other, and none is 0
        for i in self.slots:
            share, shares = np.split(shares, [moved[i].size])
            moved[i] = moved[i] + BESIDE * np.maximum(1.0, np.abs(moved[i])) * share.reshape(moved[i].shape)
        return self._wrong_at(slot, moved, BESIDE / (4 * count))  # a step that leads over no tie

    def _wrong_at(self, slot: int, inputs: Sequence[Numbers], step: float | None = None) -> str:
        """Return what is wrong with an error signal at other inputs; nothing where the rules can't be run."""
        found = self.scene.at(inputs, self.scene.delta)
        message = found and found[1][slot]
        if found is None or message is None or message.shape != inputs[slot].shape:
            return ""
        return judge_directions(found[0].response(slot), message, self.settings.rng, "right", step)[1]

    # What the fault looks like --------------------------------------------------------------------------------------

    def _spoilt(self, slot: int) -> str:
        """Return why messages mean nothing, if they don't."""
        faults = {words: self.behaviour.fault(name, slot) for name, words in SPOILING.items()}
        return next((f"{words}: {evidence}" for words, evidence in faults.items() if evidence), "")

    def _diagnosis(self, slot: int, message: Numbers, judged: Judged | None, problem: str) -> str:
        if spoilt := self._spoilt(slot):
            return spoilt
        evidence = self.scene.evidence(slot, message, judged)
        if self.behaviour.messages[slot] is None:
            return f"it returns None, although the output depends on this input ({signature(evidence)})"
        if message.dtype != self.scene.delta.dtype and message.shape == self.inputs[slot].shape:
            close = np.allclose(message[evidence.known], evidence.right[evidence.known], rtol=1e-3)
            told = close or judged is None or judged.verdict != "wrong"  # float32 can't be more exact
            return f"wrong dtype: {problem}" + ("" if told else f" ({signature(evidence)})")
        looks_like = signature(evidence)
        return problem if problem and looks_like.startswith(UNKNOWN) else looks_like
