"""Models of ONNX as graphs: each call of the file has a counterpart here."""

from __future__ import annotations

import contextlib
import functools
import inspect
import math
import os
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np
import onnx
import onnx.inliner

from graphnet.core.graph import Graph
from graphnet.core.leaves import constant, parameter
from graphnet.core.leaves import input as feed
from graphnet.core.node import Node
from graphnet.errors import FeedError, GraphnetError, LoadError, OpaqueError, shown
from graphnet.interop.foreign import as_source, scoped
from graphnet.interop.onnx_calls import CALLS, IDLE, KINDS
from graphnet.ops.activations import identity

_OPSETS = range(7, 29)

_LARGE = 1 << 28
"""How many entries an input may be declared with: a rule without a rule for shapes is run on numbers to know its shape."""

_SMALL = 2048
_LATER = {"AveragePool", "Conv", "ConvTranspose", "Einsum", "MaxPool"}
"""What is known is computed at once, as shapes must be: up to so many entries, and not by ops that make many of few."""


def read(source: Any, known: Mapping[str, Any]) -> Graph:
    """Return a model as a graph: `from_onnx`."""
    model, name = _parsed(source)
    with _refusing(name):
        _check(model)
        model = _expanded(model)
        held = {tensor.name: onnx.numpy_helper.to_array(tensor) for tensor in model.graph.initializer}
    return _Reader(model, held, known).graph()


@contextlib.contextmanager
def _refusing(name: str) -> Iterator[None]:
    """Let what goes wrong with a file be an error that names it, of whatever kind it is."""
    try:
        yield
    except GraphnetError:
        raise
    except (Exception, RecursionError) as error:  # onnx and protobuf raise what they like
        problem = " ".join(str(error).split())[:300]
        raise LoadError(
            f"{name} is no sound model of ONNX: {type(error).__name__}: {problem}",
            repair="Is it complete? Export it again.",
        ) from error


def _parsed(source: Any) -> tuple[Any, str]:
    """Return a model, and what to call it."""
    if isinstance(source, onnx.ModelProto):
        copy = onnx.ModelProto()
        copy.CopyFrom(source)
        return copy, "the model"
    name = "the model" if isinstance(source, (bytes, bytearray, memoryview)) else repr(os.fspath(source))
    model = onnx.ModelProto()
    with _refusing(name):
        if isinstance(source, (str, os.PathLike)):
            try:
                with open(source, "rb") as file:
                    source = file.read()
            except OSError as error:
                raise LoadError(f"can't read {name}: {error.strerror or error}", repair="Is the path right?") from error
        model.ParseFromString(bytes(source))
    return model, name


def _check(model: Any) -> None:
    """Raise unless a model is one of ONNX, holds all of its numbers, and calls only what has a counterpart."""
    for tensor in _tensors(model.graph):
        if tensor.data_location == onnx.TensorProto.EXTERNAL or tensor.external_data:
            raise LoadError(
                f"the numbers of {shown(tensor.name)} lie in another file, and nothing outside of this one is read",
                repair="Save the model in one file: onnx.save(onnx.load(path), new_path).",
            )
    if not model.graph.node and not model.graph.output:
        raise LoadError("there is no graph in it", repair="Is it a model of ONNX?")
    texts = [
        text for each in model.graph.node for text in (each.name, each.op_type, each.domain, *each.input, *each.output)
    ]
    values = [*model.graph.input, *model.graph.output, *model.graph.initializer]
    if not all(isinstance(text, str) for text in [*texts, *(each.name for each in values)]):
        raise LoadError("a name in it is no text", repair="Is it damaged? Export it again.")
    onnx.checker.check_model(model)
    opset = _opset(model)
    if opset not in _OPSETS:
        raise LoadError(
            f"it is of opset {opset}", repair=f"Opsets {_OPSETS[0]} to {_OPSETS[-1]} are read: onnx.version_converter."
        )


def _opset(model: Any) -> int:
    return next((int(each.version) for each in model.opset_import if each.domain in ("", "ai.onnx")), 0)


def _tensors(graph: Any) -> Iterator[Any]:
    yield from graph.initializer
    for sparse in graph.sparse_initializer:
        yield from (sparse.values, sparse.indices)
    for node in graph.node:
        for attribute in node.attribute:
            yield from [attribute.t, *attribute.tensors]
            for inner in [attribute.g, *attribute.graphs]:
                yield from _tensors(inner)


