"""Evaluation: the loss and the metrics after each epoch, on the network as it will be used."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from graphnet.core.graph import Graph
from graphnet.core.node import Node
from graphnet.core.settings import listed
from graphnet.engine.compile import Step
from graphnet.engine.run import forward
from graphnet.errors import TrainingError, shown
from graphnet.train.batches import Batches, Feeds, sample_count
from graphnet.train.inference import batch_norms, with_statistics, without_dropout

Metrics = Mapping[str, Node] | Sequence[Node]
_METRICS = 'Metrics are nodes, not names: metrics=[gn.accuracy(a, t)], or {"accuracy": gn.accuracy(a, t)}.'
RESERVED = ("epoch", "loss", "validation_loss", "seconds")


def by_name(metrics: Metrics | None) -> dict[str, Node]:
    """Return metrics by name, each a scalar node, or raise `TrainingError`."""
    if isinstance(metrics, Node):
        metrics = [metrics]
    if metrics is not None and (isinstance(metrics, str) or not isinstance(metrics, Iterable)):
        raise TrainingError(f"metrics is {shown(metrics)}, expected a list of nodes", repair=_METRICS)
    if not isinstance(metrics, Mapping):
        given = [] if metrics is None else listed(metrics, "metrics", "scalar nodes", TrainingError)
        names = [str(getattr(node, "name", None) or getattr(node, "kind", "metric")) for node in given]
        twice = [name for i, name in enumerate(names) if name in names[:i]]
        if twice:
            raise TrainingError(f"two metrics are called {twice[0]!r}", repair="Write metrics={name: node, ...}.")
        metrics = dict(zip(names, given, strict=True))
    for name, node in metrics.items():
        if not isinstance(name, str) or name in RESERVED:
            raise TrainingError(f"a metric can't be called {shown(name)}", repair="Choose another name.")
        if not isinstance(node, Node) or node.shape != ():
            raise TrainingError(
                f"metric {name!r} is {shown(node)}, expected a scalar node",
                repair="Take its mean: gn.mean(...)." if isinstance(node, Node) else _METRICS,
            )
    return dict(metrics)


class Evaluation:
    """The loss and the metrics on some data: their mean over its batches, each by its number of samples."""

    def __init__(self, graph: Graph, metrics: Mapping[str, Node]) -> None:
        self.names = ("validation_loss", *metrics)
        self.graph = without_dropout(Graph(*graph.outputs, *metrics.values()))
        self._step: Step | None = None if batch_norms(self.graph) else Step(self.graph, ())

    def of(self, batches: Batches, statistics: Feeds, *, raising: bool = False) -> dict[str, float]:
        """Return the loss and the metrics by name, as the parameters are now.

        Parameters
        ----------
        batches
            What to take the mean over.
        statistics
            Training samples to measure the mean and variance of batch normalisations on, if there are any.
        raising
            Whether a loss that is not finite is a `NonFiniteError`, which names the first node to have such a number.
        """
        step = self._step or Step(with_statistics(self.graph, statistics), ())
        weights, numbers = [], []
        for batch in batches.epoch():
            weights.append(sample_count(batch))
            numbers.append([output.item() for output in step.run(batch).outputs])
            if raising and not math.isfinite(numbers[-1][0]):
                forward(step.graph, batch, on_nonfinite="raise")  # names the node
        if not weights:
            raise TrainingError("the validation data has no batches", repair="Give at least one.")
        return dict(zip(self.names, mean_by_samples(numbers, weights).tolist(), strict=True))


def mean_by_samples(numbers: Sequence[Any], counts: Sequence[int]) -> np.ndarray[Any, Any]:
    """Return the mean over batches, each by its number of samples: of a mean over samples that is the mean over them all."""
    return np.average(numbers, axis=0, weights=np.divide(counts, max(counts)))  # equal ones change no bit
