"""Right or wrong, without graphnet's checker: differences of sixth order, in long double where the forward rule keeps it."""

from __future__ import annotations

from typing import Any

import numpy as np

import graphnet as gn

from .record import Arrays, Rule

WEIGHTS = ((1, 45 / 60), (2, -9 / 60), (3, 1 / 60))


def as_tuple(signals: Any, inputs: int) -> tuple[Any, ...]:
    return (
        signals if isinstance(signals, tuple | list) and inputs > 1 else (signals,) if inputs == 1 else tuple(signals)
    )


def rules(op: Any) -> Any:
    """Return what has the two rules as methods."""
    return op.op if isinstance(op, gn.op) else op


def other(rule: Rule, number: int, arrays: Arrays, seed: int) -> Arrays:
    """Return arrays of the same shapes with other numbers."""
    drawn = rule.arrays(number, seed + 1)
    return tuple(d if d.shape == x.shape else x for d, x in zip(drawn, arrays, strict=True))


def signals(op: Any, rule: Rule, number: int, seed: int) -> tuple[list[np.ndarray], np.ndarray]:
    """Run the rule as a network does: after an earlier use with other numbers, and with another use in between."""
    op, arrays = rules(op), rule.arrays(number, seed)
    rng = np.random.default_rng([17, number])
    before = other(rule, number, arrays, seed)
    with np.errstate(all="ignore"):
        first = op.forward(*(x.copy() for x in before))
        value = op.forward(*(x.copy() for x in arrays))
        op.forward(*(x.copy() for x in before))
        # An error signal may be large, small, or of one sign for many entries.
        delta = rng.normal(size=np.shape(value)) + 0.3
        op.backward(rng.normal(size=np.shape(first)), np.asarray(first), *(x.copy() for x in before))
        got = op.backward(delta.copy(), np.asarray(value), *(x.copy() for x in arrays))
    floats = [g for g, x in zip(as_tuple(got, len(arrays)), arrays, strict=True) if x.dtype.kind == "f"]
    shapes = [x.shape for x in arrays if x.dtype.kind == "f"]
    return [np.zeros(s) if g is None else np.asarray(g) for g, s in zip(floats, shapes, strict=True)], delta


def difference(rule: Rule, number: int, seed: int = 0) -> tuple[float, list[int]]:
    """Return by how much the wrong rule differs, relative to the largest signal, and at which inputs."""
    right, _ = signals(rule.right(), rule, number, seed)
    wrong, _ = signals(rule.wrong(), rule, number, seed)
    floating = [i for i, x in enumerate(rule.arrays(number, seed)) if x.dtype.kind == "f"]
    # What a right rule says has no signal, a label or a mask, is nothing that a wrong one can get wrong.
    scale = max(float(np.abs(r).max(initial=0)) for r in right) or 1.0
    worst, at = 0.0, []
    for i, r, w in zip(floating, right, wrong, strict=True):
        off = np.inf if r.shape != w.shape else float(np.abs(np.nan_to_num(w, nan=1e300) - r).max(initial=0)) / scale
        if off > 1e-7:
            at.append(i)
        worst = max(worst, off)
    return worst, at


def changes(rule: Rule, number: int) -> bool:
    """Return whether the wrong rule writes into what it was given, or into what it gave earlier."""
    op, arrays = rules(rule.wrong()), rule.arrays(number)
    value = np.asarray(op.forward(*arrays))
    delta = np.random.default_rng(5).normal(size=value.shape)
    given = (delta, value, *arrays)
    kept = [x.copy() for x in given]
    got = [g for g in as_tuple(op.backward(*given), len(arrays)) if g is not None]
    if any(not np.array_equal(x, k) for x, k in zip(given, kept, strict=True)):
        return True
    copies = [np.array(g) for g in got]
    op.backward(kept[0] * -2, *kept[1:])
    return any(not np.array_equal(g, c) for g, c in zip(got, copies, strict=True))


def slopes(rule: Rule, number: int, seed: int = 0, wrong: bool = False) -> tuple[float, float]:
    """Return the largest error of the right rule, or of the wrong one, and the largest signal.

    Every entry for the first input set, and of rules with kinks; four random directions otherwise. At ties, where a slope
    isn't one number: between the slopes of both sides, entry by entry.
    """
    op, arrays = rules(rule.wrong() if wrong else rule.right()), rule.arrays(number, seed)
    value = np.asarray(op.forward(*arrays), dtype=float)
    rng = np.random.default_rng([3, number])
    delta = rng.normal(size=value.shape)
    got = as_tuple(op.backward(delta.copy(), value, *(x.copy() for x in arrays)), len(arrays))
    smooth = [i for i, g in enumerate(got) if g is not None]
    for i in smooth:
        assert np.shape(got[i]) == arrays[i].shape, f"{rule.case}: shape {np.shape(got[i])} for {arrays[i].shape}"
    scale = max(1e-30, *(float(np.abs(got[i]).max(initial=0)) for i in smooth))
    error = 0.0
    for direction in directions(arrays, smooth, rng, every=number == 0 or rule.domain.kinks):
        want = float(sum((got[i] * direction[i]).sum() for i in smooth))
        longest = max(1.0, float(np.sqrt(sum((direction[i] ** 2).sum() for i in smooth))))
        measured = derivative(op, arrays, direction, delta, rule.domain.kinks)
        off = max(0.0, want - max(measured), min(measured) - want)
        error = max(error, off / longest)
    return error, max(scale, 1e-3 * float(np.abs(value).max(initial=0) * np.abs(delta).max(initial=0)))


def directions(arrays: Arrays, smooth: list[int], rng: np.random.Generator, every: bool) -> list[dict[int, np.ndarray]]:
    zero = {i: np.zeros(arrays[i].shape) for i in smooth}
    if not every:
        return [{i: rng.normal(size=arrays[i].shape) for i in smooth} for _ in range(4)]
    # All together: at ties, what the tied ones get must add up, which no entry alone can tell.
    found = [{i: np.ones(arrays[i].shape) for i in smooth}]
    for i in smooth:
        for k in range(arrays[i].size):
            unit = np.zeros(arrays[i].size)
            unit[k] = 1
            found.append(zero | {i: unit.reshape(arrays[i].shape)})
    return found


def derivative(
    op: Any, arrays: Arrays, direction: dict[int, np.ndarray], delta: np.ndarray, kinks: bool
) -> list[float]:
    """Return the slope along a direction; of a rule with kinks those of both sides too, where they differ."""

    def along(step: float, kind: type) -> np.ndarray:
        moved = [x + kind(step) * direction[i].astype(kind) if i in direction else x for i, x in enumerate(arrays)]
        return np.asarray(op.forward(*moved))

    kind: type = np.longdouble
    try:
        if along(0.0, kind).dtype != np.longdouble:
            kind = np.float64
    except (TypeError, np.linalg.LinAlgError):
        kind = np.float64
    h = 1e-3 if kind is np.float64 else 1e-4
    if kinks:
        h = 1e-5
    total = sum(w * (delta * (along(k * h, kind) - along(-k * h, kind))).sum() for k, w in WEIGHTS) / h
    found = [float(total)]
    if kinks:
        middle = along(0.0, kind)
        step = 1e-7
        up = float((delta * (along(step, kind) - middle)).sum() / step)
        down = float((delta * (middle - along(-step, kind))).sum() / step)
        if abs(up - down) > 1e-3 * (1e-9 + max(abs(up), abs(down))):
            found += [up, down]
    return found
