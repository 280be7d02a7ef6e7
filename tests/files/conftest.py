import pytest


@pytest.fixture
def path(tmp_path):
    """A file in a folder of its own."""
    return tmp_path / "net.gn"
