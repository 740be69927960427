"""What promotions are bound to, people with several names, overrides, pipeline versions, findings, keys of commands."""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"

SEQ = sa.BigInteger().with_variant(sa.Integer, "sqlite")


def upgrade() -> None:
    """Adds columns and tables; the projections are rebuilt from the log afterwards."""
    for table, columns in ADDED.items():
        for column in columns:
            op.add_column(table, column)
    for name, columns in MADE.items():
        op.create_table(
            name, sa.Column("id", sa.String(256), primary_key=True), sa.Column("seq", SEQ, nullable=False), *columns
        )
        indexed = "pipeline" if name in ("overrides", "pipelines", "findings") else None
        if indexed:
            op.create_index(f"{name}_{indexed}", name, [indexed])


def _text(name: str, length: int, *, null: bool = False) -> sa.Column[Any]:
    return sa.Column(name, sa.String(length), nullable=null, server_default=None if null else "")


def _long(name: str) -> sa.Column[Any]:
    return sa.Column(name, sa.Text(), nullable=False)


ADDED: dict[str, tuple[sa.Column[Any], ...]] = {
    "promotions": (_text("git_commit", 64),),
    "approvals": (_text("git_commit", 64), _text("evidence", 64)),
    "deployments": (_text("succeeded_at", 32, null=True),),
    "members": (_text("state", 16), _text("confirmed_by", 128), _text("contested_by", 128)),
}
MADE: dict[str, tuple[sa.Column[Any], ...]] = {
    "people": (_text("person", 128), _text("linked_by", 128), _text("linked_at", 32)),
    "overrides": (
        _text("promotion", 64),
        _text("pipeline", 64),
        _text("project", 64),
        _text("environment", 16),
        _text("state", 16),
        _text("proposed_by", 128),
        _long("reason"),
        _text("until", 32),
        _text("granted_by", 128),
    ),
    "pipelines": (
        _text("pipeline", 64),
        _text("project", 64),
        _text("digest", 64),
        _text("git_commit", 64),
        _long("body"),
        _text("declared_by", 128),
        _text("declared_at", 32),
    ),
    "findings": (
        _text("pipeline", 64),
        _text("project", 64),
        _text("about", 64),
        _text("name", 256),
        sa.Column("passed", sa.Boolean(), nullable=False),
        _long("detail"),
        _text("environment", 16, null=True),
        _text("found_by", 128),
        _text("found_at", 32),
    ),
    "repeats": (_text("action", 64), _text("subject", 256), _text("asked", 64)),
}
