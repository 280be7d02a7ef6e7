"""Growing random programs, with values at hand, so that they stay moderate and away from all kinks.

A program is grown at two batch sizes at once. A size is the pair of what it is in both: it is known if they are equal,
else it depends on the batch. So the same program can be built for inputs that leave their batch size open.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, TypeAlias

import numpy as np

from tests.fuzz import oracle
from tests.fuzz.programs import Leaf, Program, Step, carry_out

Pair: TypeAlias = tuple[int, int]
Pairs: TypeAlias = tuple[Pair, ...]

MODERATE = 3.0  # what is larger goes through tanh
MARGIN = 1e-3  # nearest to a kink, a tie or the threshold of a comparison
MORE_ROWS = 3  # what the second batch has more


class Unfit(Exception):
    """A draw that this program can't use."""


class Grower:
    """A program while it grows."""

    def __init__(self, seed: int) -> None:
        self.rng = np.random.default_rng(seed)
        self.batch = int(self.rng.choice([0, 1, 2, 3, 5], p=[0.1, 0.2, 0.3, 0.2, 0.2]))
        self.items: list[Leaf | Step] = []
        self.values: list[tuple[Any, Any]] = []
        self.is_node: list[bool] = []

    # Chance ---------------------------------------------------------------------------------------------------------

    def chance(self, probability: float) -> bool:
        return bool(self.rng.random() < probability)

    def integer(self, low: int, high: int) -> int:
        return int(self.rng.integers(low, high))

    def one_of(self, *choices: Any) -> Any:
        return choices[self.integer(0, len(choices))]

    # What is there --------------------------------------------------------------------------------------------------

    def sizes(self, i: int) -> Pairs:
        first, second = self.values[i]
        return tuple(zip(np.shape(first), np.shape(second), strict=True))

    def ndim(self, i: int) -> int:
        return np.ndim(self.values[i][0])

    def axis(self, i: int, fits: Callable[[Pair], bool] = lambda pair: True) -> int:
        """Return an axis, counted from either end, whose size fits."""
        axes = [axis for axis, pair in enumerate(self.sizes(i)) if fits(pair)]
        if not axes:
            raise Unfit
        return self.one_of(*axes) - self.one_of(0, self.ndim(i))

    def pick(self, fits: Callable[[Pairs], bool] = lambda sizes: True) -> int:
        """Return a real, moderate result whose sizes fit: often the latest, so that programs grow deep, else any."""
        fitting = [i for i in range(len(self.items)) if self.is_moderate(i) and fits(self.sizes(i))]
        if not fitting:
            raise Unfit
        return fitting[-1] if self.chance(0.5) else self.one_of(*fitting)

    # What is added --------------------------------------------------------------------------------------------------

    def leaf(self, kind: str, value: Any) -> int:
        self.items.append(Leaf(kind, value))
        rows = (self.batch, self.batch + MORE_ROWS) if kind == "batch" else (None, None)
        first, second = (value if n is None else value[:n] for n in rows)
        return self._add(first, second, kind != "bare")

    def random_leaf(self, shape: tuple[int, ...]) -> int:
        kind = self.one_of("parameter", "parameter", "input", "constant", "bare")
        return self.leaf(kind, np.asarray(self.rng.uniform(-2, 2, size=shape)))

    def batch_leaf(self, *shape: int) -> int:
        return self.leaf("batch", self.rng.uniform(-2, 2, size=(self.batch + MORE_ROWS, *shape)))

    def number(self, value: float) -> int:
        return self.leaf("bare", value)

    def step(self, op: str, *args: int, **settings: Any) -> int:
        step = Step(op, args, settings, self.integer(0, 60), self.one_of("", "", "", "hidden", "out"))
        values = [carry_out(oracle.DIALECT, step, [self.values[i][run] for i in args]) for run in (0, 1)]
        self._require_away_from_kinks(step)
        if any(np.size(value) > 300 for value in values) or not all(np.isfinite(value).all() for value in values):
            raise Unfit
        self.items.append(step)
        return self._add(*values, any(self.is_node[i] for i in args))

    def _require_away_from_kinks(self, step: Step) -> None:
        distance = oracle.DISTANCE_TO_KINK.get(step.op)
        args = [self.values[i][0] for i in step.args]
        if distance and all(map(np.size, args)) and np.min(distance(*args, **step.settings)) < MARGIN:
            raise Unfit

    def _add(self, first: Any, second: Any, is_node: bool) -> int:
        self.values.append((first, second))
        self.is_node.append(is_node)
        return len(self.items) - 1

    def is_real(self, i: int) -> bool:
        return np.asarray(self.values[i][0]).dtype.kind == "f"

    def is_moderate(self, i: int) -> bool:
        return self.is_real(i) and all(np.max(np.abs(value), initial=0) <= MODERATE for value in self.values[i])

    def attempt(self, draw: Callable[[Grower], int]) -> bool:
        """Let `draw` add what it wants, or nothing at all."""
        before = len(self.items)
        try:
            result = draw(self)
            if not self.is_moderate(result):
                self.step("tanh", result)
        except Unfit:
            del self.items[before:], self.values[before:], self.is_node[before:]
            return False
        return True

    # Operands that fit ----------------------------------------------------------------------------------------------

    def like(self, i: int, exactly: bool = False) -> int:
        """Return a result, often a new leaf, that broadcasts to the shape of result i, or has it exactly."""
        sizes = self.sizes(i)
        if self.chance(0.4):
            return self.pick(lambda other: other == sizes if exactly else spreads(other, sizes))
        if exactly:
            return self.leaf_of(sizes)
        if self.chance(0.2):
            return self.number(round(float(self.rng.normal()), 2))
        kept = [pair if not self.chance(0.2) else (1, 1) for pair in sizes]
        while kept and self.chance(0.3):
            kept.pop(0)
        return self.leaf_of(tuple(kept))

    def leaf_of(self, sizes: Pairs) -> int:
        if sizes and sizes[0] == (self.batch, self.batch + MORE_ROWS) and all(a == b for a, b in sizes[1:]):
            return self.batch_leaf(*[a for a, _ in sizes[1:]])
        if any(a != b for a, b in sizes):
            raise Unfit
        return self.random_leaf(tuple(a for a, _ in sizes))

    def positive(self, i: int) -> int:
        return self.step("add", self.step("softplus", i), self.number(0.5))


