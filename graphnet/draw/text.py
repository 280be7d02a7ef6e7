"""Where names and numbers become text. No other file cleans or escapes anything.

Names come from users, and from files of strangers. `clean` makes every character visible, `short` also cuts.
`markup`, `dot_markup` and `mermaid_text` escape for XML, for the HTML-like labels of DOT and for Mermaid.
"""

from __future__ import annotations

import unicodedata
from typing import Any

import numpy as np

from graphnet.core import tables
from graphnet.core.shapes import Shape

LONGEST = 32
"""Characters of a name that are shown."""

_HIDDEN_CATEGORIES = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp", "Zs"})
_BLANK = frozenset("\u034f\u115f\u1160\u17b4\u17b5\u2800\u3164\uffa0")
"""Letters and symbols by category that leave no ink."""

_PLAIN = frozenset(" ,.()=+-/")
"""ASCII that is only text to Mermaid, within quotes."""

_ESCAPES = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&#39;"})


def clean(text: str) -> str:
    r"""Return `text` with every character visible.

    Control, format, surrogate and non-characters and blanks are written as ``\u{..}``, and so is a space that would get
    lost: at either end or after another one.

    Examples
    --------
    >>> print(clean("a\nb\u202e"), clean(" "), clean("two words"))
    a\u{a}b\u{202e} \u{20} two words
    """
    return "".join(_pieces(text))


def short(text: str, most: int = LONGEST) -> str:
    """Return `text` clean, and if it is longer than `most` characters with an ellipsis for its middle.

    Examples
    --------
    >>> short("a_rather_long_name_of_a_node", most=12)
    'a_rathe…node'
    """
    if len(text) > 2 * most:  # a name may have any length: don't clean what is not shown
        text = text[:most] + text[-most:]
    pieces = _pieces(text)
    if len("".join(pieces)) <= most:
        return "".join(pieces)
    tail = _fitting(pieces[::-1], most // 3)[::-1]
    head = _fitting(pieces, most - 1 - len("".join(tail)))
    return "".join([*head, "…", *tail])


def markup(text: str) -> str:
    """Return clean text escaped for XML.

    Examples
    --------
    >>> markup("<b> & 'c'")
    '&lt;b&gt; &amp; &#39;c&#39;'
    """
    return text.translate(_ESCAPES)


def dot_markup(text: str) -> str:
    r"""Return clean text escaped for the HTML-like labels of DOT.

    They are XML, but in their text Graphviz also replaces ``\N`` by the id of the node, and two backslashes by one.

    Examples
    --------
    >>> print(dot_markup(r"<b> \N"))
    &lt;b&gt; \\N
    """
    return markup(text).replace("\\", "\\\\")


def mermaid_text(text: str) -> str:
    """Return clean text for a label of Mermaid: what it, Markdown or HTML could read as more than text becomes a code.

    Examples
    --------
    >>> mermaid_text('<b> "x" & δ')
    '#60;b#62; #34;x#34; #38; δ'
    """
    codes = "".join(c if c.isalnum() or c in _PLAIN or ord(c) > 127 else f"#{ord(c)};" for c in text)
    return codes.replace("direction ", "direction#32;")  # Mermaid finds "direction TB" even within quotes


def plot_text(text: str) -> str:
    r"""Return clean text for matplotlib, where dollars are mathematics and a first underscore hides a label.

    Examples
    --------
    >>> print(plot_text("$w$"), plot_text("_w"), sep=";")
    \$w\$; _w
    """
    return (" " if text.startswith("_") else "") + text.replace("$", r"\$")


def number(value: Any, digits: int = 4) -> str:
    """Return a number in a few digits with a real minus sign, a truth value in words.

    Examples
    --------
    >>> number(-0.123456), number(0.0), number(np.True_)
    ('−0.1235', '0', 'true')
    """
    if isinstance(value, (bool, np.bool_)):
        return "true" if value else "false"
    return tables.number(value, digits).replace("-", "−")


def shape_text(shape: Shape) -> str:
    """Return a shape in words.

    Examples
    --------
    >>> shape_text((4, 3)), shape_text(())
    ('shape (4, 3)', 'scalar')
    """
    return f"shape {shape}" if shape else "scalar"


def setting_text(name: str, value: Any) -> str:
    """Return one setting of an op, as ``slope=0.01``; a large array by its shape alone.

    Examples
    --------
    >>> setting_text("slope", 0.01), setting_text("index", np.zeros((50, 2)))
    ('slope=0.01', 'index=array (50, 2)')
    """
    if isinstance(value, np.ndarray) and value.size > 6:
        return f"{name}=array {value.shape}"
    return short(f"{name}={' '.join(repr(value).split())}")


def index_text(index: tuple[Any, ...]) -> str:
    """Return the index of a part of an array as it is written, from its description in `graphnet.ops.shaping`.

    Examples
    --------
    >>> index_text((0, (None, 2, None), (None, None, -1), None, "..."))
    '[0, :2, ::−1, None, …]'
    """
    return f"[{', '.join(map(_index_item, index))}]"


def _index_item(item: Any) -> str:
    if not isinstance(item, tuple):
        return "…" if item == "..." else str(item).replace("-", "−")
    start, stop, step = ("" if part is None else str(part).replace("-", "−") for part in item)
    return f"{start}:{stop}" + (f":{step}" if step else "")


def count(n: int, what: str, many: str = "") -> str:
    """Return a number of things in words; `many` is the plural, if that is not made with an s.

    Examples
    --------
    >>> count(1, "node"), count(1200, "node")
    ('1 node', '1,200 nodes')
    """
    return f"{n:,} {what if n == 1 else many or what + 's'}"


def _pieces(text: str) -> list[str]:
    last = len(text) - 1
    return [
        character
        if character == " " and 0 < i < last and text[i - 1] != " "
        else f"\\u{{{ord(character):x}}}"
        if _is_hidden(character)
        else character
        for i, character in enumerate(text)
    ]


def _is_hidden(character: str) -> bool:
    code = ord(character)
    non_character = code & 0xFFFE == 0xFFFE or 0xFDD0 <= code <= 0xFDEF
    return non_character or character in _BLANK or unicodedata.category(character) in _HIDDEN_CATEGORIES


def _fitting(pieces: list[str], most: int) -> list[str]:
    """Return the first pieces that fit into `most` characters: an escape is never cut in two."""
    length = 0
    for count, piece in enumerate(pieces):
        length += len(piece)
        if length > most:
            return pieces[:count]
    return pieces
