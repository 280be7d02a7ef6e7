"""Whatever happens while a file is saved, the old or the new one loads, and nothing else is left."""

import contextlib
import os
import resource
import stat
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

import numpy as np
import pytest

import graphnet as gn
from graphnet.errors import SaveError

ROOT = Path(__file__).parents[2]
OLD, NEW = gn.parameter("w", np.zeros(1000)), gn.parameter("w", np.ones(200_000))


def in_file(path):
    value = gn.load(path)["w"].value
    assert (value == value[0]).all()
    return {1000: "old", 200_000: "new"}[len(value)]


def test_kills_at_300_random_moments():
    done = subprocess.run(
        [sys.executable, "-m", "tests.files.kills", "--count", "300"],
        cwd=ROOT,
        env=os.environ | {"OPENBLAS_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr


# No room --------------------------------------------------------------------------------------------------------------


@contextlib.contextmanager
def files_no_larger_than(size):
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_writing_that_fails_after_any_number_of_bytes(path, refused):
    gn.save(path, NEW)
    whole = path.stat().st_size
    gn.save(path, OLD)
    for size in [0, 1, 30, 31, 100, *range(1000, whole, 100_003), *range(whole - 300, whole, 13)]:
        with (
            files_no_larger_than(size),
            refused(SaveError, f"can't write {str(path)!r}: File too large", "enough room"),
        ):
            gn.save(path, NEW)
        assert in_file(path) == "old"
        assert os.listdir(path.parent) == ["net.gn"]
    with files_no_larger_than(whole):
        gn.save(path, NEW)
    assert in_file(path) == "new"


def test_a_disk_that_is_full(path, refused):
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", path.parent], capture_output=True)
    if mounted.returncode:
        pytest.skip("no disk can be mounted here; the limit on a file's size stands in for it")
    try:
        gn.save(path, OLD)
        with refused(SaveError, "No space left on device", "enough room"):
            gn.save(path, NEW)
        assert in_file(path) == "old"
        assert os.listdir(path.parent) == ["net.gn"]
    finally:
        subprocess.run(["umount", path.parent], check=True)


def test_a_disk_that_fails_at_the_last_moment(path, refused, monkeypatch):
    gn.save(path, OLD)

    def fail(descriptor):
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(os, "fsync", fail)
    with refused(SaveError, "Input/output error"):
        gn.save(path, NEW)
    assert in_file(path) == "old"
    assert os.listdir(path.parent) == ["net.gn"]


def test_a_disk_that_fails_while_a_large_array_is_written(path, refused, monkeypatch):
    gn.save(path, OLD)
    fsync, calls = os.fsync, []

    def fail_once(descriptor):
        calls.append(descriptor)
        if len(calls) == 1:
            raise OSError(5, "Input/output error")
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", fail_once)
    with refused(SaveError, "Input/output error"):
        gn.save(path, gn.parameter("w", np.zeros(5_000_000)))
    assert in_file(path) == "old"
    assert os.listdir(path.parent) == ["net.gn"]


def test_the_content_reaches_the_disk_before_the_name_and_the_name_before_save_returns(path, monkeypatch):
    events = []
    fsync, replace = os.fsync, os.replace
    monkeypatch.setattr(os, "fsync", lambda fd: (events.append(stat.S_IFMT(os.fstat(fd).st_mode)), fsync(fd)))
    monkeypatch.setattr(os, "replace", lambda *paths: (events.append("renamed"), replace(*paths)))
    gn.save(path, NEW)
    assert events == [stat.S_IFREG, "renamed", stat.S_IFDIR]


# Places that can't be written to ----------------------------------------------------------------------------------------


@contextlib.contextmanager
def not_root():
    if os.geteuid():
        yield
        return
    os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(0)


def test_a_folder_that_may_only_be_read(refused):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "net.gn")
        gn.save(path, OLD)
        os.chmod(folder, 0o555)
        with (
            not_root(),
            refused(SaveError, f"can't write {os.path.realpath(path)!r}: Permission denied", "may write to"),
        ):
            gn.save(path, NEW)
        with not_root():
            assert in_file(path) == "old"
        os.chmod(folder, 0o755)
        assert os.listdir(folder) == ["net.gn"]


@pytest.mark.parametrize(
    ("name", "problem"),
    [
        ("missing/net.gn", "No such file or directory"),
        (".", "it is a folder"),
        ("file/net.gn", "Not a directory"),
        ("n" * 300, "File name too long"),
        ("\x00", "is not the path of a file: "),
        (3, "3 is not the path of a file"),
        (None, "None is not the path of a file"),
        (b"net.gn", "b'net.gn' is not the path of a file"),
        ("pipe", "it is a device or pipe"),
        ("/dev/full", "it is a device or pipe"),
    ],
)
def test_paths_that_can_not_be(tmp_path, refused, monkeypatch, name, problem):
    monkeypatch.chdir(tmp_path)
    Path("file").touch()
    os.mkfifo("pipe")
    with refused(SaveError, problem):
        gn.save(name, OLD)
    assert sorted(os.listdir()) == ["file", "pipe"]


def test_names_as_long_as_a_folder_takes(tmp_path):
    for name in ("n" * 255, "δ" * 127):
        gn.save(tmp_path / name, OLD)
        assert in_file(tmp_path / name) == "old"


# What stays as it was ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", [0o600, 0o644, 0o640, 0o777, 0o400])
def test_the_mode_is_kept(path, mode):
    gn.save(path, OLD)
    path.chmod(mode)
    gn.save(path, NEW)
    assert stat.S_IMODE(path.stat().st_mode) == mode
    assert in_file(path) == "new"


def test_a_new_file_has_the_mode_of_any_new_file(path):
    gn.save(path, OLD)
    other = path.with_name("other")
    other.touch()
    assert path.stat().st_mode == other.stat().st_mode


def test_a_link_stays_a_link(path, tmp_path):
    (tmp_path / "runs").mkdir()
    target = tmp_path / "runs" / "7.gn"
    path.symlink_to(target)
    for node in (OLD, NEW):
        gn.save(path, node)
    assert path.is_symlink()
    assert in_file(target) == "new"
    assert os.listdir(target.parent) == ["7.gn"]


# Strays -----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", [0o644, 0o000])
def test_the_next_save_removes_what_a_killed_one_left(path, mode):
    stray = path.with_name(".net.gn.unfinished")
    stray.write_bytes(b"PK half a file")
    stray.chmod(mode)
    gn.save(path, NEW)
    assert in_file(path) == "new"
    assert os.listdir(path.parent) == ["net.gn"]


def test_a_link_in_the_place_of_a_stray_is_not_followed(path, tmp_path, refused):
    (tmp_path / "mine").write_text("mine")
    path.with_name(".net.gn.unfinished").symlink_to(tmp_path / "mine")
    with refused(SaveError, "can't write"):
        gn.save(path, NEW)
    assert (tmp_path / "mine").read_text() == "mine"


def test_saves_to_one_path_at_the_same_time_all_succeed(path):
    values = [gn.parameter("w", np.full(50_000, i)) for i in range(8)]
    errors = []

    def save_often(node):
        try:
            for _ in range(5):
                gn.save(path, node)
                found = gn.load(path)["w"].value
                assert (found == found[0]).all()
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=save_often, args=[node]) for node in values]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    assert os.listdir(path.parent) == ["net.gn"]


def test_a_file_that_is_being_read_is_not_disturbed_by_a_save(path):
    from graphnet.files.archive import opened

    gn.save(path, OLD)
    with opened(path) as archive:
        gn.save(path, NEW)
        value = archive.array(0)
    assert (value == np.zeros(1000)).all()


def test_values_that_change_while_they_are_saved_still_give_a_whole_file(path):
    w = gn.parameter("w", np.zeros(1_000_000))
    stop = threading.Event()

    def change():
        while not stop.is_set():
            w.value += 1

    thread = threading.Thread(target=change)
    thread.start()
    try:
        for _ in range(5):
            gn.save(path, w)
            gn.load(path)
    finally:
        stop.set()
        thread.join()
