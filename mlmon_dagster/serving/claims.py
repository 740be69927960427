"""What a request says of itself beside its features: who made it, and what its maker takes the time to be."""

from collections.abc import Mapping
from datetime import timezone
from email.utils import parsedate_to_datetime

from mlmon_dagster.adapters.origin import ORIGINS
from mlmon_dagster.adapters.prediction_log.rows import Claims
from mlmon_dagster.serving.problems import ProblemError

CLAIMING = frozenset((b"date", *ORIGINS))
"""Headers without which a request makes no claims."""

_WEEKDAY_AND_TIME = "a moment such as Sat, 31 Jan 2026 08:00:00 GMT"


def claims_of(headers: Mapping[bytes, bytes], moment: int) -> Claims | None:
    """`(origin, seconds that the client's clock is behind ours)`; `None` for a caller that says nothing of its clock.

    A client tells its time in the header `Date` (RFC 9110, 6.6.1), in whole seconds. It is a claim: rows are kept by
    the server's time, `moment`, in nanoseconds. `ProblemError` 400 for a date that cannot be read.
    """
    if CLAIMING.isdisjoint(headers):
        return None
    date = headers.get(b"date")
    origin = next((who for name, who in ORIGINS.items() if name in headers), None)
    if date is None:
        return None if origin is None else (origin, None)
    try:
        told = parsedate_to_datetime(date.decode())
    except ValueError:
        raise ProblemError(400, f"the header Date holds {_WEEKDAY_AND_TIME}, got {date[:50]!r}") from None
    seconds = moment / 1e9 - told.replace(tzinfo=told.tzinfo or timezone.utc).timestamp()
    return origin, round(seconds, 3)
