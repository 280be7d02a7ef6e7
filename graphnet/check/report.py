"""What a gradient check found, and how that is shown: as text, as HTML for a notebook (the verdict first), and as a plot."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, fields
from html import escape
from typing import Any, Literal

import numpy as np

from graphnet.check.differences import NOTHING, PRECISION, Judged, Judgement
from graphnet.common import matplotlib_needed
from graphnet.common.settings import whole
from graphnet.common.text import html_table, listing, number, printable, table
from graphnet.core.graph import Graph
from graphnet.core.node import Node
from graphnet.core.op import no_backward
from graphnet.core.registry import OPS
from graphnet.errors import DrawError, GradientCheckError

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

TITLES: dict[Part, str] = {
    "rule": "Each backward rule alone",
    "gradient": "From end to end",
    "second order rule": "Second order: each rule of the gradients' graph alone",
    "second order gradient": "Second order: from end to end",
}
HEADER = ("node", "op", "input", "entries", "worst at", "rule says", "difference", "error", "verdict")
_COLOURS = {"right": "#0b6e4f", "wrong": "#b3261e", "undecided": "#8a5a00"}
_PAGE = "color:#1a1a1a;background:#ffffff;padding:0.6em;font-family:sans-serif;font-size:13px;overflow-x:auto"
_SHOWN = 60
"""Rows of a table that are shown; of more, those that are not right come first."""
_PLOTTED = 12
"""How many arrays are plotted."""
_MARKS = {"right": ("o", "#1f5fa8"), "wrong": ("x", "#b3261e"), "undecided": ("s", "#5f6670")}


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
        count = f"; {self.wrong} of {self.entries} entries compared are wrong" if self.wrong else ""
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
        with matplotlib_needed():
            from matplotlib.figure import Figure
        shown = [finding for finding in self.failures or self.findings if finding.entries][:_PLOTTED]
        if not shown:
            raise DrawError("there is nothing to plot: no entry was compared", repair='Check with method="central".')
        columns, rows = min(3, len(shown)), -(-len(shown) // 3)
        figure = Figure(figsize=(4 * columns, 3.6 * rows), layout="constrained")
        for i, finding in enumerate(shown):
            axes, compared = figure.add_subplot(rows, columns, i + 1), finding.compared
            judgement = np.where(np.isin(compared.judgement, ("right", "wrong")), compared.judgement, "undecided")
            for word, (marker, colour) in _MARKS.items():
                at = judgement == word
                if at.any():
                    label = f"{word}: {at.sum()}"
                    axes.scatter(compared.difference[at], compared.rule[at], marker=marker, color=colour, label=label)
            axes.axline((0, 0), slope=1, color="#5f6670", linewidth=0.8, linestyle="--")
            axes.set(xlabel="finite difference", ylabel="backward rule")
            axes.set_title(printable(f"{finding.label}, {finding.input}").replace("$", r"\$"), fontsize=9)
            axes.legend()
        return figure

    @property
    def _sections(self) -> Iterator[tuple[str, list[Finding]]]:
        for part, title in TITLES.items():
            if found := [finding for finding in self.findings if finding.part == part]:
                yield title, found

    def __str__(self) -> str:
        parts = [f"{title}\n{table(HEADER, [*map(cells_of, found)])}\n" for title, found in self._sections]
        if self.properties:
            parts += ["Properties of every right rule", *property_lines(self.properties), ""]
        if self.skipped:
            parts += [self.skipped, ""]
        return "\n".join([*parts, self.verdict])

    def _repr_html_(self) -> str:
        colour = _COLOURS["right" if self.ok else "wrong" if self.failures or self.broken else "undecided"]
        parts = [_block(self.verdict, f"border-left:5px solid {colour};padding:0.4em 0.8em;margin:0 0 0.8em")]
        parts += [f"<b>{escape(title)}</b>{_table(found)}" for title, found in self._sections]
        if self.properties:
            lines = "".join(f"<li>{escape(printable(line))}</li>" for line in property_lines(self.properties))
            parts.append(f'<b>Properties of every right rule</b><ul style="margin:0.2em 0">{lines}</ul>')
        if self.skipped:
            parts.append(_block(self.skipped, "margin:0.6em 0"))
        return f'<div style="{_PAGE}">{"".join(parts)}</div>'


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


def _table(findings: Sequence[Finding]) -> str:
    if len(findings) > _SHOWN:
        findings = sorted(findings, key=lambda finding: finding.verdict == "right")
    colours = [_COLOURS.get(finding.verdict, _COLOURS["undecided"]) for finding in findings[:_SHOWN]]
    looks = [printable(f"looks like: {f.diagnosis}") if f.diagnosis else "" for f in findings[:_SHOWN]]
    marks = dict(enumerate(zip(colours, looks, strict=True)))
    return html_table(HEADER, [cells_of(finding) for finding in findings], marks, _SHOWN)


def _block(text: str, style: str) -> str:
    lines = "<br>".join(escape(printable(line)) for line in text.splitlines())
    return f'<div style="{style};white-space:pre-wrap">{lines}</div>'


def cells_of(finding: Finding) -> Sequence[str]:
    """Return a finding as cells under `HEADER`."""
    counts = [f"{finding.entries} of {finding.of}"] if finding.entries or not finding.directions else []
    counts += [f"{finding.directions} directions"] if finding.directions else []
    counts += [f"{finding.kinks} at kinks"] if finding.kinks else []
    counts += [f"{finding.blurred} without a difference"] if finding.blurred else []
    worst = ["-"] * 4
    if finding.worst is not None:
        numbers = number(finding.rule, 6), number(finding.difference, 6), number(finding.error, 2)
        worst = [str(finding.worst), *numbers]
    if finding.order is not None:
        worst[-1] = f"order {number(finding.order, 3)}"
    verdict = finding.verdict if finding.verdict != "wrong" else "WRONG"
    return [*map(printable, (finding.label, finding.op, finding.input)), ", ".join(counts), *worst, verdict]


def property_lines(properties: Sequence[Property]) -> list[str]:
    """Return a line for each property: of how many rules it holds, and where it does not."""
    lines = []
    for name in dict.fromkeys(item.name for item in properties):
        same = [item for item in properties if item.name == name]
        broken = [item for item in same if not item.holds]
        where = "".join(f"; not of {item.op} at {item.label!r}: {item.evidence}" for item in broken)
        lines.append(f"{name}: {len(same) - len(broken)} of {len(same)} rules{where}")
    return lines
