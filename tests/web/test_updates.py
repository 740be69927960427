"""Versions and their differences, changes of what was seen, and live updates."""

import http.client
import json
from dataclasses import replace
from typing import Any

import pytest
from api_office import Api, problem
from api_server import HOST, served
from governed import changed, deployed

from mlmon_dagster.lifecycle.alerts import raise_alert
from mlmon_dagster.lifecycle.identity import issue_token
from mlmon_dagster.lifecycle.pipelines import declare_pipeline
from mlmon_dagster.web.listening import Listeners, Stream
from mlmon_dagster.web.news import News


def test_versions_and_what_changed_between_them(api: Api) -> None:
    first = replace(api.ours, body={"windows": "weekly", "stages": {"data_ingestion": {"limit": 1}}})
    second = replace(
        changed(first, "cicd_enforcement", repository="acme/prices"),
        body={"windows": "daily", "stages": {"data_ingestion": {"limit": 2}}},
    )
    for one in (first, second):
        declare_pipeline(api.governance, one)
        api.clock.pass_(minutes=1)
    premises = replace(api.web.premises, pipelines=lambda: {"prices": second})
    api.app.state.web = replace(api.web, premises=premises)
    reader = api.by_token("sue", "read")
    assert [one["digest"] for one in reader.get("/api/pipelines/prices/versions").json()] == [
        second.digest,
        first.digest,
    ]
    query = {"before": first.digest[:12], "after": second.digest[:12]}
    assert reader.get("/api/pipelines/prices/diff", params=query).json() == [
        {"path": "stages.data_ingestion.limit", "stage": "data_ingestion", "before": 1, "after": 2},
        {"path": "windows", "stage": None, "before": "weekly", "after": "daily"},
    ]
    unknown = reader.get("/api/pipelines/prices/diff", params={"before": "abcdef"})
    assert problem(unknown) == (404, "MISSING")


def test_the_difference_to_what_is_in_prod_is_the_default(api: Api) -> None:
    deployed(api.governance, api.ours, "prod")
    assert api.by_token("sue", "read").get("/api/pipelines/prices/diff").json() == []


def test_the_rules_that_apply_are_shown(api: Api) -> None:
    rules = api.by_token("max", "read").get("/api/pipelines/prices/rules").json()
    assert any(rule["above"] == 100 for rule in rules.values()), "the p99 of latency"


def test_a_monitor_outside_raises_an_alert(api: Api) -> None:
    body = {"pipeline": "prices", "check": "cloudwatch/5xx", "environment": "dev", "reason": "7 % of answers"}
    raised = api.by_token("max", "operate").post("/api/monitoring/alerts", json=body)
    assert (raised.status_code, raised.json()["state"]) == (201, "open")
    found = api.by_token("sue", "read").get("/api/monitoring/alerts").json()["items"]
    assert [one["id"] for one in found] == [raised.json()["id"]]
    assert problem(api.by_token("mia", "operate").post("/api/alerts", json=body)) == (403, "DENIED")


def test_a_project_is_changed_as_it_was_seen(api: Api) -> None:
    admin = api.by_token("root", "admin", "read")
    saved = admin.post("/api/projects", json={"name": "pricing", "description": "prices"})
    assert saved.status_code == 201, saved.text
    tag = admin.get("/api/projects/pricing").headers["etag"]
    body = {"description": "all prices"}
    assert problem(admin.put("/api/projects/pricing", json=body)) == (428, "IF_MATCH")
    done = admin.put("/api/projects/pricing", json=body, headers={"If-Match": tag})
    assert (done.status_code, done.json()["description"]) == (200, "all prices")
    before = api.length
    assert problem(admin.put("/api/projects/pricing", json=body, headers={"If-Match": tag})) == (412, "CHANGED")
    assert problem(admin.put("/api/projects/none", json=body, headers={"If-Match": tag})) == (404, "MISSING")
    assert api.length == before
    gone = admin.delete("/api/projects/pricing", params={"reason": "moved"}, headers={"If-Match": done.headers["etag"]})
    assert gone.json()["state"] == "archived"


def test_a_run_and_a_deployment_are_asked_for(api: Api) -> None:
    from governed import version

    from mlmon_dagster.governance.roles import MACHINE
    from mlmon_dagster.lifecycle.models import register_model

    register_model(api.governance, api.ours.pipeline, version(1), actor=MACHINE)
    client = api.by_token("mia")
    body = {"stages": ["data_ingestion"], "window": "2026-01-05", "reason": "late rows"}
    asked = client.post("/api/pipelines/prices/run", json=body)
    assert (asked.status_code, asked.json()["stages"]) == (202, ["data_ingestion"]), asked.text
    promotion = client.post("/api/promotions", json={"pipeline": "prices", "environment": "dev"}).json()["id"]
    deploying = client.post("/api/deployments", json={"promotion": promotion})
    assert (deploying.status_code, deploying.json()["environment"]) == (202, "dev"), deploying.text
    listed = client.get("/api/pipelines/prices/runs").json()["items"]
    assert [one["id"] for one in listed] == [deploying.json()["id"], asked.json()["id"]]
    assert problem(api.by_token("sue").post("/api/deployments", json={"promotion": promotion})) == (403, "DENIED")


