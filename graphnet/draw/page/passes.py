"""Several passes of one graph, for one page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from graphnet.engine.passes import ForwardPass
from graphnet.errors import DrawError, shown


def named_passes(what: Any) -> dict[str, ForwardPass] | None:
    """Return passes by name, or ``None`` if `what` is neither a pass, nor several in a list, nor ``{name: pass}``.

    Raises
    ------
    DrawError
        If there are passes and other things, passes of different graphs, or names that are no text.

    Examples
    --------
    >>> import graphnet as gn
    >>> w = gn.parameter("w", [1.0])
    >>> E = gn.sse(w, [0.0])
    >>> list(named_passes([gn.backward(E, {}), gn.backward(E, {})]))
    ['pass 1', 'pass 2']
    """
    if isinstance(what, ForwardPass):
        return {"pass": what}
    if isinstance(what, Mapping):
        passes = {name if isinstance(name, str) else shown(name): run for name, run in what.items()}
    elif isinstance(what, Sequence) and any(isinstance(run, ForwardPass) for run in what):
        passes = {f"pass {i}": run for i, run in enumerate(what, start=1)}
    else:
        return None
    _check(passes)
    return passes


def check_learning_rate(rate: Any) -> float:
    """Return the learning rate as a float.

    Raises
    ------
    DrawError
        If it is no positive number.
    """
    try:
        value = float(rate)
    except Exception:  # of any kind, as an int that is too large
        value = float("nan")
    if not 0 < value < float("inf"):
        raise DrawError(
            f"learning rate {shown(rate)} is no positive number", repair="Give η of w ← w − η ∂E/∂w, as 0.1."
        )
    return value


def _check(passes: Mapping[str, ForwardPass]) -> None:
    if not passes:
        raise DrawError("no passes to draw", repair='Give at least one: draw({"epoch 0": bwd}).')
    nodes: tuple[Any, ...] = ()
    for name, run in passes.items():
        if not isinstance(run, ForwardPass):
            raise DrawError(
                f"{name!r} is {type(run).__name__}, not a pass", repair="Give what gn.backward or gn.forward returned."
            )
        nodes = nodes or run.graph.nodes
        if len(run.graph.nodes) != len(nodes) or any(a is not b for a, b in zip(run.graph.nodes, nodes, strict=True)):
            raise DrawError(
                f"{name!r} is a pass of another graph than the first one",
                repair="One page shows one graph. Run the same output node each time.",
            )
