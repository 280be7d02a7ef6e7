"""What can be shown on a picture, and what was asked for."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, TypeAlias

from graphnet.engine.passes import BackwardPass, ForwardPass
from graphnet.errors import DrawError, shown

Shown: TypeAlias = frozenset[str]

EVERYTHING: Shown = frozenset({"shapes", "values", "error signals", "gradients", "messages", "formulas"})
EVERYTHING_BUT_FORMULAS = EVERYTHING - {"formulas"}

_NEEDS: dict[str, tuple[type, str]] = {
    "values": (ForwardPass, "a pass, as gn.forward(E, feeds)"),
    "error signals": (BackwardPass, "a backward pass, as gn.backward(E, feeds)"),
    "gradients": (BackwardPass, "a backward pass, as gn.backward(E, feeds)"),
    "messages": (BackwardPass, "a backward pass, as gn.backward(E, feeds)"),
}


def shown_of(what: Any, show: str | Iterable[str] | None) -> Shown:
    """Return what is shown of a graph or a pass: what was asked for, or all that it has but formulas.

    Raises
    ------
    DrawError
        If something is asked for that is unknown, or that only another kind of pass has.
    """
    if show is None:
        return EVERYTHING_BUT_FORMULAS
    try:
        asked: list[Any] = [show] if isinstance(show, str) else list(show)
    except Exception:  # of any kind: it can't be iterated
        asked = [show]
    known = ", ".join(f'"{name}"' for name in sorted(EVERYTHING))
    for name in asked:
        if not isinstance(name, str) or name not in EVERYTHING:
            raise DrawError(f"can't show {shown(name)}", repair=f"Known are {known}.")
        kind, needed = _NEEDS.get(name, (object, ""))
        if not isinstance(what, kind):
            raise DrawError(f"there are no {name} in this {type(what).__name__}", repair=f"Draw {needed}.")
    return frozenset(asked)
