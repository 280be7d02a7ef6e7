"""Graphs as functions of JAX: of every op, and of whole networks, numbers are those of the two passes over NumPy's arrays."""

import itertools
import sys
from dataclasses import dataclass

import numpy as np
import pytest

import graphnet as gn
from graphnet.core.registry import OPS
from graphnet.errors import (
    DtypeError,
    FeedError,
    GraphError,
    MissingExtraError,
    OpaqueError,
    ShapeError,
    UnreachableError,
)
from tests.fuzz.compare import build
from tests.fuzz.grow import random_program
from tests.ops.cases import EVERY, MASK, positive, real
from tests.ops.test_rules import program_of

jax = pytest.importorskip("jax")
jnp = jax.numpy
pytestmark = pytest.mark.interop
rng = np.random.default_rng(3)
QUICKLY = {"xla_backend_optimization_level": 0, "xla_llvm_disable_expensive_passes": True}


@pytest.fixture(autouse=True)
def _in_float64():
    with jax.enable_x64(True):
        yield


def agree(loss, feeds=None, dtype="float64", within=1e-12, **how):
    """The output and the gradient of every parameter are those of `backward`."""
    graph = gn.Graph(loss)
    bwd = gn.backward(graph, feeds or {})
    step = jax.jit(gn.to_jax(graph, dtype=dtype, **how), compiler_options=QUICKLY)
    cast = {graph.label(each): np.asarray(array) for each, array in (feeds or {}).items()}
    found, gradients = step({graph.label(each): each.value for each in graph.parameters}, cast)
    assert {array.dtype for array in (found, *gradients.values())} == {np.dtype(dtype)}
    for name, array in [(loss, found), *((graph[name], array) for name, array in gradients.items())]:
        expected = bwd[name] if name is loss else bwd.error_signals.get(name, np.zeros(array.shape))
        np.testing.assert_allclose(array, expected, rtol=0, atol=within * (1 + np.abs(expected).max(initial=0)))
    return gradients


def weighted(z):
    """Return a scalar that depends on each entry in another way."""
    return gn.sum(z * np.cos(np.arange(z.size, dtype=float)).reshape(z.shape))


def both_orders(loss, parameters):
    """The passes agree on a loss together with one that is made of its gradients."""
    slopes = [slope(loss, each) for each in parameters if depends(loss, each)]
    agree(sum(map(weighted, slopes), start=loss))


def slope(of, by):
    return np.sin(gn.gradients(weighted(of), [by])[0])


def depends(loss, node):
    try:
        return bool(gn.gradients(loss, [node]))
    except UnreachableError:
        return False


# Every op ---------------------------------------------------------------------------------------------------------------

