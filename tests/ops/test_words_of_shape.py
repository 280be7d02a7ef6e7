"""NumPy's words for shapes, order and indexing, on nodes.

Where a word only moves entries, NumPy itself is the oracle of values and gradients: of an array that holds 1, 2, 3, … in the
place of numbers it tells which entry goes where. Of the others autograd is.
"""

import copy
import pickle

import autograd
import autograd.numpy as anp
import numpy as np
import pytest

import graphnet as gn
from graphnet.errors import DtypeError, GraphError, GraphnetError, OpaqueError, ShapeError, UnknownSizeError

COLUMNS = np.array([0, 2, 1, 1])
ROWS = np.array([True, False, True, True])
S = np.s_


def alone(f, z):
    return f(z)


def of(*args, **named):
    return lambda f, z: f(z, *args, **named)


def part(number, *args, **named):
    return lambda f, z: f(z, *args, **named)[number]


MOVING = {
    "stack": [((3, 2), lambda f, z: f([z[0], z[1]])), ((3, 2), lambda f, z: f([z, z], axis=-1)), ((), lambda f, z: f([z, z]))],
    "vstack": [((4, 3), lambda f, z: f([z[0], z, z[1:]])), ((), lambda f, z: f((z, z)))],
    "hstack": [((4, 3), lambda f, z: f([z[:, :1], z])), ((5,), lambda f, z: f([z, z[1:]])), ((), lambda f, z: f([z, z]))],
    "column_stack": [((4, 3), lambda f, z: f([z[:, 0], z, z[:, 1]]))],
    "append": [((4, 3), lambda f, z: f(z, z[:2], axis=0)), ((4, 3), lambda f, z: f(z, z[0]))],
    "concatenate": [((4, 3), lambda f, z: f([z, z[:, :2]], axis=-1))],
    "split": [((4, 6), part(1, 3, axis=1)), ((6,), part(1, [1, 4])), ((4, 6), part(0, [2], axis=-2))],
    "tile": [((4, 3), of(2)), ((4, 3), of((2, 1, 3))), ((), of((2, 3))), ((4, 3), of((0, 1)))],
    "repeat": [((4, 3), of(2, 1)), ((4, 3), of(3, axis=0)), ((4, 3), of(2)), ((), of(2)), ((2, 3), of([2, 0, 1], axis=-1))],
    "roll": [((4, 3), of(1)), ((4, 3), of(5, axis=0)), ((4, 3), of((1, -2), axis=(0, -1))), ((0, 3), of(1, axis=0))],
    "flip": [((4, 3), alone), ((4, 3), of(axis=-1)), ((4, 2, 3), of((0, 2))), ((), alone)],
    "fliplr": [((4, 3), alone)],
    "flipud": [((4, 3), alone)],
    "rot90": [*(((4, 3), of(k)) for k in range(-1, 4)), ((2, 3, 4), of(axes=(1, -1)))],
    "moveaxis": [((2, 3, 4), of(0, -1)), ((2, 3, 4), of([0, 1], [-1, 0]))],
    "swapaxes": [((2, 3, 4), of(0, -1))],
    "matrix_transpose": [((4, 3), alone), ((2, 4, 3), alone)],
    "meshgrid": [
        ((4,), part(0, np.ones(3))), ((4,), part(0, np.ones(3), indexing="ij")), ((3,), part(0, np.ones(2), np.ones(4))),
        ((4,), lambda f, z: f(np.ones(3), z)[1]),
    ],
    "ravel": [((4, 3), alone), ((), alone)],
    "squeeze": [((2, 1, 3), of(axis=1)), ((1, 3, 1), alone)],
    "expand_dims": [((4, 3), of(1)), ((4, 3), of((0, -1)))],
    **{f"atleast_{n}d": [(shape, alone) for shape in ((), (3,), (4, 3), (2, 3, 4))] for n in (1, 2, 3)},
    "pad": [
        *(((4, 3), of(width)) for width in (1, (0, 2), ((0, 0), (1, 2)))),
        ((), of(0)),
        *(((4, 3), of(((0, 0), (2, 1)), mode=mode)) for mode in ("edge", "reflect", "symmetric", "wrap")),
    ],
    "take": [((4, 3), of([2, 0, 2, -1], axis=1)), ((4, 3), of([[3, 0]], axis=0))],
    "take_along_axis": [
        ((4, 3), of(COLUMNS[:, None], 1)),
        ((4, 3), of(np.array([[0, -1, 2]] * 4), axis=-1)),
        ((4, 3), of(np.array([3, 3]), None)),
    ],
}  # fmt: skip
INDICES = [
    S[:3], S[-2:, None], S[::-2, ..., 1], S[3:1], S[[2, 2, 2]], S[np.array(2)], S[[]], S[None, [0, 1]],
    S[np.arange(4), [0, 2, 1, 1]], S[[0, 1], :, [2, 3]], S[:, [0, 1], [2, 3]], S[0, :, [1, 2]], S[0, [1, 2]],
    S[[0, -1], 1:, None, 2], S[..., [0, 1], [1, -1]], S[[[0], [1]], [[0, 2]]], S[1:3, [0, 1], ::2],
    S[np.ix_([0, 2], [1, 0], [3, 3])], S[ROWS], S[ROWS.tolist()], S[:, ROWS[:3]], S[:, None, ROWS[:3]],
    S[..., np.arange(5) > 2],
    S[np.eye(4, 3) > 0], S[[0, 1], np.array([True, False, True])], S[0, np.eye(3, 5) > 0], S[np.zeros(4, bool)],
]  # fmt: skip
TABLE = [
    *(pytest.param(word, shape, use, id=f"{word} {shape}") for word, rows in MOVING.items() for shape, use in rows),
    *(pytest.param("", (4, 3, 5), lambda f, z, index=index: z[index], id=str(index)) for index in INDICES),
]
NEED_SIZES = {"split", "stack", "repeat", "squeeze", "meshgrid"}
"""Words that need a size in some of their uses."""


