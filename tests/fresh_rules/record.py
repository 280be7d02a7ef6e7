"""What a wrong rule's record holds, and the few words with which the files of this folder write theirs down.

A family is a file. A case is a forward rule with its right backward rule and the three input sets at which it is tried;
beside it stand wrong backward rules, each with how it came and the true kind of its fault, written down before any run.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields
from typing import Any

import numpy as np

import graphnet as gn

# The true kinds of fault. A rule has one; what is beside the main fault is told in its history.
KINDS = {
    "sign": "the sign of a whole signal is wrong",
    "constant factor": "off by one number for all entries, that no size explains",
    "size factor": "off by a number that is a size: a mean for a sum, a batch or a kernel counted or not",
    "missing factor": "a factor that differs from entry to entry is left out, or stands where none belongs",
    "wrong factor": "a factor that differs from entry to entry is another one: a wrong power, function or operand",
    "missing term": "one term of a sum is left out, or one too many is there",
    "wrong sign of a term": "one term of a sum has the wrong sign",
    "missing delta": "the error signal of the output isn't multiplied in",
    "not linear in delta": "the rule isn't linear in the error signal: clipped, squared, normalised, its sign taken",
    "transposed": "a matrix stands where its transpose belongs",
    "wrong axis": "summed or cumulated along another axis, or in the other direction",
    "missing sum": "a broadcast isn't summed back, or one entry stands for a sum",
    "input for output": "reads the input where the output belongs",
    "output for input": "reads the output where the input belongs",
    "wrong place": "right numbers in wrong places: permuted, shifted, flipped",
    "overwritten": "contributions to one place replace each other instead of adding up",
    "ties": "ties counted several times, or not at all",
    "row factor": "off by a factor for each row, column or slab",
    "lost projection": "the diagonal of a Jacobian only: what normalising takes away is left in",
    "lost mean": "the signal's mean isn't taken away",
    "tail": "wrong for large or small inputs, or near one value, only",
    "bound": "wrong on one side of a bound, or takes no notice of it",
    "triangle": "wrong off the diagonal, or in one triangle",
    "some entries": "wrong in a few fixed places: an edge, the first step, the last row",
    "detached": "a path through which the input acts is taken for a constant",
    "no signal": "None or zeros where there is a signal",
    "swapped": "the signals of two inputs are exchanged",
    "stale state": "reads what an earlier call left behind",
    "not deterministic": "the forward or backward rule draws at random on each call",
    "writes into arguments": "changes the error signal, the output or an input in place",
    "reused buffer": "what is returned is written into by the next call",
    "precision": "computed in too few digits, or by a formula that loses them",
    "small": "a slope that is off by about 1e-3 to 1e-6: a rounded constant, an ε in one rule and not in the other",
}

Arrays = tuple[np.ndarray, ...]
Sampler = Callable[[np.random.Generator], Any]


@dataclass(frozen=True)
class Domain:
    """Where a right rule is right: by which generic changes of its inputs it may be tried further.

    `slots` has a word for each input: "real" (any number), "positive", or "fixed" (labels, masks, matrices of a kind).
    `span`: the smallest and largest factor by which its numbers may be scaled. `zero`, `ties`: whether zeros and equal
    numbers are allowed. `kinks`: whether it has any, so that at ties one of several slopes is right.
    """

    slots: tuple[str, ...] = ("real",)
    span: tuple[float, float] = (1e-8, 1e8)
    zero: bool = True
    ties: bool = True
    kinks: bool = False


@dataclass(frozen=True)
class Rule:
    """A wrong backward rule and its right counterpart."""

    family: str
    name: str
    came: str
    kind: str
    right: Callable[[], gn.Op]
    wrong: Callable[[], gn.Op]
    inputs: tuple[Sampler, ...]
    domain: Domain
    case: str

    def arrays(self, number: int, seed: int = 0) -> Arrays:
        """Draw input set `number`."""
        drawn = self.inputs[number](np.random.default_rng([seed, number]))
        return drawn if isinstance(drawn, tuple) else (drawn,)


class Case:
    """A forward rule, its right backward rule, and where they are tried."""

    def __init__(self, family: Family, name: str, make: Callable[[], Any], inputs: tuple[Sampler, ...], domain: Domain):
        self.family, self.name, self.make, self.inputs, self.domain = family, name, make, inputs, domain
        self.backward: Callable[..., Any] | None = None

    def right(self, backward: Callable[..., Any]) -> Callable[..., Any]:
        """Decorate the right backward rule of a function."""
        self.backward = backward
        return backward

    def build(self, backward: Callable[..., Any] | None) -> Any:
        """Make the op anew, so that no state is shared."""
        made = self.make()
        if isinstance(made, gn.Op) and not isinstance(made, gn.op):
            if backward is None:
                return made
            sub = type(type(made).__name__, (type(made),), {"backward": backward})
            return sub(**{f.name: getattr(made, f.name) for f in fields(made)})
        op = gn.op(made)
        op.backward(backward or self.backward)
        return op

    def wrong(self, kind: str, came: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
        """Decorate a wrong backward rule."""

        def register(backward: Callable[..., Any]) -> Callable[..., Any]:
            self._add(backward.__name__, kind, came, lambda: self.build(backward))
            return backward

        return register

    def wrong_pair(self, kind: str, came: str) -> Callable[[Callable[[], Any]], Callable[[], Any]]:
        """Decorate a function that makes a wrong op, its forward rule included: a pair of functions, or an Op."""

        def register(make: Callable[[], Any]) -> Callable[[], Any]:
            def built() -> Any:
                made = make()
                if isinstance(made, gn.Op):
                    return made
                op = gn.op(made[0])
                op.backward(made[1])
                return op

            self._add(make.__name__, kind, came, built)
            return make

        return register

    def _add(self, name: str, kind: str, came: str, wrong: Callable[[], Any]) -> None:
        if kind not in KINDS:
            raise ValueError(f"{name}: {kind!r} is no kind of fault")
        if name in self.family.rules:
            raise ValueError(f"{name} stands twice")
        right = lambda: self.build(None)  # noqa: E731
        self.family.rules[name] = Rule(
            self.family.name, name, came, kind, right, wrong, self.inputs, self.domain, self.name
        )


class Family:
    """The rules of one file, by name."""

    def __init__(self, name: str):
        self.name = name
        self.rules: dict[str, Rule] = {}
        self.cases: dict[str, Case] = {}

    def __iter__(self) -> Iterator[Rule]:
        return iter(self.rules.values())

    def forward(self, *inputs: Any, **domain: Any) -> Callable[[Callable[..., Any]], Case]:
        """Decorate a forward rule; `inputs` are its three input sets, `domain` the fields of its `Domain`."""

        def register(function: Callable[..., Any]) -> Case:
            return self._case(function.__name__, lambda: function, inputs, domain)

        return register

    def op(self, op: gn.Op, *inputs: Any, **domain: Any) -> Case:
        """Take an op with settings, whose own backward rule is the right one."""
        return self._case(op.name + "".join(f"_{v}" for v in op.settings.values()), lambda: op, inputs, domain)

    def _case(self, name: str, make: Callable[[], Any], inputs: tuple[Any, ...], domain: dict[str, Any]) -> Case:
        if len(inputs) != 3 or name in self.cases:
            raise ValueError(f"{name}: {len(inputs)} input sets, or a name that stands twice")
        case = self.cases[name] = Case(self, name, make, tuple(map(sampler, inputs)), Domain(**domain))
        return case


# What input sets are made of: functions of a Generator.


def sampler(what: Any) -> Sampler:
    """Read a tuple of samplers as one that gives a tuple."""
    return (lambda rng: tuple(part(rng) for part in what)) if isinstance(what, tuple) else what


def three(make: Callable[..., Any], *sizes: tuple[Any, ...]) -> tuple[Any, ...]:
    return tuple(make(*size) for size in sizes)


def normal(*shape: int, scale: float = 1.0, shift: float = 0.0) -> Sampler:
    return lambda rng: rng.normal(size=shape) * scale + shift


def positive(*shape: int) -> Sampler:
    return lambda rng: np.exp(rng.normal(size=shape) * 0.7)


def uniform(low: float, high: float, *shape: int) -> Sampler:
    return lambda rng: rng.uniform(low, high, size=shape)


def ints(high: int, *shape: int) -> Sampler:
    return lambda rng: rng.integers(0, high, size=shape)


def bits(*shape: int) -> Sampler:
    return lambda rng: rng.integers(0, 2, size=shape).astype(float)


def signs(*shape: int) -> Sampler:
    return lambda rng: rng.choice([-1.0, 1.0], size=shape)


def simplex(*shape: int) -> Sampler:
    return lambda rng: rng.dirichlet(np.full(shape[-1], 2.0), size=shape[:-1])


def labels(n: int, k: int) -> Sampler:
    return lambda rng: np.eye(k)[rng.integers(0, k, size=n)]


def whole(draw: Sampler) -> Sampler:
    """Make integers of labels and masks, as they are given where a rule has no signal for them."""
    return lambda rng: draw(rng).astype(int)


def coarse(*shape: int) -> Sampler:
    """Draw small whole numbers, as pixels and counts are: ties are common."""
    return lambda rng: rng.integers(0, 4, size=shape).astype(float)


def matrix(n: int) -> Sampler:
    """Draw a square matrix that is far from singular."""
    return lambda rng: rng.normal(size=(n, n)) + n * np.eye(n)


def spd(n: int) -> Sampler:
    def draw(rng: np.random.Generator) -> np.ndarray:
        half = rng.normal(size=(n, n))
        return half @ half.T / n + np.eye(n)

    return draw
