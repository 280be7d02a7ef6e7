"""One number of a backward pass, explained: explain."""

from __future__ import annotations

import contextlib
import heapq
import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from operator import mul
from typing import Any, Literal, NamedTuple

import numpy as np

from graphnet.common.settings import whole
from graphnet.common.text import html_text, norm_of, number
from graphnet.core.leaves import Parameter
from graphnet.core.node import Node, Numbers
from graphnet.core.order import topological_order
from graphnet.engine.passes import BackwardPass
from graphnet.engine.rules import apply_backward, as_messages, read_only
from graphnet.engine.units import SATURATED, Units, entry_of, is_activation
from graphnet.errors import GraphError, GraphnetError, ShapeError
from graphnet.notation.formula import Formula, factors_in
from graphnet.notation.indices import IndexWriter
from graphnet.notation.reading import Reader
from graphnet.notation.terms import Leaf, SumOver, extent, run

_Name = Literal["error", "slope", "activation"]


@dataclass(frozen=True)
class Share:
    """What one consumer sent back to the entry."""

    consumer: str
    slot: int | None
    value: float


@dataclass(frozen=True)
class Term:
    """One term of the formula, with its numbers.

    Attributes
    ----------
    index : str
        Which it is, as ``"n = 3"``; empty if the formula is no sum.
    factors : tuple of float
        The numbers multiplied, in the order of the formula.
    value : float
        The term.
    """

    index: str
    factors: tuple[float, ...]
    value: float


@dataclass(frozen=True)
class Factor:
    """One of the factors, over all samples.

    Attributes
    ----------
    name : str
        ``"error"``, ``"slope"`` or ``"activation"``.
    node : str
        Label of the node it is of: the unit's output for the first two, what feeds it for the last.
    unit : tuple of int
        Which unit of that node.
    size : float
        Its root mean square over the samples.
    expected : float
        What it could be: the largest error signal of any unit in the pass, the largest slope of this function, 1.
    values : numpy.ndarray
        Its value for each sample.
    """

    name: _Name
    node: str
    unit: tuple[int, ...]
    size: float
    expected: float
    values: Numbers

    @property
    def share(self) -> float:
        """How large it is of what it could be."""
        return self.size / self.expected if self.expected else 0.0

    def __str__(self) -> str:
        unit = str(list(self.unit)) if self.unit else ""
        what = {
            "error": f"the error signal ∂E/∂{self.node}{unit} that arrives at the unit",
            "slope": f"the slope g′ at {self.node}{unit}",
            "activation": f"the signal {self.node}{unit} fed forward",
        }[self.name]
        return f"{what}: {number(self.size)}"


