"""What a check is asked to do."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np

from graphnet.check.responses import Response
from graphnet.core.settings import generator, real, whole
from graphnet.errors import GraphError, shown

Entries = int | Literal["all"]
Method = Literal["central", "complex", "taylor"]
METHODS: tuple[Method, ...] = ("central", "complex", "taylor")
BUDGET = 1e9
"""Work for the check of one array, in multiply-adds, above which a sample of its entries is compared."""


@dataclass(frozen=True)
class Settings:
    """How much is compared, and how.

    Attributes
    ----------
    entries
        How many of each array; ``"all"``: as long as the budget allows.
    method
        ``"central"``, ``"complex"`` or ``"taylor"``.
    step
        The step of differences; None: chosen for each entry.
    budget
        Work for one array, in multiply-adds.
    rng
        Chooses error signals, samples and directions.
    checked
        Which ops were found to compute stacks as they compute arrays.
    """

    entries: Entries
    method: Method
    step: float | None
    budget: float
    rng: np.random.Generator
    checked: dict[Any, bool] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not (isinstance(self.entries, str) and self.entries == "all"):
            whole(self.entries, "entries", 'Give "all", or how many of each array to compare: at least 1.', least=1)
        if not isinstance(self.method, str) or self.method not in METHODS:
            raise GraphError(
                f"unknown method {shown(self.method)}", repair=f"Use one of {', '.join(map(repr, METHODS))}."
            )
        for name in ("step", "budget"):
            value = getattr(self, name)
            if value is None and name == "step":
                continue
            if not real(value, name) > 0 or (name == "step" and not np.isfinite(value)):
                raise GraphError(f"{name} is {shown(value)}", repair="Give a number above 0.")
        generator(self.rng)
        self.rng.random(7)  # δ must not be the very numbers that the same seed has given the inputs

    def choose(self, response: Response) -> np.ndarray[Any, Any]:
        """Return the flat indices of the entries to compare: all, or a random sample in order."""
        return response.sample(None if self.entries == "all" else int(self.entries), self.rng)
