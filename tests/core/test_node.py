"""Nodes: array-like where a rule expects an array, and plain about what only numbers can answer."""

import math
from operator import iadd, imul, isub, itruediv

import numpy as np
import pytest

import graphnet as gn
from graphnet.errors import DtypeError, OpaqueError, ShapeError, UnknownSizeError

Z = np.array([[0.5, -1.0, 2.0], [-0.25, 3.0, 0.75]])


@pytest.fixture
def z():
    return gn.input("z", shape=(None, 3))


def value(node):
    return gn.forward(node, {"z": Z})[node]


# What a rule may ask of an array --------------------------------------------------------------------------------------


def test_shape_ndim_dtype_and_size(z):
    assert (z.shape, z.ndim, z.dtype) == ((None, 3), 2, np.float64)
    assert gn.input("y", shape=(4, 5)).size == 20
    assert gn.input("s").size == 1
    assert (np.shape(z), np.ndim(z)) == ((None, 3), 2)


def test_an_unknown_size_is_an_error_that_says_what_to_declare(refused, z):
    with refused(UnknownSizeError, "the size of 'z' (input)", "the shape is (None, 3)", "shape=(16, 2)"):
        _ = z.size


ARRAY_LIKE = {
    "T": lambda z: z.T,
    "transpose": lambda z: z.transpose(),
    "transpose_axes": lambda z: z.transpose(1, 0),
    "transpose_tuple": lambda z: z.transpose((1, 0)),
    "sum": lambda z: z.sum(),
    "sum_axis": lambda z: z.sum(axis=0),
    "mean_keepdims": lambda z: z.mean(axis=1, keepdims=True),
    "max_axes": lambda z: z.max(axis=(0, 1)),
    "reshape": lambda z: z.reshape(-1),
    "reshape_sizes": lambda z: z.reshape(3, -1),
    "reshape_tuple": lambda z: z.reshape((-1, 1)),
    "row": lambda z: z[0],
    "column": lambda z: z[:, 1],
    "entry": lambda z: z[1, -1],
    "slice": lambda z: z[:, ::-2],
    "ellipsis_newaxis": lambda z: z[..., np.newaxis],
    "positions": lambda z: z[[1, 0, 1]],
    "add": lambda z: z + 2,
    "add_to": lambda z: 2 + z,
    "add_array": lambda z: np.array([1.0, 2.0, 3.0]) + z,
    "subtract": lambda z: z - 0.5,
    "subtract_from": lambda z: 0.5 - z,
    "multiply": lambda z: np.float64(3.0) * z,
    "divide": lambda z: z / [1.0, 2.0, 4.0],
    "divide_by": lambda z: 1 / z,
    "power": lambda z: z**2,
    "power_of": lambda z: 2.0**z,
    "matmul": lambda z: z @ np.ones((3, 2)),
    "matmul_on_the_right": lambda z: np.ones((4, 2)) @ z,
    "negative": lambda z: -z,
    "positive": lambda z: +z,
    "absolute": lambda z: abs(z),
    "greater": lambda z: z > 0.5,
    "greater_equal": lambda z: z >= 0.5,
    "less": lambda z: z < 0.5,
    "less_equal": lambda z: z <= 0.5,
    "equal": lambda z: z == 0.5,
    "not_equal": lambda z: z != 0.5,
    "reflected_comparison": lambda z: 0.5 > z,  # noqa: SIM300
    "and": lambda z: (z > 0) & (z < 1),
    "xor": lambda z: (z > 0) ^ (z < 1),
    "or": lambda z: (z < 0) | (z > 1),
    "not": lambda z: ~(z > 0),
    "np.tanh": lambda z: np.tanh(z),
    "np.add.reduce": lambda z: np.add.reduce(z),
    "np.maximum.reduce": lambda z: np.maximum.reduce(z, axis=1),
    "np.where": lambda z: np.where(z > 0, z, 0.0),
    "np.clip": lambda z: np.clip(z, 0.0, 1.0),
    "np.concatenate": lambda z: np.concatenate([z, np.ones((2, 1))], axis=1),
    "np.stack": lambda z: np.stack([z, z], axis=1),
    "np.expand_dims": lambda z: np.expand_dims(z, 0),
    "np.swapaxes": lambda z: np.swapaxes(z, 0, 1),
    "np.min": lambda z: np.min(z, axis=0),
}


