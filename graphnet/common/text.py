"""Text for people: names with every character visible, numbers, tables, and what to write in place of what there is not.

Names come from users, and from files of strangers. `clean` makes every character visible, `short` also cuts; `markup` escapes
for XML.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from html import escape
from types import MappingProxyType
from typing import Any, NoReturn

import numpy as np

from graphnet.errors import GraphError, shown

LONGEST = 32
"""Characters of a name that are shown."""

_BLANK = frozenset("\u034f\u115f\u1160\u17b4\u17b5\u2800\u3164\uffa0")
"""Letters and symbols by category that leave no ink."""

_ESCAPES = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&#39;"})


def clean(text: str) -> str:
    r"""Return `text` with every character visible.

    Control and format characters, surrogates, blanks and what is no character are written as ``\u{..}``, and so is a space
    that would get lost: at either end or after another one.

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
    return character == " " or character in _BLANK or not character.isprintable()


def _fitting(pieces: list[str], most: int) -> list[str]:
    """Return the first pieces that fit into `most` characters: an escape is never cut in two."""
    length = 0
    for count, piece in enumerate(pieces):
        length += len(piece)
        if length > most:
            return pieces[:count]
    return pieces


def printable(text: str) -> str:
    """Return text of several words with every character visible: as `clean` does, but for its spaces."""
    return " ".join(map(clean, text.split(" ")))


def nearest(name: str, known: Iterable[str], most: int = 3) -> list[str]:
    """Return the names that this one may have been meant for, whatever their case."""
    lowered = {each.lower(): each for each in known}
    import difflib  # for mistakes only

    return [lowered[each] for each in difflib.get_close_matches(name.lower(), lowered, n=most)]


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


# Numbers and tables, as plain text and as HTML for notebooks: no script, nothing from elsewhere ----------------------

LARGE_VIEW = 2**20


def number(value: Any, digits: int = 4) -> str:
    """Return a number in a few digits, zero as ``0``.

    Examples
    --------
    >>> number(0.123456), number(-0.0), number(1e-9), number(2.0)
    ('0.1235', '0', '1e-09', '2')
    """
    return f"{value + 0.0:.{digits}g}" if value else "0"


def distinct(array: np.ndarray[Any, Any]) -> tuple[np.ndarray[Any, Any], int]:
    """Return the entries of a large array without those that a broadcast view repeats, and how often each stands there.

    Such a view can have more entries than any memory.

    Examples
    --------
    >>> distinct(np.broadcast_to(1.0, (10**7, 10**7)))
    (array([[1.]]), 100000000000000)
    """
    if array.size <= LARGE_VIEW:
        return array, 1
    kept = array[tuple(slice(None if stride else 1) for stride in array.strides)]
    return kept, array.size // kept.size


def norm_of(*arrays: np.ndarray[Any, Any]) -> float:
    """Return the Euclidean norm over all entries, also where their squares would leave the range, in float32 above all.

    Examples
    --------
    >>> norm_of(np.array([3.0]), np.array([4.0])), f"{norm_of(np.array([3e-30, 4e-30], np.float32)):.6g}"
    (5.0, '5e-30')
    """
    parts = [(kept, times) for kept, times in map(distinct, arrays) if kept.size]
    largest = max((float(np.abs(kept).max()) for kept, _ in parts), default=0.0)
    if not 0 < largest < math.inf:
        largest = 1.0  # nothing, an infinity, or NaN: as the squares say
    with np.errstate(over="ignore"):  # beside an infinity
        squares = [times * float(np.square(kept / largest, dtype=float).sum()) for kept, times in parts]
    return largest * math.sqrt(sum(squares))


def summary(array: np.ndarray[Any, Any]) -> str:
    """Return an array in a few words: its numbers if they are few, else its norm and range.

    Examples
    --------
    >>> summary(np.array([0.5, -1.0])), summary(np.ones((2, 8)))
    ('0.5 -1', 'norm 4, 1 to 1')
    """
    if array.size == 0:
        return "empty"
    if array.size <= 6:
        return " ".join(number(x) for x in array.ravel())
    entries, times = distinct(array)
    if array.dtype == bool:
        return f"{np.count_nonzero(entries) * times} of {array.size} true"
    return f"norm {number(norm_of(array))}, {number(entries.min())} to {number(entries.max())}"


