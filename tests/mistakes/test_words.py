# ruff: noqa: E501  the table has one line for each mistake
"""Mistakes that people make, what they are told, and that the repair they are told works."""

import numpy as np
import pytest

import graphnet as gn

RNG = np.random.default_rng(0)
X, T = RNG.normal(size=(8, 3)), RNG.normal(size=(8, 2))
x, t = gn.input("x", shape=(None, 3)), gn.input("t", shape=(None, 2))
W, b = gn.parameter("W", RNG.normal(size=(3, 2))), gn.parameter("b", np.zeros(2))
a = gn.tanh(x @ W + b, name="a")
E = gn.mse(a, t, name="E")
FEEDS = {x: X, t: T}
MASKED = gn.layers.dropout(x)
LABELS = np.array([0, 1, 1, 0, 0, 1, 0, 1])


def adds_into(array):
    array += a


def drops(loss, **options):
    return gn.fit(loss, FEEDS, **{"optimizer": gn.Adam(0.01), "epochs": 1, **options})


def of_a(node):
    """Run a node that depends on `a`."""
    return gn.forward(node, {x: X})[node]


TABLE = {
    "a transpose too many": (lambda: x @ W.T, ["inner sizes 3 and 2", "y.T would fit"], lambda: x @ W.T.T),
    "not fed": (lambda: gn.forward(E, {x: X}), ["no array is fed for 't'"], lambda: gn.forward(E, FEEDS)),
    "another case": (lambda: gn.forward(E, {"X": X, "t": T}), ["'X'", "Did you mean 'x'"], lambda: gn.forward(E, {"x": X, "t": T})),
    "a node in another case": (lambda: gn.forward(E, FEEDS)["A"], ["'A'", "Did you mean 'a'"], lambda: gn.forward(E, FEEDS)["a"]),
    "feeds in a list": (lambda: gn.forward(E, [X, T]), ["got list", "{x: X, t: T}"], lambda: gn.forward(E, {x: X, t: T})),
    "fed transposed": (lambda: gn.forward(E, {x: X.T, t: T}), ["input 'x'", "(3, 8)", "array.T"], lambda: gn.forward(E, {x: X.T.T, t: T})),
    "one sample fed": (lambda: gn.forward(E, {x: X[0], t: T[:1]}), ["(3,)", "array[np.newaxis]"], lambda: gn.forward(E, {x: X[0][np.newaxis], t: T[:1]})),
    "objects fed": (lambda: gn.forward(E, {x: X.astype(object), t: T}), ["input 'x'", "object", ".astype(float)"], lambda: gn.forward(E, {x: X.astype(object).astype(float), t: T})),
    "text fed": (lambda: gn.forward(E, {x: X.astype(str), t: T}), ["input 'x'", "<U", ".astype(float)"], lambda: gn.forward(E, {x: X.astype(str).astype(float), t: T})),
    "no masks fed": (lambda: gn.forward(MASKED, {x: X}), ["'dropout/mask'", "gn.dropout_masks", "gn.inference"], lambda: (gn.forward(MASKED, {x: X, **gn.dropout_masks(MASKED, 8, RNG)}), gn.forward(gn.inference(MASKED), {x: X}))),
    "a list of nodes": (lambda: gn.tanh([a, t]), ["list of nodes", "gn.concatenate([...], axis=...)"], lambda: gn.tanh(gn.concatenate([a, t], axis=1))),
    "no list to concatenate": (lambda: gn.concatenate(a, t), ["parts", "concatenate([a, b], axis=...)"], lambda: gn.concatenate([a, t], axis=1)),
    "if": (lambda: a if a > 0 else t, ["truth value", "np.where(a > 0, ...)"], lambda: np.where(a > 0, a, t)),
    "in": (lambda: a in [x, t], ["equal", "(None, 3)", "any(node is a for node in nodes)"], lambda: any(node is a for node in [x, t])),
    "len": (lambda: len(a), ["len()", "node.shape"], lambda: a.shape),
    "for": (lambda: list(a), ["iterating", "node[0]"], lambda: a[0]),
    "max": (lambda: max(a, t), ["truth value", "gn.maximum(a, b)"], lambda: gn.maximum(a, t)),
    "float": (lambda: f"{E:.3f}", ["'E'", "gn.forward(node, feeds)[node]"], lambda: f"{gn.forward(E, FEEDS)[E]:.3f}"),
    "an array of nodes": (lambda: np.array([a, t]), ["np.stack"], lambda: np.stack([a, t])),
    "into a node": (lambda: a.__setitem__(0, 1.0), ["'a'", "np.where"], lambda: np.where(a > 0, 1.0, a)),
    "into an array": (lambda: adds_into(np.zeros((8, 2))), ["'a'", "y = y + node"], lambda: np.zeros((8, 2)) + gn.constant(np.ones((8, 2)))),
    "into a parameter": (lambda: W.__iadd__(0.1), ["'W'", "node.value -= 0.1 * gradient"], lambda: setattr(W, "value", W.value - 0.0)),
    "out": (lambda: np.sin(a, out=np.zeros((8, 2))), ["'a'", "no out="], lambda: np.sin(a)),
    "a program by a mask": (lambda: gn.compile(a[a > 0])({x: X}), ["depends on numbers", "np.where(mask, z, 0)"], lambda: gn.compile(np.where(a > 0, a, 0))({x: X})),
    "a mask beside positions": (lambda: a[a[:, 0] > 0, [0]], ["beside other positions", "use it alone, z[mask]"], lambda: a[a[:, 0] > 0][:, [0]]),
    "a mask's places": (lambda: np.where(a > 0), ["where", "a[mask]"], lambda: a[a > 0]),
    "without a size": (lambda: gn.sum(a) / x.shape[0], ["None", "loss / gn.batch_size(x)"], lambda: gn.sum(a) / gn.batch_size(x)),
    "svd": (lambda: np.linalg.svd(a), ["np.linalg.svd", "an op whose forward calls it"], lambda: gn.op(lambda z: np.linalg.svd(z)[1])(a)),
    "interp": (lambda: np.interp(a, [0, 1], [2, 3]), ["np.interp", "y0 + (y1 - y0) * np.clip((x - x0) / (x1 - x0), 0, 1)"], lambda: np.testing.assert_allclose(of_a(2 + (3 - 2) * np.clip((a - 0) / (1 - 0), 0, 1)), np.interp(of_a(a), [0, 1], [2, 3]))),
    "sinc": (lambda: np.sinc(a), ["np.sinc", "np.where(z == 0, 1, np.sin(np.pi * z) / (np.pi * np.where(z == 0, 1, z)))"], lambda: np.testing.assert_allclose(of_a(np.where(a == 0, 1, np.sin(np.pi * a) / (np.pi * np.where(a == 0, 1, a)))), np.sinc(of_a(a)))),
    "cov": (lambda: np.cov(a), ["np.cov", "u = z - z.mean(1, keepdims=True)", "u @ u.T / (z.shape[1] - 1)"], lambda: np.testing.assert_allclose(of_a((a - a.mean(1, keepdims=True)) @ (a - a.mean(1, keepdims=True)).T / (2 - 1)), np.cov(of_a(a)))),
    "insert": (lambda: np.insert(a, 1, 0.0, axis=0), ["np.insert", "np.concatenate([z[:i], values, z[i:]])"], lambda: np.testing.assert_allclose(of_a(np.concatenate([a[:1], np.zeros((1, 2)), a[1:]])), np.insert(of_a(a), 1, 0.0, axis=0))),
    "nonzero": (lambda: np.nonzero(a > 0), ["np.nonzero", "z[mask]"], lambda: a[a > 0]),
    "unique": (lambda: np.unique(a), ["np.unique", "gn.forward(z, feeds)[z]"], lambda: np.unique(of_a(a))),
    "an array as input": (lambda: gn.input(X), ["an input needs a name", 'gn.input("x", shape=(None, 2))', "{x: X}"], lambda: gn.input("x", shape=(None, 2))),
    "an array as parameter": (lambda: gn.parameter(np.zeros(3), "W"), ["in this order", 'gn.parameter("W", np.zeros((2, 3)))'], lambda: gn.parameter("W", np.zeros((2, 3)))),
    "labels for rows": (lambda: gn.cross_entropy(a, LABELS), ["(8,)", "gn.one_hot(target, 2)"], lambda: gn.cross_entropy(a, gn.one_hot(LABELS, 2))),
    "labels counted from 1": (lambda: gn.one_hot(LABELS + 1, 2), ["from 1 to 2", "from 0 to 1"], lambda: gn.one_hot(LABELS, 2)),
    "a row for a column": (lambda: gn.mse(x @ np.ones((3, 1)), gn.input("y", (None,))), ["'y'", "declare it with shape (None, 1)"], lambda: gn.mse(x @ np.ones((3, 1)), gn.input("y", (None, 1)))),
    "a seed": (lambda: gn.layers.dense(x, 3, rng=0), ["rng is 0", "rng=np.random.default_rng(0)"], lambda: gn.layers.dense(x, 3, rng=np.random.default_rng(0))),
    "an activation's name": (lambda: gn.layers.dense(x, 3, "relu", rng=RNG), ["'relu'", "as gn.tanh, not its name"], lambda: gn.layers.dense(x, 3, gn.relu, rng=RNG)),
    "an activation that returns nothing": (lambda: gn.layers.dense(x, 3, lambda z: None, rng=RNG), ["gave None", "gn.tanh"], lambda: gn.layers.dense(x, 3, gn.tanh, rng=RNG)),
    "grey images": (lambda: gn.layers.conv2d(gn.input("i", (None, 5, 5)), 2, rng=RNG), ["(None, 5, 5)", "reshape(x, (-1, 1, rows, columns))"], lambda: gn.layers.conv2d(gn.reshape(gn.input("i", (None, 5, 5)), (-1, 1, 5, 5)), 2, rng=RNG)),
    "per cent": (lambda: gn.layers.dropout(x, 50), ["rate", "is 50", "below 1"], lambda: gn.layers.dropout(x, 0.5)),
    "weights shared by name": (lambda: gn.Graph(gn.layers.dense(x, 2, rng=RNG, name="h") + gn.layers.dense(x, 2, rng=RNG, name="h")), ["'h/W'", "gn.tanh(x @ W + b)"], lambda: gn.Graph(gn.tanh(x @ W + b) + gn.tanh(2 * x @ W + b))),
    "the class": (lambda: drops(E, optimizer=gn.Adam), ["class Adam", "optimizer=gn.Adam(0.01)"], lambda: drops(E, optimizer=gn.Adam(0.01))),
    "parameters for an optimiser": (lambda: gn.Adam([W, b]), ["<parameter 'W'", "gn.Adam(0.001)", "gn.fit finds it"], lambda: drops(E, optimizer=gn.Adam(0.001))),
    "half a batch": (lambda: drops(E, batch_size=8 / 2), ["batch_size is 4.0", "integer from 1 to 8"], lambda: drops(E, batch_size=8 // 2)),
    "a metric's name": (lambda: drops(E, metrics=["accuracy"]), ["'accuracy'", 'metrics=[gn.accuracy(a, t)]'], lambda: drops(E, metrics=[gn.accuracy(a, gn.one_hot(LABELS, 2))])),
    "no loss": (lambda: drops(a), ["'a'", "(None, 2)", "end in a loss"], lambda: drops(gn.sse(a, t))),
    "nothing to watch": (lambda: drops(E, callbacks=[gn.EarlyStopping()]), ["'validation_loss'", "validation={x: X, t: T}"], lambda: drops(E, callbacks=[gn.EarlyStopping()], validation={x: X, t: T})),
    "no scalar": (lambda: gn.backward(a, {x: X}), ["'a'", "(8, 2)", "delta=array"], lambda: gn.backward(a, {x: X}, delta=T)),
    "gradients of several": (lambda: gn.backward(E, FEEDS).gradient([W, b]), ["expected one node", "[f(node) for node in nodes]"], lambda: [gn.backward(E, FEEDS).gradient(node) for node in [W, b]]),
    "a gradient by node": (lambda: gn.backward(E, FEEDS).gradients[W], ["'W', 'b'", "bwd.gradient(W)", "graph.label(W)"], lambda: (gn.backward(E, FEEDS).gradient(W), gn.backward(E, FEEDS).gradients[gn.Graph(E).label(W)])),
    "gradients by node": (lambda: gn.Adam().update([W], {W: np.zeros((3, 2))}), ["by name", "{W.name: array}"], lambda: gn.Adam().update([W], {W.name: np.zeros((3, 2))})),
    "gradients of nobody": (lambda: gn.Adam().update([W], {"w": np.zeros((3, 2))}), ["'w'", "of none of the parameters ['w']", "bwd.gradients"], lambda: gn.Adam().update([W], gn.backward(E, FEEDS).gradients)),
    "compiled with feeds": (lambda: gn.compile(E, FEEDS), ["got dict", "gn.compile(E)(feeds)"], lambda: gn.compile(E)(FEEDS)),
    "the class of an op": (lambda: gn.check_op(gn.ops.Tanh, X), ["<class", "gn.ops.Tanh()"], lambda: gn.check_op(gn.ops.Tanh(), X)),
    "a picture of no kind": (lambda: gn.draw(E).save("net"), ["'net'", ".svg"], lambda: gn.draw(E).to_dot()),
    "a view": (lambda: gn.draw(E, view="unit"), ["'unit'", '"units"'], lambda: gn.draw(gn.sse(a, t), view="units")),
}  # fmt: skip

CLASSES = [0, 1, 1, 0, 0, 1, 0, 1]
y = gn.input("y", shape=(None, 1))
SLOPE = gn.mse(x @ np.ones((3, 1)), y)
CE = gn.cross_entropy(a, t)
BCE = gn.binary_cross_entropy(a, t)


@gn.op
def cube(z):
    return z * z * z


@gn.op
def cube_with_rule(z):
    return z * z * z


@cube_with_rule.backward
def cube_with_rule_backward(delta, output, z):
    return delta * 3 * z * z


@gn.composite
def cube_of_ops(z):
    return z * z * z


def checked(op, *arrays):
    gn.check_op(op, *arrays).raise_if_failed()


def trained(loss, targets):
    return gn.fit(loss, {x: X, t: targets}, optimizer=gn.Adam(0.01), epochs=1)


TABLE |= {
    "labels fed for rows": (lambda: gn.backward(CE, {x: X, t: CLASSES}), ["'t'", "(8,)", "gn.one_hot(labels, 2)"], lambda: gn.backward(CE, {x: X, t: gn.one_hot(CLASSES, 2)})),
    "labels fed to fit": (lambda: trained(CE, CLASSES), ["'t'", "gn.one_hot(labels, 2)"], lambda: trained(CE, gn.one_hot(CLASSES, 2))),
    "as many labels as classes": (lambda: gn.forward(gn.cross_entropy(x, gn.input("u", (None, 3))), {x: X[:3], "u": [2, 0, 1]}), ["gn.one_hot(labels, 3)"], lambda: gn.one_hot([2, 0, 1], 3)),
    "one row of a target": (lambda: gn.forward(CE, {x: X[:1], t: np.array([0, 1])}), ["array[np.newaxis]"], lambda: gn.forward(CE, {x: X[:1], t: np.array([0, 1])[np.newaxis]})),
    "a list transposed": (lambda: gn.forward(E, {x: X.T.tolist(), t: T}), ["np.asarray(array).T"], lambda: gn.forward(E, {x: np.asarray(X.T.tolist()).T, t: T})),
    "words for labels": (lambda: gn.forward(E, {x: X, t: ["cat", "dog"] * 4}), ["'cat'", "np.unique(words, return_inverse=True)[1]"], lambda: gn.forward(E, {x: X, t: gn.one_hot(np.unique(["cat", "dog"] * 4, return_inverse=True)[1], 2)})),
    "a rate in quotes": (lambda: gn.GradientDescent("0.1"), ["'0.1' is no number", "gn.Adam(0.001)", "without quotes"], lambda: gn.Adam(0.001)),
    "a rule for shapes that don't fit": (lambda: gn.check_op(gn.matmul, X, X), ["inner sizes 3 and 8", "y.T would fit"], lambda: checked(gn.matmul, X, X.T)),
    "a rule with settings": (lambda: gn.check_op(gn.reshape, np.ones((2, 3))), ["'shape'", "lambda z: gn.reshape(z, (3, 2))"], lambda: checked(lambda z: gn.reshape(z, (3, 2)), np.ones((2, 3)))),
    "no rule to check": (lambda: checked(cube, X), ["op cube has no backward rule", "def cube_backward(delta, output, z)", "@cube.backward", "@gn.composite"], lambda: (checked(cube_with_rule, X), checked(cube_of_ops, X))),
    "no rule in a network": (lambda: gn.check_gradients(gn.sum(cube(W)), {}).raise_if_failed(), ["op cube has no backward rule", "@cube.backward"], lambda: gn.check_gradients(gn.sum(cube_of_ops(W)), {}).raise_if_failed()),
    "feeds one after the other": (lambda: gn.fit(E, X, T), ["2 positional", "gn.fit(E, {x: X, t: T}, optimizer=gn.Adam(0.01), epochs=100)"], lambda: gn.fit(E, {x: X, t: T}, optimizer=gn.Adam(0.01), epochs=100)),
    "no optimiser": (lambda: gn.fit(E, FEEDS), ["'optimizer'", "optimizer=gn.Adam(0.01), epochs=100"], lambda: gn.fit(E, {x: X, t: T}, optimizer=gn.Adam(0.01), epochs=1)),
    "no feeds": (lambda: gn.backward(E), ["'feeds'", "gn.backward(E, {x: X, t: T})"], lambda: gn.backward(E, {x: X, t: T})),
    "feeds by keyword": (lambda: gn.backward(E, x=X), ["'x'", "gn.backward(E, {x: X, t: T})"], lambda: gn.backward(E, {x: X, t: T})),
    "nothing fed to a check": (lambda: gn.check_gradients(E), ["'feeds'", "gn.check_gradients(E, {x: X, t: T})"], lambda: gn.check_gradients(E, {x: X, t: T})),
    "lr": (lambda: gn.Adam(lr=0.1), ["'lr'", "gn.Adam(learning_rate=0.01)"], lambda: gn.Adam(learning_rate=0.01)),
    "a node by number": (lambda: gn.forward(E, FEEDS)[0], ["int 0", 'its name, as "E"', "graph.nodes[0]"], lambda: (gn.forward(E, FEEDS)["E"], gn.forward(E, FEEDS).graph.nodes[0])),
    "labels −1 and 1": (lambda: trained(BCE, 2 * gn.one_hot(LABELS, 2) - 1), ["'t'", "from -1.0 to 1.0", "(t + 1) / 2"], lambda: trained(BCE, gn.one_hot(LABELS, 2))),
    "no distribution": (lambda: trained(CE, 3 * T), ["'t'", "-gn.sum(t * gn.log_softmax(z))"], lambda: trained(-gn.sum(t * gn.log_softmax(a)), 3 * T)),
}  # fmt: skip


def test_shares_that_sum_to_something_else_are_weights():
    trained(CE, 3 * np.abs(T))


@pytest.mark.parametrize("kind", ["Series", "list"])
def test_the_repair_of_a_column_works_on_what_was_fed(kind):
    column = T[:, 0].tolist() if kind == "list" else pytest.importorskip("pandas").Series(T[:, 0])
    with pytest.raises(gn.errors.ShapeError, match=r"np\.asarray\(array\)\[:, np\.newaxis\]"):
        gn.forward(SLOPE, {x: X, y: column})
    gn.forward(SLOPE, {x: X, y: np.asarray(column)[:, np.newaxis]})


HERE = {  # by SciPy's name: what it is here
    "expit": gn.sigmoid,
    "log_expit": lambda z: -gn.softplus(-z),
    "logit": lambda z: np.log(z) - np.log1p(-z),
    "ndtr": gn.normal_cdf,
    "erf": gn.erf,
    "erfc": lambda z: 2 * gn.normal_cdf(-np.sqrt(2) * z),
    "entr": lambda z: -np.where(z == 0, 0, z * np.log(np.where(z == 0, 1, z))),
    "expm1": np.expm1,
}


@pytest.mark.parametrize("name", HERE)
def test_functions_of_scipy_have_other_names_here(name):
    special = pytest.importorskip("scipy.special")
    with pytest.raises(gn.errors.OpaqueError) as caught:
        getattr(special, name)(a)
    assert f"np.{name} of a node" not in str(caught.value)
    assert "Write " in str(caught.value)
    assert "listed in gn.ops" not in str(caught.value)
    z = np.array([0.25, 0.5, 0.875])
    np.testing.assert_allclose(HERE[name](z), getattr(special, name)(z), rtol=1e-12)


@pytest.mark.parametrize("name", ["SGD", "MSELoss", "Linear", "grad"])
def test_names_of_other_libraries(name):
    with pytest.raises(AttributeError, match=rf"graphnet has no '{name}'. Write gn\."):
        getattr(gn, name)
    assert not hasattr(gn, "no such name")


@pytest.mark.parametrize("name", ["grad", "value"])
def test_attributes_that_a_pass_does_not_have(name):
    with pytest.raises(
        AttributeError, match=rf"BackwardPass has no attribute '{name}': values are fwd\[node\].*bwd\.gradient"
    ):
        getattr(gn.backward(E, FEEDS), name)


def test_a_type_error_of_ones_own_stays_one():
    def hook(training):
        raise TypeError("mine")

    with pytest.raises(TypeError, match="mine"):
        drops(E, callbacks=[hook])


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("case", TABLE)
def test_told_with_a_repair_that_works(case):
    mistake, words, repaired = TABLE[case]
    with pytest.raises(gn.errors.GraphnetError) as caught:
        mistake()
    text = " ".join(str(caught.value).split())
    for each in words:
        assert each.lower() in text.lower(), text
    repaired()


@pytest.mark.parametrize(
    ("mistake", "words"),
    [
        (lambda: a.value, ["gn.forward(E, feeds)[node]"]),
        (lambda: W.grad, ["gn.backward(E, feeds).gradients"]),
        (lambda: E.backward(), ["gn.backward(E, feeds)"]),
        (lambda: a.astype(float), ["Parameters and what is fed say the dtype of a run"]),
        (lambda: a.tofile("x"), ["combine the functions in gn.ops"]),
        (lambda: W.data, ["values are gn.forward(E, feeds)[node]"]),
    ],
)
def test_attributes_that_others_have(mistake, words):
    with pytest.raises(AttributeError) as caught:
        mistake()
    for each in words:
        assert each in str(caught.value)
