"""Networks run by the engine of the page, in a browser or by node, and held to ``gn.backward``."""

import base64
from importlib.resources import files

import numpy as np

import graphnet as gn
from graphnet.draw.page.live import live_data
from tests.fuzz.dialect import DIALECT
from tests.ops.cases import EVERY, MASK, positive, real

ENGINE = files("graphnet.draw.page").joinpath("assets", "engine.js").read_text(encoding="utf-8")

RUN = """(cases) => cases.map(({ live, options }) => {
  const text = ({ shape, data }) => {
    const bytes = new Uint8Array(Float64Array.from(data).buffer);
    let letters = "";
    for (const byte of bytes) letters += String.fromCharCode(byte);
    return [shape, btoa(letters)];
  };
  const each = (arrays) => Object.fromEntries(Object.entries(arrays).map(([id, one]) => [id, text(one)]));
  try {
    const engine = makeEngine(live);
    const { values, signals, messages } = engine.run(options);
    const sent = Object.values(messages).flatMap((list, place) => list.map((m) => [place, m.from, m.slot, text(m.tensor)]));
    const stepped = engine.step(values, signals, live.rate);
    return { values: each(values), signals: each(signals), messages: sent, stepped: each(stepped) };
  } catch (error) { return { error: String(error.stack) }; }
})"""
"""Runs each of many networks, and tells every number as base64 of float64."""

RATE = 0.1
TOLERANCE = {"f8": 1e-12, "f4": 1e-5}


class NotLive(Exception):
    """The page would stay recorded."""


def case(run, **options):
    """Return what the browser is given to run the network of a pass: as it was, or with other `options`."""
    live = live_data(run.graph, run, RATE)
    if "recorded" in live:
        raise NotLive("; ".join(live["recorded"]))
    return {"live": live, "options": options}


def differences(case, found, run):
    """Return how far each number of the page is from that of a pass, by what it is of, relative to what is above 1."""
    if "error" in found:
        return {found["error"]: np.inf}
    graph = run.graph
    id_of = {node: f"n{place}" for place, node in enumerate(graph.nodes)}
    messages = {}
    for to, consumer, slot, told in found["messages"]:
        messages.setdefault(f"n{to}", []).append((consumer, slot, told))
    wanted = [node for node in run.error_signals if node.kind != "constant"]
    off = {}
    for node in graph.nodes:
        off[f"value of {graph.label(node)}"] = distance(found["values"][id_of[node]], run.values[node])
    for node in wanted:
        label, key = graph.label(node), id_of[node]
        mine = messages.pop(key, [])
        senders = [(id_of.get(m.consumer), m.slot) for m in run.messages(node)]
        off[f"senders to {label}"] = 0.0 if senders == [(consumer, slot) for consumer, slot, _ in mine] else np.inf
        for (consumer, _, told), message in zip(mine, run.messages(node), strict=False):
            off[f"message to {label} from {consumer}"] = distance(told, message.delta)
        off[f"error signal of {label}"] = distance(found["signals"].pop(key, None), run.error_signals[node])
        if node.kind == "parameter":
            stepped = run.values[node] - RATE * run.error_signals[node]
            off[f"step of {label}"] = distance(found["stepped"][key], stepped)
    if found["signals"] or messages:
        off["error signals that none should have"] = np.inf
    return off


def distance(told, expected):
    """Return the largest difference of what the browser told and an array."""
    if told is None:
        return np.inf
    shape, data = told
    mine, expected = np.frombuffer(base64.b64decode(data)), np.asarray(expected, float)
    if tuple(shape) != expected.shape:
        return np.inf
    mine = mine.reshape(shape)
    with np.errstate(all="ignore"):
        off = np.abs(mine - expected) / np.maximum(1, np.abs(expected))
    alike = (mine == expected) | (np.isnan(mine) & np.isnan(expected))
    return float(np.where(alike, 0, off).max(initial=0))


def wrong(real, differences):
    """Return which differences are too large, in a network that computes in these real numbers."""
    return {what: off for what, off in differences.items() if not off <= TOLERANCE[real]}


