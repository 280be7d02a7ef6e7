"""The command line."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from graphnet.errors import GraphnetError


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; return the exit code: 0 done, 1 it failed, 2 the command line is wrong.

    Parameters
    ----------
    arguments
        What stands behind the program's name; by default those it was started with.

    Returns
    -------
    int
        The exit code.

    Raises
    ------
    SystemExit
        With code 2, if the command line is wrong; with 0 after ``--help``.

    Examples
    --------
    >>> main([])  # doctest: +ELLIPSIS
    usage: python -m graphnet [-h] {demo} ...
    2
    """
    parser = _parser()
    options = parser.parse_args(arguments)
    if not hasattr(options, "run"):
        parser.print_help()
        return 2
    try:
        options.run(options)
    except GraphnetError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except OSError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("stopped", file=sys.stderr)
        return 130
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m graphnet", description="See and trust backpropagation.")
    commands = parser.add_subparsers(title="commands")
    demo = commands.add_parser(
        "demo", help="train on real handwritten digits, check the gradients and draw the error signals"
    )
    demo.add_argument("--out", type=Path, default=Path("graphnet-demo"), help="folder for the pictures (%(default)s)")
    demo.add_argument("--epochs", type=_positive, default=30, help="times to go through the data (%(default)s)")
    demo.add_argument("--seed", type=_seed, default=0, help="seed of the random numbers (%(default)s)")
    demo.set_defaults(run=_demo)
    return parser


def _demo(options: argparse.Namespace) -> None:
    from graphnet.demo import run

    run(options.out, epochs=options.epochs, seed=options.seed)


def _seed(text: str) -> int:
    number = int(text)
    if number < 0:
        raise argparse.ArgumentTypeError(f"{text} is negative")
    return number


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"{text} is not positive")
    return number
