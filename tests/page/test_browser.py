"""The page in a real browser: the numbers of the pass in the right order, by mouse, keys, touch and screen reader."""

import re
from importlib.resources import files

import numpy as np
import pytest

import graphnet as gn
from graphnet.draw.page.steps import steps_of
from graphnet.draw.scale import array_data
from tests.page.conftest import result

SHOWN = """() => ({
  counter: document.querySelector("#counter").textContent,
  says: document.querySelector("#says").textContent,
  phase: document.querySelector("#phases [aria-current=step] span").textContent,
  lit: [...document.querySelectorAll(".card.lit")].map((card) => ({
    title: card.querySelector(".title").textContent,
    fields: Object.fromEntries(["value", "signal", "update"].map((what) => {
      const field = card.querySelector(`.shows-${what}`);
      const visible = field && getComputedStyle(field).display !== "none" && card.classList.contains(`knows-${what}`);
      const rows = visible && [...field.querySelectorAll("tr")];
      return [what, rows && rows.map((row) => [...row.cells].map((cell) => cell.textContent))];
    })),
  })),
  flows: document.querySelectorAll(".flows-on, .flows-back").length,
  panel: document.querySelector("#panel h2").firstChild.textContent,
})"""

PHASES = {
    "forward": "Forward",
    "error": "Output error",
    "backward": "Error signals back",
    "gradients": "Gradients",
    "update": "Update",
}


def numbers(rows):
    return np.array([[float(text.replace("−", "-")) for text in row] for row in rows])


def check(page, i, step, run, count, rate=0.1):
    shown = page.evaluate(SHOWN)
    assert shown["counter"] == f"{i + 1} / {count}"
    assert shown["phase"] == PHASES[step.phase]
    assert [card["title"] for card in shown["lit"]] == [run.graph.label(node) for node in step.nodes]
    results = [result(run, step, node, rate) for node in step.nodes]
    for card, array in zip(shown["lit"], results, strict=True):
        np.testing.assert_allclose(numbers(card["fields"][step.shows]), np.atleast_2d(array), rtol=1e-3)
    assert shown["flows"] == len(step.uses)
    if len(step.nodes) == 1:
        assert shown["panel"] == shown["lit"][0]["title"]
        if results[0].size == 1:
            assert float(shown["says"].rsplit(" ", 1)[1].replace("−", "-")) == pytest.approx(
                results[0].item(), rel=1e-3
            )


def test_keys_step_through_the_pass_with_its_numbers_in_its_order(page, run):
    steps = steps_of(run)
    for i, step in enumerate(steps):
        check(page, i, step, run, len(steps))
        page.keyboard.press("ArrowRight")
    check(page, len(steps) - 1, steps[-1], run, len(steps))
    page.keyboard.press("ArrowLeft")
    check(page, len(steps) - 2, steps[-2], run, len(steps))
    page.keyboard.press("Home")
    check(page, 0, steps[0], run, len(steps))
    page.keyboard.press("End")
    check(page, len(steps) - 1, steps[-1], run, len(steps))
    page.keyboard.press("4")
    assert page.evaluate(SHOWN)["phase"] == "Gradients"


@pytest.mark.parametrize(
    ("array", "words"),
    [
        (np.zeros((0, 3)), "an empty array"),
        (np.array(-0.5), "−0.5"),
        (np.array([1.0, -2.0]), "(1, −2)"),
        (np.array([[1.0], [2.0]]), "(1; 2)"),
        (np.zeros((3, 4)), "3 × 4 numbers, all 0"),
        (np.arange(-5.0, 5.0), "10 numbers, from −5 to 4"),
        (np.array([*range(-5, 5), np.inf]), "11 numbers, from −5 to 4, 1 not finite"),
        (np.full(8, np.nan), "8 numbers, 8 not finite"),
        (np.array([True, False]), "(true, false)"),
        (np.full(8, True), "8 numbers, 8 true"),
    ],
)
def test_arrays_in_words(browser, array, words):
    scripts = (
        files("graphnet.draw.page").joinpath("assets", name).read_text("utf-8") for name in ("engine.js", "numbers.js")
    )
    page = browser.new_page()
    page.set_content(f"<script>{''.join(scripts)}</script>")
    assert page.evaluate("array => arrayText(array)", array_data(array, 640)) == words
    page.close()


