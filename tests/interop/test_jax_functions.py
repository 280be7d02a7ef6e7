"""Functions of JAX as graphs: values and gradients are JAX's own."""

import inspect

import numpy as np
import pytest

import graphnet as gn
from graphnet.errors import GraphError, OpaqueError, ShapeError

jax = pytest.importorskip("jax")
jnp, lax = jax.numpy, jax.lax
pytestmark = pytest.mark.interop


def rand(*shape):
    return np.random.default_rng([5, *shape]).normal(size=shape)


def weight(shape):
    return np.cos(np.arange(np.prod(shape, dtype=int), dtype=float)).reshape(shape)


def agree(function, *arrays, **how):
    """Values of all outputs, and the gradients of a weighted sum of them for every leaf, are those of JAX."""
    graph = gn.from_jax(function, *arrays, **how)
    names = list(inspect.signature(function).parameters)
    with jax.enable_x64(True):
        paths, tree = jax.tree_util.tree_flatten_with_path(arrays)
        leaves = {
            "/".join([names[first.idx], *(jax.tree_util.keystr((key,), simple=True) for key in rest)]): jnp.asarray(
                leaf
            )
            for (first, *rest), leaf in paths
        }

        def weighted(reals):
            made = jax.tree_util.tree_leaves(function(*tree.unflatten((leaves | reals).values())))
            return sum(jnp.sum(z * weight(z.shape)) for z in made if z.dtype.kind == "f"), made

        reals = {name: leaf for name, leaf in leaves.items() if leaf.dtype.kind == "f"}
        slopes, expected = jax.jit(jax.grad(weighted, has_aux=True))(reals)
    feeds = {leaf: np.asarray(leaves[leaf.name]) for leaf in graph.inputs}
    passed = gn.forward(graph, feeds)
    for node, value in zip(graph.outputs, expected, strict=True):
        np.testing.assert_allclose(passed[node], value, rtol=1e-12, atol=1e-12)
    made = [z for z, value in zip(graph.outputs, expected, strict=True) if value.dtype.kind == "f"]
    bwd = gn.backward(sum(np.sum(z * weight(z.shape)) for z in made), feeds)
    found = {leaf.name: leaf for leaf in (*graph.parameters, *graph.inputs)}
    assert found.keys() <= leaves.keys()
    for name, slope in slopes.items():
        got = bwd.error_signal(found[name]) if name in found else np.zeros(slope.shape)
        np.testing.assert_allclose(got, slope, rtol=1e-12, atol=1e-12, err_msg=name)
    return graph


def mlp(params, x, labels):
    h = x
    for layer in params[:-1]:
        h = jax.nn.relu(h @ layer["w"] + layer["b"])
    z = h @ params[-1]["w"] + params[-1]["b"]
    z = z - jnp.max(z, axis=1, keepdims=True)
    log_p = z - jnp.log(jnp.sum(jnp.exp(z), axis=1, keepdims=True))
    return -jnp.mean(log_p[jnp.arange(4), labels])


def layer_norm(params, x):
    z = (x - x.mean(-1, keepdims=True)) / jnp.sqrt(x.var(-1, keepdims=True) + 1e-5)
    return x + jax.nn.gelu(z * params["g"] + params["b"]) @ params["w"] + jax.nn.gelu(x, approximate=False)


def attention(params, x):
    q, k, v = (jnp.einsum("btd,dhe->bhte", x, params[name]) for name in "qkv")
    scores = jnp.einsum("bhte,bhse->bhts", q, k) / jnp.sqrt(q.shape[-1])
    scores = jnp.where(jnp.tril(jnp.ones((3, 3), bool)), scores, -1e9)
    return x + jnp.einsum("bhts,bhse,hed->btd", jax.nn.softmax(scores), v, params["o"])


def cnn(params, x, labels):
    h = lax.conv_general_dilated(x, params["k"], (1, 1), "SAME")
    h = lax.reduce_window(jnp.tanh(h), -jnp.inf, lax.max, (1, 1, 2, 2), (1, 1, 2, 2), "VALID")
    h = lax.conv_general_dilated(h, params["l"], (2, 2), "SAME", feature_group_count=2)
    h = lax.reduce_window(jax.nn.silu(h), 0.0, lax.add, (1, 1, 2, 2), (1, 1, 1, 1), "VALID") / 4
    z = h.reshape(h.shape[0], -1) @ params["w"]
    return -jnp.sum(jax.nn.one_hot(labels, 3) * jax.nn.log_softmax(z))


def rnn(params, x):
    def step(h, row):
        h = jnp.tanh(row @ params["w"] + h @ params["u"] + params["b"])
        return h, h

    last, every = lax.scan(step, jnp.zeros((2, 4)), jnp.swapaxes(x, 0, 1))
    back, _ = lax.scan(step, last, every @ params["u"] @ params["w"].T, reverse=True)
    return last @ params["u"], every, back


