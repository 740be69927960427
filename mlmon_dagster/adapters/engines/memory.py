"""The engine `memory`."""

from dataclasses import dataclass

from mlmon_dagster.drift.profile import Profile
from mlmon_dagster.errors import InputError
from mlmon_dagster.ports import Rows


@dataclass(frozen=True)
class Memory:
    """Reads all rows into this process, then counts them: the quickest for what fits.

    Example: `{use: memory}`
    """

    def count(self, rows: Rows, profile: Profile) -> Profile:
        """Tables, files, URLs, and databases that SQLAlchemy knows (their `query` only)."""
        from mlmon_dagster.adapters.engines._pieces import counted, shared
        from mlmon_dagster.adapters.inputs import read_input
        from mlmon_dagster.drift.frames import names_of

        if rows.table is not None and rows.query is not None:
            raise InputError("the engine memory does not query tables", hint="the engine duckdb does")
        table = rows.table if rows.table is not None else read_input(rows.place, rows.query)
        return counted(profile, shared(profile, names_of(table)), [table])
