"""Pieces of a formula that is being set: boxes, and how tightly they hold together, which says where brackets go."""

from __future__ import annotations

import fractions
from dataclasses import dataclass
from enum import IntEnum

from graphnet.core import tables
from graphnet.notation.boxes import Box, Digits, Fence, Fraction, Letters, Name, Script, Sign, Words, row
from graphnet.notation.symbols import Symbol


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


def power(base: Piece, exponent: Box) -> Piece:
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
