"""The verdict on each entry of what a rule says, from finite differences that know how good they are.

First a central difference with the step h = ε^⅓ · max(1, |x|), for all entries. Where it confirms the rule to a relative
1e-7, or to its own rounding noise, the entry is right. The others are looked at again, with a ladder of steps from a
millionth to a thousand times as long, and, near zero, with steps relative to the entry.

Rungs next to each other that agree, relatively, are a plateau. An entry is right if a plateau agrees with the rule, and
wrong only if there is one and none agrees, nor a shorter step, be it a blurred one: a sine of large numbers has a plateau
of long steps, over many waves. Steps that leave the domain have no rung, and neither has a staircase, as rounding inside a
rule makes: there nothing moves for short steps, here or elsewhere. Its treads may slope; then long steps agree with a rule,
and short ones show another slope wherever they are taken. Where short ones show all kinds of slopes, each the same by two
steps, long steps lead over waves, and a rule that agrees with these alone has forgotten them. Where there is no plateau, no
difference can tell.

Slopes on the two sides, each carried to step 0, stay apart at a kink (relu at 0): there any value between them is as good
as another.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Literal

import numpy as np

from graphnet.core.node import Numbers
from graphnet.engine.perturb.responses import STEP, Response

Judgement = Literal["right", "wrong", "kink", "blurred"]
Pair = tuple[Numbers, Numbers]

EPS = float(np.finfo(np.float64).eps)
PRECISION = 1e-7
"""How far rule and difference may lie apart, as a share of the larger of the two: noise comes on top of it."""
ROUNDING = 100 * EPS
"""How far a rule's own rounding may move it, as a share of the largest of its numbers, or of δ, which is about 1."""
BLUR = 1e-2
"""From what share of a derivative on the noise of its difference drowns it."""
CLEARLY = 20
"""How many times its uncertainty a plateau of two rungs must be away from a rule to call it wrong."""
RUNGS = 10.0 ** np.arange(-6, 4)
"""What the step is multiplied by on a ladder."""
LARGE = 1e3
"""Beyond what size an entry is looked at by finer steps too: waves and bends are no wider there than elsewhere."""
FINE, MANY_RUNGS = 4e6 * EPS, 10.0 ** np.arange(-6, 8)
"""These, from a few floats on: the base, as a share of the entry, and what it is multiplied by."""
TREADS = np.array([-0.87, -0.61, -0.43, -0.22, 0.19, 0.37, 0.66, 0.91])
"""Where slopes are looked for on the way of a long step, as shares of it."""
LONGER = (10, 100)
"""How many times as long the steps are by which what drowns in noise is looked at again, before a whole ladder is climbed."""
CERTAIN = 1e-5
"""Up to what share of a derivative on the noise of such a difference leaves no doubt."""
CLOSER_LOOKS = 50
"""Suspects that are moved alone at first; the rest are only if any of these turns out not to be wrong."""
COMPLEX_STEP = 1e-100


@dataclass(frozen=True)
class Judged:
    """What a rule says about some entries of an array, and what differences say.

    Attributes
    ----------
    entries : numpy.ndarray
        Which, as flat indices.
    rule, difference : numpy.ndarray
        What the two say about each.
    judgement : numpy.ndarray
        Of each, one of `Judgement`.
    kinked : numpy.ndarray
        Of each that was looked at closely, whether there is a kink.
    """

    entries: Numbers
    rule: Numbers
    difference: Numbers
    judgement: Numbers
    kinked: Numbers = field(default_factory=lambda: np.zeros(0, bool))

    def count(self, judgement: Judgement) -> int:
        """Return how many entries were judged so."""
        return int(np.count_nonzero(self.judgement == judgement))

    @property
    def verdict(self) -> Judgement:
        """The verdict on all of them: none may be wrong, and one must be right."""
        if self.count("wrong"):
            return "wrong"
        if self.entries.size and not self.count("right"):
            return "kink" if self.count("kink") else "blurred"
        return "right"

    def excused(self, where: Numbers, judgement: Judgement) -> Judged:
        """Return it with another judgement of what is wrong at some of the entries."""
        excused = where & (self.judgement == "wrong")
        return replace(self, judgement=np.where(excused, judgement, self.judgement))

    @property
    def error(self) -> Numbers:
        """How far apart rule and difference are; infinite where either is not finite."""
        with np.errstate(invalid="ignore"):
            return np.asarray(np.nan_to_num(np.abs(self.rule - self.difference), nan=np.inf))

    @property
    def worst(self) -> int | None:
        """Where the two are farthest apart: among the wrong entries, or if there are none among the right ones."""
        if not self.entries.size:
            return None
        return int(np.lexsort((self.error, self.judgement == "right", self.judgement == "wrong"))[-1])

    def place(self, shape: tuple[int, ...]) -> tuple[int, ...] | None:
        """Return which entry of an array of this shape that is."""
        worst = self.worst
        return None if worst is None else tuple(map(int, np.unravel_index(int(self.entries[worst]), shape)))

    def at_worst(self, column: Numbers) -> float:
        """Return what stands in a column at that entry; NaN if there is none."""
        return float("nan") if self.worst is None else float(column[self.worst])


