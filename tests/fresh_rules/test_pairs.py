"""Each right rule is right, each wrong one is wrong where its record says, by differences of our own."""

from __future__ import annotations

import math

import numpy as np
import pytest

import graphnet as gn
from tools.fresh_rules import ALSO, WORDS, named

from . import FAMILIES, RULES
from .oracle import changes, difference, slopes
from .record import KINDS

CASES = {(rule.family, rule.case): rule for rule in RULES}


@pytest.mark.parametrize("rule", CASES.values(), ids=lambda rule: f"{rule.family}-{rule.case}")
def test_the_right_rule_is_right(rule):
    for number in range(3):
        error, scale = slopes(rule, number)
        assert error <= 2e-9 * scale, (rule.case, number, error)


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: f"{rule.family}-{rule.name}")
def test_the_wrong_rule_is_wrong(rule):
    # Such a rule may give the right numbers, and change what others hold.
    if rule.kind in {"writes into arguments", "reused buffer"} and any(changes(rule, number) for number in range(3)):
        return
    worst = max(difference(rule, number)[0] for number in range(3))
    low, high = (1e-6, 2e-3) if rule.kind == "small" else (1e-3, math.inf)
    assert low < worst < high, worst
    # Where several slopes are right, to differ from the right rule isn't enough.
    if rule.domain.kinks and rule.kind != "stale state":
        found = (slopes(rule, number, wrong=True) for number in range(3))
        assert any(error > low * scale for error, scale in found)


def test_the_registry_is_whole():
    assert len(RULES) >= 160
    assert len({rule.name for rule in RULES}) == len(RULES)
    assert len(FAMILIES) >= 12
    for family in FAMILIES:
        assert len(family.rules) >= 10, family.name
        # A case without a wrong rule would not be looked at.
        assert {rule.case for rule in family} == set(family.cases), family.name
    for rule in RULES:
        assert rule.came, rule.name
        assert isinstance(rule.right(), gn.Op | gn.op)
        assert isinstance(rule.wrong(), gn.Op | gn.op)
        for number in range(3):
            first, again = rule.arrays(number), rule.arrays(number)
            assert all(np.array_equal(x, y) for x, y in zip(first, again, strict=True))
            assert len(rule.domain.slots) == len(first), rule.name


def test_every_kind_of_fault_is_used_and_has_its_words():
    assert set(WORDS) == set(KINDS) == {rule.kind for rule in RULES}


def test_what_else_names_a_fault_is_told_of_rules_that_there_are():
    assert set(ALSO) <= {rule.name for rule in RULES}


@pytest.mark.parametrize(
    ("said", "outcome"),
    [
        ("sign flipped: ratio −1 over all 6 entries", "truly"),
        ("no known signature; tried: signs, factors, terms", "unknown"),  # a list of what was tried names nothing
        ("no known signature; tried: signs | sign flipped: ratio −1", "truly"),
        ("always zero", "misnamed"),
        ("", "unknown"),
    ],
)
def test_what_was_tried_in_vain_is_no_name(said, outcome):
    assert named("any rule", "sign", said) == outcome
