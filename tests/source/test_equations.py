"""The equations of error backpropagation, each computed three ways.

By hand: the sums and products that the equation states, with explicit loops over units and samples. By the graph: the
error signals of a backward pass. By finite differences: E computed again with one number moved a little up and down.

Layers run i → j → k; rows are samples. With several samples E is the sum over all of them, so the gradient of a weight
is the sum over the samples of what the equation says for one.
"""

from dataclasses import dataclass
from itertools import pairwise

import networkx as nx
import numpy as np
import pytest

import graphnet as gn

# The activation functions, as the activation post defines them: g, and g′ as a function of z alone --------------------

G = {
    "identity": (gn.identity, lambda z: z, lambda z: np.ones_like(z)),
    "sigmoid": (gn.sigmoid, lambda z: 1 / (1 + np.exp(-z)), lambda z: np.exp(-z) / (1 + np.exp(-z)) ** 2),
    "tanh": (gn.tanh, lambda z: np.sinh(z) / np.cosh(z), lambda z: 1 / np.cosh(z) ** 2),
}
SIZES = [(2, 3, 1), (3, 4, 2)]
SAMPLES = 5


@dataclass
class Network:
    """An i-j-k network as a graph, with its numbers at hand."""

    sizes: tuple[int, int, int]
    hidden: str
    output: str

    def __post_init__(self):
        rng = np.random.default_rng([*self.sizes, len(self.hidden), len(self.output)])
        n_i, n_j, n_k = self.sizes
        self.I, self.J, self.K, self.N = range(n_i), range(n_j), range(n_k), range(SAMPLES)
        self.X, self.T = away_from_zero(rng, (SAMPLES, n_i)), away_from_zero(rng, (SAMPLES, n_k))
        self.wij, self.bj = away_from_zero(rng, (n_i, n_j)), away_from_zero(rng, (n_j,))
        self.wjk, self.bk = away_from_zero(rng, (n_j, n_k)), away_from_zero(rng, (n_k,))
        _, self.g_j, self.dg_j = G[self.hidden]
        _, self.g_k, self.dg_k = G[self.output]
        # the same network as a graph of nodes
        x, t = gn.input("x", shape=(None, n_i)), gn.input("t", shape=(None, n_k))
        W1, b1 = gn.parameter("wij", self.wij), gn.parameter("bj", self.bj)
        W2, b2 = gn.parameter("wjk", self.wjk), gn.parameter("bk", self.bk)
        zj = gn.bias_add(gn.matmul(x, W1), b1, name="zj")
        aj = G[self.hidden][0](zj, name="aj")
        zk = gn.bias_add(gn.matmul(aj, W2), b2, name="zk")
        ak = G[self.output][0](zk, name="ak")
        self.E = gn.sse(ak, t, name="E")
        self.graph = gn.Graph(self.E)
        self.bwd = gn.backward(self.E, {x: self.X, t: self.T})
        # the forward pass by hand
        self.zj, self.aj, self.zk, self.ak = self.signals(self.wij, self.bj, self.wjk, self.bk)

    def signals(self, wij, bj, wjk, bk):
        """z_j = b_j + Σ_i a_i w_ij, a_j = g_j(z_j), and the same for k over j: sample by sample, unit by unit."""
        zj = np.array([[bj[j] + sum(self.X[n, i] * wij[i, j] for i in self.I) for j in self.J] for n in self.N])
        aj = self.g_j(zj)
        zk = np.array([[bk[k] + sum(aj[n, j] * wjk[j, k] for j in self.J) for k in self.K] for n in self.N])
        return zj, aj, zk, self.g_k(zk)

    def error(self, **moved):
        """E as a function of the parameters."""
        values = {"wij": self.wij, "bj": self.bj, "wjk": self.wjk, "bk": self.bk} | moved
        ak = self.signals(**values)[-1]
        return 0.5 * sum((ak[n, k] - self.T[n, k]) ** 2 for n in self.N for k in self.K)

    def slope(self, name):
        """∂E/∂(parameter), each entry by a central difference."""
        return finite_difference(lambda value: self.error(**{name: value}), getattr(self, name))

    def delta_k(self, n, k):
        """δ_k = (a_k − t_k) g′_k(z_k), of sample n."""
        return (self.ak[n, k] - self.T[n, k]) * self.dg_k(self.zk)[n, k]

    def delta_j(self, n, j):
        """δ_j = g′_j(z_j) Σ_k δ_k w_jk, of sample n."""
        return self.dg_j(self.zj)[n, j] * sum(self.delta_k(n, k) * self.wjk[j, k] for k in self.K)


