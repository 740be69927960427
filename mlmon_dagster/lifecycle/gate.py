"""Gates of declared pipelines: the rule that a pipeline writes, and the evidence that governance holds."""

from datetime import timedelta

from mlmon_dagster.governance.alerts import Alert
from mlmon_dagster.governance.deployments import Deployment
from mlmon_dagster.governance.findings import Finding
from mlmon_dagster.governance.gates import Evidence, GateRule, GateVerdict, evaluate_gate
from mlmon_dagster.governance.locks import Lock, declaration_digest
from mlmon_dagster.governance.models import Model
from mlmon_dagster.governance.overrides import Override, in_force
from mlmon_dagster.governance.promotions import Approval, Promotion, Setback, before
from mlmon_dagster.lifecycle.governance import Declaration, Governance, known_actor, known_names
from mlmon_dagster.pipeline.spec import Pipeline
from mlmon_dagster.pipeline.times import period
from mlmon_dagster.pipeline.windows import LENGTHS
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
        soak=period(gate.soak) if gate.soak else None,
        monitored_within=(period(gate.monitored_within) if gate.monitored_within else stale_after(pipeline)),
        tests=gate.tests,
        statuses=gate.statuses,
    )


def stale_after(pipeline: Pipeline) -> timedelta:
    """How old verdicts may be where a gate does not say: three windows, and a day at least."""
    return max(3 * LENGTHS.get(pipeline.windows.every, timedelta(days=31)), timedelta(days=1))


def verdict(
    books: Reading,
    governance: Governance,
    declared: Declaration,
    promotion: Promotion,
    digest: str | None = None,
) -> GateVerdict:
    """The gate's verdict on the promotion now; `digest` is the model's as the registry has it, if that was asked."""
    rule = rule_of(declared.pipeline, promotion.environment)
    return evaluate_gate(rule, evidence_of(books, governance, declared, promotion, rule, digest))


def evidence_of(
    books: Reading,
    governance: Governance,
    declared: Declaration,
    promotion: Promotion,
    rule: GateRule,
    digest: str | None = None,
) -> Evidence:
    """Everything the gate looks at, as governance holds it now."""
    approvals, name = books.find(Approval, promotion=promotion.id), promotion.pipeline
    alerts = books.find(Alert, pipeline=name)
    failures = governance.judgements.failures(name, rule.before).values() if rule.before else ()
    bad = [one for one in failures if one.check in rule.checks and one.version == promotion.version]
    return Evidence(
        promotion=promotion,
        now=governance.now(),
        digest=_present_digest(books, promotion, digest),
        pipeline_digest=declared.digest,
        git_commit=declared.git_commit,
        live_before=live(books, name, rule.before) if rule.before else None,
        judged=governance.judgements.latest(name, rule.before) if rule.before else {},
        alerts=tuple(alert for alert in alerts if alert.open),
        approvals=approvals,
        roles={one.approver: known_actor(books, one.approver).roles(promotion.project) for one in approvals},
        names=known_names(books),
        setbacks=(
            *(Setback(one.check, one.at) for one in bad),
            *(Setback(alert.id, alert.raised_at, alert.raised_by_entry) for alert in alerts if rule.before),
        ),
        findings=_findings(books, promotion, rule, declared.git_commit),
        override=in_force(books.find(Override, promotion=promotion.id), promotion.id, governance.now()),
        locks=books.find(Lock, pipeline=name),
        declared=stage_digests(declared.pipeline),
    )


def _findings(books: Reading, promotion: Promotion, rule: GateRule, commit: str) -> dict[str, Finding]:
    """What is known of this commit, and of this version where it runs before."""
    if not rule.tests and not rule.statuses:
        return {}
    found = books.find(Finding, pipeline=promotion.pipeline, about=(promotion.digest, commit))
    statuses = {one.name: one for one in found if one.about == commit and one.name in rule.statuses}
    tests = {one.name: one for one in found if one.environment == rule.before and one.name in rule.tests}
    return {**statuses, **{name: one for name, one in tests.items() if one.about == promotion.digest}}


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