def spreads(small: Pairs, large: Pairs) -> bool:
    """Tell whether one shape broadcasts to another; only what is 1 for any batch is stretched."""
    return len(small) <= len(large) and all(
        s in ((1, 1), n) for s, n in zip(reversed(small), reversed(large), strict=False)
    )


def known(pair: Pair) -> bool:
    return pair[0] == pair[1]


def filled(pair: Pair) -> bool:
    return min(pair) > 0


# Draws --------------------------------------------------------------------------------------------------------------

SMOOTH = [
    "tanh", "sigmoid", "softplus", "identity", "negative", "square", "sin", "cos", "swish", "erf", "gelu", "mish", "silu",
    "gelu_tanh", "normal_cdf", "arctan", "arcsinh", "exp2", "deg2rad",
]  # fmt: skip
KINKED = ["relu", "abs", "relu6", "selu", "hard_tanh", "hard_sigmoid", "hard_swish"]
STEEP = ["exp", "expm1", "sinh", "cosh"]
OF_POSITIVE = ["sqrt", "log", "log1p", "reciprocal", "log2", "log10", "cbrt"]
OF_SMALL = ["arcsin", "arccos", "arctanh", "tan"]
STEPS = ["sign", "ones_like", "zeros_like", "floor", "ceil", "trunc", "rint"]
COMPARE = ["greater", "greater_equal", "less", "less_equal", "equal", "not_equal"]


