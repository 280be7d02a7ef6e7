"""What the page carries, without a browser."""

import base64
import hashlib
import json
import pickle
import re

import numpy as np
import pytest

import graphnet as gn
from graphnet.common.text import short
from graphnet.draw.page import share
from graphnet.draw.scale import array_data
from graphnet.errors import DrawError


def data_of(html):
    return json.loads(re.search(r'<script type="application/json" id="data">(.*?)</script>', html, re.DOTALL)[1])


def page_data(what, **options):
    return data_of(gn.draw(what, **options).to_html())


def first_scene(data):
    return data["scenes"][""]


def by_title(data):
    return {box["title"]: box for box in first_scene(data)["boxes"]}


def test_every_colour_of_the_units_is_in_the_style_sheet_for_both_themes(network):
    x = gn.input("x", (None, 2))
    stuck = gn.sigmoid(x @ gn.parameter("W", [[60.0], [-1e-9]]), name="a")
    bad = gn.backward(*network[:1], {feed: np.full_like(array, np.nan) for feed, array in network[1].items()})
    for what in (
        gn.backward(*network),
        gn.backward(gn.sse(stuck, [[1.0]], name="E"), {x: [[1.0, 2.0]]}),
        bad,
        network[0],
    ):
        html = gn.draw(what).to_html()
        declared = set(re.findall(r"^  --([\w-]+): light-dark\(#\w+, #\w+\);", html, re.MULTILINE))
        used = re.findall(r'"(?:fill|stroke)":"([^"]+)"', json.dumps(data_of(html)["units"], separators=(",", ":")))
        assert len(set(used)) > 5
        for name, part in {(*name.split(" "), "")[:2] for name in used} - {("none", "")}:
            assert {name} <= declared if not part else {f"{name}-low", f"{name}-high"} <= declared
            assert not part or 0 <= int(part) <= 100


def test_it_is_one_file_that_may_load_and_run_nothing_else(network):
    html = gn.draw(gn.backward(*network)).to_html()
    policy = re.search(r'Content-Security-Policy" content="([^"]*)"', html)[1]
    rules = dict(rule.strip().split(" ", 1) for rule in policy.split(";"))
    assert rules["default-src"] == "'none'"
    for kind, tag in (("script-src", "script"), ("style-src", "style")):
        (inline,) = re.findall(rf"<{tag}>(.*?)</{tag}>", html, re.DOTALL)
        digest = base64.b64encode(hashlib.sha256(inline.encode()).digest()).decode()
        assert rules[kind] == f"'sha256-{digest}'"
    assert not re.search(r'(?:src|href|action)="(?!data:,"|#)', html)
    assert len(html.encode()) < 300_000


def test_nothing_in_the_data_can_end_its_block():
    y = gn.tanh(gn.input("</script><script>alert(1)</script>"), name="<!--<script>&amp;")
    html = gn.draw(gn.forward(y, {"</script><script>alert(1)</script>": 0.5})).to_html()
    block = html.split('id="data">')[1].split("</script>")[0]
    assert not set(block) & set("<>&")
    titles = [box["title"] for box in first_scene(json.loads(block))["boxes"]]
    assert titles == [short("</script><script>alert(1)</script>"), "<!--<script>&amp;"]


def test_the_same_pass_gives_the_same_bytes(network):
    first, second = (gn.draw(gn.backward(*network)).to_html() for _ in range(2))
    assert first == second


def test_every_number_of_a_small_array_is_there(network):
    E, feeds = network
    bwd = gn.backward(E, feeds)
    data = page_data(bwd, learning_rate=0.5)
    boxes, arrays = by_title(data), data["passes"][0]["arrays"]

    def numbers(title, what):
        rows = arrays[boxes[title]["id"]][what]["rows"]
        return np.array([[float(text.replace("−", "-")) for text in row] for row in rows])

    np.testing.assert_allclose(numbers("W1", "value"), bwd["W1"], rtol=1e-3)
    np.testing.assert_allclose(numbers("W1", "signal"), bwd.gradient("W1"), rtol=1e-3)
    np.testing.assert_allclose(numbers("W1", "update"), bwd["W1"] - 0.5 * bwd.gradient("W1"), rtol=1e-3)
    np.testing.assert_allclose(numbers("z1", "signal"), bwd.error_signal("z1"), rtol=1e-3)
    assert data["rate"] == "0.5"


