"""What a wrong rule looks like: known mistakes, each tried against the finite differences.

Each hypothesis below is a function of the evidence that yields a name if it explains every entry compared. They are tried
from the specific to the general. The first name that holds for another δ and at other inputs too, and that chance could not
give, is said; if none does, the honest answer is "no known signature".

Most of them are of two kinds. `_mends`: with something exchanged the rule is right. `_says`: what the rule says is right for
something else.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from itertools import product

import numpy as np

from graphnet.check import vocabulary
from graphnet.check.chain import steps
from graphnet.check.evidence import CLOSE, NEXT_TO_NOTHING, Evidence, Name, allowed, other_inputs
from graphnet.check.places import pattern, places
from graphnet.common.text import number
from graphnet.core.node import Numbers

UNKNOWN = "no known signature"
UNLIKELY = 1e-4
"""How likely a name may be by chance."""
ENOUGH = 12
"""At how many entries of other inputs a name must hold, if there are as many."""

Hypothesis = Callable[[Evidence], Iterator[Name]]
Candidates = Iterator[tuple[str, Numbers | None]]
"""Texts, each up to a colon the name, with an array that must be right, or what the rule says."""


@np.errstate(all="ignore")  # a rule may say ∞
def signature(evidence: Evidence) -> str:
    """Return what the fault of a rule looks like, in one line."""
    if not evidence.known.any():
        return f"{UNKNOWN} (no entry has a usable difference)"
    if evidence.rule.shape != evidence.right.shape:
        return _name(evidence, OF_SHAPE) or _shapes(evidence)
    parts = (text for table in (OF_PARTS, (steps,)) if (text := _name(evidence, table)))
    return _name(evidence, OF_VALUES) or "; ".join(parts) or f"{UNKNOWN}; {pattern(evidence)}"


def _name(e: Evidence, table: Sequence[Hypothesis]) -> str:
    names = ((name, hypothesis) for hypothesis in table for name in e.told(hypothesis))
    return next((name.text for name, hypothesis in names if _holds(name, hypothesis, e)), "")


def repaired(evidence: Evidence, problem: str) -> str:
    """Return what would mend a rule that raised an error: a transpose, if one does."""
    return next((f"{name.text} ({problem})" for name in _argument_transposed(evidence)), problem)


def _holds(name: Name, hypothesis: Hypothesis, e: Evidence) -> bool:
    """Tell whether a name holds for another δ and at two other inputs, or more until chance could not give it."""
    chance, moved, seen = name.chance, 0, 0
    for other in e.others:
        if moved >= 2 and chance < UNLIKELY and seen >= ENOUGH:
            return True
        twin = next((twin for twin in other.told(hypothesis) if twin.agrees(name)), None)
        if twin is None:
            return False
        if not all(map(np.array_equal, other.inputs, e.inputs)):
            moved, seen = moved + 1, seen + int(other.telling.sum())
            chance *= min(1.0, twin.chance) * (1.0 if np.isnan(name.value) else CLOSE)
    return chance < UNLIKELY


def _mends(candidates: Callable[[Evidence], Candidates]) -> Hypothesis:
    """Return the hypothesis that a candidate is right, where the rule is not."""
    return lambda e: (Name(text) for text, candidate in candidates(e) if e.explains(candidate))


def _says(candidates: Callable[[Evidence], Candidates]) -> Hypothesis:
    """Return the hypothesis that the rule says a candidate, which is not what is right."""
    return lambda e: (Name(text) for text, candidate in candidates(e) if candidate is not None and e.says(candidate))


# Another shape than it must have ------------------------------------------------------------------------------------


def _shapes(e: Evidence) -> str:
    return f"returned shape {e.rule.shape}, expected {e.right.shape}"


def _not_summed(e: Evidence) -> Iterator[Name]:
    extra, shape = e.rule.ndim - e.right.ndim, e.right.shape
    batch = tuple(range(extra))
    if extra > 0 and e.explains(e.rule.sum(axis=batch)):
        yield Name(f"not summed over the batch: its sum over axis 0 is right ({_shapes(e)})")
    elif extra > 0 and e.rule.shape[extra:] == shape:
        yield Name(f"not summed over the batch: it still has the axis of the samples ({_shapes(e)})")
    elif extra >= 0:
        stretched = tuple(i + extra for i, size in enumerate(shape) if size == 1 != e.rule.shape[i + extra])
        if stretched and e.explains(e.rule.sum(axis=(*batch, *stretched)).reshape(shape)):
            yield Name(f"not summed over a broadcast axis: its sum over axis {stretched[0]} is right ({_shapes(e)})")


@_says
def _summed_too_much(e: Evidence) -> Candidates:
    for axis, keep in product(range(e.right.ndim), (True, False)):
        text = f"summed over one axis too many: it is the right one summed over axis {axis} ({_shapes(e)})"
        yield text, e.right.sum(axis=axis, keepdims=keep)
    yield f"summed over all axes: it is the sum of the right one ({_shapes(e)})", np.full(e.rule.shape, e.right.sum())


def _shape_transposed(e: Evidence) -> Iterator[Name]:
    if e.explains(e.rule.T):
        yield Name(f"a transpose is missing: its .T is right ({_shapes(e)})")
    elif e.rule.shape == e.right.shape[::-1]:
        yield Name(f"a transpose is missing, or one too many: it has the shape of the transpose ({_shapes(e)})")


# The same mistake everywhere ----------------------------------------------------------------------------------------


def _not_finite(e: Evidence) -> Iterator[Name]:
    finite = np.isfinite(e.rule)
    others_at_most_rounded = (np.abs(e.rule - e.right)[finite & e.known] < 1e-2 * e.largest).all()
    if not finite.all() and others_at_most_rounded:
        yield Name(f"not finite: {np.count_nonzero(~finite)} of {e.rule.size} entries")


def _zero(e: Evidence) -> Iterator[Name]:
    if np.abs(e.rule[e.known]).max() <= 1e-12 * e.largest:
        yield Name(f"always zero, where the differences are up to {number(e.largest)}", key="zero")


@_mends
def _turned(e: Evidence) -> Candidates:
    yield f"sign flipped: ratio −1 {e.over}", -e.rule
    yield "a transpose is missing: its .T is right", e.rule.T


def _delta_forgotten(e: Evidence) -> Iterator[Name]:
    others = [e.given(delta=delta) for delta in (2 * e.delta, np.ones_like(e.delta))]
    if e.rule.any() and all(other is not None and np.array_equal(e.rule, other) for other in others):
        yield Name("delta is forgotten: the result stays the same when delta is doubled")


@_says
def _delta_passed(e: Evidence) -> Candidates:
    yield f"delta is passed on without the slope g′: ratio 1 to delta {e.over}", e.delta
    yield f"delta is multiplied by g where g′ belongs: ratio 1 to δ ⊙ g {e.over}", e.delta * e.output


def _slope_forgotten(e: Evidence) -> Iterator[Name]:
    """Yield the same where no entry is right, of an op that works on each number alone: of others there is more to say."""
    alone = e.shares is None or (len(e.shares) == e.output.size and not np.triu(e.shares, 1).any())
    if alone and not (e.telling & ~e.wrong).any():
        yield from _delta_passed(e)


def _factor(e: Evidence) -> Iterator[Name]:
    rule, right = e.rule[e.known], e.right[e.known]
    factor = float(np.vdot(rule, right)) / max(float(np.vdot(right, right)), float(np.finfo(float).tiny))
    count = np.count_nonzero(right)
    if not np.isclose(factor, 1.0, rtol=CLOSE) and factor and count > (right.size > 1) and e.explains(e.rule / factor):
        text = f"wrong by a constant factor: ratio {number(factor, 6)} {e.over}{_meaning(factor, e)}"
        yield Name(text, value=factor, chance=CLOSE ** (count - 1))


def _meaning(factor: float, e: Evidence) -> str:
    counts = {
        e.input.shape[-1] if e.input.ndim > 1 else 1: "columns",
        e.input.size: "entries",
        (e.delta.shape or e.input.shape or (1,))[0]: "samples",  # which they are called if several are as many
    }
    meanings = [(2.0, "a ½ is lost, or it is counted twice"), (0.5, "one ½ too many, or a lost 2")]
    meanings += [(1 / n, f"a mean over the {n} {what} instead of a sum") for n, what in counts.items() if n > 1]
    meanings += [(float(n), f"a sum over the {n} {what} instead of a mean") for n, what in counts.items() if n > 1]
    found = [text for ratio, text in meanings if np.isclose(factor, ratio, rtol=CLOSE)]
    return f" ({'; or '.join(found)})" if found else ""


# One thing in the place of another ----------------------------------------------------------------------------------


@_mends
def _argument_transposed(e: Evidence) -> Candidates:
    """Yield what the rule says if one argument is transposed: delta @ W in place of delta @ W.T."""
    for name, array, ask in e.arguments:
        turned = ask(array.T)
        yield f"a transpose is missing in the product, or one too many: with {name} transposed it is right", turned
        if turned is not None and turned.shape == e.rule.shape and e.rule.any():
            yield f"one of two uses is lost: plus the same with {name} transposed it is right", e.rule + turned


@_says
def _operand(e: Evidence) -> Candidates:
    for other, name in enumerate(e.names):
        if other != e.slot:
            yield f"it is the error signal of input {other} ({name}): the operands are swapped", e.scene.right(other)


@_mends
def _operands_swapped(e: Evidence) -> Candidates:
    for other, name in enumerate(e.names):
        if other != e.slot:
            swapped = list(e.inputs)
            swapped[e.slot], swapped[other] = swapped[other], swapped[e.slot]
            names = f"{e.names[e.slot]} and {name}"
            yield f"the operands are swapped: with {names} exchanged it is right", e.given(inputs=swapped)


@_mends
def _input_for_output(e: Evidence) -> Candidates:
    for slot, name in enumerate(e.names):
        x = e.inputs[slot]
        if x.shape == e.output.shape and _wrong_wherever_they_differ(e, x):
            what = "the input" if len(e.inputs) == 1 else name
            text = f"reads {what} where the cached output belongs: with the output in its place it is right"
            yield text, e.given(inputs=e.replaced(slot, e.output))
            text = f"reads the cached output where {what} belongs: with {what} in its place it is right"
            yield text, e.given(output=x)


def _wrong_wherever_they_differ(e: Evidence, x: Numbers) -> bool:
    """Tell whether mistaking the input for the output fits: then no entry is right where the two are far apart."""
    if e.rule.shape != x.shape:
        return True
    apart = np.abs(x - e.output) > 1e-2 * np.maximum(np.abs(x), np.abs(e.output))
    relevant = e.known & (np.abs(e.right) > NEXT_TO_NOTHING * e.largest)
    return bool((apart & relevant).any() and e.wrong[apart & relevant].all())


@_says
def _one_contribution(e: Evidence) -> Candidates:
    """Yield the share of the last (or first) output only, where an input is used by several, or all but that."""
    if e.shares is None or not (np.count_nonzero(e.shares, axis=1) > 1).any():
        return
    shares, shape, used = e.shares, e.right.shape, e.shares != 0
    total = shares.sum(axis=1).reshape(shape)
    if e.input.size == e.output.size:
        own = np.diagonal(shares).reshape(shape)
        what = "each entry gets what it does to its own output, and the rest is lost"
        yield f"only the diagonal of the Jacobian: {what}: a sum over what it does to the others, or a projection", own
        if own.any():
            yield "the diagonal of the Jacobian is lost: what each entry does to its own output", total - own
    rows = np.arange(len(shares))
    for word, place in (("last", used.shape[1] - 1 - used[:, ::-1].argmax(axis=1)), ("first", used.argmax(axis=1))):
        uses = f"of up to {used.sum(axis=1).max()} uses of an entry, which must add up"
        yield f"the {word} contribution is kept instead of the sum: {uses}", shares[rows, place].reshape(shape)
    for axis, size in enumerate(e.output.shape):
        parts = np.moveaxis(shares.reshape(-1, *e.output.shape), axis + 1, 1).reshape(len(shares), size, -1).sum(axis=2)
        for word, place in (("last", -1), ("first", 0)) if size > 1 else ():
            part = parts[:, place].reshape(shape)
            of = f"{size} samples" if axis == 0 else f"{size} places along axis {axis}"
            yield f"the {word} contribution is kept instead of the sum: that of one of {of}", part
            if part.any():
                where = f"what the {word} place along axis {axis} of the output sends"
                yield f"the {word} contribution is left out: {where}", total - part


def _jacobian(e: Evidence) -> Iterator[Name]:
    """Yield J δ where Jᵀ δ belongs: a running sum, a sort, a shift, a gather or a kernel that is not turned round."""
    if e.input.size == e.output.size and e.right.size:
        forwards = e.moved(e.delta.reshape(e.input.shape)).reshape(e.right.shape)
        if e.says(forwards) and not e.explains(forwards):
            words = "delta is moved as the op moves its input, though error signals go the other way round"
            example = "a running sum, a sort, a shift, a gather, a kernel: it must be reversed"
            yield Name(f"the Jacobian is applied where its transpose belongs: {words} ({example})")


def _rearranged(e: Evidence) -> Iterator[Name]:
    for words, order in vocabulary.orders(e.right.shape, shifts=True):
        if e.explains(order(e.rule)):
            yield Name(f"right numbers in wrong places: {words} it is right", key=words)
    for name, array, ask in e.arguments:
        for words, order in vocabulary.orders(array.shape):
            if e.explains(ask(order(array))):
                yield Name(f"{name} is read in the wrong order: with {name} {words} it is right", key=f"{name} {words}")
    if e.known.all():
        right, rule = np.sort(e.right, axis=None), np.sort(e.rule, axis=None)
        moved = int((np.abs(e.rule - e.right) > 10 * CLOSE * np.abs(e.right)).sum())
        if (np.abs(rule - right) <= allowed(right)).all() and moved > 2:
            yield Name(f"right numbers in wrong places: all are there, {moved} of {right.size} not where they belong")


@_says
def _summed_twice(e: Evidence) -> Candidates:
    for axis in (*range(e.right.ndim), None) if e.known.all() else ():
        over = "all axes" if axis is None else f"axis {axis}"
        for words, what, reduce in (("summed twice", "sum", np.sum), ("levelled", "mean", np.mean)):
            total = np.broadcast_to(reduce(e.right, axis=axis, keepdims=True), e.right.shape)
            yield f"{words}: every entry is the {what} of the right one over {over}", total


@_says
def _delta_replaced(e: Evidence) -> Candidates:
    if e.shares is None or not e.delta.all():
        return
    jacobian = (e.shares / e.delta.ravel()).reshape(*e.right.shape, -1)
    instead = {"its sign": np.sign(e.delta), "its size": np.abs(e.delta)}
    for axes in vocabulary.axes_of(e.delta):
        over = vocabulary.axes_in_words(axes, e.delta)
        for word, reduce in (("mean", np.mean), ("sum", np.sum)):
            instead[f"its {word} over {over}"] = reduce(e.delta, axis=axes, keepdims=True)
    for words, delta in instead.items():
        message = jacobian @ np.broadcast_to(delta, e.delta.shape).ravel()
        yield f"delta is replaced by {words}: with delta as it is, it would be right", message


@_says
def _clipped(e: Evidence) -> Candidates:
    bound = np.max(np.abs(e.rule[e.known]))
    if np.sum(e.known & (np.abs(e.rule) >= bound * (1 - CLOSE))) > 1:
        words = f"no entry is beyond {number(bound)}, where the right ones are"
        yield f"the message is clipped: {words}", np.clip(e.right, -bound, bound)


def _not_of(e: Evidence) -> Iterator[Name]:
    """Yield that what is missing, or the factor to what is right, stays as it is when an input is changed.

    A factor that only the input itself leaves as it is belongs to places, and is no name for them.
    """
    changed = [e.inputs, *other_inputs(e.inputs, e.slot)][:3][-1]
    for slot, name in enumerate(e.names if e.linear else ()):
        moved = e.scene.elsewhere(e.slot, e.replaced(slot, changed[slot]), e.delta)
        if moved is None:
            continue
        known = e.known & moved.known
        depends = known & (np.abs(moved.right - e.right) > 1e-3 * e.largest)
        missing = [(one.right - one.rule) / e.largest for one in (e, moved)]
        factors = [np.where(one.right == one.rule, 0.0, one.rule / one.right - 1) for one in (e, moved)]
        said = [("a term is lost, or has a wrong factor: what is missing", missing)]
        if slot != e.slot:
            said.append(("a factor is lost, or a wrong one: said / right", factors))
        for what, (one, two) in said:
            proving = int((depends & (np.abs(one) > 1e-3)).sum())
            if proving > 1 and (np.abs(one - two) <= CLOSE * np.abs(one) + 10 * NEXT_TO_NOTHING)[known].all():
                text = f"{what} does not depend on {name}, as what is right does"
                yield Name(text, f"{what} {name}", chance=CLOSE ** (proving - 1))


def _nearly(e: Evidence) -> Iterator[Name]:
    off = np.max(np.abs(e.rule - e.right)[e.known]) / e.largest
    if not e.nearly and off < 1e-2:
        text = f"nearly right: no entry is off by more than {number(off, 2)} of the largest"
        yield Name(f"{text} (a rounded constant, an ε lost or added, or low precision?)")


def _not_linear(e: Evidence) -> Iterator[Name]:
    if not e.linear:
        yield Name("not linear in delta: doubling delta does not double the result")


# A factor or a term -------------------------------------------------------------------------------------------------


def _times(factor: float) -> str:
    return "" if np.isclose(factor, 1, rtol=CLOSE) else f"{number(factor, 6)}·"


def _lost_part(e: Evidence) -> Iterator[Name]:
    """Yield the factors and terms that mend it: first those made of the least, and of two as simple the factor.

    A term is δ times something known, or a sum of that.
    """
    found = []
    for words, factor, chance in vocabulary.multiples(e, e.right, e.rule):
        text = f"a factor is lost, or a wrong one: times {_times(factor)}{words} it is right"
        if words.startswith("1/(") and words.count("1/(") == 1 and "·" not in words:
            text = f"one factor too many: divided by {_times(1 / factor)}{words[3:-1]} it is right"
        if words:  # a constant is no feature
            found.append((words.count("·"), Name(text, key=f"factor {words}", value=factor, chance=chance)))
    delta, missing = vocabulary.aligned(e.delta, e.right.shape), e.right - e.rule
    if delta is not None and e.linear:
        terms = [(f"δ{'·' * bool(w)}{w}", c, chance) for w, c, chance in vocabulary.multiples(e, missing, delta)]
        for words, factor, chance in [*terms, *vocabulary.sums(e, missing)]:
            text = f"a term is lost, or one too many: plus {_times(factor)}{words} it is right"
            found.append((words.count("·") - 1, Name(text, key=f"term {words}", value=factor, chance=chance)))
    yield from (name for _, name in sorted(found, key=lambda each: each[0]))


@_mends
def _delta_factor(e: Evidence) -> Candidates:
    """Yield what the rule says of δ times something that it should have been multiplied with before it was summed."""
    if e.shares is None or not e.linear or e.rule.size == e.delta.size:
        return  # of much work, or where a factor before is one behind
    for name, array in vocabulary.given(e, e.delta.shape):
        for words, function in vocabulary.FUNCTIONS.items():
            what, factor = words.format(name), function(array)
            yield f"δ lacks the factor {what}: with δ times {what} it is right", e.given(delta=e.delta * factor)
            yield (
                f"δ has the factor {what} too much: with δ divided by {what} it is right",
                e.given(delta=e.delta / factor),
            )


def _mask_turned(e: Evidence) -> Iterator[Name]:
    """Yield that the rule is zero where it must not be, and only there."""
    zero, said = e.right[e.known] == 0, e.rule[e.known] == 0
    if (zero != said).all():
        text = f"a mask is turned round: zero at the {said.sum()} entries where it must not be, and only there"
        yield Name(text, key="mask", chance=2 / math.comb(zero.size, int(zero.sum())))


def _slab_factor(e: Evidence) -> Iterator[Name]:
    """Yield that each row (or column, or slab) has a factor of its own, or all entries one that depends on the values."""
    at = e.telling & (e.right != 0) & (e.rule != 0)
    if not np.array_equal(at, e.telling) or e.nearly:
        return
    ratio = np.full(e.right.shape, np.nan)
    ratio[at] = e.rule[at] / e.right[at]
    low, high = np.nanmin(ratio, initial=np.inf), np.nanmax(ratio, initial=-np.inf)
    near = " (next to 1: an ε lost or added?)" if max(abs(low - 1), abs(high - 1)) < 1e-2 else ""
    for axes in vocabulary.axes_of(ratio):
        slabs = at.any(axis=axes, keepdims=True)
        middle = np.nanmedian(np.where(slabs, ratio, 1.0), axis=axes, keepdims=True)
        spare = int(at.sum()) - int(slabs.sum())
        if spare < slabs.sum() or not (np.abs(ratio - middle)[at] <= 10 * CLOSE * np.abs(ratio[at])).all():
            continue
        if len(axes) == ratio.ndim:
            by = "the input" if e.linear else "delta, as if it was normalised or clipped by its size"
            text = f"one factor for all entries that depends on {by}: here {number(low, 6)}{near}"
        else:
            kept = tuple(axis for axis in range(ratio.ndim) if axis not in axes)
            along = f"place along {vocabulary.axes_in_words(kept, ratio)}"
            slab = ("row", "column")[kept[0]] if ratio.ndim == 2 else along
            text = f"a factor of its own for each {slab}: ratios from {number(low)} to {number(high)}{near}"
        yield Name(text, chance=CLOSE**spare)


def _graded(e: Evidence) -> Iterator[Name]:
    """Yield what explains different ratios at different places better than the places do."""
    at = e.known & (e.right != 0)
    if len(np.unique(np.round(e.rule[at] / e.right[at], 4))) > 2:
        yield from _lost_part(e)
        yield from _slab_factor(e)


def _lost_projection(e: Evidence) -> Iterator[Name]:
    """Yield that what is missing is, in each slab, a multiple of something known."""
    if not e.known.all() or not e.linear:
        return
    arrays, largest = {"ones": np.ones(e.right.shape)}, e.largest
    for name, array in vocabulary.given(e, e.right.shape):
        functions = ("{}", "{}²", "exp {}", "sign {}")
        arrays |= {words.format(name): vocabulary.FUNCTIONS[words](array) for words in functions}
    arrays = {name: array for name, array in arrays.items() if np.isfinite(array).all()}
    spans = [(name,) for name in arrays] + [("ones", name) for name in arrays if name != "ones"]
    for axes in vocabulary.axes_of(e.right):
        signals = [vocabulary.in_rows(array, axes) for array in (e.right - e.rule, e.right, e.rule)]
        loud = (np.abs(signals[0]) > 1e-4 * largest).sum(axis=1)
        for span in spans:
            spare = int(np.maximum(0, loud - len(span)).sum())
            basis, parts = np.linalg.qr(np.stack([vocabulary.in_rows(arrays[name], axes) for name in span], axis=-1))
            own = np.abs(np.diagonal(parts, axis1=1, axis2=2))
            if (own.min(axis=1) <= 1e-9 * own.max(axis=1)).any():
                continue  # of two that are multiples of each other the second would be anything
            lost, right, rule = (np.einsum("rik,rjk,rj->ri", basis, basis, signal) for signal in signals)
            room = CLOSE * np.abs(signals[0]) + 10 * NEXT_TO_NOTHING * largest
            if spare < max(1, (loud > 0).sum()) or not (np.abs(lost - signals[0]) <= room).all():
                continue
            how = "a term or a projection is lost, or one too many: what is missing is a multiple of"
            if np.max(np.abs(right)) < 1e-6 * largest:
                how = "a projection is lost, or has a wrong factor: the right one has no part along"
            elif np.max(np.abs(rule)) < 1e-6 * largest:
                how = "a projection too many: it has no part left along"
            like = ""
            if span[0] == "ones" and np.max(np.abs(signals[1].mean(axis=1))) < 1e-6 * largest:
                like = f" (as if a mean{' and a variance were constants' if span[1:] else ' was a constant'})"
            elif span[0].startswith("sign ") and arrays[span[0]].min() >= 0 and "the right one" in how:
                like = f" (as if a mean of those whose {span[0][5:]} is positive was a constant)"
            text = f"{how} {' and '.join(span)}, over {vocabulary.axes_in_words(axes, e.right)}{like}"
            proof = 0.5 if span[-1].startswith("sign") else CLOSE  # there are not many signs of a few numbers
            yield Name(text, key=f"part {span} {axes}", chance=len(arrays) * proof**spare)


def _through_others(e: Evidence) -> Iterator[Name]:
    """Yield what became of the part by which entries act on outputs other than their own, as through a norm or a mean."""
    if e.derivatives is None or e.input.shape != e.output.shape or _factors(*e.derivatives, 1):
        return
    own = np.eye(e.input.size, dtype=bool)
    said, right = (np.where(own, 0.0, derivatives) for derivatives in e.derivatives)
    for factor, ratios, chance in _factors(said, right, 1):
        if np.abs(factor).min() > CLOSE and not np.allclose(factor, 1, rtol=CLOSE):
            text = f"a part has a wrong factor: what entries do to outputs other than their own, {ratios}"
            yield Name(text, chance=chance)


def _factors(said: Numbers, right: Numbers, axis: int) -> list[tuple[Numbers, str, float]]:
    """Return the factors by which what is said differs from what is right, one for all along an axis, if it does by such.

    Returns
    -------
    factors, ratios, chance
        Each; from which to which they are, in words; how likely that is without such factors.
    """
    room = CLOSE * np.abs(right) + 1e-6 * np.max(np.abs(right))
    is_there = np.abs(right) > room
    lines = is_there.any(axis=axis, keepdims=True)
    spare = int(is_there.sum() - lines.sum())
    factor = np.sum(said * right, axis, keepdims=True) / np.sum(right * right, axis, keepdims=True)
    if spare < max(1, lines.sum()) or not (np.abs(said - np.where(lines, factor * right, 0.0)) <= room).all():
        return []
    found = factor[lines]
    ratios = f"ratios from {number(found.min())} to {number(found.max())}"
    return [(found, ratios, CLOSE**spare)]


def _derivatives(e: Evidence) -> Iterator[Name]:
    """Yield what is wrong of single derivatives of outputs by entries, if the others are right, or all are there."""
    if e.derivatives is None:
        return
    said, right = e.derivatives
    room = CLOSE * np.abs(right) + 1e-6 * np.max(np.abs(right))
    off, is_zero, is_said = np.abs(said - right) > room, np.abs(right) <= room, np.abs(said) > room
    if not off.any() or is_zero.all():
        return
    proof, of = int((~off & ~is_zero).sum()), "derivatives of outputs by entries"
    if proof and not is_said[off].any():
        text = f"{of} are taken for 0: {off.sum()} of the {np.count_nonzero(~is_zero)} that are not, and the others are right"
        yield Name(f"contributions are lost: {text}", "lost", chance=CLOSE**proof)
    elif proof and is_zero[off].all():
        text = f"{of} that are 0 are taken for something: {off.sum()}, and the others are right"
        yield Name(f"too many contributions: {text}", "too many", chance=CLOSE**proof)
    far = int((np.abs(said - right) > 100 * np.max(room)).sum())
    for axis, whose, words in (
        (0, "output", "what each output sends has the right numbers, and arrives at the wrong entries"),
        (1, "entry", "each entry gets the right shares, but of the wrong outputs"),
    ):
        if far > 1 and (np.abs(np.sort(said, axis=axis) - np.sort(right, axis=axis)) <= np.max(room)).all():
            yield Name(f"right numbers in wrong places: {words}", f"routes {axis}", chance=CLOSE ** (far - 1))
        for _, ratios, chance in _factors(said, right, axis):
            yield Name(f"a factor of its own for each {whose}: {ratios}", chance=chance)
    own = np.eye(*right.shape) > 0
    if e.input.shape == e.output.shape and not is_said[~own].any():
        lost = "off the diagonal of the Jacobian, what it does to outputs other than its own, all is lost"
        text = f"each entry is taken for itself: {lost}, as if a term, a norm, a mean or a gate was constant"
        yield Name(text, chance=CLOSE ** int((~is_zero & ~own).sum()))
    level = np.median(said[is_said]) if is_said.any() else 0.0
    if (is_said == ~is_zero).all() and (np.abs(said - level)[is_said] <= CLOSE * abs(level)).all():
        weights = f"where it must be multiplied with weights from {number(right[is_said].min())} to "
        text = f"{weights}{number(right[is_said].max())} before the sum, each counts {number(level, 6)}"
        yield Name(f"a factor is lost: {text}", "weights", chance=CLOSE ** (int(is_said.sum()) - 1))
    totals = right.sum(axis=0)
    several = int((np.abs(totals) > 1e-3 * np.max(np.abs(right))).sum())
    if several and (np.abs(said.sum(axis=0) - totals) <= room.max(axis=0)).all():
        text = "shared out wrongly: what each output sends adds up to the right total, but in wrong shares"
        stray, none = (is_zero & is_said).sum(), (is_said < ~is_zero).sum()
        text += f"; {stray} are in the wrong place, at entries that must get none" if stray else ""
        text += f"; {none} are lost, of entries that must get some" if none else ""
        yield Name(text, chance=CLOSE**several)


OF_SHAPE: tuple[Hypothesis, ...] = (_not_summed, _summed_too_much, _shape_transposed)
OF_VALUES: tuple[Hypothesis, ...] = (
    *(_not_finite, _zero, _turned, _delta_forgotten, _slope_forgotten, _operand, _operands_swapped, _factor),
    *(_argument_transposed, _input_for_output),
)
OF_PARTS: tuple[Hypothesis, ...] = (
    *(_one_contribution, _jacobian, _rearranged, _clipped, _graded, places, _mask_turned, _summed_twice),
    *(_delta_replaced, _lost_part, _delta_passed, _delta_factor, _slab_factor, _through_others, _lost_projection),
    *(_derivatives, _not_of, _nearly, _not_linear),
)
"""From the specific to the general; to these last the step of the chain rule that is wrong is added, if there is one."""