def test_several_passes_say_their_numbers_and_what_is_set_by_hand(open_page, network):
    E, feeds = network
    graph = gn.Graph(E)
    by_hand = gn.backward(
        E, feeds, replace={graph["a1"][0, 1]: 0.5}, replace_error_signal={graph["a2"]: np.ones((3, 1))}
    )
    page = open_page(gn.draw([gn.backward(E, feeds), by_hand]))
    says = page.get_by_role("status").first
    for title, step, words in (
        ("a1", "forward", ["a1 = tanh(z1) = 3 × 3 numbers, from", "a1 is set by hand: 3 × 3 numbers, from"]),
        ("a2", "error", ["E (sse) sends back the output error: ∂E/∂a2 = (", "∂E/∂a2 is set by hand: (1; 1; 1)"]),
    ):
        place = next(i for i, one in enumerate(steps_of(by_hand)) if one.phase == step and one.nodes[0] is graph[title])
        page.locator("#slider").fill(str(place))
        for number, expected in enumerate(words):
            page.locator("#pass").fill(str(number))
            assert says.inner_text().startswith(expected)
    assert "✎ set by hand: what arrives does not count" in page.locator("#panel").inner_text()
    assert page.get_by_role("button", name="Compute it again").count() == 0


def test_the_mouse_steps_slides_and_jumps(page, run):
    steps = steps_of(run)
    for i in (1, 2):
        page.get_by_role("button", name="Step", exact=True).click()
        check(page, i, steps[i], run, len(steps))
    page.get_by_role("button", name="Step back").click()
    check(page, 1, steps[1], run, len(steps))
    slider = page.get_by_role("slider", name="Step").bounding_box()
    page.mouse.click(slider["x"] + slider["width"] - 3, slider["y"] + slider["height"] / 2)
    check(page, len(steps) - 1, steps[-1], run, len(steps))
    page.get_by_role("button", name="3 Error signals back").click()
    first = next(i for i, step in enumerate(steps) if step.phase == "backward")
    check(page, first, steps[first], run, len(steps))


def test_it_plays_and_pauses(page, run):
    def counter_after(seconds):
        page.clock.run_for(1000 * seconds)
        return page.locator("#counter").inner_text().split(" /")[0]

    page.clock.install(time=0)
    page.clock.pause_at(3600)  # from here on, time passes only where it is said
    page.get_by_role("combobox", name="Speed").select_option("4")
    page.get_by_role("heading", level=1).click()
    page.keyboard.press("Space")
    assert [counter_after(0.4) for _ in range(3)] == ["2", "3", "4"]
    page.get_by_role("button", name="Pause").click()
    assert counter_after(60) == "4"
    page.keyboard.press("End")
    page.get_by_role("button", name="Play").click()  # from the beginning again
    assert counter_after(0.4) == "2"


def test_what_is_not_computed_yet_is_not_shown(page, run):
    card = page.locator(".card", has_text="z2").filter(has_text="bias_add")
    assert card.locator(".field").count() == 2
    opacities = "[...card.querySelectorAll('.field')].map((field) => getComputedStyle(field).opacity)"
    faded = "Promise.all(card.getAnimations({subtree: true}).map((fading) => fading.finished))"
    assert card.evaluate(f"async (card) => {{ await {faded}; return {opacities} }}") == ["0", "0"]
    card.click()
    panel = page.locator("#panel")
    assert panel.locator("h2").inner_text().startswith("z2")
    assert panel.get_by_text("Not computed yet.").count() == 2
    page.get_by_role("button", name=re.compile("Go to step")).first.click()
    assert "z2 = bias_add(p2, b2)" in page.locator("#says").inner_text()


def test_the_panel_adds_up_the_messages(open_page):
    x = gn.input("x", shape=(2,))
    E = gn.sum(gn.add(gn.square(x, name="s"), gn.multiply(x, x, name="m"), name="a"), name="E")
    page = open_page(gn.draw(gn.backward(E, {x: [1.0, 2.0]})))
    page.keyboard.press("End")
    page.locator(".card.input").click()
    messages = page.locator("#panel .messages li")
    assert [re.sub(r"\s+", " ", text) for text in messages.locator("> div:first-child").all_inner_texts()] == [
        "from m, for its input 1", "from m, for its input 2", "from s",
    ]  # fmt: skip
    tables = [numbers([row.split("\t")]) for row in messages.locator("tr").all_inner_texts()]
    assert [table.tolist() for table in tables] == [[[1.0, 2.0]], [[1.0, 2.0]], [[2.0, 4.0]]]
    total = page.get_by_role("table", name="∂E/∂x").get_by_role("row").all_inner_texts()
    assert numbers([total[-1].split("\t")]).tolist() == [[4.0, 8.0]]
    formula = page.get_by_role("group", name="error signal with numbers").inner_text()
    assert re.findall(r"[\d.]+", re.sub(r"∂\w", "", formula)) == ["1", "2", "1", "2", "2", "4", "4", "8"]


