"""Graphs as models of ONNX: each op is one there, is written of others, or is expanded by its own rule."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from onnx import TensorProto, helper, numpy_helper

from graphnet import ops
from graphnet.common.replace import replacing
from graphnet.core.graph import Graph
from graphnet.core.leaves import Constant, Input, Parameter, constant
from graphnet.core.node import Node
from graphnet.core.op import Op
from graphnet.core.registry import OPS
from graphnet.engine.gradients import BackwardOf
from graphnet.errors import DtypeError, GraphnetError, OpaqueError, SaveError
from graphnet.interop.names import ALSO, SAME, along
from graphnet.ops.composites import Composite
from graphnet.ops.erf import erf
from graphnet.ops.indexing import WHOLE, for_each_axis, numpy_index

OPSET = 20

_BY_OP = {
    getattr(function, "__name__", "") or function.name: (name, settings)  # type: ignore[attr-defined]
    for name, (function, settings) in (SAME | ALSO).items()
}
"""Name of an op here → its name in ONNX, and what its settings are there: the tables read backwards."""


def write(outputs: Any, path: str | os.PathLike[str], dtype: Any) -> None:
    """Write a graph as a model: `to_onnx`."""
    kind = np.dtype(dtype)
    if kind not in (np.float32, np.float64):
        raise DtypeError(f"a model computes in {kind}", repair="Give np.float32 or np.float64.")
    model = _Writer(outputs if isinstance(outputs, Graph) else Graph(outputs), kind).model()
    try:
        data = model.SerializeToString()
    except Exception as error:  # protobuf has a limit of 2 GiB, and several errors for it
        raise SaveError(f"the model can't be written: {error}", repair="A file of ONNX holds up to 2 GiB.") from error
    with replacing(path) as file:
        file.write(data)


class _Writer:
    """Writes a graph node by node; each writes calls, and gets the name of its value."""

    def __init__(self, graph: Graph, dtype: np.dtype[Any]) -> None:
        self.graph, self.dtype = graph, dtype
        self.real = helper.np_dtype_to_tensor_dtype(dtype)
        self.calls: list[Any] = []
        self.held: list[Any] = []
        self.names: dict[Node, str] = {}
        self.within: list[Any] = []  # the ops that are being expanded
        self.label = ""
        self.count = 0

    def model(self) -> Any:
        """Return the model, or raise `OpaqueError` naming all that has no counterpart."""
        refused: dict[str, str] = {}
        for node in self.graph.nodes:
            self.label = self.graph.label(node)
            self.within.clear()
            try:
                self.names[node] = self.value(node)
            except GraphnetError as error:
                self.names[node] = ""
                refused.setdefault(node.kind, f"{node.kind} ({error.problem})" if not _plain(error) else node.kind)
        if refused:
            raise OpaqueError(
                f"the graph has what has no counterpart in ONNX: {', '.join(refused.values())}",
                repair="A rule of known functions is expanded; sizes that are known may help: shape=(16, 2), not (None, 2).",
            )
        wanted = [self._output(node, place) for place, node in enumerate(self.graph.outputs)]
        inputs = [self._declared(self.graph.label(node), node) for node in self.graph.inputs]
        graph = helper.make_graph(self.calls, "graphnet", inputs, wanted, self.held)
        opset = [helper.make_opsetid("", OPSET)]
        return helper.make_model(graph, producer_name="graphnet", opset_imports=opset, ir_version=9)

    def _output(self, node: Node, place: int) -> Any:
        """Declare an output under its label; one that is a leaf, or is given twice, under a name of its own."""
        label = self.graph.label(node)
        if node.op is None or any(node is other for other in self.graph.outputs[:place]):
            label = f"{label}/output_{place}"
        if self.names[node] != label:
            self.calls.append(helper.make_node("Identity", [self.names[node]], [label], name=label))
        return self._declared(label, node)

    def _declared(self, name: str, node: Node) -> Any:
        sizes = [
            ("batch" if axis == 0 else None) if size is None else int(size) for axis, size in enumerate(node.shape)
        ]
        return helper.make_tensor_value_info(name, self.kind(node), sizes)

    def kind(self, node: Node) -> int:
        """Return what type of ONNX a node's value has."""
        return int({"f": self.real, "b": TensorProto.BOOL}.get(node.dtype.kind, TensorProto.INT64))

    # Calls ------------------------------------------------------------------------------------------------------------

    def call(self, name: str, *inputs: Any, **attributes: Any) -> str:
        """Write a call; inputs are names, or arrays of what is known. Return the name of its first output."""
        self.count += 1
        output = f"{self.label}/{name}_{self.count}"
        given = [each if isinstance(each, str) else self.array(each) for each in inputs]
        self.calls.append(helper.make_node(name, given, [output], name=output, **attributes))
        return output

    def array(self, value: Any) -> str:
        """Write a constant, and return its name."""
        return self.call("Constant", value=numpy_helper.from_array(self._stored(value)))

    def _stored(self, value: Any) -> Any:
        array = np.asarray(value, None if np.size(value) else getattr(value, "dtype", np.int64))  # [] are no axes
        return array.astype({"f": self.dtype, "b": np.dtype(bool)}.get(array.dtype.kind, np.int64), order="C")

    def cast(self, name: str, node: Node, to: int) -> str:
        """Return a value in a type."""
        return name if self.kind(node) == to else self.call("Cast", name, to=to)

    def value(self, node: Node) -> str:
        """Write a node, and return the name of its value; that of the whole graph's node is its label."""
        if isinstance(node, Input):
            return self.label
        if isinstance(node, Parameter):
            self.held.append(numpy_helper.from_array(self._stored(node.value), self.label))
            return self.label
        if isinstance(node, Constant):
            return self.array(node.value)
        assert node.op is not None
        if any(not self.names[source] for source in node.inputs):
            return ""  # one of them was refused
        before = len(self.calls)
        made = self.applied(node, node.op)
        if node in self.graph and len(self.calls) > before and self.calls[-1].output[0] == made:
            self.calls[-1].output[0] = self.calls[-1].name = self.label
            return self.label
        return made

    def applied(self, node: Node, op: Op) -> str:
        """Write what an op does to a node's inputs."""
        of = op.of if isinstance(op, BackwardOf) else op
        if OPS.get(of.name) is not type(of):
            return self.expanded(node, op)
        name, settings = _BY_OP.get(op.name, ("", {}))
        if name and {*op.settings} - {"from_end"} == {*settings.values()}:  # there positions may be below 0 in any case
            own = {attribute: op.settings[setting] for attribute, setting in settings.items()}
            return self.call(name, *self.operands(node), **{key: each for key, each in own.items() if each is not None})
        made = _WRITTEN[op.name](self, op, node, *self.operands(node)) if op.name in _WRITTEN else ""
        rule = _REWRITTEN.get(op.name)
        return made or self.expanded(node, _Rule(rule, op, op.name) if rule else op)

    def operands(self, node: Node) -> list[str]:
        """Return the values of a node's inputs in the types that its op is given there."""
        op = node.op
        assert op is not None
        kinds = {source.dtype.kind for source in node.inputs}
        counts = len(kinds) > 1 or (kinds == {"b"} and op.name in ("greater", "less", "greater_equal", "less_equal"))
        to = []
        for slot, source in enumerate(node.inputs):
            kind = TensorProto.INT64 if counts or slot in op.choosing else self.kind(source)
            if slot not in op.choosing and (node.dtype.kind == "f" or "f" in kinds or isinstance(op, ops.Argsort)):
                kind = self.real
            if op.name.startswith("logical_") or (slot in op.choosing and op.name in ("where", "mask", "unmask")):
                kind = TensorProto.BOOL
            to.append(self.cast(self.names[source], source, kind))
        return to

    def expanded(self, node: Node, op: Any) -> str:
        """Write what an op's own rule makes of nodes."""
        shapes, dtypes = [source.shape for source in node.inputs], [source.dtype for source in node.inputs]
        if any(within == node.op for within in self.within):
            raise OpaqueError("")  # its rule calls a function of NumPy, which is the op itself
        expansion = Composite.expansion(op, shapes, dtypes)
        self.within.append(node.op)
        self.names.update(zip(expansion.inputs, [self.names[source] for source in node.inputs], strict=True))
        for inner in expansion.graph.nodes:
            if not isinstance(inner, Input):  # anew for each use: uses that are alike share an expansion
                self.names[inner] = self.value(inner)
        self.within.pop()
        return self.cast(self.names[expansion.output], expansion.output, self.kind(node))