SQUARE, STEEP = rng.normal(size=(3, 3)) + 3 * np.eye(3), rng.uniform(-0.9, 0.9, (2, 3))
PLACES = np.array([[2, 0, 2], [1, 1, 0]])
TRUTH = {
    "greater_equal": (real(2, 3), real(2, 3)), "less_equal": (real(2, 3), real(2, 3)), "not_equal": (real(2, 3), 0.3),
    "logical_or": (real(2, 3), real(2, 3)), "logical_xor": (real(2, 3), real(2, 3)), "logical_not": (real(2, 3),),
    "isfinite": (real(2, 3),), "isinf": (real(2, 3),), "isnan": (real(2, 3),), "signbit": (real(2, 3),),
    "isclose": (real(2, 3), real(2, 3)), "all": (real(2, 3),), "any": (real(2, 3),),
}  # fmt: skip
WHOLE = {name: (real(2, 3),) for name in ("ceil", "floor", "rint", "trunc", "argsort", "batch_size", "count_nonzero")}
FURTHER = {
    **{name: (getattr(gn, name), real(2, 3)) for name in (
        "arcsinh", "arctan", "cbrt", "exp2", "deg2rad", "cumprod", "cumsum", "logsumexp", "median",
        "nan_to_num", "prod", "ptp", "sort", "std", "var", "tril", "triu", "diagonal", "trace",
    )},
    **{name: (getattr(gn, name), STEEP) for name in ("arccos", "arcsin", "arctanh", "tan")},
    **{name: (getattr(gn, name), positive(2, 3)) for name in ("log10", "log2")},
    **{name: (getattr(gn, name), real(2, 3), real(2, 3)) for name in (
        "arctan2", "fmod", "heaviside", "hypot", "logaddexp", "logaddexp2", "remainder", "vdot", "outer", "kron", "cross",
    )},
    **{name: (lambda *z, name=name: np.where(getattr(gn, name)(*z), z[0], 2 * z[0]), *z) for name, z in TRUTH.items()},
    **{name: (lambda *z, name=name: z[0] * getattr(gn, name)(*z), *z) for name, z in WHOLE.items()},
    "floor_divide": (lambda x, y: x * gn.floor_divide(x, y), real(2, 3), real(2, 3)),
    "rad2deg": (lambda z: gn.rad2deg(z / 100), real(2, 3)),
    "round": (lambda z: z * gn.round(z, 1), real(2, 3)),
    "argmax": (lambda z: z * gn.argmax(z, 0), real(2, 3)),
    "accuracy": (lambda z: z * gn.accuracy(z, np.eye(3)[:2]), real(2, 3)),
    "arccosh": (gn.arccosh, 1 + positive(2, 3)),
    "add_along_axis": (lambda z: slope(np.square(gn.take_along_axis(z, PLACES, 1)), z), real(2, 3)),
    "take_along_axis": (lambda z: gn.take_along_axis(z, PLACES, 1), real(2, 3)),
    "mask": (lambda z: z[MASK], real(2, 3)),
    "unmask": (lambda z: slope(np.square(z[MASK]), z), real(2, 3)),
    "pad": (lambda z: np.pad(z, ((1, 0), (0, 2)), constant_values=0.5), real(2, 3)),
    "einsum": (lambda x, y: gn.einsum("ij,kj->ik", x, y), real(2, 3), real(4, 3)),
    "diag": (gn.diag, real(3)),
    "quantile": (lambda z: gn.quantile(z, 0.3, 1), real(2, 3)),
    "percentile": (lambda z: gn.percentile(z, 70), real(2, 3)),
    "cholesky": (lambda A: gn.linalg.cholesky(A @ A.T), SQUARE),
    "det": (gn.linalg.det, SQUARE),
    "inv": (gn.linalg.inv, SQUARE),
    "solve": (gn.linalg.solve, SQUARE, real(3, 2)),
    "log_abs_det": (lambda A: gn.linalg.slogdet(A)[1], SQUARE),
    "sign_of_det": (lambda A: A * gn.linalg.slogdet(A)[0], SQUARE),
    "matrix_power": (lambda A: gn.linalg.matrix_power(A, 3), SQUARE),
    "length": (gn.linalg.norm, real(2, 3)),
}  # fmt: skip


def of_further(name):
    function, *arrays = FURTHER[name]
    parameters = [gn.parameter(f"p{i}", array) for i, array in enumerate(arrays)]
    return weighted(np.tanh(function(*parameters))), parameters


@pytest.mark.parametrize("name", FURTHER)
def test_an_op_gives_what_it_gives_elsewhere_in_both_orders(name):
    both_orders(*of_further(name))


def of_case(case, dtype=np.float64):
    program = program_of(case)
    network = build(program, open_batch=False, dtype=dtype)
    return gn.sum(network.output * program.delta.astype(dtype)), [
        p for p in network.leaves if isinstance(p, gn.Parameter)
    ]


@pytest.mark.parametrize("case", EVERY, ids=str)
def test_an_op_gives_what_it_gives_elsewhere(case):
    agree(of_case(case)[0])


@pytest.mark.parametrize("case", EVERY[1::4], ids=str)
def test_float32_agrees_to_its_own_digits(case):
    agree(of_case(case, np.float32)[0], dtype="float32", within=2e-5)


@pytest.mark.parametrize("case", EVERY[::9], ids=str)
def test_derivatives_of_derivatives_agree(case):
    both_orders(*of_case(case))


