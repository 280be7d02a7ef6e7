"""What a rule says at points next to the one checked, and at others.

Where rules are torn, as at a tie of a maximum, each entry alone has room for any value between two slopes. What a right
rule says there is a blend of what it says right beside the point: so it is with several entries together too.
"""

from __future__ import annotations

import inspect
import itertools
from collections.abc import Sequence
from types import BuiltinFunctionType, FunctionType, ModuleType
from typing import Any

import numpy as np

from graphnet.core.op import Op
from graphnet.core.tables import number
from graphnet.engine.rules import as_messages, read_only

Array = np.ndarray[Any, Any]
NEAR = 1e-12
"""How far a neighbour is away, as a share of max(1, |x|): so near that only a tear makes a difference."""
FIRST = 6
"""How many neighbours are asked first."""
TORN = 1e-3
"""By what share of the largest message an entry must change so near that the rule is called torn there."""
NEIGHBOURS = 128
"""How many are asked where a rule is torn."""
GROUPS = 60
"""How many pairs and triples of torn entries are looked at together."""


def torn(op: Op, delta: Array, messages: Sequence[Array | None], inputs: Sequence[Array], rng: np.random.Generator) -> tuple[bool, str]:
    """Tell whether a rule is torn at a point, and what is wrong there, if anything is.

    Parameters
    ----------
    op, delta, messages, inputs
        The rule, and what it says of what: None, or of integers, for an input that has no error signal.
    rng
        Chooses neighbours and groups.
    """
    slots = [slot for slot, message in enumerate(messages) if message is not None and inputs[slot].dtype.kind == "f"]
    if not slots:
        return False, ""
    said = _joined(messages, slots)
    x = np.concatenate([inputs[slot].ravel() for slot in slots])
    length = NEAR * np.maximum(1.0, np.abs(x))

    def at(shift: Array) -> Array | None:
        moved, start = list(inputs), 0
        for slot in slots:
            part = shift[start : start + inputs[slot].size].reshape(inputs[slot].shape)
            moved[slot], start = read_only(np.asarray(inputs[slot] + part)), start + part.size
        try:
            with np.errstate(all="ignore"):
                output = np.asarray(op.forward(*moved))
                found = _joined(as_messages(op, op.backward(read_only(delta), read_only(output), *moved), len(inputs)), slots)
        except Exception:  # of any kind: the neighbour is outside the rule's domain
            return None
        return found if found.shape == said.shape and np.isfinite(found).all() else None

    def anywhere(count: int) -> list[Array]:
        steps = rng.choice([-1.0, 1.0], (count, x.size)) * rng.uniform(0.1, 1.0, (count, x.size)) * length
        return [found for step in steps if (found := at(step)) is not None]

    def differ(near: Sequence[Array]) -> Array:
        return np.flatnonzero((np.abs(np.stack(near) - said) > TORN * size).any(axis=0))

    near = anywhere(FIRST)
    if not near or not np.isfinite(said).all():
        return False, ""
    size = max(float(np.abs(near).max(initial=0.0)), float(np.abs(said).max(initial=0.0)))
    if not differ(near).size:
        return False, ""
    near += anywhere(NEIGHBOURS)
    places = differ(near)
    if len(places) < 2:
        return True, ""
    beside = np.stack(near)[:, places]
    said = said[places]
    total = beside.sum(axis=1)
    if np.ptp(total) <= TORN * size < abs(said.sum() - total.mean()):
        return True, (
            f"where entries tie, together they get {number(said.sum(), 6)} of an error signal that is "
            f"{number(float(total.mean()), 6)} in all right beside the tie"
        )
    for _ in range(GROUPS):
        group = rng.permutation(len(places))[: rng.integers(2, 4)]
        signs = rng.choice([-1.0, 1.0], len(group))
        ways = itertools.product((-1, 1), repeat=len(group))
        shifted = [at(_pattern(rng, length, places[group], np.array(way))) for way in ways]
        blends = np.concatenate([beside[:, group], *[found[places[group]][None] for found in shifted if found is not None]])
        blends, value = blends @ signs, float(said[group] @ signs)
        low, high = float(blends.min()), float(blends.max())
        if max(low - value, value - high) > TORN * size + (high - low) / 2:
            return True, (
                f"where entries tie, {len(group)} of them together say {number(value, 6)}, where right beside the tie "
                f"it is {number(low, 6)} to {number(high, 6)}"
            )
    return True, ""


def _pattern(rng: np.random.Generator, length: Array, group: Array, way: Array) -> Array:
    """Return a shift by which a group moves ten times as far as the others, each this way or that."""
    shift = rng.uniform(-0.1, 0.1, len(length)) * length
    shift[group] = way * rng.uniform(0.5, 1.0, len(group)) * length[group]
    return np.asarray(shift)


def _joined(messages: Sequence[Array | None], slots: Sequence[int]) -> Array:
    return np.concatenate([np.asarray(messages[slot], float).ravel() for slot in slots])


def reaches_state(op: Op) -> bool:
    """Tell whether a rule can reach something that may change between two calls: a dict, an array, an object of a class."""
    found: list[Any] = list(getattr(op, "__dict__", {}).values())
    for rule in (op.forward, op.backward):
        function = inspect.unwrap(getattr(rule, "__func__", rule))
        if isinstance(function, FunctionType):
            names = inspect.getclosurevars(function)
            found += [*names.nonlocals.values(), *names.globals.values()]
    plain = (int, float, complex, str, bytes, bool, tuple, frozenset, type, ModuleType, FunctionType, BuiltinFunctionType)
    return any(not isinstance(value, (*plain, np.ufunc, np.generic, np.dtype, Op)) and value is not None for value in found)
