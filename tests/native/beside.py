"""Each instruction beside the call of Python that it stands for: the same bits, but for those of NaN, and the same warnings."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import numpy as np

from graphnet.native import Calls

Call = tuple[Callable[..., Any], tuple[Any, ...]]


def arrays_in(things: Iterable[Any]) -> Iterator[np.ndarray[Any, Any]]:
    """Yield all arrays in nested tuples."""
    for thing in things:
        if isinstance(thing, np.ndarray):
            yield thing
        elif isinstance(thing, tuple):
            yield from arrays_in(thing)


def written(call: Call) -> np.ndarray[Any, Any]:
    """Return the array that a call writes into."""
    function, arguments = call
    if hasattr(function, "keywords"):
        return function.keywords["out"]
    if function is np.copyto:
        return arguments[0]
    return list(arrays_in(arguments))[-1]


def whole(array: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Return the array that a view is a part of: what lies beside it must stay as it is."""
    while isinstance(array.base, np.ndarray):
        array = array.base
    return array


def outcome(run: Callable[[], Any], out: np.ndarray[Any, Any]) -> tuple[bytes, list[str]]:
    """Return the memory written into, and what was warned of."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        run()
    memory = whole(out).copy()
    if memory.dtype.kind == "f":
        memory[np.isnan(memory)] = np.nan  # which of two NaNs an operation gives differs from lane to lane
    return memory.tobytes(), sorted(str(warning.message) for warning in caught)


def compare(call: Call) -> bool:
    """Require of a call made natively the bits and the warnings of Python's; tell whether it is an instruction.

    What the call writes into may be what it reads: it is put back before the second time.
    """
    function, arguments = call
    native = Calls([call], [], {}, [])
    if not native.native[0]:
        return False
    out = written(call)
    before = whole(out).copy()
    try:
        expected = outcome(lambda: function(*arguments), out)
    except Exception as error:
        raise AssertionError(f"an instruction was made of {call}, which Python refuses: {error}") from error
    whole(out)[...] = before
    found = outcome(lambda: native.run(()), out)
    if found != expected:
        name = getattr(function, "__name__", function)
        shapes = [(array.shape, array.strides, str(array.dtype)) for array in arrays_in(arguments)]
        raise AssertionError(f"{name} of {shapes}: {found[1]} {out.ravel()[:8]}, expected {expected[1]}")
    return True


def compare_program(calls: Iterable[Call]) -> tuple[int, int]:
    """Run a program call by call, each natively and by Python; return how many are instructions, and how many there are."""
    made = count = 0
    for call in calls:
        count += 1
        if compare(call):
            made += 1
        else:
            call[0](*call[1])
    return made, count
