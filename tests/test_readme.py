"""The README's code runs as it stands there."""

import re
from pathlib import Path

import numpy as np

import graphnet as gn

README = (Path(__file__).parent.parent / "README.md").read_text(encoding="utf-8")


def test_the_python_examples_run_and_learn(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    blocks = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
    assert len(blocks) == 6
    names: dict[str, object] = {}
    for block in blocks:
        exec(block, names)
    assert (tmp_path / "backprop.svg").read_text(encoding="utf-8").startswith("<?xml")
    assert (tmp_path / "backprop.html").read_text(encoding="utf-8").startswith("<!doctype html>")
    outputs = names["gn"].forward(names["a2"], {"x": names["X"]})[names["a2"]]
    np.testing.assert_allclose(outputs, names["T"], atol=0.1)
    assert names["history"].metrics["accuracy"][-1] > 0.85  # digits
    printed = capsys.readouterr().out
    assert "ALL RIGHT" in printed
    for shown in re.findall(r"```text\n(.*?)```", README, re.DOTALL)[1:]:
        assert shown in printed


def test_the_wrong_rule_is_reported_as_the_readme_shows():
    rng = np.random.default_rng(0)

    @gn.op
    def my_tanh(z):
        return np.tanh(z)

    @my_tanh.backward
    def rule(delta, a, z):
        return delta * (1 - z * z)

    z1 = gn.parameter("z1", rng.normal(size=(4, 3)))
    report = gn.check_gradients(gn.sse(my_tanh(z1, name="a1"), np.zeros((4, 3))), {})
    shown = re.search(r"```text\n(.*?)```", README, re.DOTALL).group(1).splitlines()
    assert report.verdict.splitlines()[:2] == shown[:2]


def test_the_readme_names_every_folder_of_the_package():
    package = Path(__file__).parent.parent / "graphnet"
    folders = [path.name for path in package.iterdir() if (path / "__init__.py").exists()]
    assert [name for name in folders if f"graphnet/{name}`" not in README] == []
