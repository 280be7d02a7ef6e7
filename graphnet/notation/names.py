"""What the nodes of a graph are called in formulas, and the letters of their axes: layers run i → j → k, samples are n."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, count
from typing import Any, TypeAlias

from graphnet import ops
from graphnet.common.text import short
from graphnet.core.graph import Graph
from graphnet.core.leaves import Constant
from graphnet.core.node import Node
from graphnet.core.op import Op
from graphnet.core.shapes import Shape, normal_axes
from graphnet.engine.units import is_activation
from graphnet.ops.activations import AlongAxis
from graphnet.ops.elementwise import Elementwise
from graphnet.ops.losses import Loss
from graphnet.ops.normalisation import Normalisation
from graphnet.ops.reductions import Reduction

Letters: TypeAlias = tuple[str | None, ...]
"""One letter an axis; None for an axis of size 1 that is not counted along."""

_GREEK_WORDS = (
    "alpha beta gamma delta epsilon zeta eta theta iota kappa lambda mu nu xi pi rho sigma tau upsilon phi chi psi omega "
    "Gamma Delta Theta Lambda Xi Pi Sigma Phi Psi Omega"
)
GREEK = dict(zip(_GREEK_WORDS.split(), "αβγδεζηθικλμνξπρστυφχψωΓΔΘΛΞΠΣΦΨΩ", strict=True))
_TAKEN = frozenset({"δ", "Σ", "σ"})
"""Letters with a meaning of their own in every formula: such a name is written out as a word."""

_SPELLED = {letter: word for word, letter in GREEK.items()}

_NAME = re.compile(r"([A-Za-z]|" + "|".join(GREEK) + r"|[α-ωΑ-Ω])(?:_?([0-9]+)|_([A-Za-z0-9]+))?|([A-Za-z]+)_?([0-9]*)")
_NUMBERED_SCOPE = re.compile(r"[A-Za-z]+_?([0-9]+)")


@dataclass(frozen=True)
class Symbol:
    """A letter or a word, with a subscript.

    Attributes
    ----------
    base
        One letter, set in italics; or a word, a whole name if need be, set upright.
    sub
        The subscript; empty for none.
    """

    base: str
    sub: str = ""


def candidates(name: str) -> Iterator[Symbol]:
    """Yield symbols that a name asks for by its form, the shortest first, the whole name last.

    Examples
    --------
    >>> [next(candidates(name)) for name in ("a1", "theta", "logits")]
    [Symbol(base='a', sub='1'), Symbol(base='θ', sub=''), Symbol(base='logits', sub='')]
    >>> list(candidates("layer_2/W"))
    [Symbol(base='W', sub='2'), Symbol(base='W', sub='layer_2'), Symbol(base='layer_2/W', sub='')]
    """
    *scopes, last = name.split("/")
    match = _NAME.fullmatch(last) if len(name) < 200 else None
    if match is not None:
        letter, digits, word, long, long_digits = match.groups()
        base = GREEK.get(letter, letter) if letter else long
        base = _SPELLED[base] if base in _TAKEN else base
        sub = digits or word or long_digits or ""
        numbered = _NUMBERED_SCOPE.fullmatch(scopes[0]) if len(scopes) == 1 and not sub else None
        if numbered:
            yield Symbol(base, numbered[1])
        yield Symbol(base, short(" ".join(filter(None, [*scopes, sub]))))
    yield Symbol(short(name))


class Symbols:
    """The symbol of each node of a graph, no two alike.

    A named node is called what its name says. Of those without a name, the outputs of activations become a₁, a₂, …, the
    pre-activations they are made of z₁, z₂, …, these without their bias u₁, u₂, …, constants c₁, … and all else v₁, v₂, … Or
    all are called `by_label`, as on boxes.
    """

    def __init__(self, graph: Graph, *, by_label: bool = False) -> None:
        self.pre_activations = frozenset(_pre_activations(graph))
        self._symbols: dict[Node, Symbol] = {}
        self._taken: set[Symbol] = set()
        self._numbers: defaultdict[str, Iterator[int]] = defaultdict(lambda: count(1))
        named = [node for node in graph.nodes if node.name is not None or by_label]
        for node in sorted(named, key=lambda node: "/" in graph.label(node)):  # W1 goes before layer_1/W
            name = graph.label(node)
            differ_in_what_is_cut = (Symbol(short(name) + "′" * more) for more in count(1))
            self._give(node, chain(candidates(name), differ_in_what_is_cut))
        output = graph.outputs[0]
        if output.name is None and output.shape == () and Symbol("E") not in self._taken:
            self._give(output, [Symbol("E")])
        self._name_the_rest(graph)

    def __getitem__(self, node: Node) -> Symbol:
        return self._symbols[node]

    def _give(self, node: Node, symbols: Iterable[Symbol]) -> None:
        """Give a node the first of these symbols that no other has."""
        symbol = next(symbol for symbol in symbols if symbol not in self._taken)
        self._symbols[node] = symbol
        self._taken.add(symbol)

    def _name_the_rest(self, graph: Graph) -> None:
        def give(node: Node, letter: str, sub: str = "") -> None:
            numbered = (Symbol(letter, str(n)) for n in self._numbers[letter])
            self._give(node, chain([Symbol(letter, sub)] if sub else [], numbered))

        for node in graph.nodes:
            if is_activation(node):
                z = node.inputs[0]
                if node not in self._symbols:
                    partner = self._symbols.get(z)
                    give(node, "a", partner.sub if partner and partner.base == "z" else "")
                if z not in self._symbols and z in self.pre_activations:
                    give(z, "z", self._symbols[node].sub)
            elif node in self.pre_activations and node not in self._symbols and _is_scored(graph, node):
                give(node, "z")
        for node in graph.nodes:
            if node in self._symbols:
                continue
            use = graph.only_use(node)
            if use and use.consumer in self._symbols and use.consumer.kind == "bias_add":
                give(node, "u", self._symbols[use.consumer].sub)  # z₁ = u₁ + b₁
            else:
                give(node, "c" if isinstance(node, Constant) else "v")


_SUMS = frozenset({"matmul", "bias_add", "add"})
_WITH_ACTIVATION = (ops.BinaryCrossEntropy, ops.CrossEntropy)


def _pre_activations(graph: Graph) -> Iterator[Node]:
    """Yield the weighted sums that activations are applied to, or losses: these hold the activation, or it is z itself."""
    for node in graph.nodes:
        if node.kind in _SUMS and (
            any(is_activation(consumer) for consumer, _ in graph.consumers(node)) or _is_scored(graph, node)
        ):
            yield node


def _is_scored(graph: Graph, node: Node) -> bool:
    """Tell whether a loss is asked about a node itself; a sum of other things than weighted signals may be any output."""
    kinds = _WITH_ACTIVATION if node.kind == "add" else Loss
    return any(slot == 0 and isinstance(consumer.op, kinds) for consumer, slot in graph.consumers(node))


# Letters of axes ------------------------------------------------------------------------------------------------------

SAMPLE = "n"


def letters_of_axes(graph: Graph) -> dict[str, Letters]:
    """Return a letter for each axis of each node, by label; axes that an op lines up share one.

    Examples
    --------
    >>> import graphnet as gn
    >>> x = gn.input("x", shape=(None, 2))
    >>> a = gn.tanh(x @ gn.parameter("W", [[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]), name="a")
    >>> letters = letters_of_axes(gn.Graph(gn.sum(a, name="E")))
    >>> letters["x"], letters["W"], letters["a"]
    (('n', 'j'), ('j', 'k'), ('n', 'k'))
    """
    from networkx.utils import UnionFind

    number = {node: i for i, node in enumerate(graph.nodes)}
    axes = [(i, axis) for node, i in number.items() for axis in range(node.ndim)]
    same = UnionFind(axes)
    for node in graph.nodes:
        for (one, axis), (other, other_axis) in _lined_up(node):
            same.union((number[one], axis), (number[other], other_axis))
    samples = next((same[number[x], 0] for x in graph.inputs if x.ndim > 1 or None in x.shape), None)
    classes = [axis for axis in dict.fromkeys(map(same.__getitem__, axes)) if axis is not samples]
    names: dict[Any, str] = dict(zip(classes, _letters_for(len(classes)), strict=True))
    if samples is not None:
        names[samples] = SAMPLE
    return {
        graph.label(node): _distinct([names[same[i, axis]] for axis in range(node.ndim)]) for node, i in number.items()
    }


def _distinct(letters: Sequence[str]) -> tuple[str, ...]:
    """Return letters of which no two are alike: w_kk′ of a square W, not w_kk, its diagonal."""
    distinct: list[str] = []
    for letter in letters:
        distinct.append(fresh(letter, distinct))
    return tuple(distinct)


def fresh(letter: str, used: Collection[str]) -> str:
    """Return a letter that is not used yet: with primes, if it is."""
    while letter in used:
        letter += "′"
    return letter


def _letters_for(count: int) -> list[str]:
    if count <= 3:
        return list("ijk"[3 - count :])
    plain = "ijklmpqrsuvwxyz"
    return [plain[i % len(plain)] + "′" * (i // len(plain)) for i in range(count)]


_Axis: TypeAlias = tuple[Node, int]


def _lined_up(node: Node) -> Iterator[tuple[_Axis, _Axis]]:
    """Yield the axes that a node's op takes to run along with each other."""
    if node.op is None:
        return
    if isinstance(node.op, Loss):
        prediction, target = node.inputs
        yield from (((prediction, axis), (target, axis)) for axis in range(prediction.ndim))
    if isinstance(node.op, ops.Matmul):
        x, y = node.inputs
        yield (x, x.ndim - 1), (y, max(y.ndim - 2, 0))
    all_along = axes_along(node.op, node.shape, [source.shape for source in node.inputs])
    for source, along in zip(node.inputs, all_along, strict=True):
        yield from (((source, axis), (node, to)) for axis, to in enumerate(along) if to is not None)


# Along which axis of the output each axis of an operand runs -----------------------------------------------------------

_Along: TypeAlias = tuple[int | None, ...]
"""For each axis of an operand an axis of the output; None for one that ends in the op, or is stretched there."""


def axes_along(op: Op, output: Shape, operands: Sequence[Shape]) -> list[_Along]:
    """Return where the axes of each operand go; all of them end in an op of which nothing is known.

    Examples
    --------
    >>> axes_along(ops.Matmul(), (4, 3), [(4, 2), (2, 3)])
    [(0, None), (None, 1)]
    """
    if isinstance(op, ops.Matmul):
        x, y = operands
        stack = range(len(output) - (len(x) > 1) - (len(y) > 1))
        in_x, in_y = (stack[len(stack) - max(len(z) - 2, 0) :] for z in operands)
        row = [len(stack)] if len(x) > 1 else []
        column = [len(output) - 1] if len(y) > 1 else []
        return [(*in_x, *row, None), (*in_y, None, *column)]
    if isinstance(op, _MOVING) and takes_all(op):
        gone = normal_axes(op.axes, len(operands[0])) if isinstance(op, ops.Squeeze) else ()
        sizes = [1 if axis in gone else axis + 2 for axis in range(len(operands[0]))]  # no two axes alike
        after = op.shape(tuple(sizes))
        return [tuple(after.index(size) if size > 1 and size in after else None for size in sizes)]
    keeps_shape = not type(op).__module__.startswith("graphnet.ops") and all(operand == output for operand in operands)
    if isinstance(op, _KEEPING) or keeps_shape:  # a custom op that keeps it works entry by entry, most likely
        return [_aligned(output, operand) for operand in operands]
    return [(None,) * len(operand) for operand in operands]


_KEEPING = (AlongAxis, Elementwise, Normalisation, ops.BiasAdd, ops.BroadcastTo)
_MOVING = (ops.Transpose, Reduction, ops.Squeeze, ops.ExpandDims, ops.Getitem)


def _aligned(output: Shape, operand: Shape) -> _Along:
    extra = len(output) - len(operand)
    return tuple(None if size == 1 and output[extra + axis] != 1 else extra + axis for axis, size in enumerate(operand))


def takes_all(op: Op | None) -> bool:
    """Tell whether an op is no indexing that leaves entries out."""
    return not isinstance(op, ops.Getitem) or all(item in (None, "...", (None, None, None)) for item in op.index)
