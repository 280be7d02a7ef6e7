"""NumPy's words on nodes: each expression of tools/vocabulary.py, held to NumPy, to autograd, and to what all nodes promise."""

import functools
import inspect
import warnings

import autograd
import autograd.numpy as anp
import numpy as np
import pytest

import graphnet as gn
from graphnet.core.registry import BUILDERS
from graphnet.errors import NonFiniteError, OpaqueError, ShapeError, UnknownSizeError, UnreachableError
from tests.ops.formulas import ORACLE
from tools import vocabulary
from tools.vocabulary import ARRAYS, REPAIRS, inputs, on_arrays

ROWS = {row.expression: row for row in vocabulary.rows()}
WORKING = [expression for expression, row in ROWS.items() if row.works]
MOVING = set(vocabulary.expressions(vocabulary.SHAPES))  # which a file of its own tests
REAL = {letter: array for letter, array in ARRAYS.items() if array.dtype.kind == "f"}
IN_AUTOGRAD = {
    "z.cumprod(0)": "np.cumprod(z, 0)",
    "z.dot(v)": "z @ v",
    "A.diagonal()": "np.diagonal(A)",
    "+z": "z",
    "z // 0.5": "np.zeros_like(z)",
    "divmod(z, 0.5)[0]": "np.zeros_like(z)",
}
"""Expressions that autograd's arrays don't take, and the same in words that they do."""


@functools.cache
def letters(expression):
    """Return the letters of real arrays that an expression uses."""
    return [letter for letter in vocabulary.letters(expression) if letter in REAL]


def network(expression, dtype=float):
    """Return the output of an expression of parameters, and these."""
    leaves = {a: gn.parameter(a, REAL[a].astype(dtype)) for a in letters(expression)}
    return on_arrays(expression, **leaves), list(leaves.values())


@functools.cache
def delta_of(expression):
    """Return an error signal to start from."""
    return np.random.default_rng(1).normal(size=np.shape(on_arrays(expression)))


def derivatives(expression):
    """Return autograd's gradients of Σ δ ⊙ value, and those of Σ sin(these), one for each letter."""
    told, names, delta = IN_AUTOGRAD.get(expression, expression), letters(expression), delta_of(expression)

    def loss(*arrays):
        return anp.sum(delta * on_arrays(told, ORACLE, **dict(zip(names, arrays, strict=True))))

    places, arrays = tuple(range(len(names))), [REAL[name] for name in names]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        first = autograd.grad(loss, places)
        second = autograd.grad(lambda *arrays: sum(anp.sum(anp.sin(g)) for g in first(*arrays)), places)
        return first(*arrays), second(*arrays)


def gradient_nodes(output, leaves, **options):
    """Return the gradient nodes by each leaf; None for one that no error signal reaches."""
    found = []
    for leaf in leaves:
        try:
            found += gn.gradients(output, [leaf], **options)
        except UnreachableError:
            found.append(None)
    return found


def agrees(node, expected, rtol):
    """Hold the value of a node to what is expected; no node stands for zeros."""
    value = 0.0 if node is None else gn.forward(node, {})[node]
    np.testing.assert_allclose(value, expected, rtol=rtol, atol=rtol)


@pytest.mark.parametrize(
    "expression", [e for e in WORKING if e not in MOVING and letters(e) and network(e)[0].dtype.kind == "f"]
)
def test_first_and_second_derivatives_are_autograds(expression):
    output, leaves = network(expression)
    first, second = derivatives(expression)
    gradients = gradient_nodes(output, leaves, delta=delta_of(expression))
    for node, expected in zip(gradients, first, strict=True):
        agrees(node, expected, 1e-10)
    if there := [gn.sum(gn.sin(node)) for node in gradients if node is not None]:
        for node, expected in zip(gradient_nodes(functools.reduce(gn.add, there), leaves), second, strict=True):
            agrees(node, expected, 1e-8)


FIRST = {}
for each in WORKING:  # one expression for each word
    for word in vocabulary.words(each):
        if each not in MOVING:
            FIRST.setdefault(word, each)


