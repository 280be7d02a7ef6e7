"""What a wrong rule looks like: known mistakes, each tried against the finite differences.

Each hypothesis below is a function of the evidence that returns one line if it explains every entry compared, or nothing.
They are tried from the specific to the general, and the first that explains everything is named; if none does, the honest
answer is "no known signature".
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from graphnet.check.evidence import CLOSE, NEXT_TO_NOTHING, Evidence
from graphnet.core.tables import number

Array = np.ndarray[Any, Any]
UNKNOWN = "no known signature"


Hypothesis = Callable[[Evidence], Iterator[str]]


def signature(evidence: Evidence) -> str:
    """Return what the fault of a rule looks like, in one line."""
    if not evidence.known.any():
        return f"{UNKNOWN} (no entry has a usable difference)"
    table = OF_VALUES if evidence.rule.shape == evidence.right.shape else OF_SHAPE
    for hypothesis in table:
        for line in hypothesis(evidence):
            return line
    return UNKNOWN if table is OF_VALUES else _shapes(evidence)


def repaired(evidence: Evidence, problem: str) -> str:
    """Return what would mend a rule that raised an error: a transpose, if one does."""
    for line in _input_transposed(evidence):
        return f"{line} ({problem})"
    return problem


# Another shape than it must have ------------------------------------------------------------------------------------


def _shapes(e: Evidence) -> str:
    return f"returned shape {e.rule.shape}, expected {e.right.shape}"


def _shape_transposed(e: Evidence) -> Iterator[str]:
    if e.rule.shape == e.right.shape[::-1]:
        if e.explains(e.rule.T):
            yield f"a transpose is missing: its .T is right ({_shapes(e)})"
        else:
            yield f"a transpose is missing, or one too many: it has the shape of the transpose ({_shapes(e)})"


def _not_summed(e: Evidence) -> Iterator[str]:
    extra = e.rule.ndim - e.right.ndim
    axes = tuple(range(extra))
    if extra > 0 and e.explains(e.rule.sum(axis=axes)):
        yield f"not summed over the batch: its sum over axis 0 is right ({_shapes(e)})"
    elif extra > 0 and e.rule.shape[extra:] == e.right.shape:
        yield f"not summed over the batch: it still has the axis of the samples ({_shapes(e)})"
    elif extra >= 0:
        stretched = tuple(i + extra for i, size in enumerate(e.right.shape) if size == 1 != e.rule.shape[i + extra])
        if stretched and e.explains(e.rule.sum(axis=(*axes, *stretched)).reshape(e.right.shape)):
            yield f"not summed over a broadcast axis: its sum over axis {stretched[0]} is right ({_shapes(e)})"


def _summed_too_much(e: Evidence) -> Iterator[str]:
    for axis in range(e.right.ndim):
        for keep in (True, False):
            if e.says(e.right.sum(axis=axis, keepdims=keep)):
                yield f"summed over one axis too many: it is the right one summed over axis {axis} ({_shapes(e)})"
    if e.says(np.full(e.rule.shape, e.right.sum())):
        yield f"summed over all axes: it is the sum of the right one ({_shapes(e)})"


# Wrong in a part only -----------------------------------------------------------------------------------------------


def _one_place(e: Evidence) -> Iterator[str]:
    """Tell where it is wrong, if in a part only: where the input has one value or sign, in one entry, or in one slab."""
    wrong, right = e.wrong & e.known, ~e.wrong & e.known & (e.right != 0)
    count, compared = int(wrong.sum()), int(e.known.sum())
    if not count or not right.any():
        return
    x = e.input
    of = f"{count} of {compared} entries"
    if not e.linear:
        yield from _beyond_a_bound(e, wrong, right, of)
        return
    fine = ~e.wrong & e.known
    if (x[wrong] == 0).all() and not (x[fine] == 0).any():
        yield f"wrong at the boundary only: {of}, all where the input is exactly 0"
    for name, other in zip(e.names, e.inputs, strict=True):
        if other.shape == x.shape and (x == other)[wrong].all() and not (x == other)[fine].any():
            yield f"wrong at the boundary only: {of}, all where the input equals {name}"
    if count == 1:
        (place,) = zip(*np.nonzero(wrong), strict=True)
        place = tuple(int(i) for i in place)
        yield f"off in one entry only, {place}: there {number(e.rule[place], 6)} instead of {number(e.right[place], 6)}"
    telling = e.known & ((e.right != 0) | e.wrong)
    for sign, where in (("negative", x < 0), ("positive", x > 0)):
        if count > 1 and right.sum() > 1 and (where == wrong)[telling].all():
            yield f"wrong where the input is {sign} only: {of}"
    for axis in range(wrong.ndim):
        slabs = np.unique(np.nonzero(wrong)[axis])
        slab = np.take(wrong | ~telling, slabs[0], axis=axis)
        if len(slabs) == 1 and slab.all() and np.take(wrong, slabs[0], axis=axis).sum() > 1:
            what = {0: "row", 1: "column"}[axis] if wrong.ndim == 2 else f"place of axis {axis},"
            yield f"off in one {what} {slabs[0]} only: {of}"
    yield from _beyond_a_bound(e, wrong, right, of)


def _beyond_a_bound(e: Evidence, wrong: Array, right: Array, of: str) -> Iterator[str]:
    if min(wrong.sum(), right.sum()) < 2:
        return
    of_input = (("the input", e.input), ("the size of the input", np.abs(e.input)))
    for name, x in of_input if e.linear else (("the size of δ", np.abs(e.delta)),):
        if x.shape != wrong.shape:
            continue
        if x[wrong].min() > x[right].max():
            bound = f"{number(x[right].max())} and {number(x[wrong].min())}"
            yield f"wrong where {name} is above a bound only, between {bound}: {of}"
        if x[wrong].max() < x[right].min():
            bound = f"{number(x[wrong].max())} and {number(x[right].min())}"
            yield f"wrong where {name} is below a bound only, between {bound}: {of}"


# The same mistake everywhere ----------------------------------------------------------------------------------------


def _not_finite(e: Evidence) -> Iterator[str]:
    count = np.count_nonzero(~np.isfinite(e.rule))
    if count:
        yield f"not finite: {count} of {e.rule.size} entries"


def _zero(e: Evidence) -> Iterator[str]:
    if not e.rule[e.known].any():
        yield f"always zero, where the differences are up to {number(np.abs(e.right[e.known]).max())}"


def _sign(e: Evidence) -> Iterator[str]:
    if e.explains(-e.rule):
        yield f"sign flipped: ratio −1 {e.over}"


def _delta_forgotten(e: Evidence) -> Iterator[str]:
    others = [e.given(delta=delta) for delta in (2 * e.delta, np.ones_like(e.delta))]
    if e.rule.any() and all(other is not None and np.array_equal(e.rule, other) for other in others):
        yield "delta is forgotten: the result stays the same when delta is doubled"


def _delta_passed(e: Evidence) -> Iterator[str]:
    if e.says(e.delta):
        yield f"delta is passed on without the slope g′: ratio 1 to delta {e.over}"


def _g_for_slope(e: Evidence) -> Iterator[str]:
    if e.says(e.delta * e.output):
        yield f"delta is multiplied by g where g′ belongs: ratio 1 to δ ⊙ g {e.over}"


def _factor(e: Evidence) -> Iterator[str]:
    rule, right = e.rule[e.known], e.right[e.known]
    factor = float(np.vdot(rule, right)) / max(float(np.vdot(right, right)), float(np.finfo(float).tiny))
    if (
        not np.isclose(factor, 1.0, rtol=CLOSE)
        and factor
        and np.count_nonzero(right) > (right.size > 1)
        and e.explains(e.rule / factor)
    ):
        yield f"wrong by a constant factor: ratio {number(factor, 6)} {e.over}{_meaning(factor, e)}"


def _meaning(factor: float, e: Evidence) -> str:
    counts = {
        "samples": (e.delta.shape or e.input.shape or (1,))[0],
        "entries": e.input.size,
        "columns": e.input.shape[-1] if e.input.ndim > 1 else 1,
    }
    meanings = [(2.0, "a ½ is lost, or it is counted twice"), (0.5, "one ½ too many, or a lost 2")]
    for what, count in counts.items():
        if count > 1 and count not in [counts[other] for other in list(counts)[: list(counts).index(what)]]:
            meanings += [(1 / count, f"a mean over the {count} {what} instead of a sum")]
            meanings += [(float(count), f"a sum over the {count} {what} instead of a mean")]
    found = [text for ratio, text in meanings if np.isclose(factor, ratio, rtol=CLOSE)]
    return f" ({'; or '.join(found)})" if found else ""


def _transposed(e: Evidence) -> Iterator[str]:
    if e.explains(e.rule.T):
        yield "a transpose is missing: its .T is right"


def _input_transposed(e: Evidence) -> Iterator[str]:
    """Try each argument transposed: right if another argument is given transposed: delta @ W in place of delta @ W.T."""
    for slot, name in enumerate(e.names):
        if e.explains(e.given(inputs=e.replaced(slot, e.inputs[slot].T))):
            yield f"a transpose is missing in the product, or one too many: with {name} transposed it is right"
    if e.explains(e.given(delta=e.delta.T)):
        yield "a transpose is missing in the product, or one too many: with delta transposed it is right"


def _input_for_output(e: Evidence) -> Iterator[str]:
    for slot, name in enumerate(e.names):
        x = e.inputs[slot]
        if x.shape == e.output.shape and _wrong_wherever_they_differ(e, x):
            what = "the input" if len(e.inputs) == 1 else name
            if e.explains(e.given(inputs=e.replaced(slot, e.output))):
                yield f"reads {what} where the cached output belongs: with the output in its place it is right"
            if e.explains(e.given(output=x)):
                yield f"reads the cached output where {what} belongs: with {what} in its place it is right"


def _wrong_wherever_they_differ(e: Evidence, x: Array) -> bool:
    """Tell whether mistaking the input for the output fits: then no entry is right where the two are far apart."""
    if e.rule.shape != x.shape:
        return True
    apart = np.abs(x - e.output) > 1e-2 * np.maximum(np.abs(x), np.abs(e.output))
    relevant = e.known & (np.abs(e.right) > NEXT_TO_NOTHING * np.max(np.abs(e.right[e.known])))
    return bool((apart & relevant).any() and e.wrong[apart & relevant].all())


def _operands_swapped(e: Evidence) -> Iterator[str]:
    for other in range(len(e.inputs)):
        if other == e.slot:
            continue
        swapped = list(e.inputs)
        swapped[e.slot], swapped[other] = swapped[other], swapped[e.slot]
        names = f"{e.names[e.slot]} and {e.names[other]}"
        difference = e.differences[other]
        if difference is not None and e.says(difference):
            yield f"it is the error signal of input {other} ({e.names[other]}): the operands are swapped"
        if e.explains(e.given(inputs=swapped)):
            yield f"the operands are swapped: with {names} exchanged it is right"


def _summed_twice(e: Evidence) -> Iterator[str]:
    if not e.known.all():
        return
    for axis in range(e.right.ndim):
        if e.says(np.broadcast_to(e.right.sum(axis=axis, keepdims=True), e.right.shape)):
            yield f"summed twice: every entry is the sum of the right one over axis {axis}"
    if e.says(np.full(e.right.shape, e.right.sum())):
        yield "summed twice: every entry is the sum of the right one over all axes"


MOST_CONTRIBUTIONS = 100_000


def _one_contribution(e: Evidence) -> Iterator[str]:
    """Yield the share of the last (or first) output only, where an input is used by several."""
    if e.input.size * e.output.size > MOST_CONTRIBUTIONS:
        return
    shares = _contributions(e)
    used = shares != 0
    if not (used.sum(axis=1) > 1).any():
        return
    rows = np.arange(len(shares))
    for word, place in (("last", used.shape[1] - 1 - used[:, ::-1].argmax(axis=1)), ("first", used.argmax(axis=1))):
        if e.says(shares[rows, place].reshape(e.right.shape)):
            yield f"the {word} contribution is kept instead of the sum: of up to {used.sum(axis=1).max()} uses of an entry"
    by_sample = shares.reshape(*shares.shape[:1], e.delta.shape[0], -1).sum(axis=2)
    for word, place in (("last", -1), ("first", 0)):
        if e.says(by_sample[:, place].reshape(e.right.shape)):
            yield f"the {word} contribution is kept instead of the sum: that of one of {e.delta.shape[0]} samples"


def _contributions(e: Evidence) -> Array:
    """Return what each output contributes to the error signal of each entry, by central differences."""
    shares = np.empty((e.input.size, e.output.size))
    step = np.finfo(float).eps ** (1 / 3) * np.maximum(1.0, np.abs(e.input))
    with np.errstate(all="ignore"):
        for i in range(e.input.size):
            low, high = e.input.copy(), e.input.copy()
            low.ravel()[i] -= step.ravel()[i]
            high.ravel()[i] += step.ravel()[i]
            change = e.op.forward(*e.replaced(e.slot, high)) - e.op.forward(*e.replaced(e.slot, low))
            taken = high.ravel()[i] - low.ravel()[i]
            shares[i] = (e.delta * change / taken).ravel()
    return shares


def _not_linear(e: Evidence) -> Iterator[str]:
    if not e.linear:
        yield "not linear in delta: doubling delta does not double the result"


OF_SHAPE: tuple[Hypothesis, ...] = (_not_summed, _summed_too_much, _shape_transposed)
OF_VALUES: tuple[Hypothesis, ...] = (
    _not_finite,
    _zero,
    _sign,
    _delta_forgotten,
    _transposed,
    _delta_passed,
    _operands_swapped,
    _g_for_slope,
    _factor,
    _input_transposed,
    _input_for_output,
    _one_contribution,
    _one_place,
    _summed_twice,
    _not_linear,
)
"""From the specific to the general."""
