"""Random directions over a whole array."""

import numpy as np

from graphnet.check.methods import moved_along, random_directions
from tests.check.one_rule import response_of


def test_in_a_random_direction_every_entry_moves_as_far_as_its_size_asks_for():
    array = np.array([[0.0, 0.5], [-3.0, 1e6]])
    directions = random_directions(array, np.random.default_rng(0))
    assert directions.shape == (8, 4)
    np.testing.assert_array_equal(np.abs(directions), np.tile([1.0, 1.0, 3.0, 1e6], (8, 1)))
    for sign in (-1, 1):
        assert (np.sign(directions) == sign).any(axis=0).all()


def test_how_a_result_changes_along_directions():
    z = np.array([[0.5, -1.0, 2.0]])
    moved = moved_along(
        response_of(lambda z: z * z, z, np.array([[1.0, 2.0, 3.0]])), np.array([[1.0, 0.0, 1.0], [0.0, 5.0, 0.0]])
    )
    change, _ = moved.changes(np.arange(2), np.zeros(2), np.full(2, 0.1))
    np.testing.assert_allclose(change, [0.6**2 - 0.5**2 + 3 * (2.1**2 - 4), 2 * (0.5**2 - 1)])
