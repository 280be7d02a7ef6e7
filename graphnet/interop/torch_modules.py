"""Modules of PyTorch as graphs: `torch.export` gives a list of calls, and each of them has a counterpart here."""

from __future__ import annotations

import inspect
import operator
from collections.abc import Callable, Sequence
from functools import partial, wraps
from typing import Any

import numpy as np
import torch
from torch.fx.node import map_arg

from graphnet.core.graph import Graph
from graphnet.core.leaves import as_node, constant, numbers, parameter
from graphnet.core.leaves import input as feed
from graphnet.core.node import Node
from graphnet.errors import GraphError, OpaqueError, shown
from graphnet.interop import images
from graphnet.interop.foreign import (
    ForeignOp,
    Held,
    as_source,
    foreign_op,
    scoped,
    without_counterpart,
)
from graphnet.interop.names import SHORT, along, converted, stretching
from graphnet.interop.torch_rules import LIBRARY, own_arguments, rewritten, several
from graphnet.ops.activations import leaky_relu, log_softmax, relu, sigmoid, softmax, softplus
from graphnet.ops.indexing import take
from graphnet.ops.neural import elu, gelu, group_norm, hard_sigmoid, hard_swish, mish, selu, silu
from graphnet.ops.normalisation import layer_norm
from graphnet.ops.reductions import batch_size, logsumexp

_KEPT = (
    "gelu", "silu", "mish", "softplus", "hardswish", "hardsigmoid", "log_sigmoid_forward", "elu", "linear", "detach",
    "instance_norm",
)  # fmt: skip
"""What is not to be decomposed: there is one node for it."""

_ELEMENTWISE: dict[str, Callable[..., Any]] = {
    **SHORT, **{f"{kind}_{name}": SHORT[name] for kind in ("logical", "bitwise") for name in ("and", "or", "not")},
    "add": lambda x, y, alpha=1: x + (y if alpha == 1 else alpha * y), "fmod": np.fmod, "hardsigmoid": hard_sigmoid,
    "hardswish": hard_swish, "isnan": np.isnan, "log10": np.log10, "log2": np.log2, "maximum": np.maximum,
    "minimum": np.minimum, "mish": mish, "reciprocal": np.reciprocal, "relu": relu, "remainder": np.mod,
    "rsub": lambda x, y, alpha=1: y - (x if alpha == 1 else alpha * x), "sigmoid": sigmoid, "silu": silu,
    "sub": lambda x, y, alpha=1: x - (y if alpha == 1 else alpha * y), "where": np.where,
}  # fmt: skip
"""What goes entry by entry, operands stretching to each other."""


_REDUCTIONS: dict[str, Callable[..., Any]] = {
    "amax": np.max, "amin": np.min, "any": np.any, "argmax": np.argmax, "argmin": np.argmin, "logsumexp": logsumexp,
    "mean": np.mean, "prod": np.prod, "sum": np.sum,
}  # fmt: skip


def _reduced(function: Callable[..., Any]) -> Callable[..., Any]:
    return lambda z, axes=None, keepdims=False, dtype=None: function(
        z, axis=(tuple(axes) or None) if isinstance(axes, list) else axes, keepdims=keepdims
    )


def _first(function: Callable[..., Any]) -> Callable[..., Any]:
    """Return a function that gives several values, as torch's does for its way back; here there is none but the first."""
    return lambda *given: (function(*given), None, None)


def _elu(z: Any, alpha: float = 1.0, scale: float = 1.0, input_scale: float = 1.0) -> Any:
    if (alpha, scale) == (1.6732632423543772, 1.0507009873554805):
        return selu(z)
    return scale * elu(z * input_scale if input_scale != 1 else z, alpha) if scale != 1 else elu(z, alpha)


def _convolution(
    x: Any, W: Any, bias: Any, stride: Any, padding: Any, dilation: Any, transposed: bool, output: Any, groups: int
) -> Any:
    sides = [(each, each) for each in padding]
    if transposed:
        return images.transposed_convolution(x, W, bias, stride, sides, dilation, groups, output)
    return images.convolution(x, W, bias, stride, sides, dilation, groups)


def _resized(resize: Callable[..., Any], z: Any, *how: Any) -> Any:
    """Enlarge or shrink images: by a matrix for their rows, and one for their columns, whose entries torch says."""
    rows, columns = (
        resize(
            torch.eye(size, dtype=torch.float64)[None],
            *(each[i : i + 1] if isinstance(each, list) else each for each in how),
        )
        for i, size in enumerate(images.known_sizes(z))
    )
    return rows[0].numpy().T @ z @ columns[0].numpy()


