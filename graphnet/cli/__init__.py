"""The command line, ``python -m graphnet`` and the script ``graphnet``: errors of commands become messages and exit codes."""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Sequence

import click

from graphnet.cli.commands import graphnet
from graphnet.cli.target import blame
from graphnet.errors import GradientCheckError, GraphnetError


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
