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


@pytest.mark.parametrize("expression", [e for e in WORKING if network(e)[0].dtype.kind == "f" and letters(e)])
def test_first_and_second_derivatives_are_autograds(expression):
    output, leaves = network(expression)
    first, second = derivatives(expression)
    gradients = gradient_nodes(output, leaves, delta=delta_of(expression))
    for node, expected in zip(gradients, first, strict=True):
        agrees(node, expected, 1e-10)
    if there := [gn.sum(gn.sin(node)) for node in gradients if node is not None]:
        for node, expected in zip(gradient_nodes(functools.reduce(gn.add, there), leaves), second, strict=True):
            agrees(node, expected, 1e-8)


@pytest.mark.parametrize("expression", WORKING)
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


FIRST = {}
for each in WORKING:  # one expression for each word
    for word in vocabulary.words(each):
        FIRST.setdefault(word, each)


@pytest.mark.parametrize("expression", sorted(set(FIRST.values())))
def test_formulas_and_checks(expression):
    output, leaves = network(expression)
    loss = gn.sum(gn.sin(output))
    if leaves and set(leaves) & set(gn.backward(loss, {}).error_signals):
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


NEED_SIZES = {"np.linalg.matrix_power(A, 0)", "np.squeeze(z[None])", "z.squeeze()"}


@pytest.mark.parametrize("expression", WORKING)
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
