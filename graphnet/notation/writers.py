"""Boxes, a formula as signs side by side, above and below each other; and three ways to write them.

As Unicode text, LaTeX and MathML. Names are escaped here and nowhere else.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypeAlias

from graphnet.common import cached_property
from graphnet.common.text import markup
from graphnet.notation.names import GREEK


@dataclass(frozen=True)
class _Text:
    text: str


class Identifier(_Text):
    """A letter in italics, or a word set upright."""


class Digits(_Text):
    """A number."""


class Indices(_Text):
    """Indices: letters in italics side by side."""


class Words(_Text):
    """Words between pieces of a formula."""


@dataclass(frozen=True)
class Sign:
    """An operator, as ``⊙``; with space around it if it stands between operands."""

    text: str
    spaced: bool = False


@dataclass(frozen=True)
class Row:
    """Boxes side by side."""

    parts: tuple[MathBox, ...]


@dataclass(frozen=True)
class Script:
    """A box with a subscript, a superscript or both."""

    base: MathBox
    sub: MathBox | None = None
    sup: MathBox | None = None


@dataclass(frozen=True)
class Fraction:
    """One box over another."""

    over: MathBox
    under: MathBox
    tight: bool = False
    """On one line, without space around the stroke."""


@dataclass(frozen=True)
class Root:
    """A square root."""

    inner: MathBox


@dataclass(frozen=True)
class Fence:
    """A box in brackets."""

    inner: MathBox
    left: str = "("
    right: str = ")"
    on_one_line_only: bool = False
    """Not needed where fractions, roots and exponents are seen as such."""


MathBox: TypeAlias = Identifier | Digits | Indices | Sign | Words | Row | Script | Fraction | Root | Fence


def row(*parts: MathBox) -> MathBox:
    """Return boxes side by side."""
    return parts[0] if len(parts) == 1 else Row(parts)


class Written:
    """What has boxes, and is written in three ways."""

    @cached_property
    def box(self) -> MathBox:
        """As boxes."""
        raise NotImplementedError

    @cached_property
    def text(self) -> str:
        """As Unicode text."""
        return as_text(self.box)

    @cached_property
    def latex(self) -> str:
        """As LaTeX, without dollar signs."""
        return as_latex(self.box)

    @cached_property
    def mathml(self) -> str:
        """As MathML, to set in a ``<math>`` element."""
        return as_mathml(self.box)

    def __repr__(self) -> str:
        return self.text


# Unicode text -------------------------------------------------------------------------------------------------------

_SUB = dict(zip("0123456789", "₀₁₂₃₄₅₆₇₈₉", strict=True))
_SUP = dict(zip("0123456789−⊤", "⁰¹²³⁴⁵⁶⁷⁸⁹⁻ᵀ", strict=True))


def as_text(box: MathBox) -> str:
    """Write boxes on one line."""
    match box:
        case Identifier(text) | Digits(text) | Indices(text):
            return text
        case Sign(text, spaced):
            return f" {text} " if spaced else text
        case Words(text):
            return f" {text} "
        case Row(parts):
            return "".join(as_text(part) for part in parts)
        case Script(base, sub, sup):
            below = "" if sub is None else _script(as_text(sub), _SUB, "_")
            above = "" if sup is None else _script(as_text(sup), _SUP, "^")
            return as_text(base) + below + above
        case Fraction(over, under, tight):
            return f"{as_text(over)}{'/' if tight else ' / '}{as_text(under)}"
        case Root(inner):
            return f"√({as_text(inner)})"
        case Fence(inner, left, right):
            return f"{left}{as_text(inner)}{right}"


def _script(text: str, small: dict[str, str], mark: str) -> str:
    if all(character in small for character in text):
        return "".join(small[character] for character in text)
    return mark + (text if text.replace("′", "").isalnum() else f"({text})")


# LaTeX --------------------------------------------------------------------------------------------------------------

_LATEX_SIGNS = {
    "⊙": r"\odot", "−": "-", "Σ": r"\sum", "⊤": r"\top", "∂": r"\partial", "≥": r"\geq",
    "≤": r"\leq", "≠": r"\neq", "∧": r"\wedge", "∨": r"\vee", "¬": r"\neg", "·": r"\cdot", "⊗": r"\otimes",
}  # fmt: skip
_LATEX_GREEK = {letter: word for word, letter in GREEK.items()} | {"ε": "varepsilon", "φ": "varphi"}
_LATEX_ESCAPES = {
    "_": r"\_", "&": r"\&\,", "#": r"\#", "%": r"\%", "$": r"\$", "{": r"\{", "}": r"\}", "\\": r"\backslash{}",
    "<": "{<}", ">": "{>}", "^": r"\wedge{}", "~": r"\sim{}", " ": r"\ ", "'": "’", '"': "”", "`": "‘",
}  # fmt: skip


def as_latex(box: MathBox) -> str:
    """Write boxes as LaTeX for a formula."""
    match box:
        case Identifier(text) if text in _LATEX_GREEK:
            return "\\" + _LATEX_GREEK[text]
        case Identifier(text) if len(text) == 1 and text.isalnum():
            return text
        case Identifier(text):
            return rf"\mathrm{{{_latex_escape(text)}}}"
        case Indices(text):
            return text.replace("′", "'")
        case Digits(text) if "e" in text:
            return as_latex(_power_of_ten(text))
        case Digits(text):
            return r"\frac{1}{2}" if text == "½" else text.replace("−", "-")
        case Sign(" "):
            return r"\,"
        case Sign(text, spaced):
            command = _LATEX_SIGNS.get(text, text)
            return f" {command} " if spaced or command.startswith("\\") else command
        case Words(text):
            return rf"\ \mathrm{{{_latex_escape(text)}}}\ "
        case Row(parts):
            return " ".join("".join(f" {as_latex(part)} " for part in parts).split())
        case Script(base, sub, sup):
            below = "" if sub is None else f"_{{{as_latex(sub).strip()}}}"
            above = "" if sup is None else f"^{{{as_latex(sup).strip()}}}"
            return as_latex(base).strip() + below + above
        case Fraction(over, under):
            return rf"\frac{{{as_latex(over)}}}{{{as_latex(under)}}}"
        case Root(inner):
            return rf"\sqrt{{{as_latex(inner)}}}"
        case Fence(inner, _, _, True):
            return as_latex(inner)
        case Fence(inner, left, right):
            opening, closing = (rf"\left{left}", rf"\right{right}") if _is_tall(inner) else (left, right)
            return f"{opening} {as_latex(inner)} {closing}"


def _is_tall(box: MathBox) -> bool:
    """Tell whether brackets have to grow with it; those that needn't stand closer to what is before them."""
    match box:
        case Fraction() | Root() | Sign("Σ") | Digits("½"):
            return True
        case Row(parts):
            return any(map(_is_tall, parts))
        case Script(base, _, _):
            return _is_tall(base)
        case Fence(inner):
            return _is_tall(inner)
    return False


