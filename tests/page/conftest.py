"""A browser, pages opened in it, and what they did."""

import os
import shutil

import numpy as np
import pytest

import graphnet as gn

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)


@pytest.fixture(scope="module")  # not longer: while it runs, no other test can start an event loop
def browser():
    if CHROMIUM is None:
        why = "no Chromium on the PATH: install Debian's package chromium to run the tests of pages in a browser"
        if os.environ.get("CI") == "true":
            pytest.fail(why)
        pytest.skip(why)
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def open_page(browser, tmp_path_factory):
    """Return a function that saves a drawing and opens it; at the end nothing may have gone wrong in any page.

    It shows all samples, and of a row of layers both views, unless it is to be left `as_opened`.
    """
    contexts, complaints = [], []
    folder = tmp_path_factory.mktemp("pages")

    def open_page(drawing, *, size=(1440, 900), script=None, as_opened=False, **options):
        path = drawing.save(folder / f"page{len(contexts)}.html")
        context = browser.new_context(viewport={"width": size[0], "height": size[1]}, **options)
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(120_000)  # a loaded machine is slow
        page.on("console", lambda message: complaints.append(f"console: {message.text}"))
        page.on("pageerror", lambda error: complaints.append(f"error: {error}"))
        page.on("dialog", lambda dialog: (complaints.append(f"dialog: {dialog.message}"), dialog.dismiss()))
        page.on("request", lambda request: request.url == path.as_uri() or complaints.append(f"request: {request.url}"))
        if script:
            page.add_init_script(script)
        page.goto(path.as_uri())
        if not as_opened:
            if page.locator("#sample").count():
                page.get_by_label("Samples").select_option("")
            if page.locator("#views").is_visible():
                page.get_by_role("button", name="Both", exact=True).click()
            page.evaluate("document.activeElement.blur()")
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert complaints == []


@pytest.fixture(scope="module")
def run():
    """Return the backward pass of the 2-3-1 network."""
    return gn.backward(*two_three_one())


@pytest.fixture(scope="module")
def opened(open_page, run):
    return open_page(gn.draw(run))


@pytest.fixture
def page(opened):
    """Return the page of `run`, at its first step, with the focus nowhere."""
    opened.evaluate("document.activeElement.blur()")
    opened.keyboard.press("Home")
    return opened


@pytest.fixture
def network():
    return two_three_one()


def result(run, step, node, rate=0.1):
    """Return what a step of a pass makes known of a node."""
    if step.shows == "update":
        return run.values[node] - rate * run.error_signals[node]
    return {"value": run.values, "signal": run.error_signals}[step.shows][node]


def two_three_one():
    """Return E of a 2-3-1 network, all of whose parameters are random, and the feeds of three samples."""
    rng = np.random.default_rng(7)
    x, t = gn.input("x", shape=(None, 2)), gn.input("t", shape=(None, 1))
    W1, b1 = gn.parameter("W1", rng.normal(size=(2, 3))), gn.parameter("b1", rng.normal(size=3))
    W2, b2 = gn.parameter("W2", rng.normal(size=(3, 1))), gn.parameter("b2", rng.normal(size=1))
    a1 = gn.tanh(gn.bias_add(gn.matmul(x, W1, name="p1"), b1, name="z1"), name="a1")
    a2 = gn.sigmoid(gn.bias_add(gn.matmul(a1, W2, name="p2"), b2, name="z2"), name="a2")
    return gn.sse(a2, t, name="E"), {x: rng.normal(size=(3, 2)), t: rng.normal(size=(3, 1))}
