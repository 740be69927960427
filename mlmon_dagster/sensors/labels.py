"""Late labels: a sensor that asks for a window to be judged again when its labels are mature, or have landed."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone

import dagster as dg

from mlmon_dagster.adapters.pipelines import Declared
from mlmon_dagster.assets.labels import period
from mlmon_dagster.governance.check import Judged
from mlmon_dagster.pipeline.monitoring import PERFORMANCE_DRIFT
from mlmon_dagster.pipeline.stages import StageKey
from mlmon_dagster.pipeline.windows import Window
from mlmon_dagster.ports import Judgements
from mlmon_dagster.sensors.windows import PIPELINES_PER_RUN
from mlmon_dagster.settings import Settings

AGAIN = (1, 2, 4, 8)
"""Multiples of the maturity after which a window that still lacks labels is judged again; then no more."""

FIRST_LOOK = timedelta(days=30)
"""How far back a sensor looks that never looked before."""

RUNS_PER_TICK = 50
"""Runs asked for at one tick; the cursor carries the rest to the next."""


@dataclass(frozen=True)
class Due:
    """A window of a pipeline in an environment that is to be judged again, and since when."""

    at: datetime
    pipeline: str
    environment: str
    window: Window


@dataclass(frozen=True)
class Cursor:
    """Up to which moment windows were asked for, and how the labels of each pipeline looked then."""

    at: datetime
    fingerprints: Mapping[str, str]

    @classmethod
    def read(cls, text: str | None, now: datetime) -> "Cursor":
        """The cursor in such a text; the first one lies thirty days back."""
        if not text:
            return cls(now - FIRST_LOOK, {})
        raw = json.loads(text)
        return cls(datetime.fromisoformat(raw["at"]), raw["fingerprints"])

    def write(self) -> str:
        """As text."""
        return json.dumps({"at": self.at.isoformat(), "fingerprints": self.fingerprints}, sort_keys=True)


def label_sensor(pipelines: Mapping[str, Declared], settings: Settings, suffix: str = "") -> dg.SensorDefinition:
    """Looks at the clock and at the files of labels; judgements are read for the windows that these name."""
    waiting = {name: one for name, one in pipelines.items() if one.pipeline.stages.model_monitoring.performance}

    @dg.sensor(
        name=f"late_labels{suffix}",
        asset_selection=dg.AssetSelection.all(),
        minimum_interval_seconds=60,
        default_status=dg.DefaultSensorStatus.RUNNING,
        required_resource_keys={"database"},
        description=f"Asks for windows to be judged again when labels came ({len(waiting)} pipelines have labels).",
    )
    def late_labels(context: dg.SensorEvaluationContext) -> Iterator[dg.RunRequest | dg.SkipReason]:
        now = datetime.now(timezone.utc)
        before = Cursor.read(context.cursor, now)
        found = {name: fingerprint(one) for name, one in waiting.items()}
        changed = [name for name, one in found.items() if before.fingerprints.get(name, one) != one]
        judgements = context.resources.database.governance().judgements
        due = [
            *matured(waiting, settings, judgements, before.at, now),
            *landed(waiting, settings, judgements, changed, now),
        ]
        requests, left = runs(due, now)
        yield from requests
        if not requests:
            yield dg.SkipReason("no window waits for labels that have come")
        late = {one.pipeline for one in left}
        kept = {name: before.fingerprints[name] for name in late if name in before.fingerprints}
        at = min((one.at - timedelta(microseconds=1) for one in left), default=now)
        context.update_cursor(Cursor(at, {**found, **kept}).write())

    return late_labels


def matured(
    pipelines: Mapping[str, Declared], settings: Settings, judgements: Judgements, since: datetime, now: datetime
) -> Iterator[Due]:
    """Windows whose labels became mature (or are late by a multiple of it) in `(since, now]` and were not all there.

    What is asked of the database are the judgements of such windows only.
    """
    moments = {(name, window): at for name, one in pipelines.items() for window, at in _moments(one, since, now)}
    yield from _unsettled(judgements, settings, moments)


def landed(
    pipelines: Mapping[str, Declared],
    settings: Settings,
    judgements: Judgements,
    changed: Sequence[str],
    now: datetime,
) -> Iterator[Due]:
    """Windows that still lack labels, of the pipelines whose files of labels have changed."""
    moments = {
        (name, window): now
        for name in changed
        for window in pipelines[name].pipeline.windows.between(now - AGAIN[-1] * _maturity(pipelines[name]), now)
    }
    yield from _unsettled(judgements, settings, moments)


def fingerprint(one: Declared) -> str:
    """How the source of a pipeline's labels looks, where that can be told without reading it; else nothing."""
    performance = one.pipeline.stages.model_monitoring.performance
    reader = performance.labels.source.reader if performance else None
    look = getattr(reader, "fingerprint", None)
    return str(look(one.file.parent)) if look else ""


