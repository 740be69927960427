"""A second, plainer reading of the rules: judges every entry of the log when it comes, from what came before it."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from governed import CHECKS, Declared

from mlmon_dagster.governance.audit import Entry
from mlmon_dagster.governance.people import Person
from mlmon_dagster.governance.roles import Member
from mlmon_dagster.lifecycle.gate import stage_digests
from mlmon_dagster.lifecycle.governance import Governance

NEEDED = {"dev": 0, "staging": 1, "prod": 2}
BEFORE = {"dev": None, "staging": "dev", "prod": "staging"}
MACHINE = "machine:dagster"
PIPELINE = "prices"
ENGINEERS = {"ml_engineer", "data_engineer", "admin"}
MAY = {
    "request:dev": ENGINEERS | {MACHINE},
    "request:staging": ENGINEERS | {"production_team", MACHINE},
    "request:prod": ENGINEERS | {"production_team"},
    "deploy:dev": ENGINEERS | {MACHINE},
    "deploy:staging": {"production_team", "admin", MACHINE},
    "deploy:prod": {"admin", MACHINE},
    "rollback:dev": ENGINEERS | {"production_team", MACHINE},
    "rollback:staging": {"production_team", "admin", MACHINE},
    "rollback:prod": {"production_team", "admin", MACHINE},
    "approve": {"production_team", "model_sponsor", "admin"},
    "admin": {"admin"},
}


@dataclass
class Asked:
    """A promotion as the judge knows it."""

    entry: Entry
    pending: bool = True
    approvals: list[Entry] = field(default_factory=list)
    proposed: Entry | None = None
    override: Entry | None = None

    @property
    def bound(self) -> tuple[str, str, str]:
        data = self.entry.data
        return data["digest"], data["pipeline_digest"], data["git_commit"]


class Judge:
    """What the log said so far. `file` and `registry` are the pipeline and the model's digest as they are now."""

    def __init__(self, governance: Governance) -> None:
        self.governance = governance
        self.seq = 0
        self.models: dict[int, str] = {}
        self.asked: dict[str, Asked] = {}
        self.started: dict[str, Entry] = {}
        self.under_way: dict[str, str] = {}
        self.live: dict[str, tuple[datetime, Entry]] = {}
        self.steps: dict[str, tuple[int, int]] = {}
        self.alarmed = 0
        self.open_alerts: set[str] = set()
        self.locks: dict[str, str] = {}
        self.passed: dict[tuple[str, str, str | None], bool] = {}
        self.reach: tuple[str, ...] = tuple(NEEDED)
        self.archived = False

    def look(self, file: Declared, registry: str | None) -> None:
        """Judges what was recorded since; `AssertionError` for what the rules do not allow."""
        self.file, self.registry = file, registry
        with self.governance.ledger.read() as reading:
            lines = reading.entries(after=self.seq)
            if lines:
                self.roles = {(one.name, one.role) for one in reading.find(Member) if one.held}
                self.people = {one.id: one.person for one in reading.find(Person)}
        for line in lines:
            entry = line.entry
            assert entry.seq == self.seq + 1, "no entry twice, none left out"
            self.seq = entry.seq
            rule = getattr(self, "_" + entry.action.replace(".", "_"), None)
            if rule and entry.pipeline in (None, PIPELINE):
                rule(entry, entry.data)

    def person(self, name: str) -> str:
        return self.people.get(name, name)

    def held(self, name: str) -> set[str]:
        return {MACHINE} if name == MACHINE else {role for one, role in self.roles if one == name}

    def permitted(self, entry: Entry, permission: str) -> None:
        assert self.held(entry.actor) & MAY[permission], f"{entry.actor} may not {permission}"

    def _model_registered(self, entry: Entry, data: Any) -> None:
        self.models[data["number"]] = data["digest"]

    def _project_saved(self, entry: Entry, data: Any) -> None:
        self.reach = tuple(data["environments"])

    def _project_archived(self, entry: Entry, data: Any) -> None:
        self.archived = True

    def _project_restored(self, entry: Entry, data: Any) -> None:
        self.archived = False

    def _alert_raised(self, entry: Entry, data: Any) -> None:
        if data["count"] == 1:
            self.alarmed = entry.seq
        self.open_alerts.add(entry.subject)

    def _alert_resolved(self, entry: Entry, data: Any) -> None:
        self.open_alerts.discard(entry.subject)

    def _lock_set(self, entry: Entry, data: Any) -> None:
        self.locks[data["stage"]] = data["digest"]

    def _lock_released(self, entry: Entry, data: Any) -> None:
        del self.locks[data["stage"]]

    def _finding_reported(self, entry: Entry, data: Any) -> None:
        self.passed[data["about"], data["name"], entry.environment] = data["passed"]

    def _promotion_requested(self, entry: Entry, data: Any) -> None:
        self.permitted(entry, f"request:{entry.environment}")
        assert not self.archived, "nothing is promoted in an archived project"
        assert entry.environment in self.reach, "the project goes as far"
        serving = self.live.get(str(entry.environment))
        assert serving is None or serving[1].data["digest"] != data["digest"], "not what is live already"
        self.asked[entry.subject] = Asked(entry)

    def _promotion_approved(self, entry: Entry, data: Any) -> None:
        asked = self.asked[entry.subject]
        self.permitted(entry, "approve")
        assert asked.pending, "only what is pending is approved"
        assert entry.at < asked.entry.at + timedelta(hours=24), "approved in time"
        assert self.person(entry.actor) != self.person(asked.entry.actor), "nobody approves an own request"
        assert entry.actor != MACHINE, "no machine approves"
        assert entry.pipeline == self.file.pipeline.name, "by the file of its own pipeline"
        assert asked.bound == self.present(asked, None), "approved as it is now"
        asked.approvals.append(entry)

    def _promotion_rejected(self, entry: Entry, data: Any) -> None:
        asked = self.asked[entry.subject]
        assert asked.pending, "only what is pending is rejected"
        own = entry.actor == asked.entry.actor
        self.permitted(entry, f"request:{entry.environment}" if own else "approve")
        assert data["reason"], "with a reason"
        asked.pending = False

    def _promotion_expired(self, entry: Entry, data: Any) -> None:
        asked = self.asked[entry.subject]
        assert asked.pending
        asked.pending = False

    def _override_proposed(self, entry: Entry, data: Any) -> None:
        asked = self.asked[data["promotion"]]
        self.permitted(entry, "admin")
        assert asked.pending, "there is a gate to hold open"
        assert data["reason"], "with a reason"
        asked.proposed = entry

    def _override_granted(self, entry: Entry, data: Any) -> None:
        asked = self.asked[data["promotion"]]
        self.permitted(entry, "admin")
        assert asked.pending, "there is a gate to hold open"
        assert asked.proposed is not None
        assert self.person(asked.proposed.actor) != self.person(entry.actor), "it takes two admins"
        asked.override = entry

    def _promotion_opened(self, entry: Entry, data: Any) -> None:
        asked, environment = self.asked[entry.subject], str(entry.environment)
        self.permitted(entry, f"deploy:{environment}")
        assert asked.pending, "each promotion is opened once, and none that is over"
        asked.pending = False
        assert entry.pipeline == self.file.pipeline.name, "by the file of its own pipeline"
        assert environment in self.file.pipeline.environments, "the file declares the environment"
        assert environment not in self.under_way, "one deployment at a time"
        assert not self.archived, "nothing is promoted in an archived project"
        assert environment in self.reach, "the project goes as far"
        assert entry.at < asked.entry.at + timedelta(hours=24), "in time"
        assert asked.bound == self.present(asked, self.registry), "as it was asked for"
        held_open = asked.override is not None and entry.at < asked.override.at + timedelta(hours=1)
        if not held_open:
            self._evidence(entry, asked, environment)
            self._consent(asked, environment)

    def present(self, asked: Asked, registry: str | None) -> tuple[str, str, str]:
        """What a promotion would be bound to now."""
        digest = registry or self.models[asked.entry.data["version"]]
        return digest, self.file.digest, self.file.git_commit

    def _evidence(self, entry: Entry, asked: Asked, environment: str) -> None:
        version, digest, before = asked.entry.data["version"], asked.entry.data["digest"], BEFORE[environment]
        gate = self.file.pipeline.stages.model_deployment.environments[environment].gate
        for name in gate.tests:
            assert self.passed.get((digest, name, before)), "its tests passed"
        for name in gate.statuses:
            assert self.passed.get((self.file.git_commit, name, None)), "its statuses are good"
        if before is None:
            return
        assert before in self.live, "something is live in the environment before"
        since, started = self.live[before]
        assert (started.data["version"], started.data["digest"]) == (version, digest), "live in the environment before"
        if environment == "prod":
            assert entry.at - since >= timedelta(hours=2), "for two hours"
        judged = self.governance.judgements.latest(PIPELINE, before)
        latest = max((one.window or "" for one in judged.values()), default="")
        wanted = gate.checks or tuple(self.file.pipeline.stages.model_monitoring.monitors)
        assert wanted, "an empty gate is closed"
        for check in wanted:
            assert check in judged, "every check was judged"
            one = judged[check]
            assert (one.verdict, one.window, one.version) == ("ok", latest, version), "judged well"
            assert entry.at - one.at <= timedelta(hours=12), "not long ago"
        assert not self.open_alerts, "no alert is open"
        for stage, locked in self.locks.items():
            assert stage_digests(self.file.pipeline)[stage] == locked, "as it was locked"

    def _consent(self, asked: Asked, environment: str) -> None:
        before, version = BEFORE[environment], asked.entry.data["version"]
        failed = self.governance.judgements.failures(PIPELINE, before).values() if before else ()
        worse = max((one.at for one in failed if one.check in CHECKS and one.version == version), default=None)
        counting = [
            one
            for one in asked.approvals
            if self.held(one.actor) & MAY["approve"]
            and self.person(one.actor) != self.person(asked.entry.actor)
            and (one.data["digest"], one.data["pipeline_digest"], one.data["git_commit"]) == asked.bound
            and (before is None or one.seq > self.alarmed)
            and (worse is None or one.at >= worse)
        ]
        assert len({self.person(one.actor) for one in counting}) >= NEEDED[environment], "enough distinct people"
        if environment == "prod":
            teams = [self.held(one.actor) for one in counting]
            assert any("production_team" in roles for roles in teams), "one of the production team"

    def _deployment_started(self, entry: Entry, data: Any) -> None:
        environment = str(entry.environment)
        if data["promotion"] is None:
            self.permitted(entry, f"rollback:{environment}")
            assert data["reason"], "with a reason"
            assert environment in self.live, "there is something to roll back"
            served = {one.data["digest"] for one in self.started.values() if one.environment == environment}
            assert data["digest"] in served, "back to what was there before"
            assert environment not in self.under_way, "one deployment at a time"
        else:
            asked = self.asked[data["promotion"]]
            assert not asked.pending, "the gate was opened"
            assert data["digest"] == asked.entry.data["digest"], "what was approved"
            promoted = [one.data["promotion"] for one in self.started.values()]
            assert data["promotion"] not in promoted, "one deployment for each promotion"
        self.started[entry.subject] = entry
        self.under_way[environment] = entry.subject

    def _deployment_advanced(self, entry: Entry, data: Any) -> None:
        self._ending(entry)
        steps = ("started", "green_up", "shadowing", "shifting")
        place = (steps.index(data["state"]), data["share"])
        assert place > self.steps.get(entry.subject, (0, 0)), "no step is taken back"
        self.steps[entry.subject] = place

    def _deployment_succeeded(self, entry: Entry, data: Any) -> None:
        self._ending(entry)
        del self.under_way[str(entry.environment)]
        self.live[str(entry.environment)] = (entry.at, self.started[entry.subject])

    def _deployment_failed(self, entry: Entry, data: Any) -> None:
        self._ending(entry)
        del self.under_way[str(entry.environment)]

    def _deployment_rolled_back(self, entry: Entry, data: Any) -> None:
        environment = str(entry.environment)
        if self.under_way.get(environment) == entry.subject:
            self._deployment_failed(entry, data)
        else:
            assert self.live.pop(environment)[1].subject == entry.subject, "what is live is rolled back"

    def _ending(self, entry: Entry) -> None:
        started = self.started[entry.subject]
        kind = "deploy" if started.data["promotion"] else "rollback"
        if entry.action != "deployment.rolled_back":
            self.permitted(entry, f"{kind}:{entry.environment}")
        assert self.under_way.get(str(entry.environment)) == entry.subject, "what is under way ends once"
