"""Arrays of JAX that answer where NumPy's are expected: rules run on them unchanged, and JAX notes what they compute."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from numpy.lib.mixins import NDArrayOperatorsMixin

from graphnet.core import registry
from graphnet.core.node import Array
from graphnet.core.op import Op
from graphnet.errors import OpaqueError
from graphnet.ops.indexing import numpy_index
from graphnet.ops.labels import is_one

_COPIES = ("astype", "copy")


class Traced(NDArrayOperatorsMixin):
    """An array of JAX under NumPy's protocols; one that is known already, as a constant, may be NumPy's.

    Arrays of JAX don't change, and a part of one is no view of it. So a rule may write into what it has computed itself, as
    ``value *= x``, until it has taken a part of it: from then on NumPy and JAX would differ, and it is refused.
    """

    def __init__(self, array: Any, own: bool = False) -> None:
        self.array, self.own = array, own

    def __graphnet_op__(self, op: Op, inputs: Sequence[Any]) -> Array:
        """Apply an op."""
        return apply(op, inputs)

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, out: Any = (), **options: Any) -> Any:
        """Call JAX's function of the same name."""
        into = out[0] if isinstance(out, tuple) and out else None
        target = into if method != "at" else inputs[0]
        if into is not None or method == "at":
            _require_own(target)
        if method == "at":
            options["inplace"] = False
        function = _of_jax(ufunc, ufunc.__name__, jnp)
        made = (function if method == "__call__" else getattr(function, method))(*_bare(inputs), **_bare(options))
        if target is None or (into is None and method != "at"):
            return _traced(made, own=True)
        target.array = jnp.broadcast_to(made, target.shape).astype(target.dtype)
        return target

    def __array_function__(self, function: Any, types: Any, inputs: Sequence[Any], options: Mapping[str, Any]) -> Any:
        """Call JAX's function of the same name."""
        name = function.__name__
        module = jnp
        for part in function.__module__.split(".")[1:]:
            module = getattr(module, part, module)
        made = _of_jax(function, name, module)(*_bare(inputs, taken=True), **_bare(options, taken=True))
        return _traced(made, own=name.endswith("_like") or name == "copy")

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        found = getattr(jnp.asarray(self.array), name)
        if not callable(found):
            self.own = self.own and not isinstance(found, jax.Array)
            return _traced(found)
        return lambda *inputs, **options: _traced(
            found(*_bare(inputs), **_bare(options)), own=name in _COPIES or self._give_up()
        )

    def _give_up(self) -> bool:
        self.own = False
        return False

    def __getitem__(self, index: Any) -> Any:
        self.own = False
        return _traced(jnp.asarray(self.array)[_bare(index)])

    def __setitem__(self, index: Any, value: Any) -> None:
        _require_own(self)
        array, index, value = jnp.asarray(self.array), _bare(index), _bare(value)
        if getattr(index, "dtype", "") == "bool" and jnp.ndim(value) == 0:  # how many are true need not be known
            mask = index.reshape(index.shape + (1,) * (array.ndim - index.ndim))
            self.array = jnp.where(mask, jnp.asarray(value, array.dtype), array)
        else:
            self.array = array.at[index].set(value)

    def __len__(self) -> int:
        return len(self.array)

    def __iter__(self) -> Any:
        return (self[i] for i in range(len(self)))

    def __array__(self, dtype: Any = None, copy: Any = None) -> Any:
        if isinstance(self.array, np.ndarray):
            return np.array(self.array, dtype)
        raise OpaqueError(
            "it asks for numbers, or puts entries into an array of NumPy's",
            repair="While JAX notes what is computed there are no numbers yet. Write it with NumPy's functions alone: "
            "np.where for if, np.stack or np.concatenate for entries that are assigned one by one.",
        )

    def _number(self) -> Any:
        return np.asarray(self).item()

    def __bool__(self) -> bool:
        return bool(self._number())

    def __float__(self) -> float:
        return float(self._number())

    def __int__(self) -> int:
        return int(self._number())

    __index__ = __int__


def apply(op: Op, inputs: Sequence[Any]) -> Any:
    """Apply an op: by a rule for JAX if its own assigns entries, or asks for numbers; else by its own."""
    rule = RULES.get(op.name) if registry.OPS.get(op.name) is type(op) else None
    return op.forward(*inputs) if rule is None else Traced(rule(op, *_bare(inputs)))


def _require_own(target: Any) -> None:
    if not (isinstance(target, Traced) and target.own):
        raise OpaqueError(
            "it writes into an array that it was given, or of which it has taken a part",
            repair="Build a new array instead: np.where, np.stack, np.concatenate.",
        )


def _of_jax(function: Any, name: str, module: Any) -> Callable[..., Any]:
    found: Callable[..., Any] | None = getattr(module, name, None)
    if found is None:
        raise OpaqueError(
            f"it calls {getattr(function, '__module__', 'numpy')}.{name}, which JAX lacks",
            repair="Write it with others of NumPy's functions.",
        )
    return found


def _bare(value: Any, taken: bool = False) -> Any:
    """Return what JAX is to be given: its arrays, and dtypes of the precision that it has been set to."""
    if isinstance(value, Traced):
        value.own = value.own and not taken
        return value.array
    if type(value) in (tuple, list):
        return type(value)(_bare(each, taken) for each in value)
    if type(value) is dict:
        return {key: _bare(each, taken) for key, each in value.items()}
    if isinstance(value, np.dtype) or (isinstance(value, type) and issubclass(value, np.generic)):
        return jax.dtypes.canonicalize_dtype(value)
    return value


