"""What a rule says at points next to the one checked, and at others.

Where rules are torn, as at a tie of a maximum, each entry alone has room for any value between two slopes. What a right
rule says there is a blend of what it says right beside the point: so it is with several entries together too.
"""

from __future__ import annotations

import inspect
import itertools
from types import BuiltinFunctionType, FunctionType, ModuleType
from typing import Any

import numpy as np

from graphnet.check.evidence import Scene
from graphnet.common.text import number
from graphnet.core.node import Numbers
from graphnet.core.op import Op
from graphnet.engine.perturb.cuts import Messages, tried

CLOSE = 1e-12
"""How far a neighbour is away, as a share of max(1, |x|): so near that only a tear makes a difference."""
SHORT = 1e-3
"""And at most as a share of |x|: next to 0 much may change on such a way."""
NEARER = 30
"""How many times as near one is asked again, to tell a tear from a steep slope."""
_NOTHING = 1e-9
"""Messages below this are rounding, of error signals of about 1."""
FIRST = 3
"""How many neighbours are asked first."""
MORE = 12
"""How many more where an entry alone seems wrong: all of the first may say what is said at a tie."""
TORN = 1e-3
"""By what share of the largest message an entry must change so near that the rule is called torn there."""
OUTPUTS = 64
"""Of how many outputs each is looked at alone where together they are torn."""
NEIGHBOURS = 128
"""How many are asked where a rule is torn."""
GROUPS = 60
"""How many pairs and triples of torn entries are looked at together."""


STATELESS: tuple[type, ...] = (int, float, complex, str, bytes, tuple, frozenset, np.generic, np.dtype, type(None))
STATELESS += (type, ModuleType, FunctionType, BuiltinFunctionType, np.ufunc, Op)
"""What a rule may reach without keeping anything from one call to the next."""


