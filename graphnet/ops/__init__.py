"""Every rule, one family a file.

``gn.ops`` holds the ops themselves; the functions that apply them are in ``gn``. The whole rule set as one table is
``print(gn.ops.overview())``.
"""

from importlib import import_module

import lazy_loader

from graphnet.common.origin import warn
from graphnet.core.registry import READERS

_find, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)


def _read_all() -> None:
    for name in __all__:
        _find(name)


READERS.append(_read_all)

_RENAMED = {"PutAdd": "ScatterAdd", "Embed": "Scatter"}


def __getattr__(name: str) -> object:
    """Return an op by the name that it had once, or the file that is `gn.linalg`: no name of an op, so not in the list."""
    if name == "linalg":
        return import_module("graphnet.ops.linalg")
    if name in _RENAMED:
        warn(f"gn.ops.{name} is called gn.ops.{_RENAMED[name]} now", DeprecationWarning)
    return _find(_RENAMED.get(name, name))
