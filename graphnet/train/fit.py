"""The training loop."""

from __future__ import annotations

import difflib
import inspect
import math
import sys
import time
from collections.abc import Collection, Iterable, Mapping, Sequence
from contextlib import nullcontext
from functools import partial
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from graphnet.common.origin import warn
from graphnet.common.settings import called, flag, generator, whole
from graphnet.core.graph import Graph, Target, as_graph
from graphnet.core.node import Node, describe
from graphnet.engine.finite import OnNonFinite, check_option
from graphnet.errors import NonFiniteError, TrainingError, shown
from graphnet.interop.doors import JaxEngine
from graphnet.train.batches import Data, as_batches
from graphnet.train.callbacks import USUAL_CAUSES, AnyCallback, Callback, History, Training, check_callbacks, growth
from graphnet.train.descent import Descent, Devices, chosen
from graphnet.train.evaluation import Evaluation, Metrics, by_name, mean_by_samples
from graphnet.train.optimizers import AnyOptimizer, Optimizer, labelled

if TYPE_CHECKING:
    from tqdm import tqdm


@called("gn.fit(E, {x: X, t: T}, optimizer=gn.Adam(0.01), epochs=100)", TrainingError)
def fit(
    target: Target,
    feeds: Data,
    *,
    optimizer: AnyOptimizer,
    epochs: int,
    batch_size: int | None = None,
    steps_per_epoch: int | None = None,
    validation: Data | None = None,
    metrics: Metrics | None = None,
    callbacks: Iterable[AnyCallback] = (),
    rng: np.random.Generator | None = None,
    progress: bool | None = None,
    on_nonfinite: OnNonFinite = "raise",
    engine: Literal["numpy", "auto"] | JaxEngine = "numpy",
    **unknown: object,
) -> History:
    """Train the parameters that E depends on.

    Parameters
    ----------
    target
        The loss E, a scalar.
    feeds
        {input or its name: array of all samples}. Inputs whose first size is ``None`` are cut into mini-batches; the
        others are fed whole in each step. Of memory-mapped arrays only the rows of a mini-batch are read. Or mini-batches
        that are cut already, each a dict: a list, an iterator, or a function that returns one, called for each epoch.
        Masks of dropout that are not fed are drawn anew in each step.
    optimizer
        Turns gradients into new values, as ``gn.GradientDescent(0.5)`` or ``gn.Adam()``. Fitting again with the same
        optimiser and generator is training on.
    epochs
        How many times to go through the data.
    batch_size
        Samples a step; all of them if not given. The last mini-batch of an epoch may be smaller.
    steps_per_epoch
        How many of the batches that come ready make an epoch: needed for an endless generator.
    validation
        Data as `feeds`, which E is computed on after each epoch, with the network as it is used after training: see
        `inference`. The statistics of batch normalisations are then those of the first 1,024 training samples, or of the
        last batch where batches come ready.
    metrics
        {name: scalar node}, or a list of such nodes, as ``gn.accuracy(a, t)``: computed on the validation data after each
        epoch, on the training data if there is none; inputs that only they need are fed along with those. They, the loss and
        the validation loss are means over the batches, each by its number of samples.
    callbacks
        What is done after each epoch: functions of a `Training`, `EarlyStopping`, or your own `Callback`.
    rng
        Shuffles the samples anew for each epoch, without it they are taken in order; and draws the masks of dropout. The
        same generator, data and parameters give the same bytes.
    progress
        Show a progress bar with the loss and the speed; by default in terminals and notebooks.
    on_nonfinite
        ``"raise"`` (the default): when the loss or a gradient has an infinity or NaN, the first node whose value or error
        signal has one is an error that names it and the step, and the parameters keep the values of the last good step. So
        are an update or an optimiser's memory that overflow, and a validation loss that is not finite.
    engine
        What takes the steps: NumPy on this machine; the devices that a `JaxEngine` names, on one machine or many; or "auto",
        JAX where it has other devices than the processor and the network is large, else NumPy: ``history.engine`` says which
        and why. Validation and metrics are computed by NumPy.

    Returns
    -------
    History
        The loss of each epoch, and what else was asked for. Interrupted by the keyboard (KeyboardInterrupt), it returns the
        history so far, and the parameters stay as they stand.

    Raises
    ------
    TrainingError
        Before the first step: if there are no parameters, no samples, the numbers of samples differ, labels or positions
        are out of range, or a setting is. Batches that come ready are checked one by one, each before its step.
    FeedError, ShapeError, DtypeError, RuleError, NonFiniteError
        As `backward`.

    Warns
    -----
    GraphnetWarning
        If no error signal reaches a parameter, since only a comparison, say, is computed from it: it keeps its value. If the
        loss grew within the first epoch, and is as large at the end; over several, the history says so.

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
    if unknown:
        raise _unknown_setting(next(iter(unknown)))
    graph = as_graph(target)
    _check_target(graph)
    _check_tools(optimizer, rng, on_nonfinite)
    whole(epochs, "epochs", "Say how often to go through the data.", least=0, error=TrainingError)
    measured = by_name(metrics)
    data = feeds if validation is not None else _of_the_loss(graph, feeds, measured)
    batches = as_batches(graph, data, epochs=epochs, batch_size=batch_size, steps_per_epoch=steps_per_epoch, rng=rng)
    raising = on_nonfinite == "raise"
    evaluation = partial(Evaluation, graph, batches, epochs)
    evaluated = validation if data is feeds else feeds
    evaluate = evaluation(evaluated, measured) if validation is not None or measured else None
    calls = check_callbacks(callbacks)
    hooks = [callback for callback in calls if isinstance(callback, Callback)]
    if isinstance(optimizer, Optimizer):
        optimizer.memory.check(labelled(graph))
    descent = Descent(graph, optimizer)
    on_devices, why = chosen(engine, graph, batches)
    devices = Devices(on_devices, descent, batches, raising=raising) if on_devices else None
    steps = devices.steps if devices else partial(descent.steps, batches, raising=raising)
    history = History(metrics={name: [] for name in measured}, engine=why)
    recorded = ("loss", *(["validation_loss"] if validation is not None else []), *measured)
    training = Training(graph, optimizer, history, epochs, recorded)
    if devices:
        history.engine, training.writes = devices.runner.describe(), devices.runner.writes
        devices.agree()
    training.evaluate = lambda: evaluation(None, {})(raising=raising)["validation_loss"]
    total = None if batches.steps is None else epochs * batches.steps
    # in a terminal or a notebook
    is_watched = (sys.stderr is not None and sys.stderr.isatty()) or "ipykernel" in sys.modules
    shown = is_watched if progress is None else flag(progress, "progress", TrainingError)
    losses: list[float] = []
    opening = math.inf
    try:
        with _bar(total) if shown else nullcontext() as bar:
            for hook in hooks:
                hook.start(training)
            while training.epoch < epochs and not history.stopped:
                started = time.perf_counter()
                before, losses = losses, []
                try:
                    counts = _run_epoch(training, steps(training.epoch + 1), losses, bar)
                except NonFiniteError as error:
                    _say_that_it_grew(error, history.loss, [*before, *losses, descent.loss])
                    raise
                if not losses:
                    _end_of_data(training)
                    break
                if not history.loss and counts[0] >= 4:  # of fewer samples it may be small by chance
                    opening = losses[0]
                numbers = evaluate(raising=raising) if evaluate else {}
                numbers = {name: numbers[name] for name in recorded[1:]}
                history.record(float(mean_by_samples(losses, counts)), numbers, time.perf_counter() - started)
                for callback in calls:
                    callback(training)
            for hook in hooks:
                hook.end(training)
    except KeyboardInterrupt:
        history.stopped = "interrupted"
    only = training.epoch == 1 and len(losses) > 5 and min(losses[-3:]) > 10 * max(map(abs, losses[:3]))
    if only or _grew_at_once(history.loss, opening):
        when = f"in {len(losses)} steps" if only else f"in the first steps, and stayed so for {training.epoch} epochs"
        warn(f"the loss grew from {losses[0] if only else opening:.4g} to {losses[-1]:.4g} {when}: {USUAL_CAUSES}")
    return history


def _of_the_loss(graph: Graph, feeds: Data, metrics: Mapping[str, Node]) -> Data:
    """Return the feeds without those of inputs that only metrics have."""
    every = Graph(*graph.outputs, *metrics.values())
    if not isinstance(feeds, Mapping) or len(every.inputs) == len(graph.inputs):
        return feeds
    return {key: array for key, array in feeds.items() if key in graph or key not in every}


def _run_epoch(
    training: Training, steps: Iterable[tuple[float, int]], losses: list[float], bar: tqdm[Any] | None
) -> list[int]:
    """Take the steps of an epoch, adding the loss of each to `losses`; return their numbers of samples."""
    counts = list[int]()
    with np.errstate(over="ignore"):  # it comes to an error, to nothing, or is to be ignored
        for loss, count in steps:
            losses.append(loss)
            counts.append(count)
            if bar is not None:
                bar.set_postfix(epoch=training.epoch + 1, loss=f"{loss:.4g}", refresh=False)
                bar.update()
    return counts


def _end_of_data(training: Training) -> None:
    """Stop, since an epoch has no batches; in the first that is an error."""
    if training.epoch == 0:
        raise TrainingError("there are no batches", repair="Give at least one.")
    training.stop(f"no more batches after {training.epoch} epochs")


def _bar(total: int | None) -> tqdm[Any]:
    """Return a progress bar. In a notebook without widgets tqdm.auto warns at import, so only who sees a bar imports it."""
    from tqdm.auto import tqdm

    return tqdm(total=total, desc="training", unit="step")


# Numbers that are not finite ----------------------------------------------------------------------------------------


def _grew_at_once(epochs: Sequence[float], opening: float) -> bool:
    """Tell whether the loss grew in the first steps and stayed large, so that the losses of epochs don't show it."""
    stays = len(epochs) > 1 and epochs[-1] > epochs[0] / 10 and not growth(epochs, "epoch")
    return stays and epochs[-1] > 100 * abs(opening) > 0


