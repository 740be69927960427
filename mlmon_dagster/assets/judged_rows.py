"""The predictions of a window that monitoring judges: those of batch inference, or those that live servers logged."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from mlmon_dagster.adapters.prediction_log.destinations import Destination, destination_of, place_of
from mlmon_dagster.adapters.prediction_log.reading import read_predictions
from mlmon_dagster.assets.stage import StageRun
from mlmon_dagster.errors import BlockedError, DataError
from mlmon_dagster.lifecycle.outputs import digest_of, encode
from mlmon_dagster.pipeline.stages import BATCH

if TYPE_CHECKING:
    import pyarrow as pa

    from mlmon_dagster.pipeline.windows import Window


@dataclass(frozen=True)
class JudgedRows:
    """Features, `prediction` and `model_version` of one version's predictions in a window."""

    rows: "pa.Table"
    version: int
    digest: str
    others: int = 0
    """Predictions of the window that another version gave; they are counted and not judged."""


def judged_rows(stage: StageRun) -> JudgedRows:
    """What the declaration says is judged; `BlockedError` while there is none of it."""
    assert stage.window is not None  # noqa: S101 - the asset is partitioned by window
    if stage.pipeline.stages.model_monitoring.predictions == "realtime":
        return _logged(stage, stage.window)
    scored = stage.outputs.output(stage.beside(BATCH), stage.window.key)
    if scored is None:
        raise BlockedError(
            f"window {stage.window.key} has no predictions in {stage.key.environment}",
            hint=f"materialise {stage.beside(BATCH)} for that window first",
        )
    rows = stage.outputs.read(stage.beside(BATCH), stage.window.key)
    return JudgedRows(rows, int(scored.facts["version"]), scored.digest)


def _logged(stage: StageRun, window: "Window") -> JudgedRows:
    """The rows of the version that gave most of the window's predictions."""
    import pyarrow.compute as pc

    directory, shipped = log_of(stage)
    model = stage.pipeline.stages.model_registry.model
    found = read_predictions(directory, shipped, model, window.start, window.end)
    if found is None or not found.num_rows:
        raise BlockedError(
            f"no prediction of {model} was logged in window {window.key} in {stage.key.environment}",
            hint=f"look at what is live (mlmon deployments), and whether its log is in {directory}",
        )
    counts = {one["values"]: one["counts"] for one in pc.value_counts(found["model_version"]).to_pylist()}
    version = max(counts, key=lambda number: (counts[number], number))
    rows = flat(found.filter(pc.equal(found["model_version"], version)))
    return JudgedRows(rows, version, digest_of(encode(rows)), found.num_rows - rows.num_rows)


def log_of(stage: StageRun) -> "tuple[Path, Destination]":
    """The folder in which the environment's servers log, and where they ship it."""
    directory = stage.settings.serving / stage.pipeline.name / str(stage.key.environment) / "predictions"
    return directory, destination_of(place_of(stage.pipeline.stages.model_inferencing.realtime.log, directory))


def flat(logged: "pa.Table") -> "pa.Table":
    """Logged rows with their features as columns; `DataError` where a feature has the name of a column of the log."""
    features = logged["features"].combine_chunks()
    names = [field.name for field in features.type]
    own = ("request_id", "predicted_at", "prediction", "model_version")
    if clash := sorted(set(names) & set(own)):
        raise DataError(f"features called {', '.join(clash)} cannot be told from the log's own columns")
    columns = {name: logged[name] for name in own[:2]}
    columns |= {name: features.field(place) for place, name in enumerate(names)}
    import pyarrow as pa

    return pa.table({**columns, **{name: logged[name] for name in own[2:]}})
