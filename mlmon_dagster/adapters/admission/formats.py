"""Formats by name and by bytes: each file is what its name says, and none is something that runs when it is read."""

import io
import json
import pickletools
import struct
import zipfile
from collections.abc import Callable, Generator, Iterator, Mapping
from pathlib import Path

import numpy as np

from mlmon_dagster.adapters.admission.findings import Finding
from mlmon_dagster.adapters.admission.wire import read_onnx

Examine = Callable[[str, bytes], Iterator[Finding]]

PICKLES = frozenset(("pkl", "pickle", "joblib", "dill", "cloudpickle", "p", "pck"))
LARGEST_UNPACKED = 8 << 30
LARGEST_RATIO = 1_000
LOOKED_AT = 1 << 20
"""Bytes of a file that are searched for a pickle."""

OPSETS: Mapping[str, int] = {"": 24, "ai.onnx": 24, "ai.onnx.ml": 5}
"""ONNX operator domains that the runtime knows, with their newest version."""


def examine_format(name: str, path: Path) -> Iterator[Finding]:
    """Whether the file is of an admitted format and truly of it."""
    content = path.read_bytes()
    last = name.rpartition("/")[2]
    kind = last.rpartition(".")[2].lower() if "." in last else last
    if kind in PICKLES or looks_like_pickle(content):
        code = "PICKLE" if kind in PICKLES or kind not in FORMATS else "MAGIC"
        yield Finding(code, name, "it is a pickle, and loading one runs the code in it")
        return
    examine = FORMATS.get(kind)
    if examine is None:
        yield Finding("FORMAT", name, f"files of the kind {kind!r} are not admitted")
        return
    yield from examine(name, content)


def looks_like_pickle(content: bytes) -> bool:
    """Whether the bytes are a pickle: of protocol 2 or later by their first bytes, of an older one when they read as
    one to its end and call something.
    """
    if content[:1] == b"\x80" and content[1:2] in (b"\x02", b"\x03", b"\x04", b"\x05"):
        return True
    calling = {"GLOBAL", "INST", "REDUCE", "BUILD", "OBJ"}
    try:
        operations = {operation.name for operation, _, _ in pickletools.genops(content[:LOOKED_AT])}
    except Exception:  # pickletools raises whatever the bytes make it raise: they are no pickle
        return False
    return bool(operations & calling)


def _text(name: str, content: bytes) -> Iterator[Finding]:
    try:
        text = content.decode()
    except UnicodeDecodeError:
        yield Finding("MAGIC", name, "it is no text in UTF-8")
        return
    if "\0" in text:
        yield Finding("MAGIC", name, "it is no text: it holds zero bytes")


def _json(name: str, content: bytes) -> Iterator[Finding]:
    try:
        json.loads(content.decode())
    except (UnicodeDecodeError, ValueError, RecursionError):
        yield Finding("MAGIC", name, "it is no JSON in UTF-8")


def _requirements(name: str, content: bytes) -> Iterator[Finding]:
    yield from _text(name, content)
    for line in content.decode(errors="replace").splitlines():
        plain = line.partition("#")[0].strip()
        if plain and ("://" in plain or "@" in plain or plain.startswith("-") or "==" not in plain):
            yield Finding("DEPS", name, f"{plain[:80]!r} is no pinned package of the index (name==version)")


def _skops(name: str, content: bytes) -> Iterator[Finding]:
    members = yield from _members(name, content)
    if "schema.json" not in members:
        yield Finding("MAGIC", name, "it is an archive, but not one of skops")
    for member, inner in members.items():
        if member.endswith(".json"):
            yield from _json(f"{name}!{member}", inner)
        elif member.endswith(".npy"):
            yield from _npy(f"{name}!{member}", inner)
        elif member.endswith(".npz"):
            yield from _npz(f"{name}!{member}", inner)
        elif _packed(inner) or looks_like_pickle(inner):
            yield Finding("NESTED", f"{name}!{member}", "it is packed inside of an archive")


def _npz(name: str, content: bytes) -> Iterator[Finding]:
    members = yield from _members(name, content)
    for member, inner in members.items():
        if member.endswith(".npy"):
            yield from _npy(f"{name}!{member}", inner)
        elif member.endswith(".json"):
            yield from _json(f"{name}!{member}", inner)
        elif _packed(inner):
            yield Finding("NESTED", f"{name}!{member}", "it is packed inside of an archive")
        else:
            yield Finding("FORMAT", f"{name}!{member}", "an archive of arrays holds .npy and .json only")


