"""The form of a file, read by other means than graphnet's own."""

import hashlib
import json
import os
import subprocess
import sys
import zipfile

import numpy as np
import pytest

import graphnet as gn
from graphnet.errors import LoadError
from tests.files.damage import SAMPLE_STATE, archive_of, fingerprint, members_of, sample_graph, seal, seal_of

MIB = 1 << 20


@pytest.fixture
def sample(path):
    gn.save(path, sample_graph(), state=SAMPLE_STATE)
    return path


def test_it_is_a_stored_zip_of_a_manifest_and_arrays_that_numpy_reads(sample):
    graph = gn.Graph(sample_graph())
    with zipfile.ZipFile(sample) as archive:
        assert archive.testzip() is None
        assert {info.compress_type for info in archive.infolist()} == {zipfile.ZIP_STORED}
        manifest = json.loads(archive.read("manifest.json"))
        names = [f"arrays/{i}.npy" for i in range(len(manifest["arrays"]))]
        assert sorted(archive.namelist()) == sorted(["manifest.json", *names])
        assert archive.comment.decode().split()[-1] == hashlib.sha256(archive.read("manifest.json")).hexdigest()
        assert (manifest["format"], manifest["version"]) == ("graphnet", 1)
        arrays = [np.load(archive.open(name), allow_pickle=False) for name in names]
    for array, entry in zip(arrays, manifest["arrays"], strict=True):
        assert (array.dtype.name, list(array.shape)) == (entry["dtype"], entry["shape"])
        assert [hashlib.sha256(array.tobytes()).hexdigest()] == entry["sha256"]
    for parameter in graph.parameters:
        np.testing.assert_array_equal(arrays[manifest["parameters"][parameter.name]], parameter.value, strict=True)
    described = {node.get("name"): node for node in manifest["graph"]["nodes"]}
    assert described["hidden/a"]["op"] == "leaky_relu"
    assert described["hidden/a"]["settings"] == {"slope": 0.125}
    products = [node for node in manifest["graph"]["nodes"] if node.get("op") == "multiply"]
    assert products[0]["inputs"][0] == products[0]["inputs"][1]


