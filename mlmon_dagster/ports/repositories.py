"""Where pipeline files live and are reviewed: a Git repository, and its code host."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from mlmon_dagster.pipeline.parse import Parsed


@dataclass(frozen=True)
class RemoteRepository:
    """A repository at a code host: its number there, its name and its main branch."""

    id: str
    name: str
    branch: str


class CodeHost(Protocol):
    """Where repositories are reviewed, such as GitHub. Raises `UnavailableError` when out of reach."""

    def repository(self, name: str) -> RemoteRepository:
        """The repository of that name; `MissingError` when it is not reached."""
        ...

    def repositories(self) -> Sequence[RemoteRepository]:
        """Every repository that is reached, by name."""
        ...

    def open_pull_request(self, repository: str, branch: str, base: str, title: str, body: str) -> str:
        """The address where the branch is reviewed; a second time the same."""
        ...


@dataclass(frozen=True)
class Updated:
    """The commits that were checked out before and after."""

    before: str
    after: str


@dataclass(frozen=True)
class ProposedChange:
    """A commit on a branch of its own."""

    branch: str
    commit: str
    base: str
    file: str
    pushed: bool
    """Whether it was sent to the repository that others see."""


class PipelineRepository(Protocol):
    """The Git repository that owns the pipeline files. Raises `UnavailableError` when Git or its remote fails."""

    def update(self, branch: str) -> Updated:
        """Goes forward to the branch's head, if its pipeline files are valid; never back."""
        ...

    def parse(self, content: bytes) -> "Parsed":
        """The pipeline that the content declares here; raises `InvalidPipelineError`."""
        ...

    def propose(self, name: str, content: bytes, *, branch: str, message: str, author: str) -> ProposedChange:
        """Commits a pipeline's file to a branch; what is checked out stays as it is."""
        ...