def runs(due: Sequence[Due], now: datetime) -> tuple[list[dg.RunRequest], list[Due]]:
    """Runs of the monitoring of those windows, the longest due first, and what is left for the next tick.

    Pipelines with the same window share a run.
    """
    groups: dict[Window, list[Due]] = {}
    for one in sorted(set(due), key=lambda one: (one.at, one.window, one.pipeline, one.environment)):
        groups.setdefault(one.window, []).append(one)
    batches = [
        members[start : start + PIPELINES_PER_RUN]
        for members in groups.values()
        for start in range(0, len(members), PIPELINES_PER_RUN)
    ]
    requests = [
        dg.RunRequest(
            run_key=f"labels:{batch[0].window.key}:{batch[0].pipeline}:{batch[0].environment}:{now:%Y%m%dT%H%M%S}",
            partition_key=batch[0].window.key,
            asset_selection=[
                dg.AssetKey(StageKey(one.pipeline, one.environment, "model_monitoring").parts) for one in batch
            ],
            tags={"mlmon/window": batch[0].window.key.replace(":", "."), "mlmon/labels": "landed"},
        )
        for batch in batches[:RUNS_PER_TICK]
    ]
    return requests, [one for batch in batches[RUNS_PER_TICK:] for one in batch]


def _moments(one: Declared, since: datetime, now: datetime) -> Iterator[tuple[Window, datetime]]:
    """Windows for which a moment of judging again lies in `(since, now]`, each with that moment."""
    maturity = _maturity(one)
    for times in AGAIN:
        wait = times * maturity
        start = one.pipeline.windows.align(since - wait)
        for window in one.pipeline.windows.between(start - timedelta(days=31), now - wait):
            if since < window.end + wait <= now:
                yield window, window.end + wait


def _unsettled(
    judgements: Judgements, settings: Settings, moments: Mapping[tuple[str, Window], datetime]
) -> Iterator[Due]:
    """Those of the pipelines' windows that were judged before the moment and without all their labels: one query."""
    if not moments:
        return
    by_key = {(name, window.key): window for name, window in moments}
    found = judgements.of(
        PERFORMANCE_DRIFT,
        pipelines=sorted({name for name, _ in moments}),
        environments=settings.environments,
        windows=sorted({window.key for _, window in moments}),
    )
    for judged in found:
        window = by_key.get((judged.pipeline, judged.window or ""))
        if window is not None and judged.at < moments[judged.pipeline, window] and _incomplete(judged):
            yield Due(moments[judged.pipeline, window], judged.pipeline, str(judged.environment), window)


def _incomplete(judged: Judged) -> bool:
    """Whether labels may still come: some prediction had none."""
    return judged.verdict in ("no_data", "error") or judged.metrics.get("labels.share", 0.0) < 1


def _maturity(one: Declared) -> timedelta:
    performance = one.pipeline.stages.model_monitoring.performance
    assert performance is not None  # noqa: S101 - pipelines without labels never wait
    return period(performance.labels.maturity)
