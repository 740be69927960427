"""Governance of a process as its settings say: the database, the clock, and the notary that signs the audit log."""

from dataclasses import dataclass
from datetime import datetime, timezone

from mlmon_dagster.adapters.checkpoints.opening import open_signer, open_stores
from mlmon_dagster.adapters.database.opening import Database, open_database
from mlmon_dagster.lifecycle.checkpoints import Notary
from mlmon_dagster.lifecycle.governance import Governance
from mlmon_dagster.lifecycle.witness import WitnessedLedger
from mlmon_dagster.settings import Settings


@dataclass(frozen=True)
class Office:
    """Governance with what stands behind it; `close` it at the end."""

    governance: Governance
    ledger: WitnessedLedger
    notary: Notary
    database: Database

    def close(self) -> None:
        """Closes the database."""
        self.database.close()


def open_office(settings: Settings) -> Office:
    """Opens the database and brings it up to date; the key is opened when something is signed."""
    database = open_database(settings.database_url, guarded=settings.production)
    notary = Notary(settings.log_name, open_signer(settings), open_stores(settings))
    ledger = WitnessedLedger(database.ledger, notary, now)
    return Office(Governance(ledger, database.judgements, database.metrics, now), ledger, notary, database)


def now() -> datetime:
    """The time, in UTC."""
    return datetime.now(timezone.utc)
