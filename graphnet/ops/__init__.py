"""Every rule, one family a file.

``gn.ops`` holds the ops themselves; the functions that apply them are in ``gn``. The whole rule set as one table is
``print(gn.ops.overview())``.
"""

from typing import Any

import lazy_loader

from graphnet.common.origin import warn

_find, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)

for _name in __all__:  # all are loaded: NumPy's functions, given a node, look for the op that does the same
    _find(_name)

_RENAMED = {"PutAdd": "ScatterAdd", "Embed": "Scatter"}


def __getattr__(name: str) -> Any:
    """Return an op by the name that it had once."""
    if name in _RENAMED:
        warn(f"gn.ops.{name} is called gn.ops.{_RENAMED[name]} now", DeprecationWarning)
    return _find(_RENAMED.get(name, name))
