"""Where the feeds of each step come from: arrays cut into mini-batches, or batches that come ready."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sized
from dataclasses import dataclass
from itertools import islice
from typing import Any, TypeAlias

import numpy as np

from graphnet.common.settings import listed, takes, whole
from graphnet.core.graph import Graph
from graphnet.core.leaves import Input
from graphnet.engine.feeds import fed_arrays
from graphnet.engine.rewrite import with_sizes
from graphnet.errors import ShapeError, TrainingError, UnknownSizeError, shown
from graphnet.ops.dropout import dropout_masks, mask_rates
from graphnet.ops.indexing import Take
from graphnet.ops.losses import BinaryCrossEntropy, CrossEntropy

Feeds: TypeAlias = dict[Input, np.ndarray[Any, Any]]
Data: TypeAlias = Mapping[Any, Any] | Iterable[Mapping[Any, Any]] | Callable[[], Iterable[Mapping[Any, Any]]]
"""{input: array of all samples}, or batches as such dicts: a list, a generator, or a function that returns one."""

SAMPLED = 1024
"""How many samples the statistics of batch normalisation are measured on between epochs."""


def as_batches(
    graph: Graph,
    data: Data,
    *,
    epochs: int,
    batch_size: int | None = None,
    steps_per_epoch: int | None = None,
    rng: np.random.Generator | None = None,
) -> Batches:
    """Return what yields the feeds of each step, with everything checked that can be checked before the first."""
    if isinstance(data, Mapping) or not (callable(data) or isinstance(data, Iterable)):
        if steps_per_epoch is not None:
            repair = "Arrays are cut by batch_size; each epoch uses all of them."
            raise TrainingError("steps_per_epoch is given, and arrays", repair=repair)
        batches = CutArrays(graph, _checked(graph, data, rng), batch_size, rng)
        _check_last(graph, batches)
        return batches
    if batch_size is not None:
        repair = "Leave it out, or feed {input: array}."
        raise TrainingError("batch_size is given, and batches that are cut already", repair=repair)
    if callable(data):
        takes(data, 0, "the function that makes the batches", TrainingError)
    if steps_per_epoch is not None:
        whole(steps_per_epoch, "steps_per_epoch", least=1, error=TrainingError)
    elif isinstance(data, Iterator) and epochs > 1:
        raise TrainingError(
            f"a generator gives its batches once, and epochs={epochs}",
            repair="Give the function that makes it, batches instead of batches(), or say steps_per_epoch.",
        )
    return ReadyBatches(graph, data, steps_per_epoch, rng)


def for_evaluation(graph: Graph, data: Data, *, epochs: int, batch_size: int | None) -> Batches:
    """Return what yields feeds in order; arrays are cut like those of training, but may hold fewer samples than a batch."""
    if not isinstance(data, Mapping):
        return as_batches(graph, data, epochs=epochs)
    arrays = _checked(graph, data, None)
    is_cut = batch_size is not None and any(map(is_batched, arrays))
    return CutArrays(graph, arrays, min(batch_size or 1, sample_count(arrays)) if is_cut else None, None)


@dataclass
class CutArrays:
    """Mini-batches cut from arrays of all samples, which may be memory-mapped: only the rows of a batch are read."""

    graph: Graph
    arrays: Feeds
    batch_size: int | None
    rng: np.random.Generator | None

    def __post_init__(self) -> None:
        self._cut_up = [(node, array) for node, array in self.arrays.items() if is_batched(node)]
        self.samples = sample_count(self.arrays)
        if self.batch_size is not None:
            if not self._cut_up:
                raise TrainingError(
                    "batch_size is given, but no input can be cut into mini-batches",
                    repair="Declare inputs with None for the number of samples: shape=(None, 2).",
                )
            repair = f"There are {self.samples} samples. Leave it out to use all of them in each step."
            whole(self.batch_size, "batch_size", repair, least=1, most=self.samples, error=TrainingError)
        self.size = self.batch_size or self.samples
        self.steps: int | None = -(-self.samples // self.size)
        self._buffers: dict[int, Feeds] = {}

    def epoch(self) -> Iterator[Feeds]:
        """Yield the feeds of each step of one epoch: the samples in a new order, if there is a generator.

        Their arrays are valid until the next.
        """
        order = None if self.rng is None else self.rng.permutation(self.samples)
        for start in range(0, self.samples, self.size):
            rows = slice(start, start + self.size)
            feeds = self._cut(rows) if order is None else self._gathered(order[rows])
            yield _with_masks(self.graph, feeds, self.rng)

    def sample(self) -> Feeds:
        """Return the first samples."""
        return self._cut(slice(0, SAMPLED))

    def _gathered(self, rows: np.ndarray[Any, Any]) -> Feeds:
        """Return some samples; their memory is that of all mini-batches of this size, one after the other."""
        buffers = self._buffers.get(len(rows))
        if buffers is None:
            own = {node: np.empty((len(rows), *array.shape[1:]), array.dtype) for node, array in self._cut_up}
            buffers = self._buffers[len(rows)] = self.arrays | own
        for node, array in self._cut_up:
            array.take(rows, 0, buffers[node], "clip")  # "clip", since then nothing is copied on the way
        return buffers

    def _cut(self, rows: slice) -> Feeds:
        return self.arrays | {node: array[rows] for node, array in self._cut_up}


@dataclass
class ReadyBatches:
    """Batches that somebody else has cut, for each epoch anew or as one long stream."""

    graph: Graph
    source: Iterable[Mapping[Any, Any]] | Callable[[], Iterable[Mapping[Any, Any]]]
    steps: int | None
    rng: np.random.Generator | None

    def __post_init__(self) -> None:
        self._last: Feeds = {}
        if self.steps is None and isinstance(self.source, Sized):
            self.steps = len(listed(self.source, "the data", "batches", TrainingError))

    def epoch(self) -> Iterator[Feeds]:
        """Yield the feeds of each step of one epoch, each checked first."""
        batches = self.source() if callable(self.source) else self.source
        if not isinstance(batches, Iterable):
            raise TrainingError(f"the function gave {shown(batches)}", repair="It must return or yield batches.")
        try:
            each = iter(batches)
        except Exception as error:  # as an array of no dimension raises
            raise TrainingError(f"{shown(batches)} has no batches", repair="Give or yield dicts.") from error
        for batch in islice(each, self.steps):
            self._last = _checked(self.graph, batch, self.rng)
            yield _with_masks(self.graph, self._last, self.rng)

    def sample(self) -> Feeds:
        """Return the last batch."""
        return self._last


Batches: TypeAlias = CutArrays | ReadyBatches
"""The feeds of each step: as many ``steps`` as an epoch has, if that is known; those of an ``epoch``; some as a ``sample``."""


def sample_count(feeds: Feeds) -> int:
    """Return how many samples feeds hold: 1 if no input is cut into mini-batches."""
    for node, array in feeds.items():  # asked in each step: a generator would take twice as long
        if is_batched(node):
            return len(array)
    return 1


def _checked(graph: Graph, feeds: Mapping[Any, Any], rng: np.random.Generator | None) -> Feeds:
    """Return feeds by input, without the masks of dropout that are to be drawn, or raise if a step would fail."""
    is_dict = isinstance(feeds, Mapping)
    drawn = [mask for mask in mask_rates(graph) if is_dict and mask not in feeds and graph.label(mask) not in feeds]
    if drawn and rng is None:
        raise TrainingError(
            f"dropout draws {', '.join(repr(graph.label(mask)) for mask in drawn)} at random, and there is no generator",
            repair="Write rng=np.random.default_rng(0), or feed the masks.",
        )
    stand_ins = {mask: np.ones([size or 1 for size in mask.shape], bool) for mask in drawn}
    arrays = fed_arrays(graph, {**feeds, **stand_ins} if drawn else feeds)
    fed = {node: array for node, array in arrays.items() if node not in stand_ins}
    counts = {graph.label(node): len(array) for node, array in fed.items() if is_batched(node)}
    if len(set(counts.values())) > 1:
        listing = ", ".join(f"{name!r} {count}" for name, count in counts.items())
        problem = f"the feeds hold different numbers of samples: {listing}"
        raise TrainingError(problem, repair="Feed equally many of each.")
    if 0 in counts.values():
        raise TrainingError("the feeds hold no samples", repair="Feed at least one row.")
    _check_ranges(graph, fed)
    return fed


def _check_ranges(graph: Graph, feeds: Feeds) -> None:
    """Raise `TrainingError` if labels, positions or shares of classes are fed that are out of range."""
    most: float
    for node in graph.nodes:
        match node.op:
            case Take(axis=axis) if (size := node.inputs[0].shape[axis]) is not None:
                most, takes = size - 1, f"them from 0 to {size - 1}"
                repair = "Are labels counted from 1? They are counted from 0 here."
            case BinaryCrossEntropy():
                most, takes, repair = 1, "shares of classes, from 0 to 1", "Of labels −1 and 1 make (t + 1) / 2."
            case CrossEntropy():
                most, takes = math.inf, "shares of classes, from 0 to 1"
                repair = "For weights that may be negative write -gn.sum(t * gn.log_softmax(z))."
            case _:
                continue
        numbers = node.inputs[1]
        fed = feeds.get(numbers) if isinstance(numbers, Input) else None
        if fed is not None and ((fed < 0) | (fed > most)).any():
            raise TrainingError(
                f"the feed of {graph.label(numbers)!r} has numbers from {fed.min()} to {fed.max()}, "
                f"and {graph.label(node)!r} takes {takes}",
                repair=repair,
            )


def _check_last(graph: Graph, batches: CutArrays) -> None:
    """Raise `TrainingError` if the last mini-batch of an epoch is smaller than the others, and too small for some node."""
    samples, size = batches.samples, batches.size
    last = samples % size
    if not last:
        return
    arrays = batches.arrays
    fed = {
        node: tuple(last if n is None else n for n in (node.shape if is_batched(node) else arrays[node].shape))
        for node in graph.inputs
    }
    try:
        with_sizes(graph, fed)
    except UnknownSizeError:
        return  # it depends on numbers, not on how many samples there are: the first step says so
    except ShapeError as error:
        fitting = next((smaller for smaller in range(size - 1, 1, -1) if samples % smaller != last), None)
        raise TrainingError(
            f"the last mini-batch holds {last} of {samples} samples: {error.problem}",
            repair=f"Choose another batch_size{f', as {fitting}' if fitting else ''}, or leave samples out.",
        ).locate(error.subject, error.where) from None


def _with_masks(graph: Graph, feeds: Feeds, rng: np.random.Generator | None) -> Feeds:
    """Return feeds with a new mask for each dropout that has none."""
    if rng is None or len(feeds) == len(graph.inputs):
        return feeds
    return {**dropout_masks(graph, sample_count(feeds), rng), **feeds}


def is_batched(node: Input) -> bool:
    """Tell whether the first axis of an input is that of the samples."""
    return bool(node.shape) and node.shape[0] is None