@dataclass(frozen=True, repr=False)
class Explanation:
    """One entry of an error signal or gradient, explained.

    Attributes
    ----------
    node : str
        Label of the node.
    entry : tuple of int
        Which entry.
    value : float
        ∂E/∂(that entry).
    left, formula : Formula or None
        The two sides of its formula, entry by entry; None if the rule behind it can't be read.
    terms : tuple of Term
        The terms of the formula's sum, the largest first.
    messages : tuple of Share
        What each consumer sent; they add up to the value.
    paths : tuple of Path
        The paths to the output with the largest products of slopes. With `rest` they add up to the value.
    paths_found : int
        How many paths there are; if not `all_paths`, how many were found before the search was cut off.
    all_paths : bool
        Whether the search came to its end.
    factors : tuple of Factor
        Of a layer's weight or bias: the error that arrives, the slope, the signal fed forward.
    verdict, culprit : str
        Whether it is small and why, as a sentence; and the factor to blame, ``"error"``, ``"slope"``, ``"activation"``,
        ``"cancels"``, or empty.
    """

    node: str
    entry: Place
    value: float
    left: Formula | None
    formula: Formula | None
    terms: tuple[Term, ...]
    messages: tuple[Share, ...]
    paths: tuple[Path, ...]
    paths_found: int
    all_paths: bool
    factors: tuple[Factor, ...]
    verdict: str
    culprit: str

    @property
    def rest(self) -> float:
        """What the paths that are not listed add: the value less the listed ones."""
        return self.value - sum(path.product for path in self.paths)

    @property
    def name(self) -> str:
        """The entry in words, as ``W1[0, 2]``."""
        return self.node + (str(list(self.entry)) if self.entry else "")

    def __repr__(self) -> str:
        return "\n".join([f"∂E/∂{self.name} = {number(self.value, 6)}", *self._formula_lines(), *self._path_lines(),
                          *self._factor_lines(), "", f"verdict: {self.verdict}"])  # fmt: skip

    def _formula_lines(self) -> list[str]:
        lines = []
        if self.left is not None and self.formula is not None:
            lines += ["", f"{self.left} = {self.formula}", *map(_term_line, self.terms[:MOST_TERMS])]
            if len(self.terms) > MOST_TERMS:
                rest = sum(term.value for term in self.terms[MOST_TERMS:])
                lines.append(f"    {number(rest, 6)}    {len(self.terms) - MOST_TERMS} more terms")
        lines += ["", "messages that add up to it"]
        return lines + [f"    {number(m.value, 6)}    from {m.consumer}" for m in self.messages]

    def _path_lines(self) -> list[str]:
        title = "paths to the output on which no slope is 0:"
        if not self.all_paths and not self.paths:
            return ["", f"{title} too many to follow"]
        count = f"{self.paths_found}" if self.all_paths else f"more than {self.paths_found}"
        lines = ["", f"{title} {count}, each the product of its slopes"]
        for path in self.paths:
            slopes = " · ".join(_bracketed(slope) for slope in path.slopes if slope != 1)
            lines.append(f"    {number(path.product, 6)} = {slopes or '1'}    {path}")
        left_out = self.paths_found - len(self.paths)
        if left_out > 0 or not self.all_paths:
            what = f"the other {left_out}" if self.all_paths else "all others"
            lines.append(f"    {number(self.rest, 6)}    {what}")
        return lines

    def _factor_lines(self) -> list[str]:
        if not self.factors:
            return []
        return ["", "factors, root mean square over the samples", *(f"    {factor}" for factor in self.factors)]

    def _repr_html_(self) -> str:
        return html_text(str(self))

    def to_dict(self) -> dict[str, Any]:
        """Return it as plain data."""
        as_they_are = ("node", "value", "paths_found", "all_paths", "rest", "verdict", "culprit")
        return {name: getattr(self, name) for name in as_they_are} | {
            "entry": list(self.entry),
            "formula": None if self.formula is None else f"{self.left} = {self.formula}",
            "terms": [vars(term) | {"factors": list(term.factors)} for term in self.terms],
            "messages": [dict(vars(message)) for message in self.messages],
            "paths": [
                {
                    "places": [{"node": label, "entry": list(entry)} for label, entry in path.places],
                    "slopes": list(path.slopes),
                    "product": path.product,
                }
                for path in self.paths
            ],
            "factors": [
                {"name": f.name, "node": f.node, "unit": list(f.unit), "size": f.size, "expected": f.expected}
                for f in self.factors
            ],
        }


MOST_TERMS = 6
"""Terms that are written out."""


