"""Checkpoints of the audit log, also while nothing happens: silence that can be shown."""

from collections.abc import Iterator

import dagster as dg


def checkpoint_sensor(suffix: str = "") -> dg.SensorDefinition:
    """Signs the audit log when a checkpoint is due.

    It asks for no run: a checkpoint is kept outside of the database and changes no state, and writing one twice is
    the same as once. A log that no longer agrees with its last checkpoint fails the tick.
    """

    @dg.sensor(
        name=f"audit_checkpoints{suffix}",
        minimum_interval_seconds=60,
        default_status=dg.DefaultSensorStatus.RUNNING,
        required_resource_keys={"database"},
        description="Signs the audit log every minute, also when nothing happened.",
    )
    def audit_checkpoints(context: dg.SensorEvaluationContext) -> Iterator[dg.SkipReason]:
        office = context.resources.database.office()
        newest = office.ledger.sign_if_due()
        yield dg.SkipReason(f"{newest.size} entries were signed at {newest.at:%Y-%m-%d %H:%M:%S} UTC")

    return audit_checkpoints
