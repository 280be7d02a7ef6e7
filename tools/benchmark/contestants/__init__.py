"""The contestants, one module a library."""

from importlib import import_module
from importlib.util import find_spec

from tools.benchmark.contestants.contestant import Contestant

MODULES = {
    "by_hand": "numpy",
    "with_graphnet": "graphnet",
    "with_torch": "torch",
    "with_jax": "jax",
    "with_jax_engine": "jax",
    "with_autograd": "autograd",
    "with_pytensor": "pytensor",
    "with_micrograd": "micrograd",
}


def contestants(threads: int, without: list[str]) -> tuple[list[Contestant], list[str]]:
    """Return the contestants whose libraries are installed, and a line for each that is left out."""
    found: list[Contestant] = []
    left_out = []
    for module, package in MODULES.items():
        if package in without:
            left_out.append(f"{package}: left out as asked")
        elif find_spec(package) is None:
            left_out.append(f"{package}: not installed")
        else:
            loaded = import_module(f"tools.benchmark.contestants.{module}")
            found += loaded.contestants(threads)
    return found, left_out
