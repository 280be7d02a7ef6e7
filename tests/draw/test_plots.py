"""Plots: the numbers on them, and what they refuse."""

import subprocess
import sys
import warnings

import numpy as np
import pytest
from matplotlib.colors import to_hex
from matplotlib.figure import Figure

import graphnet as gn
from graphnet.common.text import short
from graphnet.errors import DrawError, GraphError, UnreachableError


def data(axes):
    return {line.get_label(): np.asarray(line.get_ydata()) for line in axes.get_lines() if line.get_label()[0] != "_"}


def test_the_source_figure_of_activations():
    figure = gn.plots.activations()
    left, right = figure.axes
    z = np.linspace(-5, 5, 401)
    logistic = 1 / (1 + np.exp(-z))
    for axes, expected in [
        (left, {"identity": z, "sigmoid": logistic, "tanh": np.tanh(z)}),
        (right, {"identity": np.ones(401), "sigmoid": logistic * (1 - logistic), "tanh": 1 / np.cosh(z) ** 2}),
    ]:
        shown = data(axes)
        assert list(shown) == list(expected)
        for name, curve in expected.items():
            assert shown[name] == pytest.approx(curve, abs=1e-12)
        for line, channel in zip(axes.get_lines(), (0, 2, 1), strict=False):
            rgb = bytes.fromhex(to_hex(line.get_color())[1:])
            assert max(rgb) == rgb[channel]  # identity red, logistic blue, tanh green
        assert np.ptp(axes.get_lines()[0].get_xdata()) == 10


def test_a_known_activation_looks_the_same_in_every_plot():
    def looks(functions):
        lines = gn.plots.activations(functions).axes[0].get_lines()
        return {line.get_label(): to_hex(line.get_color()) for line in lines if line.get_label()[0] != "_"}

    everywhere = looks([gn.identity, gn.sigmoid, gn.tanh])
    some = looks([gn.relu, gn.tanh, gn.softplus, gn.sigmoid])
    assert some["tanh"] == everywhere["tanh"]
    assert some["sigmoid"] == everywhere["sigmoid"]
    assert len(set(some.values())) == 4


def test_activations_of_ones_own():
    @gn.op
    def cube(z):
        return z * z * z

    @cube.backward
    def cube_backward(delta, a, z):
        return delta * 3 * z * z

    right = gn.plots.activations([gn.relu, cube, gn.ops.Tanh(), lambda z: gn.sin(z) if 0 else gn.exp(z)]).axes[1]
    z = np.linspace(-5, 5, 401)
    shown = data(right)
    assert list(shown) == ["relu", "cube", "tanh", "exp"]
    assert shown["relu"] == pytest.approx((z > 0).astype(float))
    assert shown["cube"] == pytest.approx(3 * z**2)
    assert shown["exp"] == pytest.approx(np.exp(z))


def test_a_single_activation():
    assert list(data(gn.plots.activations(gn.relu).axes[1])) == ["relu"]


@pytest.mark.parametrize("wrong", [gn.matmul, gn.sum, "tanh", 3])
def test_what_is_no_activation(wrong):
    with pytest.raises((DrawError, GraphError)):
        gn.plots.activations([wrong])


@pytest.mark.parametrize("z", [(1, 1), (2, 1), 5, ("a", "b"), (0, np.inf), (0, 1, 2)])
def test_no_range(z):
    with pytest.raises(DrawError, match="the smaller first"):
        gn.plots.activations(z=z)


def test_loss_curves():
    history = gn.History([3.0, 2.0, 1.0])
    axes = gn.plots.loss(history).axes[0]
    assert list(axes.get_lines()[0].get_xdata()) == [1, 2, 3]
    assert list(axes.get_lines()[0].get_ydata()) == [3, 2, 1]
    assert axes.get_ylim()[0] == 0
    several = gn.plots.loss({"small step": history, "large step": [4.0, 0.5]}, log=True).axes[0]
    assert {name: list(curve) for name, curve in data(several).items()} == {
        "small step": [3, 2, 1],
        "large step": [4, 0.5],
    }
    assert several.get_yscale() == "log"
    assert [text.get_text() for text in several.get_legend().get_texts()] == ["small step", "large step"]


def test_a_validation_loss_is_drawn_beside_the_loss():
    class Recorded:
        loss = (3.0, 1.0)
        validation_loss = (4.0, 2.0)

    assert list(data(gn.plots.loss(Recorded()).axes[0])) == ["loss", "validation loss"]


@pytest.mark.parametrize("wrong", [[], 3, "abc", {}, gn.History()])
def test_nothing_to_plot(wrong):
    with pytest.raises(DrawError):
        gn.plots.loss(wrong)