def test_messages_are_carried_with_their_senders_and_add_up():
    x = gn.input("x", shape=(2,))
    y = gn.sum(gn.add(gn.square(x, name="s"), gn.multiply(x, x, name="m")), name="E")
    data = page_data(gn.backward(y, {x: [1.0, 2.0]}))
    boxes = by_title(data)
    received = data["passes"][0]["arrays"][boxes["x"]["id"]]
    assert [(message["name"], message["slot"]) for message in received["messages"]] == [("m", 0), ("m", 1), ("s", 0)]
    parts = [[float(text) for text in message["array"]["rows"][0]] for message in received["messages"]]
    assert np.sum(parts, axis=0).tolist() == [4.0, 8.0] == [float(text) for text in received["signal"]["rows"][0]]


def test_a_large_array_is_reduced_and_says_so():
    array = np.zeros((300, 1000))
    array[217, 731] = -9.0
    told = array_data(array, 640)
    rows = np.array([[float(text.replace("−", "-")) for text in row] for row in told["rows"]])
    assert rows.size <= 640
    assert told["shape"] == [300, 1000]
    assert told["range"] == ["−9", "0"]
    row, column = np.argwhere(rows == -9.0)[0]
    assert told["each"][0] * rows.shape[0] >= 300
    assert abs(row / rows.shape[0] - 217 / 300) < 1 / rows.shape[0]
    assert abs(column / rows.shape[1] - 731 / 1000) < 1 / rows.shape[1]


@pytest.mark.parametrize("shape", [(1, 5000), (5000, 1), (5000,), (7, 3, 50), (64, 64), (25, 26), (2, 400)])
def test_no_array_carries_more_than_its_share(shape):
    array = np.random.default_rng(0).normal(size=shape)
    rows = array_data(array, 640)["rows"]
    assert sum(map(len, rows)) <= 640
    largest = max(abs(float(text.replace("−", "-"))) for row in rows for text in row)
    assert largest == pytest.approx(np.abs(array).max(), rel=1e-3)


@pytest.mark.parametrize(
    ("array", "told"),
    [
        (np.zeros((0, 3)), {"shape": [0, 3], "rows": []}),
        (np.array([np.nan, np.inf]), {"shape": [2], "rows": [["nan", "inf"]], "bad": 2}),
        (np.array([True, False]), {"shape": [2], "rows": [["true", "false"]], "true": 1}),
    ],
)
def test_arrays_that_are_no_usual_numbers(array, told):
    assert array_data(array, 640) == told


def test_numbers_that_are_not_finite_make_a_page():
    w = gn.parameter("w", [0.0, -1.0])
    with np.errstate(all="ignore"):
        data = page_data(gn.backward(gn.sum(gn.log(w), name="E"), {}))
    arrays = data["passes"][0]["arrays"]
    assert arrays[by_title(data)["log_1"]["id"]]["value"]["rows"] == [["−inf", "nan"]]


def test_a_share_shrinks_with_the_number_of_arrays():
    assert share(1) == share(100) == 640
    assert 100 * share(1_000) <= 120_000


def test_passes_of_one_graph_share_a_page(network):
    E, feeds = network
    passes = {}
    for epoch in (0, 5, 10):
        passes[f"epoch {epoch}"] = gn.backward(E, feeds)
        gn.fit(E, feeds, optimizer=gn.GradientDescent(0.5), epochs=5)
    data = page_data(passes)
    assert [run["title"] for run in data["passes"]] == [f"{name}: E = {run['E']:.4g}" for name, run in passes.items()]
    assert len({run["error"] for run in data["passes"]}) == 3
    numbered = page_data(list(passes.values()))
    assert [run["name"] for run in numbered["passes"]] == ["pass 1", "pass 2", "pass 3"]


