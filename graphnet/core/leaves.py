"""Leaves, and how they are made: inputs, parameters and constants."""

from __future__ import annotations

import sys
from types import NoneType
from typing import Any, NoReturn

import numpy as np

from graphnet.common.origin import check_name
from graphnet.common.text import to_numbers
from graphnet.core.node import Node, Numbers, describe
from graphnet.core.shapes import as_shape
from graphnet.errors import DtypeError, GraphError, GraphnetError, OpaqueError, ShapeError, shown


class Input(Node):
    """A leaf that is fed: data, or the target.

    Examples
    --------
    >>> import graphnet as gn
    >>> gn.input("x", shape=(None, 2))
    <input 'x' (None, 2)>
    """

    __slots__ = ()


class Constant(Node):
    """A leaf with a fixed value.

    Attributes
    ----------
    value : numpy.ndarray
        The value, read-only.

    Examples
    --------
    >>> import graphnet as gn
    >>> gn.constant([1.0, 2.0], name="c").value
    array([1., 2.])
    """

    __slots__ = ("_value",)

    def __init__(self, value: Numbers, name: str | None) -> None:
        super().__init__(None, (), value.shape, value.dtype, name, adapting=True)
        value.flags.writeable = False
        object.__setattr__(self, "_value", value)

    @property
    def value(self) -> Numbers:
        """The value, read-only."""
        return self._value  # type: ignore[attr-defined,no-any-return]


class Parameter(Node):
    """A leaf that is trained. Its `value` is the only thing about a node that can change.

    Examples
    --------
    >>> import graphnet as gn
    >>> w = gn.parameter("w", [1.0, 2.0])
    >>> w.value -= 0.5
    >>> w.value
    array([0.5, 1.5])
    """

    __slots__ = ("_value",)

    def __init__(self, value: Numbers, name: str) -> None:
        super().__init__(None, (), value.shape, value.dtype, name)
        object.__setattr__(self, "_value", value)

    @property
    def value(self) -> Numbers:
        """The present value, to read, to write into, or to assign (which copies). Copy it to keep it."""
        return self._value  # type: ignore[attr-defined,no-any-return]

    @value.setter
    def value(self, new: Any) -> None:
        held = self._value  # type: ignore[attr-defined]
        if type(new) is np.ndarray and new.dtype == held.dtype and new.shape == held.shape:
            held[...] = new
            return
        array = float_array(new, f"the new value of parameter {self.name!r}")
        if array.shape != held.shape:
            raise ShapeError(
                f"the new value has shape {array.shape}, expected {held.shape}",
                repair="A parameter keeps the shape it was made with.",
            ).locate(describe(self))
        held[...] = array

    def _changed(self, by: object) -> NoReturn:
        raise OpaqueError(
            "+=, -=, *= and /= would make another node, and leave the parameter as it is",
            repair="Change its value: node.value -= 0.1 * gradient. For a new node write node + other.",
        ).locate(describe(self))

    __iadd__ = __isub__ = __imul__ = __itruediv__ = _changed


def input(name: str, shape: Any = (), *, dtype: Any = float) -> Input:
    """Make an input: a leaf that is given an array in each run.

    Parameters
    ----------
    name
        Its name; arrays can be fed by it.
    shape
        Sizes; ``None`` for one that is known when fed, as the number of samples.
    dtype
        ``float`` (the default), ``int`` for indices, or ``bool`` for masks.

    Returns
    -------
    Input
        Shape `shape`.

    Raises
    ------
    GraphError
        If `name` is not a non-empty string.
    ShapeError
        If a size is neither ``None`` nor an integer ≥ 0.
    DtypeError
        If `dtype` is none of the three.

    Examples
    --------
    >>> input("x", shape=(None, 2))
    <input 'x' (None, 2)>
    """
    check_name(name, "an input", 'Write for example "x", as gn.input("x", shape=(None, 2)); feed it by {x: X}.')
    sizes = tuple(size and int(size) for size in as_shape(shape))  # a 1 that is declared is not WANTED
    return Input(None, (), sizes, _dtype(dtype, f"input {name!r}"), name)


def parameter(name: str = "", value: Any = ...) -> Parameter:
    """Make a parameter: a leaf that is trained.

    Parameters
    ----------
    name
        Its name; gradients are handed out under it.
    value
        Its first value; copied. float32 stays float32, integers become float64.

    Returns
    -------
    Parameter
        With the shape of `value`.

    Raises
    ------
    GraphError
        If `name` is not a non-empty string, or there is no value.
    DtypeError
        If `value` is not real numbers.

    Examples
    --------
    >>> W = parameter("W", [[1.0, 2.0, 3.0]])
    >>> W.value += 1
    >>> W, W.value
    (<parameter 'W' (1, 3)>, array([[2., 3., 4.]]))
    """
    if value is ... or (isinstance(value, str) and not isinstance(name, str)):
        raise GraphError(
            "a parameter is made of a name and a value, in this order",
            repair='Write for example gn.parameter("W", np.zeros((2, 3))).',
        )
    check_name(name, "a parameter")
    return Parameter(float_array(value, f"parameter {name!r}").copy(), name)


