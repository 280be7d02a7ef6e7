"""JSON without what JSON does not have, and without what only a mistake or an attack writes."""

from __future__ import annotations

import json
import math
from typing import Any


def parse(text: bytes) -> Any:
    """Return what the text says.

    Raises
    ------
    ValueError
        If it is not JSON in UTF-8, or has a key twice, NaN or an infinity, a number too large for its type, or more
        levels or digits than Python reads.

    Examples
    --------
    >>> parse(b'{"a": [1, 2.5, null]}')
    {'a': [1, 2.5, None]}
    """
    try:
        return json.loads(
            text.decode("utf-8"), object_pairs_hook=_unique, parse_float=_finite, parse_constant=_not_a_number
        )
    except RecursionError as error:
        raise ValueError("its lists and objects are nested too deeply") from error


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        keys = [key for key, _ in pairs]
        raise ValueError(f"the key {next(key for key in keys if keys.count(key) > 1)!r} is there twice"[:200])
    return found


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(f"the number {text[:40]} is too large")
    return number


def _not_a_number(text: str) -> float:
    raise ValueError(f"{text} is not a number of JSON")
