# ruff: noqa: B008, E501  the table has one line for each call
"""A right call of every public function and method: what odd values are then put into, one place at a time."""

import operator

import numpy as np

import graphnet as gn
from graphnet.notation import rule_formulas
from tests.mistakes import world
from tests.mistakes.world import World

NOT_CALLED = {
    **dict.fromkeys(
        (
            "gn.JaxEngine",
            "gn.check_jax",
            "gn.check_torch",
            "gn.from_jax",
            "gn.from_onnx",
            "gn.from_torch",
            "gn.jax_op",
            "gn.to_jax",
            "gn.to_onnx",
            "gn.torch_op",
        ),
        "need another library",
    ),
    "gn.from_sklearn": "needs a fitted network",
    "gn.composite": "a decorator, with tests of its own",
    "gn.BackwardPass": "made by gn.backward",
    "gn.Constant": "made by gn.constant",
    "gn.Drawing": "made by gn.draw",
    "gn.ForwardPass": "made by gn.forward",
    "gn.Input": "made by gn.input",
    "gn.Message": "made by gn.backward",
    "gn.Node": "made by ops",
    "gn.Parameter": "made by gn.parameter",
    "gn.Report": "made by the checks",
    "gn.StepCurve": "made by gn.step_curve",
    "gn.Training": "made by gn.fit",
    "gn.History": "made by gn.fit",
    "gn.Callback": "a class to derive from, without arguments",
    "gn.errors": "a module",
    "gn.ops": "a module",
    "gn.layers": "a module",
    "gn.linalg": "a module",
    "gn.plots": "a module",
    "gn.schedules": "a module",
    "ops.Op": "a class to derive from",
    "ops.Primitive": "a class to derive from",
    "ops.overview": "takes nothing",
    "layers.INITIALISERS": "a dict",
    "layers.Activation": "a type",
    "layers.Initialiser": "a type",
    "schedules.Schedule": "a type",
}
"""Public names that users don't call, with the reason."""

CALLS = {}
"""Name → function of a `World` that returns what to call, its positional arguments and its named ones."""


def call(name):
    def add(make):
        CALLS[name] = make
        return make

    return add


def right(name, make):
    CALLS[name] = make


