"""Second set: recurrent cells."""

from __future__ import annotations

import numpy as np

from ..record import Family, normal

F = Family("second, cells")


def sig(z):
    return 1 / (1 + np.exp(-z))


def lstm_r(d, a, z, c, dc_from_h=True, f_from_new=False, slope_o=True, order=False):
    h = c.shape[1]
    i, f, g, o = (z[:, k * h : k * h + h] for k in range(4))
    gate_i, F, Gt, gate_o = (sig(i), sig(f), np.tanh(g), sig(o))
    n = a[:, h:]
    t = np.tanh(n)
    dh, dn = (d[:, :h], d[:, h:])
    dn = dn + (dh * gate_o * (1 - t * t) if dc_from_h else 0)
    p = [
        dn * Gt * gate_i * (1 - gate_i),
        dn * (n if f_from_new else c) * F * (1 - F),
        dn * gate_i * (1 - Gt * Gt),
        dh * t * (gate_o * (1 - gate_o) if slope_o else 1),
    ]
    if order:
        p = [p[0], p[1], p[3], p[2]]
    return (np.concatenate(p, 1), dn * F)


@F.forward(
    (normal(3, 8), normal(3, 2)), (normal(2, 12), normal(2, 3)), (normal(5, 4), normal(5, 1)), slots=("real", "real")
)
def lstm_cell(z, c):
    h = c.shape[1]
    i, f, g, o = (z[:, k * h : k * h + h] for k in range(4))
    n = sig(f) * c + sig(i) * np.tanh(g)
    return np.concatenate([sig(o) * np.tanh(n), n], 1)


@lstm_cell.right
def _(d, a, z, c):
    return lstm_r(d, a, z, c)


@lstm_cell.wrong("missing term", "lstm_cell: the cell's signal lacks the part that comes through the hidden output")
def lstm_cell_no_signal_from_hidden(d, a, z, c):
    return lstm_r(d, a, z, c, dc_from_h=False)


@lstm_cell.wrong(
    "output for input", "lstm_cell: new cell state instead of the previous for the forget gate (output for input)"
)
def lstm_forget_by_new_cell(d, a, z, c):
    return lstm_r(d, a, z, c, f_from_new=True)


@lstm_cell.wrong("missing factor", "lstm_cell: slope of the output gate's sigmoid missing")
def lstm_output_gate_slope(d, a, z, c):
    return lstm_r(d, a, z, c, slope_o=False)


@lstm_cell.wrong("wrong place", "lstm_cell: candidate and output gate's blocks exchanged (ifog/ifgo)")
def lstm_gates_in_other_order(d, a, z, c):
    return lstm_r(d, a, z, c, order=True)


def gru_r(d, a, r, u, n, h, pass_h=True, sgn=1.0):
    Rg, U = (sig(r), sig(u))
    N = np.tanh(n + Rg * h)
    dn = d * (1 - U) * (1 - N * N)
    return (dn * h * Rg * (1 - Rg), sgn * d * (h - N) * U * (1 - U), dn, (d * U if pass_h else 0) + dn * Rg)


@F.forward(
    (normal(3, 2), normal(3, 2), normal(3, 2), normal(3, 2)),
    (normal(2, 4), normal(2, 4), normal(2, 4), normal(2, 4)),
    (normal(5, 3), normal(5, 3), normal(5, 3), normal(5, 3)),
    slots=("real", "real", "real", "real"),
)
def gru_cell(r, u, n, h):
    return (1 - sig(u)) * np.tanh(n + sig(r) * h) + sig(u) * h


@gru_cell.right
def _(d, a, r, u, n, h):
    return gru_r(d, a, r, u, n, h)


@gru_cell.wrong("missing term", "gru_cell: direct path u·h of the hidden state forgotten")
def gru_hidden_one_path(d, a, r, u, n, h):
    return gru_r(d, a, r, u, n, h, pass_h=False)


@gru_cell.wrong("sign", "gru_cell: sign of the update gate's gradient")
def gru_update_sign_again(d, a, r, u, n, h):
    return gru_r(d, a, r, u, n, h, sgn=-1.0)


@gru_cell.wrong("wrong factor", "gru_cell: u where 1 − u belongs, for the candidate")
def gru_update_for_its_complement(d, a, r, u, n, h):
    g = gru_r(d, a, r, u, n, h)
    Rg, U = (sig(r), sig(u))
    N = np.tanh(n + Rg * h)
    return (g[0], g[1], d * (1 - N * N) * U, g[3])


def rnn_r(d, a, x, W, stop=0, clear=False):
    H = [np.zeros((x.shape[1], W.shape[0]))]
    for t in range(len(x)):
        H.append(np.tanh(x[t] + H[-1] @ W))
    gx, gW = (np.zeros_like(x), np.zeros_like(W))
    for t in range(len(x) - 1, stop - 1, -1):
        e = d * (1 - H[t + 1] ** 2)
        gx[t] = e
        gW = (0 if clear else gW) + H[t].T @ e
        d = e @ W.T
    return (gx, gW)


@F.forward(
    (normal(4, 2, 3, scale=0.7), normal(3, 3, scale=0.7)),
    (normal(3, 3, 2, scale=0.7), normal(2, 2, scale=0.7)),
    (normal(5, 1, 2, scale=0.7), normal(2, 2, scale=0.7)),
    slots=("real", "real"),
)
def rnn(x, W):
    h = np.zeros((x.shape[1], W.shape[0]))
    for t in range(len(x)):
        h = np.tanh(x[t] + h @ W)
    return h


@rnn.right
def _(d, a, x, W):
    return rnn_r(d, a, x, W)


@rnn.wrong("detached", "rnn: first two steps get nothing (truncated too early)")
def rnn_truncated_again(d, a, x, W):
    return rnn_r(d, a, x, W, stop=2)


@rnn.wrong("overwritten", "rnn: weights' gradient overwritten instead of accumulated over time")
def rnn_weight_first_step_only(d, a, x, W):
    return rnn_r(d, a, x, W, clear=True)


@rnn.wrong("output for input", "rnn: state after instead of before the step for the weights")
def rnn_weight_by_new_state(d, a, x, W):
    H = [np.zeros((x.shape[1], W.shape[0]))]
    for t in range(len(x)):
        H.append(np.tanh(x[t] + H[-1] @ W))
    gx, gW = (np.zeros_like(x), np.zeros_like(W))
    for t in range(len(x) - 1, -1, -1):
        e = d * (1 - H[t + 1] ** 2)
        gx[t] = e
        gW = gW + H[t + 1].T @ e
        d = e @ W.T
    return (gx, gW)
