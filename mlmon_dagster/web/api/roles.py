"""The table of roles: who may do what."""

from typing import Any

from fastapi import APIRouter
from pydantic import BaseModel, Field

from mlmon_dagster.governance.roles import PERMITTED, ROLES
from mlmon_dagster.web.route import GovernedRoute, takes

router = APIRouter(prefix="/roles", tags=["members"], route_class=GovernedRoute)


class RoleDocument(BaseModel):
    """A role and what it permits."""

    name: str
    permissions: tuple[str, ...] = Field(
        description="`verb` or `verb:environment`, as `x-permission` of a route names them"
    )


@router.get("", response_model=tuple[RoleDocument, ...], **takes("see"))
def list_roles() -> Any:
    """The six roles with their permissions; there are no others, and none is changed at run time."""
    return [{"name": role, "permissions": [one for one, who in PERMITTED.items() if role in who]} for role in ROLES]
