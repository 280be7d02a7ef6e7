"""Damage to files: by accident, and by someone who makes all digests fit again."""

from __future__ import annotations

import io
import json
import re
import warnings
import zipfile
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

import graphnet as gn
from graphnet.files.archive import MANIFEST, comment, digest
from graphnet.files.exchange import to_description


class Damaged(NamedTuple):
    """The bytes of a damaged file, how they were damaged, and whether the digests were made to fit again."""

    kind: str
    content: bytes
    sealed: bool


def sample_graph() -> gn.Node:
    """A graph with everything a file can hold: scopes, settings, constants of all kinds, a fan-out, parameters."""
    rng = np.random.default_rng(0)
    x, mask = gn.input("x", shape=(None, 3)), gn.input("mask", shape=(None, 2), dtype=bool)
    with gn.scope("hidden"):
        W, b = gn.parameter("W", rng.normal(size=(3, 4))), gn.parameter("b", rng.normal(size=4).astype(np.float32))
        a = gn.leaky_relu(x @ W + b, slope=0.125, name="a")
    part = gn.take(a * a, gn.constant([2, 0], dtype=int), axis=1)[:, ::-1]
    chosen = gn.where(mask & gn.constant([True, False]), part, gn.polynomial(part, [0.5, -1.0]))
    return gn.sum(chosen, axis=(0, 1), name="E")


SAMPLE_STATE = {"epoch": 3, "rate": float("inf"), "moments": [np.arange(6.0).reshape(2, 3)], "words": ("a", None)}


def fingerprint(graph: gn.Graph) -> list[Any]:
    """Return all that a graph is, in a form that can be compared; arrays to the bit."""
    nodes = []
    for node in graph:
        described = to_description(graph, node)
        if "value" in described:
            described["value"] = (described["value"].shape, described["value"].tobytes())
        nodes.append((graph.label(node), described, [graph.label(source) for source in node.inputs]))
    return [nodes, [graph.label(output) for output in graph.outputs]]


def damage(content: bytes, rng: np.random.Generator) -> Damaged:
    """Damage a file in one of all ways."""
    kind = KINDS[rng.integers(len(KINDS))]
    damaged = WAYS[kind](content, rng)
    return Damaged(kind, damaged, kind.startswith("sealed"))


# Bytes of the file --------------------------------------------------------------------------------------------------


def flip_bits(content, rng):
    data = bytearray(content)
    for _ in range(rng.integers(1, 9)):
        data[rng.integers(len(data))] ^= 1 << rng.integers(8)
    return bytes(data)


def truncate(content, rng):
    return content[: rng.integers(len(content))]


def insert(content, rng):
    at = rng.integers(len(content) + 1)
    return content[:at] + rng.bytes(rng.integers(1, 100)) + content[at:]


def remove(content, rng):
    at = rng.integers(len(content))
    return content[:at] + content[at + rng.integers(1, 100) :]


def overwrite(content, rng):
    at, length = rng.integers(len(content)), rng.integers(1, 600)
    filler = bytes(length) if rng.random() < 0.5 else rng.bytes(length)
    return (content[:at] + filler)[: len(content)] + content[at + length :]