def constant(value: Any, *, name: str | None = None, dtype: Any = None) -> Constant:
    """Make a constant: a leaf with a fixed value. Arrays and numbers given to an op become one.

    Parameters
    ----------
    value
        Its value; copied. Integers become float64, unless `dtype` says otherwise.
    name
        Its name, if it needs one.
    dtype
        ``int`` to keep integers, as indices; ``np.float32`` for a constant of a network in float32.

    Returns
    -------
    Constant
        With the shape of `value`.

    Raises
    ------
    DtypeError
        If `value` is not real numbers or booleans, or `dtype` is none of the dtypes of nodes.

    Examples
    --------
    >>> constant(2)
    <constant ()>
    """
    if name is not None:
        check_name(name, "a constant")
    what = f"constant {name!r}" if name else "a constant"
    array = numbers(value, what)
    kind = None if dtype is None else _dtype(dtype, what)
    if array.dtype.kind != "b" and not (array.dtype.kind in "iu" and kind is not None and kind.kind == "i"):
        array = float_array(array, what)
        if kind is not None and kind.kind == "f":
            array = array.astype(kind)
    return Constant(array.copy(), name)


def as_node(value: Any) -> Node:
    """Return a node as it is, and an array or a number as a constant."""
    return value if isinstance(value, Node) else constant(value)


def as_operand(value: Any, what: str) -> Any:
    """Return a node as it is, and an array that stands for one; anything else as an array of numbers."""
    return value if isinstance(value, Node) or hasattr(value, "__graphnet_op__") else numbers(value, what)


def _dtype(dtype: Any, what: str) -> np.dtype[Any]:
    """Return a dtype that a node can have: float64, float32, integers or truth values."""
    try:  # np.dtype itself would take anything that has a dtype, as a node or an array
        found: np.dtype[Any] = np.dtype(dtype if isinstance(dtype, (type, str, np.dtype, NoneType)) else object)
    except Exception:  # of any kind: np.dtype reads texts and attributes of anything
        found = np.dtype(object)
    if found.kind not in "ib" and found not in (np.float32, np.float64):
        given = shown(dtype) if found.kind == "O" else found
        raise DtypeError(f"{what} is declared with dtype {given}", repair="Use float, int or bool.")
    return found


def float_array(value: Any, what: str) -> Numbers:
    """Return `value` as a float32 or float64 array; integers become float64, all else is refused."""
    array = numbers(value, what)
    if array.dtype.kind in "iu":
        return array.astype(np.float64)
    if array.dtype not in (np.float32, np.float64):
        raise DtypeError(
            f"{what} has dtype {array.dtype}, expected float64, float32 or integers",
            repair="Convert it first, for example with .astype(float).",
        )
    return array


def _masked(value: Any) -> int:
    """Count the masked entries of an array, or of arrays in lists of lists."""
    ma = sys.modules.get("numpy.ma")  # loaded by who makes masked arrays; it would be a tenth of our own loading
    if ma is None or not isinstance(value, hold_masks := (list, tuple, ma.MaskedArray)):
        return 0
    count, parts, depth = 0, [value], 0
    while parts and depth <= 64:  # axes of an array, at most; a list may hold itself
        count += sum(int(ma.getmaskarray(part).sum()) for part in parts if isinstance(part, ma.MaskedArray))
        lists = (part for part in parts if isinstance(part, (list, tuple)) and not set(map(type, part)) <= {float, int})
        parts = [part for sequence in lists for part in sequence if isinstance(part, hold_masks)]
        depth += 1
    return count


def numbers(value: Any, what: str) -> Numbers:
    """Return `value` as an array of numbers or truth values; raise `DtypeError` if it is nothing of the kind."""
    if isinstance(value, (list, tuple)) and any(isinstance(part, Node) for part in value):
        raise DtypeError(
            f"{what} is a {type(value).__name__} of nodes, expected one node, or numbers",
            repair="Join them first: gn.concatenate([...], axis=...).",
        )
    if masked := _masked(value):
        raise DtypeError(
            f"{what} has {masked} masked entries, which are no numbers",
            repair="Fill them, array.filled(0), or leave their rows out.",
        )
    try:
        array = np.asarray(value)
    except ValueError as error:
        raise DtypeError(
            f"{what} is not an array: {shown(error)}", repair="Give numbers in rows of equal length."
        ) from error
    except GraphnetError:
        raise  # a node says it better
    except Exception as error:  # of any kind: arrays of other libraries raise what they like
        raise DtypeError(
            f"{what}, a {type(value).__name__}, can't be turned into an array: {shown(error)}",
            repair="Convert it first; a tensor of torch by .detach().cpu().float().numpy().",
        ) from error
    if array.dtype.kind not in "biufc":
        found = f"has dtype {array.dtype}" if hasattr(value, "__array__") else f"is {shown(value)}"
        raise DtypeError(f"{what} {found}, expected numbers", repair=to_numbers(array))
    return array
