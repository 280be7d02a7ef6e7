"""Files, notebooks and errors."""

import re
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from itertools import pairwise

import numpy as np
import pytest

import graphnet as gn
from graphnet.common import replace
from graphnet.core import registry
from graphnet.draw import Drawing, colours, draw, drawing, shapes
from graphnet.draw.picture import Mark
from graphnet.draw.placing import place
from graphnet.draw.shapes import text_width
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


@pytest.fixture
def no_graphviz(monkeypatch):
    """Hide both ways to Graphviz."""
    monkeypatch.setattr(shapes.shutil, "which", lambda _: None)
    monkeypatch.setitem(sys.modules, "pygraphviz", None)


@pytest.mark.parametrize("view", ["ops", "units"])
def test_without_graphviz_all_but_bitmaps_and_pdf_is_there(network, no_graphviz, tmp_path, view):
    drawing = draw(gn.backward(*network), view=view)
    for suffix in (".svg", ".txt", ".mmd", ".dot", ".html"):
        assert drawing.save(tmp_path / f"net{suffix}").stat().st_size > 100
    for suffix in (".png", ".pdf"):
        with pytest.raises(DrawError, match="pip install") as caught:
            drawing.save(tmp_path / f"net{suffix}")
        assert "dot" in str(caught.value)
        assert "pygraphviz" in str(caught.value)
        assert not (tmp_path / f"net{suffix}").exists()


@pytest.mark.parametrize("direction", ["right", "down"])
def test_boxes_lie_apart_in_their_frames_and_in_the_order_of_values(direction):
    with gn.scope("net"):
        h = x = gn.input("x", (None, 3))
        for i in range(4):
            with gn.scope(f"block{i}"):
                h = h + gn.tanh(h @ gn.parameter("W", np.eye(3)) + gn.parameter("b", np.zeros(3)))
    picture = draw(gn.backward(gn.sum(h * h, name="E"), {x: np.ones((2, 3))}), depth="all", direction=direction).picture
    sizes = {box.id: (60.0 + 3 * i, 40.0 + 5 * i) for i, box in enumerate(picture.boxes)}
    places = place(picture, sizes, picture.edges)
    assert {id: box[2:] for id, box in places.boxes.items()} == sizes
    rectangles = list(places.boxes.values())
    for i, first in enumerate(rectangles):
        assert not any(overlap(first, second) for second in rectangles[:i])
    around = {frame.id: frame.parent for frame in picture.groups}
    for box in picture.boxes:
        group = box.group
        for frame, (rectangle,) in places.frames.items():
            inside = group
            while inside not in (None, frame):
                inside = around[inside]
            assert overlap(places.boxes[box.id], rectangle) == (inside == frame)
    axis = ("right", "down").index(direction)
    for edge, path in zip(picture.edges, places.paths, strict=True):
        source, target = (edge.source, edge.target) if edge.role == "value" else (edge.target, edge.source)
        assert places.boxes[source][axis] + places.boxes[source][axis + 2] < places.boxes[target][axis]
        for end, id in ((path[0], source), (path[-1], target)):
            x, y, w, h = places.boxes[id]
            assert x - 1 <= end[0] <= x + w + 1
            assert y - 1 <= end[1] <= y + h + 1


def test_the_way_from_input_to_output_is_straight_and_arrows_go_around_boxes():
    rng = np.random.default_rng(0)
    h = gn.input("x", (None, 6))
    for i in range(3):
        with gn.scope(f"block{i}"):
            inner = gn.relu(h @ gn.parameter("W", rng.normal(size=(6, 6))) + gn.parameter("b", np.zeros(6)), name="r")
            h = gn.add(h, inner @ gn.parameter("V", rng.normal(size=(6, 6))), name="sum")
    picture = draw(gn.Graph(gn.sum(h, name="E")), depth="all").picture
    places = place(picture, {box.id: (110.0, 60.0 + 7 * (i % 5)) for i, box in enumerate(picture.boxes)}, picture.edges)
    middles = [
        places.boxes[box.id][1] + places.boxes[box.id][3] / 2 for box in picture.boxes if box.kind != "parameter"
    ]
    assert np.ptp(middles) < 2  # of x, all ops of all blocks, and E
    for edge, path in zip(picture.edges, places.paths, strict=True):
        for id, (x, y, w, h) in places.boxes.items():
            if id not in (edge.source, edge.target):
                assert not any(x < px < x + w and y < py < y + h for px, py in points_of(path))


