"""What training says: of a loss that grows, of settings that are no such, of activations applied twice."""

import warnings

import numpy as np
import pytest

import graphnet as gn
from graphnet.errors import GraphnetWarning, NonFiniteError, TrainingError

RNG = np.random.default_rng(0)
CAUSES = "learning rate is too large, or the data is not scaled"


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.parametrize(("options", "unit"), [({}, "epoch"), ({"batch_size": 1}, "step")])
def test_a_loss_that_grew_is_part_of_the_error(line, fit, options, unit):
    E, feeds, w = line
    feeds = {node: 100 * array for node, array in feeds.items()}
    with pytest.raises(NonFiniteError, match=rf"before, the loss grew for \d+ {unit}s?, from (?s:.*){CAUSES}"):
        fit((E, feeds, w), epochs=500, **options)


def test_a_history_of_a_loss_that_grew_says_so(line, fit):
    E, feeds, w = line
    feeds = {node: 100 * array for node, array in feeds.items()}
    history = fit((E, feeds, w), epochs=5)
    assert "the loss grew for 4 epochs" in repr(history)
    assert history.loss[-1] > 10 * history.loss[0]
    assert CAUSES in repr(history)


def test_a_loss_that_fell_is_not_said_to_have_grown(line, fit):
    assert "grew" not in repr(fit(line, epochs=9))
    assert "grew" not in repr(gn.History([1.0, 0.1, 0.4]))  # not above the first


def test_within_the_only_epoch_it_is_a_warning(line, fit):
    E, feeds, w = line
    feeds = {node: 10 * array for node, array in feeds.items()}
    with pytest.warns(GraphnetWarning, match=CAUSES):
        fit((E, feeds, w), epochs=1, batch_size=2)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"optimizer": gn.Adam}, r"the class Adam is not an optimiser(?s:.*)optimizer=gn\.Adam\("),
        ({"metrics": ["accuracy"]}, r"is 'accuracy', expected a scalar node(?s:.*)gn\.accuracy\(a, t\)"),
        ({"metrics": "accuracy"}, r"metrics is 'accuracy', expected a list of nodes"),
        ({"metrics": 3}, r"metrics is 3, expected a list of nodes"),
        ({"verbose": 1}, r"no setting 'verbose'(?s:.*)progress="),
        ({"lr": 0.1}, r"no setting 'lr'(?s:.*)optimizer="),
        ({"batchsize": 4}, r"no setting 'batchsize'(?s:.*)batch_size="),
        ({"validation_data": {}}, r"no setting 'validation_data'(?s:.*)validation="),
        ({"xyz": {}}, r"no setting 'xyz'(?s:.*)Leave it out"),
    ],
)
def test_mistaken_settings_come_with_their_repair(line, fit, options, message):
    with pytest.raises(TrainingError, match=message):
        fit(line, **options)


def test_a_value_that_can_not_be_written_to_is_refused_before_the_first_step(line, fit):
    line[2].value.flags.writeable = False
    with pytest.raises(TrainingError, match=r"'w' .* is read-only(?s:.*)writeable = True"):
        fit(line)


@pytest.mark.parametrize("make", [gn.Adam, gn.schedules.Constant, lambda rate: gn.schedules.Cosine(rate, 10)])
def test_a_rate_beyond_all_floats_is_refused(make):
    with pytest.raises(TrainingError, match=r"learning rate 1000"):
        make(10**400)


z, t = gn.input("z", (None, 3)), gn.input("t", (None, 3))


@pytest.mark.parametrize(
    ("loss", "prediction"),
    [
        (gn.cross_entropy, lambda: gn.softmax(z)),
        (gn.cross_entropy, lambda: gn.log_softmax(z)),
        (gn.cross_entropy, lambda: gn.identity(gn.softmax(z))),
        (gn.binary_cross_entropy, lambda: gn.sigmoid(z)),
        (gn.binary_cross_entropy, lambda: gn.sigmoid(z).reshape((-1, 3))),
    ],
)
def test_an_activation_before_a_loss_that_applies_it_is_warned_of_once(loss, prediction, tmp_path):
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("default")
        for _ in range(3):
            E = loss(prediction(), t)
        feeds = {z: np.ones((2, 3)), t: np.ones((2, 3))}
        gn.compile(E)(feeds)
        gn.inference(E)
        gn.save(tmp_path / "E.gn", E)
        gn.load(tmp_path / "E.gn")
    assert [(warning.category, warning.filename) for warning in said] == [(GraphnetWarning, __file__)]
    assert f"Write {loss.__name__}(z, target) with the z that" in str(said[0].message)


