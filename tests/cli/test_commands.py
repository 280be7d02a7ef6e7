"""The commands do what they say, and their exit codes tell how it went."""

import json
import os
import subprocess
import sys
from pathlib import Path

import click
import numpy as np
import pytest

import graphnet as gn
from graphnet import native
from tests.cli.conftest import NET

WRONG = """
import graphnet as gn

@gn.op
def double(z):
    return z * 2.0

@double.backward
def rule(delta, a, z):
    return delta * 3.0

def network():
    return gn.sum(double(gn.parameter("w", [1.0, 2.0]), name="d")), {}
"""


# check ----------------------------------------------------------------------------------------------------------------


def test_check_of_right_rules(run):
    code, out, _ = run("check", "net.py:network")
    assert code == 0
    assert out.splitlines()[-1] == "ALL RIGHT: 6 inputs of rules, 2 gradients from end to end"


def test_check_of_a_wrong_rule(run, script):
    code, out, err = run("check", f"{script(WRONG)}:network")
    assert code == 1
    assert "WRONG: the backward rule of double at 'd' is wrong for input 0 (z: w)" in out
    assert err == ""


@pytest.mark.parametrize(("text", "ok"), [(None, True), (WRONG, False)])
def test_check_as_json(run, script, text, ok):
    target = "net.py:network" if text is None else f"{script(text)}:network"
    code, out, _ = run("check", target, "--json")
    report = json.loads(out)
    assert (code, report["ok"]) == (1 - ok, ok)
    wrong = [(finding["label"], finding["op"]) for finding in report["findings"] if finding["verdict"] == "wrong"]
    assert wrong == ([] if ok else [("d", "double"), ("w", "parameter")])


def test_check_is_the_same_for_the_same_seed(run):
    outputs = [run("check", "net.py:network", "--seed", seed).out for seed in (1, 1, 2)]
    assert outputs[0] == outputs[1] != outputs[2]


def test_check_of_a_saved_file_with_an_op_of_ones_own(run, script, tmp_path):
    script(WRONG)
    run("train", "user.py:network", "--epochs", 0, "--learning-rate", 1, "-o", "wrong.gn")
    code, out, _ = run("check", "wrong.gn", "--ops", "user.py:double")
    assert code == 1
    assert "the backward rule of double at 'd' is wrong" in out
    code, _, err = run("check", "wrong.gn")
    assert code == 2
    assert "Error: 'wrong.gn', member 'manifest.json': node 1 'd': unknown op 'double'" in err


def test_feeds_from_a_file(run):
    run("train", "net.py:ready", "-o", "net.gn")
    code, _, err = run("check", "net.gn")
    assert code == 2
    assert "net.gn: nothing is said about what to feed its inputs 'x', 't'" in err
    assert "--feeds data.npz" in err
    np.savez("data.npz", x=np.ones((2, 2)), t=np.ones((2, 1)))
    assert run("check", "net.gn", "--feeds", "data.npz").code == 0
    assert run("check", "net.py:loss", "--feeds", "data.npz").code == 0


# draw -----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("suffix", "start"), [("svg", b"<?xml"), ("png", b"\x89PNG"), ("pdf", b"%PDF"), ("dot", b"digraph")]
)
def test_draw_writes_every_format(run, tmp_path, suffix, start):
    code, out, _ = run("draw", "net.py:network", "-o", f"net.{suffix}")
    assert (code, out) == (0, f"net.{suffix}\n")
    assert (tmp_path / f"net.{suffix}").read_bytes().startswith(start)


def test_draw_shows_numbers_where_there_are_feeds(run, tmp_path):
    run("draw", "net.py:network", "-o", "numbers.dot")
    run("draw", "net.py:network", "-o", "structure.dot", "--structure", "--direction", "down")
    run("draw", "net.py:loss", "-o", "loss.dot", "--direction", "down")
    numbers, structure, loss = [(tmp_path / f"{name}.dot").read_text() for name in ("numbers", "structure", "loss")]
    assert "Backward pass: E = " in numbers
    assert "Backward pass" not in structure
    assert structure == loss


def test_draw_of_units_shows_the_sample_asked_for(run, tmp_path):
    for options in ([], ["--sample", "1"]):
        assert run("draw", "net.py:network", "-o", "units.txt", "--view", "units", *options)[0] == 0
        said = "Sample 2 of" if options else "Sample 1 of"
        assert said in (tmp_path / "units.txt").read_text(encoding="utf-8")


