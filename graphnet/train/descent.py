"""Steps of a training: gradients by a compiled step, and what the optimiser makes of them; or epochs on other devices.

A step of a built-in optimiser is noted once, from its rule, as a list of NumPy calls.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator, Mapping, Sequence
from itertools import groupby, islice
from typing import Any, cast

import numpy as np
from numpy.lib.mixins import NDArrayOperatorsMixin

from graphnet.common.origin import warn
from graphnet.core.graph import Graph
from graphnet.core.leaves import Parameter
from graphnet.core.node import Numbers, describe
from graphnet.engine.compile import KEPT, CompiledStep
from graphnet.engine.feeds import run_dtype
from graphnet.engine.plan.program import Call, Calls, Program, ready
from graphnet.engine.run import backward
from graphnet.errors import MissingExtraError, NonFiniteError, TrainingError, shown
from graphnet.interop.doors import JaxEngine
from graphnet.interop.foreign import needing
from graphnet.train.batches import Batches, CutArrays, Feeds, is_batched, sample_count
from graphnet.train.optimizers import SMALLER, WITH_NOTED_RULES, AnyOptimizer, Optimizer, labelled

LARGE_RATE = 1e15
"""From this learning rate on a step may overflow although the gradient's squares do not, even in float32."""

LARGEST_NOTED = 1 << 14
"""Up to how many entries of a parameter calls are noted: all that its rule computes on the way has memory of its own then."""


class Descent:
    """Runs steps and updates parameters.

    Parameters
    ----------
    graph
        Of the loss.
    optimizer
        Turns gradients into new values.
    """

    def __init__(self, graph: Graph, optimizer: AnyOptimizer) -> None:
        self.graph, self.optimizer, self.named = graph, optimizer, labelled(graph)
        own = isinstance(optimizer, Optimizer) and type(optimizer).update is Optimizer.update
        self.trained: Any = graph if own else graph.parameters
        self.step = CompiledStep(graph, graph.parameters, all_reached=False)
        self.left_out: tuple[str, ...] = ()
        self.program: Program
        self.loss = math.nan
        self._lengths: dict[Program, tuple[Calls, Numbers]] = {}
        self._updates: dict[Program, Update] = {}

    def steps(self, batches: Batches, epoch: int, *, raising: bool) -> Iterator[tuple[float, int]]:
        """Take a step for each batch of an epoch; yield its loss and its number of samples.

        Where `raising`, one that is not finite is a `NonFiniteError`.
        """
        optimizer = self.optimizer
        wary = (
            isinstance(optimizer, Optimizer) and not callable(optimizer.learning_rate) and optimizer.rate > LARGE_RATE
        )
        self.begin()
        for step, batch in enumerate(batches.epoch(), 1):
            loss = self.run(batch)
            if raising and (wary or not self.is_finite()):
                self.update_or_raise(batch, f"in step {step} of epoch {epoch}")
            else:
                self.update()
            yield loss, sample_count(batch)

    def begin(self) -> None:
        """Begin an epoch: forget what belongs to programs that are gone, or to values that may not be written any more."""
        if len(self._updates) > KEPT or not all(parameter.value.flags.writeable for parameter in self.named.values()):
            self._lengths.clear()
            self._updates.clear()

    def run(self, feeds: Mapping[Any, Any]) -> float:
        """Find the gradients for a batch; return the loss."""
        self.program = self.step.run(feeds)
        if len(self.program.gradients) < len(self.graph.parameters):
            self.say_left_out(self.program.gradients)
        self.loss = float(self.program.outputs[0].item())
        return self.loss

    def say_left_out(self, reached: Collection[str]) -> None:
        """Say once which parameters no error signal reaches, which shows in the first step: they keep their values."""
        left_out = tuple(label for label in self.named if label not in reached)
        if left_out == self.left_out:
            return
        self.left_out = left_out
        warn(
            f"not trained, since no error signal reaches them: {', '.join(map(repr, self.left_out))}. Only a comparison, a "
            "sign or a position is computed from them, which have no slope. Make them gn.constant if that is meant."
        )

    def is_finite(self) -> bool:
        """Tell whether loss and gradients have no infinity or NaN, and their squares don't overflow."""
        if self.program not in self._lengths:
            self._lengths[self.program] = _length_of(list(self.program.gradients.values()))
        calls, length = self._lengths[self.program]
        calls.run(())
        return math.isfinite(self.loss) and math.isfinite(length.item())

    def update(self) -> None:
        """Change the parameters by the gradients found last."""
        optimizer, gradients = self.optimizer, self.program.gradients
        if not isinstance(optimizer, Optimizer) or type(optimizer) not in WITH_NOTED_RULES or optimizer.clips:
            optimizer.update(self.trained, gradients)
            return
        rate, _ = optimizer.started({})
        numbers = optimizer.numbers(rate)
        update = self._updates.get(self.program)
        if update is None or update.memory is not optimizer.memory.arrays:
            update = self._updates[self.program] = Update(optimizer, self.named, gradients, numbers)
        update(numbers)

    def update_or_raise(self, batch: Mapping[Any, Any], where: str) -> None:
        """Raise `NonFiniteError` if pass or update are not finite, leaving parameters and optimiser as they were."""
        graph, optimizer = self.graph, self.optimizer
        try:
            with np.errstate(all="ignore"):  # NumPy has warned in the step itself
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
        what, _, label = next((key for key, array in after.items() if not np.isfinite(array).all()), "").partition("/")
        if bad is None and not label:
            return
        for parameter, value in zip(graph.parameters, values, strict=True):
            parameter.value = value
        if ours:
            ours.restore(before)
        problem = "the update would make it infinite or NaN; it was taken back"
        if bad is None:
            bad = cast(Parameter, graph[label])  # as g² of Adam does first: it would stand still from now on
            problem = f"the {what} of its gradient overflows {bad.dtype}; the update was taken back"
        raise NonFiniteError(problem, repair=SMALLER).locate(f"parameter {graph.label(bad)!r}", [where, describe(bad)])


