"""The shape of the code: the nucleus is an afternoon's reading, and files of one folder import each other one way."""

from tools import figures


def test_the_nucleus_is_an_afternoons_reading():
    paths = figures.nucleus()
    assert {path.name for path in paths} >= {"errors.py", "node.py", "op.py", "graph.py", "run.py", "losses.py"}
    assert sum(len(figures.code_lines(path)) for path in paths) <= 2200


def test_no_circles_of_imports():
    assert figures.circles() == []
