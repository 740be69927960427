"""What gates say is shown beside commits, and what CI says of them is evidence."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import dagster as dg
import pytest
from github_server import TOKEN, Github, github
from governed import Clock, Declared, declared, deployed, governed

from mlmon_dagster.adapters.database.opening import Database
from mlmon_dagster.governance.promotions import Promotion
from mlmon_dagster.lifecycle.governance import Governance
from mlmon_dagster.lifecycle.promotions import approve, reject, request_promotion
from mlmon_dagster.lifecycle.queries import gate_verdict
from mlmon_dagster.pipeline.deployment import Gate
from mlmon_dagster.sensors.commit_statuses import commit_status_sensor
from mlmon_dagster.settings import read_settings

PAGES = "https://mlmon.example.com"


class Watched:
    """The sensor over one pipeline of a repository at GitHub."""

    def __init__(self, database: Database, clock: Clock, home: Path, server: Github) -> None:
        self.governance: Governance = governed(database, clock)
        self.server, self.cursor = server, ""
        self.ours = in_repository(declared(prod=Gate(statuses=("ci",))))
        server.commits.add(self.ours.git_commit)
        settings = read_settings({"MLMON_HOME": str(home), "MLMON_WEB_URL": PAGES})
        self.sensor = commit_status_sensor({"prices": self.ours}, settings)  # type: ignore[dict-item]
        deployed(self.governance, self.ours, "staging")

    def ask(self) -> Promotion:
        return request_promotion(self.governance, self.ours, "prod", 1, actor="mia", reason="", key="")

    def tick(self) -> str:
        """What the sensor says; it keeps its cursor."""
        instance, here = dg.DagsterInstance.ephemeral(), {"database": Here(self.governance)}
        with dg.build_sensor_context(instance=instance, cursor=self.cursor, resources=here) as context:
            found = self.sensor.evaluate_tick(context)
        self.cursor = found.cursor or ""
        return str(found.skip_message)

    def said(self) -> list[tuple[str, str]]:
        return [(one["state"], one["description"]) for _, one in self.server.posted if "mlmon/" in one["context"]]


class Here:
    """The database's resource, opened already."""

    def __init__(self, governance: Governance) -> None:
        self._governance = governance

    def governance(self) -> Governance:
        return self._governance


def in_repository(one: Declared) -> Declared:
    stages = one.pipeline.stages
    enforcement = replace(stages.cicd_enforcement, repository="acme/house")
    return replace(one, pipeline=replace(one.pipeline, stages=replace(stages, cicd_enforcement=enforcement)))


@pytest.fixture
def watched(database: Database, clock: Clock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Watched]:
    with github() as server:
        monkeypatch.setenv("MLMON_GITHUB_TOKEN", TOKEN)
        monkeypatch.setenv("MLMON_GITHUB_API_URL", server.url)
        yield Watched(database, clock, tmp_path, server)


def test_a_commit_shows_its_gate_from_the_request_to_the_end(watched: Watched) -> None:
    asked = watched.ask()
    watched.tick()
    state, told = watched.said()[-1]
    assert state == "pending"
    assert told.startswith("version 1: 3 of ")
    assert "status ci, approvals (0 of 2" in told
    commit, body = watched.server.posted[-1]
    assert (commit, body["context"]) == (watched.ours.git_commit, "mlmon/prod prices")
    assert body["target_url"] == f"{PAGES}/promotions/{asked.id}"
    for approver in ("pia", "sue"):
        approve(watched.governance, watched.ours, asked.id, actor=approver)
    watched.server.posted.append((watched.ours.git_commit, {"context": "ci", "state": "success", "description": "ok"}))
    watched.tick()
    assert watched.said()[-1][0] == "success"
    assert gate_verdict(watched.governance, watched.ours, asked).open


def test_what_did_not_change_is_not_said_again(watched: Watched) -> None:
    watched.ask()
    for _ in range(3):
        watched.tick()
    assert len(watched.said()) == 1


def test_a_rejected_promotion_ends_as_a_failure_and_is_forgotten(watched: Watched) -> None:
    asked = watched.ask()
    watched.tick()
    reject(watched.governance, asked.id, actor="mia", reason="no longer wanted")
    watched.tick()
    assert watched.said()[-1] == ("failure", "version 1: rejected")
    assert watched.cursor == "{}"
    watched.tick()
    assert len(watched.said()) == 2


def test_what_ci_says_is_evidence_but_not_before_it_has_ended(watched: Watched) -> None:
    asked, commit = watched.ask(), watched.ours.git_commit

    def satisfied() -> bool:
        conditions = gate_verdict(watched.governance, watched.ours, asked).conditions
        return next(one.satisfied for one in conditions if one.name == "status ci")

    watched.server.runs[commit] = [{"name": "ci", "status": "in_progress", "conclusion": None}]
    watched.tick()
    assert not satisfied()
    watched.server.runs[commit] = [{"name": "ci", "status": "completed", "conclusion": "skipped"}]
    watched.tick()
    assert not satisfied()
    watched.server.runs[commit] = [{"name": "ci", "status": "completed", "conclusion": "success"}]
    watched.tick()
    assert satisfied()


def test_what_github_did_not_take_is_said_at_the_next_tick(watched: Watched) -> None:
    watched.ask()
    watched.server.status = 502
    assert "GitHub answers with 502" in watched.tick()
    watched.server.status = 0
    watched.tick()
    assert len(watched.said()) == 1


def test_without_a_token_nothing_is_said_and_the_tick_says_so(
    watched: Watched, monkeypatch: pytest.MonkeyPatch
) -> None:
    watched.ask()
    monkeypatch.delenv("MLMON_GITHUB_TOKEN")
    assert "MLMON_GITHUB_TOKEN is not set" in watched.tick()
    assert watched.said() == []
