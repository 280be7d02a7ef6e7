"""The unit view: what its neutral description says, and that layers are recovered from the graph itself."""

import itertools
import re
import xml.etree.ElementTree as ElementTree

import numpy as np
import pytest

import graphnet as gn
from graphnet.draw import draw
from graphnet.draw.circles import sheet_of_units
from graphnet.draw.diagram import diagram_of
from graphnet.draw.names import number_text
from graphnet.errors import DrawError

SVG = "{http://www.w3.org/2000/svg}"


def shown(array):
    return [number_text(entry, 3) for entry in np.ravel(array)]


def cells(units, name):
    return [getattr(unit, name).text for unit in units]


def numbers(parts, inner, name):
    """Return the text of every number of one kind; None where there is none."""
    cells = [getattr(each, name) for part in parts for each in getattr(part, inner)]
    return [cell and cell.text for cell in cells]


def mlp(sizes, samples=4, output=gn.sigmoid):
    rng = np.random.default_rng(0)
    x, t = gn.input("x", (None, sizes[0])), gn.input("t", (None, sizes[-1]))
    a = gn.layers.mlp(x, sizes[1:], rng=rng, output=output)
    return gn.sse(a, t, name="E"), {x: rng.normal(size=(samples, sizes[0])), t: rng.normal(size=(samples, sizes[-1]))}


@pytest.mark.parametrize("sample", [0, 2])
def test_one_sample_shows_the_equations_of_that_sample(network, sample):
    E, feeds = network
    bwd = gn.backward(E, feeds)
    diagram = diagram_of(bwd, sample)
    inputs, hidden, output = diagram.columns
    X, T = feeds.values()
    W1, b1, W2, b2 = (bwd[name] for name in ("W1", "b1", "W2", "b2"))
    z1 = X[sample] @ W1 + b1
    a1 = np.tanh(z1)
    z2 = a1 @ W2 + b2
    a2 = 1 / (1 + np.exp(-z2))
    delta2 = (a2 - T[sample]) * a2 * (1 - a2)
    delta1 = (W2 @ delta2) * (1 - a1**2)
    assert cells(inputs.units, "a") == shown(X[sample])
    assert cells(hidden.units, "z") == shown(z1)
    assert cells(hidden.units, "a") == shown(a1)
    assert cells(hidden.units, "delta") == shown(delta1)
    assert cells(hidden.units, "bias") == shown(b1)
    assert cells(hidden.units, "bias_gradient") == shown(delta1)
    assert cells(output.units, "delta") == shown(delta2)
    assert cells(output.units, "error") == shown(a2 - T[sample])
    assert cells(output.units, "target") == shown(T[sample])
    first, second = diagram.bundles
    assert {w.id: w.weight.text for w in first.weights} == {
        f"w1-{i}-{j}": number_text(W1[i, j], 3) for i in range(2) for j in range(3)
    }
    assert {w.id: w.gradient.text for w in first.weights} == {
        f"w1-{i}-{j}": number_text(X[sample, i] * delta1[j], 3) for i in range(2) for j in range(3)
    }
    assert [w.message.text for w in second.weights] == shown(W2[:, 0] * delta2)
    assert f"Sample {sample + 1} of 3 (sample={sample})" in diagram.sample


def test_of_a_batch_the_first_sample_is_drawn_and_its_formulas_hold(network):
    bwd = gn.backward(*network)
    diagram = diagram_of(bwd)
    assert diagram == diagram_of(bwd, sample=0)
    assert diagram.sample.startswith("Sample 1 of 3 (sample=0)")
    assert "Σ_n" in diagram.sample
    shares = [diagram_of(bwd, sample=n) for n in range(3)]
    assert len({share.columns for share in shares}) == 3
    for sample, share in enumerate(shares):  # ∂E/∂w = δ a, and the batch's is the sum
        a, delta = bwd["x"][sample], bwd.error_signal("z1")[sample]
        assert [w.gradient.text for w in share.bundles[0].weights] == shown(np.outer(a, delta).T.ravel())
    total = sum(np.outer(bwd["x"][n], bwd.error_signal("z1")[n]) for n in range(3))
    np.testing.assert_allclose(total, bwd.gradient("W1"))


