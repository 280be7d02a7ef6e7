"""The optional C extension: a compiled step as one native call, and a machine for graphs of scalars.

Without a compiler at installation, or with ``GRAPHNET_NATIVE=0`` in the environment, Python makes the same calls one by one.
"""

from __future__ import annotations

import os

__all__ = ["AVAILABLE", "WHY_NOT", "Calls", "_native"]

try:
    if os.environ.get("GRAPHNET_NATIVE") == "0":
        raise ImportError("turned off by GRAPHNET_NATIVE=0")
    import graphnet.native._native as _native
    from graphnet.native._native import Calls as Calls
except ImportError as error:
    _native, Calls, WHY_NOT = None, None, str(error)  # type: ignore[assignment, misc]
else:
    WHY_NOT = ""

AVAILABLE = _native is not None
