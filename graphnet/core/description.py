"""Nodes in plain words: what `exchange` and files write down of a node, and how it is built again.

A description is a dict: ``kind`` ("input", "parameter", "constant" or "op"), ``shape``, ``dtype`` (its name), ``name``
and ``scope``; of an op also ``op`` (its name), ``origin`` ("graphnet" or "custom") and ``settings``; of a parameter or
constant also ``value``. It names ops, and never code: which rule a name stands for is the reader's to say.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TypeAlias

import numpy as np

from graphnet.core import registry
from graphnet.core.function_op import FunctionOp, as_op
from graphnet.core.function_op import op as op_function
from graphnet.core.leaves import Constant, Parameter, input
from graphnet.core.node import Node
from graphnet.core.op import Op
from graphnet.core.origin import check_name, inside
from graphnet.core.settings import listed
from graphnet.errors import DtypeError, GraphError

Known: TypeAlias = Mapping[str, FunctionOp | type[Op]]
"""The custom ops that descriptions may name: an op made of functions, or the class of ops with settings."""


def known_ops(custom: Iterable[Any]) -> Known:
    """Return custom ops by name, given as functions made with ``@gn.op``, as ops, or as classes of ops.

    Raises
    ------
    GraphError
        If one of them is no op, or two different ones have one name.
    """
    known: dict[str, FunctionOp | type[Op]] = {}
    for given in [custom] if isinstance(custom, (op_function, Op, type)) else listed(custom, "ops", "ops"):
        op = given if isinstance(given, type) and issubclass(given, Op) else as_op(given)
        found = op if isinstance(op, (FunctionOp, type)) else type(op)
        if known.setdefault(op.name, found) != found:
            raise GraphError(f"two of the ops given are called {op.name!r}", repair="Rename one of them.")
    return known


def describe(node: Node) -> dict[str, Any]:
    """Return the description of a node. The value of a parameter or constant is in it as it is, not copied."""
    description: dict[str, Any] = {
        "kind": "op" if node.op is not None else node.kind,
        "shape": node.shape,
        "dtype": node.dtype.name,
        "name": node.name or "",
        "scope": node.scope,
    }
    if node.op is not None:
        description |= {"op": node.op.name, "origin": _origin(node.op), "settings": node.op.settings}
    if isinstance(node, (Parameter, Constant)):
        description["value"] = node.value
    return description


def _origin(op: Op) -> str:
    """Return whose op it is: a custom op may have the name of a built-in one."""
    return "graphnet" if registry.OPS.get(op.name) is type(op) else "custom"


def rebuild(description: Mapping[str, Any], inputs: Sequence[Node], known: Known) -> Node:
    """Build the node that is described; a parameter or constant takes its value over, without a copy.

    Raises
    ------
    KeyError
        If the description lacks something.
    GraphnetError
        If what it describes can't be; whatever an op's class raises if settings are not for it.
    """
    kind, scope = description["kind"], description.get("scope", "")
    if inputs and kind in ("input", "parameter", "constant"):
        raise GraphError(f"{kind} has {len(inputs)} inputs", repair="Edges lead to ops only: remove these.")
    name = description.get("name", "").removeprefix(f"{scope}/" if scope else "") or None
    with inside(scope):
        if kind == "op":
            return _rebuild_op(description, inputs, name, known)
        if kind == "input":
            return input(name or "", description["shape"], dtype=np.dtype(description["dtype"]))
        if kind == "parameter":
            check_name(name, "a parameter")
            return Parameter(_of_kind("f", description["value"], f"parameter {name!r}"), name or "")
        if kind == "constant":
            return Constant(_of_kind("fbiu", description["value"], "a constant"), name)
    raise GraphError(f"unknown kind {kind!r} of node", repair="Kinds are op, input, parameter and constant.")


def _of_kind(kinds: str, value: np.ndarray[Any, Any], what: str) -> np.ndarray[Any, Any]:
    """Return the value itself, which may not have been filled yet, if it is of one of these kinds."""
    if value.dtype.kind not in kinds or (value.dtype.kind == "f" and value.dtype not in (np.float32, np.float64)):
        raise DtypeError(f"{what} has dtype {value.dtype}, which it can't have", repair="Correct the description.")
    return value


def _rebuild_op(description: Mapping[str, Any], inputs: Sequence[Node], name: str | None, known: Known) -> Node:
    op: Any = _named(description["op"], description.get("origin"), known)
    if isinstance(op, type):
        op = op(**description["settings"])
    node: Node = op(*inputs, name=name)
    # A wrong op may have been passed under a right name.
    for what, found in (("shape", node.shape), ("dtype", node.dtype.name)):
        if found != description[what]:
            raise GraphError(
                f"op {description['op']} gives {what} {found} where the description says {description[what]}",
                repair="Correct either.",
            )
    return node


def _named(name: str, origin: str | None, known: Known) -> FunctionOp | type[Op]:
    """Return the op of this name: custom and built-in ops may share one, and are never taken for each other."""
    custom = known.get(name) if origin != "graphnet" else None
    op = custom or (registry.OPS.get(name) if origin != "custom" else None)
    if op is None:
        raise GraphError(f"unknown op {name!r}", repair="Pass a custom op as ops=[...].")
    return op
