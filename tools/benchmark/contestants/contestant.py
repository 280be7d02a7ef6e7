"""What each contestant is to the benchmark."""

from collections.abc import Callable, Mapping
from typing import Any, ClassVar

import numpy as np

from tools.benchmark.workloads import Check, Convolution, Curvature, Demo, Layers, Scalars, Training, Workload

Step = Callable[[], tuple[float, Mapping[str, Any]]]
"""Feed, forward, backward: returns E as a float and the gradients by name, as arrays of the contestant's own kind."""


class Skip(Exception):
    """A contestant does not take part in a workload, and why."""


class Contestant:
    """One way to do the work, as its experts would. Methods not overridden mean that it does not take part."""

    name: str
    package: ClassVar[str] = "numpy"
    slow_start: ClassVar[bool] = False
    """Compiles for seconds: left out of a quick run."""

    def setup(self, workload: Workload) -> Step:
        """Do all that is done once, and return the step."""
        match workload:
            case Layers():
                return self.layers(workload)
            case Scalars():
                return self.scalars(workload)
            case Training():
                return self.training(workload)
            case Demo():
                return self.demo(workload)
            case Curvature():
                return self.curvature(workload)
            case Convolution():
                return self.convolution(workload)
            case Check():
                return self.check(workload)

    def layers(self, workload: Layers) -> Step:
        raise Skip("not made for it")

    def scalars(self, workload: Scalars) -> Step:
        raise Skip("not made for it")

    def training(self, workload: Training) -> Step:
        raise Skip("not made for it")

    def demo(self, workload: Demo) -> Step:
        raise Skip("not made for it")

    def curvature(self, workload: Curvature) -> Step:
        raise Skip("not made for it")

    def convolution(self, workload: Convolution) -> Step:
        raise Skip("not made for it")

    def check(self, workload: Check) -> Step:
        raise Skip("not made for it")


def batches(order: Any, size: int) -> list[Any]:
    """Cut an order of samples into mini-batches, the last of which may be smaller."""
    return [order[start : start + size] for start in range(0, len(order), size)]


def mean_loss(losses: Any, size: int, samples: int) -> float:
    """Return the mean of an epoch's losses by mini-batch, each weighted by its samples."""
    return float(np.average(losses, weights=np.minimum(size, samples - size * np.arange(len(losses)))))
