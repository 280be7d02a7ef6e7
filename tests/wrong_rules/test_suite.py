"""Wrong rules are caught, located and called by a right name or none; right rules are left alone. tools/ runs more of both."""

import numpy as np
import pytest

import graphnet as gn
from tests.wrong_rules.faults import FAULTS
from tests.wrong_rules.right import survey
from tests.wrong_rules.score import score

GRAPHS = 2


@pytest.mark.parametrize("i", range(len(FAULTS)), ids=lambda i: f"{FAULTS[i].base.op.name}: {FAULTS[i].name}")
def test_a_wrong_rule_is_caught_located_and_not_misnamed(i):
    result = score(FAULTS[i], range(100 + i, 100 + i + GRAPHS))
    assert result.tried
    assert result.missed == []
    assert result.misnamed == []


def test_the_suite_has_every_family_and_enough_rules():
    assert len(FAULTS) >= 60
    assert {fault.base.family for fault in FAULTS} == {
        "elementwise",
        "broadcast",
        "matrix",
        "reduction",
        "shape",
        "loss",
    }


def test_right_rules_in_the_same_networks_are_right():
    for fault in {fault.base.op.name: fault for fault in FAULTS}.values():
        rng = np.random.default_rng(3)
        arguments = fault.base.arguments(rng)
        assert gn.check_op(fault.base.op, *arguments).failures == ()


@pytest.mark.parametrize("first", range(0, 300, 50))
def test_no_false_alarm_at_hard_places_and_in_random_networks(first):
    counts, alarms = survey(range(first, first + 50))
    assert alarms == []
    assert counts["right"] > 100
