"""Ops: a forward and a backward rule over NumPy functions."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from functools import lru_cache
from typing import Any, ClassVar, Self, TypeAlias

import numpy as np

from graphnet.common.origin import check_name, written_at
from graphnet.common.settings import setting
from graphnet.core import registry
from graphnet.core.inference import shape_of_rule
from graphnet.core.leaves import as_node, numbers
from graphnet.core.node import Array, Node, Numbers, describe_inputs, subject
from graphnet.core.shapes import Shape, as_shape, ones_of
from graphnet.errors import DtypeError, GraphError, GraphnetError, NoBackwardRuleError, ShapeError, shown


class Stateless:
    """Refuses attributes that are not fields: state would make two uses of one op disturb each other."""

    def __setattr__(self, attribute: str, value: object) -> None:
        raise AttributeError(
            f"{type(self).__name__}.{attribute} can't be set: an op has no state, only settings. "
            "Declare settings as fields of a class under @dataclass(frozen=True)."
        )

    def __deepcopy__(self, memo: object) -> Self:
        return self

    def __reduce_ex__(self, protocol: Any) -> Any:
        if "<locals>" in type(self).__qualname__:
            raise not_by_name(type(self), type(self).__name__)
        return super().__reduce_ex__(protocol)


def not_by_name(thing: Any, name: str) -> GraphError:
    """Return the error of pickling what is found by its name in a module, and is not there."""
    return GraphError(
        f"op {name} can't be pickled: no name at the top of module {thing.__module__}, where its rule is from, stands for it",
        repair="Pickle finds ops by name: give it one there, or move it out of the function that it is in. gn.save needs no "
        "pickle: ops=[...].",
    )


@dataclass(frozen=True)
class Op(Stateless):
    """A forward and a backward rule. Derive from it to make an op with settings, or use `op` for one without.

    A rule is written once, over NumPy's functions and operators. Given arrays it computes numbers, given nodes it
    builds graph. Ops are stateless: their fields, if any, are settings, and two ops with equal settings are equal.

    Attributes
    ----------
    name : str
        What pictures and messages call it; by default the class name in snake case.
    written : str
        What formulas call it, if not by its name: ``"ln"`` of a logarithm, ``"≥"`` between two operands.

    Examples
    --------
    >>> import numpy as np
    >>> from dataclasses import dataclass
    >>> @dataclass(frozen=True)
    ... class Scale(Op):
    ...     factor: float
    ...     def forward(self, z):
    ...         return self.factor * z
    ...     def backward(self, delta, a, z):
    ...         return self.factor * delta
    >>> Scale(3.0)(np.array([1.0, 2.0]))
    array([3., 6.])
    """

    name: ClassVar[str] = "op"
    written: ClassVar[str] = ""
    stretched: ClassVar[slice | None] = None
    """The axes along which operands of unequal sizes are stretched to each other; None if there are none."""
    held: ClassVar[bool] = False
    """Whether no error signal is meant to come back, although the output depends on the inputs: then no rule is judged."""
    choosing: ClassVar[tuple[int, ...]] = ()
    """The inputs that are masks or positions. A built-in op takes all other truth values and integers as real numbers."""

    def __init__(self, *settings: Any, **named: Any) -> None:
        # Only of classes that are no dataclasses with fields: those have an __init__ of their own.
        if settings or named:
            raise GraphError(
                f"op {self.name} got {shown([*settings, *named])} as settings, and has none",
                repair="Settings are the fields of a class under @dataclass(frozen=True), as factor: float. "
                f"To apply an op, make it first: {type(self).__name__}()(x).",
            )

    def __post_init__(self) -> None:
        """Check the settings of a built-in op."""
        if registry.OPS.get(self.name) is type(self):
            for field in fields(self):
                given = setting(getattr(self, field.name), str(field.type), f"{field.name} of op {self.name}")
                object.__setattr__(self, field.name, given)

    def __init_subclass__(cls) -> None:
        if "name" not in cls.__dict__:
            cls.name = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", cls.__name__).lower()

    # `**_` and `/`: type checkers then allow rules that name their inputs

    def forward(self, *inputs: Array, **_: Any) -> Array:
        """Compute the output from the inputs. Must not write into them."""
        raise NotImplementedError(f"op {self.name} has no forward rule")

    def backward(self, delta: Array, output: Array, /, *inputs: Array, **_: Any) -> Array:
        """Compute ∂E/∂(each input) from ``delta`` = ∂E/∂output, the cached output and the inputs.

        One input: return its error signal. Several: return one for each, ``None`` for an input that has none.
        """
        raise no_backward(self)

    def shape(self, *shapes: Any, **_: Any) -> Shape:
        """Compute the output's shape from the inputs'; by default found out from the forward rule itself."""
        return shape_of_rule(self, shapes, [np.dtype(float)] * len(shapes))

    def dtype(self, *dtypes: Any) -> np.dtype[Any]:
        """Compute the output's dtype from the inputs'; by default the floating type that holds them all."""
        return _floating(dtypes)

    def __call__(self, *inputs: Array, name: str | None = None, **named: Array) -> Array:
        """Build a node if any input is one (the rest become constants); compute if all are arrays or numbers."""
        if named:
            inputs = self._in_places(inputs, named)
        if name is not None:
            check_name(name, f"an op ({self.name})")
        for value in inputs:
            if isinstance(value, Node):
                return self._node(inputs, name)
        self.check_count(len(inputs))
        for value in inputs:
            if hasattr(value, "__array_function__") and not isinstance(value, np.ndarray):
                # An array of another kind, which the rule's NumPy functions know how to treat; or which says how itself.
                own = getattr(value, "__graphnet_op__", None)
                return own(self, inputs) if own else self.forward(*inputs)
        try:
            arrays = [self._operand(value, slot) for slot, value in enumerate(inputs)]
            if any(a.dtype.kind == "b" for a in arrays) and self.dtype(*[a.dtype for a in arrays]).kind == "f":
                arrays = as_reals(self, arrays, next((a.dtype for a in arrays if a.dtype.kind == "f"), np.dtype(float)))
            if self.stretched is not None:
                self.shape(*[array.shape for array in arrays])  # NumPy would stretch them further
                arrays = list(map(_real, inputs, arrays))
        except GraphnetError as error:
            raise error.locate(self.name) from None
        try:
            return self.forward(*arrays)
        except (GraphnetError, MemoryError):
            raise
        except Exception as error:
            if registry.OPS.get(self.name) is not type(self):
                raise  # the user's own rule, on the user's own arrays
            shapes = [np.shape(array) for array in arrays]
            self.shape(*shapes)  # says it better, if it is that
            raise ShapeError(
                f"it can't be computed of arrays of shapes {shapes}: {shown(error)}",
                repair="Give arrays of real numbers in these places, of shapes that fit.",
            ).locate(self.name) from error

    def _node(self, values: Sequence[Any], name: str | None) -> Node:
        """Make the node that applies the op."""
        try:
            nodes = [v if isinstance(v, Node) else as_node(self._operand(v, slot)) for slot, v in enumerate(values)]
            inputs = tuple(nodes)
        except GraphnetError as error:
            raise error.locate(subject(self, name)) from None
        try:
            kinds = tuple([(node.shape, node.dtype, node.adapting) for node in inputs])
            ones = ones_of([node.shape for node in inputs])
            if type(self).shape is not Op.shape and registry.OPS.get(self.name) is type(self):
                shape, dtype, adapting = _output_of_builtin(self.name, self, kinds, ones)
            else:
                self.check_count(len(inputs))
                shape, dtype, adapting = self.shape_of(inputs), self._dtype_of(kinds), _adapts(kinds)
        except GraphnetError as error:
            raise error.locate(subject(self, name), describe_inputs(self, inputs)) from None
        except Exception as error:
            if registry.OPS.get(self.name) is not type(self):
                raise  # the user's own rule of shapes
            problem = f"its settings {shown(self.settings)} don't fit: {shown(error)}"
            raise GraphError(problem, repair="Use the function, which checks them.").locate(
                subject(self, name), describe_inputs(self, inputs)
            ) from error
        return Node(self, inputs, shape, dtype, name, adapting)

    def _dtype_of(self, kinds: _Kinds) -> np.dtype[Any]:
        """Compute the output's dtype; a run casts floating constants to that of parameters and feeds: they widen nothing."""
        dtypes = tuple([dtype for _, dtype, _ in kinds])
        adapting = [adapts and dtype.kind == "f" for _, dtype, adapts in kinds]
        widest = [dtype for dtype, adapts in zip(dtypes, adapting, strict=True) if not adapts]
        if (type(self).dtype is Op.dtype and widest) or any(dtype.kind == "f" for dtype in widest):
            dtypes = tuple([_SINGLE if adapts else dtype for dtype, adapts in zip(dtypes, adapting, strict=True)])
        return self.dtype(*dtypes)

    def _operand(self, value: Any, slot: int) -> Any:
        """Return a node as it is, and anything else as an array of numbers, or raise `DtypeError`."""
        if isinstance(value, Node):
            return value
        if type(value) is np.ndarray and value.dtype.kind in "biufc":
            return value
        if type(value) is float:
            return np.asarray(value)
        what = f"input {slot} ({self.input_names(slot + 1)[slot]})"
        if isinstance(value, str):
            raise DtypeError(
                f"{what} is {shown(value)}, expected a node or numbers",
                repair=f"If it is a name for the node, write name={shown(value)}.",
            )
        return numbers(value, what)

    def _in_places(self, inputs: Sequence[Any], named: dict[str, Any]) -> tuple[Any, ...]:
        """Return the inputs with those that were given by name in their places."""
        rest = {
            slot: named.pop(slot) for slot in positional_parameters(self.forward)[0][len(inputs) :] if slot in named
        }
        if named:
            raise TypeError(f"{self.name}() got an unexpected keyword argument {next(iter(named))!r}")
        return (*inputs, *rest.values())

    def shape_of(self, inputs: Sequence[Node]) -> Shape:
        """Compute the output's shape from the input nodes: by `shape`, or by a rule that may need to know dtypes too."""
        shapes = [node.shape for node in inputs]
        if getattr(self.shape, "__func__", None) is not Op.shape:
            return as_shape(self.shape(*shapes))
        held = [getattr(node, "value", None) for node in inputs]
        return shape_of_rule(self, shapes, [node.dtype for node in inputs], held)

    @property
    def has_backward(self) -> bool:
        """Whether it has a backward rule."""
        return type(self).backward is not Op.backward

    @property
    def source(self) -> str:
        """Where its backward rule is written, as ``"rules.py:12"``."""
        return written_at(self.backward)

    @property
    def settings(self) -> dict[str, Any]:
        """Its fields by name."""
        return {field.name: getattr(self, field.name) for field in fields(self)}

    def input_names(self, count: int) -> list[str]:
        """Return what the forward rule calls its inputs, when given `count` of them."""
        names, variadic = positional_parameters(self.forward)
        return [*names, *(f"{variadic or 'extra'}[{i}]" for i in range(count - len(names)))][:count]

    def check_count(self, count: int) -> None:
        """Raise `GraphError` unless the forward rule takes `count` inputs."""
        names, variadic = positional_parameters(self.forward)
        if count < len(names) or (count > len(names) and not variadic):
            expected = f"{len(names)} or more" if variadic else str(len(names))
            raise GraphError(
                f"op {self.name} takes {expected} inputs ({', '.join(names)}), got {count}",
                repair="Give it one node or array for each.",
            )


