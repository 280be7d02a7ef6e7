"""Where names and numbers become the text of pictures. No other file of this folder cleans or escapes anything.

Names are cleaned, cut and escaped for XML by `graphnet.common.text`; `dot_markup`, `mermaid_text` and `plot_text` escape for
the HTML-like labels of DOT, for Mermaid and for matplotlib.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from graphnet.common import tables
from graphnet.common.text import clean, markup, short
from graphnet.core.shapes import Shape

__all__ = [
    "clean",
    "count",
    "dot_markup",
    "markup",
    "mermaid_text",
    "number_text",
    "setting_text",
    "shape_text",
    "short",
]

_PLAIN = frozenset(" ,.()=+-/")  # ASCII that is only text to Mermaid, within quotes


def dot_markup(text: str) -> str:
    r"""Return clean text escaped for the HTML-like labels of DOT.

    They are XML, but in their text Graphviz also replaces ``\N`` by the id of the node, and two backslashes by one.

    Examples
    --------
    >>> print(dot_markup(r"<b> \N"))
    &lt;b&gt; \\N
    """
    return markup(text).replace("\\", "\\\\")


def mermaid_text(*lines: str) -> str:
    """Return clean lines for a label of Mermaid: what it, Markdown or HTML could read as more than text becomes a code.

    Examples
    --------
    >>> mermaid_text('<b> "x" & δ')
    '#60;b#62; #34;x#34; #38; δ'
    >>> mermaid_text("a", "b")
    'a<br/>b'
    """
    codes = (
        "".join(c if c.isalnum() or c in _PLAIN or ord(c) > 127 else f"#{ord(c)};" for c in text) for text in lines
    )
    return "<br/>".join(codes).replace("direction ", "direction#32;")  # Mermaid finds "direction TB" even within quotes


def plot_text(text: str) -> str:
    r"""Return clean text for matplotlib, where dollars are mathematics and a first underscore hides a label.

    Examples
    --------
    >>> print(plot_text("$w$"), plot_text("_w"), sep=";")
    \$w\$; _w
    """
    return (" " if text.startswith("_") else "") + text.replace("$", r"\$")


def number_text(value: Any, digits: int = 4) -> str:
    """Return a number in a few digits with a real minus sign, a truth value in words.

    Examples
    --------
    >>> number_text(-0.123456), number_text(0.0), number_text(np.True_)
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
    """Return how many things there are, in words; `many` is the plural, if that is not made with an s.

    Examples
    --------
    >>> count(1, "node"), count(1200, "node")
    ('1 node', '1,200 nodes')
    """
    return f"{n:,} {what if n == 1 else many or what + 's'}"


def listing(words: list[str], most: int) -> str:
    """Return the first `most` of words, with an ellipsis if there are more.

    Examples
    --------
    >>> listing(["a", "b", "c"], 2)
    'a, b, …'
    """
    return ", ".join(words[:most]) + (", …" if len(words) > most else "")
