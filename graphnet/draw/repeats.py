"""Repeated layers: where a graph does the same thing again and again, as a deep network does."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import NamedTuple

import numpy as np

LONGEST_PATTERN = 40
"""Longer patterns are not looked for."""

LEAST_REPEATS = 4


class Repeat(NamedTuple):
    """A run of `times` copies of a pattern of `period` entries, from `start` on."""

    start: int
    period: int
    times: int

    @property
    def end(self) -> int:
        """Where the entries behind the run begin."""
        return self.start + self.period * self.times


def longest_repeat(signatures: Sequence[Hashable]) -> Repeat | None:
    """Return the run of repeats that covers most entries of a sequence; of equal ones the shortest pattern.

    Examples
    --------
    >>> longest_repeat("x" + "abc" * 5 + "y")
    Repeat(start=1, period=3, times=5)
    >>> longest_repeat("abcdef") is None
    True
    """
    numbers: dict[Hashable, int] = {}
    codes = np.array([numbers.setdefault(signature, len(numbers)) for signature in signatures])
    best: Repeat | None = None
    for period in range(1, min(LONGEST_PATTERN, len(codes) // LEAST_REPEATS) + 1):
        run = _longest_run(codes[period:] == codes[:-period])
        if run is None:
            continue
        found = Repeat(run[0], period, (run[1] + period) // period)
        if found.times >= LEAST_REPEATS and (best is None or found.end - found.start > best.end - best.start):
            best = found
    return best


def _longest_run(truths: np.ndarray[tuple[int], np.dtype[np.bool_]]) -> tuple[int, int] | None:
    """Return start and length of the longest run of true entries."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], truths, [False]]).astype(np.int8)))
    if not edges.size:
        return None
    starts, lengths = edges[::2], edges[1::2] - edges[::2]
    longest = int(lengths.argmax())
    return int(starts[longest]), int(lengths[longest])
