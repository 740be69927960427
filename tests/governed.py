"""A pipeline with everything governance looks at, and the parts around it that tests steer."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta, timezone
from typing import Any

from mlmon_dagster.adapters.database.opening import Database
from mlmon_dagster.errors import FailedError, UnavailableError
from mlmon_dagster.governance.check import Judged
from mlmon_dagster.governance.deployments import Deployment
from mlmon_dagster.governance.promotions import Promotion
from mlmon_dagster.governance.roles import MACHINE
from mlmon_dagster.lifecycle.deployments import finish_deployment, open_promotion
from mlmon_dagster.lifecycle.governance import Governance
from mlmon_dagster.lifecycle.members import grant_role
from mlmon_dagster.lifecycle.models import register_model
from mlmon_dagster.lifecycle.promotions import approve, request_promotion
from mlmon_dagster.pipeline import spec
from mlmon_dagster.pipeline.deployment import EnvironmentDeployment, Gate, ModelDeployment
from mlmon_dagster.pipeline.monitoring import ModelMonitoring
from mlmon_dagster.pipeline.serving import ModelInferencing
from mlmon_dagster.pipeline.source import Rows, Source
from mlmon_dagster.pipeline.windows import Windows
from mlmon_dagster.ports import ModelVersion, Placement, Serving, Shift, Traffic

START = datetime(2026, 1, 5, 12, tzinfo=timezone.utc)
WINDOW = "2026-01-05"
CHECKS = ("inputs", "price_ks")
CAST = {
    "root": ("admin",),
    "mia": ("ml_engineer",),
    "dan": ("data_engineer",),
    "pia": ("production_team",),
    "pat": ("production_team",),
    "sue": ("model_sponsor",),
    "sol": ("model_sponsor",),
    "max": ("monitoring_team",),
}
"""One person or two for every role, and `root`."""


@dataclass
class Clock:
    """The time as the test has it."""

    time: datetime = START

    def __call__(self) -> datetime:
        return self.time

    def pass_(self, **span: float) -> None:
        self.time += timedelta(**span)


@dataclass
class Shelf:
    """A target that keeps what it is asked to run in memory, and fails on request."""

    started: list[Placement] = field(default_factory=list)
    shifted: list[tuple[Placement, Shift]] = field(default_factory=list)
    switched: list[Placement] = field(default_factory=list)
    stopped: list[str] = field(default_factory=list)
    seen: dict[str, Traffic] = field(default_factory=dict)
    """What `traffic` says of a deployment instead of that it is well."""
    broken: bool = False

    def start(self, placement: Placement, settings: Any) -> Serving:
        if self.broken:
            raise FailedError(f"version {placement.version.number} does not become healthy")
        self.started.append(placement)
        return self._serving(placement)

    def switch(self, placement: Placement, settings: Any) -> Serving:
        self.switched.append(placement)
        return self._serving(placement)

    def shift(self, placement: Placement, shift: Shift, settings: Any) -> Serving:
        self.shifted.append((placement, shift))
        return self._serving(placement)

    def stop(self, pipeline: str, environment: str, deployment: str, settings: Any) -> None:
        self.stopped.append(deployment)

    def traffic(self, pipeline: str, environment: str, settings: Any) -> Sequence[Traffic]:
        shares = {placement.deployment: (placement, shift) for placement, shift in self.shifted}
        found = [
            Traffic(name, one.version.number, "candidate", shift.share, "healthy")
            for name, (one, shift) in shares.items()
            if name not in self.stopped
        ]
        return [self.seen.get(one.deployment, one) for one in found]

    def live(self, pipeline: str, environment: str, settings: Any) -> Serving | None:
        return self._serving(self.switched[-1]) if self.switched else None

    def _serving(self, placement: Placement) -> Serving:
        address = f"http://127.0.0.1:9/{placement.deployment}"
        return Serving(placement.deployment, placement.version.number, placement.version.digest, address, "healthy")


@dataclass
class Mailbox:
    """A channel that keeps what it is sent, or refuses it."""

    sent: list[tuple[str, str, Mapping[str, Any]]] = field(default_factory=list)
    refuses: bool = False

    def send(self, title: str, body: str, facts: Mapping[str, Any]) -> None:
        if self.refuses:
            raise UnavailableError("the mailbox is full")
        self.sent.append((title, body, facts))


@dataclass(frozen=True)
class Declared:
    """A pipeline with its file's digest."""

    pipeline: spec.Pipeline
    digest: str = "f" * 64
    git_commit: str = "c" * 40
    body: Mapping[str, Any] = field(default_factory=lambda: {"pipeline": "prices", "threshold": 0.1})


