"""The permission matrix: six roles, every action and environment, over REST and on the command line, cell by cell."""

import os
from dataclasses import dataclass
from pathlib import Path

import pytest
from api_office import Api
from command_line import PIPELINE, Office
from governed import deployed, version

from mlmon_dagster.governance.deployments import Deployment
from mlmon_dagster.governance.roles import MACHINE, PERMITTED, ROLES
from mlmon_dagster.lifecycle.alerts import raise_alert
from mlmon_dagster.lifecycle.locks import set_lock
from mlmon_dagster.lifecycle.members import grant_role
from mlmon_dagster.lifecycle.models import register_model
from mlmon_dagster.lifecycle.promotions import request_promotion

PERSON = {
    "ml_engineer": "mia",
    "data_engineer": "dan",
    "production_team": "pia",
    "monitoring_team": "max",
    "model_sponsor": "sue",
    "admin": "root",
}


@dataclass(frozen=True)
class Action:
    """One thing to do, on both surfaces; `{...}` are names of what `place` made."""

    permission: str
    method: str
    path: str
    body: dict[str, object] | None
    command: str


def promote(environment: str) -> Action:
    body: dict[str, object] = {"pipeline": "prices", "environment": environment, "version": 1}
    command = f"promote prices --to {environment} --version 1"
    return Action(f"request:{environment}", "POST", "/api/promotions", body, command)


def roll_back(environment: str) -> Action:
    path = f"/api/deployments/{{{environment}}}/rollback"
    command = f"rollback prices --environment {environment} --reason errors"
    return Action(f"rollback:{environment}", "POST", path, {"reason": "errors"}, command)


def run(stage: str, permission: str, environment: str | None = None, window: str | None = None) -> Action:
    """Only over REST: on the command line, `mlmon run` works here and now."""
    body: dict[str, object] = {"stages": [stage], "environment": environment, "window": window}
    return Action(permission, "POST", "/api/pipelines/prices/run", body, "")


GRANT: dict[str, object] = {"name": "new", "role": "model_sponsor"}
STAGE = "prices model_registry"
LOCK: dict[str, object] = {"stage": "data_ingestion"}
UNLOCK: dict[str, object] = {"stage": "model_registry", "reason": "new"}
ACTIONS = {
    "look": Action("see", "GET", "/api/promotions/{promotion}", None, "promotions show {promotion}"),
    **{f"request {name}": promote(name) for name in ("dev", "staging", "prod")},
    **{f"roll back {name}": roll_back(name) for name in ("dev", "staging", "prod")},
    "run what is shared": run("data_ingestion", "create", window="2026-01-05"),
    **{f"deploy {name}": run("model_deployment", f"deploy:{name}", name) for name in ("dev", "staging", "prod")},
    "approve": Action("approve", "POST", "/api/promotions/{promotion}/approve", {}, "approve {promotion}"),
    "reject": Action(
        "approve", "POST", "/api/promotions/{promotion}/reject", {"reason": "no"}, "reject {promotion} --reason no"
    ),
    "acknowledge": Action("alerts", "POST", "/api/alerts/{alert}/acknowledge", {}, "alerts ack {alert}"),
    "resolve": Action(
        "alerts", "POST", "/api/alerts/{alert}/resolve", {"reason": "done"}, "alerts resolve {alert} --reason done"
    ),
    "lock": Action("lock", "POST", "/api/pipelines/prices/lock", LOCK, "lock prices data_ingestion"),
    "unlock": Action("unlock", "POST", "/api/pipelines/prices/unlock", UNLOCK, f"unlock {STAGE} --reason new"),
    "grant": Action("admin", "POST", "/api/members", GRANT, "members grant new model_sponsor"),
    "revoke": Action(
        "admin", "DELETE", "/api/members?name=max&role=monitoring_team", None, "members revoke max monitoring_team"
    ),
}  # fmt: skip


def place(api: Api) -> dict[str, str]:
    """Something of everything, asked for by somebody who is not in the cast."""
    grant_role(api.governance, "asker", "ml_engineer", actor="root")
    live = deployed(api.governance, api.ours, "prod")
    with api.governance.ledger.read() as reading:
        places = {one.environment: one.id for one in reading.find(Deployment, state="live")}
    assert places["prod"] == live.id
    register_model(api.governance, api.ours.pipeline, version(2), actor=MACHINE)
    asked = request_promotion(api.governance, api.ours, "dev", 2, actor="asker")
    alert = raise_alert(api.governance, api.ours.pipeline, None, "inputs", window=None, reason="drift")
    set_lock(api.governance, api.ours.pipeline, "model_registry", actor="root")
    return {**places, "promotion": asked.id, "alert": alert.id}


def ordered(action: Action) -> list[tuple[str, bool]]:
    """Every role, those that may not do it first, so that what they leave is what they found."""
    return sorted(((role, role in PERMITTED[action.permission]) for role in ROLES), key=lambda cell: cell[1])


def test_the_actions_cover_every_permission_that_people_have() -> None:
    carried_out_by_stages = {"expire", "report"}
    assert {action.permission for action in ACTIONS.values()} | carried_out_by_stages >= set(PERMITTED)


@pytest.mark.parametrize("name", ACTIONS)
def test_rest_permits_what_the_table_permits(api: Api, name: str) -> None:
    action, made = ACTIONS[name], place(api)
    for role, permitted in ordered(action):
        client, before = api.logged_in(PERSON[role]), api.length
        answer = client.request(action.method, action.path.format(**made), json=action.body)
        if permitted:
            assert answer.status_code not in (401, 403, 404, 422), (role, answer.text)
        else:
            assert (answer.status_code, answer.json()["code"]) == (403, "DENIED"), (role, answer.text)
            assert api.length == before, role


@pytest.mark.parametrize("name", [name for name, action in ACTIONS.items() if action.command])
def test_the_command_line_permits_what_the_table_permits(api: Api, name: str, tmp_path: Path) -> None:
    action, made = ACTIONS[name], place(api)
    mlmon = Office(tmp_path)
    (tmp_path / "pipelines").mkdir()
    (tmp_path / "pipelines" / "prices.yaml").write_text(PIPELINE, encoding="utf-8")
    database = str(api.web.answers._engine.url)
    for role, permitted in ordered(action):
        before = api.length
        who = [] if action.permission == "see" else ["--as", PERSON[role]]
        words = action.command.format(**made).split()
        answer = mlmon(*words, *who, MLMON_DATABASE_URL=database, HOME=os.environ.get("HOME", "/"))
        if permitted or action.permission == "see":
            assert answer.code in (0, 4), (role, answer.err)
        else:
            assert answer.code == 3, (role, answer.err)
            assert api.length == before, role


@pytest.mark.parametrize("name", ACTIONS)
def test_who_holds_no_role_finds_nothing(api: Api, name: str) -> None:
    action, made = ACTIONS[name], place(api)
    client = api.logged_in("eve")
    before = api.length
    answer = client.request(action.method, action.path.format(**made), json=action.body)
    expected = (403, "DENIED") if action.permission == "admin" else (404, "MISSING")
    assert (answer.status_code, answer.json()["code"]) == expected, answer.text
    assert api.length == before
