"""The page as a widget: numbers go to it from Python, and come back. The browser's side runs as a notebook would run it."""

import html
import re
import sys

import numpy as np
import pytest

import graphnet as gn
from graphnet.draw import widget as module
from graphnet.errors import DrawError, TrainingError
from tests.page.conftest import two_three_one
from tests.page.test_live import cell, held

MODEL = """async ([source, numbers]) => {
  const { default: widget } = await import(URL.createObjectURL(new Blob([source], { type: "text/javascript" })));
  const listeners = {};
  window.model = {
    ...numbers,
    get: (name) => model[name],
    set(name, value) { model[name] = value; listeners[`change:${name}`]?.(); },
    save_changes() { model.saved = (model.saved ?? 0) + 1; },
    on: (event, listener) => (listeners[event] = listener),
    off: (event) => delete listeners[event],
  };
  const view = (bytes) => new DataView(Uint8Array.from(bytes).buffer);
  model.leaves = view(model.leaves);
  window.turnTo = (bytes) => model.set("leaves", view(bytes));
  window.close = widget.render({ model, el: document.body });
}"""
"""What anywidget gives a widget, as far as ours uses it."""


@pytest.fixture
def made():
    return two_three_one()


@pytest.fixture
def widget(made):
    return gn.draw(gn.backward(*made)).widget()


@pytest.fixture
def notebook(browser, widget):
    page = browser.new_page(viewport={"width": 750, "height": 500})
    page.set_default_timeout(60_000)
    numbers = {"page": widget.page, "leaves": list(widget.leaves), "_height": module.HEIGHT}
    page.evaluate(MODEL, [module.Widget._esm, numbers])
    yield page
    page.close()


def frame(notebook):
    """Return the framed page once it has drawn itself, with all its numbers on show."""
    page = notebook.frames[-1]
    page.wait_for_selector("#legend .key", state="attached")
    page.get_by_label("Samples").select_option("")
    page.get_by_role("button", name="Ops", exact=True).click()
    page.evaluate("document.activeElement.blur()")
    page.locator("body").press("4")
    return page


def test_what_python_sends_is_shown(notebook, widget, made):
    page = frame(notebook)
    E, feeds = made
    gn.fit(E, feeds, optimizer=gn.GradientDescent(0.5), epochs=3)
    widget.update()
    notebook.evaluate("(bytes) => turnTo(bytes)", list(widget.leaves))
    page.locator("h1", has_text=_error(widget.run)).wait_for()
    held(page, gn.backward(E, feeds))
    assert notebook.evaluate("model.saved") is None  # what it was told it does not tell again


def _error(run):
    return gn.draw(run).picture.title.split(" = ")[1]


def test_what_is_edited_on_the_page_comes_back(notebook, widget):
    page = frame(notebook)
    cell(page, "b2", (0,)).click()
    page.get_by_label("b2[0]", exact=True).fill("0.75")
    notebook.wait_for_function("() => model.saved > 0")
    widget.leaves = bytes(notebook.evaluate("[...new Uint8Array(model.leaves.buffer)]"))
    assert widget.parameters["b2"].tolist() == [0.75]
    before = widget.run.graph["W1"].value
    assert widget.parameters["W1"].tobytes() == before.tobytes()


def test_a_message_from_elsewhere_is_not_heard(notebook, widget):
    frame(notebook)
    notebook.evaluate("window.postMessage({ graphnet: new ArrayBuffer(8) }, '*')")
    notebook.evaluate("new Promise(requestAnimationFrame)")
    assert notebook.evaluate("model.saved") is None


def test_parameters_keep_their_names_shapes_and_dtypes():
    w, v = (gn.parameter(name, np.arange(size, dtype=np.float32)) for name, size in (("w", 3), ("v", 2)))
    x = gn.input("x", shape=(2,))
    run = gn.backward(gn.sum(gn.tanh(w)) * gn.sum(v * x), {x: np.ones(2, np.float32)})
    found = gn.draw(run).widget().parameters
    assert {name: (array.tolist(), array.dtype) for name, array in found.items()} == {
        "w": ([0, 1, 2], np.float32),
        "v": ([0, 1], np.float32),
    }