def numpys(word):
    return getattr(np, word, None)


def pulled_back(word, use, shape, delta):
    """Return what the entries of z receive: of z = 1, 2, 3, … NumPy says which goes where, and 0 stands for none of them."""
    count = int(np.prod(shape))
    came_from = use(numpys(word), np.arange(1, count + 1).reshape(shape))
    return np.bincount(came_from.ravel(), weights=np.ravel(delta), minlength=count + 1)[1:].reshape(shape)


def drawn(word, use, shape):
    rng = np.random.default_rng(0)
    Z = rng.normal(size=shape)
    value = use(numpys(word), Z)
    return Z, value, rng.normal(size=value.shape)


@pytest.mark.parametrize(("word", "shape", "use"), TABLE)
def test_words_that_move_entries(word, shape, use):
    Z, value, C = drawn(word, use, shape)
    z = gn.parameter("z", Z)
    expected = pulled_back(word, use, shape, C * value)
    curvature = pulled_back(word, use, shape, C)  # of half the sum of squares, times the matrix of ones
    for f in {numpys(word), getattr(gn, word, None)}:
        y = use(f, z)
        assert y.shape == value.shape
        np.testing.assert_array_equal(gn.forward(y, {})[y], value)
        E = gn.sum(C * y * y) / 2
        (dz,) = gn.gradients(E, [z])
        found = [gn.backward(E, {}).gradient(z), gn.forward(dz, {})[dz]]
        np.testing.assert_allclose(found, [expected] * 2, rtol=1e-13, atol=1e-15)
        if value.size:
            (ddz,) = gn.gradients(gn.sum(dz), [z])
            np.testing.assert_allclose(gn.forward(ddz, {})[ddz], curvature, rtol=1e-13, atol=1e-15)


@pytest.mark.parametrize(("word", "shape", "use"), TABLE)
def test_in_float32_with_a_size_that_is_known_when_fed(word, shape, use):
    if not shape or not shape[0]:
        return
    Z = np.random.default_rng(1).normal(size=shape).astype(np.float32)
    z = gn.input("z", (None, *shape[1:]))
    try:
        y = use(numpys(word), z)
    except UnknownSizeError:
        assert word in NEED_SIZES
        return
    value = use(numpys(word), Z)
    assert all(size in (None, actual) for size, actual in zip(y.shape, value.shape, strict=True))
    E = gn.sum(y * y) / 2
    (dz,) = gn.gradients(E, [z])
    values, signals = [gn.forward(y, {z: Z})[y]], [gn.backward(E, {z: Z}).error_signal(z), gn.forward(dz, {z: Z})[dz]]
    assert {found.dtype for found in (*values, *signals)} == {np.dtype(np.float32)}
    np.testing.assert_array_equal(values[0], value)
    np.testing.assert_allclose(signals, [pulled_back(word, use, shape, value)] * 2, rtol=1e-6)


