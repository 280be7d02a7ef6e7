"""Graphs as functions of JAX: the two passes, by the same rules and the same backward loop, over JAX's arrays."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from graphnet.common.origin import written_at
from graphnet.core.graph import Graph
from graphnet.core.inference import require_value
from graphnet.core.leaves import Constant
from graphnet.core.node import Array, Node
from graphnet.core.op import as_reals
from graphnet.core.shapes import matches
from graphnet.engine.rules import check_message, check_shape, located, messages_of, require_declared_sizes
from graphnet.engine.run import propagate
from graphnet.errors import (
    DtypeError,
    FeedError,
    GraphnetError,
    OpaqueError,
    ShapeError,
    shown,
)
from graphnet.interop.jax_arrays import Traced, apply, bare, given

Named = Mapping[str, Any]


class Passes:
    """The forward and the backward pass over arrays of JAX.

    Parameters
    ----------
    graph
        What to run.
    dtype
        What to compute in.
    callback
        Whether a rule that JAX can't trace is called as it is, by `jax.pure_callback`.
    """

    def __init__(self, graph: Graph, dtype: np.dtype[Any], *, callback: bool) -> None:
        self.graph, self.dtype, self.callback = graph, dtype, callback

    def forward(self, leaves: Mapping[Node, Any]) -> dict[Node, Any]:
        """Return the value of every node. What depends on constants alone stays an array of NumPy's."""
        values = dict(leaves)
        for node in self.graph.nodes:
            kind = self.dtype if node.dtype.kind == "f" else node.dtype
            if isinstance(node, Constant):
                values[node] = node.value.astype(kind)
            elif node.op is not None:
                (value,) = self._applied(node, "forward", [], [values[source] for source in node.inputs])
                check_shape(self.graph, node, np.shape(value))
                kept = np.asarray if isinstance(value, (np.ndarray, np.generic)) else jnp.asarray
                values[node] = kept(value, jax.dtypes.canonicalize_dtype(kind))
        return values

    def backward(self, graph: Graph, node: Node, delta: Any, output: Any, inputs: list[Any]) -> Sequence[Array]:
        """Return the messages to the inputs of a node, by its backward rule."""
        messages = self._applied(node, "backward", [delta, output], inputs)
        return [None if message is None else jnp.asarray(message, self.dtype) for message in messages]

    def _applied(self, node: Node, which: str, before: list[Any], inputs: list[Any]) -> list[Any]:
        """Return what a rule makes of arrays, traced; or called as it is, if that is asked for and it can't be traced."""
        op = node.op
        assert op is not None
        shapes = [each.shape for each in inputs]

        def rule(before: list[Any], inputs: list[Any]) -> list[Any]:
            reals = as_reals(op, inputs, self.dtype) if node.dtype.kind == "f" else inputs
            if which == "forward":
                require_declared_sizes(op, node.inputs, shapes)
                return [require_value(apply(op, reals))]
            messages = messages_of(op, op.backward(*before, *reals), len(inputs))
            for slot, (message, value) in enumerate(zip(messages, inputs, strict=True)):
                if message is not None and node.inputs[slot].dtype.kind == "f":
                    check_message(op, slot, message, value, message.dtype)
            return messages

        if all(isinstance(array, np.ndarray) for array in inputs) and not before:
            return rule([], inputs)
        try:
            made: list[Any] = bare(rule([Traced(jnp.asarray(each)) for each in before], given(op, inputs)))
            return made
        except Exception as error:
            if isinstance(error, GraphnetError) and not isinstance(error, OpaqueError):
                raise located(error, self.graph, node) from None
            if not self.callback:
                raise located(_refused(node, which, error), self.graph, node) from error
        of_node = jax.dtypes.canonicalize_dtype(node.dtype if node.dtype.kind != "f" else self.dtype)
        made_shapes = shapes if before else [op.shape(*shapes)]
        kinds = [jax.ShapeDtypeStruct(shape, of_node) for shape in made_shapes]

        def called(*arrays: Any) -> list[Any]:
            numbers = [np.asarray(array) for array in arrays]
            returned = zip(rule(numbers[: len(before)], numbers[len(before) :]), kinds, strict=True)
            return [np.zeros(k.shape, k.dtype) if z is None else np.asarray(z, k.dtype) for z, k in returned]

        called_back: list[Any] = jax.pure_callback(called, kinds, *before, *inputs, vmap_method="sequential")
        return called_back


def _refused(node: Node, which: str, error: BaseException) -> OpaqueError:
    error = error.__cause__ if isinstance(error.__cause__, OpaqueError) else error  # NumPy says it in other words
    problem = f"{type(error).__name__}: {str(error).partition(chr(10))[0]}"
    repair = "Write it with NumPy's functions alone, each of which JAX has too."
    if isinstance(error, OpaqueError):
        problem, repair = error.problem, error.repair
    place = written_at(getattr(node.op, which))
    return OpaqueError(
        f"its {which} rule{f' ({place})' if place else ''} can't be traced by JAX: {problem}",
        repair=f'{repair} With opaque="callback" the rule is called as it is, on the host, each time.',
    )


def function(
    graph: Graph, wrt: Sequence[Node], dtype: np.dtype[Any], *, callback: bool, zeros: bool = False
) -> Callable[[Named, Named], tuple[Any, dict[str, Any]]]:
    """Return the function of parameters and feeds, by name, that gives the output and the gradients.

    Those of nodes that no error signal reaches are zeros, or left out.
    """
    passes = Passes(graph, dtype, callback=callback)
    (output,) = graph.outputs

    def run(parameters: Named, feeds: Named) -> tuple[Any, dict[str, Any]]:
        if dtype == np.float64 and not jax.config.jax_enable_x64:
            raise DtypeError(
                "the network computes in float64, and JAX has been set to float32",
                repair='Write jax.config.update("jax_enable_x64", True) first, or give to_jax dtype="float32".',
            )
        leaves = _leaves(graph, {**parameters, **feeds}, dtype)
        values = passes.forward(leaves)
        one = jnp.ones((), dtype)
        signals, _ = propagate(graph, values, {output: one} if wrt else {}, passes.backward)
        for node in wrt if zeros else ():
            signals.setdefault(node, jnp.zeros_like(leaves[node]))
        return jnp.asarray(values[output]), {graph.label(node): signals[node] for node in wrt if node in signals}

    return run


def _leaves(graph: Graph, given: Named, dtype: np.dtype[Any]) -> dict[Node, Any]:
    """Return arrays by leaf: one for each, of its shape, or raise `FeedError` or `ShapeError`."""
    names = {graph.label(node): node for node in (*graph.parameters, *graph.inputs)}
    if given.keys() != names.keys():
        raise FeedError(
            f"the parameters and feeds are {shown([*given])}, expected arrays called {', '.join(map(repr, names))}",
            repair='Give two dicts by name, {"W": array} and {"x": array}. Nodes are no keys for JAX.',
        )
    found = {node: jnp.asarray(given[name], dtype if node.dtype.kind == "f" else None) for name, node in names.items()}
    for node, array in found.items():
        if not matches(array.shape, node.shape):
            problem = f"the array for {graph.label(node)!r} has shape {array.shape}, expected {node.shape}"
            raise ShapeError(problem, repair="Give one of that shape.")
    return found
