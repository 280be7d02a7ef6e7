"""The page in tutorial 5: stepped through in a frame, as in the notebook, number by number."""

import re

import nbformat
import numpy as np
import pytest

import graphnet as gn
from graphnet.draw.page.steps import steps_of
from graphnet.draw.widget import PageFrame
from tests.page.test_browser import PHASES, SHOWN, check

notebooks = pytest.importorskip("tools.notebooks")


@pytest.fixture(scope="module")
def notebook():
    (source,) = notebooks.sources(["05"])
    return nbformat.read(notebooks.built(source), as_version=4)


class Framed:
    """A widget as a notebook frames it, to be opened as a page."""

    def __init__(self, widget):
        self.html = PageFrame._repr_html_(widget)

    def save(self, path):
        path.write_text(f"<!doctype html><meta charset=utf-8>{self.html}", encoding="utf-8")
        return path


def test_S46_the_five_steps_of_the_notebook_are_stepped_through(open_page):
    run = the_pass_of_the_tutorial()
    frame = open_page(Framed(gn.draw(run, view="units", learning_rate=0.5).widget())).frames[1]
    frame.wait_for_selector("#counter")
    frame.locator("#says").click()  # a reader clicks into it: from now on keys are its own

    steps = steps_of(run)
    seen = []
    for i, step in enumerate(steps):
        check(frame, i, step, run, len(steps), rate=0.5)
        seen.append(frame.evaluate(SHOWN)["phase"])
        frame.page.keyboard.press("ArrowRight")
    assert list(dict.fromkeys(seen)) == list(PHASES.values())
    for number, phase in enumerate(PHASES.values(), start=1):
        frame.page.keyboard.press(str(number))
        assert frame.evaluate(SHOWN)["phase"] == phase


def test_S46_a_reader_who_can_not_step_sees_a_picture_of_each_step(notebook):
    places = [i for i, cell in enumerate(notebook.cells) if re.match(r"## Step \d", cell.source)]
    for step, place in enumerate(places, start=1):
        cell = next(cell for cell in notebook.cells[place:] if cell.cell_type == "code")
        pictures = [output.data["image/svg+xml"] for output in cell.outputs if "data" in output]
        assert len(pictures) == 1
        assert pictures[0].count("error signal ∂E/∂") == {1: 0, 2: 6, 3: 14, 4: 14, 5: 0}[step]
        assert pictures[0].count("gradient ∂E/∂") == {4: 4}.get(step, 0)
    assert len(places) == 5


def the_pass_of_the_tutorial():
    x, t = gn.input("x", shape=(None, 2)), gn.input("t", shape=(None, 1))
    W1 = gn.parameter("W1", [[0.3, 0.8, -0.6], [-1.3, 0.9, 0.4]])
    W2 = gn.parameter("W2", [[-0.5], [0.6], [1.2]])
    a1 = gn.tanh(gn.matmul(x, W1, name="z1"), name="a1")
    a2 = gn.sigmoid(gn.matmul(a1, W2, name="z2"), name="a2")
    return gn.backward(gn.sse(a2, t, name="E"), {x: np.array([[1.0, -0.5]]), t: np.array([[1.0]])})
