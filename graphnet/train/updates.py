"""A step of an optimiser as a list of NumPy calls, noted once from its rule."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.lib.mixins import NDArrayOperatorsMixin

from graphnet.core.leaves import Parameter
from graphnet.core.node import Numbers
from graphnet.engine.plan.program import Call, ready
from graphnet.train.optimizers import Optimizer

LARGEST_NOTED = 1 << 14
"""Up to how many entries of a parameter calls are noted: all that its rule computes on the way has memory of its own then."""


class _Noted(NDArrayOperatorsMixin):
    """An array, or a number of the step, that notes what is done with it instead of doing it."""

    def __init__(self, array: Numbers, calls: list[Call]) -> None:
        self.array, self.calls = array, calls

    @property
    def dtype(self) -> np.dtype[Any]:
        """Its dtype."""
        return self.array.dtype  # type: ignore[no-any-return]

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, out: tuple[Any, ...] = ()) -> _Noted:
        arrays = [x.array if isinstance(x, _Noted) else np.asarray(x, self.array.dtype) for x in inputs]
        made = out[0].array if out else np.empty(np.broadcast_shapes(*(x.shape for x in arrays)), self.array.dtype)
        self.calls.append((ufunc, (*arrays, made)))
        return _Noted(made, self.calls)


class Update:
    """What a built-in optimiser does to parameters in each step, by gradients that lie where they lay.

    Parameters
    ----------
    optimizer
        Whose rule and memory it is.
    parameters, gradients
        What to change, and by what, by label.
    numbers
        What the rule takes besides: those of a step.
    """

    def __init__(
        self,
        optimizer: Optimizer,
        parameters: Mapping[str, Parameter],
        gradients: Mapping[str, Numbers],
        numbers: Sequence[float],
    ) -> None:
        self.optimizer, self.memory = optimizer, optimizer.memory.arrays
        self._large: list[tuple[Numbers, Numbers, Sequence[Numbers]]] = []
        self._numbers: dict[Any, list[Numbers]] = {}
        calls: list[Call] = []
        for label, parameter in parameters.items():
            value, gradient = parameter.value, gradients.get(label)
            if gradient is None:
                continue
            remembered = optimizer.memory.of(label, parameter, optimizer.remembers) if optimizer.remembers else []
            if value.size > LARGEST_NOTED or value.dtype != gradient.dtype or not value.flags.writeable:
                self._large.append((value, gradient, remembered))
                continue
            places = self._numbers.setdefault(value.dtype, [np.zeros((), value.dtype) for _ in numbers])
            noted: Any = [
                [_Noted(array, calls) for array in arrays] for arrays in ((value, gradient), places, remembered)
            ]
            optimizer.change(*noted[0], *noted[1:])
        self._calls = ready(calls)

    def __call__(self, numbers: Sequence[float]) -> None:
        """Take a step, with these numbers."""
        for places in self._numbers.values():
            for place, number in zip(places, numbers, strict=True):
                place[()] = number
        self._calls.run(())
        for value, gradient, remembered in self._large:
            self.optimizer.change(value, gradient, numbers, remembered)
