"""Graphs as functions of JAX: arrays of JAX answer where NumPy's are expected, and the two passes run on them unchanged."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from numpy.lib.mixins import NDArrayOperatorsMixin

from graphnet.common.origin import written_at
from graphnet.core import registry
from graphnet.core.graph import Graph
from graphnet.core.inference import require_value
from graphnet.core.leaves import Constant
from graphnet.core.node import Array, Node
from graphnet.core.op import Op, as_reals
from graphnet.core.shapes import matches
from graphnet.engine.rules import check_message, check_shape, located, messages_of, require_declared_sizes
from graphnet.engine.run import propagate
from graphnet.errors import DtypeError, FeedError, GraphnetError, OpaqueError, ShapeError, shown

Named = Mapping[str, Any]

# Arrays of JAX that answer where NumPy's are expected ---------------------------------------------------------------------

_COPIES = ("astype", "copy")
_NEW = ("copy", "zeros")


class Traced(NDArrayOperatorsMixin):
    """An array of JAX under NumPy's protocols.

    Arrays of JAX don't change, and a part of one is no view of it. So a rule may write into what it has computed itself, as
    ``value *= x``, until it has taken a part of it: from then on NumPy and JAX would differ, and it is refused.
    """

    def __init__(self, array: Any, own: bool = False) -> None:
        self.array, self.own = array, own

    def __graphnet_op__(self, op: Op, inputs: Sequence[Any]) -> Any:
        """Apply an op."""
        return apply(op, inputs)

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, out: Any = (), **options: Any) -> Any:
        """Call JAX's function of the same name."""
        if (ufunc, method) == (np.add, "at"):  # of JAX's own the index may hold no slices
            target, index, value = inputs
            return target.become(target.array.at[bare(index)].add(bare(value)))
        function = _of_jax(ufunc) if method == "__call__" else getattr(_of_jax(ufunc), method)
        if method == "at":
            out, options = inputs[:1], {"inplace": False}
        made = function(*bare(inputs), **bare(options))
        return out[0].become(jnp.broadcast_to(made, out[0].shape)) if out else _traced(made, own=True)

    def __array_function__(self, function: Any, types: Any, inputs: Sequence[Any], options: Mapping[str, Any]) -> Any:
        """Call JAX's function of the same name."""
        made = _of_jax(function)(*bare(inputs, taken=True), **bare(options, taken=True))
        return _traced(made, own=function.__name__.endswith("_like") or function.__name__ in _NEW)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        found = getattr(self.array, name)
        if name not in _COPIES and (callable(found) or isinstance(found, jax.Array)):
            self.own = False
        if not callable(found):
            return _traced(found)
        return lambda *inputs, **options: _traced(found(*bare(inputs), **bare(options)), own=name in _COPIES)

    def __getitem__(self, index: Any) -> Any:
        self.own, index = False, bare(index)
        known = not any(isinstance(each, jax.Array) for each in jax.tree.leaves(index))
        return Traced(self.array[index] if known else self.array.at[index].get(mode="fill"))

    def __setitem__(self, index: Any, value: Any) -> None:
        index, value = bare(index), bare(value)
        if getattr(index, "dtype", "") == "bool" and jnp.ndim(value) == 0:  # how many are true need not be known
            mask = index.reshape(index.shape + (1,) * (self.array.ndim - index.ndim))
            self.become(jnp.where(mask, value, self.array))
        else:
            self.become(self.array.at[index].set(value))

    def become(self, array: Any) -> Traced:
        """Take other entries, as what is written into."""
        if not self.own:
            raise OpaqueError(
                "it writes into an array that it was given, or of which it has taken a part",
                repair="Build a new array instead: np.where, np.stack, np.concatenate.",
            )
        self.array = array.astype(self.array.dtype)
        return self

    def __len__(self) -> int:
        return len(self.array)

    def __iter__(self) -> Any:
        return (self[i] for i in range(len(self)))

    def __array__(self, dtype: Any = None, copy: Any = None) -> Any:
        raise OpaqueError(
            "it asks for numbers, or puts entries into an array of NumPy's",
            repair="While JAX notes what is computed there are no numbers yet. Write it with NumPy's functions alone: "
            "np.where for if or a mask, np.stack or np.concatenate for entries that are assigned one by one.",
        )

    __bool__ = __float__ = __int__ = __index__ = __array__


