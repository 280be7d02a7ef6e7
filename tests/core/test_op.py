"""Ops: rules and settings, made with @gn.op or as a frozen dataclass."""

from dataclasses import dataclass
from functools import partial

import numpy as np
import pytest

import graphnet as gn
from graphnet.core.registry import OPS
from graphnet.errors import DtypeError, GraphError, NoBackwardRuleError, OpaqueError, RuleError, ShapeError

Z = np.array([[0.5, -1.0, 2.0], [-0.25, 3.0, 0.75]])


@dataclass(frozen=True)
class Scale(gn.Op):
    factor: float = 2.0

    def forward(self, z):
        return self.factor * z

    def backward(self, delta, a, z):
        return self.factor * delta


@gn.op
def swish(z):
    """A smooth relu."""
    return z / (1 + np.exp(-z))


@swish.backward
def swish_backward(delta, a, z):
    return delta * (a + (1 - a) / (1 + np.exp(-z)))


@gn.op
def no_backward(z):
    return z * z


def gradient_of_sum(node, parameter):
    return gn.backward(gn.sum(node), {}).gradient(parameter)


# Two ways to make one -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("apply", "expected"),
    [(swish, lambda z: z / (1 + np.exp(-z))), (Scale(3.0), lambda z: 3 * z)],
    ids=["swish", "scale"],
)
def test_a_custom_op_computes_on_arrays_and_builds_nodes_on_nodes(apply, expected):
    np.testing.assert_array_equal(apply(Z), expected(Z))
    node = apply(gn.input("z", shape=(None, 3)), name="a")
    assert isinstance(node, gn.Node)
    assert (node.name, node.shape) == ("a", (None, 3))
    np.testing.assert_array_equal(gn.forward(node, {"z": Z})["a"], expected(Z))


@pytest.mark.parametrize(
    ("apply", "slope"),
    [(swish, lambda z: (1 + np.exp(-z) * (1 + z)) / (1 + np.exp(-z)) ** 2), (Scale(3.0), lambda z: 3 + 0 * z)],
    ids=["swish", "scale"],
)
def test_a_custom_ops_backward_rule_is_used(apply, slope):
    W = gn.parameter("W", Z)
    np.testing.assert_allclose(gradient_of_sum(apply(W), W), slope(Z), rtol=1e-12)


def test_the_decorator_keeps_name_docstring_and_both_functions():
    assert (swish.__name__, swish.__doc__, swish.op.name) == ("swish", "A smooth relu.", "swish")
    assert repr(swish) == "<op swish>"
    np.testing.assert_array_equal(swish_backward(2.0, swish(1.0), 1.0), swish.op.backward(2.0, swish(1.0), 1.0))


def test_nodes_built_before_the_backward_rule_was_given_keep_the_op_they_have():
    @gn.op
    def late(z):
        return z * 1.0

    before = late(gn.input("z"))

    @late.backward
    def late_backward(delta, a, z):
        return delta

    assert not before.op.has_backward
    assert late(gn.input("z")).op.has_backward


@pytest.mark.parametrize(
    ("name", "cls"), [("scale", Scale), ("leaky_relu", gn.ops.LeakyRelu), ("log_softmax", gn.ops.LogSoftmax)]
)
def test_a_class_is_called_by_its_name_in_snake_case(name, cls):
    assert cls.name == name


def test_a_class_can_choose_its_name():
    class Renamed(Scale):
        name = "times"

    assert Renamed(1.0)(gn.input("z")).kind == "times"


def test_a_number_beside_a_node_becomes_a_constant():
    node = gn.ops.Multiply()(gn.input("z", shape=(None, 3)), [1, 2, 3])
    assert (node.inputs[1].kind, node.inputs[1].dtype) == ("constant", np.float64)


def test_numbers_alone_are_computed_at_once():
    assert gn.ops.Add()(1, 2.5) == 3.5


# Settings -------------------------------------------------------------------------------------------------------------


def test_ops_with_equal_settings_are_equal_and_hash_alike():
    assert Scale(2.0) == Scale() != Scale(3.0)
    assert hash(Scale(2.0)) == hash(Scale())
    assert gn.ops.Tanh() == gn.ops.Tanh() != gn.ops.Sigmoid()
    assert len({gn.ops.Sum(axis=0), gn.ops.Sum(0, False), gn.ops.Sum(axis=1)}) == 2
    assert swish.op == swish.op != no_backward.op


def test_settings_by_name():
    assert Scale(3.0).settings == {"factor": 3.0}
    assert gn.ops.Sum(axis=(0, 1)).settings == {"axis": (0, 1), "keepdims": False}
    assert gn.ops.Tanh().settings == swish.op.settings == {}


