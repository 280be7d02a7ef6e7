"""The rules of single nodes as formulas."""

import re
from xml.dom import minidom

import numpy as np
import pytest
from matplotlib.mathtext import MathTextParser

import graphnet as gn
from graphnet.errors import GraphError
from graphnet.notation import rule_formulas
from graphnet.notation.names import Symbol, Symbols, candidates
from tests.fuzz.dialect import running_sum, swish
from tests.notation.networks import small
from tests.ops.cases import EVERY, Case

NUMPY = {"dot": np.dot, "stack": np.stack, "clip": np.clip, "min": np.min, "swish": swish,
         "getitem": lambda z, index: z[index], "swapaxes": lambda z, first, second: np.swapaxes(z, first, second)}  # fmt: skip

PARSER = MathTextParser("path")


def node_of(case: Case) -> gn.Node:
    """Apply an operation to parameters."""
    args = [gn.parameter(f"p{i}", a) if np.asarray(a).dtype.kind == "f" else a for i, a in enumerate(case.args)]
    function = NUMPY.get(case.op) or getattr(gn, case.op, None) or getattr(np, case.op)
    if case.op in ("concatenate", "stack"):
        return function(args, **case.settings)
    return function(*args, **case.settings)


@pytest.mark.parametrize("case", EVERY, ids=str)
def test_the_formulas_of_every_op_are_what_its_rules_compute(case):
    output = node_of(case)
    delta = np.random.default_rng(0).uniform(0.5, 1.5, output.shape)
    bwd = gn.backward(output, {}, delta=delta)
    signals = {bwd.graph.label(node): signal for node, signal in bwd.error_signals.items()}
    for node, rules in rule_formulas(output).items():
        np.testing.assert_allclose(rules.forward.evaluate(bwd), bwd[node], rtol=1e-12, atol=1e-14)
        for slot, (formula, source) in enumerate(zip(rules.backward, node.inputs, strict=True)):
            if formula is None:
                continue
            sent = [m.delta for m in bwd.messages(source) if m.consumer is node and m.slot == slot]
            unscaled = output.shape == () and node is output  # ∂E/∂E is 1 there
            expected = sent[0] / delta if unscaled else sent[0]
            found = np.broadcast_to(formula.evaluate(bwd, signals), expected.shape)
            np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("case", EVERY, ids=str)
def test_what_is_written_is_well_formed(case):
    for rules in rule_formulas(node_of(case)).values():
        for formula in (rules.forward, *rules.backward):
            if formula is not None:
                minidom.parseString(f"<math>{formula.mathml}</math>")
                PARSER.parse(plain(formula.latex))


def plain(latex):
    """Return a formula for matplotlib's parser, which does not know these three commands."""
    return "$" + latex.replace(r"\lt", "<").replace(r"\gt", ">").replace(r"\&", "+") + "$"


def test_a_rule_that_can_not_be_read_is_a_function_of_what_it_is_given():
    z = gn.parameter("z", np.ones((3, 2)))
    a = running_sum(z, name="a")
    rules = rule_formulas(gn.sum(a, name="E"))[a]
    assert rules.forward.text == "running_sum(z)"
    assert rules.backward[0].text == "running_sum′(∂E/∂a, a, z)"


def test_an_op_is_called_what_it_says():
    class ShiftedLog(gn.Op):
        written = "ln₁"

        def forward(self, z):
            return np.log1p(z.astype(float))  # of arrays alone, so that it is called by its name

        def backward(self, delta, a, z):
            return delta * np.exp(-a)

    a = ShiftedLog()(gn.parameter("z", np.ones(3)), name="a")
    rules = rule_formulas(gn.sum(a, name="E"))[a]
    assert str(rules.forward) == "ln₁(z)"
    assert str(rules.backward[0]) == "∂E/∂a ⊙ e^(−a)"


@pytest.mark.parametrize(
    ("number", "expected"), [(-0.5, "max(z, −½)"), (0.5, "max(z, ½)"), (-1 / 3, "max(z, −1 / 3)"), (-2.0, "max(z, −2)")]
)
def test_a_negative_number_is_set_as_the_number_with_a_minus(number, expected):
    a = gn.maximum(gn.parameter("z", np.ones(3)), number)
    assert str(rule_formulas(a)[a].forward) == expected


