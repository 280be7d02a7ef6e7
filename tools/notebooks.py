"""Build the tutorials: run each source in tutorials/source and save it, with its outputs, as a notebook.

    python -m tools.notebooks              # build all
    python -m tools.notebooks 03 05        # build those whose names begin so
    python -m tools.notebooks --check      # say which notebooks are not in step with their sources

A source is a Python file in jupytext's percent format. What would change from one build to the next (execution counts,
times, random cell ids) is left out, so that a rebuilt notebook differs only where its source or its results do.
"""

import argparse
import sys
import tempfile
from pathlib import Path

import jupytext
import nbformat
from nbclient import NotebookClient

TUTORIALS = Path(__file__).parent.parent / "tutorials"
KERNEL = {"display_name": "Python 3", "language": "python", "name": "python3"}


def sources(prefixes: list[str] | None = None) -> list[Path]:
    """Return the tutorials' sources in order, all of them or those whose names begin with one of `prefixes`."""
    found = sorted((TUTORIALS / "source").glob("[0-9][0-9]_*.py"))
    return [path for path in found if not prefixes or path.name.startswith(tuple(prefixes))]


def built(source: Path) -> Path:
    """Return where the notebook of a source is kept."""
    return TUTORIALS / f"{source.stem}.ipynb"


def read(source: Path) -> nbformat.NotebookNode:
    """Read a source as a notebook without outputs; ids count the cells."""
    parsed = jupytext.read(source)
    notebook = nbformat.v4.new_notebook(metadata={"kernelspec": KERNEL, "language_info": {"name": "python"}})
    for number, cell in enumerate(parsed.cells, start=1):
        make = nbformat.v4.new_markdown_cell if cell.cell_type == "markdown" else nbformat.v4.new_code_cell
        notebook.cells.append(make(cell.source, id=f"cell-{number:02}"))
    return notebook


def run(source: Path) -> nbformat.NotebookNode:
    """Run a source in a fresh kernel and an empty folder. An exception in a cell is raised here."""
    notebook = read(source)
    with tempfile.TemporaryDirectory() as folder:
        client = NotebookClient(notebook, timeout=120, resources={"metadata": {"path": folder}}, record_timing=False)
        client.execute()
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.execution_count = None
            # what is written to stderr are warnings of this machine
            cell.outputs = [output for output in cell.outputs if output.get("name") != "stderr"]
            for output in cell.outputs:
                if "execution_count" in output:
                    output["execution_count"] = None
    notebook.metadata = nbformat.from_dict({"kernelspec": KERNEL, "language_info": {"name": "python"}})
    return notebook


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
        nbformat.write(run(source), built(source))
        print(f"{built(source).name}: {built(source).stat().st_size / 1000:.0f} kB")
    return 0


if __name__ == "__main__":
    sys.exit(main())
