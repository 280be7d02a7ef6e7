"""Names that try to break pictures. In every picture the text shown is the clean name, and nothing else changes."""

import re
import xml.etree.ElementTree as ElementTree

import numpy as np
import pytest

import graphnet as gn
from graphnet.common.text import clean, markup, short
from graphnet.draw import draw
from graphnet.draw.shapes import dot_markup, render

SVG = "{http://www.w3.org/2000/svg}"

HOSTILE = [
    '"', "'", "`", '""', '"]; evil [', "'; DROP", "<b>bold</b>", "<b>", "</b>", "<", ">", "<>", "<<x>>", "a<b>c",
    "</script>", "<script>alert(1)</script>", "</title>", "</text></svg>", "<!--", "-->", "<![CDATA[", "]]>",
    "<?xml?>", "&", "&&", "&amp;", "&amp;amp;", "&lt;", "&#65;", "&#x41;", "&nbsp;", "&nosuch;", "&#0;", "\\", "\\\\",
    "\\n", "\\N", "\\G", "\\E", "\\T", "\\l", "\\r", "\\L", "\\u{0}", "a:b", "a:b:c", ":n", "n0", "n0:f0", "a->b",
    "a--b", "{a|b}", "{", "}", "|", "[", "]", ";", "#", "//", "/* x */", "%s", "%d", "$x$", "${x}", "{0}", "@", "=",
    "a=b", "node", "graph", "digraph", "subgraph", "strict", "cluster_g0", "None", "-0", "0", "1e5", "a\nb", "\n",
    "\r\n", "\t", "a\tb", "\x00", "a\x00b", "\x01", "\x1b[31m", "\x7f", "\x85", "\xa0", " ", "  ", " a", "a ", "a  b",
    "\u200b", "\u200e", "\u202e", "abc\u202edef", "\u2066x\u2069", "\ufeff", "\u2028", "\u2029", "\ufffe", "\uffff",
    "\ufdd0", "\U0001fffe", "\ud800", "\udfff", "a\ud83d", "\u3000", "⠀", "ㅤ", "ᅟ", "\xad", "é", "é", "日本語",
    "العربية", "δ₁", "∂E/∂w", "🙂", "👩\u200d🔬", "🏳️\u200d🌈", "\U000e0001", "x" * 10_000, "\x00" * 10_000, "<" * 10_000,
    "&" * 33, "\\" * 40, "javascript:alert(1)", "https://example.org", "../../etc/passwd", "a/b", "/", "onload=x",
    "1. x", "1) x", "- x", "* x", "+ x", "# x", "## x", "> x", "`x`", "```", "**b**", "_i_", "~~s~~", "[a](b)",
    "![a](b)", "---", "===", "%% x", "%%{init: {}}%%", "end", "click n0 call x()", "style n0 fill:red", "class n0 x",
    "linkStyle 0 x", "subgraph", "o--o", "x--x", "$$x$$", "fa:fa-car", "#35;", "#quot;", "a#b;", "<br/>", "<br>",
    "\\(x\\)", "@{ shape: x }", ":::x", "%", "a=>b", "==>", "-.->", "direction TB", "default", "A & B", "accTitle: x",
    "&lrm;", "\\u{41}", "\\x41", "<img src=x onerror=alert(1)>", "<svg/onload=alert(1)>",
]  # fmt: skip


def texts(svg):
    root = ElementTree.fromstring(svg)
    return root, ["".join(text.itertext()) for text in root.iter(f"{SVG}text")]


def elements(root, kind):
    return [element for element in root.iter(f"{SVG}g") if kind in element.get("class").split()]


@pytest.mark.parametrize("name", HOSTILE, ids=[f"{i}-{ascii(name)[1:20]}" for i, name in enumerate(HOSTILE)])
def test_a_hostile_name_is_shown_clean_and_harms_nothing(name, capfd):
    with gn.scope(name):
        w = gn.parameter(name, [1.0, 2.0])
    y = gn.sum(gn.multiply(w, w), name=f"{name}?")
    svg = draw(gn.backward(y, {})).to_svg()
    root, shown = texts(svg)
    assert shown.count(short(name)) >= (1 if "/" in name else 2)  # the box, and the group around it
    assert all(short(scope) in shown for scope in name.split("/")[:8] if scope)  # slashes nest scopes
    assert short(f"{name}?") in shown
    assert len(elements(root, "node")) == 3
    assert len(elements(root, "edge")) == 6
    assert "syntax error" not in capfd.readouterr().err
    ids = {element.get("id") for kind in ("node", "edge", "cluster", "graph") for element in elements(root, kind)}
    assert all(id.isascii() and id.replace("_", "").isalnum() for id in ids)
    assert not [e for e in root.iter() if e.tag in (f"{SVG}a", f"{SVG}image", f"{SVG}script")]
    assert root.find(f"{SVG}title").text == f"Backward pass: {short(name + '?')} = 5"


