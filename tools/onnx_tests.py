"""Run ONNX's own tests of its ops: which are eligible, pass, are refused, and give wrong numbers.

    python tools/onnx_tests.py [part of a name]

Eligible is each test whose inputs and outputs are arrays of float32, float64, int32, int64 or bool, and that is of no training,
sequence, text, quantised, random or control-flow op. Inputs that say a shape are given as known where it is refused without.
"""

from __future__ import annotations

import sys
import warnings
from collections import Counter
from typing import Any

import numpy as np
from onnx.backend.test.case.node import collect_testcases

import graphnet as gn

TYPES = {1, 6, 7, 9, 11}
OTHER = {
    "Adagrad",
    "Adam",
    "Momentum",
    "Gradient",
    "If",
    "Loop",
    "Scan",
    "Bernoulli",
    "RandomNormal",
    "RandomUniform",
    "Multinomial",
}
TEXT = {"StringConcat", "StringNormalizer", "StringSplit", "TfIdfVectorizer", "RegexFullMatch"}
QUANTISED = ("Quantize", "Dequantize", "QLinear", "Integer", "Sequence", "Optional", "training")


def eligible(case: Any) -> bool:
    """Tell whether graphnet has the types of a test, and it is of no op that is left out."""
    graph = case.model.graph
    kinds = [value.type for value in [*graph.input, *graph.output]]
    if not all(kind.HasField("tensor_type") and kind.tensor_type.elem_type in TYPES for kind in kinds):
        return False
    ops = {node.op_type for node in graph.node}
    texts = any(part in op for op in ops for part in QUANTISED)
    return not texts and not ops & (OTHER | TEXT) and "training" not in case.name


def judge(case: Any) -> tuple[str, str]:
    """Return how a test went, "passed", "refused", "wrong" or "untyped", and why."""
    arrays = {value.name: np.asarray(a) for value, a in zip(case.model.graph.input, case.data_sets[0][0], strict=False)}
    whole = {name: array for name, array in arrays.items() if array.dtype.kind in "iub"}
    scalars = {name: array for name, array in arrays.items() if array.size <= 4} | whole
    problem: Any = ""
    for known in ({}, whole, scalars):
        try:
            graph = gn.from_onnx(case.model, known=known)
            fed = {name: array for name, array in arrays.items() if name in {each.name for each in graph.inputs}}
            fwd = gn.forward(graph, fed)
        except gn.errors.GraphnetError as error:
            problem = error
            continue
        except Exception as error:  # of any kind: that there is none is what is tested
            return "untyped", f"{type(error).__name__}: {error}"
        for node, expected in zip(graph.outputs, case.data_sets[0][1], strict=True):
            got, expected = np.asarray(fwd[node]), np.asarray(expected)
            if got.shape != expected.shape:
                return "wrong", f"shape {got.shape}, expected {expected.shape}"
            if not np.allclose(
                got.astype(float), expected.astype(float), case.rtol, max(case.atol, 1e-6), equal_nan=True
            ):
                return "wrong", f"largest difference {np.abs(got.astype(float) - expected).max():.3g}"
        return "passed", "with integers known" if known else ""
    return "refused", str(problem)


def cases(part: str = "") -> list[Any]:
    """Return the tests that are eligible."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of making them
        return [case for case in collect_testcases(None) if part in case.name and eligible(case)]


def main() -> None:
    """Run them all, and print what came."""
    count, ops, refused = Counter[str](), set[str](), Counter[str]()
    for case in cases(*sys.argv[1:2]):
        with np.errstate(all="ignore"), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            outcome, why = judge(case)
        count["eligible"] += 1
        count[outcome] += 1
        names = {node.op_type for node in case.model.graph.node}
        if outcome == "passed":
            ops |= names
            count["of these with integer inputs known beforehand"] += bool(why)
        elif outcome == "refused":
            refused[why.replace("\n", " ")[:150]] += 1
        if outcome in ("wrong", "untyped") or sys.argv[1:]:
            print(f"{outcome}: {case.name}: {why[:300]}")
    print(
        *(f"{number:5} {what}" for what, number in count.items()), f"{len(ops):5} distinct ops in what passed", sep="\n"
    )
    print("refused:", *(f"{number:5} {why}" for why, number in refused.most_common()), sep="\n")


if __name__ == "__main__":
    main()
