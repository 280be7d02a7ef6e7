"""The tables that others fill in: which NumPy function builds which node, which name stands for which op, who draws.

They are filled when ops are read, so that a node can dispatch to what is defined further up. An op is read when its function
is first asked for by name, and all are when NumPy's function for it is, or a file has it.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar, dataclass_transform

import numpy as np

from graphnet.common.text import OPTIONS, WRITTEN_OUT
from graphnet.errors import OpaqueError

if TYPE_CHECKING:
    from graphnet.core.op import Op

BUILDERS: dict[Callable[..., Any], Callable[..., Any]] = {}
"""NumPy function or ufunc → the graphnet function that does the same to nodes."""

OPS: dict[str, type[Op]] = {}
"""Name → built-in op, to rebuild graphs from descriptions."""

RENAMED = {"put_add": "scatter_add", "embed": "scatter"}
"""The names of built-in ops that were others once, as descriptions may have them."""

REDUCTIONS: dict[np.ufunc, Callable[..., Any]] = {np.add: np.sum, np.maximum: np.max}
REDUCTIONS |= {np.multiply: np.prod, np.minimum: np.min, np.logical_and: np.all, np.logical_or: np.any}
"""Ufunc → the NumPy function that its ``reduce`` is."""

READERS: list[Callable[[], None]] = []
"""What reads all ops that have not been read yet."""

PICTURES: list[Callable[[Any], str | None]] = []
"""What makes the HTML that a notebook shows of a node, a graph or a pass; pictures put themselves in."""

CHAIN_RULE: list[Callable[..., Any]] = []
"""What goes back through a composite: the engine's backward loop, which is put here."""

F = TypeVar("F", bound=Callable[..., Any])
OpClass = TypeVar("OpClass", bound="type[Op]")


def implements(*numpy_functions: Callable[..., Any]) -> Callable[[F], F]:
    """Register a function as what NumPy's functions do when given nodes; a decorator."""

    def register(build: F) -> F:
        BUILDERS.update(dict.fromkeys(numpy_functions, build))
        return build

    return register


@dataclass_transform(frozen_default=True)
def builtin(op: OpClass) -> OpClass:
    """Register a built-in op under its name, with the fields that it annotates as its settings; a decorator."""
    OPS[op.name] = dataclass(frozen=True)(op) if inspect.get_annotations(op) else op
    return op


def builder(function: Callable[..., Any]) -> Callable[..., Any] | None:
    """Return the function that does the same to nodes as one of NumPy's, None if there is none."""
    if function not in BUILDERS:
        read_all()
    return BUILDERS.get(function)


def read_all() -> None:
    """Fill the tables with all built-in ops; what has been read is not looked for again."""
    for read in list(READERS):
        read()
    READERS.clear()


def build(function: Callable[..., Any], *args: Any, **options: Any) -> Any:
    """Build what `function` of NumPy means for nodes, or raise `OpaqueError` if no op covers it."""
    make = builder(function)
    if make is None:
        name = _name(function)
        short = name.removeprefix("np.")
        repair = WRITTEN_OUT.get(short, "Write the rule with functions listed in gn.ops")
        if getattr(np, short, None) in BUILDERS:  # another library's ufunc, of a name that NumPy has too
            repair = f"Write np.{short}(...)"
        raise OpaqueError(f"{name} of a node: no op covers it", repair=f"{repair}, or make an op of it with @gn.op.")
    try:
        return make(*args, **options)
    except TypeError as error:
        if "argument" in str(error):
            instead = "".join(f" {OPTIONS[key]}." for key in options if f"'{key}'" in str(error) and key in OPTIONS)
            raise OpaqueError(
                f"{_name(function)} of a node with these options: {error}",
                repair=f"Use the function with its plain arguments only (no out=, where= or dtype=).{instead}",
            ) from error
        raise


class Pictured:
    """What shows itself in a notebook as a picture, if anything that can draw has registered."""

    __slots__ = ()

    def _repr_html_(self) -> str | None:
        return PICTURES[-1](self) if PICTURES else None


def _name(function: Callable[..., Any]) -> str:
    """Return what a function of NumPy is called where users find it, as ``np.linalg.norm``."""
    name = getattr(function, "__name__", str(function))
    if isinstance(function, np.ufunc) and getattr(np, name, None) is not function:
        return name  # of another library
    module = str(getattr(function, "__module__", None) or "numpy")
    public = [part for part in module.split(".")[1:] if not part.startswith("_")]  # numpy.fft._pocketfft
    return ".".join(["np", *public, name])
