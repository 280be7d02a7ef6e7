"""The page to the eye: both themes, legible text, marks that the legend explains, and nothing serious found by axe."""

import re

import numpy as np
import pytest

import graphnet as gn
from tests.page.conftest import two_three_one

THEMES = ("light", "dark")

CONTRASTS = """() => {
  const context = new OffscreenCanvas(1, 1).getContext("2d", { willReadFrequently: true });
  const channels = (colour) => {
    context.fillStyle = colour;
    context.fillRect(0, 0, 1, 1);
    return [...context.getImageData(0, 0, 1, 1).data].slice(0, 3);
  };
  const luminance = (colour) => {
    const [r, g, b] = channels(colour).map((c) => (c /= 255) <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4);
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const isFilled = (one) => ["path", "circle"].includes(one.tagName) && getComputedStyle(one).fill !== "none";
  const isGround = (one) => one.closest("#units svg") && isFilled(one);
  const found = [];
  for (const text of document.querySelectorAll("#units text")) {
    if (getComputedStyle(text.parentElement).opacity === "0" || getComputedStyle(text).opacity === "0") continue;
    const { left, right, top, bottom } = text.getBoundingClientRect();
    const under = document.elementsFromPoint((left + right) / 2, (top + bottom) / 2).find(isGround);
    const ground = under ? getComputedStyle(under).fill : getComputedStyle(document.querySelector("#units")).backgroundColor;
    const [light, dark] = [luminance(getComputedStyle(text).fill), luminance(ground)].sort((a, b) => b - a);
    found.push([text.textContent, (light + 0.05) / (dark + 0.05)]);
  }
  return found;
}"""

HUE = """([selector, what]) => {
  const context = new OffscreenCanvas(1, 1).getContext("2d");
  context.fillStyle = getComputedStyle(document.querySelector(selector))[what];
  context.fillRect(0, 0, 1, 1);
  return [...context.getImageData(0, 0, 1, 1).data].slice(0, 3);
}"""


def saturated():
    """Return the pass of a network with saturated sigmoids and a unit that is off."""
    rng = np.random.default_rng(5)
    x, t = gn.input("x", shape=(None, 2)), gn.input("t", shape=(None, 1))
    a1 = gn.sigmoid(
        gn.bias_add(x @ gn.parameter("W1", rng.normal(size=(2, 3))), gn.parameter("b1", [30.0, -4.6, 0.0])), name="a1"
    )
    a2 = gn.relu(
        gn.bias_add(a1 @ gn.parameter("W2", rng.normal(size=(3, 2))), gn.parameter("b2", [-50.0, 9.0])), name="a2"
    )
    y = gn.bias_add(a2 @ gn.parameter("W3", rng.normal(size=(2, 1))), gn.parameter("b3", [0.5]), name="y")
    E = gn.sse(y, t, name="E")
    return gn.backward(E, {x: rng.normal(size=(4, 2)), t: rng.normal(size=(4, 1))})


def none_reaches():
    """Return a pass in which a comparison lets nothing back, and all that comes back to the parameter is exactly 0."""
    x, w = gn.input("x", shape=(3,)), gn.parameter("w", [1.0, -2.0, 3.0])
    return gn.backward(gn.sum(gn.where(x > 0, x * w, np.ones(3), name="chosen"), name="E"), {x: [-1.0, -2.0, -3.0]})


@pytest.fixture(scope="module")
def stuck():
    return saturated()


def card_of(page, title):
    return page.locator(".card", has=page.locator(".title", has_text=re.compile(rf"^{title}$")))


def shown_marks(page, title):
    fields = card_of(page, title).locator(".field")
    texts = [
        field.inner_text()
        for field in fields.all()
        if field.evaluate("field => getComputedStyle(field).opacity") == "1"
    ]
    return [line for text in texts for line in text.splitlines() if line[:1] in "▬○∅✗"]


# Both themes ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("theme", THEMES)
def test_every_text_of_the_units_is_legible_in_both_themes(open_page, stuck, theme):
    page = open_page(gn.draw(stuck, view="units"), color_scheme=theme, reduced_motion="reduce")
    for key in ("Home", "3", "4", "End"):
        page.keyboard.press(key)
        found = page.evaluate(CONTRASTS)
        assert len(found) > 30
        assert [(text, ratio) for text, ratio in found if ratio < 4.5] == []


