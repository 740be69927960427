"""Projects: groups of pipelines with environments and settings; archived, never deleted."""

from typing import Any

from fastapi import APIRouter, Response
from pydantic import Field

from mlmon_dagster.governance.projects import Project
from mlmon_dagster.web.cursor import Page, Paged
from mlmon_dagster.web.documents import AtDesk, recorded, with_receipt
from mlmon_dagster.web.etags import IfMatch, etag, seen
from mlmon_dagster.web.fields import Body, EnvironmentName, Name, Reason, Text
from mlmon_dagster.web.route import GovernedRoute, takes

router = APIRouter(prefix="/projects", tags=["projects"], route_class=GovernedRoute)

ProjectRecorded = with_receipt(Project)


class ProjectBody(Body):
    """A project as it shall be."""

    description: Text = ""
    environments: list[EnvironmentName] = Field(default=["dev", "staging", "prod"], min_length=1, max_length=3)
    settings: dict[Name, Text] = Field(default_factory=dict, max_length=100)


class Saved(ProjectBody):
    """A project by its name."""

    name: Name


class Turn(Body):
    """Why; recorded."""

    reason: Reason


@router.get("", response_model=Page[Project], **takes("see"))
def list_projects(at: AtDesk, paging: Paged) -> Any:
    """Saved projects that the caller sees, by name."""
    return paging.page(at.projects.list(), lambda one: one.id)


@router.post("", status_code=201, response_model=ProjectRecorded, **takes("admin"))
def save_project(at: AtDesk, body: Saved) -> Any:
    """Makes the project, or gives it another description, environments and settings."""
    found = at.projects.save(
        body.name, description=body.description, environments=body.environments, settings=dict(body.settings)
    )
    return recorded(found)


@router.get("/{name}", response_model=Project, **takes("see"))
def get_project(at: AtDesk, response: Response, name: Name) -> Any:
    """One project; its `ETag` is what a change of it names."""
    found = at.projects.get(name)
    response.headers["ETag"] = etag(found.seq)
    return found


@router.put("/{name}", response_model=ProjectRecorded, **takes("admin"))
def change_project(at: AtDesk, response: Response, name: Name, body: ProjectBody, if_match: IfMatch = None) -> Any:
    """Gives the project as it was seen (`If-Match`) another description, environments and settings."""
    last = seen(if_match)
    at.projects.get(name)
    found = at.projects.save(
        name, description=body.description, environments=body.environments, settings=dict(body.settings), seen=last
    )
    response.headers["ETag"] = etag(found.record.seq)
    return recorded(found)


@router.delete("/{name}", response_model=ProjectRecorded, **takes("admin"))
def delete_project(at: AtDesk, name: Name, reason: Reason, if_match: IfMatch = None) -> Any:
    """Archives it, as `POST /projects/{name}/archive` does: the audit log outlives every project."""
    return recorded(at.projects.archive(name, reason=reason, seen=seen(if_match)))


@router.post("/{name}/archive", response_model=ProjectRecorded, **takes("admin"))
def archive_project(at: AtDesk, name: Name, body: Turn) -> Any:
    """Nothing is promoted in it any more; rollbacks, alerts and the audit log go on."""
    return recorded(at.projects.archive(name, reason=body.reason))


@router.post("/{name}/restore", response_model=ProjectRecorded, **takes("admin"))
def restore_project(at: AtDesk, name: Name, body: Turn) -> Any:
    """Takes an archived project up again."""
    return recorded(at.projects.restore(name, reason=body.reason))