@pytest.mark.parametrize("op", [Scale(3.0), gn.ops.Sum(axis=0), gn.ops.Tanh(), swish.op], ids=lambda op: op.name)
@pytest.mark.parametrize("attribute", ["factor", "axis", "cache", "name"])
def test_ops_have_no_state(op, attribute):
    with pytest.raises(AttributeError, match=attribute):
        setattr(op, attribute, 1.0)


def test_settings_outside_a_dataclass_are_refused_since_ops_could_not_be_told_apart():
    class Shift(gn.Op):
        def __init__(self, by):
            self.by = by

    with pytest.raises(AttributeError, match=r"Shift.by can't be set.*under @dataclass\(frozen=True\)"):
        Shift(3.0)


def test_every_built_in_op_is_public_under_its_class_name():
    assert all(getattr(gn.ops, cls.__name__) is cls for cls in OPS.values())
    assert all(cls.__name__ in gn.ops.__all__ for cls in OPS.values())


# Shapes from the rule itself ------------------------------------------------------------------------------------------


def of_numpys_functions(z):
    return np.sum(np.tanh(z), axis=-1)


def opaque_to_nodes(z):
    return np.cumsum(z, axis=0)


def with_a_method_that_nodes_lack(z):
    return z.clip(0.0, 1.0)


def with_an_operator_that_nodes_lack(z):
    return z - z % 1


def with_a_loop_over_the_samples(z):
    return np.array([row * row for row in z])


def with_a_size_as_a_number(z):
    return z * sum(1.0 for _ in range(z.shape[0]))


def with_a_choice_by_value(z):
    return z if np.all(z > 0) else z * 0.5


RULES = [
    of_numpys_functions,
    opaque_to_nodes,
    with_a_method_that_nodes_lack,
    with_an_operator_that_nodes_lack,
    with_a_loop_over_the_samples,
    with_a_size_as_a_number,
    with_a_choice_by_value,
]


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("declared", [(2, 3), (None, 3), (None, None)], ids=str)
def test_the_shape_is_found_out_from_the_rule_whatever_it_does(rule, declared):
    op = gn.op(rule)
    node = op(gn.input("z", shape=declared))
    result = op(Z)
    assert len(node.shape) == result.ndim
    for size, actual, where in zip(node.shape, result.shape, declared, strict=False):
        assert size == (None if where is None else actual)
    np.testing.assert_array_equal(gn.forward(node, {"z": Z})[node], result)


@pytest.mark.parametrize("declared", [(2, 3), (None, 3)], ids=str)
def test_a_size_that_depends_on_an_unknown_one_is_unknown(declared):
    @gn.op
    def doubled(z):
        return np.repeat(z, 2, axis=0)

    assert doubled(gn.input("z", shape=declared)).shape == ((4, 3) if declared[0] else (None, 3))


def test_several_inputs():
    @gn.op
    def outer(x, y):
        return np.einsum("ni,nj->nij", x, y)

    node = outer(gn.input("x", shape=(None, 2)), gn.input("y", shape=(None, 5)))
    assert node.shape == (None, 2, 5)


def test_a_rule_that_fails_on_these_shapes_fails_at_build_with_its_own_reason(refused):
    @gn.op
    def rotate(z):
        return np.einsum("ij,nj->ni", np.eye(2), z)

    with refused(
        ShapeError,
        "rotate 'r': the forward rule of rotate fails on arrays of shapes [(3, 4)]:",
        "z: 'z' (input), made at test_op.py:",
        "give the op a method shape(self, *shapes)",
    ):
        rotate(gn.input("z", shape=(None, 4)), name="r")


def test_whole_numbers_that_a_rule_takes_for_positions(refused):
    pick = gn.op(lambda table, places: table[places])
    table, places = gn.parameter("table", np.ones((4, 3))), np.array([1, 2])
    with refused(ShapeError, "fails on arrays of shapes [(4, 3), (2,)]", "gn.constant(..., dtype=int)"):
        pick(table, places)
    assert pick(table, gn.constant(places, dtype=int)).shape == (2, 3)


def test_a_shape_method_is_taken_at_its_word_until_the_rule_runs(refused):
    @dataclass(frozen=True)
    class Repeat(gn.Op):
        times: int
        says: int

        def forward(self, z):
            return np.repeat(z, self.times)

        def shape(self, z):
            return (self.says,)

    z = gn.input("z", shape=(2,))
    node = Repeat(3, 6)(z)
    assert node.shape == (6,)
    np.testing.assert_array_equal(gn.forward(node, {z: [1.0, 2.0]})[node], [1, 1, 1, 2, 2, 2])
    wrong = Repeat(3, 5)(z, name="wrong")
    with refused(ShapeError, "repeat 'wrong': the forward rule gave shape (6,), expected (5,)", "node: 'wrong'"):
        gn.forward(wrong, {z: [1.0, 2.0]})


