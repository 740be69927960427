"""`mlmon doctor` says what keeps a machine from watching models, and what to do about it."""

from pathlib import Path

import pytest
from answering import server
from command_line import PIPELINE, Office
from governed import deployed

from mlmon_dagster.lifecycle.alerts import raise_alert
from mlmon_dagster.lifecycle.members import grant_role


@pytest.fixture
def mlmon(tmp_path: Path) -> Office:
    folder = tmp_path / "pipelines" / "prices"
    folder.mkdir(parents=True)
    (folder / "pipeline.yaml").write_text(PIPELINE, encoding="utf-8")
    return Office(tmp_path)


def parts(mlmon: Office, expected: int = 0, **environ: str) -> dict[str, tuple[str, str]]:
    """Part -> state and sentence of the last that is told of it."""
    answer = mlmon("doctor", "--json", **environ)
    assert answer.code == expected, answer.out
    return {one["part"]: (one["state"], one["said"]) for one in answer.document}


def test_a_new_folder_lacks_nothing_and_nothing_is_made_in_it(mlmon: Office) -> None:
    found = parts(mlmon)
    assert found["pipelines"] == ("ok", "prices")
    assert found["database"] == ("warning", "there is none yet")
    assert not (mlmon.folder / ".mlmon").exists()


def test_where_no_daemon_runs_it_says_that_no_alert_will_be_raised(mlmon: Office) -> None:
    grant_role(mlmon.governance, "root", "admin", actor="root")
    found = parts(mlmon)
    assert found["database"] == ("ok", "1 entries in the audit log")
    assert found["deployments"] == ("ok", "none is live")
    assert found["daemon"][0] == "warning"
    assert "no alert is raised" in found["daemon"][1]


def test_a_live_version_that_nothing_serves_is_a_failure(mlmon: Office) -> None:
    grant_role(mlmon.governance, "root", "admin", actor="root")
    grant_role(mlmon.governance, "mia", "ml_engineer", actor="root")
    deployed(mlmon.governance, mlmon.declared, "dev")
    assert parts(mlmon, 1)["deployments"] == ("failed", "prices 1 in dev: nothing serves")


def test_an_alert_that_reached_nobody_is_a_failure(mlmon: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOOK", "http://127.0.0.1:9/gone")
    file = mlmon.folder / "pipelines" / "prices" / "pipeline.yaml"
    file.write_text(PIPELINE.replace("[console]", '[{use: webhook, url: "${HOOK}"}]'), encoding="utf-8")
    grant_role(mlmon.governance, "root", "admin", actor="root")
    raise_alert(mlmon.governance, mlmon.declared.pipeline, "dev", "inputs", window=None, reason="drift")
    answer = mlmon("doctor", HOOK="http://127.0.0.1:9/gone")
    assert answer.code == 1
    assert "reached nobody" in answer.out


def test_mistakes_in_pipeline_files_are_told_with_their_lines(mlmon: Office) -> None:
    file = mlmon.folder / "pipelines" / "prices" / "pipeline.yaml"
    file.write_text(PIPELINE.replace("weekly", "fortnightly"), encoding="utf-8")
    answer = mlmon("doctor")
    assert answer.code == 1
    assert "pipeline.yaml:5" in answer.out
    assert "mlmon validate" in answer.out


@pytest.mark.parametrize(("status", "state"), [(200, "ok"), (500, "failed")])
def test_a_server_of_mlflow_is_asked_whether_it_is_well(mlmon: Office, status: int, state: str) -> None:
    with server(status) as (url, asked):
        found = parts(mlmon, 0 if state == "ok" else 1, MLMON_MLFLOW_URL=url)
    assert found["mlflow"][0] == state
    assert [one["path"] for one in asked] == ["/health"]


def test_a_server_that_does_not_answer_is_a_failure_and_not_a_traceback(mlmon: Office) -> None:
    found = parts(mlmon, 1, MLMON_MLFLOW_URL="http://127.0.0.1:9", MLMON_HOMES="x")
    assert found["mlflow"][0] == "failed"
    told = mlmon("doctor", MLMON_HOMES="x").out
    assert "MLMON_HOMES" in told
    assert list(parts(mlmon, 1, MLMON_URL="http://127.0.0.1:9")) == ["server"]


@pytest.mark.parametrize(
    ("url", "state"),
    [("sqlite:///m.db", "ok"), ("postgresql+psycopg2://h/m", "ok"), ("runs", "ok"), ("ftp://x", "failed")],
)
def test_an_address_that_mlflow_does_not_take_is_a_failure(mlmon: Office, url: str, state: str) -> None:
    assert parts(mlmon, 0 if state == "ok" else 1, MLMON_MLFLOW_URL=url)["mlflow"][0] == state
