"""One number of a backward pass, explained: explain."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, Literal

import numpy as np

from graphnet.common.settings import whole
from graphnet.common.text import html_text, norm_of, number
from graphnet.core.leaves import Parameter
from graphnet.core.node import Node, Numbers
from graphnet.core.order import topological_order
from graphnet.engine.passes import BackwardPass
from graphnet.engine.units import SATURATED, Units, entry_of, is_activation
from graphnet.errors import GraphError, GraphnetError, ShapeError
from graphnet.notation.formula import Formula, factors_in
from graphnet.notation.indices import IndexWriter
from graphnet.notation.paths import Path, Place, paths, place_text
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

    def __str__(self) -> str:
        product = " · ".join(map(_bracketed, self.factors)) + " = " if len(self.factors) > 1 else ""
        return f"{product}{number(self.value, 6)}" + (f"    {self.index}" if self.index else "")


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
        unit = place_text(self.node, self.unit)
        what = {
            "error": f"the error signal ∂E/∂{unit} that arrives at the unit",
            "slope": f"the slope g′ at {unit}",
            "activation": f"the signal {unit} fed forward",
        }[self.name]
        return f"{what}: {number(self.size)}"

    def to_dict(self) -> dict[str, Any]:
        """Return it as plain data, but for the values of single samples."""
        names = ("name", "node", "unit", "size", "expected")
        return {name: getattr(self, name) for name in names} | {"unit": list(self.unit)}


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
        return place_text(self.node, self.entry)

    def __repr__(self) -> str:
        return "\n".join([f"∂E/∂{self.name} = {number(self.value, 6)}", *self._formula_lines(), *self._path_lines(),
                          *self._factor_lines(), "", f"verdict: {self.verdict}"])  # fmt: skip

    def _formula_lines(self) -> list[str]:
        lines = []
        if self.left is not None and self.formula is not None:
            lines += ["", f"{self.left} = {self.formula}", *(f"    {term}" for term in self.terms[:MOST_TERMS])]
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
            "paths": [path.to_dict() for path in self.paths],
            "factors": [factor.to_dict() for factor in self.factors],
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
    ways = paths(bwd, node, place, whole(most, "most", least=0))
    factors = factors_of(bwd, node, place)
    largest = max((float(np.abs(gradient).max(initial=0.0)) for gradient in bwd.gradients.values()), default=0.0)
    said = verdict(value, largest if isinstance(node, Parameter) else abs(value), factors)
    shares = tuple(
        Share("the output itself" if m.consumer is None else graph.label(m.consumer), m.slot, float(m.delta[place]))
        for m in bwd.messages(node)
    )
    formula = formula_at(bwd, node, place)
    return Explanation(graph.label(node), place, value, *formula, shares, *ways, factors, *said)


def _entry(label: str, signal: Numbers, entry: Sequence[int] | int | None) -> Place:
    if entry is None:
        if signal.size == 0:
            raise ShapeError(f"{label!r} is empty, shape {signal.shape}", repair="There is no entry to explain.")
        return tuple(int(i) for i in np.unravel_index(int(np.argmax(np.abs(signal))), signal.shape))
    return entry_of(entry, signal.shape, label)


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
    writer, written = IndexWriter.write(reader, [(side, letters) for side in sides])
    left, formula = (Formula(side, writer.places, letters) for side in written)
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

    factors: list[Factor] = []
    if z.kind == "matmul":
        source = z.inputs[0]
        if source.ndim != 2 or len(entry) != 2:
            return ()
        factors = [factor("activation", source, entry[:1], bwd.values[source], 1.0)]
        use = graph.only_use(z)
        if use and use.consumer.kind == "bias_add" and use.slot == 0:
            z = use.consumer
    unit, use = entry[-1:], graph.only_use(z)
    if use and (units := Units.of(bwd, use.consumer)):
        z = use.consumer
        factors = [factor("slope", z, unit, units.slope, units.best), *factors]
    largest = max((rms(signal) for of, signal in bwd.error_signals.items() if is_activation(of)), default=1.0)
    return (factor("error", z, unit, bwd.error_signal(z), largest), *factors)


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
