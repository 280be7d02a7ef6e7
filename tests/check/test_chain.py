"""The step of the chain rule that a rule has wrong, where its forward rule can be read as a graph."""

import numpy as np
import pytest

import graphnet as gn

RNG = np.random.default_rng(43)
X, Y = RNG.normal(size=(4, 3)), RNG.normal(size=(4, 3))


def looks(forward, backward, *arrays):
    """Return the diagnosis of each input that is wrong."""
    tested = gn.op(lambda x: forward(x)) if len(arrays) == 1 else gn.op(lambda x, y: forward(x, y))
    tested.backward(backward)
    return [finding.diagnosis for finding in gn.check_op(tested, *arrays).failures]


def swish(x, y):
    return x / (1 + np.exp(-y * x))


def swish_rule(*, inner=True, gate=1.0, inner_y=True):
    """Return d(x σ(yx)) with a share of the gate's part."""

    def rule(d, a, x, y):
        s = 1 / (1 + np.exp(-y * x))
        by_x = s + gate * (y if inner_y else 1) * x * s * (1 - s) if inner else s
        return d * by_x, d * x * x * s * (1 - s)

    return rule


def quotient(x, y):
    return np.sin(x) / (2 + np.cos(y * x))


def quotient_rule(sign):
    def rule(d, a, x, y):
        below = 2 + np.cos(y * x)
        turned = np.sin(x) * np.sin(y * x) / below**2
        return d * (np.cos(x) / below + sign * y * turned), d * x * turned

    return rule


def twice(x):
    z = np.tanh(x)
    return z * np.exp(z)


def used_twice(x):
    z = np.tanh(x)
    return z * np.exp(x) + z * x


def spread(x):
    return x / np.sqrt((x * x).mean() + 1e-3)


def spread_rule(share):
    """Return that of x / r with r = √(mean x² + ε), a share of what goes back through r."""

    def rule(d, a, x):
        r = np.sqrt((x * x).mean() + 1e-3)
        return d / r - share * (d * x).sum() / r**2 * x / (x.size * r)

    return rule


@pytest.mark.parametrize(
    ("forward", "backward", "arrays", "told"),
    [
        (swish, swish_rule(inner=False), (X, Y), "a term is lost: as if 1 + e^(−y ⊙ x) was a constant"),
        (swish, swish_rule(gate=-1.0), (X, Y), "a term has the wrong sign: what goes back through 1 + e^(−y ⊙ x)"),
        (swish, swish_rule(gate=0.3), (X, Y), "what goes back through 1 + e^(−y ⊙ x) counts 0.3 times"),
        (swish, swish_rule(inner_y=False), (X, Y), "a factor is lost: y, on the way back through"),
        (quotient, quotient_rule(-1.0), (X, Y), "a term has the wrong sign: what goes back through 2 + cos"),
        (
            twice,
            lambda d, a, x: d * np.exp(np.tanh(x)) * (1 - np.tanh(x) ** 2),
            (X,),
            "a term is lost: as if e^(tanh(x)) was a constant",
        ),
        (
            lambda x: np.sin(np.tanh(x)) + x,
            lambda d, a, x: d * (1 + np.cos(np.tanh(x))),
            (X,),
            "a factor is lost, or a wrong one: the slope of tanh(x) by x is taken for 1",
        ),
        (
            used_twice,
            lambda d, a, x: d * np.tanh(x) * (np.exp(x) + 1),
            (X,),
            "as if tanh(x) was a constant",
        ),
        (
            lambda x, y: (x * np.sin(y) * np.exp(y)).sum(axis=0),
            lambda d, a, x, y: (d * np.sin(y), d * x * np.exp(y) * (np.sin(y) + np.cos(y))),
            (X, Y),
            "a factor is lost: e^y, on the way back through x ⊙ sin(y)",
        ),
        (
            lambda x, y: np.sin(x * y) + y,
            lambda d, a, x, y: (d * y * np.cos(x * y), (d * x * np.cos(x * y)).sum()),
            (X[0], np.array(0.7)),
            "a term is lost: as if y in sin(y x) + y was a constant",
        ),
        (spread, spread_rule(0.0), (X,), "a term or a projection is lost: as if √(mean(x ⊙ x) + 0.001) was a constant"),
    ],
)
def test_the_step_that_is_wrong_is_told(forward, backward, arrays, told):
    assert any(told in diagnosis for diagnosis in looks(forward, backward, *arrays)), looks(forward, backward, *arrays)


def test_what_is_no_single_step_is_not_told_as_one():
    """A rule whose both parts are off, each by another function of the input, has no one step that is wrong."""

    def rule(d, a, x, y):
        s = 1 / (1 + np.exp(-y * x))
        return d * (s * np.cos(3 * x) + y * x * s * (1 - s) * np.sin(5 * x)), d * x * x * s * (1 - s)

    (told,) = looks(swish, rule, X, Y)
    assert not any(words in told for words in ("goes back", "was a constant", "on the way back"))


def test_a_forward_rule_that_can_not_be_read_as_a_graph_is_named_by_what_is_seen_from_outside():
    def assigned(x):
        out = np.empty_like(x)
        out[:] = np.sin(x)
        return out + x

    assert looks(assigned, lambda d, a, x: -d * (np.cos(x) + 1), X) == ["sign flipped: ratio −1 over all 12 entries"]
    (told,) = looks(assigned, lambda d, a, x: d, X)
    assert "was a constant" not in told


def test_a_right_rule_of_such_steps_is_right():
    assert looks(spread, spread_rule(1.0), X) == looks(swish, swish_rule(), X, Y) == []
