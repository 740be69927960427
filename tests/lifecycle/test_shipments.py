"""Shipped predictions in the audit log: recorded once, and whatever is gone or changed is found."""

from datetime import datetime, timezone
from pathlib import Path

from command_line import PIPELINE, Office
from governed import declared

from mlmon_dagster.adapters.prediction_log.destinations import Folder
from mlmon_dagster.adapters.prediction_log.inventory import file_at, new_files
from mlmon_dagster.adapters.prediction_log.rows import SegmentHeader, encode_rows
from mlmon_dagster.adapters.prediction_log.segments import SegmentWriter
from mlmon_dagster.adapters.prediction_log.shipping import ship
from mlmon_dagster.lifecycle.governance import Governance
from mlmon_dagster.lifecycle.shipments import examine_shipped, record_shipped, recorded_keys

HEADER = SegmentHeader("prices", 1, "d" * 64, None, "dev", "d1", "local", (("sqft", "float"),))
NOON = datetime(2026, 1, 31, 12, tzinfo=timezone.utc)


def shipped(tmp_path: Path, name: str, rows: int) -> str:
    writer = SegmentWriter(tmp_path, HEADER.encoded())
    moment = int(NOON.timestamp() * 1e9)
    writer.commit([encode_rows([(f"{name}{row}", moment, [1.0], 2.0, 0.1, 0.2)]) for row in range(rows)], moment / 1e9)
    writer.close()
    (one,) = ship(tmp_path, Folder(tmp_path / "parquet"))
    return str(one.key)


def record(governance: Governance, place: Path) -> int:
    known = recorded_keys(governance, "prices", str(place))
    return record_shipped(governance, declared().pipeline, str(place), new_files(Folder(place), "prices", known, NOON))


def faults(governance: Governance) -> dict[str, str]:
    found = examine_shipped(governance, "prices", lambda place, key: file_at(Folder(Path(place)), key))
    return {one.key: one.fault for one in found}


def test_each_file_is_recorded_once_with_its_digest_and_rows(governance: Governance, tmp_path: Path) -> None:
    place = tmp_path / "parquet"
    first = shipped(tmp_path, "a", 3)
    assert (record(governance, place), record(governance, place)) == (1, 0)
    second = shipped(tmp_path, "b", 2)
    assert record(governance, place) == 1
    with governance.ledger.read() as reading:
        entries = [line.entry for line in reading.entries(action="predictions.shipped")]
    assert [(one.data["files"][0][0], one.data["files"][0][2]) for one in entries] == [(first, 3), (second, 2)]
    assert faults(governance) == {first: "", second: ""}
    governance.ledger.verify()


def test_a_changed_and_a_missing_file_are_found_by_name(governance: Governance, tmp_path: Path) -> None:
    place = tmp_path / "parquet"
    keys = [shipped(tmp_path, name, 1) for name in "abc"]
    record(governance, place)
    (place / keys[0]).unlink()
    content = (place / keys[1]).read_bytes()
    (place / keys[1]).write_bytes(content.replace(b"b0", b"x0"))
    found = faults(governance)
    assert found[keys[0]] == "it is gone (1 rows)"
    assert found[keys[1]].startswith("it was changed: recorded was ")
    assert found[keys[2]] == ""


def test_the_command_names_what_is_gone_and_ends_with_1(tmp_path: Path) -> None:
    (tmp_path / "pipelines" / "prices").mkdir(parents=True)
    (tmp_path / "pipelines" / "prices" / "pipeline.yaml").write_text(PIPELINE)
    office = Office(tmp_path)
    key = shipped(tmp_path, "a", 3)
    office("audit", "verify")  # makes the database
    place = tmp_path / "parquet"
    record_shipped(office.governance, office.declared.pipeline, str(place), [file_at(Folder(place), key)])
    fine = office("audit", "predictions", "prices")
    assert (fine.code, fine.out.strip()) == (0, "1 of 1 recorded files are as they were shipped")
    (place / key).unlink()
    gone = office("audit", "predictions", "--json")
    assert (gone.code, [one["fault"] for one in gone.document["faults"]]) == (1, ["it is gone (3 rows)"])