def together(rows):
    """Return a loss of words, each of a parameter of its own."""
    losses = []
    for i, row in enumerate(rows):
        word, shape, use = row.values
        Z, _, C = drawn(word, use, shape)
        y = use(numpys(word), gn.parameter(f"z{i}", Z))
        losses.append(gn.sum(C * gn.tanh(y)))
    return gn.sum(np.stack(losses))


@pytest.fixture(scope="module")
def all_words():
    return together(TABLE)


def test_words_are_judged_right():
    report = gn.check_gradients(together({row.values[0]: row for row in TABLE if 0 not in row.values[1]}.values()), {})
    assert report.ok, str(report)


def test_all_words_compile(all_words):
    bwd, (loss, gradients) = gn.backward(all_words, {}), gn.compile(all_words)({})
    assert loss == pytest.approx(float(bwd[all_words]), rel=1e-12)
    for name, gradient in gradients.items():
        np.testing.assert_allclose(gradient, bwd.gradients[name], rtol=1e-12, atol=1e-15)


def test_all_words_are_kept_in_files_pickles_and_copies(all_words, tmp_path):
    gn.save(tmp_path / "net.gn", all_words)
    expected = gn.forward(all_words, {})[all_words]
    network = gn.Graph.from_networkx(gn.Graph(all_words).to_networkx())
    for again in (
        gn.load(tmp_path / "net.gn"),
        network,
        pickle.loads(pickle.dumps(all_words)),
        copy.deepcopy(all_words),
    ):
        output = gn.Graph(again).outputs[0] if isinstance(again, gn.Node) else again.outputs[0]
        assert gn.forward(output, {})[output] == expected


def test_all_words_have_formulas_and_pictures():
    for word, rows in MOVING.items():
        shape, use = rows[0]
        z = gn.parameter("z", np.ones(shape))
        E = gn.sum(gn.tanh(use(numpys(word), z)), name="E")
        assert "E" in str(gn.derive(E, z))
        assert "graph" in gn.draw(gn.backward(E, {})).to_dot()


# Words that compute -----------------------------------------------------------------------------------------------------

COMPUTING = {
    "diff": (lambda xp, z: xp.diff(z, axis=0), lambda xp, z: xp.diff(z, n=2)),
    "full_like": (lambda xp, z: z * xp.full_like(z, 2.5),),
    "clip": (
        lambda xp, z: xp.clip(z, -0.5, 0.5),
        lambda xp, z: xp.clip(z, None, 0.5),
        lambda xp, z: xp.clip(z, -0.5, None),
    ),
}


@pytest.mark.parametrize(("word", "number"), [(word, i) for word, uses in COMPUTING.items() for i in range(len(uses))])
def test_words_that_compute(word, number):
    use, Z = COMPUTING[word][number], np.random.default_rng(0).normal(size=(4, 3))
    expected = autograd.grad(lambda z: anp.sum(use(anp, z) ** 2))(Z)
    for z in (gn.input("z", (4, 3)), gn.input("z", (None, 3))):
        for y in (use(np, z), use(gn, z)):
            E = gn.sum(y**2)
            np.testing.assert_array_equal(gn.forward(y, {z: Z})[y], use(np, Z))
            np.testing.assert_array_equal(gn.compile(y)({z: Z}), use(np, Z))
            np.testing.assert_allclose(gn.backward(E, {z: Z}).error_signal(z), expected, rtol=1e-13)
            assert gn.check_gradients(E, {z: Z}).ok


def test_vectors_in_stacks():
    rng = np.random.default_rng(0)
    X, Y = rng.normal(size=(2, 4, 3)), rng.normal(size=(4, 3))
    x, y, unknown = gn.input("x", (2, 4, 3)), gn.input("y", (4, 3)), gn.input("unknown", (4, None))
    for node, right in (
        (np.vecdot(x, x), np.sum(X * X, -1)),
        (np.vecdot(y, unknown), np.sum(Y * Y, -1)),
        (np.dot(x, x.mT), np.dot(X, X.mT)),
        (gn.vecdot(x, x, axis=1), np.sum(X * X, 1)),
        (gn.matvec(x, x[:, 0]), np.einsum("bij,bj->bi", X, X[:, 0])),
        (np.linalg.vector_norm(x, axis=(0, 2)), np.sqrt(np.sum(X * X, (0, 2)))),
        (np.linalg.vector_norm(x, keepdims=True), np.sqrt(np.sum(X * X, keepdims=True))),
        (np.linalg.vector_norm(y, ord=1), np.sum(np.abs(Y))),
        (np.linalg.vector_norm(x, axis=(0, 1), ord=np.inf), np.max(np.abs(X), (0, 1))),
        (np.diff(y > 0, axis=0), np.diff(Y > 0, axis=0)),
    ):
        fed = {leaf: {"x": X, "y": Y, "unknown": Y}[leaf.name] for leaf in gn.Graph(node).inputs}
        np.testing.assert_allclose(gn.forward(node, fed)[node], right, rtol=1e-14)


