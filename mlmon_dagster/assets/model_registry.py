"""Stage 4: trains the model on the reference, or takes one along, and registers it with its reference profile."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mlmon_dagster.assets import callables
from mlmon_dagster.assets.attribution import attribution_files
from mlmon_dagster.assets.drift_segments import segment_files, segment_profiles
from mlmon_dagster.assets.expectation import expect
from mlmon_dagster.assets.expected import EXPECTATION
from mlmon_dagster.assets.joint import learned_files
from mlmon_dagster.assets.monitoring_basis import make_basis, needs_basis
from mlmon_dagster.assets.ports import Ports
from mlmon_dagster.assets.probabilities import probability_columns
from mlmon_dagster.assets.reference import as_windows, predicted, read_reference
from mlmon_dagster.assets.reference_profile import reference_profile
from mlmon_dagster.assets.reference_windows import Reference
from mlmon_dagster.assets.stage import CheckResult, StageResult, StageRun
from mlmon_dagster.drift.calibration import Calibration
from mlmon_dagster.drift.peers import Compatible
from mlmon_dagster.drift.profile import Profile
from mlmon_dagster.errors import InputError
from mlmon_dagster.governance.roles import MACHINE
from mlmon_dagster.lifecycle.models import register_model
from mlmon_dagster.plugins import unknown
from mlmon_dagster.ports import ModelVersion

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

    from mlmon_dagster.adapters.pipelines import Declared
    from mlmon_dagster.drift.estimation.expectation import Expectation
    from mlmon_dagster.pipeline.spec import Pipeline

CHECKS: Mapping[str, str] = {"reference": "The model gives one finite prediction for every row of the reference."}
"""Check name -> what it says, for every check that the stage always reports."""

PREDICTION = "prediction"
HOLDOUT = 0.2
"""Share of the reference, its newest rows, that performance is measured on by a model trained on the rows before."""


@dataclass(frozen=True)
class _Fitted:
    """A model, its inputs, and rows that it did not learn from with their predictions, where these are needed."""

    model: Any
    inputs: tuple[str, ...]
    unseen: "pa.Table | None" = None


def run(stage: StageRun, declared: "Declared", ports: Ports) -> StageResult:
    """Registers the model that the declaration and the reference give; the same again gives the same version.

    Raises `BlockedError` while windows of the reference are missing, `InputError` for a model whose inputs are
    unknown, `FailedError` with the line where the user's function fails.
    """

    conf = stage.pipeline.stages.model_registry
    table, windows = read_reference(stage)
    frame = table.to_pandas()
    fitted = _trained(stage, table, frame) if conf.train else _pretrained(stage, ports, table, frame)
    predictions = predicted(fitted.model, frame[list(fitted.inputs)])
    expectation, labelled = None, None
    if fitted.unseen is not None:
        expectation, labelled = expect(stage, table, predictions, fitted.unseen, fitted.inputs)
    scored = as_windows(stage.pipeline, table, predictions, fitted.inputs)
    columns = scored.select([*fitted.inputs, PREDICTION])
    performance = stage.pipeline.stages.model_monitoring.performance
    profile = reference_profile(columns, performance, labelled, exact=_needs_every_value(stage.pipeline))
    facts = {
        "pipeline": stage.pipeline.name,
        "reference": f"{windows[0]} to {windows[-1]}",
        "rows": str(len(frame)),
        "trained_by": conf.train or str(conf.uri),
    }
    version = ports.registry.register(
        fitted.model,
        name=conf.model,
        example=frame[list(fitted.inputs)],
        profile=profile.to_bytes(),
        facts=facts,
        files={
            **({EXPECTATION: expectation.to_bytes()} if expectation else {}),
            **learned_files(stage.pipeline, scored, fitted.inputs, profile),
            **attribution_files(stage.pipeline, fitted.model, frame[list(fitted.inputs)]),
        },
    )
    calibrations = _attach_basis(stage, ports, version, profile, scored, windows)
    register_model(ports.governance, stage.pipeline, version, actor=MACHINE)
    stage.log(f"{version.name} version {version.number} has digest {version.digest[:12]}")
    metrics = {"rows": float(len(frame)), "features": float(len(fitted.inputs)), **_performance(expectation)}
    metrics |= {
        f"variation.{monitor}.{column}": curve.variation
        for monitor, calibration in calibrations.items()
        for column, curve in calibration.columns.items()
    }
    return StageResult(
        version.digest,
        metrics,
        (CheckResult("reference", "ok", f"{len(frame)} rows of {len(windows)} windows have a finite prediction"),),
        {
            "model": version.name,
            "version": version.number,
            "digest": version.digest,
            "uri": version.uri,
            "inputs": list(version.inputs),
            "reference": facts["reference"],
        },
    )


def _needs_every_value(pipeline: "Pipeline") -> bool:
    """Whether a monitor asks for another library's numbers, which no profile in bins can give."""
    monitors = pipeline.stages.model_monitoring.monitors.values()
    return any(isinstance(monitor.method, Compatible) for monitor in monitors)


