"""Shipped predictions enter the audit log: names, digests and rows of the files that came since the last tick."""

import time
from collections.abc import Iterator, Mapping
from datetime import datetime, timezone

import dagster as dg

from mlmon_dagster.adapters.pipelines import Declared
from mlmon_dagster.errors import MlmonError
from mlmon_dagster.lifecycle.queries import live_deployments
from mlmon_dagster.lifecycle.shipments import record_shipped, recorded_keys
from mlmon_dagster.settings import Settings

TICK_SECONDS = 30.0
"""How long one tick may look; the next one goes on behind the last pipeline that was looked at."""


def shipment_sensor(pipelines: Mapping[str, Declared], settings: Settings, suffix: str = "") -> dg.SensorDefinition:
    """Looks where live servers ship their log. It asks for no run: it only writes down what is there."""

    @dg.sensor(
        name=f"shipped_predictions{suffix}",
        minimum_interval_seconds=600,
        default_status=dg.DefaultSensorStatus.RUNNING,
        required_resource_keys={"database"},
        description="Records digests of shipped predictions in the audit log.",
    )
    def shipped_predictions(context: dg.SensorEvaluationContext) -> Iterator[dg.SkipReason]:
        from mlmon_dagster.adapters.prediction_log.destinations import destination_of, place_of
        from mlmon_dagster.adapters.prediction_log.inventory import new_files

        governance, began = context.resources.database.governance(), time.monotonic()
        live = sorted((one.pipeline, one.environment) for one in live_deployments(governance))
        ours = [one for one in live if one[0] in pipelines and one[1] in settings.environments]
        after = context.cursor or ""
        turn = sorted(ours, key=lambda one: ("/".join(one) <= after, one))
        total, faults = 0, []
        for name, environment in turn:
            declared = pipelines[name].pipeline
            log = settings.serving / name / environment / "predictions"
            place = place_of(declared.stages.model_inferencing.realtime.log, log)
            try:
                destination, known = destination_of(place), recorded_keys(governance, name, place)
                model = declared.stages.model_registry.model
                new = list(new_files(destination, model, known, datetime.now(timezone.utc)))
                total += record_shipped(governance, declared, place, new) if new else 0
            except MlmonError as error:
                faults.append(f"{name}/{environment}: {error.message}")
            after = f"{name}/{environment}"
            if time.monotonic() - began > TICK_SECONDS:
                break
        context.update_cursor(after)
        yield dg.SkipReason("; ".join([f"{total} files were recorded", *faults]))

    return shipped_predictions
