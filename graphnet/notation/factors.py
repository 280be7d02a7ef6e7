"""The three factors of a weight's gradient: the error that arrives, the slope g′, and the signal fed forward."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from graphnet.common.tables import number
from graphnet.core.node import Node, Numbers
from graphnet.engine.passes import BackwardPass
from graphnet.engine.units import SATURATED, is_activation, local_slope, slope_range
from graphnet.notation.paths import Place

_SMALL = 0.1
"""A factor below this share of what it could be is called small."""

_Name = Literal["error", "slope", "activation"]


@dataclass(frozen=True)
class Factor:
    """One of the factors, over all samples.

    Attributes
    ----------
    name : str
        ``"error"``, ``"slope"`` or ``"activation"``.
    node : str
        Label of the node it is of: the unit's output for the first two, what feeds it for the last.
    unit : tuple of int
        Which unit of that node.
    size : float
        Its root mean square over the samples.
    expected : float
        What it could be: the largest error signal of any unit in the pass, the largest slope of this function, 1.
    values : numpy.ndarray
        Its value for each sample.
    """

    name: _Name
    node: str
    unit: tuple[int, ...]
    size: float
    expected: float
    values: Numbers

    @property
    def share(self) -> float:
        """How large it is of what it could be."""
        return self.size / self.expected if self.expected else 0.0

    def __str__(self) -> str:
        unit = str(list(self.unit)) if self.unit else ""
        what = {
            "error": f"the error signal ∂E/∂{self.node}{unit} that arrives at the unit",
            "slope": f"the slope g′ at {self.node}{unit}",
            "activation": f"the signal {self.node}{unit} fed forward",
        }[self.name]
        return f"{what}: {number(self.size)}"


def factors_of(bwd: BackwardPass, node: Node, entry: Place) -> tuple[Factor, ...]:
    """Return the factors of an entry of a layer's weights or bias; empty if the node is not such a parameter."""
    graph = bwd.graph
    use = graph.only_use(node)
    if use is None or use.slot != 1 or use.consumer not in bwd.error_signals:
        return ()
    product = use.consumer
    if product.kind not in ("matmul", "bias_add") or bwd.values[product].ndim != 2:
        return ()
    unit = entry[-1:]
    factors: list[Factor] = []
    z = product
    if product.kind == "matmul" and bwd.values[product.inputs[0]].ndim == 2 and len(entry) == 2:
        source = product.inputs[0]
        factors.append(_factor("activation", graph.label(source), entry[:1], bwd.values[source], 1.0))
        use = graph.only_use(product)
        if use and use.consumer.kind == "bias_add" and use.slot == 0:
            z = use.consumer
    elif product.kind == "matmul":
        return ()
    use = graph.only_use(z)
    largest = _largest_error(bwd)
    a = use.consumer if use else None
    slope = None if a is None else local_slope(bwd, a)
    if a is None or slope is None or a.op is None:
        return (_factor("error", graph.label(z), unit, bwd.error_signal(z), largest), *factors)
    best = slope_range(a.op).best(slope)
    return (
        _factor("error", graph.label(a), unit, bwd.error_signal(a), largest),
        _factor("slope", graph.label(a), unit, slope, best),
        *factors,
    )


def _factor(name: _Name, label: str, unit: tuple[int, ...], array: Any, expected: float) -> Factor:
    values = array[..., unit[0]]
    return Factor(name, label, unit, rms(values), expected, values)


def _largest_error(bwd: BackwardPass) -> float:
    """Return the largest root mean square of the error signals of units."""
    sizes = [rms(signal) for node, signal in bwd.error_signals.items() if is_activation(node)]
    return max(sizes, default=1.0)


def rms(array: Any) -> float:
    """Return the root of the mean of squares; 0 of nothing."""
    return float(np.sqrt(np.mean(np.square(np.asarray(array, float))))) if np.size(array) else 0.0


def verdict(value: float, largest: float, factors: tuple[Factor, ...]) -> tuple[str, _Name | Literal["cancels", ""]]:
    """Say in a sentence whether a gradient is small, and which factor made it so."""
    if not np.isfinite(value):
        return f"it is not finite ({value}): look for the first node whose value or error signal is not", ""
    zero = next((factor for factor in factors if not np.any(factor.values)), None)
    if value == 0 and zero is not None:
        return f"it is exactly 0, because in every sample {_is_zero(zero)}", zero.name
    if value == 0 and factors and not np.any(_terms(factors)):
        return "it is exactly 0: in each sample one of its factors is", min(factors, key=lambda f: f.share).name
    if value == 0:
        return "it is exactly 0, though not all its terms are: they cancel", "cancels"
    small = min(factors, key=lambda factor: factor.share, default=None)
    if abs(value) > 0.01 * largest:
        if small is not None and small.share < _SMALL * _SMALL:
            every = f"it is small, as all gradients of this pass are (the largest is {number(largest)})"
            return f"{every}, because of the {small.name}: {_is_small(small)}", small.name
        return f"it is not small: the largest gradient of any parameter is {number(largest)}", ""
    if small is not None and small.share < _SMALL:
        return f"it is small, because of the {small.name}: {_is_small(small)}", small.name
    terms = _terms(factors)
    if factors and abs(terms.sum()) < _SMALL * np.abs(terms).sum():
        return "it is small, because the samples pull in opposite directions: their terms cancel", "cancels"
    return "it is small, but no single factor is", ""


def _terms(factors: tuple[Factor, ...]) -> Numbers:
    return np.prod([factor.values for factor in factors], axis=0)  # type: ignore[no-any-return]


def _is_zero(factor: Factor) -> str:
    return str(factor).replace(": 0", " is 0")


def _is_small(factor: Factor) -> str:
    return {
        "error": f"{factor}, where the largest of any layer is {number(factor.expected)}",
        "slope": f"{factor}, where it can be {number(factor.expected)}{_saturated(factor)}",
        "activation": f"{factor}: there is hardly a signal for the weight to act on",
    }[factor.name]


def _saturated(factor: Factor) -> str:
    """Say it only of a unit that is so in every sample, by what is called saturated anywhere."""
    at_every = np.abs(factor.values) < SATURATED * factor.expected
    return ": the unit is saturated" if np.all(at_every) and np.any(factor.values) else ""
