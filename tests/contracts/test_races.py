"""Many at once, on SQLite and on Postgres: no fork, no gap, nothing twice, nothing unapproved."""

import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest
from governed import START, Clock, Declared, declared, deployed, governed, version

from mlmon_dagster.adapters.database.opening import Database, open_database
from mlmon_dagster.errors import BlockedError, ChangedError, MlmonError
from mlmon_dagster.governance.alerts import Alert
from mlmon_dagster.governance.audit import Entry
from mlmon_dagster.governance.deployments import Deployment
from mlmon_dagster.governance.projects import Project
from mlmon_dagster.governance.promotions import Approval
from mlmon_dagster.governance.roles import MACHINE
from mlmon_dagster.lifecycle.alerts import raise_alert
from mlmon_dagster.lifecycle.deployments import fail_deployment, finish_deployment, open_promotion
from mlmon_dagster.lifecycle.governance import Governance
from mlmon_dagster.lifecycle.models import register_model
from mlmon_dagster.lifecycle.projects import save_project
from mlmon_dagster.lifecycle.promotions import approve, request_promotion
from mlmon_dagster.pipeline.deployment import Gate

WRITERS, EACH = 32, 5


@pytest.fixture
def offices(database_url: str) -> Iterator[tuple[Database, Database]]:
    """Two engines stand for two processes: they share nothing but the database."""
    both = open_database(database_url), open_database(database_url)
    yield both
    for one in both:
        one.close()


def at_once(works: list[Callable[[], None]]) -> list[BaseException]:
    failures: list[BaseException] = []

    def run(work: Callable[[], None]) -> None:
        try:
            work()
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=run, args=(work,)) for work in works]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return failures


def test_thirty_two_writers_make_one_chain(offices: tuple[Database, Database]) -> None:
    def write(number: int) -> None:
        for place in range(EACH):
            with offices[number % 2].ledger.transaction() as books:
                name = f"t{number}x{place}"
                data = {"name": name, "role": "admin"}
                at, seq = START, books.next_seq
                entry = Entry(seq, at, "root", "admin", "role.granted", "*", None, None, f"{name}/*/admin", data)
                books.append(entry)

    assert at_once([lambda number=number: write(number) for number in range(WRITERS)]) == []  # type: ignore[misc]
    assert offices[0].ledger.verify()[0] == WRITERS * EACH
    subjects = [line.entry.subject for line in offices[1].ledger.lines()]
    assert len(set(subjects)) == WRITERS * EACH


def test_a_command_that_fails_in_a_crowd_undoes_only_itself(offices: tuple[Database, Database]) -> None:
    governance = governed(offices[0], Clock())
    one = declared()

    def register(number: int) -> None:
        digest = None if number % 3 else "e" * 64
        register_model(governance, one.pipeline, version(1 + number % 2, digest=digest), actor=MACHINE)

    failures = at_once([lambda number=number: register(number) for number in range(24)])  # type: ignore[misc]
    assert all(isinstance(failure, BlockedError) for failure in failures)
    assert failures
    offices[1].ledger.verify()


def race(offices: tuple[Database, Database], promotions: int, racers: int) -> None:
    """Each promotion is for a pipeline of its own; half get their approval meanwhile, and some files have changed."""
    clock = Clock()
    desks = [
        governed(offices[0], clock),
        Governance(offices[1].ledger, offices[1].judgements, offices[1].metrics, clock),
    ]
    asked: dict[str, Declared] = {}
    for number in range(promotions):
        one = declared(f"p{number}", dev=Gate(approvals=1))
        register_model(desks[0], one.pipeline, version(1, f"p{number}"), actor=MACHINE)
        asked[request_promotion(desks[0], one, "dev", 1, actor="mia", key=f"k{number}").id] = one
    agreed = list(asked)[::2]
    started: list[tuple[str, str]] = []

    def promote(racer: int) -> None:
        for place, (id, one) in enumerate(asked.items()):
            changed = replace(one, digest="e" * 64) if (place + racer) % 5 == 0 else one
            try:
                found = open_promotion(desks[racer % 2], changed, id)
            except MlmonError:
                continue
            started.append((id, found.id))

    def consent(place: int) -> None:
        for id in agreed[place::2]:
            approve(desks[place], asked[id], id, actor=("pia", "sue")[place])

    works: list[Callable[[], None]] = [lambda place=place: consent(place) for place in range(2)]  # type: ignore[misc]
    works += [lambda racer=racer: promote(racer) for racer in range(racers)]  # type: ignore[misc]
    assert at_once(works) == []
    promote(1)
    promote(2)
    with offices[0].ledger.read() as reading:
        deployments = reading.find(Deployment)
        opened = [line.entry for line in reading.entries(action="promotion.opened")]
        approved = {line.entry.subject: line.seq for line in reading.entries(action="promotion.approved")}
    subjects = [entry.subject for entry in opened]
    assert sorted(subjects) == sorted(agreed), "each one that was agreed to, once, and no other"
    assert all(approved[entry.subject] < entry.seq for entry in opened)
    assert {(one.promotion, one.id) for one in deployments} == set(started)
    assert len(deployments) == len(agreed)
    offices[1].ledger.verify()


def test_promotions_that_are_raced_are_carried_out_once(offices: tuple[Database, Database]) -> None:
    race(offices, promotions=20, racers=6)


@pytest.mark.slow
def test_two_hundred_promotions_raced_by_six_are_carried_out_once(offices: tuple[Database, Database]) -> None:
    race(offices, promotions=200, racers=6)