def _npy(name: str, content: bytes) -> Iterator[Finding]:
    stream = io.BytesIO(content)
    try:
        version = np.lib.format.read_magic(stream)
        read = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}[version]
        _, _, dtype = read(stream)
    except (ValueError, KeyError, SyntaxError, TypeError) as error:
        yield Finding("MAGIC", name, f"it is no numpy array: {error}")
        return
    if dtype.hasobject:
        yield Finding("PICKLE", name, "it holds Python objects, which numpy keeps as a pickle")


def _members(name: str, content: bytes) -> Generator[Finding, None, dict[str, bytes]]:
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            infos = archive.infolist()
            unpacked = sum(info.file_size for info in infos)
            if unpacked > min(LARGEST_UNPACKED, max(len(content), 10_000) * LARGEST_RATIO):
                yield Finding("SIZE", name, f"it unpacks to {unpacked} bytes")
                return {}
            for info in infos:
                if info.filename.startswith("/") or ".." in Path(info.filename).parts:
                    yield Finding("PATH", name, f"its member {info.filename[:80]!r} leads outside")
                    return {}
            return {info.filename: archive.read(info) for info in infos if not info.is_dir()}
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError, EOFError, OSError, ValueError) as error:
        yield Finding("MAGIC", name, f"it is no archive that can be read: {error}")
        return {}


def _onnx(name: str, content: bytes) -> Iterator[Finding]:
    try:
        facts = read_onnx(content)
    except ValueError as error:
        yield Finding("MAGIC", name, f"it is no ONNX model: {error}")
        return
    for domain, version in sorted(facts.opsets.items()):
        newest = OPSETS.get(domain)
        if newest is not None and version > newest:
            yield Finding("OPSET", name, f"it needs version {version} of {domain or 'ai.onnx'}, {newest} is known")
    foreign = {domain for domain, _ in facts.operators} | set(facts.opsets)
    for domain in sorted(foreign - set(OPSETS)):
        yield Finding("OPS", name, f"it uses operators of the domain {domain[:80]!r}")
    if facts.functions:
        yield Finding("OPS", name, "it brings functions of its own")
    if facts.external:
        yield Finding("PATH", name, "a tensor of it is kept in another file")


def _safetensors(name: str, content: bytes) -> Iterator[Finding]:
    try:
        size = struct.unpack_from("<Q", content)[0]
        header = json.loads(content[8 : 8 + size].decode()) if size <= len(content) - 8 else None
        spans = sorted(
            tuple(map(int, one["data_offsets"])) for key, one in (header or {}).items() if key != "__metadata__"
        )
    except (struct.error, ValueError, KeyError, TypeError, AttributeError) as error:
        yield Finding("CORRUPT", name, f"it is no safetensors file: {error}")
        return
    if header is None:
        yield Finding("CORRUPT", name, f"its header would have {size} bytes")
        return
    end = 0
    for start, stop in spans:
        if start != end or stop < start:
            yield Finding("CORRUPT", name, "its tensors overlap or leave gaps")
            return
        end = stop
    if end != len(content) - 8 - size:
        yield Finding("CORRUPT", name, "its tensors do not fill the file")


def _binary_json(name: str, content: bytes) -> Iterator[Finding]:
    if content[:1] != b"{":
        yield Finding("MAGIC", name, "it is no UBJSON object")


def _parquet(name: str, content: bytes) -> Iterator[Finding]:
    if content[:4] != b"PAR1" or content[-4:] != b"PAR1":
        yield Finding("MAGIC", name, "it is no Parquet file")


def _packed(content: bytes) -> bool:
    return (
        content[:4] == b"PK\x03\x04" or content[:2] in (b"\x1f\x8b", b"BZ", b"\x78\x9c") or content[:6] == b"\xfd7zXZ\0"
    )


FORMATS: Mapping[str, Examine] = {
    "MLmodel": _text,
    "json": _json,
    "yaml": _text,
    "yml": _text,
    "txt": _text,
    "md": _text,
    "sig": _json,
    "html": _text,
    "csv": _text,
    "skops": _skops,
    "npz": _npz,
    "zip": _npz,
    "npy": _npy,
    "onnx": _onnx,
    "safetensors": _safetensors,
    "ubj": _binary_json,
    "parquet": _parquet,
}
"""Ending of a name -> what its bytes must be. An archive (`.zip`) holds arrays and JSON, as `drift.packing` has it."""


def examine_content(name: str, path: Path) -> Iterator[Finding]:
    """The format, and for the list of requirements what it asks for."""
    if name.rpartition("/")[2] == "requirements.txt":
        yield from _requirements(name, path.read_bytes())
    else:
        yield from examine_format(name, path)