def pinn(params, t):
    """The residual of u'' + t u' = 0, of a network u: derivatives within what is differentiated."""

    def u(t):
        return jnp.sum(params["v"] * jnp.tanh(t * params["w"] + params["b"]))

    return jnp.mean((jax.vmap(jax.grad(jax.grad(u)))(t) + t * jax.vmap(jax.grad(u))(t)) ** 2)


NETWORKS = {
    "mlp": (mlp, [{"w": rand(3, 5), "b": rand(5)}, {"w": rand(5, 3), "b": rand(3)}], rand(4, 3), [0, 2, -1, 2]),
    "layer norm": (layer_norm, {"g": rand(4), "b": rand(4), "w": rand(4, 4)}, rand(3, 4)),
    "attention": (
        attention,
        {**{n: rand(4, 2, 3) + i for i, n in enumerate("qkv")}, "o": rand(2, 3, 4)},
        rand(2, 3, 4),
    ),
    "cnn": (cnn, {"k": rand(2, 1, 3, 3), "l": rand(4, 1, 3, 3), "w": rand(4, 3)}, rand(2, 1, 8, 8), [1, 2]),
    "pinn": (pinn, {"w": rand(4), "b": rand(4), "v": rand(4)}, rand(5)),
    "rnn": (rnn, {"w": rand(3, 4), "u": rand(4, 4), "b": rand(4)}, rand(2, 5, 3)),
}


@pytest.mark.parametrize("name", NETWORKS)
def test_networks(name):
    function, params, *rest = NETWORKS[name]
    graph = agree(function, params, *(np.asarray(each) for each in rest))
    feeds = dict(zip(list(inspect.signature(function).parameters)[1:], map(np.asarray, rest), strict=True))
    assert gn.check_gradients(sum(np.sum(z**2) for z in graph.outputs), feeds).ok
    assert len(graph.parameters) == len(jax.tree_util.tree_leaves(params))


ONE = {
    name: getattr(jnp, name)
    for name in ("abs", "exp", "exp2", "expm1", "tanh", "sin", "cos", "tan", "arctan", "sinh", "cosh", "square", "cbrt")
} | {
    "logs": lambda x: jnp.log(jnp.abs(x)) + jnp.log1p(x**2),
    "steps": lambda x: x * (jnp.sign(x) + jnp.floor(3 * x) - jnp.ceil(5 * x) * jnp.round(2 * x)),
    "arcs": lambda x: jnp.arcsin(x / 9) + jnp.arccos(x / 9) + jnp.arctan2(x, 2.0) + jnp.arcsinh(x) + jnp.arctanh(x / 9),
    "roots": lambda x: jnp.sqrt(x**2 + 1) + lax.rsqrt(x**4 + 2) + x**-3 + jnp.power(jnp.abs(x), 1.5) + x % 2.0,
    "sigmoids": lambda x: jax.nn.sigmoid(x) + jax.nn.softplus(x) + jax.nn.elu(x) + jax.nn.leaky_relu(x) + jax.nn.selu(x),
    "bounds": lambda x: jnp.clip(x, -0.5, 0.5) + jnp.maximum(x, 0.1) * jnp.minimum(x, 0.3) + lax.erf(x),
    "logic": lambda x: jnp.where((x > 0) & ~(x >= 1) | (x < -1) ^ (x == 2), x, 2 * x) * jnp.isfinite(x) * (x != 0),
    "held": lambda x: x * lax.stop_gradient(x) + jnp.exp(x - lax.stop_gradient(x.max())),
    "kinds": lambda x: x * (x > 0).astype(float) + x.astype(int) * x + jnp.argmax(x, 1)[:, None] + jnp.argmin(x),
    "reductions": lambda x: (x.sum(0), x.max(1), x.min(), x.prod((0, 1)), x.std(1), (x > 0).all(0), (x > 0).any()),
    "cumulated": lambda x: jnp.sort(x, 0) + jnp.cumprod(x, 0) - jnp.cumsum(x, 1) * lax.cumsum(x, 0, reverse=True),
    "logsumexp": lambda x: (jax.nn.logsumexp(x, axis=1), jax.nn.logsumexp(x, axis=(0, 1)), jnp.logaddexp(x, 1.0)),
    "shapes": lambda x: jnp.concatenate([x.T.reshape(2, 6), x[None, :2].reshape(2, 4)], 1) @ jnp.ones((10,)),
    "arranged": lambda x: (jnp.flip(x, 1), jnp.pad(x, ((1, 0), (2, 1))), jnp.roll(x, 1, 0), jnp.tile(x, (2, 1))),
    "joined": lambda x: (jnp.stack([x, 2 * x], 1), jnp.split(x, 2, 1)[1], x.squeeze(), x[:, None, ::2], x[1:, -1]),
    "products": lambda x: (x @ x.T, x.T @ x, x[0] @ x[1], jnp.outer(x[0], x[1]), jnp.einsum("ij,kj,ij->ki", x, x, x)),
    "indexed": lambda x: (x[np.array([[2, 0], [1, 1]])], x[np.array([0, 2]), np.array([1, -1])], x[:, np.array([1, 1])]),
    "sliced": lambda x: lax.dynamic_slice(x, (1, 9), (2, 2)) + lax.dynamic_slice_in_dim(x, 1, 2)[:, :2],
    "named": lambda x: jax.nn.relu6(4 * x) + jax.scipy.special.logit(jax.nn.softmax(x)) + jnp.linalg.det(x[:, :3]),
    "chosen": lambda x: jnp.select([x > 1, x > 0], [x, 2 * x], 3 * x) + lax.cond(True, jnp.sin, jnp.cos, x) + lax.round(x),
    "compiled": lambda x: jax.jit(jax.checkpoint(lambda z: jnp.sin(z) * z))(x),
}  # fmt: skip


