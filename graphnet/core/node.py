"""Nodes: the uses of ops, and what all nodes have in common.

A node behaves as an array where a rule expects one: operators, NumPy's ufuncs and its functions, applied to a node,
build further nodes instead of computing (NumPy's dispatch protocols, NEP 13 and NEP 18). What only numbers can answer,
as ``bool(node)``, raises `OpaqueError`.
"""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Iterator, Sequence, ValuesView
from functools import partial
from typing import TYPE_CHECKING, Any, NoReturn, Self, TypeAlias

import numpy as np

from graphnet.common.origin import current_scope, in_scope, source_line
from graphnet.common.text import WRITTEN_OUT
from graphnet.core import registry
from graphnet.core.order import below, restored
from graphnet.core.shapes import Shape, known
from graphnet.errors import DtypeError, GraphError, OpaqueError, ShapeError, shown

if TYPE_CHECKING:
    from graphnet.core.op import Op

Array: TypeAlias = Any
"""An array or a node. Rules are written for both, and the type checker can't know which comes."""

Numbers: TypeAlias = np.ndarray[Any, Any]
"""An array, where no node comes."""

_build: Callable[..., Node] = registry.build


class Node(registry.Pictured):
    """One use of an op, or a leaf: an `Input`, `Parameter` or `Constant`.

    Nodes are immutable and hold no result of any run. Make them with `input`, `parameter`, `constant`, the op functions
    and NumPy's own functions.

    Attributes
    ----------
    op : Op or None
        The rule this node applies; ``None`` for a leaf.
    inputs : tuple of Node
        The nodes whose values the op is given, in order. One node may appear more than once.
    shape : tuple of (int or None)
        Shape of the value; ``None`` is a size known only when arrays are fed.
    dtype : numpy.dtype
        Floating for all that has an error signal. A run computes in float32 where its parameters and feeds all are.
    name : str or None
        The name given, with the scopes around it; a `Graph` labels nodes that have none.
    scope : str
        The scopes it was made in, joined by ``/``.
    made_at : tuple of (str, int)
        File and line that made it.

    Examples
    --------
    >>> import graphnet as gn
    >>> x = gn.input("x", shape=(None, 2))
    >>> a = gn.tanh(x @ [[1.0], [-1.0]], name="a")
    >>> a.shape, a.op, [node.op for node in a.inputs]
    ((None, 1), Tanh(), [Matmul()])
    """

    __slots__ = ("adapting", "dtype", "inputs", "made_at", "name", "op", "scope", "shape")

    op: Op | None
    inputs: tuple[Node, ...]
    shape: Shape
    dtype: np.dtype[Any]
    name: str | None
    scope: str
    made_at: tuple[str, int]
    adapting: bool
    """Whether it has no real numbers but those of constants: a run casts these to the dtype of parameters and feeds."""

    def __init__(
        self,
        op: Op | None,
        inputs: tuple[Node, ...],
        shape: Shape,
        dtype: np.dtype[Any],
        name: str | None = None,
        adapting: bool = False,
    ) -> None:
        fix = object.__setattr__
        fix(self, "op", op)
        fix(self, "inputs", inputs)
        fix(self, "shape", shape)
        fix(self, "dtype", dtype)
        fix(self, "name", name if name is None else in_scope(name))
        fix(self, "scope", current_scope())
        fix(self, "made_at", source_line())
        fix(self, "adapting", adapting)

    def __setattr__(self, attribute: str, value: object) -> None:
        if not isinstance(getattr(type(self), attribute, None), property):
            raise AttributeError(f"{self!r} is immutable: build a new node instead of changing its {attribute}")
        object.__setattr__(self, attribute, value)

    if not TYPE_CHECKING:  # which would take any attribute to be there

        def __getattr__(self, attribute: str) -> Callable[..., Any]:
            method, function = getattr(np.ndarray, attribute, None), getattr(np, attribute, None)
            function = function if callable(function) else None  # np.typecodes is a dict
            by_method, by_function = registry.builder(method), registry.builder(function)
            if by_method or (method and by_function and attribute != "sort"):
                found = partial(_build, method if by_method else function, self)
                return found if callable(method) else found()  # mT is no method
            if by_function:
                hint = f"Arrays have no such method either, or change themselves by it: np.{attribute}(node, ...)."
            elif attribute in WRITTEN_OUT:
                hint = f"{WRITTEN_OUT[attribute]}."
            elif callable(method) and attribute not in ("item", "tolist"):
                hint = "No op covers it: combine the functions in gn.ops, or make an op of it with @gn.op."
            else:
                hint = "It holds no result: values are gn.forward(E, feeds)[node], gradients gn.backward(E, feeds).gradients."
            raise AttributeError(f"{self!r} has no attribute {attribute!r}. {hint}", name=attribute, obj=self)

    def __delattr__(self, attribute: str) -> NoReturn:
        raise AttributeError(f"{self!r} is immutable: its {attribute} can't be deleted")

    def __copy__(self) -> Self:
        return self  # immutable: a second node of its name would be in its way, and over a parameter's own array

    def __reduce__(self) -> tuple[Any, ...]:
        slots = [slot for kind in type(self).__mro__ for slot in getattr(kind, "__slots__", ())]
        return restored, (below(self), type(self), tuple((slot, getattr(self, slot)) for slot in slots))

    # What a rule may ask of an array -------------------------------------------------------------------------------

    @property
    def ndim(self) -> int:
        """Number of dimensions."""
        return len(self.shape)

    @property
    def size(self) -> int:
        """Number of entries; raises `UnknownSizeError` if a size is known only when fed."""
        return math.prod(known(self.shape, f"the size of {describe(self)}") if None in self.shape else self.shape)  # type: ignore[arg-type]

    @property
    def T(self) -> Node:
        """The transpose."""
        return self.transpose()

    if TYPE_CHECKING:  # methods of arrays: `__getattr__` finds NumPy's function of the name
        max: Callable[..., Node]
        mean: Callable[..., Node]
        min: Callable[..., Node]
        std: Callable[..., Node]
        sum: Callable[..., Node]
        var: Callable[..., Node]

    def reshape(self, *shape: Any) -> Node:
        """Reshape; sizes as one tuple or one by one, one of them may be −1."""
        return _build(np.reshape, self, shape[0] if len(shape) == 1 else shape)

    def transpose(self, *axes: Any) -> Node:
        """Permute the axes; reverse them if none are given."""
        given = axes[0] if len(axes) == 1 and not isinstance(axes[0], int) else axes or None
        return _build(np.transpose, self, given)

    # fmt: off
    def __add__(self, other: Any) -> Node: return _binary(np.add, self, other)
    def __radd__(self, other: Any) -> Node: return _binary(np.add, other, self)
    def __sub__(self, other: Any) -> Node: return _binary(np.subtract, self, other)
    def __rsub__(self, other: Any) -> Node: return _binary(np.subtract, other, self)
    def __mul__(self, other: Any) -> Node: return _binary(np.multiply, self, other)
    def __rmul__(self, other: Any) -> Node: return _binary(np.multiply, other, self)
    def __truediv__(self, other: Any) -> Node: return _binary(np.divide, self, other)
    def __rtruediv__(self, other: Any) -> Node: return _binary(np.divide, other, self)
    def __floordiv__(self, other: Any) -> Node: return _binary(np.floor_divide, self, other)
    def __rfloordiv__(self, other: Any) -> Node: return _binary(np.floor_divide, other, self)
    def __mod__(self, other: Any) -> Node: return _binary(np.remainder, self, other)
    def __rmod__(self, other: Any) -> Node: return _binary(np.remainder, other, self)
    def __divmod__(self, other: Any) -> Any: return _binary(np.divmod, self, other)
    def __rdivmod__(self, other: Any) -> Any: return _binary(np.divmod, other, self)
    def __pow__(self, other: Any) -> Node: return _binary(np.power, self, other)
    def __rpow__(self, other: Any) -> Node: return _binary(np.power, other, self)
    def __matmul__(self, other: Any) -> Node: return _binary(np.matmul, self, other)
    def __rmatmul__(self, other: Any) -> Node: return _binary(np.matmul, other, self)
    def __gt__(self, other: Any) -> Node: return _binary(np.greater, self, other)
    def __ge__(self, other: Any) -> Node: return _binary(np.greater_equal, self, other)
    def __lt__(self, other: Any) -> Node: return _binary(np.less, self, other)
    def __le__(self, other: Any) -> Node: return _binary(np.less_equal, self, other)
    def __eq__(self, other: Any) -> Node: return _equality(np.equal, self, other)  # type: ignore[override]
    def __ne__(self, other: Any) -> Node: return _equality(np.not_equal, self, other)  # type: ignore[override]
    def __and__(self, other: Any) -> Node: return _binary(np.bitwise_and, self, other)
    def __rand__(self, other: Any) -> Node: return _binary(np.bitwise_and, other, self)
    def __or__(self, other: Any) -> Node: return _binary(np.bitwise_or, self, other)
    def __ror__(self, other: Any) -> Node: return _binary(np.bitwise_or, other, self)
    def __xor__(self, other: Any) -> Node: return _binary(np.bitwise_xor, self, other)
    def __rxor__(self, other: Any) -> Node: return _binary(np.bitwise_xor, other, self)
    def __neg__(self) -> Node: return _build(np.negative, self)
    def __pos__(self) -> Node: return self
    def __abs__(self) -> Node: return _build(np.absolute, self)
    def __invert__(self) -> Node: return _build(np.invert, self)
    def __getitem__(self, index: Any) -> Node: return _build(np.ndarray.__getitem__, self, index)
    __hash__ = object.__hash__
    # fmt: on

    # NumPy's functions and ufuncs build nodes -----------------------------------------------------------------------

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, **options: Any) -> Node:
        if method == "reduce" and ufunc in registry.REDUCTIONS:
            options.setdefault("axis", 0)
            return _build(registry.REDUCTIONS[ufunc], *inputs, **options)
        if "out" in options:
            raise OpaqueError(
                f"np.{ufunc.__name__} of a node with 'out', as in y += node: no array can hold what has no numbers yet",
                repair="Write y = y + node: a new node, with plain arguments only (no out=, where= or dtype=).",
            ).locate(describe(self))
        if method != "__call__":
            raise _opaque(f"np.{ufunc.__name__}.{method}", self)
        return _build(ufunc, *inputs, **options)

    def __array_function__(
        self, function: Callable[..., Any], types: Sequence[type], args: Any, options: dict[str, Any]
    ) -> Any:
        return _build(function, *args, **options)

    # What only an array can answer ----------------------------------------------------------------------------------

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NoReturn:
        raise _opaque(
            "turning it into an array",
            self,
            "Run gn.forward(node, feeds)[node] for the value; np.stack joins nodes. "
            "SciPy's softmax, log_softmax and logsumexp are gn.softmax, gn.log_softmax and gn.logsumexp.",
        )

    def __bool__(self) -> NoReturn:
        if self.kind in ("equal", "not_equal"):  # what `==` made, or `in`, or list.index
            repair = _SAME
        else:
            repair = (
                "By value: np.where(a > 0, ...), gn.maximum(a, b), (a > 0) & (a < 1). Whether it is there: `a is None`."
            )
        raise _opaque("a truth value (if, and, or, not, ==, in, max, 0 < a < 1)", self, repair)

    # fmt: off
    def __len__(self) -> NoReturn: raise _opaque("len()", self, "Use node.shape.")
    def __contains__(self, item: object) -> NoReturn: raise _opaque("`in`", self)
    def __float__(self) -> NoReturn: raise _opaque("float()", self)
    def __int__(self) -> NoReturn: raise _opaque("int()", self)
    # fmt: on

    def __iter__(self) -> Iterator[Node]:
        raise _opaque("iterating", self, "Index it: node[0], node[1], ...")
        yield self  # so that it is raised when it is read: for an error of iter() itself NumPy has words of its own

    def __format__(self, spec: str) -> str:
        if spec:
            raise _opaque(f"formatting as {spec!r}", self)
        return str(self)

    def __setitem__(self, index: object, value: object) -> NoReturn:
        raise _opaque("writing into it", self, "Build a new node with np.where, or write into a parameter's value.")

    # How it shows itself --------------------------------------------------------------------------------------------

    @property
    def kind(self) -> str:
        """``"input"``, ``"parameter"``, ``"constant"``, or the name of its op."""
        return self.op.name if self.op is not None else type(self).__name__.lower()

    def __repr__(self) -> str:
        name = f" {self.name!r}" if self.name else ""
        return f"<{self.kind}{name} {self.shape}>"


