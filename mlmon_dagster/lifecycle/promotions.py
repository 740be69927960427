"""Commands on promotions: request, approve, reject, expire."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

from mlmon_dagster.errors import BlockedError, DeniedError, InputError, MissingError
from mlmon_dagster.governance.audit import readable, written
from mlmon_dagster.governance.models import Model
from mlmon_dagster.governance.promotions import PENDING, Approval, Promotion, approvers, before
from mlmon_dagster.governance.roles import MACHINE, PERMITTED, permit
from mlmon_dagster.lifecycle.gate import live, rule_of
from mlmon_dagster.lifecycle.governance import Act, Declaration, Governance, acting, known_actor
from mlmon_dagster.pipeline.spec import Pipeline
from mlmon_dagster.plugins import unknown
from mlmon_dagster.ports import Reading

PERIODS = {"m": timedelta(minutes=1), "h": timedelta(hours=1), "d": timedelta(days=1), "w": timedelta(weeks=1)}


def request_promotion(
    governance: Governance,
    declared: Declaration,
    environment: str,
    version: int | None,
    *,
    actor: str,
    reason: str = "",
) -> Promotion:
    """Asks to take the version into the environment; the same request again returns the one that is pending.

    Without a version it is the one live in the environment before, for dev the newest registered one.
    A pending request for other digests lapses. Raises `DeniedError`, `MissingError`, `BlockedError` when the version
    is live there already.
    """
    pipeline, reason = declared.pipeline, readable(reason, "reason")
    if environment not in pipeline.environments:
        raise MissingError(unknown(f"environment of {pipeline.name}", environment, pipeline.environments))
    with acting(governance, actor, f"request:{environment}", pipeline.project) as act:
        model = _chosen(act.books, pipeline, environment, version)
        running = live(act.books, pipeline.name, environment)
        if running and (running.version, running.digest) == (model.number, model.digest):
            raise BlockedError(
                f"version {model.number} of {pipeline.name} is live in {environment} already ({running.id})"
            )
        waiting = _settle(act, declared, environment, model)
        return waiting or _request(act, declared, environment, model, reason)


def approve(
    governance: Governance, declared: Declaration, promotion: str, *, actor: str, reason: str = ""
) -> Promotion:
    """Consents to exactly the promotion's digests (`promotion.approved`); a second time changes nothing.

    Raises `DeniedError` for the requester, machines and roles that do not approve, `BlockedError` when the promotion
    is over, expired or bound to digests that are no longer the present ones.
    """
    reason = readable(reason, "reason")
    with _acting_on(governance, actor, promotion) as (act, asked):
        _refuse_own(act, asked)
        _refuse_over(governance, asked)
        _refuse_lapsed(act.books, declared, asked)
        given = act.books.find(Approval, promotion=asked.id)
        if not any(approval.approver == actor for approval in given):
            complete = _complete(act, declared, asked, given)
            digests = {"digest": asked.digest, "pipeline_digest": asked.pipeline_digest}
            _append(act, "promotion.approved", asked, {**digests, "complete": complete, "reason": reason})
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
    name, present = declared.pipeline.name, (model.digest, declared.digest)
    states = (*PENDING, "opened")
    for asked in act.books.find(Promotion, pipeline=name, environment=environment, version=model.number, state=states):
        if not asked.pending:
            return asked
        if asked.expires_at <= act.at:
            _end(act, asked, "expired", "nobody opened it in time")
        elif (asked.digest, asked.pipeline_digest) != present:
            _end(act, asked, "lapsed", "the model or the pipeline file changed since the request")
        else:
            return asked
    return None


def _request(act: Act, declared: Declaration, environment: str, model: Model, reason: str) -> Promotion:
    pipeline, id = declared.pipeline, f"promotion-{act.books.next_seq}"
    age = pipeline.stages.model_deployment.environments[environment].gate.maximum_age
    data = {
        "version": model.number,
        "digest": model.digest,
        "pipeline_digest": declared.digest,
        "expires_at": written(act.at + int(age[:-1]) * PERIODS[age[-1]]),
        "reason": reason,
    }
    scope = {"project": pipeline.project, "pipeline": pipeline.name, "environment": environment}
    act.append("promotion.requested", id, data, **scope)
    return find_promotion(act.books, id)


def _refuse_own(act: Act, asked: Promotion) -> None:
    if act.actor.name == asked.requester:
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
    if model is None or (asked.digest, asked.pipeline_digest) != (model.digest, declared.digest):
        raise BlockedError(
            f"{asked.id} has lapsed: the model or the pipeline file changed since the request",
            hint=f"request it again: mlmon promote {asked.pipeline} --to {asked.environment} --version {asked.version}",
            code="LAPSED",
        )


def _complete(act: Act, declared: Declaration, asked: Promotion, given: tuple[Approval, ...]) -> bool:
    """Whether the quorum is reached once the actor's approval is added."""
    rule = rule_of(declared.pipeline, asked.environment)
    added = Approval("", 0, asked.id, act.actor.name, asked.digest, asked.pipeline_digest, act.at)
    all_given = (*given, added)
    roles = {one.approver: known_actor(act.books, one.approver).roles(asked.project) for one in all_given}
    names = approvers(asked, all_given, roles, digest=asked.digest, pipeline_digest=asked.pipeline_digest)
    team = any("production_team" in roles[name] for name in names)
    return len(names) >= rule.approvals and (team or not rule.production_team)


def _end(act: Act, asked: Promotion, state: str, reason: str) -> None:
    _append(act, "promotion.expired", asked, {"state": state, "reason": reason})


def _append(act: Act, action: str, asked: Promotion, data: dict[str, object]) -> None:
    scope = {"project": asked.project, "pipeline": asked.pipeline, "environment": asked.environment}
    act.append(action, asked.id, data, **scope)
