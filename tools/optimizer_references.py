"""Make tests/train/optimizers.json: the parameters after some of 50 steps, as torch's optimisers take them.

    python -m tools.optimizer_references tests/train/optimizers.json

The error is E = Σ (a − t)⁴ / 4 + Σ sin(w) over two parameters: its gradients change size and sign on the way. Needs torch;
the tests read the figures only.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch

STEPS = 50
KEPT = (1, 2, 3, 5, 10, 20, 30, 40, 50)

Make = Callable[[Any], torch.optim.Optimizer]
CASES: dict[str, tuple[Make, dict[str, Any]]] = {
    "gradient_descent": (lambda p: torch.optim.SGD(p, lr=0.02), {}),
    "gradient_descent_decay": (lambda p: torch.optim.SGD(p, lr=0.02, weight_decay=0.1), {}),
    "momentum": (lambda p: torch.optim.SGD(p, lr=0.01, momentum=0.9), {}),
    "momentum_decay": (lambda p: torch.optim.SGD(p, lr=0.01, momentum=0.8, weight_decay=0.05), {}),
    "nesterov": (lambda p: torch.optim.SGD(p, lr=0.01, momentum=0.9, nesterov=True), {}),
    "nesterov_decay": (lambda p: torch.optim.SGD(p, lr=0.01, momentum=0.9, nesterov=True, weight_decay=0.05), {}),
    "rmsprop": (lambda p: torch.optim.RMSprop(p, lr=0.02), {}),
    "rmsprop_settings": (lambda p: torch.optim.RMSprop(p, lr=0.02, alpha=0.9, eps=1e-3, weight_decay=0.1), {}),
    "adam": (lambda p: torch.optim.Adam(p, lr=0.05), {}),
    "adam_settings": (lambda p: torch.optim.Adam(p, lr=0.05, betas=(0.8, 0.95), eps=1e-3, weight_decay=0.1), {}),
    "adamw": (lambda p: torch.optim.AdamW(p, lr=0.05), {}),
    "adamw_settings": (lambda p: torch.optim.AdamW(p, lr=0.05, betas=(0.8, 0.95), eps=1e-3, weight_decay=0.3), {}),
    "clip_norm": (lambda p: torch.optim.SGD(p, lr=0.02, momentum=0.5), {"clip_norm": 0.5}),
    "clip_value": (lambda p: torch.optim.SGD(p, lr=0.02, momentum=0.5), {"clip_value": 0.3}),
    "step_decay": (
        lambda p: torch.optim.SGD(p, lr=0.05),
        {"schedule": lambda o: torch.optim.lr_scheduler.StepLR(o, step_size=10, gamma=0.5)},
    ),
    "exponential": (
        lambda p: torch.optim.Adam(p, lr=0.1),
        {"schedule": lambda o: torch.optim.lr_scheduler.ExponentialLR(o, gamma=0.95)},
    ),
    "cosine": (
        lambda p: torch.optim.SGD(p, lr=0.05),
        {"schedule": lambda o: torch.optim.lr_scheduler.CosineAnnealingLR(o, T_max=50, eta_min=0.001)},
    ),
}


def start() -> dict[str, np.ndarray]:
    rng = np.random.default_rng(0)
    return {
        "W": rng.normal(size=(3, 2)),
        "b": rng.normal(size=2),
        "x": rng.normal(size=(4, 3)),
        "t": rng.normal(size=(4, 2)),
    }


def run(
    make: Make, clip_norm: float | None = None, clip_value: float | None = None, schedule: Any = None
) -> dict[int, list[float]]:
    first = {name: torch.tensor(array) for name, array in start().items()}
    W, b = first["W"].requires_grad_(), first["b"].requires_grad_()
    optimizer = make([W, b])
    scheduler = schedule(optimizer) if schedule else None
    trace = {}
    for step in range(1, STEPS + 1):
        optimizer.zero_grad()
        error = ((first["x"] @ W + b - first["t"]) ** 4).sum() / 4 + torch.sin(W).sum()
        error.backward()
        if clip_norm is not None:
            torch.nn.utils.clip_grad_norm_([W, b], clip_norm)
        if clip_value is not None:
            torch.nn.utils.clip_grad_value_([W, b], clip_value)
        optimizer.step()
        if scheduler:
            scheduler.step()
        if step in KEPT:
            trace[step] = [*W.detach().numpy().ravel().tolist(), *b.detach().numpy().tolist()]
    return trace


def main(path: Path) -> None:
    figures = {
        "made by": f"python -m tools.optimizer_references, torch {torch.__version__}",
        "start": {name: array.tolist() for name, array in start().items()},
        "parameters after steps: W row by row, then b": {
            name: run(make, **options) for name, (make, options) in CASES.items()
        },
    }
    path.write_text(json.dumps(figures) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