def test_large_arrays_have_a_digest_for_each_mebibyte(path):
    values = np.random.default_rng(0).random(5 * MIB // 16)  # 2.5 MiB
    gn.save(path, gn.parameter("w", values))
    digests = json.loads(members_of(path.read_bytes())["manifest.json"])["arrays"][0]["sha256"]
    data = values.tobytes()
    assert digests == [hashlib.sha256(data[i : i + MIB]).hexdigest() for i in (0, MIB, 2 * MIB)]


@pytest.mark.parametrize("long_sizes", [False, True])
def test_large_arrays_between_small_ones_are_members_that_other_programs_read(path, monkeypatch, long_sizes):
    rng = np.random.default_rng(0)
    sizes = [3, MIB // 8, 0, MIB // 8 + 1, 9000, 3 * MIB // 8 - 1, 1, 40_000]
    values = [rng.random(size) for size in sizes]
    if long_sizes:  # as if they had more than 2 GiB
        monkeypatch.setattr(zipfile, "ZIP64_LIMIT", 100_000)
    gn.save(path, [gn.parameter(f"w{i}", value) for i, value in enumerate(values)])
    with zipfile.ZipFile(path) as archive:
        assert archive.testzip() is None
        assert {archive.getinfo(f"arrays/{i}.npy").extract_version == 45 for i in (1, 3, 5, 7)} == {long_sizes}
        read = [np.load(archive.open(f"arrays/{i}.npy"), allow_pickle=False) for i in range(len(values))]
    for i, value in enumerate(values):
        np.testing.assert_array_equal(read[i], value, strict=True)
        np.testing.assert_array_equal(gn.load(path)[f"w{i}"].value, value, strict=True)


def test_equal_graphs_give_equal_bytes(sample, tmp_path):
    gn.save(tmp_path / "second.gn", sample_graph(), state=SAMPLE_STATE)
    gn.save(tmp_path / "third.gn", gn.load(sample), state=gn.load_state(sample))
    assert sample.read_bytes() == (tmp_path / "second.gn").read_bytes() == (tmp_path / "third.gn").read_bytes()


def test_a_header_that_another_numpy_pads_in_its_own_way(sample):
    members = members_of(sample.read_bytes())
    old = members["arrays/0.npy"]
    end = old.index(b"\n") + 1
    text = old[10:end].rstrip() + b" " * 77 + b"\n"
    members["arrays/0.npy"] = old[:8] + len(text).to_bytes(2, "little") + text + old[end:]
    sample.write_bytes(archive_of(list(members.items()), seal_of(members)))
    assert fingerprint(gn.load(sample)) == fingerprint(gn.Graph(sample_graph()))


# Refusals by name -----------------------------------------------------------------------------------------------------


def with_manifest(path, change):
    members = members_of(path.read_bytes())
    manifest = json.loads(members["manifest.json"])
    change(manifest)
    path.write_bytes(seal(members, json.dumps(manifest).encode()))


@pytest.mark.parametrize("version", [0, 2, "1", None, 1.5])
def test_another_version_is_refused_by_name(sample, refused, version):
    with_manifest(sample, lambda manifest: manifest.update(version=version, anything="new"))
    with refused(
        LoadError, repr(str(sample)), f"the format has version {version!r}, and this graphnet reads version 1"
    ):
        gn.load(sample)


def test_a_zip_of_something_else(path, refused):
    with path.open("wb") as file:
        np.savez(file, W=np.zeros(3))
    with refused(LoadError, repr(str(path)), "it has no member 'manifest.json'", "Is it a file that gn.save wrote?"):
        gn.load(path)


@pytest.mark.parametrize("content", [b"", b"PK", b"text", bytes(100_000), b"\x93NUMPY\x01\x00"])
def test_no_zip_at_all(path, refused, content):
    path.write_bytes(content)
    with refused(LoadError, repr(str(path)), "it is no zip archive, or not a whole one"):
        gn.load(path)


@pytest.mark.parametrize("read", [gn.load, gn.load_state, lambda path: gn.load_parameters(path, sample_graph())])
@pytest.mark.parametrize(
    ("name", "problem"),
    [
        ("missing.gn", "can't read 'missing.gn': No such file or directory"),
        (".", "can't read '.': it is not a file"),
        ("/dev/zero", "can't read '/dev/zero': it is not a file"),
        ("pipe", "can't read 'pipe': it is not a file"),
        (3, "3 is not the path of a file"),
        ("\x00", "is not the path of a file: "),
    ],
)
def test_paths_that_can_not_be(tmp_path, monkeypatch, refused, read, name, problem):
    monkeypatch.chdir(tmp_path)
    os.mkfifo("pipe")
    with refused(LoadError, problem):
        read(name)


def test_what_is_no_graph_is_refused_before_the_file_is_touched(path, refused):
    with refused(gn.errors.GraphError, "expected a node, a graph or a list of nodes"):
        gn.save(path, "E")
    with refused(gn.errors.GraphError, "expected a node, a graph or a list of nodes"):
        gn.load_parameters(path, "E")
    with refused(gn.errors.GraphError, "expected an op, got 3"):
        gn.load(path, ops=[3])
    assert not path.exists()


def node(manifest, kind):
    return next(node for node in manifest["graph"]["nodes"] if node.get("op") == kind or node["kind"] == kind)


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (lambda m: node(m, "matmul").update(inputs=[0, 5]), "[0, 5] are not the positions of nodes that come before"),
        (lambda m: node(m, "matmul").update(inputs=[True, 1]), "[True, 1] are not the positions of nodes"),
        (lambda m: node(m, "matmul").update(inputs=[-1, 1]), "[-1, 1] are not the positions of nodes"),
        (lambda m: node(m, "matmul").update(inputs=[0]), " 'matmul': op matmul takes 2 inputs"),
        (lambda m: node(m, "matmul").update(op="system"), " 'system': unknown op 'system'"),
        (lambda m: node(m, "matmul").update(op="numpy.load"), "unknown op 'numpy.load'"),
        (lambda m: node(m, "matmul").update(op=["matmul"]), "can't be built: TypeError"),
        (lambda m: node(m, "matmul").update(shape=[None, 5]), "op matmul gives shape (None, 4) where"),
        (lambda m: node(m, "matmul").update(dtype="float32"), "op matmul gives dtype float64 where"),
        (lambda m: node(m, "matmul").update(settings={"x": 1}), "op matmul got ['x'] as settings, and has none"),
        (
            lambda m: node(m, "leaky_relu").update(settings={"slope": {"code": 1}}),
            "there is no such value: {'code': 1}",
        ),
        (lambda m: m["parameters"].update({"hidden/b": 0}), "it refers to array 0, which is not there or has a place"),
        (lambda m: node(m, "constant").update(value=99), "it refers to array 99, which is not there"),
        (lambda m: node(m, "parameter").update(name="V"), "can't be built: KeyError"),
        (lambda m: node(m, "input").update(kind="layer"), "unknown kind 'layer' of node"),
        (lambda m: m["graph"].update(outputs=[]), "a graph needs at least one output, got none"),
        (lambda m: m["graph"].update(outputs=[3]), "of its nodes do not lead to an output"),
        (lambda m: m.update(graph=[]), "it does not hold a graph's nodes and outputs"),
        (lambda m: m.update(arrays={}), "it does not list the arrays"),
        (lambda m: m["arrays"].pop(), "it is in the manifest and not in the archive, or in the archive only"),
        (lambda m: m["arrays"][1].update(dtype="object"), "its dtype is 'object', and a file holds only numbers"),
        (lambda m: m["arrays"][1].update(shape=[10**12]), "needs more bytes than it has"),
        (lambda m: m["arrays"][1].update(shape=[0, 2**63]), "there are 1 digests for 0 bytes"),
        (lambda m: m["arrays"][1].update(shape=[2.0]), "its shape is [2.0]"),
        (lambda m: m["arrays"][1].update(shape=[1] * 65), "its shape is [1, 1"),  # NumPy has 64 axes at most
        (lambda m: m["arrays"][1].update(shape=[3]), "its header does not say float32 and (3,), as the manifest does"),
        (lambda m: m["arrays"][1].update(sha256=["0" * 64]), "its SHA-256 is not the one in the manifest"),
        (lambda m: m["arrays"][1].update(file="/etc/passwd"), "must say its dtype, shape and sha256, and nothing else"),
        (lambda m: m.update(format="other"), "it does not say that the format is 'graphnet'"),
    ],
)
def test_manifests_that_are_no_network(sample, refused, change, problem):
    with_manifest(sample, change)
    with refused(LoadError, repr(str(sample)), "member '", problem):
        gn.load(sample)


