"""Random graphs of scalars with odd numbers in them, and what the machine is held to: the ops' own rules, node after node.

A node is used twice at most, so that the order in which its messages are added makes no difference, and every bit is told.
"""

from __future__ import annotations

from typing import Any

import numpy as np

import graphnet as gn
from graphnet.core.op import positional_parameters
from graphnet.core.registry import OPS
from graphnet.engine.plan.scalars import Stamping, Untranslatable, template_of
from graphnet.ops.comparisons import Truth
from graphnet.ops.elementwise import Elementwise

SETTINGS: dict[str, tuple[Any, ...]] = {"leaky_relu": (0.25,), "polynomial": ((0.5, -0.0, -2.0, 0.3),)}

ODD = [
    0.0,
    -0.0,
    1.0,
    -1.0,
    2.0,
    -2.0,
    0.75,
    np.inf,
    -np.inf,
    np.nan,
    1e-310,
    -1e-40,
    1e30,
    -1e200,
    1e300,
    88.8,
    -745.0,
    710.0,
]
"""Zeros of both signs, ties, infinities, what is no number, too small or too large for float32, and for exp.

Not ½: of a single exponent ½ NumPy takes the root and of a vector of them the power, which differ at −0 and −∞.
"""


@gn.op
def choosy(x, y):
    """Everything that a rule can choose by."""
    inside = (x > -1) & (x < 2) | ~(y >= x) & (y <= 3)
    return np.where(
        inside, np.minimum(np.maximum(x, -0.5), y), np.where(x == y, x * 1.0, np.where(x != -y, np.sign(x) - y, -x))
    )


@choosy.backward
def choosy_rule(delta, a, x, y):
    dx = np.where((x > y) | (x == 0), delta, delta * 0.5 * (y > 0))
    return dx, np.minimum(delta, dx) - np.maximum(x * delta, 0)


@gn.op
def one_sided(x, y):
    return x - np.abs(y)


@one_sided.backward
def one_sided_rule(delta, a, x, y):
    return None, -delta * np.sign(y)


def translatable(op: gn.Op, count: int) -> bool:
    """Tell whether the machine has instructions for all that an op's rules call: those of the others are one call each."""
    try:
        template_of(op, count, np.dtype(float), {}, backward=True)
    except Untranslatable:
        return False
    return True


def elementwise() -> list[tuple[gn.Op, int]]:
    """Return every op that works entry by entry, with its number of operands, two of ones own among them.

    Left out are truth values, and what is no ufunc, or made of one that is none: the machine has no instruction for it.
    """
    others = (Truth, gn.ops.Where, gn.ops.Erf, gn.ops.NormalCdf, gn.ops.Gelu)
    kinds = [kind for kind in OPS.values() if issubclass(kind, Elementwise) and not issubclass(kind, others)]
    made = [kind(*SETTINGS.get(kind.name, ())) for kind in kinds]
    counted = [(op, len(positional_parameters(op.forward)[0])) for op in made]
    counted = [(op, count) for op, count in counted if translatable(op, count)]
    return [*counted, (choosy, 2), (one_sided, 2)]


def random_scalars(seed: int, count: int, dtype: Any, odd: float) -> gn.Node:
    """Return the sum of a random graph of scalars; this share of its leaves are odd numbers."""
    rng = np.random.default_rng(seed)
    every = elementwise()
    with np.errstate(all="ignore"):
        values = [dtype(rng.choice(ODD) if rng.random() < odd else rng.normal()) for _ in range(count // 3)]
    free = [gn.parameter(f"p{number}", value) for number, value in enumerate(values)]
    free += [node for node in free if rng.random() < 0.5]  # each once for every use that it may have
    for _ in range(count):
        op, operands = every[rng.integers(len(every))]
        if operands <= len(free):
            node = op(*[free.pop(rng.integers(max(0, len(free) - 40), len(free))) for _ in range(operands)])
            free += [node, node] if rng.random() < 0.3 else [node]
    ends = list(dict.fromkeys(free))
    while len(ends) > 1:
        ends.append(ends.pop(0) + ends.pop(0))
    return ends[0]


def same_bits(found: Any, expected: Any) -> bool:
    """Tell whether two numbers are of one type and equal to the bit; one that is none equals any other."""
    found, expected = np.asarray(found), np.asarray(expected)
    both_none = bool(np.isnan(found)) and bool(np.isnan(expected))
    return found.dtype == expected.dtype and (both_none or found.tobytes() == expected.tobytes())


def differences(E: gn.Node, dtype: Any, *, by_numpy: bool = False) -> list[str]:
    """Return where the machine differs from the ops' own rules: values and error signals of all nodes."""
    bwd = gn.backward(E, {})
    wrt = [node for node in bwd.graph.nodes if node in bwd.error_signals]
    stamping = Stamping(bwd.graph, wrt, np.dtype(dtype))
    program = stamping.program()
    program.run([])
    machine = program.calls[-1][0].__self__
    if by_numpy:
        machine.values[stamping.first : stamping.size] = 7.0
        machine.run_by_numpy()
    found = []
    for node in bwd.graph.nodes:
        value = stamping.view(machine.values, node)
        if not same_bits(value, bwd[node]):
            operands = [float(bwd[source]) for source in node.inputs]
            found.append(f"{bwd.graph.label(node)} of {operands} is {value!r}, expected {bwd[node]!r}")
    for node in wrt:
        signal = stamping.view(machine.values[stamping.size :], node)
        if not same_bits(signal, bwd.error_signal(node)):
            found.append(
                f"the error signal of {bwd.graph.label(node)} is {signal!r}, expected {bwd.error_signal(node)!r}"
            )
    return found
