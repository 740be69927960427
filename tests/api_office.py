"""The API over an premises with one pipeline of ours, one of strangers, and one person or two for every role."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fastapi import FastAPI
from governed import CAST, Clock, Declared, Shelf, declared, governed
from starlette.testclient import TestClient

from mlmon_dagster.adapters.database.opening import Database
from mlmon_dagster.governance.access import SCOPES, Cost
from mlmon_dagster.lifecycle.desk import Premises
from mlmon_dagster.lifecycle.governance import Governance
from mlmon_dagster.lifecycle.identity import Identity, add_account, issue_token
from mlmon_dagster.lifecycle.members import grant_role
from mlmon_dagster.settings import read_settings
from mlmon_dagster.web.app import create_app
from mlmon_dagster.web.rates import Buckets, Rate
from mlmon_dagster.web.settings import WebSettings
from mlmon_dagster.web.state import Web

ORIGIN = "http://testserver"
PASSWORD = "correct horse battery"
OUTSIDER = "eve"
"""Holds every role, but in another project."""


@dataclass
class Api:
    """The API, and ways into it."""

    web: Web
    app: FastAPI
    ours: Declared
    target: Shelf
    clock: Clock

    @property
    def governance(self) -> Governance:
        return self.web.premises.governance

    def client(self, **headers: str) -> TestClient:
        return TestClient(self.app, base_url=ORIGIN, headers=headers, raise_server_exceptions=False)

    def by_token(self, name: str, *scopes: str) -> TestClient:
        """As a program of that person, with every scope unless some are named."""
        issued = issue_token(self.web.identity, name, scopes or SCOPES, 30, actor=name)
        return self.client(Authorization=f"Bearer {issued.text}")

    def logged_in(self, name: str) -> TestClient:
        """As that person in a session."""
        client = self.client(Origin=ORIGIN)
        answer = client.post("/api/session", json={"name": name, "password": PASSWORD})
        assert answer.status_code == 201, answer.text
        client.headers["X-CSRF-Token"] = answer.json()["csrf"]
        return client

    @property
    def length(self) -> int:
        """How many entries the audit log has, those of refusals aside; the log is verified."""
        self.governance.ledger.verify()
        with self.governance.ledger.read() as reading:
            return sum(line.entry.action != "access.refused" for line in reading.entries())


def staffed(database: Database, clock: Clock, home: Path) -> Api:
    """The API with everybody's account; logging in is cheap and unlimited."""
    target = Shelf()
    ours, theirs = declared(target=target), foreign()
    governance = governed(database, clock)
    settings = read_settings({"MLMON_HOME": str(home)})
    premises = Premises(governance, lambda: {"prices": ours, "foreign": theirs}, settings)
    identity = Identity(governance, database.credentials, Cost(n=2**4, r=8, p=1))
    for name in CAST:
        add_account(identity, name, PASSWORD, actor="root")
    add_account(identity, OUTSIDER, PASSWORD, actor="root")
    grant_role(governance, OUTSIDER, "admin", actor="root", project="strangers")
    web = Web(
        premises,
        identity,
        WebSettings(ORIGIN, b"k" * 32),
        database.answers,
        requests=Buckets(Rate(10_000, 10_000)),
        logins=Buckets(Rate(10_000, 10_000)),
    )
    return Api(web, create_app(web), ours, target, clock)


def foreign() -> Declared:
    """A pipeline of the project `strangers`."""
    from dataclasses import replace

    one = declared("foreign")
    return Declared(replace(one.pipeline, project="strangers"), "a" * 64)


def problem(answer: Any) -> tuple[int, str]:
    """Status and code of a refusal, after its shape was checked."""
    assert answer.headers["content-type"] == "application/problem+json", answer.text
    body = answer.json()
    assert body["status"] == answer.status_code
    assert body["detail"]
    assert "Traceback" not in answer.text
    return answer.status_code, body["code"]