def test_there_are_enough_hostile_names():
    assert len(set(HOSTILE)) > 150


def network(name):
    """Return a layer and an error whose nodes all bear the name."""
    x = gn.input(name, (None, 2))
    z = gn.bias_add(x @ gn.parameter(f"{name}W", [[1.0], [2.0]]), gn.parameter(f"{name}b", [0.5]))
    a = gn.tanh(z, name=f"{name}a")
    return gn.backward(gn.sse(a, [[0.0]], name=f"{name}E"), {x: [[1.0, -1.0]]})


@pytest.mark.parametrize("name", HOSTILE, ids=ascii)
def test_a_hostile_name_in_the_unit_view(name):
    drawing = draw(network(name), view="units")
    root, shown = texts(drawing.to_svg())
    assert short(name, 24) in shown
    assert f"{short(name + 'a', 24)}, tanh" in shown
    assert {short(name + "W", 24), "shape (2, 1)"} <= set(shown)
    assert len(elements(root, "weight")) == 2
    assert len(elements(root, "ring")) == 3
    assert not [e for e in root.iter() if e.tag in (f"{SVG}a", f"{SVG}image", f"{SVG}script")]
    assert root.find(f"{SVG}title").text == f"Backward pass: {short(name + 'E')} = 0.1068"
    by_graphviz = texts(render(drawing.to_dot(), "svg"))[1]
    assert {short(name, 24), f"{short(name + 'a', 24)}, tanh", f"Backward pass: {short(name + 'E')} = 0.1068"} <= set(
        by_graphviz
    )


def test_hostile_names_in_png_and_pdf(capfd):
    y = Total()(*[gn.parameter(name, 1.0) for name in dict.fromkeys(HOSTILE)])
    for drawing in (
        draw(gn.backward(y, {}), depth="all"),
        *(draw(network(name), view="units") for name in HOSTILE[::24]),
    ):
        assert drawing._rendered("png").startswith(b"\x89PNG")
        assert drawing._rendered("pdf").startswith(b"%PDF")
    assert "syntax error" not in capfd.readouterr().err


def mermaid_labels(text):
    """Return what Mermaid shows of each quoted label, one list of lines for each."""
    labels = [label.split("<br/>") for label in re.findall(r'"([^"]*)"', text)]
    return [[re.sub(r"#(\d+);", lambda code: chr(int(code[1])), line) for line in label] for label in labels]


def check_mermaid(text, name, boxes):
    lines = text.splitlines()
    assert lines[0] == "flowchart LR"
    assert sum(bool(re.match(r"n\d+[\[({]", line)) for line in lines) == boxes
    assert any(short(name) == line for label in mermaid_labels(text) for line in label)
    outside = re.sub(r'"[^"]*"', '""', text)
    assert set(outside) <= set(
        'abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_ \n"()[]{}/|-.>,:#'
    )  # nothing of the name, only what the writer writes
    assert "%" not in text
    assert not re.search(r"direction\s", text)


@pytest.mark.parametrize("name", HOSTILE, ids=ascii)
def test_a_hostile_name_in_mermaid_and_in_text(name):
    with gn.scope(name):
        w = gn.parameter(name, [1.0, 2.0])
    drawing = draw(gn.backward(gn.sum(gn.multiply(w, w), name=f"{name}?"), {}))
    check_mermaid(drawing.to_mermaid(), name, boxes=3)
    text = drawing.to_text()
    assert all(line.isprintable() for line in text.split("\n"))
    assert f"{short(name)}: parameter, shape (2,)" in text
    assert text.startswith(f"Backward pass: {short(name + '?')} = 5\n")
    assert text.count("sends back to") == 3


NASTY = [
    *"\"'`<>&\\/%#;:|{}[]()$@=*_~^!?.,+- \t\n\r\0\x1b\x7f\x85\xa0",
    "\u200b", "\u202e", "\u2028", "\ufeff", "\ud800", "\udfff",
    "\uffff", "\U0001f642", "\U000e0001", "é", "e\u0301", "δ", "日", "ع", "a", "B", "7", "n0", "end", "</",
    "/>", "-->", "<!--", "]]>",
    "<script>", "\\N", "\\u{", "&amp;", "&#", "%%", "direction TB", "style", "<br/>", "x" * 40,
]  # fmt: skip