def _plain(error: GraphnetError) -> bool:
    return not error.problem or "no op covers" in error.problem


@dataclass(frozen=True)
class _Rule:
    """A way to write an op of others, in the place of its own rule."""

    rule: Callable[..., Any]
    op: Op
    name: str

    def forward(self, *inputs: Any) -> Any:
        """Write it."""
        return self.rule(self.op, *inputs)


# Of other ops -------------------------------------------------------------------------------------------------------------


def _rolled(op: Any, z: Any) -> Any:
    for shift, axis in zip(op.shift, range(z.ndim) if op.axis is None else op.axis, strict=True):
        cut = -shift % z.shape[axis]
        z = np.concatenate([along(z, axis, slice(cut, None)), along(z, axis, slice(None, cut))], axis) if cut else z
    return z


def _scatter(op: Any, z: Any) -> Any:
    if None in op.to:
        return _beside_zeros(op, z)
    size = math.prod(op.to)
    places = np.arange(size).reshape(op.to)[numpy_index(op.index)].ravel()
    return ops.PickAdd((size,), (0,))(z.reshape(-1), constant(places, dtype=int)).reshape(op.to)


def _beside_zeros(op: Any, z: Any) -> Any:
    """Put zeros around a part, of which some sizes are known only when fed."""
    items: Sequence[Any] = for_each_axis(op.index, len(op.to))
    new = [axis for axis, item in enumerate(item for item in items if not isinstance(item, int)) if item is None]
    items = [item for item in items if item is not None]
    single = [axis for axis, item in enumerate(items) if isinstance(item, int)]
    widths, spread = [], []
    for item, size in zip(items, op.to, strict=True):
        part = slice(item, item + 1 or None) if isinstance(item, int) else slice(*item)
        run = range(1) if size is None else range(size)[part]
        if run.step < 0:
            raise OpaqueError("steps backwards along an axis, beside one whose size is known only when fed")
        spread.append(run.step)
        widths.append((run.start, 0 if size is None else size - run[-1] - 1))
    z = np.expand_dims(np.squeeze(z, tuple(new)), tuple(single))
    for axis, step in enumerate(spread):
        if step > 1:  # so many entries less one behind each, but for the last
            apart = np.pad(np.expand_dims(z, axis + 1), [(0, (step - 1) * (i == axis + 1)) for i in range(z.ndim + 1)])
            sizes = [size * step if i == axis else size for i, size in enumerate(z.shape)]
            z = along(np.reshape(apart, [-1 if size is None else size for size in sizes]), axis, slice(None, 1 - step))
    return np.pad(z, widths)


