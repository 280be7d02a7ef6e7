"""What holds of every right rule, broken one by one."""

import numpy as np
import pytest

import graphnet as gn


def op_with(rule):
    @gn.op
    def tested(z):
        return np.tanh(z)

    tested.backward(rule)
    return tested


def broken(rule, dtype=float):
    report = gn.check_op(op_with(rule), np.array([[0.3, -0.7, 1.1]], dtype))
    assert not report.ok
    with pytest.raises(gn.errors.GradientCheckError):
        report.raise_if_failed()
    return {item.name: item.evidence for item in report.broken}


def test_a_right_rule_has_all_properties():
    report = gn.check_op(gn.tanh, np.array([[0.3, -0.7, 1.1]]))
    names = ["forward rule deterministic", "arguments unchanged", "deterministic", "no hidden state"]
    names += ["results stay as returned", "dtype and shape kept", "zero delta gives zero", "linear in delta"]
    names += ["delta may lie anyhow in memory"]
    assert [item.name for item in report.properties] == names
    assert all(item.holds for item in report.properties)
    assert "linear in delta: 1 of 1 rules" in str(report)


def test_zero_delta_gives_zero_and_linear():
    found = broken(lambda d, a, z: d * (1 - a * a) + 0.25)
    assert found["zero delta gives zero"] == "a zero delta gives up to 0.25"
    assert "linear in delta" in found


def test_linear():
    found = broken(lambda d, a, z: d * np.abs(d) * (1 - a * a))
    assert set(found) == {"linear in delta"}


def test_a_rule_that_is_right_for_small_deltas_only():
    assert set(broken(lambda d, a, z: np.clip(d, -50, 50) * (1 - a * a))) == {"linear in delta"}


def test_deterministic():
    calls = iter(range(100))
    found = broken(lambda d, a, z: d * (1 - a * a) * (1 + 1e-12 * next(calls)))
    assert set(found) == {"deterministic"}
    assert found["deterministic"].startswith("two calls with the same arguments differ by up to")


def test_a_rule_that_fails_when_called_again():
    calls = []

    def rule(d, a, z):
        calls.append(1)
        if len(calls) > 1:
            raise ValueError("only once")
        return d * (1 - a * a)

    assert "ValueError: only once" in broken(rule)["deterministic"]


@pytest.mark.parametrize(("which", "name"), [(0, "delta"), (1, "the output"), (2, "z")])
def test_arguments_unchanged(which, name):
    def rule(*arguments):
        d, a, _ = arguments
        message = d * (1 - a * a)
        if arguments[which].flags.writeable:
            arguments[which][...] = 9.0
        return message

    assert broken(rule) == {"arguments unchanged": f"it writes into {name}"}


def test_results_stay_as_returned():
    kept = np.empty((1, 3))

    def rule(d, a, z):
        kept[...] = d * (1 - a * a)
        return kept

    assert broken(rule) == {"results stay as returned": "the array returned by one call is changed by the next"}


def test_passing_delta_on_is_no_alias():
    gn.check_op(gn.ops.Identity(), np.ones((2, 2)) * 0.3).raise_if_failed()


def test_dtype_kept_in_float32_networks():
    ones = np.ones(3)
    found = broken(lambda d, a, z: d * (1 - a * a) * ones, np.float32)
    assert found == {
        "dtype and shape kept": "its backward rule returned for input 0 (z) an array of float64, expected float32"
    }
    gn.check_op(op_with(lambda d, a, z: d * (1 - a * a) * ones), np.array([[0.3, -0.7, 1.1]])).raise_if_failed()


def test_a_property_alone_makes_the_verdict():
    report = gn.check_op(op_with(lambda d, a, z: np.clip(d, -50, 50) * (1 - a * a)), np.array([[0.3, 0.1]]))
    assert [f.verdict for f in report.findings] == ["right"]
    assert "linear in delta: 0 of 1 rules; not of tested at 'tested alone': rule(δ + 1000δ′)" in str(report)
    assert "deterministic: 1 of 1 rules\n" in str(report)
    assert report.verdict.startswith(
        "WRONG: the backward rule of tested at 'tested alone' breaks a property: linear in delta"
    )


# How far is too far --------------------------------------------------------------------------------------------------


def bent(slope, bend):
    """Return a rule of z · slope that is off by a share of its size, of one sign: linear in delta but for that."""
    return lambda d, a, z: slope * (d + bend * np.abs(d))


def scaled(slope, rule):
    @gn.op
    def tested(z):
        return slope * z

    tested.backward(rule)
    return {item.name for item in gn.check_op(tested, np.linspace(-1, 1, 12).reshape(4, 3)).broken}


@pytest.mark.parametrize(("slope", "bend"), [(1.0, 1e-5), (1e-3, 1e-3), (1e-9, 1.0), (2e-10, 1.0)])
def test_a_rule_is_linear_up_to_a_billionth_of_its_own_size(slope, bend):
    assert "linear in delta" in scaled(slope, bent(slope, bend))
    assert scaled(slope, bent(slope, 1e-14)) == set()


