"""Feeds: each mistake is an error that says which input, what came and what was expected."""

import re

import numpy as np
import pytest

import graphnet as gn
from graphnet.errors import DtypeError, FeedError, OpaqueError, ShapeError

x, label = gn.input("pixels", (None, 3)), gn.input("label", (None, 1))
position, mask = gn.input("position", (2,), dtype=int), gn.input("mask", (3,), dtype=bool)
w = gn.parameter("w", np.ones((3, 1)))
E = gn.sse(gn.where(mask, x, 0.0) @ w, label) + gn.sum(gn.take(w, position))
GOOD = {x: np.ones((4, 3)), label: np.ones((4, 1)), position: [0, 2], mask: [True, False, True]}


@pytest.mark.parametrize("run", [gn.forward, gn.backward])
@pytest.mark.parametrize(
    ("change", "error", "text"),
    [
        ({x: None, label: None}, FeedError, "no array is fed for 'pixels', 'label'"),
        ({"pixel": np.ones((4, 3))}, FeedError, "no input is called 'pixel'; the inputs are"),
        ({"pixel": np.ones((4, 3))}, FeedError, "Did you mean 'pixels'?"),
        ({"weights of the first": 1.0}, FeedError, "Feed inputs only, by node or by name."),
        ({3: 1.0}, FeedError, "no input is called 3"),
        ({"pixels": np.ones((4, 3))}, FeedError, "input 'pixels' is fed twice, by node and by name"),
        ({w: np.ones((3, 1))}, FeedError, "can't be fed"),
        ({w: np.ones((3, 1))}, FeedError, "Set its value: node.value = array."),
        ({"w": np.ones((3, 1))}, FeedError, "no input is called 'w'"),
        ({gn.input("pixels", (None, 3)): 1.0}, FeedError, "is not an input of this graph; its own 'pixels' is another"),
        ({gn.input("other"): 1.0}, FeedError, "'other' (input), made at test_feeds.py"),
        ({E: 1.0}, FeedError, "is not an input of this graph"),
        ({x: np.ones((4, 2))}, ShapeError, "the feed of input 'pixels' has shape (4, 2), expected (None, 3)"),
        ({x: np.ones(3)}, ShapeError, "Feed a batch of one: array[np.newaxis]."),
        ({x: np.ones((3, 4))}, ShapeError, "Is it stored transposed? Feed array.T."),
        ({x: np.ones((4, 3, 1))}, ShapeError, "has shape (4, 3, 1)"),
        ({x: 1.0}, ShapeError, "has shape ()"),
        ({label: np.ones(4)}, ShapeError, "Feed a column: array[:, np.newaxis]."),
        ({x: np.ones((4, 3), complex)}, DtypeError, "the feed of input 'pixels' has dtype complex128, expected float"),
        ({x: np.ones((4, 3), object)}, DtypeError, "has dtype object"),
        ({x: np.ones((4, 3), bool)}, DtypeError, "has dtype bool"),
        ({x: np.ones((4, 3), np.float16)}, DtypeError, "has dtype float16"),
        ({x: np.ones((4, 3), np.longdouble)}, DtypeError, "or integers"),
        ({x: [["a", "b", "c"]]}, DtypeError, "is [['a', 'b', 'c']], expected numbers"),
        ({x: [[1.0, 2.0, 3.0], [1.0]]}, DtypeError, "Give numbers in rows of equal length."),
        ({x: "data.csv"}, DtypeError, "the feed of input 'pixels' is 'data.csv', expected numbers"),
        ({position: [0.0, 2.0]}, DtypeError, "the feed of input 'position' has dtype float64, expected integers"),
        ({position: [True, False]}, DtypeError, "has dtype bool, expected integers"),
        ({mask: [1, 0, 1]}, DtypeError, "the feed of input 'mask' has dtype int64, expected bool"),
        ({x: w}, OpaqueError, "a node has none: its value exists only in a pass"),
    ],
)  # fmt: skip
def test_a_bad_feed_is_an_error_that_says_so(run, change, error, text):
    feeds = {key: value for key, value in {**GOOD, **change}.items() if value is not None}
    with pytest.raises(error, match=re.escape(text)):
        run(E, feeds)


@pytest.mark.parametrize("feeds", [None, [np.ones((4, 3))], np.ones((4, 3)), "pixels"])
def test_feeds_are_a_dict(feeds):
    with pytest.raises(FeedError, match="feeds must be a dict"):
        gn.forward(E, feeds)


def test_the_line_that_made_an_input_is_shown():
    with pytest.raises(ShapeError, match=r"'pixels' \(input\), made at test_feeds\.py:\d+"):
        gn.forward(E, {**GOOD, x: 1.0})


def test_inputs_are_fed_by_node_or_by_name_and_may_be_lists():
    by_name = {node.name: np.asarray(array).tolist() for node, array in GOOD.items()}
    assert gn.forward(E, by_name)[E] == gn.forward(E, GOOD)[E]


@pytest.mark.parametrize("n", [0, 1, 7])
def test_a_batch_may_have_any_size(n):
    z = x @ w
    assert gn.forward(z, {x: np.ones((n, 3))})[z].shape == (n, 1)


@pytest.mark.parametrize(
    "array", [np.ones((2, 3), ">f8"), np.asfortranarray(np.ones((2, 3))), np.ones((4, 6))[::2, ::2]]
)
def test_arrays_of_any_layout_are_taken(array):
    y = gn.sum(x)
    bwd = gn.backward(y, {x: array})
    assert bwd[y] == 6.0
    assert bwd[x].dtype == np.float64


def test_positions_out_of_range_are_found_in_the_run():
    y = gn.take(w, position, name="picked")
    for wrong in ([0, 3], [-1, 0]):
        with pytest.raises(ShapeError, match=r"take 'picked': positions .* along an axis of size 3"):
            gn.forward(y, {position: wrong})


def test_sizes_unknown_until_fed_must_fit_each_other():
    with pytest.raises(ShapeError, match="axis -2 has sizes 3 and 4") as raised:
        gn.forward(E, {**GOOD, label: np.ones((3, 1))})
    assert "sse" in str(raised.value)


@pytest.mark.parametrize(
    ("declared", "fed", "repair"),
    [
        ((None, 1), (4,), "Feed a column"),
        ((None, 2, 1), (5, 2), "Feed a column"),
        ((None, 3), (3,), "Feed a batch of one"),
        ((2, 3), (3, 2), "Feed array.T"),
        ((None, 3), (4,), "Feed that shape"),
        ((None, 1, 3), (4, 3), "Feed that shape"),
    ],
)
def test_a_feed_of_another_shape_is_told_what_mends_it(declared, fed, repair):
    x = gn.input("x", declared)
    with pytest.raises(ShapeError, match=repair):
        gn.forward(gn.sum(x), {x: np.ones(fed)})
    if repair != "Feed that shape":
        array = {"Feed a column": np.ones(fed)[..., None], "Feed array.T": np.ones(fed).T}.get(
            repair, np.ones((1, *fed))
        )
        assert gn.forward(gn.sum(x), {x: array})["x"].size == np.prod(fed)


def test_all_values_of_a_pass_are_for_reading():
    x, w = gn.input("x", (2,)), gn.parameter("w", [1.0, 2.0])
    fwd = gn.forward(gn.sum(x * w * np.array([3.0, 4.0])), {x: [5.0, 6.0]})
    assert not any(fwd[node].flags.writeable for node in fwd)
