"""The report: its table, its samples, its errors."""

import json
import math

import numpy as np
import pytest

import graphnet as gn
from graphnet.check.differences import Judged
from graphnet.check.report import Finding, Report, cells_of


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


HOSTILE = "<script>alert(1)</script> & \u202e\n"


def test_a_notebook_shows_every_name_escaped():
    w = gn.parameter(HOSTILE, [0.3, 0.4])
    wrong = gn.op(lambda z: np.tanh(z))
    wrong.backward(lambda delta, a, z: -delta * (1 - a * a))
    report = gn.check_gradients(gn.sum(wrong(w, name="'<b>'")), {})
    page = report._repr_html_()
    tags = {tag.split()[0].strip("</>") for tag in page.replace(">", "> ").split("<")[1:]}
    assert tags <= {"div", "b", "table", "tr", "th", "td", "ul", "li", "br"}
    assert "\u202e" not in page
    assert "\u202e" not in str(report)
    assert "sign flipped" in page
    assert "WRONG" in page


def test_a_long_table_shows_what_is_wrong_first():
    flipped = gn.op(lambda z: np.sin(z))
    flipped.backward(lambda delta, a, z: -delta * np.cos(z))
    z = gn.parameter("w", [0.1, 0.2])
    for i in range(100):
        z = flipped(z, name="culprit") if i == 90 else gn.tanh(z)
    page = gn.check_gradients(gn.sum(z), {})._repr_html_()
    assert page.count("culprit") >= 2
    assert "more</div>" in page


def test_plain_data_and_json_say_the_same(network):
    E, feeds = network
    report = gn.check_gradients(E, feeds)
    data = json.loads(report.to_json())
    assert data == report.to_dict()
    assert (data["ok"], data["method"], data["verdict"]) == (True, "central", report.verdict)
    assert [f["label"] for f in data["findings"]] == [f.label for f in report.findings]
    worst = data["findings"][0]
    assert worst["worst"] == list(report.findings[0].worst)
    assert worst["rule"] == report.findings[0].rule
    assert {p["name"] for p in data["properties"]} >= {"linear in delta", "deterministic"}


def test_json_has_no_numbers_that_json_does_not_know():
    broken = gn.op(lambda z: z * 2)
    broken.backward(lambda delta, a, z: (delta, delta))
    data = json.loads(gn.check_op(broken, np.ones(2)).to_json(), parse_constant=pytest.fail)
    assert data["findings"][0]["rule"] == "nan"
    assert data["ok"] is False


def test_the_picture_marks_the_fault_and_what_was_checked():
    rng = np.random.default_rng(0)
    flipped = gn.op(lambda z: np.sin(z))
    flipped.backward(lambda delta, a, z: -delta * np.cos(z))
    w, x = gn.parameter("w", rng.normal(size=(2, 3))), gn.input("x", (4, 2))
    E = gn.sum(gn.tanh(flipped(x @ w, name="culprit"), name="fine"), name="E")
    boxes = {box.title: box for box in gn.draw(gn.check_gradients(E, {x: rng.normal(size=(4, 2))})).picture.boxes}
    assert boxes["culprit"].mark.kind == "fault"
    assert "sign flipped" in boxes["culprit"].mark.text
    assert boxes["fine"].mark.text == "checked"
    assert boxes["w"].mark.text == "its gradient is wrong too"
    assert boxes["x"].mark is None


def test_the_picture_says_which_property_is_broken():
    reused = []

    @gn.op
    def op(z):
        return z * 1.0

    @op.backward
    def rule(delta, a, z):
        if not reused:
            reused.append(np.empty_like(delta))
        reused[0][...] = delta
        return reused[0]

    report = gn.check_op(op, np.array([1.0, 2.0]))
    (box,) = [box for box in gn.draw(report).picture.boxes if box.title == "op alone"]
    assert "returns an alias that is later changed" in box.mark.text


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


def test_whole_numbers_alone_are_taken_for_real_ones():
    report = gn.check_op(gn.tanh, np.array([1, 2]))
    assert (report.ok, report.findings[0].entries) == (True, 2)


@pytest.mark.parametrize(
    "function", [lambda z: gn.tanh(z) * 2, lambda z: z, lambda z: 3, lambda z: None, dict, gn.ops.Tanh]
)
def test_check_op_takes_functions_that_apply_one_op(function):
    with pytest.raises(gn.errors.GraphError, match="expected an op"):
        gn.check_op(function, np.ones(2))


def test_check_op_takes_ops_only():
    with pytest.raises(gn.errors.GraphError, match="expected an op"):
        gn.check_op(len, np.ones(2))
    with pytest.raises(gn.errors.GraphError, match="expected an op"):
        gn.check_op("tanh", np.ones(2))
    with pytest.raises(gn.errors.GraphError, match=r"op matmul takes 2 inputs \(x, y\), got 1"):
        gn.check_op(gn.ops.Matmul(), np.ones((2, 2)))


@pytest.mark.parametrize(
    ("function", "arrays"),
    [
        (gn.tanh, [np.linspace(-1, 1, 5)]),
        (gn.matmul, [np.ones((2, 3)), np.ones((3, 4))]),
        (gn.leaky_relu, [np.array([-1.0, 2.0])]),
        (gn.softmax, [np.array([[0.1, 2.0]])]),
        (gn.take, [np.arange(6.0).reshape(3, 2), np.array([2, 2, 0])]),
        (gn.sum, [np.ones((2, 2))]),
    ],
)
def test_check_op_takes_the_op_functions_that_users_have_at_hand(function, arrays):
    report = gn.check_op(function, *arrays)
    assert report.ok
    assert report.findings[0].op == function.__name__


