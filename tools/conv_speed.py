"""Time conv2d, forward and backward, against torch on one thread: medians of interleaved runs.

    python -m tools.conv_speed [--rounds 40] [--dtype float32]

Batch 32, 16 channels, 28×28, kernels of 3×3, padding 1. "Rules" is what the two rules take by themselves, "step" a compiled
step of sum(conv2d(x, W) ⊙ c) with gradients by x and W. Needs torch, and threadpoolctl, which comes with scikit-learn.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable

import numpy as np
import torch
from threadpoolctl import threadpool_limits

import graphnet as gn


def contestants(dtype: str) -> dict[str, Callable[[], object]]:
    rng = np.random.default_rng(0)
    x, W, delta = (rng.normal(size=size).astype(dtype) for size in ((32, 16, 28, 28), (16, 16, 3, 3), (32, 16, 28, 28)))
    op = gn.ops.Conv2d(padding=(1, 1))

    def rules() -> object:
        return op.backward(delta, op.forward(x, W), x, W)

    images, kernels = gn.parameter("x", x), gn.parameter("W", W)
    step = gn.compile(gn.sum(gn.conv2d(images, kernels, padding=1) * delta))

    torch.set_num_threads(1)
    theirs, their_kernels, signal = (
        torch.tensor(x, requires_grad=True),
        torch.tensor(W, requires_grad=True),
        torch.tensor(delta),
    )

    def eager() -> object:
        theirs.grad = their_kernels.grad = None
        torch.nn.functional.conv2d(theirs, their_kernels, padding=1).backward(signal)
        return theirs.grad, their_kernels.grad

    for mine, other in zip(rules(), eager(), strict=True):
        np.testing.assert_allclose(mine, other, rtol=1e-3, atol=1e-2 if dtype == "float32" else 1e-9)
    return {"rules": rules, "step": lambda: step({}), "torch eager": eager}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=40)
    parser.add_argument("--dtype", choices=("float32", "float64"), default="float32")
    options = parser.parse_args()
    runs = contestants(options.dtype)
    seconds: dict[str, list[float]] = {name: [] for name in runs}
    with threadpool_limits(1):
        for _ in range(options.rounds):
            for name, run in runs.items():
                start = time.perf_counter()
                run()
                seconds[name].append(time.perf_counter() - start)
    reference = np.median(seconds["torch eager"])
    for name, samples in seconds.items():
        median = np.median(samples)
        print(f"{name:12} {median * 1e3:7.2f} ms  {median / reference:5.2f} × torch eager")


if __name__ == "__main__":
    main()
