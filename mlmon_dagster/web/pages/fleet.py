"""The fleet: every pipeline with what is live, what fails and what waits for somebody."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from fastapi import APIRouter, Request

from mlmon_dagster.governance.deployments import Deployment
from mlmon_dagster.lifecycle.desk import Desk
from mlmon_dagster.lifecycle.desk.pipelines import PipelineSummary
from mlmon_dagster.web.documents import AtDesk
from mlmon_dagster.web.fields import Name
from mlmon_dagster.web.pages.page import PageRoute, page
from mlmon_dagster.web.route import takes

router = APIRouter(route_class=PageRoute)

SHOWN = 100
"""Pipelines on the page; more are found by their project."""

WORST = ("error", "drift", "insufficient", "no_data", "ok")


@dataclass(frozen=True)
class Place:
    """A pipeline in one environment."""

    environment: str
    live: Deployment | None
    verdict: str
    """The worst of its newest verdicts; empty when nothing is live or was judged."""
    alerts: int


@dataclass(frozen=True)
class Row:
    """A pipeline with its environments."""

    pipeline: PipelineSummary
    places: tuple[Place, ...]


@router.get("/", **takes("see"))
def show_fleet(request: Request, at: AtDesk, project: Name | None = None) -> Any:
    """Twin of `GET /api/pipelines`, `/deployments?state=live`, `/alerts?state=active`, `/promotions?state=pending`."""
    pipelines = at.pipelines.list(project)
    names = {one.name for one in pipelines}
    live = [one for one in at.deployments.list(state="live") if one.pipeline in names]
    alerts = [one for one in at.alerts.list(state="active") if one.pipeline in names]
    waiting = [one for one in at.promotions.list(state="pending") if one.pipeline in names]
    return page(
        request,
        "fleet.html",
        "Fleet",
        project=project,
        pipelines=len(pipelines),
        rows=list(_rows(at, pipelines[:SHOWN], live, Counter((one.pipeline, one.environment) for one in alerts))),
        live=live,
        alerts=alerts[::-1],
        waiting=waiting[::-1],
        entries=at.audit.list(newest=8)[::-1],
    )


def worst(verdicts: Iterable[str]) -> str:
    """The verdict that needs somebody most; empty for none."""
    return min(verdicts, key=WORST.index, default="")


def _rows(
    at: Desk, pipelines: Sequence[PipelineSummary], live: Sequence[Deployment], alerts: Counter[tuple[str, str | None]]
) -> Iterable[Row]:
    serving = {(one.pipeline, one.environment): one for one in live}
    for pipeline in pipelines:
        places = []
        for environment in pipeline.environments:
            one = serving.get((pipeline.name, environment))
            judged = at.monitoring.checks(pipeline.name, environment) if one else ()
            raised = alerts[(pipeline.name, environment)] + alerts[(pipeline.name, None)]
            places.append(Place(environment, one, worst(check.verdict for check in judged), raised))
        yield Row(pipeline, tuple(places))