def _scatter_add(op: Any, z: Any, places: Any) -> Any:
    z = np.moveaxis(z, range(op.axis, op.axis + places.ndim), range(places.ndim))
    to = (op.to[op.axis], *op.to[: op.axis], *op.to[op.axis + 1 :])
    return np.moveaxis(ops.PickAdd(to, (0,))(z, places), 0, op.axis)


def _to_kernel(op: Any, x: Any, delta: Any) -> Any:
    """Slide error signals over images, the samples of both taken as channels."""
    if op.groups > 1:
        one = ops.Conv2dToKernel(size=op.size, stride=op.stride, padding=op.padding, dilation=op.dilation)
        pairs = zip(np.split(x, op.groups, 1), np.split(delta, op.groups, 1), strict=True)
        return np.concatenate([one(*pair) for pair in pairs], 0)
    slide = ops.Conv2d(stride=op.dilation, padding=op.padding, dilation=op.stride)
    made = slide(x.transpose(1, 0, 2, 3), delta.transpose(1, 0, 2, 3))
    return made[:, :, : op.size[0], : op.size[1]].transpose(1, 0, 2, 3)  # without rows that no window reached


def _arctan2(op: Any, y: Any, x: Any) -> Any:
    turned = np.where(x < 0, np.where(y < 0, -math.pi, math.pi), 0.0)
    upright = np.where(y > 0, math.pi / 2, np.where(y < 0, -math.pi / 2, 0.0))
    return np.where(x == 0, upright, np.arctan(y / np.where(x == 0, 1.0, x)) + turned)