def _ops():
    z = lambda w: w.a  # noqa: E731
    for name in ["abs", "exp", "identity", "log", "negative", "relu", "sigmoid", "softplus", "sqrt", "square", "tanh"]:
        right(f"gn.{name}", lambda w, f=getattr(gn, name): (f, [z(w)], {"name": "new"}))
    for name in [
        "add",
        "subtract",
        "multiply",
        "divide",
        "power",
        "maximum",
        "minimum",
        "mse",
        "sse",
        "binary_cross_entropy",
        "cross_entropy",
        "accuracy",
    ]:
        right(f"gn.{name}", lambda w, f=getattr(gn, name): (f, [w.a, w.t], {"name": "new"}))
    for name in ["softmax", "log_softmax"]:
        right(f"gn.{name}", lambda w, f=getattr(gn, name): (f, [w.a, 1], {"name": "new"}))
    for name in ["sum", "mean", "max"]:
        right(f"gn.{name}", lambda w, f=getattr(gn, name): (f, [w.a, 1], {"keepdims": True, "name": "new"}))
        right(f"gn.{name} of an array", lambda w, f=getattr(gn, name): (f, [w.X, 1], {"keepdims": True}))
    for name, second in (("sigmoid", None), ("add", 1), ("sse", 1), ("cross_entropy", 1), ("accuracy", 1)):
        right(
            f"gn.{name} of arrays",
            lambda w, f=getattr(gn, name), s=second: (f, [w.X, w.X][: 1 if s is None else 2], {}),
        )
    right("gn.matmul", lambda w: (gn.matmul, [w.x, w.W], {"name": "new"}))
    right("gn.matmul of arrays", lambda w: (gn.matmul, [w.X, w.W.value], {}))
    right("gn.bias_add", lambda w: (gn.bias_add, [w.a, w.b], {"name": "new"}))
    right("gn.where", lambda w: (gn.where, [w.a > 0, w.a, w.t], {"name": "new"}))
    right("gn.batch_norm", lambda w: (gn.batch_norm, [w.a], {"epsilon": 1e-3, "name": "new"}))
    right("gn.batch_norm of an array", lambda w: (gn.batch_norm, [w.X], {"epsilon": 1e-3}))
    right("gn.layer_norm", lambda w: (gn.layer_norm, [w.a, -1], {"epsilon": 1e-3, "name": "new"}))
    right("gn.layer_norm of an array", lambda w: (gn.layer_norm, [w.X, -1], {"epsilon": 1e-3}))
    right("gn.leaky_relu", lambda w: (gn.leaky_relu, [w.a, 0.1], {"name": "new"}))
    right("gn.polynomial", lambda w: (gn.polynomial, [w.a, [1.0, 2.0]], {"name": "new"}))
    right("gn.broadcast_to", lambda w: (gn.broadcast_to, [w.b, (3, 2)], {"name": "new"}))
    right("gn.reshape", lambda w: (gn.reshape, [w.a, (-1,)], {"name": "new"}))
    right("gn.reshape of an array", lambda w: (gn.reshape, [w.X, (-1,)], {}))
    right("gn.transpose", lambda w: (gn.transpose, [w.a, (1, 0)], {"name": "new"}))
    right("gn.concatenate", lambda w: (gn.concatenate, [[w.a, w.t], 1], {"name": "new"}))
    right("gn.concatenate, a part", lambda w: (lambda part: gn.concatenate([w.a, part], 1), [w.t], {}))
    right("gn.concatenate of arrays", lambda w: (gn.concatenate, [[w.X, w.T], 1], {}))
    right("gn.take", lambda w: (gn.take, [w.a, w.positions, 0], {"name": "new"}))
    right("gn.take_along_axis", lambda w: (gn.take_along_axis, [w.a, [[0, 0]], 0], {"name": "new"}))
    for name, more in _WORDS.items():
        right(f"gn.{name}", lambda w, f=getattr(gn, name), m=more: (f, [w.W[:, :, None], *m], {}))
    for name in ("stack", "vstack", "hstack", "column_stack"):
        right(f"gn.{name}", lambda w, f=getattr(gn, name): (f, [[w.a, w.t]], {}))
    right("gn.matvec", lambda w: (gn.matvec, [w.W, [1.0, 2.0]], {}))
    right("gn.vecdot", lambda w: (gn.vecdot, [w.a, w.a], {"axis": 0}))
    right("gn.meshgrid", lambda w: (gn.meshgrid, [w.b, [1.0, 2.0]], {"indexing": "ij"}))
    right("gn.linalg.vector_norm", lambda w: (gn.linalg.vector_norm, [w.a], {"axis": 0}))
    right("gn.batch_size", lambda w: (gn.batch_size, [w.a], {"name": "new"}))
    right("gn.take of an array", lambda w: (gn.take, [w.X, [0, 1], 0], {}))
    right("gn.one_hot", lambda w: (gn.one_hot, [w.positions, 3], {"name": "new"}))
    right("gn.one_hot of an array", lambda w: (gn.one_hot, [[0, 1], 3], {}))
    kernels = np.ones((3, 2, 3, 3))
    right("gn.conv2d", lambda w: (gn.conv2d, [w.images, kernels, 1, 0], {"name": "new"}))
    right("gn.conv2d of arrays", lambda w: (gn.conv2d, [np.ones((1, 2, 5, 5)), kernels, 1, "same"], {}))
    right("gn.max_pool2d", lambda w: (gn.max_pool2d, [w.images, 2, 1], {"name": "new"}))
    for name in (
        "erf",
        "gelu",
        "gelu_tanh",
        "hard_sigmoid",
        "hard_swish",
        "hard_tanh",
        "mish",
        "normal_cdf",
        "relu6",
        "selu",
        "silu",
    ):
        right(f"gn.{name}", lambda w, f=getattr(gn, name): (f, [w.a], {"name": "new"}))
    for name, setting in (("celu", 0.5), ("elu", 0.5), ("rms_norm", -1), ("smooth_labels", 0.2), ("group_norm", 1)):
        right(f"gn.{name}", lambda w, f=getattr(gn, name), v=setting: (f, [w.a, v], {"name": "new"}))
    for name in ("hinge", "huber", "kl_divergence"):
        right(f"gn.{name}", lambda w, f=getattr(gn, name): (f, [w.a, w.t], {"name": "new"}))
    right("gn.attention", lambda w: (gn.attention, [w.a, w.a, w.a], {"name": "new"}))
    right("gn.avg_pool2d", lambda w: (gn.avg_pool2d, [w.images, 2, 1], {"name": "new"}))
    right("gn.conv1d", lambda w: (gn.conv1d, [w.images[:, :, 0], kernels[:, :, 0], 1, 0, 1, 1], {"name": "new"}))
    gates = [np.ones((2, 6)), np.ones((2, 6)), np.ones(6), np.ones(6)]
    right("gn.gru_cell", lambda w: (gn.gru_cell, [w.a, w.a, *gates], {"name": "new"}))
    cells = [np.ones((2, 8)), np.ones((2, 8)), np.ones(8)]
    right("gn.lstm_cell", lambda w: (gn.lstm_cell, [w.a, w.a, w.a, *cells], {}))
    right("gn.dropout", lambda w: (gn.dropout, [w.a, w.a > 0, 0.5], {"name": "new"}))
    right("gn.dropout_masks", lambda w: (gn.dropout_masks, [gn.layers.dropout(w.a), 4, w.rng], {}))


