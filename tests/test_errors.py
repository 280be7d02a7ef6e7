"""What a notebook shows of an error: the user's own lines, and the message."""

import traceback

import numpy as np
import pytest

import graphnet as gn
from graphnet.errors import FULL_TRACEBACK, GraphnetError


@gn.op
def bad(z):
    return np.tanh(z)


@bad.backward
def bad_backward(delta, a, z):
    return delta[:, 99]


def in_a_rule():
    w = gn.parameter("w", np.ones((2, 2)))
    return gn.backward(gn.sum(bad(w)), {})


def at_build():
    return gn.input("x", (None, 2)) @ np.ones((3, 4))


@pytest.mark.parametrize(
    ("use", "lines"), [(in_a_rule, ["delta[:, 99]", "gn.backward(gn.sum(bad(w)), {})"]), (at_build, ["@ np.ones"])]
)
def test_notebooks_show_the_users_lines_and_the_message(monkeypatch, use, lines):
    with pytest.raises(GraphnetError) as caught:
        use()
    shown = "\n".join(caught.value._render_traceback_())
    for line in [*lines, str(caught.value).split("\n")[0]]:
        assert line in shown
    assert "graphnet/engine" not in shown
    assert "graphnet/core" not in shown
    full = "".join(traceback.format_exception(caught.value))
    assert "graphnet/core" in full or "graphnet/engine" in full  # nothing is lost
    monkeypatch.setenv(FULL_TRACEBACK, "1")
    assert "\n".join(caught.value._render_traceback_()) + "\n" == full
