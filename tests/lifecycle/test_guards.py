"""Every guard of promotions, approvals, gates and deployments is missed by somebody when it is taken out.

The guards are found in the source. Beside each stands what somebody does that only this guard keeps from going wrong:
with the guard the judge has nothing to say, without it the judge (or an assertion here) does.
"""

import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from governed import START, Shelf
from guards import BROKEN, guards, without
from office import FILES, OTHERS, Office, staffed

from mlmon_dagster.errors import MlmonError
from mlmon_dagster.governance.deployments import Deployment
from mlmon_dagster.governance.gates import Evidence, GateRule, evaluate_gate
from mlmon_dagster.governance.promotions import Approval, Promotion, counting
from mlmon_dagster.governance.roles import MACHINE
from mlmon_dagster.lifecycle.deployments import open_promotion
from mlmon_dagster.lifecycle.promotions import request_promotion


@dataclass(frozen=True)
class Missed:
    """What goes wrong without the guard; where a second guard stands behind it, without that one too."""

    done: Callable[[Office], Any]
    behind: str | None = None


@contextmanager
def refused() -> Iterator[None]:
    """An assertion that what is done is refused."""
    try:
        yield
    except MlmonError:
        return
    raise AssertionError("this was not refused")


def asked(office: Office, environment: str = "dev", name: str = "mia") -> str:
    found = office.request(name, environment)
    assert found
    return found.id


def started(office: Office, environment: str = "dev") -> Deployment:
    found = office.open(office.ready(environment))
    assert found
    return found


@dataclass
class Skewed:
    """A ledger in a database whose clock is two minutes ahead of this machine's."""

    ledger: Any

    def __getattr__(self, name: str) -> Any:
        return getattr(self.ledger, name)

    def skew(self) -> timedelta:
        return timedelta(minutes=2)


def with_a_wrong_clock(office: Office) -> None:
    id, right = asked(office), office.governance
    office.governance = replace(right, ledger=Skewed(right.ledger))
    try:
        assert office.approve("pia", id) is None
    finally:
        office.governance = right


def after_expiry(office: Office, act: Callable[[str], Any]) -> None:
    id = asked(office)
    office.wait(hours=25)
    act(id)


def after_rejection(office: Office, act: Callable[[str], Any]) -> None:
    id = asked(office)
    office.reject("sue", id)
    act(id)


def with_other(office: Office, file: Any, act: Callable[[str], Any], environment: str = "dev") -> None:
    """The request and its approvals were for the file as it was."""
    id = office.ready(environment)
    office.file = file
    act(id)


def linked_requester(office: Office) -> None:
    id = asked(office, "prod")
    office.link("sue", "mia")
    office.approve("sue", id)


def linked_later(office: Office) -> None:
    id = office.ready("staging")
    office.link("pia", "mia")
    office.open(id)


def two_at_once(office: Office) -> None:
    for number in (1, 2):
        found = office.request("mia", "dev", number)
        assert found
        office.open(found.id)


def out_of_reach(office: Office) -> None:
    id = office.ready("staging")
    office.reach("dev")
    office.open(id)


def unapproved(office: Office) -> None:
    office.road("dev")
    office.open(asked(office, "staging"))


def taken_back(office: Office) -> None:
    id = started(office).id
    for state, share in (("shifting", 50), ("green_up", 0)):
        office.advance(id, state, share)


def ended_twice(office: Office, *ends: Callable[[Office, str], Any]) -> None:
    id = started(office).id
    for end in ends:
        end(office, id)


def opened_again(office: Office) -> None:
    one = started(office)
    office.finish(one.id)
    with refused():
        open_promotion(office.governance, office.file, str(one.promotion))


def no_longer_declared(office: Office) -> None:
    id = office.ready("staging")
    office.file = OTHERS[1]
    office.open(id)


def by_whom(office: Office, environment: str, name: str) -> None:
    office.finish(started(office, environment).id, name)


def broken_glass(office: Office, *names: str, minutes: int = 0) -> None:
    id = asked(office, "prod")
    for name in names:
        office.glass(name, id)
    office.wait(minutes=minutes)
    office.open(id)


def interrupted(office: Office) -> None:
    """A rollback to version 1 was cut off; somebody asks for version 2 meanwhile."""
    for number in (1, 2, 3):
        office.road("dev", number)

    class Killed(BaseException):
        pass

    def die(*_: object) -> None:
        raise Killed

    target: Shelf = office.file.pipeline.stages.model_deployment.environments["dev"].target
    target.start = die  # type: ignore[assignment, method-assign]
    try:
        with pytest.raises(Killed):
            office.back("pia", "dev", version=1)
    finally:
        del target.start
    office.judge.look(office.file, None)
    office.back("pia", "dev", version=2)


