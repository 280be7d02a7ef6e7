"""The code that called us: the nearest frame that is neither ours nor NumPy's."""

from __future__ import annotations

import contextlib
import inspect
import os
import sys
import warnings
from functools import lru_cache
from types import FrameType
from typing import Any

import numpy as np

from graphnet.errors import GraphnetWarning

_OUR_FILES = (
    os.path.dirname(os.path.dirname(__file__)) + os.sep,
    os.path.dirname(np.__file__) + os.sep,
    contextlib.__file__,
)


def written_at(function: Any) -> str:
    """Return where a function is written, as ``"rules.py:12"``; nothing if that can't be known."""
    code = getattr(inspect.unwrap(function), "__code__", None) if callable(function) else None
    return f"{os.path.basename(code.co_filename)}:{code.co_firstlineno}" if code else ""


def warn(message: str, category: type[Warning] = GraphnetWarning) -> None:
    """Warn at the line of the caller's code: once for each place, as Python's filters have it."""
    warnings.warn(message, category, stacklevel=callers_frame()[1])


def callers_frame() -> tuple[FrameType, int]:
    """Return the nearest frame that is neither ours nor NumPy's, and how many calls it is above the caller's, plus one."""
    frame, level = sys._getframe(1), 1
    while _is_ours(frame.f_code.co_filename) and frame.f_back is not None:
        frame, level = frame.f_back, level + 1
    return frame, level


@lru_cache(maxsize=1024)  # asked at every node, of some eight frames
def _is_ours(file: str) -> bool:
    return file.startswith(_OUR_FILES)
