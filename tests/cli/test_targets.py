"""Targets that can't be used: exit code 2, the user's own line, and no traceback."""

import pytest

HEAD = "import numpy as np\nimport graphnet as gn\n"


@pytest.mark.parametrize("command", ["check", "info", "train"])
@pytest.mark.parametrize(
    ("text", "place", "problem"),
    [
        (
            "def network():\n    return 1 / 0\n",
            "user.py:4, in network, `return 1 / 0`",
            "ZeroDivisionError: division by zero",
        ),
        ("1 + None\n", "user.py:3, `1 + None`", "TypeError: unsupported operand"),
        ("def network(:\n", "user.py:3, `def network(:`", "SyntaxError: "),
        ("import no_such_module\n", "user.py:3, `import no_such_module`", "ModuleNotFoundError: No module named"),
        ("raise SystemExit(3)\n", "user.py:3, `raise SystemExit(3)`", "SystemExit: 3"),
        ("def network():\n    raise SystemExit\n", "user.py:4, in network, `raise SystemExit`", "SystemExit"),
        ("x = '\ud800'\n".replace("\ud800", "\\x00\x00"), "user.py", ""),
        (
            "def network():\n    return gn.input('x', (2, 3)) @ gn.parameter('W', np.zeros((2, 3)))\n",
            "user.py:4, in network, `return gn.input('x', (2, 3)) @",
            "ShapeError: matmul: x has shape (2, 3), y has shape (2, 3): the inner sizes 3 and 2 differ",
        ),
        (
            "def inner():\n    return [][0]\ndef network():\n    return inner()\n",
            "user.py:4, in inner, `return [][0]`",
            "IndexError: list index out of range",
        ),
        (
            "def network():\n    pass\n",
            "user.py:3, network: ",
            "returned None, expected a node or graph, or (E, feeds)",
        ),
        ("def network():\n    return 5\n", "user.py:3, network: ", "returned 5, expected a node or graph"),
        ("def network():\n    return []\n", "user.py:3, network: ", "returned [], expected a node or graph"),
        (
            "def network():\n    return 'E', {}\n",
            "user.py:3, network: ",
            "returned ('E', {}), expected a node or graph",
        ),
        (
            "def network():\n    return gn.input('x'), {}, 3\n",
            "user.py:3, network: ",
            "options that are int, expected a dict",
        ),
        ("def network(rng, n=3):\n    pass\n", "user.py:3, network: ", "it needs arguments, rng"),
        ("network = 3\n", "user.py:network", "is int, expected a function"),
        ("def other():\n    pass\n", "'user.py' has no 'network'", "It has other: write user.py:other."),
        ("", "'user.py' has no 'network'", "Write def network(): ... in it."),
    ],
)
def test_a_function_that_can_not_be_used(run, script, command, text, place, problem):
    code, out, err = run(command, f"{script(HEAD + text)}:network")
    assert (code, out) == (2, "")
    assert err.startswith("Error: ")
    assert place in err
    assert problem in err
    assert "Traceback" not in err
    assert "graphnet/cli" not in err


@pytest.mark.parametrize(
    ("target", "problem"),
    [
        ("missing.py:network", "there is no file 'missing.py'"),
        ("missing.gn", "can't read 'missing.gn': No such file or directory"),
        (
            "net.py",
            "'net.py' does not say which function of the file\n  It has loss, network, ready, remembering: write net.py:loss.",
        ),
        ("net.py:", "'net.py:' does not say which function"),
        ("net.gn:network", "'net.gn:network': 'network' is looked for in Python files only"),
        (".", "can't read '.': it is not a file"),
        ("", "can't read"),
        ("data.npz", "it has no member 'manifest.json'"),
        ("text.gn", "it is no zip archive, or not a whole one"),
    ],
)
def test_no_such_target(run, tmp_path, target, problem):
    import numpy as np

    np.savez("data.npz", x=[1.0])
    (tmp_path / "text.gn").write_text("text")
    code, out, err = run("info", target)
    assert (code, out) == (2, "")
    assert problem in err
    assert "Traceback" not in err


def test_a_rule_of_the_users_that_fails_while_the_command_runs(run, script):
    text = """
@gn.op
def strange(z):
    return z * 1.0

@strange.backward
def rule(delta, a, z):
    return delta[5, 5, 5]

def network():
    return gn.sum(strange(gn.parameter("w", [1.0, 2.0]), name="s")), {}
"""
    code, _, err = run("draw", f"{script(HEAD + text)}:network", "-o", "net.svg")
    assert code == 2
    assert "strange 's'" in err
    assert "Traceback" not in err


def test_an_optimiser_of_the_users_that_fails_while_the_command_runs(run, script):
    text = """
class Mine:
    def update(self, parameters, gradients):
        raise RuntimeError("not today")

def network():
    return gn.sum(gn.parameter("w", [1.0])), {}, {"optimizer": Mine(), "epochs": 1}
"""
    code, _, err = run("train", f"{script(HEAD + text)}:network")
    assert code == 2
    assert err.splitlines()[-1] == (
        'Error: user.py:6, in update, `raise RuntimeError("not today")`: RuntimeError: not today'
    )


