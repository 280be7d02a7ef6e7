"""Functions of JAX as graphs: a trace is a list of primitives, and each of them has a counterpart here."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from string import ascii_letters
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.extend.core import ClosedJaxpr

from graphnet.core.graph import Graph
from graphnet.core.leaves import Constant, as_node, parameter
from graphnet.core.leaves import input as feed
from graphnet.core.node import Array, Node
from graphnet.core.op import Op
from graphnet.core.shapes import Shape
from graphnet.errors import GraphError, GraphnetError, OpaqueError, shown
from graphnet.interop import images
from graphnet.interop.foreign import (
    Held,
    as_source,
    foreign_op,
    path_names,
    scoped,
    signature_names,
    without_counterpart,
)
from graphnet.interop.jax_rules import LIBRARY, Rule, walk
from graphnet.interop.names import SHORT, along, converted, cumulated
from graphnet.ops.activations import relu, sigmoid
from graphnet.ops.erf import normal_cdf
from graphnet.ops.indexing import known_value, require_positions, take
from graphnet.ops.neural import relu6

_UNROLLED = 100
"""The most steps of a scan that are written out."""


@dataclass(frozen=True)
class Positions(Op):
    """Positions as integers; those below 0 count from the end of `size` entries."""

    size: int

    def forward(self, z: Array) -> Array:
        """Return them as positions from 0; raise `ShapeError` if there is no such entry."""
        require_positions(z, self.size, from_end=True)
        return np.where(z < 0, z + self.size, z).astype(int)

    def backward(self, delta: Array, output: Array, z: Array) -> Array:
        """Return None: a position has no error signal."""
        return (None,)

    def shape(self, *shapes: Shape) -> Shape:
        """Return the shape of z."""
        return shapes[0]

    def dtype(self, *dtypes: np.dtype[Any]) -> np.dtype[Any]:
        """Return int."""
        return np.dtype(int)


def _placed(z: Any, axes: Any) -> Any:
    """Return an array with its axes in another order, itself if that is the order they have."""
    return z if list(axes) == list(range(z.ndim)) else np.transpose(z, [int(axis) for axis in axes])


def _reshaped(z: Any, shape: Sequence[int]) -> Any:
    if isinstance(z, Node) and _op(z) in ("expand_dims", "reshape") and z.inputs[0].shape == tuple(shape):
        return z.inputs[0]
    return np.reshape(z, shape)


def _larger(x: Any, y: Any) -> Any:
    for known, other in ((x, y), (y, x)):
        if not isinstance(known, Node) and known.ndim == 0 and known == -np.inf:
            return other  # JAX starts a maximum from it
    return np.maximum(x, y)


def _select(which: Any, *cases: Any) -> Any:
    z, moved, *others = cases
    if which.dtype != bool:
        for place, case in enumerate((moved, *others), start=1):
            z = np.where(np.equal(which, place), case, z)
        return z
    if not isinstance(which, Node):
        return np.where(which, moved, z) if which.any() and not which.all() else cases[int(which.all())]
    if isinstance(moved, Node) and (z.dtype.kind, _op(which), _op(moved)) == ("i", "less", "add"):
        compared, added = which.inputs, moved.inputs  # i < 0 ? i + size : i, as JAX writes out every index
        if compared[0] is z is added[0] and isinstance(added[1], Constant) and known_value(compared[1]) == 0:
            return Positions(int(added[1].value))(z)
    return np.where(which, moved, z)


def _stretched(z: Any, shape: Sequence[int], broadcast_dimensions: Sequence[int]) -> Any:
    new = tuple(axis for axis in range(len(shape)) if axis not in broadcast_dimensions)
    z = np.expand_dims(z, new) if new else z
    return z if z.shape == tuple(shape) else np.broadcast_to(z, shape)


def _dot(x: Any, y: Any, dimension_numbers: Any) -> Any:
    (left, right), (batch, other) = dimension_numbers
    n = len(batch)
    plain = batch == other == tuple(range(n)) and (left, right, y.ndim) == ((x.ndim - 1,), (n,), n + 2)
    if plain and n in (0, x.ndim - 2):
        return x @ y
    of_x, of_y = ascii_letters[: x.ndim], list(ascii_letters[x.ndim : x.ndim + y.ndim])
    for one, of_other in zip((*batch, *left), (*other, *right), strict=True):
        of_y[of_other] = of_x[one]
    kept = [of_x[axis] for axis in batch]
    kept += [each for each in of_x if each not in of_y] + [each for each in of_y if each not in of_x]
    return np.einsum(f"{of_x},{''.join(of_y)}->{''.join(kept)}", x, y)


def _padded(z: Any, value: Any, padding_config: Sequence[tuple[int, int, int]]) -> Any:
    if isinstance(value, Node) or any(low < 0 or high < 0 or inner for low, high, inner in padding_config):
        raise OpaqueError("with less than nothing, between entries or with a number that is computed")
    return np.pad(z, [(low, high) for low, high, _ in padding_config], constant_values=float(value))


def _slice(z: Any, start_indices: Sequence[int], limit_indices: Sequence[int], strides: Any) -> Any:
    steps = strides or (1,) * z.ndim
    return z[tuple(slice(*each) for each in zip(start_indices, limit_indices, steps, strict=True))]


def _dynamic_slice(z: Any, *starts: Any, slice_sizes: Sequence[int]) -> Any:
    for axis, (start, size) in enumerate(zip(starts, slice_sizes, strict=True)):
        room = z.shape[axis] - size
        if isinstance(start, Node) and size == 1:
            start = np.expand_dims(np.clip(start, 0, room), 0)
            z = take(z, Positions(room + 1)(start), axis)
        elif isinstance(start, Node) and room:
            raise OpaqueError("of several entries from a place that is computed")
        elif room:
            start = min(max(int(start), 0), room)
            z = along(z, axis, slice(start, start + size))
    return z


def _column(places: Any, column: int) -> Any:
    """Return one of the positions that are side by side in the last axis, as it was before they were joined."""
    parts = places.inputs if isinstance(places, Node) and _op(places) == "concatenate" else ()
    if len(parts) != places.shape[-1]:
        return _reshaped(places if places.shape[-1] == 1 else places[..., column], places.shape[:-1])
    return _reshaped(
        known_value(parts[column]) if isinstance(parts[column], Constant) else parts[column], places.shape[:-1]
    )


def _gather(z: Any, places: Any, dimension_numbers: Any, slice_sizes: Sequence[int], mode: Any) -> Any:
    """Pick as ``z[i, :, j]`` does; the axes that are picked along come first for that."""
    how = dimension_numbers
    along, beside = tuple(how.start_index_map), tuple(how.operand_batching_dims)
    picked, behind = (*beside, *along), places.ndim - 1
    rest = [axis for axis in range(z.ndim) if axis not in picked]
    if any(slice_sizes[axis] != (1 if axis in picked else z.shape[axis]) for axis in range(z.ndim)):
        raise OpaqueError("of slices")
    positions = []
    for axis in beside:
        own = how.start_indices_batching_dims[beside.index(axis)]
        positions.append(np.expand_dims(np.arange(z.shape[axis]), [i for i in range(behind) if i != own]))
    for column, axis in enumerate(along):
        each = _column(places, column)
        each = np.clip(each, 0, z.shape[axis] - 1) if "CLIP" in str(mode) else each
        positions.append(each if each.dtype.kind in "iu" else Positions(z.shape[axis])(each))
    found = _placed(z, (*picked, *rest))
    found = found[tuple(positions)] if len(picked) > 1 else take(found, positions[0], 0)
    kept = [axis for axis in range(z.ndim) if axis not in (*how.collapsed_slice_dims, *beside)]
    to = dict(zip(kept, how.offset_dims, strict=True))
    before = [axis for axis in range(behind + len(kept)) if axis not in how.offset_dims]
    found = _placed(found, np.argsort([*before, *(to[axis] for axis in rest)]))
    ones = [to[axis] for axis in kept if axis in along]
    return np.expand_dims(found, ones) if ones else found


def _convolution(
    x: Any, W: Any, window_strides: Any, padding: Any, lhs_dilation: Any, rhs_dilation: Any, dimension_numbers: Any,
    feature_group_count: int, batch_group_count: int,
) -> Any:  # fmt: skip
    if {*lhs_dilation} - {1} or batch_group_count != 1 or np.min(padding) < 0:
        raise OpaqueError("transposed, grouped by samples or cut at its borders")
    of_x, of_W, of_z = dimension_numbers
    x, W = _placed(x, of_x), _placed(W, of_W)
    z = images.convolution(x, W, None, window_strides, padding, rhs_dilation, feature_group_count)
    return _placed(z, np.argsort(of_z))


def _pooled(
    z: Any, largest: bool, window_dimensions: Any, window_strides: Any, padding: Any, base_dilation: Any, window_dilation: Any
) -> Any:  # fmt: skip
    settings = list(zip(window_dimensions, window_strides, padding, window_dilation, strict=True))
    still = [axis for axis, each in enumerate(settings) if each == (1, 1, (0, 0), 1)][:2]
    if {*base_dilation} - {1} or len(still) < 2:
        raise OpaqueError("of samples or channels, or of what is spread out")
    order = [*still, *(axis for axis in range(z.ndim) if axis not in still)]
    window = zip(*(settings[axis] for axis in order[2:]), strict=True)
    pooled = _placed(images.pool(_placed(z, order), *window, mean=not largest), np.argsort(order))
    return pooled if largest else math.prod(window_dimensions) * pooled


def _sorted(*operands: Any, dimension: int, num_keys: int, is_stable: bool) -> Any:
    if len(operands) > 1:
        raise OpaqueError("of several arrays at once")
    return np.sort(operands[0], dimension)


def _over(function: Callable[..., Any]) -> Callable[..., Any]:
    return lambda z, axes: function(z, tuple(axes) if len(axes) > 1 else axes[0])


def _round(z: Any, rounding_method: Any) -> Any:
    if int(rounding_method) == 1:
        return np.rint(z)
    whole = np.trunc(z)
    return np.where(np.abs(z - whole) < 0.5, whole, whole + np.sign(z))  # halves away from zero


_CALLS: dict[str, Callable[..., Any]] = {
    **SHORT, "add_any": np.add, "argmax": _over(np.argmax), "argmin": _over(np.argmin), "broadcast_in_dim": _stretched,
    "cbrt": np.cbrt, "clamp": lambda low, z, high: np.clip(z, low, high),
    "concatenate": lambda *parts, dimension: np.concatenate(parts, dimension), "conv_general_dilated": _convolution,
    "convert_element_type": converted, "copy": lambda z: z, "cumprod": cumulated(np.cumprod), "cumsum": cumulated(np.cumsum),
    "dot_general": _dot, "dynamic_slice": _dynamic_slice, "erfc": lambda z: 2 * normal_cdf(-math.sqrt(2) * z),
    "exp2": np.exp2, "gather": _gather, "integer_pow": lambda z, y: z**y, "is_finite": np.isfinite, "logistic": sigmoid,
    "max": _larger, "name": lambda z, name: z, "pad": _padded, "reduce_and": _over(np.all), "reduce_max": _over(np.max),
    "reduce_min": _over(np.min), "reduce_or": _over(np.any), "reduce_prod": _over(np.prod), "reduce_sum": _over(np.sum),
    "reduce_window_max": partial(_pooled, largest=True), "reduce_window_sum": partial(_pooled, largest=False),
    "rem": np.fmod, "reshape": lambda z, new_sizes, dimensions: _reshaped(z, new_sizes),
    "rev": lambda z, dimensions: np.flip(z, tuple(dimensions)), "round": _round, "select_n": _select, "slice": _slice,
    "sort": _sorted, "split": lambda z, sizes, axis: np.split(z, np.cumsum(sizes)[:-1].tolist(), axis),
    "squeeze": lambda z, dimensions: np.squeeze(z, tuple(dimensions)), "stack": lambda *parts, axis: np.stack(parts, axis),
    "stop_gradient": lambda z: Held()(z), "tile": lambda z, reps: np.tile(z, reps),
    "transpose": lambda z, permutation: np.transpose(z, permutation),
}  # fmt: skip
"""What each primitive is here, with settings by JAX's names."""

