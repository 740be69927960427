"""People who are known under several names: their approvals count once."""

from typing import Any

from fastapi import APIRouter

from mlmon_dagster.governance.people import Person
from mlmon_dagster.web import fields
from mlmon_dagster.web.cursor import Page, Paged
from mlmon_dagster.web.documents import AtDesk, recorded, with_receipt
from mlmon_dagster.web.route import GovernedRoute, takes

router = APIRouter(prefix="/people", tags=["members"], route_class=GovernedRoute)

PersonRecorded = with_receipt(Person)


class Link(fields.Body):
    """A name, and the name that stands for the person."""

    name: fields.Person
    person: fields.Person


class Unlink(fields.Body):
    """Why; recorded."""

    reason: fields.Reason


@router.get("", response_model=Page[Person], **takes("see"))
def list_people(at: AtDesk, paging: Paged) -> Any:
    """Names of people who are known under another one too."""
    return paging.page(at.members.people(), lambda one: one.id)


@router.post("", status_code=201, response_model=PersonRecorded, **takes("admin"))
def link_person(at: AtDesk, body: Link) -> Any:
    """Says that two names are one person's; linked already, nothing changes."""
    return recorded(at.members.link(body.name, body.person))


@router.post("/{name}/unlink", response_model=PersonRecorded, **takes("admin"))
def unlink_person(at: AtDesk, name: fields.Person, body: Unlink) -> Any:
    """Takes it back; answers with what it was."""
    return recorded(at.members.unlink(name, reason=body.reason))
