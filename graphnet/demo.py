"""The demo: real handwritten digits, from pixels to a trained network whose gradients are checked and drawn."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np

import graphnet as gn
from graphnet.errors import DrawError, GraphnetError


class Handwritten(NamedTuple):
    """1,797 images of handwritten digits, 8×8 pixels each, four fifths to train on and one held out."""

    train_images: np.ndarray[Any, Any]
    train_labels: np.ndarray[Any, Any]
    test_images: np.ndarray[Any, Any]
    test_labels: np.ndarray[Any, Any]


def run_demo(folder: Path, *, epochs: int, seed: int) -> float:
    """Run the whole demo; write its pictures to `folder`; return the accuracy on the held-out images."""
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(seed)
    draw_small_network(folder, rng)

    digits = load_digits(rng)
    E, score = classifier(rng)
    to_train = {"x": digits.train_images, "t": gn.one_hot(digits.train_labels, 10)}
    held_out = {"x": digits.test_images, "t": gn.one_hot(digits.test_labels, 10)}
    sample = {name: array[:8] for name, array in to_train.items()}
    print(f"\nA 64-32-10 network for {len(digits.train_images)} images of handwritten digits: {gn.Graph(E)}")

    print("\nIs every backward rule right? Finite differences of every entry, on 8 images:\n")
    report = gn.check_gradients(E, sample, rng=rng)
    print(report)
    (folder / "check.txt").write_text(f"{report}\n", encoding="utf-8")
    report.raise_if_failed()

    def accuracy() -> float:
        return float(gn.forward(score, held_out)[score].item())

    before = gn.backward(E, sample)
    save_picture(before, folder / "digits-before")
    print(f"\nAccuracy on {len(digits.test_images)} held-out images before training: {accuracy():.1%}")
    descent = gn.GradientDescent(0.1)
    history = gn.fit(E, to_train, optimizer=descent, epochs=epochs, batch_size=16, rng=rng, progress=True)
    print(f"Accuracy on {len(digits.test_images)} held-out images after {epochs} epochs: {accuracy():.1%}")
    after = gn.backward(E, sample)
    save_picture(after, folder / "digits-after")
    gn.draw({"untrained": before, "trained": after}).save(folder / "digits-step-by-step.html")
    plot_loss(history, folder / "loss.png")
    print(f"\nWritten to {folder.resolve()}:")
    for path in sorted(folder.iterdir()):
        print(f"  {path.name:31} {DESCRIPTIONS.get(path.stem, '')}")
    return accuracy()


DESCRIPTIONS = {
    "check": "the gradient check",
    "digits-after": "the digits network with its error signals, trained: most have become small",
    "digits-before": "the digits network with its error signals, untrained",
    "digits-step-by-step": "both passes as a page that steps through them: open it in a browser",
    "loss": "the error over the epochs",
    "small-network": "a 2-3-1 network with every value, error signal and gradient",
    "small-network-step-by-step": "the same as a page that steps through the pass",
    "small-network-units": "the same as circles and weights",
}


def draw_small_network(folder: Path, rng: np.random.Generator) -> None:
    """Draw the network of the derivation, 2-3-1, with all its numbers."""
    x, t = gn.input("x", shape=(None, 2)), gn.input("t", shape=(None, 1))
    W1, b1 = gn.parameter("W1", rng.normal(size=(2, 3))), gn.parameter("b1", np.zeros(3))
    W2, b2 = gn.parameter("W2", rng.normal(size=(3, 1))), gn.parameter("b2", np.zeros(1))
    z1 = gn.bias_add(gn.matmul(x, W1), b1, name="z1")
    a1 = gn.tanh(z1, name="a1")
    z2 = gn.bias_add(gn.matmul(a1, W2), b2, name="z2")
    a2 = gn.sigmoid(z2, name="a2")
    bwd = gn.backward(gn.sse(a2, t, name="E"), {x: [[0.5, -1.0]], t: [[1.0]]})
    print("A 2-3-1 network, forward and backward:\n")
    print(bwd)
    save_picture(bwd, folder / "small-network")
    save_picture(bwd, folder / "small-network-units", view="units")
    gn.draw(bwd).save(folder / "small-network-step-by-step.html")


def load_digits(rng: np.random.Generator) -> Handwritten:
    """Load scikit-learn's digits, shuffled, pixels from 0 to 1."""
    try:
        from sklearn.datasets import load_digits as load
    except ImportError as error:
        raise GraphnetError(
            "the demo's images come with scikit-learn, which is not installed",
            repair="Install the demo's extra, in the folder of the project: pip install '.[demo]'",
        ) from error
    images, labels = load(return_X_y=True)
    order = rng.permutation(len(images))
    images, labels = images[order] / 16, labels[order]
    split = len(images) * 4 // 5
    return Handwritten(images[:split], labels[:split], images[split:], labels[split:])


def classifier(rng: np.random.Generator) -> tuple[gn.Node, gn.Node]:
    """Build a 64-32-10 network from op nodes, so that each is seen; return its loss and its accuracy.

    ``gn.layers.mlp`` does the same in a line.
    """
    x, t = gn.input("x", shape=(None, 64)), gn.input("t", shape=(None, 10))
    W1, b1 = gn.parameter("W1", gn.layers.glorot(rng, 64, 32)), gn.parameter("b1", np.zeros(32))
    W2, b2 = gn.parameter("W2", gn.layers.glorot(rng, 32, 10)), gn.parameter("b2", np.zeros(10))
    a1 = gn.sigmoid(gn.bias_add(gn.matmul(x, W1), b1), name="a1")
    a2 = gn.sigmoid(gn.bias_add(gn.matmul(a1, W2), b2), name="a2")
    return gn.sse(a2, t, name="E"), gn.accuracy(a2, t)


def save_picture(bwd: gn.BackwardPass, stem: Path, view: Literal["ops", "units"] = "ops") -> None:
    """Draw a backward pass as SVG and PNG."""
    drawing = gn.draw(bwd, view=view)
    for suffix in (".svg", ".png"):
        drawing.save(stem.with_suffix(suffix))


def plot_loss(history: gn.History, path: Path) -> None:
    """Draw the loss curve, if matplotlib is installed."""
    try:
        figure = history.plot()
    except DrawError:
        print("No loss curve: matplotlib is not installed (it is part of the demo's extra).")
        return
    axes = figure.axes[0]
    axes.set(ylabel="E of a mini-batch, ½ Σ (a − t)²", ylim=(0, None))
    axes.set_title("Digits: the error falls as the network learns", loc="left")
    figure.savefig(path, dpi=150)