# Made by hand --------------------------------------------------------------------------------------------------------


def finding(label="a", entries=12, of=(4, 3), kinks=0, blurred=0, **changes):
    """Return a finding of which so many entries were compared, so many of them at kinks or without a difference."""
    if entries:  # the last of them is the worst
        difference = np.full(entries, 1 / 3 + 1e-3)
        difference[-1] = 2 / 3
        judgement = np.array(["kink"] * kinks + ["blurred"] * blurred + ["right"] * (entries - kinks - blurred))
        size = math.prod(of)
        shown = np.arange(min(5, size - 1) - entries + 1, min(5, size - 1) + 1) % size
        changes["compared"] = Judged(shown, np.full(entries, 1 / 3), difference, judgement)
    w = gn.parameter("w", np.zeros((4, 3)))
    usual = {"part": "rule", "node": gn.tanh(w, name=label), "slot": 0, "input": "z: δ", "verdict": "right"}
    return Finding(**{**usual, "label": label, "shape": of, **changes})


def report_on(*findings, **more):
    return Report(gn.Graph(findings[0].node), findings, **more)


NUMBERS = ["(1, 2)", "0.333333", "0.666667", "0.33"]
SAMPLED = "A WEAKER check: of 1 of these arrays a sample of the entries only"
TAYLOR = {"entries": 0, "directions": 3, "order": 1.98765}


@pytest.mark.parametrize(
    ("changes", "cells"),
    [
        ({}, ["12 of 12", *NUMBERS, "right"]),
        ({"entries": 5, "directions": 8}, ["5 of 12, 8 directions", *NUMBERS, "right"]),
        ({"kinks": 2, "blurred": 1}, ["12 of 12, 2 at kinks, 1 without a difference", *NUMBERS, "right"]),
        ({"verdict": "wrong"}, ["12 of 12", *NUMBERS, "WRONG"]),
        ({"verdict": "kink"}, ["12 of 12", *NUMBERS, "kink"]),
        ({**TAYLOR}, ["3 directions", "-", "-", "-", "order 1.99", "right"]),
        ({**TAYLOR, "order": None}, ["3 directions", "-", "-", "-", "-", "right"]),
        ({**TAYLOR, "order": None, "directions": 0, "verdict": "wrong"}, ["0 of 12", "-", "-", "-", "-", "WRONG"]),
    ],
)
def test_the_cells_of_a_row(changes, cells):
    assert list(cells_of(finding(**changes))) == ["a", "tanh", "z: δ", *cells]


@pytest.mark.parametrize(
    ("changes", "evidence"),
    [
        ({}, "worst at entry (1, 2): the rule says 0.333333, the finite difference 0.666667"),
        ({**TAYLOR}, "the remainder is of order 1.99, where a right gradient has 2"),
        ({**TAYLOR, "order": None}, "no entry could be compared"),
    ],
)
def test_the_evidence_of_a_finding(changes, evidence):
    assert finding(**changes).evidence == evidence


@pytest.mark.parametrize(
    ("findings", "verdict"),
    [
        ([finding()], "ALL RIGHT: 1 inputs of rules"),
        ([finding(), finding(part="gradient", slot=None)], "ALL RIGHT: 1 inputs of rules, 1 gradients from end to end"),
        (
            [finding(kinks=2), finding(blurred=3)],
            "ALL RIGHT: 2 inputs of rules; 2 entries at kinks set aside"
            "; 3 entries without a usable difference set aside",
        ),
        ([finding(entries=5), finding()], f"ALL RIGHT: 2 inputs of rules. {SAMPLED}"),
        (
            [finding(entries=5, directions=8)],
            f"ALL RIGHT: 1 inputs of rules. {SAMPLED}, and random directions over all of them",
        ),
        (
            [finding(verdict="kink"), finding()],
            "UNDECIDED at 'a': every entry lies at a kink, where there is no derivative; check at other values",
        ),
        (
            [finding(verdict="blurred")],
            "UNDECIDED at 'a': no difference to judge by: it drowns in rounding or leaves the domain",
        ),
        ([finding(entries=0)], "UNDECIDED: there was no entry to compare"),
    ],
)
def test_the_verdict(findings, verdict):
    report = report_on(*findings)
    assert report.verdict == verdict
    assert report.ok == verdict.startswith("ALL RIGHT")
    assert str(report).endswith(f"\n\n{verdict}")


def test_directions_alone_are_a_comparison_too():
    assert report_on(finding(**TAYLOR)).ok
    assert report_on(finding(**TAYLOR), method="taylor").verdict.endswith("A WEAKER check: in random directions only")
    assert report_on(finding(entries=1, of=(1,))).ok


def test_what_was_not_checked_from_end_to_end_is_said():
    report = report_on(finding(), skipped="Not checked from end to end: something.")
    assert not report.ok
    assert report.verdict == "UNDECIDED: Not checked from end to end: something."
    assert "\n\nNot checked from end to end: something.\n\nUNDECIDED" in str(report)
    assert "\n\n\n" not in str(report_on(finding()))


def test_each_part_has_a_table_of_its_own():
    blocks = str(report_on(finding(label="one"), finding(part="gradient", slot=None, label="two"))).split("\n\n")
    assert [block.splitlines()[0] for block in blocks[:2]] == ["Each backward rule alone", "From end to end"]
    assert [line.split()[0] for block in blocks[:2] for line in block.splitlines()[3:]] == ["one", "two"]


def test_json_is_indented_by_two_and_keeps_letters_as_they_are():
    text = report_on(finding()).to_json()
    assert text.splitlines()[1].startswith('  "ok"')
    assert "z: δ" in text
    assert "\n" not in report_on(finding()).to_json(indent=None)
