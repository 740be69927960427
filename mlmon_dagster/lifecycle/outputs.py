"""Versioned outputs of stages: immutable Parquet files named by their digest, and one manifest for each window.

The manifest is the pointer: it is written last and whole. Whatever interrupts a run, the manifest that is there
names complete files, the old ones or the new ones.
"""

import hashlib
import io
import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from mlmon_dagster.errors import DataError, MissingError
from mlmon_dagster.pipeline.stages import StageKey
from mlmon_dagster.ports import ObjectStore

if TYPE_CHECKING:
    import pyarrow

WHOLE = "whole"
"""Stands for the window in the store's keys of stages that have none."""

REASON = "reason"
"""Column of quarantined and refused rows that says why they were set aside."""


@dataclass(frozen=True)
class Output:
    """What a stage made of one window (`window` is `None` for a stage without windows)."""

    key: StageKey
    window: str | None
    digest: str
    """SHA-256 of the Parquet file: the same rows always have the same digest (with the same pyarrow)."""
    rows: int
    bytes: int
    columns: Mapping[str, str]
    """Name -> Arrow type."""
    inputs: Mapping[str, str]
    """What it was made from: name -> digest."""
    quarantined: int = 0
    """Rows set aside with a reason."""
    quarantine: str | None = None
    """Digest of the file that holds them."""
    facts: Mapping[str, Any] = field(default_factory=dict)

    @property
    def verdict(self) -> Literal["ok", "no_data"]:
        """`no_data` for an output without rows."""
        return "ok" if self.rows else "no_data"


@dataclass(frozen=True)
class Outputs:
    """The outputs of every stage in one object store.

    A window's folder is `<pipeline>/[<environment>/]<stage>/<window>/`; writing a window again replaces the whole.
    """

    store: ObjectStore

    def write(
        self,
        key: StageKey,
        window: str | None,
        table: "pyarrow.Table",
        *,
        inputs: Mapping[str, str],
        quarantine: "pyarrow.Table | None" = None,
        facts: Mapping[str, Any] | None = None,
        order: tuple[str, ...] = (),
    ) -> Output:
        """Stores the rows, sorted by the columns of `order`, and points the window at them."""
        before = self.output(key, window)
        content = encode(table, order)
        aside = encode(quarantine, (*order, REASON)) if quarantine is not None and quarantine.num_rows else None
        output = Output(
            key=key,
            window=window,
            digest=digest_of(content),
            rows=table.num_rows,
            bytes=len(content),
            columns={column.name: str(column.type) for column in table.schema},
            inputs=dict(inputs),
            quarantined=0 if quarantine is None else quarantine.num_rows,
            quarantine=None if aside is None else digest_of(aside),
            facts=dict(facts or {}),
        )
        for encoded in (content, aside):
            if encoded is not None:
                self.store.put(_file(key, window, digest_of(encoded)), encoded)
        self.store.put(_manifest(key, window), _json(asdict(output)))
        if before is not None:
            self._remove_replaced(before, output)
        self.store.delete(_refused(key, window))
        return output

    def refuse(self, key: StageKey, window: str | None, rows: "pyarrow.Table", order: tuple[str, ...] = ()) -> str:
        """Keeps the rows that made a run refuse its window, beside the output, which stays; their digest."""
        content = encode(rows, (*order, REASON))
        self.store.put(_refused(key, window), content)
        return digest_of(content)

    def read_refused(self, key: StageKey, window: str | None) -> "pyarrow.Table | None":
        """The rows that made the last run refuse the window, or `None` when the last run wrote it."""
        import pyarrow.parquet as pq

        name = _refused(key, window)
        return pq.read_table(io.BytesIO(self.store.get(name))) if self.store.exists(name) else None

    def output(self, key: StageKey, window: str | None) -> Output | None:
        """What is known of a window's output, or `None` when the stage has not run for it."""
        name = _manifest(key, window)
        if not self.store.exists(name):
            return None
        try:
            fields = json.loads(self.store.get(name))
            return Output(**{**fields, "key": StageKey(**fields["key"])})
        except (ValueError, TypeError, KeyError) as error:
            raise DataError(f"[CORRUPT] {name} is not a manifest", hint=_again(key, window)) from error

    def read(self, key: StageKey, window: str | None) -> "pyarrow.Table":
        """The rows of a window; `MissingError` when the stage has not run, `DataError` when the file was changed."""
        output = self._existing(key, window)
        try:
            return self._read_file(output, output.digest)
        except MissingError:  # a run may have replaced the window since its manifest was read
            output = self._existing(key, window)
            return self._read_file(output, output.digest)

    def read_windows(self, key: StageKey, windows: Iterable[str]) -> "pyarrow.Table":
        """The rows of several windows, one after the other; a column that one of them lacks is null there."""
        import pyarrow as pa

        tables = [self.read(key, window) for window in windows]
        if not tables:
            raise MissingError(f"no window of {key} was named", hint=self._known(key))
        return pa.concat_tables(tables, promote_options="permissive").combine_chunks()

    def read_quarantine(self, key: StageKey, window: str | None) -> "pyarrow.Table | None":
        """The rows set aside, each with its `reason`, or `None` when there are none."""
        output = self._existing(key, window)
        return None if output.quarantine is None else self._read_file(output, output.quarantine)

    def windows(self, key: StageKey) -> list[str]:
        """Keys of the windows that the stage has run for, oldest first."""
        prefix, name = f"{key}/", "/manifest.json"
        found = (stored[len(prefix) : -len(name)] for stored in self.store.keys(prefix) if stored.endswith(name))
        return sorted(window for window in found if window != WHOLE and "/" not in window)

    def write_document(self, key: StageKey, window: str | None, document: Mapping[str, Any]) -> str:
        """Stores a small JSON document beside the rows, replacing the one before; its digest."""
        digest = digest_of(_json(document))
        self.store.put(_document(key, window), _json({"digest": digest, "document": document}))
        return digest

    def write_page(self, key: StageKey, window: str | None, html: str) -> str:
        """Stores a page for people beside the document, replacing the one before; its key in the store."""
        name = f"{_folder(key, window)}/report.html"
        self.store.put(name, html.encode())
        return name

    def read_page(self, key: StageKey, window: str | None) -> str:
        """The page of a window; `MissingError` when there is none."""
        try:
            return self.store.get(f"{_folder(key, window)}/report.html").decode()
        except MissingError:
            raise self._missing(key, window) from None

    def read_document(self, key: StageKey, window: str | None) -> Mapping[str, Any]:
        """The document of a window; `MissingError` when there is none, `DataError` when it was changed."""
        name = _document(key, window)
        try:
            stored = json.loads(self.store.get(name))
            document: Mapping[str, Any] = stored["document"]
            intact = stored["digest"] == digest_of(_json(document))
        except MissingError:
            raise self._missing(key, window) from None
        except (ValueError, TypeError, KeyError):
            intact = False
        if not intact:
            raise DataError(f"[DIGEST] {name} was changed after it was written", hint=_again(key, window))
        return document

    def _read_file(self, output: Output, digest: str) -> "pyarrow.Table":
        import pyarrow.parquet as pq

        name = _file(output.key, output.window, digest)
        content = self.store.get(name)
        if digest_of(content) != digest:
            raise DataError(f"[DIGEST] {name} was changed after it was written", hint=_again(output.key, output.window))
        return pq.read_table(io.BytesIO(content))

    def _existing(self, key: StageKey, window: str | None) -> Output:
        output = self.output(key, window)
        if output is None:
            raise self._missing(key, window)
        return output

    def _missing(self, key: StageKey, window: str | None) -> MissingError:
        return MissingError(f"{key} has no output{f' of window {window}' if window else ''}", hint=self._known(key))

    def _known(self, key: StageKey) -> str:
        windows = self.windows(key)
        known = f"it has {len(windows)}, {windows[0]} to {windows[-1]}" if windows else "it has none yet"
        return f"run the stage first; {known}"

    def _remove_replaced(self, before: Output, now: Output) -> None:
        """Files that only the manifest before named; nothing when another run moved the pointer meanwhile."""
        current = self.output(now.key, now.window)
        if current is None or (current.digest, current.quarantine) != (now.digest, now.quarantine):
            return
        for digest in {before.digest, before.quarantine} - {now.digest, now.quarantine, None}:
            self.store.delete(_file(now.key, now.window, str(digest)))


