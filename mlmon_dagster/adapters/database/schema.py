"""The tables: the log with its head, one table for each projection, metrics and verdicts."""

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Float,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    func,
)
from sqlalchemy.engine import Dialect
from sqlalchemy.types import TypeDecorator

from mlmon_dagster.governance.alerts import Alert
from mlmon_dagster.governance.audit import read, written
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

REVISION = "0006"
"""The newest migration: the schema that this code reads and writes."""

Seq = BigInteger().with_variant(Integer, "sqlite")


class Moment(TypeDecorator[datetime]):
    """A moment as text that sorts in order of time, the same in every database."""

    impl = String(32)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> str | None:
        return None if value is None else written(value)

    def process_result_value(self, value: Any, dialect: Dialect) -> datetime | None:
        return None if value is None else read(value)


class Names(TypeDecorator[tuple[str, ...]]):
    """A tuple of names as a JSON list."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: tuple[str, ...] | None, dialect: Dialect) -> str | None:
        return None if value is None else json.dumps(list(value), ensure_ascii=False)

    def process_result_value(self, value: Any, dialect: Dialect) -> tuple[str, ...] | None:
        return None if value is None else tuple(json.loads(value))


class Body(TypeDecorator[Mapping[str, Any]]):
    """A mapping as JSON."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: Mapping[str, Any] | None, dialect: Dialect) -> str | None:
        return None if value is None else json.dumps(value, ensure_ascii=False)

    def process_result_value(self, value: Any, dialect: Dialect) -> Mapping[str, Any] | None:
        return None if value is None else json.loads(value)


metadata = MetaData()

audit_log = Table(
    "audit_log",
    metadata,
    Column("seq", Seq, primary_key=True, autoincrement=False),
    Column("payload", LargeBinary, nullable=False),
    Column("leaf", String(64), nullable=False),
    Column("hash", String(64), nullable=False, unique=True),
    Column("at", Moment, nullable=False),
    Column("actor", String(128), nullable=False),
    Column("action", String(64), nullable=False),
    Column("project", String(64)),
    Column("pipeline", String(64)),
    Column("environment", String(16)),
    Column("subject", String(256), nullable=False),
    Index("audit_log_subject", "subject"),
    Index("audit_log_pipeline", "pipeline"),
    Index("audit_log_action", "action"),
)
"""`payload` is what counts; the columns after `hash` repeat parts of it to be searched by."""

audit_head = Table(
    "audit_head",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("seq", Seq, nullable=False),
    Column("hash", String(64), nullable=False),
)
"""One row: the last entry. Postgres' commands queue for it."""


def _pipeline_columns() -> tuple[Column[Any], ...]:
    return Column("pipeline", String(64), nullable=False), Column("project", String(64), nullable=False)


def _projection(name: str, *columns: Any) -> Table:
    key = Column("id", String(256), primary_key=True)
    return Table(name, metadata, key, Column("seq", Seq, nullable=False), *columns)


members = _projection(
    "members",
    Column("name", String(128), nullable=False),
    Column("role", String(32), nullable=False),
    Column("project", String(64), nullable=False),
    Column("granted_by", String(128), nullable=False),
    Column("granted_at", Moment, nullable=False),
    Column("state", String(16), nullable=False),
    Column("confirmed_by", String(128), nullable=False),
    Column("contested_by", String(128), nullable=False),
    Index("members_name", "name"),
)

people = _projection(
    "people",
    Column("person", String(128), nullable=False),
    Column("linked_by", String(128), nullable=False),
    Column("linked_at", Moment, nullable=False),
)

pipelines = _projection(
    "pipelines",
    *_pipeline_columns(),
    Column("digest", String(64), nullable=False),
    Column("git_commit", String(64), nullable=False),
    Column("body", Body, nullable=False),
    Column("declared_by", String(128), nullable=False),
    Column("declared_at", Moment, nullable=False),
    Index("pipelines_pipeline", "pipeline"),
)

overrides = _projection(
    "overrides",
    Column("promotion", String(64), nullable=False),
    *_pipeline_columns(),
    Column("environment", String(16), nullable=False),
    Column("state", String(16), nullable=False),
    Column("proposed_by", String(128), nullable=False),
    Column("reason", Text, nullable=False),
    Column("until", Moment, nullable=False),
    Column("granted_by", String(128), nullable=False),
    Index("overrides_pipeline", "pipeline"),
)

findings = _projection(
    "findings",
    *_pipeline_columns(),
    Column("about", String(64), nullable=False),
    Column("name", String(256), nullable=False),
    Column("passed", Boolean, nullable=False),
    Column("detail", Text, nullable=False),
    Column("environment", String(16)),
    Column("found_by", String(128), nullable=False),
    Column("found_at", Moment, nullable=False),
    Index("findings_pipeline", "pipeline"),
)

repeats = _projection(
    "repeats",
    Column("action", String(64), nullable=False),
    Column("subject", String(256), nullable=False),
    Column("asked", String(64), nullable=False),
)

models = _projection(
    "models",
    *_pipeline_columns(),
    Column("name", String(64), nullable=False),
    Column("number", Integer, nullable=False),
    Column("digest", String(64), nullable=False),
    Column("uri", Text, nullable=False),
    Column("inputs", Names, nullable=False),
    Column("created_at", Moment, nullable=False),
    Column("registered_by", String(128), nullable=False),
    Index("models_pipeline", "pipeline"),
)

