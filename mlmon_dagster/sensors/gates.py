"""The promotion gate: asks for the deployment run of every promotion whose gate is open."""

from collections.abc import Iterator, Mapping

import dagster as dg

from mlmon_dagster.adapters.pipelines import Declared
from mlmon_dagster.lifecycle.queries import gate_verdict, pending_promotions
from mlmon_dagster.pipeline.stages import StageKey
from mlmon_dagster.settings import Settings


def promotion_gate_sensor(
    pipelines: Mapping[str, Declared], settings: Settings, suffix: str = ""
) -> dg.SensorDefinition:
    """Reads the pending promotions with one query and judges each gate; the deployment stage judges it again."""

    @dg.sensor(
        name=f"promotion_gate{suffix}",
        target=dg.AssetSelection.all(),
        minimum_interval_seconds=30,
        default_status=dg.DefaultSensorStatus.RUNNING,
        required_resource_keys={"database"},
        description="Starts the deployment of every promotion whose gate is open.",
    )
    def promotion_gate(context: dg.SensorEvaluationContext) -> Iterator[dg.RunRequest | dg.SkipReason]:
        governance = context.resources.database.governance()
        waiting = [
            promotion
            for promotion in pending_promotions(governance)
            if promotion.pipeline in pipelines and promotion.environment in settings.environments
        ]
        opened = [one for one in waiting if gate_verdict(governance, pipelines[one.pipeline], one).open]
        for promotion in opened:
            key = StageKey(promotion.pipeline, promotion.environment, "model_deployment")
            yield dg.RunRequest(
                run_key=f"promote:{promotion.id}",
                asset_selection=[dg.AssetKey(key.parts)],
                tags={"mlmon/promotion": promotion.id},
            )
        if not opened:
            yield dg.SkipReason(f"{len(waiting)} promotions wait, no gate is open" if waiting else "no promotion waits")

    return promotion_gate
