"""Models of ONNX: its own tests pass as graphs, and onnxruntime computes what is written as graphnet does."""

import struct
import sys
from pathlib import Path

import numpy as np
import pytest

import graphnet as gn
from graphnet.errors import DtypeError, GraphnetError, LoadError, OpaqueError, SaveError

onnx = pytest.importorskip("onnx")
ort = pytest.importorskip("onnxruntime")
pytestmark = [pytest.mark.interop, pytest.mark.filterwarnings("ignore")]  # onnx and torch warn of themselves
rng = np.random.default_rng(0)


def run(path, feeds, dtype=np.float32):
    """Return what onnxruntime computes."""
    session = ort.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    wanted = {each.name: each.type for each in session.get_inputs()}
    types = {"tensor(float)": np.float32, "tensor(double)": np.float64, "tensor(int64)": np.int64, "tensor(bool)": bool}
    fed = {name: np.asarray(value).astype(types[wanted[name]]) for name, value in feeds.items() if name in wanted}
    return session.run(None, fed)


def agrees(outputs, feeds, tmp_path, atol=2e-5):
    """Write a graph, and hold what onnxruntime computes of the file, and graphnet of it again, to graphnet's own numbers."""
    path = tmp_path / "model.onnx"
    gn.to_onnx(outputs, path)
    graph = outputs if isinstance(outputs, gn.Graph) else gn.Graph(outputs)
    fwd = gn.forward(graph, feeds)
    for node, got in zip(graph.outputs, run(path, feeds), strict=True):
        np.testing.assert_allclose(got, fwd[node], rtol=1e-4, atol=atol)
    back = gn.from_onnx(path)
    again = gn.forward(back, {each.name: feeds[each.name] for each in back.inputs})
    for node, twin in zip(graph.outputs, back.outputs, strict=True):
        np.testing.assert_allclose(again[twin], fwd[node], rtol=1e-4, atol=atol)
    return path


E = np.exp
x34, y34, p34, b4 = rng.normal(size=(3, 4)), rng.normal(size=(3, 4)), rng.uniform(0.2, 0.9, (3, 4)), rng.normal(size=4)
image, square = rng.normal(size=(2, 4, 6, 7)), rng.normal(size=(3, 3))
places = np.array([[2, 0], [1, 1]])