def _length_of(arrays: Sequence[Numbers]) -> tuple[Calls, Numbers]:
    """Return the calls that sum the squares of all entries, and where the sum is then."""
    flats = [array.reshape(-1) for array in arrays]
    squares = np.zeros(len(flats), np.result_type(*flats) if flats else float)
    calls: list[Call] = [(np.matmul, (flat, flat, squares[i, ...])) for i, flat in enumerate(flats)]
    ones, total = np.ones_like(squares), np.zeros((), squares.dtype)
    return ready([*calls, (np.matmul, (squares, ones, total))]), total


# What an optimiser does, as calls --------------------------------------------------------------------------------------


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


# Epochs on the devices of another engine: batches are gathered, sent, and the numbers of every step brought back ------

PAYS_FROM = 1e8
"""From about how many multiply-adds a step on a device takes less time than its way there and back."""


def chosen(engine: Any, graph: Graph, batches: Batches) -> tuple[JaxEngine | None, str]:
    """Return the engine to train by, None for NumPy, and why."""
    if isinstance(engine, JaxEngine):
        return engine, ""
    name = engine if isinstance(engine, str) else ""
    if name == "numpy":
        return None, "numpy"
    if name != "auto":
        raise TrainingError(f"engine is {shown(engine)}", repair='Use "numpy", "auto" or gn.JaxEngine().')
    samples = batches.size if isinstance(batches, CutArrays) else 1
    work = 3 * samples * sum(parameter.size for parameter in graph.parameters)
    if work < PAYS_FROM:
        return None, f"numpy: a step of about {work:.0e} multiply-adds is done before one of JAX has begun"
    try:
        platform = needing("jax", "jax_engine").jax.default_backend()
    except MissingExtraError:
        return None, "numpy: jax is not installed"
    if platform == "cpu":
        return None, "numpy: JAX has no other device here than the processor"
    return JaxEngine(), ""


