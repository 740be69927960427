"""Windows: half-open slices `[start, end)` of production data in UTC, named as Dagster names its time partitions."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, model_validator
from pydantic_core import PydanticCustomError

from mlmon_dagster.errors import InputError
from mlmon_dagster.plugins import CONFIG

Every = Literal["hourly", "daily", "weekly", "monthly"]


def day(text: str) -> datetime:
    """Midnight UTC of `YYYY-MM-DD`, 1900 to 2199; `ValueError` for anything else, impossible dates included.

    >>> day("2014-11-03").isoformat()
    '2014-11-03T00:00:00+00:00'
    """
    try:
        if len(text) == 10:
            moment = datetime.strptime(text, "%Y-%m-%d").replace(tzinfo=timezone.utc)
            if 1900 <= moment.year < 2200:
                return moment
    except ValueError:
        pass
    raise PydanticCustomError(
        "day", "expected a day as YYYY-MM-DD (1900 to 2199), got {text}", {"text": repr(text[:40])}
    )


def _checked(text: str) -> str:
    day(text)
    return text


Day = Annotated[str, Field(json_schema_extra={"format": "date"}), AfterValidator(_checked)]
"""A day as YYYY-MM-DD."""

FIRST = {"hourly": "2025-01-01", "daily": "2020-01-01", "weekly": "2010-01-04", "monthly": "2010-01-01"}
"""Where windows start when the declaration does not say: early enough for most, few enough to list."""

LENGTHS = {"hourly": timedelta(hours=1), "daily": timedelta(days=1), "weekly": timedelta(weeks=1)}
"""How long a window is; months differ."""

FORMATS = {"hourly": "%Y-%m-%d-%H:%M", "daily": "%Y-%m-%d", "weekly": "%Y-%m-%d", "monthly": "%Y-%m-%d"}
"""How a window's start is written as its key (Dagster's own partition key formats)."""


@dataclass(frozen=True, order=True)
class Window:
    """The slice `[start, end)`; both are UTC and aware."""

    start: datetime
    end: datetime
    key: str

    def closed(self, now: datetime) -> bool:
        """Whether all of it lies in the past."""
        return self.end <= now


@dataclass(frozen=True)
class Windows:
    """How often a pipeline's data is cut into windows: `hourly`, `daily`, `weekly` (from Monday) or `monthly`.

    >>> weekly = Windows(every="weekly", start="2014-05-05", end="2014-05-26")
    >>> [window.key for window in weekly.between(weekly.first, weekly.last)]
    ['2014-05-05', '2014-05-12', '2014-05-19']
    """

    __pydantic_config__ = CONFIG

    every: Every
    start: Annotated[Day | None, Field(description="first day, YYYY-MM-DD; aligned down to a window's start")] = None
    end: Annotated[Day | None, Field(description="no window starts on or after this day; open when absent")] = None

    @model_validator(mode="before")
    @classmethod
    def _short_form(cls, raw: object) -> object:
        return {"every": raw} if isinstance(raw, str) else raw

    def __post_init__(self) -> None:
        if self.last is not None and self.last <= self.first:
            raise ValueError(f"windows end ({self.end}) before they start ({self.start})")

    @property
    def days(self) -> float:
        """How long a window is, in days; months by their average."""
        return 365.25 / 12 if self.every == "monthly" else LENGTHS[self.every] / timedelta(days=1)

    def before(self, window: Window, count: int) -> list[Window]:
        """Up to `count` windows before this one, oldest first; fewer where windows begin."""
        found: list[Window] = []
        start = window.start
        while len(found) < count and start > self.first:
            start = self.align(start - timedelta(hours=1))
            found.insert(0, self.window(start.strftime(FORMATS[self.every])))
        return found

    @property
    def first(self) -> datetime:
        """Start of the first window."""
        return self.align(day(self.start or FIRST[self.every]))

    @property
    def last(self) -> datetime | None:
        """Where windows end, or `None` while they go on."""
        return day(self.end) if self.end else None

    def align(self, moment: datetime) -> datetime:
        """Start of the window that holds `moment`."""
        moment = moment.astimezone(timezone.utc).replace(minute=0, second=0, microsecond=0)
        if self.every == "hourly":
            return moment
        moment = moment.replace(hour=0)
        if self.every == "weekly":
            return moment - timedelta(days=moment.weekday())
        return moment.replace(day=1) if self.every == "monthly" else moment

    def window(self, key: str) -> Window:
        """The window called `key`; `InputError` says how keys are written and where windows start.

        A window has one key: `2026-1-5` is not `2026-01-05`.
        """
        start = self._read(key)
        if start is None or start.strftime(FORMATS[self.every]) != key:
            example = self.first.strftime(FORMATS[self.every])
            raise InputError(f"{key[:40]!r} is not a {self.every} window; expected a key like {example} (1900 to 2199)")
        if self.align(start) != start or start < self.first or (self.last and start >= self.last):
            near = self.align(start).strftime(FORMATS[self.every])
            raise InputError(
                f"{key} is not one of the {self.every} windows, which start at {self.first:%Y-%m-%d}"
                + (f" and end before {self.last:%Y-%m-%d}" if self.last else ""),
                hint=None if near == key else f"the window that holds that moment is {near}",
            )
        return Window(start, self._next(start), key)

    def _read(self, key: str) -> datetime | None:
        try:
            start = datetime.strptime(key, FORMATS[self.every]).replace(tzinfo=timezone.utc)
        except ValueError:
            return None
        return start if 1900 <= start.year < 2200 else None

    def at(self, moment: datetime) -> Window:
        """The window that holds `moment`."""
        return self.window(self.align(moment).strftime(FORMATS[self.every]))

    def between(self, start: datetime, end: datetime | None) -> Iterator[Window]:
        """Windows that lie wholly within `[start, end)`, oldest first."""
        stop = min(moment for moment in (end, self.last) if moment is not None) if (end or self.last) else None
        if stop is None:
            raise ValueError("windows without an end need one here")
        moment = max(self.align(start), self.first)
        while moment < stop:
            window = Window(moment, self._next(moment), moment.strftime(FORMATS[self.every]))
            if window.start >= start and window.end <= stop:
                yield window
            moment = window.end

    def _next(self, start: datetime) -> datetime:
        if self.every == "monthly":
            return (start + timedelta(days=32)).replace(day=1)
        return start + LENGTHS[self.every]