def declared(name: str = "prices", *, target: Any = None, channels: Sequence[Any] = (), **gates: Gate) -> Declared:
    """The pipeline `name` of the project `pricing` with three environments; `gates` replaces gates by environment."""
    shelf = target or Shelf()
    deployment = ModelDeployment(
        **{
            environment: EnvironmentDeployment(shelf, "direct", gates.get(environment, Gate()))
            for environment in ("dev", "staging", "prod")
        }
    )
    stages = spec.Stages(
        spec.DataIngestion(Source(None, Rows(time="date", key=("id",)))),
        spec.DataPreparation(),
        spec.FeatureStore(),
        spec.ModelRegistry(name, spec.ReferencePeriod("2026-01-01"), train="prices.model:train"),
        deployment,
        ModelInferencing(),
        ModelMonitoring(dict.fromkeys(CHECKS), channels=tuple(channels)),
        spec.CicdEnforcement(),
    )
    return Declared(spec.Pipeline(name, "pricing", "team:pricing", Windows("weekly"), stages))


def changed(before: Declared, stage: str, **fields: Any) -> Declared:
    """The same pipeline with other fields in one stage, and so another digest."""
    stages = before.pipeline.stages
    other = replace(stages, **{stage: replace(getattr(stages, stage), **fields)})
    return Declared(replace(before.pipeline, stages=other), "e" * 64)


def version(number: int = 1, name: str = "prices", digest: str | None = None) -> ModelVersion:
    """A model version whose digest follows from its number."""
    return ModelVersion(name, number, digest or f"{number:064x}", f"models:/{name}/{number}", ("area", "age"), START)


def governed(database: Database, clock: Clock) -> Governance:
    """Governance over the database, with the cast as members of all projects."""
    governance = Governance(database.ledger, database.judgements, database.metrics, clock)
    for name, roles in CAST.items():
        for role in roles:
            grant_role(governance, name, role, actor="root")
    return governance


def judge(
    governance: Governance,
    environment: str,
    number: int = 1,
    *,
    window: str = WINDOW,
    checks: Sequence[str] = CHECKS,
    verdict: str = "ok",
) -> None:
    """Monitoring has judged the checks on the window with this verdict."""
    governance.judgements.record(
        [
            Judged("prices", environment, "model_monitoring", window, check, verdict, "as told", {}, number, START)
            for check in checks
        ]
    )


def deployed(governance: Governance, one: Declared, environment: str, number: int = 1) -> Deployment:
    """The version taken into the environment the regular way, from registration on; monitoring is content."""
    register_model(governance, one.pipeline, version(number), actor=MACHINE)
    for name in ("dev", "staging", "prod"):
        finished = _deploy(governance, one, name, number)
        judge(governance, name, number)
        if name == environment:
            return finished
    raise AssertionError(environment)


def approved(governance: Governance, one: Declared, environment: str, number: int = 1) -> Promotion:
    """A promotion with every approval it needs."""
    asked = request_promotion(governance, one, environment, number, actor="mia")
    for approver in ("pia", "sue")[: one.pipeline.approvals(environment)]:
        asked = approve(governance, one, asked.id, actor=approver)
    return asked


def _deploy(governance: Governance, one: Declared, environment: str, number: int) -> Deployment:
    for running in governance_live(governance, one, environment):
        if running.version == number:
            return running
    asked = approved(governance, one, environment, number)
    started = open_promotion(governance, one, asked.id)
    return finish_deployment(governance, started.id, f"http://127.0.0.1:9/{started.id}")


def governance_live(governance: Governance, one: Declared, environment: str) -> tuple[Deployment, ...]:
    with governance.ledger.read() as reading:
        return reading.find(Deployment, pipeline=one.pipeline.name, environment=environment, state="live")