@pytest.mark.parametrize("view", ["ops", "units"])
def test_other_formats_show_all_of_several_passes_with_their_names(network, view):
    E, feeds = network
    first = gn.backward(E, feeds)
    gn.fit(E, feeds, optimizer=gn.GradientDescent(0.5), epochs=5)
    last = gn.backward(E, feeds)
    both = gn.draw({"epoch 0": first, "epoch 5": last}, view=view)
    alone = gn.draw(last, view=view)
    assert both.picture == alone.picture
    titles = [f"{name} · {gn.draw(run).picture.title}" for name, run in (("epoch 0", first), ("epoch 5", last))]
    for text in (both.to_text(), both.to_svg(), both.to_dot()):
        assert text.index(titles[0]) < text.index(titles[1])
    assert both.to_dot().count("digraph") == (2 if view == "ops" else 1)
    ids = re.findall(r' id="([^"]+)"', both.to_svg())
    assert len(ids) == len(set(ids))
    own = re.findall(r' id="([^"]+)"', alone.to_svg())
    assert {id.removeprefix("p2-") for id in ids if id.startswith("p2-")} == set(own)
    assert both._rendered("png").startswith(b"\x89PNG")
    heights = [int(float(re.search(r' height="([\d.]+)"', drawing.to_svg())[1])) for drawing in (both, alone)]
    assert heights[0] > 1.9 * heights[1]
    with pytest.raises(gn.errors.DrawError, match="one flowchart") as caught:
        both.to_mermaid()
    assert "to_mermaid() for run in passes" in str(caught.value)
    assert pickle.loads(pickle.dumps(both)).to_text() == both.to_text()


def test_passes_that_share_no_page_are_refused(network):
    E, feeds = network
    bwd = gn.backward(E, feeds)
    other = gn.backward(gn.sum(gn.parameter("w", [1.0])), {})
    with pytest.raises(DrawError, match="'b' is a pass of another graph than the first one"):
        gn.draw({"a": bwd, "b": other})
    with pytest.raises(DrawError, match="'b' is int, not a pass"):
        gn.draw({"a": bwd, "b": 3})
    with pytest.raises(DrawError, match="'pass 2' is Input, not a pass"):
        gn.draw([bwd, next(iter(feeds))])
    with pytest.raises(DrawError, match="no passes to draw"):
        gn.draw({})
    with pytest.raises(DrawError, match="the passes reach different nodes"):
        gn.draw([bwd, gn.forward(E, feeds)]).to_html()


@pytest.mark.parametrize("rate", [0, -0.1, float("nan"), float("inf"), "fast", None])
def test_a_learning_rate_that_is_none_is_refused(network, rate):
    with pytest.raises(DrawError, match="expected a number above 0"):
        gn.draw(gn.backward(*network), learning_rate=rate)


def test_a_graph_without_numbers_and_a_report_have_a_page_too(network):
    E, feeds = network
    data = page_data(gn.Graph(E))
    assert (data["passes"], first_scene(data)["steps"]) == ([], [])
    assert len(first_scene(data)["boxes"]) == 13
    data = page_data(gn.check_gradients(E, feeds))
    assert {box["mark"]["text"] for box in first_scene(data)["boxes"] if "mark" in box} == {"checked"}


@pytest.mark.parametrize("samples", ["all", "one"])
def test_boxes_don_t_overlap(network, samples):
    places = [*first_scene(page_data(gn.backward(*network)))["layouts"][samples]["places"].items()]
    for i, (one, (x, y, w, h)) in enumerate(places):
        for other, (u, v, p, q) in places[i + 1 :]:
            assert x + w <= u or u + p <= x or y + h <= v or v + q <= y, (one, other)


def blocks(count, length):
    """Return the backward pass of a chain of tanh in scopes of this length."""
    y = gn.input("x", shape=(4, 4))
    for block in range(count):
        with gn.scope(f"block{block}"):
            for _ in range(length):
                y = gn.tanh(y)
    return gn.backward(gn.sum(y, name="E"), {"x": np.ones((4, 4))})


