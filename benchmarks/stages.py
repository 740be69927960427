"""What a Dagster run costs beside the pure work of its stage: the data stages of the house prices, window by window.

Prints one JSON object: stage -> milliseconds a window of pure work, in one run for each window, in one run for all.
"""

import json
import os
import statistics
import tempfile
import time
from collections.abc import Callable
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

WINDOWS = 12
STAGES = ("data_ingestion", "data_preparation", "feature_store")
PIPELINES = Path(__file__).parent.parent / "pipelines"


def main() -> None:
    with tempfile.TemporaryDirectory() as home:
        os.environ.update(MLMON_HOME=home, MLMON_PIPELINES=str(PIPELINES), DAGSTER_HOME=str(PIPELINES.parent))
        print(json.dumps(measured()))


def measured() -> dict[str, list[float]]:
    """Milliseconds a window by stage."""
    from mlmon_dagster.assets.catalogue import SHARED
    from mlmon_dagster.assets.ports import open_ports
    from mlmon_dagster.assets.stage import StageRun
    from mlmon_dagster.cli._runner import Runner, open_instance, open_pipelines
    from mlmon_dagster.definitions import build_resources
    from mlmon_dagster.pipeline.stages import StageKey
    from mlmon_dagster.settings import read_settings

    settings = read_settings()
    with open_instance(settings) as instance:
        runner = Runner(open_pipelines(["house_prices"], settings), settings, instance)
        declared = runner.declared["house_prices"]
        ports = open_ports(Resources(build_resources(settings)))
        windows = [declared.pipeline.windows.at(declared.pipeline.windows.first)]
        while len(windows) < WINDOWS:
            windows.append(declared.pipeline.windows.at(windows[-1].end))
        found = {}
        for stage in [one for name in STAGES for one in SHARED if one.name == name]:
            key = StageKey("house_prices", None, stage.name)

            def pure(window: Any, stage: Any = stage, key: StageKey = key) -> None:
                now = datetime.now(timezone.utc)
                directory = declared.file.parent
                run = StageRun(declared.pipeline, key, window, directory, settings, ports.outputs, now, lambda _: None)
                stage.run(run, declared, ports)

            name = f"house_prices/{stage.name}"
            alone = each(windows, pure)
            runs = each(windows, lambda window, name=name: runner.run([name], window.key))
            start = time.perf_counter()
            runner.run([name], windows[0].key, windows[-1].key)
            found[stage.name] = [alone, runs, (time.perf_counter() - start) / WINDOWS * 1000]
        return found


class Resources:
    """Resources as attributes, as a stage's context has them."""

    def __init__(self, resources: Any) -> None:
        self.__dict__.update(resources)


def each(windows: list[Any], work: Callable[[Any], object]) -> float:
    """Median milliseconds of the work on one window."""
    taken = []
    for window in windows:
        start = time.perf_counter()
        work(window)
        taken.append((time.perf_counter() - start) * 1000)
    return statistics.median(taken)


if __name__ == "__main__":
    main()
