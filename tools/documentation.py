"""Build the documentation site: pages, tutorials, gallery and reference, without a warning.

python -m tools.documentation              into site/; needs the extra docs
python -m tools.documentation --out FOLDER
python -m tools.documentation --gallery    only the pictures of docs/gallery, anew
"""

from __future__ import annotations

import argparse
import functools
import inspect
import os
import re
import shutil
import sys
import tempfile
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import graphnet as gn

ROOT = Path(__file__).parent.parent
COPIED = ["docs", "tutorials", "CHANGELOG.md", "CONTRIBUTING.md", "LICENSE"]
PARTS = {  # of the reference: what the names of a module are about
    "core": "Building graphs",
    "engine": "Running them",
    "check": "Checking rules",
    "draw": "Pictures",
    "notation": "Formulas and diagnoses",
    "train": "Training",
    "files": "Files",
    "interop": "Other libraries",
    "classroom": "Exercises",
    "composites": "Building graphs",
}
MODULES = {
    "layers": "Layers",
    "linalg": "Linear algebra",
    "schedules": "Schedules",
    "plots": "Plots",
    "errors": "Errors",
}
BLOCK = re.compile(r"^```python\n(.*?)^```", re.MULTILINE | re.DOTALL)


def python_blocks(page: str) -> list[str]:
    """Return the code of a page, block by block."""
    return BLOCK.findall(page)


def run_blocks(page: Path, folder: Path) -> dict[str, Any]:
    """Run the code of a page from top to bottom in a folder, into which it saves its pictures; return its names."""
    import matplotlib

    names: dict[str, Any] = {}
    here = Path.cwd()
    os.chdir(folder)
    try:
        with matplotlib.rc_context({"svg.hashsalt": "graphnet"}):  # names within plots
            for block in python_blocks(page.read_text(encoding="utf-8")):
                exec(compile(block, str(page), "exec"), names)
    finally:
        os.chdir(here)
    return names


# The reference ------------------------------------------------------------------------------------------------------


def public() -> dict[str, list[tuple[str, Any]]]:
    """Return (name, object) of all that is public, by the title of the page where it stands."""
    pages: dict[str, list[tuple[str, Any]]] = defaultdict(list)
    stub = (ROOT / "graphnet" / "__init__.pyi").read_text(encoding="utf-8")
    for module, name in re.findall(r"^from \.([\w.]*) import \w+ as (\w+)$", stub, re.MULTILINE):
        room, _, family = module.partition(".")
        if module and name not in MODULES:
            pages[PARTS.get(family if room == "ops" else room, f"Ops: {family}")].append(
                (f"gn.{name}", getattr(gn, name))
            )
    for module, title in MODULES.items():
        door = getattr(gn, module)
        pages[title] += [(f"gn.{module}.{name}", getattr(door, name)) for name in listed(door)]
    return pages


def listed(door: Any) -> list[str]:
    """Return the public names of a module: those it lists, or else those it defines."""
    own = [name for name, value in vars(door).items() if getattr(value, "__module__", "") == door.__name__]
    return [name for name in getattr(door, "__all__", own) if not name.startswith("_") and name not in SELF_EVIDENT]


SELF_EVIDENT = {"INITIALISERS", "Activation", "Initialiser", "shown"}
"""Types and tables that others' descriptions name."""


def entry(name: str, what: Any) -> Iterator[str]:
    """Yield the lines of what the reference says of a name: its call, its docstring, and those of its methods."""
    kind = "class" if inspect.isclass(what) else "function"
    yield from ["", f".. py:{kind}:: {name}{call_of(what)}", ""]
    by_name = re.compile(rf"(?<![\w.]){name.rpartition('.')[2]}\(")  # in examples, as it is called from outside
    yield from (f"   {by_name.sub(f'{name}(', line) if '>>> ' in line else line}" for line in described(what))
    if kind == "class" and not issubclass(what, BaseException):
        for key, member in sorted(vars(what).items()):
            is_call = inspect.isroutine(member)
            is_old_name = isinstance(getattr(member, "fget", None), functools.partial)
            if (
                key.startswith("_")
                or is_old_name
                or not (is_call or hasattr(member, "__get__"))
                or not inspect.getdoc(member)
            ):
                continue
            call = call_of(member, bound=not isinstance(member, staticmethod)) if is_call else ""
            yield from ["", f"   .. py:{'method' if is_call else 'attribute'}:: {key}{call}", ""]
            yield from (f"      {line}" for line in described(member))


def call_of(what: Any, bound: bool = False) -> str:
    """Return how something is called: its parameters without their types, which the docstring tells."""
    try:
        signature = inspect.signature(getattr(what, "__func__", what))
    except (TypeError, ValueError):
        return ""
    kept = [p.replace(annotation=p.empty) for p in signature.parameters.values()][1 if bound else 0 :]
    text = str(inspect.Signature(kept)).replace("<factory>", "...")
    return re.sub(r"<(?:class |function )?'?([\w.]+)[^>]*>", r"\1", text)


