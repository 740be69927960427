"""Severities and causes of alerts, times of maintenance, projects."""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"

SEQ = sa.BigInteger().with_variant(sa.Integer, "sqlite")


def upgrade() -> None:
    """Adds columns and tables; the projections are rebuilt from the log afterwards."""
    for column in (
        _text("severity", 16),
        sa.Column("cause", sa.String(64)),
        _text("quiet", 256),
        sa.Column("opened_entry", SEQ, nullable=False, server_default="0"),
    ):
        op.add_column("alerts", column)
    _table(
        "maintenance",
        _text("pipeline", 64),
        _text("project", 64),
        sa.Column("environment", sa.String(16)),
        _text("since", 32),
        _text("until", 32),
        sa.Column("reason", sa.Text(), nullable=False),
        _text("set_by", 128),
    )
    op.create_index("maintenance_pipeline", "maintenance", ["pipeline"])
    _table(
        "projects",
        *(sa.Column(name, sa.Text(), nullable=False) for name in ("description", "environments", "settings")),
        _text("state", 16),
        _text("made_by", 128),
        _text("made_at", 32),
        sa.Column("note", sa.Text(), nullable=False),
    )


def _table(name: str, *columns: sa.Column[Any]) -> None:
    op.create_table(
        name, sa.Column("id", sa.String(256), primary_key=True), sa.Column("seq", SEQ, nullable=False), *columns
    )


def _text(name: str, length: int) -> sa.Column[Any]:
    return sa.Column(name, sa.String(length), nullable=False, server_default="")
