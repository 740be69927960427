"""Windows through the stages: the same again, empty, thin, and many at once."""

import json
from types import SimpleNamespace
from typing import Any

import dagster as dg
from click.testing import CliRunner
from retail import write_sales

from mlmon_dagster.cli import group
from mlmon_dagster.lifecycle.queries import open_alerts
from mlmon_dagster.pipeline.stages import StageKey

DATA = ["shop/data_ingestion", "shop/data_preparation", "shop/feature_store"]
WATCH = [*DATA, "shop/dev/model_inferencing_batch", "shop/dev/model_monitoring"]


def test_running_a_window_again_gives_the_same_digest_in_every_stage(in_dev: SimpleNamespace) -> None:
    first, again = (in_dev.runner.run(WATCH, "2026-01-06").metadata for _ in range(2))
    assert {stage: made["digest"] for stage, made in first.items()} == {
        stage: made["digest"] for stage, made in again.items()
    }


def test_a_backfill_of_many_windows_is_one_run_with_a_verdict_for_each(in_dev: SimpleNamespace) -> None:
    report = in_dev.runner.run(WATCH, "2026-01-07", "2026-01-10")
    assert report.succeeded, report.failures
    judged = {check.window for check in report.checks if check.name == "inputs" and check.window}
    assert judged == {"2026-01-07", "2026-01-08", "2026-01-09", "2026-01-10"}
    key = StageKey("shop", "dev", "model_monitoring")
    assert in_dev.runner.instance.get_materialized_partitions(_asset(key)) >= judged


def test_calm_windows_ask_for_no_alert(in_dev: SimpleNamespace) -> None:
    report = in_dev.runner.run(WATCH, "2026-01-07", "2026-01-10")
    assert report.green, report
    assert in_dev.runner.tick("drift_alerts") == []


def test_an_empty_window_is_no_data_and_never_green(in_dev: SimpleNamespace) -> None:
    sales = in_dev.folder / "pipelines" / "shop" / "sales.csv"
    write_sales(sales, days=6)
    report = in_dev.runner.run(WATCH, "2026-01-11")
    assert report.succeeded, report.failures
    assert not report.green
    judged = in_dev.governance.judgements.latest("shop", "dev")
    assert {judged["inputs"].window, judged["inputs"].verdict} == {"2026-01-11", "no_data"}


def test_drift_raises_one_alert_through_the_sensor(in_dev: SimpleNamespace) -> None:
    write_sales(in_dev.folder / "pipelines" / "shop" / "sales.csv", shift=3.0)
    report = in_dev.runner.run(WATCH, "2026-01-12")
    assert any("size has drifted" in check.reason for check in report.checks if not check.passed)
    assert len(in_dev.runner.tick("drift_alerts")) == 1
    assert in_dev.runner.tick("drift_alerts") == []
    assert {alert.check for alert in open_alerts(in_dev.governance, "shop")} >= {"inputs"}


def test_a_thin_window_is_insufficient_and_never_green(in_dev: SimpleNamespace) -> None:
    write_sales(in_dev.folder / "pipelines" / "shop" / "sales.csv", rows=8)
    report = in_dev.runner.run(WATCH, "2026-01-13")
    assert report.succeeded, report.failures
    assert in_dev.governance.judgements.latest("shop", "dev")["inputs"].verdict == "insufficient"


def test_monitoring_without_predictions_says_what_to_do(in_dev: SimpleNamespace) -> None:
    report = in_dev.runner.run(["shop/dev/model_monitoring"], "2026-01-14")
    assert "materialise shop/dev/model_inferencing_batch" in report.failures["shop/dev/model_monitoring"]


def _asset(key: StageKey) -> dg.AssetKey:
    return dg.AssetKey(key.parts)


def test_a_backtest_shows_what_was_called_and_what_would_have_been(in_dev: SimpleNamespace) -> None:
    def backtest(*arguments: str) -> Any:
        return CliRunner().invoke(group, ["drift", "backtest", "shop", *arguments], standalone_mode=False)

    found = json.loads(backtest("--json").output)
    assert (found["pipeline"], found["environment"]) == ("shop", "dev")
    drifted = [one for one in found["windows"] if one["window"] == "2026-01-12" and one["monitor"] == "inputs"]
    assert [(one["recorded"], one["replayed"]) for one in drifted] == [("drift", "drift")]
    told = backtest("--monitor", "inputs", "--threshold", "0.99").output
    assert "would be called 0 times" in told
    assert "2026-01-12" in told
    for arguments, said in (
        (("--method", "kss"), "did you mean ks"),
        (("--alarm-budget", "often"), "such as 1 per quarter"),
        (("--persistence", "3/2"), "expected M/N such as 2/3"),
        (("--threshold", "0"), "expected a distance above 0"),
        (("--since", "soon"), "is not a daily window"),
    ):
        assert said in str(backtest(*arguments).exception)
