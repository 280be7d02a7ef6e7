"""From feeds and parameters to the leaf values of one run: checked, of one dtype, and copied."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from graphnet.common.text import nearest
from graphnet.core.graph import Graph
from graphnet.core.leaves import Constant, Input, Parameter, numbers
from graphnet.core.node import Node, Numbers, describe
from graphnet.core.shapes import Shape, matches
from graphnet.errors import DtypeError, FeedError, ShapeError, shown
from graphnet.ops.dropout import Dropout
from graphnet.ops.losses import Loss

Values = dict[Node, Numbers]


def leaf_values(graph: Graph, feeds: Mapping[Any, Any], dtype: Any = None) -> Values:
    """Return the value of every leaf of the graph, as read-only arrays of its own.

    Parameters
    ----------
    graph
        The graph to be run.
    feeds
        {input node or its name: array}; every input of the graph once.
    dtype
        What to compute in; by default float32 if all parameters and floating feeds are, else float64.

    Raises
    ------
    FeedError
        If a feed is missing, unknown, given twice, or for a node that is not an input.
    ShapeError, DtypeError
        If an array is not what its input was declared to be.
    """
    fed = fed_arrays(graph, feeds)
    if dtype is None:
        dtype = run_dtype([*fed.values(), *(parameter.value for parameter in graph.parameters)])
    values: Values = {}
    leaves: tuple[Input | Parameter | Constant, ...] = (*graph.inputs, *graph.parameters, *graph.constants)
    for node in leaves:
        array = node.value if isinstance(node, (Parameter, Constant)) else fed[node]
        values[node] = frozen(array, dtype if node.dtype.kind == "f" else array.dtype)
    return values


def fed_arrays(graph: Graph, feeds: Mapping[Any, Any]) -> dict[Input, Numbers]:
    """Return the feeds by input node, checked but neither cast nor copied."""
    return {node: _fed_array(graph, node, array) for node, array in by_input(graph, feeds).items()}


def run_dtype(arrays: list[Numbers]) -> np.dtype[Any]:
    """Return float32 if all of the floating arrays are, else float64."""
    floating = [array.dtype for array in arrays if array.dtype.kind == "f"]
    return np.dtype(np.float32 if floating and all(kind == np.float32 for kind in floating) else np.float64)


def frozen(array: Any, dtype: Any) -> Numbers:
    """Return a read-only copy in `dtype`."""
    copy = np.array(array, dtype)
    copy.flags.writeable = False
    return copy


def by_input(graph: Graph, feeds: Mapping[Any, Any]) -> dict[Input, Any]:
    """Return the feeds by input node: every input of the graph once, or `FeedError`."""
    if not isinstance(feeds, Mapping):
        raise FeedError(f"feeds must be a dict, got {type(feeds).__name__}", repair="Write {x: X, t: T}.")
    names, inputs = {graph.label(node): node for node in graph.inputs}, set(graph.inputs)
    found: dict[Input, Any] = {}
    for key, array in feeds.items():
        node = names.get(key) if isinstance(key, str) else key
        if not isinstance(node, Input) or node not in inputs:
            raise _unknown_feed(graph, key, list(names))
        if node in found:
            raise FeedError(f"input {graph.label(node)!r} is fed twice, by node and by name", repair="Feed it once.")
        found[node] = array
    missing = [node for node in graph.inputs if node not in found]
    if missing:
        error = FeedError(
            f"no array is fed for {', '.join(repr(graph.label(node)) for node in missing)}",
            repair="Every input that the outputs depend on needs an array."
            + _OF_MASKS
            * any(isinstance(use.consumer.op, Dropout) for node in missing for use in graph.consumers(node)),
        )
        error.where = tuple(describe(node) for node in missing)
        raise error
    return found


_OF_MASKS = " gn.dropout_masks(E, samples, rng) draws the masks of dropout; gn.inference(E) is the network without it."


def _unknown_feed(graph: Graph, key: object, names: list[str]) -> FeedError:
    if isinstance(key, Parameter):
        return FeedError(f"{describe(key)} can't be fed", repair="Set its value: node.value = array.")
    if isinstance(key, Node):
        problem = f"{describe(key)} is not an input of this graph"
        if key.name in names:
            problem += f"; its own {key.name!r} is another node, {describe(graph[key.name])}"
            return FeedError(problem, repair="Feed the nodes that the graph was built from, or feed by name.")
        return FeedError(problem, repair="Only inputs that the outputs depend on are fed: leave it out.")
    close = nearest(key, names, 1) if isinstance(key, str) else []
    return FeedError(
        f"no input is called {shown(key)}; the inputs are {', '.join(map(repr, names)) or 'none'}",
        repair=f"Did you mean {close[0]!r}?" if close else "Feed inputs only, by node or by name.",
    )


def _fed_array(graph: Graph, node: Input, value: Any) -> Numbers:
    what = f"the feed of input {graph.label(node)!r}"
    array = numbers(value, what)
    given = "array" if isinstance(value, np.ndarray) else "np.asarray(array)"  # a list, or another library's
    accepted = {"f": "float64, float32 or integers", "i": "integers", "b": "bool"}[node.dtype.kind]
    if array.dtype.name not in accepted and not (array.dtype.kind in "iu" and node.dtype.kind in "fi"):
        raise DtypeError(
            f"{what} has dtype {array.dtype}, expected {accepted}",
            repair=f"Convert it first, {given}.astype({node.dtype.name.rstrip('0123456789')}), "
            "or declare it with another dtype.",
        )
    if not matches(array.shape, node.shape):
        raise ShapeError(
            f"{what} has shape {array.shape}, expected {node.shape}", repair=_fitting(graph, node, array, given)
        ).locate("", [describe(node)])
    return array


def _fitting(graph: Graph, node: Input, array: Numbers, given: str) -> str:
    """Return how an array fed to an input is likely made to fit; `given` is what to call it in code."""
    actual, declared = array.shape, node.shape
    is_target = any(isinstance(use.consumer.op, Loss) and use.slot == 1 for use in graph.consumers(node))
    if is_target and _seems_labels(array, declared):
        return f"Of labels make rows: gn.one_hot(labels, {declared[-1]})."
    if len(actual) + 1 == len(declared) and declared[-1] == 1:
        return f"Feed a column: {given}[:, np.newaxis]."
    if len(actual) + 1 == len(declared) and matches(actual, declared[1:]):
        return f"Feed a batch of one: {given}[np.newaxis]."
    if matches(actual[::-1], declared):
        return f"Is it stored transposed? Feed {given}.T."
    return "Feed that shape, or declare the input with None for sizes that vary."


def _seems_labels(array: Numbers, declared: Shape) -> bool:
    """Tell whether an array holds a class for each row of the shape declared: a whole number below the number of columns."""
    classes = declared[-1] if declared else None
    if not classes or array.dtype.kind not in "iu" or not array.size or not matches(array.shape, declared[:-1]):
        return False
    is_row = matches(array.shape, declared[1:]) and array.max() <= 1  # of zeros and ones: the target of one sample
    return not is_row and bool(array.min() >= 0 and array.max() < classes)
