"""Every operation against its formula in an independent library, through first and second derivatives."""

import math

import numpy as np
import pytest

from graphnet.errors import GraphError, GraphnetError, ShapeError
from tests.fuzz import dialect, oracle
from tests.fuzz.compare import build, check_against_oracle, check_gradient_graph, check_second_order, gn
from tests.fuzz.programs import Leaf, Program, Step, carry_out
from tests.ops.cases import EVERY, KINKED, SMOOTH, Case


def program_of(case: Case, spelling: int = 0) -> Program:
    """Return sin(op(arguments)), with an error signal to start from that is not constant."""
    kinds = ["parameter" if np.asarray(arg).dtype.kind == "f" and np.ndim(arg) else "bare" for arg in case.args]
    leaves = [Leaf(kind, arg) for kind, arg in zip(kinds, case.args, strict=True)]
    output = carry_out(oracle.DIALECT, Step(case.op, (), case.settings), case.args)
    steps = [Step(case.op, tuple(range(len(leaves))), case.settings, spelling), Step("sin", (len(leaves),))]
    return Program(1, (*leaves, *steps), delta=np.random.default_rng(1).normal(size=np.shape(output)))


EVERY_SPELLING = [(case, i) for case in EVERY for i in range(len(dialect.DIALECT[case.op]))]


@pytest.mark.parametrize(("case", "spelling"), EVERY_SPELLING, ids=lambda x: str(x))
def test_values_and_error_signals_are_the_formulas(case, spelling):
    program = program_of(case, spelling)
    network = build(program, open_batch=False)
    check_against_oracle(program, network, gn.backward(network.output, {}, delta=program.delta), np.float64)
    check_gradient_graph(program, network)


@pytest.mark.parametrize("case", EVERY, ids=str)
def test_float32_stays_float32(case):
    program = program_of(case)
    network = build(program, open_batch=False, dtype=np.float32)
    bwd = gn.backward(network.output, {}, delta=program.delta)
    assert {array.dtype for array in [*bwd.values.values(), *bwd.error_signals.values()]} <= {
        np.dtype(np.float32), np.dtype(bool), np.dtype(int)
    }  # fmt: skip
    check_against_oracle(program, network, bwd, np.float32)


@pytest.mark.parametrize("case", [*SMOOTH, *KINKED], ids=str)
def test_second_derivatives_are_the_formulas(case):
    check_second_order(program_of(case))


@pytest.mark.parametrize("case", EVERY, ids=str)
def test_no_builtin_rule_is_opaque_to_gradients(case):
    network = build(program_of(case), open_batch=False)
    wrt = gn.Graph(network.output).parameters
    delta = gn.input("delta", network.output.shape)
    first = gn.gradients(network.output, wrt, delta=delta)
    assert not [node for node in gn.Graph(*first).nodes if node.kind.endswith("_backward")]


@pytest.mark.parametrize("case", EVERY, ids=str)
def test_shape_and_dtype_are_known_before_any_run(case):
    network = build(program_of(case), open_batch=False)
    fwd = gn.forward(network.output, {})
    for node in fwd.graph.nodes:
        assert node.shape == fwd[node].shape
        assert node.dtype.kind == fwd[node].dtype.kind


@pytest.mark.parametrize(
    ("cls", "settings"),
    [
        ("Sum", {"keepdims": "yes"}),
        ("Sum", {"axis": "0"}),
        ("Max", {"axis": [0]}),
        ("Softmax", {"axis": 0.5}),
        ("LeakyRelu", {"slope": "0.1"}),
        ("Dropout", {"rate": None}),
        ("Conv2d", {"stride": (1, 1, 1), "padding": (0, 0)}),
        ("Conv2d", {"stride": (1, None), "padding": (0, 0)}),
        ("Reshape", {"to": 3}),
        ("Transpose", {"axes": (0, "1")}),
        ("BatchNorm", {"axes": 0}),
        ("LayerNorm", {"epsilon": "small"}),
        ("Getitem", {"index": 0}),
        ("Polynomial", {"coefficients": [1.0]}),
        ("Accuracy", {"threshold": "0"}),
        ("MaxPool2d", {"size": 2, "stride": (2, 2)}),
    ],
    ids=str,
)
def test_settings_of_another_kind_are_refused(cls, settings):
    with pytest.raises(GraphError, match=" of op "):
        getattr(gn.ops, cls)(**settings)


@pytest.mark.parametrize(
    ("cls", "settings"),
    [
        ("LeakyRelu", {"slope": math.nan}),
        ("LeakyRelu", {"slope": math.inf}),
        ("Polynomial", {"coefficients": (1.0, math.nan)}),
        ("Accuracy", {"threshold": math.nan}),
        ("LayerNorm", {"epsilon": -1.0}),
        ("LayerNorm", {"epsilon": math.inf}),
        ("BatchNorm", {"axes": (0,), "epsilon": -1e-5}),
        *(("Dropout", {"rate": rate}) for rate in (1.0, 2, -0.1, math.nan)),
        ("MaxPool2d", {"size": (0, 1), "stride": (1, 1)}),
        ("MaxPool2d", {"size": (1, 1), "stride": (0, 1)}),
        ("Conv2d", {"stride": (-1, 1)}),
        ("Conv2d", {"padding": (0, -1)}),
    ],
    ids=str,
)
def test_settings_out_of_range_are_refused(cls, settings):
    with pytest.raises(
        (GraphError, ShapeError), match=r"slope|coefficients|threshold|epsilon|rate|size|stride|padding"
    ):
        getattr(gn.ops, cls)(**settings)


@pytest.mark.parametrize(
    ("cls", "settings", "inputs"),
    [
        ("Conv2d", {"stride": (0, 1), "padding": (0, 0)}, [(1, 1, 3, 3), (1, 1, 2, 2)]),
        ("Concatenate", {"axis": 3}, [(2,), (2,)]),
        ("Getitem", {"index": ("odd",)}, [(2,)]),
    ],
    ids=str,
)
def test_settings_that_do_not_fit_the_inputs_are_refused(cls, settings, inputs):
    with pytest.raises(GraphnetError):
        getattr(gn.ops, cls)(**settings)(*[gn.parameter(f"p{i}", np.ones(shape)) for i, shape in enumerate(inputs)])