def move_a_block(content, rng):
    first, second, length = (int(i) for i in rng.integers(len(content) // 2, size=3))
    block = content[first : first + length]
    rest = content[:first] + content[first + length :]
    return rest[:second] + block + rest[second:]


def write_a_number(content, rng):
    """Lie in a field of the zip's own: sizes, offsets, counts, flags, method of compression, lengths of names."""
    places = [m.start() for m in re.finditer(rb"PK(\x01\x02|\x03\x04|\x05\x06)", content)]
    at = places[rng.integers(len(places))] + 4 + int(rng.integers(44))
    size = int(rng.choice([1, 2, 4]))
    number = int(rng.choice([0, 1, 8, 99, 0xFFFF, 0xFFFFFFFF, len(content), int(rng.integers(1 << 32))])) % 256**size
    return (content[:at] + number.to_bytes(size, "little") + content[at + size :])[: len(content)]


# Members ------------------------------------------------------------------------------------------------------------


def members_of(content: bytes) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def archive_of(members: list[tuple[str, bytes]], seal: bytes = b"", method: int = zipfile.ZIP_STORED) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", method) as archive:
        for name, data in members:
            archive.writestr(zipfile.ZipInfo(name), data, method)
        archive.comment = seal
    return file.getvalue()


def seal_of(members: dict[str, bytes]) -> bytes:
    return comment(members[MANIFEST])


def swap_members(content, rng):
    members = members_of(content)
    first, second = rng.choice(sorted(members), size=2, replace=False)
    seal = seal_of(members)
    members[first], members[second] = members[second], members[first]
    return archive_of(list(members.items()), seal)


def double_a_member(content, rng):
    members = members_of(content)
    name = rng.choice(sorted(members))
    other = flip_bits(members[name], rng) if rng.random() < 0.5 else members[name]
    pairs = [*members.items(), (str(name), other)]
    with warnings.catch_warnings(action="ignore"):  # zipfile's, of the two
        return archive_of(pairs[:: int(rng.choice([1, -1]))], seal_of(members))


def compress_a_member(content, rng):
    members = members_of(content)
    return archive_of(list(members.items()), seal_of(members), zipfile.ZIP_DEFLATED)


def drop_or_add_a_member(content, rng):
    members = members_of(content)
    seal = seal_of(members)
    if rng.random() < 0.5:
        del members[str(rng.choice(sorted(members)))]
    else:
        members[str(rng.choice(["arrays/99.npy", "../evil.py", "/etc/passwd", "code.py", "arrays/"]))] = b"data"
    return archive_of(list(members.items()), seal)


def compressed_bomb(content, rng):
    members = members_of(content)
    name = str(rng.choice(sorted(members)))
    members[name] = bytes(50_000_000)
    return archive_of(list(members.items()), seal_of(members), zipfile.ZIP_DEFLATED)


# Contents, with all digests made to fit -----------------------------------------------------------------------------

HOSTILE = [
    None, True, -1, 0, 1, 2**31, 2**63, 10**4000, -(10**30), 0.5, -0.0, 1e308, "", "x", "a1", "eval", "os.system", "\ud800",
    [], [None], [10**12, 10**12], [0, 2**63], [-1], ["a"], {}, {"a": 1}, {"array": 0}, {"scalar": 2}, {"tuple": 3},
    {"tuple": [1, {"array": 1}]}, {"slice": [1, 2]}, {"float": "1"}, {"float": "nan"}, {"ellipsis": 1}, {"dict": {"z": []}},
]  # fmt: skip

RAW = [
    "NaN", "-Infinity", "1e999", "9" * 5000, "0." + "9" * 5000, "1" + "0" * 5000 + ".0", "[" * 100_000 + "]" * 100_000,
    "[" * 300 + "]" * 300, '{"a":' * 5000 + "1" + "}" * 5000, '{"k":1,"k":2}', "'a'", "", "01", '"\\ud800"', "{} {}",
]  # fmt: skip


def seal(members: dict[str, bytes], manifest: bytes) -> bytes:
    members = members | {MANIFEST: manifest}
    return archive_of(list(members.items()), comment(manifest))


def places(value: Any) -> list[tuple[Any, Any]]:
    """Return every (container, key) in JSON."""
    found, stack = [], [value]
    while stack:
        container = stack.pop()
        for key in container if isinstance(container, dict) else range(len(container)):
            found.append((container, key))
            if isinstance(container[key], (dict, list)):
                stack.append(container[key])
    return found


def other_values(content, rng):
    """Put hostile values into the manifest, remove or double entries, or exchange two."""
    members = members_of(content)
    manifest = json.loads(members[MANIFEST])
    for _ in range(rng.integers(1, 4)):
        found = places(manifest)
        container, key = found[rng.integers(len(found))]
        other, other_key = found[rng.integers(len(found))]
        way = rng.integers(4)
        if way == 0:
            container[key] = HOSTILE[rng.integers(len(HOSTILE))]
        elif way == 1:
            del container[key]
        elif way == 2 and isinstance(container, list):
            container.append(json.loads(json.dumps(container[key])))
        else:
            container[key] = json.loads(json.dumps(other[other_key]))
    return seal(members, json.dumps(manifest).encode())


def other_text(content, rng):
    """Put text into the manifest that is no JSON, or JSON that no one writes."""
    members = members_of(content)
    manifest = json.loads(members[MANIFEST])
    found = places(manifest)
    container, key = found[rng.integers(len(found))]
    container[key] = "@here@"
    text = json.dumps(manifest).replace('"@here@"', RAW[rng.integers(len(RAW))])
    return seal(members, text.encode())


def other_bytes_of_the_manifest(content, rng):
    members = members_of(content)
    return seal(members, [flip_bits, truncate, insert, remove, overwrite][rng.integers(5)](members[MANIFEST], rng))


def doubled_keys(content, rng):
    members = members_of(content)
    text = members[MANIFEST].decode()
    key = rng.choice(re.findall(r'"\w+":', text))
    return seal(members, text.replace(key, f"{key}1,{key}", 1).encode())


def lying_arrays(content, rng):
    """Claim another shape or dtype in the manifest, in the header of the array, or in both."""
    members = members_of(content)
    manifest = json.loads(members[MANIFEST])
    at = int(rng.integers(len(manifest["arrays"])))
    entry, name = manifest["arrays"][at], f"arrays/{at}.npy"
    shape = [[10**12], [2**40, 2**40], [0, 2**62], [1] * 65, [], [3, 4], [0]][rng.integers(7)]
    dtype = str(rng.choice(["float64", "float32", "bool", "int64", "object", "V8", "float128", "complex128"]))
    data = members[name][members[name].index(b"\n") + 1 :]
    if rng.random() < 0.7:
        entry |= {"shape": shape} if rng.random() < 0.5 else {"dtype": dtype}
    if rng.random() < 0.7:
        text = {
            "descr": "|O" if dtype == "object" else "<f8",
            "fortran_order": bool(rng.integers(2)),
            "shape": tuple(shape),
        }
        header = io.BytesIO()
        np.lib.format.write_array_header_1_0(header, text)
        members[name] = header.getvalue() + data
    if rng.random() < 0.5:
        data = data + bytes(int(rng.integers(64)))
        entry["sha256"] = [digest(data)]
    return seal(members, json.dumps(manifest).encode())


def overlapping_members(content, rng):
    """Let many members lie on the same bytes: small as a file, large in memory."""
    data = np.zeros(100_000)
    header = io.BytesIO()
    np.lib.format.write_array(header, data)
    count = 300
    arrays = [{"dtype": "float64", "shape": [100_000], "sha256": [digest(data[:0].tobytes())]}] * count
    manifest = json.dumps(json.loads(members_of(content)[MANIFEST]) | {"arrays": arrays}).encode()
    pairs = [
        ("arrays/0.npy", header.getvalue()),
        *[(f"arrays/{i}.npy", b"") for i in range(1, count)],
        (MANIFEST, manifest),
    ]
    file = bytearray(archive_of(pairs, comment(manifest)))
    at = -1
    for _ in range(count):
        at = file.index(b"PK\x01\x02", at + 1)
        size = len(header.getvalue()).to_bytes(4, "little")
        file[at + 20 : at + 28] = size + size
        file[at + 42 : at + 46] = bytes(4)
    return bytes(file)


WAYS: dict[str, Callable[[bytes, np.random.Generator], bytes]] = {
    "bits": flip_bits,
    "truncated": truncate,
    "inserted": insert,
    "removed": remove,
    "overwritten": overwrite,
    "moved": move_a_block,
    "zip fields": write_a_number,
    "swapped members": swap_members,
    "doubled member": double_a_member,
    "compressed": compress_a_member,
    "dropped or added member": drop_or_add_a_member,
    "overlapping": overlapping_members,
    "bomb": compressed_bomb,
    "sealed values": other_values,
    "sealed text": other_text,
    "sealed bytes": other_bytes_of_the_manifest,
    "sealed doubled keys": doubled_keys,
    "sealed lying arrays": lying_arrays,
}
RARE = {"bomb", "overlapping"}  # slow to make
KINDS = [kind for kind in WAYS for _ in range(1 if kind in RARE else 20)]