def explain(
    bwd: BackwardPass, node: Node | str, entry: Sequence[int] | int | None = None, *, most: int = 8
) -> Explanation:
    """Explain one number of a backward pass: where ∂E/∂(one entry of a node) comes from.

    Parameters
    ----------
    bwd
        The pass.
    node
        A parameter, or any node that an error signal reaches.
    entry
        Which entry of it; the largest in magnitude if not given.
    most
        How many paths to list.

    Returns
    -------
    Explanation
        The formula with the numbers put in, the messages that add up to it, the paths to the output with their products
        of slopes, and which factor made it small, if it is: the error, the slope or the activation.

    Raises
    ------
    UnreachableError
        If no error signal reaches the node: there is nothing to explain, which is not the same as 0.
    ShapeError
        If the node has no such entry.
    GraphError
        If `bwd` is no backward pass, or has numbers set by hand.

    Notes
    -----
    Slopes are entries of Jacobians, found by running the ops' own backward rules. All paths are found
    if they visit no more than 20,000 places and take no more than about 3,000 runs of rules, fewer if these have many
    inputs. Else the search follows the largest contributions from layer to layer, and what it leaves out is one line.

    Examples
    --------
    >>> import graphnet as gn
    >>> w, x = gn.parameter("w", [0.5, 2.0]), gn.input("x", shape=(2,))
    >>> E = gn.square(gn.sum(w * x, name="s"), name="E")
    >>> print(explain(gn.backward(E, {x: [3.0, 1.0]}), w, 0))
    ∂E/∂w[0] = 21
    <BLANKLINE>
    ∂E/∂w_k = ∂E/∂s x_k
        7 · 3 = 21
    <BLANKLINE>
    messages that add up to it
        21    from multiply_1
    <BLANKLINE>
    paths to the output on which no slope is 0: 1, each the product of its slopes
        21 = 3 · 7    w[0] → multiply_1[0] → s → E
    <BLANKLINE>
    verdict: it is not small: the largest gradient of any parameter is 21
    """
    if not isinstance(bwd, BackwardPass):
        raise GraphError(
            f"explain takes a backward pass, got {type(bwd).__name__}",
            repair="Write explain(gn.backward(E, feeds), W).",
        )
    graph = bwd.graph
    if set_by_hand := [graph.label(each) for each in (*bwd.replaced, *bwd.replaced_error_signals)]:
        raise GraphError(
            f"numbers of this pass were set by hand, at {', '.join(set_by_hand)}: no rule explains them",
            repair="Explain a pass without replace; gn.draw(bwd, minus=other) shows what a replacement changes.",
        )
    node = graph[node]
    signal = bwd.error_signal(node)
    place = _entry(graph.label(node), signal, entry)
    value = float(signal[place])
    found, count, complete = paths(bwd, node, place, whole(most, "most", least=0))
    factors = factors_of(bwd, node, place)
    largest = max((float(np.abs(gradient).max(initial=0.0)) for gradient in bwd.gradients.values()), default=0.0)
    sentence, culprit = verdict(value, largest if isinstance(node, Parameter) else abs(value), factors)
    left, formula, terms = formula_at(bwd, node, place)
    return Explanation(
        graph.label(node),
        place,
        value,
        left,
        formula,
        terms,
        tuple(
            Share("the output itself" if m.consumer is None else graph.label(m.consumer), m.slot, float(m.delta[place]))
            for m in bwd.messages(node)
        ),
        found,
        count,
        complete,
        factors,
        sentence,
        culprit,
    )


def _entry(label: str, signal: Numbers, entry: Sequence[int] | int | None) -> Place:
    if entry is None:
        if signal.size == 0:
            raise ShapeError(f"{label!r} is empty, shape {signal.shape}", repair="There is no entry to explain.")
        return tuple(int(i) for i in np.unravel_index(int(np.argmax(np.abs(signal))), signal.shape))
    return entry_of(entry, signal.shape, label)


def _term_line(term: Term) -> str:
    product = " · ".join(map(_bracketed, term.factors)) + " = " if len(term.factors) > 1 else ""
    where = f"    {term.index}" if term.index else ""
    return f"    {product}{number(term.value, 6)}{where}"


def _bracketed(value: float) -> str:
    return f"({number(value)})" if value < 0 else number(value)


# The formula of one entry, and its terms in numbers -----------------------------------------------------------------


