"""What CI and tests found out about commits and versions, for gates that ask for it."""

from typing import Annotated, Any

from fastapi import APIRouter
from pydantic import StringConstraints

from mlmon_dagster.governance.findings import Finding
from mlmon_dagster.web.cursor import Page, Paged
from mlmon_dagster.web.documents import AtDesk, recorded, with_receipt
from mlmon_dagster.web.fields import Body, EnvironmentName, Name, Text, Word
from mlmon_dagster.web.route import GovernedRoute, takes

router = APIRouter(prefix="/findings", tags=["promotions"], route_class=GovernedRoute)

FindingRecorded = with_receipt(Finding)


class Status(Body):
    """How a check went on a whole commit."""

    pipeline: Name
    commit: Annotated[str, StringConstraints(pattern=r"^([0-9a-f]{40}|[0-9a-f]{64})$")]
    name: Word
    passed: bool
    detail: Text = ""


class TestResult(Body):
    """How a test went on the version that is live in the environment."""

    pipeline: Name
    environment: EnvironmentName
    name: Word
    passed: bool
    detail: Text = ""


@router.get("", response_model=Page[Finding], **takes("see"))
def list_findings(at: AtDesk, paging: Paged, pipeline: Name) -> Any:
    """What is known of a pipeline, newest first."""
    return paging.page(at.findings.list(pipeline)[::-1], lambda one: one.id)


@router.post("/statuses", status_code=201, response_model=FindingRecorded, **takes("report"))
def report_status(at: AtDesk, body: Status) -> Any:
    """Reports a status of a commit; the same again changes nothing."""
    found = at.findings.status(body.pipeline, body.commit, body.name, passed=body.passed, detail=body.detail)
    return recorded(found)


@router.post("/tests", status_code=201, response_model=FindingRecorded, **takes("report"))
def report_test(at: AtDesk, body: TestResult) -> Any:
    """Reports how a test went; 409 when nothing is live in the environment."""
    found = at.findings.test(body.pipeline, body.environment, body.name, passed=body.passed, detail=body.detail)
    return recorded(found)
