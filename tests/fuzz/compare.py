"""One program, carried out by graphnet and by the oracle, and everything that must agree."""

from __future__ import annotations

import operator
import warnings
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import reduce
from typing import Any

import autograd
import autograd.numpy as anp
import numpy as np

import graphnet as gn
from graphnet import native
from graphnet.errors import UnreachableError
from tests.fuzz import dialect, oracle
from tests.fuzz.grow import MORE_ROWS, random_program
from tests.fuzz.programs import Leaf, Program, run

TOLERANCE = {np.float64: 1e-12, np.float32: 2e-4}
"""Difference allowed, of the largest error signal. float32 has 1.2e-7 of rounding error in every step, which steep
steps multiply; float64 has 2.2e-16, and the same programs in it leave no doubt about the formulas."""


COMPILED = {np.float64: 1e-12, np.float32: 2e-5}
"""The same between a compiled step and the plain engine, which round in another order."""

SECOND_ORDER = 1e-10
"""The same for Hessians, of the largest entry: their chain of rounding errors is about twice as long and as steep."""


@dataclass(frozen=True)
class Network:
    """A program built with graphnet: its output, and the leaves that error signals are compared at."""

    output: gn.Node
    leaves: list[Any]  # a node, or a bare array
    feeds: dict[gn.Node, Any]
    results: list[Any]


def leaf_values(program: Program, dtype: type = np.float64) -> list[Any]:
    """Return the arrays that the leaves stand for."""
    return [_value(leaf, dtype) for leaf in program.leaves]


def _value(leaf: Leaf, dtype: type) -> Any:
    value = leaf.value[: len(leaf.value) - MORE_ROWS] if leaf.kind == "batch" else leaf.value
    return value.astype(dtype) if isinstance(value, np.ndarray) and value.dtype.kind == "f" else value


def build(program: Program, open_batch: bool, dtype: type = np.float64) -> Network:
    """Build the program; with `open_batch` the inputs leave their batch size to be known when fed."""
    leaves, feeds = [], {}
    for i, (leaf, value) in enumerate(zip(program.leaves, leaf_values(program, dtype), strict=True)):
        if leaf.kind == "parameter":
            node = gn.parameter(f"p{i}", value)
        elif leaf.kind == "constant":
            node = gn.constant(value)
        elif leaf.kind == "bare":
            node = value
        else:
            shape = (None, *value.shape[1:]) if leaf.kind == "batch" and open_batch else value.shape
            node = gn.input(f"x{i}", shape, dtype={"positions": int, "mask": bool}.get(leaf.kind, float))
            feeds[node] = value
        leaves.append(node)
    with warnings.catch_warnings(category=gn.errors.GraphnetWarning, action="ignore"):  # of a sigmoid before its loss
        results = run(program, dialect.DIALECT, leaves, gn.scope)
    fed = set(gn.Graph(results[-1]).inputs)
    return Network(results[-1], leaves, {node: value for node, value in feeds.items() if node in fed}, results)


def oracle_gradients(program: Program, dtype: type = np.float64) -> tuple[Any, list[Any]]:
    """Return the oracle's output and its gradients by every real array among the leaves, None for the others."""
    values = [np.float64(v) if _is_real(v) else v for v in leaf_values(program, dtype)]
    real = [i for i, value in enumerate(values) if _is_real(value)]
    delta = 1.0 if program.delta is None else program.delta
    gradients = gradient_of(lambda arrays: anp.sum(delta * oracle_output(program, values, real, arrays)))
    found: list[Any] = [None] * len(values)
    arrays = [values[i] for i in real]
    for i, gradient in zip(real, gradients(arrays), strict=True):
        found[i] = gradient
    return oracle_output(program, values, real, arrays), found


def gradient_of(function):
    """Return `autograd.grad` of a function, also of one that does not depend on its argument."""

    def gradient(arrays):
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "Output seems independent of input", UserWarning)
            return autograd.grad(function)(arrays)

    return gradient


def oracle_output(program: Program, values: list[Any], real: list[int], arrays: list[Any]) -> Any:
    """Return the oracle's output as a function of the real arrays among the leaves."""
    at = dict(zip(real, arrays, strict=True))
    return run(program, oracle.DIALECT, [at.get(i, value) for i, value in enumerate(values)])[-1]


STEP = 1e-30
"""Of an imaginary step nothing cancels, so that it can be as small as it likes."""


