"""A pipeline of one feature that is registered and monitored without a server, over a real registry and store."""

import dataclasses
from datetime import datetime, timedelta, timezone
from typing import Any

import numpy as np
import pyarrow as pa

from mlmon_dagster.assets import model_monitoring, model_registry
from mlmon_dagster.assets.ports import Ports
from mlmon_dagster.assets.stage import StageResult, StageRun
from mlmon_dagster.drift.monitor import parse_monitor
from mlmon_dagster.lifecycle.records import record_result
from mlmon_dagster.pipeline import spec
from mlmon_dagster.pipeline.deployment import EnvironmentDeployment, ModelDeployment
from mlmon_dagster.pipeline.monitoring import ModelMonitoring
from mlmon_dagster.pipeline.serving import ModelInferencing
from mlmon_dagster.pipeline.source import Rows, Source
from mlmon_dagster.pipeline.stages import BATCH, StageKey
from mlmon_dagster.pipeline.windows import Windows

MODEL = """
def train(rows):
    from sklearn.linear_model import LinearRegression
    return LinearRegression().fit(rows[["size"]], rows["size"] * 2)
"""
START = datetime(2026, 1, 5, tzinfo=timezone.utc)
REFERENCE_DAYS = 14
FIRST = (START + timedelta(days=REFERENCE_DAYS)).strftime("%Y-%m-%d")


def features(day: int, rows: int = 100, shift: float = 0.0, weekend: float = 0.0) -> pa.Table:
    moment = START + timedelta(days=day)
    random = np.random.default_rng(day)
    level = shift + (weekend if moment.weekday() >= 5 else 0.0)
    return pa.table({"id": [f"{day}-{row}" for row in range(rows)], "size": random.normal(50 + level, 10, rows)})


@dataclasses.dataclass(frozen=True)
class Declared:
    pipeline: spec.Pipeline
    digest: str = "f" * 64


@dataclasses.dataclass(frozen=True)
class World:
    """A pipeline of one feature whose windows are judged without a server: predictions are written as batch would."""

    directory: Any
    ports: Ports
    monitors: dict[str, Any]
    segments: dict[str, str] = dataclasses.field(default_factory=dict)
    engine: Any = None

    @property
    def pipeline(self) -> spec.Pipeline:
        stages = spec.Stages(
            spec.DataIngestion(Source(None, Rows(time="day", key=("id",)))),  # type: ignore[arg-type]
            spec.DataPreparation(),
            spec.FeatureStore(key=("id",)),
            spec.ModelRegistry("flats", spec.ReferencePeriod(FIRST), train="flats_model:train"),
            ModelDeployment(dev=EnvironmentDeployment(None)),
            ModelInferencing(),
            ModelMonitoring(
                {name: parse_monitor(name, raw) for name, raw in self.monitors.items()},
                segments=self.segments,
                engine=self.engine,
            ),
            spec.CicdEnforcement(),
        )
        return spec.Pipeline("flats", "homes", "team:homes", Windows("daily", start="2026-01-05"), stages)

    def declaring(self, **monitors: Any) -> "World":
        return dataclasses.replace(self, monitors=monitors)

    def run(self, function: Any, key: StageKey, window: str | None = None) -> StageResult:
        stage = StageRun(
            pipeline=self.pipeline,
            key=key,
            window=self.pipeline.windows.window(window) if window else None,
            directory=self.directory,
            settings=self.ports.settings,
            outputs=self.ports.outputs,
            now=START,
            log=lambda text: None,
        )
        result: StageResult = function(stage, Declared(self.pipeline), self.ports)
        record_result(self.ports.governance, key, window, result, START)
        return result

    def register(self, weekend: float = 0.0) -> int:
        for day in range(REFERENCE_DAYS):
            key = StageKey("flats", None, "feature_store")
            name = (START + timedelta(days=day)).strftime("%Y-%m-%d")
            self.ports.outputs.write(key, name, features(day, weekend=weekend), inputs={})
        return int(self.run(model_registry.run, StageKey("flats", None, "model_registry")).facts["version"])

    def judge(self, day: int, version: int, **made: Any) -> StageResult:
        """The verdict on the window `day` days after the reference began."""
        table = features(day, **made)
        table = table.append_column("prediction", pa.array(np.asarray(table["size"]) * 2))
        name = (START + timedelta(days=day)).strftime("%Y-%m-%d")
        self.ports.outputs.write(StageKey("flats", "dev", BATCH), name, table, inputs={}, facts={"version": version})
        return self.run(model_monitoring.run, StageKey("flats", "dev", "model_monitoring"), name)