_NOT_HERE = (
    "accuracy", "fill_value", "index_dtype", "indices_are_sorted", "out_sharding", "precision", "preferred_element_type",
    "sharding", "unique_indices", "weak_type",
)  # fmt: skip
"""Settings that say nothing of what is computed here."""

_NAMED: dict[str, Callable[..., Any]] = {"relu": relu, "relu6": relu6, "logaddexp": np.logaddexp, "_det": np.linalg.det}
"""JAX's own functions with a rule of their own, of which there is one node here."""

_WRITTEN_OUT = ("_softmax", "logit", "log1mexp")
"""Those whose rule is that of what they are made of. The others are refused: where theirs differs, no number must be wrong."""

_KINDS = {"and": "b", "or": "b", "xor": "b", "not": "b", "div": "f", "integer_pow": "f", "pow": "f"}
"""The kind of operands that a counterpart is right for, where it is not right for all."""


def read(function: Any, arrays: Sequence[Any], *, opaque: bool) -> Graph:
    """Return a function as a graph: `from_jax`."""
    if not callable(function):
        raise GraphError(f"from_jax got {shown(function)}", repair="Give a function of JAX's arrays.")
    called = LIBRARY.called(function)
    with jax.enable_x64(True):
        leaves, tree = LIBRARY.flattened(arrays)
        names = path_names(signature_names(function), [path for path, _ in leaves])
        values = [_value(leaf, name) for name, (_, leaf) in zip(names, leaves, strict=True)]
        try:
            closed = jax.make_jaxpr(lambda *given: function(*LIBRARY.joined(given, tree)))(*values)
        except Exception as error:  # of any kind: it is the function's own
            raise OpaqueError(
                f"JAX can't trace {called}: {str(error).strip().partition(chr(10))[0]}",
                repair="A function must take these arguments, and not branch on the values of arrays.",
            ) from error
        trained = bool(arrays) and not jax.tree_util.all_leaves(arrays[:1])
        held = []
        for name, (path, _), value in zip(names, leaves, values, strict=True):
            is_parameter = trained and path[0] == "0"
            if is_parameter and value.dtype.kind != "f":
                held.append(jnp.asarray(value))
            else:
                held.append(parameter(name, value) if is_parameter else feed(name, value.shape, dtype=value.dtype))
        reader = _Reader()
        outputs = walk(closed, held, reader.call)
        if reader.missing and not opaque:
            raise without_counterpart(called, reader.missing, LIBRARY)
        return as_source([as_node(_operand(each)) for each in outputs], held)


