"""What the neutral description says of a graph and of a pass."""

import numpy as np
import pytest

import graphnet as gn
from graphnet.draw.build import picture_of
from graphnet.draw.names import number_text
from graphnet.draw.picture import Arrow, Mark
from graphnet.draw.scale import Scale, fitted
from graphnet.errors import DrawError


def by_title(picture):
    return {box.title: box for box in picture.boxes}


def field(box, role):
    return next((field for field in box.fields if field.role == role), None)


def texts(field):
    return [[cell.text for cell in row] for row in field.rows]


def numbers(array):
    return [[number_text(entry) for entry in row] for row in np.atleast_2d(array)]


def test_graph_shows_structure_and_no_numbers(network):
    picture = picture_of(gn.Graph(network[0]))
    boxes = by_title(picture)
    assert picture.title == "Graph of E: 13 nodes, 2 inputs, 4 parameters"
    assert boxes["a1"].lines == ("tanh(z1)", "shape (None, 3)")
    assert boxes["W1"].lines == ("parameter", "shape (2, 3)")
    assert [box.kind for box in picture.boxes].count("parameter") == 4
    assert [title for title, box in boxes.items() if box.output] == ["E"]
    assert not any(box.fields for box in picture.boxes)
    assert all(edge.role == "value" for edge in picture.edges)
    assert picture.legend == ()


def test_forward_pass_shows_every_value(network):
    fwd = gn.forward(*network)
    picture = picture_of(fwd)
    assert picture.title == f"Forward pass: E = {number_text(fwd['E'][()])}"
    for box in picture.boxes:
        assert texts(field(box, "value")) == numbers(fwd[box.title])
        assert len(box.fields) == 1


def test_backward_pass_shows_every_value_signal_and_gradient(network):
    bwd = gn.backward(*network)
    for box in picture_of(bwd).boxes:
        role = {"op": "error signal", "parameter": "gradient", "input": "unused signal"}[box.kind]
        shown = field(box, role)
        assert texts(field(box, "value")) == numbers(bwd[box.title])
        assert texts(shown) == numbers(bwd.error_signal(box.title))
        assert shown.caption == f"{'gradient' if box.kind == 'parameter' else 'error signal'} ∂E/∂{box.title}"


def test_arrows_go_both_ways_in_their_roles(network):
    picture = picture_of(gn.backward(*network))
    title = {box.id: box.title for box in picture.boxes}
    arrows = {(title[edge.source], title[edge.target]): edge.role for edge in picture.edges}
    assert arrows["z1", "a1"] == "value"
    assert arrows["a1", "z1"] == "error signal"
    assert arrows["matmul_1", "W1"] == "gradient"
    assert arrows["E", "t"] == "unused signal"
    assert len(picture.edges) == 2 * 12


def test_strength_of_an_arrow_is_the_norm_of_its_message(network):
    """On the scale that ends at the largest norm, and on which their median is half as strong."""
    bwd = gn.backward(*network)
    edges = picture_of(bwd).edges
    strengths = {(edge.source, edge.target): edge.strength for edge in edges if edge.role != "value"}
    place = {node: i for i, node in enumerate(bwd.graph.nodes)}
    norms = {
        (f"n{place[message.consumer]}", f"n{i}"): np.linalg.norm(message.delta)
        for i, node in enumerate(bwd.graph.nodes)
        for message in bwd.messages(node)
        if message.consumer is not None
    }
    assert strengths.keys() == norms.keys()
    largest, median = max(norms.values()), np.median(list(norms.values()))
    power = np.log(0.5) / np.log(median / largest)
    for ends, norm in norms.items():
        assert strengths[ends] == pytest.approx((norm / largest) ** power)


def test_x_times_x_has_two_edges_and_two_messages_that_add_up():
    x = gn.input("x")
    picture = picture_of(gn.backward(gn.multiply(x, x, name="y"), {x: 3.0}))
    assert [(edge.role, edge.slot, edge.text) for edge in picture.edges] == [
        ("value", 0, ""),
        ("unused signal", 0, "3"),
        ("value", 1, ""),
        ("unused signal", 1, "3"),
    ]
    assert texts(field(by_title(picture)["x"], "unused signal")) == [["6"]]


def test_no_error_signal_is_said_in_words_and_has_no_number_and_no_arrow():
    x, w = gn.input("x", (3,)), gn.parameter("w", [1.0, -2.0, 3.0])
    mask = gn.input("mask", (3,), dtype=bool)
    E = gn.sum(gn.where(mask, w, x), name="E")
    picture = picture_of(gn.backward(E, {x: np.ones(3), mask: np.array([True, False, True])}))
    shown = by_title(picture)["mask"].fields[1]
    assert (shown.caption, shown.rows, shown.lines) == ("no error signal", (), ())
    ids = {box.title: box.id for box in picture.boxes}
    assert not [edge for edge in picture.edges if edge.role != "value" and edge.target == ids["mask"]]
    assert texts(by_title(picture)["mask"].fields[0]) == [["true", "false", "true"]]


