"""The command that asks for a run of stages, and the query for what was asked.

Nothing is run here: a sensor of Dagster takes the request up. The deployment stage asks its gate, whoever asked for
the run.
"""

from collections.abc import Sequence

from mlmon_dagster.errors import DeniedError, InputError, MissingError
from mlmon_dagster.governance.audit import readable
from mlmon_dagster.governance.roles import Actor, permit
from mlmon_dagster.governance.runs import RunRequest, run_of
from mlmon_dagster.lifecycle.governance import Act, Governance, known_actor
from mlmon_dagster.pipeline.spec import Pipeline
from mlmon_dagster.pipeline.stages import ASSETS, SHARED_STAGES, WINDOWED
from mlmon_dagster.plugins import unknown

ACTION = "run.requested"


def request_run(
    governance: Governance,
    pipeline: Pipeline,
    stages: Sequence[str],
    environment: str | None = None,
    window: str | None = None,
    *,
    actor: str,
    reason: str = "",
) -> RunRequest:
    """Asks Dagster to run the stages once (`run.requested`).

    Shared stages take the permission to create, those of an environment to deploy there; monitoring may be run by who
    answers for alerts. Raises `DeniedError`, and `InputError` when environment or window are missing or none of the
    pipeline's.
    """
    reason, chosen = readable(reason, "reason"), _chosen(pipeline, stages, environment)
    _check_window(pipeline, chosen, window)
    with governance.ledger.transaction() as books:
        who = known_actor(books, actor)
        roles = [_role(who, stage, environment, pipeline.project) for stage in chosen]
        act, id = Act(books, who, roles[0], governance.now()), f"run-{books.next_seq}"
        data = {"stages": list(chosen), "window": window, "reason": reason}
        sealed = act.append(ACTION, id, data, project=pipeline.project, pipeline=pipeline.name, environment=environment)
    return run_of(sealed.entry)


def requested_runs(governance: Governance, pipeline: str | None = None, *, after: int = 0) -> tuple[RunRequest, ...]:
    """What was asked for after that entry, oldest first."""
    where = {"action": ACTION} | ({} if pipeline is None else {"pipeline": pipeline})
    with governance.ledger.read() as reading:
        return tuple(run_of(line.entry) for line in reading.entries(after=after, **where))  # type: ignore[arg-type]


def _chosen(pipeline: Pipeline, stages: Sequence[str], environment: str | None) -> tuple[str, ...]:
    if not stages:
        raise InputError("name at least one stage", hint=f"there are {', '.join(ASSETS)}")
    for stage in stages:
        if stage not in ASSETS:
            raise MissingError(unknown("stage", stage, ASSETS))
    bound = [stage for stage in stages if stage not in SHARED_STAGES]
    if environment is not None and environment not in pipeline.environments:
        raise MissingError(unknown(f"environment of {pipeline.name}", environment, pipeline.environments))
    if bound and environment is None:
        raise InputError(
            f"{bound[0]} runs in an environment: name it", hint=f"one of {', '.join(pipeline.environments)}"
        )
    if environment is not None and not bound:
        raise InputError(f"{stages[0]} is shared by the environments: name none")
    return tuple(stage for stage in ASSETS if stage in stages)


def _check_window(pipeline: Pipeline, stages: Sequence[str], window: str | None) -> None:
    windowed = [stage for stage in stages if stage in WINDOWED]
    if windowed and window is None:
        raise InputError(f"{windowed[0]} works on a window: name it")
    if window is not None:
        if not windowed:
            raise InputError(f"{stages[0]} does not work on windows: name none")
        pipeline.windows.window(window)


def _role(who: Actor, stage: str, environment: str | None, project: str) -> str:
    if stage in SHARED_STAGES:
        return permit(who, "create", project)
    try:
        return permit(who, f"deploy:{environment}", project)
    except DeniedError:
        if stage != "model_monitoring":
            raise
        return permit(who, "alerts", project)
