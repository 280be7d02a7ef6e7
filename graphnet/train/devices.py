"""Epochs on the devices of another engine: batches are gathered, sent, and the numbers of every step brought back."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby, islice
from typing import TYPE_CHECKING, Any

import numpy as np

from graphnet.core.graph import Graph
from graphnet.engine.feeds import run_dtype
from graphnet.errors import MissingExtraError, TrainingError, shown
from graphnet.interop.doors import JaxEngine
from graphnet.interop.foreign import needing
from graphnet.train.batches import Batches, CutArrays, Feeds, is_batched, sample_count
from graphnet.train.optimizers import WITH_NOTED_RULES, Optimizer

if TYPE_CHECKING:
    from graphnet.train.descent import Descent

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
