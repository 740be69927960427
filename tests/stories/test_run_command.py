"""`mlmon run` in a repository of one pipeline: the stages that are named, on the windows that are named."""

import json
from collections.abc import Sequence
from types import SimpleNamespace

import pytest
from click.testing import CliRunner, Result

from mlmon_dagster.cli import group
from mlmon_dagster.cli._runner import JudgedCheck, RunReport
from mlmon_dagster.cli.run import say_who_raises_alerts
from mlmon_dagster.errors import MlmonError

DATA = ["shop/data_ingestion", "shop/data_preparation"]


def run(*arguments: str) -> Result:
    return CliRunner().invoke(group, ["run", *arguments], standalone_mode=False)


def refused(arguments: Sequence[str]) -> MlmonError:
    error = run(*arguments).exception
    assert isinstance(error, MlmonError)
    return error


def test_stages_are_run_and_their_checks_told(shop: SimpleNamespace) -> None:
    result = run(*DATA, "--window", "2026-01-02")

    assert (result.return_value, result.exception) == (0, None)
    assert "done    shop/data_ingestion, 60 rows" in result.output
    assert "passed  shop/data_preparation:volume 2026-01-02: window 2026-01-02 has 60 rows" in result.output


def test_a_program_gets_what_every_run_did(shop: SimpleNamespace) -> None:
    result = run(*DATA, "--window", "2026-01-02", "--window", "2026-01-03..2026-01-04", "--json")
    one, range_ = json.loads(result.output)

    assert [one["succeeded"], range_["succeeded"]] == [True, True]
    assert {check["window"] for check in range_["checks"] if check["window"]} == {"2026-01-03", "2026-01-04"}
    assert one["metadata"]["shop/data_ingestion"]["dagster/row_count"] == 60
    assert shop.runner.instance.get_run_by_id(one["run_id"]).is_success


def test_of_several_windows_rows_are_added_and_passed_checks_counted(shop: SimpleNamespace) -> None:
    output = run(*DATA, "--window", "2026-01-03..2026-01-05").output
    assert "done    shop/data_ingestion, 180 rows in 3 windows" in output
    assert "passed  shop/data_preparation:volume: 3 of 3 windows" in output
    assert len(output.splitlines()) == 5


def test_who_raises_alerts_is_said_where_something_failed(
    shop: SimpleNamespace, capsys: pytest.CaptureFixture[str]
) -> None:
    fine, failed = (
        RunReport("r", True, checks=(JudgedCheck("shop/dev/model_monitoring", "inputs", "2026-01-06", passed, "why"),))
        for passed in (True, False)
    )
    say_who_raises_alerts([fine], shop.runner.instance)
    assert capsys.readouterr().err == ""
    say_who_raises_alerts([fine, failed], shop.runner.instance)
    assert "none runs here; start it: dagster dev" in capsys.readouterr().err


def test_a_pattern_names_many_stages(shop: SimpleNamespace) -> None:
    output = run("shop/data_*", "--window", "2026-01-02").output
    assert [line.split(",")[0].split()[-1] for line in output.splitlines() if line.startswith("done")] == DATA


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["shop/data_ingestoin", "--window", "2026-01-02"], "did you mean shop/data_ingestion"),
        (["shoop/data_ingestion", "--window", "2026-01-02"], "did you mean shop?"),
        (["shop/data_ingestion"], "shop/data_ingestion works on windows"),
        (["shop/data_ingestion", "--window", "2nd of May"], "2nd of May"),
        (["shop/data_ingestion", "--window", "2026-02-01"], "2026-02-01"),
        (["shop/data_ingestion", "--window", "2026-01-04..2026-01-02"], "ends before it begins"),
    ],
)
def test_what_cannot_be_run_is_answered_with_what_can(shop: SimpleNamespace, arguments: list[str], said: str) -> None:
    assert said in refused(arguments).message


def test_a_stage_that_fails_says_why_and_ends_with_1(shop: SimpleNamespace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SALES", "gone.csv")
    result = run("shop/data_ingestion", "--window", "2026-01-02")

    assert result.return_value == 1
    assert "failed  shop/data_ingestion: " in result.output
    assert "gone.csv" in result.output
