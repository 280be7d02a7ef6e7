"""What a wrong rule may have lost, or has too much of: candidate factors, terms and orders, made of what it is given."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from itertools import combinations, islice, permutations
from typing import Any

import numpy as np

from graphnet.check.differences import Judged
from graphnet.check.evidence import CLOSE, NEXT_TO_NOTHING, Evidence, allowed
from graphnet.common.text import number
from graphnet.core.node import Numbers

AxisTuple = tuple[int, ...]
_LARGEST = 50_000
"""Entries of the largest array that is compared with all candidates."""
_FEW = 48
"""Entries at which products of two candidates are compared first."""
HITS = 60
"""How many of the candidates that fit are told at most."""
_PLAIN = (1.0, 2.0, 0.5)
"""What stands before a candidate where one entry is all there is."""
KNOWN = (math.sqrt(2 * math.pi), math.sqrt(math.pi / 2), math.sqrt(math.pi) / 2, math.sqrt(2), math.pi, math.log(2))
"""What else stands before a function, or its inverse, beside whole numbers: any other constant fits something by accident."""
FUNCTIONS: dict[str, Callable[[Numbers], Numbers]] = {
    "{}": lambda v: v,
    "(1 − {})": lambda v: 1 - v,
    "(1 + {})": lambda v: 1 + v,
    "{}²": np.square,
    "(1 − {}²)": lambda v: 1 - v * v,
    "(1 + {}²)": lambda v: 1 + v * v,
    "√{}": np.sqrt,
    "|{}|": np.abs,
    "sign {}": np.sign,
    "exp {}": np.exp,
    "log {}": np.log,
    "σ({})": lambda v: 1 / (1 + np.exp(-v)),
    "σ(−{})": lambda v: 1 / (1 + np.exp(v)),
    "tanh {}": np.tanh,
    "sin {}": np.sin,
    "cos {}": np.cos,
    "exp(−{}²/2)": lambda v: np.exp(-v * v / 2),
}
_REDUCTIONS: dict[str, Callable[..., Numbers]] = {
    "the sum of {}": np.sum,
    "the size of {}": lambda v, **axes: np.sqrt(np.sum(v * v, **axes)),
    "the deviation of {}": np.std,
    "the largest of {}": np.max,
}


def axes_of(array: Numbers) -> list[AxisTuple]:
    """Return the sets of axes, of more than one entry, that may be reduced: all first, single ones last."""
    long = [axis for axis, size in enumerate(array.shape) if size > 1]
    sets = [axes for count in range(len(long), 0, -1) for axes in combinations(long, count)]
    return sets if len(long) <= 4 else [axes for axes in sets if len(axes) in (1, len(long) - 1, len(long))]


def axes_in_words(axes: AxisTuple, array: Numbers) -> str:
    """Return in words over which axes."""
    if len(axes) == array.ndim:
        return "all axes"
    return f"axis {axes[0]}" if len(axes) == 1 else f"axes {axes}"


def in_rows(array: Numbers, axes: AxisTuple) -> Numbers:
    """Return a row for each slab along some axes."""
    last = np.moveaxis(array, axes, range(-len(axes), 0))
    return last.reshape(-1, int(np.prod(last.shape[last.ndim - len(axes) :])))


def aligned(array: Numbers, shape: tuple[int, ...]) -> Numbers | None:
    """Return an array with axes inserted so that it fits another shape: behind, if it has not its last sizes."""
    padded = array.reshape(array.shape + (1,) * (len(shape) - array.ndim)) if array.ndim < len(shape) else array
    for candidate in (array, padded):
        sizes = zip(candidate.shape[::-1], shape[::-1], strict=False)
        if candidate.ndim <= len(shape) and all(size in (1, whole) for size, whole in sizes):
            return np.broadcast_to(candidate, shape)
    return None


def there(judged: Judged, array: Numbers, **beside: Numbers) -> str:
    """Return in words what stands in an array at the worst entry, and in those beside it that have such an entry."""
    place = judged.place(array.shape)
    if place is None:
        return ""
    fitting = {name: aligned(other, array.shape) for name, other in beside.items()}
    told = [f"{name} {number(x[place], 6)}" for name, x in fitting.items() if x is not None]
    return ", ".join([f"the input is {number(array[place], 6)}", *told])


def given(e: Evidence, shape: tuple[int, ...]) -> list[tuple[str, Numbers]]:
    """Return output and inputs, as far as they fit a shape."""
    named = [("output", e.output), *zip(e.names, e.inputs, strict=True)]
    fitting = [(name, aligned(array, shape)) for name, array in named if array.dtype.kind == "f"]
    return [(name, array) for name, array in fitting if array is not None]


def features(e: Evidence) -> list[tuple[str, Numbers]]:
    """Return functions of each number of output and inputs, and of their slabs."""
    found, shape = [], e.right.shape
    for name, array in given(e, shape):
        found += [(words.format(name), function(array)) for words, function in FUNCTIONS.items()]
        for axes in (axes for axes in axes_of(array) if all(array.strides[axis] for axis in axes)):  # none it lacks
            for words, reduction in _REDUCTIONS.items():
                reduced = np.broadcast_to(reduction(array, axis=axes, keepdims=True), shape)
                found.append((f"{words.format(name)} over {axes_in_words(axes, array)}", reduced))
    return found


def multiples(e: Evidence, target: Numbers, base: Numbers) -> Iterator[tuple[str, float, float]]:
    """Yield the features, and products of two or of one and an inverse, that make of a base a multiple of a target.

    Yields
    ------
    words, factor, chance
        With the factor it is the target. The chance is that of such an agreement by accident.
    """
    if e.right.size > _LARGEST:
        return
    kept = [("", np.ones(e.right.shape)), *features(e)]
    words = [word for word, _ in kept] + [f"1/({word})" for word, _ in kept[1:]]
    rows = np.stack([array[e.known] for _, array in kept])
    rows = np.concatenate([rows, 1 / rows[1:]])
    t, b = target[e.known], base[e.known]
    telling = np.flatnonzero(_loud(e, t))
    alone = e.right.size == 1
    if len(telling) <= (not alone) or e.nearly:
        return  # one of several proves nothing
    at = telling[np.linspace(0, len(telling) - 1, min(_FEW, len(telling))).astype(int)]
    pairs = np.stack(np.triu_indices(len(rows)))  # those of one feature alone come first
    chance = pairs.shape[1] * CLOSE ** (len(telling) - 1)
    plain = {"", *(name for name, _ in given(e, e.right.shape))}
    if any(array.size > 1 and np.allclose(array, array.flat[0]) for array in e.inputs):
        pairs = pairs[:, : len(rows)]  # where all labels are 1, products of two stand for too much
    room = allowed(t, e.largest)
    near = _near(rows[:, at], b[at], t[at], pairs, room[at])
    exact = ((i, j, round(factor_to(b * rows[i] * rows[j], t, room), 7)) for i, j in near)
    if alone:
        sound = (hit for hit in exact if abs(hit[2]) in _PLAIN)
    else:
        sound = (hit for hit in exact if hit[2] and (_is_known(hit[2]) or {words[hit[0]], words[hit[1]]} <= plain))
    found = list(islice(sound, HITS))
    for i, j, factor in sorted(found, key=lambda hit: not np.isclose(abs(hit[2]), 1)):
        yield "·".join(word for word in (words[i], words[j]) if word), factor, chance


def _is_known(factor: float) -> bool:
    sizes = abs(factor), 1 / abs(factor)
    return any(abs(size - known) <= CLOSE * known for size in sizes for known in (max(1, round(size)), *KNOWN))


def _near(rows: Numbers, base: Numbers, target: Numbers, pairs: Numbers, room: Numbers) -> Iterator[Any]:
    """Yield the pairs whose product is a multiple of the target at a few entries."""
    for i in range(0, pairs.shape[1], 4096):
        some = pairs[:, i : i + 4096]
        products = base * rows[some[0]] * rows[some[1]]
        factors = products @ target / np.sum(products * products, axis=1)
        fits = (np.abs(factors[:, np.newaxis] * products - target) <= room).all(axis=1)
        yield from some.T[fits]


def factor_to(candidate: Numbers, target: Numbers, room: Numbers) -> float:
    """Return what to multiply a candidate with for it to be the target, or 0 if nothing makes it that."""
    factor = float(np.vdot(candidate, target) / np.vdot(candidate, candidate))
    return factor if (np.abs(factor * candidate - target) <= room).all() else 0.0


def sums(e: Evidence, target: Numbers) -> Iterator[tuple[str, float, float]]:
    """Yield each product of a feature and a sum or mean of δ times a feature that is a multiple of a target."""
    if e.right.size > _LARGEST or e.delta.size != e.right.size:
        return
    delta, simple = e.delta.reshape(e.right.shape), [("", np.ones(e.right.shape)), *given(e, e.right.shape)]
    chance = len(simple) ** 2 * CLOSE ** (int(_loud(e, target[e.known]).sum()) - 1)
    room = allowed(target[e.known], e.largest)
    for axes in axes_of(delta):
        for inner, q in simple:
            total = np.sum(delta * q, axis=axes, keepdims=True)
            for outer, p in simple:
                if factor := factor_to((total * p)[e.known], target[e.known], room):
                    mean = np.isclose(abs(factor * delta.size / total.size), 1)
                    words = f"{'mean' if mean else 'Σ'}(δ{'·' * bool(inner)}{inner}) over {axes_in_words(axes, delta)}"
                    factor *= delta.size / total.size if mean else 1
                    yield f"{outer}{'·' * bool(outer)}{words}", factor, chance


def _loud(e: Evidence, target: Numbers) -> Numbers:
    """Tell where a target is large enough to prove something."""
    return np.asarray(np.abs(target) > 1e3 * NEXT_TO_NOTHING * e.largest)


def orders(shape: Sequence[int], *, shifts: bool = False) -> Iterator[tuple[str, Callable[[Numbers], Numbers]]]:
    """Yield rearrangements of an array that keep its shape, with what to call them."""
    long = [axis for axis, size in enumerate(shape) if size > 1]
    for count in range(1, min(len(long), 3) + 1):
        for axes in combinations(long, count):
            words = f"reversed along axis {axes[0]}" if count == 1 else f"reversed along axes {axes}"
            yield words, lambda m, axes=axes: np.flip(m, axes)  # type: ignore[misc]
    for order in permutations(range(len(shape))) if 2 <= len(long) <= 4 else ():
        there, back = [shape[i] for i in order], np.argsort(order)
        if list(order) == sorted(order):
            continue
        if there == list(shape):
            yield f"with its axes in the order {order}", lambda m, order=order: m.transpose(order)  # type: ignore[misc]
        for words, how in (
            ("written", lambda m, order=order: m.transpose(order).reshape(m.shape)),
            ("read", lambda m, there=there, back=back: m.reshape(there).transpose(back)),
        ):
            yield f"{words} in the order {order} of its axes", how
    for axis in long if shifts else ():
        for by in range(1, min(shape[axis], 17)):
            yield f"shifted by {by} along axis {axis}", lambda m, by=by, axis=axis: np.roll(m, by, axis)  # type: ignore[misc]
