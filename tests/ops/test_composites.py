"""Composites: an op made of known ops has the backward rule that the chain rule gives, and is one node everywhere."""

import pickle
from dataclasses import dataclass

import autograd
import autograd.numpy as anp
import numpy as np
import pytest

import graphnet as gn
from graphnet.errors import GraphError, RuleError, ShapeError, UnknownSizeError

rng = np.random.default_rng(0)
Z = rng.normal(size=(4, 3))


@gn.composite
def swish(z):
    return z / (1 + np.exp(-z))


@gn.composite
def scaled(z, *, factor=2.0, powers=(1, 2)):
    return sum(np.tanh(factor * z) ** power for power in powers)


@gn.composite
def distance(x, y):
    return np.sqrt(np.sum(np.square(x - y), axis=-1))


@gn.composite
def centred(z, axis=0):
    return z - z.mean(axis=axis, keepdims=True)


@gn.composite
def total(*terms):
    return sum(terms) * swish(terms[0])


@dataclass(frozen=True)
class Shifted(gn.ops.Composite):
    by: float

    def forward(self, z):
        return swish(z + self.by)


def peers():
    swished = lambda z: z / (1 + anp.exp(-z))  # noqa: E731
    return [
        (swish, swished, (Z,)),
        (scaled, lambda z: anp.tanh(2 * z) + anp.tanh(2 * z) ** 2, (Z,)),
        (distance, lambda x, y: anp.sqrt(anp.sum((x - y) ** 2, -1)), (Z, rng.normal(size=(4, 3)))),
        (centred, lambda z: z - anp.mean(z, 0, keepdims=True), (Z,)),
        (total, lambda x, y, z: (x + y + z) * swished(x), (Z, Z + 1, Z - 2)),
        (Shifted(0.5), lambda z: swished(z + 0.5), (Z,)),
    ]


CASES = pytest.mark.parametrize(("f", "peer", "arrays"), peers(), ids=lambda case: getattr(case, "__name__", ""))


def weighted(f, arrays):
    """Return inputs of unknown first sizes, and a scalar that has no symmetry."""
    inputs = [gn.input(f"x{i}", (None, *a.shape[1:])) for i, a in enumerate(arrays)]
    node = f(*inputs, name="f")
    weights = np.random.default_rng(1).normal(size=np.shape(f(*arrays)))
    return inputs, node, gn.sum(node * weights), weights


def run(node, feeds):
    needed = set(gn.Graph(node).inputs)
    return gn.forward(node, {x: array for x, array in feeds.items() if x in needed})[node]


@CASES
def test_values_and_gradients_are_those_of_autograd(f, peer, arrays):
    inputs, node, E, weights = weighted(f, arrays)
    feeds = dict(zip(inputs, arrays, strict=True))
    bwd = gn.backward(E, feeds)
    np.testing.assert_allclose(bwd[node], peer(*arrays), rtol=1e-13)
    for slot, x in enumerate(inputs):
        expected = autograd.grad(lambda *a: anp.sum(peer(*a) * weights), slot)(*arrays)
        np.testing.assert_allclose(bwd.error_signal(x), expected, rtol=1e-12, atol=1e-14)
        (slope,) = gn.gradients(E, [x])
        np.testing.assert_allclose(run(slope, feeds), expected, rtol=1e-12, atol=1e-14)


@CASES
def test_second_derivatives_are_those_of_autograd(f, peer, arrays):
    inputs, _, E, weights = weighted(f, arrays)
    x, feeds = inputs[0], dict(zip(inputs, arrays, strict=True))
    (slope,) = gn.gradients(E, [x])
    (second,) = gn.gradients(gn.sum(slope * slope * x), [x])
    first = autograd.grad(lambda *a: anp.sum(peer(*a) * weights))
    expected = autograd.grad(lambda *a: anp.sum(first(*a) ** 2 * a[0]))(*arrays)
    np.testing.assert_allclose(run(second, feeds), expected, rtol=1e-10, atol=1e-12)


@CASES
def test_the_check_finds_nothing_wrong(f, peer, arrays):
    gn.check_op(f, *arrays).raise_if_failed()


@CASES
def test_a_compiled_step_gives_the_same(f, peer, arrays):
    parameters = [gn.parameter(f"w{i}", a) for i, a in enumerate(arrays)]
    E = gn.sum(f(*parameters) ** 2)
    expected = gn.backward(E, {}).gradients
    for name, gradient in gn.compile(E)({})[1].items():
        np.testing.assert_allclose(gradient, expected[name], rtol=1e-12, atol=1e-14)