def described(what: Any) -> list[str]:
    """Return a docstring in reStructuredText, with links to the public names that it speaks of."""
    from sphinx.ext.napoleon import Config, NumpyDocstring

    settings = Config(napoleon_use_rtype=False, napoleon_use_ivar=True, napoleon_use_admonition_for_examples=False)
    lines, is_code = [], False
    for line in str(NumpyDocstring(inspect.getdoc(what) or "", settings)).splitlines():
        is_code = bool(line.strip()) and (is_code or line.lstrip().startswith(">>>"))
        lines.append(line if is_code else MARKS.sub(r"\\\g<0>", NAME.sub(link, line)))
    return lines


NAME = re.compile(r"(?<![`:\w])`(?:gn\.)?([\w.]+)`(?!`)")
MARKS = re.compile(r"\|(?=[^`]*(?:`[^`]*`[^`]*)*$)|\*\*(?=\w+=)")
"""What reStructuredText would read as markup, outside of code: |z| and **name=value."""


def link(found: re.Match[str]) -> str:
    name = found[1]
    return f":py:obj:`{name} <gn.{name}>`" if name in gn.__all__ else f"``{name}``"


def write_reference(folder: Path) -> None:
    """Write a page for each part, and one of all ops as a table."""
    folder.mkdir(exist_ok=True)
    pages = public()
    first = [*PARTS.values(), *MODULES.values()]
    order = sorted(pages, key=lambda title: (first.index(title) if title in first else len(first), title))
    for title in order:
        lines = [title, "=" * len(title), "", ".. py:currentmodule:: gn", ""]
        for name, what in pages[title]:
            lines += entry(name, what)
        (folder / f"{slug(title)}.rst").write_text("\n".join(lines) + "\n", encoding="utf-8")
    rows = (
        f"| [{title}]({slug(title)}.rst) | {', '.join(f'`{name}`' for name, _ in pages[title])} |" for title in order
    )
    table, toc = "\n".join(rows), "\n".join(slug(title) for title in order)
    (folder / "index.md").write_text(INDEX.format(table=table, toc=toc), encoding="utf-8")
    table = "\n".join(f"   {line}" for line in str(gn.ops.overview()).splitlines())
    page = f"{CLASSES}\n{'=' * len(CLASSES)}\n\nWhat ``print(gn.ops.overview())`` gives.\n\n.. code-block:: text\n\n{table}\n"
    (folder / "classes.rst").write_text(page, encoding="utf-8")


INDEX = """# Reference

Every public name, with an example. Before each stand `import numpy as np` and `import graphnet as gn`.

| | |
|---|---|
{table}
| [The classes of ops](classes.rst) | `gn.ops` |

```{{toctree}}
:hidden:

{toc}
classes
```
"""
CLASSES = "The classes of ops, in gn.ops"


def slug(title: str) -> str:
    return re.sub(r"\W+", "-", title.lower())


# The site -----------------------------------------------------------------------------------------------------------


def gather(folder: Path) -> None:
    """Copy what is written by hand, as it lies in the repository, and make what is made."""
    for name in COPIED:
        copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy2
        copy(ROOT / name, folder / name)
    shutil.copy2(folder / "docs" / "conf.py", folder)
    with (folder / "tutorials" / "README.md").open("a", encoding="utf-8") as page:
        page.write("\n```{toctree}\n:hidden:\n:glob:\n\n[0-9]*\n```\n")
    write_reference(folder / "docs" / "reference")
    draw_gallery(folder / "docs")
    page = folder / "docs" / "gallery.md"
    text = page.read_text(encoding="utf-8")
    page.write_text(text.replace("<!-- the page -->", PAGE_OF_GALLERY), encoding="utf-8")


def draw_gallery(docs: Path) -> None:
    """Run the gallery's code, which saves its pictures where the repository has them, the same ones as the same files."""
    os.environ.setdefault("SOURCE_DATE_EPOCH", "0")  # matplotlib's date in them
    run_blocks(docs / "gallery.md", docs / "gallery")


PAGE_OF_GALLERY = '<a href="gallery/backprop.html">Open the page</a>.'
"""Only the site has it."""


def build(out: Path) -> int:
    """Build the site into a folder; a warning is an error."""
    from sphinx.cmd.build import main as sphinx

    with tempfile.TemporaryDirectory() as made:
        source, site = Path(made) / "source", Path(made) / "site"
        source.mkdir()
        gather(source)
        code = sphinx(["-q", "-W", "--keep-going", "-d", f"{made}/trees", str(source), str(site)])
        shutil.copytree(site, out, dirs_exist_ok=True)  # without what is left beside it
        (out / "docs" / "gallery").mkdir(exist_ok=True)
        for page in (source / "docs" / "gallery").glob("*.html"):  # the live page that the gallery links to
            shutil.copy2(page, out / "docs" / "gallery")
    there = '<meta http-equiv="refresh" content="0; url=docs/index.html">'
    (out / "index.html").write_text(f"<!doctype html><title>graphnet</title>{there}", encoding="utf-8")
    return code


def main() -> int:
    parser = argparse.ArgumentParser(description="Build the documentation site.")
    parser.add_argument("--out", type=Path, default=ROOT / "site", help="the folder (site)")
    parser.add_argument("--gallery", action="store_true", help="only draw the pictures of docs/gallery anew")
    options = parser.parse_args()
    if options.gallery:
        draw_gallery(ROOT / "docs")
        return 0
    out = options.out
    code = build(out)
    print(f"{out / 'index.html'}" if code == 0 else "not without warnings")
    return code


if __name__ == "__main__":
    sys.exit(main())
