"""The four login roles of a Postgres database, and the refusal to run production with the wrong one.

`mlmon_owner` (or whoever made the tables) migrates and nothing else; `mlmon_api` is for the REST API and the command
line, `mlmon_runner` for Dagster, `mlmon_auditor` reads.
"""

from collections.abc import Iterator

from sqlalchemy import Connection, Engine, text

from mlmon_dagster.adapters.database.engine import connected
from mlmon_dagster.adapters.database.schema import metadata
from mlmon_dagster.errors import InputError

LOG = ("audit_log", "audit_head")
RUNNER = (
    "models",
    "pipelines",
    "promotions",
    "findings",
    "deployments",
    "alerts",
    "locks",
    "repeats",
    "metrics",
    "check_results",
)
"""Tables that Dagster's runs write; approvals, people, overrides and members are none of them."""

SQLITE_TRIGGERS = ("audit_log_no_UPDATE", "audit_log_no_DELETE")
TRIGGERS = ("audit_log_no_change", "audit_log_no_truncate")


def role_statements() -> Iterator[str]:
    """SQL that makes the roles and grants them what they need; to be run by the owner, any number of times."""
    for role in ("mlmon_api", "mlmon_runner", "mlmon_auditor"):
        yield (
            f"DO $$ BEGIN CREATE ROLE {role} LOGIN; "
            "EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL; END $$"
        )
    names = sorted(name for name in metadata.tables if name not in LOG)
    every = ", ".join([*sorted(metadata.tables), "alembic_version"])
    yield f"REVOKE ALL ON {every} FROM PUBLIC, mlmon_api, mlmon_runner, mlmon_auditor"
    yield f"GRANT SELECT ON {every} TO mlmon_api, mlmon_runner"
    secret = ("accounts", "linked_identities", "tokens", "sessions", "used_once", "answers")
    readable = ", ".join([*(name for name in sorted(metadata.tables) if name not in secret), "alembic_version"])
    yield f"GRANT SELECT ON {readable} TO mlmon_auditor"
    yield f"GRANT INSERT, UPDATE, DELETE ON {', '.join(names)} TO mlmon_api"
    yield f"GRANT INSERT, UPDATE, DELETE ON {', '.join(name for name in names if name in RUNNER)} TO mlmon_runner"
    yield "GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO mlmon_api, mlmon_runner"
    yield "GRANT EXECUTE ON FUNCTION audit_head_lock(), audit_append(bigint, bytea) TO mlmon_api, mlmon_runner"


def make_roles(engine: Engine) -> None:
    """Runs `role_statements`."""
    if engine.dialect.name != "postgresql":
        raise InputError("SQLite has no roles", hint="use Postgres where governed people reach the file")
    with connected(engine, writes=True) as connection:
        for statement in role_statements():
            connection.execute(text(statement.replace(":", "\\:")))


def refuse_unguarded(engine: Engine) -> None:
    """Raises `InputError` when the connected role, the triggers or the server's settings guard the log too little."""
    if engine.dialect.name != "postgresql":
        raise InputError(
            "production is not kept in SQLite: whoever writes the file can rewrite the audit log",
            hint="set MLMON_DATABASE_URL to a Postgres database with roles (mlmon database roles)",
        )
    with connected(engine, writes=False) as connection:
        for problem in unguarded(connection):
            raise InputError(
                f"production refuses this database: {problem}", hint="mlmon database roles makes roles and grants"
            )


def unguarded(connection: Connection) -> Iterator[str]:
    """What guards the log too little, in words."""
    row = connection.execute(
        text(
            "SELECT r.rolsuper, c.relowner = r.oid AS owner FROM pg_roles r, pg_class c "
            "WHERE r.rolname = current_user AND c.oid = CAST('audit_log' AS regclass)"
        )
    ).one()
    if row.rolsuper:
        yield "the connected role is a superuser"
    if row.owner:
        yield "the connected role owns the audit log"
    found = connection.execute(
        text("SELECT tgname FROM pg_trigger WHERE tgrelid = CAST('audit_log' AS regclass) AND tgenabled IN ('O', 'A')")
    )
    present = {name for (name,) in found}
    for trigger in TRIGGERS:
        if trigger not in present:
            yield f"the trigger {trigger}, which keeps the audit log append-only, is missing or disabled"
    for setting in ("fsync", "synchronous_commit"):
        if connection.execute(text(f"SHOW {setting}")).scalar() == "off":
            yield f"{setting} is off: what is committed can be lost"


def guards_of(engine: Engine, *, strict: bool) -> list[str]:
    """What guards the log too little; outside of production only what keeps it append-only counts."""
    with connected(engine, writes=False) as connection:
        if engine.dialect.name == "postgresql":
            found = list(unguarded(connection))
            return found if strict else [problem for problem in found if "trigger" in problem]
        present = {
            name for (name,) in connection.execute(text("SELECT name FROM sqlite_master WHERE type = 'trigger'"))
        }
        return [f"the trigger {one} is missing" for one in SQLITE_TRIGGERS if one not in present]