def away_from_zero(rng, shape):
    """Random numbers between ±0.3 and ±1.2: a zero would hide a factor."""
    return rng.choice([-1.0, 1.0], shape) * rng.uniform(0.3, 1.2, shape)


def finite_difference(f, point, h=1e-5):
    """∂f/∂(each entry of point) = (f(p + h) − f(p − h)) / 2h, in the shape of f's value followed by that of point."""
    slopes = []
    for entry in np.ndindex(point.shape):
        step = np.zeros(point.shape)
        step[entry] = h
        slopes.append((np.asarray(f(point + step)) - np.asarray(f(point - step))) / (2 * h))
    return np.moveaxis(np.array(slopes), 0, -1).reshape(*np.shape(slopes[0]), *point.shape)


def by_hand(rows, columns, entry):
    """A matrix from what an equation says of each of its entries."""
    return np.array([[entry(row, column) for column in columns] for row in rows])


def assert_agree(hand, graph, difference):
    np.testing.assert_allclose(graph, hand, rtol=1e-12, atol=1e-14)
    np.testing.assert_allclose(graph, difference, rtol=1e-7, atol=1e-8)


@pytest.fixture(scope="module", params=[(s, h, o) for s in SIZES for h in G for o in G], ids=str)
def net(request):
    return Network(*request.param)


# Forward --------------------------------------------------------------------------------------------------------------


def test_definitions_of_z_and_a(net):
    for name, expected in [("zj", net.zj), ("aj", net.aj), ("zk", net.zk), ("ak", net.ak)]:
        np.testing.assert_allclose(net.bwd[name], expected, rtol=1e-12, atol=1e-14)


def test_eq_01_the_error_is_half_the_sum_of_squares(net):
    half_the_sum = 0.5 * sum((net.ak[n, k] - net.T[n, k]) ** 2 for n in net.N for k in net.K)
    np.testing.assert_allclose(net.bwd["E"], half_the_sum, rtol=1e-12)
    assert_agree(net.ak - net.T, net.bwd.error_signal("ak"), finite_difference(sse_against(net.T), net.ak))


def sse_against(target):
    return lambda a: 0.5 * np.sum((a - target) ** 2)


# The weights into the output layer ------------------------------------------------------------------------------------


def test_eq_02_only_output_k_depends_on_a_weight_into_it(net):
    """∂E/∂w_jk = Σ over ALL outputs m of (a_m − t_m) ∂a_m/∂w_jk; the terms m ≠ k vanish, and (a_k − t_k) is left."""
    slope = finite_difference(lambda wjk: net.signals(net.wij, net.bj, wjk, net.bk)[-1], net.wjk)  # [n, m, j, k]
    others = [slope[:, m, :, k] for m in net.K for k in net.K if m != k]
    assert all(np.all(terms == 0) for terms in others)
    hand = by_hand(net.J, net.K, lambda j, k: sum((net.ak[n, k] - net.T[n, k]) * slope[n, k, j, k] for n in net.N))
    np.testing.assert_allclose(net.bwd.gradient("wjk"), hand, rtol=1e-7, atol=1e-8)


def test_eq_03_chain_rule_through_the_activation(net):
    """∂E/∂w_jk = (a_k − t_k) g′_k(z_k) ∂z_k/∂w_jk."""
    slope = finite_difference(lambda wjk: net.signals(net.wij, net.bj, wjk, net.bk)[-2], net.wjk)
    hand = by_hand(net.J, net.K, lambda j, k: sum(net.delta_k(n, k) * slope[n, k, j, k] for n in net.N))
    np.testing.assert_allclose(net.bwd.gradient("wjk"), hand, rtol=1e-7, atol=1e-8)