def _traced(made: Any, own: bool = False) -> Any:
    """Return what a rule is to be given: arrays that answer to NumPy."""
    if isinstance(made, (jax.Array, np.ndarray)):
        return Traced(made, own)
    if isinstance(made, (tuple, list)):
        parts = [_traced(each, own) for each in made]
        return type(made)(*parts) if hasattr(made, "_fields") else type(made)(parts)
    return made


# Ops whose rules assign entries, look at positions, or use tables of float64 ----------------------------------------------


def _conv2d(op: Any, x: Any, W: Any) -> Any:
    op_padding = [(margin, margin) for margin in op.padding]
    return jax.lax.conv_general_dilated(
        x, W, op.stride, op_padding, rhs_dilation=op.dilation, feature_group_count=op.groups
    )


def _conv2d_to_input(op: Any, delta: Any, W: Any) -> Any:
    x = jax.ShapeDtypeStruct((len(delta), W.shape[1] * op.groups, *op.size), delta.dtype)
    return jax.linear_transpose(lambda x: _conv2d(op, x, W), x)(delta)[0]


def _conv2d_to_kernel(op: Any, x: Any, delta: Any) -> Any:
    W = jax.ShapeDtypeStruct((delta.shape[1], x.shape[1] // op.groups, *op.size), delta.dtype)
    return jax.linear_transpose(lambda W: _conv2d(op, x, W), W)(delta)[0]


def _positions(positions: Any, size: int, from_end: bool) -> Any:
    """Return positions, those that NumPy's rule refuses far out of range: what is picked there is NaN."""
    return positions if from_end else jnp.where(positions < 0, size, positions)


def _out_of_range(z: Any) -> dict[str, Any]:
    return {"mode": "fill", "fill_value": math.nan if z.dtype.kind == "f" else 0}


def _take(op: Any, z: Any, indices: Any) -> Any:
    return jnp.take(z, _positions(indices, z.shape[op.axis], op.from_end), op.axis, **_out_of_range(z))


def _at(axes: Sequence[int], positions: Sequence[Any]) -> tuple[Any, ...]:
    of_axis = dict(zip(axes, positions, strict=True))
    return tuple(of_axis.get(axis, slice(None)) for axis in range(max(axes) + 1))


def _pick(op: Any, z: Any, *positions: Any) -> Any:
    axes = zip(op.axes, positions, strict=True)
    places = [_positions(each, z.shape[axis], axis in op.from_end) for axis, each in axes]
    return jnp.asarray(z).at[_at(op.axes, places)].get(**_out_of_range(z))


def _along(axis: int, indices: Any) -> tuple[Any, ...]:
    places: list[Any] = list(jnp.indices(indices.shape, sparse=True))
    places[axis] = indices
    return tuple(places)


def _take_along(op: Any, z: Any, indices: Any) -> Any:
    places = _along(op.axis, _positions(indices, z.shape[op.axis], op.from_end))
    return jnp.asarray(z).at[places].get(**_out_of_range(z))


def _added(op: Any, z: Any, places: Any) -> Any:
    return jnp.zeros(op.to, z.dtype).at[places].add(z)


def _where_true(mask: Any, count: int | None) -> tuple[Any, ...]:
    """Return the positions where a mask is true; those that are too many lie out of range."""
    if isinstance(mask, np.ndarray):
        return np.nonzero(mask)
    if count is None:
        raise OpaqueError(
            "how many entries a mask picks is known only when it is run, and JAX needs to know before",
            repair="Keep the shape: np.where(mask, z, 0).",
        )
    places: tuple[Any, ...] = jnp.nonzero(mask, size=count, fill_value=max(mask.shape))
    return places


def _mask(op: Any, z: Any, mask: Any) -> Any:
    return jnp.asarray(z)[(slice(None),) * op.axis + _where_true(mask, op.count)]


def _unmask(op: Any, z: Any, mask: Any) -> Any:
    zeros = jnp.zeros((*z.shape[: op.axis], *mask.shape, *z.shape[op.axis + 1 :]), z.dtype)
    places = (slice(None),) * op.axis + _where_true(mask, z.shape[op.axis])
    return zeros.at[places].set(z, mode="drop")


def _accuracy(op: Any, scores: Any, target: Any) -> Any:
    """Return the share of right classes; of labels that NumPy's rule refuses none is right."""
    if is_one(scores.shape):
        limit = 0.5 if op.threshold is None else op.threshold
        chosen, wanted = jnp.where(jnp.isnan(scores), math.nan, scores > limit), target > 0.5
    else:
        chosen = jnp.where(jnp.isnan(scores).any(-1), -1, jnp.argmax(scores, -1))
        wanted = jnp.argmax(target, -1) if scores.shape == target.shape else target
    return jnp.mean(chosen.ravel() == wanted.ravel(), dtype=scores.dtype)


RULES: dict[str, Callable[..., Any]] = {
    "accuracy": _accuracy,
    "add_along_axis": lambda op, z, indices: _added(op, z, _along(op.axis, indices)),
    "conv2d": _conv2d,
    "conv2d_to_input": _conv2d_to_input,
    "conv2d_to_kernel": _conv2d_to_kernel,
    "erf": lambda op, z: jax.scipy.special.erf(z),
    "mask": _mask,
    "normal_cdf": lambda op, z: jax.scipy.special.ndtr(z),
    "pick": _pick,
    "pick_add": lambda op, z, *positions: _added(op, z, _at(op.axes, positions)),
    "scatter": lambda op, z: jnp.zeros(op.to, z.dtype).at[numpy_index(op.index)].set(z),
    "scatter_add": lambda op, z, indices: _added(op, z, (*(slice(None),) * op.axis, indices)),
    "take": _take,
    "take_along_axis": _take_along,
    "unmask": _unmask,
}
"""Op → its forward rule by JAX's functions; all others run their own."""
