"""GitHub: the repositories that pipelines come from."""

from typing import Annotated, Any

from fastapi import APIRouter
from pydantic import BaseModel, Field, StringConstraints

from mlmon_dagster.governance.repositories import Repository
from mlmon_dagster.lifecycle.repositories import NAME
from mlmon_dagster.ports import RemoteRepository, Updated
from mlmon_dagster.web.documents import AtDesk, recorded, with_receipt
from mlmon_dagster.web.fields import Body
from mlmon_dagster.web.route import GovernedRoute, takes

router = APIRouter(prefix="/integrations/github", tags=["integrations"], route_class=GovernedRoute)

RepositoryRecorded = with_receipt(Repository)
RepositoryName = Annotated[str, StringConstraints(pattern=f"^{NAME}$"), Field(examples=["acme/house-prices"])]
Branch = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_][A-Za-z0-9_./-]{0,199}$"), Field(examples=["main"])]


class Connection(Body):
    """A repository, and the branch that pipelines come from: its main branch unless something else is said."""

    repository: RepositoryName
    branch: Branch | None = None


class Disconnection(Body):
    """A connected repository."""

    repository: RepositoryName


class Synchronisation(Body):
    """The branch; the one of the connected repository unless something else is said."""

    branch: Branch | None = None


class RemoteDocument(BaseModel):
    """A repository that this server's token reaches."""

    id: str = Field(description="GitHub's number, which is never given to another repository")
    name: str
    branch: str
    connected: bool


class UpdatedDocument(BaseModel):
    """The commits that were checked out before and after."""

    before: str
    after: str


@router.get("", response_model=tuple[Repository, ...], **takes("see"))
def list_repositories(at: AtDesk) -> Any:
    """Connected repositories, by name; takes a role in all projects."""
    return at.repositories.list()


@router.get("/repos", response_model=tuple[RemoteDocument, ...], **takes("admin"))
def list_reached_repositories(at: AtDesk) -> Any:
    """Repositories that could be connected: those that this server's token (`MLMON_GITHUB_TOKEN`) reaches."""
    connected = {one.id for one in at.repositories.list()}
    return [_reached(one, connected) for one in at.repositories.reached()]


@router.post("/connect", status_code=201, response_model=RepositoryRecorded, **takes("admin"))
def connect_repository(at: AtDesk, body: Connection) -> Any:
    """Takes pipelines from the repository's branch and listens to its webhook; its number counts, not its name."""
    return recorded(at.repositories.connect(body.repository, body.branch))


@router.post("/disconnect", response_model=RepositoryRecorded, **takes("admin"))
def disconnect_repository(at: AtDesk, body: Disconnection) -> Any:
    """Listens to it no more; answers with what it was."""
    return recorded(at.repositories.disconnect(body.repository))


@router.post("/sync", response_model=UpdatedDocument, **takes("create"))
def synchronise(at: AtDesk, body: Synchronisation) -> Any:
    """Brings this server's pipeline files to the head of the branch, forward only, once they were found valid.

    422 `INVALID_PIPELINE` with every mistake, 409 `DIVERGED` when the branch was rewritten, 503 without a Git checkout.
    """
    found: Updated = at.repositories.update(body.branch)
    return {"before": found.before, "after": found.after}


def _reached(one: RemoteRepository, connected: set[str]) -> dict[str, Any]:
    return {"id": one.id, "name": one.name, "branch": one.branch, "connected": one.id in connected}