_WORDS = {
    **dict.fromkeys(("atleast_1d", "atleast_2d", "atleast_3d", "flipud", "fliplr", "matrix_transpose", "ravel"), ()),
    **dict.fromkeys(("zeros_like", "ones_like", "shape", "ndim", "squeeze"), ()),
    "append": [[1.0], None],
    "clip": [0.0, 1.0],
    "diff": [1, -1],
    "expand_dims": [0],
    "flip": [0],
    "full_like": [2.0],
    "moveaxis": [0, 1],
    "pad": [1, "constant"],
    "repeat": [2, 0],
    "roll": [1, 0],
    "rot90": [1, (0, 1)],
    "size": [0],
    "split": [[1], 0],
    "swapaxes": [0, 1],
    "tile": [2],
}
_SETTINGS = {
    "Argmax": {"axis": 0},
    "Argsort": {"axis": 0},
    "Cumsum": {"axis": 0, "from_end": True},
    "Einsum": {"subscripts": "ij->j"},
    "NanToNum": {"nan": 1.0, "posinf": 2.0, "neginf": 3.0},
    "Round": {"decimals": 1},
    "Sort": {"axis": 0},
    "AvgPool2d": {"size": (2, 2), "stride": (2, 2)},
    "BatchNorm": {"axes": (0,), "epsilon": 1e-5},
    "BroadcastTo": {"to": (4, 2)},
    "Concatenate": {"axis": 0},
    "Conv2d": {"stride": (1, 1), "padding": (0, 0)},
    "Dropout": {"rate": 0.5},
    "ExpandDims": {"axes": (0,)},
    "Getitem": {"index": (0,)},
    "LayerNorm": {"axes": (-1,), "epsilon": 1e-5},
    "LeakyRelu": {"slope": 0.1},
    "LogSoftmax": {"axis": -1},
    "Mask": {"axis": 0},
    "Pad": {"before": (0, 1), "after": (1, 0), "value": 0.0},
    "Max": {"axis": 0, "keepdims": False},
    "MaxPool2d": {"size": (2, 2), "stride": (2, 2)},
    "Mean": {"axis": 0, "keepdims": False},
    "Pick": {"axes": (0, 1)},
    "Polynomial": {"coefficients": (1.0, 2.0)},
    "Reshape": {"to": (-1,)},
    "Roll": {"shift": (1,), "axis": (0,)},
    "Softmax": {"axis": -1},
    "Squeeze": {"axes": (0,)},
    "Sum": {"axis": 0, "keepdims": False},
    "Take": {"axis": 0},
    "TakeAlongAxis": {"axis": 0},
    "Transpose": {"axes": (1, 0)},
}
WITH_SETTINGS = ("Conv2dToInput", "Conv2dToKernel", "Scatter", "ScatterAdd", "PickAdd", "AddAlongAxis", "Unmask")
"""Ops that backward rules make, not users."""


_ALONG = dict.fromkeys(
    [
        "std",
        "var",
        "prod",
        "median",
        "min",
        "amax",
        "amin",
        "ptp",
        "all",
        "any",
        "count_nonzero",
        "logsumexp",
    ],
    (1,),
)
_MATHEMATICS = {
    **dict.fromkeys(
        ["tan", "arcsin", "arccos", "arctan", "sinh", "cosh", "arcsinh", "arccosh", "arctanh", "exp2", "expm1", "log1p", "log2", "log10", "cbrt", "sin", "cos", "reciprocal", "positive", "absolute", "fabs", "sign", "floor", "ceil", "trunc", "rint", "isnan", "isinf", "isfinite", "signbit", "logical_not", "deg2rad", "rad2deg", "degrees", "radians", "nan_to_num"], ()
    ),
    **dict.fromkeys(
        ["hypot", "arctan2", "logaddexp", "logaddexp2", "remainder", "mod", "fmod", "floor_divide", "heaviside", "greater", "greater_equal", "less", "less_equal", "equal", "not_equal", "logical_and", "logical_or", "logical_xor", "isclose", "float_power", "divmod"], (0.5,)
    ),
    **_ALONG,
    "average": [0],
    "argmax": [0],
    "argmin": [0],
    "argsort": [0],
    "cumprod": [0],
    "cumsum": [0],
    "percentile": [30.0, 0],
    "quantile": [0.3, 0],
    "round": [1],
    "around": [1],
    "sort": [0],
    "trace": [1],
    "diagonal": [1],
    "diag": [1],
    "tril": [1],
    "triu": [1],
}  # fmt: skip
"""NumPy's words of mathematics: what follows a matrix of 3 rows and 2 columns."""
_OF_SQUARE = {
    "inv": [],
    "det": [],
    "slogdet": [],
    "cholesky": [],
    "matrix_power": [2],
    "norm": [1, 0],
    "solve": [np.ones(2)],
}


def _mathematics():
    for name, more in _MATHEMATICS.items():
        right(f"gn.{name}", lambda w, f=getattr(gn, name), m=more: (f, [w.W, *m], {}))
    for name in ("vdot", "dot", "inner", "outer", "kron", "tensordot"):
        right(f"gn.{name}", lambda w, f=getattr(gn, name): (f, [w.W.T, w.W if f is gn.dot else w.W.T], {}))
    right("gn.cross", lambda w: (gn.cross, [w.W.T, np.ones(3)], {}))
    right("gn.einsum", lambda w: (gn.einsum, ["ij,j->i", w.W, w.b], {}))
    for name, more in _OF_SQUARE.items():
        right(f"linalg.{name}", lambda w, f=getattr(gn.linalg, name), m=more: (f, [w.W.T @ w.W, *m], {}))
    right("linalg.multi_dot", lambda w: (gn.linalg.multi_dot, [[w.W.T, w.W]], {}))