def passes_of_ops(dtype=float):
    """Yield a pass through each built-in op, in words and as it was run, of float64 or float32."""
    for each in EVERY:
        yield str(each), pass_of(lambda *args, of=each: DIALECT[of.op][0](*args, **of.settings), each.args, dtype)
    for name, (function, *args) in REST.items():
        yield name, pass_of(function, args, dtype)


def pass_of(function, args, dtype):
    """Return a backward pass of a function, from different error signals for each entry of what it returns."""
    leaves, feeds = [], {}
    for i, value in enumerate(args):
        counts_from_end = np.asarray(value).dtype.kind == "i" and np.min(value) < 0  # only constants may
        if isinstance(value, np.ndarray) and not counts_from_end:
            kind = {"f": float, "i": int, "b": bool}[value.dtype.kind]
            leaves.append(gn.input(f"x{i}", value.shape, dtype=kind))
            feeds[leaves[-1]] = value.astype(dtype) if kind is float else value
        else:
            leaves.append(value)
    result = function(*leaves)
    weights = np.cos(1 + np.arange(result.size)).reshape(result.shape)
    return gn.backward(gn.sum(gn.multiply(result, weights)), feeds)


SQUARE = real(2, 3, 3)
HOLES = np.where(real(2, 3) > 1, np.nan, real(2, 3))

