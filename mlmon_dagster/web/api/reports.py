"""Reports: pages kept as evidence, each with its digest in the audit log."""

from typing import Annotated, Any, Literal

from fastapi import APIRouter
from fastapi.responses import HTMLResponse
from pydantic import Field

from mlmon_dagster.errors import InputError
from mlmon_dagster.governance.reports import KeptReport
from mlmon_dagster.lifecycle.desk.answers import Recorded
from mlmon_dagster.web.cursor import Page, Paged
from mlmon_dagster.web.documents import AtDesk, recorded, with_receipt
from mlmon_dagster.web.fields import Body, EnvironmentName, Identifier, Moment, Name, ProjectName, WindowKey
from mlmon_dagster.web.lists import newest
from mlmon_dagster.web.route import GovernedRoute, takes

router = APIRouter(prefix="/reports", tags=["reports"], route_class=GovernedRoute)

ReportRecorded = with_receipt(KeptReport)
HTML: dict[int | str, dict[str, Any]] = {
    200: {"content": {"text/html": {}}, "description": "The page, complete in itself"}
}


class ReportRequest(Body):
    """What to keep: the controls of a span of time, or the page that monitoring wrote for a window."""

    kind: Annotated[
        Literal["compliance", "monitoring"],
        Field(
            description="`compliance` takes project, pipeline, since, until; `monitoring` pipeline, environment, window"
        ),
    ]
    project: ProjectName = "*"
    pipeline: Name | None = None
    environment: EnvironmentName | None = None
    window: WindowKey | None = None
    since: Moment | None = Field(default=None, description="90 days ago by default")
    until: Moment | None = Field(default=None, description="now by default")


@router.get("", response_model=Page[KeptReport], **takes("see"))
def list_reports(at: AtDesk, paging: Paged, pipeline: Name | None = None) -> Any:
    """Kept reports of the projects that the caller sees, newest first."""
    return newest(paging, at.reports.list, pipeline=pipeline)


@router.post("", status_code=201, response_model=ReportRecorded, **takes("see"))
def generate_report(at: AtDesk, body: ReportRequest) -> Any:
    """Generates a report and keeps it with its digest.

    A compliance report judges controls (four eyes, overrides, access, traceability, alerts) by the audit log, which it
    verifies. A monitoring report is the page of a judged window as it is now.
    """
    return recorded(_generated(at.reports, body))


def _generated(reports: Any, body: ReportRequest) -> Recorded[KeptReport]:
    found: Recorded[KeptReport]
    if body.kind == "compliance":
        if body.environment or body.window:
            raise InputError("a compliance report has no environment or window")
        found = reports.compliance(body.project, body.pipeline, body.since, body.until)
        return found
    if body.pipeline is None or body.environment is None or body.window is None:
        raise InputError("a monitoring report takes pipeline, environment and window")
    if body.since or body.until or body.project != "*":
        raise InputError("a monitoring report has no project, since or until: it is of a window")
    found = reports.monitoring(body.pipeline, body.environment, body.window)
    return found


@router.get("/{id}", response_model=KeptReport, **takes("see"))
def get_report(at: AtDesk, id: Identifier) -> Any:
    """One report: what it is of, who generated it, its digest."""
    return at.reports.get(id)


@router.get("/{id}/content", response_class=HTMLResponse, responses=HTML, **takes("see"))
def download_report(at: AtDesk, id: Identifier) -> HTMLResponse:
    """The page, whose digest was compared; 502 `TAMPERED` when it is not the one that was recorded."""
    headers = {
        "Content-Disposition": f'inline; filename="{id}.html"',
        "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; sandbox",
    }
    return HTMLResponse(at.reports.content(id), headers=headers)
