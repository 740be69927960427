"""An office in which everybody tries what they like, and a judge reads along."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from governed import CAST, CHECKS, WINDOW, Clock, Declared, changed, declared, governed, version
from judge import Judge

from mlmon_dagster.adapters.database.opening import Database, open_database
from mlmon_dagster.errors import MlmonError
from mlmon_dagster.governance.check import Judged
from mlmon_dagster.governance.deployments import Deployment
from mlmon_dagster.governance.promotions import Promotion
from mlmon_dagster.governance.roles import MACHINE
from mlmon_dagster.lifecycle.alerts import raise_alert, resolve_alert
from mlmon_dagster.lifecycle.deployments import (
    advance_deployment,
    fail_deployment,
    finish_deployment,
    open_promotion,
)
from mlmon_dagster.lifecycle.findings import report_status, report_test
from mlmon_dagster.lifecycle.governance import Governance
from mlmon_dagster.lifecycle.locks import release_lock, set_lock
from mlmon_dagster.lifecycle.members import grant_role, revoke_role
from mlmon_dagster.lifecycle.models import register_model
from mlmon_dagster.lifecycle.overrides import break_glass
from mlmon_dagster.lifecycle.people import link_person
from mlmon_dagster.lifecycle.projects import archive_project, restore_project, save_project
from mlmon_dagster.lifecycle.promotions import approve, expire_promotions, reject, request_promotion
from mlmon_dagster.lifecycle.queries import open_alerts
from mlmon_dagster.lifecycle.rollbacks import roll_back
from mlmon_dagster.pipeline.deployment import Gate

STRICT = declared(
    staging=Gate(tests=("integration",), monitored_within="12h"),
    prod=Gate(soak="2h", monitored_within="12h", statuses=("ci",)),
)
FILES: tuple[Declared, ...] = (
    STRICT,
    changed(STRICT, "data_preparation", maximum_invalid=0.5),
    replace(STRICT, git_commit="d" * 40),
)
"""The pipeline file; with another declaration; with other code."""

OTHERS: tuple[Declared, ...] = (
    replace(declared("other", staging=Gate()), digest=STRICT.digest),
    replace(changed(STRICT, "model_deployment", staging=None, prod=None), digest=STRICT.digest),
)
"""Files that pass for it: of another pipeline; without an environment that there was."""

PEOPLE = (*CAST, "ada", MACHINE)
"""The cast, a second admin, and the machine."""


def staffed(url: str) -> None:
    """Makes a database with the cast as members and three versions registered."""
    database = open_database(url)
    governance = governed(database, Clock())
    grant_role(governance, "ada", "admin", actor="root")
    for number in (1, 2, 3):
        register_model(governance, STRICT.pipeline, version(number), actor=MACHINE)
    database.close()


class Office:
    """Commands that return their record, or `None` where they were refused; the judge looks after each of them."""

    def __init__(self, url: str) -> None:
        self.database: Database = open_database(url)
        self.clock = Clock()
        ledger, judgements, metrics = self.database.ledger, self.database.judgements, self.database.metrics
        self.governance = Governance(ledger, judgements, metrics, self.clock)
        self.file = FILES[0]
        self.registry: str | None = None
        """Digest of every version as the registry has it now, where somebody changed it."""
        self.judge = Judge(self.governance)
        self.judge.look(self.file, None)

    def close(self) -> None:
        self.database.close()

    def try_(self, command: Callable[..., Any], *given: Any, **options: Any) -> Any:
        self.clock.pass_(seconds=1)
        try:
            found = command(self.governance, *given, **options)
        except MlmonError:
            found = None
        self.judge.look(self.file, self.registry)
        return found

    def ids(self, kind: type[Any], **where: Any) -> list[str]:
        with self.governance.ledger.read() as reading:
            return [record.id for record in reading.find(kind, **where)]

    def request(self, name: str, environment: str, number: int | None = 1, key: str = "") -> Promotion | None:
        return self.try_(request_promotion, self.file, environment, number, actor=name, key=key)

    def approve(self, name: str, id: str) -> Promotion | None:
        return self.try_(approve, self.file, id, actor=name)

    def reject(self, name: str, id: str, reason: str = "no") -> Promotion | None:
        return self.try_(reject, id, actor=name, reason=reason)

    def open(self, id: str, name: str = MACHINE) -> Deployment | None:
        return self.try_(open_promotion, self.file, id, actor=name, digest=self.registry)

    def finish(self, id: str, name: str = MACHINE) -> Deployment | None:
        return self.try_(finish_deployment, id, "http://127.0.0.1:9", actor=name)

    def fail(self, id: str, name: str = MACHINE) -> Deployment | None:
        return self.try_(fail_deployment, id, "broken", actor=name)

    def advance(self, id: str, state: str, share: int) -> Any:
        return self.try_(advance_deployment, id, state, share)

    def back(self, name: str, environment: str, reason: str = "errors", version: int | None = None) -> Any:
        told = {"settings": None, "reason": reason, "version": version, "actor": name}
        return self.try_(roll_back, self.file.pipeline, environment, **told)

    def glass(self, name: str, id: str, reason: str = "outage") -> Any:
        return self.try_(break_glass, self.file, id, actor=name, reason=reason)

    def monitor(
        self,
        environment: str,
        number: int = 1,
        verdict: str = "ok",
        checks: Sequence[str] = CHECKS,
        window: str = WINDOW,
    ) -> None:
        self.clock.pass_(seconds=1)
        at = self.clock.time
        self.governance.judgements.record(
            [
                Judged("prices", environment, "model_monitoring", window, check, verdict, "as told", {}, number, at)
                for check in checks
            ]
        )

    def report(self, environment: str, passed: bool = True) -> None:
        """How the integration test went there, and CI on the commit."""
        self.try_(report_test, self.file.pipeline, environment, "integration", passed=passed)
        self.try_(report_status, self.file.pipeline, self.file.git_commit, "ci", passed=passed)

    def alert(self, environment: str, check: str = "inputs") -> Any:
        return self.try_(raise_alert, self.file.pipeline, environment, check, window=WINDOW, reason="drift")

    def resolve(self, name: str = "max") -> None:
        for alert in open_alerts(self.governance):
            self.try_(resolve_alert, alert.id, actor=name, reason="repaired")

    def lock(self, name: str = "pia") -> None:
        self.try_(set_lock, self.file.pipeline, "data_preparation", actor=name)

    def unlock(self, name: str = "pia") -> None:
        self.try_(release_lock, self.file.pipeline, "data_preparation", actor=name, reason="agreed")

    def grant(self, name: str, role: str) -> None:
        for admin in ("root", "ada"):
            self.try_(grant_role, name, role, actor=admin)

    def revoke(self, name: str, role: str) -> None:
        self.try_(revoke_role, name, role, actor="root")

    def link(self, name: str, same_as: str) -> None:
        self.try_(link_person, name, same_as, actor="root")

    def reach(self, *environments: str) -> None:
        """How far the project goes."""
        self.try_(save_project, "pricing", actor="root", environments=environments)

    def archive(self) -> None:
        self.reach("dev", "staging", "prod")
        self.try_(archive_project, "pricing", actor="root", reason="over")

    def restore(self) -> None:
        self.try_(restore_project, "pricing", actor="root", reason="again")

    def wait(self, **span: float) -> None:
        self.clock.pass_(**span)

    def expire(self) -> None:
        self.try_(expire_promotions)

    def road(self, environment: str, number: int = 1, requester: str = "mia") -> Deployment | None:
        """The regular way into the environment, as far as it goes."""
        started = None
        for step in ("dev", "staging", "prod"):
            asked = self.agreed(step, number, requester if step != "dev" else "mia")
            started = asked and self.open(asked)
            if started:
                self.finish(started.id)
            self.monitor(step, number)
            self.report(step)
            if step == environment:
                break
            self.wait(hours=2)
        return started

    def agreed(self, environment: str, number: int = 1, requester: str = "mia") -> str | None:
        """A promotion with its approvals, as far as they were possible."""
        asked = self.request(requester, environment, number)
        for name in ("pia", "sue")[: {"dev": 0, "staging": 1, "prod": 2}[environment]]:
            if asked:
                self.approve(name, asked.id)
        return asked.id if asked else None

    def ready(self, environment: str = "prod", number: int = 1) -> str:
        """A promotion into the environment for which everything is there."""
        before = {"staging": "dev", "prod": "staging"}.get(environment)
        if before:
            assert self.road(before, number)
            self.wait(hours=2)
        asked = self.agreed(environment, number)
        assert asked
        return asked
