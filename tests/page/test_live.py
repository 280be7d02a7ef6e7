"""The live page in a real browser: numbers changed by mouse, keys and touch, and held to ``gn.backward`` of the same network."""

import re

import numpy as np
import pytest

import graphnet as gn
from graphnet.draw.names import number_text
from graphnet.draw.scale import array_data
from tests.page.conftest import two_three_one

NUMBERS = """() => Object.fromEntries([...document.querySelectorAll(".card:not(.literal)")].map((card) => [
  card.querySelector(".title").textContent,
  Object.fromEntries(["value", "signal", "update"].map((what) => [what,
    [...(card.querySelector(`.shows-${what}`)?.querySelectorAll("tr") ?? [])].map((row) => [...row.cells].map((cell) => cell.textContent)),
  ])),
]))"""


def numbers(rows):
    return np.array([[float(text.replace("−", "-")) for text in row] for row in rows])


def held(page, run, rate=0.1):
    """Compare all numbers on the cards with those of a pass."""
    for title, shown in page.evaluate(NUMBERS).items():
        expected = {"value": run[title], "signal": run.error_signals.get(run.graph[title])}
        if title in run.gradients:
            expected["update"] = run[title] - rate * run.gradient(title)
        for what, array in expected.items():
            if array is not None and shown[what]:
                assert shown[what] == array_data(array, 640)["rows"], (title, what)


@pytest.fixture(scope="module")
def made():
    return two_three_one()


@pytest.fixture(scope="module")
def opened(open_page, made):
    return open_page(gn.draw(gn.backward(*made)), reduced_motion="reduce")


@pytest.fixture
def page(opened, made):
    """Return the page of the 2-3-1 network with all its gradients, nothing changed, all samples on show, nothing chosen."""
    opened.evaluate("document.activeElement.blur()")
    if opened.locator("#tuner").is_visible():
        opened.get_by_role("button", name="Close", exact=True).click()
    if opened.get_by_role("button", name="Reset").is_enabled():
        opened.get_by_role("button", name="Reset").click()
    opened.get_by_label("Samples").select_option("")
    opened.get_by_role("button", name="Ops", exact=True).click()
    opened.evaluate("document.activeElement.blur()")
    opened.keyboard.press("4")
    for _ in range(3):
        opened.keyboard.press("ArrowRight")
    return opened


def changed(made, replace=None, **entries):
    """Return the pass of the network with other numbers: {name: {index: number}}."""
    E, feeds = made
    feeds = {node.name: array.copy() for node, array in feeds.items()}
    copies = {p: gn.parameter(p.name, p.value.copy()) for p in gn.Graph(E).parameters}
    for name, of in entries.items():
        held = feeds if name in feeds else {p.name: p.value for p in copies.values()}
        for index, number in of.items():
            held[name][index] = number
    graph = gn.Graph(rebuilt(gn.Graph(E), copies))
    return gn.backward(graph, feeds, replace=replace and replace(graph))


def rebuilt(graph, other):
    """Return the output of a graph like this one, but with other parameters."""
    made = dict(other)
    for node in graph.nodes:
        if node.op is not None:
            made[node] = node.op(*(made.get(source, source) for source in node.inputs), name=node.name)
    return made[graph.outputs[0]]


def card(page, title):
    return page.locator(".card", has=page.locator(".title", has_text=re.compile(rf"^{title}$")))


def cell(page, title, index, what="value"):
    row, column = index if len(index) == 2 else (0, index[0])
    return card(page, title).locator(f".shows-{what} tr").nth(row).locator("td").nth(column)


def test_all_numbers_are_those_of_the_engine_at_first(page, made):
    held(page, gn.backward(*made))


def test_a_weight_is_typed_in_the_panel(page, made):
    cell(page, "W1", (0, 1)).click()
    number = page.get_by_label("W1[0, 1]", exact=True)
    number.fill("0.75")
    held(page, changed(made, W1={(0, 1): 0.75}))
    number.fill("−1.5e0")
    held(page, changed(made, W1={(0, 1): -1.5}))
    number.fill("-")
    assert number.get_attribute("aria-invalid") == "true"
    held(page, changed(made, W1={(0, 1): -1.5}))
    number.fill("0,5")  # as many write it
    run = changed(made, W1={(0, 1): 0.5})
    held(page, run)
    assert page.locator("h1").inner_text() == f"Backward pass: E = {number_text(run['E'][()])}"
