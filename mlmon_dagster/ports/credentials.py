"""Accounts, tokens and sessions."""

from datetime import datetime
from typing import Any, Protocol, TypeVar

R = TypeVar("R")


class Credentials(Protocol):
    """Accounts, tokens, sessions and what counts once (see `governance.access`), each by its `id`."""

    def one(self, kind: type[R], id: str) -> R | None: ...

    def find(self, kind: type[R], **where: Any) -> tuple[R, ...]:
        """Records whose fields equal `where`."""
        ...

    def save(self, record: Any) -> None:
        """Keeps the record in place of the one with its `id`."""
        ...

    def claim(self, record: Any) -> bool:
        """Keeps the record unless there is one with its `id`; of several that try at once, one is told `True`."""
        ...

    def forget(self, now: datetime) -> None:
        """Removes what counted once (`Used`) and is over."""
        ...

    def remove(self, kind: type[Any], id: str) -> bool:
        """Whether there was one; of several that try at once, one is told `True`."""
        ...
