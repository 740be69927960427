"""Who holds which role."""

from typing import Any, Literal

from fastapi import APIRouter

from mlmon_dagster.governance.roles import Member
from mlmon_dagster.web.cursor import Page, Paged
from mlmon_dagster.web.documents import AtDesk, recorded, with_receipt
from mlmon_dagster.web.fields import Body, Person, ProjectName
from mlmon_dagster.web.route import GovernedRoute, takes

router = APIRouter(prefix="/members", tags=["members"], route_class=GovernedRoute)

MemberRecorded = with_receipt(Member)
RoleName = Literal["ml_engineer", "data_engineer", "production_team", "monitoring_team", "model_sponsor", "admin"]


class Grant(Body):
    """A role for a person, in one project or (`*`) in all of them."""

    name: Person
    role: RoleName
    project: ProjectName = "*"


@router.get("", response_model=Page[Member], **takes("see"))
def list_members(at: AtDesk, paging: Paged) -> Any:
    """Roles in the projects that the caller sees, in order of the grants."""
    return paging.page(at.members.list(), lambda one: one.id)


@router.post("", status_code=201, response_model=MemberRecorded, **takes("admin"))
def grant_role(at: AtDesk, body: Grant) -> Any:
    """Grants a role; held already, nothing changes."""
    return recorded(at.members.grant(body.name, body.role, project=body.project))


@router.delete("", response_model=MemberRecorded, **takes("admin"))
def revoke_role(at: AtDesk, name: Person, role: RoleName, project: ProjectName = "*") -> Any:
    """Takes a role away; answers with what it was."""
    return recorded(at.members.revoke(name, role, project=project))
