"""CONTRIBUTING.md, followed to the letter in a copy of the tree."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PAGE = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
STEPS = re.findall(r"At the end of `([^`]+)`:\n\n```python\n(.*?)```", PAGE, re.DOTALL)


@pytest.fixture(scope="module")
def tree(tmp_path_factory):
    """Return a copy of the tree with the op of the page added."""
    copy = tmp_path_factory.mktemp("tree") / "graphnet"
    left_out = shutil.ignore_patterns(".*", "__pycache__", "*.egg-info", "tutorials", "docs")
    shutil.copytree(ROOT, copy, ignore=left_out)
    for path, lines in STEPS:
        file = copy / path
        blank = "\n" if path.endswith(".pyi") or lines.startswith("UNARY") else "\n\n"
        text = file.read_text(encoding="utf-8")
        separator = "" if path.endswith(".pyi") else blank
        file.write_text(text + separator + lines, encoding="utf-8")
    return copy


def run(tree, *command):
    done = subprocess.run([sys.executable, *command], cwd=tree, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_an_op_touches_four_files():
    assert len({path for path, _ in STEPS}) == len(STEPS) == 4


def test_the_commands_of_the_page_pass(tree):
    commands = re.findall(r"^\.venv/bin/python (.*)$", PAGE, re.MULTILINE)
    check = re.search(r'-c "(.*)"$', next(c for c in commands if c.startswith("-c")))[1]
    assert "ALL RIGHT" in run(tree, "-c", check)
    run(tree, "-m", "ruff", "check", "--fix", "graphnet", "tests/ops/cases.py")
    chosen = ["tests/core/test_op.py", "tests/test_doors.py"]
    run(tree, "-m", "pytest", "-q", "-p", "no:cacheprovider", *chosen)
    audited = """
from tools import accuracy
assert not accuracy.without_reference()
found = [f for kind in accuracy.DTYPES for f in accuracy.elementwise(
    "signed_root", accuracy.UNARY["signed_root"], [accuracy.grid(kind, 1.0)])]
assert found and all(f.ulps <= f.allowed for f in found), found
"""
    run(tree, "-c", audited)


def test_all_that_reads_rules_knows_the_op(tree, tmp_path):
    path = tmp_path / "network.gn"
    code = f"""
import numpy as np, graphnet as gn
w = gn.parameter("w", [0.5, -2.0])
E = gn.sum(gn.signed_root(w, name="a"), name="E")
loss, grads = gn.compile(E)({{}})
assert np.allclose(grads["w"], 0.5 / np.sqrt(np.abs(w.value)))
(second,) = gn.gradients(gn.sum(gn.gradients(E, [w])[0]), [w])
assert np.allclose(gn.forward(second, {{}})[second], -np.sign(w.value) / 4 / np.abs(w.value) ** 1.5)
gn.save({str(path)!r}, E)
assert gn.backward(gn.load({str(path)!r})["E"], {{}}).gradients["w"].tolist() == grads["w"].tolist()
assert "signed_root" in gn.draw(E).to_svg() and "signed_root" in gn.ops.overview()
print(gn.derive(E))
"""
    assert "∂E/∂w" in run(tree, "-c", code)
