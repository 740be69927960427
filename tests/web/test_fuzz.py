"""Requests that nobody thought of, made from the API's own description, by every role."""

from collections.abc import Iterator
from typing import Any

import pytest
import schemathesis
from api_office import Api, staffed
from governed import Clock, deployed
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis import checks
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)
from starlette.testclient import TestClient

from mlmon_dagster.adapters.database.opening import open_database
from mlmon_dagster.lifecycle.alerts import raise_alert

PEOPLE = {
    "ml_engineer": "mia",
    "data_engineer": "dan",
    "production_team": "pia",
    "monitoring_team": "max",
    "model_sponsor": "sue",
    "admin": "root",
    "nobody": "eve",
}
PROMISES = (
    checks.not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
)
QUICK, LONG = 1, 30
"""Examples for each operation."""

PATIENCE_SECONDS = 300
"""A busy machine is slow to answer; what never answers is another test's."""


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    """An office in which there is something to find."""
    home = tmp_path_factory.mktemp("fuzz")
    database = open_database(f"sqlite:///{home}/mlmon.db")
    api = staffed(database, Clock(), home)
    deployed(api.governance, api.ours, "staging")
    raise_alert(api.governance, api.ours.pipeline, "dev", "inputs", window=None, reason="drift")
    yield api
    database.close()


def attack(api: Api, examples: int) -> None:
    """Calls every operation so often by every role, once as generated and once where there is something."""
    callers = [headers(api.logged_in(name)) for name in PEOPLE.values()]
    for result in schemathesis.openapi.from_asgi("/openapi.json", api.app).get_all_operations():
        operation = result.ok()
        endless = operation.path == "/api/events"
        if not endless and (operation.path != "/api/session" or operation.method != "delete"):
            asked(api, operation, callers, examples)


def headers(client: TestClient) -> dict[str, str]:
    """What recognises the client's session."""
    return {"Cookie": f"mlmon={client.cookies['mlmon']}"} | {
        name: client.headers[name] for name in ("Origin", "X-CSRF-Token")
    }


def asked(api: Api, operation: Any, callers: list[dict[str, str]], examples: int) -> None:
    @settings(
        max_examples=examples,
        deadline=None,
        database=None,
        derandomize=True,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=operation.as_strategy())
    def check(case: schemathesis.Case) -> None:
        for caller in callers:
            case.call_and_validate(headers=caller, checks=PROMISES, timeout=PATIENCE_SECONDS)
        case.path_parameters = known(api, operation.path) or case.path_parameters
        for caller in callers:
            case.call_and_validate(headers=caller, checks=PROMISES, timeout=PATIENCE_SECONDS)

    check()


def known(api: Api, path: str) -> dict[str, object]:
    """Parameters of the address with which there is something at it."""
    noun = path.split("/")[2].rstrip("s")
    with api.governance.ledger.read() as reading:
        ids = [line.entry.subject for line in reading.entries() if line.entry.subject.startswith(f"{noun}-")]
    values = {"id": ids[-1] if ids else "token000", "pipeline": "prices", "number": 1, "seq": 1}
    return {name: value for name, value in values.items() if f"{{{name}}}" in path}


def test_no_request_of_any_role_makes_the_server_fail(api: Api) -> None:
    attack(api, QUICK)
    assert api.length > 0


@pytest.mark.slow
def test_no_request_of_thousands_makes_the_server_fail(api: Api) -> None:
    attack(api, LONG)
    api.governance.ledger.verify()
