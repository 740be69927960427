"""Postgres: the machines of the web process may record what is theirs; lists are read in their order."""

import sqlalchemy as sa
from alembic import op

from mlmon_dagster.adapters.database.migrations.versions.v0005_append_function import GUARD

revision = "0006"
down_revision = "0005"

BEFORE = """actor LIKE 'machine:%' AND action <> 'alert.raised' AND action <> 'alert.undeliverable'"""
NOW = """actor LIKE 'machine:%' AND action <> 'alert.raised' AND action <> 'alert.undeliverable'
                       AND NOT (actor = 'machine:web' AND action = 'access.refused')
                       AND NOT (actor = 'machine:provider' AND action IN (
                           'account.set', 'account.linked', 'token.issued'))
                       AND NOT (actor = 'machine:teams' AND action IN ('role.granted', 'role.revoked')
                                AND entry->'data'->>'role' <> 'admin')
                       AND NOT (actor = 'machine:github' AND action IN ('finding.reported', 'repository.connected'))
                       AND NOT (actor = 'machine:cloudwatch' AND action IN ('alert.resolved', 'alert.reopened'))"""
"""Recognising people, keeping roles in step with teams, and webhooks happen in the web process by themselves."""

LISTED = ("alerts", "promotions", "deployments")


def upgrade() -> None:
    """Replaces the guard, and indexes what lists are ordered by."""
    if op.get_bind().dialect.name == "postgresql":
        guard = GUARD.replace("CREATE FUNCTION", "CREATE OR REPLACE FUNCTION").replace(BEFORE, NOW)
        op.execute(sa.text(guard.replace(":", "\\:")))
    for table in LISTED:
        op.create_index(f"{table}_order", table, [sa.text("length(id)"), "id"])