def test_ops_made_without_settings_have_numpys():
    Z = np.random.default_rng(0).normal(size=(2, 4, 3))
    np.testing.assert_array_equal(gn.ops.Sort()(Z), np.sort(Z))
    np.testing.assert_array_equal(gn.ops.Take()(Z, np.array([1, 0])), Z[[1, 0]])


def test_methods_of_arrays_are_there_by_the_same_names():
    Z = np.random.default_rng(0).normal(size=(4, 1, 3))
    z = gn.input("z", (None, 1, 3))
    for use in (
        lambda z: z.ravel(), lambda z: z.flatten(), lambda z: z.repeat(2, axis=0), lambda z: z.swapaxes(0, -1),
        lambda z: z.clip(0, 1), lambda z: z.clip(max=0.5), lambda z: z.take([0, 2], axis=2), lambda z: z.squeeze(1),
        lambda z: z.min(), lambda z: z.mT, lambda z: z.T,
    ):  # fmt: skip
        y = use(z)
        np.testing.assert_array_equal(gn.forward(y, {z: Z})[y], use(Z))


def test_words_ask_nodes_for_what_is_known():
    z = gn.input("z", (None, 3))
    assert (np.shape(z), np.ndim(z), np.size(z, 1), gn.shape(z)) == ((None, 3), 2, 3, (None, 3))
    with pytest.raises(UnknownSizeError):
        np.size(z)


def test_a_word_takes_a_name_and_arrays_alone():
    z = gn.input("z", (4, 3))
    assert (
        gn.flip(z, 1, name="back").name
        == gn.atleast_1d(z, name="back").name
        == gn.tile(z, 2, name="back").name
        == "back"
    )
    assert gn.roll(np.arange(3.0), 1).tolist() == [2.0, 0.0, 1.0]


@pytest.mark.parametrize(
    ("use", "told"),
    [
        (lambda z: gn.roll(z, 1, axis=2), "axis 2 of an array with 2 dimensions"),
        (lambda z: gn.roll(z, (1, 2, 3), axis=(0, 1)), "3 shifts along 2 axes"),
        (lambda z: gn.flip(z, -3), "axis -3"),
        (lambda z: gn.moveaxis(z, 0, 5), "moveaxis of"),
        (lambda z: gn.split(z, 3), "make no 3 equal parts"),
        (lambda z: gn.pad(z, -1), "pad_width"),
        (lambda z: gn.pad(z, 1, mode="linear_ramp"), "no copies"),
        (lambda z: gn.tile(z, -1), "an entry of reps is -1"),
        (lambda z: gn.repeat(z, -1, axis=0), "repeats is -1"),
        (lambda z: gn.stack([z, z[0]]), "can't be joined"),
        (lambda z: gn.stack([]), "no parts"),
        (lambda z: gn.stack(3), "expected a list of nodes or arrays"),
        (lambda z: gn.meshgrid(z, indexing="yx"), "indexing is 'yx'"),
        (lambda z: gn.take_along_axis(z, np.zeros((2, 1), int), 1), "must be equal but for that of axis 1"),
        (lambda z: z[[0, 1], [0, 1, 2]], "positions of shapes (2,) and (3,)"),
        (lambda z: z[[0, 4]], "positions 0 to 4"),
        (lambda z: z[[0, 1], [0, 3]], "positions 0 to 3"),
        (lambda z: z[[0, 1], [0, 1], [0, 1]], "of an array with 2 dimensions"),
        (lambda z: z[np.ones(3, bool)], "the mask has shape (3,)"),
        (lambda z: z[np.ones((4, 3, 1), bool)], "of an array with 2 dimensions"),
    ],
)
def test_what_does_not_fit_is_refused_when_the_node_is_made(refused, use, told):
    with refused(ShapeError, told):
        use(gn.input("z", (4, 3)))


