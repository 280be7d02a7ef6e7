"""Runs of the tests: they are imported once, and each mutant meets them in a process forked off for it."""

from __future__ import annotations

import gc
import importlib
import inspect
import math
import multiprocessing
import os
import resource
import signal
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import accumulate, pairwise
from multiprocessing.connection import Connection
from pathlib import Path
from types import FunctionType, ModuleType
from typing import Any

import numpy as np

from graphnet.core import registry
from tools.mutation.mutants import ROOT, Mutant, files

FORK = multiprocessing.get_context("fork")
OWN_TESTS = "tests/check/test_mutation.py"
OPTIONS = [
    "-q",
    "-s",
    "--assert=plain",
    "--hypothesis-seed=0",
    "-pno:cacheprovider",
    "-pno:xdist",
    f"--ignore={OWN_TESTS}",
]
MEMORY = 4 << 30
"""Bytes that a mutant may ask for."""
PATIENCE = 20
"""How many times as long as usual a test may take, and ten seconds more; all together four times, and thirty."""


@dataclass(frozen=True)
class Baseline:
    """What the tests do while nothing is changed.

    Attributes
    ----------
    seconds
        How long each test takes, by its name.
    on_line
        {file: {line: tests that run it}}.
    """

    seconds: Mapping[str, float]
    on_line: Mapping[str, Mapping[int, Sequence[str]]]

    def tests(self, mutant: Mutant, most: float) -> list[str]:
        """Return the tests that run what is changed, up to some seconds; all for what runs on import.

        Those named after the file come first, and then the quickest.
        """
        on_line = self.on_line.get(mutant.path.name, {})
        found = set[str]().union(*(on_line.get(line, ()) for line in mutant.lines)) if mutant.lines else self.seconds
        tests = sorted(found, key=lambda name: (f"test_{mutant.path.name}" not in name, self.seconds[name]))
        so_far = accumulate((self.seconds[name] for name in tests), initial=0.0)
        return [name for name, spent in zip(tests, so_far, strict=False) if spent < most]


class Runs:
    """A plugin of pytest that, once all tests are collected, hands itself over instead of running them.

    Parameters
    ----------
    then
        What to do with it.
    folders
        Where the code is that will be changed.
    """

    def __init__(self, then: Callable[[Runs], None], folders: Sequence[Path]) -> None:
        self._then, self._folders = then, folders
        self._items: dict[str, Any] = {}
        self._reports: list[Any] = []
        self._modules: dict[str, ModuleType] = {}
        self._baseline = Baseline({}, {})

    @classmethod
    def of(cls, tests: Sequence[str], then: Callable[[Runs], None], folders: Sequence[Path]) -> None:
        """Collect tests, and do something with their runs."""
        import pytest

        os.chdir(ROOT)
        code = pytest.main([*OPTIONS, *tests], plugins=[cls(then, folders)])
        if code:
            raise RuntimeError(f"pytest ended with {code}")

    def pytest_runtestloop(self, session: Any) -> bool:
        self._items = {item.nodeid: item for item in session.items}
        self._modules = {
            path.name: importlib.import_module(".".join(path.relative_to(ROOT).with_suffix("").parts))
            for path in files("[!_]*.py", self._folders)
        }
        self._then(self)
        return True

    def measure(self) -> Baseline:
        """Run all tests as they are, and see how long each takes and which lines it runs.

        Raises
        ------
        RuntimeError
            If one fails.
        """
        outcome = _forked(self._measured)
        if not isinstance(outcome, Baseline):
            raise RuntimeError(f"with nothing changed, a test fails: {outcome}")
        self._baseline = outcome
        return outcome

    def killer(self, mutant: Mutant, tests: Sequence[str]) -> str:
        """Run tests with a mutant in place; return the one that fails, or what else went wrong, or nothing."""
        return str(_forked(self._judged, mutant, tests))

    def _measured(self) -> Baseline | str:
        import coverage

        recorder = coverage.Coverage(data_file=None, include=[f"{folder}/*" for folder in self._folders])
        recorder.start()
        seconds = {}
        for name, next_name in pairwise([*self._items, ""]):
            recorder.switch_context(name)
            seconds[name], failed = self._run(name, next_name)
            if failed:
                return name
        recorder.stop()
        data = recorder.get_data()
        return Baseline(seconds, {Path(file).name: data.contexts_by_lineno(file) for file in data.measured_files()})

    def _judged(self, mutant: Mutant, tests: Sequence[str]) -> str:
        try:
            transplant(mutant, self._modules)
        except Exception as error:
            return f"on import: {error!r}"
        usual = self._baseline.seconds
        left = 30 + 4 * sum(usual[name] for name in tests)
        for name, next_name in pairwise([*tests, ""]):
            signal.alarm(math.ceil(max(1, min(left, 10 + PATIENCE * usual[name]))))  # it ends the process
            seconds, failed = self._run(name, next_name)
            if failed:
                return name
            left -= seconds
        return ""

    def _run(self, name: str, next_name: str) -> tuple[float, bool]:
        """Run a test; return how many seconds it took, and whether it failed."""
        self._reports.clear()
        item = self._items[name]
        item.ihook.pytest_runtest_protocol(item=item, nextitem=self._items.get(next_name))
        return sum(report.duration for report in self._reports), any(report.failed for report in self._reports)

    def pytest_runtest_logreport(self, report: Any) -> None:
        self._reports.append(report)