def test_an_op_without_a_way_back_says_so():
    only_forward = gn.op(lambda z: np.sin(z))
    a = only_forward(gn.parameter("z", 1.0))
    rules = rule_formulas(a)[a]
    assert rules.backward == (None,)
    assert "has no backward rule" in rules.problem


def test_comparisons_send_nothing_and_that_is_no_problem():
    a = gn.parameter("z", 1.0) > 0
    rules = rule_formulas(a)[a]
    assert (rules.forward.text, rules.backward, rules.problem) == ("z > 0", (None, None), "")


def test_known_forms():
    E, _ = small()
    graph = gn.Graph(E)
    rules = {graph.label(node): formulas for node, formulas in rule_formulas(E).items()}
    assert rules["a1"].forward.text == "tanh(z₁)"
    assert rules["a1"].backward[0].text == "∂E/∂a₁ ⊙ (1 − a₁ ⊙ a₁)"
    assert rules["z1"].forward.text == "u₁ + b₁"
    assert [message.text for message in rules["z1"].backward] == ["δ(z₁)", "Σ_samples δ(z₁)"]
    assert rules["E"].forward.latex == r"\frac{1}{2} \, \sum \, ( a_{2} - t )^{2}"
    assert "<msub><mi>a</mi><mn>1</mn></msub>" in rules["a1"].backward[0].mathml


# Names ----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "base", "sub"),
    [
        ("x", "x", ""), ("a1", "a", "1"), ("a_1", "a", "1"), ("W_out", "W", "out"), ("theta", "θ", ""),
        ("theta_2", "θ", "2"), ("hidden/W", "W", "hidden"), ("layer_2/W", "W", "2"), ("enc/layer_2/W", "W", "enc layer_2"),
        ("logits", "logits", ""), ("delta", "delta", ""), ("sigma", "sigma", ""), ("a b", "a b", ""), ("1st", "1st", ""),
        ("δ", "delta", ""), ("a\u202e", "a\\u{202e}", ""),
    ],
)  # fmt: skip
def test_symbols_say_what_names_ask_for(name, base, sub):
    assert next(candidates(name)) == Symbol(base, sub)


def test_no_two_nodes_have_one_symbol():
    names = ["a1", "a_1", "layer_1/W", "W1", "W_1", "x/" + "y" * 40 + "1", "x/" + "y" * 40 + "2", "z1", "E"]
    total = gn.parameter(names[0], 1.0)
    for name in names[1:]:
        total = gn.tanh(total + gn.parameter(name, 1.0))
    graph = gn.Graph(total)
    symbols = Symbols(graph)
    assert len({symbols[node] for node in graph.nodes}) == len(graph)
    assert symbols[graph["W1"]] == Symbol("W", "1")


HOSTILE = [
    "<script>alert(1)</script>", "&lt;b&gt;", "a&b", "}{", "\\", "\\input{x}", "$x$", "$$", "a_b_c", "^", "~", "%", "#", "'",
    '"', "`", "\u202e", "\x00", "a\nb", " ", "x/", "//", "日本", "𝟙", "𓂀", "a" * 5000, "\\frac", "E", "N", "Σ", "δ(z)", "{}",
    "]]>",
]  # fmt: skip


@pytest.mark.parametrize("name", HOSTILE, ids=lambda name: repr(name[:20]))
def test_hostile_names_stay_names(name):
    w = gn.parameter(name, np.ones((2, 3)))
    E = gn.sum(gn.tanh(w, name=f"{name}!"), name="loss")
    derivation = gn.derive(E)
    page = derivation._repr_html_()
    tags = set(re.findall(r"<\s*/?\s*([A-Za-z]+)", page))
    assert tags <= {"div", "p", "math", "mtable", "mtr", "mtd", "mtext", "mrow", "mi", "mn", "mo", "msub", "msup",
                    "msubsup", "mfrac", "msqrt", "munder", "mspace"}  # fmt: skip
    minidom.parseString(page)
    latex = derivation.latex
    assert not re.search("<[A-Za-z/!?]", latex)  # what HTML would read as the start of a tag
    assert latex.count("{") - latex.count(r"\{") == latex.count("}") - latex.count(r"\}")
    assert "$" not in re.sub(r"\\\$|\$\\delta_.\$", "", latex)
    assert all(character.isprintable() or character == "\n" for character in derivation.text)
    if name.isascii() and len(name) < 40:
        PARSER.parse(plain(derivation.steps[-1].latex))


