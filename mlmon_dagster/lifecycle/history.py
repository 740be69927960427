"""What was true at any time: champions, who could approve, thresholds, open alerts, all of it from the log alone."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from mlmon_dagster.governance.alerts import Alert
from mlmon_dagster.governance.audit import Entry
from mlmon_dagster.governance.deployments import Deployment
from mlmon_dagster.governance.locks import Lock
from mlmon_dagster.governance.people import Person, names_of, person_of
from mlmon_dagster.governance.pipelines import PipelineVersion
from mlmon_dagster.governance.projections import replay
from mlmon_dagster.governance.promotions import Promotion
from mlmon_dagster.governance.roles import PERMITTED, Member
from mlmon_dagster.lifecycle.governance import Governance


@dataclass(frozen=True)
class Past:
    """The state of governance after the last entry up to a moment."""

    moment: datetime
    seq: int
    """Number of that entry; 0 before the first one."""
    champions: tuple[Deployment, ...]
    """What was live."""
    approvers: Mapping[str, tuple[str, ...]]
    """Project (`*` for all) -> the people who could approve there."""
    pipelines: tuple[PipelineVersion, ...]
    """The declared version of every pipeline."""
    alerts: tuple[Alert, ...]
    """Open ones."""
    promotions: tuple[Promotion, ...]
    """Pending ones."""
    locks: tuple[Lock, ...]

    @property
    def thresholds(self) -> dict[str, Any]:
        """Pipeline -> its monitors, checks, alert rules and gates as they were declared."""
        return {one.pipeline: _thresholds(one.body) for one in self.pipelines}


def as_of(governance: Governance, moment: datetime) -> Past:
    """Replays the log up to the first entry that is later than the moment."""
    seq = 0

    def until() -> Iterator[Entry]:
        nonlocal seq
        for line in governance.ledger.lines():
            entry = line.entry
            if entry.at > moment:
                return
            seq = entry.seq
            yield entry

    tables = replay(until())
    newest: dict[str, PipelineVersion] = {}
    for version in tables[PipelineVersion].values():
        if version.pipeline not in newest or newest[version.pipeline].seq < version.seq:
            newest[version.pipeline] = version
    return Past(
        moment,
        seq,
        tuple(one for one in tables[Deployment].values() if one.state == "live"),
        _approvers(tables[Member].values(), names_of(tables[Person].values())),
        tuple(newest[name] for name in sorted(newest)),
        tuple(one for one in tables[Alert].values() if one.open),
        tuple(one for one in tables[Promotion].values() if one.pending and one.expires_at > moment),
        tuple(tables[Lock].values()),
    )


def _approvers(members: Any, names: Mapping[str, str]) -> dict[str, tuple[str, ...]]:
    found: dict[str, dict[str, None]] = {}
    for member in members:
        if member.held and member.role in PERMITTED["approve"]:
            found.setdefault(member.project, {})[person_of(member.name, names)] = None
    return {project: tuple(sorted(people)) for project, people in sorted(found.items())}


def _thresholds(body: Mapping[str, Any]) -> dict[str, Any]:
    stages = body.get("stages", {})
    monitoring = stages.get("model_monitoring", {})
    deployment = stages.get("model_deployment", {})
    gates = {name: declared.get("gate", {}) for name, declared in deployment.items() if isinstance(declared, Mapping)}
    return {
        "gates": gates,
        **{name: monitoring[name] for name in ("monitors", "checks", "alerts") if name in monitoring},
    }
