from contextlib import contextmanager

import pytest
from hypothesis import settings

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
