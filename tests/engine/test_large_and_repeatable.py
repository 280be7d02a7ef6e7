"""Long chains need no recursion, and every process computes the same bits."""

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

import graphnet as gn

ROOT = Path(__file__).parents[2]
LENGTH = 100_000


@pytest.fixture(scope="module")
def chain():
    w = gn.parameter("w", 1.0)
    y = gn.parameter("x", 1e-3)
    for _ in range(LENGTH // 2):
        y = gn.tanh(w * y)
    return gn.Graph(y)


def test_a_chain_of_100_000_nodes_runs_both_ways(chain):
    bwd = gn.backward(chain, {})
    assert len(bwd.error_signals) == len(chain) == LENGTH + 2
    assert len(bwd.messages("w")) == LENGTH // 2
    assert 0 < bwd.gradient("x") < 1


def test_it_is_printed_in_short(chain):
    assert f"{LENGTH + 2} nodes" in repr(chain)
    assert len(repr(gn.backward(chain, {})).splitlines()) < 100


def test_its_gradients_are_built_run_and_die():
    w = gn.parameter("w", 0.5)
    y = w
    for _ in range(LENGTH):
        y = -y
    (dw,) = gn.gradients(y, [w])
    assert len(gn.Graph(dw)) == LENGTH + 1
    assert gn.forward(dw, {})[dw] == 1.0
    del y, dw


DIGEST = """
import hashlib
import numpy as np
import graphnet as gn

rng = np.random.default_rng(0)
x, t = gn.input("x", (None, 3)), gn.input("t", (None, 2))
layers = [gn.parameter(f"W{i}", rng.normal(size=(3, 3))) for i in range(6)]
parts = [gn.tanh(x @ W + W[0], name=f"a{i}") for i, W in enumerate(layers)]
total = parts[0] * parts[1]
for i, part in enumerate(parts):
    total = total + part * parts[i - 2] + gn.softmax(part @ layers[i - 1])
E = gn.sse(total[:, :2], t) + gn.mean(gn.exp(0.1 * total))
bwd = gn.backward(E, {x: rng.normal(size=(5, 3)), t: rng.normal(size=(5, 2))})
digest = hashlib.sha256()
for node in bwd.graph.nodes:
    digest.update(bwd.graph.label(node).encode() + bwd[node].tobytes() + bwd.error_signal(node).tobytes())
print(digest.hexdigest())
"""


def in_a_fresh_process(code, seed="random"):
    environment = {
        "PYTHONHASHSEED": str(seed),
        "PYTHONPATH": str(ROOT),
        "OMP_NUM_THREADS": "1",
        "OPENBLAS_NUM_THREADS": "1",
    }
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    return done.stdout.strip()


def test_20_processes_give_one_bit_pattern():
    with ThreadPoolExecutor(2) as pool:
        digests = list(pool.map(lambda seed: in_a_fresh_process(DIGEST, seed), range(20)))
    assert len(set(digests)) == 1


def test_importing_graphnet_loads_only_numpy():
    heavy = {"networkx", "graphviz", "pygraphviz", "tqdm", "matplotlib", "sklearn", "scipy", "autograd"}
    loaded = in_a_fresh_process("import sys, graphnet; print(*{name.partition('.')[0] for name in sys.modules})")
    assert heavy.isdisjoint(loaded.split())