def formula_at(bwd: BackwardPass, node: Node, entry: Place) -> tuple[Formula | None, Formula | None, tuple[Term, ...]]:
    """Return the two sides of the node's formula entry by entry, and its terms at `entry`."""
    outputs = bwd.graph.outputs
    if len(outputs) > 1 or not all(np.all(m.delta == 1) for m in bwd.messages(outputs[0]) if m.consumer is None):
        return None, None, ()  # formulas take for granted that the pass started with ∂E/∂E = 1
    reader = Reader(bwd.graph)
    try:
        sides = reader.signal(node), _error_signal(reader, bwd, node)
    except GraphnetError:  # a rule that can't be read: the numbers are there all the same
        return None, None, ()
    letters = reader.letters[bwd.graph.label(node)]
    writer = IndexWriter.clear(reader, lambda writer: [writer.entries(side, letters) for side in sides])
    left, formula = (Formula(writer.entries(side, letters), writer.places, letters) for side in sides)
    return left, formula, _terms_at(bwd, formula, entry)


def _error_signal(reader: Reader, bwd: BackwardPass, node: Node) -> Node:
    """Return the sum of what the consumers send, with error signals that are merely passed on traced to their origin."""
    messages = cache(reader.messages)  # a consumer may have this node as many of its inputs

    def received(of: Node) -> Node:
        parts = [
            reader.number(1.0) if message.consumer is None else messages(message.consumer)[message.slot or 0]
            for message in bwd.messages(of)
        ]
        return reader.total([part for part in parts if part is not None], of.shape)

    formula = received(node)
    for _ in range(8):
        passed_on: dict[Node, Node] = {}
        for signal in topological_order([formula]):
            if isinstance(signal, Leaf) and signal.role == "error signal":
                origin = received(bwd.graph[signal.label])
                if extent(origin)[0] <= 2:
                    passed_on[signal] = origin
        if not passed_on:
            break
        formula = reader.substitute(formula, passed_on)
    return formula


def _terms_at(bwd: BackwardPass, formula: Formula, entry: Place) -> tuple[Term, ...]:
    """Return the terms of the outermost sums, with the numbers of each factor."""
    body, sums, counts = formula.node, [], []
    while isinstance(body.op, SumOver):
        sums.append(body.op.letter)
        counts.append(int(run(body.inputs[1], bwd)))
        body = body.inputs[0]
    free = [letter for letter in formula.indices if letter is not None]
    place = tuple(i for i, letter in zip(entry, formula.indices, strict=True) if letter is not None)
    signals = {bwd.graph.label(node): signal for node, signal in bwd.error_signals.items()}

    def at_entry(part: Node) -> Numbers:
        array = formula.along(run(part, bwd, signals), [*free, *sums])
        return np.asarray(array[tuple(i if array.shape[axis] > 1 else 0 for axis, i in enumerate(place))])

    values = np.broadcast_to(at_entry(body), counts)
    factors = [np.broadcast_to(at_entry(factor), values.shape) for factor in factors_in(body)]
    terms = [
        Term(
            ", ".join(f"{letter} = {i}" for letter, i in zip(sums, index, strict=True)),
            tuple(float(factor[index]) for factor in factors),
            float(values[index]),
        )
        for index in np.ndindex(values.shape)
    ]
    return tuple(sorted(terms, key=lambda term: -abs(term.value)))


# The three factors of a weight's gradient: the error that arrives, the slope g′, and the signal fed forward ----------

_SMALL = 0.1
"""A factor below this share of what it could be is called small."""


def factors_of(bwd: BackwardPass, node: Node, entry: Place) -> tuple[Factor, ...]:
    """Return the factors of an entry of a layer's weights or bias; empty if the node is not such a parameter."""
    graph = bwd.graph
    use = graph.only_use(node)
    if use is None or use.slot != 1 or use.consumer not in bwd.error_signals:
        return ()
    z = use.consumer
    if z.kind not in ("matmul", "bias_add") or z.ndim != 2:
        return ()

    def factor(name: _Name, of: Node, unit: Place, array: Numbers, expected: float) -> Factor:
        values = array[..., unit[0]]
        return Factor(name, graph.label(of), unit, rms(values), expected, values)

    fed: tuple[Factor, ...] = ()
    slope: tuple[Factor, ...] = ()
    if z.kind == "matmul":
        source = z.inputs[0]
        if source.ndim != 2 or len(entry) != 2:
            return ()
        fed = (factor("activation", source, entry[:1], bwd.values[source], 1.0),)
        use = graph.only_use(z)
        if use and use.consumer.kind == "bias_add" and use.slot == 0:
            z = use.consumer
    use = graph.only_use(z)
    a = use.consumer if use else z
    unit, arrives_at = entry[-1:], z
    if units := Units.of(bwd, a):
        slope, arrives_at = (factor("slope", a, unit, units.slope, units.best),), a
    largest = max((rms(signal) for of, signal in bwd.error_signals.items() if is_activation(of)), default=1.0)
    return (factor("error", arrives_at, unit, bwd.error_signal(arrives_at), largest), *slope, *fed)