def test_an_arrow_past_many_boxes_keeps_its_height():
    x, beside = gn.input("x", (None, 3)), gn.input("beside", (None, 3))
    h = x
    for _ in range(6):
        h = gn.tanh(h)
    picture = draw(gn.Graph(gn.add(h, gn.exp(beside, name="short"), name="E"))).picture
    places = place(picture, {box.id: (90.0, 50.0 + 17 * (i % 3)) for i, box in enumerate(picture.boxes)}, picture.edges)
    title = {box.id: box.title for box in picture.boxes}
    (path,) = [path for edge, path in zip(picture.edges, places.paths, strict=True) if title[edge.source] == "short"]
    assert len(path) > 3 * 6
    assert np.ptp([y for _, y in path[3:-3]]) < 2  # but for how it leaves, and how it arrives


def points_of(path):
    """Points along a path."""
    for k in range(0, len(path) - 1, 3):
        a, b, c, d = np.array(path[k : k + 4])
        for t in np.linspace(0, 1, 21):
            yield (1 - t) ** 3 * a + 3 * (1 - t) ** 2 * t * b + 3 * (1 - t) * t**2 * c + t**3 * d


def overlap(first, second):
    """Whether two rectangles have a point in common."""
    return all(first[k] < second[k] + second[k + 2] and second[k] < first[k] + first[k + 2] for k in (0, 1))


def test_a_long_picture_is_wrapped_into_rows():
    y = x = gn.input("x", (None, 3))
    for op in (gn.tanh, gn.exp, gn.sigmoid, gn.square, gn.tanh, gn.softplus) * 2:
        y = op(y)
    picture = draw(gn.backward(gn.sum(y, name="E"), {x: np.full((2, 3), 0.1)})).picture
    sizes = dict.fromkeys((box.id for box in picture.boxes), (200.0, 100.0))
    places = place(picture, sizes, picture.edges, widest=1400)
    assert places.width < 1400 + 60
    rows = {}
    for box in picture.boxes:  # along the chain
        x, y, _, _ = places.boxes[box.id]
        rows.setdefault(round(y / 20), []).append(x)
    assert len(rows) == 3
    assert list(rows) == sorted(rows)
    assert all(row == sorted(row) for row in rows.values())
    for edge, path in zip(picture.edges, places.paths, strict=True):
        assert all(-1 <= x <= places.width + 1 and -1 <= y <= places.height + 1 for x, y in path)
        source, target = (edge.source, edge.target) if edge.role == "value" else (edge.target, edge.source)
        assert path[0][0] == pytest.approx(places.boxes[source][0] + 200, abs=2)
        assert path[-1][0] == pytest.approx(places.boxes[target][0], abs=2)
    assert place(picture, sizes, picture.edges).width > 2500


def rows_of(drawing):
    """Return the boxes of each row of the picture, by the names that they have."""
    picture = drawing.picture
    sizes = {box.id: (150, 100) for box in picture.boxes}
    placed = place(picture, sizes, picture.edges, widest=1400)
    assert placed.width <= 1400 + 500  # and what goes around the rows
    return placed


@pytest.mark.parametrize("reach", [10, 30, 60])
def test_an_irregular_graph_of_many_arrows_is_wrapped_to_a_useful_width(reach):
    rng = np.random.default_rng(reach)
    nodes = [gn.parameter(f"p{i}", np.ones(2)) for i in range(4)]
    for i in range(60):
        one, other = (nodes[k] for k in rng.integers(max(0, len(nodes) - reach), len(nodes), size=2))
        nodes.append(gn.add(one, other, name=f"r{i}"))
    drawing = draw(gn.backward(gn.sum(sum(nodes[-9:-1], nodes[-1])), {}))
    placed = rows_of(drawing)
    flat = place(drawing.picture, {box.id: (150, 100) for box in drawing.picture.boxes}, drawing.picture.edges)
    assert flat.width > max(1400, placed.width)
    assert all(0 <= x <= placed.width and 0 <= y <= placed.height for path in placed.paths for x, y in path)


@pytest.mark.parametrize("columns", range(6, 20))
def test_no_box_stands_alone_in_a_row(columns):
    z = gn.input("x", (2,))
    for _ in range(columns):
        z = gn.tanh(z)
    drawing = draw(z, depth="all")
    tops = [y for _, y, _, _ in rows_of(drawing).boxes.values()]
    assert min(tops.count(top) for top in tops) > 1


def test_a_long_title_is_wrapped():
    names = [f"a_rather_long_name_{i}" for i in range(6)]
    x = gn.input("x", (2,))
    drawing = draw([gn.tanh(x, name=name) for name in names])
    width = float(re.search(r' width="([\d.]+)"', drawing.to_svg())[1])
    assert all(name in drawing.picture.title for name in names[:2])
    assert width < 800


