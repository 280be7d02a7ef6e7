"""Training in the page, held to steps of gradient descent with ``gn.backward``, and the maps of what units have learnt."""

import numpy as np
import pytest

import graphnet as gn
from graphnet.draw.names import number_text

X, T = np.array([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]]), np.array([[0.0], [1.0], [1.0], [0.0]])


def xor(centred=False):
    """Return E of a 2-3-1 network, and the feeds of the four samples of XOR."""
    rng = np.random.default_rng(3)
    x, t = gn.input("x", shape=(None, 2)), gn.input("t", shape=(None, 1))
    W1, b1 = gn.parameter("W1", rng.normal(size=(2, 3))), gn.parameter("b1", rng.normal(size=3))
    W2, b2 = gn.parameter("W2", rng.normal(size=(3, 1))), gn.parameter("b2", rng.normal(size=1))
    z1 = x @ W1 + b1
    z1 = z1 - np.mean(z1, axis=0, keepdims=True) if centred else z1
    a2 = gn.sigmoid(gn.tanh(z1, name="a1") @ W2 + b2, name="a2")
    return gn.sse(a2, t, name="E"), {x: X, t: T}


def descended(steps, rate, rows=slice(None)):
    """Return a pass after so many steps of gradient descent on some of the samples."""
    E, feeds = xor()
    for _ in range(steps):
        run = gn.backward(E, {x: value[rows] for x, value in feeds.items()})
        for node in run.graph.parameters:
            node.value -= rate * run.gradient(node)
    return gn.backward(E, feeds)


@pytest.fixture(scope="module")
def opened(open_page):
    page = open_page(gn.draw(gn.backward(*xor()), learning_rate=0.5), reduced_motion="reduce")
    page.keyboard.press("t")
    return page


@pytest.fixture
def page(opened):
    """Return the page of XOR, with the parameters of the beginning."""
    opened.get_by_role("button", name="Start again").click()
    opened.get_by_label("η").fill("0.5")
    opened.get_by_label("Train on").select_option("all")
    return opened


def trained(page):
    return page.locator("#trained").text_content()


def update(page):
    page.get_by_role("button", name="Update", exact=True).click()


def run_until(page, steps):
    """Train until there are so many steps, or some more; return how many."""
    button = page.locator("#lab .main")
    button.dispatch_event("click")
    while count(page) < steps:
        page.wait_for_timeout(20)
    button.dispatch_event("click")
    assert button.text_content() == "Train"
    return count(page)


def count(page):
    return int(trained(page).split()[0].replace(",", ""))


def test_an_update_is_a_step_of_gradient_descent(page):
    assert trained(page) == f"0 steps: E = {number_text(descended(0, 0.5)['E'])}"
    update(page)
    assert trained(page) == f"1 step: E = {number_text(descended(1, 0.5)['E'])}"
    page.get_by_label("η").fill("2")
    for _ in range(2):
        update(page)
    E, feeds = xor()
    rates = iter([0.5, 2, 2])
    for rate in rates:
        run = gn.backward(E, feeds)
        for node in run.graph.parameters:
            node.value -= rate * run.gradient(node)
    assert trained(page) == f"3 steps: E = {number_text(gn.forward(E, feeds)['E'])}"


def test_one_sample_alone_can_be_trained_on(page):
    page.get_by_label("Samples").select_option("2")
    page.get_by_label("Train on").select_option("shown")
    update(page)
    page.get_by_label("Train on").select_option("all")
    page.get_by_label("η").fill("0.5")  # E is told again
    assert trained(page) == f"1 step: E = {number_text(descended(1, 0.5, slice(2, 3))['E'])}"


def test_training_runs_until_it_is_stopped_and_is_undone_as_one_change(page):
    page.get_by_label("Speed of training").select_option("as fast as it goes")
    steps = run_until(page, 300)
    assert trained(page) == f"{steps:,} steps: E = {number_text(descended(steps, 0.5)['E'])}"
    lab = page.locator("#lab")
    points = lab.locator("polyline").get_attribute("points").split()
    assert 100 < len(points) <= 402
    assert lab.locator("svg[role=img]").get_attribute("aria-label").startswith("E at each step")
    page.get_by_role("button", name="Undo").click()
    assert trained(page).endswith(f"E = {number_text(descended(0, 0.5)['E'])}")


def test_a_rate_that_is_not_positive_is_not_taken(page):
    page.get_by_label("η").fill("-1")
    assert page.get_by_label("η").get_attribute("aria-invalid") == "true"
    before = page.locator("h1").inner_text()
    update(page)
    page.locator("#lab").get_by_role("button", name="Train").click()
    assert trained(page) == "η must be a number above 0."
    assert page.locator("h1").inner_text() == before  # no step was taken
    page.get_by_label("η").fill("0.5")
    update(page)
    assert trained(page) == f"1 step: E = {number_text(descended(1, 0.5)['E'])}"