def test_a_graph_too_large_is_collapsed_with_a_notice_and_a_bounded_page():
    html = gn.draw(blocks(400, 5)).to_html()
    data = data_of(html)
    scene = first_scene(data)
    assert scene["notice"].startswith("2,002 nodes")
    assert len(scene["boxes"]) <= 300
    assert len(html) < 3_000_000
    assert {id for step in scene["steps"] for id in step["boxes"]} == {box["id"] for box in scene["boxes"]}
    folded = [box["id"] for box in scene["boxes"] if box["kind"] == "folded"]
    assert all(float(scene["told"][0]["folded"][id]["largest"]["norm"]) > 0 for id in folded)


def test_10_000_nodes_make_a_page():
    y = gn.input("x", shape=(2,))
    for _ in range(10_000):
        y = gn.tanh(y)
    html = gn.draw(gn.backward(gn.sum(y, name="E"), {"x": np.ones(2)})).to_html()
    assert len(html) < 1_000_000


def test_a_folded_box_can_be_opened_in_a_scene_of_its_own():
    run = blocks(12, 4)
    data = page_data(run, depth=0)
    scene = first_scene(data)
    folded = {box["id"]: box["members"] for box in scene["boxes"] if box["kind"] == "folded"}
    opened = [id for id in folded if id in data["scenes"]]
    assert len(opened) > 5
    for id in opened:
        inside = data["scenes"][id]
        assert len(inside["boxes"]) == len(scene["boxes"]) - 1 + folded[id]
        assert {box["id"] for box in inside["boxes"] if box["kind"] != "folded"} <= set(data["passes"][0]["arrays"])
        shown = [box for step in inside["steps"] if step["shows"] == "signal" for box in step["boxes"]]
        assert set(shown) == {box["id"] for box in inside["boxes"]}
    tanh = data["passes"][0]["arrays"][opened[0]]
    node = run.graph.nodes[int(opened[0][1:])]
    shown = np.array([[float(text.replace("−", "-")) for text in row] for row in tanh["signal"]["rows"]])
    np.testing.assert_allclose(shown, run.error_signal(node), rtol=1e-3)


def test_boxes_that_are_open_already_take_no_room_from_those_that_are_folded():
    a = gn.input("x")
    for place in range(45):
        a = gn.tanh(a, name=f"a{place}")
    with gn.scope("last"):
        a = gn.sigmoid(gn.tanh(a, name="b"), name="c")
    data = page_data(gn.backward(gn.square(a, name="E"), {"x": 1.0}), depth=0)
    (folded,) = [box["id"] for box in first_scene(data)["boxes"] if box["kind"] == "folded"]
    assert list(data["scenes"]) == ["", folded]
    assert len(data["scenes"][folded]["boxes"]) == 49  # as well as 48: far fewer than all scenes may have


def test_a_formula_that_does_not_give_the_message_is_left_out(network):
    E, feeds = network
    for delta, has_formula in ((None, True), (1.0, True), (2.0, False)):  # the formulas take ∂E/∂E for 1
        formulas = page_data(gn.backward(E, feeds, delta=delta))["formulas"]
        last = formulas[f"n{len(gn.Graph(E)) - 1}"]
        assert [rule is not None for rule in last["backward"]] == [has_formula, has_formula]
    assert all(rule is not None for formula in list(formulas.values())[:-1] for rule in formula["backward"])


def test_several_outputs_have_no_one_error_to_differentiate():
    x = gn.input("x")
    graph = gn.Graph(gn.tanh(x, name="a"), gn.square(x, name="b"))
    data = page_data(gn.backward(graph, {x: 0.5}, delta={"a": 1.0, "b": 2.0}))
    assert [(formula["signal"], formula["backward"]) for formula in data["formulas"].values()] == [(None, [])] * 2


def test_too_many_passes_are_refused_with_how_many_fit(network):
    with pytest.raises(DrawError, match=r"1,000 passes of 13 nodes are too much for one page\n.*Draw one in 2 of them"):
        gn.draw([gn.backward(*network)] * 1000).to_html()
