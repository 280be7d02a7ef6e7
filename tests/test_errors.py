"""What a notebook shows of an error: the user's own lines, and the message."""

import os
import subprocess
import sys
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


SCRIPT = """
import numpy as np
import graphnet as gn

def network():
    return gn.tanh(np.ones((2, 3)) @ gn.parameter("W", np.ones((2, 3))))  # does not fit

network()
"""


def ended(tmp_path, script, **environment):
    """Return what a script that ends in an error writes."""
    (tmp_path / "script.py").write_text(script)
    command, environment = [sys.executable, "script.py"], {**os.environ, **environment}
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, env=environment)
    assert done.returncode == 1
    return done.stderr


def test_a_program_that_ends_in_a_mistake_shows_the_users_lines_and_the_message(tmp_path):
    text = ended(tmp_path, SCRIPT)
    assert "# does not fit" in text
    assert "ShapeError: matmul" in text
    assert text.count('File "') == 2
    assert "graphnet/core" not in text


@pytest.mark.parametrize("call", ["gn.load('nothing.gn')", "gn.load_state('nothing.gn')", "gn.save('no/such', w)"])
def test_no_lines_of_python_itself_stand_between(tmp_path, call):
    text = ended(tmp_path, f"import graphnet as gn\nw = gn.parameter('w', [1.0])\n{call}")
    assert text.count('File "') == text.count("Traceback") == 1
    assert "nothing.gn" in text or "no/such" in text


def test_all_lines_are_shown_where_they_are_asked_for(tmp_path):
    assert "# does not fit" in (text := ended(tmp_path, SCRIPT, **{FULL_TRACEBACK: "1"}))
    assert text.count('File "') > 2


def test_other_errors_and_other_hooks_are_left_alone(tmp_path):
    assert ended(tmp_path, "import graphnet\n1 / 0").count("ZeroDivisionError") == 1
    own = "import sys\nsys.excepthook = lambda *_: print('mine', file=sys.stderr)\n"
    assert ended(tmp_path, own + SCRIPT) == "mine\n"
