"""How derivations, explanations and diagnoses show themselves: at a prompt as their text, in a notebook typeset."""

import numpy as np
import pytest

import graphnet as gn


@pytest.fixture(scope="module")
def bwd():
    x, t = gn.input("x", shape=(None, 2)), gn.input("t", shape=(None, 1))
    W, b = gn.parameter("W", [[0.5], [-1.0]]), gn.parameter("b", [0.1])
    a = gn.tanh(gn.bias_add(x @ W, b, name="z"), name="a")
    return gn.backward(gn.sse(a, t, name="E"), {x: [[1.0, 2.0]], t: [[0.5]]})


def test_at_a_prompt_each_is_its_text(bwd):
    derivation = gn.derive(bwd.graph, "W", indices=True)
    wrong = gn.exercise(np.sin, lambda delta, a, z: delta)
    for shown in (derivation, derivation["W"], gn.explain(bwd, "W"), gn.diagnose(bwd), wrong):
        assert repr(shown) == str(shown)


def test_the_latex_of_a_notebook_has_all_that_the_text_has(bwd):
    derivation = gn.derive(bwd.graph, "W", indices=True)
    latex = derivation._repr_latex_()
    assert latex.startswith("$$\\begin{aligned}\n&\\rlap{\\text{For one sample;")
    assert latex.endswith("\\end{aligned}$$")
    for step in (*derivation.steps, *derivation.definitions):
        left, right = step.latex.split(" = ", 1)
        assert f"{left} &= {right}" in latex
    assert latex.index("\\text{with}") < latex.index(derivation.definitions[0].latex.split(" = ")[1])


def test_one_step_is_typeset_alone(bwd):
    step = gn.derive(bwd.graph, "b", indices=True)["b"]
    assert step._repr_latex_() == (
        "$$\\begin{aligned}\n"
        r"\frac{\partial E}{\partial b_{k}} &= \delta_{k} && \text{(Eq. 6)}"
        "\n\\end{aligned}$$"
    )
