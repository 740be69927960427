"""Gates: the conditions under which an environment opens to a promoted model version.

1. The promotion is pending, in time, and what it is bound to has not changed.
2. The version is live in the environment before.
3. There, every check of the gate passed on the latest judged window, judged for this very version.
4. No alert of the pipeline is open.
5. Enough distinct people consent, for prod at least one of the production team.
6. Locked stages are declared as they were when they were locked.

Missing evidence closes a gate. Dev asks for the first condition only (and for approvals, where a pipeline wants them).
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from mlmon_dagster.governance.alerts import Alert
from mlmon_dagster.governance.check import Judged
from mlmon_dagster.governance.deployments import Deployment
from mlmon_dagster.governance.locks import Lock
from mlmon_dagster.governance.promotions import Approval, Promotion, approvers
from mlmon_dagster.governance.roles import people

PRODUCTION_TEAM = "production_team"


@dataclass(frozen=True)
class GateRule:
    """What a gate asks for."""

    environment: str
    before: str | None
    """The environment that the version must live in; `None` for dev."""
    approvals: int
    checks: tuple[str, ...]
    """Names of checks; empty asks for no check in dev and keeps any other gate closed."""
    production_team: bool
    """Whether one approver must be of the production team."""
    locked: tuple[str, ...] = ()
    """Stages that the pipeline declares as locked."""


@dataclass(frozen=True)
class Evidence:
    """Everything a gate looks at; for a command, read while its transaction keeps other commands waiting."""

    promotion: Promotion
    now: datetime
    digest: str | None
    """Digest of the model version at present; `None` when the version is not registered."""
    pipeline_digest: str
    """Digest of the pipeline file at present."""
    live_before: Deployment | None
    judged: Mapping[str, Judged]
    """The latest verdict of each check in the environment before."""
    alerts: tuple[Alert, ...] = ()
    """Open alerts of the pipeline."""
    approvals: tuple[Approval, ...] = ()
    roles: Mapping[str, frozenset[str]] = field(default_factory=dict)
    """Roles that the approvers hold now in the project."""
    locks: tuple[Lock, ...] = ()
    declared: Mapping[str, str] = field(default_factory=dict)
    """Stage -> digest of its declaration at present."""


@dataclass(frozen=True)
class Condition:
    """One thing a gate asks for."""

    name: str
    satisfied: bool
    detail: str
    who: str = ""
    """Who or what can satisfy it; empty when it is satisfied."""


@dataclass(frozen=True)
class GateVerdict:
    """What a gate decided, condition by condition."""

    conditions: tuple[Condition, ...]

    @property
    def open(self) -> bool:
        """Whether every condition is satisfied; a gate without conditions is closed."""
        return bool(self.conditions) and all(condition.satisfied for condition in self.conditions)

    @property
    def unmet(self) -> tuple[Condition, ...]:
        """What still closes it."""
        return tuple(condition for condition in self.conditions if not condition.satisfied)


def evaluate_gate(rule: GateRule, evidence: Evidence) -> GateVerdict:
    """Every condition of the rule, judged by the evidence; none is left out because another one failed."""
    conditions = [_pending(evidence), _in_time(evidence), _unchanged(evidence)]
    if rule.before is not None:
        conditions += [_live_before(rule.before, evidence), *_checks(rule, rule.before, evidence)]
        conditions += [_no_alert(evidence), *_locks(rule, evidence)]
    conditions += _approvals(rule, evidence)
    return GateVerdict(tuple(conditions))


def _condition(name: str, satisfied: bool, detail: str, who: str) -> Condition:
    return Condition(name, satisfied, detail, "" if satisfied else who)


def _pending(evidence: Evidence) -> Condition:
    state = evidence.promotion.state
    return _condition("pending", evidence.promotion.pending, f"the promotion is {state}", "a new promotion")


def _in_time(evidence: Evidence) -> Condition:
    until = evidence.promotion.expires_at
    valid = evidence.now < until
    detail = f"{'valid until' if valid else 'expired at'} {until:%Y-%m-%d %H:%M} UTC"
    return _condition("in time", valid, detail, "a new promotion")


def _unchanged(evidence: Evidence) -> Condition:
    promotion, changed = evidence.promotion, []
    if evidence.digest is None:
        changed.append(f"version {promotion.version} is not registered")
    elif evidence.digest != promotion.digest:
        changed.append(f"the digest of version {promotion.version} is no longer {promotion.digest[:12]}")
    if evidence.pipeline_digest != promotion.pipeline_digest:
        changed.append("the pipeline file changed since the request")
    detail = "; ".join(changed) or f"model {promotion.digest[:12]}, pipeline {promotion.pipeline_digest[:12]}"
    return _condition("unchanged", not changed, detail, "a new promotion")


def _live_before(before: str, evidence: Evidence) -> Condition:
    live, promotion = evidence.live_before, evidence.promotion
    wanted = (promotion.version, promotion.digest, "live")
    satisfied = live is not None and (live.version, live.digest, live.state) == wanted
    detail = f"{f'version {live.version} is' if live else 'nothing is'} live in {before}"
    return _condition(
        f"live in {before}", satisfied, detail, f"a deployment of version {promotion.version} to {before}"
    )


def _checks(rule: GateRule, before: str, evidence: Evidence) -> Iterator[Condition]:
    if not rule.checks:
        yield Condition("checks", False, "the gate names no check and nothing is monitored", "the pipeline's owner")
    windows = [judged.window for judged in evidence.judged.values() if judged.window is not None]
    latest = max(windows, default=None)
    for name in rule.checks:
        satisfied, detail = _passed(evidence.judged.get(name), latest, evidence.promotion.version)
        yield _condition(f"check {name}", satisfied, detail, f"model_monitoring of {before}")


def _passed(judged: Judged | None, latest: str | None, version: int) -> tuple[bool, str]:
    if judged is None:
        return False, "was never judged"
    if judged.window is not None and judged.window != latest:
        return False, f"was not judged on the latest window {latest}, only on {judged.window}"
    if judged.version != version:
        what = "no version" if judged.version is None else f"version {judged.version}"
        return False, f"was judged for {what}, not for version {version}"
    return judged.verdict == "ok", f"{judged.verdict} on {judged.window or 'the latest look'}: {judged.reason}"


def _no_alert(evidence: Evidence) -> Condition:
    found = [alert for alert in evidence.alerts if alert.open]
    detail = ", ".join(f"{alert.id} ({alert.check})" for alert in found) or "none is open"
    return _condition("no open alert", not found, detail, " or ".join(people("alerts")))


def _approvals(rule: GateRule, evidence: Evidence) -> Iterator[Condition]:
    names = approvers(
        evidence.promotion,
        evidence.approvals,
        evidence.roles,
        digest=evidence.digest or "",
        pipeline_digest=evidence.pipeline_digest,
    )
    if rule.approvals:
        detail = f"{len(names)} of {rule.approvals}" + (f": {', '.join(names)}" if names else "")
        who = f"{' or '.join(people('approve'))}, other than {evidence.promotion.requester}"
        yield _condition("approvals", len(names) >= rule.approvals, detail, who)
    if rule.production_team:
        theirs = [name for name in names if PRODUCTION_TEAM in evidence.roles.get(name, frozenset())]
        detail = ", ".join(theirs) or "nobody of the production team has approved"
        yield _condition("production team", bool(theirs), detail, PRODUCTION_TEAM)


def _locks(rule: GateRule, evidence: Evidence) -> Iterator[Condition]:
    locks = {lock.stage: lock for lock in evidence.locks}
    for stage in sorted({*rule.locked, *locks}):
        lock = locks.get(stage)
        if lock is None:
            detail, satisfied = "declared as locked, but no lock is set", False
        else:
            satisfied = evidence.declared.get(stage) == lock.digest
            detail = f"{'as' if satisfied else 'changed since'} locked by {lock.set_by} on {lock.set_at:%Y-%m-%d}"
        yield _condition(f"lock {stage}", satisfied, detail, f"mlmon lock or unlock by {' or '.join(people('unlock'))}")
