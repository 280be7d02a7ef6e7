"""The command line, ``python -m graphnet`` and the script ``graphnet``: its commands; errors become messages and exit codes."""

from __future__ import annotations

import functools
import inspect
import io
import json
import math
import os
import platform
import sys
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Literal

import click
import numpy as np

import graphnet as gn
from graphnet import native
from graphnet.cli.target import Subject, blame, find
from graphnet.common.text import number, table
from graphnet.errors import GradientCheckError, GraphnetError, TargetError

FILE, FOLDER = click.Path(path_type=Path), click.Path(path_type=Path, file_okay=False)
COUNT = click.IntRange(min=1)
with_feeds = click.option("--feeds", type=FILE, help="Arrays to feed, by name: a file that np.savez wrote.")
with_ops = click.option(
    "--ops", metavar="FILE.py:NAME", multiple=True, help="A custom op that a saved file names; may be repeated."
)
as_json = click.option("--json", "as_json", is_flag=True, help="Print JSON.")
with_seed = click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True, help="Of random numbers.")

STEPS = "native" if native.AVAILABLE else f"by Python: {native.WHY_NOT}"
AROUND = f"Python {platform.python_version()}, NumPy {np.__version__}, {platform.system()} {platform.machine()}\nsteps {STEPS}"
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
def draw(subject: Subject, out: Path, direction: Literal["right", "down"], structure: bool) -> None:
    """Draw TARGET: with feeds also its values and error signals.

    \b
    Examples:
        graphnet draw net.py:network -o net.svg
        graphnet draw net.gn -o net.pdf --direction down
    """
    has_numbers = subject.feeds is not None and not structure
    shown = gn.backward(subject.graph, subject.arrays()) if has_numbers else subject.graph
    click.echo(gn.draw(shown, direction=direction).save(out))


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
@as_json
def train(
    subject: Subject, learning_rate: float | None, seed: int | None, out: Path | None, as_json: bool, **chosen: Any
) -> None:
    """Train TARGET on its feeds.

    \b
    Examples:
        graphnet train net.py:network --epochs 20 --learning-rate 0.5 -o trained.gn
        graphnet train trained.gn --feeds data.npz --epochs 5 --learning-rate 0.1 -o trained.gn
    """
    if learning_rate is not None:
        chosen["optimizer"] = gn.GradientDescent(learning_rate)
    if seed is not None:
        chosen["rng"] = np.random.default_rng(seed)
    options = {**subject.options, **{name: value for name, value in chosen.items() if value is not None}}
    _check_options(subject, options)
    if out is not None and not out.parent.is_dir():  # better known before the training than after it
        raise TargetError(f"there is no folder {str(out.parent)!r} to save to", repair="Make the folder first.")
    losses = gn.fit(subject.graph, subject.data(), **options).loss
    if out is not None:
        gn.save(out, subject.graph)
    if as_json:
        plain = [loss if math.isfinite(loss) else str(loss) for loss in losses]
        saved = None if out is None else str(out)
        click.echo(json.dumps({"epochs": len(losses), "loss": plain, "saved": saved}))
        return
    change = f", loss {number(losses[0])} → {number(losses[-1])}" if losses else ""
    click.echo(f"{len(losses)} epochs{change}" + (f"\nsaved to {out}" if out is not None else ""))


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
        "steps": STEPS,
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