def test_what_was_not_approved_is_never_opened_whoever_races(offices: tuple[Database, Database]) -> None:
    clock, one = Clock(), declared()
    desk = governed(offices[0], clock)
    deployed(desk, one, "staging", 1)
    other = Governance(offices[1].ledger, offices[1].judgements, offices[1].metrics, clock)
    for _ in range(3):
        wanted = request_promotion(desk, one, "prod", 1, actor="mia")
        opened: list[Any] = []

        def promote(office: Governance, id: str = wanted.id, found: list[Any] = opened) -> None:
            for _ in range(4):
                try:
                    found.append(open_promotion(office, one, id))
                except BlockedError:
                    continue

        def consent(name: str, office: Governance, id: str = wanted.id) -> None:
            approve(office, one, id, actor=name)

        works: list[Callable[[], None]] = [lambda office=office: promote(office) for office in (desk, other) * 3]  # type: ignore[misc]
        works += [lambda: consent("pia", desk), lambda: consent("sue", other)]
        assert at_once(works) == []
        with offices[0].ledger.read() as reading:
            given = reading.find(Approval, promotion=wanted.id)
            made = reading.find(Deployment, promotion=wanted.id)
            entries = reading.entries(subject=wanted.id)
        assert len(given) == 2
        assert len(made) <= 1
        actions = [line.entry.action for line in entries]
        if made:
            assert actions.index("promotion.opened") > actions.index("promotion.approved", 2)
            fail_deployment(desk, made[0].id, "next round")
        else:
            started = open_promotion(desk, one, wanted.id)
            finish_deployment(desk, started.id, "http://127.0.0.1:9")
            return


def test_of_two_who_saw_the_same_project_one_changes_it(offices: tuple[Database, Database]) -> None:
    """The check stands inside of the transaction: no change is lost between looking and writing."""
    clock = Clock()
    both = [
        governed(offices[0], clock),
        Governance(offices[1].ledger, offices[1].judgements, offices[1].metrics, clock),
    ]
    for turn in range(5):
        seen = save_project(both[0], "pricing", actor="root", description=f"turn {turn}").seq
        told: list[str] = []

        def change(number: int, seen: int = seen, told: list[str] = told) -> None:
            said = f"by {number}"
            save_project(both[number % 2], "pricing", actor="root", description=said, seen=seen)
            told.append(said)

        failures = at_once([lambda number=number: change(number) for number in range(6)])  # type: ignore[misc]
        assert [type(one) for one in failures] == [ChangedError] * 5, failures
        with offices[0].ledger.read() as reading:
            project = reading.one(Project, "pricing")
        assert project is not None
        assert [project.description] == told


def repeated(offices: tuple[Database, Database], command: Callable[[Governance], Any]) -> tuple[list[Any], int]:
    """What eight who send the same thing at once are told, and how many entries that made."""
    desks = [Governance(one.ledger, one.judgements, one.metrics, Clock()) for one in offices]
    before, told = offices[0].ledger.verify()[0], []

    def send(place: int) -> None:
        try:
            told.append(command(desks[place % 2]))
        except MlmonError as error:
            told.append(error)

    assert at_once([lambda place=place: send(place) for place in range(8)]) == []  # type: ignore[misc]
    return told, offices[0].ledger.verify()[0] - before


def test_what_is_sent_eight_times_at_once_has_one_effect(offices: tuple[Database, Database]) -> None:
    one = declared(staging=Gate(checks=("inputs",)))
    desk = governed(offices[0], Clock())
    deployed(desk, one, "dev")
    told, entries = repeated(
        offices, lambda desk: request_promotion(desk, one, "staging", 1, actor="mia", key="release-7")
    )
    assert ({promotion.id for promotion in told}, entries) == ({told[0].id}, 1)
    id = told[0].id
    told, entries = repeated(offices, lambda desk: approve(desk, one, id, actor="pia"))
    assert ({promotion.state for promotion in told}, entries) == ({"approved"}, 1)
    told, entries = repeated(offices, lambda desk: open_promotion(desk, one, id))
    assert (len({deployment.id for deployment in told}), entries) == (1, 2)
    told, entries = repeated(offices, lambda desk: finish_deployment(desk, told[0].id, "http://127.0.0.1:9"))
    assert ({deployment.state for deployment in told}, entries) == ({"live"}, 1)


@pytest.mark.parametrize("events", [400, pytest.param(10_000, marks=pytest.mark.slow)])
def test_a_storm_of_failed_checks_is_one_open_alert_for_each(offices: tuple[Database, Database], events: int) -> None:
    one, clock = declared(), Clock()
    desks = [
        governed(offices[0], clock),
        Governance(offices[1].ledger, offices[1].judgements, offices[1].metrics, clock),
    ]

    def fail(place: int) -> None:
        for number in range(events // 8):
            check, window = ("inputs", "price_ks")[number % 2], f"2026-01-{1 + number % 28:02}"
            raise_alert(desks[place % 2], one.pipeline, "dev", check, window=window, reason="drift")

    assert at_once([lambda place=place: fail(place) for place in range(8)]) == []  # type: ignore[misc]
    with offices[0].ledger.read() as reading:
        alerts = reading.find(Alert)
    assert sorted((alert.check, alert.state) for alert in alerts) == [("inputs", "open"), ("price_ks", "open")]
    assert [alert.count for alert in alerts] == [14, 14], "each of its windows counts once"
    offices[1].ledger.verify()