@CASES
def test_float32_stays_float32(f, peer, arrays):
    singles = [a.astype(np.float32) for a in arrays]
    inputs, _, E, _ = weighted(f, singles)
    for x, a in zip(inputs, arrays, strict=True):
        bwd = gn.backward(E, dict(zip(inputs, singles, strict=True)))
        exact = gn.backward(E, dict(zip(inputs, arrays, strict=True)))
        assert bwd.error_signal(x).dtype == np.float32 != a.dtype
        np.testing.assert_allclose(bwd.error_signal(x), exact.error_signal(x), rtol=1e-4, atol=1e-5)


def test_arrays_within_a_rule_adapt_to_float32():
    @gn.composite
    def weighted(z):
        return z * np.array([0.25, 2.0])

    z = gn.parameter("z", np.float32([[1, 2]]))
    E = gn.sum(weighted(z))
    loss, gradients = gn.compile(E)({})
    bwd = gn.backward(E, {})
    assert bwd[E] == loss == 4.25
    assert bwd[E.inputs[0]].dtype == bwd.gradient(z).dtype == gradients["z"].dtype == np.float32
    assert bwd.gradient(z).tolist() == gradients["z"].tolist() == [[0.25, 2.0]]


@pytest.mark.parametrize(
    "z", [np.float64(0.7), np.zeros((0, 3)), np.zeros((2, 0))], ids=["0-d", "no rows", "no columns"]
)
def test_single_numbers_and_no_entries(z):
    E = gn.sum(swish(gn.parameter("w", z)))
    np.testing.assert_allclose(
        gn.backward(E, {}).gradients["w"], autograd.elementwise_grad(peers()[0][1])(z), rtol=1e-14
    )


def test_it_is_one_node():
    graph = gn.Graph(swish(gn.input("x", (None, 3)), name="a"))
    assert [graph.label(node) for node in graph.nodes] == ["x", "a"]
    assert "swish" in gn.draw(graph).to_svg()


def test_formulas_show_what_it_is_made_of():
    text = str(gn.derive(gn.sum(swish(gn.parameter("z", Z), name="a"), name="E")))
    assert "a = z / (1 + e^(−z))" in text


def test_settings_are_compared_and_kept(tmp_path):
    x = gn.input("x", (None, 3))
    a = scaled(x, factor=0.5, powers=[1, 3])
    assert a.op.settings == {"factor": 0.5, "powers": (1, 3)}
    assert a.op == scaled(x, factor=0.5, powers=(1, 3)).op != scaled(x).op
    gn.save(tmp_path / "net.gn", gn.sum(centred(a, 1), name="E"))
    loaded = gn.load(tmp_path / "net.gn", ops=[scaled, centred])
    assert [node.op for node in loaded.nodes if node.op][:2] == [a.op, centred(a, axis=1).op]
    assert pickle.loads(pickle.dumps(a)).op == a.op


def test_a_rule_of_its_own_goes_before():
    @gn.composite
    def squared(z, *, times=1.0):
        return times * z * z

    before = squared(gn.parameter("w", [3.0]))

    @squared.backward
    def squared_backward(delta, a, z, times):
        return -delta * times

    after = squared(gn.parameter("w", [3.0]), times=4.0)
    assert gn.backward(gn.sum(before), {}).gradients["w"] == [6.0]
    assert gn.backward(gn.sum(after), {}).gradients["w"] == [-4.0]
    with pytest.raises(RuleError, match=r"expected \(delta, output, z, times\)"):
        squared.backward(lambda delta, a, z: delta)


def test_a_size_that_is_asked_for_may_be_known_only_when_fed():
    @gn.composite
    def averaged(z):
        return np.sum(z, axis=0) / z.shape[0]

    x = gn.input("x", (None, 3))
    E = gn.sum(averaged(x))
    assert E.inputs[0].shape == (3,)
    assert gn.backward(E, {x: Z}).error_signal(x).tolist() == np.full((4, 3), 0.25).tolist()


def test_a_size_that_may_be_the_smaller_of_two_is_not_known():
    z = gn.input("z", (None, 3, 4))
    entries = np.diagonal(z, 1, 0, 2)
    assert entries.shape == (3, None)
    assert gn.forward(entries, {z: np.ones((2, 3, 4))})[entries].shape == (3, 2)


