"""The tutorials run, their notebooks are in step with their sources, and together they cover the checklist."""

import re
from itertools import pairwise

import pytest

pytest.importorskip("jupytext")

from nbclient.exceptions import CellExecutionError

from tools import coverage_of_source, notebooks

# Points of the checklist that no cell and no test covers yet.
MISSING: set[str] = set()


def marked(source):
    """Mark a tutorial that takes other libraries."""
    others = re.search(r"^import (torch|jax)$", source.read_text(encoding="utf-8"), re.MULTILINE)
    return pytest.param(source, id=source.stem, marks=[pytest.mark.interop] if others else [])


@pytest.mark.filterwarnings("default")  # those of Jupyter's own machinery
@pytest.mark.parametrize("source", [marked(source) for source in notebooks.sources()])
def test_a_tutorial_and_its_solutions_run(source, request):
    if request.node.get_closest_marker("interop"):
        for needed in ("jax", "torch", "onnx", "onnxruntime", "onnxscript"):
            pytest.importorskip(needed)
    notebooks.run(notebooks.solved(notebooks.read(source, tests=True)))


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


@pytest.mark.parametrize("source", [s for s in notebooks.sources() if "**Exercise" in s.read_text(encoding="utf-8")])
def test_an_exercise_is_an_attempt_then_a_hint_then_a_solution_with_code(source):
    cells = notebooks.nbformat.read(notebooks.built(source), as_version=4).cells
    exercises = [place for place, cell in enumerate(cells) if "**Exercise" in cell.source]
    assert exercises
    for place in exercises:
        _, attempt, below = cells[place : place + 3]
        text = "".join(
            output.get("text", "") + output.get("data", {}).get("text/plain", "") for output in attempt.outputs
        )
        assert text, "the cell tells the reader how it went"
        assert "Right" not in text, "as saved, the exercise is not solved"
        assert re.findall(r"<details><summary>(\w+)</summary>\n\n", below.source) == ["Hint", "Solution"]
        assert "```python\n" in notebooks.SOLUTION.search(below.source)[1]


def test_a_tutorial_links_to_the_next():
    for source, following in pairwise(notebooks.sources()):
        last = notebooks.read(source).cells[-1]
        assert f"({notebooks.built(following).name})" in last.source


SHORT = """# %%
double = None

# %% [markdown]
# <details><summary>Solution</summary>
#
# ```python
# double = 2
# assert double == {answer}
# ```
#
# </details>
"""


@pytest.mark.filterwarnings("default")
@pytest.mark.parametrize(("answer", "right"), [("2", True), ("3", False)])
def test_a_solution_is_run_below_its_cell_and_a_wrong_one_is_found(tmp_path, answer, right):
    source = tmp_path / "01_short.py"
    source.write_text(SHORT.format(answer=answer), encoding="utf-8")
    notebook = notebooks.solved(notebooks.read(source))
    assert [cell.cell_type for cell in notebook.cells] == ["code", "markdown", "code"]
    if right:
        notebooks.run(notebook)
    else:
        with pytest.raises(CellExecutionError, match="double == 3"):
            notebooks.run(notebook)


@pytest.mark.parametrize(
    ("size", "fitting"),
    [
        ('width="400" height="300"', 'width="400" height="300"'),
        ('width="1720" height="301"', 'width="860" height="150"'),
        ('width="1290pt" height="60pt"', 'width="645pt" height="30pt"'),
    ],
)
def test_a_picture_wider_than_the_page_is_made_to_fit(size, fitting):
    assert notebooks.fitting(f'<svg {size} viewBox="0 0 1 1">') == f'<svg {fitting} viewBox="0 0 1 1">'
