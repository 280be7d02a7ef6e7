"""Which shapes ops take and refuse: empty batches, scalars, broadcasting to the larger operand and no further."""

import numpy as np
import pytest

import graphnet as gn
from graphnet.errors import GraphError, OpaqueError, ShapeError, UnknownSizeError

ELEMENTWISE = [gn.add, gn.subtract, gn.multiply, gn.divide, gn.power, gn.maximum, gn.minimum]
LOSSES = [gn.sse, gn.mse, gn.binary_cross_entropy, gn.cross_entropy]


def as_nodes(*arrays):
    return [gn.parameter(f"p{i}", array) for i, array in enumerate(arrays)]


def as_arrays(*arrays):
    return arrays


@pytest.mark.parametrize("given", [as_nodes, as_arrays])
@pytest.mark.parametrize("f", ELEMENTWISE)
@pytest.mark.parametrize(
    ("x", "y"), [((4, 1), (4,)), ((4,), (4, 1)), ((4, 1), (1, 3)), ((2, 1, 3), (5, 1)), ((1,), ())]
)
def test_operands_never_broadcast_beyond_the_larger(f, x, y, given):
    x, y = np.full(x, 2.0), np.full(y, 3.0)
    if np.broadcast_shapes(x.shape, y.shape) in (x.shape, y.shape):
        assert f(*given(x, y)).shape == np.broadcast_shapes(x.shape, y.shape)
    else:
        with pytest.raises(ShapeError, match="larger than every operand"):
            f(*given(x, y))


@pytest.mark.parametrize("given", [as_nodes, as_arrays])
@pytest.mark.parametrize("f", ELEMENTWISE)
@pytest.mark.parametrize(("x", "y"), [((2, 3), (4,)), ((2, 3), (2,)), ((2,), (3,))])
def test_operands_that_do_not_fit_are_refused(f, x, y, given):
    with pytest.raises(ShapeError, match="don't fit"):
        f(*given(np.ones(x), np.ones(y)))


def test_what_is_meant_can_be_said():
    x, y = as_nodes(np.ones((4, 1)), np.ones(4))
    assert (gn.broadcast_to(x, (4, 4)) + y).shape == (4, 4)


@pytest.mark.parametrize("to", [(3,), (2, 4), (3, 3), ()])
def test_nothing_is_broadcast_to_what_it_does_not_fill(to):
    (x,) = as_nodes(np.ones((2, 3)))
    with pytest.raises(ShapeError, match="does not broadcast to"):
        gn.broadcast_to(x, to)


@pytest.mark.parametrize("axes", [0, (0, 1), (1, 2)])
def test_only_axes_of_size_1_are_squeezed(axes):
    (x,) = as_nodes(np.ones((2, 1, 3)))
    with pytest.raises(ShapeError, match="are not all of size 1"):
        np.squeeze(x, axes)


@pytest.mark.parametrize("size", [0, 3])
def test_no_positions_take_nothing(size):
    x, positions = gn.input("x", (size, 2)), gn.input("positions", (None,), dtype=int)
    y = gn.take(x, positions)
    feeds = {x: np.ones((size, 2)), positions: np.zeros(0, int)}
    assert gn.forward(y, feeds)[y].shape == gn.compile(y)(feeds).shape == (0, 2)


@pytest.mark.parametrize("given", [as_nodes, as_arrays])
@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize(("a", "t"), [((4, 1), (4,)), ((4, 3), (3,)), ((4, 3), (1, 3)), ((4,), ()), ((4,), (1,))])
def test_losses_never_broadcast(loss, a, t, given):
    with pytest.raises(ShapeError, match=f"{loss.__name__} never broadcasts"):
        loss(*given(np.ones(a), np.ones(t)))


@pytest.mark.parametrize("loss", LOSSES)
def test_losses_never_broadcast_sizes_known_only_when_fed(loss):
    a, t = gn.input("a", (None, 3)), gn.input("t", (None, 3))
    with pytest.raises(ShapeError, match="axis -2 has sizes 1 and 4"):
        gn.forward(loss(a, t), {a: np.ones((4, 3)), t: np.ones((1, 3))})


