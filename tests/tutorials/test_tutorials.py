"""The tutorials run, their notebooks are in step with their sources, and together they cover the checklist."""

import re

import pytest

pytest.importorskip("jupytext")

from tools import coverage_of_source, notebooks

# Points of the checklist that no cell and no test covers yet.
MISSING: set[str] = set()


@pytest.mark.filterwarnings("default")  # those of Jupyter's own machinery
@pytest.mark.parametrize("source", notebooks.sources(), ids=lambda source: source.stem)
def test_a_tutorial_and_its_solutions_run(source):
    notebooks.run(notebooks.solved(notebooks.read(source)))


@pytest.mark.parametrize("source", notebooks.sources(), ids=lambda source: source.stem)
def test_a_notebook_is_in_step_with_its_source(source):
    assert notebooks.in_step(source), f"run: python -m tools.notebooks {source.stem}"
    assert notebooks.built(source).stat().st_size < 500_000


def test_every_point_is_covered_but_those_listed_as_missing():
    found = coverage_of_source.coverage()
    assert {point for point, places in found.items() if not places} == MISSING
    assert set(found) == set(coverage_of_source.POINTS), "a cell or test bears a number that is no point"


def test_the_table_of_contents_names_every_tutorial_and_point():
    text = (notebooks.TUTORIALS / "README.md").read_text(encoding="utf-8")
    assert re.findall(r"^\| (S\d\d) \|", text, re.MULTILINE) == coverage_of_source.POINTS
    for source in notebooks.sources():
        assert f"({notebooks.built(source).name})" in text


def test_a_changed_source_is_out_of_step_and_a_cell_that_asserts_nothing_covers_nothing(tmp_path, monkeypatch):
    (tmp_path / "source").mkdir()
    source = tmp_path / "source" / "01_short.py"
    monkeypatch.setattr(notebooks, "TUTORIALS", tmp_path)
    source.write_text("# %%\n# S30\nassert True\n", encoding="utf-8")
    assert not notebooks.in_step(source)  # there is no notebook
    notebooks.nbformat.write(notebooks.read(source), notebooks.built(source))
    assert notebooks.in_step(source)
    assert coverage_of_source.coverage()["S30"] == ["01_short, cell-01"]
    source.write_text("# %%\n# S30\nTrue\n", encoding="utf-8")
    assert not notebooks.in_step(source)
    assert coverage_of_source.coverage()["S30"] == []