@pytest.mark.parametrize("name", ONE)
def test_functions_of_one_array(name):
    agree(ONE[name], rand(3, 4))


PICKED = {
    "rows": lambda x, i: x[i],
    "columns": lambda x, i: x[:, i],
    "entries": lambda x, i: x[i, i + 1],
    "labels": lambda x, i: jnp.take_along_axis(x, i[:, None], axis=1),
    "one": lambda x, i: x[i[0]] + x[:, i[1]] @ x,
    "clipped": lambda x, i: jnp.take(x, i + 2, axis=1, mode="clip"),
    "between": lambda x, i: x[None, :, i, None],
    "one of each": lambda x, i: jax.vmap(lambda row, j: row[j] * row)(x, i),
    "sized": lambda x, i: lax.dynamic_slice(x, (i[1], i[0]), (1, 1)),
}


@pytest.mark.parametrize("name", PICKED)
def test_picking_by_positions_that_are_fed(name):
    agree(PICKED[name], rand(3, 4), np.array([2, -3, 1]) if name in ("rows", "columns") else np.array([2, 0, 1]))


def test_pictures_have_few_nodes_for_an_embedding_or_labels():
    graph = gn.from_jax(lambda params, i: params["W"][i].sum(), {"W": rand(5, 2)}, np.array([1, -1]))
    assert [node.op.name for node in graph.nodes if node.op] == ["positions", "take", "sum"]
    graph = gn.from_jax(lambda z, i: z[jnp.arange(3), i], rand(3, 4), np.array([1, -1, 0]))
    assert [node.op.name for node in graph.nodes if node.op] == ["positions", "pick"]


@pytest.mark.parametrize("pick", [lambda x, i: x[i], lambda x, i: x[0, i], lambda x, i: x[i, i], lambda x, i: x[i, 3]])
def test_positions_out_of_range_are_refused(pick):
    graph = gn.from_jax(pick, rand(3, 4), np.array([0, 1]))
    with pytest.raises(ShapeError, match="positions"):
        gn.forward(graph, {"x": rand(3, 4), "i": np.array([1, 4])})


def test_images_with_channels_last():
    def function(x, k):
        z = lax.conv_general_dilated(x, k, (1, 2), ((0, 1), (1, 1)), dimension_numbers=("NHWC", "HWIO", "NHWC"))
        return lax.reduce_window(z, -jnp.inf, lax.max, (1, 2, 2, 1), (1, 1, 1, 1), "VALID")

    agree(function, rand(2, 5, 6, 2), rand(2, 3, 2, 4))
    same = ((1, 2, 2, 1), "SAME")
    agree(lambda x: lax.reduce_window(x, -jnp.inf, lax.max, (1, 3, 3, 1), *same), rand(2, 6, 6, 2))
    agree(lambda x: lax.reduce_window(x, 0.0, lax.add, (1, 3, 3, 1), *same), rand(2, 6, 5, 2))
    sides = [(0, 0), (0, 0), (0, 1), (1, 0)]
    agree(lambda x: lax.reduce_window(x, -jnp.inf, lax.max, (1, 1, 2, 2), (1, 1, 2, 2), sides), rand(2, 3, 5, 7))
    agree(lambda x: lax.reduce_window(x, -jnp.inf, lax.max, (1, 3, 1), (1, 2, 1), "SAME"), rand(2, 9, 3))
    agree(lambda x: lax.reduce_window(x, 0.0, lax.add, (1, 1, 2, 2, 2), (1, 1, 1, 2, 2), "SAME"), rand(2, 3, 4, 5, 4))
    agree(lambda x, k: lax.conv_general_dilated(x, k, (2,), [(1, 1)], rhs_dilation=(2,)), rand(2, 3, 9), rand(4, 3, 2))


