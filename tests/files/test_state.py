"""The state of a training, saved with its graph."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

import graphnet as gn
from graphnet.errors import LoadError, SaveError
from graphnet.files.saving import pack, unpack

W = gn.parameter("w", [1.0, 2.0])

numbers = st.one_of(
    st.none(), st.booleans(), st.integers(-(2**128), 2**128), st.floats(), st.text(max_size=8), st.just("\ud800")
)
any_array = arrays.arrays(
    st.sampled_from(["?", "i1", "u8", "<i4", ">i4", "<f2", "<f4", "<f8", ">f8", "<c8", "<c16"]),
    arrays.array_shapes(min_dims=0, max_dims=4, min_side=0, max_side=4),
)
plain = st.recursive(
    st.one_of(numbers, any_array),
    lambda inner: st.one_of(
        st.lists(inner, max_size=4), st.dictionaries(st.text(max_size=5), inner, max_size=4), st.tuples(inner, inner)
    ),
    max_leaves=12,
)


def assert_same(first, second):
    """Equal in types, order and bits; an array comes back in this machine's byte order."""
    assert type(first) is type(second)
    if isinstance(first, np.ndarray):
        native = first.astype(first.dtype.newbyteorder("="))
        assert (native.dtype, native.shape, native.tobytes()) == (second.dtype, second.shape, second.tobytes())
    elif isinstance(first, dict):
        assert list(first) == list(second)
        for key in first:
            assert_same(first[key], second[key])
    elif isinstance(first, (list, tuple)):
        assert len(first) == len(second)
        for one, other in zip(first, second, strict=True):
            assert_same(one, other)
    else:
        assert repr(first) == repr(second)


@settings(max_examples=60)
@given(state=st.dictionaries(st.text(max_size=5), plain, max_size=4))
def test_any_plain_state_comes_back(tmp_path_factory, state):
    path = tmp_path_factory.mktemp("state") / "net.gn"
    gn.save(path, W, state=state)
    assert_same(state, gn.load_state(path))


@pytest.mark.parametrize("kind", [np.random.PCG64, np.random.MT19937, np.random.Philox, np.random.SFC64])
def test_a_random_generator_goes_on_where_it_was(path, kind):
    rng = np.random.Generator(kind(5))
    rng.integers(10, size=7)
    gn.save_parameters(path, W, state={"rng": rng.bit_generator.state})
    other = np.random.Generator(kind())
    other.bit_generator.state = gn.load_state(path)["rng"]
    np.testing.assert_array_equal(rng.random(9), other.random(9))


def test_memory_maps_views_and_other_orders_are_saved_as_arrays(path, tmp_path):
    base = np.arange(24.0).reshape(4, 6)
    np.save(tmp_path / "base.npy", base)
    state = {"mapped": np.load(tmp_path / "base.npy", mmap_mode="r"), "view": base[::-2, 1:4], "turned": base.T}
    gn.save(path, W, state=state)
    loaded = gn.load_state(path)
    for name, array in state.items():
        np.testing.assert_array_equal(loaded[name], np.array(array), strict=True)
        assert loaded[name].flags.c_contiguous


def test_a_state_does_not_disturb_the_graph(path):
    gn.save(path, W, state={"w": np.zeros(2)})
    np.testing.assert_array_equal(gn.load(path)["w"].value, [1.0, 2.0])


@pytest.mark.parametrize("options", [{}, {"state": None}])
def test_no_state(path, refused, options):
    gn.save(path, W, **options)
    with refused(LoadError, repr(str(path)), "it holds no state", "gn.save(path, E, state=...)"):
        gn.load_state(path)


def test_an_empty_state_is_a_state(path):
    gn.save(path, W, state={})
    assert gn.load_state(path) == {}


ITSELF = {}
ITSELF["again"] = ITSELF


