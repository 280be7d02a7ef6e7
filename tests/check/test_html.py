"""A report as a notebook shows it: read back, it says what the report says."""

from html.parser import HTMLParser

import numpy as np
import pytest

import graphnet as gn
from graphnet.check.report import HEADER, TITLES, cells_of, property_lines

GREEN, RED, AMBER = "#0b6e4f", "#b3261e", "#8a5a00"


class Page(HTMLParser):
    """What stands in the cells of each row, in list items, headings and blocks."""

    def __init__(self, text):
        super().__init__()
        self.rows, self.items, self.headings, self.blocks, self.styles = [], [], [], [], []
        self._into = None
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        self.styles.append((tag, dict(attributes).get("style", "")))
        if tag == "tr":
            self.rows.append([])
        into = {
            "td": self.rows and self.rows[-1],
            "th": self.rows and self.rows[-1],
            "li": self.items,
            "b": self.headings,
        }
        self._into = into.get(tag, self.blocks)
        if tag != "br":
            self._into.append("")

    def handle_data(self, data):
        self._into[-1] += data


def page_of(report):
    return Page(report._repr_html_())


def checked(rule=None, repeat=1, **options):
    """Return the report on a chain of tanh units, the last one with a rule of its own."""
    z = gn.parameter("w", [0.3, -0.4])
    for _ in range(repeat):
        z = gn.tanh(z)
    if rule:
        flipped = gn.op(lambda z: np.sin(z))
        flipped.backward(rule)
        z = flipped(z, name="mine")
    return gn.check_gradients(gn.sum(z), {}, **options)


RULES = {
    "right": None,
    "wrong": lambda d, a, z: -d * np.cos(z),
    "broken property": lambda d, a, z: np.clip(d, -50, 50) * np.cos(z),
    "raises": lambda d, a, z: 1 // 0,
}


@pytest.mark.parametrize("name", RULES)
def test_a_page_says_what_the_report_says(name):
    report = checked(RULES[name])
    page = page_of(report)
    parts = {finding.part for finding in report.findings}
    assert page.headings == [*(TITLES[part] for part in TITLES if part in parts), "Properties of every right rule"]
    assert page.items == property_lines(report.properties)
    cells = [cells_of for cells_of in page.rows if len(cells_of) > 1]
    assert [tuple(r) for r in cells if r != list(HEADER)] == [tuple(cells_of(finding)) for finding in report.findings]
    assert [r for r in page.rows if len(r) == 1] == [
        [f"looks like: {finding.diagnosis}"] for finding in report.findings if finding.diagnosis
    ]
    texts = [text for text in page.blocks if text]
    assert texts == ["".join(report.verdict.splitlines()), *([report.skipped] if report.skipped else [])]


@pytest.mark.parametrize(
    ("report", "colour"),
    [
        (checked(), GREEN),
        (checked(RULES["wrong"]), RED),
        (checked(RULES["broken property"]), RED),
        (gn.check_op(gn.ops.Relu(), np.zeros(3)), AMBER),
    ],
    ids=["right", "wrong", "property", "kinks only"],
)
def test_the_colour_of_the_verdict(report, colour):
    page = page_of(report)
    (edge,) = [style for _, style in page.styles if "border-left" in style]
    assert colour in edge
    inks = {style.rsplit("color:", 1)[1] for tag, style in page.styles if tag == "td" and "bold" in style}
    expected = {"right": GREEN, "wrong": RED, "kink": AMBER}
    assert inks == {expected[finding.verdict] for finding in report.findings}


@pytest.mark.parametrize(("repeat", "shown", "left_out"), [(57, 59, 0), (58, 60, 0), (59, 60, 1), (80, 60, 22)])
def test_of_a_long_table_sixty_rows_are_shown_what_is_wrong_first(repeat, shown, left_out):
    page = page_of(checked(RULES["wrong"], repeat=repeat))
    first = page.rows[1 : page.rows.index(list(HEADER), 1)]
    assert len([r for r in first if len(r) > 1]) == shown
    assert ("… and 22 more" in page.blocks) == (left_out == 22)
    assert any(block.startswith("… and") for block in page.blocks) == bool(left_out)
    if left_out:
        assert (first[0][0], first[0][-1]) == ("mine", "WRONG")
