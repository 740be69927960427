"""Windows that an earlier version scored: scored and judged again by the live one, where that is declared."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone

import dagster as dg

from mlmon_dagster.adapters.pipelines import Declared
from mlmon_dagster.governance.deployments import Deployment
from mlmon_dagster.lifecycle.queries import live_deployments
from mlmon_dagster.pipeline.stages import BATCH, StageKey
from mlmon_dagster.ports import Judgements
from mlmon_dagster.sensors.windows import WINDOWS_PER_TICK
from mlmon_dagster.settings import Settings

CHECK = "predictions"
"""The check of batch inference, recorded for each window with the version that scored it."""

SETTLED = timedelta(hours=1)
"""So long after a version went live, runs that were under way then have ended: nothing more is looked for."""


@dataclass(frozen=True)
class Rescoring:
    """What was asked for since a deployment went live; `settled` when nothing is left of it."""

    deployment: str
    asked: tuple[str, ...] = ()
    settled: bool = False


def rescoring_sensor(pipelines: Mapping[str, Declared], settings: Settings, suffix: str = "") -> dg.SensorDefinition:
    """Reads judgements only of pipelines that declare it, until their windows are all of the version that is live."""
    wanted = {name for name, one in pipelines.items() if one.pipeline.stages.model_inferencing.batch.rescore}

    @dg.sensor(
        name=f"rescored_windows{suffix}",
        asset_selection=dg.AssetSelection.all(),
        minimum_interval_seconds=60,
        default_status=dg.DefaultSensorStatus.RUNNING,
        required_resource_keys={"database"},
        description=f"Asks for windows to be scored again by what went live ({len(wanted)} pipelines want it).",
    )
    def rescored_windows(context: dg.SensorEvaluationContext) -> Iterator[dg.RunRequest | dg.SkipReason]:
        before = {key: Rescoring(**told) for key, told in json.loads(context.cursor or "{}").items()}
        governance = context.resources.database.governance()
        live = [
            one
            for one in (live_deployments(governance) if wanted else ())
            if one.pipeline in wanted and one.environment in settings.environments
        ]
        requests, after = again(live, governance.judgements, before, datetime.now(timezone.utc))
        yield from requests
        if not requests:
            yield dg.SkipReason("no window waits to be scored again")
        context.update_cursor(json.dumps({key: vars(one) for key, one in after.items()}, sort_keys=True))

    return rescored_windows


def again(
    live: Sequence[Deployment], judgements: Judgements, before: Mapping[str, Rescoring], now: datetime
) -> tuple[list[dg.RunRequest], dict[str, Rescoring]]:
    """Runs for the windows whose version is not the live one, the oldest first and each once, and what was asked for.

    The newest window is judged last, so that what was found last is what is so now.
    """
    requests, after = [], {}
    for one in live:
        key = f"{one.pipeline}/{one.environment}"
        known = before.get(key)
        if known is None or known.deployment != one.id:
            known = Rescoring(one.id)
        if not known.settled:
            due = _outdated(judgements, one, known)
            requests += [_request(one, window) for window in due]
            settled = not due and now - one.live_since > SETTLED
            known = Rescoring(one.id, () if settled else (*known.asked, *due), settled)
        after[key] = known
    return requests, after


def _outdated(judgements: Judgements, live: Deployment, known: Rescoring) -> list[str]:
    scored = judgements.history(live.pipeline, live.environment, CHECK)
    other = [one.window for one in scored if one.stage == BATCH and one.version != live.version and one.window]
    return [window for window in other if window not in known.asked][:WINDOWS_PER_TICK]


def _request(live: Deployment, window: str) -> dg.RunRequest:
    keys = [StageKey(live.pipeline, live.environment, stage) for stage in (BATCH, "model_monitoring")]
    return dg.RunRequest(
        run_key=f"rescore:{live.id}:{window}",
        partition_key=window,
        asset_selection=[dg.AssetKey(key.parts) for key in keys],
        tags={"mlmon/window": window.replace(":", "."), "mlmon/rescored": live.id},
    )
