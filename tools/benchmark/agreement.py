"""All contestants compute the same gradients, or there is nothing to compare."""

import math

import numpy as np

from tools.benchmark.timing import Entry
from tools.benchmark.workloads import Array, Workload


class Disagreement(Exception):
    """A contestant's gradients differ from those of the first by more than rounding."""


def compare(entries: list[Entry], workload: Workload) -> None:
    """Fill in each entry's largest difference from the first, or raise.

    A difference is relative to the largest entry of its array: an entry that is nearly zero by cancellation has no
    digits of its own to agree in.
    """
    took_part = [entry for entry in entries if entry.result is not None and entry.result[1]]
    for entry in took_part:
        loss, gradients = entry.result
        right_loss, right = took_part[0].result
        differences = {name: difference(gradients[name], right[name]) for name in right}
        differences["loss"] = abs(loss - right_loss) / max(abs(right_loss), math.ulp(0))
        worst = max(differences, key=lambda name: differences[name])
        entry.difference = differences[worst]
        if not entry.difference <= workload.tolerance:
            raise Disagreement(
                f"{workload.name}: {entry.contestant} differs from {took_part[0].contestant} by "
                f"{entry.difference:.1e} in {worst}, allowed are {workload.tolerance:.0e}"
            )
    for entry in entries:
        entry.result = None


def difference(left: Array, right: Array) -> float:
    if left.shape != right.shape or left.dtype != right.dtype:
        return math.inf
    largest = np.abs(right).max()
    if not np.isfinite(largest) or largest < 1e-200:
        return math.inf  # overflow or underflow: the workload would time special cases of the processor
    return float(np.abs(left - right).max() / largest)
