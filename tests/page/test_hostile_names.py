"""Names that try to break the page. Each is shown clean; no script of theirs runs, nothing is asked for."""

import random
import sys

import numpy as np
import pytest

import graphnet as gn
from graphnet.common.text import short
from tests.draw.test_names import HOSTILE

MORE = [
    "<img src=x onerror=alert(1)>", "<svg/onload=alert(1)>", "<svg><script>alert(1)</script>", "'><img src=x>",
    "\"><img src=x onerror='alert(1)'>", "<iframe srcdoc='<script>parent.alert(1)</script>'>", "\\u003cscript\\u003e",
    "<link rel=stylesheet href=//example.org/x.css>", "<base href=//example.org>", "{{script}}", "{{data}}", "__proto__",
    "<meta http-equiv=refresh content='0;url=//example.org'>", "<style>@import '//example.org/x.css'</style>", "then",
    "<math><mi xlink:href='javascript:alert(1)'>", "<a href=javascript:alert(1)>x</a>", "'-alert(1)-'", "constructor",
    "\";alert(1);//", "${alert(1)}", "toString", "hasOwnProperty", "</style><script>alert(1)</script>", "\u2029x\u2028",
    "url(//example.org/x.png)", "expression(alert(1))", "--></script><script>alert(1)</script>",
]  # fmt: skip

GUARDS = """
window.ran = [];
for (const name of ["alert", "confirm", "prompt", "print", "open", "fetch"]) window[name] = () => window.ran.push(name);
"""

FOREIGN = "img, iframe, object, embed, a[href]:not(.skip), base, meta[http-equiv=refresh], form:not(#help form, #quiz)"

FACTS = """(foreign) => ({
  ran: window.ran,
  titles: [...document.querySelectorAll(".card .title")].map((title) => title.textContent),
  groups: [...document.querySelectorAll(".group")].map((group) => group.textContent),
  curves: document.querySelectorAll(".curve").length,
  scripts: document.scripts.length,
  foreign: document.querySelectorAll(foreign).length,
  handlers: [...document.querySelectorAll("*")].filter((e) => e.getAttributeNames().some((name) => /^on/.test(name))).length,
  panels: [...document.querySelectorAll(".card")].filter((_, i) => i % 4 === 0).map((card) => {
    card.click();
    return document.querySelector("#panel h2").firstChild.textContent;
  }),
})"""


def generated(count):
    """Return names of random characters, those with a meaning to HTML, JSON or scripts among them."""
    rng = random.Random(5)
    special = "<>&\"'\\/`{}()[]=;:#$%!?-\n\r\t\0 \u202e\u200b\ud800\udfff\u2028"
    names: dict[str, None] = {}
    while len(names) < count:
        length = rng.randint(1, 12)
        letters = (
            rng.choice(special) if rng.random() < 0.7 else chr(rng.randrange(1, sys.maxunicode)) for _ in range(length)
        )
        names["".join(letters)] = None
    return list(names)


def star(names):
    """Return the backward pass of a graph of nodes with these names, all between one input and one output."""
    x = gn.input(names[0], shape=(2,))
    middle = [gn.tanh(x, name=name) for name in names[1:-1]]
    return gn.backward(gn.sum(gn.concatenate(middle), name=names[-1]), {x: np.array([0.5, -0.5])})


LISTED = list(dict.fromkeys([*HOSTILE, *MORE]))


@pytest.mark.parametrize(
    "names", [LISTED[:110], LISTED[-110:], generated(120)], ids=["first listed", "last listed", "generated"]
)
def test_names_are_shown_clean_and_nothing_of_theirs_runs(open_page, names):
    assert len(names) >= 100
    page = open_page(gn.draw(star(names), depth="all"), script=GUARDS, reduced_motion="reduce")
    page.keyboard.press("End")
    facts = page.evaluate(FACTS, FOREIGN)
    clean = [short(name) for name in [*names[:-1], "concatenate_1", names[-1]]]
    assert facts["titles"] == clean
    assert facts["panels"] == clean[::4]
    assert facts["curves"] == 2 * (len(names) - 2) + 1
    assert (facts["ran"], facts["scripts"], facts["foreign"], facts["handlers"]) == ([], 2, 0, 0)


def test_names_of_scopes_ops_and_passes(open_page):
    evil = "</script><script>alert(1)</script>"

    def ugly(z):
        return 2 * z

    ugly.__name__ = "<img src=x onerror=alert(1)>"
    ugly = gn.op(ugly)

    @ugly.backward
    def ugly_backward(delta, a, z):
        return 2 * delta

    with gn.scope(evil.replace("/", "|")):
        w = gn.parameter("<b>w</b>", [1.0, 2.0])
        E = gn.sum(ugly(w, name="<i>a</i>"), name="<u>E</u>")
    run = gn.backward(E, {})
    page = open_page(gn.draw({evil: run, "javascript:alert(2)": run}), script=GUARDS)
    page.keyboard.press("End")
    page.keyboard.press("ArrowUp")
    facts = page.evaluate(FACTS, FOREIGN)
    assert facts["titles"] == ["<b>w</b>", "<i>a</i>", "<u>E</u>"]
    assert facts["groups"] == [short(evil.replace("/", "|"))]
    assert page.locator("h1").inner_text().startswith("javascript:alert(2): ")
    assert (facts["ran"], facts["scripts"], facts["foreign"], facts["handlers"]) == ([], 2, 0, 0)
    page.keyboard.press("2")
    assert "<img src=x onerror" in page.locator("[data-id=n1]").inner_text()