_SQUARE = (gn.ops.Inv, gn.ops.Solve, gn.ops.Det, gn.ops.LogAbsDet, gn.ops.SignOfDet, gn.ops.Cholesky)


def _op_classes():
    for name in WITH_SETTINGS:
        NOT_CALLED[f"ops.{name}"] = "made by backward rules"
    inputs = {"Einsum": 1, "Concatenate": 2, "Conv2d": 2, "Dropout": 2, "Take": 2, "Where": 3, "Pick": 3}
    right("ops.reads", lambda w: (gn.ops.reads, [gn.ops.Matmul(), (2, 3), (3, 4)], {}))
    for name in gn.ops.__all__:
        if f"ops.{name}" in NOT_CALLED.keys() | CALLS.keys():
            continue
        cls = getattr(gn.ops, name)
        if issubclass(cls, gn.ops.Composite):
            NOT_CALLED[f"ops.{name}"] = "called as a function"
            continue
        settings = _SETTINGS.get(name, {})
        count = inputs.get(name) or len(
            cls(**settings).input_names(9)[: cls(**settings).forward.__code__.co_argcount - 1]
        )
        if name in ("BatchNorm", "LayerNorm", "LeakyRelu", "Polynomial", "Dropout"):
            right(f"ops.{name}", lambda w, c=cls, s=settings: (c, [], dict(s)))
        elif settings:
            right(f"ops.{name}", lambda w, c=cls, s=settings, n=count: (_applied(w, c, n, s), [], dict(s)))
        else:
            right(
                f"ops.{name}",
                lambda w, c=cls, n=count: (
                    lambda *z: c()(*z),
                    [w.a, w.b] if c is gn.ops.BiasAdd else [w.W.T @ w.W if c in _SQUARE else w.a] * n,
                    {},
                ),
            )


def _applied(w, cls, count, settings):
    """Make an op of its settings and apply it to a node."""
    inputs = {
        "BroadcastTo": [w.b],
        "Conv2d": [w.images, np.ones((3, 2, 3, 3))],
        "Mask": [w.a, w.a > 0],
        "MaxPool2d": [w.images],
        "AvgPool2d": [w.images],
        "Pick": [w.a[:, None], w.positions, w.positions],
        "Squeeze": [w.W[np.newaxis]],
        "Take": [w.a, w.positions],
        "TakeAlongAxis": [w.a, gn.constant([[0, 0]], dtype=int)],
    }.get(cls.__name__, [w.a] * count)

    def made(*given, **named):
        return cls(*given, **named)(*inputs)

    made.__signature__ = __import__("inspect").signature(cls)
    return made