NOTHING = Judged(np.zeros(0, int), np.zeros(0), np.zeros(0), np.zeros(0, "<U8"))
"""Where no entry was compared."""


@np.errstate(all="ignore")  # a rule may say ∞, and a step leave the domain
def judge(
    response: Response,
    rule: Numbers,
    entries: Numbers,
    *,
    step: float | None = None,
    complex_step: bool = False,
    clear: float = BLUR,
    scale: float = 1.0,
) -> Judged:
    """Compare what a rule says with differences.

    Parameters
    ----------
    response
        How the result changes when an entry moves.
    rule
        What the rule says the derivative by each entry is; the shape of the array.
    entries
        Which to judge: flat indices.
    step
        The step to begin with; by default it is chosen for each entry.
    complex_step
        Begin with a complex step, which needs no length.
    clear
        Up to what share of a derivative the noise of the first difference may be for it to be the last one.
    scale
        The size of the numbers that the rule was made of: what it rounds by.
    """
    said = np.asarray(rule, float).ravel()[entries]
    steps = _first_steps(response, entries) if step is None else np.full(len(entries), float(step))
    scale = float(np.max(np.abs(said[np.isfinite(said)]), initial=scale))
    judgement, kinked = np.full(len(entries), "right", dtype="<U8"), np.zeros(len(entries), bool)
    if complex_step:
        change, _ = response.changes(entries, np.zeros(len(entries)), np.full(len(entries), COMPLEX_STEP * 1j))
        difference, noise = change.imag / COMPLEX_STEP, np.zeros(len(entries))
    else:
        difference, noise = _quotients(response, entries, -steps, steps)
    agrees, heard = _compared(said, difference, noise, scale, clear)
    for longer in () if complex_step else LONGER:  # what agrees, but as noise would, is heard better there
        faint = np.flatnonzero(agrees & ~heard)
        slope, loud = _quotients(response, entries[faint], -longer * steps[faint], longer * steps[faint])
        found = np.logical_and(*_compared(said[faint], slope, loud, scale, min(clear, CERTAIN)))
        difference[faint[found]], heard[faint[found]] = slope[found], True
    suspects = np.flatnonzero(~(agrees & heard))

    def look(at: Numbers, *, alone: bool) -> None:
        found = _closely(response, entries[at], steps[at], said[at], scale, alone=alone)
        difference[at], judgement[at], kinked[at] = found

    if suspects.size:
        look(suspects, alone=False)
        found = judgement[suspects]
        suspects = suspects[(found == "wrong") | ((found == "blurred") & response.together)]
        array = response.arrays(entries[suspects])
        early = np.arange(len(array)) - np.searchsorted(array, array) < CLOSER_LOOKS  # of its array
        look(suspects[early], alone=True)
        doubtful = array[early & (judgement[suspects] != "wrong")]
        look(suspects[~early & np.isin(array, doubtful)], alone=True)
    return Judged(entries, said, difference, judgement, kinked)