def of_symmetric_matrices_alone(A):
    if not np.array_equal(A, A.T):
        raise ValueError("not symmetric")
    return np.linalg.cholesky(A)


@pytest.mark.parametrize(
    ("rule", "shape"),
    [
        (lambda A: np.linalg.solve(A, A[:, :2]), (3, 2)),
        (np.linalg.inv, (3, 3)),
        (of_symmetric_matrices_alone, (3, 3)),
        (np.linalg.eigvalsh, (3,)),
        (lambda A: np.linalg.slogdet(A)[1], ()),
    ],
)
def test_rules_of_linear_algebra_are_tried_on_matrices_that_suit_them(rule, shape):
    op = gn.op(lambda A: rule(np.asarray(A)))  # which no node can be
    assert op(gn.input("A", shape=(3, 3))).shape == shape


def test_a_rule_with_a_narrow_domain_is_tried_on_what_parameters_hold():
    @gn.op
    def far_out(z):
        if (np.asarray(z) < 1000).any():
            raise ValueError("too small")
        return np.asarray(z).sum(axis=0)

    assert far_out(gn.parameter("z", np.full((3, 2), 2000.0))).shape == (2,)
    far_out.backward(lambda delta, a, z: np.broadcast_to(delta, z.shape))
    gn.check_op(far_out, np.full((3, 2), 2000.0)).raise_if_failed()
    with pytest.raises(ShapeError, match=r"too small \(ones\); too small \(numbers between"):
        far_out(gn.input("z", shape=(3, 2)))

    @far_out.shape
    def far_out_shape(z):
        return z[1:]

    assert far_out(gn.input("z", shape=(3, 2))).shape == (2,)


# Refusals -------------------------------------------------------------------------------------------------------------


def test_the_wrong_number_of_inputs_names_those_expected(refused):
    x = gn.input("x")
    with refused(GraphError, "op matmul takes 2 inputs (x, y), got 1", "x: 'x' (input), made at test_op.py:"):
        gn.ops.Matmul()(x)
    with refused(
        GraphError,
        "tanh 'a': op tanh takes 1 inputs (z), got 2",
        "z: 'x' (input), made at",
        "extra[0]: 'x' (input), made at",
    ):
        gn.tanh(x, x, name="a")
    with refused(GraphError, "op swish takes 1 inputs (z), got 3"):
        swish(1.0, 2.0, 3.0)
    with refused(GraphError, "op tanh takes 1 inputs (z), got 0"):
        gn.tanh()


def test_an_op_may_take_any_number_of_inputs():
    @gn.op
    def total(*parts):
        return sum(parts[1:], parts[0])

    nodes = [gn.input(f"x{i}", shape=(2,)) for i in range(3)]
    assert total.op.input_names(3) == ["parts[0]", "parts[1]", "parts[2]"]
    assert total(*nodes).shape == (2,)


def test_no_backward_rule_is_an_error_only_when_an_error_signal_arrives(refused):
    W = gn.parameter("W", Z)
    E = gn.sum(no_backward(W, name="squares"))
    assert gn.forward(E, {})[E] == np.sum(Z * Z)
    with refused(
        NoBackwardRuleError,
        "no_backward 'squares': op no_backward has no backward rule, so no error signal can pass it",
        "node: 'squares' (no_backward), made at test_op.py:",
        "Write def no_backward_backward(delta, output, z) under @no_backward.backward",
        "Then build the network again",
    ):
        gn.backward(E, {})


def test_has_backward():
    assert Scale().has_backward
    assert swish.op.has_backward
    assert gn.ops.Tanh().has_backward
    assert not no_backward.op.has_backward


def test_no_forward_rule():
    class Empty(gn.Op):
        pass

    with pytest.raises((NotImplementedError, ShapeError), match="op empty has no forward rule"):
        Empty()()


@pytest.mark.parametrize("wrong", [None, "x", {}, object(), [gn.input("x"), 1.0], gn.tanh, np.array([None, 1.0])])
@pytest.mark.parametrize(
    ("use", "which"),
    [
        (gn.tanh, "tanh: input 0 (z)"),
        (gn.sum, "sum: input 0 (z)"),
        (swish, "swish: input 0 (z)"),
        (lambda value: gn.matmul(gn.input("x", (2,)), value), "matmul: input 1 (y)"),
        (lambda value: gn.add([1.0], value), "add: input 1 (y)"),
    ],
)
def test_what_is_neither_node_nor_number(refused, use, which, wrong):
    with refused(DtypeError, which, "expected"):
        use(wrong)


