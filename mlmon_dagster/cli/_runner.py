"""Materialises stages in this process, recorded in the Dagster instance as if its UI had started them."""

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import dagster as dg

from mlmon_dagster.adapters.pipelines import Declared, load_pipelines
from mlmon_dagster.assets.partitions import accepted_previews
from mlmon_dagster.definitions import build_pipeline_defs, build_resources
from mlmon_dagster.errors import InputError, MissingError
from mlmon_dagster.lifecycle.governance import Governance
from mlmon_dagster.plugins import unknown
from mlmon_dagster.resources.database import DatabaseResource
from mlmon_dagster.settings import Settings

QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}
"""Dagster's own log lines stay in its event log; the terminal shows what happened in our words."""


@dataclass(frozen=True)
class JudgedCheck:
    """One check evaluation of a run."""

    stage: str
    name: str
    window: str | None
    passed: bool
    reason: str


@dataclass(frozen=True)
class RunReport:
    """What one run did: whether it succeeded, why not, and every check it evaluated."""

    run_id: str
    succeeded: bool
    failures: Mapping[str, str] = field(default_factory=dict)
    """Stage -> the reason it failed."""
    checks: tuple[JudgedCheck, ...] = ()
    metadata: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """Stage -> the metadata of its last materialisation."""
    rows: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    """Stage -> how many rows each of its materialisations has: one for each window."""

    @property
    def green(self) -> bool:
        """Succeeded with every check passed."""
        return self.succeeded and all(check.passed for check in self.checks)


@contextmanager
def open_instance(settings: Settings) -> Iterator[dg.DagsterInstance]:
    """The Dagster instance: `DAGSTER_HOME`, else `dagster.yaml` here, else the same file as shipped."""
    home = os.environ.get("DAGSTER_HOME")
    folder = Path(home) if home else Path.cwd()
    if not (folder / "dagster.yaml").is_file():
        folder = Path(__file__).parent.parent / "templates"
    settings.home.mkdir(parents=True, exist_ok=True)
    os.environ.setdefault("DAGSTER_HOME", str(folder))
    with dg.DagsterInstance.from_config(str(folder)) as instance:
        yield instance


