"""The live page in a real browser: numbers changed by mouse, keys and touch, held to ``gn.backward`` of the changed network."""

import re

import numpy as np
import pytest

import graphnet as gn
from graphnet.draw.names import number_text
from graphnet.draw.scale import Images, array_data
from tests.page.conftest import two_three_one

NUMBERS = """() => {
  const texts = (row) => [...row.cells].map((cell) => cell.textContent);
  const rows = (field) => [...(field?.querySelectorAll("tr") ?? [])].map(texts);
  return Object.fromEntries([...document.querySelectorAll(".card:not(.literal)")].map((card) => [
    card.querySelector(".title").textContent,
    Object.fromEntries(["value", "signal", "update"].map((what) => [what, rows(card.querySelector(`.shows-${what}`))])),
  ]));
}"""


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
    if opened.locator("#edits").is_visible() and opened.get_by_role("button", name="Reset").is_enabled():
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


def test_a_slider_turns_a_number_by_mouse_and_keys(page, made):
    cell(page, "b2", (0,)).click()
    slider = page.get_by_label("b2[0], slider")
    box = slider.bounding_box()
    page.mouse.click(box["x"] + 0.75 * box["width"], box["y"] + box["height"] / 2)
    value = float(page.get_by_label("b2[0]", exact=True).input_value())
    assert 0.3 < value < 0.7  # between −1 and 1
    held(page, changed(made, b2={(0,): value}))
    slider.focus()
    page.keyboard.press("End")
    held(page, changed(made, b2={(0,): 1.0}))
    page.keyboard.press("ArrowLeft")
    assert page.locator("#counter").inner_text().startswith("21 ")  # the arrow is the slider's
    assert float(page.get_by_label("b2[0]", exact=True).input_value()) < 1


def test_a_number_is_dragged_in_every_view_and_undone_as_one_change(page, made):
    W2 = made[0].inputs[0].inputs[0].inputs[0].inputs[1].value
    page.get_by_role("button", name="Both", exact=True).click()
    card(page, "W2").locator(".title").click()
    places = {
        "card": cell(page, "W2", (1, 0)),
        "panel": page.locator("#panel .number[data-place='1']").first,
        "units": page.locator("#units .label.tunable[data-node='n6'][data-place='1']"),
    }
    assert {name: place.count() for name, place in places.items()} == dict.fromkeys(places, 1)
    for name, place in places.items():
        at = place.bounding_box()
        x, y = at["x"] + at["width"] / 2, at["y"] + at["height"] / 2
        page.mouse.move(x, y)
        page.mouse.down()
        for way in range(0, 45, 5):
            page.mouse.move(x + way, y)
        shown = float(cell(page, "W2", (1, 0)).inner_text().replace("−", "-"))
        assert shown == pytest.approx(W2[1, 0] + 40 * 0.005, abs=0.003), name  # a 200th of the slider, which goes to 1
        page.mouse.up()
        assert page.locator("#tuner strong").inner_text() == "W2[1, 0]"
        held(page, changed(made, W2={(1, 0): shown}))
        page.get_by_role("button", name="Undo").click()
        held(page, gn.backward(*made))
        page.get_by_role("button", name="Redo").click()
        held(page, changed(made, W2={(1, 0): shown}))
        page.keyboard.press("Control+z") if name == "units" else page.get_by_role("button", name="Reset").click()
        held(page, gn.backward(*made))


def test_all_is_done_by_keys_alone(page, made):
    card(page, "x").locator(".title").click()
    page.locator("#panel .number").first.focus()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowRight")
    assert page.evaluate("document.activeElement.getAttribute('aria-label')").startswith("x[1, 1] = ")
    page.keyboard.type("-2.5")
    held(page, changed(made, x={(1, 1): -2.5}))
    page.keyboard.press("ArrowUp")
    held(page, changed(made, x={(1, 1): -2.5 + 5 / 200}))  # the slider goes to 5
    page.keyboard.press("Enter")
    assert not page.locator("#tuner").is_visible()
    assert page.evaluate("document.activeElement.getAttribute('aria-label')").startswith("x[1, 1] = ")
    page.keyboard.press("z")
    held(page, gn.backward(*made))
    page.keyboard.press("y")
    page.keyboard.press("Enter")
    page.get_by_role("button", name="Put this number back").press("Enter")
    held(page, gn.backward(*made))