def _networks():
    right("gn.input", lambda w: (gn.input, ["new", (None, 2)], {"dtype": float}))
    right("gn.parameter", lambda w: (gn.parameter, ["new", [1.0]], {}))
    right("gn.constant", lambda w: (gn.constant, [[1.0]], {"name": "new", "dtype": float}))
    right("gn.Graph", lambda w: (gn.Graph, [w.E], {}))
    right("gn.Graph of two", lambda w: (gn.Graph, [w.E, w.a], {}))
    right("gn.scope", lambda w: (lambda name: gn.scope(name).__enter__(), ["new"], {}))
    right("gn.op", lambda w: (gn.op, [lambda z: z + 1], {}))
    right("gn.op call", lambda w: (gn.op(lambda z: z + 1), [w.a], {"name": "new"}))
    right("gn.op .backward", lambda w: (gn.op(lambda z: z + 1).backward, [lambda delta, a, z: delta], {}))
    right("gn.op, what it returns", lambda w: (lambda v: gn.op(lambda z: v)(w.a), [w.X], {}))
    right("gn.op, a part of a sum", lambda w: (lambda v: gn.op(lambda z: z + v)(w.a), [1.0], {}))
    right("gn.op, what backward returns", lambda w: (lambda v: _wrong_backward(w, v), [np.ones((4, 2))], {}))
    right("gn.Op", lambda w: (gn.Op, [], {}))
    right("gn.forward", lambda w: (gn.forward, [w.E, w.feeds], {"on_nonfinite": "raise"}))
    right("gn.forward, a feed", lambda w: (lambda v: gn.forward(w.E, {w.x: v, w.t: w.T}), [w.X], {}))
    right("gn.forward, a vector", lambda w: (lambda v: _fed_vector(v), [np.ones(2)], {}))
    right("gn.forward, a scalar", lambda w: (lambda v: _fed(v, ()), [1.0], {}))
    right(
        "gn.forward, integers",
        lambda w: (lambda v: gn.forward(gn.one_hot(w.positions, 3), {w.positions: v}), [[1]], {}),
    )
    right(
        "gn.forward, positions",
        lambda w: (lambda v: gn.forward(gn.take(w.W, w.positions), {w.positions: v}), [[1]], {}),
    )
    right("gn.forward, a key", lambda w: (lambda k: gn.forward(w.E, {k: w.X, w.t: w.T}), ["x"], {}))
    right("gn.backward", lambda w: (gn.backward, [w.a, w.feeds_of_a], {"delta": w.T, "on_nonfinite": "raise"}))
    right("gn.backward, a delta", lambda w: (lambda d: gn.backward(w.a, w.feeds_of_a, delta={w.a: d}), [w.T], {}))
    right("gn.backward, an output", lambda w: (lambda k: gn.backward(w.a, w.feeds_of_a, delta={k: w.T}), ["a"], {}))
    right("gn.gradients", lambda w: (gn.gradients, [w.a, [w.W]], {"delta": w.t}))
    right("gn.gradients, one of wrt", lambda w: (lambda v: gn.gradients(w.E, [w.W, v]), [w.b], {}))
    right("gn.compile", lambda w: (gn.compile, [w.E, [w.W]], {}))
    right("gn.compile, one of wrt", lambda w: (lambda v: gn.compile(w.E, [w.W, v]), [w.b], {}))
    right("Step()", lambda w: (w.step, [w.feeds], {}))
    right("Step(), a feed", lambda w: (lambda v: w.step({w.x: v, w.t: w.T}), [w.X], {}))
    right("Step(), a key", lambda w: (lambda k: w.step({k: w.X, w.t: w.T}), ["x"], {}))
    right("gn.inference", lambda w: (gn.inference, [gn.batch_norm(w.a), w.feeds_of_a], {}))
    right("gn.load", lambda w: (gn.load, [world.folder() / "net.gn"], {"ops": []}))
    right("gn.load, an op", lambda w: (lambda o: gn.load(world.folder() / "net.gn", ops=[o]), [gn.op(lambda z: z)], {}))
    right("gn.load_parameters", lambda w: (gn.load_parameters, [world.folder() / "net.gn", w.E], {}))
    right("gn.load_state", lambda w: (gn.load_state, [world.folder() / "net.gn"], {}))
    right("gn.save", lambda w: (gn.save, [world.folder() / "new.gn", w.E], {"state": {"a": 1}}))
    right("gn.save, a state", lambda w: (lambda s: gn.save(world.folder() / "new.gn", w.E, state={"a": s}), [1], {}))
    right("gn.save, a key", lambda w: (lambda k: gn.save(world.folder() / "new.gn", w.E, state={k: 1}), ["a"], {}))
    right("gn.save_parameters", lambda w: (gn.save_parameters, [world.folder() / "new.gn", w.E], {"state": {"a": 1}}))
    right("Graph[]", lambda w: (operator.getitem, [w.graph, "a"], {}))
    for name in ("label", "consumers", "only_use"):
        right(f"Graph.{name}", lambda w, n=name: (getattr(w.graph, n), [w.a], {}))
    right("Graph in", lambda w: (lambda v: v in w.graph, ["a"], {}))
    right("Graph.from_networkx", lambda w: (gn.Graph.from_networkx, [w.graph.to_networkx(), []], {}))
    right("Graph.from_networkx, an attribute", lambda w: (lambda k, v: _changed(w, k, v), ["name", "W"], {}))
    right("ForwardPass[]", lambda w: (w.forward.__getitem__, ["a"], {}))
    right("ForwardPass in", lambda w: (lambda v: v in w.forward, ["a"], {}))
    for name in ("error_signal", "messages"):
        right(f"BackwardPass.{name}", lambda w, n=name: (getattr(w.backward, n), ["a"], {}))
    right("BackwardPass.gradient", lambda w: (w.backward.gradient, ["W"], {}))


def _fed(value, shape):
    x = gn.input("x", shape=shape)
    return gn.forward(gn.tanh(x), {x: value})


def _fed_vector(value):
    return _fed(value, (None,))


def _wrong_backward(w, value):
    op = gn.op(lambda z: z + 1)
    op.backward(lambda delta, a, z: value)
    return gn.backward(gn.sum(op(w.a)), w.feeds_of_a)


def _changed(w, key, value):
    network = w.graph.to_networkx()
    network.nodes["W"][key] = value
    return gn.Graph.from_networkx(network)


