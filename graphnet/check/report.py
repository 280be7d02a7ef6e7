"""What a gradient check found."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, fields
from typing import Any, Literal

import numpy as np

from graphnet.check import show
from graphnet.check.differences import NOTHING, PRECISION, Judged, Judgement
from graphnet.common.settings import whole
from graphnet.common.text import listing, number, printable, table
from graphnet.core.graph import Graph
from graphnet.core.node import Node
from graphnet.core.op import no_backward
from graphnet.core.registry import OPS
from graphnet.errors import GradientCheckError

Part = Literal["rule", "gradient", "second order rule", "second order gradient"]

_FEW = 3
"""Nodes and looks of one wrong rule that a verdict tells."""
ADDS_UP = "each rule is right alone, and the messages add up"
"""What is said of a total that is wrong although the engine did what it should."""
BEYOND = f"wrong is what is farther apart than {PRECISION:g} of the larger of the two, and than rounding explains"
HOW = {
    "central": f"Compared by central differences; {BEYOND}.",
    "complex": f"Compared by a complex step; {BEYOND}.",
    "taylor": "Compared by the order of the Taylor remainder.",
}


_PLAIN = (
    *("part", "label", "op", "slot", "input", "entries", "of", "directions", "kinks", "blurred", "worst"),
    *("rule", "difference", "error", "order", "verdict", "diagnosis", "there", "torn"),
)
"""What of a finding is told as plain data."""


@dataclass(frozen=True)
class Finding:
    """The check of one input of one rule, or of one gradient from end to end.

    Attributes
    ----------
    part : str
        ``"rule"``: one rule alone; ``"gradient"``: from end to end; or either ``"second order ..."``.
    node : Node
        Whose backward rule; from end to end, the leaf.
    label, op : str
        Its name in the graph, and what it is.
    slot : int or None
        Which input of the op; None from end to end.
    input : str
        What the op calls that input, and the label of the node that it is.
    shape : tuple of int
        Of the array.
    verdict : str
        ``"right"``, ``"wrong"``, or ``"kink"`` or ``"blurred"`` if no entry can tell.
    diagnosis : str
        What the fault looks like, if it is wrong.
    compared : Judged
        ``.entries`` (flat indices), ``.rule``, ``.difference`` and ``.judgement`` of each entry compared.
    there : str
        At the worst entry: the input, and δ if that has such an entry.
    directions : int
        How many random directions over the whole array were compared besides, or instead.
    order : float or None
        With the method ``"taylor"``: the order of the remainder, 2 or more if right; None if there is no remainder.
    torn : bool
        Whether the rule says something else right beside these inputs, as at a tie.
    """

    part: Part
    node: Node
    label: str
    slot: int | None
    input: str
    shape: tuple[int, ...]
    verdict: Judgement
    diagnosis: str = ""
    compared: Judged = field(default=NOTHING, repr=False, compare=False)
    there: str = ""
    directions: int = 0
    order: float | None = None
    torn: bool = False

    @property
    def op(self) -> str:
        """What the node is."""
        return self.node.kind

    @property
    def of(self) -> int:
        """How many entries the array has."""
        return math.prod(self.shape)

    @property
    def entries(self) -> int:
        """How many of them were compared."""
        return len(self.compared.entries)

    @property
    def wrong(self) -> int:
        """How many of these are wrong."""
        return self.compared.count("wrong")

    @property
    def kinks(self) -> int:
        """How many lie at a kink, where any value between the two slopes is accepted."""
        return self.compared.count("kink")

    @property
    def blurred(self) -> int:
        """How many have no usable difference: it drowns in rounding beside large numbers, or leaves the domain."""
        return self.compared.count("blurred")

    @property
    def worst(self) -> tuple[int, ...] | None:
        """The entry where rule and difference are farthest apart."""
        return self.compared.place(self.shape)

    @property
    def rule(self) -> float:
        """What the backward rule says there."""
        return self.compared.at_worst(self.compared.rule)

    @property
    def difference(self) -> float:
        """What the finite difference says there."""
        return self.compared.at_worst(self.compared.difference)

    @property
    def error(self) -> float:
        """How far the two are apart there."""
        return self.compared.at_worst(self.compared.error)

    @property
    def local(self) -> bool:
        """Whether it is about one rule alone, rather than from end to end."""
        return self.slot is not None

    @property
    def sampled(self) -> bool:
        """Whether not every entry was compared."""
        return self.entries < self.of

    @property
    def evidence(self) -> str:
        """Where it is wrong, in one line."""
        if self.order is not None:
            return f"the remainder is of order {number(self.order, 3)}, where a right gradient has 2"
        if self.worst is None:
            return "no entry could be compared"
        says = f"the rule says {number(self.rule, 6)}, the finite difference {number(self.difference, 6)}"
        where = f", where {self.there}" if self.there else ""
        wrong = self.wrong
        count = f"; {wrong} of {self.entries} entries compared are wrong" if wrong else ""
        return f"worst at entry {self.worst}: {says}{where}{count}"

    def to_dict(self) -> dict[str, Any]:
        """Return it as plain data; numbers that are not finite as text."""
        return {name: _plain(getattr(self, name)) for name in _PLAIN}

    def __str__(self) -> str:
        return _wrong_at([self])


@dataclass(frozen=True)
class Property:
    """Something that holds of every right backward rule, and whether it holds of this one.

    Attributes
    ----------
    node : Node
        Whose rule.
    label, op : str
        Its name in the graph, and what it is.
    name : str
        As ``"linear in delta"``.
    holds : bool
        Whether it does.
    evidence : str
        What was seen, if it does not.
    """

    node: Node
    label: str
    op: str
    name: str
    holds: bool
    evidence: str

    def to_dict(self) -> dict[str, Any]:
        """Return it as plain data."""
        return {field.name: getattr(self, field.name) for field in fields(self) if field.name != "node"}

    def __str__(self) -> str:
        return f"the backward rule of {self.op} at {self.label!r} breaks a property: {self.name}"


@dataclass(frozen=True, repr=False)
class Report:
    """What `check_gradients` or `check_op` found.

    Attributes
    ----------
    graph : Graph
        What was checked.
    findings : tuple of Finding
        Local ones first, in topological order, then those from end to end, then those of second order.
    skipped : str
        Why the check from end to end was not made, if it was not.
    properties : tuple of Property
        What holds of any right rule, for each rule.
    method : str
        How derivatives were compared.

    Examples
    --------
    >>> import graphnet as gn
    >>> report = gn.check_op(gn.tanh, np.array([0.5, -1.0]))
    >>> report.ok, report.failures
    (True, ())
    """

    graph: Graph
    findings: tuple[Finding, ...]
    skipped: str = ""
    properties: tuple[Property, ...] = ()
    method: str = "central"

    @property
    def ok(self) -> bool:
        """Whether everything is right: each rule compared, nothing wrong, and no array left undecided."""
        right = all(finding.verdict == "right" for finding in self.findings)
        return right and not (self.broken or self.skipped) and self._uncompared == []

    @property
    def _uncompared(self) -> list[str] | None:
        """The labels of nodes whose rule had no entry to compare, there or elsewhere; None if no array had any."""
        compared = {(f.part, f.local and f.op) for f in self.findings if f.entries + f.directions}
        empty = [f for f in self.findings if f.local and (f.part, f.op) not in compared]
        return list(dict.fromkeys(repr(finding.label) for finding in empty)) if compared else None

    @property
    def failures(self) -> tuple[Finding, ...]:
        """The findings that are wrong."""
        return tuple(finding for finding in self.findings if finding.verdict == "wrong")

    @property
    def broken(self) -> tuple[Property, ...]:
        """The properties that do not hold."""
        return tuple(item for item in self.properties if not item.holds)

    @property
    def verdict(self) -> str:
        """The outcome in words, naming each rule that is wrong."""
        faults = list(self._faults())
        if faults:
            lines = ["\n       ".join(["WRONG: " + first, *rest]) for first, *rest in faults]
            how = [HOW[self.method]] if any(finding.entries for finding in self.failures) else []
            return "\n".join([*lines, *how, *self._in_float32()])
        for verdict, why in (
            ("kink", "every entry lies at a kink, where there is no derivative; check at other values"),
            ("blurred", "no difference to judge by: it drowns in rounding or leaves the domain"),
        ):
            labels = dict.fromkeys(repr(finding.label) for finding in self.findings if finding.verdict == verdict)
            if labels:
                return f"UNDECIDED at {', '.join(labels)}: {why}"
        if self.skipped:
            return f"UNDECIDED: {self.skipped}"
        if self._uncompared != []:
            where = f" at {', '.join(self._uncompared)}" if self._uncompared else ""
            return f"UNDECIDED{where}: there was no entry to compare"
        return self._all_right()

    def _faults(self) -> Iterator[list[str]]:
        """Yield each fault in a few lines: rules first, since a wrong rule explains every wrong total upstream of it."""
        local = [finding for finding in self.failures if finding.local]
        rules: dict[Any, list[Finding]] = {}
        for finding in local:
            same_rule = finding.part, finding.op, finding.slot, finding.input.partition(":")[0]
            rules.setdefault(same_rule, []).append(finding)
        for same in rules.values():
            op = same[0].node.op
            if op is not None and not op.has_backward:
                labels = listing([repr(finding.label) for finding in same], _FEW)
                missing = no_backward(op)
                yield [f"{missing.problem}, at {labels}", missing.repair]
                continue
            looks = list(dict.fromkeys(finding.diagnosis for finding in same))
            lines = [f"looks like: {text}" for text in looks[:_FEW]]
            lines += [f"... and {len(looks) - _FEW} more"] if len(looks) > _FEW else []
            nodes = {finding.node for finding in same}
            also = {p.name: p.evidence for p in reversed(self.broken) if p.node in nodes}
            lines += [f"breaks a property: {name}: {seen}" for name, seen in also.items() if seen not in looks[0]]
            worst = max(same, key=lambda finding: np.nan_to_num(finding.error, nan=-1.0))
            at = f"at {worst.label!r}, " if len(same) > 1 else ""
            yield [_wrong_at(same), *lines, at + worst.evidence, *_written(worst.node)]
        explained = {finding.node for finding in local}
        for item in self.broken:
            if item.node not in explained:
                yield [str(item), f"looks like: {item.evidence}", *_written(item.node)]
        totals = [finding for finding in self.failures if not finding.local]
        if totals and not local and not self.broken:
            labels = ", ".join(repr(finding.label) for finding in totals)
            lines = [f"the gradient of {labels} differs from the finite difference"]
            lines += [f"looks like: {text}" for text in dict.fromkeys(f.diagnosis for f in totals) if text]
            engine = not all(finding.diagnosis.startswith(ADDS_UP) for finding in totals)
            what = ": the engine, or the accumulation of messages" if engine else ""
            yield [f"every backward rule is right, but the total is not{what}", *lines, totals[0].evidence]

    def _in_float32(self) -> list[str]:
        """Say which rules compute in float32 whatever they are given."""
        ops = dict.fromkeys(f.op for f in self.findings if getattr(f.node.op, "single", False))
        return [f"{', '.join(ops)}: computed in float32, and compared as closely as that allows"] if ops else []

    def _all_right(self) -> str:
        local = sum(finding.local for finding in self.findings)
        totals = f", {len(self.findings) - local} gradients from end to end" if local < len(self.findings) else ""
        told = [f"ALL RIGHT: {local} inputs of rules{totals}", *self._in_float32()]
        for name, what in (("kinks", "entries at kinks"), ("blurred", "entries without a usable difference")):
            if aside := sum(getattr(finding, name) for finding in self.findings):
                told.append(f"{aside} {what} set aside")
        text = "; ".join(told)
        if self.method == "taylor":
            return text + ". A WEAKER check: in random directions only"
        sampled = [finding for finding in self.findings if finding.sampled]
        if sampled:
            text += f". A WEAKER check: of {len(sampled)} of these arrays a sample of the entries only"
            text += ", and random directions over all of them" if any(f.directions for f in sampled) else ""
        return text

    def raise_if_failed(self) -> None:
        """Raise `GradientCheckError` with the verdict as its message, unless all is right."""
        if not self.ok:
            raise GradientCheckError(f"gradient check failed\n{self.verdict}")

    def to_dict(self) -> dict[str, Any]:
        """Return it as plain data: ``ok``, ``verdict``, ``method``, ``skipped``, and lists of findings and properties."""
        told = {name: getattr(self, name) for name in ("ok", "verdict", "method", "skipped")}
        return told | {name: [item.to_dict() for item in getattr(self, name)] for name in ("findings", "properties")}

    def to_json(self, indent: int | None = 2) -> str:
        """Return `to_dict` as JSON text, valid by the letter: no NaN, no Infinity."""
        spaces = None if indent is None else whole(indent, "indent", least=0, most=100)
        return json.dumps(self.to_dict(), indent=spaces, ensure_ascii=False, allow_nan=False)

    def __repr__(self) -> str:
        outcome = self.verdict.partition(":")[0].partition(" at ")[0]
        wrong = f"{len(self.failures)} of " if self.failures else ""
        return f"<Report: {outcome}, {wrong}{len(self.findings)} arrays; print it to read more>"

    def plot(self) -> Any:
        """Draw what each wrong rule says against the difference, with matplotlib (the extra ``plots``).

        Of a report without anything wrong all arrays are drawn. Right entries are blue dots on the diagonal, wrong ones red
        crosses, others grey squares.

        Returns
        -------
        matplotlib.figure.Figure

        Raises
        ------
        DrawError
            If matplotlib is missing, or no entry was compared.

        Examples
        --------
        >>> import graphnet as gn
        >>> figure = gn.check_op(gn.tanh, np.linspace(-2, 2, 5)).plot()
        """
        return show.scatter(self.failures or self.findings)

    def __str__(self) -> str:
        parts = []
        for part, title in show.TITLES.items():
            rows = [show.cells_of(finding) for finding in self.findings if finding.part == part]
            if rows:
                parts += [title, table(show.HEADER, rows), ""]
        if self.properties:
            parts += ["Properties of every right rule", *show.property_lines(self.properties), ""]
        if self.skipped:
            parts += [self.skipped, ""]
        return "\n".join([*parts, self.verdict])

    def _repr_html_(self) -> str:
        return show.to_html(self)


def _wrong_at(same: Sequence[Finding]) -> str:
    """Return in words that one rule is wrong, and at which nodes, or one gradient."""
    first = same[0]
    second = ", in the gradients' graph," if first.part.startswith("second") else ""
    if not first.local:
        return f"the gradient of {first.label!r} from end to end{second} is wrong"
    if len(same) == 1:
        which = f"input {first.slot} ({printable(first.input)})"
        return f"the backward rule of {first.op} at {first.label!r}{second} is wrong for {which}"
    labels = listing([repr(finding.label) for finding in same], _FEW)
    which = f"input {first.slot} ({printable(first.input.partition(':')[0])})"
    return f"the backward rule of {first.op}{second} is wrong for {which} at {len(same)} nodes: {labels}"


def _written(node: Node) -> list[str]:
    """Return where the rule of a node is written, if it is none of ours."""
    op = node.op
    ours = op is None or OPS.get(op.name) is type(op)
    return [f"the rule is written at {op.source}"] if op is not None and not ours and op.source else []


def _plain(value: Any) -> Any:
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    return list(value) if isinstance(value, tuple) else value
