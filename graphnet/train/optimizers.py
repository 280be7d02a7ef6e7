"""Optimisers: what turns gradients into new parameter values."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache, reduce
from typing import Any, ClassVar, Literal, Protocol, TypeAlias

import numpy as np

from graphnet.common.settings import NotNegative, Positive, Proportion, called, check_settings, listed, real, whole
from graphnet.core.graph import Graph
from graphnet.core.leaves import Parameter
from graphnet.core.node import Numbers
from graphnet.errors import NonFiniteError, TrainingError, shown
from graphnet.train.schedules import Schedule, as_schedule

_State: TypeAlias = dict[str, Any]
"""{"step": how many were taken, "what/parameter": array}: numbers and arrays only, ready to be written to a file."""

SMALLER = "Scale the data, take a smaller learning rate, or clip the gradients: clip_norm=1.0."
"""What keeps an update finite."""


class AnyOptimizer(Protocol):
    """Anything that can update parameters from their gradients."""

    def update(self, parameters: Iterable[Parameter], gradients: Mapping[str, Numbers]) -> None:
        """Change the value of each parameter that has a gradient."""


@dataclass
class Memory:
    """What an optimiser remembers from step to step: arrays by parameter and name."""

    step: int = 0
    arrays: dict[str, dict[str, Numbers]] = field(default_factory=dict)
    owners: dict[str, Parameter] = field(default_factory=dict)

    def __getstate__(self) -> dict[str, Any]:
        return {**vars(self), "owners": {}}  # a copy trains on where it comes to, as a state that is restored

    def of(self, label: str, parameter: Parameter, names: Sequence[str]) -> list[Numbers]:
        """Return the arrays kept for a parameter, zeros at first."""
        kept = self.arrays.get(label)
        if kept is None:
            kept = self.arrays[label] = {name: np.zeros_like(parameter.value) for name in names}
        if self.owners.get(label) is not parameter:
            self.require_fit(label, parameter)
            self.owners[label] = parameter
        return [kept[name] for name in names]

    def check(self, named: Mapping[str, Parameter]) -> None:
        """Raise `TrainingError` unless what is remembered is of these parameters, or of none."""
        for label in self.arrays:
            if label in named:
                self.require_fit(label, named[label])
            elif label not in self.owners:
                problem = f"the state restored is of a parameter called {label!r}, and there is none here"
                raise TrainingError(problem, repair=_RESTORE_ITS_OWN)

    def require_fit(self, label: str, parameter: Parameter) -> None:
        """Raise `TrainingError` unless what is remembered under a label is of this parameter."""
        if self.owners.get(label, parameter) is not parameter:
            raise TrainingError(
                f"this optimiser has the state of another parameter called {label!r}",
                repair="Make a new optimiser for each network.",
            )
        shape, dtype = parameter.value.shape, parameter.value.dtype
        for what, array in self.arrays[label].items():
            if (array.shape, array.dtype) != (shape, dtype):
                raise TrainingError(
                    f"{what}/{label} in the state has shape {array.shape} and dtype {array.dtype}, "
                    f"the parameter {shape} and {dtype}",
                    repair=_RESTORE_ITS_OWN,
                )


_RESTORE_ITS_OWN = "Restore the state that belongs to this network."


def _require_whole(label: str, kept: Mapping[str, Numbers], remembers: Sequence[str]) -> None:
    """Raise `TrainingError` unless what is kept for a parameter is all there, of one shape, and such as training makes it."""
    for what in remembers:
        array, first = kept.get(what), kept.get(remembers[0])
        if array is None or first is None:
            problem = "is missing"
        elif (array.shape, array.dtype) != (first.shape, first.dtype):
            problem = f"has shape {array.shape} and dtype {array.dtype}, beside {first.shape} and {first.dtype}"
        elif not np.isfinite(array).all():
            problem = "has an infinity or NaN"
        elif what == "square" and (array < 0).any():
            problem = "has negative numbers, and is a mean of squares"
        else:
            continue
        raise TrainingError(f"{what}/{label} of the state {problem}", repair="Restore a state as it was saved.")


@dataclass(eq=False, kw_only=True)
class Optimizer:
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
        If the gradients of all that is trained, as one vector, are longer than this, they are shortened to it.
    clip_value
        Each entry of a gradient is brought into ± this.

    Raises
    ------
    TrainingError
        If a setting is out of range.
    """

    learning_rate: float | Schedule = field(kw_only=False)
    weight_decay: NotNegative = 0.0
    clip_norm: Positive | None = None
    clip_value: Positive | None = None
    memory: Memory = field(default_factory=Memory, init=False, repr=False)

    remembers: ClassVar[tuple[str, ...]] = ()
    """Names of the arrays kept for each parameter."""

    shrinks: ClassVar[bool] = False
    """Whether the rule itself does what weight decay does."""

    def __post_init__(self) -> None:
        as_schedule(self.learning_rate)
        check_settings(self, TrainingError)

    def __setattr__(self, name: str, value: object) -> None:
        if name in vars(self):
            raise AttributeError(
                f"{name} of {type(self).__name__} is fixed: make a new optimiser, and give it the state of this one, "
                "new.restore(old.state). A learning rate that changes is a schedule, a function of the step."
            )
        super().__setattr__(name, value)

    @property
    def rate(self) -> float:
        """The learning rate of the next step."""
        if not callable(self.learning_rate):
            return float(self.learning_rate)
        step = self.memory.step
        return real(self.learning_rate(step), f"the learning rate of step {step}", TrainingError, least=0)

    def update(self, parameters: Graph | Iterable[Parameter], gradients: Mapping[str, Numbers]) -> None:
        """Take one step: change the value of each parameter that has a gradient.

        Parameters
        ----------
        parameters
            What to change: the graph, or some of its parameters.
        gradients
            {name: ∂E/∂parameter}; left as they are.

        Raises
        ------
        TrainingError
            If the state is that of other parameters, a schedule gives no rate, or ε is too small for the parameters' dtype.
        NonFiniteError
            If the update overflows, as g² of `Adam` may, or a gradient to be shortened to `clip_norm` has an infinity or NaN;
            unless NumPy is told to ignore it: ``np.errstate(over="ignore")``.
        """
        named = labelled(parameters)
        _check_update(named, gradients)
        for label in named.keys() & gradients.keys() & self.memory.arrays.keys():
            self.memory.require_fit(label, named[label])
        rate, gradients = self.started({label: each for label, each in gradients.items() if label in named})
        heeded: Literal["ignore", "raise"] = "ignore" if np.geterr()["over"] == "ignore" else "raise"
        for label, parameter in named.items():
            gradient = gradients.get(label)
            if gradient is None:
                continue
            try:
                with np.errstate(over=heeded):
                    remembered = self.memory.of(label, parameter, self.remembers) if self.remembers else ()
                    self.change(parameter.value, gradient, self.numbers(rate), remembered)
            except FloatingPointError as error:
                raise NonFiniteError(
                    f"its update overflows {parameter.value.dtype}, and is left undone in the middle", repair=SMALLER
                ).locate(f"parameter {label!r}") from error

    def started(self, gradients: Mapping[str, Numbers]) -> tuple[float, Mapping[str, Numbers]]:
        """Begin a step: return its learning rate and its gradients, clipped."""
        rate = self.rate
        if self.clips:
            gradients = self.clipped(gradients)
            if self.clip_norm is not None and np.geterr()["over"] != "ignore":
                _require_finite(gradients)
        self.memory.step += 1
        return rate, gradients

    @property
    def clips(self) -> bool:
        """Whether it looks at all gradients first."""
        return self.clip_norm is not None or self.clip_value is not None

    def clipped(self, gradients: Mapping[str, Numbers]) -> Mapping[str, Numbers]:
        """Return gradients that are no larger than it allows."""
        return clipped(gradients, self.clip_norm, self.clip_value)

    def change(self, value: Numbers, gradient: Numbers, numbers: Iterable[Any], remembered: Iterable[Numbers]) -> None:
        """Apply the rule to a parameter, with the `numbers` of this step."""
        _require_seen(getattr(self, "epsilon", 1.0), value.dtype)
        if self.weight_decay and not self.shrinks:
            gradient = gradient + self.weight_decay * value
        self.rule(value, gradient, *numbers, *remembered)

    def numbers(self, rate: float) -> tuple[float, ...]:
        """Return what the rule takes besides arrays, from the learning rate: what differs from step to step."""
        return (rate,)

    def rule(self, value: Numbers, gradient: Numbers, rate: float, *remembered: Numbers) -> None:
        """Change a parameter's value in place, and the arrays remembered for it.

        The rules here do the same to each entry, by NumPy's functions and operators alone: so they can be noted once, and
        run as a list of calls.
        """
        raise NotImplementedError

    @property
    def state(self) -> _State:
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
        step = state["step"]
        step = step.item() if isinstance(step, np.ndarray) and step.shape == () else step  # as a file gives it back
        step = whole(step, "the state's step", least=0, error=TrainingError)
        arrays: dict[str, dict[str, Numbers]] = {}
        for key in state.keys() - {"step"}:
            what, _, label = key.partition("/") if isinstance(key, str) else ("", "", "")
            array = state[key]
            fits = isinstance(array, np.ndarray) and array.dtype.kind == "f" and not np.ma.is_masked(array)
            if what not in self.remembers or not fits:
                raise TrainingError(
                    f"the state has {shown(key)}, which {type(self).__name__} does not remember",
                    repair=f"It remembers {', '.join(self.remembers) or 'only its step'}: restore it into the same kind.",
                )
            arrays.setdefault(label, {})[what] = array.copy()
        for label, kept in arrays.items():
            _require_whole(label, kept, self.remembers)
        self.memory.step, self.memory.arrays, self.memory.owners = step, arrays, {}


