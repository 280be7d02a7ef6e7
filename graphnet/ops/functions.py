"""From an op, or several, to the function that people call: registered, documented and guarded in one way."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any, ParamSpec, Protocol, TypeAlias, cast, overload

from graphnet.common.settings import listed, with_name
from graphnet.core.leaves import as_operand
from graphnet.core.node import Array, Node
from graphnet.core.op import Op
from graphnet.core.registry import OPS, implements, read_all
from graphnet.errors import GraphnetError, ShapeError, shown

_SECTIONS = """

Parameters
----------{inputs}{settings}
name : str, optional
    Name of the node; a graph labels nodes without one.

Returns
-------
node or array
    A node if any argument is one; an array if all are arrays or numbers.

Raises
------
ShapeError
    When the node is made, if the shapes don't fit."""

_ALIASES = {
    "Axes": "int or tuple of int, optional",
    "AxisSetting": "int or sequence of int, optional",
    "Pair": "pair of int",
    "Parts": "sequence of node or array",
}
"""What docs write for the names of kinds."""

P = ParamSpec("P")

Parts: TypeAlias = Sequence[Any]
"""Several operands of a function, given as a list."""


class OpFunction(Protocol):
    """A function that applies an op to nodes or arrays."""

    __name__: str

    def __call__(self, *inputs: Array, name: str | None = None) -> Array:
        """Build a node if any input is one; compute if all are arrays or numbers."""


class Word(Protocol[P]):
    """A function of nodes or arrays and settings, which takes a name for its node too."""

    @overload
    def __call__(self, *given: P.args, **named: P.kwargs) -> Array: ...
    @overload
    def __call__(self, *given: Any, name: str | None, **named: Any) -> Array: ...


def function(
    op: Op, *numpy_functions: Callable[..., object], shapes: str = "", look: Callable[[Node], None] | None = None
) -> OpFunction:
    """Make the public function of an op without settings: its docstring is the op's, completed.

    The function is registered as what `numpy_functions` do to nodes. `look` is given each node that is made.
    """
    names = op.input_names(count=len(inspect.signature(op.forward).parameters))

    def apply(*inputs: Array, name: str | None = None, **named: Array) -> Array:
        made = op(*inputs, name=name, **named)
        if look is not None and isinstance(made, Node):
            look(made)
        return made

    apply.__name__ = apply.__qualname__ = op.name
    apply.__module__ = type(op).__module__
    operands = "Any shape." if len(names) == 1 else "Shapes that broadcast to that of the larger operand."
    apply.__doc__ = documented(type(op).__doc__ or "", names, shapes or operands)
    inputs = [inspect.Parameter(each, inspect.Parameter.POSITIONAL_OR_KEYWORD) for each in names]
    apply.__signature__ = with_name(inspect.Signature(inputs))  # type: ignore[attr-defined]
    return implements(*numpy_functions)(apply)


def documented(doc: str, names: Sequence[str], shapes: str, settings: Mapping[str, str] = MappingProxyType({})) -> str:
    """Return the docstring of an op, completed to that of its function; `settings` are their kinds, by name."""
    text, heading, examples = inspect.cleandoc(doc).partition("\n\nExamples\n")
    text, _, meanings = text.partition("\n\nAttributes\n----------")
    for setting, kind in settings.items():
        kind = re.sub(r"\w+", lambda name: _ALIASES.get(name[0], name[0]), kind)
        meanings = re.sub(rf"^{setting}$", f"{setting} : {kind}", meanings, flags=re.MULTILINE)
    inputs = f"\n{', '.join(names)} : node or array\n    {shapes}" if names else ""
    return text + _SECTIONS.format(inputs=inputs, settings=meanings) + heading + examples


def word(*numpy_functions: Callable[..., Any], shapes: str = "Any shape.") -> Callable[[Callable[P, Array]], Word[P]]:
    """Make the public function that says in NumPy's words what other ops do; a decorator.

    It is registered as what `numpy_functions` do to nodes, takes a name for the node that it makes, and is given what is
    annotated as Array as nodes or arrays, and as Parts as a list of these. A section Attributes in its docstring says what the
    settings mean. What NumPy itself would refuse in its own words is a `ShapeError`.
    """

    def decorate(build: Callable[P, Array]) -> Word[P]:
        signature = inspect.signature(build)
        inputs = {key: p for key, p in signature.parameters.items() if p.annotation in ("Array", "Parts")}
        kinds = {key: str(p.annotation) for key, p in signature.parameters.items() if p.annotation != "Array"}

        def apply(*given: Any, name: str | None = None, **named: Any) -> Any:
            try:
                bound = signature.bind(*given, **named)
            except TypeError as error:
                raise TypeError(f"{build.__name__}() {error}") from None
            try:
                for key in inputs.keys() & bound.arguments.keys():
                    bound.arguments[key] = _operands(bound.arguments[key], inputs[key])
                made = build(*bound.args, **bound.kwargs)
            except GraphnetError as error:
                if name is not None and repr(name) not in error.subject:
                    error.subject = f"{error.subject or build.__name__} {name!r}"
                raise
            except Exception as error:  # of any kind: NumPy says it, of arrays that stand for the nodes
                problem = f"{build.__name__} of {shown(list(bound.arguments.values()))}: {error}"
                raise ShapeError(problem, repair=f"It takes what np.{build.__name__} takes.") from error
            return made if name is None else _named(made, name, bound.arguments)

        apply.__name__ = apply.__qualname__ = build.__name__
        apply.__module__ = build.__module__
        apply.__doc__ = documented(build.__doc__ or "", [key for key in inputs if key not in kinds], shapes, kinds)
        apply.__signature__ = with_name(signature)  # type: ignore[attr-defined]
        return cast("Word[P]", implements(*numpy_functions)(apply))

    return decorate


def _operands(value: Any, of: inspect.Parameter) -> Any:
    if of.annotation == "Parts":
        return [as_operand(each, "a part") for each in listed(value, of.name, "nodes or arrays", ShapeError)]
    if of.kind is of.VAR_POSITIONAL:
        return tuple(as_operand(each, of.name) for each in value)
    return value if value is of.default else as_operand(value, of.name)


def _named(made: Any, name: str, given: dict[str, Any]) -> Any:
    """Return what was made with a name for its node; of what was given as it is, another node."""
    if not isinstance(made, Node):
        return made
    if made.op is None or any(made is value for value in given.values()):
        read_all()
        return OPS["identity"]()(made, name=name)
    return made.op(*made.inputs, name=name)
