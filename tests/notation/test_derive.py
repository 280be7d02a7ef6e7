"""Each formula that derive prints is evaluated, and is the gradient."""

import re
from xml.dom import minidom

import numpy as np
import pytest

import graphnet as gn
from graphnet.errors import GraphError, NoBackwardRuleError, ShapeError, UnreachableError
from tests.fuzz.compare import build, not_comparable, scale
from tests.fuzz.dialect import running_sum
from tests.fuzz.grow import random_program
from tests.notation.networks import GRAPHS, away_from_zero, finite_difference, small, tied
from tests.notation.reader import evaluate, evaluate_sample


@pytest.mark.parametrize("indices", [False, True], ids=["matrices", "indices"])
@pytest.mark.parametrize("name", GRAPHS)
def test_every_step_is_the_error_signal_and_every_gradient_the_finite_difference(name, indices):
    E, feeds = GRAPHS[name]()
    graph = gn.Graph(E)
    bwd = gn.backward(E, feeds)
    derivation = gn.derive(E, indices=indices)
    found = derivation.evaluate(gn.forward(E, feeds))
    assert {p.name for p in graph.parameters} <= set(found)
    for step in derivation.steps:
        np.testing.assert_allclose(found[step.label], bwd.error_signal(step.label), rtol=1e-12, atol=1e-14)
        assert found[step.label].shape == bwd.error_signal(step.label).shape
    for parameter in graph.parameters:
        np.testing.assert_allclose(found[parameter.name], finite_difference(E, feeds, parameter), rtol=1e-6, atol=1e-8)


# What is printed, read by a reader of its own -------------------------------------------------------------------------

NAMES = re.compile(r"([A-Za-z])(\d)")
SMALL_DIGITS = str.maketrans("0123456789", "₀₁₂₃₄₅₆₇₈₉")
READABLE = ["2-3-1", "3-4-2, sigmoid and identity", "no hidden layer", "three hidden layers", "softplus", "relu",
            "leaky relu", "an op of one's own", "binary cross-entropy", "weight decay", "skip connection", "scalars",
            "tied weights", "mean over the batch", "vectors"]  # fmt: skip