@pytest.mark.parametrize(("loss", "share"), [(gn.sse, 1), (gn.mse, 1 / 3)])
def test_beside_the_error_of_the_batch_stands_what_the_sample_adds(network, loss, share):
    E, feeds = network
    a, t = E.inputs
    bwd = gn.backward(loss(a, t, name="E"), feeds)
    per_sample = (0.5 if loss is gn.sse else 1.0) * (bwd[a] - bwd[t]) ** 2
    for sample in range(3):
        drawing = draw(bwd, view="units", sample=sample)
        adds = f"this sample adds {number_text(share * per_sample[sample, 0])}"
        assert drawing.picture.error.added == adds
        for text in (drawing.to_text(), drawing.to_svg(), drawing.to_mermaid()):
            assert adds in text
    alone = {node: array[:1] for node, array in feeds.items()}
    assert diagram_of(gn.backward(loss(a, t, name="E"), alone)).error.added == ""


def test_an_error_that_is_no_sum_over_samples_has_no_shares(network):
    @gn.op
    def largest(a, t):
        return np.max(np.abs(a - t))

    @largest.backward
    def largest_backward(delta, E, a, t):
        return delta * (np.abs(a - t) == E) * np.sign(a - t), None

    E, feeds = network
    bwd = gn.backward(largest(*E.inputs, name="E"), feeds)
    assert diagram_of(bwd).error.added == ""


def test_what_is_no_part_of_a_layer_is_said_in_every_format(tmp_path):
    rng = np.random.default_rng(0)
    image, labels = gn.input("image", (None, 1, 6, 6)), gn.input("labels", (None,), dtype=int)
    features = gn.reshape(
        gn.max_pool2d(gn.relu(gn.conv2d(image, gn.parameter("K", rng.normal(size=(2, 1, 3, 3))))), 2), (-1, 8)
    )
    V = gn.parameter("V", rng.normal(size=(8, 3)))
    penalty = gn.sum(gn.square(V))
    E = gn.add(gn.cross_entropy(features @ V, gn.one_hot(labels, 3)), penalty, name="E")
    feeds = {image: rng.normal(size=(2, 1, 6, 6)), labels: [0, 2]}
    for what in (E, gn.forward(E, feeds), gn.backward(E, feeds)):
        drawing = draw(what, view="units")
        notice = drawing.picture.notice
        assert "5 nodes before the inputs not drawn: conv2d, relu, max_pool2d" in notice
        assert re.search(r"\d nodes behind the layers not drawn: .*cross_entropy.*square, sum", notice)
        assert ("gradients of V: without what its other uses add" in notice) == (
            what is not E and hasattr(what, "gradients")
        )
        for text in (drawing.to_text(), drawing.to_dot(), drawing.to_html(), drawing.to_svg()):
            assert "before the inputs not drawn" in text
        assert "before the inputs not drawn" in drawing.to_mermaid()
        assert drawing.picture.columns[0].title == "computed inputs"


def test_of_a_plain_network_nothing_is_said_to_be_missing(network):
    assert diagram_of(gn.backward(*network)).notice == ""


def test_classes_are_places_in_the_graph_in_both_views(network):
    bwd = gn.backward(*network)
    graph = bwd.graph
    units, ops = (ElementTree.fromstring(draw(bwd, view=view).to_svg()) for view in ("units", "ops"))
    place = {graph.label(node): f"n{i}" for i, node in enumerate(graph.nodes)}

    def named(root, label):
        return [e.get("id") for e in root.iter(f"{SVG}g") if place[label] in e.get("class").split()]

    assert {"u1-0z", "u1-1z", "u1-2z"} <= set(named(units, "z1"))
    assert {"u1-0a", "u1-1a", "u1-2a"} <= set(named(units, "a1"))
    assert {f"w1-{i}-{j}" for i in range(2) for j in range(3)} <= set(named(units, "W1"))
    assert {"u2-0b", "u2-0g"} <= set(named(units, "b2"))
    assert "e" in named(units, "E")
    assert {"u0-0a", "u0-1a"} <= set(named(units, "x"))
    assert "u2-0t" in named(units, "t")
    ids = [e.get("id") for e in units.iter(f"{SVG}g") if e.get("id")]
    assert len(ids) == len(set(ids))
    assert set(ids).isdisjoint(e.get("id") for e in ops.iter(f"{SVG}g"))


