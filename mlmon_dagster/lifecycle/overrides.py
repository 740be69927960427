"""Commands that break the glass of a gate: one admin proposes, another one grants, everybody is alarmed."""

from mlmon_dagster.errors import BlockedError, DeniedError, InputError
from mlmon_dagster.governance.audit import readable, written
from mlmon_dagster.governance.overrides import SPAN, Override, in_force
from mlmon_dagster.governance.people import person_of
from mlmon_dagster.governance.promotions import Promotion
from mlmon_dagster.lifecycle.alerts import raise_alert
from mlmon_dagster.lifecycle.governance import Act, Declaration, Governance, acting, known_names
from mlmon_dagster.lifecycle.promotions import find_promotion


def break_glass(governance: Governance, declared: Declaration, promotion: str, *, actor: str, reason: str) -> Override:
    """Holds the promotion's gate open for an hour although conditions are not met, once two admins want it.

    The first call proposes (`override.proposed`), the call of another admin grants (`override.granted`) and raises an
    alert over every channel of the pipeline. What the promotion is bound to is never overridden. Raises `DeniedError`
    for who is no admin, and when both calls come from one person.
    """
    reason = readable(reason, "reason")
    if not reason:
        raise InputError("breaking the glass needs a reason")
    with governance.ledger.read() as reading:
        project = find_promotion(reading, promotion).project
    with acting(governance, actor, "admin", project) as act:
        asked = find_promotion(act.books, promotion)
        if not asked.pending:
            raise BlockedError(f"{asked.id} is {asked.state}: there is no gate to hold open")
        known = act.books.find(Override, promotion=promotion)
        granted = in_force(known, promotion, act.at)
        if granted is not None:
            return granted
        proposed = next((one for one in known if one.state == "proposed" and act.at < one.until), None)
        found = _propose(act, asked, reason) if proposed is None else _grant(act, asked, proposed, reason)
    if found.state == "granted":
        said = f"{reason}: the gate is held open for {promotion} by {found.proposed_by} and {found.granted_by}"
        check, where = f"override:{promotion}", asked.environment
        raise_alert(governance, declared.pipeline, where, check, window=None, reason=said, severity="critical")
    return found


def _propose(act: Act, asked: Promotion, reason: str) -> Override:
    id = f"override-{act.books.next_seq}"
    data = {"promotion": asked.id, "reason": reason, "until": written(act.at + SPAN)}
    _append(act, "override.proposed", asked, id, data)
    return act.books.find(Override, id=id)[0]


def _grant(act: Act, asked: Promotion, proposed: Override, reason: str) -> Override:
    names = known_names(act.books)
    if person_of(act.actor.name, names) == person_of(proposed.proposed_by, names):
        raise DeniedError(
            f"{proposed.id} was proposed by {proposed.proposed_by}: it takes a second admin",
            hint=f"it lapses at {proposed.until:%H:%M} UTC",
        )
    data = {"promotion": asked.id, "reason": reason, "until": written(act.at + SPAN)}
    _append(act, "override.granted", asked, proposed.id, data)
    return act.books.find(Override, id=proposed.id)[0]


def _append(act: Act, action: str, asked: Promotion, id: str, data: dict[str, str]) -> None:
    act.append(action, id, data, project=asked.project, pipeline=asked.pipeline, environment=asked.environment)