def test_draw_opens_as_many_scopes_as_asked_for(run, tmp_path):
    script = "import graphnet as gn\ndef network():\n    y = gn.input('x')\n    with gn.scope('net'):\n"
    (tmp_path / "scoped.py").write_text(script + "        return gn.tanh(gn.exp(y, name='e'), name='a')\n")
    for depth, boxes in (("0", ["x: input", "net: scope with 2 nodes"]), ("99", ["net/e: exp(x)", "net/a: tanh(e)"])):
        assert run("draw", "scoped.py:network", "-o", "net.txt", "--depth", depth)[0] == 0
        text = (tmp_path / "net.txt").read_text(encoding="utf-8")
        assert all(box in text for box in boxes)


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        (["-o", "net.svg", "--sample", "1"], "only the unit view shows one sample"),
        (["-o", "net.svg", "--view", "units", "--sample", "9999"], "there is no sample 9999"),
        (["-o", "net.svg", "--view", "units", "--depth", "1"], "the unit view flows to the right, and has no"),
        (["-o", "net.svg", "--depth", "-1"], "-1 is not in the range x>=0"),
        (["-o", "net.xyz"], "the suffix '.xyz' is no known format"),
        (["-o", "missing/net.svg"], "there is no folder 'missing'"),
        ([], "Missing option '-o' / '--out'"),
        (["-o", "net.svg", "--direction", "up"], "'up' is not one of 'right', 'down'"),
    ],
)
def test_draw_where_it_can_not(run, options, problem):
    code, _, err = run("draw", "net.py:network", *options)
    assert code == 2
    assert problem in err
    assert "Traceback" not in err


# info -----------------------------------------------------------------------------------------------------------------


def test_play_writes_a_live_page_and_opens_it(run, tmp_path, monkeypatch):
    opened = []
    monkeypatch.setattr(click, "launch", opened.append)
    assert run("play", "net.py:network", "-o", "play.html", "--no-browser")[:2] == (0, "play.html\n")
    assert '"live":{"rate":0.1' in (tmp_path / "play.html").read_text(encoding="utf-8")
    assert opened == []
    code, out, _ = run("play", "net.py:network", "--learning-rate", "0.5", "--view", "units")
    assert (code, opened) == (0, [out.strip()])
    assert '"live":{"rate":0.5' in Path(opened[0]).read_text(encoding="utf-8")


def test_info_of_a_function_and_of_what_was_saved_of_it(run):
    run("train", "net.py:ready", "-o", "net.gn")
    outputs = [run("info", target) for target in ("net.py:loss", "net.py:network", "net.gn")]
    assert [code for code, _, _ in outputs] == [0, 0, 0]
    assert len({out for _, out, _ in outputs}) == 1
    text = outputs[0].out
    for line in [
        "nodes       7",
        "outputs     E",
        "parameters  2, with 3 entries",
        "memory      24 bytes parameters, 0 bytes",
    ]:
        assert line in text
    assert "layer/W    (2, 1)  float64" in text
    assert "bias_add  1" in text
    assert "layer  4" in text
    assert f"steps       {'by Python: ' if native.Calls is None else 'native'}" in text


def test_info_as_json(run):
    found = json.loads(run("info", "net.py:network", "--json").out)
    assert found["nodes"] == 7
    assert found["parameters"] == [
        {"name": "layer/W", "shape": [2, 1], "dtype": "float64", "entries": 2, "bytes": 16},
        {"name": "layer/b", "shape": [1], "dtype": "float64", "entries": 1, "bytes": 8},
    ]
    assert found["inputs"][0] == {"name": "x", "shape": [None, 2], "dtype": "float64", "entries": None, "bytes": None}
    assert (found["parameter_entries"], found["parameter_bytes"], found["constant_bytes"]) == (3, 24, 0)
    assert found["ops"] == {"matmul": 1, "bias_add": 1, "sse": 1}
    assert found["scopes"] == {"layer": 4}


# train ----------------------------------------------------------------------------------------------------------------


def test_train_finds_the_line_and_saves_it(run):
    code, out, _ = run("train", "net.py:ready", "--epochs", 200, "-o", "net.gn")
    assert code == 0
    assert out.startswith("200 epochs, loss ")
    assert out.endswith("saved to net.gn\n")
    np.testing.assert_allclose(gn.load("net.gn")["layer/W"].value, [[2.0], [-3.0]], atol=1e-3)


