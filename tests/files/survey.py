"""Load many damaged files, and see to it that nothing happens but what is promised."""

from __future__ import annotations

import contextlib
import resource
import traceback
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

import graphnet as gn
from graphnet.errors import LoadError
from tests.files.damage import SAMPLE_STATE, damage, fingerprint, sample_graph

ROOM = 200 << 20
"""Bytes that loading may need on top of what the process has: the file has a few thousand."""


TARGET = gn.Graph(sample_graph())


def graph_in(path: Path) -> Any:
    return fingerprint(gn.load(path))


def parameters_in(path: Path) -> Any:
    for parameter in TARGET.parameters:
        parameter.value[...] = 0
    try:
        gn.load_parameters(path, TARGET)
    except LoadError:
        assert not any(parameter.value.any() for parameter in TARGET.parameters), "some parameters were written"
        raise
    return [parameter.value.tobytes() for parameter in TARGET.parameters]


def state_in(path: Path) -> Any:
    return repr(gn.load_state(path))


READERS: list[Callable[[Path], Any]] = [graph_in, graph_in, parameters_in, state_in]


def survey(folder: Path, seed: int, count: int) -> tuple[Counter[str], list[str]]:
    """Damage a file in `count` ways; return how often each outcome came, and what broke a promise."""
    path = folder / "sample.gn"
    gn.save(path, sample_graph(), state=SAMPLE_STATE)
    content, originals = path.read_bytes(), {read: read(path) for read in READERS}
    outcomes: Counter[str] = Counter()
    broken: list[str] = []
    with limited_memory(ROOM):
        for number in range(seed, seed + count):
            damaged = damage(content, np.random.default_rng(number))
            path.write_bytes(damaged.content)
            read = READERS[number % len(READERS)]
            try:
                found = read(path)
            except LoadError as error:
                outcome = "refused"
                if repr(str(path)) not in str(error):
                    broken.append(f"seed {number}, {damaged.kind}: the message does not name the file: {error}")
            except BaseException as error:
                outcome = "another exception"
                broken.append(f"seed {number}, {damaged.kind}: {''.join(traceback.format_exception(error, limit=-4))}")
            else:
                same = found == originals[read]
                outcome = "the same" if same else "other contents"
                if not same and not damaged.sealed:
                    broken.append(f"seed {number}, {damaged.kind}: other contents")
            outcomes[f"{damaged.kind}: {outcome}"] += 1
    return outcomes, broken


@contextlib.contextmanager
def limited_memory(room: int) -> Iterator[None]:
    """Let the process grow by so many bytes at most; a MemoryError tells of more."""
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (pages * resource.getpagesize() + room, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, (soft, hard))
