"""Optimisers: step by step as torch's, and their settings and states."""

import json
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import graphnet as gn
from graphnet.train.optimizers import clipped

FIGURES = json.loads((Path(__file__).parent / "optimizers.json").read_text(encoding="utf-8"))
"""Made with torch by tools/optimizer_references.py."""
TRACES = FIGURES["parameters after steps: W row by row, then b"]

OPTIMIZERS = {
    "gradient_descent": lambda: gn.GradientDescent(0.02),
    "gradient_descent_decay": lambda: gn.GradientDescent(0.02, weight_decay=0.1),
    "momentum": lambda: gn.Momentum(0.01),
    "momentum_decay": lambda: gn.Momentum(0.01, momentum=0.8, weight_decay=0.05),
    "nesterov": lambda: gn.Momentum(0.01, nesterov=True),
    "nesterov_decay": lambda: gn.Momentum(0.01, nesterov=True, weight_decay=0.05),
    "rmsprop": lambda: gn.RMSProp(0.02),
    "rmsprop_settings": lambda: gn.RMSProp(0.02, decay=0.9, epsilon=1e-3, weight_decay=0.1),
    "adam": lambda: gn.Adam(0.05),
    "adam_settings": lambda: gn.Adam(0.05, beta1=0.8, beta2=0.95, epsilon=1e-3, weight_decay=0.1),
    "adamw": lambda: gn.AdamW(0.05),
    "adamw_settings": lambda: gn.AdamW(0.05, beta1=0.8, beta2=0.95, epsilon=1e-3, weight_decay=0.3),
    "clip_norm": lambda: gn.Momentum(0.02, momentum=0.5, clip_norm=0.5),
    "clip_value": lambda: gn.Momentum(0.02, momentum=0.5, clip_value=0.3),
    "step_decay": lambda: gn.GradientDescent(gn.schedules.StepDecay(0.05, every=10, factor=0.5)),
    "exponential": lambda: gn.Adam(gn.schedules.Exponential(0.1, factor=0.95)),
    "cosine": lambda: gn.GradientDescent(gn.schedules.Cosine(0.05, steps=50, last=0.001)),
}
KINDS = [gn.GradientDescent, gn.Momentum, gn.RMSProp, gn.Adam, gn.AdamW]


def test_every_reference_is_compared():
    assert OPTIMIZERS.keys() == TRACES.keys()
    assert all(list(trace) == ["1", "2", "3", "5", "10", "20", "30", "40", "50"] for trace in TRACES.values())


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_fifty_steps_are_torchs(name):
    start = {key: np.array(value) for key, value in FIGURES["start"].items()}
    W, b = gn.parameter("W", start["W"]), gn.parameter("b", start["b"])
    error = start["x"] @ W + b - start["t"]
    E = gn.sum(error**4) / 4 + gn.sum(np.sin(W))
    trace = {}

    def note(training):
        trace[str(training.epoch)] = [*W.value.ravel(), *b.value]

    gn.fit(E, {}, optimizer=OPTIMIZERS[name](), epochs=50, callbacks=[note])
    # torch divides by the norm plus 1e-6 when it clips
    allowed = 1e-5 if name == "clip_norm" else 1e-10
    for step, values in TRACES[name].items():
        np.testing.assert_allclose(trace[step], values, rtol=allowed, atol=allowed, err_msg=f"step {step}")


@pytest.mark.parametrize("kind", KINDS)
def test_float32_stays_float32(kind):
    w = gn.parameter("w", np.ones(3, np.float32))
    optimizer = kind(gn.schedules.Constant(np.float64(0.1)), weight_decay=0.1, clip_norm=np.float64(1.0))
    optimizer.update([w], {"w": np.ones(3, np.float32)})
    assert w.value.dtype == np.float32
    assert {array.dtype for key, array in optimizer.state.items() if key != "step"} <= {np.dtype(np.float32)}


