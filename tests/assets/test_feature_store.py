"""Stage 3 computes the declared features of every window."""

from pathlib import Path
from typing import Any

import pytest
from staged import next_stage, stage_run, with_rows

from mlmon_dagster.assets import data_ingestion, data_preparation, feature_store
from mlmon_dagster.assets.stage import StageResult, StageRun
from mlmon_dagster.errors import BlockedError, DataError, FailedError, InputError, MissingError

ROWS: dict[str, list[Any]] = {"price": [100.0, 300.0, 500.0], "rooms": [1, 2, 4]}


def prepared(folder: Path, columns: dict[str, list[Any]] | None = None, **declared: Any) -> StageRun:
    """The run of the stage after its window was prepared."""
    run = with_rows(stage_run(folder, "data_ingestion", feature_store=declared), **(columns or ROWS))
    data_ingestion.run(run)
    data_preparation.run(next_stage(run, "data_preparation"))
    return next_stage(run, "feature_store")


def feature(folder: Path, declared: Any, columns: dict[str, list[Any]] | None = None) -> tuple[list[Any], StageResult]:
    """The values of one feature, and the result of the stage."""
    run = prepared(folder, columns, features={"made": declared})
    result = feature_store.run(run)
    return run.outputs.read(run.key, "2024-01-02").column("made").to_pylist(), result


def test_features_are_added_to_the_prepared_columns_in_their_order(tmp_path: Path) -> None:
    run = prepared(tmp_path)
    result = feature_store.run(run)
    table = run.outputs.read(run.key, "2024-01-02")
    assert table.column_names == ["id", "sold", "price", "rooms", "price_per_room", "expensive"]
    assert table.column("price_per_room").to_pylist() == [100.0, 150.0, 125.0]
    assert table.column("expensive").to_pylist() == [False, True, True]
    assert result.metrics == {"rows": 3, "missing.price_per_room": 0, "missing.expensive": 0}


def test_it_reports_the_checks_that_it_declares(tmp_path: Path) -> None:
    result = feature_store.run(prepared(tmp_path))
    assert [(check.name, check.verdict) for check in result.checks] == [("features", "ok")]
    assert list(feature_store.CHECKS) == ["features"]


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("year(sold) - 2000", [24, 24, 24]),
        ("hour(sold) + minute(sold)", [0, 1, 2]),
        ("avg(price) OVER ()", [300.0, 300.0, 300.0]),
        ("rank() OVER (ORDER BY price DESC)", [3, 2, 1]),
        ("sum(rooms) OVER ()", [7.0, 7.0, 7.0]),
        ("price / 0", [None, None, None]),
        ("ln(rooms - 1)", [None, 0.0, pytest.approx(1.0986123)]),
        ("CASE WHEN rooms > 1 THEN 'big' END", [None, "big", "big"]),
        ("price -- what it cost", [100.0, 300.0, 500.0]),
    ],
)
def test_a_feature_is_a_sql_expression_over_the_rows(tmp_path: Path, expression: str, expected: list[Any]) -> None:
    assert feature(tmp_path, expression)[0] == expected


@pytest.mark.parametrize(
    ("expression", "problem"),
    [
        ("prize / 2", 'Referenced column "prize"'),
        ("price /", "syntax error"),
        ("CAST('x' AS INTEGER)", "Could not convert"),
        ("unnest([1, 2])", "it gives 6 values for 3 rows"),
        ("1) FROM rows; DROP VIEW rows; SELECT (1", "it is not one expression"),
        ("1), (2", "it is not one expression"),
        ("", "it is a struct"),
        ("avg(price)", "GROUP BY"),
        ("{'a': price}", "it is a struct"),
        ("(SELECT content FROM read_text('/etc/passwd'))", "file system operations are disabled"),
    ],
)
def test_an_expression_that_does_not_work_is_refused_by_name(tmp_path: Path, expression: str, problem: str) -> None:
    with pytest.raises(InputError, match=rf"feature 'made' cannot be computed: .*({problem})") as caught:
        feature(tmp_path, expression)
    assert "columns it may use: id, sold, price, rooms" in str(caught.value.hint)


def test_a_feature_may_be_a_function_of_the_users(tmp_path: Path) -> None:
    (tmp_path / "making.py").write_text("def double(rows):\n    return rows['price'] * 2\n")
    assert feature(tmp_path, {"call": "making:double"})[0] == [200.0, 600.0, 1000.0]


@pytest.mark.parametrize(
    ("body", "error", "problem"),
    [
        ("rows['price'][:1]", InputError, "returned 1 values for 3 rows"),
        ("7", InputError, "returned int for 3 rows"),
        ("['a', 1, None]", InputError, "values of no one type"),
        ("rows['prize']", FailedError, r"made_by:make failed at .*made_by.py:2: KeyError: 'prize'"),
    ],
)
def test_a_function_that_does_not_work_is_refused(
    tmp_path: Path, body: str, error: type[Exception], problem: str
) -> None:
    (tmp_path / "made_by.py").write_text(f"def make(rows):\n    return {body}\n")
    with pytest.raises(error, match=problem):
        feature(tmp_path, {"call": "made_by:make"})


def test_a_feature_with_the_name_of_a_column_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="feature 'price' has the name of a prepared column"):
        feature_store.run(prepared(tmp_path, features={"price": "1"}))


def test_a_key_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no column called 'house'"):
        feature_store.run(prepared(tmp_path, key=["house"]))


def test_a_feature_without_any_value_is_insufficient(tmp_path: Path) -> None:
    values, result = feature(tmp_path, "price / 0")
    assert values == [None, None, None]
    assert (result.checks[0].verdict, result.checks[0].reason) == ("insufficient", "no row has a value of made")
    assert result.metrics["missing.made"] == 1


def test_a_window_without_rows_is_no_data(tmp_path: Path) -> None:
    values, result = feature(tmp_path, "price / rooms", {"sold": ["2024-03-01"], "price": [1.0], "rooms": [1]})
    assert (values, result.checks[0].verdict) == ([], "no_data")


def test_running_a_window_again_gives_the_same_digest(tmp_path: Path) -> None:
    run = prepared(tmp_path)
    assert feature_store.run(run).digest == feature_store.run(run).digest


def test_rows_that_were_ingested_again_must_be_prepared_again(tmp_path: Path) -> None:
    run = prepared(tmp_path)
    data_ingestion.run(next_stage(with_rows(run, price=[0.0], rooms=[1]), "data_ingestion"))
    with pytest.raises(BlockedError, match="was ingested again after it was prepared"):
        feature_store.run(run)
    assert data_preparation.run(next_stage(run, "data_preparation")).checks[0].verdict == "error"
    with pytest.raises(BlockedError, match="out of date"):
        feature_store.run(run)


def test_a_window_that_was_not_prepared_is_missing(tmp_path: Path) -> None:
    with pytest.raises(MissingError, match="sales/data_preparation has no output"):
        feature_store.run(stage_run(tmp_path, "feature_store"))