@pytest.mark.parametrize("sizes", [[2, 1], [3, 2, 2], [2, 3, 4, 1], [2] * 9])
def test_any_depth(sizes):
    diagram = diagram_of(gn.backward(*mlp(sizes)))
    assert [column.size for column in diagram.columns] == sizes
    kinds = ["input", *["hidden"] * (len(sizes) - 2), "output"]
    assert [column.kind for column in diagram.columns] == kinds
    assert [len(bundle.weights) for bundle in diagram.bundles] == [a * b for a, b in itertools.pairwise(sizes)]


def test_the_letters_are_those_of_the_source():
    for sizes, letters in ([2, 1], "jk"), ([2, 3, 1], "ijk"), ([2, 3, 3, 1], "hijk"):
        assert "".join(column.index for column in diagram_of(gn.Graph(mlp(sizes)[0])).columns) == letters


def test_labels_of_the_source_figure(network):
    E, feeds = network
    for what in (gn.Graph(E), gn.backward(E, feeds)):
        root = ElementTree.fromstring(draw(what, view="units").to_svg())
        words = ["".join(text.itertext()) for text in root.iter(f"{SVG}text")]
        for symbol, count in {
            "ai": 2,
            "wij": 6,
            "zj": 3,
            "gj": 3,
            "aj": 3,
            "wjk": 3,
            "zk": 1,
            "gk": 1,
            "ak": 1,
        }.items():
            assert len([word for word in words if re.fullmatch(rf"{symbol}( [−\d.]+)?", word)]) == count
        assert words.count("Σ") == 4


def test_large_layers_are_abridged():
    sizes = [64, 32, 10]
    diagram = diagram_of(gn.backward(*mlp(sizes)))
    assert [column.size for column in diagram.columns] == sizes
    drawn = [len(column.units) for column in diagram.columns]
    assert sum(drawn) <= 60
    assert drawn[2] == 10
    assert {unit.number for unit in diagram.columns[0].units} >= {0, 63}
    assert diagram.notice == f"{106 - sum(drawn)} of 106 units not drawn"
    assert f"{64 - drawn[0]} more" in draw(gn.backward(*mlp(sizes)), view="units").to_svg()
    assert sum(len(column.units) for column in diagram_of(gn.Graph(mlp([30, 20, 10])[0])).columns) == 60


def test_deep_networks_are_folded():
    diagram = diagram_of(gn.backward(*mlp([3] * 500)))
    assert [column.title for column in diagram.columns if column.kind == "folded"] == ["492 layers"]
    assert diagram.notice.startswith("492 of 499 layers not drawn")


# Units that learn nothing -----------------------------------------------------------------------------------------------


def stuck(columns=False, units=3):
    """Return the pass of a network whose first unit is saturated in 2 of 3 samples, the second in all, the others in none.

    Where z is 0 the slope of tanh is 1; where it is 5 or more, below 2e-4. The output unit is off for every sample.
    """
    Z = np.zeros((3, units))
    Z[1:, 0], Z[:, 1] = 5.0, 6.0
    one, many = np.eye(units), np.ones((units, 1))
    if columns:
        x = gn.input("x", (units, None))
        z = gn.parameter("V", many.T) @ gn.tanh(gn.parameter("W", one) @ x, name="a") + gn.parameter("c", [[-99.0]])
    else:
        x = gn.input("x", (None, units))
        z = gn.bias_add(
            gn.tanh(x @ gn.parameter("W", one), name="a") @ gn.parameter("V", many), gn.parameter("c", [-99.0])
        )
    y = gn.relu(z, name="y")
    return gn.backward(gn.sse(y, np.ones((1, 3) if columns else (3, 1)), name="E"), {x: Z.T if columns else Z})


