"""Commit statuses: every minute, GitHub is told what gates say, and asked for the statuses that gates wait for."""

import json
from collections.abc import Mapping

import dagster as dg

from mlmon_dagster.adapters.github.api import TOKEN
from mlmon_dagster.adapters.github.statuses import read_github_statuses
from mlmon_dagster.adapters.pipelines import Declared
from mlmon_dagster.errors import MlmonError
from mlmon_dagster.lifecycle.commit_statuses import hear, tellings
from mlmon_dagster.settings import Settings


def commit_status_sensor(
    pipelines: Mapping[str, Declared], settings: Settings, suffix: str = ""
) -> dg.SensorDefinition:
    """What was said already is in the cursor: GitHub hears of changes only, and what failed is tried again."""
    named = sum(one.pipeline.stages.cicd_enforcement.repository is not None for one in pipelines.values())

    @dg.sensor(
        name=f"commit_statuses{suffix}",
        minimum_interval_seconds=60,
        default_status=dg.DefaultSensorStatus.RUNNING,
        required_resource_keys={"database"},
        description=f"Tells GitHub what gates say of commits, and asks what CI says ({named} pipelines name one).",
    )
    def commit_statuses(context: dg.SensorEvaluationContext) -> dg.SkipReason:
        if not named:
            return dg.SkipReason("no pipeline names a repository (cicd_enforcement: {repository: owner/name})")
        github = read_github_statuses()
        if github is None:
            return dg.SkipReason(f"{TOKEN} is not set: nothing is said of commits")
        governance = context.resources.database.governance()
        told: dict[str, str] = json.loads(context.cursor or "{}")
        said: dict[str, str] = {}
        new, failures = 0, []
        try:
            new += len(hear(governance, pipelines, github))
        except MlmonError as error:
            failures.append(error.message)
        for one in tellings(governance, pipelines, told, settings.web_url):
            text = f"{one.status.state}: {one.status.description}"
            try:
                if told.get(one.promotion) != text:
                    github.publish(one.repository, one.commit, one.status)
                    new += 1
            except MlmonError as error:
                failures.append(f"{one.promotion}: {error.message}")
                said |= {one.promotion: told[one.promotion]} if one.promotion in told else {}
                continue
            said |= {one.promotion: text} if one.pending else {}
        context.update_cursor(json.dumps(said, sort_keys=True))
        if failures:
            context.log.warning("; ".join(failures))
        return dg.SkipReason("; ".join(failures) or f"{new} statuses are new")

    return commit_statuses