def test_several_changes_are_undone_one_by_one_and_all_at_once(page, made):
    for name, index, number in (("W1", (0, 0), "2"), ("t", (2, 0), "0.5"), ("W1", (1, 2), "0")):
        cell(page, name, index).click()
        page.locator("#number").fill(number)
        page.locator("#number").press("Enter")
    all_three = {"W1": {(0, 0): 2, (1, 2): 0}, "t": {(2, 0): 0.5}}
    held(page, changed(made, **all_three))
    page.get_by_role("button", name="Undo").click()
    held(page, changed(made, W1={(0, 0): 2}, t={(2, 0): 0.5}))
    page.get_by_role("button", name="Reset").click()
    held(page, gn.backward(*made))
    page.get_by_role("button", name="Undo").click()
    held(page, changed(made, W1={(0, 0): 2}, t={(2, 0): 0.5}))


def test_a_value_is_set_by_hand_and_computed_again(page, made):
    cell(page, "a1", (1, 2)).click()
    page.locator("#number").fill("0.9")
    held(page, changed(made, lambda graph: {graph["a1"][1, 2]: 0.9}))
    assert "✎ set by hand" in card(page, "a1").inner_text()
    assert "set by hand" in page.locator("#panel").inner_text()
    assert page.locator("h1").inner_text().endswith("; set by hand: a1")
    assert page.get_by_role("group", name="forward rule with numbers").count() == 0  # it does not hold
    cell(page, "z2", (0, 0)).click()
    page.locator("#number").fill("-1")
    held(page, changed(made, lambda graph: {graph["a1"][1, 2]: 0.9, graph["z2"][0, 0]: -1.0}))
    page.get_by_role("button", name="Compute it again").click()
    held(page, changed(made, lambda graph: {graph["a1"][1, 2]: 0.9}))


def test_an_error_signal_is_set_by_hand_and_computed_again(page, made):
    def expected(**by):
        graph = gn.Graph(made[0])
        return gn.backward(*made, replace_error_signal={graph[name][at]: number for name, (at, number) in by.items()})

    cell(page, "a1", (1, 2), "signal").click()
    page.locator("#number").fill("0.9")
    held(page, expected(a1=((1, 2), 0.9)))
    assert page.locator("#tuner").inner_text().startswith("error signal of a1[1, 2]")
    assert "✎ set by hand" in card(page, "a1").inner_text()
    assert "✎ set by hand: what arrives does not count" in page.locator("#panel").inner_text()
    assert page.locator("h1").inner_text().endswith("; set by hand: error signal of a1")
    cell(page, "W2", (0, 0), "signal").click()
    page.locator("#number").fill("-2")
    held(page, expected(a1=((1, 2), 0.9), W2=((0, 0), -2.0)))
    page.get_by_role("button", name="Share").click()
    link, code = (page.get_by_role("textbox", name=name, exact=True).input_value() for name in ("Link", "Python"))
    page.get_by_role("button", name="Close").last.click()
    assert "replace_error_signal = {" in code
    names = {"E": made[0], "feeds": dict(made[1])}
    exec(code, names)  # what a reader would run
    for node, signal in names["bwd"].error_signals.items():
        np.testing.assert_array_equal(signal, expected(a1=((1, 2), 0.9), W2=((0, 0), -2.0)).error_signals[node])
    page.get_by_role("button", name="Compute it again").click()
    held(page, expected(a1=((1, 2), 0.9)))
    page.evaluate("link => { location.hash = new URL(link).hash; }", link)
    held(page, expected(a1=((1, 2), 0.9), W2=((0, 0), -2.0)))
    page.get_by_role("button", name="Reset").click()
    held(page, gn.backward(*made))


