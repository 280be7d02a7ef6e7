"""Applying one node's rules to arrays, and holding the rules to their contract."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeVar

import numpy as np

from graphnet.common.text import count as counted
from graphnet.core.graph import Graph
from graphnet.core.inference import require_value
from graphnet.core.node import Array, Node, Numbers, describe, describe_inputs, subject
from graphnet.core.op import Op, as_reals
from graphnet.core.shapes import list_shapes, matches, ones_of, refuse_hidden_stretch
from graphnet.errors import DtypeError, GraphnetError, OpaqueError, RuleError, ShapeError, shown
from graphnet.ops.composites import Composite

E = TypeVar("E", bound=GraphnetError)


def apply_forward(graph: Graph, node: Node, inputs: list[Numbers], dtype: np.dtype[Any]) -> Numbers:
    """Compute a node's value from its inputs' values, in the run's dtype, and check it."""
    op = node.op
    assert op is not None
    try:
        require_declared_sizes(op, node.inputs, [array.shape for array in inputs])
        reals = as_reals(op, inputs, dtype) if node.dtype.kind == "f" and _not_all_real(inputs) else inputs
        value = np.asarray(require_value(op.forward(*reals)))
    except Exception as error:
        problem = error if isinstance(error, GraphnetError) else _of_shapes(op, inputs) or error
        raise located(rule_error("forward", inputs, problem), graph, node) from error
    check_shape(graph, node, value.shape)
    return read_only(_in_run_dtype(graph, node, value, inputs, dtype))


def apply_backward(
    graph: Graph, node: Node, delta: Array, output: Array, inputs: list[Array]
) -> Sequence[Numbers | None]:
    """Compute the messages to a node's inputs, and check them: count, shape and dtype."""
    op = node.op
    assert op is not None
    delta = read_only(np.asarray(delta))
    try:
        reals = as_reals(op, inputs, delta.dtype) if _not_all_real(inputs) else inputs
        messages = as_messages(op, op.backward(delta, output, *reals), len(inputs))
    except Exception as error:
        raise located(rule_error("backward", [delta, output, *inputs], error), graph, node) from error
    try:
        if _not_all_real(inputs):
            messages = [None if message is None else message.astype(delta.dtype) for message in messages]
        for slot, (message, value) in enumerate(zip(messages, inputs, strict=True)):
            if message is not None and value.dtype.kind == "f":
                check_message(op, slot, message, value, delta.dtype)
    except RuleError as error:
        raise located(error, graph, node) from None
    return [None if message is None else read_only(message) for message in messages]


def require_declared_sizes(op: Op, inputs: Sequence[Node], fed: Sequence[tuple[int, ...]]) -> None:
    """Raise `ShapeError` if an op would stretch a size that was declared unknown, and so promised to be equal."""
    if ones_of([node.shape for node in inputs]):  # a 1 may have been written to stretch: a fed one says nothing
        sizes = [zip(node.shape, shape, strict=True) for node, shape in zip(inputs, fed, strict=True)]
        fed = [tuple([size if known is None else known for known, size in pairs]) for pairs in sizes]
    if op.stretched is not None:
        refuse_hidden_stretch([node.shape[op.stretched] for node in inputs], [shape[op.stretched] for shape in fed])
        op.shape(*fed)  # what was unknown when the node was made is known now
    for step in op.steps(inputs, fed) if isinstance(op, Composite) else ():
        require_declared_sizes(*step)


def _of_shapes(op: Op, inputs: Sequence[Numbers]) -> ShapeError | None:
    """Return what is wrong with the shapes of inputs, if an op has a rule for shapes, which says it better."""
    fed = [array.shape for array in inputs]
    try:
        if type(op).shape is not Op.shape and op.stretched is None:  # else it was asked before
            op.shape(*fed)
        elif isinstance(op, Composite):
            op.expansion(fed, [array.dtype for array in inputs])
    except ShapeError as error:
        return error
    except RuleError:
        pass  # it can't be read as a graph
    return None


def messages_of(op: Op, returned: Any, count: int) -> list[Any]:
    """Return what a backward rule returned as a list; raise `RuleError` if it is not one message for each input."""
    if returned is None:
        raise RuleError("its backward rule returned None", repair="Is a return missing? For no error signal: (None,).")
    messages = list(returned) if isinstance(returned, (tuple, list)) else [returned]
    if len(messages) != count:
        raise RuleError(
            f"its backward rule returned {counted(len(messages), 'error signal')}, expected {count}, one for each input",
            repair=f"Return one for each of {', '.join(op.input_names(count))}; None for an input that has none.",
        )
    return messages