def unary(g: Grower) -> int:
    return g.step(g.one_of(*SMOOTH), g.pick())


def kinked(g: Grower) -> int:
    if g.chance(0.2):
        return g.step("leaky_relu", g.pick(), slope=g.one_of(0.01, 0.3))
    if g.chance(0.2):
        return g.step(g.one_of("elu", "celu"), g.pick(), alpha=g.one_of(1.0, 0.6))
    return g.step(g.one_of(*KINKED), g.pick())


def steep(g: Grower) -> int:
    return g.step(g.one_of(*STEEP), g.pick())


def of_positive(g: Grower) -> int:
    return g.step(g.one_of(*OF_POSITIVE), g.positive(g.pick()))


def of_small(g: Grower) -> int:
    return g.step(g.one_of(*OF_SMALL), g.step("multiply", g.step("tanh", g.pick()), g.number(0.9)))


def of_two(g: Grower) -> int:
    x = g.pick()
    y = g.like(x)
    op = g.one_of("hypot", "arctan2", "logaddexp", "logaddexp2", "remainder", "fmod", "floor_divide")
    if op in ("logaddexp", "logaddexp2"):
        return g.step(op, x, y)
    found = g.step(op, x, g.positive(y))
    return g.step("multiply", found, y) if op == "floor_divide" else found


def in_order(g: Grower) -> int:
    z = g.pick(lambda sizes: any(min(pair) > 1 for pair in sizes))
    op = g.one_of("sort", "median", "ptp", "prod", "cumprod", "cumsum", "var", "std", "logsumexp", "flip")
    return g.step(op, z, axis=g.axis(z, lambda pair: min(pair) > 1))


def matrix_words(g: Grower) -> int:
    z = g.pick(lambda sizes: len(sizes) == 2 and all(map(known, sizes)) and all(map(filled, sizes)))
    op = g.one_of("tril", "triu", "trace", "diagonal", "outer", "kron", "vdot", "einsum", "pad")
    if op in ("tril", "triu"):
        return g.step(op, z, k=g.integer(-1, 2))
    if op in ("outer", "kron"):
        return g.step(op, z, g.random_leaf((2,) if op == "outer" else (2, 1)))
    if op == "vdot":
        return g.step(op, z, g.like(z, exactly=True))
    if op == "einsum":
        return g.step(
            op, z, g.like(z, exactly=True), subscripts=g.one_of("ij,ij->i", "ij,kj->ik", "ij,ij->ji", "ij,ik->jk")
        )
    return g.step(op, z, **({"pad_width": ((1, 0), (0, 2))} if op == "pad" else {}))


def linear_algebra(g: Grower) -> int:
    """Let the diagonal outweigh the rest, so that nothing is steep."""
    z = g.pick(lambda sizes: len(sizes) == 2 and known(sizes[1]) and all(map(filled, sizes)))
    n = g.sizes(z)[1][0]
    square = g.step("matmul", g.step("transpose", z), z)
    small = g.step("multiply", g.step("tanh", square), g.number(0.2))
    z = g.step("add", small, g.leaf("constant", np.eye(n) * 1.5))
    op = g.one_of("inv", "det", "log_abs_det", "solve", "matrix_power")
    if op == "solve":
        return g.step(op, z, g.random_leaf(g.one_of((n, 2), (n, 1))))
    return g.step(op, z, **({"n": g.integer(2, 4)} if op == "matrix_power" else {}))


def polynomial(g: Grower) -> int:
    coefficients = tuple(round(float(c), 2) for c in g.rng.normal(size=g.integer(1, 5)))
    return g.step("polynomial", g.pick(), coefficients=coefficients)


def step_function(g: Grower) -> int:
    z = g.pick()
    return g.step("multiply", g.step(g.one_of(*STEPS), z), g.like(z))


