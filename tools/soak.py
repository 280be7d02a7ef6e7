"""Use one network for minutes, and watch that memory does not grow.

    python tools/soak.py --minutes 60

A round trains, compiles, differentiates, draws, saves, loads, checks, derives and pickles, on a network that stays and on one
that is new, and makes some mistakes. After each tenth of the time it prints what Python holds and what the process has;
nothing may be more than a little larger at the end than after the second tenth, when all caches are full.
"""

import argparse
import contextlib
import gc
import os
import pickle
import sys
import tempfile
import time
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1]))

import graphnet as gn

ALLOWED = 1.02, 300_000
"""Times, and bytes more."""


def network(rng: np.random.Generator) -> tuple[gn.Node, dict[gn.Node, np.ndarray]]:
    x, t = gn.input("x", shape=(None, 4)), gn.input("t", shape=(None, 2))
    E = gn.mse(gn.layers.mlp(x, [6, 2], rng=rng), t)
    return E, {x: rng.normal(size=(20, 4)), t: rng.normal(size=(20, 2))}


def use(E: gn.Node, feeds: dict[gn.Node, np.ndarray], path: Path) -> None:
    """Do everything once that one does with a network."""
    gn.fit(E, feeds, optimizer=gn.Adam(1e-3), epochs=2, batch_size=10, rng=np.random.default_rng(0), progress=False)
    bwd = gn.backward(E, feeds)
    gn.compile(E)(feeds)
    gn.forward(gn.gradients(E, bwd.graph.parameters), feeds)
    for text in (gn.draw(bwd).to_text(), gn.draw(bwd).to_svg(), gn.draw(bwd).to_html(), str(gn.derive(E)), repr(bwd)):
        assert text
    gn.save(path, E)
    assert gn.backward(gn.load(path), {x.name: value for x, value in feeds.items()})
    gn.check_gradients(E, feeds).raise_if_failed()
    assert pickle.loads(pickle.dumps(bwd))
    for mistake in (
        lambda: gn.backward(E, {}),
        lambda: gn.load(path.with_suffix(".none")),
        lambda: bwd.gradient("none"),
    ):
        with contextlib.suppress(gn.errors.GraphnetError):
            mistake()


def resident() -> int:
    """Return the bytes of memory that this process has."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def soak(seconds: float, tell: Callable[[str], None] = print) -> bool:
    """Use networks for some time; tell whether memory stayed what it was."""
    rng, start, rounds = np.random.default_rng(0), time.monotonic(), 0
    E, feeds = network(rng)
    held, had = [], []
    tracemalloc.start()
    with tempfile.TemporaryDirectory() as folder:
        for tenth in range(1, 11):
            while not rounds or time.monotonic() < start + seconds * tenth / 10:
                use(E, feeds, Path(folder, "net.gn"))
                use(*network(rng), Path(folder, "new.gn"))
                rounds += 1
            gc.collect()
            held.append(tracemalloc.get_traced_memory()[0])
            had.append(resident())
            tell(f"{rounds:6} rounds   Python holds {held[-1] / 1e6:8.3f} MB   the process has {had[-1] / 1e6:8.1f} MB")
    tracemalloc.stop()
    factor, more = ALLOWED
    return held[-1] <= factor * held[1] + more and had[-1] <= factor * had[1] + 20 * more


def main() -> int:
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--minutes", type=float, default=3)
    stays = soak(60 * arguments.parse_args().minutes)
    print("memory stays what it is" if stays else "memory grows")
    return int(not stays)


if __name__ == "__main__":
    sys.exit(main())