@pytest.mark.parametrize("theme", THEMES)
def test_colours_mean_the_same_in_both_themes(open_page, theme):
    page = open_page(gn.draw(gn.backward(*two_three_one())), color_scheme=theme, reduced_motion="reduce")
    page.keyboard.press("End")
    r, g, b = page.evaluate(HUE, ["#units .message path", "stroke"])
    assert r > max(g, b) + 30  # red
    r, g, b = page.evaluate(HUE, ["#units .label.gradient text", "fill"])
    assert g > max(r, b) + 20  # green
    r, g, b = page.evaluate(HUE, ['#units [data-part$="o"] text', "fill"])
    assert b > max(r, g) + 30  # blue
    weights = page.locator("#units .weight path")
    negative = [
        i for i, w in enumerate(page.locator("#units .weight title").all_text_contents()) if w.startswith("w = −")
    ]
    assert negative
    for i in range(weights.count()):
        r, g, b = weights.nth(i).evaluate(
            f"path => {{ path.id = 'weight'; const seen = ({HUE})(['#weight', 'stroke']); path.id = ''; return seen; }}"
        )
        assert (r > g > b and r - b > 20) == (i in negative)  # orange, or grey


def test_turned_dark_by_hand_the_units_are_as_in_a_dark_system(open_page, run):
    fills = []
    for scheme, keys in (("dark", ""), ("light", "d")):
        page = open_page(gn.draw(run), color_scheme=scheme, reduced_motion="reduce")
        for key in ["End", *keys]:
            page.keyboard.press(key)
        fills.append(
            page.locator("#units svg :is(path, circle)").evaluate_all(
                "all => all.map((one) => getComputedStyle(one).fill + getComputedStyle(one).stroke)"
            )
        )
        assert page.locator("#units > .viewport").evaluate("one => getComputedStyle(one).filter") == "none"
    assert fills[0] == fills[1]


@pytest.mark.parametrize("made", [saturated, none_reaches])
@pytest.mark.parametrize(("theme", "size"), [("light", (1440, 900)), ("dark", (1440, 900)), ("dark", (390, 844))])
def test_axe_finds_nothing_serious(open_page, theme, size, made):
    from axe_playwright_python.sync_playwright import Axe

    # Without motion: a colour on its way to another would be judged wrong.
    page = open_page(gn.draw([made()] * 2), color_scheme=theme, size=size, reduced_motion="reduce")
    for key in ("3", "End"):
        page.keyboard.press(key)
        found = Axe().run(page).response["violations"]
        serious = [v for v in found if v["impact"] in ("serious", "critical")]
        assert [(v["id"], [node["html"][:200] for node in v["nodes"]]) for v in serious] == []


# Marks ----------------------------------------------------------------------------------------------------------------


def test_ops_bear_their_marks_from_the_step_that_makes_them_known(open_page, stuck):
    page = open_page(gn.draw(stuck), reduced_motion="reduce")
    slopes = stuck["a1"] * (1 - stuck["a1"])
    nearly_flat = np.count_nonzero((slopes < 0.05 * 0.25) & (slopes > 0))
    assert 4 <= nearly_flat < slopes.size
    page.keyboard.press("1")
    assert shown_marks(page, "a1") == []
    page.keyboard.press("End")
    assert shown_marks(page, "a1") == [f"▬ {nearly_flat} of 12 saturated"]
    assert shown_marks(page, "a2") == [f"▬ {np.count_nonzero(stuck['a2'] == 0)} of 8 off"]
    assert shown_marks(page, "y") == []
    page.keyboard.press("0")
    card_of(page, "a1").click()
    assert page.locator("#panel .mark").all_inner_texts() == [
        f"▬ {nearly_flat} of 12 saturated: slope below 5 % of its largest"
    ]


def test_what_nothing_reaches_is_told_from_what_is_exactly_zero(open_page):
    page = open_page(gn.draw(none_reaches()), reduced_motion="reduce")
    page.keyboard.press("End")
    assert shown_marks(page, "greater_1") == ["∅ no error signal"]
    assert shown_marks(page, "w") == shown_marks(page, "multiply_1") == ["○ exactly 0"]
    assert shown_marks(page, "chosen") == []
    card_of(page, "greater_1").click()
    assert "None reaches it" in page.locator("#panel .mark").inner_text()
    page.keyboard.press("1")
    card_of(page, "greater_1").click()
    assert page.locator("#panel .mark").count() == 0


def test_the_legend_explains_the_marks_that_are_there_and_no_others(open_page, stuck, run):
    for made, marks in ((stuck, "▬○"), (none_reaches(), "○∅"), (run, "")):
        page = open_page(gn.draw(made))
        assert "".join(re.findall("[▬○∅]", page.locator("#legend").inner_text())) == marks


