"""Graphs of scalar nodes, as the program of a machine that computes them in one array (`graphnet.native.machine`).

A graph built one number at a time, as in micrograd, has many nodes and almost no work in each. The rules of an op are read once
(`template_of`) and stamped for each of its nodes: an instruction for each primitive, forward and backward, which reads and
writes places of the array. Instructions are sorted by depth, what the backward rules need besides the error signals after the
deepest, and so that those of one primitive are one run.

The array holds the values, first of the leaves, then depth after depth; the error signals in the same order; constants; and
what the rules compute on their way. A leaf may be an array that is read entry by entry: an entry has its place in the leaf.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, groupby, repeat
from typing import Any

import numpy as np

from graphnet import ops
from graphnet.core.graph import Graph
from graphnet.core.leaves import Constant, Input, Parameter
from graphnet.core.node import Node, Numbers
from graphnet.core.op import Op
from graphnet.core.order import topological_order
from graphnet.core.shapes import known
from graphnet.engine.plan.build import require_memory
from graphnet.engine.plan.program import Call, Program
from graphnet.engine.rewrite import lower
from graphnet.engine.rules import messages_of
from graphnet.native.machine import NUMBER, PRIMITIVES, Machine
from graphnet.ops.comparisons import Truth
from graphnet.ops.elementwise import ElementwisePrimitive

FEWEST_SCALARS = 256
"""From how many nodes on it pays."""


def is_entry(node: Node) -> bool:
    """Tell whether a node is one entry of a leaf of known sizes."""
    if not isinstance(node.op, ops.Getitem) or node.shape != ():
        return False
    (source,) = node.inputs
    return source.op is None and None not in source.shape


def is_scalar_graph(graph: Graph) -> bool:
    """Tell whether a graph is one of many scalar nodes; its leaves may be arrays that are read entry by entry."""
    if len(graph) < FEWEST_SCALARS or any(dtype.kind != "f" for dtype in {node.dtype for node in graph.nodes}):
        return False
    arrays = {node for node in graph.nodes if node.shape}
    if any(node.op is not None for node in arrays):
        return False
    return not arrays or all(is_entry(node) for node in graph.nodes if not arrays.isdisjoint(node.inputs))


def build_scalars(graph: Graph, wrt: Sequence[Node], dtype: np.dtype[Any]) -> Program | None:
    """Build the program of a graph of scalars and its gradients; the parameters are those of `build`.

    Returns
    -------
    Program or None
        None if a rule is more than the machine's primitives, or gradients of an entry of a leaf are asked for.

    Raises
    ------
    PlanError
        If it would need more memory than the machine has; nothing was allocated then.
    """
    if any(map(is_entry, wrt)):
        return None  # an entry's place holds what all its readers send back, through this node or another
    try:
        return Stamping(graph, wrt, dtype).program()
    except Untranslatable:
        return None


# The rules of one op, read as graph once: a template for all of its nodes ----------------------------------------------

FORWARD, SLOPES, BACKWARD = range(3)
"""When an instruction runs: at its node's depth, after the deepest, or at its depth on the way back."""


@dataclass(frozen=True)
class Instruction:
    """One instruction of a template.

    Attributes
    ----------
    phase, stage
        When it runs; in a phase, those of one stage need nothing of each other.
    primitive
        Its number.
    result
        The node whose value it computes, or the number of the input whose error signal it adds to.
    operands
        What it reads.
    """

    phase: int
    stage: int
    primitive: int
    result: Node | int
    operands: tuple[Node, ...]


@dataclass(frozen=True)
class Template:
    """The rules of one op on scalars.

    Attributes
    ----------
    inputs, delta, output
        The nodes that stand for what the rules are given, and the one whose value is the output.
    instructions
        In the order in which they can run.
    sends
        For each input whether it is sent a message.
    """

    inputs: tuple[Node, ...]
    delta: Node
    output: Node
    instructions: list[Instruction]
    sends: tuple[bool, ...]


class Untranslatable(Exception):
    """A rule is more than primitives of the machine."""


