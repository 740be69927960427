"""What watches the outside: schedules for closed windows, sensors for alerts, gates, failed runs and silence.

Every body only reads and asks for runs; what changes state happens in the run. Only what GitHub says of commits is
noted where it is heard. Each is batched: its cost follows what changed, not how many pipelines there are.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import dagster as dg

from mlmon_dagster.adapters.pipelines import Declared
from mlmon_dagster.sensors.alerts import alert_job, alert_sensor
from mlmon_dagster.sensors.checkpoints import checkpoint_sensor
from mlmon_dagster.sensors.commit_statuses import commit_status_sensor
from mlmon_dagster.sensors.deployments import deployment_sensor
from mlmon_dagster.sensors.endpoints import endpoint_schedules
from mlmon_dagster.sensors.folders import folder_schedules, folder_sensor
from mlmon_dagster.sensors.gates import promotion_gate_sensor
from mlmon_dagster.sensors.heartbeat import heartbeat_sensor
from mlmon_dagster.sensors.labels import label_sensor
from mlmon_dagster.sensors.metric_alerts import metric_alert_sensor
from mlmon_dagster.sensors.reconciliation import reconciliation_sensor
from mlmon_dagster.sensors.rescoring import rescoring_sensor
from mlmon_dagster.sensors.run_failure import failed_run_sensor
from mlmon_dagster.sensors.runs import requested_run_sensor
from mlmon_dagster.sensors.shipments import shipment_sensor
from mlmon_dagster.sensors.windows import window_schedules
from mlmon_dagster.settings import Settings


@dataclass(frozen=True)
class Automation:
    """The jobs, sensors and schedules of a code location."""

    jobs: Sequence[dg.JobDefinition]
    sensors: Sequence[dg.SensorDefinition]
    schedules: Sequence[dg.ScheduleDefinition]


def build_automation(pipelines: Mapping[str, Declared], settings: Settings, suffix: str = "") -> Automation:
    """Automation for these pipelines; `suffix` keeps names apart where a project has several such sets."""
    raise_alerts = alert_job(pipelines, suffix)
    return Automation(
        jobs=[raise_alerts],
        sensors=[
            alert_sensor(pipelines, raise_alerts, suffix),
            metric_alert_sensor(pipelines, raise_alerts, settings, suffix),
            promotion_gate_sensor(pipelines, settings, suffix),
            deployment_sensor(pipelines, settings, suffix),
            folder_sensor(pipelines, settings, suffix),
            rescoring_sensor(pipelines, settings, suffix),
            failed_run_sensor(pipelines, raise_alerts, suffix),
            label_sensor(pipelines, settings, suffix),
            heartbeat_sensor(pipelines, raise_alerts, settings, suffix),
            requested_run_sensor(pipelines, settings, suffix),
            reconciliation_sensor(pipelines, raise_alerts, settings, suffix),
            shipment_sensor(pipelines, settings, suffix),
            checkpoint_sensor(suffix),
            commit_status_sensor(pipelines, settings, suffix),
        ],
        schedules=[
            *window_schedules(pipelines, settings, suffix),
            *endpoint_schedules(pipelines, settings, suffix),
            *folder_schedules(pipelines, settings, suffix),
        ],
    )