def _soft_maximum(base: float) -> Callable[..., Any]:
    return lambda op, x, y: np.maximum(x, y) + np.log(1 + np.exp(-math.log(base) * np.abs(x - y))) / math.log(base)


_REWRITTEN: dict[str, Callable[..., Any]] = {
    "arctan2": _arctan2,
    "cbrt": lambda op, z: np.sign(z) * np.abs(z) ** (1 / 3),
    "conv2d_to_kernel": _to_kernel,
    "exp2": lambda op, z: np.exp(math.log(2) * z),
    "expm1": lambda op, z: np.where(np.abs(z) < 1e-2, z * (1 + z / 2 * (1 + z / 3 * (1 + z / 4))), np.exp(z) - 1),
    "floor_divide": lambda op, x, y: np.floor(x / y),
    "heaviside": lambda op, x, y: np.where(x > 0, 1.0, np.where(x < 0, 0.0, y)),
    "hypot": lambda op, x, y: np.sqrt(x * x + y * y),
    "isfinite": lambda op, z: np.logical_not(np.logical_or(np.isnan(z), np.isinf(z))),
    "log10": lambda op, z: np.log(z) / math.log(10),
    "log1p": lambda op, z: np.where(np.abs(z) < 1e-2, z * (1 - z * (1 / 2 - z * (1 / 3 - z / 4))), np.log(1 + z)),
    "log2": lambda op, z: np.log(z) / math.log(2),
    "logaddexp": _soft_maximum(math.e),
    "logaddexp2": _soft_maximum(2.0),
    "normal_cdf": lambda op, z: 0.5 * (1 + erf(z / math.sqrt(2))),
    "not_equal": lambda op, x, y: np.logical_not(x == y),
    "remainder": lambda op, x, y: x - np.floor(x / y) * y,
    "roll": _rolled,
    "round": lambda op, z: np.round(z * 10.0**op.decimals) / 10.0**op.decimals if op.decimals else np.rint(z),
    "scatter": _scatter,
    "scatter_add": _scatter_add,
    "signbit": lambda op, z: z < 0,
    "square": lambda op, z: z * z,
    "trunc": lambda op, z: np.sign(z) * np.floor(np.abs(z)),
}
"""Op → how it is written of others, where its rule is one call of NumPy that ONNX lacks."""


# Of calls of ONNX -----------------------------------------------------------------------------------------------------------


def _reduction(name: str) -> Callable[..., str]:
    def write_it(w: _Writer, op: Any, node: Node, z: str) -> str:
        axes = [] if op.axis is None else [np.ravel(op.axis)]
        if node.inputs[0].shape == () or (axes and axes[0].size == 0):
            return z
        return w.call(name, z, *axes, keepdims=int(op.keepdims))

    return write_it


def _getitem(w: _Writer, op: Any, node: Node, z: str) -> str:
    items = for_each_axis(op.index, node.inputs[0].ndim)
    far = np.iinfo(np.int64).max
    for axis, item in reversed([*enumerate(item for item in items if item is not None)]):
        if isinstance(item, int):
            z = w.call("Gather", z, item, axis=axis)
        elif item != WHOLE:
            first, last, step = item[0], item[1], item[2] or 1
            first = (0 if step > 0 else far) if first is None else first
            last = (far if step > 0 else -far) if last is None else last
            z = w.call("Slice", z, [first], [last], [axis], [step])
    new = [axis for axis, item in enumerate(item for item in items if not isinstance(item, int)) if item is None]
    return w.call("Unsqueeze", z, new) if new else z