def template_of(op: Op, count: int, dtype: np.dtype[Any], ufuncs: dict[np.ufunc, int], *, backward: bool) -> Template:
    """Read the rules of an op of `count` inputs; `ufuncs` takes down what the machine's own primitives are not enough for."""
    inputs, delta = tuple([_scalar() for _ in range(count)]), _scalar()
    node = Node(op, inputs, (), np.dtype(float))
    messages: list[Any] = [None] * count
    if backward:
        try:
            messages = messages_of(op, op.backward(delta, node, *inputs), count)
        except Exception as error:  # of any kind: there is no rule, or it asks of a node what only an array can do
            raise Untranslatable from error
        if not all(
            message is None or (isinstance(message, Node) and message.dtype.kind == "f") for message in messages
        ):
            raise Untranslatable
    output, *lowered = lower([node, *[message for message in messages if message is not None]], dtype)
    sent = iter(lowered)
    by_slot = {slot: next(sent) for slot, message in enumerate(messages) if message is not None}
    forward, order = set(topological_order([output])), topological_order([output, *lowered])
    uses = Counter(chain(lowered, *[each.inputs for each in order]))
    fused = {m for m in lowered if isinstance(m.op, ops.Multiply) and uses[m] == 1 and m is not output}
    when: dict[Node, tuple[int, int]] = {delta: (BACKWARD, 0)}
    instructions = []
    for each in order:
        if each.shape or each.dtype.kind not in "fb" or not isinstance(each.op, ElementwisePrimitive | None):
            raise Untranslatable
        if each.op is not None:
            phase, stage = max(when.get(source, (FORWARD, 0)) for source in each.inputs)
            when[each] = max((phase, stage + 1), (FORWARD if each in forward else SLOPES, 1))
            if each not in fused:
                instructions.append(Instruction(*when[each], _primitive(each, dtype, ufuncs), each, each.inputs))
    if output.op is None:
        made = _scalar()
        instructions.append(Instruction(FORWARD, 1, NUMBER["copy"], made, (output,)))
        output = made
    for slot, message in by_slot.items():
        primitive, operands = ("accumulate_product", message.inputs) if message in fused else ("accumulate", (message,))
        instructions.append(Instruction(BACKWARD, 0, NUMBER[primitive], slot, operands))
    return Template(inputs, delta, output, instructions, tuple(slot in by_slot for slot in range(count)))


def _primitive(node: Node, dtype: np.dtype[Any], ufuncs: dict[np.ufunc, int]) -> int:
    """Return the number of the primitive that is a lowered node's op."""
    if isinstance(node.op, ops.Where):
        return NUMBER["where"]
    ufunc = getattr(node.op, "ufunc", None)
    truths_alone = not isinstance(node.op, Truth) and all(source.dtype.kind == "b" for source in node.inputs)
    if not isinstance(ufunc, np.ufunc) or truths_alone:  # True + True is True
        raise Untranslatable
    if ufunc.__name__ in NUMBER:
        return NUMBER[ufunc.__name__]
    if f"{dtype.char * ufunc.nin}->{dtype.char}" not in ufunc.types:
        raise Untranslatable
    return ufuncs.setdefault(ufunc, len(NUMBER) + len(ufuncs))


def _scalar() -> Node:
    return Input(None, (), (), np.dtype(float))


# All nodes -----------------------------------------------------------------------------------------------------------