@pytest.mark.parametrize("f", [*ELEMENTWISE, gn.bias_add])
def test_only_a_declared_1_is_stretched(f):
    z, b = gn.input("z", (None, None)), gn.input("b", (3,))
    with pytest.raises(ShapeError, match="Only an axis declared with size 1 is broadcast"):
        gn.forward(f(z, b), {z: np.ones((5, 1)), b: np.ones(3)})


def test_the_message_to_a_stretched_operand_is_summed_over_its_uses():
    x, y, s = as_nodes(np.ones((2, 3)), np.ones((2, 1)), np.array(2.0))
    delta = np.array([[1.0, 2.0, 4.0], [8.0, 16.0, 32.0]])
    bwd = gn.backward(gn.multiply(gn.add(x, y), s), {}, delta=delta)
    assert bwd.gradient(x).tolist() == (2 * delta).tolist()
    assert bwd.gradient(y).tolist() == [[14.0], [112.0]]
    assert bwd.gradient(s) == 2 * delta.sum()


def test_a_bias_receives_the_sum_over_the_samples():
    z, b = as_nodes(np.zeros((4, 2, 3)), np.zeros(3))
    delta = np.arange(24.0).reshape(4, 2, 3)
    assert gn.backward(z + b, {}, delta=delta).gradient(b).tolist() == delta.sum(axis=(0, 1)).tolist()


def test_a_vector_along_the_last_axis_is_a_bias():
    z, b = as_nodes(np.zeros((4, 3)), np.zeros(3))
    assert [(z + b).kind, (b + z).kind, np.add(z, b).kind, gn.add(z, b).kind] == ["bias_add"] * 3 + ["add"]
    assert [(z + 1.0).kind, (z + z).kind, (b + b).kind] == ["add"] * 3


@pytest.mark.parametrize(("z", "b"), [((4, 3), (4,)), ((4, 3), (1, 3)), ((), (3,)), ((4, 3), ())])
def test_a_bias_is_one_entry_a_column(z, b):
    with pytest.raises(ShapeError, match="vector with one entry for each column"):
        gn.bias_add(gn.input("z", z), gn.input("b", b))


# Empty batches and scalars ------------------------------------------------------------------------------------------

ON_A_BATCH = [
    gn.tanh, gn.sigmoid, gn.relu, gn.leaky_relu, gn.softplus, gn.softmax, gn.log_softmax, gn.abs, gn.square, np.transpose,
    lambda z: gn.polynomial(z, [1, 2]), lambda z: z @ np.ones((3, 2)), lambda z: z + np.ones(3), lambda z: z.T @ z,
    lambda z: np.sum(z, axis=0), lambda z: np.sum(z, axis=1), lambda z: np.mean(z, axis=1), lambda z: np.max(z, axis=1),
    lambda z: gn.concatenate([z, z], axis=1), lambda z: gn.reshape(z, (-1,)), lambda z: z[:, 1], lambda z: z[::2],
    lambda z: gn.take(z, [2, 2], axis=1), lambda z: gn.where(z > 0, z, 0), lambda z: gn.maximum(z, z),
    lambda z: gn.sse(z, z), lambda z: gn.binary_cross_entropy(z, z), lambda z: gn.cross_entropy(z, z),
]  # fmt: skip


@pytest.mark.parametrize("declared", [0, None])
@pytest.mark.parametrize("f", ON_A_BATCH)
def test_an_empty_batch_runs_and_sends_empty_error_signals_back(f, declared):
    z = gn.input("z", (declared, 3))
    y = f(z)
    shape = gn.forward(y, {z: np.ones((0, 3))})[y].shape
    bwd = gn.backward(y, {z: np.ones((0, 3))}, delta=np.ones(shape))
    assert bwd.error_signal(z).shape == (0, 3)


