"""Gates: the conditions under which an environment opens to a promoted model version.

1. The promotion is pending, in time, and what it is bound to has not changed.
2. The version is live in the environment before, and has been for the soak time.
3. There, every check of the gate passed on the latest judged window, judged for this very version and not long ago.
4. No alert of the pipeline is open.
5. Locked stages are declared as they were when they were locked.
6. The tests that the gate names passed for this version, and the statuses it names for the commit.
7. Enough distinct people consent, for prod at least one of the production team.

Missing and stale evidence closes a gate. Dev asks for the first condition, and beside it for what its pipeline names.
An override by two admins takes the place of all but the first condition.
"""

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from mlmon_dagster.governance.alerts import Alert
from mlmon_dagster.governance.check import Judged
from mlmon_dagster.governance.deployments import Deployment
from mlmon_dagster.governance.findings import Finding
from mlmon_dagster.governance.locks import Lock
from mlmon_dagster.governance.overrides import Override
from mlmon_dagster.governance.promotions import Approval, Bound, Promotion, Setback, approvers, counting
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
    soak: timedelta | None = None
    """How long the version must have been live in the environment before."""
    monitored_within: timedelta | None = None
    """How long ago the checks may have been judged."""
    tests: tuple[str, ...] = ()
    """Tests that must have passed for the version in the environment before."""
    statuses: tuple[str, ...] = ()
    """Statuses that the commit must have."""


@dataclass(frozen=True)
class Evidence:
    """Everything a gate looks at; for a command, read while its transaction keeps other commands waiting."""

    promotion: Promotion
    now: datetime
    digest: str | None
    """Digest of the model version at present; `None` when the version is not registered."""
    pipeline_digest: str
    """Digest of the pipeline file at present."""
    git_commit: str
    """The commit that changed the pipeline's folder last; empty where there is no repository."""
    live_before: Deployment | None
    judged: Mapping[str, Judged]
    """The latest verdict of each check in the environment before."""
    alerts: tuple[Alert, ...] = ()
    """Open alerts of the pipeline."""
    approvals: tuple[Approval, ...] = ()
    roles: Mapping[str, frozenset[str]] = field(default_factory=dict)
    """Roles that the approvers hold now in the project."""
    names: Mapping[str, str] = field(default_factory=dict)
    """Other names of people, see `people`."""
    setbacks: tuple[Setback, ...] = ()
    findings: Mapping[str, Finding] = field(default_factory=dict)
    """By name: tests of this version in the environment before, statuses of this commit."""
    override: Override | None = None
    """What holds the gate open although conditions are not met."""
    locks: tuple[Lock, ...] = ()
    declared: Mapping[str, str] = field(default_factory=dict)
    """Stage -> digest of its declaration at present."""

    @property
    def present(self) -> Bound:
        """What the promotion would have to be bound to now."""
        return Bound(self.digest or "", self.pipeline_digest, self.git_commit)


@dataclass(frozen=True)
class Condition:
    """One thing a gate asks for."""

    name: str
    satisfied: bool
    detail: str
    who: str = ""
    """Who or what can satisfy it; empty when it is satisfied."""
    overridden: bool = False
    """Whether it is not met and an override takes its place."""


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

    @property
    def digest(self) -> str:
        """SHA-256 over the conditions as they stand: what an approver saw."""
        seen = [[one.name, one.satisfied, one.detail] for one in self.conditions if one.name not in CONSENT]
        return hashlib.sha256(json.dumps(seen, ensure_ascii=False).encode()).hexdigest()


CONSENT = ("approvals", "production team")
"""Conditions that people satisfy by approving; all others are evidence for them."""

HARD = ("pending", "in time", "unchanged")
"""Conditions that no override takes the place of."""


def evaluate_gate(rule: GateRule, evidence: Evidence) -> GateVerdict:
    """Every condition of the rule, judged by the evidence; none is left out because another one failed."""
    conditions = [_pending(evidence), _in_time(evidence), _unchanged(evidence)]
    if rule.before is not None:
        conditions += [_live_before(rule.before, evidence), *_soak(rule, rule.before, evidence)]
        conditions += [*_checks(rule, rule.before, evidence), *_fresh(rule, rule.before, evidence)]
        conditions += [_no_alert(evidence), *_locks(rule, evidence)]
    conditions += [*_found(rule, evidence), *_approvals(rule, evidence)]
    return GateVerdict(tuple(_overridden(one, evidence.override) for one in conditions))