def _expanded(model: Any) -> Any:
    """Return a model in which what ONNX defines by other ops is written of these, if all of them are known here."""
    first = left = _missing(model)
    for _ in range(4):  # what one is written of may be defined by others
        if not left or not all(_is_defined(*each, _opset(model)) for each in left):
            break
        for call in model.graph.node:  # its defaults are lost where it is expanded, if they are not written down
            if (_domain(call), call.op_type) in left:
                own = {attribute.name for attribute in call.attribute}
                defaults = _defaults(call.op_type, _opset(model))
                call.attribute.extend(each for key, each in defaults.items() if key not in own)
        with contextlib.suppress(RuntimeError):  # it takes types to be known that are not
            model = onnx.inliner.inline_selected_functions(model, left, exclude=False, inline_schema_functions=True)
        left = _missing(model)
    if left:
        within = sorted({name for _, name in set(first) - set(left)})
        raise OpaqueError(
            f"the model calls what has no counterpart here: {', '.join(_joined(*each) for each in left)}"
            f"{' in ' * bool(within)}{', '.join(within)}",
            repair="What a model may call is listed in graphnet.interop.onnx_calls.",
        )
    return model


def _is_defined(domain: str, name: str, opset: int) -> bool:
    if domain or not onnx.defs.has(name, opset):
        return False
    schema = onnx.defs.get_schema(name, opset)
    return bool(schema.has_function or schema.has_context_dependent_function)


def _missing(model: Any) -> list[tuple[str, str]]:
    calls = {(_domain(call), call.op_type) for call in model.graph.node}
    return sorted(each for each in calls if _joined(*each) not in CALLS)


def _domain(call: Any) -> str:
    return "" if call.domain == "ai.onnx" else str(call.domain)


def _joined(domain: str, name: str) -> str:
    """Return the name of an op, led by its domain if that is not ONNX's own."""
    return f"{domain}.{name}" if domain else name


