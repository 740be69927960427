"""Where commits are kept and what is said of them."""

from collections.abc import Sequence
from typing import Protocol

from mlmon_dagster.governance.commit_status import CommitStatus


class CommitStatuses(Protocol):
    """Statuses of the commits of a repository (`owner/name`).

    Raises `UnavailableError` when the server is out of reach, `DeniedError` when it does not let us, and
    `MissingError` when it has no such repository or commit.
    """

    def publish(self, repository: str, commit: str, status: CommitStatus) -> None:
        """Says something of a commit, in place of what was said in the same context before."""
        ...

    def statuses(self, repository: str, commit: str) -> Sequence[CommitStatus]:
        """What is said of the commit now, once for every context."""
        ...