@pytest.mark.parametrize("expression", sorted(set(FIRST.values())))
def test_float32_and_compiled_steps(expression):
    output, leaves = network(expression, np.float32)
    value = gn.forward(output, {})[output]
    np.testing.assert_allclose(value, on_arrays(expression), rtol=2e-3, atol=2e-5)
    if output.dtype.kind != "f" or not leaves or expression == "z[z > 0]":  # whose size is known only when run
        return
    loss = gn.sum(gn.sin(output))
    bwd = gn.backward(loss, {})
    reached = [leaf for leaf in leaves if leaf in bwd.error_signals]
    assert {array.dtype for array in [value, *map(bwd.error_signal, reached)]} == {np.dtype(np.float32)}
    found = gn.compile(loss, reached)({})
    for leaf in reached:
        np.testing.assert_allclose(found[1][leaf.name], bwd.error_signal(leaf), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("expression", sorted(set(FIRST.values())))
def test_formulas_and_checks(expression):
    output, leaves = network(expression)
    loss = gn.sum(gn.sin(output))
    if leaves and set(leaves) <= set(gn.backward(loss, {}).error_signals):
        assert str(gn.derive(loss))
        assert gn.check_gradients(loss, {}).ok


def test_every_word_goes_through_a_file(tmp_path):
    outputs, seen = [], {}
    for expression in WORKING:
        leaves = {a: seen.setdefault(a, gn.parameter(a, REAL[a])) for a in letters(expression)}
        outputs.append(on_arrays(expression, **leaves))
    gn.save(tmp_path / "words.gn", outputs)
    graph = gn.load(tmp_path / "words.gn")
    before, after = gn.forward(outputs, {}), gn.forward(graph, {})
    for old, new in zip(outputs, graph.outputs, strict=True):
        assert new.op == old.op
        np.testing.assert_array_equal(after[new], before[old])


NEED_SIZES = {"np.linalg.matrix_power(A, 0)", "z.squeeze()"}


@pytest.mark.parametrize("expression", [e for e in WORKING if e not in MOVING])
def test_a_number_of_samples_that_is_known_when_fed(expression):
    given = inputs(expression, open_batch=True)
    feeds = {leaf: ARRAYS[letter] for letter, leaf in given.items()}
    try:
        output = on_arrays(expression, **given)
    except UnknownSizeError:
        assert expression in NEED_SIZES
        return
    feeds = {leaf: feeds[leaf] for leaf in gn.Graph(output).inputs}
    np.testing.assert_allclose(gn.forward(output, feeds)[output], on_arrays(expression), rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("expression", [e for e, row in ROWS.items() if not row.works])
def test_what_is_refused_says_what_to_write_and_that_works(expression):
    assert len(WORKING) >= 0.95 * len(ROWS)
    with pytest.raises(OpaqueError, match=r"no op covers it\n.*  \S.*, or make an op of it with @gn.op"):
        network(expression)
    output, leaves = network(REPAIRS[expression])
    np.testing.assert_allclose(gn.forward(output, {})[output], on_arrays(expression), rtol=1e-12)
    assert gn.check_gradients(gn.sum(gn.sin(output)), {}).ok
    assert set(leaves) <= set(gn.backward(gn.sum(output), {}).error_signals)


def test_the_page_of_words_is_current():
    assert vocabulary.PAGE.read_text(encoding="utf-8") == vocabulary.page(list(ROWS.values()))


ANSWERED = {"shape", "ndim", "size", "__getitem__", "bitwise_and", "bitwise_or", "bitwise_xor", "invert", "mT"}


@pytest.mark.parametrize("function", sorted(BUILDERS, key=str))
def test_what_numpy_does_to_nodes_is_a_public_name(function):
    name = vocabulary.called(function).removeprefix("np.")
    if function.__name__ in ANSWERED or function is np.ndarray.flatten:
        return
    public = gn.linalg if name.startswith("linalg.") else gn
    made = getattr(public, name.removeprefix("linalg."))
    assert callable(made)
    assert inspect.getdoc(made)


# Where a slope does not exist, and at the edges -----------------------------------------------------------------------

KINKS = [
    ("np.std(z)", [2.0, 2.0, 2.0], 0.0, [0, 0, 0]),  # as torch
    ("np.linalg.norm(z)", [0.0, 0.0], 0.0, [0, 0]),
    ("np.linalg.norm(z, 3)", [0.0, 0.0], 0.0, [0, 0]),
    ("np.linalg.norm(z, 1)", [0.0, -1.0], 1.0, [0, -1]),
    ("np.linalg.norm(z, np.inf)", [1.0, -1.0], 1.0, [0.5, -0.5]),
    ("np.hypot(z[0], z[1])", [0.0, 0.0], 0.0, [0, 0]),
    ("np.arctan2(z[0], z[1])", [0.0, 0.0], 0.0, [0, 0]),
    ("np.median(z)", [1.0, 2.0, 3.0, 4.0], 2.5, [0, 0.5, 0.5, 0]),
    ("np.median(z)", [3.0, 1.0, 2.0], 2.0, [0, 0, 1]),
    ("np.median(z)", [1.0, 2.0, 2.0, 4.0], 2.0, [0, 0.5, 0.5, 0]),
    ("np.quantile(z, 0.3)", [1.0, 2.0, 2.0, 4.0], 1.9, [0.1, 0.9, 0, 0]),
    ("np.sum(np.sort(z) * [1, 2, 3])", [2.0, 1.0, 1.0], 9.0, [3, 1, 2]),
    ("np.prod(z)", [0.0, 2.0, 3.0], 0.0, [6, 0, 0]),
    ("np.prod(z)", [0.0, 0.0, 3.0], 0.0, [0, 0, 0]),
    ("np.sum(np.cumprod(z))", [2.0, 0.0, 3.0], 2.0, [1, 8, 0]),
    ("np.ptp(z)", [1.0, 1.0, 3.0, 3.0], 2.0, [-0.5, -0.5, 0.5, 0.5]),
    ("np.sum(np.nan_to_num(z, posinf=9.0))", [np.inf, np.nan, 3.0], 12.0, [0, 0, 1]),
    ("np.quantile(z, 0.25)", [-np.inf, 1.0, 2.0, 3.0], -np.inf, [0.25, 0.75, 0, 0]),
    ("np.sum(np.quantile(z, [0.3, 1]))", [1.0, 2.0, 2.0, 4.0], 5.9, [0.1, 0.9, 0, 1]),
    ("np.linalg.vector_norm(z)", [0.0, 0.0], 0.0, [0, 0]),
    ("gn.logsumexp(z)", [1000.0, 1000.0], 1000 + np.log(2), [0.5, 0.5]),
    ("gn.logsumexp(z)", [-np.inf, 0.0], 0.0, [0, 1]),
    ("np.logaddexp(z[0], z[1])", [-np.inf, 0.0], 0.0, [0, 1]),
    ("np.remainder(z[0], z[1])", [5.5, -2.0], -0.5, [1, 3]),
    ("np.fmod(z[0], z[1])", [-5.5, 2.0], -1.5, [1, 2]),
    ("np.max(z)", [1.0, 3.0, 3.0], 3.0, [0, 0.5, 0.5]),
]
"""Values and slopes at ties and kinks: those of torch 2 and JAX where these two agree, of torch where one of them gives NaN."""


@pytest.mark.parametrize(("expression", "at", "value", "slopes"), KINKS)
def test_slopes_at_kinks_and_ties(expression, at, value, slopes):
    z = gn.parameter("z", at)
    output = on_arrays(expression, z=z)
    bwd = gn.backward(output, {})
    assert bwd[output] == pytest.approx(value)
    assert bwd.error_signal(z).tolist() == pytest.approx(slopes)


@pytest.mark.parametrize("at", [[0.0, 2.0, 3.0], [0.0, 0.0, 3.0], [1.0, 2.0, 3.0]])
def test_second_derivatives_of_products_hold_where_factors_are_0(at):
    z = gn.parameter("z", at)
    (slope,) = gn.gradients(np.prod(z), [z])
    hessian = [gn.forward(row, {})[row].tolist() for row in (gn.gradients(slope[i], [z])[0] for i in range(3))]
    x, y, w = at
    assert hessian == [[0, w, y], [w, 0, x], [y, x, 0]]


def test_second_derivatives_of_logsumexp_hold_at_ties():
    z = gn.parameter("z", [1.0, 1.0])
    (slope,) = gn.gradients(gn.logsumexp(z), [z])
    (row,) = gn.gradients(slope[0], [z])
    np.testing.assert_allclose(gn.forward(row, {})[row], [0.25, -0.25])


@pytest.mark.parametrize(
    "name", ["std", "var", "median", "prod", "max", "min", "mean", "sum", "ptp", "cumsum", "cumprod"]
)
def test_scalars(name):
    s = gn.parameter("s", 0.7)
    output = getattr(np, name)(s)
    assert output.shape == np.shape(getattr(np, name)(0.7))
    np.testing.assert_allclose(gn.backward(gn.sum(output), {})[output], getattr(np, name)(np.float64(0.7)))


@pytest.mark.parametrize("name", ["sum", "prod", "all", "any", "cumsum", "cumprod", "sort", "argsort", "linalg.norm"])
@pytest.mark.parametrize("shape", [(0,), (3, 0)])
def test_no_entries(name, shape):
    z = gn.parameter("z", np.zeros(shape))
    f = functools.reduce(getattr, name.split("."), np)
    output = f(z)
    np.testing.assert_array_equal(gn.forward(output, {})[output], f(np.zeros(shape)))


@pytest.mark.parametrize("f", [np.std, np.median, np.argmax, np.ptp, gn.logsumexp])
def test_nothing_to_reduce_is_refused(f):
    with pytest.raises(ShapeError):
        f(gn.parameter("z", np.zeros((1, 0))))
    with pytest.raises(ShapeError, match="smaller ddof"):
        np.var(gn.parameter("z", [1.0]), ddof=1)


@pytest.mark.parametrize("f", [np.var, np.std, np.median, np.ptp, np.mean, gn.logsumexp])
@pytest.mark.parametrize("run", [gn.forward, lambda E, feeds: gn.compile(E)(feeds)])
def test_nothing_to_reduce_is_refused_when_it_is_fed(f, run):
    x = gn.input("x", (None, 3))
    with pytest.raises(ShapeError, match="of no entries, in an array of shape"):
        run(f(x), {x: np.zeros((0, 3))})


def test_sizes_that_must_fit_are_asked_for_again_when_they_are_fed():
    x = gn.input("x", (None, None))
    for E, wrong, right in (
        (np.cross(x, x[::-1]), (2, 4), (2, 3)),
        (np.einsum("ii", x), (2, 4), (3, 3)),
        (np.linalg.matrix_power(x, 3), (2, 4), (3, 3)),
        (np.std(x, 0, ddof=1), (1, 2), (2, 2)),
    ):
        feed = np.arange(1.0, 10.0)[: np.prod(right)].reshape(right)
        np.testing.assert_allclose(gn.compile(E)({x: feed}), gn.forward(E, {x: feed})[E])
        for run in (gn.forward, lambda E, feeds: gn.compile(E)(feeds)):
            with pytest.raises(ShapeError):
                run(E, {x: np.ones(wrong)})


def test_sizes_along_several_axes():
    z = gn.input("z", (2, 3, 4))
    for axis, right in ((None, 24), (0, 2), (-1, 4), ((0, 1), 6), ((1,), 3), ((), 1)):
        assert np.size(z, axis) == right
    assert np.size(gn.input("x", (None, 3)), 0) is None


@pytest.mark.filterwarnings("ignore:divide by zero")  # NumPy says so of 0 to a power below 0
@pytest.mark.parametrize("order", [-1, -2.5, 0.5])
def test_where_a_norm_of_small_order_is_0_or_has_an_edge_0_goes_back(order):
    z = gn.parameter("z", [0.0, 1.0, -2.0])
    slope = gn.backward(np.linalg.norm(z, order), {}).gradient(z)
    others = np.abs(z.value[1:])
    right = (
        [0, 0] if order < 0 else np.sign(z.value[1:]) * (np.sum(others**order) ** (1 / order) / others) ** (1 - order)
    )
    np.testing.assert_allclose(slope, [0, *right], rtol=1e-14)


V, W, M = np.array([1.5, -2.0, 0.5]), np.array([-1.0, 3.0]), np.arange(6.0).reshape(2, 3) - 2
HOLED = np.array([1.0, np.nan, 3.0])


@pytest.mark.parametrize(
    ("refused", "written", "arrays"),
    [
        (np.nanprod, lambda z: np.prod(np.where(np.isnan(z), 1, z)), [HOLED]),
        (np.nancumsum, lambda z: np.cumsum(np.where(np.isnan(z), 0, z)), [HOLED]),
        (np.linalg.matmul, lambda x, y: x @ y, [M, M.T]),
        (np.linalg.outer, np.outer, [V, W]),
        (np.linalg.cross, np.cross, [V, V[::-1]]),
        (np.linalg.vecdot, np.vecdot, [M, V]),
        (np.linalg.trace, lambda A: np.trace(A, axis1=-2, axis2=-1), [np.arange(12.0).reshape(3, 2, 2)]),
        (np.linalg.diagonal, lambda A: np.diagonal(A, axis1=-2, axis2=-1), [np.arange(12.0).reshape(3, 2, 2)]),
        (np.linalg.matrix_norm, lambda A: np.linalg.norm(A, axis=(-2, -1)), [np.arange(12.0).reshape(3, 2, 2)]),
        (
            lambda a, b: np.geomspace(a, b, 4),
            lambda a, b: a * (b / a) ** np.linspace(0, 1, 4),
            [np.array(2.0), np.array(9.0)],
        ),
        (lambda a: np.block([[a, a], [a, a]]), lambda a: np.concatenate([np.concatenate([a, a], axis=1)] * 2), [M]),
        (np.convolve, lambda z, k: gn.conv1d(np.pad(z, k.size - 1)[None, None], k[None, None, ::-1])[0, 0], [V, W]),
        (np.correlate, lambda z, k: gn.conv1d(z[None, None], k[None, None])[0, 0], [V, W]),
        (np.ediff1d, lambda z: np.diff(np.ravel(z)), [M]),
        (np.diagflat, lambda z: np.diag(np.ravel(z)), [M]),
        (lambda z: np.vander(z, 4), lambda z: z[:, None] ** np.arange(4)[::-1], [V]),
        (np.fix, np.trunc, [V]),
        (np.modf, lambda z: (z - np.trunc(z), np.trunc(z)), [V]),
        (np.copysign, lambda x, y: np.abs(x) * np.where(np.signbit(y), -1, 1), [V, V[::-1]]),
        (np.isposinf, lambda z: z == np.inf, [np.array([1.0, np.inf, -np.inf])]),
        (np.isneginf, lambda z: z == -np.inf, [np.array([1.0, np.inf, -np.inf])]),
        (np.allclose, lambda x, y: np.all(np.isclose(x, y)), [V, V + 1e-12]),
        (np.array_equal, lambda x, y: np.all(x == y), [V, V]),
    ],
)
@pytest.mark.filterwarnings("ignore:numpy.fix is deprecated")
def test_what_is_written_in_the_place_of_words_without_an_op(refused, written, arrays):
    nodes = [gn.parameter(letter, array) for letter, array in zip("zy", arrays, strict=False)]
    with pytest.raises(OpaqueError, match=r"no op covers it\n  (Write|Join)"):
        refused(*nodes)
    made = written(*nodes)
    right = refused(*arrays)
    pairs = zip(made, right, strict=True) if isinstance(made, tuple) else [(made, right)]
    for node, value in pairs:
        np.testing.assert_allclose(gn.forward(node, {})[node], value, rtol=1e-14)


@pytest.mark.parametrize(
    ("refused", "written", "instead"),
    [
        (lambda z: np.sum(z, where=M > 0), lambda z: np.sum(np.where(M > 0, z, 0)), "np.sum(np.where(mask, z, 0))"),
        (lambda z: np.sum(z, initial=2.0), lambda z: np.sum(z) + 2.0, "np.sum(z) + initial"),
        (lambda z: np.max(z, initial=9.0), lambda z: np.maximum(np.max(z), 9.0), "np.maximum(np.max(z), initial)"),
        (lambda z: np.ravel(z, order="F"), lambda z: np.ravel(z.T), "np.ravel(z.T)"),
        (lambda z: np.reshape(z, (3, 2), order="F"), lambda z: z.T.reshape(2, 3).T, "z.T.reshape(shape[::-1]).T"),
        (lambda z: np.sort(z, kind="stable"), np.sort, "Leave it out"),
        (lambda z: np.diff(z, prepend=M[:, :1]), lambda z: np.diff(np.concatenate([M[:, :1], z], 1)), "[first, z]"),
    ],
)
def test_what_is_written_in_the_place_of_an_option(refused, written, instead):
    z = gn.parameter("z", M)
    with pytest.raises((OpaqueError, ShapeError)) as caught:
        refused(z)
    assert instead in str(caught.value)
    output = written(z)
    np.testing.assert_array_equal(gn.forward(output, {})[output], refused(M))


def test_an_option_that_a_function_has_not_is_said_with_its_name():
    with pytest.raises(TypeError, match=r"full_like\(\) got an unexpected keyword argument 'dtype'"):
        gn.full_like(gn.parameter("z", M), 1.0, dtype=float)


def test_an_infinite_entry_is_in_the_middle_as_numpy_takes_it():
    z = gn.parameter("z", [-np.inf, 1.0, 1.0, -np.inf])
    for E in (np.median(z), np.quantile(z, 0.5)):
        assert gn.forward(E, {})[E] == gn.compile(E, wrt=[])({}) == np.median(z.value) == -np.inf


def test_nan_is_not_hidden():
    z = gn.parameter("z", [1.0, np.nan, 2.0])
    for f in (np.median, np.std, np.max, np.sum):
        output = f(z)
        assert np.isnan(gn.forward(output, {})[output])


@pytest.mark.parametrize("f", [np.linalg.inv, lambda A: np.linalg.solve(A, np.ones(2)), np.linalg.cholesky])
def test_a_singular_matrix_is_named(f):
    A = gn.parameter("A", [[1.0, 2.0], [2.0, 4.0]])
    output = f(A)
    with pytest.raises(NonFiniteError, match=r"(?s)np\.linalg\.\w+: .*\n.*A \+ 1e-6 \* np\.eye\(n\)"):
        gn.forward(output, {})
    repaired = f(A + 1e-6 * np.eye(2))
    assert np.isfinite(gn.forward(repaired, {})[repaired]).all()


@pytest.mark.parametrize(
    ("f", "match"),
    [
        (lambda z: np.einsum("ij,jk->ik", z, z), "index 'j'"),
        (lambda z: np.einsum("ijk->i", z), "a letter for each axis"),
        (lambda z: np.einsum("ij->ii", z), "stand once"),
        (np.linalg.inv, "square"),
        (np.linalg.det, "square"),
        (lambda z: np.sort(z, axis=2), "axis 2"),
        (lambda z: np.quantile(z, 1.5), "q is 1.5"),
        (lambda z: np.linalg.norm(z, 2), "'fro', 1, -1, inf, -inf"),
        (lambda z: np.tensordot(z, z, 1), "index"),
        (lambda z: np.trace(z[0]), "axis 1"),
        (lambda z: np.tril(z[0]), "axis 1"),
        (lambda z: np.diag(z[None]), "no vector's and no matrix's"),
        (lambda z: np.average(z, weights=np.ones(2)), r"weights have shape \(2,\), axis is None"),
        (lambda z: np.average(z, weights=np.ones((2, 1))), r"weights have shape \(2, 1\)"),
        (lambda z: np.std(z, axis=7), "std: axis 7 of an array with 2 dimensions\n  z: 'z'"),
        (lambda z: np.einsum("ii", z), "index of the sizes 2 and 3"),
        (lambda z: np.cross(z[:, :2], z[:, :2]), r"vectors of size 2 .*\n.*\n.*\n.*x\[\.\.\., 0\] \* y"),
        (lambda z: np.cross(z.T[None, :, :1], np.ones((1, 1, 4)), axis=0), "vectors of size 1 along axis 0"),
        (lambda z: np.linalg.matrix_power(z, 2), "square"),
        (lambda z: np.linalg.matrix_power(z[0], 0), "square"),
        (lambda z: np.vecdot(z, z[:, :1]), "sizes 3 and 1"),
        (lambda z: np.vecdot(gn.input("x", (2, None)), z[:, :1]), "sizes None and 1"),
        (lambda z: np.tensordot(z[:, :2], z[:, :2], ([0, 0], [0, 1])), "each once"),
        (lambda z: np.diff(z, -1), "n is -1"),
        (lambda z: np.linalg.norm(z, "fro", axis=0), "'fro', 1, -1, inf, -inf"),
    ],
)
def test_what_does_not_fit_is_refused_when_the_node_is_made(f, match):
    with pytest.raises((ShapeError, OpaqueError, gn.errors.GraphError), match=f"(?i){match}"):
        f(gn.input("z", (2, 3)))
