"""What a user does, from import to a saved page, in one go: tried by noxfile.py where something is missing.

python tools/journey.py              prints a line for each stage; ends with an error where one fails
python tools/journey.py --without matplotlib --without sklearn

It asks by `must`, not by assert, so that it also tells something under python -OO.
"""

import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np

import graphnet as gn
from graphnet import cli, native


def must(holds: object, what: str) -> None:
    if not holds:
        raise SystemExit(f"NOT so: {what}")
    print(what, flush=True)


def network() -> tuple[gn.Node, gn.Node, dict[str, np.ndarray]]:
    """Return exclusive or: the output, the loss and the feeds."""
    rng = np.random.default_rng(0)
    x, t = gn.input("x", shape=(None, 2)), gn.input("t", shape=(None, 1))
    with gn.scope("hidden"):
        W, b = gn.parameter("W", rng.normal(size=(2, 3))), gn.parameter("b", np.zeros(3))
        hidden = gn.tanh(x @ W + b, name="a")
    output = gn.layers.dense(hidden, 1, gn.sigmoid, rng=rng, name="output")
    X, T = np.array([[0.0, 0], [0, 1], [1, 0], [1, 1]]), np.array([[0.0], [1], [1], [0]])
    return output, gn.sse(output, t, name="E"), {"x": X, "t": T}


@gn.op
def my_tanh(z):  # type: ignore[no-untyped-def]
    """Be called my_tanh in tables."""
    return np.tanh(z)


@my_tanh.backward
def my_tanh_backward(delta, a, z):  # type: ignore[no-untyped-def]
    return delta * (1 - z * z)


def refused(call: Callable[[], object], error: type[Exception]) -> bool:
    """Tell whether a call raises an error of this kind, and no other."""
    try:
        call()
    except error:
        return True
    return False


def main(without: list[str]) -> None:
    for module in without:
        sys.modules[module] = None  # type: ignore[assignment]  # an import of it fails
    output, E, feeds = network()
    bwd = gn.backward(E, feeds)
    must(bwd.gradients["hidden/W"].shape == (2, 3), "gradients of every parameter")
    must("error signal" in str(bwd), "a pass as a table")
    must(gn.check_gradients(E, feeds).ok, "all rules right")
    must(not gn.check_op(my_tanh, np.array([0.5, -1.0])).ok, "a wrong rule found")
    must(np.array_equal(gn.compile(E)(feeds)[1]["hidden/W"], bwd.gradients["hidden/W"]), "a compiled step")
    (slope,) = gn.gradients(E, [gn.Graph(E).parameters[0]])
    must(np.allclose(gn.forward(slope, feeds)[slope], bwd.gradients["hidden/W"]), "gradients as nodes")
    must("δ" in str(gn.derive(E)), "the chain rule as a formula")
    must("tanh" in gn.ops.overview().__str__(), "the table of ops")
    history = gn.fit(E, feeds, optimizer=gn.GradientDescent(2.0), epochs=500)
    must(abs(gn.forward(output, {"x": feeds["x"]})[output] - feeds["t"]).max() < 0.1, "exclusive or, learned")
    for module, call in {"matplotlib": history.plot, "sklearn": lambda: cli.main(["demo", "--epochs", "1"])}.items():
        if module in without and module == "matplotlib":
            must(refused(call, gn.errors.DrawError), "a plot without matplotlib refused by a typed error")
        elif module in without:
            must(call() == 2, "the demo without scikit-learn refused, with exit code 2")
    with tempfile.TemporaryDirectory() as folder:
        gn.save(Path(folder) / "net.gn", E)
        must(
            np.array_equal(gn.backward(gn.load(Path(folder) / "net.gn"), feeds)["E"], gn.backward(E, feeds)["E"]),
            "a file",
        )
        for name in ("net.svg", "net.html", "net.txt"):
            must(gn.draw(bwd).save(Path(folder) / name).stat().st_size > 1000, f"a picture, {name}")
        must(cli.main(["info", str(Path(folder) / "net.gn")]) == 0, "the command line")
    print(f"fine; steps {'native' if native.AVAILABLE else 'by Python: ' + native.WHY_NOT}")


if __name__ == "__main__":
    main(sys.argv[2::2])