def not_analytic(response: Response, rng: np.random.Generator) -> str:
    """Return why a complex step is of no use here, or nothing: it must say what differences say, at a few entries."""
    entries = rng.permutation(response.array.size)[:4]
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", np.exceptions.ComplexWarning)
            for call in response.calls[:1]:  # later errors are taken for steps that leave the domain
                moved = {response.source: response.array + 0j}
                call.op.forward(*[moved.get(key, response.values[key]) for key in call.inputs])
            change, _ = response.changes(entries, np.zeros(len(entries)), np.full(len(entries), COMPLEX_STEP * 1j))
    except Exception as error:  # whatever the rule does with complex numbers
        return f"given complex numbers it raised {type(error).__name__}: {error}"
    if not np.isfinite(change).all():
        return "given complex numbers it raises an error, or gives no number"
    slopes = estimate(response, entries)
    apart = np.abs(np.imag(change) / COMPLEX_STEP - slopes)
    if (apart > 1e-4 * np.max(np.abs(slopes), initial=1e-6)).any():
        worst = int(np.argmax(apart))
        says = f"{np.imag(change[worst]) / COMPLEX_STEP:.4g}, the difference {slopes[worst]:.4g}"
        return f"a complex step gives the slope {says}"
    return ""


@np.errstate(all="ignore")
def estimate(response: Response, entries: Numbers) -> Numbers:
    """Return the derivative by each entry; by a ladder of steps where the first step leaves the domain."""
    steps = _first_steps(response, entries)
    found, _ = _quotients(response, entries, -steps, steps)
    for k in np.flatnonzero(~np.isfinite(found))[:CLOSER_LOOKS]:
        base = STEP * np.abs(response.array.ravel()[entries[[k]]])
        found[k] = _Ladder(response, entries[[k]], base, alone=True).central.best(np.zeros(1), 0.0)[0][0]
    return found


def _first_steps(response: Response, entries: Numbers) -> Numbers:
    return np.asarray(STEP * np.maximum(1.0, np.abs(response.array.ravel()[entries])))


def _allowed(rule: Numbers, difference: Numbers, scale: float) -> Numbers:
    """Return how far a right rule may be from an exact difference: it rounds too."""
    return PRECISION * np.maximum(np.abs(rule), np.abs(difference)) + ROUNDING * scale


def _compared(rule: Numbers, difference: Numbers, noise: Numbers, scale: float, clear: float) -> Pair:
    """Tell where a difference agrees with the rule, and where it is no mere noise itself."""
    larger = np.maximum(np.abs(rule), np.abs(difference))
    agrees = np.abs(rule - difference) <= _allowed(rule, difference, scale) + noise
    heard = (noise <= clear * larger) | ((larger == 0) & (noise <= PRECISION * scale))
    return np.asarray(agrees & np.isfinite(rule)), np.asarray(heard)


def _quotients(response: Response, entries: Numbers, low: Numbers, high: Numbers, *, alone: bool = False) -> Pair:
    """Return the difference quotient of each entry between two displacements, and how far rounding may have moved it."""
    x = response.array.ravel()[entries]
    taken = (x + high) - (x + low)  # not high − low: the entry was rounded
    change, size = response.changes(entries, low, high, alone=alone)
    # Nothing changed? In numbers as large as these the change may have been lost on the way.
    lost = np.where(change == 0, 4 * EPS * response.magnitudes(entries), 0.0)
    return change / taken, np.maximum(8 * EPS * size, lost) / taken


