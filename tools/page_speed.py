"""Measure the live page in Chromium, in processor time: an edit of a 784-32-10 network, and a step of training of 2-16-16-1.

python tools/page_speed.py [--edits 30] [--steps 150]
"""

from __future__ import annotations

import argparse
import itertools
import shutil
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from playwright.sync_api import Page, sync_playwright

import graphnet as gn

EDITS = """async (number, count) => {
  for (let i = 0; i < count; i++) {
    number.value = String(i / 2);
    number.dispatchEvent(new Event("input"));
    await new Promise(requestAnimationFrame);
  }
}"""


def network(sizes: list[int], samples: int) -> gn.Drawing:
    """Return the drawing of a backward pass through layers of these sizes."""
    rng = np.random.default_rng(0)
    x, t = gn.input("x", (None, sizes[0])), gn.input("t", (None, sizes[-1]))
    a: Any = x
    for i, (n, k) in enumerate(itertools.pairwise(sizes)):
        W, b = gn.parameter(f"W{i}", rng.normal(size=(n, k)) / np.sqrt(n)), gn.parameter(f"b{i}", np.zeros(k))
        a = gn.tanh(a @ W + b)
    feeds = {x: rng.normal(size=(samples, sizes[0])), t: rng.choice([-1.0, 1.0], (samples, sizes[-1]))}
    return gn.draw(gn.backward(gn.mse(a, t, name="E"), feeds))


def meter(page: Page) -> Callable[[], float]:
    """Return a function that tells the seconds of processor time a page has taken since."""
    session = page.context.new_cdp_session(page)
    session.send("Performance.enable", {"timeDomain": "threadTicks"})

    def total() -> float:
        metrics = {one["name"]: one["value"] for one in session.send("Performance.getMetrics")["metrics"]}
        return float(metrics["TaskDuration"])

    start = total()
    return lambda: total() - start


def main() -> int:
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--edits", type=int, default=30, help="how many numbers are put in")
    arguments.add_argument("--steps", type=int, default=150, help="for how many steps it trains, at least")
    chosen = arguments.parse_args()
    folder = Path(tempfile.mkdtemp())
    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 1440, "height": 900}, reduced_motion="reduce")
        page.goto(network([784, 32, 10], 16).save(folder / "edit.html").as_uri())
        page.get_by_role("button", name="Both", exact=True).click()
        page.keyboard.press("4")
        page.locator(".card", has=page.locator(".title", has_text="W0")).first.locator(".title").click()
        page.get_by_role("button", name="Change a number").click()
        spent = meter(page)
        page.locator("#number").evaluate(EDITS, chosen.edits)
        print(f"an edit of 784-32-10: {1e3 * spent() / chosen.edits:.0f} ms")
        page.goto(network([2, 16, 16, 1], 100).save(folder / "train.html").as_uri())
        page.keyboard.press("t")
        page.get_by_label("Speed of training").select_option("as fast as it goes")
        spent, steps, button = meter(page), 0, page.locator("#lab .main")
        button.dispatch_event("click")
        while steps < chosen.steps:
            page.wait_for_timeout(20)
            steps = int((page.locator("#trained").text_content() or "0").split()[0].replace(",", ""))
        print(f"training of 2-16-16-1 on 100 samples: {steps / spent():.0f} steps a second")
        browser.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
