"""What is published: the names of 1.0, the version in all its places, the page that a package index shows."""

import inspect
import re
import runpy
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import get_origin

import pytest
import setuptools

import graphnet as gn
from graphnet.cli import main
from tools import documentation

ROOT = Path(__file__).parent.parent
NAMES = ROOT / "tests" / "public_names.txt"
DOORS = {"gn": gn, "gn.ops": gn.ops, "gn.layers": gn.layers, "gn.linalg": gn.linalg, "gn.errors": gn.errors}
DOORS |= {"gn.plots": gn.plots, "gn.schedules": gn.schedules}


def public(door):
    """Return the names of a module that are its own: what it lists, or else what it defines; `errors.shown` is for our use."""
    own = (name for name, value in vars(door).items() if getattr(value, "__module__", "") == door.__name__)
    return {name for name in getattr(door, "__all__", own) if not name.startswith("_")} - {"shown"}


def parameters(value):
    """Return what a function or class takes, with defaults, as `(z, axis=None)`; nothing of what takes nothing by itself."""
    try:
        signature = inspect.signature(None if get_origin(value) else value)
    except (TypeError, ValueError):  # a name for a type, a module, or a class of which nobody makes one
        return ""
    bare = [p.replace(annotation=p.empty) for p in signature.parameters.values()]
    return re.sub(r"<function (\S+) at \w+>", r"\1", str(inspect.Signature(bare)))


def test_the_public_names_are_those_listed_with_their_parameters_and_defaults():
    listed = NAMES.read_text(encoding="utf-8").splitlines()
    found = {f"{door}.{name}": getattr(module, name) for door, module in DOORS.items() for name in public(module)}
    assert listed == [f"{name}{parameters(value)}" for name, value in sorted(found.items())]


@pytest.mark.parametrize(("old", "new"), [("PutAdd", "ScatterAdd"), ("Embed", "Scatter")])
def test_old_names_work_and_say_the_new_one(old, new):
    with pytest.warns(DeprecationWarning, match=f"gn.ops.{new}"):
        assert getattr(gn.ops, old) is getattr(gn.ops, new)


def test_one_version_in_all_places():
    assert re.fullmatch(r"\d+\.\d+\.\d+", gn.__version__)
    assert f"version: {gn.__version__}\n" in (ROOT / "CITATION.cff").read_text(encoding="utf-8")
    assert (
        re.search(r"^## (\S+)", (ROOT / "CHANGELOG.md").read_text(encoding="utf-8"), re.MULTILINE)[1] == gn.__version__
    )


def test_version_tells_what_a_maintainer_asks(capsys):
    assert main(["--version"]) == 0
    told = capsys.readouterr().out
    assert told.startswith(f"graphnet {gn.__version__}\n")
    assert "NumPy" in told
    assert "steps" in told


def test_no_address_is_invented_and_what_an_index_shows_needs_no_file(monkeypatch):
    settings = {}
    monkeypatch.setattr(setuptools, "setup", settings.update)
    monkeypatch.chdir(ROOT)
    runpy.run_path("setup.py")
    shown = settings["long_description"]
    targets = re.findall(r"\]\(([^)]+)\)", shown)
    assert all(target.startswith(("https://", "#")) for target in targets)
    assert "*(Picture: A 2-3-1 network" in shown
    assert "urls" not in tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]


@pytest.mark.parametrize(
    ("first_file", "use"),
    [
        ("class Graph: ...", ["-c", "import graphnet.layers"]),
        ("class Graph: ...", ["-m", "graphnet", "demo"]),
        (None, ["-S", "-c", "import graphnet.common"]),  # -S, or the tree under test would be found behind it
    ],
)
def test_a_package_installed_over_ours_is_said_plainly(tmp_path, first_file, use):
    package = tmp_path / "graphnet"
    shutil.copytree(Path(gn.__file__).parent, package, ignore=shutil.ignore_patterns("__pycache__"))
    (package / "__init__.py").unlink()
    if first_file is not None:
        (package / "__init__.py").write_text(first_file, encoding="utf-8")
    done = subprocess.run([sys.executable, *use], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 1
    assert "another package of this import name" in done.stderr
    assert "pip uninstall graphnet graphnet-dag" in done.stderr


def test_the_reference_has_every_public_name():
    told = [name for page in documentation.public().values() for name, _ in page]
    assert len(told) == len(set(told))
    elsewhere = {f"gn.{module}" for module in [*documentation.MODULES, "ops"]}
    listed = {line.split("(")[0] for line in NAMES.read_text(encoding="utf-8").splitlines()}
    elsewhere |= {name for name in listed if name.startswith("gn.ops.")}
    elsewhere |= {f"gn.layers.{name}" for name in documentation.SELF_EVIDENT}
    assert listed - elsewhere == set(told)