def test_the_error_signal_of_a_unit_is_dragged(open_page, made):
    page = open_page(gn.draw(gn.backward(*made), view="units"), reduced_motion="reduce")
    page.get_by_label("Samples").select_option("1")
    page.keyboard.press("End")
    box = page.locator('#units [data-part="u1-0d"]').bounding_box()
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x + 60, y, steps=4)
    page.mouse.up()
    assert page.locator("#tuner strong").inner_text() == "error signal of z1[0, 0]"
    graph, signal = gn.Graph(made[0]), float(page.locator("#number").input_value().replace("−", "-"))
    feeds = {node: array[1:2] for node, array in made[1].items()}
    run = gn.backward(*made[:1], feeds, replace_error_signal={graph["z1"][0, 0]: signal})
    assert run.error_signal("z1")[0, 0] != gn.backward(made[0], feeds).error_signal("z1")[0, 0]
    page.get_by_role("button", name="Ops", exact=True).click()
    held(page, run)


def test_what_is_set_by_hand_of_one_sample_is_not_said_of_another(page, made):
    cell(page, "a1", (1, 2)).click()
    page.locator("#number").fill("0.9")
    for sample, is_set in (("1", True), ("2", False)):
        page.get_by_label("Samples").select_option(sample)
        assert page.locator("h1").inner_text().endswith("; set by hand: a1") == is_set
        assert ("✎ set by hand" in card(page, "a1").inner_text()) == is_set
        assert (page.get_by_role("group", name="forward rule with numbers").count() == 0) == is_set


def test_the_title_tells_the_loss_of_now_however_long_its_name_is(open_page, made):
    E, feeds = made
    _, t = feeds
    loss = gn.sse(gn.Graph(E)["a2"], t, name="a_loss_with_a_long_name")
    page = open_page(gn.draw(gn.backward(loss, feeds)), as_opened=True)
    page.get_by_label("Samples").select_option("1")
    one = gn.backward(loss, {node: array[1:2] for node, array in feeds.items()})
    assert page.locator("h1").inner_text() == f"Sample 2: {loss.name} = {number_text(one[loss][()])}"


def test_the_steps_go_through_the_new_numbers(page, made):
    cell(page, "b1", (1,)).click()
    page.locator("#number").fill("-1.25")
    run = changed(made, b1={(1,): -1.25})
    page.evaluate("document.activeElement.blur()")
    page.keyboard.press("2")
    assert page.locator("#says").inner_text() == "The way back starts at E: ∂E/∂E = 1"
    page.keyboard.press("ArrowLeft")
    assert page.locator("#says").inner_text() == f"E = sse(a2, t) = {number_text(run['E'][()])}"
    page.keyboard.press("5")
    page.keyboard.press("End")
    new = run["b2"].item() - 0.1 * run.gradient("b2").item()
    assert page.locator("#says").inner_text() == f"b2 ← b2 − 0.1 · ∂E/∂b2 = {number_text(new)}"
    text = page.get_by_role("group", name="update with numbers").inner_text()
    found = [float(number.replace("−", "-")) for number in re.findall(r"−?\d[\d.]*", text)]
    assert found == pytest.approx([run["b2"].item(), 0.1, run.gradient("b2").item(), new], rel=1e-3)


def test_one_sample_is_a_pass_of_that_sample_alone(page, made):
    E, feeds = made
    page.get_by_label("Samples").select_option("2")
    held(page, gn.backward(E, {node: array[2:] for node, array in feeds.items()}))
    cell(page, "x", (0, 1)).click()
    page.locator("#number").fill("0.5")
    one = changed(made, x={(2, 1): 0.5})
    held(page, gn.backward(E, {node: one[node.name][2:] for node in feeds}))
    page.get_by_label("Samples").select_option("")
    held(page, one)


