"""Runs of the tests in processes forked off one that has imported what they need, a mutant in place or none."""

from __future__ import annotations

import contextlib
import importlib.util
import math
import multiprocessing
import os
import signal
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib.machinery import ModuleSpec, SourceFileLoader
from itertools import accumulate
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from tools.mutation.mutants import FOLDER, ROOT, Mutant

PACKAGE = ".".join(FOLDER.relative_to(ROOT).parts)
UNTOUCHED = tuple(f"graphnet.{part}" for part in ("errors", "core", "ops", "engine"))
"""What the checks are built on: imported once, by the parent."""
FORK = multiprocessing.get_context("fork")
OPTIONS = ["-q", "-x", "--assert=plain", "--hypothesis-seed=0", *["-p", "no:cacheprovider", "-p", "no:xdist"]]
MEMORY = 4 << 30
"""Bytes that a mutant may ask for."""
PATIENCE = 20
"""How many times as long as usual a test may take, and ten seconds more."""


@dataclass(frozen=True)
class Baseline:
    """What the tests do while nothing is changed.

    Attributes
    ----------
    seconds
        How long each test takes, by its name.
    on_line
        {file: {line: tests that run it}}; lines that run on import have all tests.
    """

    seconds: dict[str, float]
    on_line: dict[str, dict[int, set[str]]]

    def tests(self, mutant: Mutant, most: float) -> dict[str, float]:
        """Return the tests that run what is changed, the quickest first, of some seconds in all; and how long each takes."""
        on_line = self.on_line.get(mutant.path.name, {})
        found = set[str]().union(*(on_line.get(line, ()) for line in mutant.lines))
        tests = sorted((self.seconds[name], name) for name in found)
        so_far = accumulate(seconds for seconds, _ in tests)
        return {name: seconds for (seconds, name), spent in zip(tests, so_far, strict=True) if spent - seconds < most}


def prepare() -> None:
    """Import what every run needs, except for what is changed."""
    os.chdir(ROOT)
    import matplotlib.figure  # noqa: F401

    import graphnet  # noqa: F401

    for name in [name for name in sys.modules if name.split(".")[0] == "graphnet" and not name.startswith(UNTOUCHED)]:
        del sys.modules[name]


def measure(tests: Sequence[str]) -> Baseline:
    """Run all tests, and see how long each takes and which lines it runs.

    Raises
    ------
    RuntimeError
        If one fails.
    """
    outcome = _forked(_measured, tests)
    if not isinstance(outcome, Baseline):
        raise RuntimeError(f"with nothing changed, the tests do not pass: {outcome}")
    return outcome


def killer(mutant: Mutant | None, tests: Mapping[str, float]) -> str:
    """Run tests with a mutant in place; return the one that fails, or what else went wrong, or nothing if all pass."""
    return str(_forked(_judged, mutant, tests))


def _forked(run: Callable[..., Any], *arguments: Any) -> Any:
    """Return what a function sends back from a process of its own."""
    receiver, sender = FORK.Pipe(duplex=False)
    child = FORK.Process(target=_silently, args=(run, sender, *arguments))
    child.start()
    sender.close()
    try:
        return receiver.recv()
    except EOFError:
        return "a test took too long, or the process died"
    finally:
        child.join()


def _silently(run: Callable[..., Any], sender: Connection, *arguments: Any) -> None:
    import resource

    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    with open(os.devnull, "w") as nowhere, contextlib.redirect_stdout(nowhere), contextlib.redirect_stderr(nowhere):
        sender.send(run(*arguments))


def _measured(tests: Sequence[str]) -> Baseline | str:
    import coverage
    import pytest

    recorder = coverage.Coverage(data_file=None, include=[f"{FOLDER}/*"])
    watch = _Watch(recorder.switch_context)
    recorder.start()
    code = pytest.main([*OPTIONS, *tests], plugins=[watch])
    recorder.stop()
    if code:
        return watch.failed or f"pytest ended with {code}"
    every, data = set(watch.seconds), recorder.get_data()
    on_line = {
        Path(file).name: {
            line: every if "" in names else set(names) for line, names in data.contexts_by_lineno(file).items()
        }
        for file in data.measured_files()
    }
    return Baseline(watch.seconds, on_line)


def _judged(mutant: Mutant | None, tests: Mapping[str, float]) -> str:
    import pytest

    if mutant:
        sys.meta_path.insert(0, _Swap(mutant))
    watch = _Watch(usual=tests)
    files = dict.fromkeys(name.split("::")[0] for name in tests)
    code = pytest.main([*OPTIONS, *files], plugins=[watch])
    return watch.failed or (f"pytest ended with {code}" if code else "")


class _Watch:
    """A plugin of pytest: runs chosen tests in the order given, times them, and tells which one failed."""

    def __init__(self, switch: Callable[[str], None] | None = None, usual: Mapping[str, float] | None = None) -> None:
        self._switch, self._usual = switch, usual
        self.seconds: dict[str, float] = {}
        self.failed = ""

    def pytest_collection_modifyitems(self, items: list[Any]) -> None:
        if self._usual is not None:
            found = {item.nodeid: item for item in items}
            items[:] = [found[name] for name in self._usual]

    def pytest_runtest_setup(self, item: Any) -> None:
        if self._switch:
            self._switch(item.nodeid)
        if self._usual is not None:
            signal.alarm(math.ceil(10 + PATIENCE * self._usual[item.nodeid]))  # it ends the process

    def pytest_runtest_logreport(self, report: Any) -> None:
        self.seconds[report.nodeid] = self.seconds.get(report.nodeid, 0.0) + report.duration
        if report.failed:
            self.failed = report.nodeid

    def pytest_collectreport(self, report: Any) -> None:
        if report.failed:
            self.failed = f"collecting {report.nodeid}"


class _Swap:
    """Finds the one module that is changed."""

    def __init__(self, mutant: Mutant) -> None:
        self._mutant, self._name = mutant, f"{PACKAGE}.{mutant.path.stem}".removesuffix(".__init__")

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> ModuleSpec | None:
        if name != self._name:
            return None
        file = str(self._mutant.path)
        return importlib.util.spec_from_file_location(name, file, loader=_Loader(self._mutant, name, file))


class _Loader(SourceFileLoader):
    """Loads a mutant."""

    def __init__(self, mutant: Mutant, name: str, file: str) -> None:
        super().__init__(name, file)
        self._mutant = mutant

    def get_code(self, fullname: str) -> Any:
        return self._mutant.code()
