"""Steps of an optimiser: compiled, and with parameters side by side in memory where one update can serve them all."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from itertools import accumulate
from typing import Any

import numpy as np

from graphnet.core.graph import Graph
from graphnet.core.leaves import Parameter
from graphnet.core.node import Node
from graphnet.core.origin import warn
from graphnet.core.registry import OPS
from graphnet.engine.compile import Step
from graphnet.engine.plan.program import Program
from graphnet.train.optimizers import ENTRY_BY_ENTRY
from graphnet.train.rule import Optimizer, Rule
from graphnet.train.schedules import BUILT_IN


class SideBySide:
    """Copies of parameters that lie one after the other in one vector while they are trained.

    A small network has more arrays than work: to update ten parameters one by one takes longer than to find their gradients.

    Parameters
    ----------
    parameters
        Of one dtype.
    """

    def __init__(self, parameters: Sequence[Parameter]) -> None:
        self.parameters = tuple(parameters)
        ends = list(accumulate((parameter.size for parameter in parameters), initial=0))
        self.vector = np.empty(ends[-1], parameters[0].value.dtype)
        self.parts: dict[Node, np.ndarray[Any, Any]] = {
            parameter: self.vector[start : start + parameter.size].reshape(parameter.value.shape)
            for parameter, start in zip(parameters, ends, strict=False)
        }

    def load(self) -> None:
        """Take over the parameters' present values."""
        for parameter in self.parameters:
            self.parts[parameter][...] = parameter.value

    def store(self) -> None:
        """Give the parameters the values that were trained."""
        for parameter in self.parameters:
            parameter.value[...] = self.parts[parameter]


def _calls_others(graph: Graph, optimizer: Optimizer) -> bool:
    """Tell whether a step runs a user's code, which may look at parameters: an optimiser, a schedule or a rule."""
    if type(optimizer) not in ENTRY_BY_ENTRY:
        return True
    rate = optimizer.learning_rate  # type: ignore[attr-defined]  # all of these have one
    return (callable(rate) and type(rate) not in BUILT_IN) or any(
        node.op is not None and OPS.get(node.op.name) is not type(node.op) for node in graph.nodes
    )


class Descent:
    """Runs steps and updates parameters.

    Between `load` and `store` the parameters may be behind, if nobody can see it: what is trained is a copy of them.

    Parameters
    ----------
    graph
        Of the loss.
    optimizer
        Turns gradients into new values.
    undisturbed
        Whether the data comes from arrays, not from a user's code that may look at parameters between `load` and `store`.
    """

    def __init__(self, graph: Graph, optimizer: Optimizer, *, undisturbed: bool) -> None:
        self.graph, self.optimizer = graph, optimizer
        self.together: SideBySide | None = None
        one_dtype = len({parameter.value.dtype for parameter in graph.parameters}) == 1
        if undisturbed and one_dtype and not _calls_others(graph, optimizer):
            self.together = SideBySide(graph.parameters)
        self.step = self._compiled()
        self.left_out: tuple[str | None, ...] = ()
        self.program: Program

    def _compiled(self) -> Step:
        own = self.together.parts if self.together else {}
        return Step(self.graph, self.graph.parameters, all_reached=False, own=own)

    def load(self) -> None:
        """Take over the parameters' present values."""
        if self.together:
            self.together.load()

    def store(self) -> None:
        """Give the parameters the values that were trained."""
        if self.together:
            self.together.store()

    def run(self, feeds: Mapping[Any, Any]) -> float:
        """Find the gradients for a batch; return the loss."""
        self.program = self.step.run(feeds)
        if len(self.program.gradients) < len(self.graph.parameters) and not self.left_out:
            self._leave_out()
        return float(self.program.outputs[0].item())

    def _leave_out(self) -> None:
        """Say which parameters no error signal reaches, which shows in the first step: they keep their values."""
        self.left_out = tuple(p.name for p in self.graph.parameters if p.name not in self.program.gradients)
        if self.together:
            self.together = None
            self.step = self._compiled()
        warn(
            f"not trained, since no error signal reaches them: {', '.join(map(repr, self.left_out))}. Only a comparison, a "
            "sign or a position is computed from them, which have no slope. Make them gn.constant if that is meant."
        )

    def is_finite(self, loss: float) -> bool:
        """Tell whether loss and gradients have no infinity or NaN, and their squares don't overflow: one call an array."""
        vector = self.program.gradient_vector
        flats = [vector] if vector is not None else [gradient.ravel() for gradient in self.program.gradients.values()]
        return math.isfinite(loss) and all(math.isfinite(flat.dot(flat)) for flat in flats)

    def update(self) -> None:
        """Change the parameters by the gradients found last."""
        if self.together is None:
            self.optimizer.update(self.graph.parameters, self.program.gradients)
            return
        gradient = self.program.gradient_vector
        if gradient is None:
            gradient = np.concatenate([gradient.ravel() for gradient in self.program.gradients.values()])
        assert isinstance(self.optimizer, Rule)
        self.optimizer.update_together(self.graph.parameters, self.together.vector, gradient)
