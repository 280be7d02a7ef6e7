"""Nothing stays of networks that are gone: a share of what tools/soak.py does for hours."""

import gc
from collections import Counter

import numpy as np

from tools.soak import network, use


def alive():
    """Count the objects of this package by their types."""
    gc.collect()
    kinds = (type(thing) for thing in gc.get_objects())
    return Counter(kind.__qualname__ for kind in kinds if str(kind.__module__).startswith("graphnet"))


def test_nothing_stays_of_networks_that_were_used_for_everything(tmp_path):
    def use_new_ones(count):
        for i in range(count):
            use(*network(np.random.default_rng(i)), tmp_path / "net.gn")
        return alive()

    use_new_ones(1)  # what is imported and remembered once
    before = use_new_ones(3)
    assert use_new_ones(3) <= before