def test_every_op_of_the_framework_is_among_them():
    found = set()
    for loss, leaves in (*map(of_further, FURTHER), *map(of_case, EVERY)):
        slopes = [slope for each in leaves if depends(loss, each) for slope in gn.gradients(loss, [each])]
        found |= {node.op.name for node in gn.Graph(loss, *slopes).nodes if node.op is not None}
    assert found >= OPS.keys()


@pytest.mark.parametrize("seed", range(0, 400, 40))
def test_random_networks_agree(seed):
    program = random_program(seed)
    network = build(program, open_batch=True)
    delta = 1.0 if program.delta is None else program.delta
    agree(gn.sum(network.output * np.asarray(delta)), network.feeds)


# Networks, and what JAX does with the function ----------------------------------------------------------------------------


def network(units=(5, 7, 3), dtype=np.float64):
    x, t = gn.input("x", (None, units[0])), gn.input("t", (None, units[-1]))
    a = x
    for i, (n, m) in enumerate(itertools.pairwise(units)):
        a = np.tanh(
            a @ gn.parameter(f"W{i}", rng.normal(size=(n, m)).astype(dtype)) + gn.parameter(f"b{i}", np.zeros(m, dtype))
        )
    return gn.sse(a, t, name="E"), {"x": rng.normal(size=(6, units[0])), "t": rng.normal(size=(6, units[-1]))}


def layers():
    words, labels = gn.input("words", (None, 5), dtype=int), gn.input("labels", (None,), dtype=int)
    h = gn.take(gn.parameter("table", rng.normal(size=(11, 8))), words)
    h = h + gn.attention(*(gn.layer_norm(h) @ gn.parameter(n, rng.normal(size=(8, 8))) for n in "QKV"))
    z = gn.batch_norm(gn.gelu(h.mean(axis=1)) @ gn.parameter("U", rng.normal(size=(8, 4))))
    return gn.cross_entropy(z, gn.one_hot(labels, 4)), {
        "words": rng.integers(11, size=(6, 5)),
        "labels": rng.integers(4, size=6),
    }


def images():
    x, keep = gn.input("x", (None, 2, 8, 7)), gn.input("keep", (None, 3, 4, 3), dtype=bool)
    h = gn.relu(gn.conv2d(x, gn.parameter("K", rng.normal(size=(3, 2, 3, 3))), padding=1))
    h = gn.dropout(gn.max_pool2d(h, 2), keep)
    z = h.reshape(-1, 36) @ gn.parameter("V", rng.normal(size=(36, 2)))
    return gn.mse(gn.sigmoid(z), np.eye(2)[[0, 1, 1]]), {
        "x": rng.normal(size=(3, 2, 8, 7)),
        "keep": rng.random((3, 3, 4, 3)) > 0.5,
    }


def recurrent():
    x, W, U, b = (
        gn.input("x", (None, 4, 3)),
        *(gn.parameter(n, rng.normal(size=s)) for n, s in (("W", (3, 20)), ("U", (5, 20)), ("b", 20))),
    )
    h = c = gn.constant(np.zeros((2, 5)))
    for step in range(4):
        h, c = gn.lstm_cell(x[:, step], h, c, W, U, b)
    return gn.sum(h * c), {"x": rng.normal(size=(2, 4, 3))}


@pytest.mark.parametrize("made", [network, layers, images, recurrent])
def test_networks_of_every_kind_of_layer_agree(made):
    agree(*made())


@gn.op
def swish(z):
    return z / (1 + np.exp(-z))


@swish.backward
def _swish(delta, a, z):
    slope = np.ones_like(z)
    slope *= 1 / (1 + np.exp(-z))
    slope += a * (1 - slope)
    return delta * slope


@gn.op
def smoothed(z):
    kept = np.zeros_like(z)
    kept[1:] = z[:-1] / 2
    kept[z > 0] = 1.0
    return kept + z


@smoothed.backward
def _smoothed(delta, a, z):
    return delta + np.concatenate([delta[1:] / 2, np.zeros_like(delta[:1])])