def _nodes():
    for name, two in (
        ("+", operator.add), ("-", operator.sub), ("*", operator.mul), ("/", operator.truediv), ("**", operator.pow),
        ("@", operator.matmul), ("<", operator.lt), (">=", operator.ge), ("==", operator.eq), ("!=", operator.ne),
    ):  # fmt: skip
        right(
            f"Node {name}",
            lambda w, f=two: (lambda v: f(w.a, v), [w.t if f is not operator.matmul else np.ones((2, 1))], {}),
        )
        right(
            f"{name} Node",
            lambda w, f=two: (lambda v: f(v, w.a), [w.t if f is not operator.matmul else np.ones((1, 4))], {}),
        )
    right("Node &", lambda w: (lambda v: (w.a > 0) & v, [w.t > 0], {}))
    right("Node |", lambda w: (lambda v: v | (w.a > 0), [w.t > 0], {}))
    right("Node[]", lambda w: (lambda v: w.a[v], [0], {}))
    right("Node[,]", lambda w: (lambda v: w.a[0, v], [0], {}))
    right("Node[positions]", lambda w: (lambda v, u: w.W[v, u], [[0, 1], [0, 0]], {}))
    right("Node[mask]", lambda w: (lambda v: w.a[v], [w.a > 0], {}))
    right("Node[a:b:c]", lambda w: (lambda a, b, c: w.a[a:b:c], [0, 2, 1], {}))
    for name in ("sum", "mean", "max"):
        right(f"Node.{name}", lambda w, n=name: (getattr(w.a, n), [1], {"keepdims": True}))
    right("Node.reshape", lambda w: (w.a.reshape, [(-1,)], {}))
    right("Node.reshape of two", lambda w: (w.a.reshape, [-1, 1], {}))
    right("Node.transpose", lambda w: (w.a.transpose, [(1, 0)], {}))
    right("Node.transpose of two", lambda w: (w.a.transpose, [1, 0], {}))
    right("Parameter.value", lambda w: (lambda v: setattr(w.b, "value", v), [np.zeros(2)], {}))
    for name, f, more in (
        ("stack", np.stack, [0]), ("expand_dims", np.expand_dims, [0]), ("squeeze", np.squeeze, [0]), ("take", np.take, [[0], 0]),
        ("sum", np.sum, [0]), ("clip", np.clip, [0.0, 1.0]), ("reshape", np.reshape, [(-1,)]), ("min", np.min, [0]),
        ("transpose", np.transpose, [(1, 0, 2)]), ("concatenate", np.concatenate, [0]), ("where", np.where, [0.0, 1.0]),
        ("swapaxes", np.swapaxes, [0, 1]), ("broadcast_to", np.broadcast_to, [(1, 3, 2)]), ("zeros_like", np.zeros_like, []),
    ):  # fmt: skip
        first = lambda w, n=name: [w.W, w.W] if n in ("stack", "concatenate") else w.W[np.newaxis]  # noqa: E731
        right(f"np.{name} of a node", lambda w, f=f, m=more, first=first: (lambda *v: f(first(w), *v), list(m), {}))


def _checks():
    right(
        "gn.check_gradients",
        lambda w: (
            gn.check_gradients,
            [w.E, w.feeds],
            {
                "wrt": [w.W],
                "entries": 1,
                "method": "central",
                "step": 1e-5,
                "second_order": False,
                "budget": 1e6,
                "rng": w.rng,
            },
        ),
    )
    right(
        "gn.check_gradients, one of wrt",
        lambda w: (lambda v: gn.check_gradients(w.E, w.feeds, wrt=[v], entries=1), [w.W], {}),
    )
    right(
        "gn.check_op",
        lambda w: (
            gn.check_op,
            [gn.tanh, w.X],
            {"entries": 1, "method": "central", "step": 1e-5, "budget": 1e6, "rng": w.rng},
        ),
    )
    right("gn.check_op of two", lambda w: (gn.check_op, [gn.ops.Add(), w.X, w.X], {"entries": 1}))
    right(
        "gn.exercise",
        lambda w: (gn.exercise, [np.sin, lambda d, a, z: d * np.cos(z), w.X], {"hint": "Think.", "rng": w.rng}),
    )
    right("gn.step_curve", lambda w: (gn.step_curve, [w.E, w.feeds, w.W, (0, 0)], {"steps": [1e-3, 1e-5]}))
    right("StepCurve.plot", lambda w: (_curve().plot, [None], {}))
    right("StepCurve.save", lambda w: (_curve().save, [world.folder() / "curve.svg"], {}))
    right("Report.to_json", lambda w: (world.report().to_json, [2], {}))
    right("gn.derive", lambda w: (gn.derive, [w.E, [w.W]], {"indices": False}))
    right("gn.derive, one of wrt", lambda w: (lambda v: gn.derive(w.E, [v]), [w.W], {}))
    right("Derivation[]", lambda w: (gn.derive(w.E, [w.W]).__getitem__, ["W"], {}))
    right("Derivation.evaluate", lambda w: (gn.derive(w.E, [w.W]).evaluate, [w.backward], {}))
    right("gn.diagnose", lambda w: (gn.diagnose, [w.backward], {}))
    right("Diagnosis[]", lambda w: (gn.diagnose(w.backward).__getitem__, ["W"], {}))
    right("gn.explain", lambda w: (gn.explain, [w.backward, w.W, (0, 0)], {"most": 3}))
    right("rule_formulas", lambda w: (rule_formulas, [w.E], {}))


def _curve():
    w = world.other()
    return gn.step_curve(w.E, w.feeds, w.W, (0, 0), steps=[1e-3, 1e-5])