def test_numbers_are_put_into_the_formula(page, run):
    page.keyboard.press("5")
    page.keyboard.press("End")
    text = page.get_by_role("group", name="update with numbers").inner_text()
    old, new = run["b2"].item(), run["b2"].item() - 0.1 * run.gradient("b2").item()
    found = [float(number.replace("−", "-")) for number in re.findall(r"−?\d[\d.]*", text)]
    assert found == pytest.approx([old, 0.1, run.gradient("b2").item(), new], rel=1e-3)


def test_search_selects_and_says_when_there_is_none(page, run):
    page.keyboard.press("/")
    page.keyboard.type("W2")
    page.keyboard.press("Enter")
    assert page.locator("#panel h2").inner_text().startswith("W2")
    assert page.locator(".card.selected .title").inner_text() == "W2"
    page.get_by_label("Find a node").fill("nothing of this name")
    page.keyboard.press("Enter")
    assert page.get_by_label("Find a node").get_attribute("aria-invalid") == "true"


def test_passes_an_epoch_apart(open_page, network):
    E, feeds = network
    passes = {}
    for epoch in range(3):
        passes[f"epoch {epoch}"] = gn.backward(E, feeds)
        gn.fit(E, feeds, optimizer=gn.GradientDescent(0.5), epochs=1)
    page = open_page(gn.draw(passes))
    page.keyboard.press("3")
    for name, run in passes.items():
        steps = steps_of(run)
        at = next(i for i, step in enumerate(steps) if step.phase == "backward")
        check(page, at, steps[at], run, len(steps))
        assert page.locator("h1").inner_text() == f"{name}: E = {run['E']:.4g}"
        page.keyboard.press("ArrowUp")
    assert page.get_by_role("img", name=re.compile("norm of the error signal, pass by pass: ")).count() == 1


def test_hover_shows_a_large_tensor_as_a_heat_map(open_page):
    rng = np.random.default_rng(3)
    x = gn.input("x", shape=(None, 40))
    W = gn.parameter("W", rng.normal(size=(40, 30)))
    page = open_page(gn.draw(gn.backward(gn.sse(x @ W, np.zeros((5, 30)), name="E"), {x: rng.normal(size=(5, 40))})))
    page.locator(".card.parameter").hover()
    hover = page.locator("#hover")
    assert hover.is_visible()
    assert re.search(r"40 × 30, norm .*\s+Reduced: each tile is the largest of up to 2 × 2 numbers", hover.inner_text())
    colours = hover.locator("canvas").evaluate(
        "map => new Set([...new Uint32Array(map.getContext('2d').getImageData(0, 0, map.width, map.height).data.buffer)]).size"
    )
    assert colours > 20
    page.mouse.move(5, 5)
    assert not hover.is_visible()


def test_zoom_and_pan(open_page, run):
    page = open_page(gn.draw(run))
    box = page.locator(".card.output")
    page.get_by_role("button", name="Ops").click()
    before = box.bounding_box()
    page.locator("#ops").get_by_role("button", name="Zoom in").click()
    assert box.bounding_box()["width"] == pytest.approx(before["width"] * 1.25, rel=0.01)
    page.keyboard.press("-")
    assert box.bounding_box()["width"] == pytest.approx(before["width"], rel=0.01)
    left, bottom = 8, page.locator("#ops").bounding_box()["y"] + page.locator("#ops").bounding_box()["height"] - 60
    page.mouse.move(left, bottom)  # where no number is
    page.mouse.down()
    page.mouse.move(left + 60, bottom + 40, steps=3)
    page.mouse.up()
    assert box.bounding_box()["x"] == pytest.approx(before["x"] + 60, abs=1)
    page.mouse.wheel(0, -300)
    assert box.bounding_box()["width"] > before["width"] * 1.3


