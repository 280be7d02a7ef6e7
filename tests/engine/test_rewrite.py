"""Rewrites: what changes nothing is left out of programs and of formulas alike, and nothing else is."""

import re

import numpy as np
import pytest

import graphnet as gn
from graphnet.notation import rule_formulas

Z = np.array([[0.5, -1.25, 3.0], [2.0, 0.25, -0.75]])
SAME = {
    "z · 1": lambda z: z * 1.0,
    "1 · z": lambda z: 1.0 * z,
    "z / 1": lambda z: z / 1.0,
    "z¹": lambda z: z**1.0,
    "z + 0": lambda z: z + 0.0,
    "0 + z": lambda z: 0.0 + z,
    "z − 0": lambda z: z - 0.0,
    "−(−z)": lambda z: np.negative(-z),
    "reshape": lambda z: gn.reshape(z, (2, 3)),
    "broadcast_to": lambda z: np.broadcast_to(z, (2, 3)),
    "where True": lambda z: np.where(np.array(True), z, 2 * z),
    "where False": lambda z: np.where(np.array(False), 2 * z, z),
}
OTHER = {
    "1 / z": lambda z: 1.0 / z,
    "0 − z": lambda z: 0.0 - z,
    "1 ** z": lambda z: gn.power(1.0, z),
    "z · 2": lambda z: z * 2.0,
    "reshape": lambda z: gn.reshape(z, (3, 2)),
    "sum of one row": lambda z: gn.sum(z[:1], axis=0),
    "where, by column": lambda z: np.where(np.array([True, False, True]), z, 2 * z),
    "and True": lambda z: np.where(np.logical_and(z > 0, np.array(True)), 2 * z, 3 * z),
    "and False": lambda z: np.where(np.logical_and(z > 0, np.array(False)), 2 * z, 3 * z),
    "or True": lambda z: np.where(np.logical_or(z > 0, np.array(True)), 2 * z, 3 * z),
    "or False": lambda z: np.where(np.logical_or(z > 0, np.array(False)), 2 * z, 3 * z),
}


@pytest.mark.parametrize("how", SAME)
def test_what_changes_nothing_is_in_no_program_and_in_no_formula(how):
    same = gn.op(SAME[how])
    same.backward(lambda delta, a, z: SAME[how](delta))
    z = gn.parameter("z", Z)
    y = same(z)
    E, plain = gn.sum(gn.exp(y)), gn.sum(gn.exp(gn.identity(z)))
    steps = [gn.compile(each) for each in (E, plain)]
    np.testing.assert_array_equal(steps[0]({})[1]["z"], steps[1]({})[1]["z"])
    nodes = [re.search(r"lowering: ([0-9]+) nodes", step.explain())[1] for step in steps]
    assert nodes[0] == nodes[1]
    rules = rule_formulas(E)[y]
    assert (rules.forward.text, rules.backward[0].text) == ("z", rules.signal.text)


@pytest.mark.parametrize("how", OTHER)
def test_what_changes_something_stays(how):
    z = gn.parameter("z", Z)
    E = gn.sum(gn.square(OTHER[how](z)), name="E")
    loss, gradients = gn.compile(E)({})
    bwd = gn.backward(E, {})
    np.testing.assert_allclose(loss, bwd["E"], rtol=1e-14)
    np.testing.assert_allclose(gradients["z"], bwd.gradient(z), rtol=1e-14)
    np.testing.assert_allclose(gn.derive(E, z).evaluate(bwd)["z"], bwd.gradient(z), rtol=1e-14)