def _value(leaf: Any, name: str) -> Any:
    """Return an argument as an array of the widths that graphs have."""
    try:
        array = LIBRARY.array(leaf) if LIBRARY.claims(leaf) else np.asarray(leaf)
    except TypeError:  # a key of random numbers
        array = np.asarray(None)
    if array.dtype.kind not in "fiub" or isinstance(leaf, np.ma.MaskedArray):
        raise GraphError(
            f"{name} is {shown(leaf)}", repair="Give arrays of numbers, in dicts, lists or tuples if need be."
        )
    return array.astype({"i": int, "u": int, "b": bool}.get(array.dtype.kind, float))


def _operand(value: Any) -> Any:
    """Return a node as it is, and an array of JAX as one of NumPy's."""
    return value if isinstance(value, Node) else LIBRARY.array(value)


def _op(node: Any) -> str:
    return node.op.name if node.op is not None else ""


class _Reader:
    """Makes nodes of equations, and notes what has no counterpart."""

    def __init__(self) -> None:
        self.missing: dict[str, str] = {}  # and why, if only these settings are

    def call(self, rule: Rule, own: Sequence[Any]) -> Sequence[Any]:
        if not rule.made:
            return []
        if not any(isinstance(each, Node) for each in own):
            return list(rule(*rule.given(own)))
        told = (*rule.equation.invars, *rule.equation.outvars)
        if any(getattr(each.aval.dtype, "kind", "") == "c" for each in told):
            raise OpaqueError(
                f"{rule.__name__} computes with complex numbers, and a graph's are real",
                repair="gn.jax_op(function) makes one op of a function that takes and gives real ones.",
            )
        own = [_operand(each) for each in own]
        stack = rule.equation.source_info.name_stack.stack  # of named scopes, and of what they were transformed by
        path = "/".join(each.name for each in stack if type(each).__name__ == "Scope")
        with scoped(path):
            if not rule.written:
                try:
                    made = self._counterpart(rule, own)
                    drops = [type(each).__name__ == "DropVar" for each in rule.equation.outvars]
                    return [each for each, dropped in zip(made, drops, strict=True) if not dropped]
                except GraphnetError as error:
                    self.missing[rule.__name__] = error.problem
            return [foreign_op(LIBRARY, rule, place, {}, {})(*rule.given(own)) for place in range(len(rule.made))]

    def _counterpart(self, rule: Rule, own: Sequence[Any]) -> Sequence[Any]:
        name, settings = rule.primitive, rule.params
        if name == "scan":
            return self._scan(own, **settings)
        if name == "cond" and not isinstance(own[0], Node):
            return walk(settings["branches"][int(own[0])], own[1:], self.call)
        if name in ("checkpoint", "remat2"):
            return walk(ClosedJaxpr(settings["jaxpr"], ()), own, self.call)
        if name == "closed_call" or rule.__name__ in _WRITTEN_OUT:
            return walk(settings["call_jaxpr"], own, self.call)
        if any(each.aval.dtype.kind not in _KINDS.get(name, each.aval.dtype.kind) for each in rule.equation.invars[:1]):
            raise OpaqueError("of integers")
        if rule.__name__ in _NAMED:
            return [_NAMED[rule.__name__](*own)]
        if name not in _CALLS:
            raise OpaqueError("")
        function = _CALLS[name]
        settings = {} if isinstance(function, np.ufunc) else settings  # of an elementary function: its precision, or so
        made = function(*own, **{key: each for key, each in settings.items() if key not in _NOT_HERE})
        return made if isinstance(made, list) else [made]

    def _scan(
        self, own: Sequence[Any], jaxpr: Any, length: int, num_consts: int, num_carry: int, reverse: bool, **how: Any
    ) -> Sequence[Any]:
        """Write out the steps of a scan."""
        if not 0 < length <= _UNROLLED:
            raise OpaqueError(f"of {length} steps")
        first = num_consts + num_carry
        fixed, carry, rows = own[:num_consts], own[num_consts:first], own[first:]
        given = []
        for step in reversed(range(length)) if reverse else range(length):
            made = walk(jaxpr, [*fixed, *carry, *(each[step] for each in rows)], self.call)
            carry = made[:num_carry]
            given.append(made[num_carry:])
        stacks = zip(*(reversed(given) if reverse else given), strict=True)
        return [*carry, *(np.stack([_operand(each) for each in stack]) for stack in stacks)]
