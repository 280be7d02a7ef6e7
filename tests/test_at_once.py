"""Threads and forked children get the answers that a single one gets."""

import os

import pytest

from tests.at_once import survey


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")
def test_eight_threads_and_forked_children_get_the_bits_of_one():
    counts = survey(threads=8, seconds=0.2, children=3)
    assert counts.keys() == {"answers", "children"}, counts
    assert counts["answers"] >= 8 * 2 * 7
