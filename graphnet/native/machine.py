"""A machine for graphs of scalars: instructions on the numbers of one array, run in C, or by one NumPy call a run.

`scalars.c` tells what a program is. Both ways give the same bits.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from graphnet import native
from graphnet.core.node import Numbers

_UFUNCS = (
    np.negative, np.square, np.add, np.subtract, np.multiply, np.divide, np.equal, np.not_equal, np.less, np.less_equal,
    np.greater, np.greater_equal, np.logical_not, np.logical_and, np.logical_or,
)  # fmt: skip

PRIMITIVES: dict[str, tuple[int, Callable[..., Any] | None]] = {
    "copy": (1, np.positive),
    **{ufunc.__name__: (ufunc.nin, ufunc) for ufunc in _UFUNCS},
    "where": (3, np.where),
    "accumulate": (1, np.positive),
    "accumulate_product": (2, np.multiply),
    "clear": (1, None),
}
"""The machine's own primitives, in the order of their numbers: how many operands, and what NumPy calls it."""

NUMBER = {name: number for number, name in enumerate(PRIMITIVES)}


class Machine:
    """A program that is run on the numbers of one array.

    Parameters
    ----------
    code
        The program, a vector of int32.
    values
        The numbers, float64 or float32.
    ufuncs
        What primitives behind the machine's own call.

    Raises
    ------
    ValueError
        If the extension is there and refuses the program.
    """

    def __init__(self, code: Numbers, values: Numbers, ufuncs: Sequence[np.ufunc]) -> None:
        self.code, self.values, self.ufuncs = code, values, tuple(ufuncs)
        self._names = [*PRIMITIVES, *(ufunc.__name__ for ufunc in ufuncs)]
        self._native = native._native.Machine(code, values, self.ufuncs) if native.AVAILABLE else None

    def run(self) -> None:
        """Run the program once. Where NumPy would warn, NumPy runs it again: it knows what to say, and to whom."""
        if self._native is None or ((raised := self._native.run()) and raised & _heeded()):
            self.run_by_numpy()

    def run_by_numpy(self) -> None:
        """Run the program, one NumPy call for each run of instructions."""
        values, add = self.values, np.add.at
        functions = [*(function for _, function in PRIMITIVES.values()), *self.ufuncs]
        for number, (place, *operands) in self.runs():
            function = functions[number]
            if function is None:
                values[place[0] : operands[0][0] + 1] = -0.0
            elif number in _ACCUMULATING:
                add(values, place, function(*[values[operand] for operand in operands]))
            else:
                values[place] = function(*[values[operand] for operand in operands])

    def runs(self) -> Iterator[tuple[int, Numbers]]:
        """Yield each run of instructions: its primitive, and the places of results, first operands, second operands ..."""
        widths = [*(1 + operands for operands, _ in PRIMITIVES.values()), *(1 + ufunc.nin for ufunc in self.ufuncs)]
        at = 0
        while at < len(self.code):
            number, count = self.code[at : at + 2].tolist()
            at += 2 + count * widths[number]
            yield number, self.code[at - count * widths[number] : at].reshape(count, -1).T

    def __iter__(self) -> Iterator[tuple[str, ...]]:
        """Yield a line of a table for each run."""
        for number, (_, *operands) in self.runs():
            shape = str(operands[0].shape)
            parts = ", ".join([shape] * len(operands))
            yield "scalars", self._names[number], parts, shape, "values", str(operands[0].size * self.values.itemsize)

    def __repr__(self) -> str:
        return "runs of instructions in C" if self._native else "a NumPy call for each run"


def _heeded() -> int:
    """Return the floating-point flags that NumPy is not told to ignore."""
    return sum(1 << bit for bit, then in enumerate(np.geterr().values()) if then != "ignore")


_ACCUMULATING = {NUMBER["accumulate"], NUMBER["accumulate_product"]}