class Primitive(Op):
    """An op that is exactly one NumPy function: what that function builds when it is given nodes."""


def as_reals(op: Op, arrays: list[Numbers], dtype: np.dtype[Any]) -> list[Numbers]:
    """Return what a built-in op computes with as real numbers: NumPy's integers overflow, and True + True is True."""
    if registry.OPS.get(op.name) is not type(op):
        return arrays
    return [
        array.astype(dtype) if array.dtype.kind in "biu" and slot not in op.choosing else array
        for slot, array in enumerate(arrays)
    ]


def no_backward(op: Op) -> NoBackwardRuleError:
    """Return the error of an op that has no backward rule."""
    names, variadic = positional_parameters(op.forward)
    given = ", ".join(["delta", "output", *names, *([f"*{variadic}"] if variadic else [])])
    return NoBackwardRuleError(
        f"op {op.name} has no backward rule, so no error signal can pass it",
        repair=f"Write def {op.name}_backward({given}) under @{op.name}.backward, or a class's method backward; of known ops "
        "alone @gn.composite needs none. Then build the network again: nodes keep the rules they were made with.",
    )


def positional_parameters(rule: Callable[..., Any]) -> tuple[tuple[str, ...], str]:
    """Return the names of a rule's positional parameters, and of its ``*parameter`` if it has one."""
    method = getattr(rule, "__func__", None)
    return _parameters(method or rule, method is not None)


