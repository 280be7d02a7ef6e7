"""Right rules at hard places: what the check says of them must never be 'wrong'."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Any

import numpy as np

import graphnet as gn
from tests.fuzz.compare import build, not_comparable
from tests.fuzz.grow import random_program

Array = np.ndarray[Any, Any]
O = gn.ops  # noqa: E741

ONE_INPUT = [
    *(
        O.Identity(),
        O.Sigmoid(),
        O.Tanh(),
        O.Relu(),
        O.LeakyRelu(0.1),
        O.Softplus(),
        O.Polynomial((1.0, -2.0, 0.5, 0.1)),
    ),
    *(
        O.Square(),
        O.Abs(),
        O.Negative(),
        O.Sin(),
        O.Cos(),
        O.Softmax(),
        O.LogSoftmax(),
        O.Softmax(0),
        O.Sum(),
        O.Sum(0),
    ),
    *(O.Mean(), O.Mean(1), O.Max(), O.Max(1), O.Transpose(), O.Reshape((-1,))),
]
POSITIVE = [O.Log(), O.Sqrt(), O.Reciprocal(), O.Log1p()]
TWO_INPUTS = [O.Add(), O.Subtract(), O.Multiply(), O.Maximum(), O.Minimum()]
LOSSES = [O.SSE(), O.MSE(), O.BinaryCrossEntropy(), O.CrossEntropy()]


def hard_array(rng: np.random.Generator, *shape: int) -> Array:
    """Return numbers of one of many kinds: saturating, tied, zero, tiny, huge, mixed."""
    normal = rng.normal(size=shape)
    kinds = [
        lambda: normal,
        lambda: 10.0 ** rng.uniform(-6, 6) * normal,
        lambda: 10.0 ** rng.uniform(-6, 6, shape) * np.sign(normal),
        lambda: rng.integers(-2, 3, shape).astype(float),
        lambda: np.where(rng.random(shape) < 0.5, 0.0, normal),
        lambda: rng.choice([-700.0, -40.0, -20.0, 20.0, 36.0, 40.0, 700.0], shape),
        lambda: rng.uniform(10, 40, shape) * np.sign(normal),
        lambda: np.full(shape, float(normal.flat[0])),
        lambda: normal.astype(np.float32).astype(float),
        lambda: 1e-6 * np.round(normal, 1),
    ]
    return np.asarray(kinds[rng.integers(len(kinds))]())


def hard_case(seed: int) -> gn.Report:
    """Check one right rule at hard places."""
    rng = np.random.default_rng(seed)
    n, k = int(rng.choice([1, 2, 5])), int(rng.choice([1, 3, 4]))
    ops = [*ONE_INPUT, *POSITIVE, *TWO_INPUTS, *LOSSES, O.Matmul(), O.BiasAdd(), O.Divide()]
    op = ops[rng.integers(len(ops))]
    x = hard_array(rng, n, k)
    arguments = [x]
    if op in POSITIVE:
        arguments = [np.abs(x) + 10.0 ** rng.uniform(-8, 0)]
    elif op in TWO_INPUTS:
        shape = [(n, k), (k,), (n, 1), ()][rng.integers(4)]
        arguments = [x, x.copy() if rng.random() < 0.2 else hard_array(rng, *shape)]
    elif op.name == "divide":
        y = hard_array(rng, n, k)
        arguments = [x, np.where(y < 0, -1, 1) * (np.abs(y) + 10.0 ** rng.uniform(-4, 0))]
    elif op.name == "matmul":
        arguments = [x, hard_array(rng, k, 3)]
    elif op.name == "bias_add":
        arguments = [x, hard_array(rng, k)]
    elif op in LOSSES:
        arguments = [x, hard_array(rng, n, k) if op.name in ("sse", "mse") else rng.random((n, k))]
    return gn.check_op(op, *arguments, rng=rng)


def random_case(seed: int) -> gn.Report | None:
    """Check a random network from end to end, every twentieth with float32 parameters; None if its numbers overflow."""
    program = random_program(seed)
    network = build(program, open_batch=seed % 2 == 0, dtype=np.float32 if seed % 20 == 7 else np.float64)
    bwd = gn.backward(network.output, network.feeds, delta=program.delta)
    if not_comparable(bwd):
        return None
    reached = [node for node in (*bwd.graph.parameters, *bwd.graph.inputs) if node in bwd.error_signals]
    return gn.check_gradients(network.output, network.feeds, wrt=reached, rng=np.random.default_rng(seed))


def survey(seeds: Iterable[int]) -> tuple[Counter[str], list[str]]:
    """Check a hard case, and every fifth time a network, for each seed; return the verdicts and the false alarms."""
    counts: Counter[str] = Counter()
    alarms: list[str] = []
    for seed in seeds:
        for what, report in (("hard", hard_case(seed)), ("random", random_case(seed) if seed % 5 == 0 else None)):
            if report is None:
                continue
            counts += Counter(finding.verdict for finding in report.findings)
            counts["properties that hold"] += sum(item.holds for item in report.properties)
            if report.failures or report.broken or report.skipped:
                counts["false alarms"] += 1
                alarms.append(f"{what} {seed}: {report.skipped or report.verdict}")
    return counts, alarms