def test_a_reader_who_wants_no_motion_gets_none(open_page, run):
    page = open_page(gn.draw(run), reduced_motion="reduce")
    page.keyboard.press("ArrowRight")
    assert page.locator(".flows-on .flow").first.evaluate("path => getComputedStyle(path).animationName") == "none"
    assert page.locator(".flows-on .flow").first.evaluate("path => getComputedStyle(path).visibility") == "visible"
    assert page.evaluate("document.getAnimations().length") == 0


def test_what_flows_moves_along_its_edge_in_its_direction(page, run):
    for key, direction in (("ArrowRight", "normal"), ("3", "reverse")):
        page.keyboard.press(key)
        style = "path => (({animationName, animationDirection}) => [animationName, animationDirection])(getComputedStyle(path))"
        flowing = page.locator(":is(.flows-on, .flows-back) .flow").first
        assert flowing.evaluate(style) == ["flow", direction]


@pytest.mark.parametrize("size", [(390, 844), (320, 568)])
def test_nothing_is_wider_than_the_screen(open_page, run, size):
    page = open_page(gn.draw(run), size=size, reduced_motion="reduce")
    page.keyboard.press("3")
    assert page.evaluate("document.documentElement.scrollWidth") <= size[0]
    lit = page.locator(".card.lit")
    place = lit.bounding_box()
    assert place["x"] >= 0
    assert place["x"] + place["width"] <= size[0]
    assert page.get_by_role("button", name="Step", exact=True).bounding_box()["y"] < size[1]


def test_a_screen_reader_hears_each_step_and_can_reach_everything(page, run):
    assert page.get_by_role("status").get_attribute("id") == "says"
    page.keyboard.press("ArrowRight")
    slider = page.get_by_role("slider", name="Step")
    assert slider.get_attribute("aria-valuetext") == "step 2 of 25, Forward"
    reached = set()
    for _ in range(40):
        page.keyboard.press("Tab")
        reached.add(page.evaluate("document.activeElement.getAttribute('aria-label') || document.activeElement.id"))
    assert {"Find a node", "Play", "Step", "Step back", "Speed", "Zoom in"} <= reached
    assert any("matmul(x, W1)" in label for label in reached)
    assert len([label for label in reached if "shape (" in label]) == 1  # one stop for the whole picture


def test_a_graph_without_numbers(open_page, network):
    page = open_page(gn.draw(gn.Graph(network[0])))
    assert page.locator(".card").count() == 13
    assert not page.locator("#player").is_visible()
    page.locator(".card", has_text="tanh").click()
    assert page.locator("#panel h2").inner_text().startswith("a1")


# The unit view and the formulas ---------------------------------------------------------------------------------------

PARTS = """(classes) => [...document.querySelectorAll(`#units .part${classes}`)].map((part) => ({
  text: [...part.querySelectorAll("text")].map((text) => text.textContent).join(" "),
  opacity: getComputedStyle(part).opacity,
}))"""


def test_the_unit_view_goes_with_the_steps(page, run):
    steps = steps_of(run)
    at = {(step.shows, run.graph.label(step.nodes[0])): i for i, step in enumerate(steps)}
    for i in range(len(steps)):
        shown = page.evaluate("document.querySelectorAll('#units .part.unknown.backward').length")
        if i < at["signal", "a2"]:
            assert shown == page.evaluate("document.querySelectorAll('#units .part.backward').length") > 0
        if i == at["signal", "z1"]:  # the last of them
            assert shown == 0
        if i == at["value", "a1"]:
            lit = page.evaluate(PARTS, ".a.lit")
            assert len(lit) == 3
        if i == at["signal", "a1"]:
            assert len(page.evaluate(PARTS, ".message.lit")) == 3
        if i == at["signal", "W2"]:
            gradients = [f"{gradient:.3g}".replace("-", "−") for gradient in run.gradient("W2").ravel()]
            lit = page.evaluate(PARTS, ".label.gradient.lit")
            assert sorted(part["text"] for part in lit) == sorted(gradients)
        page.keyboard.press("ArrowRight")


def test_selecting_in_one_view_selects_in_the_other(page):
    page.keyboard.press("End")
    page.locator("#units .a.forward circle, #units .a.forward path").nth(2).click(force=True)
    selected = page.locator(".card.selected .title").inner_text()
    assert selected in ("a1", "x")
    page.locator(".card", has_text="sigmoid").click()
    units = page.evaluate("document.querySelectorAll('#units .a.selected').length")
    assert units == 1