UNITS = """() => Object.fromEntries([...document.querySelectorAll("#units .part")].flatMap((part) => {
  const texts = [...part.querySelectorAll("text")].map((text) => text.textContent);
  return part.dataset.part ? [[part.dataset.part, texts[0] ?? ""]] : [];
}))"""


def test_the_units_show_the_new_numbers(page, made):
    page.get_by_label("Samples").select_option("1")
    cell(page, "W1", (0, 1)).click()
    page.locator("#number").fill("1.5")
    feeds = made[1]
    new = changed(made, W1={(0, 1): 1.5})
    one = gn.backward(new.graph, {node.name: array[1:2] for node, array in feeds.items()})
    shown = page.evaluate(UNITS)

    def text(number):
        return number_text(number, 3)

    assert shown["w1-0-1w"].endswith(text(1.5))
    for i in range(2):
        for j in range(3):
            assert shown[f"w1-{i}-{j}g"] == text(one.gradient("W1")[i, j])
    for j in range(3):
        assert shown[f"u1-{j}o"].endswith(" " + text(one["a1"][0, j]))
        assert shown[f"u1-{j}d"].endswith(" " + text(one.error_signal("z1")[0, j]))
        assert shown[f"u1-{j}g"] == text(one.gradient("b1")[j])
    assert shown["u2-0t"].endswith(" " + text(one["t"][0, 0]))
    assert shown["u2-0e"].endswith(" " + text(one.error_signal("a2")[0, 0]))
    assert shown["e"].startswith(f"E = {number_text(one['E'][()])}")
    page.get_by_label("Samples").select_option("")  # of all: gradients are sums, and units have no one number
    shown = page.evaluate(UNITS)
    assert shown["w2-0-0g"] == text(new.gradient("W2")[0, 0])
    assert "Σₙ" in "".join(page.locator("#units .foot").all_text_contents())
    assert shown["u1-0d"].endswith("j")


def test_a_custom_rule_is_computed_as_well(open_page):
    @gn.op
    def swish(z):
        return z / (1 + np.exp(-z))

    @swish.backward
    def swish_backward(delta, a, z):
        return delta * (a + (1 - a) / (1 + np.exp(-z)))

    w = gn.parameter("w", [0.5, -1.0])
    E = gn.sum(swish(w, name="a"), name="E")
    page = open_page(gn.draw(gn.backward(E, {})), reduced_motion="reduce")
    page.keyboard.press("3")
    cell(page, "w", (1,)).click()
    page.locator("#number").fill("3")
    z = np.array([0.5, 3.0])
    s = 1 / (1 + np.exp(-z))
    shown = page.evaluate(NUMBERS)
    np.testing.assert_allclose(numbers(shown["a"]["value"])[0], z * s, rtol=1e-3)
    np.testing.assert_allclose(numbers(shown["w"]["signal"])[0], s + z * s * (1 - s), rtol=1e-3)  # by the product rule


def test_what_can_not_be_computed_stays_recorded_and_says_so(open_page):
    @gn.op
    def counted(z):
        return np.array([float(str(number)) for number in z])

    @counted.backward
    def counted_backward(delta, a, z):
        return delta

    w = gn.parameter("w", [0.5, -1.0])
    page = open_page(gn.draw(gn.backward(gn.sum(counted(w), name="E"), {})))
    assert page.locator("#notice").inner_text().startswith("The numbers are as recorded, and can't be changed here: ")
    assert page.locator(".tunable").count() == 0


def test_numbers_are_written_as_in_python(opened):
    rng = np.random.default_rng(3)
    ties = [
        sign * (n + 0.5) * 10.0**power for n in (1234, 1235, 9999, 1000) for power in (0, -1, 3, 15) for sign in (1, -1)
    ]
    spread = (rng.normal(size=3000) * 10.0 ** rng.integers(-30, 30, size=3000)).tolist()
    special = [0.0, -0.0, 1.0, 0.1, 9999.5, 99995.0, 9.9995e-5, 1e-4, 1e22, 5e-324, 1.7976931348623157e308, 0.00012345]
    quarters = [k / 8 for k in range(-4000, 4000, 7)] + [k / 16 + 1000 for k in range(500)]
    every = ties + spread + special + quarters
    source = opened.evaluate("() => [...document.scripts].at(-1).textContent")
    function = source[source.index("function numberText(") : source.index("// The entry of an array")]
    for digits in (2, 3, 4):
        found = opened.evaluate(
            f"([numbers, digits]) => {{ {function} return numbers.map((n) => numberText(n, digits)); }}",
            [every, digits],
        )
        assert found == [number_text(number, digits) for number in every]