def encode(table: "pyarrow.Table", order: tuple[str, ...] = ()) -> bytes:
    """The table as Parquet: the same rows give the same bytes, whatever their order when `order` makes it total.

    `DataError` when two columns share a name.
    """
    import pyarrow.parquet as pq

    names = table.column_names
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise DataError(f"[SCHEMA] more than one column is called {', '.join(twice)}")
    by = [(name, "ascending") for name in order if name in names]
    plain = (table.sort_by(by) if by else table).combine_chunks().replace_schema_metadata(None)
    sink = io.BytesIO()
    pq.write_table(plain, sink, compression="zstd", version="2.6", row_group_size=1 << 17)
    return sink.getvalue()


def _folder(key: StageKey, window: str | None) -> str:
    return f"{key}/{window or WHOLE}"


def _file(key: StageKey, window: str | None, digest: str) -> str:
    return f"{_folder(key, window)}/{digest}.parquet"


def _manifest(key: StageKey, window: str | None) -> str:
    return f"{_folder(key, window)}/manifest.json"


def _refused(key: StageKey, window: str | None) -> str:
    return f"{_folder(key, window)}/refused.parquet"


def _document(key: StageKey, window: str | None) -> str:
    return f"{_folder(key, window)}/document.json"


def _json(value: Any) -> bytes:
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False, ensure_ascii=False)
    return text.encode()


def digest_of(content: bytes) -> str:
    """SHA-256, as hex."""
    return hashlib.sha256(content).hexdigest()


def _again(key: StageKey, window: str | None) -> str:
    return f"run {key}{f' for window {window}' if window else ''} again to write it anew"
