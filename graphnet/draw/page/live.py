"""What a page needs to compute a pass by itself: the rules of all nodes, lowered to primitives, and the leaves.

A rule is run on nodes that stand for its arguments, of the sizes of this pass, and what it builds is lowered as `compile` does
it. So the page runs the rules that graphnet runs, custom ones included, and its script knows NumPy's functions alone. A
network whose inputs start with the axis of the samples has each rule twice: for all samples, and for a single one.

Primitives that only move entries become one: a view, by strides and an offset, which NumPy itself is asked for.
"""

from __future__ import annotations

import base64
import json
import math
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

import numpy as np

from graphnet import ops
from graphnet.common.origin import inside
from graphnet.core.graph import Graph
from graphnet.core.leaves import Constant, Input
from graphnet.core.node import Node, Numbers
from graphnet.core.op import Primitive
from graphnet.core.order import topological_order
from graphnet.core.registry import OPS
from graphnet.core.shapes import WANTED, known, normal_axes
from graphnet.engine.gradients import depending_on, message_nodes
from graphnet.engine.passes import BackwardPass
from graphnet.engine.plan.program import view_of
from graphnet.engine.rewrite import SumOfSquares, lower, with_sizes
from graphnet.errors import GraphnetError, OpaqueError
from graphnet.ops.erf import FARTHEST, NEAR, TAIL

MOST_NODES, MOST_NUMBERS = 2_000, 2_000_000
"""Up to how many nodes a network may have to be computed in a page, and how many numbers all their values together."""

POINTS = 32
"""How many points a map over the plane of two inputs has along each axis."""

_VIEWS = ops.Transpose, ops.ExpandDims, ops.Squeeze, ops.BroadcastTo, ops.Getitem, ops.Reshape

_Kinds = Mapping[Node, tuple[tuple[int, ...], np.dtype[Any]]]
"""Shape and dtype of each node's value."""


def live_data(graph: Graph, run: BackwardPass, learning_rate: float) -> dict[str, Any]:
    """Return all that the page's engine needs to run a network; if it can't, a list of the reasons under ``"recorded"``.

    Examples
    --------
    >>> import graphnet as gn
    >>> w = gn.parameter("w", [1.0, 2.0])
    >>> run = gn.backward(gn.sse(w, [0.0, 0.0], name="E"), {})
    >>> live_data(run.graph, run, 0.1)["nodes"]["n2"]["inputs"]
    ['n0', 'n1']
    """
    size = sum(value.size for value in run.values.values())
    if len(graph.nodes) > MOST_NODES or size > MOST_NUMBERS:
        limits = f"up to {MOST_NODES:,} nodes and {MOST_NUMBERS:,} numbers"
        return {"recorded": [f"A page computes {limits}: here are {len(graph.nodes):,} nodes and {size:,} numbers."]}
    rules = _Rules(graph, run)
    programs = rules.of_all({node: (value.shape, value.dtype) for node, value in run.values.items()})
    stale = _depending_on(graph, rules.refused)
    if any(node in run.error_signals for node in stale):
        return {"recorded": list(rules.refused.values())}
    samples, single = _samples(graph, run)
    if not single:
        try:
            programs = {node: [*programs[node], *also] for node, also in rules.of_all(_of_size(graph, run, 1)).items()}
            single = "; ".join(why for node, why in rules.refused.items() if node not in stale)
        except GraphnetError as error:
            single = f"a single sample can't be run alone: {error.problem}"
    id_of = {node: f"n{place}" for place, node in enumerate(graph.nodes)}
    nodes: dict[str, Any] = {}
    for node in graph.nodes:
        value = run.values[node]
        nodes[id_of[node]] = told = {"role": node.kind, "kind": value.dtype.kind, "shape": value.shape}
        told |= {"batched": True} if node.shape[:1] == (None,) and value.shape[0] == samples else {}
        if node.op is None or node in stale:
            told["value"] = _encoded(run.replaced.get(node, value))
            told |= {"recorded": stale[node]} if node in stale else {}
            continue
        told["inputs"] = [id_of[source] for source in node.inputs]
        told["forward"] = programs[node][::2]
        told |= {"backward": programs[node][1::2]} if node in run.error_signals else {}
    maps = None if single else _maps(graph, run, rules, id_of, nodes)
    reached = [node for node in graph.outputs if node in run.error_signals]
    starts = [(node, message.delta) for node in reached for message in run.messages(node) if message.consumer is None]
    return {
        "rate": learning_rate,
        "real": f"f{rules.dtype.itemsize}",
        "samples": samples,
        "single": single,
        "maps": maps,
        "outputs": [id_of[node] for node in graph.outputs],
        "nodes": nodes,
        "programs": rules.programs,
        "starts": {id_of[node]: _encoded(delta) for node, delta in starts},
        "set": {id_of[node]: _part(run.values[node], mask) for node, mask in run.by_hand.items()},
        "setSignal": {id_of[node]: _part(run.error_signals[node], mask) for node, mask in run.signals_by_hand.items()},
    }


