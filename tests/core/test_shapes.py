"""Shapes: on sizes that are known, NumPy's own rules, but for what would silently grow; None where one is not known."""

import math

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from graphnet.core import shapes
from graphnet.errors import ShapeError, UnknownSizeError
from graphnet.ops.shaping import reshaped

SIZES = st.sampled_from([0, 1, 1, 2, 2, 3])


def known_shapes(min_dims=0, max_dims=4):
    return st.lists(SIZES, min_size=min_dims, max_size=max_dims).map(tuple)


def outcome(function, *args):
    """What a function returns, or ShapeError."""
    try:
        return function(*args)
    except ShapeError:
        return ShapeError


def numpys(function, *args):
    """What NumPy returns, or ShapeError where it refuses."""
    try:
        return function(*args)
    except (ValueError, IndexError, np.exceptions.AxisError):
        return ShapeError


def forget(data, shape):
    """Some sizes replaced by None; a 1 stays, since only a declared 1 is ever stretched."""
    return tuple(None if size != 1 and data.draw(st.booleans()) else size for size in shape)


# Broadcasting ---------------------------------------------------------------------------------------------------------


@given(st.lists(known_shapes(), min_size=1, max_size=3))
def test_broadcast_is_numpys_unless_the_result_is_larger_than_every_operand(operands):
    expected = numpys(np.broadcast_shapes, *operands)
    if expected not in operands:
        expected = ShapeError
    assert outcome(shapes.broadcast, *operands) == expected


@given(st.lists(known_shapes(), min_size=1, max_size=3), st.data())
def test_broadcast_of_unknown_sizes_promises_nothing_false(operands, data):
    actual, declared = outcome(shapes.broadcast, *operands), [forget(data, shape) for shape in operands]
    if actual is not ShapeError:
        assert shapes.matches(actual, shapes.broadcast(*declared))


@pytest.mark.parametrize(
    ("operands", "result"),
    [
        ([(None, 3), (3,)], (None, 3)),
        ([(None, 3), (None, 1)], (None, 3)),
        ([(None, 3), ()], (None, 3)),
        ([(None, 3), (5, 3)], (5, 3)),
        ([(None,), (None,)], (None,)),
        ([(2, 3), (2, 3), ()], (2, 3)),
    ],
)
def test_broadcast_accepts(operands, result):
    assert shapes.broadcast(*operands) == result


def test_a_column_and_a_vector_are_refused_with_both_ways_out(refused):
    with refused(
        ShapeError,
        "shapes (4, 1) and (4,) would broadcast to (4, 4), larger than every operand",
        "broadcast_to(...)",
        "reshape(...)",
    ):
        shapes.broadcast((4, 1), (4,))
    with refused(ShapeError, "(None, 1) and (5,) would broadcast to (None, 5)"):
        shapes.broadcast((None, 1), (5,))


def test_sizes_that_differ_are_refused_with_the_axis(refused):
    with refused(ShapeError, "shapes (2, 3) and (4,) don't fit: axis -1 has sizes 3 and 4", "equal sizes, or 1"):
        shapes.broadcast((2, 3), (4,))


# Matrix products ------------------------------------------------------------------------------------------------------


def numpys_matmul(x, y):
    return np.matmul(np.zeros(x), np.zeros(y)).shape


@given(known_shapes(max_dims=4), known_shapes(max_dims=4))
def test_matmul_is_numpys_unless_the_stack_is_larger_than_both(x, y):
    expected = numpys(numpys_matmul, x, y)
    if expected is not ShapeError and len(x) > 2 and len(y) > 2:
        stack = np.broadcast_shapes(x[:-2], y[:-2])
        expected = expected if stack in (x[:-2], y[:-2]) else ShapeError
    assert outcome(shapes.matmul_shape, x, y) == expected


@given(known_shapes(1, 3), known_shapes(1, 3), st.data())
def test_matmul_of_unknown_sizes_promises_nothing_false(x, y, data):
    actual = outcome(shapes.matmul_shape, x, y)
    if actual is not ShapeError:
        assert shapes.matches(actual, shapes.matmul_shape(forget(data, x), forget(data, y)))


