"""Learning rates that change with the steps taken: functions of the number of steps, the first being step 0."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from numbers import Real
from typing import TypeAlias

from graphnet.common.settings import Count, Decay, check_settings, real, takes, whole
from graphnet.errors import TrainingError, shown

Schedule: TypeAlias = Callable[[int], float]
"""The learning rate of a step. Any function will do."""


@dataclass(frozen=True)
class _Settings:
    """The settings of a schedule: its rate at first, and what each kind has besides."""

    rate: float

    def __post_init__(self) -> None:
        _require_rate(self.rate)
        check_settings(self, TrainingError)


@dataclass(frozen=True)
class Constant(_Settings):
    """The same rate always: what a number given as learning rate means.

    Parameters
    ----------
    rate
        η, positive.

    Raises
    ------
    TrainingError
        If a setting is out of range.

    Examples
    --------
    >>> Constant(0.1)(1000)
    0.1
    """

    def __call__(self, step: int) -> float:
        """Return the rate of a step."""
        _step(step)
        return self.rate


@dataclass(frozen=True)
class StepDecay(_Settings):
    """A rate that falls in steps: η · factorⁿ after n times `every` steps.

    Parameters
    ----------
    rate
        η, positive.
    every
        Steps between two falls.
    factor
        What the rate is multiplied by, in (0, 1].

    Raises
    ------
    TrainingError
        If a setting is out of range.

    Examples
    --------
    >>> schedule = StepDecay(1.0, every=10, factor=0.5)
    >>> [schedule(step) for step in (0, 9, 10, 20)]
    [1.0, 1.0, 0.5, 0.25]
    """

    every: Count
    factor: Decay = 0.1

    def __call__(self, step: int) -> float:
        """Return the rate of a step."""
        return self.rate * self.factor ** (_step(step) // self.every)


@dataclass(frozen=True)
class Exponential(_Settings):
    """A rate that falls by the same factor in each step: η · factorᵗ.

    Parameters
    ----------
    rate
        η, positive.
    factor
        What the rate is multiplied by in each step, in (0, 1].

    Raises
    ------
    TrainingError
        If a setting is out of range.

    Examples
    --------
    >>> Exponential(1.0, factor=0.5)(3)
    0.125
    """

    factor: Decay

    def __call__(self, step: int) -> float:
        """Return the rate of a step."""
        return self.rate * self.factor ** _step(step)


@dataclass(frozen=True)
class Cosine(_Settings):
    """A rate that falls along half a cosine: last + (η − last) (1 + cos(π t / steps)) / 2 (Loshchilov and Hutter, 2017).

    Parameters
    ----------
    rate
        η, positive.
    steps
        After how many steps the rate is `last`, and stays so.
    last
        The rate at the end.

    Raises
    ------
    TrainingError
        If a setting is out of range.

    Examples
    --------
    >>> schedule = Cosine(1.0, steps=100)
    >>> [round(schedule(step), 3) for step in (0, 50, 100, 1000)]
    [1.0, 0.5, 0.0, 0.0]
    """

    steps: Count
    last: float = 0.0

    def __post_init__(self) -> None:
        super().__post_init__()
        real(self.last, "last", TrainingError, least=0, most=self.rate)

    def __call__(self, step: int) -> float:
        """Return the rate of a step."""
        done = min(_step(step) / self.steps, 1.0)
        return self.last + (self.rate - self.last) * (1 + math.cos(math.pi * done)) / 2


def as_schedule(rate: object) -> Schedule:
    """Return a number as a constant schedule, and a schedule as it is.

    Examples
    --------
    >>> as_schedule(0.1)
    Constant(rate=0.1)
    """
    if isinstance(rate, type) or not callable(rate):
        return Constant(rate)  # type: ignore[arg-type]  # checked there
    takes(rate, 1, "learning rate", TrainingError)
    return rate


def _step(step: object) -> int:
    return whole(step, "step", least=0, error=TrainingError)


def _require_rate(rate: object) -> None:
    try:
        real(rate, "learning rate", TrainingError, above=0)
    except TrainingError:
        problem, repair = "is not positive", "Give a positive number: the gradient is subtracted already."
        if not isinstance(rate, Real):
            problem, repair = "is no number", "Write gn.Adam(0.001)"
            if isinstance(rate, Iterable) and not isinstance(rate, str):
                repair += ": what is trained is not the optimiser's to know, gn.fit finds it in the graph"
            repair += ", a number without quotes." if isinstance(rate, str) else "."
        raise TrainingError(f"learning rate {shown(rate)} {problem}", repair=repair) from None