def generated(count, seed):
    """Return random names, all different, made of the pieces that have ever broken a format."""
    rng = np.random.default_rng(seed)
    names = {}
    while len(names) < count:
        pieces = rng.choice(len(NASTY), size=rng.integers(1, 12))
        names["".join(NASTY[piece] for piece in pieces)] = None
    return list(names)


def test_2000_generated_names_in_every_format_of_text():
    names = generated(2000, seed=1)
    for start in range(0, len(names), 100):
        some = names[start : start + 100]
        y = Total()(*[gn.parameter(name, 1.0) for name in some], name="all of them")
        drawing = draw(gn.backward(y, {}), depth="all")
        root, shown = texts(drawing.to_svg())
        expected = {short(name) for name in some}
        assert expected <= set(shown)
        assert len(elements(root, "node")) == 101
        assert len(elements(root, "edge")) == 200
        labels = {line for label in mermaid_labels(drawing.to_mermaid()) for line in label}
        assert expected <= labels
        lines = drawing.to_text().split("\n")
        assert all(line.isprintable() for line in lines)
        assert {f"{name}: parameter, scalar" for name in expected} <= set(lines)
        check_mermaid(drawing.to_mermaid(), some[0], boxes=101)


def test_2000_generated_names_in_the_unit_view():
    names = generated(2000, seed=2)
    for x_name, W_name, b_name, a_name in zip(*[iter(names)] * 4, strict=True):
        x, W, b = gn.input(x_name, (1, 2)), gn.parameter(W_name, np.ones((2, 1))), gn.parameter(b_name, [0.5])
        drawing = draw(gn.tanh(gn.bias_add(x @ W, b), name=a_name), view="units")
        _, shown = texts(drawing.to_svg())
        assert {short(x_name, 24), f"{short(a_name, 24)}, tanh", short(W_name, 24), "shape (2, 1)"} <= set(shown)
        text = drawing.to_text()
        assert all(line.isprintable() for line in text.split("\n"))
        assert f"inputs: {short(x_name, 24)}, 2 units" in text
        labels = [label for labels in mermaid_labels(drawing.to_mermaid()) for label in labels]
        assert f"output layer, {short(a_name, 24)}, tanh" in labels


class Total(gn.Op):
    """The sum of any number of inputs."""

    def forward(self, *inputs):
        return sum(inputs)

    def backward(self, delta, output, *inputs):
        return tuple(delta for _ in inputs)


@pytest.mark.parametrize("name", HOSTILE, ids=ascii)
def test_clean_text_is_visible_and_short_text_is_short(name):
    name = name[:200]
    assert clean(name).isprintable()
    assert clean(name).strip() == clean(name) != ""
    assert len(short(name)) <= 32
    assert "…" in short(name) or short(name) == clean(name)
    clean(name).encode()


def test_clean_leaves_ordinary_names_alone():
    for name in ("a1", "W_hidden", "two words", "δ₁", "日本語", "<b>", "\\N"):
        assert clean(name) == short(name) == name


def test_different_names_of_one_length_stay_different():
    assert clean("a\u200b") != clean("a")
    assert clean(" a") != clean("a")


def test_an_escape_is_never_cut_in_two():
    for count in range(20, 40):
        text = short("a" * count + "\u202e" * 5)
        assert text.count("\\u{") == text.count("}")


def test_markup_survives_a_parser():
    for name in HOSTILE:
        text = clean(name[:50])
        assert ElementTree.fromstring(f"<p>{markup(text)}</p>").text == text
        assert ElementTree.fromstring(f"<p>{dot_markup(text)}</p>").text == text.replace("\\", "\\\\")


def test_hostile_op_names_and_settings():
    from dataclasses import dataclass

    @dataclass(frozen=True)
    class Hostile(gn.Op):
        text: str

        def forward(self, z):
            return z

    Hostile.name = "<b>&\x00"
    root, shown = texts(draw(Hostile("</td>\n\"'&")(gn.input("x"), name="y")).to_svg())
    assert "<b>&\\u{0}(x)" in shown
    assert any(text.startswith("text=") and "</td>" in text for text in shown)
    assert len(elements(root, "node")) == 2