@pytest.mark.parametrize("columns", [False, True])
def test_units_that_are_saturated_off_or_without_an_error_signal_are_known(columns):
    bwd = stuck(columns)
    _, hidden, output = diagram_of(bwd).columns
    assert [unit.flat for unit in hidden.units] == ["", "saturated", ""]
    assert [(unit.flat, unit.silent) for unit in output.units] == [("off", True)]
    assert all(unit.silent for unit in hidden.units)  # nothing comes back through the output unit
    assert [unit.flat for unit in diagram_of(bwd, sample=1).columns[1].units] == ["saturated", "saturated", ""]


def test_marks_stand_in_every_format_and_the_legend_explains_those_that_are_there():
    legend = {
        "▬": "saturated: slope below 5 % of its largest, or off: slope exactly 0",
        "○": "error signal exactly 0",
    }
    E, feeds = mlp([2, 3, 1])
    calm = gn.backward(E, {node: 0.1 * array for node, array in feeds.items()})
    for bwd, marks in ((stuck(), "▬○"), (stuck(units=20), "▬○"), (calm, "")):
        drawing = draw(bwd, view="units")
        svg = ElementTree.fromstring(drawing.to_svg())
        texts = ["".join(text.itertext()) for text in svg.iter(f"{SVG}text")]
        for mark, words in legend.items():
            assert (mark in texts) == (mark in marks)
            assert any(words in text for text in texts) == (mark in marks)
    small = draw(stuck(), view="units", sample=1)
    assert "▬ saturated" in small.to_mermaid()
    assert "saturated" in small.to_text()
    texts = ["".join(text.itertext()) for text in ElementTree.fromstring(small.to_svg()).iter(f"{SVG}text")]
    assert [text for text in texts if text.startswith("▬ ")] == [
        "▬ saturated",
        "▬ saturated",
        "▬ off",
    ]
    large = ElementTree.fromstring(draw(stuck(units=20), view="units").to_svg())
    texts = ["".join(text.itertext()) for text in large.iter(f"{SVG}text") if text.get("font-size") == "12"]
    beside = [text for text in texts if set(text) <= set("▬○")]
    assert sorted(beside) == ["▬○", "▬○", *["○"] * 19]  # no mark for the unit that is saturated in other samples only


# Layers in every way they can be written ----------------------------------------------------------------------------


def test_samples_in_columns_transposed_weights_and_vectors_are_the_same_network():
    rng = np.random.default_rng(5)
    W, V = rng.normal(size=(2, 3)), rng.normal(size=(3, 1))
    b, c = rng.normal(size=3), rng.normal(size=1)
    X, T = rng.normal(size=(1, 2)), rng.normal(size=(1, 1))

    def rows():
        x, t = gn.input("x", (None, 2)), gn.input("t", (None, 1))
        a = gn.tanh(x @ gn.parameter("W", W) + gn.parameter("b", b))
        return gn.sse(gn.sigmoid(a @ gn.parameter("V", V) + gn.parameter("c", c)), t, name="E"), {x: X, t: T}

    def columns():
        x, t = gn.input("x", (2, None)), gn.input("t", (1, None))
        a = gn.tanh(gn.parameter("W", W.T) @ x + gn.parameter("b", b[:, None]))
        z = gn.parameter("V", V.T) @ a + gn.parameter("c", c[:, None])
        return gn.sse(gn.sigmoid(z), t, name="E"), {x: X.T, t: T.T}

    def transposed():
        x, t = gn.input("x", (None, 2)), gn.input("t", (None, 1))
        a = gn.tanh(x @ gn.parameter("W", W.T).T + gn.parameter("b", b))
        return gn.sse(gn.sigmoid(a @ gn.parameter("V", V.T).T + gn.parameter("c", c)), t, name="E"), {x: X, t: T}

    def vectors():
        x, t = gn.input("x", (2,)), gn.input("t", (1,))
        a = gn.tanh(x @ gn.parameter("W", W) + gn.parameter("b", b))
        return gn.sse(gn.sigmoid(a @ gn.parameter("V", V) + gn.parameter("c", c)), t, name="E"), {x: X[0], t: T[0]}

    expected = diagram_of(gn.backward(*rows()))
    for network in (columns, transposed, vectors):
        diagram = diagram_of(gn.backward(*network()))
        for name in ("z", "a", "delta", "error", "bias", "bias_gradient", "target"):
            assert numbers(diagram.columns, "units", name) == numbers(expected.columns, "units", name)
        for name in ("weight", "gradient", "message"):
            assert numbers(diagram.bundles, "weights", name) == numbers(expected.bundles, "weights", name)


