"""`mlmon` as a person meets it: run in this process, with its answers and exit code."""

import io
import json
import sys
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from mlmon_dagster.adapters.database.opening import open_database
from mlmon_dagster.cli import main
from mlmon_dagster.lifecycle.governance import Governance

PIPELINE = """
pipeline: prices
project: pricing
owner: team:pricing
windows: weekly
stages:
  data_ingestion: {source: {use: file, path: sales.csv, time: date, key: [id]}}
  data_preparation: {}
  feature_store: {}
  model_registry: {model: prices, train: "prices.model:train", reference: {until: 2014-11-01}}
  model_deployment:
    dev: {target: local}
    staging: {target: local}
    prod: {target: local}
  model_inferencing: {}
  model_monitoring:
    monitors: {inputs: {use: auto, columns: all}}
    channels: [console]
  cicd_enforcement: {}
"""

CAST = {"mia": "ml_engineer", "pia": "production_team", "sue": "model_sponsor", "max": "monitoring_team"}


@dataclass(frozen=True)
class Answer:
    code: int
    out: str
    err: str

    @property
    def document(self) -> Any:
        return json.loads(self.out)


@dataclass(frozen=True)
class Office:
    """A folder with one pipeline, and `mlmon` in it."""

    folder: Path

    def __call__(self, *arguments: str, encoding: str = "utf-8", **environ: str) -> Answer:
        """Runs the command in this process, as the console script does; a traceback would fail the test."""
        out, err = (io.TextIOWrapper(io.BytesIO(), encoding=encoding) for _ in range(2))
        with pytest.MonkeyPatch.context() as patch, redirect_stdout(out), redirect_stderr(err):
            patch.chdir(self.folder)
            patch.setattr(sys, "argv", ["mlmon", *arguments])
            for name in (
                "MLMON_ACTOR",
                "MLMON_HOME",
                "MLMON_PIPELINES",
                "MLMON_DATABASE_URL",
                "MLMON_URL",
                "MLMON_TOKEN",
            ):
                patch.delenv(name, raising=False)
            for name, value in environ.items():
                patch.setenv(name, value)
            with pytest.raises(SystemExit) as left:
                main()
        return Answer(int(left.value.code or 0), _text(out), _text(err))

    @property
    def governance(self) -> Governance:
        from datetime import datetime, timezone

        database = open_database(f"sqlite:///{self.folder}/.mlmon/mlmon.db")
        return Governance(database.ledger, database.judgements, database.metrics, lambda: datetime.now(timezone.utc))

    @property
    def declared(self) -> Any:
        from mlmon_dagster.adapters.pipelines import load_pipelines

        return load_pipelines(self.folder / "pipelines", {})["prices"]


def _text(stream: io.TextIOWrapper) -> str:
    stream.flush()
    assert isinstance(stream.buffer, io.BytesIO)
    return stream.buffer.getvalue().decode(stream.encoding)
