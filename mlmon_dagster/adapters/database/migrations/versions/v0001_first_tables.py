"""The first tables."""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

SEQ = sa.BigInteger().with_variant(sa.Integer, "sqlite")


def upgrade() -> None:
    """Makes every table, the head of an empty log, and the triggers that keep the log append-only."""
    _log()
    _people_and_models()
    _promotions()
    _alerts_and_locks()
    _measurements()
    for statement in GUARDS[op.get_bind().dialect.name]:
        op.execute(sa.text(statement))


def _text(name: str, length: int, nullable: bool = False) -> sa.Column[Any]:
    return sa.Column(name, sa.String(length), nullable=nullable)


def _long(name: str) -> sa.Column[Any]:
    return sa.Column(name, sa.Text(), nullable=False)


def _projection(name: str, *columns: sa.Column[Any], indexed: tuple[str, ...]) -> None:
    op.create_table(
        name, sa.Column("id", sa.String(256), primary_key=True), sa.Column("seq", SEQ, nullable=False), *columns
    )
    for column in indexed:
        op.create_index(f"{name}_{column}", name, [column])


def _log() -> None:
    op.create_table(
        "audit_log",
        sa.Column("seq", SEQ, primary_key=True, autoincrement=False),
        sa.Column("payload", sa.LargeBinary(), nullable=False),
        _text("leaf", 64),
        sa.Column("hash", sa.String(64), nullable=False, unique=True),
        _text("at", 32),
        _text("actor", 128),
        _text("action", 64),
        _text("project", 64, True),
        _text("pipeline", 64, True),
        _text("environment", 16, True),
        _text("subject", 256),
    )
    for column in ("subject", "pipeline", "action"):
        op.create_index(f"audit_log_{column}", "audit_log", [column])
    head = op.create_table(
        "audit_head",
        sa.Column("id", sa.Integer(), primary_key=True, autoincrement=False),
        sa.Column("seq", SEQ, nullable=False),
        _text("hash", 64),
    )
    op.bulk_insert(head, [{"id": 1, "seq": 0, "hash": "0" * 64}])


def _people_and_models() -> None:
    _projection(
        "members",
        _text("name", 128),
        _text("role", 32),
        _text("project", 64),
        _text("granted_by", 128),
        _text("granted_at", 32),
        indexed=("name",),
    )
    _projection(
        "models",
        _text("pipeline", 64),
        _text("project", 64),
        _text("name", 64),
        sa.Column("number", sa.Integer(), nullable=False),
        _text("digest", 64),
        _long("uri"),
        _long("inputs"),
        _text("created_at", 32),
        _text("registered_by", 128),
        indexed=("pipeline",),
    )


def _promotions() -> None:
    _projection(
        "promotions",
        _text("pipeline", 64),
        _text("project", 64),
        _text("environment", 16),
        sa.Column("version", sa.Integer(), nullable=False),
        _text("digest", 64),
        _text("pipeline_digest", 64),
        _text("requester", 128),
        _text("state", 16),
        _text("requested_at", 32),
        _text("expires_at", 32),
        _long("reason"),
        indexed=("state", "pipeline"),
    )
    _projection(
        "approvals",
        _text("promotion", 64),
        _text("approver", 128),
        _text("digest", 64),
        _text("pipeline_digest", 64),
        _text("at", 32),
        _long("reason"),
        indexed=("promotion",),
    )
    _projection(
        "deployments",
        sa.Column("promotion", sa.String(64), unique=True),
        _text("pipeline", 64),
        _text("project", 64),
        _text("environment", 16),
        sa.Column("version", sa.Integer(), nullable=False),
        _text("digest", 64),
        _text("target", 64),
        _text("strategy", 32),
        _text("state", 16),
        _text("previous", 64, True),
        _text("started_at", 32),
        _text("started_by", 128),
        _text("ended_at", 32, True),
        _long("address"),
        _long("reason"),
        indexed=("state", "pipeline"),
    )


def _alerts_and_locks() -> None:
    _projection(
        "alerts",
        _text("pipeline", 64),
        _text("project", 64),
        _text("environment", 16, True),
        _text("check", 128),
        _text("state", 16),
        _text("window", 32, True),
        sa.Column("count", sa.Integer(), nullable=False),
        _long("reason"),
        _text("raised_at", 32),
        _text("acknowledged_by", 128, True),
        _text("resolved_by", 128, True),
        _text("resolved_at", 32, True),
        _long("note"),
        _long("undelivered"),
        indexed=("state", "pipeline"),
    )
    _projection(
        "locks",
        _text("pipeline", 64),
        _text("project", 64),
        _text("stage", 64),
        _text("digest", 64),
        _text("set_by", 128),
        _text("set_at", 32),
        _long("reason"),
        indexed=("pipeline",),
    )


def _measurements() -> None:
    _measured("metrics", _text("name", 256), sa.Column("value", sa.Float(53), nullable=False), by="name")
    _measured("check_results", _text("check", 256), _text("verdict", 16), _long("reason"), _long("metrics"), by="check")


def _measured(name: str, *columns: sa.Column[Any], by: str) -> None:
    op.create_table(
        name,
        sa.Column("id", SEQ, primary_key=True, autoincrement=True),
        _text("pipeline", 64),
        _text("environment", 16),
        _text("stage", 64),
        _text("window", 32),
        *columns,
        sa.Column("version", sa.Integer()),
        _text("at", 32),
        sqlite_autoincrement=True,
    )
    op.create_index(f"{name}_stage", name, ["pipeline", "environment", "stage", "window"])
    op.create_index(f"{name}_{by}", name, ["pipeline", "environment", by, "window", "at"])


_SQLITE = "CREATE TRIGGER audit_log_no_{verb} BEFORE {verb} ON audit_log BEGIN SELECT RAISE(ABORT, '{refusal}'); END"
_REFUSAL = "the audit log is append-only"

GUARDS = {
    "sqlite": tuple(_SQLITE.format(verb=verb, refusal=_REFUSAL) for verb in ("UPDATE", "DELETE")),
    "postgresql": (
        "CREATE FUNCTION audit_log_refuse() RETURNS trigger LANGUAGE plpgsql AS "
        f"$$ BEGIN RAISE EXCEPTION '{_REFUSAL}'; END $$",
        "CREATE TRIGGER audit_log_no_change BEFORE UPDATE OR DELETE ON audit_log "
        "FOR EACH ROW EXECUTE FUNCTION audit_log_refuse()",
        "CREATE TRIGGER audit_log_no_truncate BEFORE TRUNCATE ON audit_log "
        "FOR EACH STATEMENT EXECUTE FUNCTION audit_log_refuse()",
    ),
}
"""They stop mistakes and programs; who owns the table can drop them, which the chain then shows."""
