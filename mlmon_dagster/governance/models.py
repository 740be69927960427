"""Model versions that governance knows."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True)
class Model:
    """A registered model version of a pipeline: what promotions, approvals and deployments are bound to."""

    id: str
    """`pipeline/number`."""
    seq: int
    pipeline: str
    project: str
    name: str
    number: int
    digest: str
    uri: str
    inputs: tuple[str, ...]
    created_at: datetime
    registered_by: str
