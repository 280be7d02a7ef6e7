"""Arrays of JAX that answer where NumPy's are expected: rules run on them unchanged, and JAX notes what they compute."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from numpy.lib.mixins import NDArrayOperatorsMixin

from graphnet.core import registry
from graphnet.core.op import Op
from graphnet.errors import OpaqueError

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