def test_units_bear_their_marks(open_page, stuck):
    page = open_page(gn.draw(stuck, view="units"), as_opened=True, reduced_motion="reduce")
    page.keyboard.press("1")
    marked = page.locator("#units .part.backward", has_text=re.compile("[▬○]"))
    assert set(marked.evaluate_all("parts => parts.map((part) => getComputedStyle(part).opacity)")) == {"0"}
    page.keyboard.press("End")
    slopes = (stuck["a1"] * (1 - stuck["a1"]))[0]
    saturated = ["▬ saturated"] * np.count_nonzero(slopes < 0.05 * 0.25)
    assert saturated
    texts = [text for part in marked.all() for text in part.locator("text").all_text_contents()]
    assert [text for text in texts if text.startswith("▬")] == [*saturated, "▬ off"]
    assert [text for text in texts if text.startswith("○")] == ["○ δj 0"]


# What a teacher would stumble over -------------------------------------------------------------------------------------


def test_the_weights_of_the_units_change_with_the_update(open_page, run):
    page = open_page(gn.draw(run, learning_rate=0.5), reduced_motion="reduce")

    def written():
        texts = page.locator("#units .label:not(.backward, .gradient, .forward) text").all_text_contents()
        return sorted(float(text.split(" ")[1].replace("−", "-")) for text in texts)

    names = ("W1", "b1", "W2", "b2")
    page.keyboard.press("4")
    assert written() == pytest.approx(sorted(np.concatenate([run[name].ravel() for name in names])), rel=5e-3)
    page.keyboard.press("End")
    new = np.concatenate([(run[name] - 0.5 * run.gradient(name)).ravel() for name in names])
    assert written() == pytest.approx(sorted(new), rel=5e-3)
    page.keyboard.press("5")
    lit = page.locator("#units .label.lit text").all_text_contents()
    new = sorted((run["W1"] - 0.5 * run.gradient("W1")).ravel())
    assert sorted(float(text.split(" ")[1].replace("−", "-")) for text in lit) == pytest.approx(new, rel=5e-3)


def test_a_report_opens_at_the_rule_that_is_wrong_and_nothing_flows(open_page):
    @gn.op
    def twice(z):
        return 2 * z

    @twice.backward
    def twice_backward(delta, a, z):
        return 3 * delta

    w = gn.parameter("w", [1.0, 2.0])
    page = open_page(gn.draw(gn.check_gradients(gn.sum(twice(w, name="doubled"), name="E"), {})))
    assert page.locator("#panel h2").inner_text().startswith("doubled")
    assert (
        card_of(page, "doubled")
        .locator(".mark")
        .inner_text()
        .startswith("✗ rule wrong for z: w: wrong by a constant factor: ratio 1.5")
    )
    page.keyboard.press("End")
    assert page.locator("#panel h2").inner_text().startswith("doubled")
    for title in ("doubled", "w", "E"):
        card_of(page, title).click()
        assert page.locator(":is(.flows-on, .flows-back)").count() == 0


LETTERS = """() => [...document.querySelectorAll("#units text")].filter((text) => text.textContent).map((text) => {
  const { width, height } = text.ownerSVGElement.getBoundingClientRect();
  return parseFloat(text.getAttribute("font-size")) * width / text.ownerSVGElement.viewBox.baseVal.width;
})"""


SHOWN = """() => {
  const texts = [...document.querySelectorAll("#units text")].filter((one) => one.textContent && one.getClientRects().length);
  const size = (one) => parseFloat(getComputedStyle(one).fontSize) * one.getScreenCTM().a;
  return texts.map((one) => [size(one), one.textContent, one.closest(".part").className.baseVal]);
}"""


def test_it_opens_with_one_view_that_fits_the_window_and_can_be_read(open_page, run):
    page = open_page(gn.draw(run), size=(1400, 900), as_opened=True)
    assert [page.locator(f"#{view}").is_visible() for view in ("units", "ops")] == [True, False]
    stage, drawing = page.locator("#units").bounding_box(), page.locator("#units svg").first.bounding_box()
    assert stage["x"] <= drawing["x"]
    assert stage["y"] <= drawing["y"]
    assert drawing["x"] + drawing["width"] <= stage["x"] + stage["width"]
    assert drawing["y"] + drawing["height"] <= stage["y"] + stage["height"]
    assert min(page.evaluate(LETTERS)) >= 14
    assert page.evaluate("document.documentElement.scrollHeight") <= 900


