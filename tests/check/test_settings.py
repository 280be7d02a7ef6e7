"""What may be asked of a check."""

import numpy as np
import pytest

import graphnet as gn
from graphnet.check.methods import METHODS


@pytest.mark.parametrize(
    "options",
    [
        {"step": 0.5},
        {"step": np.float32(1e-3)},
        {"budget": 0.5},
        {"budget": 10},
        {"entries": 1},
        {"entries": np.int64(2)},
    ],
)
def test_options_that_are_taken(options):
    assert gn.check_op(gn.ops.Negative(), np.ones(3), **options).ok


@pytest.mark.parametrize("method", METHODS)
def test_methods_that_are_taken(method):
    assert gn.check_op(gn.ops.Negative(), np.ones(3), method=method).ok


@pytest.mark.parametrize(
    "options",
    [
        {"step": True},
        {"budget": True},
        {"budget": "much"},
        {"budget": np.nan},
        {"budget": 0},
        {"entries": np.float64(2)},
    ],
)
def test_options_that_are_not(options):
    with pytest.raises(gn.errors.GraphError, match=f"{next(iter(options))} is"):
        gn.check_op(gn.ops.Negative(), np.ones(3), **options)


def test_by_default_a_check_of_one_array_takes_about_a_billion_multiply_adds():
    rng = np.random.default_rng(0)
    products, numbers = 32 * 512 * 128, 32 * 512 + 512 * 128 + 32 * 128
    report = gn.check_op(gn.matmul, rng.normal(size=(32, 512)), rng.normal(size=(512, 128)))
    for finding, slabs in zip(report.findings, (32, 128), strict=True):
        runs = finding.entries / slabs
        assert finding.sampled
        assert 2 * runs * (products + 10 * (numbers + finding.of)) == pytest.approx(1e9, rel=0.05)
