"""The training loop."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from graphnet.core.graph import Graph, Target, as_graph
from graphnet.core.node import Input
from graphnet.engine.compile import Step
from graphnet.engine.feeds import by_input
from graphnet.engine.run import OnNonFinite, backward
from graphnet.errors import TrainingError
from graphnet.train.optimizers import Optimizer


@dataclass
class History:
    """What happened in training.

    Attributes
    ----------
    loss : list of float
        E of each epoch: the mean over its steps.
    """

    loss: list[float] = field(default_factory=list)

    def __repr__(self) -> str:
        if not self.loss:
            return "<History: no epochs>"
        return f"<History: {len(self.loss)} epochs, loss {self.loss[0]:.4g} → {self.loss[-1]:.4g}>"


def fit(
    target: Target,
    feeds: Mapping[Any, Any],
    *,
    optimizer: Optimizer,
    epochs: int,
    batch_size: int | None = None,
    rng: np.random.Generator | None = None,
    progress: bool | None = None,
    on_nonfinite: OnNonFinite = "raise",
) -> History:
    """Train the parameters that E depends on.

    Parameters
    ----------
    target
        The loss E, a scalar.
    feeds
        {input or its name: array of all samples}. Inputs whose first size is ``None`` are cut into mini-batches; the
        others are fed whole in each step.
    optimizer
        Turns gradients into new values, as ``gn.GradientDescent(0.5)``.
    epochs
        How many times to go through the data.
    batch_size
        Samples a step; all of them if not given. The last mini-batch of an epoch may be smaller.
    rng
        Shuffles the samples anew for each epoch; without it they are taken in order.
    progress
        Show a progress bar with the loss; by default if standard error is a terminal.
    on_nonfinite
        ``"raise"`` (the default): when the loss or a gradient has an infinity or NaN, the first node whose value or error
        signal has one is an error that names it, and the parameters keep the values of the last good step.

    Returns
    -------
    History
        The loss of each epoch.

    Raises
    ------
    TrainingError
        Before the first step: if there are no parameters, no samples, the numbers of samples differ, or a setting is out
        of range.
    FeedError, ShapeError, DtypeError, RuleError, NonFiniteError
        As `backward`.

    Examples
    --------
    >>> import graphnet as gn
    >>> x, t = gn.input("x", shape=(None, 1)), gn.input("t", shape=(None, 1))
    >>> w = gn.parameter("w", [[0.0]])
    >>> X = np.linspace(-1, 1, 8)[:, np.newaxis]
    >>> gn.fit(gn.sse(x @ w, t), {x: X, t: 3 * X}, optimizer=gn.GradientDescent(0.2), epochs=20)
    <History: 20 epochs, loss 15.43 → 1.221e-18>
    >>> w.value.round(3)
    array([[3.]])
    """
    from tqdm.auto import tqdm

    graph = as_graph(target)
    arrays = {node: np.asarray(array) for node, array in by_input(graph, feeds).items()}
    if len(graph.outputs) > 1 or graph.outputs[0].shape != ():
        raise TrainingError(
            f"{graph.label(graph.outputs[0])!r} has shape {graph.outputs[0].shape}, of {len(graph.outputs)} outputs",
            repair="Training needs one scalar to make smaller: end in a loss, as gn.sse(a, t).",
        )
    _check_tools(optimizer, rng, on_nonfinite)
    samples = _samples(graph, arrays, epochs, batch_size)
    step = Step(graph, graph.parameters, all_reached=False)
    history = History()
    with tqdm(total=epochs, desc="training", unit="epoch", disable=None if progress is None else not progress) as bar:
        for _ in range(epochs):
            losses = []
            for batch in _batches(arrays, samples, batch_size, rng):
                program = step.run(batch)
                loss = program.outputs[0].item()
                if on_nonfinite == "raise" and not _all_finite(loss, program.gradients.values()):
                    backward(graph, batch, on_nonfinite="raise")  # finds the first node, and raises
                optimizer.update(graph.parameters, program.gradients)
                losses.append(loss)
            history.loss.append(float(np.mean(losses)))
            bar.set_postfix(loss=f"{history.loss[-1]:.4g}", refresh=False)
            bar.update()
    return history


def _batches(
    arrays: Mapping[Input, np.ndarray[Any, Any]], samples: int, batch_size: int | None, rng: np.random.Generator | None
) -> Iterator[dict[Input, np.ndarray[Any, Any]]]:
    """Yield the feeds of each step of one epoch."""
    order = np.arange(samples) if rng is None else rng.permutation(samples)
    size = batch_size or max(samples, 1)
    for start in range(0, max(samples, 1), size):
        chosen = order[start : start + size]
        yield {node: array[chosen] if _is_batched(node) else array for node, array in arrays.items()}


def _all_finite(loss: float, gradients: Iterable[np.ndarray[Any, Any]]) -> bool:
    """Tell whether there can be no infinity or NaN; a sum of squares is one call an array, and may overflow itself."""
    with np.errstate(over="ignore"):
        flats = [gradient.ravel() for gradient in gradients]
        return math.isfinite(loss) and all(math.isfinite(flat.dot(flat)) for flat in flats)


def _is_batched(node: Input) -> bool:
    return bool(node.shape) and node.shape[0] is None


def _samples(graph: Graph, arrays: Mapping[Input, np.ndarray[Any, Any]], epochs: int, batch_size: int | None) -> int:
    """Return the number of samples, after checking everything that can be checked before the first step."""
    if not graph.parameters:
        raise TrainingError(
            "there is nothing to train: E depends on no parameter", repair="Make one: gn.parameter(...)."
        )
    if not _is_count(epochs, 0):
        raise TrainingError(
            f"epochs={epochs!r}, expected an integer ≥ 0", repair="Say how often to go through the data."
        )
    counts = {node.name: len(array) for node, array in arrays.items() if _is_batched(node) and array.ndim}
    if len(set(counts.values())) > 1:
        listed = ", ".join(f"{name!r} {count}" for name, count in counts.items())
        raise TrainingError(
            f"the feeds hold different numbers of samples: {listed}", repair="Feed equally many of each."
        )
    samples = next(iter(counts.values()), 0)
    if counts and samples == 0:
        raise TrainingError("the feeds hold no samples", repair="Feed at least one row.")
    if batch_size is None:
        return samples
    if not counts:
        raise TrainingError(
            "batch_size is given, but no input can be cut into mini-batches",
            repair="Declare inputs with None for the number of samples: shape=(None, 2).",
        )
    if not _is_count(batch_size, 1) or batch_size > samples:
        raise TrainingError(
            f"batch_size={batch_size!r}, expected an integer from 1 to {samples}, the number of samples",
            repair="Leave it out to use all samples in each step.",
        )
    return samples


def _check_tools(optimizer: object, rng: object, on_nonfinite: object) -> None:
    """Raise `TrainingError` unless the settings are of the kinds that they must be."""
    if isinstance(optimizer, type) or not callable(getattr(optimizer, "update", None)):
        raise TrainingError(f"{optimizer!r} is not an optimiser", repair="Write optimizer=gn.GradientDescent(0.1).")
    if rng is not None and not isinstance(rng, np.random.Generator):
        raise TrainingError(f"rng is {rng!r}, expected a generator", repair="Write rng=np.random.default_rng(0).")
    if on_nonfinite not in ("ignore", "raise"):
        raise TrainingError(f"on_nonfinite is {on_nonfinite!r}", repair='Use "ignore" or "raise".')


def _is_count(value: object, least: int) -> bool:
    return isinstance(value, (int, np.integer)) and not isinstance(value, bool) and int(value) >= least
