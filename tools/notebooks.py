"""Build the tutorials: run each source in tutorials/source and save it, with its outputs, as a notebook.

    python -m tools.notebooks              # build all
    python -m tools.notebooks 03 05        # build those whose names begin so
    python -m tools.notebooks --check      # say which notebooks are not in step with their sources

A source is a Python file in jupytext's percent format. An exercise is a cell for the reader's attempt, and below it, folded,
a hint and a solution; Python code in a solution is complete, ends in what the reader would assert, and is run by the tests.
So is a cell tagged ``test``, below the one that it is about: it asserts what the text says, and no reader sees it.

What would change from one build to the next (execution counts,
times, random cell ids) is left out, so that a rebuilt notebook differs only where its source or its results do.
"""

import argparse
import re
import sys
import tempfile
from pathlib import Path

import jupytext
import nbformat
from nbclient import NotebookClient

TUTORIALS = Path(__file__).parent.parent / "tutorials"
FORMS = ("text/latex", "image/svg+xml", "text/html")
"""An output is saved in the first of these that it has, and as text: hosts that show notebooks drop parts of HTML."""
WIDGET = "application/vnd.jupyter.widget-view+json"
"""Left out: a saved notebook shows the picture, a running one the widget."""
WIDEST = 860
"""Pixels: what is beside the prompts in a window of usual size. Some readers cut a wider picture off."""
SIZE = re.compile(r'width="([\d.]+)(pt)?" height="([\d.]+)(?:pt)?"')
SOLUTION = re.compile(r"<details><summary>Solution</summary>(.*?)</details>", re.DOTALL)
KERNEL = {"display_name": "Python 3", "language": "python", "name": "python3"}


def sources(prefixes: list[str] | None = None) -> list[Path]:
    """Return the tutorials' sources in order, all of them or those whose names begin with one of `prefixes`."""
    found = sorted((TUTORIALS / "source").glob("[0-9][0-9]_*.py"))
    return [path for path in found if not prefixes or path.name.startswith(tuple(prefixes))]


def built(source: Path) -> Path:
    """Return where the notebook of a source is kept."""
    return TUTORIALS / f"{source.stem}.ipynb"


def read(source: Path, *, tests: bool = False) -> nbformat.NotebookNode:
    """Read a source as a notebook without outputs, its cells for tests only if asked for; ids count the reader's cells."""
    parsed = jupytext.read(source)
    notebook = nbformat.v4.new_notebook(metadata={"kernelspec": KERNEL, "language_info": {"name": "python"}})
    number = 0
    for cell in parsed.cells:
        is_test = "test" in cell.metadata.get("tags", [])
        number += not is_test
        make = nbformat.v4.new_markdown_cell if cell.cell_type == "markdown" else nbformat.v4.new_code_cell
        if tests or not is_test:
            notebook.cells.append(make(cell.source, id=f"cell-{number:02}" + "-test" * is_test))
    return notebook


def solved(notebook: nbformat.NotebookNode) -> nbformat.NotebookNode:
    """Return a notebook with a cell for the code of each folded solution, below it."""
    cells = []
    for cell in notebook.cells:
        cells.append(cell)
        solutions = SOLUTION.findall(cell.source) if cell.cell_type == "markdown" else []
        for number, code in enumerate(re.findall(r"```python\n(.*?)```", "".join(solutions), re.DOTALL), start=1):
            cells.append(nbformat.v4.new_code_cell(code, id=f"{cell.id}-solution-{number}"))
    return nbformat.v4.new_notebook(metadata=notebook.metadata, cells=cells)


def run(notebook: nbformat.NotebookNode) -> nbformat.NotebookNode:
    """Run a notebook in a fresh kernel and an empty folder. An exception in a cell is raised here."""
    with tempfile.TemporaryDirectory() as folder:
        settings = {"timeout": None, "startup_timeout": 3600, "record_timing": False, "coalesce_streams": True}
        client = NotebookClient(notebook, resources={"metadata": {"path": folder}}, **settings)
        client.execute()
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.execution_count = None
            # what is written to stderr are warnings of this machine
            cell.outputs = [output for output in cell.outputs if output.get("name") != "stderr"]
            for output in cell.outputs:
                if "execution_count" in output:
                    output["execution_count"] = None
                for form in [*[form for form in FORMS if form in output.get("data", {})][1:], WIDGET]:
                    output.get("data", {}).pop(form, None)
                if "image/svg+xml" in output.get("data", {}):
                    output.data["image/svg+xml"] = fitting(output.data["image/svg+xml"])
    notebook.metadata = nbformat.from_dict({"kernelspec": KERNEL, "language_info": {"name": "python"}})
    return notebook


def fitting(svg: str) -> str:
    """Return a picture that is at most `WIDEST` pixels wide."""
    width, unit, height = SIZE.search(svg).groups()
    scale = min(WIDEST / (float(width) * (4 / 3 if unit else 1)), 1)
    smaller = f'width="{scale * float(width):.0f}{unit or ""}" height="{scale * float(height):.0f}{unit or ""}"'
    return SIZE.sub(smaller, svg, count=1)


def cells(notebook: nbformat.NotebookNode) -> list[tuple[str, str, str]]:
    """Return what a notebook and its source must have in common."""
    return [(cell.id, cell.cell_type, cell.source) for cell in notebook.cells]


def in_step(source: Path) -> bool:
    """Tell whether the notebook of a source is there and has the same cells."""
    path = built(source)
    return path.exists() and cells(nbformat.read(path, as_version=4)) == cells(read(source))


def main() -> int:
    parser = argparse.ArgumentParser(description="Build the tutorials from their sources.")
    parser.add_argument("prefixes", nargs="*", help="build only those whose names begin so, as 03")
    parser.add_argument("--check", action="store_true", help="build nothing; exit code 1 if one is not in step")
    options = parser.parse_args()
    chosen = sources(options.prefixes)
    if options.check:
        stale = [built(source).name for source in chosen if not in_step(source)]
        print("not in step: " + ", ".join(stale) if stale else f"{len(chosen)} notebooks are in step")
        return 1 if stale else 0
    for source in chosen:
        nbformat.write(run(read(source)), built(source))
        print(f"{built(source).name}: {built(source).stat().st_size / 1000:.0f} kB")
    return 0


if __name__ == "__main__":
    sys.exit(main())
