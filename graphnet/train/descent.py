"""Steps of an optimiser: compiled, and with parameters side by side in memory where one update can serve them all."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, cast

import numpy as np

from graphnet.common.caller import warn
from graphnet.core.graph import Graph
from graphnet.core.leaves import Parameter
from graphnet.core.node import Node, describe
from graphnet.core.registry import OPS
from graphnet.engine.compile import Step
from graphnet.engine.plan.program import Program
from graphnet.engine.run import backward
from graphnet.errors import NonFiniteError
from graphnet.train.optimizers import ENTRY_BY_ENTRY, SMALLER, AnyOptimizer, Optimizer, labelled, parts_of
from graphnet.train.schedules import BUILT_IN


def _calls_others(graph: Graph, optimizer: AnyOptimizer) -> bool:
    """Tell whether a step runs a user's code, which may look at parameters: an optimiser, a schedule or a rule."""
    if type(optimizer) not in ENTRY_BY_ENTRY:
        return True
    rate = optimizer.learning_rate  # type: ignore[attr-defined]  # all of these have one
    return (callable(rate) and type(rate) not in BUILT_IN) or any(
        node.op is not None and OPS.get(node.op.name) is not type(node.op) for node in graph.nodes
    )


class Descent:
    """Runs steps and updates parameters.

    A small network has more arrays than work: to update ten parameters one by one takes longer than to find their gradients.
    So, if nobody can see it, what is trained are copies of them that lie one after the other in one vector; between `load`
    and `store` the parameters may be behind.

    Parameters
    ----------
    graph
        Of the loss.
    optimizer
        Turns gradients into new values.
    undisturbed
        Whether the data comes from arrays, not from a user's code that may look at parameters between `load` and `store`.
    """

    def __init__(self, graph: Graph, optimizer: AnyOptimizer, *, undisturbed: bool) -> None:
        self.graph, self.optimizer, parameters = graph, optimizer, graph.parameters
        self.together: dict[Node, np.ndarray[Any, Any]] = {}
        if undisturbed and len({p.value.dtype for p in parameters}) == 1 and not _calls_others(graph, optimizer):
            self.vector = np.empty(sum(p.size for p in parameters), parameters[0].value.dtype)
            self.together = dict(zip(parameters, parts_of(self.vector, parameters), strict=True))
        self.named = labelled(graph)
        own = isinstance(optimizer, Optimizer) and type(optimizer).update is Optimizer.update
        self.trained: Any = graph if own else parameters
        self.step = self._compiled()
        self.left_out: tuple[str, ...] = ()
        self.program: Program
        self.loss = math.nan

    def _compiled(self) -> Step:
        return Step(self.graph, self.graph.parameters, all_reached=False, own=self.together)

    def load(self) -> None:
        """Take over the parameters' present values."""
        for parameter in self.graph.parameters if self.together else ():
            self.together[parameter][...] = parameter.value

    def store(self) -> None:
        """Give the parameters the values that were trained."""
        for parameter in self.graph.parameters if self.together else ():
            parameter.value[...] = self.together[parameter]

    def run(self, feeds: Mapping[Any, Any]) -> float:
        """Find the gradients for a batch; return the loss."""
        self.program = self.step.run(feeds)
        if len(self.program.gradients) < len(self.graph.parameters) and not self.left_out:
            self._leave_out()
        self.loss = float(self.program.outputs[0].item())
        return self.loss

    def _leave_out(self) -> None:
        """Say which parameters no error signal reaches, which shows in the first step: they keep their values."""
        labels = map(self.graph.label, self.graph.parameters)
        self.left_out = tuple(label for label in labels if label not in self.program.gradients)
        if self.together:
            self.together = {}
            self.step = self._compiled()
        warn(
            f"not trained, since no error signal reaches them: {', '.join(map(repr, self.left_out))}. Only a comparison, a "
            "sign or a position is computed from them, which have no slope. Make them gn.constant if that is meant."
        )

    def is_finite(self) -> bool:
        """Tell whether loss and gradients have no infinity or NaN, and their squares don't overflow: one call an array."""
        vector = self.program.gradient_vector
        flats = [vector] if vector is not None else [gradient.ravel() for gradient in self.program.gradients.values()]
        return math.isfinite(self.loss) and all(math.isfinite(flat.dot(flat)) for flat in flats)

    def update(self) -> None:
        """Change the parameters by the gradients found last."""
        if not self.together:
            self.optimizer.update(self.trained, self.program.gradients)
            return
        gradient = self.program.gradient_vector
        if gradient is None:
            gradient = np.concatenate([gradient.ravel() for gradient in self.program.gradients.values()])
        assert isinstance(self.optimizer, Optimizer)
        self.optimizer.update_together(self.named, self.vector, gradient)

    def update_or_raise(self, batch: Mapping[Any, Any], where: str) -> None:
        """Raise `NonFiniteError` if pass or update are not finite, leaving parameters and optimiser as they were."""
        self.store()
        graph, optimizer = self.graph, self.optimizer
        try:
            backward(graph, batch, on_nonfinite="raise")  # finds the first node
        except NonFiniteError as error:
            error.where = (where, *error.where)
            raise
        values = [parameter.value.copy() for parameter in graph.parameters]
        ours = optimizer if isinstance(optimizer, Optimizer) else None
        before = ours.state if ours else {}
        with np.errstate(all="ignore"):
            optimizer.update(self.trained, self.program.gradients)
        bad = next((parameter for parameter in graph.parameters if not np.isfinite(parameter.value).all()), None)
        after = ours.state if ours else {}
        overflown = next((key.partition("/") for key, array in after.items() if not np.isfinite(array).all()), None)
        if bad is not None or overflown is not None:
            for parameter, value in zip(graph.parameters, values, strict=True):
                parameter.value = value
            if ours:
                ours.restore(before)
        self.load()
        problem = "the update would make it infinite or NaN; it was taken back"
        if bad is None:
            if overflown is None:
                return
            bad = cast(Parameter, graph[overflown[2]])  # as g² of Adam does first: it would stand still from now on
            problem = f"the {overflown[0]} of its gradient overflows {bad.dtype}; the update was taken back"
        raise NonFiniteError(problem, repair=SMALLER).locate(f"parameter {graph.label(bad)!r}", [where, describe(bad)])