def test_layers_without_bias_without_activation_and_without_error():
    x = gn.input("x", (None, 2))
    a = gn.relu(x @ [[1.0, -2.0, 3.0], [0.5, 0.0, 1.0]])
    diagram = diagram_of(gn.forward(a @ np.ones((3, 1)), {x: [[1.0, 1.0]]}))
    _, hidden, output = diagram.columns
    assert (hidden.activation, output.activation) == ("relu", "")
    assert cells(hidden.units, "z") == ["1.5", "−2", "4"]
    assert cells(hidden.units, "a") == ["1.5", "0", "4"]
    assert cells(output.units, "z") == cells(output.units, "a") == ["5.5"]
    assert [unit.bias for unit in hidden.units] == [None] * 3
    assert diagram.error is None
    assert not diagram.has_signals


def test_an_error_made_of_several_ops_and_one_that_takes_z():
    x, t = gn.input("x", (None, 2)), gn.input("t", (None, 3))
    z = gn.bias_add(x @ gn.parameter("W", np.ones((2, 3))), gn.parameter("b", np.zeros(3)), name="z")
    feeds = {x: [[1.0, 2.0]], t: [[1.0, 0.0, 0.0]]}
    by_hand = diagram_of(gn.backward(gn.multiply(0.5, gn.sum(gn.square(gn.sigmoid(z, name="a") - t)), name="E"), feeds))
    assert by_hand.columns[-1].name == "a"
    assert cells(by_hand.columns[-1].units, "target") == ["1", "0", "0"]
    fused = diagram_of(gn.backward(gn.binary_cross_entropy(z, t, name="E"), feeds))
    assert (fused.columns[-1].name, fused.columns[-1].activation) == ("z", "")
    softmax = diagram_of(gn.backward(gn.sse(gn.softmax(z, name="p"), t, name="E"), feeds))
    assert (softmax.columns[-1].activation, softmax.columns[-1].curve) == ("softmax", ())


def test_an_activation_of_ones_own_has_its_curve():
    @gn.op
    def bent(z):
        return z * z

    x = gn.input("x", (None, 2))
    curve = diagram_of(gn.Graph(bent(x @ np.ones((2, 2))))).columns[1].curve
    assert all(a == pytest.approx(z * z) for z, a in curve)
    assert len(curve) > 10


def test_what_is_computed_before_the_first_layer_is_the_input():
    x = gn.input("x", (None, 2))
    diagram = diagram_of(gn.forward(gn.tanh(gn.multiply(x, 2.0, name="twice") @ np.ones((2, 1))), {x: [[1.0, 3.0]]}))
    assert diagram.columns[0].name == "twice"
    assert cells(diagram.columns[0].units, "a") == ["2", "6"]


def skip():
    x = gn.input("x", (None, 2))
    a = gn.tanh(x @ np.ones((2, 2)), name="a")
    return gn.add(gn.tanh(a @ np.ones((2, 2))), a)


def several_ops_as_activation():
    z = gn.matmul(gn.input("x", (None, 2)), np.ones((2, 2)), name="z")
    return gn.multiply(z, gn.sigmoid(z), name="swish") @ np.ones((2, 1))


def two_activations():
    return gn.tanh(gn.tanh(gn.input("x", (None, 2)) @ np.ones((2, 2)), name="once")) @ np.ones((2, 1))


