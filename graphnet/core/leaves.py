"""Making leaves: inputs, parameters and constants."""

from __future__ import annotations

from typing import Any

import numpy as np

from graphnet.core.node import Constant, Input, Node, Parameter, float_array, numbers
from graphnet.core.origin import check_name
from graphnet.core.shapes import as_shape
from graphnet.errors import DtypeError


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
    check_name(name, "an input")
    return Input(None, (), as_shape(shape), _dtype(dtype, f"input {name!r}"), name)


def parameter(name: str, value: Any) -> Parameter:
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
        If `name` is not a non-empty string.
    DtypeError
        If `value` is not real numbers.

    Examples
    --------
    >>> W = parameter("W", [[1.0, 2.0, 3.0]])
    >>> W.value += 1
    >>> W, W.value
    (<parameter 'W' (1, 3)>, array([[2., 3., 4.]]))
    """
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


def _dtype(dtype: Any, what: str) -> np.dtype[Any]:
    """Return a dtype that a node can have: float64, float32, integers or truth values."""
    try:
        found: np.dtype[Any] = np.dtype(dtype)
    except TypeError:
        found = np.dtype(object)
    if found.kind not in "ib" and found not in (np.float32, np.float64):
        shown = dtype if found.kind == "O" else found
        raise DtypeError(f"{what} is declared with dtype {shown}", repair="Use float, int or bool.")
    return found
