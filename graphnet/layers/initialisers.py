"""Initial weights: random, and of such a size that signals neither grow nor shrink on their way through many layers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal, TypeAlias

import numpy as np

from graphnet.common.settings import generator, takes, whole
from graphnet.core.leaves import float_array
from graphnet.errors import GraphError, ShapeError, shown

Activation: TypeAlias = Callable[[Any], Any]
Initialiser: TypeAlias = Callable[[np.random.Generator, int, int], np.ndarray[Any, Any]]
Init: TypeAlias = Literal["glorot", "he"] | Initialiser


def glorot(rng: np.random.Generator, n_in: int, n_out: int) -> np.ndarray[Any, Any]:
    """Draw weights that keep the size of signals the same, forward and backward, through tanh-like units.

    Uniform in ±√(6 / (n_in + n_out)) (Glorot and Bengio, 2010).

    Parameters
    ----------
    rng
        Where the numbers come from.
    n_in, n_out
        Units before and in the layer.

    Returns
    -------
    numpy.ndarray
        Shape (n_in, n_out).

    Examples
    --------
    >>> bool(abs(glorot(np.random.default_rng(0), 4, 2)).max() <= 1)
    True
    """
    _check(rng, n_in, n_out)
    limit = np.sqrt(6 / (n_in + n_out))
    return rng.uniform(-limit, limit, (n_in, n_out))


def he(rng: np.random.Generator, n_in: int, n_out: int) -> np.ndarray[Any, Any]:
    """Draw weights that keep the size of signals the same through relu units, half of which are off.

    Normal with standard deviation √(2 / n_in) (He et al., 2015).

    Parameters
    ----------
    rng
        Where the numbers come from.
    n_in, n_out
        Units before and in the layer.

    Returns
    -------
    numpy.ndarray
        Shape (n_in, n_out).

    Examples
    --------
    >>> he(np.random.default_rng(0), 4, 2).shape
    (4, 2)
    """
    _check(rng, n_in, n_out)
    return rng.normal(scale=np.sqrt(2 / n_in), size=(n_in, n_out))


INITIALISERS: dict[str, Initialiser] = {"glorot": glorot, "he": he}


def weights(init: Init, rng: np.random.Generator, n_in: int, n_out: int) -> np.ndarray[Any, Any]:
    """Draw weights of shape (n_in, n_out) by the name of an initialiser, or by a function."""
    draw = INITIALISERS.get(init) if isinstance(init, str) else init
    if not callable(draw):
        repair = f"Known are {', '.join(INITIALISERS)}, or give a function of (rng, n_in, n_out)."
        raise GraphError(f"init {shown(init)} is unknown", repair=repair)
    generator(rng)
    takes(draw, 3, "init")
    drawn = float_array(draw(rng, n_in, n_out), "what init draws")
    if drawn.shape != (n_in, n_out):
        problem = f"init {shown(init)} drew an array of shape {drawn.shape}, expected {(n_in, n_out)}"
        raise ShapeError(problem, repair="It is given (rng, n_in, n_out), and draws a row for each input.")
    return drawn


def _check(rng: object, n_in: object, n_out: object) -> None:
    generator(rng)
    for what, number in (("n_in", n_in), ("n_out", n_out)):
        whole(number, what, least=1)
