"""Controls that auditors ask about, each with what the audit log says of it in a span of time.

A control is never satisfied by missing evidence: one that nothing happened to is `not exercised`. The frameworks name
the requirement that a control supports; whether an organisation complies is for its auditors to say.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from mlmon_dagster.governance.alerts import Alert
from mlmon_dagster.governance.audit import Entry
from mlmon_dagster.governance.deployments import Deployment
from mlmon_dagster.governance.overrides import Override
from mlmon_dagster.governance.people import Person, names_of, person_of
from mlmon_dagster.governance.projections import Tables, replay
from mlmon_dagster.governance.promotions import Approval, Promotion
from mlmon_dagster.governance.roles import ANYWHERE

NEEDED = {"dev": 0, "staging": 1, "prod": 2}
"""Environment -> distinct people who have to consent."""

SLOW = timedelta(days=7)
"""How long an alert may stay open."""

Verdict = Literal["satisfied", "violated", "not exercised"]


@dataclass(frozen=True)
class Control:
    """One thing that has to hold, and whether it did."""

    id: str
    title: str
    supports: tuple[str, ...]
    """Requirements of frameworks that ask for it."""
    verdict: Verdict
    said: str
    evidence: tuple[str, ...] = ()
    """Records of the audit log that show it; of a violation, those that violate."""


@dataclass(frozen=True)
class Span:
    """A span of time and what is looked at in it: `[since, until)`, one project or all, one pipeline or all."""

    since: datetime
    until: datetime
    project: str = ANYWHERE
    pipeline: str | None = None

    def holds(self, entry: Entry) -> bool:
        """Whether the entry happened in it."""
        return self.since <= entry.at < self.until and self.covers(entry.project, entry.pipeline)

    def covers(self, project: str | None, pipeline: str | None) -> bool:
        """Whether what belongs to the project and pipeline is looked at."""
        return self.project in (ANYWHERE, project) and self.pipeline in (None, pipeline)


def controls(entries: Sequence[Entry], span: Span) -> tuple[Control, ...]:
    """Every control, judged by the log up to the end of the span."""
    past = [entry for entry in entries if entry.at < span.until]
    tables = replay(past)
    within = [entry for entry in past if span.holds(entry)]
    return tuple(judge(tables, within, span) for judge in JUDGES)


def _four_eyes(tables: Tables, within: Iterable[Entry], span: Span) -> Control:
    names = names_of(tables[Person].values())
    good: list[str] = []
    bad: list[str] = []
    for one in _deployments(tables, span):
        if not NEEDED[one.environment] or one.promotion is None:
            continue
        asked: Promotion = tables[Promotion][one.promotion]
        given = {
            person_of(approval.approver, names)
            for approval in tables[Approval].values()
            if (approval.promotion, approval.bound) == (asked.id, asked.bound) and approval.at <= one.started_at
        } - {person_of(asked.requester, names)}
        (good if len(given) >= NEEDED[one.environment] or _overridden(tables, asked.id) else bad).append(one.id)
    return _control(
        "four-eyes",
        "Staging has one consent and prod two, of distinct people who did not request it, for exactly what is deployed",
        ("SOX 404: change management", "21 CFR 11.10(g)", "21 CFR 11.50"),
        good,
        bad,
        "{good} deployments were consented to as they have to be",
        "{bad} deployments lack consents",
    )


def _overrides(tables: Tables, within: Iterable[Entry], span: Span) -> Control:
    names = names_of(tables[Person].values())
    granted = [entry for entry in within if entry.action == "override.granted"]
    good: list[str] = []
    bad: list[str] = []
    for entry in granted:
        one: Override = tables[Override][entry.subject]
        distinct = person_of(one.proposed_by, names) != person_of(entry.actor, names)
        (good if distinct and one.reason else bad).append(one.id)
    return _control(
        "overrides",
        "A gate is overridden by two admins only, with a reason",
        ("SOX 404: emergency changes", "21 CFR 11.10(d)"),
        good,
        bad,
        "{good} overrides by two admins each, listed below",
        "{bad} overrides by one person",
    )


def _traceable(tables: Tables, within: Iterable[Entry], span: Span) -> Control:
    good: list[str] = []
    bad: list[str] = []
    for one in _deployments(tables, span):
        asked = tables[Promotion].get(one.promotion or "")
        bound = one.digest and (one.promotion is None or (asked is not None and asked.pipeline_digest))
        (good if bound else bad).append(one.id)
    return _control(
        "traceability",
        "What was deployed is known by the digest of its model, and by the version of its pipeline file",
        ("21 CFR 11.10(e)", "GDPR Art. 5(2)", "GDPR Art. 30"),
        good,
        bad,
        "{good} deployments are bound to digests",
        "{bad} deployments are bound to nothing",
    )


def _granted(tables: Tables, within: Iterable[Entry], span: Span) -> Control:
    """The first admin of an installation grants the role to oneself; everybody else gets it from somebody."""
    names = names_of(tables[Person].values())
    grants = [entry for entry in within if entry.action == "role.granted"]
    bad = [
        entry.subject
        for entry in grants
        if person_of(entry.actor, names) == person_of(entry.data["name"], names) and not entry.data.get("bootstrap")
    ]
    good = [entry.subject for entry in grants if entry.subject not in bad]
    return _control(
        "access",
        "Nobody gives a role to oneself",
        ("SOX 404: segregation of duties", "21 CFR 11.10(d)", "GDPR Art. 32"),
        good,
        bad,
        "{good} roles were given by somebody else",
        "{bad} roles were given to oneself",
    )


def _answered(tables: Tables, within: Iterable[Entry], span: Span) -> Control:
    good: list[str] = []
    bad: list[str] = []
    for alert in tables[Alert].values():
        if not span.covers(alert.project, alert.pipeline) or alert.raised_at >= span.until:
            continue
        ended = alert.resolved_at if alert.state == "resolved" else None
        if ended is not None and ended < span.since:
            continue
        (bad if (ended or span.until) - alert.raised_at > SLOW else good).append(alert.id)
    return _control(
        "alerts",
        f"Alerts do not stay open for more than {SLOW.days} days",
        ("21 CFR 820.100", "GDPR Art. 32(1)(d)"),
        good,
        bad,
        "{good} alerts, none of them open for longer",
        "{bad} alerts stayed open for longer",
    )


JUDGES: tuple[Callable[[Tables, Iterable[Entry], Span], Control], ...] = (
    _four_eyes,
    _overrides,
    _traceable,
    _granted,
    _answered,
)


def _control(
    id: str, title: str, supports: tuple[str, ...], good: Sequence[str], bad: Sequence[str], well: str, ill: str
) -> Control:
    if bad:
        return Control(id, title, supports, "violated", ill.format(bad=len(bad)), tuple(bad))
    if not good:
        return Control(id, title, supports, "not exercised", "nothing of the kind happened")
    return Control(id, title, supports, "satisfied", well.format(good=len(good)), tuple(good))


def _deployments(tables: Tables, span: Span) -> Iterator[Deployment]:
    for one in tables[Deployment].values():
        if span.covers(one.project, one.pipeline) and span.since <= one.started_at < span.until:
            yield one


def _overridden(tables: Tables, promotion: str) -> bool:
    return any(one.promotion == promotion and one.state == "granted" for one in tables[Override].values())
