from contextlib import contextmanager

import pytest
from hypothesis import settings

from graphnet import native
from graphnet.core.registry import read_all

read_all()  # tests go through the tables of ops

settings.register_profile("no deadline", deadline=None)  # on a loaded machine the slow example is not the code's fault
settings.load_profile("no deadline")


@pytest.fixture
def refused():
    """``with refused(ErrorType, "part", ...)``: the error is raised, and its text holds every part."""

    @contextmanager
    def check(error_type, *parts):
        with pytest.raises(error_type) as caught:
            yield caught
        text = str(caught.value)
        missing = [part for part in parts if part not in text]
        assert not missing, f"the text lacks {missing}:\n{text}"

    return check


@pytest.fixture(params=["native", "Python"])
def either_way(request, monkeypatch):
    """Run a test twice: with the C extension, and as on a machine that has none."""
    if request.param == "Python":
        monkeypatch.setattr(native, "Calls", None)
        monkeypatch.setattr(native, "AVAILABLE", False)
    elif not native.AVAILABLE:
        pytest.skip(native.WHY_NOT)