def test_train_goes_on_with_a_saved_file(run):
    run("train", "net.py:ready", "--epochs", 7, "-o", "both.gn")
    run("train", "net.py:ready", "--epochs", 3, "-o", "net.gn")
    rng = np.random.default_rng(0).normal(size=(8, 2))
    np.savez("data.npz", x=rng, t=rng @ [[2.0], [-3.0]])
    code, _, _ = run("train", "net.gn", "--feeds", "data.npz", "--epochs", 4, "--learning-rate", 0.05, "-o", "net.gn")
    assert code == 0
    np.testing.assert_array_equal(gn.load("net.gn")["layer/W"].value, gn.load("both.gn")["layer/W"].value)


def test_train_resumes_as_if_it_had_never_ended(run):
    options = ["train", "net.py:remembering", "--batch-size", 3, "--seed", 1]
    run(*options, "--epochs", 7, "-o", "whole.gn")
    run(*options, "--epochs", 4, "-o", "net.gn", "--save-every", 2)
    assert gn.load_state("net.gn")["epoch"] == 4
    code, out, _ = run(*options, "--epochs", 7, "--resume", "net.gn", "-o", "net.gn")
    assert code == 0
    assert out.startswith("3 epochs")
    whole, resumed = gn.load_state("whole.gn"), gn.load_state("net.gn")
    np.testing.assert_equal(resumed, whole)
    np.testing.assert_array_equal(gn.load("net.gn")["layer/W"].value, gn.load("whole.gn")["layer/W"].value)
    code, _, err = run(*options, "--epochs", 7, "--resume", "missing.gn")
    assert code == 2
    assert "missing.gn" in err


@pytest.mark.parametrize("state", [{"epoch": "x"}, {"optimizer": 5}, {"rng": 5}, {"rng": {"bit_generator": "PCG64"}}])
def test_train_resumes_from_no_other_state(run, state):
    options = ["train", "net.py:remembering", "--batch-size", 3, "--seed", 1]
    run(*options, "--epochs", 1, "-o", "net.gn")
    gn.save("net.gn", gn.load("net.gn"), state=state)
    code, _, err = run(*options, "--epochs", 7, "--resume", "net.gn")
    assert code == 2
    assert "Give what graphnet train -o saved" in err or "no optimiser's state" in err


def test_train_as_json(run):
    code, out, _ = run("train", "net.py:network", "--epochs", 3, "--learning-rate", 0.01, "--batch-size", 3, "--json")
    found = json.loads(out)
    assert code == 0
    assert (found["epochs"], len(found["loss"]), found["saved"]) == (3, 3, None)
    assert found["loss"][0] > found["loss"][2]


def test_train_warns_of_a_loss_that_grew(run):
    options = ["train", "net.py:ready", "--epochs", 3, "--json", "--learning-rate"]
    code, out, err = run(*options, 10)
    losses = json.loads(out)["loss"]
    assert code == 0
    assert losses[-1] > losses[0]
    assert "Warning: the loss grew: the learning rate is too large" in err
    assert "Warning" not in run(*options, 0.01).err


def test_train_with_a_seed_shuffles(run):
    options = ["train", "net.py:ready", "--batch-size", 3, "--json"]
    losses = [
        json.loads(run(*options, *seed).out)["loss"] for seed in ([], ["--seed", 1], ["--seed", 1], ["--seed", 2])
    ]
    assert losses[1] == losses[2]
    assert losses[0] != losses[1] != losses[3]


@pytest.mark.parametrize(
    ("target", "options", "problem"),
    [
        ("net.py:network", [], "it is not said what epochs to train with"),
        ("net.py:network", ["--epochs", 3], "it is not said what optimizer to train with"),
        (
            "net.py:loss",
            ["--epochs", 3, "--learning-rate", 1],
            "nothing is said about what to feed its inputs 'x', 't'",
        ),
        ("net.py:ready", ["--learning-rate", -1], "learning rate -1.0 is not positive"),
        ("net.py:ready", ["--epochs", -1], "-1 is not in the range x>=0"),
        ("net.py:ready", ["--batch-size", 9], "batch_size is 9"),
        ("net.py:ready", ["--learning-rate", 1e200], "Error: sse 'E': the value has 0 NaN and 1 infinite"),
        ("net.py:ready", ["-o", "missing/net.gn"], "there is no folder 'missing' to save to"),
        ("net.py:ready", ["-o", "."], "it is a folder"),
    ],
)
@pytest.mark.filterwarnings("ignore:overflow", "ignore:invalid value")
def test_train_where_it_can_not(run, target, options, problem):
    code, out, err = run("train", target, *options)
    assert code == 2
    assert problem in err
    assert "Traceback" not in err
    assert "saved" not in out


