"""What all optimisers share: settings, clipping, and a state that can be saved and restored."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any, ClassVar, Literal, Protocol, TypeAlias

import numpy as np

from graphnet.core.leaves import Parameter
from graphnet.core.settings import listed
from graphnet.errors import NonFiniteError, TrainingError, shown
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
        if self.owners.get(label) is not parameter:
            self._require_fit(parameter)
            self.owners[label] = parameter
        return [kept[name] for name in names]

    def of_all(self, parameters: Sequence[Parameter], names: tuple[str, ...]) -> list[Array]:
        """Return the arrays kept for parameters that lie side by side, each as one vector; those of each are views of it."""
        kept = [self.of(parameter, names) for parameter in parameters]
        vectors = []
        for number, name in enumerate(names):
            arrays = [arrays[number] for arrays in kept]
            vector = arrays[0].base
            size = sum(array.size for array in arrays)
            if (
                not isinstance(vector, np.ndarray)
                or vector.shape != (size,)
                or any(a.base is not vector for a in arrays)
            ):
                vector = np.concatenate([array.ravel() for array in arrays])
                ends = np.cumsum([array.size for array in arrays])[:-1]
                for parameter, part in zip(parameters, np.split(vector, ends), strict=True):
                    self.arrays[parameter.name or ""][name] = part.reshape(parameter.value.shape)
            vectors.append(vector)
        return vectors

    def check(self, parameters: Iterable[Parameter]) -> None:
        """Raise `TrainingError` unless what is remembered is of these parameters, or of none."""
        named = {parameter.name: parameter for parameter in parameters}
        for label in self.arrays:
            if label in named:
                self._require_fit(named[label])
            elif label not in self.owners:
                raise TrainingError(
                    f"the state restored is of a parameter called {label!r}, and there is none here",
                    repair="Restore the state that belongs to this network.",
                )

    def _require_fit(self, parameter: Parameter) -> None:
        label = parameter.name or ""
        if self.owners.get(label, parameter) is not parameter:
            raise TrainingError(
                f"this optimiser has the state of another parameter called {label!r}",
                repair="Make a new optimiser for each network.",
            )
        expected = parameter.value.shape, parameter.value.dtype
        for what, array in self.arrays[label].items():
            if (array.shape, array.dtype) != expected:
                raise TrainingError(
                    f"{what}/{label} in the state has shape {array.shape} and dtype {array.dtype}, "
                    f"the parameter {expected[0]} and {expected[1]}",
                    repair="Restore the state that belongs to this network.",
                )


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
            If the state is that of other parameters, a schedule gives no rate, or ε is too small for the parameters' dtype.
        NonFiniteError
            If the update overflows, as g² of `Adam` may, or a gradient to be shortened to `clip_norm` has an infinity or NaN;
            unless NumPy is told to ignore it: ``np.errstate(over="ignore")``.
        """
        memory, rate, parameters = self.memory, self.rate, listed(parameters, "parameters", "parameters", TrainingError)
        _check_update(parameters, gradients)
        if self.clip_norm is not None or self.clip_value is not None:
            gradients = clipped(gradients, self.clip_norm, self.clip_value)
        memory.step += 1
        rule, remembers, epsilon = self.rule, self.remembers, getattr(self, "epsilon", 1.0)
        heeded: Literal["ignore", "raise"] = "ignore" if np.geterr()["over"] == "ignore" else "raise"
        for parameter in parameters:
            gradient = gradients.get(parameter.name or "")
            if gradient is None:
                continue
            value = parameter.value
            _require_seen(epsilon, value.dtype)
            try:
                with np.errstate(over=heeded):
                    if self.weight_decay:
                        gradient = self.decayed(value, gradient, rate)
                    rule(value, gradient, rate, *(memory.of(parameter, remembers) if remembers else ()))
            except FloatingPointError as error:
                raise NonFiniteError(
                    f"its update overflows {value.dtype}, and is left undone in the middle",
                    repair="Scale the data, take a smaller learning rate, or clip the gradients: clip_norm=1.0.",
                ).locate(f"parameter {parameter.name!r}") from error

    def update_together(self, parameters: Sequence[Parameter], value: Array, gradient: Array) -> None:
        """Take one step with parameters that lie side by side.

        Parameters
        ----------
        parameters
            Whose they are.
        value, gradient
            Their values, which are changed, and their gradients: each one vector, in the order of the parameters.
        """
        rate = self.rate
        if self.clip_norm is not None or self.clip_value is not None:
            gradient = clipped({"": gradient}, self.clip_norm, self.clip_value)[""]
        self.memory.step += 1
        _require_seen(getattr(self, "epsilon", 1.0), value.dtype)
        if self.weight_decay:
            gradient = self.decayed(value, gradient, rate)
        if self.remembers:
            self.rule(value, gradient, rate, *self.memory.of_all(parameters, self.remembers))
        else:
            self.rule(value, gradient, rate)

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
        step = state["step"]
        step = step.item() if isinstance(step, np.ndarray) and step.shape == () else step  # as a file gives it back
        require_count("the state's step", step, 0)
        arrays: dict[str, dict[str, Array]] = {}
        for key in state.keys() - {"step"}:
            what, _, label = key.partition("/") if isinstance(key, str) else ("", "", "")
            array = state[key]
            if what not in self.remembers or not isinstance(array, np.ndarray) or array.dtype.kind != "f":
                raise TrainingError(
                    f"the state has {shown(key)}, which {type(self).__name__} does not remember",
                    repair=f"It remembers {', '.join(self.remembers) or 'only its step'}: restore it into the same kind.",
                )
            arrays.setdefault(label, {})[what] = array.copy()
        for label, kept in arrays.items():
            missing = [what for what in self.remembers if what not in kept]
            if missing:
                raise TrainingError(f"the state lacks {missing[0]}/{label}", repair="Restore a state as it was saved.")
        self.memory.step, self.memory.arrays, self.memory.owners = int(step), arrays, {}