def _closely(
    response: Response, entries: Numbers, steps: Numbers, rule: Numbers, scale: float, *, alone: bool
) -> tuple[Numbers, Numbers, Numbers]:
    """Look at some entries by steps of all lengths, near zero relative to the entry too, and finer for large ones.

    Returns
    -------
    best, judgement, kinked
        The best difference of each entry, what it is judged to be, and whether there is a kink.
    """
    x, shape = np.abs(response.array.ravel()[entries]), len(entries)
    judgement, kinked = np.full(shape, "blurred", "<U8"), np.zeros(shape, bool)
    best, share, taken = np.full(shape, np.nan), np.full(shape, np.inf), steps.copy()
    ways = (steps, RUNGS, x <= LARGE), (STEP * x, RUNGS, (x > 0) & (x < 1)), (FINE * x, MANY_RUNGS, x > LARGE)
    for bases, rungs, looked_at in ways:
        at = np.flatnonzero(looked_at & (judgement != "right"))
        ladder = _Ladder(response, entries[at], bases[at], alone=alone, rungs=rungs)
        judged, kinks = ladder.judge(rule[at], scale)
        found = ladder.central.best(rule[at], scale)
        better = found[1] < share[at]
        for kept, new in zip((best, share, taken), found, strict=True):
            kept[at[better]] = new[better]
        kinked[at] |= kinks
        # A ladder that finds the rule right outweighs one that does not; and any outweighs one that can't tell.
        judgement[at] = np.where(_rank(judged) > _rank(judgement[at]), judged, judgement[at])
    wrong = np.flatnonzero(judgement == "wrong")
    if alone and wrong.size:
        # Numbers too large to show a step may hold what is missing from the difference.
        unseen = response.unseen(entries[wrong], max(1.0, response.largest))
        off = np.abs(rule[wrong] - best[wrong])
        lost = off * steps[wrong] <= 8 * EPS * unseen
        lost |= off * taken[wrong] <= 4 * _grain(response, entries[wrong], taken[wrong])
        judgement[wrong[lost]] = "blurred"
    return best, judgement, kinked


def _grain(response: Response, entries: Numbers, steps: Numbers) -> Numbers:
    """Return how rough the result is about the end of a step: how far it is there from the parabola next to it."""
    places = TREADS / 10
    found = np.stack(response.sweep(entries, steps, [steps * (1 + place) for place in places], alone=True)[0])
    parabolas = np.linalg.qr(places[:, np.newaxis] ** np.arange(3))[0]
    return np.asarray(np.max(np.abs(found - parabolas @ (parabolas.T @ found)), axis=0))


ORDER: tuple[Judgement, ...] = ("blurred", "wrong", "kink", "right")
"""From the judgement that says least to the one that outweighs all others."""


def _rank(judgement: Numbers) -> Numbers:
    return np.asarray(np.argmax(np.asarray(ORDER)[:, None] == judgement, axis=0))


