"""What counts by time is not decided by a clock that is wrong."""

from datetime import timedelta

from mlmon_dagster.errors import BlockedError
from mlmon_dagster.ports import Ledger

TOLERATED = timedelta(seconds=30)


def refuse_skew(ledger: Ledger) -> None:
    """`BlockedError` while the clocks of this process and of the database differ by more than 30 seconds.

    One of them is wrong, and an approval or a checkpoint would carry a moment at which it was not made.
    """
    skew = ledger.skew()
    if abs(skew) > TOLERATED:
        which = "behind" if skew > timedelta(0) else "ahead of"
        raise BlockedError(
            f"the clock of this machine is {abs(skew).total_seconds():.0f} s {which} the database's",
            hint="set both clocks by a time server; what depends on the time waits until then",
            code="CLOCK",
        )