def worse(office: Office, act: Callable[[], Any]) -> None:
    """Everything was there for prod; then something happened, and everybody approved again."""
    id = office.ready("prod")
    act()
    for name in ("pia", "sue"):
        office.approve(name, id)
    office.open(id)


def other_version_in_staging(office: Office) -> None:
    id = office.ready("prod")
    office.road("staging", 2)
    office.wait(hours=2)
    office.monitor("staging", 1)
    office.open(id)


def too_early(office: Office) -> None:
    office.road("staging")
    id = office.agreed("prod")
    assert id
    office.open(id)


def locked_and_changed(office: Office) -> None:
    office.road("staging")
    office.lock()
    office.file = FILES[1]
    office.wait(hours=2)
    id = office.agreed("prod")
    assert id
    office.open(id)


def half_judged(office: Office) -> None:
    id = office.ready("staging")
    one = office.open(id)
    assert one
    office.finish(one.id)
    office.monitor("staging", checks=["inputs"])
    office.report("staging")
    office.wait(hours=2)
    promoted = office.agreed("prod")
    assert promoted
    office.open(promoted)


def unmonitored(office: Office) -> None:
    """No file without a monitor is accepted; a rule without a check is closed all the same."""
    promotion = asked_for("staging")
    found = evaluate_gate(GateRule("staging", "dev", 0, (), False), Evidence(promotion, START, "d", "f", "", None, {}))
    assert "checks" in [one.name for one in found.unmet]


def sponsors_only(office: Office) -> None:
    office.road("staging")
    office.wait(hours=2)
    id = asked(office, "prod")
    for name in ("sue", "sol"):
        office.approve(name, id)
    office.open(id)


def after_a_change(office: Office, change: Callable[[Office], Any], environment: str = "staging") -> None:
    id = office.ready(environment)
    change(office)
    office.open(id)


def alarmed(office: Office) -> None:
    office.alert("dev")
    office.resolve()


def swapped(office: Office) -> None:
    office.registry = "e" * 64


def asked_for(environment: str) -> Promotion:
    until = START.replace(day=6)
    bound = {"version": 1, "digest": "d", "pipeline_digest": "f"}
    told = {"requester": "mia", "state": "requested", "requested_at": START, "expires_at": until}
    return Promotion("p", 1, "prices", "pricing", environment, **bound, **told)  # type: ignore[arg-type]


def not_registered(office: Office) -> None:
    """No command takes a version out of the books; a database could."""
    found = evaluate_gate(
        GateRule("dev", None, 0, (), False), Evidence(asked_for("dev"), START, None, "f", "", None, {})
    )
    assert not found.open


def approved_by_a_machine(office: Office) -> None:
    """Whatever roles a table may give it."""
    promotion, given = asked_for("dev"), Approval("a", 2, "p", MACHINE, "d", "f", START)
    roles = {MACHINE: frozenset({"admin"})}
    assert counting(promotion, [given], roles, present=promotion.bound, names={}) == ()


def one_key_twice(office: Office) -> None:
    request_promotion(office.governance, office.file, "dev", 1, actor="mia", key="k")
    with refused():
        request_promotion(office.governance, office.file, "prod", 1, actor="mia", key="k")


def long_key(office: Office) -> None:
    with refused():
        request_promotion(office.governance, office.file, "dev", 1, actor="mia", key="k" * 151)


PENDING = "evaluate_gate: _pending(evidence)"
OPENED = "open_promotion: what is no longer pending is not opened"
UNCHANGED = "evaluate_gate: _unchanged(evidence)"