def test_a_rule_that_is_no_number_for_a_large_delta_is_not_linear():
    found = broken(lambda d, a, z: np.where(np.abs(d) > 50, np.nan, d * (1 - a * a)))
    assert found == {"linear in delta": "rule(δ + 1000δ′) and rule(δ) + 1000 rule(δ′) differ by up to inf"}


def test_small_messages_are_deterministic_to_their_own_size():
    calls = iter(range(100))
    assert scaled(1e-6, lambda d, a, z: 1e-6 * d * (1 + 1e-10 * next(calls))) == {"deterministic"}


@pytest.mark.parametrize("later", [None, np.zeros(2)])
def test_a_later_call_that_returns_another_shape(later):
    calls = iter(range(100))

    @gn.op
    def tested(x, y):
        return x * y

    tested.backward(lambda d, a, x, y: (d * y, d * x if next(calls) < 2 else later))
    report = gn.check_op(tested, np.array([0.3, -0.7, 1.1]), np.array([1.0, 2.0, 3.0]))
    assert {item.name: item.evidence for item in report.broken} == {
        "deterministic": "two calls with the same arguments return arrays of different shapes"
    }
    assert [finding.slot for finding in report.failures] == [1]


def test_a_rule_that_writes_into_its_arguments_at_once():
    found = broken(lambda d, a, z: np.multiply(d, 1 - a * a, out=d))
    assert list(found) == ["arguments unchanged"]
    assert "writes into" in found["arguments unchanged"]


@pytest.mark.parametrize("rule", [lambda d, a, z: 1 // 0, lambda d, a, z: None])
def test_without_messages_no_property_is_blamed(rule):
    report = gn.check_op(op_with(rule), np.array([[0.3, -0.7, 1.1]]))
    assert report.failures
    assert report.broken == ()


# State -----------------------------------------------------------------------------------------------------------------


def test_what_the_forward_rule_leaves_behind_is_found():
    kept = {}

    @gn.op
    def my_tanh(z):
        kept["a"] = np.tanh(z)
        return kept["a"]

    my_tanh.backward(lambda delta, a, z: delta * (1 - kept["a"] ** 2))
    report = gn.check_op(my_tanh, np.random.default_rng(0).normal(size=(3, 4)))
    assert "depends on state that the forward rule leaves behind" in report.verdict
    W = gn.parameter("W", np.random.default_rng(1).normal(size=(4, 4)))
    report = gn.check_gradients(gn.sse(my_tanh(my_tanh(W, name="a1") @ W, name="a2"), np.zeros((4, 4))), {})
    assert {finding.label for finding in report.failures if finding.local} == {"a1", "a2"}
    assert "depends on state" in report.verdict


def test_a_mask_kept_from_the_first_call_is_found_at_other_numbers():
    kept = []

    @gn.op
    def my_relu(z):
        if isinstance(z, np.ndarray) and not kept:
            kept.append(z > 0)
        return np.maximum(z, 0)

    my_relu.backward(lambda delta, a, z: delta * kept[0])
    z = np.random.default_rng(0).normal(size=(3, 4))
    my_relu(z)  # so that the mask is right for these numbers
    assert "right at these values, but not at" in gn.check_op(my_relu, z).verdict


def test_a_random_forward_rule_is_named():
    rng = np.random.default_rng(0)
    noisy = gn.op(lambda z: z * (rng.random(z.shape) > 0.5))
    noisy.backward(lambda delta, a, z: delta * (a != 0))
    assert "the forward rule is not deterministic" in gn.check_op(noisy, np.ones((4, 3))).verdict


def test_an_array_that_a_rule_may_only_read_is_no_state():
    kernel = np.random.default_rng(0).normal(size=(4, 4))
    mix = gn.op(lambda z: z @ kernel)
    mix.backward(lambda delta, a, z: delta @ kernel.T)
    gn.check_op(mix, np.random.default_rng(1).normal(size=(3, 4))).raise_if_failed()


def test_a_forward_rule_that_returns_its_buffer_is_blamed_alone():
    """Its next call writes over what it returned; a rule that was given that is right all the same."""
    kept = {}
    op = gn.op(lambda z: np.tanh(z, out=kept.setdefault(z.shape, np.empty(z.shape))))
    op.backward(lambda d, a, z: d * (1 - a * a))
    p, q = gn.parameter("p", np.array([0.3, -1.2, 2.0, 0.7])), gn.parameter("q", np.array([1.3, 0.2, -0.4, 0.1]))
    report = gn.check_gradients(gn.sum(op(p, name="f") * op(q, name="g") * q), {})
    assert {finding.label for finding in report.failures if finding.local} == {"f", "g"}
    assert all(
        "its buffer, is changed by its next call" in finding.diagnosis for finding in report.failures if finding.local
    )
