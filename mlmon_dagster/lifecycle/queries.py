"""Queries: what is pending, live, open, and what a gate says now."""

from dataclasses import dataclass
from typing import Any

from mlmon_dagster.errors import MissingError
from mlmon_dagster.governance.alerts import OPEN, Alert
from mlmon_dagster.governance.audit import Entry
from mlmon_dagster.governance.deployments import UNDER_WAY, Deployment, Step
from mlmon_dagster.governance.findings import Finding
from mlmon_dagster.governance.gates import GateVerdict
from mlmon_dagster.governance.locks import Lock
from mlmon_dagster.governance.models import Model
from mlmon_dagster.governance.overrides import Override
from mlmon_dagster.governance.people import Person
from mlmon_dagster.governance.promotions import PENDING, Approval, Promotion
from mlmon_dagster.governance.roles import Member
from mlmon_dagster.lifecycle import gate
from mlmon_dagster.lifecycle.deployments import reached
from mlmon_dagster.lifecycle.governance import Declaration, Governance
from mlmon_dagster.lifecycle.models import placed
from mlmon_dagster.lifecycle.promotions import find_promotion
from mlmon_dagster.plugins import unknown
from mlmon_dagster.ports import ModelVersion


def promotions(governance: Governance, pipeline: str | None = None) -> tuple[Promotion, ...]:
    """Every promotion, oldest first."""
    with governance.ledger.read() as reading:
        return reading.find(Promotion, **_of(pipeline))


def pending_promotions(governance: Governance, pipeline: str | None = None) -> tuple[Promotion, ...]:
    """Promotions that wait for their gate and have not expired, oldest first."""
    with governance.ledger.read() as reading:
        waiting = reading.find(Promotion, state=PENDING, **_of(pipeline))
    return tuple(promotion for promotion in waiting if promotion.expires_at > governance.now())


def promotion(governance: Governance, id: str) -> Promotion:
    """The promotion `id`; raises `MissingError`."""
    with governance.ledger.read() as reading:
        return find_promotion(reading, id)


def gate_verdict(
    governance: Governance, declared: Declaration, asked: Promotion, *, digest: str | None = None
) -> GateVerdict:
    """What the promotion's gate says now, condition by condition."""
    with governance.ledger.read() as reading:
        return gate.verdict(reading, governance, declared, asked, digest)


def opened_by(governance: Governance, asked: Promotion) -> Entry:
    """The newest entry that can have opened the promotion's gate: what failed before may do now."""
    about: dict[type[Any], dict[str, str]] = {
        **{kind: {"promotion": asked.id} for kind in (Approval, Override)},
        **{kind: {"pipeline": asked.pipeline} for kind in (Alert, Finding, Lock)},
    }
    with governance.ledger.read() as reading:
        found: list[int] = [one.seq for kind, where in about.items() for one in reading.find(kind, **where)]
        return reading.line(max((asked.seq, *found))).entry


def opened_because(governance: Governance, promotion: str) -> dict[str, str]:
    """Condition -> what the promotion's gate said of it when it opened; empty when it never did."""
    with governance.ledger.read() as reading:
        lines = reading.entries(newest=1, action="promotion.opened", subject=promotion)
    return {name: detail for line in lines for name, detail, _ in line.entry.data.get("conditions", [])}


def live_deployment(governance: Governance, pipeline: str, environment: str) -> Deployment | None:
    """What is live in the environment."""
    with governance.ledger.read() as reading:
        return gate.live(reading, pipeline, environment)


def live_deployments(governance: Governance, pipeline: str | None = None) -> tuple[Deployment, ...]:
    """Everything that is live, in order of its start."""
    with governance.ledger.read() as reading:
        return reading.find(Deployment, state="live", **_of(pipeline))


def deployments(governance: Governance, pipeline: str | None = None) -> tuple[Deployment, ...]:
    """Every deployment, oldest first."""
    with governance.ledger.read() as reading:
        return reading.find(Deployment, **_of(pipeline))


def under_way(governance: Governance) -> tuple[tuple[Deployment, Step], ...]:
    """Deployments that have not ended, each with the step it is at."""
    with governance.ledger.read() as reading:
        return tuple((one, reached(reading, one)) for one in reading.find(Deployment, state=UNDER_WAY))


def models(governance: Governance, pipeline: str) -> tuple[Model, ...]:
    """Registered versions of the pipeline, oldest first."""
    with governance.ledger.read() as reading:
        return reading.find(Model, pipeline=pipeline)


def model(governance: Governance, pipeline: str, number: int) -> Model:
    """One registered version; `MissingError` names the registered ones."""
    known = models(governance, pipeline)
    for one in known:
        if one.number == number:
            return one
    raise MissingError(unknown(f"version of {pipeline}", str(number), tuple(str(one.number) for one in known)))


def model_version(governance: Governance, pipeline: str, number: int) -> ModelVersion:
    """One registered version as targets and the registry know it; raises `MissingError`."""
    return placed(model(governance, pipeline, number))


def alerts(governance: Governance, pipeline: str | None = None) -> tuple[Alert, ...]:
    """Every alert, oldest first."""
    with governance.ledger.read() as reading:
        return reading.find(Alert, **_of(pipeline))


def open_alerts(governance: Governance, pipeline: str | None = None) -> tuple[Alert, ...]:
    """Alerts that close gates now, oldest first."""
    with governance.ledger.read() as reading:
        return reading.find(Alert, state=OPEN, **_of(pipeline))


def open_alert(governance: Governance, pipeline: str, environment: str | None, check: str) -> Alert | None:
    """The open alert of a check, if there is one."""
    with governance.ledger.read() as reading:
        found = reading.find(Alert, pipeline=pipeline, environment=environment, check=check, state=OPEN)
    return next(iter(found), None)


def members(governance: Governance) -> tuple[Member, ...]:
    """Who holds which role, in order of the grants."""
    with governance.ledger.read() as reading:
        return reading.find(Member)


@dataclass(frozen=True)
class Receipt:
    """Number and hashes of an entry, for who caused it: what is kept elsewhere shows a log that was rewritten.

    `leaf_hash` is found in the Merkle tree of every later checkpoint (`mlmon audit prove`), `hash` in the chain.
    """

    seq: int
    leaf_hash: str
    hash: str


def receipt(governance: Governance, seq: int) -> Receipt:
    """The receipt of an entry; raises `MissingError`."""
    with governance.ledger.read() as reading:
        found = reading.line(seq)
    return Receipt(found.seq, found.leaf, found.hash)


def people(governance: Governance) -> tuple[Person, ...]:
    """Names of people who are known under another one too."""
    with governance.ledger.read() as reading:
        return reading.find(Person)


def findings(governance: Governance, pipeline: str) -> tuple[Finding, ...]:
    """What was reported of the pipeline's commits and versions."""
    with governance.ledger.read() as reading:
        return reading.find(Finding, pipeline=pipeline)


def _of(pipeline: str | None) -> dict[str, str]:
    return {} if pipeline is None else {"pipeline": pipeline}
