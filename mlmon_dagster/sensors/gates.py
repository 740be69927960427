"""The promotion gate: asks for the deployment run of every promotion whose gate is open."""

from collections.abc import Collection, Iterator, Mapping
from datetime import timedelta

import dagster as dg

from mlmon_dagster.adapters.pipelines import Declared
from mlmon_dagster.lifecycle.governance import Declaration, Governance
from mlmon_dagster.lifecycle.queries import gate_verdict, opened_by, pending_promotions
from mlmon_dagster.pipeline.stages import StageKey
from mlmon_dagster.settings import Settings

AGAIN = timedelta(minutes=15)
"""After this the run of a promotion whose gate is open, and which nobody has opened, is taken for lost."""


def promotion_gate_sensor(
    pipelines: Mapping[str, Declared], settings: Settings, suffix: str = ""
) -> dg.SensorDefinition:
    """See `asked_for`; the deployment stage judges each gate again."""

    @dg.sensor(
        name=f"promotion_gate{suffix}",
        asset_selection=dg.AssetSelection.all(),
        minimum_interval_seconds=30,
        default_status=dg.DefaultSensorStatus.RUNNING,
        required_resource_keys={"database"},
        description="Starts the deployment of every promotion whose gate is open.",
    )
    def promotion_gate(context: dg.SensorEvaluationContext) -> Iterator[dg.RunRequest | dg.SkipReason]:
        yield from asked_for(context.resources.database.governance(), pipelines, settings.environments)

    return promotion_gate


def asked_for(
    governance: Governance, pipelines: Mapping[str, Declaration], environments: Collection[str]
) -> Iterator[dg.RunRequest | dg.SkipReason]:
    """Reads the pending promotions with one query and judges each gate: the runs of those that are open.

    Dagster never runs a key twice, so a key stands for what opened the gate: where the deployment was refused because
    the gate had closed meanwhile, it is asked for again once somebody has opened it again. A run that ended without a
    last word before it opened the gate is followed by another one; where it was only late, the two do no harm.
    """
    waiting = [
        promotion
        for promotion in pending_promotions(governance)
        if promotion.pipeline in pipelines and promotion.environment in environments
    ]
    opened = [one for one in waiting if gate_verdict(governance, pipelines[one.pipeline], one).open]
    for promotion in opened:
        key, entry = (
            StageKey(promotion.pipeline, promotion.environment, "model_deployment"),
            opened_by(governance, promotion),
        )
        yield dg.RunRequest(
            run_key=f"promote:{promotion.id}:{entry.seq}:{(governance.now() - entry.at) // AGAIN}",
            asset_selection=[dg.AssetKey(key.parts)],
            tags={"mlmon/promotion": promotion.id},
        )
    if not opened:
        yield dg.SkipReason(f"{len(waiting)} promotions wait, no gate is open" if waiting else "no promotion waits")