class _Reader:
    """Reads a model call by call."""

    def __init__(self, model: Any, held: Mapping[str, Any], known: Mapping[str, Any]) -> None:
        self.model, self.held, self.known, self.opset = model.graph, held, known, _opset(model)
        self.whole: set[str] = set()  # the values that are integers: computed with as real numbers, but by a division
        self.made: dict[str, Any] = {"": None}
        self.taken: set[str] = set()

    def graph(self) -> Graph:
        self._make_leaves()
        outputs: dict[str, Any] = dict.fromkeys(each.name for each in self.model.output)
        for call in self.model.node:
            path = call.name.replace(".", "/").strip("/").rpartition("/")[0]
            with scoped(path):
                results = self._call(call)
            for name, value in zip(call.output, results, strict=False):
                if name in outputs:
                    value = outputs[name] = self._output(name, value)
                self.made[name] = value
                if self._is_whole(call, value):
                    self.whole.add(name)
        made = [self._output(name, self.made[name]) if node is None else node for name, node in outputs.items()]
        return as_source(made, [self.made.get(each.name) for each in self.model.input])

    def _make_leaves(self) -> None:
        """Make parameters, constants and inputs."""
        for tensor in self.model.initializer:
            self._require_type(tensor.name, tensor.data_type)
        if self.model.sparse_initializer:
            raise OpaqueError("the model has sparse initialisers, which have no counterpart here")
        if missing := {*self.known} - {each.name for each in self.model.input}:
            raise FeedError(
                f"the model has no input {shown(min(missing))}", repair="known is of inputs, by their names."
            )
        statistics = {
            name for call in self.model.node if call.op_type == "BatchNormalization" for name in call.input[3:5]
        }
        for name, value in self.held.items():
            learned = value.dtype.kind == "f" and value.ndim and name not in statistics
            path, _, own = self._name(name).rpartition("/") if learned else ("", "", "")
            with scoped(path):
                self.made[name] = parameter(own, value) if learned else value
            self.whole |= {name} if value.dtype.kind in "iu" else set()
        for each in self.model.input:
            if each.name not in self.held:
                self.made[each.name] = value = self._input(each)
                self.whole |= {each.name} if value.dtype.kind in "iu" else set()

    def _require_type(self, name: str, kind: int) -> None:
        if kind not in KINDS:
            called = onnx.TensorProto.DataType.Name(kind) if kind in onnx.TensorProto.DataType.values() else kind
            raise OpaqueError(
                f"{shown(name)} is of type {called}", repair="Types are float32, float64, int32, int64 and bool."
            )

    def _name(self, name: str) -> str:
        """Return a name as names are here: scopes joined by a slash, each name once."""
        cleaned = base = name.replace(".", "/").strip("/") or "unnamed"
        count = 1
        while cleaned in self.taken:
            cleaned = f"{base}_{(count := count + 1)}"
        self.taken.add(cleaned)
        return cleaned

    def _input(self, each: Any) -> Any:
        kind = each.type.tensor_type
        if not each.type.HasField("tensor_type") or not kind.HasField("shape"):
            raise OpaqueError(f"the input {shown(each.name)} is no tensor with a known number of axes")
        self._require_type(each.name, kind.elem_type)
        if each.name in self.known:
            return np.asarray(self.known[each.name])
        sizes = [size.dim_value if size.HasField("dim_value") else None for size in kind.shape.dim]
        if math.prod(size or 1 for size in sizes) > _LARGE:
            raise LoadError(
                f"the input {shown(each.name)} is declared with the shape {shown(tuple(sizes))}",
                repair=f"Inputs of up to {_LARGE} entries are read.",
            )
        of = {"f": float, "i": int, "b": bool}[np.dtype(KINDS[kind.elem_type]).kind]
        return feed(self._name(each.name), sizes, dtype=of)

    def _output(self, name: str, value: Any) -> Node:
        """Return what an output is, under its name."""
        if isinstance(value, Node) and value.op is not None and value.name is None:
            return Node(value.op, value.inputs, value.shape, value.dtype, self._name(name))
        if isinstance(value, Node):
            ours = value.name == name.replace(".", "/").strip("/")
            return value if ours or value.dtype.kind != "f" else identity(value, name=self._name(name))
        if value.dtype == object:
            raise OpaqueError(f"the output {shown(name)} is a size that is known only when fed")
        return constant(value, name=self._name(name), dtype=value.dtype)

    def _is_whole(self, call: Any, value: Any) -> bool:
        """Tell whether what a call gives is integers, though it may be held as real numbers."""
        if call.op_type == "Cast":
            return any(each.i in (6, 7) for each in call.attribute if each.name == "to")
        if value.dtype.kind != "f" or not isinstance(value, Node):
            return bool(value.dtype.kind in "iu")
        like = {"Where": 1, "CastLike": 1, "OneHot": 2}.get(call.op_type, 0)
        return len(call.input) > like and call.input[like] in self.whole

    def _call(self, call: Any) -> list[Any]:
        function = CALLS[_joined(_domain(call), call.op_type)]
        told = {"opset": self.opset, "outputs": len(call.output), "whole": {*call.input[:1]} <= self.whole}
        inputs = [self.made[name] for name in call.input]
        arrays = [each for each in inputs if isinstance(each, np.ndarray) and each.dtype != np.dtype(object)]
        if len(arrays) == len(inputs) and (sum(map(np.size, arrays)) > _SMALL or call.op_type in _LATER):
            inputs = [constant(each, dtype=each.dtype) for each in arrays]
        where = f"{call.op_type} {shown(call.name or call.output[0])}"
        try:
            result = function(*inputs, **_settings(call, self.opset, function, told))
        except GraphnetError as error:
            error.problem = f"{where}: {error.problem}" if not error.subject else error.problem
            error.subject = f"{where}: {error.subject}" if error.subject else ""
            raise
        except Exception as error:  # of any kind: attributes that are none, inputs too many, sizes that don't fit
            raise OpaqueError(
                f"{where} can't be read: {type(error).__name__}: {shown(str(error))}",
                repair="Attributes or inputs are others than are known here.",
            ) from error
        results = list(result) if isinstance(result, (tuple, list)) else [result]
        if len([name for name in call.output if name]) > len(results):
            raise OpaqueError(f"{where} gives {len(call.output)} outputs, of which {len(results)} are known here")
        return [each if isinstance(each, Node) else np.asanyarray(each) for each in results]


def _settings(call: Any, opset: int, function: Callable[..., Any], told: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a function is given of a call's attributes, those it has by default too, and of what it may be told."""
    takes = inspect.signature(function).parameters.values()
    named, all_of_them = {each.name for each in takes}, any(each.kind is each.VAR_KEYWORD for each in takes)
    defaults = {key: each for key, each in _defaults(call.op_type, opset).items() if all_of_them or key in named}
    given = defaults | {each.name: each for each in call.attribute}
    told = {key: value for key, value in told.items() if key in named}
    return {key: _value(each) for key, each in given.items() if key not in IDLE} | told


@functools.cache
def _defaults(name: str, opset: int) -> dict[str, Any]:
    """Return the attributes that an op has by default; those that its opset does not have, as the newest has them."""
    versions = [each for each in (onnx.defs.onnx_opset_version(), opset) if onnx.defs.has(name, each)]
    every = [each for version in versions for each in onnx.defs.get_schema(name, version).attributes.items()]
    return {key: each.default_value for key, each in every if each.default_value.type}


def _value(attribute: Any) -> Any:
    value = onnx.helper.get_attribute_value(attribute)
    if isinstance(value, onnx.TensorProto):
        return onnx.numpy_helper.to_array(value)
    if isinstance(value, bytes):
        return value.decode(errors="replace")
    return list(value) if hasattr(value, "extend") else value