@pytest.mark.parametrize("name", ARRAY_LIKE)
def test_an_expression_means_to_a_node_what_it_means_to_an_array(z, name):
    node, expected = ARRAY_LIKE[name](z), ARRAY_LIKE[name](Z)
    assert isinstance(node, gn.Node)
    np.testing.assert_allclose(value(node), expected, rtol=1e-15)
    assert value(node).dtype == expected.dtype
    assert len(node.shape) == np.ndim(expected)
    assert all(size in (None, n) for size, n in zip(node.shape, np.shape(expected), strict=True))


def test_a_vector_added_along_the_last_axis_is_a_bias(z):
    b = gn.parameter("b", np.ones(3))
    assert [node.kind for node in (z + b, b + z, z + 1.0, z + z)] == ["bias_add", "bias_add", "add", "add"]


# What only numbers can answer -----------------------------------------------------------------------------------------

NEEDS_NUMBERS = {
    "a truth value (if, and, or, not, ==, in, max, 0 < a < 1)": (lambda z: bool(z), "By value: np.where(a > 0, ...)"),
    "len()": (lambda z: len(z), "Use node.shape."),
    "iterating": (lambda z: list(z), "Index it: node[0], node[1], ..."),
    "`in`": (lambda z: 3.0 in z, "gn.forward(node, feeds)[node]"),
    "float()": (lambda z: float(z), "gn.forward(node, feeds)[node]"),
    "int()": (lambda z: int(z), "gn.forward(node, feeds)[node]"),
    "turning it into an array": (lambda z: np.asarray(z), "gn.forward(node, feeds)[node]"),
    "formatting as '.3f'": (lambda z: f"{z:.3f}", "gn.forward(node, feeds)[node]"),
    "writing into it": (lambda z: z.__setitem__(0, 1.0), "np.where, or write into a parameter's value"),
    "np.add.accumulate": (lambda z: np.add.accumulate(z), "gn.forward(node, feeds)[node]"),
    "np.multiply.outer": (lambda z: np.multiply.outer(z, z), "gn.forward(node, feeds)[node]"),
}


@pytest.mark.parametrize("asked", NEEDS_NUMBERS)
def test_what_only_numbers_can_answer_says_why_and_what_to_do(refused, z, asked):
    ask, repair = NEEDS_NUMBERS[asked]
    with refused(
        OpaqueError, f"{asked} needs numbers, and a node has none: its value exists only in a pass", repair
    ) as caught:
        ask(z)
    assert isinstance(caught.value, TypeError)


@pytest.mark.parametrize("join", [np.concatenate, np.stack, np.vstack, np.hstack])
def test_one_node_is_no_list_of_parts(refused, z, join):
    with refused(OpaqueError, "iterating needs numbers", "Index it: node[0], node[1], ..."):
        join(z)


@pytest.mark.parametrize(
    "find", [lambda z, nodes: z in nodes, lambda z, nodes: nodes.index(z), lambda z, nodes: nodes[0] == z or None]
)
def test_looking_for_a_node_says_how(refused, z, find):
    nodes = [gn.input("x", z.shape), z]
    with refused(OpaqueError, "(equal), made at test_node.py", "`any(node is a for node in nodes)`"):
        find(z, nodes)
    assert any(node is z for node in nodes)
    assert z in set(nodes)


def test_whether_nodes_differ_is_asked_in_the_same_words(refused, z):
    with refused(OpaqueError, "(not_equal), made at test_node.py", "For the same node: `a is b`"):
        assert z != z + 1


@pytest.mark.parametrize("use", [lambda z: max(z, z + 1), lambda z: 0 < z < 1, lambda z: not z, lambda z: z or 0])
def test_choosing_by_value_says_how(refused, z, use):
    with refused(OpaqueError, "np.where(a > 0, ...), gn.maximum(a, b), (a > 0) & (a < 1)"):
        use(z)


class ArrayLike:
    """What a data frame's column is to NumPy."""

    def __array__(self, dtype=None, copy=None):
        return np.array([1.0, 2.0, 3.0], dtype)


def test_whatever_turns_into_an_array_is_an_operand(z):
    column = ArrayLike()
    for node in (z + column, column + z, z * column, gn.add(z, column)):
        np.testing.assert_array_equal(value(node), value(node.op(z, np.array([1.0, 2.0, 3.0]))))
    assert f"{z} {z!s}" == "<input 'z' (None, 3)> <input 'z' (None, 3)>"


@pytest.mark.parametrize("attribute", ["tanh", "exp", "where", "concatenate"])
def test_what_is_a_function_of_arrays_and_no_method_says_what_to_write(z, attribute):
    with pytest.raises(AttributeError, match=rf"<input 'z' .*has no attribute '{attribute}'.*np\.{attribute}\(node"):
        getattr(z, attribute)
    assert not hasattr(z, attribute)


