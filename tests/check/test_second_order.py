"""Gradients of gradients: those as a graph against those on arrays, and which leaves take part."""

import numpy as np
import pytest

import graphnet as gn


def cubes(size, nodes=1.0, arrays=lambda message: message):
    """Return size · Σ w³, by a rule that is off by a factor if given nodes, and by a function if given arrays."""

    @gn.op
    def cube(z):
        return size * (z * z * z)

    @cube.backward
    def rule(delta, a, z):
        message = delta * size * (3 * z * z)
        return arrays(message) if isinstance(z, np.ndarray) else message * nodes

    return cube


@pytest.mark.parametrize("size", [1e-4, 1e-3, 1.0, 1e3])
@pytest.mark.parametrize(("factor", "same"), [(1.0, True), (1 + 1e-8, False), (0.5, False)])
def test_the_gradient_as_a_graph_is_that_on_arrays_to_a_billionth(size, factor, same):
    w = gn.parameter("w", [0.5, 1.5])
    report = gn.check_gradients(gn.sum(cubes(size, factor)(w)), {}, second_order=True)
    unlike = [f for f in report.failures if "given nodes" in f.diagnosis]
    assert bool(unlike) != same
    if not same:
        assert (unlike[0].label, unlike[0].worst, unlike[0].entries) == ("w", (1,), 2)
        assert unlike[0].rule == pytest.approx(factor * size * 3 * 1.5**2, rel=1e-12)
        assert unlike[0].difference == pytest.approx(size * 3 * 1.5**2, rel=1e-12)


def test_rounding_beside_large_error_signals_is_no_difference():
    w, v = gn.parameter("w", [0.5, 1.5]), gn.parameter("v", [1e6, 2e6])
    rounded = cubes(1e-4, arrays=lambda message: (message + 1e5) - 1e5)
    report = gn.check_gradients(gn.sum(rounded(w)) + gn.sum(v * v), {}, second_order=True)
    assert not [f for f in report.failures if "given nodes" in f.diagnosis]


def test_every_leaf_takes_part():
    w, v, u = (gn.parameter(name, [0.5, 1.5]) for name in "wvu")
    report = gn.check_gradients(gn.sum(w**2) + gn.sum(v**3) + gn.sum(u**4), {}, second_order=True)
    assert report.ok, str(report)
    assert {f.label for f in report.findings if f.part == "second order gradient"} == {"w", "v", "u"}


def test_every_output_takes_part():
    w, v = gn.parameter("w", [0.5, 1.5]), gn.parameter("v", [0.5, 1.5])
    for graph in (gn.Graph(gn.sum(w**3), gn.sum(v**3)), gn.Graph(gn.tanh(w) * v)):
        report = gn.check_gradients(graph, {}, second_order=True)
        assert report.ok, str(report)
        assert {f.label for f in report.findings if f.part == "second order gradient"} == {"w", "v"}


@pytest.mark.parametrize("power", [2, 3, 4.0, -1])
def test_powers_of_negative_numbers_are_right_to_second_order(power):
    """The exponent of the gradient is a difference of constants, and has no slope where the base is negative."""
    w = gn.parameter("w", [-1.5, 0.5])
    report = gn.check_gradients(gn.sum(w**power), {}, second_order=True)
    assert report.ok, str(report)
