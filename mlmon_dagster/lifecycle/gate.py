"""Gates of declared pipelines: the rule that a pipeline writes, and the evidence that governance holds."""

from mlmon_dagster.governance.alerts import OPEN, Alert
from mlmon_dagster.governance.deployments import Deployment
from mlmon_dagster.governance.gates import Evidence, GateRule, GateVerdict, evaluate_gate
from mlmon_dagster.governance.locks import Lock, declaration_digest
from mlmon_dagster.governance.models import Model
from mlmon_dagster.governance.promotions import Approval, Promotion, before
from mlmon_dagster.lifecycle.governance import Declaration, Governance, known_actor
from mlmon_dagster.pipeline.spec import Pipeline
from mlmon_dagster.ports import Reading


def rule_of(pipeline: Pipeline, environment: str) -> GateRule:
    """What the gate asks for; a gate that names no checks asks for all that need no labels."""
    gate = pipeline.stages.model_deployment.environments[environment].gate
    earlier = before(environment)
    return GateRule(
        environment=environment,
        before=earlier,
        approvals=pipeline.approvals(environment),
        checks=(gate.checks or pipeline.stages.model_monitoring.immediate_checks) if earlier else (),
        production_team=environment == "prod",
        locked=pipeline.stages.cicd_enforcement.lock,
    )


def verdict(
    books: Reading,
    governance: Governance,
    declared: Declaration,
    promotion: Promotion,
    digest: str | None = None,
) -> GateVerdict:
    """The gate's verdict on the promotion now; `digest` is the model's as the registry has it, if that was asked."""
    pipeline = declared.pipeline
    rule = rule_of(pipeline, promotion.environment)
    approvals = books.find(Approval, promotion=promotion.id)
    names = {approval.approver for approval in approvals}
    evidence = Evidence(
        promotion=promotion,
        now=governance.now(),
        digest=_present_digest(books, promotion, digest),
        pipeline_digest=declared.digest,
        live_before=live(books, promotion.pipeline, rule.before) if rule.before else None,
        judged=governance.judgements.latest(promotion.pipeline, rule.before) if rule.before else {},
        alerts=books.find(Alert, pipeline=promotion.pipeline, state=OPEN),
        approvals=approvals,
        roles={name: known_actor(books, name).roles(promotion.project) for name in names},
        locks=books.find(Lock, pipeline=promotion.pipeline),
        declared=stage_digests(pipeline),
    )
    return evaluate_gate(rule, evidence)


def live(books: Reading, pipeline: str, environment: str) -> Deployment | None:
    """The deployment that is live in the environment."""
    return next(iter(books.find(Deployment, pipeline=pipeline, environment=environment, state="live")), None)


def stage_digests(pipeline: Pipeline) -> dict[str, str]:
    """Stage -> digest of its declaration."""
    stages = pipeline.stages
    return {name: declaration_digest(getattr(stages, name)) for name in type(stages).__dataclass_fields__}


def _present_digest(books: Reading, promotion: Promotion, digest: str | None) -> str | None:
    model = books.one(Model, f"{promotion.pipeline}/{promotion.version}")
    if model is None:
        return None
    return model.digest if digest is None or digest == model.digest else digest