@pytest.mark.parametrize("attribute", ["partition", "astype", "typecodes"])
def test_no_function_is_named_that_does_not_work_either(z, attribute):
    with pytest.raises(AttributeError, match=rf"has no attribute '{attribute}'") as caught:
        getattr(z, attribute)
    assert f"np.{attribute}(" not in str(caught.value)


@pytest.mark.parametrize("attribute", ["value", "grad", "numpy", "backward", "item", "detach", "_repr_png_"])
def test_a_node_has_no_results(z, attribute):
    with pytest.raises(AttributeError, match=rf"has no attribute '{attribute}'.*gn\.forward\(E, feeds\)\[node\]"):
        getattr(z, attribute)


@pytest.mark.parametrize("change", [iadd, isub, imul, itruediv])
def test_a_parameter_is_not_changed_by_making_another_node(refused, change):
    W = gn.parameter("W", [1.0, 2.0])
    with refused(
        OpaqueError, "'W' (parameter), made at test_node.py", "Change its value: node.value -= 0.1 * gradient"
    ):
        change(W, 1.0)
    change(W.value, 2.0)
    np.testing.assert_array_equal(W.value, change(np.array([1.0, 2.0]), 2.0))
    total = W + 0
    total += W
    assert total.kind == "add"


def test_such_an_error_names_the_node_and_its_line(refused, z):
    positive = z > 0
    line = positive.made_at[1]
    with refused(OpaqueError, f"unnamed (greater), made at test_node.py:{line}: a truth value"):
        assert positive or z
    with refused(OpaqueError, f"'z' (input), made at test_node.py:{z.made_at[1]}: len()"):
        len(z)


def test_math_functions_need_numbers_too(refused, z):
    with refused(OpaqueError, "'s' (input)", "float() needs numbers"):
        math.sin(gn.input("s"))


@pytest.mark.parametrize(
    ("use", "named"),
    [
        (lambda z: np.sinc(z), "np.sinc of a node: no op covers it"),
        (lambda z: np.linalg.svd(z), "np.linalg.svd of a node: no op covers it"),
        (lambda z: np.unwrap(z), "np.unwrap of a node: no op covers it"),
    ],
    ids=["sinc", "svd", "unwrap"],
)
def test_a_numpy_function_that_no_op_covers(refused, z, use, named):
    with refused(OpaqueError, named, "@gn.op"):
        use(z)


@pytest.mark.parametrize(
    ("use", "option"),
    [
        (lambda z: np.add(z, 1.0, out=np.zeros((2, 3))), "out"),
        (lambda z: np.add(z, 1.0, where=Z > 0), "where"),
        (lambda z: np.tanh(z, dtype=np.float32), "dtype"),
        (lambda z: np.sum(z, where=Z > 0), "where"),
        (lambda z: np.sum(z, dtype=np.float32), "dtype"),
        (lambda z: np.max(z, out=np.zeros(())), "out"),
    ],
    ids=["ufunc_out", "ufunc_where", "ufunc_dtype", "sum_where", "sum_dtype", "max_out"],
)
def test_numpy_options_that_a_node_has_no_use_for(refused, z, use, option):
    with refused(OpaqueError, f"'{option}'", "plain arguments only (no out=, where= or dtype=)"):
        use(z)


@pytest.mark.parametrize("operand", ["a", None, {1: 2}, 1j], ids=repr)
def test_an_operand_that_is_no_number_is_named(refused, z, operand):
    for use in (lambda: z + operand, lambda: operand - z, lambda: operand @ z):
        with refused(DtypeError, "'z' (input)", f"of a node and a {type(operand).__name__}, {operand!r}"):
            use()
    assert (z == operand) is False or operand == 1j


@pytest.mark.parametrize("use", [lambda z, n: z / n, lambda z, n: n * z, lambda z, n: z**n, lambda z, n: z > n])
def test_a_size_that_is_none_is_no_number(refused, use):
    z = gn.input("z", (None, 2))
    with refused(DtypeError, "'z' (input)", "a NoneType, None", "loss / gn.batch_size(x)"):
        use(z, z.shape[0])
    assert (z == None) is False  # noqa: E711
    assert gn.forward(gn.batch_size(z, name="n"), {z: np.ones((5, 2))})["n"] == 5  # the repair


