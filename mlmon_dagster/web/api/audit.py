"""The audit log."""

from typing import Annotated, Any

from fastapi import APIRouter, Path
from pydantic import BaseModel

from mlmon_dagster.governance.audit import Sealed
from mlmon_dagster.lifecycle.desk.audit import Verification
from mlmon_dagster.web.cursor import Page, Paged
from mlmon_dagster.web.documents import AtDesk
from mlmon_dagster.web.fields import Name, WholeNumber, Word
from mlmon_dagster.web.problems import ProblemError
from mlmon_dagster.web.route import GovernedRoute, takes

router = APIRouter(prefix="/audit-logs", tags=["audit log"], route_class=GovernedRoute)


class EntryDocument(BaseModel):
    """One entry with its hashes; `payload` is the exact text that was hashed."""

    seq: int
    at: str
    actor: str
    role: str
    action: str
    project: str | None
    pipeline: str | None
    environment: str | None
    subject: str
    data: dict[str, Any]
    payload: str
    leaf: str
    hash: str


def entry_document(line: Sealed) -> dict[str, Any]:
    """The entry as the API shows it."""
    import json

    text = line.payload.decode()
    return {**json.loads(text), "payload": text, "leaf": line.leaf, "hash": line.hash}


@router.get("", response_model=Page[EntryDocument], **takes("see"))
def list_entries(
    at: AtDesk,
    paging: Paged,
    pipeline: Name | None = None,
    action: Word | None = None,
    actor: Word | None = None,
    subject: Word | None = None,
) -> Any:
    """Entries of the projects that the caller sees, newest first."""
    before = None if paging.after is None else _number(paging.after)
    found = at.audit.list(pipeline, action, actor, subject, newest=paging.limit + 1, before=before)[::-1]
    part = found[: paging.limit]
    more = paging.write(str(part[-1].seq)) if len(found) > paging.limit else None
    return {"items": [entry_document(line) for line in part], "next": more}


@router.get("/verify", response_model=Verification, **takes("see"))
def verify_log(at: AtDesk) -> Any:
    """Walks the whole log and says whether it is what was recorded; if not, the first entry that is wrong."""
    return at.audit.verify()


@router.get("/{seq}", response_model=EntryDocument, **takes("see"))
def get_entry(at: AtDesk, seq: Annotated[WholeNumber, Path(ge=1, le=2**53)]) -> Any:
    """One entry."""
    return entry_document(at.audit.get(seq))


@router.get("/{seq}/proof", response_model=dict[str, Any], **takes("see"))
def prove_entry(at: AtDesk, seq: Annotated[WholeNumber, Path(ge=1, le=2**53)]) -> Any:
    """Shows that the entry is in the signed log: a document for `mlmon_verify.py`, which needs nothing of ours."""
    return at.audit.prove(seq)


def _number(place: str) -> int:
    if not place.isdecimal():
        raise ProblemError(400, "CURSOR", "the cursor is not one of this list")
    return int(place)