def _part(array: Numbers, mask: Numbers) -> dict[str, Any]:
    """Return an array of which some entries were set by hand."""
    return {"value": _encoded(array), "mask": _encoded(mask)}


def _depending_on(graph: Graph, refused: Mapping[Node, str]) -> dict[Node, str]:
    """Return the nodes that the page can't compute, and why: those that are refused, and what depends on them."""
    stale = dict(refused)
    for node in graph.nodes:
        for source in node.inputs:
            if source in stale:
                stale.setdefault(node, stale[source])
    return stale


def _samples(graph: Graph, run: BackwardPass) -> tuple[int, str]:
    """Return how many samples there are, and why none can be told from the others, or nothing."""
    counts = {run.values[node].shape[0] for node in graph.inputs if node.shape[:1] == (None,)}
    if len(counts) == 1:
        return counts.pop(), ""
    return 0, "the inputs have different numbers of samples" if counts else "no input has samples"


def _of_size(graph: Graph, run: BackwardPass, samples: int) -> _Kinds:
    """Return shapes and dtypes of a pass of so many samples."""
    sizes = {x: run.values[x].shape for x in graph.inputs}
    sizes |= {x: (samples, *size[1:]) for x, size in sizes.items() if x.shape[:1] == (None,)}
    sized = with_sizes(graph, sizes)
    return {node: (known(one.shape, "a page"), run.values[node].dtype) for node, one in sized.items()}


def _maps(
    graph: Graph, run: BackwardPass, rules: _Rules, id_of: Mapping[Node, str], nodes: Mapping[str, Any]
) -> dict[str, Any] | None:
    """Return of which nodes the page draws maps over the plane of an input of two numbers: what feeds weights, or the loss.

    Their forward rules, at as many points as a map has, are added to what `nodes` tells.
    """
    planes = [x for x in graph.inputs if x.shape == (None, 2) and x.dtype.kind == "f"]
    if len(planes) != 1:
        return None
    others = depending_on(graph, [x for x in graph.inputs if x is not planes[0]])
    on_plane = depending_on(graph, planes) - others
    alone = [node for node in graph.nodes if node in on_plane]

    def feeds(node: Node) -> bool:
        uses = graph.consumers(node)
        return not uses or any(use.consumer in others or isinstance(use.consumer.op, ops.Matmul) for use in uses)

    shown = [node for node in alone if len(node.shape) == 2 and run.values[node].shape[1] <= 16 and feeds(node)]
    try:
        programs = rules.of_all(_of_size(graph, run, POINTS**2), alone)
    except GraphnetError:
        return None
    if not shown or any(programs[node][0] is None for node in alone):
        return None
    for node in alone:
        nodes[id_of[node]]["forward"].append(programs[node][0])
    return {"input": id_of[planes[0]], "points": POINTS, "nodes": [id_of[node] for node in shown]}


