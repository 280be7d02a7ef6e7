"""The command line, ``python -m graphnet`` and the script ``graphnet``: its commands; errors become messages and exit codes."""

from __future__ import annotations

import contextlib
import functools
import inspect
import io
import json
import math
import os
import platform
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import click
import numpy as np

import graphnet as gn
from graphnet import native
from graphnet.cli.target import Subject, blame, find
from graphnet.common.text import number, table
from graphnet.errors import GradientCheckError, GraphnetError, LoadError, TargetError
from graphnet.interop.foreign import needing
from graphnet.train.callbacks import USUAL_CAUSES
from graphnet.train.optimizers import Optimizer

FILE, FOLDER = click.Path(path_type=Path), click.Path(path_type=Path, file_okay=False)
COUNT = click.IntRange(min=1)
with_feeds = click.option("--feeds", type=FILE, help="Arrays to feed, by name: a file that np.savez wrote.")
with_ops = click.option(
    "--ops", metavar="FILE.py:NAME", multiple=True, help="A custom op that a saved file names; may be repeated."
)
as_json = click.option("--json", "as_json", is_flag=True, help="Print JSON.")
with_seed = click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True, help="Of random numbers.")

RUN_BY = "native" if native.AVAILABLE else f"by Python: {native.WHY_NOT}"
AROUND = f"Python {platform.python_version()}, NumPy {np.__version__}, {platform.system()} {platform.machine()}\nsteps {RUN_BY}"
"""What a maintainer asks about the machine."""


