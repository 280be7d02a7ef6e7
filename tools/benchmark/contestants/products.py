"""The matrix products of a step and nothing else: a floor that no plan of separate calls gets under by much."""

import numpy as np

from tools.benchmark.contestants.contestant import Contestant, Step
from tools.benchmark.workloads import Array, Layers


class ProductsAlone(Contestant):
    """Forward, weight gradients and error signals, into memory of their own. Computes no gradient."""

    name = "matrix products alone"

    def layers(self, workload: Layers) -> Step:
        X, _ = workload.feeds
        rng = np.random.default_rng(3)
        outputs = [X] + [rng.uniform(-1, 1, (len(X), size)).astype(X.dtype) for size in workload.sizes[1:]]
        products: list[tuple[Array, Array, Array]] = []
        for i in range(workload.depth):
            W, a = workload.parameters[f"W{i + 1}"], outputs[i + 1]
            products += [(outputs[i], W, np.empty_like(a)), (outputs[i].T, a, np.empty_like(W))]
            if i:
                products.append((a, W.T, np.empty_like(outputs[i])))

        def step() -> tuple[float, dict[str, Array]]:
            for left, right, out in products:
                left.dot(right, out)
            return 0.0, {}

        return step