def _zeros(w: _Writer, node: Node, shape: Sequence[Any]) -> str:
    return w.call("ConstantOfShape", list(shape), value=helper.make_tensor("zero", w.kind(node), [1], [0]))


def _paired(w: _Writer, op: Any, node: Node, places: Sequence[str]) -> str:
    if op.axes != tuple(range(len(op.axes))) or len({source.shape for source in node.inputs[1:]}) > 1:
        raise OpaqueError("positions along axes that are not the first")
    parts = [w.call("Unsqueeze", each, [-1]) for each in places]
    return w.call("Concat", *parts, axis=-1) if len(parts) > 1 else parts[0]


def _sorted(which: int) -> Callable[..., str]:
    def write_it(w: _Writer, op: Any, node: Node, z: str) -> str:
        size = w.call("Shape", z, start=op.axis % node.ndim, end=op.axis % node.ndim + 1)
        made = w.call("TopK", z, size, axis=op.axis, largest=0, sorted=1)
        w.calls[-1].output.append(f"{made}/places")
        return f"{made}/places" if which else made

    return write_it


def _window(op: Any) -> dict[str, Any]:
    pads = {"strides": list(op.stride), "pads": [*op.padding, *op.padding]}
    return pads | ({"dilations": list(op.dilation)} if hasattr(op, "dilation") else {"kernel_shape": list(op.size)})


def _conv_to_input(w: _Writer, op: Any, node: Node, delta: str, W: str) -> str:
    kernel, sizes = node.inputs[1].shape[2:], node.inputs[0].shape[2:]
    if None in (*kernel, *sizes):
        raise OpaqueError("the size of images is known only when fed")
    more = [
        want - (step * (size - 1) + (k - 1) * wide + 1 - 2 * pad)
        for want, step, size, k, wide, pad in zip(
            op.size, op.stride, sizes, kernel, op.dilation, op.padding, strict=True
        )
    ]
    return w.call("ConvTranspose", delta, W, **_window(op), output_padding=more, group=op.groups)


def _layer_norm(w: _Writer, op: Any, node: Node, z: str) -> str:
    axes = sorted(axis % node.ndim for axis in op.axes)
    sizes = [node.shape[axis] for axis in axes]
    if axes != list(range(node.ndim - len(axes), node.ndim)) or None in sizes:
        return ""
    return w.call("LayerNormalization", z, np.ones(sizes), axis=axes[0], epsilon=float(op.epsilon))


def _filled(value: float) -> Callable[..., str]:
    def write_it(w: _Writer, op: Any, node: Node, z: str) -> str:
        return w.call("Expand", w.cast(w.array(value), node, w.kind(node)), w.call("Shape", z))

    return write_it


def _part_back(w: _Writer, op: Any, node: Node, delta: str, output: str, *parts: str) -> str:
    axis = op.of.axis % node.ndim
    sizes = [w.call("Shape", part, start=axis, end=axis + 1) for part in parts]
    made = w.call("Split", delta, w.call("Concat", *sizes, axis=0), axis=axis)
    w.calls[-1].output[:] = [f"{made}/{place}" if place != op.slot else made for place in range(len(parts))]
    return made


def _nan_to_num(w: _Writer, op: Any, node: Node, z: str) -> str:
    most = float(np.finfo(w.dtype).max)
    for sign, value in (1, op.posinf), (-1, op.neginf):
        number = np.array(sign * most if value is None else float(value))
        z = w.call("Where", w.call("Equal", z, np.array(sign * np.inf)), number, z)
    return w.call("Where", w.call("IsNaN", z), np.array(float(op.nan)), z)