@pytest.mark.parametrize("output", G)
def test_eq_02_03_the_other_outputs_do_not_matter(output):
    """Move the targets, weights and biases of all outputs but k: the gradient of the weights into k stays."""
    net = Network((3, 4, 2), "tanh", output)
    other_target, other_weight, other_bias = net.T.copy(), net.wjk.copy(), net.bk.copy()
    other_target[:, 1] += 7.0
    other_weight[:, 1] *= -3.0
    other_bias[1] -= 2.0
    before = net.bwd.gradient("wjk")[:, 0]
    net.graph["wjk"].value, net.graph["bk"].value = other_weight, other_bias
    after = gn.backward(net.E, {"x": net.X, "t": other_target}).gradient("wjk")[:, 0]
    np.testing.assert_allclose(after, before, rtol=1e-15)


def test_eq_04_three_factors(net):
    """∂E/∂w_jk = (a_k − t_k) · g′_k(z_k) · a_j: each factor stands in the graph."""
    hand = by_hand(
        net.J,
        net.K,
        lambda j, k: sum((net.ak[n, k] - net.T[n, k]) * net.dg_k(net.zk)[n, k] * net.aj[n, j] for n in net.N),
    )
    assert_agree(hand, net.bwd.gradient("wjk"), net.slope("wjk"))
    error, slope, signal = net.bwd.error_signal("ak"), net.dg_k(net.bwd["zk"]), net.bwd["aj"]
    np.testing.assert_allclose(net.bwd.gradient("wjk"), signal.T @ (error * slope), rtol=1e-12)


def test_definition_of_delta_k_is_the_error_signal_at_the_pre_activation(net):
    hand = by_hand(net.N, net.K, net.delta_k)
    assert_agree(
        hand, net.bwd.error_signal("zk"), finite_difference(lambda zk: sse_against(net.T)(net.g_k(zk)), net.zk)
    )


def test_eq_05_gradient_of_the_output_weights(net):
    """∂E/∂w_jk = δ_k a_j."""
    hand = by_hand(net.J, net.K, lambda j, k: sum(net.delta_k(n, k) * net.aj[n, j] for n in net.N))
    assert_agree(hand, net.bwd.gradient("wjk"), net.slope("wjk"))


def test_eq_06_gradient_of_the_output_biases(net):
    """∂E/∂b_k = δ_k."""
    hand = np.array([sum(net.delta_k(n, k) for n in net.N) for k in net.K])
    assert_agree(hand, net.bwd.gradient("bk"), net.slope("bk"))


# The weights into the hidden layer ------------------------------------------------------------------------------------


def test_eq_07_the_sum_over_the_outputs_stays(net):
    """∂E/∂w_ij = Σ_k (a_k − t_k) g′_k(z_k) ∂z_k/∂w_ij: every output depends on a hidden weight."""
    slope = finite_difference(lambda wij: net.signals(wij, net.bj, net.wjk, net.bk)[2], net.wij)  # [n, k, i, j]
    hand = by_hand(net.I, net.J, lambda i, j: sum(net.delta_k(n, k) * slope[n, k, i, j] for n in net.N for k in net.K))
    np.testing.assert_allclose(net.bwd.gradient("wij"), hand, rtol=1e-7, atol=1e-8)
    for k in net.K:
        assert np.abs(slope[:, k]).max(axis=0).min() > 1e-3, "a term of the sum is missing"


def test_eq_08_the_output_pre_activation_written_out(net):
    """z_k = b_k + Σ_j g_j(b_j + Σ_i a_i w_ij) w_jk."""

    def z(n, k):
        inner = [net.bj[j] + sum(net.X[n, i] * net.wij[i, j] for i in net.I) for j in net.J]
        return net.bk[k] + sum(net.g_j(inner[j]) * net.wjk[j, k] for j in net.J)

    np.testing.assert_allclose(net.bwd["zk"], by_hand(net.N, net.K, z), rtol=1e-12, atol=1e-14)