@pytest.mark.parametrize(
    ("x", "y", "result"),
    [
        ((None, 2), (2, 3), (None, 3)),
        ((2,), (2,), ()),
        ((2,), (2, 3), (3,)),
        ((None, 2), (2,), (None,)),
        ((7, None, 2), (2, 3), (7, None, 3)),
        ((7, 5, 2), (7, 2, 3), (7, 5, 3)),
        ((5, None), (2, 3), (5, 3)),
    ],
)
def test_matmul_accepts(x, y, result):
    assert shapes.matmul_shape(x, y) == result


@pytest.mark.parametrize(
    ("x", "y", "repair"),
    [
        ((5, 2), (3, 2), "y.T would fit: is it stored transposed?"),
        ((2, 5), (2, 3), "x.T would fit: is it stored transposed?"),
        ((None, 5), (2, 3), "x @ y needs as many columns in x as y has rows."),
        ((5, 4), (2, None), "x @ y needs as many columns in x as y has rows."),
        ((5,), (2, 3), "x @ y needs as many columns in x as y has rows."),
    ],
)
def test_matmul_suspects_a_transpose_only_where_the_sizes_say_so(refused, x, y, repair):
    with refused(ShapeError, f"x has shape {x}, y has shape {y}: the inner sizes", "differ", repair):
        shapes.matmul_shape(x, y)


def test_matmul_takes_no_scalars(refused):
    with refused(ShapeError, "x has shape (), y has shape (2, 3)", "write * instead of @"):
        shapes.matmul_shape((), (2, 3))


# Reductions -----------------------------------------------------------------------------------------------------------

AXES = st.one_of(st.none(), st.integers(-4, 4), st.lists(st.integers(-4, 4), max_size=3).map(tuple))


@given(known_shapes(), AXES, st.booleans())
def test_reduce_is_numpys(shape, axis, keepdims):
    assume(shape or axis in (None, ()))  # NumPy alone lets a scalar have an axis 0
    expected = numpys(lambda: np.sum(np.zeros(shape), axis=axis, keepdims=keepdims).shape)
    assert outcome(shapes.reduce, shape, axis, keepdims) == expected


@given(known_shapes(), AXES, st.booleans(), st.data())
def test_reduce_of_unknown_sizes_promises_nothing_false(shape, axis, keepdims, data):
    actual = outcome(shapes.reduce, shape, axis, keepdims)
    if actual is not ShapeError:
        assert shapes.matches(actual, shapes.reduce(forget(data, shape), axis, keepdims))


@pytest.mark.parametrize(
    ("axis", "problem", "repair"),
    [
        (2, "axis 2 of an array with 2 dimensions", "Axes run from -2 to 1."),
        (-3, "axis -3 of an array with 2 dimensions", "Axes run from -2 to 1."),
        (1.0, "axis is 1.0, expected an integer", "Name an axis by its position, from 0."),
        ((0, -2), "axis (0, -2) names one axis twice", "Name each axis once."),
    ],
)
def test_axes_that_are_refused(refused, axis, problem, repair):
    with refused(ShapeError, problem, repair):
        shapes.reduce((2, 3), axis, keepdims=False)


def test_a_scalar_has_no_axes(refused):
    with refused(ShapeError, "axis 0 of an array with 0 dimensions", "A scalar has no axes."):
        shapes.reduce((), 0, keepdims=False)


# Reshaping ------------------------------------------------------------------------------------------------------------


@given(known_shapes(max_dims=3), st.lists(st.sampled_from([-1, 0, 1, 2, 3, 4, 6]), max_size=3).map(tuple))
def test_reshape_is_numpys(shape, new):
    expected = numpys(lambda: np.zeros(shape).reshape(new).shape)
    assert outcome(reshaped, shape, new) == expected


