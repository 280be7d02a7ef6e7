"""Running rules on arrays. Whatever a rule does with them, a check goes on."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from graphnet.core.op import Op
from graphnet.engine.rules import as_messages

Array = np.ndarray[Any, Any]
Messages = Sequence[Array | None]


@dataclass(frozen=True)
class Call:
    """One use of an op.

    Attributes
    ----------
    op, inputs, output
        What is called, which values it takes, and what its result is called.
    multiply_adds
        Of the matrix products in it.
    """

    op: Op
    inputs: tuple[Hashable, ...]
    output: Hashable
    multiply_adds: float = 0

    def run(self, changed: Mapping[Any, Array], values: Mapping[Any, Array]) -> Array:
        """Return its result, of values some of which have changed."""
        inputs = [changed.get(key, values[key]) for key in self.inputs]
        return run_in_domain(self.op, inputs, values[self.output].shape)


def run_in_domain(op: Op, inputs: Sequence[Array], shape: tuple[int, ...]) -> Array:
    """Return what a forward rule gives; NaN if it raises an error or gives another shape: a step has left its domain."""
    try:
        output = np.asarray(op.forward(*inputs))
    except Exception:  # of any kind: it is the rule's own; where nothing has moved it was run without
        return np.full(shape, np.nan)
    return output if output.shape == shape else np.full(shape, np.nan)


def said(op: Op, delta: Array, output: Array, inputs: Sequence[Array]) -> Messages:
    """Return what a backward rule says; raise what it raises."""
    with np.errstate(all="ignore"):
        return as_messages(op, op.backward(delta, output, *inputs), len(inputs))


def tried(op: Op, delta: Array, inputs: Sequence[Array], output: Array | None = None) -> tuple[Array, Messages] | None:
    """Return the output and, as real numbers, what the backward rule says of it; nothing where the rules can't be run.

    They are given copies: what they write into is theirs.
    """
    try:
        with np.errstate(all="ignore"):
            if output is None:
                output = np.asarray(op.forward(*[array.copy() for array in inputs]))
            messages = said(op, delta.copy(), output.copy(), [array.copy() for array in inputs])
            return output, [None if message is None else np.asarray(message, float) for message in messages]
    except Exception:  # of any kind: it is the rule's own, and these arrays may be outside its domain
        return None