def test_eq_09_how_a_hidden_weight_moves_an_output_pre_activation(net):
    """∂z_k/∂w_ij = w_jk g′_j(z_j) a_i, for each output k and sample n alone."""
    differences = finite_difference(lambda wij: net.signals(wij, net.bj, net.wjk, net.bk)[2], net.wij)
    zk, feeds = net.graph["zk"], {"x": net.X}
    for n in net.N:
        for k in net.K:
            only = np.zeros(net.zk.shape)
            only[n, k] = 1.0  # an error signal that starts at this one z_k
            graph = gn.backward(zk, feeds, delta=only).gradient("wij")
            hand = by_hand(net.I, net.J, lambda i, j, n=n, k=k: net.wjk[j, k] * net.dg_j(net.zj)[n, j] * net.X[n, i])
            assert_agree(hand, graph, differences[n, k])


def test_eq_10_gradient_of_the_hidden_weights(net):
    """∂E/∂w_ij = (Σ_k δ_k w_jk) g′_j(z_j) a_i."""

    def of_sample(n, i, j):
        return sum(net.delta_k(n, k) * net.wjk[j, k] for k in net.K) * net.dg_j(net.zj)[n, j] * net.X[n, i]

    hand = by_hand(net.I, net.J, lambda i, j: sum(of_sample(n, i, j) for n in net.N))
    assert_agree(hand, net.bwd.gradient("wij"), net.slope("wij"))


def test_definition_of_delta_j_is_the_error_signal_at_the_pre_activation(net):
    def from_zj(zj):
        return sse_against(net.T)(net.g_k(net.bk + net.g_j(zj) @ net.wjk))

    assert_agree(by_hand(net.N, net.J, net.delta_j), net.bwd.error_signal("zj"), finite_difference(from_zj, net.zj))


def test_eq_11_gradient_of_the_hidden_weights_by_delta_j(net):
    """∂E/∂w_ij = δ_j a_i: the same form as Eq. 5."""
    hand = by_hand(net.I, net.J, lambda i, j: sum(net.delta_j(n, j) * net.X[n, i] for n in net.N))
    assert_agree(hand, net.bwd.gradient("wij"), net.slope("wij"))


def test_eq_12_gradient_of_the_hidden_biases(net):
    """∂E/∂b_j = δ_j: the same form as Eq. 6."""
    hand = np.array([sum(net.delta_j(n, j) for n in net.N) for j in net.J])
    assert_agree(hand, net.bwd.gradient("bj"), net.slope("bj"))


def test_matrix_forms_for_a_batch(net):
    """∂E/∂W = a_prevᵀ δ, ∂E/∂b = Σ_samples δ, δ_prev = (δ Wᵀ) ⊙ g′(z_prev)."""
    delta_k, delta_j = net.bwd.error_signal("zk"), net.bwd.error_signal("zj")
    for graph, matrix_form in [
        (net.bwd.gradient("wjk"), net.aj.T @ delta_k),
        (net.bwd.gradient("wij"), net.X.T @ delta_j),
        (net.bwd.gradient("bk"), delta_k.sum(axis=0)),
        (net.bwd.gradient("bj"), delta_j.sum(axis=0)),
        (delta_j, (delta_k @ net.wjk.T) * net.dg_j(net.zj)),
        (delta_k, (net.ak - net.T) * net.dg_k(net.zk)),
    ]:
        np.testing.assert_allclose(graph, matrix_form, rtol=1e-12, atol=1e-14)


def test_a_batch_is_the_sum_of_its_samples(net):
    alone = [gn.backward(net.E, {"x": net.X[[n]], "t": net.T[[n]]}).gradients for n in net.N]
    for name, together in net.bwd.gradients.items():
        np.testing.assert_allclose(together, sum(gradients[name] for gradients in alone), rtol=1e-12, atol=1e-14)


