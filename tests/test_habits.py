"""What maintainers go by: every tool has its command in a page, hooks fetch nothing, reports bring what is asked of them."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
yaml = pytest.importorskip("yaml")
TEMPLATES = sorted(path for path in (ROOT / ".github" / "ISSUE_TEMPLATE").glob("*.yml") if path.stem != "config")


def read(path):
    return yaml.safe_load(path.read_text(encoding="utf-8"))


def test_contributing_has_the_command_of_every_tool():
    told = "".join((ROOT / name).read_text(encoding="utf-8") for name in ("CONTRIBUTING.md", "docs/releases.md"))
    tools = [path.stem for path in (ROOT / "tools").glob("*.py")]
    tools += [path.parent.name for path in (ROOT / "tools").glob("*/__main__.py")]
    made_once = {"optimizer_references", "journey"}  # a file of expected numbers; what noxfile.py runs
    named = set(re.findall(r"tools[./](\w+)", told))
    assert set(tools) - named == made_once
    assert named <= set(tools)


def test_hooks_are_local():
    (repository,) = read(ROOT / ".pre-commit-config.yaml")["repos"]
    assert repository["repo"] == "local"
    for hook in repository["hooks"]:
        assert hook["language"] == "system"
        assert hook["entry"].startswith(".venv/bin/")


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: path.stem)
def test_reports_of_faults_bring_a_program_and_the_versions(path):
    asked = [part["attributes"]["label"] for part in read(path)["body"] if part.get("validations", {}).get("required")]
    assert asked
    if path.stem != "wish":
        assert any("graphnet --version" in label for label in asked)
        assert len(asked) >= 3