def _mask(w: _Writer, op: Any, node: Node, z: str, mask: str) -> str:
    if node.inputs[1].ndim == 1:
        return w.call("Compress", z, mask, axis=op.axis)
    if op.axis or node.inputs[1].ndim != node.inputs[0].ndim:
        raise OpaqueError("a mask along several axes, not all")
    return w.call("Compress", w.call("Reshape", z, [-1]), w.call("Reshape", mask, [-1]), axis=0)


def _unmask(w: _Writer, op: Any, node: Node, z: str, mask: str) -> str:
    if op.axis or None in node.shape:
        raise OpaqueError("a mask along later axes")
    places = w.call("Transpose", w.call("NonZero", mask), perm=[1, 0])
    return w.call("ScatterND", _zeros(w, node, node.shape), places, z)


_WRITTEN: dict[str, Callable[..., str]] = {
    "add_along_axis": lambda w, op, node, z, places: w.call(
        "ScatterElements", _zeros(w, node, op.to), places, z, axis=op.axis, reduction="add"
    ),
    "argmax": lambda w, op, node, z: w.call("ArgMax", z, axis=op.axis, keepdims=0),
    "argsort": _sorted(1),
    "avg_pool2d": lambda w, op, node, z: w.call("AveragePool", z, **_window(op), count_include_pad=1),
    "batch_size": lambda w, op, node, z: w.call(
        "Squeeze", w.call("Cast", w.call("Shape", z, start=0, end=1), to=w.real), [0]
    ),
    "bias_add": lambda w, op, node, z, b: w.call("Add", z, b),
    "broadcast_to": lambda w, op, node, z: w.call("Expand", z, list(op.to)),
    "concatenate": lambda w, op, node, *parts: w.call("Concat", *parts, axis=op.axis),
    "concatenate_backward": _part_back,
    "conv1d": lambda w, op, node, x, W: w.call(
        "Conv", x, W, strides=[op.stride], pads=[op.padding] * 2, dilations=[op.dilation], group=op.groups
    ),
    "conv2d": lambda w, op, node, x, W: w.call("Conv", x, W, **_window(op), group=op.groups),
    "conv2d_to_input": _conv_to_input,
    "cumsum": lambda w, op, node, z: w.call("CumSum", z, np.array(op.axis), reverse=int(op.from_end)),
    "einsum": lambda w, op, node, *operands: w.call("Einsum", *operands, equation=op.subscripts),
    "expand_dims": lambda w, op, node, z: w.call("Unsqueeze", z, list(op.axes)),
    "fmod": lambda w, op, node, x, y: w.call("Mod", x, y, fmod=1),
    "gelu_tanh": lambda w, op, node, z: w.call("Gelu", z, approximate="tanh"),
    "getitem": _getitem,
    "isinf": lambda w, op, node, z: w.call("IsInf", z),
    "layer_norm": _layer_norm,
    "mask": _mask,
    "max": _reduction("ReduceMax"),
    "max_pool2d": lambda w, op, node, z: w.call("MaxPool", z, **_window(op)),
    "mean": _reduction("ReduceMean"),
    "nan_to_num": _nan_to_num,
    "ones_like": _filled(1.0),
    "pad": lambda w, op, node, z: w.call("Pad", z, [*op.before, *op.after], w.array(np.array(float(op.value)))),
    "pick": lambda w, op, node, z, *places: w.call("GatherND", z, _paired(w, op, node, places)),
    "pick_add": lambda w, op, node, z, *places: w.call(
        "ScatterND", _zeros(w, node, op.to), _paired(w, op, node, places), z, reduction="add"
    ),
    "reshape": lambda w, op, node, z: w.call("Reshape", z, list(op.to), allowzero=1),
    "sort": _sorted(0),
    "squeeze": lambda w, op, node, z: w.call("Squeeze", z, list(op.axes)) if op.axes else z,  # no axes: for ONNX all
    "sum": _reduction("ReduceSum"),
    "take": lambda w, op, node, z, places: w.call("Gather", z, places, axis=op.axis),
    "unmask": _unmask,
    "zeros_like": _filled(0.0),
}
"""Op → how its call, or calls, are written; nothing where its rule is to be expanded after all."""
