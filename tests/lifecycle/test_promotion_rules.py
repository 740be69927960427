"""No sequence of commands takes a version to prod without its quorum, its evidence, and its time."""

import tempfile
from collections.abc import Callable
from datetime import timedelta
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from governed import CAST, CHECKS, Clock, Declared, changed, declared, governed, judge, version
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from mlmon_dagster.adapters.database.opening import open_database
from mlmon_dagster.errors import MlmonError
from mlmon_dagster.governance import gates
from mlmon_dagster.governance.alerts import OPEN, Alert
from mlmon_dagster.governance.deployments import Deployment
from mlmon_dagster.governance.promotions import Approval, Promotion
from mlmon_dagster.governance.roles import MACHINE, Member
from mlmon_dagster.lifecycle import promotions as commands
from mlmon_dagster.lifecycle.alerts import raise_alert, resolve_alert
from mlmon_dagster.lifecycle.deployments import fail_deployment, finish_deployment, open_promotion
from mlmon_dagster.lifecycle.governance import Governance
from mlmon_dagster.lifecycle.locks import release_lock, set_lock
from mlmon_dagster.lifecycle.members import grant_role, revoke_role
from mlmon_dagster.lifecycle.models import register_model
from mlmon_dagster.lifecycle.promotions import approve, expire_promotions, reject, request_promotion
from mlmon_dagster.lifecycle.queries import open_alerts
from mlmon_dagster.lifecycle.rollbacks import roll_back

APPROVING = ("production_team", "model_sponsor", "admin")
NAMES = st.sampled_from([*CAST, MACHINE])
ENVIRONMENTS = st.sampled_from(["dev", "staging", "prod"])
VERSIONS = st.integers(1, 2)
FILES: tuple[Declared, ...] = (declared(), changed(declared(), "data_preparation", maximum_invalid=0.5))


@cache
def _staffed() -> bytes:
    """A database file with the cast as members: every example starts from a copy."""
    with tempfile.TemporaryDirectory() as folder:
        database = open_database(f"sqlite:///{folder}/mlmon.db")
        governed(database, Clock())
        database.close()
        return (Path(folder) / "mlmon.db").read_bytes()


