"""Boxes: a formula as signs side by side, above and below each other, the same for every way of writing it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias


@dataclass(frozen=True)
class Name:
    """A letter in italics, or a word set upright."""

    text: str


@dataclass(frozen=True)
class Digits:
    """A number."""

    text: str


@dataclass(frozen=True)
class Letters:
    """Indices: letters in italics side by side."""

    text: str


@dataclass(frozen=True)
class Sign:
    """An operator, as ``⊙``; with space around it if it stands between operands."""

    text: str
    spaced: bool = False


@dataclass(frozen=True)
class Words:
    """Words between pieces of a formula."""

    text: str


@dataclass(frozen=True)
class Row:
    """Boxes side by side."""

    parts: tuple[Box, ...]


@dataclass(frozen=True)
class Script:
    """A box with a subscript, a superscript or both."""

    base: Box
    sub: Box | None = None
    sup: Box | None = None


@dataclass(frozen=True)
class Fraction:
    """One box over another."""

    over: Box
    under: Box
    tight: bool = False
    """On one line, without space around the stroke."""


@dataclass(frozen=True)
class Root:
    """A square root."""

    inner: Box


@dataclass(frozen=True)
class Fence:
    """A box in brackets."""

    inner: Box
    left: str = "("
    right: str = ")"
    on_one_line_only: bool = False
    """Not needed where fractions, roots and exponents are seen as such."""


Box: TypeAlias = Name | Digits | Letters | Sign | Words | Row | Script | Fraction | Root | Fence


def row(*parts: Box) -> Box:
    """Return boxes side by side."""
    return parts[0] if len(parts) == 1 else Row(parts)