def test_leaves_of_a_dtype_they_can_not_have(path, refused):
    gn.save(path, [gn.parameter("w", [1.0]), gn.constant([True])], state={"half": np.zeros(3, np.float16)})
    with_manifest(path, lambda m: (m["parameters"].update(w=1), m["graph"]["nodes"][1].update(value=0)))
    with refused(LoadError, "node 0 'w': parameter 'w' has dtype bool, which it can't have"):
        gn.load(path)
    with_manifest(path, lambda m: (m["parameters"].update(w=0), m["graph"]["nodes"][1].update(value=2)))
    with refused(LoadError, "node 1 'constant': a constant has dtype float16, which it can't have"):
        gn.load(path)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ('{"version": 1, "version": 1}', "the key 'version' is there twice"),
        ('{"format": NaN}', "NaN is not a number of JSON"),
        ('{"format": -Infinity}', "-Infinity is not a number of JSON"),
        ('{"format": 1e999}', "the number 1e999 is too large"),
        (f'{{"format": {"9" * 5000}}}', "Exceeds the limit"),
        ("[" * 100_000 + "]" * 100_000, "its lists and objects are nested too deeply"),
        ("{'format': 1}", "Expecting property name"),
        ("[1]", "it does not say that the format is 'graphnet'"),
        ("", "Expecting value"),
    ],
)
def test_json_that_no_one_writes(sample, refused, text, problem):
    sample.write_bytes(seal(members_of(sample.read_bytes()), text.encode()))
    with refused(LoadError, f"{str(sample)!r}, member 'manifest.json': ", problem):
        gn.load(sample)


def test_a_member_that_is_compressed_doubled_or_not_listed(sample, refused):
    members = members_of(sample.read_bytes())
    pairs, comment = list(members.items()), seal_of(members)
    sample.write_bytes(archive_of(pairs, comment, zipfile.ZIP_DEFLATED))
    with refused(LoadError, "member 'arrays/0.npy': it is compressed or encrypted, which gn.save never does"):
        gn.load(sample)
    with pytest.warns(UserWarning, match="Duplicate name"):
        sample.write_bytes(archive_of([*pairs, pairs[1]], comment))
    with refused(LoadError, "member 'arrays/1.npy': there are two members of this name"):
        gn.load(sample)
    sample.write_bytes(archive_of([*pairs, ("../evil.py", b"")], comment))
    with refused(
        LoadError, "member '../evil.py': it is in the manifest and not in the archive, or in the archive only"
    ):
        gn.load(sample)


