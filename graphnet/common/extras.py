"""What only some users have installed: imported where it is used, and asked for by name where it is missing."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from graphnet.errors import DrawError


@contextmanager
def matplotlib_needed() -> Iterator[None]:
    """Say what to install, as `DrawError`, if an import inside fails."""
    try:
        yield
    except ImportError as error:
        raise DrawError(
            f"plots need matplotlib, which can't be imported: {error}", repair='Run: pip install "matplotlib>=3.8.4".'
        ) from error
