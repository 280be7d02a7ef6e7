"""The report: its table, its samples, its errors."""

import numpy as np
import pytest

import graphnet as gn


@pytest.fixture
def network():
    rng = np.random.default_rng(0)
    x = gn.input("x", shape=(None, 3))
    W = gn.parameter("W", rng.normal(size=(3, 2)))
    return gn.sse(gn.tanh(x @ W, name="a"), np.zeros((4, 2)), name="E"), {x: rng.normal(size=(4, 3))}


def test_the_table_says_what_was_compared(network):
    E, feeds = network
    report = gn.check_gradients(E, feeds)
    lines = str(report).splitlines()
    header = lines[1].split("  ")
    for column in ("node", "op", "input", "entries", "worst at", "rule says", "difference", "error", "verdict"):
        assert column in [cell.strip() for cell in header]
    assert any(line.startswith("a") and "tanh" in line and "8 of 8" in line and "right" in line for line in lines)
    assert lines[-1] == "ALL RIGHT: 5 inputs of rules, 1 gradients from end to end"


def test_the_rule_column_holds_the_gradient(network):
    E, feeds = network
    finding = gn.check_gradients(E, feeds).findings[-1]
    assert finding.label == "W"
    assert finding.rule == gn.backward(E, feeds).gradient("W")[finding.worst]


def test_a_sample_is_called_a_sample(network):
    E, feeds = network
    report = gn.check_gradients(E, feeds, entries=5, rng=np.random.default_rng(3))
    assert {finding.entries for finding in report.findings} == {5}
    assert "a sample of the entries only" in report.verdict
    assert "5 of 12" in str(report)
    assert "a sample" not in gn.check_gradients(E, feeds, entries="all").verdict


def test_the_same_seed_gives_the_same_report(network):
    E, feeds = network
    assert str(gn.check_gradients(E, feeds, entries=5)) == str(gn.check_gradients(E, feeds, entries=5))


def test_a_notebook_shows_it_escaped():
    report = gn.check_op(gn.ops.Tanh(), np.ones(2))
    assert report._repr_html_().startswith("<pre")


def test_the_leaves_from_end_to_end_can_be_chosen(network):
    E, feeds = network
    (x,) = feeds
    assert gn.check_gradients(E, feeds, wrt=[x]).findings[-1].label == "x"
    with pytest.raises(gn.errors.GraphError, match=r"'a' \(tanh\) is neither a parameter nor an input"):
        gn.check_gradients(E, feeds, wrt=[gn.Graph(E)["a"]])


def test_a_loss_that_is_not_finite_is_refused():
    w = gn.parameter("w", [-1.0, 1.0])
    with np.errstate(all="ignore"), pytest.raises(gn.errors.NonFiniteError, match=r"log 'l'.*1 NaN"):
        gn.check_gradients(gn.sum(gn.log(w, name="l")), {})


def test_check_op_takes_ops_only():
    with pytest.raises(gn.errors.GraphError, match="expected an op"):
        gn.check_op(gn.tanh, np.ones(2))
    with pytest.raises(gn.errors.GraphError, match=r"op matmul takes 2 inputs \(x, y\), got 1"):
        gn.check_op(gn.ops.Matmul(), np.ones((2, 2)))