def test_a_name_is_given_by_keyword(refused):
    with refused(
        DtypeError, "tanh: input 1 (extra[0]) is 'hidden', expected a node or numbers", "write name='hidden'."
    ):
        gn.tanh(gn.input("x"), "hidden")


def test_inputs_by_name():
    @gn.op
    def ratio(over, under):
        return over / under

    x, y = gn.input("x", (2,)), gn.input("y", (2,))
    for node in (ratio(over=x, under=y), ratio(under=y, over=x), ratio(x, under=y), gn.ops.Divide()(x, y=y)):
        assert node.inputs[0] is x
        assert node.inputs[1] is y
    assert ratio(under=4.0, over=2.0) == 0.5
    with pytest.raises(TypeError, match=r"ratio\(\) got an unexpected keyword argument 'below'"):
        ratio(x, below=y)
    with pytest.raises(GraphError, match=r"op ratio takes 2 inputs \(over, under\), got 1"):
        ratio(under=y)


SETTINGS = {
    "k=2.0": lambda z, k=2.0: k * z,
    "k": lambda z, *, k: k * z,
    "**options": lambda z, **options: z,
    "out=None": lambda z, out=None: z,
}


@pytest.mark.parametrize("setting", SETTINGS)
def test_settings_belong_into_a_class(refused, setting):
    with refused(RuleError, f": {setting} is a setting, and all parameters must be inputs", "@dataclass(frozen=True)"):
        gn.op(SETTINGS[setting])


@pytest.mark.parametrize(
    "wrong", [lambda: 1.0, np.sin, partial(np.add, 1.0), type("Callable", (), {"__call__": abs})()]
)
def test_a_forward_rule_is_a_function_of_inputs(refused, wrong):
    with refused(RuleError, "@op got", "to go by", "Write it as a def with one parameter for each input."):
        gn.op(wrong)


def test_a_backward_rule_takes_delta_the_output_and_the_inputs(refused):
    @gn.op
    def ratio(over, under):
        return over / under

    for wrong, shown in ((lambda delta, x, y: None, "(delta, x, y)"), (lambda d, a, x, y, z: None, "(d, a, x, y, z)")):
        with refused(RuleError, f"parameters {shown}, expected (delta, output, over, under)", "the error signal"):
            ratio.backward(wrong)
    for right in (lambda d, a, x, y: None, lambda d, a, *inputs: None, lambda d, a, x, y, scale=1.0: None):
        assert ratio.backward(right) is right


def test_a_backward_rule_does_not_take_the_place_of_its_op(refused):
    @gn.op
    def cube(z):
        return z * z * z

    with refused(RuleError, "is called cube too, and would take its place", "Call it cube_backward."):

        @cube.backward
        def cube(delta, a, z):
            return delta * 3 * z * z


def test_a_class_with_settings_is_a_dataclass(refused):
    class Shift(gn.Op):
        by: float = 1.0

        def forward(self, z):
            return z + self.by

    with refused(GraphError, "op shift got [2.0] as settings, and has none", "@dataclass(frozen=True)"):
        Shift(2.0)
    with refused(GraphError, "op tanh got [<input 'x' ()>] as settings", "To apply an op, make it first: Tanh()(x)."):
        gn.ops.Tanh(gn.input("x"))


@pytest.mark.parametrize("wrong", [3, None, "swish"])
def test_the_decorators_decorate_functions(refused, wrong):
    with refused(RuleError, f"@op decorates a function, got {wrong!r}", "Write @gn.op above a def."):
        gn.op(wrong)
    with refused(RuleError, f"@swish.backward decorates a function, got {wrong!r}", "swish.op.backward(delta, output"):
        swish.backward(wrong)


def test_truth_operators_take_truth_values_only(refused):
    z = gn.input("z")
    for use, name in [(lambda: z & z, "bitwise_and"), (lambda: z | z, "bitwise_or"), (lambda: ~z, "invert")]:
        with refused(OpaqueError, f"np.{name} of a node that is not bool", "Compare first: (z > 0) & (z < 1)."):
            use()


@pytest.mark.parametrize(
    "results", [lambda z: (np.tanh(z), z), lambda z: [z, z], lambda z: (np.sort(np.asarray(z)), 1.0)]
)
def test_an_op_of_two_outputs_is_refused(results):
    rule = gn.op(results)
    z = gn.input("z", (3,))
    with pytest.raises(RuleError, match=r"of 2, and an op has one output.*\n.*\n.*np\.stack"):
        rule(z)
