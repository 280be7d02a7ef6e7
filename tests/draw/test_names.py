"""Names that try to break pictures. In every picture the text shown is the clean name, and nothing else changes."""

import xml.etree.ElementTree as ElementTree

import pytest

import graphnet as gn
from graphnet.draw import draw
from graphnet.draw.text import clean, dot_markup, markup, short

SVG = "{http://www.w3.org/2000/svg}"

HOSTILE = [
    '"', "'", "`", '""', '"]; evil [', "'; DROP", "<b>bold</b>", "<b>", "</b>", "<", ">", "<>", "<<x>>", "a<b>c",
    "</script>", "<script>alert(1)</script>", "</title>", "</text></svg>", "<!--", "-->", "<![CDATA[", "]]>", "<?xml?>",
    "&", "&&", "&amp;", "&amp;amp;", "&lt;", "&#65;", "&#x41;", "&nbsp;", "&nosuch;", "&#0;", "\\", "\\\\", "\\n",
    "\\N", "\\G", "\\E", "\\T", "\\l", "\\r", "\\L", "\\u{0}", "a:b", "a:b:c", ":n", "n0", "n0:f0", "a->b", "a--b",
    "{a|b}", "{", "}", "|", "[", "]", ";", "#", "//", "/* x */", "%s", "%d", "$x$", "${x}", "{0}", "@", "=", "a=b",
    "node", "graph", "digraph", "subgraph", "strict", "cluster_g0", "None", "-0", "0", "1e5", "a\nb", "\n", "\r\n",
    "\t", "a\tb", "\x00", "a\x00b", "\x01", "\x1b[31m", "\x7f", "\x85", "\xa0", " ", "  ", " a", "a ", "a  b", "\u200b",
    "\u200e", "\u202e", "abc\u202edef", "\u2066x\u2069", "\ufeff", "\u2028", "\u2029", "\ufffe", "\uffff", "\ufdd0",
    "\U0001fffe", "\ud800", "\udfff", "a\ud83d", "\u3000", "\u2800", "\u3164", "\u115f", "\xad", "é", "e\u0301", "日本語",
    "العربية", "δ₁", "∂E/∂w", "🙂", "👩\u200d🔬", "🏳️\u200d🌈", "\U000e0001", "x" * 10_000, "\x00" * 10_000, "<" * 10_000,
    "&" * 33, "\\" * 40, "javascript:alert(1)", "https://example.org", "../../etc/passwd", "a/b", "/", "onload=x",
    "1. x", "1) x", "- x", "* x", "+ x", "# x", "## x", "> x", "`x`", "```", "**b**", "_i_", "~~s~~", "[a](b)", "![a](b)", "---", "===",
    "%% x", "%%{init: {}}%%", "end", "click n0 call x()", "style n0 fill:red", "class n0 x", "linkStyle 0 x", "subgraph", "o--o", "x--x",
    "$$x$$", "fa:fa-car", "#35;", "#quot;", "a#b;", "<br/>", "<br>", "\\(x\\)", "@{ shape: x }", ":::x", "%", "a=>b", "==>", "-.->",
    "direction TB", "default", "A & B", "accTitle: x", "&lrm;", "\\u{41}", "\\x41", "<img src=x onerror=alert(1)>", "<svg/onload=alert(1)>",
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
    assert len(set(HOSTILE)) > 60


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
