"""Versioned outputs of stages."""

from dataclasses import dataclass, field
from pathlib import Path

import pyarrow as pa
import pytest

from mlmon_dagster.adapters.local.object_store import FileObjectStore
from mlmon_dagster.errors import DataError, MissingError, UnavailableError
from mlmon_dagster.lifecycle.outputs import Outputs, encode
from mlmon_dagster.pipeline.stages import StageKey

KEY = StageKey("houses", None, "data_ingestion")
PROD = StageKey("houses", "prod", "model_inferencing_batch")
ROWS = pa.table({"id": [3, 1, 2], "price": [30.0, 10.0, 20.0]})
ASIDE = pa.table({"id": [4], "reason": ["no time"]})


@pytest.fixture
def outputs(tmp_path: Path) -> Outputs:
    return Outputs(FileObjectStore(tmp_path))


def write(outputs: Outputs, table: pa.Table = ROWS, window: str | None = "2024-01-01") -> str:
    return outputs.write(KEY, window, table, inputs={}, order=("id",)).digest


def test_rows_come_back_sorted_by_their_order(outputs: Outputs) -> None:
    written = outputs.write(KEY, "2024-01-01", ROWS, inputs={"source": "ab"}, facts={"files": ["x"]}, order=("id",))
    assert outputs.read(KEY, "2024-01-01").to_pydict() == {"id": [1, 2, 3], "price": [10.0, 20.0, 30.0]}
    assert outputs.output(KEY, "2024-01-01") == written
    assert written.columns == {"id": "int64", "price": "double"}
    assert (written.rows, written.verdict, dict(written.inputs)) == (3, "ok", {"source": "ab"})


def test_the_digest_depends_on_rows_only_not_on_their_order_chunks_or_metadata() -> None:
    shuffled = pa.concat_tables([ROWS.slice(2), ROWS.slice(0, 2)]).replace_schema_metadata({"pandas": "{}"})
    assert encode(shuffled, ("id",)) == encode(ROWS, ("id",))
    assert encode(ROWS.set_column(1, "price", pa.array([30.0, 10.0, 20.5])), ("id",)) != encode(ROWS, ("id",))


def test_files_lie_under_pipeline_environment_stage_and_window(outputs: Outputs) -> None:
    digest = outputs.write(PROD, "2024-01-01", ROWS, inputs={}).digest
    folder = "houses/prod/model_inferencing_batch/2024-01-01"
    assert list(outputs.store.keys("")) == [f"{folder}/{digest}.parquet", f"{folder}/manifest.json"]


def test_an_output_without_rows_is_no_data(outputs: Outputs) -> None:
    assert outputs.write(KEY, "2024-01-01", ROWS.slice(0, 0), inputs={}).verdict == "no_data"
    assert outputs.read(KEY, "2024-01-01").num_rows == 0


def test_quarantined_rows_are_kept_beside(outputs: Outputs) -> None:
    written = outputs.write(KEY, "2024-01-01", ROWS, inputs={}, quarantine=ASIDE)
    assert written.quarantined == 1
    kept = outputs.read_quarantine(KEY, "2024-01-01")
    assert kept is not None
    assert kept.to_pylist() == [{"id": 4, "reason": "no time"}]


def test_no_quarantined_rows_is_no_file(outputs: Outputs) -> None:
    outputs.write(KEY, "2024-01-01", ROWS, inputs={}, quarantine=ASIDE.slice(0, 0))
    assert outputs.read_quarantine(KEY, "2024-01-01") is None


def test_writing_a_window_again_replaces_the_whole(outputs: Outputs) -> None:
    outputs.write(KEY, "2024-01-01", ROWS, inputs={}, quarantine=ASIDE)
    digest = write(outputs, ROWS.slice(0, 1))
    assert list(outputs.store.keys("")) == [
        f"houses/data_ingestion/2024-01-01/{digest}.parquet",
        "houses/data_ingestion/2024-01-01/manifest.json",
    ]
    assert outputs.read_quarantine(KEY, "2024-01-01") is None


def test_a_refused_run_keeps_its_rows_and_the_output_until_the_next_one_is_written(outputs: Outputs) -> None:
    before = write(outputs)
    outputs.refuse(KEY, "2024-01-01", ASIDE)
    output, refused = outputs.output(KEY, "2024-01-01"), outputs.read_refused(KEY, "2024-01-01")
    assert output is not None
    assert refused is not None
    assert (output.digest, refused.num_rows) == (before, 1)
    write(outputs)
    assert outputs.read_refused(KEY, "2024-01-01") is None


