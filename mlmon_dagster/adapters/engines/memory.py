"""The engine `memory`."""

from dataclasses import dataclass

from mlmon_dagster.drift.profile import Profile
from mlmon_dagster.ports import Rows


@dataclass(frozen=True)
class Memory:
    """Reads all rows into this process, then counts them: the quickest for what fits.

    Example: `{use: memory}`
    """

    def count(self, rows: Rows, profile: Profile) -> Profile:
        """Tables, files, URLs, and databases that SQLAlchemy knows."""
        from mlmon_dagster.adapters.engines._pieces import counted, shared
        from mlmon_dagster.adapters.inputs import read_input
        from mlmon_dagster.drift.frames import names_of

        table = rows.table if rows.table is not None else read_input(rows.place, rows.query)
        return counted(profile, shared(profile, names_of(table)), [table])