def _binary(ufunc: np.ufunc, x: Any, y: Any) -> Node:
    if _is_operand(x) and _is_operand(y):
        return registry.builder(ufunc)(x, y)  # type: ignore[misc, no-any-return]
    if ufunc in (np.equal, np.not_equal):
        return NotImplemented  # type: ignore[no-any-return]  # `node == None` is false
    node, other = (x, y) if isinstance(x, Node) else (y, x)
    unknown = "A size that is None is known only when fed. The number of samples is a node: loss / gn.batch_size(x)."
    raise DtypeError(
        f"{ufunc.__name__} of a node and a {type(other).__name__}, {shown(other)}",
        repair=unknown if other is None else "Operands are nodes, numbers and arrays.",
    ).locate(describe(node))


_SAME = "For the same node: `a is b`, `any(node is a for node in nodes)`. For equal values: np.where(a == b, ...)."


def _equality(ufunc: np.ufunc, x: Any, y: Any) -> Node:
    try:
        return _binary(ufunc, x, y)
    except ShapeError as error:
        error.repair = f"{error.repair} {_SAME}"
        raise


def _is_operand(value: Any) -> bool:
    return isinstance(value, _OPERANDS) or hasattr(value, "__array__")


_OPERANDS = (Node, int, float, np.ndarray, np.generic, list, tuple)


