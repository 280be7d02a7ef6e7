"""Numbers set by hand in a pass, to ask what would be if, and what two passes differ by.

``replace={a1: array}`` sets the value of a node, ``replace={a1[:, 0]: 0.0}`` that of a part, by any index of plain numbers.

What is set is a constant of that pass: it depends on nothing before it, so no error signal goes back past it. So the pass is
the true one of the network that is cut there, and finite differences through it agree with its error signals.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from graphnet.core.graph import Graph
from graphnet.core.leaves import Constant, numbers
from graphnet.core.node import Array, Node, Numbers
from graphnet.engine.passes import BackwardPass, ForwardPass, Message
from graphnet.engine.rules import apply_backward, read_only
from graphnet.errors import DtypeError, GraphError, ShapeError, shown
from graphnet.ops.indexing import Getitem, Take
from graphnet.ops.picking import Mask, Pick

_TAKEN = {"f": ("fiu", "real numbers"), "i": ("iu", "integers"), "b": ("b", "truth values")}
"""The kinds of number that may stand in place of a real number, a whole one and a truth value."""


class Difference:
    """What two passes differ by: looked at as a pass, though it is none.

    Attributes
    ----------
    of : tuple of two passes
        The first, and the one that is taken from it.
    """

    of: tuple[ForwardPass, ForwardPass]


class ForwardDifference(Difference, ForwardPass):
    """The difference of the values."""


class BackwardDifference(Difference, BackwardPass):
    """The difference of values, error signals and messages."""


def difference(first: ForwardPass, second: ForwardPass) -> ForwardPass:
    """Return the numbers of a pass less those of another one, of the same graph and shapes."""
    values = {node: _less(value, second.values[node]) for node, value in first.values.items()}
    found: ForwardDifference | BackwardDifference = ForwardDifference(first.graph, values)
    if isinstance(first, BackwardPass) and isinstance(second, BackwardPass):
        found = BackwardDifference(first.graph, values, *_signals(first, second))
    found.of = first, second
    return found


def _signals(first: BackwardPass, second: BackwardPass) -> tuple[dict[Node, Numbers], dict[Node, list[Message]]]:
    """Return the differences of error signals and messages, where both passes have one."""
    signals, messages = {}, {}
    for node, signal in first.error_signals.items():
        if node in second.error_signals:
            signals[node] = _less(signal, second.error_signals[node])
            pairs = zip(first.messages(node), second.messages(node), strict=True)
            messages[node] = [Message(a.consumer, a.slot, _less(a.delta, b.delta)) for a, b in pairs]
    return signals, messages


def _less(first: Array, second: Array) -> Numbers:
    return read_only(np.asarray(np.subtract(first, second, dtype=first.dtype if first.dtype.kind == "f" else float)))


class Replacement:
    """Values, or error signals, that are set by hand in one pass.

    Attributes
    ----------
    computed : dict of Node to numpy.ndarray or None
        What they take the place of, as far as the pass has come; None where there was no error signal.
    entries : dict of Node to numpy.ndarray of bool
        Which entries are set.
    """

    def __init__(self, graph: Graph, given: Any, what: str) -> None:
        self.computed: dict[Node, Any] = {}
        self._graph, self._what = graph, what
        self._parts: dict[Node, list[tuple[Node, Any]]] = {}
        self.entries: dict[Node, Numbers] = {}
        for key, array in by_node(graph, given, what, parts=True).items():
            self._parts.setdefault(key if key in graph else key.inputs[0], []).append((key, array))

    def __call__(self, node: Node, computed: Any, value: Numbers) -> Any:
        """Return what a node has in the pass, of the shape and dtype of `value`, given what was computed."""
        if node not in self._parts:
            return computed
        label = f"{self._what} of {self._graph.label(node)!r}"
        result = np.zeros(value.shape, value.dtype) if computed is None else np.array(computed, order="C")
        self.computed[node], self.entries[node] = computed, np.zeros(value.shape, bool)
        positions = np.arange(value.size).reshape(value.shape)
        for part, array in self._parts[node]:
            places = positions if part is node else _picked(part, positions, label)
            result.flat[places.ravel()] = like(value.ravel()[places], array, label, spread=True).ravel()
            self.entries[node].flat[places.ravel()] = True
        return read_only(result)

    def rule(self, graph: Graph, node: Node, delta: Array, output: Array, inputs: list[Array]) -> Sequence[Array]:
        """Apply a backward rule; past what was set by hand goes nothing."""
        constant = self.entries.get(node)
        if constant is None:
            return apply_backward(graph, node, delta, output, inputs)
        if constant.all():
            return [np.zeros_like(value, dtype=delta.dtype) for value in inputs]
        return apply_backward(graph, node, np.where(constant, 0, delta), self.computed[node], inputs)


def _picked(part: Node, of: Numbers, label: str) -> Numbers:
    """Return the entries of an array that a part of a node is made of."""
    assert part.op is not None
    try:
        return np.asarray(
            part.op.forward(of, *[index.value for index in part.inputs[1:] if isinstance(index, Constant)])
        )
    except IndexError as error:
        raise ShapeError(f"{label}: {error}", repair="Indices count from 0 to the size − 1.") from error
    except ShapeError as error:
        raise error.locate(label) from None


def _is_part(key: Any, graph: Graph) -> bool:
    """Tell whether a node is a part of one of the graph, by positions and masks that are no nodes of it."""
    if not isinstance(key, Node) or key in graph or not isinstance(key.op, (Getitem, Pick, Mask, Take)):
        return False
    return key.inputs[0] in graph and all(isinstance(index, Constant) for index in key.inputs[1:])


def by_node(graph: Graph, given: Any, what: str, *, parts: bool = False) -> dict[Any, Any]:
    """Return by node what is given by node or by its name; with `parts` also by a part of a node, as ``a1[:, 0]``.

    Raises
    ------
    GraphError
        If it is no dict, has a node twice, or one that is not in the graph.
    """
    if not isinstance(given, Mapping | None):
        raise GraphError(f"{what} is {shown(given)}, expected a dict", repair=f"Write {what}={{node: array}}.")
    found: dict[Node, Any] = {}
    for key, array in (given or {}).items():
        node = key if parts and _is_part(key, graph) else graph[key]
        if node in found:
            raise GraphError(f"{what} is given twice for {graph.label(node)!r}", repair="Give it by node or by name.")
        found[node] = array
    return found


def like(value: Numbers, given: Any, what: str, *, spread: bool) -> Numbers:
    """Return an array of the shape and dtype of `value`; if it may be `spread`, one number stands for all entries.

    Raises
    ------
    ShapeError, DtypeError
        If it is no such array.
    """
    array = numbers(given, what)
    kinds, expected = _TAKEN[value.dtype.kind]
    if array.dtype.kind not in kinds:
        raise DtypeError(f"{what} has dtype {array.dtype}, expected {expected}", repair=f"Give {expected}.")
    if array.shape != value.shape and not (spread and array.shape == ()):
        raise ShapeError(f"{what} has shape {array.shape}, expected {value.shape}", repair="Give one number an entry.")
    return read_only(np.full(value.shape, array, value.dtype))
