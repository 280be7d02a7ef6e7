"""The command line: ``python -m graphnet``, and the script ``graphnet``."""

from graphnet.cli.program import main

__all__ = ["main"]