@pytest.mark.parametrize(
    ("state", "problem"),
    [
        ([1, 2], "state is [1, 2], expected a dict"),
        ({1: 2}, "state is {1: 2}, of type dict, which can't be saved"),
        ({"a": [0, {"b": object}]}, "state['a'][1]['b'] is <class 'object'>, of type type, which can't be saved"),
        ({"a": np.array([{}])}, "state['a'] has dtype object, which can't be saved"),
        ({"a": 10**5000}, "state['a'] is a whole number of 16,610 bits, and a file holds 8,192"),
        (ITSELF, "is nested more than 50 levels deep"),
        ({"rng": np.random.default_rng(0)}, "state['rng'] is Generator(PCG64)"),
    ],
)
def test_a_state_that_can_not_be_written(path, refused, state, problem):
    path.write_bytes(b"as it was")
    with refused(SaveError, problem):
        gn.save(path, W, state=state)
    assert path.read_bytes() == b"as it was"


def test_fifty_levels_are_not_too_deep(path):
    state = deepest = {}
    for _ in range(24):
        deepest["a"] = ({},)
        deepest = deepest["a"][0]
    gn.save(path, W, state=state)
    assert gn.load_state(path) == state


@pytest.mark.parametrize(
    ("kind", "in_json"),
    [
        (lambda inner: [inner], lambda inner: [inner]),
        (lambda inner: (inner,), lambda inner: {"tuple": [inner]}),
        (lambda inner: {"a": inner}, lambda inner: {"dict": {"a": inner}}),
        (lambda inner: slice(inner, None, None), lambda inner: {"slice": [inner, None, None]}),
    ],
    ids=["list", "tuple", "dict", "slice"],
)
def test_values_nested_fifty_deep_come_back_and_deeper_ones_are_refused(kind, in_json):
    value = ()
    for _ in range(50):
        value = kind(value)
    assert unpack(pack(value, [], "it"), None) == value
    with pytest.raises(SaveError, match="nested more than 50 levels"):
        pack(kind(value), [], "it")
    written = None
    for _ in range(110):
        written = in_json(written)
    with pytest.raises(ValueError, match="nested more than 50 levels"):
        unpack(written, None)


@pytest.mark.parametrize("strange", [{"tuple": "x" * 10**4}, {"ellipsis": None, "more": "x" * 10**4}])
def test_what_is_no_value_is_said_in_few_words(strange):
    with pytest.raises(ValueError, match="there is no such value") as caught:
        unpack(strange, None)
    assert len(str(caught.value)) <= 200


@pytest.mark.parametrize("optimizer", [gn.Adam, gn.Momentum, gn.RMSProp, gn.AdamW], ids=lambda kind: kind.__name__)
def test_training_goes_on_from_a_file_as_if_it_had_never_stopped(path, optimizer):
    def network():
        x, t = gn.input("x", shape=(None, 3)), gn.input("t", shape=(None, 2))
        return gn.sse(gn.layers.dense(x, 2, rng=np.random.default_rng(1), name="out"), t, name="E")

    data = np.random.default_rng(0)
    options = {"feeds": {"x": data.normal(size=(20, 3)), "t": data.normal(size=(20, 2))}, "batch_size": 6}
    whole, rng = gn.Graph(network()), np.random.default_rng(7)
    gn.fit(whole, optimizer=optimizer(0.01), rng=rng, epochs=5, **options)

    half, rng, first = gn.Graph(network()), np.random.default_rng(7), optimizer(0.01)
    gn.fit(half, optimizer=first, rng=rng, epochs=2, **options)
    gn.save(path, half, state={"optimizer": first.state, "rng": rng.bit_generator.state})

    resumed, state, second, rng = gn.load(path), gn.load_state(path), optimizer(0.01), np.random.default_rng()
    second.restore(state["optimizer"])
    rng.bit_generator.state = state["rng"]
    gn.fit(resumed, optimizer=second, rng=rng, epochs=3, **options)
    for mine, other in zip(whole.parameters, resumed.parameters, strict=True):
        assert mine.value.tobytes() == other.value.tobytes()