class Neighbourhood:
    """What a rule says at points right beside the one it is checked at.

    Parameters
    ----------
    scene, messages
        The rule, what it is given, and what it says; messages that are no real numbers, or of another shape, are left out.

    Attributes
    ----------
    torn
        Whether it says something else beside this point, however near.
    """

    def __init__(self, scene: Scene, messages: Messages) -> None:
        self._scene, self._inputs, self._rng = scene, scene.inputs, scene.settings.rng
        self._slots = []
        for slot, (message, x) in enumerate(zip(messages, self._inputs, strict=False)):  # none of a rule that is broken
            if message is not None and message.dtype.kind in "fiu" and (message.shape, x.dtype.kind) == (x.shape, "f"):
                self._slots.append(slot)
        self._said = self._joined(messages)
        size = np.abs(self._joined(self._inputs))
        self._length = np.fmin(CLOSE * np.maximum(1.0, size), np.where(size > 0, size * SHORT, np.inf))
        self._apart = False
        self._near: list[Numbers] = []
        self._steps: list[Numbers] = []
        self.torn = self.seems_torn(FIRST)

    def seems_torn(self, count: int) -> bool:
        """Ask this many neighbours more; tell whether the rule says something else to any of those asked."""
        self._near += self._anywhere(count)
        self._size = float(np.max(np.abs([self._said, *self._near]), initial=_NOTHING))
        self.torn = bool(np.isfinite(self._said).all() and self._places().size and self._stays())
        return self.torn

    def _stays(self) -> bool:
        """Tell whether what changes most changes as much from nearer by: a steep slope, as of √, does not."""
        apart = np.abs(np.stack(self._near) - self._said)
        one, place = np.unravel_index(np.argmax(apart), apart.shape)
        nearer = self._at(self._steps[one] / NEARER)
        return nearer is None or bool(abs(nearer[place] - self._said[place]) > apart[one, place] / 2)

    def allows(self, slot: int) -> Numbers:
        """Tell for each entry of an input whether what the rule says is between what it says beside this point.

        If that is not so of all outputs together, it may be so of each of them, as of max(x, 0) beside max(−x, 0).
        """
        between, torn = self._between(), np.ptp(self._near, axis=0) > TORN * self._size
        if not between[torn].all() and self._scene.delta.size <= OUTPUTS:
            ones = np.eye(self._scene.delta.size).reshape(-1, *self._scene.delta.shape)
            each = [Neighbourhood(*there)._between() for one in ones if (there := self._scene.at(self._inputs, one))]
            self._apart, between = True, between | np.all(each, axis=0)
        allowed = between & torn
        start = sum(self._inputs[before].size for before in self._slots if before < slot)
        return np.asarray(allowed[start : start + self._inputs[slot].size])

    def _between(self) -> Numbers:
        self._ask()
        low, high = np.min(self._near, axis=0), np.max(self._near, axis=0)
        room = TORN * self._size + (high - low) / 10  # for neighbours not asked
        return np.asarray((self._said >= low - room) & (self._said <= high + room))

    def _ask(self) -> None:
        if len(self._near) <= FIRST + MORE:
            self._near += self._anywhere(NEIGHBOURS)

    def wrong_together(self) -> dict[int, str]:
        """Return what is wrong of entries together where the rule is torn, by input; nothing for those that are right."""
        self._ask()
        places = self._places()
        beside, said = np.stack(self._near)[:, places], self._said[places]
        total = beside.sum(axis=1)
        if np.ptp(total) <= TORN * self._size < abs(said.sum() - total.mean()):
            found = f"get {number(said.sum(), 6)} of an error signal that is {number(float(total.mean()), 6)} in all"
            return self._told(places, f"where entries tie, together they {found} right beside the tie")
        for _ in range(GROUPS if len(places) > 1 and not self._apart else 0):
            group = self._rng.permutation(len(places))[: self._rng.integers(2, 4)]
            signs = self._rng.choice([-1.0, 1.0], len(group))
            value, blends = float(said[group] @ signs), beside[:, group] @ signs
            if self._is_beyond(value, blends):  # of what was asked so far: ask on all sides of these
                ways = itertools.product((-1, 1), repeat=len(group))
                shifted = [self._at(self._shift(places[group], np.array(way))) for way in ways]
                blends = np.append(blends, [x[places[group]] @ signs for x in shifted if x is not None])
            if self._is_beyond(value, blends):
                ends = f"{number(float(blends.min()), 6)} to {number(float(blends.max()), 6)}"
                say = f"say {number(value, 6)}, where right beside the tie it is {ends}"
                return self._told(places[group], f"where entries tie, {len(group)} of them together {say}")
        return {}

    def _is_beyond(self, value: float, blends: Numbers) -> bool:
        return bool(max(blends.min() - value, value - blends.max()) > TORN * self._size + np.ptp(blends) / 2)

    def _told(self, places: Numbers, evidence: str) -> dict[int, str]:
        ends = np.cumsum([self._inputs[slot].size for slot in self._slots])
        return dict.fromkeys((self._slots[i] for i in np.unique(np.searchsorted(ends, places, side="right"))), evidence)

    def _places(self) -> Numbers:
        """Return where a neighbour says something else."""
        return np.flatnonzero(np.any([np.abs(found - self._said) > TORN * self._size for found in self._near], axis=0))

    def _anywhere(self, count: int) -> list[Numbers]:
        shape = (count, len(self._length))
        steps = self._rng.choice([-1.0, 1.0], shape) * self._rng.uniform(0.1, 1.0, shape) * self._length
        found = [(step, said) for step in steps if (said := self._at(step)) is not None]
        self._steps += [step for step, _ in found]
        return [said for _, said in found]

    def _shift(self, group: Numbers, way: Numbers) -> Numbers:
        """Return a shift by which a group moves at least five times as far as the others, each this way or that."""
        shift = self._rng.uniform(-0.1, 0.1, len(self._length)) * self._length
        shift[group] = way * self._rng.uniform(0.5, 1.0, len(group)) * self._length[group]
        return np.asarray(shift)

    def _at(self, shift: Numbers) -> Numbers | None:
        """Return what the rule says of shifted inputs; nothing if that is outside its domain."""
        moved, start = list(self._inputs), 0
        for slot in self._slots:
            array = self._inputs[slot]
            moved[slot] = np.asarray(array + shift[start : start + array.size].reshape(array.shape))
            start += array.size
        said = tried(self._scene.op, self._scene.delta, moved)
        if said is None or any(said[1][slot] is None for slot in self._slots):
            return None
        found = self._joined(said[1])
        return found if found.shape == self._said.shape and np.isfinite(found).all() else None

    def _joined(self, arrays: Messages) -> Numbers:
        return np.concatenate([np.empty(0), *(np.asarray(arrays[slot], float).ravel() for slot in self._slots)])


def reaches_state(op: Op) -> bool:
    """Tell whether a rule can reach something that may change between two calls: a dict, an array, an object of a class."""
    found: list[Any] = list(getattr(op, "__dict__", {}).values())
    for rule in (op.forward, op.backward):
        function = inspect.unwrap(getattr(rule, "__func__", rule))
        if isinstance(function, FunctionType):
            names = inspect.getclosurevars(function)
            found += [*names.nonlocals.values(), *names.globals.values()]
    return not all(isinstance(value, STATELESS) for value in found)