def two_branches():
    x = gn.input("x", (None, 2))
    return gn.tanh(gn.matmul(x, np.ones((2, 2)), name="left")) * gn.tanh(gn.matmul(x, np.ones((2, 2)), name="right"))


def reshaped_between():
    a = gn.tanh(gn.input("x", (3, 2)) @ np.ones((2, 2)))
    return gn.reshape(a, (3, 2), name="same") @ np.ones((2, 1))


def added_to_samples():
    x = gn.input("x", (4, 2))
    return gn.tanh(gn.add(x @ np.ones((2, 3)), gn.parameter("c", np.ones((4, 1))), name="shifted")) @ np.ones((3, 1))


def vector_along_samples():
    z = gn.bias_add(gn.parameter("W", np.ones((3, 2))) @ gn.input("x", (2, 5)), gn.parameter("c", np.ones(5)), name="z")
    return gn.matmul(np.ones((1, 3)), gn.tanh(z))


def stacks():
    return gn.matmul(gn.input("x", (5, 3, 2)), np.ones((2, 2)), name="stack")


@pytest.mark.parametrize(
    ("network", "named"),
    [
        (skip, "'a' (tanh)"),
        (several_ops_as_activation, "'swish' (multiply)"),
        (two_activations, "'once' (tanh)"),
        (two_branches, "'left' (matmul)"),
        (reshaped_between, "'same' (reshape)"),
        (added_to_samples, "'shifted' (add)"),
        (vector_along_samples, "'z' (bias_add)"),
        (stacks, "'stack' (matmul)"),
    ],
)
def test_what_is_in_the_way_is_named_with_its_line(network, named):
    with pytest.raises(DrawError) as caught:
        draw(network(), view="units")
    assert named in str(caught.value)
    assert "test_units.py:" in str(caught.value)
    assert "@gn.op" in str(caught.value)


def test_a_graph_without_layers_says_so():
    with pytest.raises(DrawError, match="no matrix product of a signal with weights"):
        draw(gn.tanh(gn.input("x")), view="units")


def test_options_that_do_not_go_together(network):
    E, feeds = network
    bwd = gn.backward(E, feeds)
    for message, options in [
        ('"ops" or "units"', {"view": "circles"}),
        ("only the unit view shows one sample", {"sample": 0}),
        ("the pass has 3 samples", {"view": "units", "sample": 3}),
        ("no sample -1", {"view": "units", "sample": -1}),
        ("no sample True", {"view": "units", "sample": True}),
        ("no sample 'x'", {"view": "units", "sample": "x"}),
        ("flows to the right", {"view": "units", "direction": "down"}),
    ]:
        with pytest.raises(DrawError, match=message):
            draw(bwd, **options)
    with pytest.raises(DrawError, match="a graph has no samples"):
        draw(E, view="units", sample=0)


def test_numbers_that_are_not_finite_and_empty_batches_are_drawn(network):
    E, feeds = network
    x, t = feeds
    with np.errstate(all="ignore"):
        for X in (np.full((1, 2), np.nan), np.full((1, 2), np.inf), np.zeros((0, 2))):
            svg = draw(gn.backward(E, {x: X, t: np.ones((len(X), 1))}), view="units").to_svg()
            ElementTree.fromstring(svg)


@pytest.mark.parametrize("suffix", [".svg", ".png", ".pdf", ".dot"])
def test_every_suffix_in_the_unit_view(network, tmp_path, suffix, capfd):
    for i, what in enumerate([gn.backward(*network), gn.backward(*mlp([64, 32, 10]))]):
        content = draw(what, view="units").save(tmp_path / f"{i}{suffix}").read_bytes()
        starts = {".png": b"\x89PNG\r\n\x1a\n", ".pdf": b"%PDF-", ".dot": b"digraph", ".svg": b"<?xml"}
        assert content.startswith(starts[suffix])
    assert "rror" not in capfd.readouterr().err


