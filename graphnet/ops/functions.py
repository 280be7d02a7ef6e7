"""From an op to the function that people call."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Protocol

from graphnet.core import registry
from graphnet.core.node import Array, Node
from graphnet.core.op import Op

_SECTIONS = """

Parameters
----------
{inputs} : node or array
    {shapes}{settings}
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


class OpFunction(Protocol):
    """A function that applies an op to nodes or arrays."""

    __name__: str

    def __call__(self, *inputs: Array, name: str | None = None) -> Array:
        """Build a node if any input is one; compute if all are arrays or numbers."""


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
    positional = inspect.Parameter.POSITIONAL_OR_KEYWORD
    apply.__signature__ = inspect.Signature(  # type: ignore[attr-defined]
        [inspect.Parameter(n, positional) for n in names]
        + [inspect.Parameter("name", inspect.Parameter.KEYWORD_ONLY, default=None)]
    )
    return registry.implements(*numpy_functions)(apply)


def documented(doc: str, names: Sequence[str], shapes: str, settings: Mapping[str, str] = MappingProxyType({})) -> str:
    """Return the docstring of an op, completed to that of its function; `settings` are their kinds, by name."""
    text, heading, examples = inspect.cleandoc(doc).partition("\n\nExamples\n")
    text, _, meanings = text.partition("\n\nAttributes\n----------")
    for setting, kind in settings.items():
        meanings = re.sub(rf"^{setting}$", f"{setting} : {kind}", meanings, flags=re.MULTILINE)
    return text + _SECTIONS.format(inputs=", ".join(names), shapes=shapes, settings=meanings) + heading + examples