MISSED: dict[str, Missed] = {
    "request_promotion: refuse_closed(act.books, pipeline.project, environment)": Missed(
        lambda o: (o.reach("dev"), o.request("mia", "staging"))
    ),
    "request_promotion: BlockedError if running and "
    "(running.version, running.digest) == (model.number, model.digest)": Missed(
        lambda o: (o.road("dev"), o.request("mia", "dev"))
    ),
    "approve: refuse_skew(governance.ledger)": Missed(with_a_wrong_clock),
    "approve: _refuse_own(act, asked, names)": Missed(lambda o: o.approve("pia", asked(o, "prod", "pia"))),
    "approve: _refuse_over(governance, asked)": Missed(lambda o: after_expiry(o, lambda id: o.approve("pia", id))),
    "approve: _refuse_lapsed(act.books, declared, asked)": Missed(
        lambda o: with_other(o, FILES[1], lambda id: o.approve("pia", id))
    ),
    "reject: InputError if not reason": Missed(lambda o: o.reject("sue", asked(o), " ")),
    "reject: permit permission": Missed(lambda o: o.reject("max", asked(o))),
    "reject: BlockedError if not asked.pending": Missed(lambda o: after_rejection(o, lambda id: o.reject("sue", id))),
    "_acting_on: permit 'approve'": Missed(lambda o: o.approve("max", asked(o))),
    "_chosen: BlockedError if running is None": Missed(lambda o: o.request("mia", "staging", None)),
    "_refuse_own: DeniedError if person_of(act.actor.name, names) == person_of(asked.requester, names)": Missed(
        linked_requester
    ),
    "_refuse_over: BlockedError if not asked.pending": Missed(
        lambda o: after_rejection(o, lambda id: o.approve("pia", id))
    ),
    "_refuse_over: BlockedError if asked.expires_at <= governance.now()": Missed(
        lambda o: after_expiry(o, lambda id: o.approve("pia", id))
    ),
    "_refuse_lapsed: InputError if declared.pipeline.name != asked.pipeline": Missed(
        lambda o: with_other(o, OTHERS[0], lambda id: o.approve("pia", id))
    ),
    "_refuse_lapsed: BlockedError if model is None or asked.bound != "
    "Bound(model.digest, declared.digest, declared.git_commit)": Missed(
        lambda o: with_other(o, FILES[2], lambda id: o.approve("pia", id))
    ),
    "open_promotion: permit f'deploy:{asked.environment}'": Missed(lambda o: o.open(o.ready("staging"), "mia")),
    "open_promotion: _refuse_other_pipeline(declared, asked)": Missed(lambda o: with_other(o, OTHERS[0], o.open)),
    OPENED: Missed(lambda o: after_rejection(o, o.open), behind=PENDING),
    "open_promotion: refuse_under_way(books, asked.pipeline, asked.environment)": Missed(two_at_once),
    "open_promotion: refuse_closed(books, asked.project, asked.environment)": Missed(out_of_reach),
    "open_promotion: closed if not found.open": Missed(unapproved),
    "finish_deployment: _refuse_ended(one) if one.state != 'live'": Missed(
        lambda o: ended_twice(o, Office.fail, Office.finish)
    ),
    "fail_deployment: _refuse_ended(one) if one.state not in ('failed', 'rolled_back')": Missed(
        lambda o: ended_twice(o, Office.finish, Office.fail)
    ),
    "advance_deployment: _refuse_ended(one)": Missed(
        lambda o: ended_twice(o, Office.finish, lambda o, id: o.advance(id, "shifting", 10))
    ),
    "advance_deployment: BlockedError if at.place > step.place": Missed(taken_back),
    "refuse_under_way: BlockedError": Missed(two_at_once),
    "_under_way: BlockedError": Missed(opened_again),
    "_refuse_other_pipeline: InputError if declared.pipeline.name != asked.pipeline": Missed(
        lambda o: with_other(o, OTHERS[0], o.open)
    ),
    "_refuse_other_pipeline: BlockedError if asked.environment not in declared.pipeline.environments": Missed(
        no_longer_declared
    ),
    "_refuse_ended: BlockedError if one.state not in UNDER_WAY": Missed(
        lambda o: ended_twice(o, Office.fail, Office.finish)
    ),
    "_acting_on: permit f\"{('deploy' if one.promotion else 'rollback')}:{one.environment}\"": Missed(
        lambda o: by_whom(o, "staging", "mia")
    ),
    "break_glass: InputError if not reason": Missed(lambda o: o.glass("root", asked(o, "prod"), " ")),
    "break_glass: BlockedError if not asked.pending": Missed(
        lambda o: after_rejection(o, lambda id: o.glass("root", id))
    ),
    "_grant: DeniedError if person_of(act.actor.name, names) == person_of(proposed.proposed_by, names)": Missed(
        lambda o: broken_glass(o, "root", "root")
    ),
    "roll_back: InputError if not reason": Missed(
        lambda o: (o.road("dev"), o.road("dev", 2), o.back("pia", "dev", " "))
    ),
    "roll_back: BlockedError if running is None": Missed(lambda o: o.back("pia", "dev")),
    "_start: refuse_under_way(act.books, pipeline.name, environment)": Missed(interrupted),
    "_start: BlockedError if goal is None": Missed(lambda o: (o.road("dev"), o.back("pia", "dev"))),
    PENDING: Missed(lambda o: after_rejection(o, o.open), behind=OPENED),
    "evaluate_gate: _in_time(evidence)": Missed(lambda o: after_expiry(o, o.open)),
    UNCHANGED: Missed(lambda o: with_other(o, FILES[1], o.open)),
    "evaluate_gate: *_found(rule, evidence)": Missed(
        lambda o: after_a_change(o, lambda o: o.report("dev", passed=False))
    ),
    "evaluate_gate: *_approvals(rule, evidence)": Missed(unapproved),
    "evaluate_gate: _live_before(rule.before, evidence)": Missed(other_version_in_staging),
    "evaluate_gate: *_soak(rule, rule.before, evidence)": Missed(too_early),
    "evaluate_gate: *_checks(rule, rule.before, evidence)": Missed(
        lambda o: worse(o, lambda: o.monitor("staging", verdict="drift"))
    ),
    "evaluate_gate: *_fresh(rule, rule.before, evidence)": Missed(
        lambda o: after_a_change(o, lambda o: o.wait(hours=13), "prod")
    ),
    "evaluate_gate: _no_alert(evidence)": Missed(lambda o: worse(o, lambda: o.alert("staging"))),
    "evaluate_gate: *_locks(rule, evidence)": Missed(locked_and_changed),
    "_unchanged: changed.append(f'version {promotion.version} is not register": Missed(not_registered),
    "_unchanged: changed.append('the pipeline file changed since the request'": Missed(
        lambda o: with_other(o, FILES[1], o.open)
    ),
    '_unchanged: changed.append(f"the code changed since the request (commit ': Missed(
        lambda o: with_other(o, FILES[2], o.open)
    ),
    "_unchanged: changed.append(f'the digest of version {promotion.version} i": Missed(
        lambda o: after_a_change(o, swapped, "dev")
    ),
    "_checks: if not rule.checks:": Missed(unmonitored),
    "_passed: return (judged.verdict == 'ok', f\"{judged.verdict} on {judged.windo": Missed(
        lambda o: worse(o, lambda: o.monitor("staging", verdict="no_data"))
    ),
    "_passed: return (False, 'was never judged')": Missed(half_judged),
    "_passed: return (False, f'was not judged on the latest window {latest}, only": Missed(
        lambda o: worse(o, lambda: o.monitor("staging", checks=["inputs"], window="2026-01-12"))
    ),
    "_passed: return (False, f'was judged for {what}, not for version {version}')": Missed(
        lambda o: worse(o, lambda: o.monitor("staging", 2))
    ),
    "_approvals: if rule.approvals:": Missed(unapproved),
    "_approvals: if rule.production_team:": Missed(sponsors_only),
    "counting: (one.promotion, one.bound) == (promotion.id, present)": Missed(
        lambda o: with_other(o, FILES[1], o.open, "staging"), behind=UNCHANGED
    ),
    "counting: one.approver != MACHINE": Missed(approved_by_a_machine),
    "counting: person_of(one.approver, names) != requester": Missed(linked_later),
    "counting: roles.get(one.approver, frozenset()) & set(PERMITTED['approve'])": Missed(
        lambda o: after_a_change(o, lambda o: o.revoke("pia", "production_team"))
    ),
    "counting: not any((setback.after(one) for setback in setbacks))": Missed(lambda o: after_a_change(o, alarmed)),
    "in_force: (one.promotion, one.state) == (promotion, 'granted')": Missed(lambda o: broken_glass(o, "root")),
    "in_force: now < one.until": Missed(lambda o: broken_glass(o, "root", "ada", minutes=61)),
    "permit: DeniedError": Missed(lambda o: o.approve("max", asked(o))),
    "acting: permit permission": Missed(lambda o: o.request("max", "dev")),
    "__init__: InputError if len(self.key) > LONGEST": Missed(long_key),
    "__init__: BlockedError if known is not None and known.asked != self.asked": Missed(one_key_twice),
    "refuse_closed: BlockedError if known.state == 'archived'": Missed(
        lambda o: (o.archive(), o.request("mia", "dev"))
    ),
    "refuse_closed: BlockedError if environment is not None and environment not in known.environments": Missed(
        lambda o: (o.reach("dev"), o.request("mia", "prod"))
    ),
}
"""Guard -> who misses it."""


@cache
def _staffed() -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        staffed(f"sqlite:///{folder}/mlmon.db")
        return (Path(folder) / "mlmon.db").read_bytes()


@pytest.fixture
def opened(tmp_path: Path) -> Iterator[Callable[[], Office]]:
    """Makes offices, each in a database of its own."""
    offices: list[Office] = []

    def make() -> Office:
        file = tmp_path / f"{len(offices)}.db"
        file.write_bytes(_staffed())
        offices.append(Office(f"sqlite:///{file}"))
        return offices[-1]

    yield make
    for office in offices:
        office.close()


def test_every_guard_has_somebody_who_misses_it() -> None:
    """A new guard stands here with what goes wrong without it, or the build fails."""
    assert set(MISSED) == set(guards())


@pytest.mark.parametrize("name", MISSED)
def test_a_guard_that_is_taken_out_is_missed(opened: Callable[[], Office], name: str) -> None:
    found, one = guards(), MISSED[name]
    behind = [found[one.behind]] if one.behind else []
    with without(*behind):
        one.done(opened())
    with without(*behind, found[name]), pytest.raises(BROKEN):
        one.done(opened())