@pytest.mark.parametrize("kind", KINDS)
def test_scalars_matrices_and_parameters_without_entries_are_updated_alike(kind):
    values = []
    for shape in ((), (1,), (2, 1), (0, 3)):
        w = gn.parameter("w", np.full(shape, 2.0))
        optimizer = kind(0.1, clip_norm=9.0)
        for _ in range(3):
            optimizer.update([w], {"w": np.full(shape, 0.5)})
        assert w.value.shape == shape
        values += [w.value.item(0)] if w.value.size else []
    assert len(set(values)) == 1


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("settings", [{}, {"weight_decay": 0.1}, {"clip_norm": 0.1}, {"clip_value": 0.1}])
def test_gradients_are_left_as_they_are(kind, settings):
    w, gradient = gn.parameter("w", [1.0, -2.0]), np.array([3.0, 4.0])
    gradient.flags.writeable = False
    kind(0.1, **settings).update([w], {"w": gradient})


def test_a_parameter_without_a_gradient_stays():
    w, v = gn.parameter("w", [1.0]), gn.parameter("v", [1.0])
    gn.AdamW(0.1, weight_decay=0.5).update([w, v], {"w": np.array([1.0])})
    assert v.value == [1.0]
    assert w.value != [1.0]


# Schedules ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("schedule", "rates"),
    [
        (gn.schedules.Constant(0.5), [0.5] * 5),
        (gn.schedules.StepDecay(1.0, every=2, factor=0.5), [1.0, 1.0, 0.5, 0.5, 0.25]),
        (gn.schedules.StepDecay(1.0, every=2), [1.0, 1.0, 0.1, 0.1, 0.01]),
        (gn.schedules.Exponential(8.0, factor=0.5), [8.0, 4.0, 2.0, 1.0, 0.5]),
        (gn.schedules.Cosine(1.0, steps=4), [1.0, 0.5 + 0.5**1.5, 0.5, 0.5 - 0.5**1.5, 0.0]),
        (lambda step: 1 / (1 + step), [1, 1 / 2, 1 / 3, 1 / 4, 1 / 5]),
    ],
)
def test_the_rate_of_each_step(schedule, rates):
    w = gn.parameter("w", [0.0])
    optimizer = gn.GradientDescent(schedule)
    positions = [0.0]
    for _ in rates:
        optimizer.update([w], {"w": np.array([-1.0])})
        positions.append(w.value.item())
    assert [after - before for before, after in pairwise(positions)] == pytest.approx(rates, abs=1e-15)