class Runner:
    """Runs selected stages of some pipelines, window by window or over a range of windows."""

    def __init__(self, declared: Sequence[Declared], settings: Settings, instance: dg.DagsterInstance) -> None:
        self.settings, self.instance = settings, instance
        self.reload(declared)
        self._cursors: dict[str, str | None] = {}

    def reload(self, declared: Sequence[Declared]) -> None:
        """Takes these declarations from now on."""
        self.declared = {one.pipeline.name: one for one in declared}
        self.definitions = build_pipeline_defs(declared, self.settings)
        with accepted_previews():
            self.job = self.definitions.resolve_implicit_global_asset_job_def()
        self.keys = sorted(key.to_user_string() for key in self.job.asset_layer.executable_asset_keys)

    def governance(self) -> Governance:
        """Governance as the stages of these definitions see it."""
        database = build_resources(self.settings)["database"]
        assert isinstance(database, DatabaseResource)  # noqa: S101 - built one line above
        return database.governance()

    def select(self, patterns: Sequence[str]) -> list[str]:
        """Stages that match; a `*` matches any part. `MissingError` names the nearest stages."""
        selected: list[str] = []
        for pattern in patterns:
            found = [key for key in self.keys if fnmatchcase(key, pattern) and key.count("/") == pattern.count("/")]
            if not found:
                raise MissingError(unknown("stage", pattern, tuple(self.keys)))
            selected += [key for key in found if key not in selected]
        return selected

    def windowed(self, key: str) -> bool:
        """Whether the stage works on windows."""
        return self.job.asset_layer.get(dg.AssetKey(key.split("/"))).partitions_def is not None

    def run(self, stages: Sequence[str], first: str | None = None, last: str | None = None) -> RunReport:
        """One run of the stages: on one window, on the range `first..last`, or on none."""
        needs_window = [key for key in stages if self.windowed(key)]
        if needs_window and first is None:
            raise InputError(
                f"{needs_window[0]} works on windows", hint="name one: --window 2014-11-03, or a range FIRST..LAST"
            )
        if first and not needs_window:
            first = last = None
        windows = self.declared[stages[0].split("/")[0]].pipeline.windows
        starts = [windows.window(key).start for key in (first, last) if key]
        if starts != sorted(starts):
            raise InputError(f"the range {first}..{last} ends before it begins", hint=f"did you mean {last}..{first}?")
        ranged = (
            {"dagster/asset_partition_range_start": first, "dagster/asset_partition_range_end": last} if last else {}
        )
        result = self.job.execute_in_process(
            asset_selection=[dg.AssetKey(key.split("/")) for key in stages],
            partition_key=first if first and not last else None,
            tags={name: value for name, value in ranged.items() if value},
            instance=self.instance,
            raise_on_error=False,
            run_config=QUIET,
        )
        return _report(result)

    def tick(self, sensor: str) -> list[RunReport]:
        """Evaluates a sensor once, as the daemon does, and carries out the runs that it asks for."""
        definition = self.definitions.resolve_sensor_def(sensor)
        with dg.build_sensor_context(
            instance=self.instance,
            cursor=self._cursors.get(sensor),
            definitions=self.definitions,
            resources=dict(self.definitions.resources or {}),
        ) as context:
            seen = definition.evaluate_tick(context)
        self._cursors[sensor] = seen.cursor
        return [self._carry_out(definition, request) for request in seen.run_requests or ()]

    def _carry_out(self, sensor: dg.SensorDefinition, request: dg.RunRequest) -> RunReport:
        if request.asset_selection:
            return self.run([key.to_user_string() for key in request.asset_selection], request.partition_key)
        job = self.definitions.resolve_job_def(sensor.job.name)
        config = {**request.run_config, **QUIET}
        return _report(job.execute_in_process(instance=self.instance, run_config=config, raise_on_error=False))


def _report(result: dg.ExecuteInProcessResult) -> RunReport:
    failures, checks, metadata = {}, [], {}
    rows: dict[str, tuple[int, ...]] = {}
    for event in result.all_events:
        if event.is_step_failure:
            data = event.step_failure_data
            reason = data.user_failure_data.description if data.user_failure_data else None
            failures[_stage(event)] = reason or (data.error.message.strip() if data.error else "failed")
        elif event.event_type == dg.DagsterEventType.ASSET_CHECK_EVALUATION:
            seen = event.asset_check_evaluation_data
            stage = seen.asset_key.to_user_string()
            checks.append(JudgedCheck(stage, seen.check_name, seen.partition, seen.passed, seen.description or ""))
        elif event.is_step_materialization:
            made = event.step_materialization_data.materialization
            stage = made.asset_key.to_user_string()
            told: dict[str, Any] = {name: value.value for name, value in made.metadata.items()}
            metadata[stage] = told
            if "dagster/row_count" in told:
                rows[stage] = (*rows.get(stage, ()), told["dagster/row_count"])
    return RunReport(result.run_id, result.success, failures, tuple(checks), metadata, rows)


def _stage(event: dg.DagsterEvent) -> str:
    return (event.step_key or "").replace("__", "/")


def open_pipelines(patterns: Sequence[str], settings: Settings) -> list[Declared]:
    """Only the pipelines that the patterns can match, so that one pipeline of a thousand starts quickly."""
    everything = load_pipelines(settings.pipelines, os.environ)
    heads = [pattern.split("/")[0] for pattern in patterns]
    chosen = [one for name, one in everything.items() if any(fnmatchcase(name, head) for head in heads)]
    if not chosen:
        raise MissingError(unknown("pipeline", heads[0], tuple(everything)))
    return chosen