def test_the_backward_pass_as_a_graph_gives_the_same_gradients(net):
    parameters = net.graph.parameters
    nodes = gn.gradients(net.E, parameters)
    fwd = gn.forward(nodes, {"x": net.X, "t": net.T})
    for parameter, node in zip(parameters, nodes, strict=True):
        np.testing.assert_allclose(fwd[node], net.bwd.gradient(parameter), rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("eta", [0.01, 0.1])
def test_update_moves_each_parameter_against_its_gradient(net, eta):
    """w ← w − η ∂E/∂w, as E sees it: the change of E is −η |∂E/∂w|² to first order, for each parameter."""
    for name, gradient in net.bwd.gradients.items():
        derivative_along_step = finite_difference(
            lambda s, name=name, gradient=gradient: net.error(**{name: getattr(net, name) - s[0] * eta * gradient}),
            np.zeros(1),
        )
        np.testing.assert_allclose(derivative_along_step, -eta * np.sum(gradient**2), rtol=1e-7, atol=1e-9)


# The activation functions ---------------------------------------------------------------------------------------------

ABOUT_ZERO = np.linspace(-5, 5, 41)


@pytest.mark.parametrize("name", G)
def test_activation_derivatives(name):
    """g′ = 1; g′ = g (1 − g); g′ = 1 − g²."""
    build, g, dg = G[name]
    z = gn.input("z", shape=(None,))
    delta = np.linspace(0.5, 2.0, ABOUT_ZERO.size)  # not ones: a rule must multiply by what it is given
    bwd = gn.backward(build(z, name="a"), {z: ABOUT_ZERO}, delta=delta)
    by_output = {"identity": lambda a: np.ones_like(a), "sigmoid": lambda a: a * (1 - a), "tanh": lambda a: 1 - a * a}
    np.testing.assert_allclose(bwd["a"], g(ABOUT_ZERO), rtol=1e-12)
    np.testing.assert_allclose(by_output[name](g(ABOUT_ZERO)), dg(ABOUT_ZERO), rtol=1e-10)
    differences = np.diagonal(finite_difference(g, ABOUT_ZERO))
    assert_agree(delta * by_output[name](bwd["a"]), bwd.error_signal(z), delta * differences)


# The checklist --------------------------------------------------------------------------------------------------------


def test_S01_the_pieces_of_a_network_are_nodes():
    net = Network((2, 3, 1), "tanh", "sigmoid")
    assert [net.graph.label(node) for node in net.graph.inputs] == ["x", "t"]
    assert [net.graph.label(node) for node in net.graph.parameters] == ["wij", "bj", "wjk", "bk"]
    assert [node.kind for node in net.graph.nodes if node.op] == [
        "matmul", "bias_add", "tanh", "matmul", "bias_add", "sigmoid", "sse"
    ]  # fmt: skip


def test_S01_operators_build_the_same_network_as_the_functions():
    x, W, b = gn.input("x", shape=(None, 2)), gn.parameter("W", np.ones((2, 3))), gn.parameter("b", np.ones(3))
    kinds = [[node.kind for node in gn.Graph(z)] for z in (x @ W + b, gn.bias_add(gn.matmul(x, W), b))]
    assert kinds[0] == kinds[1] == ["input", "parameter", "matmul", "parameter", "bias_add"]


@pytest.mark.parametrize(
    ("name", "low", "high"), [("identity", -np.inf, np.inf), ("sigmoid", 0.0, 1.0), ("tanh", -1.0, 1.0)]
)
def test_S02_ranges_of_the_activations(name, low, high):
    a = G[name][0](np.linspace(-15, 15, 1001))
    assert np.all(low < a)
    assert np.all(a < high)
    assert np.all(np.diff(a) > 0)
    ends = G[name][0](np.array([-1e4, 1e4]))  # and the ends are reached without an overflow
    assert list(ends) == ([-1e4, 1e4] if name == "identity" else [low, high])


@pytest.mark.parametrize(
    ("op", "slope_from_output"),
    [
        (gn.ops.Sigmoid(), lambda a: a * (1 - a)),
        (gn.ops.Tanh(), lambda a: 1 - a * a),
        (gn.ops.Softplus(), lambda a: 1 - np.exp(-a)),
        (gn.ops.Relu(), lambda a: (a > 0) * 1.0),
    ],
    ids=lambda value: getattr(value, "name", ""),
)
def test_S03_backward_rules_use_the_cached_output(op, slope_from_output):
    """The rule gives the same without z: all it needs is the output. And it says so."""
    a, delta = np.array([0.2, 0.7]), np.array([2.0, -3.0])
    not_z = np.full(2, np.nan)
    np.testing.assert_allclose(op.backward(delta, a, not_z), delta * slope_from_output(a), rtol=1e-12)
    assert "cached output" in type(op).__doc__


@pytest.mark.parametrize("depth", [0, 1, 2, 5, 30])
def test_S04_S22_the_same_rule_applied_again_and_again(depth):
    """δ_prev = (δ Wᵀ) ⊙ g′(z_prev), then ∂E/∂W = a_prevᵀ δ: at every layer, however deep, each with its own g."""
    rng = np.random.default_rng(depth)
    sizes = [3, *rng.integers(2, 6, depth), 2]
    names = [list(G)[layer % 3] for layer in range(depth)] + ["sigmoid"]
    X, T = away_from_zero(rng, (4, 3)), rng.uniform(0.1, 0.9, (4, 2))
    W = [away_from_zero(rng, shape) for shape in pairwise(sizes)]
    b = [away_from_zero(rng, (size,)) for size in sizes[1:]]

    x, t = gn.input("x", shape=(None, 3)), gn.input("t", shape=(None, 2))
    a = x
    for layer, name in enumerate(names):
        z = a @ gn.parameter(f"W{layer}", W[layer]) + gn.parameter(f"b{layer}", b[layer])
        a = G[name][0](z, name=f"a{layer}")
    bwd = gn.backward(gn.sse(a, t), {x: X, t: T})

    zs, activations = [], [X]
    for layer, name in enumerate(names):
        zs.append(activations[-1] @ W[layer] + b[layer])
        activations.append(G[name][1](zs[-1]))
    delta = (activations[-1] - T) * G[names[-1]][2](zs[-1])
    for layer in reversed(range(depth + 1)):
        np.testing.assert_allclose(bwd.gradient(f"W{layer}"), activations[layer].T @ delta, rtol=1e-9, atol=1e-13)
        np.testing.assert_allclose(bwd.gradient(f"b{layer}"), delta.sum(axis=0), rtol=1e-9, atol=1e-13)
        if layer:
            delta = (delta @ W[layer].T) * G[names[layer - 1]][2](zs[layer - 1])
    np.testing.assert_allclose(bwd.error_signal(x), delta @ W[0].T, rtol=1e-9, atol=1e-13)


def test_S05_the_five_steps_each_alone():
    net = Network((3, 4, 2), "tanh", "sigmoid")
    feeds = {"x": net.X, "t": net.T}
    fwd = gn.forward(net.E, feeds)  # 1. forward
    error = gn.backward(net.E, feeds).error_signal("ak")  # 2. the error at the output
    np.testing.assert_array_equal(error, fwd["ak"] - net.T)
    back = gn.backward(net.graph["ak"], {"x": net.X}, delta=error)  # 3. the error signals, from that error alone
    for node in ("zk", "aj", "zj"):
        np.testing.assert_array_equal(back.error_signal(node), net.bwd.error_signal(node))
    gradients = {name: back.gradient(name) for name in back.gradients}  # 4. the gradients of the parameters
    for name, gradient in gradients.items():
        np.testing.assert_array_equal(gradient, net.bwd.gradient(name))
    for parameter in net.graph.parameters:  # 5. the update
        before = parameter.value.copy()
        parameter.value -= 0.1 * gradients[parameter.name]
        np.testing.assert_array_equal(parameter.value, before - 0.1 * gradients[parameter.name])


def test_S06_the_error_signals_at_z_and_at_a_are_told_apart():
    net = Network((3, 4, 2), "tanh", "sigmoid")
    for a, z, slope in [("ak", "zk", net.dg_k(net.zk)), ("aj", "zj", net.dg_j(net.zj))]:
        np.testing.assert_allclose(net.bwd.error_signal(z), net.bwd.error_signal(a) * slope, rtol=1e-12)
        assert np.abs(net.bwd.error_signal(z) - net.bwd.error_signal(a)).min() > 1e-6
    assert all(net.bwd.error_signal(node).shape == net.bwd[node].shape for node in net.graph)


def test_S07_gradient_descent_with_a_learning_rate_finds_the_least_squares_line():
    rng = np.random.default_rng(7)
    X, T = rng.normal(size=(20, 2)), rng.normal(size=(20, 1))
    x, t = gn.input("x", shape=(None, 2)), gn.input("t", shape=(None, 1))
    W, b = gn.parameter("W", np.ones((2, 1))), gn.parameter("b", np.ones(1))
    E = gn.sse(x @ W + b, t)
    for _ in range(300):
        bwd = gn.backward(E, {x: X, t: T})
        W.value -= 0.05 * bwd.gradient(W)
        b.value -= 0.05 * bwd.gradient(b)
    expected = np.linalg.lstsq(np.column_stack([X, np.ones(20)]), T, rcond=None)[0]
    np.testing.assert_allclose(np.vstack([W.value, b.value]), expected, atol=1e-9)


def test_S08_any_differentiable_activation_and_error_can_be_plugged_in():
    @gn.op
    def bump(z):
        return np.exp(-z * z)

    @bump.backward
    def bump_backward(delta, a, z):
        return delta * -2 * z * a

    @gn.op
    def quartic(a, t):
        return np.sum((a - t) ** 4)

    @quartic.backward
    def quartic_backward(delta, e, a, t):
        return delta * 4 * (a - t) ** 3, None

    rng = np.random.default_rng(8)
    X, T, weights = (away_from_zero(rng, shape) for shape in [(4, 3), (4, 2), (3, 2)])
    x, t, W = gn.input("x", shape=(None, 3)), gn.input("t", shape=(None, 2)), gn.parameter("W", weights)
    bwd = gn.backward(quartic(bump(x @ W), t), {x: X, t: T})
    difference = finite_difference(lambda w: np.sum((np.exp(-((X @ w) ** 2)) - T) ** 4), weights)
    np.testing.assert_allclose(bwd.gradient(W), difference, rtol=1e-7)


def test_S08_an_op_without_a_backward_rule_is_refused_by_name():
    @gn.op
    def staircase(z):
        return z - z % 1

    W = gn.parameter("W", [0.5, 1.5])
    E = gn.sum(staircase(W, name="steps"))
    assert gn.forward(E, {})[E] == 1.0  # forward needs none
    with pytest.raises(gn.errors.NoBackwardRuleError, match="staircase 'steps': op staircase has no backward rule"):
        gn.backward(E, {})


@pytest.mark.parametrize(
    ("apply", "g", "dg"),
    [
        (gn.relu, lambda z: np.maximum(z, 0), lambda z: (z > 0) * 1.0),
        (gn.softplus, lambda z: np.log(1 + np.exp(z)), lambda z: 1 / (1 + np.exp(-z))),
        (
            lambda z, name: gn.polynomial(z, [0.5, -1.0, 2.0, 0.25], name=name),
            lambda z: 0.5 - z + 2 * z**2 + 0.25 * z**3,
            lambda z: -1 + 4 * z + 0.75 * z**2,
        ),
    ],
    ids=["relu", "softplus", "polynomial"],
)
def test_S09_the_other_activations_of_the_posts(apply, g, dg):
    points = ABOUT_ZERO + 0.1  # not at relu's kink
    delta = np.linspace(-2.0, 1.5, points.size)
    z = gn.input("z", shape=(None,))
    bwd = gn.backward(apply(z, name="a"), {z: points}, delta=delta)
    np.testing.assert_allclose(bwd["a"], g(points), rtol=1e-12, atol=1e-15)
    assert_agree(delta * dg(points), bwd.error_signal(z), delta * np.diagonal(finite_difference(g, points)))


@pytest.mark.parametrize("length", [1, 4, 9])
def test_S33_the_gradient_of_the_identity_over_a_vector_is_ones(length):
    z = gn.input("z", shape=(length,))
    total = gn.sum(gn.identity(z))
    bwd = gn.backward(total, {z: np.linspace(-5, 5, length)})
    np.testing.assert_array_equal(bwd.error_signal(z), np.ones(length))


def test_S39_maximum_likelihood_gives_delta_without_the_slope_of_the_activation():
    """Bernoulli −log likelihood: δ = a − t. Half the sum of squares: δ = (a − t) g′."""
    rng = np.random.default_rng(39)
    Z, T = rng.normal(size=(6, 2)), rng.integers(0, 2, (6, 2)).astype(float)
    z, t = gn.input("z", shape=(None, 2)), gn.input("t", shape=(None, 2))
    a = gn.sigmoid(z, name="a")
    likelihood = gn.binary_cross_entropy(z, t, name="E")
    written_out = gn.negative(gn.sum(t * gn.log(a) + (1.0 - t) * gn.log(1.0 - a)), name="E")
    squares = gn.sse(a, t, name="E")
    probability = 1 / (1 + np.exp(-Z))
    slope = probability * (1 - probability)
    for E, delta in [
        (likelihood, probability - T),
        (written_out, probability - T),
        (squares, (probability - T) * slope),
    ]:
        bwd = gn.backward(E, {z: Z, t: T})
        by_difference = finite_difference(lambda zs, E=E: gn.forward(E, {z: zs, t: T})["E"], Z)
        assert_agree(delta, bwd.error_signal(z), by_difference)
    likelihood_by_hand = -np.sum(np.where(T == 1, np.log(probability), np.log(1 - probability)))
    for E in (likelihood, written_out):
        np.testing.assert_allclose(gn.forward(E, {z: Z, t: T})["E"], likelihood_by_hand, rtol=1e-12)


def test_S42_direct_and_indirect_parameters_by_their_path_length_to_the_error():
    network = Network((2, 3, 1), "tanh", "sigmoid").graph.to_networkx()
    edges_to_E = {name: nx.shortest_path_length(network, name, "E") for name in ["wjk", "bk", "wij", "bj"]}
    # wjk → matmul → zk → ak → E;  wij → matmul → zj → aj → matmul → zk → ak → E; a bias skips the matrix product
    assert edges_to_E == {"wjk": 4, "bk": 3, "wij": 7, "bj": 6}


@pytest.mark.parametrize("name", G)
def test_S44_a_bias_is_a_weight_on_a_constant_one(name):
    net = Network((3, 4, 2), name, "identity")
    x, t = gn.input("x", shape=(SAMPLES, 3)), gn.input("t", shape=(SAMPLES, 2))
    ones = gn.constant(np.ones((SAMPLES, 1)))
    W1 = gn.parameter("W1", np.vstack([net.wij, net.bj]))
    W2 = gn.parameter("W2", np.vstack([net.wjk, net.bk]))
    a1 = G[name][0](gn.concatenate([x, ones], axis=1) @ W1)
    E = gn.sse(gn.concatenate([a1, ones], axis=1) @ W2, t, name="E")
    bwd = gn.backward(E, {x: net.X, t: net.T})
    np.testing.assert_allclose(bwd["E"], net.bwd["E"], rtol=1e-12)
    for weights, biases, rewritten in [("wij", "bj", W1), ("wjk", "bk", W2)]:
        both = np.vstack([net.bwd.gradient(weights), net.bwd.gradient(biases)])
        np.testing.assert_allclose(bwd.gradient(rewritten), both, rtol=1e-12, atol=1e-14)


def test_S45_a_small_step_against_the_gradient_lowers_the_error(net):
    """And along it raises it: that is why the gradient is negated."""
    gradients = net.bwd.gradients
    start = {parameter.name: parameter.value.copy() for parameter in net.graph.parameters}

    def error_after(step):
        for parameter in net.graph.parameters:
            parameter.value = start[parameter.name] + step * gradients[parameter.name]
        return float(gn.forward(net.E, {"x": net.X, "t": net.T})["E"])

    try:
        assert error_after(-1e-4) < error_after(0.0) < error_after(+1e-4)
    finally:
        error_after(0.0)