@given(known_shapes(max_dims=3), st.permutations([1, 2, 3]), st.data())
def test_reshape_of_unknown_sizes_promises_nothing_false(shape, sizes, data):
    sizes = tuple(sizes[: data.draw(st.integers(0, 3))])
    position = data.draw(st.integers(0, len(sizes)))
    new = (*sizes[:position], -1, *sizes[position:])
    actual = outcome(reshaped, shape, new)
    if actual is not ShapeError:
        assert shapes.matches(actual, reshaped(forget(data, shape), new))


def test_reshape_works_out_what_it_can():
    assert reshaped((2, 3, 4), (6, -1)) == (6, 4)
    assert reshaped((None, 3), (-1,)) == (None,)
    assert reshaped((None, 3), (3, -1)) == (3, None)


@pytest.mark.parametrize(
    ("new", "problem"),
    [
        ((4,), "an array of shape (2, 3) has 6 entries and can't be reshaped to (4,)"),
        ((4, -1), "an array of shape (2, 3) has 6 entries and can't be reshaped to (4, -1)"),
        ((-1, -1), "new shape (-1, -1) has more than one −1"),
        ((-2, -3), "new shape (-2, -3) has a negative size"),
    ],
)
def test_reshape_refuses(refused, new, problem):
    with refused(ShapeError, problem):
        reshaped((2, 3), new)


def test_reshape_to_an_unknown_size_says_what_to_declare(refused):
    with refused(UnknownSizeError, "reshape needs every size, but the shape is (None, 3)", "shape=(16, 2)"):
        reshaped((2, 3), (None, 3))


# Declared and actual shapes -------------------------------------------------------------------------------------------


@given(known_shapes(), st.data())
def test_an_array_matches_what_was_declared_of_it(shape, data):
    assert shapes.matches(shape, forget(data, shape))
    assert not shapes.matches((*shape, 1), shape)
    for axis, size in enumerate(shape):
        assert not shapes.matches((*shape[:axis], size + 1, *shape[axis + 1 :]), shape)


@pytest.mark.parametrize(
    ("shape", "result"), [(3, (3,)), (None, (None,)), ([None, 2], (None, 2)), ((), ()), (np.int64(3), (3,))]
)
def test_as_shape(shape, result):
    assert shapes.as_shape(shape) == result


@pytest.mark.parametrize("shape", [(-1,), (2.0,), (True,), ("ab",), (2, "3"), (10**400,)], ids=repr)
def test_what_is_not_a_size(refused, shape):
    with refused(
        ShapeError, f"a size in shape {shape!r}"[:150], "expected an integer ≥ 0", "A size is an integer ≥ 0, or None"
    ):
        shapes.as_shape(shape)


def test_an_axis_declared_unknown_is_not_stretched_when_fed(refused):
    shapes.refuse_hidden_stretch([(None, 3), (None, 3)], [(4, 3), (4, 3)])
    shapes.refuse_hidden_stretch([(None, 3), (1, 3)], [(4, 3), (1, 3)])
    with refused(ShapeError, "axis -2 has sizes 1 and 4, in shapes (4, 3) and (1, 3)", "declare the 1"):
        shapes.refuse_hidden_stretch([(None, 3), (None, 3)], [(4, 3), (1, 3)])


@given(known_shapes(max_dims=3), known_shapes(max_dims=3), st.data())
def test_what_passes_when_fed_has_the_size_that_was_promised(x, y, data):
    """The promise made with unknown sizes holds for every pair of arrays that NumPy and the engine let through."""
    declared = [tuple(None if data.draw(st.booleans()) else size for size in shape) for shape in (x, y)]
    actual, promised = numpys(np.broadcast_shapes, x, y), outcome(shapes.broadcast, *declared)
    if ShapeError in (actual, promised) or outcome(shapes.refuse_hidden_stretch, declared, [x, y]) is ShapeError:
        return
    assert shapes.matches(actual, promised)
    assert math.prod(actual) <= max(math.prod(x), math.prod(y))