def _max_pool(
    z: Any, size: Any, stride: Any = None, padding: Any = 0, dilation: Any = 1, ceil: bool = False, **how: Any
) -> Any:
    kernel, steps, wide, own = (_pair(each) for each in (size, stride or size, dilation, padding))
    return images.pool(z, kernel, steps, [(each, each) for each in own], wide, ceil=ceil, **{"mean": False, **how})


def _avg_pool(
    z: Any, size: Any, stride: Any = None, padding: Any = 0, ceil: bool = False, padded: bool = True, by: Any = None
) -> Any:
    if by:
        raise OpaqueError("average pooling with a divisor of its own")
    return _max_pool(z, size, stride, padding, 1, ceil, mean=True, padded=padded)


def _adaptive(z: Any, to: Any, mean: bool = True) -> Any:
    """Pool to a size: each row of the result is the mean, or the maximum, of some rows, which may overlap."""
    sizes = list(zip(images.known_sizes(z), _pair(to), strict=True))
    if all(size % wanted == 0 for size, wanted in sizes):
        return _max_pool(z, [size // wanted for size, wanted in sizes], mean=mean)
    if not mean:
        raise OpaqueError("maxima of windows of several sizes")
    rows, columns = (_means(*each) for each in sizes)
    return rows @ z @ columns.T


def _means(size: int, wanted: int) -> Any:
    first, last = np.arange(wanted) * size // wanted, -(-np.arange(1, wanted + 1) * size // wanted)
    within = (first[:, None] <= np.arange(size)) & (np.arange(size) < last[:, None])
    return within / within.sum(axis=1, keepdims=True)


def _pair(value: Any) -> tuple[int, int]:
    values = [int(each) for each in np.ravel(value)]
    return (values[0], values[-1])


def _slice(z: Any, axis: int = 0, start: Any = None, end: Any = None, step: int = 1) -> Any:
    end = None if isinstance(end, int) and end >= 2**62 else end
    return z if (start or 0, end, step) == (0, None, 1) else along(z, axis, slice(start, end, step))


def _kind(dtype: Any) -> type:
    """Return what a dtype of torch is here."""
    return bool if dtype == torch.bool else float if dtype.is_floating_point else int


def _operand(z: Any) -> Any:
    """Return an array of integers as a constant of integers, and all else as it is."""
    return constant(z, dtype=int) if isinstance(z, np.ndarray) and z.dtype.kind == "i" else z


def _embedding(W: Any, places: Any, padding: int = -1, by_count: bool = False, sparse: bool = False) -> Any:
    """Pick rows of W; that of the padding receives no error signal."""
    if by_count:
        raise OpaqueError("gradients are scaled by how often a row is picked")
    rows = take(W, places)
    return rows if padding < 0 else np.where(np.equal(places, padding)[..., None], Held()(rows), rows)


def _extreme(reduced: Callable[..., Any], place: Callable[..., Any]) -> Callable[..., Any]:
    """Return torch's ``max`` or ``min``: of all entries, or with an axis of the rows, and where they are."""

    def extreme(z: Any, axis: int | None = None, keepdims: bool = False) -> Any:
        value = reduced(z, axis, keepdims=keepdims)
        return value if axis is None else (value, place(z, axis, keepdims=keepdims))

    return extreme


def _squeeze(z: Any, axes: Any = None) -> Any:
    axes = range(z.ndim) if axes is None else np.ravel(axes).tolist()
    return np.squeeze(z, tuple(axis for axis in axes if z.shape[axis] == 1))


_CALLS: dict[str, Callable[..., Any]] = {
    **{name: stretching(function) for name, function in _ELEMENTWISE.items()},
    **{name: _reduced(function) for name, function in _REDUCTIONS.items()},
    "_adaptive_avg_pool2d": _adaptive, "avg_pool2d": _avg_pool, "bmm": np.matmul, "cat": np.concatenate, "clamp": np.clip,
    "clamp_max": np.minimum, "clamp_min": np.maximum, "convolution": _convolution, "elu": _elu, "gelu": gelu,
    "leaky_relu": leaky_relu, "matmul": np.matmul, "max": _extreme(np.max, np.argmax),
    "max_pool2d_with_indices": _first(_max_pool), "min": _extreme(np.min, np.argmin),
    "mm": np.matmul, "permute": np.transpose, "round": np.round, "select": along, "slice": _slice,
    "squeeze": _squeeze, "stack": np.stack, "t": np.transpose, "transpose": np.swapaxes, "tril": np.tril, "triu": np.triu,
    "unfold": lambda z, axis, size, step: np.moveaxis(images.windows(z, axis, size, step), axis % z.ndim + 1, -1),
    "unsqueeze": np.expand_dims,
    "_log_softmax": lambda z, axis, half: log_softmax(z, axis),
    "_native_batch_norm_legit_no_training": _first(
        lambda z, scale, bias, mean, variance, momentum, epsilon: images.normalised(z, scale, bias, mean, variance, epsilon)
    ),
    "_softmax": lambda z, axis, half: softmax(z, axis),
    "_to_copy": lambda z, dtype=None, **how: z if dtype is None else converted(z, _kind(dtype)),
    "adaptive_max_pool2d": _first(partial(_adaptive, mean=False)),
    "addmm": lambda b, x, W, beta=1, alpha=1: x @ W + b if (beta, alpha) == (1, 1) else beta * b + alpha * (x @ W),
    "alias": lambda z: z,
    "baddbmm": lambda b, x, W, beta=1, alpha=1: beta * b + alpha * (x @ W),
    "clone": lambda z, memory_format=None: z,
    "constant_pad_nd": lambda z, pads, value=0.0: np.pad(
        z, [(0, 0)] * (z.ndim - len(pads) // 2) + [(pads[i], pads[i + 1]) for i in range(len(pads) - 2, -1, -2)],
        constant_values=value,
    ),
    "cumprod": lambda z, axis, dtype=None: np.cumprod(z, axis),
    "cumsum": lambda z, axis, dtype=None: np.cumsum(z, axis),
    "detach": lambda z: Held()(z),
    "embedding": _embedding,
    "flip": lambda z, axes: np.flip(z, tuple(axes)),
    "gather": lambda z, axis, places: np.take_along_axis(z, places, axis),
    "hardtanh": lambda z, low=-1.0, high=1.0: np.clip(z, low, high),
    "index": lambda z, places: z[tuple(slice(None) if each is None else each for each in places)],
    "index_select": lambda z, axis, places: take(z, places, axis),
    "instance_norm": lambda z, scale, bias, mean, variance, own, momentum, epsilon, fast: (
        images.by_sample(z, scale, bias, epsilon) if own else images.normalised(z, scale, bias, mean, variance, epsilon)
    ),
    "linear": lambda x, W, b=None: images.affine(x @ W.T, None, b),
    "log_sigmoid_forward": _first(lambda z: -softplus(-z)),
    "native_group_norm": _first(
        lambda z, scale, bias, n, c, size, groups, epsilon: images.affine(
            group_norm(z, groups, epsilon), scale, bias, z.ndim - 2
        )
    ),
    "native_layer_norm": _first(
        lambda z, shape, scale, bias, epsilon: images.affine(
            layer_norm(z, tuple(range(-len(shape), 0)), epsilon=epsilon), scale, bias
        )
    ),
    "roll": lambda z, shifts, axes=None: np.roll(z, shifts, axes or None),
    "softplus": lambda z, beta=1, threshold=20: softplus(z) if beta == 1 else softplus(beta * z) / beta,
    "split_with_sizes": lambda z, sizes, axis=0: np.split(z, np.cumsum(sizes)[:-1].tolist(), axis),
    "var": lambda z, axes=None, correction=1, keepdim=False: _reduced(partial(np.var, ddof=correction))(z, axes, keepdim),
    "upsample_bilinear2d": partial(_resized, torch.ops.aten.upsample_linear1d.vec),
    "upsample_nearest2d": partial(_resized, torch.ops.aten.upsample_nearest1d.vec),
}  # fmt: skip
"""What each call of torch is here, by its name."""

_BY_SIZE = (
    "view", "_unsafe_view", "reshape", "expand", "full", "full_like", "zeros_like", "ones_like", "scalar_tensor", "arange",
    "empty_permuted", "repeat",
)  # fmt: skip
"""Calls that are told sizes, some of them known only when fed: what they give is read from the shape in the trace."""


def read(module: Any, examples: Sequence[Any], *, opaque: bool) -> Graph:
    """Return a module as a graph: `from_torch`."""
    if not isinstance(module, torch.nn.Module):
        raise GraphError(
            f"from_torch got {shown(module)}", repair="Give a torch.nn.Module, then tensors to call it with."
        )
    differs = (torch.nn.Dropout, torch.nn.modules.dropout._DropoutNd, torch.nn.modules.batchnorm._BatchNorm)
    if any(isinstance(each, differs) and each.training for each in module.modules()):
        raise GraphError(
            "the module is in training mode, and has dropout or batch normalisation", repair="Call module.eval()."
        )
    reader = _Reader(*_exported(module, examples, free=True), module)
    graph = reader.graph()
    if reader.missing and not opaque:
        raise without_counterpart(type(module).__name__, reader.missing, LIBRARY)
    return _Reader(*_exported(module, examples, free=False), module, opaque=True).graph() if reader.missing else graph


def _exported(module: Any, examples: Sequence[Any], *, free: bool) -> tuple[Any, list[Any]]:
    """Return the program of a module, with batches of any size if they can be, and the Functions of the user's it calls."""
    tensors = tuple(
        each if isinstance(each, torch.Tensor) else torch.as_tensor(numbers(each, "an example")) for each in examples
    )
    batch: tuple[Any, ...] = tuple({0: torch.export.Dim.AUTO} if free and each.ndim else None for each in tensors)
    for place, taken in enumerate(inspect.signature(module.forward).parameters.values()):
        if taken.kind is taken.VAR_POSITIONAL:
            batch = (*batch[:place], batch[place:])
    table = torch.export.default_decompositions()
    for kept in [each for each in table if each.name().removeprefix("aten::").partition(".")[0] in _KEPT]:
        table.pop(kept)
    functions: list[Any] = []
    try:
        with rewritten(partial(_opaque, functions)):
            program = torch.export.export(module, tensors, dynamic_shapes=batch, strict=False)
        program = program.run_decompositions(table)
    except Exception as error:  # of any kind: torch.export raises what it likes
        problem = str(error).strip().partition("\n")[0]
        raise OpaqueError(
            f"torch.export can't read {type(module).__name__}: {problem}",
            repair="Give examples that it can be called with; and it must not branch on the values of tensors.",
        ) from error
    fed = [call.meta["val"] for call in program.graph.nodes if call.op == "placeholder"]
    sizes = [size for each in fed for size in getattr(each, "shape", ()) if isinstance(size, torch.SymInt)]
    if any(size.node.maybe_as_int() is not None for size in sizes):
        return _exported(module, examples, free=False)  # it uses the number of samples as a number
    for call in program.graph.nodes:
        if _name(call.target) == "own_rule":
            call.args = (*call.args[:2], [])  # without what its outputs were computed by
    program.graph.eliminate_dead_code()
    return program, functions


@torch.library.custom_op("graphnet::own_rule", mutates_args=())  # type: ignore[untyped-decorator]
def _own_rule(number: int, inputs: list[torch.Tensor], outputs: list[torch.Tensor]) -> list[torch.Tensor]:
    """Stand in a trace for the call of a Function of the user's, which gave these outputs."""
    return [each.clone() for each in outputs]


_own_rule.register_fake(lambda number, inputs, outputs: [torch.empty_like(each) for each in outputs])


_NUMBERS: dict[Any, Callable[[Any], Any]] = {torch.SymInt: int, torch.SymFloat: float, torch.SymBool: bool}
"""Kinds of numbers that depend on sizes known only when fed, and what makes them known."""


def _opaque(functions: list[Any], of: Any, rule: Callable[..., Any]) -> Callable[..., Any]:
    """Return a forward rule that a trace shows as one call, and note what it is a call of."""

    @wraps(rule)
    def forward(*arguments: Any) -> Any:
        given, own = rule(*arguments), own_arguments(of, arguments)
        tensors = [each for each in own if isinstance(each, torch.Tensor)]
        fixed = {place: each for place, each in enumerate(own) if not isinstance(each, torch.Tensor)}
        if any(isinstance(each, torch.Tensor) for each in several([*fixed.values()])) or not all(
            isinstance(each, torch.Tensor) for each in several(given)
        ):
            raise OpaqueError(f"{of.__name__} takes lists of tensors, or gives what is no tensor")
        functions.append((of, {place: _NUMBERS.get(type(each), lambda it: it)(each) for place, each in fixed.items()}))
        outputs = _own_rule(len(functions) - 1, tensors, several(given))
        return outputs[0] if isinstance(given, torch.Tensor) else tuple(outputs)

    return forward


def _name(target: Any) -> str:
    """Return the name of a call, without its overload."""
    name = getattr(target, "_opname", None) or getattr(target, "__name__", str(target))
    return str(name)


_NOT_HERE = ("pin_memory", "device", "layout", "memory_format")


class _Reader:
    """Reads a program call by call."""

    def __init__(self, program: Any, functions: Sequence[Any], module: Any, *, opaque: bool = False) -> None:
        self.program, self.functions, self.module, self.opaque = program, functions, module, opaque
        self.made: dict[Any, Any] = {}
        self.missing: dict[str, str] = {}  # calls without a counterpart, and why, if only these are
        self.batch: list[tuple[Any, Node]] = []  # a size known only when fed, and an input that has it as its first

    def graph(self) -> Graph:
        signature = self.program.graph_signature
        held = {**dict(self.module.named_parameters(remove_duplicate=False)), **dict(self.module.named_buffers())}
        held |= self.program.constants
        of = {**signature.inputs_to_parameters, **signature.inputs_to_buffers}
        of |= signature.inputs_to_lifted_tensor_constants
        names = {id(tensor): name for name, tensor in self.module.named_parameters()}
        parameters: dict[str, Node] = {}
        for each in self.program.graph.nodes:
            if each.op == "placeholder":
                tensor = held.get(of.get(each.name, ""))
                if tensor is None:
                    self.made[each] = self._input(each)
                    continue
                array, name = LIBRARY.array(tensor), names.get(id(tensor), of[each.name])
                *path, own = name.split(".")
                with scoped("/".join(path)):
                    if id(tensor) in names:
                        self.made[each] = parameters.setdefault(name, parameter(own, array))
                    else:
                        self.made[each] = constant(array, dtype=int if array.dtype.kind in "iu" else None)
            elif each.op == "call_function":
                stack = each.meta.get("nn_module_stack") or {}
                path = next(reversed([path for path, _ in stack.values() if isinstance(path, str)]), "")
                with scoped("" if path.startswith("_") else path.replace(".", "/")):
                    self.made[each] = self._call(each)
        outputs = {each.name: each for each in self.made}
        made = [as_node(self.made[outputs[name]]) for name in signature.user_outputs if name in outputs]
        return as_source(made, [self.made[each] for each in self.program.graph.nodes if each.op == "placeholder"])

    def _input(self, of: Any) -> Node:
        value = of.meta["val"]
        node = feed(
            of.name, [size if isinstance(size, int) else None for size in value.shape], dtype=_kind(value.dtype)
        )
        if value.ndim and not isinstance(value.shape[0], int):
            self.batch.append((value.shape[0], node))
        return node

    def _call(self, call: Any) -> Any:
        name = _name(call.target)
        if call.target is operator.getitem:
            of = self.made[call.args[0]]
            return None if of is None else of[call.args[1]]
        value = call.meta.get("val")
        if name == "sym_size":
            return value if isinstance(value, int) else batch_size(self._fed_with(value))
        if value is None or name == "with_effects":
            return None  # an assertion
        if not isinstance(value, (torch.Tensor, tuple, list)):
            return call.target(*map_arg(call.args, self.made.get))  # reckoning with sizes
        arguments, options = map_arg((call.args, dict(call.kwargs)), self.made.get)
        if name == "own_rule":
            of, fixed = self.functions[arguments[0]]
            return [foreign_op(LIBRARY, of, place, fixed, {})(*arguments[1]) for place in range(len(value))]
        if any(isinstance(each, Node) for each in arguments):  # else it is reckoned out at once
            arguments = [_operand(each) for each in arguments]
        try:
            if name in _BY_SIZE:
                return self._by_size(name, call, value)
            if name in _CALLS:
                made = _CALLS[name](*arguments, **{key: each for key, each in options.items() if key not in _NOT_HERE})
                whole = isinstance(value, torch.Tensor) and _kind(value.dtype) is int
                return np.asarray(made).astype(int) if whole and not isinstance(made, Node) else made
            self.missing[name] = ""
        except Exception as error:  # of any kind: with these arguments it has none
            self.missing[name] = getattr(error, "problem", str(error))
        return self._as_opaque(call, value) if self.opaque else self._stand_in(call.name, value)

    def _as_opaque(self, call: Any, value: Any) -> Any:
        """Return nodes for the outputs of a call that torch runs itself."""
        nodes = [each for each in call.all_input_nodes if self.made[each] is not None]
        given, function = [_operand(self.made[each]) for each in nodes], partial(_called, call, nodes)
        made = []
        for place, each in enumerate(several(value)):
            kind = ForeignOp if each is None or each.dtype.is_floating_point else _Whole
            made.append(kind(LIBRARY, function, _name(call.target), output=place)(*given))
        return made[0] if isinstance(value, torch.Tensor) else made

    def _stand_in(self, name: str, value: Any) -> Any:
        """Return an input in place of a call without a counterpart, so that all of these are found."""
        if isinstance(value, (tuple, list)):
            return [self._stand_in(f"{name} {place}", each) for place, each in enumerate(value)]
        if not isinstance(value, torch.Tensor):
            return value
        return feed(name, [size if isinstance(size, int) else None for size in value.shape], dtype=_kind(value.dtype))

    def _by_size(self, name: str, call: Any, value: Any) -> Any:
        shape = list(value.shape)
        if name in ("view", "_unsafe_view", "reshape"):
            z = self.made[call.args[0]]
            own, sizes = [str(size) for size in call.args[0].meta["val"].shape], [str(size) for size in shape]
            if own != sizes and [size for size in own if size != "1"] == [size for size in sizes if size != "1"]:
                z = np.squeeze(z, tuple(axis for axis, size in enumerate(own) if size == "1"))
                return np.expand_dims(z, tuple(axis for axis, size in enumerate(sizes) if size == "1"))
            return np.reshape(z, [size if isinstance(size, int) else -1 for size in shape])
        if name == "expand":
            return self._stretched(self.made[call.args[0]], shape)
        if name == "repeat":
            z, times = self.made[call.args[0]], [each if isinstance(each, int) else 1 for each in call.args[1]]
            return self._stretched(np.tile(z, times), shape)
        if name == "arange":
            array = np.arange(*[each for each in call.args if isinstance(each, (int, float))])
            return array.astype(float if value.dtype.is_floating_point else int)  # what is reckoned of it are integers
        number = float(name == "ones_like") if name.endswith(("s_like", "permuted")) else call.args[-1]
        dtype = _kind(value.dtype)
        if all(isinstance(size, int) for size in shape):
            return np.full(shape, number, dtype)
        return self._stretched(constant(np.full([1] * len(shape), number, dtype), dtype=dtype), shape)

    def _fed_with(self, size: Any) -> Node:
        """Return an input whose first axis has a size that is known only when fed."""
        for batch, node in self.batch:
            if batch == size:
                return node
        raise OpaqueError(f"the size {size}, which is reckoned of the number of samples")

    def _stretched(self, z: Any, shape: Sequence[Any]) -> Any:
        """Return an array with its axes of size 1 stretched, to sizes known only when fed too."""
        z = z[(None,) * (len(shape) - z.ndim)] if z.ndim < len(shape) else z
        known = [size if isinstance(size, int) else own for size, own in zip(shape, z.shape, strict=True)]
        if list(z.shape) != known:
            times = [size if own == 1 else 1 for size, own in zip(known, z.shape, strict=True)]
            z = np.tile(z, times) if None in known else np.broadcast_to(z, known)
        for axis, (size, own) in enumerate(zip(shape, z.shape, strict=True)):
            if not isinstance(size, int) and own is not None:
                if own != 1:
                    raise OpaqueError(f"{own} entries as often as there are samples")
                fed = self._fed_with(size)
                first: Any = (slice(None), *(0,) * (fed.ndim - 1))
                one = 1.0 * np.ones_like(fed)[first]
                others = tuple(other for other in range(z.ndim) if other != axis)
                z = np.expand_dims(along(z, axis, 0), axis) * np.expand_dims(one, others)
        return z


def _called(call: Any, nodes: Sequence[Any], *tensors: Any) -> Any:
    """Run a call, with tensors in the place of nodes of the trace."""
    arguments, options = map_arg((call.args, dict(call.kwargs)), dict(zip(nodes, tensors, strict=True)).get)
    return call.target(*arguments, **options)


class _Whole(ForeignOp):
    """One that gives integers or truth values."""

    def dtype(self, *dtypes: Any) -> np.dtype[Any]:
        """Return int64."""
        return np.dtype(np.int64)