def on_a_target(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command the arguments that say what it works on, and call it with what they name."""

    @functools.wraps(command)
    def with_subject(target: str, ops: Sequence[str], feeds: Path | None = None, **options: Any) -> Any:
        return command(find(target, ops, feeds), **options)

    return click.argument("target", type=click.Path())(with_ops(with_subject))


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 118})
@click.version_option(gn.__version__, message=f"graphnet %(version)s\n{AROUND}")
def graphnet() -> None:
    """See and trust backpropagation.

    \b
    A TARGET is a file that gn.save wrote, or a function in a Python file, called without arguments:
        net.gn
        net.py:network
    The function returns a node or a graph; or (E, feeds), which check and train need; or (E, feeds, options), where
    options is a dict of settings of gn.fit, as {"optimizer": gn.GradientDescent(0.1), "epochs": 20}.

    \b
    Exit codes: 0 done, and right; 1 done, and a check says no; 2 it could not be done; 130 stopped.
    """


@graphnet.command()
@on_a_target
@with_feeds
@with_seed
@as_json
def check(subject: Subject, seed: int, as_json: bool) -> int:
    """Check every backward rule of TARGET by finite differences.

    Exits with 1 if one is wrong.

    \b
    Examples:
        graphnet check net.py:network
        graphnet check net.py:network --json > report.json
        graphnet check net.gn --feeds data.npz --ops ops.py:swish
    """
    report = gn.check_gradients(subject.graph, subject.arrays(), rng=np.random.default_rng(seed))
    click.echo(report.to_json() if as_json else report)
    return 0 if report.ok else 1


@graphnet.command()
@on_a_target
@with_feeds
@click.option("-o", "--out", type=FILE, required=True, help="The picture; its suffix is its format.")
@click.option("--direction", type=click.Choice(["right", "down"]), default="right", show_default=True)
@click.option("--structure", is_flag=True, help="Leave the numbers out, where there are feeds.")
@click.option("--view", type=click.Choice(["ops", "units"]), default="ops", show_default=True, help="Boxes or circles.")
@click.option("--sample", type=click.IntRange(min=0), help="Whose numbers the circles show, counted from 0.")
@click.option("--depth", type=click.IntRange(min=0), help="Levels of scopes that are opened; 99 draws every node.")
def draw(subject: Subject, out: Path, structure: bool, **options: Any) -> None:
    """Draw TARGET: with feeds also its values and error signals.

    \b
    Examples:
        graphnet draw net.py:network -o net.svg
        graphnet draw net.gn -o net.pdf --direction down
        graphnet draw net.py:network -o net.svg --view units --sample 2
        graphnet draw net.py:network -o net.svg --depth 0
    """
    has_numbers = subject.feeds is not None and not structure
    shown = gn.backward(subject.graph, subject.arrays()) if has_numbers else subject.graph
    click.echo(gn.draw(shown, **options).save(out))


@graphnet.command()
@on_a_target
@with_feeds
@click.option("-o", "--out", type=FILE, help="Where to write the page; by default a file for this moment.")
@click.option("--no-browser", is_flag=True, help="Write the page, and don't open it.")
@click.option(
    "--view", type=click.Choice(["ops", "units"]), default="ops", show_default=True, help="What it begins with."
)
@click.option("--learning-rate", type=float, default=0.1, show_default=True, help="Of the steps that the page takes.")
def play(subject: Subject, out: Path | None, no_browser: bool, **options: Any) -> None:
    """Write a page on which every number of TARGET's pass can be changed, and open it.

    \b
    Examples:
        graphnet play net.py:network
        graphnet play net.gn --feeds data.npz -o play.html --no-browser
    """
    page = gn.draw(gn.backward(subject.graph, subject.arrays()), **options)
    path = page.save(Path(tempfile.mkdtemp(prefix="graphnet-")) / "play.html" if out is None else out)
    click.echo(path)
    if not no_browser:
        click.launch(str(path))


@graphnet.command()
@on_a_target
@as_json
def info(subject: Subject, as_json: bool) -> None:
    """Tell what TARGET consists of.

    That is its nodes, ops, scopes, parameters and their memory.

    \b
    Examples:
        graphnet info net.gn
        graphnet info net.py:network --json
    """
    found = consists_of(subject.graph)
    click.echo(json.dumps(found, indent=2, ensure_ascii=False) if as_json else _as_tables(found))


@graphnet.command()
@on_a_target
@with_feeds
@click.option("--epochs", type=click.IntRange(min=0), help="Times to go through the data.")
@click.option("--batch-size", type=COUNT, help="Samples a step.")
@click.option("--learning-rate", type=float, help="Of gradient descent, in place of the target's own optimiser.")
@click.option("--seed", type=click.IntRange(min=0), help="Shuffle the samples by random numbers of this seed.")
@click.option("-o", "--out", type=FILE, help="Save the trained graph here.")
@click.option("--save-every", type=COUNT, metavar="EPOCHS", help="Save it after each so many epochs too.")
@click.option("--resume", type=FILE, help="Go on from what such a training saved here, as if it had never ended.")
@click.option("--engine", type=click.Choice(["numpy", "auto", "jax"]), help="What takes the steps.")
@click.option("--coordinator", metavar="HOST:PORT", help="Of several processes: where the first of them listens.")
@click.option("--processes", type=COUNT, help="How many processes train together.")
@click.option("--process", type=click.IntRange(min=0), help="Which of them this is, from 0.")
@as_json
def train(
    subject: Subject,
    learning_rate: float | None,
    seed: int | None,
    out: Path | None,
    save_every: int | None,
    resume: Path | None,
    coordinator: str | None,
    processes: int | None,
    process: int | None,
    as_json: bool,
    **chosen: Any,
) -> None:
    """Train TARGET on its feeds.

    With --engine jax several processes, on one machine or many, train one network. Each is given the same target and data,
    and the first one saves and reports. When one of them ends, so do all others, with an error.

    \b
    Examples:
        graphnet train net.py:network --epochs 20 --learning-rate 0.5 -o trained.gn
        graphnet train trained.gn --feeds data.npz --epochs 5 --learning-rate 0.1 -o trained.gn
        graphnet train net.py:network --epochs 20 --resume trained.gn -o trained.gn
        graphnet train net.py:network --engine jax --coordinator node0:4321 --processes 2 --process 1
    """
    together = coordinator, processes, process
    if together != (None, None, None) and (None in together or chosen["engine"] != "jax"):
        repair = "Give each process --engine jax, --coordinator HOST:PORT, --processes N and --process 0 to N − 1."
        raise TargetError("several processes are to train together, and it is not said how", repair=repair)
    if chosen["engine"] == "jax":
        chosen["engine"] = gn.JaxEngine()
    if learning_rate is not None:
        chosen["optimizer"] = gn.GradientDescent(learning_rate)
    if seed is not None:
        chosen["rng"] = np.random.default_rng(seed)
    options = {**subject.options, **{name: value for name, value in chosen.items() if value is not None}}
    _check_options(subject, options)
    if out is not None and not out.parent.is_dir():  # better known before the training than after it
        raise TargetError(f"there is no folder {str(out.parent)!r} to save to", repair="Make the folder first.")

    before = _resumed(resume, subject, options) if resume is not None else 0

    def save(training: Any) -> None:
        if out is not None and training.writes and save_every and training.epoch % save_every == 0:
            gn.save(out, subject.graph, state=_state(before + training.epoch, options))

    options["callbacks"] = [*options.get("callbacks", ()), save]
    with joined(coordinator, processes, process) as first:
        losses = gn.fit(subject.graph, subject.data(), **options).loss
    if not first:
        return
    if out is not None:
        gn.save(out, subject.graph, state=_state(before + len(losses), options))
    if losses and losses[-1] > losses[0]:
        click.echo(f"Warning: the loss grew: {USUAL_CAUSES}", err=True)
    if as_json:
        plain = [loss if math.isfinite(loss) else str(loss) for loss in losses]
        saved = None if out is None else str(out)
        click.echo(json.dumps({"epochs": len(losses), "loss": plain, "saved": saved}))
        return
    change = f", loss {number(losses[0])} → {number(losses[-1])}" if losses else ""
    click.echo(f"{len(losses)} epochs{change}" + (f"\nsaved to {out}" if out is not None else ""))


@contextlib.contextmanager
def joined(coordinator: str | None, processes: int | None, process: int | None) -> Iterator[bool]:
    """Be one of several processes meanwhile, if they are given; tell whether this is the first."""
    if coordinator is None or processes is None or process is None:
        yield True
        return
    needing("jax", "jax_engine").join(coordinator, processes, process)
    try:
        yield process == 0
    except GraphnetError as error:
        click.echo(f"Error: {error}", err=True)
        sys.stderr.flush()
        os._exit(2)  # to end in order would be to wait for processes that are gone


def _state(epoch: int, options: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a training needs beside the parameters to go on: the optimiser's memory, and where random numbers are."""
    state: dict[str, Any] = {"epoch": epoch}
    if isinstance(options["optimizer"], Optimizer):
        state["optimizer"] = options["optimizer"].state
    if options.get("rng") is not None:
        state["rng"] = options["rng"].bit_generator.state
    return state


def _resumed(file: Path, subject: Subject, options: dict[str, Any]) -> int:
    """Take a training back to where it was saved; return how many epochs were done, which need not be done again."""
    gn.load_parameters(file, subject.graph)
    state = gn.load_state(file)
    try:
        if "optimizer" in state:
            options["optimizer"].restore(state["optimizer"])
        if "rng" in state and options.get("rng") is not None:
            options["rng"].bit_generator.state = state["rng"]
        done = int(state.get("epoch", 0))
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        problem = f"{str(file)!r}: its state is not that of a training with these options: {error}"
        raise LoadError(problem, repair="Give what graphnet train -o saved, with the same optimizer.") from error
    options["epochs"] = max(0, options["epochs"] - done)
    return done


def _check_options(subject: Subject, options: dict[str, Any]) -> None:
    known = [name for name, p in inspect.signature(gn.fit).parameters.items() if p.kind is p.KEYWORD_ONLY]
    unknown = [name for name in options if name not in known]
    if unknown:
        raise TargetError(
            f"{subject.name}: {unknown[0]!r} is no setting of gn.fit", repair=f"Those are {', '.join(known)}."
        )
    for name, flag in (("epochs", "--epochs"), ("optimizer", "--learning-rate")):
        if name not in options:
            raise TargetError(
                f"{subject.name}: it is not said what {name} to train with",
                repair=f'Give {flag}, or let the function return (E, feeds, {{"{name}": ...}}).',
            )


@graphnet.command()
@click.option("--out", type=FOLDER, default="graphnet-demo", show_default=True, help="Folder for the pictures.")
@click.option("--epochs", type=COUNT, default=30, show_default=True, help="Times to go through the data.")
@with_seed
def demo(out: Path, epochs: int, seed: int) -> None:
    """Train on handwritten digits, check the gradients, draw.

    \b
    Example:
        graphnet demo --out pictures --epochs 10
    """
    from graphnet.demo import run_demo

    run_demo(out, epochs=epochs, seed=seed)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; return the exit code.

    Parameters
    ----------
    arguments
        What stands behind the program's name; by default those it was started with.

    Returns
    -------
    int
        0: done, and right. 1: done, and a check says no. 2: it could not be done; the message says why. 130: stopped by
        the user.

    Examples
    --------
    >>> main(["--help"])  # doctest: +ELLIPSIS
    Usage: ...
    0
    """
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # "→" on a terminal or in a file that has no such letter
    try:
        code = int(graphnet.main(arguments, standalone_mode=False) or 0)
        if sys.stdout is not None:  # as where a program has no terminal
            sys.stdout.flush()
        return code
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except GradientCheckError as error:
        click.echo(error, err=True)
        return 1
    except GraphnetError as error:
        click.echo(f"Error: {error}", err=True)
        return 2
    except click.Abort:
        click.echo("stopped", err=True)
        return 130
    except (BrokenPipeError, SystemExit):  # as by | head: nobody reads on, and Python's last flush must not fail too
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        return 2
    except Exception as error:
        words = blame(error)
        if not words and isinstance(error, OSError):
            words = f"{error.strerror}: {error.filename}" if error.filename is not None else str(error)
        if not words:  # a fault of graphnet's own
            raise
        click.echo(f"Error: {words}", err=True)
        return 2


# What a graph consists of -------------------------------------------------------------------------------------------


def consists_of(graph: gn.Graph) -> dict[str, Any]:
    """Return how many nodes, parameters and ops a graph has, and what its parameters and constants take in memory.

    Ops come the most frequent first. What a leaf takes is None where sizes are known only when fed.
    """
    return {
        "nodes": len(graph),
        "outputs": [graph.label(output) for output in graph.outputs],
        "inputs": [_leaf(graph, node) for node in graph.inputs],
        "parameters": [_leaf(graph, node) for node in graph.parameters],
        "parameter_entries": sum(node.value.size for node in graph.parameters),
        "parameter_bytes": sum(node.value.nbytes for node in graph.parameters),
        "constants": len(graph.constants),
        "constant_bytes": sum(node.value.nbytes for node in graph.constants),
        "ops": dict(Counter(node.op.name for node in graph if node.op is not None).most_common()),
        "scopes": dict(Counter(filter(None, map(graph.scope, graph)))),
        "steps": RUN_BY,
    }


def _leaf(graph: gn.Graph, node: gn.Node) -> dict[str, Any]:
    entries = None if None in node.shape else node.size
    memory = None if entries is None else entries * node.dtype.itemsize
    shape, dtype = node.shape, node.dtype.name
    return {"name": graph.label(node), "shape": shape, "dtype": dtype, "entries": entries, "bytes": memory}


def _as_tables(found: dict[str, Any]) -> str:
    """Return what a graph consists of as text."""
    outputs, parameters = found["outputs"], found["parameters"]
    memory = f"{_size(found['parameter_bytes'])} parameters, {_size(found['constant_bytes'])} constants"
    parts = [
        f"nodes       {found['nodes']:,}\n"
        f"outputs     {', '.join(outputs[:8])}{', ...' if len(outputs) > 8 else ''}\n"
        f"parameters  {len(parameters):,}, with {found['parameter_entries']:,} entries\n"
        f"memory      {memory}\n"
        f"steps       {found['steps']}"
    ]
    for kind in ("input", "parameter"):
        rows = [[leaf["name"], str(leaf["shape"]), leaf["dtype"]] for leaf in found[f"{kind}s"]]
        parts += [table([kind, "shape", "dtype"], rows)] if rows else []
    for kind in ("op", "scope"):
        rows = [[name, f"{count:,}"] for name, count in found[f"{kind}s"].items()]
        parts += [table([kind, "nodes"], rows)] if rows else []
    return "\n\n".join(parts)


def _size(count: float) -> str:
    """Return a number of bytes in a unit that makes it readable."""
    for unit in ("bytes", "kB", "MB"):
        if count < 1000:
            return f"{count:.3g} {unit}"
        count /= 1000
    return f"{count:,.3g} GB"