class Office(RuleBasedStateMachine):
    """People and the machine, each trying whatever they like; refusals are part of the day."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        file = Path(self.folder.name) / "mlmon.db"
        file.write_bytes(_staffed())
        self.database = open_database(f"sqlite:///{file}")
        self.clock = Clock()
        self.governance = Governance(self.database.ledger, self.database.judgements, self.database.metrics, self.clock)
        self.file = FILES[0]
        self.seen: set[str] = set()

    def teardown(self) -> None:
        self.database.close()
        self.folder.cleanup()

    def try_(self, command: Callable[..., Any], *given: Any, **options: Any) -> Any:
        try:
            return command(self.governance, *given, **options)
        except MlmonError:
            return None

    def ids(self, kind: type[Any]) -> list[str]:
        with self.governance.ledger.read() as reading:
            return [record.id for record in reading.find(kind)]

    @initialize()
    def register(self) -> None:
        for number in (1, 2):
            register_model(self.governance, self.file.pipeline, version(number), actor=MACHINE)

    @rule(name=NAMES, environment=ENVIRONMENTS, number=VERSIONS)
    def request(self, name: str, environment: str, number: int) -> None:
        self.try_(request_promotion, self.file, environment, number, actor=name)

    @rule(name=NAMES, data=st.data())
    def approve(self, name: str, data: st.DataObject) -> None:
        if ids := self.ids(Promotion):
            self.try_(approve, self.file, data.draw(st.sampled_from(ids)), actor=name)

    @rule(environment=ENVIRONMENTS, number=VERSIONS, requester=st.sampled_from(["mia", "pia"]))
    def whole_road(self, environment: str, number: int, requester: str) -> None:
        """The regular way, so that the interesting states are reached."""
        for step in ("dev", "staging", "prod"):
            asked = self.try_(request_promotion, self.file, step, number, actor="mia" if step == "dev" else requester)
            for name in ("pia", "sue")[: self.file.pipeline.approvals(step)]:
                if asked:
                    self.try_(approve, self.file, asked.id, actor=name)
            started = asked and self.try_(open_promotion, self.file, asked.id)
            self.note()
            if started:
                self.try_(finish_deployment, started.id, "http://127.0.0.1:9")
            judge(self.governance, step, number)
            if step == environment:
                return

    @rule(name=NAMES, data=st.data())
    def reject(self, name: str, data: st.DataObject) -> None:
        if ids := self.ids(Promotion):
            self.try_(reject, data.draw(st.sampled_from(ids)), actor=name, reason="no")

    @rule(name=NAMES, data=st.data())
    def open(self, name: str, data: st.DataObject) -> None:
        if ids := self.ids(Promotion):
            self.try_(open_promotion, self.file, data.draw(st.sampled_from(ids)), actor=name)
            self.note()

    @rule(data=st.data(), well=st.booleans())
    def end(self, data: st.DataObject, well: bool) -> None:
        if ids := self.ids(Deployment):
            id = data.draw(st.sampled_from(ids))
            if well:
                self.try_(finish_deployment, id, "http://127.0.0.1:9")
            else:
                self.try_(fail_deployment, id, "broken")

    @rule(name=NAMES, environment=ENVIRONMENTS)
    def roll_back(self, name: str, environment: str) -> None:
        self.try_(roll_back, self.file.pipeline, environment, settings=None, reason="errors", actor=name)

    @rule(
        environment=ENVIRONMENTS,
        number=VERSIONS,
        checks=st.lists(st.sampled_from(CHECKS), min_size=1, unique=True),
        verdict=st.sampled_from(["ok", "drift", "no_data"]),
        window=st.sampled_from(["2026-01-05", "2026-01-12"]),
    )
    def monitor(self, environment: str, number: int, checks: list[str], verdict: str, window: str) -> None:
        judge(self.governance, environment, number, window=window, checks=checks, verdict=verdict)

    @rule(environment=ENVIRONMENTS, check=st.sampled_from(CHECKS))
    def alert(self, environment: str, check: str) -> None:
        self.try_(raise_alert, self.file.pipeline, environment, check, window="2026-01-05", reason="drift")

    @rule(name=NAMES)
    def resolve(self, name: str) -> None:
        for alert in open_alerts(self.governance):
            self.try_(resolve_alert, alert.id, actor=name, reason="repaired")

    @rule()
    def change_the_file(self) -> None:
        self.file = FILES[1 - FILES.index(self.file)]

    @rule(name=NAMES, lock=st.booleans())
    def lock(self, name: str, lock: bool) -> None:
        if lock:
            self.try_(set_lock, self.file.pipeline, "data_preparation", actor=name)
        else:
            self.try_(release_lock, self.file.pipeline, "data_preparation", actor=name, reason="agreed")

    @rule(name=st.sampled_from(["sue", "pia"]), grant=st.booleans())
    def change_roles(self, name: str, grant: bool) -> None:
        self.try_(grant_role if grant else revoke_role, name, CAST[name][0], actor="root")

    @rule(hours=st.sampled_from([1, 12, 25]))
    def pass_time(self, hours: int) -> None:
        self.clock.pass_(hours=hours)
        self.try_(expire_promotions)

    def note(self) -> None:
        """Judges every new deployment to prod by a second, plainer reading of the rules, at the moment it starts."""
        with self.governance.ledger.read() as reading:
            started = [one for one in reading.find(Deployment, environment="prod") if one.promotion]
            for one in started:
                if one.id in self.seen:
                    continue
                self.seen.add(one.id)
                asked = reading.find(Promotion, id=one.promotion)[0]
                given = reading.find(Approval, promotion=asked.id)
                roles = {(member.name, member.role) for member in reading.find(Member)}
                alarmed = max((int(alert.id.rpartition("-")[2]) for alert in reading.find(Alert)), default=0)
                people = {
                    approval.approver
                    for approval in given
                    if approval.approver != asked.requester
                    and approval.seq > alarmed
                    and any((approval.approver, role) in roles for role in APPROVING)
                }
                assert len(people) >= 2, "two distinct people other than the requester"
                assert any((name, "production_team") in roles for name in people), "one of the production team"
                assert asked.pipeline_digest == self.file.digest, "the pipeline file is the approved one"
                assert asked.requested_at + timedelta(hours=24) > self.clock(), "in time"
                before = reading.find(Deployment, environment="staging", state="live")
                assert [live.version for live in before] == [one.version], "live in staging"
                judged = self.governance.judgements.latest("prices", "staging")
                latest = max(found.window or "" for found in judged.values())
                for check in CHECKS:
                    found = judged[check]
                    assert (found.verdict, found.window, found.version) == ("ok", latest, one.version), "judged well"
                assert not reading.find(Alert, state=OPEN), "no alert"

    @invariant()
    def one_live_deployment_for_each_environment(self) -> None:
        with self.governance.ledger.read() as reading:
            for state in ("live", "started"):
                found = [one.environment for one in reading.find(Deployment, state=state)]
                assert len(found) == len(set(found))
            promoted = [one.promotion for one in reading.find(Deployment) if one.promotion]
            assert len(promoted) == len(set(promoted)), "one deployment for each promotion"

    @invariant()
    def every_entry_was_permitted(self) -> None:
        with self.governance.ledger.read() as reading:
            for line in reading.entries(newest=3):
                assert line.entry.role


def run(examples: int, steps: int, *, phases: tuple[Phase, ...] = tuple(Phase)) -> None:
    chosen = settings(
        phases=phases,
        max_examples=examples,
        stateful_step_count=steps,
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    run_state_machine_as_test(Office, settings=chosen)  # type: ignore[no-untyped-call]


def test_no_sequence_of_commands_goes_around_the_rules() -> None:
    run(40, 20)


@pytest.mark.slow
def test_no_long_sequence_of_commands_goes_around_the_rules() -> None:
    run(500, 40)


def nothing(*_: Any, **__: Any) -> Any:
    return ()


GUARDS = {
    "approvals": ((gates, "_approvals", nothing),),
    "the checks": ((gates, "_checks", nothing),),
    "alerts": ((gates, "_no_alert", lambda evidence: gates.Condition("no open alert", True, "")),),
    "an own request": (
        (gates, "counting", lambda asked, given, *_, **__: given),
        (commands, "_refuse_own", nothing),
    ),
}


@pytest.mark.slow
@pytest.mark.parametrize("guards", GUARDS.values(), ids=GUARDS)
def test_a_missing_guard_is_found(monkeypatch: pytest.MonkeyPatch, guards: tuple[tuple[Any, str, Any], ...]) -> None:
    for module, name, without in guards:
        monkeypatch.setattr(module, name, without)
    with pytest.raises(AssertionError):
        run(500, 40, phases=(Phase.generate,))