def check_against_complex_step(program: Program, network: Network, bwd: gn.BackwardPass) -> None:
    """Hold the slope along a random direction to the imaginary part of the oracle's formulas at complex numbers.

    Nobody differentiates here: autograd's rules and this framework's have no part in it.
    """
    rng, values = np.random.default_rng(program.seed), leaf_values(program)
    slope, size, moved = 0.0, 0.0, {}
    for i, (leaf, value) in enumerate(zip(network.leaves, values, strict=True)):
        if leaf in bwd.error_signals if isinstance(leaf, gn.Node) else False:
            direction = rng.normal(size=value.shape)
            moved[i] = value + 1j * STEP * direction
            terms = direction * bwd.error_signal(leaf)
            slope, size = slope + float(np.sum(terms)), size + float(np.sum(np.abs(terms)))
    output = oracle_output(
        program, [np.float64(v) if _is_real(v) else v for v in values], list(moved), [*moved.values()]
    )
    delta = 1.0 if program.delta is None else program.delta
    found = np.sum(np.imag(delta * output)) / STEP
    assert abs(found - slope) <= 1e-11 * max(1.0, size, scale(bwd)), (found, slope)


def _is_real(value: Any) -> bool:
    return np.asarray(value).dtype.kind == "f" and isinstance(value, np.ndarray)


def scale(bwd: gn.BackwardPass) -> float:
    """Return what differences are judged against: 1, or the largest error signal."""
    return max([1.0, *(float(np.max(np.abs(s))) for s in bwd.error_signals.values() if s.size)])


def difference(first: Any, second: Any) -> float:
    """Return the largest difference of two arrays of one shape."""
    assert np.shape(first) == np.shape(second), (np.shape(first), np.shape(second))
    return float(np.max(np.abs(np.subtract(first, second)))) if np.size(first) else 0.0


def check_against_oracle(program: Program, network: Network, bwd: gn.BackwardPass, dtype: type) -> None:
    """Hold the value of the output and the error signal of each leaf to what the oracle says."""
    value, expected = oracle_gradients(program, dtype)
    allowed = TOLERANCE[dtype] * scale(bwd)
    assert difference(bwd[network.output], value) <= allowed * max(1.0, float(np.max(np.abs(value), initial=0)))
    free = [*bwd.graph.parameters, *(x for x in bwd.graph.inputs if x.dtype.kind == "f")]
    run_dtype = dtype if free else np.float64  # constants alone are computed in float64
    for leaf, gradient in zip(network.leaves, expected, strict=True):
        if not isinstance(leaf, gn.Node) or gradient is None:
            continue
        if leaf not in bwd.error_signals:  # nothing smooth lies between: the oracle has zeros there
            assert not np.any(gradient), leaf
        else:
            assert bwd.error_signal(leaf).dtype == run_dtype
            assert difference(bwd.error_signal(leaf), gradient) <= allowed, leaf


def check_messages(bwd: gn.BackwardPass) -> None:
    """Hold every error signal to being exactly the sum of its messages, in their order."""
    for node, signal in bwd.error_signals.items():
        messages = [message.delta for message in bwd.messages(node)]
        assert reduce(operator.add, messages).tobytes() == signal.tobytes()


def check_repeats(network: Network, bwd: gn.BackwardPass, delta: Any) -> None:
    """Hold a second backward pass to the bytes of the first."""
    again = gn.backward(network.output, network.feeds, delta=delta)
    assert {n: s.tobytes() for n, s in again.error_signals.items()} == {
        n: s.tobytes() for n, s in bwd.error_signals.items()
    }


def check_compiled(program: Program, network: Network, bwd: gn.BackwardPass, dtype: type) -> None:
    """Hold the compiled step to the numeric backward pass, twice over: its memory is used again."""
    scalar = network.output if program.delta is None else gn.sum(network.output * program.delta)
    wrt = [node for node in (*bwd.graph.parameters, *bwd.graph.inputs) if node in bwd.error_signals]
    step = gn.compile(scalar, wrt)
    expected = bits(step(network.feeds))
    with without_native():
        assert bits(gn.compile(scalar, wrt)(network.feeds)) == expected
    for _ in range(2):
        found = step(network.feeds)
        gradients = found[1] if wrt else {}
        assert gradients.keys() == {bwd.graph.label(node) for node in wrt}
        for node in wrt:
            gradient = gradients[bwd.graph.label(node)]
            assert gradient.dtype == bwd.error_signal(node).dtype
            assert difference(gradient, bwd.error_signal(node)) <= COMPILED[dtype] * scale(bwd), node
    value = gn.compile(network.output, [])(network.feeds)
    assert difference(value, bwd[network.output]) <= COMPILED[dtype] * max(1.0, float(np.max(np.abs(value), initial=0)))


@contextmanager
def without_native() -> Iterator[None]:
    """Compile as on a machine that has no C extension."""
    kept = native.Calls, native.AVAILABLE
    native.Calls, native.AVAILABLE = None, False
    try:
        yield
    finally:
        native.Calls, native.AVAILABLE = kept


def bits(found: Any) -> list[bytes]:
    """Return what a compiled step gave, as bytes."""
    value, gradients = found if isinstance(found, tuple) else (found, {})
    return [np.asarray(array).tobytes() for array in (value, *gradients.values())]


