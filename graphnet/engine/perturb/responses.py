"""How a result answers when single entries of an array move: what finite differences are made of, for many entries at once.

One run of all that lies downstream for each entry would do. Two things make it fewer, and neither knows any op:

- Entries that don't meet may move together. Where each number of a later array depends on one row of the moved array only
  (or one column, ...), all rows move in one run, and what came of each is picked out. Whether it is so is found by trying:
  a row that never changes a number while it moves does not reach it. This holds up to a *cut*: a node through which all
  that the array does must pass.
- Several such runs, and behind the cut the versions, are computed together, as a `Stack`. The rule stays the op's own; the
  first time, versions of the stack are compared with runs of their own.

In a deep network of small layers each run is long and each stack small. There the entries of several arrays move in the
same runs (`Joint`): versions join on the way, each where its own array comes in.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np

from graphnet.core.node import Numbers
from graphnet.core.op import Op
from graphnet.engine.perturb.cuts import Cut, OpCall, Search, run_in_domain
from graphnet.engine.perturb.probes import Stack
from graphnet.engine.rules import read_only

Runs = tuple[Numbers, Numbers | None, list[dict[int, Numbers]]]
STEP = float(np.finfo(np.float64).eps) ** (1 / 3)
"""The step of a central difference, times max(1, |x|): where its rounding and its truncation are about equal."""

AT_ONCE = 1 << 17
"""Numbers in the largest array of a stack: what a cache holds."""

MOST_AT_ONCE = 1 << 23
"""Numbers in the largest array where all others are small, so that calls take the time: a few dozen megabytes."""

PER_CALL = 1 << 12
"""Numbers that take about as long as what is around a call."""

_FEW = 1 << 16
"""Work in all, below which looking for a cut takes longer than it saves."""

FEWEST_RUNS = 8
"""In how many runs the entries of a sample move at least: one would take them all from one row."""

SEARCH = 10
"""How many times its budget the search for a cut may take at worst; as a rule it takes a quarter of that."""

PER_NUMBER = 10
"""Multiply-adds that take as long as reading or writing a number."""


class Response:
    """How Σ direction ⊙ output changes when one entry of `source` moves.

    Parameters
    ----------
    calls
        What is computed, in order; those that do not depend on the source are left out.
    values
        Of the source, and of all that the calls take or give, where nothing has moved.
    source
        Which array moves.
    directions
        The weights of each output.
    checked
        Ops known to compute stacks as they compute arrays; shared and added to.
    budget
        Work in multiply-adds, where to read or write a number counts as many as take as long: what a sample may take. If a
        search for a cut takes far more, there is none.

    Attributes
    ----------
    array
        What moves.
    calls
        Those that depend on it.
    """

    def __init__(
        self,
        calls: Sequence[OpCall],
        values: Mapping[Any, Numbers],
        source: Hashable,
        directions: Mapping[Any, Numbers],
        checked: dict[Any, bool] | None = None,
        budget: float = np.inf,
    ) -> None:
        self.array = values[source]
        self.budget = budget
        self.values = values
        self.calls = _downstream(calls, source)
        reached = {source, *(call.output for call in self.calls)}
        self.directions = {key: direction for key, direction in directions.items() if key in reached}
        self._done_with = _last_read(self.calls, self.directions)
        self.checked = {} if checked is None else checked
        sizes = [sum(values[key].size for key in (*call.inputs, call.output)) for call in self.calls]
        works = [PER_NUMBER * size + call.multiply_adds for size, call in zip(sizes, self.calls, strict=True)]
        self._works = [PER_NUMBER * self.array.size, *works]
        self.source = source
        rng = np.random.default_rng(0)
        self._far = np.asarray(rng.uniform(1e-2, 2e-2, self.array.shape) * np.maximum(1.0, np.abs(self.array)))
        search = Search(self.calls, values, source, list(self.directions), self._far)
        one_run = sum(self._works)
        is_worth_it = self.array.size * one_run > _FEW and search.runs * one_run <= SEARCH * budget
        self._cut = search.cut() if is_worth_it else None

    def sample(self, count: int | None, rng: np.random.Generator) -> Numbers:
        """Choose entries to move: all if possible, else a random sample, of entries that move together where some do.

        Parameters
        ----------
        count
            How many; None: as many as the budget allows.
        rng
            Chooses.

        Returns
        -------
        numpy.ndarray
            Flat indices, in order.
        """
        size = self.array.size
        if self._cut is None:
            least, together, before, behind = size, 1, 0.0, sum(self._works)
        else:
            least, together = FEWEST_RUNS, self._cut.slabs
            before, behind = sum(self._works[: self._cut.calls + 1]), sum(self._works[self._cut.calls + 1 :])
        entries = np.arange(size)
        if count is None and size:
            runs = int(min(size, self.budget / (2 * (before + together * behind))))
            count = together * runs or int(min(size, max(1, self.budget / (2 * (before + behind)))))
        if count is None or count >= size:
            return entries
        if self._cut is not None:
            _, colour = self._slabs_and_colours(self._cut, entries)
            runs = max(min(least, count), -(-count // together))
            chosen = rng.permutation(size // together)[:runs]
            entries = entries[np.isin(colour, chosen)]
        return np.sort(rng.choice(entries, min(count, len(entries)), replace=False))

    def changes(self, entries: Numbers, low: Numbers, high: Numbers, *, alone: bool = False) -> tuple[Numbers, Numbers]:
        """Return the change between two displacements of each entry, as `sweep` does."""
        (change,), (size,) = self.sweep(entries, low, [high], alone=alone)
        return change, size

    def sweep(
        self, entries: Numbers, start: Numbers, ends: Sequence[Numbers], *, alone: bool = False
    ) -> tuple[list[Numbers], list[Numbers]]:
        """Return the changes from one displacement of each entry to several others.

        Parameters
        ----------
        entries
            Flat indices.
        start, ends
            The displacements of each; complex ones for a complex step.
        alone
            Move every entry in a run of its own.

        Returns
        -------
        changes, sizes
            For each end the change of the result, and the sum of the numbers that depend on the entry, by which its
            rounding is judged: the change of a large one may be lost in rounding.
        """
        changes = [np.zeros(len(entries), np.result_type(start, end, float)) for end in ends]
        sizes = [np.zeros(len(entries)) for _ in ends]
        cut = None if alone else self._cut
        ends_there = cut is not None and self._ends_at(cut)
        far = not ends_there and any(direction.size > 1 for direction in self.directions.values())
        with np.errstate(all="ignore"):
            for at, run, slab in self._groups(cut, entries):
                moved = partial(self._moved, cut, entries[at], run, slab)
                before = moved(start[at])
                long = moved(self._far.ravel()[entries[at]]) if far else None
                for change, size, end in zip(changes, sizes, ends, strict=True):
                    after = moved(end[at])
                    if cut is not None and ends_there:
                        change[at], size[at] = self._owned(cut, run, slab, before, after)
                    else:
                        change[at], size[at] = self._compared(before, after, after if long is None else long)
        return changes, sizes

    def arrays(self, entries: Numbers) -> Numbers:
        """Return the number of the array that each entry is in."""
        return np.zeros(len(entries), int)

    def magnitudes(self, entries: Numbers) -> Numbers:
        """Return the size of the largest number in the array that each entry is in, at least 1."""
        return np.full(len(entries), np.max(np.abs(self.array), initial=1.0))

    @property
    def together(self) -> bool:
        """Tell whether entries move together, unless they are moved alone."""
        return self._cut is not None

    @property
    def can_join(self) -> bool:
        """Tell whether its runs are long, and too small to fill the cache: then those of other arrays may join."""
        most = AT_ONCE // max(1, *(self.values[key].size for key in (self.source, *(c.output for c in self.calls))))
        is_short = self._cut is not None and 2 * self._cut.calls >= len(self.calls)
        ends_later = bool(self.directions) and self.source not in self.directions
        return ends_later and self.array.size <= most and not is_short

    @property
    def largest(self) -> float:
        """The size of the largest number in what is looked at."""
        return max((float(np.max(np.abs(self.values[key]), initial=0.0)) for key in self.directions), default=0.0)

    def unseen(self, entries: Numbers, distance: float) -> Numbers:
        """Return the size of the numbers that depend on each entry, but don't move before it moves as far as this.

        Beside a large number a small step is lost without a trace: 1e17 + 0.5 is 1e17.
        """
        weights = np.abs(np.concatenate([np.empty(0), *(direction.ravel() for direction in self.directions.values())]))
        found = np.zeros(len(entries))
        with np.errstate(all="ignore"):
            for at, run, slab in self._groups(None, entries):
                ones = np.ones(len(at))
                steps = (0 * ones, self._far.ravel()[entries[at]], distance * ones, -distance * ones)
                base, near, up, down = (self._moved(None, entries[at], run, slab, step) for step in steps)
                late = (near == base) & ((up != base) | (down != base))
                found[at] = (late * np.abs(base) * weights).sum(axis=1)
        return found

    # Which entries move together ------------------------------------------------------------------------------------

    def _groups(self, cut: Cut | None, entries: Numbers) -> Iterator[tuple[Numbers, Numbers, Numbers]]:
        """Yield which of the entries move in one stack of runs, in which of these, and which slab of the cut's each is in."""
        done = cut.calls if cut else 0
        most = self._versions_at_once(done, len(self.calls))
        if cut is None:
            runs_at_once, run, slab = most, np.arange(len(entries)), np.arange(len(entries))
        else:
            slab, colour = self._slabs_and_colours(cut, entries)
            run = np.unique(colour, return_inverse=True)[1]
            runs_at_once = self._versions_at_once(0, done)
            if self._ends_at(cut):
                most = len(entries) or 1  # no versions are made
            else:
                runs_at_once = max(1, min(runs_at_once, most // cut.slabs))
        order = np.argsort(run, kind="stable")
        for group in np.split(order, np.flatnonzero(np.diff(run[order] // runs_at_once)) + 1):
            for i in range(0, len(group), most):
                yield group[i : i + most], run[group[i : i + most]] % runs_at_once, slab[group[i : i + most]]

    def _versions_at_once(self, first: int, stop: int) -> int:
        """Return how many versions of what some of the calls take and give are computed together."""
        keys = (self._key_at(first), *(call.output for call in self.calls[first:stop]))
        sizes = [self.values[key].size for key in keys]
        largest = max(1, *sizes)
        while_calls_cost = min(PER_CALL * len(sizes) // max(1, sum(sizes)), MOST_AT_ONCE // largest)
        return max(1, AT_ONCE // largest, while_calls_cost)

    def _slabs_and_colours(self, cut: Cut, entries: Numbers) -> tuple[Numbers, Numbers]:
        """Return which slab each entry is in, and which run it can move in together with those of other slabs."""
        shape = self.array.shape
        places = list(enumerate(np.unravel_index(entries, shape)))
        apart, mixed = cut.apart, [axis for axis, _ in places if axis not in cut.apart]
        slab, colour = (
            np.ravel_multi_index(
                [place * (axis in kept) for axis, place in places],
                [size if axis in kept else 1 for axis, size in enumerate(shape)],
            )
            for kept in (apart, mixed)
        )
        return slab, colour

    def _ends_at(self, cut: Cut) -> bool:
        """Tell whether the cut is the one output."""
        return cut.calls == len(self.calls) and len(self.directions) == 1

    def _key_at(self, count: int) -> Hashable:
        return self.calls[count - 1].output if count else self.source

    def _with_moved(self, run: Numbers, entries: Numbers, steps: Numbers) -> Stack:
        """Return a version of the array for each run, with its entries moved."""
        data = np.empty((run.max(initial=-1) + 1, self.array.size), np.result_type(self.array, steps))
        data[:] = self.array.ravel()
        data[run, entries] += steps
        return Stack(data.reshape(len(data), *self.array.shape))

    def _versions(self, cut: Cut, run: Numbers, slab: Numbers, arrays: Numbers) -> Stack:
        """Pick, out of arrays at the cut with all slabs moved, a version for each slab with nothing else moved."""
        base = self.values[cut.key]
        version = np.full((len(arrays), cut.slabs + 1), -1)  # the last one: of what depends on no slab
        version[run, slab] = np.arange(len(slab))
        rows = version[:, cut.owner].ravel()
        places = np.flatnonzero(rows >= 0)
        data = np.empty((len(slab), base.size), arrays.dtype)
        data[:] = base.ravel()
        data[rows[places], places % base.size] = arrays.ravel()[places]
        return Stack(read_only(data.reshape(len(slab), *base.shape)))

    # What came of it ------------------------------------------------------------------------------------------------

    def _moved(self, cut: Cut | None, entries: Numbers, run: Numbers, slab: Numbers, step: Numbers) -> Numbers:
        """Return what comes of a displacement: the cut's arrays if it is the one output, else all outputs in rows."""
        versions = self._with_moved(run, entries, step)
        if cut is None:
            return self._in_rows(self._after(0, len(self.calls), versions))
        arrays: Numbers = self._after(0, cut.calls, versions)[cut.key].data
        if self._ends_at(cut):
            return arrays
        return self._in_rows(self._after(cut.calls, len(self.calls), self._versions(cut, run, slab, arrays)))

    def _after(self, first: int, stop: int, versions: Stack) -> dict[Any, Stack]:
        """Compute some of the calls from versions of what the one before them gave."""
        stacks: dict[Any, Any] = {self._key_at(first): versions}
        for call, done_with in zip(self.calls[first:stop], self._done_with[first:stop], strict=True):
            stacks[call.output] = self._stacked(call, [stacks.get(key, self.values[key]) for key in call.inputs])
            for key in done_with:
                stacks.pop(key, None)  # of all of them at once no cache is large enough
        return stacks

    def _owned(self, cut: Cut, run: Numbers, slab: Numbers, before: Numbers, after: Numbers) -> tuple[Numbers, Numbers]:
        """Add up, for each slab of each run, the changes of the outputs that depend on it."""
        weights, runs, count = self.directions[cut.key].ravel(), len(before), cut.slabs + 1
        before, after = before.reshape(runs, -1), after.reshape(runs, -1)
        parts, sizes = weights * (after - before), np.abs(weights * after)
        owner = (cut.owner + count * np.arange(runs)[:, np.newaxis]).ravel()
        change = np.bincount(owner, parts.real.ravel(), runs * count)
        if parts.dtype.kind == "c":
            change = change + 1j * np.bincount(owner, parts.imag.ravel(), runs * count)
        size = np.bincount(owner, sizes.ravel(), runs * count).reshape(runs, count)
        size = np.where(cut.owned, size, sizes.max(axis=1, initial=0.0, keepdims=True))
        return change.reshape(runs, count)[run, slab], size[run, slab]

    def _compared(self, low: Numbers, high: Numbers, far: Numbers) -> tuple[Numbers, Numbers]:
        """Add up the changes of each version's outputs. What changes, if not now then by a long step, depends on the entry."""
        weights = np.concatenate([np.empty(0), *(direction.ravel() for direction in self.directions.values())])
        sizes, depends = np.abs(high * weights), (low != high) | (low != far)
        size = np.where(depends, sizes, 0.0).sum(axis=1)
        return (high - low) @ weights, np.where(depends.any(axis=1), size, sizes.max(axis=1, initial=0.0))

    def _in_rows(self, outcome: Mapping[Any, Stack]) -> Numbers:
        """Return all outputs of a version as one row."""
        count = len(next(iter(outcome.values())).data)
        parts = [outcome[key].data.reshape(count, direction.size) for key, direction in self.directions.items()]
        return np.concatenate([np.empty((count, 0)), *parts], axis=1)

    def _stacked(self, call: OpCall, inputs: list[Any]) -> Stack:
        """Apply an op's own rule to versions: together where it can, else one by one."""
        count = next(len(z.data) for z in inputs if isinstance(z, Stack))
        kind = (id(call.op), *((z.shape, isinstance(z, Stack), z.dtype.kind) for z in inputs))
        if count > 1 and self.checked.get(kind, True):
            try:
                result = call.op.forward(*inputs)
            except Exception:  # of any kind: the rule asks of the stack what only an array can do
                result = None
            if isinstance(result, Stack) and (kind in self.checked or _agrees(call.op, inputs, result)):
                self.checked[kind] = True
                return result
            self.checked[kind] = False
        shape = self.values[call.output].shape
        return Stack(np.stack([_version(call.op, inputs, i, shape) for i in range(count)]))


class Joint(Response):
    """How the result changes when one entry of one of several arrays moves.

    Parameters
    ----------
    calls
        What is computed, in order.
    responses
        Those of the arrays, which reach the same outputs.

    Attributes
    ----------
    array
        The entries of all of them, one array after another.
    """

    def __init__(self, calls: Sequence[OpCall], responses: Sequence[Response]) -> None:
        self.responses = responses
        self.calls = _downstream(calls, *(response.source for response in responses))
        self.source = max(responses, key=lambda response: response.array.size).source  # the most numbers of a version
        first = responses[0]
        self.values, self.directions, self.checked = first.values, first.directions, first.checked
        self.array = np.concatenate([response.array.ravel() for response in responses])
        self.starts = np.cumsum([0, *(response.array.size for response in responses[:-1])])
        self._far = np.concatenate([response._far.ravel() for response in responses])
        self._cut = None
        self._done_with = _last_read(self.calls, self.directions)
        self._moving = np.zeros(0, int)
        self._shared: dict[int, Runs] = {}  # of each call, as long as these move

    def arrays(self, entries: Numbers) -> Numbers:
        """Return the number of the array that each entry is in."""
        return np.asarray(np.searchsorted(self.starts, entries, side="right") - 1)

    def magnitudes(self, entries: Numbers) -> Numbers:
        """Return the size of the largest number in the array that each entry is in, at least 1."""
        largest = [np.max(np.abs(response.array), initial=1.0) for response in self.responses]
        return np.asarray(largest)[self.arrays(entries)]

    def _moved(self, cut: Cut | None, entries: Numbers, run: Numbers, slab: Numbers, step: Numbers) -> Numbers:
        if not np.array_equal(entries, self._moving):
            self._moving, self._shared = entries, {}
        arrays, versions = self.arrays(entries), dict[Hashable, tuple[Numbers, Stack]]()
        for i in np.unique(arrays):
            rows, response = np.flatnonzero(arrays == i), self.responses[i]
            versions[response.source] = (
                rows,
                response._with_moved(np.arange(len(rows)), entries[rows] - self.starts[i], step[rows]),
            )
        for call, done_with in zip(self.calls, self._done_with, strict=True):
            if any(key in versions for key in call.inputs):
                versions[call.output] = self._joined(call, versions, len(entries))
                for key in done_with:
                    versions.pop(key, None)
        return self._in_rows({key: versions[key][1] for key in self.directions})

    def _joined(
        self, call: OpCall, versions: Mapping[Hashable, tuple[Numbers, Stack]], count: int
    ) -> tuple[Numbers, Stack]:
        """Apply an op to versions, in one run for all in which the same inputs have moved; tell which versions these are."""
        moved = {slot: versions[key] for slot, key in enumerate(call.inputs) if key in versions}
        if id(call) not in self._shared:
            self._shared[id(call)] = _by_inputs({slot: which for slot, (which, _) in moved.items()}, count)
        which, order, runs = self._shared[id(call)]
        stacks = []
        for places in runs:
            inputs: list[Any] = [self.values[key] for key in call.inputs]
            for slot, at in places.items():
                _, stack = moved[slot]
                inputs[slot] = stack if len(at) == len(stack.data) else Stack(stack.data[at])
            stacks.append(self._stacked(call, inputs).data)
        data = stacks[0] if len(stacks) == 1 else np.concatenate(stacks)
        return which, Stack(data if order is None else data[order])


def _by_inputs(moved: Mapping[int, Numbers], count: int) -> Runs:
    """Part versions by which inputs have moved in them.

    Parameters
    ----------
    moved
        For each input in which versions it has moved, in order.
    count
        How many versions there are.

    Returns
    -------
    which, order, runs
        In which versions any has moved; how to put the runs' results in order, if they aren't; and for each run where its
        versions are among those of each input that has moved.
    """
    has = np.zeros((len(moved), count), bool)
    for i, versions in enumerate(moved.values()):
        has[i, versions] = True
    left = np.asarray(has.any(axis=0))
    parts, runs = list[Numbers](), list[dict[int, Numbers]]()
    while left.any():
        pattern = has[:, np.argmax(left)]
        here = np.flatnonzero(left & (has == pattern[:, None]).all(axis=0))
        left[here] = False
        parts.append(here)
        slots = [slot for slot, is_moved in zip(moved, pattern, strict=True) if is_moved]
        runs.append({slot: np.searchsorted(moved[slot], here) for slot in slots})
    which = np.concatenate(parts)
    order = np.argsort(which)
    return which[order], order if (np.diff(order) < 0).any() else None, runs


def _downstream(calls: Sequence[OpCall], *sources: Hashable) -> list[OpCall]:
    reached, downstream = set(sources), []
    for call in calls:
        if not reached.isdisjoint(call.inputs):
            reached.add(call.output)
            downstream.append(call)
    return downstream


def _last_read(calls: Sequence[OpCall], outputs: Mapping[Any, Numbers]) -> list[list[Hashable]]:
    """Return for each call what it is the last to read, but for outputs."""
    last = {key: i for i, call in enumerate(calls) for key in call.inputs if key not in outputs}
    read: list[list[Hashable]] = [[] for _ in calls]
    for key, i in last.items():
        read[i].append(key)
    return read


def _version(op: Op, inputs: Sequence[Any], i: int, shape: tuple[int, ...]) -> Numbers:
    arguments = [read_only(np.asarray(z.data[i])) if isinstance(z, Stack) else z for z in inputs]
    return run_in_domain(op, arguments, shape)


def _agrees(op: Op, inputs: Sequence[Any], result: Stack) -> bool:
    """Tell whether the first and the last version are what a run of their own gives."""
    for i in (0, -1):
        expected = _version(op, inputs, i, result.shape)
        if expected.shape != result.shape or not np.allclose(
            expected, result.data[i], rtol=1e-10, atol=1e-300, equal_nan=True
        ):
            return False
    return True