class _Rules:
    """The rules of a graph's nodes as programs, equal ones as one.

    Attributes
    ----------
    programs
        Steps, each a primitive, the places of its operands, the shape of its result, the kind of its numbers and its settings;
        and the places of the results. The arguments of the rule have the first places.
    refused
        The nodes whose rules can't be run, and why.
    """

    def __init__(self, graph: Graph, run: BackwardPass) -> None:
        self.graph, self.run = graph, run
        reals = (value.dtype for value in run.values.values() if value.dtype.kind == "f")
        self.dtype = next(reals, np.dtype(np.float64))
        self.programs: list[dict[str, Any]] = []
        self.refused: dict[Node, str] = {}
        self._places: dict[Any, int] = {}

    def of_all(self, kinds: _Kinds, forward: Collection[Node] = ()) -> dict[Node, list[int | None]]:
        """Return for each node the programs of its forward and backward rules, at these shapes and dtypes.

        If some nodes are given, theirs alone, of their forward rules.
        """
        rules = (self._forward,) if forward else (self._forward, self._backward)
        return {node: [self._tried(node, rule, kinds) for rule in rules] for node in forward or self.graph.nodes}

    def _tried(self, node: Node, build: Callable[[Node, _Kinds], int | None], kinds: _Kinds) -> int | None:
        try:
            with inside(""), np.errstate(all="ignore"):
                return build(node, kinds)
        except GraphnetError as error:
            what = f"{self.graph.label(node)!r} ({node.kind})" if node.op else repr(self.graph.label(node))
            rule = f"the {build.__name__.strip('_')} rule of " * (node.op is not None)
            self.refused.setdefault(node, f"{rule}{what}: {error.problem}")
            return None

    def _forward(self, node: Node, kinds: _Kinds) -> int | None:
        if node.op is None:
            _encoded(self.run.values[node])  # can it be?
            return None
        stand_ins = [_stand_in(*kinds[source]) for source in node.inputs]
        return self._program(stand_ins, [Node(node.op, tuple(stand_ins), *kinds[node])])

    def _backward(self, node: Node, kinds: _Kinds) -> int | None:
        if node.op is None or node not in self.run.error_signals:
            return None
        arguments = [(kinds[node][0], self.dtype), kinds[node], *(kinds[source] for source in node.inputs)]
        stand_ins = [_stand_in(*each) for each in arguments]
        messages = message_nodes(self.graph, node, stand_ins[0], stand_ins[1], stand_ins[2:])
        sent = zip(node.inputs, messages, strict=True)
        goes_on = [None if to.dtype.kind != "f" or isinstance(to, Constant) else message for to, message in sent]
        return self._program(stand_ins, goes_on)

    def _program(self, arguments: Sequence[Node], results: Sequence[Node | None]) -> int:
        """Return the place of the program that computes `results`, which is made if there is none like it."""
        lowered = iter(lower([result for result in results if result is not None], self.dtype))
        ends = [None if result is None else next(lowered) for result in results]
        place = {node: i for i, node in enumerate(arguments)}
        steps: list[list[Any]] = []
        for node in topological_order([end for end in ends if end is not None], set(arguments)):
            place[node] = len(arguments) + len(steps)
            steps.append(_step(node, [place[source] for source in node.inputs]))
        program = {"steps": steps, "results": [None if end is None else place[end] for end in ends]}
        key = json.dumps(program)
        if key not in self._places:
            self._places[key] = len(self.programs)
            self.programs.append(program)
        return self._places[key]


def _stand_in(shape: tuple[int, ...], dtype: np.dtype[Any]) -> Node:
    """Return a node in the place of an array; what the graph accepted is not asked again: a 1 may stretch."""
    return Input(None, (), tuple([WANTED if size == 1 else size for size in shape]), dtype)


def _step(node: Node, operands: list[int]) -> list[Any]:
    if isinstance(node, Constant):
        return ["constant", [], [], "f", _encoded(node.value)]
    op = node.op
    if None in node.shape:
        raise OpaqueError("the shape of its value depends on numbers")
    if not isinstance(op, Primitive) or (OPS.get(op.name) is not type(op) and not isinstance(op, SumOfSquares)):
        raise OpaqueError("it can't be read as a graph of NumPy's functions")
    name, settings = _call(node)
    step: list[Any] = [name, operands, node.shape]
    if settings or node.dtype.kind != "f":
        step.append(node.dtype.kind)
    return [*step, settings] if settings else step


