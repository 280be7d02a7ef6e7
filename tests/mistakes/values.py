"""Odd kinds of value, each with a name: what people, notebooks and other libraries put where something else belongs."""

import collections
import contextlib
import decimal
import fractions
import importlib
from pathlib import Path

import numpy as np

import graphnet as gn
from tests.mistakes import world

HUGE = (2, 10**13)
"""Shape of a view of one number: no memory holds it as an array."""


class Foreign:
    """Stands for a tensor of another library, whose conversion fails as theirs do."""

    shape, ndim = (2,), 1

    def __init__(self, error, dtype="float32", **more):
        self._error, self.dtype = error, dtype
        vars(self).update(more)

    def __array__(self, dtype=None, copy=None):
        raise self._error


class Grumpy:
    """Raises whatever it is asked: it can't even be shown."""

    def __repr__(self):
        raise RuntimeError("no repr")

    def __len__(self):
        raise RuntimeError("no len")

    def __iter__(self):
        raise RuntimeError("no iter")


class Callback(gn.Callback):
    pass


def some_function(*anything, **named):
    return None


def odd_values():
    """Return {name: function that makes the value}."""
    o = world.other()
    ragged = [[1.0, 2.0], [3.0]]
    values = {
        "None": lambda: None,
        "text": lambda: "odd",
        "empty text": lambda: "",
        "number as text": lambda: "3",
        "bytes": lambda: b"odd",
        "ragged list": lambda: ragged,
        "empty list": lambda: [],
        "list of numbers": lambda: [1.0, 2.0],
        "list of text": lambda: ["W", "b"],
        "list of None": lambda: [None],
        "nested empty list": lambda: [[]],
        "tuple": lambda: (1, 2, 3, 4, 5, 6, 7),
        "pair of zeros": lambda: (0, 0),
        "negative pair": lambda: (-1, -2),
        "pair of fractions": lambda: (0.5, 1.5),
        "tuple with NaN": lambda: (float("nan"), 1.0),
        "tuple of bools": lambda: (True, False),
        "tuple of text": lambda: ("1", "2"),
        "nested tuple": lambda: ((0, 1), (2,)),
        "generator": lambda: (i for i in (1.0, 2.0)),
        "iterator": lambda: iter([1.0]),
        "map": lambda: map(float, [1, 2]),
        "range": lambda: range(2),
        "set": lambda: {1.0},
        "frozenset": lambda: frozenset({"W"}),
        "dict": lambda: {"odd": 1.0},
        "empty dict": dict,
        "dict of numbers": lambda: {1: 2},
        "deque": lambda: collections.deque([1.0]),
        "nan": lambda: float("nan"),
        "inf": lambda: float("inf"),
        "huge integer": lambda: 10**400,
        "unprintable integer": lambda: 10**5000,
        "large integer": lambda: 2**62,
        "negative": lambda: -1,
        "very negative": lambda: -(10**400),
        "negative fraction": lambda: -0.5,
        "minus inf": lambda: -float("inf"),
        "zero": lambda: 0,
        "zero as float": lambda: 0.0,
        "one": lambda: 1.0,
        "two": lambda: 2,
        "seven": lambda: 7,
        "tiny": lambda: 1e-320,
        "largest float": lambda: 1e308,
        "fraction of one": lambda: 0.5,
        "float": lambda: 1.5,
        "bool": lambda: True,
        "complex": lambda: 1j,
        "Decimal": lambda: decimal.Decimal("0.5"),
        "Fraction": lambda: fractions.Fraction(1, 2),
        "np.bool": lambda: np.True_,
        "np.int64": lambda: np.int64(1),
        "0-d array": lambda: np.array(1),
        "one number in an array": lambda: np.array([1]),
        "array of pairs": lambda: np.array([1, 1]),
        "3-d array": lambda: np.zeros((2, 2, 2)),
        "empty array": lambda: np.zeros((0, 3)),
        "object array": lambda: np.array([None, "odd", 1], dtype=object),
        "text array": lambda: np.array(["a", "b"]),
        "complex array": lambda: np.array([1j, 2]),
        "datetime64": lambda: np.array(["2020-01-01"], dtype="datetime64[D]"),
        "timedelta64": lambda: np.timedelta64(1, "s"),
        "structured array": lambda: np.zeros(2, dtype=[("a", float), ("b", int)]),
        "void": lambda: np.zeros(1, dtype=[("a", float)])[0],
        "masked array": lambda: np.ma.array([1.0, 2.0, 100.0], mask=[0, 0, 1]),
        "masked": lambda: np.ma.masked,
        "matrix": lambda: np.ones((1, 2)).view(np.matrix),
        "broadcast view": lambda: np.broadcast_to(1.0, HUGE),
        "float16 array": lambda: np.ones(3, np.float16),
        "tensor with requires_grad": lambda: Foreign(RuntimeError("Can't call numpy() on Tensor that requires grad.")),
        "bfloat16 tensor": lambda: Foreign(TypeError("Got unsupported ScalarType BFloat16"), "bfloat16"),
        "grumpy object": Grumpy,
        "object": object,
        "class": lambda: gn.Adam,
        "exception": lambda: ValueError("odd"),
        "function": lambda: some_function,
        "function of nothing": lambda: lambda: 0,
        "module": lambda: gn.ops,
        "Path": lambda: Path("odd"),
        "missing folder": lambda: Path("odd", "odder", "net.gn"),
        "text with NUL": lambda: "od\0d",
        "lone surrogate": lambda: "\ud800",
        "slice": lambda: slice(None),
        "step 0": lambda: slice(None, None, 0),
        "Ellipsis": lambda: ...,
        "NotImplemented": lambda: NotImplemented,
        "type": lambda: float,
        "dtype": lambda: np.dtype("datetime64[D]"),
        "generator of random numbers": lambda: np.random.default_rng(1),
        "old generator": lambda: np.random.RandomState(1),
        "context": contextlib.nullcontext,
        "another graph's node": lambda: o.a,
        "another graph's loss": lambda: o.E,
        "another graph's input": lambda: o.x,
        "another graph's parameter": lambda: o.W,
        "constant": lambda: gn.constant(1.0),
        "list of nodes": lambda: [o.W, o.b],
        "set of nodes": lambda: {o.W},
        "node of truth values": lambda: o.a > 0,
        "node of integers": lambda: gn.input("k", shape=(2,), dtype=int),
        "Graph": lambda: o.graph,
        "ForwardPass": lambda: o.forward,
        "BackwardPass": lambda: o.backward,
        "Report": world.report,
        "History": world.history,
        "op class": lambda: gn.ops.Tanh,
        "op": gn.ops.Tanh,
        "op function": lambda: gn.tanh,
        "op with settings": lambda: gn.ops.LeakyRelu(0.1),
        "optimiser": lambda: gn.Adam(),
        "callback": Callback,
    }
    with contextlib.suppress(ImportError):
        pandas = importlib.import_module("pandas")
        values |= {
            "DataFrame": lambda: pandas.DataFrame({"a": [1.0, 2.0], "b": [3.0, 4.0]}),
            "DataFrame of text": lambda: pandas.DataFrame({"a": ["x", "y"]}),
            "Series": lambda: pandas.Series([1.0, 2.0]),
            "pandas NA": lambda: pandas.NA,
        }
    with contextlib.suppress(ImportError):
        sparse = importlib.import_module("scipy.sparse")
        values["sparse matrix"] = lambda: sparse.csr_matrix(np.eye(2))
    with contextlib.suppress(ImportError):
        torch = importlib.import_module("torch")
        values |= {
            "torch tensor with requires_grad": lambda: torch.ones(2, requires_grad=True),
            "torch tensor": lambda: torch.ones(2),
            "torch bfloat16": lambda: torch.ones(2, dtype=torch.bfloat16),
        }
    with contextlib.suppress(ImportError):
        jnp = importlib.import_module("jax.numpy")
        values |= {"jax array": lambda: jnp.ones(2), "jax bfloat16": lambda: jnp.ones(2, dtype=jnp.bfloat16)}
    return values