def labelled(parameters: Graph | Iterable[Parameter]) -> dict[str, Parameter]:
    """Return parameters by their labels in a graph, or by their names; raise `TrainingError` if two have one name."""
    if isinstance(parameters, Graph):
        return {parameters.label(parameter): parameter for parameter in parameters.parameters}
    named: dict[str, Parameter] = {}
    for parameter in listed(parameters, "parameters", "parameters", TrainingError):
        if not isinstance(parameter, Parameter):
            raise TrainingError(f"{shown(parameter)} is no parameter", repair="Give graph.parameters.")
        if parameter.name in named:
            raise TrainingError(
                f"two of the parameters are called {parameter.name!r}",
                repair="Give each once; where only a graph tells them apart, optimizer.update(graph, bwd.gradients).",
            )
        named[parameter.name or ""] = parameter
    return named


def _require_finite(gradients: Mapping[str, Numbers]) -> None:
    """Raise `NonFiniteError` if a gradient has an infinity or NaN."""
    bad = next((name for name, gradient in gradients.items() if not np.isfinite(gradient).all()), None)
    if bad is not None:
        raise NonFiniteError(
            f"the gradient of {bad!r} has an infinity or NaN, and can't be shortened to clip_norm; nothing has changed",
            repair='gn.backward(..., on_nonfinite="raise") names the node where it begins; clip_value bounds infinities.',
        )


