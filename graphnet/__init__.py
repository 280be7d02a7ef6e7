"""graphnet: see and trust backpropagation.

Networks are explicit graphs of op nodes, each with a local backward rule. Build one, run it forward and backward, look
at the error signals of every node, check each rule by finite differences, and draw it.
"""

__version__ = "0.1.0"
__distribution__ = "graphnet-dag"  # `common` looks for it: an index has another package of the same import name

from typing import Any

import lazy_loader

from graphnet import ops as ops  # so that NumPy's functions know what to do with nodes
from graphnet.common.text import ELSEWHERE
from graphnet.core.registry import CHAIN_RULE, PICTURES

_loaded, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)


def __getattr__(name: str) -> Any:
    """Return a public name, loaded when it is first asked for."""
    if name in ELSEWHERE:
        raise AttributeError(f"graphnet has no {name!r}. Write {ELSEWHERE[name]}.")
    return _loaded(name)


def _in_notebook(what: Any) -> str | None:
    """Return what a notebook shows of a node, a graph or a pass; what draws is loaded when it is first asked for."""
    from graphnet.draw.drawing import in_notebook

    return in_notebook(what)


def _by_the_chain_rule(*rule: Any) -> Any:
    """Go back through a composite; the engine's loop is loaded when it is first asked for."""
    from graphnet.engine.composites import chain_rule

    return chain_rule(*rule)


PICTURES.append(_in_notebook)
CHAIN_RULE.append(_by_the_chain_rule)
