"""Many versions of an array at once: what each of them alone would give, or a refusal."""

import numpy as np
import pytest

from graphnet.engine.perturb.probes import Stack


def test_what_a_stack_refuses():
    z = Stack(np.ones((4, 2, 3)))
    for ask in (
        bool,
        float,
        len,
        iter,
        np.asarray,
        lambda s: s[np.array([0, 1])],
        lambda s: np.sort(s),
        lambda s: np.take(s, s, axis=0),
        lambda s: np.take(np.arange(3.0), s, axis=0),
        lambda s: np.take(s, np.array([s]), axis=0),
        np.add.reduce,
        np.modf,
        lambda s: np.add(s, 1, dtype=np.float32),
        lambda s: np.dot(s[None], np.ones((3, 2))),
        lambda s: np.dot(s, 2.0),
        lambda s: 1 in s,
    ):
        with pytest.raises(TypeError):
            ask(z)
    with pytest.raises(TypeError):
        z[0] = 1.0
    assert (z.shape, z.ndim, z.size, np.shape(z), np.ndim(z), np.size(z)) == ((2, 3), 2, 6, (2, 3), 2, 6)


@pytest.mark.parametrize(
    "function",
    [
        lambda z: z.T @ z,
        lambda z: z @ z[0],
        lambda z: z[:, 0] @ z,
        lambda z: np.swapaxes(z, 0, -1),
        lambda z: np.transpose(z, (1, 0)),
        lambda z: z.reshape(-1),
        lambda z: z.reshape(3, 2) + z.ravel()[0],
        lambda z: np.expand_dims(z, (0, -1)),
        lambda z: np.squeeze(z[:1]),
        lambda z: np.squeeze(z[:1], axis=0),
        lambda z: np.broadcast_to(z[0], (4, 3)),
        lambda z: np.broadcast_to(z, (5, 2, 3)),
        lambda z: np.concatenate([z, np.ones((2, 1))], axis=-1),
        lambda z: np.stack([z, 2 * z], axis=1),
        lambda z: np.where(z > 0, z, 0) + np.clip(z, -0.5, 0.5),
        lambda z: np.where(np.array([True, False, True]), z, z[:1]),
        lambda z: np.take(z, np.array([[2, 0], [1, 1]]), axis=1),
        lambda z: z.sum(axis=0) / z.mean(axis=-1, keepdims=True) + z.max() - z.min(axis=1, keepdims=True),
        lambda z: np.prod(z, axis=(0, 1)) + np.var(z) + np.std(z),
        lambda z: np.zeros_like(z) + np.ones_like(z) * z.astype(float).copy(),
        lambda z: np.dot(z, np.ones(3)) + z[..., 1] * (z[:, None, 0] ** 2)[:, 0],
        lambda z: z.sum(axis=1),
        lambda z: z.mean(axis=0),
        lambda z: z.max(axis=-1),
        lambda z: z.min(axis=0),
        lambda z: z.sum(),
        lambda z: z.reshape((3, 2)),
        lambda z: z.reshape(6),
        lambda z: np.ravel(z),
        lambda z: np.concatenate([z, np.zeros((1, 3))]),
        lambda z: np.concatenate([z]),
        lambda z: np.stack([z, 2 * z]),
        lambda z: z[None] @ np.ones((3, 2)),
        lambda z: z[None] @ np.ones((1, 3, 2)),
        lambda z: z @ np.arange(6.0).reshape(1, 3, 2),
        lambda z: np.ones((4, 2)) @ z,
        lambda z: -abs(z) + 1 / (2 + z * z) - 2**z,
    ],
)
def test_a_stack_computes_what_each_version_would(function):
    data = np.random.default_rng(0).normal(size=(4, 2, 3))
    together = function(Stack(data))
    assert isinstance(together, Stack)
    np.testing.assert_allclose(together.data, np.stack([function(version) for version in data]), rtol=1e-13)
    assert together.shape == np.shape(function(data[0]))


@pytest.mark.parametrize("axis", [2, -3])
def test_an_axis_that_a_version_has_not_is_refused(axis):
    with pytest.raises(np.exceptions.AxisError):
        np.sum(Stack(np.ones((4, 2, 3))), axis=axis)
