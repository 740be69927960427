"""The audit log, entry by entry."""

from typing import Annotated, Any

from fastapi import APIRouter, Path, Query, Request

from mlmon_dagster.web.documents import AtDesk
from mlmon_dagster.web.fields import Name, WholeNumber, Word
from mlmon_dagster.web.pages.page import PageRoute, page
from mlmon_dagster.web.route import takes

router = APIRouter(prefix="/audit", route_class=PageRoute)

SHOWN = 50


@router.get("", **takes("see"))
def show_log(
    request: Request,
    at: AtDesk,
    pipeline: Name | None = None,
    action: Word | None = None,
    actor: Word | None = None,
    subject: Word | None = None,
    before: Annotated[WholeNumber | None, Query(ge=1, le=2**53)] = None,
) -> Any:
    """Twin of `GET /api/audit-logs`."""
    asked = {"pipeline": pipeline, "action": action, "actor": actor, "subject": subject}
    found = at.audit.list(pipeline, action, actor, subject, newest=SHOWN + 1, before=before)[::-1]
    older = found[SHOWN - 1].seq if len(found) > SHOWN else None
    return page(request, "audit.html", "Audit log", lines=found[:SHOWN], asked=asked, older=older, before=before)


@router.get("/{seq}", **takes("see"))
def show_entry(request: Request, at: AtDesk, seq: Annotated[WholeNumber, Path(ge=1, le=2**53)]) -> Any:
    """Twin of `GET /api/audit-logs/{seq}`."""
    line = at.audit.get(seq)
    return page(request, "entry.html", f"Entry {seq}", line=line, entry=line.entry)
