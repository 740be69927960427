"""Runs of the data stages on a small pipeline of daily windows."""

import json
from dataclasses import replace
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from mlmon_dagster.adapters.local.object_store import FileObjectStore
from mlmon_dagster.assets.stage import StageRun
from mlmon_dagster.lifecycle.outputs import Outputs
from mlmon_dagster.pipeline.spec import Pipeline
from mlmon_dagster.pipeline.stages import StageKey
from mlmon_dagster.plugins import adapter
from mlmon_dagster.settings import read_settings

SCHEMA = {"price": {"type": "float", "minimum": 1}, "rooms": {"type": "integer", "maximum": 20, "nullable": True}}
FEATURES = {"price_per_room": "price / rooms", "expensive": "price_per_room > 100"}


def pipeline(**stages: Any) -> Pipeline:
    """The small pipeline, with keys of some stages replaced."""
    declared: dict[str, Any] = {
        "data_ingestion": {"source": {"use": "file", "path": "sales.parquet", "time": "sold", "key": ["id"]}},
        "data_preparation": {"schema": SCHEMA},
        "feature_store": {"features": FEATURES, "key": ["id"]},
        "model_registry": {"model": "sales", "uri": "models:/sales/1", "reference": {"until": "2024-02-01"}},
        "model_deployment": {"dev": {"target": "local"}},
        "model_inferencing": {},
        "model_monitoring": {"monitors": {"price": {"use": "ks", "column": "price"}}},
        "cicd_enforcement": {},
    }
    for name, keys in stages.items():
        declared[name] = {**declared[name], **keys}
    body = {
        "pipeline": "sales",
        "project": "pricing",
        "owner": "team:pricing",
        "windows": {"every": "daily", "start": "2024-01-01"},
        "stages": declared,
    }
    parsed: Pipeline = adapter(Pipeline).validate_json(json.dumps(body))
    return parsed


def stage_run(folder: Path, stage: str, window: str = "2024-01-02", **stages: Any) -> StageRun:
    """One run of one stage; sources are read from `folder`, outputs kept below it."""
    declared = pipeline(**stages)
    return StageRun(
        pipeline=declared,
        key=StageKey("sales", None, stage),
        window=declared.windows.window(window),
        directory=folder,
        settings=read_settings({}, folder),
        outputs=Outputs(FileObjectStore(folder / "store")),
        now=datetime(2024, 6, 1, tzinfo=timezone.utc),
        log=lambda message: None,
    )


def with_rows(run: StageRun, **columns: list[Any]) -> StageRun:
    """Writes the source file; rows that do not say otherwise are sold in the window's first hour."""
    count = len(next(iter(columns.values())))
    table = {"id": list(range(count)), "sold": [f"2024-01-02T00:{n % 60:02d}:00" for n in range(count)]} | columns
    pq.write_table(pa.table(table), run.directory / "sales.parquet")
    return run


def next_stage(run: StageRun, stage: str) -> StageRun:
    """The same run, one stage on."""
    return replace(run, key=replace(run.key, stage=stage))