# Positions and masks that are nodes ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "use",
    [
        lambda z, k: z[np.arange(4), k],
        lambda z, k: np.take_along_axis(z, k[:, None], 1),
        lambda z, k: z[k],
        lambda z, k: z[:, k],
        lambda z, k: z[0, k],
        lambda z, k: z[k, 1],
    ],
)
@pytest.mark.parametrize("declared", [4, None])
def test_positions_that_are_fed(use, declared):
    Z, C = (
        np.random.default_rng(0).normal(size=(4, 3)),
        np.random.default_rng(1).normal(size=use(np.ones((4, 3)), COLUMNS).shape),
    )
    z, k = gn.input("z", (declared, 3)), gn.input("k", (declared,), dtype=int)
    y, feeds = use(z, k), {z: Z, k: COLUMNS}
    E = gn.sum(C * y * y)
    np.testing.assert_array_equal(gn.forward(y, feeds)[y], use(Z, COLUMNS))
    np.testing.assert_array_equal(gn.compile(y)(feeds), use(Z, COLUMNS))
    assert not any(use.consumer.kind == "getitem" for use in gn.Graph(y).consumers(z))  # positions alone are one node
    expected = autograd.grad(lambda z: anp.sum(C * use(z, COLUMNS) ** 2))(Z) if "along" not in repr(y) else None
    signal = gn.backward(E, feeds).error_signal(z)
    (dz,) = gn.gradients(E, [z])
    np.testing.assert_allclose(gn.forward(dz, feeds)[dz], signal, rtol=1e-13)
    np.testing.assert_allclose(gn.compile(dz)(feeds), signal, rtol=1e-13)
    if expected is not None:
        np.testing.assert_allclose(signal, expected, rtol=1e-13)
    assert gn.check_gradients(E, feeds).ok


@pytest.mark.parametrize("use", [lambda z, k: z[np.arange(4), k], lambda z, k: np.take_along_axis(z, k[:, None], 1)])
@pytest.mark.parametrize("fed", [[0, 3, 1, 1], [0, -1, 1, 1], [1], [0, 1, 2]])
def test_positions_fed_out_of_range_or_in_other_numbers_are_refused_in_every_run(use, fed):
    z, k = gn.input("z", (None, 3)), gn.input("k", (None,), dtype=int)
    y, feeds = use(z, k), {z: np.ones((4, 3)), k: np.array(fed)}
    for run in (gn.forward, lambda y, feeds: gn.compile(y)(feeds)):
        with pytest.raises(ShapeError):
            run(y, feeds)


def test_cross_entropy_of_labels_by_paired_positions():
    rng = np.random.default_rng(0)
    x, t, W = gn.input("x", (None, 5)), gn.input("t", (None,), dtype=int), gn.parameter("W", rng.normal(size=(5, 3)))
    scores = gn.log_softmax(x @ W)
    E = -gn.sum(np.take_along_axis(scores, t[:, None], axis=1)) / gn.batch_size(x)
    feeds = {x: rng.normal(size=(4, 5)), t: COLUMNS}
    same = gn.cross_entropy(x @ W, gn.one_hot(t, 3)) / 4
    assert gn.forward(E, feeds)[E] == pytest.approx(gn.forward(same, feeds)[same], rel=1e-14)
    np.testing.assert_allclose(gn.compile(E)(feeds)[1]["W"], gn.backward(same, feeds).gradient(W), rtol=1e-12)


@pytest.mark.parametrize(
    "use",
    [
        lambda z: z[z > 0], lambda z: z[z[:, 0] > 0], lambda z: z[:, z[0] > 0], lambda z: z[1:][z[1:] > 0],
        lambda z: z[z > 99],
    ],
)  # fmt: skip
@pytest.mark.parametrize("declared", [4, None])
def test_masks_that_are_nodes(use, declared):
    Z, z = np.random.default_rng(0).normal(size=(4, 3)), gn.input("z", (declared, 3))
    y = use(z)
    E = gn.sum(y * y)
    np.testing.assert_array_equal(gn.forward(y, {z: Z})[y], use(Z))
    expected = 2 * pulled_back("", lambda f, z: use_mask_of(use, Z, z), (4, 3), use(Z))
    (dz,) = gn.gradients(E, [z])
    for found in (gn.backward(E, {z: Z}).error_signal(z), gn.forward(dz, {z: Z})[dz]):
        np.testing.assert_array_equal(found, expected)
    if use(Z).size:
        assert gn.check_gradients(E, {z: Z}).ok
    with pytest.raises(UnknownSizeError, match=r"depends on numbers(.*\n)*.*np\.where\(mask, z, 0\) keeps the shape"):
        gn.compile(E)({z: Z})


