"""Files, notebooks and errors."""

import re
import subprocess
import sys
import xml.etree.ElementTree as ElementTree

import numpy as np
import pytest

import graphnet as gn
from graphnet.common import replace
from graphnet.core import registry
from graphnet.draw import Drawing, colours, dot, draw, drawing
from graphnet.draw.picture import Mark
from graphnet.errors import DrawError, GraphError


@pytest.mark.parametrize("direction", ["right", "down"])
@pytest.mark.parametrize("suffix", [".svg", ".png", ".pdf", ".dot", ".mmd", ".txt", ".SVG"])
def test_every_suffix_gives_a_well_formed_file(network, tmp_path, suffix, direction):
    path = draw(gn.backward(*network), direction=direction).save(tmp_path / f"net{suffix}")
    content = path.read_bytes()
    if suffix.lower() == ".svg":
        assert ElementTree.fromstring(content).tag.endswith("svg")
    starts = {".png": b"\x89PNG\r\n\x1a\n", ".pdf": b"%PDF-", ".dot": b"digraph", ".svg": b"<?xml"}
    starts |= {".mmd": b"flowchart LR" if direction == "right" else b"flowchart TD", ".txt": b"Backward pass: E = "}
    assert content.startswith(starts[suffix.lower()])
    assert [file.name for file in tmp_path.iterdir()] == [path.name]


def test_an_unknown_suffix_lists_the_known_ones(network, tmp_path):
    for name in ("net.gif", "net"):
        with pytest.raises(DrawError, match=r"\.svg, \.png, \.pdf, \.dot, \.mmd, \.txt"):
            draw(network[0]).save(tmp_path / name)


def test_a_missing_folder_is_named(network, tmp_path):
    with pytest.raises(DrawError, match="no folder"):
        draw(network[0]).save(tmp_path / "nowhere" / "net.svg")


def test_a_failure_leaves_the_old_file(network, tmp_path, monkeypatch):
    path = tmp_path / "net.dot"
    path.write_text("old")
    monkeypatch.setattr(replace.os, "replace", lambda *_: (_ for _ in ()).throw(OSError("disk full")))
    with pytest.raises(DrawError, match="disk full"):
        draw(network[0]).save(path)
    assert [(file.name, file.read_text()) for file in tmp_path.iterdir()] == [("net.dot", "old")]


def test_no_renderer_is_one_error_that_says_what_to_install(network, monkeypatch, tmp_path):
    monkeypatch.setattr(dot.shutil, "which", lambda _: None)
    monkeypatch.setitem(sys.modules, "pygraphviz", None)
    with pytest.raises(DrawError, match="pip install") as caught:
        draw(network[0]).save(tmp_path / "net.svg")
    assert "dot" in str(caught.value)
    assert "pygraphviz" in str(caught.value)
    assert list(tmp_path.iterdir()) == []
    for suffix in (".txt", ".mmd", ".dot"):
        assert draw(network[0]).save(tmp_path / f"net{suffix}").stat().st_size > 100
    for suffix in (".svg", ".txt", ".mmd", ".dot"):
        assert draw(network[0], view="units").save(tmp_path / f"units{suffix}").stat().st_size > 100
    with pytest.raises(DrawError, match="pip install"):
        draw(network[0], view="units").save(tmp_path / "units.png")


def test_dot_on_the_path_comes_first(network, monkeypatch):
    import graphviz

    asked = []
    monkeypatch.setattr(dot.shutil, "which", lambda _: "/usr/bin/dot")
    monkeypatch.setattr(graphviz, "pipe", lambda *arguments, **_: asked.append(arguments) or b"<svg >")
    draw(network[0]).to_svg()
    assert asked[0][:2] == ("dot", "svg")


def test_a_broken_dot_falls_back_to_pygraphviz(network, monkeypatch):
    import graphviz

    monkeypatch.setattr(dot.shutil, "which", lambda _: "/usr/bin/dot")
    monkeypatch.setattr(graphviz, "pipe", lambda *_, **__: 1 / 0)
    assert "<svg" in draw(network[0]).to_svg()