def test_arrows_that_go_on_in_the_next_row_do_not_cross_on_the_way():
    picture = draw(gn.backward(gn.sum(chain_of_two(), name="E"), {"x": np.full((2, 3), 0.1)}), depth="all").picture
    sizes = dict.fromkeys((box.id for box in picture.boxes), (200.0, 100.0))
    places = place(picture, sizes, picture.edges, widest=900)
    tracks = sorted(
        (round(y), sorted((left, right)))
        for path in places.paths
        for (left, y), (right, other) in pairwise(path[::3])
        if abs(y - other) < 1e-6 and abs(left - right) > 400
    )
    assert len(tracks) > 8
    for (y, (left, right)), (below, (other_left, other_right)) in pairwise(tracks):
        assert below - y >= 7 or other_left > right or left > other_right or below == y


def chain_of_two():
    """Return a network in which two ways run side by side."""
    first = second = gn.input("x", (None, 3))
    for _ in range(6):
        first, second = gn.tanh(first + second), gn.sigmoid(first * second)
    return first * second


def test_dot_on_the_path_comes_first(network, monkeypatch, tmp_path):
    import graphviz

    asked, pipe = [], graphviz.pipe
    monkeypatch.setattr(shapes.shutil, "which", lambda _: "/usr/bin/dot")
    monkeypatch.setattr(graphviz, "pipe", lambda *given, **more: asked.append(given) or pipe(*given, **more))
    drawing = draw(network[0])
    drawing.to_svg()
    assert not asked
    drawing.save(tmp_path / "net.png")
    assert [given[:2] for given in asked] == [("neato", "png")]  # which leaves everything where it is


def test_a_broken_dot_falls_back_to_pygraphviz(network, monkeypatch, tmp_path):
    import graphviz

    monkeypatch.setattr(shapes.shutil, "which", lambda _: "/usr/bin/dot")
    monkeypatch.setattr(graphviz, "pipe", lambda *_, **__: 1 / 0)
    assert draw(network[0]).save(tmp_path / "net.png").read_bytes().startswith(b"\x89PNG")


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
    steps = (*np.linspace(-1, 1, 21), None)
    cells = [colours.cell(role, strength) for role in colours.ROLE_INK for strength in steps]
    for fill in fills:
        assert contrast(colours.INK, fill) > 7
    for fill in cells:
        assert contrast(colours.INK, fill) > 4.5
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


# How linear RGB looks to people without one kind of cones: Machado, Oliveira and Fernandes (2009), severity 1.
BLIND = {
    "protanopia": [(0.152286, 1.052583, -0.204868), (0.114503, 0.786281, 0.099216), (-0.003882, -0.048116, 1.051998)],
    "deuteranopia": [(0.367322, 0.860646, -0.227968), (0.280085, 0.672501, 0.047413), (-0.011820, 0.042940, 0.968881)],
    "tritanopia": [(1.255528, -0.076749, -0.178779), (-0.078411, 0.930809, 0.147602), (0.004733, 0.691367, 0.303900)],
}


@pytest.mark.parametrize("kind", [None, *BLIND])
def test_signs_and_zero_differ_in_colour_to_every_reader_and_in_grey(kind):
    """By CIE 1976: a difference of 20 is seen at a glance, of 5 in lightness when two greys lie side by side."""
    matrix = np.eye(3) if kind is None else np.array(BLIND[kind])
    for role in colours.ROLE_INK:
        for strength in (0.5, 1.0):
            below, above = (lab(colours.cell(role, sign * strength), matrix) for sign in (-1, 1))
            zero = lab(colours.cell(role, 0.0), matrix)
            least = 10 if role == "unused signal" else 15
            assert np.linalg.norm(below - above) > least * strength / 0.75
            assert np.linalg.norm(below - zero) > least
            assert above[0] - below[0] > 5 * strength / 0.75  # what is negative is darker


def lab(colour, matrix):
    """Return a colour in CIELAB as it looks through a matrix."""
    channels = np.array([c / 255 for c in bytes.fromhex(colour[1:])])
    linear = np.where(channels <= 0.04045, channels / 12.92, ((channels + 0.055) / 1.055) ** 2.4)
    seen = np.clip(matrix @ linear, 0, 1)
    xyz = np.array([(0.4124, 0.3576, 0.1805), (0.2126, 0.7152, 0.0722), (0.0193, 0.1192, 0.9505)]) @ seen
    f = [t ** (1 / 3) if t > 0.008856 else 7.787 * t + 16 / 116 for t in xyz / np.array([0.9505, 1, 1.089])]
    return np.array([116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])])


