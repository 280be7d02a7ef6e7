"""Trying one odd value in one place, and what comes of it."""

import contextlib
import inspect
import io
import itertools
import signal
import traceback
import warnings
from dataclasses import dataclass
from pathlib import Path

import numpy as np

import graphnet
from graphnet.errors import GraphnetError
from tests.mistakes.calls import CALLS, NOT_CALLED, public_names
from tests.mistakes.values import odd_values
from tests.mistakes.world import World

_OURS = str(Path(graphnet.__file__).parent)


class Hang(BaseException):
    """It took too long."""


@dataclass(frozen=True)
class Trial:
    """One odd value in one place of one call."""

    call: str
    place: str
    value: str
    outcome: str
    detail: str = ""
    line: str = ""

    def __str__(self):
        return f"{self.call}({self.place}) ← {self.value}: {self.outcome} {self.detail}"


def without_a_row():
    """Return the public names that have neither a right call nor a reason to have none."""
    return sorted({name for name in public_names() if name not in CALLS and name not in NOT_CALLED})


def places(name):
    """Return the places of a call's arguments: positions and names."""
    function, arguments, named = CALLS[name](World())
    found = [*range(len(arguments)), *named]
    with contextlib.suppress(TypeError, ValueError):
        bound = inspect.signature(function).bind(*arguments, **named)
        filled = set(bound.arguments)
        for parameter in inspect.signature(function).parameters.values():
            if (
                parameter.kind in (parameter.POSITIONAL_OR_KEYWORD, parameter.KEYWORD_ONLY)
                and parameter.name not in filled
            ):
                found.append(parameter.name)
    return found


def attempt(name, place, value_name, make, seconds=5.0):
    """Put an odd value into one place of a right call, for some seconds of processor time at most."""
    function, arguments, named = CALLS[name](World())
    value = make()
    if isinstance(place, int):
        arguments[place] = value
    else:
        named[place] = value

    def trial(outcome, detail="", line=""):
        return Trial(name, str(place), value_name, outcome, detail, line)

    def too_long(*_):
        raise Hang

    before = signal.signal(signal.SIGPROF, too_long)
    signal.setitimer(signal.ITIMER_PROF, seconds)
    try:
        with warnings.catch_warnings(record=True) as caught, contextlib.redirect_stderr(io.StringIO()):
            warnings.simplefilter("always")
            result = function(*arguments, **named)
            if not isinstance(result, graphnet.Op):  # shows its settings, whatever they are
                repr(result)
            if isinstance(result, graphnet.Node):  # what is taken must also run
                run(result)
    except GraphnetError as error:
        try:
            text = str(error)
        except Exception as worse:
            return trial("bare error", f"in the message: {worse!r}")
        if len(text) > 3000:
            return trial("bare error", f"a message of {len(text)} characters: {text[:200]}")
        return trial("refused", f"{type(error).__name__}: {text}")
    except Hang:
        return trial("hang")
    except MemoryError as error:
        return trial("no memory", str(error)[:100])
    except Exception as error:
        frames = traceback.extract_tb(error.__traceback__)
        ours = [frame for frame in frames if frame.filename.startswith(_OURS)]
        if not ours:  # `{[]: 1}`, which Python refuses by itself
            return trial("not reached", f"{type(error).__name__}: {str(error)[:100]}")
        line = f"{ours[-1].filename[len(_OURS) + 1 :]}:{ours[-1].lineno} {ours[-1].line}"
        return trial("bare error", f"{type(error).__name__}: {str(error)[:150]}", line)
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, before)
    if caught:
        return trial("warning", f"{caught[0].category.__name__}: {caught[0].message}"[:200])
    return trial("accepted", _shown(result))


def run(node):
    """Run a node forward and backward, with 4 for each size that is not known."""
    feeds = {
        each: np.ones([4 if size is None else size for size in each.shape]).astype(each.dtype)
        for each in graphnet.Graph(node).inputs
    }
    if node.dtype.kind == "f":
        node = graphnet.sum(node)
        graphnet.backward(node, feeds)
    graphnet.compile(node)(feeds)


def _shown(result):
    try:
        return repr(result).replace("\n", " ")[:70]
    except Exception as error:
        return f"(no repr: {error!r})"


def choices(calls=None, every=1):
    """Yield what `attempt` is given: each odd value in each place; with `every`, one in so many."""
    values = odd_values().items()
    every_one = ((name, place, *value) for name in calls or CALLS for place in places(name) for value in values)
    return itertools.islice(every_one, every - 1, None, every)


def trials(calls=None, every=1):
    """Yield what comes of each odd value in each place; with `every`, of one in so many."""
    return itertools.starmap(attempt, choices(calls, every))