def transplant(mutant: Mutant, modules: Mapping[str, ModuleType]) -> None:
    """Make a mutant of the modules that are there: code and defaults of its functions, and constants wherever they went.

    Of a class the constants are taken over, and the defaults of what dataclasses make; nothing else besides functions.
    """
    module = modules[mutant.path.name]
    changed = ModuleType(module.__name__)
    with _tables_kept():
        exec(mutant.code(), vars(changed))
    fresh = {_place(function): function for function in _functions(changed)}
    for function in _functions(module):
        if new := fresh.get(_place(function)):  # none for what dataclasses make
            function.__code__, function.__defaults__ = new.__code__, new.__defaults__
            function.__kwdefaults__ = new.__kwdefaults__
    for name, new in vars(changed).items():
        old = vars(module).get(name)
        if isinstance(old, type) and isinstance(new, type) and old.__module__ == module.__name__:
            _transplant_class(new, old)
        if _is_data(new) and not np.array_equal(old, new):
            for other in modules.values():
                if vars(other).get(name) is old:
                    setattr(other, name, new)
                for function in _functions(other) if isinstance(old, float) else ():
                    settings = function.__kwdefaults__ or {}
                    settings.update({key: new for key, value in settings.items() if value is old})


def _is_data(value: Any) -> bool:
    """Tell whether something is numbers and texts alone, in tables or not."""
    if isinstance(value, (dict, tuple, list)):
        return all(map(_is_data, value.values() if isinstance(value, dict) else value))
    return value is None or isinstance(value, (int, float, str, np.ndarray))


@contextmanager
def _tables_kept() -> Iterator[None]:
    """Keep what modules enter in tables on import, as an op under its name, from being entered a second time."""
    tables = registry.BUILDERS, registry.OPS
    before = [table.copy() for table in tables]
    yield
    for table, old in zip(tables, before, strict=True):
        table.update(old)


def _transplant_class(new: type, old: type) -> None:
    for name, value in vars(new).items():
        if isinstance(value, (int, float, str)) and name in vars(old) and value != vars(old)[name]:
            setattr(old, name, value)
    if "__dataclass_fields__" in vars(old) and "__init__" in vars(old):
        made, source = inspect.unwrap(vars(old)["__init__"]), inspect.unwrap(vars(new)["__init__"])
        made.__defaults__, made.__kwdefaults__ = source.__defaults__, source.__kwdefaults__


def _functions(module: ModuleType) -> list[FunctionType]:
    return [one for one in gc.get_objects() if isinstance(one, FunctionType) and one.__globals__ is vars(module)]


def _place(function: FunctionType) -> tuple[str, int]:
    return function.__qualname__, function.__code__.co_firstlineno


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
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, sys.stdout.fileno())
    os.dup2(nowhere, sys.stderr.fileno())
    sender.send(run(*arguments))
    sender.close()
    os._exit(0)  # nothing of pytest's own ending