class Stamping:
    """The places of a graph's nodes, and the instructions that compute what lies there."""

    def __init__(self, graph: Graph, wrt: Sequence[Node], dtype: np.dtype[Any]) -> None:
        self.graph, self.wrt, self.dtype = graph, wrt, dtype
        leaves: list[Node] = [*graph.inputs, *graph.parameters, *graph.constants]
        nodes = [node for node in graph.nodes if node.op is not None]
        self.leaves = list(dict.fromkeys([*(node for node in wrt if node.op is None), *leaves]))
        self.number: dict[Node, int] = {}  # of leaves: their first place
        self.first = 0
        for leaf in self.leaves:
            self.number[leaf] = self.first
            self.first += leaf.size
        if any(leaf.shape for leaf in leaves):
            self.number.update(self._entries())
            nodes = [node for node in nodes if node not in self.number]
        self.size = self.first + len(nodes)
        self.number.update(zip(nodes, range(self.first, self.size), strict=True))
        sources = [node.inputs for node in nodes]
        self.counts = list(map(len, sources))
        self.starts = np.cumsum([0, *self.counts])
        self.sources = np.fromiter(
            map(self.number.__getitem__, chain.from_iterable(sources)), np.int32, self.starts[-1]
        )
        self._sort(nodes)
        self.constants: dict[bytes, int] = {}
        self.end = 2 * self.size
        self.rows: list[list[Numbers]] = []
        edges, place = len(self.sources), np.dtype(np.int32).itemsize
        require_memory((3 * self.size + edges) * dtype.itemsize + 8 * (self.size + edges) * place)

    def _entries(self) -> Iterator[tuple[Node, int]]:
        """Yield the place of each entry of a leaf that is read."""
        of_leaf: dict[Node, Numbers] = {}
        for node in filter(is_entry, self.graph.nodes):
            (leaf,) = node.inputs
            if leaf not in of_leaf:
                of_leaf[leaf] = self.number[leaf] + np.arange(leaf.size).reshape(known(leaf.shape, "a leaf"))
            assert node.op is not None
            yield node, int(node.op.forward(of_leaf[leaf]))

    def _sort(self, nodes: list[Node]) -> None:
        """Find out which nodes are alike, and give each its place: by depth, and alike ones side by side."""
        applied = [node.op for node in nodes]
        self.kinds: dict[tuple[Any, int], int] = {}
        keys = list(zip(map(id, applied), self.counts, strict=True))
        kind_of = {
            key: self.kinds.setdefault((op, key[1]), len(self.kinds))
            for key, op in dict(zip(keys, applied, strict=True)).items()
        }
        self.kind = np.fromiter(map(kind_of.__getitem__, keys), np.int32, len(nodes))
        self.depth = np.array(self._depths())
        self.order = np.lexsort((self.kind, self.depth[self.first :]))
        self.place = np.arange(self.size, dtype=np.int32)
        self.place[self.first + self.order] = np.arange(self.first, self.size)

    def _depths(self) -> list[int]:
        """Return the depth of each node: 0 of a leaf, one more than that of their deepest operand of others."""
        depths, sources = [0] * self.first, iter(self.sources.tolist())
        for count in self.counts:
            deepest = depths[next(sources)]
            for _ in repeat(None, count - 1):
                other = depths[next(sources)]
                if other > deepest:  # max() takes twice as long
                    deepest = other
            depths.append(deepest + 1)
        return depths

    def _reached(self, templates: Sequence[Template]) -> Numbers:
        """Tell of each node whether an error signal reaches it."""
        reached = np.zeros(self.size, bool)
        if all(all(template.sends) for template in templates):
            reached[self.sources], reached[-1] = True, True
            return reached
        reached[-1] = True  # E, the last node
        sent, sources, starts = reached.tolist(), self.sources.tolist(), self.starts.tolist()
        for node, kind in zip(reversed(range(len(starts) - 1)), reversed(self.kind.tolist()), strict=True):
            if sent[self.first + node]:
                for source, sends in zip(sources[starts[node] : starts[node + 1]], templates[kind].sends, strict=True):
                    sent[source] = sent[source] or sends
        return np.array(sent)

    def program(self) -> Program:
        """Return the program."""
        ufuncs: dict[np.ufunc, int] = {}
        templates = [template_of(op, count, self.dtype, ufuncs, backward=bool(self.wrt)) for op, count in self.kinds]
        self.deepest = int(self.depth.max())
        self.stages = 2 + max(each.stage for template in templates for each in template.instructions)
        self.primitives = len(NUMBER) + len(ufuncs)
        self.reached = self._reached(templates)
        self.needed = np.arange(self.size) >= self.first  # whose error signal: all but some leaves
        for node in self.wrt:
            self.needed[self.number[node] :][: node.size] = True
        found = [node for node in self.wrt if self.reached[self.number[node] :][: node.size].any()]
        if self.wrt:
            self._stamp_start(found)
        for kind, template in enumerate(templates):
            self._stamp(template, self.order[self.kind[self.order] == kind])
        code = self._code(np.array([1 + operands for operands, _ in PRIMITIVES.values()] + [1 + u.nin for u in ufuncs]))
        values = np.empty(self.end, self.dtype)
        for value, place in self.constants.items():
            values[place] = np.frombuffer(value, self.dtype)[0]
        machine = Machine(code, values, tuple(ufuncs))
        signals = values[self.size :]
        return Program(
            [*self._leaf_calls(values), (machine.run, ())],
            [self.view(values, node) for node in self.graph.inputs],
            [self.view(values, self.graph.outputs[0])],
            {self.graph.label(node): self.view(signals, node) for node in found},
            machine,
            values.nbytes + code.nbytes,
            [("scalars by depth", f"{len(self.graph):,} nodes in {self.deepest:,} depths; {machine}")],
        )

    def _leaf_calls(self, values: Numbers) -> list[Call]:
        """Put the constants in their places; return the calls that do so with the parameters, those of one shape together."""
        calls: list[Call] = []
        for (kind, shape), group in groupby(self.leaves, lambda leaf: (type(leaf), leaf.shape)):
            leaves = [leaf for leaf in group if isinstance(leaf, (Constant, Parameter))]
            if leaves:
                place = values[self.number[leaves[0]] :][: len(leaves) * leaves[0].size].reshape(len(leaves), *shape)
                call = (place.__setitem__, (..., [leaf.value for leaf in leaves]))
                if kind is Constant:
                    call[0](*call[1])
                else:
                    calls.append(call)
        return calls

    def view(self, values: Numbers, node: Node) -> Numbers:
        """Return where the value of a node lies among `values`, or its error signal among these."""
        return values[self.place[self.number[node]] :][: node.size].reshape(known(node.shape, "a graph of scalars"))

    def _stamp_start(self, found: Sequence[Node]) -> None:
        """Emit what the way back begins with: ∂E/∂E = 1; all else is clear, and 0 where nothing is sent to an entry."""
        none = [self.number[node] + np.flatnonzero(~self.reached[self.number[node] :][: node.size]) for node in found]
        last = 2 * self.size - 1
        self._emit(self.deepest + 2, 0, NUMBER["clear"], [np.array([self.size]), last])
        self._emit(self.deepest + 3, 0, NUMBER["copy"], [np.array([last]), self._constant(1.0)])
        self._emit(self.deepest + 3, 0, NUMBER["copy"], [self.size + np.concatenate(none), self._constant(0.0)])

    def _stamp(self, template: Template, members: Numbers) -> None:
        """Emit the instructions of all nodes of one kind, given in the order of their places."""
        sources = [self.sources[self.starts[members] + slot] for slot in range(len(template.inputs))]
        nodes = self.first + members
        places: dict[Node, Numbers | int] = {
            node: self.place[each] for node, each in zip(template.inputs, sources, strict=True)
        }
        places[template.output] = self.place[nodes]
        uses = Counter(chain.from_iterable(each.operands for each in template.instructions))
        narrowed, scratch = False, set[Node]()
        for each in sorted(template.instructions, key=lambda each: each.phase):
            if each.phase != FORWARD and not narrowed:
                chosen, narrowed = self.reached[nodes], True
                nodes, sources = nodes[chosen], [source[chosen] for source in sources]
                places = {node: place if isinstance(place, int) else place[chosen] for node, place in places.items()}
                places[template.delta] = self.size + self.place[nodes]
            operands = [places[node] if node in places else self._constant(node) for node in each.operands]
            depth = self.depth[nodes]
            when = (depth, self.deepest + 1, 2 * self.deepest + 4 - depth)[each.phase]
            if isinstance(each.result, int):
                sent = self.needed[sources[each.result]]
                into = self.size + self.place[sources[each.result][sent]]
                operands = [place if isinstance(place, int) else place[sent] for place in operands]
                self._emit(
                    when if isinstance(when, int) else when[sent], self.stages - 1, each.primitive, [into, *operands]
                )
                continue
            if each.result not in places:
                spare = [node for node in each.operands if node in scratch and uses[node] == 1]
                places[each.result] = places[spare[0]] if spare else self._scratch(len(nodes))
                scratch.add(each.result)
            self._emit(when, each.stage, each.primitive, [places[each.result], *operands])

    def _scratch(self, count: int) -> Numbers:
        """Return new places."""
        self.end += count
        if self.end > np.iinfo(np.int32).max:
            raise Untranslatable
        return np.arange(self.end - count, self.end, dtype=np.int32)

    def _constant(self, value: float | Node) -> int:
        """Return the place of a constant."""
        array = np.asarray(value.value if isinstance(value, Constant) else value, self.dtype)
        if array.tobytes() not in self.constants:
            self.constants[array.tobytes()] = int(self._scratch(1)[0])
        return self.constants[array.tobytes()]

    def _emit(self, when: Numbers | int, stage: int, primitive: int, columns: Sequence[Any]) -> None:
        """Take down instructions: where results and operands lie, and the key to sort them by."""
        count = len(columns[0])
        key = (np.asarray(when, np.int64) * self.stages + stage) * self.primitives + primitive
        self.rows.append([np.broadcast_to(each, count) for each in (key, *columns, *[0] * (4 - len(columns)))])

    def _code(self, widths: Numbers) -> Numbers:
        """Return all instructions in their order, run after run."""
        key, *columns = map(np.concatenate, zip(*self.rows, strict=True))
        order = np.argsort(key, kind="stable")
        key = key[order]
        begins = np.diff(key, prepend=-1) != 0
        runs, primitive = np.flatnonzero(begins), key % self.primitives
        width = widths[primitive]
        start = np.cumsum(width) - width + 2 * np.cumsum(begins)
        code = np.empty(start[-1] + width[-1], np.int32)
        code[start[runs] - 2], code[start[runs] - 1] = primitive[runs], np.diff(runs, append=len(key))
        for number, column in enumerate(columns):
            has = np.flatnonzero(width > number)
            code[start[has] + number] = column[order[has]]
        return code