@lru_cache(maxsize=1024)
def _parameters(function: Callable[..., Any], is_method: bool) -> tuple[tuple[str, ...], str]:
    parameters = list(inspect.signature(function).parameters.values())[is_method:]
    variadic = next((p.name for p in parameters if p.kind is p.VAR_POSITIONAL), "")
    return tuple(p.name for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)), variadic


@lru_cache(maxsize=1024)
def _floating(dtypes: tuple[np.dtype[Any], ...]) -> np.dtype[Any]:
    """Return the floating dtype that holds all of `dtypes`."""
    return np.result_type(*dtypes, np.float32)


_SINGLE = np.dtype(np.float32)

_Kinds: TypeAlias = tuple[tuple[Shape, np.dtype[Any], bool], ...]
"""Shape and dtype of each input, and whether its dtype adapts to others."""


@lru_cache(maxsize=1 << 14)
def _output_of_builtin(name: str, op: Op, kinds: _Kinds, ones: object) -> tuple[Shape, np.dtype[Any], bool]:
    """Compute the shape and dtype of what a built-in op makes of inputs: once for all nodes that are alike.

    The name tells apart ops without settings, which all have one hash, and `ones` sizes of 1, of which some are `WANTED`.
    """
    op.check_count(len(kinds))
    return as_shape(op.shape(*[shape for shape, _, _ in kinds])), op._dtype_of(kinds), _adapts(kinds)


def _adapts(kinds: _Kinds) -> bool:
    return all(adapts or dtype.kind != "f" for _, dtype, adapts in kinds)


def _real(value: Any, array: Numbers) -> Any:
    """Return whole numbers as real ones, as nodes hold them: 1 / 2 is not 0. Python's numbers stay such, and adapt."""
    if isinstance(value, (int, float)) and array.dtype.kind != "b":
        return float(value)
    return array.astype(np.float64) if array.dtype.kind in "iu" else array
