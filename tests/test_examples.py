"""Every public name has a docstring, and in it an example that runs and gives what it says."""

import doctest
import inspect
import sys

import numpy as np
import pytest

import graphnet as gn
from tests.test_publishing import DOORS, public

NEED_NONE = {"gn.layers.INITIALISERS", "gn.layers.Activation", "gn.layers.Initialiser"}
"""A table and two kinds of argument."""
PUBLIC = [
    (f"{door}.{name}", getattr(module, name))
    for door, module in DOORS.items()
    for name in sorted(public(module))
    if f"{door}.{name}" not in NEED_NONE and not inspect.ismodule(getattr(module, name))
]


def documented(name):
    """Tell whether an example is asked of a name: the classes of ops have it at their functions."""
    return not name.startswith("gn.ops.")


def test_every_public_name_says_what_it_is():
    assert [name for name, what in PUBLIC if not inspect.getdoc(what)] == []


@pytest.mark.parametrize(("name", "what"), [pytest.param(*both, id=both[0]) for both in PUBLIC if documented(both[0])])
def test_the_example_of_a_name_gives_what_it_says(name, what, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    doc = inspect.getdoc(what)
    assert ">>>" in doc
    around = dict(vars(sys.modules[getattr(what, "__module__", "graphnet")]), np=np, gn=gn)
    around[name.rpartition(".")[2]] = what
    test = doctest.DocTestParser().get_doctest(doc, around, name, None, 0)
    runner = doctest.DocTestRunner(optionflags=doctest.NORMALIZE_WHITESPACE | doctest.ELLIPSIS)
    told = []
    runner.run(test, out=told.append)
    assert told == []