def _overridden(condition: Condition, override: Override | None) -> Condition:
    if override is None or condition.satisfied or condition.name in HARD:
        return condition
    detail = f"overridden by {override.proposed_by} and {override.granted_by}: {override.reason} ({condition.detail})"
    return replace(condition, satisfied=True, overridden=True, detail=detail, who="")


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
    if evidence.git_commit != promotion.git_commit:
        changed.append(f"the code changed since the request (commit {evidence.git_commit[:12] or 'none'})")
    commit = f", commit {promotion.git_commit[:12]}" if promotion.git_commit else ""
    same = f"model {promotion.digest[:12]}, pipeline {promotion.pipeline_digest[:12]}{commit}"
    detail = "; ".join(changed) or same
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


def _soak(rule: GateRule, before: str, evidence: Evidence) -> Iterator[Condition]:
    if rule.soak is None:
        return
    live = evidence.live_before
    since = evidence.now - (live.live_since if live else evidence.now)
    detail = f"live in {before} for {_span(since)} of {_span(rule.soak)}"
    yield _condition("soak time", live is not None and since >= rule.soak, detail, "time")


def _fresh(rule: GateRule, before: str, evidence: Evidence) -> Iterator[Condition]:
    if rule.monitored_within is None or not rule.checks:
        return
    judged = [evidence.judged[name].at for name in rule.checks if name in evidence.judged]
    age = evidence.now - min(judged) if judged else None
    limit = _span(rule.monitored_within)
    detail = f"judged {_span(age)} ago, at most {limit}" if age is not None else f"never judged, at most {limit} ago"
    yield _condition(
        "monitoring is fresh", age is not None and age <= rule.monitored_within, detail, f"model_monitoring of {before}"
    )


def _found(rule: GateRule, evidence: Evidence) -> Iterator[Condition]:
    where = f" in {rule.before}" if rule.before else ""
    about = {
        **dict.fromkeys(rule.tests, ("test", f"version {evidence.promotion.version}{where}")),
        **dict.fromkeys(rule.statuses, ("status", f"commit {evidence.git_commit[:12] or '(no repository)'}")),
    }
    for name, (kind, what) in about.items():
        found = evidence.findings.get(name)
        if found is None:
            detail = f"nothing is known for {what}"
        else:
            said = f": {found.detail}" if found.detail else ""
            detail = f"{'passed' if found.passed else 'failed'} for {what}, says {found.found_by}{said}"
        who = f"{' or '.join(people('report'))}, or the machine"
        yield _condition(f"{kind} {name}", found is not None and found.passed, detail, who)


def _span(span: timedelta) -> str:
    """A length of time in its two greatest units.

    >>> _span(timedelta(days=1, hours=2, minutes=30))
    '1 d 2 h'
    """
    minutes = max(int(span.total_seconds()) // 60, 0)
    parts = ((minutes // 1440, "d"), (minutes // 60 % 24, "h"), (minutes % 60, "min"))
    shown = [f"{number} {unit}" for number, unit in parts if number]
    return " ".join(shown[:2]) or "0 min"


def _approvals(rule: GateRule, evidence: Evidence) -> Iterator[Condition]:
    given = consents(evidence)
    names = approvers(given, evidence.names)
    if rule.approvals:
        detail = f"{len(names)} of {rule.approvals}" + (f": {', '.join(names)}" if names else "")
        lapsed = len({one.approver for one in evidence.approvals} - {one.approver for one in given})
        detail += f" ({lapsed} given before no longer count)" if lapsed else ""
        who = f"{' or '.join(people('approve'))}, other than {evidence.promotion.requester}"
        yield _condition("approvals", len(names) >= rule.approvals, detail, who)
    if rule.production_team:
        theirs = [one.approver for one in given if PRODUCTION_TEAM in evidence.roles.get(one.approver, frozenset())]
        detail = ", ".join(dict.fromkeys(theirs)) or "nobody of the production team has approved"
        yield _condition("production team", bool(theirs), detail, PRODUCTION_TEAM)


def consents(evidence: Evidence) -> tuple[Approval, ...]:
    """The approvals that count now."""
    return counting(
        evidence.promotion,
        evidence.approvals,
        evidence.roles,
        present=evidence.present,
        names=evidence.names,
        setbacks=evidence.setbacks,
    )


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