def use_mask_of(use, Z, numbered):
    """Return the numbers that a use takes of an array, by the mask that it makes of another."""
    return np.array([numbered[each == Z].item() for each in use(Z).ravel()], int)


def test_a_mask_of_another_length_than_what_is_fed_is_refused():
    z = gn.input("z", (None, 3))
    y = z[ROWS]
    assert y.shape == (3, 3)
    for run in (gn.forward, lambda y, feeds: gn.compile(y)(feeds)):
        with pytest.raises(ShapeError):
            run(y, {z: np.ones((5, 3))})


# Axes written to stretch --------------------------------------------------------------------------------------------------

V, A, B = (np.random.default_rng(i).normal(size=shape) for i, shape in enumerate([(4,), (4, 3), (4, 3)]))
STRETCHED = {
    "outer": lambda v, a, b: v[:, None] * v,
    "on the right": lambda v, a, b: v - v[:, None],
    "both written": lambda v, a, b: v[:, None] / (2 + v[None] ** 2),
    "differences": lambda v, a, b: ((a[:, None] - b[None]) ** 2).sum(-1),
    "distances": lambda v, a, b: np.sqrt(((a[:, None, :] - b) ** 2).sum(-1) + 1e-3),
    "keepdims": lambda v, a, b: np.sum(a, axis=1, keepdims=True) * v,
    "expand_dims": lambda v, a, b: np.maximum(np.expand_dims(v, 1), v),
    "through functions": lambda v, a, b: np.tanh(-v[:, None]) + v,
    "transposed": lambda v, a, b: np.transpose(v[:, None]) * v[:, None],
    "moved": lambda v, a, b: np.swapaxes(a[None], 0, 1) - b,
    "chosen": lambda v, a, b: np.where(v[:, None] > v, v[:, None], 0.5 * v),
    "a product of stacks": lambda v, a, b: a[:, None, :] @ np.transpose(b)[None],
    "kernel": lambda v, a, b: np.exp(-((v[:, None] - v) ** 2)) @ a,
}


@pytest.mark.parametrize("declared", [4, None])
@pytest.mark.parametrize("name", STRETCHED)
def test_an_axis_written_on_purpose_stretches(name, declared, tmp_path):
    use, arrays = STRETCHED[name], (V, A, B)
    nodes = [gn.input(n, (declared, *array.shape[1:])) for n, array in zip("vab", arrays, strict=True)]
    y = use(*nodes)
    E = gn.sum(np.sin(y))
    feeds = {node: array for node, array in zip(nodes, arrays, strict=True) if node in gn.Graph(E)}
    np.testing.assert_allclose(gn.forward(y, feeds)[y], use(V, A, B), rtol=1e-14)
    gn.save(tmp_path / "net.gn", E)
    copies = [pickle.loads(pickle.dumps(y)), copy.deepcopy(y)]
    for again in (gn.load(tmp_path / "net.gn").outputs[0], gn.sum(np.sin(copies[0])), gn.sum(np.sin(copies[1]))):
        named = {node.name: array for node, array in feeds.items()}
        assert gn.forward(again, named)[again] == pytest.approx(gn.forward(E, feeds)[E], rel=1e-15)
        assert gn.compile(again)(named) == pytest.approx(gn.forward(E, feeds)[E], rel=1e-14)
    for place, node in enumerate(nodes):
        if node not in feeds:
            continue
        expected = autograd.grad(lambda *arrays: anp.sum(anp.sin(in_autograd(name)(*arrays))), place)(*arrays)
        (slope,) = gn.gradients(E, [node])
        for found in (
            gn.backward(E, feeds).error_signal(node),
            gn.forward(slope, feeds)[slope],
            gn.compile(slope)(feeds),
        ):
            np.testing.assert_allclose(found, expected, rtol=1e-11, atol=1e-13)
    assert gn.check_gradients(E, feeds).ok


def in_autograd(name):
    """Return a use written with autograd's functions, where NumPy's own do not know its arrays."""
    return {
        "distances": lambda v, a, b: anp.sqrt(((a[:, None, :] - b) ** 2).sum(-1) + 1e-3),
        "keepdims": lambda v, a, b: anp.sum(a, axis=1, keepdims=True) * v,
        "expand_dims": lambda v, a, b: anp.maximum(anp.expand_dims(v, 1), v),
        "through functions": lambda v, a, b: anp.tanh(-v[:, None]) + v,
        "transposed": lambda v, a, b: anp.transpose(v[:, None]) * v[:, None],
        "moved": lambda v, a, b: anp.swapaxes(a[None], 0, 1) - b,
        "chosen": lambda v, a, b: (V[:, None] > V) * v[:, None] + (V[:, None] <= V) * 0.5 * v,
        "a product of stacks": lambda v, a, b: a[:, None, :] @ anp.transpose(b)[None],
        "kernel": lambda v, a, b: anp.exp(-((v[:, None] - v) ** 2)) @ a,
    }.get(name, STRETCHED[name])