def _attach_basis(
    stage: StageRun,
    ports: Ports,
    version: ModelVersion,
    profile: Profile,
    scored: "pa.Table",
    windows: Sequence[str],
) -> Mapping[str, Calibration]:
    """Keeps beside the version what monitors with segments, an alarm budget or a season need of the reference."""
    segments = segment_profiles(stage.pipeline, scored, profile, exact=_needs_every_value(stage.pipeline))
    files = segment_files(stage.pipeline, segments)
    calibrations: Mapping[str, Calibration] = {}
    if needs_basis(stage.pipeline):
        reference = Reference.cut(stage, scored, windows, profile, segments, version.inputs)
        made, calibrations = make_basis(stage.pipeline, reference)
        files |= made
    if files:
        ports.registry.attach(version, files)
        stage.log(f"{len(files)} files for monitors are kept beside version {version.number}")
    for name, calibration in calibrations.items():
        for reason in calibration.refused.values():
            stage.log(f"monitor {name} will not judge {reason}")
    return calibrations


def _trained(stage: StageRun, table: "pa.Table", frame: "pd.DataFrame") -> _Fitted:
    """Trained twice where performance is declared: on the older rows to be measured on the newer, then on all."""
    train = str(stage.pipeline.stages.model_registry.train)
    unseen = None
    if stage.pipeline.stages.model_monitoring.performance is not None:
        time = str(stage.pipeline.stages.data_ingestion.source.rows.time)
        order = frame[time].argsort(kind="stable").to_numpy()
        older, newer = order[: -_holdout(len(frame))], order[-_holdout(len(frame)) :]
        model = callables.call(train, stage.directory, frame.iloc[older])
        unseen = _scored(table.take(newer), model, frame.iloc[newer][list(_inputs(model, frame))])
    model = callables.call(train, stage.directory, frame)
    return _Fitted(model, _inputs(model, frame), unseen)


def _pretrained(stage: StageRun, ports: Ports, table: "pa.Table", frame: "pd.DataFrame") -> _Fitted:
    uri = str(stage.pipeline.stages.model_registry.uri)
    local = "://" not in uri and not uri.startswith(("models:/", "runs:/"))
    found = ports.registry.pretrained(str(stage.directory / uri) if local else uri)
    inputs = _known(found.inputs, frame)
    declared = stage.pipeline.stages.model_monitoring.performance
    return _Fitted(found.model, inputs, _scored(table, found.model, frame[list(inputs)]) if declared else None)


def _inputs(model: Any, frame: "pd.DataFrame") -> tuple[str, ...]:
    names = getattr(model, "feature_names_in_", None)
    if not callable(getattr(model, "predict", None)) or names is None:
        raise InputError(
            f"the training function returned {type(model).__name__}, which does not say which columns it takes",
            hint="return a scikit-learn model that was fitted on a DataFrame, so that it has feature_names_in_",
        )
    return _known(tuple(map(str, names)), frame)


def _known(names: Sequence[str], frame: "pd.DataFrame") -> tuple[str, ...]:
    columns = tuple(map(str, frame.columns))
    missing = "; ".join(unknown("column", name, columns) for name in names if name not in columns)
    if missing:
        raise InputError(
            f"[SCHEMA] the model takes columns that the features do not have: {missing}",
            hint="declare them in `feature_store: {features: ...}`, or take a model of these features",
        )
    return tuple(names)


def _scored(table: "pa.Table", model: Any, inputs: "pd.DataFrame") -> "pa.Table":
    """The rows as batch inference keeps them: with their prediction, and probabilities where the model gives them."""
    import pyarrow as pa

    rows = table.append_column(PREDICTION, pa.array(predicted(model, inputs)))
    for name, values in probability_columns(model, inputs).items():
        rows = rows.append_column(name, pa.array(values))
    return rows


def _performance(expectation: "Expectation | None") -> Mapping[str, float]:
    """`performance.<metric>` on the reference."""
    return {f"performance.{name}": one.value for name, one in expectation.metrics.items()} if expectation else {}


def _holdout(rows: int) -> int:
    return max(1, round(rows * HOLDOUT))
