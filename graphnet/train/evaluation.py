"""The network as it is used after training, and the loss and the metrics on it."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from operator import is_
from typing import Any, overload

import numpy as np

from graphnet.common.origin import inside
from graphnet.common.settings import listed
from graphnet.core.graph import Graph, Target, as_graph
from graphnet.core.leaves import constant
from graphnet.core.node import Node, describe
from graphnet.engine.compile import CompiledStep
from graphnet.engine.run import forward
from graphnet.errors import FeedError, GraphError, NonFiniteError, TrainingError, shown
from graphnet.ops.activations import identity
from graphnet.ops.arithmetic import divide
from graphnet.ops.dropout import Dropout
from graphnet.ops.normalisation import BatchNorm
from graphnet.train.batches import Batches, CutArrays, Data, Feeds, for_evaluation, sample_count


@overload
def inference(target: Node, feeds: Mapping[Any, Any] | None = None) -> Node: ...
@overload
def inference(target: Target, feeds: Mapping[Any, Any] | None = None) -> Node | Graph: ...
def inference(target: Target, feeds: Mapping[Any, Any] | None = None) -> Node | Graph:
    """Return the network as it is used after training: dropout left out, batch normalisation with fixed numbers.

    Nodes are immutable and hold no state, so there is no switch from training to inference: they are two graphs with the
    same parameters. The mean and variance of each batch normalisation become constants: those of the samples fed here,
    taken as one batch, layer after layer. That is what running averages estimate; here it is measured, once, and a picture
    of the graph shows it.

    Parameters
    ----------
    target
        The output, several, or a graph.
    feeds
        Training data, all of it or some thousand samples, for what the batch normalisations depend on. Needed only if there
        are any.

    Returns
    -------
    Node or Graph
        A node for a node, else a graph. It is the very same one if there is nothing to change. Parameters and inputs are
        the same nodes: training E further changes both.

    Raises
    ------
    GraphError
        If there are batch normalisations, and no feeds.
    FeedError, ShapeError, DtypeError, RuleError
        As for `forward`.

    Examples
    --------
    >>> import graphnet as gn
    >>> x = gn.input("x", shape=(None, 1))
    >>> a = gn.layers.dropout(gn.batch_norm(x), rate=0.5)
    >>> a = gn.inference(a, {x: [[1.0], [3.0]]})  # mean 2, variance 1
    >>> gn.forward(a, {x: [[4.0]]})[a].round(3)
    array([[2.]])
    """
    if feeds is not None and not isinstance(feeds, Mapping):
        raise FeedError(f"feeds must be a dict, got {type(feeds).__name__}", repair="Write {x: X}.")
    fixed = with_statistics(without_dropout(as_graph(target)), feeds)
    return fixed.outputs[0] if isinstance(target, Node) else fixed


def without_dropout(graph: Graph) -> Graph:
    """Return the graph with each dropout replaced by its input."""

    def left_out(z: Node, name: str | None) -> Node:
        return z if name is None else identity(z, name=name)

    return _replaced(graph, {node: left_out for node in graph.nodes if isinstance(node.op, Dropout)})


def with_statistics(graph: Graph, feeds: Mapping[Any, Any] | None) -> Graph:
    """Return the graph with the mean and variance of each batch normalisation fixed to those of the samples fed."""
    norms = batch_norms(graph)
    if norms and feeds is None:
        raise GraphError(
            f"the mean and variance of {describe(norms[0], graph.label(norms[0]))} are not known",
            repair="Measure them on training data: gn.inference(a, {x: X}).",
        )
    measured = _statistics(graph, norms, feeds or {})
    return _replaced(graph, {norm: partial(_normalised, graph.label(norm), found) for norm, found in measured.items()})


def batch_norms(graph: Graph) -> list[Node]:
    """Return the batch normalisations of a graph."""
    return [node for node in graph.nodes if isinstance(node.op, BatchNorm)]


Statistics = tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]


def _statistics(graph: Graph, norms: list[Node], feeds: Mapping[Any, Any]) -> dict[Node, Statistics]:
    """Return the mean of each batch normalisation's input, and the root of its variance plus ε."""
    if not norms:
        return {}
    before = Graph(*dict.fromkeys(norm.inputs[0] for norm in norms))
    needed = {key: node for node in before.inputs for key in (node, graph.label(node))}
    values = forward(before, {needed[key]: array for key, array in feeds.items() if key in needed})
    statistics = {}
    for norm in norms:
        op, z = norm.op, values[norm.inputs[0]]
        assert isinstance(op, BatchNorm)
        op.shape(z.shape)
        statistics[norm] = op.statistics(z)
    return statistics


def _normalised(label: str, statistics: Statistics, z: Node, name: str | None) -> Node:
    """Return what stands for a batch normalisation; its parts are in a scope of its name."""
    with inside(label):
        mean, deviation = (constant(v, name=what) for v, what in zip(statistics, ("mean", "deviation"), strict=True))
        centred = z - mean
    return divide(centred, deviation, name=name)  # type: ignore[no-any-return]