def check_gradient_graph(program: Program, network: Network) -> None:
    """Hold the backward pass as nodes to the numeric one, at every node that has an error signal."""
    bwd = gn.backward(network.output, network.feeds, delta=program.delta)
    wrt = list(bwd.error_signals)
    nodes = gn.gradients(network.output, wrt, delta=program.delta)
    fwd = gn.forward([network.output, *nodes], network.feeds)
    for node, gradient in zip(wrt, nodes, strict=True):
        assert difference(fwd[gradient], bwd.error_signal(node)) <= TOLERANCE[np.float64] * scale(bwd), node


def check(program: Program, dtype: type = np.float64) -> str:
    """Check all that a program's passes promise; return why it was skipped, or nothing."""
    open_batch = program.seed % 2 == 0
    network = build(program, open_batch, dtype)
    bwd = gn.backward(network.output, network.feeds, delta=program.delta)
    if reason := not_comparable(bwd):
        return reason
    check_against_oracle(program, network, bwd, dtype)
    check_messages(bwd)
    check_repeats(network, bwd, program.delta)
    check_compiled(program, network, bwd, dtype)
    if dtype is np.float64:
        check_against_complex_step(program, network, bwd)
        check_gradient_graph(program, network)
    return ""


def not_comparable(bwd: gn.BackwardPass) -> str:
    """Return why a difference would say nothing about a rule, or nothing."""
    if not all(np.isfinite(array).all() for array in [*bwd.values.values(), *bwd.error_signals.values()]):
        return "not finite"
    return "too steep" if scale(bwd) > 1e6 else ""


# Second order -------------------------------------------------------------------------------------------------------


def check_second_order(program: Program) -> None:
    """Hold the Hessian times a direction, as gradients of gradients, to the oracle's."""
    network = build(program, open_batch=False)
    values = leaf_values(program)
    real = [i for i, value in enumerate(values) if _is_real(value)]
    rng = np.random.default_rng(program.seed)
    among = set(gn.Graph(network.output).nodes)
    directions = {
        i: rng.normal(size=values[i].shape) if network.leaves[i] in among else np.zeros(values[i].shape)
        for i in real
        if isinstance(network.leaves[i], gn.Node)
    }
    delta = 1.0 if program.delta is None else program.delta

    def slope(arrays: list[Any]) -> Any:
        """Return ∂E/∂(leaves) along the directions."""
        first = gradient_of(lambda arrays: anp.sum(delta * oracle_output(program, values, real, arrays)))(arrays)
        return sum(anp.sum(directions[i] * g) for i, g in zip(real, first, strict=True) if i in directions)

    expected = dict(zip(real, gradient_of(slope)([values[i] for i in real]), strict=True))
    terms = [
        gn.sum(gradient * directions[i])
        for i in directions
        for gradient in reachable(network.output, network.leaves[i], program.delta)
    ]
    along = reduce(operator.add, terms) if terms else network.output
    largest = max(float(np.max(np.abs(expected[i]), initial=1.0)) for i in real)
    for i in directions:
        found = reachable(along, network.leaves[i]) if terms else []
        value = at(found[0], network) if found else np.zeros_like(values[i])
        assert difference(value, expected[i]) <= SECOND_ORDER * largest, network.leaves[i]


def reachable(output: gn.Node, node: gn.Node, delta: Any = None) -> list[gn.Node]:
    """Return the gradient in a list, or nothing if the output does not depend smoothly on the node."""
    try:
        return gn.gradients(output, [node], delta=delta) if node in gn.Graph(output) else []
    except UnreachableError:
        return []


def at(node: gn.Node, network: Network) -> Any:
    """Return the value of a node at the program's own leaf values."""
    graph = gn.Graph(node)
    return gn.forward(graph, {x: value for x, value in network.feeds.items() if x in graph})[node]


# Many ---------------------------------------------------------------------------------------------------------------


def survey(seeds: Iterable[int]) -> Counter[str]:
    """Check the program of every seed; return how many were checked, and how many were skipped for each reason."""
    counts: Counter[str] = Counter()
    for seed in seeds:
        dtype = np.float32 if seed % 20 == 7 else np.float64
        try:
            program = random_program(seed)
            reason = check(program, dtype)
            if seed % 10 == 3 and program.smooth:
                check_second_order(program)
                counts["second order"] += 1
        except Exception as error:
            error.add_note(f"Seed {seed}: python tools/fuzz.py --seed {seed} --count 1")
            raise
        counts[f"skipped: {reason}" if reason else dtype.__name__] += 1
    return counts


def skipped(counts: Counter[str]) -> int:
    """Return how many were skipped, for whatever reason."""
    return sum(count for reason, count in counts.items() if reason.startswith("skipped"))