def _say_that_it_grew(error: NonFiniteError, epochs: Sequence[float], steps: Sequence[float]) -> None:
    """Add to an error how the loss grew before it, over epochs or within them, and what such a growth mostly comes from."""
    for losses, unit in ((epochs, "epoch"), (steps, "step")):
        growing = growth([loss for loss in losses if not np.isnan(loss)], unit)
        if growing:
            error.where = (*error.where, f"before, the loss grew {growing}")
            error.repair = (
                f"A loss grows, mostly, since {USUAL_CAUSES}. Columns of mean 0 and standard deviation 1 are safe."
            )
            return


# Checks before the first step ---------------------------------------------------------------------------------------


def _check_target(graph: Graph) -> None:
    """Raise `TrainingError` unless there is one scalar to make smaller, and parameters to do so."""
    if len(graph.outputs) > 1 or graph.outputs[0].shape != ():
        raise TrainingError(
            f"{graph.label(graph.outputs[0])!r} has shape {graph.outputs[0].shape}, of {len(graph.outputs)} outputs",
            repair="Training needs one scalar to make smaller: end in a loss, as gn.sse(a, t).",
        )
    if not graph.parameters:
        raise TrainingError(
            "there is nothing to train: E depends on no parameter", repair="Make one: gn.parameter(...)."
        )
    for parameter in graph.parameters:
        if not parameter.value.flags.writeable:
            raise TrainingError(
                f"the value of {describe(parameter)} is read-only",
                repair="Make it writeable: node.value.flags.writeable = True. What is to stay is a gn.constant.",
            )


