"""What the C extension holds."""

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

PRIMITIVES: tuple[tuple[str, int], ...]

class Machine:
    def __new__(
        cls, code: np.ndarray[Any, Any], values: np.ndarray[Any, Any], ufuncs: tuple[np.ufunc, ...]
    ) -> Machine: ...
    def run(self) -> int: ...

class Calls:
    """A list of (function, arguments), run as one call."""

    native: list[bool]
    """For each call, whether it needs no Python."""
    read_in_place: int
    """How many feeds are not copied, if they lie in memory row after row."""
    handed_out: int
    """How many results are not copied."""

    def __init__(
        self,
        calls: Iterable[tuple[Callable[..., Any], tuple[Any, ...]]],
        feeds: Iterable[np.ndarray[Any, Any]],
        results: dict[str, np.ndarray[Any, Any]],
        outputs: Iterable[np.ndarray[Any, Any]],
    ) -> None: ...
    def fits(self, feeds: Iterable[np.ndarray[Any, Any]]) -> bool: ...
    def run(self, feeds: Iterable[np.ndarray[Any, Any]]) -> None: ...
    def hand_out(self) -> dict[str, np.ndarray[Any, Any]]: ...