@pytest.mark.parametrize(
    "column",
    [
        lambda: gn.input("x", (4, 1)),
        lambda: gn.parameter("x", np.ones((4, 1))),
        lambda: gn.constant(np.ones((4, 1))),
        lambda: gn.reshape(gn.input("x", (4,)), (4, 1)),
        lambda: gn.input("x", (4,))[:, None].reshape(4, 1),
        lambda: gn.input("x", (4, 3)) @ np.ones((3, 1)),
        lambda: gn.input("x", (4,))[:, None] + gn.input("y", (4, 1)),
        lambda: gn.input("x", (4,))[:, None] * gn.parameter("w", [1.0]) + gn.parameter("b", [1.0]),
        lambda: gn.input("x", gn.input("v", (4,))[:, None].shape),
        lambda: gn.input("x", (4, 3))[:, :1],
    ],
)
def test_an_axis_that_is_declared_reshaped_or_computed_does_not_stretch(column):
    x, t = column(), gn.input("t", (4,))
    assert x.shape == (4, 1)
    for use in (lambda: x - t, lambda: t * x, lambda: gn.maximum(x, t)):
        with pytest.raises(ShapeError, match="larger than every operand"):
            use()


@pytest.mark.parametrize("loss", [gn.sse, gn.mse, gn.binary_cross_entropy, gn.cross_entropy])
def test_losses_never_stretch_it(loss):
    v = gn.input("v", (4,))
    for a, t in ((v[:, None], v), (v[:, None], gn.input("t", (4, 3))), (gn.input("t", (4, 3)), v[:, None])):
        with pytest.raises(ShapeError, match=f"{loss.__name__} never broadcasts"):
            loss(a, t)


def test_a_size_that_is_not_known_is_still_not_stretched():
    x, v = gn.input("x", (None, None)), gn.input("v", (None,))
    y = x * v[:, None]
    for run in (gn.forward, lambda y, feeds: gn.compile(y)(feeds)):
        with pytest.raises(ShapeError, match="axis -2 has sizes 1 and 4"):
            run(y, {x: np.ones((1, 3)), v: np.ones(4)})


def test_nodes_alike_but_for_what_was_written_are_told_apart():
    v, x = gn.input("v", (4,)), gn.input("x", (4, 1))
    for _ in range(2):
        assert (v[:, None] * v).shape == (np.tanh(v[:, None]) * v).shape == (4, 4)
        with pytest.raises(ShapeError):
            np.tanh(x) * v


# Sizes that depend on what is fed -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("rows", [1, 2, 5])
def test_means_over_the_samples_that_were_fed(rows):
    x, t, w = gn.input("x", (None, 2)), gn.input("t", (None, 1)), gn.parameter("w", [[0.5], [-1.0]])
    rng = np.random.default_rng(0)
    X, T = rng.normal(size=(rows, 2)), rng.normal(size=(rows, 1))
    E = gn.sse(x @ w, t) / gn.batch_size(x)
    gradient = X.T @ (X @ w.value - T) / rows
    for loss, found in (
        (gn.backward(E, {x: X, t: T})[E], gn.backward(E, {x: X, t: T}).gradient(w)),
        gn.compile(E)({x: X, t: T}),
    ):
        assert float(loss) == pytest.approx(0.5 * np.sum((X @ w.value - T) ** 2) / rows, rel=1e-14)
        np.testing.assert_allclose(found["w"] if isinstance(found, dict) else found, gradient, rtol=1e-13)
    assert gn.check_gradients(E, {x: X, t: T}).ok


def test_the_number_of_samples_is_a_node():
    k = gn.input("k", (None, 3), dtype=int)
    n = gn.batch_size(k)
    assert (n.shape, n.dtype, gn.forward(n, {k: np.ones((5, 3), int)})[n]) == ((), np.dtype(float), 5.0)
    assert gn.batch_size(np.ones((4, 3), np.float32)).dtype == np.float32
    with pytest.raises(ShapeError, match="a scalar has no samples"):
        gn.batch_size(gn.input("z"))
    with pytest.raises(DtypeError, match=r"loss / gn\.batch_size\(x\)"):
        gn.sum(gn.input("x", (None, 2))) / gn.input("x", (None, 2)).shape[0]


