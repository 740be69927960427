"""No sequence of commands takes a version to an environment without its quorum, its evidence, and its time.

Everybody tries whatever they like, in any order; a judge with a second, plainer reading of the rules reads every entry
of the log when it comes. Where one guard is taken out (see `test_guards`), chance has to find it.
"""

import itertools
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import postgres
import pytest
from governed import CHECKS
from guards import BROKEN, guards, without
from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test
from office import FILES, OTHERS, PEOPLE, STRICT, Office, staffed

from mlmon_dagster.governance.deployments import UNDER_WAY, Deployment
from mlmon_dagster.governance.promotions import PENDING, Promotion

NAMES = st.sampled_from(PEOPLE)
ENVIRONMENTS = st.sampled_from(["dev", "staging", "prod"])
VERSIONS = st.integers(1, 2)
REASONS = st.sampled_from(["as agreed", "as agreed", " "])
KEYS = st.sampled_from(["", "", "k", "k" * 151])
Url = Callable[[], str]


class Everybody(RuleBasedStateMachine):
    """People and the machine, each trying whatever they like; refusals are part of the day."""

    url: Url
    """Makes the URL of a database with members and models in it."""

    def __init__(self) -> None:
        super().__init__()
        self.office = Office(self.url())
        self.judged = 0

    def teardown(self) -> None:
        self.office.close()

    def one(self, data: st.DataObject, kind: type[Any], *states: str) -> str | None:
        """One of those in these states, or now and then of all."""
        ids = self.office.ids(kind, state=states) if data.draw(st.integers(0, 3)) else self.office.ids(kind)
        return data.draw(st.sampled_from(ids)) if ids else None

    @rule(name=NAMES, environment=ENVIRONMENTS, number=st.sampled_from([None, 1, 2]), key=KEYS)
    def request(self, name: str, environment: str, number: int | None, key: str) -> None:
        found = self.office.request(name, environment, number, key)
        assert found is None or found.environment == environment, "a key is for one request"
        assert found is None or len(key) <= 150, "a key is not long"

    @rule(name=NAMES, data=st.data())
    def approve(self, name: str, data: st.DataObject) -> None:
        if id := self.one(data, Promotion, *PENDING):
            self.office.approve(name, id)

    @rule(environment=ENVIRONMENTS, number=VERSIONS, requester=st.sampled_from(["mia", "pia"]))
    def whole_road(self, environment: str, number: int, requester: str) -> None:
        """The regular way, so that the interesting states are reached."""
        self.office.road(environment, number, requester)

    @rule(environment=ENVIRONMENTS, number=VERSIONS, names=st.lists(st.sampled_from(["pia", "sue", "sol"]), max_size=3))
    def agree(self, environment: str, number: int, names: list[str]) -> None:
        """A request with approvals of some: enough, too few, or of the wrong ones."""
        if asked := self.office.request("mia", environment, number):
            for name in names:
                self.office.approve(name, asked.id)

    @rule(name=NAMES, data=st.data(), reason=REASONS)
    def reject(self, name: str, data: st.DataObject, reason: str) -> None:
        if id := self.one(data, Promotion, *PENDING):
            self.office.reject(name, id, reason)

    @rule(name=NAMES, data=st.data())
    def open(self, name: str, data: st.DataObject) -> None:
        if id := self.one(data, Promotion, *PENDING):
            self.office.open(id, name)

    @rule()
    def sensor(self) -> None:
        """The machine tries everything that waits, as its sensor does."""
        for id in self.office.ids(Promotion, state=PENDING):
            self.office.open(id)

    @rule(name=NAMES, data=st.data(), well=st.booleans())
    def end(self, name: str, data: st.DataObject, well: bool) -> None:
        if id := self.one(data, Deployment, *UNDER_WAY):
            if well:
                self.office.finish(id, name)
            else:
                self.office.fail(id, name)

    @rule(data=st.data(), step=st.sampled_from([("green_up", 0), ("shadowing", 0), ("shifting", 10), ("shifting", 50)]))
    def advance(self, data: st.DataObject, step: tuple[str, int]) -> None:
        if id := self.one(data, Deployment, *UNDER_WAY):
            self.office.advance(id, *step)

    @rule(name=NAMES, environment=ENVIRONMENTS, reason=REASONS)
    def roll_back(self, name: str, environment: str, reason: str) -> None:
        self.office.back(name, environment, reason)

    @rule(name=st.sampled_from(["root", "ada", "mia"]), data=st.data(), reason=REASONS)
    def break_glass(self, name: str, data: st.DataObject, reason: str) -> None:
        if id := self.one(data, Promotion, *PENDING):
            self.office.glass(name, id, reason)

    @rule(
        environment=ENVIRONMENTS,
        number=VERSIONS,
        checks=st.lists(st.sampled_from(CHECKS), min_size=1, unique=True),
        verdict=st.sampled_from(["ok", "ok", "drift", "no_data"]),
        window=st.sampled_from(["2026-01-05", "2026-01-12"]),
    )
    def monitor(self, environment: str, number: int, checks: list[str], verdict: str, window: str) -> None:
        self.office.monitor(environment, number, verdict, checks, window)

    @rule(environment=ENVIRONMENTS, passed=st.booleans())
    def report(self, environment: str, passed: bool) -> None:
        self.office.report(environment, passed)

    @rule(environment=ENVIRONMENTS, check=st.sampled_from(CHECKS), repaired=st.booleans())
    def alert(self, environment: str, check: str, repaired: bool) -> None:
        self.office.alert(environment, check)
        if repaired:
            self.office.resolve()

    @rule(name=NAMES)
    def resolve(self, name: str) -> None:
        self.office.resolve(name)

    @rule(file=st.sampled_from([*FILES, STRICT, *OTHERS]))
    def change_the_file(self, file: Any) -> None:
        self.office.file = file

    @rule(digest=st.sampled_from([None, None, "e" * 64]))
    def change_the_registry(self, digest: str | None) -> None:
        self.office.registry = digest

    @rule(name=NAMES, lock=st.booleans())
    def lock(self, name: str, lock: bool) -> None:
        if lock:
            self.office.lock(name)
        else:
            self.office.unlock(name)

    @rule(member=st.sampled_from([("sue", "model_sponsor"), ("pia", "production_team")]), grant=st.booleans())
    def change_roles(self, member: tuple[str, str], grant: bool) -> None:
        if grant:
            self.office.grant(*member)
        else:
            self.office.revoke(*member)

    @rule(pair=st.sampled_from([("sue", "pia"), ("sue", "mia"), ("pia", "mia"), ("ada", "root")]))
    def link(self, pair: tuple[str, str]) -> None:
        self.office.link(*pair)

    @rule(reach=st.sampled_from([("dev",), ("dev", "staging"), ("dev", "staging", "prod")]))
    def save_project(self, reach: tuple[str, ...]) -> None:
        self.office.reach(*reach)

    @rule(over=st.booleans())
    def archive(self, over: bool) -> None:
        if over:
            self.office.archive()
        else:
            self.office.restore()

    @rule(hours=st.sampled_from([0.1, 1, 2, 12, 25]))
    def pass_time(self, hours: float) -> None:
        self.office.wait(hours=hours)
        if hours > 1:
            self.office.expire()

    @invariant()
    def one_live_deployment_for_each_environment(self) -> None:
        if self.office.judge.seq == self.judged:
            return  # nothing was recorded since: on Postgres every look is a way there and back
        self.judged = self.office.judge.seq
        with self.office.governance.ledger.read() as reading:
            for states in (("live",), UNDER_WAY):
                found = [one.environment for one in reading.find(Deployment, state=states)]
                assert len(found) == len(set(found))
            promoted = [one.promotion for one in reading.find(Deployment) if one.promotion]
            assert len(promoted) == len(set(promoted)), "one deployment for each promotion"


