"""Stage 8: holds locked stages to their declaration, and writes down the evidence for the next environment's gate."""

from typing import Any

from mlmon_dagster.adapters.pipelines import Declared
from mlmon_dagster.assets.ports import Ports
from mlmon_dagster.assets.stage import CheckResult, StageResult, StageRun, Verdict
from mlmon_dagster.governance.roles import MACHINE
from mlmon_dagster.lifecycle.locks import changed_locks, set_lock
from mlmon_dagster.lifecycle.queries import live_deployment, open_alerts

CHECKS = {
    "locks": "Locked stages are declared as they were when they were locked.",
    "evidence": "What the next environment's gate will ask of this one is there and green.",
}


def run(stage: StageRun, declared: Declared, ports: Ports) -> StageResult:
    """Sets declared locks that are not set yet, compares the others, and writes the evidence as a document."""
    _set_declared_locks(stage, ports)
    broken = tuple(lock.stage for lock in changed_locks(ports.governance, stage.pipeline))
    reason = f"changed without an unlock: {', '.join(broken)}" if broken else "every locked stage is unchanged"
    locked = CheckResult("locks", "error" if broken else "ok", reason)
    evidence = gate_evidence(stage, ports)
    digest = stage.outputs.write_document(stage.key, None, {"pipeline_digest": declared.digest, **evidence})
    missing = evidence["missing"]
    verdict: Verdict = "insufficient" if missing else "ok"
    judged = CheckResult("evidence", verdict, "; ".join(missing) or "live, judged green, no open alert")
    metrics = {
        "locks.broken": float(len(broken)),
        "alerts.open": float(len(evidence["open_alerts"])),
        "checks.green": float(sum(check["verdict"] == "ok" for check in evidence["checks"])),
        "checks.judged": float(len(evidence["checks"])),
    }
    return StageResult(digest, metrics, (locked, judged), {"evidence": evidence})


def gate_evidence(stage: StageRun, ports: Ports) -> dict[str, Any]:
    """The facts of this environment that a gate reads, and in words what is missing."""
    governance, pipeline, environment = ports.governance, stage.pipeline.name, stage.key.environment or ""
    live = live_deployment(governance, pipeline, environment)
    judged = governance.judgements.latest(pipeline, environment)
    expected = stage.pipeline.stages.model_monitoring.immediate_checks
    alerts = [alert.id for alert in open_alerts(governance, pipeline)]
    checks = [
        {"check": name, "window": judged[name].window, "verdict": judged[name].verdict, "reason": judged[name].reason}
        for name in expected
        if name in judged
    ]
    missing = [f"{name} was never judged here" for name in expected if name not in judged]
    missing += [
        f"{check['check']} is {check['verdict']} on {check['window']}" for check in checks if check["verdict"] != "ok"
    ]
    missing += [f"{name} is open" for name in alerts] + ([] if live else ["nothing is live here"])
    version = {"number": live.version, "digest": live.digest, "deployment": live.id} if live else None
    return {"environment": environment, "version": version, "checks": checks, "open_alerts": alerts, "missing": missing}


def _set_declared_locks(stage: StageRun, ports: Ports) -> None:
    """A lock that the file declares and that was never set is set now; one that was released stays released.

    An unlock is a decision of people: the next materialisation must not take it back.
    """
    for name in stage.pipeline.stages.cicd_enforcement.lock:
        with ports.governance.ledger.read() as reading:
            known = reading.entries(newest=1, subject=f"{stage.pipeline.name}/{name}")
        if not known:
            set_lock(ports.governance, stage.pipeline, name, actor=MACHINE, reason="declared in the pipeline file")