def test_the_choice_of_where_alone_is_refused():
    with pytest.raises(GraphError, match=r"known only when run\n(.*\n)*.*np\.where\(mask, a, 0\)"):
        np.where(gn.input("z", (3,)) > 0)
    with pytest.raises(OpaqueError, match="beside other positions"):
        gn.input("z", (3, 3))[gn.input("z", (3,)) > 0, [0]]


@pytest.mark.parametrize("word", ["flip", "tile", "pad", "roll", "repeat", "expand_dims", "split"])
@pytest.mark.parametrize("odd", ["x", 1.5, None, [[1]]])
def test_odd_values_are_refused_by_typed_errors_or_taken_as_numpy_takes_them(word, odd):
    try:
        made = getattr(gn, word)(gn.input("z", (4, 3)), odd)
    except GraphnetError:
        return
    assert np.shape(made) == np.shape(getattr(np, word)(np.ones((4, 3)), odd))


def test_differences_of_more_times_than_there_are_entries_are_none_and_come_at_once():
    x = gn.input("x", (None, 3))
    nothing = np.diff(x, n=10**9)
    assert nothing.shape == (None, 0)
    assert gn.forward(nothing, {x: np.ones((2, 3))})[nothing].shape == np.diff(np.ones((2, 3)), n=5).shape


def test_differences_of_fewer_than_no_times_are_refused_as_by_numpy():
    with pytest.raises(ShapeError, match="n is -1"):
        np.diff(gn.input("x", (None, 3)), n=-1)


@pytest.mark.parametrize("more", [{"min": 1}, {"max": 1}])
def test_a_limit_of_two_names_is_given_once_as_numpy_has_it(more):
    with pytest.raises(ShapeError, match="give one of the two"):
        np.clip(gn.input("x", (None, 3)), 0, 1, **more)
    with pytest.raises(ValueError, match="a_min"):
        np.clip(np.zeros(3), 0, 1, **more)


@pytest.mark.parametrize("count", [0.0, 0.5, np.nan, "2"])
@pytest.mark.parametrize("word", [np.rot90, lambda x, count: np.repeat(x, count, axis=0)])
def test_a_count_is_a_whole_number(word, count):
    with pytest.raises(ShapeError):
        word(gn.input("x", (2, 3)), count)


@pytest.mark.parametrize("order", ["text", "2", ""])
@pytest.mark.parametrize("norm", [np.linalg.norm, np.linalg.vector_norm])
def test_a_norm_of_vectors_has_a_number(norm, order):
    with pytest.raises(GraphnetError, match=r"norm|ord"):
        norm(gn.input("x", (2, 3)), ord=order, axis=1)


def test_positions_of_more_digits_than_python_prints_are_refused_too():
    x = gn.input("x", (4, 3))
    for index in (10**5000, (gn.input("i", (2,), dtype=int), 10**5000)):
        with pytest.raises(ShapeError, match="a int"):
            x[index]


def test_a_tuple_of_numbers_is_one_operand():
    np.testing.assert_array_equal(gn.flip((1.0, 2.0)), [2.0, 1.0])
    np.testing.assert_array_equal(gn.atleast_1d((1.0, 2.0)), [1.0, 2.0])


def test_an_error_tells_the_name_that_the_node_was_to_have():
    z = gn.input("z", (None, 2))
    with pytest.raises(ShapeError, match=r"^roll 'turned': axis 7"):
        gn.roll(z, 1, 7, name="turned")


def test_padding_of_other_axes_is_refused():
    with pytest.raises(ShapeError, match="Give both for each axis"):
        gn.ops.Pad((1,), (1,))(gn.input("z", (None, 2)))


def test_the_gradient_of_a_padded_mean_is_a_graph_for_any_number_of_samples():
    z = gn.input("z", (None, 2, 5, 4))
    E = gn.sum(gn.square(gn.avg_pool2d(z, 3, 2, 1)))
    (gradient,) = gn.gradients(E, [z])
    for samples in (1, 3):
        feeds = {z: np.random.default_rng(0).normal(size=(samples, 2, 5, 4))}
        np.testing.assert_allclose(
            gn.forward(gradient, feeds)[gradient], gn.backward(E, feeds).error_signal(z), rtol=1e-13
        )
