"""The derivation post's two pictures of a network, read back from their SVG: every label, number and colour."""

import colorsys
import re
from collections import Counter
from xml.etree import ElementTree

import numpy as np
import pytest

import graphnet as gn

HUES = {"red": 3, "orange": 35, "green": 161, "blue": 212}


def network(sizes=(2, 3, 1)):
    rng = np.random.default_rng(sizes)
    n_i, n_j, n_k = sizes
    x, t = gn.input("x", shape=(None, n_i)), gn.input("t", shape=(None, n_k))
    W1, b1 = gn.parameter("W1", rng.normal(size=(n_i, n_j))), gn.parameter("b1", rng.normal(size=n_j))
    W2, b2 = gn.parameter("W2", rng.normal(size=(n_j, n_k))), gn.parameter("b2", rng.normal(size=n_k))
    a1 = gn.tanh(gn.bias_add(gn.matmul(x, W1, name="p1"), b1, name="z1"), name="a1")
    a2 = gn.sigmoid(gn.bias_add(gn.matmul(a1, W2, name="p2"), b2, name="z2"), name="a2")
    return gn.backward(gn.sse(a2, t, name="E"), {x: rng.normal(size=(1, n_i)), t: rng.uniform(0.1, 0.9, size=(1, n_k))})


def colour(code):
    red, green, blue = bytes.fromhex(code[1:])
    hue, saturation, _ = colorsys.rgb_to_hsv(red, green, blue)
    return "grey" if saturation < 0.3 else min(HUES, key=lambda name: abs(HUES[name] - 360 * hue))


def written(drawing):
    """Return what is written in a picture, with its colour, in the order of drawing."""
    texts = ElementTree.fromstring(drawing.to_svg()).findall(".//{*}text")
    return [(colour(text.get("fill")), "".join(text.itertext())) for text in texts]


def number(word):
    return float(word.split()[-1].replace("−", "-"))


@pytest.mark.parametrize("sizes", [(2, 3, 1), (3, 4, 2)])
def test_S40_circles_with_a_sum_and_an_activation_and_all_their_labels(sizes):
    n_i, n_j, n_k = sizes
    words = [word for _, word in written(gn.draw(network(sizes).graph, view="units")) if "=" not in word]
    found = Counter(word.split()[0] for word in words)
    expected = {
        "ai": n_i, "wij": n_i * n_j, "zj": n_j, "gj": n_j, "aj": n_j, "bj": n_j,
        "wjk": n_j * n_k, "zk": n_k, "gk": n_k, "ak": n_k, "bk": n_k, "tk": n_k, "Σ": n_j + n_k,
    }  # fmt: skip
    assert {label: found[label] for label in expected} == expected


@pytest.mark.parametrize("sizes", [(2, 3, 1), (3, 4, 2)])
def test_S40_the_numbers_of_the_circles_and_the_colours_of_their_signs(sizes):
    bwd = network(sizes)
    words = written(gn.draw(bwd, view="units"))
    for symbol, colours, node, array in [
        ("aj", {"blue"}, "a1", bwd["a1"]),
        ("ak", {"blue"}, "a2", bwd["a2"]),
        ("δj", {"red"}, "z1", bwd.error_signal("z1")),
        ("δk", {"red"}, "z2", bwd.error_signal("z2")),
        ("∂E/∂ak", {"red"}, "a2", bwd.error_signal("a2")),
        ("wij", {"grey", "orange"}, "W1", bwd["W1"]),
        ("wjk", {"grey", "orange"}, "W2", bwd["W2"]),
    ]:
        shown = [(tint, number(word)) for tint, word in words if re.fullmatch(rf"{symbol} −?[\d.e−]+", word)]
        assert {tint for tint, _ in shown} <= colours, node
        np.testing.assert_allclose(sorted(n for _, n in shown), np.sort(array, axis=None), rtol=0.01, err_msg=node)
        if symbol.startswith("w"):
            assert all((tint == "orange") == (value < 0) for tint, value in shown)
    green = [number(word) for tint, word in words if tint == "green" and re.fullmatch(r"−?[\d.e−]+", word)]
    gradients = np.concatenate([gradient.ravel() for gradient in bwd.gradients.values()])
    for gradient in gradients:
        assert np.isclose(green, gradient, rtol=0.01, atol=1e-9).any()


@pytest.mark.parametrize("sizes", [(2, 3, 1), (3, 4, 2)])
@pytest.mark.parametrize("direction", ["right", "down"])
def test_S41_a_graph_of_ops_forward_blue_error_signals_red_gradients_green(sizes, direction):
    bwd = network(sizes)
    drawing = gn.draw(bwd, direction=direction)
    root = ElementTree.fromstring(drawing.to_svg())
    role = {"op": "red", "parameter": "green", "input": "grey"}
    for place, node in enumerate(bwd.graph.nodes):
        (box,) = [group for group in root.iter("{http://www.w3.org/2000/svg}g") if group.get("id") == f"n{place}"]
        texts = [(colour(text.get("fill")), text.text) for text in box.findall(".//{*}text")]
        assert ("grey", bwd.graph.label(node)) in texts
        assert ("blue", "value") in texts
        tint = role["op" if node.op else node.kind]
        word = "gradient" if tint == "green" else "error signal"
        caption = (tint, f"{word} ∂E/∂{bwd.graph.label(node)}")
        assert caption in texts
        shown = [number(text) for _, text in texts[texts.index(caption) :] if re.fullmatch(r"−?[\d.e−+]+", text)]
        entries = bwd.error_signal(node).ravel()
        if direction == "right":  # where the numbers stand below their caption, after those of the value
            np.testing.assert_allclose(shown, entries, rtol=1e-3)
        else:
            assert all(np.isclose(shown, entry, rtol=1e-3).any() for entry in entries)
    edges = {edge.get("class"): edge for edge in root.iter("{http://www.w3.org/2000/svg}g") if edge.get("class")}
    for kind, tint in [("edge value", "blue"), ("edge error-signal", "red"), ("edge gradient", "green")]:
        (group,) = [group for name, group in edges.items() if name == kind]
        assert colour(group.find("{*}path").get("stroke")) == tint