def _power_of_ten(digits: str) -> MathBox:
    """Return ``2e-05`` as 2 · 10⁻⁵."""
    mantissa, _, exponent = digits.partition("e")
    power = Script(Digits("10"), None, Digits(f"{int(exponent)}".replace("-", "−")))
    return power if mantissa == "1" else row(Digits(mantissa), Sign("·", spaced=True), power)


def _latex_escape(name: str) -> str:
    return "".join(_LATEX_ESCAPES.get(character, character) for character in name)


# MathML -------------------------------------------------------------------------------------------------------------

Tree: TypeAlias = list[Any]
"""An element of XML as plain data: ``[tag, {attribute: value}, child, ...]``; a child is a tree or text."""

SPACE = '<mspace width="0.3em"></mspace>'
"""Beside words. MathJax would take a no-break space for an entity that it doesn't know, and show an error."""


def as_mathml(box: MathBox) -> str:
    """Write boxes as MathML, for use inside a ``<math>`` element."""
    return _element(as_tree(box))


def _element(tree: Tree | str) -> str:
    if isinstance(tree, str):
        return markup(tree)
    tag, attributes, *children = tree
    opened = "".join([tag, *(f' {name}="{value}"' for name, value in attributes.items())])
    return f"<{opened}>{''.join(map(_element, children))}</{tag}>"


def as_tree(box: MathBox) -> Tree:
    """Return boxes as an element of MathML."""
    match box:
        case Identifier(text):
            return ["mi", {}, text]  # one letter is set in italics, more are upright
        case Indices(text):
            return ["mrow", {}, *(["mi", {}, letter] for letter in text)]
        case Digits(text) if "e" in text:
            return as_tree(_power_of_ten(text))
        case Digits(text) if text.startswith("−"):
            return ["mrow", {}, ["mo", {}, "−"], ["mn", {}, text[1:]]]
        case Digits(text):
            return ["mn", {}, text]
        case Sign(" "):
            return ["mspace", {"width": "0.2em"}]
        case Sign("Σ"):
            return ["mo", {}, "∑"]
        case Sign(text, spaced):
            return ["mo", {} if spaced else {"lspace": "0", "rspace": "0"}, text]
        case Words(text):
            space = ["mspace", {"width": "0.3em"}]
            return ["mrow", {}, space, ["mtext", {}, text], space]
        case Row(parts):
            return ["mrow", {}, *map(as_tree, parts)]
        case Script(base, sub, sup):
            tag = "munder" if base == Sign("Σ") else "m" + "sub" * (sub is not None) + "sup" * (sup is not None)
            inner = [as_tree(part) for part in (base, sub, sup) if part is not None]
            return [tag, {}, *inner] if sub or sup else inner[0]
        case Fraction(over, under):
            return ["mfrac", {}, as_tree(over), as_tree(under)]
        case Root(inner):
            return ["msqrt", {}, as_tree(inner)]
        case Fence(inner, _, _, True):
            return as_tree(inner)
        case Fence(inner, left, right):
            return ["mrow", {}, ["mo", {"fence": "true"}, left], as_tree(inner), ["mo", {"fence": "true"}, right]]
