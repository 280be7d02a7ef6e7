"""The shape of the code: the nucleus is an afternoon's reading, and files of one folder import each other one way."""

from tools import figures


def test_the_nucleus_is_an_afternoons_reading():
    paths = figures.nucleus()
    assert {path.name for path in paths} >= {"errors.py", "node.py", "op.py", "graph.py", "run.py", "losses.py"}
    assert sum(len(figures.code_lines(path)) for path in paths) <= 2200


def test_no_circles_of_imports():
    assert figures.circles() == []


def test_names_mean_one_thing():
    several = figures.names_in_several_files().keys() - figures.SHARED.keys()
    assert len(several) <= 12, f"defined in several files, without a reason in tools/figures.py: {sorted(several)}"
