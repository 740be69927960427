"""Commands on deployments: open a promotion's gate, and say what became of the deployment."""

from collections.abc import Mapping

from mlmon_dagster.errors import BlockedError, InputError, MissingError
from mlmon_dagster.governance.audit import readable
from mlmon_dagster.governance.deployments import UNDER_WAY, Deployment, Step
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
            _refuse_ended(one)
            before = live(books, one.pipeline, one.environment)
            data = {"address": address, "promotion": one.promotion, "supersedes": before.id if before else None}
            _append(act, "deployment.succeeded", one, data)
        return find_deployment(books, deployment)


def fail_deployment(governance: Governance, deployment: str, reason: str, *, actor: str = MACHINE) -> Deployment:
    """The version could not be put on the target; what was live stays live.

    Recorded as `deployment.failed`, or `deployment.rolled_back` where it had a share of the traffic already. Raises
    `BlockedError` when the deployment is not under way; failing it again changes nothing.
    """
    reason = readable(reason[:1000], "reason")
    with governance.ledger.transaction() as books:
        act, one = _acting_on(governance, books, actor, deployment)
        if one.state not in ("failed", "rolled_back"):
            _refuse_ended(one)
            withdraw(act, one, reason)
        return find_deployment(books, deployment)


def withdraw(act: Act, one: Deployment, reason: str) -> None:
    """Records that a deployment under way does not go on."""
    if one.state != "shifting":
        _append(act, "deployment.failed", one, {"reason": reason, "promotion": one.promotion})
        return
    before = live(act.books, one.pipeline, one.environment)
    data = {"reason": reason, "to": before.version if before else None, "promotion": one.promotion}
    _append(act, "deployment.rolled_back", one, data)


def advance_deployment(
    governance: Governance, deployment: str, state: str, share: int = 0, *, actor: str = MACHINE
) -> Step:
    """The deployment has come to the next of `UNDER_WAY`, or is about to (`deployment.advanced`); the step it is at.

    Recorded before the target is asked for it, so that who takes it up again knows what may have happened.
    Said again, it returns the step as it was recorded first. Raises `BlockedError` when the deployment has ended or is
    further already: somebody else carries it out.
    """
    with governance.ledger.transaction() as books:
        act, one = _acting_on(governance, books, actor, deployment)
        _refuse_ended(one)
        step, at = Step(state, share, act.at), reached(books, one)
        if (at.state, at.share) == (state, share):
            return at
        if at.place > step.place:
            raise BlockedError(f"{one.id} is at {at} already: somebody else carries it out")
        _append(act, "deployment.advanced", one, {"state": state, "share": share})
        return step


def reached(books: Reading, one: Deployment) -> Step:
    """The step that a deployment under way is at."""
    for line in books.entries(newest=1, subject=one.id, action="deployment.advanced"):
        data = line.entry.data
        return Step(data["state"], data["share"], line.entry.at)
    return Step("started", 0, one.started_at)


def find_deployment(books: Reading, id: str) -> Deployment:
    """The deployment `id`; raises `MissingError`."""
    found = books.one(Deployment, id)
    if found is None:
        known = tuple(one.id for one in books.find(Deployment, state=(*UNDER_WAY, "live")))
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
    for one in books.find(Deployment, pipeline=pipeline, environment=environment, state=UNDER_WAY):
        raise BlockedError(
            f"{one.id} (version {one.version}) is under way in {environment}",
            hint="run it to its end first: what started it takes it up again",
        )


def _under_way(books: Reading, asked: Promotion) -> Deployment:
    for one in books.find(Deployment, promotion=asked.id, state=UNDER_WAY):
        return one
    raise BlockedError(f"{asked.id} is {asked.state}: it cannot be opened again", hint="request a new promotion")


def _refuse_other_pipeline(declared: Declaration, asked: Promotion) -> None:
    if declared.pipeline.name != asked.pipeline:
        raise InputError(f"{asked.id} is a promotion of {asked.pipeline}, not of {declared.pipeline.name}")
    if asked.environment not in declared.pipeline.environments:
        raise BlockedError(f"{asked.pipeline} no longer declares the environment {asked.environment}")


def _refuse_ended(one: Deployment) -> None:
    if one.state not in UNDER_WAY:
        raise BlockedError(f"{one.id} is {one.state}, no longer under way")


def _acting_on(governance: Governance, books: Reading, actor: str, deployment: str) -> tuple[Act, Deployment]:
    one, who = find_deployment(books, deployment), known_actor(books, actor)
    role = permit(who, f"{'deploy' if one.promotion else 'rollback'}:{one.environment}", one.project)
    return Act(books, who, role, governance.now()), one  # type: ignore[arg-type]


def _append(act: Act, action: str, one: Deployment, data: Mapping[str, object]) -> None:
    act.append(action, one.id, data, project=one.project, pipeline=one.pipeline, environment=one.environment)