def _check_update(parameters: Sequence[Any], gradients: Mapping[str, Array]) -> None:
    """Raise `TrainingError` unless there are parameters, and gradients by name of their shapes."""
    if not isinstance(gradients, Mapping) or not all(isinstance(name, str) for name in gradients):
        raise TrainingError("gradients are given by name", repair="Give bwd.gradients, or {W.name: array}.")
    for parameter in parameters:
        if not isinstance(parameter, Parameter):
            raise TrainingError(f"{shown(parameter)} is no parameter", repair="Give graph.parameters.")
        gradient = gradients.get(parameter.name or "")
        fits = isinstance(gradient, np.ndarray) and gradient.dtype.kind == "f" and gradient.shape == parameter.shape
        if gradient is not None and (not fits or np.ma.is_masked(gradient)):
            raise TrainingError(
                f"the gradient of {parameter.name!r} is {shown(gradient)}, expected an array of shape {parameter.shape}",
                repair="Give bwd.gradient(parameter).",
            )


@cache
def _require_seen(epsilon: float, dtype: np.dtype[Any]) -> None:
    """Raise `TrainingError` if squares of gradients vanish before ε is what counts: (1e-25)² is 0 in float32."""
    least = 1e4 * math.sqrt(np.finfo(dtype).tiny)
    if epsilon < least:
        raise TrainingError(
            f"epsilon={epsilon:g} is too small for {dtype}, where squares of gradients below it are 0",
            repair=f"Take at least {least:.0e}; 1e-8 is usual.",
        )


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
        if not math.isfinite(length) and np.geterr()["over"] != "ignore":
            name = next(name for name, gradient in gradients.items() if not np.isfinite(gradient).all())
            raise NonFiniteError(
                f"the gradient of {name!r} has an infinity or NaN, and can't be shortened to clip_norm; nothing has changed",
                repair='gn.backward(..., on_nonfinite="raise") names the node where it begins; clip_value bounds infinities.',
            )
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