def test_the_same_pass_gives_the_same_bytes(network):
    bwd = gn.backward(*network)
    assert draw(bwd).to_dot() == draw(bwd).to_dot()
    assert draw(bwd).to_svg() == draw(gn.backward(*network)).to_svg()


def test_dot_does_not_depend_on_the_process():
    code = (
        "import graphnet as gn\nfrom graphnet.draw import draw\n"
        "with gn.scope('s'): w = gn.parameter('w', [1., 2.])\n"
        "print(draw(gn.backward(gn.sum(gn.tanh(w) * w + gn.exp(w)), {})).to_dot())"
    )
    runs = {
        subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, env={"PYTHONHASHSEED": seed}).stdout
        for seed in ("1", "2", "3")
    }  # fmt: skip
    assert len(runs) == 1


def test_svg_has_a_title_and_a_description_and_a_background(network):
    bwd = gn.backward(*network)
    svg = draw(bwd).to_svg()
    root = ElementTree.fromstring(svg)
    first, second = list(root)[:2]
    assert first.tag.endswith("title")
    assert first.text == draw(bwd).picture.title
    assert second.tag.endswith("desc")
    assert "a1, tanh(z1), shape (3, 3)" in second.text
    assert svg.count("<title>") == 1
    assert f'fill="{colours.PAPER}"' in svg


def test_roles_have_their_colours_and_words(network):
    dot = draw(gn.backward(*network)).to_dot()
    for role, word in [("value", "value"), ("error signal", "error signal ∂E/∂a1"), ("gradient", "gradient ∂E/∂W1")]:
        assert f'color="{colours.ROLE_INK[role]}">{word}<' in dot
        red, green, blue = bytes.fromhex(colours.ROLE_INK[role][1:])
        assert max(red, green, blue) == {"value": blue, "error signal": red, "gradient": green}[role]
    assert dot.count('dir="back"') == 12


def test_all_text_has_enough_contrast():
    fills = [
        colours.PAPER,
        colours.FAULT,
        colours.CHECKED,
        colours.OUTPUT[0],
        *(fill for fill, _ in colours.BOX.values()),
    ]
    cells = [colours.cell(role, strength) for role in colours.ROLE_INK for strength in (0.0, 0.5, 1.0, None)]
    for fill in fills:
        assert contrast(colours.INK, fill) > 7
    for fill in cells:
        assert contrast(colours.INK, fill) > 7
    for ink in (*colours.ROLE_INK.values(), colours.QUIET):
        for fill in (colours.PAPER, colours.OUTPUT[0], *(fill for fill, _ in colours.BOX.values())):
            assert contrast(ink, fill) > 4.5
    for negative in (False, True):
        assert contrast(colours.weight(negative, 1.0), colours.PAPER) > 4.5


def contrast(one, other):
    """Contrast of two colours as WCAG 2 defines it."""
    low, high = sorted(_luminance(colour) for colour in (one, other))
    return (high + 0.05) / (low + 0.05)


