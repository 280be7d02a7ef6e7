"""NumPy's words for what other ops do: functions that build these, registered, documented and guarded in one way."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

from graphnet.core.leaves import as_operand
from graphnet.core.node import Node
from graphnet.core.registry import implements
from graphnet.errors import GraphnetError, ShapeError, shown
from graphnet.ops.activations import identity
from graphnet.ops.functions import documented


def word(*numpy_functions: Callable[..., Any], shapes: str = "Any shape.") -> Callable[..., Callable[..., Any]]:
    """Make the public function that says in NumPy's words what other ops do; a decorator.

    It is registered as what `numpy_functions` do to nodes, takes a name for the node that it makes, and is given what is
    annotated as Array as nodes or arrays. A section Attributes in its docstring says what the settings mean. What NumPy itself
    would refuse in its own words is a `ShapeError`.
    """

    def decorate(build: Callable[..., Any]) -> Callable[..., Any]:
        signature = inspect.signature(build)
        inputs = [key for key, p in signature.parameters.items() if p.annotation == "Array"]
        kinds = {key: str(p.annotation) for key, p in signature.parameters.items() if key not in inputs}

        def apply(*given: Any, name: str | None = None, **named: Any) -> Any:
            try:
                bound = signature.bind(*given, **named)
            except TypeError as error:
                raise TypeError(f"{build.__name__}() {error}") from None
            try:
                for key in set(inputs) & bound.arguments.keys():
                    bound.arguments[key] = _operands(bound.arguments[key], key)
                made = build(*bound.args, **bound.kwargs)
            except GraphnetError:
                raise
            except Exception as error:  # of any kind: NumPy says it, of arrays that stand for the nodes
                raise ShapeError(
                    f"{build.__name__} of {shown(list(bound.arguments.values()))}: {error}",
                    repair=f"It takes what np.{build.__name__} takes.",
                ) from error
            return made if name is None else _named(made, name, bound.arguments)

        apply.__name__ = apply.__qualname__ = build.__name__
        apply.__module__ = build.__module__
        apply.__doc__ = documented(build.__doc__ or "", inputs, shapes, kinds)
        apply.__signature__ = signature  # type: ignore[attr-defined]
        return implements(*numpy_functions)(apply)

    return decorate


def _operands(value: Any, what: str) -> Any:
    return tuple(as_operand(each, what) for each in value) if isinstance(value, tuple) else as_operand(value, what)


def _named(made: Any, name: str, given: dict[str, Any]) -> Any:
    """Return what was made with a name for its node; of what was given as it is, another node."""
    if not isinstance(made, Node):
        return made
    if made.op is None or any(made is value for value in given.values()):
        return identity(made, name=name)
    return made.op(*made.inputs, name=name)