def test_the_views_are_shown_one_by_one_or_both(page):
    for name, visible in (("Units", [True, False]), ("Ops", [False, True]), ("Both", [True, True])):
        page.get_by_role("button", name=name, exact=True).click()
        assert [page.locator(f"#{view}").is_visible() for view in ("units", "ops")] == visible
    page.keyboard.press("v")
    assert [page.locator(f"#{view}").is_visible() for view in ("units", "ops")] == [True, False]
    page.get_by_role("button", name="Both", exact=True).click()


def test_a_graph_that_is_no_row_of_layers_has_no_unit_view(open_page):
    x = gn.input("x", shape=(2,))
    page = open_page(gn.draw(gn.backward(gn.sum(x * x * x, name="E"), {x: [1.0, 2.0]})))
    assert not page.locator("#units").is_visible()
    assert not page.locator("#views").is_visible()


def test_drawn_as_units_the_page_starts_with_the_units(open_page, network):
    page = open_page(gn.draw(gn.backward(*network), view="units", sample=1), as_opened=True)
    assert page.locator("#units").is_visible()
    assert not page.locator("#ops").is_visible()
    assert page.get_by_label("Samples").input_value() == "1"


def test_rules_stand_in_mathml_with_the_numbers_of_the_pass_put_in(page, run):
    page.keyboard.press("3")
    while page.evaluate(SHOWN)["panel"] != "a1":
        page.keyboard.press("ArrowRight")
    rule = page.get_by_role("group", name="backward rule", exact=True)
    assert rule.locator("mfrac").count() == 2  # ∂E/∂a1 = ∂E/∂(the product) W2ᵀ
    assert rule.locator("math").first.evaluate("math => math.namespaceURI") == "http://www.w3.org/1998/Math/MathML"
    put_in = page.get_by_role("group", name="backward rule with numbers").locator("mn").all_text_contents()
    expected = np.concatenate(
        [run.error_signal("p2").ravel(), run["W2"].ravel(), (run.error_signal("p2") @ run["W2"].T).ravel()]
    )
    np.testing.assert_allclose([float(text.replace("−", "-")) for text in put_in], expected, rtol=1e-3)
    forward = page.get_by_role("group", name="forward rule with numbers").locator("mn").all_text_contents()
    expected = np.concatenate([[1], run["z1"].ravel(), np.tanh(run["z1"]).ravel()])  # 1: the index of a₁
    np.testing.assert_allclose([float(text.replace("−", "-")) for text in forward], expected, rtol=1e-3)


def test_three_hundred_nodes_open_and_step(open_page):
    y = gn.input("x", shape=(3,))
    columns = []
    for i in range(14):
        with gn.scope(f"row{i}"):
            z = y
            for _ in range(20):
                z = gn.tanh(z)
        columns.append(z)
    run = gn.backward(gn.sum(gn.concatenate(columns), name="E"), {y: [0.1, 0.2, 0.3]})
    page = open_page(gn.draw(run, depth="all"))
    assert page.locator(".card").count() == len(run.graph) == 283
    page.keyboard.press("End")
    assert page.evaluate(SHOWN)["counter"] == f"{len(steps_of(run))} / {len(steps_of(run))}"


def test_a_folded_box_opens_and_closes(open_page):
    y = gn.input("x", shape=(3,))
    for layer in range(8):
        with gn.scope(f"layer{layer}"):
            y = gn.tanh(gn.multiply(y, gn.parameter("w", np.full(3, 0.5)), name="z"), name="a")
    page = open_page(gn.draw(gn.backward(gn.sum(y, name="E"), {"x": [0.1, 0.2, 0.3]}), depth=0))
    folded = page.locator(".card.folded").count()
    assert folded == 8
    page.keyboard.press("3")
    page.get_by_label("Find a node").fill("layer2")
    page.keyboard.press("Enter")
    page.get_by_role("button", name="Open layer2").click()
    assert page.locator(".card.folded").count() == folded - 1
    assert page.locator(".card.lit .title").inner_text() == "a"  # the first of its error signals
    assert page.locator("#panel").get_by_text("in layer2").is_visible()
    page.keyboard.press("ArrowRight")
    assert page.locator(".card.lit .title").inner_text() == "z"
    page.get_by_role("button", name="Close the open box").click()
    assert page.locator(".card.folded").count() == folded
    assert page.locator(".card.lit .title").inner_text() == "layer2"