def _replaced(graph: Graph, changes: Mapping[Node, Callable[[Node, str | None], Node]]) -> Graph:
    """Return the graph with what `changes` makes of the input and the given name of some nodes in their place.

    Nodes before them stay the same.
    """
    new: dict[Node, Node] = {}
    for node in graph.nodes:
        inputs = tuple(new[source] for source in node.inputs)
        name = node.name.removeprefix(f"{node.scope}/") if node.name and node.scope else node.name
        with inside(node.scope):
            if node in changes:
                new[node] = changes[node](inputs[0], name)
            else:
                same = all(map(is_, inputs, node.inputs))
                new[node] = node if same else Node(node.op, inputs, node.shape, node.dtype, name)
    return Graph(*(new[node] for node in graph.outputs))


Metrics = Mapping[str, Node] | Sequence[Node]
_METRICS = 'Metrics are nodes, not names: metrics=[gn.accuracy(a, t)], or {"accuracy": gn.accuracy(a, t)}.'
RESERVED = ("epoch", "loss", "validation_loss", "seconds")


def by_name(metrics: Metrics | None) -> dict[str, Node]:
    """Return metrics by name, each a scalar node, or raise `TrainingError`."""
    if isinstance(metrics, Node):
        metrics = [metrics]
    if not isinstance(metrics, Mapping):
        given = [] if metrics is None else listed(metrics, "metrics", "nodes", TrainingError, _METRICS)
        for each in given:
            if not isinstance(each, Node):
                raise TrainingError(f"a metric is {shown(each)}, expected a scalar node", repair=_METRICS)
        names = [node.name or node.kind for node in given]
        twice = [name for i, name in enumerate(names) if name in names[:i]]
        if twice:
            raise TrainingError(f"two metrics are called {twice[0]!r}", repair="Write metrics={name: node, ...}.")
        metrics = dict(zip(names, given, strict=True))
    for name, node in metrics.items():
        if not isinstance(name, str) or name in ("", *RESERVED):
            raise TrainingError(f"a metric can't be called {shown(name)}", repair="Choose another name.")
        if not isinstance(node, Node) or node.shape != ():
            raise TrainingError(
                f"metric {name!r} is {shown(node)}, expected a scalar node",
                repair="Take its mean: gn.mean(...)." if isinstance(node, Node) else _METRICS,
            )
    return dict(metrics)


class Evaluation:
    """The loss and the metrics on the validation data, or on the training data if there is none.

    Each is the mean over batches, each by its number of samples.

    Parameters
    ----------
    graph
        Of the loss.
    training
        What is trained on. The mean and variance of batch normalisations are measured on some of its samples.
    epochs
        How many times it is gone through.
    validation
        The validation data, if there is any; arrays are cut as those of the training are.
    metrics
        Scalar nodes by name.

    Raises
    ------
    TrainingError
        If there is no validation data, and the training data can't be gone through once more.
    """

    def __init__(
        self, graph: Graph, training: Batches, epochs: int, validation: Data | None, metrics: Mapping[str, Node]
    ) -> None:
        self._names = ("validation_loss", *metrics)
        self._graph = without_dropout(Graph(*graph.outputs, *metrics.values()))
        self._step: CompiledStep | None = None if batch_norms(self._graph) else CompiledStep(self._graph, ())
        self._training = training
        self._where = "after an epoch" if validation is None else "in the validation data"
        if validation is None:
            validation = self._training_data(metrics)
        size = training.batch_size if isinstance(training, CutArrays) else None
        self._batches = for_evaluation(self._graph, validation, epochs=epochs, batch_size=size)

    def _training_data(self, metrics: Mapping[str, Node]) -> Data:
        """Return the training data, without what only dropout needs."""
        if isinstance(self._training, CutArrays):
            return {node: array for node, array in self._training.arrays.items() if node in self._graph}
        if not metrics and not isinstance(self._training.source, Iterator):
            return self._training.source
        what = "metrics are asked for, and the batches come ready" if metrics else "the batches come only once"
        raise TrainingError(what, repair="Give data to compute on: validation=...")

    def __call__(self, *, raising: bool) -> dict[str, float]:
        """Return ``"validation_loss"`` and the metrics by name, as the parameters are now.

        Parameters
        ----------
        raising
            Whether a loss that is not finite is a `NonFiniteError`, which names the first node to have such a number.
        """
        step = self._step or CompiledStep(with_statistics(self._graph, self._training.sample()), ())
        counts, numbers = [], []
        for batch in self._batches.epoch():
            counts.append(sample_count(batch))
            numbers.append([output.item() for output in step.run(batch).outputs])
            if raising and not math.isfinite(numbers[-1][0]):
                self._raise(step.graph, batch)
        if not counts:
            raise TrainingError("the validation data has no batches", repair="Give at least one.")
        return dict(zip(self._names, mean_by_samples(numbers, counts).tolist(), strict=True))

    def _raise(self, graph: Graph, batch: Feeds) -> None:
        try:
            forward(graph, batch, on_nonfinite="raise")  # names the node
        except NonFiniteError as error:
            error.where = (self._where, *error.where)
            raise


def mean_by_samples(numbers: Sequence[Any], counts: Sequence[int]) -> np.ndarray[Any, Any]:
    """Return the mean over batches, each by its number of samples: of a mean over samples that is the mean over them all."""
    weights = np.divide(counts, max(counts))  # equal ones change no bit
    mean: np.ndarray[Any, Any] = (np.transpose(numbers) * weights).T.sum(axis=0) / weights.sum()
    return mean  # as of np.average, which takes longer to begin