def test_a_png_of_the_unit_view_has_the_size_of_its_svg(network):
    drawing = draw(gn.backward(*network), view="units")
    root = ElementTree.fromstring(drawing.to_svg())
    from graphnet.draw.shapes import render

    png = render(drawing.to_dot(), "png")
    size = [int.from_bytes(png[start : start + 4], "big") for start in (16, 20)]
    expected = [
        float(root.get(side)) * 144 / 72 for side in ("width", "height")
    ]  # 144 dots an inch: sharp on a projector
    assert size == pytest.approx(expected, abs=4)


def test_the_unit_view_as_text_and_as_mermaid(network):
    E, feeds = network
    bwd = gn.backward(E, feeds)
    small = draw(bwd, view="units")
    text = small.to_text()
    assert "hidden layer 1: a1, tanh, 3 units" in text
    assert f"error: E = sse(a2, t) = {number_text(bwd['E'][()])}" in text
    z1, delta = bwd["z1"][0], bwd.error_signal("z1")[0]
    for unit in range(3):
        (row,) = [
            line for line in text.split("\n") if line.startswith(f"{unit}  ") and number_text(z1[unit], 3) in line
        ]
        assert number_text(delta[unit], 3) in row.split()
    mermaid = small.to_mermaid()
    assert len(re.findall(r"^u0_\d -->\|[^|]*\| u1_\d$", mermaid, re.M)) == 6
    assert len(re.findall(r"^u\d_\d\(\(", mermaid, re.M)) == 6
    large = draw(gn.backward(*mlp([64, 32, 10])), view="units").to_mermaid()
    assert re.findall(r"^(c\d) -->.*(c\d)$", large, re.M) == [("c0", "c1"), ("c1", "c2")]
    assert large.count("-->") < 500


@pytest.mark.parametrize("sizes", [[2, 3, 1], [3, 4, 3], [4, 4, 4], [3, 6, 1], [2, 2, 2, 2, 2], [6, 3], [1, 14, 1]])
def test_numbers_of_weights_do_not_cover_each_other_nor_units(sizes):
    sheet = sheet_of_units(diagram_of(gn.backward(*mlp(sizes))))
    labels = [part for part in sheet.parts if re.fullmatch(r"w\d+-\d+-\d+[wg]", part.id)]
    assert len(labels) == (0 if sizes == [1, 14, 1] else 2 * sum(a * b for a, b in itertools.pairwise(sizes)))
    boxes = {}
    for part in labels:  # its number, and below it its gradient
        (text,) = part.texts
        left, right = text.x - text.width / 2, text.x + text.width / 2
        boxes.setdefault(part.id[:-1], []).append((left, text.y - 0.75 * text.size, right, text.y + 0.2 * text.size))
    around = [(*np.min(of, axis=0)[:2], *np.max(of, axis=0)[2:]) for of in boxes.values()]
    rims = [part.shapes[0] for part in sheet.parts if "ring" in part.classes]
    for i, (left, top, right, bottom) in enumerate(around):
        assert not any(left < c and a < right and top < d and b < bottom for a, b, c, d in around[:i])
        for rim in rims:
            nearest = min(max(rim.x, left), right), min(max(rim.y, top), bottom)
            assert np.hypot(nearest[0] - rim.x, nearest[1] - rim.y) > 0.8 * rim.r


@pytest.mark.parametrize("sizes", [[2, 0], [0, 3], [1, 1], [1, 300, 1], [200, 200]])
def test_layers_of_no_unit_of_one_and_of_many(sizes):
    x = gn.input("x", (None, sizes[0]))
    a = x
    for before, units in itertools.pairwise(sizes):
        a = gn.tanh(a @ gn.parameter(f"W{before}-{units}", np.ones((before, units))))
    drawing = draw(gn.forward(a, {x: np.ones((3, sizes[0]))}), view="units")
    assert [column.size for column in drawing.picture.columns] == sizes
    assert sum(len(column.units) for column in drawing.picture.columns) == min(sum(sizes), 60)
    ElementTree.fromstring(drawing.to_svg())
    assert len(drawing.to_text()) > 100