@jax.custom_vjp
def doubled(x, y):
    return 2 * x * y


doubled.defvjp(lambda x, y: (2 * x * y, (x, y)), lambda held, d: (3 * d * held[1], 2 * d * held[0]))  # wrong: 3


def test_a_rule_of_your_own_is_kept_and_judged():
    graph = agree(lambda x, y: jnp.sum(doubled(x, y)), rand(3), rand(3) + 2)
    report = gn.check_gradients(graph.outputs[0], {"x": rand(3), "y": rand(3) + 2})
    assert not report.ok
    assert "doubled" in str(report)


def test_what_has_no_counterpart_is_named_or_opaque():
    def unusual(x):
        return lax.cumlogsumexp(x, 0) + jnp.linalg.svd(x)[1] + lax.fori_loop(0, 200, lambda _, z: jnp.sin(z), x)

    with pytest.raises(OpaqueError, match=r"no counterpart here: cumlogsumexp, scan \(of 200 steps\), svd\n"):
        gn.from_jax(unusual, rand(3, 2))
    with pytest.raises(
        OpaqueError, match=r"no counterpart here: xlogy\n"
    ):  # it has a rule of its own at 0, unlike its parts
        gn.from_jax(jax.scipy.special.xlogy, rand(2), rand(2))
    graph = gn.from_jax(unusual, rand(3, 2), unsupported="opaque")
    assert "svd" in gn.draw(graph).to_text()
    agree(lambda x: lax.cumlogsumexp(jnp.sin(x), 0) * jnp.linalg.inv(x @ x.T), rand(3, 3), unsupported="opaque")
    agree(lambda x, i: x.at[i].add(2 * x[0]) + lax.cummax(x), rand(3, 2), np.array([0, 2]), unsupported="opaque")


def test_complex_numbers_on_the_way_are_refused_by_name_and_the_whole_can_be_one_op():
    def energy(x):
        return jnp.sum(jnp.abs(jnp.fft.fft(x)) ** 2)

    for unsupported in ("raise", "opaque"):
        with pytest.raises(OpaqueError, match=r"computes with complex numbers[\s\S]*jax_op"):
            gn.from_jax(energy, rand(4), unsupported=unsupported)
    x = gn.input("x", (4,))
    slope = gn.backward(gn.jax_op(energy)(x), {x: rand(4)}).error_signal(x)
    np.testing.assert_allclose(slope, 2 * 4 * rand(4), rtol=1e-12)  # Parseval: the sum is 4 Σ x²


def test_constants_are_reckoned_by_jax_and_names_are_paths():
    def function(params, batch, scale):
        with jax.named_scope("drop"):
            kept = jax.random.bernoulli(jax.random.key(0), 0.5, (2,))
            return jnp.where(kept, batch[0] * params["deep"][0]["w"], 0.0) * scale, jnp.arange(params["n"])

    with pytest.raises(OpaqueError, match="JAX can't trace function"):
        gn.from_jax(function, {"deep": [{"w": rand(2)}], "n": 3}, [rand(2)], 2.0)
    graph = gn.from_jax(
        lambda p, b, s: (*function({**p, "n": 3}, b, s), p["k"]), {"deep": [{"w": rand(2)}], "k": 3}, [rand(2)], 2.0
    )
    assert [leaf.name for leaf in (*graph.parameters, *graph.inputs)] == ["p/deep/0/w", "b/0", "s"]
    assert {graph.scope(node) for node in graph.nodes if node.op} == {"drop"}
    assert gn.forward(graph, {"b/0": np.ones(2), "s": 1.0})[graph.outputs[2]] == 3


def test_odd_arguments():
    with pytest.raises(GraphError, match="unsupported"):
        gn.from_jax(jnp.sin, 1.0, unsupported="maybe")
    with pytest.raises(GraphError, match="function of JAX"):
        gn.from_jax(3.0, 1.0)
    with pytest.raises(GraphError, match="params/w is 'a'"):
        gn.from_jax(lambda params: params["w"], {"w": "a"})
    for odd in (jax.random.key(0), np.ma.masked_array([1.0, 2.0], [0, 1]), 1j):
        with pytest.raises(GraphError, match="numbers"):
            gn.from_jax(lambda x: x, odd)
    with pytest.raises(OpaqueError, match="branch"):
        gn.from_jax(lambda x: x if x > 0 else -x, 1.0)
