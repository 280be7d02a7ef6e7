"""The results of a run. They belong to the run, never to the nodes, so that two runs can't disturb each other."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NamedTuple, NoReturn, TypeAlias

from graphnet.common.text import ByName, summary, table
from graphnet.core.graph import Graph
from graphnet.core.leaves import Parameter
from graphnet.core.node import Array, Node, Numbers
from graphnet.core.registry import Pictured
from graphnet.errors import GraphError, UnreachableError

Arrays: TypeAlias = Mapping[Node, Numbers]
_NOTHING: Arrays = MappingProxyType({})


class Message(NamedTuple):
    """What one consumer sends back along one edge. The ∂E/∂E that an output starts with has no consumer.

    Examples
    --------
    >>> import graphnet as gn
    >>> w = gn.parameter("w", [1.0, 2.0])
    >>> E = gn.sum(w * w, name="E")
    >>> [(message.slot, message.delta.tolist()) for message in gn.backward(E, {}).messages(w)]
    [(0, [1.0, 2.0]), (1, [1.0, 2.0])]
    """

    consumer: Node | None
    slot: int | None
    delta: Array


class ForwardPass(Pictured):
    """The value of every node in one run.

    Attributes
    ----------
    graph : Graph
        What was run.
    values : mapping of Node to numpy.ndarray
        Read-only arrays.
    replaced : mapping of Node to numpy.ndarray
        What was computed where values were set by hand.
    by_hand : mapping of Node to numpy.ndarray of bool
        Which of their entries were set.

    Examples
    --------
    >>> import graphnet as gn
    >>> x = gn.input("x", shape=(None,))
    >>> fwd = gn.forward(gn.square(x, name="y"), {x: [1.0, 2.0]})
    >>> fwd["y"]
    array([1., 4.])
    """

    def __init__(self, graph: Graph, values: Arrays, replaced: Arrays = _NOTHING, by_hand: Arrays = _NOTHING) -> None:
        self.graph = graph
        self.values = MappingProxyType(dict(values))
        self.replaced = MappingProxyType(dict(replaced))
        self.by_hand = MappingProxyType(dict(by_hand))

    def __reduce__(self) -> tuple[Any, ...]:
        return _passed, (type(self), self.graph, dict(self.values), dict(self.replaced), dict(self.by_hand))

    def __getitem__(self, node: Node | str) -> Numbers:
        """Return the value of a node, given by itself or by its name or label."""
        return self.values[self.graph[node]]

    if not TYPE_CHECKING:  # which would take any attribute to be there

        def __getattr__(self, attribute: str) -> NoReturn:
            hint = "values are fwd[node]; of a backward pass, bwd.gradient(W) and bwd.error_signal(node)"
            problem = f"a {type(self).__name__} has no attribute {attribute!r}: {hint}"
            raise AttributeError(problem, name=attribute, obj=self)

    def __contains__(self, node: object) -> bool:
        return node in self.graph

    def __iter__(self) -> Iterator[Node]:
        return iter(self.graph)

    def __repr__(self) -> str:
        return table(["node", "op", "shape", "value"], [self._row(node) for node in self.graph.nodes])

    def _row(self, node: Node) -> list[str]:
        value = self.values[node]
        by_hand = ", set by hand" * (node in self.replaced)
        return [self.graph.label(node), node.kind, str(value.shape), summary(value) + by_hand]


class BackwardPass(ForwardPass):
    """All that a forward pass has, and the error signal ∂E/∂(node) of every node that E depends on.

    Attributes
    ----------
    gradients : mapping of str to numpy.ndarray
        The error signal of every parameter that E depends on, by name.
    replaced_error_signals : frozenset of Node
        Where error signals were set by hand; ``messages(node)`` has what arrived.
    signals_by_hand : mapping of Node to numpy.ndarray of bool
        Which of their entries were set.

    Examples
    --------
    >>> import graphnet as gn
    >>> w = gn.parameter("w", [1.0, 2.0])
    >>> bwd = gn.backward(gn.sse(w, [0.0, 0.0]), {})
    >>> bwd.gradient(w)
    array([1., 2.])
    """

    def __init__(
        self,
        graph: Graph,
        values: Arrays,
        error_signals: Arrays,
        messages: Mapping[Node, Sequence[Message]],
        replaced: Arrays = _NOTHING,
        by_hand: Arrays = _NOTHING,
        signals_by_hand: Arrays = _NOTHING,
    ) -> None:
        super().__init__(graph, values, replaced, by_hand)
        self.signals_by_hand = MappingProxyType(dict(signals_by_hand))
        self.replaced_error_signals = frozenset(signals_by_hand)
        self.error_signals = MappingProxyType(dict(error_signals))
        self._messages = {node: tuple(received) for node, received in messages.items()}
        self.gradients = MappingProxyType(
            ByName({graph.label(node): error_signals[node] for node in graph.parameters if node in error_signals})
        )

    def __reduce__(self) -> tuple[Any, ...]:
        maps = self.values, self.error_signals, self._messages, self.replaced, self.by_hand, self.signals_by_hand
        return _passed, (type(self), self.graph, *map(dict, maps))

    def error_signal(self, node: Node | str) -> Numbers:
        """Return ∂E/∂(the node's output): an array of the shape of its value.

        Raises
        ------
        UnreachableError
            If no error signal reaches the node, so that there is none: this is never reported as zero.
        """
        node = self.graph[node]
        if node not in self.error_signals:
            label = self.graph.label(node)
            raise UnreachableError(
                f"no error signal reaches {node.kind} {label!r}: no output depends on it smoothly",
                repair="Only comparisons, positions or unused outputs lie between it and the outputs.",
            )
        return self.error_signals[node]

    def gradient(self, parameter: Node | str) -> Numbers:
        """Return the error signal of a parameter.

        Raises
        ------
        GraphError
            If the node is not a parameter.
        UnreachableError
            If E does not depend on it.
        """
        node = self.graph[parameter]
        if not isinstance(node, Parameter):
            raise GraphError(
                f"{self.graph.label(node)!r} is not a parameter but {node.kind}",
                repair="For any other node, use error_signal(node).",
            )
        return self.error_signal(node)

    def messages(self, node: Node | str) -> tuple[Message, ...]:
        """Return what each consumer sent back: in this order they add up exactly to a signal that is not set by hand."""
        node = self.graph[node]
        self.error_signal(node)
        return self._messages[node]

    def __repr__(self) -> str:
        return table(["node", "op", "shape", "value", "error signal"], [self._row(node) for node in self.graph.nodes])

    def _row(self, node: Node) -> list[str]:
        signal = self.error_signals.get(node)
        by_hand = ", set by hand" * (node in self.replaced_error_signals)
        return [*super()._row(node), "none reaches it" if signal is None else summary(signal) + by_hand]


def _passed(kind: type[ForwardPass], graph: Graph, *parts: Any) -> ForwardPass:
    """Return the pass that was pickled or copied; its arrays are to be read only, as they were."""
    held = [each for part in parts if isinstance(part, dict) for each in part.values()]
    for array in [array for each in held for array in ([m.delta for m in each] if isinstance(each, tuple) else [each])]:
        array.flags.writeable = False
    return kind(graph, *parts)