def _call(node: Node) -> tuple[str, dict[str, Any]]:
    """Return the name of a primitive of the page, and its settings: axes counted from the first, strides where they say all."""
    op, first = node.op, _bytes(node.inputs[0].shape)
    match op:
        case _ if isinstance(op, _VIEWS):
            return "view", _strides(view_of(node, first), first)
        case ops.Scatter():
            base, part = np.empty(known(op.to, "a page"), np.int8), ops.Getitem(op.index)
            return "scatter", _strides(view_of(Node(part, (), (), base.dtype), base), base)
        case ops.Sum() | ops.Mean() | ops.Max():
            kept = [1 if i in normal_axes(op.axis, first.ndim) else size for i, size in enumerate(first.shape)]
            return op.name, {"strides": np.broadcast_to(_bytes(kept), first.shape).strides}
        case ops.Einsum():
            terms, result = op.subscripts.split("->")
            walked = [(result, node.shape), *zip(terms.split(","), [each.shape for each in node.inputs], strict=True)]
            sizes = {letter: size for term, shape in walked for letter, size in zip(term, shape, strict=True)}
            steps = [dict(zip(term, _bytes(shape).strides, strict=True)) for term, shape in walked]
            strides = [[one.get(letter, 0) for letter in sizes] for one in steps]
            return op.name, {"sizes": list(sizes.values()), "strides": strides}
        case ops.Erf() | ops.NormalCdf():
            return op.name, {"near": NEAR, "tail": TAIL, "farthest": FARTHEST}
        case ops.Roll():
            shape, axes = (first.shape, op.axis) if op.axis else ((first.size,), (0,))
            shift = op.shift if len(op.shift) == len(axes) else (sum(op.shift),) * len(axes)
            return op.name, {"shape": shape, "shift": shift, "axis": [axis % len(shape) for axis in axes]}
        case ops.Take():
            op = ops.Pick((op.axis,), (op.axis,) * op.from_end)
        case ops.ScatterAdd():
            op = ops.PickAdd(op.to, (op.axis,))
    assert op is not None
    settings = {name: _plain(value) for name, value in op.settings.items() if name != "to"}
    ndim = len(getattr(op, "to", None) or first.shape)
    if "axis" in settings:
        settings["axis"] %= ndim
    if isinstance(op, ops.AddAlongAxis):
        settings["from_end"] = True
    if isinstance(op, (ops.Pick, ops.PickAdd)):
        from_end = op.from_end if isinstance(op, ops.Pick) else op.axes
        settings = {"axes": [i % ndim for i in op.axes], "from_end": [i % ndim for i in from_end]}
    return op.name, settings


def _bytes(shape: Sequence[Any]) -> Numbers:
    """Return an array of single bytes: its strides are those of any array, in entries."""
    return np.empty(known(tuple(shape), "a page"), np.int8)


def _strides(view: Numbers, base: Numbers) -> dict[str, Any]:
    """Return how to walk through an array of single bytes to see a view of it."""
    first, start = (array.__array_interface__["data"][0] for array in (view, base))
    return {"strides": view.strides, "offset": first - start if view.size else 0}


def _plain(value: Any) -> Any:
    """Return a setting as JSON can hold it: infinities and NaN as the words that JavaScript reads."""
    return value if not isinstance(value, float) or math.isfinite(value) else str(value).replace("inf", "Infinity")


def _encoded(array: Numbers) -> dict[str, Any]:
    """Return an array as text, every bit of it."""
    kind = {"f": f"f{array.dtype.itemsize}", "b": "b1"}.get(array.dtype.kind, "i4")
    if kind == "i4" and array.size and max(-int(array.min()), int(array.max())) >= 2**31:
        raise OpaqueError("whole numbers of more than 32 bits")
    data = base64.b64encode(array.astype(f"<{kind}" if kind != "b1" else "?").tobytes()).decode()
    return {"shape": array.shape, "kind": kind, "data": data}