def as_messages(op: Op, returned: Any, count: int) -> list[Numbers | None]:
    """Return what a backward rule returned as a list of arrays; raise `RuleError` if it is not one for each input."""
    messages = messages_of(op, returned, count)
    try:
        return [None if message is None else np.asarray(message) for message in messages]
    except Exception as error:  # of any kind: arrays of other libraries raise what they like
        raise RuleError(
            f"its backward rule returned what is no array: {shown(error)}", repair="Return an array for each input."
        ) from error


def check_shape(graph: Graph, node: Node, shape: tuple[int, ...]) -> None:
    """Raise `ShapeError` unless what a forward rule gave has the shape of its node."""
    if not matches(shape, node.shape):
        raise located(
            ShapeError(
                f"the forward rule gave shape {shape}, expected {node.shape}",
                repair="Sizes that were unknown when the graph was built must fit each other when fed.",
            ),
            graph,
            node,
        )


def check_message(op: Op, slot: int, message: Numbers, value: Numbers, dtype: np.dtype[Any]) -> None:
    """Raise `RuleError` unless a message has its input's shape and the error signal's dtype."""
    if message.shape == value.shape and message.dtype == dtype:
        return  # before any words are made: an op of n inputs would make n names for each of them
    what = f"its backward rule returned for input {slot} ({op.input_names(slot + 1)[slot]}) an array of"
    if message.shape != value.shape:
        raise RuleError(
            f"{what} shape {message.shape}, expected {value.shape}", repair=_shape_repair(message.shape, value.shape)
        )
    raise RuleError(
        f"{what} {message.dtype}, expected {dtype}",
        repair="Multiply by delta; in float32 runs, avoid arrays made as float64.",
    )


def _shape_repair(got: tuple[int, ...], expected: tuple[int, ...]) -> str:
    if got == expected[::-1]:
        return "It has the shape of the transpose: a .T is missing, or one too many."
    if len(got) > len(expected) and got[len(got) - len(expected) :] == expected:
        return "It still has the axis of the samples: sum over it, np.sum(..., axis=0)."
    return "An error signal has the shape of the value it belongs to."


def _in_run_dtype(graph: Graph, node: Node, value: Numbers, inputs: list[Numbers], expected: np.dtype[Any]) -> Numbers:
    if node.dtype.kind != "f" or value.dtype == expected:
        return value
    of_known_ops = isinstance(node.op, Composite) and node.op.by_chain_rule  # constants within it adapt, as elsewhere
    if value.dtype.kind in "biu" or (value.dtype.kind == "f" and (of_known_ops or _not_all_real(inputs))):
        return value.astype(expected)
    raise located(
        DtypeError(
            f"the forward rule gave {value.dtype}, but the run computes in {expected}",
            repair="Avoid arrays made as float64 inside the rule; Python numbers adapt by themselves.",
        ),
        graph,
        node,
    )


def _not_all_real(inputs: Sequence[Numbers]) -> bool:
    """Tell whether integers or truth values are among the inputs: they make NumPy compute in float64."""
    return any(array.dtype.kind in "biu" for array in inputs)


def rule_error(which: str, arrays: Sequence[Numbers], error: Exception) -> GraphnetError:
    """Return what a rule raised as an error of ours: which rule, given what."""
    if isinstance(error, OpaqueError):
        return RuleError(
            f"its {which} rule, given arrays, works with a node: {error.problem}",
            repair="A rule computes from its arguments alone: it keeps nothing of another call, and uses no node from outside.",
        )
    if isinstance(error, GraphnetError):
        return error
    shapes = list_shapes([np.shape(array) for array in arrays])
    if "read-only" in str(error):
        problem = f"its {which} rule writes into an array it was given"
        repair = "Rules must leave their arguments alone: build a new array, or write into a copy."
    else:
        problem = f"its {which} rule raised {type(error).__name__}: {error} (given arrays of shapes {shapes})"
        repair = "If the shapes look right, the mistake is in the rule."
    return RuleError(problem, repair=repair)


def located(error: E, graph: Graph, node: Node) -> E:
    """Add to an error which node it happened at."""
    assert node.op is not None
    labels = [graph.label(source) for source in node.inputs]
    lines = [f"node: {describe(node, graph.label(node))}", *describe_inputs(node.op, node.inputs, labels)]
    return error.locate(subject(node.op, graph.label(node)), lines)


def read_only(array: Numbers) -> Numbers:
    """Return a view that can't be written to."""
    view = array.view()
    view.flags.writeable = False
    return view