def _pictures():
    def drawn(what, **options):
        drawing = gn.draw(what, **options)
        return drawing.to_text(), drawing.to_dot(), repr(drawing)

    drawn.__signature__ = __import__("inspect").signature(gn.draw)
    options = {"view": "ops", "direction": "right", "show": ["values"], "depth": 1, "marks": {}, "learning_rate": 0.1}
    right("gn.draw", lambda w: (drawn, [w.backward], dict(options)))
    right("gn.draw of units", lambda w: (drawn, [w.backward], {"view": "units", "sample": 0}))
    right("gn.draw, one of show", lambda w: (lambda v: drawn(w.backward, show=[v]), ["values"], {}))
    right("gn.draw, a mark", lambda w: (lambda k, v: drawn(w.backward, marks={k: v}), [w.a, _mark()], {}))
    right("gn.draw, one of passes", lambda w: (lambda v: drawn([w.backward, v]), [w.backward], {}))
    right("gn.draw, a name of passes", lambda w: (lambda v: drawn({v: w.backward}), ["first"], {}))
    right("Drawing.save", lambda w: (gn.draw(w.x).save, [world.folder() / "net.dot"], {}))
    right("plots.activations", lambda w: (gn.plots.activations, [[gn.tanh]], {"z": (-1.0, 1.0), "ax": None}))
    right("plots.activations, one", lambda w: (lambda f: gn.plots.activations([f]), [gn.tanh], {}))
    right(
        "plots.gradient_histograms",
        lambda w: (gn.plots.gradient_histograms, [w.backward, ["W"]], {"bins": 3, "ax": None}),
    )
    right("plots.loss", lambda w: (gn.plots.loss, [world.history()], {"log": False, "ax": None}))
    right("plots.loss of curves", lambda w: (lambda n, v: gn.plots.loss({n: v}), ["a", [1.0, 2.0]], {}))
    right("plots.signal_norms", lambda w: (gn.plots.signal_norms, [[w.backward], ["a"]], {"at": [0], "ax": None}))
    right("plots.training", lambda w: (gn.plots.training, [world.history()], {}))


def _mark():
    from graphnet.draw.picture import Mark

    return Mark("wrong", "odd")


def _training():
    clipping = {"weight_decay": 0.1, "clip_norm": 1.0, "clip_value": 1.0}
    for name, settings in {
        "GradientDescent": [0.1], "Momentum": [0.1, 0.9, True], "RMSProp": [0.1, 0.9, 1e-8], "Adam": [0.1, 0.9, 0.9, 1e-8],
        "AdamW": [0.1, 0.9, 0.9, 1e-8],
    }.items():  # fmt: skip
        make = getattr(gn, name)
        right(f"gn.{name}", lambda w, m=make, s=settings: (_used(w, m), list(s), dict(clipping)))
    right("optimiser.update", lambda w: (gn.Adam().update, [[w.W, w.b], {"W": np.ones((3, 2)), "b": np.ones(2)}], {}))
    right("optimiser.update, a gradient", lambda w: (lambda g: gn.Adam().update([w.b], {"b": g}), [np.ones(2)], {}))
    right("optimiser.update, a name", lambda w: (lambda k: gn.Adam().update([w.b], {k: np.ones(2)}), ["b"], {}))
    right("optimiser.update, a parameter", lambda w: (lambda p: gn.Adam().update([p], {"b": np.ones(2)}), [w.b], {}))
    right("optimiser.restore", lambda w: (gn.Adam().restore, [{"step": 1}], {}))
    right("optimiser.restore, a step", lambda w: (lambda v: gn.Adam().restore({"step": v}), [1], {}))
    right(
        "optimiser.restore, an array",
        lambda w: (lambda v: gn.Momentum(0.1).restore({"step": 1, "velocity/b": v}), [np.ones(2)], {}),
    )
    right(
        "optimiser.restore, a key",
        lambda w: (lambda k: gn.Momentum(0.1).restore({"step": 1, k: np.ones(2)}), ["velocity/b"], {}),
    )
    right("optimiser, a schedule's rate", lambda w: (lambda r: _used(w, gn.GradientDescent)(lambda step: r), [0.1], {}))
    for name, settings in {
        "Constant": [0.1],
        "StepDecay": [0.1, 2, 0.5],
        "Exponential": [0.1, 0.5],
        "Cosine": [0.1, 10, 0.0],
    }.items():
        make = getattr(gn.schedules, name)
        right(f"schedules.{name}", lambda w, m=make, s=settings: (m, list(s), {}))
        right(f"schedules.{name}()", lambda w, m=make, s=settings: (m(*s), [3], {}))
    right("gn.EarlyStopping", lambda w: (gn.EarlyStopping, [3, "loss", False, 0.1], {}))
    right("gn.Watch", lambda w: (lambda k: gn.Watch(gn.draw(gn.backward(w.E, w.feeds)).widget(), k), [2], {}))
    options = {
        "epochs": 1, "batch_size": 2, "steps_per_epoch": None, "callbacks": [], "progress": False, "on_nonfinite": "raise",
    }  # fmt: skip
    right(
        "gn.fit",
        lambda w: (
            gn.fit,
            [w.E, w.feeds],
            {
                **options, "optimizer": gn.Adam(), "rng": w.rng, "validation": {"x": w.X, "t": w.T}, "metrics": {"m": w.E},
            },
        ),
    )  # fmt: skip
    fit = lambda w, **more: gn.fit(w.E, w.feeds, **{"optimizer": gn.Adam(), "epochs": 1, "progress": False, **more})  # noqa: E731
    right(
        "gn.fit, a feed",
        lambda w: (lambda v: gn.fit(w.E, {w.x: v, w.t: w.T}, optimizer=gn.Adam(), epochs=1), [w.X], {}),
    )
    right("gn.fit, a batch", lambda w: (lambda v: gn.fit(w.E, [v], optimizer=gn.Adam(), epochs=1), [w.feeds], {}))
    right(
        "gn.fit, a function's batches",
        lambda w: (lambda v: gn.fit(w.E, lambda: v, optimizer=gn.Adam(), epochs=1), [[w.feeds]], {}),
    )
    right("gn.fit, a validation feed", lambda w: (lambda v: fit(w, validation={w.x: v, w.t: w.T}), [w.X], {}))
    right("gn.fit, a validation batch", lambda w: (lambda v: fit(w, validation=[v]), [w.feeds], {}))
    right("gn.fit, a metric", lambda w: (lambda v: fit(w, metrics={"m": v}), [w.E], {}))
    right("gn.fit, a metric of a list", lambda w: (lambda v: fit(w, metrics=[v]), [w.E], {}))
    right("gn.fit, a metric's name", lambda w: (lambda v: fit(w, metrics={v: w.E}), ["m"], {}))
    right("gn.fit, a callback", lambda w: (lambda v: fit(w, callbacks=[v]), [lambda training: None], {}))
    right(
        "gn.fit, one of steps_per_epoch",
        lambda w: (lambda v: gn.fit(w.E, iter([w.feeds]), optimizer=gn.Adam(), epochs=1, steps_per_epoch=v), [1], {}),
    )
    right("Training.stop", lambda w: (_training_of(w).stop, ["enough"], {}))


