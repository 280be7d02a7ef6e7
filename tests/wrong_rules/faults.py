"""Wrong backward rules: every kind of fault that the diagnosis knows, and some that it does not, over ops of every family."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

import graphnet as gn

Array = Any
Rng = np.random.Generator
Change = Callable[..., Array]


@dataclass(frozen=True)
class Base:
    """A right op, and arguments for it of random shapes."""

    family: str
    op: Any
    arguments: Callable[[Rng], list[Array]]

    def messages(self, delta: Array, a: Array, x: Sequence[Array]) -> list[Array]:
        returned = self.op.backward(delta, a, *x)
        return list(returned) if isinstance(returned, (tuple, list)) else [returned]


@dataclass(frozen=True)
class WrongRule:
    """A base op with a wrong rule.

    Attributes
    ----------
    name
        What was done to it.
    base
        The right op.
    slots
        Of which inputs the error signal is wrong.
    make
        Makes the rule, with state of its own if it needs any.
    names
        Diagnoses that tell the truth, by their beginnings.
    plain
        The arguments are the op's as they are.
    """

    name: str
    base: Base
    slots: tuple[int, ...]
    make: Callable[[], Change]
    names: tuple[str, ...]
    plain: bool = False


def size(rng: Rng, low: int = 2, high: int = 6) -> int:
    return int(rng.integers(low, high))


def real(rng: Rng, *shape: int) -> Array:
    """Return numbers of both signs, none nearer to 0 than 0.05."""
    return rng.uniform(0.05, 1.8, shape) * rng.choice([-1, 1], shape)


def table(rng: Rng) -> list[Array]:
    return [real(rng, size(rng), size(rng) + 1)]


def positive_table(rng: Rng) -> list[Array]:
    return [np.abs(real(rng, size(rng), size(rng) + 1)) + 0.2]


def pair(rng: Rng) -> list[Array]:
    shape = size(rng), size(rng) + 1
    return [real(rng, *shape), real(rng, *shape)]


def positive_pair(rng: Rng) -> list[Array]:
    return [np.abs(x) + 0.3 for x in pair(rng)]


def with_row(rng: Rng) -> list[Array]:
    n, k = size(rng, 2, 7), size(rng) + 1
    return [real(rng, n, k), real(rng, k)]


def with_column(rng: Rng) -> list[Array]:
    n, k = size(rng, 2, 7), size(rng) + 1
    return [real(rng, n, k), real(rng, n, 1)]


def layer(rng: Rng) -> list[Array]:
    n, k, m = rng.permutation([3, 4, 5])
    return [real(rng, n, k), real(rng, k, m)]


def square_layer(rng: Rng) -> list[Array]:
    n, k = size(rng, 2, 4), size(rng, 4, 6)
    return [real(rng, n, k), real(rng, k, k)]


def affine_layer(rng: Rng) -> list[Array]:
    x, W = layer(rng)
    return [x, W, real(rng, W.shape[1])]


def rows_of_table(rng: Rng) -> list[Array]:
    rows = size(rng, 3, 6)
    picked = np.concatenate([[0, 0], rng.integers(0, rows, 4)])
    return [real(rng, rows, size(rng)), picked]


def scores_and_classes(rng: Rng) -> list[Array]:
    n, k = size(rng), size(rng, 3, 6)
    return [real(rng, n, k), np.eye(k)[rng.integers(0, k, n)]]


def with_zeros(rng: Rng) -> list[Array]:
    (x,) = table(rng)
    x[rng.integers(0, x.shape[0]), rng.integers(0, x.shape[1])] = 0.0
    x[0, 0], x[-1, -1] = 0.7, -0.6
    return [x]


def with_ties(rng: Rng) -> list[Array]:
    x, y = pair(rng)
    x[0, 1] = y[0, 1]
    return [x, y]


@dataclass(frozen=True)
class Affine(gn.Op):
    """x @ W + b."""

    def forward(self, x, W, b):
        return x @ W + b

    def backward(self, delta, a, x, W, b):
        return delta @ W.T, x.T @ delta, delta.sum(axis=0)


O = gn.ops  # noqa: E741
TANH, SIGMOID, EXP = (Base("elementwise", op, table) for op in (O.Tanh(), O.Sigmoid(), O.Exp()))
SQUARE, SIN, SOFTPLUS = (Base("elementwise", op, table) for op in (O.Square(), O.Sin(), O.Softplus()))
POLYNOMIAL = Base("elementwise", O.Polynomial((0.5, -1.0, 2.0, 0.3)), table)
LOG, SQRT = (Base("elementwise", op, positive_table) for op in (O.Log(), O.Sqrt()))
RELU = Base("elementwise", O.Relu(), table)
RELU_AT_0 = Base("elementwise", O.Relu(), with_zeros)
MULTIPLY, SUBTRACT = (Base("elementwise", op, pair) for op in (O.Multiply(), O.Subtract()))
DIVIDE, POWER = (Base("elementwise", op, positive_pair) for op in (O.Divide(), O.Power()))
MAXIMUM = Base("elementwise", O.Maximum(), with_ties)
BIAS, ROW_TIMES = (Base("broadcast", op, with_row) for op in (O.BiasAdd(), O.Multiply()))
COLUMN_TIMES, COLUMN_PLUS = (Base("broadcast", op, with_column) for op in (O.Multiply(), O.Add()))
SPREAD = Base("broadcast", O.BroadcastTo((4, 3)), lambda rng: [real(rng, 3)])
MATMUL, SQUARE_MATMUL = Base("matrix", O.Matmul(), layer), Base("matrix", O.Matmul(), square_layer)
AFFINE = Base("matrix", Affine(), affine_layer)
SUM0, SUM1 = Base("reduction", O.Sum(0), table), Base("reduction", O.Sum(1), table)
MEAN, MEAN0 = Base("reduction", O.Mean(), table), Base("reduction", O.Mean(0), table)
MAX = Base("reduction", O.Max(1), table)
SOFTMAX, LOG_SOFTMAX = (Base("reduction", op, table) for op in (O.Softmax(), O.LogSoftmax()))
RESHAPE = Base("shape", O.Reshape((-1,)), table)
TRANSPOSE = Base("shape", O.Transpose(), table)
SQUARE_TRANSPOSE = Base("shape", O.Transpose(), lambda rng: [real(rng, 3, 3)])
CONCATENATE = Base("shape", O.Concatenate(0), pair)
TAKE = Base("shape", O.Take(0), rows_of_table)
SSE, MSE, BCE = (Base("loss", op, pair) for op in (O.SSE(), O.MSE(), O.BinaryCrossEntropy()))
CROSS_ENTROPY = Base("loss", O.CrossEntropy(), scores_and_classes)


def wrong(name: str, base: Base, change: Change, *names: str, slot: int = 0, plain: bool = False) -> WrongRule:
    """Return the base with the message to one input changed: `change(message, delta, output, inputs)`."""

    def rule(delta: Array, a: Array, *x: Array) -> Any:
        messages = base.messages(delta, a, x)
        messages[slot] = change(messages[slot], delta, a, x)
        return tuple(messages) if len(messages) > 1 else messages[0]

    return WrongRule(name, base, (slot,), lambda: rule, names, plain)


def of_all(name: str, base: Base, make: Callable[[], Change], *names: str) -> WrongRule:
    """Return the base with another rule altogether, wrong for every input."""
    slots = tuple(range(len(base.arguments(np.random.default_rng(0)))))
    return WrongRule(name, base, slots, make, names)


SIGN = "sign flipped"
FACTOR = "wrong by a constant factor"
FORGOTTEN = "delta is forgotten"
PASSED = "delta is passed on without the slope"
G = "delta is multiplied by g where g′ belongs"
TRANSPOSED = "a transpose is missing"
SWAPPED = ("the operands are swapped", "it is the error signal of input")
KEPT = ("the last contribution is kept", "the first contribution is kept")


def one_entry(factor: float) -> Change:
    def change(m, d, a, x):
        m = np.array(m)
        m[-1, 1] *= factor
        return m

    return change


def one_row(m, d, a, x):
    m = np.array(m)
    m[1] *= 1.5
    return m


def one_column(m, d, a, x):
    m = np.array(m)
    m[:, 1] *= -1
    return m


def assigned(m, d, a, x):
    """Return take's message with the last of an entry's uses instead of their sum."""
    m = np.zeros_like(m)
    m[x[1]] = d
    return m


def counting(base: Base) -> Callable[[], Change]:
    def make() -> Change:
        calls = iter(range(1, 10**6))
        return lambda d, a, *x: base.messages(d, a, x)[0] * (1 + 1e-3 * next(calls))

    return make


def noisy(base: Base) -> Callable[[], Change]:
    def make() -> Change:
        rng = np.random.default_rng(0)
        return lambda d, a, *x: base.messages(d, a, x)[0] * rng.choice([0.0, 2.0], np.shape(x[0]))

    return make


def reused(base: Base) -> Callable[[], Change]:
    def make() -> Change:
        kept: list[Array] = []

        def rule(d, a, *x):
            message = base.messages(d, a, x)[0]
            if not kept:
                kept.append(np.empty_like(message))
            kept[0][...] = message
            return kept[0]

        return rule

    return make


def spoils_delta(d, a, z):
    if d.flags.writeable:
        d *= 2
    return d * (1 - a * a)


def spoils_an_input(d, a, z):
    z[...] = 0
    return d * a


def all_faults() -> Iterator[WrongRule]:
    """Yield every wrong rule."""
    for base in (TANH, MATMUL, BIAS, SUM0, SOFTMAX, RESHAPE, SSE):
        yield wrong("sign flipped", base, lambda m, d, a, x: -m, SIGN)
    yield wrong("sign flipped", SUBTRACT, lambda m, d, a, x: d, SIGN, *SWAPPED, PASSED, slot=1)
    yield wrong("sign flipped", AFFINE, lambda m, d, a, x: -m, SIGN, slot=1)
    for base in (SIGMOID, MULTIPLY, MATMUL, LOG_SOFTMAX, BCE):
        yield wrong("twice as large", base, lambda m, d, a, x: 2 * m, FACTOR)
    yield wrong("the 2 is lost", SQUARE, lambda m, d, a, x: d * x[0], FACTOR, G)
    yield wrong("the ½ is forgotten", SSE, lambda m, d, a, x: 2 * m, FACTOR)
    yield wrong("the ½ is forgotten", SQRT, lambda m, d, a, x: d / a, FACTOR)
    yield wrong("sum instead of mean", MSE, lambda m, d, a, x: 2 * d * (x[0] - x[1]), FACTOR)
    yield wrong("mean over the batch instead of sum", BIAS, lambda m, d, a, x: d.mean(axis=0), FACTOR, slot=1)
    yield wrong("mean over the batch instead of sum", MATMUL, lambda m, d, a, x: m / len(d), FACTOR, slot=1)
    yield wrong("mean over the batch instead of sum", BCE, lambda m, d, a, x: m / len(x[0]), FACTOR)
    yield wrong("not divided by n", MEAN, lambda m, d, a, x: np.full(x[0].shape, d), FACTOR)
    yield wrong("not divided by n", MEAN0, lambda m, d, a, x: m * len(x[0]), FACTOR)
    for base in (EXP, MATMUL, CROSS_ENTROPY, SUM1):
        yield wrong("off by 1e-4", base, lambda m, d, a, x: m * (1 + 1e-4), FACTOR)
    for base in (TANH, SIN, SOFTMAX, SUM0):
        ones = lambda m, d, a, x, base=base: base.messages(np.ones_like(d), a, x)[0]  # noqa: E731
        yield wrong("delta forgotten", base, ones, FORGOTTEN, *["always zero"] * (base is SOFTMAX))
    yield wrong("delta forgotten", SSE, lambda m, d, a, x: x[0] - x[1], FORGOTTEN)
    yield wrong("delta forgotten", MULTIPLY, lambda m, d, a, x: x[1], FORGOTTEN)
    for base in (TANH, SIGMOID, SIN, LOG, POLYNOMIAL):
        yield wrong("slope forgotten", base, lambda m, d, a, x: d.copy(), PASSED)
    for base in (SIGMOID, TANH, SIN, SOFTPLUS):
        yield wrong("g instead of g′", base, lambda m, d, a, x: d * a, G)
    for base in (TANH, SIGMOID, SOFTPLUS, SQRT):
        read = lambda m, d, a, x, base=base: base.messages(d, x[0], x)[0]  # noqa: E731
        yield wrong("input instead of output", base, read, "reads the input where the cached output belongs")
    yield wrong("input instead of output", EXP, lambda m, d, a, x: d * x[0], "reads the input where the cached output")
    for base in (SIN, POLYNOMIAL, SQUARE, LOG):
        read = lambda m, d, a, x, base=base: base.messages(d, a, [a])[0]  # noqa: E731
        yield wrong("output instead of input", base, read, "reads the cached output where the input belongs")
    yield wrong("transpose missing", SQUARE_MATMUL, lambda m, d, a, x: d @ x[1], TRANSPOSED)
    yield wrong("transpose missing", MATMUL, lambda m, d, a, x: m.T, TRANSPOSED, slot=1)
    yield of_all("transpose missing", MATMUL, lambda: lambda d, a, x, y: (d @ y, x.T @ d), TRANSPOSED)
    yield wrong("transpose missing", AFFINE, lambda m, d, a, x: d.T @ x[0], TRANSPOSED, slot=1)
    yield wrong("transpose missing", TRANSPOSE, lambda m, d, a, x: d, TRANSPOSED)
    yield wrong("transpose missing", SQUARE_TRANSPOSE, lambda m, d, a, x: d, TRANSPOSED, PASSED)
    for base in (MULTIPLY, DIVIDE, POWER):
        for slot in (0, 1):

            def exchanged(m, d, a, x, base=base, slot=slot):
                return base.messages(d, a, x[::-1])[slot]

            yield wrong("operands swapped", base, exchanged, *SWAPPED, slot=slot)
    yield wrong("gradient of the other input", SSE, lambda m, d, a, x: d * (x[0] - x[1]), *SWAPPED, SIGN, slot=1)
    yield wrong("gradient of the other input", DIVIDE, lambda m, d, a, x: -d * a / x[1], *SWAPPED, "it is the error")
    yield wrong("not summed over the batch", BIAS, lambda m, d, a, x: d, "not summed over the batch", slot=1)
    yield wrong("not summed over the batch", AFFINE, lambda m, d, a, x: d, "not summed over the batch", slot=2)
    yield wrong("not summed over the batch", ROW_TIMES, lambda m, d, a, x: d * x[0], "not summed over", slot=1)
    yield wrong("not summed over a broadcast axis", COLUMN_PLUS, lambda m, d, a, x: d, "not summed over", slot=1)
    yield wrong("summed twice", BIAS, lambda m, d, a, x: np.full_like(m, d.sum()), "summed twice", slot=1)
    yield wrong("summed twice", COLUMN_TIMES, lambda m, d, a, x: np.full_like(m, m.sum()), "summed twice", slot=1)
    yield wrong("summed over all axes", ROW_TIMES, lambda m, d, a, x: m.sum(), "summed over", slot=1)
    yield wrong("last sample only", BIAS, lambda m, d, a, x: d[-1], *KEPT, slot=1)
    yield wrong("last sample only", MATMUL, lambda m, d, a, x: np.outer(x[0][-1], d[-1]), *KEPT, slot=1)
    yield wrong("last use only", TAKE, assigned, *KEPT)
    yield wrong("first use only", SPREAD, lambda m, d, a, x: d[0], *KEPT)
    for base, factor in ((TANH, 1.1), (MATMUL, 1 + 1e-4), (RESHAPE, 0.0), (SSE, -1.0)):
        yield wrong(f"one entry times {factor:g}", base, one_entry(factor), "off in one entry only")
    for base in (SIGMOID, MATMUL, CONCATENATE):
        yield wrong("one row off", base, one_row, "off in one row")
    for base in (SOFTMAX, MULTIPLY):
        yield wrong("one column off", base, one_column, "off in one column")
    narrow = ("wrong where the input is", "off in one", "wrong where the size")
    for base in (TANH, SOFTPLUS):
        yield wrong("negative inputs only", base, lambda m, d, a, x: np.where(x[0] < 0, 0.9 * m, m), *narrow)
    yield wrong("negative inputs only", RELU, lambda m, d, a, x: np.where(x[0] < 0, 0.1 * d, m), *narrow)
    yield wrong("above a bound only", TANH, lambda m, d, a, x: np.where(x[0] > 1, 0, m), *narrow, "wrong where")
    edge = "wrong at the boundary only"
    yield wrong("at 0 only", RELU_AT_0, lambda m, d, a, x: np.where(x[0] == 0, 3 * d, m), edge, plain=True)
    tie = lambda m, d, a, x: np.where(x[0] == x[1], 2 * d, m)  # noqa: E731
    yield wrong("at ties only", MAXIMUM, tie, edge, "off in one entry", plain=True)
    yield of_all("counts its calls", TANH, counting(TANH), "depends on state")
    yield of_all("random", SIGMOID, noisy(SIGMOID), "depends on state")
    yield of_all("one array for all results", TANH, reused(TANH), "returns an alias that is later changed")
    yield of_all("one array for all results", SOFTMAX, reused(SOFTMAX), "returns an alias that is later changed")
    yield of_all("writes into delta", TANH, lambda: spoils_delta, "changes its arguments")
    yield of_all("writes into its input", EXP, lambda: spoils_an_input, "its backward rule writes into")
    for base in (TANH, MATMUL, SUM0):
        yield wrong("float32", base, lambda m, d, a, x: np.asarray(m, np.float32), "wrong dtype")
    yield of_all(
        "one message for two inputs", MULTIPLY, lambda: lambda d, a, x, y: d * y, "its backward rule returned 1"
    )
    yield of_all("two messages for one input", TANH, lambda: lambda d, a, z: (d, d), "its backward rule returned 2")
    yield of_all("raises", TANH, lambda: lambda d, a, z: d @ np.ones((99, 99)), "its backward rule raised ValueError")
    yield of_all("no return", SIGMOID, lambda: lambda d, a, z: None, "its backward rule returned None")
    yield wrong("one infinity", TANH, one_entry(np.inf), "not finite")
    yield wrong("not a number", MATMUL, one_entry(np.nan), "not finite")
    for base in (SIN, MAX, CONCATENATE):
        yield wrong("always zero", base, lambda m, d, a, x: np.zeros_like(m), "always zero")
    yield wrong("None", MULTIPLY, lambda m, d, a, x: None, "it returns None", slot=1)
    yield wrong(
        "delta clipped", EXP, lambda m, d, a, x: np.clip(d, -0.3, 0.3) * a, "wrong where the size of δ", "not linear"
    )
    yield wrong("sign of delta", SIN, lambda m, d, a, x: np.sign(d) * np.cos(x[0]), "delta is replaced by its sign")
    yield wrong("1 − a instead of 1 − a²", TANH, lambda m, d, a, x: d * (1 - a), "a factor is lost")
    yield wrong("softmax as if elementwise", SOFTMAX, lambda m, d, a, x: d * a * (1 - a), "only the diagonal")
    yield wrong("a power too many", POLYNOMIAL, lambda m, d, a, x: m * x[0], "one factor too many: divided by z")


FAULTS = tuple(replace(fault, name=f"{fault.name}") for fault in all_faults())