def _opaque(asked: str, node: Node, repair: str = "") -> OpaqueError:
    return OpaqueError(
        f"{asked} needs numbers, and a node has none: its value exists only in a pass",
        repair=repair or "Run gn.forward(node, feeds)[node] for the value.",
    ).locate(describe(node))


def made_like(op: Op, inputs: tuple[Node, ...], shape: Shape, origin: Node, dtype: np.dtype[Any] | None = None) -> Node:
    """Make a node that says it comes from where `origin` does, and is of its dtype unless told otherwise."""
    node = Node.__new__(Node)
    fix = object.__setattr__
    fix(node, "op", op)
    fix(node, "inputs", inputs)
    fix(node, "shape", shape)
    fix(node, "dtype", dtype or origin.dtype)
    fix(node, "name", None)
    fix(node, "scope", origin.name or origin.scope)
    fix(node, "made_at", origin.made_at)
    fix(node, "adapting", origin.adapting)
    return node


def describe(node: Node, label: str | None = None) -> str:
    """Return a node in words: ``'a2' (sigmoid), made at net.py:12``."""
    file, line = node.made_at
    name = label or node.name
    return f"{repr(name) if name else 'unnamed'} ({node.kind}), made at {os.path.basename(file)}:{line}"


def nodes_only(values: Sequence[Any], what: str) -> None:
    """Raise unless each of `values` is a node."""
    for value in values:
        if not isinstance(value, Node):
            repair = "Make one with gn.constant(...), gn.input(...) or an op; graph[name] finds one by its name."
            if isinstance(value, dict):
                repair = "Feeds are for what runs: gn.forward(E, feeds), gn.compile(E)(feeds)."
            raise GraphError(f"{what} takes nodes, got {type(value).__name__} {shown(value)}", repair=repair)


def as_nodes(given: Any, what: str) -> list[Node]:
    """Return a node, or nodes in a given order, as a list; raise `GraphError` if it is neither."""
    several = isinstance(given, (Sequence, Iterator, ValuesView)) and not isinstance(given, str)
    nodes = list(given) if several else [given]
    nodes_only(nodes, what)
    return nodes


def subject(op: Op, name: str | None) -> str:
    """Return a use of an op in words, as ``sse 'E'``."""
    return f"{op.name} {name!r}" if name else op.name


def describe_inputs(op: Op, inputs: Sequence[Node], labels: Sequence[str | None] | None = None) -> list[str]:
    """Return one line for each input of a node, led by what the op calls it."""
    return [
        f"{slot}: {describe(node, label)}"
        for slot, node, label in zip(op.input_names(len(inputs)), inputs, labels or [None] * len(inputs), strict=True)
    ]
