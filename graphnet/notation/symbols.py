"""Symbols: what a node is called in a formula."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from graphnet.core.graph import Graph
from graphnet.core.leaves import Constant
from graphnet.core.node import Node
from graphnet.core.text import short
from graphnet.engine.units import is_activation
from graphnet.ops.losses import BinaryCrossEntropy, CrossEntropy, Loss

GREEK = {
    "alpha": "α", "beta": "β", "gamma": "γ", "delta": "δ", "epsilon": "ε", "zeta": "ζ", "eta": "η", "theta": "θ",
    "iota": "ι", "kappa": "κ", "lambda": "λ", "mu": "μ", "nu": "ν", "xi": "ξ", "pi": "π", "rho": "ρ", "sigma": "σ",
    "tau": "τ", "upsilon": "υ", "phi": "φ", "chi": "χ", "psi": "ψ", "omega": "ω",
    "Gamma": "Γ", "Delta": "Δ", "Theta": "Θ", "Lambda": "Λ", "Xi": "Ξ", "Pi": "Π", "Sigma": "Σ", "Phi": "Φ",
    "Psi": "Ψ", "Omega": "Ω",
}  # fmt: skip
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
        sub = digits or word or long_digits or ""
        numbered = _NUMBERED_SCOPE.fullmatch(scopes[0]) if len(scopes) == 1 and not sub else None
        if numbered:
            yield Symbol(_free(base), numbered[1])
        yield Symbol(_free(base), short(" ".join(filter(None, [*scopes, sub]))))
    yield Symbol(short(name))


def _free(base: str) -> str:
    """Return a base, spelled out if the letter has a meaning of its own in formulas."""
    return _SPELLED[base] if base in _TAKEN else base


class Symbols:
    """The symbol of each node of a graph, no two alike.

    A named node is called what its name says. Of those without a name, the outputs of activations become a₁, a₂, …, the
    pre-activations they are made of z₁, z₂, …, these without their bias u₁, u₂, …, constants c₁, … and all else v₁, v₂, …
    """

    def __init__(self, graph: Graph) -> None:
        self.pre_activations = frozenset(_pre_activations(graph))
        self._symbols: dict[Node, Symbol] = {}
        taken: set[Symbol] = set()
        named = [node for node in graph.nodes if node.name is not None]
        for node in sorted(named, key=lambda node: "/" in str(node.name)):  # W1 goes before layer_1/W
            name = str(node.name)
            symbol = next((candidate for candidate in candidates(name) if candidate not in taken), Symbol(short(name)))
            while symbol in taken:  # names that differ only in what is cut away
                symbol = Symbol(symbol.base + "′")
            self._symbols[node] = symbol
            taken.add(symbol)
        output = graph.outputs[0]
        if output.name is None and output.shape == () and Symbol("E") not in taken:
            self._symbols[output] = Symbol("E")
            taken.add(Symbol("E"))
        self._name_the_rest(graph, taken)

    def __getitem__(self, node: Node) -> Symbol:
        return self._symbols[node]

    def _name_the_rest(self, graph: Graph, taken: set[Symbol]) -> None:
        counts: dict[str, int] = {}

        def give(node: Node, letter: str, sub: str = "") -> None:
            symbol = Symbol(letter, sub)
            while symbol in taken or not symbol.sub:
                counts[letter] = counts.get(letter, 0) + 1
                symbol = Symbol(letter, str(counts[letter]))
            self._symbols[node] = symbol
            taken.add(symbol)

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
_WITH_ACTIVATION = (BinaryCrossEntropy, CrossEntropy)


def _pre_activations(graph: Graph) -> Iterator[Node]:
    """Yield the weighted sums that activations are applied to, or losses: these hold the activation, or it is z itself."""
    for node in graph.nodes:
        if node.kind in _SUMS and (
            any(is_activation(consumer) for consumer, _ in graph.consumers(node)) or _is_scored(graph, node)
        ):
            yield node


def _is_scored(graph: Graph, node: Node) -> bool:
    """Tell whether a loss is asked about a node itself; a sum of other things than weighted signals may be any output."""
    losses = [consumer.op for consumer, slot in graph.consumers(node) if isinstance(consumer.op, Loss) and slot == 0]
    return bool(losses) and (node.kind != "add" or any(isinstance(op, _WITH_ACTIVATION) for op in losses))