def _luminance(colour):
    channels = [c / 255 for c in bytes.fromhex(colour[1:])]
    linear = [c / 12.92 if c <= 0.03928 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return sum(weight * c for weight, c in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


def test_marks_stand_out(network):
    graph = gn.Graph(network[0])
    marks = {graph["a1"]: Mark("fault", "rule is wrong"), graph["a2"]: Mark("checked", "checked")}
    svg = draw(graph, marks=marks).to_svg()
    assert ">rule is wrong<" in svg
    assert ">checked<" in svg
    assert colours.FAULT in svg


def test_what_can_be_drawn(network):
    E, feeds = network
    graph = gn.Graph(E)
    for what in (E, graph, [graph["a1"], graph["a2"]], gn.forward(E, feeds), gn.backward(E, feeds)):
        assert isinstance(draw(what), Drawing)
    with pytest.raises(GraphError):
        draw(3)
    with pytest.raises(DrawError, match='"right" or "down"'):
        draw(E, direction="up")


def test_notebooks_show_pictures_that_scroll(network):
    E, feeds = network
    for what in (E, gn.Graph(E), gn.forward(E, feeds), gn.backward(E, feeds), draw(E)):
        html = what._repr_html_()
        assert html.startswith('<div style="overflow-x:auto"><svg')
        assert html.endswith("</div>")


def test_a_report_and_its_picture_show_themselves(network):
    report = gn.check_gradients(*network)
    assert "ALL RIGHT" in report._repr_html_()
    assert "Gradient check: all right" in draw(report)._repr_html_()


def test_what_cores_objects_show_is_registered_with_core(network, monkeypatch):
    E, feeds = network
    shown = (E, gn.Graph(E), gn.forward(E, feeds))
    monkeypatch.setattr(registry, "PICTURES", [lambda what: f"<p>{type(what).__name__}</p>"])
    assert [what._repr_html_() for what in shown] == ["<p>Node</p>", "<p>Graph</p>", "<p>ForwardPass</p>"]
    monkeypatch.setattr(registry, "PICTURES", [])
    assert [what._repr_html_() for what in shown] == [None] * 3


def test_notebooks_fall_back_to_text(network, monkeypatch):
    monkeypatch.setattr(drawing, "draw", lambda _: 1 / 0)
    assert network[0]._repr_html_() is None


def test_a_wide_picture_keeps_its_size_in_a_notebook(network):
    for view in ("ops", "units"):
        svg = draw(gn.backward(*network), view=view)._repr_html_()
        tag = svg[svg.index("<svg") : svg.index(">", svg.index("<svg"))]
        assert re.search(r'width="\d+(\.\d+)?(pt)?"', tag)
        assert "max-width" not in svg


def test_the_title_of_a_report_is_its_outcome(network):
    @gn.op
    def my_tanh(z):
        return np.tanh(z)

    @my_tanh.backward
    def my_tanh_backward(delta, a, z):
        return delta * (1 - z * z)

    w = gn.parameter("w", [0.5, -0.3])
    wrong = gn.check_gradients(gn.sum(my_tanh(w, name="a")), {})
    assert draw(wrong).picture.title == "Gradient check: wrong rule of my_tanh at a"
    assert draw(gn.check_gradients(*network)).picture.title.startswith("Gradient check: all right, ")


def test_show_chooses_what_is_on_the_picture(network):
    E, feeds = network
    bwd = gn.backward(E, feeds)
    everything = draw(bwd, show=["shapes", "values", "error signals", "gradients", "messages", "formulas"]).picture
    usual = draw(bwd).picture
    formulas = {box.title: box.formulas for box in everything.boxes}
    assert formulas["a1"] == ("to z1: δ ⊙ (1 − a1 ⊙ a1)",)
    assert formulas["z1"] == ("to matmul_1: δ", "to b1: Σ_samples δ")
    assert formulas["matmul_1"] == ("to x: δ W1ᵀ", "to W1: xᵀ δ")
    assert formulas["E"] == ("to a2: δ (a2 − t)", "to t: −δ (a2 − t)")
    assert not any(box.formulas for box in usual.boxes)
    values = draw(bwd, show="values").picture
    assert [field.role for box in values.boxes for field in box.fields] == ["value"] * 13
    assert all(edge.role == "value" for edge in values.edges)
    assert not any("shape" in line for box in values.boxes for line in box.lines)
    signals = draw(bwd, show=["error signals"]).picture
    assert not any(field.role == "value" for box in signals.boxes for field in box.fields)
    assert {field.role for box in signals.boxes for field in box.fields} == {"error signal", "unused signal"}
    gradients = draw(bwd, show=["gradients", "messages"]).picture
    assert [box.title for box in gradients.boxes if box.fields] == ["W1", "b1", "W2", "b2"]
    assert [edge.role for edge in gradients.edges].count("gradient") == 4
    messages = draw(bwd, show=["messages"]).picture
    assert [edge.role for edge in messages.edges].count("value") == 12
    assert len(messages.edges) == 20
    assert not any(box.fields for box in messages.boxes)
    assert {box.title: box.lines for box in draw(bwd, show=[]).picture.boxes}["a1"] == ("tanh(z1)",)


def test_what_can_not_be_shown_is_refused(network):
    E, feeds = network
    for what, show, message in [
        (E, ["colours"], "can't show 'colours'"),
        (E, 3, "can't show 3"),
        (E, "values", "no values in this Graph"),
        (gn.forward(E, feeds), ["error signals"], "no error signals in this ForwardPass"),
        (gn.forward(E, feeds), {"messages"}, "no messages in this ForwardPass"),
    ]:
        with pytest.raises(DrawError, match=message):
            draw(what, show=show)


def test_formulas_of_rules_that_are_none():
    @gn.op
    def opaque(z):
        return z

    @opaque.backward
    def opaque_backward(delta, a, z):
        return delta * float(np.asarray(z).sum())

    x = gn.input("x", (2,))
    boxes = draw(gn.sum(opaque(x, name="y"), name="E"), show=["formulas"]).picture.boxes
    assert [box.formulas for box in boxes] == [(), ("to x: opaque′(δ, y, x)",), ("to y: δ 𝟏",)]


def test_a_rule_that_returns_the_wrong_shape_has_no_formula():
    @gn.op
    def summed(z):
        return z * 1

    @summed.backward
    def summed_backward(delta, a, z):
        return delta.sum()

    boxes = draw(summed(gn.input("x", (2,)), name="y"), show=["formulas"]).picture.boxes
    assert boxes[1].formulas == ("its rule is no formula",)


def test_a_formula_holds_whatever_the_way_back_starts_with():
    w = gn.parameter("w", 3.0)
    bwd = gn.backward(gn.square(w, name="y"), {}, delta=2.0)
    boxes = draw(bwd, show=["formulas"]).picture.boxes
    assert boxes[-1].formulas == ("to w: 2 δ · w",)  # not 2 w: here ∂E/∂y is 2


def test_slices_are_written_as_slices():
    x = gn.input("x", (5, 4))
    picture = draw(x[1:3, ::-1]).picture
    assert picture.boxes[1].lines == ("x[1:3, ::−1]", "shape (2, 4)")


def test_flat_entries_are_counted_with_mark_and_word():
    w = gn.parameter("w", [0.5, -8.0, 9.0, 0.0])
    bwd = gn.backward(gn.sum(gn.tanh(w, name="a") * gn.relu(w, name="r"), name="E"), {})
    said = {
        box.title: [field.caption for field in box.fields if field.state == "saturated"]
        for box in draw(bwd).picture.boxes
    }
    assert said["a"] == ["2 of 4 saturated: slope below 5 % of its largest"]
    assert said["r"] == ["2 of 4 off: slope exactly 0"]
    assert said["E"] == []
    svg = draw(bwd).to_svg()
    assert "▬ 2 of 4 saturated: slope below 5 % of its largest" in svg


def test_values_above_their_scale_are_said_to_be():
    w = gn.parameter("w", [1.0, 2.0])
    assert draw(gn.backward(gn.multiply(100.0, gn.sum(w), name="E"), {})).picture.legend[0].high == "3 and above"
    assert draw(gn.backward(gn.multiply(0.1, gn.sum(w), name="E"), {})).picture.legend[0].high == "3"


def test_importing_draw_imports_nothing_heavy():
    code = "import sys, graphnet.draw; print(*{'networkx', 'graphviz', 'pygraphviz', 'matplotlib'} & set(sys.modules))"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, text=True)
    assert run.stdout.strip() == ""


def test_a_heat_map_of_equal_numbers_has_one_colour_where_it_is_stretched():
    x = gn.input("x", (None, 10))
    dot = draw(gn.backward(gn.sum(x * x, name="E"), {x: np.ones((8, 10))})).to_dot()
    tiles = re.findall(r'<td[^>]*width="6" height="6"[^>]*>', dot)
    assert tiles
    assert not any("fixedsize" in tile for tile in tiles)


def test_a_view_larger_than_any_memory_is_shown_in_every_way():
    w = gn.parameter("w", [[2.0]])
    fwd = gn.forward(gn.broadcast_to(w, (10**7, 10**7), name="b"), {})
    assert "norm 2e+07, 2 to 2" in repr(fwd)
    drawing = gn.draw(fwd)
    assert "norm 2e+07, 2 … 2" in drawing.to_text()
    assert "<svg" in drawing.to_svg()
    assert '"norm": "2e+07"' in drawing.to_html() or '"norm":"2e+07"' in drawing.to_html()