def apply(op: Op, inputs: Sequence[Any]) -> Any:
    """Apply an op: to JAX's arrays by a rule for JAX, if it has one, else by its own."""
    is_traced = any(isinstance(each, Traced) for each in inputs)
    rule = RULES.get(op.name) if is_traced and registry.OPS.get(op.name) is type(op) else None
    return op.forward(*inputs) if rule is None else Traced(rule(op, *bare(inputs)))


def given(op: Op, arrays: Sequence[Any]) -> list[Any]:
    """Return what a rule of an op is to be given: masks and positions that are known stay arrays of NumPy's."""
    return [
        array
        if isinstance(array, np.ndarray) and array.dtype.kind in "biu" and (slot in op.choosing or not op.choosing)
        else Traced(jnp.asarray(array))
        for slot, array in enumerate(arrays)
    ]


def _of_jax(function: Any) -> Any:
    """Return JAX's function of the same name."""
    module = getattr(function, "__module__", "") or "numpy"
    found = getattr(getattr(jnp, module.rpartition(".")[2], jnp), function.__name__, None)
    if found is None:
        problem = f"it calls {module}.{function.__name__}, which JAX lacks"
        raise OpaqueError(problem, repair="Write it with others of NumPy's functions.")
    return found


def bare(value: Any, taken: bool = False) -> Any:
    """Return what JAX is to be given: its arrays, and dtypes of the precision that it has been set to."""

    def of_jax(each: Any) -> Any:
        if isinstance(each, Traced):
            each.own = each.own and not taken
            return each.array
        is_dtype = isinstance(each, np.dtype) or (isinstance(each, type) and issubclass(each, np.generic))
        return jax.dtypes.canonicalize_dtype(each) if is_dtype else each

    return jax.tree.map(of_jax, value)


def _traced(made: Any, own: bool = False) -> Any:
    """Return what a rule is to be given: arrays that answer to NumPy."""
    return jax.tree.map(lambda each: Traced(each, own) if isinstance(each, jax.Array) else each, made)


# Ops whose rules assign entries, or use tables of float64 -----------------------------------------------------------------


def _conv2d(op: Any, x: Any, W: Any) -> Any:
    margins = [(margin, margin) for margin in op.padding]
    return jax.lax.conv_general_dilated(
        x, W, op.stride, margins, rhs_dilation=op.dilation, feature_group_count=op.groups
    )


def _transposed(op: Any, linear: Callable[[Any], Any], inputs: Sequence[Any], of: int) -> Any:
    """Return an op's output by the function that its backward rule is: linear, from what is like the output to an input."""
    output = jax.ShapeDtypeStruct(op.shape(*[each.shape for each in inputs]), inputs[of].dtype)
    return jax.linear_transpose(linear, output)(inputs[of])[0]


RULES: dict[str, Callable[..., Any]] = {
    "conv2d": _conv2d,
    "conv2d_to_input": lambda op, *z: _transposed(op, lambda x: _conv2d(op, x, z[1]), z, of=0),
    "conv2d_to_kernel": lambda op, *z: _transposed(op, lambda W: _conv2d(op, z[0], W), z, of=1),
    "erf": lambda op, z: jax.scipy.special.erf(z),
    "normal_cdf": lambda op, z: jax.scipy.special.ndtr(z),
}
"""Op → its forward rule by JAX's functions; all others run their own."""


# The two passes -------------------------------------------------------------------------------------------------------------


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
