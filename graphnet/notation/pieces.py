"""Pieces of a formula that is being set: what a sum or product is made of, and where brackets go around boxes."""

from __future__ import annotations

import fractions
import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum

import numpy as np

from graphnet.common import tables
from graphnet.core.leaves import Constant
from graphnet.core.node import Node
from graphnet.core.order import topological_order
from graphnet.engine.rewrite import is_number, is_scalar
from graphnet.notation.symbols import Symbol
from graphnet.notation.terms import Entry, Leaf, SumOver
from graphnet.notation.writers import Box, Digits, Fence, Fraction, Letters, Name, Script, Sign, Words, row
from graphnet.ops import arithmetic, comparisons, linear

_MINUS_ONE = Constant(np.asarray(-1.0), None)


def terms_of(node: Node) -> list[tuple[int, Node]]:
    """Return the terms of a sum, each with its sign, ±1; a minus of the term's own is in the sign."""
    match node:
        case Node(op=arithmetic.Add() | linear.BiasAdd(), inputs=(x, y)):
            return [*terms_of(x), *terms_of(y)]
        case Node(op=arithmetic.Subtract(), inputs=(x, y)):
            return [*terms_of(x), *((-sign, term) for sign, term in _signed(y))]
    return _signed(node)


def _signed(node: Node) -> list[tuple[int, Node]]:
    """Return a term on the right of a sign: its own minus changes the sign, its sums stay in brackets."""
    if isinstance(node.op, arithmetic.Negative):
        return [(-sign, term) for sign, term in _signed(node.inputs[0])]
    return [(-1 if number_in(product_factors(node)) < 0 else 1, node)]


def product_factors(node: Node) -> list[Node]:
    """Return the factors of a product; a minus is a factor −1."""
    match node:
        case Node(op=arithmetic.Multiply(), inputs=(x, y)):
            return [*product_factors(x), *product_factors(y)]
        case Node(op=arithmetic.Negative(), inputs=(x,)):
            return [_MINUS_ONE, *product_factors(x)]
        case Node(op=arithmetic.Add(), inputs=(x, Constant() as y)) if is_zero(x):  # where Horner's rule begins
            return [y]
    return [node]


def factors_in(node: Node) -> list[Node]:
    """Return what a product is made of, in the order it is written."""
    return sorted(product_factors(node), key=lambda factor: (not is_scalar(factor), not is_signal(factor)))


def number_in(factors: Sequence[Node]) -> float:
    """Return the product of those factors that are numbers."""
    return math.prod(float(factor.value) for factor in factors if isinstance(factor, Constant) and is_scalar(factor))


def powers_in(factors: Sequence[Node]) -> list[tuple[Node, int]]:
    """Return equal factors side by side as powers."""
    powers: list[tuple[Node, int]] = []
    for factor in factors:
        if powers and powers[-1][0] is factor:
            powers[-1] = (factor, powers[-1][1] + 1)
        else:
            powers.append((factor, 1))
    return powers


def is_one(node: Node) -> bool:
    """Tell whether every entry is 1."""
    return is_number(node, 1.0) or is_number(node, True) or isinstance(node.op, comparisons.OnesLike)


def is_zero(node: Node) -> bool:
    """Tell whether every entry is 0."""
    return is_number(node, 0.0) or is_number(node, False) or isinstance(node.op, comparisons.ZerosLike)


def has_entries(node: Node) -> bool:
    """Tell whether a formula is written entry by entry."""
    return any(isinstance(part.op, (Entry, SumOver)) for part in topological_order([node]))


def is_signal(node: Node) -> bool:
    """Tell whether it is an entry of an error signal."""
    return isinstance(node.op, Entry) and isinstance(node.inputs[0], Leaf) and node.inputs[0].is_signal


class Level(IntEnum):
    """How tightly a piece holds together."""

    CHOICE = -1
    RELATION = 0
    SUM = 1
    PRODUCT = 2
    RATIO = 3
    """As a product where it stands on one line, as an atom where it is a fraction."""
    ATOM = 4


@dataclass(frozen=True)
class Piece:
    """Boxes, and what brackets they need inside others."""

    box: Box
    level: Level = Level.ATOM
    joined_by: str = ""
    """Of a product: ``⊙`` entry by entry, ``@`` of matrices, ``Σ`` for a sum sign in front."""

    def inside(self, level: Level, joined_by: str = "") -> Box:
        """Return the boxes for use where only tighter pieces may stand bare; those of `level` if they are `joined_by` it.

        Where nothing is said about how, products of any kind may.
        """
        if self.level == Level.RELATION and level > Level.RELATION:
            return Fence(self.box, "[", "]")  # 1 where it holds, 0 where not
        if self.level == Level.RATIO and level >= Level.PRODUCT and joined_by != "+":
            return Fence(self.box, on_one_line_only=True)
        if self.level > level or (self.level == level and joined_by in ("+", self.joined_by)):
            return self.box
        return Fence(self.box)


def symbol_box(symbol: Symbol) -> Box:
    """Return the boxes of a symbol."""
    if not symbol.sub:
        return Name(symbol.base)
    return Script(Name(symbol.base), Digits(symbol.sub) if symbol.sub.isdigit() else Name(symbol.sub))


def with_indices(symbol: Symbol, letters: str) -> Box:
    """Return the boxes of a symbol with index letters behind its own subscript."""
    sub = f"{symbol.sub},{letters}" if symbol.sub and letters else symbol.sub or letters
    if not sub:
        return Name(symbol.base)
    return Script(Name(symbol.base), Letters(sub)) if letters else symbol_box(symbol)


def number_piece(value: float | bool) -> Piece:
    """Return a number; a simple fraction as such, if six digits are not all of it."""
    if isinstance(value, bool):
        return Piece(Words("true" if value else "false"))
    if value == 0.5:
        return Piece(Digits("½"))
    text = tables.number(abs(value), 6)
    exact = fractions.Fraction(abs(value)).limit_denominator(1000)
    if float(text) != abs(value) and exact.numerator < 1000 and abs(float(exact) - abs(value)) < 1e-15 * abs(value):
        ratio = Fraction(Digits(str(exact.numerator)), Digits(str(exact.denominator)))  # 5/12, not 0.416667
        return Piece(ratio, Level.RATIO) if value >= 0 else Piece(row(Sign("−"), ratio), Level.SUM)
    return Piece(Digits(text)) if value >= 0 else Piece(row(Sign("−"), Digits(text)), Level.SUM)


def power_piece(base: Piece, exponent: Box) -> Piece:
    """Return a piece with an exponent, in brackets where it needs them."""
    bare = base.level == Level.ATOM and not isinstance(base.box, (Script, Fraction))
    if isinstance(base.box, Script) and base.box.sup is None:
        return Piece(Script(base.box.base, base.box.sub, exponent))
    return Piece(Script(base.box if bare else Fence(base.box), None, exponent))


def fraction(over: Piece, under: Piece) -> Piece:
    """Return one piece over another."""

    def part(of: Piece) -> Box:
        return of.box if of.level == Level.ATOM else Fence(of.box, on_one_line_only=True)

    return Piece(Fraction(part(over), part(under)), Level.RATIO)