def binary(g: Grower) -> int:
    x = g.pick()
    y = x if g.chance(0.1) else g.like(x)
    op = g.one_of("add", "subtract", "multiply", "multiply", "divide", "maximum", "minimum")
    if op == "divide":
        return g.step(op, *g.one_of((x, g.positive(y)), (y, g.positive(x))))
    return g.step(op, *g.one_of((x, y), (y, x)))


def power(g: Grower) -> int:
    x = g.pick()
    which = g.integer(0, 4)
    if which == 0:  # a whole number as exponent: any base
        return g.step("power", x, g.number(g.one_of(0, 1, 2, 3, 2.0, 3.0)))
    base = g.positive(x)
    if which == 1:
        return g.step("power", base, g.number(g.one_of(-1, -0.5, 0.5, 1.5)))
    if which == 2:  # a node as exponent
        return g.step("power", base, g.step("tanh", g.like(x)))
    return g.step("power", g.number(g.one_of(2, 0.5, 1.7)), g.step("tanh", x))


def choose(g: Grower) -> int:
    x = g.pick()
    condition = g.step(g.one_of(*COMPARE), x, g.like(x))
    if g.chance(0.4):
        other = g.step(g.one_of(*COMPARE), x, g.like(x))
        condition = g.step(g.one_of("and", "or"), condition, other)
    if g.chance(0.2):
        condition = g.step("not", condition)
    if g.chance(0.2) and all(map(known, g.sizes(x))):
        shape = tuple(a for a, _ in g.sizes(x))
        condition = g.leaf("mask", g.rng.random(shape) < 0.5)
    same = g.pick(lambda sizes: sizes == g.sizes(x))
    return g.step("where", condition, *g.one_of((same, g.like(x)), (g.like(x), same)))


def clip(g: Grower) -> int:
    return g.step("clip", g.pick(), g.number(-0.4), g.number(0.7))


def reduction(g: Grower) -> int:
    op = g.one_of("sum", "sum", "mean", "max", "min")
    z = g.pick()
    axes: Any = None
    if g.ndim(z) and g.chance(0.7):
        axes = g.axis(z)
        if g.ndim(z) > 1 and g.chance(0.3):
            axes = tuple(sorted({axes % g.ndim(z), g.axis(z) % g.ndim(z)}))
    reduced = g.sizes(z) if axes is None else [g.sizes(z)[axis] for axis in np.atleast_1d(axes)]
    if op != "sum" and not all(map(filled, reduced)):  # nothing has no mean and no largest entry
        raise Unfit
    return g.step(op, z, axis=axes, keepdims=g.chance(0.4))


def probabilities(g: Grower) -> int:
    z = g.pick()
    return g.step(g.one_of("softmax", "log_softmax"), z, axis=g.axis(z, filled))


def matrix_product(g: Grower) -> int:
    x = g.pick(lambda sizes: len(sizes) == 2)
    inner = g.sizes(x)[1]
    if g.chance(0.2):  # x @ x.T, and x.T @ x
        return g.step("matmul", *g.one_of((x, g.step("transpose", x)), (g.step("transpose", x), x)))
    fitting = [i for i in range(len(g.items)) if g.is_moderate(i) and g.ndim(i) in (1, 2) and g.sizes(i)[0] == inner]
    if fitting and g.chance(0.3):
        y = g.one_of(*fitting)
    elif known(inner):
        y = g.random_leaf((inner[0], g.integer(1, 5)))
    else:
        raise Unfit
    return g.step(g.one_of("matmul", "matmul", "dot"), x, y)


def vector_product(g: Grower) -> int:
    x = g.pick(lambda sizes: len(sizes) in (1, 2) and any(map(known, sizes)))
    sizes = g.sizes(x)
    if known(sizes[-1]) and g.chance(0.5):
        return g.step(g.one_of("matmul", "dot"), x, g.random_leaf((sizes[-1][0],)))
    if known(sizes[0]):
        return g.step(g.one_of("matmul", "dot"), g.random_leaf((sizes[0][0],)), x)
    raise Unfit