class _Ladder:
    """The slopes of some entries by steps of all lengths: on both sides, and between them."""

    def __init__(
        self, response: Response, entries: Numbers, bases: Numbers, *, alone: bool, rungs: Numbers = RUNGS
    ) -> None:
        x = response.array.ravel()[entries]
        steps = np.outer(rungs, bases)
        self._sweep, self._alone, self._entries = partial(response.sweep, alone=alone), alone, entries
        none = np.zeros(len(entries))
        changes, sizes = self._sweep(entries, none, [*-steps, *steps])
        back, ahead = -np.stack(changes[: len(steps)]), np.stack(changes[len(steps) :])
        size = np.fmax(*np.split(np.stack(sizes), 2))
        low, high = x - (x - steps), (x + steps) - x  # not the steps themselves: the entry was rounded
        stair = _drop_stairs(response, entries, steps, back, ahead, alone=alone)
        # Nothing changed? In numbers as large as these the change may have been lost on the way.
        lost = 4 * EPS * response.magnitudes(entries)
        noise = np.fmax(np.fmax(8 * EPS * size, stair), np.where((back == 0) & (ahead == 0), lost, 0.0))
        self.central = _Slopes((back + ahead) / (low + high), noise / (low + high), steps)
        # Carried to step 0, from a step and one ten times as long: what is left is of second order.
        self.left, self.right = (
            _Slopes((10 * slope[:-1] - slope[1:]) / 9, 1.3 * noise[:-1] / taken[:-1], steps[:-1])
            for slope, taken in ((back / low, low), (ahead / high, high))
        )

    def judge(self, rule: Numbers, scale: float) -> Pair:
        """Return the judgement on each entry, and whether there is a kink."""
        right, told = self.central.agree(rule, scale)
        left_best, left_share, _ = self.left.best(rule, scale)
        right_best, right_share, _ = self.right.best(rule, scale)
        edge = ~np.isfinite(self.central.values).any(axis=0)  # one side is outside the domain
        size = np.fmax(np.abs(left_best), np.abs(right_best))
        off = 2 * size * (np.fmax(left_share, right_share)) + _allowed(rule, size, scale)
        kink = np.abs(left_best - right_best) > off
        between = (np.fmin(left_best, right_best) - off <= rule) & (rule <= np.fmax(left_best, right_best) + off)
        one_sided = (self.left.agree(rule, scale)[0] | self.right.agree(rule, scale)[0]) & edge
        known = (left_share <= BLUR) & (right_share <= BLUR)
        kinked, finite = known & kink, np.isfinite(rule)
        cases = finite & (right | one_sided), finite & kinked & between, told | kinked
        judged = np.select(cases, ["right", "kink", "wrong"], "blurred").astype("<U8")
        off = np.abs(rule - self.central.values) - _allowed(rule, self.central.values, scale)
        for k in map(int, np.flatnonzero(self.central.agreeing.any(axis=0))):
            first, long = map(int, np.flatnonzero(self.central.agreeing[:, k])[[0, -1]])
            others = np.flatnonzero(CLEARLY * self.central.errors[:first, k] < off[:first, k]).tolist()
            if judged[k] == "wrong" and self._alone and self._leads_over_jumps(k, long):
                judged[k] = "blurred"
            elif judged[k] == "right" and others and self._leads_over_waves(k, first, others[0]):
                judged[k] = "wrong"
                self.central.errors[first:, k] = np.inf
        return judged, kinked

    def _leads_over_jumps(self, k: int, long: int) -> bool:
        """Tell whether the slope that a long step sees is nowhere on its way."""
        short = int(np.argmin(self.central.errors[: long + 1, k]))
        return bool((np.abs(self._on_the_way(k, long, max(0, short - 2), short)) < 0.5).all())

    def _leads_over_waves(self, k: int, long: int, short: int) -> bool:
        """Tell whether there are many slopes on the way of a long step, each the same by two short ones: it sees their mean."""
        if not self._alone:
            return True  # perhaps: such an entry is looked at alone then
        one, other = (self._on_the_way(k, long, step, short) for step in (short, short - 1))
        return bool(np.ptp(one) > 0.5 and (np.abs(one - other) < 1 / CLEARLY).all())

    def _on_the_way(self, k: int, long: int, step: int, short: int) -> Numbers:
        """Return slopes on the way of a long step, by another step: 0 is that of a short one, 1 that of the long one."""
        slopes, ends = self.central.values[:, k], self.central.steps[step, k] * np.array([-1, 1])
        places = self.central.steps[long, k] * TREADS
        entries = np.full(len(places), self._entries[k])
        (back, ahead), _ = self._sweep(entries, places, [places + end for end in ends])
        return np.asarray(((ahead - back) / (ends[1] - ends[0]) - slopes[short]) / (slopes[long] - slopes[short]))