@dataclass(frozen=True)
class Scale(gn.Op):
    factor: float

    def forward(self, z):
        return np.linalg.norm(z) * self.factor * np.add.reduce(z, axis=0)

    def backward(self, delta, a, z):
        length = np.sqrt(np.sum(z**2))
        return self.factor * (length * np.broadcast_to(delta, z.shape) + z * (delta @ z.sum(axis=0)) / length)


@pytest.mark.parametrize("op", [swish, smoothed, Scale(0.3)])
def test_ops_of_the_user_s_own_are_traced_as_they_are(op):
    agree(weighted(op(gn.parameter("w", real(4, 3)))))


def test_the_function_is_pure_jax_jits_maps_scans_and_differentiates_it():
    loss, feeds = network()
    step = gn.to_jax(loss)
    graph = gn.Graph(loss)
    parameters = {each.name: each.value for each in graph.parameters}
    bwd = gn.backward(loss, feeds)
    slopes = jax.grad(lambda p: step(p, feeds)[0])(parameters)  # JAX's own way back through our forward rules
    for name, slope in slopes.items():
        np.testing.assert_allclose(slope, bwd.gradients[name], atol=1e-12)

    def one(x, t):
        return step(parameters, {"x": x[None], "t": t[None]})[0]

    each = jax.vmap(one)(feeds["x"], feeds["t"])
    np.testing.assert_allclose(each.sum(), bwd["E"], rtol=1e-12)

    def descend(values, _):
        error, gradients = step(values, feeds)
        return {name: values[name] - 0.1 * gradients[name] for name in values}, error

    after, errors = jax.lax.scan(descend, {name: jnp.asarray(value) for name, value in parameters.items()}, length=3)
    history = gn.fit(loss, feeds, optimizer=gn.GradientDescent(0.1), epochs=3)
    np.testing.assert_allclose(errors, history.loss, rtol=1e-12)
    for each in graph.parameters:
        np.testing.assert_allclose(after[each.name], each.value, atol=1e-12)


def test_gradients_are_of_what_was_asked_for_and_zero_where_none_arrives():
    x, w, v = gn.input("x", (2,)), gn.parameter("w", [2.0, 3.0]), gn.parameter("v", [1.0, 1.0])
    loss = gn.sum(x * w * gn.sign(v))
    _, gradients = gn.to_jax(loss, [x, v])({"w": w.value, "v": v.value}, {"x": np.ones(2)})
    assert {name: array.tolist() for name, array in gradients.items()} == {"x": [2.0, 3.0], "v": [0.0, 0.0]}
    value, none = gn.to_jax(x * w, ())({"w": w.value}, {"x": np.ones(2)})
    assert value.tolist() == [2.0, 3.0]
    assert none == {}


# Refused ------------------------------------------------------------------------------------------------------------------


@gn.op
def one_by_one(z):
    out = np.empty(z.shape)
    for i in range(len(z)):
        out[i] = z[i] * 2
    return out


@gn.op
def branching(z):
    return z * 2 if z.sum() > 0 else z * 3


@gn.op
def unknown(z):
    return 2 * np.lib.stride_tricks.sliding_window_view(z, 1, axis=0)[..., 0]


@gn.op
def in_parts(z):
    out = 2 * z
    part = out[0]
    part *= 3  # a view of NumPy's, a copy of JAX's
    return out


@gn.op
def by_python(z):
    return np.vectorize(float)(z) * 2


for each in (one_by_one, branching, unknown, in_parts, by_python):
    each.backward(lambda delta, a, z: 2 * delta)

RULES = {
    "one_by_one": one_by_one,
    "branching": branching,
    "unknown": unknown,
    "in_parts": in_parts,
    "by_python": by_python,
}


@pytest.mark.parametrize("name", RULES)
def test_a_rule_that_cannot_be_traced_is_refused_by_name(name):
    loss = gn.sum(RULES[name](gn.parameter("w", positive(2, 3)), name="mine"))
    with pytest.raises(OpaqueError) as caught:
        gn.to_jax(loss)({"w": positive(2, 3)}, {})
    assert all(part in str(caught.value) for part in ("mine", name, "test_to_jax.py:", "forward rule", "callback"))