def test_with_the_panel_open_a_network_of_many_weights_can_be_read(open_page):
    rng = np.random.default_rng(0)
    x, t = gn.input("x", (None, 3)), gn.input("t", (None, 3))
    a = gn.layers.mlp(x, [4, 3], rng=rng, activation=gn.tanh)
    run = gn.backward(gn.sse(a, t, name="E"), {x: rng.normal(size=(2, 3)), t: rng.normal(size=(2, 3))})
    page = open_page(gn.draw(run), size=(1400, 900), as_opened=True)
    page.keyboard.press("End")
    assert page.locator("#panel").is_visible()
    sizes = page.evaluate(SHOWN)
    assert len([kind for _, _, kind in sizes if "weight" in kind or "label" in kind]) > 24
    assert [text for size, text, kind in sizes if size < 10.5 and "label" in kind] == []


CARDS = """() => {
  const [pane, world] = [document.querySelector("#ops"), document.querySelector("#ops .world")];
  const scale = world.getBoundingClientRect().width / world.offsetWidth;
  const texts = [...world.querySelectorAll(".title, .line, .caption, td")].filter((one) => one.textContent && one.offsetWidth);
  const inside = (one, other, room) => {
    const [a, b] = [one.getBoundingClientRect(), other.getBoundingClientRect()];
    return a.left >= b.left - room && a.right <= b.right + room && a.top >= b.top - room && a.bottom <= b.bottom + room;
  };
  return {
    smallest: Math.min(...texts.map((one) => parseFloat(getComputedStyle(one).fontSize) * scale)),
    outside: [...world.querySelectorAll(".card")].filter((one) => !inside(one, pane, 1)).map((one) => one.innerText),
    clipped: texts.filter((one) => one.tagName === "TD" && !inside(one, one.closest(".card"), -1)).map((one) => one.innerText),
    cut: texts.filter((one) => one.scrollWidth > one.clientWidth + 1).map((one) => one.innerText),
  };
}"""


def test_the_ops_of_one_sample_are_set_in_rows_that_fit_the_window_and_can_be_read(open_page, run):
    page = open_page(gn.draw(run), size=(1400, 900), as_opened=True)
    page.get_by_role("button", name="Ops", exact=True).click()
    cards = page.evaluate(CARDS)
    assert cards["smallest"] >= 12
    assert (cards["outside"], cards["clipped"], cards["cut"]) == ([], [], [])


def test_the_cards_make_room_for_as_many_samples_as_are_shown(open_page, run):
    page = open_page(gn.draw(run), size=(1400, 900), as_opened=True)
    page.get_by_role("button", name="Ops", exact=True).click()
    page.keyboard.press("End")
    one = card_of(page, "a1").bounding_box()["height"]
    page.get_by_label("Samples").select_option("")
    page.keyboard.press("0")
    page.wait_for_timeout(600)  # it glides
    cards = page.evaluate(CARDS)
    assert (cards["outside"], cards["clipped"]) == ([], [])
    assert card_of(page, "a1").locator("tr").count() == 6
    page.get_by_label("Samples").select_option("1")
    assert card_of(page, "a1").bounding_box()["height"] == pytest.approx(one, abs=1)
    assert page.evaluate(CARDS)["clipped"] == []
    assert page.locator("#ops .viewport").count() == 1


def test_a_window_that_becomes_low_leaves_its_room_to_the_picture(open_page, run):
    page = open_page(gn.draw(run), size=(1400, 900), as_opened=True)
    page.set_viewport_size({"width": 750, "height": 420})
    page.locator("#panel").wait_for(state="hidden")  # the browser tells of its new size in its own time
    page.locator("#units .tunable").first.click(force=True)
    tuner = page.locator("#tuner").bounding_box()
    assert tuner["x"] >= 0
    assert tuner["x"] + tuner["width"] <= 750
    assert page.evaluate("document.documentElement.scrollWidth") <= 750
    page.set_viewport_size({"width": 1400, "height": 900})
    page.locator("#panel").wait_for(state="visible")


def test_in_a_cell_of_a_notebook_the_whole_network_is_seen(open_page, run):
    page = open_page(gn.draw(run), size=(750, 420), as_opened=True)
    for thing in ("#units svg >> nth=0", "#player", "h1", "#phases"):
        place = page.locator(thing).bounding_box()
        assert place["x"] >= 0
        assert place["y"] >= 0
        assert place["x"] + place["width"] <= 750
        assert place["y"] + place["height"] <= 420


