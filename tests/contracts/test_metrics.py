"""What metrics and verdicts promise, on SQLite and on Postgres."""

import math
from collections.abc import Iterator
from datetime import datetime, timedelta

import pytest
from governed import START

from mlmon_dagster.adapters.database.opening import Database, open_database
from mlmon_dagster.governance.check import Judged
from mlmon_dagster.ports import Measured, Newest


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    opened = open_database(database_url)
    yield opened
    opened.close()


def measured(window: str | None, value: float, name: str = "rows", at: datetime = START) -> Measured:
    return Measured("prices", "dev", "model_monitoring", window, name, value, 3, at)


def judged(window: str | None, verdict: str, check: str = "inputs", at: datetime = START) -> Judged:
    metrics = {"drift.price.ks": 0.25}
    return Judged("prices", "dev", "model_monitoring", window, check, verdict, "so", metrics, 3, at)


def test_a_series_is_in_order_of_windows_not_of_recording(database: Database) -> None:
    database.metrics.record([measured("2026-01-12", 2)])
    database.metrics.record([measured("2026-01-05", 1)])
    assert [one.value for one in database.metrics.series("prices", "dev", "rows")] == [1, 2]
    assert [one.value for one in database.metrics.series("prices", "dev", "rows", since="2026-01-06")] == [2]


def test_recording_a_window_again_replaces_all_of_it(database: Database) -> None:
    database.metrics.record([measured("2026-01-05", 1), measured("2026-01-05", 9, "old")])
    database.metrics.record([measured("2026-01-05", 2, at=START + timedelta(hours=1))])
    assert database.metrics.latest("prices", "dev") == {
        "rows": measured("2026-01-05", 2, at=START + timedelta(hours=1))
    }


def test_moments_make_a_series_of_their_own(database: Database) -> None:
    for minute in range(3):
        database.metrics.record([measured(None, minute, "latency_ms.p99", START + timedelta(minutes=minute))])
    series = database.metrics.series("prices", "dev", "latency_ms.p99")
    assert [one.value for one in series] == [0, 1, 2]
    assert database.metrics.latest("prices", "dev")["latency_ms.p99"].value == 2
    assert {one.window for one in series} == {None}


def test_environments_and_shared_stages_are_kept_apart(database: Database) -> None:
    shared = Measured("prices", None, "data_ingestion", "2026-01-05", "rows", 7, None, START)
    database.metrics.record([measured("2026-01-05", 1), shared])
    assert database.metrics.latest("prices", None) == {"rows": shared}
    assert database.metrics.latest("prices", "prod") == {}


def test_values_keep_every_bit(database: Database) -> None:
    values = {"pi": math.pi, "tiny": 5e-324, "huge": 1.7e308, "third": 1 / 3}
    database.metrics.record([measured("2026-01-05", value, name) for name, value in values.items()])
    assert {name: one.value for name, one in database.metrics.latest("prices", "dev").items()} == values


def test_what_is_no_number_is_not_kept_and_replaces_what_was(database: Database) -> None:
    database.metrics.record([measured("2026-01-05", 1.0, "mean")])
    database.metrics.record([measured("2026-01-05", math.nan, "mean")])
    assert database.metrics.latest("prices", "dev") == {}


def test_the_latest_verdict_is_that_of_the_newest_window(database: Database) -> None:
    database.judgements.record([judged("2026-01-12", "drift")])
    database.judgements.record([judged("2026-01-05", "ok"), judged("2026-01-05", "ok", "price_ks")])
    latest = database.judgements.latest("prices", "dev")
    assert {name: (one.window, one.verdict) for name, one in latest.items()} == {
        "inputs": ("2026-01-12", "drift"),
        "price_ks": ("2026-01-05", "ok"),
    }
    assert latest["inputs"] == judged("2026-01-12", "drift")


def test_judging_a_window_again_replaces_its_verdicts(database: Database) -> None:
    database.judgements.record([judged("2026-01-05", "drift"), judged("2026-01-05", "drift", "price_ks")])
    database.judgements.record([judged("2026-01-05", "ok")])
    assert list(database.judgements.latest("prices", "dev")) == ["inputs"]
    assert [one.verdict for one in database.judgements.history("prices", "dev", "inputs")] == ["ok"]


def test_a_cursor_misses_nothing_that_is_recorded_again(database: Database) -> None:
    database.judgements.record([judged("2026-01-05", "drift"), judged("2026-01-12", "ok")])
    seen = database.judgements.after(0, limit=10)
    database.judgements.record([judged("2026-01-12", "drift")])
    later = database.judgements.after(seen[-1][0], limit=10)
    assert [one.verdict for _, one in later] == ["drift"]


def test_the_newest_windows_are_those_of_the_stage(database: Database) -> None:
    other = Judged("prices", "dev", "model_deployment", None, "serving", "ok", "so", {}, 3, START)
    database.judgements.record([judged("2026-01-05", "ok"), judged("2026-01-12", "no_data"), other])
    assert database.judgements.newest("model_monitoring") == {("prices", "dev"): Newest("2026-01-12", START)}


def test_a_number_that_is_none_survives(database: Database) -> None:
    told = Judged(
        "prices", "dev", "model_monitoring", None, "c", "error", "so", {"a": math.inf, "b": math.nan}, None, START
    )
    database.judgements.record([told])
    kept = database.judgements.latest("prices", "dev")["c"]
    assert kept.metrics["a"] == math.inf
    assert math.isnan(kept.metrics["b"])
    assert kept.version is None


def test_recording_nothing_changes_nothing(database: Database) -> None:
    database.metrics.record([])
    database.judgements.record([])
    assert database.metrics.latest("prices", "dev") == {}
    assert database.judgements.history("prices", "dev") == []


def test_verdicts_of_one_check_are_found_in_many_windows_at_once(database: Database) -> None:
    database.judgements.record([judged("2026-01-05", "ok"), judged("2026-01-05", "ok", "other")])
    database.judgements.record([judged("2026-01-12", "drift"), judged("2026-01-19", "ok")])
    where = {"pipelines": ["prices", *(f"p{number}" for number in range(600))], "environments": ["dev", "prod"]}

    found = database.judgements.of("inputs", windows=["2026-01-05", "2026-01-12"], **where)

    assert [(one.window, one.verdict, one.check) for one in found] == [
        ("2026-01-05", "ok", "inputs"),
        ("2026-01-12", "drift", "inputs"),
    ]
    assert database.judgements.of("inputs", windows=[], **where) == []


def test_a_verdict_that_is_as_before_is_no_news(database: Database) -> None:
    database.judgements.record([judged("2026-01-05", "drift"), judged("2026-01-05", "no_data", "labels")])
    cursor = database.judgements.after(0, limit=10)[-1][0]

    again = START + timedelta(days=14)
    database.judgements.record([judged("2026-01-05", "drift", at=again), judged("2026-01-05", "ok", "labels", again)])

    assert [one.check for _, one in database.judgements.after(cursor, limit=10)] == ["labels"]
    assert {one.at for one in database.judgements.latest("prices", "dev").values()} == {again}
