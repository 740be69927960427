"""Tables of accounts, tokens, sessions, and of answers that were given."""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Makes the tables in which people and programs are recognised."""
    _table("accounts", 128, {"password": sa.Text(), "created_at": sa.String(32), "disabled": sa.Boolean()})
    linked: dict[str, Any] = {"account": sa.String(128), "label": sa.Text(), "linked_at": sa.String(32)}
    _table("linked_identities", 512, linked, indexed="account")
    token: dict[str, Any] = {
        "account": sa.String(128),
        "label": sa.Text(),
        "digest": sa.String(64),
        "scopes": sa.Text(),
    }
    token |= {"issued_at": sa.String(32), "expires_at": sa.String(32)}
    _table("tokens", 16, token, indexed="account", nullable=("used_at", "revoked_at"))
    session: dict[str, Any] = {"account": sa.String(128), "csrf": sa.String(64), "method": sa.String(16)}
    session |= dict.fromkeys(("opened_at", "seen_at", "confirmed_at"), sa.String(32))
    _table("sessions", 64, session, indexed="account")
    _table("used_once", 256, {"until": sa.String(32), "value": sa.Text()}, indexed="until")
    answer: dict[str, Any] = {
        "asked": sa.String(64),
        "status": sa.Integer(),
        "body": sa.LargeBinary(),
        "at": sa.String(32),
    }
    _table("answers", 64, answer, indexed="at")


def _table(name: str, key: int, columns: dict[str, Any], *, indexed: str = "", nullable: tuple[str, ...] = ()) -> None:
    op.create_table(
        name,
        sa.Column("id", sa.String(key), primary_key=True),
        *(sa.Column(column, kind, nullable=False) for column, kind in columns.items()),
        *(sa.Column(column, sa.String(32)) for column in nullable),
    )
    if indexed:
        op.create_index(f"{name}_{indexed}", name, [indexed])