COUNTED = ("reshape", "mean over rows", "mean", "concatenated")
READ = {
    "sse": lambda a: gn.sse(a, np.eye(4)[:, :2]),
    "mse": lambda a: gn.mse(a, np.eye(4)[:, :2]),
    "binary_cross_entropy": lambda a: gn.binary_cross_entropy(a, np.eye(4)[:, :2]),
    "cross_entropy": lambda a: gn.cross_entropy(a, np.eye(2)[[0, 1, 1, 0]]),
    "multiply": lambda a: gn.sum(a * np.arange(8.0).reshape(4, 2)),
    "divide": lambda a: gn.sum(a / (1.0 + np.arange(8.0).reshape(4, 2))),
    "column": lambda a: gn.sum(a * np.arange(4.0).reshape(4, 1)),
    "maximum": lambda a: gn.sum(gn.maximum(a, np.arange(8.0).reshape(4, 2) / 9)),
    "where": lambda a: gn.sum(gn.where(np.arange(8.0).reshape(4, 2) > 2, a, a * a)),
    "softmax": lambda a: gn.sum(gn.softmax(a) ** 2),
    "log_softmax": lambda a: gn.sum(gn.log_softmax(a) ** 2),
    "mean over rows": lambda a: gn.sum(gn.mean(a, axis=0) ** 2),
    "mean": lambda a: gn.mean(a**2),
    "reshape": lambda a: gn.sum(gn.reshape(a, (-1,)) ** 2),
    "halved": lambda a: gn.sum(gn.reshape(a, (-1, 4)) ** 2),
    "transpose": lambda a: gn.sum(gn.transpose(a) ** 2),
    "concatenated": lambda a: gn.sum(gn.concatenate([a, np.ones((4, 2))], axis=0) ** 2),
}


@pytest.mark.parametrize("kind", READ)
def test_with_an_unknown_batch_rules_are_read_as_with_a_known_one(kind):
    rng = np.random.default_rng(3)
    value, X = rng.normal(size=(3, 2)), rng.normal(size=(4, 3))
    derived = {}
    for size in (None, 4):
        x, w = gn.input("x", (size, 3)), gn.parameter("w", value)
        E = READ[kind](gn.matmul(x, w, name="a"))
        derivation = gn.derive(E, w)
        bwd = gn.backward(E, {x: X})
        np.testing.assert_allclose(derivation.evaluate(bwd)["w"], bwd.gradient(w), rtol=1e-10)
        derived[size] = derivation.text.replace("rows", "samples")
        for text in (derivation.text, derivation.latex, derivation.mathml):
            assert "′" not in text
    if kind not in COUNTED:  # which say N in one, and 4 in the other
        assert derived[None] == derived[4]


def test_latex_has_no_commands_that_only_mathjax_knows():
    x, w = gn.input("x", shape=(None, 2)), gn.parameter("<w>", np.ones(2))
    E = gn.sum(gn.where(x * w > 0, x * w, 0.1 * (x * w)), name="E") + gn.sum(gn.where(x < w, x, w))
    latex = gn.derive(E, w).latex
    assert "<" in latex
    assert r"\lt" not in latex
    assert r"\gt" not in latex
    for line in latex.split("\n")[1:-1]:
        MathTextParser("agg").parse(f"${line.rstrip(chr(92)).replace('&', '')}$")


@pytest.mark.parametrize(
    ("given", "lacks"), [(({"a": 0.5},), "error signal of 'a'"), (({}, {"a": 1.0}), "value of 'a'")], ids=str
)
def test_a_formula_that_is_not_given_all_it_mentions_says_what_it_lacks(given, lacks):
    a = gn.tanh(gn.parameter("z", 0.3), name="a")
    (slope,) = rule_formulas(gn.square(a, name="E"))[a].backward
    with pytest.raises(GraphError, match=f"there is no {lacks}"):
        slope.evaluate(*given)
