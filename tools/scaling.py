"""What training by JAX sends from device to device in a step, how it grows, and a network that no single device need hold.

    python -m tools.scaling                          # on 8 simulated devices, read from the compiled program
    python -m tools.scaling --large 100000000        # also a network of so many parameters: built, split, lowered, not run
    python -m tools.scaling --processes 1 2 4        # also real processes over loopback, whose numbers must be equal

Simulated devices share this machine's cores: calls, bytes and work of each device are what a cluster would have, times not.
"""

import argparse
import os
import re
import resource
import socket
import subprocess
import sys
import tempfile
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

import graphnet as gn

SIZES = 784, 256, 128, 10


def network(sizes: tuple[int, ...], dtype: Any = np.float32) -> gn.Graph:
    """Return the loss of a fully connected network."""
    x, t = gn.input("x", (None, sizes[0])), gn.input("t", (None, sizes[-1]))
    a = x
    for i, (rows, columns) in enumerate(pairwise(sizes), 1):
        W = gn.parameter(f"W{i}", np.zeros((rows, columns), dtype))
        a = np.tanh(a @ W + gn.parameter(f"b{i}", np.zeros(columns, dtype)))
    return gn.Graph(gn.mse(a, t, name="E"))


def lowered(graph: gn.Graph, mesh: Any, batch: int, steps: int = 10) -> Any:
    """Return the scan over some steps of Adam, lowered for a mesh: of shapes alone, no array is sent."""
    import jax

    from graphnet.interop.jax_engine import Runner

    adam = gn.Adam()
    runner = Runner(graph, mesh, adam, raising=False)
    dtype = graph.parameters[0].dtype
    shapes = {graph.label(each): jax.ShapeDtypeStruct(each.shape, dtype) for each in graph.parameters}
    state = {label: dict.fromkeys(("value", *adam.remembers), shape) for label, shape in shapes.items()}
    fed = {each.name: jax.ShapeDtypeStruct((steps, batch, *each.shape[1:]), dtype) for each in graph.inputs}
    numbers = jax.ShapeDtypeStruct((steps, 2), np.dtype(float))
    with jax.enable_x64(True):
        return runner.scan.lower(dtype, *runner.arguments(jax.ShapeDtypeStruct.update, state, {}, fed, numbers))


def sent(program: str) -> dict[str, tuple[int, int]]:
    """Return {kind of call between devices: (calls, bytes)} of a step, from the text of a compiled program."""
    found: dict[str, tuple[int, int]] = {}
    for made, kind in re.findall(
        r"= (.*?) (all-reduce|all-gather|reduce-scatter|all-to-all|collective-permute)(?:-start)?\(", program
    ):
        sizes = [
            int(bits) // 8 * int(np.prod([int(n) for n in shape.split(",") if n]))
            for bits, shape in re.findall(r"[fsu](\d+)\[([\d,]*)\]", made)
        ]
        calls, total = found.get(kind, (0, 0))
        found[kind] = calls + 1, total + sum(sizes)
    return found


def table() -> None:
    """Print calls, bytes and work of a step, for a batch that stays and one that grows with the devices."""
    import jax
    from jax.sharding import Mesh

    graph = network(SIZES)
    gradients = sum(each.value.nbytes for each in graph.parameters)
    print(f"{'-'.join(map(str, SIZES))}, float32: its gradients are {gradients:,} bytes")
    for title, batch_of in (("strong: 128 samples", lambda n: 128), ("weak: 128 samples a device", lambda n: 128 * n)):
        print(f"{title}\n  devices  samples  calls  bytes summed  work of a device")
        for n in (1, 2, 4, 8):
            compiled = lowered(graph, Mesh(np.array(jax.devices()[:n]), ("batch",)), batch_of(n)).compile()
            calls, size = sent(compiled.as_text()).get("all-reduce", (0, 0))
            print(
                f"  {n:7}  {batch_of(n):7}  {calls:5}  {size:12,}  {compiled.cost_analysis()['flops'] / 1e6:10.1f} Mflop"
            )
    ring = 2 * (1 - 1 / 1000) * gradients
    print(
        f"on paper, 1,000 devices in a ring: each sends and receives {ring:,.0f} bytes a step, however many samples\n"
    )


def large(parameters: int) -> None:
    """Build a network of many parameters, split it over 4 × 2 devices, and lower a step."""
    import jax
    from jax.sharding import Mesh

    side = round((parameters / 4) ** 0.5)
    graph = network((side,) * 5)
    mesh = Mesh(np.array(jax.devices()).reshape(4, 2), ("samples", "units"))
    text = lowered(graph, mesh, 64).as_text()
    held = sum(each.value.nbytes for each in graph.parameters)
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    print(
        f"{sum(each.size for each in graph.parameters):,} parameters, {held / 1e6:,.0f} MB: lowered to {len(text):,} letters; "
        f"the process took {most / 1e6:,.0f} MB at most. A device would hold {3 * held / 2 / 1e6:,.0f} MB of values and memory"
    )


TARGET = """
import numpy as np, graphnet as gn
def network():
    rng = np.random.default_rng(0)
    x, t = gn.input("x", (None, 20)), gn.input("t", (None, 3))
    a = np.tanh(x @ gn.parameter("W", rng.normal(size=(20, 30))))
    loss = gn.mse(a @ gn.parameter("V", rng.normal(size=(30, 3))), t)
    feeds = {x: rng.normal(size=(200, 20)), t: rng.normal(size=(200, 3))}
    return loss, feeds, {"epochs": 5, "optimizer": gn.Adam(0.01), "batch_size": 32}
"""


def together(counts: list[int]) -> None:
    """Train in several processes over loopback, two devices each, and compare with NumPy."""
    flags = {"XLA_FLAGS": "--xla_force_host_platform_device_count=2", "PYTHONPATH": str(Path(__file__).parents[1])}
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "net.py").write_text(TARGET)
        command = [sys.executable, "-m", "graphnet", "train", "net.py:network", "--seed", "1", "-o"]
        subprocess.run(
            [*command, "0.gn"], cwd=folder, env={**os.environ, **flags}, check=True, stdout=subprocess.DEVNULL
        )
        expected = gn.load(f"{folder}/0.gn").parameters
        for n in counts:
            with socket.socket() as probe:
                probe.bind(("127.0.0.1", 0))
                where = f"127.0.0.1:{probe.getsockname()[1]}"
            shared = ["--engine", "jax", "--coordinator", where, "--processes", str(n)]
            started = [
                subprocess.Popen(
                    [*command, f"{n}.gn", *shared, "--process", str(i)], cwd=folder, env={**os.environ, **flags},
                    stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                )
                for i in range(n)
            ]  # fmt: skip
            codes = [process.wait(timeout=300) for process in started]
            found = zip(gn.load(f"{folder}/{n}.gn").parameters, expected, strict=True)
            worst = max(np.abs(mine.value - theirs.value).max() for mine, theirs in found)
            print(f"{n} processes of 2 devices: exit codes {codes}, parameters differ by {worst:.1e} from NumPy's")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--large", type=int, metavar="PARAMETERS")
    parser.add_argument("--processes", type=int, nargs="+", default=[])
    options = parser.parse_args()
    if options.processes:
        together(options.processes)
    os.environ["XLA_FLAGS"] = "--xla_force_host_platform_device_count=8"
    table()
    if options.large:
        large(options.large)


if __name__ == "__main__":
    main()