def table(header: Sequence[str], rows: Sequence[Sequence[str]], most: int = 60) -> str:
    """Return rows as aligned columns; of more than `most` rows the middle is left out, with a count.

    Examples
    --------
    >>> print(table(["node", "op"], [["a1", "tanh"]]))
    node  op
    ----  ----
    a1    tanh
    """
    left_out = len(rows) - most
    shown = list(rows) if left_out <= 0 else [*rows[: most // 2], *rows[-(most // 2) :]]
    widths = [max(len(row[i]) for row in [header, *shown]) for i in range(len(header))]
    lines = [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in [header, ["-" * width for width in widths], *shown]
    ]
    if left_out > 0:
        lines.insert(2 + most // 2, f"... {left_out} more ...")
    return "\n".join(lines)


_CELL = "padding:2px 10px;text-align:left;border-bottom:1px solid #e3e8ee"


def html_table(
    header: Sequence[str],
    rows: Sequence[Sequence[str]],
    marks: Mapping[int, tuple[str, str]] = MappingProxyType({}),
    most: int = 60,
) -> str:
    """Return rows as an HTML table, at most the first `most` of them, and a line that says how many more there are.

    Parameters
    ----------
    header, rows
        The text of every cell, which is escaped here.
    marks
        For rows by their number: the colour of the last cell, and text to set across the table under them.
    most
        Rows that are shown.

    Examples
    --------
    >>> html_table(["node"], [["a & b"]]).count("&amp;")
    1
    """

    def cell(tag: str, text: str, style: str = "") -> str:
        return f'<{tag} style="{_CELL};{style or "white-space:nowrap"}">{escape(text)}</{tag}>'

    lines = ["".join(cell("th", title) for title in header)]
    for place, (*first, last) in enumerate(rows[:most]):
        ink, note = marks.get(place, ("", ""))
        bold = f"white-space:nowrap;font-weight:bold;color:{ink}" if ink else ""
        lines.append("".join(cell("td", text) for text in first) + cell("td", last, bold))
        if note:
            lines.append(f'<td colspan="{len(header)}" style="{_CELL};color:{ink}">{escape(note)}</td>')
    more = f"<div>… and {len(rows) - most} more</div>" if len(rows) > most else ""
    body = "".join(f"<tr>{line}</tr>" for line in lines)
    return f'<table style="border-collapse:collapse;margin:0.3em 0 0.8em">{body}</table>{more}'


def html_text(text: str) -> str:
    """Return text of several lines as HTML, as it stands."""
    return f'<pre style="font-family:monospace;white-space:pre-wrap;word-break:normal">{escape(text)}</pre>'


# What to write instead -----------------------------------------------------------------------------------------------


def to_numbers(array: np.ndarray[Any, Any]) -> str:
    """Return how numbers are made of an array that holds none.

    Examples
    --------
    >>> to_numbers(np.array(["0.5", "1"]))
    'Give numbers, or an array of them; convert it first, for example with .astype(float).'
    """
    try:
        array.astype(float)
    except Exception:  # of any kind: it may hold anything
        if array.ndim and all(isinstance(each, str) for each in array.flat):
            return "Number the words: np.unique(words, return_inverse=True)[1]. gn.one_hot makes rows of these."
    return "Give numbers, or an array of them; convert it first, for example with .astype(float)."


_AFTER = "It has no slope: compute it from the value, gn.forward(z, feeds)[z]"
_VALID = "np.{}(np.where(np.isnan(a), b, a), np.where(np.isnan(b), a, b))"
_OF_MATRICES = "Write its rule yourself: an op whose forward calls it on arrays"
OF_SCIPY = {
    "expit": "Write gn.sigmoid(z)",
    "log_expit": "Write -gn.softplus(-z)",
    "logit": "Write np.log(z) - np.log1p(-z)",
    "ndtr": "Write gn.normal_cdf(z)",
    "erf": "Write gn.erf(z)",
    "erfc": "Write 2 * gn.normal_cdf(-np.sqrt(2) * z)",
    "xlogy": "Write np.where(x == 0, 0, x * np.log(np.where(x == 0, 1, y)))",
    "entr": "Write -np.where(z == 0, 0, z * np.log(np.where(z == 0, 1, z)))",
}
"""What to write in place of functions of scipy.special."""

WRITTEN_OUT = {
    **OF_SCIPY,
    "fmax": f"Write {_VALID.format('maximum')}",
    "fmin": f"Write {_VALID.format('minimum')}",
    "nanmean": "Write np.sum(np.where(np.isnan(z), 0, z), axis=0) / np.sum(~np.isnan(z), axis=0)",
    "nanmax": "Write np.max(np.where(np.isnan(z), -np.inf, z))",
    "nanmin": "Write np.min(np.where(np.isnan(z), np.inf, z))",
    "nanprod": "Write np.prod(np.where(np.isnan(z), 1, z))",
    "nancumsum": "Write np.cumsum(np.where(np.isnan(z), 0, z))",
    "linalg.svd": _OF_MATRICES,
    "linalg.svdvals": _OF_MATRICES,
    "linalg.eigvals": _OF_MATRICES,
    "linalg.eigvalsh": _OF_MATRICES,
    "linalg.eigh": _OF_MATRICES,
    "linalg.eig": _OF_MATRICES,
    "linalg.qr": "Its R, with a positive diagonal, is np.linalg.cholesky(A.T @ A).T",
    "linalg.pinv": "Of independent columns write np.linalg.solve(A.T @ A, A.T)",
    "linalg.lstsq": "Write np.linalg.solve(A.T @ A, A.T @ b)",
    "linalg.cond": "Write np.linalg.norm(A, 1) * np.linalg.norm(np.linalg.inv(A), 1)",
    "linalg.matmul": "Write x @ y",
    "linalg.outer": "Write np.outer(x, y)",
    "linalg.cross": "Write np.cross(x, y)",
    "linalg.vecdot": "Write np.vecdot(x, y)",
    "linalg.trace": "Write np.trace(A, axis1=-2, axis2=-1)",
    "linalg.diagonal": "Write np.diagonal(A, axis1=-2, axis2=-1)",
    "linalg.matrix_norm": "Write np.linalg.norm(A, axis=(-2, -1))",
    "vecmat": "Write (v[..., None, :] @ A)[..., 0, :]",
    "interp": "Between two points write y0 + (y1 - y0) * np.clip((x - x0) / (x1 - x0), 0, 1)",
    "cov": "With u = z - z.mean(1, keepdims=True) write u @ u.T / (z.shape[1] - 1)",
    "corrcoef": "With u = z - z.mean(1, keepdims=True), divided by np.linalg.norm(u, axis=1, keepdims=True), write u @ u.T",
    "trapezoid": "Write np.sum(y[1:] + y[:-1]) / 2, times the step",
    "gradient": "Write (z[2:] - z[:-2]) / 2 with z[1:2] - z[:1] before it and z[-1:] - z[-2:-1] behind",
    "sinc": "Write np.where(z == 0, 1, np.sin(np.pi * z) / (np.pi * np.where(z == 0, 1, z)))",
    "polyval": "Write gn.polynomial(z, coefficients), from the constant one on",
    "linspace": "Write start + (stop - start) * np.linspace(0, 1, n)",
    "geomspace": "Write start * (stop / start) ** np.linspace(0, 1, n)",
    "logspace": "Write 10 ** (start + (stop - start) * np.linspace(0, 1, n))",
    "nansum": "Write np.sum(np.where(np.isnan(z), 0, z))",
    "hsplit": "Write np.split(z, 2, axis=1)",
    "vsplit": "Write np.split(z, 2, axis=0)",
    "dsplit": "Write np.split(z, 2, axis=2)",
    "dstack": "Write np.concatenate([x, y], axis=2)",
    "array_split": "Write np.split(z, [2, 3])",
    "unstack": "Write [z[0], z[1]]",
    "block": "Join the parts of each row, then the rows: np.concatenate([a, b], axis=1)",
    "convolve": "Write gn.conv1d(np.pad(z, k.size - 1)[None, None], k[None, None, ::-1])[0, 0]",
    "correlate": "Write gn.conv1d(z[None, None], k[None, None])[0, 0]",
    "cumulative_sum": "Write np.cumsum(z, axis)",
    "cumulative_prod": "Write np.cumprod(z, axis)",
    "ediff1d": "Write np.diff(np.ravel(z))",
    "diagflat": "Write np.diag(np.ravel(z))",
    "vander": "Write z[:, None] ** np.arange(n)[::-1]",
    "partition": "Write np.sort(z)",
    "argpartition": "Write np.argsort(z)",
    "fix": "Write np.trunc(z)",
    "modf": "Write z - np.trunc(z) and np.trunc(z)",
    "copysign": "Write np.abs(x) * np.where(np.signbit(y), -1, 1)",
    "isposinf": "Write z == np.inf",
    "isneginf": "Write z == -np.inf",
    "allclose": "Write np.all(np.isclose(x, y))",
    "array_equal": "Write np.all(x == y)",
    "empty_like": "Write np.zeros_like(z)",
    "piecewise": "Write np.where(mask, x, y)",
    "copy": "A node never changes: take it as it is",
    "conj": "The numbers of a node are real: take it as it is",
    "real": "The numbers of a node are real: take it as it is",
    "astype": "Parameters and what is fed say the dtype of a run: convert these",
    "rollaxis": "Write np.moveaxis(z, axis, 0)",
    "broadcast_arrays": "Write np.broadcast_to(x, shape) for each",
    "select": "Write np.where(a, x, np.where(b, y, 0))",
    "choose": "Write np.where(k == 0, x, y)",
    "compress": "Write z[mask]",
    "extract": "Write z[mask]",
    "delete": "Write np.concatenate([z[:i], z[i + 1 :]])",
    "searchsorted": _AFTER,
    "digitize": _AFTER,
    "histogram": _AFTER,
    "isin": _AFTER,
    "linalg.matrix_rank": _AFTER,
    "unique": _AFTER,
    "insert": "Write np.concatenate([z[:i], values, z[i:]])",
    "nonzero": "Take the entries, z[mask], or keep the shape, np.where(mask, z, 0)",
    "flatnonzero": "Take the entries, z[mask], or keep the shape, np.where(mask, z, 0)",
    "argwhere": "Take the entries, z[mask], or keep the shape, np.where(mask, z, 0)",
}
"""What to write in place of functions of NumPy and SciPy that no op covers."""


OPTIONS = {
    "where": "Choose the entries before, as np.sum(np.where(mask, z, 0))",
    "initial": "Write np.sum(z) + initial, np.maximum(np.max(z), initial)",
    "order": "Entries go row by row: for columns write np.ravel(z.T), or z.T.reshape(shape[::-1]).T",
    "dtype": "Parameters and what is fed say the dtype of a run: convert these",
    "kind": "Leave it out: equal entries keep their order",
    "prepend": "Write np.diff(np.concatenate([first, z]))",
    "append": "Write np.diff(np.concatenate([z, last]))",
    "equal_nan": "Write np.isclose(x, y) | (np.isnan(x) & np.isnan(y))",
}
"""What to write in place of options of NumPy's functions that no op has."""


ELSEWHERE = {
    "SGD": "gn.GradientDescent(0.1), or gn.Momentum(0.1)",
    "Tensor": "gn.constant(array)",
    "tensor": "gn.constant(array)",
    "Variable": 'gn.parameter("W", array)',
    "Linear": "gn.layers.dense(x, 10, rng=rng)",
    "Dense": "gn.layers.dense(x, 10, rng=rng)",
    "MSELoss": "gn.mse(a, t)",
    "CrossEntropyLoss": "gn.cross_entropy(z, t)",
    "BCEWithLogitsLoss": "gn.binary_cross_entropy(z, t)",
    "ReLU": "gn.relu(z)",
    "grad": "gn.gradients(E, [W]), or gn.backward(E, feeds).gradient(W)",
}
"""What to write in place of names that other libraries have."""


class ByName(dict[str, Any]):
    """Gradients by label, which say how to ask for one."""

    def __missing__(self, key: object) -> NoReturn:
        raise GraphError(
            f"there is no gradient called {shown(key)}; there are {', '.join(map(repr, self)) or 'none'}",
            repair="They go by the labels of the graph, graph.label(W); bwd.gradient(W) takes the node.",
        )
