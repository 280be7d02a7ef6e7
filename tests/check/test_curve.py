"""The U-curve of one entry: its two branches, its plot, its errors."""

import numpy as np
import pytest

import graphnet as gn
from graphnet.errors import GraphError, ShapeError, UnreachableError


@pytest.fixture
def network():
    rng = np.random.default_rng(0)
    x = gn.input("x", (None, 2))
    W = gn.parameter("W", rng.normal(size=(2, 3)))
    return gn.sse(gn.tanh(x @ W), np.ones((4, 3)), name="E"), {x: rng.normal(size=(4, 2))}, W


def test_truncation_grows_as_the_square_and_rounding_as_the_inverse(network):
    E, feeds, W = network
    curve = gn.step_curve(E, feeds, W, (1, 2))
    assert curve.gradient == gn.backward(E, feeds).gradient(W)[1, 2]
    at = dict(zip(curve.steps, curve.errors, strict=True))
    long = [error for step, error in at.items() if 1e-3 < step < 1e-1]
    slope = np.polyfit(np.log([s for s in at if 1e-3 < s < 1e-1]), np.log(long), 1)[0]
    assert slope == pytest.approx(2, abs=0.1)
    short = np.array([[s, e] for s, e in at.items() if s < 1e-8 and e > 0])
    assert np.polyfit(np.log(short[:, 0]), np.log(short[:, 1]), 1)[0] == pytest.approx(-1, abs=0.3)
    assert 1e-7 < curve.best < 1e-4


def test_steps_of_ones_own_and_its_text(network):
    E, feeds, _ = network
    curve = gn.step_curve(E, feeds, "W", (0, -1), steps=[1e-3, 1e-5])
    assert (curve.index, list(curve.steps)) == ((0, 2), [1e-3, 1e-5])
    assert str(curve).startswith("W[0, 2], gradient ")
    assert curve.best == 1e-5


@pytest.mark.parametrize("suffix", [".png", ".svg", ".pdf"])
def test_the_plot_is_saved(network, tmp_path, suffix):
    E, feeds, W = network
    path = gn.step_curve(E, feeds, W, (0, 1)).save(tmp_path / f"curve{suffix}")
    assert path.stat().st_size > 5000
    axes = gn.step_curve(E, feeds, W, (0, 1)).plot()
    assert (axes.get_xscale(), axes.get_yscale()) == ("log", "log")


def test_a_scalar_leaf_and_a_gradient_of_zero():
    w = gn.parameter("w$x$", 0.0)
    curve = gn.step_curve(gn.sum(w * w), {}, w)
    assert (curve.gradient, curve.index) == (0.0, ())
    assert curve.plot().get_title()


def test_bad_input(network):
    E, feeds, W = network
    with pytest.raises(ShapeError, match=r"'W' of shape \(2, 3\) has no entry \(2, 0\)"):
        gn.step_curve(E, feeds, W, (2, 0))
    with pytest.raises(ShapeError, match="has no entry"):
        gn.step_curve(E, feeds, W, 1)
    with pytest.raises(GraphError, match="'E' is no leaf"):
        gn.step_curve(E, feeds, E)
    with pytest.raises(GraphError, match="steps are"):
        gn.step_curve(E, feeds, W, (0, 0), steps=[0.0])
    with pytest.raises(ShapeError, match="output 'a' has shape"):
        gn.step_curve(gn.tanh(W, name="a"), {}, W, (0, 0))
    with pytest.raises(UnreachableError, match="no error signal reaches 'W'"):
        gn.step_curve(gn.sum(np.where(W > 0, 1.0, 2.0)), {}, W, (0, 0))
