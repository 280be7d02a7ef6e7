"""Epochs on the devices of another engine: batches are gathered, sent, and the numbers of every step brought back."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from graphnet.core.graph import Graph
from graphnet.core.node import Numbers
from graphnet.engine.feeds import run_dtype
from graphnet.errors import MissingExtraError, TrainingError, shown
from graphnet.interop.engines import JaxEngine
from graphnet.interop.foreign import needing
from graphnet.train.batches import Batches, CutArrays, Feeds, is_batched, sample_count
from graphnet.train.optimizers import WITH_NOTED_RULES, AnyOptimizer, Optimizer

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
        platform = needing("jax", "jax_engine").mesh_of(None, None).devices.flat[0].platform
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
        self.descent, self.batches, self.memory = descent, batches, engine.memory
        self.graph, self.optimizer = descent.graph, _with_a_rule(descent.optimizer)
        self.runner = self._runner(engine, raising)

    def _runner(self, engine: JaxEngine, raising: bool) -> Any:
        """Return what runs the steps: one that an earlier training has left compiled, if it is the same."""
        graph, optimizer = self.graph, self.optimizer
        settings = repr(optimizer) if type(optimizer) in WITH_NOTED_RULES else optimizer
        key = graph.outputs, type(optimizer), settings, raising
        if key not in engine.compiled:
            jax_engine = needing("jax", "jax_engine")
            engine.compiled.clear()
            engine.compiled[key] = jax_engine.Runner(
                graph,
                jax_engine.mesh_of(engine.devices, engine.mesh),
                frozenset(graph.label(node) for node in graph.inputs if is_batched(node)),
                optimizer.change,
                optimizer.remembers,
                (optimizer.clip_norm, optimizer.clip_value),
                raising=raising,
            )
        return engine.compiled[key]

    def agree(self) -> None:
        """Raise `TrainingError` unless all processes have been given the same."""
        arrays = list(self.batches.arrays.values()) if isinstance(self.batches, CutArrays) else []
        rng = self.batches.rng.bit_generator.state if self.batches.rng else None
        self.runner.agree(arrays, (self.optimizer, self.optimizer.memory.step, self.batches.steps, rng))

    def steps(self, epoch: int) -> Iterator[tuple[float, int]]:
        """Take the steps of an epoch: yield the loss and the number of samples of each.

        One that is not finite is left to NumPy, which names the node, or takes it where JAX could not.
        """
        done = 0
        for fixed, stacked, count, samples in self._parts():
            begun = 0
            while begun < count:
                losses, taken = self._run(
                    fixed, {name: array[begun:] for name, array in stacked.items()}, count - begun
                )
                yield from ((loss, samples) for loss in losses[:taken].tolist())
                begun += taken
                if begun < count:  # this step has an infinity or NaN
                    batch = fixed | {name: array[begun] for name, array in stacked.items()}
                    loss = self.descent.run(batch)
                    self.descent.update_or_raise(batch, f"in step {done + begun + 1} of epoch {epoch}")
                    yield loss, samples
                    begun += 1
            done += count

    def _run(self, fixed: Mapping[str, Any], stacked: Mapping[str, Any], count: int) -> tuple[Numbers, int]:
        """Take steps as long as they are finite; bring values and memory up to date."""
        optimizer, named = self.optimizer, self.descent.named
        before = optimizer.memory.step
        numbers = np.array([optimizer.numbers(optimizer.started({})[0]) for _ in range(count)])
        memory = {label: optimizer.memory.of(label, each, optimizer.remembers) for label, each in named.items()}
        state = {
            label: {"value": each.value, **dict(zip(optimizer.remembers, memory[label], strict=True))}
            for label, each in named.items()
        }
        dtype = run_dtype([*fixed.values(), *stacked.values(), *(each.value for each in named.values())])
        moved, losses, taken = self.runner.run(self.runner.put(state), fixed, stacked, numbers, dtype)
        for label, kept in self.runner.fetch(moved).items():
            for name, array in kept.items():
                state[label][name][...] = array
        optimizer.memory.step = before + taken
        self.descent.say_left_out(self.runner.reached)
        return losses, taken

    def _parts(self) -> Iterator[tuple[dict[str, Any], dict[str, Any], int, int]]:
        """Yield the batches of an epoch in parts that fit into memory: what is fixed, what is not, steps, samples a step."""
        waiting: list[dict[str, Any]] = []
        fixed: dict[str, Any] = {}
        shapes: Any = None
        size = samples = 0
        for feeds in self.batches.epoch():
            fixed = {self.graph.label(node): feeds[node] for node in feeds if self._stays(feeds, node)}
            batch = {self.graph.label(node): array for node, array in feeds.items() if not self._stays(feeds, node)}
            found = {name: array.shape for name, array in batch.items()}
            nbytes = sum(array.nbytes for array in batch.values())
            if waiting and (found != shapes or size + nbytes > self.memory):
                yield fixed, _stacked(waiting), len(waiting), samples
                waiting, size = [], 0
            waiting.append({name: array.copy() for name, array in batch.items()})  # its memory is the next one's
            shapes, size, samples = found, size + nbytes, sample_count(feeds)
        if waiting:
            yield fixed, _stacked(waiting), len(waiting), samples

    def _stays(self, feeds: Feeds, node: Any) -> bool:
        """Tell whether a feed is the same in each step."""
        return isinstance(self.batches, CutArrays) and node in self.batches.arrays and not is_batched(node)


def _stacked(batches: list[dict[str, Any]]) -> dict[str, Any]:
    return {name: np.stack([batch[name] for batch in batches]) for name in batches[0]}


def _with_a_rule(optimizer: AnyOptimizer) -> Optimizer:
    if isinstance(optimizer, Optimizer) and type(optimizer).update is Optimizer.update:
        return optimizer
    raise TrainingError(
        f"{type(optimizer).__name__} updates parameters by itself, and JAX traces only a rule",
        repair='Derive it from one of ours, as gn.GradientDescent, and give it another rule; or train by engine="numpy".',
    )