def test_images_are_laid_out_as_in_python(opened):
    rng = np.random.default_rng(4)
    source = opened.evaluate("() => [...document.scripts].at(-1).textContent")
    start, end = source.index("function numberText("), source.index("// What the page says of an array, in a few words")
    for shape, images in [
        ((5, 12), (3, 4)), ((5, 12), (2, 3)), ((1, 9), (3, 3)), ((12, 7), (3, 4, True)), ((12,), (4, 3, True)),
        ((90, 64), (8, 8)),
    ]:  # fmt: skip
        array = rng.normal(size=shape)
        told = opened.evaluate(
            f"([shape, data, images]) => {{ {source[start:end]} return arrayData({{ shape, data }}, 640, images); }}",
            [shape, array.ravel().tolist(), Images(*images)],
        )
        assert told["rows"] == array_data(array, 640, Images(*images))["rows"], (shape, images)


# Predictions, links, Python -----------------------------------------------------------------------------------------------


def test_the_next_number_is_predicted_judged_and_explained(page, made):
    run = gn.backward(*made)
    page.keyboard.press("1")
    page.keyboard.press("g")
    question, answer, said = page.locator("#quiz label"), page.locator("#answer"), page.locator("#quiz [role=status]")
    assert question.inner_text() == "Next: p1[0, 1] = ?"
    loss = number_text(run["E"][()])
    assert not [text for text in page.locator("h1, h2, #says").all_inner_texts() if loss in text]  # nowhere
    assert cell(page, "p1", (0, 1)).evaluate("cell => getComputedStyle(cell.closest('.field')).opacity") == "0"
    truth = run["p1"][0, 1]
    for nothing in ("", "W1", "1e"):
        answer.fill(nothing)
        answer.press("Enter")
        assert said.inner_text().startswith("Type a number")
    for wrong, hint in (
        (-truth, "the sign is the other one"),
        (truth / 3, "farther from 0"),
        (truth * 3, "closer to 0"),
    ):
        answer.fill(f"{wrong:.3f}")
        answer.press("Enter")
        assert hint in said.inner_text()
        assert page.locator("#counter").inner_text().startswith("1 ")
    answer.fill(f"{truth:.3f}".replace("-", "−"))
    page.get_by_role("button", name="Check").click()
    assert said.inner_text() == f"Right: p1[0, 1] = {number_text(truth)}."
    assert page.locator("#panel h2").inner_text().startswith("p1")
    assert page.get_by_role("group", name="forward rule with numbers").is_visible()  # why
    assert question.inner_text() == "Next: z1[0, 2] = ?"
    page.get_by_role("button", name="Show").click()
    assert said.inner_text() == f"It is z1[0, 2] = {number_text(run['z1'][0, 2])}."
    page.get_by_role("button", name="Predict").click()
    assert not page.locator("#quiz").is_visible()