def test_pre_activations_targets_and_arrays_pass_without_a_word():
    gn.cross_entropy(z, gn.softmax(z))
    gn.binary_cross_entropy(gn.softmax(z) @ np.ones((3, 3)), t)
    gn.cross_entropy(gn.constant(np.ones((2, 3))), t)
    gn.cross_entropy(gn.softmax(np.ones((2, 3))), np.ones((2, 3)))


@pytest.mark.parametrize(
    "make", [lambda: gn.parameter(np.ones(3)), lambda: gn.parameter(np.ones(3), "W"), lambda: gn.parameter("W")]
)
def test_a_parameter_has_a_name_and_a_value(make):
    with pytest.raises(
        gn.errors.GraphError, match=r"a name and a value, in this order(?s:.*)gn\.parameter\(\"W\", np\.zeros"
    ):
        make()


def test_layers_of_default_names_are_numbered():
    a = gn.input("x", (None, 3))
    for units in (4, 5, 2):
        a = gn.layers.dropout(gn.layers.dense(a, units, rng=RNG))
    graph = gn.Graph(a)
    assert [p.name for p in graph.parameters] == [f"dense{n}/{p}" for n in ("", "_2", "_3") for p in "Wb"]
    assert [i.name for i in graph.inputs] == ["x", "dropout/mask", "dropout_2/mask", "dropout_3/mask"]
    with gn.scope("head"):
        assert gn.Graph(gn.layers.dense(a, 1, rng=RNG)).parameters[-1].name == "head/dense/b"


def test_a_file_of_other_names_says_which(tmp_path):
    x = gn.input("x", (None, 3))
    gn.save(tmp_path / "net.gn", gn.layers.dense(x, 2, rng=RNG, name="first"))
    with pytest.raises(
        gn.errors.LoadError, match="the file lacks 'other/W', 'other/b'; the graph lacks 'first/W'"
    ) as caught:
        gn.load_parameters(tmp_path / "net.gn", gn.layers.dense(x, 2, rng=RNG, name="other"))
    assert "damaged" not in str(caught.value)


def test_a_loss_that_grew_in_the_first_epoch_and_stays_large_is_warned_of():
    rng = np.random.default_rng(0)
    x, t = gn.input("x", (None, 4)), gn.input("t", (None, 3))
    E = gn.cross_entropy(gn.layers.dense(x, 3, None, rng=rng), t)
    feeds = {x: rng.normal(size=(20, 4)), t: np.eye(3)[rng.integers(0, 3, 20)]}
    with pytest.warns(GraphnetWarning, match=rf"the loss grew from \S+ to \S+ in the first steps, and .*{CAUSES}"):
        history = gn.fit(E, feeds, optimizer=gn.GradientDescent(1e6), epochs=20, batch_size=8, rng=rng)
    assert "grew" not in repr(history)  # its epochs are all alike


@pytest.mark.filterwarnings("error")
def test_nothing_is_said_of_a_first_sample_that_was_right_by_chance():
    x, t, w = gn.input("x", (None,)), gn.input("t", (None,)), gn.parameter("w", 1.0)
    feeds = {x: np.array([1e-9, 1.0, 2.0]), t: np.array([0.0, 3.0, 7.0])}  # the first is fitted at the start
    gn.fit(gn.mse(x * w, t), feeds, optimizer=gn.GradientDescent(1e-3), epochs=5, batch_size=1)


def test_parameters_that_are_to_stay_have_a_way_that_is_told():
    x, w = gn.input("x", (None, 2)), gn.parameter("w", np.ones((2, 1)))
    with pytest.raises(TrainingError, match=r"passes on some of the gradients, as docs/howto/train\.md has it"):
        gn.fit(gn.sum(x @ w), {x: np.ones((3, 2))}, optimizer=gn.Adam(0.1), epochs=1, parameters=[w])


def test_a_softmax_of_one_number_is_warned_of():
    z = 1.0 * gn.input("z", (None, 1))
    with pytest.warns(GraphnetWarning, match=r"one class.* is 1, .*write binary_cross_entropy\(z, target\)"):
        E = gn.cross_entropy(z, gn.input("t", (None, 1)))
    bwd = gn.backward(E, {"z": np.array([[3.0], [-1.0]]), "t": np.array([[1.0], [0.0]])})
    np.testing.assert_array_equal(bwd.error_signal(z), 0.0)