def rms(array: Any) -> float:
    """Return the root of the mean of squares; 0 of nothing."""
    return norm_of(array) / np.size(array) ** 0.5 if np.size(array) else 0.0


def verdict(value: float, largest: float, factors: tuple[Factor, ...]) -> tuple[str, _Name | Literal["cancels", ""]]:
    """Say in a sentence whether a gradient is small, and which factor made it so."""
    if not np.isfinite(value):
        return f"it is not finite ({value}): look for the first node whose value or error signal is not", ""
    zero = next((factor for factor in factors if not np.any(factor.values)), None)
    small = min(factors, key=lambda factor: factor.share, default=None)
    terms: Numbers = np.prod([factor.values for factor in factors], axis=0)
    if value == 0 and zero is not None:
        return f"it is exactly 0, because in every sample {str(zero).replace(': 0', ' is 0')}", zero.name
    if value == 0 and small is not None and not np.any(terms):
        return "it is exactly 0: in each sample one of its factors is", small.name
    if value == 0:
        return "it is exactly 0, though not all its terms are: they cancel", "cancels"
    if abs(value) > 0.01 * largest:
        if small is not None and small.share < _SMALL * _SMALL:
            every = f"it is small, as all gradients of this pass are (the largest is {number(largest)})"
            return f"{every}, because of the {small.name}: {_is_small(small)}", small.name
        return f"it is not small: the largest gradient of any parameter is {number(largest)}", ""
    if small is not None and small.share < _SMALL:
        return f"it is small, because of the {small.name}: {_is_small(small)}", small.name
    if factors and abs(terms.sum()) < _SMALL * np.abs(terms).sum():
        return "it is small, because the samples pull in opposite directions: their terms cancel", "cancels"
    return "it is small, but no single factor is", ""


def _is_small(factor: Factor) -> str:
    return {
        "error": f"{factor}, where the largest of any layer is {number(factor.expected)}",
        "slope": f"{factor}, where it can be {number(factor.expected)}{_saturated(factor)}",
        "activation": f"{factor}: there is hardly a signal for the weight to act on",
    }[factor.name]


def _saturated(factor: Factor) -> str:
    """Say it only of a unit that is so in every sample, by what is called saturated anywhere."""
    at_every = np.abs(factor.values) < SATURATED * factor.expected
    return ": the unit is saturated" if np.all(at_every) and np.any(factor.values) else ""


# Paths from one entry to the output: the chain rule as a sum over paths, each the product of its slopes --------------


Place = tuple[int, ...]

MOST_STEPS = 20_000
"""How many entries all paths together may visit. Where they visit more, the search goes on with a few."""

KEPT_WAYS = 16
"""How many those few are."""

MOST_WORK = 120_000
"""Inputs given to rules, in all their runs together; a run itself counts as twenty."""


@dataclass(frozen=True)
class Path:
    """One way from an entry to the output. Printed without nodes that merely pass an entry on, with slope 1.

    Attributes
    ----------
    places : tuple of (str, tuple of int)
        The label of each node on the way and the entry of its value, from where it starts to the output.
    slopes : tuple of float
        ∂(each place)/∂(the one before it); one fewer than places, and at the end the error signal the output starts with.
    product : float
        The product of the slopes: what this path adds to the gradient.
    """

    places: tuple[tuple[str, Place], ...]
    slopes: tuple[float, ...]
    product: float

    def __str__(self) -> str:
        shown = list(self.places[:1])
        for i, place in enumerate(self.places[1:]):
            if self.slopes[i] != 1 or place[1] != self.places[i][1] or place is self.places[-1]:
                shown.append(place)
        return " → ".join(label + (str(list(entry)) if entry else "") for label, entry in shown)