def test_a_negative_tile_has_a_dash_and_a_negative_weight_is_dashed():
    x = gn.input("x", (None, 30))
    marked = [draw(gn.forward(gn.tanh(x), {x: sign * np.ones((8, 30))}), show="values").to_svg() for sign in (1, -1)]
    dashes = [svg.count(f'stroke="{colours.INK}" stroke-width="0.9"') for svg in marked]
    assert dashes[1] - dashes[0] == 2 * 6 * 16  # the tiles of x and of tanh; the legend has its own
    w = gn.parameter("w", [[1.0, -1.0]])
    svg = draw(gn.tanh(gn.input("x", (None, 1)) @ w), view="units").to_svg()
    legend = svg[: svg.index('class="legend"')]
    assert legend.count("stroke-dasharray") == 1


def test_text_in_boxes_keeps_its_width_in_any_typeface(network):
    bwd = gn.backward(*network)
    for view in ("ops", "units"):
        root = ElementTree.fromstring(draw(bwd, view=view).to_svg())
        texts = [text for text in root.iter("{http://www.w3.org/2000/svg}text") if text.get("textLength")]
        assert {text.get("lengthAdjust") for text in texts} == {"spacingAndGlyphs"}
        assert len(texts) > 20
    numbers = {text for text in draw(bwd).to_svg().split("<text ")[1:] if 'font-size="12"' in text}
    assert all("textLength" in text for text in numbers)


@pytest.mark.parametrize(
    "text", ["−0.1234", "error signal ∂E/∂W1", "shape (784, 32)", "bias_add(matmul_1, b1)", "W_hidden"]
)
def test_widths_of_text_are_those_of_the_typeface(text):
    """Measured with Liberation Sans, which has the widths of Helvetica and of Arial."""
    fonts = pytest.importorskip("matplotlib.font_manager")
    found = [font.fname for font in fonts.fontManager.ttflist if font.name in ("Liberation Sans", "Arial", "Helvetica")]
    regular = [name for name in found if "Bold" not in name and "Italic" not in name]
    if not regular:
        pytest.skip("no such typeface here")
    from matplotlib.textpath import TextPath

    path = TextPath((0, 0), text + "x", size=100, prop=fonts.FontProperties(fname=regular[0]))
    last = TextPath((0, 0), "x", size=100, prop=fonts.FontProperties(fname=regular[0]))
    width = path.get_extents().x1 - last.get_extents().x1
    assert 100 * text_width(text) == pytest.approx(width, rel=0.03)


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


def test_a_picture_shrinks_with_its_container_as_far_as_it_can_be_read(network):
    for view in ("ops", "units"):
        svg = draw(gn.backward(*network), view=view)._repr_html_()
        tag = svg[svg.index("<svg") : svg.index(">", svg.index("<svg"))]
        width, height = (float(re.search(rf' {side}="([\d.]+)"', tag)[1]) for side in ("width", "height"))
        assert f'viewBox="0 0 {width:g} {height:g}"' in tag
        least = int(re.search(r"max-width:max\(100%,(\d+)px\);height:auto", tag)[1])
        assert least == pytest.approx(0.6 * width, abs=1)


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
    texts = [draw(gn.backward(gn.multiply(by, gn.sum(w), name="E"), {})).picture.legend[0].text for by in (100.0, 0.1)]
    assert texts == ["value, flowing forward; outputs may lie beyond 3", "value, flowing forward"]


def test_importing_draw_imports_nothing_heavy():
    code = "import sys, graphnet.draw; print(*{'networkx', 'graphviz', 'pygraphviz', 'matplotlib'} & set(sys.modules))"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, text=True)
    assert run.stdout.strip() == ""


def test_a_heat_map_of_equal_numbers_has_one_colour():
    x = gn.input("x", (None, 10))
    picture = draw(gn.backward(gn.sum(x * x, name="E"), {x: np.ones((8, 10))})).picture
    maps = [field.thumbnail for field in picture.boxes[0].fields]
    assert [len({strength for row in tiles for strength in row}) for tiles in maps] == [1, 1]


def test_a_view_larger_than_any_memory_is_shown_in_every_way():
    w = gn.parameter("w", [[2.0]])
    fwd = gn.forward(gn.broadcast_to(w, (10**7, 10**7), name="b"), {})
    assert "norm 2e+07, 2 to 2" in repr(fwd)
    drawing = gn.draw(fwd)
    assert "norm 2e+07, 2 … 2" in drawing.to_text()
    assert "<svg" in drawing.to_svg()
    assert '"norm": "2e+07"' in drawing.to_html() or '"norm":"2e+07"' in drawing.to_html()
