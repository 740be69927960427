"""Numbers in one file without pickle: an archive of plain numpy arrays and a JSON document, equal for equal content."""

import io
import json
import zipfile
from collections.abc import Mapping
from typing import Any

import numpy as np

from mlmon_dagster.drift.column import Array
from mlmon_dagster.errors import DataError

EPOCH = (1980, 1, 1, 0, 0, 0)
"""A fixed moment for the archive's members."""

DOCUMENT = "about.json"


def pack(about: Mapping[str, Any], arrays: Mapping[str, Array]) -> bytes:
    """The document and the arrays as bytes; arrays hold numbers or text, never objects."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        _member(archive, DOCUMENT, json.dumps(about, sort_keys=True, ensure_ascii=True).encode())
        for name in sorted(arrays):
            content = io.BytesIO()
            np.save(content, np.ascontiguousarray(arrays[name]), allow_pickle=False)
            _member(archive, f"{name}.npy", content.getvalue())
    return buffer.getvalue()


def unpack(content: bytes, what: str) -> tuple[dict[str, Any], dict[str, Array]]:
    """Document and arrays; `DataError` says that it is not `what` for a file that is cut, changed or something else.

    >>> about, arrays = unpack(pack({"kind": "x"}, {"a": np.array([1, 2])}), "an example")
    >>> about["kind"], arrays["a"].tolist()
    ('x', [1, 2])
    """
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            about = json.loads(archive.read(DOCUMENT))
            arrays = {
                name.removesuffix(".npy"): np.load(io.BytesIO(archive.read(name)), allow_pickle=False)
                for name in archive.namelist()
                if name.endswith(".npy")
            }
            return about, arrays
    except (zipfile.BadZipFile, KeyError, ValueError, EOFError, TypeError, OSError) as error:
        raise DataError(f"this is not {what}: {error}", hint="register the model again") from error


def _member(archive: zipfile.ZipFile, name: str, content: bytes) -> None:
    archive.writestr(zipfile.ZipInfo(name, EPOCH), content, zipfile.ZIP_STORED)
