"""What the rules of the second set share."""

from __future__ import annotations


def unsum(d, like):
    """Sum `d` to the shape of `like`."""
    while d.ndim > like.ndim:
        d = d.sum(0)
    for k, n in enumerate(like.shape):
        if n == 1 and d.shape[k] != 1:
            d = d.sum(k, keepdims=True)
    return d
