"""Records of the projections, and the ways in which an entry changes them."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, get_args

from mlmon_dagster.errors import InputError
from mlmon_dagster.governance.alerts import Alert
from mlmon_dagster.governance.audit import Entry
from mlmon_dagster.governance.deployments import Deployment
from mlmon_dagster.governance.findings import Finding
from mlmon_dagster.governance.locks import Lock
from mlmon_dagster.governance.maintenance import Maintenance
from mlmon_dagster.governance.models import Model
from mlmon_dagster.governance.overrides import Override
from mlmon_dagster.governance.people import Person
from mlmon_dagster.governance.pipelines import PipelineVersion
from mlmon_dagster.governance.projects import Project
from mlmon_dagster.governance.promotions import Approval, Promotion
from mlmon_dagster.governance.repeats import Repeat
from mlmon_dagster.governance.roles import Member

Record = (
    Member
    | Person
    | Model
    | PipelineVersion
    | Promotion
    | Approval
    | Override
    | Finding
    | Deployment
    | Alert
    | Maintenance
    | Lock
    | Project
    | Repeat
)
"""A row of a projection; every record has an `id` and the `seq` of the entry that changed it last."""

RECORDS: tuple[type[Any], ...] = get_args(Record)

Tables = dict[type[Any], dict[str, Any]]
"""All projections in memory: record type -> id -> record."""


@dataclass(frozen=True)
class Insert:
    """A record comes into being."""

    record: Record


@dataclass(frozen=True)
class Update:
    """Fields of the record `id` change."""

    kind: type[Any]
    id: str
    values: Mapping[str, Any]


@dataclass(frozen=True)
class Remove:
    """The record `id` ceases, if it is there."""

    kind: type[Any]
    id: str


Change = Insert | Update | Remove

Handler = Callable[[Entry], tuple[Change, ...]]
"""What entries of one action change."""


def text(value: str | None) -> str:
    """What an entry of this action always has."""
    if value is None:
        raise InputError("an entry of the audit log lacks its project, pipeline or environment")
    return value
