"""Time a full check of all gradients beside torch.autograd.gradcheck, on the same network, in turns.

    python tools/check_speed.py --rounds 5

Needs torch (the extra `bench`). Both compare every parameter in float64 by central differences; graphnet checks each rule
alone besides, and runs each of them six times for its properties.
"""

import argparse
import statistics
import time
from itertools import pairwise

import numpy as np

import graphnet as gn

NETWORKS = {"2-16-16-1, batch 32": ((2, 16, 16, 1), 32), "64-64-10, batch 16": ((64, 64, 10), 16)}


def arrays(sizes, batch):
    """Return the parameters, and the inputs and targets."""
    rng = np.random.default_rng(0)
    parameters = []
    for i, o in pairwise(sizes):
        parameters += [rng.normal(size=(i, o)) / np.sqrt(i), rng.normal(size=o) / 10]
    return parameters, rng.normal(size=(batch, sizes[0])), rng.normal(size=(batch, sizes[-1]))


def with_graphnet(parameters, X, T):
    a = x = gn.input("x", shape=(None, X.shape[1]))
    for i in range(0, len(parameters), 2):
        a = gn.tanh(a @ gn.parameter(f"W{i}", parameters[i]) + gn.parameter(f"b{i}", parameters[i + 1]))
    t = gn.input("t", shape=(None, T.shape[1]))
    E = gn.sse(a, t)

    def check():
        report = gn.check_gradients(E, {x: X, t: T})
        assert report.ok, report.verdict
        totals = [finding for finding in report.findings if not finding.local]
        assert sum(f.entries for f in totals) == sum(p.size for p in parameters)

    return check


def with_torch(parameters, X, T):
    import torch

    torch.set_num_threads(1)
    given = [torch.tensor(p, requires_grad=True) for p in parameters]
    x, t = torch.tensor(X), torch.tensor(T)

    def loss(*weights):
        a = x
        for i in range(0, len(weights), 2):
            a = torch.tanh(a @ weights[i] + weights[i + 1])
        return 0.5 * ((a - t) ** 2).sum()

    return lambda: torch.autograd.gradcheck(loss, given)


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--rounds", type=int, default=5, help="timings of each")
    chosen = arguments.parse_args()
    print("network                 parameters   graphnet   gradcheck      ratio")
    for name, (sizes, batch) in NETWORKS.items():
        parameters, X, T = arrays(sizes, batch)
        checks = [with_graphnet(parameters, X, T), with_torch(parameters, X, T)]
        times: list[list[float]] = [[], []]
        for turn in range(chosen.rounds + 1):
            for check, measured in zip(checks, times, strict=True):
                began = time.perf_counter()
                check()
                if turn:  # the first is to warm up
                    measured.append(time.perf_counter() - began)
        ours, theirs = (1e3 * statistics.median(measured) for measured in times)
        count = sum(p.size for p in parameters)
        print(f"{name:22} {count:11} {ours:7.1f} ms {theirs:8.1f} ms {theirs / ours:8.1f} x")


if __name__ == "__main__":
    main()