def test_training_that_runs_away_stops_and_says_so(open_page):
    w = gn.parameter("w", [1.0, 2.0])
    page = open_page(gn.draw(gn.backward(gn.sum(w**4, name="E"), {}), learning_rate=10.0))
    page.keyboard.press("t")
    page.get_by_label("Speed of training").select_option("as fast as it goes")
    button = page.locator("#lab .main")
    button.click()
    page.wait_for_selector("#trained:has-text('too large a step')")
    assert button.text_content() == "Train"
    page.get_by_role("button", name="Undo").click()
    assert trained(page).endswith("E = 17")


def test_a_matrix_that_becomes_singular_stops_the_training(open_page):
    w = gn.parameter("w", [[1.0]])
    page = open_page(gn.draw(gn.backward(gn.sum(w + 0 * gn.linalg.inv(w), name="E"), {}), learning_rate=0.5))
    page.keyboard.press("t")
    for _ in range(3):
        update(page)
    assert trained(page) == "1 step: E = 0.5; a matrix that is singular."


# Maps -------------------------------------------------------------------------------------------------------------------


def test_maps_show_what_units_have_all_over_the_plane(page):
    update(page)
    run = descended(1, 0.5)
    x, t = run.graph["x"], run.graph["t"]
    along = np.linspace(-0.25, 1.25, 32)
    points = np.stack(np.meshgrid(along, along), -1).reshape(-1, 2)
    everywhere = gn.forward(run.graph, {x: points, t: np.zeros((1024, 1))})
    columns = {"a2": everywhere["a2"][:, 0], **{f"a1[{j}]": everywhere["a1"][:, j] for j in range(3)}}
    labels = page.locator(".plane canvas").evaluate_all("all => all.map((one) => one.getAttribute('aria-label'))")
    assert labels == [
        f"{name} over the plane, from {number_text(values.min())} to {number_text(values.max())}"
        for name, values in columns.items()
    ]


def test_the_side_of_the_middle_is_what_the_colour_tells(page):
    """At the four samples, which lie a sixth of the way from the edges."""
    run = descended(0, 0.5)
    pixels = page.locator(".plane canvas").evaluate_all(
        """all => all.map((one) => {
          const { width, data } = one.getContext("2d").getImageData(0, 0, one.width, one.height);
          const place = (part) => Math.round((part * width) / 6 + (part < 3 ? 6 : -6));
          const at = ([x, y]) => 4 * (place(5 - 4 * y) * width + place(1 + 4 * x));
          return [[0, 0], [0, 1], [1, 0], [1, 1]].map((point) => [...data.slice(at(point), at(point) + 3)]);
        })"""
    )
    x = run.graph["x"]
    near = X * 0.9 + 0.05
    values = gn.forward(run.graph, {x: near, run.graph["t"]: T})
    for unit, shown in zip([values["a2"][:, 0] - 0.5, *values["a1"].T], pixels, strict=True):
        for value, (red, _, blue) in zip(unit, shown, strict=True):
            if abs(value) > 0.1:
                assert (blue > red) == (value > 0)


def test_a_map_is_chosen_by_its_unit(page):
    page.get_by_role("button", name="a1[1]").click()
    assert page.locator("#panel h2").first.text_content().startswith("a1")


def test_units_whose_samples_depend_on_each_other_have_no_maps(open_page):
    page = open_page(gn.draw(gn.backward(*xor(centred=True))))
    page.keyboard.press("t")
    assert page.locator("#lab canvas").count() == 0
    assert "depends on the others" in page.locator("#lab .maps").text_content()
    update(page)
    assert trained(page).startswith("1 step")


def test_a_network_of_three_inputs_trains_without_maps(open_page):
    x = gn.input("x", shape=(None, 3))
    run = gn.backward(gn.mse(gn.tanh(x @ gn.parameter("W", np.ones((3, 1)))), np.zeros((2, 1))), {x: np.eye(3)[:2]})
    page = open_page(gn.draw(run))
    page.keyboard.press("t")
    assert page.locator(".maps").count() == 0
    update(page)
    assert trained(page).startswith("1 step: mse_1 = ")


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_axe_finds_nothing_serious(open_page, theme):
    from axe_playwright_python.sync_playwright import Axe

    page = open_page(gn.draw(gn.backward(*xor())), color_scheme=theme, reduced_motion="reduce", bypass_csp=True)
    page.keyboard.press("t")
    update(page)
    found = Axe().run(page).response["violations"]
    assert [each["id"] for each in found if each["impact"] in ("serious", "critical")] == []
