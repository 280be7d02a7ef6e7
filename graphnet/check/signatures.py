"""What a wrong rule looks like: known mistakes, each tried against the finite differences.

A signature is reported only if it explains every entry; otherwise the honest answer is "no known signature".
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from graphnet.core.op import Op
from graphnet.core.tables import number

Array = np.ndarray[Any, Any]
CLOSE = 1e-5
"""How well a signature must explain the differences, as a share of the largest of them."""


def signature(
    op: Op,
    slot: int,
    rule: Array,
    differences: Sequence[Array | None],
    delta: Array,
    output: Array,
    inputs: Sequence[Array],
) -> str:
    """Say what the fault of a backward rule looks like.

    Parameters
    ----------
    op, slot
        Whose rule, and for which input.
    rule
        What it returned.
    differences
        The right error signal of each input by finite differences, complete; None where not known.
    delta, output, inputs
        What the rule was given.

    Returns
    -------
    str
        One line with the evidence.
    """
    right = differences[slot]
    if right is None:
        return "no known signature (not every entry was checked)"
    if rule.shape != right.shape:
        return next(_of_shape(rule, right), f"returned shape {rule.shape}, expected {right.shape}")
    candidates = _of_values(op, slot, rule, right, differences, delta, output, inputs)
    return next(candidates, "no known signature")


def _of_shape(rule: Array, right: Array) -> Iterator[str]:
    """Yield signatures of a rule that returned another shape than it must."""
    shapes = f"returned shape {rule.shape}, expected {right.shape}"
    extra = rule.ndim - right.ndim
    if extra > 0 and _close(rule.sum(axis=tuple(range(extra))), right):
        yield f"not summed over the batch: its sum over axis 0 is right ({shapes})"
    if rule.shape == right.shape[::-1] and _close(rule.T, right):
        yield f"a transpose is missing: its .T is right ({shapes})"
    elif rule.shape == right.shape[::-1]:
        yield f"a transpose is missing, or one too many: it has the shape of the transpose ({shapes})"
    if extra > 0 and rule.shape[extra:] == right.shape:
        yield f"not summed over the batch: it still has the axis of the samples ({shapes})"


def _of_values(
    op: Op,
    slot: int,
    rule: Array,
    right: Array,
    differences: Sequence[Array | None],
    delta: Array,
    output: Array,
    inputs: Sequence[Array],
) -> Iterator[str]:
    """Yield signatures of a rule that returned the right shape, the most telling first."""

    def with_arguments(new_delta: Array, new_output: Array, new_inputs: Sequence[Array]) -> Array | None:
        try:
            returned = op.backward(new_delta, new_output, *new_inputs)
        except Exception:
            return None  # a rule that can't take these arrays is not explained by them
        return np.asarray(returned[slot] if isinstance(returned, (tuple, list)) else returned, float)

    entries = f"over all {right.size} entries"
    if not np.isfinite(rule).all():
        yield f"{np.count_nonzero(~np.isfinite(rule))} of {rule.size} entries are not finite"
        return
    if not rule.any():
        yield f"always zero, where the differences are up to {number(np.abs(right).max())}"
    if _close(-rule, right):
        yield f"sign flipped: ratio −1 {entries}"
    factor = float(np.vdot(rule, right)) / max(float(np.vdot(right, right)), float(np.finfo(float).tiny))
    if factor and _close(rule / factor, right):
        yield f"wrong by a constant factor: ratio {number(factor)} {entries}{_meaning(factor, delta.shape)}"
    doubled = with_arguments(2 * delta, output, inputs)
    if doubled is not None and _close(doubled, rule) and rule.any():
        yield "delta is forgotten: the result stays the same when delta is doubled"
    if rule.shape == delta.shape and _close(rule, delta):
        yield "delta is passed on without the slope g′"
    if rule.shape == delta.shape and _close(rule, delta * output):
        yield "delta is multiplied by g where g′ belongs"
    if rule.ndim == 2 and rule.shape[0] == rule.shape[1] and _close(rule.T, right):
        yield "a transpose is missing: its .T is right"
    if inputs[slot].shape == output.shape:
        replaced = [output if i == slot else x for i, x in enumerate(inputs)]
        if _close(with_arguments(delta, output, replaced), right):
            yield "reads the input where the cached output belongs: with the output in its place it is right"
        if _close(with_arguments(delta, inputs[slot], inputs), right):
            yield "reads the cached output where the input belongs: with the input in its place it is right"
    if op.name == "matmul" and rule.ndim == 2:
        x, y = inputs
        without = delta @ y if slot == 0 and delta.shape[-1:] == y.shape[:1] else None
        if slot == 1 and x.shape[-1:] == delta.shape[:1]:
            without = x @ delta
        if without is not None and _close(rule, without):
            yield "a transpose is missing in the product"
    for other, difference in enumerate(differences):
        if other != slot and difference is not None and difference.shape == rule.shape and _close(rule, difference):
            yield f"it is the error signal of input {other}: the operands are swapped"


def _close(candidate: Array | None, right: Array) -> bool:
    if candidate is None or candidate.shape != right.shape or not np.isfinite(candidate).all():
        return False
    return bool(np.max(np.abs(candidate - right), initial=0.0) <= CLOSE * np.max(np.abs(right), initial=1e-300))


def _meaning(factor: float, delta_shape: tuple[int, ...]) -> str:
    if np.isclose(factor, 2, rtol=CLOSE):
        return " (a ½ is lost, or it is counted twice)"
    if np.isclose(factor, 0.5, rtol=CLOSE):
        return " (one ½ too many)"
    samples = delta_shape[0] if delta_shape else 0
    if samples > 1 and np.isclose(factor, 1 / samples, rtol=CLOSE):
        return f" (a mean over the {samples} samples instead of a sum)"
    if samples > 1 and np.isclose(factor, samples, rtol=CLOSE):
        return f" (a sum over the {samples} samples instead of a mean)"
    return ""