@pytest.mark.parametrize("name", RULES)
def test_or_it_is_called_back(name):
    agree(weighted(RULES[name](gn.parameter("w", positive(2, 3)))), opaque="callback")


def test_a_backward_rule_is_refused_by_its_own_name_and_called_back():
    @gn.op
    def twice(z):
        return 2 * z

    @twice.backward
    def _(delta, a, z):
        message = np.empty(z.shape)
        message[...] = 2 * delta
        return message

    loss = weighted(twice(gn.parameter("w", positive(2, 3))))
    with pytest.raises(OpaqueError, match="its backward rule"):
        gn.to_jax(loss)({"w": positive(2, 3)}, {})
    agree(loss, opaque="callback")


def test_positions_that_are_out_of_range_show_themselves():
    z, places = gn.parameter("z", np.ones(3)), gn.input("places", (2,), dtype=int)
    step = gn.to_jax(gn.sum(gn.take(z, places)))
    for wrong in ([0, 3], [-1, 0]):
        assert np.isnan(step({"z": z.value}, {"places": np.array(wrong)})[0])


def test_a_mask_that_is_fed_needs_a_known_number_of_entries():
    mask = gn.input("mask", (2, 3), dtype=bool)
    z = real(2, 3)
    step = gn.to_jax(gn.sum(gn.parameter("z", z)[mask]))
    loss, gradients = step({"z": z}, {"mask": MASK})  # known, since it is not compiled
    np.testing.assert_allclose(loss, z[MASK].sum(), rtol=1e-12)
    assert np.array_equal(gradients["z"], MASK)
    with pytest.raises(OpaqueError, match="must be concrete"):
        jax.jit(step)({"z": z}, {"mask": MASK})


def test_whole_numbers_that_are_known_are_picked_from_at_positions_that_are_fed():
    places = gn.input("places", (2,), dtype=int)
    picked = gn.constant([[3, 4], [5, 6]], dtype=int)[places, places]
    step = jax.jit(gn.to_jax(gn.sum(gn.parameter("z", [1.0, 2.0]) * picked)))
    assert step({"z": np.array([1.0, 2.0])}, {"places": np.array([1, 0])})[0] == 1 * 6 + 2 * 3


def test_what_is_given_must_be_what_the_graph_takes():
    loss, feeds = network()
    step = gn.to_jax(loss)
    parameters = {each.name: each.value for each in gn.Graph(loss).parameters}
    with pytest.raises(FeedError, match="'W0', 'b0'"):
        step({}, feeds)
    with pytest.raises(FeedError, match="'x'"):
        step(parameters, {gn.Graph(loss)["x"]: feeds["x"]})
    with pytest.raises(ShapeError, match="'W0'"):
        step(parameters | {"W0": np.ones((2, 2))}, feeds)
    with jax.enable_x64(False), pytest.raises(DtypeError, match="float64"):
        step(parameters, feeds)


def test_a_target_or_a_setting_that_fits_nothing_is_refused():
    x, w = gn.input("x", (2,)), gn.parameter("w", [1.0, 2.0])
    a = x * w
    with pytest.raises(ShapeError):
        gn.to_jax(a)
    with pytest.raises(UnreachableError):
        gn.to_jax(gn.sum(a), [a])
    with pytest.raises(GraphError):
        gn.to_jax([gn.sum(a), gn.sum(w)])
    with pytest.raises(GraphError, match="callback"):
        gn.to_jax(gn.sum(a), opaque="maybe")
    with pytest.raises(DtypeError):
        gn.to_jax(gn.sum(a), dtype="float16")


def test_without_jax_the_error_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "jax", None)
    monkeypatch.delitem(sys.modules, "graphnet.interop.jax_graphs", raising=False)
    with pytest.raises(MissingExtraError, match="pip install jax"):
        gn.to_jax(gn.sum(gn.parameter("w", [1.0])))