def stacked_product(g: Grower) -> int:
    x = g.pick(lambda sizes: len(sizes) == 3 and known(sizes[1]) and known(sizes[2]))
    stack, rows, columns = g.sizes(x)
    n = g.integer(1, 4)
    if g.chance(0.5):
        shape = g.one_of((columns[0],), (columns[0], n), (1, columns[0], n), (stack[0], columns[0], n))
        if len(shape) == 3 and shape[0] != 1 and not known(stack):
            raise Unfit
        return g.step("matmul", x, g.random_leaf(shape))
    return g.step("matmul", g.random_leaf(g.one_of((rows[0],), (n, rows[0]), (1, n, rows[0]))), x)


def bias(g: Grower) -> int:
    z = g.pick(lambda sizes: len(sizes) > 1 and known(sizes[-1]))
    return g.step("bias_add", z, g.random_leaf((g.sizes(z)[-1][0],)))


def reorder(g: Grower) -> int:
    z = g.pick(lambda sizes: len(sizes) > 0)
    if g.chance(0.4):
        return g.step("swapaxes", z, first=g.axis(z), second=g.axis(z))
    if g.chance(0.4):
        return g.step("transpose", z)
    return g.step("transpose", z, axes=tuple(int(axis) for axis in g.rng.permutation(g.ndim(z))))


def rearrange(g: Grower) -> int:
    z = g.pick(lambda sizes: len(sizes) > 0 and sum(not known(pair) for pair in sizes) < 2)
    word = g.one_of("roll", "repeat", "tile", "moveaxis", "diff")
    if word == "roll":
        return g.step(word, z, shift=g.integer(-3, 4), axis=g.axis(z))
    if word == "repeat":
        return g.step(word, z, repeats=g.integer(1, 4), axis=g.axis(z))
    if word == "tile":
        return g.step(word, z, reps=g.one_of((2,), (1, 2), (3, 1)))
    if word == "moveaxis":
        return g.step(word, z, source=g.axis(z), destination=g.axis(z))
    return g.step(word, z, axis=g.axis(z, lambda pair: min(pair) > 1))


def reshape(g: Grower) -> int:
    z = g.pick()
    sizes = g.sizes(z)
    if g.chance(0.3):
        return g.step("ravel", z)
    if g.ndim(z) == 2 and known(sizes[1]) and sizes[1][0] > 0:
        return g.step("reshape", z, shape=g.one_of((-1, 1, sizes[1][0]), (-1, sizes[1][0])))
    if all(map(known, sizes)):
        return g.step("reshape", z, shape=g.one_of((-1,), (1, *[a for a, _ in sizes]), (-1, 1)))
    raise Unfit


def unit_axes(g: Grower) -> int:
    z = g.pick(lambda sizes: len(sizes) < 3)
    if (1, 1) in g.sizes(z) and g.chance(0.7):
        axis = g.axis(z, lambda pair: pair == (1, 1))
        return g.step("squeeze", z, axis=g.one_of(axis, (axis,)))
    return g.step("expand_dims", z, axis=g.integer(-g.ndim(z) - 1, g.ndim(z) + 1))


def spread(g: Grower) -> int:
    z = g.pick(lambda sizes: len(sizes) < 3 and all(map(known, sizes)))
    shape = [a if a != 1 or g.chance(0.5) else g.integer(1, 4) for a, _ in g.sizes(z)]
    return g.step("broadcast_to", z, shape=(*g.one_of((), (2,), (3,)), *shape))


def join(g: Grower) -> int:
    z = g.pick(lambda sizes: len(sizes) > 0)
    others = [z if g.chance(0.2) else g.like(z, exactly=True) for _ in range(g.integer(0, 3))]
    if others and g.chance(0.3) and g.ndim(z) < 3:
        return g.step("stack", z, *others, axis=g.axis(z))
    return g.step("concatenate", *g.one_of((z, *others), (*others, z)), axis=g.axis(z))