OPS = {
    **{
        f.__name__: (f, x34)
        for f in (
            gn.abs, gn.sign, gn.exp, gn.expm1, gn.sin, gn.cos, gn.tan, gn.sinh, gn.cosh, gn.tanh, gn.square, gn.negative,
            gn.reciprocal, gn.floor, gn.ceil, gn.trunc, gn.rint, gn.cbrt, gn.exp2, gn.arctan, gn.arcsinh, gn.relu, gn.sigmoid,
            gn.softplus, gn.identity, gn.erf, gn.normal_cdf, gn.silu, gn.gelu, gn.gelu_tanh, gn.mish, gn.selu, gn.relu6,
            gn.hard_tanh, gn.hard_sigmoid, gn.hard_swish, gn.zeros_like, gn.ones_like, gn.isnan, gn.isinf, gn.isfinite,
            gn.deg2rad, gn.nan_to_num, gn.argsort, gn.signbit, gn.batch_size, gn.elu, gn.celu, gn.leaky_relu, gn.softmax,
            gn.log_softmax, gn.layer_norm, gn.rms_norm, gn.logsumexp, gn.std, gn.var, gn.median, gn.prod, gn.ptp, gn.cumsum,
            gn.cumprod, gn.sort, gn.fliplr, gn.tril, gn.triu, gn.ravel, gn.count_nonzero, gn.any, gn.all, gn.max, gn.min,
            gn.mean, gn.sum, gn.transpose, gn.diff,
        )
    },
    **{f.__name__: (f, p34) for f in (gn.log, gn.log1p, gn.log2, gn.log10, gn.sqrt, gn.arcsin, gn.arccos, gn.arctanh)},
    **{
        f.__name__: (f, x34, y34)
        for f in (
            gn.add, gn.subtract, gn.multiply, gn.divide, gn.maximum, gn.minimum, gn.hypot, gn.arctan2, gn.logaddexp,
            gn.logaddexp2, gn.remainder, gn.fmod, gn.floor_divide, gn.greater, gn.less_equal, gn.not_equal, gn.equal,
            gn.heaviside, gn.sse, gn.mse, gn.huber, gn.logical_xor,
        )
    },
    "binary_cross_entropy": (gn.binary_cross_entropy, x34, p34),
    "cross_entropy": (gn.cross_entropy, x34, np.eye(4)[[1, 3, 0]]),
    "power": (gn.power, p34, y34),
    "arccosh": (gn.arccosh, 1 + p34),
    "round to two": (lambda z: gn.round(z, 2), x34),
    "bias_add": (gn.bias_add, x34, b4),
    "matmul": (lambda x, y: x @ y.T, x34, y34),
    "product of stacks": (gn.matmul, rng.normal(size=(2, 3, 4)), rng.normal(size=(2, 4, 5))),
    "einsum": (lambda x, y: gn.einsum("ij,ik->jk", x, y), x34, y34),
    "concatenate": (lambda x, y: gn.concatenate([x, y], 1), x34, y34),
    "stack": (lambda x, y: gn.stack([x, y], 1), x34, y34),
    "where": (lambda x, y: np.where(x > y, x, 2.0), x34, y34),
    "clip": (lambda z: np.clip(z, -0.5, 0.5), x34),
    "keepdims": (lambda z: z - z.mean(axis=1, keepdims=True), x34),
    "reshape": (lambda z: z.reshape(2, 6), x34),
    "broadcast_to": (lambda z: gn.broadcast_to(z, (5, 3, 4)), x34),
    "squeeze": (lambda z: gn.squeeze(z[:, None], 1), x34),
    "slices": (lambda z: z[::-1, 1:4:2], x34),
    "one row": (lambda z: z[-1], x34),
    "one entry and a new axis": (lambda z: z[None, 1, :, None], x34),
    "paired places": (lambda z: z[np.array([0, 2, 2]), np.array([3, 0, 1])], x34),
    "take": (lambda z: gn.take(z, places, 1), x34),
    "take_along_axis": (lambda z: gn.take_along_axis(z, places[:, :1].T.repeat(3, 0), 1), x34),
    "mask": (lambda z: z[np.array([True, False, True])], x34),
    "pad": (lambda z: np.pad(z, ((1, 0), (0, 2)), constant_values=0.5), x34),
    "roll": (lambda z: np.roll(z, 1, 1), x34),
    "tile": (lambda z: np.tile(z, (2, 3)), x34),
    "repeat": (lambda z: np.repeat(z, 2, 1), x34),
    "split": (lambda z: np.split(z, 2, 1)[1], x34),
    "swapaxes": (lambda z: np.swapaxes(z, 1, 3), image),
    "argmax": (lambda z: gn.argmax(z, 1), x34),
    "det": (gn.linalg.det, square),
    "diag": (gn.diag, square),
    "trace": (gn.trace, square),
    "polynomial": (lambda z: gn.polynomial(z, [1, -2, 0.5]), x34),
    "group_norm": (lambda z: gn.group_norm(z, 2), image),
    "layer_norm of images": (lambda z: gn.layer_norm(z, (1, 2, 3)), image),
    "layer_norm of the first axis": (lambda z: gn.layer_norm(z, 0), x34),
    "batch_norm": (gn.batch_norm, x34),
    "max_pool2d": (lambda z: gn.max_pool2d(z, 3, 2, 1), image),
    "avg_pool2d": (lambda z: gn.avg_pool2d(z, 2, 2, 1), image),
    "conv1d": (lambda z: gn.conv1d(z, np.ones((2, 4, 3)), 2, 1), rng.normal(size=(2, 4, 9))),
    "conv2d": (lambda z, W: gn.conv2d(z, W, (2, 1), (1, 2), (1, 2)), image, rng.normal(size=(5, 4, 3, 2))),
    "conv2d in groups": (lambda z, W: gn.conv2d(z, W, groups=2), image, rng.normal(size=(6, 2, 3, 3))),
    "attention": (gn.attention, *rng.normal(size=(3, 2, 4, 5))),
}  # fmt: skip


@pytest.mark.parametrize("name", OPS)
def test_onnxruntime_computes_what_an_op_does(name, tmp_path):
    function, *arrays = OPS[name]
    leaves = [gn.input(f"x{i}", array.shape) for i, array in enumerate(arrays)]
    agrees(function(*leaves), dict(zip(["x0", "x1", "x2"], arrays, strict=False)), tmp_path)


SMOOTH = {name: given for name, given in OPS.items() if name not in ("argmax", "argsort", "batch_size", "det")}


@pytest.mark.parametrize("name", SMOOTH)
def test_onnxruntime_computes_the_error_signals_of_an_op(name, tmp_path):
    function, *arrays = SMOOTH[name]
    leaves = [gn.input(f"x{i}", array.shape) for i, array in enumerate(arrays)]
    z = function(*leaves)
    if z.dtype.kind != "f":
        pytest.skip("its output is no real number")
    loss = gn.sum(z * np.cos(np.arange(z.size)).reshape(z.shape))
    try:
        signals = gn.gradients(loss, leaves[:1])
    except gn.errors.UnreachableError:
        pytest.skip("it moves in steps")
    agrees([loss, *signals], dict(zip(["x0", "x1", "x2"], arrays, strict=False)), tmp_path, atol=1e-4)