def _check_update(parameters: Mapping[str, Parameter], gradients: Mapping[str, Numbers]) -> None:
    """Raise `TrainingError` unless there are parameters, and gradients by name of their shapes."""
    if not isinstance(gradients, Mapping) or not all(isinstance(name, str) for name in gradients):
        raise TrainingError("gradients are given by name", repair="Give bwd.gradients, or {W.name: array}.")
    for label, parameter in parameters.items():
        gradient = gradients.get(label)
        fits = isinstance(gradient, np.ndarray) and gradient.dtype.kind == "f" and gradient.shape == parameter.shape
        if gradient is not None and (not fits or np.ma.is_masked(gradient)):
            raise TrainingError(
                f"the gradient of {label!r} is {shown(gradient)}, expected an array of shape {parameter.shape}",
                repair="Give bwd.gradient(parameter).",
            )
    if parameters and gradients and not parameters.keys() & gradients.keys():
        raise TrainingError(
            f"gradients are of {shown(list(gradients))}, and of none of the parameters {shown(list(parameters))}",
            repair="Give bwd.gradients, and the parameters of the same graph.",
        )


@cache
def _require_seen(epsilon: float, dtype: np.dtype[Any]) -> None:
    """Raise `TrainingError` if squares of gradients vanish before ε is what counts: (1e-25)² is 0 in float32."""
    least = float(f"{1e4 * math.sqrt(np.finfo(dtype).tiny):.0e}")  # as it is said below
    if epsilon < least:
        raise TrainingError(
            f"epsilon={epsilon:g} is too small for {dtype}, where squares of gradients below it are 0",
            repair=f"Take at least {least:.0e}; 1e-8 is usual.",
        )


def clipped(gradients: Mapping[str, Numbers], norm: float | None, value: float | None) -> dict[str, Numbers]:
    """Return gradients that are no larger than allowed, entry by entry, and then as one long vector.

    It branches on no number, so that arrays of another engine can be given too.

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
        with np.errstate(all="ignore"):  # 0 / 0, or ∞ / ∞; else the squares keep within range
            sizes = [np.max(np.abs(gradient), initial=0) for gradient in gradients.values()]
            largest = reduce(np.maximum, sizes, 0.0)
            scaled = {name: gradient / np.where(largest == 0, 1, largest) for name, gradient in gradients.items()}
            length = np.sqrt(sum(np.sum(np.square(part)) for part in scaled.values()))
            gradients = {
                name: np.where(length * largest > norm, scaled[name] * (norm / length), gradient).astype(gradient.dtype)
                for name, gradient in gradients.items()
            }
    return dict(gradients)


@dataclass(eq=False)
class GradientDescent(Optimizer):
    """Gradient descent: w ← w − η ∂E/∂w.

    Parameters
    ----------
    learning_rate
        η: a positive number, or a schedule.
    weight_decay, clip_norm, clip_value
        By keyword: see `Optimizer`.

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

    def rule(self, value: Numbers, gradient: Numbers, rate: float) -> None:  # type: ignore[override]
        """Take one step against the gradient."""
        value -= rate * gradient