def pick_entries(g: Grower) -> int:
    z = g.pick(lambda sizes: len(sizes) > 0)
    axis = g.axis(z, filled)
    shape = g.one_of((1,), (4,), (2, 2)) if g.ndim(z) < 3 else (4,)
    positions = g.rng.integers(0, min(g.sizes(z)[axis]), size=shape)  # four of few: some repeat
    return g.step("take", z, g.leaf(g.one_of("positions", "bare"), positions), axis=axis)


def index(g: Grower) -> int:
    z = g.pick(lambda sizes: len(sizes) > 0)
    items: list[Any] = [_index_item(g, pair) for pair in g.sizes(z)][: g.integer(1, g.ndim(z) + 1)]
    if g.ndim(z) < 3 and g.chance(0.2):
        items.insert(g.integer(0, len(items) + 1), None)
    if g.chance(0.2):
        items.append(...)
    return g.step("getitem", z, index=items[0] if len(items) == 1 and g.chance(0.5) else tuple(items))


def _index_item(g: Grower, pair: Pair) -> Any:
    whole = [slice(None), slice(None, None, -1), slice(None, None, 2), slice(1, None), slice(None, None, 3)]
    if filled(pair) and g.chance(0.3):
        n = min(pair)
        return g.integer(-n, n)
    if known(pair) and pair[0] > 1 and g.chance(0.4):
        return slice(g.integer(0, pair[0] - 1), g.integer(1, pair[0] + 1))
    return g.one_of(*whole)


def loss(g: Grower) -> int:
    z = g.pick()
    op = g.one_of("sse", "mse", "binary_cross_entropy", "cross_entropy")
    if (op == "mse" and not all(map(filled, g.sizes(z)))) or (
        op == "cross_entropy" and (not g.ndim(z) or not filled(g.sizes(z)[-1]))
    ):
        raise Unfit
    return g.step(op, z, z if g.chance(0.03) else g.like(z, exactly=True))


def images(g: Grower) -> int:
    z = g.pick(lambda sizes: len(sizes) in (3, 4) and all(known(pair) and filled(pair) for pair in sizes[1:]))
    if g.ndim(z) == 3:
        channels, length = (a for a, _ in g.sizes(z)[1:])
        if g.chance(0.4):
            kernel = (channels, 1, g.integer(1, length + 2))
            return g.step(
                "conv1d", z, g.random_leaf(kernel), stride=g.integer(1, 3), padding=1, dilation=1, groups=channels
            )
        z = g.step("expand_dims", z, axis=1)
    channels, rows, columns = (a for a, _ in g.sizes(z)[1:])
    stride = (g.integer(1, 3), g.integer(1, 3))
    if g.chance(0.3):
        if g.chance(0.4):
            return g.step("avg_pool2d", z, size=(g.integer(1, rows + 1), g.integer(1, columns + 1)), stride=stride)
        return g.step("max_pool2d", z, size=(g.integer(1, rows + 1), g.integer(1, columns + 1)), stride=stride)
    top, left = g.integer(0, 3), g.integer(0, 2)
    kernel = (g.integer(1, 3), channels, g.integer(1, rows + top + 1), g.integer(1, columns + left + 1))
    return g.step("conv2d", z, g.random_leaf(kernel), stride=stride, padding=(top, left))


def normalise(g: Grower) -> int:
    if g.chance(0.3):
        return g.step("batch_norm", g.pick(lambda sizes: len(sizes) in (2, 4) and min(sizes[0]) > 1))
    if g.chance(0.2):
        z = g.pick(lambda sizes: len(sizes) > 1 and all(known(pair) and filled(pair) for pair in sizes[1:]))
        if math.prod(a for a, _ in g.sizes(z)[1:]) > 1:
            return g.step("group_norm", z, groups=1)
    z = g.pick(lambda sizes: any(min(pair) > 1 for pair in sizes))
    if g.chance(0.3):
        return g.step("rms_norm", z, axes=g.axis(z, lambda pair: min(pair) > 1))
    return g.step("layer_norm", z, axes=g.axis(z, lambda pair: min(pair) > 1))