class _Slopes:
    """Slopes of some entries by steps of growing length, and how uncertain each is.

    Attributes
    ----------
    values
        A row for each step; NaN where there is none.
    nominal
        How far rounding may have moved each.
    errors
        How uncertain each is: by how far it is from its neighbour of a shorter step, by the noise that shorter steps showed,
        and by what the longer step tells of its truncation.
    """

    def __init__(self, values: Numbers, nominal: Numbers, steps: Numbers) -> None:
        self.values, self.nominal, self.steps = values, nominal, steps
        apart = np.abs(np.diff(values, axis=0))  # truncation, or the noise of the shorter step
        noise = np.fmax.accumulate(apart * steps[:-1], axis=0)
        errors = apart + np.maximum(nominal[1:], 2 * noise / steps[1:])
        # Where a step ten times as long still tells about the same, its truncation is a hundred times as large.
        near = apart[1:] <= BLUR * np.abs(values[1:-1])
        errors[:-1] = np.maximum(errors[:-1], np.where(near, apart[1:] / 99, 0.0))
        first = np.full((1, values.shape[1]), np.inf)
        self.errors = np.concatenate([first, np.where(np.isfinite(errors), errors, np.inf)])

    def _flat(self, rule: Numbers, scale: float) -> Numbers:
        """Tell which rungs belong to a plateau.

        Such a rung is certain to a share of its slope, or, where the slope is about 0, of the rule's; then no shorter step
        may have shown another slope.
        """
        size = np.abs(self.values)
        relative = self.errors <= np.maximum(BLUR * size, PRECISION * scale)
        flat = self.errors <= BLUR * np.where(np.isfinite(rule), np.abs(rule), 0.0)
        for k in np.flatnonzero((flat & ~relative).any(axis=1)):
            apart = np.abs(self.values[:k] - self.values[k]) - self.errors[k] - 10 * self.nominal[:k]
            flat[k] &= ~(apart > 0).any(axis=0)
        return np.asarray(relative | flat)

    def agree(self, rule: Numbers, scale: float) -> Pair:
        """Tell where a plateau agrees with the rule, and where there is one that is good enough to say that it does not.

        What counts of a plateau is its most certain rung, and others hardly less certain than that which are more certain
        than those next to them: what looks like one may be two.
        """
        flat = self._flat(rule, scale)
        least = np.where(flat, self.errors, np.inf)  # of its plateau
        up = range(1, len(flat))
        for ahead, here in [*((k - 1, k) for k in up), *((k, k - 1) for k in reversed(up))]:
            least[here] = np.where(flat[here] & flat[ahead], np.minimum(least[here], least[ahead]), least[here])
        beyond = np.full((1, len(rule)), np.inf)
        before, behind = np.concatenate([beyond, self.errors[:-1]]), np.concatenate([self.errors[1:], beyond])
        certain = flat & (self.errors <= before) & (self.errors < behind) & (self.errors <= 10 * least)
        errors = np.concatenate([self.nominal[:1], self.errors[1:]])  # the shortest has no shorter one to go by
        agrees = np.abs(rule - self.values) <= _allowed(rule, self.values, scale) + 2 * errors
        good = CLEARLY * self.errors <= np.nan_to_num(np.abs(rule - self.values), nan=np.inf)
        good |= np.concatenate([beyond < 0, flat[:-1]])
        tells = certain & good
        for k in np.flatnonzero(tells.any(axis=1)):
            # A shorter step may agree with the rule, and exclude this plateau.
            excluded = agrees[:k] & (4 * errors[:k] < np.abs(self.values[:k] - self.values[k]))
            tells[k] &= ~excluded.any(axis=0)
        self.agreeing = flat & agrees
        return np.asarray((certain & agrees).any(axis=0)), np.asarray(tells.any(axis=0))

    def best(self, rule: Numbers, scale: float) -> tuple[Numbers, Numbers, Numbers]:
        """Return the slope that is most certain, its uncertainty as a share, and its step; of plateaus, if there are any."""
        floor = np.maximum(PRECISION * scale, BLUR * np.where(np.isfinite(rule), np.abs(rule), 0.0))
        share = np.where(self.errors == 0, 0.0, self.errors / np.maximum(np.abs(self.values), floor))
        share = np.where(self._flat(rule, scale), share, share + 1e9)
        share = np.where(np.isfinite(share), share, np.inf)
        k, at = np.argmin(share, axis=0), np.arange(len(rule))
        found = share[k, at]
        return np.where(np.isfinite(found), self.values[k, at], np.nan), found, self.steps[k, at]


def _drop_stairs(
    response: Response, entries: Numbers, steps: Numbers, back: Numbers, ahead: Numbers, *, alone: bool
) -> Numbers:
    """Strike out steps on which nothing moves where that is a staircase: there nothing moves from other points either.

    Returns
    -------
    numpy.ndarray
        The height of a stair for each entry; 0 where there is no staircase.
    """
    still, height = (back == 0) & (ahead == 0), np.zeros(len(entries))
    first = np.argmin(still, axis=0)  # the shortest step that moves something
    suspects = np.flatnonzero(still[0] & ~still.all(axis=0))
    step = steps[first[suspects], suspects]
    stairs = np.ones(len(suspects), bool)
    for offset in (step, -step):
        ends = [offset - step * 1e-2, offset + step * 1e-2]
        moved, _ = response.sweep(entries[suspects], offset, ends, alone=alone)
        stairs &= (np.stack(moved) == 0).all(axis=0)
    gone = suspects[stairs]
    height[gone] = np.fmax(np.abs(back), np.abs(ahead))[first[gone], gone]
    for changes in (back, ahead):
        changes[:, gone] = np.where(still[:, gone], np.nan, changes[:, gone])
    return height
