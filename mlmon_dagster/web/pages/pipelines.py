"""One pipeline: its environments, its stages, what monitoring found in it, what its versions changed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from fastapi import APIRouter, Request
from markupsafe import Markup

from mlmon_dagster.adapters.report import plots
from mlmon_dagster.drift.histogram import number_text
from mlmon_dagster.governance.check import Judged
from mlmon_dagster.lifecycle.desk import Desk
from mlmon_dagster.pipeline.stages import STAGES
from mlmon_dagster.ports import Measured
from mlmon_dagster.web.documents import AtDesk
from mlmon_dagster.web.fields import EnvironmentName, Name
from mlmon_dagster.web.pages.fleet import worst
from mlmon_dagster.web.pages.page import PageRoute, page
from mlmon_dagster.web.route import takes

router = APIRouter(prefix="/pipelines", route_class=PageRoute)

WINDOWS = 60
"""Windows that a plot shows."""

PLOTS = 24
"""Plots on a page; what deviates most comes first."""


@dataclass(frozen=True)
class Plot:
    """One number over the windows."""

    name: str
    drawn: Markup
    newest: str
    alarming: bool


@router.get("/{pipeline}", **takes("see"))
def show_pipeline(request: Request, at: AtDesk, pipeline: Name) -> Any:
    """Twin of `GET /api/pipelines/{pipeline}`, with its versions, deployments and promotions."""
    found = at.pipelines.get(pipeline)
    places = [_place(at, pipeline, environment) for environment in found.environments]
    return page(
        request,
        "pipeline.html",
        pipeline,
        pipeline=found,
        stages=STAGES,
        places=places,
        locked={lock.stage: lock for lock in found.locks},
        models=at.models.versions(pipeline)[::-1][:10],
        promotions=at.promotions.list(pipeline)[::-1][:10],
        alerts=at.alerts.list(pipeline, state="active")[::-1],
        runs=at.runs.list(pipeline)[::-1][:5],
    )


@router.get("/{pipeline}/monitoring", **takes("see"))
def show_monitoring(request: Request, at: AtDesk, pipeline: Name, environment: EnvironmentName | None = None) -> Any:
    """Twin of `GET /api/monitoring/drift|performance|checks/{pipeline}`."""
    found = at.pipelines.get(pipeline)
    chosen = environment or _watched(at, pipeline, found.environments)
    history = at.monitoring.history(pipeline, chosen)
    performance = [one for one in at.monitoring.performance(pipeline, chosen) if one.window is not None]
    return page(
        request,
        "monitoring.html",
        f"Monitoring of {pipeline}",
        pipeline=found,
        environment=chosen,
        checks=at.monitoring.checks(pipeline, chosen),
        performance=_metric_plots(performance),
        drift=_drift_plots(history, _thresholds(at, pipeline)),
        windows=len({one.window for one in history if one.window}),
    )


@router.get("/{pipeline}/versions", **takes("see"))
def show_versions(request: Request, at: AtDesk, pipeline: Name) -> Any:
    """Twin of `GET /api/pipelines/{pipeline}/versions` and `/diff`."""
    return page(
        request,
        "versions.html",
        f"Versions of {pipeline}",
        pipeline=at.pipelines.get(pipeline),
        versions=at.pipelines.versions(pipeline)[::-1],
        changes=at.pipelines.diff(pipeline),
    )


def _place(at: Desk, pipeline: str, environment: str) -> dict[str, Any]:
    live = next(iter(at.deployments.list(pipeline, environment, "live")), None)
    return {
        "environment": environment,
        "live": live,
        "traffic": at.deployments.traffic(live.id) if live else (),
        "verdict": worst(one.verdict for one in at.monitoring.checks(pipeline, environment)),
    }


def _watched(at: Desk, pipeline: str, environments: Sequence[str]) -> str:
    """The environment nearest to production in which something was judged."""
    judged = (one for one in environments[::-1] if at.monitoring.checks(pipeline, one))
    return next(judged, environments[-1])


def _metric_plots(measured: Sequence[Measured]) -> list[Plot]:
    series: dict[str, dict[str, float]] = {}
    for one in measured:
        series.setdefault(one.name, {})[str(one.window)] = one.value
    return [_plot(name.partition(".")[2], values) for name, values in sorted(series.items())][:PLOTS]


def _thresholds(at: Desk, pipeline: str) -> dict[str, float]:
    """Thresholds that the file declares, by monitor; those that a budget sets differ from column to column."""
    monitors = at.standing.declared(pipeline).pipeline.stages.model_monitoring.monitors
    declared = {name: getattr(one, "threshold", None) for name, one in monitors.items()}
    return {name: threshold for name, threshold in declared.items() if threshold is not None}


def _drift_plots(history: Sequence[Judged], thresholds: Mapping[str, float]) -> list[Plot]:
    """A plot for every column and method of every monitor, those of failing monitors first, none where all is 0."""
    series: dict[tuple[str, str], dict[str, float]] = {}
    failing = {one.check: one.verdict == "drift" for one in history}
    for one in history:
        for metric, value in one.metrics.items():
            if metric.startswith("drift.") and one.window is not None:
                series.setdefault((one.check, metric.removeprefix("drift.")), {})[one.window] = value
    telling = [(key, values) for key, values in series.items() if any(values.values())]
    telling.sort(key=lambda item: (not failing[item[0][0]], -_newest(item[1])))
    return [
        _plot(f"{check}: {name}", values, thresholds.get(check), alarming=failing[check])
        for (check, name), values in telling[:PLOTS]
    ]


def _plot(name: str, values: Mapping[str, float], threshold: float | None = None, *, alarming: bool = False) -> Plot:
    keys = sorted(values)[-WINDOWS:]
    shown = [value if value == value else None for value in (values[key] for key in keys)]
    drawn = Markup(plots.trend(name, keys, shown, [threshold] * len(keys)))  # noqa: S704 - escaped as it is drawn
    newest = "no number" if shown[-1] is None else number_text(shown[-1])
    return Plot(name, drawn, newest, alarming)


def _newest(values: Mapping[str, float]) -> float:
    value = values[max(values)]
    return value if value == value else 0.0
