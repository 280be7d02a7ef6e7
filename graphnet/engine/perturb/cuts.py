"""Rules run on arrays, and up to where the effects of different slabs of an array stay apart.

Up to there all slabs can move in one run.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import count, islice, takewhile
from typing import Any

import numpy as np

from graphnet.common import cached_property
from graphnet.core.node import Numbers
from graphnet.core.op import Op
from graphnet.engine.rules import as_messages, read_only

Messages = Sequence[Numbers | None]
TRIED = 16
"""Calls tried behind a dominator in search of the next."""


@dataclass(frozen=True)
class OpCall:
    """One use of an op.

    Attributes
    ----------
    op, inputs, output
        What is called, which values it takes, and what its result is called.
    multiply_adds
        Of the matrix products in it.
    """

    op: Op
    inputs: tuple[Hashable, ...]
    output: Hashable
    multiply_adds: float = 0

    def run(self, changed: Mapping[Any, Numbers], values: Mapping[Any, Numbers]) -> Numbers:
        """Return its result, of values some of which have changed."""
        inputs = [changed.get(key, values[key]) for key in self.inputs]
        return run_in_domain(self.op, inputs, values[self.output].shape)


def run_in_domain(op: Op, inputs: Sequence[Numbers], shape: tuple[int, ...]) -> Numbers:
    """Return what a forward rule gives; NaN if it raises an error or gives another shape: a step has left its domain."""
    try:
        output = np.asarray(op.forward(*inputs))
    except Exception:  # of any kind: it is the rule's own; where nothing has moved it was run without
        return np.full(shape, np.nan)
    return output if output.shape == shape else np.full(shape, np.nan)


def said_at(op: Op, delta: Numbers, output: Numbers, inputs: Sequence[Numbers]) -> Messages:
    """Return what a backward rule says; raise what it raises."""
    with np.errstate(all="ignore"):
        return as_messages(op, op.backward(delta, output, *inputs), len(inputs))


def tried(
    op: Op, delta: Numbers, inputs: Sequence[Numbers], output: Numbers | None = None
) -> tuple[Numbers, Messages] | None:
    """Return the output and, as real numbers, what the backward rule says of it; nothing where the rules can't be run.

    They are given copies: what they write into is theirs.
    """
    try:
        with np.errstate(all="ignore"):
            if output is None:
                output = np.asarray(op.forward(*[array.copy() for array in inputs]))
            messages = said_at(op, delta.copy(), output.copy(), [array.copy() for array in inputs])
            return output, [None if message is None else np.asarray(message, float) for message in messages]
    except Exception:  # of any kind: it is the rule's own, and these arrays may be outside its domain
        return None


@dataclass(frozen=True)
class Cut:
    """An array that all effects pass through, and from which entry (up to the mixed axes) each of its numbers comes.

    Attributes
    ----------
    key
        The array's.
    calls
        How many calls lead to it.
    apart
        Axes of the moved array whose slabs don't meet.
    slabs
        How many combinations of them there are.
    owner
        For each number of the cut, which combination it depends on; `slabs` for none.
    """

    key: Hashable
    calls: int
    apart: tuple[int, ...]
    slabs: int
    owner: Numbers

    @cached_property
    def owned(self) -> Numbers:
        """For each combination, and none, whether any number depends on it."""
        return np.bincount(self.owner, minlength=self.slabs + 1) > 0


class Search:
    """The search for the last cut up to which as many entries as at the first stay apart.

    Parameters
    ----------
    calls
        Those that depend on what moves, in order.
    values
        Of all that they take or give, where nothing has moved.
    source
        What moves.
    outputs
        What is looked at in the end.
    far
        How far each entry moves: so far that what depends on it changes.
    """

    def __init__(
        self,
        calls: Sequence[OpCall],
        values: Mapping[Any, Numbers],
        source: Hashable,
        outputs: Sequence[Hashable],
        far: Numbers,
    ) -> None:
        self._values, self._source, self._far = values, source, far
        self._search, self._found = _segments(calls, source, outputs), list[list[OpCall]]()

    @property
    def runs(self) -> int:
        """How many runs it takes at most: two for all entries, and four for each bit of the slabs' numbers, along each axis."""
        return sum(2 + 4 * (count - 1).bit_length() for count in self._far.shape)

    def cut(self) -> Cut | None:
        """Return it, or nothing if all entries meet at once."""
        shape = self._far.shape
        found = {axis: self._places(axis) for axis, count in enumerate(shape) if count > 1}
        apart = tuple(axis for axis, places in found.items() if places)
        if not apart:
            return None
        last = min(len(found[axis]) for axis in apart) - 1
        slabs, owner = 1, np.zeros(found[apart[0]][last].shape, int)
        for axis in apart:
            slabs, owner = slabs * shape[axis], owner * shape[axis] + found[axis][last]
        done = [call for segment in islice(self._segments(), last + 1) for call in segment]
        owner = np.where(found[apart[0]][last] < 0, slabs, owner)
        return Cut(done[-1].output, len(done), apart, slabs, owner)

    def _segments(self) -> Iterator[list[OpCall]]:
        """Yield the calls in parts, each of which ends in a dominator: an array that all effects pass through.

        They are looked for as far as they are asked for: in a deep network most of them never are.
        """
        for i in count():
            self._found += islice(self._search, max(0, i + 1 - len(self._found)))
            if i == len(self._found):
                return
            yield self._found[i]

    def _places(self, axis: int) -> list[Numbers]:
        """Return, for one dominator after another, on which slab along an axis each number depends.

        −1 stands for none. They end where a number depends on more than one.

        Half of the slabs move: those with a bit of their number set, or clear. Any two slabs differ in a bit, so that in one
        of the trials the first moves and the second does not.
        """
        number: Numbers = np.asarray(np.indices(self._far.shape, sparse=True)[axis])
        found: Iterable[Numbers] = (np.where(moves, 0, -1) for moves in self._effects(number >= 0))
        for bit in range((self._far.shape[axis] - 1).bit_length()):
            is_set = (number >> bit) & 1 == 1
            trials = zip(found, self._effects(is_set), self._effects(~is_set), strict=False)
            found = [place + (one << bit) for place, one, _ in takewhile(_are_apart, trials)]
        return list(found)

    def _effects(self, chosen: Numbers) -> Iterator[Numbers]:
        """Yield, at one dominator after another, which numbers change when chosen entries move.

        They move this way and that: a kink may hide one of the two.
        """
        array = self._values[self._source]
        moved = (array + self._far, array - self._far)
        runs = [{self._source: read_only(np.where(chosen, there, array))} for there in moved]
        for segment in self._segments():
            with np.errstate(all="ignore"):  # not around the yield: it would hold in the caller's code too
                for call in segment:
                    for run in runs:
                        run[call.output] = call.run(run, self._values)
            dominator = segment[-1].output
            low, high = (run[dominator].ravel() != self._values[dominator].ravel() for run in runs)
            yield low | high


def _segments(calls: Sequence[OpCall], source: Hashable, outputs: Sequence[Hashable]) -> Iterator[list[OpCall]]:
    last_use: dict[Hashable, float] = {
        source: np.inf,
        **{key: i for i, call in enumerate(calls) for key in call.inputs},
    }
    last_use |= dict.fromkeys(outputs, np.inf)
    open_until, segment = last_use[source], list[OpCall]()
    for i, call in enumerate(calls):
        segment.append(call)
        if open_until <= i:
            yield segment
            segment = []
        if len(segment) > TRIED:
            return
        open_until = max(open_until, last_use.get(call.output, open_until))


def _are_apart(trial: tuple[Numbers, Numbers, Numbers]) -> bool:
    """Tell whether what depends on the array at all depends on one of two halves of it."""
    place, one, other = trial
    return bool(((one ^ other) == (place >= 0)).all())
