"""The public names: each is there, and importing the package costs NumPy and little more."""

import subprocess
import sys

import pytest

import graphnet as gn

ONLY_SOME_NEED = ("networkx", "graphviz", "pygraphviz", "matplotlib", "click", "tqdm", "sklearn", "scipy", "IPython")


@pytest.mark.parametrize("door", [gn, gn.ops, gn.layers, gn.linalg], ids=lambda door: door.__name__)
def test_every_public_name_is_there(door):
    assert set(door.__all__) <= set(dir(door))
    assert all(getattr(door, name) is not None for name in door.__all__)


def test_names_that_are_packages_too_are_the_functions():
    from graphnet.draw.drawing import draw  # importing it binds the package to this name in most packages

    assert gn.draw is draw
    assert callable(gn.explain)


def test_importing_loads_only_what_everybody_needs():
    code = f"import sys, graphnet; print([name for name in {ONLY_SOME_NEED} if name in sys.modules])"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"
    code = "import sys, graphnet; print([name for name in sys.modules if name.startswith('graphnet.draw.')])"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"


def test_a_name_that_is_missing_says_so():
    with pytest.raises(AttributeError, match="sigmiod"):
        gn.sigmiod  # noqa: B018
