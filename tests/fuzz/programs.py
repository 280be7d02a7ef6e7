"""Programs: small descriptions of networks that graphnet and another library can both carry out."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from typing import Any

Dialect = Mapping[str, Sequence[Callable[..., Any]]]
"""Name of an operation → the functions that do it in one library: its spellings."""


@dataclass(frozen=True)
class Leaf:
    """What a program starts from: an input, a parameter, a constant node, or a bare array or number."""

    kind: str  # "input", "batch" (an input of one row a sample), "parameter", "constant", "bare", "positions", "mask"
    value: Any


@dataclass(frozen=True)
class Step:
    """One operation on earlier results, in one of the spellings that a dialect has for it."""

    op: str
    args: tuple[int, ...]
    settings: dict[str, Any] = field(default_factory=dict)
    spelling: int = 0
    scope: str = ""


@dataclass(frozen=True)
class Program:
    """Leaves and steps in their order; a step refers to earlier ones by their place. The last is the output."""

    seed: int
    items: tuple[Leaf | Step, ...]
    delta: Any = None  # the error signal that an output starts with that is not a scalar
    smooth: bool = True  # no opaque rules in it

    @property
    def leaves(self) -> tuple[Leaf, ...]:
        return tuple(item for item in self.items if isinstance(item, Leaf))


def run(
    program: Program,
    dialect: Dialect,
    leaves: Sequence[Any],
    scope: Callable[[str], AbstractContextManager[Any]] = nullcontext,
) -> list[Any]:
    """Carry out the program on these leaf values; return all results in order."""
    values = iter(leaves)
    results: list[Any] = []
    for item in program.items:
        if isinstance(item, Leaf):
            results.append(next(values))
        else:
            with scope(item.scope) if item.scope else nullcontext():
                results.append(carry_out(dialect, item, [results[i] for i in item.args]))
    return results


def carry_out(dialect: Dialect, step: Step, args: Sequence[Any]) -> Any:
    """Carry out one step."""
    spellings = dialect[step.op]
    return spellings[step.spelling % len(spellings)](*args, **step.settings)
