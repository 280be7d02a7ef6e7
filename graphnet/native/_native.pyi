"""What the C extension holds."""

from typing import Any

import numpy as np

PRIMITIVES: tuple[tuple[str, int], ...]

class Machine:
    def __new__(
        cls, code: np.ndarray[Any, Any], values: np.ndarray[Any, Any], ufuncs: tuple[np.ufunc, ...]
    ) -> Machine: ...
    def run(self) -> int: ...
