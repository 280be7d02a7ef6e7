"""The U-curve of one entry: its two branches, its plot, its errors."""

import re
import sys

import numpy as np
import pytest

import graphnet as gn
from graphnet.errors import DrawError, GraphError, ShapeError, UnreachableError


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


def cubes(w):
    """Return the curve of Σ w³ at its first entry: the error of its central difference is h² exactly."""
    leaf = gn.parameter("w", [w, 2.0])
    return gn.step_curve(gn.sum(leaf * leaf * leaf), {}, leaf, 0, steps=[1e-2, 1e-3, 1e-5])


def test_errors_are_relative_to_the_gradient_unless_it_is_zero():
    np.testing.assert_allclose(cubes(0.5).errors[:2], np.array([1e-4, 1e-6]) / (3 * 0.5**2), rtol=1e-5)
    np.testing.assert_allclose(cubes(0.0).errors[:2], [1e-4, 1e-6], rtol=1e-5)
    assert cubes(0.5).plot().get_ylabel() == "relative error"
    assert cubes(0.0).plot().get_ylabel() == "error"


def test_the_text_and_the_legend_round():
    lines = str(cubes(0.5)).splitlines()
    assert lines[0] == "w[0], gradient 0.75"
    assert [line.split() for line in lines[3:5]] == [["0.01", "0.000133"], ["0.001", "1.33e-06"]]
    curve = gn.step_curve(*third_of_a_square(), steps=[1e-3 / 3, 1e-2])
    assert str(curve).splitlines()[0] == "w[], gradient 0.666667"
    legend = [text.get_text() for text in curve.plot().get_legend().get_texts()]
    assert legend[1:] == ["best step 0.00033", "ε^⅓ = 6.1e-06"]


def third_of_a_square():
    w = gn.parameter("w", 1 / 3)
    return gn.sum(w * w), {}, w


def test_by_default_six_steps_a_decade_from_tiny_to_one(network):
    steps = gn.step_curve(*network, (0, 0)).steps
    np.testing.assert_allclose(steps[[0, -1]], [1e-12, 1])
    np.testing.assert_allclose(steps[1:] / steps[:-1], 10 ** (1 / 6))


def test_one_entry_of_many_moves_alone():
    W = gn.parameter("W", np.random.default_rng(0).normal(size=(60, 50)))
    curve = gn.step_curve(gn.sum(gn.tanh(W)), {}, W, (7, 3))
    assert curve.errors.min() < 1e-8
    assert curve.gradient == pytest.approx(1 / np.cosh(W.value[7, 3]) ** 2)


def test_the_plot_shows_every_error_that_a_logarithm_has(network):
    axes = (curve := gn.step_curve(*network, (0, 1))).plot()
    assert list(axes.lines[0].get_xdata()) == [s for s, e in zip(curve.steps, curve.errors, strict=True) if e > 0]
    assert len(axes.lines[0].get_xdata()) > 50
    assert axes.get_title() == "∂E/∂W[0, 1]"
    w = gn.parameter("w\n", 1.0)
    assert gn.step_curve(gn.sum(w * w), {}, w).plot().get_title() == r"∂E/∂'w\n'[]"


def test_a_long_list_of_steps_is_not_repeated_in_full(network):
    with pytest.raises(GraphError) as caught:
        gn.step_curve(*network, (0, 0), steps=[0.0] * 10_000)
    assert len(str(caught.value)) < 400


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


def test_as_a_cells_result_it_is_a_picture_or_one_line(network, monkeypatch):
    curve = gn.step_curve(*network, (0, 1))
    assert curve._repr_png_().startswith(b"\x89PNG")
    assert re.fullmatch(r"<StepCurve of W\[0, 1\]: 73 steps, best \S+ with error \S+>", repr(curve))
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)  # as where it is not installed
    assert curve._repr_png_() is None
    for use in (curve.plot, lambda: curve.save("curve.png")):
        with pytest.raises(DrawError, match=r"need matplotlib.*\n.*pip install"):
            use()


@pytest.mark.parametrize("path", ["no folder/curve.png", "curve.unknown"])
def test_a_plot_that_can_not_be_saved_is_a_draw_error(network, tmp_path, path):
    with pytest.raises(DrawError, match="can't write"):
        gn.step_curve(*network, (0, 1)).save(tmp_path / path)