def test_exactly_zero_is_said_in_words():
    w = gn.parameter("w", [-1.0, -2.0])
    E = gn.sum(gn.relu(w, name="a"), name="E")
    picture = picture_of(gn.backward(E, {}))
    shown = field(by_title(picture)["w"], "gradient")
    assert (shown.rows, shown.lines) == ((), ("exactly 0",))
    back = next(edge for edge in picture.edges if edge.role == "gradient")
    assert (back.strength, back.text) == (None, "exactly 0")


def test_underflow_is_not_called_zero():
    w = gn.parameter("w", 1.0)
    picture = picture_of(gn.backward(gn.multiply(w, 1e-320, name="E"), {}))
    assert texts(field(by_title(picture)["w"], "gradient")) == [[number_text(1e-320)]]
    assert number_text(1e-320) != "0"


def test_numbers_that_are_not_finite_are_named_and_have_no_strength():
    x = gn.input("x", (2,))
    with np.errstate(all="ignore"):
        picture = picture_of(gn.forward(gn.log(x, name="y"), {x: [0.0, 1.0]}))
    shown = by_title(picture)["y"].fields[0]
    assert texts(shown) == [["−inf", "0"]]
    assert shown.lines == ("1 of 2 not finite",)
    assert shown.rows[0][0].strength is None


def test_large_arrays_are_summarised_with_norm_range_and_thumbnail():
    values = np.random.default_rng(0).normal(size=(32, 64))
    x = gn.input("x", (None, 64))
    shown = picture_of(gn.forward(gn.tanh(x, name="y"), {x: values})).boxes[0].fields[0]
    assert shown.rows == ()
    assert shown.lines == (
        f"norm {number_text(np.linalg.norm(values))}",
        f"{number_text(values.min())} … {number_text(values.max())}",
    )
    assert len(shown.thumbnail) == 6
    assert {len(row) for row in shown.thumbnail} == {16}


@pytest.mark.parametrize("shape", [(0,), (0, 3), (2, 3, 4), (1,), ()])
def test_arrays_of_unusual_shapes_are_shown(shape):
    x = gn.input("x", shape)
    shown = picture_of(gn.forward(gn.tanh(x, name="y"), {x: np.ones(shape)})).boxes[1].fields[0]
    assert shown.rows or shown.lines


def test_literals_are_small_and_small_constants_show_their_numbers_without_a_pass():
    x = gn.input("x", (2,))
    y = gn.add(x * 0.5, gn.constant([1.0, 2.0], name="shift"), name="y")
    boxes = by_title(picture_of(gn.Graph(y)))
    assert (boxes["0.5"].kind, boxes["0.5"].lines, boxes["0.5"].fields) == ("literal", (), ())
    assert texts(boxes["shift"].fields[0]) == [["1", "2"]]
    assert boxes["multiply_1"].lines[0] == "multiply(x, 0.5)"


def test_settings_are_shown():
    boxes = by_title(picture_of(gn.Graph(gn.leaky_relu(gn.input("z"), slope=0.2, name="a"))))
    assert boxes["a"].lines == ("leaky_relu(z)", "slope=0.2", "scalar")


def test_scopes_become_nested_groups():
    x = gn.input("x")
    with gn.scope("outer"), gn.scope("inner"):
        y = gn.tanh(x, name="y")
    picture = picture_of(gn.Graph(y))
    assert [(group.id, group.title, group.parent) for group in picture.groups] == [
        ("g0", "outer", None),
        ("g1", "inner", "g0"),
    ]
    assert {box.title: box.group for box in picture.boxes} == {"x": None, "y": "g1"}


def test_marks_are_kept_and_clean(network):
    E, _ = network
    graph = gn.Graph(E)
    picture = picture_of(graph, marks={graph["a1"]: Mark("fault", "wrong\x00 rule")})
    assert by_title(picture)["a1"].mark == Mark("fault", "wrong\\u{0} rule")
    assert sum(box.mark is not None for box in picture.boxes) == 1


def test_legend_says_what_the_colours_mean_with_the_ends_of_the_scale(network):
    picture = picture_of(gn.backward(*network))
    assert [entry.role for entry in picture.legend] == ["value", "error signal", "gradient", "unused signal"]
    assert all(entry.low == f"−{entry.high}" and entry.arrow for entry in picture.legend)
    value, signal = picture_of(gn.forward(*network)).legend
    assert (value.role, signal.role) == ("value", "error signal")
    assert "not computed" in signal.text