class _Trail(NamedTuple):
    """The last place of a path, and how it was reached; and what all ways on from there add to the gradient."""

    node: Node
    entry: Place
    slope: float
    product: float
    adds: float
    before: _Trail | None


def paths(bwd: BackwardPass, node: Node, entry: Place, most: int) -> tuple[tuple[Path, ...], int, bool]:
    """Return paths from an entry to the outputs, `most` of largest product; how many were found; whether these are all.

    All ways are followed at once, from node to node in topological order. Once it is clear that they are too many to be
    followed to their ends, only those few are whose product of slopes so far times error signal is largest. Paths on
    which a slope is exactly 0 add nothing and are left out.
    """
    slopes, ahead = Slopes(bwd), _ahead(bwd)
    found: list[tuple[_Trail, float]] = []
    ways = {node: [_Trail(node, entry, 1.0, 1.0, 0.0, None)]}
    steps, complete = ahead[node], True
    for here in bwd.graph.nodes:
        if here not in ways:
            continue
        if not complete:
            ways = _largest(ways, max(KEPT_WAYS, most))
        received = bwd.messages(here)
        for trail in ways.pop(here, ()):
            for consumer, slot, delta in received:
                if consumer is None or slot is None:
                    found.append((trail, float(delta[trail.entry])))
                    continue
                if slopes.work >= MOST_WORK // (1 + complete):  # half of it is left to follow some ways to their ends
                    complete = False
                    break
                column, signal = slopes.column(consumer, slot, trail.entry), bwd.error_signals[consumer]
                onward = ways.setdefault(consumer, [])
                for output, slope in column:
                    product = trail.product * slope
                    adds = abs(product * signal.item(output))
                    onward.append(_Trail(consumer, output, slope, product, adds, trail))
                steps += ahead[consumer] * len(column)
            steps -= ahead[here] - 1  # what was ahead of it is ahead of those it leads to
        complete = complete and steps <= MOST_STEPS
    found.sort(key=lambda end: -abs(end[0].product * end[1]))
    return tuple(_path(bwd, *end) for end in found[:most]), len(found), complete


def _ahead(bwd: BackwardPass) -> dict[Node, int]:
    """Return how many nodes the shortest way from each node to an output visits."""
    ahead: dict[Node, int] = {}
    for node in reversed(bwd.graph.nodes):
        if node in bwd.error_signals:
            ahead[node] = 1 + min(0 if consumer is None else ahead[consumer] for consumer, *_ in bwd.messages(node))
    return ahead


def _largest(ways: dict[Node, list[_Trail]], count: int) -> dict[Node, list[_Trail]]:
    """Return as many ways as `count`, those that add most."""
    kept: dict[Node, list[_Trail]] = {}
    for trail in heapq.nlargest(count, itertools.chain.from_iterable(ways.values()), key=lambda trail: trail.adds):
        kept.setdefault(trail.node, []).append(trail)
    return kept


def _path(bwd: BackwardPass, end: _Trail, start: float) -> Path:
    trails = [end]
    while (before := trails[-1].before) is not None:
        trails.append(before)
    trails.reverse()
    places = tuple((bwd.graph.label(trail.node), trail.entry) for trail in trails)
    return Path(places, (*(trail.slope for trail in trails[1:]), start), end.product * start)


# Slopes -------------------------------------------------------------------------------------------------------------

_FEW = 16
"""With no more outputs than this, each is asked for its slope; with more, those that move when the input does."""


