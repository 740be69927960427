"""Fleets of any size for the benchmarks: pipeline files, and a bare Dagster project with as many assets."""

import sys
from pathlib import Path

BODY = """\
pipeline: model_{number:04d}
project: project_{shard:02d}
owner: team:fleet
windows: daily
stages:
  data_ingestion: {{source: {{use: file, path: data.csv, time: at, key: [id]}}}}
  data_preparation: {{schema: {{value: {{type: float, minimum: 0}}, kind: {{type: string, nullable: true}}}}}}
  feature_store: {{features: {{double: "value * 2"}}, key: [id]}}
  model_registry: {{model: model_{number:04d}, train: "fleet.model:train", reference: {{until: 2024-01-01}}}}
  model_deployment: {{dev: {{target: local}}, staging: {{target: local}}, prod: {{target: local}}}}
  model_inferencing: {{batch: {{each: window}}}}
  model_monitoring:
    monitors:
      inputs: {{use: auto, columns: all}}
      prediction: {{use: ks, column: prediction, threshold: 0.1}}
  cicd_enforcement: {{lock: [model_registry]}}
"""

BARE = """\
import dagster as dg

P = dg.DailyPartitionsDefinition("2020-01-01")


def asset(key, up, partitioned):
    checks = [dg.AssetCheckSpec("ok", asset=key)]

    @dg.asset(key=key, deps=up, partitions_def=P if partitioned else None, check_specs=checks)
    def one(context):
        return dg.MaterializeResult(check_results=[dg.AssetCheckResult(check_name="ok", passed=True)])

    return one


assets = []
for number in range({pipelines}):
    for place in range({assets}):
        key = [f"model_{{number:04d}}", f"stage_{{place}}"]
        up = [assets[-1].key] if place else []
        assets.append(asset(key, up, place % 2 == 0))
defs = dg.Definitions(assets=assets)
"""

ASSETS_PER_PIPELINE = 19


def write_fleet(folder: Path, pipelines: int) -> None:
    """Pipeline files under `folder/pipelines`, and `folder/bare.py` with as many assets and no product."""
    for number in range(pipelines):
        directory = folder / "pipelines" / f"model_{number:04d}"
        directory.mkdir(parents=True)
        (directory / "pipeline.yaml").write_text(BODY.format(number=number, shard=number // 100))
    (folder / "bare.py").write_text(BARE.format(pipelines=pipelines, assets=ASSETS_PER_PIPELINE))


if __name__ == "__main__":
    write_fleet(Path(sys.argv[1]), int(sys.argv[2]))