def drop(g: Grower) -> int:
    z = g.pick(lambda sizes: len(sizes) > 0 and all(map(known, sizes)))
    keep = g.rng.random([a for a, _ in g.sizes(z)]) < 0.6
    return g.step("dropout", z, g.leaf("mask", keep), rate=g.one_of(0.0, 0.25, 0.5))


def attend(g: Grower) -> int:
    z = g.pick(lambda sizes: len(sizes) == 2 and known(sizes[1]) and all(map(filled, sizes)))
    return g.step("attention", z, z, g.step("tanh", z))


def classify(g: Grower) -> int:
    z = g.pick(lambda sizes: len(sizes) > 0 and known(sizes[-1]) and filled(sizes[-1]))
    op = g.one_of("huber", "hinge", "kl_divergence", "smooth_labels")
    if op == "smooth_labels":
        return g.step(op, z, amount=0.2)
    if op == "kl_divergence":
        return g.step(op, z, g.step("softmax", g.like(z, exactly=True), axis=-1))
    settings = {"threshold": 0.6} if op == "huber" else {}
    return g.step(op, z, g.like(z, exactly=True), **settings)


def opaque(g: Grower) -> int:
    return g.step("running_sum", g.pick(lambda sizes: len(sizes) > 0))


DRAWS = {
    unary: 5, binary: 7, kinked: 2, steep: 1, of_positive: 1, polynomial: 1, step_function: 0.6, power: 2, choose: 2,
    clip: 0.5, reduction: 3, probabilities: 2, matrix_product: 4, vector_product: 1, stacked_product: 2, bias: 2,
    reorder: 1.5, rearrange: 1, reshape: 1, unit_axes: 1, spread: 1, join: 1.5, pick_entries: 1, index: 1.5, loss: 0.7,
    opaque: 0.2,
    of_small: 0.7, of_two: 1.5, in_order: 2, matrix_words: 1.5, linear_algebra: 1.5,
    images: 1, normalise: 1, drop: 0.5, attend: 0.3, classify: 0.7,
}  # fmt: skip
"""How often each is tried."""


def random_program(seed: int) -> Program:
    """Return the program that `seed` stands for."""
    g = Grower(seed)
    for _ in range(g.integer(1, 3)):
        g.batch_leaf(*g.one_of((2,), (3,), (4,), (4,), (2, 3), ()))
    g.random_leaf(g.one_of((), (3,), (4,), (3, 4), (2, 3, 4)))
    draws, weights = list(DRAWS), np.array(list(DRAWS.values()))
    steps = g.integer(2, 20)
    for _ in range(60):
        if sum(isinstance(item, Step) for item in g.items) >= steps:
            break
        g.attempt(draws[g.rng.choice(len(draws), p=weights / weights.sum())])
    delta = finish(g)
    smooth = not any(isinstance(item, Step) and item.op == "running_sum" for item in g.items)
    return Program(seed, tuple(g.items), delta, smooth)


def finish(g: Grower) -> Any:
    """End in an output that is a node: a loss or a sum of up to three results, or a result as it is, with a delta."""
    nodes = [i for i in range(len(g.items)) if g.is_node[i] and g.is_moderate(i)]
    last = nodes[-1]
    if g.chance(0.1):
        g.step("identity", last)
        return g.rng.normal(size=np.shape(g.values[last][0]))
    total = _scalar(g, last)
    for _ in range(g.integer(0, 3)):
        total = g.step("add", total, _scalar(g, g.one_of(*nodes)))
    return None


def _scalar(g: Grower, i: int) -> int:
    if g.attempt(lambda g: g.step(g.one_of("sse", "binary_cross_entropy"), i, g.like(i, exactly=True))):
        return len(g.items) - 1
    return g.step("sum", i, axis=None, keepdims=False)
