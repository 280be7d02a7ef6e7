"""Odd values: each is refused by an error of graphnet's own that names it, or is rightly taken."""

import warnings

import numpy as np
import pytest

import graphnet as gn
from graphnet.draw.picture import Mark
from graphnet.errors import DrawError, DtypeError, GraphError, GraphnetError, NonFiniteError, ShapeError, TrainingError
from tests.mistakes.calls import CALLS
from tests.mistakes.trial import attempt, places, trials, without_a_row
from tests.mistakes.values import Foreign, odd_values


def test_every_public_function_has_a_right_call():
    assert without_a_row() == []


def test_the_right_calls_are_right(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    from tests.mistakes.world import World

    for name, make in CALLS.items():
        function, arguments, named = make(World())
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                function(*arguments, **named)
            except Exception as error:
                pytest.fail(f"{name}: {error!r}")


def test_a_share_of_all_odd_values_ends_in_no_bare_error(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    quick = [name for name in CALLS if not name.startswith(("plots", "StepCurve"))]
    bad = [str(trial) for trial in trials(quick, every=113) if trial.outcome == "bare error"]
    assert not bad, "\n".join(bad)


@pytest.mark.parametrize(
    "name", ["list of nodes", "generator", "set of nodes", "dict", "grumpy object", "unprintable integer"]
)
@pytest.mark.parametrize(
    "call", ["Graph[]", "ForwardPass[]", "BackwardPass.gradient", "gn.explain", "gn.derive, one of wrt", "layers.dense"]
)
def test_where_one_node_belongs(call, name):
    place = 1 if call in ("gn.explain", "Graph[]") else 0
    trial = attempt(call, place, name, odd_values()[name])
    assert trial.outcome == "refused", trial


def test_a_call_that_raises_a_bare_error_is_called_one(monkeypatch):
    monkeypatch.setitem(CALLS, "broken", lambda w: (lambda v: gn.schedules.Constant.__call__(v, 1), [1], {}))
    assert places("broken") == [0]
    assert attempt("broken", 0, "None", lambda: None).outcome == "bare error"


MASKED = np.ma.array([1.0, 2.0, 100.0], mask=[0, 0, 1])
w, p, x = gn.parameter("w", [1.0, 2.0, 3.0]), gn.parameter("p", np.ones(3)), gn.input("x", shape=(3,))
step = gn.compile(gn.sum(x * w))
step({x: np.ones(3)})


@pytest.mark.parametrize(
    "use",
    [
        lambda array: gn.forward(gn.sum(x), {x: array}),
        lambda array: step({x: array}),
        lambda array: gn.parameter("p", array),
        lambda array: gn.constant(array),
        lambda array: gn.sum(array),
        lambda array: gn.add(x, array),
        lambda array: x + array,
        lambda array: gn.backward(w * w, {}, delta=array),
        lambda array: gn.Adam().update([p], {"p": array}),
        lambda array: gn.check_op(gn.tanh, array),
        lambda array: setattr(p, "value", array),
    ],
)
def test_masked_entries_are_no_numbers(use):
    with pytest.raises((DtypeError, TrainingError)):
        use(MASKED)
    use(np.ma.array([0.5, 2.0, 3.0]))  # none of its entries is masked


@pytest.mark.parametrize(
    ("rows", "axes"),
    [([MASKED, MASKED], 2), ((MASKED,), 2), ([[1.0, np.ma.masked]], 2), ([[MASKED, [1.0, 2.0, 3.0]]], 3)],
)
def test_masked_entries_in_lists_are_no_numbers_either(rows, axes):
    y = gn.input("y", (None,) * axes)
    for use in (gn.sum, gn.constant, lambda array: gn.forward(gn.sum(y), {y: array})):
        with pytest.raises(DtypeError, match=r"has \d masked entries"):
            use(rows)
    assert gn.sum([np.ma.array([0.5, 2.0]), [1.0, 2.0]]) == 5.5


def test_a_list_that_holds_itself_is_no_array(refused):
    endless = [1.0]
    endless.append(endless)
    with refused(DtypeError, "a constant is not an array", "rows of equal length"):
        gn.constant(endless)


def test_a_tensor_that_is_no_array_is_named_with_the_way_to_make_it_one(refused):
    for error in (RuntimeError("Can't call numpy() on Tensor that requires grad."), TypeError("unsupported BFloat16")):
        with refused(DtypeError, "the feed of input 'x'", str(error), ".detach()", ".float()"):
            gn.forward(gn.sum(x), {x: Foreign(error)})
        with refused(DtypeError, "the feed of input 'x'", str(error)):
            step({x: Foreign(error)})


def test_data_of_other_libraries_are_taken():
    pandas = pytest.importorskip("pandas")
    for data in (
        pandas.Series([1.0, 2.0, 4.0]),
        pandas.Series([1, 2, 4]),
        memoryview(np.array([1.0, 2, 4])),
    ):
        assert gn.forward(gn.sum(x, name="s"), {x: data})["s"] == 7
        assert step({x: data})[0] == 1 + 4 + 12
    table = gn.input("t", shape=(None, 2))
    assert gn.forward(gn.sum(table, name="s"), {table: pandas.DataFrame({"a": [1, 2], "b": [3.0, 4.0]})})["s"] == 10


@pytest.mark.parametrize("kind", ["bool", "Int64", "Float64", "object", "datetime64[ns]"])
def test_tables_of_mixed_columns_are_refused_and_the_repair_works_where_they_are_numbers(kind):
    pandas = pytest.importorskip("pandas")
    column = pandas.Series([1, 0]).astype(kind)
    data = pandas.DataFrame({"a": column, "b": [3.0, 4.0]})
    table = gn.input("t", shape=(None, 2))
    total = gn.sum(table, name="s")
    with pytest.raises(gn.errors.DtypeError, match=r"(?s)feed of input 't' has dtype object.*\.astype\(float\)"):
        gn.forward(total, {table: data})
    if not kind.startswith("datetime"):
        assert gn.forward(total, {table: data.astype(float)})["s"] == 8


def test_an_iterator_is_read_once():
    loss = gn.sum(w * w)
    for make in (iter, tuple, lambda nodes: (node for node in nodes), lambda nodes: (node for node in nodes)):
        assert set(gn.compile(loss, make([w]))({})[1]) == {"w"}
        assert gn.gradients(loss, make([w]))[0].shape == (3,)
    assert gn.concatenate(part for part in (np.ones(2), np.zeros(1))).tolist() == [1, 1, 0]


@pytest.mark.parametrize(
    "gradients", [{"w": np.ones(2)}, {"w": np.ones((3, 1))}, {"w": [1.0, 1, 1]}, {w: np.ones(3)}, [1.0]], ids=str
)
def test_gradients_that_do_not_fit_change_nothing(gradients):
    before = w.value.copy()
    with pytest.raises(TrainingError):
        gn.GradientDescent(0.1).update([w], gradients)
    assert w.value.tolist() == before.tolist()


def test_delta_given_twice(refused):
    output = gn.square(w, name="y")
    with refused(GraphError, "delta is given twice for 'y'"):
        gn.backward(output, {}, delta={output: np.ones(3), "y": np.zeros(3)})


@pytest.mark.parametrize("index", [slice(None, None, 0), slice("a"), slice(10**400, None, 0), 10**400, 1.5, "a", {1}])
def test_an_index_that_is_none(index):
    with pytest.raises(GraphnetError):
        w[index]


@pytest.mark.parametrize("epsilon", [-1, "x", None, np.nan, np.inf, 10**400, True])
def test_epsilon_is_a_number_from_0(epsilon):
    for normalise in (gn.batch_norm, gn.layer_norm):
        with pytest.raises(GraphError, match="epsilon"):
            normalise(np.ones((3, 2)), epsilon=epsilon)


def test_an_array_of_two_numbers_is_a_pair():
    images, kernels = np.ones((1, 1, 4, 4)), np.ones((1, 1, 3, 3))
    assert gn.conv2d(images, kernels, padding=np.array([1, 1])).shape == (1, 1, 4, 4)
    assert gn.conv2d(images, kernels, stride=np.int64(1)).shape == (1, 1, 2, 2)
    with pytest.raises(ShapeError, match="padding"):
        gn.conv2d(images, kernels, padding=np.array([1, 1, 1]))


@pytest.mark.parametrize(
    "rate",
    [
        pytest.param(10**400, id="huge"),
        pytest.param(10**5000, id="unprintable"),
        "0.1",
        None,
        np.nan,
        True,
        np.timedelta64(1, "s"),
        lambda: 0.1,
    ],
)
def test_a_learning_rate_that_is_none(rate):
    with pytest.raises(TrainingError, match="learning rate"):
        gn.Adam(rate)


@pytest.mark.parametrize("make", [gn.GradientDescent, gn.Adam])
@pytest.mark.parametrize("bad", [np.inf, -np.inf, np.nan])
def test_a_gradient_that_can_not_be_shortened_changes_nothing(make, bad, refused):
    q = gn.parameter("q", [1.0, 2.0])
    optimizer = make(0.1, clip_norm=1.0)
    with refused(NonFiniteError, "the gradient of 'q'", "nothing has changed", "clip_value"):
        optimizer.update([q], {"q": np.array([bad, 1.0])})
    assert q.value.tolist() == [1, 2]
    assert optimizer.state["step"] == 0


def test_infinite_gradients_are_bounded_by_clip_value():
    q = gn.parameter("q", [1.0, 2.0])
    gn.GradientDescent(0.1, clip_value=1.0).update([q], {"q": np.array([np.inf, -np.inf])})
    np.testing.assert_allclose(q.value, [0.9, 2.1])


@pytest.mark.parametrize(
    "record",
    [(1.0, {"m": 1.0}, 1.0), (1.0, None, 1.0), ("1", {}, 1.0), (1.0, {}, None), (1.0, {"validation_loss": "x"}, 1.0)],
    ids=str,
)
def test_a_history_that_is_told_odd_numbers_stays_as_it_is(record):
    history = gn.History()
    with pytest.raises(TrainingError):
        history.record(*record)
    assert history == gn.History()


@pytest.mark.parametrize("training", [None, "training", 1])
def test_a_callback_started_by_hand(training):
    with pytest.raises(TrainingError, match="is no training"):
        gn.EarlyStopping().start(training)


@pytest.mark.parametrize("path", ["", ".", "curve", "/", None, 3, "\0.png"])
def test_a_step_curve_is_saved_under_a_name_that_tells_the_format(path):
    pytest.importorskip("matplotlib")
    with pytest.raises(DrawError, match="can't write"):
        gn.step_curve(gn.sum(w * w), {}, w, (0,), steps=[1e-3, 1e-5]).save(path)


@pytest.mark.parametrize("name", [3, "", b"y", ["y"], gn.tanh])
def test_a_name_is_checked_where_arrays_are_computed_too(name):
    for make in (lambda: gn.sigmoid(np.ones(2), name=name), lambda: gn.sum(np.ones(2), name=name)):
        with pytest.raises(GraphError, match="name that is a non-empty string"):
            make()
    assert gn.sum(np.ones(2), name="y") == 2


@pytest.mark.parametrize(
    "settings", [{"monitor": 3}, {"monitor": None}, {"higher_is_better": "yes"}, {"higher_is_better": None}]
)
def test_settings_of_early_stopping_are_refused_when_it_is_made(settings):
    with pytest.raises(TrainingError, match=next(iter(settings))):
        gn.EarlyStopping(**settings)


def test_units_of_a_network_are_no_bytes():
    with pytest.raises(ShapeError, match="units"):
        gn.layers.mlp(gn.input("z", (None, 2)), b"ab", rng=np.random.default_rng(0))


OUT_OF_RANGE = {
    "a rate of 2": (lambda: gn.ops.Dropout(2), "rate of op dropout is 2, expected a number at least 0 and below 1"),
    "a rate below 0": (lambda: gn.ops.Dropout(-0.5), "rate of op dropout is -0.5"),
    "no rate": (lambda: gn.ops.Dropout(np.nan), "rate of op dropout is nan"),
    "ε below 0": (lambda: gn.ops.BatchNorm((0,), -1), "epsilon of op batch_norm is -1, expected a number at least 0"),
    "no ε": (lambda: gn.ops.LayerNorm((-1,), np.nan), "epsilon of op layer_norm is nan"),
    "an infinite ε": (lambda: gn.batch_norm(np.ones((3, 2)), epsilon=np.inf), "epsilon of op batch_norm is inf"),
    "no slope": (lambda: gn.ops.LeakyRelu(np.nan), "slope of op leaky_relu is nan, expected a number that is finite"),
    "an infinite slope": (lambda: gn.leaky_relu(w, np.inf), "slope of op leaky_relu is inf"),
    "no coefficient": (lambda: gn.polynomial(w, [1, np.nan]), "coefficients of op polynomial is nan"),
    "no threshold": (lambda: gn.accuracy(w, p, threshold=np.nan), "threshold of op accuracy is nan"),
    "an index of truth values": (lambda: gn.ops.Getitem((True, False)), "expected an index"),
    "a step of 0": (lambda: gn.input("y", (None,))[::0], "the step of a slice is 0"),
    "an axis that is not there": (lambda: gn.ops.Softmax(7)(w), "axis 7 of an array with 1 dimensions"),
    "a dict of axes": (lambda: gn.sum(np.ones((2, 2)), axis={0: 1}), "expected a list of integers"),
    "a dict of coefficients": (lambda: gn.polynomial(w, {1: 2}), "expected a list of numbers"),
    "a dict of callbacks": (
        lambda: gn.fit(gn.sum(w * w), {}, optimizer=gn.Adam(), epochs=1, callbacks={}),
        "callbacks",
    ),
    "a node as dtype": (lambda: gn.input("y", dtype=w), "is declared with dtype <parameter 'w'"),
    "an array as dtype": (lambda: gn.constant(1, dtype=np.ones(2)), "is declared with dtype"),
    "a hint that is no text": (lambda: gn.exercise(np.sin, lambda d, a, z: d, hint=3), "hint is 3, expected text"),
    "a class as rule": (lambda: gn.exercise(np.sin, gn.Adam), "the backward rule is <class"),
    "a class as backward rule": (lambda: gn.op(lambda z: z).backward(gn.Adam), "decorates a function, got <class"),
    "η as text": (lambda: gn.draw(w, learning_rate="3"), "learning_rate, η of w ← w − η ∂E/∂w, is '3'"),
    "η as truth": (lambda: gn.draw(w, learning_rate=True), "learning_rate, η of w ← w − η ∂E/∂w, is True"),
    "a mark elsewhere": (lambda: gn.draw(w, marks={p: Mark("wrong", "odd")}), "'p' .* is not in this graph"),
    "a pass without a name": (lambda: gn.draw({3: gn.forward(w, {})}), "a pass needs a name"),
    "no delta": (lambda: gn.backward(w, {}, delta={}), "no output starts with an error signal"),
    "gradients of nobody": (lambda: gn.Adam().update([w], {"odd": np.ones(3)}), "of none of the parameters"),
    "a masked state": (
        lambda: gn.Momentum(0.1).restore({"step": 1, "velocity/w": MASKED}),
        "which Momentum does not remember",
    ),
    "a step below 0": (lambda: gn.schedules.Constant(0.1)(-1), "step is -1"),
    "a metric without a name": (
        lambda: gn.fit(gn.sum(w * w), {}, optimizer=gn.Adam(), epochs=1, metrics={"": gn.sum(w)}),
        "a metric can't be called ''",
    ),
}


@pytest.mark.parametrize("case", OUT_OF_RANGE)
def test_what_is_out_of_range_is_refused_where_it_is_given(case):
    make, words = OUT_OF_RANGE[case]
    with pytest.raises(GraphnetError, match=words):
        make()


@pytest.mark.parametrize("curve", [{1.0, 2.0}, b"12", {1: 2.0}, [[1.0], [2.0]]], ids=str)
def test_a_curve_is_numbers_in_order(curve):
    pytest.importorskip("matplotlib")
    for make in (lambda: gn.plots.loss({"a": curve}), lambda: gn.plots.loss({3: [1.0]})):
        with pytest.raises(GraphnetError):
            make()