def run(url: Url, examples: int, steps: int, *, phases: tuple[Phase, ...] = (Phase.generate,), start: int = 0) -> None:
    chosen = settings(
        phases=phases,
        max_examples=examples,
        stateful_step_count=steps,
        deadline=None,
        database=None,
        derandomize=not start,
        suppress_health_check=list(HealthCheck),
    )
    machine = type("Office", (Everybody,), {"url": staticmethod(url)})
    run_state_machine_as_test(seed(start)(machine) if start else machine, settings=chosen)


@contextmanager
def copied(folder: Path) -> Iterator[Url]:
    """Makes copies of a SQLite database with members and models, each in place of the one before."""
    staffed(f"sqlite:///{folder}/staffed.db")
    content, numbers = (folder / "staffed.db").read_bytes(), itertools.count()

    def made() -> str:
        for old in folder.glob("copy*"):
            old.unlink()
        file = folder / f"copy{next(numbers)}.db"
        file.write_bytes(content)
        return f"sqlite:///{file}"

    yield made


@pytest.fixture
def url(database_url: str, tmp_path: Path) -> Iterator[Url]:
    """Copies of one database with members and models, on SQLite and on Postgres."""
    if database_url.startswith("sqlite"):
        with copied(tmp_path) as made:
            yield made
    else:
        staffed(database_url)
        server, _, name = database_url.rpartition("/")
        with postgres.copies(server, name) as made:
            yield made


def test_no_sequence_of_commands_goes_around_the_rules(url: Url) -> None:
    run(url, 12, 20)


@pytest.mark.slow
def test_no_long_sequence_of_commands_goes_around_the_rules(url: Url) -> None:
    run(url, 500, 40, phases=tuple(Phase))


UNREACHED = {
    "_unchanged: changed.append(f'version {promotion.version} is not register": "no command takes a version out",
    "_checks: if not rule.checks:": "no file without a monitor is accepted",
    "counting: one.approver != MACHINE": "the machine never holds a role that approves",
    "counting: (one.promotion, one.bound) == (promotion.id, present)": "what has changed is refused before",
    "open_promotion: what is no longer pending is not opened": "the gate refuses it too",
    "evaluate_gate: _pending(evidence)": "the command refuses it before",
    "_under_way: BlockedError": "only the answer would be wrong",
    "_start: refuse_under_way(act.books, pipeline.name, environment)": "no process is killed here",
}
"""Guards behind or before which another one stands, or that nothing here leads to: `test_guards` has them."""


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(set(guards()) - set(UNREACHED)))
def test_chance_finds_a_guard_that_is_missing(tmp_path: Path, name: str) -> None:
    """By itself, in so many tries: nobody tells the machine what to do."""
    with copied(tmp_path) as url, without(guards()[name]), pytest.raises(BROKEN):
        hunt(url, 12)


def hunt(url: Url, attempts: int) -> None:
    for attempt in range(1, attempts + 1):
        run(url, 50 * attempt, 40, start=attempt)
