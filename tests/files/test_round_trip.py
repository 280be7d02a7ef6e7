"""What is saved comes back the same to the bit: structure, names, settings, values, and all that is computed of them."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

import graphnet as gn
from graphnet.errors import LoadError, SaveError
from tests.files.damage import fingerprint, sample_graph
from tests.fuzz import compare, dialect
from tests.fuzz.grow import random_program
from tests.networks import NETWORKS, backward_pass, feeds_of

CUSTOM = [dialect.swish, dialect.running_sum]


@pytest.fixture
def through(path):
    """Save and load."""

    def save_and_load(target, **options):
        gn.save(path, target)
        return gn.load(path, **options)

    return save_and_load


@pytest.mark.parametrize("build", [*NETWORKS, sample_graph])
def test_every_family_of_ops_and_settings(through, build):
    graph = gn.Graph(build())
    again = through(graph)
    assert fingerprint(again) == fingerprint(graph)
    assert [type(node.op) for node in again] == [type(node.op) for node in graph]
    assert [node.op for node in again] == [node.op for node in graph]


@pytest.mark.parametrize("build", NETWORKS)
def test_values_and_gradients_are_the_same_bits(through, build):
    graph = gn.Graph(build())
    again = through(graph)
    first, second = gn.backward(graph, feeds_of(graph)), gn.backward(again, feeds_of(graph))
    for node in graph:
        assert first[node].tobytes() == second[graph.label(node)].tobytes()
    assert list(first.gradients) == list(second.gradients)
    for name, gradient in first.gradients.items():
        assert gradient.tobytes() == second.gradients[name].tobytes()


@pytest.mark.parametrize("build", NETWORKS)
def test_the_backward_pass_as_graph_with_its_many_outputs(through, build):
    graph = backward_pass(build())
    again = through(graph)
    assert fingerprint(again) == fingerprint(graph)
    first, second = gn.forward(graph, feeds_of(graph)), gn.forward(again, feeds_of(graph))
    for mine, other in zip(graph.outputs, again.outputs, strict=True):
        assert first[mine].tobytes() == second[other].tobytes()


@pytest.mark.parametrize("first", range(0, 150, 25))
def test_random_programs(through, first):
    for seed in range(first, first + 25):
        network = compare.build(random_program(seed), open_batch=False)
        graph = gn.Graph(network.output)
        feeds = {graph.label(node): array for node, array in network.feeds.items() if node in graph}
        again = through(graph, ops=CUSTOM)
        assert fingerprint(again) == fingerprint(graph)
        with np.errstate(all="ignore"):
            before, after = gn.forward(graph, feeds), gn.forward(again, feeds)
        for node in graph:
            assert before[node].tobytes() == after[graph.label(node)].tobytes()


def test_any_bits_of_any_dtype(through):
    floats = np.frombuffer(np.random.default_rng(0).bytes(8 * 1000), np.float64)  # NaNs with all payloads among them
    special = np.array([np.nan, np.inf, -np.inf, -0.0, 5e-324, np.finfo(float).max])
    leaves = [
        gn.parameter("floats", floats),
        gn.parameter("special", special),
        gn.parameter("single", special[:4].astype(np.float32)),
        gn.parameter("empty", np.zeros((0, 3))),
        gn.parameter("scalar", 0.1),
        gn.constant([2**53 + 1, -1], dtype=int),
        gn.constant([[True], [False]]),
        gn.constant(np.float32(0.1)),
    ]
    again = through(leaves)
    for mine, other in zip(leaves, again.outputs, strict=True):
        assert type(other) is type(mine)
        assert (other.value.dtype, other.value.shape) == (mine.value.dtype, mine.value.shape)
        assert other.value.tobytes() == mine.value.tobytes()
        assert other.value.flags.writeable == mine.value.flags.writeable


@pytest.mark.parametrize("entries", [8191, 8192, 8193, 131_071, 131_072, 131_073, 1_000_001])
def test_arrays_around_the_sizes_of_pieces(through, entries):
    w = gn.parameter("w", np.random.default_rng(entries).random(entries))
    assert through(w)["w"].value.tobytes() == w.value.tobytes()


@pytest.mark.parametrize(
    "name", ["a b", "δ₁", 'quo"te', "a&b<c>", "x/y", "/x", "/", "new\nline", "\x00", "\ud800", "../x", "a" * 5000]
)
def test_any_name(through, name):
    again = through(gn.tanh(gn.parameter(name, [1.0]), name=name * 2))
    assert [again.label(node) for node in again] == [name, name * 2]


def test_names_that_differ_in_a_leading_slash(through):
    """Without a scope no slash belongs to one: neither name may become the other."""
    x, slash_x = gn.parameter("x", [1.0]), gn.parameter("/x", [2.0])
    again = through(x - slash_x)
    assert {parameter.name: float(parameter.value[0]) for parameter in again.parameters} == {"x": 1.0, "/x": 2.0}


def test_scopes_that_are_open_change_nothing(path):
    graph = gn.Graph(sample_graph())
    with gn.scope("saving"):
        gn.save(path, graph)
    with gn.scope("loading"):
        assert fingerprint(gn.load(path)) == fingerprint(graph)


def test_the_order_of_inputs(through):
    a, b, c = (gn.input(name, shape=(2,)) for name in "abc")
    for order in ([c, a, b], [b, c, a], [a, b, c]):
        assert [node.name for node in through(gn.Graph(a * b - c, inputs=order)).inputs] == [n.name for n in order]


def test_one_node_used_twice_and_outputs_that_are_doubled(through):
    x = gn.input("x")
    y = gn.multiply(x, x, name="y")
    again = through([y, x, y])
    assert [node.name for node in again.outputs] == ["y", "x", "y"]
    assert again["y"].inputs == (again["x"], again["x"])


@pytest.mark.parametrize(("length", "build"), [(100_000, gn.negative), (10_000, lambda y: y * 0.5)])
def test_a_long_chain_needs_no_recursion(through, length, build):
    y = gn.input("x")
    for _ in range(length):
        y = build(y)
    graph = gn.Graph(y)
    assert [node.op for node in through(graph)] == [node.op for node in graph]


def test_the_loaded_graph_learns(through):
    graph = through(gn.sse(gn.parameter("w", [1.0, 2.0]), [0.0, 0.0], name="E"))
    gn.fit(graph, {}, optimizer=gn.GradientDescent(0.5), epochs=1, progress=False)
    np.testing.assert_array_equal(graph["w"].value, [0.5, 1.0])


# Custom ops -----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Settings(gn.Op):
    """An op that takes anything as its settings, and uses none of it."""

    first: Any
    second: Any = None

    def forward(self, z):
        return z * 1.0

    def backward(self, delta, a, z):
        return delta


@pytest.mark.parametrize(
    "setting",
    [
        *[
            1,
            -(2**70),
            0.1,
            -0.0,
            True,
            None,
            "text",
            ...,
            slice(1, None, -2),
            [1, (2, [3.5])],
            (),
            {"a": (1,), "b": {}},
        ],
        *[
            float("inf"),
            float("-inf"),
            (1e308, float("inf")),
            np.float32(0.1),
            np.int8(-3),
            np.bool_(True),
            {"array": 0},
        ],
    ],
    ids=repr,
)
def test_settings_of_any_plain_kind(through, setting):
    again = through(Settings(setting, second=(setting,))(gn.input("x"), name="y"), ops=[Settings])
    assert again["y"].op == Settings(setting, second=(setting,))
    assert type(again["y"].op.first) is type(setting)
    assert repr(again["y"].op.first) == repr(setting)  # the sign of a zero, too


def test_a_setting_that_is_an_array_or_not_a_number(through):
    again = through(Settings(np.eye(2, dtype=np.float32), float("nan"))(gn.input("x"), name="y"), ops=[Settings])
    np.testing.assert_array_equal(again["y"].op.first, np.eye(2, dtype=np.float32), strict=True)
    assert np.isnan(again["y"].op.second)


@dataclass(frozen=True)
class Mask(gn.Op):
    """An op that reads its setting when it is made, and when its shape is asked for."""

    chosen: Any

    def __post_init__(self):
        assert self.chosen.any()

    def forward(self, z):
        return z[: int(np.count_nonzero(self.chosen))]


def test_a_large_array_is_a_setting_only_when_it_is_whole(through):
    chosen = np.zeros(1_000_000)
    chosen[-5:] = 1
    for _ in range(5):
        again = through(Mask(chosen)(gn.input("x", shape=(9,)), name="y"), ops=[Mask])
        assert again["y"].shape == (5,)


@pytest.mark.parametrize(
    "setting", [np.tanh, {1: 2}, object, 1j, {"a": {3}}, "x".join, np.ma.array([1.0], mask=[True])]
)
def test_a_setting_that_can_not_be_written(path, refused, setting):
    with refused(SaveError, "the setting 'first' of op settings", "which can't be saved", "Numbers, strings"):
        gn.save(path, Settings(setting)(gn.input("x")))
    assert not path.exists()


@pytest.mark.parametrize(
    "array", [np.array(["a"]), np.array([None]), np.zeros(2, "f8,i4"), np.array(["2020"], "M8[s]")]
)
def test_an_array_that_is_no_numbers(path, refused, array):
    with refused(SaveError, f"the setting 'first' of op settings has dtype {array.dtype}", ".astype(float)"):
        gn.save(path, Settings(array)(gn.input("x")))


def test_a_custom_op_is_passed_and_never_looked_up(path, refused):
    gn.save(path, dialect.swish(gn.input("x"), name="y"))
    with refused(LoadError, repr(str(path)), "node 1 'y': unknown op 'swish'", "Pass a custom op as ops=[...]."):
        gn.load(path)
    for ops in ([dialect.swish], dialect.swish, dialect.swish.op, (dialect.swish,)):
        assert gn.load(path, ops=ops)["y"].op == dialect.swish.op


def test_a_custom_op_of_a_built_in_name_is_never_mistaken(path, refused):
    @gn.op
    def tanh(z):
        return z * 2.0

    gn.save(path, tanh(gn.input("x"), name="y"))
    with refused(LoadError, "node 1 'y': unknown op 'tanh'"):
        gn.load(path)
    assert gn.forward(gn.load(path, ops=[tanh]), {"x": 1.5})["y"] == 3.0


def test_a_custom_op_and_a_built_in_one_of_the_same_name(path):
    @gn.op
    def tanh(z):
        return z * 2.0

    gn.save(path, [tanh(gn.tanh(gn.input("x")), name="twice"), gn.tanh(gn.constant(0.5), name="once")])
    fwd = gn.forward(gn.load(path, ops=[tanh]), {"x": 1.5})
    assert fwd["twice"] == 2 * np.tanh(1.5)
    assert fwd["once"] == np.tanh(0.5)


@pytest.mark.parametrize("given", [Settings, Settings("other"), Settings(3.0)])
def test_the_settings_are_the_files_whatever_op_is_passed(through, given):
    assert through(Settings(3.0)(gn.input("x"), name="y"), ops=[given])["y"].op == Settings(3.0)


def test_two_ops_of_one_name_are_refused_and_one_given_twice_is_not(through, path, refused):
    @gn.op
    def swish(z):
        return z

    y = dialect.swish(gn.input("x"), name="y")
    assert through(y, ops=[dialect.swish, dialect.swish.op])["y"].op == dialect.swish.op
    with refused(gn.errors.GraphError, "two of the ops given are called 'swish'", "Rename one of them."):
        gn.load(path, ops=[swish, dialect.swish])


def test_an_op_whose_shape_is_another_than_when_it_was_saved(path, refused):
    @gn.op
    def fold(z):
        return gn.sum(z, axis=0)

    gn.save(path, fold(gn.input("x", shape=(3, 2)), name="y"))

    @gn.op
    def fold(z):
        return gn.sum(z, axis=1)

    with refused(LoadError, "node 1 'y': op fold gives shape (3,) where the description says (2,)"):
        gn.load(path, ops=[fold])


# Parameters alone -----------------------------------------------------------------------------------------------------


@pytest.fixture
def layer():
    def build(seed, **others):
        rng = np.random.default_rng(seed)
        parameters = {"W": rng.normal(size=(3, 2)), "b": rng.normal(size=2).astype(np.float32)} | others
        return gn.Graph(*[gn.parameter(name, value) for name, value in parameters.items()])

    return build


@pytest.mark.parametrize("save", [gn.save, gn.save_parameters])
def test_parameters_come_back_by_name_into_the_same_arrays(path, layer, save):
    save(path, layer(1))
    other = layer(2)
    buffers = [parameter.value for parameter in other.parameters]
    gn.load_parameters(path, other)
    assert fingerprint(other) == fingerprint(layer(1))
    assert all(parameter.value is buffer for parameter, buffer in zip(other.parameters, buffers, strict=True))


def test_parameters_of_an_op_that_can_not_be_saved(path):
    y = Settings(np.tanh)(gn.parameter("w", [1.0, 2.0]))
    gn.save_parameters(path, y)
    gn.Graph(y)["w"].value = [0.0, 0.0]
    gn.load_parameters(path, y)
    np.testing.assert_array_equal(gn.Graph(y)["w"].value, [1.0, 2.0])


@pytest.mark.parametrize(
    ("others", "problem"),
    [
        ({"V": [1.0]}, "its parameters are not the graph's: the file lacks 'V'"),
        ({"W": np.zeros((2, 3))}, "parameter 'W' is float64 of shape (3, 2), in the graph float64 of shape (2, 3)"),
        ({"b": np.zeros(2)}, "parameter 'b' is float32 of shape (2,), in the graph float64 of shape (2,)"),
    ],
)
def test_parameters_that_do_not_fit_change_nothing(path, layer, refused, others, problem):
    gn.save_parameters(path, layer(1))
    graph = layer(2, **others)
    before = fingerprint(graph)
    with refused(LoadError, repr(str(path)), problem):
        gn.load_parameters(path, graph)
    assert fingerprint(graph) == before


def test_parameters_the_graph_does_not_have(path, layer, refused):
    gn.save_parameters(path, layer(1))
    with refused(LoadError, "its parameters are not the graph's: the graph lacks 'W', 'b'"):
        gn.load_parameters(path, gn.tanh(gn.input("x")))


def test_parameters_alone_are_no_graph(path, layer, refused):
    gn.save_parameters(path, layer(1))
    with refused(LoadError, "it holds parameters without their graph", "gn.load_parameters(path, graph)"):
        gn.load(path)
