"""Projects: groups of pipelines with their members, environments and settings. Archived, never deleted."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any


@dataclass(frozen=True)
class Project:
    """A named group of pipelines; its members are who holds roles in it."""

    id: str
    """The project's name, as pipeline files have it."""
    seq: int
    description: str
    environments: tuple[str, ...]
    """Environments that its pipelines may be promoted to."""
    settings: Mapping[str, Any]
    """Texts by name, for people and programs around it."""
    state: str
    """`active` or `archived`."""
    made_by: str
    made_at: datetime
    note: str = ""
    """Why it was archived or taken up again."""
