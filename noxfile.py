"""Where graphnet must work: `nox -l` lists the environments, `nox -s oldest` tries one; see CONTRIBUTING.md.

Sessions that run the suite take what to run behind `--`, as `nox -s suite-3.12 -- tests/core`.
"""

import os
import shutil
import stat
import subprocess
from pathlib import Path

import nox

nox.needs_version = ">=2024.4"
nox.options.error_on_missing_interpreters = False
nox.options.sessions = ["bare", "no_compiler", "no_home", "read_only", "optimised", "strict", "no_terminal", "types"]
JOURNEY = "tools/journey.py"
PYTHONS = ["3.11", "3.12", "3.13", "3.14"]


def suite_of(session: nox.Session) -> None:
    """Run the tests, or those named behind --."""
    session.run("python", "-m", "pytest", "-q", *(session.posargs or ["-n", "auto"]))


@nox.session(python=PYTHONS)
def suite(session: nox.Session) -> None:
    """Run the tests with the newest of every dependency."""
    session.install("--upgrade", "--upgrade-strategy", "eager", ".[dev]")
    suite_of(session)


@nox.session(venv_backend="uv", python="3.11")
def oldest(session: nox.Session) -> None:
    """Run the tests with the oldest of every dependency that pyproject.toml allows."""
    session.install("--resolution", "lowest-direct", ".[dev]")
    suite_of(session)


@nox.session
def bare(session: nox.Session) -> None:
    """Without any extra: no matplotlib, no scikit-learn, no other library."""
    session.install(".")
    session.run("python", JOURNEY, "--without", "matplotlib", "--without", "sklearn")


@nox.session
@nox.parametrize("missing", ["matplotlib", "sklearn", "torch", "jax", "onnx", "IPython", "scipy"])
def without(session: nox.Session, missing: str) -> None:
    """With everything but one optional library."""
    session.install(".[demo]")
    session.run("python", JOURNEY, "--without", missing)


@nox.session
def no_compiler(session: nox.Session) -> None:
    """Where nothing can be compiled: the same steps, by Python."""
    session.install("build")
    session.run("python", "-m", "build", "--sdist", "--outdir", session.create_tmp(), ".", silent=True)
    (source,) = Path(session.create_tmp()).glob("*.tar.gz")  # in the tree itself lies what was compiled before
    session.install("--no-cache-dir", str(source), env={"CC": "/bin/false", "CXX": "/bin/false"})
    told = session.run("python", JOURNEY, silent=True)
    if "steps by Python" not in str(told):
        session.error(f"it was compiled: {told}")


@nox.session
def no_home(session: nox.Session) -> None:
    """Without a home folder."""
    session.install(".[demo]")
    session.run("python", JOURNEY, env={"HOME": "/nonexistent", "XDG_CACHE_HOME": None, "XDG_CONFIG_HOME": None})
    session.run("python", JOURNEY, env={"HOME": None})


@nox.session
def read_only(session: nox.Session) -> None:
    """Installed where it can't write, run by somebody without rights."""
    session.install(".")
    target = Path(session.run("python", "-c", "import graphnet; print(graphnet.__path__[0])", silent=True).strip())
    folders = [target, *(path for path in target.rglob("*") if path.is_dir())]
    for cache in target.rglob("__pycache__"):
        shutil.rmtree(cache)
    for path in folders:
        if path.exists():
            path.chmod(stat.S_IRUSR | stat.S_IXUSR | stat.S_IRGRP | stat.S_IXGRP | stat.S_IROTH | stat.S_IXOTH)
    nobody = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"] if os.geteuid() == 0 else []
    session.run(*nobody, str(Path(session.bin) / "python"), JOURNEY, external=bool(nobody))
    for path in folders:
        if path.exists():
            path.chmod(0o755)


@nox.session
def optimised(session: nox.Session) -> None:
    """Under python -O and -OO: without asserts, and without docstrings."""
    session.install(".")
    for option in ("-O", "-OO"):
        session.run("python", option, JOURNEY)


@nox.session(python=PYTHONS)
def strict(session: nox.Session) -> None:
    """Every Python that is there, under -W error and Python's own development mode."""
    session.install(".")
    session.run("python", "-W", "error", "-X", "dev", JOURNEY)


@nox.session
def no_terminal(session: nox.Session) -> None:
    """With nothing to read from, nothing to write to, no locale, and no terminal."""
    session.install(".")
    environment = {"PATH": os.environ["PATH"], "LC_ALL": "C", "PYTHONUTF8": "0"}
    python = str(Path(session.bin) / "python")
    for closed in ("<&-", "<&- >&- 2>&-", "<&- >/dev/null 2>/dev/null"):
        done = subprocess.run(
            ["bash", "-c", f'exec "{python}" {JOURNEY} {closed}'], env=environment, start_new_session=True
        )
        if done.returncode:
            session.error(f"with {closed}: exit code {done.returncode}")


@nox.session
def types(session: nox.Session) -> None:
    """Show a user's file to mypy --strict and to pyright."""
    session.install(".", "mypy", "pyright")
    shutil.copy("tests/user_file.py", session.create_tmp())
    session.chdir(session.create_tmp())  # or they would read the tree in the place of what is installed
    session.run("mypy", "--strict", "user_file.py")
    session.run("pyright", "user_file.py")
