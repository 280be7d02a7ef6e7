"""Ops that have other names now: code and files with the old ones still work."""

import numpy as np
import pytest

import graphnet as gn
from graphnet.core.registry import OPS, RENAMED

NEW = {"PutAdd": gn.ops.ScatterAdd, "Embed": gn.ops.Scatter}


@pytest.mark.parametrize("old", NEW)
def test_an_old_class_name_is_the_op_and_warns(old):
    with pytest.warns(DeprecationWarning, match=f"gn.ops.{old} is called gn.ops.{NEW[old].__name__} now"):
        assert getattr(gn.ops, old) is NEW[old]


def test_no_other_name_is_an_op():
    with pytest.raises(AttributeError, match="Gather"):
        _ = gn.ops.Gather


@pytest.mark.parametrize("old", RENAMED)
def test_a_file_with_an_old_name_loads(old, tmp_path, monkeypatch):
    z = gn.parameter("z", np.arange(6.0).reshape(2, 3))
    (gradient,) = gn.gradients(gn.sum(gn.take(z, [1, 0], axis=1)) + gn.sum(z[:1]), [z])
    with monkeypatch.context() as then:
        then.setattr(OPS[RENAMED[old]], "name", old)
        then.setitem(OPS, old, OPS[RENAMED[old]])
        gn.save(tmp_path / "net.gn", gradient)
    graph = gn.load(tmp_path / "net.gn")
    assert RENAMED[old] in {node.kind for node in graph}
    assert np.array_equal(gn.forward(graph, {})[graph.outputs[0]], [[2.0, 2.0, 1.0], [1.0, 1.0, 0.0]])
