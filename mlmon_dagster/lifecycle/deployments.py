"""Commands on deployments: open a promotion's gate, and say what became of the deployment."""

from collections.abc import Mapping

from mlmon_dagster.errors import BlockedError, InputError, MissingError
from mlmon_dagster.governance.audit import readable
from mlmon_dagster.governance.deployments import Deployment
from mlmon_dagster.governance.gates import GateVerdict
from mlmon_dagster.governance.promotions import Promotion
from mlmon_dagster.governance.roles import MACHINE, permit
from mlmon_dagster.lifecycle.gate import live, verdict
from mlmon_dagster.lifecycle.governance import Act, Declaration, Governance, known_actor
from mlmon_dagster.lifecycle.projects import refuse_closed
from mlmon_dagster.lifecycle.promotions import find_promotion
from mlmon_dagster.pipeline.spec import Pipeline
from mlmon_dagster.plugins import load as plugin
from mlmon_dagster.plugins import names, unknown
from mlmon_dagster.ports import Reading


def open_promotion(
    governance: Governance, declared: Declaration, promotion: str, *, actor: str = MACHINE, digest: str | None = None
) -> Deployment:
    """Judges the gate again and starts the promotion's one deployment (`promotion.opened`, `deployment.started`).

    `digest` is the model's as the registry has it now. Called again while that deployment is under way, it returns it.
    Raises `DeniedError`, and `BlockedError` with every condition that is not met, or while another one is under way.
    """
    with governance.ledger.transaction() as books:
        asked, who = find_promotion(books, promotion), known_actor(books, actor)
        role = permit(who, f"deploy:{asked.environment}", asked.project)
        _refuse_other_pipeline(declared, asked)
        if not asked.pending:
            return _under_way(books, asked)
        refuse_under_way(books, asked.pipeline, asked.environment)
        refuse_closed(books, asked.project, asked.environment)
        found = verdict(books, governance, declared, asked, digest)
        if not found.open:
            raise closed(asked, found)
        return _start(Act(books, who, role, governance.now()), declared.pipeline, asked, found)


def finish_deployment(governance: Governance, deployment: str, address: str, *, actor: str = MACHINE) -> Deployment:
    """The version serves at `address` now (`deployment.succeeded`); what was live is superseded.

    Raises `BlockedError` when the deployment is not under way; finishing it again changes nothing.
    """
    with governance.ledger.transaction() as books:
        act, one = _acting_on(governance, books, actor, deployment)
        if one.state != "live":
            _refuse_not_started(one)
            before = live(books, one.pipeline, one.environment)
            data = {"address": address, "promotion": one.promotion, "supersedes": before.id if before else None}
            _append(act, "deployment.succeeded", one, data)
        return find_deployment(books, deployment)


def fail_deployment(governance: Governance, deployment: str, reason: str, *, actor: str = MACHINE) -> Deployment:
    """The version could not be put on the target (`deployment.failed`); what was live stays live.

    Raises `BlockedError` when the deployment is not under way; failing it again changes nothing.
    """
    reason = readable(reason[:1000], "reason")
    with governance.ledger.transaction() as books:
        act, one = _acting_on(governance, books, actor, deployment)
        if one.state != "failed":
            _refuse_not_started(one)
            _append(act, "deployment.failed", one, {"reason": reason, "promotion": one.promotion})
        return find_deployment(books, deployment)


def find_deployment(books: Reading, id: str) -> Deployment:
    """The deployment `id`; raises `MissingError`."""
    found = books.one(Deployment, id)
    if found is None:
        known = tuple(one.id for one in books.find(Deployment, state=("started", "live")))
        raise MissingError(unknown("deployment", id, known))
    return found


def closed(asked: Promotion, found: GateVerdict) -> BlockedError:
    """The refusal of a closed gate, with everything that is missing and who can provide it."""
    missing = [f"{condition.name}: {condition.detail} (needs {condition.who})" for condition in found.unmet]
    return BlockedError(
        f"the gate of {asked.environment} is closed for version {asked.version} of {asked.pipeline} ({asked.id})",
        hint="\n  ".join(missing),
        code="GATE_CLOSED",
    )


def target_name(pipeline: Pipeline, environment: str) -> str:
    """The name of the environment's target plug-in."""
    declared = type(pipeline.stages.model_deployment.environments[environment].target)
    return next((name for name in names("target") if plugin("target", name) is declared), declared.__name__)


def _start(act: Act, pipeline: Pipeline, asked: Promotion, found: GateVerdict) -> Deployment:
    scope = {"project": asked.project, "pipeline": asked.pipeline, "environment": asked.environment}
    conditions = [[one.name, one.detail, one.overridden] for one in found.conditions]
    act.append("promotion.opened", asked.id, {"digest": asked.digest, "conditions": conditions}, **scope)
    before, id = live(act.books, asked.pipeline, asked.environment), f"deployment-{act.books.next_seq}"
    data = {
        "promotion": asked.id,
        "version": asked.version,
        "digest": asked.digest,
        "target": target_name(pipeline, asked.environment),
        "strategy": pipeline.stages.model_deployment.environments[asked.environment].strategy,
        "previous": before.id if before else None,
        "reason": "",
    }
    act.append("deployment.started", id, data, **scope)
    return find_deployment(act.books, id)


def refuse_under_way(books: Reading, pipeline: str, environment: str) -> None:
    """One deployment at a time: `BlockedError` while another one of the environment is neither live nor failed."""
    for one in books.find(Deployment, pipeline=pipeline, environment=environment, state="started"):
        raise BlockedError(
            f"{one.id} (version {one.version}) is under way in {environment}",
            hint="run it to its end first: what started it takes it up again",
        )


def _under_way(books: Reading, asked: Promotion) -> Deployment:
    for one in books.find(Deployment, promotion=asked.id, state="started"):
        return one
    raise BlockedError(f"{asked.id} is {asked.state}: it cannot be opened again", hint="request a new promotion")


def _refuse_other_pipeline(declared: Declaration, asked: Promotion) -> None:
    if declared.pipeline.name != asked.pipeline:
        raise InputError(f"{asked.id} is a promotion of {asked.pipeline}, not of {declared.pipeline.name}")
    if asked.environment not in declared.pipeline.environments:
        raise BlockedError(f"{asked.pipeline} no longer declares the environment {asked.environment}")


def _refuse_not_started(one: Deployment) -> None:
    if one.state != "started":
        raise BlockedError(f"{one.id} is {one.state}, no longer under way")


def _acting_on(governance: Governance, books: Reading, actor: str, deployment: str) -> tuple[Act, Deployment]:
    one, who = find_deployment(books, deployment), known_actor(books, actor)
    role = permit(who, f"{'deploy' if one.promotion else 'rollback'}:{one.environment}", one.project)
    return Act(books, who, role, governance.now()), one  # type: ignore[arg-type]


def _append(act: Act, action: str, one: Deployment, data: Mapping[str, object]) -> None:
    act.append(action, one.id, data, project=one.project, pipeline=one.pipeline, environment=one.environment)
