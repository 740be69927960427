"""Stage 6 on a declared folder: every Parquet file that came and is not scored yet, by the version that is live."""

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlmon_dagster.assets.model_inferencing import live_version
from mlmon_dagster.assets.ports import Ports
from mlmon_dagster.assets.stage import CheckResult, StageResult, StageRun
from mlmon_dagster.errors import BlockedError, MlmonError
from mlmon_dagster.pipeline.serving import FolderInferencing
from mlmon_dagster.pipeline.spec import Pipeline

if TYPE_CHECKING:
    from mlmon_dagster.adapters.batch.folder import BatchFolder, DoneFile

CHECKS = {"files": "Every file of the input folder is scored."}
NAMED = 5
"""Files that a failed check names."""


def run(stage: StageRun, ports: Ports) -> StageResult:
    """Scores what is new, and goes on where it was cut off: a file that is done and has not changed stays as it is.

    Raises `BlockedError` when nothing is live, `MissingError` without the input folder.
    """
    from mlmon_dagster.adapters.batch.folder import BatchFolder
    from mlmon_dagster.adapters.batch.scorer import BatchScorer

    declared = folder_of(stage.pipeline)
    version = live_version(stage, ports)
    registry: Any = ports.registry
    with tempfile.TemporaryDirectory(prefix="mlmon-", dir=stage.settings.home) as temporary:
        directory = Path(temporary) / "model"
        registry.export(version, directory)
        scorer = BatchScorer.open(directory, version.number, version.digest)
        folder = BatchFolder(stage.directory / declared.input, stage.directory / declared.output, scorer)
        known = folder.done if declared.rescore else folder.recorded
        new = [file for file in folder.files() if known(file) is None]
        done, failed = _scored(stage.pipeline, folder, directory, new)
    stage.log(f"{len(done)} of {len(new)} new files in {folder.source} were scored by version {version.number}")
    facts = {"version": version.number, "digest": version.digest, "input": str(folder.source)}
    return StageResult(
        version.digest, _metrics(done, len(failed)), (_check(done, failed),), {**facts, "output": str(folder.target)}
    )


def folder_of(pipeline: Pipeline) -> FolderInferencing:
    """The declared folder; `BlockedError` where there is none."""
    declared = pipeline.stages.model_inferencing.folder
    if declared is None:
        raise BlockedError(
            f"{pipeline.name} declares no folder to score",
            hint="model_inferencing: {folder: {input: incoming, output: scored}}",
        )
    return declared


def _scored(
    pipeline: Pipeline, folder: "BatchFolder", model: Path, files: list[Path]
) -> "tuple[list[DoneFile], dict[str, str]]":
    """What became of each file, and why some could not be scored; on Spark where that is the pipeline's engine."""
    from mlmon_dagster.adapters.engines.spark import Spark

    engine = pipeline.stages.model_monitoring.engine
    if isinstance(engine, Spark) and files:
        from mlmon_dagster.adapters.batch.spark import score_files_on_spark

        return score_files_on_spark(engine.session(), folder, model, files)
    done, failed = [], {}
    for file in files:
        try:
            done.append(folder.score(file))
        except MlmonError as error:
            failed[str(file.relative_to(folder.source))] = error.message
    return done, failed


def _metrics(done: "list[DoneFile]", failed: int) -> dict[str, float]:
    rows = sum(one.rows for one in done)
    found = {
        "files": float(len(done)),
        "files_failed": float(failed),
        "rows": float(rows),
        "rows_set_aside": float(sum(one.set_aside for one in done)),
    }
    if rows:
        total = sum(one.drift_score * one.rows for one in done if one.drift_score is not None)
        found |= {"drift_score.mean": total / rows, "drift_score.high": sum(one.high for one in done) / rows}
    return found


def _check(done: "list[DoneFile]", failed: dict[str, str]) -> CheckResult:
    if failed:
        told = "; ".join(f"{name}: {why}" for name, why in list(failed.items())[:NAMED])
        return CheckResult("files", "error", f"{len(failed)} files could not be scored: {told}")
    rows = sum(one.rows for one in done)
    return CheckResult("files", "ok", f"{len(done)} new files with {rows} rows were scored" if done else "nothing new")
