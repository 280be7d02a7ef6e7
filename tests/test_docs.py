"""The README and the pages of docs: their code runs as it stands there and prints what they show; links lead somewhere."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PAGES = [
    ROOT / "README.md",
    ROOT / "CONTRIBUTING.md",
    ROOT / "tutorials" / "README.md",
    *sorted((ROOT / "docs").rglob("*.md")),
]
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```", re.MULTILINE | re.DOTALL)
NEEDS_OTHERS = "<!-- with the extra interop -->"


def blocks(page, language):
    """Return the code of a page in one language, block by block."""
    return [code for found, code in BLOCK.findall(page.read_text(encoding="utf-8")) if found == language]


def named(page):
    return str(page.relative_to(ROOT))


def runnable():
    for page in PAGES:
        if blocks(page, "python") and page.name != "CONTRIBUTING.md":  # which tests/test_contributing.py follows
            marks = [pytest.mark.interop] if NEEDS_OTHERS in page.read_text(encoding="utf-8") else []
            yield pytest.param(page, id=named(page), marks=marks)


def drawn(picture):
    """Return a picture as its file says it; of a plot, whose curves differ from one matplotlib to the next, the labels."""
    text = picture.read_text(encoding="utf-8")
    return re.findall(r"<!-- (.*) -->", text) if "Matplotlib" in text else text


@pytest.mark.filterwarnings("default")
@pytest.mark.parametrize("page", list(runnable()))
def test_code_runs_from_top_to_bottom_and_prints_what_is_shown(page, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    names = {}
    for code in blocks(page, "python"):
        exec(compile(code, named(page), "exec"), names)
    printed = capsys.readouterr().out
    for picture in (page.parent / page.stem).glob("*.svg"):  # drawn anew by python -m tools.documentation --gallery
        assert drawn(picture) == drawn(tmp_path / picture.name), picture.name
    if page.name == "README.md":
        return  # its text is what another page's code prints
    missing = [shown for shown in blocks(page, "text") if shown not in printed]
    assert missing == []


def test_the_pages_show_a_network_that_learns(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    names = {}
    (code,) = blocks(ROOT / "README.md", "python")
    exec(code, names)
    outputs = names["gn"].forward(names["a2"], {"x": names["X"]})[names["a2"]]
    assert abs(outputs - names["T"]).max() < 0.1
    assert "ALL RIGHT" in capsys.readouterr().out
    assert (tmp_path / "backprop.svg").read_text(encoding="utf-8").startswith("<?xml")
    assert (tmp_path / "backprop.html").read_text(encoding="utf-8").startswith("<!doctype html>")


def test_what_the_readme_shows_of_a_wrong_rule_is_what_its_page_shows():
    (shown,) = blocks(ROOT / "README.md", "text")
    assert shown in blocks(ROOT / "docs" / "howto" / "check-a-rule.md", "text")


def anchors(page):
    """Return the anchors of a page's headings, as hosts and Sphinx make them."""
    headings = re.findall(r"^#+ (.*)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_links_and_pictures_are_there(page):
    text = BLOCK.sub("", page.read_text(encoding="utf-8"))
    for target in [*re.findall(r"\]\(([^)\s]+)\)", text), *re.findall(r'href="([^"]+)"', text)]:
        path, _, anchor = target.partition("#")
        if path.startswith("https://"):
            continue
        there = page.parent / path if path else page
        assert there.exists(), target
        assert not anchor or anchor in anchors(there), target


def test_every_page_is_reached_from_the_first():
    index = (ROOT / "docs" / "index.md").read_text(encoding="utf-8")
    reached = {
        (ROOT / "docs" / line).with_suffix(".md").resolve() for line in re.findall(r"^[\w./-]+$", index, re.MULTILINE)
    }
    assert [named(page) for page in PAGES[1:] if page.resolve() not in reached and page.name != "index.md"] == []


def test_architecture_names_every_folder_of_the_package():
    page = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    folders = [path.name for path in (ROOT / "graphnet").iterdir() if (path / "__init__.py").exists()]
    assert [name for name in folders if f"graphnet/{name}`" not in page] == []


def test_the_commands_of_the_command_line_page_run_as_they_stand(tmp_path):
    if not shutil.which("bash"):
        pytest.skip("there is no bash")
    (code,) = blocks(ROOT / "docs" / "howto" / "files.md", "bash")
    program = f'graphnet() {{ "{sys.executable}" -m graphnet "$@"; }}\n'
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", program + code], cwd=tmp_path, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert (tmp_path / "net.svg").exists()
    assert (tmp_path / "net.gn").exists()


def test_benchmark_history_is_dated_figures():
    header, *lines = (ROOT / "docs" / "benchmarks.csv").read_text(encoding="utf-8").splitlines()
    assert header == "date,what,contestant,seconds"
    assert lines
    for line in lines:
        assert re.fullmatch(r'\d{4}-\d\d-\d\d,("[^"]+"|[^,"]+),("[^"]+"|[^,"]+),[\d.e+-]+', line), line
    assert [line[:10] for line in lines] == sorted(line[:10] for line in lines)
