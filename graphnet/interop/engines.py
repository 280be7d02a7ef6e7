"""The doors to engines of others: a graph as a function of JAX, and training by it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from types import NoneType
from typing import Any

import numpy as np

from graphnet.common.settings import whole
from graphnet.core.graph import Target, as_graph
from graphnet.core.node import Node, as_nodes
from graphnet.engine.feeds import run_dtype
from graphnet.engine.gradients import the_output
from graphnet.errors import DtypeError, GraphError, TrainingError, UnreachableError, shown
from graphnet.interop.foreign import needing


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
