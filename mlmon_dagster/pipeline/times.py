"""Times as a pipeline file writes them: schedules (cron) and lengths of time."""

import re
from datetime import timedelta

from pydantic_core import PydanticCustomError

LONGEST = timedelta(days=3660)
"""Ten years: a longer period is a mistake."""

_FIELDS = (("minute", 0, 59), ("hour", 0, 23), ("day of month", 1, 31), ("month", 1, 12), ("day of week", 0, 7))
_ITEM = re.compile(r"(?:\*|(?P<first>[0-9]{1,2})(?:-(?P<last>[0-9]{1,2}))?)(?:/(?P<step>[0-9]{1,2}))?")
_DAYS = (31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)
_UNITS = {"m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


def five_fields(text: str) -> str:
    """The cron expression itself: minute, hour, day of month, month and day of week, in numbers.

    Each field is `*`, a number, a range `1-5`, a step `*/15`, or a list of these. Anything else (names, `@daily`,
    seconds) is refused with the error `cron`.

    >>> five_fields("*/15 6-18 * * 1-5")
    '*/15 6-18 * * 1-5'
    """
    fields = text.split(" ")
    if len(fields) != 5:
        raise _refused(text, "it has five fields: minute, hour, day of month, month, day of week")
    expanded = []
    for written, (name, lowest, highest) in zip(fields, _FIELDS, strict=True):
        values = [_expanded(item, lowest, highest) for item in written.split(",")]
        if not all(values):
            raise _refused(text, f"the {name} {written[:20]!r} is not within {lowest} to {highest}")
        expanded.append(set().union(*values))
    _, _, days, months, _ = expanded
    if min(days) > max(_DAYS[month - 1] for month in months):
        raise _refused(text, "its months have no such day")
    return text


def period(text: str) -> timedelta:
    """A length of time such as `30m`, `12h`, `14d`, `2w`.

    >>> period("2w").days
    14
    """
    return timedelta(**{_UNITS[text[-1]]: int(text[:-1])})


def not_above_ten_years(text: str) -> str:
    """The period itself; the error `range` for one that is longer than ten years."""
    if period(text) > LONGEST:
        raise PydanticCustomError("range", "expected at most ten years, got {text}", {"text": text})
    return text


def _expanded(item: str, lowest: int, highest: int) -> set[int]:
    """The values that one item of a field stands for; none where it is not within the bounds."""
    found = _ITEM.fullmatch(item)
    if found is None or found["step"] in ("0", "00"):
        return set()
    first = int(found["first"] or lowest)
    last = int(found["last"] or (first if found["first"] and not found["step"] else highest))
    return set(range(first, last + 1, int(found["step"] or 1))) if lowest <= first <= last <= highest else set()


def _refused(text: str, reason: str) -> PydanticCustomError:
    message = "{text} is no cron expression: {reason} (for example `0 6 * * 1-5`)"
    return PydanticCustomError("cron", message, {"text": repr(text[:60]), "reason": reason})