def test_error_signal_norms_over_training(network):
    E, feeds = network
    passes = [gn.backward(E, feeds)]
    gn.fit(E, feeds, optimizer=gn.GradientDescent(0.1), epochs=10)
    passes.append(gn.backward(E, feeds))
    shown = data(gn.plots.signal_norms(passes, at=[0, 10]).axes[0])
    assert list(shown) == ["z1", "z2"]
    for name, curve in shown.items():
        assert curve == pytest.approx([np.linalg.norm(back.error_signal(name)) for back in passes])
    chosen = data(gn.plots.signal_norms(passes, ["W1", "a1"]).axes[0])
    assert list(chosen) == ["W1", "a1"]
    with pytest.raises(DrawError, match="2 passes were taken at 3 times"):
        gn.plots.signal_norms(passes, at=[1, 2, 3])
    with pytest.raises(GraphError, match="nope"):
        gn.plots.signal_norms(passes, ["nope"])
    for wrong in ([], [gn.forward(E, feeds)], 3):
        with pytest.raises(DrawError, match="backward passes"):
            gn.plots.signal_norms(wrong)


def test_a_norm_of_exactly_zero_is_a_mark_of_its_own():
    w = gn.parameter("w", [-1.0, -2.0])
    back = gn.backward(gn.sum(gn.relu(w, name="a")), {})
    shown = data(gn.plots.signal_norms([back, back], ["a", "w"]).axes[0])
    assert list(shown) == ["a", "w", "w: exactly 0"]
    assert np.isnan(shown["w"]).all()
    assert len(shown["w: exactly 0"]) == 2


def test_gradient_histograms(network):
    back = gn.backward(*network)
    figure = gn.plots.gradient_histograms(back, bins=4)
    titles = [axes.get_title(loc="left") for axes in figure.axes]
    assert [title.split(":")[0] for title in titles] == ["W1", "b1", "W2", "b2"]
    for axes, gradient in zip(figure.axes, back.gradients.values(), strict=True):
        counts = [bar.get_height() for bar in axes.patches]
        assert counts == list(np.histogram(gradient, bins=min(4, max(5, gradient.size)))[0])
    assert len(gn.plots.gradient_histograms(back, ["W2"]).axes) == 1
    with pytest.raises(DrawError, match="bins"):
        gn.plots.gradient_histograms(back, bins=0)
    x = gn.input("x")
    with pytest.raises(DrawError, match="no gradients"):
        gn.plots.gradient_histograms(gn.backward(gn.tanh(x), {x: 1.0}))
    with pytest.raises(GraphError):
        gn.plots.gradient_histograms(back, ["a1"])


def test_titles_count_zeros_and_what_is_not_finite():
    w = gn.parameter("w", [1.0, 0.0, -1.0, np.inf])
    with np.errstate(all="ignore"):
        back = gn.backward(gn.sum(gn.square(w)), {})
    (axes,) = gn.plots.gradient_histograms(back).axes
    assert axes.get_title(loc="left") == "w: 4 entries, norm 2.828, 1 exactly 0, 1 not finite"


def test_unreachable_parameters():
    w, v = gn.parameter("w", [1.0]), gn.parameter("v", [1.0])
    back = gn.backward(gn.sum(gn.where(v > 0, w, 0.0 * w)), {})
    assert len(gn.plots.gradient_histograms(back).axes) == 1
    with pytest.raises(UnreachableError):
        gn.plots.gradient_histograms(back, ["v"])


def test_axes_of_ones_own(network):
    figure = Figure()
    one, two = figure.subplots(1, 2)
    assert gn.plots.loss([1.0], ax=one) is figure
    assert gn.plots.activations(ax=(one, two)) is figure
    assert one.get_lines()
    for wrong in (figure, [one], "ax", (one, two, one)):
        with pytest.raises(DrawError, match="this plot needs 2"):
            gn.plots.activations(ax=wrong)


def test_figures_show_themselves():
    assert gn.plots.loss([2.0, 1.0])._repr_png_().startswith(b"\x89PNG")


def test_hostile_names_are_text():
    names = ["$w$", "$\\frac{", "_hidden", "a\nb", "\\", "<b>", "$", "$$", "\\$x$", "{}", "%s", "\u202ex", "x" * 99]
    figure = gn.plots.loss({name: [1.0, 2.0] for name in names})
    legend = [text.get_text().replace("\\$", "$").strip() for text in figure.axes[0].get_legend().get_texts()]
    assert legend == [short(name) for name in names]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a glyph that no font has
        figure._repr_png_()


def test_without_matplotlib_there_is_one_error_that_says_what_to_install():
    code = (
        "import sys; sys.modules['matplotlib'] = None\nimport graphnet as gn\n"
        "try: gn.plots.loss([1.0])\nexcept gn.errors.DrawError as error: print(error)"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, text=True)
    assert 'pip install "matplotlib' in run.stdout


def test_the_legend_of_norms_stands_as_the_lines_end():
    x = a = gn.input("x", (None, 2))
    for i in range(4):
        a = gn.sigmoid(gn.matmul(a, gn.parameter(f"W{i}", np.eye(2)), name=f"z{i}"))
    E = gn.sse(a, np.zeros((3, 2)))
    axes = gn.plots.signal_norms([gn.backward(E, {x: np.full((3, 2), k)}) for k in (1.0, 2.0)]).axes[0]
    ends = {line.get_label(): line.get_ydata()[-1] for line in axes.get_lines()}
    legend = [text.get_text() for text in axes.get_legend().get_texts()]
    assert legend == sorted(ends, key=ends.get, reverse=True) == ["z3", "z2", "z1", "z0"]
