"""Graphs, and what runs and tools make of them, are data: they can be pickled, copied, and sent to other processes."""

import copy
import multiprocessing
import pickle
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from io import BytesIO

import numpy as np
import pytest

import graphnet as gn
from graphnet.errors import GraphError


@gn.op
def swish(z):
    return z / (1 + np.exp(-z))


@swish.backward
def swish_backward(delta, a, z):
    return delta * (a + (1 - a) / (1 + np.exp(-z)))


@dataclass(frozen=True)
class Scale(gn.Op):
    factor: float

    def forward(self, z):
        return self.factor * z

    def backward(self, delta, a, z):
        return self.factor * delta


X = np.random.default_rng(0).normal(size=(3, 2))
T = np.random.default_rng(1).normal(size=(3, 1))


def network():
    x, t = gn.input("x", (None, 2)), gn.input("t", (None, 1))
    w = gn.parameter("w", [[0.5], [-1.2]])
    return gn.sse(Scale(2.0)(swish(x @ w, name="a")), t, name="E")


def things():
    E = network()
    feeds = {"x": X, "t": T}
    bwd = gn.backward(E, feeds)
    a = gn.layers.mlp(gn.input("x", (None, 2)), [3, 1], rng=np.random.default_rng(2))
    mlp = gn.backward(gn.sse(a, gn.input("t", (None, 1))), feeds)
    return {
        "node": E, "graph": gn.Graph(E), "forward pass": gn.forward(E, feeds), "backward pass": bwd,
        "step": gn.compile(E), "report": gn.check_gradients(E, feeds), "drawing": gn.draw(bwd),
        "unit view": gn.draw(mlp, view="units"), "derivation": gn.derive(E, "w"), "diagnosis": gn.diagnose(bwd),
        "explanation": gn.explain(bwd, "w", entry=(0, 0)), "curve": gn.step_curve(E, feeds, "w", (0, 0)),
        "optimiser": gn.Adam(0.1), "schedule": gn.schedules.Cosine(0.1, 10), "callback": gn.EarlyStopping(),
        "history": gn.fit(E, feeds, optimizer=gn.Adam(0.1), epochs=2), "op": swish, "op of functions": swish.op,
        "op with settings": Scale(2.0),
    }  # fmt: skip


@pytest.fixture(scope="module")
def made():
    return things()


@pytest.mark.parametrize("how", [lambda x: pickle.loads(pickle.dumps(x)), copy.deepcopy, copy.copy])
@pytest.mark.parametrize("kind", list(things()))
def test_everything_can_be_pickled_and_copied(made, kind, how):
    copied = how(made[kind])
    assert type(copied) is type(made[kind])
    assert str(copied) == str(made[kind])


def test_a_copy_runs_as_the_original(made):
    step = pickle.loads(pickle.dumps(made["step"]))
    loss, gradients = made["step"]({"x": X, "t": T})
    assert step({"x": X, "t": T})[0] == loss
    np.testing.assert_array_equal(step({"x": X, "t": T})[1]["w"], gradients["w"])
    for page in (made["drawing"], pickle.loads(pickle.dumps(made["drawing"]))):
        assert "<html" in page.to_html()


def test_what_is_pickled_together_shares_its_nodes(made):
    graph, bwd, step = pickle.loads(pickle.dumps((made["graph"], made["backward pass"], made["step"])))
    assert graph["w"] is bwd.graph["w"] is step.graph["w"]
    np.testing.assert_array_equal(bwd[graph["a"]], made["backward pass"]["a"])
    np.testing.assert_array_equal(bwd.messages(graph["a"])[0].delta, made["backward pass"].messages("a")[0].delta)
    with pytest.raises(ValueError, match="read-only"):
        bwd["a"][...] = 0


def test_a_deep_copy_has_parameters_of_its_own():
    graph = gn.Graph(network())
    copied = copy.deepcopy(graph)
    copied["w"].value[...] = 7.0
    assert graph["w"].value.tolist() == [[0.5], [-1.2]]
    assert copied["a"].made_at == graph["a"].made_at