@pytest.mark.parametrize(
    ("change", "start"),
    [
        (lambda m: m["arrays"][1].update(dtype="x" * 10_000), "its dtype is"),
        (lambda m: m["arrays"][1].update(shape=[-1] * 10_000), "its shape is"),
        (lambda m: m.update(version="9" * 10_000), "the format has version"),
        (lambda m: node(m, "matmul").update(op=["x" * 10_000]), "node 5 "),
    ],
)
def test_what_is_quoted_from_a_file_is_cut(sample, refused, change, start):
    with_manifest(sample, change)
    with refused(LoadError, start) as caught:
        gn.load(sample)
    assert len(str(caught.value)) < 1_000


def test_a_member_whose_own_header_is_damaged(sample, refused):
    content = bytearray(sample.read_bytes())
    content[content.index(b"arrays/0.npy") - 30] ^= 1  # the first byte of its header, before a name that is right
    sample.write_bytes(content)
    with refused(LoadError, "member 'arrays/0.npy': it does not start where the archive says"):
        gn.load(sample)


def test_a_member_that_says_it_is_encrypted(sample, refused):
    content = bytearray(sample.read_bytes())
    content[content.index(b"PK\x01\x02") + 8] |= 1
    sample.write_bytes(content)
    with refused(LoadError, "it is compressed or encrypted, which gn.save never does"):
        gn.load(sample)


@pytest.mark.parametrize("count", [5, 6])
def test_of_many_parameters_that_are_lacking_five_are_named(path, refused, count):
    gn.save(path, gn.parameter("w", 0.0))
    other = gn.Graph([gn.parameter(f"w{i}", 0.0) for i in range(count)])
    with refused(LoadError, "the file lacks 'w0', 'w1', 'w2', 'w3', 'w4'") as caught:
        gn.load_parameters(path, other)
    assert (", ..." in str(caught.value)) == (count > 5)


def test_truth_values_are_true_or_false(path, refused):
    gn.save(path, gn.constant([True, False]))
    members = members_of(path.read_bytes())
    members["arrays/0.npy"] = members["arrays/0.npy"][:-1] + b"\x02"
    manifest = json.loads(members["manifest.json"])
    manifest["arrays"][0]["sha256"] = [hashlib.sha256(b"\x01\x02").hexdigest()]
    path.write_bytes(seal(members, json.dumps(manifest).encode()))
    with refused(LoadError, "member 'arrays/0.npy': it holds bytes that are neither true nor false"):
        gn.load(path)


# What loading does to the machine ---------------------------------------------------------------------------------------

WATCHED = """
import sys
import graphnet as gn
path, verb = sys.argv[1:]
w = gn.parameter("w", [1.0, 2.0])
loaders = {"load": gn.load, "parameters": gn.load_parameters, "state": gn.load_state}  # which loads their modules
events = []
sys.addaudithook(lambda event, args: events.append((event, str(args[0]) if args else "")))
loaders[verb](path, *([w] if verb == "parameters" else []))
seen = list(events)
print(*[f"{event} {what}" for event, what in seen if not event.startswith(("object.", "_thread", "sys._getframe"))], sep="\\n")
"""


@pytest.mark.parametrize("verb", ["load", "parameters", "state"])
def test_loading_opens_the_file_and_nothing_else_and_imports_nothing(path, verb):
    gn.save(path, gn.parameter("w", [3.0, 4.0]), state={"a": np.arange(100_000.0)})
    done = subprocess.run([sys.executable, "-c", WATCHED, str(path), verb], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == [f"open {path}"]


MEASURED = """
import sys, tracemalloc
import graphnet as gn
path, verb = sys.argv[1:]
if verb == "save":
    import numpy as np
    parameters = [gn.parameter(f"w{i}", np.full(2_000_000, i)) for i in range(4)]
tracemalloc.start()
if verb == "save":
    gn.save(path, parameters)
else:
    graph = gn.load(path)
print(tracemalloc.get_traced_memory()[1])
"""


@pytest.mark.parametrize(("verb", "most"), [("save", 0.2), ("load", 1.2)])
def test_memory_stays_below_the_size_of_the_file(path, verb, most):
    gn.save(path, [gn.parameter(f"w{i}", np.full(2_000_000, i)) for i in range(4)])
    size = path.stat().st_size
    done = subprocess.run([sys.executable, "-c", MEASURED, str(path), verb], capture_output=True, text=True, check=True)
    assert int(done.stdout) < most * size