def _unknown_setting(name: str) -> TrainingError:
    """Return the error for a setting that `fit` does not have, with what it is called here."""
    elsewhere = {
        "verbose": "progress=True or False",
        "validation_data": "validation={x: X, t: T}",
        "shuffle": "rng=np.random.default_rng(0), which shuffles",
        **dict.fromkeys(("lr", "learning_rate"), "optimizer=gn.Adam(0.001)"),
        **dict.fromkeys(
            ("parameters", "trainable", "freeze", "frozen"),
            "an optimiser whose update passes on some of the gradients, as docs/howto/train.md has it",
        ),
    }
    close = difflib.get_close_matches(name, inspect.signature(fit).parameters, n=1, cutoff=0.5)
    repair = elsewhere.get(name) or (f"{close[0]}=..." if close else "")
    return TrainingError(f"fit has no setting {name!r}", repair=f"Write {repair}." if repair else "Leave it out.")


def _check_tools(optimizer: object, rng: object, on_nonfinite: object) -> None:
    """Raise `TrainingError` unless the settings are of the kinds that they must be."""
    if isinstance(optimizer, (type, Collection)) or not callable(getattr(optimizer, "update", None)):
        name = optimizer.__name__ if isinstance(optimizer, type) else "GradientDescent"
        what = f"the class {name}" if isinstance(optimizer, type) else shown(optimizer)
        raise TrainingError(f"{what} is not an optimiser", repair=f"Make one: optimizer=gn.{name}(0.01).")
    if rng is not None:
        generator(rng, TrainingError)
    check_option(on_nonfinite, TrainingError)