@pytest.mark.parametrize("loss", LOSSES)
def test_a_parameter_gets_zeros_from_an_empty_batch(loss):
    x, W, b = gn.input("x", (None, 2)), gn.parameter("W", np.ones((2, 3))), gn.parameter("b", np.ones(3))
    E = loss(x @ W + b, np.zeros((0, 3)))
    if loss is gn.mse:  # 0 / 0: a mean of nothing, which is no number to make smaller
        with pytest.raises(ShapeError, match="mean of no entries"):
            gn.backward(E, {x: np.ones((0, 2))})
        return
    bwd = gn.backward(E, {x: np.ones((0, 2))})
    assert not bwd.gradient(W).any()
    assert bwd.gradient(b).tolist() == [0.0, 0.0, 0.0]


ON_SCALARS = [gn.tanh, gn.sum, gn.mean, gn.max, gn.relu, gn.abs, gn.square, gn.transpose, np.ravel, gn.softplus]


@pytest.mark.parametrize("f", ON_SCALARS)
def test_0d_arrays_stay_arrays_of_their_own_shape(f):
    z = gn.parameter("z", 0.7)
    y = f(z)
    bwd = gn.backward(y, {}, delta=np.ones(y.shape))
    assert isinstance(bwd[y], np.ndarray)
    assert isinstance(bwd.gradient(z), np.ndarray)
    assert bwd.gradient(z).shape == ()


@pytest.mark.parametrize("f", [gn.softmax, gn.log_softmax, lambda z: gn.cross_entropy(z, z), lambda z: z @ z])
def test_ops_that_need_an_axis_refuse_scalars(f):
    with pytest.raises(ShapeError):
        f(gn.input("z", ()))


# Shapes of unknown size ---------------------------------------------------------------------------------------------

INDEXED = [
    (np.s_[:], (None, 3)), (np.s_[0], (3,)), (np.s_[-1], (3,)), (np.s_[::-1], (None, 3)), (np.s_[::2], (None, 3)),
    (np.s_[::3], (None, 3)), (np.s_[1::7], (None, 3)), (np.s_[1:], (None, 3)), (np.s_[:-1], (None, 3)), (np.s_[:2], (None, 3)),
    (np.s_[-2:], (None, 3)), (np.s_[:, 1], (None,)), (np.s_[..., 1], (None,)), (np.s_[None], (1, None, 3)),
    (np.s_[:, None, ::2], (None, 1, 2)), (np.s_[5], (3,)),
]  # fmt: skip


@pytest.mark.parametrize(("index", "shape"), INDEXED)
def test_indexing_keeps_unknown_sizes_unknown(index, shape):
    z = gn.input("z", (None, 3))
    y = z[index]
    assert y.shape == shape
    fed = np.arange(24.0).reshape(8, 3)
    bwd = gn.backward(y, {z: fed}, delta=fed[index])
    assert bwd[y].tolist() == fed[index].tolist()
    expected = np.zeros_like(fed)
    expected[index] = fed[index]
    assert bwd.error_signal(z).tolist() == expected.tolist()


def test_indexing_with_many_unknown_sizes():
    assert gn.input("z", (None,) * 6)[1, ::4].shape == (None,) * 5


@pytest.mark.parametrize("index", [3, -4, (0, 0, 0), (..., ...)])
def test_indices_out_of_range_are_refused_at_build(index):
    with pytest.raises(ShapeError):
        gn.input("z", (3, 2))[index]


@pytest.mark.parametrize("index", ["a", 1.0, np.array([1.5]), True, (0, np.float64(1)), gn.input("i", (2,))])
def test_other_indices_are_refused_at_build(index):
    with pytest.raises(OpaqueError, match=r"Use integers and slices, arrays of positions or masks, or gn\.take"):
        gn.input("z", (3, 2))[index]


@pytest.mark.parametrize(("indices", "match"), [([0, 3], "positions 0 to 3 along an axis of size 3"), ([-4], "-4")])
def test_positions_out_of_range_are_refused_at_build(indices, match):
    with pytest.raises(ShapeError, match=match):
        gn.take(gn.input("z", (3, 2)), indices)


def test_positions_must_be_integers():
    with pytest.raises(OpaqueError, match="integer positions"):
        gn.take(gn.input("z", (3, 2)), [0.0, 1.0])


