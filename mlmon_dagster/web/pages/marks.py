"""How pages write moments, digests and codes."""

from datetime import datetime, timedelta, timezone


def moment(at: datetime | None) -> str:
    """A moment in UTC, to the minute; a dash for none.

    >>> moment(datetime(2026, 1, 5, 12, 30, 59, tzinfo=timezone.utc))
    '2026-01-05 12:30 UTC'
    """
    return "–" if at is None else at.astimezone(timezone.utc).strftime("%Y-%m-%d %H:%M UTC")


def ago(at: datetime | None, now: datetime) -> str:
    """How long ago something was, in its largest unit.

    >>> ago(datetime(2026, 1, 5, tzinfo=timezone.utc), datetime(2026, 1, 6, 1, tzinfo=timezone.utc))
    '25 hours ago'
    """
    if at is None:
        return "never"
    span = now - at
    if span < timedelta(minutes=1):
        return "just now"
    for unit, length, most in (("minute", 60, 120), ("hour", 3600, 48), ("day", 86400, 10**9)):
        number = int(span.total_seconds() // length)
        if number < most:
            return f"{number} {unit}{'' if number == 1 else 's'} ago"
    return moment(at)


def short(digest: str) -> str:
    """The beginning of a digest or commit, as Git writes it."""
    return digest[:12]


def words(code: str) -> str:
    """A code as words: `rolled_back` is `rolled back`."""
    return code.replace("_", " ")
