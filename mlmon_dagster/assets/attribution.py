"""The check `attribution_drift`: whether the model still leans on the features that it leaned on in the reference."""

from functools import lru_cache
from typing import TYPE_CHECKING, Any, cast

from mlmon_dagster.assets.ports import Ports
from mlmon_dagster.assets.stage import CheckResult, StageRun
from mlmon_dagster.drift.attribution import Attribution, attribution_drift
from mlmon_dagster.drift.packing import pack, unpack
from mlmon_dagster.errors import InputError
from mlmon_dagster.pipeline.monitoring import ATTRIBUTION
from mlmon_dagster.pipeline.spec import Pipeline
from mlmon_dagster.ports import ModelVersion

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow

FILE = "attribution.zip"
"""The file of a model version that holds the reference's attributions."""

BACKGROUND = 50
"""Rows of the reference that a feature is left out by: the input example of the model."""

NAMED = 3


def attribution_files(pipeline: Pipeline, model: Any, inputs: "pd.DataFrame") -> dict[str, bytes]:
    """The reference's attributions, where `attribution` is declared; `inputs` are its rows as the model takes them."""
    from mlmon_dagster.adapters.shap import attribution

    declared = pipeline.stages.model_monitoring.attribution
    if declared is None:
        return {}
    found = attribution(model, inputs.head(BACKGROUND), _some(inputs, declared.rows))
    return {FILE: pack({"features": {name: repr(value) for name, value in found.features.items()}}, {})}


def attribution_checks(
    stage: StageRun, ports: Ports, version: ModelVersion, rows: "pyarrow.Table"
) -> list[CheckResult]:
    """The check of one window; none where it is not declared."""
    from mlmon_dagster.adapters.shap import attribution

    declared = stage.pipeline.stages.model_monitoring.attribution
    if declared is None:
        return []
    names = list(version.inputs)
    try:
        frame = rows.select(names).to_pandas().dropna()
        if len(frame) < declared.minimum_rows:
            reason = f"{len(frame)} complete rows, at least {declared.minimum_rows} are needed"
            return [CheckResult(ATTRIBUTION, "insufficient" if rows.num_rows else "no_data", reason)]
        registry = cast(Any, ports.registry)
        reference, model, example = _kept(registry, version)
        now = attribution(model, example[names], _some(frame, declared.rows))
        found = attribution_drift(reference, now)
    except (InputError, KeyError) as error:
        return [CheckResult(ATTRIBUTION, "error", str(error))]
    metrics = {"drift.attribution": found.value} | {f"attribution.{name}": share for name, share in now.shares.items()}
    told = ", ".join(f"{name} {change:+.0%}" for name, change in list(found.moved.items())[:NAMED])
    drifted = found.value > declared.threshold
    said = "leans on other features than on the reference" if drifted else "leans on the features it leaned on"
    reason = f"the model {said}: 1 - NDCG is {found.value:.3g}, the limit {declared.threshold:g} (shares: {told})"
    return [CheckResult(ATTRIBUTION, "drift" if drifted else "ok", reason, metrics)]


@lru_cache(maxsize=4)
def _kept(registry: Any, version: ModelVersion) -> tuple[Attribution, Any, Any]:
    """The reference's attributions, the fitted model and its example: a version never changes."""
    about, _ = unpack(registry.file(version, FILE), "the attributions of a reference")
    known = Attribution({name: float(value) for name, value in about["features"].items()})
    return known, registry.native(version), registry.example(version)


def _some(frame: "pd.DataFrame", rows: int) -> "pd.DataFrame":
    """At most so many complete rows, spread evenly."""
    import numpy as np

    complete = frame.dropna()
    return complete.iloc[np.unique(np.linspace(0, max(len(complete) - 1, 0), min(rows, len(complete))).astype(int))]
