"""Infinities and NaN: the step and the first node are named, and the parameters of the last good step stay."""

import numpy as np
import pytest

import graphnet as gn

pytestmark = [pytest.mark.filterwarnings("ignore::RuntimeWarning"), pytest.mark.usefixtures("either_way")]


def snapshots(parameters):
    """Return an optimiser that keeps the values after each of its steps."""

    class Watched(gn.Momentum):
        def update(self, parameters, gradients):
            super().update(parameters, gradients)
            kept.append([parameter.value.copy() for parameter in parameters])

    kept = []
    return Watched, kept


def test_the_step_the_node_and_the_ranges_before_it_are_named():
    x, w = gn.input("x", shape=(None, 2)), gn.parameter("w", [1.0, 1.0])
    E = gn.sum(gn.log(x, name="l") * w)
    X = np.full((10, 2), 3.0)
    X[7, 1] = 0.0
    Watched, kept = snapshots([w])
    with pytest.raises(gn.errors.NonFiniteError) as caught:
        gn.fit(E, {x: X}, optimizer=Watched(1e-3), epochs=2, batch_size=2)
    message = str(caught.value)
    assert message.startswith("log 'l': the value has 0 NaN and 1 infinite of 4 entries, the first node to have any")
    assert "in step 4 of epoch 1" in message
    assert "x: shape (2, 2), 0 to 3" in message
    assert len(kept) == 3
    np.testing.assert_array_equal(w.value, kept[-1][0])


def test_an_error_signal_that_is_not_finite_is_found_too():
    w = gn.parameter("w", [4.0])
    E = gn.sum(gn.sqrt(w * 0.0, name="root"))
    with pytest.raises(gn.errors.NonFiniteError, match="error signal"):
        gn.fit(E, {}, optimizer=gn.GradientDescent(0.1), epochs=1)
    assert w.value == [4.0]


@pytest.mark.parametrize("norm", [gn.layer_norm, gn.batch_norm])
@pytest.mark.parametrize(("size", "dtype"), [(1e20, np.float32), (1e155, np.float64)])
def test_a_variance_that_overflows_is_no_silent_zero(norm, size, dtype):
    """Within it 1 / √∞ would be 0, and so would all outputs and gradients."""
    z = gn.parameter("z", np.array([[-1, 2, 0.5], [3, -2, 1]], dtype) * dtype(size))
    a = norm(z, name="a")
    assert np.isnan(gn.forward(a, {})[a]).all()
    assert np.isnan(gn.compile(a * 1.0)({})).all()
    with pytest.raises(gn.errors.NonFiniteError, match="_norm 'a': the value has 6 NaN"):
        gn.fit(gn.sum(a * np.array([1, 2, 4], dtype)), {}, optimizer=gn.GradientDescent(0.1), epochs=1)


def test_a_later_epoch_is_named():
    w = gn.parameter("w", [1.0])
    E = gn.sum(gn.log(w, name="l"))  # w falls by the rate over w, until it is negative
    with pytest.raises(gn.errors.NonFiniteError, match=r"log 'l'(?s:.*)in step 1 of epoch 3"):
        gn.fit(E, {}, optimizer=gn.GradientDescent(0.4), epochs=9)
    assert w.value == pytest.approx([1 - 0.4 - 0.4 / 0.6])


@pytest.mark.parametrize(
    ("gradient", "rate", "dtype"), [(1e200, 1e200, np.float64), (1e30, 1e10, np.float32), (1.0, 1e300, np.float64)]
)
@pytest.mark.parametrize("kind", [gn.GradientDescent, gn.Momentum])
def test_an_update_that_overflows_is_taken_back(gradient, rate, dtype, kind):
    v, w = gn.parameter("v", np.ones(1, dtype)), gn.parameter("w", np.ones(1, dtype))
    E = gn.sum(v * 1.0) + gn.sum(w * (gradient if rate < 1e300 else 1e10))
    optimizer = kind(rate)
    with pytest.raises(gn.errors.NonFiniteError, match="would make it infinite or NaN; it was taken back") as caught:
        gn.fit(E, {}, optimizer=optimizer, epochs=3)
    assert "parameter 'w'" in str(caught.value)
    assert "in step 1 of epoch 1" in str(caught.value)
    assert (v.value, w.value) == (1, 1)
    assert optimizer.state == {"step": 0}


def test_gradients_whose_squares_overflow_train_if_the_update_does_not():
    w = gn.parameter("w", [1.0])
    gn.fit(gn.sum(w * 1e200), {}, optimizer=gn.GradientDescent(1e-200), epochs=2)
    assert w.value == pytest.approx([-1.0])


def test_if_told_so_it_goes_on():
    w = gn.parameter("w", [-1.0])
    history = gn.fit(gn.sum(gn.log(w)), {}, optimizer=gn.GradientDescent(0.1), epochs=2, on_nonfinite="ignore")
    assert np.isnan(history.loss).all()


def test_data_with_nan_is_found_in_the_input():
    x, w = gn.input("x", shape=(None,)), gn.parameter("w", 1.0)
    with pytest.raises(gn.errors.NonFiniteError, match=r"input 'x': the value has 1 NaN(?s:.*)in step 2 of epoch 1"):
        gn.fit(gn.mean(x * w), {x: [1.0, 2.0, np.nan, 4.0]}, optimizer=gn.Adam(), epochs=1, batch_size=2)
