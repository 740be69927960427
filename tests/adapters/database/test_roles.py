"""The second wall: what each Postgres role may do, whatever its program tries."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import psycopg2
import pytest
from governed import START, Clock, Declared, declared, deployed, governed, version

from mlmon_dagster.adapters.database.opening import Database, open_database
from mlmon_dagster.adapters.database.roles import make_roles, unguarded
from mlmon_dagster.errors import DeniedError, InputError, MlmonError
from mlmon_dagster.governance.audit import Entry
from mlmon_dagster.governance.roles import MACHINE
from mlmon_dagster.lifecycle.alerts import raise_alert, resolve_alert
from mlmon_dagster.lifecycle.deployments import finish_deployment, open_promotion
from mlmon_dagster.lifecycle.governance import Governance
from mlmon_dagster.lifecycle.models import register_model
from mlmon_dagster.lifecycle.promotions import approve, request_promotion
from mlmon_dagster.lifecycle.rollbacks import roll_back

pytestmark = pytest.mark.postgres
ONE: Declared = declared()


@dataclass
class Walls:
    """One database, opened as its owner and under each role; version 1 lives in staging."""

    url: str
    owner: Governance
    databases: dict[str, Database]
    clock: Clock

    def governance(self, role: str) -> Governance:
        opened = self.databases[role]
        return Governance(opened.ledger, opened.judgements, opened.metrics, self.clock)

    def sql(self, role: str, statement: str, *values: Any) -> None:
        connection = psycopg2.connect(as_role(self.url, role).replace("+psycopg2", ""))
        try:
            with connection, connection.cursor() as cursor:
                cursor.execute(statement, values)
        finally:
            connection.close()


def as_role(url: str, role: str) -> str:
    return url.replace("//mlmon@", f"//{role}@")


@pytest.fixture
def walls(postgres_server: Any, tmp_path: Any) -> Iterator[Walls]:
    url, clock = postgres_server.fresh(f"walls_{tmp_path.name}"), Clock()
    owner = open_database(url)
    make_roles(owner.engine)
    make_roles(owner.engine)
    governance = governed(owner, clock)
    deployed(governance, ONE, "staging", 1)
    databases = {role: open_database(as_role(url, role)) for role in ("mlmon_api", "mlmon_runner", "mlmon_auditor")}
    yield Walls(url, governance, databases, clock)
    for one in (owner, *databases.values()):
        one.close()


OWN = {
    ("machine:web", "access.refused"): {"reason": "x"},
    ("machine:provider", "account.set"): {"password": False},
    ("machine:teams", "role.granted"): {"name": "zoe", "role": "ml_engineer", "bootstrap": False, "team": "acme"},
    ("machine:github", "repository.connected"): {"name": "acme/prices", "branch": "main"},
}
FOREIGN = {
    ("machine:teams", "role.granted"): {"name": "zoe", "role": "admin", "bootstrap": False, "team": "acme"},
    ("machine:github", "lock.released"): {"reason": "x"},
    ("machine:cloudwatch", "repository.connected"): {"name": "acme/prices", "branch": "main"},
    ("machine:dagster", "finding.reported"): {"about": "a", "name": "ci", "passed": True, "detail": ""},
}


def noted(walls: Walls, actor: str, action: str, data: dict[str, Any]) -> None:
    with walls.databases["mlmon_api"].ledger.transaction() as books:
        place = ("pricing", "prices") if action.startswith(("finding", "lock")) else ("*", None)
        entry = Entry(books.next_seq, START, actor, "machine", action, *place, None, f"x/{actor}", data)
        books.append(entry)


@pytest.mark.parametrize(("who", "data"), OWN.items(), ids=["/".join(one) for one in OWN])
def test_the_web_records_what_its_own_machines_do(walls: Walls, who: tuple[str, str], data: dict[str, Any]) -> None:
    noted(walls, *who, data)
    walls.owner.ledger.verify()


@pytest.mark.parametrize(("who", "data"), FOREIGN.items(), ids=["/".join(one) for one in FOREIGN])
def test_and_nothing_else_in_their_names(walls: Walls, who: tuple[str, str], data: dict[str, Any]) -> None:
    with pytest.raises(DeniedError, match="may not record"):
        noted(walls, *who, data)


def test_alarms_of_cloudwatch_are_taken_in_the_web(walls: Walls) -> None:
    api = walls.governance("mlmon_api")
    alert = raise_alert(api, ONE.pipeline, "prod", "cw", window=None, reason="p99", actor="machine:cloudwatch")
    assert resolve_alert(api, alert.id, actor="machine:cloudwatch", reason="over").state == "resolved"


def test_the_regular_way_takes_two_roles(walls: Walls) -> None:
    api, runner = walls.governance("mlmon_api"), walls.governance("mlmon_runner")
    asked = request_promotion(api, ONE, "prod", 1, actor="mia")
    for name in ("pia", "sue"):
        approve(api, ONE, asked.id, actor=name)
    started = open_promotion(runner, ONE, asked.id)
    assert finish_deployment(runner, started.id, "http://127.0.0.1:9").state == "live"
    register_model(runner, ONE.pipeline, version(2), actor=MACHINE)
    alert = raise_alert(runner, ONE.pipeline, "prod", "inputs", window=None, reason="drift")
    resolve_alert(api, alert.id, actor="max", reason="repaired")
    with pytest.raises(MlmonError, match="nothing to roll back to"):
        roll_back(api, ONE.pipeline, "prod", settings=None, reason="errors", actor="pia")
    walls.databases["mlmon_auditor"].ledger.verify()


def entry(books: Any, action: str, subject: str, actor: str, data: dict[str, Any]) -> Entry:
    return Entry(books.next_seq, START, actor, "admin", action, "pricing", "prices", "prod", subject, data)


def append(governance: Governance, action: str, subject: str, actor: str, data: dict[str, Any]) -> None:
    """As a program would that skips every command of ours."""
    with governance.ledger.transaction() as books:
        books.append(entry(books, action, subject, actor, data))


def test_a_runner_records_no_consent_and_gives_no_role(walls: Walls) -> None:
    asked = request_promotion(walls.owner, ONE, "prod", 1, actor="mia")
    runner = walls.governance("mlmon_runner")
    consent = {"digest": "x", "pipeline_digest": "y", "complete": True, "reason": ""}
    for actor in ("pia", MACHINE):
        with pytest.raises(DeniedError):
            append(runner, "promotion.approved", asked.id, actor, consent)
    with pytest.raises(DeniedError):
        append(runner, "role.granted", "eve/*/admin", MACHINE, {"name": "eve", "role": "admin"})
    walls.owner.ledger.verify()


def test_a_runner_starts_no_deployment_without_its_approvals(walls: Walls) -> None:
    asked = request_promotion(walls.owner, ONE, "prod", 1, actor="mia")
    runner = walls.governance("mlmon_runner")
    start = {
        "promotion": asked.id,
        "version": 1,
        "digest": asked.digest,
        "target": "local",
        "strategy": "direct",
        "previous": None,
        "reason": "",
    }
    with pytest.raises(DeniedError, match="not approved"):
        append(runner, "deployment.started", "deployment-99", MACHINE, start)
    approve(walls.owner, ONE, asked.id, actor="pia")
    with pytest.raises(DeniedError, match="not approved"):
        append(runner, "deployment.started", "deployment-99", MACHINE, start)
    approve(walls.owner, ONE, asked.id, actor="sue")
    with pytest.raises(DeniedError, match="not approved"):
        append(runner, "deployment.started", "deployment-99", MACHINE, {**start, "digest": "e" * 64})
    append(runner, "deployment.started", "deployment-99", MACHINE, start)


def test_the_api_opens_no_gate_and_approves_nothing_for_its_requester(walls: Walls) -> None:
    asked = request_promotion(walls.owner, ONE, "prod", 1, actor="mia")
    api = walls.governance("mlmon_api")
    with pytest.raises(DeniedError):
        append(api, "promotion.opened", asked.id, "root", {"digest": asked.digest, "conditions": []})
    bound = {"digest": asked.digest, "pipeline_digest": asked.pipeline_digest, "git_commit": asked.git_commit}
    with pytest.raises(DeniedError, match="mia may not approve"):
        append(api, "promotion.approved", asked.id, "mia", {**bound, "complete": False, "reason": ""})


BYPASSES = {
    "the api edits the log": ("mlmon_api", "UPDATE audit_log SET actor = 'eve'"),
    "the api inserts into the log": ("mlmon_api", "INSERT INTO audit_log SELECT 99, payload FROM audit_log"),
    "the api moves the head": ("mlmon_api", "UPDATE audit_head SET seq = 0"),
    "the api empties the log": ("mlmon_api", "TRUNCATE audit_log"),
    "the api switches the triggers off": ("mlmon_api", "ALTER TABLE audit_log DISABLE TRIGGER ALL"),
    "the api replaces the function": (
        "mlmon_api",
        "CREATE OR REPLACE FUNCTION public.audit_guard(entry jsonb) RETURNS void LANGUAGE sql AS 'SELECT'",
    ),
    "the runner approves": (
        "mlmon_runner",
        "INSERT INTO approvals (id, seq, promotion, approver, digest, pipeline_digest, at, reason) "
        "VALUES ('approval-99', 99, 'promotion-1', 'pia', '', '', '', '')",
    ),
    "the runner makes an admin": ("mlmon_runner", "UPDATE members SET role = 'admin'"),
    "the runner joins names": ("mlmon_runner", "DELETE FROM people"),
    "the runner overrides": ("mlmon_runner", "UPDATE overrides SET state = 'granted'"),
    "the runner reads no less but writes no session": ("mlmon_runner", "DELETE FROM sessions"),
    "the auditor writes": ("mlmon_auditor", "UPDATE alerts SET state = 'resolved'"),
    "the auditor appends": ("mlmon_auditor", "SELECT audit_append(1, '{}')"),
    "the auditor reads secrets": ("mlmon_auditor", "SELECT password FROM accounts"),
    "the owner edits the log": ("mlmon", "UPDATE audit_log SET actor = 'eve'"),
    "the owner empties the log": ("mlmon", "TRUNCATE audit_log"),
}


def test_direct_sql_goes_past_no_wall(walls: Walls) -> None:
    before = walls.owner.ledger.verify()
    for what, (role, statement) in BYPASSES.items():
        with pytest.raises(psycopg2.Error) as refused:
            walls.sql(role, statement)
        assert refused.value.pgcode in ("42501", "P0001"), what
    assert walls.owner.ledger.verify() == before


def test_production_refuses_an_owner_a_superuser_and_a_missing_trigger(walls: Walls) -> None:
    """The server of these tests runs without fsync, which is refused as well."""
    with pytest.raises(InputError, match="superuser"):
        open_database(walls.url, guarded=True)
    with pytest.raises(InputError, match="fsync is off"):
        open_database(as_role(walls.url, "mlmon_api"), guarded=True)
    assert problems(walls, "mlmon_api") == ["fsync is off: what is committed can be lost"]
    walls.sql("mlmon", "ALTER TABLE audit_log DISABLE TRIGGER audit_log_no_truncate")
    assert "audit_log_no_truncate" in problems(walls, "mlmon_runner")[0]
    walls.sql("mlmon", "ALTER TABLE audit_log OWNER TO mlmon_api")
    assert problems(walls, "mlmon_api")[0] == "the connected role owns the audit log"


def problems(walls: Walls, role: str) -> list[str]:
    with walls.databases[role].engine.connect() as connection:
        return list(unguarded(connection))


def test_production_refuses_sqlite(tmp_path: Any) -> None:
    with pytest.raises(InputError, match="SQLite"):
        open_database(f"sqlite:///{tmp_path}/mlmon.db", guarded=True)


def test_a_role_that_is_behind_is_told_who_migrates(postgres_server: Any, tmp_path: Any) -> None:
    url = postgres_server.fresh(f"behind_{tmp_path.name}")
    opened = open_database(url)
    make_roles(opened.engine)
    opened.close()
    clean = replace(Walls(url, None, {}, Clock()))  # type: ignore[arg-type]
    clean.sql("mlmon", "UPDATE alembic_version SET version_num = '0004'")
    with pytest.raises(DeniedError, match="role mlmon_api") as refusal:
        open_database(as_role(url, "mlmon_api"))
    assert "mlmon database migrate" in str(refusal.value.hint)