def test_a_mask_picks_within_a_rule():
    @gn.composite
    def positive(z):
        return np.mean(z[z > 0] ** 2)

    z = gn.parameter("z", [[1.0, -2.0], [3.0, -4.0]])
    assert gn.backward(positive(z), {}).gradient(z).tolist() == [[1.0, 0.0], [3.0, 0.0]]
    with pytest.raises(UnknownSizeError, match=r"depends on numbers(.|\n)*np.where\(mask, z, 0\) keeps the shape"):
        gn.compile(positive(z))({})


def test_a_backward_rule_of_its_own_stretches_nothing():
    @gn.composite
    def difference(x, y):
        return x - y

    @difference.backward
    def difference_backward(delta, a, x, y):
        return delta, -delta

    with pytest.raises(ShapeError, match="larger than every operand"):
        difference(gn.parameter("x", np.ones((3, 1))), gn.parameter("y", np.ones(3)))
    x, y = gn.input("x", (None, 3)), gn.input("y", (None, 3))
    with pytest.raises(ShapeError, match="axis -2 has sizes 1 and 4"):
        gn.forward(difference(x, y), {x: Z, y: Z[:1]})


def test_beside_a_backward_rule_of_its_own_a_forward_rule_need_not_be_read():
    @gn.composite
    def sorted_by_first(z):
        return z if z[0, 0] < 0 else -z

    @sorted_by_first.backward
    def sorted_by_first_backward(delta, a, z):
        return delta

    assert sorted_by_first(gn.input("z", (None, 3))).shape == (None, 3)


def test_what_does_not_fit_is_told_of_the_inputs_that_were_given():
    x, y = gn.parameter("weight", np.ones((4, 3))), gn.parameter("bias", np.ones(2))
    with pytest.raises(ShapeError, match=r"distance: shapes \(4, 3\) and \(2,\) don't fit(.|\n)*'weight'(.|\n)*'bias'"):
        distance(x, y)


def test_sizes_declared_unknown_are_not_stretched():
    x, y = gn.input("x", (None, 3)), gn.input("y", (None, 3))
    with pytest.raises(ShapeError, match="axis -2 has sizes 1 and 4"):
        gn.forward(distance(x, y), {x: Z, y: Z[:1]})


def test_an_axis_that_was_written_to_stretch_does_so_on_the_way_back():
    product = gn.composite(lambda x, y: x * y)
    x, y = gn.parameter("x", np.arange(4.0)), gn.parameter("y", np.arange(3.0))
    bwd = gn.backward(gn.sum(product(x[:, None], y)), {})
    assert bwd.gradient(x).tolist() == [3.0] * 4
    assert bwd.gradient(y).tolist() == [6.0] * 3


def test_a_part_that_is_constant_sends_nothing_back():
    @gn.composite
    def chosen(x, mask):
        return np.where(mask > 0, x, 0)

    x, mask = gn.input("x", (3,)), gn.input("mask", (3,))
    bwd = gn.backward(gn.sum(chosen(x, mask)), {x: [1.0, 2.0, 3.0], mask: [1.0, 0.0, 1.0]})
    assert bwd.error_signal(x).tolist() == [1.0, 0.0, 1.0]
    assert mask not in bwd.error_signals


@pytest.mark.parametrize(
    ("rule", "words"),
    [
        (lambda z: z if z > 0 else -z, "a truth value"),
        (lambda z: np.linalg.svd(z)[1], "np.linalg.svd of a node: no op covers it"),
        (lambda z: z.astype(int), "has no attribute 'astype'"),
        (lambda z: [float(x) for x in z], "iterating"),
    ],
)
def test_what_can_not_be_read_is_refused_with_what_to_do(rule, words):
    rule.__name__ = "rule"
    with pytest.raises(RuleError, match="can't be read as a graph") as error:
        gn.composite(rule)(gn.input("x", (None, 3)))
    assert words in str(error.value)
    assert "@gn.op and @rule.backward" in str(error.value)


def test_nodes_from_outside_are_refused():
    w = gn.parameter("w", [1.0])
    with pytest.raises(RuleError, match="uses 'w'"):
        gn.composite(lambda_named("f", lambda z: z * w))(gn.input("x", (1,)))


def lambda_named(name, function):
    function.__name__ = name
    return function


@pytest.mark.parametrize("value", [gn.input("x"), np.ones(2), {"a": 1}])
def test_settings_are_plain(value):
    with pytest.raises(GraphError, match="factor, a setting of scaled"):
        scaled(Z, factor=value)


def test_a_setting_needs_a_default():
    with pytest.raises(RuleError, match="the setting axis has no default"):

        @gn.composite
        def normed(z, *, axis):
            return z