@dataclass(eq=False)
class Momentum(Optimizer):
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
        By keyword: see `Optimizer`.

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

    momentum: Proportion = 0.9
    nesterov: bool = False

    remembers = ("velocity",)

    def rule(self, value: Numbers, gradient: Numbers, rate: float, velocity: Numbers) -> None:  # type: ignore[override]
        """Let the velocity follow the gradient, and the value the velocity."""
        velocity *= self.momentum
        velocity += gradient
        value -= rate * (gradient + self.momentum * velocity if self.nesterov else velocity)


@dataclass(eq=False)
class RMSProp(Optimizer):
    """Steps divided by the recent size of the gradient: s ← ρ s + (1 − ρ) g², w ← w − η g / (√s + ε) (Hinton, 2012).

    Parameters
    ----------
    learning_rate
        η: a positive number, or a schedule.
    decay
        ρ, from 0 to less than 1.
    epsilon
        ε, positive; in float32 at least 1e-15, since squares of smaller gradients vanish.
    weight_decay, clip_norm, clip_value
        By keyword: see `Optimizer`.

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
    decay: Proportion = 0.99
    epsilon: Positive = 1e-8

    remembers = ("square",)

    def rule(self, value: Numbers, gradient: Numbers, rate: float, square: Numbers) -> None:  # type: ignore[override]
        """Follow the square of the gradient, and take one step in its units."""
        square *= self.decay
        square += (1 - self.decay) * np.square(gradient)
        value -= rate * (gradient / (np.sqrt(square) + self.epsilon))


@dataclass(eq=False)
class Adam(Optimizer):
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
        ε, positive; in float32 at least 1e-15, since squares of smaller gradients vanish.
    weight_decay, clip_norm, clip_value
        By keyword: see `Optimizer`.

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
    beta1: Proportion = 0.9
    beta2: Proportion = 0.999
    epsilon: Positive = 1e-8

    remembers = ("mean", "square")

    def numbers(self, rate: float) -> tuple[float, ...]:
        """Return η / (1 − β₁ᵗ) and √(1 − β₂ᵗ)."""
        step = self.memory.step
        return rate / (1 - self.beta1**step), math.sqrt(1 - self.beta2**step)

    def rule(  # type: ignore[override]
        self, value: Numbers, gradient: Numbers, rate: float, part: float, mean: Numbers, square: Numbers
    ) -> None:
        """Follow the gradient and its square, and take one step in their units."""
        mean *= self.beta1
        mean += (1 - self.beta1) * gradient
        square *= self.beta2
        square += (1 - self.beta2) * np.square(gradient)
        value -= rate * (mean / (np.sqrt(square) / part + self.epsilon))


@dataclass(eq=False)
class AdamW(Adam):
    """Adam with decay that the gradient's size does not scale: w ← w − η λ w, then Adam's step (Loshchilov and Hutter, 2019).

    Parameters
    ----------
    learning_rate, beta1, beta2, epsilon
        As for `Adam`.
    weight_decay, clip_norm, clip_value
        By keyword: see `Optimizer`. λ is 0.01 if not given.

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

    weight_decay: NotNegative = field(default=0.01, kw_only=True)

    shrinks = True

    def numbers(self, rate: float) -> tuple[float, ...]:
        """Return those of `Adam`, and 1 − η λ."""
        return *super().numbers(rate), 1 - rate * self.weight_decay

    def rule(  # type: ignore[override]
        self, value: Numbers, gradient: Numbers, rate: float, part: float, left: float, mean: Numbers, square: Numbers
    ) -> None:
        """Shrink the value itself, then take Adam's step."""
        value *= left
        super().rule(value, gradient, rate, part, mean, square)


WITH_NOTED_RULES = frozenset({GradientDescent, Momentum, RMSProp, Adam, AdamW})
"""Optimisers whose rules can be noted as calls."""

for _kind in WITH_NOTED_RULES:
    _kind.__init__ = called(f"gn.{_kind.__name__}(learning_rate=0.01)", TrainingError)(_kind.__init__)  # type: ignore[misc]