@pytest.mark.parametrize(
    "use", [lambda z: z // 2, lambda z: 2 // z, lambda z: z % 2, lambda z: 7 % z, lambda z: divmod(z, 2)[1]]
)
def test_rounding_down_and_remainders_are_nodes(z, use):
    node, feed = use(z), np.array([[1.5, -2.5, 4.0]])
    np.testing.assert_array_equal(gn.forward(node, {z: feed})[node], use(feed))


def test_a_float_does_not_index_and_an_index_out_of_range_is_a_shape_error(refused, z):
    with refused(OpaqueError, "indexing a node with float 1.5", "Use integers and slices"):
        z[1.5]
    with refused(ShapeError, "getitem: shape (None, 3)", "out of bounds"):
        z[:, 3]


# Equality and identity ------------------------------------------------------------------------------------------------


def test_equality_builds_a_node_and_nodes_are_still_keys(z):
    y = gn.input("y", shape=(None, 3))
    same = z == y
    assert isinstance(same, gn.Node)
    assert (same.kind, same.dtype) == ("equal", np.dtype(bool))
    keyed = {z: "z", y: "y"}
    assert (keyed[z], keyed[y], len({z, y, z})) == ("z", "y", 2)


# Immutability ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("attribute", ["op", "inputs", "shape", "dtype", "name", "scope", "made_at", "note"])
def test_nodes_are_immutable(z, attribute):
    before = repr(z)
    with pytest.raises(AttributeError, match=f"<input 'z'.*is immutable.*{attribute}"):
        setattr(z, attribute, ())
    with pytest.raises(AttributeError, match=f"is immutable: its {attribute} can't be deleted"):
        delattr(z, attribute)
    assert repr(z) == before


@pytest.mark.parametrize("attribute", ["T", "ndim", "size", "kind"])
def test_what_is_worked_out_can_not_be_set(z, attribute):
    with pytest.raises(AttributeError, match=attribute):
        setattr(z, attribute, 1)


def test_a_constant_is_read_only_and_apart_from_the_array_it_was_made_of():
    array = np.array([1.0, 2.0])
    constant = gn.constant(array)
    array[0] = 99.0
    np.testing.assert_array_equal(constant.value, [1.0, 2.0])
    with pytest.raises(ValueError, match="read-only"):
        constant.value[0] = 3.0
    with pytest.raises(AttributeError):
        constant.value = array


# Parameters -----------------------------------------------------------------------------------------------------------


def test_a_parameter_is_apart_from_the_array_it_was_made_of():
    array = np.ones((2, 2))
    W = gn.parameter("W", array)
    array[:] = 7.0
    np.testing.assert_array_equal(W.value, np.ones((2, 2)))


def test_a_parameters_value_can_be_assigned_and_written_into():
    W = gn.parameter("W", [1.0, 2.0])
    new = np.array([3.0, 4.0])
    W.value = new
    new[0] = 99.0  # assigning copied
    np.testing.assert_array_equal(W.value, [3.0, 4.0])
    W.value[1] = 5.0
    W.value += 1
    np.testing.assert_array_equal(W.value, [4.0, 6.0])
    W.value = [7, 8]
    np.testing.assert_array_equal(W.value, [7.0, 8.0])
    assert W.value.dtype == np.float64


@pytest.mark.parametrize(("value", "dtype"), [([1, 2], np.float64), (np.float32([1, 2]), np.float32), (2, np.float64)])
def test_a_parameters_dtype(value, dtype):
    W = gn.parameter("W", value)
    assert W.value.dtype == W.dtype == dtype
    W.value = np.asarray(value, np.float64)
    assert W.value.dtype == dtype


def test_a_parameter_keeps_its_shape(refused):
    W = gn.parameter("W", np.ones((2, 3)))
    for wrong in (np.ones((3, 2)), 1.0, np.ones(3)):
        with refused(
            ShapeError,
            f"'W' (parameter), made at test_node.py:{W.made_at[1]}",
            f"the new value has shape {np.shape(wrong)}, expected (2, 3)",
            "keeps the shape",
        ):
            W.value = wrong
    np.testing.assert_array_equal(W.value, np.ones((2, 3)))


# Dtypes of leaves -----------------------------------------------------------------------------------------------------

REAL = "expected float64, float32 or integers"
REFUSED_VALUES = {
    "complex": ([1j], "has dtype complex128", REAL, ".astype(float)"),
    "float16": (np.ones(2, np.float16), "has dtype float16", REAL, ".astype(float)"),
    "longdouble": (np.ones(2, np.longdouble), f"has dtype {np.dtype(np.longdouble)}", REAL, ".astype(float)"),
    "objects": (np.array([None, 1.0]), "has dtype object", "expected numbers", ".astype(float)"),
    "text": ("abc", "is 'abc', expected numbers", "Give numbers, or an array of them"),
    "None": (None, "is None, expected numbers", "Give numbers, or an array of them"),
    "dict": ({"a": 1}, "is {'a': 1}, expected numbers"),
    "function": (gn.tanh, "is <function", "expected numbers"),
    "nodes": ([gn.input("x"), 1.0], "is a list of nodes, expected one node, or numbers", "gn.concatenate"),
}


@pytest.mark.parametrize("case", REFUSED_VALUES)
def test_a_leaf_holds_real_numbers(refused, case):
    wrong, *expected = REFUSED_VALUES[case]
    with refused(DtypeError, "parameter 'W' ", *expected):
        gn.parameter("W", wrong)
    with refused(DtypeError, "a constant ", *expected):
        gn.constant(wrong)
    with refused(DtypeError, "constant 'c' ", *expected):
        gn.constant(wrong, name="c")
    parameter = gn.parameter("W", [1.0, 2.0])
    with refused(DtypeError, "the new value of parameter 'W' ", *expected):
        parameter.value = wrong


def test_a_parameter_is_not_bool(refused):
    with refused(DtypeError, "parameter 'mask' has dtype bool"):
        gn.parameter("mask", [True, False])


@pytest.mark.parametrize(
    "make", [lambda rows: gn.parameter("W", rows), gn.constant, lambda rows: gn.tanh(gn.input("x")) * rows]
)
def test_rows_of_unequal_length(refused, make):
    with refused(DtypeError, "is not an array", "Give numbers in rows of equal length."):
        make([[1.0], [2.0, 3.0]])


@pytest.mark.parametrize("make", [lambda node: gn.parameter("W", node), gn.constant], ids=["parameter", "constant"])
def test_a_node_is_no_value_for_a_leaf(refused, z, make):
    with refused(OpaqueError, "'z' (input)", "turning it into an array needs numbers"):
        make(z)


@pytest.mark.parametrize(
    ("value", "dtype", "expected"),
    [
        (2, None, np.float64),
        ([1, 2], None, np.float64),
        (np.float32([1.5]), None, np.float32),
        ([True, False], None, np.bool_),
        ([1, 2], int, np.int64),
        (np.array([1], np.uint8), int, np.uint8),
        ([1, 2], np.int32, np.int64),
        (1.5, int, np.float64),
        ([1, 2], float, np.float64),
        ([1, 2], np.float32, np.float32),
        (1.5, "float32", np.float32),
    ],
)
def test_constants_are_cast(value, dtype, expected):
    constant = gn.constant(value, dtype=dtype)
    assert constant.dtype == constant.value.dtype == expected
    np.testing.assert_array_equal(constant.value, value)


@pytest.mark.parametrize("dtype", [float, np.float32, int, bool, np.int32])
def test_an_inputs_dtype(dtype):
    assert gn.input("x", dtype=dtype).dtype == np.dtype(dtype)


@pytest.mark.parametrize("dtype", [complex, np.float16, np.longdouble, str, np.uint8])
def test_an_input_is_float_int_or_bool(refused, dtype):
    with refused(DtypeError, f"input 'x' is declared with dtype {np.dtype(dtype)}", "Use float, int or bool."):
        gn.input("x", dtype=dtype)


@pytest.mark.parametrize("dtype", ["foo", 3, "real numbers", gn.tanh, object])
def test_what_is_no_dtype(refused, dtype):
    with refused(DtypeError, f"input 'x' is declared with dtype {dtype!r}", "Use float, int or bool."):
        gn.input("x", dtype=dtype)
    with refused(DtypeError, f"constant 'c' is declared with dtype {dtype!r}", "Use float, int or bool."):
        gn.constant(1, name="c", dtype=dtype)


# How nodes show themselves --------------------------------------------------------------------------------------------


def test_repr_and_kind(z):
    W = gn.parameter("W", np.ones((3, 2)))
    shown = [repr(node) for node in (z, W, gn.constant(1.0), z @ W, gn.tanh(z, name="a"))]
    assert shown == [
        "<input 'z' (None, 3)>",
        "<parameter 'W' (3, 2)>",
        "<constant ()>",
        "<matmul (None, 2)>",
        "<tanh 'a' (None, 3)>",
    ]
