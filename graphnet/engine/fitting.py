"""What to feed instead of an array whose shape does not fit."""

from __future__ import annotations

from graphnet.core.graph import Graph
from graphnet.core.leaves import Input
from graphnet.core.node import Numbers
from graphnet.core.shapes import Shape, matches
from graphnet.ops.losses import Loss


def fitting(graph: Graph, node: Input, array: Numbers, given: str) -> str:
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
