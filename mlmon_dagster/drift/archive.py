"""The file of a profile: plain numpy arrays and a description in a zip archive, byte for byte the same for the same."""

import io
import json
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np

from mlmon_dagster.drift.bins import Bins, upper_ends
from mlmon_dagster.drift.column import Column
from mlmon_dagster.drift.covariance import Covariance
from mlmon_dagster.drift.grid import Grid
from mlmon_dagster.drift.parts import Parts
from mlmon_dagster.drift.scores import Scores
from mlmon_dagster.drift.search import Array
from mlmon_dagster.errors import DataError

PLAIN_VERSION, VERSION = 2, 3
"""Of the file format: of columns alone, and with more parts. Others are refused."""

EPOCH = (1980, 1, 1, 0, 0, 0)
"""A fixed moment for the archive's members, so that equal profiles have equal bytes."""

PLAIN = ("name", "kind", "missing", "infinite", "minus_infinite", "other", "squares", "dtype")
"""What a column is described by, beside its arrays."""


@dataclass(frozen=True)
class Kept:
    """What a profile's file holds."""

    columns: Mapping[str, Column]
    rows: int
    parts: Parts = field(default_factory=Parts)


def write_archive(kept: Kept) -> bytes:
    """Members are stored and not compressed: compressors differ from machine to machine, bytes may not.

    A profile of columns alone has the bytes that it had before there were other parts.
    """
    columns, parts = kept.columns, _parts(kept)
    version = VERSION if parts else PLAIN_VERSION
    about: dict[str, Any] = {"version": version, "rows": kept.rows}
    about["columns"] = [_described(one) for one in columns.values()]
    about |= {name: described for name, (described, _) in parts.items()}
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        _member(archive, "profile.json", json.dumps(about, sort_keys=True, ensure_ascii=True).encode())
        for part, (_, arrays) in parts.items():
            for name, array in arrays.items():
                _member(
                    archive,
                    f"{part}.{name}.npy",
                    _npy(_small(array) if array.dtype == np.int64 and name != "edges" else array),
                )
        for place, column in enumerate(columns.values()):
            for name, array in _arrays(column).items():
                _member(archive, f"{place}.{name}.npy", _npy(array))
    return buffer.getvalue()


def read_archive(content: bytes) -> Kept:
    """What is kept; a part that is not there is None. `DataError` for a file cut, changed or of another version."""
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            about = json.loads(archive.read("profile.json"))
            if about["version"] not in (PLAIN_VERSION, VERSION):
                raise DataError(
                    f"the profile has version {about['version']}, this program reads version {PLAIN_VERSION} and "
                    f"{VERSION}",
                    hint="register the model again, or build the profile again: mlmon profile build",
                )
            columns = [_column(archive, place, one) for place, one in enumerate(about["columns"])]
            kept = {column.name: column for column in columns}
            return Kept(kept, int(about["rows"]), _read_parts(archive, about))
    except (zipfile.BadZipFile, KeyError, ValueError, EOFError, TypeError, AttributeError) as error:
        raise DataError(f"this is not a reference profile: {error}", hint="register the model again") from error


def _parts(kept: Kept) -> dict[str, tuple[dict[str, Any], dict[str, Array]]]:
    """Name of each part beside the columns -> its document and arrays."""
    together = kept.parts.covariance
    found = {} if together is None else {"covariance": together.packed()}
    return found | {f"scores.{place}": one.packed() for place, one in enumerate(kept.parts.scores.values())}


def _read_parts(archive: zipfile.ZipFile, about: Mapping[str, Any]) -> Parts:
    together = None
    if "covariance" in about:
        together = Covariance.unpacked(about["covariance"], partial(_array, archive, "covariance"))
    names = [name for name in sorted(about) if name.startswith("scores.")]
    scores = [Scores.unpacked(about[name], partial(_array, archive, name)) for name in names]
    return Parts(together, {one.axis.name: one for one in scores})


def _array(archive: zipfile.ZipFile, place: str, name: str) -> Array:
    found: Array = np.load(io.BytesIO(archive.read(f"{place}.{name}.npy")), allow_pickle=False)
    return found


def _described(column: Column) -> dict[str, Any]:
    about = {name: getattr(column, name) for name in PLAIN}
    if column.bins is None:
        return about
    bins = column.bins
    return about | {
        "bins": {
            "origin": bins.grid.origin,
            "exponent": bins.grid.exponent,
            "total": str(bins.total),
            "square_total": str(bins.square_total),
            "rows": bins.rows,
            "low": bins.low,
            "high": bins.high,
            "clipped": bins.clipped,
            "whole": bins.whole,
        }
    }


def _arrays(column: Column) -> dict[str, Array]:
    if column.bins is not None:
        assert column.weights is not None  # noqa: S101 - bins have their rows there
        return {
            "edges": column.bins.grid.edges,
            "counts": _small(column.weights),
            "sums.high": _small(column.bins.sums[0]),
            "sums.low": _small(column.bins.sums[1]),
        }
    if column.kind == "categorical":
        texts = [name.encode("utf-8", "surrogatepass") for name in column.ascending.tolist()]
        return {
            "text": np.frombuffer(b"".join(texts), dtype=np.uint8),
            "lengths": _small(np.array([len(text) for text in texts], dtype=np.int64)),
            "counts": _small(column.counts),
        }
    return {"values": column.values + 0, "counts": _small(column.counts)}  # -0.0 and 0.0 are one value: 0.0


def _column(archive: zipfile.ZipFile, place: int, about: dict[str, Any]) -> Column:
    array = partial(_array, archive, str(place))
    plain = {name: about[name] for name in PLAIN}
    counts = array("counts").astype(np.int64)
    if "bins" in about:
        raw = about["bins"]
        grid = Grid(array("edges"), raw["origin"], raw["exponent"])
        sums = np.stack([array("sums.high").astype(np.int64), array("sums.low").astype(np.int64)])
        totals = int(raw["total"]), int(raw["square_total"])
        bins = Bins(grid, sums, *totals, raw["rows"], raw["low"], raw["high"], raw["clipped"], raw["whole"])
        return Column(**plain, ascending=upper_ends(grid), weights=counts, bins=bins)
    if about["kind"] == "categorical":
        return Column(**plain, ascending=_texts(array("text").tobytes(), array("lengths")), weights=counts)
    return Column(**plain, ascending=array("values"), weights=None if (counts == 1).all() else counts)


def _texts(joined: bytes, lengths: Array) -> Array:
    ends = np.cumsum(lengths.astype(np.int64)).tolist()
    texts = np.empty(len(ends), dtype=object)
    starts = [0, *ends][: len(ends)]
    texts[:] = [joined[start:end].decode("utf-8", "surrogatepass") for start, end in zip(starts, ends, strict=True)]
    return texts


def _small(counts: Array) -> Array:
    """Whole numbers in the smallest type that holds them all."""
    low, high = (int(counts.min()), int(counts.max())) if len(counts) else (0, 0)
    for dtype in (np.int8, np.int16, np.int32):
        if np.iinfo(dtype).min <= low and high <= np.iinfo(dtype).max:
            return counts.astype(dtype)
    return counts


def _member(archive: zipfile.ZipFile, name: str, content: bytes) -> None:
    archive.writestr(zipfile.ZipInfo(name, EPOCH), content, zipfile.ZIP_STORED)


def _npy(array: Array) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, array, allow_pickle=False)
    return buffer.getvalue()