def test_a_training_is_watched(widget, made):
    E, feeds = made
    seen = []

    class Counted:
        def update(self):
            widget.update()
            seen.append(widget.parameters["b2"].item())

    page = widget.page
    gn.fit(E, feeds, optimizer=gn.GradientDescent(0.5), epochs=5, callbacks=[gn.Watch(Counted(), every=2)])
    assert len(set(seen)) == 2
    assert widget.page == page  # only numbers went
    assert gn.Graph(E)["b2"].value != seen[-1]
    widget.update()
    assert widget.parameters["b2"] == gn.Graph(E)["b2"].value
    assert widget.run[E] == gn.forward(E, feeds)[E]


def test_another_network_or_other_sizes_or_what_is_set_by_hand_is_another_page(widget, made):
    E, feeds = made
    page = widget.page
    fewer = gn.backward(E, {node: array[:2] for node, array in feeds.items()})
    widget.update(fewer)
    assert widget.page != page
    page = widget.page
    widget.update(
        gn.backward(E, feeds, replace={gn.Graph(E)["a1"]: np.zeros((3, 3))[: len(next(iter(feeds.values())))]})
    )
    assert widget.page != page


def test_another_start_of_the_error_signals_is_another_page(widget, made):
    E, feeds = made
    for options in ({"delta": 2.0}, {"replace_error_signal": {gn.Graph(E)["a1"]: np.zeros((3, 3))}}):
        page = widget.page
        widget.update(gn.backward(E, feeds, **options))
        assert widget.page != page, options


def test_a_page_that_is_only_recorded_is_made_anew():
    @gn.op
    def doubled(z):
        out = np.empty_like(z)
        out[...] = 2 * z  # which no graph can be made of
        return out

    @doubled.backward
    def doubled_backward(delta, a, z):
        return 2 * np.array(delta.tolist())

    w = gn.parameter("w", [1.0])
    E = gn.sum(doubled(w), name="E")
    widget = gn.draw(gn.backward(E, {})).widget()
    w.value = [4.0]
    widget.update()
    assert "E = 8" in widget.page


def test_without_anywidget_it_is_a_frame(monkeypatch, made):
    monkeypatch.setitem(sys.modules, "anywidget", None)
    assert module._widget() is None
    monkeypatch.setattr(module, "Widget", None)
    frame = gn.draw(gn.backward(*made)).widget()
    shown = re.search(r'<iframe sandbox="allow-scripts" srcdoc="(.*?)"', frame._repr_html_(), re.DOTALL)[1]
    assert html.unescape(shown) == gn.draw(gn.backward(*made)).to_html()


def test_only_a_backward_pass_becomes_a_widget(made, refused):
    E, feeds = made
    for what in (E, gn.forward(E, feeds), [gn.backward(E, feeds)] * 2):
        with refused(DrawError, "only a backward pass"):
            gn.draw(what).widget()
    with refused(DrawError, "can't show", "gn.backward(E, feeds)"):
        gn.draw(gn.backward(E, feeds)).widget().update(3)
    with refused(TrainingError, "no widget"):
        gn.Watch(gn.draw(E))
    with refused(TrainingError, "every"):
        gn.Watch(gn.draw(gn.backward(E, feeds)).widget(), every=0)


def test_what_a_notebook_sends_is_a_view_of_memory_and_what_it_shows_without_widgets_a_picture(widget):
    numbers = np.frombuffer(widget.leaves).copy()
    numbers[-1] = 0.75
    widget.set_state({"leaves": memoryview(numbers.tobytes())})  # as the messages of Jupyter bring it
    assert widget.leaves == numbers.tobytes()
    data, _ = widget._repr_mimebundle_()
    assert {"application/vnd.jupyter.widget-view+json", "image/svg+xml"} <= data.keys()
    units = gn.draw(widget.run, view="units").widget()
    units.update(gn.backward(units.run.graph, {node: units.run[node][:2] for node in units.run.graph.inputs}))
    assert "<svg" in units._repr_mimebundle_()[0]["image/svg+xml"]