def test_scales():
    assert Scale(4.0).strength(-2.0) == -0.5
    assert Scale(4.0, 0.5).strength(1.0) == 0.5
    assert Scale(4.0).strength(np.nan) is None
    assert [Scale(1.0, 0.5).strength(number) for number in (0.0, -0.0, 99.0, -99.0)] == [0.0, 0.0, 1.0, -1.0]
    assert fitted([]).strength(1.0) == 1.0
    assert fitted([np.array([3.0, 4.0])]) == Scale(4.0, 1.0)  # small numbers are not made to look smaller


def test_the_middle_size_is_half_as_strong_as_the_largest_however_they_lie():
    """Of arrays, each counts alike; zeros and what is not finite don't."""
    for middle in (0.1, 2e-3):
        scale = fitted([np.array([0.0, middle, -middle]), np.array([np.inf, 1.0, -1.0]), np.full(50, middle)])
        assert scale.high == 1.0
        assert scale.strength(-middle) == pytest.approx(-0.5)
    wide = fitted([np.array([1e-30, 1e-30, 1.0])])  # what is that small may look like nothing, but not like 0
    assert 0 < wide.strength(1e-30) < 0.01


def test_edge_slots_tell_the_inputs_apart():
    x, y = gn.input("x"), gn.input("y")
    picture = picture_of(gn.Graph(gn.subtract(y, x, name="d")))
    assert picture.edges == (Arrow("n0", "n2", 0, "value"), Arrow("n1", "n2", 1, "value"))
    assert picture.boxes[2].lines[0] == "subtract(y, x)"


# Images ------------------------------------------------------------------------------------------------------------


def of_images():
    x = gn.input("x", (None, 6))
    W = gn.parameter("W", np.arange(12.0).reshape(6, 2))
    E = gn.sum(gn.tanh(x @ W, name="a"), name="E")
    return x, W, gn.backward(E, {x: np.arange(12.0).reshape(2, 6) / 10})


def test_an_input_of_images_and_the_weights_that_look_at_them_are_laid_out_as_images():
    x, _, run = of_images()
    fields = {box.title: box.fields for box in gn.draw(run, pictures={x: (2, 3)}).picture.boxes}
    scale = max(run["x"].max(), run["W"].max())  # the largest is as strong as can be
    first = fields["x"][0]
    assert first.rows == ()
    assert [len(first.thumbnail), len(first.thumbnail[0])] == [2, 7]  # two of 2 × 3, and a column between them
    assert [row[3] for row in first.thumbnail] == [0, 0]
    strengths = np.array(fields["W"][0].thumbnail)[:, :3]
    assert strengths.argmax() == 5  # the last pixel of the first unit's weights, 10
    assert np.all(np.diff(strengths.ravel()) > 0)  # 0, 2, 4 ... down the first column of W
    assert len(fields["x"][1].thumbnail) == 2  # the error signal, too
    assert scale == 11


def test_images_are_told_by_name_and_rows_of_many_are_cut():
    _, _, run = of_images()
    assert gn.draw(run, pictures={"x": (3, 2)}).picture.boxes[0].fields[0].thumbnail
    many = gn.input("x", (None, 64))
    run = gn.backward(gn.sum(gn.tanh(many, name="a")), {many: np.ones((500, 64))})
    field = next(box for box in gn.draw(run, pictures={many: (8, 8)}).picture.boxes if box.title == "x").fields[0]
    assert sum(map(len, field.thumbnail)) < 1500


@pytest.mark.parametrize(
    ("given", "parts"),
    [
        ({"x": (4, 4)}, ["makes no images of 4 × 4", "16"]),
        ({"W": (2, 3)}, ["'W'", "pictures={x: (28, 28)}"]),
        ({"x": 6}, ["'x'", "pictures={x: (28, 28)}"]),
        ({"x": (2, 0)}, ["height or width"]),
        ([(2, 3)], ["pictures is"]),
        ({"y": (2, 3)}, ["'y'", "Declare its sizes"]),
    ],
)
def test_what_makes_no_images_is_refused(given, parts, refused):
    x, _, _ = of_images()
    E = gn.sum(x) + gn.sum(gn.input("y", (None, None)))
    with refused(DrawError, *parts):
        gn.draw(E + gn.sum(gn.parameter("W", np.zeros((6, 2)))), pictures=given)


def test_one_image_without_samples_is_one():
    x = gn.input("x", (6,))
    run = gn.backward(gn.sum(gn.tanh(x), name="E"), {x: np.arange(6.0)})
    (field, _) = next(box for box in gn.draw(run, pictures={x: (2, 3)}).picture.boxes if box.title == "x").fields
    assert np.shape(field.thumbnail) == (2, 3)