def test_writing_the_same_rows_again_changes_nothing(outputs: Outputs) -> None:
    assert write(outputs) == write(outputs)
    assert outputs.read(KEY, "2024-01-01").num_rows == 3


@dataclass(frozen=True)
class BreakingStore(FileObjectStore):
    """A disk that fails at the n-th put."""

    puts: list[str] = field(default_factory=list)
    fails_at: int = 1

    def put(self, key: str, content: bytes) -> None:
        self.puts.append(key)
        if len(self.puts) >= self.fails_at:
            raise UnavailableError(f"{key} cannot be written")
        super().put(key, content)


@pytest.mark.parametrize("fails_at", [1, 2, 3])
def test_an_interrupted_run_leaves_the_window_as_it_was(outputs: Outputs, tmp_path: Path, fails_at: int) -> None:
    before = write(outputs)
    breaking = Outputs(BreakingStore(tmp_path, fails_at=fails_at))
    with pytest.raises(UnavailableError):
        breaking.write(KEY, "2024-01-01", ROWS.slice(0, 1), inputs={}, quarantine=ASIDE)
    output = outputs.output(KEY, "2024-01-01")
    assert output is not None
    assert output.digest == before
    assert outputs.read(KEY, "2024-01-01").num_rows == 3


def test_a_changed_file_is_refused_by_name(outputs: Outputs) -> None:
    name = f"houses/data_ingestion/2024-01-01/{write(outputs)}.parquet"
    content = bytearray(outputs.store.get(name))
    content[len(content) // 2] ^= 1
    outputs.store.put(name, bytes(content))
    with pytest.raises(DataError, match=rf"\[DIGEST\] {name} was changed") as caught:
        outputs.read(KEY, "2024-01-01")
    assert "again" in str(caught.value.hint)


def test_a_changed_manifest_is_refused_by_name(outputs: Outputs) -> None:
    write(outputs)
    outputs.store.put("houses/data_ingestion/2024-01-01/manifest.json", b"{")
    with pytest.raises(DataError, match=r"\[CORRUPT\] houses/data_ingestion/2024-01-01/manifest.json"):
        outputs.read(KEY, "2024-01-01")


def test_a_window_that_has_not_run_is_missing_and_the_known_ones_are_named(outputs: Outputs) -> None:
    write(outputs)
    assert outputs.output(KEY, "2024-01-08") is None
    with pytest.raises(MissingError, match="no output of window 2024-01-08") as caught:
        outputs.read(KEY, "2024-01-08")
    assert "it has 1, 2024-01-01 to 2024-01-01" in str(caught.value.hint)


def test_windows_are_listed_oldest_first(outputs: Outputs) -> None:
    for window in ("2024-01-08", "2024-01-01", None):
        write(outputs, window=window)
    assert outputs.windows(KEY) == ["2024-01-01", "2024-01-08"]
    assert outputs.windows(PROD) == []


def test_several_windows_are_read_as_one_table(outputs: Outputs) -> None:
    write(outputs)
    write(outputs, ROWS.append_column("extra", pa.array(["x", None, "y"])), window="2024-01-08")
    rows = outputs.read_windows(KEY, ["2024-01-01", "2024-01-08"])
    assert rows.column("id").to_pylist() == [1, 2, 3, 1, 2, 3]
    assert rows.column("extra").to_pylist() == [None, None, None, None, "y", "x"]
    with pytest.raises(MissingError, match="no window"):
        outputs.read_windows(KEY, [])


def test_columns_of_one_name_are_refused() -> None:
    with pytest.raises(DataError, match=r"\[SCHEMA\] more than one column is called id"):
        encode(pa.Table.from_arrays([pa.array([1]), pa.array([2])], names=["id", "id"]))


def test_a_document_comes_back_and_a_changed_one_is_refused(outputs: Outputs) -> None:
    registry = StageKey("houses", None, "model_registry")
    digest = outputs.write_document(registry, None, {"number": 3, "facts": {"mae": 0.5}})
    assert outputs.write_document(registry, None, {"facts": {"mae": 0.5}, "number": 3}) == digest
    assert outputs.read_document(registry, None) == {"number": 3, "facts": {"mae": 0.5}}
    name = "houses/model_registry/whole/document.json"
    outputs.store.put(name, outputs.store.get(name).replace(b"3", b"4"))
    with pytest.raises(DataError, match=rf"\[DIGEST\] {name}"):
        outputs.read_document(registry, None)
    with pytest.raises(MissingError, match="has no output"):
        outputs.read_document(KEY, None)
