from contextlib import contextmanager

import pytest


@pytest.fixture
def path(tmp_path):
    """A file in a folder of its own."""
    return tmp_path / "net.gn"


@pytest.fixture
def refused():
    """``with refused(ErrorType, "part", ...)``: the error is raised, and its text holds every part."""

    @contextmanager
    def check(error_type, *parts):
        with pytest.raises(error_type) as caught:
            yield caught
        missing = [part for part in parts if part not in str(caught.value)]
        assert not missing, f"the text lacks {missing}:\n{caught.value}"

    return check