def test_a_schedule_that_gives_no_rate_is_refused():
    optimizer = gn.GradientDescent(lambda step: 1.0 - step)
    w = gn.parameter("w", [0.0])
    for _ in range(2):
        optimizer.update([w], {"w": np.array([1.0])})
    with pytest.raises(
        gn.errors.TrainingError, match=r"learning rate of step 2 is -1\.0, expected a number at least 0"
    ):
        optimizer.update([w], {"w": np.array([1.0])})
    assert w.value == [-1.0]


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: gn.schedules.Cosine(0.0, steps=3), "learning rate 0.0 is not positive"),
        (lambda: gn.schedules.Cosine(0.1, steps=0), "steps is 0, expected an integer ≥ 1"),
        (
            lambda: gn.schedules.Cosine(0.1, steps=3, last=0.2),
            "last is 0.2, expected a number at least 0 and at most 0.1",
        ),
        (lambda: gn.schedules.StepDecay(0.1, every=2.5), "every is 2.5, expected an integer ≥ 1"),
        (
            lambda: gn.schedules.StepDecay(0.1, every=2, factor=0),
            "factor is 0, expected a number above 0 and at most 1",
        ),
        (lambda: gn.schedules.Exponential(0.1, factor=1.1), "factor is 1.1"),
        (lambda: gn.schedules.Exponential(-1, factor=0.9), "learning rate -1 is not positive"),
        (lambda: gn.GradientDescent("fast"), "learning rate 'fast' is no number"),
        (lambda: gn.GradientDescent(gn.schedules.Cosine), "is no number"),
        (lambda: gn.GradientDescent(True), "learning rate True is not positive"),
        (lambda: gn.GradientDescent(0.1, weight_decay=-1), "weight_decay is -1, expected a number at least 0"),
        (lambda: gn.GradientDescent(0.1, clip_norm=0), "clip_norm is 0, expected a number above 0"),
        (lambda: gn.GradientDescent(0.1, clip_value=float("nan")), "clip_value is nan"),
        (lambda: gn.GradientDescent(0.1, weight_decay=None), "weight_decay is None"),
        (lambda: gn.Momentum(0.1, momentum=None), "momentum is None"),
        (lambda: gn.Momentum(0.1, nesterov=None), "nesterov is None"),
        (lambda: gn.Momentum(0.1, momentum=1), "momentum is 1, expected a number at least 0 and below 1"),
        (lambda: gn.Momentum(0.1, momentum=-0.1), "momentum is -0.1"),
        (lambda: gn.Momentum(0.1, momentum=float("nan")), "momentum is nan"),
        (lambda: gn.Momentum(0.1, nesterov="no"), "nesterov is 'no', expected True or False"),
        (lambda: gn.RMSProp(decay=-0.1), "decay is -0.1"),
        (lambda: gn.RMSProp(epsilon=0), "epsilon is 0, expected a number above 0"),
        (lambda: gn.Adam(beta1=1), "beta1 is 1"),
        (lambda: gn.Adam(beta2=1.5), "beta2 is 1.5"),
        (lambda: gn.AdamW(epsilon=-1), "epsilon is -1"),
    ],
)
def test_settings_out_of_range_are_refused(make, message):
    with pytest.raises(gn.errors.TrainingError, match=message):
        make()


# Clipping -------------------------------------------------------------------------------------------------------------

NUMBERS = st.lists(st.floats(-1e200, 1e200), min_size=1, max_size=6)


@given(NUMBERS, NUMBERS, st.floats(1e-3, 1e3))
def test_clipped_gradients_point_where_they_did_and_are_no_longer_than_allowed(first, second, norm):
    gradients = {"a": np.array(first), "b": np.array(second)}
    long = np.array([*first, *second], np.longdouble)
    length = np.sqrt(np.sum(long**2))
    short = np.concatenate(list(clipped(gradients, norm, None).values()))
    expected = long if length <= norm else long * (norm / length)
    np.testing.assert_allclose(short, expected.astype(float), rtol=1e-12, atol=1e-300)


@pytest.mark.parametrize(
    ("dtype", "first", "norm"),
    [
        *((np.float32, *case) for case in [(1e30, 1e-10), (3e38, 1e-7), (3e38, 1.0), (1e38, 1e-3), (1e-30, 1e-37)]),
        *((np.float64, *case) for case in [(1e30, 1e-10), (1e300, 1e-300), (1.7e308, 1.0), (1e-200, 1e-300)]),
    ],
)
def test_a_gradient_is_shortened_to_any_length_though_their_quotient_is_no_number(dtype, first, norm):
    short = clipped({"a": np.array([first, -first], dtype), "b": np.array([first, first], dtype)}, norm, None)
    assert all(part.dtype == dtype for part in short.values())
    np.testing.assert_allclose(np.concatenate(list(short.values())), norm / 2 * np.array([1, -1, 1, 1]), rtol=1e-6)


@pytest.mark.parametrize(("dtype", "least"), [(np.float32, 1e-15), (np.float64, 1e-150)])
def test_the_least_epsilon_is_taken_and_what_is_below_it_told(dtype, least):
    for kind in (gn.Adam, gn.AdamW, gn.RMSProp):
        w = gn.parameter("w", np.ones(2, dtype))
        kind(0.1, epsilon=least).update([w], {"w": np.ones(2, dtype)})
        with pytest.raises(gn.errors.TrainingError, match=f"Take at least {least:.0e}"):
            kind(0.1, epsilon=least / 2).update([w], {"w": np.ones(2, dtype)})


