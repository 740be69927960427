"""Stage 2 checks every row against the declared schema."""

from pathlib import Path
from typing import Any

import pytest
from staged import SCHEMA, next_stage, stage_run, with_rows

from mlmon_dagster.assets import data_ingestion, data_preparation
from mlmon_dagster.assets.stage import StageResult, StageRun
from mlmon_dagster.errors import MissingError


def prepared(
    folder: Path, declared: dict[str, Any] | None = None, **columns: list[Any]
) -> tuple[StageRun, StageResult]:
    """The run of the stage after its window was ingested, and its result."""
    run = with_rows(stage_run(folder, "data_ingestion", data_preparation=declared or {}), **columns)
    data_ingestion.run(run)
    run = next_stage(run, "data_preparation")
    return run, data_preparation.run(run)


def verdicts(result: StageResult) -> dict[str, str]:
    return {check.name: check.verdict for check in result.checks}


LOOSE = {"maximum_invalid": 0.5}


def test_valid_rows_are_kept_and_cast(tmp_path: Path) -> None:
    run, result = prepared(tmp_path, price=["100", "200.5"], rooms=[2.0, None])
    table = run.outputs.read(run.key, "2024-01-02")
    assert table.select(["price", "rooms"]).to_pydict() == {"price": [100.0, 200.5], "rooms": [2, None]}
    assert verdicts(result) == {"schema": "ok", "volume": "ok"}
    assert result.metrics == {"rows": 2, "invalid": 0, "invalid_share": 0, "missing.price": 0, "missing.rooms": 0.5}


def test_it_reports_the_checks_that_it_declares_and_schema_blocks(tmp_path: Path) -> None:
    _, result = prepared(tmp_path, price=[1.0], rooms=[1])
    assert [check.name for check in result.checks] == list(data_preparation.CHECKS)
    assert [check.blocking for check in result.checks] == [True, False]


def test_invalid_rows_are_set_aside_with_their_reasons(tmp_path: Path) -> None:
    run, result = prepared(tmp_path, LOOSE, price=[100.0, float("inf"), 0.5, 7.0], rooms=[2, 2, 2, 2])
    aside = run.outputs.read_quarantine(run.key, "2024-01-02")
    assert aside is not None
    assert sorted(aside.column("reason").to_pylist()) == [
        "price: 0.5 is below the minimum 1",
        "price: inf is not a float",
    ]
    assert (result.metrics["rows"], result.metrics["invalid"], result.metrics["invalid_share"]) == (2, 2, 0.5)
    assert result.checks[0].reason == "2 of 4 rows are invalid (50.0%, 50.0% accepted)"


@pytest.mark.parametrize(
    ("declared", "columns", "reason"),
    [
        ({}, {"price": [0.0, *[5.0] * 4], "rooms": [1] * 5}, "1 of 5 rows are invalid (20.0%, 10.0% accepted)"),
        ({"maximum_invalid": 1.0}, {"price": [0.0, None], "rooms": [1, 1]}, "all 2 rows are invalid"),
        ({"maximum_invalid": 1.0}, {"price": [None, None], "rooms": [1, 1]}, "all 2 rows are invalid"),
        (
            LOOSE | {"on_invalid": "fail"},
            {"price": [0.0, 5.0], "rooms": [1, 1]},
            "1 of 2 rows are invalid and `on_invalid`",
        ),
        ({}, {"rooms": [1, 2]}, "[SCHEMA] declared columns are not there: price (there are id, sold, rooms)"),
    ],
)
def test_a_window_that_does_not_fit_is_refused_and_the_old_output_stays(
    tmp_path: Path, declared: dict[str, Any], columns: dict[str, list[Any]], reason: str
) -> None:
    run, good = prepared(tmp_path, declared, price=[5.0], rooms=[1])
    run, result = prepared(tmp_path, declared, **columns)
    assert verdicts(result) == {"schema": "error", "volume": "no_data"}
    assert reason in result.checks[0].reason
    output, refused = run.outputs.output(run.key, "2024-01-02"), run.outputs.read_refused(run.key, "2024-01-02")
    assert output is not None
    assert refused is not None
    assert output.digest == good.digest == result.facts["kept_output"]
    assert refused.num_rows == result.metrics["invalid"]
    assert refused.column("reason").null_count == 0


def test_a_refused_first_window_leaves_no_output(tmp_path: Path) -> None:
    run, result = prepared(tmp_path, price=[0.0], rooms=[1])
    assert run.outputs.output(run.key, "2024-01-02") is None
    assert result.facts["kept_output"] == "none"


def test_undeclared_columns_are_kept_and_listed(tmp_path: Path) -> None:
    run, result = prepared(tmp_path, price=[5.0], rooms=[1], colour=["red"])
    assert result.facts["undeclared_columns"] == ["id", "sold", "colour"]
    assert run.outputs.read(run.key, "2024-01-02").column("colour").to_pylist() == ["red"]


def test_a_column_that_may_be_missing_and_always_is_is_insufficient(tmp_path: Path) -> None:
    _, result = prepared(tmp_path, price=[5.0, 6.0], rooms=[None, None])
    assert verdicts(result) == {"schema": "insufficient", "volume": "ok"}
    assert "no row has a value of rooms" in result.checks[0].reason


def test_a_window_without_rows_is_no_data(tmp_path: Path) -> None:
    run, result = prepared(tmp_path, sold=["2024-03-01"], price=[5.0], rooms=[1])
    assert verdicts(result) == {"schema": "no_data", "volume": "no_data"}
    output = run.outputs.output(run.key, "2024-01-02")
    assert output is not None
    assert output.verdict == "no_data"


def test_without_a_schema_every_row_is_valid(tmp_path: Path) -> None:
    _, result = prepared(tmp_path, {"schema": {}}, price=["?"])
    assert verdicts(result) == {"schema": "ok", "volume": "ok"}


def test_running_a_window_again_gives_the_same_digest(tmp_path: Path) -> None:
    run, first = prepared(tmp_path, LOOSE, price=[5.0, 0.0, 7.0], rooms=[1, 2, 3])
    assert data_preparation.run(run).digest == first.digest


def test_a_window_that_was_not_ingested_is_missing(tmp_path: Path) -> None:
    assert SCHEMA
    with pytest.raises(MissingError, match="sales/data_ingestion has no output of window 2024-01-02"):
        data_preparation.run(stage_run(tmp_path, "data_preparation"))
