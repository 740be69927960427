"""The summary of a reference that later windows are compared with; it holds distinct values and counts, no rows."""

import hashlib
import io
import json
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from typing import cast

import numpy as np

from mlmon_dagster.drift.column import Column, Kind
from mlmon_dagster.errors import DataError

VERSION = 1
"""Of the file format; another one is refused."""

EPOCH = (1980, 1, 1, 0, 0, 0)
"""A fixed moment for the archive's members, so that equal profiles have equal bytes."""


@dataclass(frozen=True)
class Profile:
    """Named columns of a reference.

    >>> profile = Profile.of({"price": Column.of("price", [1.0, 2.0, 2.0])})
    >>> Profile.from_bytes(profile.to_bytes()).columns["price"].mean == profile.columns["price"].mean
    True
    """

    columns: Mapping[str, Column]
    rows: int

    @classmethod
    def of(cls, columns: Mapping[str, Column]) -> "Profile":
        """The profile of these columns, which must be equally long; an empty reference is an error."""
        rows = {column.rows for column in columns.values()}
        if len(rows) > 1:
            raise DataError(f"the reference's columns have different lengths: {sorted(rows)}")
        if not rows or not max(rows):
            raise DataError(
                "the reference is empty", hint="nothing can be compared with it: choose a period that has rows"
            )
        return cls(dict(columns), rows.pop())

    @property
    def digest(self) -> str:
        """SHA-256 of its bytes."""
        return hashlib.sha256(self.to_bytes()).hexdigest()

    def to_bytes(self) -> bytes:
        """The profile as a file: an archive of plain numpy arrays, the same bytes for the same profile."""
        about = {
            "version": VERSION,
            "rows": self.rows,
            "columns": [
                {"name": one.name, "kind": one.kind, "missing": one.missing, "infinite": one.infinite}
                for one in self.columns.values()
            ],
        }
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
            _member(archive, "profile.json", json.dumps(about, sort_keys=True, ensure_ascii=True).encode())
            for place, column in enumerate(self.columns.values()):
                _member(archive, f"{place}.values.npy", _array(column.values))
                _member(archive, f"{place}.counts.npy", _array(column.counts))
        return buffer.getvalue()

    @classmethod
    def from_bytes(cls, content: bytes) -> "Profile":
        """The profile in such a file; `DataError` for one that is cut, changed or of another version."""
        try:
            with zipfile.ZipFile(io.BytesIO(content)) as archive:
                about = json.loads(archive.read("profile.json"))
                if about["version"] != VERSION:
                    raise DataError(f"the profile has version {about['version']}, this program reads version {VERSION}")
                columns = {}
                for place, one in enumerate(about["columns"]):
                    values = np.load(io.BytesIO(archive.read(f"{place}.values.npy")), allow_pickle=False)
                    counts = np.load(io.BytesIO(archive.read(f"{place}.counts.npy")), allow_pickle=False)
                    columns[one["name"]] = Column(
                        one["name"], cast(Kind, one["kind"]), values, counts, one["missing"], one["infinite"]
                    )
                return cls(columns, about["rows"])
        except (zipfile.BadZipFile, KeyError, ValueError, EOFError, TypeError) as error:
            raise DataError(f"this is not a reference profile: {error}", hint="register the model again") from error


def _member(archive: zipfile.ZipFile, name: str, content: bytes) -> None:
    archive.writestr(zipfile.ZipInfo(name, EPOCH), content, zipfile.ZIP_DEFLATED)


def _array(array: "np.ndarray[tuple[int, ...], np.dtype[np.generic]]") -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, array, allow_pickle=False)
    return buffer.getvalue()