@pytest.mark.parametrize("kind", [gn.GradientDescent, gn.Adam])
def test_gradients_of_what_is_not_trained_shorten_nothing(kind):
    frozen, w, alone = gn.parameter("v", [1.0]), gn.parameter("w", [1.0]), gn.parameter("w", [1.0])
    gradients = gn.backward(gn.sum(frozen * np.inf) + gn.sum(w * 3.0), {}).gradients
    kind(0.1, clip_norm=2.0).update([w], gradients)
    kind(0.1, clip_norm=2.0).update([alone], {"w": gradients["w"]})
    assert w.value == alone.value != 1.0


def test_an_update_that_could_change_nothing_or_change_something_twice_is_refused():
    w = gn.parameter("w", [1.0])
    with pytest.raises(
        gn.errors.TrainingError, match=r"gradients are of \['W'\], and of none of the parameters \['w'\]"
    ):
        gn.Adam().update([w], {"W": np.ones(1)})
    with pytest.raises(gn.errors.TrainingError, match="two of the parameters are called 'w'"):
        gn.Adam().update([w, w], {"w": np.ones(1)})
    gn.Adam().update([w], {})
    assert w.value == 1.0


def test_entries_are_clipped_before_the_length_is():
    short = clipped({"w": np.array([30.0, -0.4])}, 0.25, 0.3)["w"]
    np.testing.assert_allclose(short, np.array([0.3, -0.3]) * 0.25 / np.hypot(0.3, 0.3))


# State ----------------------------------------------------------------------------------------------------------------


def test_a_state_is_numbers_and_arrays_by_name_and_a_copy():
    w = gn.parameter("layer/w", [1.0])
    optimizer = gn.Adam()
    assert optimizer.state == {"step": 0}
    optimizer.update([w], {"layer/w": np.array([2.0])})
    state = optimizer.state
    assert list(state) == ["step", "mean/layer/w", "square/layer/w"]
    assert (state["step"], state["mean/layer/w"].item()) == (1, pytest.approx(0.2))
    state["mean/layer/w"] += 1
    assert optimizer.state["mean/layer/w"] == pytest.approx(0.2)


def test_an_optimiser_trains_one_network():
    optimizer = gn.Momentum(0.1)
    optimizer.update([gn.parameter("w", [1.0])], {"w": np.array([1.0])})
    with pytest.raises(gn.errors.TrainingError, match="has the state of another parameter called 'w'"):
        optimizer.update([gn.parameter("w", [1.0])], {"w": np.array([1.0])})


def test_settings_are_fixed_and_two_optimisers_share_nothing():
    first, second = gn.Momentum(0.1), gn.Momentum(0.1)
    with pytest.raises(AttributeError, match=r"learning_rate of Momentum is fixed(?s:.*)new\.restore\(old\.state\)"):
        first.learning_rate = 0.2
    first.update([gn.parameter("w", [1.0])], {"w": np.array([1.0])})
    assert second.state == {"step": 0}
    assert repr(first) == (
        "Momentum(learning_rate=0.1, weight_decay=0.0, clip_norm=None, clip_value=None, momentum=0.9, nesterov=False)"
    )


