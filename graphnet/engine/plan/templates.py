"""The rules of one op on scalars, read as graph once, as instructions of the machine: a template for all nodes of the op."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from itertools import chain
from typing import Any

import numpy as np

from graphnet import ops
from graphnet.core.leaves import Input
from graphnet.core.node import Node
from graphnet.core.op import Op
from graphnet.core.order import topological_order
from graphnet.engine.plan.lowering import lower
from graphnet.engine.rules import messages_of
from graphnet.native.machine import NUMBER
from graphnet.ops.comparisons import Truth
from graphnet.ops.elementwise import ElementwisePrimitive

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