def test_a_link_carries_the_numbers(page, made, browser):
    for name, index, number in (("W1", (0, 1), "0.1"), ("x", (2, 0), "-3"), ("a1", (1, 2), "0.25")):
        cell(page, name, index).click()
        page.locator("#number").fill(number)
        page.locator("#number").press("Enter")
    page.get_by_role("button", name="Share").click()
    link = page.get_by_label("Link", exact=True).input_value()
    page.get_by_role("button", name="Close").click()
    assert link.endswith("#sample=all&n0.4=-3&n1.1=0.1&n5.5=0.25")
    other = browser.new_page()
    other.goto(link)
    other.get_by_role("button", name="Ops", exact=True).click()
    run = changed(made, lambda graph: {graph["a1"][1, 2]: 0.25}, W1={(0, 1): 0.1}, x={(2, 0): -3.0})
    held(other, run)
    for nonsense in (
        "n999.0=1",
        "n1.77=2",
        "n1.0=1e",
        "n1.0=<script>",
        "__proto__.0=1",
        "n1.-1=3",
        "sample=9",
        "&&&=",
        "%E0%A4%A",
    ):
        other.goto(f"{link.split('#')[0]}#sample=all&{nonsense}")  # only the fragment changes: the page stays
        assert number_text(gn.backward(*made)["E"][()]) in other.locator("h1").inner_text()
    other.close()


def test_copied_python_makes_the_same_pass(page, made):
    for name, index, number in (
        ("W1", (0, 1), "0.1"),
        ("t", (1, 0), "0.75"),
        ("z2", (1, 0), "-1.5"),
        ("b2", (0,), "1e-3"),
    ):
        cell(page, name, index).click()
        page.locator("#number").fill(number)
        page.locator("#number").press("Enter")
    for trained, sample in ((False, ""), (False, "1"), (True, "2")):
        page.get_by_label("Samples").select_option(sample)
        if trained:  # then all parameters have changed
            page.keyboard.press("t")
            page.get_by_role("button", name="Update", exact=True).click()
            page.keyboard.press("t")
        page.get_by_role("button", name="Share").click()
        code = page.get_by_label("Python", exact=True).input_value()
        page.get_by_role("button", name="Close").click()
        copies = {p: gn.parameter(p.name, p.value.copy()) for p in gn.Graph(made[0]).parameters}
        scope = {"E": rebuilt(gn.Graph(made[0]), copies), "feeds": made[1]}
        exec(code, scope)
        held(page, scope["bwd"])


def test_edits_of_a_large_network_show(open_page):
    rng = np.random.default_rng(2)
    x, t = gn.input("x", (None, 784)), gn.input("t", (None, 10))
    W1, W2 = gn.parameter("W1", rng.normal(size=(784, 32)) / 28), gn.parameter("W2", rng.normal(size=(32, 10)))
    a = gn.tanh(gn.bias_add(x @ W1, gn.parameter("b1", np.zeros(32))), name="a1")
    E = gn.sse(gn.sigmoid(gn.bias_add(a @ W2, gn.parameter("b2", np.zeros(10))), name="a2"), t, name="E")
    feeds = {x: rng.normal(size=(16, 784)), t: np.eye(10)[rng.integers(0, 10, 16)]}
    page = open_page(gn.draw(gn.backward(E, feeds)), reduced_motion="reduce")
    page.keyboard.press("4")
    card(page, "W1").locator(".title").click()
    page.get_by_role("button", name="Change a number").click()
    for axis, place in (("row", "700"), ("column", "30")):
        page.get_by_label(axis, exact=True).fill(place)
    page.locator("#number").evaluate("""async (number) => {
      for (let i = 0; i < 9; i++) {
        number.value = String(i / 2);
        number.dispatchEvent(new Event("input"));
        await new Promise(requestAnimationFrame);
      }
    }""")
    W1.value[700, 30] = 4.0
    assert number_text(gn.forward(E, feeds)["E"][()]) in page.locator("h1").inner_text()


# As before, and on a phone ------------------------------------------------------------------------------------------------


PRESS = """(id) => {
  const cell = document.querySelector(`.card .shows-value .tunable[data-node=${id}]`);
  for (const kind of ["pointerdown", "pointerup", "click"]) cell.dispatchEvent(new PointerEvent(kind, { bubbles: true }));
}"""