@pytest.mark.parametrize(
    ("state", "message"),
    [
        ([1, 2], "no optimiser's state"),
        ({"mean/w": np.ones(1)}, "no optimiser's state"),
        ({"step": -1}, "the state's step is -1"),
        ({"step": 1.5}, "the state's step is 1.5"),
        ({"step": 1, "velocity/w": np.ones(1)}, "has 'velocity/w', which Adam does not remember"),
        ({"step": 1, "mean/w": np.array(["a"]), "square/w": np.ones(1)}, "has 'mean/w', which"),
        ({"step": 1, "mean/w": np.ones(1)}, "square/w of the state is missing"),
        (
            {"step": 1, "mean/w": np.array([np.nan]), "square/w": np.ones(1)},
            "mean/w of the state has an infinity or NaN",
        ),
        ({"step": 1, "mean/w": np.ones(1), "square/w": np.array([np.inf])}, "square/w of the state has an infinity"),
        ({"step": 1, "mean/w": np.ones(1), "square/w": -np.ones(1)}, "square/w of the state has negative numbers"),
        (
            {"step": 1, "mean/w": np.ones(1), "square/w": np.ones(2)},
            r"has shape \(2,\) and dtype float64, beside \(1,\)",
        ),
    ],
)
def test_a_state_of_something_else_is_refused_and_changes_nothing(state, message):
    w, optimizer = gn.parameter("w", [1.0]), gn.Adam()
    optimizer.update([w], {"w": np.array([2.0])})
    before = optimizer.state
    with pytest.raises(gn.errors.TrainingError, match=message):
        optimizer.restore(state)
    assert repr(optimizer.state) == repr(before)


@pytest.mark.parametrize(
    ("velocity", "message"),
    [
        (
            {"velocity/w": np.ones(3)},
            r"velocity/w in the state has shape \(3,\) and dtype float64, the parameter \(1,\)",
        ),
        ({"velocity/w": np.ones(1, np.float32)}, "dtype float32, the parameter"),
        ({"velocity/u": np.ones(1)}, "of a parameter called 'u', and there is none here"),
    ],
)
def test_a_state_of_other_parameters_is_refused_before_the_first_step(velocity, message):
    first, w = gn.parameter("first", [1.0]), gn.parameter("w", [1.0])
    optimizer = gn.Momentum(0.1)
    optimizer.restore({"step": 1, "velocity/first": np.ones(1), **velocity})
    with pytest.raises(gn.errors.TrainingError, match=message):
        gn.fit(gn.sum(first * w), {}, optimizer=optimizer, epochs=1)
    assert (first.value, w.value, optimizer.state["step"]) == (1, 1, 1)


def test_a_restored_state_of_another_shape_changes_no_parameter():
    v, w = gn.parameter("v", [1.0]), gn.parameter("w", [1.0])
    optimizer = gn.Momentum(0.1)
    optimizer.restore({"step": 1, "velocity/v": np.ones(1), "velocity/w": np.ones(3)})
    with pytest.raises(gn.errors.TrainingError, match="velocity/w in the state has shape"):
        optimizer.update([v, w], {"v": np.ones(1), "w": np.ones(1)})
    assert (v.value, w.value, optimizer.state["step"]) == (1, 1, 1)


def test_a_part_of_a_network_can_be_trained_on():
    v, w = gn.parameter("v", [1.0]), gn.parameter("w", [1.0])
    optimizer = gn.Adam()
    gn.fit(gn.sum(v * w), {}, optimizer=optimizer, epochs=1)
    gn.fit(gn.sum(v), {}, optimizer=optimizer, epochs=1)
    assert set(optimizer.state) == {"step", "mean/v", "square/v", "mean/w", "square/w"}


@pytest.mark.parametrize(
    "wrong", [np.ones(3), np.ones((1, 2)), [1.0, 1.0], np.ones(2, int), np.ma.array([1.0, 1.0], mask=[True, False])]
)
def test_a_gradient_that_does_not_fit_changes_nothing(wrong):
    w = gn.parameter("w", [1.0, 2.0])
    with pytest.raises(gn.errors.TrainingError, match=r"the gradient of 'w' is .*, expected an array of shape \(2,\)"):
        gn.GradientDescent(0.1).update([w], {"w": wrong})
    assert w.value.tolist() == [1, 2]


def test_a_masked_array_that_masks_nothing_is_a_gradient():
    w = gn.parameter("w", [1.0, 2.0])
    gn.GradientDescent(0.5).update([w], {"w": np.ma.array([1.0, 1.0])})
    assert w.value.tolist() == [0.5, 1.5]