def test_a_fault_of_graphnets_own_is_not_hidden(run, monkeypatch):
    import graphnet as gn

    def broken(*arguments, **options):
        raise RuntimeError("a fault")

    monkeypatch.setattr(gn, "check_gradients", broken)
    with pytest.raises(RuntimeError, match="a fault"):
        run("check", "net.py:network")


def test_options_are_checked_by_name(run, script):
    text = "def network():\n    return gn.sum(gn.parameter('w', [1.0])), {}, {'epoch': 3}\n"
    code, _, err = run("train", f"{script(HEAD + text)}:network")
    assert code == 2
    assert "user.py:network: 'epoch' is no setting of gn.fit" in err
    assert "optimizer, epochs, batch_size" in err


@pytest.mark.parametrize(
    ("returned", "outputs"),
    [
        ("a", ["a"]),
        ("gn.Graph(a, b)", ["a", "b"]),
        ("[a, b]", ["a", "b"]),
        ("(a, b)", ["a", "b"]),
        ("(a, b, a)", ["a", "b", "a"]),
        ("([a, b], {})", ["a", "b"]),
        ("(gn.Graph(b), {}, {'epochs': 1})", ["b"]),
    ],
)
def test_everything_that_a_function_may_return(run, script, returned, outputs):
    text = f"def network():\n    a, b = gn.parameter('a', 1.0), gn.parameter('b', 1.0)\n    return {returned}\n"
    code, out, _ = run("info", f"{script(HEAD + text)}:network")
    assert code == 0
    assert f"outputs     {', '.join(outputs)}\n" in out


def test_what_the_file_prints_does_not_get_into_the_output(run, script):
    import json

    text = "print('importing')\ndef network():\n    print('building')\n    return gn.parameter('w', 1.0)\n"
    code, out, err = run("info", f"{script(HEAD + text)}:network", "--json")
    assert code == 0
    assert json.loads(out)["nodes"] == 1
    assert err == "importing\nbuilding\n"


def test_modules_beside_the_file_are_found_and_nothing_is_left_beside_it(run, script, tmp_path):
    (tmp_path / "there").mkdir()
    script("SIZE = 3\n", "there/sizes_beside.py")
    text = HEAD + "from sizes_beside import SIZE\ndef network():\n    return gn.parameter('w', np.zeros(SIZE))\n"
    code, out, _ = run("info", f"{script(text, 'there/user.py')}:network")
    assert code == 0
    assert "1, with 3 entries" in out
    assert not any("user" in path.name for path in (tmp_path / "there").rglob("*.pyc"))


def test_a_file_is_read_anew_each_time(run, script):
    for size in (3, 5):
        text = f"def network():\n    return gn.parameter('w', np.zeros({size}))\n"
        assert f"1, with {size} entries" in run("info", f"{script(HEAD + text)}:network").out


def test_a_file_may_be_called_as_a_module_is(run, script):
    text = "def network():\n    return gn.parameter('w', np.zeros(2))\n"
    assert run("info", f"{script(HEAD + text, 'random.py')}:network").code == 0


def test_main_is_not_run(run, script):
    text = "def network():\n    return gn.parameter('w', 1.0)\nif __name__ == '__main__':\n    raise SystemExit(9)\n"
    assert run("info", f"{script(HEAD + text)}:network").code == 0


def test_dataclasses_in_the_file_work(run, script):
    text = (
        "from __future__ import annotations\nfrom dataclasses import dataclass\n" + HEAD + "\n"
        "@dataclass(frozen=True)\nclass Scale(gn.Op):\n    factor: float\n"
        "    def forward(self, z):\n        return self.factor * z\n"
        "    def backward(self, delta, a, z):\n        return self.factor * delta\n"
        "def network():\n    return gn.sum(Scale(3.0)(gn.parameter('w', [1.0]))), {}\n"
    )
    assert run("check", f"{script(text)}:network").code == 0


@pytest.mark.parametrize("content", [b"", b"text", b"PK\x03\x04", None])
def test_feeds_that_can_not_be_read(run, tmp_path, content):
    if content is not None:
        (tmp_path / "data.npz").write_bytes(content)
    code, _, err = run("check", "net.py:network", "--feeds", "data.npz")
    assert code == 2
    assert "can't read feeds from 'data.npz'" in err
    assert "np.savez(path, x=X, t=T)" in err


def test_feeds_of_another_name_or_as_one_array(run):
    import numpy as np

    np.savez("data.npz", y=np.zeros((2, 2)))
    np.save("data.npy", np.zeros(2))
    code, _, err = run("check", "net.py:network", "--feeds", "data.npz")
    assert code == 2
    assert "Error: " in err
    code, _, err = run("check", "net.py:network", "--feeds", "data.npy")
    assert code == 2
    assert "can't read feeds from 'data.npy'" in err


def test_objects_are_never_unpickled_from_feeds(run):
    import numpy as np

    np.savez("data.npz", x=np.array([{}], dtype=object))
    code, _, err = run("check", "net.py:network", "--feeds", "data.npz")
    assert code == 2
    assert "can't read feeds from 'data.npz': Object arrays cannot be loaded when allow_pickle=False" in err