def _training_of(w):
    return gn.Training(w.graph, gn.Adam(), gn.History(loss=[1.0]), 3)


def _used(w, make):
    """Make an optimiser and take one step."""

    def made(*settings, **named):
        optimizer = make(*settings, **named)
        optimizer.update([w.b], {"b": np.ones(2)})
        return optimizer

    made.__signature__ = __import__("inspect").signature(make)
    return made


def _layers():
    layers = gn.layers
    common = {"init": "he", "name": "new"}
    right("layers.dense", lambda w: (layers.dense, [w.a, 2, gn.tanh], {"rng": w.rng, **common}))
    right("layers.mlp", lambda w: (layers.mlp, [w.a, [2, 1], gn.tanh, None], {"rng": w.rng, "init": "he"}))
    right("layers.mlp, units", lambda w: (lambda u: layers.mlp(w.a, [u], rng=w.rng), [2], {}))
    right(
        "layers.conv2d",
        lambda w: (layers.conv2d, [w.images, 2, 3, gn.relu], {"rng": w.rng, "stride": 1, "padding": 0, **common}),
    )
    right("layers.embedding", lambda w: (layers.embedding, [w.positions, 3, 2], {"rng": w.rng, "name": "new"}))
    sequence = lambda w: gn.input("s", shape=(None, 2, 3))  # noqa: E731
    right(
        "layers.recurrent",
        lambda w: (layers.recurrent, [sequence(w), 2, gn.tanh], {"rng": w.rng, "initial": None, **common}),
    )
    right("layers.batch_norm", lambda w: (layers.batch_norm, [w.a], {"epsilon": 1e-3, "name": "new"}))
    right("layers.layer_norm", lambda w: (layers.layer_norm, [w.a], {"epsilon": 1e-3, "name": "new"}))
    right("layers.dropout", lambda w: (layers.dropout, [w.a, 0.5], {"name": "new"}))
    right("layers.flatten", lambda w: (layers.flatten, [w.images], {"name": "new"}))
    right("layers.max_pool2d", lambda w: (layers.max_pool2d, [w.images, 2, 1], {"name": "new"}))
    right("layers.glorot", lambda w: (layers.glorot, [w.rng, 3, 2], {}))
    right("layers.he", lambda w: (layers.he, [w.rng, 3, 2], {}))
    right(
        "layers.dense, what init draws",
        lambda w: (lambda v: layers.dense(w.a, 3, rng=w.rng, init=lambda *_: v), [np.ones((2, 3))], {}),
    )
    right(
        "layers.dense, what activation gives",
        lambda w: (lambda v: gn.forward(layers.dense(w.a, 3, lambda z: v, rng=w.rng), w.feeds_of_a), [w.a], {}),
    )


World.feeds_of_a = property(lambda w: {w.x: w.X})

for fill in (_ops, _mathematics, _op_classes, _networks, _nodes, _checks, _pictures, _training, _layers):
    fill()


def public_names():
    """Return the names of all that users call."""
    yield from (f"gn.{name}" for name in gn.__all__)
    for module in ("ops", "layers", "plots"):
        yield from (f"{module}.{name}" for name in getattr(gn, module).__all__)
    yield from (
        f"schedules.{name}"
        for name, each in vars(gn.schedules).items()
        if getattr(each, "__module__", "") == gn.schedules.__name__ and name[0].isupper()
    )