promotions = _projection(
    "promotions",
    *_pipeline_columns(),
    Column("environment", String(16), nullable=False),
    Column("version", Integer, nullable=False),
    Column("digest", String(64), nullable=False),
    Column("pipeline_digest", String(64), nullable=False),
    Column("requester", String(128), nullable=False),
    Column("state", String(16), nullable=False),
    Column("requested_at", Moment, nullable=False),
    Column("expires_at", Moment, nullable=False),
    Column("reason", Text, nullable=False),
    Column("git_commit", String(64), nullable=False),
    Index("promotions_state", "state"),
    Index("promotions_pipeline", "pipeline"),
)

approvals = _projection(
    "approvals",
    Column("promotion", String(64), nullable=False),
    Column("approver", String(128), nullable=False),
    Column("digest", String(64), nullable=False),
    Column("pipeline_digest", String(64), nullable=False),
    Column("at", Moment, nullable=False),
    Column("reason", Text, nullable=False),
    Column("git_commit", String(64), nullable=False),
    Column("evidence", String(64), nullable=False),
    Index("approvals_promotion", "promotion"),
)

deployments = _projection(
    "deployments",
    Column("promotion", String(64), unique=True),
    *_pipeline_columns(),
    Column("environment", String(16), nullable=False),
    Column("version", Integer, nullable=False),
    Column("digest", String(64), nullable=False),
    Column("target", String(64), nullable=False),
    Column("strategy", String(32), nullable=False),
    Column("state", String(16), nullable=False),
    Column("previous", String(64)),
    Column("started_at", Moment, nullable=False),
    Column("started_by", String(128), nullable=False),
    Column("ended_at", Moment),
    Column("address", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("succeeded_at", Moment),
    Index("deployments_state", "state"),
    Index("deployments_pipeline", "pipeline"),
)
"""A promotion has at most one deployment: `promotion` is unique."""

alerts = _projection(
    "alerts",
    *_pipeline_columns(),
    Column("environment", String(16)),
    Column("check", String(128), nullable=False),
    Column("state", String(16), nullable=False),
    Column("window", String(32)),
    Column("count", Integer, nullable=False),
    Column("reason", Text, nullable=False),
    Column("raised_at", Moment, nullable=False),
    Column("acknowledged_by", String(128)),
    Column("resolved_by", String(128)),
    Column("resolved_at", Moment),
    Column("note", Text, nullable=False),
    Column("undelivered", Text, nullable=False),
    Column("severity", String(16), nullable=False),
    Column("cause", String(64)),
    Column("quiet", String(256), nullable=False),
    Column("opened_entry", Seq, nullable=False),
    Index("alerts_state", "state"),
    Index("alerts_pipeline", "pipeline"),
)

maintenance = _projection(
    "maintenance",
    *_pipeline_columns(),
    Column("environment", String(16)),
    Column("since", Moment, nullable=False),
    Column("until", Moment, nullable=False),
    Column("reason", Text, nullable=False),
    Column("set_by", String(128), nullable=False),
    Index("maintenance_pipeline", "pipeline"),
)

projects = _projection(
    "projects",
    Column("description", Text, nullable=False),
    Column("environments", Names, nullable=False),
    Column("settings", Body, nullable=False),
    Column("state", String(16), nullable=False),
    Column("made_by", String(128), nullable=False),
    Column("made_at", Moment, nullable=False),
    Column("note", Text, nullable=False),
)

locks = _projection(
    "locks",
    *_pipeline_columns(),
    Column("stage", String(64), nullable=False),
    Column("digest", String(64), nullable=False),
    Column("set_by", String(128), nullable=False),
    Column("set_at", Moment, nullable=False),
    Column("reason", Text, nullable=False),
    Index("locks_pipeline", "pipeline"),
)

for _listed in (alerts, promotions, deployments):
    Index(f"{_listed.name}_order", func.length(_listed.c.id), _listed.c.id)

PROJECTIONS: dict[type[Any], Table] = {
    Member: members,
    Person: people,
    Model: models,
    PipelineVersion: pipelines,
    Promotion: promotions,
    Approval: approvals,
    Override: overrides,
    Finding: findings,
    Deployment: deployments,
    Alert: alerts,
    Maintenance: maintenance,
    Lock: locks,
    Project: projects,
    Repeat: repeats,
}
"""Record type -> its table; columns are named as the fields."""

metrics = Table(
    "metrics",
    metadata,
    Column("id", Seq, primary_key=True, autoincrement=True),
    Column("pipeline", String(64), nullable=False),
    Column("environment", String(16), nullable=False),
    Column("stage", String(64), nullable=False),
    Column("window", String(32), nullable=False),
    Column("name", String(256), nullable=False),
    Column("value", Float(53), nullable=False),
    Column("version", Integer),
    Column("at", Moment, nullable=False),
    Index("metrics_stage", "pipeline", "environment", "stage", "window"),
    Index("metrics_name", "pipeline", "environment", "name", "window", "at"),
    sqlite_autoincrement=True,
)
"""The empty text stands for no environment and no window, so that both can be compared."""

check_results = Table(
    "check_results",
    metadata,
    Column("id", Seq, primary_key=True, autoincrement=True),
    Column("pipeline", String(64), nullable=False),
    Column("environment", String(16), nullable=False),
    Column("stage", String(64), nullable=False),
    Column("window", String(32), nullable=False),
    Column("check", String(256), nullable=False),
    Column("verdict", String(16), nullable=False),
    Column("reason", Text, nullable=False),
    Column("metrics", Text, nullable=False),
    Column("version", Integer),
    Column("at", Moment, nullable=False),
    Index("check_results_stage", "pipeline", "environment", "stage", "window"),
    Index("check_results_check", "pipeline", "environment", "check", "window", "at"),
    sqlite_autoincrement=True,
)
"""Identifiers are never used again: who reads on from a cursor misses nothing."""
