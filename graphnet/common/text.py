"""Names as text that is safe to show: every character visible, and escaped for XML.

Names come from users, and from files of strangers. `clean` makes every character visible, `short` also cuts.
"""

from __future__ import annotations

from collections.abc import Iterable

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