def test_a_deep_graph():
    y = gn.input("x", ())
    for _ in range(20_000):
        y = gn.tanh(y)
    graph = gn.Graph(y)
    assert len(pickle.loads(pickle.dumps(graph))) == len(copy.deepcopy(graph)) == 20_001
    fwd = pickle.loads(pickle.dumps(gn.forward(graph, {"x": 0.5})))
    assert fwd[fwd.graph.outputs[0]] == gn.forward(graph, {"x": 0.5})[y]


@pytest.mark.parametrize("how", [lambda x: pickle.loads(pickle.dumps(x)), copy.deepcopy])
def test_deep_nodes_alone_and_beside_their_graph(how):
    w = y = gn.parameter("w", 0.5)
    nodes = []
    for _ in range(5_000):
        y = gn.tanh(y)
        nodes.append(y)
    E, middle = gn.identity(y, name="E"), nodes[2_500]
    assert len(gn.Graph(how(E))) == 5_002
    copied, graph, copied_w, inner = how((E, gn.Graph(E), w, middle))
    assert copied is graph["E"]
    assert copied_w is graph["w"]
    assert inner is graph.nodes[2_501]
    assert how(nodes)[-1].inputs[0].kind == "tanh"


def test_two_pickles_at_once_know_nothing_of_each_other():
    y = gn.parameter("w", 0.5)
    for _ in range(2_000):
        y = gn.tanh(y)
    first, second = BytesIO(), BytesIO()
    pickle.Pickler(first).dump(y)
    pickle.Pickler(second).dump(y)
    assert len(gn.Graph(pickle.loads(first.getvalue()))) == len(gn.Graph(pickle.loads(second.getvalue()))) == 2_001


def test_a_node_copied_is_itself():
    w = gn.parameter("w", [1.0])
    assert copy.copy(w) is w
    assert gn.compile(gn.sum(w * copy.copy(w)))({})[1]["w"].tolist() == [2.0]  # ∂w²/∂w


def _cubed(z):
    return z**3


cube = gn.op(_cubed)


@pytest.mark.parametrize("thing", [cube, cube.op, cube(gn.parameter("w", [2.0]))], ids=["function", "op", "node"])
def test_an_op_of_another_name_than_its_rule(thing):
    assert str(pickle.loads(pickle.dumps(thing))) == str(thing)
    assert pickle.loads(pickle.dumps(cube)) is cube


def test_a_rule_inside_a_function_is_refused_by_name():
    local = gn.op(lambda z: 2 * z)

    class Local(gn.Op):
        def forward(self, z):
            return z

    for thing in (local, gn.Graph(local(gn.input("z", (2,)))), Local(), gn.compile(Local()(gn.input("z", (2,))))):
        with pytest.raises(GraphError, match=r"op (<lambda>|Local) can't be pickled(?s:.*)move it out of the function"):
            pickle.dumps(thing)
    assert copy.deepcopy(gn.Graph(local(gn.input("z", (2,))))).outputs[0].shape == (2,)


def run_in_worker(graph, step, bwd):
    loss, gradients = step({"x": X, "t": T})
    return loss, gradients, gn.backward(graph, {"x": X, "t": T}).gradients["w"], float(bwd["E"])


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_another_process(method, made):
    if method not in multiprocessing.get_all_start_methods():
        pytest.skip(f"no {method} here")
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context(method)) as pool:
        run = pool.submit(run_in_worker, made["graph"], made["step"], made["backward pass"])
        loss, gradients, again, E = run.result()
    expected = gn.compile(made["graph"])({"x": X, "t": T})
    assert loss == expected[0]
    np.testing.assert_array_equal(gradients["w"], expected[1]["w"])
    np.testing.assert_allclose(again, gradients["w"], rtol=1e-12)
    assert made["backward pass"]["E"] == E
