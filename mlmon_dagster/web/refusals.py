"""Refusals as entries of the audit log: each kind at once, then at most once a minute with their number."""

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from threading import Lock

from mlmon_dagster.errors import MlmonError
from mlmon_dagster.lifecycle.identity import Identity, record

PAUSE_SECONDS = 60
WEB = "machine:web"


@dataclass
class Refusals:
    """Whoever tries many times makes neither the log grow without end nor themselves invisible."""

    clock: Callable[[], float] = time.monotonic
    _last: dict[str, tuple[float, int]] = field(default_factory=dict)
    _lock: Lock = field(default_factory=Lock)

    def note(self, identity: Identity, code: str, reason: str, address: str) -> None:
        """Somebody at this address was refused for this reason."""
        logging.getLogger("mlmon.security").warning("refused %s: %s (%s)", address, reason, code)
        with self._lock:
            last, waiting = self._last.get(code, (-PAUSE_SECONDS, 0))
            due = self.clock() - last >= PAUSE_SECONDS
            self._last[code] = (self.clock(), 0) if due else (last, waiting + 1)
        if due:
            self._record(identity, code, {"reason": reason[:500], "address": address[:64], "before": waiting})

    def _record(self, identity: Identity, code: str, data: dict[str, object]) -> None:
        try:
            with identity.governance.ledger.transaction() as books:
                record(identity, books, WEB, "web", "access.refused", f"access/{code}", data)
        except MlmonError:
            logging.getLogger("mlmon.security").exception("the refusal could not be recorded")
