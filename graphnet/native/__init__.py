"""The optional C extension: a compiled step as one native call, and a machine for graphs of scalars.

Without a compiler at installation, or with ``GRAPHNET_NATIVE=0`` in the environment, Python makes the same calls one by one.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from graphnet.native._native import Calls as Calls

    WHY_NOT: str
else:  # WHY_NOT: empty, or why there is none
    try:
        if os.environ.get("GRAPHNET_NATIVE") == "0":
            raise ImportError("turned off by GRAPHNET_NATIVE=0")
        from graphnet.native._native import Calls as Calls
    except ImportError as error:
        Calls, WHY_NOT = None, str(error)
    else:
        WHY_NOT = ""
