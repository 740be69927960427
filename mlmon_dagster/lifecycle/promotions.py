"""Commands on promotions: request, approve, reject, expire."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, replace

from mlmon_dagster.errors import BlockedError, DeniedError, InputError, MissingError
from mlmon_dagster.governance.audit import readable, written
from mlmon_dagster.governance.gates import CONSENT, Evidence, GateRule, consents, evaluate_gate
from mlmon_dagster.governance.models import Model
from mlmon_dagster.governance.people import person_of
from mlmon_dagster.governance.promotions import PENDING, Approval, Bound, Promotion, before
from mlmon_dagster.governance.roles import MACHINE, PERMITTED, permit
from mlmon_dagster.lifecycle.clocks import refuse_skew
from mlmon_dagster.lifecycle.gate import evidence_of, live, rule_of
from mlmon_dagster.lifecycle.governance import Act, Declaration, Governance, acting, known_actor, known_names
from mlmon_dagster.lifecycle.once import Once
from mlmon_dagster.lifecycle.pipelines import note_version
from mlmon_dagster.lifecycle.projects import refuse_closed
from mlmon_dagster.pipeline.spec import Pipeline
from mlmon_dagster.pipeline.times import period
from mlmon_dagster.plugins import unknown
from mlmon_dagster.ports import Reading


def request_promotion(
    governance: Governance,
    declared: Declaration,
    environment: str,
    version: int | None,
    *,
    actor: str,
    reason: str = "",
    key: str = "",
) -> Promotion:
    """Asks to take the version into the environment; the same request again returns the one that is pending.

    Without a version it is the one live in the environment before, for dev the newest registered one. A pending
    request that is bound to something else lapses. With a `key`, the promotion that the actor made with it is returned
    whatever became of it. Raises `DeniedError`, `MissingError`, `BlockedError` when the version is live there already.
    """
    pipeline, reason = declared.pipeline, readable(reason, "reason")
    if environment not in pipeline.environments:
        raise MissingError(unknown(f"environment of {pipeline.name}", environment, pipeline.environments))
    with acting(governance, actor, f"request:{environment}", pipeline.project) as act:
        refuse_closed(act.books, pipeline.project, environment)
        once = Once(act, key, ("request", pipeline.name, environment, version))
        if once.subject is not None:
            return find_promotion(act.books, once.subject)
        model = _chosen(act.books, pipeline, environment, version)
        running = live(act.books, pipeline.name, environment)
        if running and (running.version, running.digest) == (model.number, model.digest):
            raise BlockedError(
                f"version {model.number} of {pipeline.name} is live in {environment} already ({running.id})"
            )
        waiting = _settle(act, declared, environment, model)
        return waiting or _request(act, declared, environment, model, reason, once)


def approve(
    governance: Governance, declared: Declaration, promotion: str, *, actor: str, reason: str = ""
) -> Promotion:
    """Consents to exactly what the promotion is bound to (`promotion.approved`); a second time changes nothing.

    The entry holds the digest of what the gate said at that moment. When the evidence becomes worse afterwards, the
    approval no longer counts and can be given again. Raises `DeniedError` for the requester (under any name), machines
    and roles that do not approve, `BlockedError` when the promotion is over, expired or bound to what has changed, and
    while the clocks of this process and the database differ.
    """
    reason = readable(reason, "reason")
    refuse_skew(governance.ledger)
    with _acting_on(governance, actor, promotion) as (act, asked):
        names = known_names(act.books)
        _refuse_own(act, asked, names)
        _refuse_over(governance, asked)
        _refuse_lapsed(act.books, declared, asked)
        rule = rule_of(declared.pipeline, asked.environment)
        evidence = evidence_of(act.books, governance, declared, asked, rule)
        if not any(one.approver == actor for one in consents(evidence)):
            note_version(act, declared)
            data = {**asdict(asked.bound), "evidence": evaluate_gate(rule, evidence).digest}
            complete = _complete(act, rule, evidence)
            _append(act, "promotion.approved", asked, {**data, "complete": complete, "reason": reason})
        return find_promotion(act.books, asked.id)


def reject(governance: Governance, promotion: str, *, actor: str, reason: str) -> Promotion:
    """Ends a pending promotion (`promotion.rejected`); its requester may withdraw it so too.

    Raises `DeniedError`, `BlockedError` when it is no longer pending.
    """
    reason = readable(reason, "reason")
    if not reason:
        raise InputError("a rejection needs a reason")
    with governance.ledger.transaction() as books:
        asked, who = find_promotion(books, promotion), known_actor(books, actor)
        own = who.name == asked.requester
        permission = f"request:{asked.environment}" if own else "approve"
        act = Act(books, who, permit(who, permission, asked.project), governance.now())
        if not asked.pending:
            raise BlockedError(
                f"{asked.id} is {asked.state}: only a pending promotion can be rejected", code="NOT_PENDING"
            )
        _append(act, "promotion.rejected", asked, {"state": "rejected", "reason": reason})
        return find_promotion(books, asked.id)


def expire_promotions(governance: Governance, *, actor: str = MACHINE) -> tuple[Promotion, ...]:
    """Ends every pending promotion whose time is over (`promotion.expired`) and returns them."""
    ended = []
    with governance.ledger.read() as reading:
        waiting = reading.find(Promotion, state=PENDING)
    for promotion in waiting:
        if promotion.expires_at > governance.now():
            continue
        with acting(governance, actor, "expire", promotion.project) as act:
            present = find_promotion(act.books, promotion.id)
            if present.pending:
                _end(act, present, "expired", "nobody opened it in time")
                ended.append(find_promotion(act.books, promotion.id))
    return tuple(ended)


def find_promotion(books: Reading, id: str) -> Promotion:
    """The promotion `id`; `MissingError` names the pending ones."""
    found = books.one(Promotion, id)
    if found is None:
        waiting = tuple(promotion.id for promotion in books.find(Promotion, state=PENDING))
        raise MissingError(unknown("promotion", id, waiting), hint="known are here the pending ones")
    return found


@contextmanager
def _acting_on(governance: Governance, actor: str, promotion: str) -> Iterator[tuple[Act, Promotion]]:
    with governance.ledger.transaction() as books:
        asked, who = find_promotion(books, promotion), known_actor(books, actor)
        yield Act(books, who, permit(who, "approve", asked.project), governance.now()), asked


def _chosen(books: Reading, pipeline: Pipeline, environment: str, version: int | None) -> Model:
    models = books.find(Model, pipeline=pipeline.name)
    numbers = tuple(str(model.number) for model in models)
    if not models:
        raise MissingError(
            f"no version of {pipeline.name} is registered", hint="materialise its model_registry stage first"
        )
    earlier = before(environment)
    if version is None and earlier is None:
        return max(models, key=lambda model: model.number)
    if version is None:
        running = live(books, pipeline.name, str(earlier))
        if running is None:
            raise BlockedError(f"nothing of {pipeline.name} is live in {earlier}: promote a version to {earlier} first")
        version = running.version
    for model in models:
        if model.number == version:
            return model
    raise MissingError(unknown(f"version of {pipeline.name}", str(version), numbers))


def _settle(act: Act, declared: Declaration, environment: str, model: Model) -> Promotion | None:
    """The request that is under way for the same digests; others of this version are ended."""
    name, present = declared.pipeline.name, Bound(model.digest, declared.digest, declared.git_commit)
    states = (*PENDING, "opened")
    for asked in act.books.find(Promotion, pipeline=name, environment=environment, version=model.number, state=states):
        if not asked.pending:
            return asked
        if asked.expires_at <= act.at:
            _end(act, asked, "expired", "nobody opened it in time")
        elif asked.bound != present:
            _end(act, asked, "lapsed", "the model, the pipeline file or its code changed since the request")
        else:
            return asked
    return None


def _request(act: Act, declared: Declaration, environment: str, model: Model, reason: str, once: Once) -> Promotion:
    note_version(act, declared)
    pipeline, id = declared.pipeline, f"promotion-{act.books.next_seq}"
    age = pipeline.stages.model_deployment.environments[environment].gate.maximum_age
    data = {
        "version": model.number,
        **asdict(Bound(model.digest, declared.digest, declared.git_commit)),
        "expires_at": written(act.at + period(age)),
        "reason": reason,
        **once.data,
    }
    scope = {"project": pipeline.project, "pipeline": pipeline.name, "environment": environment}
    act.append("promotion.requested", id, data, **scope)
    return find_promotion(act.books, id)


def _refuse_own(act: Act, asked: Promotion, names: Mapping[str, str]) -> None:
    if person_of(act.actor.name, names) == person_of(asked.requester, names):
        raise DeniedError(
            f"{asked.id} was requested by {asked.requester}, who cannot approve it",
            hint=f"another person with the role {' or '.join(PERMITTED['approve'])} can",
            code="SELF_APPROVAL",
        )


def _refuse_over(governance: Governance, asked: Promotion) -> None:
    if not asked.pending:
        raise BlockedError(f"{asked.id} is {asked.state}: only a pending promotion can be approved", code="NOT_PENDING")
    if asked.expires_at <= governance.now():
        message = f"{asked.id} expired at {asked.expires_at:%Y-%m-%d %H:%M} UTC"
        raise BlockedError(message, hint="request it again", code="EXPIRED")


def _refuse_lapsed(books: Reading, declared: Declaration, asked: Promotion) -> None:
    if declared.pipeline.name != asked.pipeline:
        raise InputError(f"{asked.id} is a promotion of {asked.pipeline}, not of {declared.pipeline.name}")
    model = books.one(Model, f"{asked.pipeline}/{asked.version}")
    if model is None or asked.bound != Bound(model.digest, declared.digest, declared.git_commit):
        raise BlockedError(
            f"{asked.id} has lapsed: the model, the pipeline file or its code changed since the request",
            hint=f"request it again: mlmon promote {asked.pipeline} --to {asked.environment} --version {asked.version}",
            code="LAPSED",
        )


def _complete(act: Act, rule: GateRule, evidence: Evidence) -> bool:
    """Whether the quorum is reached once the actor's approval is added."""
    asked, name = evidence.promotion, act.actor.name
    seq = act.books.next_seq
    added = Approval(id="", seq=seq, promotion=asked.id, approver=name, at=act.at, **asdict(asked.bound))
    roles = {**evidence.roles, name: act.actor.roles(asked.project)}
    found = evaluate_gate(rule, replace(evidence, approvals=(*evidence.approvals, added), roles=roles))
    return all(one.satisfied for one in found.conditions if one.name in CONSENT)


def _end(act: Act, asked: Promotion, state: str, reason: str) -> None:
    _append(act, "promotion.expired", asked, {"state": state, "reason": reason})


def _append(act: Act, action: str, asked: Promotion, data: dict[str, object]) -> None:
    scope = {"project": asked.project, "pipeline": asked.pipeline, "environment": asked.environment}
    act.append(action, asked.id, data, **scope)
