"""What was recorded lately, read from the log once for all who listen."""

import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from threading import Lock

from mlmon_dagster.governance.audit import Sealed
from mlmon_dagster.lifecycle.governance import Governance

PAUSE_SECONDS = 0.5
KEPT = 2000


@dataclass
class News:
    """The newest entries; however many listen, the database is asked at most every half a second."""

    clock: Callable[[], float] = time.monotonic
    _lines: "deque[Sealed]" = field(default_factory=lambda: deque(maxlen=KEPT))
    _read_at: float = float("-inf")
    _lock: Lock = field(default_factory=Lock)

    def after(self, governance: Governance, seq: int) -> tuple[Sealed, ...]:
        """Entries with a greater number, oldest first; of more than are kept the newest."""
        with self._lock:
            if self.clock() - self._read_at >= PAUSE_SECONDS:
                last = self._lines[-1].seq if self._lines else None
                with governance.ledger.read() as reading:
                    self._lines.extend(reading.entries(newest=KEPT, after=last))
                self._read_at = self.clock()
            return tuple(line for line in self._lines if line.seq > seq)
