"""Optimisers: rules that turn gradients into new parameter values."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Protocol, TypeAlias

import numpy as np

from graphnet.core.node import Parameter
from graphnet.errors import TrainingError
from graphnet.train.schedules import Schedule, as_schedule
from graphnet.train.settings import require_count, require_number

Array: TypeAlias = np.ndarray[Any, Any]
State: TypeAlias = dict[str, Any]
"""{"step": how many were taken, "what/parameter": array}: numbers and arrays only, ready to be written to a file."""


class Optimizer(Protocol):
    """Anything that can update parameters from their gradients."""

    def update(self, parameters: Iterable[Parameter], gradients: Mapping[str, Array]) -> None:
        """Change the value of each parameter that has a gradient."""


@dataclass
class Memory:
    """What an optimiser remembers from step to step."""

    step: int = 0
    arrays: dict[str, dict[str, Array]] = field(default_factory=dict)
    owners: dict[str, Parameter] = field(default_factory=dict)

    def of(self, parameter: Parameter, names: tuple[str, ...]) -> list[Array]:
        """Return the arrays kept for a parameter, zeros at first."""
        label = parameter.name or ""
        kept = self.arrays.get(label)
        if kept is None:
            kept = self.arrays[label] = {name: np.zeros_like(parameter.value) for name in names}
        if self.owners.setdefault(label, parameter) is not parameter:
            raise TrainingError(
                f"this optimiser has the state of another parameter called {label!r}",
                repair="Make a new optimiser for each network.",
            )
        if any(array.shape != parameter.value.shape for array in kept.values()):
            (other, *_) = [array.shape for array in kept.values() if array.shape != parameter.value.shape]
            raise TrainingError(
                f"the state of {label!r} has shape {other}, and the parameter {parameter.value.shape}",
                repair="Restore the state that belongs to this network.",
            )
        return [kept[name] for name in names]


@dataclass(frozen=True, eq=False, kw_only=True)
class Rule:
    """What all optimisers share: the settings below, and a state that can be saved and restored.

    An optimiser trains one network; its settings are fixed, and what it remembers is `state`. Gradients are clipped first,
    then weight decay is added, then comes the rule.

    Parameters
    ----------
    learning_rate
        η: a positive number, or a schedule, as ``gn.schedules.Cosine(0.1, steps=1000)``.
    weight_decay
        λ: the gradient of ½ λ w² is added to that of w, 0 for none.
    clip_norm
        If all gradients together, as one vector, are longer than this, they are shortened to it.
    clip_value
        Each entry of a gradient is brought into ± this.

    Raises
    ------
    TrainingError
        If a setting is out of range.
    """

    learning_rate: float | Schedule = field(kw_only=False)
    weight_decay: float = 0.0
    clip_norm: float | None = None
    clip_value: float | None = None
    memory: Memory = field(default_factory=Memory, init=False, repr=False)

    remembers: ClassVar[tuple[str, ...]] = ()
    """Names of the arrays kept for each parameter."""

    def __post_init__(self) -> None:
        as_schedule(self.learning_rate)
        require_number("weight_decay", self.weight_decay, least=0)
        for name in ("clip_norm", "clip_value"):
            if getattr(self, name) is not None:
                require_number(name, getattr(self, name), above=0)

    @property
    def rate(self) -> float:
        """The learning rate of the next step."""
        if not callable(self.learning_rate):
            return float(self.learning_rate)
        rate = self.learning_rate(self.memory.step)
        require_number(f"the learning rate of step {self.memory.step}", rate, least=0)
        return float(rate)

    def update(self, parameters: Iterable[Parameter], gradients: Mapping[str, Array]) -> None:
        """Take one step: change the value of each parameter that has a gradient.

        Parameters
        ----------
        parameters
            What to change.
        gradients
            {name: ∂E/∂parameter}; left as they are.

        Raises
        ------
        TrainingError
            If the state is that of other parameters, or a schedule gives no rate.
        """
        memory, rate = self.memory, self.rate
        if self.clip_norm is not None or self.clip_value is not None:
            gradients = clipped(gradients, self.clip_norm, self.clip_value)
        memory.step += 1
        for parameter in parameters:
            gradient = gradients.get(parameter.name or "")
            if gradient is not None:
                value = parameter.value
                if self.weight_decay:
                    gradient = self.decayed(value, gradient, rate)
                self.rule(value, gradient, rate, *(memory.of(parameter, self.remembers) if self.remembers else ()))

    def decayed(self, value: Array, gradient: Array, rate: float) -> Array:
        """Return the gradient with that of the weight decay."""
        return gradient + self.weight_decay * value

    def rule(self, value: Array, gradient: Array, rate: float, *remembered: Array) -> None:
        """Change a parameter's value in place, and the arrays remembered for it."""
        raise NotImplementedError

    @property
    def state(self) -> State:
        """A copy of all that it remembers: {"step": steps taken, "what/parameter": array}. `restore` takes it back."""
        kept = self.memory.arrays.items()
        arrays = {f"{what}/{label}": array.copy() for label, arrays in kept for what, array in arrays.items()}
        return {"step": self.memory.step, **arrays}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Take a state back: training goes on as if it had never stopped, to the last bit.

        The random numbers of training are the generator's: keep its ``bit_generator.state`` beside this one.

        Parameters
        ----------
        state
            What `state` was, of an optimiser of the same kind.

        Raises
        ------
        TrainingError
            If it is not such a state; nothing has changed then.

        Examples
        --------
        >>> import graphnet as gn
        >>> w = gn.parameter("w", [1.0])
        >>> first, second = gn.Momentum(0.1), gn.Momentum(0.1)
        >>> first.update([w], {"w": np.array([1.0])})
        >>> second.restore(first.state)
        >>> second.state
        {'step': 1, 'velocity/w': array([1.])}
        """
        if not isinstance(state, Mapping) or "step" not in state:
            raise TrainingError("this is no optimiser's state", repair="Give what optimizer.state was.")
        step = np.asarray(state["step"])[()]
        require_count("the state's step", step, 0)
        arrays: dict[str, dict[str, Array]] = {}
        for key in state.keys() - {"step"}:
            what, _, label = key.partition("/")
            array = np.asarray(state[key])
            if what not in self.remembers or array.dtype.kind != "f":
                raise TrainingError(
                    f"the state has {key!r}, which {type(self).__name__} does not remember",
                    repair=f"It remembers {', '.join(self.remembers) or 'only its step'}: restore it into the same kind.",
                )
            arrays.setdefault(label, {})[what] = array.copy()
        for label, kept in arrays.items():
            missing = [what for what in self.remembers if what not in kept]
            if missing:
                raise TrainingError(f"the state lacks {missing[0]}/{label}", repair="Restore a state as it was saved.")
        self.memory.step, self.memory.arrays, self.memory.owners = int(step), arrays, {}


def clipped(gradients: Mapping[str, Array], norm: float | None, value: float | None) -> dict[str, Array]:
    """Return gradients that are no larger than allowed, entry by entry, and then as one long vector.

    Parameters
    ----------
    gradients
        {name: array}.
    norm
        The most that the root of the sum of all squares may be.
    value
        The most that any entry may be, and its negative the least.

    Examples
    --------
    >>> clipped({"w": np.array([3.0, -4.0])}, norm=2.5, value=None)
    {'w': array([ 1.5, -2. ])}
    """
    if value is not None:
        gradients = {name: np.clip(gradient, -value, value) for name, gradient in gradients.items()}
    if norm is not None:
        length = _length(gradients.values())
        if length > norm:
            gradients = {name: gradient * (norm / length) for name, gradient in gradients.items()}
    return dict(gradients)


def _length(arrays: Iterable[Array]) -> float:
    """Return the root of the sum of squares, scaled so that squares neither overflow nor vanish."""
    arrays = [array for array in arrays if array.size]
    largest = max((float(np.abs(array).max()) for array in arrays), default=0.0)
    if largest == 0 or not math.isfinite(largest):
        return largest
    return largest * math.sqrt(sum(float(np.square(array / largest).sum()) for array in arrays))


# The rules ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class GradientDescent(Rule):
    """Gradient descent: w ← w − η ∂E/∂w.

    Parameters
    ----------
    learning_rate
        η: a positive number, or a schedule.
    weight_decay, clip_norm, clip_value
        By keyword: see `Rule`.

    Raises
    ------
    TrainingError
        If the learning rate is not a positive number.

    Examples
    --------
    >>> import graphnet as gn
    >>> w = gn.parameter("w", [1.0])
    >>> bwd = gn.backward(gn.sse(w, [0.0]), {})
    >>> GradientDescent(0.1).update([w], bwd.gradients)
    >>> w.value
    array([0.9])
    """

    def rule(self, value: Array, gradient: Array, rate: float) -> None:  # type: ignore[override]
        """Take one step against the gradient."""
        value -= rate * gradient


@dataclass(frozen=True, eq=False)
class Momentum(Rule):
    """Gradient descent with momentum: v ← μ v + ∂E/∂w, w ← w − η v.

    With `nesterov` the step is μ v + ∂E/∂w with the new v, which looks one step ahead. Both as torch's SGD.

    Parameters
    ----------
    learning_rate
        η: a positive number, or a schedule.
    momentum
        μ, from 0 to less than 1.
    nesterov
        Whether to look ahead.
    weight_decay, clip_norm, clip_value
        By keyword: see `Rule`.

    Raises
    ------
    TrainingError
        If a setting is out of range.

    Examples
    --------
    >>> import graphnet as gn
    >>> w = gn.parameter("w", [1.0])
    >>> optimizer = Momentum(0.1, momentum=0.5)
    >>> for _ in range(2):
    ...     optimizer.update([w], {"w": np.array([1.0])})
    >>> w.value
    array([0.75])
    """

    momentum: float = 0.9
    nesterov: bool = False

    remembers = ("velocity",)

    def __post_init__(self) -> None:
        super().__post_init__()
        require_number("momentum", self.momentum, least=0, below=1)

    def rule(self, value: Array, gradient: Array, rate: float, velocity: Array) -> None:  # type: ignore[override]
        """Let the velocity follow the gradient, and the value the velocity."""
        velocity *= self.momentum
        velocity += gradient
        value -= rate * (gradient + self.momentum * velocity if self.nesterov else velocity)


@dataclass(frozen=True, eq=False)
class RMSProp(Rule):
    """Steps divided by the recent size of the gradient: s ← ρ s + (1 − ρ) g², w ← w − η g / (√s + ε) (Hinton, 2012).

    Parameters
    ----------
    learning_rate
        η: a positive number, or a schedule.
    decay
        ρ, from 0 to less than 1.
    epsilon
        ε, positive.
    weight_decay, clip_norm, clip_value
        By keyword: see `Rule`.

    Raises
    ------
    TrainingError
        If a setting is out of range.

    Examples
    --------
    >>> import graphnet as gn
    >>> w = gn.parameter("w", [1.0])
    >>> RMSProp(0.1, decay=0.75).update([w], {"w": np.array([4.0])})
    >>> w.value
    array([0.8])
    """

    learning_rate: float | Schedule = 0.01
    decay: float = 0.99
    epsilon: float = 1e-8

    remembers = ("square",)

    def __post_init__(self) -> None:
        super().__post_init__()
        require_number("decay", self.decay, least=0, below=1)
        require_number("epsilon", self.epsilon, above=0)

    def rule(self, value: Array, gradient: Array, rate: float, square: Array) -> None:  # type: ignore[override]
        """Follow the square of the gradient, and take one step in its units."""
        square *= self.decay
        square += (1 - self.decay) * np.square(gradient)
        value -= rate * (gradient / (np.sqrt(square) + self.epsilon))


@dataclass(frozen=True, eq=False)
class Adam(Rule):
    """Momentum and size of the gradient together (Kingma and Ba, 2015).

    m ← β₁ m + (1 − β₁) g, s ← β₂ s + (1 − β₂) g², both divided by 1 − βᵗ, since they start at zero;
    w ← w − η m / (√s + ε).

    Parameters
    ----------
    learning_rate
        η: a positive number, or a schedule.
    beta1, beta2
        How long the mean and the square remember, from 0 to less than 1.
    epsilon
        ε, positive.
    weight_decay, clip_norm, clip_value
        By keyword: see `Rule`.

    Raises
    ------
    TrainingError
        If a setting is out of range.

    Examples
    --------
    >>> import graphnet as gn
    >>> w = gn.parameter("w", [1.0])
    >>> Adam(0.1).update([w], {"w": np.array([4.0])})
    >>> w.value.round(6)
    array([0.9])
    """

    learning_rate: float | Schedule = 0.001
    beta1: float = 0.9
    beta2: float = 0.999
    epsilon: float = 1e-8

    remembers = ("mean", "square")

    def __post_init__(self) -> None:
        super().__post_init__()
        require_number("beta1", self.beta1, least=0, below=1)
        require_number("beta2", self.beta2, least=0, below=1)
        require_number("epsilon", self.epsilon, above=0)

    def rule(self, value: Array, gradient: Array, rate: float, mean: Array, square: Array) -> None:  # type: ignore[override]
        """Follow the gradient and its square, and take one step in their units."""
        step = self.memory.step
        mean *= self.beta1
        mean += (1 - self.beta1) * gradient
        square *= self.beta2
        square += (1 - self.beta2) * np.square(gradient)
        size = np.sqrt(square)
        size /= math.sqrt(1 - self.beta2**step)
        size += self.epsilon
        np.divide(mean, size, out=size)
        size *= rate / (1 - self.beta1**step)
        value -= size


@dataclass(frozen=True, eq=False)
class AdamW(Adam):
    """Adam with decay that the gradient's size does not scale: w ← w − η λ w, then Adam's step (Loshchilov and Hutter, 2019).

    Parameters
    ----------
    learning_rate, beta1, beta2, epsilon
        As for `Adam`.
    weight_decay, clip_norm, clip_value
        By keyword: see `Rule`. λ is 0.01 if not given.

    Raises
    ------
    TrainingError
        If a setting is out of range.

    Examples
    --------
    >>> import graphnet as gn
    >>> w = gn.parameter("w", [1.0])
    >>> AdamW(0.1, weight_decay=0.5).update([w], {"w": np.array([0.0])})
    >>> w.value
    array([0.95])
    """

    weight_decay: float = field(default=0.01, kw_only=True)

    def decayed(self, value: Array, gradient: Array, rate: float) -> Array:
        """Shrink the value itself, and return the gradient as it is."""
        value *= 1 - rate * self.weight_decay
        return gradient