def test_axes_and_sizes_may_be_arrays_but_not_words_or_fractions():
    x = gn.input("x", (4, 3))
    assert gn.sum(x, axis=np.array([0, 1])).shape == ()
    assert x.reshape(np.array([3, 4])).shape == (3, 4)
    assert gn.transpose(gn.input("v", (3,)), 0).shape == (3,)
    for make in (
        lambda: gn.sum(x, axis="rows"),
        lambda: gn.sum(x, axis=1.0),
        lambda: x.reshape("x"),
        lambda: x.reshape(3.7, 2),
        lambda: x.transpose(0),
        lambda: gn.transpose(x, (1.0, 0.0)),
    ):
        with pytest.raises(ShapeError):
            make()


@pytest.mark.parametrize(
    ("use", "message"),
    [
        (lambda z: gn.polynomial(z, "x"), "coefficients is 'x', expected a list of numbers"),
        (lambda z: gn.polynomial(z, 3), "coefficients is 3, expected a list of numbers"),
        (lambda z: gn.polynomial(z, None), "coefficients is None, expected a list of numbers"),
        (lambda z: gn.polynomial(z, [1, "a"]), "entry 1 of coefficients of op polynomial is 'a', expected a number"),
        (lambda z: gn.polynomial(z, [z]), "entry 0 of coefficients of op polynomial is "),
        (lambda z: gn.leaky_relu(z, "steep"), "slope of op leaky_relu is 'steep', expected a number"),
        (lambda z: gn.leaky_relu(z, None), "slope of op leaky_relu is None, expected a number"),
    ],
)
@pytest.mark.parametrize("z", [gn.input("z", (2,)), np.ones(2)], ids=["node", "array"])
def test_settings_are_numbers(refused, use, message, z):
    with refused(GraphError, message):
        use(z)


def test_rules_called_by_hand_take_a_number_for_delta():
    x, y = np.float64(2.0), np.float64(3.0)
    assert gn.ops.Multiply().backward(1.0, x * y, x, y) == (3.0, 2.0)
    assert gn.ops.Add().backward(1, x + y, x, y) == (1.0, 1.0)
    assert gn.ops.Divide().backward(1.0, x / y, x, y) == pytest.approx((1 / 3, -2 / 9))


@pytest.mark.parametrize("labels", [gn.input("labels", (None,), dtype=int), np.array([0, 2, 1, 0])])
def test_labels_in_the_place_of_probabilities(refused, labels):
    scores = gn.input("scores", (None, 3))
    with refused(ShapeError, "has shape (None, 3) but target has shape", "write gn.one_hot(target, 3)."):
        gn.cross_entropy(scores, labels)
    feeds = {scores: np.zeros((4, 3))} | ({labels: [0, 2, 1, 0]} if isinstance(labels, gn.Node) else {})
    E = gn.cross_entropy(scores, gn.one_hot(labels, 3))
    assert gn.forward(E, feeds)[E] == pytest.approx(4 * np.log(3))


@pytest.mark.parametrize("given", [as_nodes, as_arrays])
@pytest.mark.parametrize(
    ("x", "y", "axis"),
    [((2, 3), (2, 4), 0), ((2, 3), (4, 3), 1), ((2, 3), (2, 3, 4), 0), ((2, 3, 4), (2, 3), 0), ((2, 3), (3,), 0)],
)
def test_parts_join_only_where_all_sizes_but_one_are_equal(given, x, y, axis):
    with pytest.raises(ShapeError, match="can't be joined along axis"):
        gn.concatenate(given(np.ones(x), np.ones(y)), axis)


def test_a_size_not_said_is_worked_out():
    (z,) = as_nodes(np.ones((2, 3)))
    assert gn.reshape(z, (None, 2)).shape == (3, 2)
    with pytest.raises(UnknownSizeError, match="needs every size"):
        gn.reshape(z, (None, -1))


def test_a_kernel_of_unknown_size_has_unknown_places():
    x, w = gn.input("x", (None, 1, 8, 8)), gn.input("w", (2, 1, None, 3))
    assert gn.conv2d(x, w).shape == (None, 2, None, 6)