# The program ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("command", ["check", "draw", "info", "train", "demo"])
def test_help_has_examples(run, command):
    code, out, _ = run(command, "--help")
    assert code == 0
    assert "Example" in out
    assert f"graphnet {command} " in out


def test_help_explains_targets_and_exit_codes(run):
    code, out, _ = run("--help")
    assert code == 0
    assert "net.py:network" in out
    assert "Exit codes: 0 done" in out


def test_without_a_command_it_shows_its_help(run):
    code, _, err = run()
    assert code == 2
    assert "Commands:" in err


@pytest.mark.parametrize("arguments", [["chekc"], ["check"], ["check", "a", "b"], ["info", "net.gn", "--jsno"]])
def test_a_wrong_command_line(run, arguments):
    code, out, err = run(*arguments)
    assert (code, out) == (2, "")
    assert "Usage: " in err
    assert "Error: " in err


def test_the_module_and_the_script_are_the_same_program(run, tmp_path):
    script = os.path.join(os.path.dirname(sys.executable), "graphnet")
    outputs = [
        subprocess.run([*program, "info", "net.py:network"], capture_output=True, text=True, check=True).stdout
        for program in ([sys.executable, "-m", "graphnet"], [script])
    ]
    assert outputs[0] == outputs[1] != ""


def test_reading_only_the_start_of_the_output_is_no_error(run):
    command = f'"{sys.executable}" -m graphnet info net.py:network | head -1'
    done = subprocess.run(command, shell=True, capture_output=True, text=True)
    assert (done.stdout, done.stderr) == ("nodes       7\n", "")


def test_completion(run):
    asked = {"_GRAPHNET_COMPLETE": "bash_complete", "COMP_WORDS": "graphnet tr", "COMP_CWORD": "1"}
    script = os.path.join(os.path.dirname(sys.executable), "graphnet")
    done = subprocess.run([script], env=os.environ | asked, capture_output=True, text=True)
    assert done.stdout == "plain,train\n"


def test_the_demo_is_a_command(run, monkeypatch):
    import graphnet.demo

    calls = []
    monkeypatch.setattr(graphnet.demo, "run_demo", lambda folder, **options: calls.append((str(folder), options)))
    assert run("demo").code == 0
    assert run("demo", "--out", "here", "--epochs", 2, "--seed", 5).code == 0
    assert calls == [("graphnet-demo", {"epochs": 30, "seed": 0}), ("here", {"epochs": 2, "seed": 5})]


# What goes wrong around a command -------------------------------------------------------------------------------------


def test_a_folder_that_can_not_be_made_is_one_plain_line(run, tmp_path):
    (tmp_path / "file").write_text("")
    code, _, err = run("demo", "--out", str(tmp_path / "file" / "sub"), "--epochs", "1")
    assert code == 2
    assert err.count("\n") == 1
    assert err.startswith("Error: Not a directory: ")


@pytest.mark.parametrize("encoding", ["cp1252", "ascii", "latin-1"])
def test_letters_that_the_output_does_not_have_are_escaped(script, tmp_path, encoding):
    file = script(
        "import graphnet as gn\ndef network():\n    return gn.sse(gn.parameter('w→', [1.0]), [0.0], name='E'), {}\n"
    )
    for command in (["info"], ["check"], ["train", "--epochs", "1", "--learning-rate", "0.1"]):
        done = subprocess.run(
            [sys.executable, "-m", "graphnet", command[0], f"{tmp_path / file}:network", *command[1:]],
            capture_output=True,
            env={**os.environ, "PYTHONIOENCODING": encoding},
            check=False,
        )
        assert (done.returncode, done.stderr) == (0, b"")


def test_a_reader_that_stops_is_no_traceback():
    command = subprocess.Popen(
        [sys.executable, "-m", "graphnet", "--help"], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    command.stdout.close()
    assert command.stderr.read() == b""
    command.stderr.close()
    assert command.wait() == 2


@pytest.mark.skipif(sys.platform == "win32", reason="closes streams by a shell")
def test_where_there_is_nothing_to_write_to_it_works_all_the_same(tmp_path):
    (tmp_path / "net.py").write_text(NET, encoding="utf-8")
    command = f'exec "{sys.executable}" -m graphnet train net.py:ready -o net.gn <&- >&- 2>&-'
    assert subprocess.run(["bash", "-c", command], cwd=tmp_path, check=False).returncode == 0
    assert gn.load(tmp_path / "net.gn").parameters