class Listener:
    """A browser's `EventSource`, on a real connection."""

    def __init__(self, api: Api, port: int, name: str, last: int | None = None) -> None:
        token = issue_token(api.web.identity, name, ["read"], 1, actor=name).text
        self.connection = http.client.HTTPConnection(HOST, port, timeout=20)
        headers = {"Authorization": f"Bearer {token}"} | ({"Last-Event-ID": str(last)} if last is not None else {})
        self.connection.request("GET", "/api/events", headers=headers)
        self.answer = self.connection.getresponse()
        self.answer.readline()

    def close(self) -> None:
        self.answer.close()
        self.connection.close()

    def raised(self) -> dict[str, Any]:
        """The next alert that is told."""
        while (event := self.next())["event"] != "alert.raised":
            pass
        return event

    def next(self) -> dict[str, Any]:
        """The next event."""
        event: dict[str, Any] = {}
        while True:
            line = self.answer.readline().decode().rstrip("\n")
            if line.startswith(":"):
                continue
            if not line:
                if event:
                    return event
                continue
            name, _, value = line.partition(": ")
            event[name] = json.loads(value) if name == "data" else value


def test_what_is_recorded_is_told_to_who_may_see_it(api: Api) -> None:
    with served(api) as port:
        sponsor, stranger = Listener(api, port, "sue"), Listener(api, port, "eve")
        assert sponsor.answer.headers["content-type"].startswith("text/event-stream")
        alert = raise_alert(api.governance, api.ours.pipeline, "dev", "inputs", window=None, reason="drift")
        event = sponsor.raised()
        assert event["data"]["subject"] == alert.id
        theirs = api.web.premises.pipelines()["foreign"]
        raise_alert(api.governance, theirs.pipeline, "dev", "inputs", window=None, reason="drift")
        assert stranger.next()["data"]["project"] == "strangers", "the first thing that a stranger hears"
        again = Listener(api, port, "sue", last=int(event["id"]) - 1)
        assert again.raised()["id"] == event["id"]
        for one in (sponsor, stranger, again):
            one.close()


def test_however_many_listen_the_log_is_read_once(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    moment, reads = [0.0], []
    news = News(clock=lambda: moment[0])

    class Counting:
        def read(self) -> Any:
            reads.append(1)
            return api.governance.ledger.read()

    governance = replace(api.governance, ledger=Counting())  # type: ignore[arg-type]
    found = {news.after(governance, 0) for _ in range(50)}
    assert len(found) == len(reads) == 1
    moment[0] = 1
    assert news.after(governance, 3)[0].seq == 4
    assert len(reads) == 2


def test_a_version_of_the_registry_is_made_known(api: Api) -> None:
    from governed import version

    from mlmon_dagster.errors import MissingError

    class Registry:
        def version(self, name: str, number: int) -> Any:
            if number > 1:
                raise MissingError(f"{name} has no version {number}")
            return version(number, name)

    premises = replace(api.web.premises, registry=Registry)  # type: ignore[arg-type]
    api.app.state.web = replace(api.web, premises=premises)
    known = api.by_token("mia").post("/api/models/register", json={"pipeline": "prices", "version": 1})
    assert (known.status_code, known.json()["number"], known.json()["registered_by"]) == (201, 1, "mia"), known.text
    assert problem(api.by_token("mia").post("/api/models", json={"pipeline": "prices", "version": 2})) == (
        404,
        "MISSING",
    )
    assert problem(api.by_token("sue").post("/api/models", json={"pipeline": "prices", "version": 1})) == (
        403,
        "DENIED",
    )


def test_an_entry_is_proven_to_whoever_may_see_it(api: Api) -> None:
    import subprocess
    import sys

    from mlmon_dagster import mlmon_verify
    from mlmon_dagster.resources.governance import open_office
    from mlmon_dagster.settings import read_settings

    home = str(api.web.premises.settings.home)
    office = open_office(read_settings({"MLMON_HOME": home}))
    premises = replace(api.web.premises, notary=office.notary)
    api.app.state.web = replace(api.web, premises=premises)
    proof = api.by_token("root", "read").get("/api/audit-logs/3/proof")
    assert proof.status_code == 200, proof.text
    file = api.web.premises.settings.home / "proof.json"
    file.write_text(proof.text, encoding="utf-8")
    command = [sys.executable, str(mlmon_verify.__file__), str(file), "--key", str(office.notary.key)]
    checked = subprocess.run(command, capture_output=True, text=True, check=False)
    assert checked.returncode == 0, checked.stdout + checked.stderr
    assert problem(api.by_token("eve", "read").get("/api/audit-logs/3/proof")) == (404, "MISSING")
    office.close()


def test_integrations_say_what_is_there_and_not_where(api: Api) -> None:
    found = {one["name"]: one["status"] for one in api.by_token("sue", "read").get("/api/integrations").json()}
    assert found["database"] == "ok"
    assert found["github"] == found["mlflow"] == "not configured"


def test_a_caller_has_so_many_streams_and_gets_them_back(api: Api) -> None:
    import time

    web = replace(api.web, listeners=Listeners(most=2))
    with served(replace(api, web=web)) as port:
        first, second = Listener(api, port, "sue"), Listener(api, port, "sue")
        refused = Listener(api, port, "sue")
        assert refused.answer.status == 429
        other = Listener(api, port, "max")
        assert other.answer.status == 200, "another caller has streams of its own"
        for one in (first, second, refused, other):
            one.close()
        for _ in range(100):
            again = Listener(api, port, "sue")
            status = again.answer.status
            again.close()
            if status == 200:
                break
            time.sleep(0.1)
        assert status == 200


def test_who_does_not_read_what_is_sent_is_let_go() -> None:
    import asyncio
    from collections.abc import AsyncIterator

    async def parts() -> AsyncIterator[str]:
        while True:
            yield "data: x\n\n"

    async def never(*_: Any) -> Any:
        await asyncio.sleep(3600)

    listeners = Listeners(most=1)
    listeners.enter("sue")
    scope = {"type": "http", "asgi": {"spec_version": "2.3"}}
    asyncio.run(asyncio.wait_for(Stream(parts(), listeners, "sue", seconds=0.05)(scope, never, never), 20))
    listeners.enter("sue")