@pytest.mark.parametrize("sizes", [(2, 3, 1), (4, 5, 4, 3), (20, 40, 30, 10)])
def test_in_a_cell_of_a_notebook_letters_can_be_read_and_do_not_cover_each_other(open_page, sizes):
    rng = np.random.default_rng(0)
    x, t = gn.input("x", (None, sizes[0])), gn.input("t", (None, sizes[-1]))
    a = x
    for size in sizes[1:]:
        a = gn.layers.dense(a, size, gn.tanh, rng=rng)
    feeds = {x: rng.normal(size=(3, sizes[0])), t: rng.normal(size=(3, sizes[-1]))}
    page = open_page(gn.draw(gn.backward(gn.sse(a, t, name="E"), feeds)), size=(750, 420), as_opened=True)
    page.keyboard.press("End")
    if not page.locator("#units").is_visible():
        page.get_by_role("button", name="Units", exact=True).click()
    shown = page.evaluate(SHOWN)
    assert [text for size, text, _ in shown if size < 11] == []
    assert {"head", "error"} <= {kind.split()[1] for _, _, kind in shown}
    labels = [label.bounding_box() for label in page.locator("#units .label").all() if label.is_visible()]
    for i, one in enumerate(labels):
        for other in labels[:i]:
            room = [
                min(one[at] + one[size], other[at] + other[size]) - max(one[at], other[at])
                for at, size in (("x", "width"), ("y", "height"))
            ]
            assert min(room) < 4.5, (one, other)
    page.get_by_role("button", name="Panel").click()
    assert [text for size, text, _ in page.evaluate(SHOWN) if size < 11] == []


def test_on_a_phone_the_training_follows_the_panel_without_a_gap(open_page, run):
    page = open_page(gn.draw(run), size=(390, 844), as_opened=True)
    page.get_by_role("button", name="Train", exact=True).click()
    panel, lab = (page.locator(part).bounding_box() for part in ("#panel", "#lab"))
    assert 0 <= lab["y"] - (panel["y"] + panel["height"]) <= 2
    page.evaluate("scrollTo(0, document.body.scrollHeight)")
    last, player = (page.locator(part).bounding_box() for part in (".maps", "#player"))
    assert last["y"] + last["height"] <= player["y"] + 1


def test_the_units_are_shown_first_only_where_they_are_legible(open_page):
    x = gn.input("x", (None, 40))
    layers = x
    for layer in range(9):
        layers = gn.tanh(layers @ gn.parameter(f"W{layer}", np.eye(40)))
    page = open_page(gn.draw(gn.backward(gn.sum(layers), {x: np.ones((1, 40))})), size=(900, 720), as_opened=True)
    assert page.locator("#ops").is_visible()
    assert not page.locator("#units").is_visible()


def test_no_control_covers_the_picture_as_it_opens(open_page, run):
    page = open_page(gn.draw(run, view="units"), size=(1280, 640), reduced_motion="reduce")
    controls = [control.bounding_box() for control in page.locator("#views, #units .zoom").all()]
    for text in page.locator("#units text").all():
        box = text.bounding_box()
        for control in controls:
            assert (
                box["x"] + box["width"] <= control["x"]
                or box["x"] >= control["x"] + control["width"]
                or box["y"] + box["height"] <= control["y"]
                or box["y"] >= control["y"] + control["height"]
            )


def test_the_focus_stays_in_the_panel_that_was_acted_on(open_page, run):
    page = open_page(gn.draw(run))
    page.keyboard.press("ArrowRight")
    button = page.locator("#panel .node").first
    button.focus()
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "panel"


def test_several_passes_share_one_colour_scale_in_the_units_too(open_page):
    E, feeds = two_three_one()
    strong, weak = (gn.backward(E, {name: factor * array for name, array in feeds.items()}) for factor in (4.0, 1.0))
    page = open_page(gn.draw([strong, weak]), reduced_motion="reduce")
    scale = page.locator("#legend .value").inner_text().split(" to ")[1]
    largest = max(np.abs(run[node]).max() for run in (strong, weak) for node in run.graph.nodes if run[node].ndim)
    assert float(scale) == pytest.approx(largest, rel=0.05)
    arrays = [
        np.abs(run[node]) for run in (strong, weak) for node in run.graph.nodes if run[node].ndim or node.op is None
    ]
    middle = np.median([np.median(array[array > 0]) for array in arrays])  # half as strong as the largest
    power = min(1.0, np.log(0.5) / np.log(middle / largest))
    for run in (strong, weak):
        first = run["x"][0]
        found = page.locator("#units .a circle").evaluate_all(
            "all => all.map((one) => one.getAttribute('fill').match(/(\\d+)%/)[1])"
        )
        assert [int(part) for part in found] == [round(100 * (abs(x) / largest) ** power) for x in first]
        page.keyboard.press("ArrowUp")