REST = {
    **{
        f.__name__: (f, 3 * real(2, 3))
        for f in (
            gn.sign, gn.floor, gn.ceil, gn.trunc, gn.rint, gn.signbit, gn.tan, gn.arctan, gn.arcsinh, gn.exp2, gn.cbrt,
            gn.deg2rad, gn.rad2deg, gn.isfinite, gn.zeros_like, gn.ones_like, gn.var, gn.std, gn.logsumexp, gn.ptp,
            gn.count_nonzero, gn.sort, gn.argsort, gn.cumsum, gn.cumprod, gn.prod, gn.median, gn.tril, gn.triu, gn.diagonal,
        )
    },
    **{f.__name__: (f, positive(2, 3)) for f in (gn.log2, gn.log10)},
    **{f.__name__: (f, real(2, 3) / 2) for f in (gn.arcsin, gn.arccos, gn.arctanh)},
    **{
        f.__name__: (f, 3 * real(2, 3), real(2, 3))
        for f in (
            gn.hypot, gn.arctan2, gn.logaddexp, gn.logaddexp2, gn.remainder, gn.fmod, gn.floor_divide, gn.greater, gn.less,
            gn.greater_equal, gn.less_equal, gn.equal, gn.not_equal, gn.heaviside, gn.isclose, gn.cross, gn.kron,
        )
    },
    **{f.__name__: (f, HOLES) for f in (gn.isnan, gn.isinf, gn.nan_to_num)},
    **{f.__name__: (f, MASK) for f in (gn.all, gn.any, gn.logical_not)},
    **{f.__name__: (f, MASK, MASK[::-1]) for f in (gn.logical_and, gn.logical_or, gn.logical_xor)},
    **{f.__name__: (f, real(4), real(4)) for f in (gn.outer, gn.vdot)},
    **{f"linalg.{f.__name__}": (f, SQUARE) for f in (gn.linalg.inv, gn.linalg.det)},
    "arccosh": (gn.arccosh, 1 + positive(2, 3)),
    "round": (lambda z: gn.round(z, 1), real(2, 3)),
    "round to tens": (lambda z: gn.round(z, -1), 30 * real(2, 3)),
    "halves": (gn.rint, np.array([-2.5, -1.5, -0.5, 0.5, 1.5, 2.5, 1e20, np.inf])),
    "infinities": (lambda z: gn.nan_to_num(z, nan=2.0, posinf=3.0), np.array([np.inf, -1.0, np.nan, 2.0])),
    "argmax": (lambda z: gn.argmax(z, 1), real(2, 3, 4)),
    "argmax of NaN": (lambda z: gn.argmax(z, 1), HOLES),
    "sort along another axis": (lambda z: gn.sort(z, 1), real(2, 5, 3)),
    "cumsum from the end": (lambda z: gn.ops.Cumsum(0, from_end=True)(z), real(4, 3)),
    "quantile": (lambda z: gn.quantile(z, 0.3, 1), real(2, 5)),
    "percentile": (lambda z: gn.percentile(z, 70), real(2, 5)),
    "batch_size": (lambda z: z.sum() / gn.batch_size(z), real(4, 3)),
    "accuracy": (gn.accuracy, real(4, 3), np.array([0, 2, 1, 1])),
    "labels": (lambda z, i: gn.cross_entropy(z, gn.one_hot(i, 3)), real(4, 3), np.array([0, 2, 1, 1])),
    "pad": (lambda z: np.pad(z, ((1, 0), (0, 2)), constant_values=0.5), real(2, 3)),
    "roll of two axes": (lambda z: np.roll(z, (1, -2), (-1, 0)), real(3, 2, 4)),
    "one roll of two axes": (lambda z: np.roll(z, 1, (0, 2)), real(3, 2, 4)),
    "roll of all": (lambda z: np.roll(z, -2), real(2, 3)),
    "scatter": (gn.ops.Scatter((5, 3), ((None, None, -2), "...")), real(3, 3)),
    "scatter one": (gn.ops.Scatter((5, 3), (1, -1)), np.array(0.7)),
    "scatter_add": (gn.ops.ScatterAdd((2, 5), 1), real(2, 3), np.array([4, 0, 4])),
    "take rows of rows": (lambda z, i: gn.take(z, i, 1), real(2, 4, 3), np.array([[3, 0], [1, 1]])),
    "pick_add": (gn.ops.PickAdd((4, 3, 2), (0, 2)), real(2, 3), np.array([3, 3]), np.array([0, 0])),
    "take_along_axis": (lambda z, i: gn.take_along_axis(z, i, 1), real(2, 3), np.array([[2, 0], [1, 1]])),
    "add_along_axis": (gn.ops.AddAlongAxis((2, 3), 1), real(2, 2), np.array([[2, 0], [1, 1]])),
    "conv2d_to_input": (gn.ops.Conv2dToInput((6, 5), stride=(2, 1)), real(2, 4, 2, 3), real(4, 3, 3, 3)),
    "conv2d_to_kernel": (gn.ops.Conv2dToKernel((3, 2), padding=(1, 0)), real(2, 3, 5, 4), real(2, 4, 5, 3)),
    "solve": (gn.linalg.solve, SQUARE, real(2, 3, 4)),
    "solve for a vector": (gn.linalg.solve, SQUARE[0], real(3)),
    "one matrix and many right sides": (gn.linalg.solve, SQUARE[0], real(2, 3, 4)),
    "log_abs_det": (lambda z: gn.linalg.slogdet(z)[1], SQUARE),
    "sign_of_det": (lambda z: gn.linalg.slogdet(z)[0], SQUARE),
    "cholesky": (lambda z: gn.linalg.cholesky(z @ z.transpose(0, 2, 1) + np.eye(3)), SQUARE),
    "matrix_power": (lambda z: gn.linalg.matrix_power(z, 3), SQUARE),
    "length": (gn.linalg.norm, real(2, 3)),
    "einsum": (lambda x, y: gn.einsum("ij,kj,i->ki", x, y, x[:, 0]), real(2, 3), real(4, 3)),
    "einsum over one operand": (lambda x, y: gn.einsum("ij,k->k", x, y), real(2, 3), real(4)),
    "mask": (lambda z: z[MASK], real(2, 3, 2)),
    "mask of columns": (lambda z: z[:, MASK[0]], real(2, 3, 2)),
    "diag": (gn.diag, SQUARE[0]),
    "trace": (gn.trace, SQUARE[0]),
}  # fmt: skip
"""What `EVERY` lacks: functions of nodes and their arguments."""
