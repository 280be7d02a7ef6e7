"""Every rule, one family a file.

``gn.ops`` holds the ops themselves; the functions that apply them are in ``gn``. The whole rule set as one table is
``print(gn.ops.overview())``.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)

for _name in __all__:  # all are loaded: NumPy's functions, given a node, look for the op that does the same
    __getattr__(_name)
