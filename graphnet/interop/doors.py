"""The doors to other libraries: what is called of them, and the library loaded only then."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from types import NoneType
from typing import Any

import numpy as np

from graphnet.common.settings import whole
from graphnet.core.graph import Graph, Target, as_graph
from graphnet.core.node import Node, as_nodes
from graphnet.engine.feeds import run_dtype
from graphnet.engine.gradients import the_output
from graphnet.errors import DtypeError, GraphError, TrainingError, UnreachableError, shown
from graphnet.interop.foreign import ForeignOp, foreign_op, library, needing

# Functions as ops -----------------------------------------------------------------------------------------------------


def torch_op(f: Any, output: int = 0, **settings: Any) -> ForeignOp:
    """Make an op of a function of PyTorch, with the way back that PyTorch has for it.

    Parameters
    ----------
    f
        A ``torch.autograd.Function`` class, or any callable of tensors that returns one tensor or several.
    output
        Which of several outputs, counted from 0.
    **settings
        Further arguments of `f`, by name, that are no arrays.

    Returns
    -------
    Op
        ``op(node)`` is a node, ``op(array)`` an array.

    Raises
    ------
    MissingExtraError
        If torch is not installed.
    GraphError
        If `f` can't be called.

    Examples
    --------
    >>> import torch, graphnet as gn  # doctest: +SKIP
    >>> x = gn.parameter("x", [0.5, 2.0])  # doctest: +SKIP
    >>> gn.check_gradients(gn.sse(gn.torch_op(torch.special.gammaln)(x), [0.0, 0.0]), {}).ok  # doctest: +SKIP
    True
    """
    return _made("torch", f, output, settings)


def jax_op(f: Any, output: int = 0, **settings: Any) -> ForeignOp:
    """Make an op of a function of JAX, with the way back that JAX has for it, as by ``jax.custom_vjp``.

    Parameters
    ----------
    f
        Any callable of JAX's arrays that returns one array or several.
    output
        Which of several outputs, counted from 0.
    **settings
        Further arguments of `f`, by name, that are no arrays.

    Returns
    -------
    Op
        ``op(node)`` is a node, ``op(array)`` an array.

    Raises
    ------
    MissingExtraError
        If jax is not installed.
    GraphError
        If `f` can't be called.

    Examples
    --------
    >>> import jax, graphnet as gn  # doctest: +SKIP
    >>> gn.jax_op(jax.nn.silu)(np.zeros(2))  # doctest: +SKIP
    array([0., 0.])
    """
    return _made("jax", f, output, settings)


def _made(name: str, f: Any, output: int, settings: dict[str, Any]) -> ForeignOp:
    if not callable(f):
        raise GraphError(f"{name}_op got {shown(f)}", repair=f"Give a function of {name}'s arrays.")
    place = whole(output, "output", "Give 0 for the first output, 1 for the second ...", least=0, error=GraphError)
    return foreign_op(library(name), f, place, {}, settings)


# Networks as graphs, and graphs as models -----------------------------------------------------------------------------


def from_torch(module: Any, *examples: Any, unsupported: str = "raise") -> Graph:
    """Return a module of PyTorch as a graph, with its weights as parameters and its layers as scopes.

    Parameters
    ----------
    module
        A ``torch.nn.Module``. With dropout or batch normalisation in it, it must be in evaluation mode.
    *examples
        Tensors that it can be called with: their first axis is the batch, of any size from then on where the module allows it.
    unsupported : {"raise", "opaque"}
        What to do with calls that have no counterpart here: raise one error that names all of them; or make each an opaque
        node, which torch runs and differentiates. Then the sizes are those of the examples. A ``torch.autograd.Function`` of
        yours is such a node in either case, with your rule for the way back.

    Returns
    -------
    Graph
        Its inputs and outputs in the module's order; parameters by the module's names, with ``/`` for ``.``, one for weights
        that are tied.

    Raises
    ------
    OpaqueError
        If the module calls what has no counterpart, or `torch.export` can't read it.
    GraphError
        If the module is in training mode, and that matters.

    Examples
    --------
    >>> import torch, graphnet as gn  # doctest: +SKIP
    >>> graph = gn.from_torch(torch.nn.Sequential(torch.nn.Linear(3, 2), torch.nn.Tanh()), torch.ones(4, 3))  # doctest: +SKIP
    >>> [parameter.name for parameter in graph.parameters]  # doctest: +SKIP
    ['0/weight', '0/bias']
    """
    return _read("torch", "torch_modules", module, examples, unsupported)


def from_jax(function: Any, *arrays: Any, unsupported: str = "raise") -> Graph:
    """Return a function of JAX as a graph, as JAX traces it for these arguments.

    Parameters
    ----------
    function
        Takes arrays of JAX, or dicts, lists and tuples of them, and returns such.
    *arrays
        What it can be called with. If the first is a dict, list or tuple, as `params` usually is, its arrays become parameters
        with these values (integers constants); all other arrays are inputs. The sizes are those given here. Real numbers are
        float64, also where the function asks for float32.
    unsupported : {"raise", "opaque"}
        What to do with primitives that have no counterpart here: raise one error that names all of them; or make each an
        opaque node, which JAX runs and differentiates. A function with a rule of your own (``custom_vjp``, ``custom_jvp``)
        is such a node in either case; a scan of up to 100 steps is written out, and what depends on no argument is a constant.

    Returns
    -------
    Graph
        Its outputs in the order of JAX's; inputs and parameters have the names of the function's parameters, with the path of
        an array within one: ``"params/w"``. Named scopes are scopes. Where a derivative does not exist, as for equal entries
        in a pool, the convention is that of this framework; a position that is out of range is an error.

    Raises
    ------
    MissingExtraError
        If jax is not installed.
    OpaqueError
        If there are primitives without a counterpart, or JAX can't trace the function.
    GraphError
        If it is no function, or an argument holds what is no number.

    Examples
    --------
    >>> import jax.numpy as jnp, numpy as np, graphnet as gn  # doctest: +SKIP
    >>> def loss(params, x):  # doctest: +SKIP
    ...     return jnp.sum(jnp.tanh(x @ params["w"]) ** 2)
    >>> graph = gn.from_jax(loss, {"w": np.ones((3, 2))}, np.ones((4, 3)))  # doctest: +SKIP
    >>> [leaf.name for leaf in (*graph.parameters, *graph.inputs)]  # doctest: +SKIP
    ['params/w', 'x']
    """
    return _read("jax", "jax_functions", function, arrays, unsupported)


def _read(package: str, module: str, function: Any, given: Sequence[Any], unsupported: str) -> Graph:
    if unsupported not in ("raise", "opaque"):
        raise GraphError(f"unsupported is {unsupported!r}", repair='Use "raise" or "opaque".')
    graph: Graph = needing(package, module).read(function, given, opaque=unsupported == "opaque")
    return graph


def from_onnx(model: str | os.PathLike[str] | bytes | Any, *, known: Mapping[str, Any] | None = None) -> Graph:
    """Return a model of ONNX as a graph: to run, to draw, to derive and to check.

    Parameters
    ----------
    model
        Path of a file, its bytes, or an ``onnx.ModelProto``, of opset 7 to 28.
    known
        Inputs whose values are known, by name: they become constants. Needed of those that say a shape.

    Returns
    -------
    Graph
        With inputs and outputs in the model's order, by its names; ``/`` stands for ``.``. Its weights (the initialisers that
        are arrays of real numbers) are parameters, other initialisers and statistics of batch normalisation constants. A size
        that has no number in the model is known when fed.

    Raises
    ------
    OpaqueError
        If the model calls what has no counterpart (all are named, before anything is built), or has other types than float32,
        float64, int32, int64 and bool.
    LoadError
        If it is not there, damaged, of another opset, or has numbers in another file: nothing outside of it is read.
    MissingExtraError
        If ``onnx`` is not installed.

    Notes
    -----
    Integers are computed with as real numbers, as everywhere here: exact up to 2⁵³, in float32 up to 2²⁴.

    Examples
    --------
    >>> import graphnet as gn
    >>> graph = gn.from_onnx("network.onnx")  # doctest: +SKIP
    >>> gn.forward(graph, {"x": X})["output"]  # doctest: +SKIP
    """
    graph: Graph = needing("onnx", "onnx_reading").read(model, known or {})
    return graph


def to_onnx(outputs: Any, path: str | os.PathLike[str], *, dtype: Any = np.float32) -> None:
    """Write a graph to a file of ONNX: forward passes, or backward passes too.

    Parameters
    ----------
    outputs
        A node, several, or a graph. With ``[E, *gn.gradients(E, weights)]`` the model gives the gradients too.
    path
        Of the file; one that is there is replaced as a whole.
    dtype
        What the model computes in: float32, for which runtimes have all of their kernels, or float64.

    Raises
    ------
    OpaqueError
        If an op has no counterpart, and its rule calls what has none; all are named.
    SaveError
        If the file can't be written, or would be larger than 2 GiB.
    DtypeError
        If `dtype` is none of the two.
    MissingExtraError
        If ``onnx`` is not installed.

    Notes
    -----
    Opset 20. Inputs, parameters, constants and outputs have their own names or labels, other values names below those, so that
    scopes are kept. A first size of None is called ``batch``. Composites are calls where ONNX has one (softmax, gelu,
    layer_norm, conv, max_pool2d ...), else they are expanded by their rules.

    Examples
    --------
    >>> import graphnet as gn
    >>> gn.to_onnx([E, *gn.gradients(E, [W])], "step.onnx")  # doctest: +SKIP
    """
    needing("onnx", "onnx_writing").write(outputs, path, dtype)


# Graphs on the devices of JAX -----------------------------------------------------------------------------------------


def to_jax(
    target: Target, wrt: Node | Iterable[Node] | None = None, *, dtype: Any = None, opaque: str = "raise"
) -> Callable[[Any, Any], tuple[Any, dict[str, Any]]]:
    """Return a graph as a pure function of JAX, made of the very rules of its ops: to be jitted, mapped, scanned, sharded.

    Each rule runs on arrays that behave as NumPy's, and JAX notes what it computes. A convolution, what takes positions and
    masks, and the error function have rules of JAX's own functions. A position out of range picks NaN.

    Parameters
    ----------
    target
        The loss E, or with ``wrt=()`` an output of any shape.
    wrt
        The parameters and inputs to differentiate by; by default all parameters. Empty: no gradients.
    dtype
        What it computes in, ``"float32"`` or ``"float64"``; by default float32 if all parameters are, else float64. How JAX
        multiplies float32 matrices on an accelerator is its own setting, ``jax_default_matmul_precision``.
    opaque : {"raise", "callback"}
        What to do with a rule that assigns entries, asks for numbers, or calls what JAX lacks: raise an error that names it;
        or have JAX call it as it is on the host, by ``jax.pure_callback``.

    Returns
    -------
    function
        ``loss, gradients = f(parameters, feeds)``: dicts of arrays by name, as ``{"W": array}``. A gradient is zero where no
        error signal arrives. When it is traced it raises `OpaqueError` for such a rule, `FeedError` and `ShapeError` for
        arrays that are not those of the graph, and `DtypeError` if it is to compute in float64 and JAX has been set to float32.

    Raises
    ------
    MissingExtraError
        If jax is not installed.
    GraphError, UnreachableError, ShapeError
        If the target has several outputs, `wrt` holds other nodes than its parameters and inputs, or there is no scalar to
        differentiate.

    Examples
    --------
    >>> import jax, graphnet as gn  # doctest: +SKIP
    >>> x, w = gn.input("x", shape=(None, 2)), gn.parameter("w", [[1.0], [2.0]])  # doctest: +SKIP
    >>> step = jax.jit(gn.to_jax(gn.sse(x @ w, [[0.0]]), dtype="float32"))  # doctest: +SKIP
    >>> loss, gradients = step({"w": w.value}, {"x": np.array([[1.0, 1.0]])})  # doctest: +SKIP
    >>> float(loss), gradients["w"].tolist()  # doctest: +SKIP
    (4.5, [[3.0], [3.0]])
    """
    graph = as_graph(target)
    nodes = graph.parameters if wrt is None else () if isinstance(wrt, tuple) and not wrt else as_nodes(wrt, "to_jax")
    leaves = {*graph.parameters, *graph.inputs}
    outside = [node for node in nodes if node not in leaves]
    if outside:
        raise UnreachableError(
            f"{shown(outside[0])} is no parameter and no input of the graph",
            repair="Differentiate by leaves; gn.gradients(E, [node]) builds any other derivative, to be given to to_jax.",
        )
    the_output(graph, "End in a loss, as gn.sse(a, t); or ask for the output alone: wrt=()." if nodes else "")
    if not isinstance(opaque, str) or opaque not in ("raise", "callback"):
        raise GraphError(f"opaque is {shown(opaque)}", repair='Use "raise" or "callback".')
    if not isinstance(dtype, (str, type, np.dtype, NoneType)) or dtype not in (None, *_DTYPES):
        raise DtypeError(f"dtype is {shown(dtype)}", repair='Use "float32" or "float64".')
    made = run_dtype([parameter.value for parameter in graph.parameters]) if dtype is None else np.dtype(dtype)
    function: Callable[..., Any] = needing("jax", "jax_graphs").function
    return function(graph, nodes, made, callback=opaque == "callback", zeros=True)  # type: ignore[no-any-return]


_DTYPES = "float32", "float64", np.float32, np.float64


@dataclass(frozen=True)
class JaxEngine:
    """Training on the devices of JAX, of one machine or of many: ``gn.fit(..., engine=gn.JaxEngine())``.

    An epoch is one scan that the devices run by themselves, its batches split over all of them; the rules of the ops and of
    the optimiser are the same. Every process is given the same data, in the same order. Numbers are those of one machine, up
    to the order in which sums are added.

    Parameters
    ----------
    devices
        How many, the platform, as ``"gpu"``, or a list of JAX's; by default all, of all processes.
    mesh
        A ``jax.sharding.Mesh`` in their place. Its first axis splits batches. Along its second, if it has one, each parameter
        is split, on the longest of its axes that this divides; without one, every device has all parameters.
    memory
        The bytes of data that are sent at once: an epoch of more is streamed, in several scans.

    Notes
    -----
    It keeps what it compiled last: give the same engine again to train the same network on.

    Examples
    --------
    >>> import graphnet as gn
    >>> gn.JaxEngine(devices=8)
    JaxEngine(devices=8, mesh=None, memory=1073741824)
    """

    devices: Any = None
    mesh: Any = None
    memory: int = 1 << 30
    compiled: dict[Any, Any] = field(default_factory=dict, init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        whole(self.memory, "memory", least=1, error=TrainingError)