@pytest.mark.parametrize("name", READABLE)
def test_the_printed_text_alone_gives_the_gradients(name):
    E, feeds = GRAPHS[name]()
    graph = gn.Graph(E)
    text = gn.derive(E).text
    assert "∂" in text
    leaves = {p.name: p.value for p in graph.parameters} | feeds
    printed = {name.translate(SMALL_DIGITS) if NAMES.fullmatch(name) else name: value for name, value in leaves.items()}
    if feeds:
        printed["N"] = float(len(feeds["x"]))
    found = evaluate(text, printed)
    for parameter in graph.parameters:
        symbol = parameter.name.translate(SMALL_DIGITS)
        gradient = np.broadcast_to(found[f"∂{E.name}/∂{symbol}"], parameter.shape)
        np.testing.assert_allclose(gradient, finite_difference(E, feeds, parameter), rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize("sizes", [(2, 3, 1), (3, 4, 2)])
def test_the_printed_text_in_indices_alone_gives_the_gradients(sizes):
    E, feeds = small(sizes=sizes)
    graph = gn.Graph(E)
    text = gn.derive(E, indices=True).text
    assert text.startswith("For one sample; the gradient for several is the sum over them.")
    weights = {f"{w}_{at}": graph[name].value for w, at, name in (
        ("w", "ij", "W1"), ("b", "j", "b1"), ("w", "jk", "W2"), ("b", "k", "b2"))}  # fmt: skip
    total = dict.fromkeys(weights, 0.0)
    for x, t in zip(feeds["x"], feeds["t"], strict=True):
        found = evaluate_sample(text, weights | {"x_i": x, "t_k": t}, dict(zip("ijk", sizes, strict=True)))
        total = {name: total[name] + found[f"∂E/∂{name}"] for name in weights}
    for name, parameter in zip(weights, ("W1", "b1", "W2", "b2"), strict=True):
        expected = finite_difference(E, feeds, graph[parameter])
        np.testing.assert_allclose(total[name], expected, rtol=1e-6, atol=1e-8)


# The source's equations -----------------------------------------------------------------------------------------------


def lines(derivation):
    return [str(step) for step in derivation.steps]


def test_the_source_in_matrices():
    assert lines(gn.derive(small()[0])) == [
        "δ(z₂) = (a₂ − t) ⊙ a₂ ⊙ (1 − a₂)    (definition of δ_k)",
        "∂E/∂b₂ = Σ_samples δ(z₂)    (Eq. 6)",
        "∂E/∂W₂ = a₁ᵀ δ(z₂)    (Eq. 5)",
        "δ(z₁) = (δ(z₂) W₂ᵀ) ⊙ (1 − a₁ ⊙ a₁)    (definition of δ_j)",
        "∂E/∂b₁ = Σ_samples δ(z₁)    (Eq. 12)",
        "∂E/∂W₁ = xᵀ δ(z₁)    (Eq. 11)",
    ]


def test_the_source_in_indices():
    derivation = gn.derive(small()[0], indices=True)
    assert lines(derivation) == [
        "δ_k = (a_k − t_k) a_k (1 − a_k)    (definition of δ_k)",
        "∂E/∂b_k = δ_k    (Eq. 6)",
        "∂E/∂w_jk = δ_k a_j    (Eq. 5)",
        "δ_j = (Σ_k δ_k w_jk) (1 − a_j²)    (definition of δ_j)",
        "∂E/∂b_j = δ_j    (Eq. 12)",
        "∂E/∂w_ij = δ_j x_i    (Eq. 11)",
    ]
    assert [str(step) for step in derivation.definitions] == [
        "z_j = b_j + Σ_i x_i w_ij",
        "a_j = tanh(z_j)",
        "z_k = b_k + Σ_j a_j w_jk",
        "a_k = σ(z_k)",
        "E = ½ Σ_k (a_k − t_k)²    (Eq. 1)",
    ]


def test_one_parameter_takes_only_what_leads_to_it_the_output_error_first():
    derivation = gn.derive(small()[0], "W1")
    assert [step.label for step in derivation.steps] == ["z2", "z1", "W1"]
    assert [step.kind for step in derivation.steps] == ["error signal", "error signal", "gradient"]
    assert derivation["W1"].text == "∂E/∂W₁ = xᵀ δ(z₁)"


def test_the_rule_of_the_hidden_layers_repeats_at_any_depth():
    steps = gn.derive(small(sizes=(2, 3, 4, 5, 2))[0]).steps
    assert [step.equation for step in steps if step.kind == "error signal"] == [
        "definition of δ_k", *["definition of δ_j"] * 3
    ]  # fmt: skip


EVERY_EQUATION = {"Eq. 1", "Eq. 5", "Eq. 6", "Eq. 11", "Eq. 12", "definition of δ_j", "definition of δ_k"}


@pytest.mark.parametrize(
    ("graph", "expected"),
    [
        ("2-3-1", EVERY_EQUATION),
        ("an op of one's own", EVERY_EQUATION),  # what its rule calls works entry by entry, so it is some a = g(z)
        ("vectors", {"Eq. 1", "Eq. 5", "Eq. 11", "definition of δ_j", "definition of δ_k"}),  # no biases
        ("mean over the batch", set()),
        ("tied weights", set()),
        ("scalars", set()),
        ("skip connection", set()),
        ("three hidden layers", set()),  # a mean of squares, not half their sum
        ("binary cross-entropy", {"Eq. 5", "Eq. 6", "Eq. 11", "Eq. 12", "definition of δ_j"}),  # δ_k is a − t there
    ],
)
def test_an_equation_number_stands_only_where_the_equation_does(graph, expected):
    derivation = gn.derive(GRAPHS[graph]()[0])
    assert {step.equation for step in (*derivation.steps, *derivation.definitions)} - {""} == expected


def test_a_loss_that_is_more_than_the_squares_has_no_numbers():
    steps = gn.derive(GRAPHS["weight decay"]()[0]).steps
    assert {step.equation for step in steps} == {""}


def test_an_op_of_ones_own_that_mixes_units_is_no_activation_of_the_equations():
    @gn.op
    def centred(z):
        return z - np.mean(z, axis=-1, keepdims=True)

    @centred.backward
    def centred_backward(delta, a, z):
        return delta - np.mean(delta, axis=-1, keepdims=True)

    steps = gn.derive(small(centred, None)[0]).steps
    assert {step.equation for step in steps if step.label in ("z1", "W1", "b1")} == {""}


def test_an_output_without_activation_has_a_delta_too():
    assert str(gn.derive(small(output=None)[0])["z2"]) == "δ(z₂) = z₂ − t    (definition of δ_k)"


def test_classification_is_written_for_one_sample_and_softmax_by_its_name():
    derivation = gn.derive(small(output=None, loss=gn.cross_entropy, sizes=(3, 4, 2))[0], "W1", indices=True)
    assert derivation.per_sample
    assert [step.text for step in derivation.steps] == [
        "δ_k = softmax(z₂)_k (Σ_k′ t_k′) − t_k",
        "δ_j = (Σ_k δ_k w_jk) (1 − a_j²)",
        "∂E/∂w_ij = δ_j x_i",
    ]
    assert derivation.definitions[-1].text == "E = −Σ_k t_k log softmax(z₂)_k"


def test_along_one_axis_there_is_one_letter_through_any_number_of_ops():
    steps = gn.derive(GRAPHS["batch normalisation"]()[0], ["norm/scale", "last/W"], indices=True).steps
    assert [step.text for step in steps] == [
        "δ_nk = z_nk − t_nk",
        "∂E/∂w_jk = Σ_n δ_nk a_nj",
        "δ_nj = (Σ_k δ_nk w_jk) (1 − a_nj²)",
        "∂E/∂scale_j = Σ_n δ_nj v_(3,nj)",
    ]


def test_a_convolution_reads_layer_by_layer():
    derivation = gn.derive(GRAPHS["images"]()[0], ["first/b", "first/W"])
    assert [step.text for step in derivation.steps] == [
        "δ(z₃) = softmax(z₃) ⊙ (Σ_columns t) − t",
        "δ(z₂) = max_pool2d′(reshape(δ(z₃) W_scoresᵀ), v₃, a₂) ⊙ (1 − a₂ ⊙ a₂)",
        "δ(z₁) = conv2d_to_input(δ(z₂), W_second; padding=(1, 1), size=(4, 4)) ⊙ (1 − a₁ ⊙ a₁)",
        "∂E/∂b_first = Σ_(axes 0, 2, 3) δ(z₁)",
        "∂E/∂W_first = conv2d_to_kernel(x, δ(z₁); padding=(1, 1), size=(3, 3))",
    ]
    assert "v₃ = max_pool2d(a₂; size=(2, 2), stride=(2, 2))" in derivation.text


# Any network ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("rows", [1, 2, 3, 5, 8])
def test_every_second_of_an_unknown_number_of_rows(rows):
    x = gn.input("x", shape=(None, 3))
    E = gn.sum(x[::2] + gn.parameter("p", np.ones(3))) + gn.sum(gn.square(x[1:]))
    bwd = gn.backward(E, {x: np.arange(3.0 * rows).reshape(rows, 3)})
    np.testing.assert_allclose(gn.derive(E, x).evaluate(bwd)["x"], bwd.error_signal(x))


@pytest.mark.parametrize("seed", range(60))
def test_random_networks_are_derived_and_explained(seed):
    program = random_program(seed)
    network = build(program, open_batch=seed % 2 == 0)
    E = network.output if network.output.shape == () else gn.sum(gn.multiply(network.output, np.array(program.delta)))
    bwd = gn.backward(E, network.feeds)
    if not_comparable(bwd):
        return
    wrt = [node for node in bwd.graph.nodes if node.op is None and node in bwd.error_signals]
    for indices in (False, True):
        derivation = gn.derive(E, wrt, indices=indices)
        assert derivation.text
        assert derivation.latex
        minidom.parseString(derivation.mathml)
        for label, found in derivation.evaluate(bwd).items():
            np.testing.assert_allclose(found, bwd.error_signal(label), rtol=1e-10, atol=1e-12 * scale(bwd))
    node = wrt[seed % len(wrt)]
    if bwd[node].size:
        explanation = gn.explain(bwd, node, most=10**6)
        sizes = [abs(path.product) for path in explanation.paths]
        assert not explanation.all_paths or abs(explanation.rest) <= 1e-9 * max(scale(bwd), *sizes, 1)
        assert str(gn.diagnose(bwd))


# How it is written ----------------------------------------------------------------------------------------------------


def test_what_is_used_twice_has_a_name_and_is_defined_once():
    E, _ = tied()
    derivation = gn.derive(E)
    defined = [step.of.text for step in derivation.steps]
    assert len(set(defined)) == len(defined)
    assert derivation["W"].text == "∂E/∂W = a₁ᵀ δ(z₂) + xᵀ δ(z₁)"


def test_error_signals_of_a_and_of_z_are_never_mixed_up():
    E, _ = GRAPHS["skip connection"]()
    lines = [str(step) for step in gn.derive(E).steps]
    assert lines[:2] == ["∂E/∂y = (2 / (3 N)) (y − t)", "δ(z₂) = ∂E/∂y ⊙ s ⊙ (1 − s)"]
    assert "δ(z₁) = (∂E/∂y + δ(z₂) Vᵀ) ⊙ (1 − a ⊙ a)" in lines


def test_an_op_of_ones_own_needs_no_further_code():
    steps = gn.derive(GRAPHS["an op of one's own"]()[0], "b2").steps
    assert steps[0].formula.text == "(a₂ − t) ⊙ (a₂ + (1 − a₂) / (1 + e^(−z₂)))"


def test_an_opaque_rule_appears_as_a_function_and_is_evaluated_as_one():
    E, feeds = small(hidden=running_sum)
    derivation = gn.derive(E, "W1")
    assert derivation["z1"].formula.text == "running_sum′(δ(z₂) W₂ᵀ, a₁, z₁)"
    bwd = gn.backward(E, feeds)
    np.testing.assert_allclose(derivation.evaluate(bwd)["W1"], bwd.gradient("W1"), rtol=1e-12)


def test_sizes_that_are_not_known_yet_have_a_letter():
    x = gn.input("x", (None, 3))
    w = gn.parameter("w", np.ones(3))
    assert gn.derive(gn.mean(x * w, name="E"), w)["w"].formula.text == "Σ_samples (1 / (3 N)) x"
    mse = gn.mse(x * w, gn.input("t", (None, 3)), name="E")
    assert gn.derive(mse, w)["w"].formula.text == "Σ_samples (2 / (3 N)) (v₁ − t) ⊙ x"


def test_a_rule_that_would_fill_pages_is_named():
    w = gn.parameter("w", [0.5, -0.3])
    E = gn.sum(gn.polynomial(w, np.linspace(1, 2, 3000), name="p"), name="E")
    derivation = gn.derive(E)
    assert derivation["w"].formula.text == "polynomial′(𝟏, p, w)"
    bwd = gn.backward(E, {})
    np.testing.assert_array_equal(derivation.evaluate(bwd)["w"], bwd.gradient("w"))


def test_a_deep_formula_is_written_in_no_time():
    w = gn.parameter("w", [0.5, -0.3])
    E = gn.sum(gn.polynomial(w, np.linspace(1, 2, 25), name="p"), name="E")
    assert gn.derive(E)["w"].formula.text.count("⊙ w") == 22  # a degree less, and the innermost is c · w


def test_two_sizes_that_are_not_known():
    x, w = gn.input("x", (None, None)), gn.parameter("w", 0.5)
    E = gn.mean(gn.square(x * w), name="E")
    bwd = gn.backward(E, {x: np.arange(6.0).reshape(2, 3)})
    for indices in (False, True):
        derivation = gn.derive(E, indices=indices)
        assert "N" in derivation.text
        assert "M" in derivation.text
        np.testing.assert_allclose(derivation.evaluate(bwd)["w"], bwd.gradient("w"), rtol=1e-12)


UNKNOWN = {
    "of another input": (lambda x, y, w: gn.mean(x * w) + gn.mean(gn.square(y * w)), "Σ_samples 2 (1 / (3 M)) v₃ ⊙ y"),
    "of the columns": (lambda x, y, w: gn.mean(gn.square(gn.transpose(x * w))), "2 (1 / (3 N)) v₂"),
    "of two in a row": (lambda x, y, w: gn.mean(gn.concatenate([x * w, y * w], axis=0)), "1 / (3 (N + M))"),
    "of the second in a row": (lambda x, y, w: gn.sum(gn.concatenate([x * w, x * w], axis=0) ** 2), "∂E/∂v₃[N:2 N]"),
    "of one behind another": (lambda x, y, w: gn.sum(gn.concatenate([x * w, y * w], axis=0) ** 2), "∂E/∂v₃[N:N + M]"),
    "of one behind a known": (lambda x, y, w: gn.mean(gn.concatenate([w[None], x * w], axis=0)), "1 / (3 (N + 1))"),
    "of half": (lambda x, y, w: gn.mean(half(x * w)), "(1 / ((3 N) / 2)) 𝟏"),
}


@gn.op
def half(z):
    return z[: z.shape[0] // 2]


@half.backward
def half_backward(delta, a, z):
    return np.concatenate([delta, np.zeros_like(z[z.shape[0] // 2 :])])


@pytest.mark.parametrize("size", UNKNOWN)
@pytest.mark.parametrize("indices", [False, True], ids=["matrices", "indices"])
def test_sizes_that_are_made_of_unknown_ones(size, indices):
    build_error, written = UNKNOWN[size]
    rng = np.random.default_rng(0)
    x, y, w = gn.input("x", (None, 3)), gn.input("y", (None, 3)), gn.parameter("w", away_from_zero(rng, (3,)))
    E = build_error(x, y, w)
    feeds = {"x": rng.normal(size=(4, 3)), "y": rng.normal(size=(5, 3))}
    bwd = gn.backward(E, {node.name: feeds[node.name] for node in gn.Graph(E).inputs})
    derivation = gn.derive(E, w, indices=indices)
    np.testing.assert_allclose(derivation.evaluate(bwd)["w"], bwd.gradient(w), rtol=1e-12)
    assert indices or written in derivation.text


def test_a_deep_graph_needs_no_recursion():
    w = gn.parameter("w", 0.5)
    x = w
    for _ in range(1500):
        x = np.sin(x)
    derivation = gn.derive(x)
    bwd = gn.backward(x, {})
    np.testing.assert_allclose(derivation.evaluate(bwd)["w"], bwd.gradient("w"), rtol=1e-10)
    assert len(derivation.text) > 1000


def test_unnamed_nodes_get_readable_symbols():
    text = gn.derive(GRAPHS["no names"]()[0]).text
    assert "δ(z₂) = (δ(z₃) W₃ᵀ) ⊙ [a₂ > 0]" in text
    assert "z₂ = a₁ W₂ + b₂" in text
    assert text.splitlines()[-1].strip() == "E = mean((a₃ − t)²)"


def test_it_shows_itself_and_is_plain_data():
    derivation = gn.derive(small()[0])
    page, latex = derivation._repr_html_(), derivation._repr_latex_()
    assert page.startswith("<div")
    assert page.count("<math") == 2
    assert '<mtext>(Eq.</mtext><mspace width="0.3em"></mspace><mtext>11)</mtext>' in page
    assert "\u00a0" not in page  # MathJax 2 reads it as an entity that it doesn't know
    assert latex.startswith("$$\\begin{aligned}")
    assert r"\frac{\partial E}{\partial W_{1}} &= x^{\top} \, \delta ( z_{1} ) && \text{(Eq. 11)}" in latex
    plain = derivation.to_dict()
    assert plain["steps"][-1]["text"] == "∂E/∂W₁ = xᵀ δ(z₁)"
    assert plain["steps"][-1]["equation"] == "Eq. 11"


def test_powers_of_ten_are_typeset_and_brackets_grow_only_where_they_must():
    w = gn.parameter("w", [1.0, 2.0])
    derivation = gn.derive(gn.sum(gn.log(w + 1e-05) + 2.5e7 * w, name="E"))
    assert str(derivation) == "∂E/∂w = 2.5e+07 + 1 / v₁\n\nwith\n    v₁ = w + 1e-05\n    E = Σ (ln(v₁) + 2.5e+07 w)"
    step, sum_of = derivation.steps[-1], derivation.definitions[0]
    assert step.latex == r"\frac{\partial E}{\partial w} = 2.5 \cdot 10^{7} + \frac{1}{v_{1}}"
    assert sum_of.latex == "v_{1} = w + 10^{-5}"
    assert "<msup><mn>10</mn><mrow><mo>−</mo><mn>5</mn></mrow></msup>" in sum_of.mathml
    latex = gn.derive(GRAPHS["an op of one's own"]()[0], "W2").latex
    assert r"( a_{2} - t ) \odot \left( a_{2} + \frac{1 - a_{2}}{1 + e^{- z_{2}}} \right)" in latex


def test_a_product_of_vectors_sends_each_the_other():
    p, q = gn.parameter("p", [1.0, 2.0]), gn.parameter("q", [3.0, 4.0])
    assert [step.text for step in gn.derive(gn.matmul(p, q, name="E")).steps] == ["∂E/∂q = p", "∂E/∂p = q"]


def test_numbers_that_look_alike_are_not_the_same():
    v, w = gn.parameter("v", [1.0, 2.0]), gn.parameter("w", [3.0, 4.0])
    E = gn.sum(0.1234567890123 * v + 0.1234567890124 * w, name="E")
    found = gn.derive(E).evaluate(gn.forward(E, {}))
    assert (found["v"][0], found["w"][0]) == (0.1234567890123, 0.1234567890124)


def test_what_adds_nothing_up_has_no_sum():
    y, t = gn.parameter("y", 0.5), gn.input("t", ())
    assert str(gn.derive(gn.sse(y, t, name="E")).definitions[-1]) == "E = ½ (y − t)²    (Eq. 1)"


def test_vectors_need_no_axes_of_size_one():
    assert [step.text for step in gn.derive(GRAPHS["vectors"]()[0]).steps] == [
        "δ(z₂) = (y − t) · y · (1 − y)",
        "∂E/∂v = δ(z₂) a",
        "δ(z₁) = δ(z₂) v ⊙ (1 − a ⊙ a)",
        "∂E/∂W = x ⊗ δ(z₁)",
    ]


# What is refused ------------------------------------------------------------------------------------------------------

w = gn.parameter("w", [1.0, 2.0])


@pytest.mark.parametrize(
    ("arguments", "error", "match"),
    [
        ((w * w,), ShapeError, "only a scalar has a gradient"),
        ((gn.Graph(gn.sum(w), gn.mean(w)),), GraphError, "2 outputs"),
        ((gn.sum(gn.input("x", (3,))),), GraphError, "no parameters"),
        ((gn.sum(w), "v"), GraphError, "no node is called 'v'"),
        ((gn.sum(w > 0) * 1.0 + gn.parameter("v", 1.0), w), UnreachableError, "does not depend smoothly on 'w'"),
        ((gn.sum(gn.op(lambda z: np.sin(z))(w)),), NoBackwardRuleError, "no backward rule"),
    ],
)
def test_what_can_not_be_derived_is_refused(arguments, error, match):
    with pytest.raises(error, match=match):
        gn.derive(*arguments)


def test_a_step_that_is_not_there_is_asked_for():
    with pytest.raises(GraphError, match="no step for 'x'"):
        gn.derive(small()[0])["x"]