class Slopes:
    """The slopes of single entries in one pass, found when asked for.

    Attributes
    ----------
    work : int
        How many inputs the rules were given that were run for single entries; a run itself counts as twenty.
    """

    def __init__(self, bwd: BackwardPass) -> None:
        self.bwd = bwd
        self.work = 0
        self._probes: dict[Node, tuple[Numbers, Sequence[Any]]] = {}
        self._rows: dict[tuple[Node, Place], Sequence[Any]] = {}
        self._columns: dict[tuple[Node, int, Place], list[tuple[Place, float]]] = {}

    def column(self, consumer: Node, slot: int, entry: Place) -> list[tuple[Place, float]]:
        """Return the outputs of `consumer` that an entry of its input moves, each with ∂output/∂entry."""
        key = (consumer, slot, entry)
        if key not in self._columns:
            passed_on = self._passed_on(consumer, slot, entry)
            self._columns[key] = self._moved(consumer, slot, entry) if passed_on is None else [(passed_on, 1.0)]
        return self._columns[key]

    def _passed_on(self, consumer: Node, slot: int, entry: Place) -> Place | None:
        """Return the output whose error signal itself is what the entry is sent; None if the rule computes what it sends.

        Concatenation sends views of its error signal, and so do many others. One run tells of all inputs where they lie.
        """
        if consumer not in self._probes:
            delta = np.zeros(self.bwd.values[consumer].shape, self.bwd.values[consumer].dtype)
            self._probes[consumer] = delta, messages(self.bwd, consumer, delta)
        delta, sent = self._probes[consumer]
        if (message := sent[slot]) is None:
            return None
        address = message.ctypes.data + sum(map(mul, message.strides, entry))
        place, odd = divmod(address - delta.ctypes.data, delta.itemsize)
        if odd or not 0 <= place < delta.size:
            return None
        return tuple(int(i) for i in np.unravel_index(place, delta.shape))

    def _moved(self, consumer: Node, slot: int, entry: Place) -> list[tuple[Place, float]]:
        moved = ((output, self._row(consumer, output)[slot]) for output in self._outputs(consumer, slot, entry))
        return [(output, row.item(entry)) for output, row in moved if row is not None and row[entry] != 0]

    def _row(self, consumer: Node, output: Place) -> Sequence[Any]:
        """Return what the rule sends for an error signal that is 1 at one output: the slopes of that."""
        row = self._rows.get((consumer, output))
        if row is None:
            self.work += 20 + len(consumer.inputs)
            delta = np.zeros_like(self.bwd.values[consumer])
            delta[output] = 1
            row = self._rows[consumer, output] = messages(self.bwd, consumer, delta)
        return row

    def _outputs(self, consumer: Node, slot: int, entry: Place) -> list[Place]:
        """Return the outputs to ask: all of them if they are few, else those that move, and the one in the same place."""
        value = self.bwd.values[consumer]
        if value.size <= _FEW:
            return list(np.ndindex(value.shape))
        op = consumer.op
        assert op is not None
        inputs = [self.bwd.values[source] for source in consumer.inputs]
        moved = np.zeros(value.shape, bool)
        if inputs[slot].shape == value.shape:
            moved[entry] = True
        inputs[slot] = inputs[slot].copy()
        here = inputs[slot][entry]
        step = 1e-3 * max(1.0, abs(float(here)))
        with np.errstate(all="ignore"):
            for there in (here - step, here + step):
                inputs[slot][entry] = there
                moved |= np.asarray(op.forward(*inputs)) != value
        self.work += 2 * len(inputs)
        return list(zip(*(axis.tolist() for axis in np.nonzero(moved)), strict=True))


def messages(bwd: BackwardPass, node: Node, delta: Numbers) -> Sequence[Any]:
    """Return what a node's backward rule sends to each input, given an error signal."""
    op, inputs = node.op, [bwd.values[source] for source in node.inputs]
    assert op is not None
    with np.errstate(
        all="ignore"
    ):  # the pass itself has shown what is not finite, and that the rule keeps to what rules must
        if all(array.dtype.kind == "f" for array in inputs):
            with contextlib.suppress(Exception):
                return as_messages(op, op.backward(read_only(delta), bwd.values[node], *inputs), len(inputs))
        return apply_backward(bwd.graph, node, delta, bwd.values[node], inputs)
