"""Integers and truth values are numbers to compute with, in every run: they don't overflow, and True + True is 2."""

import numpy as np
import pytest

import graphnet as gn

k, m = gn.input("k", shape=(2,), dtype=int), gn.input("m", shape=(2,), dtype=bool)
K, M = np.array([2**40, -3]), np.array([True, False])
CASES = {
    "product": (k * k, [2.0**80, 9.0]),
    "sum of two": (k + k, [2.0**41, -6.0]),
    "square": (gn.square(k), [2.0**80, 9.0]),
    "negative power": (k ** gn.constant([-1, -1], dtype=int), [2.0**-40, -1 / 3]),
    "of truth values": (m + m, [2.0, 0.0]),
    "difference": (m - m, [0.0, 0.0]),
    "negative": (gn.negative(m), [-1.0, 0.0]),
    "sum of conditions": ((k > 0) + (k > 1), [2.0, 0.0]),
    "tanh": (gn.tanh(m), np.tanh([1.0, 0.0])),
    "exp": (np.exp(m), [np.e, 1.0]),
    "sigmoid": (gn.sigmoid(m), [1 / (1 + np.exp(-1.0)), 0.5]),
    "sse": (gn.sse(m, [0.0, 0.0]), 0.5),
    "sum": (gn.sum(m), 1.0),
    "where": (np.where(m, 3.0, k), [3.0, -3.0]),
    "take": (gn.take(gn.constant([5.0, 7.0]), gn.constant([1, 0], dtype=int)), [7.0, 5.0]),
}


@pytest.mark.parametrize("case", CASES)
def test_in_a_network(case):
    node, expected = CASES[case]
    feeds = {each: {k: K, m: M}[each] for each in gn.Graph(node).inputs}
    w = gn.parameter("w", np.ones(node.shape))
    E = gn.sum(node * w)
    found = gn.forward(node, feeds)[node]
    assert found.dtype == np.float64
    np.testing.assert_allclose(found, expected, rtol=1e-15)
    np.testing.assert_allclose(gn.backward(E, feeds).gradient(w), expected, rtol=1e-15)
    loss, gradients = gn.compile(E)(feeds)
    np.testing.assert_allclose(gradients["w"], expected, rtol=1e-15)
    np.testing.assert_allclose(loss, np.sum(expected), rtol=1e-15)


@pytest.mark.parametrize(
    ("function", "expected"),
    [
        (lambda z: gn.add(z, z), [2.0, 0.0]),
        (lambda z: gn.subtract(z, z), [0.0, 0.0]),
        (gn.tanh, np.tanh([1.0, 0.0])),
        (gn.softmax, [np.e / (np.e + 1), 1 / (np.e + 1)]),
    ],
)
def test_of_arrays(function, expected):
    np.testing.assert_allclose(function(M), expected, rtol=1e-15)


def test_a_mask_leaves_float32_as_it_is():
    assert gn.multiply(np.ones(2, np.float32), M).dtype == np.float32
    assert gn.where(M, np.ones(2, np.float32), np.zeros(2, np.float32)).dtype == np.float32
    w = gn.parameter("w", np.ones(2, np.float32))
    assert gn.backward(gn.sum(w * m * k), {m: M, k: K}).gradient(w).dtype == np.float32
    assert gn.compile(gn.sum(w * m * k))({m: M, k: K})[1]["w"].tolist() == [2.0**40, 0]


@pytest.mark.parametrize(
    "of_constants",
    [
        lambda: np.where(m, 1.0, 0.0),
        lambda: np.where(m, 1.0, 0.0) * 2.0 - k,
        lambda: gn.take(np.array([0.5, 0.25]), np.array([1, 0])),
        lambda: gn.take(np.eye(2), gn.argmax(np.where(m, 1.0, 0.0))),
    ],
)
def test_what_is_made_of_constants_is_of_the_network_s_dtype(of_constants):
    for dtype in (np.float32, np.float64):
        w = gn.parameter("w", np.ones(2, dtype))
        E = gn.sum(of_constants() * w)
        assert E.dtype == dtype
        feeds = {each: {k: K, m: M}[each] for each in gn.Graph(E).inputs}
        assert gn.forward(E, feeds)[E].dtype == dtype
        assert gn.backward(E, feeds).gradient(w).dtype == dtype
        assert gn.compile(E)(feeds)[1]["w"].dtype == dtype


def test_whole_numbers_are_compared_as_such():
    """As real numbers these two are one."""
    E = gn.sum(np.where(k == gn.constant(2**60, dtype=int), [1.0, 2.0], [4.0, 8.0]))
    feeds = {k: np.array([2**60 + 1, 2**60])}
    assert gn.forward(E, feeds)[E] == gn.compile(E, wrt=[])(feeds) == 6.0


def test_logic_stays_logic():
    assert gn.ops.LogicalAnd()(M, M).dtype == bool
    assert (m & m).dtype == bool
    assert gn.reshape(M, (1, 2)).dtype == bool