@pytest.mark.parametrize(("theme", "size"), [("light", (1400, 900)), ("dark", (750, 420)), ("dark", (390, 844))])
def test_axe_finds_nothing_serious_in_what_can_be_changed(open_page, made, theme, size):
    from axe_playwright_python.sync_playwright import Axe

    page = open_page(
        gn.draw(gn.backward(*made)), color_scheme=theme, size=size, reduced_motion="reduce", as_opened=True
    )
    page.keyboard.press("4")

    def serious():
        found = Axe().run(page).response["violations"]
        return [
            (v["id"], [node["html"][:200] for node in v["nodes"]])
            for v in found
            if v["impact"] in ("serious", "critical")
        ]

    assert serious() == []
    page.keyboard.press("g")
    for node in ("n1", "n5"):
        page.evaluate(PRESS, node)
        page.locator("#number").fill("0.5")
    assert page.locator("#tuner").is_visible()
    assert serious() == []
    page.get_by_role("button", name="Share").click()
    assert serious() == []


def test_on_a_phone_a_number_is_tapped_and_dragged(open_page, made):
    options = {"size": (390, 844), "has_touch": True, "is_mobile": True, "reduced_motion": "reduce"}
    page = open_page(gn.draw(gn.backward(*made)), **options)
    page.get_by_role("button", name="Ops", exact=True).click()
    page.keyboard.press("4")
    page.get_by_label("Find a node").fill("b2")
    page.keyboard.press("Enter")
    place = cell(page, "b2", (0,))
    place.tap()
    tuner = page.locator("#tuner").bounding_box()
    assert tuner["x"] >= 0
    assert tuner["x"] + tuner["width"] <= 390
    assert tuner["y"] + tuner["height"] <= page.locator("#player").bounding_box()["y"] + 1
    page.locator("#number").fill("0.5")
    held(page, changed(made, b2={(0,): 0.5}))
    at = place.bounding_box()
    touch = page.context.new_cdp_session(page)
    x, y = at["x"] + at["width"] / 2, at["y"] + at["height"] / 2
    touch.send("Input.dispatchTouchEvent", {"type": "touchStart", "touchPoints": [{"x": x, "y": y}]})
    for way in range(0, 45, 5):
        touch.send("Input.dispatchTouchEvent", {"type": "touchMove", "touchPoints": [{"x": x + way, "y": y}]})
    touch.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})
    shown = float(place.inner_text())
    assert 0.6 < shown < 0.8
    held(page, changed(made, b2={(0,): shown}))
    assert page.evaluate("document.documentElement.scrollWidth") <= 390


def test_a_pass_with_numbers_set_by_hand_starts_with_them(open_page, made):
    E, feeds = made
    graph = gn.Graph(E)
    run = gn.backward(E, feeds, replace={graph["a1"][0, 1]: 0.5})
    page = open_page(gn.draw(run), reduced_motion="reduce")
    page.get_by_role("button", name="Ops", exact=True).click()
    page.keyboard.press("4")
    held(page, run)
    card(page, "a1").locator(".title").click()
    page.get_by_role("button", name="Compute it again").click()
    held(page, gn.backward(E, feeds))
    page.get_by_role("button", name="Reset").click()
    held(page, run)


def test_a_folded_box_tells_the_largest_error_signal_of_now(open_page):
    y = gn.input("x", shape=(3,))
    for layer in range(4):
        with gn.scope(f"layer{layer}"):
            y = gn.tanh(gn.multiply(y, gn.parameter("w", np.full(3, 0.5)), name="z"), name="a")
    E = gn.sum(y, name="E")
    page = open_page(gn.draw(gn.backward(E, {"x": [0.1, 0.2, 0.3]}), depth=0), reduced_motion="reduce")
    page.keyboard.press("3")
    cell(page, "x", (1,)).click()
    page.locator("#number").fill("-4")
    run = gn.backward(E, {"x": [0.1, -4.0, 0.3]})
    for layer in range(4):
        inside = [node for node in run.graph.nodes if run.graph.scope(node) == f"layer{layer}"]
        largest = max(np.linalg.norm(run.error_signals[node]) for node in inside)
        assert f"largest signal {number_text(largest)}" in card(page, f"layer{layer}").inner_text()