class Devices:
    """Runs the epochs of a training on devices.

    Parameters
    ----------
    engine
        Which devices.
    descent
        What runs steps by NumPy: for one that has an infinity or NaN, whose node it names.
    batches
        What an epoch goes through.
    raising
        Whether such a step is an error.
    """

    def __init__(self, engine: JaxEngine, descent: Descent, batches: Batches, *, raising: bool) -> None:
        optimizer, graph = descent.optimizer, descent.graph
        if not isinstance(optimizer, Optimizer) or descent.trained is not graph:
            raise TrainingError(
                f"{type(optimizer).__name__} updates parameters by itself, and JAX traces only a rule",
                repair='Derive it from one of ours, as gn.GradientDescent, and give it another rule; or use engine="numpy".',
            )
        self.descent, self.batches, self.memory, self.optimizer = descent, batches, engine.memory, optimizer
        arrays = batches.arrays if isinstance(batches, CutArrays) else {}
        self.fixed = {node: array for node, array in arrays.items() if not is_batched(node)}
        settings = repr(optimizer) if type(optimizer) in WITH_NOTED_RULES else optimizer
        key = graph.outputs, type(optimizer), settings, raising
        if key not in engine.compiled:
            jax_engine = needing("jax", "jax_engine")
            mesh = jax_engine.mesh_of(engine.devices, engine.mesh)
            engine.compiled.clear()
            engine.compiled[key] = jax_engine.Runner(graph, mesh, optimizer, raising=raising)
        self.runner = engine.compiled[key]

    def agree(self) -> None:
        """Raise `TrainingError` unless all processes have been given the same."""
        arrays = list(self.batches.arrays.values()) if isinstance(self.batches, CutArrays) else []
        rng = self.batches.rng.bit_generator.state if self.batches.rng else None
        self.runner.agree(arrays, (self.optimizer, self.optimizer.memory.step, self.batches.steps, rng))

    def steps(self, epoch: int) -> Iterator[tuple[float, int]]:
        """Take the steps of an epoch: yield the loss and the number of samples of each.

        One that is not finite is left to NumPy, which names the node, or takes it where JAX could not.
        """
        step = 0
        for part in self._parts():
            samples = sample_count(part[0])
            while part:
                losses = self._run(part)
                yield from ((loss, samples) for loss in losses)
                step, part = step + len(losses), part[len(losses) :]
                if part:  # the first of what is left has an infinity or NaN
                    step, batch = step + 1, self.fixed | part.pop(0)
                    loss = self.descent.run(batch)
                    self.descent.update_or_raise(batch, f"in step {step} of epoch {epoch}")
                    yield loss, samples

    def _run(self, part: list[Feeds]) -> list[float]:
        """Take steps as long as they are finite; bring values and memory up to date; return the losses."""
        optimizer, named, label_of = self.optimizer, self.descent.named, self.descent.graph.label
        before = optimizer.memory.step
        numbers = np.array([optimizer.numbers(optimizer.started({})[0]) for _ in part])
        state = {label: {"value": each.value} for label, each in named.items()}
        for label, kept in state.items():
            remembered = optimizer.memory.of(label, named[label], optimizer.remembers)
            kept.update(zip(optimizer.remembers, remembered, strict=True))
        fixed = {label_of(node): array for node, array in self.fixed.items()}
        stacked = {label_of(node): np.stack([feeds[node] for feeds in part]) for node in part[0]}
        dtype = run_dtype([*fixed.values(), *stacked.values(), *(kept["value"] for kept in state.values())])
        found, losses = self.runner.run(state, fixed, stacked, numbers, dtype=dtype)
        for label, kept in state.items():
            for name, array in kept.items():
                array[...] = found[label][name]
        optimizer.memory.step = before + len(losses)
        self.descent.say_left_out(self.runner.reached)
        return losses  # type: ignore[no-any-return]

    def _parts(self) -> Iterator[list[Feeds]]:
        """Yield the batches of an epoch, without what is fixed, in parts that are of one shape and fit into memory."""
        epoch = self.batches.epoch()  # the memory of a batch is the next one's
        batches = ({node: each.copy() for node, each in feeds.items() if node not in self.fixed} for feeds in epoch)
        for _, group in groupby(batches, lambda batch: [array.shape for array in batch.values()]):
            alike = iter(group)
            for first in alike:
                most = self.memory // max(1, sum(array.nbytes for array in first.values()))
                yield [first, *islice(alike, max(0, most - 1))]
